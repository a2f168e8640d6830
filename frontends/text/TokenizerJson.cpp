// TokenizerJson.cpp - reads a tokenizer.json: the added tokens here, its other parts where their own files say.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerJson.h"

namespace llmc::text {

using json::Value;

namespace {

class Reader {
public:
  explicit Reader(const json::Document &document)
      : root{document.root(), {}}, model(root, builder), normalizer(builder.spec.normalizer) {}

  Result<TokenizerSpec> read() {
    if (Result<Value> object = root.value.getObject("tokenizer"); !object)
      return object.takeError();
    // Padding and truncation are about batches for training; nothing here cuts or pads.
    if (Checked keys = root.only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                                  "post_processor", "decoder", "model"});
        !keys)
      return keys.takeError();
    if (Checked done = parts(); !done)
      return done.takeError();
    return std::move(builder.spec);
  }

private:
  Checked parts() {
    if (Checked done = model.options(); !done)
      return done;
    if (Checked done = readNormalizer(root, builder.spec); !done)
      return done;
    if (Checked done = readPreTokenizer(root, builder.spec); !done)
      return done;
    if (Checked done = readDecoder(root, builder); !done)
      return done;
    if (Checked done = model.vocabulary(); !done)
      return done;
    if (Checked done = addedTokens(); !done)
      return done;
    if (builder.spec.tokens.empty())
      return root.get("model")->error("the tokenizer has no tokens");
    return readPostProcessor(root, builder.spec);
  }

  Checked addedTokens() {
    std::optional<Value> member = root.get("added_tokens");
    if (!member)
      return Success{};
    Result<Value> array = member->getArray("added_tokens");
    if (!array)
      return array.takeError();
    for (size_t i = 0; i < array->size(); ++i) {
      std::string path = "added_tokens[" + std::to_string(i) + "]";
      Result<Value> object = array->at(i).getObject(path);
      if (!object)
        return object.takeError();
      if (Checked done = addedToken({*object, path}); !done)
        return done;
    }
    return Success{};
  }

  Checked addedToken(const Component &entry) {
    if (Checked keys = entry.only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}); !keys)
      return keys;
    Result<std::string> content = entry.string("content");
    if (!content)
      return content.takeError();
    std::optional<Value> number = entry.get("id");
    if (!number)
      return entry.value.error("'" + entry.name("id") + "' is missing");
    Result<uint32_t> id = model.tokenId(*number, entry.name("id"));
    if (!id)
      return id.takeError();
    if (content->size() > LLMC_TOKENIZER_MAX_ADDED_BYTES)
      return entry.value.error("'" + entry.name("content") + "' has " + std::to_string(content->size()) +
                               " bytes (expected at most " + std::to_string(LLMC_TOKENIZER_MAX_ADDED_BYTES) + ")");

    uint16_t flags = LLMC_TOKEN_ADDED;
    struct Option {
      const char *key;
      uint16_t flag;
    };
    for (Option option : {Option{"single_word", LLMC_TOKEN_SINGLE_WORD}, Option{"lstrip", LLMC_TOKEN_LSTRIP},
                          Option{"rstrip", LLMC_TOKEN_RSTRIP}, Option{"special", LLMC_TOKEN_SPECIAL}}) {
      Result<bool> set = entry.flag(option.key, false);
      if (!set)
        return set.takeError();
      if (*set)
        flags |= option.flag;
    }
    Result<bool> normalized = entry.flag("normalized", !(flags & LLMC_TOKEN_SPECIAL));
    if (!normalized)
      return normalized.takeError();

    uint32_t known = builder.find(*content);
    if (known != LLMC_NO_TOKEN && known != *id)
      return number->error("'" + entry.name("id") + "' = " + std::to_string(*id) + ", but 'model.vocab' gives " +
                           quoted(*content) + " the id " + std::to_string(known));
    if (std::string mistake = builder.addAdded({*id, *content, flags, *normalized}); !mistake.empty())
      return number->error(mistake);
    std::string &sought = builder.spec.added.back().content;
    if (*normalized)
      sought = normalizer.apply(sought);
    if (sought.size() > LLMC_TOKENIZER_MAX_ADDED_BYTES)
      return entry.value.error("'" + entry.name("content") + "' has more than " +
                               std::to_string(LLMC_TOKENIZER_MAX_ADDED_BYTES) + " bytes after normalizing");
    return Success{};
  }

  Component root;
  SpecBuilder builder;
  ModelReader model;
  TextNormalizer normalizer;
};

} // namespace

Result<TokenizerSpec> readTokenizerJson(const json::Document &document) { return Reader(document).read(); }

Result<std::string> compileTokenizer(const json::Document &document) {
  Result<TokenizerSpec> spec = readTokenizerJson(document);
  if (!spec)
    return spec.takeError();
  SectionResult section = writeTokenizerSection(*spec);
  if (!section.mistake.empty()) {
    Diagnostic mistake;
    mistake.file = document.file();
    mistake.message = section.mistake;
    return mistake;
  }
  return std::move(section.bytes);
}

} // namespace llmc::text
