// MatmulTest.cpp - kernel.matmul of both variants against one chain of fused multiply-adds per element, bit by bit.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/compiler/Targets/ProgramHarness.h"

#include <cmath>

using namespace llmc::test;

namespace {

/// The sum that every element is: ascending k, each product fused into the sum.
float chain(const Rows &x, const Matrix &w, int64_t row, int64_t column) {
  float sum = 0;
  for (int64_t k = 0; k < w.k; ++k)
    sum = std::fma(x.at(row, k), w.at(column, k), sum);
  return sum;
}

struct Case {
  const char *element;
  int64_t n, k;
};

class Matmul : public VariantTest {
protected:
  std::mt19937 random{20240229};

  /// y = x w^T for every row count of `rowCounts`, alone and by teams: the same bits as the chains.
  void plain(const Case &shape, std::initializer_list<int64_t> rowCounts) {
    SCOPED_TRACE(std::string(shape.element) + " n " + std::to_string(shape.n) + " k " + std::to_string(shape.k));
    Matrix w = randomMatrix(random, shape.n, shape.k, shape.element);
    ProgramBuilder builder;
    builder.output("x", shape.k);
    builder.output("y", shape.n);
    builder.panels("w", {w}, shape.element);
    builder.op("kernel.matmul %x, %w outs(%y : " + ProgramBuilder::rowsType(shape.n) +
               ") {\n  ^bb0(%s: f32):\n    kernel.yield %s : f32\n  } : (" + ProgramBuilder::rowsType(shape.k) + ", " +
               builder.weightType("w", true) + ")");
    auto executable = compile(builder);
    ASSERT_TRUE(executable);
    GuardedMemory weights = builder.weightsSection();
    for (int64_t rows : rowCounts)
      for (unsigned threads : {1u, 2u, 3u}) {
        Rows x(rows, shape.k), y(rows, shape.n), expected(rows, shape.n);
        x.fill(random);
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t column = 0; column < shape.n; ++column)
            expected.at(row, column) = chain(x, w, row, column);
        Step step;
        step.tokens = rows;
        step.weights = &weights;
        step.outputs = {&x, &y};
        step.run(*executable, threads);
        EXPECT_TRUE(y.sameBits(expected)) << rows << " rows, " << threads << " threads";
      }
  }
};

} // namespace

// 10 panels: every tile width, a second group of panels, and a last panel of 5 columns.
TEST_P(Matmul, F32) {
  plain({"f32", 149, 29}, {0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 16, 17, 23, 24, 25, 31, 36, 37, 40});
}
TEST_P(Matmul, F16) { plain({"f16", 37, 31}, {1, 2, 5, 13, 29}); }
// 6 and 12 panels in bundles of two, 64 and 68 in bundles of four, which shares of three threads end within.
TEST_P(Matmul, Bundles) {
  plain({"f16", 96, 130}, {1, 2, 4, 8, 40});
  plain({"f16", 187, 16}, {1, 4, 9, 33});
  plain({"f16", 1024, 9}, {1, 2, 3, 4, 5, 6, 8, 12, 17, 31, 33});
  plain({"bf16", 1088, 7}, {1, 2, 4, 7, 13, 32, 45});
}
// An odd K is stored with a zero beside the last column, which no element may see (x's padding is NaN).
TEST_P(Matmul, BF16OfOddK) { plain({"bf16", 53, 23}, {1, 2, 3, 5, 12, 19, 40}); }
TEST_P(Matmul, BF16OfEvenK) { plain({"bf16", 17, 26}, {1, 13}); }
// From 32 rows on weights are decoded once: 10 panels are groups of every width for one thread and for three, the row
// counts end in tiles of every size.
TEST_P(Matmul, ManyRowsOfF16) { plain({"f16", 149, 29}, {31, 32, 33, 37, 44, 55, 62, 71}); }
TEST_P(Matmul, ManyRowsOfBF16OfOddK) { plain({"bf16", 103, 31}, {32, 35, 43}); }
// More columns than are decoded at a time (1600 of four panels, 6400 of one), and more rows than wait between the parts
// (256).
TEST_P(Matmul, ManyRowsOfLongK) {
  plain({"bf16", 61, 1699}, {37});
  plain({"f16", 5, 6403}, {33, 261});
  plain({"f16", 1024, 1699}, {37});
}

TEST_P(Matmul, LessThanOneTurnOfTheLoop) {
  plain({"f32", 3, 1}, {1, 5});
  plain({"bf16", 3, 3}, {1, 5});
  plain({"f16", 16, 4}, {1, 5});
}

// Two streams, a residual that is the output itself, and a bias: what a gated product with all extras is.
TEST_P(Matmul, StreamsAndExtras) {
  for (Case shape : {Case{"bf16", 37, 29}, Case{"f32", 83, 13}, Case{"f16", 1020, 5}, Case{"f16", 90, 17}}) {
    SCOPED_TRACE(shape.element);
    Matrix gate = randomMatrix(random, shape.n, shape.k, shape.element);
    Matrix up = randomMatrix(random, shape.n, shape.k, shape.element), bias = randomMatrix(random, 1, shape.n, "f32");
    ProgramBuilder builder;
    builder.output("x", shape.k);
    builder.output("y", shape.n);
    builder.panels("w", {gate, up}, shape.element);
    builder.table("b", bias);
    std::string y = ProgramBuilder::rowsType(shape.n);
    builder.op("kernel.matmul %x, %w extras(%y, %b : " + y + ", " + builder.weightType("b") + ") outs(%y : " + y +
               ") {\n  ^bb0(%g: f32, %u: f32, %r: f32, %c: f32):\n"
               "    %0 = arith.addf %g, %c : f32\n    %1 = arith.mulf %0, %u : f32\n    %2 = arith.subf %r, %1 : f32\n"
               "    kernel.yield %2 : f32\n  } : (" +
               ProgramBuilder::rowsType(shape.k) + ", " + builder.weightType("w", true) + ")");
    auto executable = compile(builder);
    ASSERT_TRUE(executable);
    GuardedMemory weights = builder.weightsSection();
    for (int64_t rows : {1, 2, 3, 4, 7, 12, 13, 29, 32, 41, 57})
      for (unsigned threads : {1u, 3u}) {
        Rows x(rows, shape.k), y(rows, shape.n), expected(rows, shape.n);
        x.fill(random);
        y.fill(random);
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t column = 0; column < shape.n; ++column) {
            float sum = chain(x, gate, row, column) + bias.at(0, column);
            float product = sum * chain(x, up, row, column);
            expected.at(row, column) = y.at(row, column) - product;
          }
        Step step;
        step.tokens = rows;
        step.weights = &weights;
        step.outputs = {&x, &y};
        step.run(*executable, threads);
        EXPECT_TRUE(y.sameBits(expected)) << rows << " rows, " << threads << " threads";
      }
  }
}

// x and an extra are views whose last columns end their buffers' last rows.
TEST_P(Matmul, ReadsViews) {
  constexpr int64_t n = 15, k = 17;
  Matrix w = randomMatrix(random, n, k, "f32");
  ProgramBuilder builder;
  builder.output("b", 32); // columns 0 to 16: x; 17 to 31: the extra
  builder.output("y", n);
  builder.panels("w", {w}, "f32");
  std::string both = ProgramBuilder::rowsType(32), y = ProgramBuilder::rowsType(n);
  std::string x = "memref<?x17xf32, strided<[32, 1]>>", e = "memref<?x15xf32, strided<[32, 1], offset: 17>>";
  builder.op("%x = kernel.columns %b from 0 : (" + both + ") -> " + x);
  builder.op("%e = kernel.columns %b from 17 : (" + both + ") -> " + e);
  builder.op("kernel.matmul %x, %w extras(%e : " + e + ") outs(%y : " + y +
             ") {\n  ^bb0(%s: f32, %t: f32):\n    %0 = arith.addf %s, %t : f32\n    kernel.yield %0 : f32\n  } : (" +
             x + ", " + builder.weightType("w", true) + ")");
  auto executable = compile(builder);
  ASSERT_TRUE(executable);
  GuardedMemory weights = builder.weightsSection();
  Rows both32(5, 32), out(5, n), expected(5, n);
  both32.fill(random);
  for (int64_t row = 0; row < 5; ++row)
    for (int64_t column = 0; column < n; ++column)
      expected.at(row, column) = chain(both32, w, row, column) + both32.at(row, 17 + column);
  Step step;
  step.tokens = 5;
  step.weights = &weights;
  step.outputs = {&both32, &out};
  step.run(*executable, 1);
  EXPECT_TRUE(out.sameBits(expected));
}

LLMC_FOR_EACH_VARIANT(Matmul);
