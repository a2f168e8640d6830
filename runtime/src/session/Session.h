// Session.h - memory and threads of one running model: what llmc_session stands for.
//
// Everything is allocated by openSession. A step writes its inputs into session memory, sets the dims, and runs the
// entry on the team.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SESSION_SESSION_H
#define LLMC_RUNTIME_SESSION_SESSION_H

#include "runtime/src/memory/StateMemory.h"
#include "runtime/src/session/GraphStep.h"
#include "runtime/src/session/Model.h"
#include "runtime/src/threads/Team.h"

/// One block of memory holds the struct's arrays; states have their own.
struct llmc_session {
  const llmc_model *model = nullptr;
  llmc_entry entry{};
  llmc_entry_function function = nullptr;
  uint32_t vocabSize = 0;
  uint32_t maxSequences = 0;
  uint32_t contextLength = 0;
  uint32_t maxTokens = 0;   ///< Of a step.
  uint32_t maxRows = 0;     ///< Of a step.
  uint32_t minimumRows = 0; ///< What the code wants at least; rows nobody asked for are not shown.
  uint32_t stepNumber = 0;  ///< Counts steps; marks the sequences of the current one.
  uint64_t arenaSize = 0;
  uint64_t rowStride = 0; ///< Elements between rows of logits.
  uint32_t numStates = 0;
  llmc::runtime::GraphStep graphStep;
  llmc::runtime::GraphStep *graph = nullptr; ///< Of a tensor graph, else null.

  uint8_t *block = nullptr; ///< All arrays below.
  uint64_t blockSize = 0;
  uint64_t *dims = nullptr;                     ///< [dims of the manifest] of the current step.
  uint64_t *slotOffsets = nullptr;              ///< [slots]
  const void **inputs = nullptr;                ///< [inputs]
  void **outputs = nullptr;                     ///< [outputs]
  llmc_state_view *views = nullptr;             ///< [states]
  llmc::runtime::StateMemory *states = nullptr; ///< [states]
  uint32_t *lengths = nullptr;                  ///< [maxSequences] tokens in each sequence.
  uint32_t *usedInStep = nullptr;               ///< [maxSequences] the last step that used it.
  int32_t *tokens = nullptr;                    ///< [maxTokens]
  int32_t *positions = nullptr;                 ///< [maxTokens]
  int32_t *sequences = nullptr;                 ///< [maxTokens]
  int32_t *rows = nullptr;                      ///< [maxRows]
  float *logits = nullptr;                      ///< [maxRows][rowStride]
  uint8_t *arena = nullptr;

  llmc_step_context context{};
  llmc::runtime::Team team;
};

namespace llmc::runtime {

/// The model's first entry that takes tokens and gives logits; all its tensors are ones that a session fills.
/// @retval LLMC_NOT_FOUND, LLMC_UNSUPPORTED
Status findStepEntry(const llmc_model &model, uint32_t &index, Error &error);

/// What a thread of the team runs: the entry, on the session's context.
void enterSession(void *session, uint32_t thread, uint32_t numThreads);

/// Documented at llmc_session_open.
Status openSession(const llmc_model &model, const llmc_session_options &options, llmc_session *&session, Error &error);
void closeSession(llmc_session *session);

/// Documented at llmc_step; `logits` is always filled.
Status runStep(llmc_session &session, const llmc_step_input *inputs, uint32_t numInputs, llmc_logits &logits,
               Error &error);
/// Documented at llmc_prefill.
Status runPrefill(llmc_session &session, uint32_t sequence, const int32_t *tokens, uint32_t numTokens,
                  llmc_logits &logits, Error &error);
/// Documented at llmc_sequence_truncate.
Status truncateSequence(llmc_session &session, uint32_t sequence, uint32_t length, Error &error);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SESSION_SESSION_H
