// Attention.cpp - attention and rotary embedding as ONNX defines them since version 23, and the attention of graphs
// that multiply or replace scores, llmc.Attention:
//
//   softmax((seen ? scale * q k^T * factor + bias : fill) + late) v
//
// with query, key and value [batch, heads, sequence, width] and the rest spread to [batch, heads, queries, keys].
//
// Not here: raising to transformer.attention, which keeps its state in pages.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Products.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

using Operand = Lowering::Operand;

/// Attention as llmc writes it: scores that are also multiplied, or replaced where a key is not seen.
constexpr StringLiteral kScored = "llmc.Attention";
/// Its inputs behind query, key, value and what is added: factors, what is seen, what is added after that.
enum ScoredInput : unsigned { kFactor = 4, kSeen = 5, kLate = 6 };

/// Sizes of one attention: batch, query and key-value heads, queries, keys in this call, past ones, all, widths.
struct Sizes {
  int64_t batch, heads, kvHeads, queries, fresh, past, keys, width, valueWidth;
  bool flat;    ///< inputs are [batch, sequence, heads * width]
  bool hasPast; ///< inputs 4 and 5
};

bool isScored(const Node &node) { return node.type == kScored; }

LogicalResult readSizes(const Node &node, Sizes &s) {
  Extents &e = node.extents();
  int64_t rank = node.rankOf(0);
  if ((rank != 3 && rank != 4) || node.rankOf(1) != rank || node.rankOf(2) != rank)
    return node.error() << "needs query, key and value of rank 3 or 4 (found " << e.text(node.typeOf(0)) << ", "
                        << e.text(node.typeOf(1)) << " and " << e.text(node.typeOf(2)) << ")";
  SmallVector<int64_t> q(node.shapeOf(0)), k(node.shapeOf(1)), v(node.shapeOf(2));
  s.flat = rank == 3;
  s.batch = q[0];
  s.heads = s.flat ? node.integer("q_num_heads", 0) : q[1];
  s.kvHeads = s.flat ? node.integer("kv_num_heads", 0) : k[1];
  s.queries = s.flat ? q[1] : q[2];
  s.fresh = s.flat ? k[1] : k[2];
  for (int64_t size : {s.heads, s.kvHeads, s.flat ? q[2] : q[3], s.flat ? k[2] : k[3], s.flat ? v[2] : v[3]})
    if (isOpen(size))
      return node.error() << "the number of heads and their width are known only at run time (found "
                          << e.text(node.typeOf(0)) << " and " << e.text(node.typeOf(1)) << ")";
  if (s.heads < 1 || s.kvHeads < 1 || s.heads % s.kvHeads ||
      (s.flat && (q[2] % s.heads || k[2] % s.kvHeads || v[2] % s.kvHeads)))
    return node.error() << s.heads << " query and " << s.kvHeads << " key heads do not fit " << e.text(node.typeOf(0))
                        << " and " << e.text(node.typeOf(1));
  s.width = s.flat ? q[2] / s.heads : q[3];
  s.valueWidth = s.flat ? v[2] / s.kvHeads : v[3];
  s.hasPast = !isScored(node) && node.has(4);
  s.past = s.hasPast ? (node.rankOf(4) == 4 ? node.shapeOf(4)[2] : -1) : 0;
  auto isShape = [&](unsigned input, ArrayRef<int64_t> wanted) {
    SmallVector<int64_t> found(node.shapeOf(input));
    bool fits = found.size() == wanted.size();
    for (size_t i = 0; fits && i < wanted.size(); ++i)
      fits = e.agree(found[i], wanted[i]);
    return fits;
  };
  bool fits = s.past >= 0 && e.agree(k[0], s.batch) && e.agree(v[0], s.batch) &&
              e.agree(s.flat ? v[1] : v[2], s.fresh) && (s.flat ? k[2] / s.kvHeads : k[3]) == s.width &&
              (s.flat || v[1] == s.kvHeads) && (isScored(node) || node.has(4) == node.has(5));
  if (fits && s.hasPast)
    fits = isShape(4, {s.batch, s.kvHeads, s.past, s.width}) && isShape(5, {s.batch, s.kvHeads, s.past, s.valueWidth});
  if (!isScored(node) && node.has(6) && !isShape(6, {s.batch}))
    return node.error() << "input 6 is " << e.text(node.typeOf(6)) << " (expected a number of keys for each of "
                        << e.text(s.batch) << " batches)";
  if (!fits)
    return node.error() << "keys " << e.text(node.typeOf(1)) << ", values " << e.text(node.typeOf(2))
                        << " and the past do not fit " << e.text(node.typeOf(0));
  s.keys = e.add(s.past, s.fresh);
  return success();
}

/// What goes with scores is of their shape or spreads to it; a mask may also be of fewer keys.
LogicalResult checkMask(const Node &node, unsigned input, const Sizes &s) {
  if (!node.has(input))
    return success();
  Extents &e = node.extents();
  SmallVector<int64_t> mask(node.shapeOf(input));
  const int64_t whole[] = {s.batch, s.heads, s.queries, s.keys};
  bool fits = mask.size() >= 1 && mask.size() <= 4;
  for (size_t i = 0; fits && i < mask.size(); ++i) {
    int64_t size = whole[4 - mask.size() + i];
    bool fewer = i + 1 == mask.size() && input == 3 && !isOpen(mask[i]) && !isOpen(size) && mask[i] < size;
    fits = mask[i] == 1 || fewer || e.agree(mask[i], size);
  }
  if (!fits)
    return node.error() << "mask " << e.text(node.typeOf(input)) << " does not fit " << e.text(s.queries)
                        << " queries and " << e.text(s.keys) << " keys";
  return success();
}

LogicalResult inferAttention(const Node &node, SmallVectorImpl<Type> &types) {
  Sizes s;
  if (failed(readSizes(node, s)))
    return failure();
  for (unsigned input : {3u, unsigned(kFactor), unsigned(kSeen), unsigned(kLate)})
    if ((input == 3 || isScored(node)) && failed(checkMask(node, input, s)))
      return failure();
  Type element = node.elementOf(0);
  SmallVector<int64_t> out = s.flat ? SmallVector<int64_t>{s.batch, s.queries, s.heads * s.valueWidth}
                                    : SmallVector<int64_t>{s.batch, s.heads, s.queries, s.valueWidth};
  types.push_back(RankedTensorType::get(out, element));
  if (isScored(node))
    return success();
  types.push_back(RankedTensorType::get({s.batch, s.kvHeads, s.keys, s.width}, node.elementOf(1)));
  types.push_back(RankedTensorType::get({s.batch, s.kvHeads, s.keys, s.valueWidth}, node.elementOf(2)));
  types.push_back(RankedTensorType::get({s.batch, s.heads, s.queries, s.keys}, element));
  return success();
}

/// [batch, heads, sequence, width] of an input, with the past before it.
Value headsOf(Lowering &node, unsigned input, int64_t heads, unsigned past, const Sizes &s) {
  // Sizes that were found to agree have more than one number: the results' types have the query's.
  int64_t length = input == 0 ? s.queries : s.fresh, width = input == 2 ? s.valueWidth : s.width;
  SmallVector<int64_t> fresh = {s.batch, heads, length, width}, shape = {s.batch, heads, s.keys, width},
                       before = {s.batch, heads, s.past, width};
  Value x = s.flat ? node.transpose(node.reshape(node.tensors[input], {s.batch, length, heads, width}), {0, 2, 1, 3})
                   : node.reshape(node.tensors[input], fresh);
  if (!past || !s.hasPast || s.past == 0)
    return x;
  Value all = node.empty(shape, cast<RankedTensorType>(x.getType()).getElementType());
  return node.insert(x, node.insert(node.reshape(node.tensors[past], before), all, {}), {0, 0, s.past, 0});
}

constexpr int64_t maxWindow = int64_t(1) << 40; ///< More keys than any graph has; sums with it do not overflow.

/// What is added to a score: 0, the mask's number, or minus infinity where a key is not seen.
Value biasOf(Lowering &node, const Sizes &s) {
  Type wide = realElement(node.elementOf(0));
  bool causal = node.integer("is_causal", 0);
  int64_t left = node.integer("left_window_size", -1), right = node.integer("right_window_size", -1);
  return node.generate({s.batch, s.heads, s.queries, s.keys}, wide, [&](Body &b, ValueRange at) -> Value {
    Value none = b.number(wide, -INFINITY), bias = b.number(wide, 0);
    if (node.has(3)) {
      SmallVector<int64_t> shape(node.shapeOf(3));
      Type element = node.elementOf(3);
      SmallVector<Value> places;
      Value inside = b.integer(b.getI1Type(), 1);
      for (size_t i = 0; i < shape.size(); ++i) {
        Value place = at[4 - shape.size() + i];
        if (i + 1 == shape.size() && !isOpen(shape[i]) && !isOpen(s.keys) && shape[i] < s.keys)
          inside = b.below(place, b.index(shape[i]));
        places.push_back(shape[i] == 1 ? b.index(0) : b.clamped(place, shape[i]));
      }
      Value mask = b.load(b.extract(node.tensors[3], places), element);
      bias = element.isInteger(1) ? b.select(mask, bias, none) : b.convert(mask, element, wide);
      bias = b.select(inside, bias, none);
    }
    auto hide = [&](Value seen) { bias = b.select(seen, bias, none); };
    Value valid;
    if (!isScored(node) && node.has(6))
      valid = b.asIndex(b.extract(node.tensors[6], {at[0]}), node.elementOf(6));
    if (causal || left >= 0 || right >= 0) {
      Value offset = valid && !s.hasPast ? Value(b.sub(valid, b.index(s.queries))) : b.index(s.past);
      Value place = b.add(at[2], offset); // of the query among the keys
      auto noLater = [&](Value first, Value second) {
        hide(arith::CmpIOp::create(b, arith::CmpIPredicate::sle, first, second));
      };
      if (causal)
        noLater(at[3], place);
      if (left >= 0)
        noLater(b.sub(place, b.index(left)), at[3]);
      if (right >= 0)
        noLater(at[3], b.add(place, b.index(right)));
    }
    if (valid)
      hide(b.below(at[3], valid));
    return bias;
  });
}

/// Softmax over the keys of [batch, heads, queries, keys]; rows where `open`, a number a row, is minus infinity see
/// nothing and become zeros.
Value weightsOf(Lowering &node, Value scores, Value open, Type wide, Type element, const Sizes &s) {
  SmallVector<int64_t> whole = {s.batch, s.heads, s.queries, s.keys}, row = {s.batch, s.heads, s.queries, 1};
  auto peakOf = [&](Value x) {
    Value peak = node.reduce(
        {x, wide}, {3}, wide, [&](Body &b) { return b.number(wide, -INFINITY); },
        [&](Body &b, Value m, Value y) { return b.max(m, y, wide); });
    return node.reshape(peak, row);
  };
  Value peak = peakOf(scores);
  Value seen = open == scores ? peak : peakOf(open);
  Value powers =
      node.elementwise({{scores, wide}, {peak, wide}, {seen, wide}}, whole, wide, [&](Body &b, ValueRange x) {
        Value none = b.number(wide, -INFINITY), zero = b.number(wide, 0);
        Value top = b.select(b.equal(x[1], none), zero, x[1]);
        return b.select(b.equal(x[2], none), zero, b.expOfNonPositive(b.sub(x[0], top)));
      });
  Value sum = node.reshape(node.reduce(
                               {powers, wide}, {3}, wide, [&](Body &b) { return b.number(wide, 0); },
                               [&](Body &b, Value t, Value y) { return b.add(t, y); }),
                           row);
  return node.elementwise({{powers, wide}, {sum, wide}}, whole, element, [&](Body &b, ValueRange x) {
    Value zero = b.number(wide, 0);
    return b.select(b.equal(x[1], zero), zero, b.div(x[0], x[1], wide));
  });
}

/// Scores of llmc's own attention from the product: times factors, plus a bias, replaced where not seen, plus another.
Value ownScores(Lowering &node, Value scores, Type wide, const Sizes &s) {
  SmallVector<Operand> operands = {{scores, wide}};
  auto add = [&](unsigned input) -> int64_t {
    if (!node.has(input))
      return -1;
    operands.push_back(node.input(input));
    return static_cast<int64_t>(operands.size()) - 1;
  };
  int64_t factor = add(kFactor), bias = add(3), seen = add(kSeen), late = add(kLate);
  double fill = node.real("fill", 0);
  return node.elementwise(operands, {s.batch, s.heads, s.queries, s.keys}, wide, [&](Body &b, ValueRange x) {
    auto wideOf = [&](int64_t i) { return b.convert(x[i], operands[i].element, wide); };
    Value y = x[0];
    if (factor > 0)
      y = b.mul(y, wideOf(factor));
    if (bias > 0)
      y = b.add(y, wideOf(bias));
    if (seen > 0)
      y = b.select(x[seen], y, b.number(wide, fill));
    return late > 0 ? b.add(y, wideOf(late)) : y;
  });
}

LogicalResult lowerAttention(Lowering &node, SmallVectorImpl<Value> &results) {
  Sizes s;
  if (failed(readSizes(node, s)))
    return failure();
  for (StringRef side : {"left_window_size", "right_window_size"})
    if (int64_t size = node.integer(side, -1); size < -1 || size > maxWindow)
      return node.error() << "attribute '" << side << "' = " << size << " (expected -1 to " << maxWindow << ")";
  Type wide = realElement(node.elementOf(0)), element = node.elementOf(0);
  int64_t group = s.heads / s.kvHeads, mode = node.integer("qk_matmul_output_mode", 0);
  Value q = headsOf(node, 0, s.heads, 0, s), k = headsOf(node, 1, s.kvHeads, 4, s),
        v = headsOf(node, 2, s.kvHeads, 5, s);
  SmallVector<int64_t> whole = {s.batch, s.heads, s.queries, s.keys};
  // Loops: batch, key-value head, query head of its group, query, key, width.
  Value grouped = node.reshape(q, {s.batch, s.kvHeads, group, s.queries, s.width});
  Value scores = contract(
      node, {grouped, element}, {k, node.elementOf(1)}, {s.batch, s.kvHeads, group, s.queries, s.keys, s.width},
      {false, false, false, false, false, true}, {0, 1, 2, 3, 5}, {0, 1, 4, 5}, {0, 1, 2, 3, 4}, wide);
  double scale = node.hasAttribute("scale") ? node.real("scale", 1) : 1 / std::sqrt(static_cast<double>(s.width));
  Value products = node.reshape(scores, whole);
  scores = node.elementwise({{products, wide}}, whole, wide,
                            [&](Body &b, ValueRange x) { return b.mul(x[0], b.number(wide, scale)); });
  Value shown = scores, biased, open;
  double cap = node.real("softcap", 0);
  if (cap > 0) {
    scores = node.elementwise({{scores, wide}}, whole, wide, [&](Body &b, ValueRange x) -> Value {
      Value limit = b.number(wide, cap);
      return b.mul(math::TanhOp::create(b, b.div(x[0], limit, wide)), limit);
    });
    if (mode == 0 || mode == 1)
      shown = scores;
  }
  if (isScored(node)) {
    open = biased = ownScores(node, scores, wide, s);
  } else {
    // Rounded once: beside a bias of -10000, which says in many files that a key is not seen, each place counts where a
    // row sees none.
    open = biasOf(node, s);
    biased = node.elementwise({{cap > 0 ? scores : products, wide}, {open, wide}}, whole, wide,
                              [&](Body &b, ValueRange x) -> Value {
                                if (cap > 0)
                                  return b.add(x[0], x[1]);
                                return math::FmaOp::create(b, x[0], b.number(wide, scale), x[1]);
                              });
  }
  if (mode == 2)
    shown = biased;
  Value weights = weightsOf(node, biased, open, wide, element, s);
  if (mode == 3)
    shown = weights;
  Value y =
      contract(node, {node.reshape(weights, {s.batch, s.kvHeads, group, s.queries, s.keys}), element},
               {v, node.elementOf(2)}, {s.batch, s.kvHeads, group, s.queries, s.valueWidth, s.keys},
               {false, false, false, false, false, true}, {0, 1, 2, 3, 5}, {0, 1, 5, 4}, {0, 1, 2, 3, 4}, element);
  y = node.reshape(y, {s.batch, s.heads, s.queries, s.valueWidth});
  if (s.flat)
    y = node.reshape(node.transpose(y, {0, 2, 1, 3}), {s.batch, s.queries, s.heads * s.valueWidth});
  results.push_back(y);
  if (node.numOutputs > 1)
    results.push_back(k);
  if (node.numOutputs > 2)
    results.push_back(v);
  if (node.numOutputs > 3)
    results.push_back(mode == 3 ? shown : node.elementwise({{shown, wide}}, whole, element, [](Body &, ValueRange x) {
      return x[0];
    }));
  return success();
}

LogicalResult inferRotary(const Node &node, SmallVectorImpl<Type> &types) {
  Extents &e = node.extents();
  ArrayRef<int64_t> shape = node.shapeOf(0);
  if (shape.size() != 3 && shape.size() != 4)
    return node.error() << "input 0 is " << e.text(node.typeOf(0)) << " (expected rank 3 or 4)";
  // A place for each token: its position, or its angles.
  unsigned placed = node.has(3) ? 3 : 1;
  if (node.rankOf(placed) != (node.has(3) ? 2 : 3) || !e.agree(node.shapeOf(placed)[0], shape[0]) ||
      !e.agree(node.shapeOf(placed)[1], shape[shape.size() - 2]))
    return node.error() << "input " << placed << " is " << e.text(node.typeOf(placed))
                        << ", which has no place for each token of " << e.text(node.typeOf(0));
  return inferSame(node, types);
}

/// Turns pairs of columns by an angle's cosine and sine, which come as tables.
LogicalResult lowerRotary(Lowering &node, SmallVectorImpl<Value> &results) {
  SmallVector<int64_t> shape(node.shapeOf(0));
  bool flat = shape.size() == 3, interleaved = node.integer("interleaved", 0);
  int64_t heads = flat ? node.integer("num_heads", 0) : shape.size() == 4 ? shape[1] : 0;
  if (isOpen(heads) || isOpen(shape.back()))
    return node.error() << "the number of heads and their width are known only at run time (found "
                        << node.extents().text(node.typeOf(0)) << ")";
  if (heads < 1 || (flat && shape[2] % heads))
    return node.error() << heads << " heads do not fit " << node.extents().text(node.typeOf(0));
  int64_t width = flat ? shape[2] / heads : shape[3], turned = node.integer("rotary_embedding_dim", 0);
  if (turned == 0)
    turned = width;
  int64_t tables = node.has(3) ? 2 : 3;
  if (turned < 2 || turned % 2 || turned > width || node.rankOf(1) != tables || node.typeOf(1) != node.typeOf(2) ||
      node.shapeOf(1).back() != turned / 2)
    return node.error() << "tables " << node.extents().text(node.typeOf(1)) << " do not turn " << turned << " of "
                        << width << " columns";
  Type element = node.elementOf(0);
  int64_t half = turned / 2;
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    Value batch = at[0], sequence = flat ? at[1] : at[2];
    Value head = flat ? Value(arith::DivUIOp::create(b, at[2], b.index(width))) : at[1];
    Value column = flat ? Value(arith::RemUIOp::create(b, at[2], b.index(width))) : at[3];
    Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, column, b.index(turned));
    Value safe = b.select(inside, column, b.index(0)), angle, isSecond, partner;
    if (interleaved) {
      angle = arith::DivUIOp::create(b, safe, b.index(2));
      Value odd = arith::RemUIOp::create(b, safe, b.index(2));
      isSecond = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, odd, b.index(1));
      partner = b.select(isSecond, b.sub(safe, b.index(1)), b.add(safe, b.index(1)));
    } else {
      isSecond = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, safe, b.index(half));
      angle = b.select(isSecond, b.sub(safe, b.index(half)), safe);
      partner = b.select(isSecond, b.sub(safe, b.index(half)), b.add(safe, b.index(half)));
    }
    SmallVector<Value> row = {batch, sequence, angle};
    if (node.has(3)) {
      Value position = b.asIndex(b.extract(node.tensors[3], {batch, sequence}), node.elementOf(3));
      row = {b.clamped(position, node.shapeOf(1)[0]), angle};
    }
    Value cos = b.load(b.extract(node.tensors[1], row), element),
          sin = b.load(b.extract(node.tensors[2], row), element);
    SmallVector<Value> other(at.begin(), at.end());
    other.back() = flat ? Value(b.add(b.mul(head, b.index(width)), partner)) : partner;
    Value x = b.load(b.extract(node.tensors[0], at), element), y = b.load(b.extract(node.tensors[0], other), element);
    Value first = b.sub(b.mul(cos, x), b.mul(sin, y)), second = b.add(b.mul(sin, y), b.mul(cos, x));
    return b.select(inside, b.select(isSecond, second, first), x);
  }));
  return success();
}

} // namespace

void addAttention(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"Attention", 23, inferAttention, lowerAttention, true});
  rows.push_back({kScored, 1, inferAttention, lowerAttention, true});
  rows.push_back({"RotaryEmbedding", 23, inferRotary, lowerRotary, true});
}

} // namespace llmc::onnx_import
