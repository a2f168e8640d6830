// CApiTest.cpp - the C API as a program uses it: models, sessions, text, generation.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "llmc/generate.h"
#include "llmc/llmc.h"
#include "runtime/src/session/Model.h"
#include "test/TestPaths.h"
#include "test/runtime/support/ToyTokenizer.h"
#include "test/runtime/support/toy_model.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

using namespace llmc::test;

namespace {

/// The toy model with its tokenizer, opened from memory, and one session.
class CApiTest : public testing::Test {
protected:
  explicit CApiTest(const ToyParts &parts = toyPartsWithTokenizer()) {
    container = writeContainer(toySections(parts));
    memory = std::aligned_alloc(64, (container.size() + 63) / 64 * 64);
    std::memcpy(memory, container.data(), container.size());
    EXPECT_EQ(llmc_model_open_memory(memory, container.size(), &model, &error), LLMC_OK) << error.message;
    llmc_session_options options = {};
    options.struct_size = sizeof options;
    options.num_threads = 2;
    options.max_sequences = 2;
    EXPECT_EQ(llmc_session_open(model, &options, &session, &error), LLMC_OK) << error.message;
    EXPECT_EQ(llmc_generator_open(session, &generator, &error), LLMC_OK) << error.message;
    llmc_generate_defaults(model, &choice);
  }
  ~CApiTest() override {
    llmc_generator_close(generator);
    llmc_session_close(session);
    llmc_model_close(model);
    std::free(memory);
  }
  std::vector<int32_t> tokenize(const std::string &text, bool addSpecial = true) {
    std::vector<int32_t> ids(text.size() + 8);
    size_t count = 0;
    EXPECT_EQ(llmc_tokenize(model, text.data(), text.size(), addSpecial, 0, ids.data(), ids.size(), &count, &error),
              LLMC_OK);
    ids.resize(count);
    return ids;
  }
  std::string detokenize(const std::vector<int32_t> &ids) {
    std::string text(1000, 0);
    size_t size = 0;
    EXPECT_EQ(llmc_detokenize(model, ids.data(), ids.size(), 1, text.data(), text.size(), &size, &error), LLMC_OK);
    text.resize(size);
    return text;
  }

  Bytes container;
  void *memory;
  llmc_model *model = nullptr;
  llmc_session *session = nullptr;
  llmc_generator *generator = nullptr;
  llmc_generate_options choice;
  llmc_generate_result result = {sizeof(llmc_generate_result), llmc_end(0), 0, 0, 0, 0, 0};
  llmc_error error{};
};

TEST_F(CApiTest, ModelsTellWhatTheyAre) {
  llmc_model_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(llmc_model_get_info(model, &info), LLMC_OK);
  EXPECT_EQ(info.vocab_size, uint32_t(TOY_VOCAB));
  EXPECT_EQ(info.num_entries, 1u);
  EXPECT_EQ(info.num_dims, 6u);
  EXPECT_EQ(info.num_eos_ids, 1u);
  EXPECT_EQ(info.has_tokenizer, 1u);
  EXPECT_EQ(info.weights_size, TOY_VOCAB * sizeof(float));
  EXPECT_EQ(info.file_size, container.size());
  EXPECT_TRUE(std::isnan(info.temperature));
  EXPECT_EQ(llmc_model_eos_id(model, 0), TOY_EOS);
  EXPECT_EQ(llmc_model_eos_id(model, 1), -1);
  llmc_text_view key, value;
  llmc_model_fact(model, 0, &key, &value);
  EXPECT_EQ(std::string(value.data, value.size), "toy");
  llmc_dim_info dim;
  ASSERT_EQ(llmc_model_dim(model, TOY_DIM_CONTEXT, &dim), LLMC_OK);
  EXPECT_EQ(dim.maximum, uint64_t(TOY_MAX_CONTEXT));
  EXPECT_EQ(llmc_model_dim(model, 6, &dim), LLMC_INVALID_ARGUMENT);
  llmc_state_info state;
  ASSERT_EQ(llmc_model_state(model, 0, 0, &state), LLMC_OK);
  EXPECT_EQ(state.page_tokens, uint32_t(TOY_PAGE_TOKENS));
  EXPECT_EQ(llmc_model_state(model, 0, 1, &state), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(std::string(llmc_model_licences(model).data, 3), "toy");
  EXPECT_EQ(llmc_api_version(), LLMC_API_MAJOR << 16 | LLMC_API_MINOR);
}

TEST_F(CApiTest, SmallerStructsOfOlderCallersAreFilledAsFarAsTheyGo) {
  llmc_model_info info;
  std::memset(&info, 0x55, sizeof info);
  info.struct_size = offsetof(llmc_model_info, num_dims);
  ASSERT_EQ(llmc_model_get_info(model, &info), LLMC_OK);
  EXPECT_EQ(info.num_entries, 1u);
  EXPECT_EQ(info.num_dims, 0x55555555u);
}

TEST_F(CApiTest, OptionsOfALaterMinorMustBeZero) {
  struct {
    llmc_session_options known;
    uint32_t later;
  } options = {};
  options.known.struct_size = sizeof options;
  options.known.num_threads = 1;
  llmc_session *other = nullptr;
  EXPECT_EQ(llmc_session_open(model, &options.known, &other, &error), LLMC_OK) << error.message;
  llmc_session_close(other);
  options.later = 1;
  EXPECT_EQ(llmc_session_open(model, &options.known, &other, &error), LLMC_INVALID_ARGUMENT);
}

TEST_F(CApiTest, SessionsTellTheirBounds) {
  llmc_session_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(llmc_session_get_info(session, &info), LLMC_OK);
  EXPECT_EQ(info.num_threads, 2u);
  EXPECT_EQ(info.max_sequences, 2u);
  EXPECT_EQ(info.context, 509u);
  EXPECT_EQ(info.max_tokens_per_step, 61u);
  EXPECT_EQ(info.max_rows_per_step, 2u);
  EXPECT_EQ(info.states_size, 2u * 32 * TOY_PAGE_BYTES);
}

TEST_F(CApiTest, MistakesAreStatusesWithOrWithoutAnErrorStruct) {
  EXPECT_EQ(llmc_model_open(nullptr, &model, nullptr), LLMC_INVALID_ARGUMENT);
  llmc_model *other;
  EXPECT_EQ(llmc_model_open("/does/not/exist", &other, nullptr), LLMC_NOT_FOUND);
  EXPECT_EQ(llmc_model_open("/", &other, &error), LLMC_IO_ERROR);
  EXPECT_STREQ(error.message, "is a directory, expected a file");
  EXPECT_EQ(llmc_model_open("/dev/null", &other, &error), LLMC_IO_ERROR);
  EXPECT_STREQ(error.message, "is not a regular file, expected a file");
  EXPECT_EQ(llmc_step(session, nullptr, 0, nullptr, nullptr), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(llmc_step(nullptr, nullptr, 0, nullptr, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(llmc_sequence_length(session, 99), 0u);
  EXPECT_STREQ(llmc_status_name(LLMC_CONTEXT_FULL), "context full");
  alignas(64) uint8_t bytes[128] = {};
  EXPECT_EQ(llmc_model_open_memory(bytes + 1, 64, &other, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(llmc_model_open_memory(bytes, 128, &other, &error), LLMC_INVALID_FILE);
}

TEST_F(CApiTest, NullIsAMistakeLikeOthers) {
  size_t count = 0;
  llmc_dim_info dim;
  llmc_entry_info entry;
  llmc_state_info state;
  llmc_model_info info = {};
  info.struct_size = sizeof info;
  llmc_session_info bounds = {};
  bounds.struct_size = sizeof bounds;
  llmc_model *none;
  llmc_session *noSession;
  llmc_generator *noGenerator;
  const llmc_status refused[] = {
      llmc_model_open_memory(nullptr, 0, &none, &error),
      llmc_model_open_memory(memory, 0, nullptr, &error),
      llmc_model_verify(nullptr, &error),
      llmc_model_get_info(nullptr, &info),
      llmc_model_get_info(model, nullptr),
      llmc_model_dim(nullptr, 0, &dim),
      llmc_model_dim(model, 0, nullptr),
      llmc_model_entry(nullptr, 0, &entry),
      llmc_model_entry(model, 0, nullptr),
      llmc_model_state(nullptr, 0, 0, &state),
      llmc_model_state(model, 0, 0, nullptr),
      llmc_session_open(nullptr, nullptr, &noSession, &error),
      llmc_session_open(model, nullptr, nullptr, &error),
      llmc_session_get_info(nullptr, &bounds),
      llmc_session_get_info(session, nullptr),
      llmc_prefill(nullptr, 0, nullptr, 0, nullptr, &error),
      llmc_prefill(session, 0, nullptr, 1, nullptr, &error),
      llmc_sequence_truncate(nullptr, 0, 0, &error),
      llmc_tokenize(nullptr, "a", 1, 0, 0, nullptr, 0, &count, &error),
      llmc_tokenize(model, nullptr, 1, 0, 0, nullptr, 0, &count, &error),
      llmc_tokenize(model, "a", 1, 0, 0, nullptr, 1, &count, &error),
      llmc_tokenize(model, "a", 1, 0, 0, nullptr, 0, nullptr, &error),
      llmc_detokenize(nullptr, nullptr, 0, 0, nullptr, 0, &count, &error),
      llmc_detokenize(model, nullptr, 1, 0, nullptr, 0, &count, &error),
      llmc_detokenize(model, nullptr, 0, 0, nullptr, 1, &count, &error),
      llmc_detokenize(model, nullptr, 0, 0, nullptr, 0, nullptr, &error),
      llmc_generator_open(nullptr, &noGenerator, &error),
      llmc_generator_open(session, nullptr, &error),
      llmc_generate(nullptr, nullptr, 0, &choice, &result, &error),
      llmc_generate(generator, nullptr, 1, &choice, &result, &error),
      llmc_generate(generator, nullptr, 1, nullptr, &result, &error),
  };
  for (size_t i = 0; i < std::size(refused); ++i)
    EXPECT_EQ(refused[i], LLMC_INVALID_ARGUMENT) << i;
  EXPECT_EQ(llmc_model_eos_id(nullptr, 0), -1);
  EXPECT_EQ(llmc_sequence_length(nullptr, 0), 0u);
  EXPECT_EQ(llmc_model_licences(nullptr).size, 0u);
  llmc_text_view key, value;
  uint64_t features = 1;
  llmc_model_fact(nullptr, 0, &key, &value);
  EXPECT_EQ(key.size + value.size, 0u);
  llmc_model_variant(nullptr, 0, &key, &features);
  EXPECT_EQ(key.size + features, 0u);
  llmc_generate_options plain;
  llmc_generate_defaults(nullptr, &plain);
  EXPECT_EQ(plain.temperature, 0);
  EXPECT_EQ(plain.top_p, 1);
  llmc_model_close(nullptr);
  llmc_session_close(nullptr);
  llmc_generator_close(nullptr);
}

TEST_F(CApiTest, WhatDoesNotOpenIsNull) {
  const auto garbage = reinterpret_cast<uintptr_t>(this);
  auto *otherModel = reinterpret_cast<llmc_model *>(garbage);
  EXPECT_EQ(llmc_model_open("/does/not/exist", &otherModel, &error), LLMC_NOT_FOUND);
  EXPECT_EQ(otherModel, nullptr);
  otherModel = reinterpret_cast<llmc_model *>(garbage);
  EXPECT_EQ(llmc_model_open_memory(memory, 64, &otherModel, &error), LLMC_INVALID_FILE);
  EXPECT_EQ(otherModel, nullptr);
  auto *otherSession = reinterpret_cast<llmc_session *>(garbage);
  llmc_session_options options = {sizeof options, 0, 0, 0, 0, 0};
  options.context = 100000;
  EXPECT_EQ(llmc_session_open(model, &options, &otherSession, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(otherSession, nullptr);
}

TEST_F(CApiTest, AFileForAnotherProcessorOrVersionIsUnsupported) {
  ToyParts parts = toyPartsWithTokenizer();
  for (llmc_variant &variant : parts.variants)
    variant.features = UINT64_MAX;
  Bytes other = writeContainer(toySections(parts));
  std::string path = std::string(LLMC_BUILD_FOLDER) + "/capi-test-other.llmc";
  writeFile(path, other);
  llmc_model *none;
  EXPECT_EQ(llmc_model_open(path.c_str(), &none, &error), LLMC_UNSUPPORTED) << error.message;
  other[8] = 9; // the major version
  writeFile(path, other);
  EXPECT_EQ(llmc_model_open(path.c_str(), &none, &error), LLMC_UNSUPPORTED) << error.message;
  unlink(path.c_str());
}

TEST_F(CApiTest, SequencesRefuseWhatDoesNotFit) {
  std::vector<int32_t> ids(510, 65);
  EXPECT_EQ(llmc_prefill(session, 0, ids.data(), 510, nullptr, &error), LLMC_CONTEXT_FULL);
  EXPECT_EQ(llmc_prefill(session, 2, ids.data(), 1, nullptr, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(llmc_sequence_length(session, 0), 0u);
  EXPECT_EQ(llmc_prefill(session, 0, ids.data(), 509, nullptr, &error), LLMC_OK) << error.message;
  llmc_step_input input = {0, 1, ids.data(), 0};
  EXPECT_EQ(llmc_step(session, &input, 1, nullptr, &error), LLMC_CONTEXT_FULL);
  EXPECT_EQ(llmc_sequence_truncate(session, 0, 510, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(llmc_sequence_truncate(session, 2, 0, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(llmc_sequence_length(session, 0), 509u);
  EXPECT_EQ(llmc_sequence_truncate(session, 0, 508, &error), LLMC_OK);
  EXPECT_EQ(llmc_step(session, &input, 1, nullptr, &error), LLMC_OK) << error.message;
}

TEST_F(CApiTest, VerifyReadsTheWeights) {
  EXPECT_EQ(llmc_model_verify(model, &error), LLMC_OK);
  static_cast<uint8_t *>(memory)[196608] ^= 1;
  EXPECT_EQ(llmc_model_verify(model, &error), LLMC_INVALID_FILE);
}

TEST_F(CApiTest, TextBecomesTokensAndText) {
  EXPECT_EQ(tokenize("the th\xc3\xa9"), (std::vector<int32_t>{256, 260, ' ', 258, 262}));
  EXPECT_EQ(tokenize("the", false), std::vector<int32_t>{260});
  EXPECT_EQ(detokenize({256, 260, ' ', 258, 262, 257}), "the th\xc3\xa9");
  EXPECT_EQ(detokenize({0xc3}), "\xef\xbf\xbd");
  size_t count = 0;
  EXPECT_EQ(llmc_tokenize(model, "abc", 3, 0, 0, nullptr, 0, &count, &error), LLMC_OK);
  EXPECT_EQ(count, 3u) << "the number is told even where there is no room";
  int32_t wrong = TOY_VOCAB;
  EXPECT_EQ(llmc_detokenize(model, &wrong, 1, 1, nullptr, 0, &count, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "token 0 is 263, expected 0 to 262");
}

/// Collects what a generation hands out.
struct Pieces {
  std::vector<int32_t> tokens;
  std::string text;
  size_t most = SIZE_MAX; ///< Asks to end after this many.
  static int take(void *self, const llmc_piece *piece) {
    Pieces &pieces = *static_cast<Pieces *>(self);
    if (piece->token >= 0)
      pieces.tokens.push_back(piece->token);
    pieces.text.append(piece->text, piece->size);
    return pieces.tokens.size() >= pieces.most;
  }
};

TEST_F(CApiTest, GreedyGenerationTakesTheLikeliestTokens) {
  Pieces pieces;
  choice.max_new_tokens = 12;
  choice.on_piece = Pieces::take;
  choice.user = &pieces;
  std::vector<int32_t> ids = tokenize("the sea");
  ASSERT_EQ(llmc_generate(generator, ids.data(), uint32_t(ids.size()), &choice, &result, &error), LLMC_OK)
      << error.message;
  EXPECT_EQ(result.end, LLMC_END_LENGTH);
  EXPECT_EQ(result.num_prompt_tokens, ids.size());
  EXPECT_EQ(result.num_new_tokens, 12u);
  std::vector<int32_t> all = ids;
  for (int32_t token : pieces.tokens) {
    std::vector<float> logits = toyLogits(all);
    EXPECT_EQ(token, std::max_element(logits.begin(), logits.end()) - logits.begin());
    all.push_back(token);
  }
  EXPECT_EQ(pieces.text, detokenize(pieces.tokens));
  EXPECT_EQ(llmc_sequence_length(session, 0), ids.size() + 11) << "the last token is not appended";
}

TEST_F(CApiTest, StreamedTextIsTheTextOfTheTokensAndWholeCharacters) {
  struct Checked : Pieces {
    static int takeChecked(void *self, const llmc_piece *piece) {
      // A piece never begins inside a character.
      EXPECT_FALSE(piece->size && (piece->text[0] & 0xc0) == 0x80);
      return Pieces::take(self, piece);
    }
  } pieces;
  choice.max_new_tokens = 300;
  choice.temperature = 200; // nearly every token is as likely as any other
  choice.seed = 11;
  choice.ignore_eos = 1;
  choice.on_piece = Checked::takeChecked;
  choice.user = static_cast<Pieces *>(&pieces);
  std::vector<int32_t> ids = tokenize("x");
  ASSERT_EQ(llmc_generate(generator, ids.data(), uint32_t(ids.size()), &choice, &result, &error), LLMC_OK);
  EXPECT_EQ(pieces.tokens.size(), 300u);
  EXPECT_EQ(pieces.text, detokenize(pieces.tokens));
}

TEST_F(CApiTest, AStopTextEndsBeforeItself) {
  Pieces free, stopped;
  choice.max_new_tokens = 200;
  choice.temperature = 200;
  choice.seed = 3;
  choice.ignore_eos = 1;
  choice.on_piece = Pieces::take;
  choice.user = &free;
  std::vector<int32_t> ids = tokenize("x");
  ASSERT_EQ(llmc_generate(generator, ids.data(), 2, &choice, &result, &error), LLMC_OK);
  // A stop that spans two tokens of what came.
  std::string stop = free.text.substr(free.text.size() / 2);
  stop = stop.substr(stop.find_first_of("abcdefghijklmnopqrstuvwxyz"), 2);
  ASSERT_EQ(llmc_sequence_truncate(session, 0, 0, &error), LLMC_OK);
  const char *stops[] = {"never to be seen", stop.c_str()};
  choice.stop_texts = stops;
  choice.num_stop_texts = 2;
  choice.user = &stopped;
  ASSERT_EQ(llmc_generate(generator, ids.data(), 2, &choice, &result, &error), LLMC_OK);
  EXPECT_EQ(result.end, LLMC_END_TEXT);
  EXPECT_EQ(stopped.text, free.text.substr(0, free.text.find(stop)));
}

TEST_F(CApiTest, ACallbackMayEndIt) {
  Pieces pieces;
  pieces.most = 4;
  choice.on_piece = Pieces::take;
  choice.user = &pieces;
  int32_t id = 65;
  ASSERT_EQ(llmc_generate(generator, &id, 1, &choice, &result, &error), LLMC_OK);
  EXPECT_EQ(result.end, LLMC_END_CALLBACK);
  EXPECT_EQ(pieces.tokens.size(), 4u);
}

TEST_F(CApiTest, AFullContextEndsItAndTheNextPromptIsRefused) {
  int32_t id = 65;
  ASSERT_EQ(llmc_generate(generator, &id, 1, &choice, &result, &error), LLMC_OK);
  EXPECT_EQ(result.end, LLMC_END_CONTEXT);
  EXPECT_EQ(llmc_sequence_length(session, 0), 509u);
  EXPECT_EQ(result.num_new_tokens, 509u) << "the last one has no room to be read again";
  EXPECT_EQ(llmc_generate(generator, &id, 1, &choice, &result, &error), LLMC_CONTEXT_FULL);
  EXPECT_STREQ(error.message, "the prompt of 1 tokens does not fit: 0 of 509 positions are free");
}

TEST_F(CApiTest, AShiftLeavesASequenceThatIsOneOfItsOwn) {
  Pieces all, rest;
  std::vector<int32_t> ids(500, 66);
  ids[0] = 256;
  choice.context_policy = LLMC_CONTEXT_SHIFT;
  choice.num_keep = 1;
  choice.max_new_tokens = 100;
  choice.on_piece = Pieces::take;
  choice.user = &all;
  ASSERT_EQ(llmc_generate(generator, ids.data(), 500, &choice, &result, &error), LLMC_OK) << error.message;
  EXPECT_EQ(result.end, LLMC_END_LENGTH);
  EXPECT_EQ(result.num_shifts, 1u);
  // 509 and the tenth answer: the first stays, and 254 of the rest.
  std::vector<int32_t> kept = {256};
  ids.insert(ids.end(), all.tokens.begin(), all.tokens.begin() + 10);
  kept.insert(kept.end(), ids.end() - 254, ids.end());
  EXPECT_EQ(llmc_sequence_length(session, 0), 255u + 89u);
  choice.max_new_tokens = 90;
  choice.sequence = 1;
  choice.user = &rest;
  ASSERT_EQ(llmc_generate(generator, kept.data(), uint32_t(kept.size()), &choice, &result, &error), LLMC_OK);
  EXPECT_EQ(result.num_shifts, 0u);
  EXPECT_EQ(rest.tokens, std::vector<int32_t>(all.tokens.begin() + 10, all.tokens.end()));
}

TEST_F(CApiTest, APromptMayPushTheOldestTokensOut) {
  Pieces pieces, alone;
  std::vector<int32_t> first(300, 66), second(400, 67);
  choice.context_policy = LLMC_CONTEXT_SHIFT;
  choice.max_new_tokens = 1;
  ASSERT_EQ(llmc_generate(generator, first.data(), 300, &choice, &result, &error), LLMC_OK);
  choice.max_new_tokens = 20;
  choice.on_piece = Pieces::take;
  choice.user = &pieces;
  ASSERT_EQ(llmc_generate(generator, second.data(), 400, &choice, &result, &error), LLMC_OK) << error.message;
  EXPECT_EQ(result.num_shifts, 1u);
  choice.sequence = 1;
  choice.user = &alone;
  ASSERT_EQ(llmc_generate(generator, second.data(), 400, &choice, &result, &error), LLMC_OK);
  EXPECT_EQ(pieces.tokens, alone.tokens) << "more than half of the context: it alone stays";
  choice.num_keep = 200;
  EXPECT_EQ(llmc_generate(generator, second.data(), 400, &choice, &result, &error), LLMC_CONTEXT_FULL);
  EXPECT_STREQ(error.message, "400 new tokens do not fit beside those that are kept: the context has 509 positions");
}

TEST_F(CApiTest, TokensThatWereStepsOfTheCallerAreNotDropped) {
  std::vector<int32_t> ids(509, 66);
  ASSERT_EQ(llmc_prefill(session, 0, ids.data(), 500, nullptr, &error), LLMC_OK);
  choice.context_policy = LLMC_CONTEXT_SHIFT;
  EXPECT_EQ(llmc_generate(generator, ids.data(), 10, &choice, &result, &error), LLMC_CONTEXT_FULL);
  EXPECT_STREQ(error.message, "the sequence has tokens that were not generated here, so none of them can be dropped");
  EXPECT_EQ(llmc_sequence_length(session, 0), 500u);
}

TEST_F(CApiTest, WrongOptionsAreRefused) {
  int32_t id = 65;
  auto refused = [&](const char *message) {
    EXPECT_EQ(llmc_generate(generator, &id, 1, &choice, nullptr, &error), LLMC_INVALID_ARGUMENT);
    EXPECT_STREQ(error.message, message);
    llmc_generate_defaults(model, &choice);
  };
  choice.temperature = NAN;
  refused("temperature = nan, expected 0 to 1000");
  choice.top_p = 2;
  refused("top_p = 2, expected 0 to 1");
  choice.context_policy = 2;
  refused("context_policy = 2, expected 0 or 1");
  choice.sequence = 2;
  refused("sequence 2, the session has 2");
  choice.num_stop_texts = 1;
  refused("stop_texts must not be null");
  choice.struct_size = 0;
  refused("struct_size is not set");
  EXPECT_EQ(llmc_generate(generator, &id, 0, &choice, nullptr, &error), LLMC_INVALID_ARGUMENT);
}

TEST_F(CApiTest, ASavedSequenceGoesOnInAnotherSession) {
  TemporaryFolder folder;
  std::string path = folder / "saved";
  Pieces whole, half, rest;
  std::vector<int32_t> ids = tokenize("the sea");
  choice.repeat_penalty = 2;
  choice.on_piece = Pieces::take;
  choice.max_new_tokens = 30;
  choice.user = &whole;
  ASSERT_EQ(llmc_generate(generator, ids.data(), uint32_t(ids.size()), &choice, &result, &error), LLMC_OK);
  choice.max_new_tokens = 12;
  choice.sequence = 1;
  choice.user = &half;
  ASSERT_EQ(llmc_generate(generator, ids.data(), uint32_t(ids.size()), &choice, &result, &error), LLMC_OK);
  ids.insert(ids.end(), half.tokens.begin(), half.tokens.end());
  ASSERT_EQ(llmc_sequence_save(session, 1, ids.data(), uint32_t(ids.size()), {"note", 4}, path.c_str(), &error),
            LLMC_OK)
      << error.message;

  llmc_saved *saved = nullptr;
  ASSERT_EQ(llmc_saved_open(model, path.c_str(), &saved, &error), LLMC_OK) << error.message;
  uint32_t count = 0;
  const int32_t *tokens = llmc_saved_tokens(saved, &count);
  ASSERT_EQ(std::vector<int32_t>(tokens, tokens + count), ids);
  llmc_text_view note = llmc_saved_application(saved);
  EXPECT_EQ(std::string(note.data, note.size), "note");
  ASSERT_EQ(llmc_saved_restore(saved, session, 0, &error), LLMC_OK) << error.message;
  EXPECT_EQ(llmc_sequence_length(session, 0), count - 1);
  EXPECT_EQ(llmc_generator_recall(generator, 0, tokens, count - 2, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(llmc_generator_recall(generator, 2, tokens, count, &error), LLMC_INVALID_ARGUMENT);
  ASSERT_EQ(llmc_generator_recall(generator, 0, tokens, count, &error), LLMC_OK) << error.message;
  choice.max_new_tokens = 18;
  choice.sequence = 0;
  choice.user = &rest;
  ASSERT_EQ(llmc_generate(generator, &ids.back(), 1, &choice, &result, &error), LLMC_OK);
  half.tokens.insert(half.tokens.end(), rest.tokens.begin(), rest.tokens.end());
  EXPECT_EQ(half.tokens, whole.tokens);

  EXPECT_EQ(llmc_sequence_save(session, 0, ids.data(), 1, {"", 0}, path.c_str(), &error), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(llmc_sequence_save(nullptr, 0, ids.data(), 1, {"", 0}, path.c_str(), &error), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(llmc_sequence_save(session, 0, ids.data(), 1, {nullptr, 5}, path.c_str(), nullptr), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(llmc_saved_restore(saved, nullptr, 0, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_EQ(llmc_generator_recall(nullptr, 0, tokens, count, &error), LLMC_INVALID_ARGUMENT);
  llmc_saved_close(saved);
  EXPECT_EQ(llmc_saved_open(model, "/does/not/exist", &saved, &error), LLMC_NOT_FOUND);
  EXPECT_EQ(saved, nullptr);
  EXPECT_EQ(llmc_saved_tokens(saved, &count), nullptr);
  EXPECT_EQ(llmc_saved_application(saved).size, 0u);
}

/// A model whose end token is the likeliest one after any text.
class EndingTest : public CApiTest {
protected:
  static ToyParts parts() {
    ToyParts parts = toyPartsWithTokenizer();
    float large = 1e6f;
    std::memcpy(parts.weights.data() + TOY_EOS * sizeof large, &large, sizeof large);
    return parts;
  }
  EndingTest() : CApiTest(parts()) {}
};

TEST_F(EndingTest, AnEndTokenEndsIt) {
  Pieces pieces;
  choice.on_piece = Pieces::take;
  choice.user = &pieces;
  int32_t id = 65;
  ASSERT_EQ(llmc_generate(generator, &id, 1, &choice, &result, &error), LLMC_OK);
  EXPECT_EQ(result.end, LLMC_END_TOKEN);
  EXPECT_EQ(pieces.tokens, std::vector<int32_t>{TOY_EOS});
  EXPECT_EQ(pieces.text, "");
}

TEST_F(EndingTest, UnlessItIsIgnored) {
  choice.ignore_eos = 1;
  choice.max_new_tokens = 3;
  int32_t id = 65;
  ASSERT_EQ(llmc_generate(generator, &id, 1, &choice, &result, &error), LLMC_OK);
  EXPECT_EQ(result.end, LLMC_END_LENGTH);
}

/// A model with defaults of its own.
class DefaultsTest : public CApiTest {
protected:
  static ToyParts parts() {
    ToyParts parts = toyPartsWithTokenizer();
    llmc_generation &generation = parts.manifest.head.generation;
    generation.do_sample = 1;
    generation.temperature = 0.5f;
    generation.top_k = 7;
    generation.repetition_penalty = 1.25f;
    return parts;
  }
  DefaultsTest() : CApiTest(parts()) {}
};

TEST_F(DefaultsTest, OptionsBeginWithThem) {
  EXPECT_EQ(choice.temperature, 0.5f);
  EXPECT_EQ(choice.top_k, 7u);
  EXPECT_EQ(choice.top_p, 1.0f);
  EXPECT_EQ(choice.repeat_penalty, 1.25f);
}

/// A model without a tokenizer, and one whose tokenizer is damaged.
TEST(TokenizerTest, WithoutOneTextIsRefused) {
  std::string path = std::string(LLMC_BUILD_FOLDER) + "/capi-test.llmc";
  writeFile(path, toyContainer());
  llmc_model *model;
  llmc_error error;
  size_t count;
  ASSERT_EQ(llmc_model_open(path.c_str(), &model, &error), LLMC_OK) << error.message;
  EXPECT_EQ(llmc_tokenize(model, "a", 1, 1, 0, nullptr, 0, &count, &error), LLMC_NOT_FOUND);
  EXPECT_STREQ(error.message, "the model has no tokenizer");
  llmc_model_close(model);
  ToyParts parts = toyPartsWithTokenizer();
  parts.tokenizer.resize(100);
  writeFile(path, writeContainer(toySections(parts)));
  EXPECT_EQ(llmc_model_open(path.c_str(), &model, &error), LLMC_INVALID_FILE);
  EXPECT_EQ(std::string(error.message).rfind("tokenizer: ", 0), 0u) << error.message;
  unlink(path.c_str());
}

/// Weights in memory of the model's own give what mapped ones give; options of a size that is not known yet are
/// defaults.
TEST(WeightsTest, CopiedOnesComputeTheSame) {
  std::string path = std::string(LLMC_BUILD_FOLDER) + "/capi-test-copy.llmc";
  writeFile(path, toyContainer());
  const llmc_model_options copy = {sizeof copy, 1}, none = {0, 1};
  const std::vector<int32_t> tokens = {3, 7, 1};
  for (const llmc_model_options *options : {static_cast<const llmc_model_options *>(nullptr), &copy, &none}) {
    llmc_model *model;
    llmc_session *session;
    llmc_error error;
    ASSERT_EQ(llmc_model_open_with(path.c_str(), options, &model, &error), LLMC_OK) << error.message;
    EXPECT_EQ(model->ownWeights.data != nullptr, options == &copy);
    ASSERT_EQ(llmc_session_open(model, nullptr, &session, &error), LLMC_OK) << error.message;
    llmc_step_input input = {};
    input.tokens = tokens.data();
    input.num_tokens = uint32_t(tokens.size());
    input.num_logits = 1;
    llmc_logits logits = {};
    ASSERT_EQ(llmc_step(session, &input, 1, &logits, &error), LLMC_OK) << error.message;
    EXPECT_EQ(std::vector<float>(logits.data, logits.data + logits.vocab_size), toyLogits(tokens));
    llmc_session_close(session);
    llmc_model_close(model);
  }
  unlink(path.c_str());
}

TEST(WeightsTest, LogitsThatAreNoNumbersEndGeneration) {
  ToyParts parts = toyParts();
  for (int v = 0; v < TOY_VOCAB; ++v) {
    float none = NAN;
    std::memcpy(parts.weights.data() + size_t(v) * sizeof none, &none, sizeof none);
  }
  std::string path = std::string(LLMC_BUILD_FOLDER) + "/capi-test-nan.llmc";
  writeFile(path, writeContainer(toySections(parts)));
  llmc_model *model;
  llmc_session *session;
  llmc_generator *generator;
  llmc_error error;
  ASSERT_EQ(llmc_model_open(path.c_str(), &model, &error), LLMC_OK);
  ASSERT_EQ(llmc_session_open(model, nullptr, &session, &error), LLMC_OK);
  ASSERT_EQ(llmc_generator_open(session, &generator, &error), LLMC_OK);
  llmc_generate_options choice;
  llmc_generate_defaults(model, &choice);
  int32_t id = 1;
  EXPECT_EQ(llmc_generate(generator, &id, 1, &choice, nullptr, &error), LLMC_INVALID_FILE);
  EXPECT_STREQ(error.message, "the logits after 1 tokens are not numbers");
  llmc_generator_close(generator);
  llmc_session_close(session);
  llmc_model_close(model);
  unlink(path.c_str());
}

} // namespace
