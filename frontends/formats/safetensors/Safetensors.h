// Safetensors.h - reads the safetensors format: one file, or shards named by model.safetensors.index.json.
//
// A file is: u64 little endian N; N bytes of JSON, {"key": {"dtype", "shape", "data_offsets": [begin, end]}, ...,
// "__metadata__": {string: string}}, padded with spaces; then the data, which the tensors cover without hole or
// overlap. The rules are those of the format's own implementation (safetensors/src/tensor.rs).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_SAFETENSORS_SAFETENSORS_H
#define LLMC_FRONTENDS_FORMATS_SAFETENSORS_SAFETENSORS_H

#include "frontends/formats/ModelDirectory.h"
#include "frontends/formats/TensorIndex.h"

namespace llmc::safetensors {

/// Checks one file held in memory and lists its tensors in the order of their data. `name` is used in messages, `file`
/// goes into each entry. Memory: proportionate to the header. Errors: any broken rule, with the tensor named. What the
/// file says of itself is appended to `metadata` where that is given.
Result<std::vector<TensorEntry>> parseFile(std::string_view bytes, const std::string &name, uint32_t file,
                                           std::vector<std::pair<std::string, std::string>> *metadata = nullptr);

/// What model.safetensors.index.json says.
struct ShardMap {
  struct Item {
    std::string key;
    uint32_t shard; ///< Index into `shards`.
  };
  std::vector<std::string> shards; ///< Sorted, each a fit relative name.
  std::vector<Item> items;         ///< Sorted by key.
};

/// Checks the text of an index. Errors: located in it; unfit shard names are refused here.
Result<ShardMap> parseIndex(std::string text, const std::string &name);

/// Opens the checkpoint of a directory: `model.safetensors` if it is there, else the shards of
/// `model.safetensors.index.json`, where every tensor must be in the shard that the index names and no other may be
/// there.
Result<TensorIndex> open(const ModelDirectory &directory);

} // namespace llmc::safetensors

#endif // LLMC_FRONTENDS_FORMATS_SAFETENSORS_SAFETENSORS_H
