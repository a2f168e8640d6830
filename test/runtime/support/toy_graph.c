/* toy_graph.c - the compiled code of a toy graph of the runtime's tests: rows of x where keep is not 0, and how many.
 *
 * Inputs x f32 [n, 3] and keep u8 [n]; output y f32 [kept, 3]. Dim 0 is n, dim 1 is kept, which this code sets.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "llmc/step_abi.h"

__attribute__((section(".llmc.entries"), used)) void toyGraph(const llmc_step_context *context, uint32_t thread,
                                                              uint32_t numThreads) {
  const float *x = context->inputs[0];
  const uint8_t *keep = context->inputs[1];
  float *y = context->outputs[0];
  uint64_t kept = 0;
  (void)numThreads;
  if (thread != 0)
    return;
  for (uint64_t i = 0; i < context->dims[0]; ++i) {
    if (!keep[i])
      continue;
    for (uint64_t k = 0; k < 3; ++k)
      y[3 * kept + k] = x[3 * i + k];
    /* A value that no row has stands for code that lies. */
    kept += keep[i] == 255 ? 1000 : 1;
  }
  context->dims[1] = kept;
}
