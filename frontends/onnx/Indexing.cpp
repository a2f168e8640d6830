// Indexing.cpp - elements picked and placed by indices that come at run time.
//
// An index outside of its dimension is moved to the nearest place inside: nothing is ever read or written elsewhere.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include <functional>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

/// An index that counts from the end where it is negative, kept inside of [0, size).
Value insideOf(Body &b, Value index, int64_t size) {
  Value zero = b.index(0);
  Value negative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, zero);
  index = b.select(negative, b.add(index, b.index(size)), index);
  Value last = isOpen(size) ? Value(arith::MaxSIOp::create(b, b.sub(b.index(size), b.index(1)), zero))
                            : b.index(std::max<int64_t>(0, size - 1));
  return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, index, zero), last);
}
Value readIndex(Body &b, Value tensor, Type element, ValueRange at, int64_t size) {
  return insideOf(b, b.asIndex(b.load(b.extract(tensor, at), element), element), size);
}

LogicalResult inferGather(const Node &node, SmallVectorImpl<Type> &types) {
  FailureOr<int64_t> axis = node.axis(node.integer("axis", 0), node.rankOf(0));
  if (failed(axis))
    return failure();
  SmallVector<int64_t> shape(node.shapeOf(0).take_front(*axis));
  llvm::append_range(shape, node.shapeOf(1));
  llvm::append_range(shape, node.shapeOf(0).drop_front(*axis + 1));
  if (shape.size() > kMaxRank)
    return node.error() << "gives rank " << shape.size() << " (expected at most " << kMaxRank << ")";
  types.push_back(RankedTensorType::get(shape, node.elementOf(0)));
  return success();
}
LogicalResult lowerGather(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t axis = *node.axis(node.integer("axis", 0), node.rankOf(0)), count = node.rankOf(1);
  Type element = node.resultElement();
  int64_t size = node.shapeOf(0)[axis];
  if (size == 0 && !llvm::is_contained(node.resultType().getShape(), 0))
    return node.error() << "picks from dimension " << axis << ", which has no places";
  results.push_back(node.generate(node.resultType().getShape(), element, [&](Body &b, ValueRange at) -> Value {
    SmallVector<Value> places(at.take_front(axis));
    places.push_back(readIndex(b, node.tensors[1], node.elementOf(1), at.slice(axis, count), size));
    llvm::append_range(places, at.drop_front(axis + count));
    return b.load(b.extract(node.tensors[0], places), element);
  }));
  return success();
}

LogicalResult inferGatherElements(const Node &node, SmallVectorImpl<Type> &types) {
  FailureOr<int64_t> axis = node.axis(node.integer("axis", 0), node.rankOf(0));
  if (failed(axis))
    return failure();
  for (int64_t i = 0; i < node.rankOf(0) || node.rankOf(0) != node.rankOf(1); ++i)
    if (node.rankOf(0) != node.rankOf(1) ||
        (i != *axis && node.extents().maximum(node.extents().sub(node.shapeOf(0)[i], node.shapeOf(1)[i])) < 0))
      return node.error() << "indices are " << node.extents().text(node.typeOf(1)) << " for "
                          << node.extents().text(node.typeOf(0));
  types.push_back(RankedTensorType::get(node.shapeOf(1), node.elementOf(0)));
  return success();
}
LogicalResult lowerGatherElements(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t axis = *node.axis(node.integer("axis", 0), node.rankOf(0));
  Type element = node.resultElement();
  results.push_back(node.generate(node.shapeOf(1), element, [&](Body &b, ValueRange at) -> Value {
    SmallVector<Value> places(at.begin(), at.end());
    for (size_t i = 0; i < places.size(); ++i) {
      ArrayRef<int64_t> data = node.shapeOf(0), indices = node.shapeOf(1);
      bool inside = node.extents().minimum(node.extents().sub(data[i], indices[i])) >= 0;
      if (int64_t(i) != axis && !inside) // only sizes of a broken graph lie outside; nothing is read there
        places[i] = b.clamped(places[i], data[i]);
    }
    places[axis] = readIndex(b, node.tensors[1], node.elementOf(1), at, node.shapeOf(0)[axis]);
    return b.load(b.extract(node.tensors[0], places), element);
  }));
  return success();
}

LogicalResult checkND(const Node &node, int64_t batch, int64_t &depth) {
  if (node.rankOf(1) < 1 || batch < 0 || batch >= node.rankOf(1))
    return node.error() << "indices are " << node.typeOf(1) << " for " << node.typeOf(0);
  depth = node.shapeOf(1).back();
  bool fits = depth >= 1 && !isOpen(depth) && batch + depth <= node.rankOf(0);
  for (int64_t i = 0; fits && i < batch; ++i)
    fits = node.extents().agree(node.shapeOf(0)[i], node.shapeOf(1)[i]);
  return fits ? success() : node.error() << "indices are " << node.typeOf(1) << " for " << node.typeOf(0);
}
LogicalResult inferGatherND(const Node &node, SmallVectorImpl<Type> &types) {
  int64_t batch = node.integer("batch_dims", 0), depth;
  if (failed(checkND(node, batch, depth)))
    return failure();
  SmallVector<int64_t> shape(node.shapeOf(1).drop_back());
  llvm::append_range(shape, node.shapeOf(0).drop_front(batch + depth));
  types.push_back(RankedTensorType::get(shape, node.elementOf(0)));
  return success();
}
LogicalResult lowerGatherND(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t batch = node.integer("batch_dims", 0), depth = node.shapeOf(1).back(), outer = node.rankOf(1) - 1;
  Type element = node.resultElement();
  results.push_back(node.generate(node.resultType().getShape(), element, [&](Body &b, ValueRange at) -> Value {
    SmallVector<Value> places(at.take_front(batch));
    for (int64_t i = 0; i < depth; ++i) {
      SmallVector<Value> where(at.take_front(outer));
      where.push_back(b.index(i));
      places.push_back(readIndex(b, node.tensors[1], node.elementOf(1), where, node.shapeOf(0)[batch + i]));
    }
    llvm::append_range(places, at.drop_front(outer));
    return b.load(b.extract(node.tensors[0], places), element);
  }));
  return success();
}

//===-- scatter --------------------------------------------------------------------------------------------------===//

/// Loops over all places of a shape in order, with a tensor that each turn changes.
Value forPlaces(Lowering &node, ArrayRef<int64_t> shape, Value tensor,
                llvm::function_ref<Value(Body &, ValueRange, Value)> turn) {
  SmallVector<Value> at;
  std::function<Value(Body &, size_t, Value)> loop = [&](Body &b, size_t dim, Value carried) -> Value {
    if (dim == shape.size())
      return turn(b, at, carried);
    auto op = scf::ForOp::create(b, b.index(0), b.index(shape[dim]), b.index(1), ValueRange{carried},
                                 [&](OpBuilder &inner, Location loc, Value i, ValueRange values) {
                                   Body body(loc, inner, &node);
                                   at.push_back(i);
                                   Value next = loop(body, dim + 1, values[0]);
                                   at.pop_back();
                                   scf::YieldOp::create(body, next);
                                 });
    return op.getResult(0);
  };
  Body outside(node.b.getLoc(), node.b, &node);
  return loop(outside, 0, tensor);
}

LogicalResult checkReduction(const Node &node, StringRef reduction) {
  if (llvm::is_contained({"none", "add", "mul", "max", "min"}, reduction))
    return success();
  return node.error() << "unsupported attribute 'reduction' = '" << reduction
                      << "' (expected none, add, mul, max or min)";
}
/// Puts `value` (in storage) where `places` says, as the reduction wants.
Value place(Body &b, Value tensor, ValueRange places, Value value, StringRef reduction, Type element) {
  if (reduction != "none") {
    Value old = b.load(b.extract(tensor, places), element), fresh = b.load(value, element);
    Value both = reduction == "add"   ? b.add(old, fresh)
                 : reduction == "mul" ? b.mul(old, fresh)
                 : reduction == "max" ? b.max(old, fresh, element)
                                      : b.min(old, fresh, element);
    value = b.store(both, element);
  }
  return tensor::InsertOp::create(b, value, tensor, places);
}

/// Each update has its index and, but along the axis, a place; what depends on open sizes becomes a condition.
LogicalResult checkScatter(const Node &node) {
  FailureOr<int64_t> axis = node.axis(node.integer("axis", 0), node.rankOf(0));
  if (failed(axis))
    return failure();
  Extents &e = node.extents();
  bool fits = node.rankOf(0) == node.rankOf(1) && node.rankOf(1) == node.rankOf(2);
  for (int64_t i = 0; fits && i < node.rankOf(0); ++i) {
    int64_t places = node.shapeOf(0)[i], indices = node.shapeOf(1)[i];
    fits = e.agree(indices, node.shapeOf(2)[i]) && (i == *axis || e.agree(e.least(indices, places), indices));
  }
  if (fits)
    return success();
  return node.error() << "indices are " << e.text(node.typeOf(1)) << " and updates " << e.text(node.typeOf(2))
                      << " for " << e.text(node.typeOf(0));
}
LogicalResult inferScatterElements(const Node &node, SmallVectorImpl<Type> &types) {
  types.push_back(node.typeOf(0));
  return checkScatter(node);
}
LogicalResult lowerScatterElements(Lowering &node, SmallVectorImpl<Value> &results) {
  StringRef reduction = node.text("reduction", "none");
  if (failed(checkScatter(node)) || failed(checkReduction(node, reduction)))
    return failure();
  FailureOr<int64_t> axis = node.axis(node.integer("axis", 0), node.rankOf(0));
  Type element = node.elementOf(0);
  results.push_back(forPlaces(node, node.shapeOf(1), node.tensors[0], [&](Body &b, ValueRange at, Value tensor) {
    SmallVector<Value> places(at.begin(), at.end());
    places[*axis] = readIndex(b, node.tensors[1], node.elementOf(1), at, node.shapeOf(0)[*axis]);
    return place(b, tensor, places, b.extract(node.tensors[2], at), reduction, element);
  }));
  return success();
}

LogicalResult checkScatterND(const Node &node, int64_t &depth, SmallVector<int64_t> &expected) {
  if (failed(checkND(node, 0, depth)))
    return failure();
  Extents &e = node.extents();
  expected.assign(node.shapeOf(1).begin(), node.shapeOf(1).end() - 1);
  llvm::append_range(expected, node.shapeOf(0).drop_front(depth));
  bool fits = node.rankOf(2) == static_cast<int64_t>(expected.size());
  for (size_t i = 0; fits && i < expected.size(); ++i)
    fits = e.agree(node.shapeOf(2)[i], expected[i]);
  if (fits)
    return success();
  return node.error() << "updates are " << e.text(node.typeOf(2)) << " for indices " << e.text(node.typeOf(1))
                      << " into " << e.text(node.typeOf(0));
}
LogicalResult inferScatterND(const Node &node, SmallVectorImpl<Type> &types) {
  int64_t depth;
  SmallVector<int64_t> expected;
  types.push_back(node.typeOf(0));
  return checkScatterND(node, depth, expected);
}
LogicalResult lowerScatterND(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t depth;
  SmallVector<int64_t> expected;
  StringRef reduction = node.text("reduction", "none");
  if (failed(checkScatterND(node, depth, expected)) || failed(checkReduction(node, reduction)))
    return failure();
  int64_t outer = node.rankOf(1) - 1;
  Type element = node.elementOf(0);
  results.push_back(forPlaces(node, expected, node.tensors[0], [&](Body &b, ValueRange at, Value tensor) {
    SmallVector<Value> places;
    for (int64_t i = 0; i < depth; ++i) {
      SmallVector<Value> where(at.take_front(outer));
      where.push_back(b.index(i));
      places.push_back(readIndex(b, node.tensors[1], node.elementOf(1), where, node.shapeOf(0)[i]));
    }
    llvm::append_range(places, at.drop_front(outer));
    return place(b, tensor, places, b.extract(node.tensors[2], at), reduction, element);
  }));
  return success();
}

//===-- others ---------------------------------------------------------------------------------------------------===//

LogicalResult inferOneHot(const Node &node, SmallVectorImpl<Type> &types) {
  std::optional<SmallVector<double>> depth = node.knownReals(1);
  if (node.shapeOf(2)[0] != 2)
    return node.error() << "input 2 is " << node.extents().text(node.typeOf(2)) << " (expected two values)";
  int64_t rank = node.rankOf(0) + 1;
  FailureOr<int64_t> axis = node.axis(node.integer("axis", -1), rank);
  if (failed(axis))
    return failure();
  if (!depth)
    return declaredOr(node, types, node.elementOf(2), "input 1 (the depth)", rank);
  if (depth->size() != 1 || !((*depth)[0] >= 0 && (*depth)[0] < 1e9))
    return node.error() << "has no valid depth";
  SmallVector<int64_t> shape(node.shapeOf(0));
  shape.insert(shape.begin() + *axis, static_cast<int64_t>((*depth)[0]));
  types.push_back(RankedTensorType::get(shape, node.elementOf(2)));
  return success();
}
LogicalResult lowerOneHot(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t axis = *node.axis(node.integer("axis", -1), node.rankOf(0) + 1);
  ArrayRef<int64_t> shape = node.resultType().getShape();
  if (static_cast<int64_t>(shape.size()) != node.rankOf(0) + 1)
    return node.error() << "gives the declared " << node.resultType() << " of " << node.typeOf(0);
  Type element = node.resultElement(), from = node.elementOf(0), i64 = node.b.getI64Type();
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    SmallVector<Value> where(at.begin(), at.end());
    where.erase(where.begin() + axis);
    Value index = b.convert(b.load(b.extract(node.tensors[0], where), from), from, i64);
    Value size = arith::IndexCastOp::create(b, i64, b.index(shape[axis]));
    Value negative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, b.integer(i64, 0));
    index = b.select(negative, b.add(index, size), index);
    Value here = b.equal(index, arith::IndexCastOp::create(b, i64, at[axis]));
    Value off = b.load(b.extract(node.tensors[2], {b.index(0)}), element);
    Value on = b.load(b.extract(node.tensors[2], {b.index(1)}), element);
    return b.select(here, on, off);
  }));
  return success();
}

LogicalResult inferTopK(const Node &node, SmallVectorImpl<Type> &types) {
  FailureOr<int64_t> axis = node.axis(node.integer("axis", -1), node.rankOf(0));
  if (failed(axis))
    return failure();
  std::optional<SmallVector<int64_t>> k;
  if (node.since < 10)
    k = SmallVector<int64_t>{node.integer("k", 0)};
  else
    k = node.knownIntegers(1);
  Extents &e = node.extents();
  SmallVector<int64_t> shape(node.shapeOf(0));
  int64_t size = shape[*axis], &taken = shape[*axis];
  if (k)
    taken = k->empty() ? -1 : (*k)[0];
  else if (node.declared[0] && node.declared[0].getRank() == node.rankOf(0))
    taken = node.declared[0].getDimSize(*axis);
  else
    taken = node.computedSize(0, *axis, 0, e.maximum(size));
  // There are that many, which may be known only at run time.
  if (e.minimum(taken) < 0 || !e.agree(e.least(size, taken), taken))
    return node.error() << "takes " << e.text(taken) << " of " << e.text(size) << " places";
  types.push_back(RankedTensorType::get(shape, node.elementOf(0)));
  types.push_back(RankedTensorType::get(shape, IntegerType::get(node.settings.getContext(), 64)));
  return success();
}
/// The place whose rank is the output's: as many places as that come before it. Equal values stand in their order.
LogicalResult lowerTopK(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t axis = *node.axis(node.integer("axis", -1), node.rankOf(0)), size = node.shapeOf(0)[axis];
  bool largest = node.integer("largest", 1);
  Type element = node.elementOf(0), i64 = node.b.getI64Type();
  ArrayRef<int64_t> shape = node.resultType().getShape();
  if (std::optional<unsigned> symbol = node.extents().symbolOf(shape[axis]);
      symbol && node.extents().symbols()[*symbol].kind == Extents::Kind::Value && !node.shared.symbols.count(*symbol)) {
    Body outside(node.b.getLoc(), node.b, &node);
    Value count = outside.extract(node.reshape(node.tensors[1], {}), {});
    node.define(shape[axis], outside.asIndex(count, node.elementOf(1)), /*mayBeOutside=*/true);
    if (failed(node.checkConditions()))
      return failure();
  }
  Value from = node.tensors[0];
  auto read = [&](Body &b, ValueRange at, Value i) {
    SmallVector<Value> where(at.begin(), at.end());
    where[axis] = i;
    return b.load(b.extract(from, where), element);
  };
  // The rank of each place, then the place of each rank.
  Value ranks = node.generate(node.shapeOf(0), i64, [&](Body &b, ValueRange at) -> Value {
    Value own = read(b, at, at[axis]);
    auto loop = scf::ForOp::create(
        b, b.index(0), b.index(size), b.index(1), ValueRange{b.integer(i64, 0)},
        [&](OpBuilder &inner, Location loc, Value i, ValueRange carried) {
          Body body(loc, inner);
          Value x = read(body, at, i);
          Value before = largest ? body.less(own, x, element) : body.less(x, own, element);
          Value earlier = arith::CmpIOp::create(body, arith::CmpIPredicate::slt, i, at[axis]);
          // A value that is neither more nor less, NaNs among them, keeps its order.
          Value after = largest ? body.less(x, own, element) : body.less(own, x, element);
          Value neither =
              arith::XOrIOp::create(body, arith::OrIOp::create(body, before, after), body.integer(body.getI1Type(), 1));
          Value counts = arith::OrIOp::create(body, before, arith::AndIOp::create(body, neither, earlier));
          Value one = arith::ExtUIOp::create(body, i64, counts);
          scf::YieldOp::create(body, body.add(carried[0], one));
        });
    return loop.getResult(0);
  });
  Value places = node.generate(shape, i64, [&](Body &b, ValueRange at) -> Value {
    Value wanted = arith::IndexCastOp::create(b, i64, at[axis]);
    auto loop = scf::ForOp::create(b, b.index(0), b.index(size), b.index(1), ValueRange{b.integer(i64, 0)},
                                   [&](OpBuilder &inner, Location loc, Value i, ValueRange carried) {
                                     Body body(loc, inner);
                                     SmallVector<Value> where(at.begin(), at.end());
                                     where[axis] = i;
                                     Value here = body.equal(body.extract(ranks, where), wanted);
                                     Value number = arith::IndexCastOp::create(body, i64, i);
                                     scf::YieldOp::create(body, body.select(here, number, carried[0]));
                                   });
    return loop.getResult(0);
  });
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    return read(b, at, readIndex(b, places, i64, at, size));
  }));
  if (node.numOutputs > 1)
    results.push_back(places);
  return success();
}

LogicalResult lowerReverseSequence(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t batch = node.integer("batch_axis", 1), time = node.integer("time_axis", 0);
  if (node.rankOf(0) < 2 || (batch != 0 && batch != 1) || (time != 0 && time != 1) || batch == time)
    return node.error() << "needs axes 0 and 1 (found " << batch << " and " << time << ")";
  Type element = node.elementOf(0);
  results.push_back(node.generate(node.shapeOf(0), element, [&](Body &b, ValueRange at) -> Value {
    Value length = b.asIndex(b.extract(node.tensors[1], {at[batch]}), node.elementOf(1));
    length = arith::MinSIOp::create(b, length, b.index(node.shapeOf(0)[time]));
    Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, at[time], length);
    SmallVector<Value> places(at.begin(), at.end());
    Value back = b.sub(b.sub(length, b.index(1)), at[time]);
    places[time] = b.select(inside, back, at[time]);
    return b.load(b.extract(node.tensors[0], places), element);
  }));
  return success();
}

} // namespace

void addIndexing(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"Gather", 1, inferGather, lowerGather, true});
  rows.push_back({"GatherElements", 11, inferGatherElements, lowerGatherElements, true});
  rows.push_back({"GatherND", 11, inferGatherND, lowerGatherND, true});
  rows.push_back({"Scatter", 9, inferScatterElements, lowerScatterElements, true}); // its name before version 11
  rows.push_back({"ScatterElements", 11, inferScatterElements, lowerScatterElements, true});
  rows.push_back({"ScatterND", 11, inferScatterND, lowerScatterND, true});
  rows.push_back({"OneHot", 9, inferOneHot, lowerOneHot, true});
  rows.push_back({"TopK", 1, inferTopK, lowerTopK, true});
  rows.push_back({"ReverseSequence", 10, inferSame, lowerReverseSequence, true});
}

} // namespace llmc::onnx_import
