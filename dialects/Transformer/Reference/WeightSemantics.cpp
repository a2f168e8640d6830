// WeightSemantics.cpp - the ops on weight values, unit by unit.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Reference/WeightSemantics.h"
#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "dialects/Transformer/Formats/BlockSearch.h"
#include "dialects/Transformer/Formats/HalfFloats.h"

#include <algorithm>
#include <cstring>

using namespace llmc;
using namespace llmc::reference;

namespace {
/// Counts through the indices of a shape in row-major order.
class IndexCounter {
public:
  explicit IndexCounter(const std::vector<int64_t> &shape) : index(shape.size()), shape(shape) {}
  const std::vector<int64_t> &operator*() const { return index; }
  void next() {
    for (size_t dim = shape.size(); dim-- > 0;) {
      if (++index[dim] < shape[dim])
        return;
      index[dim] = 0;
    }
  }

private:
  std::vector<int64_t> index;
  const std::vector<int64_t> &shape;
};
} // namespace

/// The row-major number of an index.
static int64_t linearIndex(const std::vector<int64_t> &index, const std::vector<int64_t> &shape) {
  int64_t number = 0;
  for (size_t dim = 0; dim < shape.size(); ++dim)
    number = number * shape[dim] + index[dim];
  return number;
}

/// A weight of the same element type and another shape.
static Stored like(const Stored &source, std::vector<int64_t> shape) {
  Stored result = source;
  result.shape = std::move(shape);
  result.bytes.assign(result.numUnits() * result.unitBytes, 0);
  return result;
}

static void copyUnit(const Stored &source, int64_t from, Stored &result, int64_t to) {
  std::memcpy(result.bytes.data() + to * result.unitBytes, source.bytes.data() + from * source.unitBytes,
              source.unitBytes);
}

/// A shape or an index in values, in units.
static std::vector<int64_t> inUnits(std::vector<int64_t> numbers, int64_t group) {
  if (!numbers.empty())
    numbers.back() /= group;
  return numbers;
}

Stored reference::slice(const Stored &source, const std::vector<int64_t> &offsets, const std::vector<int64_t> &sizes) {
  Stored result = like(source, sizes);
  std::vector<int64_t> resultUnits = result.unitShape(), sourceUnits = source.unitShape();
  std::vector<int64_t> unitOffsets = inUnits(offsets, source.group);
  IndexCounter counter(resultUnits);
  for (int64_t unit = 0, count = result.numUnits(); unit < count; ++unit, counter.next()) {
    std::vector<int64_t> from = *counter;
    for (size_t dim = 0; dim < from.size(); ++dim)
      from[dim] += unitOffsets[dim];
    copyUnit(source, linearIndex(from, sourceUnits), result, unit);
  }
  return result;
}

Stored reference::concat(const std::vector<const Stored *> &sources, int64_t axis) {
  std::vector<int64_t> shape = sources.front()->shape;
  for (size_t i = 1; i < sources.size(); ++i)
    shape[axis] += sources[i]->shape[axis];
  Stored result = like(*sources.front(), shape);
  std::vector<int64_t> resultUnits = result.unitShape();
  int64_t start = 0;
  for (const Stored *source : sources) {
    std::vector<int64_t> sourceUnits = source->unitShape();
    IndexCounter counter(sourceUnits);
    for (int64_t unit = 0, count = source->numUnits(); unit < count; ++unit, counter.next()) {
      std::vector<int64_t> to = *counter;
      to[axis] += start;
      copyUnit(*source, unit, result, linearIndex(to, resultUnits));
    }
    start += sourceUnits[axis];
  }
  return result;
}

Stored reference::permute(const Stored &source, const std::vector<int64_t> &view, const std::vector<int64_t> &order,
                          const std::vector<int64_t> &resultShape) {
  Stored result = like(source, resultShape);
  std::vector<int64_t> viewUnits = inUnits(view, source.group), permuted(order.size());
  for (size_t dim = 0; dim < order.size(); ++dim)
    permuted[dim] = viewUnits[order[dim]];
  IndexCounter counter(permuted);
  for (int64_t unit = 0, count = result.numUnits(); unit < count; ++unit, counter.next()) {
    std::vector<int64_t> from(order.size());
    for (size_t dim = 0; dim < order.size(); ++dim)
      from[order[dim]] = (*counter)[dim];
    copyUnit(source, linearIndex(from, viewUnits), result, unit);
  }
  return result;
}

/// Rounds a double to the bits of an f16 or bf16: once, so not by way of f32 to nearest. The f32 in between is rounded
/// to odd, which keeps what the second rounding must know (Boldo and Melquiond).
static float roundToOdd(double value) {
  float rounded = static_cast<float>(value);
  if (static_cast<double>(rounded) == value || value != value)
    return rounded;
  uint32_t bits = floatBits(rounded);
  bool above = (static_cast<double>(rounded) > value) == (value > 0); // further from zero than the value
  if (above)
    --bits;
  return floatFromBits(bits | 1);
}

Stored reference::convert(const Stored &source, Stored::Element element) {
  if (element == source.element)
    return source;
  Stored result = makeStored(element, source.shape);
  Floats values = source.element == Stored::Element::F64 ? Floats() : toFloats(source);
  for (int64_t i = 0, count = result.numUnits(); i < count; ++i) {
    double value;
    if (source.element == Stored::Element::F64)
      std::memcpy(&value, source.bytes.data() + i * 8, sizeof value);
    else
      value = values.values[i];
    uint8_t *bytes = result.bytes.data() + i * result.unitBytes;
    if (element == Stored::Element::F64) {
      std::memcpy(bytes, &value, sizeof value);
      continue;
    }
    uint32_t bits = floatBits(static_cast<float>(value));
    if (element == Stored::Element::F16)
      bits = floatToHalf(roundToOdd(value));
    else if (element == Stored::Element::BF16)
      bits = floatToBfloat(roundToOdd(value));
    for (int64_t byte = 0; byte < result.unitBytes; ++byte)
      bytes[byte] = static_cast<uint8_t>(bits >> (8 * byte));
  }
  return result;
}

Stored reference::affine(const Stored &source, double scale, double offset) {
  Floats values = toFloats(source);
  for (float &value : values.values) {
    float scaled = value * static_cast<float>(scale);
    value = roundTo(values.precision, scaled + static_cast<float>(offset));
  }
  return toStored(values);
}

Stored reference::decode(const Stored &source, Stored::Element element) { return convert(source, element); }

Stored reference::quantize(const Stored &source, BlockFormatId format, int64_t group, const Stored *statistics) {
  Floats values = toFloats(source);
  Stored result = makeBlocks(format, group, source.shape);
  if (statistics)
    calibrateBlocks(format, group, values.rows(), values.values.data(),
                    ErrorShape(statistics->bytes.data(), values.columns()), result.bytes.data());
  else
    quantizeBlocks(format, group, result.numUnits(), values.values.data(), result.bytes.data());
  return result;
}

/// An element of at most 32 bits, as a number without sign.
static uint32_t wordAt(const Stored &source, int64_t unit) {
  uint32_t word = 0;
  std::memcpy(&word, source.bytes.data() + unit * source.unitBytes, source.unitBytes);
  return word;
}

Stored reference::unpack(const Stored &source, int64_t bits, int64_t axis, const std::vector<int64_t> &order,
                         uint64_t plus, uint64_t flip, const std::vector<int64_t> &resultShape) {
  Stored result = makeStored(Stored::Element::Opaque, resultShape, 1);
  const int64_t fields = source.unitBytes * 8 / bits;
  IndexCounter counter(source.shape);
  for (int64_t unit = 0, count = source.numUnits(); unit < count; ++unit, counter.next()) {
    const uint32_t word = wordAt(source, unit) + static_cast<uint32_t>(plus);
    for (int64_t field = 0; field < fields; ++field) {
      std::vector<int64_t> to = *counter;
      to[axis] = to[axis] * fields + (order.empty() ? field : order[field]);
      if (to[axis] < resultShape[axis])
        result.bytes[linearIndex(to, resultShape)] =
            static_cast<uint8_t>((word >> (bits * field) & ((1u << bits) - 1)) ^ flip);
    }
  }
  return result;
}

Stored reference::sortColumns(const Stored &source, const Stored &keys, bool inverse) {
  std::vector<int64_t> order(source.shape[1]);
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = static_cast<int64_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return static_cast<int32_t>(wordAt(keys, a)) < static_cast<int32_t>(wordAt(keys, b));
  });
  Stored result = like(source, source.shape);
  for (int64_t row = 0; row < source.shape[0]; ++row)
    for (int64_t column = 0; column < source.shape[1]; ++column) {
      const int64_t here = row * source.shape[1] + column, there = row * source.shape[1] + order[column];
      copyUnit(source, inverse ? here : there, result, inverse ? there : here);
    }
  return result;
}

Stored reference::blocks(const Stored &codes, const Stored &scales, const std::vector<int64_t> &tile,
                         const Stored *zeros, int64_t zero, BlockFormatId format, int64_t group) {
  Stored result = makeBlocks(format, group, codes.shape);
  const Floats numbers = toFloats(scales);
  std::vector<uint8_t> block(group);
  for (int64_t unit = 0, count = result.numUnits(); unit < count; ++unit) {
    const int64_t row = unit * group / codes.shape[1], column = unit * group % codes.shape[1];
    const int64_t at = row / tile[0] * scales.shape[1] + column / tile[1];
    std::copy_n(codes.bytes.data() + unit * group, group, block.data());
    BlockParts parts;
    parts.scale =
        blockFormat(format).scale == BlockNumber::F16 ? floatToHalf(numbers.values[at]) : floatBits(numbers.values[at]);
    parts.zero = static_cast<uint8_t>(zeros ? zeros->bytes[at] : zero);
    parts.codes = block.data();
    packBlock(format, group, parts, result.bytes.data() + unit * result.unitBytes);
  }
  return result;
}

Stored reference::pack(const Stored &source, int64_t rows, int64_t group) {
  int64_t n = source.shape[0], k = source.shape[1];
  Stored result = like(source, {(n + rows - 1) / rows, (k + group - 1) / group, rows, group});
  for (int64_t row = 0; row < n; ++row)
    for (int64_t column = 0; column < k; ++column)
      copyUnit(source, row * k + column, result,
               linearIndex({row / rows, column / group, row % rows, column % group}, result.shape));
  return result;
}

Floats reference::ropeFrequencies(const RopeFrequencySpec &spec) {
  Floats table({ropeFrequencyRows(spec), spec.dim / 2});
  for (int64_t row = 0; row < table.rows(); ++row)
    computeRopeFrequencies(spec, row, table.values.data() + row * table.columns());
  return table;
}
