// SessionTest.cpp - sessions run steps of the toy model: positions, pages, rows, bounds, threads.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/Session.h"
#include "runtime/src/memory/SizeExpressions.h"
#include "runtime/src/platform/CpuFeatures.h"
#include "test/runtime/support/ContainerWriter.h"
#include "test/runtime/support/toy_model.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <signal.h>
#include <xmmintrin.h>

using namespace llmc::runtime;
using namespace llmc::test;

namespace {

/// A container opened from aligned memory.
class OpenToy {
public:
  explicit OpenToy(const Bytes &container) {
    size = (container.size() + 63) / 64 * 64;
    memory = std::aligned_alloc(64, size);
    std::memcpy(memory, container.data(), container.size());
    status = openModelMemory(memory, container.size(), model, error);
    EXPECT_EQ(status, LLMC_OK) << error.message;
  }
  ~OpenToy() {
    closeModel(model);
    std::free(memory);
  }
  llmc_model *model = nullptr;
  Error error{};
  Status status;

private:
  void *memory;
  size_t size;
};

/// The toy model with a variant for tiles before its own, or with that alone.
Bytes tilesContainer(bool alone) {
  ToyParts parts = toyParts();
  llmc_variant plain = parts.variants[0], tiles = plain;
  tiles.name = parts.manifest.text("with tiles");
  tiles.features |= platform::tileFeatures;
  parts.variants = {tiles};
  std::vector<uint64_t> offsets = parts.entryOffsets[0];
  parts.entryOffsets = {offsets};
  if (!alone) {
    parts.variants.push_back(plain);
    parts.entryOffsets.push_back(offsets);
  }
  return writeContainer(toySections(parts));
}

class SessionTest : public testing::Test {
protected:
  SessionTest() : toy(toyContainer()) {}
  ~SessionTest() override { closeSession(session); }

  Status open(llmc_session_options options = {}) {
    closeSession(session);
    session = nullptr;
    return openSession(*toy.model, options, session, error);
  }
  Status step(std::vector<llmc_step_input> inputs) {
    return runStep(*session, inputs.data(), uint32_t(inputs.size()), logits, error);
  }
  std::vector<float> row(uint32_t index) const {
    const float *begin = logits.data + index * logits.row_stride;
    return std::vector<float>(begin, begin + logits.vocab_size);
  }
  static std::vector<int32_t> someTokens(size_t count, uint32_t seed = 1) {
    std::vector<int32_t> tokens;
    for (size_t i = 0; i < count; ++i)
      tokens.push_back(int32_t((seed = seed * 1664525u + 1013904223u) >> 8) % TOY_VOCAB);
    return tokens;
  }

  OpenToy toy;
  llmc_session *session = nullptr;
  llmc_logits logits{};
  Error error{};
};

llmc_session_options threads(uint32_t count) {
  llmc_session_options options = {};
  options.num_threads = count;
  return options;
}

TEST_F(SessionTest, GivesTheLogitsOfTheLastToken) {
  ASSERT_EQ(open(threads(1)), LLMC_OK) << error.message;
  std::vector<int32_t> tokens = someTokens(37);
  ASSERT_EQ(step({{0, 37, tokens.data(), 1}}), LLMC_OK) << error.message;
  EXPECT_EQ(logits.rows, 1u);
  EXPECT_EQ(row(0), toyLogits(tokens));
  EXPECT_EQ(session->lengths[0], 37u);
}

TEST_F(SessionTest, ContinuesASequenceAcrossPages) {
  ASSERT_EQ(open(threads(2)), LLMC_OK);
  std::vector<int32_t> tokens = someTokens(53);
  for (uint32_t i = 0; i < tokens.size(); ++i)
    ASSERT_EQ(step({{0, 1, &tokens[i], 1}}), LLMC_OK);
  EXPECT_EQ(row(0), toyLogits(tokens));
}

TEST_F(SessionTest, GivesRowsInTheOrderOfInputsAndTokens) {
  llmc_session_options options = threads(2);
  options.max_sequences = 3;
  options.max_rows_per_step = 7;
  ASSERT_EQ(open(options), LLMC_OK) << error.message;
  std::vector<int32_t> a = someTokens(5, 2), b = someTokens(19, 3), c = someTokens(11, 4);
  ASSERT_EQ(step({{2, 5, a.data(), 2}, {0, 19, b.data(), 0}, {1, 11, c.data(), 3}}), LLMC_OK) << error.message;
  ASSERT_EQ(logits.rows, 5u);
  EXPECT_EQ(row(0), toyLogits({a.begin(), a.begin() + 4}));
  EXPECT_EQ(row(1), toyLogits(a));
  EXPECT_EQ(row(2), toyLogits({c.begin(), c.begin() + 9}));
  EXPECT_EQ(row(4), toyLogits(c));
}

TEST_F(SessionTest, PrefillCutsALongPrompt) {
  for (uint32_t most : {1u, 7u, 61u}) {
    llmc_session_options options = threads(2);
    options.max_tokens_per_step = most;
    ASSERT_EQ(open(options), LLMC_OK);
    std::vector<int32_t> tokens = someTokens(149);
    ASSERT_EQ(runPrefill(*session, 0, tokens.data(), 149, logits, error), LLMC_OK) << error.message;
    EXPECT_EQ(row(0), toyLogits(tokens)) << most;
  }
}

TEST_F(SessionTest, AStepWithoutRowsGivesNone) {
  ASSERT_EQ(open(threads(2)), LLMC_OK);
  std::vector<int32_t> tokens = someTokens(3);
  ASSERT_EQ(step({{0, 3, tokens.data(), 0}}), LLMC_OK);
  EXPECT_EQ(logits.rows, 0u);
}

TEST_F(SessionTest, CodeThatNeedsARowGetsOneUnseen) {
  ToyParts parts = toyParts();
  parts.dims[TOY_DIM_ROWS].minimum = 1;
  OpenToy other(writeContainer(toySections(parts)));
  llmc_session *one = nullptr;
  ASSERT_EQ(openSession(*other.model, threads(1), one, error), LLMC_OK);
  int32_t token = 5;
  llmc_step_input input = {0, 1, &token, 0};
  ASSERT_EQ(runStep(*one, &input, 1, logits, error), LLMC_OK);
  EXPECT_EQ(logits.rows, 0u);
  EXPECT_EQ(one->dims[TOY_DIM_ROWS], 1u);
  EXPECT_EQ(one->logits[3], toyLogits({5})[3]);
  closeSession(one);
}

TEST_F(SessionTest, TruncatedSequencesContinueAndForget) {
  ASSERT_EQ(open(threads(2)), LLMC_OK);
  std::vector<int32_t> tokens = someTokens(50);
  ASSERT_EQ(runPrefill(*session, 0, tokens.data(), 50, logits, error), LLMC_OK);
  ASSERT_EQ(truncateSequence(*session, 0, 17, error), LLMC_OK);
  const float *pages = reinterpret_cast<const float *>(session->states[0].view.base);
  EXPECT_NE(pages[16], 0);      // position 16 is kept
  for (int i = 32; i < 64; ++i) // pages 2 and 3 are free again
    EXPECT_EQ(pages[i], 0) << i;
  std::vector<int32_t> rest = {1, 2, 3}, expected(tokens.begin(), tokens.begin() + 17);
  expected.insert(expected.end(), rest.begin(), rest.end());
  ASSERT_EQ(step({{0, 3, rest.data(), 1}}), LLMC_OK);
  EXPECT_EQ(row(0), toyLogits(expected));
  ASSERT_EQ(truncateSequence(*session, 0, 0, error), LLMC_OK);
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(pages[i], 0) << i;
}

TEST_F(SessionTest, SequencesDoNotShareState) {
  llmc_session_options options = threads(1);
  options.max_sequences = 2;
  ASSERT_EQ(open(options), LLMC_OK);
  std::vector<int32_t> a = someTokens(20, 5), b = someTokens(20, 6);
  ASSERT_EQ(step({{0, 20, a.data(), 1}}), LLMC_OK);
  ASSERT_EQ(step({{1, 20, b.data(), 1}}), LLMC_OK);
  EXPECT_EQ(row(0), toyLogits(b));
  ASSERT_EQ(truncateSequence(*session, 1, 0, error), LLMC_OK);
  int32_t next = 9;
  a.push_back(next);
  ASSERT_EQ(step({{0, 1, &next, 1}}), LLMC_OK);
  EXPECT_EQ(row(0), toyLogits(a));
}

TEST_F(SessionTest, RefusesBrokenInputsAndChangesNothing) {
  llmc_session_options options = threads(1);
  options.max_sequences = 2;
  options.context = 40;
  ASSERT_EQ(open(options), LLMC_OK);
  std::vector<int32_t> tokens = someTokens(61);
  ASSERT_EQ(step({{0, 30, tokens.data(), 0}}), LLMC_OK);
  auto refused = [&](std::vector<llmc_step_input> inputs, Status status, const char *message) {
    EXPECT_EQ(step(inputs), status);
    EXPECT_STREQ(error.message, message);
    EXPECT_EQ(session->lengths[0], 30u);
    EXPECT_EQ(session->lengths[1], 0u);
  };
  refused({}, LLMC_INVALID_ARGUMENT, "a step needs at least one input");
  refused({{2, 1, tokens.data(), 0}}, LLMC_INVALID_ARGUMENT, "input 0: sequence 2, the session has 2");
  refused({{1, 1, tokens.data(), 0}, {1, 1, tokens.data(), 0}}, LLMC_INVALID_ARGUMENT,
          "input 1: sequence 1 is in this step twice");
  refused({{1, 0, tokens.data(), 0}}, LLMC_INVALID_ARGUMENT, "input 0: no tokens");
  refused({{1, 2, nullptr, 0}}, LLMC_INVALID_ARGUMENT, "input 0: no tokens");
  refused({{1, 2, tokens.data(), 3}}, LLMC_INVALID_ARGUMENT, "input 0: logits of the last 3 of 2 tokens");
  refused({{1, 39, tokens.data(), 0}, {0, 23, tokens.data(), 0}}, LLMC_INVALID_ARGUMENT,
          "62 tokens or more in a step, the session takes 61");
  refused({{1, 9, tokens.data(), 9}}, LLMC_INVALID_ARGUMENT, "9 rows of logits or more in a step, the session takes 2");
  refused({{0, 11, tokens.data(), 0}}, LLMC_CONTEXT_FULL,
          "sequence 0 of 30 tokens cannot take 11 more: the context has 40 positions");
  int32_t bad[] = {3, -1}, large[] = {TOY_VOCAB};
  refused({{1, 2, bad, 0}}, LLMC_INVALID_ARGUMENT, "token 1 of sequence 1 is -1, expected 0 to 262");
  refused({{1, 1, large, 0}}, LLMC_INVALID_ARGUMENT, "token 0 of sequence 1 is 263, expected 0 to 262");
  EXPECT_EQ(step({{0, 10, tokens.data(), 0}}), LLMC_OK) << "a context can be filled to its end";
}

TEST_F(SessionTest, BoundsOutsideTheFilesAreRefused) {
  llmc_session_options options = {};
  options.context = TOY_MAX_CONTEXT + 1;
  EXPECT_EQ(open(options), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "context = 1010, the model was compiled for 1 to 1009");
  EXPECT_STREQ(error.note, "compile it with larger bounds (--max-context, --max-step, --max-sequences)");
  options = {};
  options.num_threads = 65;
  EXPECT_EQ(open(options), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "threads = 65, the model was compiled for 1 to 64");
}

TEST_F(SessionTest, TheDefaultNumberOfThreadsIsThatOfUsableCores) {
  uint32_t cores = platform::usableCores();
  ASSERT_EQ(open(), LLMC_OK) << error.message;
  EXPECT_EQ(session->team.numThreads, cores < 64 ? cores : 64);
  ToyParts parts = toyParts();
  parts.dims.pop_back(); // a file that does not speak of threads; its code is not run here
  OpenToy other(writeContainer(toySections(parts)));
  llmc_session *one = nullptr;
  ASSERT_EQ(openSession(*other.model, {}, one, error), LLMC_OK) << error.message;
  EXPECT_EQ(one->team.numThreads, cores < maxThreads ? cores : maxThreads);
  closeSession(one);
}

TEST_F(SessionTest, ArenaSizesThatOverflowAreRefused) {
  ToyParts parts = toyParts();
  parts.terms[0].coefficient = ~0ull;
  OpenToy other(writeContainer(toySections(parts)));
  llmc_session *one = nullptr;
  EXPECT_EQ(openSession(*other.model, threads(1), one, error), LLMC_OUT_OF_MEMORY);
  EXPECT_STREQ(error.message, "no memory for steps of 61 tokens with 1 rows of logits");
}

TEST_F(SessionTest, StatesThatOverflowAreRefused) {
  ToyParts parts = toyParts();
  parts.states[0].page_bytes = 1ull << 40;
  parts.states[0].page_tokens = 1;
  parts.dims[TOY_DIM_CONTEXT].maximum = parts.dims[TOY_DIM_CONTEXT].default_value = INT32_MAX;
  OpenToy other(writeContainer(toySections(parts)));
  llmc_session *one = nullptr;
  EXPECT_EQ(openSession(*other.model, threads(1), one, error), LLMC_OUT_OF_MEMORY);
  EXPECT_NE(std::string(error.message).find("more pages of 1099511627776 bytes than can be addressed"),
            std::string::npos)
      << error.message;
}

TEST_F(SessionTest, SlotsTakeTheLargestOfTheirSizes) {
  uint64_t dims[6] = {5, 61, 31, 1, 509, 1}, offsets[2], total;
  ASSERT_TRUE(planArena(toy.model->artifact, toy.model->artifact.entry(0), dims, offsets, total));
  EXPECT_EQ(offsets[0], 0u);
  EXPECT_EQ(offsets[1], 192u);
  EXPECT_EQ(total, 192u + 256u); // 61 * 4 bytes, rounded up to 64
}

TEST_F(SessionTest, ResultsDoNotDependOnThreads) {
  std::vector<int32_t> tokens = someTokens(61);
  std::vector<float> first;
  for (uint32_t count : {1u, 2u, 3u, 8u}) {
    ASSERT_EQ(open(threads(count)), LLMC_OK) << error.message;
    ASSERT_EQ(step({{0, 61, tokens.data(), 1}}), LLMC_OK);
    if (first.empty())
      first = row(0);
    EXPECT_EQ(row(0), first) << count;
  }
}

TEST_F(SessionTest, CodeRunsInTheDefaultFloatEnvironment) {
  ASSERT_EQ(open(threads(2)), LLMC_OK);
  std::vector<int32_t> tokens = someTokens(61);
  unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x6000); // round toward zero
  Status status = step({{0, 61, tokens.data(), 1}});
  unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  ASSERT_EQ(status, LLMC_OK);
  EXPECT_EQ(after & 0x6000, 0x6000u) << "the caller's own environment is kept";
  EXPECT_EQ(row(0), toyLogits(tokens));
}

// Registers for tiles are asked for when a variant needs them. Where the system refuses, as it does while a thread has
// a stack for signals that would be too small, another variant runs, or there is a sentence.
TEST(Tiles, AreAskedFor) {
  if ((platform::hostFeatures() & platform::tileFeatures) != platform::tileFeatures)
    GTEST_SKIP() << "this processor has no tiles";
  auto refused = [] {
    static char small[6144];
    stack_t stack = {};
    stack.ss_sp = small;
    stack.ss_size = sizeof small;
    if (sigaltstack(&stack, nullptr) < 0)
      exit(2);
    OpenToy both(tilesContainer(/*alone=*/false));
    if (both.status || both.model->variant != 1)
      exit(3);
    Bytes container = tilesContainer(/*alone=*/true);
    void *memory = std::aligned_alloc(64, (container.size() + 63) / 64 * 64);
    std::memcpy(memory, container.data(), container.size());
    llmc_model *model = nullptr;
    Error error{};
    Status status = openModelMemory(memory, container.size(), model, error);
    fprintf(stderr, "%s; %s", error.message, error.note);
    exit(status == LLMC_UNSUPPORTED ? 0 : 4);
  };
  EXPECT_EXIT(
      refused(), testing::ExitedWithCode(0),
      "needs variant 'with tiles', and the system refuses this process tile registers \\(AMX\\); a thread's stack "
      "for signals may be too small; a file compiled without --cpu runs without them");
  OpenToy toy(tilesContainer(/*alone=*/false));
  EXPECT_EQ(toy.model->variant, 0u);
}

} // namespace
