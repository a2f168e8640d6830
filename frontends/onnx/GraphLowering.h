// GraphLowering.h - an entry being lowered: its ops one by one, and those in graphs inside of nodes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_GRAPHLOWERING_H
#define LLMC_FRONTENDS_ONNX_GRAPHLOWERING_H

#include "frontends/onnx/Lowering.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace llmc::onnx_import {

class GraphLowering {
public:
  explicit GraphLowering(mlir::func::FuncOp func) : facts(func.getContext()), shared(facts), b(func.getContext()) {}

  GraphFacts facts;
  LoweredGraph shared;
  llvm::DenseMap<Value, Value> storage; ///< of values of onnx types
  mlir::OpBuilder b;                    ///< where the next op is written

  /// Writes an op at the builder's place. Emits a message on failure.
  mlir::LogicalResult lowerOp(mlir::Operation *op);
  /// All ops of a graph inside of a node.
  mlir::LogicalResult lowerBlock(mlir::Block &block);
  /// Says what stands for a value.
  void keep(Value value, Value lowered);

private:
  mlir::LogicalResult lowerControl(Lowering &node, llvm::SmallVectorImpl<Value> &results);
  mlir::LogicalResult lowerIf(Lowering &node, llvm::SmallVectorImpl<Value> &results);
  mlir::LogicalResult lowerLoop(Lowering &node, llvm::SmallVectorImpl<Value> &results);
};

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_GRAPHLOWERING_H
