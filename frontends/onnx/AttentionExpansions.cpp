// AttentionExpansions.cpp - Attention, QAttention, MultiHeadAttention and their decoder forms, rotary and relative
// positions.
//
// Not here: GroupQueryAttention (GroupedAttentionExpansions.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/AttentionExpansions.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace llmc::onnx_import {

SmallVector<Value> attend(Expander &x, const AttentionParts &parts, unsigned outputs) {
  SmallVector<Setting> settings = {x.set("q_num_heads", parts.heads), x.set("kv_num_heads", parts.keyHeads),
                                   x.set("is_causal", int64_t(parts.causal)),
                                   x.set("qk_matmul_output_mode", parts.scoresMode)};
  if (parts.scale != 0)
    settings.push_back(x.set("scale", parts.scale));
  if (parts.softcap != 0)
    settings.push_back(x.set("softcap", parts.softcap));
  return x.ops("Attention", {parts.query, parts.key, parts.value, parts.bias, parts.pastKey, parts.pastValue}, settings,
               outputs, 23);
}

Value sumOfBiases(Expander &x, Value a, Value b) {
  return x.sum(a ? x.cast(a, x.f32()) : a, b ? x.cast(b, x.f32()) : b);
}

Value biasOfMask(Expander &x, unsigned input, int64_t batch, int64_t queries, int64_t keys, double filter) {
  Value mask = x.input(input);
  ArrayRef<int64_t> shape = x.shapeOf(input);
  Type i32 = x.i32();
  auto where = [&](Value seen) { return x.op("Where", {seen, x.number(0, x.f32()), x.number(filter, x.f32())}); };
  auto positive = [&](Value value) { return x.op("Greater", {value, x.number(0, x.elementOf(input))}); };
  Extents &e = x.extents();
  bool pairs = shape.size() == 1 && shape[0] == e.mul(batch, 2);
  if (shape.size() == 1 && (pairs || e.agree(shape[0], batch))) {
    Value place = x.reshape(x.line(keys, i32), {1, 1, 1, -1});
    auto row = [&](int64_t from) {
      Value part = pairs ? x.slice(mask, 0, from, e.add(from, batch)) : mask;
      return x.reshape(x.cast(part, i32), {-1, 1, 1, 1});
    };
    Value seen = x.op("Less", {place, row(0)});
    if (pairs)
      seen = x.op("And", {seen, x.op("GreaterOrEqual", {place, row(batch)})});
    return where(seen);
  }
  if (shape.size() == 2 && (shape[0] == 1 || e.agree(shape[0], batch)) && e.agree(shape[1], keys))
    return where(positive(x.unsqueeze(mask, {1, 2})));
  if (shape.size() == 3 && e.agree(shape[1], queries) && e.agree(shape[2], keys))
    return where(positive(x.unsqueeze(mask, {1})));
  if (shape.size() == 4 && shape[1] == 1 && e.minimum(e.sub(shape[2], keys)) >= 0 &&
      e.minimum(e.sub(shape[3], keys)) >= 0)
    return where(positive(x.slice(x.slice(mask, 2, e.sub(keys, queries), keys), 3, 0, keys)));
  x.error() << "input " << input << " is a mask " << x.extents().text(x.typeOf(input)) << " for " << e.text(batch)
            << " rows of " << e.text(queries) << " queries and " << e.text(keys) << " keys, which is not supported";
  return {};
}

namespace {

using Values = SmallVectorImpl<Value>;

double filterOf(Expander &x) { return x.real("mask_filter_value", -10000); }

LogicalResult refuse(Expander &x, StringRef attribute) {
  if (!x.integer(attribute, 0))
    return success();
  return x.error() << "unsupported attribute '" << attribute << "' = " << x.integer(attribute, 0) << " (expected 0)";
}

/// Query, key and value side by side, as [batch, sequence, all], and what follows from there.
LogicalResult attentionOf(Expander &x, Value all, ArrayRef<int64_t> widths, int64_t sequence, unsigned mask,
                          unsigned past, unsigned bias, Values &y) {
  int64_t heads = x.integer("num_heads", 1), batch = x.shapeOf(0)[0];
  if (heads < 1 || widths[0] % heads || widths[2] % heads || widths[0] != widths[1])
    return x.error() << "attribute 'num_heads' = " << heads << " does not divide " << widths[0] << " and " << widths[2]
                     << " columns";
  if (failed(refuse(x, "past_present_share_buffer")) || failed(refuse(x, "do_rotary")))
    return failure();
  AttentionParts parts;
  parts.heads = parts.keyHeads = heads;
  SmallVector<Value> three = x.split(all, 2, widths);
  parts.query = three[0];
  parts.key = three[1];
  parts.value = three[2];
  int64_t keys = sequence;
  if (x.has(past)) {
    ArrayRef<int64_t> shape = x.shapeOf(past);
    if (shape.size() != 5 || shape[0] != 2)
      return x.error() << "the past is " << x.extents().text(x.typeOf(past))
                       << " (expected [2, batch, heads, past, width])";
    keys = x.extents().add(keys, shape[3]);
    auto half = [&](int64_t i) { return x.op("Squeeze", {x.slice(x.input(past), 0, i, i + 1), x.list({0})}); };
    parts.pastKey = half(0);
    parts.pastValue = half(1);
  }
  if (x.has(mask))
    if (parts.bias = biasOfMask(x, mask, batch, sequence, keys, filterOf(x)); !parts.bias)
      return failure();
  if (bias && x.has(bias))
    parts.bias = sumOfBiases(x, parts.bias, x.input(bias));
  parts.causal = x.integer("unidirectional", 0);
  parts.scale = x.real("scale", 0);
  SmallVector<Value> results = attend(x, parts, x.wants(1) ? 3 : 1);
  y.push_back(results[0]);
  if (x.wants(1))
    y.push_back(x.concat({x.unsqueeze(results[1], {0}), x.unsqueeze(results[2], {0})}, 0));
  return success();
}

LogicalResult attention(Expander &x, Values &y) {
  if (x.rankOf(0) != 3 || x.rankOf(1) != 2)
    return x.error() << "needs an input of rank 3 and weights of rank 2 (found " << x.extents().text(x.typeOf(0))
                     << " and " << x.extents().text(x.typeOf(1)) << ")";
  if (isOpen(x.shapeOf(1)))
    return x.error() << "weights " << x.extents().text(x.typeOf(1)) << " are of sizes known only at run time";
  int64_t all = x.shapeOf(1)[1];
  SmallVector<int64_t> widths = x.integers("qkv_hidden_sizes").value_or(SmallVector<int64_t>{});
  if (widths.empty())
    widths = {all / 3, all / 3, all / 3};
  if (widths.size() != 3 || widths[0] + widths[1] + widths[2] != all)
    return x.error() << "weights " << x.extents().text(x.typeOf(1)) << " are no query, key and value side by side";
  Value product = x.sum(x.op("MatMul", {x.input(0), x.input(1)}), x.input(2));
  return attentionOf(x, product, widths, x.shapeOf(0)[1], 3, 4, 5, y);
}

/// The same with codes: input and weights, each with a scale and a zero point.
LogicalResult quantizedAttention(Expander &x, Values &y) {
  if (x.rankOf(0) != 3 || x.rankOf(1) != 2 || isOpen(x.shapeOf(1)) || x.shapeOf(1)[1] % 3)
    return x.error() << "needs an input of rank 3 and weights of rank 2 (found " << x.extents().text(x.typeOf(0))
                     << " and " << x.extents().text(x.typeOf(1)) << ")";
  int64_t all = x.shapeOf(1)[1];
  Value codes = x.op("MatMulInteger", {x.input(0), x.input(1), x.input(6), x.input(7)});
  Value scale = x.op("Mul", {x.input(3), x.input(4)});
  Value product = x.sum(x.op("Mul", {x.cast(codes, x.f32()), scale}), x.input(2));
  return attentionOf(x, product, {all / 3, all / 3, all / 3}, x.shapeOf(0)[1], 5, 8, 0, y);
}

/// A key or value of [batch, heads, sequence, width] as [batch, sequence, heads * width].
Value flat(Expander &x, Value value) { return x.reshape(x.transpose(value, {0, 2, 1, 3}), {0, 0, -1}); }

/// Where query, key and value come from: apart, key and value side by side, or all three.
LogicalResult readQkv(Expander &x, AttentionParts &parts, int64_t &keys, unsigned biasInput) {
  int64_t heads = x.integer("num_heads", 1), rank = x.rankOf(0);
  if (heads < 1 || heads > kMostHeads || (rank != 3 && rank != 5) || isOpen(x.shapeOf(0).back()) ||
      (rank == 3 && x.shapeOf(0)[2] % heads))
    return x.error() << "attribute 'num_heads' = " << heads << " does not fit a query "
                     << x.extents().text(x.typeOf(0));
  parts.heads = parts.keyHeads = heads;
  auto packed = [&](unsigned input, int64_t count, SmallVector<Value> &out) -> LogicalResult {
    if (x.rankOf(input) != 5 || x.shapeOf(input)[2] != heads || x.shapeOf(input)[3] != count)
      return x.error() << "input " << input << " is " << x.extents().text(x.typeOf(input))
                       << " (expected [batch, sequence, " << heads << ", " << count << ", width])";
    for (Value part : x.split(x.input(input), 3, SmallVector<int64_t>(count, 1)))
      out.push_back(x.reshape(part, {0, 0, -1}));
    return success();
  };
  bool isPast = false;
  int64_t width, valueWidth;
  if (rank == 5) {
    SmallVector<Value> three;
    if (failed(packed(0, 3, three)))
      return failure();
    parts.query = three[0], parts.key = three[1], parts.value = three[2];
    keys = x.shapeOf(0)[1];
    width = valueWidth = heads * x.shapeOf(0)[4];
  } else {
    parts.query = x.input(0);
    width = valueWidth = x.shapeOf(0)[2];
    if (!x.has(1) || x.rankOf(1) < 3 || x.rankOf(1) > 5)
      return x.error() << "has no key of rank 3, 4 or 5 (expected one, or a query of rank 5)";
    keys = x.shapeOf(1)[x.rankOf(1) == 4 ? 2 : 1];
    if (x.rankOf(1) == 5) {
      SmallVector<Value> two;
      if (failed(packed(1, 2, two)))
        return failure();
      parts.key = two[0], parts.value = two[1];
    } else {
      if (!x.has(2) || x.rankOf(1) != x.rankOf(2) || (x.rankOf(1) != 3 && x.rankOf(1) != 4))
        return x.error() << "needs key and value of rank 3 or 4";
      isPast = x.rankOf(1) == 4;
      parts.key = isPast ? flat(x, x.input(1)) : x.input(1);
      parts.value = isPast ? flat(x, x.input(2)) : x.input(2);
      if (isOpen(x.shapeOf(2).back()))
        return x.error() << "the value's columns are known only at run time (found " << x.extents().text(x.typeOf(2))
                         << ")";
      valueWidth = isPast ? heads * x.shapeOf(2)[3] : x.shapeOf(2)[2];
    }
  }
  if (x.has(biasInput)) {
    if (x.rankOf(biasInput) != 1 || x.shapeOf(biasInput)[0] != 2 * width + valueWidth)
      return x.error() << "the bias is " << x.extents().text(x.typeOf(biasInput)) << " (expected "
                       << 2 * width + valueWidth << " numbers)";
    auto add = [&](Value &to, int64_t from, int64_t size) {
      to = x.sum(to, x.slice(x.input(biasInput), 0, from, from + size));
    };
    add(parts.query, 0, width);
    // Keys and values that were kept have theirs.
    if (!isPast) {
      add(parts.key, width, width);
      add(parts.value, 2 * width, valueWidth);
    }
  }
  return success();
}

LogicalResult decoderAttention(Expander &x, Values &y);

LogicalResult multiHeadAttention(Expander &x, Values &y) {
  if (x.has(6) && x.has(7) && x.has(8)) {
    // A past that is written in place: the decoder's form, its inputs in another order.
    x.inputs = {x.input(0), x.input(1), x.input(2), x.input(4), x.input(5), x.input(6),
                x.input(7), x.input(8), Value(),    x.input(9), x.input(3)};
    NamedAttrList settings(x.settings);
    settings.set("past_present_share_buffer", IntegerAttr::get(IntegerType::get(x.context(), 64), 1));
    x.settings = settings.getDictionary(x.context());
    return decoderAttention(x, y);
  }
  AttentionParts parts;
  int64_t keys = 0;
  if (failed(readQkv(x, parts, keys, 3)))
    return failure();
  if (x.has(9) && x.has(6))
    return x.error() << "input 9 (beams that point into each other's past) is not supported";
  int64_t batch = x.shapeOf(0)[0], queries = x.shapeOf(0)[1];
  if (x.has(6) && x.has(7)) {
    if (x.rankOf(6) != 4)
      return x.error() << "the past is " << x.extents().text(x.typeOf(6)) << " (expected [batch, heads, past, width])";
    keys = x.extents().add(keys, x.shapeOf(6)[2]);
    parts.pastKey = x.input(6);
    parts.pastValue = x.input(7);
  }
  if (x.has(4))
    if (parts.bias = biasOfMask(x, 4, batch, queries, keys, filterOf(x)); !parts.bias)
      return failure();
  if (x.has(5))
    parts.bias = sumOfBiases(x, parts.bias, x.input(5));
  parts.causal = x.integer("unidirectional", 0);
  parts.scale = x.real("scale", 0);
  llvm::append_range(y, attend(x, parts, x.numOutputs));
  return success();
}

/// One new word beside a past in a buffer that is longer: the word's key and value go to the place that is next.
LogicalResult decoderAttention(Expander &x, Values &y) {
  AttentionParts parts;
  int64_t keys = 0;
  if (failed(readQkv(x, parts, keys, 10)))
    return failure();
  Extents &e = x.extents();
  int64_t batch = x.shapeOf(0)[0], heads = parts.heads;
  Value presentKey, presentValue;
  if (x.has(5) && x.has(6)) {
    if (x.rankOf(5) != 4 || !e.agree(keys, 1))
      return x.error() << "needs one new key beside a past [batch, heads, past, width] (found " << e.text(keys)
                       << " and " << e.text(x.typeOf(5)) << ")";
    keys = 1;
    int64_t most = x.shapeOf(5)[2];
    if (x.integer("past_present_share_buffer", 0)) {
      if (!x.has(7))
        return x.error() << "input 7 (the length of the past) is missing";
      Value places = x.line(most, x.i32());
      Value next = x.reshape(x.cast(x.input(7), x.i32()), {1, 1, 1, 1});
      Value here = x.op("Equal", {x.reshape(places, {1, 1, -1, 1}), next});
      auto put = [&](Value fresh, Value past) {
        Value one = x.transpose(x.reshape(fresh, {batch, 1, heads, -1}), {0, 2, 1, 3});
        return x.op("Where", {here, one, past});
      };
      presentKey = put(parts.key, x.input(5));
      presentValue = put(parts.value, x.input(6));
      // A beam sees the past of those it came from, each key in the row that is named for it.
      auto seenBy = [&](Value present, Value fresh, Value past, ArrayRef<int64_t> shape) {
        if (!x.has(9))
          return present;
        Value beams = x.list({x.shapeOf(9)[1]});
        Value first = x.op("Mul", {x.op("Div", {x.line(batch, x.i64()), beams}), beams});
        Value rows = x.op(
            "Add", {x.reshape(x.cast(x.input(9), x.i64()), {batch, 1, -1, 1}), x.reshape(first, {batch, 1, 1, 1})});
        rows = x.op("Expand", {x.slice(rows, 2, 0, most), x.list(shape)});
        return put(fresh, x.op("GatherElements", {past, rows}, {x.set("axis", int64_t(0))}));
      };
      if (x.has(9) && (x.rankOf(9) != 3 || !e.agree(e.mul(x.shapeOf(9)[0], x.shapeOf(9)[1]), batch) ||
                       e.maximum(e.sub(x.shapeOf(9)[2], most)) < 0))
        return x.error() << "input 9 is " << e.text(x.typeOf(9)) << " (expected the row of each of " << e.text(most)
                         << " keys, for " << e.text(batch) << " rows)";
      Value own[] = {parts.key, parts.value};
      parts.key = flat(x, seenBy(presentKey, own[0], x.input(5), x.shapeOf(5)));
      parts.value = flat(x, seenBy(presentValue, own[1], x.input(6), x.shapeOf(6)));
      keys = most;
      Value seen = x.op("LessOrEqual", {x.reshape(places, {1, 1, 1, -1}), next});
      parts.bias = x.op("Where", {seen, x.number(0, x.f32()), x.number(-INFINITY, x.f32())});
    } else {
      parts.pastKey = x.input(5);
      parts.pastValue = x.input(6);
      keys = e.add(keys, most);
    }
  }
  if (x.has(3)) {
    // For the keys so far; those behind them in the buffer are not seen anyway.
    int64_t told = x.rankOf(3) == 2 ? e.least(keys, x.shapeOf(3)[1]) : keys;
    Value mask = biasOfMask(x, 3, batch, 1, told, filterOf(x));
    if (!mask)
      return failure();
    if (told != keys)
      mask = x.op("Pad", {mask, x.list({0, 0, 0, 0, 0, 0, 0, e.sub(keys, told)})});
    parts.bias = sumOfBiases(x, parts.bias, mask);
  }
  if (x.has(4))
    parts.bias = sumOfBiases(x, parts.bias, x.input(4));
  parts.scale = x.real("scale", 0);
  SmallVector<Value> results = attend(x, parts, x.numOutputs);
  if (presentKey && results.size() > 1)
    results[1] = presentKey;
  if (presentValue && results.size() > 2)
    results[2] = presentValue;
  llvm::append_range(y, results);
  return success();
}

/// Rotary embedding whose positions may be one offset for all rows.
LogicalResult rotaryEmbedding(Expander &x, Values &y) {
  if (failed(refuse(x, "is_packed_batching")))
    return failure();
  ArrayRef<int64_t> shape = x.shapeOf(0);
  if ((shape.size() != 3 && shape.size() != 4) || x.rankOf(2) != 2)
    return x.error() << "needs an input of rank 3 or 4 (found " << x.extents().text(x.typeOf(0)) << ")";
  int64_t heads = x.integer("num_heads", 0), turned = x.integer("rotary_embedding_dim", 0);
  int64_t sequence = shape[shape.size() == 3 ? 1 : 2];
  if (isOpen(shape.back()) || isOpen(x.shapeOf(2)[1]) || x.shapeOf(2)[1] < 1)
    return x.error() << "the columns of " << x.extents().text(x.typeOf(0)) << " and of its tables "
                     << x.extents().text(x.typeOf(2)) << " are not known";
  if (shape.size() == 3 && heads == 0)
    heads = shape[2] / (2 * x.shapeOf(2)[1]);
  Value places = x.input(1);
  if (x.extents().product(x.shapeOf(1)) == 1) {
    places = x.op("Add", {x.reshape(places, {1, 1}), x.reshape(x.line(sequence, x.i64()), {1, -1})});
    places = x.op("Expand", {places, x.list({shape[0], sequence})});
  }
  Value scale =
      x.hasAttribute("scale") && x.real("scale", 1) != 1 ? x.number(x.real("scale", 1), x.elementOf(0)) : Value();
  SmallVector<Setting> settings = {x.set("interleaved", x.integer("interleaved", 0)),
                                   x.set("rotary_embedding_dim", turned)};
  if (shape.size() == 3)
    settings.push_back(x.set("num_heads", heads));
  Value value = x.op("RotaryEmbedding", {x.input(0), x.input(2), x.input(3), places}, settings);
  y.push_back(scale ? x.op("Mul", {value, scale}) : value);
  return success();
}

/// A bias for each distance of query and key, by buckets that grow with it.
LogicalResult relativeBias(Expander &x, Values &y) {
  int64_t most = x.integer("max_distance", 128);
  bool both = x.integer("is_bidirectional", 0);
  if (x.rankOf(0) != 2 || isOpen(x.shapeOf(0)) || x.shapeOf(0)[0] < 2 || most < 2 || most > 1 << 16)
    return x.error() << "cannot share " << x.extents().text(x.typeOf(0)) << " among distances up to " << most;
  int64_t buckets = x.shapeOf(0)[0], half = both ? buckets / 2 : buckets, exact = std::max<int64_t>(1, half / 2);
  SmallVector<int64_t> table;
  for (int64_t distance = 0; distance <= most; ++distance) {
    int64_t bucket = distance;
    if (distance >= exact && exact >= most)
      bucket = half - 1;
    else if (distance >= exact)
      bucket = std::min(half - 1, exact + static_cast<int64_t>(std::log(static_cast<float>(distance) / exact) /
                                                               std::log(static_cast<float>(most) / exact) *
                                                               static_cast<float>(half - exact)));
    table.push_back(bucket);
  }
  auto line = [&](unsigned input) {
    if (std::optional<SmallVector<int64_t>> known = x.knownIntegers(input); known && known->size() == 1)
      return x.line((*known)[0], x.i64());
    Value end = x.reshape(x.cast(x.input(input), x.i64()), {});
    return x.op("Range", {x.number(0, x.i64()), end, x.number(1, x.i64())});
  };
  Value ahead = x.op("Sub", {x.unsqueeze(line(2), {0}), x.unsqueeze(line(1), {1})}); // [queries, keys]
  Value zero = x.number(0, x.i64());
  Value distance = both ? x.op("Abs", {ahead}) : x.op("Max", {x.op("Neg", {ahead}), zero});
  distance = x.op("Min", {distance, x.number(static_cast<double>(most), x.i64())});
  Value bucket = x.op("Gather", {x.list(table), distance}, {x.set("axis", int64_t(0))});
  if (both) {
    Value later = x.cast(x.op("Greater", {ahead, zero}), x.i64());
    bucket = x.op("Add", {bucket, x.op("Mul", {later, x.number(static_cast<double>(half), x.i64())})});
  }
  Value rows = x.op("Gather", {x.input(0), bucket}, {x.set("axis", int64_t(0))});
  y.push_back(x.unsqueeze(x.transpose(rows, {2, 0, 1}), {0}));
  return success();
}

} // namespace

void addAttentionExpansions(SmallVectorImpl<Expansion> &list) {
  list.append({
      {"com.microsoft.Attention", attention, true},
      {"com.microsoft.QAttention", quantizedAttention, true},
      {"com.microsoft.MultiHeadAttention", multiHeadAttention, true},
      {"com.microsoft.DecoderMaskedMultiHeadAttention", decoderAttention, true},
      {"com.microsoft.RotaryEmbedding", rotaryEmbedding, true},
      {"com.microsoft.RelativePositionBias", relativeBias, true},
  });
}

} // namespace llmc::onnx_import
