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

/// The copy of a file's weights; the sentence where that was refused.
struct Copy {
  Copy(const PlacedFile &placed, WeightCopy copy, const platform::MemoryNodes &nodes) {
    memory.nodes = nodes;
    status = copyWeights(placed.artifact, placed.file, placed.offset, copy, memory, error);
  }
  ~Copy() { releaseWeights(memory); }
  WeightMemory memory;
  Error error{};
  Status status;
};

TEST(WeightMemoryTest, TheCopyHoldsTheFilesBytes) {
  PlacedFile placed({{0, 4 * MiB}}, 5 * MiB + 64);
  const llmc_section *weights = placed.artifact.section(LLMC_SECTION_WEIGHTS);
  // A machine without node 1 gives the memory that it has.
  for (const Copy &copy : {Copy(placed, WeightCopy::ForNodes, threeToOne()), Copy(placed, WeightCopy::Always, {})}) {
    ASSERT_EQ(copy.status, LLMC_OK) << copy.error.message;
    ASSERT_NE(copy.memory.data, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(copy.memory.data) % weightPage, 0u);
    EXPECT_EQ(copy.memory.size, 6 * MiB);
    EXPECT_EQ(std::memcmp(copy.memory.data, placed.artifact.bytes(weights), weights->size), 0);
    EXPECT_EQ(copy.memory.data[weights->size], 0);
  }
}

TEST(WeightMemoryTest, NothingIsCopiedForNothing) {
  PlacedFile placed({{0, 4 * MiB}}, 4 * MiB), small({{0, MiB}}, MiB);
  Copy noNodes(placed, WeightCopy::ForNodes, {}), lessThanAPage(small, WeightCopy::ForNodes, threeToOne());
  EXPECT_EQ(noNodes.status, LLMC_OK);
  EXPECT_EQ(noNodes.memory.data, nullptr);
  EXPECT_EQ(lessThanAPage.status, LLMC_OK);
  EXPECT_EQ(lessThanAPage.memory.data, nullptr);
  EXPECT_EQ(lessThanAPage.memory.nodes.count, 0u) << "threads that look for nodes then look in vain";
  Copy asked(small, WeightCopy::Always, {});
  EXPECT_NE(asked.memory.data, nullptr);
}

TEST(WeightMemoryTest, AFileCutShortIsReadFromItsMappingOrRefused) {
  PlacedFile placed({{0, 4 * MiB}}, 4 * MiB);
  ASSERT_EQ(truncate(placed.path.c_str(), off_t(placed.file.size - 2 * MiB)), 0);
  Copy forNodes(placed, WeightCopy::ForNodes, threeToOne()), asked(placed, WeightCopy::Always, {});
  EXPECT_EQ(forNodes.status, LLMC_OK);
  EXPECT_EQ(forNodes.memory.data, nullptr);
  EXPECT_EQ(asked.status, LLMC_IO_ERROR);
  EXPECT_STREQ(asked.error.message, "its weights cannot be read: input/output error");
  EXPECT_EQ(asked.memory.data, nullptr);
}

TEST(WeightMemoryTest, MoreThanThereIs) {
  PlacedFile placed({{0, 4 * MiB}}, 4 * MiB);
  for (uint32_t i = 0; i < placed.artifact.sectionCount; ++i)
    if (placed.artifact.sections[i].kind == LLMC_SECTION_WEIGHTS)
      placed.artifact.sections[i].size = uint64_t(1) << 50;
  Copy forNodes(placed, WeightCopy::ForNodes, threeToOne()), asked(placed, WeightCopy::Always, {});
  EXPECT_EQ(forNodes.status, LLMC_OK);
  EXPECT_EQ(forNodes.memory.data, nullptr);
  EXPECT_EQ(asked.status, LLMC_OUT_OF_MEMORY);
  std::string limit = std::to_string(platform::memoryLimit() >> 20);
  EXPECT_EQ(asked.error.message,
            "no memory for a copy of its weights: 1073741824 MiB, of " + limit + " that the process may have");
  EXPECT_STREQ(asked.error.note, "without a copy (--no-mmap) they are read from the file");
}

} // namespace
