// GgufChatTemplate.cpp - the chat templates in the metadata of a GGUF file.
//
// `tokenizer.chat_template` is the default one. Files of models with several name the others in
// `tokenizer.chat_templates`, each under `tokenizer.chat_template.NAME`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/gguf/MetadataReader.h"
#include "frontends/formats/json/Json.h"
#include "frontends/text/template/ChatTemplate.h"

namespace llmc::text {

namespace {

constexpr size_t mostTemplates = 64;

/// The texts of special tokens, under the names that templates know them by.
void readTokens(gguf::MetadataReader &metadata, ChatTemplateFiles &files) {
  struct Known {
    const char *key, *name;
  };
  constexpr Known known[] = {
      {"tokenizer.ggml.bos_token_id", "bos_token"},       {"tokenizer.ggml.eos_token_id", "eos_token"},
      {"tokenizer.ggml.unknown_token_id", "unk_token"},   {"tokenizer.ggml.padding_token_id", "pad_token"},
      {"tokenizer.ggml.seperator_token_id", "sep_token"}, {"tokenizer.ggml.cls_token_id", "cls_token"},
      {"tokenizer.ggml.mask_token_id", "mask_token"}}; // The third from the end is spelt so in files.
  const std::optional<std::vector<std::string_view>> texts = metadata.maybeStrings("tokenizer.ggml.tokens");
  if (!texts)
    return;
  for (const Known &each : known) {
    const std::optional<gguf::Value> id = metadata.maybeAny(each.key);
    if (!id || !id->isInteger())
      continue; // The vocabulary's reader says what is wrong with it.
    const std::optional<int64_t> number = id->asInteger();
    if (number && *number >= 0 && static_cast<uint64_t>(*number) < texts->size())
      files.variables.emplace_back(each.name, (*texts)[static_cast<size_t>(*number)]);
  }
}

} // namespace

Result<ChatTemplateFiles> readGgufChatTemplates(gguf::MetadataReader &metadata, const std::string &file) {
  ChatTemplateFiles files;
  if (std::optional<std::string> text = metadata.maybeString("tokenizer.chat_template"); text && !text->empty())
    files.templates.push_back({"default", std::move(*text), file, false});
  const std::optional<std::vector<std::string_view>> names = metadata.maybeStrings("tokenizer.chat_templates");
  if (names && names->size() > mostTemplates)
    metadata.fail("'tokenizer.chat_templates' names " + std::to_string(names->size()) + " templates, at most " +
                  std::to_string(mostTemplates) + " are read");
  for (size_t i = 0; names && i < names->size() && !metadata.mistake(); ++i) {
    const std::string name((*names)[i]), key = "tokenizer.chat_template." + name;
    if (name == "default" && !files.templates.empty())
      continue; // It is the one without a name.
    std::optional<std::string> text = metadata.maybeString(key);
    if (!text)
      metadata.fail("'tokenizer.chat_templates' names '" + json::printable(name) + "', yet '" + json::printable(key) +
                    "' is missing");
    else
      files.templates.push_back({name, std::move(*text), file, false});
  }
  if (!files.templates.empty())
    readTokens(metadata, files);
  if (metadata.mistake())
    return *metadata.mistake();
  return files;
}

} // namespace llmc::text
