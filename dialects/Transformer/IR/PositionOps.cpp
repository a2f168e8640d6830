// PositionOps.cpp - rules of rotary positions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc::transformer;

void RopeOp::build(OpBuilder &builder, OperationState &state, RopeStyle style, Value input, Value positions,
                   Value frequencies, int64_t headDim, int64_t rotaryDim, double attentionFactor,
                   int64_t originalContext) {
  build(builder, state, input.getType(), RopeStyleAttr::get(builder.getContext(), style), input, positions, frequencies,
        builder.getI64IntegerAttr(headDim), builder.getI64IntegerAttr(rotaryDim),
        originalContext ? builder.getI64IntegerAttr(originalContext) : IntegerAttr(),
        attentionFactor != 1.0 ? builder.getF64FloatAttr(attentionFactor) : FloatAttr());
}

LogicalResult RopeOp::verify() {
  if (failed(verifyStaticColumns(*this, "input", getInput()))) // (C1)
    return failure();
  int64_t columns = tensorType(getInput()).getDimSize(1), headDim = getHeadDim(), rotaryDim = getRotaryDim();
  if (columns % headDim)
    return emitOpError() << "'head_dim' is " << headDim << ", expected a divisor of " << columns; // (C1)
  if (rotaryDim % 2 || rotaryDim > headDim)
    return emitOpError() << "'rotary_dim' is " << rotaryDim << ", expected an even number of at most "
                         << headDim; // (C2)
  RankedTensorType table = tensorType(getFrequencies());
  if (failed(verifyExtent(*this, "number of frequencies", table.getDimSize(1), rotaryDim / 2))) // (C3)
    return failure();
  if (table.getDimSize(0) != 1 && !getOriginalContext())
    return emitOpError() << "has a table of " << table.getDimSize(0)
                         << " rows and no 'original_context', expected one";                   // (C4)
  if (failed(verifySameRows(*this, "the input", getInput(), {{"positions", getPositions()}}))) // (C5)
    return failure();
  return getAttentionFactor() ? verifyFinite(*this, "'attention_factor'", *getAttentionFactor(), /*positive=*/true)
                              : success(); // (C6)
}
