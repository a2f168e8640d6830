/* library_main.c - runs a model of `--emit lib` with nothing of llmc's runtime: library_main WEIGHTS OUT ID...
 *
 * Writes the logits of every token as rows of floats. The tokens come in two steps, to show that the cache is kept.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "my_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACE(type, name, bytes) static type name[(bytes) / sizeof(type)] __attribute__((aligned(LLMC_STEP_ALIGNMENT)))

PLACE(uint8_t, weights, MY_MODEL_WEIGHTS_BYTES);
PLACE(uint8_t, arena, MY_MODEL_ARENA_BYTES);
PLACE(uint8_t, state, MY_MODEL_STATE_BYTES);
PLACE(int32_t, pages, MY_MODEL_PAGES * 4);
PLACE(float, logits, MY_MODEL_MAX_TOKENS * MY_MODEL_LOGITS_STRIDE * 4);
PLACE(int32_t, tokens, MY_MODEL_MAX_TOKENS * 4);
PLACE(int32_t, positions, MY_MODEL_MAX_TOKENS * 4);
PLACE(int32_t, sequences, MY_MODEL_MAX_TOKENS * 4);
PLACE(int32_t, rows, MY_MODEL_MAX_TOKENS * 4);

int main(int argc, char **argv) {
  FILE *file = fopen(argv[1], "rb");
  if (!file || fread(weights, 1, sizeof weights, file) != sizeof weights || fgetc(file) != EOF)
    return 1;
  fclose(file);
  for (int i = 0; i < (int)MY_MODEL_PAGES; ++i)
    pages[i] = i;
  memset(arena, 0xff, sizeof arena); /* what is there does not matter */
  const my_model_memory memory = {weights, arena, state, pages};
  FILE *out = fopen(argv[2], "wb");
  int count = argc - 3, first = count / 2;
  for (int begin = 0; begin < count; begin = begin ? count : first) {
    int end = begin ? count : first;
    for (int i = begin; i < end; ++i) {
      tokens[i - begin] = atoi(argv[3 + i]);
      positions[i - begin] = i;
      rows[i - begin] = i - begin;
    }
    my_model_run(&memory, tokens, positions, sequences, (uint32_t)(end - begin), rows, (uint32_t)(end - begin), logits);
    for (int i = 0; i < end - begin; ++i)
      fwrite(logits + i * MY_MODEL_LOGITS_STRIDE, sizeof(float), MY_MODEL_VOCAB_SIZE, out);
  }
  return fclose(out);
}
