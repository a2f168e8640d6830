// Normalizations.cpp - softmax, and norms over layers, batches, instances, groups and roots of squares.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

using Operand = Lowering::Operand;

bool isComputed(Lowering &node) {
  Type element = node.elementOf(0);
  if (element.isF32() || element.isF64() || element.isF16() || element.isBF16())
    return true;
  node.error() << "is not computed in " << element << " (expected float, double, float16 or bfloat16)";
  return false;
}

/// A real number in another compute type: scales may have another type than what they scale.
Value as(Body &b, Value value, Type type) { return b.convert(value, value.getType(), type); }

SmallVector<int64_t> without(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> kept(shape);
  for (int64_t axis : axes)
    kept[axis] = 1;
  return kept;
}

/// Places along axes.
int64_t countOf(const Node &node, ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) {
  int64_t count = 1;
  for (int64_t axis : axes)
    count = node.extents().mul(count, shape[axis]);
  return count;
}

/// A sum along axes with the axes kept as 1.
Value sumOver(Lowering &node, Operand x, ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) {
  Type wide = realElement(node.elementOf(0));
  Value sum = node.reduce(
      x, axes, wide, [&](Body &b) { return b.number(wide, 0); },
      [&](Body &b, Value s, Value v) { return b.add(s, v); });
  return node.reshape(sum, without(shape, axes));
}

/// Softmax and its logarithm; up to version 11 all dimensions from the axis on are one.
LogicalResult lowerSoftmax(Lowering &node, SmallVectorImpl<Value> &results) {
  if (!isComputed(node))
    return failure();
  int64_t rank = node.rankOf(0);
  bool logarithm = node.type == "LogSoftmax", old = node.since < 13;
  FailureOr<int64_t> axis = node.axis(node.integer("axis", old ? 1 : -1), std::max<int64_t>(rank, 1));
  if (failed(axis))
    return failure();
  SmallVector<int64_t> axes = {*axis};
  for (int64_t i = *axis + 1; old && i < rank; ++i)
    axes.push_back(i);
  if (rank == 0)
    axes.clear();
  Type element = node.elementOf(0), wide = realElement(node.elementOf(0));
  ArrayRef<int64_t> shape = node.shapeOf(0);
  // A NaN need not be seen here: it is one of the powers, too, and so in their sum.
  Value peak = node.reduce(
      node.input(0), axes, wide, [&](Body &b) { return b.number(wide, -INFINITY); },
      [&](Body &b, Value s, Value v) { return b.maxOfNumbers(s, v, wide); });
  peak = node.reshape(peak, without(shape, axes));
  auto shifted = [](Body &b, ValueRange x) { return b.sub(x[0], x[1]); };
  Value powers = node.elementwise({node.input(0), {peak, wide}}, shape, wide,
                                  [&](Body &b, ValueRange x) { return b.expOfNonPositive(shifted(b, x)); });
  Value sum = sumOver(node, {powers, wide}, shape, axes);
  if (logarithm)
    results.push_back(node.elementwise(
        {node.input(0), {peak, wide}, {sum, wide}}, shape, element,
        [&](Body &b, ValueRange x) -> Value { return b.sub(shifted(b, x), math::LogOp::create(b, x[2])); }));
  else {
    // A sum is at least 1: its inverse is a normal number, and multiplying by it is cheaper than dividing.
    Value inverse = node.elementwise({{sum, wide}}, without(shape, axes), wide,
                                     [&](Body &b, ValueRange x) { return b.div(b.number(wide, 1), x[0], wide); });
    results.push_back(node.elementwise({{powers, wide}, {inverse, wide}}, shape, element,
                                       [&](Body &b, ValueRange x) { return b.mul(x[0], x[1]); }));
  }
  return success();
}

/// Of values over axes, with the axes kept.
struct Moments {
  Value mean;
  Value rest;    ///< the mean of what the values are beyond `mean`: what its rounding leaves
  Value inverse; ///< 1 / sqrt(variance + epsilon)

  /// What a body that computes with normalised values reads, behind x.
  void addTo(SmallVectorImpl<Operand> &operands, Type wide) const {
    llvm::append_range(operands, ArrayRef<Operand>{{mean, wide}, {rest, wide}, {inverse, wide}});
  }
};

Value centred(Body &b, ValueRange x) { return b.sub(b.sub(x[0], x[1]), x[2]); }
/// Of what `addTo` lists.
Value normalised(Body &b, ValueRange x) { return b.mul(centred(b, x), x[3]); }

/// Where values lie close together and far from 0, a rounded mean is off by a part of what they differ by, and so is
/// all that is computed with it. Differences from a mean nearby are exact: they are averaged once more.
Moments moments(Lowering &node, Operand x, ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, double epsilon) {
  Type wide = realElement(node.elementOf(0));
  int64_t count = countOf(node, shape, axes);
  SmallVector<int64_t> kept = without(shape, axes);
  auto average = [&](Operand of) {
    return node.elementwise({{sumOver(node, of, shape, axes), wide}}, kept, wide,
                            [&](Body &b, ValueRange v) { return b.div(v[0], b.count(wide, count), wide); });
  };
  Value mean = average(x);
  Value beyond =
      node.elementwise({x, {mean, wide}}, shape, wide, [](Body &b, ValueRange v) { return b.sub(v[0], v[1]); });
  Value rest = average({beyond, wide});
  Value squares = node.elementwise({x, {mean, wide}, {rest, wide}}, shape, wide, [](Body &b, ValueRange v) {
    Value d = centred(b, v);
    return b.mul(d, d);
  });
  Value inverse = node.elementwise({{sumOver(node, {squares, wide}, shape, axes), wide}}, kept, wide,
                                   [&](Body &b, ValueRange v) -> Value {
                                     Value variance = b.div(v[0], b.count(wide, count), wide);
                                     Value root = math::SqrtOp::create(b, b.add(variance, b.number(wide, epsilon)));
                                     return b.div(b.number(wide, 1), root, wide);
                                   });
  return {mean, rest, inverse};
}

SmallVector<int64_t> axesFrom(int64_t axis, int64_t rank) {
  SmallVector<int64_t> axes;
  for (int64_t i = axis; i < rank; ++i)
    axes.push_back(i);
  return axes;
}

/// Scale and bias are spread over the input's last dimensions.
LogicalResult checkSpread(const Node &node) {
  Extents &e = node.extents();
  ArrayRef<int64_t> shape = node.shapeOf(0);
  for (unsigned input = 1; input < node.inputs.size(); ++input) {
    if (!node.has(input))
      continue;
    ArrayRef<int64_t> own = node.shapeOf(input);
    bool fits = own.size() <= shape.size();
    for (size_t i = 0; fits && i < own.size(); ++i)
      fits = own[i] == 1 || e.agree(own[i], shape[shape.size() - own.size() + i]);
    if (!fits)
      return node.error() << "input " << input << " is " << e.text(node.typeOf(input))
                          << " (expected to be spread over " << e.text(node.typeOf(0)) << ")";
  }
  return success();
}

LogicalResult inferLayerNorm(const Node &node, SmallVectorImpl<Type> &types) {
  FailureOr<int64_t> axis = node.axis(node.integer("axis", -1), node.rankOf(0));
  if (failed(axis) || failed(checkSpread(node)))
    return failure();
  types.push_back(node.typeOf(0));
  Type f32 = Float32Type::get(node.settings.getContext());
  auto kept = RankedTensorType::get(without(node.shapeOf(0), axesFrom(*axis, node.rankOf(0))), f32);
  types.push_back(kept);
  types.push_back(kept);
  return success();
}
LogicalResult lowerLayerNorm(Lowering &node, SmallVectorImpl<Value> &results) {
  if (!isComputed(node))
    return failure();
  int64_t axis = *node.axis(node.integer("axis", -1), node.rankOf(0));
  SmallVector<int64_t> shape(node.shapeOf(0)), axes = axesFrom(axis, shape.size());
  Type wide = realElement(node.elementOf(0));
  Moments found = moments(node, node.input(0), shape, axes, node.real("epsilon", 1e-5f));
  SmallVector<Operand> operands = {node.input(0)};
  found.addTo(operands, wide);
  operands.push_back(node.input(1));
  if (node.has(2))
    operands.push_back(node.input(2));
  results.push_back(node.elementwise(operands, shape, node.resultElement(), [](Body &b, ValueRange x) {
    Value y = b.mul(normalised(b, x), x[4]);
    return x.size() > 5 ? b.add(y, x[5]) : y;
  }));
  // The statistics are of type float, whatever they were computed in.
  for (unsigned i = 1; i < node.numOutputs; ++i) {
    SmallVector<Operand> sum = {{i == 1 ? found.mean : found.inverse, wide}};
    if (i == 1)
      sum.push_back({found.rest, wide});
    results.push_back(
        node.elementwise(sum, node.resultType(i).getShape(), node.resultElement(i), [&](Body &b, ValueRange x) {
          return as(b, x.size() > 1 ? b.add(x[0], x[1]) : x[0], b.getF32Type());
        }));
  }
  return success();
}

LogicalResult inferRMSNorm(const Node &node, SmallVectorImpl<Type> &types) {
  types.push_back(node.typeOf(0));
  return checkSpread(node);
}
LogicalResult lowerRMSNorm(Lowering &node, SmallVectorImpl<Value> &results) {
  if (!isComputed(node))
    return failure();
  FailureOr<int64_t> axis = node.axis(node.integer("axis", -1), node.rankOf(0));
  if (failed(axis))
    return failure();
  SmallVector<int64_t> shape(node.shapeOf(0)), axes = axesFrom(*axis, shape.size());
  Type wide = realElement(node.elementOf(0));
  double epsilon = node.real("epsilon", 1e-5f);
  int64_t count = countOf(node, shape, axes);
  Value squares =
      node.elementwise({node.input(0)}, shape, wide, [](Body &b, ValueRange x) { return b.mul(x[0], x[0]); });
  Value sum = sumOver(node, {squares, wide}, shape, axes);
  results.push_back(node.elementwise({node.input(0), {sum, wide}, node.input(1)}, shape, node.resultElement(),
                                     [&](Body &b, ValueRange x) -> Value {
                                       Value mean = b.div(x[1], b.count(wide, count), wide);
                                       Value root = math::SqrtOp::create(b, b.add(mean, b.number(wide, epsilon)));
                                       return b.mul(b.div(x[0], root, wide), as(b, x[2], wide));
                                     }));
  return success();
}

/// [C] beside [N, C, D...]: the dimensions after C are 1.
Operand channels(Lowering &node, unsigned input) {
  SmallVector<int64_t> shape = {node.shapeOf(input)[0]};
  for (int64_t i = 2; i < node.rankOf(0); ++i)
    shape.push_back(1);
  return {node.reshape(node.tensors[input], shape), node.elementOf(input)};
}
LogicalResult checkChannels(const Node &node, unsigned from, unsigned to) {
  if (node.rankOf(0) < 2)
    return node.error() << "needs at least rank 2 (found " << node.typeOf(0) << ")";
  for (unsigned i = from; i < to; ++i)
    if (node.rankOf(i) != 1 || node.shapeOf(i)[0] != node.shapeOf(0)[1])
      return node.error() << "input " << i << " is " << node.typeOf(i) << " (expected one number for each of "
                          << node.shapeOf(0)[1] << " channels)";
  return success();
}

LogicalResult inferBatchNorm(const Node &node, SmallVectorImpl<Type> &types) {
  if (failed(checkChannels(node, 1, 5)))
    return failure();
  types.push_back(node.typeOf(0));
  types.push_back(node.typeOf(3));
  types.push_back(node.typeOf(4));
  return success();
}
LogicalResult lowerBatchNorm(Lowering &node, SmallVectorImpl<Value> &results) {
  if (!isComputed(node))
    return failure();
  SmallVector<int64_t> shape(node.shapeOf(0));
  Type wide = realElement(node.elementOf(0));
  double epsilon = node.real("epsilon", 1e-5f), momentum = node.real("momentum", 0.9f);
  Operand mean = channels(node, 3), variance = channels(node, 4);
  bool training = node.integer("training_mode", 0);
  if (!training && node.numOutputs > 1)
    return node.error() << "gives statistics only where attribute 'training_mode' is 1";
  Value newMean, newVariance;
  if (training) {
    SmallVector<int64_t> axes = {0};
    int64_t count = shape[0];
    for (int64_t i = 2; i < static_cast<int64_t>(shape.size()); ++i) {
      axes.push_back(i);
      count = node.extents().mul(count, shape[i]);
    }
    SmallVector<int64_t> kept = without(shape, axes), flat = {shape[1]};
    auto average = [&](Operand x) {
      return node.elementwise({{sumOver(node, x, shape, axes), wide}}, kept, wide,
                              [&](Body &b, ValueRange v) { return b.div(v[0], b.count(wide, count), wide); });
    };
    Value batchMean = average(node.input(0));
    Value squares = node.elementwise({node.input(0), {batchMean, wide}}, shape, wide, [&](Body &b, ValueRange v) {
      Value d = b.sub(v[0], v[1]);
      return b.mul(d, d);
    });
    Value batchVariance = average({squares, wide});
    auto running = [&](unsigned input, Value batch) {
      return node.elementwise({node.input(input), {node.reshape(batch, flat), wide}}, flat, node.elementOf(input),
                              [&](Body &b, ValueRange v) {
                                Value old = b.mul(as(b, v[0], wide), b.number(wide, momentum));
                                Value sum = b.add(old, b.mul(v[1], b.number(wide, 1 - momentum)));
                                return as(b, sum, computeElement(node.elementOf(input)));
                              });
    };
    newMean = running(3, batchMean);
    newVariance = running(4, batchVariance);
    mean = {batchMean, wide};
    variance = {batchVariance, wide};
  }
  results.push_back(node.elementwise({node.input(0), channels(node, 1), channels(node, 2), mean, variance}, shape,
                                     node.resultElement(), [&](Body &b, ValueRange x) -> Value {
                                       Value spread = b.add(as(b, x[4], wide), b.number(wide, epsilon));
                                       Value normal =
                                           b.div(b.sub(x[0], as(b, x[3], wide)), math::SqrtOp::create(b, spread), wide);
                                       return b.add(b.mul(normal, as(b, x[1], wide)), as(b, x[2], wide));
                                     }));
  if (node.numOutputs > 1)
    results.push_back(newMean);
  if (node.numOutputs > 2)
    results.push_back(newVariance);
  return success();
}

LogicalResult lowerInstanceNorm(Lowering &node, SmallVectorImpl<Value> &results) {
  if (!isComputed(node) || failed(checkChannels(node, 1, 3)))
    return failure();
  SmallVector<int64_t> shape(node.shapeOf(0)), axes = axesFrom(2, shape.size());
  Type wide = realElement(node.elementOf(0));
  SmallVector<Operand> operands = {node.input(0)};
  moments(node, node.input(0), shape, axes, node.real("epsilon", 1e-5f)).addTo(operands, wide);
  operands.push_back(channels(node, 1));
  operands.push_back(channels(node, 2));
  results.push_back(node.elementwise(operands, shape, node.resultElement(),
                                     [](Body &b, ValueRange x) { return b.add(b.mul(normalised(b, x), x[4]), x[5]); }));
  return success();
}

LogicalResult lowerGroupNorm(Lowering &node, SmallVectorImpl<Value> &results) {
  if (!isComputed(node))
    return failure();
  SmallVector<int64_t> shape(node.shapeOf(0));
  int64_t groups = node.integer("num_groups", 0);
  if (shape.size() < 2 || groups < 1 || isOpen(shape[1]) || shape[1] % groups)
    return node.error() << "attribute 'num_groups' = " << groups << " does not divide the channels of "
                        << node.extents().text(node.typeOf(0));
  // Version 18 has a scale and a bias for each group, later ones for each channel.
  bool grouped = node.since < 21;
  if (grouped && (node.shapeOf(1) != ArrayRef<int64_t>({groups}) || node.shapeOf(2) != ArrayRef<int64_t>({groups})))
    return node.error() << "its scale and bias are " << node.typeOf(1) << " and " << node.typeOf(2)
                        << " (expected one number for each of " << groups << " groups)";
  if (!grouped && failed(checkChannels(node, 1, 3)))
    return failure();
  SmallVector<int64_t> split = {shape[0], groups, shape[1] / groups};
  split.append(shape.begin() + 2, shape.end());
  Type wide = realElement(node.elementOf(0)), element = node.elementOf(0);
  Operand x = {node.reshape(node.tensors[0], split), element};
  SmallVector<Operand> operands = {x};
  moments(node, x, split, axesFrom(2, split.size()), node.real("epsilon", 1e-5f)).addTo(operands, wide);
  Value normal = node.elementwise(operands, split, wide, normalised);
  auto beside = [&](unsigned input) {
    if (!grouped)
      return channels(node, input);
    SmallVector<int64_t> wideShape = {groups, 1};
    wideShape.append(shape.size() - 2, 1);
    return Operand{node.reshape(node.tensors[input], wideShape), node.elementOf(input)};
  };
  SmallVector<int64_t> own = grouped ? split : shape;
  Value scaled = node.elementwise({{node.reshape(normal, own), wide}, beside(1), beside(2)}, own, node.resultElement(),
                                  [](Body &b, ValueRange v) { return b.add(b.mul(v[0], v[1]), v[2]); });
  results.push_back(node.reshape(scaled, shape));
  return success();
}

LogicalResult lowerLpNorm(Lowering &node, SmallVectorImpl<Value> &results) {
  if (!isComputed(node))
    return failure();
  FailureOr<int64_t> axis = node.axis(node.integer("axis", -1), node.rankOf(0));
  int64_t p = node.integer("p", 2);
  if (failed(axis))
    return failure();
  if (p != 1 && p != 2)
    return node.error() << "unsupported attribute 'p' = " << p << " (expected 1 or 2)";
  SmallVector<int64_t> shape(node.shapeOf(0)), axes = {*axis};
  Type wide = realElement(node.elementOf(0));
  Value sizes = node.elementwise({node.input(0)}, shape, wide, [&](Body &b, ValueRange x) -> Value {
    return p == 1 ? math::AbsFOp::create(b, x[0]).getResult() : b.mul(x[0], x[0]);
  });
  Value sum = sumOver(node, {sizes, wide}, shape, axes);
  results.push_back(
      node.elementwise({node.input(0), {sum, wide}}, shape, node.resultElement(), [&](Body &b, ValueRange x) -> Value {
        Value norm = p == 1 ? x[1] : math::SqrtOp::create(b, x[1]).getResult();
        Value zero = b.number(wide, 0);
        return b.select(b.equal(norm, zero), zero, b.div(x[0], norm, wide));
      }));
  return success();
}

LogicalResult lowerMeanVariance(Lowering &node, SmallVectorImpl<Value> &results) {
  if (!isComputed(node))
    return failure();
  SmallVector<int64_t> axes;
  for (int64_t value : node.integers("axes").value_or(SmallVector<int64_t>{0, 2, 3})) {
    FailureOr<int64_t> axis = node.axis(value, node.rankOf(0));
    if (failed(axis))
      return failure();
    axes.push_back(*axis);
  }
  llvm::sort(axes);
  SmallVector<int64_t> shape(node.shapeOf(0));
  Type wide = realElement(node.elementOf(0));
  SmallVector<Operand> operands = {node.input(0)};
  moments(node, node.input(0), shape, axes, 0).addTo(operands, wide);
  results.push_back(node.elementwise(operands, shape, node.resultElement(), normalised));
  return success();
}

/// Each value over a power of the squares of channels near its own.
LogicalResult lowerLRN(Lowering &node, SmallVectorImpl<Value> &results) {
  if (!isComputed(node))
    return failure();
  SmallVector<int64_t> shape(node.shapeOf(0));
  int64_t size = node.integer("size", 1);
  if (shape.size() < 3 || size < 1)
    return node.error() << "needs channels and a size (found " << node.typeOf(0) << " and " << size << ")";
  double alpha = node.real("alpha", 1e-4f), beta = node.real("beta", 0.75), bias = node.real("bias", 1);
  Type element = node.elementOf(0), wide = realElement(node.elementOf(0));
  Value from = node.tensors[0];
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    Value zero = b.index(0), one = b.index(1);
    Value low = arith::MaxSIOp::create(b, b.sub(at[1], b.index((size - 1) / 2)), zero);
    Value high = arith::MinSIOp::create(b, b.add(at[1], b.index(size / 2 + 1)), b.index(shape[1]));
    auto loop = scf::ForOp::create(b, low, high, one, ValueRange{b.number(wide, 0)},
                                   [&](OpBuilder &inner, Location loc, Value i, ValueRange carried) {
                                     Body body(loc, inner, &node);
                                     SmallVector<Value> indices(at.begin(), at.end());
                                     indices[1] = i;
                                     Value x = body.load(body.extract(from, indices), element);
                                     scf::YieldOp::create(body, body.add(carried[0], body.mul(x, x)));
                                   });
    Value base = b.add(b.number(wide, bias), b.mul(b.number(wide, alpha / size), loop.getResult(0)));
    Value power = b.exp(b.mul(b.number(wide, -beta), math::LogOp::create(b, base)));
    return b.mul(b.load(b.extract(from, at), element), power);
  }));
  return success();
}

} // namespace

void addNormalizations(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"Softmax", 1, inferSame, lowerSoftmax, true});
  rows.push_back({"LogSoftmax", 1, inferSame, lowerSoftmax, true});
  rows.push_back({"LayerNormalization", 17, inferLayerNorm, lowerLayerNorm, true});
  rows.push_back({"RMSNormalization", 23, inferRMSNorm, lowerRMSNorm, true});
  rows.push_back({"BatchNormalization", 7, inferBatchNorm, lowerBatchNorm, true});
  rows.push_back({"InstanceNormalization", 6, inferSame, lowerInstanceNorm, true});
  rows.push_back({"GroupNormalization", 18, inferSame, lowerGroupNorm, true});
  rows.push_back({"LpNormalization", 1, inferSame, lowerLpNorm, true});
  rows.push_back({"MeanVarianceNormalization", 9, inferSame, lowerMeanVariance, true});
  rows.push_back({"LRN", 1, inferSame, lowerLRN, true});
}

} // namespace llmc::onnx_import
