// MoEOps.cpp - rules of mixtures of experts.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc::transformer;

LogicalResult RouteOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  RankedTensorType logits = tensorType(adaptor.getLogits());
  int64_t shape[] = {logits.getDimSize(0), static_cast<int64_t>(adaptor.getTopK())};
  types.push_back(RankedTensorType::get(shape, logits.getElementType()));
  types.push_back(RankedTensorType::get(shape, IntegerType::get(context, 32)));
  return success();
}

LogicalResult RouteOp::verify() {
  if (failed(verifyStaticColumns(*this, "logits", getLogits()))) // (C1)
    return failure();
  int64_t experts = tensorType(getLogits()).getDimSize(1), topK = getTopK();
  if (topK > experts)
    return emitOpError() << "'top_k' is " << topK << ", expected at most " << experts << " experts"; // (C1)
  if (failed(verifyShape(*this, "correction", getCorrection(), {experts})))                          // (C2)
    return failure();
  if (getGroups().has_value() != getTopGroups().has_value() || getGroups().has_value() != getGroupScore().has_value())
    return emitOpError("expected 'groups', 'top_groups' and 'group_score' together"); // (C3)
  if (getGroups()) {
    int64_t groups = *getGroups(), topGroups = *getTopGroups();
    if (experts % groups || topGroups > groups)
      return emitOpError() << "has " << groups << " groups, of which " << topGroups
                           << " are chosen, expected a divisor of " << experts
                           << " experts and no more chosen groups than groups"; // (C3)
    if (topGroups * (experts / groups) < topK)
      return emitOpError() << "'top_k' is " << topK << ", expected at most the " << topGroups * (experts / groups)
                           << " experts of the chosen groups"; // (C4)
    if (*getGroupScore() == GroupScore::Top2Sum && experts / groups < 2)
      return emitOpError("has groups of one expert, expected at least 2 for 'top2_sum'"); // (C4)
  }
  return getScalingFactor() ? verifyFinite(*this, "'scaling_factor'", *getScalingFactor()) : success(); // (C5)
}

LogicalResult ExpertsOp::verify() {
  int64_t hidden = tensorType(getInput()).getDimSize(1);
  int64_t experts = tensorType(getGate()).getDimSize(0), intermediate = tensorType(getGate()).getDimSize(1);
  if (failed(verifyShape(*this, "gate", getGate(), {experts, intermediate, hidden})) ||
      failed(verifyShape(*this, "up", getUp(), {experts, intermediate, hidden})) ||
      failed(verifyShape(*this, "down", getDown(), {experts, hidden, intermediate}))) // (C1)
    return failure();
  if (tensorType(getWeights()).getShape() != tensorType(getExperts()).getShape())
    return emitOpError() << "weights are " << getWeights().getType() << " and experts " << getExperts().getType()
                         << ", expected one shape";                                                    // (C2)
  if (failed(verifySameRows(*this, "the input", getInput(), {{"rows of the weights", getWeights()}}))) // (C2)
    return failure();
  bool biased = static_cast<bool>(getGateBias());
  if (biased != static_cast<bool>(getUpBias()) || biased != static_cast<bool>(getDownBias()))
    return emitOpError("has some biases, expected all three or none"); // (C3)
  if (failed(verifyShape(*this, "gate bias", getGateBias(), {experts, intermediate})) ||
      failed(verifyShape(*this, "up bias", getUpBias(), {experts, intermediate})) ||
      failed(verifyShape(*this, "down bias", getDownBias(), {experts, hidden}))) // (C3)
    return failure();
  return getLimit() ? verifyFinite(*this, "limit", *getLimit(), /*positive=*/true) : success(); // (C4)
}
