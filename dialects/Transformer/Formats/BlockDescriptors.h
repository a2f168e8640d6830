// BlockDescriptors.h - each block format in a few lines: fields, their widths and places, levels of scales, codebook.
//
// Private to BlockFormats.cpp. A plane is {width, shift, bit, digits, first, count}; bit 8 * b is byte b. Sources: the
// block structures of ggml (ggml-common.h) for its formats; OCP Microscaling Formats 1.0 for E2M1, E4M3 and E8M0.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKDESCRIPTORS_H
#define LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKDESCRIPTORS_H

#include "dialects/Transformer/Formats/BlockFormats.h"

#include <array>
#include <limits>

namespace llmc::descriptors {

//===----------------------------------------------------------------------===//
// Codebooks
//===----------------------------------------------------------------------===//

/// Steps of ggml's non-linear 4-bit formats.
inline constexpr float kNonLinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
/// Twice the values of E2M1. Code 8 is a plain zero, as ggml's tables of integers have it.
inline constexpr float kTwiceE2M1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// The magnitude of an 8-bit float with 4 bits of exponent (bias 7) and 3 of mantissa.
constexpr float e4m3Magnitude(int code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  float value = static_cast<float>(exponent ? 8 + mantissa : mantissa);
  int power = (exponent ? exponent : 1) - 10;
  for (; power > 0; --power)
    value *= 2;
  for (; power < 0; ++power)
    value /= 2;
  return value;
}
constexpr std::array<float, 256> makeE4M3() {
  std::array<float, 256> table = {};
  for (int code = 0; code < 256; ++code) {
    table[code] = code < 128 ? e4m3Magnitude(code) : -e4m3Magnitude(code);
    if ((code & 127) == 127)
      table[code] = std::numeric_limits<float>::quiet_NaN();
  }
  return table;
}
/// Half the magnitude: scales of tables of doubled values. 0x7f is 0 there, and the sign is not looked at.
constexpr std::array<float, 256> makeHalfUE4M3() {
  std::array<float, 256> table = {};
  for (int code = 0; code < 256; ++code)
    table[code] = code == 127 ? 0.0f : e4m3Magnitude(code) / 2;
  return table;
}
inline constexpr std::array<float, 256> kE4M3 = makeE4M3(), kHalfUE4M3 = makeHalfUE4M3();

//===----------------------------------------------------------------------===//
// Fields that several formats share
//===----------------------------------------------------------------------===//

constexpr BitPlane plane(int width, int shift, int64_t bit, BitPlane::Digit d0, BitPlane::Digit d1 = {},
                         BitPlane::Digit d2 = {}) {
  BitPlane result;
  result.width = width;
  result.shift = shift;
  result.bit = bit;
  result.digits[0] = d0;
  result.digits[1] = d1;
  result.digits[2] = d2;
  return result;
}
constexpr BitPlane only(int64_t first, int64_t count, BitPlane plane) {
  plane.first = first;
  plane.count = count;
  return plane;
}
constexpr BlockField field(int bits, int64_t each, BitPlane p0, BitPlane p1 = {}, BitPlane p2 = {}) {
  BlockField result;
  result.bits = bits;
  result.each = each;
  result.planes[0] = p0;
  result.planes[1] = p1;
  result.planes[2] = p2;
  return result;
}
constexpr BlockField minus(int zero, BlockField field) {
  field.zero = zero;
  return field;
}
constexpr BlockField twosComplement(BlockField field) {
  field.isSigned = true;
  return field;
}
constexpr BlockField from(const float *table, BlockField field) {
  field.table = table;
  return field;
}

/// One byte after the other.
constexpr BlockField bytesAt(int64_t byte, int64_t each = 1) { return field(8, each, plane(8, 0, 8 * byte, {0, 8})); }
/// Code j in the low half of byte j, code j + n/2 in the high half.
constexpr BlockField nibblesAt(int64_t byte) { return field(4, 1, plane(4, 0, 8 * byte, {-2, 8}, {0, 4})); }
/// The same with a fifth bit, those of all 32 codes in the four bytes at `high`.
constexpr BlockField fiveBitsAt(int64_t high, int64_t low) {
  return field(5, 1, plane(4, 0, 8 * low, {16, 8}, {2, 4}), plane(1, 4, 8 * high, {32, 1}));
}

/// Eight 6-bit numbers in 12 bytes that two fields share: the first four whole, of the last four the upper two bits
/// above the first four, and the lower four bits in a half of the last four bytes.
constexpr BlockField sixBitsAt(int64_t byte, bool second) {
  return field(6, 32, only(0, 4, plane(6, 0, 8 * (byte + (second ? 4 : 0)), {4, 8})),
               only(4, 4, plane(4, 0, 8 * (byte + 8) + (second ? 4 : 0), {4, 8})),
               only(4, 4, plane(2, 4, 8 * (byte + (second ? 4 : 0)) + 6, {4, 8})));
}

//===----------------------------------------------------------------------===//
// Own formats
//===----------------------------------------------------------------------===//

constexpr BlockFormatDescriptor own(const char *name, bool hasMinimum, BlockField codes, BlockRounding rounding,
                                    int lowest, int highest) {
  BlockFormatDescriptor result;
  result.name = name;
  result.scale = BlockNumber::F16;
  if (hasMinimum) {
    result.minimum = BlockNumber::F16;
    result.minimumByte = 2;
  }
  result.codes = codes;
  result.rounding = rounding;
  result.lowestCode = lowest;
  result.highestCode = highest;
  return result;
}

inline constexpr BlockFormatDescriptor Q8 =
    own("q8", false, twosComplement(bytesAt(2)), BlockRounding::Largest, -127, 127);
inline constexpr BlockFormatDescriptor Q4 = own("q4", false, minus(8, nibblesAt(2)), BlockRounding::Extreme, 0, 15);
inline constexpr BlockFormatDescriptor Q8Min = own("q8_min", true, bytesAt(4), BlockRounding::Range, 0, 255);
inline constexpr BlockFormatDescriptor Q4Min = own("q4_min", true, nibblesAt(4), BlockRounding::Range, 0, 15);

//===----------------------------------------------------------------------===//
// Formats of others
//===----------------------------------------------------------------------===//

constexpr BlockFormatDescriptor scaled(const char *name, int64_t group, BlockNumber scale, int64_t scaleByte,
                                       BlockField codes, BlockField subScales = {}) {
  BlockFormatDescriptor result;
  result.name = name;
  result.group = group;
  result.scale = scale;
  result.scaleByte = scaleByte;
  result.codes = codes;
  result.subScales = subScales;
  return result;
}
constexpr BlockFormatDescriptor plusMinimum(BlockFormatDescriptor format, int64_t byte) {
  format.minimum = BlockNumber::F16;
  format.minimumByte = byte;
  return format;
}
constexpr BlockFormatDescriptor minusMinima(BlockFormatDescriptor format, int64_t byte, BlockField subMinima) {
  format = plusMinimum(format, byte);
  format.subMinima = subMinima;
  format.subtractsMinimum = true;
  return format;
}

//===----------------------------------------------------------------------===//
// Of checkpoints that keep codes, scales and zero points in tensors of their own
//===----------------------------------------------------------------------===//

constexpr BlockFormatDescriptor aroundZero(BlockFormatDescriptor format, int64_t byte) {
  format.zeroByte = byte;
  return format;
}

inline constexpr BlockFormatDescriptor Q8Zero = aroundZero(scaled("q8_zero", 0, BlockNumber::F32, 0, bytesAt(5)), 4);
inline constexpr BlockFormatDescriptor Q4Zero = aroundZero(scaled("q4_zero", 0, BlockNumber::F32, 0, nibblesAt(5)), 4);

//===----------------------------------------------------------------------===//
// ggml's formats
//===----------------------------------------------------------------------===//

inline constexpr BlockFormatDescriptor Q4_0 = scaled("q4_0", 32, BlockNumber::F16, 0, minus(8, nibblesAt(2)));
inline constexpr BlockFormatDescriptor Q4_1 = plusMinimum(scaled("q4_1", 32, BlockNumber::F16, 0, nibblesAt(4)), 2);
inline constexpr BlockFormatDescriptor Q5_0 = scaled("q5_0", 32, BlockNumber::F16, 0, minus(16, fiveBitsAt(2, 6)));
inline constexpr BlockFormatDescriptor Q5_1 = plusMinimum(scaled("q5_1", 32, BlockNumber::F16, 0, fiveBitsAt(4, 8)), 2);
inline constexpr BlockFormatDescriptor Q8_0 = scaled("q8_0", 32, BlockNumber::F16, 0, twosComplement(bytesAt(2)));

inline constexpr BlockFormatDescriptor Q2_K =
    minusMinima(scaled("q2_k", 256, BlockNumber::F16, 80, field(2, 1, plane(2, 0, 8 * 16, {32, 8}, {4, 2}, {2, 256})),
                       field(4, 16, plane(4, 0, 0, {16, 8}))),
                82, field(4, 16, plane(4, 0, 4, {16, 8})));
inline constexpr BlockFormatDescriptor Q3_K =
    scaled("q3_k", 256, BlockNumber::F16, 108,
           minus(4, field(3, 1, plane(2, 0, 8 * 32, {32, 8}, {4, 2}, {2, 256}), plane(1, 2, 0, {32, 8}, {8, 1}))),
           minus(32, field(6, 16, plane(4, 0, 8 * 96, {8, 8}, {2, 4}), plane(2, 4, 8 * 104, {4, 8}, {4, 2}))));
inline constexpr BlockFormatDescriptor Q4_K =
    minusMinima(scaled("q4_k", 256, BlockNumber::F16, 0, field(4, 1, plane(4, 0, 8 * 16, {32, 8}, {2, 4}, {4, 256})),
                       sixBitsAt(4, false)),
                2, sixBitsAt(4, true));
inline constexpr BlockFormatDescriptor Q5_K = minusMinima(
    scaled("q5_k", 256, BlockNumber::F16, 0,
           field(5, 1, plane(4, 0, 8 * 48, {32, 8}, {2, 4}, {4, 256}), plane(1, 4, 8 * 16, {32, 8}, {8, 1})),
           sixBitsAt(4, false)),
    2, sixBitsAt(4, true));
inline constexpr BlockFormatDescriptor Q6_K = scaled(
    "q6_k", 256, BlockNumber::F16, 208,
    minus(32, field(6, 1, plane(4, 0, 0, {64, 8}, {2, 4}, {2, 512}), plane(2, 4, 8 * 128, {32, 8}, {4, 2}, {2, 256}))),
    twosComplement(bytesAt(192, 16)));
inline constexpr BlockFormatDescriptor IQ4_NL =
    scaled("iq4_nl", 32, BlockNumber::F16, 0, from(kNonLinear, nibblesAt(2)));
inline constexpr BlockFormatDescriptor IQ4_XS = scaled(
    "iq4_xs", 256, BlockNumber::F16, 0, from(kNonLinear, field(4, 1, plane(4, 0, 64, {16, 8}, {2, 4}, {8, 128}))),
    minus(32, field(6, 32, plane(4, 0, 32, {8, 4}), plane(2, 4, 16, {8, 2}))));

//===----------------------------------------------------------------------===//
// Small floats
//===----------------------------------------------------------------------===//

inline constexpr BlockFormatDescriptor MXFP4 =
    scaled("mxfp4", 32, BlockNumber::HalfE8M0, 0, from(kTwiceE2M1, nibblesAt(1)));
/// Four runs of 16, a scale each; the scale of the whole tensor is a tensor of its own.
inline constexpr BlockFormatDescriptor NVFP4 =
    scaled("nvfp4", 64, BlockNumber::None, 0, from(kTwiceE2M1, field(4, 1, plane(4, 0, 32, {8, 8}, {2, 4}, {4, 64}))),
           from(kHalfUE4M3.data(), bytesAt(0, 16)));
inline constexpr BlockFormatDescriptor FP8_E4M3 =
    scaled("fp8_e4m3", 0, BlockNumber::F32, 0, from(kE4M3.data(), bytesAt(4)));

} // namespace llmc::descriptors

#endif // LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKDESCRIPTORS_H
