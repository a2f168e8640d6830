// SessionApi.cpp - the C API's functions on sessions; each is documented in llmc.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/SavedSequence.h"

using namespace llmc::runtime;

llmc_status llmc_session_open(const llmc_model *model, const llmc_session_options *options, llmc_session **session,
                              llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  if (!model || !session)
    return fail(filled, LLMC_INVALID_ARGUMENT, "model and session must not be null");
  *session = nullptr;
  llmc_session_options known = {};
  if (options) {
    // A caller of an older minor knows fewer options; one of a later minor may know more, which must be zero.
    if (options->struct_size < sizeof(size_t) || options->struct_size > 4096)
      return fail(filled, LLMC_INVALID_ARGUMENT, "options: struct_size is %zu, expected %zu", options->struct_size,
                  sizeof known);
    const uint8_t *bytes = reinterpret_cast<const uint8_t *>(options);
    for (size_t i = sizeof known; i < options->struct_size; ++i)
      if (bytes[i])
        return fail(filled, LLMC_INVALID_ARGUMENT, "options: byte %zu is set, this library knows %zu", i, sizeof known);
    memcpy(&known, options, options->struct_size < sizeof known ? options->struct_size : sizeof known);
  }
  return openSession(*model, known, *session, filled);
}

void llmc_session_close(llmc_session *session) { closeSession(session); }

llmc_status llmc_session_get_info(const llmc_session *session, llmc_session_info *info) {
  if (!session || !info || info->struct_size < sizeof(size_t))
    return LLMC_INVALID_ARGUMENT;
  llmc_session_info filled = {};
  filled.struct_size = info->struct_size;
  filled.num_threads = session->team.numThreads;
  filled.max_sequences = session->maxSequences;
  filled.context = session->contextLength;
  filled.max_tokens_per_step = session->maxTokens;
  filled.max_rows_per_step = session->maxRows;
  filled.vocab_size = session->vocabSize;
  filled.arena_size = session->arenaSize;
  for (uint32_t i = 0; i < session->numStates; ++i)
    filled.states_size += session->states[i].size;
  if (session->graph)
    filled.states_size += session->graph->reserved;
  filled.logits_size = uint64_t(session->maxRows) * session->rowStride * sizeof(float);
  memcpy(info, &filled, info->struct_size < sizeof filled ? info->struct_size : sizeof filled);
  return LLMC_OK;
}

llmc_status llmc_step(llmc_session *session, const llmc_step_input *inputs, uint32_t num_inputs, llmc_logits *logits,
                      llmc_error *error) {
  Error unused;
  llmc_logits ignored;
  if (!session)
    return fail(error ? *error : unused, LLMC_INVALID_ARGUMENT, "session must not be null");
  return runStep(*session, inputs, num_inputs, logits ? *logits : ignored, error ? *error : unused);
}

llmc_status llmc_prefill(llmc_session *session, uint32_t sequence, const int32_t *tokens, uint32_t num_tokens,
                         llmc_logits *logits, llmc_error *error) {
  Error unused;
  llmc_logits ignored;
  if (!session)
    return fail(error ? *error : unused, LLMC_INVALID_ARGUMENT, "session must not be null");
  return runPrefill(*session, sequence, tokens, num_tokens, logits ? *logits : ignored, error ? *error : unused);
}

uint32_t llmc_sequence_length(const llmc_session *session, uint32_t sequence) {
  return session && sequence < session->maxSequences ? session->lengths[sequence] : 0;
}

llmc_status llmc_sequence_truncate(llmc_session *session, uint32_t sequence, uint32_t length, llmc_error *error) {
  Error unused;
  if (!session)
    return fail(error ? *error : unused, LLMC_INVALID_ARGUMENT, "session must not be null");
  return truncateSequence(*session, sequence, length, error ? *error : unused);
}

llmc_status llmc_sequence_save(const llmc_session *session, uint32_t sequence, const int32_t *tokens,
                               uint32_t num_tokens, llmc_text_view application, const char *path, llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  if (!session || !path || (!application.data && application.size))
    return fail(filled, LLMC_INVALID_ARGUMENT, "session, path and application must not be null");
  return saveSequence(*session, sequence, tokens, num_tokens, application, path, filled);
}

llmc_status llmc_saved_open(const llmc_model *model, const char *path, llmc_saved **saved, llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  if (!model || !path || !saved)
    return fail(filled, LLMC_INVALID_ARGUMENT, "model, path and saved must not be null");
  *saved = nullptr;
  return openSaved(*model, path, *saved, filled);
}

void llmc_saved_close(llmc_saved *saved) { closeSaved(saved); }

const int32_t *llmc_saved_tokens(const llmc_saved *saved, uint32_t *num_tokens) {
  *num_tokens = saved ? saved->header.num_tokens : 0;
  return saved ? reinterpret_cast<const int32_t *>(saved->bytes + saved->part(0).offset) : nullptr;
}

llmc_text_view llmc_saved_application(const llmc_saved *saved) {
  if (!saved)
    return {"", 0};
  llmc_session_part part = saved->part(1);
  return {reinterpret_cast<const char *>(saved->bytes + part.offset), size_t(part.size)};
}

llmc_status llmc_saved_restore(const llmc_saved *saved, llmc_session *session, uint32_t sequence, llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  if (!saved || !session)
    return fail(filled, LLMC_INVALID_ARGUMENT, "saved and session must not be null");
  return restoreSequence(*saved, *session, sequence, filled);
}
