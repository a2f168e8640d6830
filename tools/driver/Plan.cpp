// Plan.cpp - runs the stops on a model's index alone and adds up what they say.
//
// Not here: the command line (PlanMain.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Plan.h"

#include "compiler/Artifact/ManifestBuilder.h"
#include "compiler/Quantize/Matrices.h"
#include "compiler/Weights/WeightPacker.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/formats/gguf/Gguf.h"
#include "frontends/models/Import.h"
#include "tools/driver/ModelLookup.h"
#include "tools/driver/Registration.h"
#include "tools/driver/Report.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

#include <algorithm>

using namespace mlir;

namespace llmc::driver {

/// Parameters and operations, from the module of the stop `import`: there each layer stands by itself.
static void addCosts(ModuleOp module, Plan &plan) {
  llvm::StringSet<> seen;
  module.walk([&](Operation *op) {
    if (op->getName().getStringRef().starts_with("transformer.weight"))
      return;
    for (Value operand : op->getOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      Operation *source = operand.getDefiningOp();
      if (!type || !source || !source->getName().getStringRef().starts_with("transformer.weight"))
        continue;
      llvm::SmallVector<transformer::WeightOp> origins = originsOf(operand);
      if (!origins.empty() && seen.insert(origins.front().getKey(0)).second) // not a tied matrix again
        plan.parameters += static_cast<uint64_t>(type.getNumElements());
      if (isa<transformer::LinearOp>(op) && operand == op->getOperand(1)) {
        bool inLayer = op->getParentOfType<transformer::LayersOp>() != nullptr;
        (inLayer ? plan.layerOperations : plan.headOperations) += 2 * double(type.getNumElements());
      }
    }
    if (auto attention = dyn_cast<transformer::AttentionOp>(op)) {
      auto size = static_cast<double>(attention.getHeadDim()),
           valueSize = static_cast<double>(attention.getValueDim().value_or(attention.getHeadDim()));
      plan.positionOperations += 2 * double(attention.getNumHeads()) * (size + valueSize);
    }
  });
}

static void addMemory(ModuleOp module, const artifact::Manifest &manifest, Plan &plan) {
  for (const artifact::WeightInfo &weight : manifest.weights)
    plan.weightBytes[weight.format] += weight.size;
  // What is multiplied with is read whole; of an embedding a token reads one row.
  llvm::StringSet<> multiplied;
  module.walk([&](kernel::GetWeightOp op) {
    if (llvm::any_of(op->getUsers(), [](Operation *user) { return isa<kernel::MatmulOp>(user); }))
      multiplied.insert(op.getWeight());
  });
  for (auto weight : module.getOps<kernel::WeightOp>())
    if (multiplied.contains(weight.getSymName()))
      plan.decodeBytes +=
          weight.getCopies() * static_cast<uint64_t>(cast<kernel::PackedType>(weight.getType()).getSizeInBytes());
  plan.weightsSection = weights::weightsSectionSize(module);
  std::vector<uint64_t> dims;
  for (const artifact::Dim &dim : manifest.dims) {
    dims.push_back(dim.defaultValue);
    if (dim.kind == LLMC_DIM_TOKENS)
      plan.maxStep = dim.maximum;
    if (dim.kind == LLMC_DIM_CONTEXT)
      plan.context = dim.maximum;
  }
  for (const artifact::Entry &entry : manifest.entries) {
    plan.arena += arenaBytes(entry, dims);
    for (const artifact::State &state : entry.states) {
      plan.cachePerPosition += state.pageBytes / state.pageTokens;
      plan.cachePerSequence += llvm::divideCeil(plan.context, state.pageTokens) * state.pageBytes;
    }
  }
}

/// A folder without weights is planned by its config.json.
static bool hasWeights(const std::string &path) {
  if (gguf::isGgufPath(path))
    return true;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(path, error), end; it != end && !error; it.increment(error))
    if (llvm::sys::path::extension(it->path()) == ".safetensors")
      return true;
  return false;
}

std::optional<Plan> planModel(const std::string &model, const PipelineOptions &options, Messages &messages) {
  std::string path = model;
  bool isConfig = StringRef(model).ends_with(".json") && llvm::sys::fs::is_regular_file(model);
  if (!isConfig) {
    Result<std::string> found = findModel(model);
    if (!found)
      return messages.error(found.error()), std::nullopt;
    path = *found;
    if (!llvm::sys::fs::is_directory(path) && !gguf::isGgufPath(path))
      return messages.error(path, "is a graph on tensors: it has no tokens to plan for",
                            "llmc inspect tells its inputs, outputs and operators"),
             std::nullopt;
  }
  std::unique_ptr<MLIRContext> owned = makeContext();
  MLIRContext &context = *owned;
  MessageHandler handler(&context, messages);
  OwningOpRef<ModuleOp> module = !isConfig && hasWeights(path) ? models::parseCheckpoint(path, &context)
                                                               : models::declareCheckpoint(path, &context);
  if (!module)
    return std::nullopt;
  Plan plan;
  plan.name = modelName(path);
  if (isConfig) { // config.json alone says nothing: its folder does
    StringRef stem = llvm::sys::path::stem(path), folder = llvm::sys::path::parent_path(path);
    plan.name = stem == "config" ? modelName(folder.empty() ? "." : folder.str()) : stem.str();
  }
  for (const StopInfo &info : allStops()) {
    if (info.stop == Stop::Parse || info.stop > Stop::Schedule)
      continue;
    PassManager manager(&context);
    addPipeline(manager, info.stop, options);
    if (failed(manager.run(*module)))
      return std::nullopt;
    if (info.stop == Stop::Import)
      addCosts(*module, plan);
  }
  FailureOr<artifact::Manifest> manifest = artifact::buildManifest(*module);
  if (failed(manifest))
    return std::nullopt;
  addMemory(*module, *manifest, plan);
  return plan;
}

/// The longer of the two: a good kernel does both at once.
static double seconds(const Machine &machine, double bytes, double operations) {
  return std::max(bytes / machine.bandwidth, operations / machine.operations);
}

double decodeRate(const Plan &plan, const Machine &machine, uint64_t position) {
  double attended = double(position) + 1;
  double bytes = double(plan.decodeBytes) + attended * double(plan.cachePerPosition);
  return 1 / seconds(machine, bytes, plan.layerOperations + plan.headOperations + attended * plan.positionOperations);
}

double prefillRate(const Plan &plan, const Machine &machine, uint64_t tokens) {
  double count = double(tokens);
  double operations =
      count * plan.layerOperations + plan.headOperations + count * (count + 1) / 2 * plan.positionOperations;
  // A prompt is cut into steps, each of which reads the weights.
  double steps = double(llvm::divideCeil(tokens, std::max<uint64_t>(plan.maxStep, 1)));
  return count / seconds(machine, steps * double(plan.decodeBytes), operations);
}

} // namespace llmc::driver
