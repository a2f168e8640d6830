// WeightMemoryTest.cpp - which page of the weights goes to which node, and that it holds the file's bytes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/memory/WeightMemory.h"

#include "test/runtime/support/ContainerWriter.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

using namespace llmc::runtime;
using namespace llmc::test;

namespace {

constexpr uint64_t MiB = 1 << 20;

/// Two nodes: processors 0 to 2, and 3.
platform::MemoryNodes threeToOne() {
  platform::MemoryNodes nodes;
  nodes.count = 2;
  nodes.processors = 4;
  nodes.nodes[0].number = 0;
  for (uint32_t processor : {0, 1, 2})
    nodes.nodes[0].processors.add(processor);
  nodes.nodes[1].number = 1;
  nodes.nodes[1].processors.add(3);
  return nodes;
}

/// A container of a file whose weights are `weights` bytes, of tensors of those sizes one after the other.
class PlacedFile {
public:
  PlacedFile(std::vector<std::pair<uint64_t, uint64_t>> tensors, uint64_t weights) {
    ToyParts parts = toyParts();
    parts.weights.resize(weights);
    for (uint64_t i = 0; i < weights; i += 8) {
      uint64_t value = i * 0x9e3779b97f4a7c15;
      std::memcpy(&parts.weights[i], &value, 8);
    }
    parts.weightInfos.clear();
    for (auto [offset, size] : tensors)
      parts.weightInfos.push_back({parts.manifest.text("w"), parts.manifest.text("f32"), offset, size});
    bytes = writeContainer(toySections(parts));
    static int files = 0;
    path = testing::TempDir() + "placed-" + std::to_string(getpid()) + "-" + std::to_string(files++);
    // Behind a program, as in an executable: the container does not begin at the file's first byte.
    writeFile(path, appendToProgram(Bytes(4096, 0x90), bytes));
    EXPECT_EQ(platform::mapFile(path.c_str(), file, error), LLMC_OK) << error.message;
    EXPECT_EQ(findContainer(file.data, file.size, offset, size, error), LLMC_OK) << error.message;
    EXPECT_EQ(openArtifact(file.data + offset, size, artifact, error), LLMC_OK) << error.message;
  }
  ~PlacedFile() {
    platform::unmapFile(file);
    unlink(path.c_str());
  }
  std::string places(const platform::MemoryNodes &nodes) const {
    PagePlacement placement(artifact, nodes);
    std::string text;
    for (uint64_t at = 0; at < artifact.section(LLMC_SECTION_WEIGHTS)->size; at += weightPage)
      text += char('0' + placement.next());
    return text;
  }
  platform::MappedFile file;
  Artifact artifact;
  uint64_t offset = 0, size = 0;
  Error error{};
  std::string path;

private:
  Bytes bytes;
};

TEST(WeightMemoryTest, PagesLieWithWhoReadsThem) {
  PlacedFile placed({{0, 16 * MiB}, {16 * MiB, 8 * MiB}}, 24 * MiB);
  EXPECT_EQ(placed.places(threeToOne()), "000000110001");
}

TEST(WeightMemoryTest, APageOfTwoWeightsGoesByItsMiddle) {
  // The second begins at 2.5 MiB, so that page 1, which ends at 4, has its middle in it; it ends within page 4.
  PlacedFile placed({{0, 5 * MiB / 2}, {5 * MiB / 2, 6 * MiB}}, 10 * MiB);
  EXPECT_EQ(placed.places(threeToOne()), "00011");
}

TEST(WeightMemoryTest, WhatNobodyReadsStaysWithThePageBefore) {
  PlacedFile placed({{0, 4 * MiB}, {8 * MiB, 4 * MiB}}, 12 * MiB);
  EXPECT_EQ(placed.places(threeToOne()), "011101");
  PlacedFile nothing({}, 4 * MiB);
  EXPECT_EQ(nothing.places(threeToOne()), "00");
}

TEST(WeightMemoryTest, ATableOutOfOrderIsNoHarm) {
  PlacedFile placed({{16 * MiB, 8 * MiB}, {0, 16 * MiB}}, 24 * MiB);
  EXPECT_EQ(placed.places(threeToOne()).size(), 12u);
}

TEST(WeightMemoryTest, TheCopyHoldsTheFilesBytes) {
  PlacedFile placed({{0, 4 * MiB}}, 5 * MiB + 64);
  WeightMemory memory;
  memory.nodes = threeToOne(); // a machine without node 1 gives the memory that it has
  ASSERT_TRUE(placeWeights(placed.artifact, placed.file, placed.offset, memory));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.data) % weightPage, 0u);
  EXPECT_EQ(memory.size, 6 * MiB);
  const llmc_section *weights = placed.artifact.section(LLMC_SECTION_WEIGHTS);
  EXPECT_EQ(std::memcmp(memory.data, placed.artifact.bytes(weights), weights->size), 0);
  EXPECT_EQ(memory.data[weights->size], 0);
  releaseWeights(memory);
  EXPECT_EQ(memory.data, nullptr);
  EXPECT_EQ(memory.nodes.count, 0u);
}

TEST(WeightMemoryTest, NothingIsCopiedForNothing) {
  PlacedFile placed({{0, 4 * MiB}}, 4 * MiB), small({{0, MiB}}, MiB);
  WeightMemory memory;
  EXPECT_FALSE(placeWeights(placed.artifact, placed.file, placed.offset, memory)) << "no nodes";
  memory.nodes = threeToOne();
  EXPECT_FALSE(placeWeights(small.artifact, small.file, small.offset, memory)) << "less than a page";
  EXPECT_EQ(memory.nodes.count, 0u) << "threads that look for nodes then look in vain";
}

TEST(WeightMemoryTest, AFileCutShortIsReadFromItsMapping) {
  PlacedFile placed({{0, 4 * MiB}}, 4 * MiB);
  ASSERT_EQ(truncate(placed.path.c_str(), off_t(placed.file.size - 2 * MiB)), 0);
  WeightMemory memory;
  memory.nodes = threeToOne();
  EXPECT_FALSE(placeWeights(placed.artifact, placed.file, placed.offset, memory));
  EXPECT_EQ(memory.data, nullptr);
}

} // namespace
