// Model.cpp - opens an artifact and maps its code.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/Model.h"

#include "runtime/src/artifact/Variant.h"
#include "runtime/src/platform/CpuFeatures.h"

#include <new>

namespace llmc::runtime {

/// What code without weights may point at.
alignas(LLMC_STEP_ALIGNMENT) static const uint8_t noWeights[LLMC_STEP_ALIGNMENT] = {};

/// Chooses the code for this processor, and asks for the registers it uses where the system wants to be asked.
static Status chooseCode(llmc_model &model, Error &error) {
  uint32_t architecture = platform::hostArchitecture();
  uint64_t features = platform::hostFeatures();
  if (Status status = chooseVariant(model.artifact, architecture, features, model.variant, error))
    return status;
  llmc_variant chosen = model.artifact.variant(model.variant);
  if (!(chosen.features & platform::tileFeatures) || platform::allowTiles() ||
      !chooseVariant(model.artifact, architecture, features & ~platform::tileFeatures, model.variant, error))
    return LLMC_OK;
  llmc_text_view name = model.artifact.text(chosen.name);
  fail(error, LLMC_UNSUPPORTED, "needs variant '%.*s', and the system refuses this process tile registers (AMX)",
       printed(name.size), name.data);
  return addNote(error,
                 "a thread's stack for signals may be too small; a file compiled without --cpu runs without them");
}

/// Checks the container and maps its code; fills all but `file`. `offset` is the container's in the file.
static Status openContainer(llmc_model &model, const uint8_t *container, uint64_t size, uint64_t offset,
                            const llmc_model_options &options, Error &error) {
  if (Status status = openArtifact(container, size, model.artifact, error))
    return status;
  if (Status status = chooseCode(model, error))
    return status;
  const llmc_section *code = model.artifact.section(LLMC_SECTION_CODE, model.variant);
  const llmc_section *weights = model.artifact.section(LLMC_SECTION_WEIGHTS);
  model.weights = weights && weights->size ? model.artifact.bytes(weights) : noWeights;
  if (model.file.data) {
    WeightCopy copy = options.copy_weights ? WeightCopy::Always : WeightCopy::ForNodes;
    platform::memoryNodes(model.ownWeights.nodes);
    if (Status status = copyWeights(model.artifact, model.file, offset, copy, model.ownWeights, error))
      return status;
    if (model.ownWeights.data)
      model.weights = model.ownWeights.data;
  }
  model.codeSize = code->size;
  if (model.file.data)
    return platform::mapCode(model.file, offset + code->offset, code->size, model.code, error);
  return platform::copyCode(model.artifact.bytes(code), code->size, model.code, error);
}

static llmc_model *newModel(Error &error) {
  void *memory = platform::allocate(sizeof(llmc_model));
  if (!memory) {
    fail(error, LLMC_OUT_OF_MEMORY, "no memory for a model");
    return nullptr;
  }
  return new (memory) llmc_model();
}

Status openModel(const char *path, const llmc_model_options &options, llmc_model *&model, Error &error) {
  llmc_model *opened = newModel(error);
  if (!opened)
    return LLMC_OUT_OF_MEMORY;
  uint64_t offset = 0, size = 0;
  Status status = platform::mapFile(path, opened->file, error);
  if (!status)
    status = findContainer(opened->file.data, opened->file.size, offset, size, error);
  if (!status)
    status = openContainer(*opened, opened->file.data + offset, size, offset, options, error);
  if (status) {
    closeModel(opened);
    return status;
  }
  model = opened;
  return LLMC_OK;
}

Status openModelMemory(const void *data, size_t size, llmc_model *&model, Error &error) {
  if (!data || reinterpret_cast<uintptr_t>(data) % LLMC_STEP_ALIGNMENT)
    return fail(error, LLMC_INVALID_ARGUMENT, "the container's memory is not aligned to %u bytes", LLMC_STEP_ALIGNMENT);
  llmc_model *opened = newModel(error);
  if (!opened)
    return LLMC_OUT_OF_MEMORY;
  if (Status status = openContainer(*opened, static_cast<const uint8_t *>(data), size, 0, {}, error)) {
    closeModel(opened);
    return status;
  }
  model = opened;
  return LLMC_OK;
}

void closeModel(llmc_model *model) {
  if (!model)
    return;
  if (model->text && model->releaseText)
    model->releaseText(model->text);
  if (model->chat && model->releaseChat)
    model->releaseChat(model->chat);
  platform::unmapCode(model->code, model->codeSize);
  releaseWeights(model->ownWeights);
  platform::unmapFile(model->file);
  platform::release(model);
}

} // namespace llmc::runtime
