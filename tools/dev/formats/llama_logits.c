// llama_logits.c - the logits that llama.cpp gives for every token of a text, with its caches in f32.
//
//   llama_logits MODEL.gguf TEXT OUT THREADS     writes f32 [tokens][vocabulary] to OUT, prints the tokens
//
// Built by show-formats against the sources and libraries that tools/dev/bench-peer made.
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
  struct llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
  FILE *file = fopen(argv[2], "rb");
  static char text[1 << 20];
  static llama_token tokens[1 << 16];
  if (!model || !file)
    return 1;
  const int length = (int)fread(text, 1, sizeof text, file);
  const struct llama_vocab *vocabulary = llama_model_get_vocab(model);
  const int count = llama_tokenize(vocabulary, text, length, tokens, 1 << 16, false, false);
  if (count < 1)
    return 1;
  struct llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = (uint32_t)count;
  params.n_threads = params.n_threads_batch = atoi(argv[4]);
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  struct llama_context *context = llama_init_from_model(model, params);
  struct llama_batch batch = llama_batch_init(count, 0, 1);
  for (int i = 0; i < count; ++i) {
    batch.token[i] = tokens[i];
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
    printf("%d ", tokens[i]);
  }
  batch.n_tokens = count;
  FILE *out = fopen(argv[3], "wb");
  if (!context || !out || llama_decode(context, batch) != 0)
    return 1;
  const size_t size = (size_t)llama_vocab_n_tokens(vocabulary);
  for (int i = 0; i < count; ++i)
    if (fwrite(llama_get_logits_ith(context, i), sizeof(float), size, out) != size)
      return 1;
  return fclose(out) != 0;
}
