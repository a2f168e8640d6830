/* toy_model.h - the numbers of the toy model, shared by its code, its container and its oracle.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#ifndef LLMC_TEST_RUNTIME_SUPPORT_TOY_MODEL_H
#define LLMC_TEST_RUNTIME_SUPPORT_TOY_MODEL_H

#define TOY_VOCAB 263 /* 256 bytes and 7 more */
#define TOY_ROW_STRIDE 272
#define TOY_PAGE_TOKENS 16
#define TOY_PAGE_BYTES 64
#define TOY_SLOT 1 /* of two slots */
#define TOY_EOS 257

/* Places of the dims in the manifest. */
#define TOY_DIM_NAMED 0
#define TOY_DIM_TOKENS 1
#define TOY_DIM_ROWS 2
#define TOY_DIM_SEQUENCES 3
#define TOY_DIM_CONTEXT 4
#define TOY_DIM_THREADS 5

/* Places of the launches in the manifest. */
#define TOY_LAUNCH_SCALE 0
#define TOY_LAUNCH_SUMS 1

#define TOY_MAX_TOKENS 61
#define TOY_MAX_ROWS 31
#define TOY_MAX_SEQUENCES 7
#define TOY_MAX_CONTEXT 1009

#endif /* LLMC_TEST_RUNTIME_SUPPORT_TOY_MODEL_H */
