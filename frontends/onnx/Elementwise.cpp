// Elementwise.cpp - one value a place: arithmetic, comparisons, logic, bits, casts.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

using UnaryBody = Value (*)(Body &b, Value x, Type element);
using BinaryBody = Value (*)(Body &b, Value x, Value y, Type element);

template <auto body> LogicalResult lowerUnary(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0);
  results.push_back(node.elementwise({node.input(0)}, node.shapeOf(0), node.resultElement(),
                                     [&](Body &b, ValueRange x) { return UnaryBody(body)(b, x[0], element); }));
  return success();
}

template <auto body> LogicalResult lowerBinary(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0);
  results.push_back(node.elementwise({node.input(0), node.input(1)}, node.resultType().getShape(), node.resultElement(),
                                     [&](Body &b, ValueRange x) { return BinaryBody(body)(b, x[0], x[1], element); }));
  return success();
}

/// One or more inputs, folded from the left.
template <auto body, bool mean = false> LogicalResult lowerFold(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0);
  SmallVector<Lowering::Operand> operands;
  for (unsigned i = 0; i < node.inputs.size(); ++i)
    operands.push_back(node.input(i));
  results.push_back(
      node.elementwise(operands, node.resultType().getShape(), node.resultElement(), [&](Body &b, ValueRange x) {
        Value value = x[0];
        for (Value next : x.drop_front())
          value = BinaryBody(body)(b, value, next, element);
        if (mean)
          value = b.div(value, b.number(value.getType(), static_cast<double>(x.size())), element);
        return value;
      }));
  return success();
}

LogicalResult inferCompare(const Node &node, SmallVectorImpl<Type> &types) {
  if (failed(inferBroadcast(node, types)))
    return failure();
  auto type = cast<RankedTensorType>(types[0]);
  types[0] = RankedTensorType::get(type.getShape(), IntegerType::get(type.getContext(), 1));
  return success();
}
LogicalResult inferTest(const Node &node, SmallVectorImpl<Type> &types) {
  types.push_back(RankedTensorType::get(node.shapeOf(0), IntegerType::get(node.typeOf(0).getContext(), 1)));
  return success();
}

Value absolute(Body &b, Value x, Type element) {
  if (isa<FloatType>(x.getType()))
    return math::AbsFOp::create(b, x);
  return element.isUnsignedInteger() ? x : math::AbsIOp::create(b, x).getResult();
}
Value negate(Body &b, Value x, Type) {
  if (isa<FloatType>(x.getType()))
    return arith::NegFOp::create(b, x);
  return b.sub(b.integer(x.getType(), 0), x);
}
template <typename Op> Value function(Body &b, Value x, Type) { return Op::create(b, x); }
Value reciprocal(Body &b, Value x, Type element) { return b.div(b.number(x.getType(), 1), x, element); }
Value signOf(Body &b, Value x, Type element) {
  bool real = isa<FloatType>(x.getType());
  auto number = [&](double n) {
    return real ? b.number(x.getType(), n) : b.integer(x.getType(), static_cast<int64_t>(n));
  };
  Value zero = number(0), positive = b.less(zero, x, element);
  Value result = b.select(positive, number(1), real ? x : zero); // a NaN and a zero are what they were
  if (element.isUnsignedInteger())
    return result;
  return b.select(b.less(x, zero, element), number(-1), result);
}
/// Of integers as numpy has it: what stands before the point.
Value errorFunction(Body &b, Value x, Type element) {
  if (isa<FloatType>(x.getType()))
    return math::ErfOp::create(b, x);
  return b.convert(math::ErfOp::create(b, b.convert(x, element, b.getF32Type())), b.getF32Type(), element);
}
Value tangent(Body &b, Value x, Type) {
  return arith::DivFOp::create(b, math::SinOp::create(b, x), math::CosOp::create(b, x));
}
Value logicalNot(Body &b, Value x, Type) { return arith::XOrIOp::create(b, x, b.integer(x.getType(), -1)); }
Value isNaN(Body &b, Value x, Type) { return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x); }

LogicalResult lowerIsInf(Lowering &node, SmallVectorImpl<Value> &results) {
  bool positive = node.integer("detect_positive", 1), negative = node.integer("detect_negative", 1);
  results.push_back(
      node.elementwise({node.input(0)}, node.shapeOf(0), node.resultElement(), [&](Body &b, ValueRange x) -> Value {
        Type type = x[0].getType();
        Value result = b.integer(b.getI1Type(), 0);
        if (positive)
          result = b.equal(x[0], b.number(type, INFINITY));
        if (negative)
          result = arith::OrIOp::create(b, result, b.equal(x[0], b.number(type, -INFINITY)));
        return result;
      }));
  return success();
}

Value add(Body &b, Value x, Value y, Type) { return b.add(x, y); }
Value subtract(Body &b, Value x, Value y, Type) { return b.sub(x, y); }
Value multiply(Body &b, Value x, Value y, Type) { return b.mul(x, y); }
Value divide(Body &b, Value x, Value y, Type element) { return b.div(x, y, element); }
Value maximum(Body &b, Value x, Value y, Type element) { return b.max(x, y, element); }
Value minimum(Body &b, Value x, Value y, Type element) { return b.min(x, y, element); }
Value equal(Body &b, Value x, Value y, Type) { return b.equal(x, y); }
Value less(Body &b, Value x, Value y, Type element) { return b.less(x, y, element); }
Value greater(Body &b, Value x, Value y, Type element) { return b.less(y, x, element); }
Value lessOrEqual(Body &b, Value x, Value y, Type element) {
  return arith::OrIOp::create(b, b.less(x, y, element), b.equal(x, y));
}
Value greaterOrEqual(Body &b, Value x, Value y, Type element) { return lessOrEqual(b, y, x, element); }
template <typename Op> Value bits(Body &b, Value x, Value y, Type) { return Op::create(b, x, y); }

/// numpy's: remainder with the divisor's sign, or C's fmod with the dividend's.
LogicalResult lowerMod(Lowering &node, SmallVectorImpl<Value> &results) {
  bool fmod = node.integer("fmod", 0);
  Type element = node.elementOf(0);
  if (!fmod && isa<FloatType>(element))
    return node.error() << "attribute 'fmod' = 0 is for integers (found " << element << ")";
  results.push_back(node.elementwise(
      {node.input(0), node.input(1)}, node.resultType().getShape(), element, [&](Body &b, ValueRange x) -> Value {
        Value quotient = b.div(x[0], x[1], element);
        if (isa<FloatType>(x[0].getType()))
          quotient = math::TruncOp::create(b, quotient);
        Value rest = b.sub(x[0], b.mul(quotient, x[1]));
        if (fmod || element.isUnsignedInteger())
          return rest;
        Value zero = b.integer(x[0].getType(), 0);
        Value other = arith::XOrIOp::create(b, b.less(rest, zero, element), b.less(x[1], zero, element));
        Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, rest, zero);
        return b.select(arith::AndIOp::create(b, other, some), b.add(rest, x[1]), rest);
      }));
  return success();
}

/// base ^ exponent: e^(y ln |x|) with the sign that a whole exponent gives; whole exponents known while compiling are
/// products.
LogicalResult lowerPow(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0), exponentElement = node.elementOf(1);
  std::optional<SmallVector<double>> known = node.knownReals(1);
  results.push_back(node.elementwise(
      {node.input(0), node.input(1)}, node.resultType().getShape(), element, [&](Body &b, ValueRange v) -> Value {
        bool integral = !isa<FloatType>(v[0].getType());
        if (known && known->size() == 1 && (*known)[0] >= 0 && (*known)[0] <= 8 &&
            (*known)[0] == static_cast<int>((*known)[0])) {
          Value product = integral ? b.integer(v[0].getType(), 1) : b.number(v[0].getType(), 1);
          for (int i = 0; i < static_cast<int>((*known)[0]); ++i)
            product = i ? b.mul(product, v[0]) : v[0];
          return product;
        }
        if (known && known->size() == 1 && (*known)[0] == 0.5 && !integral)
          return math::SqrtOp::create(b, v[0]);
        if (integral && !isa<FloatType>(v[1].getType())) {
          // Square and multiply over the exponent's 6 low bits: larger ones overflow any base but 0, 1 and -1.
          Type type = v[0].getType();
          Value base = v[0], result = b.integer(type, 1), exponent = b.convert(v[1], exponentElement, element);
          for (int i = 0; i < 6; ++i) {
            Value bit =
                arith::AndIOp::create(b, arith::ShRUIOp::create(b, exponent, b.integer(type, i)), b.integer(type, 1));
            result = b.select(b.equal(bit, b.integer(type, 1)), b.mul(result, base), result);
            base = b.mul(base, base);
          }
          return result;
        }
        // In f64, so that powers that are floats come out as these: whoever casts one to an integer cuts it off.
        unsigned bits = std::max(v[0].getType().getIntOrFloatBitWidth(), v[1].getType().getIntOrFloatBitWidth());
        Type wide = bits >= 32 || (integral && bits > 16) ? b.getF64Type() : b.getF32Type();
        Value x = b.convert(v[0], element, wide), y = b.convert(v[1], exponentElement, wide);
        Value zero = b.number(wide, 0), one = b.number(wide, 1);
        Value size = math::ExpOp::create(b, b.mul(y, math::LogOp::create(b, math::AbsFOp::create(b, x))));
        Value whole = b.equal(math::TruncOp::create(b, y), y);
        Value half = b.mul(y, b.number(wide, 0.5));
        Value odd = arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, math::TruncOp::create(b, half), half);
        Value negative = b.less(x, zero, wide);
        Value signedSize = b.select(arith::AndIOp::create(b, odd, whole), arith::NegFOp::create(b, size), size);
        Value nan = b.number(wide, NAN);
        Value result = b.select(negative, b.select(whole, signedSize, nan), size);
        result = b.select(b.equal(y, zero), one, result);
        if (integral) {
          // Whole powers of whole numbers are exact products.
          Value left = b.floorIndex(math::AbsFOp::create(b, y)), power = one, base = x;
          for (int i = 0; i < 6; ++i) {
            power = b.select(b.same(b.rest(left, 2), b.index(1)), b.mul(power, base), power);
            base = b.mul(base, base);
            left = b.divided(left, 2);
          }
          power = b.select(b.less(y, zero, wide), b.div(one, power, wide), power);
          Value few = b.less(math::AbsFOp::create(b, y), b.number(wide, 64), wide);
          result = b.select(b.both(whole, few), power, result);
        }
        Value isOne = b.equal(x, one);
        return b.convert(b.select(isOne, one, result), wide, element);
      }));
  return success();
}

LogicalResult lowerBitShift(Lowering &node, SmallVectorImpl<Value> &results) {
  StringRef direction = node.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    return node.error() << "unsupported attribute 'direction' = '" << direction << "' (expected LEFT or RIGHT)";
  results.push_back(node.elementwise({node.input(0), node.input(1)}, node.resultType().getShape(), node.elementOf(0),
                                     [&](Body &b, ValueRange x) -> Value {
                                       Type type = x[0].getType();
                                       Value width = b.integer(type, type.getIntOrFloatBitWidth());
                                       Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x[1], width);
                                       Value by = b.select(fits, x[1], b.integer(type, 0));
                                       Value shifted = direction == "LEFT"
                                                           ? arith::ShLIOp::create(b, x[0], by).getResult()
                                                           : arith::ShRUIOp::create(b, x[0], by).getResult();
                                       return b.select(fits, shifted, b.integer(type, 0));
                                     }));
  return success();
}

/// The element type with a number of ONNX's table, or null.
Type elementOfNumber(MLIRContext *context, int64_t number) {
  switch (number) {
  case 1:
    return Float32Type::get(context);
  case 2:
  case 4:
  case 12:
  case 13:
    return IntegerType::get(context,
                            number == 2    ? 8
                            : number == 4  ? 16
                            : number == 12 ? 32
                                           : 64,
                            IntegerType::Unsigned);
  case 3:
    return IntegerType::get(context, 8);
  case 5:
    return IntegerType::get(context, 16);
  case 6:
    return IntegerType::get(context, 32);
  case 7:
    return IntegerType::get(context, 64);
  case 9:
    return IntegerType::get(context, 1);
  case 10:
    return Float16Type::get(context);
  case 11:
    return Float64Type::get(context);
  case 16:
    return BFloat16Type::get(context);
  case 17:
    return Float8E4M3FNType::get(context);
  case 18:
    return Float8E4M3FNUZType::get(context);
  case 19:
    return Float8E5M2Type::get(context);
  case 20:
    return Float8E5M2FNUZType::get(context);
  case 21:
  case 25:
    return IntegerType::get(context, number == 21 ? 4 : 2, IntegerType::Unsigned);
  case 22:
  case 26:
    return IntegerType::get(context, number == 22 ? 4 : 2);
  case 23:
    return Float4E2M1FNType::get(context);
  case 24:
    return Float8E8M0FNUType::get(context);
  default:
    return Type();
  }
}

LogicalResult inferCast(const Node &node, SmallVectorImpl<Type> &types) {
  Type element = elementOfNumber(node.typeOf(0).getContext(), node.integer("to", 0));
  if (!element)
    return node.error() << "attribute 'to' = " << node.integer("to", 0) << " names a type that is not supported";
  types.push_back(RankedTensorType::get(node.shapeOf(0), element));
  return success();
}
LogicalResult inferCastLike(const Node &node, SmallVectorImpl<Type> &types) {
  types.push_back(RankedTensorType::get(node.shapeOf(0), node.elementOf(1)));
  return success();
}
LogicalResult lowerCast(Lowering &node, SmallVectorImpl<Value> &results) {
  Type from = node.elementOf(0), to = node.resultElement();
  if (isNarrowFloat(to) && !node.integer("saturate", 1)) {
    Type byte = IntegerType::get(to.getContext(), 8);
    results.push_back(node.elementwise({node.input(0)}, node.shapeOf(0), byte, [&](Body &b, ValueRange x) {
      return b.encodeNarrow(b.convert(x[0], from, b.getF32Type()), to, /*saturates=*/false);
    }));
    return success();
  }
  results.push_back(node.elementwise({node.input(0)}, node.shapeOf(0), to,
                                     [&](Body &b, ValueRange x) { return b.convert(x[0], from, to); }));
  return success();
}

/// The same bits as another type of the same width. A bool has the width of a byte.
LogicalResult inferBitCast(const Node &node, SmallVectorImpl<Type> &types) {
  if (failed(inferCast(node, types)))
    return failure();
  auto widthOf = [](Type element) { return element.isInteger(1) ? 8 : element.getIntOrFloatBitWidth(); };
  Type to = cast<RankedTensorType>(types[0]).getElementType();
  if (widthOf(to) != widthOf(node.elementOf(0)))
    return node.error() << "cannot take the bits of " << node.elementOf(0) << " as " << to << ", which has "
                        << widthOf(to) << " bits";
  return success();
}
LogicalResult lowerBitCast(Lowering &node, SmallVectorImpl<Value> &results) {
  Type to = node.resultElement(), storage = storageElement(to), from = storageElement(node.elementOf(0));
  unsigned width = to.getIntOrFloatBitWidth();
  results.push_back(node.moved(node.shapeOf(0), storage, [&](Body &b, ValueRange at) -> Value {
    Value bits = b.extract(node.tensors[0], at);
    if (from != storage)
      return arith::BitcastOp::create(b, storage, bits);
    if (to.isInteger(1))
      return b.store(b.load(bits, to), to);
    if (width >= 8)
      return bits;
    // What is narrower than a byte stands in it with its sign, or with none.
    Value by = b.integer(storage, 8 - width), high = arith::ShLIOp::create(b, bits, by);
    bool isSigned = isa<IntegerType>(to) && !to.isUnsignedInteger();
    return isSigned ? arith::ShRSIOp::create(b, high, by).getResult() : arith::ShRUIOp::create(b, high, by).getResult();
  }));
  return success();
}

LogicalResult inferWhere(const Node &node, SmallVectorImpl<Type> &types) {
  if (failed(inferBroadcast(node, types)))
    return failure();
  types[0] = RankedTensorType::get(cast<RankedTensorType>(types[0]).getShape(), node.elementOf(1));
  return success();
}
LogicalResult lowerWhere(Lowering &node, SmallVectorImpl<Value> &results) {
  results.push_back(node.elementwise({node.input(0), node.input(1), node.input(2)}, node.resultType().getShape(),
                                     node.resultElement(),
                                     [](Body &b, ValueRange x) { return b.select(x[0], x[1], x[2]); }));
  return success();
}

LogicalResult lowerIdentity(Lowering &node, SmallVectorImpl<Value> &results) {
  results.push_back(node.tensors[0]);
  return success();
}

/// Bounds in attributes up to version 10, in inputs since.
LogicalResult lowerClip(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0);
  SmallVector<Lowering::Operand> operands = {node.input(0)};
  bool hasLow = node.since < 11 ? node.hasAttribute("min") : node.has(1);
  bool hasHigh = node.since < 11 ? node.hasAttribute("max") : node.has(2);
  if (node.since >= 11) {
    for (unsigned i = 1; i <= 2; ++i)
      if (node.has(i))
        operands.push_back({node.reshape(node.tensors[i], {}), element});
  }
  results.push_back(node.elementwise(operands, node.shapeOf(0), element, [&](Body &b, ValueRange x) -> Value {
    Value value = x[0];
    unsigned next = 1;
    if (hasLow)
      value = b.max(value, node.since < 11 ? b.number(value.getType(), node.real("min", 0)) : x[next++], element);
    if (hasHigh)
      value = b.min(value, node.since < 11 ? b.number(value.getType(), node.real("max", 0)) : x[next++], element);
    return value;
  }));
  return success();
}

} // namespace

Type elementFromNumber(MLIRContext *context, int64_t number) { return elementOfNumber(context, number); }

void addElementwise(SmallVectorImpl<OperatorRow> &rows) {
  auto unary = [&](StringRef name, LowerFunction lower) { rows.push_back({name, 1, inferSame, lower, true}); };
  unary("Abs", lowerUnary<absolute>);
  unary("Neg", lowerUnary<negate>);
  unary("Sqrt", lowerUnary<function<math::SqrtOp>>);
  unary("Reciprocal", lowerUnary<reciprocal>);
  unary("Floor", lowerUnary<function<math::FloorOp>>);
  unary("Ceil", lowerUnary<function<math::CeilOp>>);
  unary("Round", lowerUnary<function<math::RoundEvenOp>>);
  unary("Sign", lowerUnary<signOf>);
  unary("Exp", lowerUnary<function<math::ExpOp>>);
  unary("Log", lowerUnary<function<math::LogOp>>);
  unary("Sin", lowerUnary<function<math::SinOp>>);
  unary("Cos", lowerUnary<function<math::CosOp>>);
  unary("Tan", lowerUnary<tangent>);
  unary("Asin", lowerUnary<function<math::AsinOp>>);
  unary("Acos", lowerUnary<function<math::AcosOp>>);
  unary("Atan", lowerUnary<function<math::AtanOp>>);
  unary("Sinh", lowerUnary<function<math::SinhOp>>);
  unary("Cosh", lowerUnary<function<math::CoshOp>>);
  unary("Tanh", lowerUnary<function<math::TanhOp>>);
  unary("Asinh", lowerUnary<function<math::AsinhOp>>);
  unary("Acosh", lowerUnary<function<math::AcoshOp>>);
  unary("Atanh", lowerUnary<function<math::AtanhOp>>);
  unary("Erf", lowerUnary<errorFunction>);
  unary("Not", lowerUnary<logicalNot>);
  unary("BitwiseNot", lowerUnary<logicalNot>);
  unary("Identity", lowerIdentity);
  unary("Clip", lowerClip);
  rows.push_back({"IsNaN", 1, inferTest, lowerUnary<isNaN>, true});
  rows.push_back({"IsInf", 1, inferTest, lowerIsInf, true});

  auto binary = [&](StringRef name, LowerFunction lower) { rows.push_back({name, 7, inferBroadcast, lower, true}); };
  binary("Add", lowerBinary<add>);
  binary("Sub", lowerBinary<subtract>);
  binary("Mul", lowerBinary<multiply>);
  binary("Div", lowerBinary<divide>);
  binary("Mod", lowerMod);
  binary("Pow", lowerPow);
  binary("BitShift", lowerBitShift);
  binary("And", lowerBinary<bits<arith::AndIOp>>);
  binary("Or", lowerBinary<bits<arith::OrIOp>>);
  binary("Xor", lowerBinary<bits<arith::XOrIOp>>);
  binary("BitwiseAnd", lowerBinary<bits<arith::AndIOp>>);
  binary("BitwiseOr", lowerBinary<bits<arith::OrIOp>>);
  binary("BitwiseXor", lowerBinary<bits<arith::XOrIOp>>);
  auto fold = [&](StringRef name, LowerFunction lower) { rows.push_back({name, 6, inferBroadcast, lower, true}); };
  fold("Max", lowerFold<maximum>);
  fold("Min", lowerFold<minimum>);
  fold("Sum", lowerFold<add>);
  fold("Mean", lowerFold<add, true>);
  rows.push_back({"Equal", 7, inferCompare, lowerBinary<equal>, true});
  rows.push_back({"Less", 7, inferCompare, lowerBinary<less>, true});
  rows.push_back({"Greater", 7, inferCompare, lowerBinary<greater>, true});
  rows.push_back({"LessOrEqual", 12, inferCompare, lowerBinary<lessOrEqual>, true});
  rows.push_back({"GreaterOrEqual", 12, inferCompare, lowerBinary<greaterOrEqual>, true});
  rows.push_back({"Where", 9, inferWhere, lowerWhere, true});
  rows.push_back({"Cast", 1, inferCast, lowerCast, true});
  rows.push_back({"CastLike", 15, inferCastLike, lowerCast, true});
  rows.push_back({"BitCast", 26, inferBitCast, lowerBitCast, true});
}

} // namespace llmc::onnx_import
