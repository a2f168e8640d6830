// Model.h - an opened artifact with its code mapped: what llmc_model stands for.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SESSION_MODEL_H
#define LLMC_RUNTIME_SESSION_MODEL_H

#include "llmc/step_abi.h"
#include "runtime/src/artifact/Artifact.h"
#include "runtime/src/memory/WeightMemory.h"
#include "runtime/src/platform/Platform.h"

/// Constant once opened; shared by sessions.
struct llmc_model {
  llmc::runtime::platform::MappedFile file; ///< Empty when opened from memory.
  llmc::runtime::Artifact artifact;
  const uint8_t *weights = nullptr;       ///< Never null: models without weights point at zeros.
  llmc::runtime::WeightMemory ownWeights; ///< Where `weights` points into memory of its own.
  const uint8_t *code = nullptr;          ///< The chosen variant's image, executable.
  uint64_t codeSize = 0;
  uint32_t variant = 0;
  void *text = nullptr;                  ///< What the text layer keeps: its opened tokenizer.
  void (*releaseText)(void *) = nullptr; ///< Frees it; may be null.
  void *chat = nullptr;                  ///< Its opened chat templates.
  void (*releaseChat)(void *) = nullptr; ///< Frees them; may be null.

  /// The function of an entry in the chosen variant.
  llmc_entry_function entryFunction(uint32_t entry) const {
    uint64_t offset = artifact.row<uint64_t>(artifact.variant(variant).entry_offsets, entry);
    return reinterpret_cast<llmc_entry_function>(reinterpret_cast<uintptr_t>(code) + offset);
  }
};

namespace llmc::runtime {

/// Maps and checks a file and chooses its code. On success the caller owns the model.
Status openModel(const char *path, const llmc_model_options &options, llmc_model *&model, Error &error);
/// The same for a container in memory, which stays alive and constant; `data` is aligned to LLMC_STEP_ALIGNMENT.
Status openModelMemory(const void *data, size_t size, llmc_model *&model, Error &error);
void closeModel(llmc_model *model);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SESSION_MODEL_H
