// Unrolling.cpp - a Loop whose number of turns is known while compiling: the body once a turn.
//
// A turn's number is a constant in its body, so that what follows from it is folded.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "frontends/formats/json/Json.h"
#include "frontends/formats/onnx/Operators.h"

using namespace mlir;

namespace llmc::onnx_import {

FailureOr<Value> GraphImporter::emitOne(Location loc, StringRef type, int64_t opset, ValueRange inputs,
                                        ArrayRef<NamedAttribute> settings) {
  const onnx::Operator *schema = onnx::findOperator({type.data(), type.size()}, opset);
  assert(schema && "an operator of every opset");
  Node facts(loc, &this->facts);
  facts.type = type;
  facts.since = schema->since;
  facts.settings = builder.getDictionaryAttr(settings);
  facts.numOutputs = 1;
  facts.inputs.assign(inputs.begin(), inputs.end());
  facts.declared.push_back({});
  SmallVector<Value> results;
  if (failed(emit(facts, results)))
    return failure();
  return results[0];
}

Value GraphImporter::integers(Location loc, ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, builder.getI64Type());
  return constant(loc, DenseElementsAttr::get(type, values));
}

FailureOr<Value> GraphImporter::placeOf(Location loc, Value tensor, int64_t axis, int64_t place) {
  Value index = constant(loc, DenseElementsAttr::get(RankedTensorType::get({}, builder.getI64Type()), place));
  return emitOne(loc, "Gather", kInnerOpset, {tensor, index},
                 builder.getNamedAttr("axis", builder.getI64IntegerAttr(axis)));
}

/// Values of all turns side by side in a new dimension.
FailureOr<Value> GraphImporter::stacked(Location loc, ArrayRef<Value> parts, int64_t axis) {
  SmallVector<Value> wide;
  for (Value part : parts) {
    if (part.getType() != parts[0].getType()) {
      emitError(loc) << "a body gives " << parts[0].getType() << " in one turn and " << part.getType()
                     << " in another, which cannot stand in one output";
      return failure();
    }
    FailureOr<Value> one = emitOne(loc, "Unsqueeze", kInnerOpset, {part, integers(loc, {axis})}, {});
    if (failed(one))
      return failure();
    wide.push_back(*one);
  }
  return emitOne(loc, "Concat", kInnerOpset, wide, builder.getNamedAttr("axis", builder.getI64IntegerAttr(axis)));
}

/// An output of no turns: what the node's or the body's declaration says of it.
FailureOr<Value> GraphImporter::noTurns(const Node &facts, size_t output, const onnx::ValueInfo &inner, int64_t axis) {
  RankedTensorType type = output < facts.declared.size() ? facts.declared[output] : RankedTensorType();
  if (!type) {
    FailureOr<RankedTensorType> own = typeOf(inner, false);
    if (succeeded(own) && *own) {
      SmallVector<int64_t> shape((*own).getShape());
      shape.insert(shape.begin() + std::min<int64_t>(axis, shape.size()), 0);
      type = RankedTensorType::get(shape, (*own).getElementType());
    }
  }
  if (!type || type.getNumElements() != 0) {
    facts.error() << "output " << output << " is of no turns, and the file does not declare its shape";
    return failure();
  }
  if (type.getElementType().isInteger(1))
    return constant(facts.loc, DenseElementsAttr::get(type, ArrayRef<bool>()));
  return constant(facts.loc, DenseElementsAttr::getFromRawBuffer(type, {}));
}

FailureOr<const onnx::Graph *> GraphImporter::bodyOf(const Node &facts, const onnx::Node &node,
                                                     StringRef attribute) const {
  const onnx::Attribute *body = node.find({attribute.data(), attribute.size()});
  if (body && body->graphs.size() == 1)
    return &body->graphs[0];
  facts.error() << "attribute '" << attribute << "' holds no graph";
  return failure();
}

LogicalResult GraphImporter::openBody(const onnx::Graph &graph, Location loc, Scope &scope) {
  for (const onnx::Tensor &tensor : graph.initializers) {
    FailureOr<DenseElementsAttr> value = elementsOf(tensor);
    if (failed(value))
      return failure();
    scope[tensor.name] = constant(loc, *value);
  }
  return success();
}

LogicalResult GraphImporter::turn(const onnx::Graph &graph, const Scope &around, ValueRange arguments, int64_t opset,
                                  const Call *call, SmallVectorImpl<Value> &results) {
  Scope inner = around;
  for (auto [input, argument] : llvm::zip(graph.inputs, arguments))
    inner[input.name] = argument;
  if (failed(nodes(graph.nodes, inner, opset, call)))
    return failure();
  for (const onnx::ValueInfo &output : graph.outputs) {
    FailureOr<Value> value = given(inner, output.name);
    if (failed(value))
      return failure();
    results.push_back(*value);
  }
  return success();
}

LogicalResult GraphImporter::shapeNumbers(const onnx::Graph &graph, Location loc, SmallVectorImpl<Value> &arguments) {
  for (size_t i = 0; i < 2 && i < graph.inputs.size(); ++i) {
    const onnx::ValueInfo &input = graph.inputs[i];
    int64_t rank = cast<RankedTensorType>(arguments[i].getType()).getRank();
    if (!input.hasShape || input.dims.size() > 1 || rank > 1 || input.dims.size() == static_cast<size_t>(rank))
      continue;
    FailureOr<Value> shaped =
        emitOne(loc, rank ? "Squeeze" : "Unsqueeze", kInnerOpset, {arguments[i], integers(loc, {0})}, {});
    if (failed(shaped))
      return failure();
    arguments[i] = *shaped;
  }
  return success();
}

/// One number that is known, or nothing.
static std::optional<int64_t> knownNumber(Value value) {
  DenseElementsAttr elements = constantOf(value);
  if (!elements || elements.getNumElements() != 1 || !isa<IntegerType>(elements.getElementType()))
    return std::nullopt;
  APInt number = *elements.getValues<APInt>().begin();
  return elements.getElementType().isInteger(1) ? static_cast<int64_t>(number.getZExtValue()) : number.getSExtValue();
}

LogicalResult GraphImporter::unrollLoop(const Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                        const Call *call) {
  FailureOr<const onnx::Graph *> body = bodyOf(facts, node, "body");
  if (failed(body))
    return failure();
  const onnx::Graph &graph = **body;
  size_t states = facts.inputs.size() > 2 ? facts.inputs.size() - 2 : 0;
  if (graph.inputs.size() != states + 2 || graph.outputs.size() < states + 1 ||
      node.outputs.size() > graph.outputs.size() - 1)
    return facts.error() << "its body has " << graph.inputs.size() << " inputs and " << graph.outputs.size()
                         << " outputs (expected " << states + 2 << " and at least "
                         << std::max(states + 1, node.outputs.size() + 1) << ")";
  int64_t most = INT64_MAX;
  if (facts.has(0)) {
    std::optional<int64_t> known = knownNumber(facts.inputs[0]);
    if (!known)
      return facts.error() << "the number of turns is not known while compiling, which is not supported";
    most = *known;
  }
  Type i1 = builder.getI1Type();
  Value condition =
      facts.has(1) ? facts.inputs[1] : constant(facts.loc, DenseElementsAttr::get(RankedTensorType::get({}, i1), true));
  SmallVector<Value> now(facts.inputs.begin() + std::min<size_t>(2, facts.inputs.size()), facts.inputs.end());
  SmallVector<SmallVector<Value>> scans(graph.outputs.size() - 1 - states);
  Scope around = scope;
  if (failed(openBody(graph, facts.loc, around)))
    return failure();
  for (int64_t i = 0; i < most; ++i) {
    std::optional<int64_t> goesOn = knownNumber(condition);
    if (!goesOn)
      return facts.error() << "the condition is not known while compiling, which is not supported";
    if (!*goesOn)
      break;
    // A body of no nodes would never come to the limit of nodes.
    if (failed(countNode()))
      return failure();
    SmallVector<Value> arguments = {
        constant(facts.loc, DenseElementsAttr::get(RankedTensorType::get({}, builder.getI64Type()), i)), condition};
    llvm::append_range(arguments, now);
    SmallVector<Value> results;
    if (failed(shapeNumbers(graph, facts.loc, arguments)) ||
        failed(turn(graph, around, arguments, opset, call, results)))
      return failure();
    condition = results[0];
    now.assign(results.begin() + 1, results.begin() + 1 + states);
    for (size_t k = 0; k < scans.size(); ++k)
      scans[k].push_back(results[1 + states + k]);
  }
  for (size_t k = 0; k < node.outputs.size(); ++k) {
    if (k < states) {
      scope[node.outputs[k]] = now[k];
      continue;
    }
    const SmallVector<Value> &parts = scans[k - states];
    FailureOr<Value> all = parts.empty() ? noTurns(facts, k, graph.outputs[1 + k], 0) : stacked(facts.loc, parts, 0);
    if (failed(all))
      return failure();
    scope[node.outputs[k]] = *all;
  }
  return success();
}

} // namespace llmc::onnx_import
