// RopeFrequencies.h - the tables of rotary frequencies, for the IR, the reference and the packing of artifacts.
//
// Plain C++. The formulas stand at transformer.weight.rope_frequencies.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_FORMATS_ROPEFREQUENCIES_H
#define LLMC_DIALECTS_TRANSFORMER_FORMATS_ROPEFREQUENCIES_H

#include <cstdint>
#include <vector>

namespace llmc {

/// What a table is made from. Fields that a scaling does not use are ignored.
struct RopeFrequencySpec {
  enum class Scaling { Default, Linear, Dynamic, Yarn, LongRope, Llama3 };
  Scaling scaling = Scaling::Default;
  double base = 10000;      ///< > 1
  int64_t dim = 0;          ///< features that turn in each head; even
  double factor = 1;        ///< linear, dynamic, yarn, llama3
  double lowFreqFactor = 1; ///< llama3
  double highFreqFactor = 4;
  double betaFast = 32; ///< yarn
  double betaSlow = 1;
  bool truncate = true;                          ///< yarn: whole bounds of the ramp
  int64_t originalContext = 0;                   ///< llama3, yarn, dynamic, longrope; positions
  int64_t maxContext = 0;                        ///< dynamic: positions for which rows are made
  std::vector<double> shortFactors, longFactors; ///< longrope, dim/2 each
};

/// Rows of the table: 2 for longrope, one for each context length past the limit for dynamic, else 1.
int64_t ropeFrequencyRows(const RopeFrequencySpec &spec);

/// Fills row `row` of the table, `spec.dim / 2` numbers in radians per position, the same bits on every host.
/// `spec` satisfies the rules of transformer.weight.rope_frequencies.
void computeRopeFrequencies(const RopeFrequencySpec &spec, int64_t row, float *frequencies);

/// The row for a token at this position in a table of `rows` rows.
inline int64_t ropeFrequencyRow(int64_t position, int64_t originalContext, int64_t rows) {
  int64_t row = position + 1 - originalContext;
  return row <= 0 || rows == 1 ? 0 : row < rows ? row : rows - 1;
}

/// What yarn puts on cos and sin when the model does not say: 0.1 mscale ln(factor) + 1, over the same with
/// `mscaleAllDim` when both are given (not 0).
double yarnAttentionFactor(double factor, double mscale = 0, double mscaleAllDim = 0);

/// What longrope puts on cos and sin when the model does not say: sqrt(1 + ln(factor) / ln(originalContext)), 1 for a
/// factor of at most 1.
double longRopeAttentionFactor(double factor, int64_t originalContext);

} // namespace llmc

#endif // LLMC_DIALECTS_TRANSFORMER_FORMATS_ROPEFREQUENCIES_H
