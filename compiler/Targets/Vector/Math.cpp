// Math.cpp - elementary functions as straight-line vector code.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Math.h"

#include "compiler/Targets/TargetBackend.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace llmc::vector_emit {

static Type withElement(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return VectorType::get(vector.getShape(), element);
  return element;
}

static Value compare(VectorBuilder &b, arith::CmpFPredicate predicate, Value x, double bound) {
  return arith::CmpFOp::create(b, predicate, x, b.constant(x.getType(), bound));
}
static Value select(VectorBuilder &b, Value condition, Value a, Value c) {
  return arith::SelectOp::create(b, condition, a, c);
}
static Value intConstant(VectorBuilder &b, Type type, int64_t value) {
  TypedAttr attr = b.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(b, attr);
}
/// c[0] + x (c[1] + x (...)) by fused steps.
static Value polynomial(VectorBuilder &b, Value x, ArrayRef<double> coefficients) {
  Value sum = b.constant(x.getType(), coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = b.fma(sum, x, b.constant(x.getType(), coefficient));
  return sum;
}

/// e^x = p 2^n, and n as it stands in the low bits of `shifted`.
struct ExpParts {
  Value p, n, shifted;
};
static ExpParts expParts(VectorBuilder &b, Value x) {
  Type type = x.getType();
  // x = n ln 2 + r with |r| <= ln 2 / 2. n is rounded by adding 1.5 * 2^23, after which it stands in the low bits of
  // the sum.
  constexpr double magic = 12582912.0;
  Value shifted = b.fma(x, b.constant(type, 1.44269504088896340736), b.constant(type, magic));
  Value n = b.fsub(shifted, b.constant(type, magic));
  // ln 2 in two parts, the first with trailing zeros so that n times it is exact.
  Value r = b.fma(n, b.constant(type, -0.693359375), x);
  r = b.fma(n, b.constant(type, 2.12194440e-4), r);
  // Taylor's terms to r^7: the remainder is below 2^-28 of the value on the interval.
  return {polynomial(b, r, {1.0, 1.0, 0.5, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040}), n, shifted};
}
/// p 2^n by adding n to the exponent. At the ends of what is kept, n = 128 comes with p < 1 and n = -126 with p >= 1,
/// so that the exponent stays in range.
static Value scaled(VectorBuilder &b, const ExpParts &parts) {
  Type type = parts.p.getType(), integer = withElement(type, b.getI32Type());
  Value power =
      arith::ShLIOp::create(b, arith::BitcastOp::create(b, integer, parts.shifted), intConstant(b, integer, 23));
  Value bits = arith::AddIOp::create(b, arith::BitcastOp::create(b, integer, parts.p), power);
  return arith::BitcastOp::create(b, type, bits);
}
/// Below it results leave the normal range and are flushed to zero: attention's masked scores become exact zeros.
constexpr double kLeastExponent = -87.33654;

Value emitExp(VectorBuilder &b, Value x) {
  Type type = x.getType();
  Value result = scaled(b, expParts(b, x));
  result = select(b, compare(b, arith::CmpFPredicate::OLT, x, kLeastExponent), b.constant(type, 0.0), result);
  result = select(b, compare(b, arith::CmpFPredicate::OGT, x, 88.72283),
                  b.constant(type, std::numeric_limits<double>::infinity()), result);
  Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  return select(b, isNaN, x, result);
}

Value emitExpOfNonPositive(VectorBuilder &b, const TargetBackend &backend, Value x) {
  ExpParts parts = expParts(b, x);
  Value zero = b.constant(x.getType(), 0.0);
  // What scales by an instruction keeps a NaN.
  if (Value result = backend.scaleByPowerOfTwo(b, parts.p, parts.n))
    return select(b, compare(b, arith::CmpFPredicate::UGE, x, kLeastExponent), result, zero);
  Value result = select(b, compare(b, arith::CmpFPredicate::OLT, x, kLeastExponent), zero, scaled(b, parts));
  return select(b, arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x), x, result);
}

Value emitTanh(VectorBuilder &b, Value x) {
  Type type = x.getType();
  Value magnitude = LLVM::FAbsOp::create(b, type, x);
  // Small arguments: x + x^3 q(x^2), where (1 - e) / (1 + e) would cancel.
  Value square = b.fmul(x, x);
  Value q =
      polynomial(b, square, {-0.333332819422, 0.133314422036, -0.0537397155531, 0.0206390887954, -0.00570498872745});
  Value small = b.fma(b.fmul(square, x), q, x);
  Value e = emitExp(b, b.fmul(magnitude, b.constant(type, -2.0)));
  Value one = b.constant(type, 1.0);
  Value large = b.fdiv(b.fsub(one, e), b.fadd(one, e));
  // The sign last: the fused step turns -0 into +0.
  Value result = select(b, compare(b, arith::CmpFPredicate::OLT, magnitude, 0.625), small, large);
  return LLVM::CopySignOp::create(b, type, result, x);
}

Value emitErf(VectorBuilder &b, Value x) {
  Type type = x.getType();
  Value magnitude = LLVM::FAbsOp::create(b, type, x);
  // Below 0.84375: x times a polynomial in x^2, fitted to erf(x) / x with the least largest relative error, 6e-9.
  Value small = b.fmul(x, polynomial(b, b.fmul(x, x),
                                     {1.1283791065216064, -0.3761257529258728, 0.11282775551080704,
                                      -0.026805104687809944, 0.005055622663348913, -0.0006342920241877437}));
  // Above: 1 - exp(-t - t p(t)), p fitted to the logarithm of erfc up to 4, where the result is 1; in it the largest
  // error is 3e-9.
  Value t = select(b, compare(b, arith::CmpFPredicate::OGT, magnitude, 4.0), b.constant(type, 4.0), magnitude);
  Value p = polynomial(b, t,
                       {0.12852779030799866, 0.6356729865074158, 0.105321504175663, -0.022928139194846153,
                        0.0032268345821648836, -0.0002154228714061901});
  Value erfc = emitExp(b, b.fsub(b.constant(type, 0.0), b.fma(p, t, t)));
  Value large = LLVM::CopySignOp::create(b, type, b.fsub(b.constant(type, 1.0), erfc), x);
  return select(b, compare(b, arith::CmpFPredicate::OLT, magnitude, 0.84375), small, large);
}

std::pair<Value, Value> emitSinCos(VectorBuilder &b, Value x) {
  Type type = x.getType(), integer = withElement(type, b.getI32Type());
  // x = n pi/2 + r; pi/2 in three parts of 33 bits each but the last, so that n times the first two is exact for n <
  // 2^20 and the error stays below 1e-15 for n < 2^30.
  Value n = LLVM::RintOp::create(b, type, b.fmul(x, b.constant(type, 0.63661977236758134308)));
  Value r = b.fma(n, b.constant(type, -1.57079632673412561417e+00), x);
  r = b.fma(n, b.constant(type, -6.07710050630396597660e-11), r);
  r = b.fma(n, b.constant(type, -2.02226624879595063154e-21), r);
  Value square = b.fmul(r, r);
  // Taylor on |r| <= pi/4: the terms left out are below 2e-17.
  auto factorials = [](int first, int count) {
    SmallVector<double> terms;
    double value = 1.0;
    for (int i = 2; i <= first; ++i)
      value /= i;
    for (int i = 0; i < count; ++i) {
      terms.push_back((i % 2 ? -1.0 : 1.0) * value);
      value /= (first + 2 * i + 1.0) * (first + 2 * i + 2.0);
    }
    return terms;
  };
  Value sine = b.fmul(r, polynomial(b, square, factorials(1, 9)));
  Value cosine = polynomial(b, square, factorials(0, 10));
  Value quadrant = arith::FPToSIOp::create(b, integer, n);
  auto bit = [&](Value value, int64_t mask) -> Value {
    Value masked = arith::AndIOp::create(b, value, intConstant(b, integer, mask));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, masked, intConstant(b, integer, 0));
  };
  Value odd = bit(quadrant, 1);
  Value sinNegative = bit(quadrant, 2);
  Value cosNegative = bit(arith::AddIOp::create(b, quadrant, intConstant(b, integer, 1)), 2);
  Value zero = b.constant(type, 0.0);
  Value s = select(b, odd, cosine, sine), c = select(b, odd, sine, cosine);
  return {select(b, sinNegative, b.fsub(zero, s), s), select(b, cosNegative, b.fsub(zero, c), c)};
}

SmallVector<Value> emitScalarBody(VectorBuilder &b, Block &body, ValueRange arguments, int64_t lanes) {
  IRMapping mapping;
  mapping.map(body.getArguments(), arguments);
  for (Operation &op : body.without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      auto value = cast<FloatAttr>(constant.getValue());
      mapping.map(constant.getResult(), b.constant(b.vecF32(lanes), value.getValueAsDouble()));
      continue;
    }
    auto operand = [&](unsigned i) { return mapping.lookup(op.getOperand(i)); };
    Value result;
    if (isa<math::ExpOp>(op))
      result = emitExp(b, operand(0));
    else if (isa<math::TanhOp>(op))
      result = emitTanh(b, operand(0));
    else if (isa<math::ErfOp>(op))
      result = emitErf(b, operand(0));
    else {
      // Elementwise ops of arith mean the same on vectors.
      Operation *cloned = b.clone(op, mapping);
      for (Value value : cloned->getResults())
        value.setType(withElement(b.vecF32(lanes), getElementTypeOrSelf(value.getType())));
      continue;
    }
    mapping.map(op.getResult(0), result);
  }
  SmallVector<Value> results;
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(mapping.lookup(value));
  return results;
}

} // namespace llmc::vector_emit
