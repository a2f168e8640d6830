// Bpe.h - byte-pair encoding of one piece by a section's ranked merges.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_BPE_H
#define LLMC_RUNTIME_SRC_TEXT_BPE_H

#include "runtime/src/text/Array.h"
#include "runtime/src/text/TokenizerTables.h"

namespace llmc::runtime {

/// Encodes pieces; keeps its memory between calls (about 28 bytes a symbol of the longest piece) and 1 MiB of short
/// pieces with their ids, since texts repeat their words.
class Bpe {
public:
  explicit Bpe(const TokenizerTables &tables) : tables(tables) {}

  /// Appends the ids of `piece` to `ids`. O(n log n) in its symbols.
  TextStatus encode(Bytes piece, Array<int32_t> &ids);

private:
  /// One cache line. A later piece with the same place takes it over.
  struct Known {
    uint8_t size; ///< Of the piece; 0: nothing is here.
    uint8_t count;
    uint8_t bytes[30];
    int32_t ids[8];
  };
  static constexpr size_t knownCount = 16384;
  Known *placeOf(Bytes piece);
  TextStatus encodeAnew(Bytes piece, Array<int32_t> &ids);
  uint32_t wholeToken(Bytes piece);
  uint32_t characterToken(const uint8_t *bytes, uint32_t size, bool first, bool last);
  TextStatus symbolsOfBytes(Bytes piece);
  TextStatus symbolsOfCharacters(Bytes piece);
  [[nodiscard]] bool addSymbol(uint32_t token);
  TextStatus merge();

  static constexpr uint32_t none = 0xffffffffu;
  struct Symbol {
    uint32_t token; ///< `none` once merged into its left neighbour.
    uint32_t previous;
    uint32_t next;
  };
  /// A possible merge of the symbol at `place` with the next one. Ordered by (rank, place).
  struct Candidate {
    uint64_t order; ///< rank << 32 | place
    uint32_t result;
    uint32_t left, right; ///< The tokens it was found for.
  };
  [[nodiscard]] bool consider(uint32_t place);
  Candidate popLowest();

  const TokenizerTables &tables;
  Array<Symbol> symbols;
  Array<Candidate> heap;
  Array<uint8_t> affixed; // a piece with its word_end
  Array<Known> known;
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_BPE_H
