// NormalForm.h - Unicode's normalisation forms NFC, NFD, NFKC and NFKD, from the tables of a section.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_NORMALFORM_H
#define LLMC_RUNTIME_SRC_TEXT_NORMALFORM_H

#include "runtime/src/text/Array.h"
#include "runtime/src/text/TokenizerTables.h"

namespace llmc::runtime {

/// Brings text into a normal form. Keeps its buffers between calls.
class NormalForm {
public:
  explicit NormalForm(const TokenizerTables &tables) : tables(tables) {}

  /// Whether the form (LLMC_NORMALIZE_NFC ... NFKD) might change `in`. O(in).
  bool mayChange(Bytes in, uint32_t kind) const;
  /// Appends the form of `in` to `out`; bytes that are not UTF-8 stay. O(n log n).
  TextStatus apply(Bytes in, uint32_t kind, Array<uint8_t> &out);

private:
  TextStatus finishRun(bool compose, Array<uint8_t> &out);
  TextStatus orderMarks();
  [[nodiscard]] bool decompose(uint32_t codepoint, const Table<llmc_tokenizer_decomposition> &rows);
  uint32_t combiningClass(uint32_t codepoint) const;
  uint32_t composite(uint32_t first, uint32_t second) const;

  const TokenizerTables &tables;
  struct Mark {
    uint32_t codepoint;
    uint32_t combiningClass;
  };
  Array<Mark> run;    // one stretch of decomposed characters
  Array<Mark> sorted; // room for ordering marks
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_NORMALFORM_H
