// VectorBuilder.cpp - the ops behind the builder.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/VectorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace llmc::vector_emit;

Type VectorBuilder::pointerType() { return LLVM::LLVMPointerType::get(getContext()); }

//===-- numbers
//-------------------------------------------------------------------------------------------------------===//

Value VectorBuilder::i64(int64_t value) { return arith::ConstantOp::create(*this, getI64IntegerAttr(value)); }
Value VectorBuilder::i32(int32_t value) { return arith::ConstantOp::create(*this, getI32IntegerAttr(value)); }
Value VectorBuilder::add(Value a, Value b) { return arith::AddIOp::create(*this, a, b); }
Value VectorBuilder::add(Value a, int64_t b) { return b == 0 ? a : add(a, i64(b)); }
Value VectorBuilder::sub(Value a, Value b) { return arith::SubIOp::create(*this, a, b); }
Value VectorBuilder::mul(Value a, Value b) { return arith::MulIOp::create(*this, a, b); }
Value VectorBuilder::mul(Value a, int64_t b) { return b == 1 ? a : mul(a, i64(b)); }
Value VectorBuilder::div(Value a, int64_t b) { return div(a, i64(b)); }
Value VectorBuilder::div(Value a, Value b) { return arith::DivUIOp::create(*this, a, b); }
Value VectorBuilder::rem(Value a, int64_t b) { return arith::RemUIOp::create(*this, a, i64(b)); }
Value VectorBuilder::min(Value a, Value b) { return arith::MinSIOp::create(*this, a, b); }
Value VectorBuilder::max(Value a, Value b) { return arith::MaxSIOp::create(*this, a, b); }
Value VectorBuilder::less(Value a, Value b) { return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, a, b); }
Value VectorBuilder::lessEqual(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::sle, a, b);
}
Value VectorBuilder::equal(Value a, Value b) { return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, a, b); }
Value VectorBuilder::widen(Value v) { return arith::ExtSIOp::create(*this, getI64Type(), v); }

//===-- memory
//--------------------------------------------------------------------------------------------------------===//

Value VectorBuilder::at(Value base, Value byteOffset) {
  return LLVM::GEPOp::create(*this, pointerType(), getI8Type(), base, ArrayRef<LLVM::GEPArg>{byteOffset},
                             LLVM::GEPNoWrapFlags::inbounds);
}
Value VectorBuilder::at(Value base, int64_t byteOffset) { return byteOffset == 0 ? base : at(base, i64(byteOffset)); }
Value VectorBuilder::load(Type type, Value pointer, unsigned align) {
  return LLVM::LoadOp::create(*this, type, pointer, align);
}
void VectorBuilder::store(Value value, Value pointer, unsigned align) {
  LLVM::StoreOp::create(*this, value, pointer, align);
}
Value VectorBuilder::frame(int64_t bytes) {
  return LLVM::AllocaOp::create(*this, pointerType(), getI8Type(), i64(bytes), 64);
}
void VectorBuilder::prefetch(Value pointer, CacheLevel level) {
  LLVM::Prefetch::create(*this, pointer, /*rw=*/0, /*hint=*/level == CacheLevel::First ? 3 : 2, /*cache=*/1);
}

//===-- floats
//--------------------------------------------------------------------------------------------------------===//

Value VectorBuilder::constant(Type type, double value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr attr = getFloatAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(*this, attr);
}
Value VectorBuilder::fadd(Value a, Value b) { return arith::AddFOp::create(*this, a, b); }
Value VectorBuilder::fsub(Value a, Value b) { return arith::SubFOp::create(*this, a, b); }
Value VectorBuilder::fmul(Value a, Value b) { return arith::MulFOp::create(*this, a, b); }
Value VectorBuilder::fdiv(Value a, Value b) { return arith::DivFOp::create(*this, a, b); }
Value VectorBuilder::fma(Value a, Value b, Value c) { return LLVM::FMAOp::create(*this, a.getType(), a, b, c); }
Value VectorBuilder::fmax(Value a, Value b) {
  // One instruction on x86 (max returns its second operand when one is not a number).
  Value greater = arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, b, a);
  return arith::SelectOp::create(*this, greater, b, a);
}
Value VectorBuilder::sqrt(Value a) { return LLVM::SqrtOp::create(*this, a.getType(), a); }
Value VectorBuilder::broadcast(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(*this, vec(lanes, scalar.getType()), scalar);
}
Value VectorBuilder::lanes(Value vector, int64_t from, int64_t count, int64_t step) {
  SmallVector<int64_t> mask;
  for (int64_t i = 0; i < count; ++i)
    mask.push_back(from + i * step);
  return vector::ShuffleOp::create(*this, vector, vector, mask);
}
Value VectorBuilder::lane(Value vector, int64_t index) { return vector::ExtractOp::create(*this, vector, index); }
Value VectorBuilder::pairwiseSum(Value v) {
  for (int64_t n = cast<VectorType>(v.getType()).getDimSize(0) / 2; n >= 1; n /= 2)
    v = fadd(lanes(v, 0, n), lanes(v, n, n));
  return lane(v, 0);
}
Value VectorBuilder::pairwiseMax(Value v) {
  for (int64_t n = cast<VectorType>(v.getType()).getDimSize(0) / 2; n >= 1; n /= 2)
    v = fmax(lanes(v, 0, n), lanes(v, n, n));
  return lane(v, 0);
}

//===-- control
//-------------------------------------------------------------------------------------------------------===//

void VectorBuilder::forLoop(Value from, Value to, Value step, llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(*this, from, to, step);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}
void VectorBuilder::forLoop(Value from, Value to, int64_t step, llvm::function_ref<void(Value)> body) {
  forLoop(from, to, i64(step), body);
}
SmallVector<Value> VectorBuilder::forLoop(Value from, Value to, int64_t step, ValueRange inits,
                                          llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, from, to, i64(step), inits);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(*this, next);
  return SmallVector<Value>(loop.getResults());
}
void VectorBuilder::ifThen(Value condition, llvm::function_ref<void()> then) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
}
void VectorBuilder::ifThenElse(Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
  setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

void llmc::vector_emit::forColumns(int64_t columns, llvm::function_ref<void(int64_t, int64_t)> body) {
  int64_t column = 0;
  for (; column + kLanes <= columns; column += kLanes)
    body(column, kLanes);
  if (column < columns)
    body(column, columns - column);
}
