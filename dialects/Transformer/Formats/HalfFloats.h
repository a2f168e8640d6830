// HalfFloats.h - f16 and bf16 as bits: widening, and rounding to nearest even.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_FORMATS_HALFFLOATS_H
#define LLMC_DIALECTS_TRANSFORMER_FORMATS_HALFFLOATS_H

#include <cstdint>
#include <cstring>

namespace llmc {

inline uint32_t floatBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float floatFromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline float bfloatToFloat(uint16_t bits) { return floatFromBits(static_cast<uint32_t>(bits) << 16); }

/// Rounds to nearest even; NaN becomes a quiet NaN of the same sign.
inline uint16_t floatToBfloat(float value) {
  uint32_t bits = floatBits(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline float halfToFloat(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, exponent = (half >> 10) & 31, mantissa = half & 0x3ff;
  if (exponent == 0) { // zero and subnormals: the mantissa in units of 2^-24, exact in f32
    float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return floatFromBits(floatBits(magnitude) | sign);
  }
  return floatFromBits(sign | ((exponent == 31 ? 255 : exponent + 112) << 23) | (mantissa << 13));
}

/// Rounds to nearest even; too large becomes infinity; NaN becomes a quiet NaN of the same sign.
inline uint16_t floatToHalf(float value) {
  uint32_t bits = floatBits(value), magnitude = bits & 0x7fffffff;
  uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  if (magnitude > 0x7f800000)
    return sign | 0x7e00;
  if (magnitude >= 0x477ff000) // 65520 and more round to infinity
    return sign | 0x7c00;
  if (magnitude < 0x38800000) { // below 2^-14: the ulp is 2^-24; adding 0.5 leaves it in the last bit of f32
    uint32_t rounded = floatBits(floatFromBits(magnitude) + 0.5f) - floatBits(0.5f);
    return sign | static_cast<uint16_t>(rounded);
  }
  uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1) - (uint32_t(112) << 23);
  return sign | static_cast<uint16_t>(rounded >> 13);
}

} // namespace llmc

#endif // LLMC_DIALECTS_TRANSFORMER_FORMATS_HALFFLOATS_H
