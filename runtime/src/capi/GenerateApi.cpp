// GenerateApi.cpp - the C API's functions on generation; each is documented in generate.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/generate/Generator.h"

#include <math.h>

using namespace llmc::runtime;

llmc_status llmc_generator_open(llmc_session *session, llmc_generator **generator, llmc_error *error) {
  Error unused;
  if (!session || !generator)
    return fail(error ? *error : unused, LLMC_INVALID_ARGUMENT, "session and generator must not be null");
  *generator = nullptr;
  return openGenerator(*session, *generator, error ? *error : unused);
}

void llmc_generator_close(llmc_generator *generator) { closeGenerator(generator); }

void llmc_generate_defaults(const llmc_model *model, llmc_generate_options *options) {
  *options = {};
  options->struct_size = sizeof *options;
  options->max_new_tokens = UINT32_MAX;
  options->top_p = options->repeat_penalty = 1;
  if (!model)
    return;
  const llmc_generation &generation = model->artifact.manifest.generation;
  // The penalty holds for greedy choice as well; the rest only where the model's own default is to sample.
  if (!isnan(generation.repetition_penalty))
    options->repeat_penalty = generation.repetition_penalty;
  if (!generation.do_sample)
    return;
  options->temperature = isnan(generation.temperature) ? 1 : generation.temperature;
  if (!isnan(generation.top_p))
    options->top_p = generation.top_p;
  if (!isnan(generation.min_p))
    options->min_p = generation.min_p;
  if (generation.top_k > 0)
    options->top_k = uint32_t(generation.top_k);
}

llmc_status llmc_generate(llmc_generator *generator, const int32_t *prompt, uint32_t num_tokens,
                          const llmc_generate_options *options, llmc_generate_result *result, llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  if (!generator || !options)
    return fail(filled, LLMC_INVALID_ARGUMENT, "generator and options must not be null");
  if (options->struct_size < sizeof(size_t) || options->struct_size > 4096 ||
      (result && result->struct_size < sizeof(size_t)))
    return fail(filled, LLMC_INVALID_ARGUMENT, "struct_size is not set");
  // A caller of an older minor knows fewer options; the rest keep the model's defaults.
  llmc_generate_options known;
  llmc_generate_defaults(generator->session.model, &known);
  memcpy(&known, options, options->struct_size < sizeof known ? options->struct_size : sizeof known);
  if (known.num_stop_texts && !known.stop_texts)
    return fail(filled, LLMC_INVALID_ARGUMENT, "stop_texts must not be null");
  llmc_generate_result happened = {};
  Status status = generate(*generator, prompt, num_tokens, known, GenerateHooks(), happened, filled);
  if (result) {
    happened.struct_size = result->struct_size;
    memcpy(result, &happened, result->struct_size < sizeof happened ? result->struct_size : sizeof happened);
  }
  return status;
}

llmc_status llmc_generator_recall(llmc_generator *generator, uint32_t sequence, const int32_t *tokens,
                                  uint32_t num_tokens, llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  if (!generator || (num_tokens && !tokens))
    return fail(filled, LLMC_INVALID_ARGUMENT, "generator and tokens must not be null");
  const llmc_session &session = generator->session;
  if (sequence >= session.maxSequences)
    return fail(filled, LLMC_INVALID_ARGUMENT, "sequence %u, the session has %u", sequence, session.maxSequences);
  uint32_t length = session.lengths[sequence];
  if (num_tokens != length && num_tokens != length + 1)
    return fail(filled, LLMC_INVALID_ARGUMENT, "%u tokens, the sequence has %u (expected as many, or one more)",
                num_tokens, length);
  generator->history.clear();
  generator->historySequence = sequence;
  if (!generator->history.append(tokens, num_tokens))
    return fail(filled, LLMC_OUT_OF_MEMORY, "no memory for %u tokens", num_tokens);
  return LLMC_OK;
}
