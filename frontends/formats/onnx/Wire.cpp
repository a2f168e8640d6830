// Wire.cpp - protobuf's wire format.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/onnx/Wire.h"

namespace llmc::onnx {

bool WireReader::varint(uint64_t &value) {
  value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (at == bytes.size())
      return fail("a varint runs past the end of its message");
    const uint8_t byte = uint8_t(bytes[at++]);
    // The tenth byte has room for one bit.
    if (shift == 63 && (byte & 0x7e))
      return fail("a varint has more than 64 bits");
    value |= uint64_t(byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return true;
  }
  return fail("a varint has more than 10 bytes");
}

bool WireReader::fixed(unsigned size, uint64_t &value) {
  if (bytes.size() - at < size)
    return fail("a fixed number runs past the end of its message");
  value = 0;
  for (unsigned i = 0; i < size; ++i)
    value |= uint64_t(uint8_t(bytes[at + i])) << (8 * i);
  at += size;
  return true;
}

bool WireReader::next(WireField &field) {
  if (at == bytes.size() || broken)
    return false;
  uint64_t key;
  if (!varint(key))
    return false;
  if (key >> 3 == 0 || key >> 32)
    return fail("a field has no valid number");
  field = {};
  field.id = uint32_t(key >> 3);
  switch (key & 7) {
  case 0:
    field.type = WireType::Varint;
    return varint(field.number);
  case 1:
    field.type = WireType::Fixed64;
    return fixed(8, field.number);
  case 2: {
    field.type = WireType::Bytes;
    uint64_t length;
    if (!varint(length))
      return false;
    if (length > bytes.size() - at)
      return fail("a field runs past the end of its message");
    field.bytes = bytes.substr(at, size_t(length));
    at += size_t(length);
    return true;
  }
  case 5:
    field.type = WireType::Fixed32;
    return fixed(4, field.number);
  default: // Groups went out of use before ONNX came up.
    return fail("a field is of a wire type that ONNX does not use");
  }
}

} // namespace llmc::onnx
