// SafetensorsFuzzer.cpp - safetensors files and indexes from random bytes: no crash, and what is accepted holds what it
// promises.
//
// The first byte chooses: 0 a file as it is; 1 a header for which the length is made right, so that mutations reach its
// rules; 2 a model.safetensors.index.json.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/safetensors/Safetensors.h"
#include "test/fuzz/Promises.h"

#include <set>

using namespace llmc;
using llmc::test::checkMessage;
using llmc::test::require;

namespace {

void checkFile(std::string_view bytes) {
  Result<std::vector<TensorEntry>> entries = safetensors::parseFile(bytes, "f", 0);
  if (!entries)
    return checkMessage(entries.error());
  std::set<std::string> keys;
  uint64_t total = 0;
  for (const TensorEntry &entry : *entries) {
    require(keys.insert(entry.key).second);
    require(entry.offset >= 8 && entry.offset <= bytes.size() && entry.size <= bytes.size() - entry.offset);
    require(tensorBytes(entry.shape, entry.dtype) == entry.size);
    total += entry.size;
  }
  uint64_t header = 0;
  for (int i = 7; i >= 0; --i)
    header = header << 8 | uint8_t(bytes[size_t(i)]);
  require(8 + header + total == bytes.size());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const std::string text(reinterpret_cast<const char *>(data) + 1, size - 1);
  switch (data[0] % 3) {
  case 0:
    checkFile(text);
    break;
  case 1: {
    // The rest of the first byte is the number of bytes of data.
    std::string file;
    for (int i = 0; i < 8; ++i)
      file += char(uint64_t(text.size()) >> (8 * i) & 255);
    file += text;
    file.append(size_t(data[0] / 3), '\0');
    checkFile(file);
    break;
  }
  case 2: {
    Result<safetensors::ShardMap> map = safetensors::parseIndex(text, "f");
    if (!map) {
      checkMessage(map.error());
      break;
    }
    require(!map->items.empty());
    for (const safetensors::ShardMap::Item &item : map->items)
      require(item.shard < map->shards.size());
    for (const std::string &shard : map->shards)
      require(shard[0] != '/' && ("/" + shard + "/").find("/../") == std::string::npos);
    break;
  }
  }
  return 0;
}
