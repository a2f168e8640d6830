// GgufFile.cpp - checks the header of one GGUF file against the file it stands in.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/gguf/Gguf.h"
#include "frontends/formats/json/Json.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace llmc::gguf {

namespace {

constexpr uint64_t kMaxTensors = 1'000'000;
constexpr uint64_t kMaxEntries = 65'536;
constexpr uint64_t kMaxKey = 65'535;          // The format's own limit.
constexpr uint64_t kMaxName = 1'024;          // ggml's is 64.
constexpr uint64_t kMaxString = 1u << 20;     // Chat templates are the longest in use, some 30 kB.
constexpr uint64_t kMaxElements = 1ull << 28; // Of an array.
constexpr uint64_t kMaxAlignment = 1u << 16;
constexpr uint64_t kMaxRank = 4;  // ggml's.
constexpr unsigned kMaxDepth = 4; // Of arrays in arrays.
// The least that an entry and a tensor take: an empty key or name, a type, a value of one byte; no sizes.
constexpr uint64_t kLeastEntry = 8 + 4 + 1, kLeastTensor = 8 + 4 + 4 + 8;

struct GgmlType {
  uint32_t number;
  const char *name;
  std::optional<DType> dtype;
};
constexpr GgmlType kTypes[] = {
#define LLMC_GGML_TYPE(number, name, dtype) {number, #name, DType::dtype},
#define LLMC_GGML_OTHER(number, name) {number, #name, std::nullopt},
#include "frontends/formats/gguf/GgmlTypes.def"
};

uint64_t kindBytes(Kind kind) {
  switch (kind) {
  case Kind::U8:
  case Kind::I8:
  case Kind::Bool:
    return 1;
  case Kind::U16:
  case Kind::I16:
    return 2;
  case Kind::U32:
  case Kind::I32:
  case Kind::F32:
    return 4;
  case Kind::U64:
  case Kind::I64:
  case Kind::F64:
    return 8;
  case Kind::String: // At least their length.
    return 8;
  case Kind::Array:
    return 12;
  }
  return 1;
}

uint64_t littleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;)
    value = value << 8 | uint8_t(bytes[i]);
  return value;
}

std::string quoted(std::string_view key) { return "'" + json::printable(key) + "'"; }

/// One file's check; keeps what every message needs.
class FileChecker {
public:
  FileChecker(std::string_view bytes, const std::string &name, uint32_t file) : bytes(bytes), name(name), file(file) {}

  Result<File> run();

private:
  static constexpr const char *kCut = "the file is cut short or damaged: download it again";

  Diagnostic error(std::string message, std::string note = {}) const {
    return {name, 0, 0, std::move(message), std::move(note)};
  }
  uint64_t left() const { return bytes.size() - at; }
  /// The next bytes; the caller has seen that they are there.
  std::string_view take(uint64_t size) {
    assert(size <= left());
    const std::string_view taken = bytes.substr(at, size);
    at += size;
    return taken;
  }
  /// A number of `size` bytes, or the message that the file ends inside `what`.
  Result<uint64_t> number(uint64_t size, const std::string &what) {
    if (left() < size)
      return error("ends inside " + what, kCut);
    return littleEndian(take(size));
  }
  Result<std::string_view> string(uint64_t most, const std::string &what);
  Result<Value> value(const std::string &what);
  Result<Value> valueOf(Kind kind, const std::string &what, unsigned depth);
  Checked header();
  Checked entries();
  Checked alignment();
  Checked tensorTable();
  Result<TensorEntry> tensor(uint64_t number);
  Checked layout();

  std::string_view bytes;
  const std::string &name;
  const uint32_t file;
  uint64_t at = 0, numEntries = 0, numTensors = 0;
  File result;
};

Result<File> FileChecker::run() {
  for (Checked (FileChecker::*stage)() : {&FileChecker::header, &FileChecker::entries, &FileChecker::alignment,
                                          &FileChecker::tensorTable, &FileChecker::layout})
    if (Checked done = (this->*stage)(); !done)
      return done.takeError();
  return std::move(result);
}

Checked FileChecker::header() {
  if (bytes.size() < 24)
    return error("holds " + std::to_string(bytes.size()) + " bytes, a GGUF file has at least 24");
  if (const std::string_view magic = take(4); magic != "GGUF")
    return error("begins with " + quoted(magic) + ", expected 'GGUF'",
                 magic == "ggjt" || magic == "ggml" || magic == "ggmf"
                     ? "this is a file of before GGUF: convert the model again"
                     : "this is not a GGUF file, or it is damaged");
  const uint64_t version = littleEndian(take(4));
  if (version != 0 && (version & 0xffff) == 0)
    return error("is a big-endian GGUF file, which is not supported", "convert the model again as little-endian");
  if (version != 2 && version != 3)
    return error("is GGUF version " + std::to_string(version) + ", expected 2 or 3", "convert the model again");
  result.version = uint32_t(version);
  numTensors = littleEndian(take(8));
  numEntries = littleEndian(take(8));
  struct Count {
    uint64_t number, most, least;
    const char *what;
  };
  for (const Count &count : {Count{numTensors, kMaxTensors, kLeastTensor, "tensors"},
                             Count{numEntries, kMaxEntries, kLeastEntry, "metadata entries"}}) {
    if (count.number > count.most)
      return error("claims " + std::to_string(count.number) + " " + count.what + ", expected at most " +
                   std::to_string(count.most));
    if (count.number > left() / count.least)
      return error("claims " + std::to_string(count.number) + " " + count.what + ", the " + std::to_string(left()) +
                       " bytes that follow hold at most " + std::to_string(left() / count.least),
                   kCut);
  }
  return Success{};
}

Result<std::string_view> FileChecker::string(uint64_t most, const std::string &what) {
  Result<uint64_t> length = number(8, what);
  if (!length)
    return length.takeError();
  if (*length > most)
    return error(what + " claims " + std::to_string(*length) + " bytes, expected at most " + std::to_string(most));
  if (*length > left())
    return error(what + " claims " + std::to_string(*length) + " bytes, the file holds " + std::to_string(left()) +
                     " more",
                 kCut);
  return take(*length);
}

Result<Value> FileChecker::value(const std::string &what) {
  Result<uint64_t> kind = number(4, what);
  if (!kind)
    return kind.takeError();
  if (*kind > uint64_t(Kind::F64))
    return error(what + " has the unknown type " + std::to_string(*kind) + ", expected 0 to 12");
  return valueOf(Kind(*kind), what, 0);
}

Result<Value> FileChecker::valueOf(Kind kind, const std::string &what, unsigned depth) {
  if (kind == Kind::String) {
    Result<std::string_view> text = string(kMaxString, what);
    if (!text)
      return text.takeError();
    return Value(kind, *text);
  }
  if (kind != Kind::Array) {
    if (left() < kindBytes(kind))
      return error("ends inside " + what, kCut);
    const std::string_view raw = take(kindBytes(kind));
    if (kind == Kind::Bool && uint8_t(raw[0]) > 1)
      return error(what + " is a truth value of " + std::to_string(uint8_t(raw[0])) + ", expected 0 or 1");
    return Value(kind, raw);
  }

  if (depth == kMaxDepth)
    return error(what + " holds arrays more than " + std::to_string(kMaxDepth) + " deep");
  Result<uint64_t> element = number(4, what);
  if (!element)
    return element.takeError();
  if (*element > uint64_t(Kind::F64))
    return error(what + " is an array of the unknown type " + std::to_string(*element) + ", expected 0 to 12");
  Result<uint64_t> count = number(8, what);
  if (!count)
    return count.takeError();
  if (*count > kMaxElements)
    return error(what + " claims " + std::to_string(*count) + " elements, expected at most " +
                 std::to_string(kMaxElements));
  const Kind elementKind = Kind(*element);
  if (*count > left() / kindBytes(elementKind))
    return error(what + " claims " + std::to_string(*count) + " elements, the " + std::to_string(left()) +
                     " bytes that follow hold at most " + std::to_string(left() / kindBytes(elementKind)),
                 kCut);
  const uint64_t begin = at;
  if (elementKind == Kind::String || elementKind == Kind::Array || elementKind == Kind::Bool) {
    for (uint64_t i = 0; i < *count; ++i)
      if (Result<Value> checked = valueOf(elementKind, what, depth + 1); !checked)
        return checked.takeError();
  } else {
    take(*count * kindBytes(elementKind));
  }
  return Value(kind, bytes.substr(begin, at - begin), elementKind, *count);
}

Checked FileChecker::entries() {
  result.metadata.reserve(numEntries);
  for (uint64_t i = 0; i < numEntries; ++i) {
    Result<std::string_view> key = string(kMaxKey, "metadata key " + std::to_string(i));
    if (!key)
      return key.takeError();
    if (key->empty())
      return error("metadata key " + std::to_string(i) + " is empty");
    Result<Value> found = value(quoted(*key));
    if (!found)
      return found.takeError();
    result.metadata.push_back({*key, *found});
  }
  std::sort(result.metadata.begin(), result.metadata.end(),
            [](const Entry &a, const Entry &b) { return a.key < b.key; });
  for (size_t i = 1; i < result.metadata.size(); ++i)
    if (result.metadata[i - 1].key == result.metadata[i].key)
      return error("metadata key " + quoted(result.metadata[i].key) + " occurs twice");
  return Success{};
}

Checked FileChecker::alignment() {
  const std::optional<Value> given = result.find("general.alignment");
  if (!given)
    return Success{};
  if (given->kind() != Kind::U32)
    return error("'general.alignment' is " + given->describe() + ", expected a 32-bit unsigned integer");
  result.alignment = uint64_t(*given->asInteger());
  if (result.alignment == 0 || result.alignment > kMaxAlignment || (result.alignment & (result.alignment - 1)) != 0)
    return error("'general.alignment' = " + std::to_string(result.alignment) + ", expected a power of two from 1 to " +
                 std::to_string(kMaxAlignment));
  return Success{};
}

Checked FileChecker::tensorTable() {
  if (numTensors > left() / kLeastTensor)
    return error("claims " + std::to_string(numTensors) + " tensors, the " + std::to_string(left()) +
                     " bytes behind the metadata hold at most " + std::to_string(left() / kLeastTensor),
                 kCut);
  result.tensors.reserve(numTensors);
  for (uint64_t i = 0; i < numTensors; ++i) {
    Result<TensorEntry> entry = tensor(i);
    if (!entry)
      return entry.takeError();
    result.tensors.push_back(std::move(*entry));
  }
  return Success{};
}

Result<TensorEntry> FileChecker::tensor(uint64_t number) {
  TensorEntry entry;
  entry.file = file;
  const std::string numbered = "tensor " + std::to_string(number);
  Result<std::string_view> key = string(kMaxName, "the name of " + numbered);
  if (!key)
    return key.takeError();
  if (key->empty())
    return error("the name of " + numbered + " is empty");
  entry.key = std::string(*key);
  const std::string what = "tensor " + quoted(*key);
  Result<uint64_t> rank = this->number(4, what);
  if (!rank)
    return rank.takeError();
  if (*rank > kMaxRank)
    return error(what + " claims " + std::to_string(*rank) + " dimensions, expected at most " +
                 std::to_string(kMaxRank));
  uint64_t sizes[kMaxRank];
  for (uint64_t i = 0; i < *rank; ++i) {
    Result<uint64_t> size = this->number(8, what);
    if (!size)
      return size.takeError();
    if (*size > uint64_t(INT64_MAX))
      return error(what + ": dimension " + std::to_string(i) + " is " + std::to_string(*size) +
                   ", expected less than 2^63");
    sizes[i] = *size;
  }
  for (uint64_t i = *rank; i-- > 0;) // The file has the fastest first.
    entry.shape.push_back(int64_t(sizes[i]));
  Result<uint64_t> type = this->number(4, what);
  if (!type)
    return type.takeError();
  Result<uint64_t> offset = this->number(8, what);
  if (!offset)
    return offset.takeError();

  const GgmlType *known = std::find_if(std::begin(kTypes), std::end(kTypes),
                                       [&](const GgmlType &candidate) { return candidate.number == *type; });
  if (known == std::end(kTypes))
    return error(what + " has the unknown type " + std::to_string(*type));
  if (!known->dtype)
    return error(what + " has type " + known->name + ", which is not supported",
                 "quantise the model to another type, such as Q4_K or IQ4_XS");
  entry.dtype = *known->dtype;
  const std::optional<uint64_t> size = tensorBytes(entry.shape, entry.dtype);
  if (!size) {
    const std::optional<BlockFormatId> format = dtypeBlockFormat(entry.dtype);
    if (format && (entry.shape.size() == 0 || sizes[0] % uint64_t(blockFormat(*format).group) != 0))
      return error(what + ": its rows of " + (entry.shape.size() ? std::to_string(sizes[0]) : "1") +
                   " values are not whole blocks of " + known->name + ", expected a multiple of " +
                   std::to_string(blockFormat(*format).group));
    return error(what + ": shape " + entry.shape.str() + " of " + known->name + " takes more than 2^63 bytes");
  }
  entry.size = *size;
  entry.offset = *offset; // From the start of the data, until that is known.
  return entry;
}

/// Places the tensors: each inside the file, at its alignment, beside the others.
Checked FileChecker::layout() {
  const uint64_t padded = (at + result.alignment - 1) / result.alignment * result.alignment;
  const uint64_t start = std::min<uint64_t>(padded, bytes.size()), available = bytes.size() - start;
  std::vector<const TensorEntry *> order;
  order.reserve(result.tensors.size());
  for (TensorEntry &entry : result.tensors) {
    const std::string what = "tensor " + quoted(entry.key);
    if (entry.offset % result.alignment != 0)
      return error(what + " begins at " + std::to_string(entry.offset) + ", expected a multiple of the alignment " +
                   std::to_string(result.alignment));
    if (entry.offset > available || entry.size > available - entry.offset)
      return error(what + ": " + std::to_string(entry.size) + " bytes at " + std::to_string(entry.offset) +
                       " end outside the file, which holds " + std::to_string(available) + " bytes of data",
                   kCut);
    entry.offset += start;
    if (entry.size != 0)
      order.push_back(&entry);
  }
  std::sort(order.begin(), order.end(), [](const TensorEntry *a, const TensorEntry *b) {
    return a->offset != b->offset ? a->offset < b->offset : a->key < b->key;
  });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->size)
      return error("tensor " + quoted(order[i]->key) + ": its bytes overlap those of " + quoted(order[i - 1]->key));
  return Success{};
}

} // namespace

const char *kindName(Kind kind) {
  static constexpr const char *names[] = {"an 8-bit unsigned integer",
                                          "an 8-bit integer",
                                          "a 16-bit unsigned integer",
                                          "a 16-bit integer",
                                          "a 32-bit unsigned integer",
                                          "a 32-bit integer",
                                          "a 32-bit float",
                                          "a truth value",
                                          "a string",
                                          "an array",
                                          "a 64-bit unsigned integer",
                                          "a 64-bit integer",
                                          "a 64-bit float"};
  return names[size_t(kind)];
}

std::string Value::describe() const {
  if (!isArray())
    return kindName(valueKind);
  static constexpr const char *names[] = {"8-bit unsigned integers",
                                          "8-bit integers",
                                          "16-bit unsigned integers",
                                          "16-bit integers",
                                          "32-bit unsigned integers",
                                          "32-bit integers",
                                          "32-bit floats",
                                          "truth values",
                                          "strings",
                                          "arrays",
                                          "64-bit unsigned integers",
                                          "64-bit integers",
                                          "64-bit floats"};
  return std::string("an array of ") + names[size_t(elementKind)];
}

std::optional<int64_t> Value::asInteger() const {
  assert(isInteger());
  const uint64_t raw = littleEndian(bytes);
  switch (valueKind) {
  case Kind::I8:
    return int8_t(raw);
  case Kind::I16:
    return int16_t(raw);
  case Kind::I32:
    return int32_t(raw);
  case Kind::I64:
    return int64_t(raw);
  default:
    if (raw > uint64_t(INT64_MAX))
      return std::nullopt;
    return int64_t(raw);
  }
}

double Value::asNumber() const {
  assert(isNumber());
  if (valueKind == Kind::F32) {
    float number;
    std::memcpy(&number, bytes.data(), sizeof number);
    return double(number);
  }
  if (valueKind == Kind::F64) {
    double number;
    std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }
  const std::optional<int64_t> integer = asInteger();
  return integer ? double(*integer) : double(littleEndian(bytes));
}

Value Value::at(uint64_t index) const {
  assert(isArray() && index < elements && elementKind != Kind::String && elementKind != Kind::Array);
  const uint64_t size = kindBytes(elementKind);
  return Value(elementKind, bytes.substr(index * size, size));
}

std::vector<std::string_view> Value::strings() const {
  assert(isArray() && elementKind == Kind::String);
  std::vector<std::string_view> result;
  result.reserve(elements);
  for (std::string_view rest = bytes; result.size() < elements;) {
    const uint64_t length = littleEndian(rest.substr(0, 8));
    result.push_back(rest.substr(8, length));
    rest.remove_prefix(8 + length);
  }
  return result;
}

std::optional<Value> File::find(std::string_view key) const {
  const auto found = std::lower_bound(metadata.begin(), metadata.end(), key,
                                      [](const Entry &entry, std::string_view key) { return entry.key < key; });
  if (found == metadata.end() || found->key != key)
    return std::nullopt;
  return found->value;
}

Result<File> parseFile(std::string_view bytes, const std::string &name, uint32_t file) {
  return FileChecker(bytes, name, file).run();
}

} // namespace llmc::gguf
