// Unigram.cpp - Viterbi's search over the trie of token texts.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/Unigram.h"

namespace llmc::runtime {

TextStatus Unigram::encode(Bytes piece, Array<int32_t> &ids) {
  if (piece.size >= none)
    return TextStatus::TooLong; // places are 32 bits
  TextStatus status = search(piece);
  if (status != TextStatus::Ok)
    return status;
  ends.clear();
  for (uint32_t at = static_cast<uint32_t>(piece.size); at; at = places[at].start)
    if (!ends.push(at))
      return TextStatus::OutOfMemory;

  bool fuse = tables.has(LLMC_TOKENIZER_FUSE_UNK);
  bool open = false; // the last id is an unknown one that takes its neighbours in
  for (size_t i = ends.size(); i-- > 0;) {
    const Place &place = places[ends[i]];
    if (place.token != LLMC_NO_TOKEN) {
      if (!ids.push(static_cast<int32_t>(place.token)))
        return TextStatus::OutOfMemory;
      open = false;
      continue;
    }
    // Fallen back or not, a run of unknown characters is one unit where they are fused.
    uint32_t start = place.start, end = ends[i];
    while (fuse && i && places[ends[i - 1]].token == LLMC_NO_TOKEN)
      end = ends[--i];
    status = unknown({piece.data + start, end - start}, open, ids);
    if (status != TextStatus::Ok)
      return status;
  }
  return TextStatus::Ok;
}

/// The ids of bytes that no token is: their byte tokens if all of them exist, else the unknown token.
TextStatus Unigram::unknown(Bytes part, bool &open, Array<int32_t> &ids) const {
  if (tables.has(LLMC_TOKENIZER_BYTE_FALLBACK)) {
    bool complete = true;
    for (size_t i = 0; i < part.size; ++i)
      complete &= tables.fallbackIds[part.data[i]] != LLMC_NO_TOKEN;
    if (complete) {
      for (size_t i = 0; i < part.size; ++i)
        if (!ids.push(static_cast<int32_t>(tables.fallbackIds[part.data[i]])))
          return TextStatus::OutOfMemory;
      open = false;
      return TextStatus::Ok;
    }
  }
  if (tables.header.unk_token == LLMC_NO_TOKEN || open)
    return TextStatus::Ok;
  open = tables.has(LLMC_TOKENIZER_FUSE_UNK);
  return ids.push(static_cast<int32_t>(tables.header.unk_token)) ? TextStatus::Ok : TextStatus::OutOfMemory;
}

/// Fills `places`. Of ways with the same score the first found stays: the one whose last token starts earlier.
TextStatus Unigram::search(Bytes piece) {
  places.clear();
  if (!places.resize(piece.size + 1))
    return TextStatus::OutOfMemory;
  for (Place &place : places)
    place = {0, none, LLMC_NO_TOKEN};
  bool single = tables.has(LLMC_TOKENIZER_SINGLE_SUMS);
  const Table<llmc_tokenizer_node> &trie = tables.modelTrie;
  auto reach = [&](size_t end, size_t start, double score, uint32_t token) {
    Place &place = places[end];
    if (single)
      score = static_cast<double>(static_cast<float>(score));
    if (place.start == none || score > place.score)
      place = {score, static_cast<uint32_t>(start), token};
  };
  for (size_t start = 0; start < piece.size;) {
    double before = places[start].score;
    size_t size = decodeCharacter(piece.data + start, piece.size - start).size;
    bool covered = false; // some token is exactly the character
    uint32_t node = 0;
    for (size_t i = start; i < piece.size; ++i) {
      node = TokenizerTables::child(trie, node, piece.data[i]);
      if (node == 0)
        break;
      uint32_t token = trie[node].value;
      if (token == LLMC_NO_TOKEN)
        continue;
      covered |= i + 1 == start + size;
      reach(i + 1, start, tables.scores[token] + before, token);
    }
    if (!covered)
      reach(start + size, start, tables.header.unk_score + before, LLMC_NO_TOKEN);
    start += size;
  }
  return TextStatus::Ok;
}

} // namespace llmc::runtime
