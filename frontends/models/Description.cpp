// Description.cpp - the description of a model out of a directory: config.json, generation_config.json, files of text.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/Description.h"

#include "frontends/models/Text.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace llmc::models {

namespace {

/// Of config files: the largest in use, with label lists, hold some hundred kilobytes.
constexpr json::Limits kConfigLimits = {16u << 20, 64};

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

/// The element type that the file names; the tensors have the last word.
std::string storedType(const json::Value &config) {
  for (const char *key : {"dtype", "torch_dtype"})
    if (const std::optional<json::Value> found = config.find(key); found && found->isString())
      return std::string(found->asString());
  return "";
}

Result<Description> describe(const ModelDirectory &directory, const std::string &configName) {
  Result<std::string> path = directory.locate(configName);
  if (!path)
    return path.takeError();
  Result<json::Document> document = json::Document::read(*path, directory.shown(configName), kConfigLimits);
  if (!document)
    return document.takeError();
  ConfigReader config(document->root());
  Description result;
  result.storedType = storedType(document->root());
  result.modelType = config.requireString("model_type");
  if (config.mistake())
    return *config.mistake();
  Result<const Family *> family = chooseFamily(config, result.modelType);
  if (!family)
    return family.takeError();
  result.quantization = readQuantizedLayout(config);
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

} // namespace

Result<Description> describeDirectory(const std::string &path) {
  std::string folder = path, configName = "config.json";
  if (llvm::sys::fs::is_regular_file(path)) {
    folder = llvm::sys::path::parent_path(path).str();
    configName = llvm::sys::path::filename(path).str();
    if (folder.empty())
      folder = ".";
  }
  Result<ModelDirectory> directory = ModelDirectory::open(folder);
  if (!directory)
    return directory.takeError();
  Result<Description> result = describe(*directory, configName);
  if (!result)
    return result;
  Result<TextFiles> files = findTextFiles(*directory);
  if (!files)
    return files.takeError();
  result->tokenizer = std::move(files->tokenizer);
  result->chatTemplate = std::move(files->chatTemplate);
  result->place = directory->shown(configName);
  result->folder = result->weights = directory->path();
  result->facts = configName;
  return result;
}

} // namespace llmc::models
