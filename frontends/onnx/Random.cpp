// Random.cpp - numbers that a seed determines: Dropout, Bernoulli, RandomNormal, RandomUniform, Multinomial.
//
// All draw from the Mersenne Twister MT19937 in doubles of 53 bits, two words each, in the order of places; where a
// node gives no seed it is the node's number among those that draw. So each run of a model gives the same numbers.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

constexpr int64_t kWords = 624, kMiddle = 397;

bool draws(Operation *op) {
  return onnx_ir::isNode(op) && llvm::is_contained({"Bernoulli", "Dropout", "Multinomial", "RandomNormal",
                                                    "RandomNormalLike", "RandomUniform", "RandomUniformLike"},
                                                   onnx_ir::nodeType(op));
}

uint32_t seedOf(Lowering &node) {
  if (auto seed = dyn_cast_or_null<IntegerAttr>(node.settings.get("seed")))
    return static_cast<uint32_t>(seed.getInt());
  if (node.hasAttribute("seed")) {
    double seed = node.real("seed", 0);
    return std::fabs(seed) < 0x1p62 ? static_cast<uint32_t>(static_cast<int64_t>(seed)) : 0;
  }
  uint32_t number = 0;
  for (Operation *op = node.op->getPrevNode(); op; op = op->getPrevNode())
    number += draws(op);
  return number;
}

/// `count` numbers in [0, 1) as f64.
Value uniforms(Lowering &node, int64_t count) {
  SmallVector<int64_t> state = {seedOf(node)};
  for (int64_t i = 1; i < kWords; ++i) {
    uint32_t last = static_cast<uint32_t>(state.back());
    state.push_back(static_cast<uint32_t>(1812433253u * (last ^ (last >> 30)) + static_cast<uint32_t>(i)));
  }
  Type f64 = node.b.getF64Type(), i32 = node.b.getI32Type();
  Value words = node.constant({kWords}, state, 32), out = node.empty({count}, f64);
  return node.inOrder({count}, {words, out}, [&](Body &b, ValueRange at, ValueRange now) {
    auto bits = [&](int64_t value) { return b.integer(i32, value); };
    auto right = [&](Value x, int64_t by) -> Value { return arith::ShRUIOp::create(b, x, bits(by)); };
    auto left = [&](Value x, int64_t by) -> Value { return arith::ShLIOp::create(b, x, bits(by)); };
    auto mask = [&](Value x, int64_t by) -> Value { return arith::AndIOp::create(b, x, bits(by)); };
    auto mix = [&](Value x, Value y) -> Value { return arith::XOrIOp::create(b, x, y); };
    Value table = now[0];
    // One word: made anew from three old ones where it stands, then tempered.
    auto draw = [&](Value place) -> Value {
      auto word = [&](int64_t ahead) { return b.extract(table, {b.rest(b.add(place, b.index(ahead)), kWords)}); };
      Value joined = arith::OrIOp::create(b, mask(word(0), 0x80000000), mask(word(1), 0x7fffffff));
      Value odd = b.equal(mask(joined, 1), bits(1));
      Value next = mix(mix(word(kMiddle), right(joined, 1)), b.select(odd, bits(0x9908b0df), bits(0)));
      table = tensor::InsertOp::create(b, next, table, ValueRange{place});
      Value y = mix(next, right(next, 11));
      y = mix(y, mask(left(y, 7), 0x9d2c5680));
      y = mix(y, mask(left(y, 15), 0xefc60000));
      return mix(y, right(y, 18));
    };
    Value place = b.mul(b.rest(at[0], kWords / 2), b.index(2));
    Value high = right(draw(place), 5), low = right(draw(b.add(place, b.index(1))), 6);
    auto real = [&](Value word) -> Value { return arith::UIToFPOp::create(b, f64, word); };
    Value number = b.mul(b.add(b.mul(real(high), b.number(f64, 67108864)), real(low)), b.number(f64, 0x1p-53));
    return SmallVector<Value>{table, tensor::InsertOp::create(b, number, now[1], ValueRange{at[0]})};
  })[1];
}

/// The same in the shape of an output.
Value uniformsLike(Lowering &node, ArrayRef<int64_t> shape) {
  return node.reshape(uniforms(node, node.extents().product(shape)), shape);
}

//===-- Dropout --------------------------------------------------------------------------------------------------===//

LogicalResult inferDropout(const Node &node, SmallVectorImpl<Type> &types) {
  for (unsigned i = 1; i < node.inputs.size(); ++i)
    if (node.has(i) && (isOpen(node.shapeOf(i)) || node.typeOf(i).getNumElements() != 1))
      return node.error() << "input " << i << " is " << node.extents().text(node.typeOf(i)) << " (expected one number)";
  types.push_back(node.typeOf(0));
  Type mask = node.since < 10 ? node.elementOf(0) : Type(IntegerType::get(node.settings.getContext(), 1));
  types.push_back(RankedTensorType::get(node.shapeOf(0), mask));
  return success();
}
LogicalResult lowerDropout(Lowering &node, SmallVectorImpl<Value> &results) {
  ArrayRef<int64_t> shape = node.shapeOf(0);
  Type element = node.elementOf(0), f64 = node.b.getF64Type();
  std::optional<SmallVector<int64_t>> training = node.knownIntegers(2);
  std::optional<SmallVector<double>> ratio = node.knownReals(1);
  bool plain = !node.has(2) || (training && !(*training)[0]) || (ratio && (*ratio)[0] == 0);
  if (plain) {
    results.push_back(node.tensors[0]);
    if (node.numOutputs > 1)
      results.push_back(node.filled(shape, node.resultElement(1), 1));
    return success();
  }
  Type i1 = node.b.getI1Type();
  Value numbers = uniformsLike(node, shape), modeTensor = node.reshape(node.tensors[2], {});
  Value ratioTensor = node.has(1) ? node.reshape(node.tensors[1], {}) : Value();
  auto ratioAt = [&](Body &b) -> Value {
    if (!ratioTensor)
      return b.number(f64, 0.5);
    return b.convert(b.load(b.extract(ratioTensor, {}), node.elementOf(1)), node.elementOf(1), f64);
  };
  Value mask = node.elementwise({{numbers, f64}, {modeTensor, i1}}, shape, i1, [&](Body &b, ValueRange x) -> Value {
    Value kept = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, x[0], ratioAt(b));
    return b.select(x[1], kept, b.integer(i1, 1));
  });
  results.push_back(
      node.elementwise({node.input(0), {mask, i1}, {modeTensor, i1}}, shape, element, [&](Body &b, ValueRange x) {
        Type type = x[0].getType();
        Value scale = b.div(b.number(f64, 1), b.sub(b.number(f64, 1), ratioAt(b)), f64);
        Value kept = b.mul(x[0], b.convert(scale, f64, type));
        return b.select(x[2], b.select(x[1], kept, b.number(type, 0)), x[0]);
      }));
  if (node.numOutputs > 1)
    results.push_back(mask);
  return success();
}

//===-- numbers of a distribution --------------------------------------------------------------------------------===//

LogicalResult inferRandom(const Node &node, SmallVectorImpl<Type> &types) {
  bool like = !node.inputs.empty();
  Type element = like ? node.elementOf(0) : Type(Float32Type::get(node.settings.getContext()));
  if (int64_t number = node.integer("dtype", 0))
    element = elementFromNumber(node.settings.getContext(), number);
  bool any = node.type == "Bernoulli";
  if (!element || !storageElement(element) || (!any && !isa<FloatType>(element)))
    return node.error() << "attribute 'dtype' = " << node.integer("dtype", 0)
                        << " names a type that is not supported (expected one of float)";
  SmallVector<int64_t> shape =
      like ? SmallVector<int64_t>(node.shapeOf(0)) : node.integers("shape").value_or(SmallVector<int64_t>());
  for (int64_t size : shape)
    if (size < 0)
      return node.error() << "attribute 'shape' holds " << size;
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}
LogicalResult lowerUniform(Lowering &node, SmallVectorImpl<Value> &results) {
  ArrayRef<int64_t> shape = node.resultType().getShape();
  Type element = node.resultElement(), f64 = node.b.getF64Type();
  double low = node.real("low", 0), high = node.real("high", 1);
  results.push_back(
      node.elementwise({{uniformsLike(node, shape), f64}}, shape, element, [&](Body &b, ValueRange x) -> Value {
        return b.convert(b.add(b.number(f64, low), b.mul(x[0], b.number(f64, high - low))), f64, element);
      }));
  return success();
}
/// Box's and Muller's way: a radius and an angle from two numbers.
LogicalResult lowerNormal(Lowering &node, SmallVectorImpl<Value> &results) {
  ArrayRef<int64_t> shape = node.resultType().getShape();
  Type element = node.resultElement(), f64 = node.b.getF64Type();
  double mean = node.real("mean", 0), scale = node.real("scale", 1);
  int64_t count = node.extents().product(shape);
  Value pairs = node.reshape(uniforms(node, node.extents().mul(2, count)), {count, 2});
  Value flat = node.generate({count}, element, [&](Body &b, ValueRange at) -> Value {
    Value first = b.extract(pairs, {at[0], b.index(0)}), second = b.extract(pairs, {at[0], b.index(1)});
    Value log = math::LogOp::create(b, b.sub(b.number(f64, 1), first));
    Value radius = math::SqrtOp::create(b, b.mul(b.number(f64, -2), log));
    Value angle = math::CosOp::create(b, b.mul(second, b.number(f64, 6.28318530717958647692)));
    Value value = b.add(b.number(f64, mean), b.mul(b.number(f64, scale), b.mul(radius, angle)));
    return b.convert(value, f64, element);
  });
  results.push_back(node.reshape(flat, shape));
  return success();
}
/// 1 with the probability that the input says.
LogicalResult lowerBernoulli(Lowering &node, SmallVectorImpl<Value> &results) {
  ArrayRef<int64_t> shape = node.resultType().getShape();
  Type element = node.resultElement(), f64 = node.b.getF64Type();
  results.push_back(node.elementwise({{uniformsLike(node, shape), f64}, node.input(0)}, shape, element,
                                     [&](Body &b, ValueRange x) -> Value {
                                       Value p = b.convert(x[1], node.elementOf(0), f64);
                                       return b.convert(b.less(x[0], p, f64), b.getI1Type(), element);
                                     }));
  return success();
}

LogicalResult inferMultinomial(const Node &node, SmallVectorImpl<Type> &types) {
  Type element = elementFromNumber(node.settings.getContext(), node.integer("dtype", 6));
  int64_t size = node.integer("sample_size", 1);
  if (node.rankOf(0) != 2 || size < 0)
    return node.error() << "cannot take " << size << " samples of " << node.extents().text(node.typeOf(0));
  if (!element || !(element.isInteger(32) || element.isInteger(64)) || element.isUnsignedInteger())
    return node.error() << "attribute 'dtype' = " << node.integer("dtype", 6) << " (expected 6 or 7)";
  if (node.shapeOf(0)[1] == 0)
    return node.error() << "takes samples of " << node.typeOf(0) << ", which has no classes";
  types.push_back(RankedTensorType::get({node.shapeOf(0)[0], size}, element));
  return success();
}
/// The first class whose sum of e^x up to itself is above a share of the whole sum.
LogicalResult lowerMultinomial(Lowering &node, SmallVectorImpl<Value> &results) {
  ArrayRef<int64_t> shape = node.resultType().getShape();
  Type element = node.elementOf(0), f64 = node.b.getF64Type(), i64 = node.b.getI64Type();
  int64_t classes = node.shapeOf(0)[1];
  Value numbers = uniformsLike(node, shape);
  results.push_back(node.generate(shape, node.resultElement(), [&](Body &b, ValueRange at) -> Value {
    auto read = [&](Body &body, Value i) {
      return body.convert(body.load(body.extract(node.tensors[0], {at[0], i}), element), element, f64);
    };
    Value zero = b.index(0), most = b.index(classes);
    Value peak = b.loop(zero, most, {b.number(f64, -INFINITY)}, [&](Body &body, Value i, ValueRange now) {
      return SmallVector<Value>{body.max(now[0], read(body, i), f64)};
    })[0];
    auto weight = [&](Body &body, Value i) { return body.exp(body.sub(read(body, i), peak)); };
    Value sum = b.loop(zero, most, {b.number(f64, 0)}, [&](Body &body, Value i, ValueRange now) {
      return SmallVector<Value>{body.add(now[0], weight(body, i))};
    })[0];
    Value wanted = b.mul(sum, b.extract(numbers, at));
    // Classes whose running sum is not above what is wanted come before the one that is taken.
    Value taken = b.loop(zero, most, {b.number(f64, 0), zero}, [&](Body &body, Value i, ValueRange now) {
      Value upTo = body.add(now[0], weight(body, i));
      Value before = arith::CmpFOp::create(body, arith::CmpFPredicate::OLE, upTo, wanted);
      return SmallVector<Value>{upTo, body.select(before, body.add(i, body.index(1)), now[1])};
    })[1];
    Value number = arith::IndexCastOp::create(b, i64, b.clamped(taken, classes));
    return b.convert(number, i64, node.resultElement());
  }));
  return success();
}

} // namespace

void addRandom(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"Dropout", 7, inferDropout, lowerDropout, true});
  rows.push_back({"Bernoulli", 15, inferRandom, lowerBernoulli, true});
  rows.push_back({"RandomUniform", 1, inferRandom, lowerUniform});
  rows.push_back({"RandomUniformLike", 1, inferRandom, lowerUniform, true});
  rows.push_back({"RandomNormal", 1, inferRandom, lowerNormal});
  rows.push_back({"RandomNormalLike", 1, inferRandom, lowerNormal, true});
  rows.push_back({"Multinomial", 7, inferMultinomial, lowerMultinomial, true});
}

} // namespace llmc::onnx_import
