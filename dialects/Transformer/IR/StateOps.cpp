// StateOps.cpp - rules of the ops that update a state.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc::transformer;

LogicalResult CacheUpdateOp::verify() {
  StateType state = getState().getType();
  if (!state.isKVCache())
    return emitOpError() << "state is a " << stringifyStateKind(state.getKind()) << ", expected a kv_cache"; // (C1)
  if (failed(verifyExtent(*this, "number of columns of keys", tensorType(getKeys()).getDimSize(1),
                          state.getHeads() * state.getHeadDim()))) // (C2)
    return failure();
  if (static_cast<bool>(getValues()) == state.getLatent())
    return emitOpError(state.getLatent() ? "has values for a latent cache, expected none"
                                         : "has no values, expected them"); // (C3)
  if (getValues() && failed(verifyExtent(*this, "number of columns of values", tensorType(getValues()).getDimSize(1),
                                         state.getHeads() * state.getValueDim()))) // (C3)
    return failure();
  if (failed(verifySameRows(
          *this, "keys", getKeys(),
          {{"rows of values", getValues()}, {"positions", getPositions()}, {"sequences", getSequences()}}))) // (C4)
    return failure();
  return verifyLinear(getResult()); // (C5)
}

LogicalResult ConvolutionOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                              SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getInput().getType());
  types.push_back(adaptor.getState().getType());
  return success();
}

LogicalResult ConvolutionOp::verify() {
  StateType state = getState().getType();
  int64_t channels = tensorType(getInput()).getDimSize(1);
  if (state.getKind() != StateKind::Convolution || state.getChannels() != channels)
    return emitOpError() << "state is " << state << ", expected a convolution of " << channels << " channels"; // (C1)
  if (failed(verifyShape(*this, "weight", getWeight(), {channels, state.getTaps() + 1})) ||                    // (C2)
      failed(verifyShape(*this, "bias", getBias(), {channels})) ||                                             // (C3)
      failed(verifySameRows(*this, "the input", getInput(),
                            {{"positions", getPositions()}, {"sequences", getSequences()}}))) // (C4)
    return failure();
  return verifyLinear(getNewState()); // (C5)
}

LogicalResult RecurrenceOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                             SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getValue().getType());
  types.push_back(adaptor.getState().getType());
  return success();
}

LogicalResult RecurrenceOp::verify() {
  StateType state = getState().getType();
  if (state.getKind() != StateKind::Recurrent)
    return emitOpError() << "state is a " << stringifyStateKind(state.getKind()) << ", expected recurrent"; // (C1)
  int64_t heads = state.getHeads(), keyHeads = getKeyHeads();
  if (heads % keyHeads)
    return emitOpError() << "'key_heads' is " << keyHeads << ", expected a divisor of " << heads << " heads"; // (C2)
  auto columns = [](Value value) { return tensorType(value).getDimSize(1); };
  if (failed(
          verifyExtent(*this, "number of columns of the query", columns(getQuery()), keyHeads * state.getHeadDim())) ||
      failed(verifyExtent(*this, "number of columns of the key", columns(getKey()),
                          keyHeads * state.getHeadDim())) || // (C3)
      failed(verifyExtent(*this, "number of columns of the value", columns(getValue()),
                          heads * state.getValueDim()))) // (C4)
    return failure();
  if (getDecay() && columns(getDecay()) != heads && columns(getDecay()) != heads * state.getHeadDim())
    return emitOpError() << "number of columns of the decay is " << columns(getDecay()) << ", expected " << heads
                         << " or " << heads * state.getHeadDim();                                       // (C5)
  if (getBeta() && failed(verifyExtent(*this, "number of columns of beta", columns(getBeta()), heads))) // (C5)
    return failure();
  if (failed(verifySameRows(*this, "the query", getQuery(),
                            {{"rows of the key", getKey()},
                             {"rows of the value", getValue()},
                             {"rows of the decay", getDecay()},
                             {"rows of beta", getBeta()},
                             {"positions", getPositions()},
                             {"sequences", getSequences()}}))) // (C6)
    return failure();
  if (failed(verifyFinite(*this, "'scale'", getScale()))) // (C7)
    return failure();
  return verifyLinear(getNewState()); // (C8)
}
