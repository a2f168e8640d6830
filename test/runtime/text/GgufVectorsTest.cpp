// GgufVectorsTest.cpp - vocabularies of GGUF files against the ids that llama.cpp gives; skipped where they are absent.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/GgufVocabulary.h"
#include "runtime/src/text/Tokenizer.h"
#include "test/TestPaths.h"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <sstream>

using namespace llmc;
using namespace llmc::test;

namespace {

std::string readAll(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// <name>.inp: texts, each followed by a line "__ggml_vocab_test__"; <name>.out: a line of ids for each.
void checkVectors(const char *name) {
  const std::string stem = sharedPath(std::string("testdata/llamacpp-vocab/ggml-vocab-") + name + ".gguf");
  Result<std::string> section = text::compileGgufTokenizer(stem);
  ASSERT_TRUE(bool(section)) << section.error().str();
  runtime::Tokenizer tokenizer;
  const char *reason = "";
  ASSERT_EQ(tokenizer.open(section->data(), section->size(), &reason), runtime::TextStatus::Ok) << reason;
  runtime::Encoder encoder(tokenizer);
  const std::string texts = readAll(stem + ".inp"), border = "\n__ggml_vocab_test__\n";
  std::istringstream lines(readAll(stem + ".out"));
  std::string line;
  size_t at = 0, cases = 0;
  for (; std::getline(lines, line); ++cases) {
    const size_t end = texts.find(border, at);
    ASSERT_NE(end, std::string::npos) << "after " << cases << " texts";
    const std::string input = texts.substr(at, end - at);
    at = end + border.size();
    std::vector<int32_t> expected;
    std::istringstream numbers(line);
    for (int32_t id; numbers >> id;)
      expected.push_back(id);
    runtime::Array<int32_t> found;
    ASSERT_EQ(encoder.encode(input.data(), input.size(), {false, false}, found), runtime::TextStatus::Ok);
    EXPECT_EQ(std::vector<int32_t>(found.begin(), found.end()), expected) << "text: " << input;
    // What it decodes to is the text again, as far as it is UTF-8.
    runtime::Array<char> decoded;
    EXPECT_EQ(runtime::decode(tokenizer, found.begin(), found.size(), false, decoded), runtime::TextStatus::Ok);
    EXPECT_EQ(std::string(decoded.data(), decoded.size()), input);
  }
  EXPECT_GE(cases, 40u);
}

TEST(GgufVectors, WordsOfBytes) {
  LLMC_NEEDS_SHARED("testdata/llamacpp-vocab/ggml-vocab-gpt-2.gguf.out");
  checkVectors("gpt-2");
}
TEST(GgufVectors, DigitsAndWordsOfBytes) {
  LLMC_NEEDS_SHARED("testdata/llamacpp-vocab/ggml-vocab-starcoder.gguf.out");
  checkVectors("starcoder");
}
TEST(GgufVectors, Scores) {
  LLMC_NEEDS_SHARED("testdata/llamacpp-vocab/ggml-vocab-llama-spm.gguf.out");
  checkVectors("llama-spm");
}

} // namespace
