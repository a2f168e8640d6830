// ModelLookup.cpp - directories and the local Hugging Face cache.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/ModelLookup.h"

#include "frontends/formats/gguf/Gguf.h"
#include "frontends/formats/json/Json.h"
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

/// The GGUF file of a folder that holds no checkpoint: the only one, or the one whose name has `wanted` in it (as in
/// "Q4_K_M"; either case). Of a model in parts only the first counts. The folder itself where there is no GGUF file and
/// nothing is wanted, or beside config.json.
static Result<std::string> chooseGguf(const std::string &folder, StringRef wanted, const std::string &shown) {
  SmallString<256> config = StringRef(folder);
  sys::path::append(config, "config.json");
  std::vector<std::string> all, fitting;
  std::error_code error;
  for (sys::fs::directory_iterator it(folder, error), end; it != end && !error; it.increment(error)) {
    StringRef name = sys::path::filename(it->path());
    if (!name.ends_with(".gguf") || name.starts_with("mmproj"))
      continue;
    StringRef stem = name.drop_back(5);
    if (stem.size() > 15 && stem.substr(stem.size() - 9).starts_with("-of-") &&
        !stem.substr(stem.size() - 15).starts_with("-00001"))
      continue;
    all.push_back(it->path());
    if (stem.contains_insensitive(wanted))
      fitting.push_back(it->path());
  }
  if (wanted.empty() && (all.empty() || sys::fs::exists(config)))
    return folder;
  if (fitting.size() == 1)
    return fitting.front();
  std::sort(all.begin(), all.end());
  std::string names;
  for (size_t i = 0; i < all.size() && i < 8; ++i)
    names += (i ? ", " : "") + sys::path::filename(all[i]).str();
  if (all.empty())
    names = "none";
  else if (all.size() > 8)
    names += ", …";
  std::string count = fitting.empty() ? "no" : std::to_string(fitting.size());
  return Diagnostic{shown, 0, 0,
                    "has " + count + " GGUF files" +
                        (wanted.empty() ? "" : " with '" + wanted.str() + "' in the name") +
                        " (expected one; there are " + names + ")",
                    wanted.empty() ? "name the file, or a part of its name behind org/name: " + shown + ":Q4_K_M" : ""};
}

/// A graph in a folder that holds no checkpoint, or in the folder `onnx` in it: the one that genai_config.json names,
/// the one that exporters call a decoder, or the only one. Empty where there is none.
static Result<std::string> chooseOnnx(const std::string &folder, const std::string &shown) {
  std::vector<std::string> all;
  for (const char *inner : {"", "onnx"}) {
    SmallString<256> place = StringRef(folder);
    sys::path::append(place, inner);
    std::error_code error;
    for (sys::fs::directory_iterator it(place, error), end; it != end && !error; it.increment(error)) {
      StringRef name = sys::path::filename(it->path());
      if (name.ends_with(".safetensors") || name.ends_with(".gguf"))
        return std::string();
      if (onnx::isOnnxPath(it->path()))
        all.push_back(it->path());
    }
    if (!all.empty())
      break;
  }
  std::sort(all.begin(), all.end());
  std::vector<std::string> wanted = {"model.onnx", "decoder_model_merged.onnx", "decoder_with_past_model.onnx",
                                     "decoder_model.onnx"};
  SmallString<256> genai = StringRef(folder);
  sys::path::append(genai, "genai_config.json");
  if (Result<json::Document> config = json::Document::read(std::string(genai), {}); config)
    if (auto model = config->root().find("model"))
      if (auto decoder = model->find("decoder"))
        if (auto file = decoder->find("filename"); file && file->isString())
          wanted.insert(wanted.begin(), std::string(file->asString()));
  for (const std::string &name : wanted)
    for (const std::string &path : all)
      if (sys::path::filename(path) == name)
        return path;
  if (all.size() <= 1)
    return all.empty() ? std::string() : all.front();
  std::string names;
  for (size_t i = 0; i < all.size() && i < 8; ++i)
    names += (i ? ", " : "") + sys::path::filename(all[i]).str();
  return Diagnostic{shown, 0, 0,
                    "has " + std::to_string(all.size()) + " ONNX files (expected one, or model.onnx; there are " +
                        names + (all.size() > 8 ? ", …)" : ")"),
                    "name the file"};
}

/// The model in a folder: a graph, a GGUF file, or the folder itself.
static Result<std::string> chooseFile(const std::string &folder, StringRef wanted, const std::string &shown) {
  if (wanted.empty()) {
    Result<std::string> graph = chooseOnnx(folder, shown);
    if (!graph || !graph->empty())
      return graph;
  }
  return chooseGguf(folder, wanted, shown);
}

Result<std::string> findModel(const std::string &argument) {
  if (sys::fs::is_directory(argument))
    return chooseFile(argument, "", argument);
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
  auto [repositoryName, wanted] = name.split(':');
  if (!isHubName(repositoryName))
    return Diagnostic{argument, 0, 0, "no such directory",
                      "MODEL is a checkpoint directory, or org/name in the local "
                      "Hugging Face cache"};
  std::string folder =
      "models--" + repositoryName.split('/').first.str() + "--" + repositoryName.split('/').second.str();
  SmallString<256> repository(cacheFolder());
  sys::path::append(repository, folder);
  std::string snapshot = newestSnapshot(repository);
  if (snapshot.empty())
    return Diagnostic{argument, 0, 0,
                      "no such directory, and not in the local Hugging Face cache (" + cacheFolder() + ")",
                      "download it first: hf download " + repositoryName.str() +
                          (wanted.empty() ? "" : " --include '*" + wanted.str() + "*.gguf'")};
  return chooseFile(snapshot, wanted, repositoryName.str());
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
