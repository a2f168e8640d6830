// GroupedAttentionExpansions.cpp - GroupQueryAttention: rows of their own lengths, rotary, windows, sinks, in one
// operator.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/AttentionExpansions.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

using Values = SmallVectorImpl<Value>;

/// Sizes of one node.
struct Grouped {
  int64_t batch, sequence, heads, keyHeads, width, past, total;
};

LogicalResult readSizes(Expander &x, Grouped &g) {
  if (x.rankOf(0) != 3)
    return x.error() << "needs a query of rank 3 (found " << x.extents().text(x.typeOf(0)) << ")";
  g.batch = x.shapeOf(0)[0];
  g.sequence = x.shapeOf(0)[1];
  g.heads = x.integer("num_heads", 1);
  g.keyHeads = x.integer("kv_num_heads", 1);
  Extents &e = x.extents();
  for (unsigned input : {0u, 1u, 2u, 3u, 4u})
    if (x.has(input) && x.rankOf(input) > 0 && isOpen(x.shapeOf(input).back()))
      return x.error() << "the columns of input " << input << " are known only at run time (found "
                       << x.extents().text(x.typeOf(input)) << ")";
  bool fits = g.heads > 0 && g.keyHeads > 0 && g.heads <= kMostHeads && g.keyHeads <= kMostHeads;
  int64_t all = x.shapeOf(0)[2], parts = fits ? x.has(1) ? g.heads : g.heads + 2 * g.keyHeads : 1;
  if (!fits || g.heads % g.keyHeads || all % parts)
    return x.error() << g.heads << " query and " << g.keyHeads << " key heads do not fit "
                     << x.extents().text(x.typeOf(0));
  g.width = all / parts;
  if (x.has(1) && (!x.has(2) || x.rankOf(1) != 3 || x.rankOf(2) != 3 || x.shapeOf(1)[2] != g.keyHeads * g.width ||
                   x.shapeOf(2)[2] != g.keyHeads * g.width || !e.agree(x.shapeOf(1)[1], g.sequence)))
    return x.error() << "key and value do not fit " << g.keyHeads << " heads of " << g.width << " columns";
  g.past = 0;
  if (x.has(3)) {
    if (!x.has(4) || x.rankOf(3) != 4 || x.rankOf(4) != 4 || x.shapeOf(3)[1] != g.keyHeads ||
        x.shapeOf(3)[3] != g.width)
      return x.error() << "the past " << x.extents().text(x.typeOf(3)) << " does not fit " << g.keyHeads << " heads of "
                       << g.width << " columns";
    g.past = x.shapeOf(3)[2];
  }
  // The most keys of any row: known, or what the present is declared to have, or all there are.
  const int64_t together = e.add(g.past, g.sequence);
  g.total = together;
  if (std::optional<SmallVector<int64_t>> known = x.knownIntegers(6); known && known->size() == 1)
    g.total = e.most(g.past, (*known)[0]);
  else if (x.declared.size() > 1 && x.declared[1] && x.declared[1].getRank() == 4)
    g.total = x.declared[1].getShape()[2];
  if (e.maximum(g.total) < 1 || e.maximum(e.sub(g.total, together)) > 0)
    return x.error() << "a total length of " << e.text(g.total) << " is not what a past of " << e.text(g.past)
                     << " and " << e.text(g.sequence) << " more come to";
  return success();
}

LogicalResult refuse(Expander &x) {
  for (StringRef name : {"kv_cache_bit_width", "sliding_window_cache"})
    if (x.integer(name, 0))
      return x.error() << "unsupported attribute '" << name << "' = " << x.integer(name, 0) << " (expected 0)";
  for (StringRef name : {"k_quant_type", "v_quant_type"})
    if (x.text(name, "NONE") != "NONE")
      return x.error() << "unsupported attribute '" << name << "' = '" << x.text(name, "") << "' (expected NONE)";
  for (unsigned input : {12u, 13u, 16u})
    if (x.has(input))
      return x.error() << "input " << input << " is not supported";
  if (x.wants(3) && (x.integer("qk_output", 0) < 1 || x.integer("qk_output", 0) > 2 || x.has(11) ||
                     x.integer("smooth_softmax", 0) == 1))
    return x.error() << "unsupported attribute 'qk_output' = " << x.integer("qk_output", 0) << " (expected 1 or 2)";
  return success();
}

/// A norm over each head's columns.
Value headNorm(Expander &x, Value value, unsigned weight, int64_t heads, const Grouped &g, double epsilon) {
  if (!x.has(weight))
    return value;
  Value split = x.reshape(value, {g.batch, g.sequence, heads, g.width});
  split = x.op("RMSNormalization", {split, x.input(weight)}, {x.set("axis", int64_t(-1)), x.set("epsilon", epsilon)});
  return x.reshape(split, {g.batch, g.sequence, heads * g.width});
}

LogicalResult groupQueryAttention(Expander &x, Values &y) {
  Grouped g;
  if (failed(readSizes(x, g)) || failed(refuse(x)))
    return failure();
  Value query = x.input(0), key = x.input(1), value = x.input(2);
  if (!key) {
    SmallVector<Value> three = x.split(query, 2, {g.heads * g.width, g.keyHeads * g.width, g.keyHeads * g.width});
    query = three[0], key = three[1], value = three[2];
  }
  double epsilon = x.real("qk_norm_epsilon", 1e-6f);
  query = headNorm(x, query, 14, g.heads, g, x.real("q_norm_epsilon", epsilon));
  key = headNorm(x, key, 15, g.keyHeads, g, x.real("k_norm_epsilon", epsilon));

  // Keys that a row has before these ones: its length less the new ones. A prompt has none, whatever stands behind it.
  Type i64 = x.i64();
  Value length = x.op("Add", {x.reshape(x.cast(x.input(5), i64), {-1, 1, 1, 1}), x.number(1, i64)});
  bool first = g.past == 0 || g.sequence == g.total;
  // A size as a number beside others.
  auto sized = [&](int64_t size) { return x.reshape(x.list({size}), {1, 1, 1, 1}); };
  Value before = first ? x.numbers({1, 1, 1, 1}, {0}, i64)
                       : x.op("Max", {x.op("Sub", {length, sized(g.sequence)}), x.number(0, i64)});
  Value steps = x.reshape(x.line(g.sequence, i64), {1, 1, -1, 1});
  Value place = x.op("Add", {before, steps}); // [batch or 1, 1, sequence, 1]
  if (x.integer("do_rotary", 0)) {
    if (!x.has(7) || !x.has(8) || x.rankOf(7) != 2)
      return x.error() << "needs tables of cosines and sines where attribute 'do_rotary' is 1";
    Value positions =
        x.has(9) ? x.input(9)
                 : x.reshape(x.op("Expand", {place, x.list({g.batch, 1, g.sequence, 1})}), {g.batch, g.sequence});
    if (isOpen(x.shapeOf(7)[1]))
      return x.error() << "the columns of its tables are known only at run time (found "
                       << x.extents().text(x.typeOf(7)) << ")";
    int64_t turned = 2 * x.shapeOf(7)[1];
    auto turn = [&](Value what, int64_t heads) {
      return x.op("RotaryEmbedding", {what, x.input(7), x.input(8), positions},
                  {x.set("num_heads", heads), x.set("interleaved", x.integer("rotary_interleaved", 0)),
                   x.set("rotary_embedding_dim", turned == g.width ? int64_t(0) : turned)});
    };
    query = turn(query, g.heads);
    key = turn(key, g.keyHeads);
  }

  // All keys of a row one after the other: what it has before, then the new ones.
  auto joined = [&](Value fresh, unsigned past) {
    Value heads = x.transpose(x.reshape(fresh, {g.batch, g.sequence, g.keyHeads, g.width}), {0, 2, 1, 3});
    if (g.past == 0)
      return g.total == g.sequence ? heads : x.slice(heads, 2, 0, g.total);
    Value all = x.concat({x.input(past), heads}, 2);
    Value at = x.reshape(x.line(g.total, i64), {1, 1, -1, 1});
    Value own = x.op("Less", {at, before});
    Value moved = x.op("Add", {x.op("Sub", {at, before}), sized(g.past)});
    Value from =
        x.op("Where", {own, at, x.op("Min", {moved, sized(x.extents().sub(x.extents().add(g.past, g.sequence), 1))})});
    from = x.op("Expand", {from, x.list({g.batch, g.keyHeads, g.total, g.width})});
    // Behind its last key a row has zeros.
    Value held = x.op("Less", {at, x.op("Add", {before, sized(g.sequence)})});
    Value keys = x.op("GatherElements", {all, from}, {x.set("axis", int64_t(2))});
    return x.op("Where", {held, keys, x.number(0, x.elementOf(past))});
  };
  Value presentKey = joined(key, 3), presentValue = joined(value, 4);

  // Which keys a query sees: those up to itself, or of its row, and not behind the window.
  Value at = x.reshape(x.line(g.total, i64), {1, 1, 1, -1}), seen;
  if (x.integer("causal", 1))
    seen = x.op("LessOrEqual", {at, place});
  else
    seen = x.op("Less", {at, length});
  if (int64_t window = x.integer("local_window_size", -1); window > 0)
    seen = x.op("And", {seen, x.op("Greater", {at, x.op("Sub", {place, x.number(window, i64)})})});
  Type f32 = x.f32();
  Value none = x.number(-INFINITY, f32);
  Value bias = x.op("Where", {seen, x.number(0, f32), none});
  bias = sumOfBiases(x, bias, x.input(10));
  AttentionParts parts;
  parts.heads = g.heads;
  parts.keyHeads = g.keyHeads;
  parts.scale = x.real("scale", 0);
  parts.softcap = x.real("softcap", 0);
  parts.scoresMode = x.integer("qk_output", 0) == 2 ? 3 : 2;
  Value keys = presentKey, values = presentValue;
  if (x.has(11) || x.integer("smooth_softmax", 0) == 1) {
    // A sink takes its share of each softmax and gives nothing: one more key of zeros, whose score is its bias.
    Value zeros = x.op("Expand", {x.number(0, x.elementOf(0)), x.list({g.batch, g.keyHeads, 1, g.width})});
    keys = x.concat({keys, zeros}, 2);
    values = x.concat({values, zeros}, 2);
    Value sink = x.has(11) ? x.reshape(x.cast(x.input(11), f32), {1, g.heads, 1, 1}) : x.number(0, f32);
    sink = x.op("Expand", {sink, x.list({g.batch, g.heads, g.sequence, 1})});
    bias = x.op("Expand", {bias, x.list({g.batch, g.heads, g.sequence, g.total})});
    bias = x.concat({bias, sink}, 3);
  }
  auto flat = [&](Value heads) { return x.reshape(x.transpose(heads, {0, 2, 1, 3}), {0, 0, -1}); };
  parts.query = query;
  parts.key = flat(keys);
  parts.value = flat(values);
  parts.bias = bias;
  SmallVector<Value> results = attend(x, parts, x.wants(3) ? 4 : 1);
  y.push_back(results[0]);
  y.push_back(presentKey);
  y.push_back(presentValue);
  if (x.wants(3))
    y.push_back(results[3]);
  return success();
}

} // namespace

void addGroupedAttentionExpansions(SmallVectorImpl<Expansion> &list) {
  list.push_back({"com.microsoft.GroupQueryAttention", groupQueryAttention, true});
}

} // namespace llmc::onnx_import
