// Matcher.h - runs the DFAs of a section over text.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_MATCHER_H
#define LLMC_RUNTIME_SRC_TEXT_MATCHER_H

#include "runtime/src/text/Array.h"
#include "runtime/src/text/TokenizerTables.h"

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
                   size_t end, size_t &matchEnd) {
    return run<Characters>(tables, dfa, text, begin, end, matchEnd);
  }
  /// The same over bytes that each stand for their character of GPT-2's alphabet.
  TextStatus matchBytes(const TokenizerTables &tables, const llmc_tokenizer_dfa &dfa, const uint8_t *text, size_t begin,
                        size_t end, size_t &matchEnd) {
    return run<Alphabet>(tables, dfa, text, begin, end, matchEnd);
  }

private:
  struct Characters;
  struct Alphabet;
  template <typename Reader>
  TextStatus run(const TokenizerTables &tables, const llmc_tokenizer_dfa &dfa, const uint8_t *text, size_t begin,
                 size_t end, size_t &matchEnd);
  template <typename Reader>
  TextStatus remember(const TokenizerTables &tables, const llmc_tokenizer_dfa &dfa, const uint8_t *text, size_t from,
                      uint32_t state, size_t stop, size_t end);
  bool isVain(uint32_t state, size_t at) const;
  [[nodiscard]] bool insert(uint64_t key);

  Array<uint64_t> vain; // open addressing: (place << 16 | state) + 1, 0 for empty
  size_t vainCount = 0;
  size_t vainEnd = 0; // no remembered place lies at or beyond this one
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_MATCHER_H
