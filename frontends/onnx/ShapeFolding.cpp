// ShapeFolding.cpp - small integers computed while compiling: what exporters write around Reshape, Slice and Expand.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include <numeric>

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

std::optional<int64_t> binary(StringRef type, int64_t a, int64_t b) {
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

} // namespace

DenseElementsAttr foldNode(const Node &node, RankedTensorType type) {
  if (type.getNumElements() > kMostElements || node.inputs.empty())
    return {};
  StringRef name = node.type;
  // What a shape is does not depend on the values.
  if (name == "Shape") {
    ArrayRef<int64_t> shape = node.shapeOf(0);
    int64_t rank = shape.size(), start = node.integer("start", 0), end = node.integer("end", rank);
    start = std::clamp<int64_t>(start < 0 ? start + rank : start, 0, rank);
    end = std::clamp<int64_t>(end < 0 ? end + rank : end, 0, rank);
    return elements(type, start < end ? shape.slice(start, end - start) : ArrayRef<int64_t>());
  }
  if (name == "Size")
    return elements(type, {node.typeOf(0).getNumElements()});
  SmallVector<DenseElementsAttr> known;
  for (Value input : node.inputs) {
    DenseElementsAttr value = constantOf(input);
    if (input && !value)
      return {};
    known.push_back(value);
  }
  // The same elements in another shape, whatever they are.
  if (name == "Identity")
    return known[0];
  if (name == "Reshape" || name == "Unsqueeze" || name == "Squeeze" || name == "Flatten")
    return known[0].reshape(type);
  if (name == "ConstantOfShape") {
    auto value = dyn_cast_or_null<DenseElementsAttr>(node.settings.get("value"));
    if (!value)
      return DenseElementsAttr::get(type, APFloat(0.0f));
    return value.getNumElements() == 1
               ? value.reshape(RankedTensorType::get({}, value.getElementType())).resizeSplat(type)
               : DenseElementsAttr();
  }
  for (unsigned i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i] && !isInteger(node.elementOf(i)))
      return {};
  if (!isInteger(type.getElementType()))
    return {};
  SmallVector<SmallVector<int64_t>> values;
  for (unsigned i = 0; i < node.inputs.size(); ++i)
    values.push_back(node.knownIntegers(i).value_or(SmallVector<int64_t>()));
  ArrayRef<int64_t> shape = type.getShape();
  int64_t count = type.getNumElements();
  SmallVector<int64_t> result;
  if (name == "Mod" && node.integer("fmod", 0))
    return {};
  if (name == "Cast") {
    for (int64_t value : values[0])
      result.push_back(type.getElementType().isInteger(1) ? value != 0 : value);
    return elements(type, result);
  }
  if (name == "Concat" && shape.size() == 1) {
    for (const auto &part : values)
      llvm::append_range(result, part);
    return elements(type, result);
  }
  if (name == "Gather" && node.rankOf(0) == 1) {
    int64_t size = values[0].size();
    for (int64_t index : values[1]) {
      if (index < -size || index >= size)
        return {};
      result.push_back(values[0][index < 0 ? index + size : index]);
    }
    return elements(type, result);
  }
  if (name == "Slice" && node.rankOf(0) == 1 && node.since >= 10 && values[1].size() == 1) {
    int64_t size = values[0].size(), step = values.size() > 4 && !values[4].empty() ? values[4][0] : 1;
    int64_t start = values[1][0];
    start = start < 0 ? start + size : start;
    start = std::clamp<int64_t>(start, 0, step > 0 ? size : size - 1);
    for (int64_t i = 0; i < count; ++i)
      result.push_back(values[0][start + i * step]);
    return elements(type, result);
  }
  if (name == "Where") {
    for (int64_t i = 0; i < count; ++i) {
      int64_t yes = values[0][broadcastIndex(i, shape, node.shapeOf(0))];
      unsigned from = yes ? 1 : 2;
      result.push_back(values[from][broadcastIndex(i, shape, node.shapeOf(from))]);
    }
    return elements(type, result);
  }
  if (name == "Not") {
    for (int64_t value : values[0])
      result.push_back(!value);
    return elements(type, result);
  }
  if (name == "Neg") {
    for (int64_t value : values[0])
      result.push_back(static_cast<int64_t>(-static_cast<uint64_t>(value)));
    return elements(type, result);
  }
  if (name == "ReduceProd" && count == 1) {
    uint64_t product = 1;
    for (int64_t value : values[0])
      product *= static_cast<uint64_t>(value);
    return elements(type, {static_cast<int64_t>(product)});
  }
  if (name == "Range" && values.size() == 3 && values[0].size() == 1 && values[2].size() == 1) {
    for (int64_t i = 0; i < count; ++i)
      result.push_back(values[0][0] + i * values[2][0]);
    return elements(type, result);
  }
  if (node.inputs.size() == 2 && binary(name, 1, 1)) {
    for (int64_t i = 0; i < count; ++i) {
      std::optional<int64_t> value = binary(name, values[0][broadcastIndex(i, shape, node.shapeOf(0))],
                                            values[1][broadcastIndex(i, shape, node.shapeOf(1))]);
      if (!value)
        return {};
      result.push_back(*value);
    }
    return elements(type, result);
  }
  if (name == "Expand") {
    for (int64_t i = 0; i < count; ++i)
      result.push_back(values[0][broadcastIndex(i, shape, node.shapeOf(0))]);
    return elements(type, result);
  }
  return {};
}

} // namespace llmc::onnx_import
