// PreTokenizer.h - cuts a stretch of text into the pieces that the model sees.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_PRETOKENIZER_H
#define LLMC_RUNTIME_SRC_TEXT_PRETOKENIZER_H

#include "runtime/src/text/Array.h"
#include "runtime/src/text/TokenizerTables.h"

#include <memory>

namespace llmc::runtime {

/// Runs the DFAs of a section over one stretch at a time, in time linear in the stretch whatever it holds.
///
/// A run of a DFA may read far past the match it ends with ("\s+$" reads a line of blanks to its end, in vain, from
/// each blank). What was read in vain is remembered as pairs of state and place, and no later run reads on from such a
/// pair (T. Reps, "Maximal-munch" tokenization in linear time, 1998).
class Matcher {
public:
  /// Forgets what was remembered, for another stretch or DFA.
  void reset();
  /// The end of the match of `dfa` that starts at `begin`, within [begin, end) of `text`; `begin` when none does.
  TextStatus match(const TokenizerTables &tables, const llmc_tokenizer_dfa &dfa, const uint8_t *text, size_t begin,
                   size_t end, size_t &matchEnd);

private:
  TextStatus remember(const TokenizerTables &tables, const llmc_tokenizer_dfa &dfa, const uint8_t *text, size_t from,
                      uint32_t state, size_t stop, size_t end);
  bool isVain(uint32_t state, size_t at) const;
  [[nodiscard]] bool insert(uint64_t key);

  Array<uint64_t> vain; // open addressing: (place << 16 | state) + 1, 0 for empty
  size_t vainCount = 0;
  size_t vainEnd = 0; // no remembered place lies at or beyond this one
};

/// What receives the pieces, in order. Bytes are valid during the call only.
class PieceSink {
public:
  virtual TextStatus piece(Bytes piece) = 0;

protected:
  ~PieceSink() = default;
};

/// Runs the steps of a section.
class PreTokenizer {
public:
  explicit PreTokenizer(const TokenizerTables &tables) : tables(tables) {}

  /// Hands the pieces of `text` to `sink`. `atStart` says whether it begins the whole text.
  TextStatus run(Bytes text, bool atStart, PieceSink &sink);

private:
  class Parts;
  TextStatus step(uint32_t number, Bytes text, bool atStart);
  TextStatus split(uint32_t number, Bytes text, bool atStart);

  const TokenizerTables &tables;
  PieceSink *sink = nullptr;
  struct Room {
    Matcher matcher;
    Array<uint8_t> text; // what a replacing step made
  };
  // One a step: a step's pieces run through the later steps before its next piece is cut.
  std::unique_ptr<Room[]> rooms;
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_PRETOKENIZER_H
