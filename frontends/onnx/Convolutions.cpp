// Convolutions.cpp - convolutions of floats and of integers, and transposed ones.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Quantized.h"
#include "frontends/onnx/Windows.h"

#include <functional>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

LogicalResult kernelOfConv(const Node &node, SmallVector<int64_t> &kernel, unsigned weight = 1) {
  int64_t rank = node.rankOf(0), group = node.integer("group", 1);
  ArrayRef<int64_t> x = node.shapeOf(0), w = node.shapeOf(weight);
  if (failed(needKnownSizes(node, {weight})))
    return failure();
  if (rank >= 3 && isOpen(x[1]))
    return node.error() << "convolves " << node.extents().text(node.typeOf(0))
                        << ", whose channels are known only at run time, which is not supported";
  if (rank < 3 || node.rankOf(weight) != rank || group < 1 || x[1] != w[1] * group || w[0] % group)
    return node.error() << "cannot convolve " << node.extents().text(node.typeOf(0)) << " with " << node.typeOf(weight)
                        << " in " << group << " groups";
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
  if (node.type == "ConvInteger" && failed(needKnownSizes(node, {2, 3})))
    return failure();
  for (unsigned i = 2; i < 4 && node.type == "ConvInteger"; ++i)
    if (node.has(i) && node.typeOf(i).getNumElements() != 1 && (i == 2 || node.shapeOf(i) != ArrayRef(shape[1])))
      return node.error() << "input " << i << " is " << node.typeOf(i) << " (expected one number"
                          << (i == 3 ? " or one for each output channel)" : ")");
  Type element =
      node.type == "ConvInteger" ? Type(IntegerType::get(node.settings.getContext(), 32)) : node.elementOf(0);
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

/// y[n, g, o, p...] = sum over c, k... of x[n, g, c, p * stride + k * dilation ...] * w[g, o, c, k...], padded with
/// `padding`; sums in the compute type of `element`.
Value convolve(Lowering &node, Lowering::Operand x, Lowering::Operand w, Value padding, int64_t group,
               const Window &window, Type element) {
  SmallVector<int64_t> in = node.sizesOf(x.tensor);
  ArrayRef<int64_t> weight = cast<RankedTensorType>(w.tensor.getType()).getShape();
  unsigned spatial = window.out.size(), rank = 4 + 2 * spatial;
  SmallVector<int64_t> split = {in[0], group, in[1] / group};
  llvm::append_range(split, ArrayRef<int64_t>(in).drop_front(2));
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
  return node.reshape(node.sized(op.getResult(0), shape), joined);
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

/// An input less its zero point in 32 bits; the point is one number or, of a weight, one for each output channel.
Value lessPoint(Lowering &node, unsigned input, unsigned point, bool weight) {
  Type i32 = node.b.getI32Type();
  SmallVector<Lowering::Operand> operands = {node.input(input)};
  if (node.has(point)) {
    SmallVector<int64_t> shape = {node.typeOf(point).getNumElements()};
    if (weight)
      shape.append(node.rankOf(input) - 1, 1);
    operands.push_back(
        {node.reshape(node.tensors[point], shape[0] == 1 ? SmallVector<int64_t>() : shape), node.elementOf(point)});
  }
  return node.elementwise(operands, node.shapeOf(input), i32, [&](Body &b, ValueRange x) {
    Value value = b.convert(x[0], node.elementOf(input), i32);
    return x.size() > 1 ? b.sub(value, b.convert(x[1], node.elementOf(point), i32)) : value;
  });
}

/// Bytes less their zero points, multiplied in 32 bits. Padding is the zero point.
LogicalResult lowerConvInteger(Lowering &node, SmallVectorImpl<Value> &results) {
  SmallVector<int64_t> kernel;
  Window window;
  if (failed(kernelOfConv(node, kernel)) || failed(readWindow(node, kernel, window)))
    return failure();
  Type i32 = node.b.getI32Type();
  results.push_back(convolve(node, {lessPoint(node, 0, 2, false), i32}, {lessPoint(node, 1, 3, true), i32},
                             node.storedNumber(i32, 0), node.integer("group", 1), window, i32));
  return success();
}

/// x, its scale and zero point, w, its, y's, and a bias in the product's scale.
LogicalResult inferQLinearConv(const Node &node, SmallVectorImpl<Type> &types) {
  SmallVector<int64_t> kernel;
  Window window;
  if (failed(kernelOfConv(node, kernel, 3)) || failed(readWindow(node, kernel, window)))
    return failure();
  if (failed(needKnownSizes(node, {1, 2, 4, 5, 6, 7, 8})))
    return failure();
  int64_t outs = node.shapeOf(3)[0];
  for (unsigned i : {1u, 2u, 4u, 5u, 6u, 7u, 8u}) {
    if (!node.has(i))
      continue;
    int64_t count = node.typeOf(i).getNumElements();
    bool many = i == 4 || i == 5 || i == 8;
    if (node.rankOf(i) > 1 || (count != 1 && !(many && count == outs)) || (i == 8 && count != outs))
      return node.error() << "input " << i << " is " << node.typeOf(i) << " (expected one number"
                          << (many ? " or one for each output channel)" : ")");
  }
  SmallVector<int64_t> shape = {node.shapeOf(0)[0], outs};
  llvm::append_range(shape, window.out);
  types.push_back(ofShape(node, shape, 7));
  return success();
}
LogicalResult lowerQLinearConv(Lowering &node, SmallVectorImpl<Value> &results) {
  SmallVector<int64_t> kernel;
  Window window;
  if (failed(kernelOfConv(node, kernel, 3)) || failed(readWindow(node, kernel, window)))
    return failure();
  Type i32 = node.b.getI32Type(), f32 = node.b.getF32Type(), to = node.resultElement();
  Value sum = convolve(node, {lessPoint(node, 0, 2, false), i32}, {lessPoint(node, 3, 5, true), i32},
                       node.storedNumber(i32, 0), node.integer("group", 1), window, i32);
  auto beside = [&](unsigned input) {
    SmallVector<int64_t> shape = {node.typeOf(input).getNumElements()};
    shape.append(window.out.size(), 1);
    return Lowering::Operand{node.reshape(node.tensors[input], shape[0] == 1 ? SmallVector<int64_t>() : shape),
                             node.elementOf(input)};
  };
  SmallVector<Lowering::Operand> operands = {{sum, i32}, beside(1), beside(4), beside(6), beside(7)};
  if (node.has(8))
    operands.push_back(beside(8));
  results.push_back(node.elementwise(operands, node.resultType().getShape(), to, [&](Body &b, ValueRange x) {
    Value whole = x.size() > 5 ? b.add(x[0], x[5]) : x[0];
    Value value = b.mul(b.convert(whole, i32, f32), b.mul(x[1], x[2]));
    return quantize(b, value, x[3], x[4], node.elementOf(7), to);
  }));
  return success();
}

//===-- transposed -----------------------------------------------------------------------------------------------===//

LogicalResult transposedWindow(const Node &node, Window &window) {
  Extents &e = node.extents();
  int64_t rank = node.rankOf(0), group = node.integer("group", 1);
  if (failed(needKnownSizes(node, {1, 2})))
    return failure();
  if (rank < 3 || node.rankOf(1) != rank || group < 1 || node.shapeOf(0)[1] != node.shapeOf(1)[0] ||
      node.shapeOf(1)[0] % group)
    return node.error() << "cannot spread " << e.text(node.typeOf(0)) << " by " << node.typeOf(1) << " in " << group
                        << " groups";
  if (node.has(2) && node.shapeOf(2)[0] != e.mul(node.shapeOf(1)[1], group))
    return node.error() << "adds a bias of " << e.text(node.typeOf(2)) << " to "
                        << e.text(e.mul(node.shapeOf(1)[1], group)) << " channels";
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
    int64_t reach = extra[i] + (kernel[i] - 1) * window.dilations[i] + 1;
    int64_t full = e.add(e.mul(e.sub(in[i], 1), window.strides[i]), reach);
    int64_t low = pads[i], high = pads[spatial + i];
    bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
    if (wanted || same) {
      int64_t out = wanted ? (*wanted)[i] : e.mul(in[i], window.strides[i]);
      int64_t total = e.sub(full, out);
      // More than is reached counts as nothing in front: what is left of halving goes towards 0.
      int64_t half = isOpen(total) ? e.div(total, 2) : total / 2;
      low = mode == "SAME_LOWER" ? e.sub(total, half) : half;
      high = e.sub(total, low);
    }
    int64_t out = e.sub(full, e.add(low, high));
    if (e.maximum(out) < 0 || e.maximum(out) > (int64_t(1) << 32))
      return node.error() << "gives " << e.text(out) << " places";
    window.low.push_back(low);
    window.out.push_back(e.most(0, out));
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
  ArrayRef<int64_t> in = node.shapeOf(0).drop_front(2); // of types, which stay
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
                                     Body deeper(loc, inner, &node);
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

} // namespace

void addConvolutions(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"Conv", 1, inferConv, lowerConv, true});
  rows.push_back({"ConvInteger", 10, inferConv, lowerConvInteger, true});
  rows.push_back({"QLinearConv", 10, inferQLinearConv, lowerQLinearConv, true});
  rows.push_back({"ConvTranspose", 1, inferConvTranspose, lowerConvTranspose, true});
}

} // namespace llmc::onnx_import
