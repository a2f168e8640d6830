// Json.h - an immutable JSON document that remembers where every value stood in its file.
//
// Strict on purpose: UTF-8 is validated, nesting and size are limited, duplicate keys, lone surrogates, NaN, comments
// and trailing commas are mistakes. Free of MLIR and LLVM: the fuzzed parsers use it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_JSON_JSON_H
#define LLMC_FRONTENDS_FORMATS_JSON_JSON_H

#include "frontends/formats/Diagnostic.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llmc::json {

/// What a value is. Integers without fraction or exponent are `Int` when they fit int64_t, else `Uint` when they fit
/// uint64_t; every other number is `Double`, always finite.
enum class Kind : uint8_t { Null, Bool, Int, Uint, Double, String, Array, Object };

/// The kind in words, with its article: "a string", "null".
const char *kindName(Kind kind);

/// Bounds on what is read, checked before memory is spent.
struct Limits {
  size_t maxBytes = 64u << 20; ///< Of the text; at most 1 GiB whatever is asked for.
  unsigned maxDepth = 64;      ///< Of nested arrays and objects.
};

class Value;

/// A parsed document: owns the text and the tree. Values are cheap handles into it and must not outlive it.
/// Memory: the text plus 24 bytes a value or key, plus 4 bytes a member of objects with more than 16. Thread-safe once
/// made.
class Document {
public:
  /// Parses `text`. `file` is the name used in messages. Errors are located: too large, not valid JSON, too deep,
  /// duplicate key.
  static Result<Document> parse(std::string text, std::string file, Limits limits = {});
  /// Reads the regular file `path` and parses it; `shownAs` is the name used in messages (`path` when empty).
  static Result<Document> read(const std::string &path, std::string shownAs, Limits limits = {});

  Document(Document &&) noexcept;
  Document &operator=(Document &&) noexcept;
  ~Document();

  Value root() const;
  const std::string &file() const;

  struct Storage; ///< Private to Json.cpp.

private:
  explicit Document(std::unique_ptr<Storage> storage);
  std::unique_ptr<Storage> storage; // Values point at it, so that a Document may be moved.
};

/// A handle to one value of a Document. Copy it freely. Accessors assert the kind; ask it first, or use the checked
/// ones.
class Value {
public:
  Kind kind() const;
  bool isNull() const { return kind() == Kind::Null; }
  bool isBool() const { return kind() == Kind::Bool; }
  bool isInteger() const { return kind() == Kind::Int || kind() == Kind::Uint; }
  bool isNumber() const { return isInteger() || kind() == Kind::Double; }
  bool isString() const { return kind() == Kind::String; }
  bool isArray() const { return kind() == Kind::Array; }
  bool isObject() const { return kind() == Kind::Object; }

  bool asBool() const;
  int64_t asInt() const;             ///< Kind::Int only.
  uint64_t asUint() const;           ///< Kind::Uint, or a non-negative Kind::Int.
  double asNumber() const;           ///< Any number, rounded to double.
  std::string_view asString() const; ///< Decoded; may hold NUL characters. Lives as long as the document.

  /// Elements of an array or members of an object; 0 for anything else.
  size_t size() const;
  /// The element of an array, in the order of the file.
  Value at(size_t index) const;
  /// The member of an object, in the order of the file.
  Value member(size_t index) const;
  /// The key of a member, itself a located string.
  Value key(size_t index) const;
  /// The member of an object with that key: O(log n), O(n) for up to 16 members. Nothing for non-objects.
  std::optional<Value> find(std::string_view key) const;

  /// Bytes from the start of the file to the value's first character.
  uint32_t offset() const;
  struct Position {
    uint32_t line;   ///< 1-based.
    uint32_t column; ///< 1-based, in bytes.
  };
  /// Scans the text up to the value: meant for messages and a few locations, not for every value.
  Position position() const;

  /// "file:line:column: error: message" at this value.
  Diagnostic error(std::string message, std::string note = {}) const;
  /// "'name' must be <expected>, found <what it is>".
  Diagnostic mismatch(std::string_view name, std::string_view expected) const;

  /// Checked accessors: the value, or a located mismatch that calls it `name`.
  Result<bool> getBool(std::string_view name) const;
  Result<int64_t> getInteger(std::string_view name) const; ///< An integer that fits int64_t.
  Result<double> getNumber(std::string_view name) const;
  Result<std::string_view> getString(std::string_view name) const;
  /// The value itself when it is an array, respectively an object.
  Result<Value> getArray(std::string_view name) const;
  Result<Value> getObject(std::string_view name) const;

private:
  friend class Document;
  Value(const Document::Storage *storage, uint32_t node) : storage(storage), node(node) {}
  const Document::Storage *storage;
  uint32_t node;
};

/// Text of a file made safe to stand inside a message: control characters and invalid UTF-8 are escaped as \xNN, and
/// what is longer than `maxBytes` is cut with "...".
std::string printable(std::string_view text, size_t maxBytes = 80);

} // namespace llmc::json

#endif // LLMC_FRONTENDS_FORMATS_JSON_JSON_H
