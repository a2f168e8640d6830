// TokenizerJson.cpp - reads the model and the added tokens of a tokenizer.json, and puts the tokenizer together.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerJson.h"

#include <algorithm>
#include <array>

namespace llmc::text {

using json::printable;
using json::Value;

static std::string quoted(std::string_view text) { return "\"" + printable(text) + "\""; }

std::optional<std::string> fromByteAlphabet(std::string_view text) {
  // GPT-2's table: printable bytes of Latin-1 stand for themselves, the others for U+0100 and up, in order.
  static const auto *bytes = [] {
    auto *table = new std::array<int, 0x144>;
    table->fill(-1);
    uint32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      bool itself = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
      (*table)[itself ? static_cast<uint32_t>(byte) : next++] = byte;
    }
    return table;
  }();
  std::string result;
  for (size_t at = 0; at < text.size();) {
    uint32_t codepoint = nextCodepoint(text, at);
    if (codepoint >= bytes->size() || (*bytes)[codepoint] < 0)
      return std::nullopt;
    result += static_cast<char>((*bytes)[codepoint]);
  }
  return result;
}

namespace {

constexpr size_t maxTokenBytes = 0xffff;

std::string replaceAll(const std::string &text, const std::string &from, const std::string &to) {
  std::string result;
  size_t copied = 0;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, copied)) {
    result.append(text, copied, at - copied).append(to);
    copied = at + from.size();
  }
  return result.append(text, copied, std::string::npos);
}

class Reader {
public:
  explicit Reader(const json::Document &document) : root{document.root(), {}} {}

  Result<TokenizerSpec> read() {
    if (Result<Value> object = root.value.getObject("tokenizer"); !object)
      return object.takeError();
    // Padding and truncation are about batches for training; nothing here cuts or pads.
    if (Checked keys = root.only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                                  "post_processor", "decoder", "model"});
        !keys)
      return keys.takeError();
    for (Checked (Reader::*stage)() : {&Reader::modelOptions, &Reader::pipeline, &Reader::vocabulary, &Reader::merges,
                                       &Reader::addedTokens, &Reader::unknownToken, &Reader::finish})
      if (Checked done = (this->*stage)(); !done)
        return done.takeError();
    return std::move(spec);
  }

private:
  Checked modelOptions() {
    std::optional<Value> member = root.get("model");
    if (!member)
      return root.value.error("'model' is missing");
    Result<Value> object = member->getObject("model");
    if (!object)
      return object.takeError();
    model = {*object, "model"};
    // Files of old versions of the library do not name the type; merges give a BPE away.
    if (model->get("type") || !model->get("merges")) {
      Result<std::string> type = model->type();
      if (!type)
        return type.takeError();
      if (*type != "BPE")
        return model->unsupported(*type, "BPE");
    }
    if (Checked keys = model->only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                                    "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
        !keys)
      return keys.takeError();
    if (std::optional<Value> dropout = model->get("dropout")) {
      Result<double> chance = dropout->getNumber("model.dropout");
      if (!chance)
        return chance.takeError();
      if (*chance != 0)
        return dropout->error("'model.dropout' is not supported (expected null or 0)");
    }
    for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      if (!model->get(key))
        continue;
      Result<std::string> affix = model->string(key);
      if (!affix)
        return affix.takeError();
      if (!affix->empty())
        return model->get(key)->error("'model." + std::string(key) + "' = " + quoted(*affix) +
                                      " is not supported (expected null or \"\")");
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

  Checked pipeline() {
    if (Checked done = readNormalizer(root, spec); !done)
      return done;
    if (Checked done = readPreTokenizer(root, spec); !done)
      return done;
    Result<DecoderSpec> read = readDecoder(root, spec);
    if (!read)
      return read.takeError();
    decoder = *read;
    return Success{};
  }

  Checked vocabulary() {
    std::optional<Value> member = model->get("vocab");
    if (!member)
      return model->value.error("'model.vocab' is missing");
    Result<Value> object = member->getObject("model.vocab");
    if (!object)
      return object.takeError();
    // Ids may leave gaps, but not so wide that a small file asks for a large table.
    maxId = 64 * (object->size() + addedCount()) + 65536;
    for (size_t i = 0; i < object->size(); ++i) {
      std::string_view text = object->key(i).asString();
      Result<uint32_t> id = tokenId(object->member(i), "model.vocab[" + quoted(text) + "]");
      if (!id)
        return id.takeError();
      if (Checked done = addToken(object->key(i), *id, text, true); !done)
        return done;
      byText.push_back({text, *id});
    }
    std::sort(byText.begin(), byText.end());
    return Success{};
  }

  size_t addedCount() const {
    std::optional<Value> added = root.get("added_tokens");
    return added ? added->size() : 0;
  }

  Result<uint32_t> tokenId(Value value, const std::string &name) const {
    Result<int64_t> id = value.getInteger(name);
    if (!id)
      return id.takeError();
    if (*id < 0 || static_cast<uint64_t>(*id) > maxId)
      return value.error("'" + name + "' = " + std::to_string(*id) + " is not a possible id (expected 0 to " +
                         std::to_string(maxId) + ")");
    return static_cast<uint32_t>(*id);
  }

  /// Puts a token that is not there yet into the table.
  Checked addToken(Value where, uint32_t id, std::string_view text, bool ofModel) {
    if (text.size() > maxTokenBytes)
      return where.error("a token of " + std::to_string(text.size()) +
                         " bytes is not supported (expected at most 65535)");
    if (id >= spec.tokens.size())
      spec.tokens.resize(id + 1);
    TokenSpec &token = spec.tokens[id];
    if (token.flags & LLMC_TOKEN_PRESENT)
      return where.error("token " + quoted(text) + " has the id " + std::to_string(id) + " of another token");
    token.flags = LLMC_TOKEN_PRESENT;
    token.text = text;
    // Byte-level models look up bytes; a text that is not of the byte alphabet can never be met.
    std::optional<std::string> bytes = fromByteAlphabet(text);
    bool byteLevel = spec.flags & LLMC_TOKENIZER_BYTE_LEVEL;
    if (ofModel && !text.empty() && (!byteLevel || bytes)) {
      token.flags |= LLMC_TOKEN_MODEL;
      if (byteLevel)
        token.text = *bytes;
    }
    return decode(where, token, text);
  }

  /// Sets what a token prints.
  Checked decode(Value where, TokenSpec &token, std::string_view text) {
    token.piece = text;
    if (decoder.byteLevel) {
      if (std::optional<std::string> bytes = fromByteAlphabet(text))
        token.piece = *bytes;
      return Success{};
    }
    for (const DecoderSpec::Action &action : decoder.actions) {
      std::string &piece = token.piece;
      if (action.kind == DecoderSpec::Action::Kind::Replace) {
        piece = replaceAll(piece, action.from, action.to);
      } else {
        size_t begin = 0, end = piece.size();
        for (uint32_t i = 0; i < action.start && begin < end && piece[begin] == action.content; ++i)
          ++begin;
        for (uint32_t i = 0; i < action.stop && begin < end && piece[end - 1] == action.content; ++i)
          --end;
        piece = piece.substr(begin, end - begin);
      }
      if (piece.size() > maxTokenBytes)
        return where.error("token " + quoted(text) + " decodes to more than 65535 bytes");
    }
    if (decoder.byteFallback)
      if (int byte = fallbackByte(token.piece); byte >= 0) {
        token.piece = std::string(1, static_cast<char>(byte));
        token.flags |= LLMC_TOKEN_BYTE;
      }
    return Success{};
  }

  /// 0 .. 255 for "<0x00>" .. "<0xFF>", else -1.
  static int fallbackByte(std::string_view text) {
    if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>')
      return -1;
    int value = 0;
    for (char c : text.substr(3, 2)) {
      int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
      if (digit < 0)
        return -1;
      value = value * 16 + digit;
    }
    return value;
  }

  uint32_t find(std::string_view text) const {
    auto place = std::lower_bound(byText.begin(), byText.end(), std::pair<std::string_view, uint32_t>(text, 0));
    return place != byText.end() && place->first == text ? place->second : LLMC_NO_TOKEN;
  }

  Checked merges() {
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
      if (!mergePair(entry, left, right))
        return entry.mismatch("model.merges[" + std::to_string(i) + "]", "two tokens: \"a b\" or [\"a\", \"b\"]");
      joined.assign(left).append(right);
      MergeSpec merge = {find(left), find(right), find(joined)};
      std::string_view texts[] = {left, right, joined};
      uint32_t ids[] = {merge.left, merge.right, merge.result};
      for (int part = 0; part < 3; ++part)
        if (ids[part] == LLMC_NO_TOKEN)
          return entry.error("'model.merges[" + std::to_string(i) + "]' " + (part < 2 ? "merges " : "makes ") +
                             quoted(texts[part]) + ", which is not in 'model.vocab'");
      spec.merges.push_back(merge);
    }
    return Success{};
  }

  /// The two tokens of a merge. In "a b" of tokens that hold blanks themselves, the cut at which everything is in the
  /// vocabulary, if there is one such.
  bool mergePair(Value entry, std::string_view &left, std::string_view &right) const {
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
      if (blanks > 1 && (find(before) == LLMC_NO_TOKEN || find(after) == LLMC_NO_TOKEN ||
                         find(std::string(before).append(after)) == LLMC_NO_TOKEN))
        continue;
      left = before;
      right = after;
      ++fitting;
    }
    return fitting == 1;
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
    Result<uint32_t> id = tokenId(*number, entry.name("id"));
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

    uint32_t known = find(*content);
    if (known != LLMC_NO_TOKEN && known != *id)
      return number->error("'" + entry.name("id") + "' = " + std::to_string(*id) + ", but 'model.vocab' gives " +
                           quoted(*content) + " the id " + std::to_string(known));
    if (known == LLMC_NO_TOKEN) {
      for (const AddedSpec &other : spec.added)
        if (other.token == *id)
          return number->error("'" + entry.name("id") + "' = " + std::to_string(*id) +
                               " is the id of another added token");
      if (Checked done = addToken(*number, *id, *content, false); !done)
        return done;
    }
    spec.tokens[*id].flags |= flags;
    AddedSpec added = {*id, *content, *normalized};
    if (*normalized)
      if (Checked done = normalize(entry, added.content); !done)
        return done;
    spec.added.push_back(std::move(added));
    return Success{};
  }

  /// Runs the normaliser over the content of an added token.
  Checked normalize(const Component &entry, std::string &text) const {
    for (const OperationSpec &operation : spec.normalizer) {
      if (operation.kind == LLMC_NORMALIZE_PREPEND) {
        if (!text.empty())
          text.insert(0, operation.a);
      } else if (operation.kind == LLMC_NORMALIZE_REPLACE) {
        text = replaceAll(text, operation.a, operation.b);
      } else {
        text = toNfc(text);
      }
      if (text.size() > LLMC_TOKENIZER_MAX_ADDED_BYTES)
        return entry.value.error("'" + entry.name("content") + "' has more than " +
                                 std::to_string(LLMC_TOKENIZER_MAX_ADDED_BYTES) + " bytes after normalizing");
    }
    return Success{};
  }

  Checked unknownToken() {
    if (!model->get("unk_token"))
      return Success{};
    Result<std::string> text = model->string("unk_token");
    if (!text)
      return text.takeError();
    spec.unk = find(*text);
    if (spec.unk == LLMC_NO_TOKEN)
      return model->get("unk_token")->error("'model.unk_token' = " + quoted(*text) + " is not in 'model.vocab'");
    return Success{};
  }

  Checked finish() {
    if (spec.tokens.empty())
      return model->value.error("the tokenizer has no tokens");
    return readPostProcessor(root, spec);
  }

  Component root;
  std::optional<Component> model;
  TokenizerSpec spec;
  DecoderSpec decoder;
  uint64_t maxId = 0;
  std::vector<std::pair<std::string_view, uint32_t>> byText; // of the model's vocabulary, sorted
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

Result<std::string> compileTokenizer(const std::string &path, std::string shownAs) {
  Result<json::Document> document = json::Document::read(path, std::move(shownAs));
  if (!document)
    return document.takeError();
  return compileTokenizer(*document);
}

} // namespace llmc::text
