/* serve.c - keeps one entry of a compiled graph ready and times it whenever it is asked to.
 *
 *   serve MODEL.llmc THREADS INPUT.raw...     inputs: for each, in order, "SIZExSIZE..." and a file of its elements
 *
 * Reads lines: "run N" runs N times and answers with N times in nanoseconds; "write INDEX PATH" writes an output's
 * bytes. Part of bench-onnx, which talks to it; not installed.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "llmc/entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static llmc_error error;
static void check(llmc_status status) {
  if (status == LLMC_OK)
    return;
  fprintf(stderr, "%s %s\n", error.message, error.note);
  exit(1);
}

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  llmc_model *model;
  llmc_call *call;
  check(llmc_model_open(argv[1], &model, &error));
  llmc_call_options options = {sizeof options, (uint32_t)atoi(argv[2])};
  check(llmc_call_open(model, NULL, &options, &call, &error));
  for (int i = 3; i + 1 < argc; i += 2) {
    uint32_t index = (uint32_t)(i - 3) / 2, rank = 0;
    uint64_t sizes[16];
    for (char *at = argv[i]; *at && rank < 16; at += *at == 'x')
      sizes[rank++] = strtoull(at, &at, 10);
    check(llmc_call_set_sizes(call, index, sizes, rank, &error));
    llmc_tensor_info info = {sizeof info};
    check(llmc_call_input_info(call, index, &info));
    FILE *file = fopen(argv[i + 1], "rb");
    if (!file || fread(llmc_call_input(call, index), 1, info.bytes, file) != info.bytes)
      return 1;
    fclose(file);
  }
  char line[4096], path[4000];
  while (fgets(line, sizeof line, stdin)) {
    unsigned count;
    if (sscanf(line, "run %u", &count) == 1) {
      for (unsigned i = 0; i < count; ++i) {
        long long begin = now();
        check(llmc_call_run(call, &error));
        printf("%lld ", now() - begin);
      }
      printf("\n");
    } else if (sscanf(line, "write %u %3999s", &count, path) == 2) {
      llmc_tensor_info info = {sizeof info};
      check(llmc_call_output_info(call, count, &info));
      FILE *file = fopen(path, "wb");
      if (!file || fwrite(llmc_call_output(call, count), 1, info.bytes, file) != info.bytes || fclose(file))
        return 1;
      printf("written\n");
    }
    fflush(stdout);
  }
  llmc_call_close(call);
  llmc_model_close(model);
  return 0;
}
