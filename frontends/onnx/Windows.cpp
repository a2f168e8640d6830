// Windows.cpp - convolutions and pooling: what slides over an input.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <functional>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

/// How a window of `kernel` slides: per spatial dimension.
struct Window {
  SmallVector<int64_t> kernel, strides, dilations, low, high, out;
};

/// Reads strides, dilations, pads and auto_pad, and computes the output's sizes.
LogicalResult readWindow(const Node &node, ArrayRef<int64_t> kernel, Window &window) {
  ArrayRef<int64_t> in = node.shapeOf(0).drop_front(2);
  size_t rank = in.size();
  window.kernel.assign(kernel.begin(), kernel.end());
  window.strides = node.integers("strides").value_or(SmallVector<int64_t>(rank, 1));
  window.dilations = node.integers("dilations").value_or(SmallVector<int64_t>(rank, 1));
  SmallVector<int64_t> pads = node.integers("pads").value_or(SmallVector<int64_t>(2 * rank, 0));
  if (kernel.size() != rank || window.strides.size() != rank || window.dilations.size() != rank ||
      pads.size() != 2 * rank)
    return node.error() << "kernel, strides, dilations and pads are not for " << rank << " dimensions";
  StringRef mode = node.text("auto_pad", "NOTSET");
  bool up = node.integer("ceil_mode", 0);
  for (size_t i = 0; i < rank; ++i) {
    int64_t stride = window.strides[i], dilation = window.dilations[i];
    if (kernel[i] < 1 || stride < 1 || dilation < 1 || kernel[i] > (1 << 24) || stride > (1 << 24) ||
        dilation > (1 << 24) || pads[i] < 0 || pads[rank + i] < 0 || pads[i] > (1 << 24) || pads[rank + i] > (1 << 24))
      return node.error() << "has a kernel of " << kernel[i] << " with stride " << stride << ", dilation " << dilation
                          << " and pads " << pads[i] << " and " << pads[rank + i];
    int64_t span = (kernel[i] - 1) * dilation + 1, low = pads[i], high = pads[rank + i], out;
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      out = llvm::divideCeil(in[i], stride);
      int64_t total = std::max<int64_t>(0, (out - 1) * stride + span - in[i]);
      low = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      high = total - low;
    } else if (mode == "VALID" || mode == "NOTSET") {
      if (mode == "VALID")
        low = high = 0;
      int64_t free = in[i] + low + high - span;
      if (free < 0)
        return node.error() << "its window of " << span << " does not fit dimension " << i + 2 << " of "
                            << in[i] + low + high << " places";
      out = (up ? static_cast<int64_t>(llvm::divideCeil(free, stride)) : free / stride) + 1;
      // A window that would begin behind the input is none.
      if (up && (out - 1) * stride >= in[i] + low)
        --out;
    } else {
      return node.error() << "unsupported attribute 'auto_pad' = '" << mode << "'";
    }
    window.low.push_back(low);
    window.high.push_back(std::max(high, (out - 1) * stride + span - in[i] - low));
    window.out.push_back(out);
  }
  return success();
}

LogicalResult kernelOfConv(const Node &node, SmallVector<int64_t> &kernel) {
  int64_t rank = node.rankOf(0), group = node.integer("group", 1);
  ArrayRef<int64_t> x = node.shapeOf(0), w = node.shapeOf(1);
  if (rank < 3 || node.rankOf(1) != rank || group < 1 || x[1] != w[1] * group || w[0] % group)
    return node.error() << "cannot convolve " << node.typeOf(0) << " with " << node.typeOf(1) << " in " << group
                        << " groups";
  kernel.assign(w.begin() + 2, w.end());
  if (std::optional<SmallVector<int64_t>> said = node.integers("kernel_shape"); said && *said != kernel)
    return node.error() << "attribute 'kernel_shape' is not the weight's";
  if (node.has(2) && node.type == "Conv" && (node.rankOf(2) != 1 || node.shapeOf(2)[0] != w[0]))
    return node.error() << "adds a bias of " << node.typeOf(2) << " to " << w[0] << " channels";
  return success();
}
LogicalResult inferConv(const Node &node, SmallVectorImpl<Type> &types) {
  SmallVector<int64_t> kernel;
  Window window;
  if (failed(kernelOfConv(node, kernel)) || failed(readWindow(node, kernel, window)))
    return failure();
  SmallVector<int64_t> shape = {node.shapeOf(0)[0], node.shapeOf(1)[0]};
  llvm::append_range(shape, window.out);
  Type element =
      node.type == "ConvInteger" ? Type(IntegerType::get(node.settings.getContext(), 32)) : node.elementOf(0);
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

/// Dimensions before and after the spatial ones that a padded input gets.
Value padSpatial(Lowering &node, Value x, const Window &window, unsigned leading, Value scalar) {
  SmallVector<int64_t> low(leading, 0), high(leading, 0);
  llvm::append_range(low, window.low);
  llvm::append_range(high, window.high);
  return node.pad(x, low, high, scalar);
}

/// y[n, g, o, p...] = sum over c, k... of x[n, g, c, p * stride + k * dilation ...] * w[g, o, c, k...], padded with
/// `padding`; sums in the compute type of `element`.
Value convolve(Lowering &node, Lowering::Operand x, Lowering::Operand w, Value padding, int64_t group,
               const Window &window, Type element) {
  ArrayRef<int64_t> in = cast<RankedTensorType>(x.tensor.getType()).getShape();
  ArrayRef<int64_t> weight = cast<RankedTensorType>(w.tensor.getType()).getShape();
  unsigned spatial = window.out.size(), rank = 4 + 2 * spatial;
  SmallVector<int64_t> split = {in[0], group, in[1] / group};
  llvm::append_range(split, in.drop_front(2));
  Value padded = padSpatial(node, node.reshape(x.tensor, split), window, 3, padding);
  SmallVector<int64_t> weightSplit = {group, weight[0] / group};
  llvm::append_range(weightSplit, weight.drop_front(1));
  Value filter = node.reshape(w.tensor, weightSplit);
  MLIRContext *context = node.b.getContext();
  auto dim = [&](unsigned i) { return getAffineDimExpr(i, context); };
  // Loops: n, g, o, p..., c, k...
  unsigned c = 3 + spatial;
  SmallVector<AffineExpr> xPlaces = {dim(0), dim(1), dim(c)}, wPlaces = {dim(1), dim(2), dim(c)},
                          yPlaces = {dim(0), dim(1), dim(2)};
  SmallVector<int64_t> shape = {in[0], group, weight[0] / group};
  SmallVector<utils::IteratorType> kinds(c, utils::IteratorType::parallel);
  kinds.append(1 + spatial, utils::IteratorType::reduction);
  for (unsigned i = 0; i < spatial; ++i) {
    xPlaces.push_back(dim(3 + i) * window.strides[i] + dim(c + 1 + i) * window.dilations[i]);
    wPlaces.push_back(dim(c + 1 + i));
    yPlaces.push_back(dim(3 + i));
    shape.push_back(window.out[i]);
  }
  Type wide = computeElement(element);
  Value zero = isa<FloatType>(wide) ? node.storedNumber(wide, 0)
                                    : arith::ConstantOp::create(node.b, IntegerAttr::get(wide, 0)).getResult();
  Value start = node.filled(shape, wide, zero);
  auto op = linalg::GenericOp::create(
      node.b, TypeRange{start.getType()}, ValueRange{padded, filter}, ValueRange{start},
      ArrayRef<AffineMap>{AffineMap::get(rank, 0, xPlaces, context), AffineMap::get(rank, 0, wPlaces, context),
                          AffineMap::get(rank, 0, yPlaces, context)},
      kinds, [&](OpBuilder &builder, Location loc, ValueRange arguments) {
        Body b(loc, builder);
        Value left = b.convert(b.load(arguments[0], x.element), x.element, element);
        Value right = b.convert(b.load(arguments[1], w.element), w.element, element);
        Value sum = isa<FloatType>(wide) ? math::FmaOp::create(b, left, right, arguments[2]).getResult()
                                         : b.add(arguments[2], b.mul(left, right));
        linalg::YieldOp::create(b, sum);
      });
  SmallVector<int64_t> joined = {in[0], weight[0]};
  llvm::append_range(joined, window.out);
  return node.reshape(op.getResult(0), joined);
}

LogicalResult lowerConv(Lowering &node, SmallVectorImpl<Value> &results) {
  SmallVector<int64_t> kernel;
  Window window;
  if (failed(kernelOfConv(node, kernel)) || failed(readWindow(node, kernel, window)))
    return failure();
  Type element = node.resultElement(), wide = computeElement(element);
  Value sum = convolve(node, node.input(0), node.input(1), node.storedNumber(element, 0), node.integer("group", 1),
                       window, element);
  SmallVector<Lowering::Operand> operands = {{sum, wide}};
  if (node.has(2)) {
    SmallVector<int64_t> shape = {node.shapeOf(2)[0]};
    shape.append(window.out.size(), 1);
    operands.push_back({node.reshape(node.tensors[2], shape), element});
  }
  if (operands.size() > 1 || wide != element)
    sum = node.elementwise(operands, node.resultType().getShape(), element,
                           [](Body &b, ValueRange x) { return x.size() > 1 ? b.add(x[0], x[1]) : x[0]; });
  results.push_back(sum);
  return success();
}

/// Bytes less their zero points, multiplied in 32 bits. Padding is the zero point.
LogicalResult lowerConvInteger(Lowering &node, SmallVectorImpl<Value> &results) {
  SmallVector<int64_t> kernel;
  Window window;
  if (failed(kernelOfConv(node, kernel)) || failed(readWindow(node, kernel, window)))
    return failure();
  Type i32 = node.b.getI32Type();
  auto shifted = [&](unsigned input, unsigned point) -> Value {
    SmallVector<Lowering::Operand> operands = {node.input(input)};
    if (node.has(point)) {
      SmallVector<int64_t> shape = {node.typeOf(point).getNumElements()};
      if (point == 3)
        shape.append(node.rankOf(1) - 1, 1);
      operands.push_back(
          {node.reshape(node.tensors[point], shape[0] == 1 ? SmallVector<int64_t>() : shape), node.elementOf(point)});
    }
    return node.elementwise(operands, node.shapeOf(input), i32, [&](Body &b, ValueRange x) {
      Value value = b.convert(x[0], node.elementOf(input), i32);
      return x.size() > 1 ? b.sub(value, b.convert(x[1], node.elementOf(point), i32)) : value;
    });
  };
  results.push_back(convolve(node, {shifted(0, 2), i32}, {shifted(1, 3), i32}, node.storedNumber(i32, 0),
                             node.integer("group", 1), window, i32));
  return success();
}

//===-- transposed -----------------------------------------------------------------------------------------------===//

LogicalResult transposedWindow(const Node &node, Window &window) {
  int64_t rank = node.rankOf(0), group = node.integer("group", 1);
  if (rank < 3 || node.rankOf(1) != rank || group < 1 || node.shapeOf(0)[1] != node.shapeOf(1)[0] ||
      node.shapeOf(0)[1] % group)
    return node.error() << "cannot spread " << node.typeOf(0) << " by " << node.typeOf(1) << " in " << group
                        << " groups";
  size_t spatial = rank - 2;
  ArrayRef<int64_t> in = node.shapeOf(0).drop_front(2), kernel = node.shapeOf(1).drop_front(2);
  window.kernel.assign(kernel.begin(), kernel.end());
  window.strides = node.integers("strides").value_or(SmallVector<int64_t>(spatial, 1));
  window.dilations = node.integers("dilations").value_or(SmallVector<int64_t>(spatial, 1));
  SmallVector<int64_t> pads = node.integers("pads").value_or(SmallVector<int64_t>(2 * spatial, 0));
  SmallVector<int64_t> extra = node.integers("output_padding").value_or(SmallVector<int64_t>(spatial, 0));
  std::optional<SmallVector<int64_t>> wanted = node.integers("output_shape");
  StringRef mode = node.text("auto_pad", "NOTSET");
  if (window.strides.size() != spatial || window.dilations.size() != spatial || pads.size() != 2 * spatial ||
      extra.size() != spatial || (wanted && wanted->size() != spatial))
    return node.error() << "strides, dilations, pads and sizes are not for " << spatial << " dimensions";
  for (size_t i = 0; i < spatial; ++i) {
    if (window.strides[i] < 1 || window.dilations[i] < 1 || extra[i] < 0 || window.strides[i] > (1 << 24) ||
        window.dilations[i] > (1 << 24) || extra[i] > (1 << 24))
      return node.error() << "has stride " << window.strides[i] << ", dilation " << window.dilations[i]
                          << " and output padding " << extra[i];
    int64_t full = window.strides[i] * (in[i] - 1) + extra[i] + (kernel[i] - 1) * window.dilations[i] + 1;
    int64_t low = pads[i], high = pads[spatial + i];
    bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
    if (wanted || same) {
      int64_t out = wanted ? (*wanted)[i] : in[i] * window.strides[i];
      int64_t total = full - out;
      low = mode == "SAME_LOWER" ? total - total / 2 : total / 2;
      high = total - low;
    }
    if (full - low - high < 0 || full - low - high > (int64_t(1) << 32))
      return node.error() << "gives " << full - low - high << " places";
    window.low.push_back(low);
    window.out.push_back(full - low - high);
  }
  return success();
}
LogicalResult inferConvTranspose(const Node &node, SmallVectorImpl<Type> &types) {
  Window window;
  if (failed(transposedWindow(node, window)))
    return failure();
  SmallVector<int64_t> shape = {node.shapeOf(0)[0], node.shapeOf(1)[1] * node.integer("group", 1)};
  llvm::append_range(shape, window.out);
  types.push_back(RankedTensorType::get(shape, node.elementOf(0)));
  return success();
}
/// Each output place gathers what was spread to it.
LogicalResult lowerConvTranspose(Lowering &node, SmallVectorImpl<Value> &results) {
  Window window;
  if (failed(transposedWindow(node, window)))
    return failure();
  int64_t group = node.integer("group", 1), spatial = window.out.size();
  int64_t channels = node.shapeOf(0)[1] / group, outs = node.shapeOf(1)[1];
  Type element = node.resultElement(), type = computeElement(element);
  if (!isa<FloatType>(type))
    return node.error() << "is computed in floating point (found " << element << ")";
  ArrayRef<int64_t> in = node.shapeOf(0).drop_front(2);
  results.push_back(node.generate(node.resultType().getShape(), element, [&](Body &b, ValueRange at) -> Value {
    Value part = arith::DivUIOp::create(b, at[1], b.index(outs)), own = arith::RemUIOp::create(b, at[1], b.index(outs));
    Value first = node.has(2) ? b.load(b.extract(node.tensors[2], {at[1]}), element) : b.number(type, 0);
    SmallVector<Value> k;
    Value channel;
    std::function<Value(Body &, int64_t, Value)> loop = [&](Body &body, int64_t dim, Value sum) -> Value {
      if (dim == spatial + 1) {
        SmallVector<Value> x = {at[0], channel}, w = {channel, own};
        Value inside = body.integer(body.getI1Type(), 1);
        for (int64_t i = 0; i < spatial; ++i) {
          // out + low = in * stride + k * dilation
          Value place =
              body.sub(body.add(at[2 + i], body.index(window.low[i])), body.mul(k[i], body.index(window.dilations[i])));
          Value stride = body.index(window.strides[i]);
          Value from = arith::DivSIOp::create(body, place, stride);
          Value exact = arith::CmpIOp::create(body, arith::CmpIPredicate::eq, body.mul(from, stride), place);
          Value fits = arith::CmpIOp::create(body, arith::CmpIPredicate::ult, from, body.index(in[i]));
          inside = arith::AndIOp::create(body, inside, arith::AndIOp::create(body, exact, fits));
          x.push_back(body.select(fits, from, body.index(0)));
          w.push_back(k[i]);
        }
        Value product = body.mul(body.load(body.extract(node.tensors[0], x), element),
                                 body.load(body.extract(node.tensors[1], w), element));
        return body.select(inside, body.add(sum, product), sum);
      }
      int64_t size = dim == 0 ? channels : window.kernel[dim - 1];
      auto op = scf::ForOp::create(body, body.index(0), body.index(size), body.index(1), ValueRange{sum},
                                   [&](OpBuilder &inner, Location loc, Value i, ValueRange carried) {
                                     Body deeper(loc, inner);
                                     if (dim == 0)
                                       channel = deeper.add(deeper.mul(part, deeper.index(channels)), i);
                                     else
                                       k.push_back(i);
                                     Value next = loop(deeper, dim + 1, carried[0]);
                                     if (dim > 0)
                                       k.pop_back();
                                     scf::YieldOp::create(deeper, next);
                                   });
      return op.getResult(0);
    };
    return loop(b, 0, first);
  }));
  return success();
}

//===-- pooling --------------------------------------------------------------------------------------------------===//

LogicalResult poolWindow(const Node &node, Window &window) {
  std::optional<SmallVector<int64_t>> kernel = node.integers("kernel_shape");
  if (node.rankOf(0) < 3)
    return node.error() << "needs at least rank 3 (found " << node.typeOf(0) << ")";
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
  ArrayRef<int64_t> in = cast<RankedTensorType>(from.tensor.getType()).getShape();
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
  return op.getResult(0);
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
                                     Body deeper(loc, inner);
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
        low = -window.low[i];
        high += pads && node.text("auto_pad", "NOTSET") == "NOTSET" ? (*pads)[window.out.size() + i] : window.high[i];
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
  Type element = node.elementOf(0), f32 = node.b.getF32Type();
  int64_t p = node.integer("p", 2);
  if (!isa<FloatType>(element) || element.isF64() || p < 1)
    return node.error() << "attribute 'p' = " << p << " of " << element << " is not supported";
  Value sum = poolOver(
      node, window, node.input(0), node.storedNumber(element, 0), f32, [&](Body &b) { return b.number(f32, 0); },
      [&](Body &b, Value s, Value v) -> Value {
        Value x = math::AbsFOp::create(b, v), power = x;
        for (int64_t i = 1; i < std::min<int64_t>(p, 64); ++i)
          power = b.mul(power, x);
        return b.add(s, power);
      });
  results.push_back(
      node.elementwise({{sum, f32}}, node.resultType().getShape(), element, [&](Body &b, ValueRange x) -> Value {
        if (p == 1)
          return x[0];
        if (p == 2)
          return math::SqrtOp::create(b, x[0]);
        Value root = b.exp(b.mul(b.number(f32, 1.0 / static_cast<double>(p)), math::LogOp::create(b, x[0])));
        Value zero = b.number(f32, 0);
        return b.select(b.equal(x[0], zero), zero, root);
      }));
  return success();
}

} // namespace

void addWindows(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"Conv", 1, inferConv, lowerConv});
  rows.push_back({"ConvInteger", 10, inferConv, lowerConvInteger});
  rows.push_back({"ConvTranspose", 1, inferConvTranspose, lowerConvTranspose});
  rows.push_back({"MaxPool", 1, inferPool, lowerMaxPool});
  rows.push_back({"GlobalMaxPool", 1, inferPool, lowerMaxPool});
  rows.push_back({"AveragePool", 7, inferPool, lowerAveragePool});
  rows.push_back({"GlobalAveragePool", 1, inferPool, lowerAveragePool});
  rows.push_back({"LpPool", 2, inferPool, lowerLpPool});
  rows.push_back({"GlobalLpPool", 2, inferPool, lowerLpPool});
}

} // namespace llmc::onnx_import
