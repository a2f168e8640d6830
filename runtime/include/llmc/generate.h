/* generate.h - generation of text above the steps of llmc.h: choosing tokens, stopping, streaming pieces.
 *
 *     llmc_generator *generator;
 *     llmc_generator_open(session, &generator, &error);
 *     llmc_generate_options options;
 *     llmc_generate_defaults(model, &options);
 *     options.max_new_tokens = 64;
 *     options.on_piece = print;
 *     llmc_generate(generator, ids, num_ids, &options, NULL, &error);
 *
 * Ownership, threads and errors as in llmc.h. A generator belongs to one session and is used by one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef LLMC_GENERATE_H
#define LLMC_GENERATE_H

#include "llmc/llmc.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct llmc_generator llmc_generator;

/** Allocates what generation needs; later calls allocate nothing beyond rare growth for very long token texts.
 * Free with llmc_generator_close, before the session. @retval LLMC_OUT_OF_MEMORY */
llmc_status llmc_generator_open(llmc_session *session, llmc_generator **generator, llmc_error *error);
void llmc_generator_close(llmc_generator *generator);

/** What one chosen token set free. Text is complete characters of UTF-8, not terminated, and valid during the call; it
 * is held back while it could still become a stop text. A last call with token -1 may bring what was held. */
typedef struct llmc_piece {
  int32_t token;    /* -1: no token, only held text */
  uint32_t number;  /* of the token, from 0 */
  const char *text; /* empty when the model has no tokenizer */
  size_t size;      /* bytes */
} llmc_piece;

/** Called for each token in order. Anything but 0 ends generation after it. */
typedef int (*llmc_piece_function)(void *user, const llmc_piece *piece);

/** What happens when a sequence has no position left for the next token. */
enum llmc_context_policy {
  LLMC_CONTEXT_STOP = 0,  /* generation ends with LLMC_END_CONTEXT */
  LLMC_CONTEXT_SHIFT = 1, /* the oldest tokens but the first num_keep are dropped, and what stays is computed anew: the
                             sequence is then, bit for bit, one that was given the tokens that stay */
};

/** How tokens are chosen and when to end. Fill with llmc_generate_defaults. */
typedef struct llmc_generate_options {
  size_t struct_size;      /* in: sizeof(llmc_generate_options) */
  uint32_t sequence;       /* of the session; it is continued, not reset */
  uint32_t max_new_tokens; /* UINT32_MAX: until a token ends the text or the context is full */
  float temperature;       /* 0: the likeliest token, always */
  float top_p;             /* keep the fewest tokens whose probabilities sum to this; 1: all */
  float min_p;             /* drop tokens below this fraction of the likeliest one's probability; 0: none */
  float repeat_penalty; /* divides (multiplies) positive (negative) logits of tokens already in the sequence; 1: none */
  uint32_t top_k;       /* keep this many; 0: all */
  uint32_t ignore_eos;  /* 1: do not end at the model's end tokens */
  uint64_t seed;        /* the same seed and text give the same tokens */
  const char *const
      *stop_texts; /* [num_stop_texts] zero-terminated; ends before the first that appears; read during the call */
  size_t num_stop_texts;
  llmc_piece_function on_piece; /* may be null */
  void *user;                   /* its first argument */
  uint32_t context_policy;      /* enum llmc_context_policy; since 1.2, as the next */
  uint32_t num_keep; /* first tokens of the sequence that a shift keeps, at most half of the context; of the others the
                        newer half of what the context holds stays */
} llmc_generate_options;

/** Sets every option to the model's own defaults, else greedy choice without limits. */
void llmc_generate_defaults(const llmc_model *model, llmc_generate_options *options);

/** Why generation ended. */
typedef enum llmc_end {
  LLMC_END_TOKEN = 1,    /* one of the model's end tokens */
  LLMC_END_TEXT = 2,     /* a stop text */
  LLMC_END_LENGTH = 3,   /* max_new_tokens */
  LLMC_END_CONTEXT = 4,  /* the sequence is full, and the policy is to stop */
  LLMC_END_CALLBACK = 5, /* on_piece asked for it */
} llmc_end;

/** What happened; times in nanoseconds. */
typedef struct llmc_generate_result {
  size_t struct_size; /* in: sizeof(llmc_generate_result) */
  llmc_end end;
  uint32_t num_prompt_tokens;
  uint32_t num_new_tokens; /* an end token included */
  uint64_t prompt_time;    /* until the first token was chosen */
  uint64_t decode_time;    /* from there to the last one */
  uint32_t num_shifts;     /* how often the context was full and tokens were dropped; since 1.2 */
} llmc_generate_result;

/** Appends the prompt's tokens to the sequence, then chooses and appends tokens until it ends. The last chosen token is
 * not appended: it starts the next call's prompt, where wanted. `result` may be null.
 * @retval LLMC_INVALID_ARGUMENT  an empty prompt, or an option out of range
 * @retval LLMC_CONTEXT_FULL      the prompt does not fit the sequence, or, where tokens may be dropped, the context */
llmc_status llmc_generate(llmc_generator *generator, const int32_t *prompt, uint32_t num_tokens,
                          const llmc_generate_options *options, llmc_generate_result *result, llmc_error *error);

/** Tells a generator the tokens of a sequence that it did not append itself, such as a restored one: as many as the
 * sequence has, or one more, which then counts as chosen and not read. They matter for the repetition penalty and where
 * tokens are dropped (LLMC_CONTEXT_SHIFT). A generator remembers one sequence. Since 1.2.
 * @retval LLMC_INVALID_ARGUMENT  no such sequence, or another number of tokens
 * @retval LLMC_OUT_OF_MEMORY */
llmc_status llmc_generator_recall(llmc_generator *generator, uint32_t sequence, const int32_t *tokens,
                                  uint32_t num_tokens, llmc_error *error);

#ifdef __cplusplus
}
#endif

#endif /* LLMC_GENERATE_H */
