// Import.cpp - the stop `import`: the description chooses the family, the family builds the entry.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/Import.h"

#include "frontends/formats/TensorIndex.h"
#include "frontends/models/DecoderConfig.h"
#include "frontends/models/Description.h"
#include "frontends/models/EntryBuilder.h"
#include "frontends/models/QuantizedWeights.h"
#include "frontends/models/Text.h"

using namespace mlir;

namespace llmc::models {

#define GEN_PASS_DEF_IMPORTPASS
#include "frontends/models/Passes.h.inc"

namespace {

/// Compares the bytes of tensors that should be copies of others.
Checked checkCopies(WeightTable &weights, const std::string &directory) {
  if (weights.copies().empty())
    return Success{};
  Result<TensorIndex> index = openCheckpoint(directory);
  if (!index)
    return index.takeError();
  for (const WeightTable::Copy &copy : weights.copies()) {
    const std::string_view bytes = index->bytes(copy.key);
    if (bytes.empty() || bytes != index->bytes(copy.original)) {
      weights.failCopy(copy);
      return *weights.mistake();
    }
  }
  return Success{};
}

struct ImportPass : public impl::ImportPassBase<ImportPass> {
  using ImportPassBase::ImportPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto checkpoint = transformer::lookupOnly<transformer::CheckpointOp>(module);
    if (!checkpoint) {
      module.emitError("llmc-import needs the module of llmc-parse: there is no transformer.checkpoint");
      return signalPassFailure();
    }
    if (!llvm::all_of(*module.getBody(),
                      [](Operation &op) { return isa<transformer::CheckpointOp, transformer::TensorOp>(op); })) {
      module.emitError("llmc-import needs the module of llmc-parse: there are other ops in it");
      return signalPassFailure();
    }
    Checked imported = import(module, checkpoint);
    if (!imported) {
      (void)emitDiagnostic(module.getContext(), imported.error());
      return signalPassFailure();
    }
    module.walk([&](transformer::WeightOp) { ++numWeights; });
  }

private:
  Result<EntryBounds> readBounds(const Model &model) {
    const auto range = [](const char *option, int64_t value, int64_t max) -> Checked {
      if (value >= 1 && value <= max)
        return Success{};
      return Diagnostic{"",
                        0,
                        0,
                        "--" + std::string(option) + " = " + std::to_string(value) +
                            " is out of range (expected 1 to " + std::to_string(max) + ")",
                        {}};
    };
    EntryBounds bounds;
    bounds.tokens = maxStep;
    bounds.sequences = maxSequences;
    bounds.context = maxContext == 0 ? model.getContextLength() : maxContext;
    for (Checked checked :
         {range("max-step", bounds.tokens, 1 << 20), range("max-sequences", bounds.sequences, 1 << 16),
          range("max-context", bounds.context, limits::kPositions.max)})
      if (!checked)
        return checked.takeError();
    MLIRContext *context = &getContext();
    bounds.cacheType = llvm::StringSwitch<Type>(kv)
                           .Case("f32", Float32Type::get(context))
                           .Case("f16", Float16Type::get(context))
                           .Case("bf16", BFloat16Type::get(context))
                           .Default(Type());
    if (kv == "q8") { // a scale for each head
      const int64_t group = model.getHeadDim();
      if (!isBlockGroup(BlockFormatId::Q8, group))
        return Diagnostic{
            "", 0, 0, "--kv = 'q8' needs heads of a multiple of 16 numbers, the model's have " + std::to_string(group),
            "store the cache as f16, bf16 or f32"};
      bounds.cacheType = transformer::BlockType::get(context, BlockFormatId::Q8, group);
    }
    if (!bounds.cacheType)
      return Diagnostic{"",
                        0,
                        0,
                        "--kv = '" + json::printable(kv.getValue()) +
                            "' is not supported (expected f32, f16, bf16 or q8)",
                        {}};
    return bounds;
  }

  Checked import(ModuleOp module, transformer::CheckpointOp checkpoint) {
    const std::string path = checkpoint.getDirectory().str();
    Result<Description> described =
        checkpoint.getFormat() == transformer::CheckpointFormat::Gguf ? describeGguf(path) : describeDirectory(path);
    if (!described)
      return described.takeError();
    Result<EntryBounds> bounds = readBounds(*described->model);
    if (!bounds)
      return bounds.takeError();

    WeightTable weights(module, described->folder, described->weights, described->facts);
    std::optional<QuantizedWeights> quantized;
    if (described->quantization) {
      Result<TensorIndex> index = openCheckpoint(path);
      if (!index)
        return index.takeError();
      quantized.emplace(*described->quantization, std::move(*index));
      weights.setQuantized(&*quantized);
    }
    for (auto op : llvm::make_early_inc_range(module.getOps<transformer::TensorOp>()))
      op.erase();
    writeText({described->place,
               {described->tokenizer, described->chatTemplate},
               described->model->getVocabSize(),
               described->model->getContextLength(),
               described->generation},
              module);
    EntryBuilder entry(module, weights, *bounds);
    described->model->build(entry);
    if (!weights.mistake())
      weights.refuseSurplus([&](StringRef key) { return described->model->ignoresTensor({key.data(), key.size()}); },
                            described->modelType);
    if (weights.mistake())
      return *weights.mistake();
    return checkCopies(weights, path);
  }
};

} // namespace

} // namespace llmc::models
