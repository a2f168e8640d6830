/* artifact_format.h - the bytes of a compiled model, shared by the compiler that writes and the runtime that reads.
 *
 * A container is: header, section table, sections. A `.llmc` file is a container from byte 0. An executable is a
 * prebuilt runtime, padding to LLMC_SECTION_ALIGNMENT, a container, and a trailer that says where the container starts.
 * All numbers are little-endian; all offsets inside a container count from its header; all offsets inside the manifest
 * count from the manifest's first byte. Nothing here is a pointer. The byte table with a worked dump is
 * docs/artifact-format.md.
 *
 * Trust: opening checks structure, sizes and hashes of everything but the weights. The code section is native code: a
 * container is a program and is trusted like one.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef LLMC_ARTIFACT_FORMAT_H
#define LLMC_ARTIFACT_FORMAT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LLMC_ARTIFACT_MAGIC "\x89LLMC\r\n\x1a" /* 8 bytes: high bit, name, line ends, end-of-file */
#define LLMC_TRAILER_MAGIC "LLMCTAIL"          /* 8 bytes */
#define LLMC_ARTIFACT_MAJOR 2u                 /* readers refuse another major; 2: tensors of rank 16 */
#define LLMC_ARTIFACT_MINOR 0u
#define LLMC_SECTION_ALIGNMENT 65536u /* of every section and of the container inside an executable */

/** First bytes of a container. 96 bytes. */
typedef struct llmc_artifact_header {
  uint8_t magic[8];
  uint32_t major;
  uint32_t minor;
  uint64_t size;                 /* bytes of the whole container */
  uint64_t section_table_offset; /* = sizeof(llmc_artifact_header) */
  uint32_t section_count;        /* 1 .. LLMC_MAX_SECTIONS */
  uint32_t section_entry_size;   /* = sizeof(llmc_section) */
  uint8_t section_table_sha256[32];
  uint8_t reserved[24]; /* zero */
} llmc_artifact_header;

#define LLMC_MAX_SECTIONS 64u
#define LLMC_MAX_RANK 16u

enum llmc_section_kind {
  LLMC_SECTION_MANIFEST = 1,  /* exactly one */
  LLMC_SECTION_CODE = 2,      /* one per variant; a flat position-independent image */
  LLMC_SECTION_WEIGHTS = 3,   /* at most one */
  LLMC_SECTION_TOKENIZER = 4, /* at most one; tokenizer_format.h */
  LLMC_SECTION_LICENCES = 5,  /* at most one; UTF-8 text */
  LLMC_SECTION_TEMPLATES = 6, /* at most one; template_format.h */
};

/** One entry of the section table. 64 bytes. Sections are in ascending offset, aligned, and do not overlap. */
typedef struct llmc_section {
  uint32_t kind;  /* enum llmc_section_kind */
  uint32_t index; /* code: the variant's number in the manifest; else 0 */
  uint64_t offset;
  uint64_t size;
  uint8_t sha256[32]; /* of the section's bytes; the weights' is checked by `llmc verify` only */
  uint64_t reserved;  /* zero */
} llmc_section;

/** Last 32 bytes of an executable that carries a container. */
typedef struct llmc_trailer {
  uint64_t container_offset; /* in the file; multiple of LLMC_SECTION_ALIGNMENT */
  uint64_t container_size;
  uint64_t reserved; /* zero */
  uint8_t magic[8];
} llmc_trailer;

/* ---------------------------------------------------------------- manifest */

/** A run of table rows: byte offset in the manifest and number of rows. */
typedef struct llmc_range {
  uint32_t offset;
  uint32_t count;
} llmc_range;

/** UTF-8 text in the manifest's string bytes, not terminated. */
typedef struct llmc_text {
  uint32_t offset; /* from the manifest's first byte */
  uint32_t size;   /* bytes */
} llmc_text;

enum llmc_element_type {
  LLMC_F32 = 1,
  LLMC_F16 = 2,
  LLMC_BF16 = 3,
  LLMC_I32 = 4,
  LLMC_I64 = 5,
  LLMC_I8 = 6,
  LLMC_U8 = 7,
  LLMC_BOOL = 8, /* a byte of 0 or 1; this and the following since 1.2 */
  LLMC_I16 = 9,
  LLMC_U16 = 10,
  LLMC_U32 = 11,
  LLMC_U64 = 12,
  LLMC_F64 = 13,
  LLMC_I4 = 14, /* this and the following: a byte for each element, integers as their value, floats as their bits */
  LLMC_U4 = 15,
  LLMC_I2 = 16,
  LLMC_U2 = 17,
  LLMC_F8E4M3FN = 18,
  LLMC_F8E4M3FNUZ = 19,
  LLMC_F8E5M2 = 20,
  LLMC_F8E5M2FNUZ = 21,
  LLMC_F4E2M1 = 22,
  LLMC_F8E8M0 = 23,
};

/** What sets a dimension's value. */
enum llmc_dim_kind {
  LLMC_DIM_NAMED = 0,     /* an input's own dimension, set by the caller within its bounds */
  LLMC_DIM_TOKENS = 1,    /* tokens of this step; at session open: the most tokens of a step */
  LLMC_DIM_ROWS = 2,      /* logit rows of this step; at session open: the most of a step */
  LLMC_DIM_SEQUENCES = 3, /* sequences of the session */
  LLMC_DIM_CONTEXT = 4,   /* positions per sequence of the session */
  LLMC_DIM_THREADS = 5,   /* threads of the team */
  LLMC_DIM_COMPUTED = 6,  /* an output's own dimension, set by the step within its bounds; since 1.3 */
};

/** A dimension that is not known when compiling, with the bounds it was compiled for. */
typedef struct llmc_dim {
  llmc_text name;
  uint32_t kind; /* enum llmc_dim_kind */
  uint32_t reserved;
  uint64_t minimum;
  uint64_t maximum;       /* a session may not ask for more */
  uint64_t default_value; /* what a session gets that does not ask */
} llmc_dim;

/** coefficient * product of dims; a size in bytes is a sum of such terms. Unused places hold LLMC_NO_DIM. */
typedef struct llmc_size_term {
  uint64_t coefficient;
  uint32_t dims[4]; /* indices into the manifest's dims */
} llmc_size_term;
#define LLMC_NO_DIM 0xffffffffu

/** One size expression: the sum of its terms, with dims at their session bounds. */
typedef struct llmc_size {
  llmc_range terms; /* llmc_size_term */
} llmc_size;

/** An arena slot. Its size is the largest of its expressions (values with disjoint lifetimes share a slot); slots lie
 *  one after the other, each LLMC_STEP_ALIGNMENT-aligned. */
typedef struct llmc_slot {
  llmc_range sizes; /* llmc_size */
} llmc_slot;

enum llmc_role {
  LLMC_ROLE_NONE = 0,
  LLMC_ROLE_TOKENS = 1,
  LLMC_ROLE_POSITIONS = 2,
  LLMC_ROLE_SEQUENCES = 3,
  LLMC_ROLE_ROWS = 4,
  LLMC_ROLE_LOGITS = 5,
  LLMC_ROLE_PAST = 6,    /* an input: what earlier tokens of a sequence left; this and the following since 1.5 */
  LLMC_ROLE_PRESENT = 7, /* an output: the same with this step's tokens, the next step's past in the same order */
};

/* The step of a tensor graph that is a text decoder runs one sequence at a time. Its inputs are tokens, int32 or int64
 * [1, tokens], and pasts, each with one size that is a dim: the positions before, the same dim in all of them. Its
 * outputs are logits, f32 [1, tokens or 1, vocab_size], and as many presents, of the pasts' sizes with the step's
 * tokens added. Without pasts the tokens are all of the sequence. */

/** An input or output of an entry: row-major; the last dimension's rows are row_stride elements apart. Where sizes are
 *  dims of the kinds NAMED or COMPUTED there is room for their maxima, and the elements lie at its start without
 * padding, as the step's sizes have it; row_stride is then the last size's maximum. */
typedef struct llmc_tensor {
  llmc_text name;
  uint32_t element_type; /* enum llmc_element_type */
  uint32_t role;         /* enum llmc_role */
  uint32_t rank;         /* 0 .. LLMC_MAX_RANK */
  uint32_t reserved;
  uint64_t row_stride; /* elements between rows of the last dimension; >= its size */
  uint64_t sizes[16];  /* a constant, or LLMC_SIZE_IS_DIM | index into dims */
} llmc_tensor;
#define LLMC_SIZE_IS_DIM (1ull << 63)

enum llmc_state_kind { LLMC_STATE_KV_CACHE = 1, LLMC_STATE_RECURRENT = 2, LLMC_STATE_CONVOLUTION = 3 };

/** A state kept between steps. Pages of one state are one block of memory, zeroed when a session opens. */
typedef struct llmc_state {
  llmc_text name;
  uint32_t kind;         /* enum llmc_state_kind */
  uint32_t element_type; /* enum llmc_element_type, of the cached values */
  uint32_t slots;        /* layers that keep their own part */
  uint32_t page_tokens;  /* positions in a page */
  uint64_t page_bytes;   /* of one page, all slots together; multiple of LLMC_STEP_ALIGNMENT */
} llmc_state;

/** A callable entry. The code's offset per variant stands in llmc_variant. */
typedef struct llmc_entry {
  llmc_text name;     /* "step", "encode", ... */
  llmc_range inputs;  /* llmc_tensor */
  llmc_range outputs; /* llmc_tensor */
  llmc_range states;  /* llmc_state */
  llmc_range slots;   /* llmc_slot */
} llmc_entry;

enum llmc_architecture { LLMC_ARCH_X86_64 = 1, LLMC_ARCH_AARCH64 = 2 };

/* Processor features a variant needs, x86-64. A runtime refuses a variant with a bit it does not know. */
#define LLMC_X86_AVX2 (1ull << 0)
#define LLMC_X86_FMA (1ull << 1)
#define LLMC_X86_F16C (1ull << 2)
#define LLMC_X86_BMI2 (1ull << 3)
#define LLMC_X86_AVX512F (1ull << 4)
#define LLMC_X86_AVX512BW (1ull << 5)
#define LLMC_X86_AVX512DQ (1ull << 6)
#define LLMC_X86_AVX512VL (1ull << 7)
#define LLMC_X86_AVX512CD (1ull << 8)
#define LLMC_X86_AVX512VNNI (1ull << 9)
#define LLMC_X86_AVX512BF16 (1ull << 10)
#define LLMC_X86_AVX512FP16 (1ull << 11)
#define LLMC_X86_AVXVNNI (1ull << 12)
/* The system gives the registers of these two to a program that asks. */
#define LLMC_X86_AMXTILE (1ull << 13)
#define LLMC_X86_AMXINT8 (1ull << 14)

/** Code for one kind of processor. Variants stand best first; the first whose features are all present is used. */
typedef struct llmc_variant {
  llmc_text name;        /* "x86-64-v4", for messages and --stats */
  uint32_t architecture; /* enum llmc_architecture */
  uint32_t reserved;
  uint64_t features;        /* LLMC_X86_* bits, all needed */
  llmc_range entry_offsets; /* uint64_t per entry: offset of its function in the variant's code section */
} llmc_variant;

/** A named fact for people and tools (`inspect`, `--about`): model name, options of the compile, versions. */
typedef struct llmc_fact {
  llmc_text key;
  llmc_text value;
} llmc_fact;

/** How text is generated; ids of -1 and floats of NaN mean "not given". */
typedef struct llmc_generation {
  int32_t bos_id;
  int32_t pad_id;
  llmc_range eos_ids; /* int32_t */
  uint32_t vocab_size;
  uint32_t do_sample; /* 0 greedy, 1 sample by default */
  float temperature;
  float top_p;
  float min_p;
  float repetition_penalty;
  int32_t top_k;         /* 0 or -1: not given */
  uint32_t max_position; /* positions the model was made for (informative) */
} llmc_generation;

/** First bytes of the manifest section. */
typedef struct llmc_manifest {
  uint32_t step_abi_version; /* LLMC_STEP_ABI_VERSION */
  uint32_t size;             /* bytes of the manifest */
  llmc_range dims;           /* llmc_dim */
  llmc_range entries;        /* llmc_entry */
  llmc_range variants;       /* llmc_variant */
  llmc_range facts;          /* llmc_fact */
  llmc_range weights;        /* llmc_weight_info */
  llmc_generation generation;
  llmc_range launches; /* llmc_launch, those of entry 0 first; since 1.4 */
  llmc_range symbols;  /* llmc_symbol; since 1.4 */
} llmc_manifest;

/** What a packed weight is, for `inspect` and bandwidth figures; compiled code does not read it. */
typedef struct llmc_weight_info {
  llmc_text name;
  llmc_text format; /* "bf16 panel16x2" */
  uint64_t offset;  /* in the weights section */
  uint64_t size;    /* bytes */
} llmc_weight_info;

enum llmc_arithmetic {
  LLMC_ARITHMETIC_NONE = 0,
  LLMC_ARITHMETIC_F32 = 1,
  LLMC_ARITHMETIC_I8 = 2,
  LLMC_ARITHMETIC_F16 = 3
};

/** A launch of an entry: what all threads enter together, and what that costs, for profiles and reports; compiled code
 *  does not read it. Operations are those of products, a multiply-add being two. */
typedef struct llmc_launch {
  llmc_text kernel;        /* "matmul", "attention", ... */
  llmc_text subject;       /* the tensors or nodes that it is about, '*' in place of a layer's number; or empty */
  uint32_t entry;          /* index into entries */
  uint32_t times;          /* that a step runs it; 0: as often as a condition or a loop has it */
  uint32_t layer_class;    /* of the layers that run it, or LLMC_NO_CLASS */
  uint32_t rows;           /* LLMC_DIM_TOKENS, LLMC_DIM_ROWS, or LLMC_DIM_NAMED for one */
  uint32_t wanted_rows;    /* 1: the last of its times computes the wanted rows only */
  uint32_t arithmetic;     /* enum llmc_arithmetic */
  uint64_t weight_bytes;   /* read whatever the rows */
  uint64_t row_bytes;      /* of activations, for each row */
  uint64_t row_operations; /* for each row */
  uint64_t key_bytes;      /* of the cache, for each position that a sequence attends to */
  uint64_t key_operations; /* for each row and each position that it attends to */
  uint64_t window;         /* positions that a row attends to at most; 0: all up to its own */
} llmc_launch;
#define LLMC_NO_CLASS 0xffffffffu

/** A function of a variant's code, for tools that look at addresses. */
typedef struct llmc_symbol {
  llmc_text name;   /* "step_3_matmul" */
  uint32_t variant; /* index into variants */
  uint32_t launch;  /* the first launch that it is the code of, or LLMC_NO_LAUNCH */
  uint64_t offset;  /* in the variant's code section */
  uint64_t size;    /* bytes */
} llmc_symbol;
#define LLMC_NO_LAUNCH 0xffffffffu

#ifdef __cplusplus
}
#endif

#endif /* LLMC_ARTIFACT_FORMAT_H */
