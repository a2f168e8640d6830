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
  uint64_t *inputSizes = nullptr;  ///< [inputs][LLMC_MAX_RANK]: as the caller says
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
/// Documented at llmc_call_set_sizes.
Status setSizes(llmc_call &call, uint32_t index, const uint64_t *sizes, uint32_t rank, Error &error);
/// Documented at llmc_call_run.
Status runCall(llmc_call &call, Error &error);
/// Whether each dim that the step has computed lies within its bounds; one that does not becomes its least.
Status checkComputedDims(const Artifact &artifact, uint64_t *dims, Error &error);
/// Most bytes of a tensor of a graph; false when it belongs to a text decoder's step, or they do not fit.
bool tensorBytes(const Artifact &artifact, const llmc_tensor &tensor, uint64_t &bytes);
/// Sizes of an input or output in the call's last run, or to come; and their bytes.
void actualSizes(const llmc_call &call, bool output, uint32_t index, uint64_t *sizes, uint64_t &bytes);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SESSION_CALL_H
