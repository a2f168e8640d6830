// Value.h - what a chat template computes with: values like Python's, and the memory they live in.
//
// Values are constant once made, but for namespaces and what iterators have given out. All memory belongs to one
// evaluation and goes at its end.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_TEMPLATE_VALUE_H
#define LLMC_RUNTIME_SRC_TEXT_TEMPLATE_VALUE_H

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace llmc::runtime::chat {

/// Bytes and their number; not terminated.
struct View {
  const char *data = "";
  size_t size = 0;

  View() = default;
  View(const char *data, size_t size) : data(data), size(size) {}
  View(const char *text) : data(text), size(std::strlen(text)) {} // NOLINT(google-explicit-constructor)
  bool operator==(View other) const { return size == other.size && (!size || !std::memcmp(data, other.data, size)); }
  bool operator!=(View other) const { return !(*this == other); }
  View from(size_t start) const { return {data + start, size - start}; }
  View part(size_t start, size_t count) const { return {data + start, count}; }
};

enum class Kind : uint8_t {
  Undefined, ///< `text` says what was asked for.
  None,
  Bool,
  Int,
  Float,
  String,
  List,
  Dict,
  Namespace,
  Macro,
  Function, ///< Of enum llmc_template_function.
  Method,   ///< Of a string, list or dict.
  Loop,
  Cycler,
};

struct List;
struct Dict;
struct Fields;
struct Macro;
struct Method;
struct Loop;
struct Cycler;

/// 16 bytes, copied freely.
struct Value {
  Kind kind = Kind::Undefined;
  bool safe = false;   ///< String: marked as safe to stand in HTML; what is added to it is escaped.
  uint16_t code = 0;   ///< Function: its number. Undefined: 1 when `text` is the whole message.
  uint32_t length = 0; ///< String, Undefined: bytes.
  union {
    bool boolean;
    int64_t integer;
    double number;
    const char *text;
    List *list;
    Dict *dict;
    Fields *fields;
    const Macro *macro;
    const Method *method;
    Loop *loop;
    Cycler *cycler;
  };

  Value() : text("") {}
  static Value none() { return of(Kind::None); }
  static Value of(bool value) {
    Value made = of(Kind::Bool);
    made.boolean = value;
    return made;
  }
  static Value of(int64_t value) {
    Value made = of(Kind::Int);
    made.integer = value;
    return made;
  }
  static Value of(double value) {
    Value made = of(Kind::Float);
    made.number = value;
    return made;
  }
  static Value of(View view) {
    Value made = of(Kind::String);
    made.text = view.data;
    made.length = uint32_t(view.size);
    return made;
  }
  static Value of(Dict *dict) {
    Value made = of(Kind::Dict);
    made.dict = dict;
    return made;
  }
  static Value of(List *list) {
    Value made = of(Kind::List);
    made.list = list;
    return made;
  }
  /// Nothing, and what it should have been: a name, or a whole sentence.
  static Value undefined(View what, bool isSentence = false) {
    Value made;
    made.code = isSentence;
    made.text = what.data;
    made.length = uint32_t(what.size);
    return made;
  }

  View view() const { return {text, length}; }
  bool is(Kind wanted) const { return kind == wanted; }
  /// An integer or a truth value, which counts as 0 or 1.
  bool isWhole() const { return kind == Kind::Int || kind == Kind::Bool; }
  bool isNumber() const { return isWhole() || kind == Kind::Float; }
  int64_t whole() const { return kind == Kind::Bool ? boolean : integer; }
  double real() const { return kind == Kind::Float ? number : double(whole()); }

private:
  static Value of(Kind kind) {
    Value made;
    made.kind = kind;
    made.text = "";
    return made;
  }
};
static_assert(sizeof(Value) == 16, "values are copied a lot");

enum class Flavour : uint8_t { List, Tuple, Range, Iterator };

struct List {
  Value *items;
  uint32_t count;
  Flavour flavour;
  uint32_t taken; ///< Iterator: how many it has given out.

  Value *begin() const { return items + taken; }
  Value *end() const { return items + count; }
  uint32_t left() const { return count - taken; }
};

/// Pairs in the order they came in, and for many of them a table of their places.
struct Dict {
  Value *keys;
  Value *values;
  uint32_t count;
  uint32_t room;
  uint32_t *places; ///< [slots], place + 1 or 0; null while there are few.
  uint32_t slots;   ///< A power of two.
};

/// A namespace: names and values that can be set.
struct Fields {
  Dict *dict;
};

/// Variables of a scope, newest first.
struct Variable {
  uint32_t name; ///< Text.
  Value value;
  Variable *next;
};
struct Scope {
  Scope *outer;
  Variable *variables;
};

struct Macro {
  uint32_t node;
  Scope *scope; ///< Where it was defined.
};

struct Method {
  Value self;
  View name;
};

struct Loop {
  Value *items;
  uint32_t count;
  uint32_t index; ///< From 0.
  uint32_t depth; ///< From 0.
  uint32_t node;  ///< LLMC_NODE_FOR, for loops that call themselves.
  bool hasChanged;
  Value last; ///< Of `changed`.
  Scope *scope;
};

/// `cycler` and `joiner`.
struct Cycler {
  Value *items;
  uint32_t count;
  uint32_t position;
  bool isJoiner;
};

/// Blocks of memory up to a limit; freed together.
class Arena {
public:
  explicit Arena(size_t limit) : limit(limit) {}
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;
  ~Arena();

  /// `size` bytes, aligned to 8; null when the limit is reached (`full`) or the system has no more.
  void *take(size_t size) {
    size = (size + 7) & ~size_t(7);
    if (size > size_t(end - next))
      return takeMore(size);
    char *memory = next;
    next += size;
    return memory;
  }
  template <typename T> T *make(size_t count = 1) {
    return count > SIZE_MAX / 2 / sizeof(T) ? nullptr : static_cast<T *>(take(count * sizeof(T)));
  }
  bool full = false;

private:
  struct Chunk {
    Chunk *next;
  };
  void *takeMore(size_t size);

  Chunk *chunks = nullptr;
  char *next = nullptr, *end = nullptr;
  size_t limit;
  size_t used = 0;
};

} // namespace llmc::runtime::chat

#endif // LLMC_RUNTIME_SRC_TEXT_TEMPLATE_VALUE_H
