// ElementwiseOps.cpp - rules and folds of the ops on each element.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc::transformer;

LogicalResult MulOp::verify() {
  RankedTensorType lhs = tensorType(getLhs()), rhs = tensorType(getRhs());
  if (lhs.getElementType() != rhs.getElementType())
    return emitOpError() << "rhs is " << rhs << ", expected elements of " << lhs.getElementType(); // (C1)
  if (failed(verifySameRows(*this, "lhs", getLhs(), {{"rows of rhs", getRhs()}})))                 // (C1)
    return failure();
  if (rhs.getDimSize(1) != 1 && rhs.getDimSize(1) != lhs.getDimSize(1))
    return emitOpError() << "rhs has " << rhs.getDimSize(1) << " columns, expected " << lhs.getDimSize(1)
                         << " or 1"; // (C2)
  return success();
}

LogicalResult ScaleOp::verify() { return verifyFinite(*this, "value", getValue()); } // (C1)

OpFoldResult ScaleOp::fold(FoldAdaptor) {
  return getValue().isExactlyValue(1.0) ? OpFoldResult(getInput()) : OpFoldResult();
}

LogicalResult SoftCapOp::verify() { return verifyFinite(*this, "cap", getCap(), /*positive=*/true); } // (C1)

void GatedOp::build(OpBuilder &builder, OperationState &state, Activation activation, Value gate, Value up) {
  build(builder, state, gate.getType(), ActivationAttr::get(builder.getContext(), activation), gate, up, FloatAttr(),
        FloatAttr());
}

LogicalResult GatedOp::verify() {
  return getLimit() ? verifyFinite(*this, "limit", *getLimit(), /*positive=*/true) : success(); // (C1)
}
