// Statistics.cpp - a statistics file and the model that it belongs to.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Statistics.h"

#include "compiler/Artifact/Sha256.h"
#include "frontends/formats/statistics/Statistics.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace llmc::driver {

std::string modelDigest(const TensorIndex &checkpoint) {
  constexpr uint64_t runs = 64, run = 64;
  artifact::Sha256 hash;
  for (const TensorEntry &entry : checkpoint.tensors()) {
    // The lengths, so that nothing passes for something else cut in another place.
    std::string head = std::to_string(entry.key.size()) + ":" + entry.key + " " + dtypeName(entry.dtype) + " " +
                       entry.shape.str() + "\n";
    hash.update({reinterpret_cast<const uint8_t *>(head.data()), head.size()});
    const uint8_t *data = checkpoint.data(entry);
    if (entry.size <= runs * run) {
      hash.update({data, static_cast<size_t>(entry.size)});
      continue;
    }
    for (uint64_t i = 0; i < runs; ++i)
      hash.update({data + (entry.size - run) / (runs - 1) * i, static_cast<size_t>(run)});
  }
  uint8_t digest[32];
  hash.finish(digest);
  return toHex(ArrayRef<uint8_t>(digest), /*LowerCase=*/true);
}

/// Of the checkpoint alone.
static Checked checkModel(const statistics::Opened &opened, const TensorIndex &checkpoint,
                          const std::string &directory) {
  std::string digest = modelDigest(checkpoint);
  if (opened.facts.model == digest)
    return Success{};
  return Diagnostic{opened.index.files().front().name(), 0, 0,
                    "was observed of another model, " + opened.facts.model.substr(0, 12) + "... (expected that of '" +
                        directory + "', " + digest.substr(0, 12) + "...)",
                    "observe this one: llmc observe " + directory + " --text FILE -o STATS"};
}

Checked checkStatistics(const std::string &path, const std::string &directory) {
  Result<statistics::Opened> opened = statistics::open(path);
  if (!opened)
    return opened.takeError();
  Result<TensorIndex> checkpoint = openCheckpoint(directory);
  if (!checkpoint)
    return checkpoint.takeError();
  if (Checked same = checkModel(*opened, *checkpoint, directory); !same)
    return same;
  for (const TensorEntry &entry : opened->index.tensors())
    if (Checked good = statistics::checkNumbers(entry, opened->index.data(entry), path); !good)
      return good;
  return Success{};
}

Result<TensorIndex> openWeights(transformer::CheckpointOp place) {
  Result<TensorIndex> checkpoint = openCheckpoint(place.getDirectory().str());
  if (!checkpoint || !place.getStatistics())
    return checkpoint;
  Result<statistics::Opened> opened = statistics::open(place.getStatistics()->str());
  if (!opened)
    return opened.takeError();
  if (Checked same = checkModel(*opened, *checkpoint, place.getDirectory().str()); !same)
    return same.takeError();
  return TensorIndex::join(std::move(*checkpoint), std::move(opened->index));
}

} // namespace llmc::driver
