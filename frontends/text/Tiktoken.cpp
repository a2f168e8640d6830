// Tiktoken.cpp - reads tiktoken's tables of ranks and tekken.json, which are BPE without merges.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerFiles.h"
#include "frontends/text/TokenizerJson.h"

#include <algorithm>
#include <charconv>

namespace llmc::text {

using json::Value;

namespace {

constexpr std::string_view words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view threeDigits =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view oneDigit =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view cases =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct Published {
  size_t ranks;
  std::string_view pattern;
  bool begins;
};
constexpr Published published[] = {
#define TIKTOKEN_TABLE(ranks, pattern, begins) {ranks, pattern, begins},
#include "frontends/text/PublishedNames.def"
};

struct Special {
  size_t ranks;
  uint32_t id;
  const char *content;
};
constexpr Special specials[] = {
#define TIKTOKEN_SPECIAL(ranks, id, content) {ranks, id, content},
#include "frontends/text/PublishedNames.def"
};

void prepare(SpecBuilder &builder) {
  builder.spec.flags = LLMC_TOKENIZER_BYTE_LEVEL | LLMC_TOKENIZER_IGNORE_MERGES;
  builder.spec.decoder = LLMC_DECODER_BYTES;
  builder.decoder.byteLevel = true;
}

/// The pattern's step; what is wrong with it, or empty.
std::string splitBy(std::string_view pattern, SpecBuilder &builder) {
  PatternResult<PatternNode> parsed = parsePattern(pattern);
  StepSpec step;
  step.pattern = std::move(parsed.value);
  step.name = "the pattern";
  builder.spec.steps.push_back(std::move(step));
  return parsed.mistake;
}

/// Merges, after a check that every byte is there.
std::string finish(SpecBuilder &builder, const std::vector<uint32_t> &ranks) {
  for (unsigned byte = 0; byte < 256; ++byte)
    if (builder.find(std::string(1, static_cast<char>(byte))) == LLMC_NO_TOKEN)
      return "no token is the single byte " + std::to_string(byte) + " (expected all of 0 to 255)";
  return builder.mergesOfRanks(ranks);
}

/// A special token with a content of its own; those that print the literal text are decoded as they stand.
std::string addSpecial(SpecBuilder &builder, uint32_t id, const std::string &content, bool control) {
  uint16_t flags = LLMC_TOKEN_ADDED;
  if (control)
    flags |= LLMC_TOKEN_SPECIAL;
  if (content.empty() || content.size() > LLMC_TOKENIZER_MAX_ADDED_BYTES)
    return "special token " + std::to_string(id) + " has " + std::to_string(content.size()) +
           " bytes (expected 1 to 1024)";
  std::string mistake = builder.addAdded({id, content, flags, false});
  if (mistake.empty())
    builder.spec.tokens[id].piece = content;
  return mistake;
}

} // namespace

bool looksLikeTiktoken(std::string_view text) {
  // Printable characters and line ends alone: a protocol buffer begins with a byte 0x0a and a length, but its floats
  // and tags are not printable for long.
  std::string_view start = text.substr(0, 256);
  return !start.empty() && std::all_of(start.begin(), start.end(),
                                       [](char c) { return (c >= ' ' && c < 0x7f) || c == '\n' || c == '\r'; });
}

Result<TokenizerSpec> readTiktoken(std::string_view text, const std::string &file, const TokenizerConfig &config) {
  SpecBuilder builder;
  prepare(builder);
  size_t number = 0, count = 0, lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  uint64_t maxRank = 64 * uint64_t(lines) + 65536;
  std::vector<uint32_t> ranks;
  while (!text.empty()) {
    ++number;
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    if (line.empty())
      continue;
    size_t space = line.find(' ');
    if (space == std::string_view::npos)
      return lineError(file, number, "a token in base64, a space and a rank must stand here, found " + quoted(line));
    std::optional<std::string> bytes = fromBase64(line.substr(0, space));
    if (!bytes || bytes->empty())
      return lineError(file, number, quoted(line.substr(0, space)) + " is not base64");
    uint64_t rank = 0;
    std::string_view digits = line.substr(space + 1);
    auto [stop, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    if (failure != std::errc() || stop != digits.data() + digits.size() || rank > maxRank)
      return lineError(file, number,
                       quoted(digits) + " is not a possible rank (expected 0 to " + std::to_string(maxRank) + ")");
    if (std::string mistake = builder.addBytes(static_cast<uint32_t>(rank), *bytes); !mistake.empty())
      return lineError(file, number, mistake);
    ++count;
  }
  for (uint32_t id = 0; id < builder.spec.tokens.size(); ++id)
    ranks.push_back(builder.spec.tokens[id].flags & LLMC_TOKEN_PRESENT ? id : LLMC_NO_TOKEN);
  const Published *table = nullptr;
  std::string known;
  for (const Published &entry : published) {
    if (entry.ranks == count)
      table = &entry;
    known += (known.empty() ? "" : ", ") + std::to_string(entry.ranks);
  }
  if (!table)
    return lineError(file, 0,
                     "has " + std::to_string(count) +
                         " tokens, as no tiktoken table whose pattern is known (expected " + known + ")",
                     "the pattern that splits text is not in the file; give the model's tokenizer.json");
  std::string mistake = splitBy(table->pattern, builder);
  if (mistake.empty())
    mistake = finish(builder, ranks);
  if (mistake.empty())
    mistake = addConfigTokens(config, builder);
  uint32_t firstSpecial = LLMC_NO_TOKEN;
  for (const Special &special : specials) {
    if (special.ranks != count)
      continue;
    firstSpecial = std::min(firstSpecial, special.id);
    bool isThere = std::any_of(config.added.begin(), config.added.end(), [&](const AddedToken &added) {
      return added.id == special.id || added.content == special.content;
    });
    if (!isThere && mistake.empty())
      mistake = addSpecial(builder, special.id, special.content, true);
  }
  if (!mistake.empty())
    return lineError(file, 0, mistake);
  if (config.addBos.value_or(table->begins) && table->begins)
    builder.spec.prefix.push_back(firstSpecial);
  return std::move(builder.spec);
}

namespace {

/// What tekken files of before version 7 have without saying so.
constexpr const char *tekkenSpecials[] = {"<unk>",
                                          "<s>",
                                          "</s>",
                                          "[INST]",
                                          "[/INST]",
                                          "[AVAILABLE_TOOLS]",
                                          "[/AVAILABLE_TOOLS]",
                                          "[TOOL_RESULTS]",
                                          "[/TOOL_RESULTS]",
                                          "[TOOL_CALLS]",
                                          "<pad>",
                                          "[PREFIX]",
                                          "[MIDDLE]",
                                          "[SUFFIX]"};

class TekkenReader {
public:
  explicit TekkenReader(const json::Document &document) : root{document.root(), {}} {}

  Result<TokenizerSpec> read() {
    prepare(builder);
    if (Checked done = settings(); !done)
      return done.takeError();
    if (Checked done = specials(); !done)
      return done.takeError();
    if (Checked done = vocabulary(); !done)
      return done.takeError();
    return std::move(builder.spec);
  }

private:
  Checked settings() {
    std::optional<Value> member = root.get("config");
    if (!member)
      return root.value.error("'config' is missing");
    Result<Value> object = member->getObject("config");
    if (!object)
      return object.takeError();
    Component config = {*object, "config"};
    Result<std::string> pattern = config.string("pattern");
    if (!pattern)
      return pattern.takeError();
    if (pattern->size() > maxPatternBytes)
      return config.get("pattern")->error("'config.pattern' is longer than 65536 bytes");
    if (std::string mistake = splitBy(*pattern, builder); !mistake.empty())
      return config.get("pattern")->error("'config.pattern': " + mistake);
    for (auto [key, value] : {std::pair<const char *, uint32_t &>{"default_vocab_size", size},
                              std::pair<const char *, uint32_t &>{"default_num_special_tokens", specialCount}}) {
      std::optional<Value> number = config.get(key);
      if (!number)
        return config.value.error("'config." + std::string(key) + "' is missing");
      Result<int64_t> count = number->getInteger("config." + std::string(key));
      if (!count)
        return count.takeError();
      if (*count < 0 || *count > (1 << 22))
        return number->error("'config." + std::string(key) + "' = " + std::to_string(*count) +
                             " (expected 0 to 4194304)");
      value = static_cast<uint32_t>(*count);
    }
    if (size <= specialCount)
      return config.value.error("'config.default_vocab_size' = " + std::to_string(size) +
                                " leaves no tokens beside the " + std::to_string(specialCount) + " special ones");
    return Success{};
  }

  Checked specials() {
    std::optional<Value> member = root.get("special_tokens");
    if (!member) {
      for (uint32_t id = 0; id < specialCount && id < std::size(tekkenSpecials); ++id)
        if (std::string mistake = addSpecial(builder, id, tekkenSpecials[id], true); !mistake.empty())
          return root.value.error(mistake);
    } else {
      Result<Value> array = member->getArray("special_tokens");
      if (!array)
        return array.takeError();
      for (size_t i = 0; i < array->size(); ++i) {
        Component entry = {array->at(i), "special_tokens[" + std::to_string(i) + "]"};
        Result<uint32_t> rank = rankOf(entry, specialCount);
        if (!rank)
          return rank.takeError();
        Result<std::string> content = entry.string("token_str");
        if (!content)
          return content.takeError();
        Result<bool> control = entry.flag("is_control", true);
        if (!control)
          return control.takeError();
        if (std::string mistake = addSpecial(builder, *rank, *content, *control); !mistake.empty())
          return entry.value.error(mistake);
      }
    }
    for (uint32_t id = 0; id < specialCount; ++id)
      if (id >= builder.spec.tokens.size() || !(builder.spec.tokens[id].flags & LLMC_TOKEN_PRESENT))
        if (std::string mistake = addSpecial(builder, id, "<SPECIAL_" + std::to_string(id) + ">", true);
            !mistake.empty())
          return root.value.error(mistake);
    for (uint32_t id = 0; id < specialCount; ++id)
      if (builder.spec.tokens[id].text == "<s>")
        builder.spec.prefix.push_back(id);
    return Success{};
  }

  Result<uint32_t> rankOf(const Component &entry, uint32_t bound) {
    if (Result<Value> object = entry.value.getObject(entry.path); !object)
      return object.takeError();
    std::optional<Value> member = entry.get("rank");
    if (!member)
      return entry.value.error("'" + entry.name("rank") + "' is missing");
    Result<int64_t> rank = member->getInteger(entry.name("rank"));
    if (!rank)
      return rank.takeError();
    if (*rank < 0 || *rank >= bound)
      return member->error("'" + entry.name("rank") + "' = " + std::to_string(*rank) + " (expected 0 to " +
                           std::to_string(int64_t(bound) - 1) + ")");
    return static_cast<uint32_t>(*rank);
  }

  Checked vocabulary() {
    std::optional<Value> member = root.get("vocab");
    if (!member)
      return root.value.error("'vocab' is missing");
    Result<Value> array = member->getArray("vocab");
    if (!array)
      return array.takeError();
    // The file holds more than the model has: only the first ranks count.
    uint32_t count = size - specialCount;
    if (array->size() < count)
      return array->error("'vocab' has " + std::to_string(array->size()) + " tokens (expected at least " +
                          std::to_string(count) + ")");
    for (size_t i = 0; i < array->size(); ++i) {
      Component entry = {array->at(i), "vocab[" + std::to_string(i) + "]"};
      Result<uint32_t> rank = rankOf(entry, static_cast<uint32_t>(array->size()));
      if (!rank)
        return rank.takeError();
      if (*rank >= count)
        continue;
      Result<std::string> text = entry.string("token_bytes");
      if (!text)
        return text.takeError();
      std::optional<std::string> bytes = fromBase64(*text);
      if (!bytes || bytes->empty())
        return entry.get("token_bytes")->error("'" + entry.name("token_bytes") + "' is not base64");
      if (std::string mistake = builder.addBytes(specialCount + *rank, *bytes); !mistake.empty())
        return entry.value.error(mistake);
    }
    std::vector<uint32_t> ranks;
    for (uint32_t id = 0; id < builder.spec.tokens.size(); ++id)
      ranks.push_back(id >= specialCount && (builder.spec.tokens[id].flags & LLMC_TOKEN_PRESENT) ? id : LLMC_NO_TOKEN);
    if (std::string mistake = finish(builder, ranks); !mistake.empty())
      return root.value.error(mistake);
    return Success{};
  }

  Component root;
  SpecBuilder builder;
  uint32_t size = 0, specialCount = 0;
};

} // namespace

Result<TokenizerSpec> readTekken(const json::Document &document) { return TekkenReader(document).read(); }

} // namespace llmc::text
