// AttentionOps.cpp - rules and builders of attention.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc::transformer;

void AttentionOp::build(OpBuilder &builder, OperationState &state, Value query, Value cache, Value slot,
                        Value positions, Value sequences, int64_t numHeads, int64_t numKvHeads, int64_t headDim,
                        double scale, int64_t window) {
  auto integer = [&](int64_t value) { return builder.getI64IntegerAttr(value); };
  int64_t valueDim = cast<StateType>(cache.getType()).getValueDim();
  build(builder, state, query, cache, slot, /*keys=*/Value(), /*values=*/Value(), positions, sequences,
        /*key_positions=*/Value(), /*key_sequences=*/Value(), /*lengths=*/Value(), /*window_size=*/Value(),
        /*relative_bias=*/Value(), /*mask=*/Value(), /*bias=*/Value(), /*sinks=*/Value(), integer(numHeads),
        integer(numKvHeads), integer(headDim), valueDim != headDim ? integer(valueDim) : IntegerAttr(),
        builder.getF64FloatAttr(scale), builder.getUnitAttr(), window ? integer(window) : IntegerAttr(),
        /*window_after=*/IntegerAttr(), /*soft_cap=*/FloatAttr(), /*alibi_slopes=*/DenseF64ArrayAttr(),
        /*relative_max_distance=*/IntegerAttr());
}

void AttentionOp::build(OpBuilder &builder, OperationState &state, Value query, Value keys, Value values,
                        Value positions, Value sequences, int64_t numHeads, int64_t numKvHeads, int64_t headDim,
                        double scale, bool causal) {
  auto integer = [&](int64_t value) { return builder.getI64IntegerAttr(value); };
  int64_t valueDim = tensorType(values).getDimSize(1) / numKvHeads;
  build(builder, state, query, /*state=*/Value(), /*slot=*/Value(), keys, values, positions, sequences,
        /*key_positions=*/Value(), /*key_sequences=*/Value(), /*lengths=*/Value(), /*window_size=*/Value(),
        /*relative_bias=*/Value(), /*mask=*/Value(), /*bias=*/Value(), /*sinks=*/Value(), integer(numHeads),
        integer(numKvHeads), integer(headDim), valueDim != headDim ? integer(valueDim) : IntegerAttr(),
        builder.getF64FloatAttr(scale), causal ? builder.getUnitAttr() : UnitAttr(), /*window=*/IntegerAttr(),
        /*window_after=*/IntegerAttr(), /*soft_cap=*/FloatAttr(), /*alibi_slopes=*/DenseF64ArrayAttr(),
        /*relative_max_distance=*/IntegerAttr());
}

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  RankedTensorType query = tensorType(adaptor.getQuery());
  int64_t width = adaptor.getValueDim().value_or(adaptor.getHeadDim());
  int64_t columns;
  if (llvm::MulOverflow(static_cast<int64_t>(adaptor.getNumHeads()), width, columns))
    return failure();
  types.push_back(RankedTensorType::get({query.getDimSize(0), columns}, query.getElementType()));
  return success();
}

/// (C1) (C4) (C5) (C6) (C8) (C10): where keys and values come from.
static LogicalResult verifyKeys(AttentionOp op) {
  int64_t kvHeads = op.getNumKvHeads(), headDim = op.getHeadDim(), valueDim = op.getValueWidth();
  bool cached = static_cast<bool>(op.getState());
  if (cached != static_cast<bool>(op.getSlot()) || cached == static_cast<bool>(op.getKeys()) ||
      static_cast<bool>(op.getKeys()) != static_cast<bool>(op.getValues()))
    return op.emitOpError("expected keys from a cache with its slot, or given keys and values"); // (C1)
  bool placed = static_cast<bool>(op.getKeyPositions());
  if (placed != static_cast<bool>(op.getKeySequences()) || (placed && cached))
    return op.emitOpError("expected 'key_at' and 'key_of' together, with given keys"); // (C6)
  if (cached) {
    StateType state = op.getState().getType();
    if (!state.isKVCache() || state.getHeads() != kvHeads || state.getHeadDim() != headDim ||
        state.getValueDim() != valueDim)
      return op.emitOpError() << "state is " << state << ", expected a kv_cache of " << kvHeads
                              << " heads with keys of " << headDim << " and values of " << valueDim; // (C4)
    if (!op.getCausal() && !op.getLengths())
      return op.emitOpError("reads a cache without 'causal' and without lengths, expected one of them"); // (C8)
    bool withinWindow = op.getWindow() && static_cast<int64_t>(*op.getWindow()) <= state.getWindow();
    if (state.getWindow() && (!op.getCausal() || (!withinWindow && !op.getWindowSize())))
      return op.emitOpError() << "reads a cache of a window of " << state.getWindow()
                              << ", expected 'causal' and a window at most as large"; // (C10)
    return success();
  }
  if (failed(
          verifyExtent(op, "number of columns of keys", tensorType(op.getKeys()).getDimSize(1), kvHeads * headDim)) ||
      failed(verifyExtent(op, "number of columns of values", tensorType(op.getValues()).getDimSize(1),
                          kvHeads * valueDim)) ||
      failed(verifySameRows(op, "keys", op.getKeys(), {{"rows of values", op.getValues()}}))) // (C5)
    return failure();
  if (placed)
    return verifySameRows(op, "keys", op.getKeys(),
                          {{"key positions", op.getKeyPositions()}, {"key sequences", op.getKeySequences()}}); // (C6)
  return verifySameRows(op, "the query", op.getQuery(), {{"keys without positions", op.getKeys()}});           // (C6)
}

/// (C9) (C11) (C12) (C13) (C14) (C15): what is added to scores or hides them.
static LogicalResult verifyScores(AttentionOp op) {
  int64_t heads = op.getNumHeads();
  for (auto [name, value] : {std::pair("window", op.getWindow()), {"window_after", op.getWindowAfter()}})
    if (value && static_cast<int64_t>(*value) < 1)
      return op.emitOpError() << "'" << name << "' is " << static_cast<int64_t>(*value)
                              << ", expected at least 1"; // (C9)
  if (op.getWindow() && op.getWindowSize())
    return op.emitOpError("has both 'window' and 'window_size', expected one of them"); // (C9)
  if (failed(verifyFinite(op, "'scale'", op.getScale())) ||
      (op.getSoftCap() && failed(verifyFinite(op, "'soft_cap'", *op.getSoftCap(), /*positive=*/true)))) // (C11)
    return failure();
  if (op.getAlibiSlopes()) {
    if (failed(verifyExtent(op, "number of alibi slopes", op.getAlibiSlopesAttr().size(), heads))) // (C12)
      return failure();
    for (double slope : op.getAlibiSlopesAttr().asArrayRef())
      if (failed(verifyFinite(op, "an alibi slope", APFloat(slope)))) // (C12)
        return failure();
  }
  if (static_cast<bool>(op.getRelativeBias()) != op.getRelativeMaxDistance().has_value())
    return op.emitOpError("expected 'relative' and 'max_distance' together"); // (C13)
  if (op.getRelativeBias()) {
    RankedTensorType table = tensorType(op.getRelativeBias());
    int64_t buckets = table.getDimSize(0), least = op.getCausal() ? 2 : 4;
    if (buckets < least || (!op.getCausal() && buckets % 2))
      return op.emitOpError() << "has " << buckets << " relative buckets, expected "
                              << (op.getCausal() ? "at least 2" : "an even number of at least 4");    // (C13)
    if (failed(verifyExtent(op, "number of heads of the relative bias", table.getDimSize(1), heads))) // (C13)
      return failure();
    int64_t half = (op.getCausal() ? buckets : buckets / 2) / 2, distance = *op.getRelativeMaxDistance();
    if (distance <= half)
      return op.emitOpError() << "'max_distance' is " << distance << ", expected more than " << half; // (C13)
  }
  if (failed(verifyShape(op, "sinks", op.getSinks(), {heads}))) // (C14)
    return failure();
  for (auto [name, value] : {std::pair("mask", Value(op.getMask())), {"bias", Value(op.getBias())}}) {
    if (!value)
      continue;
    RankedTensorType type = tensorType(value);
    int64_t rank = type.getRank();
    auto agrees = [](int64_t found, int64_t expected) {
      return found == expected || ShapedType::isDynamic(found) || ShapedType::isDynamic(expected);
    };
    bool fits = agrees(type.getDimSize(rank - 2), tensorType(op.getQuery()).getDimSize(0)) &&
                (rank == 2 || type.getDimSize(0) == heads) &&
                (!op.getKeys() || agrees(type.getDimSize(rank - 1), tensorType(op.getKeys()).getDimSize(0)));
    if (!fits)
      return op.emitOpError() << name << " is " << type
                              << ", expected a row for each query and a column for each key"; // (C15)
  }
  return success();
}

LogicalResult AttentionOp::verify() {
  int64_t heads = getNumHeads(), kvHeads = getNumKvHeads();
  // Products of these are compared with tensor extents below, so they must not overflow.
  for (int64_t value : {heads, kvHeads, static_cast<int64_t>(getHeadDim()), getValueWidth()})
    if (value > (int64_t(1) << 24))
      return emitOpError() << "has a count of " << value
                           << " among its heads and widths, expected at most 2^24"; // (C2)
  if (heads % kvHeads)
    return emitOpError() << "'kv_heads' is " << kvHeads << ", expected a divisor of " << heads << " heads"; // (C2)
  if (failed(verifyExtent(*this, "number of columns of the query", tensorType(getQuery()).getDimSize(1),
                          heads * static_cast<int64_t>(getHeadDim())))) // (C3)
    return failure();
  if (failed(verifySameRows(*this, "the query", getQuery(),
                            {{"positions", getPositions()}, {"sequences", getSequences()}}))) // (C7)
    return failure();
  if (failed(verifyKeys(*this)))
    return failure();
  return verifyScores(*this);
}
