// StatisticsTest.cpp - statistics files: what is read, and every rule that a damaged one breaks.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/statistics/Statistics.h"

#include "test/TestPaths.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <limits>

using namespace llmc;

namespace {

const std::string kRemedy = "\nnote: observe the model again: llmc observe MODEL --text FILE -o STATS\n";
const std::string kModel(64, 'a');

std::string metadata(const std::string &version, const std::string &model, const std::string &tokens) {
  return R"("__metadata__":{"llmc.statistics":")" + version + R"(","model":")" + model + R"(","tokens":")" + tokens +
         "\"}";
}
const std::string kFacts = metadata("1", kModel, "21");
/// Of three columns, and two tokens that were kept back.
const char *const kInputs = R"("inputs:w":{"dtype":"F32","shape":[6],"data_offsets":[0,24]})";
const char *const kTokens = R"("held_back":{"dtype":"I32","shape":[2],"data_offsets":[24,32]})";

std::string fileOf(const std::string &header, std::vector<float> numbers = {1, 2, 3, 4, 5, 6, 0, 0}) {
  std::string file;
  for (int i = 0; i < 8; ++i)
    file += char(uint64_t(header.size()) >> (8 * i) & 255);
  file += header;
  file.append(reinterpret_cast<const char *>(numbers.data()), numbers.size() * 4);
  return file;
}

std::string whole() { return "{" + kFacts + "," + kInputs + "," + kTokens + "}"; }

std::string refused(const std::string &bytes) {
  std::vector<TensorEntry> tensors;
  Result<statistics::Facts> facts = statistics::parse(bytes, "s", tensors);
  return facts ? "accepted" : facts.error().str();
}

TEST(Statistics, SaysWhoseTheyAre) {
  std::vector<TensorEntry> tensors;
  Result<statistics::Facts> facts = statistics::parse(fileOf(whole()), "s", tensors);
  ASSERT_TRUE(bool(facts)) << facts.error().str();
  EXPECT_EQ(facts->model, kModel);
  EXPECT_EQ(facts->tokens, 21u);
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].key, "inputs:w");
  EXPECT_EQ(tensors[1].key, statistics::kHeldBack);
}

TEST(Statistics, OpensAFile) {
  test::TemporaryFolder folder;
  std::ofstream(folder / "s", std::ios::binary) << fileOf(whole());
  Result<statistics::Opened> opened = statistics::open(folder / "s");
  ASSERT_TRUE(bool(opened)) << opened.error().str();
  EXPECT_EQ(opened->index.bytes("inputs:w").size(), 24u);
  EXPECT_EQ(statistics::open(folder / "absent").error().message, "cannot be opened: no such file or directory");
}

TEST(Statistics, EachRuleHasItsMessage) {
  auto said = [](const std::string &text) { return "s: error: " + text + kRemedy; };
  EXPECT_EQ(refused("12345"), said("holds 5 bytes, a safetensors file has at least 8"));
  EXPECT_EQ(refused(fileOf("{}", {})), said("is no statistics file: '__metadata__' has no 'llmc.statistics'"));
  EXPECT_EQ(refused(fileOf("{" + metadata("7", kModel, "1") + "}", {})),
            said("holds statistics of version '7' (expected '1')"));
  for (const std::string &model : {std::string("abc"), std::string(64, 'A'), std::string(65, '0')})
    EXPECT_EQ(refused(fileOf("{" + metadata("1", model, "1") + "}", {})),
              said("'model' in '__metadata__' is '" + model + "' (expected 64 hexadecimal digits)"));
  for (const std::string tokens : {"", "0", "-1", "1e3", "1234567890123456789"})
    EXPECT_EQ(refused(fileOf("{" + metadata("1", kModel, tokens) + "}", {})),
              said("'tokens' in '__metadata__' is '" + tokens + "' (expected a number from 1 up)"));
  EXPECT_EQ(refused(fileOf("{" + kFacts + R"(,"w":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}})")),
            said("tensor 'w' has no place in a statistics file"));
  EXPECT_EQ(refused(fileOf("{" + kFacts + R"(,"inputs:w":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}})")),
            said("tensor 'inputs:w' is F32 [8] (expected F32 [K * (K + 1) / 2])"));
  EXPECT_EQ(refused(fileOf("{" + kFacts + R"(,"inputs:w":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", {1})),
            said("tensor 'inputs:w' is F32 [] (expected F32 [K * (K + 1) / 2])"));
  EXPECT_EQ(refused(fileOf("{" + kFacts + R"(,"inputs:w":{"dtype":"I32","shape":[6],"data_offsets":[0,24]}})",
                           {1, 1, 1, 1, 1, 1})),
            said("tensor 'inputs:w' is I32 [6] (expected F32 [K * (K + 1) / 2])"));
  EXPECT_EQ(refused(fileOf("{" + kFacts + R"(,"held_back":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}})")),
            said("tensor 'held_back' is F32 [8] (expected I32 [N])"));
}

TEST(Statistics, TruncatedAnywhere) {
  const std::string file = fileOf(whole());
  for (size_t size = 0; size < file.size(); ++size) {
    const std::string message = refused(file.substr(0, size));
    EXPECT_NE(message, "accepted") << size;
    EXPECT_EQ(message.substr(message.size() - kRemedy.size()), kRemedy) << size;
  }
}

TEST(Statistics, NumbersThatCannotBe) {
  auto checked = [](std::vector<float> numbers) {
    numbers.resize(8);
    const std::string bytes = fileOf(whole(), numbers);
    std::vector<TensorEntry> tensors;
    EXPECT_TRUE(bool(statistics::parse(bytes, "s", tensors)));
    const auto data = reinterpret_cast<const uint8_t *>(bytes.data()) + tensors[0].offset;
    Checked good = statistics::checkNumbers(tensors[0], data, "s");
    return good ? "good" : good.error().str();
  };
  const float none = std::numeric_limits<float>::quiet_NaN(), endless = std::numeric_limits<float>::infinity();
  EXPECT_EQ(checked({1, -2, 3, 4, -5, 0}), "good");
  EXPECT_EQ(checked({1, none, 3, 4, 5, 6}),
            "s: error: the statistics 'inputs:w' hold nan for the columns 1 and 0" + kRemedy);
  EXPECT_EQ(checked({1, 2, 3, 4, 5, -endless}),
            "s: error: the statistics 'inputs:w' hold inf for the columns 2 and 2" + kRemedy);
  EXPECT_EQ(checked({1, 2, -3, 4, 5, 6}),
            "s: error: the statistics 'inputs:w' hold a mean of squares below zero, of column 1" + kRemedy);
}

} // namespace
