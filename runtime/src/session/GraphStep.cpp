// GraphStep.cpp - steps of tensor graphs that are text decoders: one sequence at a time, presents become pasts.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/GraphStep.h"

#include "llmc/step_abi.h"
#include "runtime/src/memory/SizeExpressions.h"
#include "runtime/src/session/Call.h"
#include "runtime/src/session/Session.h"

namespace llmc::runtime {

namespace {

bool isDim(uint64_t size) { return size & LLMC_SIZE_IS_DIM; }
uint32_t dimOf(uint64_t size) { return uint32_t(size & ~LLMC_SIZE_IS_DIM); }

/// Calls `take` with the number and the row of each tensor of a role, in order; stops at a status.
template <typename Take> Status eachOf(const Artifact &artifact, llmc_range tensors, uint32_t role, Take take) {
  for (uint32_t i = 0; i < tensors.count; ++i) {
    llmc_tensor tensor = artifact.row<llmc_tensor>(tensors, i);
    if (tensor.role != role)
      continue;
    if (Status status = take(i, tensor))
      return status;
  }
  return LLMC_OK;
}

/// The size of a past that is a dim, where it is the only one; else the rank.
uint32_t placeOf(const llmc_tensor &tensor) {
  uint32_t place = tensor.rank;
  for (uint32_t d = 0; d < tensor.rank; ++d)
    if (isDim(tensor.sizes[d])) {
      if (place != tensor.rank)
        return tensor.rank;
      place = d;
    }
  return place;
}

/// Runs the entry on `count` tokens that stand in its input, after `past` positions of the sequence.
Status runOnce(llmc_session &session, uint32_t sequence, uint64_t past, uint64_t count, Error &error) {
  GraphStep &graph = *session.graph;
  const Artifact &artifact = session.model->artifact;
  const GraphForm &form = graph.form;
  uint8_t *memories = graph.memory + uint64_t(sequence) * 2 * graph.memorySize;
  uint8_t *from = memories + graph.current[sequence] * graph.memorySize;
  uint8_t *to = memories + !graph.current[sequence] * graph.memorySize;
  for (uint32_t i = 0; i < form.numPairs; ++i) {
    session.inputs[graph.pairs[i].input] = from + graph.pairs[i].offset;
    session.outputs[graph.pairs[i].output] = to + graph.pairs[i].offset;
  }
  if (form.tokensDim != LLMC_NO_DIM)
    session.dims[form.tokensDim] = count;
  if (form.pastDim != LLMC_NO_DIM)
    session.dims[form.pastDim] = past;
  runOnTeam(session.team, enterSession, &session, TeamNeed::some, count);
  if (Status status = checkComputedDims(artifact, session.dims, error))
    return status;
  // The positions of each present are known only now.
  for (uint32_t i = 0; i < form.numPairs; ++i) {
    llmc_tensor present = artifact.row<llmc_tensor>(session.entry.outputs, graph.pairs[i].output);
    uint64_t size = present.sizes[graph.pairs[i].place];
    uint64_t positions = isDim(size) ? session.dims[dimOf(size)] : size;
    llmc_text_view name = artifact.text(present.name);
    if (positions != past + count)
      return fail(error, LLMC_INVALID_FILE, "output '%.*s' holds %llu positions after %llu tokens", printed(name.size),
                  name.data, (unsigned long long)positions, (unsigned long long)(past + count));
  }
  if (form.numPairs)
    graph.current[sequence] = !graph.current[sequence];
  return LLMC_OK;
}

void putTokens(GraphStep &graph, const int32_t *tokens, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i)
    if (graph.isWide)
      static_cast<int64_t *>(graph.tokens)[i] = tokens[i];
    else
      static_cast<int32_t *>(graph.tokens)[i] = tokens[i];
}

/// Rows of logits that a run on `count` tokens gives: one for each, or the last one's.
uint64_t rowsGiven(const llmc_session &session, uint64_t count) {
  uint64_t size =
      session.model->artifact.row<llmc_tensor>(session.entry.outputs, session.graph->form.logitsOutput).sizes[1];
  uint64_t rows = isDim(size) ? session.dims[dimOf(size)] : size;
  return rows < count ? 1 : count;
}

/// Whether a run on many tokens gives the last one's logits alone.
bool givesLastRow(const llmc_session &session) {
  const GraphForm &form = session.graph->form;
  uint64_t size = session.model->artifact.row<llmc_tensor>(session.entry.outputs, form.logitsOutput).sizes[1];
  return form.tokensDim != LLMC_NO_DIM && !isDim(size);
}

void copyRows(const llmc_session &session, uint64_t given, uint64_t wanted, float *&logits) {
  for (uint64_t row = given - wanted; row < given; ++row, logits += session.rowStride)
    memcpy(logits, session.graph->logits + row * session.vocabSize, session.vocabSize * sizeof(float));
}

/// Without pasts: all tokens of the sequence, again and again.
Status runWhole(llmc_session &session, const llmc_step_input &input, float *logits, Error &error) {
  GraphStep &graph = *session.graph;
  uint64_t before = session.lengths[input.sequence];
  int32_t *history = graph.history + uint64_t(input.sequence) * session.contextLength;
  memcpy(history + before, input.tokens, input.num_tokens * sizeof(int32_t));
  bool oneByOne = givesLastRow(session) && input.num_logits > 1;
  if (!input.num_logits)
    return LLMC_OK;
  for (uint32_t row = oneByOne ? input.num_logits : 1; row > 0; --row) {
    uint64_t all = before + input.num_tokens - (row - 1);
    putTokens(graph, history, all);
    if (Status status = runOnce(session, input.sequence, 0, all, error))
      return status;
    copyRows(session, rowsGiven(session, all), oneByOne ? 1 : input.num_logits, logits);
  }
  return LLMC_OK;
}

} // namespace

bool isGraphStep(const Artifact &artifact, const llmc_entry &entry) {
  for (uint32_t i = 0; i < entry.inputs.count; ++i) {
    llmc_tensor tensor = artifact.row<llmc_tensor>(entry.inputs, i);
    if (tensor.role == LLMC_ROLE_TOKENS)
      return tensor.rank == 2;
  }
  return false;
}

GraphPair graphPair(const Artifact &artifact, const llmc_entry &entry, uint32_t index) {
  GraphPair pair = {};
  uint32_t number = 0;
  auto find = [&](uint32_t &into) {
    return [&](uint32_t i, const llmc_tensor &) {
      if (number++ == index)
        into = i;
      return LLMC_OK;
    };
  };
  (void)eachOf(artifact, entry.inputs, LLMC_ROLE_PAST, find(pair.input));
  number = 0;
  (void)eachOf(artifact, entry.outputs, LLMC_ROLE_PRESENT, find(pair.output));
  llmc_tensor past = artifact.row<llmc_tensor>(entry.inputs, pair.input);
  pair.place = placeOf(past);
  pair.outer = 1;
  pair.inner = llmc_element_size(past.element_type);
  for (uint32_t d = 0; d < past.rank; ++d)
    if (d != pair.place)
      (d < pair.place ? pair.outer : pair.inner) *= past.sizes[d];
  return pair;
}

Status readGraphForm(const Artifact &artifact, const llmc_entry &entry, GraphForm &form, Error &error) {
  form = GraphForm();
  (void)eachOf(artifact, entry.inputs, LLMC_ROLE_TOKENS, [&](uint32_t i, const llmc_tensor &tensor) {
    form.tokensInput = i;
    if (isDim(tensor.sizes[1])) {
      form.tokensDim = dimOf(tensor.sizes[1]);
      form.mostTokens = artifact.dim(form.tokensDim).maximum;
    }
    return LLMC_OK;
  });
  bool isRightForm = false;
  (void)eachOf(artifact, entry.outputs, LLMC_ROLE_LOGITS, [&](uint32_t i, const llmc_tensor &tensor) {
    form.logitsOutput = i;
    isRightForm = tensor.rank == 3;
    return LLMC_OK;
  });
  uint32_t presents = 0;
  Status status = eachOf(artifact, entry.outputs, LLMC_ROLE_PRESENT, [&](uint32_t, const llmc_tensor &) {
    ++presents;
    return LLMC_OK;
  });
  status = eachOf(artifact, entry.inputs, LLMC_ROLE_PAST, [&](uint32_t, const llmc_tensor &past) -> Status {
    uint32_t index = form.numPairs++, place = placeOf(past);
    if (index >= presents || place == past.rank)
      return fail(error, LLMC_INVALID_FILE, "past %u has no present, or no one size that grows", index);
    uint32_t grown = dimOf(past.sizes[place]);
    if (grown == form.tokensDim || (form.pastDim != LLMC_NO_DIM && grown != form.pastDim))
      return fail(error, LLMC_INVALID_FILE, "past %u grows by another dim than the others", index);
    form.pastDim = grown;
    llmc_tensor present = artifact.row<llmc_tensor>(entry.outputs, graphPair(artifact, entry, index).output);
    bool same = present.rank == past.rank && present.element_type == past.element_type;
    uint64_t bytes = llmc_element_size(past.element_type);
    for (uint32_t d = 0; same && d < past.rank; ++d)
      same = d == place ? isDim(present.sizes[d])
                        : present.sizes[d] == past.sizes[d] && past.sizes[d] && multiply(bytes, past.sizes[d], bytes);
    if (!same)
      return fail(error, LLMC_INVALID_FILE, "past %u and its present are not of the same form", index);
    return LLMC_OK;
  });
  if (status)
    return status;
  if (!isRightForm || presents != form.numPairs || (!form.numPairs && form.tokensDim == LLMC_NO_DIM))
    return fail(error, LLMC_INVALID_FILE, "the step of a graph has no logits, or %u pasts and %u presents",
                form.numPairs, presents);
  return LLMC_OK;
}

bool graphPastBytes(const GraphPair &pair, uint64_t length, uint64_t &bytes) {
  return multiply(pair.outer, pair.inner, bytes) && multiply(bytes, length, bytes);
}

Status openGraphMemory(llmc_session &session, Error &error) {
  GraphStep &graph = *session.graph;
  bool fits = true;
  graph.memorySize = 0;
  for (uint32_t i = 0; i < graph.form.numPairs; ++i) {
    graph.pairs[i] = graphPair(session.model->artifact, session.entry, i);
    graph.pairs[i].offset = graph.memorySize;
    uint64_t bytes = 0;
    // A line more, so that code may load whole vectors.
    fits = fits && graphPastBytes(graph.pairs[i], session.contextLength, bytes) &&
           add(bytes, LLMC_STEP_ALIGNMENT, bytes) && add(graph.memorySize, bytes, graph.memorySize) &&
           alignUp(graph.memorySize, LLMC_STEP_ALIGNMENT, graph.memorySize);
  }
  fits = fits && multiply(graph.memorySize, 2, graph.reserved) &&
         multiply(graph.reserved, session.maxSequences, graph.reserved);
  if (fits && graph.reserved)
    graph.memory = static_cast<uint8_t *>(platform::reserveMemory(graph.reserved));
  if (!fits || (graph.reserved && !graph.memory)) {
    fail(error, LLMC_OUT_OF_MEMORY, "no memory for %u sequences of %u positions (%llu MiB)", session.maxSequences,
         session.contextLength, (unsigned long long)(graph.reserved >> 20));
    return addNote(error, "ask for a smaller context or fewer sequences");
  }
  return LLMC_OK;
}

void closeGraphMemory(llmc_session &session) {
  if (session.graph && session.graph->memory)
    platform::releaseMemory(session.graph->memory, session.graph->reserved);
}

uint8_t *graphPast(const llmc_session &session, uint32_t sequence, const GraphPair &pair) {
  const GraphStep &graph = *session.graph;
  return graph.memory + (uint64_t(sequence) * 2 + graph.current[sequence]) * graph.memorySize + pair.offset;
}

Status runGraphStep(llmc_session &session, const llmc_step_input &input, float *logits, Error &error) {
  GraphStep &graph = *session.graph;
  if (!graph.form.numPairs)
    return runWhole(session, input, logits, error);
  uint32_t before = session.lengths[input.sequence];
  bool lastRow = givesLastRow(session);
  for (uint64_t done = 0; done < input.num_tokens;) {
    uint64_t left = input.num_tokens - done, count = left < graph.form.mostTokens ? left : graph.form.mostTokens;
    // Where only the last token of a run has logits, each that wants some ends one.
    uint64_t silent = input.num_tokens - input.num_logits;
    if (lastRow && input.num_logits > 1 && done + count > silent + 1)
      count = done > silent ? 1 : silent + 1 - done;
    putTokens(graph, input.tokens + done, count);
    if (Status status = runOnce(session, input.sequence, before + done, count, error)) {
      truncateGraph(session, input.sequence, before + done, before);
      return status;
    }
    done += count;
    uint64_t wanted = done > silent ? done - silent : 0;
    wanted = wanted < count ? wanted : count;
    if (wanted)
      copyRows(session, rowsGiven(session, count), wanted, logits);
  }
  return LLMC_OK;
}

void truncateGraph(llmc_session &session, uint32_t sequence, uint64_t before, uint64_t length) {
  GraphStep &graph = *session.graph;
  if (graph.history)
    memset(graph.history + uint64_t(sequence) * session.contextLength + length, 0, (before - length) * sizeof(int32_t));
  for (uint32_t i = 0; i < graph.form.numPairs; ++i) {
    const GraphPair &pair = graph.pairs[i];
    uint8_t *now = graphPast(session, sequence, pair);
    uint64_t kept = length * pair.inner, whole = before * pair.inner;
    // Rows move together, the first stays.
    for (uint64_t row = 1; row < pair.outer && kept && kept != whole; ++row)
      memmove(now + row * kept, now + row * whole, kept);
    memset(now + pair.outer * kept, 0, pair.outer * (whole - kept));
  }
  if (!graph.form.numPairs || length == before)
    return;
  // What was there a step ago goes too.
  uint8_t *other = graph.memory + (uint64_t(sequence) * 2 + !graph.current[sequence]) * graph.memorySize;
  for (uint32_t i = 0; i < graph.form.numPairs; ++i)
    memset(other + graph.pairs[i].offset, 0, graph.pairs[i].outer * before * graph.pairs[i].inner);
}

} // namespace llmc::runtime
