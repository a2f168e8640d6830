// TokenizerTables.h - a compiled tokenizer section, checked once, as typed tables and the lookups in them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_TOKENIZERTABLES_H
#define LLMC_RUNTIME_SRC_TEXT_TOKENIZERTABLES_H

#include "llmc/tokenizer_format.h"
#include "runtime/src/text/TextStatus.h"
#include "runtime/src/text/Utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace llmc::runtime {

/// A table of a section.
template <typename Row> struct Table {
  const Row *rows = nullptr;
  uint32_t count = 0;
  const Row &operator[](size_t index) const { return rows[index]; }
  const Row *begin() const { return rows; }
  const Row *end() const { return rows + count; }
};

/// Bytes with their number.
struct Bytes {
  const uint8_t *data = nullptr;
  size_t size = 0;
};

/// Typed views of a section whose every offset, id, state and class was checked by `open`: no lookup below can leave
/// the section, whatever it holds. Owns nothing; the section must outlive it. Immutable, so any number of threads may
/// read.
struct TokenizerTables {
  /// Checks `size` bytes at `section` (8-aligned) and fills the views. O(section). On BadSection `*reason` is a
  /// constant sentence, lower case, that says what is wrong.
  TextStatus open(const void *section, size_t size, const char **reason);

  const uint8_t *base = nullptr;
  llmc_tokenizer_header header = {};
  Table<llmc_tokenizer_token> tokens;
  Table<llmc_tokenizer_slot> vocabulary;
  Table<llmc_tokenizer_merge> merges;
  Table<uint32_t> byteIds, fallbackIds;
  Table<double> scores;
  Table<llmc_tokenizer_node> modelTrie, rawTrie, normalizedTrie;
  Table<llmc_tokenizer_operation> normalizer;
  Table<llmc_tokenizer_step> steps;
  Table<llmc_tokenizer_dfa> dfas;
  Table<uint16_t> transitions;
  Table<uint16_t> classIndex;
  Table<uint8_t> classBlocks, classFlags;
  Table<llmc_tokenizer_decomposition> canonical, compatibility;
  Table<uint32_t> decomposed;
  Table<llmc_tokenizer_composition> compositions;
  Table<llmc_tokenizer_combining> combining;
  Table<uint32_t> prefix, suffix;

  bool has(uint32_t flag) const { return header.flags & flag; }
  Bytes bytes(llmc_tokenizer_text text) const { return {base + text.offset, text.size}; }
  Bytes text(uint32_t token) const { return {base + tokens[token].text_offset, tokens[token].text_size}; }
  Bytes piece(uint32_t token) const { return {base + tokens[token].piece_offset, tokens[token].piece_size}; }
  Bytes firstPiece(uint32_t token) const { return {base + tokens[token].first_offset, tokens[token].first_size}; }
  /// A table that a row of another one names; `open` has checked it.
  template <typename Row> Table<Row> table(llmc_tokenizer_range range) const {
    return {reinterpret_cast<const Row *>(base + range.offset), range.count};
  }

  /// The class of a code point below 0x110000.
  uint8_t classOf(uint32_t codepoint) const {
    return classBlocks[size_t(classIndex[codepoint >> 8]) * 256 + (codepoint & 0xff)];
  }

  /// The token of the model with exactly this text, or LLMC_NO_TOKEN.
  uint32_t findText(const uint8_t *bytes, size_t size) const {
    if (size > header.longest_text)
      return LLMC_NO_TOKEN;
    uint64_t hash = llmc_tokenizer_hash(bytes, size);
    uint32_t mask = vocabulary.count - 1, place = static_cast<uint32_t>(hash >> 32);
    for (uint32_t probe = 0; probe < header.vocabulary_probes; ++probe) {
      const llmc_tokenizer_slot &slot = vocabulary[(place + probe) & mask];
      if (slot.token == LLMC_NO_TOKEN)
        return LLMC_NO_TOKEN;
      if (slot.tag == static_cast<uint32_t>(hash)) {
        const llmc_tokenizer_token &token = tokens[slot.token];
        if (token.text_size == size && std::memcmp(base + token.text_offset, bytes, size) == 0)
          return slot.token;
      }
    }
    return LLMC_NO_TOKEN;
  }

  /// The merge of two neighbouring symbols, or null.
  const llmc_tokenizer_merge *findMerge(uint32_t left, uint32_t right) const {
    uint32_t mask = merges.count - 1, place = llmc_tokenizer_pair_hash(left, right);
    for (uint32_t probe = 0; probe < header.merge_probes; ++probe) {
      const llmc_tokenizer_merge &slot = merges[(place + probe) & mask];
      if (slot.left == left && slot.right == right)
        return &slot;
      if (slot.left == LLMC_NO_TOKEN)
        return nullptr;
    }
    return nullptr;
  }

  /// The child of trie node `node` that `byte` leads to, or 0 (the root, which is nobody's child).
  static uint32_t child(const Table<llmc_tokenizer_node> &trie, uint32_t node, uint8_t byte) {
    uint32_t next = trie[node].base + byte;
    return trie[next].parent == node ? next : 0;
  }
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_TOKENIZERTABLES_H
