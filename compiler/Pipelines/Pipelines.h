// Pipelines.h - the way of a model through the compiler: stops, the options of each, and what runs between them.
//
// Not here: reading files and writing artifacts (tools/driver), and code generation (Targets/TargetBackend.h).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_PIPELINES_PIPELINES_H
#define LLMC_COMPILER_PIPELINES_PIPELINES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace llmc {

/// The stops, in order. A module has a text form at each up to Schedule; at Codegen and Pack there are bytes.
enum class Stop { Parse, Import, Raise, Shard, Fuse, Quantize, Lower, Schedule, Codegen, Pack };

struct StopInfo {
  Stop stop;
  llvm::StringLiteral name;
  llvm::StringLiteral description; ///< What happens on the way to it, a verb phrase.
};

/// All stops, in order.
llvm::ArrayRef<StopInfo> allStops();
llvm::StringRef stopName(Stop stop);
std::optional<Stop> stopFromName(llvm::StringRef name);

/// The stop that a module read from text is at, by what it holds. The stops Import to Quantize look the same to it: it
/// answers Import, since running the passes in between again changes nothing.
Stop stopOfModule(mlir::ModuleOp module);

struct ImportOptions {
  int64_t maxContext = 0; ///< positions of a sequence; 0: what the model was made for
  int64_t maxStep = 512;  ///< tokens of one step
  int64_t maxSequences = 4;
  std::string kv = "f32"; ///< element type of the cache
};
struct RaiseOptions {};
struct ShardOptions {};
struct FuseOptions {
  bool qkv = true, gated = true;
};
struct QuantizeOptions {
  std::string weights = "keep";  ///< see parseWeights
  bool allowRequantize = false;  ///< round what is stored in blocks already
  std::vector<std::string> wide; ///< linears that get 8 bits: see llmc-quantize-weights
  std::string floats = "keep";   ///< with weights kept: the type of those that are floats
};
struct LowerOptions {
  int64_t pageTokens = 64;        ///< positions in a page of the cache
  std::string activations = "q8"; ///< what products with weights of codes read: f32 or q8
  std::string sums = "f32";       ///< what products with matrices of f16 are added in: f32 or f16
};
struct ScheduleOptions {
  std::string file; ///< of `llmc compile --tune`; empty: products are worked through as the targets have it
};

/// Of a tensor graph: an ONNX file.
struct GraphOptions {
  bool isGraph = false;
  std::string dims; ///< bounds of dimensions that the file leaves open: "NAME=LO..HI,NAME=LO..HI"
  int64_t exposeFirst = 0, exposeCount = 0; ///< values in between that become outputs as well, for `llmc check`
  bool isText = true;                       ///< a text decoder with its tokenizer beside it becomes a text program
};

struct PipelineOptions {
  GraphOptions graph;
  ImportOptions import;
  RaiseOptions raise;
  ShardOptions shard;
  FuseOptions fuse;
  QuantizeOptions quantize;
  LowerOptions lower;
  ScheduleOptions schedule;
};

/// A block format that weights are rounded to.
struct WeightBlocks {
  std::string format;
  int64_t group; ///< 0: a row
};
/// What `QuantizeOptions::weights` says: `keep`, `f32`, `bf16` or `f16` (then there are no blocks), or `q8`, `q4`,
/// `q8_min` or `q4_min`, perhaps with `:` and a group of a multiple of 16 values or `row`. False for anything else.
bool parseWeights(llvm::StringRef text, std::optional<WeightBlocks> &blocks);

/// What leads from the stop before to the named one. Each ends in a check of what the stop guarantees. The import
/// passes live in the frontends and are reached by their registered names.
void addImportPipeline(mlir::OpPassManager &manager, const ImportOptions &options);
void addRaisePipeline(mlir::OpPassManager &manager, const RaiseOptions &options);
void addShardPipeline(mlir::OpPassManager &manager, const ShardOptions &options);
void addFusePipeline(mlir::OpPassManager &manager, const FuseOptions &options);
void addQuantizePipeline(mlir::OpPassManager &manager, const QuantizeOptions &options);
void addLowerPipeline(mlir::OpPassManager &manager, const LowerOptions &options);
void addSchedulePipeline(mlir::OpPassManager &manager, const ScheduleOptions &options);

/// The same for tensor graphs. The other stops only check.
void addGraphImportPipeline(mlir::OpPassManager &manager, const GraphOptions &options, const ImportOptions &import);
void addGraphRaisePipeline(mlir::OpPassManager &manager);
void addGraphLowerPipeline(mlir::OpPassManager &manager);
void addGraphSchedulePipeline(mlir::OpPassManager &manager);

/// The pipeline that leads to `stop`, for a stop from Import to Schedule.
void addPipeline(mlir::OpPassManager &manager, Stop stop, const PipelineOptions &options);

/// The same as text for `llmc-opt --pass-pipeline`.
std::string printPipeline(mlir::MLIRContext *context, Stop stop, const PipelineOptions &options);

/// Registers the passes of every phase of the compiler, for text pipelines.
void registerCompilerPasses();

} // namespace llmc

#endif // LLMC_COMPILER_PIPELINES_PIPELINES_H
