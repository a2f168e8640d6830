/* probe.c - what show-first-slice asks of the C API: bits of a cut prompt, sizes, time to open, allocations in steps.
 *
 *   probe bits FILE THREADS STEP OTHERS IDS OUT
 *       logits of every position, float32 [tokens][vocab], to OUT. The prompt is cut into steps of STEP; OTHERS further
 *       sequences, of other tokens and of other lengths, are in each step
 *   probe facts FILE             sizes, as JSON
 *   probe open FILE              milliseconds to open a model, and a session, as JSON
 *   probe allocations FILE IDS   calls of malloc and its kin after the session is open, as JSON
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#define _GNU_SOURCE
#include "llmc/llmc.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { MAX_IDS = 4096, MAX_OTHERS = 7 };

/* Every allocation of the process, C++'s included, comes through these; counted while `counting`. */
static atomic_int counting;
static atomic_long allocations;
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static void count(void) {
  if (atomic_load_explicit(&counting, memory_order_relaxed))
    atomic_fetch_add(&allocations, 1);
}
void *malloc(size_t size) { return count(), __libc_malloc(size); }
void *calloc(size_t number, size_t size) { return count(), __libc_calloc(number, size); }
void *realloc(void *old, size_t size) { return count(), __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size) { return count(), __libc_memalign(alignment, size); }
int posix_memalign(void **out, size_t alignment, size_t size) {
  count();
  *out = __libc_memalign(alignment, size);
  return *out ? 0 : 12;
}
void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
  static void *(*next)(void *, size_t, int, int, int, off_t);
  if (!next)
    *(void **)&next = dlsym(RTLD_NEXT, "mmap");
  return count(), next(address, size, protection, flags, file, offset);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void stop(const char *what, const llmc_error *error) {
  fprintf(stderr, "%s: %s\n", what, error->message);
  exit(1);
}

static uint32_t parse_ids(char *text, int32_t *ids) {
  uint32_t n = 0;
  for (char *word = strtok(text, ","); word && n < MAX_IDS; word = strtok(NULL, ","))
    ids[n++] = atoi(word);
  return n;
}

static llmc_session *open_session(const llmc_model *model, uint32_t threads, uint32_t sequences, uint32_t step) {
  llmc_session_options options = {sizeof options, threads, sequences, 0, step, step};
  llmc_session *session;
  llmc_error error;
  if (llmc_session_open(model, &options, &session, &error))
    stop("session", &error);
  return session;
}

static int bits(const llmc_model *model, char **arguments) {
  uint32_t threads = atoi(arguments[0]), step = atoi(arguments[1]), others = atoi(arguments[2]);
  static int32_t ids[MAX_IDS], foreign[MAX_OTHERS][MAX_IDS];
  uint32_t total = parse_ids(arguments[3], ids);
  FILE *out = fopen(arguments[4], "wb");
  if (!out || others > MAX_OTHERS)
    return perror(arguments[4]), 1;
  /* Sequence 0 is the prompt alone, else the middle one, so that it begins in the middle of the batch. */
  uint32_t mine = others ? 1 : 0;
  for (uint32_t o = 0; o < others; ++o)
    for (uint32_t i = 0; i < total; ++i)
      foreign[o][i] = ids[(i * (o + 2) + 3 * o + 1) % total];
  llmc_session *session = open_session(model, threads, others + 1, 512);
  uint32_t done_by[MAX_OTHERS] = {0};
  llmc_error error;
  for (uint32_t done = 0; done < total;) {
    uint32_t tokens = total - done < step ? total - done : step, n = 0, o = 0;
    llmc_step_input inputs[MAX_OTHERS + 1];
    for (uint32_t sequence = 0; sequence <= others; ++sequence) {
      if (sequence == mine) {
        inputs[n++] = (llmc_step_input){sequence, tokens, ids + done, tokens};
        continue;
      }
      uint32_t length = 3 * o + 1; /* 1, 4, 7 tokens of the others, no logits wanted */
      if (done_by[o] + length <= total) {
        inputs[n++] = (llmc_step_input){sequence, length, foreign[o] + done_by[o], 0};
        done_by[o] += length;
      }
      ++o;
    }
    llmc_logits logits;
    if (llmc_step(session, inputs, n, &logits, &error))
      stop("step", &error);
    for (uint32_t row = 0; row < tokens; ++row)
      fwrite(logits.data + row * logits.row_stride, sizeof(float), logits.vocab_size, out);
    done += tokens;
  }
  llmc_session_close(session);
  return fclose(out) != 0;
}

static int facts(const llmc_model *model) {
  llmc_model_info info = {.struct_size = sizeof info};
  llmc_model_get_info(model, &info);
  printf("{\"file_size\": %llu, \"weights_size\": %llu, \"tokenizer_size\": %llu, \"code_size\": %llu, \"variants\": "
         "%u}\n",
         (unsigned long long)info.file_size, (unsigned long long)info.weights_size,
         (unsigned long long)info.tokenizer_size, (unsigned long long)info.code_size, info.num_variants);
  return 0;
}

static int allocations_of_steps(const llmc_model *model, char **arguments) {
  static int32_t ids[MAX_IDS];
  uint32_t total = parse_ids(arguments[0], ids);
  llmc_session *session = open_session(model, 2, 1, 0);
  llmc_error error;
  llmc_logits logits;
  atomic_store(&counting, 1);
  if (llmc_prefill(session, 0, ids, total, &logits, &error))
    stop("prefill", &error);
  for (int i = 0; i < 32; ++i) {
    llmc_step_input next = {0, 1, ids + i % total, 1};
    if (llmc_step(session, &next, 1, &logits, &error))
      stop("step", &error);
  }
  atomic_store(&counting, 0);
  printf("{\"allocations\": %ld, \"steps\": %d}\n", atomic_load(&allocations), 33);
  llmc_session_close(session);
  return 0;
}

int main(int argc, char **argv) {
  const char *mode = argc > 2 ? argv[1] : "";
  llmc_model *model;
  llmc_error error;
  double begin = now();
  if (argc > 2 && llmc_model_open(argv[2], &model, &error))
    stop(argv[2], &error);
  double opened = now();
  if (!strcmp(mode, "bits") && argc == 8)
    return bits(model, argv + 3);
  if (!strcmp(mode, "facts"))
    return facts(model);
  if (!strcmp(mode, "allocations") && argc == 4)
    return allocations_of_steps(model, argv + 3);
  if (!strcmp(mode, "open")) {
    llmc_session *session = open_session(model, 0, 0, 0);
    printf("{\"model_ms\": %.3f, \"session_ms\": %.3f}\n", 1e3 * (opened - begin), 1e3 * (now() - opened));
    llmc_session_close(session);
    return 0;
  }
  fprintf(stderr, "usage: see the head of probe.c\n");
  return 2;
}
