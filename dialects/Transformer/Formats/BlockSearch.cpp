// BlockSearch.cpp - tries scales and keeps the one whose codes come closest.
//
// How a scale is found: BlockLanes.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockSearch.h"
#include "dialects/Transformer/Formats/BlockLanes.h"

#include <algorithm>
#include <cassert>
#include <vector>

namespace llmc {

using namespace lanes;

namespace {

/// Scales and minima of N groups that lie one after the other, and their codes. `turned` has room for a group.
template <int N>
LLMC_INLINE void search(const BlockFormatDescriptor &format, int64_t group, const float *values, Found<N> &found,
                        uint8_t *codes, Lanes<N> *turned) {
  using V = Lanes<N>;
  for (int64_t k = 0; k < group; ++k)
    for (int j = 0; j < N; ++j)
      turned[k][j] = values[j * group + k];
  V steps, base;
  chooseSteps<N>(format, group, turned, Alike(), found, steps, base);
  const int zero = format.codes.zero;
  for (int64_t k = 0; k < group; ++k) {
    const V code = nearestCode<V>(format, turned[k], steps, base);
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
  if (hasWidestLanes())
    return {widestMany, widestFew};
  if (hasWideLanes())
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
