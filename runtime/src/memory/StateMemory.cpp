// StateMemory.cpp - the pages of one state of a session.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/memory/StateMemory.h"

#include "runtime/src/memory/SizeExpressions.h"
#include "runtime/src/platform/Platform.h"

namespace llmc::runtime {

/// The page table is written when a session opens; a file that asks for more pages than this is refused.
static constexpr uint64_t maxPages = 1 << 26;

Status openState(StateMemory &memory, const llmc_state &state, uint64_t sequences, uint64_t context, Error &error) {
  memory = StateMemory();
  memory.state = state;
  uint64_t perSequence = memory.pagesUsed(context);
  uint64_t pages, size;
  if (!multiply(sequences, perSequence, pages) || pages > maxPages || !multiply(pages, state.page_bytes, size)) {
    fail(error, LLMC_OUT_OF_MEMORY,
         "%llu sequences of %llu positions need more pages of %llu bytes than can be addressed",
         (unsigned long long)sequences, (unsigned long long)context, (unsigned long long)state.page_bytes);
    return addNote(error, "ask for a smaller context or fewer sequences");
  }
  memory.size = size;
  memory.tableSize = pages * sizeof(int32_t);
  memory.view.base = static_cast<uint8_t *>(platform::reserveMemory(size ? size : 1));
  memory.pageTable = static_cast<int32_t *>(platform::reserveMemory(memory.tableSize ? memory.tableSize : 1));
  if (!memory.view.base || !memory.pageTable) {
    closeState(memory);
    fail(error, LLMC_OUT_OF_MEMORY, "no memory for %llu sequences of %llu positions (%llu MiB)",
         (unsigned long long)sequences, (unsigned long long)context, (unsigned long long)(size >> 20));
    return addNote(error, "ask for a smaller context or fewer sequences");
  }
  for (uint64_t page = 0; page < pages; ++page)
    memory.pageTable[page] = int32_t(page);
  memory.view.page_table = memory.pageTable;
  memory.view.pages_per_sequence = perSequence;
  return LLMC_OK;
}

void closeState(StateMemory &memory) {
  platform::releaseMemory(memory.view.base, memory.size ? memory.size : 1);
  platform::releaseMemory(memory.pageTable, memory.tableSize ? memory.tableSize : 1);
  memory.view = {};
  memory.pageTable = nullptr;
}

void zeroUnusedPages(StateMemory &memory, uint32_t sequence, uint64_t oldLength, uint64_t newLength) {
  const int32_t *table = memory.pageTable + sequence * memory.view.pages_per_sequence;
  for (uint64_t page = memory.pagesUsed(newLength); page < memory.pagesUsed(oldLength); ++page)
    memset(memory.view.base + uint64_t(table[page]) * memory.state.page_bytes, 0, memory.state.page_bytes);
}

} // namespace llmc::runtime
