// GraphPipelines.cpp - what leads a tensor graph from stop to stop, and why.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Pipelines/Pipelines.h"

#include "compiler/Pipelines/Passes.h"
#include "compiler/Raise/Passes.h"
#include "compiler/Schedule/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace llmc {

static void addCheck(OpPassManager &manager, Stop stop) {
  VerifyStopPassOptions options;
  options.stop = stopName(stop).str();
  manager.addPass(createVerifyStopPass(options));
}

/// The frontends' passes are registered by the tool that uses pipelines.
static void addRegistered(OpPassManager &manager, const std::string &text) {
  [[maybe_unused]] LogicalResult parsed = parsePassPipeline(text, manager);
  assert(succeeded(parsed) && "the frontends' passes are not registered");
}

void addGraphImportPipeline(OpPassManager &manager, const GraphOptions &options, const ImportOptions &import) {
  std::string text = "llmc-import-onnx{text=" + std::string(options.isText ? "true" : "false") +
                     " max-context=" + std::to_string(import.maxContext) +
                     " max-step=" + std::to_string(import.maxStep);
  if (!options.dims.empty())
    text += " dims=" + options.dims;
  if (options.exposeCount)
    text +=
        " expose-first=" + std::to_string(options.exposeFirst) + " expose-count=" + std::to_string(options.exposeCount);
  addRegistered(manager, text + "}");
  addCheck(manager, Stop::Import);
}

void addGraphRaisePipeline(OpPassManager &manager) {
  // Norms first: what is left of roots and quotients then is no norm's.
  manager.addNestedPass<func::FuncOp>(createRaiseNormsPass());
  manager.addNestedPass<func::FuncOp>(createRaiseActivationsPass());
  manager.addNestedPass<func::FuncOp>(createRaiseAttentionPass());
  addCheck(manager, Stop::Raise);
}

void addGraphLowerPipeline(OpPassManager &manager) {
  addRegistered(manager, "llmc-lower-onnx");
  // Equal parts of operators' expansions become one, and shapes that were only looked at go.
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  addCheck(manager, Stop::Lower);
}

void addGraphSchedulePipeline(OpPassManager &manager) {
  // A chain of elementwise ops reads and writes memory once.
  manager.addNestedPass<func::FuncOp>(createFuseElementwisePass());
  manager.addPass(createCSEPass());
  manager.addPass(createPartEmptyTensorsPass());
  // Bufferization must see that weights are memory, and not to be written.
  manager.addPass(createGraphConstantsPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  manager.addPass(bufferization::createOneShotBufferizePass(bufferize));
  // What a turn of a loop needs for itself is allocated once.
  manager.addNestedPass<func::FuncOp>(bufferization::createBufferLoopHoistingPass());
  // Results are written where the caller wants them.
  bufferization::BufferResultsToOutParamsPassOptions results;
  results.hoistStaticAllocs = true;
  results.modifyPublicFunctions = true;
  manager.addPass(bufferization::createBufferResultsToOutParamsPass(results));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  // While it can be seen who reads sums; what is left becomes loops.
  manager.addPass(createGraphContractionsPass());
  manager.addPass(createGraphPanelsPass());
  // A row that was just made is read from the nearest cache, and threads meet once.
  manager.addPass(createGraphRowsPass());
  manager.addPass(createGraphProgramPass());
  addCheck(manager, Stop::Schedule);
}

} // namespace llmc
