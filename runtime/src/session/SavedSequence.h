// SavedSequence.h - a sequence written to a file and read back: what llmc_saved stands for.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SESSION_SAVEDSEQUENCE_H
#define LLMC_RUNTIME_SESSION_SAVEDSEQUENCE_H

#include "llmc/session_format.h"
#include "runtime/src/session/Session.h"

/// A checked file in memory.
struct llmc_saved {
  const llmc_model *model = nullptr;
  uint8_t *bytes = nullptr; ///< Of the whole file, owned; aligned to 64 bytes.
  llmc_session_header header{};

  llmc_session_part part(uint32_t index) const {
    llmc_session_part part;
    memcpy(&part, bytes + sizeof header + index * sizeof part, sizeof part);
    return part;
  }
};

namespace llmc::runtime {

/// Documented at llmc_sequence_save.
Status saveSequence(const llmc_session &session, uint32_t sequence, const int32_t *tokens, uint32_t numTokens,
                    llmc_text_view application, const char *path, Error &error);

/// Documented at llmc_saved_open.
Status openSaved(const llmc_model &model, const char *path, llmc_saved *&saved, Error &error);
/// The same for a file's bytes, which are copied.
Status openSavedMemory(const llmc_model &model, const uint8_t *bytes, uint64_t size, llmc_saved *&saved, Error &error);
void closeSaved(llmc_saved *saved);
/// Documented at llmc_saved_restore.
Status restoreSequence(const llmc_saved &saved, llmc_session &session, uint32_t sequence, Error &error);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SESSION_SAVEDSEQUENCE_H
