// SourcesTest.cpp - ids of tokenizers that come in other files than tokenizer.json.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/text/TextTest.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

using namespace llmc;
using namespace llmc::test;

namespace {

/// A folder that goes with its files.
class Folder {
public:
  Folder() {
    std::string pattern = testing::TempDir() + "llmc-tokenizer-XXXXXX";
    name = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(name); }
  std::string write(const std::string &file, const std::string &text) const {
    std::ofstream(name + "/" + file, std::ios::binary) << text;
    return name + "/" + file;
  }
  std::string name;
};

class SentencePieceFiles : public testing::TestWithParam<const char *> {};

TEST_P(SentencePieceFiles, IdsAndTextsAreSentencePieces) {
  auto tokenizer = TestTokenizer::load(vectorPath(std::string(GetParam()) + ".model"));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> expected = json::Document::read(vectorPath("spm.json"), "");
  ASSERT_TRUE(bool(expected));
  json::Value rows = *expected->root().find(GetParam());
  ASSERT_GT(rows.size(), 50u);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string text = member(rows.at(i), "text");
    SCOPED_TRACE(json::printable(text, 200));
    std::vector<int32_t> ids = idList(*rows.at(i).find("ids"));
    EXPECT_EQ(tokenizer->ids(text), ids);
    EXPECT_EQ(tokenizer->text(ids), member(rows.at(i), "decoded"));
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, SentencePieceFiles, testing::Values("spm_unigram", "spm_bpe"),
                         [](const auto &info) { return std::string(info.param); });

TEST(Sources, SentencePieceFramesAsItsKindDoesOrItsConfigurationSays) {
  auto bpe = TestTokenizer::load(vectorPath("spm_bpe.model")),
       unigram = TestTokenizer::load(vectorPath("spm_unigram.model"));
  ASSERT_TRUE(bpe && unigram);
  EXPECT_EQ(bpe->ids("", true), std::vector<int32_t>{1});
  EXPECT_EQ(unigram->ids("", true), std::vector<int32_t>{2});
  Folder folder;
  std::filesystem::copy(vectorPath("spm_bpe.model"), folder.name + "/tokenizer.model");
  folder.write("tokenizer_config.json", R"({"add_bos_token": false, "add_eos_token": true, "added_tokens_decoder":
    {"400": {"content": "<|im_end|>", "special": true, "lstrip": false, "rstrip": false, "normalized": false}}})");
  auto configured = TestTokenizer::load(folder.name + "/tokenizer.model");
  ASSERT_TRUE(configured);
  EXPECT_EQ(configured->ids("<|im_end|>", true, true), (std::vector<int32_t>{400, 2}));
  EXPECT_EQ(configured->tokenizer.findAdded("<|im_end|>", 10), 400);
}

std::string toBase64(std::string_view bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t bits = 0;
    size_t count = std::min<size_t>(3, bytes.size() - at);
    for (size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < count ? static_cast<uint8_t>(bytes[at + i]) : 0u);
    for (size_t i = 0; i < 4; ++i)
      text += i <= count ? digits[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

/// Bytes, then a few joins, some of which can be made in more than one way, then what fills the table.
std::vector<std::string> rankedTokens(size_t count) {
  std::vector<std::string> tokens;
  for (unsigned byte = 0; byte < 256; ++byte)
    tokens.push_back(std::string(1, static_cast<char>(byte)));
  for (const char *text : {"ab", "bc", "abc", "cd", "bcd", "\xea\xb0", "\xea\xb0\x80", " a", " ab", "aa", "aaaa", "12"})
    tokens.push_back(text);
  for (unsigned i = 0; tokens.size() < count; ++i)
    tokens.push_back(std::string("\x01") + static_cast<char>(i) + static_cast<char>(i >> 8) +
                     static_cast<char>(i >> 16) + "\x02");
  return tokens;
}

/// tiktoken's rule, spelled out: of all neighbours the pair whose join has the lowest rank, the leftmost of them.
std::vector<int32_t> mergedByRank(const std::string &piece, const std::map<std::string, int32_t> &ranks) {
  if (auto whole = ranks.find(piece); whole != ranks.end())
    return {whole->second};
  std::vector<std::string> parts;
  for (char c : piece)
    parts.push_back(std::string(1, c));
  while (true) {
    int32_t best = INT32_MAX;
    size_t place = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i)
      if (auto found = ranks.find(parts[i] + parts[i + 1]); found != ranks.end() && found->second < best)
        best = found->second, place = i;
    if (best == INT32_MAX)
      break;
    parts[place] += parts[place + 1];
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(place) + 1);
  }
  std::vector<int32_t> ids;
  for (const std::string &part : parts)
    ids.push_back(ranks.at(part));
  return ids;
}

TEST(Sources, TiktokenMergesByRank) {
  std::vector<std::string> tokens = rankedTokens(100256);
  std::string table;
  std::map<std::string, int32_t> ranks;
  for (size_t i = 0; i < tokens.size(); ++i) {
    table += toBase64(tokens[i]) + " " + std::to_string(i) + "\n";
    ranks[tokens[i]] = static_cast<int32_t>(i);
  }
  Folder folder;
  auto tokenizer = TestTokenizer::load(folder.write("tokenizer.model", table));
  ASSERT_TRUE(tokenizer);
  for (const char *piece : {"abcd", "bcd", "abcdabcd", "aaaaaaa", "xabcy", "가", "aab", "cdcdab"})
    EXPECT_EQ(tokenizer->ids(piece), mergedByRank(piece, ranks)) << piece;
  // Split as cl100k_base's pattern does: digits in threes, a blank with the word behind it.
  std::vector<int32_t> expected;
  for (const char *piece : {"ab", " ab", " a", " ", "121", "2"})
    for (int32_t id : mergedByRank(piece, ranks))
      expected.push_back(id);
  EXPECT_EQ(tokenizer->ids("ab ab a 1212"), expected);
  EXPECT_EQ(tokenizer->ids("<|endoftext|>", true, true), std::vector<int32_t>{100257});
  EXPECT_EQ(tokenizer->text(tokenizer->ids("가 abc\xff")), "가 abc\xef\xbf\xbd");
}

TEST(Sources, TekkenNumbersBehindItsSpecialTokens) {
  std::vector<std::string> tokens = rankedTokens(280);
  std::string vocab;
  for (size_t i = 0; i < tokens.size(); ++i)
    vocab += (i ? ", " : "") + std::string("{\"rank\": ") + std::to_string(i) + ", \"token_bytes\": \"" +
             toBase64(tokens[i]) + "\", \"token_str\": null}";
  Folder folder;
  auto tokenizer = TestTokenizer::load(folder.write(
      "tekken.json", R"({"config": {"pattern": "[a-z]+|\\s|.", "num_vocab_tokens": 280, "default_vocab_size": 290,
                       "default_num_special_tokens": 20, "version": "v3"}, "vocab": [)" +
                         vocab + "]}"));
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->tokenizer.tokenCount(), 290u); // the last ten of the file are not the model's
  EXPECT_EQ(tokenizer->ids("abc[INST]", true, true), (std::vector<int32_t>{1, 258 + 20, 3}));
  EXPECT_EQ(tokenizer->ids("bcd"), std::vector<int32_t>{260 + 20});
  EXPECT_EQ(tokenizer->tokenizer.findAdded("<SPECIAL_19>", 12), 19);
}

TEST(Sources, VocabularyAndMerges) {
  Folder folder;
  folder.write("merges.txt", "#version: 0.2\nĠ a\na b\nĠa b\n");
  std::string vocabulary = folder.write(
      "vocab.json", R"({"a": 0, "b": 1, "Ġ": 2, "Ġa": 3, "ab": 4, "Ġab": 5, "model": 6, "<|endoftext|>": 7, "1": 8})");
  auto gpt2 = TestTokenizer::load(vocabulary);
  ASSERT_TRUE(gpt2);
  EXPECT_EQ(gpt2->ids("ab ab ba"), (std::vector<int32_t>{4, 5, 2, 1, 0}));
  EXPECT_EQ(gpt2->ids("11<|endoftext|>", true, true), (std::vector<int32_t>{8, 8, 7}));
  EXPECT_EQ(gpt2->text({5, 3, 7}), " ab a");
  // The same files under another class: Qwen2 cuts digits one by one and composes, RoBERTa frames.
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizerFast", "cls_token": "a", "sep_token":
    {"content": "b"}, "add_prefix_space": true})");
  auto roberta = TestTokenizer::load(vocabulary);
  ASSERT_TRUE(roberta);
  EXPECT_EQ(roberta->ids("ab", true), (std::vector<int32_t>{0, 5, 1}));
}

TEST(Sources, WordsThatEndWithAMark) {
  Folder folder;
  folder.write("merges.txt", "#version: 0.2\na b</w>\n");
  auto gpt1 = TestTokenizer::load(
      folder.write("vocab.json", R"({"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "ab</w>": 4, "<unk>": 5, ".</w>": 6})"));
  ASSERT_TRUE(gpt1);
  EXPECT_EQ(gpt1->ids("AB. bab z\u00e1"), (std::vector<int32_t>{4, 6, 1, 4, 5, 2}));
  EXPECT_EQ(gpt1->text({4, 6, 1, 4}), "ab . bab");
}

TEST(Sources, VocabularyList) {
  Folder folder;
  std::string lower = folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nab\n##c\n\u00e4\na\n"), upper;
  auto uncased = TestTokenizer::load(lower);
  ASSERT_TRUE(uncased);
  EXPECT_EQ(uncased->ids("ABC \u00c4 x [CLS]", true, true), (std::vector<int32_t>{2, 4, 5, 7, 1, 2, 3}));
  EXPECT_EQ(uncased->text({2, 4, 5, 7, 3}), "abc a");
  folder.write("tokenizer_config.json", R"({"do_lower_case": false})");
  auto cased = TestTokenizer::load(lower);
  ASSERT_TRUE(cased);
  EXPECT_EQ(cased->ids("abc AB \u00e4"), (std::vector<int32_t>{4, 5, 1, 6}));
}

} // namespace
