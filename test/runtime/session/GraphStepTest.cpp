// GraphStepTest.cpp - sessions of a toy graph that is a text decoder: pasts that grow, are cut, saved, and refused.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/SavedSequence.h"
#include "runtime/src/session/Session.h"
#include "test/TestPaths.h"
#include "test/runtime/support/ContainerWriter.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>

using namespace llmc::runtime;
using namespace llmc::test;

namespace {

constexpr uint32_t kVocabulary = 13, kContext = 29, kMostTokens = 5, kLie = 12;

/// toy_text.c: tokens i64 [1, S], past f32 [3, P, 2] -> logits f32 [1, S, 13], present f32 [3, P + S, 2].
ToyParts textParts() {
  ToyParts parts = toyParts();
  ManifestWriter &manifest = parts.manifest;
  parts.code = readFile(LLMC_TEST_TOY_TEXT);
  parts.dims = {{manifest.text("length"), LLMC_DIM_NAMED, 0, 1, kMostTokens, kMostTokens},
                {manifest.text("past"), LLMC_DIM_NAMED, 0, 0, kContext - 1, kContext - 1},
                {manifest.text("grown"), LLMC_DIM_COMPUTED, 0, 1, kContext + kMostTokens, kContext + kMostTokens},
                {manifest.text("tokens"), LLMC_DIM_TOKENS, 0, 1, 23, 23},
                {manifest.text("rows"), LLMC_DIM_ROWS, 0, 0, 23, 23},
                {manifest.text("sequences"), LLMC_DIM_SEQUENCES, 0, 1, 3, 3},
                {manifest.text("context"), LLMC_DIM_CONTEXT, 0, 1, kContext, kContext}};
  auto tensor = [&](const char *name, uint32_t type, uint32_t role, std::vector<uint64_t> sizes, uint64_t stride) {
    llmc_tensor made = {};
    made.name = manifest.text(name);
    made.element_type = type;
    made.role = role;
    made.rank = uint32_t(sizes.size());
    made.row_stride = stride;
    std::copy(sizes.begin(), sizes.end(), made.sizes);
    return made;
  };
  auto dim = [](uint64_t number) { return LLMC_SIZE_IS_DIM | number; };
  parts.inputs = {tensor("ids", LLMC_I64, LLMC_ROLE_TOKENS, {1, dim(0)}, kMostTokens),
                  tensor("past.0", LLMC_F32, LLMC_ROLE_PAST, {3, dim(1), 2}, 2)};
  parts.outputs = {tensor("logits", LLMC_F32, LLMC_ROLE_LOGITS, {1, dim(0), kVocabulary}, kVocabulary),
                   tensor("present.0", LLMC_F32, LLMC_ROLE_PRESENT, {3, dim(2), 2}, 2)};
  parts.states.clear();
  parts.terms[0].dims[0] = LLMC_NO_DIM;
  parts.eosIds = {2};
  manifest.head.generation.vocab_size = kVocabulary;
  manifest.head.generation.max_position = kContext;
  return parts;
}

/// What toy_text.c computes for the last of `tokens`.
std::vector<float> expectedLogits(const std::vector<int32_t> &tokens) {
  std::vector<float> logits(kVocabulary);
  for (uint32_t v = 0; v < kVocabulary; ++v)
    for (int h = 0; h < 3; ++h)
      for (size_t p = 0; p < tokens.size(); ++p)
        logits[v] += float(h + 1) * float(tokens[p]) * float(p + 1 + v);
  return logits;
}

class GraphStepTest : public testing::Test {
protected:
  ~GraphStepTest() override {
    closeSaved(saved);
    closeSession(session);
    closeModel(model);
    std::free(memory);
  }
  Status open(ToyParts parts) {
    Bytes container = writeContainer(toySections(std::move(parts)));
    memory = std::aligned_alloc(64, (container.size() + 63) / 64 * 64);
    std::memcpy(memory, container.data(), container.size());
    if (Status status = openModelMemory(memory, container.size(), model, error))
      return status;
    llmc_session_options options = {};
    options.num_threads = 2;
    return openSession(*model, options, session, error);
  }
  /// Appends tokens; the logits of the last `rows` of them.
  std::vector<std::vector<float>> step(uint32_t sequence, const std::vector<int32_t> &tokens, uint32_t rows) {
    llmc_logits logits;
    llmc_step_input input = {sequence, uint32_t(tokens.size()), tokens.data(), rows};
    EXPECT_EQ(runStep(*session, &input, 1, logits, error), LLMC_OK) << error.message;
    return taken(logits);
  }
  static std::vector<std::vector<float>> taken(const llmc_logits &logits) {
    std::vector<std::vector<float>> result;
    for (uint32_t row = 0; row < logits.rows; ++row)
      result.emplace_back(logits.data + row * logits.row_stride, logits.data + row * logits.row_stride + kVocabulary);
    return result;
  }

  TemporaryFolder folder;
  void *memory = nullptr;
  llmc_model *model = nullptr;
  llmc_session *session = nullptr;
  llmc_saved *saved = nullptr;
  Error error{};
  const std::vector<int32_t> tokens = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8};
};

using Tokens = std::vector<int32_t>;

TEST_F(GraphStepTest, APromptInPiecesIsThePrompt) {
  ASSERT_EQ(open(textParts()), LLMC_OK) << error.message;
  // Twelve tokens are three runs of the code, which takes five.
  std::vector<std::vector<float>> all = step(0, tokens, uint32_t(tokens.size()));
  ASSERT_EQ(all.size(), tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i)
    EXPECT_EQ(all[i], expectedLogits(Tokens(tokens.begin(), tokens.begin() + i + 1))) << "position " << i;
  for (size_t i = 0; i < tokens.size(); ++i)
    EXPECT_EQ(step(1, {tokens[i]}, 1)[0], all[i]) << "position " << i;
  EXPECT_TRUE(step(2, Tokens(tokens.begin(), tokens.begin() + 7), 0).empty());
  EXPECT_EQ(step(2, Tokens(tokens.begin() + 7, tokens.end()), 2),
            (std::vector<std::vector<float>>(all.end() - 2, all.end())));
}

TEST_F(GraphStepTest, SequencesOfAStepAreTheirOwn) {
  ASSERT_EQ(open(textParts()), LLMC_OK) << error.message;
  const Tokens first = {7, 8}, second = {1, 9, 3};
  step(2, {4}, 0);
  llmc_logits logits;
  llmc_step_input inputs[] = {{2, 2, first.data(), 1}, {0, 3, second.data(), 2}};
  ASSERT_EQ(runStep(*session, inputs, 2, logits, error), LLMC_OK) << error.message;
  EXPECT_EQ(taken(logits), (std::vector<std::vector<float>>{expectedLogits({4, 7, 8}), expectedLogits({1, 9}),
                                                            expectedLogits({1, 9, 3})}));
}

TEST_F(GraphStepTest, ACutSequenceIsAsIfNeverLonger) {
  ASSERT_EQ(open(textParts()), LLMC_OK) << error.message;
  step(1, tokens, 1);
  for (uint32_t length : {11u, 6u, 1u, 0u}) {
    ASSERT_EQ(truncateSequence(*session, 1, length, error), LLMC_OK);
    Tokens expected(tokens.begin(), tokens.begin() + length);
    expected.push_back(10);
    EXPECT_EQ(step(1, {10}, 1)[0], expectedLogits(expected)) << length;
    ASSERT_EQ(truncateSequence(*session, 1, length, error), LLMC_OK);
  }
  // Nothing of it stays in memory.
  for (uint64_t i = 0; i < session->graph->reserved; ++i)
    ASSERT_EQ(session->graph->memory[i], 0) << "byte " << i;
}

TEST_F(GraphStepTest, ASavedSequenceGoesOn) {
  ASSERT_EQ(open(textParts()), LLMC_OK) << error.message;
  std::string path = folder / "saved";
  step(1, tokens, 1);
  ASSERT_EQ(saveSequence(*session, 1, tokens.data(), uint32_t(tokens.size()), {"", 0}, path.c_str(), error), LLMC_OK)
      << error.message;
  ASSERT_EQ(openSaved(*model, path.c_str(), saved, error), LLMC_OK) << error.message;
  step(0, {2, 2, 2}, 0);
  ASSERT_EQ(restoreSequence(*saved, *session, 0, error), LLMC_OK) << error.message;
  Tokens expected = tokens;
  expected.push_back(6);
  EXPECT_EQ(step(0, {6}, 1)[0], expectedLogits(expected));
}

TEST_F(GraphStepTest, CodeThatLiesChangesNoSequence) {
  ASSERT_EQ(open(textParts()), LLMC_OK) << error.message;
  step(0, {3, 1}, 0);
  step(1, {4}, 0);
  const Tokens good = {1, 5}, bad = {1, 2, 3, 4, 5, 6, kLie};
  llmc_logits logits;
  llmc_step_input inputs[] = {{1, 2, good.data(), 1}, {0, 7, bad.data(), 1}};
  EXPECT_EQ(runStep(*session, inputs, 2, logits, error), LLMC_INVALID_FILE);
  EXPECT_STREQ(error.message, "output 'present.0' holds 8 positions after 9 tokens");
  EXPECT_EQ(session->lengths[0], 2u);
  EXPECT_EQ(step(0, {9}, 1)[0], expectedLogits({3, 1, 9}));
  EXPECT_EQ(step(1, {9}, 1)[0], expectedLogits({4, 9}));
}

TEST_F(GraphStepTest, AFullContextIsSaid) {
  ASSERT_EQ(open(textParts()), LLMC_OK) << error.message;
  Tokens many(kContext, 1);
  EXPECT_EQ(step(0, many = Tokens(20, 1), 1)[0], expectedLogits(many));
  step(0, Tokens(9, 2), 1);
  llmc_step_input input = {0, 1, many.data(), 1};
  llmc_logits logits;
  EXPECT_EQ(runStep(*session, &input, 1, logits, error), LLMC_CONTEXT_FULL);
}

struct Fault {
  const char *name;
  std::function<void(ToyParts &)> damage;
  const char *message;
};

class GraphFaultTest : public testing::TestWithParam<Fault> {};

TEST_P(GraphFaultTest, IsRefused) {
  ToyParts parts = textParts();
  GetParam().damage(parts);
  Bytes container = writeContainer(toySections(std::move(parts)));
  void *memory = std::aligned_alloc(64, (container.size() + 63) / 64 * 64);
  std::memcpy(memory, container.data(), container.size());
  Error error{};
  llmc_model *model = nullptr;
  llmc_session *session = nullptr;
  Status status = openModelMemory(memory, container.size(), model, error);
  if (!status)
    status = openSession(*model, {}, session, error);
  EXPECT_NE(status, LLMC_OK);
  EXPECT_NE(std::string(error.message).find(GetParam().message), std::string::npos) << error.message;
  closeSession(session);
  closeModel(model);
  std::free(memory);
}

const Fault kFaults[] = {
    {"NoPresent", [](ToyParts &p) { p.outputs.pop_back(); }, "past 0 has no present"},
    {"PresentAlone", [](ToyParts &p) { p.inputs.pop_back(); }, "0 pasts and 1 presents"},
    {"TwoGrow", [](ToyParts &p) { p.inputs[1].sizes[0] = LLMC_SIZE_IS_DIM | 1; }, "no one size that grows"},
    {"GrowsByTokens", [](ToyParts &p) { p.inputs[1].sizes[1] = LLMC_SIZE_IS_DIM | 0; }, "grows by another dim"},
    {"OtherForm", [](ToyParts &p) { p.outputs[1].sizes[0] = 5; }, "not of the same form"},
    {"OtherType", [](ToyParts &p) { p.outputs[1].element_type = LLMC_F16; }, "not of the same form"},
    {"NothingInIt", [](ToyParts &p) { p.inputs[1].sizes[0] = p.outputs[1].sizes[0] = 0; }, "not of the same form"},
    {"LongerContext", [](ToyParts &p) { p.dims[6].maximum = p.dims[6].default_value = 31; }, "its context is 31"},
    {"FlatLogits",
     [](ToyParts &p) {
       p.outputs[0].rank = 2;
       p.outputs[0].sizes[1] = kVocabulary;
     },
     "logits are not f32"},
    {"WideLogits", [](ToyParts &p) { p.outputs[0].sizes[2] = p.outputs[0].row_stride = 17; }, "logits are not f32"},
    {"TwoSequences", [](ToyParts &p) { p.inputs[0].sizes[0] = 2; }, "is not i32 [tokens]"},
    {"PastComesOut", [](ToyParts &p) { p.outputs[1].role = LLMC_ROLE_PAST; }, "cannot be an output"},
    {"PresentGoesIn", [](ToyParts &p) { p.inputs[1].role = LLMC_ROLE_PRESENT; }, "cannot be an input"},
    {"UnknownInput", [](ToyParts &p) { p.inputs[1].role = LLMC_ROLE_NONE; }, "which a session of tokens does not know"},
};
INSTANTIATE_TEST_SUITE_P(Graphs, GraphFaultTest, testing::ValuesIn(kFaults),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
