// ImportControl.cpp - nodes with graphs inside whose conditions come at run time: If and Loop as ops with regions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "frontends/formats/json/Json.h"

using namespace mlir;

namespace llmc::onnx_import {

LogicalResult GraphImporter::body(const onnx::Graph &graph, const Scope &around, ArrayRef<Type> inputs, Region &region,
                                  int64_t opset, const Call *call, SmallVectorImpl<Value> &outputs) {
  OpBuilder::InsertionGuard guard(builder);
  Location loc = FileLineColLoc::get(builder.getContext(), file, 0, 0);
  Block &block = region.emplaceBlock();
  builder.setInsertionPointToStart(&block);
  Scope inner = around;
  for (auto [i, type] : llvm::enumerate(inputs)) {
    Value argument = block.addArgument(type, loc);
    if (i < graph.inputs.size())
      inner[graph.inputs[i].name] = argument;
  }
  for (const onnx::Tensor &tensor : graph.initializers) {
    FailureOr<DenseElementsAttr> value = elementsOf(tensor);
    if (failed(value))
      return failure();
    inner[tensor.name] = constant(loc, *value);
  }
  if (failed(nodes(graph.nodes, inner, opset, call)))
    return failure();
  for (const onnx::ValueInfo &output : graph.outputs)
    outputs.push_back(inner.at(output.name));
  OperationState yield(loc, "onnx.yield");
  yield.addOperands(outputs);
  builder.create(yield);
  return success();
}

/// An op for a node with regions, its results in the scope.
static Operation *createNode(OpBuilder &builder, const Node &facts, OperationState &state, ArrayRef<Type> types) {
  state.addAttribute("since", builder.getI64IntegerAttr(facts.since));
  state.addAttribute("settings", facts.settings);
  for (Value input : facts.inputs)
    state.operands.push_back(input ? input : onnx_ir::createAbsent(builder, facts.loc));
  for (Type type : types)
    state.types.push_back(facts.extents().toIR(cast<RankedTensorType>(type)));
  return builder.create(state);
}

static std::string nameOfNode(const Node &facts) { return "onnx." + facts.type.str(); }

LogicalResult GraphImporter::branchNode(Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                        const Call *call) {
  Extents &e = facts.extents();
  if (e.product(facts.shapeOf(0)) != 1)
    return facts.error() << "the condition is " << e.text(facts.typeOf(0)) << " (expected one element)";
  OperationState state(facts.loc, nameOfNode(facts));
  SmallVector<Value> made[2];
  // Regions stand in the order of the attributes' names.
  for (int i = 0; i < 2; ++i) {
    const onnx::Attribute *branch = node.find(i ? "then_branch" : "else_branch");
    if (!branch || branch->graphs.size() != 1)
      return facts.error() << "has no graph for its branch";
    if (failed(body(branch->graphs[0], scope, {}, *state.addRegion(), opset, call, made[i])))
      return failure();
  }
  if (made[0].size() != node.outputs.size() || made[1].size() != node.outputs.size())
    return facts.error() << "its branches have " << made[1].size() << " and " << made[0].size() << " outputs (expected "
                         << node.outputs.size() << ")";
  SmallVector<Type> types;
  for (auto [i, pair] : llvm::enumerate(llvm::zip(made[1], made[0]))) {
    RankedTensorType yes = e.fromIR(cast<RankedTensorType>(std::get<0>(pair).getType())),
                     no = e.fromIR(cast<RankedTensorType>(std::get<1>(pair).getType()));
    if (yes.getRank() != no.getRank() || yes.getElementType() != no.getElementType())
      return facts.error() << "output " << i << " is " << e.text(yes) << " in one branch and " << e.text(no)
                           << " in the other (expected one type and rank)";
    SmallVector<int64_t> shape(yes.getShape());
    for (int64_t d = 0; d < yes.getRank(); ++d)
      if (no.getShape()[d] != shape[d])
        shape[d] = facts.computedSize(i, d, std::min(e.minimum(shape[d]), e.minimum(no.getShape()[d])),
                                      std::max(e.maximum(shape[d]), e.maximum(no.getShape()[d])));
    types.push_back(RankedTensorType::get(shape, yes.getElementType()));
  }
  Operation *op = createNode(builder, facts, state, types);
  for (size_t i = 0; i < node.outputs.size(); ++i)
    scope[node.outputs[i]] = op->getResult(i);
  return success();
}

LogicalResult GraphImporter::loopNode(Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                      const Call *call) {
  Extents &e = facts.extents();
  const onnx::Attribute *attribute = node.find("body");
  if (!attribute || attribute->graphs.size() != 1)
    return facts.error() << "has no graph for its body";
  const onnx::Graph &graph = attribute->graphs[0];
  size_t carried = std::max<size_t>(facts.inputs.size(), 2) - 2;
  if (graph.inputs.size() != carried + 2 || graph.outputs.size() != node.outputs.size() + 1 ||
      node.outputs.size() < carried)
    return facts.error() << "its body has " << graph.inputs.size() << " inputs and " << graph.outputs.size()
                         << " outputs (expected " << carried + 2 << " and " << node.outputs.size() + 1 << ")";
  SmallVector<Type> inputs = {RankedTensorType::get({}, builder.getI64Type()),
                              RankedTensorType::get({}, builder.getI1Type())};
  for (unsigned i = 0; i < 2; ++i)
    if (facts.has(i) && e.product(facts.shapeOf(i)) != 1)
      return facts.error() << "input " << i << " is " << e.text(facts.typeOf(i)) << " (expected one element)";
  SmallVector<Type> types;
  for (size_t i = 0; i < carried; ++i) {
    if (!facts.has(2 + i))
      return facts.error() << "input " << 2 + i << " is left out, which it may not be";
    inputs.push_back(facts.inputs[2 + i].getType());
    types.push_back(facts.typeOf(2 + i));
  }
  OperationState state(facts.loc, nameOfNode(facts));
  SmallVector<Value> made;
  size_t known = e.symbols().size();
  if (failed(body(graph, scope, inputs, *state.addRegion(), opset, call, made)))
    return failure();
  RankedTensorType goesOn = e.fromIR(cast<RankedTensorType>(made[0].getType()));
  if (e.product(goesOn.getShape()) != 1 || !goesOn.getElementType().isInteger(1))
    return facts.error() << "its body's condition is " << e.text(goesOn) << " (expected one bool)";
  for (size_t i = 0; i < carried; ++i)
    if (made[1 + i].getType() != inputs[2 + i])
      return facts.error() << "what turns hand on in place " << i << " is "
                           << e.text(e.fromIR(cast<RankedTensorType>(inputs[2 + i]))) << " first and "
                           << e.text(e.fromIR(cast<RankedTensorType>(made[1 + i].getType())))
                           << " after a turn, which is not supported (expected one shape)";
  facts.takesOpen = true;
  std::optional<SmallVector<int64_t>> limit = facts.has(0) ? facts.knownIntegers(0) : std::nullopt;
  int64_t most = limit && limit->size() == 1 ? std::max<int64_t>(0, e.maximum((*limit)[0])) : -1;
  // Only a loop that adds rows has a bound that matters to memory.
  int64_t turns =
      node.outputs.size() > carried ? facts.computedSize(carried, 0, 0, std::min<int64_t>(most, 1 << 24)) : 0;
  for (size_t i = 1 + carried; i < made.size(); ++i) {
    RankedTensorType row = e.fromIR(cast<RankedTensorType>(made[i].getType()));
    SmallVector<int64_t> shape = {turns};
    for (int64_t size : row.getShape()) {
      for (size_t s = known; s < e.symbols().size(); ++s)
        if (e.symbols()[s].kind == Extents::Kind::Value && e.expression(size).isFunctionOfSymbol(s))
          return facts.error() << "output " << i - 1 << " is made of rows of " << e.text(row)
                               << ", whose sizes a turn computes, which is not supported";
      shape.push_back(size);
    }
    if (shape.size() > kMaxRank)
      return facts.error() << "output " << i - 1 << " has rank " << shape.size() << " (expected at most " << kMaxRank
                           << ")";
    types.push_back(RankedTensorType::get(shape, row.getElementType()));
  }
  Operation *op = createNode(builder, facts, state, types);
  for (size_t i = 0; i < node.outputs.size(); ++i)
    if (!node.outputs[i].empty())
      scope[node.outputs[i]] = op->getResult(i);
  return success();
}

} // namespace llmc::onnx_import
