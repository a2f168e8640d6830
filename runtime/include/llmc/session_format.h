/* session_format.h - the bytes of a saved sequence: its tokens, its states, and what the program that saved it adds.
 *
 * A file is: header, part table, parts. All numbers are little-endian; offsets count from the file's first byte. Parts
 * stand in the order of the table, each at the next multiple of LLMC_SESSION_ALIGNMENT, and the last ends the file: so
 * header and model say where everything lies, and a reader need not trust an offset. The parts: the tokens (int32), the
 * application's bytes, then each state of the model's step, the pages that the computed tokens have touched, in order.
 *
 * A file belongs to one compiled model: another one's states mean something else. The hashes find damage; what is in
 * the states is numbers, whatever they are.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef LLMC_SESSION_FORMAT_H
#define LLMC_SESSION_FORMAT_H

#include "llmc/artifact_format.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LLMC_SESSION_MAGIC "\x89LLMS\r\n\x1a" /* 8 bytes */
#define LLMC_SESSION_MAJOR 1u                 /* readers refuse another major */
#define LLMC_SESSION_MINOR 0u                 /* readers accept a later minor */
#define LLMC_SESSION_ALIGNMENT 64u

/** First bytes of a file. 128 bytes; the part table follows. */
typedef struct llmc_session_header {
  uint8_t magic[8];
  uint32_t major;
  uint32_t minor;
  uint64_t size;         /* bytes of the file */
  uint32_t architecture; /* enum llmc_architecture of the code that filled the states */
  uint32_t num_parts;    /* 2 and the states of the step */
  uint32_t num_tokens;
  uint32_t num_computed; /* tokens that the states have seen: all, or all but the last, which was chosen and not read */
  uint64_t application_size;
  uint8_t model_sha256[32]; /* section_table_sha256 of the model's container */
  uint8_t sha256[32];       /* of this header, with zeros here, and the part table */
  uint8_t reserved[16];     /* zero */
} llmc_session_header;

enum llmc_session_part_kind {
  LLMC_SESSION_TOKENS = 1,
  LLMC_SESSION_APPLICATION = 2,
  LLMC_SESSION_STATE = 3, /* its index is that of the state in the entry */
};

/** One entry of the part table. 64 bytes. */
typedef struct llmc_session_part {
  uint32_t kind; /* enum llmc_session_part_kind */
  uint32_t index;
  uint64_t offset;
  uint64_t size;
  uint8_t sha256[32]; /* of the part's bytes */
  uint64_t reserved;  /* zero */
} llmc_session_part;

#ifdef __cplusplus
}
#endif

#endif /* LLMC_SESSION_FORMAT_H */
