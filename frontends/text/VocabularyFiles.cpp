// VocabularyFiles.cpp - reads vocab.json with merges.txt, and vocab.txt, which hold a BPE and a WordPiece model.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerFiles.h"
#include "frontends/text/TokenizerJson.h"

#include <algorithm>

namespace llmc::text {

using json::Value;

namespace {

constexpr const char *byteLevel = R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true})";

/// Marks the tokens of the vocabulary that are control tokens by their well-known texts.
std::string addKnownSpecials(SpecBuilder &builder, std::initializer_list<const char *> contents) {
  for (const char *content : contents) {
    uint32_t id = builder.find(content);
    if (id == LLMC_NO_TOKEN || (builder.spec.tokens[id].flags & LLMC_TOKEN_ADDED))
      continue;
    if (std::string mistake = builder.addAdded({id, content}); !mistake.empty())
      return mistake;
  }
  return {};
}

/// Puts `first` before and `last` behind every text, where both are tokens.
void frame(SpecBuilder &builder, const std::string &first, const std::string &last) {
  auto idOf = [&](const std::string &content) {
    for (const AddedSpec &added : builder.spec.added)
      if (builder.spec.tokens[added.token].text == content || added.content == content)
        return added.token;
    return builder.find(content);
  };
  uint32_t before = idOf(first), after = idOf(last);
  if (before == LLMC_NO_TOKEN || after == LLMC_NO_TOKEN)
    return;
  builder.spec.prefix.push_back(before);
  builder.spec.suffix.push_back(after);
}

/// Lines of a text without their ends.
class Lines {
public:
  explicit Lines(std::string_view text) : rest(text) {}
  bool next(std::string_view &line) {
    if (rest.empty())
      return false;
    size_t end = rest.find('\n');
    line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    ++number;
    return true;
  }
  size_t number = 0;

private:
  std::string_view rest;
};

/// How a vocab.json with merges.txt is meant; its files do not say.
enum class Kind { Bytes, ComposedBytes, LoweredBytesWithEnds, LoweredWordsWithEnds };

Kind kindOf(Value vocabulary, const TokenizerConfig &config) {
#define TOKENIZER_CLASS(name, kind)                                                                                    \
  if (config.className == name)                                                                                        \
    return Kind::kind;
#include "frontends/text/PublishedNames.def"
  if (!vocabulary.find("a</w>"))
    return Kind::Bytes;
  return vocabulary.find("\u0120") ? Kind::LoweredBytesWithEnds
                                   : Kind::LoweredWordsWithEnds; // a blank in the alphabet of bytes
}

void setKind(Kind kind, const TokenizerConfig &config, SpecBuilder &builder) {
  std::string decoder = std::string(R"(, "decoder": )") + byteLevel + "}";
  switch (kind) {
  case Kind::Bytes:
    setPipeline(std::string(R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": )") +
                    (config.prefixSpace.value_or(false) ? "true" : "false") + "}" + decoder,
                builder);
    return;
  case Kind::ComposedBytes:
    setPipeline(std::string(R"x({"normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex":
         "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
         "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})x") +
                    decoder,
                builder);
    return;
  case Kind::LoweredBytesWithEnds:
    builder.spec.wordEnd = "</w>";
    setPipeline(std::string(R"x({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"},
        {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex":
         "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"}, "behavior": "Removed", "invert": true},
        {"type": "ByteLevel", "add_prefix_space": false}]})x") +
                    decoder,
                builder);
    return;
  case Kind::LoweredWordsWithEnds:
    builder.spec.wordEnd = "</w>";
    setPipeline(R"({"normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "BPEDecoder", "suffix": "</w>"}})",
                builder);
    return;
  }
}

} // namespace

Result<TokenizerSpec> readVocabularyAndMerges(const json::Document &vocabulary, std::string_view merges,
                                              const std::string &mergesFile, const TokenizerConfig &config) {
  SpecBuilder builder;
  Result<Value> object = vocabulary.root().getObject("the vocabulary");
  if (!object)
    return object.takeError();
  Kind kind = kindOf(*object, config);
  setKind(kind, config, builder);
  uint64_t maxId = 64 * uint64_t(object->size()) + 65536;
  for (size_t i = 0; i < object->size(); ++i) {
    std::string_view text = object->key(i).asString();
    Result<int64_t> id = object->member(i).getInteger("the id of " + quoted(text));
    if (!id)
      return id.takeError();
    if (*id < 0 || static_cast<uint64_t>(*id) > maxId)
      return object->member(i).error("the id of " + quoted(text) + " is " + std::to_string(*id) + " (expected 0 to " +
                                     std::to_string(maxId) + ")");
    if (std::string mistake = builder.addToken(static_cast<uint32_t>(*id), text, true); !mistake.empty())
      return object->key(i).error(mistake);
  }
  if (builder.spec.tokens.empty())
    return object->error("the vocabulary has no tokens");
  Lines lines(merges);
  std::string joined;
  for (std::string_view line; lines.next(line);) {
    if (line.empty() || (lines.number == 1 && line.substr(0, 9) == "#version:"))
      continue;
    size_t space = line.find(' ');
    std::string_view left = line.substr(0, space),
                     right = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    if (left.empty() || right.empty() || right.find(' ') != std::string_view::npos)
      return lineError(mergesFile, lines.number, "two tokens must stand here, found " + quoted(line));
    joined.assign(left).append(right);
    MergeSpec merge = {builder.find(left), builder.find(right), builder.find(joined)};
    std::string_view texts[] = {left, right, joined};
    uint32_t ids[] = {merge.left, merge.right, merge.result};
    for (int part = 0; part < 3; ++part)
      if (ids[part] == LLMC_NO_TOKEN)
        return lineError(mergesFile, lines.number,
                         std::string(part < 2 ? "merges " : "makes ") + quoted(texts[part]) +
                             ", which is not in the vocabulary");
    builder.spec.merges.push_back(merge);
  }
  std::string mistake = addConfigTokens(config, builder);
  if (mistake.empty())
    mistake =
        addKnownSpecials(builder, {"<|endoftext|>", "<|startoftext|>", "<s>", "</s>", "<pad>", "<unk>", "<mask>"});
  if (!mistake.empty())
    return lineError(vocabulary.file(), 0, mistake);
  if (kind == Kind::LoweredWordsWithEnds || kind == Kind::LoweredBytesWithEnds)
    builder.spec.unk = builder.find(kind == Kind::LoweredBytesWithEnds ? "<|endoftext|>"
                                    : config.unk.empty()               ? "<unk>"
                                                                       : config.unk);
  if (kind == Kind::LoweredBytesWithEnds)
    frame(builder, "<|startoftext|>", "<|endoftext|>");
  constexpr const char *framed[] = {
#define FRAMED_CLASS(name) name,
#include "frontends/text/PublishedNames.def"
  };
  if (std::find(std::begin(framed), std::end(framed), config.className) != std::end(framed))
    frame(builder, config.cls.empty() ? "<s>" : config.cls, config.sep.empty() ? "</s>" : config.sep);
  return std::move(builder.spec);
}

Result<TokenizerSpec> readVocabularyList(std::string_view text, const std::string &file,
                                         const TokenizerConfig &config) {
  SpecBuilder builder;
  builder.spec.model = LLMC_TOKENIZER_WORDPIECE;
  builder.spec.wordInner = "##";
  builder.spec.longestWord = 100;
  constexpr size_t maxTokens = size_t(1) << 22;
  // Vocabularies are of one case or of both; a lower-casing one has no capital but in control tokens.
  bool capitals = false;
  Lines scan(text);
  for (std::string_view line; scan.next(line);)
    capitals |= !line.empty() && line[0] != '[' && line[0] != '<' &&
                std::any_of(line.begin(), line.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  bool lower = config.lowerCase.value_or(!capitals);
  auto word = [](bool value) { return value ? "true" : "false"; };
  setPipeline(std::string(R"({"normalizer": {"type": "BertNormalizer", "handle_chinese_chars": )") +
                  word(config.chineseCharacters.value_or(true)) + R"(, "strip_accents": )" +
                  (config.stripAccents ? word(*config.stripAccents) : "null") + R"(, "lowercase": )" + word(lower) +
                  R"(}, "pre_tokenizer": {"type": "BertPreTokenizer"},
                  "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true}})",
              builder);
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    if (line.empty())
      continue; // it still counts as an id
    for (size_t at = 0; at < line.size();) {
      size_t start = at;
      if (nextCodepoint(line, at) == 0xfffd && at - start != 3)
        return lineError(file, lines.number, "the token is not UTF-8");
    }
    if (lines.number > maxTokens)
      return lineError(file, lines.number, "has more than 4194304 tokens");
    if (builder.find(line) != LLMC_NO_TOKEN)
      return lineError(file, lines.number, "token " + quoted(line) + " is there twice");
    if (std::string mistake = builder.addToken(static_cast<uint32_t>(lines.number - 1), line, true); !mistake.empty())
      return lineError(file, lines.number, mistake);
  }
  std::string unk = config.unk.empty() ? "[UNK]" : config.unk;
  builder.spec.unk = builder.find(unk);
  if (builder.spec.unk == LLMC_NO_TOKEN)
    return lineError(file, 0, "no line is the unknown token " + quoted(unk));
  std::string mistake = addConfigTokens(config, builder);
  if (mistake.empty())
    mistake = addKnownSpecials(builder, {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"});
  if (!mistake.empty())
    return lineError(file, 0, mistake);
  frame(builder, config.cls.empty() ? "[CLS]" : config.cls, config.sep.empty() ? "[SEP]" : config.sep);
  return std::move(builder.spec);
}

} // namespace llmc::text
