// QuantizedExpansions.cpp - operators on codes with scales and zero points: the QLinear ones, and products with floats
// out.
//
// Not here: weights in blocks (BlockExpansions.cpp), attention on codes (AttentionExpansions.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Expansion.h"

#include <numeric>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

using Values = SmallVectorImpl<Value>;

/// The codes of input i as floats; a scale and a zero point follow it, unless said where they are.
Value real(Expander &x, unsigned i, unsigned scale = 0) {
  scale = scale ? scale : i + 1;
  return x.op("DequantizeLinear", {x.input(i), x.input(scale), x.input(scale + 1)});
}
/// Floats as codes of the type of input `like`, by the scale at `scale` and the zero point after it.
Value codes(Expander &x, Value value, unsigned scale, unsigned like = 0) {
  Value zero = x.has(scale + 1) ? x.input(scale + 1) : x.number(0, x.elementOf(like));
  return x.op("QuantizeLinear", {value, x.input(scale), zero});
}

template <const char *const &type> LogicalResult binary(Expander &x, Values &y) {
  y.push_back(codes(x, x.op(type, {real(x, 0), real(x, 3)}), 6));
  return success();
}
constexpr const char *kAdd = "Add", *kMul = "Mul";

LogicalResult sigmoid(Expander &x, Values &y) {
  y.push_back(codes(x, x.op("Sigmoid", {real(x, 0)}), 3));
  return success();
}
LogicalResult leakyRelu(Expander &x, Values &y) {
  y.push_back(codes(x, x.op("LeakyRelu", {real(x, 0)}, {x.set("alpha", x.real("alpha", 0.01f))}), 3));
  return success();
}
/// Before opset 13 all dimensions from the axis on are one row.
LogicalResult softmax(Expander &x, Values &y) {
  int64_t opset = x.integer("opset", 13);
  y.push_back(codes(
      x, x.op("Softmax", {real(x, 0)}, {x.set("axis", x.integer("axis", opset < 13 ? 1 : -1))}, opset < 13 ? 11 : 13),
      3));
  return success();
}
LogicalResult reduceMean(Expander &x, Values &y) {
  SmallVector<int64_t> axes = x.integers("axes").value_or(SmallVector<int64_t>{});
  y.push_back(
      codes(x, x.op("ReduceMean", {real(x, 0), x.list(axes)}, {x.set("keepdims", x.integer("keepdims", 1))}), 3));
  return success();
}
LogicalResult where(Expander &x, Values &y) {
  y.push_back(codes(x, x.op("Where", {x.input(0), real(x, 1), real(x, 4)}), 7, 1));
  return success();
}
LogicalResult concat(Expander &x, Values &y) {
  if (x.inputs.size() < 5 || (x.inputs.size() - 2) % 3)
    return x.error() << "has " << x.inputs.size() << " inputs (expected 2, and 3 for each part)";
  SmallVector<Value> parts;
  for (unsigned i = 2; i < x.inputs.size(); i += 3)
    parts.push_back(real(x, i));
  y.push_back(codes(x, x.concat(parts, x.integer("axis", 0)), 0, 2));
  return success();
}

/// Channels last become second and go back.
Value channels(Expander &x, Value value, bool back) {
  int64_t rank = x.rankOf(0);
  SmallVector<int64_t> order = {0};
  if (back)
    for (int64_t i = 2; i < rank; ++i)
      order.push_back(i);
  order.push_back(back ? 1 : rank - 1);
  if (!back)
    for (int64_t i = 1; i < rank - 1; ++i)
      order.push_back(i);
  return x.transpose(value, order);
}
template <typename Make> Value channelsSecond(Expander &x, Value value, Make make) {
  if (!x.integer("channels_last", 0))
    return make(value);
  return channels(x, make(channels(x, value, false)), true);
}
SmallVector<Setting> windowSettings(Expander &x, ArrayRef<StringRef> names) {
  SmallVector<Setting> settings;
  for (StringRef name : names)
    if (x.hasAttribute(name))
      settings.push_back({name, x.settings.get(name)});
  return settings;
}
LogicalResult averagePool(Expander &x, Values &y) {
  SmallVector<Setting> settings =
      windowSettings(x, {"auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides"});
  y.push_back(codes(x, channelsSecond(x, real(x, 0), [&](Value v) { return x.op("AveragePool", {v}, settings); }), 3));
  return success();
}
LogicalResult globalAveragePool(Expander &x, Values &y) {
  y.push_back(codes(x, channelsSecond(x, real(x, 0), [&](Value v) { return x.op("GlobalAveragePool", {v}); }), 3));
  return success();
}
LogicalResult conv(Expander &x, Values &y) {
  SmallVector<Setting> settings =
      windowSettings(x, {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"});
  y.push_back(channelsSecond(x, x.input(0), [&](Value v) {
    SmallVector<Value> inputs(x.inputs);
    inputs[0] = v;
    return x.op("QLinearConv", inputs, settings);
  }));
  return success();
}

/// A product of codes as f32: the sum of integers, times both scales; and a bias.
Value scaled(Expander &x, Value sum, Value aScale, Value bScale, Value bias) {
  return x.sum(x.op("Mul", {x.cast(sum, x.f32()), x.op("Mul", {aScale, bScale})}), bias);
}
LogicalResult dynamicMatMul(Expander &x, Values &y) {
  SmallVector<Value> a = x.ops("DynamicQuantizeLinear", {x.input(0)}, {}, 3);
  Value sum = x.op("MatMulInteger", {a[0], x.input(1), a[2], x.input(3)});
  y.push_back(scaled(x, sum, a[1], x.input(2), x.input(4)));
  return success();
}
LogicalResult matMulToFloat(Expander &x, Values &y) {
  Value sum = x.op("MatMulInteger", {x.input(0), x.input(1), x.input(4), x.input(5)});
  y.push_back(scaled(x, sum, x.input(2), x.input(3), x.input(6)));
  return success();
}
/// The bias has codes of both scales and none of its own; without a scale of the result it is float.
LogicalResult gemm(Expander &x, Values &y) {
  if (x.rankOf(0) != 2 || x.rankOf(3) != 2)
    return x.error() << "needs matrices (found " << x.extents().text(x.typeOf(0)) << " and "
                     << x.extents().text(x.typeOf(3)) << ")";
  auto turned = [&](unsigned input, StringRef flag) {
    return x.integer(flag, 0) ? x.transpose(x.input(input), {1, 0}) : x.input(input);
  };
  Value sum = x.op("MatMulInteger", {turned(0, "transA"), turned(3, "transB"), x.input(2), x.input(5)});
  if (x.has(6))
    sum = x.op("Add", {sum, x.input(6)});
  Value value = scaled(x, sum, x.input(1), x.input(4), Value());
  if (double alpha = x.real("alpha", 1); alpha != 1)
    value = x.op("Mul", {value, x.number(alpha, x.f32())});
  y.push_back(x.has(7) ? codes(x, value, 7) : value);
  return success();
}

/// Of ai.onnx, where an axis of a scale of one number does not matter.
LogicalResult quantize(Expander &x, Values &y) {
  bool codes = x.type.ends_with("DequantizeLinear");
  y.push_back(x.op(codes ? "DequantizeLinear" : "QuantizeLinear", {x.input(0), x.input(1), x.input(2)},
                   {x.set("axis", x.integer("axis", 1))}));
  return success();
}

LogicalResult mulInteger(Expander &x, Values &y) {
  auto number = [&](unsigned input) {
    Value value = x.cast(x.input(input), x.i32());
    return x.has(input + 1) ? x.op("Sub", {value, x.cast(x.input(input + 1), x.i32())}) : value;
  };
  y.push_back(x.op("Mul", {number(0), number(2)}));
  return success();
}
LogicalResult reduceSumInteger(Expander &x, Values &y) {
  SmallVector<int64_t> axes = x.integers("axes").value_or(SmallVector<int64_t>{});
  y.push_back(
      x.op("ReduceSum", {x.cast(x.input(0), x.i32()), x.list(axes)}, {x.set("keepdims", x.integer("keepdims", 1))}));
  return success();
}
LogicalResult matMulInteger16(Expander &x, Values &y) {
  y.push_back(x.op("MatMul", {x.cast(x.input(0), x.i32()), x.cast(x.input(1), x.i32())}));
  return success();
}

/// Words, places and segments in codes, looked up and then made floats; as EmbedLayerNormalization from there.
LogicalResult embedNorm(Expander &x, Values &y) {
  if (x.rankOf(0) != 2)
    return x.error() << "needs ids of rank 2 (found " << x.extents().text(x.typeOf(0)) << ")";
  auto floats = [&](Value value, unsigned scale) {
    return x.op("DequantizeLinear", {value, x.input(scale), x.input(scale + 5)});
  };
  auto rows = [&](unsigned table, unsigned ids, unsigned scale) {
    return floats(x.op("Gather", {x.input(table), x.input(ids)}, {x.set("axis", int64_t(0))}), scale);
  };
  Value sum = x.sum(rows(2, 0, 8), floats(x.slice(x.input(3), 0, 0, x.shapeOf(0)[1]), 9));
  if (x.has(1) && x.has(4))
    sum = x.sum(sum, rows(4, 1, 10));
  y.push_back(x.op("LayerNormalization", {sum, floats(x.input(5), 11), floats(x.input(6), 12)},
                   {x.set("axis", int64_t(-1)), x.set("epsilon", x.real("epsilon", 1e-12f))}));
  if (x.has(7))
    y.push_back(x.op("ReduceSum", {x.cast(x.op("Equal", {x.input(7), x.number(1, x.i32())}), x.i32()), x.list({1})},
                     {x.set("keepdims", int64_t(0))}));
  else
    y.push_back(x.op("Expand", {x.numbers({1}, {0}, x.i32()), x.list({x.shapeOf(0)[0]})}));
  return success();
}

} // namespace

void addQuantizedExpansions(SmallVectorImpl<Expansion> &list) {
  list.append({
      {"com.microsoft.QLinearAdd", binary<kAdd>, true},
      {"com.microsoft.QLinearMul", binary<kMul>, true},
      {"com.microsoft.QLinearSigmoid", sigmoid, true},
      {"com.microsoft.QLinearLeakyRelu", leakyRelu, true},
      {"com.microsoft.QLinearSoftmax", softmax, true},
      {"com.microsoft.QLinearReduceMean", reduceMean, true},
      {"com.microsoft.QLinearWhere", where, true},
      {"com.microsoft.QLinearConcat", concat, true},
      {"com.microsoft.QLinearAveragePool", averagePool, true},
      {"com.microsoft.QLinearGlobalAveragePool", globalAveragePool, true},
      {"com.microsoft.QLinearConv", conv, true},
      {"com.microsoft.DynamicQuantizeMatMul", dynamicMatMul, true},
      {"com.microsoft.MatMulIntegerToFloat", matMulToFloat, true},
      {"com.microsoft.QGemm", gemm, true},
      {"com.microsoft.QuantizeLinear", quantize, true},
      {"com.microsoft.DequantizeLinear", quantize, true},
      {"com.microsoft.MulInteger", mulInteger, true},
      {"com.microsoft.ReduceSumInteger", reduceSumInteger, true},
      {"com.microsoft.MatMulInteger16", matMulInteger16, true},
      {"com.microsoft.QEmbedLayerNormalization", embedNorm, true},
  });
}

} // namespace llmc::onnx_import
