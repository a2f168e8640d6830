// Statistics.h - reads what `llmc observe` writes: second moments of what each matrix of a model is multiplied with.
//
// The file is a safetensors file; docs/statistics-format.md says what is in it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_STATISTICS_STATISTICS_H
#define LLMC_FRONTENDS_FORMATS_STATISTICS_STATISTICS_H

#include "frontends/formats/TensorIndex.h"

namespace llmc::statistics {

/// The version that is written and read.
constexpr const char *kVersion = "1";
/// Names in the metadata: the version, the digest of the model, how many tokens were observed.
constexpr const char *kVersionName = "llmc.statistics", *kModelName = "model", *kTokensName = "tokens";
/// The tensor of the tokens that were kept back: not observed, for measuring what became of the model.
constexpr const char *kHeldBack = "held_back";

/// What a file says of itself.
struct Facts {
  std::string model;   ///< 64 hexadecimal digits
  uint64_t tokens = 0; ///< that were observed, at least 1
};

/// Checks a file held in memory, but for its numbers, and lists its tensors. `name` is used in messages. Memory:
/// proportionate to the header. Errors: as safetensors::parseFile; no statistics; another version; a tensor that is
/// none of statistics.
Result<Facts> parse(std::string_view bytes, const std::string &name, std::vector<TensorEntry> &tensors);

/// Checks the numbers: finite, and no mean of squares negative. Reads all of the tensor.
Checked checkNumbers(const TensorEntry &entry, const uint8_t *data, const std::string &name);

/// A file that has been mapped and parsed.
struct Opened {
  Facts facts;
  TensorIndex index;
};
Result<Opened> open(const std::string &path);

} // namespace llmc::statistics

#endif // LLMC_FRONTENDS_FORMATS_STATISTICS_STATISTICS_H
