// ModelLookup.cpp - directories and the local Hugging Face cache.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/ModelLookup.h"

#include "frontends/formats/gguf/Gguf.h"
#include "frontends/formats/onnx/Onnx.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

using namespace llvm;

namespace llmc::driver {

/// "org/name" of the characters that the hub allows.
static bool isHubName(StringRef name) {
  auto [org, rest] = name.split('/');
  auto allowed = [](StringRef part) {
    return !part.empty() && part.front() != '.' && part.front() != '-' &&
           all_of(part, [](char c) { return isAlnum(c) || c == '-' || c == '_' || c == '.'; });
  };
  return allowed(org) && allowed(rest);
}

static std::string cacheFolder() {
  auto variable = [](const char *name) -> StringRef {
    const char *value = std::getenv(name);
    return value ? value : "";
  };
  SmallString<256> path;
  for (const char *name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) // the second is its former name
    if (!variable(name).empty())
      return variable(name).str();
  if (!variable("HF_HOME").empty())
    sys::path::append(path, variable("HF_HOME"), "hub");
  else if (!variable("XDG_CACHE_HOME").empty())
    sys::path::append(path, variable("XDG_CACHE_HOME"), "huggingface", "hub");
  else
    sys::path::append(path, variable("HOME"), ".cache", "huggingface", "hub");
  return std::string(path);
}

/// The snapshot that `refs/main` names, else the last in the order of names; empty when there is none.
static std::string newestSnapshot(StringRef repository) {
  SmallString<256> path = repository;
  sys::path::append(path, "refs", "main");
  SmallString<256> snapshots = repository;
  sys::path::append(snapshots, "snapshots");
  if (auto revision = MemoryBuffer::getFile(path)) {
    StringRef name = (*revision)->getBuffer().trim();
    SmallString<256> snapshot = snapshots;
    sys::path::append(snapshot, name);
    if (!name.empty() && all_of(name, isAlnum) && sys::fs::is_directory(snapshot))
      return std::string(snapshot);
  }
  std::vector<std::string> found;
  std::error_code error;
  for (sys::fs::directory_iterator it(snapshots, error), end; it != end && !error; it.increment(error))
    if (sys::fs::is_directory(it->path()))
      found.push_back(it->path());
  return found.empty() ? "" : *std::max_element(found.begin(), found.end());
}

Result<std::string> findModel(const std::string &argument) {
  if (sys::fs::is_directory(argument))
    return argument;
  StringRef name = argument;
  if (gguf::isGgufPath(argument) || (onnx::isOnnxPath(argument) && sys::fs::exists(argument)))
    return argument;
  if (sys::fs::exists(argument)) {
    std::string note = "give the directory that holds config.json, tokenizer.json and the safetensors files";
    return Diagnostic{argument, 0, 0,
                      "is neither a directory nor a GGUF or ONNX file (expected a checkpoint directory, or a .gguf or "
                      ".onnx file)",
                      note};
  }
  if (!isHubName(name))
    return Diagnostic{argument, 0, 0, "no such directory",
                      "MODEL is a checkpoint directory, or org/name in the local "
                      "Hugging Face cache"};
  std::string folder = "models--" + name.split('/').first.str() + "--" + name.split('/').second.str();
  SmallString<256> repository(cacheFolder());
  sys::path::append(repository, folder);
  std::string snapshot = newestSnapshot(repository);
  if (snapshot.empty())
    return Diagnostic{argument, 0, 0,
                      "no such directory, and not in the local Hugging Face cache (" + cacheFolder() + ")",
                      "download it first: hf download " + argument};
  return snapshot;
}

std::string modelName(const std::string &directory) {
  SmallString<256> real;
  if (sys::fs::real_path(directory, real))
    real = directory;
  // In the cache: models--org--name/snapshots/revision.
  StringRef parent = sys::path::parent_path(real);
  if (sys::path::filename(parent) == "snapshots") {
    StringRef repository = sys::path::filename(sys::path::parent_path(parent));
    if (repository.consume_front("models--"))
      return repository.rsplit("--").second.str();
  }
  if (StringRef file = sys::path::filename(StringRef(directory)); file.consume_back(".onnx") && !file.empty())
    return file.str();
  // A file without its ending, and without the number of a part.
  if (StringRef file = sys::path::filename(StringRef(directory)); file.consume_back(".gguf") && !file.empty()) {
    StringRef stem = file;
    if (stem.size() > 15 && stem.substr(stem.size() - 15).starts_with("-00001-of-"))
      stem = stem.drop_back(15);
    return stem.str();
  }
  // The name as given, where it is one: a link may lead to a folder called otherwise.
  StringRef name = sys::path::filename(StringRef(directory).rtrim('/'));
  if (name.empty() || name == "." || name == "..")
    name = sys::path::filename(real);
  return name.empty() || name == "/" ? "model" : name.str();
}

} // namespace llmc::driver
