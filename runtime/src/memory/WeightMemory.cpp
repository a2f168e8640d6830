// WeightMemory.cpp - places pages, and reads the file into them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/memory/WeightMemory.h"

#include <errno.h>

namespace llmc::runtime {

uint32_t PagePlacement::next() {
  uint64_t middle = page++ * weightPage + weightPage / 2;
  // The table is in the order of the section; of one that is not, pages only lie less well.
  for (; weight < artifact.manifest.weights.count; ++weight) {
    llmc_weight_info info = artifact.row<llmc_weight_info>(artifact.manifest.weights, weight);
    if (info.offset > middle)
      break;
    if (middle - info.offset >= info.size)
      continue;
    last = nodes.at(middle - info.offset, info.size);
    break;
  }
  return last;
}

/// Tells the system where the pages go.
static void placePages(const Artifact &artifact, WeightMemory &memory) {
  PagePlacement placement(artifact, memory.nodes);
  uint64_t from = 0;
  uint32_t node = placement.next();
  for (uint64_t at = weightPage; at <= memory.size; at += weightPage) {
    uint32_t next = at < memory.size ? placement.next() : memory.nodes.count;
    if (next == node)
      continue;
    platform::preferNode(memory.data + from, at - from, memory.nodes.nodes[node].number); // or it lies anywhere
    from = at;
    node = next;
  }
}

/// Reserves the pages and reads the weights into them.
static Status readPlaced(const Artifact &artifact, const platform::MappedFile &file, uint64_t offset,
                         const llmc_section &weights, WeightMemory &memory, Error &error) {
  uint64_t limit = platform::memoryLimit();
  memory.size = (weights.size + weightPage - 1) / weightPage * weightPage;
  memory.blockSize = memory.size + weightPage;
  memory.block = limit && memory.size > limit ? nullptr : platform::reserveMemory(memory.blockSize);
  if (!memory.block) {
    fail(error, LLMC_OUT_OF_MEMORY, "no memory for a copy of its weights: %llu MiB, of %llu that the process may have",
         (unsigned long long)(memory.size >> 20), (unsigned long long)(limit >> 20));
    return addNote(error, "without a copy (--no-mmap) they are read from the file");
  }
  uint64_t address = reinterpret_cast<uintptr_t>(memory.block);
  memory.data = static_cast<uint8_t *>(memory.block) + (weightPage - address % weightPage) % weightPage;
  if (memory.nodes.count)
    placePages(artifact, memory);
  platform::ReadFile source = {file.descriptor, file.size};
  if (platform::readFile(source, offset + weights.offset, memory.data, weights.size))
    return LLMC_OK;
  char text[128];
  return fail(error, LLMC_IO_ERROR, "its weights cannot be read: %s", platform::reasonOf(errno, text));
}

Status copyWeights(const Artifact &artifact, const platform::MappedFile &file, uint64_t offset, WeightCopy copy,
                   WeightMemory &memory, Error &error) {
  const llmc_section *weights = artifact.section(LLMC_SECTION_WEIGHTS);
  bool isAsked = copy == WeightCopy::Always && weights && weights->size;
  bool wanted = isAsked || (memory.nodes.count && weights && weights->size >= weightPage &&
                            weights->size <= platform::memoryLimit() / 2);
  Error unused;
  Status status = LLMC_OK;
  if (!wanted || (status = readPlaced(artifact, file, offset, *weights, memory, isAsked ? error : unused)))
    releaseWeights(memory);
  return isAsked ? status : LLMC_OK;
}

void releaseWeights(WeightMemory &memory) {
  platform::releaseMemory(memory.block, memory.blockSize);
  memory = WeightMemory();
}

} // namespace llmc::runtime
