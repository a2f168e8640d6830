// Statistics.cpp - checks a statistics file.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/statistics/Statistics.h"

#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "frontends/formats/json/Json.h"
#include "frontends/formats/safetensors/Safetensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace llmc::statistics {

static constexpr const char *kRemedy = "observe the model again: llmc observe MODEL --text FILE -o STATS";

static Diagnostic mistake(const std::string &name, std::string message) {
  return {name, 0, 0, std::move(message), kRemedy};
}

/// The inputs that a tensor of so many numbers is the statistics of, or 0.
static int64_t columnsOf(int64_t size) {
  auto columns = static_cast<int64_t>((std::sqrt(8 * static_cast<double>(size) + 1) - 1) / 2);
  for (int64_t near = std::max<int64_t>(columns - 1, 1); near <= columns + 1; ++near)
    if (gramSize(near) == size)
      return near;
  return 0;
}

static bool isInputs(const TensorEntry &entry) { return entry.key.rfind(kInputStatistics, 0) == 0; }

/// Whole numbers from 1 on, of at most 18 digits.
static bool parseCount(const std::string &text, uint64_t &count) {
  count = 0;
  for (char digit : text) {
    if (digit < '0' || digit > '9')
      return false;
    count = count * 10 + static_cast<uint64_t>(digit - '0');
  }
  return count > 0 && text.size() <= 18;
}

Result<Facts> parse(std::string_view bytes, const std::string &name, std::vector<TensorEntry> &tensors) {
  std::vector<std::pair<std::string, std::string>> metadata;
  Result<std::vector<TensorEntry>> entries = safetensors::parseFile(bytes, name, 0, &metadata);
  if (!entries) {
    Diagnostic fault = entries.takeError();
    fault.note = kRemedy;
    return fault;
  }
  auto find = [&](const char *key) -> const std::string * {
    for (const auto &[known, value] : metadata)
      if (known == key)
        return &value;
    return nullptr;
  };
  const std::string *version = find(kVersionName), *model = find(kModelName), *tokens = find(kTokensName);
  if (!version)
    return mistake(name, std::string("is no statistics file: '__metadata__' has no '") + kVersionName + "'");
  if (*version != kVersion)
    return mistake(name,
                   "holds statistics of version '" + json::printable(*version) + "' (expected '" + kVersion + "')");
  Facts facts;
  if (!model || model->size() != 64 || model->find_first_not_of("0123456789abcdef") != std::string::npos)
    return mistake(name, "'model' in '__metadata__' is '" + json::printable(model ? *model : "") +
                             "' (expected 64 hexadecimal digits)");
  if (!tokens || !parseCount(*tokens, facts.tokens))
    return mistake(name, "'tokens' in '__metadata__' is '" + json::printable(tokens ? *tokens : "") +
                             "' (expected a number from 1 up)");
  facts.model = *model;
  for (const TensorEntry &entry : *entries) {
    const std::string shown = "tensor '" + json::printable(entry.key) + "' ";
    if (entry.key == kHeldBack) {
      if (entry.dtype != DType::I32 || entry.shape.size() != 1)
        return mistake(name, shown + "is " + dtypeName(entry.dtype) + " " + entry.shape.str() + " (expected I32 [N])");
      continue;
    }
    if (!isInputs(entry))
      return mistake(name, shown + "has no place in a statistics file");
    if (entry.dtype != DType::F32 || entry.shape.size() != 1 || columnsOf(entry.shape[0]) == 0)
      return mistake(name, shown + "is " + dtypeName(entry.dtype) + " " + entry.shape.str() +
                               " (expected F32 [K * (K + 1) / 2])");
  }
  tensors = std::move(*entries);
  return facts;
}

Checked checkNumbers(const TensorEntry &entry, const uint8_t *data, const std::string &name) {
  if (!isInputs(entry))
    return Success{};
  auto at = [&](int64_t place) {
    float value;
    std::memcpy(&value, data + 4 * place, sizeof value);
    return value;
  };
  const std::string shown = "the statistics '" + json::printable(entry.key) + "' hold ";
  const int64_t columns = columnsOf(entry.shape[0]);
  for (int64_t i = 0; i < columns; ++i) {
    bool finite = true;
    for (int64_t j = 0; j <= i; ++j) {
      uint32_t bits;
      std::memcpy(&bits, data + 4 * (gramSize(i) + j), sizeof bits);
      finite &= (bits & 0x7f800000u) != 0x7f800000u;
    }
    if (!finite)
      for (int64_t j = 0; j <= i; ++j)
        if (const float value = at(gramSize(i) + j); !std::isfinite(value))
          return mistake(name, shown + (std::isnan(value) ? "nan" : "inf") + " for the columns " + std::to_string(i) +
                                   " and " + std::to_string(j));
    if (at(gramSize(i) + i) < 0)
      return mistake(name, shown + "a mean of squares below zero, of column " + std::to_string(i));
  }
  return Success{};
}

Result<Opened> open(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  std::vector<TensorEntry> tensors;
  Result<Facts> facts = parse(file->bytes(), file->name(), tensors);
  if (!facts)
    return facts.takeError();
  const std::string name = file->name();
  std::vector<MappedFile> files;
  files.push_back(std::move(*file));
  Result<TensorIndex> index = TensorIndex::make(std::move(files), {name}, std::move(tensors));
  if (!index)
    return index.takeError();
  return Opened{std::move(*facts), std::move(*index)};
}

} // namespace llmc::statistics
