// SamplerTest.cpp - the sampler against Hugging Face's logits processors (filtered.json, by make_filtered.py), and its
// own promises: determinism, shares of the draw, odd logits.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/sampling/Sampler.h"

#include "frontends/formats/json/Json.h"
#include "test/TestPaths.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

using namespace llmc;
using namespace llmc::runtime;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// A sampler with its workspace.
struct Sampling {
  Sampling(const SamplerOptions &options, uint32_t size) : workspace((Sampler::workspaceBytes(size) + 7) / 8) {
    sampler.open(options, size, workspace.data());
  }
  std::vector<Candidate> filter(const std::vector<float> &logits) {
    uint32_t count = 0;
    const Candidate *list = sampler.filter(logits.data(), count);
    return {list, list + count};
  }
  std::vector<int32_t> tokens(const std::vector<float> &logits) {
    std::vector<int32_t> result;
    for (const Candidate &candidate : filter(logits))
      result.push_back(candidate.token);
    return result;
  }
  std::vector<uint64_t> workspace;
  Sampler sampler;
};

TEST(Sampler, LeavesWhatHuggingFaceLeaves) {
  Result<json::Document> document = json::Document::read(test::testPath("runtime/sampling/filtered.json"), "");
  ASSERT_TRUE(bool(document));
  double worst = 0;
  ASSERT_GE(document->root().size(), 100u);
  for (size_t number = 0; number < document->root().size(); ++number) {
    SCOPED_TRACE(number);
    json::Value row = document->root().at(number), given = *row.find("options");
    SamplerOptions options;
    options.temperature = static_cast<float>(given.find("temperature")->asNumber());
    options.topK = static_cast<int32_t>(given.find("top_k")->asInt());
    options.topP = static_cast<float>(given.find("top_p")->asNumber());
    options.minP = static_cast<float>(given.find("min_p")->asNumber());
    options.repetitionPenalty = static_cast<float>(given.find("repetition_penalty")->asNumber());
    std::vector<float> logits;
    for (size_t i = 0; i < row.find("logits")->size(); ++i)
      logits.push_back(static_cast<float>(row.find("logits")->at(i).asNumber()));
    Sampling sampling(options, static_cast<uint32_t>(logits.size()));
    for (size_t i = 0; i < row.find("seen")->size(); ++i)
      sampling.sampler.accept(static_cast<int32_t>(row.find("seen")->at(i).asInt()));

    std::vector<Candidate> left = sampling.filter(logits);
    double total = 0;
    for (const Candidate &candidate : left)
      total += std::exp(double(candidate.logit));
    std::sort(left.begin(), left.end(), [](const Candidate &a, const Candidate &b) { return a.token < b.token; });
    json::Value expected = *row.find("left");
    ASSERT_EQ(left.size(), expected.size());
    for (size_t i = 0; i < left.size(); ++i) {
      EXPECT_EQ(left[i].token, expected.at(i).asInt());
      double share = std::exp(double(left[i].logit)) / total;
      double error = std::abs(share - row.find("shares")->at(i).asNumber());
      worst = std::max(worst, error);
      // The processors work in float: a logit of up to 60 off by 2^-20 changes a share by some 1e-5 of itself.
      EXPECT_LE(error, 1e-5);
    }
  }
  std::printf("largest error of a share: %.2g\n", worst);
}

TEST(Sampler, GreedyTakesTheLowestOfEquals) {
  SamplerOptions options;
  options.temperature = 0;
  Sampling sampling(options, 5);
  float logits[] = {1, 3, -2, 3, 3};
  EXPECT_EQ(sampling.sampler.sample(logits), 1);
  EXPECT_EQ(argmax(logits, 5), 1);
}

TEST(Sampler, GreedyMindsTheRepetitionPenalty) {
  SamplerOptions options;
  options.temperature = 0;
  options.repetitionPenalty = 2;
  Sampling sampling(options, 3);
  float logits[] = {4, 3, -1};
  EXPECT_EQ(sampling.sampler.sample(logits), 0);
  sampling.sampler.accept(0);
  EXPECT_EQ(sampling.sampler.sample(logits), 1); // 4 / 2 < 3
  sampling.sampler.reset();
  EXPECT_EQ(sampling.sampler.sample(logits), 0);
  sampling.sampler.accept(-5); // outside: ignored
  sampling.sampler.accept(3);
  EXPECT_EQ(sampling.sampler.sample(logits), 0);
}

TEST(Sampler, TopKKeepsEqualsOfTheLast) {
  SamplerOptions options;
  options.topK = 2;
  Sampling sampling(options, 5);
  EXPECT_EQ(sampling.tokens({1, 5, 3, 3, 3}), (std::vector<int32_t>{1, 2, 3, 4}));
}

TEST(Sampler, TopPKeepsAtLeastOneAndReachesP) {
  SamplerOptions options;
  options.topP = 0.5f;
  float a = std::log(0.4f), b = std::log(0.3f), c = std::log(0.2f), d = std::log(0.1f);
  EXPECT_EQ(Sampling(options, 4).tokens({d, a, c, b}), (std::vector<int32_t>{1, 3}));
  options.topP = 0.1f;
  EXPECT_EQ(Sampling(options, 4).tokens({d, a, c, b}), (std::vector<int32_t>{1}));
}

TEST(Sampler, OddLogitsNeverBreakIt) {
  SamplerOptions options;
  options.topK = 3;
  options.topP = 0.9f;
  float nan = std::nanf("");
  EXPECT_EQ(Sampling(options, 4).tokens({nan, -infinity, nan, -infinity}), (std::vector<int32_t>{}));
  float none[] = {nan, -infinity};
  EXPECT_EQ(Sampling(options, 2).sampler.sample(none), -1);
  EXPECT_EQ(Sampling(options, 4).tokens({nan, 2, nan, -infinity}), (std::vector<int32_t>{1}));
  EXPECT_EQ(Sampling(options, 4).tokens({0, infinity, 7, 3e38f}), (std::vector<int32_t>{1}));
  SamplerOptions odd;
  odd.temperature = nan; // greedy
  odd.topP = nan;
  float logits[] = {1, 2};
  EXPECT_EQ(Sampling(odd, 2).sampler.sample(logits), 1);
}

TEST(Sampler, ATinyTemperatureTakesTheLikeliest) {
  SamplerOptions options;
  for (float temperature : {1e-38f, 1e-45f}) { // logits divided by it are infinite
    options.temperature = temperature;
    EXPECT_EQ(Sampling(options, 3).tokens({8, 9, -1}), (std::vector<int32_t>{1}));
    EXPECT_EQ(Sampling(options, 2).tokens({-8, -7}), (std::vector<int32_t>{1}));
    EXPECT_EQ(Sampling(options, 2).tokens({-infinity, std::nanf("")}), (std::vector<int32_t>{}));
    Sampling shared(options, 3); // truly infinite ones share
    float logits[] = {infinity, 1e-45f, infinity};
    bool drawn[3] = {};
    for (int i = 0; i < 40; ++i)
      drawn[shared.sampler.sample(logits)] = true;
    EXPECT_TRUE(drawn[0] && !drawn[1] && drawn[2]);
  }
}

TEST(Sampler, TheSameSeedGivesTheSameTokens) {
  SamplerOptions options;
  options.temperature = 0.8f;
  options.seed = 42;
  std::vector<float> logits;
  for (int i = 0; i < 100; ++i)
    logits.push_back(static_cast<float>((i * 37) % 100) / 25);
  auto draw = [&](uint64_t seed) {
    SamplerOptions chosen = options;
    chosen.seed = seed;
    Sampling sampling(chosen, 100);
    std::vector<int32_t> tokens;
    for (int i = 0; i < 12; ++i)
      tokens.push_back(sampling.sampler.sample(logits.data()));
    sampling.sampler.reset();
    EXPECT_EQ(sampling.sampler.sample(logits.data()), tokens[0]);
    return tokens;
  };
  // Fixed for all time and all machines: a change here breaks what users reproduce.
  EXPECT_EQ(draw(42), (std::vector<int32_t>{54, 70, 21, 77, 95, 83, 2, 26, 83, 86, 21, 89}));
  EXPECT_NE(draw(43), draw(42));
}

TEST(Sampler, DrawsByShares) {
  SamplerOptions options;
  options.seed = 1;
  Sampling sampling(options, 3);
  float logits[] = {std::log(0.5f), std::log(0.2f), std::log(0.3f)};
  int counts[3] = {};
  constexpr int draws = 100000;
  for (int i = 0; i < draws; ++i)
    ++counts[sampling.sampler.sample(logits)];
  // Six standard deviations: sqrt(p (1 - p) / n) is at most 0.0016.
  EXPECT_NEAR(counts[0] / double(draws), 0.5, 0.0095);
  EXPECT_NEAR(counts[1] / double(draws), 0.2, 0.0095);
  EXPECT_NEAR(counts[2] / double(draws), 0.3, 0.0095);
}

TEST(Random, IsXoshiroSeededBySplitmix) {
  // splitmix64 of seed 0 begins with e220a8397b1dcdaf (its authors' test vector), the first word of the state.
  Random random(0);
  uint64_t state[4] = {0xe220a8397b1dcdafull, 0x6e789e6aa1b965f4ull, 0x06c45d188009454full, 0xf88bb8a8724c81ecull};
  auto rotate = [](uint64_t value, int by) { return value << by | value >> (64 - by); };
  EXPECT_EQ(random.next(), rotate(state[1] * 5, 7) * 9);
  for (int i = 0; i < 1000; ++i) {
    double value = random.uniform();
    EXPECT_GE(value, 0.0);
    EXPECT_LT(value, 1.0);
  }
}

TEST(Exponential, IsWithinTwoUnitsOfTheLibrarys) {
  double worst = 0;
  for (int i = 0; i < 700000; ++i) {
    double x = -i / 1000.0, expected = std::exp(x), found = exponential(x);
    double unit = std::ldexp(1.0, std::ilogb(expected) - 52);
    worst = std::max(worst, std::abs(found - expected) / unit);
  }
  std::printf("largest error: %.2f units in the last place\n", worst);
  EXPECT_LE(worst, 2.0);
  EXPECT_EQ(exponential(0), 1.0);
  EXPECT_EQ(exponential(-1000), 0.0);
  EXPECT_EQ(exponential(-double(infinity)), 0.0);
}

} // namespace
