// SemanticsTest.cpp - the reference semantics against values worked out by hand.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Reference/AttentionSemantics.h"
#include "dialects/Transformer/Reference/DenseSemantics.h"
#include "dialects/Transformer/Reference/WeightSemantics.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace llmc;
using namespace llmc::reference;

namespace {

using Values = std::vector<float>;

Integers integers(std::vector<int32_t> values) {
  auto count = static_cast<int64_t>(values.size());
  return {{count}, std::move(values)};
}

//===----------------------------------------------------------------------===//
// One token at a time
//===----------------------------------------------------------------------===//

TEST(Embedding, TakesRowsScalesThemAndAddsPositions) {
  Floats table({3, 2}, Values{1, 2, 3, 4, 5, 6}), places({5, 2}, Values{0, 0, 0, 0, 10, 20, 30, 40, 50, 60});
  Integers tokens = integers({2, 0}), positions = integers({0, 2});
  EXPECT_EQ(embedding(tokens, table).values, (Values{5, 6, 1, 2}));
  EmbeddingFacts facts;
  facts.scale = 0.5;
  facts.positions = &positions;
  facts.positionTable = &places;
  facts.positionOffset = 2;
  EXPECT_EQ(embedding(tokens, table, facts).values, (Values{12.5, 23, 50.5, 61}));
}

TEST(Linear, MultipliesByTheTransposedWeightAndAddsTheBias) {
  Floats x({2, 3}, Values{1, 2, 3, -1, 0, 2}), w({2, 3}, Values{1, 10, 100, 2, 0, -1}), bias({2}, Values{0.5, -0.5});
  EXPECT_EQ(linear(x, w).values, (Values{321, -1, 199, -4}));
  EXPECT_EQ(linear(x, w, &bias).values, (Values{321.5, -1.5, 199.5, -4.5}));
}

TEST(Linear, SumsInOneAscendingFusedChain) {
  // 1 is lost beside 2^24, and is not when the large ones cancel first.
  Floats ones({1, 3}, Values{1, 1, 1});
  EXPECT_EQ(linear(ones, Floats({1, 3}, Values{0x1p24f, 1, -0x1p24f})).values[0], 0);
  EXPECT_EQ(linear(ones, Floats({1, 3}, Values{0x1p24f, -0x1p24f, 1})).values[0], 1);
  // (1 + 2^-12)^2 - 1 = 2^-11 + 2^-24: the last bit is there only when the product is not rounded.
  Floats x({1, 2}, Values{-1, 1 + 0x1p-12f});
  EXPECT_EQ(linear(x, Floats({1, 2}, Values{1, 1 + 0x1p-12f})).values[0], 0x1p-11f + 0x1p-24f);
}

TEST(Linear, RoundsOnceToTheInputsPrecision) {
  Floats x({1, 2}, Precision::BF16);
  x.values = {1, 1};
  EXPECT_EQ(linear(x, Floats({1, 2}, Values{256, 1})).values[0], 256); // 257 needs 9 bits
}

TEST(LaneSum, AddsSixteenLanesAndThenATree) {
  // Elements 0 and 16 share lane 0: 2^24 + 1 is lost there; elements 0 and 1 meet only in the tree.
  std::vector<float> x(32);
  x[0] = 0x1p24f;
  x[16] = 1;
  x[1] = 1;
  x[17] = 1;
  float sum = sumInLanes(32, [&](float lane, int64_t i) { return lane + x[i]; });
  EXPECT_EQ(sum, 0x1p24f + 2);
}

TEST(RMSNorm, DividesByTheRootOfTheMeanSquare) {
  Floats x({1, 2}, Values{3, 4}), w({2}, Values{1, 2});
  NormFacts facts;
  facts.weight = &w;
  float r = 1.0f / std::sqrt(12.5f);
  EXPECT_EQ(rmsNorm(x, facts).values, (Values{3 * r, (4 * r) * 2}));
  facts.weightOffset = 1;
  EXPECT_EQ(rmsNorm(x, facts).values, (Values{(3 * r) * 2, (4 * r) * 3}));
  facts = {};
  facts.epsilon = 3.5; // 12.5 + 3.5 = 16
  EXPECT_EQ(rmsNorm(x, facts).values, (Values{0.75, 1}));
}

TEST(RMSNorm, NormalisesEachGroupByItself) {
  Floats x({2, 4}, Values{2, 2, 0, 0, -8, 8, 1, -1}), w({2}, Values{1, 10});
  NormFacts facts;
  facts.weight = &w;
  facts.groupSize = 2;
  facts.epsilon = 0;
  Floats y = rmsNorm(x, facts);
  EXPECT_EQ(y.values[0], 1);
  EXPECT_EQ(y.values[1], 10);
  EXPECT_TRUE(std::isnan(y.values[2])); // a group of zeros without epsilon; its neighbours are untouched
  EXPECT_EQ((Values{y.values.begin() + 4, y.values.end()}), (Values{-1, 10, 1, -10}));
}

TEST(RMSNorm, RoundsBeforeTheWeightWhenAsked) {
  Floats x({1, 2}, Precision::BF16), w({2}, Values{3, 3});
  x.values = {1, 3}; // 1/sqrt(5) = 0.4472136: 0.447265625 in bf16
  NormFacts facts;
  facts.weight = &w;
  Floats after = rmsNorm(x, facts);
  facts.roundBeforeWeight = true;
  Floats before = rmsNorm(x, facts);
  EXPECT_EQ(before.values[0], roundTo(Precision::BF16, roundTo(Precision::BF16, 1 / std::sqrt(5.0f)) * 3));
  EXPECT_EQ(after.values[1], roundTo(Precision::BF16, 3 * (1 / std::sqrt(5.0f)) * 3));
}

TEST(LayerNorm, SubtractsTheMean) {
  Floats x({1, 4}, Values{1, 3, 1, 3}), w({4}, Values{1, 2, 3, 4}), b({4}, Values{10, 20, 30, 40});
  NormFacts facts;
  facts.weight = &w;
  facts.bias = &b;
  EXPECT_EQ(layerNorm(x, facts).values, (Values{9, 22, 27, 44}));
  facts.epsilon = 1;
  EXPECT_EQ(layerNorm(Floats({1, 4}, Values{7, 7, 7, 7}), facts).values, b.values); // a constant row gives the bias
}

TEST(Activations, AreTheFunctionsRoundedOnce) {
  for (float x : {-9.5f, -1.25f, -0.0f, 0.001f, 0.7f, 3.0f, 20.0f}) {
    double d = x;
    EXPECT_FLOAT_EQ(activate(Activation::Silu, x), d / (1 + std::exp(-d))) << x;
    EXPECT_FLOAT_EQ(activate(Activation::QuickGelu, x), d / (1 + std::exp(-1.702 * d)));
    EXPECT_FLOAT_EQ(activate(Activation::Sigmoid, x), 1 / (1 + std::exp(-d)));
    EXPECT_FLOAT_EQ(activate(Activation::Tanh, x), std::tanh(d));
    EXPECT_NEAR(activate(Activation::Gelu, x), d / 2 * (1 + std::erf(d / std::sqrt(2))), 1e-6 * std::fabs(d));
    EXPECT_NEAR(activate(Activation::GeluTanh, x),
                d / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (d + 0.044715 * d * d * d))), 1e-6 * std::fabs(d));
    EXPECT_EQ(activate(Activation::Relu, x), x > 0 ? x : 0);
    EXPECT_EQ(activate(Activation::ReluSquared, x), x > 0 ? x * x : 0);
  }
  EXPECT_TRUE(std::isnan(activate(Activation::Relu, std::nanf(""))));
}

TEST(Gated, ClampsAndShifts) {
  GateFacts facts;
  facts.activation = Activation::Relu;
  EXPECT_EQ(gate(facts, 3, 5), 15);
  EXPECT_EQ(gate(facts, -3, 5), 0);
  facts.limit = 2;
  facts.upOffset = 1;
  EXPECT_EQ(gate(facts, 3, 5), 2 * 3);
  EXPECT_EQ(gate(facts, 3, -5), 2 * -1);
  EXPECT_EQ(gate(facts, 1, 0.5), 1.5);
}

TEST(Rope, TurnsPairsByThePosition) {
  // One head of 6, of which 4 features turn; frequencies of pi/2 and 0.
  Floats frequencies({1, 2}, Values{1.5707964f, 0});
  Floats x({2, 6}, Values{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6});
  RopeFacts facts;
  facts.headDim = 6;
  facts.rotaryDim = 4;
  Values half = rope(facts, x, integers({0, 1}), frequencies).values;
  EXPECT_EQ((Values{half.begin(), half.begin() + 6}), (Values{1, 2, 3, 4, 5, 6})); // position 0
  EXPECT_NEAR(half[6], -3, 1e-6);                                                  // (1, 3) a quarter turn
  EXPECT_NEAR(half[8], 1, 1e-6);
  EXPECT_EQ((Values{half[7], half[9], half[10], half[11]}), (Values{2, 4, 5, 6}));
  facts.interleaved = true;
  facts.attentionFactor = 2;
  Values interleaved = rope(facts, x, integers({0, 1}), frequencies).values;
  EXPECT_NEAR(interleaved[6], -4, 1e-6); // (1, 2) a quarter turn, doubled
  EXPECT_NEAR(interleaved[7], 2, 1e-6);
  EXPECT_EQ((Values{interleaved[8], interleaved[9], interleaved[10]}), (Values{6, 8, 5}));
}

TEST(Rope, ChoosesTheRowByThePositionAlone) {
  Floats frequencies({2, 1}, Values{0, 1.5707964f}), x({2, 2}, Values{1, 0, 1, 0});
  RopeFacts facts;
  facts.headDim = facts.rotaryDim = 2;
  facts.originalContext = 5;
  Values y = rope(facts, x, integers({4, 5}), frequencies).values;
  EXPECT_EQ(y[0], 1);
  EXPECT_NEAR(y[2], std::cos(5 * 1.5707964), 1e-6);
  EXPECT_NEAR(y[3], std::sin(5 * 1.5707964), 1e-6);
}

TEST(Columns, SplitAndJoin) {
  Floats x({2, 3}, Values{1, 2, 3, 4, 5, 6});
  Floats left = columns(x, 0, 1), right = columns(x, 1, 2);
  EXPECT_EQ(left.values, (Values{1, 4}));
  EXPECT_EQ(right.values, (Values{2, 3, 5, 6}));
  EXPECT_EQ(joinColumns({&left, &right}).values, x.values);
  EXPECT_EQ(gatherRows(x, integers({1, 1, 0})).values, (Values{4, 5, 6, 4, 5, 6, 1, 2, 3}));
}

TEST(Elementwise, Arithmetic) {
  Floats x({2, 2}, Values{1, 2, 3, 4}), gate({2, 1}, Values{10, -1});
  EXPECT_EQ(add(x, x).values, (Values{2, 4, 6, 8}));
  EXPECT_EQ(mul(x, x).values, (Values{1, 4, 9, 16}));
  EXPECT_EQ(mul(x, gate).values, (Values{10, 20, -3, -4}));
  EXPECT_EQ(scale(x, 0.5).values, (Values{0.5, 1, 1.5, 2}));
  EXPECT_FLOAT_EQ(softCap(45.0f, 30), 30 * std::tanh(1.5));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

AttentionFacts headsOf(int64_t heads, int64_t kvHeads, int64_t dim) {
  AttentionFacts facts;
  facts.numHeads = heads;
  facts.numKvHeads = kvHeads;
  facts.headDim = facts.valueDim = dim;
  return facts;
}

TEST(Attention, AveragesEqualScoresAndSharesKeyHeads) {
  AttentionFacts facts = headsOf(2, 1, 2);
  Floats q({2, 4}), k({2, 2}, Values{1, 1, 1, 1}), v({2, 2}, Values{1, 10, 3, 30});
  facts.keys = &k;
  facts.values = &v;
  Integers positions = integers({0, 1}), sequences = integers({0, 0});
  EXPECT_EQ(attention(facts, q, positions, sequences).values, (Values{2, 20, 2, 20, 2, 20, 2, 20}));
  facts.causal = true;
  EXPECT_EQ(attention(facts, q, positions, sequences).values, (Values{1, 10, 1, 10, 2, 20, 2, 20}));
}

TEST(Attention, WeighsByTheSoftmaxOfScaledScores) {
  AttentionFacts facts = headsOf(1, 1, 1);
  facts.scale = 0.5;
  Floats q({1, 1}, Values{2}), k({2, 1}, Values{0, 3}), v({2, 1}, Values{0, 1});
  Integers keyPositions = integers({0, 1}), keySequences = integers({0, 0});
  facts.keys = &k;
  facts.values = &v;
  facts.keyPositions = &keyPositions;
  facts.keySequences = &keySequences;
  auto run = [&] { return attention(facts, q, integers({1}), integers({0})).values[0]; };
  auto weight = [](double a, double b) { return std::exp(b) / (std::exp(a) + std::exp(b)); };
  EXPECT_FLOAT_EQ(run(), weight(0, 3));
  facts.softCap = 2;
  EXPECT_FLOAT_EQ(run(), weight(0, 2 * std::tanh(1.5)));
  facts.softCap.reset();
  facts.alibiSlopes = {0.25};
  EXPECT_FLOAT_EQ(run(), weight(-0.25, 3));
  facts.alibiSlopes.clear();
  Floats bias({1, 2}, Values{1, -1});
  facts.bias = &bias;
  EXPECT_FLOAT_EQ(run(), weight(1, 2));
  facts.bias = nullptr;
  Floats sinks({1}, Values{1.5});
  facts.sinks = &sinks;
  EXPECT_FLOAT_EQ(run(), std::exp(3.0) / (1 + std::exp(3.0) + std::exp(1.5)));
  facts.sinks = nullptr;
  Floats table({4, 1}, Values{5, 6, 7, 8}); // causal, 4 buckets: distances 0 and 1 are exact
  facts.relativeBias = &table;
  facts.relativeMaxDistance = 10;
  facts.causal = true;
  EXPECT_FLOAT_EQ(run(), weight(6, 8));
}

TEST(Attention, HidesWhatIsNotVisible) {
  AttentionFacts facts = headsOf(1, 1, 1);
  Floats q({5, 1}), k({5, 1}), v({5, 1}, Values{1, 2, 4, 8, 16});
  facts.keys = &k;
  facts.values = &v;
  Integers positions = integers({0, 1, 2, 3, 4}), sequences = integers({0, 0, 0, 0, 0});
  facts.causal = true;
  facts.window = 2; // itself and one before
  EXPECT_EQ(attention(facts, q, positions, sequences).values, (Values{1, 1.5, 3, 6, 12}));
  facts.causal = false;
  facts.windowAfter = 2;
  EXPECT_EQ(attention(facts, q, positions, sequences).values, (Values{1.5, 7 / 3.0f, 14 / 3.0f, 28 / 3.0f, 12}));
  facts = headsOf(1, 1, 1);
  facts.keys = &k;
  facts.values = &v;
  EXPECT_EQ(attention(facts, q, integers({0, 1, 0, 1, 2}), integers({3, 3, 7, 7, 7})).values,
            (Values{1.5, 1.5, 28 / 3.0f, 28 / 3.0f, 28 / 3.0f}));
  Integers lengths = integers({2});
  facts.lengths = &lengths;
  EXPECT_EQ(attention(facts, q, positions, sequences).values, (Values{1.5, 1.5, 1.5, 1.5, 1.5}));
  facts.lengths = nullptr;
  Integers mask{{5, 5}, std::vector<int32_t>(25)};
  mask.values[4] = 1; // row 0 sees key 4 only, the others nothing
  facts.mask = &mask;
  EXPECT_EQ(attention(facts, q, positions, sequences).values, (Values{16, 0, 0, 0, 0}));
}

/// A cache of one slot with `count` random keys and values of 2 heads of 3 in sequence 0.
struct Cache {
  State state;
  Floats keys, values;

  Cache(int64_t count, Precision precision) : keys({count, 6}), values({count, 6}) {
    state.slots = 1;
    state.heads = 2;
    state.headDim = state.valueDim = 3;
    state.precision = precision;
    uint32_t seed = 1;
    for (Floats *tensor : {&keys, &values})
      for (float &value : tensor->values) {
        seed = seed * 1664525 + 1013904223;
        value = static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-30f;
      }
  }

  /// Stores tokens [start, start + count) and attends with their keys as queries of 2 heads.
  Values step(int64_t start, int64_t count) {
    Floats k({count, 6}), v({count, 6});
    std::copy_n(keys.values.begin() + start * 6, count * 6, k.values.begin());
    std::copy_n(values.values.begin() + start * 6, count * 6, v.values.begin());
    Integers positions{{count}, {}}, sequences{{count}, std::vector<int32_t>(count)};
    for (int64_t i = 0; i < count; ++i)
      positions.values.push_back(start + i);
    cacheUpdate(state, 0, k, &v, positions, sequences);
    AttentionFacts facts = headsOf(2, 2, 3);
    facts.causal = true;
    facts.state = &state;
    return attention(facts, k, positions, sequences).values;
  }
};

TEST(Attention, DoesNotSeeHowThePromptWasCut) {
  Values whole = Cache(150, Precision::F16).step(0, 150);
  for (int64_t cut : {1, 7, 64}) {
    Cache cache(150, Precision::F16);
    Values pieces;
    for (int64_t start = 0; start < 150; start += cut) {
      Values piece = cache.step(start, std::min(cut, 150 - start));
      pieces.insert(pieces.end(), piece.begin(), piece.end());
    }
    EXPECT_EQ(pieces, whole) << cut;
  }
}

TEST(Attention, IsASoftmaxOverChunksOf64) {
  Cache cache(150, Precision::F32);
  Values found = cache.step(0, 150);
  double largest = 0;
  for (int64_t head = 0; head < 2; ++head) {
    double sum = 0, o[3] = {};
    for (int64_t j = 0; j < 150; ++j) {
      double score = 0;
      for (int64_t d = 0; d < 3; ++d)
        score += double(cache.keys.at(149, head * 3 + d)) * cache.keys.at(j, head * 3 + d);
      sum += std::exp(score);
      for (int64_t d = 0; d < 3; ++d)
        o[d] += std::exp(score) * cache.values.at(j, head * 3 + d);
    }
    for (int64_t d = 0; d < 3; ++d)
      largest = std::max(largest, std::fabs(o[d] / sum - found[149 * 6 + head * 3 + d]));
  }
  // 150 sums of numbers below 2, each off by at most 2^-24 relatively.
  EXPECT_LE(largest, 150 * 2 * 0x1p-24);
}

// Where a sum is cut shows beside 2^24: two ones after it are lost in its chunk and kept in the next.
TEST(Attention, CutsChunksAtMultiplesOf64) {
  auto numerator = [](int64_t large) {
    AttentionFacts facts = headsOf(1, 1, 1);
    Floats q({1, 1}), k({66, 1}), v({66, 1});
    v.values[large] = 0x1p24f;
    v.values[large + 1] = v.values[large + 2] = 1;
    Integers keyPositions{{66}, std::vector<int32_t>(66)}, keySequences = keyPositions;
    facts.keys = &k;
    facts.values = &v;
    facts.keyPositions = &keyPositions;
    facts.keySequences = &keySequences;
    return attention(facts, q, integers({0}), integers({0})).values[0];
  };
  EXPECT_EQ(numerator(31), 0x1p24f / 66);
  EXPECT_EQ(numerator(63), (0x1p24f + 2) / 66);
}

TEST(CacheUpdate, RoundsToTheCachesType) {
  Cache cache(1, Precision::F16);
  cache.step(0, 1);
  for (int64_t i = 0; i < 6; ++i)
    EXPECT_EQ((cache.state.sequences[{0, 0}].keys[i]), roundTo(Precision::F16, cache.keys.values[i]));
}

// Expected: the bucket function of Hugging Face transformers' model of that paper, 32 buckets, distance 128.
TEST(RelativeBucket, AgreesWithThePublishedFunction) {
  std::vector<int64_t> differences = {-200, -128, -100, -64, -20, -17, -16, -9, -8,  -7,
                                      -1,   0,    1,    7,   8,   12,  16,  40, 127, 500};
  std::vector<int64_t> both = {15, 15, 15, 14, 10, 10, 10, 8, 8, 7, 1, 0, 17, 23, 24, 25, 26, 28, 31, 31};
  std::vector<int64_t> past = {31, 31, 30, 26, 17, 16, 16, 9, 8, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (size_t i = 0; i < differences.size(); ++i) {
    EXPECT_EQ(relativeBucket(differences[i], 32, 128, /*causal=*/false), both[i]) << differences[i];
    EXPECT_EQ(relativeBucket(differences[i], 32, 128, /*causal=*/true), past[i]) << differences[i];
  }
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

Stored counting(std::vector<int64_t> shape) {
  Floats values(std::move(shape));
  for (size_t i = 0; i < values.values.size(); ++i)
    values.values[i] = static_cast<float>(i);
  return toStored(values);
}

TEST(Weights, SliceAndConcat) {
  Stored w = counting({3, 4}), top = slice(w, {0, 0}, {1, 4}), rest = slice(w, {1, 0}, {2, 4});
  EXPECT_EQ(toFloats(slice(w, {1, 2}, {2, 2})).values, (Values{6, 7, 10, 11}));
  EXPECT_EQ(concat({&top, &rest}, 0).bytes, w.bytes);
  Stored left = slice(w, {0, 0}, {3, 1}), right = slice(w, {0, 1}, {3, 3});
  EXPECT_EQ(concat({&left, &right}, 1).bytes, w.bytes);
}

TEST(Weights, PermuteIsATransposeOrAChangeOfRopeLayout) {
  EXPECT_EQ(toFloats(permute(counting({2, 3}), {2, 3}, {1, 0}, {3, 2})).values, (Values{0, 3, 1, 4, 2, 5}));
  // One head of 4 rows: pairs (0, 1), (2, 3) become (0, 2), (1, 3).
  EXPECT_EQ(toFloats(permute(counting({4, 1}), {1, 2, 2, 1}, {0, 2, 1, 3}, {4, 1})).values, (Values{0, 2, 1, 3}));
  // Three dimensions, so that the inverse permutation would differ.
  EXPECT_EQ(toFloats(permute(counting({2, 3, 1}), {2, 3, 1}, {1, 2, 0}, {3, 1, 2})).values, (Values{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(toFloats(permute(counting({1, 2, 3}), {1, 2, 3}, {2, 0, 1}, {3, 1, 2})).values, (Values{0, 3, 1, 4, 2, 5}));
}

TEST(Weights, ConvertRoundsOnce) {
  // 1 + 2^-11 + 2^-40 lies just above a tie of f16; by way of a rounded f32 it would look like the tie.
  Stored wide = makeStored(Stored::Element::F64, {2});
  double values[] = {1 + 0x1p-11 + 0x1p-40, -(1 + 0x1p-8 + 0x1p-40)};
  std::memcpy(wide.bytes.data(), values, sizeof values);
  EXPECT_EQ(toFloats(convert(wide, Stored::Element::F16)).values[0], 1 + 0x1p-10f);
  EXPECT_EQ(toFloats(convert(wide, Stored::Element::BF16)).values[1], -(1 + 0x1p-7f));
  EXPECT_EQ(toFloats(convert(wide, Stored::Element::F32)).values[0], 1 + 0x1p-11f);
  Stored back = convert(convert(counting({5}), Stored::Element::BF16), Stored::Element::F32);
  EXPECT_EQ(toFloats(back).values, (Values{0, 1, 2, 3, 4}));
}

TEST(Weights, AffineScalesAndShifts) { EXPECT_EQ(toFloats(affine(counting({3}), 2, 1)).values, (Values{1, 3, 5})); }

TEST(Weights, BlocksKeepTheirBytesWhenMoved) {
  Floats values({3, 32});
  for (size_t i = 0; i < values.values.size(); ++i)
    values.values[i] = static_cast<float>(static_cast<int>(i * 37 % 64) - 32);
  Stored blocks = quantize(toStored(values), BlockFormatId::Q4, 16);
  Stored row = slice(blocks, {2, 16}, {1, 16});
  EXPECT_EQ(row.bytes, (std::vector<uint8_t>{blocks.bytes.end() - 10, blocks.bytes.end()}));
  Values decoded = toFloats(blocks).values;
  EXPECT_EQ(toFloats(decode(row, Stored::Element::F32)).values, (Values{decoded.end() - 16, decoded.end()}));
  double largest = 0;
  for (size_t i = 0; i < decoded.size(); ++i)
    largest = std::max<double>(largest, std::fabs(decoded[i] - values.values[i]));
  // Half a step, a step being at most 32/8; the end without a code (+8 of 7) a whole one.
  EXPECT_LE(largest, 4);
  EXPECT_GT(largest, 0);
}

TEST(Weights, PackPutsRowsSideBySideAndPadsWithZeros) {
  Stored packed = pack(counting({3, 3}), 2, 2);
  EXPECT_EQ(packed.shape, (std::vector<int64_t>{2, 2, 2, 2}));
  EXPECT_EQ(toFloats(packed).values, (Values{0, 1, 3, 4, 2, 0, 5, 0, 6, 7, 0, 0, 8, 0, 0, 0}));
}

} // namespace
