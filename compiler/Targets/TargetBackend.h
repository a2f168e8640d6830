// TargetBackend.h - the only door to a target: it answers questions, and nothing else in the compiler knows an ISA.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_TARGETBACKEND_H
#define LLMC_COMPILER_TARGETS_TARGETBACKEND_H

#include "compiler/Targets/CostModel.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Types.h"
#include "mlir/Support/LLVM.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace llmc {
namespace kernel {
class MatmulOp;
}
namespace vector_emit {
class VectorBuilder;
}

/// What multiplies tiles of bytes, on a processor that has it: eight registers, numbered from 0. All are emitted where
/// the builder stands, between begin() and end() of one function; calls in between may not rely on them.
class ByteTiles {
public:
  virtual ~ByteTiles() = default;

  /// Rows of a tile of sums.
  static constexpr int64_t kRows = 16;
  /// The parts that registers play: sums [16][16] i32, activations [16][depth] bytes, numbers [depth / 4][16][4] bytes.
  static constexpr unsigned kSums[2] = {0, 1}, kActivations[2] = {2, 3}, kNumbers[2] = {4, 5};

  /// Bytes of frame memory that begin() writes.
  virtual int64_t shapeBytes() const = 0;
  /// Shapes the registers for products of `depth` bytes, a multiple of 4 up to 64. `memory` has shapeBytes(), 64-byte
  /// aligned.
  virtual void begin(vector_emit::VectorBuilder &b, mlir::Value memory, int64_t depth) const = 0;
  /// Leaves nothing behind that a switch between threads would have to save.
  virtual void end(vector_emit::VectorBuilder &b) const = 0;
  virtual void zero(vector_emit::VectorBuilder &b, unsigned tile) const = 0;
  /// Rows of a tile lie `stride` bytes apart.
  virtual void load(vector_emit::VectorBuilder &b, unsigned tile, mlir::Value from, int64_t stride) const = 0;
  virtual void store(vector_emit::VectorBuilder &b, unsigned tile, mlir::Value to, int64_t stride) const = 0;
  /// sums += signed activations times numbers, exact.
  virtual void dot(vector_emit::VectorBuilder &b, unsigned sums, unsigned activations, unsigned numbers,
                   bool numbersAreSigned) const = 0;
};

/// How weights come from memory to few rows: panels side by side, and how many bytes ahead within a panel they are
/// asked for; 0: not at all.
struct WeightReading {
  int64_t panels, ahead;
};

/// A processor variant that code can be emitted for. Immutable; owned by the registry (targetBackend()).
class TargetBackend {
public:
  virtual ~TargetBackend() = default;

  /// The variant's name in files, options and messages, e.g. "x86-64-v4".
  virtual llvm::StringRef name() const = 0;
  /// LLVM's triple, processor and feature string; checked against LLVM's tables before code generation, which aborts on
  /// what it does not know.
  virtual llvm::StringRef triple() const = 0;
  virtual llvm::StringRef cpu() const = 0;
  virtual llvm::StringRef features() const = 0;
  /// enum llmc_architecture and the LLMC_X86_* bits of artifact_format.h.
  virtual uint32_t architecture() const = 0;
  virtual uint64_t requiredFeatures() const = 0;
  /// Bits of the vectors that arithmetic should use; 0 leaves it to LLVM.
  virtual unsigned preferredVectorBits() const = 0;

  /// Register tiles for a matmul whose weight has `streams` streams, most rows first; of the tiles with equal rows the
  /// widest first. Contains a tile of one row and, for each row count, one of a single panel. A tile of r rows and p
  /// panels has r * p * streams accumulators of 16 f32; where they are more than tileMachine() says, its streams are
  /// worked through one after the other, and those of one need to fit.
  virtual std::vector<RegisterTile> matmulTiles(int64_t streams, mlir::Type element) const = 0;
  /// What the cost model is asked about tiles of many rows with: products of f32, or of quantised rows with codes.
  virtual TileMachine tileMachine(bool quantised) const = 0;
  /// Register tiles for few quantised rows times codes, in the order of matmulTiles(). A tile keeps r * p * streams
  /// accumulators of 16 f32, as many of 16 i32, and p * streams vectors of 64 bytes in registers, or those of one
  /// stream at a time.
  virtual std::vector<RegisterTile> integerTiles(int64_t streams) const = 0;
  /// How few rows read what stands in one stream, a panel of codes or a bundle of floats: by itself one after the
  /// other, from the first byte to the last, which a processor foresees.
  virtual WeightReading weightReading() const { return {1, 0}; }
  /// sum + the products of four bytes with four bytes in each of 16 lanes, exact: sum <16 x i32>, numbers <64 x i8>
  /// unsigned (below 16 where `small`), activations <64 x i8> from -127 to 127.
  virtual mlir::Value dot(vector_emit::VectorBuilder &b, mlir::Value sum, mlir::Value numbers, mlir::Value activations,
                          bool small) const = 0;
  /// The same of numbers that stand for 128 less, where that is cheaper than what takes it off afterwards; else null.
  virtual mlir::Value dotSigned(vector_emit::VectorBuilder &b, mlir::Value sum, mlir::Value numbers,
                                mlir::Value activations) const {
    return {};
  }
  /// Whether there is dotSigned().
  virtual bool dotsSigned() const { return false; }
  /// The bytes of `table` (<64 x i8>, the same 16 four times) that `codes` (<64 x i8>, below 16) say.
  virtual mlir::Value lookUp(vector_emit::VectorBuilder &b, mlir::Value table, mlir::Value codes) const = 0;
  /// x 2^n by one instruction, exact where the result is a normal number, NaN where x or n is: <16 x f32>, n whole.
  /// Null without such an instruction.
  virtual mlir::Value scaleByPowerOfTwo(vector_emit::VectorBuilder &b, mlir::Value x, mlir::Value n) const {
    return {};
  }
  /// What multiplies quantised rows where there are at least ByteTiles::kRows of them, or null.
  virtual const ByteTiles *byteTiles() const { return nullptr; }
  /// Whether vectors of f16 are multiplied and added as such (kernel.matmul of halved rows). Such a variant differs
  /// from another in this alone.
  virtual bool addsHalves() const { return false; }
  /// Whether the variant differs from another in products of bytes alone, so that a program without them needs only one
  /// of the two.
  virtual bool isForIntegers() const = 0;

  /// Tokens whose queries share a pass over the keys in prefill, and the vectors of 16 keys whose scores are computed
  /// at a time.
  virtual RegisterTile attentionTile() const = 0;
};

/// The backend of that name, or null. Names: "x86-64-v3", "x86-64-v3-vnni", "x86-64-v4", "x86-64-v4-vnni",
/// "x86-64-v4-amx", "x86-64-v4-fp16".
const TargetBackend *targetBackend(llvm::StringRef name);
/// The names of all backends, best first.
std::vector<llvm::StringRef> targetBackendNames();

/// What `#kernel.tiling` may say of a product on a target, what the target does by itself first; empty: no choice.
struct TilingChoices {
  std::vector<int64_t> panels;    ///< of one row, the target's own first
  std::vector<RegisterTile> many; ///< of many rows
};
TilingChoices tilingChoices(kernel::MatmulOp matmul, const TargetBackend &backend);

/// Machine code of one variant: a flat position-independent image and the offset in it of each program, in module
/// order.
struct CompiledCode {
  /// A function in the image. `launch`: the first launch (kernel::launchesOf, over all programs) that it is the code
  /// of, or -1.
  struct Symbol {
    std::string name;
    int64_t launch = -1;
    uint64_t offset = 0, size = 0;
  };
  const TargetBackend *backend = nullptr;
  std::vector<char> image;
  std::vector<uint64_t> entryOffsets;
  std::vector<Symbol> symbols; ///< in ascending offset
};

/// On the functions that EmitPrograms makes of launches: the launch's number.
constexpr llvm::StringLiteral kLaunchAttr = "llmc.launch";

/// What code generation may also hand out, for --emit.
struct CodegenDumps {
  std::string *llvmIR = nullptr;       ///< optimised LLVM IR as text
  std::string *assembly = nullptr;     ///< assembly text
  std::vector<char> *object = nullptr; ///< the relocatable object
};

/// Compiles the `kernel.program`s of `module` (at stop `schedule`) for `backend`. The module is not changed. Errors are
/// reported on the module.
mlir::FailureOr<CompiledCode> compilePrograms(mlir::ModuleOp module, const TargetBackend &backend,
                                              const CodegenDumps &dumps = {});

} // namespace llmc

#endif // LLMC_COMPILER_TARGETS_TARGETBACKEND_H
