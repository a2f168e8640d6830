// GgufVocabulary.cpp - reads tokenizer.ggml.* of GGUF files; meanings and defaults are those of llama.cpp.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/GgufVocabulary.h"

#include "frontends/formats/json/Json.h"
#include "frontends/text/GgufPreTokenizers.h"
#include "frontends/text/TokenizerFiles.h"
#include "frontends/text/TokenizerJson.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace llmc::text {

namespace {

using gguf::Kind;
using gguf::MetadataReader;
using gguf::Value;
using json::printable;

constexpr size_t kMaxTokens = 1u << 24;
constexpr size_t kMaxTokenBytes = 1024;             // The longest in use are runs of a few hundred blanks.
constexpr std::string_view kSpace = "\xE2\x96\x81"; // U+2581, what stands for a blank.

/// Numbers of tokenizer.ggml.token_type.
enum TokenType : int64_t { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };

std::string quoted(std::string_view text) { return "'" + printable(text) + "'"; }

class Reader {
public:
  explicit Reader(MetadataReader &metadata) : metadata(metadata) {}

  TokenizerSpec read() {
    const std::string model = metadata.requireString("tokenizer.ggml.model");
    if (metadata.mistake())
      return {};
    struct Known {
      const char *name;
      void (Reader::*read)();
    };
    static constexpr Known readers[] = {
#define LLMC_GGUF_MODEL(name, reader) {name, &Reader::reader},
#include "frontends/text/GgufNames.def"
    };
    const Known *known =
        std::find_if(std::begin(readers), std::end(readers), [&](const Known &each) { return model == each.name; });
    if (known != std::end(readers)) {
      (this->*known->read)();
    } else {
      std::string names;
      for (const Known &each : readers)
        names += (names.empty() ? "'" : " or '") + std::string(each.name) + "'";
      metadata.fail("'tokenizer.ggml.model' = " + quoted(model) + " is not supported (expected " + names + ")");
    }
    return metadata.mistake() ? TokenizerSpec() : std::move(spec);
  }

private:
  bool failed() const { return metadata.mistake().has_value(); }

  /// An id of the vocabulary, or nothing. All ones and -1 are no token.
  std::optional<uint32_t> token(const char *key) {
    const std::optional<Value> value = metadata.maybeAny(key);
    if (!value || (value->isInteger() && (value->asInteger() == UINT32_MAX || value->asInteger() == -1)))
      return std::nullopt;
    const std::optional<int64_t> id = metadata.maybeInteger(key, {0, int64_t(texts.size()) - 1});
    return id ? std::optional<uint32_t>(uint32_t(*id)) : std::nullopt;
  }

  void tokens() {
    std::optional<std::vector<std::string_view>> list = metadata.maybeStrings("tokenizer.ggml.tokens");
    if (!list)
      return metadata.fail("'tokenizer.ggml.tokens' is missing");
    texts = std::move(*list);
    if (texts.empty() || texts.size() > kMaxTokens)
      return metadata.fail("'tokenizer.ggml.tokens' holds " + std::to_string(texts.size()) + " tokens, expected 1 to " +
                           std::to_string(kMaxTokens));
    for (size_t id = 0; id < texts.size(); ++id)
      if (texts[id].size() > kMaxTokenBytes)
        return metadata.fail("token " + std::to_string(id) + " has " + std::to_string(texts[id].size()) +
                             " bytes, expected at most " + std::to_string(kMaxTokenBytes));
    types.assign(texts.size(), Normal);
    const std::optional<Value> given = metadata.maybeArray("tokenizer.ggml.token_type", Kind::I32);
    if (!given)
      return;
    if (given->size() != texts.size())
      return metadata.fail("'tokenizer.ggml.token_type' holds " + std::to_string(given->size()) +
                           " numbers, expected one for each of " + std::to_string(texts.size()) + " tokens");
    for (size_t id = 0; id < texts.size(); ++id) {
      types[id] = *given->at(id).asInteger();
      if (types[id] < Normal || types[id] > Byte)
        return metadata.fail("token " + std::to_string(id) + " has type " + std::to_string(types[id]) +
                             ", expected 1 to 6");
    }
  }

  /// The token that a text is looked up as: the first of its text that the model may produce.
  uint32_t find(std::string_view text) const {
    const auto found = byText.find(text);
    return found == byText.end() ? LLMC_NO_TOKEN : found->second;
  }

  /// Tokens that are cut out of text before the model sees it.
  void addWhole(uint32_t id, bool special) {
    TokenSpec &token = spec.tokens[id];
    token.piece = std::string(texts[id]);
    if (texts[id].empty())
      return;
    token.flags |= LLMC_TOKEN_ADDED | (special ? LLMC_TOKEN_SPECIAL : 0);
    token.text = token.piece;
    spec.added.push_back({id, token.piece, false});
  }

  /// What stands around a text.
  void around(bool begins) {
    const std::optional<uint32_t> bos = token("tokenizer.ggml.bos_token_id");
    const std::optional<uint32_t> eos = token("tokenizer.ggml.eos_token_id");
    if (metadata.maybeFlag("tokenizer.ggml.add_bos_token").value_or(begins)) {
      if (bos)
        spec.prefix = {*bos};
      else if (metadata.has("tokenizer.ggml.add_bos_token"))
        metadata.fail("'tokenizer.ggml.add_bos_token' is true, yet 'tokenizer.ggml.bos_token_id' is missing");
    }
    if (metadata.maybeFlag("tokenizer.ggml.add_eos_token").value_or(false)) {
      if (eos)
        spec.suffix = {*eos};
      else
        metadata.fail("'tokenizer.ggml.add_eos_token' is true, yet 'tokenizer.ggml.eos_token_id' is missing");
    }
  }

  void byMerges();
  void byMergesOfText();
  void byScores();
  void byWords();
  void byUnigrams();
  bool textTokens();
  void merges();
  void take(Result<TokenizerSpec> read);
  void mergesOfScores(const Value &scores);

  MetadataReader &metadata;
  TokenizerSpec spec;
  std::vector<std::string_view> texts;
  std::vector<int64_t> types;
  std::unordered_map<std::string_view, uint32_t> byText;
};

void Reader::byMerges() {
  const std::optional<std::string> name = metadata.maybeString("tokenizer.ggml.pre");
  if (!name)
    return metadata.fail("'tokenizer.ggml.pre' is missing, which says how text is cut",
                         "the file was made by an old program: convert the model again");
  const GgufPreTokenizer *pre = findGgufPreTokenizer(*name);
  if (!pre)
    return metadata.fail("'tokenizer.ggml.pre' = " + quoted(*name) + " is not supported",
                         "supported are " + ggufPreTokenizerNames());
  tokens();
  if (failed())
    return;
  spec.flags = LLMC_TOKENIZER_BYTE_LEVEL | pre->flags;
  spec.decoder = LLMC_DECODER_BYTES;
  for (const char *pattern : pre->patterns) {
    StepSpec step;
    step.pattern = parsePattern(pattern).value;
    step.name = "'tokenizer.ggml.pre'";
    spec.steps.push_back(std::move(step));
  }
  if (metadata.maybeFlag("tokenizer.ggml.add_space_prefix").value_or(false)) {
    StepSpec step;
    step.kind = LLMC_STEP_PREPEND_FIRST;
    step.a = " ";
    spec.steps.insert(spec.steps.begin(), std::move(step));
  }

  spec.tokens.resize(texts.size());
  for (uint32_t id = 0; id < texts.size(); ++id) {
    TokenSpec &token = spec.tokens[id];
    token.flags = LLMC_TOKEN_PRESENT;
    if (types[id] == Control || types[id] == UserDefined) {
      addWhole(id, types[id] == Control);
      continue;
    }
    // A text outside the alphabet of bytes can never be met.
    std::optional<std::string> bytes = fromByteAlphabet(texts[id]);
    token.text = token.piece = bytes ? *bytes : std::string(texts[id]);
    if (types[id] == Normal && bytes && !bytes->empty() && byText.emplace(texts[id], id).second)
      token.flags |= LLMC_TOKEN_MODEL;
  }

  merges();
  around(pre->begins);
}

/// The merges that the file lists.
void Reader::merges() {
  const std::optional<std::vector<std::string_view>> list = metadata.maybeStrings("tokenizer.ggml.merges");
  if (!list)
    return metadata.fail("'tokenizer.ggml.merges' is missing");
  std::string joined;
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string_view text = (*list)[i];
    const std::string what = "merge " + std::to_string(i) + ", " + quoted(text) + ",";
    const size_t blank = text.find(' ', 1);
    if (text.size() > 2 * kMaxTokenBytes || blank == std::string_view::npos || blank + 1 == text.size())
      return metadata.fail(what + " is not two tokens with a blank between");
    const std::string_view left = text.substr(0, blank), right = text.substr(blank + 1);
    joined.assign(left).append(right);
    const MergeSpec merge = {find(left), find(right), find(joined)};
    if (merge.left == LLMC_NO_TOKEN || merge.right == LLMC_NO_TOKEN || merge.result == LLMC_NO_TOKEN)
      return metadata.fail(what +
                           (merge.left == LLMC_NO_TOKEN || merge.right == LLMC_NO_TOKEN ? " merges " : " makes ") +
                           "a token that is not in 'tokenizer.ggml.tokens'");
    spec.merges.push_back(merge);
  }
}

/// SentencePiece merges the neighbours whose token has the highest score: each way to make a token of two others is a
/// merge, ranked by it. Equal scores would be told apart by their place in the text; here by the ids, which is the same
/// where scores are distinct, as they are in files of the trainer.
void Reader::mergesOfScores(const Value &scores) {
  std::vector<std::pair<float, MergeSpec>> ranked;
  for (uint32_t id = 0; id < texts.size(); ++id) {
    if (!(spec.tokens[id].flags & LLMC_TOKEN_MODEL) || find(texts[id]) != id)
      continue;
    const std::string_view text = texts[id];
    const auto score = float(scores.at(id).asNumber());
    if (!std::isfinite(score))
      return metadata.fail("'tokenizer.ggml.scores': that of token " + std::to_string(id) + " is not a number");
    for (size_t cut = 1; cut < text.size(); ++cut) {
      if ((uint8_t(text[cut]) & 0xC0) == 0x80) // Inside a character.
        continue;
      const MergeSpec merge = {find(text.substr(0, cut)), find(text.substr(cut)), id};
      if (merge.left != LLMC_NO_TOKEN && merge.right != LLMC_NO_TOKEN)
        ranked.push_back({score, merge});
    }
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto &a, const auto &b) { return a.first > b.first; });
  // Of pieces with one score the leftmost place in the text is merged first: they share a rank.
  for (size_t i = 0, rank = 0; i < ranked.size(); ++i) {
    if (ranked[i].first != ranked[rank].first)
      rank = i;
    ranked[i].second.rank = static_cast<uint32_t>(rank);
    spec.merges.push_back(ranked[i].second);
  }
}

/// The tokens of a vocabulary of text, where U+2581 stands for a blank and "<0x41>" for a byte, and what both kinds of
/// those have in common. False after a mistake.
bool Reader::textTokens() {
  spec.flags = LLMC_TOKENIZER_BYTE_FALLBACK | LLMC_TOKENIZER_FUSE_UNK;
  spec.decoder = LLMC_DECODER_TEXT;
  spec.normalizer.push_back({LLMC_NORMALIZE_REPLACE, " ", std::string(kSpace)});
  spec.tokens.resize(texts.size());
  for (uint32_t id = 0; id < texts.size(); ++id) {
    TokenSpec &token = spec.tokens[id];
    token.flags = LLMC_TOKEN_PRESENT;
    const std::string text(texts[id]);
    token.text = token.piece = text;
    if (types[id] == Control || types[id] == UserDefined) {
      addWhole(id, types[id] == Control);
      continue;
    }
    if (types[id] == Byte) {
      const auto digit = [&](size_t at) {
        const size_t found = std::string_view("0123456789ABCDEF").find(text[at]);
        return found == std::string_view::npos ? -1 : int(found);
      };
      const bool fits = text.size() == 6 && text.compare(0, 3, "<0x") == 0 && text[5] == '>';
      const int byte = fits && digit(3) >= 0 && digit(4) >= 0 ? digit(3) * 16 + digit(4) : -1;
      if (byte < 0) {
        metadata.fail("token " + std::to_string(id) + ", " + quoted(text) +
                      ", is of the type of bytes, expected '<0x00>' to '<0xFF>'");
        return false;
      }
      token.piece = std::string(1, char(byte));
      token.flags |= LLMC_TOKEN_BYTE;
    } else {
      for (size_t at = 0; (at = token.piece.find(kSpace, at)) != std::string::npos; ++at)
        token.piece.replace(at, kSpace.size(), " ");
    }
    // Bytes are found by their texts, and so is what is unknown; neither comes out of merges.
    if (!text.empty() && types[id] != Unused && byText.emplace(texts[id], id).second)
      token.flags |= LLMC_TOKEN_MODEL;
  }
  for (uint32_t id = 0; id < texts.size(); ++id)
    if (types[id] == Byte || types[id] == Unknown)
      if (const auto found = byText.find(texts[id]); found != byText.end() && found->second == id)
        byText.erase(found);
  if (const std::optional<uint32_t> unknown = token("tokenizer.ggml.unknown_token_id"))
    spec.unk = *unknown;
  return !failed();
}

void Reader::byScores() {
  tokens();
  if (failed())
    return;
  const std::optional<Value> scores = metadata.maybeArray("tokenizer.ggml.scores", Kind::F32);
  if (!scores)
    return metadata.fail("'tokenizer.ggml.scores' is missing");
  if (scores->size() != texts.size())
    return metadata.fail("'tokenizer.ggml.scores' holds " + std::to_string(scores->size()) +
                         " numbers, expected one for each of " + std::to_string(texts.size()) + " tokens");
  if (metadata.maybeFlag("tokenizer.ggml.remove_extra_whitespaces").value_or(false))
    return metadata.fail("'tokenizer.ggml.remove_extra_whitespaces' = true is not supported");

  const bool prefix = metadata.maybeFlag("tokenizer.ggml.add_space_prefix").value_or(true);
  if (prefix) {
    spec.normalizer.push_back({LLMC_NORMALIZE_PREPEND, std::string(kSpace), {}});
    spec.stripCount = 1;
  }
  if (!textTokens())
    return;
  mergesOfScores(*scores);
  around(true);
}

/// Text as SentencePiece has it, with a list of merges; only line ends part it.
void Reader::byMergesOfText() {
  tokens();
  if (failed() || !textTokens())
    return;
  StepSpec step;
  step.pattern = parsePattern(R"([^\n]+|[\n]+)").value;
  step.name = "'tokenizer.ggml.pre'";
  spec.steps.push_back(std::move(step));
  merges();
  around(true);
}

/// WordPiece: tokens that begin a word have U+2581 in front, those that go on have nothing.
void Reader::byWords() {
  tokens();
  if (failed())
    return;
  std::string lines;
  for (size_t id = 0; id < texts.size(); ++id) {
    const std::string_view text = texts[id];
    if (text.find('\n') != std::string_view::npos)
      return metadata.fail("token " + std::to_string(id) + ", " + quoted(text) + ", holds a line end");
    const bool begins = text.substr(0, kSpace.size()) == kSpace;
    const bool whole = text.size() > 1 && text.front() == '[' && text.back() == ']';
    lines.append(begins || whole || text.empty() ? "" : "##").append(begins ? text.substr(kSpace.size()) : text) +=
        '\n';
  }
  TokenizerConfig config;
  config.lowerCase = metadata.maybeFlag("tokenizer.ggml.normalizer.lowercase").value_or(true);
  config.stripAccents = metadata.maybeFlag("tokenizer.ggml.normalizer.strip_accents").value_or(*config.lowerCase);
  const auto named = [&](std::string &name, const char *key) {
    if (const std::optional<uint32_t> id = token(key))
      name = std::string(texts[*id]);
  };
  named(config.unk, "tokenizer.ggml.unknown_token_id");
  named(config.cls, "tokenizer.ggml.bos_token_id");
  named(config.cls, "tokenizer.ggml.cls_token_id");
  named(config.sep, "tokenizer.ggml.seperator_token_id"); // as it is spelt in files
  if (failed())
    return;
  take(readVocabularyList(lines, "tokenizer.ggml.tokens", config));
}

/// SentencePiece's unigram model, whose parts GGUF keeps under names of its own.
void Reader::byUnigrams() {
  tokens();
  if (failed())
    return;
  const std::optional<Value> scores = metadata.maybeArray("tokenizer.ggml.scores", Kind::F32);
  if (!scores || scores->size() != texts.size())
    return metadata.fail("'tokenizer.ggml.scores' holds " + std::to_string(scores ? scores->size() : 0) +
                         " numbers, expected one for each of " + std::to_string(texts.size()) + " tokens");
  // A message of protocol buffers: fields of a number and a varint, four bytes or a text.
  const auto varint = [](std::string &to, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      to += char(value | 0x80);
    to += char(value);
  };
  const auto number = [&](std::string &to, unsigned field, uint64_t value) {
    varint(to, field << 3);
    varint(to, value);
  };
  const auto text = [&](std::string &to, unsigned field, std::string_view value) {
    varint(to, field << 3 | 2);
    varint(to, value.size());
    to += value;
  };
  std::string model, trainer, normalizer;
  for (size_t id = 0; id < texts.size(); ++id) {
    std::string piece;
    text(piece, 1, texts[id]);
    const auto score = float(scores->at(id).asNumber());
    varint(piece, 2 << 3 | 5);
    piece.append(reinterpret_cast<const char *>(&score), sizeof score);
    number(piece, 3, uint64_t(types[id]));
    text(model, 1, piece);
  }
  const auto outside = [&](unsigned field, const char *key) { // all ones: there is none
    const std::optional<uint32_t> id = token(key);
    number(trainer, field, id ? *id : UINT32_MAX);
  };
  outside(41, "tokenizer.ggml.bos_token_id");
  outside(42, "tokenizer.ggml.eos_token_id");
  if (const std::optional<Value> map = metadata.maybeArray("tokenizer.ggml.precompiled_charsmap", Kind::U8)) {
    std::string bytes;
    for (size_t i = 0; i < map->size(); ++i)
      bytes += char(*map->at(i).asInteger());
    text(normalizer, 2, bytes);
  }
  number(normalizer, 3, metadata.maybeFlag("tokenizer.ggml.add_space_prefix").value_or(true));
  number(normalizer, 4, metadata.maybeFlag("tokenizer.ggml.remove_extra_whitespaces").value_or(false));
  text(model, 2, trainer);
  text(model, 3, normalizer);
  TokenizerConfig config;
  config.addBos = metadata.maybeFlag("tokenizer.ggml.add_bos_token");
  config.addEos = metadata.maybeFlag("tokenizer.ggml.add_eos_token");
  if (!failed())
    take(readSentencePiece(model, "tokenizer.ggml.tokens", config));
}

/// The spec that the reader of another kind of file made, or its mistake.
void Reader::take(Result<TokenizerSpec> read) {
  if (read)
    spec = std::move(*read);
  else
    metadata.fail("the vocabulary cannot be read: " + read.error().message, read.error().note);
}

} // namespace

TokenizerSpec readGgufVocabulary(MetadataReader &metadata) { return Reader(metadata).read(); }

Result<std::string> compileGgufTokenizer(const std::string &path) {
  Result<gguf::Model> model = gguf::open(path);
  if (!model)
    return model.takeError();
  MetadataReader metadata(model->header, model->name());
  const TokenizerSpec spec = readGgufVocabulary(metadata);
  if (metadata.mistake())
    return *metadata.mistake();
  SectionResult section = writeTokenizerSection(spec);
  if (!section.mistake.empty())
    return Diagnostic{model->name(), 0, 0, section.mistake, {}};
  return std::move(section.bytes);
}

} // namespace llmc::text
