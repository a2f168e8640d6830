// DecoderParts.cpp - emits the shared parts of decoders.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/DecoderParts.h"

using namespace mlir;

namespace llmc::models {

namespace {

int64_t columns(Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(1); }

transformer::Activation toActivation(ActivationKind kind) {
  switch (kind) {
  case ActivationKind::Silu:
    return transformer::Activation::Silu;
  case ActivationKind::Gelu:
    return transformer::Activation::Gelu;
  case ActivationKind::GeluTanh:
    return transformer::Activation::GeluTanh;
  case ActivationKind::QuickGelu:
    return transformer::Activation::QuickGelu;
  case ActivationKind::Relu:
    return transformer::Activation::Relu;
  case ActivationKind::ReluSquared:
    return transformer::Activation::ReluSquared;
  case ActivationKind::Sigmoid:
    return transformer::Activation::Sigmoid;
  case ActivationKind::Tanh:
    return transformer::Activation::Tanh;
  }
  llvm_unreachable("every kind is named");
}

RopeFrequencySpec::Scaling toScaling(RopeKind kind) {
  switch (kind) {
  case RopeKind::Default:
    return RopeFrequencySpec::Scaling::Default;
  case RopeKind::Linear:
    return RopeFrequencySpec::Scaling::Linear;
  case RopeKind::Dynamic:
    return RopeFrequencySpec::Scaling::Dynamic;
  case RopeKind::Yarn:
    return RopeFrequencySpec::Scaling::Yarn;
  case RopeKind::LongRope:
    return RopeFrequencySpec::Scaling::LongRope;
  case RopeKind::Llama3:
    return RopeFrequencySpec::Scaling::Llama3;
  }
  llvm_unreachable("every kind is named");
}

double attentionFactor(const RopeConfig &rope) {
  if (rope.attentionFactor)
    return *rope.attentionFactor;
  if (rope.kind == RopeKind::Yarn)
    return yarnAttentionFactor(rope.factor, rope.mscale.value_or(0), rope.mscaleAllDim.value_or(0));
  if (rope.kind == RopeKind::LongRope)
    return longRopeAttentionFactor(rope.factor, rope.originalContext);
  return 1;
}

} // namespace

Value buildLinear(EntryBuilder &entry, Value input, const std::string &name, int64_t outputs, bool bias,
                  int64_t pairedRows, StoredMatrix stored) {
  OpBuilder &builder = entry.getBuilder();
  const int64_t inputs = columns(input), rows = stored.rows ? stored.rows : outputs;
  const std::string key = name + ".weight";
  const SmallVector<int64_t> shape =
      stored.transposed ? SmallVector<int64_t>{inputs, rows} : SmallVector<int64_t>{rows, inputs};
  Value weight = entry.getWeights().get(builder, key, shape, pairedRows);
  Value added = bias ? entry.getWeights().get(builder, name + ".bias", {rows}, pairedRows) : Value();
  if (stored.transposed)
    weight = transformer::WeightPermuteOp::create(builder, entry.named(key), weight, ArrayRef<int64_t>{1, 0});
  if (stored.rows) {
    const auto part = [&](Value whole, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes) -> Value {
      return transformer::WeightSliceOp::create(builder, entry.named(key), whole, builder.getDenseI64ArrayAttr(offsets),
                                                builder.getDenseI64ArrayAttr(sizes));
    };
    weight = part(weight, {stored.first, 0}, {outputs, inputs});
    if (bias)
      added = part(added, {stored.first}, {outputs});
  }
  auto type = RankedTensorType::get({ShapedType::kDynamic, outputs}, builder.getF32Type());
  return transformer::LinearOp::create(builder, entry.named(name), type, input, weight, added);
}

Value buildLayerNorm(EntryBuilder &entry, Value input, const std::string &name, double epsilon) {
  OpBuilder &builder = entry.getBuilder();
  Value weight = entry.getWeights().get(builder, name + ".weight", {columns(input)});
  Value bias = entry.getWeights().get(builder, name + ".bias", {columns(input)});
  return transformer::LayerNormOp::create(builder, entry.named(name), input, weight, bias, epsilon);
}

Value buildRMSNorm(EntryBuilder &entry, Value input, const std::string &name, double epsilon, int64_t groupSize) {
  OpBuilder &builder = entry.getBuilder();
  Value weight = entry.getWeights().get(builder, name + ".weight", {groupSize ? groupSize : columns(input)});
  return transformer::RMSNormOp::create(builder, entry.named(name), input, weight, epsilon, groupSize);
}

RopeTable buildRopeTable(EntryBuilder &entry, const RopeConfig &rope, int64_t headDim, int64_t context) {
  OpBuilder &builder = entry.getBuilder();
  RopeTable table;
  table.rotaryDim = int64_t(double(headDim) * rope.partialFactor);
  RopeFrequencySpec spec;
  spec.scaling = toScaling(rope.kind);
  spec.base = rope.theta;
  spec.dim = table.rotaryDim;
  spec.factor = rope.factor;
  spec.lowFreqFactor = rope.lowFreqFactor;
  spec.highFreqFactor = rope.highFreqFactor;
  spec.betaFast = rope.betaFast;
  spec.betaSlow = rope.betaSlow;
  spec.truncate = rope.truncate;
  spec.originalContext = rope.originalContext;
  spec.maxContext = rope.kind == RopeKind::Dynamic ? context : 0;
  spec.shortFactors = rope.shortFactors;
  spec.longFactors = rope.longFactors;
  table.frequencies = transformer::RopeFrequenciesOp::create(builder, entry.named("rotary_emb"), spec);
  if (ropeFrequencyRows(spec) > 1)
    table.originalContext = rope.originalContext;
  table.attentionFactor = attentionFactor(rope);
  return table;
}

Value buildAttention(EntryBuilder &entry, const AttentionPart &part, Value input, Value positions, Value sequences,
                     Value slot, Value &state) {
  OpBuilder &builder = entry.getBuilder();
  const int64_t queryWidth = part.numHeads * part.headDim, keyWidth = part.numKvHeads * part.headDim;
  const int64_t paired = part.pairedRows ? part.headDim : 0;
  const int64_t rows = part.fused ? queryWidth + 2 * keyWidth : 0;
  const std::string &keyName = part.fused ? part.query : part.key, &valueName = part.fused ? part.query : part.value;
  Value query = buildLinear(entry, input, part.query, queryWidth, part.inputBias, paired, {part.transposed, 0, rows});
  Value key = buildLinear(entry, input, keyName, keyWidth, part.inputBias, paired,
                          {part.transposed, rows ? queryWidth : 0, rows});
  Value value = buildLinear(entry, input, valueName, keyWidth, part.inputBias, 0,
                            {part.transposed, rows ? queryWidth + keyWidth : 0, rows});
  if (!part.queryNorm.empty())
    query = buildRMSNorm(entry, query, part.queryNorm, part.normEpsilon, part.headDim);
  if (!part.keyNorm.empty())
    key = buildRMSNorm(entry, key, part.keyNorm, part.normEpsilon, part.headDim);
  const auto turn = [&](Value features, const std::string &name) -> Value {
    if (!part.rope.frequencies)
      return features;
    return transformer::RopeOp::create(builder, entry.named(name), part.ropeStyle, features, positions,
                                       part.rope.frequencies, part.headDim, part.rope.rotaryDim,
                                       part.rope.attentionFactor, part.rope.originalContext);
  };
  query = turn(query, part.query);
  key = turn(key, keyName);
  state = transformer::CacheUpdateOp::create(builder, entry.named(keyName), state.getType(), state, slot, key, value,
                                             positions, sequences);
  Value mixed =
      transformer::AttentionOp::create(builder, entry.named(part.query), query, state, slot, positions, sequences,
                                       part.numHeads, part.numKvHeads, part.headDim, part.scale, part.window);
  return buildLinear(entry, mixed, part.output, columns(input), part.outputBias, 0, {part.transposed});
}

Value buildPlain(EntryBuilder &entry, const PlainPart &part, Value input) {
  OpBuilder &builder = entry.getBuilder();
  Value up = buildLinear(entry, input, part.up, part.intermediateSize, part.bias, 0, {part.transposed});
  Value bent = transformer::ActivationOp::create(builder, entry.named(part.up), toActivation(part.activation), up);
  return buildLinear(entry, bent, part.down, columns(input), part.bias, 0, {part.transposed});
}

Value buildGated(EntryBuilder &entry, const GatedPart &part, Value input) {
  OpBuilder &builder = entry.getBuilder();
  Value gate = buildLinear(entry, input, part.gate, part.intermediateSize, part.bias);
  Value up = buildLinear(entry, input, part.up, part.intermediateSize, part.bias);
  Value opened = transformer::GatedOp::create(builder, entry.named(part.gate), toActivation(part.activation), gate, up);
  return buildLinear(entry, opened, part.down, columns(input), part.bias);
}

Value buildSelectRows(EntryBuilder &entry, Value input, Value rows) {
  return transformer::GatherRowsOp::create(entry.getBuilder(), entry.named("rows"), input.getType(), input, rows);
}

Value buildHead(EntryBuilder &entry, Value input, const std::string &weightKey, int64_t vocabSize) {
  OpBuilder &builder = entry.getBuilder();
  Value weight = entry.getWeights().get(builder, weightKey, {vocabSize, columns(input)});
  return transformer::LinearOp::create(builder, entry.named(weightKey), input, weight);
}

} // namespace llmc::models
