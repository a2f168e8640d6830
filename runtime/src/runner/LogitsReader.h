// LogitsReader.h - the logits of every token of a text, piece by piece.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_LOGITSREADER_H
#define LLMC_RUNTIME_RUNNER_LOGITSREADER_H

#include "llmc/artifact_format.h"
#include "llmc/llmc.h"
#include "runtime/src/platform/Error.h"

#include <algorithm>

namespace llmc::runtime {

/// A session of one sequence whose steps give the logits of as many tokens as the file allows.
class LogitsReader {
public:
  /// The model must outlive the reader.
  explicit LogitsReader(const llmc_model *model) : model(model) {}
  LogitsReader(const LogitsReader &) = delete;
  LogitsReader &operator=(const LogitsReader &) = delete;
  ~LogitsReader() { llmc_session_close(session); }

  /// `threads`, `context`: 0 is the default of llmc_session_options.
  Status open(uint32_t threads, uint32_t context, Error &error) {
    llmc_session_options options = {};
    options.struct_size = sizeof options;
    options.num_threads = threads;
    options.context = context;
    options.max_sequences = 1;
    llmc_dim_info dim;
    for (uint32_t i = 0; llmc_model_dim(model, i, &dim) == LLMC_OK; ++i)
      if (dim.kind == LLMC_DIM_ROWS)
        options.max_rows_per_step = uint32_t(dim.maximum);
    if (Status status = llmc_session_open(model, &options, &session, &error))
      return status;
    llmc_session_info info = {};
    info.struct_size = sizeof info;
    llmc_session_get_info(session, &info);
    piece = std::min(info.max_tokens_per_step, info.max_rows_per_step);
    vocabulary = info.vocab_size;
    this->context = info.context;
    return LLMC_OK;
  }

  /// Forgets what was read.
  Status begin(Error &error) { return llmc_sequence_truncate(session, 0, 0, &error); }
  /// Reads on: at most `piece` tokens; gives the logits of the last `rows`, which hold until the next call.
  Status read(const int32_t *tokens, uint32_t count, uint32_t rows, llmc_logits &logits, Error &error) {
    llmc_step_input input = {0, count, tokens, rows};
    return llmc_step(session, &input, 1, &logits, &error);
  }

  uint32_t piece = 0; ///< Tokens in a step at most.
  uint32_t vocabulary = 0;
  uint32_t context = 0; ///< Tokens between two calls of `begin` at most.

private:
  const llmc_model *model;
  llmc_session *session = nullptr;
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_LOGITSREADER_H
