// Bpe.cpp - symbols of a piece, merged in the order of ranks through a heap.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/Bpe.h"

namespace llmc::runtime {

/// Where a short piece is remembered; null for a long one, and when there is no memory for it.
Bpe::Known *Bpe::placeOf(Bytes piece) {
  if (piece.size > sizeof(Known::bytes))
    return nullptr;
  if (known.empty()) {
    if (!known.resize(knownCount))
      return nullptr;
    std::memset(static_cast<void *>(known.data()), 0, knownCount * sizeof(Known));
  }
  uint64_t words[4] = {};
  std::memcpy(words, piece.data, piece.size);
  uint64_t hash = piece.size;
  for (uint64_t word : words)
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ull, hash ^= hash >> 32;
  return &known[hash % knownCount];
}

TextStatus Bpe::encode(Bytes piece, Array<int32_t> &ids) {
  Known *place = placeOf(piece);
  if (!place)
    return encodeAnew(piece, ids);
  if (place->size == piece.size && std::memcmp(place->bytes, piece.data, piece.size) == 0)
    return ids.append(place->ids, place->count) ? TextStatus::Ok : TextStatus::OutOfMemory;
  size_t before = ids.size();
  TextStatus status = encodeAnew(piece, ids);
  size_t count = ids.size() - before;
  if (status == TextStatus::Ok && piece.size && count <= sizeof(Known::ids) / sizeof(int32_t)) {
    place->size = static_cast<uint8_t>(piece.size);
    place->count = static_cast<uint8_t>(count);
    std::memcpy(place->bytes, piece.data, piece.size);
    if (count)
      std::memcpy(place->ids, ids.data() + before, count * sizeof(int32_t));
  }
  return status;
}

TextStatus Bpe::encodeAnew(Bytes piece, Array<int32_t> &ids) {
  if (piece.size >= none)
    return TextStatus::TooLong; // places are 32 bits
  uint32_t whole = wholeToken(piece);
  if (whole != LLMC_NO_TOKEN)
    return ids.push(static_cast<int32_t>(whole)) ? TextStatus::Ok : TextStatus::OutOfMemory;

  symbols.clear();
  TextStatus status = tables.has(LLMC_TOKENIZER_BYTE_LEVEL) ? symbolsOfBytes(piece) : symbolsOfCharacters(piece);
  if (status == TextStatus::Ok && symbols.size() > 1)
    status = merge();
  if (status != TextStatus::Ok)
    return status;
  for (uint32_t at = symbols.empty() ? none : 0; at != none; at = symbols[at].next)
    if (!ids.push(static_cast<int32_t>(symbols[at].token)))
      return TextStatus::OutOfMemory;
  return TextStatus::Ok;
}

/// The token that the piece is for certain, or LLMC_NO_TOKEN.
uint32_t Bpe::wholeToken(Bytes piece) {
  uint32_t whole = LLMC_NO_TOKEN;
  Bytes end = tables.bytes(tables.header.word_end);
  if (end.size == 0 || tables.has(LLMC_TOKENIZER_IGNORE_MERGES)) {
    whole = tables.findText(piece.data, piece.size);
    if (whole != LLMC_NO_TOKEN && tables.has(LLMC_TOKENIZER_IGNORE_MERGES))
      return whole;
  }
  if (end.size) {
    if (piece.size + end.size > tables.header.longest_text)
      return LLMC_NO_TOKEN;
    affixed.clear();
    if (!affixed.append(piece.data, piece.size) || !affixed.append(end.data, end.size))
      return LLMC_NO_TOKEN;
    whole = tables.findText(affixed.data(), affixed.size());
  }
  return whole != LLMC_NO_TOKEN && (tables.tokens[whole].flags & LLMC_TOKEN_WHOLE) ? whole : LLMC_NO_TOKEN;
}

/// The token of a character of a piece, with what the tokenizer puts before and behind characters there.
uint32_t Bpe::characterToken(const uint8_t *bytes, uint32_t size, bool first, bool last) {
  Bytes inner = tables.bytes(tables.header.word_inner), end = tables.bytes(tables.header.word_end);
  if ((first || inner.size == 0) && (!last || end.size == 0))
    return tables.findText(bytes, size);
  uint8_t joined[2 * LLMC_TOKENIZER_MAX_AFFIX_BYTES + 4];
  size_t length = 0;
  auto put = [&](const uint8_t *from, size_t count) {
    if (count)
      std::memcpy(joined + length, from, count);
    length += count;
  };
  if (!first)
    put(inner.data, inner.size);
  put(bytes, size);
  if (last)
    put(end.data, end.size);
  return tables.findText(joined, length);
}

bool Bpe::addSymbol(uint32_t token) {
  uint32_t place = static_cast<uint32_t>(symbols.size());
  if (place)
    symbols[place - 1].next = place;
  return symbols.push({token, place ? place - 1 : none, none});
}

/// One symbol a byte; bytes without a token are unknown.
TextStatus Bpe::symbolsOfBytes(Bytes piece) {
  if (!symbols.reserve(piece.size))
    return TextStatus::OutOfMemory;
  bool lastUnknown = false;
  bool hasEnd = tables.header.word_end.size != 0;
  for (size_t i = 0; i < piece.size; ++i) {
    uint32_t token = tables.byteIds[piece.data[i] + (hasEnd && i + 1 == piece.size ? 256u : 0u)];
    bool unknown = token == LLMC_NO_TOKEN;
    if (unknown) {
      token = tables.header.unk_token;
      if (token == LLMC_NO_TOKEN || (lastUnknown && tables.has(LLMC_TOKENIZER_FUSE_UNK)))
        continue;
    }
    lastUnknown = unknown;
    if (!addSymbol(token))
      return TextStatus::OutOfMemory;
  }
  return TextStatus::Ok;
}

/// One symbol a character; one without a token becomes its bytes' tokens, or is unknown.
TextStatus Bpe::symbolsOfCharacters(Bytes piece) {
  if (!symbols.reserve(piece.size))
    return TextStatus::OutOfMemory;
  // An unknown token waits until the next known character, so that its neighbours can be fused with it. As in Hugging
  // Face tokenizers it does not count as interrupted by characters that fell back to bytes.
  bool waiting = false;
  bool affixes = tables.header.word_inner.size || tables.header.word_end.size;
  for (size_t at = 0; at < piece.size;) {
    Character character = decodeCharacter(piece.data + at, piece.size - at);
    const uint8_t *bytes = piece.data + at;
    at += character.size;
    uint32_t token = affixes ? characterToken(bytes, character.size, bytes == piece.data, at == piece.size)
                             : tables.findText(bytes, character.size);
    if (token != LLMC_NO_TOKEN) {
      if (waiting && !addSymbol(tables.header.unk_token))
        return TextStatus::OutOfMemory;
      waiting = false;
      if (!addSymbol(token))
        return TextStatus::OutOfMemory;
      continue;
    }
    if (tables.has(LLMC_TOKENIZER_BYTE_FALLBACK)) {
      bool complete = true;
      for (uint32_t i = 0; i < character.size; ++i)
        complete &= tables.fallbackIds[bytes[i]] != LLMC_NO_TOKEN;
      if (complete) {
        for (uint32_t i = 0; i < character.size; ++i)
          if (!addSymbol(tables.fallbackIds[bytes[i]]))
            return TextStatus::OutOfMemory;
        continue;
      }
    }
    if (tables.header.unk_token == LLMC_NO_TOKEN)
      continue;
    if (waiting && !tables.has(LLMC_TOKENIZER_FUSE_UNK) && !addSymbol(tables.header.unk_token))
      return TextStatus::OutOfMemory;
    waiting = true;
  }
  if (waiting && !addSymbol(tables.header.unk_token))
    return TextStatus::OutOfMemory;
  return TextStatus::Ok;
}

/// Puts the merge of the symbol at `place` with the next one into the heap, if there is one.
bool Bpe::consider(uint32_t place) {
  uint32_t next = symbols[place].next;
  if (next == none)
    return true;
  const llmc_tokenizer_merge *found = tables.findMerge(symbols[place].token, symbols[next].token);
  if (!found)
    return true;
  Candidate candidate = {uint64_t(found->rank) << 32 | place, found->result, found->left, found->right};
  if (!heap.push(candidate))
    return false;
  size_t at = heap.size() - 1;
  while (at) {
    size_t parent = (at - 1) / 2;
    if (heap[parent].order <= candidate.order)
      break;
    heap[at] = heap[parent];
    at = parent;
  }
  heap[at] = candidate;
  return true;
}

Bpe::Candidate Bpe::popLowest() {
  Candidate lowest = heap[0], last = heap[heap.size() - 1];
  size_t size = heap.size() - 1;
  heap.truncate(size);
  size_t at = 0;
  while (2 * at + 1 < size) {
    size_t child = 2 * at + 1;
    if (child + 1 < size && heap[child + 1].order < heap[child].order)
      ++child;
    if (heap[child].order >= last.order)
      break;
    heap[at] = heap[child];
    at = child;
  }
  if (size)
    heap[at] = last;
  return lowest;
}

/// Merges until no pair is left: lowest rank first, leftmost among equals.
TextStatus Bpe::merge() {
  heap.clear();
  for (uint32_t i = 0; i + 1 < symbols.size(); ++i)
    if (!consider(i))
      return TextStatus::OutOfMemory;
  while (!heap.empty()) {
    Candidate top = popLowest();
    uint32_t place = static_cast<uint32_t>(top.order);
    Symbol &left = symbols[place];
    if (left.token == none || left.next == none)
      continue;
    Symbol &right = symbols[left.next];
    // The pair may have changed since; it still counts when it makes the same token, as in Hugging Face tokenizers.
    if (left.token != top.left || right.token != top.right) {
      const llmc_tokenizer_merge *now = tables.findMerge(left.token, right.token);
      if (!now || now->result != top.result)
        continue;
    }
    left.token = top.result;
    left.next = right.next;
    if (right.next != none)
      symbols[right.next].previous = place;
    right.token = none;
    if (left.previous != none && !consider(left.previous))
      return TextStatus::OutOfMemory;
    if (!consider(place))
      return TextStatus::OutOfMemory;
  }
  return TextStatus::Ok;
}

} // namespace llmc::runtime
