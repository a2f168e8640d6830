// Losses.cpp - losses as values: how far predictions are from labels.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

using Operand = Lowering::Operand;

/// Labels are [N, D...] for scores [N, C, D...].
LogicalResult inferLoss(const Node &node, SmallVectorImpl<Type> &types) {
  ArrayRef<int64_t> scores = node.shapeOf(0), labels = node.shapeOf(1);
  SmallVector<int64_t> expected(scores);
  if (scores.size() >= 2)
    expected.erase(expected.begin() + 1);
  if (scores.size() < 2 || labels != ArrayRef<int64_t>(expected) ||
      (node.has(2) && node.shapeOf(2) != ArrayRef<int64_t>({scores[1]})))
    return node.error() << "labels " << node.typeOf(1) << " do not fit scores " << node.typeOf(0);
  StringRef reduction = node.text("reduction", "mean");
  if (reduction != "none" && reduction != "mean" && reduction != "sum")
    return node.error() << "unsupported attribute 'reduction' = '" << reduction << "' (expected none, mean or sum)";
  types.push_back(RankedTensorType::get(reduction == "none" ? labels : ArrayRef<int64_t>(), node.elementOf(0)));
  types.push_back(node.typeOf(0));
  return success();
}

LogicalResult lowerLoss(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0), wide = realElement(element), labelType = node.elementOf(1),
       i64 = node.b.getI64Type();
  ArrayRef<int64_t> shape = node.shapeOf(0), labels = node.shapeOf(1);
  Value logs = node.tensors[0];
  Type logType = element;
  if (node.type == "SoftmaxCrossEntropyLoss") {
    SmallVector<int64_t> kept(shape);
    kept[1] = 1;
    auto fold = [&](Operand x, double init, bool max) {
      Value value = node.reduce(
          x, {1}, wide, [&](Body &b) { return b.number(wide, init); },
          [&](Body &b, Value s, Value v) { return max ? b.max(s, v, wide) : b.add(s, v); });
      return node.reshape(value, kept);
    };
    Value peak = fold(node.input(0), -INFINITY, true);
    Value powers = node.elementwise({node.input(0), {peak, wide}}, shape, wide,
                                    [](Body &b, ValueRange x) { return b.exp(b.sub(x[0], x[1])); });
    Value sum = fold({powers, wide}, 0, false);
    logs = node.elementwise(
        {node.input(0), {peak, wide}, {sum, wide}}, shape, element,
        [](Body &b, ValueRange x) -> Value { return b.sub(b.sub(x[0], x[1]), math::LogOp::create(b, x[2])); });
  }
  bool ignores = node.hasAttribute("ignore_index");
  int64_t ignored = node.integer("ignore_index", 0);
  // The weight of each place: its label's, or 0 where it is ignored.
  auto labelAt = [&](Body &b, ValueRange at) { return b.convert(b.extract(node.tensors[1], at), labelType, i64); };
  Value weights = node.generate(labels, wide, [&](Body &b, ValueRange at) -> Value {
    Value label = labelAt(b, at), weight = b.number(wide, 1);
    Value place = b.asIndex(label, i64);
    place = arith::MinSIOp::create(b, arith::MaxSIOp::create(b, place, b.index(0)),
                                   b.index(std::max<int64_t>(0, shape[1] - 1)));
    if (node.has(2))
      weight = b.load(b.extract(node.tensors[2], {place}), node.elementOf(2));
    return ignores ? b.select(b.equal(label, b.integer(i64, ignored)), b.number(wide, 0), weight) : weight;
  });
  Value loss = node.generate(labels, wide, [&](Body &b, ValueRange at) -> Value {
    SmallVector<Value> places(at.begin(), at.end());
    Value place = b.asIndex(labelAt(b, at), i64);
    place = arith::MinSIOp::create(b, arith::MaxSIOp::create(b, place, b.index(0)),
                                   b.index(std::max<int64_t>(0, shape[1] - 1)));
    places.insert(places.begin() + 1, place);
    Value weight = b.extract(weights, at), zero = b.number(wide, 0);
    Value value = b.mul(arith::NegFOp::create(b, b.load(b.extract(logs, places), logType)), weight);
    return b.select(b.equal(weight, zero), zero, value);
  });
  StringRef reduction = node.text("reduction", "mean");
  SmallVector<int64_t> axes;
  for (size_t i = 0; i < labels.size(); ++i)
    axes.push_back(i);
  auto total = [&](Value x) {
    return node.reduce(
        {x, wide}, axes, wide, [&](Body &b) { return b.number(wide, 0); },
        [](Body &b, Value s, Value v) { return b.add(s, v); });
  };
  SmallVector<Operand> operands = {{reduction == "none" ? loss : total(loss), wide}};
  if (reduction == "mean")
    operands.push_back({total(weights), wide});
  results.push_back(node.elementwise(operands, node.resultType().getShape(), element, [&](Body &b, ValueRange x) {
    return x.size() > 1 ? b.div(x[0], x[1], wide) : x[0];
  }));
  if (node.numOutputs > 1)
    results.push_back(logs);
  return success();
}

} // namespace

void addLosses(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"NegativeLogLikelihoodLoss", 12, inferLoss, lowerLoss});
  rows.push_back({"SoftmaxCrossEntropyLoss", 12, inferLoss, lowerLoss});
}

} // namespace llmc::onnx_import
