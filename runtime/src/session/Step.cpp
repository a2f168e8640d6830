// Step.cpp - runs steps of a session and keeps its sequences.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/Session.h"

namespace llmc::runtime {

// The code image carries no type hash that the sanitizer could check before the call.
__attribute__((no_sanitize("function"))) void enterSession(void *opaque, uint32_t thread, uint32_t numThreads) {
  llmc_session &session = *static_cast<llmc_session *>(opaque);
  session.function(&session.context, thread, numThreads);
  if (session.context.launch) // hears of the end, too
    session.context.launch(session.context.team, thread, LLMC_NO_LAUNCH);
}

namespace {

/// Sets the dims that differ from step to step.
void setStepDims(llmc_session &session, uint32_t tokens, uint32_t rows) {
  const Artifact &artifact = session.model->artifact;
  for (uint32_t i = 0; i < artifact.manifest.dims.count; ++i) {
    uint32_t kind = artifact.dim(i).kind;
    if (kind == LLMC_DIM_TOKENS)
      session.dims[i] = tokens;
    else if (kind == LLMC_DIM_ROWS)
      session.dims[i] = rows;
  }
}

/// Everything llmc.h asks of a step's inputs, before anything is changed.
Status checkInputs(llmc_session &session, const llmc_step_input *inputs, uint32_t numInputs, Error &error) {
  if (!inputs || !numInputs)
    return fail(error, LLMC_INVALID_ARGUMENT, "a step needs at least one input");
  uint64_t tokens = 0, rows = 0;
  uint32_t number = ++session.stepNumber;
  if (!number) { // wrapped around: old marks mean nothing
    memset(session.usedInStep, 0, session.maxSequences * sizeof(uint32_t));
    number = session.stepNumber = 1;
  }
  for (uint32_t i = 0; i < numInputs; ++i) {
    const llmc_step_input &input = inputs[i];
    if (input.sequence >= session.maxSequences)
      return fail(error, LLMC_INVALID_ARGUMENT, "input %u: sequence %u, the session has %u", i, input.sequence,
                  session.maxSequences);
    if (session.usedInStep[input.sequence] == number)
      return fail(error, LLMC_INVALID_ARGUMENT, "input %u: sequence %u is in this step twice", i, input.sequence);
    session.usedInStep[input.sequence] = number;
    if (!input.num_tokens || !input.tokens)
      return fail(error, LLMC_INVALID_ARGUMENT, "input %u: no tokens", i);
    if (input.num_logits > input.num_tokens)
      return fail(error, LLMC_INVALID_ARGUMENT, "input %u: logits of the last %u of %u tokens", i, input.num_logits,
                  input.num_tokens);
    tokens += input.num_tokens;
    rows += input.num_logits;
    if (tokens > session.maxTokens)
      return fail(error, LLMC_INVALID_ARGUMENT, "%llu tokens or more in a step, the session takes %u",
                  (unsigned long long)tokens, session.maxTokens);
    if (rows > session.maxRows)
      return fail(error, LLMC_INVALID_ARGUMENT, "%llu rows of logits or more in a step, the session takes %u",
                  (unsigned long long)rows, session.maxRows);
    if (input.num_tokens > session.contextLength - session.lengths[input.sequence]) {
      fail(error, LLMC_CONTEXT_FULL, "sequence %u of %u tokens cannot take %u more: the context has %u positions",
           input.sequence, session.lengths[input.sequence], input.num_tokens, session.contextLength);
      return addNote(error, "ask for a larger context");
    }
    for (uint32_t k = 0; k < input.num_tokens; ++k)
      if (uint32_t(input.tokens[k]) >= session.vocabSize)
        return fail(error, LLMC_INVALID_ARGUMENT, "token %u of sequence %u is %d, expected 0 to %u", k, input.sequence,
                    input.tokens[k], session.vocabSize - 1);
  }
  return LLMC_OK;
}

/// One sequence of the step after the other; none has changed when one fails.
Status runGraphSteps(llmc_session &session, const llmc_step_input *inputs, uint32_t numInputs, llmc_logits &logits,
                     Error &error) {
  uint32_t rows = 0;
  for (uint32_t i = 0; i < numInputs; ++i) {
    if (Status status = runGraphStep(session, inputs[i], session.logits + rows * session.rowStride, error)) {
      for (uint32_t k = 0; k < i; ++k) {
        uint64_t length = session.lengths[inputs[k].sequence];
        truncateGraph(session, inputs[k].sequence, length + inputs[k].num_tokens, length);
      }
      return status;
    }
    rows += inputs[i].num_logits;
  }
  for (uint32_t i = 0; i < numInputs; ++i)
    session.lengths[inputs[i].sequence] += inputs[i].num_tokens;
  logits = {session.logits, session.rowStride, rows, session.vocabSize};
  return LLMC_OK;
}

} // namespace

Status runStep(llmc_session &session, const llmc_step_input *inputs, uint32_t numInputs, llmc_logits &logits,
               Error &error) {
  if (Status status = checkInputs(session, inputs, numInputs, error))
    return status;
  if (session.graph)
    return runGraphSteps(session, inputs, numInputs, logits, error);
  uint32_t tokens = 0, rows = 0;
  for (uint32_t i = 0; i < numInputs; ++i) {
    const llmc_step_input &input = inputs[i];
    uint32_t position = session.lengths[input.sequence];
    for (uint32_t k = 0; k < input.num_tokens; ++k, ++tokens) {
      session.tokens[tokens] = input.tokens[k];
      session.positions[tokens] = int32_t(position + k);
      session.sequences[tokens] = int32_t(input.sequence);
      if (k >= input.num_tokens - input.num_logits)
        session.rows[rows++] = int32_t(tokens);
    }
  }
  uint32_t computed = rows;
  if (computed < session.minimumRows)
    session.rows[computed++] = int32_t(tokens - 1);
  setStepDims(session, tokens, computed);
  runOnTeam(session.team, enterSession, &session, TeamNeed::some, uint64_t(computed) << 32 | tokens);
  for (uint32_t i = 0; i < numInputs; ++i)
    session.lengths[inputs[i].sequence] += inputs[i].num_tokens;
  logits = {session.logits, session.rowStride, rows, session.vocabSize};
  return LLMC_OK;
}

Status runPrefill(llmc_session &session, uint32_t sequence, const int32_t *tokens, uint32_t numTokens,
                  llmc_logits &logits, Error &error) {
  if (sequence >= session.maxSequences)
    return fail(error, LLMC_INVALID_ARGUMENT, "sequence %u, the session has %u", sequence, session.maxSequences);
  if (!tokens || !numTokens)
    return fail(error, LLMC_INVALID_ARGUMENT, "a prompt needs at least one token");
  uint32_t before = session.lengths[sequence];
  if (numTokens > session.contextLength - before) {
    fail(error, LLMC_CONTEXT_FULL, "sequence %u of %u tokens cannot take %u more: the context has %u positions",
         sequence, before, numTokens, session.contextLength);
    return addNote(error, "ask for a larger context");
  }
  // Checked here, so that no step can fail after the first has run.
  for (uint32_t k = 0; k < numTokens; ++k)
    if (uint32_t(tokens[k]) >= session.vocabSize)
      return fail(error, LLMC_INVALID_ARGUMENT, "token %u of sequence %u is %d, expected 0 to %u", k, sequence,
                  tokens[k], session.vocabSize - 1);
  for (uint32_t done = 0; done < numTokens;) {
    uint32_t count = numTokens - done < session.maxTokens ? numTokens - done : session.maxTokens;
    llmc_step_input input = {sequence, count, tokens + done, done + count == numTokens ? 1u : 0u};
    if (Status status = runStep(session, &input, 1, logits, error))
      return status;
    done += count;
  }
  return LLMC_OK;
}

Status truncateSequence(llmc_session &session, uint32_t sequence, uint32_t length, Error &error) {
  if (sequence >= session.maxSequences)
    return fail(error, LLMC_INVALID_ARGUMENT, "sequence %u, the session has %u", sequence, session.maxSequences);
  uint32_t before = session.lengths[sequence];
  if (length > before)
    return fail(error, LLMC_INVALID_ARGUMENT, "sequence %u has %u tokens and cannot be cut to %u", sequence, before,
                length);
  for (uint32_t i = 0; length && length < before && i < session.numStates; ++i)
    if (session.states[i].state.kind != LLMC_STATE_KV_CACHE)
      return fail(error, LLMC_INVALID_ARGUMENT, "sequence %u has a recurrent state, which cannot go back to %u tokens",
                  sequence, length);
  for (uint32_t i = 0; i < session.numStates; ++i)
    zeroUnusedPages(session.states[i], sequence, before, length);
  if (session.graph)
    truncateGraph(session, sequence, before, length);
  session.lengths[sequence] = length;
  return LLMC_OK;
}

} // namespace llmc::runtime
