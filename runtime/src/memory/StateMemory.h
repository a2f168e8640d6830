// StateMemory.h - the pages of one state of a session.
//
// Every sequence has its own pages, in order: the page table is the identity. The memory is reserved at once and taken
// from the system when first written.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_MEMORY_STATEMEMORY_H
#define LLMC_RUNTIME_MEMORY_STATEMEMORY_H

#include "llmc/step_abi.h"
#include "runtime/src/artifact/Artifact.h"

namespace llmc::runtime {

/// Owned by a session. A recurrent or convolution state has one page per sequence, a cache one per page_tokens.
struct StateMemory {
  llmc_state state;
  llmc_state_view view{};
  int32_t *pageTable = nullptr; ///< [sequences][pagesPerSequence], owned.
  uint64_t size = 0;            ///< Bytes reserved for pages.
  uint64_t tableSize = 0;       ///< Bytes reserved for the table.

  /// Pages of one sequence that `length` tokens have touched.
  uint64_t pagesUsed(uint64_t length) const {
    if (state.kind != LLMC_STATE_KV_CACHE)
      return length ? 1 : 0;
    return (length + state.page_tokens - 1) / state.page_tokens;
  }
};

/// Reserves zeroed pages. @retval LLMC_OUT_OF_MEMORY  refused, or more than an address or a page number can say
Status openState(StateMemory &memory, const llmc_state &state, uint64_t sequences, uint64_t context, Error &error);
void closeState(StateMemory &memory);

/// Zeroes the pages that a sequence of `oldLength` tokens has used and one of `newLength` does not.
void zeroUnusedPages(StateMemory &memory, uint32_t sequence, uint64_t oldLength, uint64_t newLength);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_MEMORY_STATEMEMORY_H
