// BlockExpansions.cpp - weights in blocks of a few bits: products with them, rows of them, and mixtures of experts.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Expansion.h"

using namespace mlir;

namespace llmc::onnx_import {

namespace {

using Values = SmallVectorImpl<Value>;

LogicalResult checkBits(Expander &x, StringRef name, int64_t bits) {
  if (bits == 2 || bits == 4 || bits == 8)
    return success();
  return x.error() << "unsupported attribute '" << name << "' = " << bits << " (expected 2, 4 or 8)";
}

/// Bytes [..., bytes] of codes, the first in the low bits, as bytes of one code each: [..., bytes * 8 / bits].
Value unpack(Expander &x, Value bytes, ArrayRef<int64_t> shape, int64_t bits) {
  if (bits == 8)
    return bytes;
  Type u8 = IntegerType::get(x.context(), 8, IntegerType::Unsigned);
  SmallVector<Value> parts;
  for (int64_t shift = 0; shift < 8; shift += bits) {
    Value part = shift ? x.op("BitShift", {bytes, x.number(static_cast<double>(shift), u8)},
                              {x.set("direction", StringRef("RIGHT"))})
                       : bytes;
    if (shift + bits < 8)
      part = x.op("BitwiseAnd", {part, x.number((1 << bits) - 1, u8)});
    parts.push_back(x.unsqueeze(part, {static_cast<int64_t>(shape.size())}));
  }
  SmallVector<int64_t> wide(shape);
  wide.back() *= 8 / bits;
  return x.reshape(x.concat(parts, shape.size()), wide);
}

/// What a quantised matrix is made of: codes [lead..., rows, bytes], scales [lead..., rows, blocks], and zero points,
/// packed as the codes are or of the scales' type; without them the middle code is zero.
struct Blocks {
  Value codes, scales, zeros;
  SmallVector<int64_t> lead; ///< rows last
  int64_t bytes, blocks, block, columns, bits;
  bool zerosArePacked = true;
};

/// It as numbers of a type: [lead..., columns].
Value decode(Expander &x, const Blocks &b, Type element) {
  auto of = [&](ArrayRef<int64_t> more) {
    SmallVector<int64_t> shape(b.lead);
    shape.append(more.begin(), more.end());
    return shape;
  };
  Value codes = x.reshape(b.codes, of({b.bytes}));
  codes = x.cast(unpack(x, codes, of({b.bytes}), b.bits), element);
  int64_t held = b.bytes * 8 / b.bits;
  if (held > b.blocks * b.block) {
    codes = x.slice(codes, b.lead.size(), 0, b.blocks * b.block);
    held = b.blocks * b.block;
  }
  if (held < b.blocks * b.block)
    codes = x.op("Pad", {codes, x.list([&] {
                           SmallVector<int64_t> pads(2 * (b.lead.size() + 1), 0);
                           pads.back() = b.blocks * b.block - held;
                           return pads;
                         }())});
  codes = x.reshape(codes, of({b.blocks, b.block}));
  Value zeros = x.number(1 << (b.bits - 1), element);
  if (b.zeros && b.zerosArePacked) {
    int64_t bytes = (b.blocks * b.bits + 7) / 8;
    zeros = unpack(x, x.reshape(b.zeros, of({bytes})), of({bytes}), b.bits);
    if (bytes * 8 / b.bits > b.blocks)
      zeros = x.slice(zeros, b.lead.size(), 0, b.blocks);
    zeros = x.reshape(x.cast(zeros, element), of({b.blocks, 1}));
  } else if (b.zeros) {
    zeros = x.reshape(x.cast(b.zeros, element), of({b.blocks, 1}));
  }
  Value scales = x.reshape(x.cast(b.scales, element), of({b.blocks, 1}));
  Value numbers = x.op("Mul", {x.op("Sub", {codes, zeros}), scales});
  numbers = x.reshape(numbers, of({b.blocks * b.block}));
  return b.blocks * b.block == b.columns ? numbers : x.slice(numbers, b.lead.size(), 0, b.columns);
}

bool isByte(Type element) { return element.isUnsignedInteger(8); }

LogicalResult matMulNBits(Expander &x, Values &y) {
  int64_t columns = x.integer("K", 0), rows = x.integer("N", 0), block = x.integer("block_size", 0);
  Blocks b;
  b.bits = x.integer("bits", 4);
  if (failed(checkBits(x, "bits", b.bits)))
    return failure();
  if (x.has(4))
    return x.error() << "input 4 (columns in another order) is not supported";
  constexpr int64_t kMost = int64_t(1) << 28; // products of three do not overflow
  if (columns < 1 || rows < 1 || block < 8 || columns > kMost || rows > kMost || block > kMost)
    return x.error() << "unsupported attributes 'K' = " << columns << ", 'N' = " << rows
                     << ", 'block_size' = " << block;
  b.blocks = (columns + block - 1) / block;
  b.block = block;
  b.columns = columns;
  b.bytes = b.blocks * block * b.bits / 8;
  b.lead = {rows};
  if (!isByte(x.elementOf(1)) || isOpen(x.shapeOf(1)) || isOpen(x.shapeOf(2)) || (x.has(3) && isOpen(x.shapeOf(3))) ||
      x.typeOf(1).getNumElements() != rows * b.bytes || x.typeOf(2).getNumElements() != rows * b.blocks)
    return x.error() << "weights " << x.extents().text(x.typeOf(1)) << " and scales " << x.extents().text(x.typeOf(2))
                     << " are no " << rows << " rows of " << b.blocks << " blocks of " << block << " codes of "
                     << b.bits << " bits";
  b.codes = x.input(1);
  b.scales = x.input(2);
  b.zeros = x.input(3);
  if (x.has(3)) {
    b.zerosArePacked = isByte(x.elementOf(3));
    int64_t expected = rows * (b.zerosArePacked ? (b.blocks * b.bits + 7) / 8 : b.blocks);
    if (x.typeOf(3).getNumElements() != expected)
      return x.error() << "zero points " << x.extents().text(x.typeOf(3)) << " (expected " << expected << ")";
  }
  Value weight = x.transpose(decode(x, b, x.elementOf(0)), {1, 0});
  y.push_back(x.sum(x.op("MatMul", {x.input(0), weight}), x.input(5)));
  return success();
}

/// Rows of a table in blocks: looked up first, then made numbers.
LogicalResult gatherBlocks(Expander &x, Values &y) {
  int64_t rank = x.rankOf(0), block = x.integer("block_size", 128);
  FailureOr<int64_t> gather = x.axis(x.integer("gather_axis", 0), rank);
  if (failed(gather))
    return failure();
  FailureOr<int64_t> along = x.axis(x.integer("quantize_axis", 1), rank);
  if (failed(along))
    return failure();
  if (isOpen(x.shapeOf(0)) || isOpen(x.shapeOf(2)) || (x.has(3) && isOpen(x.shapeOf(3))))
    return x.error() << "the table " << x.extents().text(x.typeOf(0)) << " and its scales "
                     << x.extents().text(x.typeOf(2)) << " are of sizes known only at run time";
  if (*gather != 0 || *along != rank - 1 || rank < 2 || x.rankOf(2) != rank || block < 1 || block > 1 << 28)
    return x.error() << "unsupported attributes 'gather_axis' = " << *gather << ", 'quantize_axis' = " << *along
                     << " and 'block_size' = " << block << " (expected the first and the last, and scales of rank "
                     << rank << ")";
  Type element = x.elementOf(0);
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer)
    return x.error() << "the table is of " << element << " (expected codes)";
  auto rows = [&](unsigned i) { return x.op("Gather", {x.input(i), x.input(1)}, {x.set("axis", int64_t(0))}); };
  SmallVector<int64_t> lead(x.shapeOf(1));
  llvm::append_range(lead, x.shapeOf(0).slice(1, rank - 2));
  Blocks b;
  b.lead = lead;
  b.block = block;
  b.scales = rows(2);
  b.zeros = x.has(3) ? rows(3) : Value();
  b.bits = integer.getWidth() == 8 ? x.integer("bits", 4) : 8;
  if (failed(checkBits(x, "bits", b.bits)))
    return failure();
  b.bytes = x.shapeOf(0).back();
  b.columns = b.bytes * 8 / b.bits;
  b.blocks = x.shapeOf(2).back();
  if (b.blocks != (b.columns + block - 1) / block)
    return x.error() << "scales " << x.extents().text(x.typeOf(2)) << " are not for blocks of " << block << " of "
                     << b.columns;
  b.codes = rows(0);
  Type to = x.elementOf(2);
  if (integer.getWidth() != 8) {
    // One code a place: its zero is 0, or what the zero points say.
    b.codes = x.cast(b.codes, to);
    b.zeros = x.has(3) ? x.cast(b.zeros, to) : x.op("Mul", {b.scales, x.number(0, to)});
    b.zerosArePacked = false;
  } else if (x.has(3)) {
    b.zerosArePacked = true;
  }
  y.push_back(decode(x, b, to));
  return success();
}

/// What stands between the two products of an expert.
struct Experts {
  Value input, scores;         ///< [tokens, hidden], [tokens, experts]
  Value weights[3], biases[3]; ///< [experts, out, in], [experts, out]; the third is the gate's partner
  int64_t tokens, hidden, experts;
};

Value product(Expander &x, Value input, Value weight, Value bias) {
  Value y = x.op("MatMul", {input, x.transpose(weight, {0, 2, 1})});
  return bias ? x.sum(y, x.unsqueeze(bias, {1})) : y;
}

/// gate * sigmoid(alpha * gate) * (up + beta), both cut to a limit first.
Value swiglu(Expander &x, Value gate, Value up, Type element) {
  if (x.hasAttribute("swiglu_limit")) {
    Value limit = x.number(x.real("swiglu_limit", 0), element);
    gate = x.op("Min", {gate, limit});
    up = x.op("Clip", {up, x.op("Neg", {limit}), limit});
  }
  double beta = x.real("activation_beta", 0);
  Value turned = x.op("Swish", {gate}, {x.set("alpha", x.real("activation_alpha", 1))});
  return x.op("Mul", {turned, beta == 0 ? up : x.op("Add", {up, x.number(beta, element)})});
}

/// Each token goes through all experts, and its own few are summed by their shares.
LogicalResult mixture(Expander &x, const Experts &e, int64_t width, Values &y) {
  if (!e.weights[0] || !e.weights[1])
    return x.error() << "has no weights of both products";
  int64_t few = x.integer("k", 1);
  Type element = x.elementOf(0);
  if (x.integer("use_sparse_mixer", 0) || few < 1 || few > e.experts)
    return x.error() << "unsupported attribute 'k' = " << few << " of " << e.experts
                     << " experts, or 'use_sparse_mixer'";
  Value shares = x.op("Softmax", {x.cast(e.scores, x.f32())}, {x.set("axis", int64_t(-1))});
  SmallVector<Value> best = x.ops("TopK", {shares, x.list({few})}, {x.set("axis", int64_t(-1))}, 2);
  Value chosen = best[0];
  if (x.integer("normalize_routing_weights", 0))
    chosen = x.op("Div", {chosen, x.op("ReduceSum", {chosen, x.list({-1})}, {x.set("keepdims", int64_t(1))})});
  Value zeros = x.op("Mul", {shares, x.number(0, x.f32())});
  Value share = x.op("ScatterElements", {zeros, best[1], chosen}, {x.set("axis", int64_t(-1))});
  share = x.unsqueeze(x.transpose(share, {1, 0}), {2}); // [experts, tokens, 1]

  Value rows = x.unsqueeze(e.input, {0}); // [1, tokens, hidden]
  Value first = product(x, rows, e.weights[0], e.biases[0]), middle;
  StringRef activation = x.text("activation_type", "relu");
  if (activation == "swiglu") {
    int64_t fusion = x.integer("swiglu_fusion", 0);
    if (fusion == 0 && e.weights[2]) {
      middle = swiglu(x, first, product(x, rows, e.weights[2], e.biases[2]), element);
    } else {
      if (width % 2)
        return x.error() << width << " columns are no gate and up";
      SmallVector<Value> parts;
      if (fusion == 2) {
        parts = x.split(first, 2, {width / 2, width / 2});
      } else {
        Value pairs = x.reshape(first, {e.experts, e.tokens, width / 2, 2});
        for (Value part : x.split(pairs, 3, {1, 1}))
          parts.push_back(x.reshape(part, {e.experts, e.tokens, width / 2}));
      }
      middle = swiglu(x, parts[0], parts[1], element);
    }
  } else {
    if (activation == "relu")
      middle = x.op("Relu", {first});
    else if (activation == "gelu") // as ONNX Runtime has it
      middle = x.op("Gelu", {first}, {x.set("approximate", StringRef("tanh"))});
    else if (activation == "silu")
      middle = x.op("Swish", {first});
    else if (activation == "identity")
      middle = first;
    else
      return x.error() << "unsupported attribute 'activation_type' = '" << activation
                       << "' (expected relu, gelu, silu, swiglu or identity)";
    if (e.weights[2])
      middle = x.op("Mul", {middle, product(x, rows, e.weights[2], e.biases[2])});
  }
  Value all = x.cast(product(x, middle, e.weights[1], e.biases[1]), x.f32());
  Value sum = x.op("ReduceSum", {x.op("Mul", {all, share}), x.list({0})}, {x.set("keepdims", int64_t(0))});
  y.push_back(x.reshape(x.cast(sum, element), x.shapeOf(0)));
  return success();
}

LogicalResult readExperts(Expander &x, Experts &e) {
  if (x.rankOf(0) < 2 || x.rankOf(1) != 2)
    return x.error() << "needs an input of rank 2 or 3 and scores of rank 2 (found " << x.extents().text(x.typeOf(0))
                     << " and " << x.extents().text(x.typeOf(1)) << ")";
  e.hidden = x.shapeOf(0).back();
  e.tokens = x.shapeOf(1)[0];
  e.experts = x.shapeOf(1)[1];
  if (isOpen(e.hidden) || isOpen(e.experts))
    return x.error() << "columns of " << x.extents().text(x.typeOf(0)) << " or experts of "
                     << x.extents().text(x.typeOf(1)) << " are known only at run time";
  if (!x.extents().agree(x.extents().product(x.shapeOf(0).drop_back()), e.tokens))
    return x.error() << "scores " << x.extents().text(x.typeOf(1)) << " are not for the rows of "
                     << x.extents().text(x.typeOf(0));
  e.input = x.reshape(x.input(0), {e.tokens, e.hidden});
  e.scores = x.input(1);
  return success();
}

LogicalResult mixtureOfExperts(Expander &x, Values &y) {
  Experts e;
  if (failed(readExperts(x, e)))
    return failure();
  for (unsigned i = 0; i < 3; ++i) {
    e.weights[i] = x.input(2 + 2 * i);
    e.biases[i] = x.input(3 + 2 * i);
    if (e.weights[i] &&
        (x.rankOf(2 + 2 * i) != 3 || x.shapeOf(2 + 2 * i)[0] != e.experts || isOpen(x.shapeOf(2 + 2 * i))))
      return x.error() << "input " << 2 + 2 * i << " is " << x.extents().text(x.typeOf(2 + 2 * i)) << " (expected ["
                       << e.experts << ", out, in])";
  }
  return mixture(x, e, x.has(2) ? x.shapeOf(2)[1] : 0, y);
}

LogicalResult quantizedExperts(Expander &x, Values &y) {
  Experts e;
  if (failed(readExperts(x, e)))
    return failure();
  if (x.text("quant_type", "int") != "int")
    return x.error() << "unsupported attribute 'quant_type' = '" << x.text("quant_type", "") << "' (expected int)";
  for (unsigned input = 14; input < x.inputs.size(); ++input)
    if (x.has(input))
      return x.error() << "input " << input << " is not supported";
  int64_t bits = x.integer("expert_weight_bits", 4);
  if (failed(checkBits(x, "expert_weight_bits", bits)))
    return failure();
  for (unsigned i = 0; i < 3; ++i) {
    unsigned w = 2 + 3 * i;
    e.biases[i] = x.input(w + 2);
    if (!x.has(w))
      continue;
    if (x.rankOf(w) != 3 || isOpen(x.shapeOf(w)) || (x.has(w + 1) && isOpen(x.shapeOf(w + 1))) ||
        x.shapeOf(w)[0] != e.experts || !isByte(x.elementOf(w)) || !x.has(w + 1) ||
        (x.rankOf(w + 1) != 2 && x.rankOf(w + 1) != 3))
      return x.error() << "input " << w << " is " << x.extents().text(x.typeOf(w)) << " (expected codes [" << e.experts
                       << ", out, bytes], with scales)";
    Blocks b;
    b.bits = bits;
    b.lead = {e.experts, x.shapeOf(w)[1]};
    b.bytes = x.shapeOf(w)[2];
    b.columns = b.bytes * 8 / bits;
    b.blocks = x.rankOf(w + 1) == 3 ? x.shapeOf(w + 1)[2] : 1;
    b.block = b.blocks == 1 ? b.columns : x.integer("block_size", 0);
    if (b.block < 1 || b.blocks != (b.columns + b.block - 1) / b.block)
      return x.error() << "scales " << x.typeOf(w + 1) << " are not for blocks of " << b.block << " of " << b.columns;
    b.codes = x.input(w);
    b.scales = x.input(w + 1);
    b.zeros = x.input(11 + i);
    e.weights[i] = decode(x, b, x.elementOf(0));
  }
  return mixture(x, e, x.has(2) ? x.shapeOf(2)[1] : 0, y);
}

} // namespace

void addBlockExpansions(SmallVectorImpl<Expansion> &list) {
  list.append({
      {"com.microsoft.MatMulNBits", matMulNBits, true},
      {"com.microsoft.GatherBlockQuantized", gatherBlocks, true},
      {"com.microsoft.MoE", mixtureOfExperts, true},
      {"com.microsoft.QMoE", quantizedExperts, true},
  });
}

} // namespace llmc::onnx_import
