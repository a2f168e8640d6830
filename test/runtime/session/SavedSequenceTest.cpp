// SavedSequenceTest.cpp - sequences saved to a file and restored: the same logits, and every damage found.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/SavedSequence.h"
#include "test/TestPaths.h"
#include "test/runtime/support/ContainerWriter.h"
#include "test/runtime/support/toy_model.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>

using namespace llmc::runtime;
using namespace llmc::test;

namespace {

class SavedSequenceTest : public testing::Test {
protected:
  SavedSequenceTest() {
    Bytes container = toyContainer();
    memory = std::aligned_alloc(64, (container.size() + 63) / 64 * 64);
    std::memcpy(memory, container.data(), container.size());
    EXPECT_EQ(openModelMemory(memory, container.size(), model, error), LLMC_OK) << error.message;
    session = open(0);
    for (int i = 0; i < 41; ++i)
      tokens.push_back(i * 5 % TOY_VOCAB);
  }
  ~SavedSequenceTest() override {
    closeSaved(saved);
    closeSession(session);
    closeModel(model);
    std::free(memory);
  }
  llmc_session *open(uint32_t context) {
    llmc_session_options options = {};
    options.num_threads = 2;
    options.max_sequences = 3;
    options.context = context;
    llmc_session *opened = nullptr;
    EXPECT_EQ(openSession(*model, options, opened, error), LLMC_OK) << error.message;
    return opened;
  }
  /// Logits after the next token of a sequence.
  std::vector<float> next(llmc_session &where, uint32_t sequence, int32_t token) {
    llmc_logits logits;
    llmc_step_input input = {sequence, 1, &token, 1};
    EXPECT_EQ(runStep(where, &input, 1, logits, error), LLMC_OK) << error.message;
    return {logits.data, logits.data + logits.vocab_size};
  }
  void read(uint32_t sequence, size_t count) {
    llmc_logits logits;
    ASSERT_EQ(runPrefill(*session, sequence, tokens.data(), uint32_t(count), logits, error), LLMC_OK);
  }
  Status save(uint32_t sequence, size_t count, const std::string &more = "") {
    return saveSequence(*session, sequence, tokens.data(), uint32_t(count), {more.data(), more.size()}, path.c_str(),
                        error);
  }
  /// The message about bytes that are no sound file.
  std::string refused(const Bytes &bytes) {
    llmc_saved *none = nullptr;
    EXPECT_NE(openSavedMemory(*model, bytes.data(), bytes.size(), none, error), LLMC_OK);
    EXPECT_EQ(none, nullptr);
    return error.message;
  }

  TemporaryFolder folder;
  std::string path = folder / "saved";
  void *memory;
  llmc_model *model = nullptr;
  llmc_session *session = nullptr;
  llmc_saved *saved = nullptr;
  std::vector<int32_t> tokens;
  Error error{};
};

TEST_F(SavedSequenceTest, ARestoredSequenceGoesOnBitForBit) {
  read(1, 37); // two pages and a part
  ASSERT_EQ(save(1, 38, "mine"), LLMC_OK) << error.message;
  std::vector<float> wanted = next(*session, 1, 11);
  ASSERT_EQ(openSaved(*model, path.c_str(), saved, error), LLMC_OK) << error.message;
  EXPECT_EQ(saved->header.num_tokens, 38u);
  EXPECT_EQ(std::memcmp(saved->bytes + saved->part(0).offset, tokens.data(), 38 * sizeof(int32_t)), 0);
  EXPECT_EQ(std::memcmp(saved->bytes + saved->part(1).offset, "mine", 4), 0);
  // Into another session, another sequence, one with another context, and over something longer.
  llmc_session *other = open(39);
  read(2, 41);
  for (auto [where, sequence] : {std::pair(other, 0u), std::pair(session, 2u), std::pair(session, 0u)}) {
    ASSERT_EQ(restoreSequence(*saved, *where, sequence, error), LLMC_OK) << error.message;
    EXPECT_EQ(where->lengths[sequence], 37u);
    EXPECT_EQ(next(*where, sequence, 11), wanted);
  }
  closeSession(other);
}

TEST_F(SavedSequenceTest, AnEmptySequenceIsOneToo) {
  ASSERT_EQ(save(0, 0), LLMC_OK) << error.message;
  ASSERT_EQ(openSaved(*model, path.c_str(), saved, error), LLMC_OK) << error.message;
  EXPECT_EQ(readFile(path).size(), 128u + 3 * 64);
  read(0, 20);
  ASSERT_EQ(restoreSequence(*saved, *session, 0, error), LLMC_OK);
  EXPECT_EQ(session->lengths[0], 0u);
}

TEST_F(SavedSequenceTest, WhatIsNotOfTheSequenceIsRefused) {
  read(0, 5);
  EXPECT_EQ(save(3, 5), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "sequence 3, the session has 3");
  EXPECT_EQ(save(0, 4), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "4 tokens, the sequence has 5 (expected as many, or one more)");
  EXPECT_EQ(save(0, 7), LLMC_INVALID_ARGUMENT);
  tokens[2] = TOY_VOCAB;
  EXPECT_EQ(save(0, 5), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "token 2 is 263, expected 0 to 262");
  EXPECT_FALSE(llmc::test::exists(path));
}

TEST_F(SavedSequenceTest, TheContextMustHoldIt) {
  read(0, 20);
  ASSERT_EQ(save(0, 20), LLMC_OK);
  ASSERT_EQ(openSaved(*model, path.c_str(), saved, error), LLMC_OK);
  llmc_session *small = open(19);
  EXPECT_EQ(restoreSequence(*saved, *small, 0, error), LLMC_CONTEXT_FULL);
  EXPECT_STREQ(error.message, "holds 20 tokens, the context has 19 positions");
  EXPECT_EQ(restoreSequence(*saved, *small, 3, error), LLMC_CONTEXT_FULL);
  closeSession(small);
  EXPECT_EQ(restoreSequence(*saved, *session, 3, error), LLMC_INVALID_ARGUMENT);
}

TEST_F(SavedSequenceTest, EveryChangedByteButPaddingIsFound) {
  read(0, 20);
  ASSERT_EQ(save(0, 20, "more"), LLMC_OK);
  const Bytes sound = readFile(path);
  llmc_saved *opened = nullptr;
  ASSERT_EQ(openSavedMemory(*model, sound.data(), sound.size(), opened, error), LLMC_OK) << error.message;
  std::vector<bool> padding(sound.size(), true);
  std::fill(padding.begin(), padding.begin() + 128 + 3 * 64, false);
  for (uint32_t i = 0; i < opened->header.num_parts; ++i) {
    llmc_session_part part = opened->part(i);
    std::fill(padding.begin() + long(part.offset), padding.begin() + long(part.offset + part.size), false);
  }
  closeSaved(opened);
  for (size_t at = 0; at < sound.size(); ++at) {
    Bytes bytes = sound;
    bytes[at] ^= 0x10;
    if (!padding[at])
      EXPECT_NE(refused(bytes), "") << at;
  }
  for (size_t size = 0; size < sound.size(); size += 7)
    EXPECT_NE(refused(Bytes(sound.begin(), sound.begin() + long(size))), "");
  Bytes longer = sound;
  longer.push_back(0);
  EXPECT_EQ(refused(longer), "has " + std::to_string(longer.size()) + " bytes, expected " +
                                 std::to_string(sound.size()) + ": it was cut short or added to");
}

TEST_F(SavedSequenceTest, TheHeaderIsChecked) {
  read(0, 20);
  ASSERT_EQ(save(0, 20), LLMC_OK);
  const Bytes sound = readFile(path);
  auto with = [&](size_t offset, uint32_t value) {
    Bytes bytes = sound;
    std::memcpy(&bytes[offset], &value, sizeof value);
    return refused(bytes);
  };
  EXPECT_EQ(with(0, 0), "is not a saved session");
  EXPECT_EQ(with(offsetof(llmc_session_header, major), 2), "is a saved session of version 2.0, this program reads 1");
  EXPECT_EQ(error.status, LLMC_UNSUPPORTED);
  EXPECT_EQ(with(offsetof(llmc_session_header, model_sha256), 7), "was saved with another model");
  EXPECT_EQ(with(offsetof(llmc_session_header, architecture), 9), "was saved on another kind of processor");
  EXPECT_EQ(with(offsetof(llmc_session_header, num_parts), 0xffffffff), "is damaged: 4294967295 parts, expected 3");
  EXPECT_EQ(with(offsetof(llmc_session_header, num_tokens), 22), "is damaged: 22 tokens, of which 20 are computed");
  EXPECT_EQ(with(offsetof(llmc_session_header, num_computed), 21), "is damaged: 20 tokens, of which 21 are computed");
  EXPECT_EQ(with(offsetof(llmc_session_header, application_size) + 4, 1),
            "is damaged: 4294967296 bytes of the application, expected at most 1073741824");
  Bytes many = sound;
  uint32_t count = TOY_MAX_CONTEXT + 1;
  std::memcpy(&many[offsetof(llmc_session_header, num_tokens)], &count, sizeof count);
  std::memcpy(&many[offsetof(llmc_session_header, num_computed)], &count, sizeof count);
  EXPECT_EQ(refused(many), "is damaged: 1010 tokens, of which 1010 are computed");
  EXPECT_EQ(with(offsetof(llmc_session_header, sha256), 5), "is damaged: the SHA-256 of its header does not match");
}

} // namespace
