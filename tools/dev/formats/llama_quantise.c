// llama_quantise.c - a GGUF in another of llama.cpp's formats, every matrix in the same one, by its own quantiser.
//
//   llama_quantise IN.gguf OUT.gguf FTYPE THREADS     FTYPE: a number of enum llama_ftype
//
// Built by tools/dev/bench against the sources and libraries that tools/dev/bench-peer made.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <llama.h>

#include <stdio.h>
#include <stdlib.h>

static void quiet(enum ggml_log_level level, const char *text, void *data) {
  (void)data;
  if (level >= GGML_LOG_LEVEL_ERROR)
    fputs(text, stderr);
}

int main(int argc, char **argv) {
  if (argc != 5)
    return 2;
  llama_log_set(quiet, NULL);
  llama_backend_init();
  struct llama_model_quantize_params params = llama_model_quantize_default_params();
  params.ftype = (enum llama_ftype)atoi(argv[3]);
  params.nthread = atoi(argv[4]);
  params.pure = true;
  params.allow_requantize = true;
  return llama_model_quantize(argv[1], argv[2], &params) != 0;
}
