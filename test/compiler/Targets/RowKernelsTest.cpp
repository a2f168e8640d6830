// RowKernelsTest.cpp - kernels that work row by row, of both variants, against scalar code, bit by bit.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/compiler/Targets/ProgramHarness.h"

#include <cmath>
#include <functional>

using namespace llmc::test;

namespace {

class RowKernels : public VariantTest {
protected:
  std::mt19937 random{1789};

  /// Runs the program, whose last output is y, for teams of 1 to 3 and compares with `expected(row, column)`.
  void check(const ProgramBuilder &builder, Step &step, Rows &y,
             const std::function<float(int64_t, int64_t)> &expected) {
    auto executable = compile(builder);
    ASSERT_TRUE(executable);
    GuardedMemory weights = builder.weightsSection();
    step.weights = &weights;
    Rows wanted(y.rows, y.columns);
    for (int64_t row = 0; row < y.rows; ++row)
      for (int64_t column = 0; column < y.columns; ++column)
        wanted.at(row, column) = expected(row, column);
    for (unsigned threads : {1u, 2u, 3u}) {
      step.run(*executable, threads);
      EXPECT_TRUE(y.sameBits(wanted)) << threads << " threads";
      for (int64_t row = 0; row < y.rows; ++row)
        for (int64_t column = 0; column < y.columns; ++column)
          y.at(row, column) = -77;
    }
  }
};

/// The sum of `size` numbers in 16 chains, which are added pairwise.
float sumInChains(const float *x, int64_t size) {
  float chains[16] = {};
  for (int64_t i = 0; i < size; ++i)
    chains[i % 16] += x[i];
  for (int64_t half = 8; half >= 1; half /= 2)
    for (int64_t i = 0; i < half; ++i)
      chains[i] += chains[i + half];
  return chains[0];
}

/// 1 / sqrt(mean square + epsilon) of `size` numbers: chain i takes numbers i, i + 16, ..., and chains are added
/// pairwise.
float normScale(const float *x, int64_t size, float epsilon) {
  float chains[16] = {};
  for (int64_t i = 0; i < size; ++i)
    chains[i % 16] = std::fma(x[i], x[i], chains[i % 16]);
  for (int64_t half = 8; half >= 1; half /= 2)
    for (int64_t i = 0; i < half; ++i)
      chains[i] += chains[i + half];
  float root = std::sqrt(chains[0] / static_cast<float>(size) + epsilon);
  return 1.0f / root;
}

} // namespace

TEST_P(RowKernels, EmbedFromPanels) {
  struct Case {
    const char *element;
    int64_t n, k;
    const char *attributes;
    float scale;
  };
  for (Case shape : {Case{"f32", 37, 19, "", 1.0f}, Case{"f16", 16, 23, " {scale = 3.5 : f32}", 3.5f},
                     Case{"bf16", 53, 13, " {scale = 0.7 : f32}", 0.7f}, Case{"bf16", 19, 16, "", 1.0f},
                     Case{"bf16", 5, 1, "", 1.0f}, Case{"f16", 1024, 19, "", 1.0f}, Case{"bf16", 1080, 11, "", 1.0f},
                     Case{"f16", 90, 8, "", 1.0f}}) {
    SCOPED_TRACE(std::string(shape.element) + " " + std::to_string(shape.k));
    Matrix table = randomMatrix(random, shape.n, shape.k, shape.element);
    ProgramBuilder builder;
    builder.input("ids", "tokens");
    builder.output("y", shape.k);
    builder.panels("w", {table}, shape.element);
    builder.op("kernel.embed %ids, %w outs(%y)" + std::string(shape.attributes) + " : (memref<?xi32>, " +
               builder.weightType("w") + ", " + ProgramBuilder::rowsType(shape.k) + ") -> ()");
    std::vector<int32_t> ids = {0, static_cast<int32_t>(shape.n - 1), 3, 3, 1};
    Rows y(ids.size(), shape.k);
    Step step;
    step.tokens = ids.size();
    step.inputs = {ids};
    step.outputs = {&y};
    check(builder, step, y, [&](int64_t row, int64_t column) { return table.at(ids[row], column) * shape.scale; });
  }
}

TEST_P(RowKernels, EmbedFromTable) {
  Matrix table = randomMatrix(random, 31, 43, "f32");
  ProgramBuilder builder;
  builder.input("ids", "tokens");
  builder.output("y", 43);
  builder.table("w", table);
  builder.op("kernel.embed %ids, %w outs(%y) : (memref<?xi32>, " + builder.weightType("w") + ", " +
             ProgramBuilder::rowsType(43) + ") -> ()");
  std::vector<int32_t> ids = {30, 0, 7};
  Rows y(3, 43);
  Step step;
  step.tokens = 3;
  step.inputs = {ids};
  step.outputs = {&y};
  check(builder, step, y, [&](int64_t row, int64_t column) { return table.at(ids[row], column); });
}

TEST_P(RowKernels, LayerNorm) {
  struct Case {
    int64_t columns, group;
    bool bias;
  };
  for (Case shape :
       {Case{5, 5, true}, Case{16, 16, false}, Case{37, 37, true}, Case{33, 11, true}, Case{96, 96, false}}) {
    SCOPED_TRACE(std::to_string(shape.columns) + " in groups of " + std::to_string(shape.group));
    Matrix weight = randomMatrix(random, 1, shape.group, "f32"), bias = randomMatrix(random, 1, shape.group, "f32");
    ProgramBuilder builder;
    builder.output("x", shape.columns);
    builder.output("y", shape.columns);
    builder.table("w", weight);
    builder.table("b", bias);
    std::string rows = ProgramBuilder::rowsType(shape.columns);
    builder.op(std::string("kernel.layer_norm %x, %w") + (shape.bias ? " bias %b" : "") +
               " outs(%y) {epsilon = 1.0e-5 : f32} : (" + rows + ", " + builder.weightType("w") + ", " +
               (shape.bias ? builder.weightType("b") + ", " : "") + rows + ") -> ()");
    Rows x(7, shape.columns), y(7, shape.columns);
    x.fill(random);
    Step step;
    step.tokens = 7;
    step.outputs = {&x, &y};
    check(builder, step, y, [&](int64_t row, int64_t column) {
      int64_t group = column / shape.group * shape.group;
      const float *from = x.memory() + row * x.stride + group;
      float mean = sumInChains(from, shape.group) / static_cast<float>(shape.group);
      std::vector<float> difference(from, from + shape.group);
      for (float &value : difference)
        value -= mean;
      float scale = normScale(difference.data(), shape.group, 1.0e-5f);
      float result = difference[column - group] * scale * weight.at(0, column - group);
      return shape.bias ? result + bias.at(0, column - group) : result;
    });
  }
}

TEST_P(RowKernels, RMSNorm) {
  struct Case {
    int64_t columns, group;
    float offset;
  };
  for (Case shape : {Case{5, 5, 0}, Case{16, 16, 1}, Case{37, 37, 0}, Case{33, 11, 1}, Case{57, 19, 0}, Case{96, 32, 0},
                     Case{3, 1, 0}, Case{100, 25, 0.5f}}) {
    SCOPED_TRACE(std::to_string(shape.columns) + " in groups of " + std::to_string(shape.group));
    Matrix weight = randomMatrix(random, 1, shape.group, "f32");
    ProgramBuilder builder;
    builder.output("x", shape.columns);
    builder.output("y", shape.columns);
    builder.table("w", weight);
    std::string rows = ProgramBuilder::rowsType(shape.columns);
    builder.op(
        "kernel.rms_norm %x, %w outs(%y) {epsilon = 1.0e-5 : f32, weight_offset = " + std::to_string(shape.offset) +
        " : f32} : (" + rows + ", " + builder.weightType("w") + ", " + rows + ") -> ()");
    Rows x(7, shape.columns), y(7, shape.columns);
    x.fill(random);
    Step step;
    step.tokens = 7;
    step.outputs = {&x, &y};
    check(builder, step, y, [&](int64_t row, int64_t column) {
      int64_t group = column / shape.group * shape.group;
      float scale = normScale(x.memory() + row * x.stride + group, shape.group, 1.0e-5f);
      return (x.at(row, column) * scale) * (weight.at(0, column - group) + shape.offset);
    });
  }
}

// In place, on a view whose neighbours must stay.
TEST_P(RowKernels, RMSNormInPlaceOnAView) {
  Matrix weight = randomMatrix(random, 1, 7, "f32");
  ProgramBuilder builder;
  builder.output("x", 31);
  builder.table("w", weight);
  std::string rows = ProgramBuilder::rowsType(31), view = "memref<?x21xf32, strided<[32, 1], offset: 5>>";
  builder.op("%v = kernel.columns %x from 5 : (" + rows + ") -> " + view);
  builder.op("kernel.rms_norm %v, %w outs(%v) {epsilon = 0.25 : f32} : (" + view + ", " + builder.weightType("w") +
             ", " + view + ") -> ()");
  auto executable = compile(builder);
  ASSERT_TRUE(executable);
  GuardedMemory weights = builder.weightsSection();
  Rows x(5, 31), expected(5, 31);
  x.fill(random);
  for (int64_t row = 0; row < 5; ++row)
    for (int64_t column = 0; column < 31; ++column) {
      expected.at(row, column) = x.at(row, column);
      if (column < 5 || column >= 26)
        continue;
      int64_t group = (column - 5) / 7 * 7 + 5;
      float scale = normScale(x.memory() + row * x.stride + group, 7, 0.25f);
      expected.at(row, column) = (x.at(row, column) * scale) * weight.at(0, column - group);
    }
  Step step;
  step.tokens = 5;
  step.weights = &weights;
  step.outputs = {&x};
  step.run(*executable, 2);
  EXPECT_TRUE(x.sameBits(expected));
}

TEST_P(RowKernels, GatherRows) {
  ProgramBuilder builder;
  builder.input("rows", "rows");
  builder.output("x", 23);
  builder.output("y", 23, "logits");
  std::string rows = ProgramBuilder::rowsType(23);
  builder.op("kernel.gather_rows %x, %rows outs(%y) : (" + rows + ", memref<?xi32>, " + rows + ") -> ()");
  std::vector<int32_t> wanted = {1, 4, 10};
  Rows x(11, 23), y(3, 23);
  x.fill(random);
  Step step;
  step.tokens = 11;
  step.rows = 3;
  step.inputs = {wanted};
  step.outputs = {&x, &y};
  check(builder, step, y, [&](int64_t row, int64_t column) { return x.at(wanted[row], column); });
}

// Rows and a table, one input twice, every op of arith that bodies may hold.
TEST_P(RowKernels, Elementwise) {
  Matrix weight = randomMatrix(random, 1, 29, "f32");
  ProgramBuilder builder;
  builder.output("a", 29);
  builder.output("b", 29);
  builder.output("y", 29);
  builder.table("w", weight);
  std::string rows = ProgramBuilder::rowsType(29);
  builder.op("kernel.elementwise ins(%a, %b, %w, %a : " + rows + ", " + rows + ", " + builder.weightType("w") + ", " +
             rows + ") outs(%y : " + rows + R"() {
  ^bb0(%p: f32, %q: f32, %r: f32, %t: f32):
    %c = arith.constant 0.37 : f32
    %0 = arith.addf %p, %q : f32
    %1 = arith.mulf %0, %r : f32
    %2 = arith.subf %1, %t : f32
    %3 = arith.negf %2 : f32
    %4 = arith.divf %3, %c : f32
    %5 = arith.maximumf %4, %q : f32
    %6 = arith.minimumf %5, %c : f32
    %7 = arith.cmpf olt, %p, %q : f32
    %8 = arith.select %7, %6, %4 : f32
    kernel.yield %8 : f32
  })");
  Rows a(6, 29), b(6, 29), y(6, 29);
  a.fill(random);
  b.fill(random);
  Step step;
  step.tokens = 6;
  step.outputs = {&a, &b, &y};
  check(builder, step, y, [&](int64_t row, int64_t column) {
    float p = a.at(row, column), q = b.at(row, column);
    float product = (p + q) * weight.at(0, column);
    float quotient = -(product - p) / 0.37f;
    return p < q ? std::min(std::max(quotient, q), 0.37f) : quotient;
  });
}

// Products and sums stay two roundings: LLVM may not fuse what the IR does not.
TEST_P(RowKernels, ElementwiseIsNotFused) {
  ProgramBuilder builder;
  builder.output("a", 16);
  builder.output("y", 16);
  std::string rows = ProgramBuilder::rowsType(16);
  builder.op("kernel.elementwise ins(%a : " + rows + ") outs(%y : " + rows + R"() {
  ^bb0(%p: f32):
    %0 = arith.mulf %p, %p : f32
    %1 = arith.addf %0, %p : f32
    kernel.yield %1 : f32
  })");
  Rows a(40, 16), y(40, 16);
  a.fill(random);
  Step step;
  step.tokens = 40;
  step.outputs = {&a, &y};
  check(builder, step, y, [&](int64_t row, int64_t column) {
    volatile float product = a.at(row, column) * a.at(row, column);
    return product + a.at(row, column);
  });
}

// No tokens: nothing is read or written.
TEST_P(RowKernels, NoTokens) {
  Matrix weight = randomMatrix(random, 1, 13, "f32");
  ProgramBuilder builder;
  builder.output("x", 13);
  builder.table("w", weight);
  std::string rows = ProgramBuilder::rowsType(13);
  builder.op("kernel.rms_norm %x, %w outs(%x) {epsilon = 0.0 : f32} : (" + rows + ", " + builder.weightType("w") +
             ", " + rows + ") -> ()");
  auto executable = compile(builder);
  ASSERT_TRUE(executable);
  GuardedMemory weights = builder.weightsSection();
  Rows x(0, 13);
  Step step;
  step.weights = &weights;
  step.outputs = {&x};
  step.run(*executable, 3);
}

LLMC_FOR_EACH_VARIANT(RowKernels);
