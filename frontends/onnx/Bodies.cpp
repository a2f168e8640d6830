// Bodies.cpp - types in memory and in arithmetic, and the arithmetic of one element.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Lowering.h"

#include <cmath>
#include <functional>

using namespace mlir;

namespace llmc::onnx_import {

static bool isNarrowInteger(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return integer && (integer.getWidth() == 2 || integer.getWidth() == 4);
}

bool isNarrowFloat(Type element) {
  return isa<Float8E4M3FNType, Float8E4M3FNUZType, Float8E5M2Type, Float8E5M2FNUZType, Float8E8M0FNUType,
             Float4E2M1FNType>(element);
}

Type storageElement(Type element) {
  MLIRContext *context = element.getContext();
  if (auto integer = dyn_cast<IntegerType>(element)) {
    unsigned width = integer.getWidth();
    if (width == 1 || width == 2 || width == 4)
      return IntegerType::get(context, 8);
    return width == 8 || width == 16 || width == 32 || width == 64 ? IntegerType::get(context, width) : Type();
  }
  if (isNarrowFloat(element))
    return IntegerType::get(context, 8);
  return isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(element) ? element : Type();
}

RankedTensorType storageType(RankedTensorType type) {
  Type element = storageElement(type.getElementType());
  return element ? RankedTensorType::get(type.getShape(), element) : RankedTensorType();
}

Type computeElement(Type element) {
  if (isa<Float16Type, BFloat16Type>(element) || isNarrowFloat(element))
    return Float32Type::get(element.getContext());
  if (isNarrowInteger(element))
    return IntegerType::get(element.getContext(), 8);
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(element.getContext(), integer.getWidth());
  return element;
}

Type realElement(Type element) { return element.isF64() ? element : Type(Float32Type::get(element.getContext())); }

Value Body::load(Value stored, Type element) {
  if (element.isInteger(1))
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, stored, integer(stored.getType(), 0));
  if (isa<Float16Type, BFloat16Type>(element))
    return arith::ExtFOp::create(*this, getF32Type(), stored);
  if (isNarrowFloat(element))
    return decodeNarrow(stored, element);
  return stored;
}

Value Body::store(Value value, Type element) {
  if (element.isInteger(1))
    return arith::ExtUIOp::create(*this, getI8Type(), value);
  if (isa<Float16Type, BFloat16Type>(element))
    return arith::TruncFOp::create(*this, element, value);
  if (isNarrowFloat(element))
    return encodeNarrow(value, element, /*saturates=*/true);
  return value;
}

Value Body::number(Type type, double value) {
  if (!isa<FloatType>(type))
    return integer(type, static_cast<int64_t>(value));
  return arith::ConstantOp::create(*this, type, getFloatAttr(type, value)).getResult();
}
Value Body::integer(Type type, int64_t value) {
  return arith::ConstantOp::create(
             *this, type,
             IntegerAttr::get(type, APInt(type.getIntOrFloatBitWidth(), static_cast<uint64_t>(value),
                                          /*isSigned=*/false,
                                          /*implicitTrunc=*/true)))
      .getResult();
}
Value Body::index(int64_t value) {
  if (!isOpen(value))
    return arith::ConstantIndexOp::create(*this, value);
  assert(node && "a body that meets open sizes knows its node");
  return node->index(*this, value);
}
Value Body::count(Type type, int64_t value) {
  if (!isOpen(value))
    return number(type, static_cast<double>(value));
  Value wide = arith::IndexCastOp::create(*this, getI64Type(), index(value));
  return convert(wide, getI64Type(), type);
}

static bool isUnsigned(Type element) { return element.isUnsignedInteger() || element.isInteger(1); }

static Value wrapNarrow(Body &b, Value byte, Type to);

Value Body::convert(Value value, Type from, Type to) {
  if (isNarrowInteger(to)) {
    Type byte = isUnsigned(to) ? Type(getIntegerType(8, /*isSigned=*/false)) : Type(getI8Type());
    return wrapNarrow(*this, convert(value, from, byte), to);
  }
  Type have = computeElement(from), want = computeElement(to);
  auto fromFloat = dyn_cast<FloatType>(have), toFloat = dyn_cast<FloatType>(want);
  if (to.isInteger(1)) {
    if (from.isInteger(1))
      return value;
    if (fromFloat)
      return arith::CmpFOp::create(*this, arith::CmpFPredicate::UNE, value, number(have, 0));
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, value, integer(have, 0));
  }
  if (fromFloat && toFloat) {
    if (fromFloat.getWidth() == toFloat.getWidth())
      return value;
    if (fromFloat.getWidth() < toFloat.getWidth())
      return arith::ExtFOp::create(*this, want, value);
    return arith::TruncFOp::create(*this, want, value);
  }
  if (fromFloat) {
    // Outside of the range the result is anything, but never undefined: saturate in 64 bits, then cut.
    Type i64 = getI64Type();
    bool wide = to.isUnsignedInteger(64);
    double limit = wide ? 18446744073709549568.0 : 9223372036854774784.0;
    if (have.isF32())
      limit = wide ? 18446742974197923840.0 : 9223371487098961920.0;
    Value clamped = arith::MinNumFOp::create(
        *this, arith::MaxNumFOp::create(*this, value, number(have, wide ? 0.0 : -limit)), number(have, limit));
    Value whole = wide ? arith::FPToUIOp::create(*this, i64, clamped).getResult()
                       : arith::FPToSIOp::create(*this, i64, clamped).getResult();
    return want == i64 ? whole : arith::TruncIOp::create(*this, want, whole).getResult();
  }
  if (toFloat)
    return isUnsigned(from) ? arith::UIToFPOp::create(*this, want, value).getResult()
                            : arith::SIToFPOp::create(*this, want, value).getResult();
  unsigned a = have.getIntOrFloatBitWidth(), c = want.getIntOrFloatBitWidth();
  if (a == c)
    return value;
  if (a > c)
    return arith::TruncIOp::create(*this, want, value);
  return isUnsigned(from) ? arith::ExtUIOp::create(*this, want, value).getResult()
                          : arith::ExtSIOp::create(*this, want, value).getResult();
}

Value Body::add(Value a, Value b) {
  return isa<FloatType>(a.getType()) ? arith::AddFOp::create(*this, a, b).getResult()
                                     : arith::AddIOp::create(*this, a, b).getResult();
}
Value Body::sub(Value a, Value b) {
  return isa<FloatType>(a.getType()) ? arith::SubFOp::create(*this, a, b).getResult()
                                     : arith::SubIOp::create(*this, a, b).getResult();
}
Value Body::mul(Value a, Value b) {
  return isa<FloatType>(a.getType()) ? arith::MulFOp::create(*this, a, b).getResult()
                                     : arith::MulIOp::create(*this, a, b).getResult();
}

Value Body::div(Value a, Value b, Type element) {
  if (isa<FloatType>(a.getType()))
    return arith::DivFOp::create(*this, a, b);
  Type type = a.getType();
  Value zero = integer(type, 0), one = integer(type, 1);
  Value byZero = arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, b, zero);
  Value divisor = select(byZero, one, b), quotient;
  if (isUnsigned(element)) {
    quotient = arith::DivUIOp::create(*this, a, divisor);
  } else {
    // The least number by -1 traps as well: its negation is itself.
    Value minus = arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, divisor, integer(type, -1));
    Value negated = arith::SubIOp::create(*this, zero, a);
    quotient = select(minus, negated, arith::DivSIOp::create(*this, a, select(minus, one, divisor)));
  }
  return select(byZero, zero, quotient);
}

Value Body::max(Value a, Value b, Type element) {
  if (isa<FloatType>(a.getType()))
    return arith::MaximumFOp::create(*this, a, b);
  return isUnsigned(element) ? arith::MaxUIOp::create(*this, a, b).getResult()
                             : arith::MaxSIOp::create(*this, a, b).getResult();
}
Value Body::min(Value a, Value b, Type element) {
  if (isa<FloatType>(a.getType()))
    return arith::MinimumFOp::create(*this, a, b);
  return isUnsigned(element) ? arith::MinUIOp::create(*this, a, b).getResult()
                             : arith::MinSIOp::create(*this, a, b).getResult();
}
Value Body::less(Value a, Value b, Type element) {
  if (isa<FloatType>(a.getType()))
    return arith::CmpFOp::create(*this, arith::CmpFPredicate::OLT, a, b);
  return arith::CmpIOp::create(*this, isUnsigned(element) ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt, a,
                               b);
}
Value Body::equal(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, a, b);
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, a, b);
}
Value Body::select(Value condition, Value yes, Value no) { return arith::SelectOp::create(*this, condition, yes, no); }
Value Body::expOfNonPositive(Value x) {
  auto op = math::ExpOp::create(*this, x);
  op->setAttr("llmc.nonpositive", getUnitAttr());
  return op;
}
Value Body::maxOfNumbers(Value a, Value b, Type element) {
  Value most = max(a, b, element);
  if (auto op = most.getDefiningOp<arith::MaximumFOp>())
    op.setFastmath(arith::FastMathFlags::nnan);
  return most;
}
Value Body::exp(Value x) { return math::ExpOp::create(*this, x); }
Value Body::extract(Value tensor, ValueRange indices) { return tensor::ExtractOp::create(*this, tensor, indices); }
Value Body::asIndex(Value value, Type element) {
  if (value.getType().isIndex())
    return value;
  return isUnsigned(element) ? arith::IndexCastUIOp::create(*this, getIndexType(), value).getResult()
                             : arith::IndexCastOp::create(*this, getIndexType(), value).getResult();
}

Value Body::both(Value a, Value b) { return arith::AndIOp::create(*this, a, b); }
Value Body::either(Value a, Value b) { return arith::OrIOp::create(*this, a, b); }
Value Body::below(Value a, Value b) { return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, a, b); }
Value Body::same(Value a, Value b) { return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, a, b); }
Value Body::inside(Value place, int64_t size) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::ult, place, index(size));
}
Value Body::clamped(Value place, int64_t size) {
  if (!isOpen(size))
    return arith::MinSIOp::create(*this, arith::MaxSIOp::create(*this, place, index(0)),
                                  index(std::max<int64_t>(0, size - 1)));
  Value last = arith::SubIOp::create(*this, index(size), index(1));
  return arith::MaxSIOp::create(*this, arith::MinSIOp::create(*this, place, last), index(0));
}
Value Body::divided(Value place, int64_t by) { return arith::DivUIOp::create(*this, place, index(by)); }
Value Body::rest(Value place, int64_t by) { return arith::RemUIOp::create(*this, place, index(by)); }
Value Body::floorIndex(Value real) {
  constexpr double limit = 1099511627776.0;
  Type type = real.getType();
  Value kept = arith::MaxNumFOp::create(*this, math::FloorOp::create(*this, real), number(type, -limit));
  kept = arith::MinNumFOp::create(*this, kept, number(type, limit));
  return arith::IndexCastOp::create(*this, getIndexType(), arith::FPToSIOp::create(*this, getI64Type(), kept));
}
Value Body::real(Value index, Type type) {
  return arith::SIToFPOp::create(*this, type, arith::IndexCastOp::create(*this, getI64Type(), index));
}
Value Body::saturated(Value real, Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer || element.isInteger(1))
    return convert(real, real.getType(), element);
  unsigned width = integer.getWidth();
  double low = isUnsigned(element) ? 0 : -std::ldexp(1.0, static_cast<int>(width) - 1);
  double high = std::ldexp(1.0, static_cast<int>(isUnsigned(element) ? width : width - 1)) - 1;
  Type type = real.getType();
  Value kept = arith::MaxNumFOp::create(*this, math::RoundEvenOp::create(*this, real), number(type, low));
  return convert(arith::MinNumFOp::create(*this, kept, number(type, high)), type, element);
}

SmallVector<Value> Body::loop(Value low, Value high, ValueRange carried, Turn turn) {
  auto op = scf::ForOp::create(*this, low, high, index(1), carried,
                               [&](OpBuilder &inner, Location where, Value i, ValueRange values) {
                                 Body body(where, inner, node);
                                 SmallVector<Value> next = turn(body, i, values);
                                 scf::YieldOp::create(body, next);
                               });
  return SmallVector<Value>(op.getResults());
}

SmallVector<Value> Body::loops(ArrayRef<int64_t> shape, ValueRange carried, Turns turn) {
  SmallVector<Value> at;
  std::function<SmallVector<Value>(Body &, size_t, ValueRange)> nest = [&](Body &b, size_t dim,
                                                                           ValueRange values) -> SmallVector<Value> {
    if (dim == shape.size())
      return turn(b, at, values);
    return b.loop(b.index(0), b.index(shape[dim]), values, [&](Body &inner, Value i, ValueRange now) {
      at.push_back(i);
      SmallVector<Value> next = nest(inner, dim + 1, now);
      at.pop_back();
      return next;
    });
  };
  return nest(*this, 0, carried);
}

/// All values of a format, by their bits.
Value Body::decodeNarrow(Value stored, Type element) {
  const llvm::fltSemantics &semantics = cast<FloatType>(element).getFloatSemantics();
  unsigned width = cast<FloatType>(element).getWidth(), count = 1u << width;
  SmallVector<float> values;
  for (unsigned bits = 0; bits < count; ++bits) {
    APFloat value(semantics, APInt(width, bits));
    bool lost;
    value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
    values.push_back(value.convertToFloat());
  }
  Value table = arith::ConstantOp::create(
      *this, DenseElementsAttr::get(RankedTensorType::get({count}, getF32Type()), ArrayRef<float>(values)));
  Value masked = arith::AndIOp::create(*this, stored, integer(stored.getType(), count - 1));
  return extract(table, {arith::IndexCastUIOp::create(*this, getIndexType(), masked)});
}

/// Rounds to nearest even. Past the largest number: that number where it saturates, else what the format has there.
Value Body::encodeNarrow(Value value, Type element, bool saturates) {
  const llvm::fltSemantics &semantics = cast<FloatType>(element).getFloatSemantics();
  unsigned width = cast<FloatType>(element).getWidth();
  Type i32 = getI32Type(), f32 = getF32Type();
  auto code = [&](const APFloat &number) {
    return integer(i32, static_cast<int64_t>(number.bitcastToAPInt().getZExtValue()));
  };
  Value bits = arith::BitcastOp::create(*this, i32, value);
  Value isNaN = arith::CmpFOp::create(*this, arith::CmpFPredicate::UNO, value, value);
  if (isa<Float8E8M0FNUType>(element)) {
    // The exponent alone; what lies between two powers goes to the larger one.
    Value rounded = add(bits, integer(i32, (1 << 23) - 1));
    Value exponent =
        arith::AndIOp::create(*this, arith::ShRUIOp::create(*this, rounded, integer(i32, 23)), integer(i32, 255));
    exponent = arith::MinUIOp::create(*this, exponent, integer(i32, 254));
    return arith::TruncIOp::create(*this, getI8Type(), select(isNaN, integer(i32, 255), exponent));
  }
  int mantissa = static_cast<int>(llvm::APFloatBase::semanticsPrecision(semantics)) - 1;
  int least = llvm::APFloatBase::semanticsMinExponent(semantics); // of normal numbers
  Value size = math::AbsFOp::create(*this, value);
  Value sizeBits = arith::AndIOp::create(*this, bits, integer(i32, 0x7fffffff));
  // Normal: round the mantissa, then count exponents from the format's first.
  int cut = 23 - mantissa;
  Value odd = arith::AndIOp::create(*this, arith::ShRUIOp::create(*this, sizeBits, integer(i32, cut)), integer(i32, 1));
  Value rounded = add(add(sizeBits, integer(i32, (1 << (cut - 1)) - 1)), odd);
  Value normal = sub(arith::ShRUIOp::create(*this, rounded, integer(i32, cut)),
                     integer(i32, static_cast<int64_t>(127 + least - 1) << mantissa));
  // Below: a whole number of the smallest step.
  Value steps = math::RoundEvenOp::create(*this, mul(size, number(f32, std::ldexp(1.0, mantissa - least))));
  Value small = arith::CmpFOp::create(*this, arith::CmpFPredicate::OLT, size, number(f32, std::ldexp(1.0, least)));
  Value few = arith::FPToSIOp::create(*this, i32, select(small, steps, number(f32, 0)));
  Value result = select(small, few, normal);
  APFloat largest = APFloat::getLargest(semantics);
  Value most = code(largest);
  bool hasNaN = !isa<Float4E2M1FNType>(element), hasInf = isa<Float8E5M2Type>(element);
  bool unsignedZero = isa<Float8E4M3FNUZType, Float8E5M2FNUZType>(element);
  Value over = arith::CmpIOp::create(*this, arith::CmpIPredicate::sgt, result, most);
  // A format without NaN has zero for it, with a sign.
  Value nan = hasNaN ? code(APFloat::getNaN(semantics)) : integer(i32, 1 << (width - 1));
  Value beyond = saturates || !hasNaN ? most : hasInf ? code(APFloat::getInf(semantics)) : nan;
  Value isInf = equal(size, number(f32, INFINITY));
  if (!saturates || !hasNaN)
    result = select(over, beyond, result);
  else
    result = select(over, select(isInf, hasInf && !saturates ? code(APFloat::getInf(semantics)) : most, most), result);
  Value negative = arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, bits, integer(i32, 0));
  Value sign = integer(i32, 1 << (width - 1));
  Value zero = integer(i32, 0);
  Value withSign = arith::OrIOp::create(*this, result, select(negative, sign, zero));
  if (unsignedZero)
    withSign = select(arith::OrIOp::create(*this, equal(result, zero), equal(result, nan)), result, withSign);
  else if (!saturates && hasNaN && !hasInf)
    withSign = select(equal(result, nan), arith::OrIOp::create(*this, nan, select(negative, sign, zero)), withSign);
  return arith::TruncIOp::create(*this, getI8Type(), select(isNaN, nan, withSign));
}

/// The low bits of a byte, as a number with or without sign.
static Value wrapNarrow(Body &b, Value byte, Type to) {
  int64_t spare = 8 - to.getIntOrFloatBitWidth();
  Value by = b.integer(byte.getType(), spare);
  Value high = arith::ShLIOp::create(b, byte, by);
  return isUnsigned(to) ? arith::ShRUIOp::create(b, high, by).getResult()
                        : arith::ShRSIOp::create(b, high, by).getResult();
}

} // namespace llmc::onnx_import
