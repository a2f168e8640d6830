// Tokenizer.cpp - added tokens cut out of text, and the stages between text and ids put together.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/Tokenizer.h"

namespace llmc::runtime {

constexpr size_t maxTextBytes = size_t(1) << 30; // places in a text fit 32 bits with room to grow

int32_t Tokenizer::findAdded(const char *text, size_t size) const {
  for (uint32_t id = 0; id < tables.tokens.count; ++id) {
    const llmc_tokenizer_token &token = tables.tokens[id];
    if ((token.flags & LLMC_TOKEN_ADDED) && token.text_size == size &&
        std::memcmp(tables.base + token.text_offset, text, size) == 0)
      return static_cast<int32_t>(id);
  }
  return -1;
}

/// An added token and the bytes it takes, white space beside it included.
struct Encoder::Cut {
  size_t matchEnd; ///< End of its own text: the search goes on from here.
  size_t begin, end;
  uint32_t token;
};

Encoder::Encoder(const Tokenizer &tokenizer)
    : tables(tokenizer.view()), normalizer(tables), preTokenizer(tables), bpe(tables), unigram(tables) {}

TextStatus Encoder::encode(const char *text, size_t size, EncodeOptions options, Array<int32_t> &ids) {
  if (size > maxTextBytes)
    return TextStatus::TooLong;
  output = &ids;
  if (options.addSpecial)
    for (uint32_t id : tables.prefix)
      if (!ids.push(static_cast<int32_t>(id)))
        return TextStatus::OutOfMemory;
  TextStatus status = cutRaw({reinterpret_cast<const uint8_t *>(text), size}, options.parseSpecial);
  if (status != TextStatus::Ok)
    return status;
  if (options.addSpecial)
    for (uint32_t id : tables.suffix)
      if (!ids.push(static_cast<int32_t>(id)))
        return TextStatus::OutOfMemory;
  return TextStatus::Ok;
}

TextStatus Encoder::piece(Bytes piece) {
  switch (tables.header.model) {
  case LLMC_TOKENIZER_UNIGRAM:
    return unigram.encode(piece, *output);
  case LLMC_TOKENIZER_WORDPIECE:
    return encodeWordPieces(tables, piece, *output);
  case LLMC_TOKENIZER_WORDLEVEL:
    return encodeWord(tables, piece, *output);
  default:
    return bpe.encode(piece, *output);
  }
}

/// Cuts the added tokens out that are matched as they stand, and normalises what is between.
TextStatus Encoder::cutRaw(Bytes text, bool parseSpecial) {
  size_t at = 0, taken = 0;
  Cut cut;
  auto stretch = [&](size_t end) {
    if (taken >= end)
      return TextStatus::Ok;
    Bytes normalized;
    TextStatus status = normalizer.run({text.data + taken, end - taken}, taken == 0, normalized);
    return status == TextStatus::Ok ? cutNormalized(normalized, taken == 0, parseSpecial) : status;
  };
  while (findNext(tables.rawTrie, text, at, parseSpecial, taken, cut)) {
    TextStatus status = stretch(cut.begin);
    if (status != TextStatus::Ok)
      return status;
    if (!output->push(static_cast<int32_t>(cut.token)))
      return TextStatus::OutOfMemory;
    taken = cut.end;
    at = cut.matchEnd;
  }
  return stretch(text.size);
}

/// Cuts the added tokens out that are matched in normalised text, and splits and encodes what is between.
TextStatus Encoder::cutNormalized(Bytes text, bool atStart, bool parseSpecial) {
  size_t at = 0, taken = 0;
  Cut cut;
  while (findNext(tables.normalizedTrie, text, at, parseSpecial, taken, cut)) {
    if (taken < cut.begin) {
      TextStatus status = preTokenizer.run({text.data + taken, cut.begin - taken}, atStart && taken == 0, *this);
      if (status != TextStatus::Ok)
        return status;
    }
    if (!output->push(static_cast<int32_t>(cut.token)))
      return TextStatus::OutOfMemory;
    taken = cut.end;
    at = cut.matchEnd;
  }
  if (taken >= text.size)
    return TextStatus::Ok;
  return preTokenizer.run({text.data + taken, text.size - taken}, atStart && taken == 0, *this);
}

/// The next added token at or after `from`: leftmost, then longest. `taken` is where the previous one's bytes end.
/// A match that does not count (a special token not asked for, a part of a word) is stepped over whole.
bool Encoder::findNext(const Table<llmc_tokenizer_node> &trie, Bytes text, size_t from, bool parseSpecial, size_t taken,
                       Cut &cut) const {
  if (trie.count == 0)
    return false;
  for (size_t start = from; start < text.size;) {
    uint32_t node = 0, token = LLMC_NO_TOKEN;
    size_t matchEnd = start;
    for (size_t i = start; i < text.size; ++i) {
      node = TokenizerTables::child(trie, node, text.data[i]);
      if (node == 0)
        break;
      if (trie[node].value != LLMC_NO_TOKEN) {
        token = trie[node].value;
        matchEnd = i + 1;
      }
    }
    if (token == LLMC_NO_TOKEN) {
      ++start;
      continue;
    }
    uint32_t flags = tables.tokens[token].flags;
    bool counts = parseSpecial || !(flags & LLMC_TOKEN_SPECIAL);
    if (counts && (flags & LLMC_TOKEN_SINGLE_WORD))
      counts = !isWordBefore(text, start) && !isWordAt(text, matchEnd);
    if (!counts) {
      start = matchEnd;
      continue;
    }
    cut = {matchEnd, start, matchEnd, token};
    uint32_t size = 0;
    if (flags & LLMC_TOKEN_LSTRIP)
      while (cut.begin > taken && (flagsBefore(text, cut.begin, size) & LLMC_CLASS_SPACE))
        cut.begin -= size;
    if (flags & LLMC_TOKEN_RSTRIP)
      while (cut.end < text.size && (flagsAt(text, cut.end, size) & LLMC_CLASS_SPACE))
        cut.end += size;
    return true;
  }
  return false;
}

uint8_t Encoder::flagsAt(Bytes text, size_t at, uint32_t &size) const {
  Character character = decodeCharacter(text.data + at, text.size - at);
  size = character.size;
  return tables.classFlags[tables.classOf(character.codepoint)];
}

/// Of the character that ends at `at` > 0.
uint8_t Encoder::flagsBefore(Bytes text, size_t at, uint32_t &size) const {
  for (uint32_t length = 1; length <= 4 && length <= at; ++length) {
    Character character = decodeCharacter(text.data + at - length, length);
    if (character.size == length) {
      if (length == 1 && character.codepoint == replacementCharacter)
        continue; // perhaps the last byte of a longer character
      size = length;
      return tables.classFlags[tables.classOf(character.codepoint)];
    }
  }
  size = 1;
  return tables.classFlags[tables.classOf(replacementCharacter)];
}

bool Encoder::isWordAt(Bytes text, size_t at) const {
  uint32_t size = 0;
  return at < text.size && (flagsAt(text, at, size) & LLMC_CLASS_WORD);
}

bool Encoder::isWordBefore(Bytes text, size_t at) const {
  uint32_t size = 0;
  return at > 0 && (flagsBefore(text, at, size) & LLMC_CLASS_WORD);
}

} // namespace llmc::runtime
