// TokenizerConfig.cpp - reads tokenizer_config.json, and sets pipelines that a file's kind implies.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerFiles.h"
#include "frontends/text/TokenizerJson.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <unistd.h>

namespace llmc::text {

using json::Value;

Diagnostic lineError(const std::string &file, size_t line, std::string message, std::string note) {
  Diagnostic mistake;
  mistake.file = file;
  mistake.line = static_cast<uint32_t>(line);
  mistake.message = std::move(message);
  mistake.note = std::move(note);
  return mistake;
}

void setPipeline(const std::string &json, SpecBuilder &builder) {
  Result<json::Document> document = json::Document::parse(json, "pipeline");
  assert(document && "a pipeline of our own is JSON");
  Component root = {document->root(), {}};
  [[maybe_unused]] Checked read = readNormalizer(root, builder.spec);
  assert(read);
  read = readPreTokenizer(root, builder.spec);
  assert(read);
  read = readDecoder(root, builder);
  assert(read);
}

namespace {

/// A special token's content: a string, or an object with "content".
std::string contentOf(const Component &root, const char *key) {
  std::optional<Value> member = root.get(key);
  if (member && member->isObject())
    member = member->find("content");
  return member && member->isString() ? std::string(member->asString()) : std::string();
}

Checked readAdded(const Component &root, TokenizerConfig &config) {
  std::optional<Value> member = root.get("added_tokens_decoder");
  if (!member)
    return Success{};
  Result<Value> object = member->getObject("added_tokens_decoder");
  if (!object)
    return object.takeError();
  constexpr uint32_t maxId = 1u << 22;
  for (size_t i = 0; i < object->size(); ++i) {
    std::string_view number = object->key(i).asString();
    AddedToken added = {};
    auto [end, failure] = std::from_chars(number.data(), number.data() + number.size(), added.id);
    if (failure != std::errc() || end != number.data() + number.size() || added.id > maxId)
      return object->key(i).error("'added_tokens_decoder' has the key " + quoted(number) +
                                  " (expected an id, 0 to 4194304)");
    Component entry = {object->member(i), "added_tokens_decoder[" + quoted(number) + "]"};
    if (Result<Value> inner = entry.value.getObject(entry.path); !inner)
      return inner.takeError();
    Result<std::string> content = entry.string("content");
    if (!content)
      return content.takeError();
    if (content->size() > LLMC_TOKENIZER_MAX_ADDED_BYTES)
      return entry.value.error("'" + entry.name("content") + "' has " + std::to_string(content->size()) +
                               " bytes (expected at most 1024)");
    added.content = *content;
    added.flags = LLMC_TOKEN_ADDED;
    struct Option {
      const char *key;
      uint16_t flag;
    };
    for (Option option : {Option{"special", LLMC_TOKEN_SPECIAL}, Option{"lstrip", LLMC_TOKEN_LSTRIP},
                          Option{"rstrip", LLMC_TOKEN_RSTRIP}, Option{"single_word", LLMC_TOKEN_SINGLE_WORD}}) {
      Result<bool> set = entry.flag(option.key, false);
      if (!set)
        return set.takeError();
      if (*set)
        added.flags |= option.flag;
    }
    Result<bool> normalized = entry.flag("normalized", !(added.flags & LLMC_TOKEN_SPECIAL));
    if (!normalized)
      return normalized.takeError();
    added.normalized = *normalized;
    config.added.push_back(std::move(added));
  }
  return Success{};
}

} // namespace

Result<TokenizerConfig> readTokenizerConfig(const std::string &path, const std::string &shownAs) {
  TokenizerConfig config;
  if (access(path.c_str(), F_OK) != 0)
    return config;
  Result<json::Document> document = json::Document::read(path, shownAs);
  if (!document)
    return document.takeError();
  Component root = {document->root(), {}};
  if (Result<Value> object = root.value.getObject("tokenizer_config"); !object)
    return object.takeError();
  struct Option {
    const char *key;
    std::optional<bool> &value;
  };
  for (Option option :
       {Option{"add_bos_token", config.addBos}, Option{"add_eos_token", config.addEos},
        Option{"do_lower_case", config.lowerCase}, Option{"strip_accents", config.stripAccents},
        Option{"tokenize_chinese_chars", config.chineseCharacters}, Option{"add_prefix_space", config.prefixSpace}})
    if (root.get(option.key)) {
      Result<bool> set = root.flag(option.key, false);
      if (!set)
        return set.takeError();
      option.value = *set;
    }
  config.className = contentOf(root, "tokenizer_class");
  if (config.className.size() > 4 && config.className.compare(config.className.size() - 4, 4, "Fast") == 0)
    config.className.resize(config.className.size() - 4);
  config.bos = contentOf(root, "bos_token");
  config.eos = contentOf(root, "eos_token");
  config.unk = contentOf(root, "unk_token");
  config.cls = contentOf(root, "cls_token");
  config.sep = contentOf(root, "sep_token");
  if (Checked done = readAdded(root, config); !done)
    return done.takeError();
  return config;
}

std::string addConfigTokens(const TokenizerConfig &config, SpecBuilder &builder) {
  TextNormalizer normalizer(builder.spec.normalizer);
  for (const AddedToken &added : config.added) {
    bool isThere = std::any_of(builder.spec.added.begin(), builder.spec.added.end(),
                               [&](const AddedSpec &other) { return other.token == added.id; });
    uint32_t known = builder.find(added.content);
    if (known != LLMC_NO_TOKEN && known != added.id)
      return "tokenizer_config.json gives " + quoted(added.content) + " the id " + std::to_string(added.id) +
             ", but here it has " + std::to_string(known);
    if (isThere && builder.spec.tokens[added.id].text == added.content)
      continue;
    if (std::string mistake = builder.addAdded(added); !mistake.empty())
      return "tokenizer_config.json does not fit: " + mistake;
    if (added.normalized) {
      std::string &sought = builder.spec.added.back().content;
      sought = normalizer.apply(sought);
      if (sought.size() > LLMC_TOKENIZER_MAX_ADDED_BYTES)
        return quoted(added.content) + " has more than 1024 bytes after normalizing";
    }
  }
  return {};
}

} // namespace llmc::text
