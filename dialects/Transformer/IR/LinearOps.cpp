// LinearOps.cpp - rules of products with weights, the embedding, split, concat and gather_rows.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc::transformer;

//===----------------------------------------------------------------------===//
// EmbeddingOp
//===----------------------------------------------------------------------===//

void EmbeddingOp::build(OpBuilder &builder, OperationState &state, Value tokens, Value table) {
  build(builder, state, tokens, table, Value(), Value(), FloatAttr(), IntegerAttr());
}

LogicalResult EmbeddingOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  types.push_back(RankedTensorType::get(
      {tensorType(adaptor.getTokens()).getDimSize(0), tensorType(adaptor.getTable()).getDimSize(1)},
      Float32Type::get(context)));
  return success();
}

LogicalResult EmbeddingOp::verify() {
  if (static_cast<bool>(getPositions()) != static_cast<bool>(getPositionTable()))
    return emitOpError("has one of positions and position table, expected both or none"); // (C2)
  if (!getPositions() && getPositionOffset())
    return emitOpError("has 'position_offset' without a position table"); // (C3)
  if (getPositionTable() &&
      failed(verifyExtent(*this, "number of columns of the position table",
                          tensorType(getPositionTable()).getDimSize(1), tensorType(getTable()).getDimSize(1)))) // (C1)
    return failure();
  if (failed(verifySameRows(*this, "tokens", getTokens(), {{"positions", getPositions()}}))) // (C4)
    return failure();
  return getScale() ? verifyFinite(*this, "scale", *getScale()) : success(); // (C5)
}

//===----------------------------------------------------------------------===//
// LinearOp, GatedLinearOp
//===----------------------------------------------------------------------===//

/// The type of a product of `input` with a weight of `features` rows.
static Type productType(Value input, int64_t features) {
  RankedTensorType type = tensorType(input);
  return RankedTensorType::get({type.getDimSize(0), features}, type.getElementType());
}

static LogicalResult verifyProduct(Operation *op, StringRef what, Value input, Value weight) {
  if (failed(verifyStaticColumns(op, "input", input)))
    return failure();
  return verifyExtent(op, "number of columns of the " + what, tensorType(weight).getDimSize(1),
                      tensorType(input).getDimSize(1));
}

void LinearOp::build(OpBuilder &builder, OperationState &state, Value input, Value weight) {
  build(builder, state, input, weight, Value());
}

LogicalResult LinearOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  types.push_back(productType(adaptor.getInput(), tensorType(adaptor.getWeight()).getDimSize(0)));
  return success();
}

LogicalResult LinearOp::verify() {
  if (failed(verifyProduct(*this, "weight", getInput(), getWeight()))) // (C1) (C3)
    return failure();
  return verifyShape(*this, "bias", getBias(), {tensorType(getWeight()).getDimSize(0)}); // (C2)
}

void GatedLinearOp::build(OpBuilder &builder, OperationState &state, Activation activation, Value input,
                          Value gateWeight, Value upWeight) {
  build(builder, state, activation, input, gateWeight, upWeight, Value(), Value(), FloatAttr(), FloatAttr());
}

LogicalResult GatedLinearOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                              SmallVectorImpl<Type> &types) {
  types.push_back(productType(adaptor.getInput(), tensorType(adaptor.getGateWeight()).getDimSize(0)));
  return success();
}

LogicalResult GatedLinearOp::verify() {
  if (failed(verifyProduct(*this, "gate weight", getInput(), getGateWeight()))) // (C1) (C4)
    return failure();
  if (getGateWeight().getType() != getUpWeight().getType())
    return emitOpError() << "up weight is " << getUpWeight().getType() << ", expected " << getGateWeight().getType()
                         << " as the gate weight"; // (C1)
  if (static_cast<bool>(getGateBias()) != static_cast<bool>(getUpBias()))
    return emitOpError("has one bias, expected two or none"); // (C2)
  int64_t features = tensorType(getGateWeight()).getDimSize(0);
  if (failed(verifyShape(*this, "gate bias", getGateBias(), {features})) ||
      failed(verifyShape(*this, "up bias", getUpBias(), {features}))) // (C2)
    return failure();
  return getLimit() ? verifyFinite(*this, "limit", *getLimit(), /*positive=*/true) : success(); // (C3)
}

//===----------------------------------------------------------------------===//
// SplitOp, ConcatOp, GatherRowsOp
//===----------------------------------------------------------------------===//

LogicalResult SplitOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  for (int64_t size : adaptor.getSizes())
    types.push_back(productType(adaptor.getInput(), size));
  return success();
}

LogicalResult SplitOp::verify() {
  if (failed(verifyStaticColumns(*this, "input", getInput()))) // (C2)
    return failure();
  if (getSizes().size() != getNumResults() || getSizes().empty())
    return emitOpError() << "has " << getSizes().size() << " sizes and " << getNumResults()
                         << " results, expected as many of both and at least one"; // (C1)
  int64_t sum = 0;
  for (int64_t size : getSizes()) {
    if (size < 1 || llvm::AddOverflow(sum, size, sum))
      return emitOpError() << "has a size of " << size << ", expected at least 1"; // (C1)
  }
  return verifyExtent(*this, "sum of the sizes", sum, tensorType(getInput()).getDimSize(1)); // (C2)
}

LogicalResult SplitOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  if (getNumResults() != 1 || getInput().getType() != getResult(0).getType())
    return failure();
  results.push_back(getInput());
  return success();
}

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  if (adaptor.getInputs().empty())
    return emitOptionalError(location, "there is no input");
  int64_t columns = 0, rows = ShapedType::kDynamic;
  for (Value input : adaptor.getInputs()) {
    columns += tensorType(input).getDimSize(1);
    if (!tensorType(input).isDynamicDim(0))
      rows = tensorType(input).getDimSize(0);
  }
  types.push_back(RankedTensorType::get({rows, columns}, tensorType(adaptor.getInputs().front()).getElementType()));
  return success();
}

LogicalResult ConcatOp::verify() {
  if (getInputs().empty())
    return emitOpError("has no input, expected at least one"); // (C1)
  Type elementType = tensorType(getInputs().front()).getElementType();
  for (Value input : getInputs()) {
    if (failed(verifyStaticColumns(*this, "input", input))) // (C1)
      return failure();
    if (tensorType(input).getElementType() != elementType)
      return emitOpError() << "has inputs of " << elementType << " and " << tensorType(input).getElementType()
                           << ", expected one element type";                                                  // (C1)
    if (failed(verifySameRows(*this, "the first input", getInputs().front(), {{"rows of an input", input}}))) // (C2)
      return failure();
  }
  return success();
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getInputs().size() == 1 ? OpFoldResult(getInputs().front()) : OpFoldResult();
}

LogicalResult GatherRowsOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                             SmallVectorImpl<Type> &types) {
  RankedTensorType type = tensorType(adaptor.getInput());
  types.push_back(
      RankedTensorType::get({tensorType(adaptor.getRows()).getDimSize(0), type.getDimSize(1)}, type.getElementType()));
  return success();
}
