// BlockFormats.cpp - descriptors of the block formats and the codec that they drive.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockFormats.h"
#include "dialects/Transformer/Formats/HalfFloats.h"

#include <algorithm>
#include <cmath>

using namespace llmc;

static constexpr BlockFormatDescriptor kFormats[] = {
    {"q8", /*bits=*/8, /*zero=*/0, /*lowestCode=*/-127, /*highestCode=*/127, /*divisor=*/127},
    {"q4", /*bits=*/4, /*zero=*/8, /*lowestCode=*/0, /*highestCode=*/15, /*divisor=*/-8},
};

const BlockFormatDescriptor &llmc::blockFormat(BlockFormatId id) { return kFormats[static_cast<int>(id)]; }

int64_t llmc::blockBytes(BlockFormatId id, int64_t group) { return 2 + group * blockFormat(id).bits / 8; }

void llmc::decodeBlock(BlockFormatId id, int64_t group, const uint8_t *block, float *values) {
  const BlockFormatDescriptor &format = blockFormat(id);
  float scale = halfToFloat(static_cast<uint16_t>(block[0] | block[1] << 8));
  const uint8_t *codes = block + 2;
  for (int64_t i = 0; i < group; ++i) {
    int code;
    if (format.bits == 8)
      code = static_cast<int8_t>(codes[i]);
    else
      code = i < group / 2 ? codes[i] & 15 : codes[i - group / 2] >> 4;
    values[i] = scale * static_cast<float>(code - format.zero);
  }
}

void llmc::encodeBlock(BlockFormatId id, int64_t group, const float *values, uint8_t *block) {
  const BlockFormatDescriptor &format = blockFormat(id);
  float extreme = 0;
  for (int64_t i = 0; i < group; ++i)
    if (std::fabs(values[i]) > std::fabs(extreme))
      extreme = values[i];
  uint16_t scaleBits = floatToHalf((format.divisor < 0 ? extreme : std::fabs(extreme)) / format.divisor);
  float scale = halfToFloat(scaleBits);
  block[0] = static_cast<uint8_t>(scaleBits);
  block[1] = static_cast<uint8_t>(scaleBits >> 8);
  uint8_t *codes = block + 2;
  std::fill(codes, codes + group * format.bits / 8, uint8_t(0));
  for (int64_t i = 0; i < group; ++i) {
    float steps = scale == 0 ? 0 : std::nearbyintf(values[i] / scale) + format.zero;
    int code = static_cast<int>(
        std::min(std::max(steps, static_cast<float>(format.lowestCode)), static_cast<float>(format.highestCode)));
    if (format.bits == 8)
      codes[i] = static_cast<uint8_t>(code);
    else
      codes[i % (group / 2)] |= static_cast<uint8_t>(code << (i < group / 2 ? 0 : 4));
  }
}
