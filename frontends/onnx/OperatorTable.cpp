// OperatorTable.cpp - the table of all groups, and inference that many operators share.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

using namespace mlir;

namespace llmc::onnx_import {

ArrayRef<OperatorRow> allRows() {
  static const SmallVector<OperatorRow> rows = [] {
    SmallVector<OperatorRow> made;
    addElementwise(made);
    addActivations(made);
    addShapes(made);
    addSlices(made);
    addSelections(made);
    addIndexing(made);
    addReductions(made);
    addNormalizations(made);
    addProducts(made);
    addConvolutions(made);
    addPooling(made);
    addResize(made);
    addSampling(made);
    addSignals(made);
    addRecurrent(made);
    addStates(made);
    addRandom(made);
    addFolds(made);
    addQuantization(made);
    addAttention(made);
    addLosses(made);
    llvm::sort(made, [](const OperatorRow &a, const OperatorRow &b) {
      return a.name != b.name ? a.name < b.name : a.since < b.since;
    });
    return made;
  }();
  return rows;
}

const OperatorRow *findRow(StringRef name, int64_t version) {
  const OperatorRow *found = nullptr;
  for (const OperatorRow &row : allRows())
    if (row.name == name && row.since <= version)
      found = &row;
  return found;
}

FailureOr<SmallVector<int64_t>> broadcastShape(const Node &node, ArrayRef<ArrayRef<int64_t>> shapes) {
  SmallVector<int64_t> result;
  for (ArrayRef<int64_t> shape : shapes)
    if (shape.size() > result.size())
      result.insert(result.begin(), shape.size() - result.size(), 1);
  for (ArrayRef<int64_t> shape : shapes)
    for (size_t i = 0; i < shape.size(); ++i) {
      int64_t &size = result[result.size() - shape.size() + i];
      if (shape[i] == 1 || shape[i] == size || (size != 1 && node.extents().agree(size, shape[i])))
        continue;
      if (size != 1) {
        node.error() << "shapes do not broadcast: a dimension is " << node.extents().text(size) << " and "
                     << node.extents().text(shape[i]);
        return failure();
      }
      size = shape[i];
    }
  return result;
}

LogicalResult inferSame(const Node &node, SmallVectorImpl<Type> &types) {
  types.push_back(node.typeOf(0));
  return success();
}

LogicalResult inferBroadcast(const Node &node, SmallVectorImpl<Type> &types) {
  SmallVector<ArrayRef<int64_t>> shapes;
  for (unsigned i = 0; i < node.inputs.size(); ++i)
    if (node.has(i))
      shapes.push_back(node.shapeOf(i));
  FailureOr<SmallVector<int64_t>> shape = broadcastShape(node, shapes);
  if (failed(shape))
    return failure();
  types.push_back(RankedTensorType::get(*shape, node.elementOf(0)));
  return success();
}

Type ofShape(const Node &node, ArrayRef<int64_t> shape, unsigned input) {
  return RankedTensorType::get(shape, node.elementOf(input));
}

LogicalResult declaredOr(const Node &node, SmallVectorImpl<Type> &types, Type element, StringRef what, int64_t rank) {
  for (RankedTensorType type : node.declared) {
    if (type && type.getElementType() != element)
      return node.error() << "an output is declared as " << type << " (expected the element type " << element << ")";
    if (type && rank >= 0 && type.getRank() != rank)
      return node.error() << "an output is declared as " << type << " (expected rank " << rank << ")";
    if (!type)
      return node.error() << what << " is not known while compiling, and the file does not declare the output's shape";
    types.push_back(type);
  }
  return success();
}

} // namespace llmc::onnx_import
