// ModelDirectory.cpp - keeps the names of a checkpoint's files inside its directory.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/ModelDirectory.h"

#include "frontends/formats/MappedFile.h"
#include "frontends/formats/json/Json.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <sys/stat.h>

namespace llmc {

namespace {

Result<std::string> resolve(const std::string &path, const std::string &shown) {
  char *found = ::realpath(path.c_str(), nullptr);
  if (!found)
    return Diagnostic{shown, 0, 0, "cannot be opened: " + systemReason(errno), {}};
  std::string result(found);
  std::free(found);
  return result;
}

bool isInside(const std::string &path, const std::string &directory) {
  if (directory == "/")
    return true;
  return path.size() > directory.size() && path.compare(0, directory.size(), directory) == 0 &&
         path[directory.size()] == '/';
}

/// The blobs of the Hugging Face cache that a snapshot's links lead to: <repo>/snapshots/<revision> -> <repo>/blobs.
std::string blobsOfSnapshot(const std::string &directory) {
  const size_t revision = directory.rfind('/');
  if (revision == std::string::npos || revision == 0)
    return {};
  const size_t snapshots = directory.rfind('/', revision - 1);
  if (snapshots == std::string::npos || directory.compare(snapshots, revision - snapshots, "/snapshots") != 0)
    return {};
  return directory.substr(0, snapshots) + "/blobs";
}

} // namespace

std::optional<std::string> faultOfRelativeName(std::string_view name) {
  if (name.empty())
    return "is empty";
  if (name.size() > PATH_MAX)
    return "is too long";
  if (name.front() == '/')
    return "is absolute, expected a name inside the directory";
  for (char c : name) {
    if (c == '\\')
      return "holds a backslash";
    if (uint8_t(c) < 0x20 || c == 0x7F)
      return "holds a control character";
  }
  size_t start = 0;
  while (start <= name.size()) {
    const size_t end = std::min(name.find('/', start), name.size());
    const std::string_view part = name.substr(start, end - start);
    if (part == "..")
      return "leaves the directory by '..'";
    if (part.empty() || part == ".")
      return "holds an empty or '.' component";
    start = end + 1;
  }
  return std::nullopt;
}

Result<ModelDirectory> ModelDirectory::open(const std::string &path) {
  ModelDirectory result;
  result.given = path;
  while (result.given.size() > 1 && result.given.back() == '/')
    result.given.pop_back();
  const std::string shown = json::printable(result.given, PATH_MAX);
  Result<std::string> resolved = resolve(path, shown);
  if (!resolved)
    return resolved.takeError();
  struct stat status;
  if (::stat(resolved->c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return Diagnostic{shown, 0, 0, "is not a directory", {}};
  result.resolved = std::move(*resolved);
  return result;
}

bool ModelDirectory::has(std::string_view name) const {
  struct stat status;
  return !faultOfRelativeName(name) && ::lstat((resolved + "/" + std::string(name)).c_str(), &status) == 0;
}

Result<std::string> ModelDirectory::locate(std::string_view name) const {
  const std::string label = shown(name);
  if (std::optional<std::string> fault = faultOfRelativeName(name))
    return Diagnostic{label, 0, 0, "the file's name " + *fault, {}};
  Result<std::string> path = resolve(resolved + "/" + std::string(name), label);
  if (!path || isInside(*path, resolved))
    return path;
  const std::string blobs = blobsOfSnapshot(resolved);
  if (!blobs.empty() && isInside(*path, blobs))
    return path;
  return Diagnostic{label, 0, 0, "is a link that leads outside the directory",
                    "copy the file into the directory: a checkpoint reads only what is inside it"};
}

std::string ModelDirectory::shown(std::string_view name) const {
  const std::string file = json::printable(name, PATH_MAX);
  if (given == ".")
    return file;
  return json::printable(given, PATH_MAX) + (given == "/" ? "" : "/") + file;
}

} // namespace llmc
