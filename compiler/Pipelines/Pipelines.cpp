// Pipelines.cpp - which passes lead from stop to stop, and why.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Pipelines/Pipelines.h"

#include "compiler/Fusion/Passes.h"
#include "compiler/Lower/Passes.h"
#include "compiler/Pipelines/Passes.h"
#include "compiler/Quantize/Passes.h"
#include "compiler/Raise/Passes.h"
#include "compiler/Schedule/Passes.h"
#include "compiler/Targets/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace llmc {

ArrayRef<StopInfo> allStops() {
  static const StopInfo stops[] = {
      {Stop::Parse, "parse", "map the files and index their tensors"},
      {Stop::Import, "import", "build the model that the config describes"},
      {Stop::Raise, "raise", "roll repeated layers into classes"},
      {Stop::Shard, "shard", "split over devices; one device has nothing to split"},
      {Stop::Fuse, "fuse", "join products that share their input"},
      {Stop::Quantize, "quantize", "choose how weights are stored"},
      {Stop::Lower, "lower", "turn ops into kernels with packed weights"},
      {Stop::Schedule, "schedule", "place weights, plan memory, fix the step program"},
      {Stop::Codegen, "codegen", "emit machine code for each processor variant"},
      {Stop::Pack, "pack", "pack the weights and write the artifact"},
  };
  return stops;
}

StringRef stopName(Stop stop) { return allStops()[static_cast<size_t>(stop)].name; }

std::optional<Stop> stopFromName(StringRef name) {
  for (const StopInfo &info : allStops())
    if (info.name == name)
      return info.stop;
  return std::nullopt;
}

Stop stopOfModule(ModuleOp module) {
  if (!module.getOps<kernel::ProgramOp>().empty())
    return Stop::Schedule;
  if (!module.getOps<transformer::TensorOp>().empty())
    return Stop::Parse;
  WalkResult kernels = module.walk([](Operation *op) {
    return isa_and_present<kernel::KernelDialect, linalg::LinalgDialect, tensor::TensorDialect>(op->getDialect())
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return kernels.wasInterrupted() ? Stop::Lower : Stop::Import;
}

/// Closes a stop.
static void addCheck(OpPassManager &manager, Stop stop) {
  VerifyStopPassOptions options;
  options.stop = stopName(stop).str();
  manager.addPass(createVerifyStopPass(options));
}

void addImportPipeline(OpPassManager &manager, const ImportOptions &options) {
  std::string text = "llmc-import{max-context=" + std::to_string(options.maxContext) +
                     " max-step=" + std::to_string(options.maxStep) +
                     " max-sequences=" + std::to_string(options.maxSequences) + " kv=" + options.kv + "}";
  // The tool that uses pipelines has registered the frontends' passes.
  [[maybe_unused]] LogicalResult parsed = parsePassPipeline(text, manager);
  assert(succeeded(parsed) && "llmc-import is not registered");
  addCheck(manager, Stop::Import);
}

void addRaisePipeline(OpPassManager &manager, const RaiseOptions &) {
  // First of all: every later pass then sees each class of layers once, not each layer.
  manager.addNestedPass<func::FuncOp>(createRollLayersPass());
  addCheck(manager, Stop::Raise);
}

void addShardPipeline(OpPassManager &manager, const ShardOptions &) {
  // One device holds the whole model: the stop is there so that what comes before and after it keeps its place.
  addCheck(manager, Stop::Shard);
}

void addFusePipeline(OpPassManager &manager, const FuseOptions &options) {
  // One product instead of three reads the rows once and needs one barrier.
  if (options.qkv)
    manager.addNestedPass<func::FuncOp>(createFuseQKVPass());
  // Gate and up side by side: the activation happens while both sums are in registers.
  if (options.gated)
    manager.addNestedPass<func::FuncOp>(createFuseGatedPass());
  addCheck(manager, Stop::Fuse);
}

bool parseWeights(StringRef text, std::optional<WeightBlocks> &blocks) {
  blocks.reset();
  if (llvm::is_contained({"keep", "f32", "bf16", "f16"}, text))
    return true;
  bool hasGroup = text.contains(':');
  auto [format, group] = text.split(':');
  if (!llvm::is_contained({"q8", "q4", "q8_min", "q4_min"}, format))
    return false;
  int64_t size = 32;
  if (group == "row")
    size = 0;
  else if (hasGroup && (group.getAsInteger(10, size) || size < 16 || size % 16 || size > kMaxBlockGroup))
    return false;
  blocks = WeightBlocks{format.str(), size};
  return true;
}

void addQuantizePipeline(OpPassManager &manager, const QuantizeOptions &options) {
  // After fusion, which joins only weights of one type, so that joined weights are converted as one.
  std::optional<WeightBlocks> blocks;
  if (parseWeights(options.weights, blocks) && blocks) {
    QuantizeWeightsPassOptions quantize;
    quantize.format = blocks->format;
    quantize.group = blocks->group;
    quantize.allowRequantize = options.allowRequantize;
    quantize.wide.assign(options.wide.begin(), options.wide.end());
    // Layers that are stored in different ways cannot share a body.
    if (!options.wide.empty()) {
      SplitLayersPassOptions split;
      split.wide.assign(options.wide.begin(), options.wide.end());
      manager.addNestedPass<func::FuncOp>(createSplitLayersPass(split));
    }
    manager.addPass(createQuantizeWeightsPass(quantize));
  } else {
    ConvertWeightsPassOptions convert;
    convert.type = options.weights == "keep" ? options.floats : options.weights;
    manager.addNestedPass<func::FuncOp>(createConvertWeightsPass(convert));
  }
  // What is stored in blocks stays so, unless floats were asked for.
  if (options.weights == "keep")
    manager.addNestedPass<func::FuncOp>(createKeepBlocksPass());
  addCheck(manager, Stop::Quantize);
}

void addLowerPipeline(OpPassManager &manager, const LowerOptions &options) {
  // Where nothing is to read blocks as they are, packing computes the values.
  manager.addNestedPass<func::FuncOp>(createDecodeBlocksPass());
  LowerToKernelPassOptions lower;
  lower.pageTokens = options.pageTokens;
  lower.activations = options.activations;
  lower.sums = options.sums;
  manager.addPass(createLowerToKernelPass(lower));
  // Equal packed weights become one (tied embeddings), and what nothing reads goes, before anything is folded into its
  // users.
  manager.addPass(createCSEPass());
  // Residuals, biases and activations cost nothing when they are done on sums in registers.
  manager.addPass(createFoldEpiloguesPass());
  // Equal quantised rows are one by now: a norm's only reader is known.
  manager.addPass(createFuseNormsPass());
  // What no matmul took becomes a kernel of its own.
  manager.addPass(createElementwiseToKernelPass());
  addCheck(manager, Stop::Lower);
}

void addSchedulePipeline(OpPassManager &manager, const ScheduleOptions &options) {
  // Weights leave the entries as recipes: what is left of an entry is what runs in each step.
  manager.addPass(createHoistWeightsPass());
  // In the order in which a step reads them.
  manager.addPass(createPlaceWeightsPass());
  // While it can be seen who reads what.
  manager.addPass(createTrimLastLayerPass());
  // Tensors become buffers in arena slots.
  manager.addPass(createPlanMemoryPass());
  // Late, since it asks which buffers share memory.
  manager.addPass(createInsertBarriersPass());
  if (!options.file.empty())
    manager.addPass(createSetTilingsPass({options.file}));
  addCheck(manager, Stop::Schedule);
}

void addPipeline(OpPassManager &manager, Stop stop, const PipelineOptions &options) {
  if (options.graph.isGraph) {
    switch (stop) {
    case Stop::Import:
      return addGraphImportPipeline(manager, options.graph, options.import);
    case Stop::Raise:
      return addGraphRaisePipeline(manager);
    case Stop::Lower:
      return addGraphLowerPipeline(manager);
    case Stop::Schedule:
      return addGraphSchedulePipeline(manager);
    default: // nothing is fused or quantised in graphs yet
      return addCheck(manager, stop);
    }
  }
  switch (stop) {
  case Stop::Import:
    return addImportPipeline(manager, options.import);
  case Stop::Raise:
    return addRaisePipeline(manager, options.raise);
  case Stop::Shard:
    return addShardPipeline(manager, options.shard);
  case Stop::Fuse:
    return addFusePipeline(manager, options.fuse);
  case Stop::Quantize:
    return addQuantizePipeline(manager, options.quantize);
  case Stop::Lower: {
    LowerOptions lower = options.lower;
    // Floats were asked for. Blocks may stay what they are, since codes keep every value; what multiplies them is
    // floats.
    if (options.quantize.weights == "f32")
      lower.activations = "f32";
    return addLowerPipeline(manager, lower);
  }
  case Stop::Schedule:
    return addSchedulePipeline(manager, options.schedule);
  case Stop::Parse:
  case Stop::Codegen:
  case Stop::Pack:
    break;
  }
  llvm_unreachable("no pass pipeline leads to this stop");
}

std::string printPipeline(MLIRContext *context, Stop stop, const PipelineOptions &options) {
  PassManager manager(context, ModuleOp::getOperationName());
  addPipeline(manager, stop, options);
  std::string text;
  llvm::raw_string_ostream stream(text);
  manager.printAsTextualPipeline(stream);
  return text;
}

void registerCompilerPasses() {
  registerRaisePasses();
  registerFusionPasses();
  registerQuantizePasses();
  registerPipelinesPasses();
  registerLLMCLowerPasses();
  registerLLMCSchedulePasses();
  registerLLMCTargetsPasses();
}

} // namespace llmc
