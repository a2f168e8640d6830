/* entry.h - the C API of entries on tensors: a graph's inputs in, its outputs out.
 *
 * A call is an entry made ready: it owns the memory of inputs, outputs and everything in between, and a team of
 * threads.
 *
 *     llmc_call *call;
 *     if (llmc_call_open(model, NULL, NULL, &call, &error) != LLMC_OK) ...
 *     memcpy(llmc_call_input(call, 0), x, bytes);
 *     if (llmc_call_run(call, &error) == LLMC_OK)
 *       use(llmc_call_output(call, 0));
 *
 * Ownership, threads, errors: as llmc.h says of sessions.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef LLMC_ENTRY_H
#define LLMC_ENTRY_H

#include "llmc/llmc.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An input or output of an entry. `sizes` has `rank` numbers; elements lie row-major, without padding. A dimension
 * whose size is known only at run time has a name and bounds: `minimums`, and `sizes` itself. */
typedef struct llmc_tensor_info {
  size_t struct_size; /* in: sizeof(llmc_tensor_info) */
  llmc_text_view name;
  uint32_t element_type; /* enum llmc_element_type of artifact_format.h */
  uint32_t rank;         /* 0 .. 16 */
  uint64_t sizes[16];
  uint64_t bytes; /* of all elements */
  uint64_t minimums[16];
  llmc_text_view dims[16]; /* name of a dimension whose size is not constant; else empty */
} llmc_tensor_info;

/** Describes input or output `index` of entry `entry`, with the largest sizes that it may have.
 * @retval LLMC_INVALID_ARGUMENT  there is none, or it belongs to an entry that takes tokens */
llmc_status llmc_entry_input(const llmc_model *model, uint32_t entry, uint32_t index, llmc_tensor_info *info);
llmc_status llmc_entry_output(const llmc_model *model, uint32_t entry, uint32_t index, llmc_tensor_info *info);

/** Bytes of one element of a type; 0 for a number that is none. */
uint32_t llmc_element_size(uint32_t element_type);

typedef struct llmc_call llmc_call;

typedef struct llmc_call_options {
  size_t struct_size;   /* in: sizeof(llmc_call_options) */
  uint32_t num_threads; /* the caller's included; 0: cores this process may use */
} llmc_call_options;

/** Makes an entry on tensors ready. `entry` names it; null takes the first. `options` may be null.
 * @retval LLMC_NOT_FOUND         no entry of that name
 * @retval LLMC_INVALID_ARGUMENT  the entry has states or takes tokens: open a session for it
 * @retval LLMC_OUT_OF_MEMORY     memory or threads were refused */
llmc_status llmc_call_open(const llmc_model *model, const char *entry, const llmc_call_options *options,
                           llmc_call **call, llmc_error *error);
/** Ends the threads and frees the memory. Null is allowed. */
void llmc_call_close(llmc_call *call);

/** The number of the entry in the model. */
uint32_t llmc_call_entry(const llmc_call *call);
/** Says how large an input is in the runs to come: one size for each of its `rank` dimensions. Until it is said, an
 * input is as large as it may be.
 * @retval LLMC_INVALID_ARGUMENT  no such input, another rank, or a size outside of its dimension's bounds */
llmc_status llmc_call_set_sizes(llmc_call *call, uint32_t index, const uint64_t *sizes, uint32_t rank,
                                llmc_error *error);
/** Describes an input as it was last said to be, or an output as the last run left it: `sizes` and `bytes` are actual.
 * @retval LLMC_INVALID_ARGUMENT  there is none */
llmc_status llmc_call_input_info(const llmc_call *call, uint32_t index, llmc_tensor_info *info);
llmc_status llmc_call_output_info(const llmc_call *call, uint32_t index, llmc_tensor_info *info);
/** Memory of an input, zero at first, for the caller to fill: `bytes` of its llmc_tensor_info; there is room for the
 * largest sizes, and elements lie without padding for the sizes that it has. Null past the end. Inputs keep their bytes
 * from run to run. */
void *llmc_call_input(llmc_call *call, uint32_t index);
/** Memory of an output as the last run left it. Null past the end. */
const void *llmc_call_output(const llmc_call *call, uint32_t index);

/** Runs the entry. The outputs do not depend on the number of threads.
 * @retval LLMC_INVALID_ARGUMENT  two inputs give one dimension different sizes, sizes that must fit do not, or a size
 * that the model computes is outside of its bounds */
llmc_status llmc_call_run(llmc_call *call, llmc_error *error);

#ifdef __cplusplus
}
#endif

#endif /* LLMC_ENTRY_H */
