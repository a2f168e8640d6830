// NormOps.cpp - rules of the norms.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc::transformer;

template <typename OpTy> static LogicalResult verifyNorm(OpTy op) {
  if (failed(verifyStaticColumns(op, "input", op.getInput()))) // (C1)
    return failure();
  int64_t columns = tensorType(op.getInput()).getDimSize(1), group = op.getNormSize();
  if (group && columns % group)
    return op.emitOpError() << "'group_size' is " << group << ", expected a divisor of " << columns; // (C2)
  if (failed(verifyShape(op, "weight", op.getWeight(), {group})))                                    // (C3)
    return failure();
  if (!op.getEpsilon().isFinite() || op.getEpsilon().convertToDouble() < 0)
    return op.emitOpError() << "'epsilon' is " << op.getEpsilon().convertToDouble()
                            << ", expected a finite number of at least 0"; // (C4)
  if (op.getWeightOffset() && !op.getWeight())
    return op.emitOpError("has 'weight_offset' without a weight"); // (C5)
  return success();
}

void RMSNormOp::build(OpBuilder &builder, OperationState &state, Value input, Value weight, double epsilon,
                      int64_t groupSize) {
  build(builder, state, input.getType(), input, weight, builder.getF64FloatAttr(epsilon),
        groupSize ? builder.getI64IntegerAttr(groupSize) : IntegerAttr(), FloatAttr(),
        NormRoundingAttr::get(builder.getContext(), NormRounding::AfterWeight));
}

LogicalResult RMSNormOp::verify() { return verifyNorm(*this); }

void LayerNormOp::build(OpBuilder &builder, OperationState &state, Value input, Value weight, Value bias,
                        double epsilon) {
  build(builder, state, input.getType(), input, weight, bias, builder.getF64FloatAttr(epsilon), IntegerAttr(),
        FloatAttr(), NormRoundingAttr::get(builder.getContext(), NormRounding::AfterWeight));
}

LogicalResult LayerNormOp::verify() {
  if (failed(verifyNorm(*this)))
    return failure();
  return verifyShape(*this, "bias", getBias(), {getNormSize()}); // (C6)
}
