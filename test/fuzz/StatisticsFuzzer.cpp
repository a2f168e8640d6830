// StatisticsFuzzer.cpp - statistics files from random bytes: no crash, and what is accepted can be used for rounding.
//
// The first byte chooses, as SafetensorsFuzzer.cpp has it: 0 a file as it is; else a header for which the length is
// made right, and the number of bytes of data.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "frontends/formats/statistics/Statistics.h"
#include "test/fuzz/Promises.h"

#include <cstring>

using namespace llmc;
using llmc::test::checkMessage;
using llmc::test::require;

namespace {

/// Rounds by what a file says of 16 or 32 columns.
void calibrate(const uint8_t *gram, int64_t columns) {
  const ErrorShape shape(gram, columns);
  std::vector<float> row(static_cast<size_t>(columns));
  for (int64_t i = 0; i < columns; ++i)
    row[static_cast<size_t>(i)] = static_cast<float>(i * 37 % 23 - 11) / 7;
  std::vector<uint8_t> blocks(static_cast<size_t>(columns / 16 * blockBytes(BlockFormatId::Q4, 16)));
  calibrateBlocks(BlockFormatId::Q4, 16, 1, row.data(), shape, blocks.data());
}

void checkFile(const std::string &bytes) {
  std::vector<TensorEntry> tensors;
  Result<statistics::Facts> facts = statistics::parse(bytes, "f", tensors);
  if (!facts)
    return checkMessage(facts.error());
  require(facts->model.size() == 64 && facts->tokens > 0);
  for (const TensorEntry &entry : tensors) {
    require(entry.offset <= bytes.size() && entry.size <= bytes.size() - entry.offset);
    const auto data = reinterpret_cast<const uint8_t *>(bytes.data()) + entry.offset;
    if (Checked checked = statistics::checkNumbers(entry, data, "f"); !checked)
      checkMessage(checked.error());
    // Numbers that no check has seen come with text forms of a module: they must do no harm.
    for (int64_t columns : {16, 32})
      if (entry.key != statistics::kHeldBack && entry.shape[0] == gramSize(columns))
        calibrate(data, columns);
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const std::string text(reinterpret_cast<const char *>(data) + 1, size - 1);
  if (data[0] == 0) {
    checkFile(text);
    return 0;
  }
  // Room for the moments of 32 columns; their bytes repeat what came in.
  std::string file;
  for (int i = 0; i < 8; ++i)
    file += char(uint64_t(text.size()) >> (8 * i) & 255);
  file += text;
  for (size_t i = 0; i < size_t(data[0]) * 16; ++i)
    file += text.empty() ? '\0' : text[(i * 7) % text.size()];
  checkFile(file);
  return 0;
}
