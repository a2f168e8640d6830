// Text.cpp - finds the files of text beside a model, and writes transformer.text.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/Text.h"

#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/text/Tokenizer.h"

using namespace mlir;

namespace llmc::models {

Result<TextFiles> findTextFiles(const ModelDirectory &directory) {
  TextFiles files;
  for (const std::string &name : text::tokenizerFileNames())
    if (files.tokenizer.empty() && directory.has(name))
      files.tokenizer = name;
  // Of its own, or among the tokenizer's facts.
  if (directory.has("chat_template.jinja")) {
    files.chatTemplate = "chat_template.jinja";
    return files;
  }
  const std::string config = "tokenizer_config.json";
  if (!directory.has(config))
    return files;
  Result<std::string> path = directory.locate(config);
  if (!path)
    return path.takeError();
  Result<json::Document> document = json::Document::read(*path, directory.shown(config), {16u << 20, 64});
  if (!document)
    return document.takeError();
  const std::optional<json::Value> found = document->root().find("chat_template");
  if (found && !found->isNull())
    files.chatTemplate = config;
  return files;
}

void writeText(const TextFacts &facts, ModuleOp module) {
  const GenerationConfig &generation = facts.generation;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  const auto integer = [&](std::optional<int64_t> value) {
    return value ? builder.getI64IntegerAttr(*value) : IntegerAttr();
  };
  const auto number = [&](std::optional<double> value) {
    return value ? builder.getF64FloatAttr(*value) : FloatAttr();
  };
  OperationState state(FileLineColLoc::get(module.getContext(), facts.place, 0, 0),
                       transformer::TextOp::getOperationName());
  auto &properties = state.getOrAddProperties<transformer::TextOp::Properties>();
  properties.tokenizer = builder.getStringAttr(facts.files.tokenizer);
  if (!facts.files.chatTemplate.empty())
    properties.chat_template = builder.getStringAttr(facts.files.chatTemplate);
  properties.vocab_size = builder.getI64IntegerAttr(facts.vocabSize);
  properties.context_length = builder.getI64IntegerAttr(facts.contextLength);
  properties.bos = integer(generation.bos);
  if (!generation.eos.empty())
    properties.eos = builder.getDenseI64ArrayAttr(generation.eos);
  properties.pad = integer(generation.pad);
  if (generation.doSample)
    properties.do_sample = builder.getUnitAttr();
  properties.temperature = number(generation.temperature);
  properties.top_k = integer(generation.topK);
  properties.top_p = number(generation.topP);
  properties.min_p = number(generation.minP);
  properties.repetition_penalty = number(generation.repetitionPenalty);
  builder.create(state);
}

} // namespace llmc::models
