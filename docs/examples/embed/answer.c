/* answer.c - a C program with a model inside: continues the text of its command line.
 *
 * CMakeLists.txt beside it links the model in, under the name `writer`.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "llmc/generate.h"
#include "writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const llmc_error *error) {
  fprintf(stderr, "answer: error: %s\n", error->message);
  if (error->note[0])
    fprintf(stderr, "note: %s\n", error->note);
  return 1;
}

/* Called for each token; its text is complete characters. */
static int print_piece(void *user, const llmc_piece *piece) {
  (void)user;
  fwrite(piece->text, 1, piece->size, stdout);
  return fflush(stdout);
}

int main(int argc, char **argv) {
  const char *text = argc > 1 ? argv[1] : "Once upon a time";
  llmc_error error;

  /* The model lies in the program; nothing is read from a file. */
  llmc_model *model;
  if (llmc_model_open_memory(writer.data, writer.size, &model, &error))
    return failed(&error);

  size_t room = strlen(text) + 64, num_ids;
  int32_t *ids = malloc(room * sizeof *ids);
  if (!ids || llmc_tokenize(model, text, strlen(text), 1, 0, ids, room, &num_ids, &error))
    return failed(&error);

  llmc_session *session;
  llmc_generator *generator;
  if (llmc_session_open(model, NULL, &session, &error) || llmc_generator_open(session, &generator, &error))
    return failed(&error);

  llmc_generate_options options;
  llmc_generate_defaults(model, &options);
  options.max_new_tokens = 16;
  options.temperature = 0;
  options.on_piece = print_piece;
  if (llmc_generate(generator, ids, (uint32_t)num_ids, &options, NULL, &error))
    return failed(&error);
  printf("\n");

  llmc_generator_close(generator);
  llmc_session_close(session);
  llmc_model_close(model);
  free(ids);
  return 0;
}
