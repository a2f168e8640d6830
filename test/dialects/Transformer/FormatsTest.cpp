// FormatsTest.cpp - deterministic functions, rotary tables, half floats and block formats against independent values.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockComparison.h"
#include "dialects/Transformer/Formats/BlockFormats.h"
#include "dialects/Transformer/Formats/DeterministicMath.h"
#include "dialects/Transformer/Formats/HalfFloats.h"
#include "dialects/Transformer/Formats/RopeFrequencies.h"
#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace llmc;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The largest difference in units in the last place of what libm says, over a grid.
double largestError(double (*ours)(double), double (*theirs)(double), double low, double high, int steps) {
  double largest = 0;
  for (int i = 0; i <= steps; ++i) {
    double x = low + (high - low) * i / steps, expected = theirs(x);
    double ulp = std::nextafter(std::fabs(expected), kInfinity) - std::fabs(expected);
    largest = std::max(largest, std::fabs(ours(x) - expected) / ulp);
  }
  return largest;
}

// Who accounts for some fields alone compares what is left: each field counts, those of fields and planes, too.
TEST(BlockComparison, EveryFieldCounts) {
  const BlockFormatDescriptor &format = blockFormat(BlockFormatId::Q4_K);
  EXPECT_TRUE(sameFields(format, format));
  auto differs = [&](auto change) {
    BlockFormatDescriptor other = format;
    change(other);
    return !sameFields(format, other) && !sameFields(other, format);
  };
  EXPECT_TRUE(differs([](auto &f) { f.name = "another"; }));
  EXPECT_TRUE(differs([](auto &f) { f.group = 128; }));
  EXPECT_TRUE(differs([](auto &f) { f.scale = BlockNumber::F32; }));
  EXPECT_TRUE(differs([](auto &f) { f.minimum = BlockNumber::None; }));
  EXPECT_TRUE(differs([](auto &f) { ++f.scaleByte; }));
  EXPECT_TRUE(differs([](auto &f) { ++f.minimumByte; }));
  EXPECT_TRUE(differs([](auto &f) { f.zeroByte = 3; }));
  EXPECT_TRUE(differs([](auto &f) { f.subtractsMinimum = false; }));
  EXPECT_TRUE(differs([](auto &f) { f.rounding = BlockRounding::Range; }));
  EXPECT_TRUE(differs([](auto &f) { f.lowestCode = 1; }));
  EXPECT_TRUE(differs([](auto &f) { f.highestCode = 1; }));
  for (BlockField BlockFormatDescriptor::*field :
       {&BlockFormatDescriptor::subScales, &BlockFormatDescriptor::subMinima, &BlockFormatDescriptor::codes}) {
    EXPECT_TRUE(differs([&](auto &f) { ++(f.*field).bits; }));
    EXPECT_TRUE(differs([&](auto &f) { ++(f.*field).each; }));
    EXPECT_TRUE(differs([&](auto &f) { ++(f.*field).zero; }));
    EXPECT_TRUE(differs([&](auto &f) { (f.*field).isSigned = true; }));
    EXPECT_TRUE(differs([&](auto &f) { (f.*field).table = blockFormat(BlockFormatId::IQ4_NL).codes.table; }));
    EXPECT_TRUE(differs([&](auto &f) { ++(f.*field).planes[0].width; }));
    EXPECT_TRUE(differs([&](auto &f) { ++(f.*field).planes[2].shift; }));
    EXPECT_TRUE(differs([&](auto &f) { ++(f.*field).planes[0].bit; }));
    EXPECT_TRUE(differs([&](auto &f) { ++(f.*field).planes[0].digits[0].stride; }));
    EXPECT_TRUE(differs([&](auto &f) { ++(f.*field).planes[0].digits[2].extent; }));
    EXPECT_TRUE(differs([&](auto &f) { ++(f.*field).planes[0].first; }));
    EXPECT_TRUE(differs([&](auto &f) { ++(f.*field).planes[0].count; }));
  }
}

// libm is within 1 ulp of the truth, and 4 are promised: 5 between them.
TEST(DeterministicMath, AgreesWithLibm) {
  EXPECT_LE(largestError(deterministicExp, std::exp, -700, 700, 20001), 5);
  EXPECT_LE(largestError(deterministicExp, std::exp, -1, 1, 20001), 5);
  EXPECT_LE(largestError(deterministicLog, std::log, 1e-3, 1e3, 20001), 5);
  EXPECT_LE(largestError(deterministicLog, std::log, 0.9, 1.1, 20001), 5);
  EXPECT_LE(largestError(deterministicTanh, std::tanh, -25, 25, 20001), 5);
  EXPECT_LE(largestError(deterministicTanh, std::tanh, -0.3, 0.3, 20001), 5);
  EXPECT_LE(largestError(deterministicSin, std::sin, -3.5, 3.5, 20011), 5);
  EXPECT_LE(largestError(deterministicCos, std::cos, -3.5, 3.5, 20011), 5);
}

// Far angles: the reduction keeps an absolute error below 2^-50 up to 3e7.
TEST(DeterministicMath, SineAndCosineOfFarAngles) {
  double largest = 0;
  for (int i = 0; i < 20000; ++i) {
    double x = 1499.5 * i + 0.37;
    largest =
        std::max({largest, std::fabs(deterministicSin(x) - std::sin(x)), std::fabs(deterministicCos(x) - std::cos(x))});
  }
  EXPECT_LE(largest, 0x1p-50);
  EXPECT_TRUE(std::isnan(deterministicSin(4e7)));
  EXPECT_TRUE(std::isnan(deterministicCos(kInfinity)));
}

TEST(DeterministicMath, ErfIsWithinItsPromise) {
  for (int i = -700; i <= 700; ++i)
    EXPECT_NEAR(deterministicErf(i / 100.0), std::erf(i / 100.0), 1e-14) << i;
}

TEST(DeterministicMath, PowOfRotaryBases) {
  for (double base : {1e4, 1.5e5, 5e5, 1e6, 1e7})
    for (int i = 0; i <= 64; ++i)
      EXPECT_NEAR(deterministicPow(base, i / 64.0) / std::pow(base, i / 64.0), 1, 3e-15);
}

TEST(DeterministicMath, Edges) {
  EXPECT_EQ(deterministicExp(0), 1);
  EXPECT_EQ(deterministicExp(1000), kInfinity);
  EXPECT_EQ(deterministicExp(-1000), 0);
  EXPECT_EQ(deterministicExp(-kInfinity), 0);
  EXPECT_NEAR(deterministicExp(-740) / std::exp(-740.0), 1, 0.01); // a subnormal
  EXPECT_EQ(deterministicLog(1), 0);
  EXPECT_EQ(deterministicLog(0), -kInfinity);
  EXPECT_TRUE(std::isnan(deterministicLog(-1)));
  EXPECT_NEAR(deterministicLog(1e-310), std::log(1e-310), 1e-12);
  EXPECT_TRUE(std::isnan(deterministicExp(std::nan(""))));
  EXPECT_EQ(deterministicTanh(1e9), 1);
  EXPECT_EQ(deterministicSqrt(2), std::sqrt(2.0));
}

//===----------------------------------------------------------------------===//
// Rotary tables. Expected numbers: Hugging Face transformers 5, modeling_rope_utils.py, on the same parameters.
//===----------------------------------------------------------------------===//

void expectTable(const RopeFrequencySpec &spec, int64_t row, const std::vector<float> &expected) {
  std::vector<float> found(spec.dim / 2);
  computeRopeFrequencies(spec, row, found.data());
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    // The other side's power may be an ulp off; every later step is exactly rounded on both.
    float ulp = std::nextafter(expected[i], 1e9f) - expected[i];
    EXPECT_LE(std::fabs(found[i] - expected[i]), 2 * ulp) << i << ": " << found[i] << " and " << expected[i];
  }
}

RopeFrequencySpec spec(RopeFrequencySpec::Scaling scaling, double base, int64_t dim) {
  RopeFrequencySpec result;
  result.scaling = scaling;
  result.base = base;
  result.dim = dim;
  return result;
}

using Scaling = RopeFrequencySpec::Scaling;

TEST(RopeFrequencies, Default) {
  expectTable(spec(Scaling::Default, 1e4, 12), 0,
              {0x1p+0f, 0x1.b93a6ap-3f, 0x1.7c3d2ap-5f, 0x1.47ae14p-7f, 0x1.1a62d2p-9f, 0x1.e6b4b8p-12f});
}

TEST(RopeFrequencies, Linear) {
  RopeFrequencySpec linear = spec(Scaling::Linear, 1e4, 12);
  linear.factor = 3;
  expectTable(linear, 0,
              {0x1.555556p-2f, 0x1.2626f2p-4f, 0x1.fafc38p-7f, 0x1.b4e81ap-9f, 0x1.7883c2p-11f, 0x1.44787ap-13f});
}

TEST(RopeFrequencies, LowHighAndMediumFrequencies) {
  RopeFrequencySpec llama3 = spec(Scaling::Llama3, 5e5, 16);
  llama3.factor = 8;
  llama3.lowFreqFactor = 1;
  llama3.highFreqFactor = 4;
  llama3.originalContext = 64;
  expectTable(llama3, 0,
              {0x1p+0f, 0x1.453c18p-4f, 0x1.341190p-8f, 0x1.ddee9ep-11f, 0x1.72ba42p-13f, 0x1.1f91f0p-15f,
               0x1.be2188p-18f, 0x1.5a0f4ep-20f});
}

TEST(RopeFrequencies, Yarn) {
  RopeFrequencySpec yarn = spec(Scaling::Yarn, 1.5e5, 16);
  yarn.factor = 32;
  yarn.originalContext = 4096;
  expectTable(yarn, 0,
              {0x1p+0f, 0x1.cda7f4p-3f, 0x1.a04328p-5f, 0x1.fc431ep-8f, 0x1.df6ffcp-11f, 0x1.312650p-16f,
               0x1.132518p-18f, 0x1.f02e50p-21f});
  yarn.truncate = false;
  expectTable(yarn, 0,
              {0x1p+0f, 0x1.cda7f4p-3f, 0x1.a04328p-5f, 0x1.bd5080p-8f, 0x1.dea878p-12f, 0x1.312650p-16f,
               0x1.132518p-18f, 0x1.f02e50p-21f});
  EXPECT_NEAR(yarnAttentionFactor(32), 1.3465735902799727, 1e-15);
  EXPECT_EQ(yarnAttentionFactor(0.5), 1);
  EXPECT_NEAR(yarnAttentionFactor(40, 0.707, 1.0), (0.0707 * std::log(40.0) + 1) / (0.1 * std::log(40.0) + 1), 1e-15);
}

TEST(RopeFrequencies, DynamicHasARowForEachLength) {
  RopeFrequencySpec dynamic = spec(Scaling::Dynamic, 1e4, 12);
  dynamic.factor = 2;
  dynamic.originalContext = 100;
  dynamic.maxContext = 130;
  EXPECT_EQ(ropeFrequencyRows(dynamic), 31);
  expectTable(dynamic, 0, {0x1p+0f, 0x1.b93a6ap-3f, 0x1.7c3d2ap-5f, 0x1.47ae14p-7f, 0x1.1a62d2p-9f, 0x1.e6b4b8p-12f});
  expectTable(dynamic, 23, // 123 positions
              {0x1p+0f, 0x1.9910bap-3f, 0x1.46d33ap-5f, 0x1.051e6cp-7f, 0x1.a13ea8p-10f, 0x1.4d5c38p-12f});
  EXPECT_EQ(ropeFrequencyRow(99, 100, 31), 0); // the 100th position
  EXPECT_EQ(ropeFrequencyRow(122, 100, 31), 23);
  EXPECT_EQ(ropeFrequencyRow(5000, 100, 31), 30);
  dynamic.maxContext = 50;
  EXPECT_EQ(ropeFrequencyRows(dynamic), 1);
}

TEST(RopeFrequencies, LongRopeHasAShortAndALongRow) {
  RopeFrequencySpec longRope = spec(Scaling::LongRope, 1e4, 12);
  longRope.originalContext = 250;
  longRope.shortFactors = {1.0, 1.1, 1.2, 1.3, 1.4, 1.5};
  longRope.longFactors = {2.0, 3.0, 5.0, 7.0, 11.0, 13.0};
  EXPECT_EQ(ropeFrequencyRows(longRope), 2);
  expectTable(longRope, 0, {0x1p+0f, 0x1.911dd6p-3f, 0x1.3cdda2p-5f, 0x1.f81f82p-8f, 0x1.936898p-10f, 0x1.44787cp-12f});
  expectTable(longRope, 1,
              {0x1p-1f, 0x1.2626f2p-4f, 0x1.3030eep-7f, 0x1.767dcep-10f, 0x1.9abe48p-13f, 0x1.2b82e8p-15f});
  EXPECT_EQ(ropeFrequencyRow(249, 250, 2), 0);
  EXPECT_EQ(ropeFrequencyRow(250, 250, 2), 1);
  EXPECT_EQ(ropeFrequencyRow(900, 250, 2), 1);
  EXPECT_NEAR(longRopeAttentionFactor(4, 250), 1.11851411875465, 1e-14);
  EXPECT_EQ(longRopeAttentionFactor(1, 250), 1);
}

//===----------------------------------------------------------------------===//
// Half floats and blocks
//===----------------------------------------------------------------------===//

TEST(HalfFloats, EveryHalfSurvives) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    auto half = static_cast<uint16_t>(bits);
    float value = halfToFloat(half);
    if (value != value)
      EXPECT_NE(floatToHalf(value) & 0x3ff, 0);
    else
      EXPECT_EQ(floatToHalf(value), half);
    float wide = bfloatToFloat(half);
    if (wide == wide)
      EXPECT_EQ(floatToBfloat(wide), half);
  }
}

TEST(HalfFloats, RoundToNearestEven) {
  EXPECT_EQ(floatToHalf(1.0f + 0x1p-11f), 0x3c00); // a tie, to the even one below
  EXPECT_EQ(floatToHalf(1.0f + 0x1p-11f + 0x1p-20f), 0x3c01);
  EXPECT_EQ(floatToHalf(1.0f + 3 * 0x1p-11f), 0x3c02); // a tie, to the even one above
  EXPECT_EQ(floatToHalf(65519.0f), 0x7bff);
  EXPECT_EQ(floatToHalf(65520.0f), 0x7c00);
  EXPECT_EQ(floatToHalf(-0x1p-25f), 0x8000); // half the smallest, to even
  EXPECT_EQ(floatToHalf(0x1.8p-25f), 0x0001);
  EXPECT_EQ(floatToHalf(-0.0f), 0x8000);
  EXPECT_EQ(floatToBfloat(1.0f + 0x1p-8f), 0x3f80);
  EXPECT_EQ(floatToBfloat(1.0f + 3 * 0x1p-8f), 0x3f82);
  EXPECT_EQ(floatToBfloat(3.4e38f), 0x7f80);
  EXPECT_NE(floatToBfloat(std::nanf("")) & 0x7f, 0);
}

TEST(BlockFormats, Q8RoundsToAScaleOfTheLargest) {
  std::vector<float> values(32), decoded(32);
  values[0] = 127;
  values[1] = -126.6f;
  values[2] = 0.5f; // a tie, to even
  values[31] = 1.5f;
  std::vector<uint8_t> block(blockBytes(BlockFormatId::Q8, 32));
  ASSERT_EQ(block.size(), 34u);
  encodeBlock(BlockFormatId::Q8, 32, values.data(), block.data());
  EXPECT_EQ(block[0] | block[1] << 8, 0x3c00); // scale 1
  EXPECT_EQ(static_cast<int8_t>(block[2]), 127);
  EXPECT_EQ(static_cast<int8_t>(block[3]), -127);
  EXPECT_EQ(block[4], 0);
  EXPECT_EQ(block[33], 2);
  decodeBlock(BlockFormatId::Q8, 32, block.data(), decoded.data());
  EXPECT_EQ(decoded[1], -127);
}

TEST(BlockFormats, Q4KeepsTheLargestExactly) {
  std::vector<float> values(16), decoded(16);
  values[0] = -4; // the largest magnitude becomes code 0
  values[3] = 3.5f;
  values[8] = 1;
  std::vector<uint8_t> block(blockBytes(BlockFormatId::Q4, 16));
  ASSERT_EQ(block.size(), 10u);
  encodeBlock(BlockFormatId::Q4, 16, values.data(), block.data());
  EXPECT_EQ(block[0] | block[1] << 8, 0x3800); // scale 0.5
  EXPECT_EQ(block[2], 0xa0);                   // codes 0 (low) and 10 (value 8, high)
  EXPECT_EQ(block[5], 0x8f);                   // code 15 and a zero
  decodeBlock(BlockFormatId::Q4, 16, block.data(), decoded.data());
  EXPECT_EQ(decoded, values);
  std::vector<float> zeros(16);
  encodeBlock(BlockFormatId::Q4, 16, zeros.data(), block.data());
  decodeBlock(BlockFormatId::Q4, 16, block.data(), decoded.data());
  EXPECT_EQ(decoded, zeros);
}

} // namespace
