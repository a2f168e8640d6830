// ShapeFolding.cpp - small integers computed while compiling: what exporters write around Reshape, Slice and Expand.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

constexpr int64_t kMostElements = 4096;

DenseElementsAttr elements(RankedTensorType type, ArrayRef<int64_t> values) {
  unsigned bits = type.getElementTypeBitWidth();
  SmallVector<APInt> words;
  for (int64_t value : values)
    words.push_back(APInt(bits, static_cast<uint64_t>(value), false, true));
  return DenseElementsAttr::get(type, words);
}

/// Where element `place` of `shape` lies in an input of shape `from` that broadcasts.
int64_t broadcastIndex(int64_t place, ArrayRef<int64_t> shape, ArrayRef<int64_t> from) {
  int64_t index = 0, step = 1;
  for (int64_t i = shape.size() - 1, k = from.size() - 1; i >= 0; --i, --k) {
    int64_t at = place % shape[i];
    place /= shape[i];
    if (k >= 0) {
      index += from[k] == 1 ? 0 : at * step;
      step *= from[k];
    }
  }
  return index;
}

/// Of sizes that may be open; nothing where the result depends on them and is none.
std::optional<int64_t> openBinary(Extents &e, StringRef type, int64_t a, int64_t b) {
  // What may be larger than any size is computed while running.
  auto sized = [&](int64_t number) {
    auto [low, high] = e.bounds(number);
    return low >= -kLargestExtent && high <= kLargestExtent ? std::optional<int64_t>(number) : std::nullopt;
  };
  if (type == "Add")
    return sized(e.add(a, b));
  if (type == "Sub")
    return sized(e.sub(a, b));
  if (type == "Mul")
    return sized(e.mul(a, b));
  auto [least, most] = e.bounds(b);
  auto [lowA, highA] = e.bounds(a);
  if (type == "Div") // toward zero: rounded down where nothing is below
    return least > 0 && lowA >= 0 ? std::optional<int64_t>(e.div(a, b)) : std::nullopt;
  if (type == "Mod")
    return least > 0 ? sized(e.sub(a, e.mul(b, e.div(a, b)))) : std::nullopt;
  if (type == "Max")
    return e.most(a, b);
  if (type == "Min")
    return e.least(a, b);
  auto [low, high] = e.bounds(e.sub(a, b));
  if (type == "Equal" && (low > 0 || high < 0 || (low == 0 && high == 0)))
    return low == 0;
  if (type == "Less" && (high < 0 || low >= 0))
    return high < 0;
  if (type == "Greater" && (low > 0 || high <= 0))
    return low > 0;
  return std::nullopt;
}

std::optional<int64_t> binary(Extents &e, StringRef type, int64_t a, int64_t b) {
  if (isOpen(a) || isOpen(b))
    return openBinary(e, type, a, b);
  uint64_t x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
  if (type == "Add")
    return static_cast<int64_t>(x + y);
  if (type == "Sub")
    return static_cast<int64_t>(x - y);
  if (type == "Mul")
    return static_cast<int64_t>(x * y);
  if (type == "Div")
    return b == 0 || (b == -1 && a == INT64_MIN) ? std::nullopt : std::optional<int64_t>(a / b);
  if (type == "Mod") {
    if (b == 0 || b == -1)
      return b == 0 ? std::nullopt : std::optional<int64_t>(0);
    int64_t rest = a % b; // with the divisor's sign
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  }
  if (type == "Max")
    return std::max(a, b);
  if (type == "Min")
    return std::min(a, b);
  if (type == "Equal")
    return a == b;
  if (type == "Less")
    return a < b;
  if (type == "Greater")
    return a > b;
  if (type == "And")
    return a & b;
  if (type == "Or")
    return a | b;
  return std::nullopt;
}

bool isInteger(Type element) { return isa<IntegerType>(element) && !element.isUnsignedInteger(); }

/// Sizes pass through floats in some exporters' graphs; whole numbers up to here keep their value in each of them.
constexpr int64_t kMostWhole = int64_t(1) << 24;
bool isWholeFloat(Type element) { return element.isF32() || element.isF64(); }
std::optional<SmallVector<int64_t>> wholeNumbers(const Node &node, unsigned input) {
  if (auto open = node.graph->contents.find(node.inputs[input]); open != node.graph->contents.end())
    return open->second;
  std::optional<SmallVector<double>> known = node.knownReals(input);
  if (!known)
    return std::nullopt;
  SmallVector<int64_t> result;
  for (double value : *known) {
    if (!(std::abs(value) <= kMostWhole) || value != std::trunc(value))
      return std::nullopt;
    result.push_back(static_cast<int64_t>(value));
  }
  return result;
}

/// What the integers of a small tensor are, where they are known up to open sizes.
std::optional<SmallVector<int64_t>> integersOf(const Node &node, RankedTensorType type) {
  StringRef name = node.type;
  Extents &e = node.extents();
  // What a shape is does not depend on the values.
  if (name == "Shape") {
    ArrayRef<int64_t> shape = node.shapeOf(0);
    int64_t rank = shape.size(), start = node.integer("start", 0), end = node.integer("end", rank);
    start = std::clamp<int64_t>(start < 0 ? start + rank : start, 0, rank);
    end = std::clamp<int64_t>(end < 0 ? end + rank : end, 0, rank);
    return SmallVector<int64_t>(start < end ? shape.slice(start, end - start) : ArrayRef<int64_t>());
  }
  if (name == "Size")
    return SmallVector<int64_t>{e.product(node.shapeOf(0))};
  SmallVector<SmallVector<int64_t>> values;
  for (unsigned i = 0; i < node.inputs.size(); ++i) {
    values.emplace_back();
    if (!node.inputs[i])
      continue;
    std::optional<SmallVector<int64_t>> known;
    if (isInteger(node.elementOf(i)))
      known = node.knownIntegers(i);
    else if (isWholeFloat(node.elementOf(i)))
      known = wholeNumbers(node, i);
    if (!known)
      return std::nullopt;
    values.back() = *known;
  }
  if (name == "Identity" || name == "Reshape" || name == "Unsqueeze" || name == "Squeeze" || name == "Flatten")
    return values[0];
  bool real = isWholeFloat(type.getElementType());
  if (!isInteger(type.getElementType()) && !real)
    return std::nullopt;
  if (real && !llvm::is_contained({"Cast", "Concat", "Gather", "Slice", "Add", "Sub", "Mul", "Min", "Max"}, name))
    return std::nullopt;
  ArrayRef<int64_t> shape = type.getShape();
  int64_t count = type.getNumElements();
  SmallVector<int64_t> result;
  if (name == "Mod" && node.integer("fmod", 0))
    return std::nullopt;
  if (name == "Cast") {
    for (int64_t value : values[0]) {
      if (type.getElementType().isInteger(1) && isOpen(value)) {
        auto [low, high] = e.bounds(value);
        if (low <= 0 && high >= 0)
          return std::nullopt;
        value = 1;
      }
      // Sizes fit any type of 32 bits and more; in a narrower one they would be cut.
      if (isOpen(value) &&
          (type.getElementTypeBitWidth() < 32 || e.maximum(value) > (real ? kMostWhole : int64_t(INT32_MAX))))
        return std::nullopt;
      result.push_back(type.getElementType().isInteger(1) ? value != 0 : value);
    }
    return result;
  }
  if (name == "Concat" && shape.size() == 1) {
    for (const auto &part : values)
      llvm::append_range(result, part);
    return result;
  }
  if (name == "Gather" && node.rankOf(0) == 1) {
    int64_t size = values[0].size();
    for (int64_t index : values[1]) {
      if (isOpen(index) || index < -size || index >= size)
        return std::nullopt;
      result.push_back(values[0][index < 0 ? index + size : index]);
    }
    return result;
  }
  // Up to version 9 the bounds are attributes.
  if (name == "Slice" && node.since < 10) {
    values.resize(1);
    for (StringRef bound : {"starts", "ends"})
      values.push_back(node.integers(bound).value_or(SmallVector<int64_t>{}));
  }
  if (name == "Slice" && node.rankOf(0) == 1 && values.size() > 2 && values[1].size() == 1 && values[2].size() == 1) {
    int64_t size = values[0].size(), step = values.size() > 4 && !values[4].empty() ? values[4][0] : 1;
    int64_t start = values[1][0];
    if (isOpen(start) || isOpen(step))
      return std::nullopt;
    start = start < 0 ? start + size : start;
    start = std::clamp<int64_t>(start, 0, step > 0 ? size : size - 1);
    for (int64_t i = 0; i < count; ++i)
      result.push_back(values[0][start + i * step]);
    return result;
  }
  if (name == "Where") {
    for (int64_t i = 0; i < count; ++i) {
      int64_t yes = values[0][broadcastIndex(i, shape, node.shapeOf(0))];
      unsigned from = yes ? 1 : 2;
      result.push_back(values[from][broadcastIndex(i, shape, node.shapeOf(from))]);
    }
    return result;
  }
  if (name == "Not") {
    for (int64_t value : values[0])
      result.push_back(!value);
    return result;
  }
  if (name == "Neg") {
    for (int64_t value : values[0])
      result.push_back(e.sub(0, value));
    return result;
  }
  if (name == "ReduceProd" && count == 1)
    return SmallVector<int64_t>{e.product(values[0])};
  if (name == "Range" && values.size() == 3 && values[0].size() == 1 && values[2].size() == 1) {
    for (int64_t i = 0; i < count; ++i)
      result.push_back(e.add(values[0][0], e.mul(i, values[2][0])));
    return result;
  }
  if (node.inputs.size() == 2 && binary(e, name, 1, 1)) {
    for (int64_t i = 0; i < count; ++i) {
      std::optional<int64_t> value = binary(e, name, values[0][broadcastIndex(i, shape, node.shapeOf(0))],
                                            values[1][broadcastIndex(i, shape, node.shapeOf(1))]);
      if (!value)
        return std::nullopt;
      result.push_back(*value);
    }
    return result;
  }
  if (name == "Expand") {
    for (int64_t i = 0; i < count; ++i)
      result.push_back(values[0][broadcastIndex(i, shape, node.shapeOf(0))]);
    return result;
  }
  return std::nullopt;
}

/// The same elements in another shape, whatever they are, and fills.
DenseElementsAttr foldElements(const Node &node, RankedTensorType type) {
  DenseElementsAttr first = constantOf(node.inputs[0]);
  for (Value input : node.inputs)
    if (input && !constantOf(input))
      return {};
  if (node.type == "Identity")
    return first;
  if (node.type == "Reshape" || node.type == "Unsqueeze" || node.type == "Squeeze" || node.type == "Flatten")
    return first ? first.reshape(type) : first;
  if (node.type == "ConstantOfShape") {
    auto value = dyn_cast_or_null<DenseElementsAttr>(node.settings.get("value"));
    if (!value)
      return DenseElementsAttr::get(type, APFloat(0.0f));
    return value.getNumElements() == 1
               ? value.reshape(RankedTensorType::get({}, value.getElementType())).resizeSplat(type)
               : DenseElementsAttr();
  }
  return {};
}

DenseElementsAttr wholeFloats(RankedTensorType type, ArrayRef<int64_t> values) {
  SmallVector<APFloat> numbers;
  for (int64_t value : values) {
    numbers.emplace_back(cast<FloatType>(type.getElementType()).getFloatSemantics());
    numbers.back().convertFromAPInt(APInt(64, static_cast<uint64_t>(value)), /*IsSigned=*/true,
                                    APFloat::rmNearestTiesToEven);
  }
  return DenseElementsAttr::get(type, numbers);
}

} // namespace

Folded foldNode(const Node &node, RankedTensorType type) {
  Folded folded;
  if (node.type == "llmc.Sizes") {
    auto sizes = cast<RankedTensorType>(cast<TypeAttr>(node.settings.get("type")).getValue());
    folded.integers = SmallVector<int64_t>(node.extents().fromIR(sizes).getShape());
    return folded;
  }
  if (isOpen(type.getShape()) || type.getNumElements() > kMostElements || node.inputs.empty())
    return folded;
  folded.constant = foldElements(node, type);
  if (folded.constant)
    return folded;
  std::optional<SmallVector<int64_t>> values = integersOf(node, type);
  if (!values)
    return folded;
  if (isOpen(*values))
    folded.integers = *values;
  else if (isInteger(type.getElementType()))
    folded.constant = elements(type, *values);
  else if (node.type == "Cast" ? isInteger(node.elementOf(0)) : !llvm::is_contained(*values, 0))
    folded.constant = wholeFloats(type, *values); // but zeros, which may be negative ones
  return folded;
}

} // namespace llmc::onnx_import
