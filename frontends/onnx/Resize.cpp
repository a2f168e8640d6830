// Resize.cpp - a tensor at another resolution: Resize and Upsample, one dimension after the other.
//
// Each dimension has a table of `places` by `taps` weights and of the first input place that they are for, made by a
// small launch of its own; scales that come at run time are read there. Then a row of the result is a sum of `taps`
// rows of the input.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Sampling.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

/// What a node says, in the terms of version 19.
struct Facts {
  StringRef mode, nearest, coordinates, policy;
  int64_t scales = -1, sizes = -1, roi = -1; ///< inputs
  SmallVector<int64_t> axes;                 ///< those that are resized, in the order of scales, sizes and roi
  bool antialias = false, excludes = false;
  double cubic = -0.75, extrapolation = 0;
  std::optional<SmallVector<double>> knownScales;
  std::optional<SmallVector<int64_t>> knownSizes;
};

LogicalResult readFacts(const Node &node, Facts &facts) {
  bool old = node.type == "Upsample" || node.since < 11;
  int64_t rank = node.rankOf(0);
  facts.mode = node.text("mode", "nearest");
  if (facts.mode == "bilinear" || facts.mode == "trilinear")
    facts.mode = "linear";
  if (!llvm::is_contained({"nearest", "linear", "cubic"}, facts.mode) || (old && facts.mode == "cubic"))
    return node.error() << "unsupported attribute 'mode' = '" << facts.mode
                        << (old ? "' (expected nearest or linear)" : "' (expected nearest, linear or cubic)");
  facts.coordinates = old ? "asymmetric" : node.text("coordinate_transformation_mode", "half_pixel");
  if (!llvm::is_contained({"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                           "tf_half_pixel_for_nn", "tf_crop_and_resize"},
                          facts.coordinates))
    return node.error() << "unsupported attribute 'coordinate_transformation_mode' = '" << facts.coordinates << "'";
  facts.nearest = old ? "by_scale" : node.text("nearest_mode", "round_prefer_floor");
  if (!old && !llvm::is_contained({"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}, facts.nearest))
    return node.error() << "unsupported attribute 'nearest_mode' = '" << facts.nearest << "'";
  facts.policy = node.text("keep_aspect_ratio_policy", "stretch");
  if (!llvm::is_contained({"stretch", "not_larger", "not_smaller"}, facts.policy))
    return node.error() << "unsupported attribute 'keep_aspect_ratio_policy' = '" << facts.policy << "'";
  facts.antialias = node.integer("antialias", 0) && facts.mode != "nearest";
  facts.excludes = node.integer("exclude_outside", 0);
  facts.cubic = node.real("cubic_coeff_a", -0.75);
  facts.extrapolation = node.real("extrapolation_value", 0);
  if (std::optional<SmallVector<int64_t>> axes = node.integers("axes")) {
    for (int64_t value : *axes) {
      FailureOr<int64_t> axis = node.axis(value, rank);
      if (failed(axis))
        return failure();
      if (llvm::is_contained(facts.axes, *axis))
        return node.error() << "attribute 'axes' names axis " << *axis << " twice";
      facts.axes.push_back(*axis);
    }
  } else {
    for (int64_t i = 0; i < rank; ++i)
      facts.axes.push_back(i);
  }
  auto given = [&](unsigned input) {
    return node.has(input) && node.extents().product(node.shapeOf(input)) != 0 ? static_cast<int64_t>(input) : -1;
  };
  if (node.type == "Upsample" && node.since < 9) {
    auto list = dyn_cast_or_null<DenseF32ArrayAttr>(node.settings.get("scales"));
    facts.knownScales.emplace();
    for (float scale : list ? list.asArrayRef() : ArrayRef<float>())
      facts.knownScales->push_back(scale);
  } else if (old) {
    facts.scales = 1;
  } else {
    facts.roi = given(1);
    facts.scales = given(2);
    facts.sizes = given(3);
  }
  if (facts.scales >= 0)
    facts.knownScales = node.knownReals(facts.scales);
  if (facts.sizes >= 0)
    facts.knownSizes = node.knownIntegers(facts.sizes);
  if (!old && (facts.scales >= 0) == (facts.sizes >= 0))
    return node.error() << "needs either scales or sizes";
  auto count = [&](int64_t input) { return input < 0 ? -1 : node.extents().product(node.shapeOf(input)); };
  int64_t wanted = facts.axes.size();
  if ((facts.scales >= 0 && count(facts.scales) != wanted) || (facts.sizes >= 0 && count(facts.sizes) != wanted) ||
      (facts.knownScales && static_cast<int64_t>(facts.knownScales->size()) != wanted))
    return node.error() << "scales or sizes are not one for each of " << wanted << " dimensions";
  if (facts.coordinates == "tf_crop_and_resize" && count(facts.roi) != 2 * wanted)
    return node.error() << "needs a region of " << 2 * wanted << " numbers for tf_crop_and_resize";
  for (int64_t axis : facts.axes)
    if (node.shapeOf(0)[axis] == 0 && !(facts.knownScales || facts.knownSizes))
      return node.error() << "cannot resize dimension " << axis << ", which has no places";
  for (double scale : facts.knownScales.value_or(SmallVector<double>()))
    if (!(scale > 0) || scale > 1 << 24)
      return node.error() << "scale " << scale << " is not supported (expected more than 0)";
  return success();
}

/// Whether all sides are known that a ratio is to be kept of.
bool knowsSides(const Node &node, const Facts &facts) {
  return facts.knownSizes && !isOpen(*facts.knownSizes) &&
         llvm::none_of(facts.axes, [&](int64_t axis) { return isOpen(node.shapeOf(0)[axis]); });
}

/// The scale that keeps the ratio of sides, of sizes that are known.
double keptScale(const Node &node, const Facts &facts) {
  double scale = 0;
  for (auto [i, axis] : llvm::enumerate(facts.axes)) {
    double own = static_cast<double>((*facts.knownSizes)[i]) / static_cast<double>(node.shapeOf(0)[axis]);
    scale = i == 0 ? own : facts.policy == "not_larger" ? std::min(scale, own) : std::max(scale, own);
  }
  return scale;
}

/// floor(size * scale) of a size that is open: an f32 is a whole number over a power of two.
int64_t scaledSize(Extents &e, int64_t size, double scale) {
  int64_t below = 1;
  for (; scale != std::floor(scale) && below < int64_t(1) << 40; below *= 2)
    scale *= 2;
  return e.div(e.mul(size, static_cast<int64_t>(scale)), below);
}

LogicalResult inferResize(const Node &node, SmallVectorImpl<Type> &types) {
  Facts facts;
  if (failed(readFacts(node, facts)))
    return failure();
  SmallVector<int64_t> shape(node.shapeOf(0));
  Extents &e = node.extents();
  if (facts.knownSizes ? facts.policy == "stretch" || knowsSides(node, facts) : facts.knownScales.has_value()) {
    for (auto [i, axis] : llvm::enumerate(facts.axes)) {
      double size = static_cast<double>(shape[axis]);
      if (!facts.knownSizes && isOpen(shape[axis])) {
        shape[axis] = scaledSize(e, shape[axis], (*facts.knownScales)[i]);
      } else if (!facts.knownSizes) {
        shape[axis] = static_cast<int64_t>(size * (*facts.knownScales)[i]);
        // 10 * 0.7 in f32 is 7, in f64 of that f32 a little less: the file may have counted in either way.
        RankedTensorType said = node.declared.empty() ? RankedTensorType() : node.declared[0];
        auto narrow = static_cast<int64_t>(static_cast<float>(size) * static_cast<float>((*facts.knownScales)[i]));
        if (said && said.getRank() == node.rankOf(0) && said.getDimSize(axis) == narrow)
          shape[axis] = narrow;
      } else {
        int64_t wanted = (*facts.knownSizes)[i];
        if (e.minimum(wanted) < 0 || (e.maximum(wanted) > 0 && shape[axis] == 0))
          return node.error() << "cannot resize dimension " << axis << " from " << e.text(shape[axis]) << " to "
                              << e.text(wanted);
        shape[axis] = facts.policy == "stretch" ? wanted : static_cast<int64_t>(keptScale(node, facts) * size + 0.5);
      }
    }
    types.push_back(ofShape(node, shape));
    return success();
  }
  bool isDeclared = node.declared.size() == 1 && node.declared[0];
  if (!isDeclared) {
    for (int64_t axis : facts.axes)
      shape[axis] = node.computedSize(0, axis, 0, -1, static_cast<int64_t>(facts.axes.size()));
    types.push_back(ofShape(node, shape));
    return success();
  }
  if (failed(declaredOr(node, types, node.elementOf(0), facts.scales >= 0 ? "input of scales" : "input of sizes",
                        shape.size())))
    return failure();
  auto said = cast<RankedTensorType>(types[0]);
  for (size_t i = 0; i < shape.size(); ++i)
    if (!llvm::is_contained(facts.axes, static_cast<int64_t>(i)) && said.getDimSize(i) != shape[i])
      return node.error() << "its output is declared as " << said << ", but dimension " << i << " is not resized";
  return success();
}

/// One dimension: from `in` places to `out`, number `index` among those resized.
struct Axis {
  int64_t index, in, out;
};

/// What is asked for along an axis, an index.
Value askedSize(Lowering &node, const Facts &facts, Body &b, int64_t index) {
  if (facts.knownSizes)
    return b.index((*facts.knownSizes)[index]);
  return b.asIndex(b.extract(node.tensors[facts.sizes], {b.index(index)}), node.elementOf(facts.sizes));
}

/// The scale of an axis, in f64.
Value scaleOf(Lowering &node, const Facts &facts, Body &b, const Axis &axis) {
  Type f64 = b.getF64Type();
  if (facts.knownScales)
    return b.number(f64, (*facts.knownScales)[axis.index]);
  if (facts.scales >= 0) {
    Value scale =
        b.convert(b.load(b.extract(node.tensors[facts.scales], {b.index(axis.index)}), node.elementOf(facts.scales)),
                  node.elementOf(facts.scales), f64);
    // Nothing sensible comes of others; the least positive number keeps what follows finite or NaN.
    return arith::MaxNumFOp::create(b, scale, b.number(f64, 1e-30));
  }
  auto ratio = [&](Value size, int64_t of) -> Value {
    // Where there are no places nothing is read.
    Value below = arith::MaxNumFOp::create(b, b.count(b.getF64Type(), of), b.number(f64, 1));
    return arith::MaxNumFOp::create(b, b.div(size, below, f64), b.number(f64, 1e-30));
  };
  if (facts.policy == "stretch" && !isOpen(axis.out) && !isOpen(axis.in))
    return b.number(f64, static_cast<double>(axis.out) / static_cast<double>(axis.in));
  if (facts.policy == "stretch")
    return ratio(b.count(b.getF64Type(), axis.out), axis.in);
  if (knowsSides(node, facts))
    return b.number(f64, keptScale(node, facts));
  Value scale;
  for (auto [i, dim] : llvm::enumerate(facts.axes)) {
    Value own = ratio(b.real(askedSize(node, facts, b, i), f64), node.shapeOf(0)[dim]);
    scale = !scale ? own : facts.policy == "not_larger" ? b.min(scale, own, f64) : b.max(scale, own, f64);
  }
  return arith::MaxNumFOp::create(b, scale, b.number(f64, 1e-30));
}

/// The place in the input that place `at` of the output stands for, in f64.
Value sourceOf(Lowering &node, const Facts &facts, Body &b, const Axis &axis, Value at, Value scale) {
  Type f64 = b.getF64Type();
  auto number = [&](double value) { return b.number(f64, value); };
  Value y = b.real(at, f64), in = b.count(b.getF64Type(), axis.in);
  // The size that the scale makes, which need not be whole.
  Value size = b.mul(scale, in), one = b.equal(size, number(1));
  auto halfPixel = [&] { return b.sub(b.div(b.add(y, number(0.5)), scale, f64), number(0.5)); };
  if (facts.coordinates == "align_corners") {
    Value last = b.sub(size, number(1));
    Value source = b.div(b.mul(y, b.sub(in, number(1))), b.select(one, number(1), last), f64);
    return b.select(one, number(0), source);
  }
  if (facts.coordinates == "asymmetric")
    return b.div(y, scale, f64);
  if (facts.coordinates == "tf_half_pixel_for_nn")
    return b.div(b.add(y, number(0.5)), scale, f64);
  if (facts.coordinates == "pytorch_half_pixel")
    return b.select(one, number(-0.5), halfPixel());
  if (facts.coordinates == "half_pixel_symmetric") {
    Value adjustment = b.div(b.count(b.getF64Type(), axis.out), size, f64);
    Value offset = b.mul(b.mul(in, number(0.5)), b.sub(number(1), adjustment));
    return b.add(offset, halfPixel());
  }
  if (facts.coordinates == "tf_crop_and_resize") {
    Type element = node.elementOf(facts.roi);
    auto bound = [&](int64_t i) {
      Value index = b.index(i);
      return b.convert(b.load(b.extract(node.tensors[facts.roi], {index}), element), element, f64);
    };
    Value from = bound(axis.index), to = bound(axis.index + static_cast<int64_t>(facts.axes.size()));
    Value last = b.sub(in, number(1)), wide = b.mul(b.sub(to, from), last);
    Value steps = b.select(one, number(1), b.sub(size, number(1)));
    Value source = b.select(one, b.mul(wide, number(0.5)), b.div(b.mul(y, wide), steps, f64));
    return b.add(source, b.mul(from, last));
  }
  return halfPixel();
}

/// Tables of one axis: the first input place of each output place, the weights of `taps` places from there on, and
/// whether the place lies outside of the input, where that counts.
struct Tables {
  int64_t taps;
  Value first, weights, outside;
};

/// The first of the places that have weights, from the one at or below the source, and how many there are.
std::pair<int64_t, int64_t> reachOf(Lowering &node, const Facts &facts, const Axis &axis) {
  // A scale that comes at run time makes `out` of `in` places: it is not below this. Places beyond its reach weigh 0.
  double reach = facts.mode == "linear" ? 1 : 2, least = 1;
  if (facts.antialias) {
    auto [fewest, most] = std::pair(node.extents().minimum(axis.out), node.extents().maximum(axis.in));
    least = (static_cast<double>(std::max<int64_t>(1, fewest)) - 0.5) / static_cast<double>(most);
    if (facts.knownScales)
      least = (*facts.knownScales)[axis.index];
    least = std::min(1.0, least);
  }
  int64_t start = static_cast<int64_t>(std::floor(-reach / least)) + 1;
  return {start, 2 - 2 * start};
}

Tables makeTables(Lowering &node, const Facts &facts, const Axis &axis) {
  Type f64 = node.b.getF64Type(), i64 = node.b.getI64Type();
  Tables tables;
  auto source = [&](Body &b, Value at) { return sourceOf(node, facts, b, axis, at, scaleOf(node, facts, b, axis)); };
  if (facts.coordinates == "tf_crop_and_resize")
    tables.outside = node.generate({axis.out}, node.b.getI1Type(), [&](Body &b, ValueRange at) {
      Value x = source(b, at[0]), last = b.sub(b.count(b.getF64Type(), axis.in), b.number(f64, 1));
      return b.either(b.less(x, b.number(f64, 0), f64), b.less(last, x, f64));
    });
  if (facts.mode == "nearest") {
    tables.taps = 1;
    tables.first = node.generate({axis.out}, i64, [&](Body &b, ValueRange at) -> Value {
      Value x = source(b, at[0]), half = b.number(f64, 0.5);
      if (facts.nearest == "by_scale") // up to version 10: the next place where it gets smaller, else the last one
        x = b.select(b.less(scaleOf(node, facts, b, axis), b.number(f64, 1), f64), math::CeilOp::create(b, x), x);
      else if (facts.nearest == "ceil")
        x = math::CeilOp::create(b, x);
      else if (facts.nearest == "round_prefer_floor")
        x = math::CeilOp::create(b, b.sub(x, half));
      else if (facts.nearest == "round_prefer_ceil")
        x = b.add(x, half);
      return arith::IndexCastOp::create(b, i64, b.clamped(b.floorIndex(x), axis.in));
    });
    return tables;
  }
  int64_t start;
  std::tie(start, tables.taps) = reachOf(node, facts, axis);
  tables.first = node.generate({axis.out}, i64, [&](Body &b, ValueRange at) -> Value {
    Value place = b.add(b.floorIndex(source(b, at[0])), b.index(start));
    return arith::IndexCastOp::create(b, i64, place);
  });
  Value raw = node.generate({axis.out, tables.taps}, f64, [&](Body &b, ValueRange at) -> Value {
    Value scale = scaleOf(node, facts, b, axis), x = sourceOf(node, facts, b, axis, at[0], scale);
    Value place = b.add(b.asIndex(b.extract(tables.first, {at[0]}), i64), at[1]);
    Value distance = b.sub(b.real(place, f64), x);
    if (facts.antialias)
      distance = b.mul(distance, b.min(scale, b.number(f64, 1), f64));
    Value weight = interpolationWeight(b, facts.mode == "cubic", facts.cubic, distance);
    return facts.excludes ? b.select(b.inside(place, axis.in), weight, b.number(f64, 0)) : weight;
  });
  if (!facts.antialias && !facts.excludes) {
    tables.weights = raw;
    return tables;
  }
  Value sums = node.reduce(
      {raw, f64}, {1}, f64, [&](Body &b) { return b.number(f64, 0); },
      [](Body &b, Value sum, Value x) { return b.add(sum, x); });
  tables.weights = node.elementwise({{raw, f64}, {node.reshape(sums, {axis.out, 1}), f64}}, {axis.out, tables.taps},
                                    f64, [&](Body &b, ValueRange x) {
                                      Value none = b.equal(x[1], b.number(f64, 0));
                                      return b.div(x[0], b.select(none, b.number(f64, 1), x[1]), f64);
                                    });
  return tables;
}

/// Whether anything happens along an axis.
bool moves(const Facts &facts, const Axis &axis, double scale) {
  if (facts.coordinates == "tf_crop_and_resize" || axis.in != axis.out)
    return true;
  return !(std::fabs(scale - 1) < 1e-9);
}

/// Sizes that scales or sizes decide which come at run time.
LogicalResult defineSizes(Lowering &node, const Facts &facts) {
  Type i64 = node.b.getI64Type(), f64 = node.b.getF64Type();
  SmallVector<int64_t> shape(node.resultType().getShape());
  for (auto [i, dim] : llvm::enumerate(facts.axes)) {
    std::optional<unsigned> symbol = node.extents().symbolOf(shape[dim]);
    if (!symbol || node.extents().symbols()[*symbol].kind != Extents::Kind::Value || node.shared.symbols.count(*symbol))
      continue;
    Axis axis = {static_cast<int64_t>(i), node.shapeOf(0)[dim], shape[dim]};
    Value made = node.generate({}, i64, [&](Body &b, ValueRange) -> Value {
      Value size;
      if (facts.scales >= 0) {
        // In the scales' own type, as ONNX Runtime has it: 10 * 0.7 is 7.
        Type own = node.elementOf(facts.scales);
        Value scale = b.load(b.extract(node.tensors[facts.scales], {b.index(axis.index)}), own);
        size = b.floorIndex(b.convert(b.mul(b.real(b.index(axis.in), scale.getType()), scale), own, f64));
      } else if (facts.policy == "stretch") {
        size = askedSize(node, facts, b, axis.index);
      } else {
        Value kept = b.mul(scaleOf(node, facts, b, axis), b.count(b.getF64Type(), axis.in));
        size = b.floorIndex(b.add(kept, b.number(f64, 0.5)));
      }
      return arith::IndexCastOp::create(b, i64, size);
    });
    Body outside(node.b.getLoc(), node.b, &node);
    Value index = arith::IndexCastOp::create(outside, outside.getIndexType(), outside.extract(made, {}));
    node.define(shape[dim], index, /*mayBeOutside=*/true);
  }
  return node.checkConditions();
}

LogicalResult lowerResize(Lowering &node, SmallVectorImpl<Value> &results) {
  Facts facts;
  if (failed(readFacts(node, facts)) || failed(defineSizes(node, facts)))
    return failure();
  Type element = node.elementOf(0);
  ArrayRef<int64_t> in = node.shapeOf(0), out = node.resultType().getShape();
  SmallVector<Axis> axes;
  for (auto [i, dim] : llvm::enumerate(facts.axes)) {
    Axis axis = {static_cast<int64_t>(i), in[dim], out[dim]};
    double scale = facts.knownScales           ? (*facts.knownScales)[i]
                   : facts.scales >= 0         ? 0
                   : facts.policy == "stretch" ? (axis.out == axis.in ? 1 : 0)
                   : knowsSides(node, facts)   ? keptScale(node, facts)
                                               : 0;
    if (!moves(facts, axis, scale))
      continue;
    axes.push_back(axis);
    constexpr int64_t kMostWeights = int64_t(1) << 31;
    if (int64_t taps = reachOf(node, facts, axis).second;
        facts.antialias && taps > kMostWeights / std::max<int64_t>(1, node.extents().maximum(axis.out)))
      return node.error() << "makes " << node.extents().text(axis.out) << " places of up to " << taps
                          << " weights each, which is too many";
  }
  if (axes.empty() || node.extents().product(out) == 0) {
    results.push_back(axes.empty() ? node.tensors[0] : node.filled(out, element, 0));
    return success();
  }
  Type i64 = node.b.getI64Type(), type = computeElement(element);
  if (facts.mode == "nearest") {
    SmallVector<Tables> tables;
    for (const Axis &axis : axes)
      tables.push_back(makeTables(node, facts, axis));
    results.push_back(node.generate(out, element, [&](Body &b, ValueRange at) -> Value {
      SmallVector<Value> places(at.begin(), at.end());
      Value outside;
      for (auto [axis, table] : llvm::zip(axes, tables)) {
        int64_t dim = facts.axes[axis.index];
        places[dim] = b.asIndex(b.extract(table.first, {at[dim]}), i64);
        if (!table.outside)
          continue;
        Value beyond = b.load(b.extract(table.outside, {at[dim]}), b.getI1Type());
        outside = outside ? b.either(outside, beyond) : beyond;
      }
      Value x = b.load(b.extract(node.tensors[0], places), element);
      return outside ? b.select(outside, b.number(type, facts.extrapolation), x) : x;
    }));
    return success();
  }
  if (element.isInteger(1))
    return node.error() << "bool is only resized with attribute 'mode' = nearest";
  // Integers of more than 24 bits need f64.
  bool wide = element.isF64() || (isa<IntegerType>(element) && type.getIntOrFloatBitWidth() > 16);
  Type real = wide ? Type(node.b.getF64Type()) : Type(node.b.getF32Type()), f64 = node.b.getF64Type();
  Lowering::Operand from = node.input(0);
  SmallVector<int64_t> shape(in);
  for (const Axis &axis : axes) {
    int64_t dim = facts.axes[axis.index];
    Tables table = makeTables(node, facts, axis);
    shape[dim] = axis.out;
    bool last = &axis == &axes.back();
    Type to = last ? element : real;
    Value next = node.generate(shape, to, [&](Body &b, ValueRange at) -> Value {
      Value first = b.asIndex(b.extract(table.first, {at[dim]}), i64);
      auto add = [&](Body &body, Value tap, Value sum) -> Value {
        SmallVector<Value> places(at.begin(), at.end());
        places[dim] = body.clamped(body.add(first, tap), axis.in);
        Value x = body.convert(body.load(body.extract(from.tensor, places), from.element), from.element, real);
        Value weight = body.convert(body.extract(table.weights, {at[dim], tap}), f64, real);
        return body.add(sum, body.mul(x, weight));
      };
      Value sum = b.number(real, 0);
      if (table.taps <= 4)
        for (int64_t tap = 0; tap < table.taps; ++tap)
          sum = add(b, b.index(tap), sum);
      else
        sum = b.loop(b.index(0), b.index(table.taps), {sum}, [&](Body &body, Value tap, ValueRange carried) {
          return SmallVector<Value>{add(body, tap, carried[0])};
        })[0];
      if (table.outside)
        sum = b.select(b.load(b.extract(table.outside, {at[dim]}), b.getI1Type()), b.number(real, facts.extrapolation),
                       sum);
      return last ? b.saturated(sum, element) : sum;
    });
    from = {next, real};
  }
  results.push_back(from.tensor);
  return success();
}

} // namespace

void addResize(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"Resize", 10, inferResize, lowerResize, true});
  rows.push_back({"Upsample", 7, inferResize, lowerResize, true});
}

} // namespace llmc::onnx_import
