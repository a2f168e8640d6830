// SharedVectorsTest.cpp - real tokenizers against the vectors that other projects publish; skipped where they are
// absent.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/text/TextTest.h"

#include <cctype>
#include <fstream>
#include <sstream>

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

/// A tokenizer of the shared data whose vocabulary a published set of vectors was made with.
struct Source {
  const char *set, *model; ///< Of the vectors.
  const char *path;        ///< Of the tokenizer.
  size_t before, behind;   ///< Ids of the vectors' own frame, where it is not the tokenizer's.
  int32_t shift = 0;       ///< The vectors' ids are this much larger: the same list behind a few more tokens.
  bool framed = false;     ///< The vectors' frame is not compared, nor texts with its tokens in them.
};

constexpr const char *bertUncased = "testdata/torchtext-tokenizers/bert_base_uncased_vocab.txt";
constexpr const char *bertCased = "testdata/torchtext-tokenizers/bert_base_cased_vocab.txt";
constexpr const char *clip = "testdata/tokenizers-hf-json/tokenizer/clip/tokenizer.json";
constexpr const char *t5 = "testdata/tokenizers-hf-json/tokenizer/t5-small/tokenizer.json";
constexpr const char *t5Model = "testdata/torchtext-tokenizers/t5_tokenizer_base.model";
constexpr const char *whisper = "testdata/tokenizers-hf-json/tokenizer/whisper.tiny/tokenizer.json";
constexpr const char *neox = "testdata/tokenizers-hf-json/20B_tokenizer.json";
constexpr const char *qwen = "testdata/npm-qwen3-tokenizer/tokenizer.json";
constexpr const char *llama2Model = "testdata/llama2-spm-tokenizer/tokenizer.model";

constexpr Source transformersJsSources[] = {
    {"bert", "google-bert/bert-base-cased", bertCased, 0, 0},
    {"clip", "Xenova/clip-vit-base-patch16", clip, 0, 0},
    {"distilbert", "Xenova/distilbert-base-cased-distilled-squad", bertCased, 0, 0},
    {"gpt2", "Xenova/gpt2", gpt2, 0, 0},
    {"mpnet", "Xenova/all-mpnet-base-v2", bertUncased, 1, 1, 4, true},
    {"roberta", "Xenova/all-distilroberta-v1", roberta, 0, 0},
    {"t5", "Xenova/t5-small", t5, 0, 0},
    {"t5", "google-t5/t5-small", t5, 0, 0},
    {"whisper", "onnx-community/whisper-tiny.en", gpt2, 2, 1, 0, true},
};

/// Compares the ids of one text; `decoded`, when given, with what they print.
void compare(TestTokenizer &tokenizer, const Source &source, const std::string &text, std::vector<int32_t> ids,
             const std::string *decoded) {
  SCOPED_TRACE(json::printable(text));
  if (!source.framed) {
    EXPECT_EQ(tokenizer.ids(text, true, true), ids);
    if (decoded)
      EXPECT_EQ(tokenizer.text(ids, true), *decoded);
    return;
  }
  ASSERT_GE(ids.size(), source.before + source.behind);
  ids.erase(ids.end() - static_cast<ptrdiff_t>(source.behind), ids.end());
  ids.erase(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(source.before));
  for (int32_t &id : ids)
    id -= source.shift;
  if (text.find("<|startof") == std::string::npos) // a token of the other file
    EXPECT_EQ(tokenizer.ids(text, false, true), ids);
}

class TransformersJs : public testing::TestWithParam<Source> {};

TEST_P(TransformersJs, Ids) {
  const Source &source = GetParam();
  LLMC_NEEDS_SHARED(source.path);
  LLMC_NEEDS_SHARED(transformersJs);
  auto tokenizer = TestTokenizer::load(sharedPath(source.path));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> document = readShared(transformersJs);
  ASSERT_TRUE(bool(document));
  json::Value cases = *document->root().find(source.set)->find(source.model);
  ASSERT_GT(cases.size(), 0u);
  for (size_t i = 0; i < cases.size(); ++i) {
    std::string text = member(cases.member(i), "text"), decoded = member(cases.member(i), "decoded");
    bool byteLevel = source.path == std::string(gpt2) || source.path == std::string(roberta);
    compare(*tokenizer, source, text, idList(*cases.member(i).find("ids")),
            byteLevel && !isCleanedUp(text) ? &decoded : nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, TransformersJs, testing::ValuesIn(transformersJsSources), [](const auto &info) {
  std::string name = info.param.model;
  for (char &c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)))
      c = '_';
  return name;
});

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

/// Cases whose texts are made of ids and of what they print: BERT's decoder is compared as well.
void checkSwiftIds(const char *tokenizerPath, const char *model, size_t before = 0, size_t behind = 0) {
  auto tokenizer = TestTokenizer::load(sharedPath(tokenizerPath));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> document = readShared(std::string(swift) + "tokenizer_tests.json");
  ASSERT_TRUE(bool(document));
  json::Value cases = *document->root().find(model);
  ASSERT_GE(cases.size(), 10u);
  Source source = {"", "", "", before, behind, 0, before + behind > 0};
  for (size_t i = 0; i < cases.size(); ++i)
    compare(*tokenizer, source, member(cases.at(i), "input"), idList(*cases.at(i).find("encoded")->find("input_ids")),
            nullptr);
}

TEST(SharedVectors, SwiftCasesOfOtherKinds) {
  LLMC_NEEDS_SHARED(std::string(swift) + "tokenizer_tests.json");
  for (const char *path : {bertUncased, gpt2, whisper, t5Model})
    LLMC_NEEDS_SHARED(path);
  checkSwiftIds(bertUncased, "bert-base-uncased");
  checkSwiftIds(bertUncased, "google-bert/bert-base-uncased");
  checkSwiftIds(gpt2, "openai/whisper-tiny.en", 2, 1);
  checkSwiftIds(whisper, "openai/whisper-large-v2", 2, 1);
  checkSwiftIds(t5Model, "t5-base");
}

TEST(SharedVectors, SwiftBertText) {
  LLMC_NEEDS_SHARED(bertUncased);
  LLMC_NEEDS_SHARED(std::string(swift) + "bert_uncased_encoded.json");
  auto tokenizer = TestTokenizer::load(sharedPath(bertUncased));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> document = readShared(std::string(swift) + "bert_uncased_encoded.json");
  ASSERT_TRUE(bool(document));
  // The text that was decoded from them has been cleaned up across tokens; a tokenizer does not.
  EXPECT_EQ(tokenizer->ids(document->root().find("text")->asString(), true, true),
            idList(*document->root().find("token_ids")));
}

TEST(SharedVectors, SwiftBertQuestions) {
  LLMC_NEEDS_SHARED(bertUncased);
  LLMC_NEEDS_SHARED(std::string(swift) + "question_tokens.json");
  LLMC_NEEDS_SHARED(std::string(swift) + "tokenized_questions.json");
  auto tokenizer = TestTokenizer::load(sharedPath(bertUncased));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> texts = readShared(std::string(swift) + "question_tokens.json");
  Result<json::Document> ids = readShared(std::string(swift) + "tokenized_questions.json");
  ASSERT_TRUE(texts && ids);
  ASSERT_EQ(texts->root().size(), 10570u);
  for (size_t i = 0; i < texts->root().size(); ++i)
    EXPECT_EQ(tokenizer->ids(texts->root().at(i).find("original")->asString()), idList(ids->root().at(i))) << i;
}

std::string fileText(const std::string &path) {
  std::ifstream file(sharedPath(path), std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// "text => 1,2,3" a line.
size_t checkGgml(const char *tokenizerPath, const std::string &file) {
  auto tokenizer = TestTokenizer::load(sharedPath(tokenizerPath));
  if (!tokenizer)
    return 0;
  std::istringstream lines(fileText("testdata/ggml-tokenizer-vectors/" + file));
  size_t cases = 0;
  for (std::string line; std::getline(lines, line);) {
    size_t arrow = line.rfind(" => ");
    if (arrow == std::string::npos)
      continue;
    std::vector<int32_t> ids;
    std::istringstream numbers(line.substr(arrow + 4));
    for (std::string number; std::getline(numbers, number, ',');)
      ids.push_back(std::stoi(number));
    EXPECT_EQ(tokenizer->ids(line.substr(0, arrow)), ids) << line;
    ++cases;
  }
  return cases;
}

TEST(SharedVectors, GgmlTexts) {
  for (const char *path : {gpt2, neox, "testdata/ggml-tokenizer-vectors/gpt-2.txt"})
    LLMC_NEEDS_SHARED(path);
  EXPECT_EQ(checkGgml(gpt2, "gpt-2.txt"), 100u);
  EXPECT_EQ(checkGgml(neox, "gpt-neox.txt"), 100u);
}

/// llama.cpp's texts, which stand in NAME.inp with the ids in NAME.out.
void checkLlamaCpp(const char *tokenizerPath, const std::string &name) {
  SCOPED_TRACE(name);
  auto tokenizer = TestTokenizer::load(sharedPath(tokenizerPath));
  ASSERT_TRUE(tokenizer);
  std::string path = "testdata/llamacpp-vocab/ggml-vocab-" + name + ".gguf", texts = fileText(path + ".inp");
  std::istringstream lines(fileText(path + ".out"));
  constexpr std::string_view separator = "\n__ggml_vocab_test__\n";
  size_t cases = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    size_t end = texts.find(separator);
    std::string text = texts.substr(0, end);
    texts.erase(0, end == std::string::npos ? end : end + separator.size());
    std::vector<int32_t> ids;
    std::istringstream numbers(line);
    for (int32_t id; numbers >> id;)
      ids.push_back(id);
    EXPECT_EQ(tokenizer->ids(text), ids) << json::printable(text, 200);
  }
  EXPECT_GT(cases, 40u);
}

TEST(SharedVectors, LlamaCppTexts) {
  for (const char *path :
       {gpt2, bertUncased, llama2Model, qwen, neox, "testdata/llamacpp-vocab/ggml-vocab-mpt.gguf.inp"})
    LLMC_NEEDS_SHARED(path);
  checkLlamaCpp(gpt2, "gpt-2");
  checkLlamaCpp(bertUncased, "bert-bge");
  checkLlamaCpp(llama2Model, "llama-spm");
  checkLlamaCpp(qwen, "qwen2");
  checkLlamaCpp(neox, "mpt");
}

TEST(SharedVectors, MistralConversations) {
  const std::string folder = "testdata/mistral-tokenizers/";
  const std::string model = folder + "data/mistral_instruct_tokenizer_240323.model.v3";
  LLMC_NEEDS_SHARED(model);
  auto tokenizer = TestTokenizer::load(sharedPath(model));
  ASSERT_TRUE(tokenizer);
  for (const char *sample : {"get_weather_full", "no_tools", "several_calls"}) {
    std::string place = folder + "samples/" + sample;
    Result<json::Document> tokens = readShared(place + "/tokens_v3.json");
    ASSERT_TRUE(bool(tokens));
    std::vector<int32_t> ids = idList(*tokens->root().find("tokens"));
    ASSERT_GT(ids.size(), 50u);
    std::string text = fileText(place + "/text_v3.txt"), newline = "<0x0A>"; // how the file spells byte tokens
    for (size_t at = text.find(newline); at != std::string::npos; at = text.find(newline, at))
      text.replace(at, newline.size(), "\n");
    EXPECT_EQ(tokenizer->ids(text, false, true), ids) << sample;
  }
}

TEST(SharedVectors, MistralConversationOfTheFirstVersion) {
  const std::string folder = "testdata/mistral-tokenizers/", model = folder + "data/tokenizer.model.v1";
  LLMC_NEEDS_SHARED(model);
  auto tokenizer = TestTokenizer::load(sharedPath(model));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> tokens = readShared(folder + "samples/no_tools/tokens_v1.json");
  ASSERT_TRUE(bool(tokens));
  EXPECT_EQ(tokenizer->ids(fileText(folder + "samples/no_tools/text_v1.txt"), false, true),
            idList(*tokens->root().find("tokens")));
}

TEST(SharedVectors, TiktokenOnASourceFile) {
  const std::string folder = "testdata/mstokenizer-vectors/";
  for (const std::string &path : {folder + "lib.rs.txt", std::string("testdata/npm-gpt2-bpe/encoder.json"),
                                  std::string("testdata/whisper-assets/whisper/assets/gpt2.tiktoken")})
    LLMC_NEEDS_SHARED(path);
  std::string text = fileText(folder + "lib.rs.txt");
  for (auto [path, file] :
       {std::pair{"testdata/npm-gpt2-bpe/encoder.json", "tokens_gpt2.json"},
        std::pair{"testdata/whisper-assets/whisper/assets/gpt2.tiktoken", "tokens_r50k_base.json"}}) {
    auto tokenizer = TestTokenizer::load(sharedPath(path));
    ASSERT_TRUE(tokenizer);
    Result<json::Document> ids = readShared(folder + file);
    ASSERT_TRUE(bool(ids));
    EXPECT_EQ(tokenizer->ids(text), idList(ids->root())) << file;
    EXPECT_EQ(tokenizer->text(tokenizer->ids(text)), text);
  }
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
