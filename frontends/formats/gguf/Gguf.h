// Gguf.h - reads GGUF files, versions 2 and 3: metadata, and a table of tensors; in one file or split over several.
//
// A file is, little endian: "GGUF", u32 version, u64 number of tensors, u64 number of metadata entries; the entries
// (key, type, value); the tensors (name, u32 rank, u64 sizes with the fastest first, u32 type, u64 offset); padding to
// general.alignment; the data, from where offsets count. A string is a u64 length and bytes; an array a u32 type, a u64
// count and elements. What a key means for a model is not here: MetadataReader.h and frontends/models.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_GGUF_GGUF_H
#define LLMC_FRONTENDS_FORMATS_GGUF_GGUF_H

#include "frontends/formats/TensorIndex.h"

namespace llmc::gguf {

/// Types of metadata values, by the numbers in files.
enum class Kind : uint8_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };

/// The kind in words, with its article: "a string", "a 32-bit integer".
const char *kindName(Kind kind);

/// A checked value where it lies in the file. A handle: the file's bytes must outlive it.
class Value {
public:
  Value() = default;
  Value(Kind kind, std::string_view bytes, Kind element = Kind::U8, uint64_t count = 0)
      : valueKind(kind), elementKind(element), elements(count), bytes(bytes) {}

  Kind kind() const { return valueKind; }
  bool isString() const { return valueKind == Kind::String; }
  bool isArray() const { return valueKind == Kind::Array; }
  bool isBool() const { return valueKind == Kind::Bool; }
  bool isInteger() const { return isIntegerKind(valueKind); }
  bool isNumber() const { return isInteger() || valueKind == Kind::F32 || valueKind == Kind::F64; }

  /// An integer; nothing when it is above 2^63 - 1. Only for integers.
  std::optional<int64_t> asInteger() const;
  /// Any number, rounded to double; may be a NaN or an infinity.
  double asNumber() const;
  bool asBool() const { return assert(isBool()), bytes[0] != 0; }
  std::string_view asString() const { return assert(isString()), bytes; }

  /// Of an array.
  Kind element() const { return assert(isArray()), elementKind; }
  uint64_t size() const { return assert(isArray()), elements; }
  /// An element of an array of numbers or truth values. O(1).
  Value at(uint64_t index) const;
  /// The elements of an array of strings, 16 bytes of memory each.
  std::vector<std::string_view> strings() const;

  /// What it is, in words: "an array of strings".
  std::string describe() const;

  static bool isIntegerKind(Kind kind) { return kind <= Kind::I32 || kind == Kind::U64 || kind == Kind::I64; }

private:
  Kind valueKind = Kind::U8, elementKind = Kind::U8;
  uint64_t elements = 0;
  std::string_view bytes; // Of a string its content, of an array its elements.
};

struct Entry {
  std::string_view key;
  Value value;
};

/// What one file holds. Views into its bytes.
struct File {
  uint32_t version = 0;
  uint64_t alignment = 32;
  std::vector<Entry> metadata; ///< Sorted by key, each once.
  std::vector<TensorEntry> tensors;

  /// The value of that key, or nothing. O(log n).
  std::optional<Value> find(std::string_view key) const;
};

/// Checks one file held in memory. `name` is used in messages, `file` goes into each tensor. Memory: some 100 bytes an
/// entry of the file. Errors: any broken rule, with the key or the tensor named.
Result<File> parseFile(std::string_view bytes, const std::string &name, uint32_t file);

/// A model: all tensors of all its files, and the metadata of the first. The views of `header` lie in the files that
/// `index` maps.
struct Model {
  TensorIndex index;
  File header;
  /// The name of the first file for messages.
  const std::string &name() const { return index.files().front().name(); }
};

/// Opens a file, and with it those that it was split into (<stem>-00002-of-00003.gguf …), which must lie beside it.
Result<Model> open(const std::string &path);

/// Whether a path is meant as a GGUF file: a file that ends so or begins so.
bool isGgufPath(const std::string &path);

/// The name of part `number` (from 1) of `count` when `name` is the first of so many, or nothing.
std::optional<std::string> splitName(std::string_view name, uint32_t number, uint32_t count);

} // namespace llmc::gguf

#endif // LLMC_FRONTENDS_FORMATS_GGUF_GGUF_H
