// Values.cpp - conversions between values and their stored forms.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Reference/Values.h"
#include "dialects/Transformer/Formats/HalfFloats.h"

#include <cstring>

using namespace llmc;
using namespace llmc::reference;

static int64_t product(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

float reference::roundTo(Precision precision, float value) {
  switch (precision) {
  case Precision::F32:
    return value;
  case Precision::F16:
    return halfToFloat(floatToHalf(value));
  case Precision::BF16:
    return bfloatToFloat(floatToBfloat(value));
  }
  return value;
}

Floats::Floats(std::vector<int64_t> shape, Precision precision)
    : shape(std::move(shape)), values(product(this->shape)), precision(precision) {}

std::vector<int64_t> Stored::unitShape() const {
  std::vector<int64_t> units = shape;
  if (!units.empty())
    units.back() /= group;
  return units;
}

int64_t Stored::numUnits() const { return product(unitShape()); }

Stored reference::makeStored(Stored::Element element, std::vector<int64_t> shape, int64_t unitBytes) {
  Stored weight;
  weight.element = element;
  weight.shape = std::move(shape);
  switch (element) {
  case Stored::Element::F64:
    weight.unitBytes = 8;
    break;
  case Stored::Element::F32:
    weight.unitBytes = 4;
    break;
  case Stored::Element::F16:
  case Stored::Element::BF16:
    weight.unitBytes = 2;
    break;
  case Stored::Element::Block:
  case Stored::Element::Opaque:
    weight.unitBytes = unitBytes;
    break;
  }
  weight.bytes.resize(weight.numUnits() * weight.unitBytes);
  return weight;
}

Stored reference::makeBlocks(BlockFormatId format, int64_t group, std::vector<int64_t> shape) {
  Stored weight;
  weight.element = Stored::Element::Block;
  weight.format = format;
  weight.group = group;
  weight.unitBytes = blockBytes(format, group);
  weight.shape = std::move(shape);
  weight.bytes.resize(weight.numUnits() * weight.unitBytes);
  return weight;
}

Floats reference::toFloats(const Stored &weight) {
  Floats result(weight.shape, weight.element == Stored::Element::F16    ? Precision::F16
                              : weight.element == Stored::Element::BF16 ? Precision::BF16
                                                                        : Precision::F32);
  for (int64_t unit = 0, count = weight.numUnits(); unit < count; ++unit) {
    const uint8_t *bytes = weight.bytes.data() + unit * weight.unitBytes;
    float *values = result.values.data() + unit * weight.group;
    switch (weight.element) {
    case Stored::Element::F64: {
      double value;
      std::memcpy(&value, bytes, sizeof value);
      *values = static_cast<float>(value);
      break;
    }
    case Stored::Element::F32:
      std::memcpy(values, bytes, sizeof *values);
      break;
    case Stored::Element::F16:
      *values = halfToFloat(static_cast<uint16_t>(bytes[0] | bytes[1] << 8));
      break;
    case Stored::Element::BF16:
      *values = bfloatToFloat(static_cast<uint16_t>(bytes[0] | bytes[1] << 8));
      break;
    case Stored::Element::Block:
      decodeBlock(weight.format, weight.group, bytes, values);
      break;
    case Stored::Element::Opaque:
      assert(false && "integers have no float values");
      break;
    }
  }
  return result;
}

Stored reference::toStored(const Floats &values) {
  Stored::Element element = values.precision == Precision::F16    ? Stored::Element::F16
                            : values.precision == Precision::BF16 ? Stored::Element::BF16
                                                                  : Stored::Element::F32;
  Stored weight = makeStored(element, values.shape);
  for (size_t i = 0; i < values.values.size(); ++i) {
    uint32_t bits = floatBits(values.values[i]);
    if (element == Stored::Element::F16)
      bits = floatToHalf(values.values[i]);
    else if (element == Stored::Element::BF16)
      bits = floatToBfloat(values.values[i]);
    for (int64_t byte = 0; byte < weight.unitBytes; ++byte)
      weight.bytes[i * weight.unitBytes + byte] = static_cast<uint8_t>(bits >> (8 * byte));
  }
  return weight;
}

void State::roundRow(float *values, int64_t count) const {
  if (!blocks) {
    for (int64_t i = 0; i < count; ++i)
      values[i] = roundTo(precision, values[i]);
    return;
  }
  std::vector<uint8_t> block(blockBytes(format, group));
  for (int64_t start = 0; start < count; start += group) {
    encodeBlock(format, group, values + start, block.data());
    decodeBlock(format, group, block.data(), values + start);
  }
}
