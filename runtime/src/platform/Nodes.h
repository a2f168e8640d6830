// Nodes.h - the memory nodes of a machine whose processors and memory are not all equally near.
//
// A thread reads memory of its own node faster than another's, and all nodes together give more than one alone.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_PLATFORM_NODES_H
#define LLMC_RUNTIME_PLATFORM_NODES_H

#include <stdint.h>

namespace llmc::runtime::platform {

constexpr uint32_t maxNodes = 64;
constexpr uint32_t mostNodeNumbers = 1023; ///< Numbers of nodes are below.
constexpr uint32_t maxProcessors = 1024;

/// A set of numbers below maxProcessors, or of node numbers.
struct NumberSet {
  uint64_t words[maxProcessors / 64] = {};

  void add(uint32_t number) { words[number / 64] |= uint64_t(1) << number % 64; }
  bool has(uint32_t number) const { return number < maxProcessors && words[number / 64] >> number % 64 & 1; }
  uint32_t count() const {
    uint32_t sum = 0;
    for (uint64_t word : words)
      sum += uint32_t(__builtin_popcountll(word));
    return sum;
  }
};

/// Nodes with memory and processors that this process may use, in ascending order of their numbers. Things that a team
/// of threads shares out in equal, contiguous parts, thread 0 the first, are shared out over the nodes in the same
/// order, to each in proportion to its processors: so what lies where does not depend on the number of threads.
struct MemoryNodes {
  struct Node {
    uint32_t number;
    NumberSet processors; ///< That this process may run on.
  };
  uint32_t count = 0;
  uint32_t processors = 0; ///< Of all nodes.
  Node nodes[maxNodes];

  /// The index of the node that has the part at `position` < `total` <= 2^53.
  uint32_t at(uint64_t position, uint64_t total) const;
  /// The index of the node on which thread `thread` of `threads` finds most of its parts; of two that have half each
  /// the first, so that thread 0 is on the first node however few threads there are.
  uint32_t ofThread(uint32_t thread, uint32_t threads) const {
    return at(32 * uint64_t(thread) + 15, 32 * uint64_t(threads));
  }
};

/// Reads the nodes of `root`, a folder such as /sys/devices/system/node, that have memory in `memory` and processors in
/// `processors`. None where there are fewer than two.
void readNodes(const char *root, const NumberSet &memory, const NumberSet &processors, MemoryNodes &nodes);

/// The nodes of this machine. None where it has one, where the system does not tell, and where whoever started the
/// process has said where its memory is to lie (`numactl --interleave`, `--membind`).
void memoryNodes(MemoryNodes &nodes);

/// Asks that pages of a range, which nobody has touched, be taken from the node of that number while it has some.
/// `memory` is page-aligned. False when refused.
bool preferNode(void *memory, uint64_t size, uint32_t number);

/// This thread runs on those of its processors that are the node's alone from now on; `before` is where it might
/// before. False, and nothing changed, where that is none.
bool stayOnNode(const MemoryNodes::Node &node, NumberSet &before);
/// This thread may run on those processors, and no others; nothing changes where the process may use none of them.
void mayRunOn(const NumberSet &processors);

/// Moves this thread to another processor than the one it runs on, if it may run on one; the system may bring it back
/// later.
void leaveCore();

} // namespace llmc::runtime::platform

#endif // LLMC_RUNTIME_PLATFORM_NODES_H
