// Call.h - an entry on tensors with its memory and threads: what llmc_call stands for.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SESSION_CALL_H
#define LLMC_RUNTIME_SESSION_CALL_H

#include "llmc/entry.h"
#include "runtime/src/session/Model.h"
#include "runtime/src/threads/Team.h"

/// One block of memory holds the arrays, the tensors and the arena.
struct llmc_call {
  const llmc_model *model = nullptr;
  llmc_entry entry{};
  uint32_t entryIndex = 0;
  llmc_entry_function function = nullptr;
  uint8_t *block = nullptr;
  uint64_t blockSize = 0;
  uint64_t *dims = nullptr;        ///< [dims of the manifest]
  uint64_t *slotOffsets = nullptr; ///< [slots]
  void **inputs = nullptr;         ///< [inputs]
  void **outputs = nullptr;        ///< [outputs]
  uint8_t *arena = nullptr;
  llmc_step_context context{};
  llmc::runtime::Team team;
};

namespace llmc::runtime {

/// Documented at llmc_call_open.
Status openCall(const llmc_model &model, const char *entry, uint32_t numThreads, llmc_call *&call, Error &error);
void closeCall(llmc_call *call);
/// Documented at llmc_call_run.
void runCall(llmc_call &call);
/// Bytes of a tensor of constant sizes; false when they are not constant or do not fit.
bool tensorBytes(const llmc_tensor &tensor, uint64_t &bytes);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SESSION_CALL_H
