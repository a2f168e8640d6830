// VectorsTest.cpp - ids, texts and pieces against what Hugging Face tokenizers made (vectors/, by make_vectors.py).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/text/TextTest.h"

#include <cstdio>

using namespace llmc;
using namespace llmc::test;

namespace {

class Vectors : public testing::TestWithParam<const char *> {};

TEST_P(Vectors, IdsAndTextsAreHuggingFaces) {
  auto tokenizer = TestTokenizer::load(vectorPath(std::string(GetParam()) + ".json"));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> expected = json::Document::read(vectorPath("expected.json"), "");
  ASSERT_TRUE(bool(expected));
  json::Value rows = *expected->root().find(GetParam());
  ASSERT_GT(rows.size(), 50u);
  for (size_t i = 0; i < rows.size(); ++i) {
    json::Value row = rows.at(i);
    std::string text = member(row, "text");
    SCOPED_TRACE(json::printable(text, 200));
    std::vector<int32_t> full = idList(*row.find("full"));
    if (!row.find("plain")->isNull())
      EXPECT_EQ(tokenizer->ids(text), idList(*row.find("plain")));
    EXPECT_EQ(tokenizer->ids(text, true, true), full);
    EXPECT_EQ(tokenizer->text(full), member(row, "decoded"));
    EXPECT_EQ(tokenizer->text(full, true), member(row, "decoded_full"));
  }
}

TEST_P(Vectors, StreamsWholeCharactersThatJoinToTheText) {
  auto tokenizer = TestTokenizer::load(vectorPath(std::string(GetParam()) + ".json"));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> expected = json::Document::read(vectorPath("expected.json"), "");
  ASSERT_TRUE(bool(expected));
  json::Value rows = *expected->root().find(GetParam());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<int32_t> ids = idList(*rows.at(i).find("full"));
    // Cut short as well, so that lists end inside characters.
    for (size_t length = ids.size(); length + 4 > ids.size() && length > 0; --length) {
      ids.resize(length);
      std::string joined;
      for (const std::string &part : tokenizer->streamed(ids)) {
        EXPECT_TRUE(isUtf8(part)) << json::printable(part);
        joined += part;
      }
      EXPECT_EQ(joined, tokenizer->text(ids));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, Vectors,
                         testing::Values("byte_level", "llama3_like", "sentencepiece", "metaspace", "wordpiece",
                                         "unigram", "word_end", "falcon_like", "words"),
                         [](const auto &info) { return std::string(info.param); });

struct PieceList : runtime::PieceSink {
  std::vector<std::string> list;
  runtime::TextStatus piece(runtime::Bytes piece) override {
    list.emplace_back(reinterpret_cast<const char *>(piece.data), piece.size);
    return runtime::TextStatus::Ok;
  }
};

TEST(Splits, PiecesOfPublishedPatternsAreHuggingFaces) {
  Result<json::Document> document = json::Document::read(vectorPath("splits.json"), "");
  ASSERT_TRUE(bool(document));
  json::Value texts = *document->root().find("texts"), patterns = *document->root().find("patterns");
  ASSERT_GT(patterns.size(), 15u);
  for (size_t i = 0; i < patterns.size(); ++i) {
    json::Value row = patterns.at(i);
    SCOPED_TRACE(member(row, "name"));
    text::TokenizerSpec spec;
    spec.tokens.resize(1);
    text::StepSpec step;
    text::PatternResult<text::PatternNode> pattern = text::parsePattern(row.find("pattern")->asString());
    ASSERT_TRUE(bool(pattern)) << pattern.mistake;
    step.pattern = pattern.value;
    const char *behaviors[] = {"Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"};
    for (uint32_t number = 0; number < 5; ++number)
      if (member(row, "behavior") == behaviors[number])
        step.behavior = number + 1;
    step.invert = row.find("invert")->asBool();
    spec.steps.push_back(step);
    text::SectionResult section = text::writeTokenizerSection(spec);
    ASSERT_EQ(section.mistake, "");
    runtime::TokenizerTables tables;
    const char *reason = "";
    ASSERT_EQ(tables.open(section.bytes.data(), section.bytes.size(), &reason), runtime::TextStatus::Ok) << reason;
    runtime::PreTokenizer preTokenizer(tables);
    for (size_t k = 0; k < texts.size(); ++k) {
      std::string_view text = texts.at(k).asString();
      PieceList pieces;
      ASSERT_EQ(preTokenizer.run({reinterpret_cast<const uint8_t *>(text.data()), text.size()}, true, pieces),
                runtime::TextStatus::Ok);
      std::vector<std::string> expected;
      json::Value list = row.find("pieces")->at(k);
      for (size_t n = 0; n < list.size(); ++n)
        expected.emplace_back(list.at(n).asString());
      EXPECT_EQ(pieces.list, expected) << json::printable(text, 200);
    }
  }
}

TEST(Normalizer, NfcIsHuggingFaces) {
  auto tokenizer = TestTokenizer::load(vectorPath("llama3_like.json"));
  ASSERT_TRUE(tokenizer);
  Result<json::Document> document = json::Document::read(vectorPath("nfc.json"), "");
  ASSERT_TRUE(bool(document));
  runtime::Normalizer normalizer(tokenizer->tokenizer.view());
  size_t changed = 0;
  for (size_t i = 0; i < document->root().size(); ++i) {
    std::string_view text = document->root().at(i).at(0).asString(), expected = document->root().at(i).at(1).asString();
    runtime::Bytes normalized;
    ASSERT_EQ(normalizer.run({reinterpret_cast<const uint8_t *>(text.data()), text.size()}, true, normalized),
              runtime::TextStatus::Ok);
    EXPECT_EQ(std::string_view(reinterpret_cast<const char *>(normalized.data), normalized.size), expected)
        << json::printable(text, 200);
    changed += text != expected;
  }
  EXPECT_GT(changed, 200u);
}

/// Every character between an "a" and a full stop, through one normalizer or pre-tokenizer.
TEST(Characters, NormalizersAndSplitsAreHuggingFaces) {
  Result<json::Document> document = json::Document::read(vectorPath("characters.json"), "");
  ASSERT_TRUE(bool(document));
  ASSERT_GT(document->root().size(), 14u);
  for (size_t i = 0; i < document->root().size(); ++i) {
    json::Value row = document->root().member(i);
    std::string name(document->root().key(i).asString());
    auto tokenizer = TestTokenizer::parse("{\"" + member(row, "kind") + "\": " + member(row, "json") +
                                          R"(, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})");
    ASSERT_TRUE(tokenizer) << name;
    runtime::Normalizer normalizer(tokenizer->tokenizer.view());
    runtime::PreTokenizer preTokenizer(tokenizer->tokenizer.view());
    json::Value digests = *row.find("digests");
    ASSERT_EQ(digests.size(), 272u);
    for (uint32_t block = 0; block < 272; ++block) {
      uint64_t digest = 0xcbf29ce484222325ull;
      auto add = [&](std::string_view bytes) {
        for (char c : bytes)
          digest = (digest ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
      };
      for (uint32_t codepoint = block * 4096; codepoint < block * 4096 + 4096; ++codepoint) {
        if (codepoint >= 0xd800 && codepoint < 0xe000)
          continue;
        std::string text = "a";
        text::appendUtf8(text, codepoint);
        text += ".";
        runtime::Bytes bytes = {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
        ASSERT_EQ(normalizer.run(bytes, true, bytes), runtime::TextStatus::Ok);
        PieceList pieces;
        ASSERT_EQ(preTokenizer.run(bytes, true, pieces), runtime::TextStatus::Ok);
        for (size_t k = 0; k < pieces.list.size(); ++k)
          add((k ? "|" : "") + pieces.list[k]);
      }
      char hex[17];
      std::snprintf(hex, sizeof(hex), "%016llx", static_cast<unsigned long long>(digest));
      EXPECT_EQ(digests.at(block).asString(), hex) << name << ", characters from " << block * 4096;
    }
  }
}

} // namespace
