// BlockSearch.cpp - tries scales and keeps the one whose codes come closest.
//
// Compiled with -ffp-contract=off, for several vector widths: every operation is rounded on its own and every sum has
// its order, so that the width changes nothing but the speed.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockSearch.h"
#include "dialects/Transformer/Formats/HalfFloats.h"

#include <algorithm>
#include <cassert>
#include <vector>

namespace llmc {

namespace {

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

LLMC_INLINE uint16_t toFiniteHalf(float value) { return floatToHalf(std::min(std::max(value, -65504.0f), 65504.0f)); }

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

template <int N>
LLMC_INLINE void searchScales(const Lanes<N> *values, int64_t group, float low, float high, const Trials &trials,
                              Lanes<N> extreme, bool symmetric, Lanes<N> &scale) {
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
      products += values[k] * code;
      squares += code * code;
    }
    // The error of the best scale s for these codes: sum v^2 - s * products, with s = products / squares.
    const V s = products / squares, gain = s * products;
    const auto better = gain > best;
    best = better ? gain : best;
    scale = better ? s : scale;
  }
}

/// Scale and minimum together; values are taken from the least one, which keeps the sums small.
template <int N>
LLMC_INLINE void searchScalesAndMinima(const Lanes<N> *values, int64_t group, float highest, const Trials &trials,
                                       Lanes<N> least, Lanes<N> greatest, Lanes<N> &scale, Lanes<N> &minimum) {
  using V = Lanes<N>;
  const V base = same<V>(highest) / (greatest - least);
  const auto n = static_cast<float>(group);
  V best = same<V>(-1), x = {};
  scale = minimum = V{};
  for (int64_t k = 0; k < group; ++k)
    x += values[k] - least;
  for (int i = trials.first; i <= trials.last; ++i) {
    const V inverse = base * (1 + static_cast<float>(i) * trials.step);
    V products = {}, squares = {}, codes = {};
    for (int64_t k = 0; k < group; ++k) {
      const V value = values[k] - least, code = roundWithin<V>(value * inverse, 0, highest);
      products += value * code;
      squares += code * code;
      codes += code;
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

/// Scales and minima of N groups that lie one after the other, and their codes. `turned` has room for a group.
template <int N>
LLMC_INLINE void search(const BlockFormatDescriptor &format, int64_t group, const float *values, Found<N> &found,
                        uint8_t *codes, Lanes<N> *turned) {
  using V = Lanes<N>;
  for (int64_t k = 0; k < group; ++k)
    for (int j = 0; j < N; ++j)
      turned[k][j] = values[j * group + k];
  V least = turned[0], greatest = turned[0];
  for (int64_t k = 1; k < group; ++k) {
    least = lesser<V>(turned[k], least);
    greatest = greater<V>(turned[k], greatest);
  }
  const auto highest = static_cast<float>(format.highestCode - format.codes.zero);
  const auto lowest = static_cast<float>(format.lowestCode - format.codes.zero);
  const Trials trials = format.codes.bits > 4 ? kFine : kCoarse;
  // What is smaller than this has no scale in f16.
  const float smallest = 0x1p-25f * highest;
  V scale, minimum = {};
  if (format.rounding == BlockRounding::Range) {
    searchScalesAndMinima<N>(turned, group, highest, trials, least, greatest, scale, minimum);
    const auto flat = greatest - least < smallest;
    scale = flat ? V{} : scale;
    minimum = flat ? least : minimum;
  } else {
    const V extreme = -least > greatest ? least : greatest;
    searchScales<N>(turned, group, lowest, highest, trials, extreme, format.rounding == BlockRounding::Largest, scale);
    scale = greater<V>(extreme, -extreme) < smallest ? V{} : scale;
  }
  V steps = {}, base = {};
  for (int j = 0; j < N; ++j) {
    found.scale[j] = toFiniteHalf(scale[j]);
    found.minimum[j] = toFiniteHalf(minimum[j]);
    steps[j] = halfToFloat(found.scale[j]);
    base[j] = halfToFloat(found.minimum[j]);
  }
  // A scale of 0: whatever the codes are, the values are zeros.
  const V divisor = steps == 0 ? same<V>(1) : steps;
  const int zero = format.codes.zero;
  for (int64_t k = 0; k < group; ++k) {
    V code = roundWithin<V>((turned[k] - base) / divisor, lowest, highest);
    code = steps == 0 ? V{} : code;
    for (int j = 0; j < N; ++j)
      codes[j * group + k] = static_cast<uint8_t>(static_cast<int>(code[j]) + zero);
  }
}

/// Groups side by side where there are many of them.
constexpr int kMany = 16, kFew = 4;

using Search = void (*)(const BlockFormatDescriptor &, int64_t, const float *, Found<kMany> &, uint8_t *, float *);
using SearchFew = void (*)(const BlockFormatDescriptor &, int64_t, const float *, Found<kFew> &, uint8_t *, float *);
struct Searches {
  Search many;
  SearchFew few;
};

#define LLMC_SEARCHES(name, ...)                                                                                       \
  __VA_ARGS__ void name##Many(const BlockFormatDescriptor &format, int64_t group, const float *values,                 \
                              Found<kMany> &found, uint8_t *codes, float *turned) {                                    \
    search<kMany>(format, group, values, found, codes, reinterpret_cast<Lanes<kMany> *>(turned));                      \
  }                                                                                                                    \
  __VA_ARGS__ void name##Few(const BlockFormatDescriptor &format, int64_t group, const float *values,                  \
                             Found<kFew> &found, uint8_t *codes, float *turned) {                                      \
    search<kFew>(format, group, values, found, codes, reinterpret_cast<Lanes<kFew> *>(turned));                        \
  }
LLMC_SEARCHES(plain)
#ifdef __x86_64__
LLMC_SEARCHES(wide, __attribute__((target("avx2,f16c"))))
LLMC_SEARCHES(widest, __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,f16c"))))
#endif
#undef LLMC_SEARCHES

Searches chooseSearches() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return {widestMany, widestFew};
  if (__builtin_cpu_supports("avx2"))
    return {wideMany, wideFew};
#endif
  return {plainMany, plainFew};
}

/// Cuts `blocks` groups into runs of N; where fewer are left, the last one stands in for the missing ones.
template <int N, typename Chosen, typename Use>
void searchRuns(Chosen chosen, const BlockFormatDescriptor &format, int64_t group, const float *values, int64_t first,
                int64_t last, std::vector<uint8_t> &codes, float *turned, Use use) {
  codes.resize(static_cast<size_t>(N * group));
  std::vector<float> padded;
  for (int64_t block = first; block < last; block += N) {
    const int64_t count = std::min<int64_t>(N, last - block);
    const float *from = values + block * group;
    if (count < N) {
      padded.resize(static_cast<size_t>(N * group));
      for (int64_t j = 0; j < N; ++j)
        std::copy_n(from + std::min(j, count - 1) * group, group, padded.data() + j * group);
      from = padded.data();
    }
    Found<N> found;
    chosen(format, group, from, found, codes.data(), turned);
    for (int64_t j = 0; j < count; ++j) {
      BlockParts parts;
      parts.scale = found.scale[j];
      parts.minimum = found.minimum[j];
      parts.codes = codes.data() + j * group;
      use(block + j, parts);
    }
  }
}

} // namespace

void searchBlocks(BlockFormatId id, int64_t group, int64_t blocks, const float *values,
                  const std::function<void(int64_t block, const BlockParts &parts)> &use) {
  assert(canEncodeBlock(id) && isBlockGroup(id, group));
  static const Searches chosen = chooseSearches();
  const BlockFormatDescriptor &format = blockFormat(id);
  // Sixteen groups as long as a row would leave the caches.
  const int64_t many = group <= 512 ? blocks / kMany * kMany : 0;
  std::vector<float> room(static_cast<size_t>((many > 0 ? kMany : kFew) * group) + 16);
  auto turned = reinterpret_cast<float *>((reinterpret_cast<uintptr_t>(room.data()) + 63) / 64 * 64);
  std::vector<uint8_t> codes;
  searchRuns<kMany>(chosen.many, format, group, values, 0, many, codes, turned, use);
  searchRuns<kFew>(chosen.few, format, group, values, many, blocks, codes, turned, use);
}

void quantizeBlocks(BlockFormatId id, int64_t group, int64_t blocks, const float *values, uint8_t *out) {
  const int64_t bytes = blockBytes(id, group);
  searchBlocks(id, group, blocks, values,
               [&](int64_t block, const BlockParts &parts) { packBlock(id, group, parts, out + block * bytes); });
}

void roundToBlocks(BlockFormatId id, int64_t group, int64_t blocks, const float *values, float *rounded) {
  const BlockFormatDescriptor &format = blockFormat(id);
  const bool hasMinimum = format.minimum != BlockNumber::None;
  searchBlocks(id, group, blocks, values, [&](int64_t block, const BlockParts &parts) {
    const float scale = halfToFloat(static_cast<uint16_t>(parts.scale));
    const float minimum = halfToFloat(static_cast<uint16_t>(parts.minimum));
    float *to = rounded + block * group;
    if (format.codes.isSigned)
      for (int64_t i = 0; i < group; ++i)
        to[i] = scale * static_cast<float>(static_cast<int8_t>(parts.codes[i]));
    else
      for (int64_t i = 0; i < group; ++i)
        to[i] = scale * static_cast<float>(parts.codes[i] - format.codes.zero);
    if (hasMinimum)
      for (int64_t i = 0; i < group; ++i)
        to[i] += minimum;
  });
}

float largestEncodable(BlockFormatId id) {
  const BlockFormatDescriptor &format = blockFormat(id);
  switch (format.rounding) {
  case BlockRounding::Largest:
    return 65504.0f * static_cast<float>(format.highestCode);
  case BlockRounding::Extreme:
    return 65504.0f * static_cast<float>(format.codes.zero);
  default: // A minimum may be the value itself.
    return 65504.0f;
  }
}

} // namespace llmc
