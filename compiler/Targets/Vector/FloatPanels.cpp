// FloatPanels.cpp - addresses in float panels, and their numbers.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/FloatPanels.h"
#include "compiler/Targets/Vector/Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;
using kernel::PackedType;

FloatPanels::FloatPanels(VectorBuilder &b, PackedType weight, Value weights)
    : b(b), weight(weight), weights(weights), streams(weight.getStreams()), bundled(weight.getBundledVectors()),
      ownBytes(kLanes * weight.getElement().getIntOrFloatBitWidth() / 8), runBytes(bundled * weight.getPanelBytes()) {}

Value FloatPanels::vector(Value panel, int64_t stream) {
  int64_t pair = weight.getElement().isBF16() ? 2 : 1;
  if (!weight.isBundled())
    return b.at(weights, b.add(b.mul(panel, streams * runBytes), stream * runBytes));
  Value inBundle = b.mul(b.rem(panel, weight.getBundle()), streams * pair * ownBytes);
  Value bundle = b.mul(b.div(panel, weight.getBundle()), runBytes);
  return b.at(weights, b.add(b.add(bundle, inBundle), stream * pair * ownBytes));
}

SmallVector<Value> FloatPanels::vectors(Value panel, int64_t width) {
  SmallVector<Value> result;
  for (int64_t p = 0; p < width; ++p)
    for (int64_t s = 0; s < streams; ++s)
      result.push_back(vector(b.add(panel, p), s));
  return result;
}

SmallVector<Value, 2> FloatPanels::load(Value vector, Value k, int64_t kOffset, bool pair) {
  Type element = weight.getElement();
  Value place = b.at(vector, b.add(b.mul(k, stepBytes()), kOffset * stepBytes()));
  if (element.isF32())
    return {b.load(b.vecF32(), place, 64)};
  if (element.isF16())
    return {arith::ExtFOp::create(b, b.vecF32(), b.load(b.vec(kLanes, b.getF16Type()), place, 32))};
  // A bf16 is the upper half of an f32: the even k is shifted up, the odd k only loses its neighbour's bits.
  VectorType words = b.vec(kLanes, b.getI32Type());
  Value both = b.load(words, place, 64);
  auto splat = [&](int32_t bits) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(words, APInt(32, static_cast<uint32_t>(bits))));
  };
  SmallVector<Value, 2> result;
  result.push_back(arith::BitcastOp::create(b, b.vecF32(), arith::ShLIOp::create(b, both, splat(16))));
  if (pair)
    result.push_back(arith::BitcastOp::create(b, b.vecF32(),
                                              arith::AndIOp::create(b, both, splat(static_cast<int32_t>(0xffff0000)))));
  return result;
}

int64_t FloatPanels::runs(int64_t width) const { return (width * streams + bundled - 1) / bundled; }

Value FloatPanels::placeAhead(Value panel, int64_t width, Value k, int64_t ahead) {
  Value first = b.at(weights, b.mul(b.div(panel, weight.getBundle()), runBytes * runs(weight.getBundle())));
  return vector_emit::placeAhead(b, first, b.mul(k, stepBytes()), ahead * bundled, runBytes, runBytes * runs(width));
}

void FloatPanels::prefetch(Value place, int64_t width, int64_t kOffset) {
  for (int64_t run = 0; run < runs(width); ++run)
    for (int64_t offset = kOffset * stepBytes(), end = offset + stepBytes(); offset < end; ++offset)
      if (offset % kLineBytes == 0)
        b.prefetch(b.at(place, run * runBytes + offset), CacheLevel::Second);
}

void FloatPanels::prefetchFrom(Value panel, Value offset, int64_t bytes) {
  Value first = b.at(weights, b.mul(b.div(panel, weight.getBundle()), runBytes * runs(weight.getBundle())));
  for (int64_t line = 0; line < bytes; line += kLineBytes)
    b.prefetch(b.at(first, b.add(offset, line)), CacheLevel::Second);
}
