// ModelApi.cpp - the C API's functions on models; each is documented in llmc.h.
//
// Not here: sessions (SessionApi.cpp), text (TextApi.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Verify.h"
#include "runtime/src/capi/TextPart.h"
#include "runtime/src/session/Model.h"
#include "runtime/src/text/template/Template.h"

#include <string.h>

using namespace llmc::runtime;

uint32_t llmc_api_version(void) { return LLMC_API_MAJOR << 16 | LLMC_API_MINOR; }

const char *llmc_status_name(llmc_status status) {
  switch (status) {
  case LLMC_OK:
    return "ok";
  case LLMC_INVALID_ARGUMENT:
    return "invalid argument";
  case LLMC_NOT_FOUND:
    return "not found";
  case LLMC_IO_ERROR:
    return "input or output error";
  case LLMC_INVALID_FILE:
    return "invalid file";
  case LLMC_UNSUPPORTED:
    return "unsupported";
  case LLMC_OUT_OF_MEMORY:
    return "out of memory";
  case LLMC_CONTEXT_FULL:
    return "context full";
  case LLMC_CANCELLED:
    return "cancelled";
  }
  return "unknown status";
}

/// Gives the caller a model only when its tokenizer opens as well.
static llmc_status finishOpening(llmc_model *opened, llmc_model **model, Error &error) {
  if (Status status = openTextPart(*opened, error)) {
    closeModel(opened);
    return status;
  }
  *model = opened;
  return LLMC_OK;
}

llmc_status llmc_model_open(const char *path, llmc_model **model, llmc_error *error) {
  return llmc_model_open_with(path, nullptr, model, error);
}

llmc_status llmc_model_open_with(const char *path, const llmc_model_options *options, llmc_model **model,
                                 llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  if (!path || !model)
    return fail(filled, LLMC_INVALID_ARGUMENT, "path and model must not be null");
  *model = nullptr;
  llmc_model *opened;
  llmc_model_options given = {};
  if (options)
    memcpy(&given, options, options->struct_size < sizeof given ? options->struct_size : sizeof given);
  if (Status status = openModel(path, given, opened, filled))
    return status;
  return finishOpening(opened, model, filled);
}

llmc_status llmc_model_open_memory(const void *data, size_t size, llmc_model **model, llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  if (!model)
    return fail(filled, LLMC_INVALID_ARGUMENT, "model must not be null");
  *model = nullptr;
  llmc_model *opened;
  if (Status status = openModelMemory(data, size, opened, filled))
    return status;
  return finishOpening(opened, model, filled);
}

void llmc_model_close(llmc_model *model) { closeModel(model); }

llmc_status llmc_model_verify(const llmc_model *model, llmc_error *error) {
  Error unused;
  if (!model)
    return fail(error ? *error : unused, LLMC_INVALID_ARGUMENT, "model must not be null");
  return verifyArtifact(model->artifact, error ? *error : unused);
}

llmc_status llmc_model_get_info(const llmc_model *model, llmc_model_info *info) {
  if (!model || !info || info->struct_size < sizeof(size_t))
    return LLMC_INVALID_ARGUMENT;
  const Artifact &artifact = model->artifact;
  const llmc_generation &generation = artifact.manifest.generation;
  llmc_model_info filled = {};
  filled.struct_size = info->struct_size;
  filled.num_entries = artifact.manifest.entries.count;
  filled.num_dims = artifact.manifest.dims.count;
  filled.num_variants = artifact.manifest.variants.count;
  filled.num_facts = artifact.manifest.facts.count;
  filled.num_weights = artifact.manifest.weights.count;
  filled.variant = model->variant;
  filled.vocab_size = generation.vocab_size;
  filled.max_position = generation.max_position;
  filled.bos_id = generation.bos_id;
  filled.pad_id = generation.pad_id;
  filled.num_eos_ids = generation.eos_ids.count;
  filled.do_sample = generation.do_sample;
  filled.temperature = generation.temperature;
  filled.top_p = generation.top_p;
  filled.min_p = generation.min_p;
  filled.repetition_penalty = generation.repetition_penalty;
  filled.top_k = generation.top_k;
  filled.has_tokenizer = model->text != nullptr;
  filled.file_size = artifact.size;
  if (const llmc_section *weights = artifact.section(LLMC_SECTION_WEIGHTS))
    filled.weights_size = weights->size;
  filled.code_size = model->codeSize;
  if (const llmc_section *tokenizer = artifact.section(LLMC_SECTION_TOKENIZER))
    filled.tokenizer_size = tokenizer->size;
  if (model->chat)
    filled.num_chat_templates = static_cast<const ChatTemplates *>(model->chat)->count();
  memcpy(info, &filled, info->struct_size < sizeof filled ? info->struct_size : sizeof filled);
  return LLMC_OK;
}

int32_t llmc_model_eos_id(const llmc_model *model, uint32_t index) {
  if (!model)
    return -1;
  llmc_range range = model->artifact.manifest.generation.eos_ids;
  return index < range.count ? model->artifact.row<int32_t>(range, index) : -1;
}

void llmc_model_fact(const llmc_model *model, uint32_t index, llmc_text_view *key, llmc_text_view *value) {
  *key = *value = {"", 0};
  if (!model || index >= model->artifact.manifest.facts.count)
    return;
  llmc_fact fact = model->artifact.row<llmc_fact>(model->artifact.manifest.facts, index);
  *key = model->artifact.text(fact.key);
  *value = model->artifact.text(fact.value);
}

void llmc_model_variant(const llmc_model *model, uint32_t index, llmc_text_view *name, uint64_t *features) {
  *name = {"", 0};
  *features = 0;
  if (!model || index >= model->artifact.manifest.variants.count)
    return;
  llmc_variant variant = model->artifact.variant(index);
  *name = model->artifact.text(variant.name);
  *features = variant.features;
}

llmc_status llmc_model_dim(const llmc_model *model, uint32_t index, llmc_dim_info *info) {
  if (!model || !info || index >= model->artifact.manifest.dims.count)
    return LLMC_INVALID_ARGUMENT;
  llmc_dim dim = model->artifact.dim(index);
  *info = {model->artifact.text(dim.name), dim.kind, dim.minimum, dim.maximum, dim.default_value};
  return LLMC_OK;
}

llmc_status llmc_model_entry(const llmc_model *model, uint32_t index, llmc_entry_info *info) {
  if (!model || !info || index >= model->artifact.manifest.entries.count)
    return LLMC_INVALID_ARGUMENT;
  llmc_entry entry = model->artifact.entry(index);
  *info = {model->artifact.text(entry.name), entry.inputs.count, entry.outputs.count, entry.states.count};
  return LLMC_OK;
}

llmc_status llmc_model_state(const llmc_model *model, uint32_t entry, uint32_t index, llmc_state_info *info) {
  if (!model || !info || entry >= model->artifact.manifest.entries.count ||
      index >= model->artifact.entry(entry).states.count)
    return LLMC_INVALID_ARGUMENT;
  llmc_state state = model->artifact.row<llmc_state>(model->artifact.entry(entry).states, index);
  *info = {model->artifact.text(state.name),
           state.kind,
           state.element_type,
           state.slots,
           state.page_tokens,
           state.page_bytes};
  return LLMC_OK;
}

llmc_text_view llmc_model_licences(const llmc_model *model) {
  const llmc_section *section = model ? model->artifact.section(LLMC_SECTION_LICENCES) : nullptr;
  if (!section)
    return {"", 0};
  return {reinterpret_cast<const char *>(model->artifact.bytes(section)), size_t(section->size)};
}
