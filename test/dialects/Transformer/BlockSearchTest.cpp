// BlockSearchTest.cpp - rounding weights to blocks: the error against the plain rounding, edges, and the same bits
// everywhere.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockSearch.h"
#include "dialects/Transformer/Formats/HalfFloats.h"
#include "gtest/gtest.h"

#include <cmath>
#include <vector>

using namespace llmc;

namespace {

constexpr BlockFormatId kOwn[] = {BlockFormatId::Q8, BlockFormatId::Q4, BlockFormatId::Q8Min, BlockFormatId::Q4Min};

/// Near a normal distribution: sums of twelve uniform numbers, exact in f32, so the same on every host.
std::vector<float> someValues(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (float &value : values) {
    int32_t sum = 0;
    for (int i = 0; i < 12; ++i)
      sum += static_cast<int32_t>((seed = seed * 1664525 + 1013904223) >> 16) - 32768;
    value = static_cast<float>(sum) * 0x1p-20f;
  }
  return values;
}

std::vector<uint8_t> quantize(BlockFormatId id, int64_t group, const std::vector<float> &values) {
  const auto blocks = static_cast<int64_t>(values.size()) / group;
  std::vector<uint8_t> bytes(static_cast<size_t>(blocks * blockBytes(id, group)));
  quantizeBlocks(id, group, blocks, values.data(), bytes.data());
  return bytes;
}

std::vector<float> decode(BlockFormatId id, int64_t group, const std::vector<uint8_t> &bytes) {
  const int64_t size = blockBytes(id, group), blocks = static_cast<int64_t>(bytes.size()) / size;
  std::vector<float> values(static_cast<size_t>(blocks * group));
  for (int64_t i = 0; i < blocks; ++i)
    decodeBlock(id, group, bytes.data() + i * size, values.data() + i * group);
  return values;
}

double squaredError(const std::vector<float> &a, const std::vector<float> &b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  return sum;
}

// The share that is left of the plain rounding's squared error, of groups of 32, 64 and 128: measured 0.94 to 0.98 with
// 8 bits, 0.80 to 0.90 with 4.
TEST(BlockSearch, LeavesLessErrorThanPlainRounding) {
  const std::vector<float> values = someValues(128 * 512, 7);
  for (BlockFormatId id : kOwn)
    for (int64_t group : {32, 64, 128}) {
      std::vector<uint8_t> plain(static_cast<size_t>(blockBytes(id, group)));
      std::vector<float> rounded(values.size());
      for (size_t i = 0; i < values.size(); i += static_cast<size_t>(group)) {
        encodeBlock(id, group, values.data() + i, plain.data());
        decodeBlock(id, group, plain.data(), rounded.data() + i);
      }
      const double share =
          squaredError(decode(id, group, quantize(id, group, values)), values) / squaredError(rounded, values);
      std::printf("%s:%d %.3f\n", blockFormat(id).name, static_cast<int>(group), share);
      EXPECT_LT(share, blockFormat(id).codes.bits > 4 ? 0.99 : 0.92);
    }
}

// Computed with vectors of 4, 8 and 16 lanes: the bytes of all groups are one number, whichever this host takes.
TEST(BlockSearch, TheSameBytesOnEveryHost) {
  struct Expected {
    BlockFormatId id;
    int64_t group;
    uint64_t digest;
  };
  for (const Expected &expected : {
           Expected{BlockFormatId::Q8, 32, 0x738c285088e407d1},
           Expected{BlockFormatId::Q8, 128, 0x5d46b59efe800ea7},
           Expected{BlockFormatId::Q8, 576, 0xd1a230c22a9107c4},
           Expected{BlockFormatId::Q4, 32, 0x2a3594e4832105f},
           Expected{BlockFormatId::Q4, 128, 0x400351b8a6a64dd},
           Expected{BlockFormatId::Q4, 576, 0xa373bb9e51278d39},
           Expected{BlockFormatId::Q8Min, 32, 0x2f79343448ee5438},
           Expected{BlockFormatId::Q8Min, 128, 0x42fbbaaf7ce74743},
           Expected{BlockFormatId::Q8Min, 576, 0x60616f968c685715},
           Expected{BlockFormatId::Q4Min, 32, 0x268fbe6ef35b1221},
           Expected{BlockFormatId::Q4Min, 128, 0xfac10bcf8c57b32a},
           Expected{BlockFormatId::Q4Min, 576, 0x128334be6526ed31},
       }) {
    const std::vector<float> values = someValues(static_cast<size_t>(expected.group) * 61, 11);
    uint64_t digest = 0xcbf29ce484222325;
    for (uint8_t byte : quantize(expected.id, expected.group, values))
      digest = (digest ^ byte) * 0x100000001b3;
    EXPECT_EQ(digest, expected.digest) << blockFormat(expected.id).name << ":" << expected.group;
  }
}

// 61 groups: 48 of them sixteen at a time, 13 four at a time, the last alone.
TEST(BlockSearch, AGroupDoesNotKnowItsNeighbours) {
  for (BlockFormatId id : kOwn)
    for (int64_t group : {16, 32, 48, 576}) {
      const std::vector<float> values = someValues(static_cast<size_t>(group) * 61, 3);
      const std::vector<uint8_t> all = quantize(id, group, values);
      const int64_t size = blockBytes(id, group);
      std::vector<float> rounded(values.size());
      roundToBlocks(id, group, 61, values.data(), rounded.data());
      EXPECT_EQ(rounded, decode(id, group, all));
      for (int64_t i = 0; i < 61; ++i) {
        const std::vector<float> own(values.begin() + i * group, values.begin() + (i + 1) * group);
        const std::vector<uint8_t> alone = quantize(id, group, own);
        ASSERT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + i * size)) << blockFormat(id).name << " " << i;
      }
    }
}

TEST(BlockSearch, EdgesComeBack) {
  for (BlockFormatId id : kOwn) {
    const bool hasMinimum = blockFormat(id).minimum != BlockNumber::None;
    const float largest = largestEncodable(id);
    // Zeros; one value throughout; what no scale in f16 reaches down to; a value at the end of a range.
    for (float value : {0.0f, 0.5f, -0.375f, 1e-30f, -1e-9f, largest, -largest}) {
      const std::vector<float> values(32, value), found = decode(id, 32, quantize(id, 32, values));
      for (float number : found)
        // Half a step of f16's smallest number is the most that is lost of small ones; f16 rounds the others.
        EXPECT_NEAR(number, value, std::max(0x1p-25f * blockFormat(id).highestCode, std::fabs(value) * 0x1p-11f))
            << blockFormat(id).name;
    }
    std::vector<float> mixed(32, 0.0f);
    mixed[5] = hasMinimum ? 1.0f : -1.0f;
    const std::vector<float> found = decode(id, 32, quantize(id, 32, mixed));
    for (size_t i = 0; i < mixed.size(); ++i)
      EXPECT_NEAR(found[i], mixed[i], 0x1p-10f) << blockFormat(id).name << " " << i;
  }
}

} // namespace
