// Folds.cpp - what windows and pools took apart, put together: Col2Im, MaxUnpool, CenterCropPad; and Det.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include <functional>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

//===-- Col2Im ---------------------------------------------------------------------------------------------------===//

struct Blocks {
  SmallVector<int64_t> strides, dilations, low, high;
};
LogicalResult readBlocks(const Node &node, Blocks &blocks) {
  if (node.rankOf(0) != 3 || node.rankOf(1) != 1 || node.rankOf(2) != 1 || node.shapeOf(1) != node.shapeOf(2))
    return node.error() << "cannot put " << node.typeOf(0) << " together with shapes of " << node.typeOf(1) << " and "
                        << node.typeOf(2);
  size_t spatial = node.shapeOf(1)[0];
  blocks.strides = node.integers("strides").value_or(SmallVector<int64_t>(spatial, 1));
  blocks.dilations = node.integers("dilations").value_or(SmallVector<int64_t>(spatial, 1));
  SmallVector<int64_t> pads = node.integers("pads").value_or(SmallVector<int64_t>(2 * spatial, 0));
  if (spatial < 1 || spatial > 6 || blocks.strides.size() != spatial || blocks.dilations.size() != spatial ||
      pads.size() != 2 * spatial)
    return node.error() << "strides, dilations and pads are not for " << spatial << " dimensions";
  for (size_t i = 0; i < spatial; ++i)
    if (blocks.strides[i] < 1 || blocks.dilations[i] < 1 || pads[i] < 0 || pads[spatial + i] < 0 ||
        blocks.strides[i] > 1 << 24 || blocks.dilations[i] > 1 << 24 || pads[i] > 1 << 24 ||
        pads[spatial + i] > 1 << 24)
      return node.error() << "has stride " << blocks.strides[i] << ", dilation " << blocks.dilations[i] << " and pads "
                          << pads[i] << " and " << pads[spatial + i];
  blocks.low.assign(pads.begin(), pads.begin() + spatial);
  blocks.high.assign(pads.begin() + spatial, pads.end());
  return success();
}

LogicalResult inferCol2Im(const Node &node, SmallVectorImpl<Type> &types) {
  Blocks blocks;
  if (failed(readBlocks(node, blocks)))
    return failure();
  std::optional<SmallVector<int64_t>> image = node.knownIntegers(1), block = node.knownIntegers(2);
  if (!image || !block) {
    if (failed(declaredOr(node, types, node.elementOf(0), "input 1 or 2 (the shapes)", node.shapeOf(1)[0] + 2)))
      return failure();
    ArrayRef<int64_t> said = cast<RankedTensorType>(types[0]).getShape();
    if (!node.extents().agree(said[0], node.shapeOf(0)[0]) || said[1] < 1 || isOpen(said[1]) ||
        isOpen(node.shapeOf(0)[1]) || node.shapeOf(0)[1] % said[1])
      return node.error() << "its output is declared as " << types[0] << " for " << node.typeOf(0);
    return success();
  }
  Extents &e = node.extents();
  int64_t size = 1, count = 1, rows = node.shapeOf(0)[1];
  if (isOpen(rows))
    return node.error() << "its channels are known only at run time, which is not supported";
  for (size_t i = 0; i < block->size() && size <= rows; ++i) {
    int64_t own = (*block)[i], places = (*image)[i];
    if (own < 1 || own > rows || e.maximum(places) < 1 || e.minimum(places) < 0 || e.maximum(places) > kLargestExtent)
      return node.error() << "puts blocks of " << e.text(own) << " into " << e.text(places) << " places";
    size *= own;
    int64_t free = e.add(places, blocks.low[i] + blocks.high[i] - blocks.dilations[i] * (own - 1) - 1);
    count = e.mul(count, e.most(0, e.add(e.div(free, blocks.strides[i]), 1)));
    if (!isOpen(count) && count > e.maximum(node.shapeOf(0)[2]))
      break;
  }
  if (rows % size || !e.agree(count, node.shapeOf(0)[2]))
    return node.error() << "its blocks do not fit " << e.text(node.typeOf(0));
  SmallVector<int64_t> shape = {node.shapeOf(0)[0], node.shapeOf(0)[1] / size};
  llvm::append_range(shape, *image);
  types.push_back(ofShape(node, shape));
  return success();
}

/// Each place of the image sums what all blocks have for it.
LogicalResult lowerCol2Im(Lowering &node, SmallVectorImpl<Value> &results) {
  Blocks blocks;
  if (failed(readBlocks(node, blocks)))
    return failure();
  ArrayRef<int64_t> shape = node.resultType().getShape(), in = node.shapeOf(0);
  int64_t spatial = shape.size() - 2;
  Type element = node.elementOf(0), type = computeElement(element);
  if (element.isInteger(1))
    return node.error() << "is not computed in bool";
  std::optional<SmallVector<int64_t>> known = node.knownIntegers(2);
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    // Sizes of a block, and how many there are.
    SmallVector<Value> block, count;
    for (int64_t i = 0; i < spatial; ++i) {
      Value own = known ? b.index((*known)[i]) : b.asIndex(b.extract(node.tensors[2], {b.index(i)}), node.elementOf(2));
      own = arith::MinSIOp::create(b, arith::MaxSIOp::create(b, own, b.index(0)), b.index(in[1]));
      block.push_back(own);
      Value span = b.mul(b.sub(own, b.index(1)), b.index(blocks.dilations[i]));
      Value free = b.sub(b.add(b.index(shape[2 + i]), b.index(blocks.low[i] + blocks.high[i] - 1)), span);
      Value some = arith::MaxSIOp::create(b, free, b.index(0));
      count.push_back(
          b.select(b.below(free, b.index(0)), b.index(0), b.add(b.divided(some, blocks.strides[i]), b.index(1))));
    }
    SmallVector<Value> offset;
    std::function<Value(Body &, Value)> nest = [&](Body &body, Value sum) -> Value {
      int64_t dim = offset.size();
      if (dim < spatial)
        return body.loop(body.index(0), block[dim], {sum}, [&](Body &inner, Value k, ValueRange carried) {
          offset.push_back(k);
          Value next = nest(inner, carried[0]);
          offset.pop_back();
          return SmallVector<Value>{next};
        })[0];
      Value row = at[1], column = body.index(0), inside = body.integer(body.getI1Type(), 1);
      for (int64_t i = 0; i < spatial; ++i) {
        row = body.add(body.mul(row, block[i]), offset[i]);
        Value place = body.sub(body.add(at[2 + i], body.index(blocks.low[i])),
                               body.mul(offset[i], body.index(blocks.dilations[i])));
        Value which = arith::DivSIOp::create(body, place, body.index(blocks.strides[i]));
        inside = body.both(inside, body.same(body.mul(which, body.index(blocks.strides[i])), place));
        inside =
            body.both(inside, body.both(body.below(which, count[i]),
                                        arith::CmpIOp::create(body, arith::CmpIPredicate::sge, which, body.index(0))));
        column = body.add(body.mul(column, count[i]), which);
      }
      inside = body.both(inside, body.both(body.inside(row, in[1]), body.inside(column, in[2])));
      Value from = body.extract(node.tensors[0], {at[0], body.clamped(row, in[1]), body.clamped(column, in[2])});
      return body.select(inside, body.add(sum, body.load(from, element)), sum);
    };
    Value zero = isa<FloatType>(type) ? b.number(type, 0) : b.integer(type, 0);
    return in[1] == 0 || in[2] == 0 ? zero : nest(b, zero);
  }));
  return success();
}

//===-- MaxUnpool ------------------------------------------------------------------------------------------------===//

/// The shape that the pool came from, as its attributes say.
LogicalResult pooledFrom(const Node &node, SmallVector<int64_t> &shape) {
  size_t spatial = node.rankOf(0) < 3 ? 0 : node.rankOf(0) - 2;
  SmallVector<int64_t> kernel = node.integers("kernel_shape").value_or(SmallVector<int64_t>());
  SmallVector<int64_t> strides = node.integers("strides").value_or(SmallVector<int64_t>(spatial, 1));
  SmallVector<int64_t> pads = node.integers("pads").value_or(SmallVector<int64_t>(2 * spatial, 0));
  Extents &e = node.extents();
  bool fits = node.rankOf(0) == node.rankOf(1);
  for (int64_t i = 0; fits && i < node.rankOf(0); ++i)
    fits = e.agree(node.shapeOf(0)[i], node.shapeOf(1)[i]);
  if (spatial == 0 || !fits || kernel.size() != spatial || strides.size() != spatial || pads.size() != 2 * spatial)
    return node.error() << "cannot spread " << node.typeOf(0) << " to places " << node.typeOf(1);
  shape.assign(node.shapeOf(0).begin(), node.shapeOf(0).begin() + 2);
  for (size_t i = 0; i < spatial; ++i) {
    if (kernel[i] < 1 || strides[i] < 1 || pads[i] < 0 || pads[spatial + i] < 0 || kernel[i] > 1 << 24 ||
        strides[i] > 1 << 24 || pads[i] > 1 << 24 || pads[spatial + i] > 1 << 24)
      return node.error() << "has a kernel of " << kernel[i] << " with stride " << strides[i];
    int64_t size = e.add(e.mul(e.sub(node.shapeOf(0)[2 + i], 1), strides[i]), kernel[i] - pads[i] - pads[spatial + i]);
    if (e.maximum(size) < 0)
      return node.error() << "gives " << e.text(size) << " places";
    shape.push_back(e.most(0, size));
  }
  return success();
}
LogicalResult inferMaxUnpool(const Node &node, SmallVectorImpl<Type> &types) {
  SmallVector<int64_t> shape;
  if (failed(pooledFrom(node, shape)))
    return failure();
  if (node.has(2)) {
    std::optional<SmallVector<int64_t>> wanted = node.knownIntegers(2);
    if (!wanted)
      return declaredOr(node, types, node.elementOf(0), "input 2 (the output's shape)", shape.size());
    for (size_t i = 0; i < shape.size(); ++i)
      if (wanted->size() != shape.size() || node.extents().minimum((*wanted)[i]) < 0)
        return node.error() << "input 2 is no shape of rank " << shape.size();
    shape = *wanted;
  }
  types.push_back(ofShape(node, shape));
  return success();
}
/// Indices count in the shape that the pool came from; a larger output has zeros around it.
LogicalResult lowerMaxUnpool(Lowering &node, SmallVectorImpl<Value> &results) {
  SmallVector<int64_t> shape;
  if (failed(pooledFrom(node, shape)))
    return failure();
  Type element = node.elementOf(0);
  int64_t count = node.extents().product(node.shapeOf(0)), places = node.extents().product(shape);
  Value values = node.reshape(node.tensors[0], {count}), indices = node.reshape(node.tensors[1], {count});
  Value spread = node.filled({places}, element, 0);
  if (places > 0)
    spread = node.inOrder({count}, {spread}, [&](Body &b, ValueRange at, ValueRange now) {
      Value place = b.clamped(b.asIndex(b.extract(indices, at), node.elementOf(1)), places);
      return SmallVector<Value>{tensor::InsertOp::create(b, b.extract(values, at), now[0], ValueRange{place})};
    })[0];
  Value whole = node.reshape(spread, shape);
  ArrayRef<int64_t> out = node.resultType().getShape();
  if (out == ArrayRef<int64_t>(shape)) {
    results.push_back(whole);
    return success();
  }
  Type storage = storageElement(element);
  Value zero = node.storedNumber(element, 0);
  results.push_back(node.moved(out, storage, [&](Body &b, ValueRange at) -> Value {
    Value inside = b.integer(b.getI1Type(), 1);
    SmallVector<Value> from;
    for (size_t i = 0; i < shape.size(); ++i) {
      inside = b.both(inside, b.inside(at[i], shape[i]));
      from.push_back(b.clamped(at[i], shape[i]));
    }
    return places > 0 ? b.select(inside, b.extract(whole, from), zero) : zero;
  }));
  return success();
}

//===-- CenterCropPad --------------------------------------------------------------------------------------------===//

LogicalResult inferCenterCropPad(const Node &node, SmallVectorImpl<Type> &types) {
  int64_t rank = node.rankOf(0);
  SmallVector<int64_t> axes;
  if (std::optional<SmallVector<int64_t>> given = node.integers("axes")) {
    for (int64_t value : *given) {
      FailureOr<int64_t> axis = node.axis(value, rank);
      if (failed(axis))
        return failure();
      axes.push_back(*axis);
    }
  } else {
    for (int64_t i = 0; i < rank; ++i)
      axes.push_back(i);
  }
  if (node.rankOf(1) != 1 || node.shapeOf(1)[0] != static_cast<int64_t>(axes.size()))
    return node.error() << "input 1 is " << node.typeOf(1) << " (expected one size for each of " << axes.size()
                        << " axes)";
  std::optional<SmallVector<int64_t>> sizes = node.knownIntegers(1);
  if (!sizes)
    return runTimeSizes(node, types, "input 1 (the shape)", rank);
  SmallVector<int64_t> shape(node.shapeOf(0));
  for (auto [axis, size] : llvm::zip(axes, *sizes)) {
    if (node.extents().minimum(size) < 0)
      return node.error() << "input 1 holds the size " << node.extents().text(size);
    shape[axis] = size;
  }
  types.push_back(ofShape(node, shape));
  return success();
}
/// The middle of what is too long, and zeros around what is too short; halves go to the end.
LogicalResult lowerCenterCropPad(Lowering &node, SmallVectorImpl<Value> &results) {
  if (failed(defineRunTimeSizes(node)))
    return failure();
  SmallVector<int64_t> in(node.shapeOf(0)), out(node.resultType().getShape());
  if (node.extents().product(in) == 0 || node.extents().product(out) == 0) {
    results.push_back(node.filled(out, node.elementOf(0), 0));
    return success();
  }
  if (isOpen(in) || isOpen(out)) {
    Value zero = node.storedNumber(node.elementOf(0), 0);
    results.push_back(node.moved(out, storageElement(node.elementOf(0)), [&](Body &b, ValueRange at) -> Value {
      Value inside = b.integer(b.getI1Type(), 1);
      SmallVector<Value> from;
      auto halfOf = [&](Value size) { return b.divided(arith::MaxSIOp::create(b, size, b.index(0)), 2); };
      for (size_t i = 0; i < in.size(); ++i) {
        Value own = b.index(in[i]), wanted = b.index(out[i]), place = at[i];
        if (in[i] != out[i])
          place = b.sub(b.add(place, halfOf(b.sub(own, wanted))), halfOf(b.sub(wanted, own)));
        inside = b.both(inside, b.inside(place, in[i]));
        from.push_back(b.clamped(place, in[i]));
      }
      return b.select(inside, b.extract(node.tensors[0], from), zero);
    }));
    return success();
  }
  SmallVector<int64_t> first, low, high, shape;
  for (size_t i = 0; i < in.size(); ++i) {
    int64_t spare = std::max<int64_t>(0, in[i] - out[i]), missing = std::max<int64_t>(0, out[i] - in[i]);
    first.push_back(spare / 2);
    shape.push_back(in[i] - spare);
    low.push_back(missing / 2);
    high.push_back(missing - missing / 2);
  }
  Value x = node.tensors[0];
  if (in != ArrayRef<int64_t>(shape))
    x = node.slice(x, first, shape);
  results.push_back(node.pad(x, low, high, node.storedNumber(node.elementOf(0), 0)));
  return success();
}

//===-- Det ------------------------------------------------------------------------------------------------------===//

LogicalResult inferDet(const Node &node, SmallVectorImpl<Type> &types) {
  ArrayRef<int64_t> shape = node.shapeOf(0);
  if (shape.size() < 2 || !node.extents().agree(shape.back(), shape[shape.size() - 2]))
    return node.error() << "needs square matrices (found " << node.extents().text(node.typeOf(0)) << ")";
  types.push_back(ofShape(node, shape.drop_back(2)));
  return success();
}
/// The product of pivots, the largest of each column; each exchange of rows turns the sign.
LogicalResult lowerDet(Lowering &node, SmallVectorImpl<Value> &results) {
  ArrayRef<int64_t> shape = node.shapeOf(0);
  int64_t n = shape.back(), count = node.extents().product(shape.drop_back(2));
  Type element = node.elementOf(0), real = realElement(element);
  SmallVector<int64_t> whole = {count, n, n};
  Value matrices = node.elementwise({{node.reshape(node.tensors[0], whole), element}}, whole, real,
                                    [](Body &, ValueRange x) { return x[0]; });
  Value results1 = node.filled({count}, real, 1);
  SmallVector<Value> last = node.inOrder({count, n}, {matrices, results1}, [&](Body &b, ValueRange at, ValueRange now) {
    Value m = at[0], k = at[1], most = b.index(n), next = b.add(k, b.index(1)), a = now[0];
    auto size = [&](Body &body, Value from, Value i) -> Value {
      return math::AbsFOp::create(body, body.extract(from, {m, i, k}));
    };
    Value row = b.loop(next, most, {k, size(b, a, k)}, [&](Body &body, Value i, ValueRange best) {
      Value own = size(body, a, i), better = body.less(best[1], own, real);
      return SmallVector<Value>{body.select(better, i, best[0]), body.select(better, own, best[1])};
    })[0];
    a = b.loop(k, most, {a}, [&](Body &body, Value j, ValueRange matrix) {
      Value mine = body.extract(matrix[0], {m, k, j}), other = body.extract(matrix[0], {m, row, j});
      Value changed = tensor::InsertOp::create(body, other, matrix[0], ValueRange{m, k, j});
      Value swapped =
          tensor::InsertOp::create(body, body.select(body.same(row, k), other, mine), changed, ValueRange{m, row, j});
      return SmallVector<Value>{swapped};
    })[0];
    Value pivot = b.extract(a, {m, k, k}), none = b.equal(pivot, b.number(real, 0));
    Value divisor = b.select(none, b.number(real, 1), pivot);
    a = b.loop(next, most, {a}, [&](Body &outer, Value i, ValueRange rows) {
      Value factor = outer.div(outer.extract(rows[0], {m, i, k}), divisor, real);
      return outer.loop(next, most, rows, [&](Body &body, Value j, ValueRange matrix) {
        Value less = body.mul(factor, body.extract(matrix[0], {m, k, j}));
        Value fresh = body.sub(body.extract(matrix[0], {m, i, j}), less);
        return SmallVector<Value>{tensor::InsertOp::create(body, fresh, matrix[0], ValueRange{m, i, j})};
      });
    })[0];
    Value sign = b.select(b.same(row, k), b.number(real, 1), b.number(real, -1));
    Value product = b.mul(b.extract(now[1], {m}), b.mul(sign, pivot));
    return SmallVector<Value>{a, tensor::InsertOp::create(b, product, now[1], ValueRange{m})};
  });
  Value flat = node.elementwise({{last[1], real}}, {count}, element, [](Body &, ValueRange x) { return x[0]; });
  results.push_back(node.reshape(flat, node.resultType().getShape()));
  return success();
}

} // namespace

void addFolds(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"Col2Im", 18, inferCol2Im, lowerCol2Im, true});
  rows.push_back({"MaxUnpool", 9, inferMaxUnpool, lowerMaxUnpool, true});
  rows.push_back({"CenterCropPad", 18, inferCenterCropPad, lowerCenterCropPad, true});
  rows.push_back({"Det", 11, inferDet, lowerDet, true});
}

} // namespace llmc::onnx_import
