/* toy_code.c - the compiled code of the toy model of the runtime's tests: a flat image with one entry at offset 0.
 *
 * logits[v] of a token at position p is the sum over q = 0 .. p, ascending, of weights[v] * (token_q + 1) / (q + v +
 * 1): it depends on every token before, and on a weight, a state page, an arena slot and two barriers.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "llmc/step_abi.h"

#include "toy_model.h"

__attribute__((section(".llmc.entries"), used)) void toyStep(const llmc_step_context *context, uint32_t thread,
                                                             uint32_t numThreads) {
  const int32_t *tokens = context->inputs[0], *positions = context->inputs[1]; /* [tokens] */
  const int32_t *sequences = context->inputs[2], *rows = context->inputs[3];   /* [tokens], [rows] */
  float *logits = context->outputs[0];                                         /* [rows][TOY_ROW_STRIDE] */
  const float *weights = (const float *)context->weights;                      /* [TOY_VOCAB] */
  float *scaled = (float *)(context->arena + context->slot_offsets[TOY_SLOT]); /* [tokens] token + 1 */
  const llmc_state_view *cache = &context->states[0];
  uint64_t numTokens = context->dims[TOY_DIM_TOKENS], numRows = context->dims[TOY_DIM_ROWS];
  if (context->dims[TOY_DIM_THREADS] < numThreads || thread >= numThreads)
    return;
  if (context->launch)
    context->launch(context->team, thread, TOY_LAUNCH_SCALE);
  for (uint64_t t = thread; t < numTokens; t += numThreads)
    scaled[t] = (float)(tokens[t] + 1);
  context->barrier(context->team, thread);
  /* Each thread stores what another one computed. */
  for (uint64_t t = numThreads - 1 - thread; t < numTokens; t += numThreads) {
    uint64_t position = (uint64_t)positions[t];
    uint64_t page =
        (uint64_t)cache->page_table[(uint64_t)sequences[t] * cache->pages_per_sequence + position / TOY_PAGE_TOKENS];
    float *cells = (float *)(cache->base + page * TOY_PAGE_BYTES);
    cells[position % TOY_PAGE_TOKENS] = scaled[t];
  }
  context->barrier(context->team, thread);
  if (context->launch)
    context->launch(context->team, thread, TOY_LAUNCH_SUMS);
  for (uint64_t r = 0; r < numRows; ++r) {
    int32_t token = rows[r];
    const int32_t *table = cache->page_table + (uint64_t)sequences[token] * cache->pages_per_sequence;
    for (uint64_t v = thread; v < TOY_VOCAB; v += numThreads) {
      float sum = 0;
      for (uint64_t q = 0; q <= (uint64_t)positions[token]; ++q) {
        const float *cells = (const float *)(cache->base + (uint64_t)table[q / TOY_PAGE_TOKENS] * TOY_PAGE_BYTES);
        sum += weights[v] * cells[q % TOY_PAGE_TOKENS] / (float)(q + v + 1);
      }
      logits[r * TOY_ROW_STRIDE + v] = sum;
    }
  }
}
