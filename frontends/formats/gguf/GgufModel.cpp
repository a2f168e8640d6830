// GgufModel.cpp - opens a GGUF model: one file, or the parts that it was split into.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/ModelDirectory.h"
#include "frontends/formats/gguf/Gguf.h"
#include "frontends/formats/json/Json.h"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace llmc::gguf {

namespace {

constexpr uint32_t kMaxParts = 10'000;
constexpr size_t kMaxTensors = 1'000'000;

/// An integer of the keys that splitting leaves, or what is wrong with it.
Result<std::optional<int64_t>> splitFact(const File &header, const std::string &name, const char *key) {
  const std::optional<Value> value = header.find(key);
  if (!value)
    return std::optional<int64_t>();
  if (!value->isInteger())
    return Diagnostic{name, 0, 0, std::string("'") + key + "' must be an integer, found " + value->describe(), {}};
  const std::optional<int64_t> number = value->asInteger();
  if (!number || *number < 0)
    return Diagnostic{name,
                      0,
                      0,
                      std::string("'") + key + "' = " + (number ? std::to_string(*number) : "more than 2^63 - 1") +
                          " is out of range",
                      {}};
  return number;
}

/// What a file says of itself as a part.
struct Part {
  int64_t number = 0; ///< From 0.
  int64_t count = 1;
  std::optional<int64_t> tensors; ///< Of all parts.
};

Result<Part> readPart(const File &header, const std::string &name) {
  Part part;
  for (auto [key, to] : {std::make_pair("split.no", &part.number), std::make_pair("split.count", &part.count)}) {
    Result<std::optional<int64_t>> fact = splitFact(header, name, key);
    if (!fact)
      return fact.takeError();
    *to = fact->value_or(*to);
  }
  Result<std::optional<int64_t>> tensors = splitFact(header, name, "split.tensors.count");
  if (!tensors)
    return tensors.takeError();
  part.tensors = *tensors;
  // Files that were never split may say 0 parts.
  part.count = std::max<int64_t>(part.count, 1);
  if (part.count > int64_t(kMaxParts))
    return Diagnostic{name,
                      0,
                      0,
                      "'split.count' = " + std::to_string(part.count) + ", expected at most " +
                          std::to_string(kMaxParts),
                      {}};
  return part;
}

std::string partText(int64_t number, int64_t count) {
  return "part " + std::to_string(number + 1) + " of " + std::to_string(count);
}

std::string endingOf(uint32_t number, uint32_t count) {
  char text[40];
  std::snprintf(text, sizeof text, "-%05u-of-%05u.gguf", number, count);
  return text;
}

/// Files and tensors as they are gathered.
struct Gathered {
  std::vector<MappedFile> files;
  std::vector<std::string> names;
  std::vector<TensorEntry> tensors;

  Checked add(MappedFile mapped, std::string name, File &header) {
    if (header.tensors.size() > kMaxTensors - tensors.size())
      return Diagnostic{mapped.name(), 0, 0, "the model holds more than 1000000 tensors", {}};
    files.push_back(std::move(mapped));
    names.push_back(std::move(name));
    tensors.insert(tensors.end(), std::make_move_iterator(header.tensors.begin()),
                   std::make_move_iterator(header.tensors.end()));
    header.tensors.clear();
    return Success{};
  }
};

Checked addParts(const std::string &folder, const std::string &first, const Part &whole, Gathered &gathered) {
  Result<ModelDirectory> directory = ModelDirectory::open(folder);
  if (!directory)
    return directory.takeError();
  for (int64_t number = 1; number < whole.count; ++number) {
    const std::optional<std::string> name = splitName(first, uint32_t(number + 1), uint32_t(whole.count));
    if (!name)
      return Diagnostic{gathered.files.front().name(), 0, 0,
                        "is " + partText(0, whole.count) + ", so its name must end in '" +
                            endingOf(1, uint32_t(whole.count)) + "'",
                        "rename it and the other parts, or join them into one file"};
    const std::string note = "all " + std::to_string(whole.count) + " parts must lie in one directory";
    if (!directory->has(*name))
      return Diagnostic{directory->shown(*name), 0, 0, partText(number, whole.count) + " is missing", note};
    Result<std::string> path = directory->locate(*name);
    if (!path)
      return path.takeError();
    Result<MappedFile> mapped = MappedFile::open(*path, directory->shown(*name));
    if (!mapped)
      return mapped.takeError();
    Result<File> header = parseFile(mapped->bytes(), mapped->name(), uint32_t(number));
    if (!header)
      return header.takeError();
    Result<Part> part = readPart(*header, mapped->name());
    if (!part)
      return part.takeError();
    if (part->number != number || part->count != whole.count)
      return Diagnostic{mapped->name(), 0, 0,
                        "says that it is " + partText(part->number, part->count) + ", expected " +
                            partText(number, whole.count),
                        "the parts are mixed up: download them again"};
    if (Checked added = gathered.add(std::move(*mapped), *name, *header); !added)
      return added;
  }
  if (whole.tensors && *whole.tensors != int64_t(gathered.tensors.size()))
    return Diagnostic{gathered.files.front().name(), 0, 0,
                      "'split.tensors.count' = " + std::to_string(*whole.tensors) + ", the parts hold " +
                          std::to_string(gathered.tensors.size()) + " tensors",
                      "the parts are mixed up: download them again"};
  return Success{};
}

} // namespace

std::optional<std::string> splitName(std::string_view name, uint32_t number, uint32_t count) {
  const std::string first = endingOf(1, count);
  if (name.size() <= first.size() || name.substr(name.size() - first.size()) != first)
    return std::nullopt;
  return std::string(name.substr(0, name.size() - first.size())) + endingOf(number, count);
}

bool isGgufPath(const std::string &path) {
  struct stat status;
  if (path.find('\0') != std::string::npos || ::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
    return false;
  constexpr std::string_view ending = ".gguf";
  if (path.size() > ending.size() && path.compare(path.size() - ending.size(), ending.size(), ending) == 0)
    return true;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return false;
  char magic[4];
  const bool found = ::read(file, magic, 4) == 4 && std::string_view(magic, 4) == "GGUF";
  ::close(file);
  return found;
}

Result<Model> open(const std::string &path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const std::string base = slash == std::string::npos ? path : path.substr(slash + 1);
  Result<MappedFile> mapped = MappedFile::open(path, json::printable(path, 4096));
  if (!mapped)
    return mapped.takeError();
  Result<File> header = parseFile(mapped->bytes(), mapped->name(), 0);
  if (!header)
    return header.takeError();
  Result<Part> part = readPart(*header, mapped->name());
  if (!part)
    return part.takeError();
  if (part->number != 0)
    return Diagnostic{mapped->name(), 0, 0, "is " + partText(part->number, part->count) + ", expected the first",
                      "name the first part; the others are found beside it"};
  Gathered gathered;
  if (Checked added = gathered.add(std::move(*mapped), base, *header); !added)
    return added.takeError();
  if (part->count > 1)
    if (Checked added = addParts(folder, base, *part, gathered); !added)
      return added.takeError();
  Result<TensorIndex> index =
      TensorIndex::make(std::move(gathered.files), std::move(gathered.names), std::move(gathered.tensors));
  if (!index)
    return index.takeError();
  return Model{std::move(*index), std::move(*header)};
}

} // namespace llmc::gguf
