// Signals.cpp - Fourier transforms, windows and mel weights.
//
// A transform of L places runs in one stage for each prime factor of L (Stockham's order, no reversal of digits): L
// times the sum of the factors steps. A length that comes at run time is summed up directly.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

constexpr double kTau = 6.28318530717958647692;

Type elementOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

/// Cosine (0) and minus sine (1) of i/L turns; the sine's sign is turned for the inverse.
Value turnTable(Lowering &node, int64_t length, bool inverse, Type real) {
  Type f64 = node.b.getF64Type();
  return node.generate({length, 2}, real, [&](Body &b, ValueRange at) -> Value {
    Value angle = b.mul(b.real(at[0], f64), b.number(f64, kTau / static_cast<double>(length)));
    Value sine = math::SinOp::create(b, angle), turned = inverse ? sine : arith::NegFOp::create(b, sine).getResult();
    Value value = b.select(b.same(at[1], b.index(0)), math::CosOp::create(b, angle), turned);
    return b.convert(value, f64, real);
  });
}

/// The transform of [outer, L, inner, 2] along L, not divided by L.
Value transform(Lowering &node, Value x, int64_t length, bool inverse) {
  Type real = elementOf(x);
  SmallVector<int64_t> shape = node.sizesOf(x);
  if (length < 2)
    return x;
  Value table = turnTable(node, length, inverse, real);
  int64_t n = length, s = 1;
  while (n > 1) {
    int64_t p = 2;
    while (n % p && p * p <= n)
      ++p;
    if (n % p)
      p = n;
    int64_t m = n / p, step = length / n;
    // out[q + s (p j + r)] = sum over t of in[q + s (j + m t)] w^(r (j + m t)), w = e^(-tau i / n).
    x = node.generate(shape, real, [&](Body &b, ValueRange at) -> Value {
      Value q = b.rest(at[1], s), block = b.divided(at[1], s), r = b.rest(block, p), j = b.divided(block, p);
      Value imaginary = b.same(at[3], b.index(1));
      auto term = [&](Body &body, Value t, Value sum) -> Value {
        Value place = body.add(j, body.mul(t, body.index(m)));
        Value turn = body.mul(body.rest(body.mul(r, place), n), body.index(step));
        Value from = body.add(q, body.mul(place, body.index(s)));
        auto part = [&](int64_t k) { return body.extract(x, {at[0], from, at[2], body.index(k)}); };
        Value re = part(0), im = part(1);
        Value cos = body.extract(table, {turn, body.index(0)}), sin = body.extract(table, {turn, body.index(1)});
        Value first = body.mul(body.select(imaginary, im, re), cos);
        Value second = body.mul(body.select(imaginary, re, arith::NegFOp::create(body, im)), sin);
        return body.add(sum, body.add(first, second));
      };
      Value sum = b.number(real, 0);
      if (p <= 5) {
        for (int64_t t = 0; t < p; ++t)
          sum = term(b, b.index(t), sum);
        return sum;
      }
      return b.loop(b.index(0), b.index(p), {sum}, [&](Body &body, Value t, ValueRange carried) {
        return SmallVector<Value>{term(body, t, carried[0])};
      })[0];
    });
    n = m;
    s *= p;
  }
  return x;
}

/// One transform: of which axis, how many places go in, how long it is (-1: only known at run time, as `open` may be).
struct Plan {
  int64_t axis, in, length;
  bool inverse, onesided;
  int64_t open = -1; ///< a length that is the size of something
};

/// Place k of what is transformed along an axis: the input, zero behind its end; for the one-sided inverse the second
/// half mirrored. `read` gives a part (0 or 1) of an input place.
Value spectrumAt(Body &b, const Plan &plan, Value k, Value part, Value length, Type real,
                 llvm::function_ref<Value(Body &, Value, Value)> read) {
  Value place = k, mirrored;
  if (plan.inverse && plan.onesided) {
    Value half = b.divided(length, 2);
    mirrored = b.below(half, k);
    place = b.select(mirrored, b.sub(length, k), k);
  }
  Value inside = b.below(place, b.index(plan.in));
  Value value = read(b, b.clamped(place, plan.in), part);
  value = b.select(inside, value, b.number(real, 0));
  if (!mirrored)
    return value;
  Value turned = b.both(mirrored, b.same(part, b.index(1)));
  return b.select(turned, arith::NegFOp::create(b, value), value);
}

/// The whole operator along one axis. `lengthAt` gives a length that comes at run time.
Value fourier(Lowering &node, Value x, Type element, const Plan &plan, ArrayRef<int64_t> out,
              llvm::function_ref<Value(Body &)> lengthAt) {
  SmallVector<int64_t> in = node.sizesOf(x);
  // Sums over all places cancel: what is left is held in double.
  Type real = node.b.getF64Type(), own = realElement(element);
  Extents &e = node.extents();
  int64_t outer = e.product(ArrayRef<int64_t>(in).take_front(plan.axis)), parts = in.back();
  int64_t inner = e.product(ArrayRef<int64_t>(in).slice(plan.axis + 1, in.size() - plan.axis - 2));
  Value flat = node.reshape(x, {outer, plan.in, inner, parts});
  auto reader = [&](Value outerAt, Value innerAt) {
    return [=](Body &b, Value place, Value part) -> Value {
      Value whole = parts == 2 ? part : Value(b.index(0));
      Value value = b.convert(b.load(b.extract(flat, {outerAt, place, innerAt, whole}), element), own, real);
      return parts == 2 ? value : b.select(b.same(part, b.index(0)), value, b.number(real, 0));
    };
  };
  int64_t places = out[plan.axis], outParts = out.back();
  SmallVector<int64_t> shape = {outer, places, inner, outParts};
  if (plan.length < 0) {
    Type f64 = node.b.getF64Type();
    Value sums = node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
      Value length = plan.open < 0 ? lengthAt(b) : b.index(plan.open), size = b.real(length, f64);
      auto read = reader(at[0], at[2]);
      Value sum = b.loop(b.index(0), length, {b.number(f64, 0)}, [&](Body &body, Value k, ValueRange carried) {
        auto part = [&](int64_t i) {
          Value value = spectrumAt(body, plan, k, body.index(i), length, real, read);
          return body.convert(value, real, f64);
        };
        // k * place modulo the length keeps the angle small.
        Value turn = arith::RemUIOp::create(body, body.mul(k, at[1]), length);
        Value angle = body.mul(body.div(body.real(turn, f64), size, f64), body.number(f64, kTau));
        Value cos = math::CosOp::create(body, angle), sin = math::SinOp::create(body, angle);
        if (!plan.inverse)
          sin = arith::NegFOp::create(body, sin);
        Value re = part(0), im = part(1), imaginary = body.same(at[3], body.index(1));
        Value first = body.mul(body.select(imaginary, im, re), cos);
        Value second = body.mul(body.select(imaginary, re, arith::NegFOp::create(body, im)), sin);
        return SmallVector<Value>{body.add(carried[0], body.add(first, second))};
      })[0];
      if (plan.inverse)
        sum = b.div(sum, size, f64);
      return b.convert(sum, f64, element);
    });
    return node.reshape(sums, out);
  }
  Value whole = node.generate({outer, plan.length, inner, 2}, real, [&](Body &b, ValueRange at) -> Value {
    return spectrumAt(b, plan, at[1], at[3], b.index(plan.length), real, reader(at[0], at[2]));
  });
  Value turned = transform(node, whole, plan.length, plan.inverse);
  Value result = node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    Value value = b.extract(turned, at);
    if (plan.inverse)
      value = b.mul(value, b.number(real, 1 / static_cast<double>(plan.length)));
    return b.convert(value, real, element);
  });
  return node.reshape(result, out);
}

//===-- DFT ------------------------------------------------------------------------------------------------------===//

/// The axis where it is known; up to version 19 an attribute.
LogicalResult dftAxis(const Node &node, std::optional<int64_t> &axis) {
  int64_t rank = node.rankOf(0), given = -2;
  if (rank < 2 || (node.shapeOf(0).back() != 1 && node.shapeOf(0).back() != 2))
    return node.error() << "needs real numbers or pairs of parts in its last dimension (found "
                        << node.extents().text(node.typeOf(0)) << ")";
  if (node.since < 20) {
    given = node.integer("axis", 1);
  } else if (node.has(2)) {
    std::optional<SmallVector<int64_t>> known = node.knownIntegers(2);
    if (!known || known->size() != 1)
      return success();
    given = (*known)[0];
  }
  FailureOr<int64_t> found = node.axis(given, rank);
  if (failed(found))
    return failure();
  if (*found == rank - 1)
    return node.error() << "cannot transform axis " << *found << ", which holds the parts of numbers";
  axis = *found;
  return success();
}
/// The length along an axis; -1 where it comes at run time.
int64_t dftLength(const Node &node, int64_t axis, bool inverse, bool onesided) {
  if (node.has(1)) {
    std::optional<SmallVector<int64_t>> known = node.knownIntegers(1);
    return known && known->size() == 1 ? (*known)[0] : -1;
  }
  int64_t places = node.shapeOf(0)[axis];
  Extents &e = node.extents();
  return inverse && onesided ? e.mul(2, e.sub(places, 1)) : places;
}

LogicalResult inferDFT(const Node &node, SmallVectorImpl<Type> &types) {
  std::optional<int64_t> axis;
  if (failed(dftAxis(node, axis)))
    return failure();
  bool inverse = node.integer("inverse", 0), onesided = node.integer("onesided", 0);
  int64_t length = axis ? dftLength(node, *axis, inverse, onesided) : -1;
  if (!axis || (length < 0 && node.has(1) && !node.knownIntegers(1)))
    return declaredOr(node, types, node.elementOf(0), axis ? "input 1 (the length)" : "input 2 (the axis)",
                      node.rankOf(0));
  Extents &e = node.extents();
  if (e.maximum(length) < 1 || e.maximum(length) > 1 << 30)
    return node.error() << "transforms " << e.text(length) << " places (expected at least 1)";
  SmallVector<int64_t> shape(node.shapeOf(0));
  shape[*axis] = onesided && !inverse ? e.add(e.div(length, 2), 1) : e.most(length, 0);
  shape.back() = inverse && onesided ? 1 : 2;
  types.push_back(ofShape(node, shape));
  return success();
}

LogicalResult lowerDFT(Lowering &node, SmallVectorImpl<Value> &results) {
  std::optional<int64_t> known;
  if (failed(dftAxis(node, known)))
    return failure();
  bool inverse = node.integer("inverse", 0), onesided = node.integer("onesided", 0);
  int64_t rank = node.rankOf(0);
  Type element = node.elementOf(0);
  ArrayRef<int64_t> in = node.shapeOf(0), out = node.resultType().getShape();
  Extents &e = node.extents();
  if (out.back() != (inverse && onesided ? 1 : 2))
    return node.error() << "its output is declared as " << e.text(node.resultType());
  // Every axis that could have given this shape.
  Value result;
  Value axisTensor = known ? Value() : node.reshape(node.tensors[2], {});
  for (int64_t axis = 0; axis + 1 < rank; ++axis) {
    if (known && axis != *known)
      continue;
    Plan plan = {axis, in[axis], dftLength(node, axis, inverse, onesided), inverse, onesided};
    // What the shape says of a length that comes at run time.
    if (plan.length < 0 && (!onesided || inverse))
      plan.length = out[axis];
    bool fits = true;
    for (int64_t i = 0; i + 1 < rank; ++i)
      fits &= i == axis ? plan.length < 0 || isOpen(plan.length) ||
                              out[i] == (onesided && !inverse ? plan.length / 2 + 1 : plan.length)
                        : out[i] == in[i];
    if (!fits || plan.in == 0 || plan.length == 0)
      continue;
    if (isOpen(plan.length))
      plan.open = std::exchange(plan.length, -1);
    Value one = fourier(node, node.tensors[0], element, plan, out, [&](Body &b) -> Value {
      Value given = b.asIndex(b.extract(node.reshape(node.tensors[1], {}), {}), node.elementOf(1));
      // One of the two lengths that give so many places.
      int64_t twice = e.mul(2, out[axis]);
      Value least = b.index(e.most(1, e.sub(twice, 2))), most = b.index(e.sub(twice, 1));
      return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, given, least), most);
    });
    if (!result) {
      result = one;
      continue;
    }
    result = node.elementwise(
        {{result, element}, {one, element}, {axisTensor, node.elementOf(2)}}, out, element, [&](Body &b, ValueRange x) {
          Type type = x[2].getType();
          Value here = b.either(b.equal(x[2], b.integer(type, axis)), b.equal(x[2], b.integer(type, axis - rank)));
          return b.select(here, x[1], x[0]);
        });
  }
  if (!result)
    return node.error() << "its output is declared as " << e.text(node.resultType()) << ", which no axis of "
                        << e.text(node.typeOf(0)) << " gives";
  results.push_back(result);
  return success();
}

//===-- STFT -----------------------------------------------------------------------------------------------------===//

/// The length of a frame where it is known, else -1.
int64_t frameLength(const Node &node) {
  if (node.has(3)) {
    std::optional<SmallVector<int64_t>> known = node.knownIntegers(3);
    return known && known->size() == 1 ? (*known)[0] : -1;
  }
  return node.has(2) ? node.shapeOf(2)[0] : node.shapeOf(0)[1];
}

LogicalResult inferSTFT(const Node &node, SmallVectorImpl<Type> &types) {
  int64_t rank = node.rankOf(0);
  if (rank < 2 || rank > 3 || (rank == 3 && node.shapeOf(0)[2] != 1 && node.shapeOf(0)[2] != 2) ||
      (node.has(2) && node.rankOf(2) != 1))
    return node.error() << "needs a signal of batches, places and parts (found " << node.extents().text(node.typeOf(0))
                        << ")";
  Extents &e = node.extents();
  std::optional<SmallVector<int64_t>> step = node.knownIntegers(1);
  int64_t length = frameLength(node), places = node.shapeOf(0)[1];
  if (!step || step->size() != 1 || (node.has(3) && !node.knownIntegers(3))) {
    if (failed(declaredOr(node, types, node.elementOf(0), "the step or the length of frames", 4)))
      return failure();
    auto said = cast<RankedTensorType>(types[0]).getShape();
    if (said[0] != node.shapeOf(0)[0] || said[3] != 2)
      return node.error() << "its output is declared as " << types[0] << " for " << e.text(node.typeOf(0));
    return success();
  }
  if (isOpen(length) || isOpen((*step)[0]) || (*step)[0] < 1 || length < 1 || e.maximum(e.sub(places, length)) < 0)
    return node.error() << "cuts " << e.text(places) << " places into frames of " << e.text(length) << ", "
                        << e.text((*step)[0]) << " apart";
  int64_t bins = node.integer("onesided", 1) ? length / 2 + 1 : length;
  int64_t frames = e.add(1, e.div(e.sub(places, length), (*step)[0]));
  types.push_back(ofShape(node, {node.shapeOf(0)[0], e.most(0, frames), bins, 2}));
  return success();
}

LogicalResult lowerSTFT(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0);
  bool onesided = node.integer("onesided", 1);
  ArrayRef<int64_t> out = node.resultType().getShape();
  int64_t places = node.shapeOf(0)[1], parts = node.rankOf(0) == 3 ? node.shapeOf(0)[2] : 1, length = frameLength(node);
  if (length < 0 && !onesided)
    length = out[2];
  Value signal = node.reshape(node.tensors[0], {out[0], places, parts}), stepTensor = node.reshape(node.tensors[1], {});
  Value lengthTensor = node.has(3) ? node.reshape(node.tensors[3], {}) : Value();
  int64_t window = node.has(2) ? node.shapeOf(2)[0] : length >= 0 ? length : 2 * out[2] - 1;
  auto lengthAt = [&](Body &b) -> Value {
    Value given = b.asIndex(b.extract(lengthTensor, {}), node.elementOf(3));
    Value least = b.index(std::max<int64_t>(1, 2 * out[2] - 2)), most = b.index(2 * out[2] - 1);
    return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, given, least), most);
  };
  // Frames of as many places as the window has; behind the signal's end is nothing.
  Value frames = node.generate({out[0], out[1], window, parts}, element, [&](Body &b, ValueRange at) -> Value {
    Value step = b.asIndex(b.extract(stepTensor, {}), node.elementOf(1));
    step = arith::MinSIOp::create(b, arith::MaxSIOp::create(b, step, b.index(0)), b.index(places));
    Value place = b.add(b.mul(at[1], step), at[2]), inside = b.inside(place, places);
    Value x = b.load(b.extract(signal, {at[0], b.clamped(place, places), at[3]}), element);
    if (node.has(2))
      x = b.mul(x, b.load(b.extract(node.tensors[2], {at[2]}), element));
    return b.select(inside, x, b.number(x.getType(), 0));
  });
  Plan plan = {2, window, length, false, onesided};
  results.push_back(fourier(node, frames, element, plan, out, lengthAt));
  return success();
}

//===-- windows and weights --------------------------------------------------------------------------------------===//

LogicalResult outputElement(const Node &node, StringRef attribute, Type &element) {
  element = elementFromNumber(node.settings.getContext(), node.integer(attribute, 1));
  if (element && storageElement(element))
    return success();
  return node.error() << "attribute '" << attribute << "' = " << node.integer(attribute, 1)
                      << " names a type that is not supported";
}

LogicalResult inferWindow(const Node &node, SmallVectorImpl<Type> &types) {
  Type element;
  if (failed(outputElement(node, "output_datatype", element)))
    return failure();
  if (node.typeOf(0).getNumElements() != 1)
    return node.error() << "needs one size (found " << node.typeOf(0) << ")";
  std::optional<SmallVector<int64_t>> size = node.knownIntegers(0);
  if (!size)
    return declaredOr(node, types, element, "input 0 (the size)", 1);
  if ((*size)[0] < 0)
    return node.error() << "has the size " << (*size)[0];
  types.push_back(RankedTensorType::get({(*size)[0]}, element));
  return success();
}
/// Sums of cosines of one and two turns: a0 - a1 cos + a2 cos 2.
LogicalResult lowerWindow(Lowering &node, SmallVectorImpl<Value> &results) {
  double a0 = 0.5, a1 = 0.5, a2 = 0;
  if (node.type == "HammingWindow") {
    a0 = 25.0 / 46;
    a1 = 1 - a0;
  } else if (node.type == "BlackmanWindow") {
    a0 = 0.42;
    a2 = 0.08;
  }
  ArrayRef<int64_t> shape = node.resultType().getShape();
  Type f64 = node.b.getF64Type(), element = node.resultElement();
  double turns = static_cast<double>(shape[0] - (node.integer("periodic", 1) ? 0 : 1));
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    Value angle = b.div(b.mul(b.real(at[0], f64), b.number(f64, kTau)), b.number(f64, turns), f64);
    Value sum = b.sub(b.number(f64, a0), b.mul(b.number(f64, a1), math::CosOp::create(b, angle)));
    if (a2 != 0)
      sum = b.add(sum, b.mul(b.number(f64, a2), math::CosOp::create(b, b.add(angle, angle))));
    return b.convert(sum, f64, element);
  }));
  return success();
}

LogicalResult inferMel(const Node &node, SmallVectorImpl<Type> &types) {
  Type element;
  if (failed(outputElement(node, "output_datatype", element)))
    return failure();
  for (unsigned i = 0; i < 5; ++i)
    if (node.typeOf(i).getNumElements() != 1)
      return node.error() << "input " << i << " is " << node.typeOf(i) << " (expected one number)";
  std::optional<SmallVector<int64_t>> bins = node.knownIntegers(0), length = node.knownIntegers(1);
  if (!bins || !length)
    return declaredOr(node, types, element, "input 0 or 1 (the numbers of bins)", 2);
  if ((*bins)[0] < 0 || (*length)[0] < 0)
    return node.error() << "has " << (*bins)[0] << " bins of " << (*length)[0] << " places";
  types.push_back(RankedTensorType::get({(*length)[0] / 2 + 1, (*bins)[0]}, element));
  return success();
}
/// Triangles over the spectrum, evenly apart in mel: place j of bin i rises from edge i to i + 1 and falls to i + 2.
LogicalResult lowerMel(Lowering &node, SmallVectorImpl<Value> &results) {
  Type f64 = node.b.getF64Type(), f32 = node.b.getF32Type(), element = node.resultElement();
  ArrayRef<int64_t> shape = node.resultType().getShape();
  SmallVector<Value> scalars;
  for (unsigned i = 0; i < 5; ++i)
    scalars.push_back(node.reshape(node.tensors[i], {}));
  const double ln10 = std::log(10.0);
  Value edges = node.generate({shape[1] + 2}, f64, [&](Body &b, ValueRange at) -> Value {
    auto scalar = [&](unsigned i) {
      Type type = node.elementOf(i);
      return b.convert(b.load(b.extract(scalars[i], {}), type), type, f64);
    };
    // Mels of the ends are taken in f32, as the standard's own implementation does.
    auto mel = [&](unsigned i) -> Value {
      Value hertz = b.convert(scalar(i), f64, f32);
      Value ratio = b.convert(b.div(hertz, b.number(f32, 700), f32), f32, f64);
      Value log = b.convert(math::Log1pOp::create(b, ratio), f64, f32);
      return b.div(b.convert(b.mul(log, b.number(f32, 2595)), f32, f64), b.number(f64, ln10), f64);
    };
    Value low = mel(3), high = mel(4);
    Value step = b.div(b.sub(high, low), b.number(f64, static_cast<double>(shape[1] + 2)), f64);
    Value own = b.add(b.mul(b.real(at[0], f64), step), low);
    Value exponent = b.mul(b.div(own, b.number(f64, 2595), f64), b.number(f64, ln10));
    Value hertz = b.mul(b.number(f64, 700), math::ExpM1Op::create(b, exponent));
    Value scaled = b.mul(b.add(scalar(1), b.number(f64, 1)), hertz);
    return math::FloorOp::create(b, b.div(scaled, scalar(2), f64));
  });
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    auto edge = [&](int64_t i) { return b.extract(edges, {b.add(at[1], b.index(i))}); };
    Value low = edge(0), middle = edge(1), high = edge(2), j = b.real(at[0], f64), one = b.number(f64, 1),
          zero = b.number(f64, 0);
    Value up = b.sub(middle, low), down = b.sub(high, middle), flat = b.equal(up, zero);
    auto notAbove = [&](Value x, Value y) -> Value {
      return arith::CmpFOp::create(b, arith::CmpFPredicate::OLE, x, y);
    };
    Value rise = b.div(b.sub(j, low), b.select(flat, one, up), f64);
    Value value = b.select(b.both(notAbove(low, j), notAbove(j, middle)), rise, zero);
    value = b.select(flat, b.select(b.equal(j, middle), one, zero), value);
    Value falls = b.both(notAbove(middle, j), b.less(j, high, f64));
    Value fall = b.div(b.sub(high, j), b.select(b.equal(down, zero), one, down), f64);
    return b.convert(b.select(falls, fall, value), f64, element);
  }));
  return success();
}

} // namespace

void addSignals(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"DFT", 17, inferDFT, lowerDFT, true});
  rows.push_back({"STFT", 17, inferSTFT, lowerSTFT, true});
  for (StringRef name : {"HannWindow", "HammingWindow", "BlackmanWindow"})
    rows.push_back({name, 17, inferWindow, lowerWindow});
  rows.push_back({"MelWeightMatrix", 17, inferMel, lowerMel});
}

} // namespace llmc::onnx_import
