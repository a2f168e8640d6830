// MatrixTiles.cpp - AMX by the intrinsics that name registers: nothing is left to allocate, and shapes are set once a
// launch and not where LLVM would find them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/X86/MatrixTiles.h"

#include "compiler/Targets/Vector/VectorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace llmc;
using vector_emit::VectorBuilder;

namespace {

void intrinsic(VectorBuilder &b, StringRef name, ValueRange arguments) {
  LLVM::CallIntrinsicOp::create(b, b.getStringAttr(name), arguments);
}

Value number(VectorBuilder &b, unsigned tile) {
  return arith::ConstantOp::create(b, b.getI8IntegerAttr(static_cast<int8_t>(tile)));
}

/// What ldtilecfg reads. Source: Intel SDM volume 1, chapter on AMX, palette 1: byte 0 the palette, from byte 16 two
/// bytes of row length for each register, from byte 48 a byte of rows.
constexpr int64_t kShapeBytes = 64;

class MatrixTiles final : public ByteTiles {
public:
  int64_t shapeBytes() const override { return kShapeBytes; }

  void begin(VectorBuilder &b, Value memory, int64_t depth) const override {
    SmallVector<int8_t> shapes(kShapeBytes, 0);
    shapes[0] = 1;
    auto shape = [&](unsigned tile, int64_t rows, int64_t bytes) {
      shapes[16 + 2 * tile] = static_cast<int8_t>(bytes);
      shapes[48 + tile] = static_cast<int8_t>(rows);
    };
    for (unsigned i = 0; i < 2; ++i) {
      shape(kSums[i], kRows, 4 * vector_emit::kLanes);
      shape(kActivations[i], kRows, depth);
      shape(kNumbers[i], depth / 4, 4 * vector_emit::kLanes);
    }
    VectorType type = b.vec(kShapeBytes, b.getI8Type());
    b.store(arith::ConstantOp::create(b, DenseElementsAttr::get(type, ArrayRef<int8_t>(shapes))), memory, 64);
    intrinsic(b, "llvm.x86.ldtilecfg", memory);
  }
  void end(VectorBuilder &b) const override { intrinsic(b, "llvm.x86.tilerelease", {}); }
  void zero(VectorBuilder &b, unsigned tile) const override { intrinsic(b, "llvm.x86.tilezero", number(b, tile)); }
  void load(VectorBuilder &b, unsigned tile, Value from, int64_t stride) const override {
    intrinsic(b, "llvm.x86.tileloadd64", {number(b, tile), from, b.i64(stride)});
  }
  void store(VectorBuilder &b, unsigned tile, Value to, int64_t stride) const override {
    intrinsic(b, "llvm.x86.tilestored64", {number(b, tile), to, b.i64(stride)});
  }
  void dot(VectorBuilder &b, unsigned sums, unsigned activations, unsigned numbers,
           bool numbersAreSigned) const override {
    StringRef name = numbersAreSigned ? "llvm.x86.tdpbssd" : "llvm.x86.tdpbsud";
    intrinsic(b, name, {number(b, sums), number(b, activations), number(b, numbers)});
  }
};

const MatrixTiles tiles;

} // namespace

const ByteTiles &x86::matrixTiles() { return tiles; }
