// Import.cpp - the stop `import`: config.json chooses the family, the family builds the entry.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/Import.h"

#include "frontends/formats/ModelDirectory.h"
#include "frontends/formats/TensorIndex.h"
#include "frontends/formats/config/GenerationConfig.h"
#include "frontends/models/DecoderConfig.h"
#include "frontends/models/EntryBuilder.h"
#include "frontends/models/Family.h"
#include "frontends/text/Tokenizer.h"

using namespace mlir;

namespace llmc::models {

#define GEN_PASS_DEF_IMPORTPASS
#include "frontends/models/Passes.h.inc"

namespace {

/// Of config files: the largest in use, with label lists, hold some hundred kilobytes.
constexpr json::Limits kConfigLimits = {16u << 20, 64};

/// What config.json and generation_config.json say.
struct Described {
  std::unique_ptr<Model> model;
  std::string modelType;
  GenerationConfig generation;
};

Result<const Family *> chooseFamily(ConfigReader &config, const std::string &modelType) {
  std::string known;
  for (const Family *family : allFamilies())
    for (std::string_view type : family->getModelTypes()) {
      if (modelType == type)
        return family;
      known += (known.empty() ? "" : ", ") + std::string(type);
    }
  config.fail("model_type", "model type '" + json::printable(modelType) + "' is not supported",
              "supported are " + known);
  return *config.mistake();
}

Result<Described> describe(const ModelDirectory &directory) {
  Result<std::string> path = directory.locate("config.json");
  if (!path)
    return path.takeError();
  Result<json::Document> document = json::Document::read(*path, directory.shown("config.json"), kConfigLimits);
  if (!document)
    return document.takeError();
  ConfigReader config(document->root());
  Described result;
  result.modelType = config.requireString("model_type");
  if (config.mistake())
    return *config.mistake();
  Result<const Family *> family = chooseFamily(config, result.modelType);
  if (!family)
    return family.takeError();
  result.model = (*family)->read(config, result.modelType);

  // A mistake in the hyperparameters comes first: token ids are judged by the vocabulary.
  if (config.mistake())
    return *config.mistake();
  if (directory.has("generation_config.json")) {
    Result<std::string> generationPath = directory.locate("generation_config.json");
    if (!generationPath)
      return generationPath.takeError();
    Result<json::Document> generationDocument =
        json::Document::read(*generationPath, directory.shown("generation_config.json"), kConfigLimits);
    if (!generationDocument)
      return generationDocument.takeError();
    ConfigReader generation(generationDocument->root());
    result.generation = readGenerationConfig(config, &generation, result.model->getVocabSize());
    config.take(generation.mistake());
  } else {
    result.generation = readGenerationConfig(config, nullptr, result.model->getVocabSize());
  }
  config.refuseUnknown(harmlessConfigKeys(), "a '" + result.modelType + "' model");
  Checked checked = config.finish();
  if (!checked)
    return checked.takeError();
  return result;
}

/// The file that holds the chat template: of its own, or among the tokenizer's facts.
Result<std::string> findChatTemplate(const ModelDirectory &directory) {
  if (directory.has("chat_template.jinja"))
    return std::string("chat_template.jinja");
  if (!directory.has("tokenizer_config.json"))
    return std::string();
  Result<std::string> path = directory.locate("tokenizer_config.json");
  if (!path)
    return path.takeError();
  Result<json::Document> document =
      json::Document::read(*path, directory.shown("tokenizer_config.json"), kConfigLimits);
  if (!document)
    return document.takeError();
  const std::optional<json::Value> found = document->root().find("chat_template");
  return std::string(found && !found->isNull() ? "tokenizer_config.json" : "");
}

Checked writeText(const ModelDirectory &directory, const Described &described, ModuleOp module) {
  Result<std::string> chatTemplate = findChatTemplate(directory);
  if (!chatTemplate)
    return chatTemplate.takeError();
  std::string tokenizer; // Empty: the model is driven by token ids.
  for (const std::string &name : text::tokenizerFileNames())
    if (tokenizer.empty() && directory.has(name))
      tokenizer = name;
  const GenerationConfig &facts = described.generation;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  const auto integer = [&](std::optional<int64_t> value) {
    return value ? builder.getI64IntegerAttr(*value) : IntegerAttr();
  };
  const auto number = [&](std::optional<double> value) {
    return value ? builder.getF64FloatAttr(*value) : FloatAttr();
  };
  OperationState state(FileLineColLoc::get(module.getContext(), directory.shown("config.json"), 0, 0),
                       transformer::TextOp::getOperationName());
  auto &properties = state.getOrAddProperties<transformer::TextOp::Properties>();
  properties.tokenizer = builder.getStringAttr(tokenizer);
  if (!chatTemplate->empty())
    properties.chat_template = builder.getStringAttr(*chatTemplate);
  properties.vocab_size = builder.getI64IntegerAttr(described.model->getVocabSize());
  properties.context_length = builder.getI64IntegerAttr(described.model->getContextLength());
  properties.bos = integer(facts.bos);
  if (!facts.eos.empty())
    properties.eos = builder.getDenseI64ArrayAttr(facts.eos);
  properties.pad = integer(facts.pad);
  if (facts.doSample)
    properties.do_sample = builder.getUnitAttr();
  properties.temperature = number(facts.temperature);
  properties.top_k = integer(facts.topK);
  properties.top_p = number(facts.topP);
  properties.min_p = number(facts.minP);
  properties.repetition_penalty = number(facts.repetitionPenalty);
  builder.create(state);
  return Success{};
}

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
    Checked imported = import(module, checkpoint.getDirectory().str());
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
    if (!bounds.cacheType)
      return Diagnostic{
          "", 0, 0, "--kv = '" + json::printable(kv.getValue()) + "' is not supported (expected f32, f16 or bf16)", {}};
    return bounds;
  }

  Checked import(ModuleOp module, const std::string &path) {
    Result<ModelDirectory> directory = ModelDirectory::open(path);
    if (!directory)
      return directory.takeError();
    Result<Described> described = describe(*directory);
    if (!described)
      return described.takeError();
    Result<EntryBounds> bounds = readBounds(*described->model);
    if (!bounds)
      return bounds.takeError();

    WeightTable weights(module, directory->path());
    for (auto op : llvm::make_early_inc_range(module.getOps<transformer::TensorOp>()))
      op.erase();
    Checked text = writeText(*directory, *described, module);
    if (!text)
      return text.takeError();
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
