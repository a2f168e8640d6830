// BlockLanes.h - the search for scales and minima of many groups side by side.
//
// Private to BlockSearch.cpp and BlockCalibration.cpp, which are compiled with -ffp-contract=off, for several vector
// widths: every operation is rounded on its own and every sum has its order, so that the width changes nothing but the
// speed.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKLANES_H
#define LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKLANES_H

#include "dialects/Transformer/Formats/BlockFormats.h"
#include "dialects/Transformer/Formats/HalfFloats.h"

#include <algorithm>

namespace llmc::lanes {

#define LLMC_INLINE inline __attribute__((always_inline))

/// One number of each of N groups: lane j belongs to group j, so that no lane knows of another.
template <int N> using Lanes = float __attribute__((vector_size(N * sizeof(float))));

template <typename V> LLMC_INLINE V lesser(V a, V b) { return a < b ? a : b; }
template <typename V> LLMC_INLINE V greater(V a, V b) { return a > b ? a : b; }
template <typename V> LLMC_INLINE V same(float value) { return V{} + value; }

/// To the nearest whole number, halves to even, of what is first cut to [low, high], which lies within 2^21 of zero:
/// adding 1.5 * 2^23 leaves no bits behind the point.
template <typename V> LLMC_INLINE V roundWithin(V value, float low, float high) {
  const V cut = lesser<V>(greater<V>(value, same<V>(low)), same<V>(high));
  return (cut + 12582912.0f) - 12582912.0f;
}

inline uint16_t toFiniteHalf(float value) { return floatToHalf(std::min(std::max(value, -65504.0f), 65504.0f)); }

/// Factors on the number of steps between zero and the outermost value. With 255 steps the outermost value decides
/// nothing; with 16 it is often worth cutting it off, or leaving a step unused. More or finer ones gain less than 1 %
/// of the squared error of Gaussian groups.
struct Trials {
  int first, last; ///< i, both included
  float step;      ///< the factor is 1 + i * step
};
constexpr Trials kFine = {0, 1, 1.0f / 256}, kCoarse = {-6, 5, 1.0f / 36};

/// What is found for N groups.
template <int N> struct Found {
  uint16_t scale[N], minimum[N];
};

/// How much each value's error counts; the same for all groups.
struct Alike {
  static constexpr bool isAlike = true;
  float operator[](int64_t) const { return 1; }
};
struct Weighed {
  static constexpr bool isAlike = false;
  const float *weights;
  float operator[](int64_t k) const { return weights[k]; }
};

template <int N, typename Weights>
LLMC_INLINE void searchScales(const Lanes<N> *values, int64_t group, Weights weights, float low, float high,
                              const Trials &trials, Lanes<N> extreme, bool symmetric, Lanes<N> &scale) {
  using V = Lanes<N>;
  // The outermost code is the highest of a symmetric range, the lowest where that lies further out; the scale then
  // takes the sign that leads there.
  const V outermost = symmetric ? (extreme < 0 ? same<V>(-high) : same<V>(high)) : same<V>(low);
  const V base = outermost / extreme;
  V best = same<V>(-1);
  scale = V{};
  for (int i = trials.first; i <= trials.last; ++i) {
    const V inverse = base * (1 + static_cast<float>(i) * trials.step);
    V products = {}, squares = {};
    for (int64_t k = 0; k < group; ++k) {
      const V code = roundWithin<V>(values[k] * inverse, low, high);
      const V counted = Weights::isAlike ? code : code * weights[k];
      products += values[k] * counted;
      squares += code * counted;
    }
    // The error of the best scale s for these codes: sum v^2 - s * products, with s = products / squares.
    const V s = products / squares, gain = s * products;
    const auto better = gain > best;
    best = better ? gain : best;
    scale = better ? s : scale;
  }
}

/// Scale and minimum together; values are taken from the least one, which keeps the sums small.
template <int N, typename Weights>
LLMC_INLINE void searchScalesAndMinima(const Lanes<N> *values, int64_t group, Weights weights, float highest,
                                       const Trials &trials, Lanes<N> least, Lanes<N> greatest, Lanes<N> &scale,
                                       Lanes<N> &minimum) {
  using V = Lanes<N>;
  const V base = same<V>(highest) / (greatest - least);
  auto n = static_cast<float>(group);
  if (!Weights::isAlike) {
    n = 0;
    for (int64_t k = 0; k < group; ++k)
      n += weights[k];
  }
  V best = same<V>(-1), x = {};
  scale = minimum = V{};
  for (int64_t k = 0; k < group; ++k)
    x += Weights::isAlike ? values[k] - least : (values[k] - least) * weights[k];
  for (int i = trials.first; i <= trials.last; ++i) {
    const V inverse = base * (1 + static_cast<float>(i) * trials.step);
    V products = {}, squares = {}, codes = {};
    for (int64_t k = 0; k < group; ++k) {
      const V value = values[k] - least, code = roundWithin<V>(value * inverse, 0, highest);
      const V counted = Weights::isAlike ? code : code * weights[k];
      products += value * counted;
      squares += code * counted;
      codes += counted;
    }
    // Least squares of the line that maps codes to values.
    const V d = n * squares - codes * codes, s = (n * products - x * codes) / d,
            m = (x * squares - codes * products) / d, gain = s * products + m * x;
    const auto better = gain > best; // Not where d is 0: those are NaN.
    best = better ? gain : best;
    scale = better ? s : scale;
    minimum = better ? m : minimum;
  }
  minimum += least;
}

/// Scale and minimum of N groups: as f16, and the numbers that these are.
template <int N, typename Weights>
LLMC_INLINE void chooseSteps(const BlockFormatDescriptor &format, int64_t group, const Lanes<N> *values,
                             Weights weights, Found<N> &found, Lanes<N> &steps, Lanes<N> &base) {
  using V = Lanes<N>;
  V least = values[0], greatest = values[0];
  for (int64_t k = 1; k < group; ++k) {
    least = lesser<V>(values[k], least);
    greatest = greater<V>(values[k], greatest);
  }
  const auto highest = static_cast<float>(format.highestCode - format.codes.zero);
  const auto lowest = static_cast<float>(format.lowestCode - format.codes.zero);
  const Trials trials = format.codes.bits > 4 ? kFine : kCoarse;
  // What is smaller than this has no scale in f16.
  const float smallest = 0x1p-25f * highest;
  V scale, minimum = {};
  if (format.rounding == BlockRounding::Range) {
    searchScalesAndMinima<N>(values, group, weights, highest, trials, least, greatest, scale, minimum);
    const auto flat = greatest - least < smallest;
    scale = flat ? V{} : scale;
    minimum = flat ? least : minimum;
  } else {
    const V extreme = -least > greatest ? least : greatest;
    searchScales<N>(values, group, weights, lowest, highest, trials, extreme, format.rounding == BlockRounding::Largest,
                    scale);
    scale = greater<V>(extreme, -extreme) < smallest ? V{} : scale;
  }
  steps = base = V{};
  for (int j = 0; j < N; ++j) {
    found.scale[j] = toFiniteHalf(scale[j]);
    found.minimum[j] = toFiniteHalf(minimum[j]);
    steps[j] = halfToFloat(found.scale[j]);
    base[j] = halfToFloat(found.minimum[j]);
  }
}

/// The numbers of the codes nearest to values, for steps and base as they were chosen.
template <typename V> LLMC_INLINE V nearestCode(const BlockFormatDescriptor &format, V value, V steps, V base) {
  const auto highest = static_cast<float>(format.highestCode - format.codes.zero);
  const auto lowest = static_cast<float>(format.lowestCode - format.codes.zero);
  // A scale of 0: whatever the codes are, the values are zeros.
  const V divisor = steps == 0 ? same<V>(1) : steps;
  const V code = roundWithin<V>((value - base) / divisor, lowest, highest);
  return steps == 0 ? V{} : code;
}

#ifdef __x86_64__
/// Whether this machine runs code for vectors of 512 bits, or of 256 with f16.
inline bool hasWidestLanes() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
inline bool hasWideLanes() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c"); }
#endif

} // namespace llmc::lanes

#endif // LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKLANES_H
