// Matrices.cpp - finds the matrices of a model.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Quantize/Matrices.h"

#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace llmc::transformer;

namespace llmc {

static SmallVector<OpOperand *> matricesOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, SmallVector<OpOperand *>>(op)
      .Case<LinearOp>([](LinearOp linear) -> SmallVector<OpOperand *> { return {&linear.getWeightMutable()}; })
      .Case<GatedLinearOp>([](GatedLinearOp linear) -> SmallVector<OpOperand *> {
        return {&linear.getGateWeightMutable(), &linear.getUpWeightMutable()};
      })
      .Case<EmbeddingOp>([](EmbeddingOp embedding) {
        SmallVector<OpOperand *> tables = {&embedding.getTableMutable()};
        for (OpOperand &positions : embedding.getPositionTableMutable())
          tables.push_back(&positions);
        return tables;
      })
      .Default([](Operation *) { return SmallVector<OpOperand *>(); });
}

SmallVector<OpOperand *> matricesIn(Operation *root) {
  SmallVector<OpOperand *> matrices;
  root->walk([&](Operation *op) { llvm::append_range(matrices, matricesOf(op)); });
  return matrices;
}

static void collectOrigins(Value weight, SmallVectorImpl<WeightOp> &origins) {
  Operation *op = weight.getDefiningOp();
  if (!op)
    return;
  if (auto stored = dyn_cast<WeightOp>(op))
    return origins.push_back(stored);
  auto quantize = dyn_cast<WeightQuantizeOp>(op); // Statistics are no part of the weight.
  for (Value operand : quantize ? op->getOperands().take_front() : op->getOperands())
    collectOrigins(operand, origins);
}

SmallVector<WeightOp> originsOf(Value weight) {
  SmallVector<WeightOp> origins;
  collectOrigins(weight, origins);
  return origins;
}

Value namingMatrixOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([](LinearOp linear) { return linear.getWeight(); })
      .Case([](GatedLinearOp linear) { return linear.getGateWeight(); })
      .Default(Value());
}

SmallVector<std::string> statisticsKeysOf(Operation *op) {
  SmallVector<std::string> keys;
  Value matrix = namingMatrixOf(op);
  SmallVector<WeightOp> origins = matrix ? originsOf(matrix) : SmallVector<WeightOp>();
  if (!origins.empty())
    for (int64_t layer = 0; layer < origins.front().getNumLayers(); ++layer)
      keys.push_back(kInputStatistics + origins.front().getKey(layer).str());
  return keys;
}

BlockType storedBlocksOf(Value weight) {
  if (auto block = dyn_cast<BlockType>(cast<RankedTensorType>(weight.getType()).getElementType()))
    return block;
  if (Operation *op = weight.getDefiningOp())
    for (Value operand : op->getOperands())
      if (BlockType block = storedBlocksOf(operand))
        return block;
  return {};
}

} // namespace llmc
