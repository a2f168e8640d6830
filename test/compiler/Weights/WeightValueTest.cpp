// WeightValueTest.cpp - lazy weight expressions against the definition of each operation, element by element.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/WeightValue.h"
#include "dialects/Transformer/Formats/HalfFloats.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <limits>

using namespace llmc;
using namespace llmc::weights;

namespace {

/// A stored weight whose element i is i, at an odd address, since checkpoints promise no alignment.
struct Counting {
  explicit Counting(Sizes shape) : shape(shape) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    bytes.resize(1 + 4 * count);
    for (int64_t i = 0; i < count; ++i) {
      float value = static_cast<float>(i);
      std::memcpy(bytes.data() + 1 + 4 * i, &value, 4);
    }
  }
  WeightRef weight() const { return storedWeight(shape, Element::F32, bytes.data() + 1); }
  Sizes shape;
  std::vector<uint8_t> bytes;
};

std::vector<float> readAll(const WeightRef &weight) {
  std::vector<float> values(weight->numElements());
  weight->read(0, weight->numElements(), values.data());
  return values;
}

/// Reading whole, in pieces of any length, and one by one gives the same; what says it is stored is.
void expectValues(const WeightRef &weight, const std::vector<float> &expected) {
  ASSERT_EQ(weight->numElements(), static_cast<int64_t>(expected.size()));
  EXPECT_EQ(readAll(weight), expected);
  int64_t count = weight->numElements();
  for (int64_t length : {1, 2, 3, 7})
    for (int64_t begin = 0; begin + length <= count; ++begin) {
      std::vector<float> piece(length), want(expected.begin() + begin, expected.begin() + begin + length);
      weight->read(begin, length, piece.data());
      ASSERT_EQ(piece, want) << "elements " << begin << " to " << begin + length;
      if (const uint8_t *stored = weight->stored(begin, length)) {
        decode(weight->element, stored, length, piece.data());
        ASSERT_EQ(piece, want) << "stored elements " << begin << " to " << begin + length;
      }
    }
  for (int64_t stride : {2, 5})
    for (int64_t begin = 0; begin + 2 * stride < count; ++begin) {
      std::vector<float> piece(3);
      weight->readStrided(begin, stride, 3, piece.data());
      for (int64_t i = 0; i < 3; ++i)
        ASSERT_EQ(piece[i], expected[begin + i * stride]);
    }
}

TEST(WeightValue, SliceTakesABox) {
  Counting source({5, 7, 3});
  std::vector<float> expected;
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 4; ++j)
      for (int64_t k = 0; k < 3; ++k)
        expected.push_back(static_cast<float>(((1 + i) * 7 + 2 + j) * 3 + k));
  expectValues(sliceWeight(source.weight(), {1, 2, 0}, {2, 4, 3}), expected);
}

TEST(WeightValue, SliceOfColumnsIsNotOneRun) {
  Counting source({5, 7});
  std::vector<float> expected;
  for (int64_t i = 0; i < 5; ++i)
    for (int64_t j = 0; j < 3; ++j)
      expected.push_back(static_cast<float>(i * 7 + 4 + j));
  expectValues(sliceWeight(source.weight(), {0, 4}, {5, 3}), expected);
}

TEST(WeightValue, SliceOfEverythingIsStored) {
  Counting source({5, 7});
  WeightRef whole = sliceWeight(source.weight(), {0, 0}, {5, 7});
  EXPECT_EQ(whole->stored(0, 35), source.bytes.data() + 1);
}

TEST(WeightValue, ConcatJoinsRows) {
  Counting a({2, 5}), b({3, 5});
  std::vector<float> expected = readAll(a.weight()), second = readAll(b.weight());
  expected.insert(expected.end(), second.begin(), second.end());
  expectValues(concatWeights({a.weight(), b.weight()}, 0, {5, 5}), expected);
}

TEST(WeightValue, ConcatJoinsColumns) {
  Counting a({3, 2}), b({3, 5}), c({3, 1});
  std::vector<float> expected;
  for (int64_t i = 0; i < 3; ++i) {
    for (const Counting *part : {&a, &b, &c})
      for (int64_t j = 0; j < part->shape[1]; ++j)
        expected.push_back(static_cast<float>(i * part->shape[1] + j));
  }
  expectValues(concatWeights({a.weight(), b.weight(), c.weight()}, 1, {3, 8}), expected);
}

TEST(WeightValue, PermuteTransposes) {
  Counting source({5, 7});
  std::vector<float> expected;
  for (int64_t j = 0; j < 7; ++j)
    for (int64_t i = 0; i < 5; ++i)
      expected.push_back(static_cast<float>(i * 7 + j));
  expectValues(permuteWeight(source.weight(), {5, 7}, {1, 0}, {7, 5}), expected);
}

TEST(WeightValue, PermuteOfRopePairsMovesWholeRows) {
  // Rows 2i, 2i + 1 of each of 3 heads of 4 become i, i + 2: [3, 2, 2, 7] in order 0, 2, 1, 3.
  Counting source({12, 7});
  std::vector<float> expected;
  for (int64_t head = 0; head < 3; ++head)
    for (int64_t half = 0; half < 2; ++half)
      for (int64_t i = 0; i < 2; ++i)
        for (int64_t k = 0; k < 7; ++k)
          expected.push_back(static_cast<float>((head * 4 + 2 * i + half) * 7 + k));
  WeightRef permuted = permuteWeight(source.weight(), {3, 2, 2, 7}, {0, 2, 1, 3}, {12, 7});
  expectValues(permuted, expected);
  EXPECT_NE(permuted->stored(7, 7), nullptr) << "a row is still stored, and need not be copied";
}

TEST(WeightValue, OperationsCompose) {
  Counting a({4, 6});
  // Columns 1..3 of the transpose, twice below each other.
  WeightRef columns = sliceWeight(permuteWeight(a.weight(), {4, 6}, {1, 0}, {6, 4}), {0, 1}, {6, 3});
  std::vector<float> once;
  for (int64_t j = 0; j < 6; ++j)
    for (int64_t i = 1; i < 4; ++i)
      once.push_back(static_cast<float>(i * 6 + j));
  std::vector<float> expected = once;
  expected.insert(expected.end(), once.begin(), once.end());
  expectValues(concatWeights({columns, columns}, 0, {12, 3}), expected);
}

TEST(WeightValue, ConvertRoundsToNearestEven) {
  // In bf16 an ulp at 1 is 2^-7: the half way points go to the even neighbour.
  std::vector<float> values = {1.0f, 1.0f + 0x1p-8f, 1.0f + 3 * 0x1p-8f, -1.0f - 0x1p-8f, 3.4e38f};
  WeightRef source = storedWeight({5}, Element::F32, reinterpret_cast<const uint8_t *>(values.data()));
  std::vector<float> rounded = readAll(convertWeight(source, Element::BF16));
  EXPECT_EQ(rounded, (std::vector<float>{1.0f, 1.0f, 1.0f + 0x1p-6f, -1.0f, std::numeric_limits<float>::infinity()}));
}

TEST(WeightValue, ConvertKeepsNaN) {
  // All payload bits in the half that is cut off: a plain shift would make it an infinity.
  uint32_t bits = 0x7f800001;
  WeightRef source = storedWeight({1}, Element::F32, reinterpret_cast<const uint8_t *>(&bits));
  EXPECT_TRUE(std::isnan(readAll(convertWeight(source, Element::BF16))[0]));
  EXPECT_TRUE(std::isnan(readAll(convertWeight(source, Element::F16))[0]));
}

TEST(WeightValue, AffineRoundsProductAndSum) {
  // 1 + 2^-12 squared is 1 + 2^-11 + 2^-24: the product is rounded before -1 is added, which fused arithmetic would not
  // do.
  float value = 1.0f + 0x1p-12f;
  WeightRef source = storedWeight({1}, Element::F32, reinterpret_cast<const uint8_t *>(&value));
  EXPECT_EQ(readAll(affineWeight(source, value, -1.0f))[0], 0x1p-11f);
}

TEST(WeightValue, AffineRoundsToItsElementType) {
  uint16_t bits = floatToBfloat(0x1p-9f);
  WeightRef source = storedWeight({1}, Element::BF16, reinterpret_cast<const uint8_t *>(&bits));
  EXPECT_EQ(readAll(affineWeight(source, 1.0f, 1.0f))[0], 1.0f);
}

TEST(WeightValue, ComputedRowsAreReadInPieces) {
  auto row = [](int64_t number, float *out) {
    for (int64_t i = 0; i < 5; ++i)
      out[i] = static_cast<float>(5 * number + i);
  };
  std::vector<float> expected(15);
  for (int64_t i = 0; i < 15; ++i)
    expected[i] = static_cast<float>(i);
  expectValues(computedWeight({3, 5}, row), expected);
}

// Two formats of different groups: rows of several blocks, begun and ended inside one; moved as whole rows; rounded.
TEST(WeightValue, BlocksAreWhatTheyDecodeTo) {
  for (auto [format, columns] : {std::pair(BlockFormatId::Q4_1, 96), {BlockFormatId::Q6_K, 512}}) {
    const int64_t group = blockFormat(format).group, size = blockBytes(format, group), rows = 4;
    const int64_t blocks = rows * columns / group;
    std::vector<uint8_t> bytes(static_cast<size_t>(1 + blocks * size));
    uint32_t random = 1;
    for (uint8_t &byte : bytes)
      byte = static_cast<uint8_t>((random = random * 1664525 + 1013904223) >> 24);
    std::vector<float> expected(static_cast<size_t>(rows * columns));
    for (int64_t i = 0; i < blocks; ++i) {
      uint8_t *block = bytes.data() + 1 + i * size; // At an odd address.
      const int scale = format == BlockFormatId::Q4_1 ? 0 : 208;
      block[scale + 1] = static_cast<uint8_t>(0x20 | (block[scale + 1] & 3)); // A number, and so the minimum.
      if (scale == 0)
        block[3] = 0xa8;
      decodeBlock(format, group, block, expected.data() + i * group);
    }
    WeightRef weight = blockWeight({rows, columns}, format, group, bytes.data() + 1);
    EXPECT_EQ(weight->element, Element::F32);
    expectValues(weight, expected);

    // Rows 0, 2, 1, 3: a head of two pairs.
    std::vector<float> turned = expected;
    std::swap_ranges(turned.begin() + columns, turned.begin() + 2 * columns, turned.begin() + 2 * columns);
    expectValues(permuteWeight(weight, {1, 2, 2, columns}, {0, 2, 1, 3}, {rows, columns}), turned);

    std::vector<float> rounded = expected;
    for (float &value : rounded)
      value = bfloatToFloat(floatToBfloat(value));
    expectValues(convertWeight(weight, Element::BF16), rounded);
  }
}

/// Blocks of whole rows, of parts of them, and through rows in another order, are those that the values come from.
void expectBlocks(const WeightRef &weight, BlockFormatId format, int64_t group) {
  const int64_t size = blockBytes(format, group), rows = weight->shape[0], columns = weight->shape[1];
  const int64_t perRow = columns / group;
  std::vector<uint8_t> all(static_cast<size_t>(rows * perRow * size)), piece(static_cast<size_t>(size));
  std::vector<float> values(static_cast<size_t>(rows * columns));
  for (int64_t row = 0; row < rows; ++row)
    ASSERT_TRUE(weight->readBlocks(row * columns, columns, all.data() + row * perRow * size)) << row;
  for (int64_t i = 0; i < rows * perRow; ++i) {
    decodeBlock(format, group, all.data() + i * size, values.data() + i * group);
    ASSERT_TRUE(weight->readBlocks(i * group, group, piece.data()));
    EXPECT_TRUE(std::equal(piece.begin(), piece.end(), all.begin() + i * size)) << i;
  }
  expectValues(weight, values);
  EXPECT_TRUE(weight->readBlocks(columns, columns, nullptr));
  EXPECT_FALSE(weight->readBlocks(1, group, piece.data()));
  EXPECT_FALSE(weight->readBlocks(0, group - 1, piece.data()));
  EXPECT_FALSE(convertWeight(weight, Element::F32)->readBlocks(0, columns, nullptr));
  // Two halves of the rows, exchanged.
  const int64_t half = rows / 2;
  WeightRef turned = concatWeights(
      {sliceWeight(weight, {half, 0}, {rows - half, columns}), sliceWeight(weight, {0, 0}, {half, columns})}, 0,
      {rows, columns});
  std::vector<uint8_t> other(all.size());
  for (int64_t row = 0; row < rows; ++row)
    ASSERT_TRUE(turned->readBlocks(row * columns, columns, other.data() + row * perRow * size)) << row;
  std::rotate(all.begin(), all.begin() + half * perRow * size, all.end());
  EXPECT_EQ(other, all);
}

TEST(WeightValue, RoundedToBlocks) {
  Counting source({4, 96});
  for (BlockFormatId format : {BlockFormatId::Q8, BlockFormatId::Q4Min})
    expectBlocks(quantizeWeight(source.weight(), format, 32), format, 32);
}

// Rows that share statistics: any way of cutting them gives the same blocks, also once what was announced has been
// made.
TEST(WeightValue, RoundedByStatistics) {
  constexpr int64_t rows = 21, columns = 64, group = 32;
  Counting source({rows, columns});
  std::vector<float> gram;
  for (int64_t i = 0; i < columns; ++i)
    for (int64_t j = 0; j <= i; ++j)
      gram.push_back(i == j ? 2.0f : 1.5f / static_cast<float>(1 + (i - j) % 7));
  auto statistics = std::make_shared<InputStatistics>(reinterpret_cast<const uint8_t *>(gram.data()), columns);
  WeightRef weight = calibrateWeight(source.weight(), statistics, BlockFormatId::Q4, group);
  const int64_t perRow = columns / group * blockBytes(BlockFormatId::Q4, group);
  std::vector<float> values(static_cast<size_t>(rows * columns));
  source.weight()->read(0, rows * columns, values.data());
  std::vector<uint8_t> expected(static_cast<size_t>(rows * perRow)), found(expected.size());
  calibrateBlocks(BlockFormatId::Q4, group, rows, values.data(),
                  ErrorShape(reinterpret_cast<const uint8_t *>(gram.data()), columns), expected.data());
  EXPECT_GE(weight->rowsTogether(), 16);
  for (int64_t together : {1, 16})
    for (int64_t row = 0; row < rows; row += together) {
      const int64_t count = std::min(together, rows - row);
      ASSERT_TRUE(weight->readBlocks(row * columns, count * columns, found.data() + row * perRow));
    }
  EXPECT_EQ(found, expected);
  expectBlocks(weight, BlockFormatId::Q4, group);
  EXPECT_GT(*weight->roundingError(), 0);
  EXPECT_LT(*weight->roundingError(), 0.01);
}

// Codes of 4 bits that run down the columns of words, turned, with a zero point for each group: what GPTQ stores.
TEST(WeightValue, BlocksPutTogetherFromTheirParts) {
  constexpr int64_t rows = 5, columns = 64, group = 32, groups = columns / group;
  std::vector<uint8_t> bytes(static_cast<size_t>(1 + columns / 8 * rows * 4));
  uint32_t random = 5;
  for (uint8_t &byte : bytes)
    byte = static_cast<uint8_t>((random = random * 1664525 + 1013904223) >> 24);
  Words words = {{columns / 8, rows}, 4, bytes.data() + 1}; // At an odd address.
  auto code = [&](int64_t row, int64_t column) {
    uint32_t word;
    std::memcpy(&word, bytes.data() + 1 + 4 * (column / 8 * rows + row), 4);
    return (word + 0x11111111) >> 4 * (column % 8) & 15;
  };
  WeightRef codes = permuteWeight(unpackWeight(words, 4, 0, {}, 0x11111111, 0, {columns, rows}), {columns, rows},
                                  {1, 0}, {rows, columns});
  Counting scales({rows, groups}), zeros({rows, groups});
  WeightRef weight = assembleWeight(codes, scales.weight(), 1, group, zeros.weight(), 0, BlockFormatId::Q4Zero, group);
  std::vector<float> expected;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      const auto at = static_cast<float>(row * groups + column / group);
      expected.push_back(at * (static_cast<float>(code(row, column)) - at));
    }
  expectValues(weight, expected);
  expectBlocks(weight, BlockFormatId::Q4Zero, group);

  // Columns that were sorted, and brought back.
  std::vector<int64_t> order(columns), inverse(columns);
  for (int64_t j = 0; j < columns; ++j) {
    order[j] = j * 27 % columns;
    inverse[order[j]] = j;
  }
  std::vector<float> sorted;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t j = 0; j < columns; ++j)
      sorted.push_back(expected[row * columns + order[j]]);
  expectValues(gatherColumns(weight, order), sorted);
  expectValues(gatherColumns(gatherColumns(weight, order), inverse), expected);
}

// Fields along the rows in an order of their own, the last word begun, its rest dropped; and bytes with a flipped sign.
TEST(WeightValue, CodesOutOfWords) {
  std::vector<uint8_t> bytes = {0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};
  expectValues(unpackWeight({{1, 2}, 4, bytes.data()}, 4, 1, {0, 2, 4, 6, 1, 3, 5, 7}, 0, 0, {1, 11}),
               {0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9});
  expectValues(unpackWeight({{2, 4}, 1, bytes.data()}, 8, 1, {}, 0, 0x80, {2, 4}),
               {0x90, 0xb2, 0xd4, 0xf6, 0x18, 0x3a, 0x5c, 0x7e});
}

} // namespace
