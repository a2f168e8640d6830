// SafetensorsFile.cpp - checks the header of one safetensors file against the file it stands in.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/json/Json.h"
#include "frontends/formats/safetensors/Safetensors.h"

#include <algorithm>

namespace llmc::safetensors {

namespace {

constexpr uint64_t kMaxHeader = 100'000'000; // The limit of the format's own implementation.
constexpr size_t kMaxTensors = 1'000'000;
constexpr size_t kMaxKey = 1 << 20;

/// One file's check; keeps what every message needs.
class FileChecker {
public:
  FileChecker(std::string_view bytes, const std::string &name, uint32_t file,
              std::vector<std::pair<std::string, std::string>> *facts)
      : bytes(bytes), name(name), file(file), facts(facts) {}

  Result<std::vector<TensorEntry>> run();

private:
  Diagnostic error(std::string message, std::string note = {}) const {
    return {name, 0, 0, std::move(message), std::move(note)};
  }
  Diagnostic errorIn(std::string_view key, const std::string &message) const {
    return error("tensor '" + json::printable(key) + "': " + message);
  }
  Checked checkMetadata(json::Value metadata) const;
  Result<TensorEntry> readTensor(std::string_view key, json::Value value) const;
  Checked checkLayout(std::vector<TensorEntry> &entries) const;

  std::string_view bytes;
  const std::string &name;
  const uint32_t file;
  std::vector<std::pair<std::string, std::string>> *const facts; // Null: not wanted.
  uint64_t dataStart = 0;                                        // Offset of the first data byte.
};

Result<std::vector<TensorEntry>> FileChecker::run() {
  if (bytes.size() < 8)
    return error("holds " + std::to_string(bytes.size()) + " bytes, a safetensors file has at least 8");
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | uint8_t(bytes[i]);
  if (length > kMaxHeader)
    return error("the header claims " + std::to_string(length) + " bytes, expected at most " +
                     std::to_string(kMaxHeader),
                 "this is not a safetensors file, or it is damaged");
  if (length > bytes.size() - 8)
    return error("the header claims " + std::to_string(length) + " bytes, the file holds " +
                     std::to_string(bytes.size() - 8) + " after the first 8",
                 "the file is cut short or damaged: download it again");
  std::string_view header = bytes.substr(8, length);
  if (header.empty() || header.front() != '{')
    return error("the header does not begin with '{'", "this is not a safetensors file, or it is damaged");
  header = header.substr(0, header.find_last_not_of(' ') + 1);
  if (header.back() != '}')
    return error("the header does not end with '}'", "only spaces may follow the header's JSON");
  dataStart = 8 + length;

  Result<json::Document> document = json::Document::parse(std::string(header), name, {kMaxHeader, 8});
  if (!document) {
    const Diagnostic &fault = document.error();
    return error("header, line " + std::to_string(fault.line) + ", column " + std::to_string(fault.column) + ": " +
                 fault.message);
  }
  const json::Value root = document->root();
  if (root.size() > kMaxTensors + 1)
    return error("holds " + std::to_string(root.size()) + " tensors, expected at most " + std::to_string(kMaxTensors));

  std::vector<TensorEntry> entries;
  entries.reserve(root.size());
  for (size_t i = 0; i < root.size(); ++i) {
    const std::string_view key = root.key(i).asString();
    if (key == "__metadata__") {
      Checked checked = checkMetadata(root.member(i));
      if (!checked)
        return checked.takeError();
      continue;
    }
    Result<TensorEntry> entry = readTensor(key, root.member(i));
    if (!entry)
      return entry.takeError();
    entries.push_back(std::move(*entry));
  }
  Checked checked = checkLayout(entries);
  if (!checked)
    return checked.takeError();
  return entries;
}

Checked FileChecker::checkMetadata(json::Value metadata) const {
  if (metadata.isNull()) // Some writers spell "none" so, and the format's own reader takes it.
    return Success{};
  if (!metadata.isObject())
    return error(std::string("'__metadata__' must be an object, found ") + json::kindName(metadata.kind()));
  for (size_t i = 0; i < metadata.size(); ++i)
    if (!metadata.member(i).isString())
      return error("'__metadata__': '" + json::printable(metadata.key(i).asString()) + "' must be a string, found " +
                   json::kindName(metadata.member(i).kind()));
  for (size_t i = 0; facts && i < metadata.size(); ++i)
    facts->emplace_back(metadata.key(i).asString(), metadata.member(i).asString());
  return Success{};
}

Result<TensorEntry> FileChecker::readTensor(std::string_view key, json::Value value) const {
  if (key.size() > kMaxKey)
    return error("a tensor's name holds " + std::to_string(key.size()) + " bytes, expected at most " +
                 std::to_string(kMaxKey));
  if (!value.isObject())
    return errorIn(key, std::string("expected an object with 'dtype', 'shape' and 'data_offsets', found ") +
                            json::kindName(value.kind()));
  for (size_t i = 0; i < value.size(); ++i) {
    const std::string_view field = value.key(i).asString();
    if (field != "dtype" && field != "shape" && field != "data_offsets")
      return errorIn(key, "unknown field '" + json::printable(field) + "'");
  }
  for (const char *field : {"dtype", "shape", "data_offsets"})
    if (!value.find(field))
      return errorIn(key, std::string("'") + field + "' is missing");

  TensorEntry entry;
  entry.key = std::string(key);
  entry.file = file;

  const json::Value dtype = *value.find("dtype");
  if (!dtype.isString())
    return errorIn(key, std::string("'dtype' must be a string, found ") + json::kindName(dtype.kind()));
  const std::optional<DType> known = dtypeFromName(dtype.asString());
  if (!known)
    return errorIn(key, "unknown dtype '" + json::printable(dtype.asString()) + "'");
  entry.dtype = *known;

  const json::Value shape = *value.find("shape");
  if (!shape.isArray())
    return errorIn(key, std::string("'shape' must be an array, found ") + json::kindName(shape.kind()));
  if (shape.size() > TensorShape::kMaxRank)
    return errorIn(key, "has " + std::to_string(shape.size()) + " dimensions, expected at most " +
                            std::to_string(TensorShape::kMaxRank));
  for (size_t i = 0; i < shape.size(); ++i) {
    const json::Value size = shape.at(i);
    if (size.kind() != json::Kind::Int || size.asInt() < 0)
      return errorIn(key, "dimension " + std::to_string(i) + " of 'shape' is not a whole number below 2^63");
    entry.shape.push_back(size.asInt());
  }

  const json::Value offsets = *value.find("data_offsets");
  if (!offsets.isArray() || offsets.size() != 2 || offsets.at(0).kind() != json::Kind::Int ||
      offsets.at(1).kind() != json::Kind::Int || offsets.at(0).asInt() < 0)
    return errorIn(key, "'data_offsets' must be two whole numbers");
  const uint64_t begin = uint64_t(offsets.at(0).asInt());
  const int64_t signedEnd = offsets.at(1).asInt();
  if (signedEnd < 0 || uint64_t(signedEnd) < begin)
    return errorIn(key, "'data_offsets' end at " + std::to_string(signedEnd) + " before they begin at " +
                            std::to_string(begin));
  const uint64_t end = uint64_t(signedEnd), available = bytes.size() - dataStart;
  if (end > available)
    return Diagnostic{name, 0, 0,
                      "tensor '" + json::printable(key) + "': 'data_offsets' end at " + std::to_string(end) +
                          ", the file holds " + std::to_string(available) + " bytes of data",
                      "the file is cut short or damaged: download it again"};
  const std::optional<uint64_t> expected = tensorBytes(entry.shape, entry.dtype);
  if (!expected)
    return errorIn(key, "shape " + entry.shape.str() + " of " + dtypeName(entry.dtype) +
                            " is not a whole number of bytes below 2^63");
  if (*expected != end - begin)
    return errorIn(key, "'data_offsets' span " + std::to_string(end - begin) + " bytes, shape " + entry.shape.str() +
                            " of " + dtypeName(entry.dtype) + " takes " + std::to_string(*expected));
  entry.offset = dataStart + begin;
  entry.size = end - begin;
  return entry;
}

/// The tensors, in the order of their data, must cover it from the first byte to the last.
Checked FileChecker::checkLayout(std::vector<TensorEntry> &entries) const {
  std::sort(entries.begin(), entries.end(), [](const TensorEntry &a, const TensorEntry &b) {
    if (a.offset != b.offset)
      return a.offset < b.offset;
    return a.size != b.size ? a.size < b.size : a.key < b.key;
  });
  uint64_t at = dataStart;
  const TensorEntry *previous = nullptr;
  for (const TensorEntry &entry : entries) {
    if (entry.offset < at)
      return errorIn(entry.key, "its bytes overlap those of '" + json::printable(previous->key) + "'");
    if (entry.offset > at)
      return errorIn(entry.key, "begins at " + std::to_string(entry.offset - dataStart) + ", leaving a hole after " +
                                    std::to_string(at - dataStart));
    at += entry.size;
    previous = &entry;
  }
  if (at != bytes.size())
    return error("the tensors end at byte " + std::to_string(at - dataStart) + " of the data, the file holds " +
                 std::to_string(bytes.size() - dataStart));
  return Success{};
}

} // namespace

Result<std::vector<TensorEntry>> parseFile(std::string_view bytes, const std::string &name, uint32_t file,
                                           std::vector<std::pair<std::string, std::string>> *metadata) {
  return FileChecker(bytes, name, file, metadata).run();
}

} // namespace llmc::safetensors
