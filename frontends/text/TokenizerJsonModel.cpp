// TokenizerJsonModel.cpp - reads the model of a tokenizer.json: BPE, unigram, WordPiece and WordLevel.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerJson.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace llmc::text {

using json::Value;

Checked ModelReader::options() {
  std::optional<Value> member = root.get("model");
  if (!member)
    return root.value.error("'model' is missing");
  Result<Value> object = member->getObject("model");
  if (!object)
    return object.takeError();
  model = {*object, "model"};
  // Files of old versions of the library do not name the type; merges give a BPE away, a list of scores a unigram.
  std::string type;
  if (model->get("type")) {
    Result<std::string> named = model->type();
    if (!named)
      return named.takeError();
    type = *named;
  } else if (model->get("merges")) {
    type = "BPE";
  } else if (model->get("max_input_chars_per_word")) {
    type = "WordPiece";
  } else if (model->get("unk_id")) {
    type = "Unigram";
  } else {
    return model->value.error("'model.type' is missing");
  }
  if (type == "BPE")
    return bpeOptions();
  if (type == "WordPiece" || type == "WordLevel")
    return wordOptions(type == "WordPiece");
  if (type == "Unigram")
    return unigramOptions();
  return model->unsupported(type, "BPE, Unigram, WordLevel or WordPiece");
}

Checked ModelReader::bpeOptions() {
  TokenizerSpec &spec = builder.spec;
  spec.model = LLMC_TOKENIZER_BPE;
  if (Checked keys = model->only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                                  "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
      !keys)
    return keys;
  if (std::optional<Value> dropout = model->get("dropout")) {
    Result<double> chance = dropout->getNumber("model.dropout");
    if (!chance)
      return chance.takeError();
    if (*chance != 0)
      return dropout->error("'model.dropout' is not supported (expected null or 0)");
  }
  struct Affix {
    const char *key;
    std::string &text;
  };
  for (Affix entry : {Affix{"continuing_subword_prefix", spec.wordInner}, Affix{"end_of_word_suffix", spec.wordEnd}}) {
    if (!model->get(entry.key))
      continue;
    Result<std::string> text = affix(*model, entry.key);
    if (!text)
      return text.takeError();
    entry.text = *text;
  }
  struct Option {
    const char *key;
    uint32_t flag;
  };
  for (Option option :
       {Option{"fuse_unk", LLMC_TOKENIZER_FUSE_UNK}, Option{"byte_fallback", LLMC_TOKENIZER_BYTE_FALLBACK},
        Option{"ignore_merges", LLMC_TOKENIZER_IGNORE_MERGES}}) {
    Result<bool> set = model->flag(option.key, false);
    if (!set)
      return set.takeError();
    if (*set)
      spec.flags |= option.flag;
  }
  return Success{};
}

Checked ModelReader::wordOptions(bool pieces) {
  TokenizerSpec &spec = builder.spec;
  spec.model = pieces ? LLMC_TOKENIZER_WORDPIECE : LLMC_TOKENIZER_WORDLEVEL;
  if (!pieces)
    return model->only({"type", "unk_token", "vocab"});
  if (Checked keys =
          model->only({"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
      !keys)
    return keys;
  spec.wordInner = "##";
  if (model->get("continuing_subword_prefix")) {
    Result<std::string> prefix = affix(*model, "continuing_subword_prefix");
    if (!prefix)
      return prefix.takeError();
    spec.wordInner = *prefix;
  }
  spec.longestWord = 100;
  if (std::optional<Value> most = model->get("max_input_chars_per_word")) {
    Result<int64_t> count = most->getInteger("model.max_input_chars_per_word");
    if (!count)
      return count.takeError();
    if (*count < 1 || *count > 65536)
      return most->error("'model.max_input_chars_per_word' = " + std::to_string(*count) + " (expected 1 to 65536)");
    spec.longestWord = static_cast<uint32_t>(*count);
  }
  return Success{};
}

Checked ModelReader::unigramOptions() {
  TokenizerSpec &spec = builder.spec;
  spec.model = LLMC_TOKENIZER_UNIGRAM;
  spec.flags |= LLMC_TOKENIZER_FUSE_UNK;
  if (Checked keys = model->only({"type", "unk_id", "vocab", "byte_fallback"}); !keys)
    return keys;
  Result<bool> fallback = model->flag("byte_fallback", false);
  if (!fallback)
    return fallback.takeError();
  if (*fallback)
    spec.flags |= LLMC_TOKENIZER_BYTE_FALLBACK;
  return Success{};
}

Checked ModelReader::vocabulary() {
  std::optional<Value> member = model->get("vocab");
  if (!member)
    return model->value.error("'model.vocab' is missing");
  std::optional<Value> added = root.get("added_tokens");
  // Ids may leave gaps, but not so wide that a small file asks for a large table.
  maxId = 64 * (member->size() + (added ? added->size() : 0)) + 65536;
  if (builder.spec.model == LLMC_TOKENIZER_UNIGRAM)
    return scoredVocabulary();
  if (Checked done = objectVocabulary(); !done)
    return done;
  if (builder.spec.model == LLMC_TOKENIZER_BPE)
    if (Checked done = merges(); !done)
      return done;
  return unknownToken();
}

Checked ModelReader::objectVocabulary() {
  Result<Value> object = model->get("vocab")->getObject("model.vocab");
  if (!object)
    return object.takeError();
  for (size_t i = 0; i < object->size(); ++i) {
    std::string_view text = object->key(i).asString();
    Result<uint32_t> id = tokenId(object->member(i), "model.vocab[" + quoted(text) + "]");
    if (!id)
      return id.takeError();
    if (std::string mistake = builder.addToken(*id, text, true); !mistake.empty())
      return object->key(i).error(mistake);
  }
  return Success{};
}

/// The number as Hugging Face's library reads its decimal digits: all of them as one integer, rounded to a double, then
/// divided or multiplied by a power of ten. That is off by a bit for some, and which of two cuts of equal worth has the
/// larger sum hangs on it: of 64 hyphens in a published vocabulary, for one.
double roundedOnce(double number) {
  char digits[40];
  auto [end, status] = std::to_chars(digits, digits + sizeof digits, number, std::chars_format::scientific);
  if (status != std::errc() || !std::isfinite(number))
    return number;
  uint64_t significand = 0;
  int exponent = 0;
  const char *at = digits + (digits[0] == '-');
  for (bool fraction = false; at < end && *at != 'e'; ++at) {
    if (*at == '.') {
      fraction = true;
      continue;
    }
    significand = significand * 10 + static_cast<uint64_t>(*at - '0'); // 17 digits at most
    exponent -= fraction;
  }
  int written = 0;
  std::from_chars(at + 1 + (at[1] == '+'), end, written);
  exponent += written;
  const std::string power = "1e" + std::to_string(std::abs(exponent));
  double scale = 1;
  if (std::from_chars(power.data(), power.data() + power.size(), scale).ec != std::errc())
    return number;
  double rounded = static_cast<double>(significand);
  rounded = exponent < 0 ? rounded / scale : rounded * scale;
  return number < 0 ? -rounded : rounded;
}

/// [["text", score], ...], the ids being the places.
Checked ModelReader::scoredVocabulary() {
  Result<Value> array = model->get("vocab")->getArray("model.vocab");
  if (!array)
    return array.takeError();
  TokenizerSpec &spec = builder.spec;
  constexpr double maxScore = 1e30, unknownPenalty = 10;
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < array->size(); ++i) {
    Value entry = array->at(i);
    std::string name = "model.vocab[" + std::to_string(i) + "]";
    if (!entry.isArray() || entry.size() != 2 || !entry.at(0).isString() || !entry.at(1).isNumber())
      return entry.mismatch(name, "a token and its score: [\"a\", -1.5]");
    double score = roundedOnce(entry.at(1).asNumber());
    if (score < -maxScore || score > maxScore)
      return entry.at(1).error("the score of '" + name + "' is out of bounds (expected -1e30 to 1e30)");
    if (std::string mistake = builder.addToken(static_cast<uint32_t>(i), entry.at(0).asString(), true);
        !mistake.empty())
      return entry.error(mistake);
    spec.tokens[i].score = score;
    least = std::min(least, score);
  }
  spec.unkScore = array->size() ? least - unknownPenalty : 0;
  if (std::optional<Value> unknown = model->get("unk_id")) {
    Result<int64_t> id = unknown->getInteger("model.unk_id");
    if (!id)
      return id.takeError();
    if (*id < 0 || static_cast<uint64_t>(*id) >= array->size())
      return unknown->error("'model.unk_id' = " + std::to_string(*id) + " is not in 'model.vocab' (" +
                            std::to_string(array->size()) + " tokens)");
    spec.unk = static_cast<uint32_t>(*id);
  }
  return Success{};
}

Result<uint32_t> ModelReader::tokenId(Value value, const std::string &name) const {
  Result<int64_t> id = value.getInteger(name);
  if (!id)
    return id.takeError();
  if (*id < 0 || static_cast<uint64_t>(*id) > maxId)
    return value.error("'" + name + "' = " + std::to_string(*id) + " is not a possible id (expected 0 to " +
                       std::to_string(maxId) + ")");
  return static_cast<uint32_t>(*id);
}

Checked ModelReader::merges() {
  std::optional<Value> member = model->get("merges");
  if (!member)
    return model->value.error("'model.merges' is missing");
  Result<Value> array = member->getArray("model.merges");
  if (!array)
    return array.takeError();
  std::string joined;
  for (size_t i = 0; i < array->size(); ++i) {
    Value entry = array->at(i);
    std::string_view left, right;
    if (!mergePair(entry, left, right, joined))
      return entry.mismatch("model.merges[" + std::to_string(i) + "]", "two tokens: \"a b\" or [\"a\", \"b\"]");
    join(left, right, joined);
    MergeSpec merge = {builder.find(left), builder.find(right), builder.find(joined)};
    std::string_view texts[] = {left, right, joined};
    uint32_t ids[] = {merge.left, merge.right, merge.result};
    for (int part = 0; part < 3; ++part)
      if (ids[part] == LLMC_NO_TOKEN)
        return entry.error("'model.merges[" + std::to_string(i) + "]' " + (part < 2 ? "merges " : "makes ") +
                           quoted(texts[part]) + ", which is not in 'model.vocab'");
    builder.spec.merges.push_back(merge);
  }
  return Success{};
}

/// What two tokens make: the second without what stands before every character but a piece's first.
void ModelReader::join(std::string_view left, std::string_view right, std::string &joined) const {
  const std::string &inner = builder.spec.wordInner;
  joined.assign(left);
  if (!inner.empty() && right.substr(0, inner.size()) == inner)
    right.remove_prefix(inner.size());
  joined.append(right);
}

/// The two tokens of a merge. In "a b" of tokens that hold blanks themselves, the cut at which everything is in the
/// vocabulary, if there is one such.
bool ModelReader::mergePair(Value entry, std::string_view &left, std::string_view &right, std::string &joined) const {
  if (!entry.isString()) {
    if (!entry.isArray() || entry.size() != 2 || !entry.at(0).isString() || !entry.at(1).isString())
      return false;
    left = entry.at(0).asString();
    right = entry.at(1).asString();
    return !left.empty() && !right.empty();
  }
  std::string_view text = entry.asString();
  size_t blanks = static_cast<size_t>(std::count(text.begin(), text.end(), ' ')), fitting = 0;
  if (blanks > 16)
    return false;
  for (size_t space = text.find(' '); space != std::string_view::npos; space = text.find(' ', space + 1)) {
    std::string_view before = text.substr(0, space), after = text.substr(space + 1);
    if (before.empty() || after.empty())
      continue;
    join(before, after, joined);
    if (blanks > 1 && (builder.find(before) == LLMC_NO_TOKEN || builder.find(after) == LLMC_NO_TOKEN ||
                       builder.find(joined) == LLMC_NO_TOKEN))
      continue;
    left = before;
    right = after;
    ++fitting;
  }
  return fitting == 1;
}

Checked ModelReader::unknownToken() {
  if (!model->get("unk_token"))
    return Success{};
  Result<std::string> text = model->string("unk_token");
  if (!text)
    return text.takeError();
  builder.spec.unk = builder.find(*text);
  // WordPiece and WordLevel name one by default that small vocabularies may lack; it is an error there to need it.
  if (builder.spec.unk == LLMC_NO_TOKEN && builder.spec.model == LLMC_TOKENIZER_BPE)
    return model->get("unk_token")->error("'model.unk_token' = " + quoted(*text) + " is not in 'model.vocab'");
  return Success{};
}

} // namespace llmc::text
