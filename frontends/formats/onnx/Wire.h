// Wire.h - protobuf's wire format, read where it lies: fields of one message, one after the other.
//
// What the fields mean is not here: ModelReader.cpp.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_ONNX_WIRE_H
#define LLMC_FRONTENDS_FORMATS_ONNX_WIRE_H

#include <cstdint>
#include <cstring>
#include <string_view>

namespace llmc::onnx {

enum class WireType : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

/// One field of a message. `number` holds a varint or the bits of a fixed field, `bytes` what a length stands before.
struct WireField {
  uint32_t id = 0;
  WireType type = WireType::Varint;
  uint64_t number = 0;
  std::string_view bytes;

  int64_t integer() const { return int64_t(number); }
  float real() const {
    const uint32_t bits = uint32_t(number);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
};

/// Walks a message's bytes. Never reads past them; a varint has 10 bytes at most, a field number is 1 to 2^29 - 1.
class WireReader {
public:
  explicit WireReader(std::string_view bytes) : bytes(bytes) {}

  /// The next field, or false at the end or at a mistake; then failed() says which.
  bool next(WireField &field);
  bool failed() const { return broken != nullptr; }
  /// What is wrong, in words: "a varint runs past the end of its message".
  const char *fault() const { return broken; }
  /// Bytes read so far.
  size_t position() const { return at; }

  /// A varint at the front of packed elements; false when there is none whole.
  bool varint(uint64_t &value);
  bool atEnd() const { return at == bytes.size(); }

private:
  bool fail(const char *what) {
    broken = what;
    return false;
  }
  bool fixed(unsigned size, uint64_t &value);

  std::string_view bytes;
  size_t at = 0;
  const char *broken = nullptr;
};

} // namespace llmc::onnx

#endif // LLMC_FRONTENDS_FORMATS_ONNX_WIRE_H
