// Unigram.h - cuts one piece into the tokens whose scores have the largest sum.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_UNIGRAM_H
#define LLMC_RUNTIME_SRC_TEXT_UNIGRAM_H

#include "runtime/src/text/Array.h"
#include "runtime/src/text/TokenizerTables.h"

namespace llmc::runtime {

/// Encodes pieces by Viterbi's search; keeps its memory between calls (16 bytes a byte of the longest piece).
class Unigram {
public:
  explicit Unigram(const TokenizerTables &tables) : tables(tables) {}

  /// Appends the ids of `piece` to `ids`. O(bytes * bytes of the longest token).
  TextStatus encode(Bytes piece, Array<int32_t> &ids);

private:
  /// The best way to reach a place between two bytes.
  struct Place {
    double score;
    uint32_t start; ///< Where its last token starts; `none`: no way leads here.
    uint32_t token; ///< LLMC_NO_TOKEN: a character that no token is.
  };
  static constexpr uint32_t none = 0xffffffffu;
  TextStatus search(Bytes piece);
  TextStatus unknown(Bytes part, bool &open, Array<int32_t> &ids) const;

  const TokenizerTables &tables;
  Array<Place> places;
  Array<uint32_t> ends; // of the best way, from the last
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_UNIGRAM_H
