// LayerOps.cpp - rules and builders of a model's layers.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace llmc::transformer;

void LayersOp::build(OpBuilder &builder, OperationState &state, int64_t slot, ValueRange inits) {
  build(builder, state, /*classes=*/{0}, /*slots=*/{slot}, /*tables=*/{}, inits);
}

void LayersOp::build(OpBuilder &builder, OperationState &state, ArrayRef<int64_t> classes, ArrayRef<int64_t> slots,
                     ArrayRef<SmallVector<int64_t>> tables, ValueRange inits) {
  Properties &properties = state.getOrAddProperties<Properties>();
  properties.classes = builder.getDenseI64ArrayAttr(classes);
  properties.slots = builder.getDenseI64ArrayAttr(slots);
  if (!tables.empty())
    properties.tables = builder.getArrayAttr(llvm::map_to_vector(
        tables, [&](const SmallVector<int64_t> &table) -> Attribute { return builder.getDenseI64ArrayAttr(table); }));
  state.addOperands(inits);
  state.addTypes(inits.getTypes());
  int64_t numClasses = classes.empty() ? 0 : *llvm::max_element(classes) + 1;
  OpBuilder::InsertionGuard guard(builder);
  for (int64_t layerClass = 0; layerClass < numClasses; ++layerClass) {
    Block *body = builder.createBlock(state.addRegion());
    for (size_t i = 0; i < 1 + tables.size(); ++i)
      body->addArgument(builder.getIndexType(), state.location);
    for (Value init : inits)
      body->addArgument(init.getType(), init.getLoc());
  }
}

LogicalResult LayersOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  llvm::append_range(types, adaptor.getInits().getTypes());
  return success();
}

SmallVector<int64_t> LayersOp::getLayersOfClass(int64_t layerClass) {
  SmallVector<int64_t> layers;
  for (auto [layer, found] : llvm::enumerate(getClasses()))
    if (found == layerClass)
      layers.push_back(layer);
  return layers;
}

LogicalResult LayersOp::verify() {
  size_t numLayers = getClasses().size();
  if (!numLayers || getSlots().size() != numLayers)
    return emitOpError() << "has " << numLayers << " classes and " << getSlots().size()
                         << " slots, expected one of each for every layer, and a layer"; // (C1)
  if (getTables())
    for (auto [number, table] : llvm::enumerate(*getTables()))
      if (static_cast<size_t>(cast<DenseI64ArrayAttr>(table).size()) != numLayers)
        return emitOpError() << "table " << number << " has " << cast<DenseI64ArrayAttr>(table).size()
                             << " numbers, expected " << numLayers << ", one for each layer"; // (C1)
  int64_t numBodies = getBodies().size(), seen = 0;
  for (auto [layer, layerClass] : llvm::enumerate(getClasses())) {
    if (layerClass < 0 || layerClass >= numBodies)
      return emitOpError() << "layer " << layer << " is of class " << layerClass << ", expected 0 to "
                           << numBodies - 1; // (C2)
    if (layerClass > seen)
      return emitOpError() << "layer " << layer << " is of class " << layerClass << ", expected at most " << seen
                           << ": classes are numbered by first appearance"; // (C3)
    seen = std::max(seen, layerClass + 1);
  }
  if (seen != numBodies)
    return emitOpError() << "has " << numBodies << " bodies and layers of " << seen << " classes"; // (C2)

  int64_t numSlots = 0, numStates = 0;
  for (Value init : getInits())
    if (auto state = dyn_cast<StateType>(init.getType())) {
      numSlots = std::max(numSlots, state.getSlots());
      ++numStates;
    }
  llvm::SmallSet<std::pair<int64_t, int64_t>, 32> used;
  for (auto [layer, slot] : llvm::enumerate(getSlots())) {
    if (slot < -1 || slot >= numSlots)
      return emitOpError() << "layer " << layer << " has slot " << slot << ", expected -1 to " << numSlots - 1; // (C4)
    // Layers of different classes may use different states; with one state a slot has one layer.
    if (slot >= 0 && !used.insert({numStates == 1 ? 0 : getClasses()[layer], slot}).second)
      return emitOpError() << "layer " << layer << " has slot " << slot << ", which an earlier layer has"; // (C7)
  }
  return success();
}

LogicalResult LayersOp::verifyRegions() {
  for (auto [number, body] : llvm::enumerate(getBodies())) {
    Block &block = body.front();
    SmallVector<Type> expected(1 + getNumTables(), IndexType::get(getContext()));
    llvm::append_range(expected, getInits().getTypes());
    if (!llvm::equal(block.getArgumentTypes(), expected)) {
      InFlightDiagnostic diagnostic = emitOpError() << "body " << number << " has arguments (";
      llvm::interleaveComma(block.getArgumentTypes(), diagnostic);
      diagnostic << "), expected (";
      llvm::interleaveComma(expected, diagnostic);
      return diagnostic << ")"; // (C5)
    }
    auto yield = dyn_cast<YieldOp>(block.back());
    if (!yield)
      return block.back().emitOpError("ends a body of layers, expected transformer.yield"); // (C6)
    if (!llvm::equal(yield.getOperandTypes(), getInits().getTypes())) {
      InFlightDiagnostic diagnostic = yield.emitOpError("yields (");
      llvm::interleaveComma(yield.getOperandTypes(), diagnostic);
      diagnostic << "), expected (";
      llvm::interleaveComma(getInits().getTypes(), diagnostic);
      return diagnostic << ")"; // (C6)
    }
    for (BlockArgument argument : block.getArguments())
      if (isa<StateType>(argument.getType()) && failed(verifyLinear(argument))) // (C7)
        return failure();
  }
  for (Value result : getResults())
    if (isa<StateType>(result.getType()) && failed(verifyLinear(result))) // (C7)
      return failure();
  return success();
}
