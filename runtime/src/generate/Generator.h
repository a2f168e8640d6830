// Generator.h - prompt in, tokens and pieces of text out: the layer above steps.
//
// Not here: choosing among logits (runtime/src/sampling), reading options from people (runner).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_GENERATE_GENERATOR_H
#define LLMC_RUNTIME_GENERATE_GENERATOR_H

#include "llmc/generate.h"
#include "runtime/src/generate/StopTexts.h"
#include "runtime/src/sampling/Sampler.h"
#include "runtime/src/session/Session.h"
#include "runtime/src/text/Tokenizer.h"

namespace llmc::runtime {

/// What only the runner asks of a generation; the C API leaves it empty.
struct GenerateHooks {
  /// Receives the logits of every position, the last chosen token's too, in order.
  Status (*onLogits)(void *user, const llmc_logits &logits, Error &error) = nullptr;
  /// Receives the logits [vocab_size] that a token was chosen from, before the token is handed out.
  void (*onChoice)(void *user, const float *logits, int32_t token) = nullptr;
  /// Asked between steps; true ends with LLMC_END_CALLBACK.
  bool (*shouldStop)(void *user) = nullptr;
  /// Asked where the context is full and tokens may be dropped. `tokens` are those of the sequence and the newest one;
  /// the hook leaves what it shall hold, at least the newest, at most the context. False: as the options say.
  bool (*onFull)(void *user, Array<int32_t> &tokens) = nullptr;
  void *user = nullptr;
  /// Other sequences that run in the same steps, to show that they change nothing. The session has room for them.
  uint32_t beside = 0;
};

} // namespace llmc::runtime

/// What llmc_generator stands for.
struct llmc_generator {
  llmc_generator(llmc_session &session, const llmc::runtime::Tokenizer *tokenizer);

  llmc_session &session;
  const llmc::runtime::Tokenizer *tokenizer;  ///< Null when the model has none.
  const llmc::runtime::Tokenizer noTokenizer; ///< Knows no token: decodes everything to nothing.
  llmc::runtime::Sampler sampler;
  llmc::runtime::Array<uint64_t> samplerMemory;
  llmc::runtime::StopTexts stops;
  llmc::runtime::Array<int32_t> history;        ///< The sequence's tokens, for the repetition penalty and shifts.
  llmc::runtime::Array<int32_t> shifted;        ///< What a shift leaves of them.
  uint32_t historySequence = 0;                 ///< The sequence they belong to.
  llmc::runtime::Array<llmc_step_input> inputs; ///< Of one step, the sequences beside included.
  llmc::runtime::Array<int32_t> besideTokens;   ///< [max_sequences][besideMost]
  uint32_t besideSeed = 1;                      ///< Of their tokens, which mean nothing.
};

namespace llmc::runtime {

/// Allocates all buffers. @retval LLMC_OUT_OF_MEMORY
Status openGenerator(llmc_session &session, llmc_generator *&generator, Error &error);
void closeGenerator(llmc_generator *generator);

/// Documented at llmc_generate.
Status generate(llmc_generator &generator, const int32_t *prompt, uint32_t numTokens,
                const llmc_generate_options &options, const GenerateHooks &hooks, llmc_generate_result &result,
                Error &error);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_GENERATE_GENERATOR_H
