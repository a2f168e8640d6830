// IntegerDot.cpp - four products of bytes a lane, by VNNI and by what came before it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/X86/IntegerDot.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace llmc;
using vector_emit::VectorBuilder;

namespace {

Value intrinsic(VectorBuilder &b, Type result, StringRef name, ValueRange arguments) {
  return LLVM::CallIntrinsicOp::create(b, result, b.getStringAttr(name), arguments).getResult(0);
}

/// Runs `part` on the halves of 512-bit vectors where registers have 256 bits, else on the whole.
Value inRegisters(VectorBuilder &b, unsigned bits, ArrayRef<Value> vectors,
                  llvm::function_ref<Value(ArrayRef<Value>)> part) {
  if (bits == 512)
    return part(vectors);
  Value halves[2];
  for (int64_t half = 0; half < 2; ++half) {
    SmallVector<Value> parts;
    for (Value vector : vectors) {
      int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0) / 2;
      parts.push_back(b.lanes(vector, half * lanes, lanes));
    }
    halves[half] = part(parts);
  }
  SmallVector<int64_t> mask;
  for (int64_t lane = 0; lane < 2 * cast<VectorType>(halves[0].getType()).getDimSize(0); ++lane)
    mask.push_back(lane);
  return vector::ShuffleOp::create(b, halves[0], halves[1], mask);
}

Value splat(VectorBuilder &b, VectorType type, int64_t value) {
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, APInt(type.getElementTypeBitWidth(), value, true)));
}

} // namespace

Value x86::dotVNNI(VectorBuilder &b, Value sum, Value numbers, Value activations, unsigned bits) {
  StringRef name = bits == 512 ? "llvm.x86.avx512.vpdpbusd.512" : "llvm.x86.avx512.vpdpbusd.256";
  return inRegisters(b, bits, {sum, numbers, activations},
                     [&](ArrayRef<Value> v) { return intrinsic(b, v[0].getType(), name, v); });
}

Value x86::dotPairs(VectorBuilder &b, Value sum, Value numbers, Value activations, bool small, unsigned bits) {
  StringRef pairs = bits == 512 ? "llvm.x86.avx512.pmaddubs.w.512" : "llvm.x86.avx2.pmadd.ub.sw";
  StringRef halves = bits == 512 ? "llvm.x86.avx512.pmaddw.d.512" : "llvm.x86.avx2.pmadd.wd";
  return inRegisters(b, bits, {sum, numbers, activations}, [&](ArrayRef<Value> v) -> Value {
    VectorType words = b.vec(bits / 16, b.getI16Type());
    if (small) {
      // Two products of at most 15 * 127: far from where the sum of a pair would be cut off.
      Value products = intrinsic(b, words, pairs, {v[1], v[2]});
      Value fours = intrinsic(b, v[0].getType(), halves, {products, splat(b, words, 1)});
      return arith::AddIOp::create(b, v[0], fours);
    }
    // Bytes of 8 bits would be: they are widened, the even and the odd ones.
    Value number = vector::BitCastOp::create(b, words, v[1]), activation = vector::BitCastOp::create(b, words, v[2]);
    Value eight = splat(b, words, 8);
    Value even = intrinsic(b, v[0].getType(), halves,
                           {arith::AndIOp::create(b, number, splat(b, words, 255)),
                            arith::ShRSIOp::create(b, arith::ShLIOp::create(b, activation, eight), eight)});
    Value odd = intrinsic(b, v[0].getType(), halves,
                          {arith::ShRUIOp::create(b, number, eight), arith::ShRSIOp::create(b, activation, eight)});
    return arith::AddIOp::create(b, arith::AddIOp::create(b, v[0], even), odd);
  });
}

Value x86::dotSigns(VectorBuilder &b, Value sum, Value numbers, Value activations) {
  return inRegisters(b, 256, {sum, numbers, activations}, [&](ArrayRef<Value> v) -> Value {
    VectorType words = b.vec(16, b.getI16Type()), bytes = b.vec(32, b.getI8Type());
    Value number = arith::XOrIOp::create(b, v[1], splat(b, bytes, -128));
    // The sign goes to the activation, which has room for it: 2 * 128 * 127 is less than 2^15.
    Value magnitude = LLVM::AbsOp::create(b, bytes, number, /*is_int_min_poison=*/false);
    Value activation = intrinsic(b, bytes, "llvm.x86.avx2.psign.b", {v[2], number});
    Value products = intrinsic(b, words, "llvm.x86.avx2.pmadd.ub.sw", {magnitude, activation});
    Value fours = intrinsic(b, v[0].getType(), "llvm.x86.avx2.pmadd.wd", {products, splat(b, words, 1)});
    return arith::AddIOp::create(b, v[0], fours);
  });
}

Value x86::shuffleBytes(VectorBuilder &b, Value table, Value codes, unsigned bits) {
  StringRef name = bits == 512 ? "llvm.x86.avx512.pshuf.b.512" : "llvm.x86.avx2.pshuf.b";
  return inRegisters(b, bits, {table, codes}, [&](ArrayRef<Value> v) { return intrinsic(b, v[0].getType(), name, v); });
}

Value x86::scaleF32(VectorBuilder &b, Value x, Value n) {
  Value all = arith::ConstantOp::create(b, b.getI16IntegerAttr(-1)), current = b.i32(4); // the rounding of the moment
  return intrinsic(b, x.getType(), "llvm.x86.avx512.mask.scalef.ps.512", {x, n, x, all, current});
}
