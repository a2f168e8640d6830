// DamagedSectionTest.cpp - sections cut short or with wrong bytes: refused, or harmless. Most telling under sanitizers.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/text/TextTest.h"

#include <cstring>
#include <random>

using namespace llmc;
using namespace llmc::test;
using runtime::TextStatus;

namespace {

/// The bytes in a block of exactly their size, so that a read past them is seen.
struct Exact {
  explicit Exact(std::string_view bytes) : size(bytes.size()), data(std::malloc(size ? size : 1)) {
    std::memcpy(data, bytes.data(), size);
  }
  ~Exact() { std::free(data); }
  size_t size;
  void *data;
};

/// Opens the bytes; when that works, runs everything over them.
TextStatus use(std::string_view bytes) {
  Exact exact(bytes);
  runtime::Tokenizer tokenizer;
  const char *reason = nullptr;
  TextStatus status = tokenizer.open(exact.data, exact.size, &reason);
  EXPECT_EQ(status == TextStatus::Ok, reason == nullptr);
  if (status != TextStatus::Ok)
    return status;
  runtime::Encoder encoder(tokenizer);
  runtime::Array<int32_t> ids;
  std::string text =
      "The cat <|end|>sat 1234 Caf\u00c9 \u6708. a\u00a0b   12 caf\u00e9 \uac00\u0301e\u0301 \xff moon\n\n x";
  (void)encoder.encode(text.data(), text.size(), {true, true}, ids);
  for (int32_t id = 0; id < 300; ++id)
    (void)ids.push(id);
  runtime::Array<char> decoded;
  (void)runtime::decode(tokenizer, ids.data(), ids.size(), true, decoded);
  return status;
}

class Damaged : public testing::TestWithParam<const char *> {};

TEST_P(Damaged, CutShortIsRefused) {
  auto tokenizer = TestTokenizer::load(vectorPath(std::string(GetParam()) + ".json"));
  ASSERT_TRUE(tokenizer);
  const std::string &section = tokenizer->section;
  EXPECT_EQ(use(section), TextStatus::Ok);
  for (size_t size = 0; size < section.size(); size += size < 512 ? 1 : 997)
    EXPECT_EQ(use(std::string_view(section).substr(0, size)), TextStatus::BadSection) << size;
}

TEST_P(Damaged, WrongBytesAreRefusedOrHarmless) {
  auto tokenizer = TestTokenizer::load(vectorPath(std::string(GetParam()) + ".json"));
  ASSERT_TRUE(tokenizer);
  std::mt19937 generator(3);
  for (int round = 0; round < 1500; ++round) {
    std::string section = tokenizer->section;
    size_t reach = round % 3 ? section.size() : sizeof(llmc_tokenizer_header);
    for (unsigned i = 0; i < 1 + generator() % 3; ++i) {
      size_t at = generator() % reach;
      section[at] = static_cast<char>(round % 2 ? generator() : section[at] ^ 1 << generator() % 8);
    }
    use(section);
  }
}

TEST_P(Damaged, EveryFieldOfTheHeaderIsChecked) {
  auto tokenizer = TestTokenizer::load(vectorPath(std::string(GetParam()) + ".json"));
  ASSERT_TRUE(tokenizer);
  for (size_t at = 0; at < sizeof(llmc_tokenizer_header); at += 4)
    for (uint32_t value : {0u, 1u, 7u, 0x7fffffffu, 0xffffffffu, 0xfffffff8u}) {
      std::string section = tokenizer->section;
      std::memcpy(&section[at], &value, sizeof(value));
      use(section);
    }
}

INSTANTIATE_TEST_SUITE_P(Tiny, Damaged,
                         testing::Values("byte_level", "llama3_like", "sentencepiece", "metaspace", "wordpiece",
                                         "unigram", "word_end", "falcon_like", "words"),
                         [](const auto &info) { return std::string(info.param); });

TEST(Section, SaysWhatIsWrong) {
  auto tokenizer = TestTokenizer::load(vectorPath("byte_level.json"));
  ASSERT_TRUE(tokenizer);
  auto reasonWith = [&](size_t at, uint32_t value) {
    std::string section = tokenizer->section;
    std::memcpy(&section[at], &value, sizeof(value));
    runtime::Tokenizer opened;
    const char *reason = "";
    EXPECT_EQ(opened.open(section.data(), section.size(), &reason), TextStatus::BadSection);
    return std::string(reason);
  };
  EXPECT_EQ(reasonWith(0, 0), "the tokenizer section does not start with its magic bytes");
  EXPECT_EQ(reasonWith(offsetof(llmc_tokenizer_header, version), 3),
            "the tokenizer section has another version than this runtime reads");
  EXPECT_EQ(reasonWith(offsetof(llmc_tokenizer_header, model), 9),
            "the tokenizer section holds a model this runtime does not know");
  EXPECT_EQ(reasonWith(offsetof(llmc_tokenizer_header, tokens), 0xfffffff8u),
            "a table reaches outside the tokenizer section");
  EXPECT_EQ(reasonWith(offsetof(llmc_tokenizer_header, decoder), 77), "unknown kind of decoder");
}

TEST(Section, TheSameBytesEveryTime) {
  for (const char *name : {"byte_level", "llama3_like", "sentencepiece"}) {
    auto first = TestTokenizer::load(vectorPath(std::string(name) + ".json"));
    auto second = TestTokenizer::load(vectorPath(std::string(name) + ".json"));
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->section, second->section);
  }
}

} // namespace
