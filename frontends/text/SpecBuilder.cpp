// SpecBuilder.cpp - tokens, what they decode to, and merges that follow from ranks.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/SpecBuilder.h"

#include "frontends/formats/json/Json.h"

#include <algorithm>
#include <array>

namespace llmc::text {

constexpr size_t maxTokenBytes = 0xffff;

std::string quoted(std::string_view text) { return "\"" + json::printable(text) + "\""; }

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

std::string replaceAll(const std::string &text, const std::string &from, const std::string &to) {
  std::string result;
  size_t copied = 0;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, copied)) {
    result.append(text, copied, at - copied).append(to);
    copied = at + from.size();
  }
  return result.append(text, copied, std::string::npos);
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

/// What Hugging Face's WordPiece decoder makes of the blanks that its pre-tokenizer put around punctuation.
static std::string cleanedUp(std::string text) {
  constexpr const char *rules[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto &rule : rules)
    text = replaceAll(text, rule[0], rule[1]);
  return text;
}

static std::string stripped(const std::string &text, const DecoderSpec::Action &action) {
  size_t begin = 0, end = text.size();
  for (uint32_t i = 0; i < action.start && begin < end && text[begin] == action.content; ++i)
    ++begin;
  for (uint32_t i = 0; i < action.stop && begin < end && text[end - 1] == action.content; ++i)
    --end;
  return text.substr(begin, end - begin);
}

/// Sets what a token prints.
std::string SpecBuilder::decode(TokenSpec &token, std::string_view text) const {
  token.piece = text;
  if (decoder.byteLevel) {
    if (std::optional<std::string> bytes = fromByteAlphabet(text))
      token.piece = *bytes;
    return {};
  }
  using Kind = DecoderSpec::Action::Kind;
  std::string piece(text), first(text);
  for (const DecoderSpec::Action &action : decoder.actions) {
    switch (action.kind) {
    case Kind::Replace:
      piece = replaceAll(piece, action.from, action.to);
      first = replaceAll(first, action.from, action.to);
      break;
    case Kind::Strip:
      piece = stripped(piece, action);
      first = stripped(first, action);
      break;
    case Kind::Metaspace:
      piece = replaceAll(piece, action.from, " ");
      first = replaceAll(first, action.from, action.drop ? "" : " ");
      break;
    case Kind::WordPiece:
      if (piece.compare(0, action.from.size(), action.from) == 0)
        piece.erase(0, action.from.size());
      else
        piece.insert(0, " ");
      if (action.cleanup) {
        piece = cleanedUp(piece);
        first = cleanedUp(first);
      }
      break;
    case Kind::WordEnd: {
      size_t size = action.from.size();
      if (piece.size() >= size && piece.compare(piece.size() - size, size, action.from) == 0) {
        token.flags |= LLMC_TOKEN_SPACE_AFTER;
        piece.resize(piece.size() - size);
      }
      piece = first = replaceAll(piece, action.from, " ");
      break;
    }
    case Kind::Spaced:
      piece.insert(0, " ");
      break;
    case Kind::ByteFallback:
      if (int byte = fallbackByte(piece); byte >= 0) {
        token.piece = std::string(1, static_cast<char>(byte));
        token.flags |= LLMC_TOKEN_BYTE;
        return {};
      }
      break;
    }
    if (std::max(piece.size(), first.size()) > maxTokenBytes)
      return "token " + quoted(text) + " decodes to more than 65535 bytes";
  }
  if (first != piece)
    token.first = std::move(first);
  token.piece = std::move(piece);
  return {};
}

std::string SpecBuilder::place(uint32_t id, std::string_view text, TokenSpec *&token) {
  if (text.size() > maxTokenBytes)
    return "a token of " + std::to_string(text.size()) + " bytes is not supported (expected at most 65535)";
  if (id >= spec.tokens.size())
    spec.tokens.resize(id + 1);
  token = &spec.tokens[id];
  if (token->flags & LLMC_TOKEN_PRESENT)
    return "token " + quoted(text) + " has the id " + std::to_string(id) + " of another token";
  token->flags = LLMC_TOKEN_PRESENT;
  token->text = text;
  return {};
}

std::string SpecBuilder::addToken(uint32_t id, std::string_view text, bool ofModel) {
  TokenSpec *token = nullptr;
  if (std::string mistake = place(id, text, token); !mistake.empty())
    return mistake;
  if (ofModel) {
    // Byte-level models look up bytes; a text that is not of the byte alphabet can never be met.
    bool byteLevel = spec.flags & LLMC_TOKENIZER_BYTE_LEVEL;
    std::optional<std::string> bytes = byteLevel ? fromByteAlphabet(text) : std::string(text);
    if (bytes && !bytes->empty()) {
      token->flags |= LLMC_TOKEN_MODEL;
      token->text = std::move(*bytes);
    }
    byText.try_emplace(std::string(text), id);
  }
  return decode(*token, text);
}

std::string SpecBuilder::addBytes(uint32_t id, std::string_view bytes) {
  TokenSpec *token = nullptr;
  if (std::string mistake = place(id, bytes, token); !mistake.empty())
    return mistake;
  if (!bytes.empty())
    token->flags |= LLMC_TOKEN_MODEL;
  token->piece = bytes;
  if (!byText.try_emplace(std::string(bytes), id).second)
    return "token " + quoted(bytes) + " is there twice";
  return {};
}

uint32_t SpecBuilder::find(std::string_view text) const {
  auto place = byText.find(std::string(text));
  return place == byText.end() ? LLMC_NO_TOKEN : place->second;
}

std::string SpecBuilder::addAdded(const AddedToken &added) {
  uint32_t known = find(added.content);
  if (known != added.id) {
    for (const AddedSpec &other : spec.added)
      if (other.token == added.id)
        return "the id " + std::to_string(added.id) + " of " + quoted(added.content) +
               " is the id of another added token";
    if (std::string mistake = addToken(added.id, added.content, false); !mistake.empty())
      return mistake;
  }
  TokenSpec &token = spec.tokens[added.id];
  token.flags |= added.flags;
  // The search for the best cut must not find control tokens in ordinary text.
  if (added.flags & LLMC_TOKEN_SPECIAL)
    token.searched = false;
  spec.added.push_back({added.id, added.content, added.normalized});
  return {};
}

std::string SpecBuilder::mergesOfRanks(const std::vector<uint32_t> &rankById) {
  std::unordered_map<std::string_view, uint32_t> ids;
  for (uint32_t id = 0; id < spec.tokens.size(); ++id)
    if (rankById[id] != LLMC_NO_TOKEN && (spec.tokens[id].flags & LLMC_TOKEN_MODEL))
      ids.try_emplace(spec.tokens[id].text, id);
  constexpr size_t longest = 512; // a token this long has been seen nowhere; its cuts would be tried in vain
  constexpr size_t maxMerges = size_t(1) << 24;
  for (const auto &entry : ids) {
    std::string_view text = entry.first;
    if (text.size() > longest)
      return "token " + quoted(text) + " has " + std::to_string(text.size()) + " bytes (expected at most 512)";
  }
  for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
    const std::string &text = spec.tokens[id].text;
    auto self = ids.find(text);
    if (self == ids.end() || self->second != id)
      continue;
    for (size_t cut = 1; cut < text.size(); ++cut) {
      if (!(spec.flags & LLMC_TOKENIZER_BYTE_LEVEL) && (text[cut] & 0xc0) == 0x80)
        continue; // inside a character
      auto left = ids.find(std::string_view(text).substr(0, cut));
      if (left == ids.end())
        continue;
      auto right = ids.find(std::string_view(text).substr(cut));
      if (right == ids.end())
        continue;
      if (spec.merges.size() == maxMerges)
        return "its tokens merge in more than 16 million ways";
      spec.merges.push_back({left->second, right->second, id, rankById[id]});
    }
  }
  return {};
}

} // namespace llmc::text
