// Utf8.h - characters of text that may not be UTF-8.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_UTF8_H
#define LLMC_RUNTIME_SRC_TEXT_UTF8_H

#include <cstddef>
#include <cstdint>

namespace llmc::runtime {

/// A code point and the bytes it took, 1 .. 4.
struct Character {
  uint32_t codepoint;
  uint32_t size;
};

constexpr uint32_t replacementCharacter = 0xfffd;
/// U+FFFD in UTF-8.
constexpr char replacementBytes[] = "\xef\xbf\xbd";

/// How far bytes agree with the table of well-formed sequences (Unicode, table 3-7).
struct Utf8Prefix {
  uint32_t length; ///< Bytes a sequence with this first byte has; 0 when no sequence starts so.
  uint32_t valid;  ///< Leading bytes that fit the table, 1 .. length; less than length: ill-formed or cut off there.
};

inline Utf8Prefix utf8Prefix(const uint8_t *bytes, size_t size) {
  uint8_t lead = bytes[0];
  if (lead < 0x80)
    return {1, 1};
  if (lead < 0xc2 || lead > 0xf4)
    return {0, 0};
  uint32_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  uint32_t valid = 1;
  while (valid < length && valid < size) {
    uint8_t low = 0x80, high = 0xbf;
    if (valid == 1) { // no overlong forms, no surrogates, nothing beyond U+10FFFF
      low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
      high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    }
    if (bytes[valid] < low || bytes[valid] > high)
      break;
    ++valid;
  }
  return {length, valid};
}

/// The character at `bytes`, with `size` >= 1 bytes to read; U+FFFD of one byte where none is well formed.
inline Character decodeCharacter(const uint8_t *bytes, size_t size) {
  if (bytes[0] < 0x80)
    return {bytes[0], 1};
  Utf8Prefix prefix = utf8Prefix(bytes, size);
  if (prefix.length == 0 || prefix.valid < prefix.length)
    return {replacementCharacter, 1};
  uint32_t codepoint = bytes[0] & (0x7fu >> prefix.length);
  for (uint32_t i = 1; i < prefix.length; ++i)
    codepoint = codepoint << 6 | (bytes[i] & 0x3fu);
  return {codepoint, prefix.length};
}

/// Writes a scalar value as UTF-8, 1 .. 4 bytes; returns how many.
inline uint32_t encodeCharacter(uint32_t codepoint, uint8_t *out) {
  if (codepoint < 0x80) {
    out[0] = static_cast<uint8_t>(codepoint);
    return 1;
  }
  uint32_t length = codepoint < 0x800 ? 2 : codepoint < 0x10000 ? 3 : 4;
  for (uint32_t i = length - 1; i; --i) {
    out[i] = static_cast<uint8_t>(0x80 | (codepoint & 0x3f));
    codepoint >>= 6;
  }
  out[0] = static_cast<uint8_t>((0xf00u >> length) | codepoint);
  return length;
}

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_UTF8_H
