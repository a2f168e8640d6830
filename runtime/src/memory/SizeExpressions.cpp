// SizeExpressions.cpp - evaluates the manifest's sizes for a session's bounds.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/memory/SizeExpressions.h"

#include "llmc/step_abi.h"

namespace llmc::runtime {

bool slotSize(const Artifact &artifact, const llmc_slot &slot, const uint64_t *dims, uint64_t &size) {
  size = 0;
  for (uint32_t i = 0; i < slot.sizes.count; ++i) {
    llmc_size expression = artifact.row<llmc_size>(slot.sizes, i);
    uint64_t sum = 0;
    for (uint32_t j = 0; j < expression.terms.count; ++j) {
      llmc_size_term term = artifact.row<llmc_size_term>(expression.terms, j);
      uint64_t product = term.coefficient;
      for (uint32_t dim : term.dims)
        if (dim != LLMC_NO_DIM && !multiply(product, dims[dim], product))
          return false;
      if (!add(sum, product, sum))
        return false;
    }
    if (sum > size)
      size = sum;
  }
  return true;
}

bool planArena(const Artifact &artifact, const llmc_entry &entry, const uint64_t *dims, uint64_t *offsets,
               uint64_t &total) {
  total = 0;
  for (uint32_t i = 0; i < entry.slots.count; ++i) {
    uint64_t size;
    offsets[i] = total;
    if (!slotSize(artifact, artifact.row<llmc_slot>(entry.slots, i), dims, size) || !add(total, size, total) ||
        !alignUp(total, LLMC_STEP_ALIGNMENT, total))
      return false;
  }
  return true;
}

} // namespace llmc::runtime
