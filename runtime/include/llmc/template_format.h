/* template_format.h - the bytes of compiled chat templates, shared by the frontend that writes and the runtime that
 * reads.
 *
 * A chat template is a small program in Jinja that writes a conversation down as the model was trained to read it. The
 * compiler turns it into nodes, one a construct; every operand of a node is a node before it, so that a walk ends.
 * Names of filters, tests, methods and functions are numbers here: a template that asks for others is refused when
 * compiling.
 *
 * A section is a header, tables, and bytes. All numbers are little-endian; every offset counts from the header's first
 * byte; every table starts at a multiple of 8. Nothing here is a pointer. A reader checks all of it once when it opens
 * the section; after that no walk can leave it, however the bytes were damaged.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef LLMC_TEMPLATE_FORMAT_H
#define LLMC_TEMPLATE_FORMAT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LLMC_TEMPLATE_MAGIC "LLMCTPL\x1a" /* 8 bytes */
#define LLMC_TEMPLATE_VERSION 1u          /* readers refuse any other */
#define LLMC_NO_NODE 0xffffffffu          /* in place of a node: none */
#define LLMC_TEMPLATE_MAX_DEPTH 256u      /* nodes from a root to its deepest operand, at most */
#define LLMC_TEMPLATE_MAX_ARGUMENTS 16u   /* of a filter or test */

/** A table: byte offset and number of rows. Offset 0 when there are none. 8 bytes. */
typedef struct llmc_template_range {
  uint32_t offset;
  uint32_t count;
} llmc_template_range;

/** A string: byte offset from the header, and bytes; UTF-8; not terminated. 8 bytes. */
typedef struct llmc_template_text {
  uint32_t offset;
  uint32_t size;
} llmc_template_text;

/** First bytes of the section. 88 bytes. */
typedef struct llmc_template_header {
  uint8_t magic[8];
  uint32_t version;
  uint32_t size;                    /* bytes of the section, header included */
  llmc_template_range templates;    /* llmc_template_entry; the first is the one used unless another is asked for */
  llmc_template_range nodes;        /* llmc_template_node */
  llmc_template_range operands;     /* uint32_t: lists of nodes and texts that nodes refer to */
  llmc_template_range texts;        /* llmc_template_text; equal texts have one number */
  llmc_template_range variables;    /* llmc_template_variable: what tokens are called, for templates */
  llmc_template_range characters;   /* llmc_template_characters, ascending; the first starts at 0 */
  llmc_template_range cases;        /* llmc_template_case, ascending (kind, first) */
  llmc_template_range special_case; /* llmc_template_special_case, ascending (kind, codepoint) */
  uint32_t file;                    /* text: where the templates came from, for messages */
  uint32_t reserved;                /* zero */
} llmc_template_header;

/** A named template: "default", "tool_use", "rag". 8 bytes. */
typedef struct llmc_template_entry {
  uint32_t name; /* text */
  uint32_t root; /* node: a statement */
} llmc_template_entry;

/** A variable that every template sees: bos_token and the like. 8 bytes. */
typedef struct llmc_template_variable {
  uint32_t name;  /* text */
  uint32_t value; /* text */
} llmc_template_variable;

/** What a node is. a, b, c, d are its operands: "node" is the number of an earlier node, "text" of a text, "list" the
 *  place of its first element in `operands`, with the count in the operand after it. "?" may be LLMC_NO_NODE. */
enum llmc_template_kind {
  /* expressions */
  LLMC_NODE_NONE = 1,       /* None */
  LLMC_NODE_BOOLEAN = 2,    /* operation: 0 or 1 */
  LLMC_NODE_INTEGER = 3,    /* a, b: low and high half of a signed number */
  LLMC_NODE_FLOAT = 4,      /* a, b: low and high half of its bits */
  LLMC_NODE_STRING = 5,     /* a: text */
  LLMC_NODE_NAME = 6,       /* a: text */
  LLMC_NODE_LIST = 7,       /* a, b: list of nodes */
  LLMC_NODE_TUPLE = 8,      /* a, b: list of nodes */
  LLMC_NODE_DICT = 9,       /* a, b: list of keys and values, nodes, b even */
  LLMC_NODE_ATTRIBUTE = 10, /* a: node, b: text */
  LLMC_NODE_ITEM = 11,      /* a: node, b: node */
  LLMC_NODE_SLICE = 12,     /* a: node; b, c, d: start, stop, step, node? */
  LLMC_NODE_CALL = 13,      /* a: node called; b, c: list of nodes; d: how many pairs (text, node) follow in the list */
  LLMC_NODE_FILTER = 14,    /* operation: enum llmc_template_filter; a: node; b, c: list of nodes? */
  LLMC_NODE_MAP_FILTER = 15,    /* the same, for each element of a */
  LLMC_NODE_MAP_ATTRIBUTE = 16, /* a: node, b: node of the attribute, c: node? of the default */
  LLMC_NODE_SELECT = 17,   /* operation: enum llmc_template_test; a: node; b, c: list of nodes; d: node? of attribute */
  LLMC_NODE_REJECT = 18,   /* the same, keeping the others */
  LLMC_NODE_TEST = 19,     /* operation: enum llmc_template_test; a: node; b, c: list of nodes */
  LLMC_NODE_AND = 20,      /* a, b: nodes */
  LLMC_NODE_OR = 21,       /* a, b: nodes */
  LLMC_NODE_NOT = 22,      /* a: node */
  LLMC_NODE_CHOOSE = 23,   /* a: node of the condition, b: node, c: node? */
  LLMC_NODE_BINARY = 24,   /* operation: enum llmc_template_operation; a, b: nodes */
  LLMC_NODE_NEGATIVE = 25, /* a: node */
  LLMC_NODE_POSITIVE = 26, /* a: node */
  LLMC_NODE_CONCATENATE = 27, /* a, b: list of nodes */
  LLMC_NODE_COMPARE = 28,     /* a: node; b, c: list of pairs (enum llmc_template_comparison, node), c even */
  LLMC_NODE_CAPTURE = 29,     /* a: statement whose output is the value, in a scope of its own */
  LLMC_NODE_MACRO = 30,       /* a, b: list of parameters, pairs (text, node? of the default), b even; c: statement;
                                 d: text of the name; operation: LLMC_MACRO_* bits */
  LLMC_NODE_FAIL = 31,        /* a: text of a mistake that getting here is */
  /* statements */
  LLMC_NODE_TEXT = 40,  /* a: text */
  LLMC_NODE_PRINT = 41, /* a: node */
  LLMC_NODE_BLOCK = 42, /* a, b: list of statements */
  LLMC_NODE_IF = 43,    /* a: node, b: statement, c: statement? */
  LLMC_NODE_FOR = 44,   /* a: target; b: node; c: statement; d: place in `operands` of two: node? that filters,
                           statement? for when there was nothing; operation: 1 when the loop calls itself */
  LLMC_NODE_SET = 45,   /* a: target, b: node */
  LLMC_NODE_WITH = 46,  /* a, b: list of pairs (target, node), b even; c: statement in a scope of its own */
  LLMC_NODE_SCOPE = 47, /* a: statement in a scope of its own */
  LLMC_NODE_BREAK = 48,
  LLMC_NODE_CONTINUE = 49,
  /* targets of assignments */
  LLMC_NODE_TO_NAME = 60,  /* a: text */
  LLMC_NODE_TO_TUPLE = 61, /* a, b: list of targets */
  LLMC_NODE_TO_FIELD = 62, /* a: text of a namespace's name, b: text of its field */
};

enum llmc_template_macro_flag {
  LLMC_MACRO_CALLER = 1 << 0,  /* its body uses `caller` */
  LLMC_MACRO_VARARGS = 1 << 1, /* its body uses `varargs` */
  LLMC_MACRO_KWARGS = 1 << 2,  /* its body uses `kwargs` */
};

/** A construct of a template. 28 bytes. */
typedef struct llmc_template_node {
  uint8_t kind;      /* enum llmc_template_kind */
  uint8_t operation; /* see the kind; else 0 */
  uint16_t column;   /* in bytes, from 1; 65535: there or beyond */
  uint32_t line;     /* from 1 */
  uint32_t a;
  uint32_t b;
  uint32_t c;
  uint32_t d;
  uint32_t reserved; /* zero */
} llmc_template_node;

enum llmc_template_operation {
  LLMC_TEMPLATE_ADD = 1,
  LLMC_TEMPLATE_SUBTRACT = 2,
  LLMC_TEMPLATE_MULTIPLY = 3,
  LLMC_TEMPLATE_DIVIDE = 4,
  LLMC_TEMPLATE_FLOOR_DIVIDE = 5,
  LLMC_TEMPLATE_REMAINDER = 6,
  LLMC_TEMPLATE_POWER = 7,
};

enum llmc_template_comparison {
  LLMC_TEMPLATE_EQUAL = 1,
  LLMC_TEMPLATE_NOT_EQUAL = 2,
  LLMC_TEMPLATE_LESS = 3,
  LLMC_TEMPLATE_LESS_EQUAL = 4,
  LLMC_TEMPLATE_GREATER = 5,
  LLMC_TEMPLATE_GREATER_EQUAL = 6,
  LLMC_TEMPLATE_IN = 7,
  LLMC_TEMPLATE_NOT_IN = 8,
};

/* What templates may ask for. X(ENUMERATOR, number, name, required, parameters): numbers are part of the format and are
 * never used again; `required` of the parameters must be given; parameters may be given by name. "*" takes any number.
 */
#define LLMC_TEMPLATE_FILTERS(X)                                                                                       \
  X(ABS, 1, "abs", 0, "")                                                                                              \
  X(ATTR, 2, "attr", 1, "name")                                                                                        \
  X(BATCH, 3, "batch", 1, "linecount,fill_with")                                                                       \
  X(CAPITALIZE, 4, "capitalize", 0, "")                                                                                \
  X(CENTER, 5, "center", 0, "width")                                                                                   \
  X(DEFAULT, 6, "default", 0, "default_value,boolean")                                                                 \
  X(DICTSORT, 7, "dictsort", 0, "case_sensitive,by,reverse")                                                           \
  X(ESCAPE, 8, "escape", 0, "")                                                                                        \
  X(FIRST, 9, "first", 0, "")                                                                                          \
  X(FLOAT, 10, "float", 0, "default")                                                                                  \
  X(FORCEESCAPE, 11, "forceescape", 0, "")                                                                             \
  X(FORMAT, 12, "format", 0, "*")                                                                                      \
  X(GROUPBY, 13, "groupby", 1, "attribute,default,case_sensitive")                                                     \
  X(INDENT, 14, "indent", 0, "width,first,blank")                                                                      \
  X(INT, 15, "int", 0, "default,base")                                                                                 \
  X(ITEMS, 16, "items", 0, "")                                                                                         \
  X(JOIN, 17, "join", 0, "d,attribute")                                                                                \
  X(LAST, 18, "last", 0, "")                                                                                           \
  X(LENGTH, 19, "length", 0, "")                                                                                       \
  X(LIST, 20, "list", 0, "")                                                                                           \
  X(LOWER, 21, "lower", 0, "")                                                                                         \
  X(MAX, 22, "max", 0, "case_sensitive,attribute")                                                                     \
  X(MIN, 23, "min", 0, "case_sensitive,attribute")                                                                     \
  X(REPLACE, 24, "replace", 2, "old,new,count")                                                                        \
  X(REVERSE, 25, "reverse", 0, "")                                                                                     \
  X(ROUND, 26, "round", 0, "precision,method")                                                                         \
  X(SAFE, 27, "safe", 0, "")                                                                                           \
  X(SLICE, 28, "slice", 1, "slices,fill_with")                                                                         \
  X(SORT, 29, "sort", 0, "reverse,case_sensitive,attribute")                                                           \
  X(STRING, 30, "string", 0, "")                                                                                       \
  X(SUM, 31, "sum", 0, "attribute,start")                                                                              \
  X(TITLE, 32, "title", 0, "")                                                                                         \
  X(TOJSON, 33, "tojson", 0, "ensure_ascii,indent,separators,sort_keys")                                               \
  X(TRIM, 34, "trim", 0, "chars")                                                                                      \
  X(TRUNCATE, 35, "truncate", 0, "length,killwords,end,leeway")                                                        \
  X(UNIQUE, 36, "unique", 0, "case_sensitive,attribute")                                                               \
  X(UPPER, 37, "upper", 0, "")                                                                                         \
  X(URLENCODE, 38, "urlencode", 0, "")                                                                                 \
  X(WORDCOUNT, 39, "wordcount", 0, "")

#define LLMC_TEMPLATE_TESTS(X)                                                                                         \
  X(TRUTH, 1, "", 0, "") /* what `select` does without a test */                                                       \
  X(ODD, 2, "odd", 0, "")                                                                                              \
  X(EVEN, 3, "even", 0, "")                                                                                            \
  X(DIVISIBLEBY, 4, "divisibleby", 1, "num")                                                                           \
  X(DEFINED, 5, "defined", 0, "")                                                                                      \
  X(UNDEFINED, 6, "undefined", 0, "")                                                                                  \
  X(NONE, 7, "none", 0, "")                                                                                            \
  X(BOOLEAN, 8, "boolean", 0, "")                                                                                      \
  X(FALSE, 9, "false", 0, "")                                                                                          \
  X(TRUE, 10, "true", 0, "")                                                                                           \
  X(INTEGER, 11, "integer", 0, "")                                                                                     \
  X(FLOAT, 12, "float", 0, "")                                                                                         \
  X(LOWER, 13, "lower", 0, "")                                                                                         \
  X(UPPER, 14, "upper", 0, "")                                                                                         \
  X(STRING, 15, "string", 0, "")                                                                                       \
  X(MAPPING, 16, "mapping", 0, "")                                                                                     \
  X(NUMBER, 17, "number", 0, "")                                                                                       \
  X(SEQUENCE, 18, "sequence", 0, "")                                                                                   \
  X(ITERABLE, 19, "iterable", 0, "")                                                                                   \
  X(CALLABLE, 20, "callable", 0, "")                                                                                   \
  X(SAMEAS, 21, "sameas", 1, "other")                                                                                  \
  X(ESCAPED, 22, "escaped", 0, "")                                                                                     \
  X(IN, 23, "in", 1, "seq")                                                                                            \
  X(EQUAL, 24, "eq", 1, "other")                                                                                       \
  X(NOT_EQUAL, 25, "ne", 1, "other")                                                                                   \
  X(LESS, 26, "lt", 1, "other")                                                                                        \
  X(LESS_EQUAL, 27, "le", 1, "other")                                                                                  \
  X(GREATER, 28, "gt", 1, "other")                                                                                     \
  X(GREATER_EQUAL, 29, "ge", 1, "other")

/* Functions and methods are found when they are called, by name. */
#define LLMC_TEMPLATE_FUNCTIONS(X)                                                                                     \
  X(RANGE, 1, "range", 1, "start,stop,step")                                                                           \
  X(NAMESPACE, 2, "namespace", 0, "**")                                                                                \
  X(DICT, 3, "dict", 0, "**")                                                                                          \
  X(RAISE_EXCEPTION, 4, "raise_exception", 1, "message")                                                               \
  X(STRFTIME_NOW, 5, "strftime_now", 1, "format")                                                                      \
  X(JOINER, 6, "joiner", 0, "sep")                                                                                     \
  X(CYCLER, 7, "cycler", 1, "*")

#define LLMC_TEMPLATE_ENUMERATOR_FILTER(id, number, name, required, parameters) LLMC_FILTER_##id = number,
enum llmc_template_filter { LLMC_TEMPLATE_FILTERS(LLMC_TEMPLATE_ENUMERATOR_FILTER) LLMC_FILTER_END };
#define LLMC_TEMPLATE_ENUMERATOR_TEST(id, number, name, required, parameters) LLMC_TEST_##id = number,
enum llmc_template_test { LLMC_TEMPLATE_TESTS(LLMC_TEMPLATE_ENUMERATOR_TEST) LLMC_TEST_END };
#define LLMC_TEMPLATE_ENUMERATOR_FUNCTION(id, number, name, required, parameters) LLMC_FUNCTION_##id = number,
enum llmc_template_function { LLMC_TEMPLATE_FUNCTIONS(LLMC_TEMPLATE_ENUMERATOR_FUNCTION) LLMC_FUNCTION_END };

/* ------------------------------------------------------------------ characters */

enum llmc_template_character_flag {
  LLMC_CHARACTER_PRINTABLE = 1 << 0, /* stands for itself in a quoted string */
  LLMC_CHARACTER_LETTER = 1 << 1,
  LLMC_CHARACTER_DECIMAL = 1 << 2,
  LLMC_CHARACTER_DIGIT = 1 << 3,
  LLMC_CHARACTER_NUMERIC = 1 << 4,
  LLMC_CHARACTER_UPPER = 1 << 5,
  LLMC_CHARACTER_LOWER = 1 << 6,
  LLMC_CHARACTER_TITLE = 1 << 7,
  LLMC_CHARACTER_IGNORABLE = 1 << 8, /* looked past where a sigma's place in its word is asked */
};

/** Characters from `first` up to the next row's. 8 bytes. */
typedef struct llmc_template_characters {
  uint32_t first;
  uint32_t flags; /* LLMC_CHARACTER_* */
} llmc_template_characters;

enum llmc_template_case_kind { LLMC_CASE_UPPER = 1, LLMC_CASE_LOWER = 2, LLMC_CASE_TITLE = 3 };

/** The characters first, first + step, … (count of them) become themselves + delta. 16 bytes. */
typedef struct llmc_template_case {
  uint32_t kind; /* enum llmc_template_case_kind */
  uint32_t first;
  uint16_t count;
  uint16_t step;
  int32_t delta;
} llmc_template_case;

/** A character that becomes several. 20 bytes. */
typedef struct llmc_template_special_case {
  uint32_t kind;
  uint32_t codepoint;
  uint32_t to[3]; /* zeros at the end */
} llmc_template_special_case;

#ifdef __cplusplus
}
#endif

#endif /* LLMC_TEMPLATE_FORMAT_H */
