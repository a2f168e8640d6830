/* llmc.h - the C API of a compiled model, at the level of steps.
 *
 * A model is an opened artifact: code, weights, tokenizer. A session runs it: it owns the memory for activations and
 * states, a team of threads, and the position of each of its sequences. A step takes tokens of one or more sequences
 * and gives rows of logits. Generation with sampling and streamed text is a layer above: llmc/generate.h;
 * conversations become text by llmc/chat.h.
 *
 *     llmc_model *model;
 *     llmc_error error;
 *     if (llmc_model_open("smol.llmc", &model, &error) != LLMC_OK)
 *       return fprintf(stderr, "smol.llmc: error: %s\n", error.message), 1;
 *
 * Units: sizes and offsets are bytes, strides are elements, positions and counts are tokens, unless a name says else.
 * Text: UTF-8; a `llmc_text_view` is not terminated by a zero.
 * Ownership: an object is freed by the function named in its opener's comment. What a function gives a pointer to
 * belongs to the object it was asked from and lives as long as that object, unless the comment says less.
 * Threads: a model is constant once opened and may be used from any number of threads and sessions. A session may be
 * used by one thread at a time; two sessions may run at once. No function keeps state between calls elsewhere.
 * A thread that steps needs 640 KiB of stack.
 *
 * Errors: every function that can fail returns a status; `error` may be null, else it is filled on failure and left
 * alone on success. A mistake of the caller is LLMC_INVALID_ARGUMENT, never undefined behaviour, unless said.
 * Null in place of a model or session is one too; functions without a status then give what they give past the end.
 * What opens an object sets the caller's pointer to null when it fails.
 *
 * Trust: a file is checked thoroughly, but it carries native code: open only files you would run.
 *
 * Free of C++ and of any other header of this project; a program links `libllmc.a` (llmc::runtime of the
 * CMake package), in C or C++; the C library, libm and threads are all that it needs besides.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef LLMC_LLMC_H
#define LLMC_LLMC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this interface. A minor version only adds; structs grow at their end and carry their size. */
#define LLMC_API_MAJOR 2u
#define LLMC_API_MINOR 1u

/** The version of the library linked, as major << 16 | minor. */
uint32_t llmc_api_version(void);

/* ------------------------------------------------------------------ status */

/** Why a call did not do what was asked. Closed: a later version adds none within a major. */
typedef enum llmc_status {
  LLMC_OK = 0,
  LLMC_INVALID_ARGUMENT = 1, /* the caller broke a rule of this header */
  LLMC_NOT_FOUND = 2,        /* no such file, or the file has no such part (tokenizer, entry) */
  LLMC_IO_ERROR = 3,         /* the operating system refused: message names the call's reason */
  LLMC_INVALID_FILE = 4,     /* not an artifact, damaged, cut short, or breaking a rule of the format */
  LLMC_UNSUPPORTED = 5,      /* a sound file of another version, or for another processor */
  LLMC_OUT_OF_MEMORY = 6,    /* the operating system gave no memory, or the sizes asked for do not fit an address */
  LLMC_CONTEXT_FULL = 7,     /* a sequence would grow past the session's context */
  LLMC_CANCELLED = 8,        /* a callback asked to stop */
} llmc_status;

/** The name of a status: "invalid file". Constant text, zero-terminated. */
const char *llmc_status_name(llmc_status status);

/** What went wrong, for people. Both texts are zero-terminated, lower case and without final period; `note` says what
 * helps and may be empty. Neither names the file: the caller knows it. */
typedef struct llmc_error {
  llmc_status status;
  char message[768];
  char note[512];
} llmc_error;

/** UTF-8 bytes, not terminated. */
typedef struct llmc_text_view {
  const char *data;
  size_t size;
} llmc_text_view;

/* ------------------------------------------------------------------- model */

typedef struct llmc_model llmc_model;

/** Opens a `.llmc` file or an executable that carries one, and chooses the code for this processor. The file is
 * mapped, its weights are read when first used; it must not be changed or cut while the model is open (a file cut
 * short ends the process with SIGBUS where the lost part is read). Where the process may use several memory nodes the
 * weights are copied, each to the node whose threads read it. Free with llmc_model_close.
 * @retval LLMC_NOT_FOUND, LLMC_IO_ERROR  the file cannot be opened or mapped
 * @retval LLMC_INVALID_FILE  not an artifact, or damaged
 * @retval LLMC_UNSUPPORTED   another major version, or no code for this processor */
llmc_status llmc_model_open(const char *path, llmc_model **model, llmc_error *error);

/** How a model is opened. Zero means the default named here. */
typedef struct llmc_model_options {
  size_t struct_size; /* in: sizeof(llmc_model_options) */
  /* 1: read the weights into memory of the model's own, in large pages where the system has them; default: map the
   * file. It takes the weights' size of memory, and the time to read them; a mapped file is shared by all processes,
   * but some processors read it at half the speed where the system caches it in small pages, as it does a file that was
   * copied or downloaded. */
  uint32_t copy_weights;
} llmc_model_options;

/** llmc_model_open with options, which may be null. Since 2.1.
 * @retval LLMC_OUT_OF_MEMORY  no memory for a copy of the weights */
llmc_status llmc_model_open_with(const char *path, const llmc_model_options *options, llmc_model **model,
                                 llmc_error *error);

/** Opens a container that lies in memory: the bytes of a `.llmc` file, from its first to its last. `data` is aligned to
 * 64 bytes, and stays the caller's: constant and alive until the model is closed. The code is copied into executable
 * pages; everything else, the weights above all, is used in place. Several models may be opened on the same bytes.
 * Errors as llmc_model_open.
 * @retval LLMC_INVALID_ARGUMENT  `data` is null or not aligned */
llmc_status llmc_model_open_memory(const void *data, size_t size, llmc_model **model, llmc_error *error);

/** A container that is part of the program: llmc_add_model of the CMake package writes a header that declares one, by
 * the name of the model. Aligned and constant for as long as the program runs. Since 1.2. */
typedef struct llmc_embedded_model {
  const void *data;
  size_t size;
} llmc_embedded_model;

/** Frees a model; all its sessions must have been closed. Null is allowed. */
void llmc_model_close(llmc_model *model);

/** Checks the SHA-256 of every section, the weights included (reads the whole file).
 * @retval LLMC_INVALID_FILE  names the section whose bytes differ */
llmc_status llmc_model_verify(const llmc_model *model, llmc_error *error);

/** Facts about a model. Set `struct_size` before the call. */
typedef struct llmc_model_info {
  size_t struct_size; /* in: sizeof(llmc_model_info) */
  uint32_t num_entries;
  uint32_t num_dims;
  uint32_t num_variants;
  uint32_t num_facts;
  uint32_t num_weights;
  uint32_t variant;      /* the one chosen for this processor */
  uint32_t vocab_size;   /* tokens; 0 when the model has no logits */
  uint32_t max_position; /* positions the model was made for; informative */
  int32_t bos_id;        /* -1: none */
  int32_t pad_id;        /* -1: none */
  uint32_t num_eos_ids;
  uint32_t do_sample; /* the file's own default: 0 greedy, 1 sample */
  float temperature;  /* NaN: not given; the same for the three below */
  float top_p;
  float min_p;
  float repetition_penalty;
  int32_t top_k; /* 0 or -1: not given */
  uint32_t has_tokenizer;
  uint64_t file_size;          /* bytes of the container */
  uint64_t weights_size;       /* bytes of the packed weights */
  uint64_t code_size;          /* bytes of the chosen variant's code */
  uint64_t tokenizer_size;     /* bytes */
  uint32_t num_chat_templates; /* since 1.1; see llmc/chat.h */
} llmc_model_info;

/** Fills `info` as far as its struct_size reaches. */
llmc_status llmc_model_get_info(const llmc_model *model, llmc_model_info *info);

/** Token `index` < num_eos_ids that ends generation; -1 past the end. */
int32_t llmc_model_eos_id(const llmc_model *model, uint32_t index);

/** A recorded fact ("name", "compiler"); both views empty past the end. */
void llmc_model_fact(const llmc_model *model, uint32_t index, llmc_text_view *key, llmc_text_view *value);

/** Name and needed features (LLMC_X86_* bits of artifact_format.h) of a variant; empty past the end. */
void llmc_model_variant(const llmc_model *model, uint32_t index, llmc_text_view *name, uint64_t *features);

/** A dimension left open when compiling: its kind is enum llmc_dim_kind of artifact_format.h. */
typedef struct llmc_dim_info {
  llmc_text_view name;
  uint32_t kind;
  uint64_t minimum;
  uint64_t maximum;
  uint64_t default_value;
} llmc_dim_info;
llmc_status llmc_model_dim(const llmc_model *model, uint32_t index, llmc_dim_info *info);

/** An entry and the count of its parts. */
typedef struct llmc_entry_info {
  llmc_text_view name;
  uint32_t num_inputs;
  uint32_t num_outputs;
  uint32_t num_states;
} llmc_entry_info;
llmc_status llmc_model_entry(const llmc_model *model, uint32_t index, llmc_entry_info *info);

/** A state of an entry: kind and element_type are enums of artifact_format.h. */
typedef struct llmc_state_info {
  llmc_text_view name;
  uint32_t kind;
  uint32_t element_type;
  uint32_t slots;
  uint32_t page_tokens;
  uint64_t page_bytes;
} llmc_state_info;
llmc_status llmc_model_state(const llmc_model *model, uint32_t entry, uint32_t index, llmc_state_info *info);

/** The texts of the licences of what is inside; empty when the file has none. */
llmc_text_view llmc_model_licences(const llmc_model *model);

/* ----------------------------------------------------------------- session */

typedef struct llmc_session llmc_session;

/** What a session may hold at most. Zero means the default named here. */
typedef struct llmc_session_options {
  size_t struct_size;           /* in: sizeof(llmc_session_options) */
  uint32_t num_threads;         /* threads of a step, the caller's included; default: cores this process may use */
  uint32_t max_sequences;       /* default: the file's, usually 1 */
  uint32_t context;             /* positions of each sequence; default: the file's */
  uint32_t max_tokens_per_step; /* tokens of all sequences in one step; default: the file's */
  uint32_t max_rows_per_step;   /* logit rows of one step; default: the file's, at least max_sequences */
} llmc_session_options;

/** Allocates all memory of a session and starts its threads; nothing is allocated after. `options` may be null. The
 * memory of the states is reserved at once but taken from the system as sequences grow. Free with llmc_session_close.
 * @retval LLMC_INVALID_ARGUMENT  an option lies outside what the model was compiled for
 * @retval LLMC_NOT_FOUND         the model has no step over tokens
 * @retval LLMC_OUT_OF_MEMORY     memory or threads were refused */
llmc_status llmc_session_open(const llmc_model *model, const llmc_session_options *options, llmc_session **session,
                              llmc_error *error);

/** Ends the threads and frees the memory. Null is allowed. */
void llmc_session_close(llmc_session *session);

/** What a session got. Set `struct_size` before the call. */
typedef struct llmc_session_info {
  size_t struct_size; /* in: sizeof(llmc_session_info) */
  uint32_t num_threads;
  uint32_t max_sequences;
  uint32_t context;
  uint32_t max_tokens_per_step;
  uint32_t max_rows_per_step;
  uint32_t vocab_size;
  uint64_t arena_size;  /* bytes for activations */
  uint64_t states_size; /* bytes reserved for states, all sequences full */
  uint64_t logits_size; /* bytes */
} llmc_session_info;
llmc_status llmc_session_get_info(const llmc_session *session, llmc_session_info *info);

/** The next tokens of one sequence. They continue it: the session knows its position. */
typedef struct llmc_step_input {
  uint32_t sequence;     /* < max_sequences; at most once in a step */
  uint32_t num_tokens;   /* >= 1 */
  const int32_t *tokens; /* [num_tokens], each 0 <= id < vocab_size; read during the call only */
  uint32_t num_logits;   /* logits of the last num_logits tokens are wanted; 0 .. num_tokens */
} llmc_step_input;

/** Logits of a step: row r is data[r * row_stride .. + vocab_size). Rows stand in the order of the inputs, and within
 * one in the order of its tokens. Session memory: valid until the session's next step or its close; may be edited. */
typedef struct llmc_logits {
  float *data;         /* [rows][row_stride], f32; aligned to 64 bytes */
  uint64_t row_stride; /* elements, >= vocab_size */
  uint32_t rows;
  uint32_t vocab_size;
} llmc_logits;

/** Runs one step: reads the tokens of `num_inputs` sequences and appends them. `logits` may be null when no rows are
 * wanted. On failure no sequence has changed. The result does not depend on the number of threads, on the other
 * sequences, or on how a prompt is cut, bit for bit.
 * @retval LLMC_INVALID_ARGUMENT  a rule above is broken, or more tokens or rows than the session's bounds
 * @retval LLMC_CONTEXT_FULL      a sequence would not fit its context */
llmc_status llmc_step(llmc_session *session, const llmc_step_input *inputs, uint32_t num_inputs, llmc_logits *logits,
                      llmc_error *error);

/** Appends a prompt of any length to one sequence, in steps of max_tokens_per_step; gives the logits of its last token
 * (`logits` may be null). When it fails in the middle the sequence keeps its former length. Errors as llmc_step. */
llmc_status llmc_prefill(llmc_session *session, uint32_t sequence, const int32_t *tokens, uint32_t num_tokens,
                         llmc_logits *logits, llmc_error *error);

/** Tokens in a sequence; 0 for a number past max_sequences. */
uint32_t llmc_sequence_length(const llmc_session *session, uint32_t sequence);

/** Shortens a sequence to `length` tokens; 0 empties it. Pages no longer used are zeroed, so that nothing of what was
 * read stays in memory beyond a page's rest.
 * @retval LLMC_INVALID_ARGUMENT  no such sequence, or it is shorter; or a recurrent state cannot go back (length > 0)
 */
llmc_status llmc_sequence_truncate(llmc_session *session, uint32_t sequence, uint32_t length, llmc_error *error);

/* --------------------------------------------------- saved sequences (1.2) */

/** Saves a sequence to a file that appears whole or not at all: what its tokens have left in the states, the tokens,
 * and `application`, bytes of the caller's own that are given back as they are. A session does not keep its tokens, so
 * the caller names them: as many as the sequence has, or one more, which was chosen and not yet read. The file belongs
 * to this compiled model and holds what was read and written in the clear. Its bytes: session_format.h.
 * @retval LLMC_INVALID_ARGUMENT  no such sequence, or another number of tokens
 * @retval LLMC_IO_ERROR          the file cannot be written */
llmc_status llmc_sequence_save(const llmc_session *session, uint32_t sequence, const int32_t *tokens,
                               uint32_t num_tokens, llmc_text_view application, const char *path, llmc_error *error);

typedef struct llmc_saved llmc_saved;

/** Reads a saved sequence into memory and checks all of it: it may come from anywhere. Free with llmc_saved_close,
 * before the model.
 * @retval LLMC_NOT_FOUND, LLMC_IO_ERROR  the file cannot be opened or read
 * @retval LLMC_INVALID_FILE  no such file, damaged, cut short, or saved with another model
 * @retval LLMC_UNSUPPORTED   another major version, or saved on another kind of processor
 * @retval LLMC_OUT_OF_MEMORY */
llmc_status llmc_saved_open(const llmc_model *model, const char *path, llmc_saved **saved, llmc_error *error);

/** Frees it. Null is allowed. */
void llmc_saved_close(llmc_saved *saved);

/** The tokens, and their number. They may be one more than what the restored sequence holds. */
const int32_t *llmc_saved_tokens(const llmc_saved *saved, uint32_t *num_tokens);

/** The bytes that the caller of llmc_sequence_save added. */
llmc_text_view llmc_saved_application(const llmc_saved *saved);

/** Puts the saved states into a sequence, in place of what it held. Steps that follow give, bit for bit, what they
 * would have given where it was saved, as long as the same variant of the code runs (llmc_model_info).
 * @retval LLMC_INVALID_ARGUMENT  no such sequence, or a session of another model
 * @retval LLMC_CONTEXT_FULL      the session's context is too short */
llmc_status llmc_saved_restore(const llmc_saved *saved, llmc_session *session, uint32_t sequence, llmc_error *error);

/* --------------------------------------------------------------- tokenizer */

/** Turns text into tokens as the model's tokenizer does. Writes at most `capacity` ids and always sets `*num_ids` to
 * the number the text has; call again with more room when it is larger. `add_special` adds what the tokenizer's
 * post-processor adds (a first token, usually); `parse_special` reads special tokens written out in the text.
 * @retval LLMC_NOT_FOUND  the file has no tokenizer
 * @retval LLMC_OUT_OF_MEMORY */
llmc_status llmc_tokenize(const llmc_model *model, const char *text, size_t size, int add_special, int parse_special,
                          int32_t *ids, size_t capacity, size_t *num_ids, llmc_error *error);

/** Turns tokens into text. Writes at most `capacity` bytes and always sets `*size` to the bytes of the whole text.
 * Special tokens are left out when `skip_special`. Bytes that are no UTF-8 come out as U+FFFD.
 * @retval LLMC_NOT_FOUND         the file has no tokenizer
 * @retval LLMC_INVALID_ARGUMENT  an id is outside the vocabulary */
llmc_status llmc_detokenize(const llmc_model *model, const int32_t *ids, size_t num_ids, int skip_special, char *text,
                            size_t capacity, size_t *size, llmc_error *error);

#ifdef __cplusplus
}
#endif

#endif /* LLMC_LLMC_H */
