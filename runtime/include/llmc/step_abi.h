/* step_abi.h - the contract between compiled code and the runtime that calls it.
 *
 * Shared by the compiler, which emits code that reads these structs, and the runtime, which fills them. Plain C, no
 * dependencies, fixed layout on 64-bit targets. Files and sections are described in artifact_format.h.
 *
 * An entry of a compiled model is one function in the code image. It runs SPMD: every thread of the team calls it with
 * the same context and its own number, and the code meets at barriers. The code never allocates, never calls the
 * operating system, keeps nothing between calls, and touches no memory but what the context names.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef LLMC_STEP_ABI_H
#define LLMC_STEP_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Recorded in every manifest; code and runtime must agree exactly. */
#define LLMC_STEP_ABI_VERSION 2u /* 2 added the observer of launches */

/** Alignment in bytes of the arena, of every slot in it, of weights, state pages, inputs and outputs. */
#define LLMC_STEP_ALIGNMENT 64u

/** Bytes of stack that an entry uses at most: each thread that calls one has them. */
#define LLMC_STEP_STACK_BYTES (512u << 10)

/** A state (a key-value cache) as compiled code sees it.
 *
 * A page holds `page_tokens` consecutive positions of one sequence for all layer slots; its inner layout belongs to
 * the compiler, its size in bytes (`page_bytes`) stands in the manifest. Position p of sequence s lies in page
 * `page_table[s * pages_per_sequence + p / page_tokens]`, at `base + page * page_bytes`. A contiguous cache is the
 * identity map. */
typedef struct llmc_state_view {
  uint8_t *base;               /* first page; LLMC_STEP_ALIGNMENT-aligned */
  const int32_t *page_table;   /* [max_sequences][pages_per_sequence], page numbers, never negative where read */
  uint64_t pages_per_sequence; /* row length of page_table */
} llmc_state_view;

/** Everything a step reads and writes. Owned by the session; constant while the entry runs. */
typedef struct llmc_step_context {
  const uint8_t *weights;       /* start of the weights section, mapped read-only */
  uint8_t *arena;               /* session memory for activations */
  const uint64_t *slot_offsets; /* [slots of the entry] byte offset of each arena slot, evaluated at session open */
  uint64_t *dims;               /* [dims of the manifest] the value of each in this step; the step sets COMPUTED ones */
  const void *const *inputs;    /* [inputs of the entry] row-major tensors as the manifest describes */
  void *const *outputs;         /* [outputs of the entry] row-major, rows padded to the manifest's row_stride */
  const llmc_state_view *states;                /* [states of the entry] */
  void (*barrier)(void *team, uint32_t thread); /* returns once all threads of the team have arrived */
  void *team;                                   /* first argument of barrier and of launch */
  /* Null, or told by each thread which launch it is about to run: its number among the manifest's launches. */
  void (*launch)(void *team, uint32_t thread, uint32_t number);
} llmc_step_context;

/** An entry of the code image. `thread` < `num_threads`; `num_threads` >= 1.
 *
 * For a text decoder's `step` (see the manifest's roles): tokens, positions and sequences are int32 [tokens]; rows is
 * int32 [rows], indices into the step's tokens, whose logits are wanted, ascending. Tokens of one sequence are adjacent
 * and in ascending, consecutive positions. The caller has checked ids, positions and sequences against the manifest:
 * compiled code does not check them again. */
typedef void (*llmc_entry_function)(const llmc_step_context *context, uint32_t thread, uint32_t num_threads);

/* Byte offsets of the fields, for the compiler's loads; checked where the compiler is built. */
#define LLMC_STEP_OFFSET_WEIGHTS 0
#define LLMC_STEP_OFFSET_ARENA 8
#define LLMC_STEP_OFFSET_SLOT_OFFSETS 16
#define LLMC_STEP_OFFSET_DIMS 24
#define LLMC_STEP_OFFSET_INPUTS 32
#define LLMC_STEP_OFFSET_OUTPUTS 40
#define LLMC_STEP_OFFSET_STATES 48
#define LLMC_STEP_OFFSET_BARRIER 56
#define LLMC_STEP_OFFSET_TEAM 64
#define LLMC_STEP_OFFSET_LAUNCH 72
#define LLMC_STEP_STATE_VIEW_SIZE 24

#ifdef __cplusplus
}
#endif

#endif /* LLMC_STEP_ABI_H */
