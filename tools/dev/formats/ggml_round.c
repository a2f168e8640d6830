// ggml_round.c - rounds f32 rows by ggml's own quantiser and decodes them again: what a peer's format does to weights.
//
//   ggml_round TYPE ROWS COLUMNS < values > values      TYPE is ggml's number of a format
//
// Built by show-formats against the sources and libraries that tools/dev/bench-peer made.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <ggml.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  const enum ggml_type type = (enum ggml_type)atoi(argv[1]);
  const long rows = atol(argv[2]), columns = atol(argv[3]);
  float *values = malloc((size_t)(rows * columns) * sizeof(float));
  void *blocks = malloc(ggml_row_size(type, columns) * (size_t)rows);
  if (!values || !blocks || fread(values, sizeof(float), (size_t)(rows * columns), stdin) != (size_t)(rows * columns))
    return 1;
  ggml_quantize_init(type);
  ggml_quantize_chunk(type, values, blocks, 0, rows, columns, NULL);
  ggml_get_type_traits(type)->to_float(blocks, values, rows * columns);
  return fwrite(values, sizeof(float), (size_t)(rows * columns), stdout) == (size_t)(rows * columns) ? 0 : 1;
}
