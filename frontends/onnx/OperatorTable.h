// OperatorTable.h - the versioned table of operators: what each makes of its inputs' types, and how it is computed.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_OPERATORTABLE_H
#define LLMC_FRONTENDS_ONNX_OPERATORTABLE_H

#include "frontends/onnx/Lowering.h"
#include "frontends/onnx/Node.h"

namespace llmc::onnx_import {

/// The types of a node's outputs. Fails with a message on the node.
using InferFunction = mlir::LogicalResult (*)(const Node &node, llvm::SmallVectorImpl<mlir::Type> &types);
/// The node as ops of linalg, tensor, arith and math on tensors of storage types (Lowering.h).
using LowerFunction = mlir::LogicalResult (*)(Lowering &node, llvm::SmallVectorImpl<mlir::Value> &results);

/// One operator from a version on, up to the next row of its name.
struct OperatorRow {
  llvm::StringRef name;
  int64_t since;
  InferFunction infer; ///< null: only what the file declares is known
  LowerFunction lower;
  bool open = false; ///< both take sizes that are numbers of Extents
};

/// The row that holds for a version of an operator, or null.
const OperatorRow *findRow(llvm::StringRef name, int64_t version);
/// All rows, by name and version.
llvm::ArrayRef<OperatorRow> allRows();

// The groups, a file each.
void addElementwise(llvm::SmallVectorImpl<OperatorRow> &rows);
void addActivations(llvm::SmallVectorImpl<OperatorRow> &rows);
void addShapes(llvm::SmallVectorImpl<OperatorRow> &rows);
void addSlices(llvm::SmallVectorImpl<OperatorRow> &rows);
void addSelections(llvm::SmallVectorImpl<OperatorRow> &rows);
void addIndexing(llvm::SmallVectorImpl<OperatorRow> &rows);
void addReductions(llvm::SmallVectorImpl<OperatorRow> &rows);
void addNormalizations(llvm::SmallVectorImpl<OperatorRow> &rows);
void addProducts(llvm::SmallVectorImpl<OperatorRow> &rows);
void addConvolutions(llvm::SmallVectorImpl<OperatorRow> &rows);
void addPooling(llvm::SmallVectorImpl<OperatorRow> &rows);
void addResize(llvm::SmallVectorImpl<OperatorRow> &rows);
void addSampling(llvm::SmallVectorImpl<OperatorRow> &rows);
void addSignals(llvm::SmallVectorImpl<OperatorRow> &rows);
void addRecurrent(llvm::SmallVectorImpl<OperatorRow> &rows);
void addStates(llvm::SmallVectorImpl<OperatorRow> &rows);
void addRandom(llvm::SmallVectorImpl<OperatorRow> &rows);
void addFolds(llvm::SmallVectorImpl<OperatorRow> &rows);
void addQuantization(llvm::SmallVectorImpl<OperatorRow> &rows);
void addAttention(llvm::SmallVectorImpl<OperatorRow> &rows);
void addLosses(llvm::SmallVectorImpl<OperatorRow> &rows);

//===-- inference that many operators share ----------------------------------------------------------------------===//
/// The shape that shapes broadcast to, from the right; fails with a message on the node.
mlir::FailureOr<llvm::SmallVector<int64_t>> broadcastShape(const Node &node,
                                                           llvm::ArrayRef<llvm::ArrayRef<int64_t>> shapes);
/// Output 0 has the type of input 0.
mlir::LogicalResult inferSame(const Node &node, llvm::SmallVectorImpl<mlir::Type> &types);
/// All inputs broadcast, with the element type of the first.
mlir::LogicalResult inferBroadcast(const Node &node, llvm::SmallVectorImpl<mlir::Type> &types);
/// A type of that shape with the element type of an input.
mlir::Type ofShape(const Node &node, llvm::ArrayRef<int64_t> shape, unsigned input = 0);
/// The sizes that a node computes from values which come at run time (`what` names them), unless the file declares
/// them: see RunTimeSizes.cpp. Fails with a message on the node where that is not supported.
mlir::LogicalResult runTimeSizes(const Node &node, llvm::SmallVectorImpl<mlir::Type> &types, llvm::StringRef what,
                                 int64_t rank = -1);
/// Their values, given to the sizes of the results.
mlir::LogicalResult defineRunTimeSizes(Lowering &node);

/// Where a shape depends on values that come at run time (`what` names them), what the file declares is taken. Fails
/// with a message on the node where it declares nothing, or another element type, or, with a `rank`, another one.
mlir::LogicalResult declaredOr(const Node &node, llvm::SmallVectorImpl<mlir::Type> &types, mlir::Type element,
                               llvm::StringRef what, int64_t rank = -1);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_OPERATORTABLE_H
