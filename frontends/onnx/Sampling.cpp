// Sampling.cpp - inputs read between their places: GridSample and AffineGrid, pooling of regions, DeformConv.
//
// Places come at run time; one outside of the input is never read.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Sampling.h"

#include "frontends/onnx/Products.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

Value interpolationWeight(Body &b, bool cubic, double a, Value distance) {
  Type type = distance.getType();
  Value x = math::AbsFOp::create(b, distance);
  auto number = [&](double value) { return b.number(type, value); };
  if (!cubic)
    return b.max(b.sub(number(1), x), number(0), type);
  auto horner = [&](ArrayRef<double> terms) {
    Value sum = number(terms[0]);
    for (double term : terms.drop_front())
      sum = b.add(b.mul(sum, x), number(term));
    return sum;
  };
  Value near = horner({a + 2, -(a + 3), 0, 1}), far = horner({a, -5 * a, 8 * a, -4 * a});
  Value isNear = arith::CmpFOp::create(b, arith::CmpFPredicate::OLE, x, number(1));
  return b.select(isNear, near, b.select(b.less(x, number(2), type), far, number(0)));
}

namespace {

//===-- grids ----------------------------------------------------------------------------------------------------===//

LogicalResult inferGridSample(const Node &node, SmallVectorImpl<Type> &types) {
  int64_t rank = node.rankOf(0);
  Extents &e = node.extents();
  if (rank < 3 || node.rankOf(1) != rank || node.shapeOf(1).back() != rank - 2 ||
      !e.agree(node.shapeOf(1)[0], node.shapeOf(0)[0]))
    return node.error() << "cannot sample " << e.text(node.typeOf(0)) << " on a grid of " << e.text(node.typeOf(1));
  SmallVector<int64_t> shape(node.shapeOf(0).take_front(2));
  llvm::append_range(shape, node.shapeOf(1).drop_front().drop_back());
  if (!llvm::is_contained({"bilinear", "linear", "nearest", "bicubic", "cubic"}, node.text("mode", "linear")))
    return node.error() << "unsupported attribute 'mode' = '" << node.text("mode", "")
                        << "' (expected linear, nearest or cubic)";
  if (!llvm::is_contained({"zeros", "border", "reflection"}, node.text("padding_mode", "zeros")))
    return node.error() << "unsupported attribute 'padding_mode' = '" << node.text("padding_mode", "")
                        << "' (expected zeros, border or reflection)";
  for (int64_t size : node.shapeOf(0).drop_front(2))
    if (size == 0)
      return node.error() << "cannot sample " << e.text(node.typeOf(0)) << ", which has no places";
  types.push_back(ofShape(node, shape));
  return success();
}

/// A place mirrored at both borders as often as it takes.
Value reflected(Body &b, Value x, Value low, Value high) {
  Type type = x.getType();
  Value zero = b.number(type, 0), range = b.sub(high, low), some = b.less(zero, range, type);
  Value safe = b.select(some, range, b.number(type, 1));
  auto folded = [&](Value beyond, Value from, Value to, bool up) {
    Value turns = math::TruncOp::create(b, b.div(beyond, safe, type));
    Value rest = b.sub(beyond, b.mul(turns, safe));
    Value half = b.mul(turns, b.number(type, 0.5));
    Value even = b.equal(math::FloorOp::create(b, half), half);
    // `from` is the border that was crossed: an even number of turns comes back from there.
    Value near = up ? b.add(from, rest) : b.sub(from, rest);
    Value far = up ? b.sub(to, rest) : b.add(to, rest);
    return b.select(even, near, far);
  };
  Value under = b.less(x, low, type), over = b.less(high, x, type);
  Value inside = b.select(under, folded(b.sub(low, x), low, high, true),
                          b.select(over, folded(b.sub(x, high), high, low, false), x));
  return b.select(some, inside, low);
}

LogicalResult lowerGridSample(Lowering &node, SmallVectorImpl<Value> &results) {
  StringRef mode = node.text("mode", "linear"), padding = node.text("padding_mode", "zeros");
  bool aligned = node.integer("align_corners", 0), nearest = mode == "nearest", cubic = mode.ends_with("cubic");
  ArrayRef<int64_t> dims = node.shapeOf(0).drop_front(2);
  int64_t spatial = dims.size();
  Type element = node.elementOf(0), gridElement = node.elementOf(1);
  Type real = element.isF64() || gridElement.isF64() ? Type(node.b.getF64Type()) : Type(node.b.getF32Type());
  if (!nearest && !isa<FloatType>(element))
    return node.error() << "samples " << element << " only with attribute 'mode' = nearest";
  auto low = [&](Body &b) { return b.number(real, aligned ? 0 : -0.5); };
  auto high = [&](Body &b, int64_t i) { return b.sub(b.count(real, dims[i]), b.number(real, aligned ? 1 : 0.5)); };
  results.push_back(node.generate(node.resultType().getShape(), element, [&](Body &b, ValueRange at) -> Value {
    auto number = [&](double value) { return b.number(real, value); };
    SmallVector<Value> x;
    for (int64_t i = 0; i < spatial; ++i) {
      SmallVector<Value> places = {at[0]};
      llvm::append_range(places, at.drop_front(2));
      places.push_back(b.index(spatial - 1 - i)); // the last dimension's coordinate comes first
      Value n = b.convert(b.load(b.extract(node.tensors[1], places), gridElement), gridElement, real);
      Value up = b.add(n, number(1)), size = b.count(real, dims[i]);
      Value place = aligned ? b.mul(b.mul(up, number(0.5)), b.sub(size, number(1)))
                            : b.mul(b.sub(b.mul(up, size), number(1)), number(0.5));
      if (nearest)
        place = math::RoundEvenOp::create(b, place);
      Value beyond = b.either(b.less(place, low(b), real), b.less(high(b, i), place, real));
      if (padding == "border")
        place = b.select(beyond, b.min(b.max(place, number(0), real), b.sub(size, number(1)), real), place);
      else if (padding == "reflection")
        place = reflected(b, place, low(b), high(b, i));
      x.push_back(place);
    }
    // A place of the input, or what the padding has there.
    auto pixel = [&](Body &body, ValueRange whole) -> Value {
      SmallVector<Value> places(at.take_front(2));
      Value inside = body.integer(body.getI1Type(), 1);
      for (int64_t i = 0; i < spatial; ++i) {
        Value place = whole[i];
        if (padding == "zeros")
          inside = body.both(inside, body.inside(place, dims[i]));
        else if (padding == "reflection")
          place = body.floorIndex(reflected(body, body.real(place, real), low(body), high(body, i)));
        places.push_back(body.clamped(place, dims[i]));
      }
      Value value = body.load(body.extract(node.tensors[0], places), element);
      Type type = value.getType();
      Value zero = isa<FloatType>(type) ? body.number(type, 0) : body.integer(type, 0);
      return padding == "zeros" ? body.select(inside, value, zero) : value;
    };
    if (nearest) {
      SmallVector<Value> whole;
      for (Value place : x)
        whole.push_back(b.floorIndex(place));
      return pixel(b, whole);
    }
    SmallVector<Value> first;
    for (Value place : x)
      first.push_back(b.add(b.floorIndex(place), b.index(cubic ? -1 : 0)));
    SmallVector<int64_t> taps(spatial, cubic ? 4 : 2);
    Value sum = b.loops(taps, {number(0)}, [&](Body &body, ValueRange tap, ValueRange carried) {
      SmallVector<Value> whole;
      Value weight;
      for (int64_t i = 0; i < spatial; ++i) {
        whole.push_back(body.add(first[i], tap[i]));
        Value own = interpolationWeight(body, cubic, -0.75, body.sub(body.real(whole.back(), real), x[i]));
        weight = weight ? body.mul(weight, own) : own;
      }
      Value value = body.convert(pixel(body, whole), element, real);
      return SmallVector<Value>{body.add(carried[0], body.mul(weight, value))};
    })[0];
    return b.convert(sum, real, element);
  }));
  return success();
}

LogicalResult inferAffineGrid(const Node &node, SmallVectorImpl<Type> &types) {
  ArrayRef<int64_t> theta = node.shapeOf(0);
  Extents &e = node.extents();
  int64_t spatial = e.product(node.shapeOf(1)) - 2;
  if ((spatial != 2 && spatial != 3) || theta.size() != 3 || theta[1] != spatial || theta[2] != spatial + 1)
    return node.error() << "cannot make a grid of " << e.text(spatial) << " dimensions with " << e.text(node.typeOf(0));
  std::optional<SmallVector<int64_t>> size = node.knownIntegers(1);
  if (!size)
    return declaredOr(node, types, node.elementOf(0), "input 1 (the size)", spatial + 2);
  SmallVector<int64_t> shape = {theta[0]};
  for (int64_t value : ArrayRef<int64_t>(*size).drop_front(2)) {
    if (e.minimum(value) < 0)
      return node.error() << "input 1 holds the size " << e.text(value);
    shape.push_back(value);
  }
  shape.push_back(spatial);
  types.push_back(ofShape(node, shape));
  return success();
}
LogicalResult lowerAffineGrid(Lowering &node, SmallVectorImpl<Value> &results) {
  ArrayRef<int64_t> shape = node.resultType().getShape();
  int64_t spatial = shape.size() - 2;
  bool aligned = node.integer("align_corners", 0);
  Type element = node.elementOf(0), real = realElement(element);
  if (shape[0] != node.shapeOf(0)[0] || shape.back() != spatial)
    return node.error() << "its output is declared as " << node.extents().text(node.resultType()) << " for "
                        << node.extents().text(node.typeOf(0));
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    auto theta = [&](int64_t column) {
      return b.load(b.extract(node.tensors[0], {at[0], at.back(), b.index(column)}), element);
    };
    Value sum = theta(spatial);
    for (int64_t i = 0; i < spatial; ++i) {
      int64_t dim = spatial - 1 - i; // the last dimension's coordinate comes first
      // From -1 to 1: ends of the first and the last place, or their middles. There is a place, so a size of 1 or more.
      Type f64 = b.getF64Type();
      Value size = b.count(f64, shape[1 + dim]), one = b.number(f64, 1), two = b.number(f64, 2), step, start;
      if (aligned) {
        Value some = b.less(one, size, f64);
        step = b.select(some, b.div(two, b.select(some, b.sub(size, one), one), f64), b.number(f64, 0));
        start = b.select(some, b.number(f64, -1), b.number(f64, 0));
      } else {
        step = b.div(two, size, f64);
        start = b.sub(b.mul(step, b.number(f64, 0.5)), one);
      }
      Value place = b.add(b.mul(b.real(at[1 + dim], real), b.convert(step, f64, real)), b.convert(start, f64, real));
      sum = b.add(sum, b.mul(theta(i), place));
    }
    return sum;
  }));
  return success();
}

//===-- regions --------------------------------------------------------------------------------------------------===//

LogicalResult inferRoiAlign(const Node &node, SmallVectorImpl<Type> &types) {
  Extents &e = node.extents();
  if (node.rankOf(0) != 4 || node.rankOf(1) != 2 || node.shapeOf(1)[1] != 4 || node.rankOf(2) != 1 ||
      !e.agree(node.shapeOf(2)[0], node.shapeOf(1)[0]))
    return node.error() << "cannot pool regions " << e.text(node.typeOf(1)) << " of images " << e.text(node.typeOf(2))
                        << " in " << e.text(node.typeOf(0));
  StringRef mode = node.text("mode", "avg");
  if (mode != "avg" && mode != "max")
    return node.error() << "unsupported attribute 'mode' = '" << mode << "' (expected avg or max)";
  int64_t height = node.integer("output_height", 1), width = node.integer("output_width", 1);
  if (height < 1 || width < 1 || height > 1 << 20 || width > 1 << 20)
    return node.error() << "gives " << height << " by " << width << " places (expected at least 1 by 1)";
  types.push_back(ofShape(node, {node.shapeOf(1)[0], node.shapeOf(0)[1], height, width}));
  return success();
}
LogicalResult lowerRoiAlign(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0), real = realElement(element);
  bool max = node.text("mode", "avg") == "max";
  bool half = node.since >= 16 && node.text("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  double scale = node.real("spatial_scale", 1);
  int64_t ratio = node.integer("sampling_ratio", 0);
  ArrayRef<int64_t> in = node.shapeOf(0), shape = node.resultType().getShape();
  if (node.extents().product(in) == 0) {
    results.push_back(node.filled(shape, element, 0));
    return success();
  }
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    auto number = [&](double value) { return b.number(real, value); };
    auto corner = [&](int64_t i) -> Value {
      Value x = b.load(b.extract(node.tensors[1], {at[0], b.index(i)}), element);
      return b.sub(b.mul(b.convert(x, x.getType(), real), number(scale)), number(half ? 0.5 : 0));
    };
    Value image = b.clamped(b.asIndex(b.extract(node.tensors[2], {at[0]}), node.elementOf(2)), in[0]);
    // y, x: where the bin begins, its size, how many samples it has.
    SmallVector<Value> start, bin, count, samples;
    for (int64_t i = 0; i < 2; ++i) {
      Value from = corner(1 - i), size = b.sub(corner(3 - i), from);
      if (!half)
        size = b.max(size, number(1), real);
      Value step = b.div(size, number(static_cast<double>(shape[2 + i])), real);
      bin.push_back(step);
      start.push_back(b.add(from, b.mul(b.real(at[2 + i], real), step)));
      // At most 2^20 samples a side: a region that is not a number has none.
      Value own = b.floorIndex(math::CeilOp::create(b, step));
      own = arith::MinSIOp::create(b, arith::MaxSIOp::create(b, own, b.index(0)), b.index(1 << 20));
      count.push_back(ratio > 0 ? b.index(std::min<int64_t>(ratio, 1 << 20)) : own);
      samples.push_back(b.real(count.back(), real));
    }
    auto sampled = [&](Body &body, ValueRange tap) -> Value {
      Value inside = body.integer(body.getI1Type(), 1);
      SmallVector<Value> low, high, part;
      for (int64_t i = 0; i < 2; ++i) {
        Value size = body.count(real, in[2 + i]);
        Value middle = body.add(body.real(tap[i], real), body.number(real, 0.5));
        Value x = body.add(start[i], body.div(body.mul(middle, bin[i]), samples[i], real));
        Value before = body.less(x, body.number(real, -1), real), after = body.less(size, x, real);
        inside = body.both(inside, body.equal(body.either(before, after), body.integer(body.getI1Type(), 0)));
        x = body.min(body.max(x, body.number(real, 0), real), body.sub(size, body.number(real, 1)), real);
        Value whole = body.clamped(body.floorIndex(x), in[2 + i]);
        low.push_back(whole);
        high.push_back(body.clamped(body.add(whole, body.index(1)), in[2 + i]));
        part.push_back(body.sub(x, body.real(whole, real)));
      }
      Value result, one = body.number(real, 1), zero = body.number(real, 0);
      for (int64_t corner = 0; corner < 4; ++corner) {
        Value y = corner / 2 ? high[0] : low[0], x = corner % 2 ? high[1] : low[1];
        Value weight = body.mul(corner / 2 ? part[0] : Value(body.sub(one, part[0])),
                                corner % 2 ? part[1] : Value(body.sub(one, part[1])));
        Value product = body.mul(weight, body.load(body.extract(node.tensors[0], {image, at[1], y, x}), element));
        result = !result ? product : max ? body.max(result, product, real) : body.add(result, product);
      }
      return body.select(inside, result, zero);
    };
    Value first = number(max ? -INFINITY : 0);
    Value total = b.loop(b.index(0), count[0], {first}, [&](Body &outer, Value y, ValueRange carried) {
      return outer.loop(outer.index(0), count[1], carried, [&](Body &inner, Value x, ValueRange sum) {
        Value value = sampled(inner, {y, x});
        return SmallVector<Value>{max ? inner.max(sum[0], value, real) : inner.add(sum[0], value)};
      });
    })[0];
    Value number2 = b.mul(samples[0], samples[1]);
    Value none = b.equal(number2, number(0));
    if (max)
      return b.select(none, number(0), total);
    return b.div(total, b.select(none, number(1), number2), real);
  }));
  return success();
}

LogicalResult inferMaxRoiPool(const Node &node, SmallVectorImpl<Type> &types) {
  std::optional<SmallVector<int64_t>> pooled = node.integers("pooled_shape");
  if (node.rankOf(0) != 4 || node.rankOf(1) != 2 || node.shapeOf(1)[1] != 5 || !pooled || pooled->size() != 2 ||
      (*pooled)[0] < 1 || (*pooled)[1] < 1)
    return node.error() << "cannot pool regions " << node.typeOf(1) << " in " << node.typeOf(0);
  types.push_back(ofShape(node, {node.shapeOf(1)[0], node.shapeOf(0)[1], (*pooled)[0], (*pooled)[1]}));
  return success();
}
/// The largest of each bin; bins lie on whole places and overlap where they do not divide.
LogicalResult lowerMaxRoiPool(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0), real = realElement(element);
  double scale = node.real("spatial_scale", 1);
  ArrayRef<int64_t> in = node.shapeOf(0), shape = node.resultType().getShape();
  if (node.extents().product(in) == 0) {
    results.push_back(node.filled(shape, element, 0));
    return success();
  }
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    auto number = [&](double value) { return b.number(real, value); };
    auto column = [&](int64_t i) { return b.load(b.extract(node.tensors[1], {at[0], b.index(i)}), element); };
    auto rounded = [&](int64_t i) -> Value { // halves go up
      return math::FloorOp::create(b, b.add(b.mul(column(i), number(scale)), number(0.5)));
    };
    Value image = b.clamped(b.floorIndex(column(0)), in[0]);
    SmallVector<Value> low, high;
    for (int64_t i = 0; i < 2; ++i) {
      Value from = rounded(2 - i), size = b.max(b.add(b.sub(rounded(4 - i), from), number(1)), number(1), real);
      Value bin = b.div(size, number(static_cast<double>(shape[2 + i])), real), own = b.real(at[2 + i], real);
      Value first = b.add(math::FloorOp::create(b, b.mul(own, bin)), from);
      Value last = b.add(math::CeilOp::create(b, b.mul(b.add(own, number(1)), bin)), from);
      auto kept = [&](Value x) -> Value {
        return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, b.floorIndex(x), b.index(0)), b.index(in[2 + i]));
      };
      low.push_back(kept(first));
      high.push_back(kept(last));
    }
    Value some = b.both(b.below(low[0], high[0]), b.below(low[1], high[1]));
    Value peak = b.loop(low[0], high[0], {number(-INFINITY)}, [&](Body &outer, Value y, ValueRange carried) {
      return outer.loop(low[1], high[1], carried, [&](Body &inner, Value x, ValueRange best) {
        Value value = inner.load(inner.extract(node.tensors[0], {image, at[1], y, x}), element);
        return SmallVector<Value>{inner.max(best[0], value, real)};
      });
    })[0];
    return b.select(some, peak, number(0));
  }));
  return success();
}

//===-- convolution at places of its own -------------------------------------------------------------------------===//

struct Deformed {
  SmallVector<int64_t> kernel, strides, dilations, pads, out;
  int64_t group, offsets, taps = 1;
};
LogicalResult readDeformed(const Node &node, Deformed &facts) {
  int64_t rank = node.rankOf(0), spatial = rank - 2;
  ArrayRef<int64_t> x = node.shapeOf(0), w = node.shapeOf(1), offset = node.shapeOf(2);
  facts.group = node.integer("group", 1);
  facts.offsets = node.integer("offset_group", 1);
  Extents &e = node.extents();
  if (rank < 3 || node.rankOf(1) != rank || node.rankOf(2) != rank || facts.group < 1 || facts.offsets < 1 ||
      isOpen(w) || isOpen(x[1]) || isOpen(offset[1]) || x[1] != w[1] * facts.group || w[0] % facts.group ||
      x[1] % facts.offsets)
    return node.error() << "cannot convolve " << node.typeOf(0) << " with " << node.typeOf(1) << " in " << facts.group
                        << " groups and " << facts.offsets << " groups of offsets";
  facts.kernel.assign(w.begin() + 2, w.end());
  facts.strides = node.integers("strides").value_or(SmallVector<int64_t>(spatial, 1));
  facts.dilations = node.integers("dilations").value_or(SmallVector<int64_t>(spatial, 1));
  facts.pads = node.integers("pads").value_or(SmallVector<int64_t>(2 * spatial, 0));
  bool fits = facts.strides.size() == static_cast<size_t>(spatial) &&
              facts.dilations.size() == static_cast<size_t>(spatial) &&
              facts.pads.size() == 2 * static_cast<size_t>(spatial);
  for (int64_t i = 0; fits && i < spatial; ++i) {
    fits = facts.strides[i] > 0 && facts.dilations[i] > 0 && facts.pads[i] >= 0 && facts.pads[spatial + i] >= 0 &&
           facts.kernel[i] > 0 && facts.dilations[i] < 1 << 24 && facts.pads[i] < 1 << 24;
    if (!fits)
      break;
    int64_t free =
        e.add(x[2 + i], facts.pads[i] + facts.pads[spatial + i] - (facts.kernel[i] - 1) * facts.dilations[i] - 1);
    facts.out.push_back(e.most(0, e.add(e.div(free, facts.strides[i]), 1)));
    facts.taps *= facts.kernel[i];
    fits = e.maximum(free) >= 0 && e.agree(offset[2 + i], facts.out[i]) && e.maximum(x[2 + i]) > 0;
  }
  if (!fits || !e.agree(offset[0], x[0]) || offset[1] != facts.offsets * facts.taps * spatial)
    return node.error() << "offsets " << node.typeOf(2) << " do not fit " << node.typeOf(0) << " and "
                        << node.typeOf(1);
  if (node.has(3) && (node.rankOf(3) != 1 || node.shapeOf(3)[0] != w[0]))
    return node.error() << "adds a bias of " << node.typeOf(3) << " to " << w[0] << " channels";
  if (node.has(4)) {
    SmallVector<int64_t> mask = {x[0], facts.offsets * facts.taps};
    llvm::append_range(mask, facts.out);
    bool same = node.rankOf(4) == static_cast<int64_t>(mask.size());
    for (size_t i = 0; same && i < mask.size(); ++i)
      same = e.agree(node.shapeOf(4)[i], mask[i]);
    if (!same)
      return node.error() << "mask " << node.typeOf(4) << " does not fit offsets " << node.typeOf(2);
  }
  return success();
}
LogicalResult inferDeformConv(const Node &node, SmallVectorImpl<Type> &types) {
  Deformed facts;
  if (failed(readDeformed(node, facts)))
    return failure();
  SmallVector<int64_t> shape = {node.shapeOf(0)[0], node.shapeOf(1)[0]};
  llvm::append_range(shape, facts.out);
  types.push_back(ofShape(node, shape));
  return success();
}
/// What each tap reads goes into columns [n, c, tap, places]; then it is a product.
LogicalResult lowerDeformConv(Lowering &node, SmallVectorImpl<Value> &results) {
  Deformed facts;
  if (failed(readDeformed(node, facts)))
    return failure();
  ArrayRef<int64_t> x = node.shapeOf(0), w = node.shapeOf(1);
  int64_t spatial = facts.out.size(), channels = x[1] / facts.offsets, places = 1;
  Type element = node.elementOf(0), real = realElement(element);
  SmallVector<int64_t> shape = {x[0], x[1], facts.taps};
  for (int64_t size : facts.out) {
    shape.push_back(size);
    places = node.extents().mul(places, size);
  }
  Value columns = node.generate(shape, real, [&](Body &b, ValueRange at) -> Value {
    Value part = b.divided(at[1], channels);
    SmallVector<Value> out(at.drop_front(3)), tap(spatial), center;
    Value left = at[2];
    for (int64_t i = spatial - 1; i >= 0; --i) {
      tap[i] = b.rest(left, facts.kernel[i]);
      left = b.divided(left, facts.kernel[i]);
    }
    Value row = b.add(b.mul(part, b.index(facts.taps)), at[2]);
    for (int64_t i = 0; i < spatial; ++i) {
      SmallVector<Value> from = {at[0], b.add(b.mul(row, b.index(spatial)), b.index(i))};
      llvm::append_range(from, out);
      Value offset = b.load(b.extract(node.tensors[2], from), element);
      Value base = b.add(b.mul(out[i], b.index(facts.strides[i])), b.mul(tap[i], b.index(facts.dilations[i])));
      center.push_back(b.add(b.real(b.sub(base, b.index(facts.pads[i])), real), offset));
    }
    SmallVector<Value> first;
    for (Value place : center)
      first.push_back(b.floorIndex(place));
    SmallVector<int64_t> corners(spatial, 2);
    Value sum = b.loops(corners, {b.number(real, 0)}, [&](Body &body, ValueRange corner, ValueRange carried) {
      SmallVector<Value> from = {at[0], at[1]};
      Value weight = body.number(real, 1), inside = body.integer(body.getI1Type(), 1);
      for (int64_t i = 0; i < spatial; ++i) {
        Value place = body.add(first[i], corner[i]);
        inside = body.both(inside, body.inside(place, x[2 + i]));
        weight = body.mul(weight, interpolationWeight(body, false, 0, body.sub(body.real(place, real), center[i])));
        from.push_back(body.clamped(place, x[2 + i]));
      }
      Value value = body.load(body.extract(node.tensors[0], from), element);
      Value next = body.add(carried[0], body.mul(weight, value));
      return SmallVector<Value>{body.select(inside, next, carried[0])};
    })[0];
    if (!node.has(4))
      return sum;
    SmallVector<Value> from = {at[0], row};
    llvm::append_range(from, out);
    return b.mul(sum, b.load(b.extract(node.tensors[4], from), element));
  });
  // Loops: n, group, output channel of it, place, input channel and tap of it.
  int64_t outs = w[0] / facts.group, deep = w[1] * facts.taps;
  Value product = contract(node, {node.reshape(node.tensors[1], {facts.group, outs, deep}), element},
                           {node.reshape(columns, {x[0], facts.group, deep, places}), real},
                           {x[0], facts.group, outs, places, deep}, {false, false, false, false, true}, {1, 2, 4},
                           {0, 1, 4, 3}, {0, 1, 2, 3}, real);
  ArrayRef<int64_t> result = node.resultType().getShape();
  SmallVector<Lowering::Operand> operands = {{node.reshape(product, result), real}};
  if (node.has(3)) {
    SmallVector<int64_t> bias = {w[0]};
    bias.append(spatial, 1);
    operands.push_back({node.reshape(node.tensors[3], bias), element});
  }
  results.push_back(node.elementwise(operands, result, element,
                                     [](Body &b, ValueRange v) { return v.size() > 1 ? b.add(v[0], v[1]) : v[0]; }));
  return success();
}

} // namespace

void addSampling(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"GridSample", 16, inferGridSample, lowerGridSample, true});
  rows.push_back({"AffineGrid", 20, inferAffineGrid, lowerAffineGrid, true});
  rows.push_back({"RoiAlign", 10, inferRoiAlign, lowerRoiAlign, true});
  rows.push_back({"MaxRoiPool", 1, inferMaxRoiPool, lowerMaxRoiPool, true});
  rows.push_back({"DeformConv", 19, inferDeformConv, lowerDeformConv, true});
}

} // namespace llmc::onnx_import
