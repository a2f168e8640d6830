// BlockVectorsTest.cpp - every block format against the values that its own implementation decodes, bit for bit.
//
// The vectors are those of block_formats/make_vectors.py; LLMC_BLOCK_VECTORS names a longer file of the same form.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockFormats.h"
#include "dialects/Transformer/Formats/HalfFloats.h"
#include "test/TestPaths.h"
#include "gtest/gtest.h"

#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <vector>

using namespace llmc;

namespace {

/// The same bits, or two NaNs.
bool same(float a, float b) { return (std::isnan(a) && std::isnan(b)) || floatBits(a) == floatBits(b); }

/// Takes a block apart and puts it together again.
std::vector<uint8_t> repack(BlockFormatId id, int64_t group, const std::vector<uint8_t> &block) {
  std::vector<uint8_t> scales(16), minima(16), codes(static_cast<size_t>(group)), result(block.size(), 0xa5);
  BlockParts parts = {0, 0, scales.data(), minima.data(), codes.data()};
  unpackBlock(id, group, block.data(), parts);
  packBlock(id, group, parts, result.data());
  return result;
}

std::vector<uint8_t> fromHex(const std::string &text) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::vector<uint8_t> readAll(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
}

void checkVectors(const std::string &path, std::map<BlockFormatId, int> &seen) {
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    std::istringstream words(line);
    std::string name, hex, word;
    words >> name >> hex;
    std::optional<BlockFormatId> id = blockFormatFromName(name);
    ASSERT_TRUE(id) << name;
    ++seen[*id];
    const std::vector<uint8_t> block = fromHex(hex);
    std::vector<float> expected;
    while (words >> word)
      expected.push_back(word == "nan" ? std::nanf("")
                                       : floatFromBits(static_cast<uint32_t>(std::stoul(word, nullptr, 16))));
    const auto group = static_cast<int64_t>(expected.size());
    ASSERT_TRUE(isBlockGroup(*id, group)) << line;
    ASSERT_EQ(static_cast<int64_t>(block.size()), blockBytes(*id, group)) << name;
    std::vector<float> found(expected.size());
    decodeBlock(*id, group, block.data(), found.data());
    for (size_t i = 0; i < found.size(); ++i)
      ASSERT_TRUE(same(found[i], expected[i]))
          << path << ":" << number << ": value " << i << " is " << found[i] << ", expected " << expected[i];
    ASSERT_EQ(repack(*id, group, block), block) << path << ":" << number;
  }
}

TEST(BlockVectors, DecodeToWhatOthersDecode) {
  std::map<BlockFormatId, int> seen;
  checkVectors(test::testPath("dialects/Transformer/block_formats/vectors.txt"), seen);
  for (size_t i = 0; i < kNumBlockFormats; ++i)
    if (auto id = static_cast<BlockFormatId>(i); !canEncodeBlock(id))
      EXPECT_GE(seen[id], 4) << blockFormat(id).name;
  if (const char *longer = std::getenv("LLMC_BLOCK_VECTORS"))
    checkVectors(longer, seen);
}

// Bytes that ggml_quantize_chunk made of numbers in [-1, 1]. What they decode to is known by digest (make_vectors.py
// goldens), bit for bit; and it is within two steps, the least of which is 2 over the number of codes, of the numbers.
TEST(BlockVectors, GoldensOfGgml) {
  LLMC_NEEDS_SHARED("testdata/ggml-quant-goldens");
  struct Golden {
    const char *name;
    BlockFormatId id;
    int columns, steps;
    uint64_t digest, weighted; ///< Without and with an importance matrix.
  };
  for (const Golden &golden : {
           Golden{"iq4_nl", BlockFormatId::IQ4_NL, 64, 15, 0xb37f949ed12415d1, 0xf6520e63085fee45},
           Golden{"q2_k", BlockFormatId::Q2_K, 512, 3, 0x5b08ab54ab272c74, 0xd06fc1c048c5a3f1},
           Golden{"q4_0", BlockFormatId::Q4_0, 64, 15, 0x77c64f2f6a64a530, 0x59cbbbefb45a5d85},
           Golden{"q4_1", BlockFormatId::Q4_1, 64, 15, 0x2a5ea4e36f9f315f, 0xd7e248ef51dd0319},
           Golden{"q4_k", BlockFormatId::Q4_K, 512, 15, 0xa7a9364a265ff516, 0xa2b35df2cd46f39e},
           Golden{"q5_0", BlockFormatId::Q5_0, 64, 31, 0xb612c4e57e670a45, 0x6201ced28bbaf9c2},
           Golden{"q5_k", BlockFormatId::Q5_K, 512, 31, 0xc8c54aabb23089f1, 0x49878b2af10e2da2},
           Golden{"q8_0", BlockFormatId::Q8_0, 64, 254, 0xb399aa6a62c0d659, 0xb399aa6a62c0d659},
       })
    for (bool weighted : {false, true}) {
      const std::string stem = std::string("testdata/ggml-quant-goldens/") + golden.name + "_" +
                               std::to_string(golden.columns) + (weighted ? "_im" : "_noim");
      const std::vector<uint8_t> input = readAll(test::sharedPath(stem + "_input.bin"));
      const std::vector<uint8_t> bytes = readAll(test::sharedPath(stem + "_expected.bin"));
      const int64_t group = blockFormat(golden.id).group, size = blockBytes(golden.id, group);
      const auto blocks = static_cast<int64_t>(bytes.size()) / size;
      ASSERT_EQ(blocks * size, static_cast<int64_t>(bytes.size())) << stem;
      ASSERT_EQ(blocks * group * 4, static_cast<int64_t>(input.size())) << stem;
      std::vector<float> decoded(static_cast<size_t>(blocks * group));
      for (int64_t i = 0; i < blocks; ++i) {
        const std::vector<uint8_t> block(bytes.begin() + i * size, bytes.begin() + (i + 1) * size);
        EXPECT_EQ(repack(golden.id, group, block), block) << stem;
        decodeBlock(golden.id, group, block.data(), decoded.data() + i * group);
      }
      uint64_t digest = 0xcbf29ce484222325;
      double largest = 0;
      for (size_t i = 0; i < decoded.size(); ++i) {
        float original;
        std::memcpy(&original, input.data() + 4 * i, sizeof original);
        largest = std::max(largest, std::fabs(static_cast<double>(decoded[i]) - original));
        for (int byte = 0; byte < 4; ++byte)
          digest = (digest ^ (floatBits(decoded[i]) >> 8 * byte & 0xff)) * 0x100000001b3;
      }
      EXPECT_EQ(digest, weighted ? golden.weighted : golden.digest) << stem;
      EXPECT_LE(largest, 2 * 2.0 / golden.steps) << stem;
    }
}

// Whatever the bytes: fields cover a block without hole or overlap.
TEST(BlockVectors, PackingUndoesUnpacking) {
  std::mt19937 random(20261127);
  for (size_t i = 0; i < kNumBlockFormats; ++i) {
    const auto id = static_cast<BlockFormatId>(i);
    for (int64_t group : {16, 32, 64, 128, 256, 1040}) {
      if (!isBlockGroup(id, group))
        continue;
      for (int round = 0; round < 50; ++round) {
        std::vector<uint8_t> block(static_cast<size_t>(blockBytes(id, group)));
        for (uint8_t &byte : block)
          byte = static_cast<uint8_t>(random());
        ASSERT_EQ(repack(id, group, block), block) << blockFormat(id).name << ", " << group;
      }
    }
  }
}

// Half a step of the scale as stored, and for the minimum its own rounding, a part in 2^11 of it; the scale, rounded to
// f16, may end short of the greatest value by highest code * scale * 2^-11.
TEST(BlockVectors, OwnFormatsStayWithinHalfAStep) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  for (BlockFormatId id : {BlockFormatId::Q8, BlockFormatId::Q4, BlockFormatId::Q8Min, BlockFormatId::Q4Min})
    for (int64_t group : {16, 32, 64, 128, 1040}) {
      const BlockFormatDescriptor &format = blockFormat(id);
      double worst = 0; // share of the bound
      for (int round = 0; round < 20; ++round) {
        std::vector<float> values(static_cast<size_t>(group)), decoded(values.size());
        for (float &value : values)
          value = 0.02f * normal(random) + (round % 2 ? 0.03f : 0);
        std::vector<uint8_t> block(static_cast<size_t>(blockBytes(id, group)));
        encodeBlock(id, group, values.data(), block.data());
        decodeBlock(id, group, block.data(), decoded.data());
        const double scale = std::fabs(halfToFloat(static_cast<uint16_t>(block[0] | block[1] << 8)));
        const double span = format.highestCode - format.lowestCode;
        // With Extreme the codes reach one step less on the other side.
        const double bound = scale * ((format.rounding == BlockRounding::Extreme ? 1 : 0.5) + span * 0x1p-11) + 1e-4;
        for (size_t i = 0; i < values.size(); ++i)
          worst = std::max(worst, std::fabs(static_cast<double>(decoded[i]) - values[i]) / bound);
      }
      EXPECT_LE(worst, 1) << format.name << ", group " << group;
    }
}

TEST(BlockVectors, OwnFormatsOfOneValueOfZerosAndOfTheLargest) {
  for (BlockFormatId id : {BlockFormatId::Q8, BlockFormatId::Q4, BlockFormatId::Q8Min, BlockFormatId::Q4Min})
    for (float value : {0.0f, -0.375f, 0.375f, 1e30f, -3e38f, 1e-30f}) {
      std::vector<float> values(32, value), decoded(32);
      std::vector<uint8_t> block(static_cast<size_t>(blockBytes(id, 32)));
      encodeBlock(id, 32, values.data(), block.data());
      decodeBlock(id, 32, block.data(), decoded.data());
      for (float found : decoded) {
        ASSERT_TRUE(std::isfinite(found)) << blockFormat(id).name << " " << value;
        // What a scale of f16 can reach: no farther off than a step, and nothing below its smallest.
        if (std::fabs(value) < 1)
          EXPECT_NEAR(found, value, std::fabs(value) / 8 + 1e-6) << blockFormat(id).name;
        else
          EXPECT_GE(std::copysign(1.0f, value) * found, 65504) << blockFormat(id).name;
      }
    }
}

TEST(BlockFormats, NamesAndGroups) {
  for (size_t i = 0; i < kNumBlockFormats; ++i) {
    const auto id = static_cast<BlockFormatId>(i);
    EXPECT_EQ(blockFormatFromName(blockFormat(id).name), id);
  }
  EXPECT_EQ(blockFormatFromName("q9"), std::nullopt);
  EXPECT_TRUE(isBlockGroup(BlockFormatId::Q4, 4096));
  EXPECT_FALSE(isBlockGroup(BlockFormatId::Q4, 24));
  EXPECT_FALSE(isBlockGroup(BlockFormatId::Q4, 0));
  EXPECT_FALSE(isBlockGroup(BlockFormatId::Q4_K, 32));
  EXPECT_TRUE(isBlockGroup(BlockFormatId::Q4_K, 256));
}

} // namespace
