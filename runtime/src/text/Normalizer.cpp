// Normalizer.cpp - the operations of a normaliser, one after the other between two buffers.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/Normalizer.h"

namespace llmc::runtime {

TextStatus replaceAll(Bytes in, Bytes from, Bytes to, Array<uint8_t> &out) {
  size_t copied = 0, at = 0;
  while (in.size - at >= from.size) {
    const void *found = std::memchr(in.data + at, from.data[0], in.size - at - from.size + 1);
    if (!found)
      break;
    at = static_cast<size_t>(static_cast<const uint8_t *>(found) - in.data);
    if (std::memcmp(in.data + at, from.data, from.size) != 0) {
      ++at;
      continue;
    }
    if (!out.append(in.data + copied, at - copied) || !out.append(to.data, to.size))
      return TextStatus::OutOfMemory;
    if (out.size() > growthLimit(in.size))
      return TextStatus::TooLong;
    at += from.size;
    copied = at;
  }
  return out.append(in.data + copied, in.size - copied) ? TextStatus::Ok : TextStatus::OutOfMemory;
}

TextStatus Normalizer::run(Bytes in, bool atStart, Bytes &out) {
  out = in;
  uint32_t next = 0; // the buffer that `out` does not lie in
  for (const llmc_tokenizer_operation &operation : tables.normalizer) {
    Array<uint8_t> &buffer = buffers[next];
    Bytes a = tables.bytes(operation.a), b = tables.bytes(operation.b);
    TextStatus status = TextStatus::Ok;
    buffer.clear();
    switch (operation.kind) {
    case LLMC_NORMALIZE_PREPEND:
      if (out.size == 0 || (!atStart && (operation.flags & LLMC_OPERATION_AT_START)))
        continue;
      if (!buffer.append(a.data, a.size) || !buffer.append(out.data, out.size))
        status = TextStatus::OutOfMemory;
      break;
    case LLMC_NORMALIZE_REPLACE:
      status = replaceAll(out, a, b, buffer);
      break;
    case LLMC_NORMALIZE_MAP:
      status = map(operation, out, buffer);
      break;
    case LLMC_NORMALIZE_CHARSMAP:
      status = operation.flags & LLMC_OPERATION_CLUSTERS ? clusters(operation, out, buffer)
                                                         : charsmap(operation, out, buffer);
      break;
    case LLMC_NORMALIZE_STRIP:
      out = strip(out, operation.flags);
      continue;
    case LLMC_NORMALIZE_TRIM:
      while (out.size >= a.size && std::memcmp(out.data + out.size - a.size, a.data, a.size) == 0)
        out.size -= a.size;
      continue;
    case LLMC_NORMALIZE_MATCHES:
      status = matches(operation, out, buffer);
      break;
    case LLMC_NORMALIZE_BLANKS:
      status = blanks(out, buffer);
      break;
    default: // LLMC_NORMALIZE_NFC ... NFKD
      if (!form.mayChange(out, operation.kind))
        continue;
      status = form.apply(out, operation.kind, buffer);
      break;
    }
    if (status == TextStatus::Ok && buffer.size() > growthLimit(in.size))
      status = TextStatus::TooLong;
    if (status != TextStatus::Ok)
      return status;
    out = {buffer.data(), buffer.size()};
    next ^= 1;
  }
  return TextStatus::Ok;
}

/// Each character by itself.
TextStatus Normalizer::map(const llmc_tokenizer_operation &operation, Bytes in, Array<uint8_t> &out) {
  Table<uint16_t> index = tables.table<uint16_t>(operation.index), entries = tables.table<uint16_t>(operation.entries);
  Table<llmc_tokenizer_text> texts = tables.table<llmc_tokenizer_text>(operation.texts);
  size_t copied = 0; // what stays is copied in stretches
  for (size_t at = 0; at < in.size;) {
    Character character = decodeCharacter(in.data + at, in.size - at);
    size_t start = at;
    at += character.size;
    uint16_t entry = entries[size_t(index[character.codepoint >> 8]) * 256 + (character.codepoint & 0xff)];
    if (entry == LLMC_MAP_KEEP || (character.size == 1 && in.data[start] >= 0x80)) // no character: bytes stay
      continue;
    if (!out.append(in.data + copied, start - copied))
      return TextStatus::OutOfMemory;
    copied = at;
    bool well;
    if (entry == LLMC_MAP_SPACE) {
      well = out.push(' ') && out.append(in.data + start, character.size) && out.push(' ');
    } else {
      Bytes text = tables.bytes(texts[entry]);
      well = out.append(text.data, text.size);
    }
    if (!well)
      return TextStatus::OutOfMemory;
  }
  return out.append(in.data + copied, in.size - copied) ? TextStatus::Ok : TextStatus::OutOfMemory;
}

/// The longest string of the trie at each place.
TextStatus Normalizer::charsmap(const llmc_tokenizer_operation &operation, Bytes in, Array<uint8_t> &out) {
  Table<llmc_tokenizer_node> trie = tables.table<llmc_tokenizer_node>(operation.entries);
  Table<llmc_tokenizer_text> texts = tables.table<llmc_tokenizer_text>(operation.texts);
  size_t copied = 0;
  for (size_t at = 0; at < in.size;) {
    uint32_t node = 0, value = LLMC_NO_TOKEN;
    size_t end = at;
    for (size_t i = at; i < in.size; ++i) {
      node = TokenizerTables::child(trie, node, in.data[i]);
      if (node == 0)
        break;
      if (trie[node].value != LLMC_NO_TOKEN) {
        value = trie[node].value;
        end = i + 1;
      }
    }
    if (value == LLMC_NO_TOKEN) {
      at += decodeCharacter(in.data + at, in.size - at).size;
      continue;
    }
    Bytes text = tables.bytes(texts[value]);
    if (!out.append(in.data + copied, at - copied) || !out.append(text.data, text.size))
      return TextStatus::OutOfMemory;
    if (out.size() > growthLimit(in.size))
      return TextStatus::TooLong;
    at = copied = end;
  }
  return out.append(in.data + copied, in.size - copied) ? TextStatus::Ok : TextStatus::OutOfMemory;
}

/// The row of the shortest string of the trie that the bytes start with, or LLMC_NO_TOKEN.
static uint32_t shortest(const Table<llmc_tokenizer_node> &trie, const uint8_t *bytes, size_t size) {
  uint32_t node = 0;
  for (size_t i = 0; i < size; ++i) {
    node = TokenizerTables::child(trie, node, bytes[i]);
    if (node == 0)
      return LLMC_NO_TOKEN;
    if (trie[node].value != LLMC_NO_TOKEN)
      return trie[node].value;
  }
  return LLMC_NO_TOKEN;
}

/// Grapheme cluster by grapheme cluster, as Hugging Face's Precompiled.
TextStatus Normalizer::clusters(const llmc_tokenizer_operation &operation, Bytes in, Array<uint8_t> &out) {
  Table<llmc_tokenizer_node> trie = tables.table<llmc_tokenizer_node>(operation.entries);
  Table<llmc_tokenizer_text> texts = tables.table<llmc_tokenizer_text>(operation.texts);
  constexpr size_t shortCluster = 6;
  matcher.reset();
  size_t copied = 0;
  auto replace = [&](size_t begin, size_t end, uint32_t value) {
    Bytes text = tables.bytes(texts[value]);
    if (!out.append(in.data + copied, begin - copied) || !out.append(text.data, text.size))
      return TextStatus::OutOfMemory;
    copied = end;
    return out.size() > growthLimit(in.size) ? TextStatus::TooLong : TextStatus::Ok;
  };
  for (size_t at = 0; at < in.size;) {
    size_t end = at + 1;
    // Only a carriage return clings to another ASCII character.
    if (in.data[at] >= 0x80 || in.data[at] == 0x0d || (end < in.size && in.data[end] >= 0x80)) {
      TextStatus status = matcher.match(tables, tables.dfas[operation.dfa], in.data, at, in.size, end);
      if (status != TextStatus::Ok)
        return status;
      if (end == at)
        end += decodeCharacter(in.data + at, in.size - at).size;
    }
    if (end - at < shortCluster) {
      if (uint32_t value = shortest(trie, in.data + at, end - at); value != LLMC_NO_TOKEN) {
        if (TextStatus status = replace(at, end, value); status != TextStatus::Ok)
          return status;
        at = end;
        continue;
      }
    }
    while (at < end) {
      size_t size = decodeCharacter(in.data + at, in.size - at).size;
      if (uint32_t value = shortest(trie, in.data + at, size); value != LLMC_NO_TOKEN)
        if (TextStatus status = replace(at, at + size, value); status != TextStatus::Ok)
          return status;
      at += size;
    }
  }
  return out.append(in.data + copied, in.size - copied) ? TextStatus::Ok : TextStatus::OutOfMemory;
}

/// Each match of a pattern by a text.
TextStatus Normalizer::matches(const llmc_tokenizer_operation &operation, Bytes in, Array<uint8_t> &out) {
  Bytes to = tables.bytes(operation.b);
  const llmc_tokenizer_dfa &dfa = tables.dfas[operation.dfa];
  matcher.reset();
  size_t copied = 0;
  for (size_t at = 0; at < in.size;) {
    size_t end = at;
    TextStatus status = matcher.match(tables, dfa, in.data, at, in.size, end);
    if (status != TextStatus::Ok)
      return status;
    if (end == at) {
      at += decodeCharacter(in.data + at, in.size - at).size;
      continue;
    }
    if (!out.append(in.data + copied, at - copied) || !out.append(to.data, to.size))
      return TextStatus::OutOfMemory;
    if (out.size() > growthLimit(in.size))
      return TextStatus::TooLong;
    at = copied = end;
  }
  return out.append(in.data + copied, in.size - copied) ? TextStatus::Ok : TextStatus::OutOfMemory;
}

/// SentencePiece's "remove extra whitespaces".
TextStatus Normalizer::blanks(Bytes in, Array<uint8_t> &out) {
  if (!out.reserve(in.size))
    return TextStatus::OutOfMemory;
  size_t end = in.size;
  while (end && in.data[end - 1] == ' ')
    --end;
  for (size_t at = 0; at < end; ++at)
    if (in.data[at] != ' ' || (at && in.data[at - 1] != ' '))
      (void)out.push(in.data[at]);
  return TextStatus::Ok;
}

Bytes Normalizer::strip(Bytes in, uint32_t flags) const {
  size_t begin = 0, end = in.size;
  auto isSpace = [&](size_t at, size_t size) {
    Character character = decodeCharacter(in.data + at, size);
    return character.size == size && (tables.classFlags[tables.classOf(character.codepoint)] & LLMC_CLASS_SPACE);
  };
  if (flags & LLMC_OPERATION_LEFT)
    while (begin < end) {
      size_t size = decodeCharacter(in.data + begin, end - begin).size;
      if (!isSpace(begin, size))
        break;
      begin += size;
    }
  if (flags & LLMC_OPERATION_RIGHT)
    for (size_t size = 1; size <= 4 && size <= end - begin; ++size)
      if (isSpace(end - size, size)) {
        end -= size;
        size = 0;
      }
  return {in.data + begin, end - begin};
}

} // namespace llmc::runtime
