// Call.cpp - opens, runs and closes entries on tensors.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/Call.h"

#include "runtime/src/memory/SizeExpressions.h"

#include <new>

namespace llmc::runtime {

namespace {

/// Hands out parts of the block: first with a null base to count, then to place.
struct Parts {
  uint8_t *base;
  uint64_t size = 0;
  bool fits = true;

  /// `bytes` bytes, aligned, with a line more so that code may load whole vectors.
  uint8_t *take(uint64_t bytes) {
    uint8_t *part = base ? base + size : nullptr;
    fits = fits && add(bytes, LLMC_STEP_ALIGNMENT, bytes) && add(size, bytes, size) &&
           alignUp(size, LLMC_STEP_ALIGNMENT, size);
    return part;
  }
};

void setDims(llmc_call &call) {
  for (uint32_t i = 0; i < call.model->artifact.manifest.dims.count; ++i)
    call.dims[i] = call.model->artifact.dim(i).default_value;
}

/// Places all parts; `arenaSize` is known in the second pass.
bool place(llmc_call &call, Parts &parts, uint64_t arenaSize) {
  const Artifact &artifact = call.model->artifact;
  call.dims = reinterpret_cast<uint64_t *>(parts.take(artifact.manifest.dims.count * sizeof(uint64_t)));
  call.slotOffsets = reinterpret_cast<uint64_t *>(parts.take(call.entry.slots.count * sizeof(uint64_t)));
  call.inputs = reinterpret_cast<void **>(parts.take(call.entry.inputs.count * sizeof(void *)));
  call.outputs = reinterpret_cast<void **>(parts.take(call.entry.outputs.count * sizeof(void *)));
  for (int output = 0; output < 2; ++output) {
    llmc_range range = output ? call.entry.outputs : call.entry.inputs;
    for (uint32_t i = 0; i < range.count; ++i) {
      uint64_t bytes;
      if (!tensorBytes(artifact.row<llmc_tensor>(range, i), bytes))
        return false;
      uint8_t *part = parts.take(bytes);
      if (part)
        (output ? call.outputs : call.inputs)[i] = part;
    }
  }
  call.arena = parts.take(arenaSize);
  return parts.fits;
}

/// The arena's size and slots need arrays of their own before the block is there.
bool arenaOf(llmc_call &call, uint64_t &size) {
  uint64_t count = uint64_t(call.model->artifact.manifest.dims.count) + call.entry.slots.count + 1;
  auto *numbers = static_cast<uint64_t *>(platform::reserveMemory(count * sizeof(uint64_t)));
  if (!numbers)
    return false;
  call.dims = numbers;
  setDims(call);
  bool planned =
      planArena(call.model->artifact, call.entry, call.dims, numbers + call.model->artifact.manifest.dims.count, size);
  platform::releaseMemory(numbers, count * sizeof(uint64_t));
  return planned;
}

Status openMemory(llmc_call &call, Error &error) {
  uint64_t arena = 0;
  Parts counted = {nullptr};
  if (!arenaOf(call, arena) || !place(call, counted, arena))
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for the entry's tensors");
  // The system would promise more than it has, and end the process when it is used.
  if (counted.size > platform::memoryLimit())
    return fail(error, LLMC_OUT_OF_MEMORY, "its tensors need %llu bytes, more than this machine's memory",
                (unsigned long long)counted.size);
  call.block = static_cast<uint8_t *>(platform::reserveMemory(counted.size));
  if (!call.block)
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for %llu bytes of tensors", (unsigned long long)counted.size);
  call.blockSize = counted.size;
  Parts placed = {call.block};
  place(call, placed, arena);
  setDims(call);
  planArena(call.model->artifact, call.entry, call.dims, call.slotOffsets, arena);
  return LLMC_OK;
}

Status findEntry(const llmc_model &model, const char *name, uint32_t &index, Error &error) {
  const Artifact &artifact = model.artifact;
  for (index = 0; index < artifact.manifest.entries.count; ++index) {
    llmc_text_view text = artifact.text(artifact.entry(index).name);
    if (!name || (strlen(name) == text.size && !memcmp(name, text.data, text.size)))
      break;
  }
  if (index == artifact.manifest.entries.count)
    return fail(error, LLMC_NOT_FOUND, "has no entry '%.64s'", name ? name : "");
  llmc_entry entry = artifact.entry(index);
  bool plain = entry.states.count == 0;
  for (int output = 0; output < 2; ++output) {
    llmc_range range = output ? entry.outputs : entry.inputs;
    for (uint32_t i = 0; i < range.count; ++i) {
      uint64_t bytes;
      llmc_tensor tensor = artifact.row<llmc_tensor>(range, i);
      plain = plain && tensor.role == LLMC_ROLE_NONE && tensorBytes(tensor, bytes);
    }
  }
  if (plain)
    return LLMC_OK;
  llmc_text_view text = artifact.text(entry.name);
  return fail(error, LLMC_INVALID_ARGUMENT, "entry '%.*s' takes tokens or keeps states: open a session for it",
              printed(text.size), text.data);
}

// The code image carries no type hash that the sanitizer could check before the call.
__attribute__((no_sanitize("function"))) void enterCode(void *opaque, uint32_t thread, uint32_t numThreads) {
  llmc_call &call = *static_cast<llmc_call *>(opaque);
  call.function(&call.context, thread, numThreads);
}

} // namespace

bool tensorBytes(const llmc_tensor &tensor, uint64_t &bytes) {
  bytes = llmc_element_size(tensor.element_type);
  for (uint32_t i = 0; i < tensor.rank; ++i)
    if ((tensor.sizes[i] & LLMC_SIZE_IS_DIM) || !multiply(bytes, tensor.sizes[i], bytes))
      return false;
  return tensor.rank == 0 || tensor.row_stride == tensor.sizes[tensor.rank - 1];
}

Status openCall(const llmc_model &model, const char *entry, uint32_t numThreads, llmc_call *&call, Error &error) {
  uint32_t index;
  if (Status status = findEntry(model, entry, index, error))
    return status;
  if (!numThreads)
    numThreads = platform::usableCores();
  if (numThreads > maxThreads)
    return fail(error, LLMC_INVALID_ARGUMENT, "threads = %u, expected at most %u", numThreads, maxThreads);
  void *memory = platform::reserveMemory(sizeof(llmc_call));
  if (!memory)
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for a call");
  llmc_call *opened = new (memory) llmc_call();
  opened->model = &model;
  opened->entry = model.artifact.entry(index);
  opened->entryIndex = index;
  opened->function = model.entryFunction(index);
  Status status = openMemory(*opened, error);
  opened->team.numThreads = 1; // none to join yet
  if (!status)
    status = startTeam(opened->team, numThreads, error);
  if (status) {
    closeCall(opened);
    return status;
  }
  opened->context.weights = model.weights;
  opened->context.arena = opened->arena;
  opened->context.slot_offsets = opened->slotOffsets;
  opened->context.dims = opened->dims;
  opened->context.inputs = opened->inputs;
  opened->context.outputs = opened->outputs;
  opened->context.barrier = teamBarrier;
  opened->context.team = &opened->team;
  call = opened;
  return LLMC_OK;
}

void closeCall(llmc_call *call) {
  if (!call)
    return;
  stopTeam(call->team);
  if (call->block)
    platform::releaseMemory(call->block, call->blockSize);
  platform::releaseMemory(call, sizeof(llmc_call));
}

void runCall(llmc_call &call) { runOnTeam(call.team, enterCode, &call); }

} // namespace llmc::runtime
