// Session.cpp - opens a session: bounds from options and manifest, then all its memory and threads.
//
// Not here: running steps (Step.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/Session.h"

#include "runtime/src/memory/SizeExpressions.h"

#include <new>

namespace llmc::runtime {

Status findStepEntry(const llmc_model &model, uint32_t &index, Error &error) {
  const Artifact &artifact = model.artifact;
  for (index = 0; index < artifact.manifest.entries.count; ++index) {
    llmc_entry entry = artifact.entry(index);
    bool takesTokens = false, givesLogits = false;
    for (uint32_t i = 0; i < entry.inputs.count; ++i)
      takesTokens |= artifact.row<llmc_tensor>(entry.inputs, i).role == LLMC_ROLE_TOKENS;
    if (!takesTokens)
      continue;
    for (int output = 0; output < 2; ++output) {
      llmc_range range = output ? entry.outputs : entry.inputs;
      for (uint32_t i = 0; i < range.count; ++i) {
        llmc_tensor tensor = artifact.row<llmc_tensor>(range, i);
        llmc_text_view name = artifact.text(tensor.name), entryName = artifact.text(entry.name);
        if (tensor.role == LLMC_ROLE_NONE)
          return fail(error, LLMC_UNSUPPORTED, "entry '%.*s' has %s '%.*s', which a session of tokens does not know",
                      printed(entryName.size), entryName.data, output ? "output" : "input", printed(name.size),
                      name.data);
        givesLogits |= tensor.role == LLMC_ROLE_LOGITS;
      }
    }
    if (givesLogits)
      return LLMC_OK;
  }
  return fail(error, LLMC_NOT_FOUND, "has no entry that takes tokens and gives logits");
}

namespace {

/// One bound of the session: what was asked for (0: nothing), checked against the file's dim of that kind.
struct Bound {
  const char *name;
  uint32_t kind;
  uint64_t asked;
  uint64_t least;    ///< A default below this is raised to it.
  uint64_t fallback; ///< Default and maximum where the file has no such dim.
  uint64_t machine;  ///< The default where the machine has a say; else 0.
  uint64_t value;
};

Status chooseBound(const Artifact &artifact, Bound &bound, Error &error) {
  uint64_t minimum = 1, maximum = bound.fallback, usual = bound.fallback;
  for (uint32_t i = 0; i < artifact.manifest.dims.count; ++i) {
    llmc_dim dim = artifact.dim(i);
    if (dim.kind != bound.kind)
      continue;
    minimum = dim.minimum > 1 ? dim.minimum : 1;
    maximum = dim.maximum;
    usual = dim.default_value;
  }
  if (bound.machine)
    usual = bound.machine;
  if (usual < bound.least)
    usual = bound.least;
  if (usual < minimum)
    usual = minimum;
  if (usual > maximum)
    usual = maximum;
  bound.value = bound.asked ? bound.asked : usual;
  if (bound.value >= minimum && bound.value <= maximum)
    return LLMC_OK;
  fail(error, LLMC_INVALID_ARGUMENT, "%s = %llu, the model was compiled for %llu to %llu", bound.name,
       (unsigned long long)bound.value, (unsigned long long)minimum, (unsigned long long)maximum);
  return addNote(error, "compile it with larger bounds (--max-context, --max-step, --max-sequences)");
}

/// Hands out parts of the block: first pass with a null base to count, second to place.
class BlockPlan {
public:
  explicit BlockPlan(uint8_t *base) : base(base) {}
  /// `count` elements, aligned for the step, with one line more so that code may load whole vectors.
  template <typename T> void place(T *&part, uint64_t count) {
    uint64_t bytes;
    part = base ? reinterpret_cast<T *>(base + size) : nullptr;
    fits = fits && multiply(count, sizeof(T), bytes) && add(bytes, LLMC_STEP_ALIGNMENT, bytes) &&
           add(size, bytes, size) && alignUp(size, LLMC_STEP_ALIGNMENT, size);
  }
  uint8_t *base;
  uint64_t size = 0;
  bool fits = true;
};

bool placeGraph(llmc_session &session, BlockPlan &plan) {
  if (!session.graph)
    return true;
  GraphStep &graph = *session.graph;
  uint64_t logits, history;
  if (!multiply(graph.form.mostTokens, session.vocabSize, logits) ||
      !multiply(session.maxSequences, session.contextLength, history))
    return false;
  plan.place(graph.pairs, graph.form.numPairs);
  plan.place(graph.current, session.maxSequences);
  if (!graph.form.numPairs)
    plan.place(graph.history, history);
  auto *tokens = static_cast<int64_t *>(graph.tokens);
  plan.place(tokens, graph.form.mostTokens);
  graph.tokens = tokens;
  plan.place(graph.logits, logits);
  return true;
}

bool placeArrays(llmc_session &session, BlockPlan &plan) {
  const Artifact &artifact = session.model->artifact;
  uint64_t logits;
  if (!multiply(session.maxRows, session.rowStride, logits))
    return false;
  plan.place(session.dims, artifact.manifest.dims.count);
  plan.place(session.slotOffsets, session.entry.slots.count);
  plan.place(session.inputs, session.entry.inputs.count);
  plan.place(session.outputs, session.entry.outputs.count);
  plan.place(session.views, session.numStates);
  plan.place(session.states, session.numStates);
  plan.place(session.lengths, session.maxSequences);
  plan.place(session.usedInStep, session.maxSequences);
  plan.place(session.tokens, session.maxTokens);
  plan.place(session.positions, session.maxTokens);
  plan.place(session.sequences, session.maxTokens);
  plan.place(session.rows, session.maxRows);
  plan.place(session.logits, logits);
  if (!placeGraph(session, plan))
    return false;
  plan.place(session.arena, session.arenaSize);
  return plan.fits;
}

Status noMemory(const llmc_session &session, Error &error) {
  fail(error, LLMC_OUT_OF_MEMORY, "no memory for steps of %u tokens with %u rows of logits", session.maxTokens,
       session.maxRows);
  return addNote(error, "ask for fewer tokens or rows in a step");
}

/// The session's bounds as values of the manifest's dims.
void setDims(llmc_session &session, uint64_t tokens, uint64_t rows) {
  const Artifact &artifact = session.model->artifact;
  for (uint32_t i = 0; i < artifact.manifest.dims.count; ++i) {
    llmc_dim dim = artifact.dim(i);
    switch (dim.kind) {
    case LLMC_DIM_TOKENS:
      session.dims[i] = tokens;
      break;
    case LLMC_DIM_ROWS:
      session.dims[i] = rows;
      break;
    case LLMC_DIM_SEQUENCES:
      session.dims[i] = session.maxSequences;
      break;
    case LLMC_DIM_CONTEXT:
      session.dims[i] = session.contextLength;
      break;
    case LLMC_DIM_THREADS:
      session.dims[i] = session.team.numThreads;
      break;
    default:
      session.dims[i] = dim.default_value;
    }
  }
}

Status openMemory(llmc_session &session, Error &error) {
  const Artifact &artifact = session.model->artifact;
  // The arena's size needs dims and offsets, which lie in the block: they get a block of their own for the time being.
  BlockPlan small(nullptr);
  for (int pass = 0; pass < 2; ++pass) {
    small.size = 0;
    small.place(session.dims, artifact.manifest.dims.count);
    small.place(session.slotOffsets, session.entry.slots.count);
    if (!pass && !(small.base = static_cast<uint8_t *>(platform::reserveMemory(small.size))))
      return noMemory(session, error);
  }
  setDims(session, session.maxTokens, session.maxRows);
  bool planned = planArena(artifact, session.entry, session.dims, session.slotOffsets, session.arenaSize);
  platform::releaseMemory(small.base, small.size);
  BlockPlan counted(nullptr);
  if (!planned || !placeArrays(session, counted))
    return noMemory(session, error);
  session.block = static_cast<uint8_t *>(platform::reserveMemory(counted.size));
  if (!session.block)
    return noMemory(session, error);
  session.blockSize = counted.size;
  BlockPlan placed(session.block);
  placeArrays(session, placed);
  setDims(session, session.maxTokens, session.maxRows);
  planArena(artifact, session.entry, session.dims, session.slotOffsets, session.arenaSize);
  for (uint32_t i = 0; i < session.numStates; ++i) {
    new (&session.states[i]) StateMemory();
    if (Status status = openState(session.states[i], artifact.row<llmc_state>(session.entry.states, i),
                                  session.maxSequences, session.contextLength, error))
      return status;
    session.views[i] = session.states[i].view;
  }
  return session.graph ? openGraphMemory(session, error) : LLMC_OK;
}

/// Points the context's tensors at session memory; nothing of it changes between steps but dims.
void fillContext(llmc_session &session) {
  const Artifact &artifact = session.model->artifact;
  for (uint32_t i = 0; i < session.entry.inputs.count; ++i) {
    switch (artifact.row<llmc_tensor>(session.entry.inputs, i).role) {
    case LLMC_ROLE_TOKENS:
      session.inputs[i] = session.graph ? session.graph->tokens : session.tokens;
      break;
    case LLMC_ROLE_POSITIONS:
      session.inputs[i] = session.positions;
      break;
    case LLMC_ROLE_SEQUENCES:
      session.inputs[i] = session.sequences;
      break;
    default:
      session.inputs[i] = session.rows;
    }
  }
  for (uint32_t i = 0; i < session.entry.outputs.count; ++i)
    session.outputs[i] = session.graph ? session.graph->logits : session.logits; // a graph's presents: in each step
  session.context.weights = session.model->weights;
  session.context.arena = session.arena;
  session.context.slot_offsets = session.slotOffsets;
  session.context.dims = session.dims;
  session.context.inputs = session.inputs;
  session.context.outputs = session.outputs;
  session.context.states = session.views;
  session.context.barrier = teamBarrier;
  session.context.team = &session.team;
}

/// Asks the system to read the weights ahead, all at once, unless they would push everything else out of memory. Read
/// page by page by the first step they come ten times slower from a disk.
void readWeightsAhead(const llmc_model &model) {
  const llmc_section *weights = model.artifact.section(LLMC_SECTION_WEIGHTS);
  if (model.file.data && !model.ownWeights.data && weights && weights->size &&
      weights->size <= platform::memoryLimit() / 2)
    platform::willNeed(model.weights, weights->size);
}

/// The form of a graph's step, and whether it takes what the session may hold.
Status openGraph(llmc_session &session, Error &error) {
  const Artifact &artifact = session.model->artifact;
  if (!isGraphStep(artifact, session.entry))
    return LLMC_OK;
  session.graph = &session.graphStep;
  GraphForm &form = session.graph->form;
  if (Status status = readGraphForm(artifact, session.entry, form, error))
    return status;
  uint64_t most = form.numPairs ? artifact.dim(form.pastDim).maximum + 1 : form.mostTokens;
  if (session.contextLength > most)
    return fail(error, LLMC_INVALID_FILE, "its step takes %llu positions, its context is %u", (unsigned long long)most,
                session.contextLength);
  session.graph->isWide = artifact.row<llmc_tensor>(session.entry.inputs, form.tokensInput).element_type == LLMC_I64;
  session.rowStride = (uint64_t(session.vocabSize) + 15) & ~uint64_t(15);
  return LLMC_OK;
}

} // namespace

Status openSession(const llmc_model &model, const llmc_session_options &options, llmc_session *&session, Error &error) {
  const Artifact &artifact = model.artifact;
  uint32_t entryIndex;
  if (Status status = findStepEntry(model, entryIndex, error))
    return status;
  uint64_t positions = artifact.manifest.generation.max_position;
  Bound threads = {"threads", LLMC_DIM_THREADS, options.num_threads, 1, maxThreads, platform::usableCores(), 0};
  Bound tokens = {"max_tokens_per_step", LLMC_DIM_TOKENS, options.max_tokens_per_step, 1, 1, 0, 0};
  Bound context = {"context", LLMC_DIM_CONTEXT, options.context, 1, positions ? positions : 1u << 20, 0, 0};
  Bound sequences = {"max_sequences", LLMC_DIM_SEQUENCES, options.max_sequences, 1, 1, 0, 0};
  Bound *bounds[] = {&threads, &tokens, &context, &sequences};
  for (Bound *bound : bounds)
    if (Status status = chooseBound(artifact, *bound, error))
      return status;
  if (threads.value > maxThreads)
    return fail(error, LLMC_INVALID_ARGUMENT, "threads = %llu, expected at most %u", (unsigned long long)threads.value,
                maxThreads);
  // A step has no more rows than tokens, and a decoding step has one for each sequence.
  Bound rows = {"max_rows_per_step", LLMC_DIM_ROWS, options.max_rows_per_step, sequences.value, tokens.value, 0, 0};
  if (Status status = chooseBound(artifact, rows, error))
    return status;

  void *memory = platform::reserveMemory(sizeof(llmc_session));
  if (!memory)
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for a session");
  llmc_session *opened = new (memory) llmc_session();
  opened->model = &model;
  opened->entry = artifact.entry(entryIndex);
  opened->function = model.entryFunction(entryIndex);
  opened->vocabSize = artifact.manifest.generation.vocab_size;
  opened->maxSequences = uint32_t(sequences.value);
  opened->contextLength = uint32_t(context.value);
  opened->maxTokens = uint32_t(tokens.value);
  opened->maxRows = uint32_t(rows.value < tokens.value ? rows.value : tokens.value);
  opened->numStates = opened->entry.states.count;
  for (uint32_t i = 0; i < artifact.manifest.dims.count; ++i)
    if (artifact.dim(i).kind == LLMC_DIM_ROWS && artifact.dim(i).minimum)
      opened->minimumRows = 1;
  for (uint32_t i = 0; i < opened->entry.outputs.count; ++i)
    opened->rowStride = artifact.row<llmc_tensor>(opened->entry.outputs, i).row_stride;
  opened->team.numThreads = uint32_t(threads.value);
  Status status = openGraph(*opened, error);
  if (!status)
    status = openMemory(*opened, error);
  opened->team.numThreads = 1; // none to join yet
  if (!status)
    status = startTeam(opened->team, uint32_t(threads.value), error, &model.ownWeights.nodes);
  if (status) {
    closeSession(opened);
    return status;
  }
  fillContext(*opened);
  readWeightsAhead(model);
  session = opened;
  return LLMC_OK;
}

void closeSession(llmc_session *session) {
  if (!session)
    return;
  stopTeam(session->team);
  for (uint32_t i = 0; session->block && i < session->numStates; ++i)
    closeState(session->states[i]);
  closeGraphMemory(*session);
  platform::releaseMemory(session->block, session->blockSize);
  platform::releaseMemory(session, sizeof(llmc_session));
}

} // namespace llmc::runtime
