// GgufPreTokenizers.h - how text is cut under each name of tokenizer.ggml.pre.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_GGUFPRETOKENIZERS_H
#define LLMC_FRONTENDS_TEXT_GGUFPRETOKENIZERS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llmc::text {

struct GgufPreTokenizer {
  const char *name;
  std::vector<const char *> patterns; ///< Applied in order, to every piece; each match and each gap is a piece.
  uint32_t flags;                     ///< LLMC_TOKENIZER_*
  bool begins;                        ///< Whether a text gets the beginning token where the file does not say.
};

/// Null when no pre-tokenizer has the name.
const GgufPreTokenizer *findGgufPreTokenizer(std::string_view name);
/// All names, with commas between.
std::string ggufPreTokenizerNames();

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_GGUFPRETOKENIZERS_H
