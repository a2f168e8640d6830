// GgufWriter.h - writes small GGUF files for tests, right or wrong on purpose.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_FRONTENDS_FORMATS_GGUFWRITER_H
#define LLMC_TEST_FRONTENDS_FORMATS_GGUFWRITER_H

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace llmc::test {

/// Little-endian bytes of a number.
inline std::string numberBytes(uint64_t value, int size) {
  std::string text;
  for (int i = 0; i < size; ++i)
    text += char(value >> (8 * i) & 255);
  return text;
}
inline std::string u32(uint64_t value) { return numberBytes(value, 4); }
inline std::string u64(uint64_t value) { return numberBytes(value, 8); }
inline std::string f32(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return u32(bits);
}
inline std::string text(const std::string &bytes) { return u64(bytes.size()) + bytes; }

/// A whole file from parts; counts may be made to lie.
struct GgufWriter {
  uint32_t version = 3;
  std::vector<std::string> entries, tensors;
  std::string data;
  uint64_t alignment = 32;
  int64_t extraEntries = 0, extraTensors = 0; ///< By how much the counts lie.

  GgufWriter &entry(const std::string &key, uint32_t type, const std::string &value) {
    entries.push_back(text(key) + u32(type) + value);
    return *this;
  }
  GgufWriter &string(const std::string &key, const std::string &value) { return entry(key, 8, text(value)); }
  GgufWriter &integer(const std::string &key, uint32_t value) { return entry(key, 4, u32(value)); }
  GgufWriter &number(const std::string &key, float value) { return entry(key, 6, f32(value)); }
  GgufWriter &flag(const std::string &key, bool value) { return entry(key, 7, std::string(1, char(value))); }
  GgufWriter &strings(const std::string &key, const std::vector<std::string> &values) {
    std::string bytes = u32(8) + u64(values.size());
    for (const std::string &value : values)
      bytes += text(value);
    return entry(key, 9, bytes);
  }
  /// A line of the tensor table; `sizes` with the fastest first.
  GgufWriter &tensor(const std::string &name, const std::vector<uint64_t> &sizes, uint32_t type, uint64_t offset) {
    std::string bytes = text(name) + u32(sizes.size());
    for (uint64_t size : sizes)
      bytes += u64(size);
    tensors.push_back(bytes + u32(type) + u64(offset));
    return *this;
  }
  std::string bytes() const {
    std::string file = "GGUF" + u32(version) + u64(tensors.size() + uint64_t(extraTensors)) +
                       u64(entries.size() + uint64_t(extraEntries));
    for (const std::string &part : entries)
      file += part;
    for (const std::string &part : tensors)
      file += part;
    while (alignment != 0 && file.size() % alignment != 0)
      file += '\0';
    return file + data;
  }
};

} // namespace llmc::test

#endif // LLMC_TEST_FRONTENDS_FORMATS_GGUFWRITER_H
