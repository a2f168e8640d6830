// Cache.cpp - rounding to a cache's element type, and reading it.
//
// A number becomes what the format's descriptor says (dialects/Transformer/Formats), so that attention reads what
// transformer.attention reads.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Cache.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;

namespace {

/// 1.5 * 2^23: added to a small f32 it leaves the nearest whole number, halves to even, in the low bits.
constexpr double kRounding = 12582912.0;
constexpr double kLargestHalf = 65504.0;

/// `type`, or a vector of it as long as `like`.
Type shaped(VectorBuilder &b, Type type, Value like) {
  auto vector = dyn_cast<VectorType>(like.getType());
  return vector ? Type(b.vec(vector.getDimSize(0), type)) : type;
}

Value whole(VectorBuilder &b, Type type, int64_t value) {
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(vector, APInt(vector.getElementTypeBitWidth(), static_cast<uint64_t>(value))));
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
}

/// The upper half of an f32, rounded to nearest, halves to even; what is not a number stays none.
Value toBfloat(VectorBuilder &b, Value number) {
  Type words = shaped(b, b.getI32Type(), number);
  Value bits = arith::BitcastOp::create(b, words, number), sixteen = whole(b, words, 16);
  Value upper = arith::ShRUIOp::create(b, bits, sixteen);
  Value odd = arith::AndIOp::create(b, upper, whole(b, words, 1));
  Value rounded = b.add(b.add(bits, whole(b, words, 0x7fff)), odd);
  rounded = arith::ShRUIOp::create(b, rounded, sixteen);
  Value isNone = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, number, number);
  Value none = arith::OrIOp::create(b, upper, whole(b, words, 0x40));
  return arith::TruncIOp::create(b, shaped(b, b.getI16Type(), number),
                                 arith::SelectOp::create(b, isNone, none, rounded));
}

} // namespace

Value CacheCells::scalesFrom(Value block, Value position) {
  if (!page.hasScales())
    return {};
  return b.at(block, b.add(b.mul(position, 2), page.getTokens() * page.getHeadDim()));
}

Value CacheCells::scales(Value scales, Value index, int64_t count) {
  if (!scales)
    return {};
  Value place = b.at(scales, b.mul(index, 2));
  if (count == 1)
    return arith::ExtFOp::create(b, b.f32(), b.load(b.getF16Type(), place, 2));
  return arith::ExtFOp::create(b, b.vecF32(count), b.load(b.vec(count, b.getF16Type()), place, 2));
}

Value CacheCells::load(Value place, int64_t lanes, Value scale) {
  Type element = page.getElement();
  VectorType floats = b.vecF32(lanes), words = b.vec(lanes, b.getI32Type());
  if (element.isF32())
    return b.load(floats, place);
  if (element.isF16())
    return arith::ExtFOp::create(b, floats, b.load(b.vec(lanes, element), place, 2));
  if (element.isBF16()) {
    Value bits = arith::ExtUIOp::create(b, words, b.load(b.vec(lanes, b.getI16Type()), place, 2));
    return arith::BitcastOp::create(b, floats, arith::ShLIOp::create(b, bits, whole(b, words, 16)));
  }
  Value codes = arith::ExtSIOp::create(b, words, b.load(b.vec(lanes, b.getI8Type()), place, 1));
  return b.fmul(arith::SIToFPOp::create(b, floats, codes), scale);
}

Value CacheCells::scaleOf(Value from) {
  if (!page.hasScales())
    return {};
  VectorType words = b.vec(kLanes, b.getI32Type());
  Value most; // bits of magnitudes are in their order, and those of what is no number come last
  for (int64_t d = 0; d < page.getHeadDim(); d += kLanes) {
    Value bits = arith::BitcastOp::create(b, words, b.load(b.vecF32(), b.at(from, d * 4)));
    bits = arith::AndIOp::create(b, bits, whole(b, words, 0x7fffffff));
    most = most ? Value(arith::MaxSIOp::create(b, most, bits)) : bits;
  }
  for (int64_t n = kLanes / 2; n >= 1; n /= 2)
    most = arith::MaxSIOp::create(b, b.lanes(most, 0, n), b.lanes(most, n, n));
  Value scale = b.fdiv(arith::BitcastOp::create(b, b.f32(), b.lane(most, 0)), b.constant(b.f32(), 127.0));
  Value largest = b.constant(b.f32(), kLargestHalf);
  Value over = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, scale, largest);
  scale = arith::SelectOp::create(b, over, largest, scale);
  Value stored = LLVM::FPTruncOp::create(b, b.getF16Type(), scale);
  return arith::ExtFOp::create(b, b.f32(), stored);
}

void CacheCells::storeScale(Value scale, Value block, Value position) {
  if (scale)
    b.store(LLVM::FPTruncOp::create(b, b.getF16Type(), scale), scalesFrom(block, position), 2);
}

void CacheCells::store(Value numbers, Value scale, Value place) {
  Type element = page.getElement();
  if (element.isF32())
    return b.store(numbers, place);
  if (element.isF16())
    return b.store(LLVM::FPTruncOp::create(b, shaped(b, element, numbers), numbers), place, 2);
  if (element.isBF16())
    return b.store(toBfloat(b, numbers), place, 2);
  auto vector = dyn_cast<VectorType>(numbers.getType());
  Value wide = vector ? b.broadcast(scale, vector.getDimSize(0)) : scale;
  Type type = numbers.getType();
  Value zero = b.constant(type, 0.0), most = b.constant(type, 127.0), least = b.constant(type, -127.0);
  Value none = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, wide, zero);
  Value steps = arith::SelectOp::create(b, none, zero, b.fdiv(numbers, wide));
  steps = b.fmax(least, steps);
  Value over = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, steps, most);
  steps = arith::SelectOp::create(b, over, most, steps);
  Value bits =
      arith::BitcastOp::create(b, shaped(b, b.getI32Type(), numbers), b.fadd(steps, b.constant(type, kRounding)));
  b.store(arith::TruncIOp::create(b, shaped(b, b.getI8Type(), numbers), bits), place, 1);
}
