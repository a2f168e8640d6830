// Call.cpp - opens, runs and closes entries on tensors.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/Call.h"

#include "runtime/src/memory/SizeExpressions.h"

#include <new>

// Of the C API, and needed by what lies below it.
uint32_t llmc_element_size(uint32_t element_type) {
  switch (element_type) {
  case LLMC_I8:
  case LLMC_U8:
  case LLMC_BOOL:
  case LLMC_I4:
  case LLMC_U4:
  case LLMC_I2:
  case LLMC_U2:
  case LLMC_F8E4M3FN:
  case LLMC_F8E4M3FNUZ:
  case LLMC_F8E5M2:
  case LLMC_F8E5M2FNUZ:
  case LLMC_F4E2M1:
  case LLMC_F8E8M0:
    return 1;
  case LLMC_F16:
  case LLMC_BF16:
  case LLMC_I16:
  case LLMC_U16:
    return 2;
  case LLMC_F32:
  case LLMC_I32:
  case LLMC_U32:
    return 4;
  case LLMC_F64:
  case LLMC_I64:
  case LLMC_U64:
    return 8;
  default:
    return 0;
  }
}

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

llmc_dim dimOf(const Artifact &artifact, const llmc_tensor &tensor, uint32_t d) {
  return artifact.dim(uint32_t(tensor.sizes[d] & ~LLMC_SIZE_IS_DIM));
}
uint64_t largestSize(const Artifact &artifact, const llmc_tensor &tensor, uint32_t d) {
  return tensor.sizes[d] & LLMC_SIZE_IS_DIM ? dimOf(artifact, tensor, d).maximum : tensor.sizes[d];
}

void setDims(llmc_call &call) {
  for (uint32_t i = 0; i < call.model->artifact.manifest.dims.count; ++i)
    call.dims[i] = call.model->artifact.dim(i).default_value;
}

/// Places all parts; `arenaSize` is known in the second pass.
bool place(llmc_call &call, Parts &parts, uint64_t arenaSize) {
  const Artifact &artifact = call.model->artifact;
  call.dims = reinterpret_cast<uint64_t *>(parts.take(artifact.manifest.dims.count * sizeof(uint64_t)));
  call.inputSizes =
      reinterpret_cast<uint64_t *>(parts.take(call.entry.inputs.count * LLMC_MAX_RANK * sizeof(uint64_t)));
  call.slotOffsets = reinterpret_cast<uint64_t *>(parts.take(call.entry.slots.count * sizeof(uint64_t)));
  call.inputs = reinterpret_cast<void **>(parts.take(call.entry.inputs.count * sizeof(void *)));
  call.outputs = reinterpret_cast<void **>(parts.take(call.entry.outputs.count * sizeof(void *)));
  for (int output = 0; output < 2; ++output) {
    llmc_range range = output ? call.entry.outputs : call.entry.inputs;
    for (uint32_t i = 0; i < range.count; ++i) {
      uint64_t bytes;
      if (!tensorBytes(artifact, artifact.row<llmc_tensor>(range, i), bytes))
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
  for (uint32_t i = 0; i < call.entry.inputs.count; ++i) {
    llmc_tensor tensor = call.model->artifact.row<llmc_tensor>(call.entry.inputs, i);
    for (uint32_t d = 0; d < tensor.rank; ++d)
      call.inputSizes[LLMC_MAX_RANK * i + d] = largestSize(call.model->artifact, tensor, d);
  }
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
      plain = plain && tensorBytes(artifact, tensor, bytes);
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

bool tensorBytes(const Artifact &artifact, const llmc_tensor &tensor, uint64_t &bytes) {
  bytes = llmc_element_size(tensor.element_type);
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    if (tensor.sizes[i] & LLMC_SIZE_IS_DIM) {
      uint32_t kind = dimOf(artifact, tensor, i).kind;
      if (kind != LLMC_DIM_NAMED && kind != LLMC_DIM_COMPUTED)
        return false;
    }
    if (!multiply(bytes, largestSize(artifact, tensor, i), bytes))
      return false;
  }
  return tensor.role == LLMC_ROLE_NONE &&
         (tensor.rank == 0 || tensor.row_stride == largestSize(artifact, tensor, tensor.rank - 1));
}

/// "input 'ids': dimension 1 ('sequence')", for messages.
static void describePlace(const Artifact &artifact, const llmc_tensor &tensor, uint32_t dim, char (&text)[200]) {
  llmc_text_view name = artifact.text(tensor.name);
  if (!(tensor.sizes[dim] & LLMC_SIZE_IS_DIM)) {
    formatText(text, sizeof text, "input '%.*s': dimension %u", printed(name.size), name.data, dim);
    return;
  }
  llmc_text_view own = artifact.text(dimOf(artifact, tensor, dim).name);
  formatText(text, sizeof text, "input '%.*s': dimension %u ('%.*s')", printed(name.size), name.data, dim,
             printed(own.size), own.data);
}

Status setSizes(llmc_call &call, uint32_t index, const uint64_t *sizes, uint32_t rank, Error &error) {
  const Artifact &artifact = call.model->artifact;
  if (index >= call.entry.inputs.count || (rank && !sizes))
    return fail(error, LLMC_INVALID_ARGUMENT, "no input %u with sizes: the entry has %u", index,
                call.entry.inputs.count);
  llmc_tensor tensor = artifact.row<llmc_tensor>(call.entry.inputs, index);
  llmc_text_view name = artifact.text(tensor.name);
  if (rank != tensor.rank)
    return fail(error, LLMC_INVALID_ARGUMENT, "input '%.*s' has %u dimensions, expected %u", printed(name.size),
                name.data, rank, tensor.rank);
  char place[200];
  for (uint32_t d = 0; d < rank; ++d) {
    uint64_t least = tensor.sizes[d], most = least;
    if (tensor.sizes[d] & LLMC_SIZE_IS_DIM) {
      llmc_dim dim = dimOf(artifact, tensor, d);
      least = dim.minimum, most = dim.maximum;
    }
    if (sizes[d] >= least && sizes[d] <= most)
      continue;
    describePlace(artifact, tensor, d, place);
    if (least == most)
      return fail(error, LLMC_INVALID_ARGUMENT, "%s is %llu, expected %llu", place, (unsigned long long)sizes[d],
                  (unsigned long long)least);
    fail(error, LLMC_INVALID_ARGUMENT, "%s is %llu, expected %llu to %llu", place, (unsigned long long)sizes[d],
         (unsigned long long)least, (unsigned long long)most);
    return addNote(error, "compile the model with other bounds: --dim NAME=LO..HI");
  }
  for (uint32_t d = 0; d < rank; ++d)
    call.inputSizes[LLMC_MAX_RANK * index + d] = sizes[d];
  return LLMC_OK;
}

/// Takes every dim from the inputs that name it; they agree.
static Status setInputDims(llmc_call &call, Error &error) {
  const Artifact &artifact = call.model->artifact;
  for (uint32_t i = 0; i < call.entry.inputs.count; ++i) {
    llmc_tensor tensor = artifact.row<llmc_tensor>(call.entry.inputs, i);
    for (uint32_t d = 0; d < tensor.rank; ++d) {
      if (!(tensor.sizes[d] & LLMC_SIZE_IS_DIM))
        continue;
      uint64_t size = call.inputSizes[LLMC_MAX_RANK * i + d], dim = tensor.sizes[d];
      // The first that names it; there is one, this input if no other.
      uint32_t first = 0, at = 0;
      for (bool found = false; !found;) {
        llmc_tensor other = artifact.row<llmc_tensor>(call.entry.inputs, first);
        for (at = 0; at < other.rank && other.sizes[at] != dim;)
          ++at;
        found = at < other.rank;
        first += !found;
      }
      uint64_t agreed = call.inputSizes[LLMC_MAX_RANK * first + at];
      if (size != agreed) {
        char place[200];
        describePlace(artifact, tensor, d, place);
        llmc_text_view name = artifact.text(artifact.row<llmc_tensor>(call.entry.inputs, first).name);
        return fail(error, LLMC_INVALID_ARGUMENT, "%s is %llu, but dimension %u of input '%.*s', the same, is %llu",
                    place, (unsigned long long)size, at, printed(name.size), name.data, (unsigned long long)agreed);
      }
      call.dims[dim & ~LLMC_SIZE_IS_DIM] = size;
    }
  }
  return LLMC_OK;
}

void actualSizes(const llmc_call &call, bool output, uint32_t index, uint64_t *sizes, uint64_t &bytes) {
  const Artifact &artifact = call.model->artifact;
  llmc_tensor tensor = artifact.row<llmc_tensor>(output ? call.entry.outputs : call.entry.inputs, index);
  bytes = llmc_element_size(tensor.element_type);
  for (uint32_t d = 0; d < tensor.rank; ++d) {
    uint64_t size = tensor.sizes[d];
    if (!output)
      size = call.inputSizes[LLMC_MAX_RANK * index + d];
    else if (size & LLMC_SIZE_IS_DIM)
      size = call.dims[size & ~LLMC_SIZE_IS_DIM];
    sizes[d] = size;
    bytes *= size;
  }
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
    status = startTeam(opened->team, numThreads, error, &model.ownWeights.nodes);
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

Status checkComputedDims(const Artifact &artifact, uint64_t *dims, Error &error) {
  for (uint32_t i = 0; i < artifact.manifest.dims.count; ++i) {
    llmc_dim dim = artifact.dim(i);
    if (dim.kind != LLMC_DIM_COMPUTED || (dims[i] >= dim.minimum && dims[i] <= dim.maximum))
      continue;
    uint64_t found = dims[i];
    dims[i] = dim.minimum;
    llmc_text_view name = artifact.text(dim.name);
    if (dim.minimum == 1 && dim.maximum == 1) // a condition: the step ended there
      return fail(error, LLMC_INVALID_ARGUMENT, "the inputs' sizes do not fit: '%.*s' does not hold",
                  printed(name.size), name.data);
    fail(error, LLMC_INVALID_ARGUMENT, "size '%.*s', which the model computes, is %llu, expected %llu to %llu",
         printed(name.size), name.data, (unsigned long long)found, (unsigned long long)dim.minimum,
         (unsigned long long)dim.maximum);
    return addNote(error, "compile the model with other bounds: --dim NAME=LO..HI");
  }
  return LLMC_OK;
}

/// The same for calls whose sizes are the same, and more where a size is larger.
uint64_t kindOf(const llmc_call &call) {
  uint64_t kind = 1;
  for (uint32_t i = 0; i < call.model->artifact.manifest.dims.count; ++i)
    if (call.model->artifact.dim(i).kind != LLMC_DIM_COMPUTED)
      kind *= call.dims[i] + 1;
  return kind;
}

Status runCall(llmc_call &call, Error &error) {
  if (Status status = setInputDims(call, error))
    return status;
  runOnTeam(call.team, enterCode, &call, TeamNeed::some, kindOf(call));
  // Callers trust these as they trust the inputs' sizes.
  return checkComputedDims(call.model->artifact, call.dims, error);
}

} // namespace llmc::runtime
