// HalfMatmulTest.cpp - kernel.halve and kernel.matmul of halved rows against scalar code, bit by bit.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/compiler/Targets/ProgramHarness.h"

#include "dialects/Kernel/IR/Kernel.h"

#include <cmath>
#include <functional>
#include <limits>

using namespace llmc;
using namespace llmc::test;

namespace {

/// To the nearest f16, halves to even, of what a double holds exactly.
float toHalf(double number) { return static_cast<float>(static_cast<_Float16>(number)); }

struct HalvedValues {
  std::vector<float> numbers;
  float scale;
};
HalvedValues halve(const float *x, int64_t k) {
  float most = 0;
  bool finite = true;
  for (int64_t i = 0; i < k; ++i) {
    finite &= std::fabs(x[i]) < 0x1p127f;
    most = std::max(most, std::fabs(x[i]));
  }
  HalvedValues row;
  int exponent = most < 0x1p-100f ? -100 : std::ilogb(most);
  row.scale = finite ? std::ldexp(1.0f, exponent) : std::numeric_limits<float>::quiet_NaN();
  for (int64_t i = 0; i < k; ++i)
    row.numbers.push_back(finite ? toHalf(std::ldexp(x[i], -exponent)) : 0);
  return row;
}

/// A product of two f16 and what is added to it are exact in double where they are not further apart than tests have
/// them.
float chain(const HalvedValues &x, const Matrix &w, int64_t column) {
  float sum = 0;
  for (int64_t begin = 0; begin < w.k; begin += kernel::MatmulOp::halfChunk) {
    float half = 0;
    for (int64_t k = begin; k < std::min(w.k, begin + kernel::MatmulOp::halfChunk); ++k)
      half = toHalf(static_cast<double>(x.numbers[k]) * w.at(column, k) + half);
    sum += half;
  }
  return sum * x.scale;
}

class HalfMatmul : public VariantTest {
protected:
  std::mt19937 random{20261128};
  bool spoils = false; ///< three of four rows

  /// y = x w^T for the rows that `fill` makes.
  void plain(int64_t n, int64_t k, std::initializer_list<int64_t> rowCounts,
             const std::function<void(Rows &)> &fill = {}) {
    SCOPED_TRACE("n " + std::to_string(n) + " k " + std::to_string(k));
    Matrix w = randomMatrix(random, n, k, "f16");
    check({w}, rowCounts, "%s", "%s: f32", fill,
          [&](const HalvedValues &x, int64_t column) { return chain(x, w, column); });
  }

  /// `body` yields `result` of the sums that `arguments` name.
  void check(const std::vector<Matrix> &streams, std::initializer_list<int64_t> rowCounts, const std::string &result,
             const std::string &arguments, const std::function<void(Rows &)> &fill,
             const std::function<float(const HalvedValues &, int64_t)> &expect, const std::string &body = "") {
    int64_t n = streams[0].n, k = streams[0].k, columns = kernel::HalvedRow(k).columns;
    ProgramBuilder builder;
    builder.output("x", k);
    builder.output("y", n);
    builder.panels("w", streams, "f16");
    builder.halfBuffer("h", columns);
    std::string halves = ProgramBuilder::halvesType(columns);
    builder.op("kernel.halve %x outs(%h) : (" + ProgramBuilder::rowsType(k) + ", " + halves + ") -> ()");
    builder.op("kernel.barrier");
    builder.op("kernel.matmul %h, %w outs(%y : " + ProgramBuilder::rowsType(n) + ") {\n  ^bb0(" + arguments + "):\n" +
               body + "    kernel.yield " + result + " : f32\n  } : (" + halves + ", " + builder.weightType("w", true) +
               ")");
    auto executable = compile(builder);
    ASSERT_TRUE(executable);
    GuardedMemory weights = builder.weightsSection();
    for (int64_t rows : rowCounts)
      for (unsigned threads : {1u, 3u}) {
        Rows x(rows, k), y(rows, n), expected(rows, n);
        x.fill(random);
        if (fill)
          fill(x);
        int64_t spoiled = 0;
        for (int64_t row = 0; row < rows; ++row) {
          HalvedValues values = halve(&x.at(row, 0), k);
          spoiled += std::isnan(values.scale);
          for (int64_t column = 0; column < n; ++column)
            expected.at(row, column) = expect(values, column);
        }
        EXPECT_EQ(spoiled, spoils ? rows / 4 * 3 : 0);
        GuardedMemory arena(rows * kernel::paddedRowStride(columns, 2) * 2);
        Step step;
        step.tokens = rows;
        step.weights = &weights;
        step.outputs = {&x, &y};
        step.slots = {&arena};
        step.run(*executable, threads);
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t column = 0; column < n; ++column)
            if (std::isnan(expected.at(row, column)) && std::isnan(y.at(row, column)))
              expected.at(row, column) = y.at(row, column); // any bits of what is no number
        EXPECT_TRUE(y.sameBits(expected)) << rows << " rows, " << threads << " threads";
      }
  }
};

} // namespace

// 10 panels: groups of every width; K shorter than a chunk, of whole chunks, and with a rest of every kind.
TEST_P(HalfMatmul, FewRows) {
  plain(149, 29, {0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 23});
  plain(37, 64, {1, 2, 6, 13});
  plain(16, 131, {1, 2, 5});
  plain(3, 1, {1, 5});
  plain(5, 198, {1, 3, 8});
  plain(1024, 11, {1, 2, 3, 8, 13}); // in bundles of four
  plain(190, 29, {1, 2, 6});
}
TEST_P(HalfMatmul, ManyRows) {
  plain(149, 29, {24, 25, 31, 37, 44});
  plain(149, 128, {29, 47});
  plain(1088, 67, {24, 31});
  plain(53, 203, {24, 33});
  plain(5, 66, {255, 256, 257, 300});
}

// Two streams, as of a gated product.
TEST_P(HalfMatmul, Streams) {
  Matrix gate = randomMatrix(random, 83, 77, "f16"), up = randomMatrix(random, 83, 77, "f16");
  check(
      {gate, up}, {1, 2, 3, 7, 24, 41}, "%0", "%g: f32, %u: f32", {},
      [&](const HalvedValues &x, int64_t column) { return chain(x, gate, column) * chain(x, up, column); },
      "    %0 = arith.mulf %g, %u : f32\n");
}

// Rows far from 1, of nothing but zeros, and with numbers far apart.
TEST_P(HalfMatmul, RowsOfEverySize) {
  plain(37, 70, {7, 29}, [&](Rows &x) {
    const float factors[] = {0x1p-140f, 0x1p-101f, 0x1p-30f, 0x1p+15f, 0x1p+60f, 0x1p+126f, 0};
    for (int64_t row = 0; row < x.rows; ++row)
      for (int64_t k = 0; k < x.columns; ++k)
        x.at(row, k) *= factors[row % 7] * (k % 3 ? 1.0f : 0x1p-12f);
  });
}

// The largest numbers that a weight may have, and rows just below two: no sum is infinite.
TEST_P(HalfMatmul, LargestSumsAreFinite) {
  constexpr int64_t n = 16, k = 128;
  Matrix w{n, k, std::vector<float>(n * k, kernel::MatmulOp::largestHalf)};
  check(
      {w}, {1, 2, 30}, "%s", "%s: f32",
      [&](Rows &x) {
        for (int64_t row = 0; row < x.rows; ++row)
          for (int64_t i = 0; i < k; ++i)
            x.at(row, i) = 0x1.fffffep+0f;
      },
      [&](const HalvedValues &x, int64_t column) {
        float sum = chain(x, w, column);
        EXPECT_TRUE(std::isfinite(sum));
        EXPECT_NEAR(sum, 2 * kernel::MatmulOp::largestHalf * k, 2048);
        return sum;
      });
}

// A row that holds no number, or one too large, gives none; the others are not touched.
TEST_P(HalfMatmul, WhatIsNoNumberSpoilsItsRow) {
  spoils = true;
  plain(19, 40, {4, 28}, [&](Rows &x) {
    const float bad[] = {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), -0x1p127f};
    for (int64_t row = 0; row < x.rows; ++row)
      if (row % 4 < 3)
        x.at(row, 39 - row % 4) = bad[row % 4];
  });
}

// A norm on the way gives what a norm before gives.
TEST_P(HalfMatmul, NormsOnTheWay) {
  for (int64_t k : {70, 64, 5}) {
    constexpr int64_t n = 21, rows = 26;
    Matrix w = randomMatrix(random, n, k, "f16"), norm = randomMatrix(random, 1, k, "f32");
    int64_t columns = kernel::HalvedRow(k).columns;
    ProgramBuilder builder;
    for (const char *name : {"x", "z"})
      builder.output(name, k);
    for (const char *name : {"y", "u"})
      builder.output(name, n);
    builder.panels("w", {w}, "f16");
    builder.table("n", norm);
    builder.halfBuffer("h", columns);
    builder.halfBuffer("g", columns);
    std::string x = ProgramBuilder::rowsType(k), y = ProgramBuilder::rowsType(n),
                halves = ProgramBuilder::halvesType(columns);
    auto product = [&](const std::string &from, const std::string &to) {
      builder.op("kernel.matmul %" + from + ", %w outs(%" + to + " : " + y +
                 ") {\n  ^bb0(%s: f32):\n    kernel.yield %s : f32\n  } : (" + halves + ", " +
                 builder.weightType("w", true) + ")");
    };
    builder.op("kernel.rms_norm %x, %n outs(%z) {epsilon = 1.0e-5 : f32, weight_offset = 1.0 : f32} : (" + x + ", " +
               builder.weightType("n") + ", " + x + ") -> ()");
    builder.op("kernel.halve %x norm(%n) outs(%g) {epsilon = 1.0e-5 : f32, norm_offset = 1.0 : f32} : (" + x + ", " +
               builder.weightType("n") + ", " + halves + ") -> ()");
    builder.op("kernel.barrier");
    builder.op("kernel.halve %z outs(%h) : (" + x + ", " + halves + ") -> ()");
    builder.op("kernel.barrier");
    product("h", "y");
    product("g", "u");
    auto executable = compile(builder);
    ASSERT_TRUE(executable);
    GuardedMemory weights = builder.weightsSection();
    Rows from(rows, k), normed(rows, k), before(rows, n), onTheWay(rows, n);
    from.fill(random);
    size_t bytes = rows * kernel::paddedRowStride(columns, 2) * 2;
    GuardedMemory first(bytes), second(bytes);
    Step step;
    step.tokens = rows;
    step.weights = &weights;
    step.outputs = {&from, &normed, &before, &onTheWay};
    step.slots = {&first, &second};
    step.run(*executable, 2);
    EXPECT_NE(before.at(0, 0), 0);
    EXPECT_TRUE(onTheWay.sameBits(before)) << "K " << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, HalfMatmul, ::testing::Values("x86-64-v4-fp16"), variantName);
