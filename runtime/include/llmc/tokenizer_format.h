/* tokenizer_format.h - the bytes of a compiled tokenizer, shared by the frontend that writes and the runtime that
 * reads.
 *
 * A section is a header, tables, and bytes. All numbers are little-endian; every offset counts from the header's first
 * byte; every table starts at a multiple of 8. Nothing here is a pointer. A reader checks all offsets, counts, ids,
 * states and classes once when it opens the section; after that no lookup can leave it, however the bytes were damaged.
 *
 * How text becomes ids:
 *   1. added tokens that stand in `raw_trie` are cut out of the text as it came;
 *   2. each remaining stretch runs through the normaliser operations, in order;
 *   3. added tokens that stand in `normalized_trie` are cut out of the result;
 *   4. each remaining stretch runs through the pre-tokenizer steps, in order, which yields pieces;
 *   5. the model turns each piece into ids;
 *   6. when asked for, `prefix` and `suffix` are put around the whole.
 *
 * Text need not be UTF-8: a byte that starts no well-formed character counts as the character U+FFFD of one byte.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef LLMC_TOKENIZER_FORMAT_H
#define LLMC_TOKENIZER_FORMAT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LLMC_TOKENIZER_MAGIC "LLMCTOK\x1a"   /* 8 bytes */
#define LLMC_TOKENIZER_VERSION 2u            /* readers refuse any other */
#define LLMC_NO_TOKEN 0xffffffffu            /* in place of an id, or of a node's parent: none */
#define LLMC_TOKENIZER_MAX_PROBES 64u        /* bound of the two probe counts below */
#define LLMC_TOKENIZER_MAX_STEPS 32u         /* bound of pre-tokenizer steps, and of normaliser operations */
#define LLMC_TOKENIZER_MAX_ADDED_BYTES 1024u /* longest content of an added token */
#define LLMC_TOKENIZER_MAX_AFFIX_BYTES 64u   /* longest word_inner, word_end */

/** A table: byte offset and number of rows. Offset 0 when there are none. 8 bytes. */
typedef struct llmc_tokenizer_range {
  uint32_t offset;
  uint32_t count;
} llmc_tokenizer_range;

/** A string: byte offset from the header and bytes; UTF-8 except where said; not terminated. 8 bytes. */
typedef struct llmc_tokenizer_text {
  uint32_t offset;
  uint32_t size;
} llmc_tokenizer_text;

enum llmc_tokenizer_model {
  LLMC_TOKENIZER_BPE = 1,       /* byte-pair encoding by ranked merges of ids */
  LLMC_TOKENIZER_UNIGRAM = 2,   /* of all ways to cut a piece into tokens the one with the largest sum of scores */
  LLMC_TOKENIZER_WORDPIECE = 3, /* the longest token that fits, from the left; else the whole piece is unknown */
  LLMC_TOKENIZER_WORDLEVEL = 4, /* a piece is a token, or unknown */
};

enum llmc_tokenizer_flag {
  LLMC_TOKENIZER_BYTE_LEVEL = 1 << 0,    /* the model's first symbols are bytes (byte_ids), else characters */
  LLMC_TOKENIZER_BYTE_FALLBACK = 1 << 1, /* a character without a token becomes its bytes (fallback_ids) */
  LLMC_TOKENIZER_FUSE_UNK = 1 << 2,      /* neighbouring unknown characters become one unknown token */
  LLMC_TOKENIZER_IGNORE_MERGES = 1 << 3, /* a piece that is a token is that token, whatever the merges say */
  LLMC_TOKENIZER_SINGLE_SUMS = 1 << 4,   /* unigram: sums are rounded to single precision, as SentencePiece has them */
  LLMC_TOKENIZER_FIRST_TEXT = 1 << 5,    /* a first token that decodes to nothing leaves the next one first */
};

enum llmc_tokenizer_decoder {
  LLMC_DECODER_BYTES = 1, /* pieces are bytes of one UTF-8 stream; each maximal ill-formed part becomes U+FFFD */
  LLMC_DECODER_TEXT = 2,  /* pieces are text; runs of LLMC_TOKEN_BYTE tokens are bytes, an ill-formed one U+FFFD */
};

/** First bytes of the section. 280 bytes.
 *
 *  bytes    field
 *  0-7      magic
 *  8-63     fourteen 32-bit numbers, version to reserved, in the order below
 *  64-71    the score of an unknown character
 *  72-279   twenty-six ranges and texts, 8 bytes each, in the order below */
typedef struct llmc_tokenizer_header {
  uint8_t magic[8];
  uint32_t version;
  uint32_t size;              /* bytes of the section, header included */
  uint32_t model;             /* enum llmc_tokenizer_model */
  uint32_t flags;             /* LLMC_TOKENIZER_* bits; readers refuse a bit they do not know */
  uint32_t unk_token;         /* id, or LLMC_NO_TOKEN: characters without a token vanish */
  uint32_t longest_text;      /* bytes of the longest token text of the model */
  uint32_t vocabulary_probes; /* slots a lookup in `vocabulary` looks at, at most; 1 .. LLMC_TOKENIZER_MAX_PROBES */
  uint32_t merge_probes;      /* the same for `merges` */
  uint32_t decoder;           /* enum llmc_tokenizer_decoder */
  uint32_t strip_count;       /* characters `strip` removed from the start of decoded text, at most */
  uint32_t strip;             /* code point; ASCII */
  uint32_t longest_word;      /* WordPiece: characters of a piece; longer ones are unknown. 0: no bound */
  uint32_t word_inner_node;   /* WordPiece: node of `model_trie` that word_inner leads to, or LLMC_NO_TOKEN */
  uint32_t reserved;          /* zero */
  double unk_score;           /* unigram: of a character that no token is */

  llmc_tokenizer_range tokens;       /* llmc_tokenizer_token, by id */
  llmc_tokenizer_range vocabulary;   /* llmc_tokenizer_slot, a power of two of them */
  llmc_tokenizer_range merges;       /* llmc_tokenizer_merge, a power of two of them */
  llmc_tokenizer_range byte_ids;     /* uint32_t[256]: id of the token that is this one byte; with BYTE_LEVEL. 512 of
                                        them with word_end: the second half with it behind the byte */
  llmc_tokenizer_range fallback_ids; /* uint32_t[256]: id of the token that stands for a byte; with BYTE_FALLBACK */
  llmc_tokenizer_range scores;       /* double, by id; unigram */
  llmc_tokenizer_range model_trie;   /* llmc_tokenizer_node: texts of the model's tokens; unigram and WordPiece */

  llmc_tokenizer_range raw_trie;        /* llmc_tokenizer_node: contents of added tokens */
  llmc_tokenizer_range normalized_trie; /* the same, contents after normalising */
  llmc_tokenizer_range normalizer;      /* llmc_tokenizer_operation */
  llmc_tokenizer_range steps;           /* llmc_tokenizer_step */
  llmc_tokenizer_range dfas;            /* llmc_tokenizer_dfa */
  llmc_tokenizer_range transitions;     /* uint16_t, of all DFAs */

  llmc_tokenizer_range class_index;  /* uint16_t[4352]: block number of each 256 code points */
  llmc_tokenizer_range class_blocks; /* uint8_t, 256 a block: class of a code point */
  llmc_tokenizer_range class_flags;  /* uint8_t by class: LLMC_CLASS_* bits; its count is the number of classes */

  llmc_tokenizer_range canonical;     /* llmc_tokenizer_decomposition, ascending code points; NFC, NFD */
  llmc_tokenizer_range compatibility; /* the same with compatibility decompositions; NFKC, NFKD */
  llmc_tokenizer_range decomposed;    /* uint32_t: full decompositions, one after the other */
  llmc_tokenizer_range compositions;  /* llmc_tokenizer_composition, ascending (first, second) */
  llmc_tokenizer_range combining;     /* llmc_tokenizer_combining, ascending */

  llmc_tokenizer_range prefix;       /* uint32_t: ids before the text (bos) */
  llmc_tokenizer_range suffix;       /* uint32_t: ids after it (eos) */
  llmc_tokenizer_text word_inner;    /* BPE: stands before every character of a piece but the first; WordPiece: before
                                        every token but the first. Empty: nothing */
  llmc_tokenizer_text word_end;      /* BPE: stands after the last character of a piece ("</w>"). Empty: nothing */
  llmc_tokenizer_text reserved_text; /* zero */
} llmc_tokenizer_header;

/* ------------------------------------------------------------------ tokens */

enum llmc_token_flag {
  LLMC_TOKEN_PRESENT = 1 << 0,     /* the id is used; ids without it decode to nothing */
  LLMC_TOKEN_MODEL = 1 << 1,       /* the model can produce it; it stands in `vocabulary` */
  LLMC_TOKEN_ADDED = 1 << 2,       /* cut out of text by a trie */
  LLMC_TOKEN_SPECIAL = 1 << 3,     /* control token: parsed and printed only when asked for */
  LLMC_TOKEN_BYTE = 1 << 4,        /* its piece is one byte of a character (byte fallback) */
  LLMC_TOKEN_WHOLE = 1 << 5,       /* the merges turn a piece with this text into exactly this token */
  LLMC_TOKEN_LSTRIP = 1 << 6,      /* added: takes the white space before it */
  LLMC_TOKEN_RSTRIP = 1 << 7,      /* added: takes the white space after it */
  LLMC_TOKEN_SINGLE_WORD = 1 << 8, /* added: only where no word character stands beside it */
  LLMC_TOKEN_SPACE_AFTER = 1 << 9, /* a space follows it when another token does */
};

/** One id. 20 bytes. Text is what the model looks up (bytes with BYTE_LEVEL, else UTF-8); piece is what it decodes to;
 *  first is what it decodes to as the first token of a text. They often share their bytes. */
typedef struct llmc_tokenizer_token {
  uint32_t text_offset;
  uint32_t piece_offset;
  uint32_t first_offset;
  uint16_t text_size; /* bytes */
  uint16_t piece_size;
  uint16_t first_size;
  uint16_t flags; /* LLMC_TOKEN_* */
} llmc_tokenizer_token;

/** A place of the open-addressing table of token texts. 8 bytes. A text with hash h is looked for in slots
 *  (h >> 32) & (count - 1) and following, wrapping around; an empty slot ends the search. */
typedef struct llmc_tokenizer_slot {
  uint32_t tag;   /* low 32 bits of the hash */
  uint32_t token; /* id, or LLMC_NO_TOKEN: empty */
} llmc_tokenizer_slot;

/** The hash of a token text: bytes taken one by one into a 64-bit FNV-1a, then mixed. */
static inline uint64_t llmc_tokenizer_hash(const uint8_t *bytes, uint64_t size) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (uint64_t i = 0; i < size; ++i)
    hash = (hash ^ bytes[i]) * 0x100000001b3ull;
  hash ^= hash >> 29;
  hash *= 0x9e3779b97f4a7c15ull;
  return hash ^ (hash >> 32);
}

/** A merge and its place in the open-addressing table. 16 bytes. The pair (left, right) is looked for in slots
 *  llmc_tokenizer_pair_hash(left, right) & (count - 1) and following, wrapping around; an empty slot ends the search.
 */
typedef struct llmc_tokenizer_merge {
  uint32_t left; /* id, or LLMC_NO_TOKEN: empty */
  uint32_t right;
  uint32_t rank; /* lower merges first; among equals the leftmost */
  uint32_t result;
} llmc_tokenizer_merge;

static inline uint32_t llmc_tokenizer_pair_hash(uint32_t left, uint32_t right) {
  uint64_t key = ((uint64_t)left << 32) | right;
  key *= 0x9e3779b97f4a7c15ull;
  key ^= key >> 29;
  return (uint32_t)((key * 0xbf58476d1ce4e5b9ull) >> 32);
}

/** A node of a trie over bytes. 12 bytes. Node 0 is the root. The child of node n by byte b is node base(n) + b, when
 *  that one's parent is n. Every base + 255 is inside the table. Of the added tokens, the longest content that starts
 * at the leftmost place wins. */
typedef struct llmc_tokenizer_node {
  uint32_t base;   /* 1 or more: the root is nobody's child */
  uint32_t parent; /* node, or LLMC_NO_TOKEN: unused, and of the root */
  uint32_t value;  /* of the string that ends here: an id, or a row of texts; LLMC_NO_TOKEN: none ends here */
} llmc_tokenizer_node;

/* ------------------------------------------------------- normaliser, pre-tokenizer */

enum llmc_tokenizer_operation_kind {
  LLMC_NORMALIZE_PREPEND = 1, /* `a` before the text, unless that is empty */
  LLMC_NORMALIZE_REPLACE = 2, /* each `a` (not empty) by `b`, from the left */
  LLMC_NORMALIZE_NFC = 3,     /* Unicode's normalisation forms, with the tables named in the header */
  LLMC_NORMALIZE_NFD = 4,
  LLMC_NORMALIZE_NFKC = 5,
  LLMC_NORMALIZE_NFKD = 6,
  LLMC_NORMALIZE_MAP = 7,      /* each character by what `index` and `entries` say */
  LLMC_NORMALIZE_CHARSMAP = 8, /* the longest string of `trie` at each place by its row of `texts` */
  LLMC_NORMALIZE_STRIP = 9,    /* white space at the start (LEFT) and the end (RIGHT) goes */
  LLMC_NORMALIZE_MATCHES = 10, /* each match of `dfa` by `b` */
  LLMC_NORMALIZE_BLANKS = 11,  /* U+0020 at the start and the end goes, elsewhere several become one */
  LLMC_NORMALIZE_TRIM = 12,    /* each `a` (not empty) at the end goes */
};

enum llmc_tokenizer_operation_flag {
  LLMC_OPERATION_AT_START = 1 << 0, /* PREPEND: only before the stretch that starts the whole text */
  LLMC_OPERATION_LEFT = 1 << 1,
  LLMC_OPERATION_RIGHT = 1 << 2,
  /* CHARSMAP, as Hugging Face's Precompiled works: a match of `dfa` (a grapheme cluster) of less than 6 bytes is
   * replaced whole by the row of the shortest string of `trie` that it starts with; of other clusters each character is
   * looked up alone. */
  LLMC_OPERATION_CLUSTERS = 1 << 3,
};

/** One normaliser operation. 56 bytes. */
typedef struct llmc_tokenizer_operation {
  uint32_t kind;
  uint32_t flags;
  uint32_t dfa; /* MATCHES, CLUSTERS: number of the DFA */
  uint32_t reserved;
  llmc_tokenizer_text a;
  llmc_tokenizer_text b;
  llmc_tokenizer_range index;   /* MAP: uint16_t[4352], block number of each 256 code points */
  llmc_tokenizer_range entries; /* MAP: uint16_t, 256 a block: LLMC_MAP_*, or a row of `texts`. CHARSMAP:
                                   llmc_tokenizer_node */
  llmc_tokenizer_range texts;   /* llmc_tokenizer_text */
} llmc_tokenizer_operation;

#define LLMC_MAP_KEEP 0xffffu  /* the character stays */
#define LLMC_MAP_SPACE 0xfffeu /* it stays, between two spaces */

enum llmc_tokenizer_step_kind {
  LLMC_STEP_SPLIT = 1,         /* cut into matches of a DFA and what lies between */
  LLMC_STEP_REPLACE = 2,       /* each `a` (not empty) by `b` */
  LLMC_STEP_PREPEND = 3,       /* `a` before the piece unless it starts with it */
  LLMC_STEP_PREPEND_FIRST = 4, /* the same, only for the piece that starts the whole text */
};

enum llmc_tokenizer_behavior {
  LLMC_SPLIT_REMOVED = 1,              /* matches vanish */
  LLMC_SPLIT_ISOLATED = 2,             /* matches and gaps are pieces */
  LLMC_SPLIT_CONTIGUOUS = 3,           /* neighbouring matches are one piece */
  LLMC_SPLIT_MERGED_WITH_PREVIOUS = 4, /* a match joins the gap before it */
  LLMC_SPLIT_MERGED_WITH_NEXT = 5,     /* a match joins the gap after it */
};

enum llmc_tokenizer_step_flag {
  LLMC_STEP_INVERT = 1 << 0, /* gaps count as matches and matches as gaps */
  LLMC_STEP_ALPHABET =
      1 << 1, /* each byte counts as its character in GPT-2's alphabet of bytes: a split after ByteLevel */
};

/** One pre-tokenizer step. 32 bytes. */
typedef struct llmc_tokenizer_step {
  uint32_t kind;
  uint32_t dfa;      /* SPLIT: number of the DFA */
  uint32_t behavior; /* SPLIT: enum llmc_tokenizer_behavior */
  uint32_t flags;    /* SPLIT: LLMC_STEP_* */
  llmc_tokenizer_text a;
  llmc_tokenizer_text b;
} llmc_tokenizer_step;

/** A DFA. 8 bytes. Its table has state_count rows of (classes + 1) entries; the last column is the end of the piece.
 *
 * It starts in state 1 at the first character. Entry [state][class of the next character] holds the next state in its
 * low 15 bits and LLMC_DFA_MATCH when the pattern has matched up to, without, that character: a match is seen one
 * character late, so that the pattern may look at the character that follows. State 0 is dead. The match taken is the
 * last one seen before the dead state: the automaton was built so that this is the match that the pattern's
 * alternatives, tried in their order, would find. */
typedef struct llmc_tokenizer_dfa {
  uint32_t first_transition; /* index in `transitions` */
  uint32_t state_count;      /* 2 .. 32767 */
} llmc_tokenizer_dfa;
#define LLMC_DFA_MATCH 0x8000u

enum llmc_tokenizer_class_flag {
  LLMC_CLASS_SPACE = 1 << 0, /* White_Space; for LSTRIP and RSTRIP */
  LLMC_CLASS_WORD = 1 << 1,  /* a word character; for SINGLE_WORD */
  LLMC_CLASS_NFC = 1 << 2,   /* may change under NFC: not a starter, or not surely composed */
  LLMC_CLASS_NFD = 1 << 3,   /* the same for the other forms */
  LLMC_CLASS_NFKC = 1 << 4,
  LLMC_CLASS_NFKD = 1 << 5,
};

/** A character that decomposes (Hangul syllables do so by arithmetic and are not listed). 8 bytes. */
typedef struct llmc_tokenizer_decomposition {
  uint32_t codepoint;
  uint16_t first; /* index in `decomposed` */
  uint16_t count;
} llmc_tokenizer_decomposition;

/** A primary composite. 12 bytes. */
typedef struct llmc_tokenizer_composition {
  uint32_t first;
  uint32_t second;
  uint32_t result;
} llmc_tokenizer_composition;

/** Code points with the same non-zero canonical combining class. 12 bytes. */
typedef struct llmc_tokenizer_combining {
  uint32_t first;
  uint32_t last;
  uint32_t combining_class; /* 1 .. 254 */
} llmc_tokenizer_combining;

#ifdef __cplusplus
}
#endif

#endif /* LLMC_TOKENIZER_FORMAT_H */
