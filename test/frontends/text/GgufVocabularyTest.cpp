// GgufVocabularyTest.cpp - vocabularies of GGUF files: what is made of them, and what is refused.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/GgufVocabulary.h"
#include "frontends/text/GgufPreTokenizers.h"

#include "frontends/text/template/ChatTemplate.h"
#include "test/TestPaths.h"
#include "test/frontends/formats/GgufWriter.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>

using namespace llmc;
using namespace llmc::text;
using test::f32;
using test::GgufWriter;
using test::u32;
using test::u64;

namespace {

std::string integers(const std::vector<int32_t> &values) {
  std::string bytes = u32(5) + u64(values.size());
  for (int32_t value : values)
    bytes += u32(uint32_t(value));
  return bytes;
}
std::string floats(const std::vector<float> &values) {
  std::string bytes = u32(6) + u64(values.size());
  for (float value : values)
    bytes += f32(value);
  return bytes;
}

/// What is written, changed by the test.
struct Words {
  std::string model = "llama";
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  std::vector<float> scores;
  std::optional<std::string> pre;
  std::optional<std::vector<std::string>> merges;
  GgufWriter more;

  GgufWriter writer() const {
    GgufWriter writer = more;
    writer.string("tokenizer.ggml.model", model);
    if (!tokens.empty())
      writer.strings("tokenizer.ggml.tokens", tokens);
    if (!types.empty())
      writer.entry("tokenizer.ggml.token_type", 9, integers(types));
    if (!scores.empty())
      writer.entry("tokenizer.ggml.scores", 9, floats(scores));
    if (pre)
      writer.string("tokenizer.ggml.pre", *pre);
    if (merges)
      writer.strings("tokenizer.ggml.merges", *merges);
    return writer;
  }
};

TokenizerSpec read(const Words &words, std::string &mistake) {
  const std::string bytes = words.writer().bytes(), name = "m.gguf";
  Result<gguf::File> file = gguf::parseFile(bytes, name, 0);
  EXPECT_TRUE(bool(file)) << file.error().str();
  gguf::MetadataReader metadata(*file, name);
  TokenizerSpec spec = readGgufVocabulary(metadata);
  mistake = metadata.mistake() ? metadata.mistake()->str() : "";
  return spec;
}
std::string refused(const Words &words) {
  std::string mistake;
  read(words, mistake);
  return mistake.substr(0, mistake.find('\n'));
}

Words scored() {
  Words words;
  words.tokens = {"<unk>",
                  "<s>",
                  "</s>",
                  "<0x0A>",
                  "a",
                  "b",
                  "ab",
                  "\xE2\x96\x81",
                  "\xE2\x96\x81"
                  "ab",
                  "<t>",
                  "pad"};
  words.types = {2, 3, 3, 6, 1, 1, 1, 1, 1, 4, 5};
  words.scores = {0, 0, 0, 0, -5, -4, -2, -3, -1, 0, 0};
  words.more.integer("tokenizer.ggml.bos_token_id", 1).integer("tokenizer.ggml.eos_token_id", 2);
  words.more.integer("tokenizer.ggml.unknown_token_id", 0);
  return words;
}

Words merged() {
  Words words;
  words.model = "gpt2";
  words.pre = "gpt-2";
  words.tokens = {"a",
                  "b",
                  "ab",
                  "\xC4\xA0",
                  "\xC4\xA0"
                  "ab",
                  "<e>",
                  "a"};
  words.types = {1, 1, 1, 1, 1, 3, 1};
  words.merges = {"a b", "\xC4\xA0 ab"};
  words.more.integer("tokenizer.ggml.eos_token_id", 5);
  return words;
}

TEST(GgufVocabulary, ScoresBecomeRankedMerges) {
  std::string mistake;
  const TokenizerSpec spec = read(scored(), mistake);
  ASSERT_EQ(mistake, "");
  EXPECT_EQ(spec.flags, LLMC_TOKENIZER_BYTE_FALLBACK | LLMC_TOKENIZER_FUSE_UNK);
  EXPECT_EQ(spec.unk, 0u);
  EXPECT_EQ(spec.prefix, std::vector<uint32_t>{1}); // Where the file does not say, yes.
  EXPECT_TRUE(spec.suffix.empty());
  ASSERT_EQ(spec.normalizer.size(), 2u);
  EXPECT_EQ(spec.normalizer[0].kind, uint32_t(LLMC_NORMALIZE_PREPEND));
  EXPECT_EQ(spec.stripCount, 1u);
  // The best score first: "▁ab" of "▁" and "ab", then "ab".
  ASSERT_EQ(spec.merges.size(), 2u);
  EXPECT_EQ(spec.merges[0].left, 7u);
  EXPECT_EQ(spec.merges[0].right, 6u);
  EXPECT_EQ(spec.merges[0].result, 8u);
  EXPECT_EQ(spec.merges[1].result, 6u);
  EXPECT_EQ(spec.tokens[8].piece, " ab");
  EXPECT_EQ(spec.tokens[3].piece, "\n");
  EXPECT_TRUE(spec.tokens[3].flags & LLMC_TOKEN_BYTE);
  EXPECT_TRUE(spec.tokens[1].flags & LLMC_TOKEN_SPECIAL);
  EXPECT_FALSE(spec.tokens[9].flags & LLMC_TOKEN_SPECIAL); // Of the user: cut out, and text.
  EXPECT_TRUE(spec.tokens[9].flags & LLMC_TOKEN_ADDED);
  EXPECT_FALSE(spec.tokens[10].flags & LLMC_TOKEN_MODEL);
  EXPECT_EQ(spec.added.size(), 3u);
}

TEST(GgufVocabulary, EqualScoresShareARank) {
  std::string mistake;
  Words words = scored();
  words.scores[6] = words.scores[8];
  const TokenizerSpec spec = read(words, mistake);
  ASSERT_EQ(mistake, "");
  ASSERT_EQ(spec.merges.size(), 2u);
  EXPECT_EQ(spec.merges[0].rank, spec.merges[1].rank);
  EXPECT_NE(read(scored(), mistake).merges[1].rank, 0u);
}

TEST(GgufVocabulary, FlagsOfTheFileCount) {
  Words words = scored();
  words.more.flag("tokenizer.ggml.add_bos_token", false).flag("tokenizer.ggml.add_eos_token", true);
  words.more.flag("tokenizer.ggml.add_space_prefix", false);
  std::string mistake;
  const TokenizerSpec spec = read(words, mistake);
  ASSERT_EQ(mistake, "");
  EXPECT_TRUE(spec.prefix.empty());
  EXPECT_EQ(spec.suffix, std::vector<uint32_t>{2});
  EXPECT_EQ(spec.normalizer.size(), 1u);
  EXPECT_EQ(spec.stripCount, 0u);
}

TEST(GgufVocabulary, MergesOfBytes) {
  std::string mistake;
  const TokenizerSpec spec = read(merged(), mistake);
  ASSERT_EQ(mistake, "");
  EXPECT_EQ(spec.flags, uint32_t(LLMC_TOKENIZER_BYTE_LEVEL));
  EXPECT_EQ(spec.tokens[4].text, " ab");
  EXPECT_EQ(spec.tokens[4].piece, " ab");
  EXPECT_EQ(spec.merges.size(), 2u);
  EXPECT_EQ(spec.merges[1].result, 4u);
  EXPECT_TRUE(spec.prefix.empty());
  EXPECT_EQ(spec.steps.size(), 1u);
  EXPECT_FALSE(spec.tokens[6].flags & LLMC_TOKEN_MODEL); // Its text is another's already.
  EXPECT_TRUE(spec.tokens[5].flags & LLMC_TOKEN_SPECIAL);
}

TEST(GgufVocabulary, EveryPreTokenizerCompiles) {
  std::string names = ggufPreTokenizerNames() + ", ";
  for (const char *published : {"falcon", "deepseek-llm", "deepseek-coder", "deepseek-v3", "gpt-4o", "qwen35", "mpt"})
    EXPECT_NE(names.find(std::string(published) + ", "), std::string::npos) << published;
  for (size_t at = 0, end; at < names.size(); at = end + 2) {
    end = names.find(", ", at);
    const std::string name = names.substr(at, end - at);
    Words words = merged();
    words.pre = name;
    std::string mistake;
    const TokenizerSpec spec = read(words, mistake);
    ASSERT_EQ(mistake, "") << name;
    for (const StepSpec &step : spec.steps)
      EXPECT_NE(step.pattern.kind, PatternNode::Kind::Empty) << name;
    const SectionResult section = writeTokenizerSection(spec);
    EXPECT_EQ(section.mistake, "") << name;
  }
  Words words = merged();
  words.pre = "llama-bpe";
  words.more.integer("tokenizer.ggml.bos_token_id", 5);
  std::string mistake;
  const TokenizerSpec spec = read(words, mistake);
  EXPECT_TRUE(spec.flags & LLMC_TOKENIZER_IGNORE_MERGES);
  EXPECT_EQ(spec.prefix, std::vector<uint32_t>{5});
}

TEST(GgufVocabulary, WordsOfBert) {
  Words words;
  words.model = "bert";
  words.tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u2581un", "aff", "able", "\u2581!"};
  words.types = {3, 3, 3, 3, 1, 1, 1, 1};
  words.more.integer("tokenizer.ggml.cls_token_id", 2).integer("tokenizer.ggml.seperator_token_id", 3);
  std::string mistake;
  TokenizerSpec spec = read(words, mistake);
  ASSERT_EQ(mistake, "");
  EXPECT_EQ(spec.model, uint32_t(LLMC_TOKENIZER_WORDPIECE));
  EXPECT_EQ(spec.tokens[4].text, "un");
  EXPECT_EQ(spec.tokens[5].piece, "aff");
  EXPECT_EQ(spec.unk, 1u);
  EXPECT_EQ(spec.prefix, std::vector<uint32_t>{2});
  EXPECT_EQ(spec.suffix, std::vector<uint32_t>{3});
  words.tokens[6] = "a\nb";
  EXPECT_EQ(refused(words), "m.gguf: error: token 6, 'a\\x0Ab', holds a line end");
  words.tokens[6] = "able", words.tokens[1] = "other";
  EXPECT_EQ(refused(words), "m.gguf: error: the vocabulary cannot be read: no line is the unknown token \"[UNK]\"");
}

TEST(GgufVocabulary, UnigramsOfT5) {
  Words words;
  words.model = "t5";
  words.tokens = {"<pad>", "</s>", "<unk>", "\u2581", "a", "\u2581a", "<extra>"};
  words.types = {3, 3, 2, 1, 1, 1, 4};
  words.scores = {0, 0, 0, -2, -3, -2.5, 0};
  words.more.integer("tokenizer.ggml.eos_token_id", 1).flag("tokenizer.ggml.remove_extra_whitespaces", true);
  std::string mistake;
  TokenizerSpec spec = read(words, mistake);
  ASSERT_EQ(mistake, "");
  EXPECT_EQ(spec.model, uint32_t(LLMC_TOKENIZER_UNIGRAM));
  EXPECT_EQ(spec.unk, 2u);
  EXPECT_TRUE(spec.prefix.empty());
  EXPECT_EQ(spec.suffix, std::vector<uint32_t>{1});
  EXPECT_EQ(spec.tokens[5].score, -2.5);
  EXPECT_EQ(spec.tokens[5].piece, " a");
  EXPECT_TRUE(spec.flags & LLMC_TOKENIZER_FIRST_TEXT); // blanks are few
  words.scores.pop_back();
  EXPECT_EQ(refused(words),
            "m.gguf: error: 'tokenizer.ggml.scores' holds 6 numbers, expected one for each of 7 tokens");
}

TEST(GgufVocabulary, MergesOfText) {
  Words words = scored();
  words.model = "gemma4";
  words.scores.clear();
  words.merges = {"a b", "\u2581 ab"};
  std::string mistake;
  TokenizerSpec spec = read(words, mistake);
  ASSERT_EQ(mistake, "");
  EXPECT_EQ(spec.flags, LLMC_TOKENIZER_BYTE_FALLBACK | LLMC_TOKENIZER_FUSE_UNK);
  ASSERT_EQ(spec.merges.size(), 2u);
  EXPECT_EQ(spec.merges[1].result, 8u);
  EXPECT_EQ(spec.tokens[8].piece, " ab");
  EXPECT_EQ(spec.normalizer.size(), 1u); // no blank in front
  EXPECT_EQ(spec.stripCount, 0u);
  words.merges = {"a z"};
  EXPECT_EQ(refused(words), "m.gguf: error: merge 0, 'a z', merges a token that is not in 'tokenizer.ggml.tokens'");
}

TEST(GgufVocabulary, CompilesToASection) {
  test::TemporaryFolder folder;
  std::ofstream(folder / "m.gguf", std::ios::binary) << scored().writer().bytes();
  Result<std::string> section = compileGgufTokenizer(folder / "m.gguf");
  ASSERT_TRUE(bool(section)) << section.error().str();
  EXPECT_EQ(section->substr(0, 7), "LLMCTOK");
}

TEST(GgufVocabulary, NamesWhatIsWrong) {
  const std::string start = "m.gguf: error: ";
  const auto with = [](Words words, void (*change)(Words &)) {
    change(words);
    return refused(words);
  };
  EXPECT_EQ(with(merged(), [](Words &words) { words.model = "rwkv"; }),
            start + "'tokenizer.ggml.model' = 'rwkv' is not supported (expected 'gpt2' or 'llama' or 'gemma4' or "
                    "'bert' or 't5')");
  EXPECT_EQ(with(merged(), [](Words &words) { words.pre.reset(); }),
            start + "'tokenizer.ggml.pre' is missing, which says how text is cut");
  EXPECT_EQ(with(merged(), [](Words &words) { words.pre = "odd"; }),
            start + "'tokenizer.ggml.pre' = 'odd' is not supported");
  EXPECT_EQ(with(merged(), [](Words &words) { words.tokens.clear(); }), start + "'tokenizer.ggml.tokens' is missing");
  EXPECT_EQ(with(merged(), [](Words &words) { words.tokens[1] = std::string(1025, 'x'); }),
            start + "token 1 has 1025 bytes, expected at most 1024");
  EXPECT_EQ(with(merged(), [](Words &words) { words.types.pop_back(); }),
            start + "'tokenizer.ggml.token_type' holds 6 numbers, expected one for each of 7 tokens");
  EXPECT_EQ(with(merged(), [](Words &words) { words.types[2] = 7; }), start + "token 2 has type 7, expected 1 to 6");
  EXPECT_EQ(with(merged(), [](Words &words) { words.merges.reset(); }), start + "'tokenizer.ggml.merges' is missing");
  EXPECT_EQ(with(merged(), [](Words &words) { words.merges->push_back("ab"); }),
            start + "merge 2, 'ab', is not two tokens with a blank between");
  EXPECT_EQ(with(merged(), [](Words &words) { words.merges->push_back("a c"); }),
            start + "merge 2, 'a c', merges a token that is not in 'tokenizer.ggml.tokens'");
  EXPECT_EQ(with(merged(), [](Words &words) { words.merges->push_back("b a"); }),
            start + "merge 2, 'b a', makes a token that is not in 'tokenizer.ggml.tokens'");
  EXPECT_EQ(with(merged(), [](Words &words) { words.more.flag("tokenizer.ggml.add_bos_token", true); }),
            start + "'tokenizer.ggml.add_bos_token' is true, yet 'tokenizer.ggml.bos_token_id' is missing");
  EXPECT_EQ(with(merged(), [](Words &words) { words.more.integer("tokenizer.ggml.bos_token_id", 7); }),
            start + "'tokenizer.ggml.bos_token_id' = 7 is out of range (expected 0 to 6)");
  EXPECT_EQ(with(scored(), [](Words &words) { words.scores.clear(); }), start + "'tokenizer.ggml.scores' is missing");
  EXPECT_EQ(with(scored(), [](Words &words) { words.scores.pop_back(); }),
            start + "'tokenizer.ggml.scores' holds 10 numbers, expected one for each of 11 tokens");
  EXPECT_EQ(with(scored(), [](Words &words) { words.scores[4] = NAN; }),
            start + "'tokenizer.ggml.scores': that of token 4 is not a number");
  EXPECT_EQ(with(scored(), [](Words &words) { words.tokens[3] = "<0xZZ>"; }),
            start + "token 3, '<0xZZ>', is of the type of bytes, expected '<0x00>' to '<0xFF>'");
  EXPECT_EQ(with(scored(), [](Words &words) { words.more.flag("tokenizer.ggml.remove_extra_whitespaces", true); }),
            start + "'tokenizer.ggml.remove_extra_whitespaces' = true is not supported");
}

/// Templates as "name=text;" and variables as "name:text;", or the mistake.
std::string templatesOf(const Words &words) {
  const std::string bytes = words.writer().bytes(), name = "m.gguf";
  Result<gguf::File> file = gguf::parseFile(bytes, name, 0);
  EXPECT_TRUE(bool(file)) << file.error().str();
  gguf::MetadataReader metadata(*file, name);
  Result<ChatTemplateFiles> files = readGgufChatTemplates(metadata, name);
  if (!files)
    return files.error().str();
  std::string all;
  for (const ChatTemplateSource &source : files->templates)
    all += source.name + "=" + source.text + ";";
  for (const auto &[key, value] : files->variables)
    all += key + ":" + value + ";";
  return all;
}

TEST(GgufChatTemplate, IsReadWithTheTokensItMayName) {
  EXPECT_EQ(templatesOf(scored()), "");
  Words words = scored();
  words.more.string("tokenizer.chat_template", "");
  EXPECT_EQ(templatesOf(words), "");
  words = scored();
  words.more.string("tokenizer.chat_template", "T").integer("tokenizer.ggml.padding_token_id", 99);
  EXPECT_EQ(templatesOf(words), "default=T;bos_token:<s>;eos_token:</s>;unk_token:<unk>;");
}

TEST(GgufChatTemplate, OthersAreNamedInAList) {
  Words words = merged();
  words.more.string("tokenizer.chat_template", "T").strings("tokenizer.chat_templates", {"tool_use", "default", "rag"});
  words.more.string("tokenizer.chat_template.tool_use", "U").string("tokenizer.chat_template.rag", "R");
  EXPECT_EQ(templatesOf(words), "default=T;tool_use=U;rag=R;eos_token:<e>;");
}

TEST(GgufChatTemplate, NamesWhatIsWrong) {
  Words words = merged();
  words.more.string("tokenizer.chat_template", "T").strings("tokenizer.chat_templates", {"rag"});
  EXPECT_EQ(templatesOf(words), "m.gguf: error: 'tokenizer.chat_templates' names 'rag', yet "
                                "'tokenizer.chat_template.rag' is missing\n");
  words = merged();
  words.more.integer("tokenizer.chat_template", 3);
  EXPECT_EQ(templatesOf(words),
            "m.gguf: error: 'tokenizer.chat_template' must be a string, found a 32-bit unsigned integer\n");
  words = merged();
  words.more.strings("tokenizer.chat_templates", std::vector<std::string>(65, "x"));
  EXPECT_EQ(templatesOf(words), "m.gguf: error: 'tokenizer.chat_templates' names 65 templates, at most 64 are read\n");
}

} // namespace
