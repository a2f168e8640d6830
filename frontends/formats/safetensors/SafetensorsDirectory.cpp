// SafetensorsDirectory.cpp - finds the safetensors files of a directory and checks the index of sharded ones.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/json/Json.h"
#include "frontends/formats/safetensors/Safetensors.h"

#include <algorithm>
#include <dirent.h>
#include <set>

namespace llmc::safetensors {

namespace {

constexpr const char *kSingle = "model.safetensors";
constexpr const char *kIndex = "model.safetensors.index.json";
constexpr size_t kMaxIndex = 256u << 20; // A million tensors with long names.
constexpr size_t kMaxShards = 10'000;
constexpr size_t kMaxTensors = 1'000'000;

/// Maps one file and appends its tensors.
Checked addFile(const ModelDirectory &directory, const std::string &name, std::vector<MappedFile> &files,
                std::vector<TensorEntry> &tensors) {
  Result<std::string> path = directory.locate(name);
  if (!path)
    return path.takeError();
  Result<MappedFile> mapped = MappedFile::open(*path, directory.shown(name));
  if (!mapped)
    return mapped.takeError();
  Result<std::vector<TensorEntry>> found = parseFile(mapped->bytes(), mapped->name(), uint32_t(files.size()));
  if (!found)
    return found.takeError();
  if (found->size() > kMaxTensors - tensors.size())
    return Diagnostic{mapped->name(), 0, 0, "the checkpoint holds more than 1000000 tensors", {}};
  files.push_back(std::move(*mapped));
  tensors.insert(tensors.end(), std::make_move_iterator(found->begin()), std::make_move_iterator(found->end()));
  return Success{};
}

/// Every tensor of the index is in its shard, and the shards hold no other. Both lists are sorted by key.
Checked checkAgainstIndex(const ShardMap &map, const TensorIndex &index, const std::string &indexName) {
  size_t at = 0;
  for (const TensorEntry &entry : index.tensors()) {
    while (at < map.items.size() && map.items[at].key < entry.key) {
      const ShardMap::Item &item = map.items[at];
      return Diagnostic{index.files()[item.shard].name(),
                        0,
                        0,
                        "tensor '" + json::printable(item.key) + "' is missing, '" + indexName + "' expects it here",
                        {}};
    }
    if (at == map.items.size() || map.items[at].key != entry.key)
      return Diagnostic{index.fileName(entry),
                        0,
                        0,
                        "tensor '" + json::printable(entry.key) + "' is not in the index '" + indexName + "'",
                        {}};
    if (map.items[at].shard != entry.file)
      return Diagnostic{index.fileName(entry),
                        0,
                        0,
                        "tensor '" + json::printable(entry.key) + "' is here, '" + indexName + "' expects it in '" +
                            map.shards[map.items[at].shard] + "'",
                        {}};
    ++at;
  }
  if (at < map.items.size())
    return Diagnostic{index.files()[map.items[at].shard].name(),
                      0,
                      0,
                      "tensor '" + json::printable(map.items[at].key) + "' is missing, '" + indexName +
                          "' expects it here",
                      {}};
  return Success{};
}

/// What lies in a directory in place of weights that are read, as the remedy.
std::string noteOnOthers(const std::string &directory) {
  struct {
    const char *suffix, *remedy;
  } const kinds[] = {
      {".safetensors", "is not read by that name: 'model.safetensors', or an index of the shards, is missing"},
      {".gguf", "is a GGUF file: give its name in place of the directory's"},
      {".bin", "may be a pickle, which is not read: save the model again as safetensors"},
      {".pth", "is a pickle, which is not read: save the model again as safetensors"},
      {".pt", "is a pickle, which is not read: save the model again as safetensors"},
      {".onnx", "is an ONNX graph, which is not read: give the checkpoint that it was made from"},
  };
  size_t best = std::size(kinds);
  std::string found;
  if (DIR *folder = ::opendir(directory.c_str())) {
    while (const dirent *entry = ::readdir(folder)) {
      const std::string_view name = entry->d_name;
      for (size_t i = 0; i < std::size(kinds); ++i) {
        const std::string_view suffix = kinds[i].suffix;
        if (name.size() <= suffix.size() || name.substr(name.size() - suffix.size()) != suffix)
          continue;
        if (i < best || (i == best && name < found)) { // the order of a directory is chance
          best = i;
          found = name;
        }
      }
    }
    ::closedir(folder);
  }
  if (found.empty())
    return "a checkpoint directory holds its weights in one of these";
  return "'" + json::printable(found) + "' " + kinds[best].remedy;
}

Result<TensorIndex> openSharded(const ModelDirectory &directory) {
  Result<std::string> path = directory.locate(kIndex);
  if (!path)
    return path.takeError();
  const std::string indexName = directory.shown(kIndex);
  Result<std::string> text = readFile(*path, indexName, kMaxIndex);
  if (!text)
    return text.takeError();
  Result<ShardMap> map = parseIndex(std::move(*text), indexName);
  if (!map)
    return map.takeError();
  std::vector<MappedFile> files;
  std::vector<TensorEntry> tensors;
  for (const std::string &shard : map->shards) {
    Checked added = addFile(directory, shard, files, tensors);
    if (!added)
      return added.takeError();
  }
  Result<TensorIndex> index = TensorIndex::make(std::move(files), map->shards, std::move(tensors));
  if (!index)
    return index.takeError();
  Checked checked = checkAgainstIndex(*map, *index, indexName);
  if (!checked)
    return checked.takeError();
  return index;
}

} // namespace

Result<ShardMap> parseIndex(std::string text, const std::string &name) {
  Result<json::Document> document = json::Document::parse(std::move(text), name, {kMaxIndex, 64});
  if (!document)
    return document.takeError();
  const json::Value root = document->root();
  if (!root.isObject())
    return root.error(std::string("expected an object with 'weight_map', found ") + json::kindName(root.kind()));
  const std::optional<json::Value> weightMap = root.find("weight_map");
  if (!weightMap)
    return root.error("'weight_map' is missing");
  if (!weightMap->isObject())
    return weightMap->mismatch("weight_map", "an object");
  if (weightMap->size() == 0)
    return weightMap->error("'weight_map' names no tensor");
  if (weightMap->size() > kMaxTensors)
    return weightMap->error("'weight_map' names more than 1000000 tensors");

  ShardMap map;
  std::set<std::string_view> shards;
  for (size_t i = 0; i < weightMap->size(); ++i) {
    const json::Value shard = weightMap->member(i);
    if (!shard.isString())
      return shard.mismatch(weightMap->key(i).asString(), "the name of a file");
    // Many tensors share a name: it is judged, and counted, once.
    if (!shards.insert(shard.asString()).second)
      continue;
    if (std::optional<std::string> fault = faultOfRelativeName(shard.asString()))
      return shard.error("the file name '" + json::printable(shard.asString()) + "' " + *fault,
                         "shards must lie in the directory of the index");
    if (shards.size() > kMaxShards)
      return shard.error("'weight_map' names more than 10000 files");
  }
  map.shards.assign(shards.begin(), shards.end());
  map.items.reserve(weightMap->size());
  for (size_t i = 0; i < weightMap->size(); ++i) {
    const auto found = std::lower_bound(map.shards.begin(), map.shards.end(), weightMap->member(i).asString());
    map.items.push_back({std::string(weightMap->key(i).asString()), uint32_t(found - map.shards.begin())});
  }
  std::sort(map.items.begin(), map.items.end(),
            [](const ShardMap::Item &a, const ShardMap::Item &b) { return a.key < b.key; });
  return map;
}

Result<TensorIndex> open(const ModelDirectory &directory) {
  // The same precedence as Hugging Face's loader: the single file first.
  if (directory.has(kSingle)) {
    std::vector<MappedFile> files;
    std::vector<TensorEntry> tensors;
    Checked added = addFile(directory, kSingle, files, tensors);
    if (!added)
      return added.takeError();
    return TensorIndex::make(std::move(files), {kSingle}, std::move(tensors));
  }
  if (directory.has(kIndex))
    return openSharded(directory);
  std::string note = noteOnOthers(directory.path());
  return Diagnostic{directory.path(), 0, 0, "holds neither 'model.safetensors' nor 'model.safetensors.index.json'",
                    std::move(note)};
}

} // namespace llmc::safetensors
