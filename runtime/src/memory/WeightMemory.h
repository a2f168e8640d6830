// WeightMemory.h - weights in memory of their own, placed where the threads that read them run.
//
// A model's file is mapped: all processes share its pages, and none is read before it is needed. That is slower in two
// cases.
//
// Where the system caches a file in small pages, as it does one that was copied, some processors read it at half the
// speed of large ones. Reading it into large pages is left to whoever asks for it, since it takes the memory twice.
//
// A file lies in the system's memory where whoever read it first ran. On a machine of several memory nodes all threads
// then read the memory of one. Here each weight's parts lie on the nodes of the threads that take them: thread t of T
// takes the t-th of T equal parts of a weight (threadShare in compiler/Targets/Vector), and threads are shared out over
// the nodes in order.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_MEMORY_WEIGHTMEMORY_H
#define LLMC_RUNTIME_MEMORY_WEIGHTMEMORY_H

#include "runtime/src/artifact/Artifact.h"
#include "runtime/src/platform/Nodes.h"
#include "runtime/src/platform/Platform.h"

namespace llmc::runtime {

/// Pages as the system hands them out where it can: a page lies on one node.
constexpr uint64_t weightPage = 2 << 20;

/// Owned by a model, constant once filled; freed by releaseWeights. `data` is null, and `nodes` empty, where the
/// weights are read from the file's mapping.
struct WeightMemory {
  uint8_t *data = nullptr; ///< At the start of a page.
  uint64_t size = 0;       ///< Whole pages.
  void *block = nullptr;   ///< What the system gave, of `blockSize` bytes.
  uint64_t blockSize = 0;
  platform::MemoryNodes nodes;
};

/// For each page of the weights section in order: the index of the node that reads most of it, found by who reads its
/// middle. What belongs to no weight stays with the page before.
class PagePlacement {
public:
  PagePlacement(const Artifact &artifact, const platform::MemoryNodes &nodes) : artifact(artifact), nodes(nodes) {}

  /// The node of the next page.
  uint32_t next();

private:
  const Artifact &artifact;
  const platform::MemoryNodes &nodes;
  uint64_t page = 0;
  uint32_t weight = 0; ///< The first that does not end before the page's middle.
  uint32_t last = 0;
};

/// When weights are copied: wherever they are asked for, or where `nodes` has some and memory is not short.
enum class WeightCopy { Always, ForNodes };

/// Copies the weights of a container at `offset` of a file into memory that is placed over `memory`'s nodes, if `copy`
/// says so. Where it does not, or what was not asked for cannot be done, nothing is kept: the mapping serves.
/// @retval LLMC_OUT_OF_MEMORY, LLMC_IO_ERROR  a copy that was asked for failed
Status copyWeights(const Artifact &artifact, const platform::MappedFile &file, uint64_t offset, WeightCopy copy,
                   WeightMemory &memory, Error &error);
void releaseWeights(WeightMemory &memory);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_MEMORY_WEIGHTMEMORY_H
