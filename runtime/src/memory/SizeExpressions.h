// SizeExpressions.h - evaluates the manifest's sizes for a session's bounds.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_MEMORY_SIZEEXPRESSIONS_H
#define LLMC_RUNTIME_MEMORY_SIZEEXPRESSIONS_H

#include "runtime/src/artifact/Artifact.h"

namespace llmc::runtime {

/// Sets result = a * b, or a + b; false when it does not fit 63 bits.
inline bool multiply(uint64_t a, uint64_t b, uint64_t &result) {
  return !__builtin_mul_overflow(a, b, &result) && result <= INT64_MAX;
}
inline bool add(uint64_t a, uint64_t b, uint64_t &result) {
  return !__builtin_add_overflow(a, b, &result) && result <= INT64_MAX;
}

/// Rounds up to a power of two; false when it does not fit.
inline bool alignUp(uint64_t value, uint64_t alignment, uint64_t &result) {
  if (!add(value, alignment - 1, result))
    return false;
  result &= ~(alignment - 1);
  return true;
}

/// The bytes of an arena slot: the largest of its sizes. `dims` holds every dim's session bound. False on overflow.
bool slotSize(const Artifact &artifact, const llmc_slot &slot, const uint64_t *dims, uint64_t &size);

/// Places an entry's slots one after the other: offsets[i] for each, and the bytes of all. False on overflow.
bool planArena(const Artifact &artifact, const llmc_entry &entry, const uint64_t *dims, uint64_t *offsets,
               uint64_t &total);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_MEMORY_SIZEEXPRESSIONS_H
