// CallTest.cpp - entries on tensors whose sizes the inputs and the code decide: bounds, agreement, actual outputs.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "llmc/entry.h"
#include "runtime/src/session/Model.h"
#include "test/runtime/support/ContainerWriter.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>

using namespace llmc::runtime;
using namespace llmc::test;

namespace {

constexpr uint64_t kMost = 11;

/// The toy graph: x f32 [n, 3], keep u8 [n] -> y f32 [kept, 3].
ToyParts graphParts() {
  ToyParts parts = toyParts();
  parts.code = readFile(LLMC_TEST_TOY_GRAPH);
  parts.dims = {{parts.manifest.text("n"), LLMC_DIM_NAMED, 0, 2, kMost, kMost},
                {parts.manifest.text("kept"), LLMC_DIM_COMPUTED, 0, 0, kMost, kMost}};
  auto tensor = [&](const char *name, uint32_t type, std::vector<uint64_t> sizes) {
    llmc_tensor made = {};
    made.name = parts.manifest.text(name);
    made.element_type = type;
    made.rank = uint32_t(sizes.size());
    made.row_stride = sizes.size() == 1 ? kMost : sizes.back();
    std::copy(sizes.begin(), sizes.end(), made.sizes);
    return made;
  };
  parts.inputs = {tensor("x", LLMC_F32, {LLMC_SIZE_IS_DIM | 0, 3}), tensor("keep", LLMC_U8, {LLMC_SIZE_IS_DIM | 0})};
  parts.outputs = {tensor("y", LLMC_F32, {LLMC_SIZE_IS_DIM | 1, 3})};
  parts.states.clear();
  parts.terms[0].dims[0] = LLMC_NO_DIM;
  return parts;
}

class CallTest : public testing::Test {
protected:
  CallTest() {
    Bytes container = writeContainer(toySections(graphParts()));
    memory = std::aligned_alloc(64, (container.size() + 63) / 64 * 64);
    std::memcpy(memory, container.data(), container.size());
    EXPECT_EQ(openModelMemory(memory, container.size(), model, error), LLMC_OK) << error.message;
    llmc_call_options options = {sizeof options, 3};
    EXPECT_EQ(llmc_call_open(model, nullptr, &options, &call, &error), LLMC_OK) << error.message;
  }
  ~CallTest() override {
    llmc_call_close(call);
    closeModel(model);
    std::free(memory);
  }

  llmc_status setSizes(uint32_t index, std::vector<uint64_t> sizes) {
    return llmc_call_set_sizes(call, index, sizes.data(), uint32_t(sizes.size()), &error);
  }
  llmc_tensor_info output() const {
    llmc_tensor_info info = {};
    info.struct_size = sizeof info;
    EXPECT_EQ(llmc_call_output_info(call, 0, &info), LLMC_OK);
    return info;
  }
  void fill(const std::vector<uint8_t> &keep) {
    ASSERT_EQ(setSizes(0, {keep.size(), 3}), LLMC_OK) << error.message;
    ASSERT_EQ(setSizes(1, {keep.size()}), LLMC_OK) << error.message;
    auto *x = static_cast<float *>(llmc_call_input(call, 0));
    for (size_t i = 0; i < 3 * keep.size(); ++i)
      x[i] = float(i);
    std::memcpy(llmc_call_input(call, 1), keep.data(), keep.size());
  }

  Error error{};
  llmc_model *model = nullptr;
  llmc_call *call = nullptr;

private:
  void *memory;
};

TEST_F(CallTest, OutputsHaveTheSizesOfTheRun) {
  for (const std::vector<uint8_t> &keep :
       {std::vector<uint8_t>{1, 0, 1, 1, 0}, std::vector<uint8_t>{0, 0}, std::vector<uint8_t>(kMost, 1)}) {
    fill(keep);
    ASSERT_EQ(llmc_call_run(call, &error), LLMC_OK) << error.message;
    std::vector<float> expected;
    for (size_t i = 0; i < keep.size(); ++i)
      for (size_t k = 0; keep[i] && k < 3; ++k)
        expected.push_back(float(3 * i + k));
    llmc_tensor_info info = output();
    EXPECT_EQ(info.sizes[0] * 3, expected.size());
    EXPECT_EQ(info.bytes, expected.size() * sizeof(float));
    const auto *y = static_cast<const float *>(llmc_call_output(call, 0));
    EXPECT_EQ(std::vector<float>(y, y + expected.size()), expected);
  }
}

TEST_F(CallTest, EntriesSayBoundsAndNames) {
  llmc_tensor_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(llmc_entry_input(model, 0, 0, &info), LLMC_OK);
  EXPECT_EQ(info.minimums[0], 2u);
  EXPECT_EQ(info.sizes[0], kMost);
  EXPECT_EQ(std::string(info.dims[0].data, info.dims[0].size), "n");
  EXPECT_EQ(info.dims[1].size, 0u);
  EXPECT_EQ(info.bytes, kMost * 3 * sizeof(float));
}

TEST_F(CallTest, RefusesASizeOutOfBounds) {
  EXPECT_EQ(setSizes(0, {12, 3}), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "input 'x': dimension 0 ('n') is 12, expected 2 to 11");
  EXPECT_EQ(setSizes(0, {1, 3}), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "input 'x': dimension 0 ('n') is 1, expected 2 to 11");
  EXPECT_EQ(setSizes(0, {5, 4}), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "input 'x': dimension 1 is 4, expected 3");
  EXPECT_EQ(setSizes(0, {5}), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "input 'x' has 1 dimensions, expected 2");
  EXPECT_EQ(setSizes(2, {5}), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "no input 2 with sizes: the entry has 2");
}

TEST_F(CallTest, RefusesInputsThatDisagree) {
  ASSERT_EQ(setSizes(0, {5, 3}), LLMC_OK);
  ASSERT_EQ(setSizes(1, {7}), LLMC_OK);
  EXPECT_EQ(llmc_call_run(call, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "input 'keep': dimension 0 ('n') is 7, but dimension 0 of input 'x', the same, is 5");
}

TEST_F(CallTest, DoesNotBelieveASizeOutOfBounds) {
  fill({1, 0, 255});
  EXPECT_EQ(llmc_call_run(call, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "size 'kept', which the model computes, is 1001, expected 0 to 11");
  EXPECT_EQ(output().sizes[0], 0u);
}

} // namespace
