// TokenizerFilesTest.cpp - what the readers of tokenizer.model, tiktoken, tekken and vocabulary files refuse, and in
// which words.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerFiles.h"
#include "frontends/text/Tokenizer.h"
#include "test/TestPaths.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace llmc;
using namespace llmc::text;

namespace {

std::string firstLine(const Diagnostic &mistake) {
  std::string message = mistake.str();
  return message.substr(0, message.find('\n'));
}

template <typename T> std::string outcome(const Result<T> &result) {
  return result ? "accepted" : firstLine(result.error());
}

// A field of a protocol buffer whose lengths fit one byte.
std::string field(unsigned number, const std::string &bytes) {
  return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(bytes.size()) + bytes;
}
std::string varint(unsigned number, unsigned value) {
  std::string text;
  for (unsigned key = number << 3;; key >>= 7) {
    text += static_cast<char>(key > 127 ? (key & 127) | 128 : key);
    if (key <= 127)
      break;
  }
  return text + static_cast<char>(value);
}
std::string piece(const std::string &text, unsigned type, const std::string &score = std::string(4, '\0')) {
  return field(1, field(1, text) + "\x15" + score + varint(3, type));
}

std::string spm(const std::string &model) { return outcome(readSentencePiece(model, "tokenizer.model", {})); }

TEST(TokenizerModel, SaysWhatIsWrong) {
  std::string least = piece("<unk>", 2) + piece("a", 1);
  EXPECT_EQ(spm(least), "accepted");
  EXPECT_EQ(spm(""), "tokenizer.model: error: has no pieces");
  EXPECT_EQ(spm("\x07"),
            "tokenizer.model: error: is not a SentencePiece model: its bytes are no protocol buffer of one");
  EXPECT_EQ(
      spm(least + field(2, varint(3, 3))),
      "tokenizer.model: error: 'trainer_spec.model_type' = 3 is not supported (expected 1, unigram, 2, bpe, or 4, "
      "char)");
  EXPECT_EQ(spm(least + field(2, varint(24, 1))),
            "tokenizer.model: error: 'trainer_spec.treat_whitespace_as_suffix' is not supported (expected false)");
  EXPECT_EQ(
      spm(least + field(3, field(2, "abcdefgh"))),
      "tokenizer.model: error: 'normalizer_spec.precompiled_charsmap' is not a table of replacements: it is damaged");
  EXPECT_EQ(spm(piece("a", 1)), "tokenizer.model: error: no piece is the unknown one");
  EXPECT_EQ(spm(least + piece("a", 1)), "tokenizer.model: error: piece 2 is \"a\" again");
  EXPECT_EQ(spm(least + piece("b", 9)), "tokenizer.model: error: piece 2 (\"b\") has the type 9 (expected 1 to 6)");
  EXPECT_EQ(spm(least + piece("b", 6)),
            "tokenizer.model: error: piece 2 (\"b\") is not a byte (expected \"<0x00>\" to \"<0xFF>\")");
  EXPECT_EQ(spm(least + piece("\xff", 1)), "tokenizer.model: error: piece 2 is not UTF-8");
  EXPECT_EQ(spm(least + piece("", 1)), "tokenizer.model: error: piece 2 is empty");
  EXPECT_EQ(spm(least + piece("c", 2)), "tokenizer.model: error: piece 2 is the second unknown one");
  EXPECT_EQ(spm(least + piece("d", 1, std::string("\0\0\xc0\x7f", 4))), // not a number
            "tokenizer.model: error: the score of piece 2 is out of bounds (expected -1e30 to 1e30)");
  EXPECT_EQ(spm(least + piece("e", 5) + field(2, varint(3, 2))),
            "tokenizer.model: error: piece 2 (\"e\") is unused, which is not supported in a BPE");
}

TEST(TokenizerModel, CutShortIsRefusedOrAModelOfItsOwn) {
  std::ifstream file(test::testPath("runtime/text/vectors/spm_unigram.model"), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ASSERT_GT(bytes.size(), 1000u);
  size_t refused = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    Result<TokenizerSpec> spec = readSentencePiece(std::string_view(bytes).substr(0, size), "f", {});
    if (spec) {
      EXPECT_EQ(writeTokenizerSection(*spec).mistake, "");
    } else {
      EXPECT_NE(spec.error().message, "");
      ++refused;
    }
  }
  EXPECT_GT(refused, bytes.size() / 2);
}

std::string tiktoken(const std::string &table) { return outcome(readTiktoken(table, "t", {})); }

TEST(Tiktoken, SaysWhatIsWrong) {
  EXPECT_EQ(tiktoken("IQ== 0\nIg==\n"),
            "t:2: error: a token in base64, a space and a rank must stand here, found \"Ig==\"");
  EXPECT_EQ(tiktoken("IQ== 0\n\nI!== 1\n"), "t:3: error: \"I!==\" is not base64");
  EXPECT_EQ(tiktoken("IQ== x\n"), "t:1: error: \"x\" is not a possible rank (expected 0 to 65664)");
  EXPECT_EQ(tiktoken("IQ== 0\nIg== 0\n"), "t:2: error: token \"\"\" has the id 0 of another token");
  EXPECT_EQ(tiktoken("IQ== 0\nIQ== 1\n"), "t:2: error: token \"!\" is there twice");
  EXPECT_EQ(tiktoken("IQ== 0\n"),
            "t: error: has 1 tokens, as no tiktoken table whose pattern is known (expected 50256, "
            "50257, 50280, 100256, 128000, 151643, 199998, 200000)");
}

std::string tekken(const std::string &text) {
  Result<json::Document> document = json::Document::parse(text, "tekken.json");
  return document ? outcome(readTekken(*document)) : firstLine(document.error());
}

TEST(Tekken, SaysWhatIsWrong) {
  auto with = [](const std::string &config, const std::string &vocab) {
    return tekken(R"({"config": {)" + config + R"(}, "vocab": )" + vocab + "}");
  };
  std::string sizes = R"("default_vocab_size": 3, "default_num_special_tokens": 2)";
  EXPECT_EQ(tekken("{}"), "tekken.json:1:1: error: 'config' is missing");
  EXPECT_EQ(with("", "[]"), "tekken.json:1:12: error: 'config.pattern' is missing");
  EXPECT_EQ(with(R"x("pattern": "(?<a)")x", "[]"),
            "tekken.json:1:24: error: 'config.pattern': '(?<' at character 1: this kind of group is not supported");
  EXPECT_EQ(with(R"("pattern": ".")", "[]"), "tekken.json:1:12: error: 'config.default_vocab_size' is missing");
  EXPECT_EQ(with(R"("pattern": ".", "default_vocab_size": 2, "default_num_special_tokens": 2)", "[]"),
            "tekken.json:1:12: error: 'config.default_vocab_size' = 2 leaves no tokens beside the 2 special ones");
  EXPECT_EQ(with(R"("pattern": ".", )" + sizes, "[]"),
            "tekken.json:1:97: error: 'vocab' has 0 tokens (expected at least 1)");
  EXPECT_EQ(with(R"("pattern": ".", )" + sizes, R"([{"rank": 1}])"),
            "tekken.json:1:107: error: 'vocab[0].rank' = 1 (expected 0 to 0)");
  EXPECT_EQ(with(R"("pattern": ".", )" + sizes, R"([{"rank": 0, "token_bytes": "?"}])"),
            "tekken.json:1:125: error: 'vocab[0].token_bytes' is not base64");
  EXPECT_EQ(with(R"("pattern": ".", )" + sizes, R"([{"rank": 0, "token_bytes": "YQ=="}])"),
            "tekken.json:1:1: error: no token is the single byte 0 (expected all of 0 to 255)");
}

TEST(VocabularyFiles, SayWhatIsWrong) {
  auto gpt2 = [](const std::string &vocabulary, const std::string &merges) {
    Result<json::Document> document = json::Document::parse(vocabulary, "vocab.json");
    return outcome(readVocabularyAndMerges(*document, merges, "merges.txt", {}));
  };
  EXPECT_EQ(gpt2(R"({"a": 0, "b": 1, "ab": 2})", "#version: 0.2\na b\n"), "accepted");
  EXPECT_EQ(gpt2(R"({"a": 0, "b": 1})", "#version: 0.2\na b\n"),
            "merges.txt:2: error: makes \"ab\", which is not in the vocabulary");
  EXPECT_EQ(gpt2(R"({"a": 0, "b": 1})", "a c\n"), "merges.txt:1: error: merges \"c\", which is not in the vocabulary");
  EXPECT_EQ(gpt2(R"({"a": 0, "b": 1})", "a\n"), "merges.txt:1: error: two tokens must stand here, found \"a\"");
  EXPECT_EQ(gpt2(R"({"a": -1})", ""), "vocab.json:1:7: error: the id of \"a\" is -1 (expected 0 to 65600)");
  EXPECT_EQ(gpt2(R"({"a": 0, "b": 0})", ""), "vocab.json:1:10: error: token \"b\" has the id 0 of another token");
  EXPECT_EQ(gpt2("{}", ""), "vocab.json:1:1: error: the vocabulary has no tokens");
  EXPECT_EQ(outcome(readVocabularyList("a\nb\n", "vocab.txt", {})),
            "vocab.txt: error: no line is the unknown token \"[UNK]\"");
  EXPECT_EQ(outcome(readVocabularyList("[UNK]\na\na\n", "vocab.txt", {})),
            "vocab.txt:3: error: token \"a\" is there twice");
  EXPECT_EQ(outcome(readVocabularyList("[UNK]\n\xff\n", "vocab.txt", {})),
            "vocab.txt:2: error: the token is not UTF-8");
}

TEST(VocabularyFiles, AreLookedForBesideEachOther) {
  std::string folder = testing::TempDir() + "llmc-vocabulary-XXXXXX";
  ASSERT_TRUE(mkdtemp(folder.data()));
  std::ofstream(folder + "/vocab.json") << R"({"a": 0})";
  EXPECT_EQ(outcome(readTokenizer(folder + "/vocab.json", "vocab.json")),
            "vocab.json: error: has no merges.txt beside it");
  std::ofstream(folder + "/merges.txt") << "";
  EXPECT_EQ(outcome(readTokenizer(folder + "/vocab.json", "vocab.json")), "accepted");
  std::ofstream(folder + "/tokenizer_config.json") << R"({"added_tokens_decoder": {"x": {}}})";
  EXPECT_EQ(
      outcome(readTokenizer(folder + "/vocab.json", "m/vocab.json")),
      "m/tokenizer_config.json:1:27: error: 'added_tokens_decoder' has the key \"x\" (expected an id, 0 to 4194304)");
  std::ofstream(folder + "/tokenizer_config.json") << R"({"added_tokens_decoder": {"5": {"content": "a"}}})";
  EXPECT_EQ(outcome(readTokenizer(folder + "/vocab.json", "vocab.json")),
            "vocab.json: error: tokenizer_config.json gives \"a\" the id 5, but here it has 0");
  std::filesystem::remove_all(folder);
}

/// The reader's verdict on each hostile file of the shared data that is no tokenizer.json.
TEST(TokenizerFiles, SharedHostileFiles) {
  std::string noModel = "f: error: is not a SentencePiece model: its bytes are no protocol buffer of one";
  struct Case {
    const char *name;
    std::string outcome;
  };
  for (const Case &test : {
           Case{"test_bpe_tokenizer.bin", noModel},
           Case{"test_llama2c_tokenizer.bin", noModel},
           Case{"test_tiktoken_invalid_base64.model", "f:1: error: \"tet\" is not base64"},
           Case{"test_tiktoken_invalid_rank.model",
                "f:1: error: \"18446744073709551616\" is not a possible rank (expected 0 to 65664)"},
           Case{"test_tiktoken_no_space.model",
                "f:1: error: a token in base64, a space and a rank must stand here, found \"ICAgICAgIA==10\""},
       }) {
    std::string path = std::string("testdata/tokenizers-hostile-small/") + test.name;
    LLMC_NEEDS_SHARED(path);
    EXPECT_EQ(outcome(readTokenizer(test::sharedPath(path), "f")), test.outcome) << path;
  }
}

} // namespace
