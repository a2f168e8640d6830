// WordModels.cpp - greedy longest matches in the trie of token texts, and plain lookup.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/WordModels.h"

namespace llmc::runtime {

static TextStatus unknown(const TokenizerTables &tables, Array<int32_t> &ids) {
  if (tables.header.unk_token == LLMC_NO_TOKEN)
    return TextStatus::Ok;
  return ids.push(static_cast<int32_t>(tables.header.unk_token)) ? TextStatus::Ok : TextStatus::OutOfMemory;
}

TextStatus encodeWordPieces(const TokenizerTables &tables, Bytes piece, Array<int32_t> &ids) {
  if (uint32_t most = tables.header.longest_word) {
    size_t characters = 0;
    for (size_t at = 0; at < piece.size && characters <= most; ++characters)
      at += decodeCharacter(piece.data + at, piece.size - at).size;
    if (characters > most)
      return unknown(tables, ids);
  }
  const Table<llmc_tokenizer_node> &trie = tables.modelTrie;
  size_t before = ids.size();
  for (size_t start = 0; start < piece.size;) {
    uint32_t node = start ? tables.header.word_inner_node : 0, token = LLMC_NO_TOKEN;
    size_t end = start;
    for (size_t i = start; i < piece.size && node != LLMC_NO_TOKEN; ++i) {
      node = TokenizerTables::child(trie, node, piece.data[i]);
      if (node == 0)
        break;
      if (trie[node].value != LLMC_NO_TOKEN) {
        token = trie[node].value;
        end = i + 1;
      }
    }
    if (token == LLMC_NO_TOKEN) {
      ids.truncate(before);
      return unknown(tables, ids);
    }
    if (!ids.push(static_cast<int32_t>(token)))
      return TextStatus::OutOfMemory;
    start = end;
  }
  return TextStatus::Ok;
}

TextStatus encodeWord(const TokenizerTables &tables, Bytes piece, Array<int32_t> &ids) {
  uint32_t token = tables.findText(piece.data, piece.size);
  if (token == LLMC_NO_TOKEN)
    return unknown(tables, ids);
  return ids.push(static_cast<int32_t>(token)) ? TextStatus::Ok : TextStatus::OutOfMemory;
}

} // namespace llmc::runtime
