/* toy_text.c - the compiled code of a toy graph that is a text decoder, for the runtime's tests.
 *
 * Inputs tokens i64 [1, S] and past f32 [3, P, 2]; outputs logits f32 [1, S, 13] and present f32 [3, P + S, 2]. Dim 0
 * is S, dim 1 is P, dim 2 is P + S, which this code sets. Row h of a present holds (h + 1) * token and that plus 1; a
 * logit is the sum over all tokens so far of their first numbers by place. Token 12 makes the code lie about what it
 * has made.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "llmc/step_abi.h"

__attribute__((section(".llmc.entries"), used)) void toyText(const llmc_step_context *context, uint32_t thread,
                                                             uint32_t numThreads) {
  const int64_t *tokens = context->inputs[0];
  const float *past = context->inputs[1];
  float *logits = context->outputs[0], *present = context->outputs[1];
  uint64_t count = context->dims[0], before = context->dims[1], all = before + count;
  (void)numThreads;
  if (thread != 0)
    return;
  context->dims[2] = all;
  for (uint64_t h = 0; h < 3; ++h)
    for (uint64_t p = 0; p < all; ++p)
      for (uint64_t k = 0; k < 2; ++k)
        present[2 * (h * all + p) + k] =
            p < before ? past[2 * (h * before + p) + k] : (float)(h + 1) * (float)tokens[p - before] + (float)k;
  for (uint64_t s = 0; s < count; ++s) {
    if (tokens[s] == 12)
      context->dims[2] = all - 1;
    for (uint64_t v = 0; v < 13; ++v) {
      float sum = 0;
      for (uint64_t h = 0; h < 3; ++h)
        for (uint64_t p = 0; p <= before + s; ++p)
          sum += present[2 * (h * all + p)] * (float)(p + 1 + v);
      logits[13 * s + v] = sum;
    }
  }
}
