// TensorIndex.cpp - the index of a checkpoint's tensors.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/TensorIndex.h"

#include "frontends/formats/gguf/Gguf.h"
#include "frontends/formats/json/Json.h"
#include "frontends/formats/onnx/Onnx.h"
#include "frontends/formats/safetensors/Safetensors.h"

#include <algorithm>
#include <iterator>

namespace llmc {

namespace {

struct DTypeFacts {
  const char *name;
  unsigned bits;
};

constexpr DTypeFacts kDTypes[] = {
#define LLMC_DTYPE(name, bits) {#name, bits},
#include "frontends/formats/DTypes.def"
};

} // namespace

std::optional<BlockFormatId> dtypeBlockFormat(DType dtype) {
  if (size_t(dtype) < std::size(kDTypes))
    return std::nullopt;
  return BlockFormatId(size_t(dtype) - std::size(kDTypes));
}

const char *dtypeName(DType dtype) {
  const std::optional<BlockFormatId> format = dtypeBlockFormat(dtype);
  return format ? blockFormat(*format).name : kDTypes[size_t(dtype)].name;
}

unsigned dtypeBits(DType dtype) { return assert(!dtypeBlockFormat(dtype)), kDTypes[size_t(dtype)].bits; }

std::optional<DType> dtypeFromName(std::string_view name) {
  for (size_t i = 0; i < std::size(kDTypes); ++i)
    if (name == kDTypes[i].name)
      return DType(i);
  return std::nullopt;
}

std::string TensorShape::str() const {
  std::string text = "[";
  for (size_t i = 0; i < rank; ++i)
    text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + "]";
}

std::optional<uint64_t> tensorBytes(const TensorShape &shape, DType dtype) {
  uint64_t bits = 8, blocks = 1;
  if (const std::optional<BlockFormatId> format = dtypeBlockFormat(dtype)) {
    const int64_t group = blockFormat(*format).group; // None: files that choose it are another's business.
    if (group == 0 || shape.size() == 0 || shape[shape.size() - 1] % group != 0)
      return std::nullopt;
    bits *= uint64_t(blockBytes(*format, group));
    blocks = uint64_t(group);
  } else {
    bits = dtypeBits(dtype);
  }
  // A zero dimension makes the tensor empty only if the others do not overflow before it: any order must agree.
  for (size_t i = 0; i < shape.size(); ++i) {
    const uint64_t size = uint64_t(shape[i]) / (i + 1 == shape.size() ? blocks : 1);
    if (size != 0 && __builtin_mul_overflow(bits, size, &bits))
      return std::nullopt;
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end())
    return 0;
  if (bits % 8 != 0 || bits / 8 > uint64_t(INT64_MAX))
    return std::nullopt;
  return bits / 8;
}

Result<TensorIndex> TensorIndex::make(std::vector<MappedFile> files, std::vector<std::string> relativeNames,
                                      std::vector<TensorEntry> tensors) {
  TensorIndex index;
  index.relative = std::move(relativeNames);
  index.mapped = std::move(files);
  index.entries = std::move(tensors);
  std::sort(index.entries.begin(), index.entries.end(), [](const TensorEntry &a, const TensorEntry &b) {
    const int sign = a.key.compare(b.key);
    return sign ? sign < 0 : a.file < b.file;
  });
  for (size_t i = 1; i < index.entries.size(); ++i)
    if (index.entries[i - 1].key == index.entries[i].key)
      return Diagnostic{index.fileName(index.entries[i]),
                        0,
                        0,
                        "tensor '" + json::printable(index.entries[i].key) + "' is also in '" +
                            index.fileName(index.entries[i - 1]) + "'",
                        {}};
  return index;
}

Result<TensorIndex> TensorIndex::join(TensorIndex first, TensorIndex second) {
  const auto files = static_cast<uint32_t>(first.mapped.size());
  std::move(second.mapped.begin(), second.mapped.end(), std::back_inserter(first.mapped));
  std::move(second.relative.begin(), second.relative.end(), std::back_inserter(first.relative));
  for (TensorEntry &entry : second.entries) {
    entry.file += files;
    first.entries.push_back(std::move(entry));
  }
  return make(std::move(first.mapped), std::move(first.relative), std::move(first.entries));
}

const TensorEntry *TensorIndex::find(std::string_view key) const {
  const auto found = std::lower_bound(entries.begin(), entries.end(), key,
                                      [](const TensorEntry &entry, std::string_view key) { return entry.key < key; });
  return found != entries.end() && found->key == key ? &*found : nullptr;
}

std::string_view TensorIndex::bytes(std::string_view key) const {
  const TensorEntry *entry = find(key);
  if (!entry || entry->size == 0)
    return {};
  return {reinterpret_cast<const char *>(data(*entry)), size_t(entry->size)};
}

Result<TensorIndex> openCheckpoint(const std::string &path) {
  if (gguf::isGgufPath(path)) {
    Result<gguf::Model> model = gguf::open(path);
    if (!model)
      return model.takeError();
    return std::move(model->index);
  }
  if (onnx::isOnnxPath(path)) {
    Result<onnx::OpenedModel> model = onnx::open(path);
    if (!model)
      return model.takeError();
    return std::move(model->index);
  }
  Result<ModelDirectory> opened = ModelDirectory::open(path);
  if (!opened)
    return opened.takeError();
  return safetensors::open(*opened);
}

} // namespace llmc
