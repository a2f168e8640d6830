// LinuxNodes.cpp - memory nodes: /sys/devices/system/node and the memory policies of Linux.
//
// The system calls are made by number: libnuma, which wraps them, reads more of the machine than a small runtime needs.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/platform/Nodes.h"

#include "runtime/src/platform/Error.h"
#include "runtime/src/platform/LinuxFiles.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace llmc::runtime::platform {

// linux/mempolicy.h, which not every system's headers have.
static constexpr int policyDefault = 0, policyPreferred = 1;
static constexpr unsigned long allowedNodes = 1 << 2;

// The system takes a count of bits that is one more than it reads.
static_assert(mostNodeNumbers < maxProcessors && maxProcessors == CPU_SETSIZE);

uint32_t MemoryNodes::at(uint64_t position, uint64_t total) const {
  uint64_t before = 0;
  for (uint32_t i = 0; i + 1 < count; ++i) {
    before += nodes[i].processors.count();
    if (position * processors < before * total)
      return i;
  }
  return count ? count - 1 : 0;
}

void readNodes(const char *root, const NumberSet &memory, const NumberSet &processors, MemoryNodes &nodes) {
  nodes.count = nodes.processors = 0;
  char path[320], list[4096], own[4096];
  formatText(path, sizeof path, "%s/online", root);
  if (!readSmallFile(path, list, sizeof list))
    return;
  eachOfList(list, mostNodeNumbers, [&](long number) {
    formatText(path, sizeof path, "%s/node%ld/cpulist", root, number);
    if (nodes.count == maxNodes || !memory.has(uint32_t(number)) || !readSmallFile(path, own, sizeof own))
      return;
    MemoryNodes::Node &node = nodes.nodes[nodes.count];
    node = {uint32_t(number), {}};
    eachOfList(own, maxProcessors, [&](long processor) {
      if (processors.has(uint32_t(processor)))
        node.processors.add(uint32_t(processor));
    });
    if (uint32_t count = node.processors.count()) {
      nodes.processors += count;
      ++nodes.count;
    }
  });
  if (nodes.count < 2)
    nodes.count = nodes.processors = 0;
}

/// Where this thread may run; false where the system does not tell.
static bool readAllowed(NumberSet &processors) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
    return false;
  processors = NumberSet();
  for (uint32_t processor = 0; processor < maxProcessors; ++processor)
    if (CPU_ISSET(processor, &allowed))
      processors.add(processor);
  return true;
}

/// Lets it run on the processors of `wanted` alone; false where that is none.
static bool allow(const NumberSet &wanted) {
  cpu_set_t chosen;
  CPU_ZERO(&chosen);
  for (uint32_t processor = 0; processor < maxProcessors; ++processor)
    if (wanted.has(processor))
      CPU_SET(processor, &chosen);
  return sched_setaffinity(0, sizeof chosen, &chosen) == 0;
}

void memoryNodes(MemoryNodes &nodes) {
  nodes.count = nodes.processors = 0;
  NumberSet memory, processors;
  int policy = policyDefault;
  if (syscall(SYS_get_mempolicy, &policy, nullptr, 0ul, nullptr, 0ul) == 0 && policy == policyDefault &&
      syscall(SYS_get_mempolicy, nullptr, memory.words, (unsigned long)maxProcessors, nullptr, allowedNodes) == 0 &&
      readAllowed(processors))
    readNodes("/sys/devices/system/node", memory, processors, nodes);
}

bool preferNode(void *memory, uint64_t size, uint32_t number) {
  NumberSet node;
  node.add(number);
  return syscall(SYS_mbind, memory, (unsigned long)size, policyPreferred, node.words, (unsigned long)maxProcessors,
                 0u) == 0;
}

bool stayOnNode(const MemoryNodes::Node &node, NumberSet &before) {
  if (!readAllowed(before))
    return false;
  NumberSet both;
  for (uint32_t i = 0; i < maxProcessors / 64; ++i)
    both.words[i] = before.words[i] & node.processors.words[i];
  return allow(both);
}

void mayRunOn(const NumberSet &processors) { allow(processors); }

void leaveCore() {
  NumberSet allowed;
  int here = sched_getcpu();
  if (here < 0 || uint32_t(here) >= maxProcessors || !readAllowed(allowed))
    return;
  NumberSet others = allowed;
  others.words[here / 64] &= ~(uint64_t(1) << here % 64);
  if (allow(others))
    allow(allowed);
}

} // namespace llmc::runtime::platform
