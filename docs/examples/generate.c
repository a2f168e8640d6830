/* generate.c - the C API in a page: opens a compiled model, continues a text, prints it as it comes.
 *
 *   cc generate.c -I runtime/include build/dev/lib/embed/libllmc.a -lm -pthread -o generate
 *   ./generate smol.llmc "Once upon a time"
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "llmc/generate.h"
#include "llmc/llmc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what went wrong with a file, as llmc's own programs do. */
static int failed(const char *file, const llmc_error *error) {
  fprintf(stderr, "%s: error: %s\n", file, error->message);
  if (error->note[0])
    fprintf(stderr, "note: %s\n", error->note);
  return 1;
}

/* Called for each token; its text is complete characters. Anything but 0 would end generation. */
static int print_piece(void *user, const llmc_piece *piece) {
  size_t *pieces = user;
  ++*pieces;
  fwrite(piece->text, 1, piece->size, stdout);
  return fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL TEXT\n", argv[0]);
    return 2;
  }
  const char *file = argv[1], *text = argv[2];
  llmc_error error;

  /* The model: code, weights and tokenizer, mapped from the file. */
  llmc_model *model;
  if (llmc_model_open(file, &model, &error))
    return failed(file, &error);

  /* The text as tokens: at most one for each byte, and a few that the tokenizer puts around it. */
  size_t room = strlen(text) + 64, num_ids;
  int32_t *ids = malloc(room * sizeof *ids);
  if (!ids || llmc_tokenize(model, text, strlen(text), 1, 0, ids, room, &num_ids, &error))
    return failed(file, &error);

  /* A session owns all memory of a run. Zeros stand for defaults: all cores, the file's own context. */
  llmc_session_options options = {.struct_size = sizeof options};
  llmc_session *session;
  llmc_generator *generator;
  if (llmc_session_open(model, &options, &session, &error) || llmc_generator_open(session, &generator, &error))
    return failed(file, &error);

  size_t pieces = 0;
  llmc_generate_options choice;
  llmc_generate_defaults(model, &choice);
  choice.max_new_tokens = 32;
  choice.on_piece = print_piece;
  choice.user = &pieces;
  llmc_generate_result result = {.struct_size = sizeof result};
  if (llmc_generate(generator, ids, (uint32_t)num_ids, &choice, &result, &error))
    return failed(file, &error);
  printf("\n");
  fprintf(stderr, "%u tokens read, %u written in %zu pieces\n", result.num_prompt_tokens, result.num_new_tokens,
          pieces);

  llmc_generator_close(generator);
  llmc_session_close(session);
  llmc_model_close(model);
  free(ids);
  return 0;
}
