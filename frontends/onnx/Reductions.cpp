// Reductions.cpp - sums, products, extremes and their places along axes; running sums.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include <cmath>
#include <functional>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

enum class Kind { Sum, Mean, Prod, Max, Min, L1, L2, SumSquare, LogSum, LogSumExp };

/// The axes, ascending; nothing when they come at run time. All of them where none are named.
LogicalResult reductionAxes(const Node &node, std::optional<SmallVector<int64_t>> &axes) {
  std::optional<SmallVector<int64_t>> given = node.integers("axes");
  int64_t rank = node.rankOf(0);
  if (!given && node.has(1) && !(given = node.knownIntegers(1)))
    return success();
  axes.emplace();
  if (!given || given->empty()) {
    for (int64_t i = 0; i < rank && !node.integer("noop_with_empty_axes", 0); ++i)
      axes->push_back(i);
    return success();
  }
  for (int64_t value : *given) {
    FailureOr<int64_t> axis = node.axis(value, rank);
    if (failed(axis))
      return failure();
    axes->push_back(*axis);
  }
  llvm::sort(*axes);
  axes->erase(llvm::unique(*axes), axes->end());
  return success();
}

SmallVector<int64_t> reducedShape(const Node &node, ArrayRef<int64_t> axes, bool keep) {
  SmallVector<int64_t> shape;
  for (auto [i, size] : llvm::enumerate(node.shapeOf(0)))
    if (!llvm::is_contained(axes, static_cast<int64_t>(i)))
      shape.push_back(size);
    else if (keep)
      shape.push_back(1);
  return shape;
}

LogicalResult inferReduce(const Node &node, SmallVectorImpl<Type> &types) {
  std::optional<SmallVector<int64_t>> axes;
  if (failed(reductionAxes(node, axes)))
    return failure();
  if (!axes && !node.declared[0] && node.implied) {
    types.push_back(node.implied);
    return success();
  }
  if (!axes)
    return runTimeSizes(node, types, "input 1 (the axes)");
  types.push_back(RankedTensorType::get(reducedShape(node, *axes, node.integer("keepdims", 1)), node.elementOf(0)));
  return success();
}

Value start(Body &b, Kind kind, Type element) {
  Type type = computeElement(element);
  bool real = isa<FloatType>(type);
  if (kind == Kind::Max || kind == Kind::Min) {
    bool max = kind == Kind::Max;
    if (real)
      return b.number(type, max ? -INFINITY : INFINITY);
    unsigned width = type.getIntOrFloatBitWidth();
    APInt least = element.isUnsignedInteger() || width == 1 ? APInt::getZero(width) : APInt::getSignedMinValue(width);
    APInt most =
        element.isUnsignedInteger() || width == 1 ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
    return arith::ConstantOp::create(b, type, IntegerAttr::get(type, max ? least : most)).getResult();
  }
  double first = kind == Kind::Prod ? 1 : 0;
  return real ? b.number(type, first) : b.integer(type, static_cast<int64_t>(first));
}

Value fold(Body &b, Kind kind, Value sum, Value x, Type element) {
  switch (kind) {
  case Kind::Prod:
    return b.mul(sum, x);
  case Kind::Max:
    return b.max(sum, x, element);
  case Kind::Min:
    return b.min(sum, x, element);
  case Kind::L1:
    if (isa<FloatType>(x.getType()))
      return b.add(sum, math::AbsFOp::create(b, x));
    return b.add(sum, element.isUnsignedInteger() ? x : math::AbsIOp::create(b, x).getResult());
  case Kind::L2:
  case Kind::SumSquare:
    return b.add(sum, b.mul(x, x));
  default:
    return b.add(sum, x);
  }
}

/// e^(x - peak); of infinities less themselves e^0.
Value powerOf(Body &b, Value x, Value peak) {
  return b.exp(b.select(b.equal(x, peak), b.number(x.getType(), 0), b.sub(x, peak)));
}

/// What is done with a finished sum of `count` values.
Value finish(Body &b, Kind kind, Value sum, int64_t count, Type element) {
  Type type = sum.getType();
  bool real = isa<FloatType>(type);
  if (kind == Kind::Mean)
    return b.div(sum, b.count(type, count), element);
  if (kind == Kind::L2)
    return real ? math::SqrtOp::create(b, sum).getResult()
                : b.convert(math::SqrtOp::create(b, b.convert(sum, element, b.getF64Type())), b.getF64Type(), element);
  if (kind == Kind::LogSum)
    return math::LogOp::create(b, sum);
  return sum;
}

/// Axes that come at run time: each output folds all places of the input whose other coordinates are its own. With a
/// `peak` of each output, sums are of e^(x - peak).
Value reduceAtRunTime(Lowering &node, Kind kind, Value from, Type element, ArrayRef<int64_t> outShape, bool keep,
                      Value peak = {}) {
  ArrayRef<int64_t> shape = node.shapeOf(0);
  // More axes than dimensions are none; what is implied of the output's shape was not checked against their number.
  int64_t rank = shape.size(), named = std::min<int64_t>(node.extents().product(node.shapeOf(1)), rank);
  bool none = node.integer("noop_with_empty_axes", 0);
  return node.generate(outShape, element, [&](Body &b, ValueRange out) -> Value {
    // Whether each axis is folded.
    SmallVector<Value> folded(rank, b.integer(b.getI1Type(), named == 0 && !none));
    for (int64_t k = 0; k < named; ++k) {
      Value axis = b.asIndex(b.extract(node.tensors[1], {b.index(k)}), node.elementOf(1));
      Value negative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, axis, b.index(0));
      axis = b.select(negative, b.add(axis, b.index(rank)), axis);
      for (int64_t i = 0; i < rank; ++i)
        folded[i] =
            arith::OrIOp::create(b, folded[i], arith::CmpIOp::create(b, arith::CmpIPredicate::eq, axis, b.index(i)));
    }
    // The output's coordinate along each axis of the input.
    SmallVector<Value> own(rank);
    Value next = b.index(0);
    for (int64_t i = 0; i < rank; ++i) {
      Value coordinate = b.index(0);
      for (auto [k, value] : llvm::enumerate(out)) {
        Value here = keep ? Value(b.integer(b.getI1Type(), static_cast<int64_t>(k) == i))
                          : Value(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, next, b.index(k)));
        coordinate = b.select(here, value, coordinate);
      }
      own[i] = coordinate;
      next = b.select(folded[i], next, b.add(next, b.index(1)));
    }
    Value sum = start(b, kind, element), count = b.index(0);
    SmallVector<Value> at;
    std::function<SmallVector<Value>(Body &, int64_t, ValueRange)> loop =
        [&](Body &body, int64_t axis, ValueRange carried) -> SmallVector<Value> {
      if (axis == rank) {
        Value mine = body.integer(body.getI1Type(), 1);
        for (int64_t i = 0; i < rank; ++i)
          mine = arith::AndIOp::create(
              body, mine,
              arith::OrIOp::create(body, folded[i],
                                   arith::CmpIOp::create(body, arith::CmpIPredicate::eq, at[i], own[i])));
        Value x = body.load(body.extract(from, at), element);
        if (peak)
          x = powerOf(body, x, body.extract(peak, out));
        return {body.select(mine, fold(body, kind, carried[0], x, element), carried[0]),
                body.select(mine, body.add(carried[1], body.index(1)), carried[1])};
      }
      auto op = scf::ForOp::create(body, body.index(0), body.index(shape[axis]), body.index(1), carried,
                                   [&](OpBuilder &inner, Location loc, Value i, ValueRange values) {
                                     Body deeper(loc, inner, &node);
                                     at.push_back(i);
                                     SmallVector<Value> result = loop(deeper, axis + 1, values);
                                     at.pop_back();
                                     scf::YieldOp::create(deeper, result);
                                   });
      return SmallVector<Value>(op.getResults());
    };
    SmallVector<Value> sums = loop(b, 0, {sum, count});
    if (kind == Kind::Mean) {
      Value number = arith::IndexCastOp::create(b, b.getI64Type(), sums[1]);
      return b.div(sums[0], b.convert(number, b.getI64Type(), element), element);
    }
    return finish(b, kind, sums[0], 1, element);
  });
}

template <Kind kind> LogicalResult lowerReduce(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0);
  if (failed(defineRunTimeSizes(node)))
    return failure();
  bool keep = node.integer("keepdims", 1);
  std::optional<SmallVector<int64_t>> axes;
  if (failed(reductionAxes(node, axes)))
    return failure();
  ArrayRef<int64_t> outShape = node.resultType().getShape();
  Lowering::Operand from = node.input(0);
  Type to = element;
  if ((kind == Kind::LogSum || kind == Kind::LogSumExp) && !isa<FloatType>(element)) {
    // Logarithms of integers are taken in f64.
    element = node.b.getF64Type();
    from = {node.elementwise({from}, node.shapeOf(0), element,
                             [&](Body &b, ValueRange x) { return b.convert(x[0], to, element); }),
            element};
  }
  Type wide = realElement(element);
  auto finished = [&](Value result) {
    if (to != element)
      result = node.elementwise({{result, element}}, outShape, to,
                                [&](Body &b, ValueRange x) { return b.convert(x[0], element, to); });
    results.push_back(result);
    return success();
  };
  auto logarithm = [&](Value sum, Value peak, ArrayRef<int64_t> shape) {
    return node.elementwise({{sum, wide}, {peak, wide}}, shape, element,
                            [](Body &b, ValueRange x) -> Value { return b.add(math::LogOp::create(b, x[0]), x[1]); });
  };
  if (!axes && kind == Kind::LogSumExp) {
    from.tensor = node.elementwise({from}, node.shapeOf(0), wide, [](Body &, ValueRange x) { return x[0]; });
    Value peak = reduceAtRunTime(node, Kind::Max, from.tensor, wide, outShape, keep);
    Value sum = reduceAtRunTime(node, Kind::Sum, from.tensor, wide, outShape, keep, peak);
    return finished(logarithm(sum, peak, outShape));
  }
  if (!axes)
    return finished(reduceAtRunTime(node, kind, from.tensor, element, outShape, keep));
  if (axes->empty() && kind != Kind::L1 && kind != Kind::L2 && kind != Kind::SumSquare && kind != Kind::LogSum) {
    results.push_back(node.tensors[0]);
    return success();
  }
  int64_t count = 1;
  for (int64_t axis : *axes)
    count = node.extents().mul(count, node.shapeOf(0)[axis]);
  SmallVector<int64_t> folded = reducedShape(node, *axes, false), kept = reducedShape(node, *axes, true);
  Value peak;
  if (kind == Kind::LogSumExp) {
    peak = node.reduce(
        from, *axes, wide, [&](Body &b) { return start(b, Kind::Max, wide); },
        [&](Body &b, Value sum, Value x) { return fold(b, Kind::Max, sum, x, wide); });
    Value spread = node.reshape(peak, kept);
    from = {node.elementwise({from, {spread, wide}}, node.shapeOf(0), wide,
                             [&](Body &b, ValueRange x) { return powerOf(b, x[0], x[1]); }),
            wide};
  }
  Type summed = kind == Kind::LogSumExp ? wide : element;
  Value sum = node.reduce(
      from, *axes, summed, [&](Body &b) { return start(b, kind, summed); },
      [&](Body &b, Value s, Value x) { return fold(b, kind, s, x, summed); });
  if (kind == Kind::LogSumExp)
    sum = logarithm(sum, peak, folded);
  else if (kind == Kind::Mean || kind == Kind::L2 || kind == Kind::LogSum)
    sum = node.elementwise({{sum, element}}, folded, element,
                           [&](Body &b, ValueRange x) { return finish(b, kind, x[0], count, element); });
  return finished(node.reshape(sum, outShape));
}

//===-- places of extremes ---------------------------------------------------------------------------------------===//

LogicalResult inferArg(const Node &node, SmallVectorImpl<Type> &types) {
  FailureOr<int64_t> axis = node.axis(node.integer("axis", 0), node.rankOf(0));
  if (failed(axis))
    return failure();
  types.push_back(RankedTensorType::get(reducedShape(node, {*axis}, node.integer("keepdims", 1)),
                                        IntegerType::get(node.settings.getContext(), 64)));
  return success();
}

LogicalResult lowerArg(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t axis = *node.axis(node.integer("axis", 0), node.rankOf(0));
  bool max = node.type == "ArgMax", last = node.integer("select_last_index", 0);
  Type element = node.elementOf(0);
  Value from = node.tensors[0];
  SmallVector<int64_t> shape = reducedShape(node, {axis}, false);
  int64_t size = node.shapeOf(0)[axis];
  if (size == 0)
    return node.error() << "has no place along axis " << axis;
  Value places = node.generate(shape, node.b.getI64Type(), [&](Body &b, ValueRange at) -> Value {
    auto read = [&](Body &body, Value i) {
      SmallVector<Value> indices(at.begin(), at.end());
      indices.insert(indices.begin() + axis, i);
      return body.load(body.extract(from, indices), element);
    };
    Value first = read(b, b.index(0));
    auto loop = scf::ForOp::create(b, b.index(1), b.index(size), b.index(1), ValueRange{b.index(0), first},
                                   [&](OpBuilder &inner, Location loc, Value i, ValueRange carried) {
                                     Body body(loc, inner, &node);
                                     Value x = read(body, i);
                                     Value better =
                                         max ? body.less(carried[1], x, element) : body.less(x, carried[1], element);
                                     if (last)
                                       better = arith::OrIOp::create(body, better, body.equal(x, carried[1]));
                                     scf::YieldOp::create(body, ValueRange{body.select(better, i, carried[0]),
                                                                           body.select(better, x, carried[1])});
                                   });
    return arith::IndexCastOp::create(b, b.getI64Type(), loop.getResult(0));
  });
  results.push_back(node.reshape(places, node.resultType().getShape()));
  return success();
}

/// 1 at the first place of the largest along an axis.
LogicalResult lowerHardmax(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t rank = node.rankOf(0);
  FailureOr<int64_t> found = node.axis(node.integer("axis", node.since < 13 ? 1 : -1), rank);
  if (failed(found))
    return failure();
  Value from = node.tensors[0];
  Type element = node.elementOf(0);
  SmallVector<int64_t> shape(node.shapeOf(0));
  int64_t axis = *found;
  if (node.since < 13) { // all dimensions from the axis on are one
    int64_t rows = 1, columns = 1;
    for (int64_t i = 0; i < rank; ++i)
      (i < axis ? rows : columns) = node.extents().mul(i < axis ? rows : columns, shape[i]);
    from = node.reshape(from, {rows, columns});
    shape = {rows, columns};
    axis = 1;
  }
  int64_t size = shape[axis];
  Value result = node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    auto read = [&](Body &body, Value i) {
      SmallVector<Value> indices(at.begin(), at.end());
      indices[axis] = i;
      return body.load(body.extract(from, indices), element);
    };
    auto loop =
        scf::ForOp::create(b, b.index(1), b.index(size), b.index(1), ValueRange{b.index(0), read(b, b.index(0))},
                           [&](OpBuilder &inner, Location loc, Value i, ValueRange carried) {
                             Body body(loc, inner, &node);
                             Value x = read(body, i), better = body.less(carried[1], x, element);
                             scf::YieldOp::create(body, ValueRange{body.select(better, i, carried[0]),
                                                                   body.select(better, x, carried[1])});
                           });
    Value here = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, loop.getResult(0), at[axis]);
    Type type = computeElement(element);
    return b.select(here, b.number(type, 1), b.number(type, 0));
  });
  results.push_back(node.reshape(result, node.shapeOf(0)));
  return success();
}

/// Running sums and products, each a loop of its own.
LogicalResult lowerCumulative(Lowering &node, SmallVectorImpl<Value> &results) {
  bool exclusive = node.integer("exclusive", 0), reverse = node.integer("reverse", 0), sum = node.type == "CumSum";
  Type element = node.elementOf(0), type = computeElement(element);
  Value from = node.tensors[0], axisTensor = node.reshape(node.tensors[1], {});
  int64_t rank = node.rankOf(0);
  if (rank == 0)
    return node.error() << "needs at least rank 1";
  std::optional<SmallVector<int64_t>> known = node.knownIntegers(1);
  SmallVector<int64_t> sizes(node.shapeOf(0));
  auto make = [&](int64_t axis) {
    return node.generate(sizes, element, [&](Body &b, ValueRange at) -> Value {
      Value one = b.index(1), place = at[axis];
      Value low = reverse ? (exclusive ? Value(b.add(place, one)) : place) : b.index(0);
      Value high = reverse ? b.index(sizes[axis]) : (exclusive ? place : Value(b.add(place, one)));
      double neutral = sum ? 0 : 1;
      Value init = isa<FloatType>(type) ? b.number(type, neutral) : b.integer(type, static_cast<int64_t>(neutral));
      auto loop = scf::ForOp::create(b, low, high, one, ValueRange{init},
                                     [&](OpBuilder &inner, Location loc, Value i, ValueRange carried) {
                                       Body body(loc, inner, &node);
                                       SmallVector<Value> indices(at.begin(), at.end());
                                       indices[axis] = i;
                                       Value x = body.load(body.extract(from, indices), element);
                                       Value next = sum ? body.add(carried[0], x) : body.mul(carried[0], x);
                                       scf::YieldOp::create(body, next);
                                     });
      return loop.getResult(0);
    });
  };
  if (known) {
    FailureOr<int64_t> axis = node.axis(known->empty() ? 0 : (*known)[0], rank);
    if (failed(axis))
      return failure();
    results.push_back(make(*axis));
    return success();
  }
  // The axis comes at run time: one of `rank` results is taken.
  Value result = make(0);
  for (int64_t axis = 1; axis < rank; ++axis) {
    Value other = make(axis);
    result = node.elementwise({{result, element}, {other, element}, {axisTensor, node.elementOf(1)}}, sizes, element,
                              [&](Body &b, ValueRange x) -> Value {
                                Value a = x[2];
                                Type at = a.getType();
                                Value here = arith::OrIOp::create(b, b.equal(a, b.integer(at, axis)),
                                                                  b.equal(a, b.integer(at, axis - rank)));
                                return b.select(here, x[1], x[0]);
                              });
  }
  results.push_back(result);
  return success();
}

} // namespace

void addReductions(SmallVectorImpl<OperatorRow> &rows) {
  auto add = [&](StringRef name, LowerFunction lower) { rows.push_back({name, 1, inferReduce, lower, true}); };
  add("ReduceSum", lowerReduce<Kind::Sum>);
  add("ReduceMean", lowerReduce<Kind::Mean>);
  add("ReduceProd", lowerReduce<Kind::Prod>);
  add("ReduceMax", lowerReduce<Kind::Max>);
  add("ReduceMin", lowerReduce<Kind::Min>);
  add("ReduceL1", lowerReduce<Kind::L1>);
  add("ReduceL2", lowerReduce<Kind::L2>);
  add("ReduceSumSquare", lowerReduce<Kind::SumSquare>);
  add("ReduceLogSum", lowerReduce<Kind::LogSum>);
  add("ReduceLogSumExp", lowerReduce<Kind::LogSumExp>);
  rows.push_back({"ArgMax", 1, inferArg, lowerArg, true});
  rows.push_back({"ArgMin", 1, inferArg, lowerArg, true});
  rows.push_back({"Hardmax", 1, inferSame, lowerHardmax, true});
  rows.push_back({"CumSum", 11, inferSame, lowerCumulative, true});
  rows.push_back({"CumProd", 26, inferSame, lowerCumulative, true});
}

} // namespace llmc::onnx_import
