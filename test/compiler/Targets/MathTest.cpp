// MathTest.cpp - the elementary functions of both variants against long double, with the errors that Math.h claims.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/compiler/Targets/ProgramHarness.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace llmc::test;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float notANumber = std::numeric_limits<float>::quiet_NaN();
constexpr float denormal = std::numeric_limits<float>::denorm_min();
constexpr float smallest = std::numeric_limits<float>::min();
constexpr float largest = std::numeric_limits<float>::max();

class Math : public VariantTest {
protected:
  /// The function `op` ("math.exp") of each number.
  std::vector<float> apply(const std::string &op, const std::vector<float> &numbers) {
    constexpr int64_t columns = 64;
    ProgramBuilder builder;
    builder.output("x", columns);
    builder.output("y", columns);
    std::string rows = ProgramBuilder::rowsType(columns);
    builder.op("kernel.elementwise ins(%x : " + rows + ") outs(%y : " + rows + ") {\n  ^bb0(%p: f32):\n    %0 = " + op +
               " %p : f32\n    kernel.yield %0 : f32\n  }");
    auto executable = compile(builder);
    if (!executable)
      return std::vector<float>(numbers.size(), notANumber);
    int64_t count = numbers.size();
    Rows x((count + columns - 1) / columns, columns), y(x.rows, columns);
    for (int64_t i = 0; i < count; ++i)
      x.at(i / columns, i % columns) = numbers[i];
    Step step;
    step.tokens = x.rows;
    step.outputs = {&x, &y};
    step.run(*executable, 1);
    std::vector<float> results;
    for (int64_t i = 0; i < count; ++i)
      results.push_back(y.at(i / columns, i % columns));
    return results;
  }

  /// `count` numbers evenly spread over [from, to], and as many with random bits in it.
  static std::vector<float> sample(float from, float to, int count) {
    std::vector<float> numbers;
    std::mt19937 random(42);
    for (int i = 0; i < count; ++i)
      numbers.push_back(static_cast<float>(from + (static_cast<double>(to) - from) * i / (count - 1)));
    while (numbers.size() < 2 * static_cast<size_t>(count)) {
      uint32_t bits = static_cast<uint32_t>(random());
      float number;
      std::memcpy(&number, &bits, 4);
      if (number >= from && number <= to)
        numbers.push_back(number);
    }
    return numbers;
  }

  /// Prints the largest error and holds it below `bound` units in the last place.
  void within(const char *op, long double (*exact)(long double), const std::vector<float> &numbers, double bound) {
    std::vector<float> results = apply(op, numbers);
    double worst = 0;
    float worstAt = 0;
    for (size_t i = 0; i < numbers.size(); ++i) {
      double error = ulps(results[i], exact(numbers[i]));
      if (!(error <= worst)) {
        worst = error;
        worstAt = numbers[i];
      }
    }
    printf("%s over %zu numbers: at most %.3f ulp, at %a\n", op, numbers.size(), worst, static_cast<double>(worstAt));
    EXPECT_LE(worst, bound) << op << " at " << worstAt;
  }

  static bool sameBits(float a, float b) { return std::memcmp(&a, &b, 4) == 0; }
  void exactly(const char *op, const std::vector<std::pair<float, float>> &pairs) {
    std::vector<float> numbers;
    for (auto [number, expected] : pairs)
      numbers.push_back(number);
    std::vector<float> results = apply(op, numbers);
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (std::isnan(pairs[i].second))
        EXPECT_TRUE(std::isnan(results[i])) << op << " of " << numbers[i];
      else
        EXPECT_TRUE(sameBits(results[i], pairs[i].second))
            << op << " of " << numbers[i] << " is " << results[i] << ", expected " << pairs[i].second;
    }
  }
};

} // namespace

TEST_P(Math, ExpWithinOneUlp) { within("math.exp", expl, sample(-87.3365f, 88.7228f, 40000), 1.0); }
TEST_P(Math, ExpNearZero) { within("math.exp", expl, sample(-0.35f, 0.35f, 20000), 1.0); }
TEST_P(Math, ExpAtItsEnds) {
  exactly("math.exp", {{0.0f, 1.0f},
                       {-0.0f, 1.0f},
                       {denormal, 1.0f},
                       {-denormal, 1.0f},
                       {infinity, infinity},
                       {-infinity, 0.0f},
                       {88.73f, infinity},
                       {89.5f, infinity},
                       {largest, infinity},
                       {-87.34f, 0.0f},
                       {-104.0f, 0.0f},
                       {-1.0e30f, 0.0f},
                       {-largest, 0.0f},
                       {notANumber, notANumber}});
}

TEST_P(Math, TanhWithinTwoUlp) { within("math.tanh", tanhl, sample(-20.0f, 20.0f, 40000), 2.0); }
TEST_P(Math, TanhWhereTheFormulaChanges) { within("math.tanh", tanhl, sample(0.5f, 0.75f, 20000), 2.0); }
TEST_P(Math, TanhAtItsEnds) {
  exactly("math.tanh", {{0.0f, 0.0f},
                        {-0.0f, -0.0f},
                        {denormal, denormal},
                        {-denormal, -denormal},
                        {smallest, smallest},
                        {10.0f, 1.0f},
                        {-10.0f, -1.0f},
                        {infinity, 1.0f},
                        {-infinity, -1.0f},
                        {largest, 1.0f},
                        {notANumber, notANumber}});
}

TEST_P(Math, ErfWithinThreeUlp) { within("math.erf", erfl, sample(-5.0f, 5.0f, 40000), 3.0); }
TEST_P(Math, ErfWhereTheFormulaChanges) { within("math.erf", erfl, sample(0.75f, 1.0f, 20000), 3.0); }
TEST_P(Math, ErfAtItsEnds) {
  exactly("math.erf", {{0.0f, 0.0f},
                       {-0.0f, -0.0f},
                       {5.0f, 1.0f},
                       {-5.0f, -1.0f},
                       {infinity, 1.0f},
                       {-infinity, -1.0f},
                       {largest, 1.0f},
                       {notANumber, notANumber}});
}

// The sign of the argument changes the sign of the result and nothing else.
TEST_P(Math, OddFunctions) {
  std::vector<float> numbers = sample(0.0f, 6.0f, 5000), negated;
  for (float number : numbers)
    negated.push_back(-number);
  for (const char *op : {"math.tanh", "math.erf"}) {
    std::vector<float> positive = apply(op, numbers), negative = apply(op, negated);
    for (size_t i = 0; i < numbers.size(); ++i)
      ASSERT_TRUE(sameBits(positive[i], -negative[i])) << op << " of " << numbers[i];
  }
}

LLMC_FOR_EACH_VARIANT(Math);
