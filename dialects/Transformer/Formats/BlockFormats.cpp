// BlockFormats.cpp - the codec that the descriptors drive.
//
// Compiled with -ffp-contract=off: products and sums are rounded one by one.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockFormats.h"
#include "dialects/Transformer/Formats/BlockDescriptors.h"
#include "dialects/Transformer/Formats/HalfFloats.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

namespace llmc {

static constexpr const BlockFormatDescriptor *kFormats[] = {
#define LLMC_BLOCK_FORMAT(id) &descriptors::id,
#include "dialects/Transformer/Formats/BlockFormats.def"
};

const BlockFormatDescriptor &blockFormat(BlockFormatId id) { return *kFormats[static_cast<size_t>(id)]; }

std::optional<BlockFormatId> blockFormatFromName(std::string_view name) {
  for (size_t i = 0; i < kNumBlockFormats; ++i)
    if (name == kFormats[i]->name)
      return static_cast<BlockFormatId>(i);
  return std::nullopt;
}

bool isBlockGroup(BlockFormatId id, int64_t group) {
  const int64_t fixed = blockFormat(id).group;
  return fixed ? group == fixed : group >= 16 && group <= kMaxBlockGroup && group % 16 == 0;
}

//===----------------------------------------------------------------------===//
// Fields
//===----------------------------------------------------------------------===//

static int64_t numberBytes(BlockNumber number) {
  switch (number) {
  case BlockNumber::None:
    return 0;
  case BlockNumber::HalfE8M0:
    return 1;
  case BlockNumber::F16:
    return 2;
  case BlockNumber::F32:
    return 4;
  }
  return 0;
}

static int64_t numCodes(const BlockField &field, int64_t group) { return field.bits ? group / field.each : 0; }

int64_t blockBytes(BlockFormatId id, int64_t group) {
  const BlockFormatDescriptor &format = blockFormat(id);
  int64_t bits = 0;
  for (const BlockField *field : {&format.subScales, &format.subMinima, &format.codes})
    bits += field->bits * numCodes(*field, group);
  return numberBytes(format.scale) + numberBytes(format.minimum) + (format.zeroByte < 0 ? 0 : 1) + bits / 8;
}

/// Calls `run(code, bit, count, stride)` for each run of codes of a plane that differ in digit 0 alone.
template <typename Run> static void forEachRun(const BitPlane &plane, int64_t codes, Run run) {
  int64_t left = plane.count ? plane.count : codes, extents[3];
  for (int d = 0; d < 3; ++d) {
    const int64_t extent = plane.digits[d].extent;
    extents[d] = extent > 0 ? extent : extent < 0 ? codes / -extent : std::max<int64_t>(left, 1);
    left /= extents[d];
  }
  int64_t code = plane.first;
  for (int64_t i2 = 0; i2 < extents[2]; ++i2)
    for (int64_t i1 = 0; i1 < extents[1]; ++i1, code += extents[0])
      run(code, plane.bit + i1 * plane.digits[1].stride + i2 * plane.digits[2].stride, extents[0],
          plane.digits[0].stride);
}

static void unpackField(const BlockField &field, int64_t group, const uint8_t *block, uint8_t *codes) {
  const int64_t count = numCodes(field, group);
  std::fill_n(codes, count, uint8_t(0));
  for (const BitPlane &plane : field.planes) {
    if (!plane.width)
      break;
    const auto mask = static_cast<uint8_t>((1 << plane.width) - 1);
    forEachRun(plane, count, [&](int64_t code, int64_t bit, int64_t length, int64_t stride) {
      if (stride == 8) { // Neighbouring bytes, the usual case: one shift for all.
        const uint8_t *from = block + bit / 8;
        const int right = static_cast<int>(bit % 8);
        for (int64_t i = 0; i < length; ++i)
          codes[code + i] = static_cast<uint8_t>(codes[code + i] | (from[i] >> right & mask) << plane.shift);
        return;
      }
      for (int64_t i = 0; i < length; ++i, bit += stride)
        codes[code + i] = static_cast<uint8_t>(codes[code + i] | (block[bit / 8] >> bit % 8 & mask) << plane.shift);
    });
  }
}

static void packField(const BlockField &field, int64_t group, const uint8_t *codes, uint8_t *block) {
  for (const BitPlane &plane : field.planes) {
    if (!plane.width)
      break;
    const int mask = (1 << plane.width) - 1;
    forEachRun(plane, numCodes(field, group), [&](int64_t code, int64_t bit, int64_t length, int64_t stride) {
      if (stride == 8) {
        uint8_t *to = block + bit / 8;
        const int left = static_cast<int>(bit % 8);
        for (int64_t i = 0; i < length; ++i)
          to[i] = static_cast<uint8_t>(to[i] | (codes[code + i] >> plane.shift & mask) << left);
        return;
      }
      for (int64_t i = 0; i < length; ++i, bit += stride)
        block[bit / 8] = static_cast<uint8_t>(block[bit / 8] | (codes[code + i] >> plane.shift & mask) << bit % 8);
    });
  }
}

static uint32_t loadNumber(BlockNumber number, const uint8_t *from) {
  uint32_t bits = 0;
  for (int64_t byte = 0; byte < numberBytes(number); ++byte)
    bits |= static_cast<uint32_t>(from[byte]) << 8 * byte;
  return bits;
}

static void storeNumber(BlockNumber number, uint32_t bits, uint8_t *to) {
  for (int64_t byte = 0; byte < numberBytes(number); ++byte)
    to[byte] = static_cast<uint8_t>(bits >> 8 * byte);
}

void unpackBlock(BlockFormatId id, int64_t group, const uint8_t *block, BlockParts &parts) {
  assert(isBlockGroup(id, group));
  const BlockFormatDescriptor &format = blockFormat(id);
  parts.scale = loadNumber(format.scale, block + format.scaleByte);
  parts.minimum = loadNumber(format.minimum, block + format.minimumByte);
  parts.zero = format.zeroByte < 0 ? uint8_t(0) : block[format.zeroByte];
  if (format.subScales.bits)
    unpackField(format.subScales, group, block, parts.subScales);
  if (format.subMinima.bits)
    unpackField(format.subMinima, group, block, parts.subMinima);
  unpackField(format.codes, group, block, parts.codes);
}

void packBlock(BlockFormatId id, int64_t group, const BlockParts &parts, uint8_t *block) {
  assert(isBlockGroup(id, group));
  const BlockFormatDescriptor &format = blockFormat(id);
  std::fill_n(block, blockBytes(id, group), uint8_t(0));
  storeNumber(format.scale, parts.scale, block + format.scaleByte);
  storeNumber(format.minimum, parts.minimum, block + format.minimumByte);
  if (format.zeroByte >= 0)
    block[format.zeroByte] = parts.zero;
  if (format.subScales.bits)
    packField(format.subScales, group, parts.subScales, block);
  if (format.subMinima.bits)
    packField(format.subMinima, group, parts.subMinima, block);
  packField(format.codes, group, parts.codes, block);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static float numberValue(BlockNumber number, uint32_t bits) {
  switch (number) {
  case BlockNumber::None:
    return 1;
  case BlockNumber::F16:
    return halfToFloat(static_cast<uint16_t>(bits));
  case BlockNumber::F32:
    return floatFromBits(bits);
  case BlockNumber::HalfE8M0: // The two smallest are subnormal.
    return floatFromBits(bits < 2 ? 0x00200000u << bits : (bits - 1) << 23);
  }
  return 0;
}

/// Codes on the stack for ordinary groups, and on the heap for a group as long as a row.
class CodeBuffer {
public:
  explicit CodeBuffer(int64_t count) : many(count > kFew ? static_cast<size_t>(count) : 0) {}
  uint8_t *data() { return many.empty() ? few : many.data(); }

private:
  static constexpr int64_t kFew = 256;
  uint8_t few[kFew];
  std::vector<uint8_t> many;
};

/// Smaller scales, or minima, in one block of any format.
static constexpr int64_t kMaxSubBlocks = 16;

/// The number that a code stands for.
static float codeValue(const BlockField &field, uint8_t code) {
  if (field.table)
    return field.table[code];
  return static_cast<float>(field.isSigned ? static_cast<int8_t>(code) : code - field.zero);
}

void decodeBlock(BlockFormatId id, int64_t group, const uint8_t *block, float *values) {
  uint8_t subScales[kMaxSubBlocks], subMinima[kMaxSubBlocks];
  CodeBuffer codes(group);
  BlockParts parts = {0, 0, subScales, subMinima, codes.data()};
  unpackBlock(id, group, block, parts);
  decodeBlockParts(id, group, parts, values);
}

void decodeBlockParts(BlockFormatId id, int64_t group, const BlockParts &parts, float *values) {
  const BlockFormatDescriptor &format = blockFormat(id);
  const float scale = numberValue(format.scale, parts.scale), minimum = numberValue(format.minimum, parts.minimum);
  const bool hasScale = format.scale != BlockNumber::None, hasMinimum = format.minimum != BlockNumber::None;
  // Runs of values with one scale and one minimum: where a format has both levels, they are as long.
  assert(!format.subMinima.bits || format.subMinima.each == format.subScales.each);
  const int64_t run = format.subScales.bits ? format.subScales.each : group;
  const int zero = format.zeroByte < 0 ? format.codes.zero : parts.zero;
  for (int64_t begin = 0; begin < group; begin += run) {
    float s = scale, m = minimum;
    if (format.subScales.bits) {
      const float sub = codeValue(format.subScales, parts.subScales[begin / run]);
      s = hasScale ? scale * sub : sub;
    }
    if (format.subMinima.bits)
      m = minimum * codeValue(format.subMinima, parts.subMinima[begin / run]);
    const uint8_t *code = parts.codes + begin;
    float *value = values + begin;
    const float *table = format.codes.table;
    if (table)
      for (int64_t i = 0; i < run; ++i)
        value[i] = s * table[code[i]];
    else if (format.codes.isSigned)
      for (int64_t i = 0; i < run; ++i)
        value[i] = s * static_cast<float>(static_cast<int8_t>(code[i]));
    else
      for (int64_t i = 0; i < run; ++i)
        value[i] = s * static_cast<float>(code[i] - zero);
    if (hasMinimum)
      for (int64_t i = 0; i < run; ++i)
        value[i] = format.subtractsMinimum ? value[i] - m : value[i] + m;
  }
}

/// The nearest f16 that is a number.
static uint16_t toFiniteHalf(float value) { return floatToHalf(std::min(std::max(value, -65504.0f), 65504.0f)); }

void encodeBlock(BlockFormatId id, int64_t group, const float *values, uint8_t *block) {
  const BlockFormatDescriptor &format = blockFormat(id);
  assert(canEncodeBlock(id) && format.scale == BlockNumber::F16 && !format.subScales.bits);
  float extreme = 0, least = values[0], greatest = values[0];
  for (int64_t i = 0; i < group; ++i) {
    if (std::fabs(values[i]) > std::fabs(extreme))
      extreme = values[i];
    least = std::min(least, values[i]);
    greatest = std::max(greatest, values[i]);
  }
  const auto highest = static_cast<float>(format.highestCode);
  CodeBuffer codes(group);
  BlockParts parts = {0, 0, nullptr, nullptr, codes.data()};
  float minimum = 0;
  switch (format.rounding) {
  case BlockRounding::None:
    break;
  case BlockRounding::Largest:
    parts.scale = toFiniteHalf(std::fabs(extreme) / highest);
    break;
  case BlockRounding::Extreme:
    parts.scale = toFiniteHalf(extreme / static_cast<float>(-format.codes.zero));
    break;
  case BlockRounding::Range:
    parts.minimum = toFiniteHalf(least);
    minimum = numberValue(format.minimum, parts.minimum);
    parts.scale = toFiniteHalf(greatest / highest - minimum / highest);
    break;
  }
  const float scale = numberValue(format.scale, parts.scale);
  for (int64_t i = 0; i < group; ++i) {
    float steps = scale == 0 ? 0 : std::nearbyintf((values[i] - minimum) / scale);
    steps = std::min(std::max(steps + static_cast<float>(format.codes.zero), static_cast<float>(format.lowestCode)),
                     highest);
    codes.data()[i] = static_cast<uint8_t>(static_cast<int>(steps));
  }
  packBlock(id, group, parts, block);
}

} // namespace llmc
