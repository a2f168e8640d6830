// BlockCalibration.h - weights rounded to blocks so that the products with what a model really reads change least.
//
// The meaning of transformer.weight.quantize with statistics. Without them: BlockSearch.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKCALIBRATION_H
#define LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKCALIBRATION_H

#include "dialects/Transformer/Formats/BlockFormats.h"

#include <vector>

namespace llmc {

/// How the keys of statistics begin; after it the key of the first tensor that the rows are multiplied with.
constexpr const char *kInputStatistics = "inputs:";

/// Elements of the statistics of `columns` inputs.
inline int64_t gramSize(int64_t columns) { return columns * (columns + 1) / 2; }

/// Adds `x^T x` of `count` rows x, `stride` floats apart, to the rows [first, last) of the lower triangle of a matrix
/// of second moments `gram`, which lies whole at 4-byte addresses. Sums run over the rows in order, 64 of them at a
/// time.
void addMoments(const float *rows, int64_t count, int64_t stride, int64_t columns, int64_t first, int64_t last,
                float *gram);

/// How errors in the columns of a matrix add up in its products with rows x, of which G = mean of x^T x is known.
///
/// G, with a hundredth of its mean diagonal added to the diagonal, is taken apart as `M diag(d) M^T` with M upper
/// triangular and ones on its diagonal. So an error e in a row of the matrix costs `e G e^T = sum over j of d[j] (e[j]
/// + sum over i < j of e[i] M[i][j])^2`: an error in column i can be made good by the columns after it. Where G is not
/// positive enough for that, ten times as much is added, up to eight times; where that does not help, errors count
/// alike and M is the identity.
class ErrorShape {
public:
  /// `gram` holds the lower triangle of G row by row, gramSize(columns) f32 of any alignment, little endian.
  /// Takes columns^3 / 6 products and 4 * columns^2 bytes. The outcome is the same bits on every host.
  ErrorShape(const uint8_t *gram, int64_t columns);

  const int64_t columns;
  /// Row i of M; elements before column i are undefined.
  const float *row(int64_t i) const { return factor.data() + i * columns; }
  const float *weights() const { return diagonal.data(); } ///< d
  /// The sum of `e G e^T` over `rows` rows e, which lie one after the other.
  double costOf(int64_t rows, const float *errors) const;

private:
  bool decompose(const uint8_t *gram, double added);
  std::vector<float> factor, diagonal;
};

/// Rounds `rows` rows of `shape.columns` finite values, which lie one after the other, to blocks of a format that can
/// be encoded; writes `rows * columns / group * blockBytes` bytes. Column by column in ascending order, the value that
/// is rounded is the source's plus what makes good the errors of the columns before. At the start of a group its scale
/// (and minimum) is chosen, as searchBlocks does with each error counted `d[j]` times, for the values that would make
/// good all errors so far. Pure, and the same bits on every host; a row's outcome does not depend on other rows.
/// Memory: 16 rows as f32, four times.
void calibrateBlocks(BlockFormatId id, int64_t group, int64_t rows, const float *values, const ErrorShape &shape,
                     uint8_t *out);

} // namespace llmc

#endif // LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKCALIBRATION_H
