// TokenizerJsonTest.cpp - what the reader of tokenizer.json refuses, in which words and at which place.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/Tokenizer.h"

#include "test/TestPaths.h"

#include <gtest/gtest.h>

using namespace llmc;

namespace {

/// The first line of the message, or "accepted".
std::string outcome(const std::string &text) {
  Result<json::Document> document = json::Document::parse(text, "tokenizer.json");
  if (!document)
    return document.error().str();
  Result<std::string> section = text::compileTokenizer(*document);
  if (section)
    return "accepted";
  std::string message = section.error().str();
  return message.substr(0, message.find('\n'));
}

constexpr const char *model = R"("model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]})";

/// A small tokenizer with something added to its outermost object.
std::string with(const std::string &more) { return outcome("{" + more + ",\n" + model + "}"); }
/// A small tokenizer with another model.
std::string withModel(const std::string &members) { return outcome("{\"model\": {" + members + "}}"); }

TEST(TokenizerJson, AcceptsTheLeastThereCanBe) {
  EXPECT_EQ(with(R"("version": "1.0")"), "accepted");
  EXPECT_EQ(withModel(R"("vocab": {"a": 0}, "merges": [])"), "accepted");
  EXPECT_EQ(withModel(R"("vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]])"), "accepted");
}

TEST(TokenizerJson, NamesUnknownKeysAndKinds) {
  EXPECT_EQ(with(R"("extra": 1)"), "tokenizer.json:1:2: error: 'extra' is not understood");
  EXPECT_EQ(
      withModel(R"("type": "Neural", "vocab": [])"),
      "tokenizer.json:1:20: error: 'model.type' = \"Neural\" is not supported (expected BPE, Unigram, WordLevel or "
      "WordPiece)");
  EXPECT_EQ(withModel(R"("vocab": [["a", 0]])"), "tokenizer.json:1:11: error: 'model.type' is missing");
  EXPECT_EQ(
      with(R"("normalizer": {"type": "NFKX"})"),
      "tokenizer.json:1:25: error: 'normalizer.type' = \"NFKX\" is not supported (expected BertNormalizer, ByteLevel, "
      "Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace, Sequence, Strip or StripAccents)");
  EXPECT_EQ(
      with(R"("pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "UnicodeScripts"}]})"),
      "tokenizer.json:1:67: error: 'pre_tokenizer.pretokenizers[0].type' = \"UnicodeScripts\" is not supported "
      "(expected "
      "BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace, Punctuation, Sequence, Split, "
      "Whitespace or WhitespaceSplit)");
  EXPECT_EQ(with(R"("decoder": {"type": "CTC", "pad_token": "<pad>"})"),
            "tokenizer.json:1:22: error: 'decoder.type' = \"CTC\" is not supported (expected BPEDecoder, ByteFallback, "
            "ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip or WordPiece)");
  EXPECT_EQ(with(R"("post_processor": {"type": "Other"})"),
            "tokenizer.json:1:29: error: 'post_processor.type' = \"Other\" is not supported (expected ByteLevel, "
            "BertProcessing, RobertaProcessing, Sequence or TemplateProcessing)");
  EXPECT_EQ(with(R"("pre_tokenizer": {"type": "Digits", "individual_digit": true})"),
            "tokenizer.json:1:38: error: 'pre_tokenizer.individual_digit' is not understood");
}

TEST(TokenizerJson, NamesOptionsItDoesNotHave) {
  EXPECT_EQ(withModel(R"("vocab": {"a": 0}, "merges": [], "dropout": 0.1)"),
            "tokenizer.json:1:56: error: 'model.dropout' is not supported (expected null or 0)");
  EXPECT_EQ(withModel(R"("vocab": {"a": 0}, "merges": [], "end_of_word_suffix": ")" + std::string(65, 'x') + "\""),
            "tokenizer.json:1:67: error: 'model.end_of_word_suffix' has 65 bytes (expected at most 64)");
  EXPECT_EQ(with(R"("normalizer": {"type": "Replace", "pattern": {"Regex": "x\\1"}, "content": "y"})"),
            "tokenizer.json:1:57: error: 'normalizer.pattern.Regex': '\\1' at character 3: this escape is not "
            "supported");
  EXPECT_EQ(with(R"("normalizer": {"type": "Replace", "pattern": {"Regex": "x*"}, "content": "y"})"),
            "tokenizer.json: error: 'normalizer.pattern.Regex': the pattern: it matches the empty text");
  EXPECT_EQ(with(R"("decoder": {"type": "Replace", "pattern": {"Regex": "x+"}, "content": "y"})"),
            "tokenizer.json:1:54: error: 'decoder.pattern.Regex' = \"x+\" is not supported (expected a String)");
  EXPECT_EQ(with(R"("decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "WordPiece"}]})"),
            "tokenizer.json:1:65: error: 'decoder.decoders[1]' = WordPiece after Fuse is not supported");
  EXPECT_EQ(with(R"("normalizer": {"type": "Precompiled", "precompiled_charsmap": "a~b"})"),
            "tokenizer.json:1:64: error: 'normalizer.precompiled_charsmap' is not base64");
  EXPECT_EQ(with(R"("normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAAAAAA"})"),
            "tokenizer.json:1:64: error: 'normalizer.precompiled_charsmap' is not a table of replacements: it is "
            "damaged");
  EXPECT_EQ(with(R"("pre_tokenizer": {"type": "FixedLength", "length": 0})"),
            "tokenizer.json:1:53: error: 'pre_tokenizer.length' = 0 (expected 1 to 1000)");
  EXPECT_EQ(with(R"("pre_tokenizer": {"type": "CharDelimiterSplit", "delimiter": "ab"})"),
            "tokenizer.json:1:63: error: 'pre_tokenizer.delimiter' must be one character");
  EXPECT_EQ(
      with(R"x("pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a(?<!b)"}, "behavior": "Isolated"})x"),
      "tokenizer.json:1:58: error: 'pre_tokenizer.pattern.Regex': '(?<' at character 2: this kind of group is not "
      "supported");
  EXPECT_EQ(with(R"("pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a*"}, "behavior": "Isolated"})"),
            "tokenizer.json: error: 'pre_tokenizer.pattern.Regex': the pattern: it matches the empty text");
  EXPECT_EQ(
      with(R"("pre_tokenizer": {"type": "Split", "pattern": {"String": "a"}, "behavior": "Gone"})"),
      "tokenizer.json:1:77: error: 'pre_tokenizer.behavior' = \"Gone\" is not supported (expected Removed, Isolated, "
      "Contiguous, MergedWithPrevious or MergedWithNext)");
  EXPECT_EQ(with(R"("decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"},
{"type": "Strip", "content": " ", "start": 0, "stop": 1}]})"),
            "tokenizer.json:2:55: error: 'decoder.decoders[1].stop' = 1 is not supported (expected 0)");
  EXPECT_EQ(
      with(R"("pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}, {"type": "Metaspace"}]})"),
      "tokenizer.json:1:81: error: 'pre_tokenizer.pretokenizers[1]' = Metaspace after ByteLevel is not supported "
      "(expected nothing or a split)");
}

TEST(TokenizerJson, NamesWrongTypes) {
  EXPECT_EQ(outcome("[]"), "tokenizer.json:1:1: error: 'tokenizer' must be an object, found an array");
  EXPECT_EQ(outcome("{}"), "tokenizer.json:1:1: error: 'model' is missing");
  EXPECT_EQ(outcome(R"({"model": 7})"), "tokenizer.json:1:11: error: 'model' must be an object, found an integer");
  EXPECT_EQ(withModel(R"("vocab": 3, "merges": [])"),
            "tokenizer.json:1:21: error: 'model.vocab' must be an object, found an integer");
  EXPECT_EQ(withModel(R"("vocab": {"a": "0"}, "merges": [])"),
            "tokenizer.json:1:27: error: 'model.vocab[\"a\"]' must be an integer, found a string \"0\"");
  EXPECT_EQ(
      withModel(R"("vocab": {"a": 0}, "merges": [5])"),
      "tokenizer.json:1:42: error: 'model.merges[0]' must be two tokens: \"a b\" or [\"a\", \"b\"], found an integer");
  EXPECT_EQ(withModel(R"("vocab": {"a": 0}, "merges": [], "byte_fallback": 1)"),
            "tokenizer.json:1:62: error: 'model.byte_fallback' must be true or false, found an integer");
  EXPECT_EQ(with(R"("added_tokens": {})"),
            "tokenizer.json:1:18: error: 'added_tokens' must be an array, found an object");
  EXPECT_EQ(with(R"("normalizer": "NFC")"),
            "tokenizer.json:1:16: error: 'normalizer' must be an object, found a string \"NFC\"");
}

TEST(TokenizerJson, NamesScoresThatDoNotFit) {
  EXPECT_EQ(withModel(R"("type": "Unigram", "vocab": [["a", -1.5], "b"])"),
            "tokenizer.json:1:54: error: 'model.vocab[1]' must be a token and its score: [\"a\", -1.5], found a string "
            "\"b\"");
  EXPECT_EQ(withModel(R"("type": "Unigram", "vocab": [["a", -1e300]])"),
            "tokenizer.json:1:47: error: the score of 'model.vocab[0]' is out of bounds (expected -1e30 to 1e30)");
  EXPECT_EQ(withModel(R"("type": "Unigram", "unk_id": 7, "vocab": [["a", -1.5]])"),
            "tokenizer.json:1:41: error: 'model.unk_id' = 7 is not in 'model.vocab' (1 tokens)");
  EXPECT_EQ(withModel(R"("type": "WordPiece", "max_input_chars_per_word": 0, "vocab": {"a": 0})"),
            "tokenizer.json:1:61: error: 'model.max_input_chars_per_word' = 0 (expected 1 to 65536)");
}

TEST(TokenizerJson, NamesTokensThatDoNotFit) {
  EXPECT_EQ(withModel(R"("vocab": {"a": 0, "b": 1}, "merges": ["a b"])"),
            "tokenizer.json:1:50: error: 'model.merges[0]' makes \"ab\", which is not in 'model.vocab'");
  EXPECT_EQ(withModel(R"("vocab": {"a": 0, "b": 1}, "merges": ["a c"])"),
            "tokenizer.json:1:50: error: 'model.merges[0]' merges \"c\", which is not in 'model.vocab'");
  EXPECT_EQ(withModel(R"("vocab": {"a": 0, "b": 0}, "merges": [])"),
            "tokenizer.json:1:30: error: token \"b\" has the id 0 of another token");
  EXPECT_EQ(withModel(R"("vocab": {"a": -1}, "merges": [])"),
            "tokenizer.json:1:27: error: 'model.vocab[\"a\"]' = -1 is not a possible id (expected 0 to 65600)");
  EXPECT_EQ(withModel(R"("vocab": {"a": 4000000000}, "merges": [])"),
            "tokenizer.json:1:27: error: 'model.vocab[\"a\"]' = 4000000000 is not a possible id (expected 0 to 65600)");
  EXPECT_EQ(withModel(R"("vocab": {}, "merges": [])"), "tokenizer.json:1:11: error: the tokenizer has no tokens");
  EXPECT_EQ(withModel(R"("vocab": {"a": 0}, "merges": [], "unk_token": "<unk>")"),
            "tokenizer.json:1:58: error: 'model.unk_token' = \"<unk>\" is not in 'model.vocab'");
  EXPECT_EQ(with(R"("added_tokens": [{"id": 9, "content": "a"}])"),
            "tokenizer.json:1:26: error: 'added_tokens[0].id' = 9, but 'model.vocab' gives \"a\" the id 0");
  EXPECT_EQ(with(R"("added_tokens": [{"id": 1, "content": "x"}])"),
            "tokenizer.json:1:26: error: token \"x\" has the id 1 of another token");
  EXPECT_EQ(with(R"("added_tokens": [{"id": 5, "content": "x"}, {"id": 5, "content": "y"}])"),
            "tokenizer.json:1:53: error: the id 5 of \"y\" is the id of another added token");
  EXPECT_EQ(with("\"added_tokens\": [{\"id\": 5, \"content\": \"" + std::string(1025, 'x') + "\"}]"),
            "tokenizer.json:1:19: error: 'added_tokens[0].content' has 1025 bytes (expected at most 1024)");
  EXPECT_EQ(withModel("\"vocab\": {\"" + std::string(70000, 'x') + "\": 0}, \"merges\": []"),
            "tokenizer.json:1:22: error: a token of 70000 bytes is not supported (expected at most 65535)");
}

TEST(TokenizerJson, NamesTemplatesThatDoNotFit) {
  auto single = [](const std::string &parts) {
    return with(
        R"("post_processor": {"type": "TemplateProcessing", "special_tokens": {"<s>": {"ids": [7]}, "a": {"ids": [0]}},
"single": [)" +
        parts + "]}");
  };
  std::string text = R"({"Sequence": {"id": "A", "type_id": 0}})";
  EXPECT_EQ(single(R"({"SpecialToken": {"id": "a"}}, )" + text), "accepted");
  EXPECT_EQ(single(R"({"SpecialToken": {"id": "<s>"}}, )" + text),
            "tokenizer.json:1:86: error: id 7 of \"<s>\" does not exist (expected 0 to 2)");
  EXPECT_EQ(single(R"({"SpecialToken": {"id": "b"}}, )" + text),
            "tokenizer.json:2:29: error: 'post_processor' uses \"b\", which 'post_processor.special_tokens' does not "
            "give ids "
            "for");
  EXPECT_EQ(single(R"({"SpecialToken": {"id": "a"}})"),
            "tokenizer.json:1:20: error: 'post_processor.single' has no Sequence \"A\"");
  EXPECT_EQ(single(text + ", " + text),
            "tokenizer.json:2:66: error: 'post_processor.single[1]' must be the one Sequence \"A\"");
}

TEST(TokenizerJson, NestingEnds) {
  std::string open, close;
  for (int i = 0; i < 20; ++i) {
    open += R"({"type": "Sequence", "normalizers": [)";
    close += "]}";
  }
  EXPECT_NE(with("\"normalizer\": " + open + close).find("is nested more than 8 deep"), std::string::npos);
  std::string digits = R"({"type": "Digits"})", many = digits;
  for (int i = 0; i < 40; ++i)
    many += "," + digits;
  EXPECT_NE(with(R"("pre_tokenizer": {"type": "Sequence", "pretokenizers": [)" + many + "]}")
                .find("'pre_tokenizer.pretokenizers' has 41 elements (expected at most 32)"),
            std::string::npos);
}

/// The reader's verdict on each hostile or foreign file of the shared data.
TEST(TokenizerJson, SharedHostileFiles) {
  struct Case {
    const char *path, *outcome;
  };
  for (Case test : {
           Case{"tokenizers-hostile-small/test_hf_tokenizer.json",
                "f:103:7: error: 'model.merges[0]' makes \"He\", which is not in 'model.vocab'\n"},
           Case{"mlxd-hostile-configs/corrupt_json/tokenizer.json", "f:2:1: error: not valid JSON: expected a value\n"},
           Case{"mlxd-hostile-configs/config_object/tokenizer.json", "accepted"},
           Case{"tokenizers-hf-json/bert/tokenizer.json", "accepted"},
           Case{"tokenizers-hf-json/tokenizer/t5-small/tokenizer.json", "accepted"},
           Case{"tokenizers-hf-json/tokenizer/clip/tokenizer.json", "accepted"},
       }) {
    std::string path = std::string("testdata/") + test.path;
    LLMC_NEEDS_SHARED(path);
    Result<std::string> section = text::compileTokenizer(test::sharedPath(path), "f");
    std::string found = section ? "accepted" : section.error().str();
    EXPECT_EQ(found, test.outcome) << path;
  }
}

} // namespace
