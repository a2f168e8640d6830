// WeightMemory.cpp - places pages, and reads the file into them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/memory/WeightMemory.h"

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
static bool readPlaced(const Artifact &artifact, const platform::MappedFile &file, uint64_t offset,
                       WeightMemory &memory) {
  const llmc_section *weights = artifact.section(LLMC_SECTION_WEIGHTS);
  if (!memory.nodes.count || !weights || weights->size < weightPage || weights->size > platform::memoryLimit() / 2)
    return false;
  memory.size = (weights->size + weightPage - 1) / weightPage * weightPage;
  memory.blockSize = memory.size + weightPage;
  memory.block = platform::reserveMemory(memory.blockSize);
  if (!memory.block)
    return false;
  uint64_t address = reinterpret_cast<uintptr_t>(memory.block);
  memory.data = static_cast<uint8_t *>(memory.block) + (weightPage - address % weightPage) % weightPage;
  placePages(artifact, memory);
  platform::ReadFile source = {file.descriptor, file.size};
  return platform::readFile(source, offset + weights->offset, memory.data, weights->size);
}

bool placeWeights(const Artifact &artifact, const platform::MappedFile &file, uint64_t offset, WeightMemory &memory) {
  if (readPlaced(artifact, file, offset, memory))
    return true;
  releaseWeights(memory);
  return false;
}

void releaseWeights(WeightMemory &memory) {
  platform::releaseMemory(memory.block, memory.blockSize);
  memory = WeightMemory();
}

} // namespace llmc::runtime
