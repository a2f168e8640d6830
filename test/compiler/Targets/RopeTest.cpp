// RopeTest.cpp - rotary tables and rotations of both variants.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/compiler/Targets/ProgramHarness.h"

#include <cmath>

using namespace llmc::test;

namespace {

class Rope : public VariantTest {
protected:
  std::mt19937 random{31415};

  Rows table(const Matrix &frequencies, const std::string &attributes, const std::vector<int32_t> &positions,
             unsigned threads) {
    ProgramBuilder builder;
    builder.input("p", "positions");
    builder.output("y", 2 * frequencies.k);
    builder.table("f", frequencies);
    builder.op("kernel.rope_table %p, %f outs(%y) " + attributes + " : (memref<?xi32>, " + builder.weightType("f") +
               ", " + ProgramBuilder::rowsType(2 * frequencies.k) + ") -> ()");
    Rows y(positions.size(), 2 * frequencies.k);
    auto executable = compile(builder);
    if (!executable)
      return y;
    GuardedMemory weights = builder.weightsSection();
    Step step;
    step.tokens = positions.size();
    step.weights = &weights;
    step.inputs = {positions};
    step.outputs = {&y};
    step.run(*executable, threads);
    return y;
  }
};

} // namespace

// The angle is rounded to f32 by definition; its cosine and sine are then right to the last bit but where they lie so
// near to the middle of two numbers that 1e-15 decides.
TEST_P(Rope, TableToPosition131072) {
  Matrix frequencies{1, 19, {}};
  for (int i = 0; i < 19; ++i)
    frequencies.values.push_back(static_cast<float>(std::pow(10000.0, -i / 19.0)));
  std::vector<int32_t> positions = {0, 1, 2, 3, 131071, 131072};
  for (int i = 0; i < 3000; ++i)
    positions.push_back(static_cast<int32_t>(random() % 131072));
  Rows y = table(frequencies, "", positions, 3);
  double worst = 0;
  for (size_t row = 0; row < positions.size(); ++row)
    for (int64_t i = 0; i < 19; ++i) {
      float angle = static_cast<float>(positions[row]) * frequencies.at(0, i);
      long double cosine = cosl(angle), sine = sinl(angle);
      // Half a unit of the f32 result, and the error of the f64 computation.
      auto error = [](float value, long double exact) {
        int exponent;
        std::frexp(exact, &exponent);
        return static_cast<double>((std::fabs(value - exact) - 1e-15L) / std::ldexp(1.0L, exponent - 24));
      };
      worst = std::max({worst, error(y.at(row, i), cosine), error(y.at(row, 19 + i), sine)});
    }
  printf("rope_table: at most %.9f ulp beyond 1e-15\n", worst);
  EXPECT_LE(worst, 0.5);
}

// Angles beyond 2^17 come from frequencies above 1; the claim ends at 2^30.
TEST_P(Rope, TableOfLargeAngles) {
  Matrix frequencies{1, 3, {1.0f, 77.7f, 8191.5f}};
  std::vector<int32_t> positions;
  for (int i = 0; i < 2000; ++i)
    positions.push_back(static_cast<int32_t>(random() % 131072));
  Rows y = table(frequencies, "", positions, 1);
  for (size_t row = 0; row < positions.size(); ++row)
    for (int64_t i = 0; i < 3; ++i) {
      float angle = static_cast<float>(positions[row]) * frequencies.at(0, i);
      ASSERT_LE(std::fabs(y.at(row, i) - cosl(angle)), 3.1e-8L) << angle;
      ASSERT_LE(std::fabs(y.at(row, 3 + i) - sinl(angle)), 3.1e-8L) << angle;
    }
}

TEST_P(Rope, TableRowByPosition) {
  Matrix two = randomMatrix(random, 2, 5, "f32"), four = randomMatrix(random, 4, 5, "f32");
  std::vector<int32_t> positions = {0, 7, 15, 16, 17, 18, 19, 20, 100};
  Rows short_long = table(two, "{row_start = 17 : i64, attention_factor = 1.25 : f32}", positions, 2);
  Rows growing = table(four, "{row_start = 17 : i64}", positions, 2);
  for (size_t row = 0; row < positions.size(); ++row)
    for (int64_t i = 0; i < 5; ++i) {
      int64_t past = std::max(positions[row] + 1 - 17, 0);
      float angle = static_cast<float>(positions[row]) * two.at(std::min<int64_t>(past, 1), i);
      EXPECT_NEAR(short_long.at(row, i), 1.25 * std::cos(angle), 2e-7);
      EXPECT_NEAR(short_long.at(row, 5 + i), 1.25 * std::sin(angle), 2e-7);
      angle = static_cast<float>(positions[row]) * four.at(std::min<int64_t>(past, 3), i);
      EXPECT_NEAR(growing.at(row, i), std::cos(angle), 1e-7);
      EXPECT_NEAR(growing.at(row, 5 + i), std::sin(angle), 1e-7);
    }
}

TEST_P(Rope, Rotations) {
  struct Case {
    int64_t headDim, rotary, heads;
  };
  for (Case shape : {Case{2, 2, 5}, Case{7, 6, 3}, Case{16, 16, 3}, Case{40, 34, 2}, Case{64, 64, 2}, Case{80, 20, 2},
                     Case{128, 128, 1}})
    for (int style : {0, 1})
      for (bool inPlace : {false, true}) {
        SCOPED_TRACE("head_dim " + std::to_string(shape.headDim) + ", rotary_dim " + std::to_string(shape.rotary) +
                     ", style " + std::to_string(style) + (inPlace ? ", in place" : ""));
        int64_t columns = shape.headDim * shape.heads, half = shape.rotary / 2;
        std::string rows = ProgramBuilder::rowsType(columns);
        ProgramBuilder builder;
        builder.output("t", shape.rotary);
        builder.output("x", columns);
        builder.output("y", columns);
        builder.op(std::string("kernel.rope %x, %t outs(") + (inPlace ? "%x" : "%y") +
                   ") {head_dim = " + std::to_string(shape.headDim) +
                   " : i64, rotary_dim = " + std::to_string(shape.rotary) + " : i64, style = " + std::to_string(style) +
                   " : i32} : (" + rows + ", " + ProgramBuilder::rowsType(shape.rotary) + ", " + rows + ") -> ()");
        auto executable = compile(builder);
        ASSERT_TRUE(executable);
        for (unsigned threads : {1u, 3u}) {
          Rows t(5, shape.rotary), x(5, columns), y(5, columns), expected(5, columns);
          t.fill(random);
          x.fill(random);
          for (int64_t row = 0; row < 5; ++row)
            for (int64_t head = 0; head < columns; head += shape.headDim) {
              for (int64_t i = shape.rotary; i < shape.headDim; ++i)
                expected.at(row, head + i) = x.at(row, head + i);
              for (int64_t i = 0; i < half; ++i) {
                int64_t a = head + (style ? 2 * i : i), c = head + (style ? 2 * i + 1 : i + half);
                float cosine = t.at(row, i), sine = t.at(row, half + i);
                // Each product is rounded before the difference or sum.
                volatile float ac = x.at(row, a) * cosine, cs = x.at(row, c) * sine;
                volatile float cc = x.at(row, c) * cosine, as = x.at(row, a) * sine;
                expected.at(row, a) = ac - cs;
                expected.at(row, c) = cc + as;
              }
            }
          Step step;
          step.tokens = 5;
          step.outputs = {&t, &x, &y};
          step.run(*executable, threads);
          EXPECT_TRUE((inPlace ? x : y).sameBits(expected)) << threads << " threads";
        }
      }
}

LLMC_FOR_EACH_VARIANT(Rope);
