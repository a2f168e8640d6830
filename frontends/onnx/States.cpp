// States.cpp - operators that carry a state from call to call: linear attention, causal convolution, caches.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Products.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

//===-- LinearAttention ------------------------------------------------------------------------------------------===//

struct Linear {
  int64_t batch, time, heads, kvHeads, width, valueWidth;
  bool gated, delta;
};

LogicalResult readLinear(const Node &node, Linear &facts) {
  Extents &e = node.extents();
  auto said = [&](unsigned i) { return e.text(node.typeOf(i)); };
  auto fitsShape = [&](unsigned i, ArrayRef<int64_t> shape) {
    return node.rankOf(i) == static_cast<int64_t>(shape.size()) &&
           llvm::all_of(llvm::zip(node.shapeOf(i), shape),
                        [&](auto pair) { return e.agree(std::get<0>(pair), std::get<1>(pair)); });
  };
  for (unsigned i = 0; i < 3; ++i)
    if (node.rankOf(i) != 3 || isOpen(node.shapeOf(i)[2]))
      return node.error() << "input " << i << " is " << said(i) << " (expected rank 3, and columns that are known)";
  ArrayRef<int64_t> q = node.shapeOf(0), k = node.shapeOf(1), v = node.shapeOf(2);
  facts.batch = q[0];
  facts.time = q[1];
  facts.heads = node.integer("q_num_heads", 0);
  facts.kvHeads = node.integer("kv_num_heads", 0);
  if (facts.heads < 1 || facts.kvHeads < 1 || facts.heads % facts.kvHeads || q[2] % facts.heads ||
      k[2] % facts.kvHeads || v[2] % facts.kvHeads)
    return node.error() << facts.heads << " query and " << facts.kvHeads << " key heads do not fit " << said(0) << ", "
                        << said(1) << " and " << said(2);
  facts.width = q[2] / facts.heads;
  facts.valueWidth = v[2] / facts.kvHeads;
  if (!fitsShape(1, {q[0], q[1], facts.kvHeads * facts.width}) || !fitsShape(2, {q[0], q[1], v[2]}))
    return node.error() << "keys " << said(1) << " and values " << said(2) << " do not fit " << said(0);
  StringRef rule = node.text("update_rule", "gated_delta");
  if (!llvm::is_contained({"linear", "gated", "delta", "gated_delta"}, rule))
    return node.error() << "unsupported attribute 'update_rule' = '" << rule
                        << "' (expected linear, gated, delta or gated_delta)";
  facts.gated = rule.starts_with("gated");
  facts.delta = rule.ends_with("delta");
  if (facts.gated != node.has(4) || facts.delta != node.has(5))
    return node.error() << "attribute 'update_rule' = '" << rule << "' needs " << (facts.gated ? "a" : "no")
                        << " decay and " << (facts.delta ? "a" : "no") << " beta";
  auto fits = [&](unsigned input, ArrayRef<int64_t> lasts) {
    return node.rankOf(input) == 3 && llvm::is_contained(lasts, node.shapeOf(input)[2]) &&
           fitsShape(input, {facts.batch, facts.time, node.shapeOf(input)[2]});
  };
  if (facts.gated && !fits(4, {facts.kvHeads, facts.kvHeads * facts.width}))
    return node.error() << "decay " << said(4) << " does not fit " << facts.kvHeads << " key heads";
  if (facts.delta && !fits(5, {facts.kvHeads, 1}))
    return node.error() << "beta " << said(5) << " does not fit " << facts.kvHeads << " key heads";
  if (node.has(3) && !fitsShape(3, {facts.batch, facts.kvHeads, facts.width, facts.valueWidth}))
    return node.error() << "past state " << said(3) << " does not fit " << said(1) << " and " << said(2);
  return success();
}

LogicalResult inferLinearAttention(const Node &node, SmallVectorImpl<Type> &types) {
  Linear facts;
  if (failed(readLinear(node, facts)))
    return failure();
  types.push_back(ofShape(node, {facts.batch, facts.time, facts.heads * facts.valueWidth}));
  SmallVector<int64_t> state = {facts.batch, facts.kvHeads, facts.width, facts.valueWidth};
  types.push_back(ofShape(node, state, node.has(3) ? 3 : 0));
  return success();
}

/// S = decay S + k (beta (v - S^T k)), y = scale q^T S, one turn a token; the state is kept in f32.
LogicalResult lowerLinearAttention(Lowering &node, SmallVectorImpl<Value> &results) {
  Linear facts;
  if (failed(readLinear(node, facts)))
    return failure();
  Type f32 = node.b.getF32Type(), element = node.elementOf(0), stateElement = node.resultElement(1);
  int64_t group = facts.heads / facts.kvHeads, batch = facts.batch, heads = facts.kvHeads;
  if (node.extents().product(node.shapeOf(1)) == 0 || node.extents().product(node.shapeOf(2)) == 0) {
    // Nothing comes in: zeros go out, and the state stays.
    results.push_back(node.filled(node.resultType(0).getShape(), element, 0));
    if (node.numOutputs > 1)
      results.push_back(node.has(3) ? node.tensors[3] : node.filled(node.resultType(1).getShape(), stateElement, 0));
    return success();
  }
  double scale = node.real("scale", 0);
  if (scale == 0)
    scale = 1 / std::sqrt(static_cast<double>(facts.width));
  SmallVector<int64_t> shape = {batch, heads, facts.width, facts.valueWidth};
  Value state = node.has(3)
                    ? node.elementwise({node.input(3)}, shape, f32,
                                       [&](Body &b, ValueRange x) { return b.convert(x[0], node.elementOf(3), f32); })
                    : node.filled(shape, f32, 0);
  // Tokens first, so that a turn reads and writes what lies together.
  auto byToken = [&](unsigned input, int64_t own) {
    int64_t width = node.shapeOf(input)[2] / own;
    Value turned = node.transpose(node.reshape(node.tensors[input], {batch, facts.time, own, width}), {1, 0, 2, 3});
    return node.elementwise({{turned, element}}, {facts.time, batch, own, width}, f32,
                            [](Body &, ValueRange x) { return x[0]; });
  };
  Value q = byToken(0, facts.heads), k = byToken(1, heads), v = byToken(2, heads);
  Value outputs = node.empty({facts.time, batch, heads, group, facts.valueWidth}, f32);
  auto entry = [&](Body &b, unsigned input, Value t, Value at, Value column) {
    return b.load(b.extract(node.tensors[input], {at, t, column}), element);
  };
  SmallVector<Value> last = node.inOrder({facts.time}, {state, outputs}, [&](Body &, ValueRange turn, ValueRange now) {
    Value t = turn[0], s = now[0];
    Value key = node.partOf(k, t), value = node.partOf(v, t);
    if (facts.gated) {
      bool each = node.shapeOf(4)[2] != heads;
      s = node.update(s, f32, [&](Body &b, ValueRange at, Value old) {
        Value column = each ? Value(b.add(b.mul(at[1], b.index(facts.width)), at[2])) : at[1];
        return b.mul(old, b.exp(entry(b, 4, t, at[0], column)));
      });
    }
    if (facts.delta) {
      SmallVector<int64_t> row = {batch, heads, facts.valueWidth};
      Value found = contract(node, {key, f32}, {s, f32}, {batch, heads, facts.valueWidth, facts.width},
                             {false, false, false, true}, {0, 1, 3}, {0, 1, 3, 2}, {0, 1, 2}, f32);
      bool shared = node.shapeOf(5)[2] == 1;
      value = node.generate(row, f32, [&](Body &b, ValueRange at) {
        Value beta = entry(b, 5, t, at[0], shared ? b.index(0) : at[1]);
        return b.mul(beta, b.sub(b.extract(v, {t, at[0], at[1], at[2]}), b.extract(found, at)));
      });
    }
    s = node.update(s, f32, [&](Body &b, ValueRange at, Value old) {
      return b.add(old, b.mul(b.extract(key, {at[0], at[1], at[2]}), b.extract(value, {at[0], at[1], at[3]})));
    });
    Value query = node.reshape(node.partOf(q, t), {batch, heads, group, facts.width});
    Value y = contract(node, {query, f32}, {s, f32}, {batch, heads, group, facts.valueWidth, facts.width},
                       {false, false, false, false, true}, {0, 1, 2, 4}, {0, 1, 4, 3}, {0, 1, 2, 3}, f32);
    return SmallVector<Value>{s, node.setPart(now[1], t, y)};
  });
  results.push_back(node.generate(node.resultType(0).getShape(), element, [&](Body &b, ValueRange at) {
    Value head = b.divided(at[2], facts.valueWidth), column = b.rest(at[2], facts.valueWidth);
    Value y = b.extract(last[1], {at[1], at[0], b.divided(head, group), b.rest(head, group), column});
    return b.mul(y, b.number(f32, scale));
  }));
  if (node.numOutputs > 1)
    results.push_back(node.elementwise({{last[0], f32}}, shape, stateElement,
                                       [&](Body &b, ValueRange x) { return b.convert(x[0], f32, stateElement); }));
  return success();
}

//===-- CausalConvWithState --------------------------------------------------------------------------------------===//

LogicalResult inferCausalConv(const Node &node, SmallVectorImpl<Type> &types) {
  Extents &e = node.extents();
  auto said = [&](unsigned i) { return e.text(node.typeOf(i)); };
  if (node.rankOf(0) != 3 || node.rankOf(1) != 3)
    return node.error() << "needs an input and a weight of rank 3 (found " << said(0) << " and " << said(1) << ")";
  ArrayRef<int64_t> x = node.shapeOf(0), w = node.shapeOf(1);
  if (isOpen(w) || w[0] != x[1] || w[1] != 1 || w[2] < 1)
    return node.error() << "weight " << said(1) << " does not fit " << e.text(x[1]) << " channels";
  if (node.has(2) && node.shapeOf(2) != ArrayRef<int64_t>({x[1]}))
    return node.error() << "adds a bias of " << said(2) << " to " << x[1] << " channels";
  SmallVector<int64_t> state = {x[0], x[1], w[2] - 1};
  if (node.has(3) && (node.rankOf(3) != 3 || !e.agree(node.shapeOf(3)[0], x[0]) ||
                      node.shapeOf(3).drop_front() != ArrayRef<int64_t>(state).drop_front()))
    return node.error() << "past state is " << said(3) << " (expected " << w[2] - 1 << " places)";
  StringRef activation = node.text("activation", "none");
  if (!llvm::is_contained({"none", "silu", "swish"}, activation))
    return node.error() << "unsupported attribute 'activation' = '" << activation << "' (expected none, silu or swish)";
  types.push_back(node.typeOf(0));
  types.push_back(ofShape(node, state));
  return success();
}
LogicalResult lowerCausalConv(Lowering &node, SmallVectorImpl<Value> &results) {
  ArrayRef<int64_t> x = node.shapeOf(0);
  int64_t taps = node.shapeOf(1)[2], past = taps - 1;
  Type element = node.elementOf(0), real = computeElement(element);
  // Place i of the past and the input in one row.
  auto joined = [&](Body &b, Value batch, Value channel, Value place) -> Value {
    Value here = b.sub(place, b.index(past)), zero = b.number(real, 0), value = zero;
    if (x[2] > 0)
      value = b.load(b.extract(node.tensors[0], {batch, channel, b.clamped(here, x[2])}), element);
    if (past == 0)
      return value;
    Value before = zero;
    if (node.has(3))
      before = b.load(b.extract(node.tensors[3], {batch, channel, b.clamped(place, past)}), element);
    return b.select(b.below(place, b.index(past)), before, value);
  };
  bool silu = node.text("activation", "none") != "none";
  results.push_back(node.generate(x, element, [&](Body &b, ValueRange at) -> Value {
    Value sum = node.has(2) ? b.load(b.extract(node.tensors[2], {at[1]}), element) : b.number(real, 0);
    auto add = [&](Body &body, Value tap, Value so) {
      Value weight = body.load(body.extract(node.tensors[1], {at[1], body.index(0), tap}), element);
      return body.add(so, body.mul(weight, joined(body, at[0], at[1], body.add(at[2], tap))));
    };
    if (taps <= 8)
      for (int64_t tap = 0; tap < taps; ++tap)
        sum = add(b, b.index(tap), sum);
    else
      sum = b.loop(b.index(0), b.index(taps), {sum}, [&](Body &body, Value tap, ValueRange carried) {
        return SmallVector<Value>{add(body, tap, carried[0])};
      })[0];
    if (!silu)
      return sum;
    Value one = b.number(real, 1);
    return b.div(sum, b.add(one, b.exp(arith::NegFOp::create(b, sum))), real);
  }));
  if (node.numOutputs > 1)
    results.push_back(node.generate(node.resultType(1).getShape(), element, [&](Body &b, ValueRange at) {
      return joined(b, at[0], at[1], b.add(at[2], b.index(x[2])));
    }));
  return success();
}

//===-- TensorScatter --------------------------------------------------------------------------------------------===//

LogicalResult inferTensorScatter(const Node &node, SmallVectorImpl<Type> &types) {
  int64_t rank = node.rankOf(0);
  FailureOr<int64_t> axis = node.axis(node.integer("axis", -2), rank);
  if (failed(axis))
    return failure();
  Extents &e = node.extents();
  bool fits = *axis > 0 && node.rankOf(1) == rank;
  // More than there are places for are cut; nothing is written but in the result's own places.
  for (int64_t i = 0; fits && i < rank; ++i)
    fits = i == *axis ? e.minimum(e.sub(node.shapeOf(1)[i], node.shapeOf(0)[i])) <= 0
                      : e.agree(node.shapeOf(1)[i], node.shapeOf(0)[i]);
  if (!fits || (node.has(2) && (node.rankOf(2) != 1 || !e.agree(node.shapeOf(2)[0], node.shapeOf(0)[0]))))
    return node.error() << "cannot write " << e.text(node.typeOf(1)) << " into " << e.text(node.typeOf(0))
                        << " along axis " << *axis;
  StringRef mode = node.text("mode", "linear");
  if (mode != "linear" && mode != "circular")
    return node.error() << "unsupported attribute 'mode' = '" << mode << "' (expected linear or circular)";
  types.push_back(node.typeOf(0));
  return success();
}
/// Each place of the cache takes its part of the update, or stays.
LogicalResult lowerTensorScatter(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t axis = *node.axis(node.integer("axis", -2), node.rankOf(0));
  bool circular = node.text("mode", "linear") == "circular";
  Type element = node.elementOf(0);
  int64_t size = node.shapeOf(0)[axis], count = node.shapeOf(1)[axis];
  if (count == 0 || node.extents().product(node.shapeOf(0)) == 0) {
    results.push_back(node.tensors[0]);
    return success();
  }
  Type storage = storageElement(element);
  results.push_back(node.moved(node.shapeOf(0), storage, [&](Body &b, ValueRange at) -> Value {
    Value first = node.has(2) ? b.asIndex(b.extract(node.tensors[2], {at[0]}), node.elementOf(2)) : b.index(0);
    Value place = b.sub(at[axis], first);
    if (circular) {
      Value rest = arith::RemSIOp::create(b, place, b.index(size));
      place = b.select(b.below(rest, b.index(0)), b.add(rest, b.index(size)), rest);
    }
    SmallVector<Value> from(at.begin(), at.end());
    from[axis] = b.clamped(place, count);
    return b.select(b.inside(place, count), b.extract(node.tensors[1], from), b.extract(node.tensors[0], at));
  }));
  return success();
}

} // namespace

void addStates(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"LinearAttention", 27, inferLinearAttention, lowerLinearAttention, true});
  rows.push_back({"CausalConvWithState", 27, inferCausalConv, lowerCausalConv, true});
  rows.push_back({"TensorScatter", 24, inferTensorScatter, lowerTensorScatter, true});
}

} // namespace llmc::onnx_import
