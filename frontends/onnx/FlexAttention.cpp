// FlexAttention.cpp - ai.onnx.preview.FlexAttention as the operators that it is made of, with its graphs between them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "frontends/onnx/OperatorTable.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

/// Q, K and V are [batch, heads, sequence, width]; several query heads may share a key head.
static LogicalResult checkShapes(const Node &facts) {
  for (unsigned i = 0; i < 3; ++i)
    if (facts.rankOf(i) != 4)
      return facts.error() << "input " << i << " is " << facts.typeOf(i) << " (expected rank 4)";
  for (unsigned i = 0; i < 3; ++i)
    if (isOpen(facts.shapeOf(i)))
      return facts.error() << "input " << i << " has a size known only at run time, which is not supported";
  ArrayRef<int64_t> q = facts.shapeOf(0), k = facts.shapeOf(1), v = facts.shapeOf(2);
  if (k[0] != q[0] || v[0] != q[0] || k[1] != v[1] || k[2] != v[2] || k[3] != q[3] || k[1] < 1 || q[1] % k[1])
    return facts.error() << "keys " << facts.typeOf(1) << " and values " << facts.typeOf(2) << " do not fit queries "
                         << facts.typeOf(0);
  return success();
}

LogicalResult GraphImporter::expandFlexAttention(const Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                                 const Call *call) {
  if (failed(checkShapes(facts)))
    return failure();
  Location loc = facts.loc;
  Type element = facts.elementOf(0);
  ArrayRef<int64_t> q = facts.shapeOf(0), k = facts.shapeOf(1), v = facts.shapeOf(2);
  Type precision = element.isF64() ? element : Type(builder.getF32Type());
  if (int64_t number = facts.integer("softmax_precision", 0))
    precision = elementFromNumber(builder.getContext(), number);
  if (!precision || !(precision.isF32() || precision.isF64() || precision.isF16() || precision.isBF16()))
    return facts.error() << "unsupported attribute 'softmax_precision' = " << facts.integer("softmax_precision", 0)
                         << " (expected a type of float)";
  // A step that failed has said why; what follows it is skipped.
  bool fine = true;
  auto op = [&](StringRef type, ValueRange inputs, ArrayRef<NamedAttribute> settings = {}) -> Value {
    if (!fine)
      return {};
    FailureOr<Value> made = emitOne(loc, type, kInnerOpset, inputs, settings);
    fine = succeeded(made);
    return fine ? *made : Value();
  };
  auto cast = [&](Value value, Type to) -> Value {
    if (!fine || mlir::cast<RankedTensorType>(value.getType()).getElementType() == to)
      return value;
    int64_t number = 1;
    while (elementFromNumber(builder.getContext(), number) != to)
      ++number;
    return op("Cast", {value}, builder.getNamedAttr("to", builder.getI64IntegerAttr(number)));
  };
  auto scaled = [&](Value value, double by) {
    Value factor =
        constant(loc, DenseElementsAttr::get(RankedTensorType::get({}, element), builder.getFloatAttr(element, by)));
    return op("Mul", {value, factor});
  };
  auto spread = [&](Value value, ArrayRef<int64_t> shape) -> Value {
    int64_t group = q[1] / shape[1];
    if (group == 1)
      return value;
    Value wide = op("Unsqueeze", {value, integers(loc, {2})});
    wide = op("Expand", {wide, integers(loc, {shape[0], shape[1], group, shape[2], shape[3]})});
    return op("Reshape", {wide, integers(loc, {shape[0], q[1], shape[2], shape[3]})});
  };
  auto modified = [&](StringRef attribute, Value value) -> Value {
    if (!fine || !node.find({attribute.data(), attribute.size()}))
      return value;
    FailureOr<const onnx::Graph *> body = bodyOf(facts, node, attribute);
    Scope around = scope;
    SmallVector<Value> results;
    fine = succeeded(body);
    if (fine && ((*body)->inputs.size() != 1 || (*body)->outputs.size() != 1)) {
      facts.error() << "the graph of attribute '" << attribute << "' has " << (*body)->inputs.size() << " inputs and "
                    << (*body)->outputs.size() << " outputs (expected one of each)";
      fine = false;
    }
    fine = fine && succeeded(openBody(**body, loc, around)) &&
           succeeded(turn(**body, around, {value}, opset, call, results));
    if (fine && results[0].getType() != value.getType()) {
      facts.error() << "the graph of attribute '" << attribute << "' makes " << results[0].getType() << " of "
                    << value.getType();
      fine = false;
    }
    return fine ? results[0] : Value();
  };
  double scale = facts.hasAttribute("scale") ? facts.real("scale", 1) : 1 / std::sqrt(static_cast<double>(q[3]));
  // Half of the scale goes to each side, as the standard says.
  double half = std::sqrt(static_cast<float>(scale));
  Value keys = scaled(spread(facts.inputs[1], k), half);
  Value turned = op("Transpose", {keys}, builder.getNamedAttr("perm", builder.getDenseI64ArrayAttr({0, 1, 3, 2})));
  Value scores = cast(op("MatMul", {scaled(facts.inputs[0], half), turned}), precision);
  scores = modified("score_mod", scores);
  Value weights = op("Softmax", {scores}, builder.getNamedAttr("axis", builder.getI64IntegerAttr(-1)));
  weights = modified("prob_mod", weights);
  Value result = cast(op("MatMul", {weights, cast(spread(facts.inputs[2], v), precision)}), facts.elementOf(2));
  if (!fine)
    return failure();
  scope[node.outputs[0]] = result;
  return success();
}

} // namespace llmc::onnx_import
