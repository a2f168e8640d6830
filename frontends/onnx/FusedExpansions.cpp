// FusedExpansions.cpp - what ONNX Runtime's optimiser fuses: activations with biases, norms with sums, products with
// more.
//
// Not here: attention (AttentionExpansions.cpp), quantised operators (QuantizedExpansions.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Expansion.h"

#include <numeric>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

using Values = SmallVectorImpl<Value>;

LogicalResult gelu(Expander &x, Values &y) {
  y.push_back(x.op("Gelu", {x.sum(x.input(0), x.input(1))}));
  return success();
}
LogicalResult fastGelu(Expander &x, Values &y) {
  y.push_back(x.op("Gelu", {x.sum(x.input(0), x.input(1))}, {x.set("approximate", StringRef("tanh"))}));
  return success();
}
LogicalResult quickGelu(Expander &x, Values &y) {
  y.push_back(x.op("Swish", {x.input(0)}, {x.set("alpha", x.real("alpha", 1.702f))}));
  return success();
}
LogicalResult gemmFastGelu(Expander &x, Values &y) {
  Value product = x.op("MatMul", {x.input(0), x.input(1)});
  y.push_back(x.op("Gelu", {x.sum(product, x.input(2))}, {x.set("approximate", StringRef("tanh"))}));
  return success();
}
LogicalResult biasAdd(Expander &x, Values &y) {
  y.push_back(x.sum(x.sum(x.input(0), x.input(1)), x.input(2)));
  return success();
}
/// Dropout is nothing where nothing is learnt.
LogicalResult biasDropout(Expander &x, Values &y) {
  if (x.wants(1))
    return x.error() << "gives its mask, which is for training and not supported";
  return biasAdd(x, y);
}
LogicalResult identity(Expander &x, Values &y) {
  if (x.wants(1))
    return x.error() << "gives its mask, which is for training and not supported";
  y.push_back(x.op("Identity", {x.input(0)}));
  return success();
}
LogicalResult biasSplitGelu(Expander &x, Values &y) {
  if (x.rankOf(0) < 1 || isOpen(x.shapeOf(0).back()))
    return x.error() << "halves columns of " << x.extents().text(x.typeOf(0)) << " (expected a number that is known)";
  int64_t half = x.shapeOf(0).back() / 2;
  SmallVector<Value> parts = x.split(x.sum(x.input(0), x.input(1)), -1, {half, half});
  y.push_back(x.op("Mul", {parts[0], x.op("Gelu", {parts[1]})}));
  return success();
}
/// All dimensions from the axis on are one row, as Softmax had it before version 13.
LogicalResult biasSoftmax(Expander &x, Values &y) {
  y.push_back(x.op("Softmax", {x.sum(x.input(0), x.input(1))}, {x.set("axis", x.integer("axis", 1))}, 11));
  return success();
}

/// Where the norm's own epsilon and axis come from the node.
Value layerNorm(Expander &x, Value value, Value scale, Value bias, double epsilon) {
  return x.op("LayerNormalization", {value, scale, bias}, {x.set("axis", int64_t(-1)), x.set("epsilon", epsilon)}, 17);
}
LogicalResult plainLayerNorm(Expander &x, Values &y) {
  // The result is of the scale's type, whatever the input's is.
  if (Type own = x.elementOf(0), to = x.elementOf(1); own != to) {
    auto wide = [&](unsigned input) { return x.has(input) ? x.cast(x.input(input), x.f32()) : Value(); };
    if (x.wants(1))
      return x.error() << "gives its mean and deviation beside a result of another type, which is not supported";
    Value result = x.op("LayerNormalization", {wide(0), wide(1), wide(2)},
                        {x.set("axis", x.integer("axis", -1)), x.set("epsilon", x.real("epsilon", 1e-5f))}, 17);
    y.push_back(x.cast(result, to));
    return success();
  }
  SmallVector<Value> results =
      x.ops("LayerNormalization", {x.input(0), x.input(1), x.input(2)},
            {x.set("axis", x.integer("axis", -1)), x.set("epsilon", x.real("epsilon", 1e-5f))}, x.numOutputs, 17);
  llvm::append_range(y, results);
  return success();
}
LogicalResult rmsNorm(Expander &x, Values &y) {
  y.push_back(x.op("RMSNormalization", {x.input(0), x.input(1)},
                   {x.set("axis", x.integer("axis", -1)), x.set("epsilon", x.real("epsilon", 1e-5f))}));
  if (x.wants(1))
    return x.error() << "gives the root of its squares, which is for training and not supported";
  return success();
}
/// input + skip + bias, and the norm of it; the sum is an output as well.
LogicalResult skipNorm(Expander &x, Values &y) {
  bool simplified = x.type.contains("Simplified");
  unsigned bias = simplified ? 3 : 4;
  double epsilon = x.real("epsilon", simplified ? 1e-5f : 1e-12f);
  Value sum = x.sum(x.sum(x.input(0), x.input(1)), x.input(bias));
  if (simplified)
    y.push_back(x.op("RMSNormalization", {sum, x.input(2)}, {x.set("axis", int64_t(-1)), x.set("epsilon", epsilon)}));
  else
    y.push_back(layerNorm(x, sum, x.input(2), x.input(3), epsilon));
  // Mean and inverse deviation are for training; exporters name them, and nothing reads them.
  y.push_back(x.wants(1) ? x.number(0, x.f32()) : Value());
  y.push_back(x.wants(2) ? x.number(0, x.f32()) : Value());
  y.push_back(sum);
  return success();
}

/// Words, places and segments looked up and added, and the norm of it; how many words of each row count.
LogicalResult embedNorm(Expander &x, Values &y) {
  if (x.rankOf(0) != 2)
    return x.error() << "needs ids of rank 2 (found " << x.extents().text(x.typeOf(0)) << ")";
  int64_t length = x.shapeOf(0)[1];
  Value sum = x.op("Gather", {x.input(2), x.input(0)}, {x.set("axis", int64_t(0))});
  Value places = x.has(8) ? x.op("Gather", {x.input(3), x.input(8)}, {x.set("axis", int64_t(0))})
                          : x.slice(x.input(3), 0, 0, length);
  sum = x.sum(sum, places);
  if (x.has(1) && x.has(4))
    sum = x.sum(sum, x.op("Gather", {x.input(4), x.input(1)}, {x.set("axis", int64_t(0))}));
  y.push_back(layerNorm(x, sum, x.input(5), x.input(6), x.real("epsilon", 1e-12f)));
  if (x.wants(1)) {
    Value ones = x.has(7) ? x.op("Equal", {x.input(7), x.number(1, x.i32())}) : Value();
    y.push_back(x.has(7) ? x.op("ReduceSum", {x.cast(ones, x.i32()), x.list({1})}, {x.set("keepdims", int64_t(0))})
                         : x.op("Expand", {x.numbers({1}, {0}, x.i32()), x.list({x.shapeOf(0)[0]})}));
  }
  if (x.wants(2))
    y.push_back(sum);
  return success();
}

/// An input of a product, its last two dimensions swapped, or its first moved before the last.
Value turned(Expander &x, unsigned input, bool swap, bool batch) {
  int64_t rank = x.rankOf(input);
  if (rank < 2 || !(swap || batch))
    return x.input(input);
  SmallVector<int64_t> order(rank);
  std::iota(order.begin(), order.end(), 0);
  // With the batch: [d0, ..., d(n-2), k] is [d(1), ..., d(n-2), d0, k].
  if (batch && rank > 2)
    std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  if (swap)
    std::swap(order[rank - 1], order[rank - 2]);
  return x.transpose(x.input(input), order);
}
Value product(Expander &x) {
  Value y = x.op("MatMul", {turned(x, 0, x.integer("transA", 0), x.integer("transBatchA", 0)),
                            turned(x, 1, x.integer("transB", 0), x.integer("transBatchB", 0))});
  double alpha = x.real("alpha", 1);
  return alpha == 1 ? y : x.op("Mul", {y, x.number(alpha, x.elementOf(0))});
}
LogicalResult fusedMatMul(Expander &x, Values &y) {
  y.push_back(product(x));
  return success();
}

/// The activation that a fused operator names; alpha and beta come from its own attributes.
FailureOr<Value> activated(Expander &x, Value value, StringRef name, std::optional<double> alpha,
                           std::optional<double> beta) {
  if (name.empty())
    return value;
  if (name == "Clip")
    return x.op("Clip", {value, x.number(alpha.value_or(-3.402823e38), x.elementOf(0)),
                         x.number(beta.value_or(3.402823e38), x.elementOf(0))});
  if (llvm::is_contained({"Relu", "Tanh", "Sigmoid", "HardSwish", "Softplus", "Gelu"}, name))
    return x.op(name, {value});
  if (llvm::is_contained({"LeakyRelu", "HardSigmoid", "Elu"}, name)) {
    SmallVector<Setting> settings;
    if (alpha)
      settings.push_back(x.set("alpha", *alpha));
    if (beta && name == "HardSigmoid")
      settings.push_back(x.set("beta", *beta));
    return x.op(name, {value}, settings);
  }
  x.error() << "unsupported attribute 'activation' = '" << name
            << "' (expected Relu, Tanh, Sigmoid, HardSwish, Softplus, Gelu, LeakyRelu, HardSigmoid, Elu or Clip)";
  return failure();
}
std::optional<double> given(Expander &x, StringRef name) {
  return x.hasAttribute(name) ? std::optional<double>(x.real(name, 0)) : std::nullopt;
}
LogicalResult matMulActivation(Expander &x, Values &y) {
  FailureOr<Value> value =
      activated(x, product(x), x.text("activation", ""), given(x, "activation_alpha"), given(x, "activation_beta"));
  y.push_back(value.value_or(Value()));
  return value;
}
LogicalResult fusedGemm(Expander &x, Values &y) {
  Value product = x.op("Gemm", {x.input(0), x.input(1), x.input(2)},
                       {x.set("alpha", x.real("alpha", 1)), x.set("beta", x.real("beta", 1)),
                        x.set("transA", x.integer("transA", 0)), x.set("transB", x.integer("transB", 0))});
  FailureOr<Value> value =
      activated(x, product, x.text("activation", ""), given(x, "activation_alpha"), given(x, "activation_beta"));
  y.push_back(value.value_or(Value()));
  return value;
}
/// The attributes of Conv that a node has.
SmallVector<Setting> convSettings(Expander &x) {
  SmallVector<Setting> settings;
  for (StringRef name : {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"})
    if (x.hasAttribute(name))
      settings.push_back({name, x.settings.get(name)});
  return settings;
}
LogicalResult fusedConv(Expander &x, Values &y) {
  Value sum = x.sum(x.op("Conv", {x.input(0), x.input(1), x.input(2)}, convSettings(x)), x.input(3));
  std::optional<double> parameters[2];
  if (auto list = dyn_cast_or_null<DenseF32ArrayAttr>(x.settings.get("activation_params")))
    for (int64_t i = 0; i < std::min<int64_t>(2, list.size()); ++i)
      parameters[i] = list[i];
  FailureOr<Value> value = activated(x, sum, x.text("activation", ""), parameters[0], parameters[1]);
  y.push_back(value.value_or(Value()));
  return value;
}
/// Channels last in and out, weights too.
LogicalResult channelsLastConv(Expander &x, Values &y) {
  int64_t rank = x.rankOf(0);
  SmallVector<int64_t> in = {0, rank - 1}, out = {0};
  for (int64_t i = 1; i < rank - 1; ++i) {
    in.push_back(i);
    out.push_back(i + 1);
  }
  out.push_back(1);
  Value product = x.op("Conv", {x.transpose(x.input(0), in), x.transpose(x.input(1), in), x.input(2)}, convSettings(x));
  y.push_back(x.transpose(product, out));
  return success();
}

/// Groups of channels, which stand last unless the node says so, with a skip and a bias before and a swish after.
LogicalResult groupNorm(Expander &x, Values &y) {
  if (x.rankOf(0) != 4)
    return x.error() << "needs rank 4 (found " << x.extents().text(x.typeOf(0)) << ")";
  Value sum = x.input(0);
  bool last = x.integer("channels_last", 1), skip = x.type.contains("Skip");
  if (skip) {
    int64_t batch = x.shapeOf(0)[0], channels = x.shapeOf(0)[3];
    Value other = x.input(3);
    if (x.rankOf(3) == 2)
      other = x.reshape(other, {batch, 1, 1, channels});
    sum = x.sum(x.sum(sum, other), x.input(4));
  }
  Value value = last ? x.transpose(sum, {0, 3, 1, 2}) : sum;
  value = x.op("GroupNormalization", {value, x.cast(x.input(1), x.elementOf(0)), x.cast(x.input(2), x.elementOf(0))},
               {x.set("num_groups", x.integer("groups", 1)), x.set("epsilon", x.real("epsilon", 1e-5f))});
  if (x.integer("activation", 0) == 1)
    value = x.op("Swish", {value});
  y.push_back(last ? x.transpose(value, {0, 2, 3, 1}) : value);
  y.push_back(sum);
  return success();
}

/// Operators that ai.onnx has since.
LogicalResult trilu(Expander &x, Values &y) {
  y.push_back(x.op("Trilu", {x.input(0), x.input(1)}, {x.set("upper", x.integer("upper", 1))}));
  return success();
}
LogicalResult expandDims(Expander &x, Values &y) {
  std::optional<SmallVector<int64_t>> axis = x.knownIntegers(1);
  if (!axis || axis->size() != 1)
    return x.error() << "input 1 (the axis) is not known while compiling, which is not supported";
  y.push_back(x.unsqueeze(x.input(0), *axis));
  return success();
}
LogicalResult gatherND(Expander &x, Values &y) {
  y.push_back(x.op("GatherND", {x.input(0), x.cast(x.input(1), x.i64())}));
  return success();
}
LogicalResult range(Expander &x, Values &y) {
  y.push_back(x.op("Range", {x.input(0), x.input(1), x.has(2) ? x.input(2) : x.number(1, x.elementOf(0))}));
  return success();
}
LogicalResult pad(Expander &x, Values &y) {
  y.push_back(x.op("Pad", {x.input(0), x.input(1), x.input(2)}, {x.set("mode", x.text("mode", "constant"))}));
  return success();
}

} // namespace

void addFusedExpansions(SmallVectorImpl<Expansion> &list) {
  list.append({
      {"com.microsoft.Gelu", gelu, true},
      {"com.microsoft.BiasGelu", gelu, true},
      {"com.microsoft.FastGelu", fastGelu, true},
      {"com.microsoft.QuickGelu", quickGelu, true},
      {"com.microsoft.GemmFastGelu", gemmFastGelu, true},
      {"com.microsoft.BiasAdd", biasAdd, true},
      {"com.microsoft.BiasDropout", biasDropout, true},
      {"com.microsoft.BitmaskBiasDropout", biasDropout, true},
      {"com.microsoft.BitmaskDropout", identity, true},
      {"com.microsoft.BiasSplitGelu", biasSplitGelu, true},
      {"com.microsoft.BiasSoftmax", biasSoftmax, true},
      {"com.microsoft.LayerNormalization", plainLayerNorm, true},
      {"com.microsoft.SimplifiedLayerNormalization", rmsNorm, true},
      {"com.microsoft.SkipLayerNormalization", skipNorm, true},
      {"com.microsoft.SkipSimplifiedLayerNormalization", skipNorm, true},
      {"com.microsoft.EmbedLayerNormalization", embedNorm, true},
      {"com.microsoft.FusedMatMul", fusedMatMul, true},
      {"com.microsoft.TransposeMatMul", fusedMatMul, true},
      {"com.microsoft.FusedMatMulActivation", matMulActivation, true},
      {"com.microsoft.FusedGemm", fusedGemm, true},
      {"com.microsoft.FusedConv", fusedConv, true},
      {"com.microsoft.NhwcConv", channelsLastConv, true},
      {"com.microsoft.GroupNorm", groupNorm, true},
      {"com.microsoft.SkipGroupNorm", groupNorm, true},
      {"com.microsoft.Trilu", trilu, true},
      {"com.microsoft.ExpandDims", expandDims, true},
      {"com.microsoft.GatherND", gatherND, true},
      {"com.microsoft.Range", range, true},
      {"com.microsoft.Pad", pad, true},
  });
}

} // namespace llmc::onnx_import
