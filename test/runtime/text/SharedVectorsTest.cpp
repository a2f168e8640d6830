// SharedVectorsTest.cpp - real tokenizers against the vectors that other projects publish; skipped where they are
// absent.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/text/TextTest.h"

using namespace llmc;
using namespace llmc::test;

namespace {

constexpr const char *gpt2 = "testdata/tokenizers-hf-json/gpt2/tokenizer.json";
constexpr const char *llama2 = "testdata/tokenizers-hf-json/llama2/tokenizer.json";
constexpr const char *roberta = "testdata/tokenizers-hf-json/tokenizer/roberta-base/tokenizer.json";
constexpr const char *transformersJs = "testdata/transformersjs-tokenizer-vectors/vectors.json";
constexpr const char *swift = "testdata/swift-tokenizer-vectors/";

Result<json::Document> readShared(const std::string &path) { return json::Document::read(sharedPath(path), path); }

/// The expected texts went through transformers' clean_up_tokenization_spaces, which takes the blank before "!" away; a
/// tokenizer does not.
bool isCleanedUp(const std::string &text) { return text.find(" !") != std::string::npos; }

/// The cases of one model of transformers.js: "text", "ids" (with the template) and "decoded" (special tokens printed).
void checkTransformersJs(const char *tokenizerPath, const char *family, const char *model, size_t leastCases) {
  auto tokenizer = TestTokenizer::load(sharedPath(tokenizerPath));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> document = readShared(transformersJs);
  ASSERT_TRUE(bool(document));
  json::Value cases = *document->root().find(family)->find(model);
  ASSERT_GE(cases.size(), leastCases);
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(std::string(cases.key(i).asString()));
    std::vector<int32_t> ids = idList(*cases.member(i).find("ids"));
    EXPECT_EQ(tokenizer->ids(cases.member(i).find("text")->asString(), true, true), ids);
    if (!isCleanedUp(member(cases.member(i), "text")))
      EXPECT_EQ(tokenizer->text(ids, true), member(cases.member(i), "decoded"));
  }
}

TEST(SharedVectors, TransformersJsGpt2) {
  LLMC_NEEDS_SHARED(gpt2);
  LLMC_NEEDS_SHARED(transformersJs);
  checkTransformersJs(gpt2, "gpt2", "Xenova/gpt2", 20);
}

TEST(SharedVectors, TransformersJsRoberta) {
  LLMC_NEEDS_SHARED(roberta);
  LLMC_NEEDS_SHARED(transformersJs);
  checkTransformersJs(roberta, "roberta", "Xenova/all-distilroberta-v1", 10);
}

/// A file of swift-transformers: one long text with its ids.
void checkSwiftText(const char *tokenizerPath, const std::string &file) {
  auto tokenizer = TestTokenizer::load(sharedPath(tokenizerPath));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> document = readShared(swift + file);
  ASSERT_TRUE(bool(document));
  std::vector<int32_t> ids = idList(*document->root().find("token_ids"));
  ASSERT_GT(ids.size(), 100u);
  EXPECT_EQ(tokenizer->ids(document->root().find("text")->asString(), true, true), ids);
  EXPECT_EQ(tokenizer->text(ids, true), member(document->root(), "decoded_text"));
}

TEST(SharedVectors, SwiftGpt2) {
  LLMC_NEEDS_SHARED(gpt2);
  LLMC_NEEDS_SHARED(std::string(swift) + "gpt2_encoded_tokens.json");
  checkSwiftText(gpt2, "gpt2_encoded_tokens.json");
}

TEST(SharedVectors, SwiftLlama) {
  LLMC_NEEDS_SHARED(llama2);
  LLMC_NEEDS_SHARED(std::string(swift) + "llama_encoded.json");
  checkSwiftText(llama2, "llama_encoded.json");
}

/// The cases of tokenizer_tests.json for one model.
void checkSwiftCases(const char *tokenizerPath, const char *model) {
  auto tokenizer = TestTokenizer::load(sharedPath(tokenizerPath));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> document = readShared(std::string(swift) + "tokenizer_tests.json");
  ASSERT_TRUE(bool(document));
  json::Value cases = *document->root().find(model);
  ASSERT_GE(cases.size(), 10u);
  for (size_t i = 0; i < cases.size(); ++i) {
    json::Value row = cases.at(i);
    std::string text = member(row, "input");
    SCOPED_TRACE(json::printable(text));
    if (std::string(tokenizerPath) == llama2 && text.find("\u00a0") != std::string::npos)
      continue; // this copy of the file has blanks where the original's vocabulary has no-break spaces
    std::vector<int32_t> ids = idList(*row.find("encoded")->find("input_ids"));
    EXPECT_EQ(tokenizer->ids(text, true, true), ids);
    if (isCleanedUp(text))
      continue;
    EXPECT_EQ(tokenizer->text(ids, true), member(row, "decoded_with_special"));
    EXPECT_EQ(tokenizer->text(ids), member(row, "decoded_without_special"));
  }
}

TEST(SharedVectors, SwiftCasesDistilGpt2) {
  LLMC_NEEDS_SHARED(gpt2);
  LLMC_NEEDS_SHARED(std::string(swift) + "tokenizer_tests.json");
  checkSwiftCases(gpt2, "distilgpt2");
}

TEST(SharedVectors, SwiftCasesLlama2) {
  LLMC_NEEDS_SHARED(llama2);
  LLMC_NEEDS_SHARED(std::string(swift) + "tokenizer_tests.json");
  checkSwiftCases(llama2, "coreml-projects/Llama-2-7b-chat-coreml");
}

/// Mixed text survives a round trip through every tokenizer that has all bytes.
TEST(SharedVectors, RoundTripsOfRealTokenizers) {
  const char *paths[] = {gpt2, roberta, "testdata/tokenizers-hf-json/20B_tokenizer.json",
                         "testdata/npm-qwen3-tokenizer/tokenizer.json", llama2};
  std::string text = "The quick brown fox doesn't jump over 12,345 lazy dogs.\n\tint x = 0; // \uac00\ub098\ub2e4 "
                     "\u4eca\u5929\u5929\u6c14 \u0645\u0631\u062d\u0628\u0627 \U0001f600\U0001f44d\U0001f3fd  end  ";
  for (const char *path : paths) {
    LLMC_NEEDS_SHARED(path);
    auto tokenizer = TestTokenizer::load(sharedPath(path));
    ASSERT_TRUE(tokenizer) << path;
    EXPECT_EQ(tokenizer->text(tokenizer->ids(text)), text) << path;
  }
}

} // namespace
