// Pooling.cpp - windows folded to one value: largest, mean, norm.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Windows.h"

#include <cmath>
#include <functional>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

LogicalResult poolWindow(const Node &node, Window &window) {
  std::optional<SmallVector<int64_t>> kernel = node.integers("kernel_shape");
  if (node.rankOf(0) < 3)
    return node.error() << "needs at least rank 3 (found " << node.extents().text(node.typeOf(0)) << ")";
  if (node.type.starts_with("Global"))
    kernel = SmallVector<int64_t>(node.shapeOf(0).drop_front(2));
  if (!kernel)
    return node.error() << "has no kernel";
  return readWindow(node, *kernel, window);
}
LogicalResult inferPool(const Node &node, SmallVectorImpl<Type> &types) {
  Window window;
  if (failed(poolWindow(node, window)))
    return failure();
  SmallVector<int64_t> shape(node.shapeOf(0).take_front(2));
  llvm::append_range(shape, window.out);
  types.push_back(RankedTensorType::get(shape, node.elementOf(0)));
  types.push_back(RankedTensorType::get(shape, IntegerType::get(node.settings.getContext(), 64)));
  return success();
}

/// Folds each window; `scalar` (in storage) stands outside of the input.
Value poolOver(Lowering &node, const Window &window, Lowering::Operand from, Value scalar, Type element,
               llvm::function_ref<Value(Body &)> init, llvm::function_ref<Value(Body &, Value, Value)> fold) {
  Value padded = padSpatial(node, from.tensor, window, 2, scalar);
  MLIRContext *context = node.b.getContext();
  unsigned spatial = window.out.size(), rank = 2 + 2 * spatial;
  auto dim = [&](unsigned i) { return getAffineDimExpr(i, context); };
  SmallVector<AffineExpr> x = {dim(0), dim(1)}, y = {dim(0), dim(1)}, k;
  SmallVector<int64_t> in = node.sizesOf(from.tensor);
  SmallVector<int64_t> shape = {in[0], in[1]};
  SmallVector<utils::IteratorType> kinds(2 + spatial, utils::IteratorType::parallel);
  kinds.append(spatial, utils::IteratorType::reduction);
  for (unsigned i = 0; i < spatial; ++i) {
    x.push_back(dim(2 + i) * window.strides[i] + dim(2 + spatial + i) * window.dilations[i]);
    y.push_back(dim(2 + i));
    k.push_back(dim(2 + spatial + i));
    shape.push_back(window.out[i]);
  }
  Type wide = computeElement(element);
  Body outside(node.b.getLoc(), node.b);
  Value start = node.filled(shape, wide, init(outside));
  // Nothing of the kernel is read: it says how far the loops over it go.
  Value kernel = node.empty(window.kernel, node.b.getI8Type());
  auto op = linalg::GenericOp::create(
      node.b, TypeRange{start.getType()}, ValueRange{padded, kernel}, ValueRange{start},
      ArrayRef<AffineMap>{AffineMap::get(rank, 0, x, context), AffineMap::get(rank, 0, k, context),
                          AffineMap::get(rank, 0, y, context)},
      kinds, [&](OpBuilder &builder, Location loc, ValueRange arguments) {
        Body b(loc, builder);
        linalg::YieldOp::create(b, fold(b, arguments[2], b.load(arguments[0], from.element)));
      });
  return node.sized(op.getResult(0), shape);
}

/// The least value of an element type, in storage.
Value leastStored(Lowering &node, Type element) {
  Type storage = storageElement(element);
  if (isa<FloatType>(storage))
    return node.storedNumber(element, -INFINITY);
  unsigned width = storage.getIntOrFloatBitWidth();
  APInt bits = element.isUnsignedInteger() ? APInt::getZero(width) : APInt::getSignedMinValue(width);
  return arith::ConstantOp::create(node.b, IntegerAttr::get(storage, bits));
}

LogicalResult lowerMaxPool(Lowering &node, SmallVectorImpl<Value> &results) {
  Window window;
  if (failed(poolWindow(node, window)))
    return failure();
  Type element = node.elementOf(0), wide = computeElement(element);
  Value least = leastStored(node, element);
  Value peak = poolOver(
      node, window, node.input(0), least, element,
      [&](Body &b) { return wide == storageElement(element) ? least : b.number(wide, -INFINITY); },
      [&](Body &b, Value s, Value v) { return b.max(s, v, element); });
  if (wide != storageElement(element))
    peak = node.elementwise({{peak, wide}}, node.resultType().getShape(), element,
                            [](Body &, ValueRange x) { return x[0]; });
  results.push_back(peak);
  if (node.numOutputs < 2)
    return success();
  // The first place of the window that has the value, counted over the whole input.
  bool columns = node.integer("storage_order", 0);
  ArrayRef<int64_t> in = node.shapeOf(0);
  int64_t spatial = window.out.size();
  Type i64 = node.b.getI64Type();
  results.push_back(node.generate(node.resultType(1).getShape(), i64, [&](Body &b, ValueRange at) -> Value {
    Value best = b.load(b.extract(peak, at), element);
    SmallVector<Value> k;
    std::function<Value(Body &, int64_t, Value)> loop = [&](Body &body, int64_t dim, Value found) -> Value {
      if (dim == spatial) {
        SmallVector<Value> places = {at[0], at[1]};
        Value inside = body.integer(body.getI1Type(), 1);
        for (int64_t i = 0; i < spatial; ++i) {
          Value place = body.sub(body.add(body.mul(at[2 + i], body.index(window.strides[i])),
                                          body.mul(k[i], body.index(window.dilations[i]))),
                                 body.index(window.low[i]));
          Value fits = arith::CmpIOp::create(body, arith::CmpIPredicate::ult, place, body.index(in[2 + i]));
          inside = arith::AndIOp::create(body, inside, fits);
          places.push_back(body.select(fits, place, body.index(0)));
        }
        Value same = body.equal(body.load(body.extract(node.tensors[0], places), element), best);
        Value none = arith::CmpIOp::create(body, arith::CmpIPredicate::slt, found, body.integer(i64, 0));
        Value index = body.index(0), step = body.index(1);
        SmallVector<int64_t> order;
        for (int64_t i = 0; i < spatial; ++i)
          order.push_back(columns ? i : spatial - 1 - i);
        for (int64_t i : order) {
          index = body.add(index, body.mul(places[2 + i], step));
          step = body.mul(step, body.index(in[2 + i]));
        }
        Value plane = body.add(body.mul(at[0], body.index(in[1])), at[1]);
        index = body.add(index, body.mul(plane, step));
        Value take = arith::AndIOp::create(body, arith::AndIOp::create(body, inside, same), none);
        return body.select(take, arith::IndexCastOp::create(body, i64, index), found);
      }
      auto op = scf::ForOp::create(body, body.index(0), body.index(window.kernel[dim]), body.index(1),
                                   ValueRange{found}, [&](OpBuilder &inner, Location loc, Value i, ValueRange carried) {
                                     Body deeper(loc, inner, &node);
                                     k.push_back(i);
                                     Value next = loop(deeper, dim + 1, carried[0]);
                                     k.pop_back();
                                     scf::YieldOp::create(deeper, next);
                                   });
      return op.getResult(0);
    };
    return loop(b, 0, b.integer(i64, -1));
  }));
  return success();
}

/// How many places of a window count: those in the input, or in its padding too where that is asked for.
LogicalResult lowerAveragePool(Lowering &node, SmallVectorImpl<Value> &results) {
  Window window;
  if (failed(poolWindow(node, window)))
    return failure();
  Type element = node.elementOf(0), wide = computeElement(element);
  if (!isa<FloatType>(wide))
    return node.error() << "is computed in floating point (found " << element << ")";
  Value sum = poolOver(
      node, window, node.input(0), node.storedNumber(element, 0), element, [&](Body &b) { return b.number(wide, 0); },
      [](Body &b, Value s, Value v) { return b.add(s, v); });
  Extents &e = node.extents();
  bool withPads = node.integer("count_include_pad", 0);
  ArrayRef<int64_t> in = node.shapeOf(0);
  std::optional<SmallVector<int64_t>> pads = node.integers("pads");
  results.push_back(node.generate(node.resultType().getShape(), element, [&](Body &b, ValueRange at) -> Value {
    Value count = b.index(1);
    for (size_t i = 0; i < window.out.size(); ++i) {
      // Places p = out * stride - low + k * dilation with 0 <= p < size, or inside of the padding that is said.
      Value start = b.sub(b.mul(at[2 + i], b.index(window.strides[i])), b.index(window.low[i]));
      int64_t high = in[2 + i], low = 0;
      if (withPads) {
        low = e.sub(0, window.low[i]);
        high = e.add(high, pads && node.text("auto_pad", "NOTSET") == "NOTSET" ? (*pads)[window.out.size() + i]
                                                                               : window.high[i]);
        if (!pads && node.text("auto_pad", "NOTSET") == "NOTSET")
          high = in[2 + i];
      }
      Value dilation = b.index(window.dilations[i]);
      auto upward = [&](Value value) -> Value { // ceil(value / dilation) for value >= 0
        return arith::DivUIOp::create(b, b.add(value, b.index(window.dilations[i] - 1)), dilation);
      };
      Value before = upward(arith::MaxSIOp::create(b, b.sub(b.index(low), start), b.index(0)));
      Value upTo = upward(arith::MaxSIOp::create(b, b.sub(b.index(high), start), b.index(0)));
      upTo = arith::MinSIOp::create(b, upTo, b.index(window.kernel[i]));
      Value number = arith::MaxSIOp::create(b, b.sub(upTo, before), b.index(0));
      count = b.mul(count, number);
    }
    Value divisor = b.convert(arith::IndexCastOp::create(b, b.getI64Type(), count), b.getI64Type(), wide);
    return b.div(b.extract(sum, at), divisor, wide);
  }));
  return success();
}

LogicalResult lowerLpPool(Lowering &node, SmallVectorImpl<Value> &results) {
  Window window;
  if (failed(poolWindow(node, window)))
    return failure();
  Type element = node.elementOf(0), wide = realElement(element);
  int64_t p = node.integer("p", 2);
  if (!isa<FloatType>(element) || p < 1)
    return node.error() << "attribute 'p' = " << p << " of " << element << " is not supported";
  Value sum = poolOver(
      node, window, node.input(0), node.storedNumber(element, 0), wide, [&](Body &b) { return b.number(wide, 0); },
      [&](Body &b, Value s, Value v) -> Value {
        Value x = math::AbsFOp::create(b, v), power = x;
        for (int64_t i = 1; i < std::min<int64_t>(p, 64); ++i)
          power = b.mul(power, x);
        return b.add(s, power);
      });
  results.push_back(
      node.elementwise({{sum, wide}}, node.resultType().getShape(), element, [&](Body &b, ValueRange x) -> Value {
        if (p == 1)
          return x[0];
        if (p == 2)
          return math::SqrtOp::create(b, x[0]);
        Value root = b.exp(b.mul(b.number(wide, 1.0 / static_cast<double>(p)), math::LogOp::create(b, x[0])));
        Value zero = b.number(wide, 0);
        return b.select(b.equal(x[0], zero), zero, root);
      }));
  return success();
}

} // namespace

void addPooling(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"MaxPool", 1, inferPool, lowerMaxPool, true});
  rows.push_back({"GlobalMaxPool", 1, inferPool, lowerMaxPool, true});
  rows.push_back({"AveragePool", 7, inferPool, lowerAveragePool, true});
  rows.push_back({"GlobalAveragePool", 1, inferPool, lowerAveragePool, true});
  rows.push_back({"LpPool", 2, inferPool, lowerLpPool, true});
  rows.push_back({"GlobalLpPool", 2, inferPool, lowerLpPool, true});
}

} // namespace llmc::onnx_import
