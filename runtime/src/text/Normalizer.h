// Normalizer.h - the operations of a tokenizer section that rewrite text before it is split.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_NORMALIZER_H
#define LLMC_RUNTIME_SRC_TEXT_NORMALIZER_H

#include "runtime/src/text/Array.h"
#include "runtime/src/text/Matcher.h"
#include "runtime/src/text/NormalForm.h"
#include "runtime/src/text/TokenizerTables.h"

namespace llmc::runtime {

/// Most bytes a stretch of `size` bytes may become: a tokenizer whose replacements would grow text without bound is
/// answered with TooLong instead of all memory.
inline size_t growthLimit(size_t size) { return 16 * size + 65536; }

/// Appends `in` to `out`, with each `from` (not empty), found from the left, replaced by `to`. O(in) for the short
/// `from` that tokenizers have.
TextStatus replaceAll(Bytes in, Bytes from, Bytes to, Array<uint8_t> &out);

/// Runs normaliser operations. Keeps its buffers between calls.
class Normalizer {
public:
  explicit Normalizer(const TokenizerTables &tables) : tables(tables), form(tables) {}

  /// The normalised form of `in`: either `in` itself, when nothing changes, or bytes of this object that the next call
  /// overwrites. `atStart` says whether `in` begins the whole text. O(n log n).
  TextStatus run(Bytes in, bool atStart, Bytes &out);

private:
  TextStatus map(const llmc_tokenizer_operation &operation, Bytes in, Array<uint8_t> &out);
  TextStatus charsmap(const llmc_tokenizer_operation &operation, Bytes in, Array<uint8_t> &out);
  TextStatus clusters(const llmc_tokenizer_operation &operation, Bytes in, Array<uint8_t> &out);
  TextStatus matches(const llmc_tokenizer_operation &operation, Bytes in, Array<uint8_t> &out);
  TextStatus blanks(Bytes in, Array<uint8_t> &out);
  Bytes strip(Bytes in, uint32_t flags) const;

  const TokenizerTables &tables;
  Array<uint8_t> buffers[2];
  NormalForm form;
  Matcher matcher;
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_NORMALIZER_H
