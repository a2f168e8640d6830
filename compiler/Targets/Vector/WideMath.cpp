// WideMath.cpp - elementary functions of f64 as straight-line code.
//
// Not here: sine and cosine, which Math.cpp has in f64 for rotary embedding.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/WideMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace llmc::vector_emit {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kPi = 3.14159265358979323846;
// ln 2 in two parts, the first with 21 trailing zeros, so that a whole number of up to 2^11 times it is exact.
constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;

/// A builder with the type that all numbers have: f64, or a vector of it.
struct Wide {
  VectorBuilder &b;
  Type type, integer;

  Wide(VectorBuilder &b, Value x) : b(b), type(x.getType()), integer(b.getI64Type()) {
    if (auto vector = dyn_cast<VectorType>(type))
      integer = VectorType::get(vector.getShape(), integer);
  }
  Value number(double value) { return b.constant(type, value); }
  Value whole(int64_t value) {
    TypedAttr attr = b.getI64IntegerAttr(value);
    if (auto vector = dyn_cast<VectorType>(integer))
      attr = DenseElementsAttr::get(vector, attr);
    return arith::ConstantOp::create(b, attr);
  }
  Value is(arith::CmpFPredicate predicate, Value x, double bound) {
    return arith::CmpFOp::create(b, predicate, x, number(bound));
  }
  Value below(Value x, double bound) { return is(arith::CmpFPredicate::OLT, x, bound); }
  Value above(Value x, double bound) { return is(arith::CmpFPredicate::OGT, x, bound); }
  Value select(Value condition, Value yes, Value no) { return arith::SelectOp::create(b, condition, yes, no); }
  Value size(Value x) { return LLVM::FAbsOp::create(b, type, x); }
  Value signOf(Value size, Value x) { return LLVM::CopySignOp::create(b, type, size, x); }
  /// A NaN stays what it was.
  Value keepNaN(Value result, Value x) {
    return select(arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x), x, result);
  }
  Value bits(Value x) { return arith::BitcastOp::create(b, integer, x); }
  Value fromBits(Value x) { return arith::BitcastOp::create(b, type, x); }
  /// c[0] + x (c[1] + x (...)) by fused steps.
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value sum = number(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = b.fma(sum, x, number(coefficient));
    return sum;
  }
  /// 2^n for a whole n in [-1022, 1023].
  Value power(Value n) {
    Value biased = arith::AddIOp::create(b, n, whole(1023));
    return fromBits(arith::ShLIOp::create(b, biased, whole(52)));
  }
};

/// 1/first!, 1/(first+1)!, ...
SmallVector<double> inverseFactorials(int first, int count) {
  SmallVector<double> terms;
  double value = 1;
  for (int i = 2; i <= first; ++i)
    value /= i;
  for (int i = 1; i <= count; ++i) {
    terms.push_back(value);
    value /= first + i;
  }
  return terms;
}

} // namespace

Value emitWideExp(VectorBuilder &b, Value x) {
  Wide w(b, x);
  // Past these ends the result is 0 or infinity whatever is done; the clamp keeps n small.
  Value inside = arith::MinNumFOp::create(b, arith::MaxNumFOp::create(b, x, w.number(-760)), w.number(760));
  Value n = LLVM::RintOp::create(b, w.type, b.fmul(inside, w.number(1.44269504088896340736)));
  Value r = b.fma(n, w.number(-kLn2High), inside);
  r = b.fma(n, w.number(-kLn2Low), r);
  // Taylor's terms on |r| <= ln 2 / 2: what is left out is below 2^-57.
  Value p = w.polynomial(r, inverseFactorials(0, 14));
  // 2^n in two factors, so that results below the normal range come out rounded once more, not cut off.
  Value whole = arith::FPToSIOp::create(b, w.integer, n);
  Value half = arith::ShRSIOp::create(b, whole, w.whole(1));
  Value result = b.fmul(b.fmul(p, w.power(half)), w.power(arith::SubIOp::create(b, whole, half)));
  return w.keepNaN(result, x);
}

Value emitWideExpM1(VectorBuilder &b, Value x) {
  Wide w(b, x);
  Value small = b.fmul(x, w.polynomial(x, inverseFactorials(1, 15)));
  Value large = b.fsub(emitWideExp(b, x), w.number(1));
  return w.select(w.below(w.size(x), 0.35), small, large);
}

Value emitWideLog(VectorBuilder &b, Value x) {
  Wide w(b, x);
  // What is below the normal range is brought up by 2^54.
  Value tiny = w.below(x, std::numeric_limits<double>::min());
  Value scaled = w.select(tiny, b.fmul(x, w.number(0x1p54)), x);
  // x = 2^k m with m in [sqrt 1/2, sqrt 2): the bits of sqrt 1/2 are taken off, so that the exponent's field counts
  // from there.
  constexpr int64_t root = 0x3fe6a09e667f3bcd;
  Value offset = arith::SubIOp::create(b, w.bits(scaled), w.whole(root));
  Value k = arith::ShRSIOp::create(b, offset, w.whole(52));
  Value mantissa = w.fromBits(arith::SubIOp::create(b, w.bits(scaled), arith::ShLIOp::create(b, k, w.whole(52))));
  k = arith::SubIOp::create(b, k, w.select(tiny, w.whole(54), w.whole(0)));
  Value f = b.fsub(mantissa, w.number(1));
  // ln(1 + f) = 2 artanh s with s = f / (2 + f), which is f - s (f - R), R = 2 (s^2/3 + s^4/5 + ...), |s| < 0.172.
  Value s = b.fdiv(f, b.fadd(f, w.number(2)));
  Value square = b.fmul(s, s);
  SmallVector<double> terms;
  for (int i = 1; i <= 12; ++i)
    terms.push_back(2.0 / (2 * i + 1));
  Value rest = b.fmul(square, w.polynomial(square, terms));
  Value exponent = arith::SIToFPOp::create(b, w.type, k);
  Value low = b.fma(exponent, w.number(kLn2Low), b.fsub(w.number(0), b.fmul(s, b.fsub(f, rest))));
  Value result = b.fadd(b.fma(exponent, w.number(kLn2High), f), low);
  result = w.select(w.is(arith::CmpFPredicate::OEQ, x, kInfinity), x, result);
  result = w.select(w.is(arith::CmpFPredicate::OEQ, x, 0), w.number(-kInfinity), result);
  result = w.select(w.below(x, 0), w.number(std::numeric_limits<double>::quiet_NaN()), result);
  return w.keepNaN(result, x);
}

Value emitWideLog1p(VectorBuilder &b, Value x) {
  Wide w(b, x);
  Value u = b.fadd(x, w.number(1));
  // What rounding 1 + x lost, to first order.
  Value lost = b.fdiv(b.fsub(x, b.fsub(u, w.number(1))), u);
  Value result = b.fadd(emitWideLog(b, u), lost);
  Value plain =
      arith::OrIOp::create(b, w.is(arith::CmpFPredicate::OEQ, u, kInfinity), w.is(arith::CmpFPredicate::OEQ, u, 0));
  result = w.select(plain, emitWideLog(b, u), result);
  return w.select(w.is(arith::CmpFPredicate::OEQ, x, 0), x, result);
}

Value emitWideTanh(VectorBuilder &b, Value x) {
  Wide w(b, x);
  // t = e^(2|x|) - 1; tanh = t / (t + 2). From 20 on it is 1.
  Value size = arith::MinNumFOp::create(b, w.size(x), w.number(20));
  Value t = emitWideExpM1(b, b.fadd(size, size));
  return w.keepNaN(w.signOf(b.fdiv(t, b.fadd(t, w.number(2))), x), x);
}

Value emitWideErf(VectorBuilder &b, Value x) {
  Wide w(b, x);
  Value size = arith::MinNumFOp::create(b, w.size(x), w.number(6.5));
  Value square = b.fmul(size, size);
  Value bell = emitWideExp(b, b.fsub(w.number(0), square));
  // Below 2.5: 2/sqrt(pi) e^(-x^2) x (1 + 2x^2/3 + (2x^2)^2/15 + ...), all terms positive.
  SmallVector<double> terms = {1};
  for (int i = 1; i < 48; ++i)
    terms.push_back(terms.back() * 2 / (2 * i + 1));
  Value series = b.fmul(b.fmul(size, bell), b.fmul(w.polynomial(square, terms), w.number(2 / std::sqrt(kPi))));
  // Above: 1 - erfc, by the continued fraction e^(-x^2)/sqrt(pi) / (x + 1/2/(x + 2/2/(x + 3/2/(...)))).
  Value deep = arith::MaxNumFOp::create(b, size, w.number(2));
  Value fraction = deep;
  for (int i = 40; i > 0; --i)
    fraction = b.fadd(deep, b.fdiv(w.number(i * 0.5), fraction));
  Value large = b.fsub(w.number(1), b.fdiv(b.fmul(bell, w.number(1 / std::sqrt(kPi))), fraction));
  Value result = w.select(w.below(size, 2.5), series, large);
  return w.keepNaN(w.signOf(result, x), x);
}

Value emitWideAtan(VectorBuilder &b, Value x) {
  Wide w(b, x);
  Value size = w.size(x), one = w.number(1);
  Value steep = w.above(size, 1);
  Value t = w.select(steep, b.fdiv(one, size), size);
  // Above tan(pi/8): atan t = pi/4 + atan((t - 1) / (t + 1)).
  Value upper = w.above(t, 0.41421356237309503);
  Value u = w.select(upper, b.fdiv(b.fsub(t, one), b.fadd(t, one)), t);
  SmallVector<double> terms;
  for (int i = 0; i < 23; ++i)
    terms.push_back((i % 2 ? -1.0 : 1.0) / (2 * i + 1));
  Value angle = b.fmul(u, w.polynomial(b.fmul(u, u), terms));
  angle = w.select(upper, b.fadd(w.number(kPi / 4), angle), angle);
  angle = w.select(steep, b.fsub(w.number(kPi / 2), angle), angle);
  return w.keepNaN(w.signOf(angle, x), x);
}

Value emitWideAsin(VectorBuilder &b, Value x) {
  Wide w(b, x);
  Value one = w.number(1);
  // Outside of [-1, 1] the root is a NaN.
  return emitWideAtan(b, b.fdiv(x, b.sqrt(b.fmul(b.fsub(one, x), b.fadd(one, x)))));
}

Value emitWideAcos(VectorBuilder &b, Value x) {
  Wide w(b, x);
  Value one = w.number(1);
  Value half = emitWideAtan(b, b.sqrt(b.fdiv(b.fsub(one, x), b.fadd(one, x))));
  return b.fadd(half, half);
}

} // namespace llmc::vector_emit
