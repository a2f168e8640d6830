// EntryApi.cpp - the C API's functions on entries on tensors; each is documented in entry.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/Call.h"

using namespace llmc::runtime;

static llmc_status describe(const llmc_model *model, uint32_t entry, uint32_t index, bool output,
                            llmc_tensor_info *info) {
  if (!model || !info || info->struct_size < sizeof(size_t) || entry >= model->artifact.manifest.entries.count)
    return LLMC_INVALID_ARGUMENT;
  llmc_entry found = model->artifact.entry(entry);
  llmc_range range = output ? found.outputs : found.inputs;
  if (index >= range.count)
    return LLMC_INVALID_ARGUMENT;
  llmc_tensor tensor = model->artifact.row<llmc_tensor>(range, index);
  llmc_tensor_info filled = {};
  if (!tensorBytes(model->artifact, tensor, filled.bytes))
    return LLMC_INVALID_ARGUMENT;
  filled.struct_size = info->struct_size;
  filled.name = model->artifact.text(tensor.name);
  filled.element_type = tensor.element_type;
  filled.rank = tensor.rank;
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    filled.sizes[i] = filled.minimums[i] = tensor.sizes[i];
    if (!(tensor.sizes[i] & LLMC_SIZE_IS_DIM))
      continue;
    llmc_dim dim = model->artifact.dim(uint32_t(tensor.sizes[i] & ~LLMC_SIZE_IS_DIM));
    filled.sizes[i] = dim.maximum;
    filled.minimums[i] = dim.minimum;
    filled.dims[i] = model->artifact.text(dim.name);
  }
  memcpy(info, &filled, info->struct_size < sizeof filled ? info->struct_size : sizeof filled);
  return LLMC_OK;
}

llmc_status llmc_entry_input(const llmc_model *model, uint32_t entry, uint32_t index, llmc_tensor_info *info) {
  return describe(model, entry, index, false, info);
}
llmc_status llmc_entry_output(const llmc_model *model, uint32_t entry, uint32_t index, llmc_tensor_info *info) {
  return describe(model, entry, index, true, info);
}

llmc_status llmc_call_open(const llmc_model *model, const char *entry, const llmc_call_options *options,
                           llmc_call **call, llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  if (!model || !call)
    return fail(filled, LLMC_INVALID_ARGUMENT, "model and call must not be null");
  *call = nullptr;
  if (options && options->struct_size != sizeof *options)
    return fail(filled, LLMC_INVALID_ARGUMENT, "options: struct_size is %zu, expected %zu", options->struct_size,
                sizeof *options);
  return openCall(*model, entry, options ? options->num_threads : 0, *call, filled);
}

void llmc_call_close(llmc_call *call) { closeCall(call); }
uint32_t llmc_call_entry(const llmc_call *call) { return call ? call->entryIndex : 0; }

llmc_status llmc_call_set_sizes(llmc_call *call, uint32_t index, const uint64_t *sizes, uint32_t rank,
                                llmc_error *error) {
  Error unused;
  if (!call)
    return fail(error ? *error : unused, LLMC_INVALID_ARGUMENT, "call must not be null");
  return setSizes(*call, index, sizes, rank, error ? *error : unused);
}

static llmc_status describeActual(const llmc_call *call, uint32_t index, bool output, llmc_tensor_info *info) {
  if (!call || !info || info->struct_size < sizeof(size_t))
    return LLMC_INVALID_ARGUMENT;
  llmc_tensor_info filled = {};
  filled.struct_size = sizeof filled;
  if (llmc_status status = describe(call->model, call->entryIndex, index, output, &filled))
    return status;
  actualSizes(*call, output, index, filled.sizes, filled.bytes);
  filled.struct_size = info->struct_size;
  memcpy(info, &filled, info->struct_size < sizeof filled ? info->struct_size : sizeof filled);
  return LLMC_OK;
}
llmc_status llmc_call_input_info(const llmc_call *call, uint32_t index, llmc_tensor_info *info) {
  return describeActual(call, index, false, info);
}
llmc_status llmc_call_output_info(const llmc_call *call, uint32_t index, llmc_tensor_info *info) {
  return describeActual(call, index, true, info);
}

void *llmc_call_input(llmc_call *call, uint32_t index) {
  return call && index < call->entry.inputs.count ? call->inputs[index] : nullptr;
}
const void *llmc_call_output(const llmc_call *call, uint32_t index) {
  return call && index < call->entry.outputs.count ? call->outputs[index] : nullptr;
}

llmc_status llmc_call_run(llmc_call *call, llmc_error *error) {
  Error unused;
  if (!call)
    return fail(error ? *error : unused, LLMC_INVALID_ARGUMENT, "call must not be null");
  return runCall(*call, error ? *error : unused);
}
