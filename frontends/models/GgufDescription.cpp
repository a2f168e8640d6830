// GgufDescription.cpp - the description of a model out of a GGUF file's metadata.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/json/Json.h"
#include "frontends/models/Description.h"

namespace llmc::models {

static const Family *findFamily(std::string_view architecture, std::string &known) {
  for (const Family *family : allFamilies())
    for (std::string_view name : family->getGgufArchitectures()) {
      if (architecture == name)
        return family;
      known += (known.empty() ? "" : ", ") + std::string(name);
    }
  return nullptr;
}

Result<Description> describeGguf(const std::string &path) {
  Result<gguf::Model> opened = gguf::open(path);
  if (!opened)
    return opened.takeError();
  gguf::MetadataReader metadata(opened->header, opened->name());
  Description result;
  result.modelType = metadata.requireString("general.architecture");
  if (metadata.mistake())
    return *metadata.mistake();
  // Adapters, projectors and statistics come in such files as well.
  if (const std::optional<std::string> type = metadata.maybeString("general.type"); type && *type != "model")
    return Diagnostic{opened->name(), 0, 0, "'general.type' = '" + json::printable(*type) + "', expected 'model'", {}};
  std::string known;
  const Family *family = findFamily(result.modelType, known);
  if (!family)
    return Diagnostic{opened->name(), 0, 0, "architecture '" + json::printable(result.modelType) + "' is not supported",
                      "supported are " + known};
  result.model = family->readGguf({metadata, opened->index}, result.modelType);
  if (metadata.mistake())
    return *metadata.mistake();
  result.generation = gguf::readGeneration(metadata, result.model->getVocabSize());
  const std::optional<std::string> tokenizer = metadata.maybeString("tokenizer.ggml.model");
  const std::optional<std::string> chatTemplate = metadata.maybeString("tokenizer.chat_template");
  if (metadata.mistake())
    return *metadata.mistake();

  const size_t slash = path.rfind('/');
  result.place = result.weights = opened->name();
  result.folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  result.facts = "the metadata";
  const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
  if (tokenizer && *tokenizer != "none" && *tokenizer != "no_vocab")
    result.tokenizer = file;
  if (chatTemplate && !chatTemplate->empty())
    result.chatTemplate = file;
  return result;
}

} // namespace llmc::models
