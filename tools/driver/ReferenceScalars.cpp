// ReferenceScalars.cpp - one line an op.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/ReferenceScalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ADT/bit.h"

#include <cmath>

using namespace mlir;

namespace llmc::driver {

ScalarType::ScalarType(Type type) {
  if (type.isF16())
    kind = F16;
  else if (type.isBF16())
    kind = BF16;
  else if (type.isF32())
    kind = F32;
  else if (type.isF64())
    kind = F64;
  bits = type.isIndex() ? 64 : static_cast<uint8_t>(type.getIntOrFloatBitWidth());
}

static uint64_t mask(unsigned bits) { return bits >= 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1; }

static const llvm::fltSemantics &semantics(ScalarType type) {
  return type.kind == ScalarType::F16 ? llvm::APFloat::IEEEhalf() : llvm::APFloat::BFloat();
}

double toDouble(uint64_t bits, ScalarType type) {
  switch (type.kind) {
  case ScalarType::F32:
    return llvm::bit_cast<float>(static_cast<uint32_t>(bits));
  case ScalarType::F64:
    return llvm::bit_cast<double>(bits);
  case ScalarType::F16:
  case ScalarType::BF16: {
    llvm::APFloat value(semantics(type), llvm::APInt(16, bits & 0xffff));
    bool lost;
    value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
    return value.convertToDouble();
  }
  default:
    return static_cast<double>(bits);
  }
}

uint64_t fromDouble(double value, ScalarType type) {
  switch (type.kind) {
  case ScalarType::F32:
    return llvm::bit_cast<uint32_t>(static_cast<float>(value));
  case ScalarType::F64:
    return llvm::bit_cast<uint64_t>(value);
  default: {
    llvm::APFloat rounded(value);
    bool lost;
    rounded.convert(semantics(type), llvm::APFloat::rmNearestTiesToEven, &lost);
    return rounded.bitcastToAPInt().getZExtValue();
  }
  }
}

int64_t toSigned(uint64_t bits, ScalarType type) {
  unsigned above = 64 - type.bits;
  return static_cast<int64_t>(bits << above) >> above;
}

uint64_t fromInteger(int64_t value, ScalarType type) { return static_cast<uint64_t>(value) & mask(type.bits); }

namespace {

using Code = ScalarCode;

/// Of floats, by a function of doubles: sums and products of f32 are exact enough in double that rounding once more
/// gives what f32 gives, as are quotients and roots; those of double are double's own.
template <double (*F)(double)> uint64_t real1(const Code &c, const uint64_t *in) {
  return fromDouble(F(toDouble(in[0], c.from)), c.to);
}
template <double (*F)(double, double)> uint64_t real2(const Code &c, const uint64_t *in) {
  return fromDouble(F(toDouble(in[0], c.from), toDouble(in[1], c.from)), c.to);
}
uint64_t realFma(const Code &c, const uint64_t *in) {
  double a = toDouble(in[0], c.from), b = toDouble(in[1], c.from), d = toDouble(in[2], c.from);
  if (c.to.kind == ScalarType::F32)
    return fromDouble(std::fma(static_cast<float>(a), static_cast<float>(b), static_cast<float>(d)), c.to);
  return fromDouble(std::fma(a, b, d), c.to);
}

/// Of integers as they are, with and without a sign.
template <uint64_t (*F)(uint64_t, uint64_t)> uint64_t plain2(const Code &c, const uint64_t *in) {
  return F(in[0], in[1]) & mask(c.to.bits);
}
template <int64_t (*F)(int64_t, int64_t)> uint64_t signed2(const Code &c, const uint64_t *in) {
  return fromInteger(F(toSigned(in[0], c.from), toSigned(in[1], c.from)), c.to);
}

double addF(double a, double b) { return a + b; }
double subF(double a, double b) { return a - b; }
double mulF(double a, double b) { return a * b; }
double divF(double a, double b) { return a / b; }
double negF(double a) { return -a; }
double maximumF(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b); }
double minimumF(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b); }
double identityF(double a) { return a; }

uint64_t addI(uint64_t a, uint64_t b) { return a + b; }
uint64_t subI(uint64_t a, uint64_t b) { return a - b; }
uint64_t mulI(uint64_t a, uint64_t b) { return a * b; }
uint64_t andI(uint64_t a, uint64_t b) { return a & b; }
uint64_t orI(uint64_t a, uint64_t b) { return a | b; }
uint64_t xorI(uint64_t a, uint64_t b) { return a ^ b; }
uint64_t divU(uint64_t a, uint64_t b) { return b ? a / b : 0; }
uint64_t remU(uint64_t a, uint64_t b) { return b ? a % b : 0; }
uint64_t maxU(uint64_t a, uint64_t b) { return a > b ? a : b; }
uint64_t minU(uint64_t a, uint64_t b) { return a < b ? a : b; }
uint64_t shl(uint64_t a, uint64_t b) { return b < 64 ? a << b : 0; }
uint64_t shrU(uint64_t a, uint64_t b) { return b < 64 ? a >> b : 0; }
int64_t divS(int64_t a, int64_t b) {
  return b == 0 ? 0 : b == -1 ? static_cast<int64_t>(-static_cast<uint64_t>(a)) : a / b;
}
int64_t remS(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
int64_t maxS(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t minS(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t shrS(int64_t a, int64_t b) { return a >> (b < 0 || b > 63 ? 63 : b); }

uint64_t compareI(const Code &c, const uint64_t *in) {
  int64_t a = toSigned(in[0], c.from), b = toSigned(in[1], c.from);
  switch (static_cast<arith::CmpIPredicate>(c.detail)) {
  case arith::CmpIPredicate::eq:
    return in[0] == in[1];
  case arith::CmpIPredicate::ne:
    return in[0] != in[1];
  case arith::CmpIPredicate::slt:
    return a < b;
  case arith::CmpIPredicate::sle:
    return a <= b;
  case arith::CmpIPredicate::sgt:
    return a > b;
  case arith::CmpIPredicate::sge:
    return a >= b;
  case arith::CmpIPredicate::ult:
    return in[0] < in[1];
  case arith::CmpIPredicate::ule:
    return in[0] <= in[1];
  case arith::CmpIPredicate::ugt:
    return in[0] > in[1];
  case arith::CmpIPredicate::uge:
    return in[0] >= in[1];
  }
  return 0;
}

uint64_t compareF(const Code &c, const uint64_t *in) {
  double a = toDouble(in[0], c.from), b = toDouble(in[1], c.from);
  bool none = std::isnan(a) || std::isnan(b);
  switch (static_cast<arith::CmpFPredicate>(c.detail)) {
  case arith::CmpFPredicate::AlwaysFalse:
    return 0;
  case arith::CmpFPredicate::OEQ:
    return a == b;
  case arith::CmpFPredicate::OGT:
    return a > b;
  case arith::CmpFPredicate::OGE:
    return a >= b;
  case arith::CmpFPredicate::OLT:
    return a < b;
  case arith::CmpFPredicate::OLE:
    return a <= b;
  case arith::CmpFPredicate::ONE:
    return !none && a != b;
  case arith::CmpFPredicate::ORD:
    return !none;
  case arith::CmpFPredicate::UEQ:
    return none || a == b;
  case arith::CmpFPredicate::UGT:
    return none || a > b;
  case arith::CmpFPredicate::UGE:
    return none || a >= b;
  case arith::CmpFPredicate::ULT:
    return none || a < b;
  case arith::CmpFPredicate::ULE:
    return none || a <= b;
  case arith::CmpFPredicate::UNE:
    return none || a != b;
  case arith::CmpFPredicate::UNO:
    return none;
  case arith::CmpFPredicate::AlwaysTrue:
    return 1;
  }
  return 0;
}

uint64_t select(const Code &, const uint64_t *in) { return in[0] & 1 ? in[1] : in[2]; }
uint64_t same(const Code &c, const uint64_t *in) { return in[0] & mask(c.to.bits); }
uint64_t extendSigned(const Code &c, const uint64_t *in) { return fromInteger(toSigned(in[0], c.from), c.to); }
uint64_t absI(const Code &c, const uint64_t *in) {
  int64_t a = toSigned(in[0], c.from);
  return fromInteger(a < 0 ? static_cast<int64_t>(-static_cast<uint64_t>(a)) : a, c.to);
}
uint64_t fromSigned(const Code &c, const uint64_t *in) {
  int64_t a = toSigned(in[0], c.from);
  // Through double a large one would be rounded twice.
  return c.to.kind == ScalarType::F32 ? fromDouble(static_cast<float>(a), c.to) : fromDouble(double(a), c.to);
}
uint64_t fromUnsigned(const Code &c, const uint64_t *in) {
  return c.to.kind == ScalarType::F32 ? fromDouble(static_cast<float>(in[0]), c.to) : fromDouble(double(in[0]), c.to);
}
/// Outside of the range nothing is defined: the nearest.
uint64_t toSignedInteger(const Code &c, const uint64_t *in) {
  double a = toDouble(in[0], c.from), most = std::ldexp(1.0, c.to.bits - 1);
  if (std::isnan(a))
    return 0;
  return fromInteger(a >= most   ? static_cast<int64_t>(mask(c.to.bits - 1))
                     : a < -most ? -static_cast<int64_t>(mask(c.to.bits - 1)) - 1
                                 : static_cast<int64_t>(a),
                     c.to);
}
uint64_t toUnsignedInteger(const Code &c, const uint64_t *in) {
  double a = toDouble(in[0], c.from);
  if (!(a > 0))
    return 0;
  return a >= std::ldexp(1.0, c.to.bits) ? mask(c.to.bits) : static_cast<uint64_t>(a);
}

using Run = uint64_t (*)(const Code &, const uint64_t *);

Run runOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, Run>(op)
      .Case<arith::AddFOp>([](auto) { return real2<addF>; })
      .Case<arith::SubFOp>([](auto) { return real2<subF>; })
      .Case<arith::MulFOp>([](auto) { return real2<mulF>; })
      .Case<arith::DivFOp>([](auto) { return real2<divF>; })
      .Case<arith::RemFOp>([](auto) { return real2<std::fmod>; })
      .Case<arith::NegFOp>([](auto) { return real1<negF>; })
      .Case<arith::MaximumFOp>([](auto) { return real2<maximumF>; })
      .Case<arith::MinimumFOp>([](auto) { return real2<minimumF>; })
      .Case<arith::MaxNumFOp>([](auto) { return real2<std::fmax>; })
      .Case<arith::MinNumFOp>([](auto) { return real2<std::fmin>; })
      .Case<arith::ExtFOp, arith::TruncFOp>([](auto) { return real1<identityF>; })
      .Case<math::AbsFOp>([](auto) { return real1<std::fabs>; })
      .Case<math::AcosOp>([](auto) { return real1<std::acos>; })
      .Case<math::AcoshOp>([](auto) { return real1<std::acosh>; })
      .Case<math::AsinOp>([](auto) { return real1<std::asin>; })
      .Case<math::AsinhOp>([](auto) { return real1<std::asinh>; })
      .Case<math::AtanOp>([](auto) { return real1<std::atan>; })
      .Case<math::AtanhOp>([](auto) { return real1<std::atanh>; })
      .Case<math::Atan2Op>([](auto) { return real2<std::atan2>; })
      .Case<math::CeilOp>([](auto) { return real1<std::ceil>; })
      .Case<math::CosOp>([](auto) { return real1<std::cos>; })
      .Case<math::CoshOp>([](auto) { return real1<std::cosh>; })
      .Case<math::ErfOp>([](auto) { return real1<std::erf>; })
      .Case<math::ExpM1Op>([](auto) { return real1<std::expm1>; })
      .Case<math::ExpOp>([](auto) { return real1<std::exp>; })
      .Case<math::Exp2Op>([](auto) { return real1<std::exp2>; })
      .Case<math::FloorOp>([](auto) { return real1<std::floor>; })
      .Case<math::FmaOp>([](auto) { return realFma; })
      .Case<math::Log1pOp>([](auto) { return real1<std::log1p>; })
      .Case<math::LogOp>([](auto) { return real1<std::log>; })
      .Case<math::Log2Op>([](auto) { return real1<std::log2>; })
      .Case<math::PowFOp>([](auto) { return real2<std::pow>; })
      .Case<math::RoundEvenOp>([](auto) { return real1<std::nearbyint>; })
      .Case<math::RoundOp>([](auto) { return real1<std::round>; })
      .Case<math::SinOp>([](auto) { return real1<std::sin>; })
      .Case<math::SinhOp>([](auto) { return real1<std::sinh>; })
      .Case<math::SqrtOp>([](auto) { return real1<std::sqrt>; })
      .Case<math::TanOp>([](auto) { return real1<std::tan>; })
      .Case<math::TanhOp>([](auto) { return real1<std::tanh>; })
      .Case<math::TruncOp>([](auto) { return real1<std::trunc>; })
      .Case<math::CopySignOp>([](auto) { return real2<std::copysign>; })
      .Case<arith::AddIOp>([](auto) { return plain2<addI>; })
      .Case<arith::SubIOp>([](auto) { return plain2<subI>; })
      .Case<arith::MulIOp>([](auto) { return plain2<mulI>; })
      .Case<arith::AndIOp>([](auto) { return plain2<andI>; })
      .Case<arith::OrIOp>([](auto) { return plain2<orI>; })
      .Case<arith::XOrIOp>([](auto) { return plain2<xorI>; })
      .Case<arith::DivUIOp>([](auto) { return plain2<divU>; })
      .Case<arith::RemUIOp>([](auto) { return plain2<remU>; })
      .Case<arith::MaxUIOp>([](auto) { return plain2<maxU>; })
      .Case<arith::MinUIOp>([](auto) { return plain2<minU>; })
      .Case<arith::ShLIOp>([](auto) { return plain2<shl>; })
      .Case<arith::ShRUIOp>([](auto) { return plain2<shrU>; })
      .Case<arith::DivSIOp>([](auto) { return signed2<divS>; })
      .Case<arith::RemSIOp>([](auto) { return signed2<remS>; })
      .Case<arith::MaxSIOp>([](auto) { return signed2<maxS>; })
      .Case<arith::MinSIOp>([](auto) { return signed2<minS>; })
      .Case<arith::ShRSIOp>([](auto) { return signed2<shrS>; })
      .Case<arith::CmpIOp>([](auto) { return compareI; })
      .Case<arith::CmpFOp>([](auto) { return compareF; })
      .Case<arith::SelectOp>([](auto) { return select; })
      .Case<arith::BitcastOp, arith::ExtUIOp, arith::TruncIOp, arith::IndexCastUIOp>([](auto) { return same; })
      .Case<arith::ExtSIOp, arith::IndexCastOp>([](auto) { return extendSigned; })
      .Case<math::AbsIOp>([](auto) { return absI; })
      .Case<arith::SIToFPOp>([](auto) { return fromSigned; })
      .Case<arith::UIToFPOp>([](auto) { return fromUnsigned; })
      .Case<arith::FPToSIOp>([](auto) { return toSignedInteger; })
      .Case<arith::FPToUIOp>([](auto) { return toUnsignedInteger; })
      .Default([](Operation *) { return Run(nullptr); });
}

} // namespace

ScalarCode scalarCode(Operation *op) {
  ScalarCode code;
  // One dialect's ops work on tensors too; those of lowered graphs do not.
  if (op->getNumResults() != 1 || op->getNumOperands() == 0 || op->getNumOperands() > 3 ||
      !op->getResult(0).getType().isIntOrIndexOrFloat() || !op->getOperand(0).getType().isIntOrIndexOrFloat())
    return code;
  code.run = runOf(op);
  code.from = ScalarType(op->getOperand(0).getType());
  code.to = ScalarType(op->getResult(0).getType());
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    code.detail = static_cast<int64_t>(compare.getPredicate());
  else if (auto compare = dyn_cast<arith::CmpFOp>(op))
    code.detail = static_cast<int64_t>(compare.getPredicate());
  return code;
}

} // namespace llmc::driver
