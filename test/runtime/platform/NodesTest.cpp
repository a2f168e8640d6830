// NodesTest.cpp - memory nodes as Linux tells of them, and who has which part.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/platform/Nodes.h"

#include "runtime/src/platform/Platform.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sched.h>
#include <string>
#include <unistd.h>
#include <vector>

using namespace llmc::runtime::platform;

namespace {

NumberSet numbers(uint32_t first, uint32_t last) {
  NumberSet set;
  for (uint32_t i = first; i <= last; ++i)
    set.add(i);
  return set;
}

/// A folder such as /sys/devices/system/node, written by the test.
class NodesTest : public testing::Test {
protected:
  NodesTest() : root(testing::TempDir() + "nodes-" + std::to_string(getpid())) {
    std::filesystem::create_directories(root);
  }
  ~NodesTest() override { std::filesystem::remove_all(root); }

  void online(const std::string &list) { std::ofstream(root + "/online") << list << "\n"; }
  void node(uint32_t number, const std::string &processors) {
    std::string folder = root + "/node" + std::to_string(number);
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/cpulist") << processors << "\n";
  }
  void read(const NumberSet &memory = numbers(0, 1000), const NumberSet &processors = numbers(0, 1023)) {
    readNodes(root.c_str(), memory, processors, nodes);
  }
  /// How many processors each node has, by its number.
  std::vector<std::pair<uint32_t, uint32_t>> found() const {
    std::vector<std::pair<uint32_t, uint32_t>> list;
    for (uint32_t i = 0; i < nodes.count; ++i)
      list.push_back({nodes.nodes[i].number, nodes.nodes[i].processors.count()});
    return list;
  }
  using List = std::vector<std::pair<uint32_t, uint32_t>>;

  std::string root;
  MemoryNodes nodes;
};

TEST_F(NodesTest, TwoSocketsWithTwoThreadsACore) {
  online("0-1");
  node(0, "0-7,16-23");
  node(1, "8-15,24-31");
  read();
  EXPECT_EQ(found(), (List{{0, 16}, {1, 16}}));
  EXPECT_EQ(nodes.processors, 32u);
  EXPECT_TRUE(nodes.nodes[1].processors.has(31));
  EXPECT_FALSE(nodes.nodes[1].processors.has(16));
}

TEST_F(NodesTest, NumbersMayHaveGaps) {
  online("0,8,250-251");
  node(0, "0-3");
  node(8, "4-7");
  node(250, "");
  read();
  EXPECT_EQ(found(), (List{{0, 4}, {8, 4}}));
}

TEST_F(NodesTest, OnlyWhatTheProcessMayUse) {
  online("0-3");
  for (uint32_t i = 0; i < 4; ++i)
    node(i, std::to_string(4 * i) + "-" + std::to_string(4 * i + 3));
  NumberSet memory = numbers(0, 2);
  read(memory, numbers(3, 15));
  EXPECT_EQ(found(), (List{{0, 1}, {1, 4}, {2, 4}}));
  read(memory, numbers(4, 7)); // all on one node: as if there were no others
  EXPECT_EQ(found(), List{});
  EXPECT_EQ(nodes.processors, 0u);
}

TEST_F(NodesTest, ASystemThatDoesNotTell) {
  read();
  EXPECT_EQ(found(), List{});
  online("0");
  node(0, "0-3");
  read();
  EXPECT_EQ(found(), List{});
}

TEST_F(NodesTest, ListsOfNonsenseEnd) {
  online("0-99999999999,x,1");
  node(0, "0-");
  node(1, "5-2,3,-4");
  read();
  EXPECT_LE(nodes.count, 2u);
  online("-1");
  read();
  EXPECT_EQ(found(), List{});
}

TEST_F(NodesTest, MoreNodesThanWeKeep) {
  online("0-99");
  for (uint32_t i = 0; i < 100; ++i)
    node(i, std::to_string(i));
  read();
  EXPECT_EQ(nodes.count, maxNodes);
}

TEST_F(NodesTest, PartsGoInProportionToProcessors) {
  online("0-2");
  node(0, "0-3");
  node(1, "4-5");
  node(2, "6-7");
  read();
  std::vector<uint32_t> owners;
  for (uint64_t part = 0; part < 16; ++part)
    owners.push_back(nodes.at(part, 16));
  EXPECT_EQ(owners, (std::vector<uint32_t>{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2}));
  uint64_t large = uint64_t(1) << 53;
  EXPECT_EQ(nodes.at(large / 2 - 1, large), 0u);
  EXPECT_EQ(nodes.at(large / 2, large), 1u);
  EXPECT_EQ(nodes.at(large - 1, large), 2u);
}

TEST_F(NodesTest, ThreadsAreWhereMostOfTheirPartsAre) {
  online("0-1");
  node(0, "0-3");
  node(1, "4-7");
  read();
  for (uint32_t threads : {2u, 3u, 4u, 8u, 16u})
    for (uint32_t thread = 0; thread < threads; ++thread) {
      // Of a thousand bytes a thread; the middle thread of three has half on each node.
      uint32_t own = 0, total = 1000 * threads;
      for (uint32_t byte = 1000 * thread; byte < 1000 * (thread + 1); ++byte)
        own += nodes.at(byte, total) == nodes.ofThread(thread, threads);
      EXPECT_GE(own, 500u) << thread << " of " << threads;
    }
  EXPECT_EQ(nodes.ofThread(0, 1), 0u);
  EXPECT_EQ(nodes.ofThread(1, 3), 0u);
}

TEST_F(NodesTest, AThreadStaysOnItsNode) {
  cpu_set_t allowed, after;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  NumberSet before;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &allowed))
      continue;
    ASSERT_TRUE(stayOnNode({0, numbers(uint32_t(processor), uint32_t(processor))}, before));
    for (int turn = 0; turn < 10; ++turn, sched_yield())
      EXPECT_EQ(currentCore(), uint32_t(processor));
    leaveCore(); // there is no other
    EXPECT_EQ(currentCore(), uint32_t(processor));
    mayRunOn(before);
    ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&allowed, &after)) << "it may run where it might before";
  }
  EXPECT_FALSE(stayOnNode({0, numbers(1000, 1000)}, before)) << "where it may not run";
  mayRunOn(numbers(1000, 1000));
  ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&allowed, &after));
}

TEST_F(NodesTest, TheMachinesOwn) {
  memoryNodes(nodes);
  EXPECT_TRUE(nodes.count == 0 || nodes.count >= 2);
  for (uint32_t i = 0; i < nodes.count; ++i)
    EXPECT_GT(nodes.nodes[i].processors.count(), 0u);
}

} // namespace
