// Selections.cpp - what has as many places as values decide: NonZero, Compress, Unique, NonMaxSuppression.
//
// Each counts first; the count, kept below what the input's shape allows, is a size like any other from there on.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include <functional>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

using Turn = llvm::function_ref<SmallVector<Value>(Body &, ValueRange at, ValueRange carried)>;

/// Loops over all places of a shape in order, with tensors and scalars that each turn changes.
SmallVector<Value> forPlaces(Lowering &node, Body &outside, ArrayRef<int64_t> shape, ValueRange init, Turn turn) {
  SmallVector<Value> at;
  std::function<SmallVector<Value>(Body &, size_t, ValueRange)> loop = [&](Body &b, size_t dim, ValueRange carried) {
    if (dim == shape.size())
      return turn(b, at, carried);
    auto op = scf::ForOp::create(b, b.index(0), b.index(shape[dim]), b.index(1), carried,
                                 [&](OpBuilder &inner, Location loc, Value i, ValueRange values) {
                                   Body body(loc, inner, &node);
                                   at.push_back(i);
                                   SmallVector<Value> next = loop(body, dim + 1, values);
                                   at.pop_back();
                                   scf::YieldOp::create(body, next);
                                 });
    return SmallVector<Value>(op.getResults());
  };
  return loop(outside, 0, init);
}

/// An index where a condition holds, counted: for bodies that count.
Value plusOne(Body &b, Value count, Value condition) { return b.select(condition, b.add(count, b.index(1)), count); }
Value both(Body &b, Value x, Value y) { return arith::AndIOp::create(b, x, y); }
Value isEqual(Body &b, Value x, Value y) { return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, x, y); }
Value isBelow(Body &b, Value x, Value y) { return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x, y); }
/// A place that is written or read whatever the count is.
Value insideOf(Body &b, Value place, int64_t size, const Node &node) {
  Value last = b.index(node.extents().most(0, node.extents().sub(size, 1)));
  return arith::MinSIOp::create(b, place, last);
}

/// Counts places 0 .. size of a line where `holds`, gives that to a size, and lists those places as i64 [count].
Value listPlaces(Lowering &node, int64_t size, int64_t count, llvm::function_ref<Value(Body &, Value)> holds) {
  Type i64 = node.b.getI64Type();
  Value total = node.generate({}, i64, [&](Body &b, ValueRange) -> Value {
    SmallVector<Value> sum = forPlaces(node, b, {size}, {b.index(0)},
                                       [&](Body &inner, ValueRange at, ValueRange carried) -> SmallVector<Value> {
                                         return {plusOne(inner, carried[0], holds(inner, at[0]))};
                                       });
    return arith::IndexCastOp::create(b, i64, sum[0]);
  });
  Body outside(node.b.getLoc(), node.b, &node);
  node.define(count, arith::IndexCastOp::create(outside, outside.getIndexType(), outside.extract(total, {})));
  Value list = node.empty({count}, i64);
  SmallVector<Value> filled = forPlaces(node, outside, {size}, {list, outside.index(0)},
                                        [&](Body &b, ValueRange at, ValueRange carried) -> SmallVector<Value> {
                                          Value here = holds(b, at[0]), place = insideOf(b, carried[1], count, node);
                                          Value own = arith::IndexCastOp::create(b, i64, at[0]);
                                          Value kept = b.select(here, own, b.extract(carried[0], {place}));
                                          return {tensor::InsertOp::create(b, kept, carried[0], ValueRange{place}),
                                                  plusOne(b, carried[1], here)};
                                        });
  return node.sized(filled[0], {count});
}
Value readPlace(Body &b, Value list, Value at) {
  return arith::IndexCastOp::create(b, b.getIndexType(), b.extract(list, {at}));
}

//===-- NonZero --------------------------------------------------------------------------------------------------===//

/// Whether every element is known to be other than 0: how exporters count places.
bool isFilled(const Node &node) {
  Operation *op = node.inputs[0].getDefiningOp();
  if (!op || !onnx_ir::isNode(op) || onnx_ir::nodeType(op) != "ConstantOfShape")
    return false;
  auto value = dyn_cast_or_null<DenseElementsAttr>(onnx_ir::attributesOf(op).get("value"));
  if (!value || value.getNumElements() != 1)
    return false;
  return isa<FloatType>(value.getElementType()) ? (*value.value_begin<APFloat>()).isNonZero()
                                                : !(*value.value_begin<APInt>()).isZero();
}
LogicalResult inferNonZero(const Node &node, SmallVectorImpl<Type> &types) {
  int64_t all = node.extents().product(node.shapeOf(0));
  int64_t count = isFilled(node) ? all : node.computedSize(0, 1, 0, node.extents().maximum(all));
  types.push_back(RankedTensorType::get({std::max<int64_t>(node.rankOf(0), 1), count},
                                        IntegerType::get(node.settings.getContext(), 64)));
  return success();
}
LogicalResult lowerNonZero(Lowering &node, SmallVectorImpl<Value> &results) {
  Extents &e = node.extents();
  ArrayRef<int64_t> shape = node.shapeOf(0);
  int64_t all = e.product(shape), count = node.resultType().getShape()[1];
  Type element = node.elementOf(0), i64 = node.b.getI64Type();
  Value list;
  if (!isFilled(node)) {
    Value flat = node.reshape(node.tensors[0], {all});
    list = listPlaces(node, all, count, [&](Body &b, Value i) {
      return b.convert(b.load(b.extract(flat, {i}), element), element, b.getI1Type());
    });
  }
  // The coordinates of each listed place.
  results.push_back(node.generate(node.resultType().getShape(), i64, [&](Body &b, ValueRange at) -> Value {
    Value place = list ? readPlace(b, list, at[1]) : Value(at[1]), result = b.index(0);
    int64_t step = 1;
    for (int64_t i = shape.size() - 1; i >= 0; --i) {
      Value own = arith::DivUIOp::create(b, place, b.index(e.most(1, step)));
      own = arith::RemUIOp::create(b, own, b.index(e.most(1, shape[i])));
      result = b.select(isEqual(b, at[0], b.index(i)), own, result);
      step = e.mul(step, shape[i]);
    }
    return arith::IndexCastOp::create(b, i64, result);
  }));
  return success();
}

//===-- Compress -------------------------------------------------------------------------------------------------===//

LogicalResult inferCompress(const Node &node, SmallVectorImpl<Type> &types) {
  SmallVector<int64_t> shape(node.shapeOf(0));
  int64_t axis = 0;
  if (node.hasAttribute("axis")) {
    FailureOr<int64_t> found = node.axis(node.integer("axis", 0), shape.size());
    if (failed(found))
      return failure();
    axis = *found;
  } else {
    shape = {node.extents().product(shape)};
  }
  if (node.rankOf(1) != 1)
    return node.error() << "input 1 (the condition) is " << node.extents().text(node.typeOf(1)) << " (expected rank 1)";
  int64_t most = std::min(node.extents().maximum(shape[axis]), node.extents().maximum(node.shapeOf(1)[0]));
  shape[axis] = node.computedSize(0, axis, 0, most);
  types.push_back(ofShape(node, shape));
  return success();
}
LogicalResult lowerCompress(Lowering &node, SmallVectorImpl<Value> &results) {
  Extents &e = node.extents();
  SmallVector<int64_t> from(node.shapeOf(0)), shape(node.resultType().getShape());
  int64_t axis = node.hasAttribute("axis") ? *node.axis(node.integer("axis", 0), from.size()) : 0;
  Value x = node.tensors[0];
  if (!node.hasAttribute("axis"))
    x = node.reshape(x, {e.product(from)}), from = {e.product(from)};
  Type element = node.elementOf(0);
  Value list = listPlaces(node, e.least(from[axis], node.shapeOf(1)[0]), shape[axis],
                          [&](Body &b, Value i) { return b.load(b.extract(node.tensors[1], {i}), node.elementOf(1)); });
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    SmallVector<Value> places(at.begin(), at.end());
    places[axis] = readPlace(b, list, at[axis]);
    return b.load(b.extract(x, places), element);
  }));
  return success();
}

//===-- Unique ---------------------------------------------------------------------------------------------------===//

LogicalResult inferUnique(const Node &node, SmallVectorImpl<Type> &types) {
  Extents &e = node.extents();
  SmallVector<int64_t> shape(node.shapeOf(0));
  Type i64 = IntegerType::get(node.settings.getContext(), 64);
  int64_t axis = 0;
  if (node.hasAttribute("axis")) {
    FailureOr<int64_t> found = node.axis(node.integer("axis", 0), shape.size());
    if (failed(found))
      return failure();
    axis = *found;
  } else {
    shape = {e.product(shape)};
  }
  if (e.maximum(e.product(shape)) == 0)
    return node.error() << "looks for what is unique in " << e.text(node.typeOf(0)) << " (expected elements)";
  int64_t all = shape[axis];
  shape[axis] = node.computedSize(0, axis, 0, e.maximum(all));
  types.push_back(ofShape(node, shape));
  types.push_back(RankedTensorType::get({shape[axis]}, i64));
  types.push_back(RankedTensorType::get({all}, i64));
  types.push_back(RankedTensorType::get({shape[axis]}, i64));
  return success();
}

/// Slices along an axis; of each the first that is equal, and of those that are first their places in the result.
LogicalResult lowerUnique(Lowering &node, SmallVectorImpl<Value> &results) {
  Extents &e = node.extents();
  Type element = node.elementOf(0), i64 = node.b.getI64Type();
  bool sorted = node.integer("sorted", 1);
  SmallVector<int64_t> from(node.shapeOf(0)), shape(node.resultType().getShape());
  int64_t axis = node.hasAttribute("axis") ? *node.axis(node.integer("axis", 0), from.size()) : 0;
  Value x = node.tensors[0];
  if (!node.hasAttribute("axis"))
    x = node.reshape(x, {e.product(from)}), from = {e.product(from)};
  int64_t size = from[axis], count = shape[axis];
  SmallVector<int64_t> slice(from);
  slice.erase(slice.begin() + axis);
  auto read = [&](Body &b, ValueRange at, Value i) {
    SmallVector<Value> places(at.begin(), at.end());
    places.insert(places.begin() + axis, i);
    return b.load(b.extract(x, places), element);
  };
  /// Whether slice i comes before slice k, and whether they are equal.
  auto compare = [&](Body &outside, Value i, Value k) {
    Value no = outside.integer(outside.getI1Type(), 0), yes = outside.integer(outside.getI1Type(), 1);
    SmallVector<Value> found =
        forPlaces(node, outside, slice, {no, yes}, [&](Body &b, ValueRange at, ValueRange so) -> SmallVector<Value> {
          Value own = read(b, at, i), other = read(b, at, k);
          return {b.select(so[1], b.less(own, other, element), so[0]), both(b, so[1], b.equal(own, other))};
        });
    return std::make_pair(found[0], found[1]);
  };
  Value first = node.generate({size}, i64, [&](Body &b, ValueRange out) -> Value {
    SmallVector<Value> least =
        forPlaces(node, b, {size}, {out[0]}, [&](Body &inner, ValueRange at, ValueRange so) -> SmallVector<Value> {
          Value earlier = both(inner, isBelow(inner, at[0], so[0]), compare(inner, at[0], out[0]).second);
          return {inner.select(earlier, at[0], so[0])};
        });
    return arith::IndexCastOp::create(b, i64, least[0]);
  });
  auto isFirst = [&](Body &b, Value i) { return isEqual(b, readPlace(b, first, i), i); };
  Value order = listPlaces(node, size, count, isFirst);
  Value place = node.generate({size}, i64, [&](Body &b, ValueRange out) -> Value {
    SmallVector<Value> before =
        forPlaces(node, b, {size}, {b.index(0)}, [&](Body &inner, ValueRange at, ValueRange so) -> SmallVector<Value> {
          Value less = sorted ? compare(inner, at[0], out[0]).first : isBelow(inner, at[0], out[0]);
          return {plusOne(inner, so[0], both(inner, isFirst(inner, at[0]), less))};
        });
    return arith::IndexCastOp::create(b, i64, before[0]);
  });
  if (sorted)
    order = node.generate({count}, i64, [&](Body &b, ValueRange out) -> Value {
      SmallVector<Value> found = forPlaces(
          node, b, {size}, {b.index(0)}, [&](Body &inner, ValueRange at, ValueRange so) -> SmallVector<Value> {
            Value here = both(inner, isFirst(inner, at[0]), isEqual(inner, readPlace(inner, place, at[0]), out[0]));
            return {inner.select(here, at[0], so[0])};
          });
      return arith::IndexCastOp::create(b, i64, found[0]);
    });
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    SmallVector<Value> places(at.begin(), at.end());
    places.erase(places.begin() + axis);
    return read(b, places, readPlace(b, order, at[axis]));
  }));
  if (node.numOutputs > 1)
    results.push_back(order);
  if (node.numOutputs > 2)
    results.push_back(node.generate(
        {size}, i64, [&](Body &b, ValueRange at) -> Value { return b.extract(place, {readPlace(b, first, at[0])}); }));
  if (node.numOutputs > 3)
    results.push_back(node.generate({count}, i64, [&](Body &b, ValueRange out) -> Value {
      Value own = readPlace(b, order, out[0]);
      SmallVector<Value> sum = forPlaces(
          node, b, {size}, {b.index(0)}, [&](Body &inner, ValueRange at, ValueRange so) -> SmallVector<Value> {
            return {plusOne(inner, so[0], isEqual(inner, readPlace(inner, first, at[0]), own))};
          });
      return arith::IndexCastOp::create(b, i64, sum[0]);
    }));
  return success();
}

//===-- NonMaxSuppression ----------------------------------------------------------------------------------------===//

LogicalResult inferSuppression(const Node &node, SmallVectorImpl<Type> &types) {
  if (node.rankOf(0) != 3 || node.rankOf(1) != 3 || node.shapeOf(0)[2] != 4 ||
      !node.extents().agree(node.shapeOf(0)[0], node.shapeOf(1)[0]) ||
      !node.extents().agree(node.shapeOf(0)[1], node.shapeOf(1)[2]))
    return node.error() << "boxes are " << node.extents().text(node.typeOf(0)) << " and scores "
                        << node.extents().text(node.typeOf(1)) << " (expected [B, N, 4] and [B, C, N])";
  int64_t most = node.extents().maximum(node.extents().product(node.shapeOf(1)));
  types.push_back(
      RankedTensorType::get({node.computedSize(0, 0, 0, most), 3}, IntegerType::get(node.settings.getContext(), 64)));
  return success();
}

/// Corners of a box, the lesser first: y, x, y, x.
SmallVector<Value> corners(Body &b, Value boxes, Value batch, Value box, bool centers) {
  SmallVector<Value> v;
  for (int64_t i = 0; i < 4; ++i)
    v.push_back(b.extract(boxes, {batch, box, b.index(i)}));
  if (centers) { // x, y, width, height
    Value half = b.number(b.getF32Type(), 0.5), w = b.mul(v[2], half), h = b.mul(v[3], half);
    return {b.sub(v[1], h), b.sub(v[0], w), b.add(v[1], h), b.add(v[0], w)};
  }
  auto least = [&](Value x, Value y) { return arith::MinNumFOp::create(b, x, y).getResult(); };
  auto most = [&](Value x, Value y) { return arith::MaxNumFOp::create(b, x, y).getResult(); };
  return {least(v[0], v[2]), least(v[1], v[3]), most(v[0], v[2]), most(v[1], v[3])};
}
/// The shared part of two boxes over what they cover together.
Value overlap(Body &b, ArrayRef<Value> x, ArrayRef<Value> y) {
  Value zero = b.number(b.getF32Type(), 0);
  auto side = [&](int i) {
    Value low = arith::MaxNumFOp::create(b, x[i], y[i]), high = arith::MinNumFOp::create(b, x[i + 2], y[i + 2]);
    return arith::MaxNumFOp::create(b, b.sub(high, low), zero).getResult();
  };
  auto area = [&](ArrayRef<Value> v) { return b.mul(b.sub(v[2], v[0]), b.sub(v[3], v[1])); };
  Value shared = b.mul(side(0), side(1)), all = b.sub(b.add(area(x), area(y)), shared);
  return b.select(b.less(zero, all, all.getType()), b.div(shared, all, all.getType()), zero);
}

LogicalResult lowerSuppression(Lowering &node, SmallVectorImpl<Value> &results) {
  Type i64 = node.b.getI64Type(), i8 = node.b.getI8Type(), f32 = node.b.getF32Type(), i1 = node.b.getI1Type();
  ArrayRef<int64_t> scores = node.shapeOf(1);
  int64_t boxes = scores[2], most = node.extents().product(scores), count = node.resultType().getShape()[0];
  bool centers = node.integer("center_point_box", 0);
  Body outside(node.b.getLoc(), node.b, &node);
  SmallVector<Value> given(5);
  for (unsigned i = 2; i < 5; ++i)
    if (node.has(i))
      given[i] = node.reshape(node.tensors[i], {});
  // The count is kept in a tensor, where later ops read it.
  Value chosen = node.empty({most, 3}, i64), open = node.empty({boxes}, i8), total = node.filled({}, i64, 0.0);
  auto perClass = [&](Body &b, ValueRange at, ValueRange so) -> SmallVector<Value> {
    // All boxes with a score above the threshold are open.
    Value batch = at[0], kind = at[1];
    SmallVector<Value> opened =
        forPlaces(node, b, {boxes}, {so[1]}, [&](Body &c, ValueRange box, ValueRange carried) -> SmallVector<Value> {
          Value is = c.integer(i1, 1);
          if (given[4])
            is = c.less(c.extract(given[4], {}), c.extract(node.tensors[1], {batch, kind, box[0]}), f32);
          return {tensor::InsertOp::create(c, c.store(is, i1), carried[0], ValueRange{box[0]})};
        });
    Value turns = given[2] ? b.asIndex(b.extract(given[2], {}), node.elementOf(2)) : b.index(0);
    turns = arith::MinSIOp::create(b, arith::MaxSIOp::create(b, turns, b.index(0)), b.index(boxes));
    auto loop = scf::ForOp::create(
        b, b.index(0), turns, b.index(1), ValueRange{so[0], opened[0], so[2]},
        [&](OpBuilder &inner, Location loc, Value, ValueRange now) {
          Body c(loc, inner, &node);
          // The open box of the highest score, the first of equal ones.
          SmallVector<Value> best =
              forPlaces(node, c, {boxes}, {c.index(-1), c.number(f32, 0)},
                        [&](Body &d, ValueRange box, ValueRange found) -> SmallVector<Value> {
                          Value score = d.extract(node.tensors[1], {batch, kind, box[0]});
                          Value isOpen = d.load(d.extract(now[1], {box[0]}), i1);
                          Value none = isBelow(d, found[0], d.index(0));
                          Value higher = arith::OrIOp::create(d, none, d.less(found[1], score, f32));
                          Value better = both(d, isOpen, higher);
                          return {d.select(better, box[0], found[0]), d.select(better, score, found[1])};
                        });
          Value some = arith::CmpIOp::create(c, arith::CmpIPredicate::sge, best[0], c.index(0));
          Value box = arith::MaxSIOp::create(c, best[0], c.index(0));
          Value number = arith::IndexCastOp::create(c, c.getIndexType(), c.extract(now[2], {}));
          Value place = insideOf(c, number, most, node), list = now[0];
          SmallVector<Value> own = {batch, kind, box};
          for (int64_t i = 0; i < 3; ++i) {
            SmallVector<Value> where = {place, c.index(i)};
            Value value = c.select(some, arith::IndexCastOp::create(c, i64, own[i]), c.extract(list, where));
            list = tensor::InsertOp::create(c, value, list, where);
          }
          // What overlaps it by more than the threshold is closed, and it itself.
          SmallVector<Value> mine = corners(c, node.tensors[0], batch, box, centers);
          SmallVector<Value> left = forPlaces(
              node, c, {boxes}, {now[1]}, [&](Body &d, ValueRange other, ValueRange carried) -> SmallVector<Value> {
                Value share = overlap(d, mine, corners(d, node.tensors[0], batch, other[0], centers));
                Value limit = given[3] ? d.extract(given[3], {}) : d.number(f32, 0);
                Value closes = both(d, some, d.less(limit, share, f32));
                closes = arith::OrIOp::create(d, closes, both(d, some, isEqual(d, other[0], box)));
                Value stays = d.select(closes, d.integer(i8, 0), d.extract(carried[0], {other[0]}));
                return {tensor::InsertOp::create(d, stays, carried[0], ValueRange{other[0]})};
              });
          Value next = arith::IndexCastOp::create(c, i64, plusOne(c, number, some));
          scf::YieldOp::create(
              c, ValueRange{list, left[0], tensor::InsertOp::create(c, next, now[2], ValueRange{}).getResult()});
        });
    return {loop.getResult(0), loop.getResult(1), loop.getResult(2)};
  };
  SmallVector<Value> done = forPlaces(node, outside, {scores[0], scores[1]}, {chosen, open, total}, perClass);
  node.define(count, arith::IndexCastOp::create(outside, outside.getIndexType(), outside.extract(done[2], {})));
  Value list = node.sized(done[0], {most, 3});
  results.push_back(node.slice(list, {}, {count, 3}));
  return success();
}

} // namespace

void addSelections(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"NonZero", 9, inferNonZero, lowerNonZero, true});
  rows.push_back({"Compress", 9, inferCompress, lowerCompress, true});
  rows.push_back({"Unique", 11, inferUnique, lowerUnique, true});
  rows.push_back({"NonMaxSuppression", 10, inferSuppression, lowerSuppression, true});
}

} // namespace llmc::onnx_import
