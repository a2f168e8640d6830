// Quantization.cpp - integers with a scale and a zero point: to them, from them, and products of them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Products.h"
#include "frontends/onnx/Quantized.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

Value quantize(Body &b, Value x, Value scale, Value zero, Type zeroElement, Type to) {
  Type f32 = b.getF32Type();
  Value ratio = b.div(x, scale, f32);
  // A zero point of 0 turns -0 into 0.
  if (isNarrowFloat(to))
    return zero ? b.add(ratio, b.convert(zero, zeroElement, f32)) : ratio;
  Value rounded = math::RoundEvenOp::create(b, ratio);
  if (zero)
    rounded = b.add(rounded, b.convert(zero, zeroElement, f32));
  unsigned width = to.getIntOrFloatBitWidth();
  double low = to.isUnsignedInteger() ? 0 : -std::ldexp(1.0, width - 1);
  double high = std::ldexp(1.0, to.isUnsignedInteger() ? width : width - 1) - 1;
  rounded = arith::MaxNumFOp::create(b, arith::MinNumFOp::create(b, rounded, b.number(f32, high)), b.number(f32, low));
  return b.convert(rounded, f32, to);
}

LogicalResult needKnownSizes(const Node &node, ArrayRef<unsigned> inputs) {
  for (unsigned i : inputs)
    if (node.has(i) && isOpen(node.shapeOf(i)))
      return node.error() << "input " << i << " is " << node.extents().text(node.typeOf(i))
                          << ", of a size known only at run time, which is not supported for this input";
  return success();
}

namespace {

using Operand = Lowering::Operand;

/// A scale or zero point so that it stands beside x [...]: one number, one for each place of the axis, or one for each
/// block of places along it.
FailureOr<Operand> spread(Lowering &node, unsigned input, unsigned x) {
  ArrayRef<int64_t> shape = node.shapeOf(x), own = node.shapeOf(input);
  if (node.typeOf(input).getNumElements() == 1)
    return Operand{node.reshape(node.tensors[input], {}), node.elementOf(input)};
  FailureOr<int64_t> axis = node.axis(node.integer("axis", 1), shape.size());
  if (failed(axis))
    return failure();
  int64_t block = node.integer("block_size", 0);
  if (own.size() == 1 && block == 0 && own[0] == shape[*axis]) {
    SmallVector<int64_t> wide(shape.size() - *axis, 1);
    wide[0] = own[0];
    return Operand{node.reshape(node.tensors[input], wide), node.elementOf(input)};
  }
  bool blocked = block > 0 && own.size() == shape.size();
  for (size_t i = 0; blocked && i < shape.size(); ++i)
    blocked =
        !isOpen(shape[i]) && own[i] == (static_cast<int64_t>(i) == *axis ? (shape[i] + block - 1) / block : shape[i]);
  if (!blocked) {
    node.error() << "input " << input << " is " << node.typeOf(input) << " for " << node.extents().text(node.typeOf(x))
                 << " along axis " << *axis << " in blocks of " << block;
    return failure();
  }
  Type element = node.elementOf(input);
  Value wide = node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    SmallVector<Value> places(at.begin(), at.end());
    places[*axis] = arith::DivUIOp::create(b, at[*axis], b.index(block));
    return b.load(b.extract(node.tensors[input], places), element);
  });
  return Operand{wide, element};
}

bool isQuantized(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return (integer && integer.getWidth() > 1 && integer.getWidth() <= 16) || isNarrowFloat(element);
}

LogicalResult inferQuantize(const Node &node, SmallVectorImpl<Type> &types) {
  if (failed(needKnownSizes(node, {1, 2})))
    return failure();
  Type element = IntegerType::get(node.settings.getContext(), 8, IntegerType::Unsigned);
  if (node.has(2))
    element = node.elementOf(2);
  else if (int64_t number = node.integer("output_dtype", 0))
    element = elementFromNumber(node.settings.getContext(), number);
  if (!element || !isQuantized(element))
    return node.error() << "quantises to a type that is not supported";
  types.push_back(RankedTensorType::get(node.shapeOf(0), element));
  return success();
}
LogicalResult lowerQuantize(Lowering &node, SmallVectorImpl<Value> &results) {
  Type f32 = node.b.getF32Type(), to = node.resultElement();
  if (node.elementOf(0).isF64())
    return node.error() << "is not computed in double";
  FailureOr<Operand> scale = spread(node, 1, 0), zero = scale;
  if (failed(scale) || (node.has(2) && failed(zero = spread(node, 2, 0))))
    return failure();
  SmallVector<Operand> operands = {node.input(0), *scale};
  if (node.has(2))
    operands.push_back(*zero);
  results.push_back(node.elementwise(operands, node.shapeOf(0), to, [&](Body &b, ValueRange x) {
    return quantize(b, b.convert(x[0], node.elementOf(0), f32), b.convert(x[1], node.elementOf(1), f32),
                    x.size() > 2 ? x[2] : Value(), x.size() > 2 ? node.elementOf(2) : Type(), to);
  }));
  return success();
}

LogicalResult inferDequantize(const Node &node, SmallVectorImpl<Type> &types) {
  if (failed(needKnownSizes(node, {1, 2})))
    return failure();
  Type element = node.elementOf(1);
  if (int64_t number = node.integer("output_dtype", 0))
    element = elementFromNumber(node.settings.getContext(), number);
  if (!element || !isa<FloatType>(element))
    return node.error() << "gives a type that is not supported";
  types.push_back(RankedTensorType::get(node.shapeOf(0), element));
  return success();
}
LogicalResult lowerDequantize(Lowering &node, SmallVectorImpl<Value> &results) {
  Type f32 = node.b.getF32Type(), i32 = node.b.getI32Type();
  FailureOr<Operand> scale = spread(node, 1, 0), zero = scale;
  if (failed(scale) || (node.has(2) && failed(zero = spread(node, 2, 0))))
    return failure();
  SmallVector<Operand> operands = {node.input(0), *scale};
  if (node.has(2))
    operands.push_back(*zero);
  Type from = node.elementOf(0);
  results.push_back(node.elementwise(operands, node.shapeOf(0), node.resultElement(), [&](Body &b, ValueRange x) {
    Value value;
    if (isa<FloatType>(from)) {
      value = x[0];
      if (x.size() > 2)
        value = b.sub(value, x[2]);
    } else {
      value = b.convert(x[0], from, i32);
      if (x.size() > 2)
        value = b.sub(value, b.convert(x[2], from, i32));
      value = b.convert(value, i32, f32);
    }
    value = b.mul(value, b.convert(x[1], node.elementOf(1), f32));
    return node.resultElement().isF64() ? b.convert(value, f32, node.resultElement()) : value;
  }));
  return success();
}

LogicalResult inferDynamic(const Node &node, SmallVectorImpl<Type> &types) {
  MLIRContext *context = node.settings.getContext();
  Type u8 = IntegerType::get(context, 8, IntegerType::Unsigned);
  types.push_back(RankedTensorType::get(node.shapeOf(0), u8));
  types.push_back(RankedTensorType::get({}, Float32Type::get(context)));
  types.push_back(RankedTensorType::get({}, u8));
  return success();
}
/// To u8 over the range of the values, with 0 in it.
LogicalResult lowerDynamic(Lowering &node, SmallVectorImpl<Value> &results) {
  Type f32 = node.b.getF32Type(), u8 = node.resultElement(0);
  SmallVector<int64_t> axes;
  for (int64_t i = 0; i < node.rankOf(0); ++i)
    axes.push_back(i);
  auto extreme = [&](bool max) {
    return node.reduce(
        node.input(0), axes, f32, [&](Body &b) { return b.number(f32, 0); },
        [&](Body &b, Value s, Value v) { return max ? b.max(s, v, f32) : b.min(s, v, f32); });
  };
  Value low = extreme(false), high = extreme(true);
  Value scale = node.elementwise({{low, f32}, {high, f32}}, {}, f32, [&](Body &b, ValueRange x) {
    return b.div(b.sub(x[1], x[0]), b.number(f32, 255), f32);
  });
  Value zero = node.elementwise({{low, f32}, {scale, f32}}, {}, u8, [&](Body &b, ValueRange x) -> Value {
    Value none = b.equal(x[1], b.number(f32, 0));
    Value point = b.div(arith::NegFOp::create(b, x[0]), b.select(none, b.number(f32, 1), x[1]), f32);
    point = math::RoundEvenOp::create(b, point);
    point = arith::MaxNumFOp::create(b, arith::MinNumFOp::create(b, point, b.number(f32, 255)), b.number(f32, 0));
    return b.convert(point, f32, u8);
  });
  results.push_back(node.elementwise({node.input(0), {scale, f32}, {zero, u8}}, node.shapeOf(0), u8,
                                     [&](Body &b, ValueRange x) { return quantize(b, x[0], x[1], x[2], u8, u8); }));
  results.push_back(scale);
  results.push_back(zero);
  return success();
}

/// A zero point's shape beside x: one number, or one for each row or column, or what is spread as it stands.
SmallVector<int64_t> shapeOfPoint(const Node &node, unsigned point, bool columns) {
  int64_t count = node.typeOf(point).getNumElements();
  if (count == 1)
    return {};
  if (node.rankOf(point) == 1)
    return columns ? SmallVector<int64_t>{count} : SmallVector<int64_t>{count, 1};
  return SmallVector<int64_t>(node.shapeOf(point));
}
LogicalResult checkPoint(const Node &node, unsigned x, unsigned point, bool columns) {
  if (!node.has(point))
    return success();
  Extents &e = node.extents();
  SmallVector<int64_t> own = shapeOfPoint(node, point, columns);
  ArrayRef<int64_t> shape = node.shapeOf(x);
  bool fits = own.size() <= shape.size();
  for (size_t i = 0; fits && i < own.size(); ++i)
    fits = own[i] == 1 || e.agree(own[i], shape[shape.size() - own.size() + i]);
  if (fits)
    return success();
  return node.error() << "zero point " << e.text(node.typeOf(point)) << " does not fit " << e.text(node.typeOf(x));
}

/// x less its zero point in 32 bits; the point is one number, or one for each row or column.
Value shifted(Lowering &node, unsigned x, unsigned point, bool columns) {
  Type i32 = node.b.getI32Type();
  SmallVector<Operand> operands = {node.input(x)};
  if (node.has(point)) {
    SmallVector<int64_t> shape = shapeOfPoint(node, point, columns);
    operands.push_back({node.reshape(node.tensors[point], shape), node.elementOf(point)});
  }
  return node.elementwise(operands, node.shapeOf(x), i32, [&](Body &b, ValueRange v) {
    Value value = b.convert(v[0], node.elementOf(x), i32);
    return v.size() > 1 ? b.sub(value, b.convert(v[1], node.elementOf(point), i32)) : value;
  });
}

LogicalResult inferMatMulInteger(const Node &node, SmallVectorImpl<Type> &types) {
  if (failed(needKnownSizes(node, {2, 3})) || failed(checkPoint(node, 0, 2, false)) ||
      failed(checkPoint(node, 1, 3, true)))
    return failure();
  FailureOr<SmallVector<int64_t>> shape = matmulShape(node, node.shapeOf(0), node.shapeOf(1));
  if (failed(shape))
    return failure();
  types.push_back(RankedTensorType::get(*shape, IntegerType::get(node.settings.getContext(), 32)));
  return success();
}
LogicalResult lowerMatMulInteger(Lowering &node, SmallVectorImpl<Value> &results) {
  Type i32 = node.b.getI32Type();
  results.push_back(matmul(node, {shifted(node, 0, 2, false), i32}, {shifted(node, 1, 3, true), i32},
                           node.resultType().getShape(), i32));
  return success();
}

LogicalResult inferQLinearMatMul(const Node &node, SmallVectorImpl<Type> &types) {
  if (failed(needKnownSizes(node, {1, 2, 4, 5, 6, 7})) || failed(checkPoint(node, 0, 2, false)) ||
      failed(checkPoint(node, 3, 5, true)))
    return failure();
  Node product = node;
  product.inputs = {node.inputs[0], node.inputs[3]};
  FailureOr<SmallVector<int64_t>> shape = matmulShape(product, node.shapeOf(0), node.shapeOf(3));
  if (failed(shape))
    return failure();
  types.push_back(RankedTensorType::get(*shape, node.elementOf(7)));
  return success();
}
/// a, a's scale and zero point, b, b's, then the result's.
LogicalResult lowerQLinearMatMul(Lowering &node, SmallVectorImpl<Value> &results) {
  Type i32 = node.b.getI32Type(), f32 = node.b.getF32Type(), to = node.resultElement();
  ArrayRef<int64_t> shape = node.resultType().getShape();
  Value sum = matmul(node, {shifted(node, 0, 2, false), i32}, {shifted(node, 3, 5, true), i32}, shape, i32);
  SmallVector<Operand> operands = {{sum, i32}};
  for (unsigned i : {1u, 4u, 6u, 7u}) {
    if (node.typeOf(i).getNumElements() != 1)
      return node.error() << "input " << i << " is " << node.typeOf(i) << " (expected one number)";
    operands.push_back({node.reshape(node.tensors[i], {}), node.elementOf(i)});
  }
  results.push_back(node.elementwise(operands, shape, to, [&](Body &b, ValueRange x) {
    Value scale = b.mul(b.convert(x[1], node.elementOf(1), f32), b.convert(x[2], node.elementOf(4), f32));
    Value value = b.mul(b.convert(x[0], i32, f32), scale);
    return quantize(b, value, b.convert(x[3], node.elementOf(6), f32), x[4], node.elementOf(7), to);
  }));
  return success();
}

} // namespace

void addQuantization(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"QuantizeLinear", 10, inferQuantize, lowerQuantize, true});
  rows.push_back({"DequantizeLinear", 10, inferDequantize, lowerDequantize, true});
  rows.push_back({"DynamicQuantizeLinear", 11, inferDynamic, lowerDynamic, true});
  rows.push_back({"MatMulInteger", 10, inferMatMulInteger, lowerMatMulInteger, true});
  rows.push_back({"QLinearMatMul", 10, inferQLinearMatMul, lowerQLinearMatMul, true});
}

} // namespace llmc::onnx_import
