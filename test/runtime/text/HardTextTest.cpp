// HardTextTest.cpp - texts that other tokenizers hang on or destroy: long runs, bytes that are not UTF-8, endless
// growth.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/text/TextTest.h"

#include <random>

using namespace llmc;
using namespace llmc::test;
using runtime::TextStatus;

namespace {

// A quadratic step would take minutes for these; the test's time limit catches it.
constexpr size_t million = 1 << 20;

std::string oneSplit(const std::string &pattern) {
  return R"({"added_tokens": [], "pre_tokenizer": {"type": "Split", "pattern": {"Regex": ")" + pattern +
         R"("}, "behavior": "Isolated", "invert": false}, "model": {"type": "BPE", "unk_token": "x",
            "vocab": {"x": 0, " ": 1, "a": 2, "b": 3, "\n": 4}, "merges": []}})";
}

TEST(HardText, AMillionTimesOneCharacter) {
  for (const char *name : {"byte_level", "llama3_like", "sentencepiece", "metaspace"}) {
    auto tokenizer = TestTokenizer::load(vectorPath(std::string(name) + ".json"));
    ASSERT_TRUE(tokenizer);
    for (const char *unit : {" ", "a", "e", "\n", "1", "!", "가", "\xcc\x81", "ab"}) {
      std::string text;
      while (text.size() < million)
        text += unit;
      std::vector<int32_t> ids = tokenizer->ids(text, false, true);
      EXPECT_GT(ids.size(), 0u);
      if (std::string(name) == "byte_level")
        EXPECT_EQ(tokenizer->text(ids), text);
    }
  }
}

TEST(HardText, PatternsThatReadOnInVain) {
  // Each of these reads to the end of the text from every place of it, and matches little or nothing.
  struct Case {
    const char *pattern, *unit, *end;
    size_t pieces;
  };
  for (Case test : {Case{R"(\\s+$)", " ", "x", 1}, Case{"a*b|a", "a", "", million},
                    Case{"(?:ab)*x|a|b", "ab", "", million}, Case{R"([ab]+\\n|[ab]{3}|.)", "ab", "a", 349525 + 2}}) {
    auto tokenizer = TestTokenizer::parse(oneSplit(test.pattern));
    ASSERT_TRUE(tokenizer);
    std::string text;
    while (text.size() < million)
      text += test.unit;
    text += test.end;
    struct Counter : runtime::PieceSink {
      size_t count = 0;
      TextStatus piece(runtime::Bytes) override { return ++count, TextStatus::Ok; }
    } counter;
    runtime::PreTokenizer preTokenizer(tokenizer->tokenizer.view());
    EXPECT_EQ(preTokenizer.run({reinterpret_cast<const uint8_t *>(text.data()), text.size()}, true, counter),
              TextStatus::Ok);
    EXPECT_EQ(counter.count, test.pieces) << test.pattern;
  }
}

TEST(HardText, BytesThatAreNotUtf8SurviveByteLevel) {
  auto tokenizer = TestTokenizer::load(vectorPath("byte_level.json"));
  ASSERT_TRUE(tokenizer);
  std::mt19937 generator(5);
  for (int round = 0; round < 200; ++round) {
    std::string bytes;
    for (unsigned i = 0; i < 1 + generator() % 40; ++i)
      bytes += static_cast<char>(generator() % (round % 2 ? 256 : 64) + (round % 2 ? 0 : 0x80));
    std::string joined;
    for (int32_t id : tokenizer->ids(bytes)) { // the ids hold the bytes; decoding makes the text UTF-8
      runtime::Bytes piece = tokenizer->tokenizer.view().piece(static_cast<uint32_t>(id));
      joined.append(reinterpret_cast<const char *>(piece.data), piece.size);
    }
    EXPECT_EQ(joined, bytes);
    EXPECT_TRUE(isUtf8(tokenizer->text(tokenizer->ids(bytes))));
  }
}

TEST(HardText, IllFormedBytesBecomeReplacementCharacters) {
  auto bytes = TestTokenizer::load(vectorPath("byte_level.json"));
  auto pieces = TestTokenizer::load(vectorPath("sentencepiece.json"));
  ASSERT_TRUE(bytes && pieces);
  // As Rust's from_utf8_lossy: one for each maximal ill-formed part.
  EXPECT_EQ(bytes->text(bytes->ids("a\xe2\x82z\xff\xf0\x9f\x98")), "a\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd");
  // Byte fallback: one for each byte.
  EXPECT_EQ(pieces->text(pieces->ids("\xe2\x82z\xff")), "\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd");
}

TEST(HardText, DecodingAtOnceIsTheStreamJoined) {
  std::mt19937 generator(7);
  for (const char *name : {"byte_level", "falcon_like", "llama3_like", "metaspace", "sentencepiece", "unigram",
                           "word_end", "wordpiece", "words"}) {
    auto tokenizer = TestTokenizer::load(vectorPath(std::string(name) + ".json"));
    ASSERT_TRUE(tokenizer);
    for (int round = 0; round < 300; ++round) {
      std::vector<int32_t> ids(1 + generator() % 60);
      for (int32_t &id : ids) // any order of pieces: characters cut at all places
        id = static_cast<int32_t>(generator() % tokenizer->tokenizer.tokenCount());
      std::string joined;
      for (const std::string &part : tokenizer->streamed(ids, round % 2))
        joined += part;
      EXPECT_EQ(tokenizer->text(ids, round % 2), joined) << name;
      EXPECT_TRUE(isUtf8(joined)) << name;
    }
  }
}

TEST(HardText, NoByteIsHandedOutBeforeItsCharacterIsWhole) {
  auto tokenizer = TestTokenizer::load(vectorPath("sentencepiece.json"));
  ASSERT_TRUE(tokenizer);
  std::vector<int32_t> ids = tokenizer->ids("\xf0\x9f\x98\x80"); // an emoji, byte by byte after the prepended blank
  ASSERT_EQ(ids.size(), 5u);
  EXPECT_EQ(tokenizer->streamed(ids), (std::vector<std::string>{"", "", "", "", "\xf0\x9f\x98\x80", ""}));
  ids.pop_back();
  EXPECT_EQ(tokenizer->streamed(ids),
            (std::vector<std::string>{"", "", "", "", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}));
}

TEST(HardText, TheFirstBlankIsDroppedOnceAndOnlyAtTheStart) {
  auto tokenizer = TestTokenizer::load(vectorPath("sentencepiece.json"));
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->text(tokenizer->ids("a")), "a");
  EXPECT_EQ(tokenizer->text(tokenizer->ids(" a  b ")), " a  b ");
  std::string text;
  runtime::StreamDecoder decoder(
      tokenizer->tokenizer,
      [](void *user, const char *bytes, size_t size) { static_cast<std::string *>(user)->append(bytes, size); }, &text);
  decoder.continueText();
  for (int32_t id : tokenizer->ids("a"))
    decoder.push(id);
  decoder.finish();
  EXPECT_EQ(text, " a");
}

TEST(HardText, UnknownIdsDecodeToNothing) {
  auto tokenizer = TestTokenizer::load(vectorPath("byte_level.json"));
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->text({-1, 1 << 30, INT32_MIN, static_cast<int32_t>(tokenizer->tokenizer.tokenCount())}), "");
}

TEST(HardText, ReplacementsThatGrowWithoutEndAreRefused) {
  std::string replace =
      R"({"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})";
  std::string list;
  for (int i = 0; i < 30; ++i)
    list += (i ? ", " : "") + replace;
  auto tokenizer = TestTokenizer::parse(R"({"normalizer": {"type": "Sequence", "normalizers": [)" + list +
                                        R"(]}, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})");
  ASSERT_TRUE(tokenizer);
  std::vector<int32_t> ids;
  EXPECT_EQ(tokenizer->encode("aaaa", false, false, ids), TextStatus::TooLong);
}

TEST(HardText, OfEqualSumsTheLongerLastTokenWins) {
  // "a" "a" sums to the same as "aa", which is found first; as Hugging Face's search has it.
  auto tokenizer = TestTokenizer::parse(R"({"model": {"type": "Unigram", "unk_id": 0,
    "vocab": [["?", -9], ["a", -1], ["aa", -2], ["b", -2.5], ["ab", -3.25]]}})");
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->ids("aa"), std::vector<int32_t>{2});
  EXPECT_EQ(tokenizer->ids("aaa"), (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(tokenizer->ids("aab"), (std::vector<int32_t>{1, 4}));
  EXPECT_EQ(tokenizer->ids("axxa"), (std::vector<int32_t>{1, 0, 1}));
}

TEST(HardText, ScoresAreRoundedAsTheLibraryThatWroteThemRoundsThem) {
  // With exact scores all ways to cut hyphens sum to the same and the first found would stay, "-" in front. Hugging
  // Face's library reads the last one a bit too large; its ids are below (tokenizers 0.23.3).
  auto tokenizer = TestTokenizer::parse(R"({"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0],
    ["_", -2.0122928619384766], ["-", -5.129043102264404], ["---", -12.130167007446289]]}})");
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->ids("_----"), (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(tokenizer->ids("_-------"), (std::vector<int32_t>{1, 3, 3, 2}));
  for (size_t count : {55, 64, 94}) {
    std::vector<int32_t> ids = tokenizer->ids("_" + std::string(count, '-'));
    ids.resize(5);
    EXPECT_EQ(ids, (std::vector<int32_t>{1, 3, 3, 2, 3})) << count;
  }
}

TEST(HardText, MergesOverTheStartOfAWordAreKept) {
  // The second tokenizer has a token with a blank inside: cutting the text at words would lose it.
  for (bool inside : {false, true}) {
    std::string more = inside ? R"(, "a\u2581b": 4)" : "", merge = inside ? R"(, "a\u2581 b")" : "";
    auto tokenizer = TestTokenizer::parse(
        R"({"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}, "model": {"type": "BPE",
        "vocab": {"a": 0, "b": 1, "\u2581": 2, ")" +
        std::string(inside ? "a\\u2581" : "\\u2581b") + R"(": 3)" + more + R"(}, "merges": [")" +
        (inside ? "a \\u2581" : "\\u2581 b") + "\"" + merge + "]}}");
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->tokenizer.view().steps.count, inside ? 0u : 1u);
    EXPECT_EQ(tokenizer->ids("a b a"), inside ? (std::vector<int32_t>{4, 2, 0}) : (std::vector<int32_t>{0, 3, 2, 0}));
  }
}

TEST(HardText, SpecialTokensAreTextUnlessAskedFor) {
  auto tokenizer = TestTokenizer::load(vectorPath("byte_level.json"));
  ASSERT_TRUE(tokenizer);
  int32_t end = tokenizer->tokenizer.findAdded("<|end|>", 7);
  ASSERT_GE(end, 0);
  EXPECT_TRUE(tokenizer->tokenizer.isSpecial(end));
  EXPECT_FALSE(tokenizer->tokenizer.isSpecial(0));
  EXPECT_EQ(tokenizer->ids("<|end|>", false, true), std::vector<int32_t>{end});
  std::vector<int32_t> plain = tokenizer->ids("<|end|>");
  EXPECT_GT(plain.size(), 1u);
  EXPECT_EQ(tokenizer->text(plain), "<|end|>");
  EXPECT_EQ(tokenizer->text({end}), "");
  EXPECT_EQ(tokenizer->text({end}, true), "<|end|>");
}

} // namespace
