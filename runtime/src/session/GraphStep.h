// GraphStep.h - what a session keeps of a tensor graph that is a text decoder: the pasts of its sequences.
//
// Such an entry takes the tokens of one sequence and what it gave for those before, as plain tensors that grow. Each
// sequence has two memories: a step reads its pasts from one and writes its presents to the other, and then they change
// places. An entry without pasts reads all tokens of the sequence, which are kept instead.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SESSION_GRAPHSTEP_H
#define LLMC_RUNTIME_SESSION_GRAPHSTEP_H

#include "llmc/llmc.h"
#include "runtime/src/artifact/Artifact.h"

struct llmc_session;

namespace llmc::runtime {

/// A past and its present: [outer, positions, inner] elements.
struct GraphPair {
  uint32_t input, output; ///< Numbers of the tensors.
  uint32_t place;         ///< The size that is positions.
  uint64_t outer;
  uint64_t inner;  ///< Bytes.
  uint64_t offset; ///< In a memory.
};

/// The form of such an entry.
struct GraphForm {
  uint32_t tokensInput = 0, logitsOutput = 0;
  uint32_t tokensDim = LLMC_NO_DIM; ///< Of the manifest; none: a step reads one token.
  uint32_t pastDim = LLMC_NO_DIM;
  uint32_t numPairs = 0;
  uint64_t mostTokens = 1; ///< That the entry takes at once.
};

struct GraphStep {
  GraphForm form;
  GraphPair *pairs = nullptr; ///< [numPairs]
  uint8_t *memory = nullptr;  ///< [maxSequences][2][memorySize]
  uint64_t memorySize = 0;    ///< Bytes of the pasts of a sequence that fills its context.
  uint64_t reserved = 0;      ///< Bytes at `memory`.
  uint8_t *current = nullptr; ///< [maxSequences] which of the two holds the pasts.
  int32_t *history = nullptr; ///< [maxSequences][contextLength] tokens, without pasts.
  void *tokens = nullptr;     ///< [mostTokens] int32 or int64: the entry's input.
  float *logits = nullptr;    ///< [mostTokens][vocabSize]: the entry's output.
  bool isWide = false;        ///< Tokens are int64.
};

/// Whether an entry is one: its tokens have two dimensions.
bool isGraphStep(const Artifact &artifact, const llmc_entry &entry);
/// Its form. @retval LLMC_INVALID_FILE  the manifest describes none that could run
Status readGraphForm(const Artifact &artifact, const llmc_entry &entry, GraphForm &form, Error &error);
/// Pair number `index` of a form that was read.
GraphPair graphPair(const Artifact &artifact, const llmc_entry &entry, uint32_t index);

/// Reserves the pasts of all sequences.
Status openGraphMemory(llmc_session &session, Error &error);
void closeGraphMemory(llmc_session &session);

/// Appends tokens to one sequence, of `length` so far, and writes the logits of the last `numLogits` to `logits`. On
/// failure the sequence is what it was.
Status runGraphStep(llmc_session &session, const llmc_step_input &input, float *logits, Error &error);
/// Cuts a sequence's pasts from `before` positions to `length`; what they held is zeroed.
void truncateGraph(llmc_session &session, uint32_t sequence, uint64_t before, uint64_t length);

/// Bytes of one past of `length` positions; false when they do not fit.
bool graphPastBytes(const GraphPair &pair, uint64_t length, uint64_t &bytes);
/// Where a sequence's pasts lie now.
uint8_t *graphPast(const llmc_session &session, uint32_t sequence, const GraphPair &pair);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SESSION_GRAPHSTEP_H
