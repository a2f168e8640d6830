// BlockCalibration.cpp - takes a matrix of second moments apart, and rounds rows column by column by it.
//
// The rule is GPTQ's (Frantar and others 2022, arXiv 2210.17323), whose columns are those of Babai's nearest plane:
// with M known, what the columns before have cost is a product, and no inverse is needed.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "dialects/Transformer/Formats/BlockLanes.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

namespace llmc {

using namespace lanes;

namespace {

constexpr int kRows = 16;
using Row = Lanes<kRows>; ///< A number of each of 16 rows, or 16 numbers of a row.

/// From any address.
LLMC_INLINE Row load(const float *from) {
  Row row;
  __builtin_memcpy(&row, from, sizeof row);
  return row;
}

//===----------------------------------------------------------------------===//
// Cholesky's decomposition, of the columns in descending order
//===----------------------------------------------------------------------===//

/// Columns that are finished together.
constexpr int64_t kPanel = 32;
static_assert(kPanel == 2 * kRows, "a panel is two vectors");

LLMC_INLINE float sumOf(Row lanes) {
  for (int width = kRows / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i)
      lanes[i] += lanes[i + width];
  return lanes[0];
}

/// Takes off A[a][c] the products of the first `known` numbers of the rows a and c, for 2 rows a and 4 rows c. `known`
/// is a multiple of kPanel. Sums run in 16 chains that are added pairwise.
LLMC_INLINE void takeProducts(float *const a[2], const float *const c[4], int64_t known, int64_t column,
                              int64_t width) {
  Row sums[2][4] = {};
  for (int64_t p = 0; p < known; p += kRows) {
    const Row left[2] = {load(a[0] + p), load(a[1] + p)};
    for (int j = 0; j < 4; ++j) {
      const Row right = load(c[j] + p);
      for (int i = 0; i < 2; ++i)
        sums[i][j] += left[i] * right;
    }
  }
  for (int i = 0; i < 2; ++i)
    for (int64_t j = 0; j < width; ++j)
      if (i == 0 || a[1] != a[0])
        a[i][column + j] -= sumOf(sums[i][j]);
}

/// Makes `A = L L^T` of the lower triangle of A [n, n]; false where A is not positive definite.
LLMC_INLINE bool choleskyOf(float *matrix, int64_t n) {
  const auto at = [&](int64_t row) { return matrix + row * n; };
  for (int64_t begin = 0; begin < n; begin += kPanel) {
    const int64_t end = std::min(begin + kPanel, n);
    for (int64_t row = begin; row < n; row += 2)
      for (int64_t column = begin; column < end; column += 4) {
        float *const rows[2] = {at(row), at(std::min(row + 1, n - 1))};
        const float *columns[4];
        for (int64_t j = 0; j < 4; ++j)
          columns[j] = at(std::min(column + j, end - 1));
        takeProducts(rows, columns, begin, column, std::min<int64_t>(4, end - column));
      }
    // The panel's own columns: first its square, whose columns are then at hand as rows of `square`.
    float square[kPanel][kPanel] = {}, inverse[kPanel];
    for (int64_t c = begin; c < end; ++c) {
      float pivot = at(c)[c];
      for (int64_t p = begin; p < c; ++p)
        pivot -= at(c)[p] * at(c)[p];
      if (!(pivot > 0) || !std::isfinite(pivot))
        return false;
      const float root = std::sqrt(pivot);
      at(c)[c] = root;
      inverse[c - begin] = 1 / root;
      for (int64_t row = c + 1; row < end; ++row) {
        float sum = at(row)[c];
        for (int64_t p = begin; p < c; ++p)
          sum -= at(row)[p] * at(c)[p];
        at(row)[c] = sum * inverse[c - begin];
        square[c - begin][row - begin] = at(row)[c];
      }
    }
    for (int64_t row = end; row < n; ++row) { // Only below whole panels.
      Row low = load(at(row) + begin), high = load(at(row) + begin + kRows);
      for (int c = 0; c < kPanel; ++c) {
        const float found = (c < kRows ? low[c] : high[c - kRows]) * inverse[c];
        low -= found * load(square[c]);
        high -= found * load(square[c] + kRows);
        at(row)[begin + c] = found;
      }
    }
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Room for 16 rows, each array `columns` long.
struct Room {
  Row *values;  ///< as they are in the source
  Row *errors;  ///< of what is rounded: source less result
  Row *owed;    ///< what the columns before ask a column to make good
  Row *targets; ///< of a group
};

/// Adds what the columns [from, to) ask of the columns [first, last).
LLMC_INLINE void owe(const ErrorShape &shape, const Room &room, int64_t from, int64_t to, int64_t first, int64_t last) {
  constexpr int64_t most = 64; // rows of M that stay in the first cache while all columns of a group pass
  for (int64_t begin = from; begin < to; begin += most) {
    const int64_t end = std::min(begin + most, to);
    for (int64_t j = first; j < last; j += 8) { // groups are multiples of 16 columns
      Row sums[8];
      for (int t = 0; t < 8; ++t)
        sums[t] = room.owed[j + t];
      for (int64_t i = begin; i < end; ++i) {
        const float *factors = shape.row(i) + j;
        const Row error = room.errors[i];
        for (int t = 0; t < 8; ++t)
          sums[t] += error * factors[t];
      }
      for (int t = 0; t < 8; ++t)
        room.owed[j + t] = sums[t];
    }
  }
}

LLMC_INLINE void roundRows(const BlockFormatDescriptor &format, int64_t group, const ErrorShape &shape,
                           const Room &room, Found<kRows> *found, uint8_t *codes) {
  const int zero = format.codes.zero;
  for (int64_t first = 0; first < shape.columns; first += group) {
    const int64_t last = first + group;
    for (int64_t j = first; j < last; ++j)
      room.owed[j] = Row{};
    owe(shape, room, 0, first, first, last);
    // The values that would make good all errors so far: what is owed, times the inverse of the group's square of M.
    for (int64_t j = first; j < last; ++j)
      room.targets[j - first] = first == 0 ? Row{} : room.owed[j];
    for (int64_t i = first; i < last && first > 0; ++i) {
      const Row own = room.targets[i - first];
      const float *factors = shape.row(i);
      for (int64_t j = i + 1; j < last; ++j)
        room.targets[j - first] -= own * factors[j];
    }
    for (int64_t j = first; j < last; ++j)
      room.targets[j - first] += room.values[j];
    Row steps, base;
    chooseSteps<kRows>(format, group, room.targets, Weighed{shape.weights() + first}, found[first / group], steps,
                       base);
    for (int64_t i = first; i < last; ++i) {
      const Row number = nearestCode<Row>(format, room.values[i] + room.owed[i], steps, base);
      const Row error = room.values[i] - (steps * number + base);
      room.errors[i] = error;
      const float *factors = shape.row(i);
      for (int64_t j = i + 1; j < last; ++j)
        room.owed[j] += error * factors[j];
      for (int row = 0; row < kRows; ++row)
        codes[row * shape.columns + i] = static_cast<uint8_t>(static_cast<int>(number[row]) + zero);
    }
  }
}

//===----------------------------------------------------------------------===//
// Moments
//===----------------------------------------------------------------------===//

/// Rows [i, i + 8) of the triangle, as far as they are before `last`.
LLMC_INLINE void addRows(const float *rows, int64_t count, int64_t stride, int64_t columns, int64_t i, int64_t last,
                         float *gram) {
  constexpr int tile = 8;
  const int64_t own = std::min<int64_t>(tile, last - i);
  int64_t places[tile];
  for (int64_t u = 0; u < tile; ++u)
    places[u] = i + std::min(u, own - 1);
  for (int64_t begin = 0; begin < count; begin += 64) {
    const int64_t end = std::min(begin + 64, count);
    for (int64_t j = 0; j < i + own; j += kRows) {
      Row sums[tile] = {};
      for (int64_t t = begin; t < end; ++t) {
        const float *x = rows + t * stride;
        Row other = {};
        if (j + kRows <= columns)
          other = load(x + j);
        else
          for (int64_t k = j; k < columns; ++k)
            other[k - j] = x[k];
        for (int u = 0; u < tile; ++u)
          sums[u] += x[places[u]] * other;
      }
      for (int64_t u = 0; u < own; ++u) {
        float *to = gram + gramSize(i + u) + j;
        for (int64_t k = 0; k < std::min<int64_t>(kRows, i + u + 1 - j); ++k)
          to[k] += sums[u][k];
      }
    }
  }
}

LLMC_INLINE void addAll(const float *rows, int64_t count, int64_t stride, int64_t columns, int64_t first, int64_t last,
                        float *gram) {
  for (int64_t i = first; i < last; i += 8)
    addRows(rows, count, stride, columns, i, last, gram);
}

struct Kernels {
  bool (*cholesky)(float *matrix, int64_t n);
  void (*add)(const float *, int64_t, int64_t, int64_t, int64_t, int64_t, float *);
  void (*round)(const BlockFormatDescriptor &, int64_t, const ErrorShape &, const Room &, Found<kRows> *, uint8_t *);
};

#define LLMC_KERNELS(name, ...)                                                                                        \
  __VA_ARGS__ bool name##Cholesky(float *matrix, int64_t n) { return choleskyOf(matrix, n); }                          \
  __VA_ARGS__ void name##Add(const float *rows, int64_t count, int64_t stride, int64_t columns, int64_t first,         \
                             int64_t last, float *gram) {                                                              \
    addAll(rows, count, stride, columns, first, last, gram);                                                           \
  }                                                                                                                    \
  __VA_ARGS__ void name##Round(const BlockFormatDescriptor &format, int64_t group, const ErrorShape &shape,            \
                               const Room &room, Found<kRows> *found, uint8_t *codes) {                                \
    roundRows(format, group, shape, room, found, codes);                                                               \
  }
LLMC_KERNELS(plain)
#ifdef __x86_64__
LLMC_KERNELS(wide, __attribute__((target("avx2,f16c"))))
LLMC_KERNELS(widest, __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,f16c"))))
#endif
#undef LLMC_KERNELS

Kernels chooseKernels() {
#ifdef __x86_64__
  if (hasWidestLanes())
    return {widestCholesky, widestAdd, widestRound};
  if (hasWideLanes())
    return {wideCholesky, wideAdd, wideRound};
#endif
  return {plainCholesky, plainAdd, plainRound};
}

const Kernels &kernels() {
  static const Kernels chosen = chooseKernels();
  return chosen;
}

} // namespace

void addMoments(const float *rows, int64_t count, int64_t stride, int64_t columns, int64_t first, int64_t last,
                float *gram) {
  kernels().add(rows, count, stride, columns, first, last, gram);
}

bool ErrorShape::decompose(const uint8_t *gram, double added) {
  // Cholesky's columns come in ascending order, those of M in descending: the matrix is turned about, and what is made
  // of it is turned back.
  const int64_t n = columns;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      float value;
      std::memcpy(&value, gram + 4 * (gramSize(i) + j), sizeof value);
      // Element (i, j) is (n - 1 - j, n - 1 - i) of the turned one, which is below its diagonal, too.
      factor[static_cast<size_t>((n - 1 - j) * n + n - 1 - i)] =
          i == j ? static_cast<float>(static_cast<double>(value) + added) : value;
    }
  if (!kernels().cholesky(factor.data(), n))
    return false;
  std::reverse(factor.begin(), factor.end());
  std::vector<float> inverse(static_cast<size_t>(n));
  for (int64_t j = 0; j < n; ++j) {
    const float root = factor[static_cast<size_t>(j * n + j)];
    diagonal[static_cast<size_t>(j)] = root * root;
    inverse[static_cast<size_t>(j)] = 1 / root;
  }
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i; j < n; ++j)
      factor[static_cast<size_t>(i * n + j)] *= inverse[static_cast<size_t>(j)];
  return true;
}

ErrorShape::ErrorShape(const uint8_t *gram, int64_t count)
    : columns(count), factor(static_cast<size_t>(count * count)), diagonal(static_cast<size_t>(count)) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    float value;
    std::memcpy(&value, gram + 4 * (gramSize(i) + i), sizeof value);
    sum += static_cast<double>(value);
  }
  const double mean = sum / static_cast<double>(count);
  double added = mean / 100;
  // Numbers so small or large that their squares are none do not count either.
  for (int tries = 0; tries < 8 && mean > 1e-30 && mean < 1e30; ++tries, added *= 10)
    if (decompose(gram, added))
      return;
  std::fill(factor.begin(), factor.end(), 0.0f);
  std::fill(diagonal.begin(), diagonal.end(), 1.0f);
}

double ErrorShape::costOf(int64_t rows, const float *errors) const {
  double cost = 0;
  std::vector<float> sums(static_cast<size_t>(columns));
  for (int64_t r = 0; r < rows; ++r) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (int64_t i = 0; i < columns; ++i) {
      const float error = errors[r * columns + i], *factors = row(i);
      for (int64_t j = i; j < columns; ++j)
        sums[static_cast<size_t>(j)] += error * factors[j];
    }
    for (int64_t j = 0; j < columns; ++j) {
      const double sum = static_cast<double>(sums[static_cast<size_t>(j)]);
      cost += static_cast<double>(diagonal[static_cast<size_t>(j)]) * sum * sum;
    }
  }
  return cost;
}

void calibrateBlocks(BlockFormatId id, int64_t group, int64_t rows, const float *values, const ErrorShape &shape,
                     uint8_t *out) {
  assert(canEncodeBlock(id) && isBlockGroup(id, group) && shape.columns % group == 0);
  const BlockFormatDescriptor &format = blockFormat(id);
  const int64_t columns = shape.columns, groups = columns / group, bytes = blockBytes(id, group);
  std::vector<Row> memory(static_cast<size_t>(3 * columns + group));
  Room room = {memory.data(), memory.data() + columns, memory.data() + 2 * columns, memory.data() + 3 * columns};
  std::vector<Found<kRows>> found(static_cast<size_t>(groups));
  std::vector<uint8_t> codes(static_cast<size_t>(kRows * columns));
  for (int64_t begin = 0; begin < rows; begin += kRows) {
    const int64_t count = std::min<int64_t>(kRows, rows - begin);
    for (int64_t j = 0; j < columns; ++j)
      for (int row = 0; row < kRows; ++row) // Where rows are missing, the last one stands in for them.
        room.values[j][row] = values[(begin + std::min<int64_t>(row, count - 1)) * columns + j];
    kernels().round(format, group, shape, room, found.data(), codes.data());
    for (int64_t row = 0; row < count; ++row)
      for (int64_t block = 0; block < groups; ++block) {
        BlockParts parts;
        parts.scale = found[static_cast<size_t>(block)].scale[row];
        parts.minimum = found[static_cast<size_t>(block)].minimum[row];
        parts.codes = codes.data() + row * columns + block * group;
        packBlock(id, group, parts, out + ((begin + row) * groups + block) * bytes);
      }
  }
}

} // namespace llmc
