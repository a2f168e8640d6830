// GgufVectorsTest.cpp - vocabularies of GGUF files against the ids that llama.cpp gives; skipped where they are absent.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/GgufVocabulary.h"
#include "runtime/src/text/Tokenizer.h"
#include "test/TestPaths.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <sstream>
#include <vector>

using namespace llmc;
using namespace llmc::test;

namespace {

const std::string folder = "testdata/llamacpp-vocab";

std::string readAll(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// <name>.inp: texts, each followed by a line "__ggml_vocab_test__"; <name>.out: a line of ids for each.
void checkVectors(const std::string &name) {
  const std::string stem = sharedPath(folder) + "/ggml-vocab-" + name + ".gguf";
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
    // What it decodes to is the text again, where nothing of it is dropped for good.
    if (tokenizer.view().header.model == LLMC_TOKENIZER_WORDPIECE)
      continue;
    runtime::Array<char> decoded;
    EXPECT_EQ(runtime::decode(tokenizer, found.begin(), found.size(), false, decoded), runtime::TextStatus::Ok);
    EXPECT_EQ(std::string(decoded.data(), decoded.size()), input);
  }
  EXPECT_GE(cases, 40u);
}

/// The vocabularies of the folder that come with texts and ids.
std::vector<std::string> namesWithVectors() {
  std::vector<std::string> names;
  std::error_code failure;
  const std::string prefix = "ggml-vocab-", ending = ".gguf";
  for (const auto &entry : std::filesystem::directory_iterator(sharedPath(folder), failure)) {
    const std::string file = entry.path().filename().string(), stem = entry.path().string();
    if (file.size() > prefix.size() + ending.size() &&
        file.compare(file.size() - ending.size(), ending.size(), ending) == 0 && exists(stem + ".inp") &&
        exists(stem + ".out"))
      names.push_back(file.substr(prefix.size(), file.size() - prefix.size() - ending.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(GgufVectors, EveryVocabularyOfTheFolder) {
  LLMC_NEEDS_SHARED(folder);
  const std::vector<std::string> names = namesWithVectors();
  EXPECT_GE(names.size(), 3u);
  for (const std::string &name : names) {
    SCOPED_TRACE(name);
    checkVectors(name);
  }
}

} // namespace
