// StreamDecoder.cpp - ids to text, one at a time, without ever splitting a character.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/Tokenizer.h"

namespace llmc::runtime {

void StreamDecoder::reset() {
  first = atStart = true;
  owesSpace = false;
  stripped = heldSize = 0;
}

void StreamDecoder::continueText() {
  reset();
  first = atStart = false;
}

void StreamDecoder::push(int32_t id) {
  if (uint32_t(id) >= tables.tokens.count)
    return;
  const llmc_tokenizer_token &token = tables.tokens[uint32_t(id)];
  if (!(token.flags & LLMC_TOKEN_PRESENT) || ((token.flags & LLMC_TOKEN_SPECIAL) && !printSpecial))
    return;
  bool wasFirst = first;
  first = false;
  Bytes piece = wasFirst ? tables.firstPiece(uint32_t(id)) : tables.piece(uint32_t(id));
  if (wasFirst && piece.size == 0)
    first = tables.has(LLMC_TOKENIZER_FIRST_TEXT);
  if (owesSpace) {
    flushIncomplete();
    text(reinterpret_cast<const uint8_t *>(" "), 1);
  }
  owesSpace = token.flags & LLMC_TOKEN_SPACE_AFTER;
  if (tables.header.decoder == LLMC_DECODER_BYTES || (token.flags & LLMC_TOKEN_BYTE)) {
    stream(piece.data, piece.size);
    return;
  }
  flushIncomplete();
  text(piece.data, piece.size);
}

/// Bytes that continue one stream of UTF-8.
void StreamDecoder::stream(const uint8_t *bytes, size_t size) {
  size_t good = 0; // start of the well-formed bytes not yet handed out
  size_t at = 0;
  while (heldSize && at < size) {
    uint8_t joined[5];
    std::memcpy(joined, held, heldSize);
    joined[heldSize] = bytes[at];
    Utf8Prefix prefix = utf8Prefix(joined, heldSize + 1);
    if (prefix.valid <= heldSize) { // this byte does not continue the character
      flushIncomplete();
      break;
    }
    held[heldSize++] = bytes[at++];
    good = at;
    if (heldSize == prefix.length) {
      heldSize = 0;
      text(joined, prefix.length);
    }
  }
  while (at < size) {
    if (bytes[at] < 0x80) {
      ++at;
      continue;
    }
    Utf8Prefix prefix = utf8Prefix(bytes + at, size - at);
    if (prefix.length && prefix.valid == prefix.length) {
      at += prefix.length;
      continue;
    }
    text(bytes + good, at - good);
    if (prefix.length && at + prefix.valid == size) { // cut off: the rest may come
      std::memcpy(held, bytes + at, prefix.valid);
      heldSize = prefix.valid;
      return;
    }
    uint32_t bad = prefix.valid ? prefix.valid : 1;
    uint32_t marks = tables.header.decoder == LLMC_DECODER_BYTES ? 1 : bad;
    for (uint32_t i = 0; i < marks; ++i)
      text(reinterpret_cast<const uint8_t *>(replacementBytes), 3);
    at += bad;
    good = at;
  }
  text(bytes + good, at - good);
}

/// The held start of a character will not be completed.
void StreamDecoder::flushIncomplete() {
  uint32_t marks = heldSize && tables.header.decoder == LLMC_DECODER_BYTES ? 1 : heldSize;
  heldSize = 0;
  for (uint32_t i = 0; i < marks; ++i)
    text(reinterpret_cast<const uint8_t *>(replacementBytes), 3);
}

void StreamDecoder::finish() { flushIncomplete(); }

/// Complete characters; drops the ones that the decoder strips from the start of the text.
void StreamDecoder::text(const uint8_t *bytes, size_t size) {
  while (atStart && size) {
    if (stripped < tables.header.strip_count && bytes[0] == tables.header.strip) {
      ++stripped;
      ++bytes;
      --size;
    } else {
      atStart = false;
    }
  }
  if (size)
    sink(user, reinterpret_cast<const char *>(bytes), size);
}

namespace {

/// How many bytes from the start on are well-formed UTF-8; `size` when all are.
size_t wellFormedPrefix(const uint8_t *bytes, size_t size) {
  for (size_t at = 0; at < size;) {
    uint64_t eight;
    if (at + sizeof(eight) <= size) {
      std::memcpy(&eight, bytes + at, sizeof(eight));
      uint64_t high = eight & 0x8080808080808080ull;
      if (!high) {
        at += sizeof(eight);
        continue;
      }
      if (size_t ascii = static_cast<size_t>(__builtin_ctzll(high)) / 8) {
        at += ascii;
        continue;
      }
      // Of two and three bytes, but for the leads whose second byte is bound more closely.
      uint8_t lead = bytes[at];
      if ((eight & 0xc0c0f0) == 0x8080e0 && lead != 0xe0 && lead != 0xed) {
        at += 3;
        continue;
      }
      if ((eight & 0xc0e0) == 0x80c0 && lead >= 0xc2) {
        at += 2;
        continue;
      }
    }
    if (bytes[at] < 0x80) {
      ++at;
      continue;
    }
    Utf8Prefix prefix = utf8Prefix(bytes + at, size - at);
    if (prefix.length == 0 || prefix.valid < prefix.length)
      return at;
    at += prefix.length;
  }
  return size;
}

/// Puts U+FFFD in the place of everything from `start` on that is not well formed: one for each longest start of a
/// character, as StreamDecoder::stream does. `good` bytes from `start` on are known to be well formed.
TextStatus replaceIllFormed(Array<char> &text, size_t start, size_t good) {
  constexpr size_t markSize = sizeof(replacementBytes) - 1;
  Array<char> raw;
  if (!raw.append(text.data() + start + good, text.size() - start - good))
    return TextStatus::OutOfMemory;
  text.truncate(start + good);
  const auto *bytes = reinterpret_cast<const uint8_t *>(raw.data());
  for (size_t at = 0; at < raw.size();) {
    Utf8Prefix bad = utf8Prefix(bytes + at, raw.size() - at); // raw starts, and each round ends, at an ill-formed place
    at += bad.valid ? bad.valid : 1;
    size_t run = wellFormedPrefix(bytes + at, raw.size() - at);
    if (!text.append(replacementBytes, markSize) || !text.append(raw.data() + at, run))
      return TextStatus::OutOfMemory;
    at += run;
  }
  return TextStatus::Ok;
}

/// Drops the characters that the decoder strips from the start of a text.
void dropStripped(const TokenizerTables &tables, Array<char> &text, size_t start) {
  size_t stripped = 0;
  while (stripped < tables.header.strip_count && start + stripped < text.size() &&
         static_cast<uint8_t>(text[start + stripped]) == tables.header.strip)
    ++stripped;
  if (!stripped)
    return;
  std::memmove(text.data() + start, text.data() + start + stripped, text.size() - start - stripped);
  text.truncate(text.size() - stripped);
}

/// Appends the pieces of ids one after the other, as they would come out of a stream if they make up well-formed text.
TextStatus joinPieces(const TokenizerTables &tables, const int32_t *ids, size_t count, bool printSpecial,
                      Array<char> &text) {
  constexpr size_t ahead = 16;      // ids whose rows are fetched before they are needed
  constexpr size_t shortPiece = 16; // copied whole, whatever their size
  bool first = true, owesSpace = false;
  for (size_t i = 0; i < count; ++i) {
    if (i + ahead < count && uint32_t(ids[i + ahead]) < tables.tokens.count)
      __builtin_prefetch(&tables.tokens[uint32_t(ids[i + ahead])]);
    if (i + ahead / 2 < count && uint32_t(ids[i + ahead / 2]) < tables.tokens.count)
      __builtin_prefetch(tables.base + tables.tokens[uint32_t(ids[i + ahead / 2])].piece_offset);
    auto id = uint32_t(ids[i]);
    if (id >= tables.tokens.count)
      continue;
    const llmc_tokenizer_token &token = tables.tokens[id];
    if (!(token.flags & LLMC_TOKEN_PRESENT) || ((token.flags & LLMC_TOKEN_SPECIAL) && !printSpecial))
      continue;
    Bytes piece = first ? tables.firstPiece(id) : tables.piece(id);
    first = first && piece.size == 0 && tables.has(LLMC_TOKENIZER_FIRST_TEXT);
    size_t used = text.size(), needed = piece.size + shortPiece + 1;
    if (!text.reserve(used + needed))
      return TextStatus::OutOfMemory;
    char *to = text.data() + used;
    if (owesSpace)
      *to++ = ' ';
    owesSpace = token.flags & LLMC_TOKEN_SPACE_AFTER;
    bool inside = piece.size <= shortPiece && piece.data - tables.base + shortPiece <= tables.header.size;
    std::memcpy(to, piece.data, inside ? shortPiece : piece.size);
    text.truncate(static_cast<size_t>(to - text.data()) + piece.size);
  }
  return TextStatus::Ok;
}

} // namespace

TextStatus decode(const Tokenizer &tokenizer, const int32_t *ids, size_t count, bool printSpecial, Array<char> &text) {
  const TokenizerTables &tables = tokenizer.view();
  size_t start = text.size();
  TextStatus status = joinPieces(tables, ids, count, printSpecial, text);
  if (status != TextStatus::Ok)
    return status;
  size_t size = text.size() - start;
  size_t good = wellFormedPrefix(reinterpret_cast<const uint8_t *>(text.data()) + start, size);
  bool oneStream = tables.header.decoder == LLMC_DECODER_BYTES; // every piece continues the bytes of the one before
  if (good == size || oneStream) {
    if (good < size)
      status = replaceIllFormed(text, start, good);
    dropStripped(tables, text, start);
    return status;
  }
  text.truncate(start); // some character is cut among pieces of two kinds: the stream knows what becomes of those
  struct Target {
    Array<char> &text;
    bool full;
  } target = {text, false};
  StreamDecoder decoder(
      tokenizer,
      [](void *user, const char *bytes, size_t size) {
        Target &target = *static_cast<Target *>(user);
        target.full |= !target.text.append(bytes, size);
      },
      &target, printSpecial);
  for (size_t i = 0; i < count; ++i)
    decoder.push(ids[i]);
  decoder.finish();
  return target.full ? TextStatus::OutOfMemory : TextStatus::Ok;
}

} // namespace llmc::runtime
