// DenseSemantics.cpp - ops on activations, one token at a time, slow and obvious.
//
// Compiled with -ffp-contract=off: only what says fma is fused.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Reference/DenseSemantics.h"
#include "dialects/Transformer/Formats/DeterministicMath.h"
#include "dialects/Transformer/Formats/RopeFrequencies.h"

#include <algorithm>
#include <cmath>

using namespace llmc;
using namespace llmc::reference;

float reference::chain(const float *a, const float *b, int64_t count) {
  float sum = 0;
  for (int64_t k = 0; k < count; ++k)
    sum = std::fma(a[k], b[k], sum);
  return sum;
}

float reference::activate(Activation activation, float x) {
  // In double, rounded once: what an approximation is measured against.
  auto sigmoid = [](double v) { return 1 / (1 + deterministicExp(-v)); };
  switch (activation) {
  case Activation::Silu:
    return static_cast<float>(x * sigmoid(x));
  case Activation::Gelu:
    return static_cast<float>(x * 0.5 * (1 + deterministicErf(x * 0x1.6a09e667f3bcdp-1)));
  case Activation::GeluTanh: {
    double cube = static_cast<double>(x) * x * x;
    return static_cast<float>(x * 0.5 * (1 + deterministicTanh(0x1.9884533d43651p-1 * (x + 0.044715 * cube))));
  }
  case Activation::QuickGelu:
    return static_cast<float>(x * sigmoid(1.702 * x));
  case Activation::Relu:
    return x <= 0 ? 0 : x;
  case Activation::ReluSquared:
    return x <= 0 ? 0 : x * x;
  case Activation::Sigmoid:
    return static_cast<float>(sigmoid(x));
  case Activation::Tanh:
    return static_cast<float>(deterministicTanh(x));
  }
  return x;
}

Floats reference::embedding(const Integers &tokens, const Floats &table, const EmbeddingFacts &facts) {
  int64_t count = tokens.shape[0], width = table.columns();
  Floats result({count, width}); // f32 whatever the table's type
  for (int64_t t = 0; t < count; ++t)
    for (int64_t h = 0; h < width; ++h) {
      float value = table.at(tokens.values[t], h);
      if (facts.scale)
        value *= static_cast<float>(*facts.scale);
      if (facts.positionTable)
        value += facts.positionTable->at(facts.positions->values[t] + facts.positionOffset, h);
      result.set(t, h, value);
    }
  return result;
}

Floats reference::linear(const Floats &input, const Floats &weight, const Floats *bias) {
  int64_t depth = input.columns();
  Floats result({input.rows(), weight.rows()}, input.precision);
  for (int64_t t = 0; t < result.rows(); ++t)
    for (int64_t n = 0; n < result.columns(); ++n) {
      float sum = chain(&input.values[t * depth], &weight.values[n * depth], depth);
      result.set(t, n, bias ? sum + bias->values[n] : sum);
    }
  return result;
}

/// `normalised * (weight + offset) + bias` in the order that the norms share.
static float applyWeight(const NormFacts &facts, Precision precision, float normalised, int64_t i) {
  if (facts.roundBeforeWeight)
    normalised = roundTo(precision, normalised);
  float value = normalised;
  if (facts.weight)
    value *= facts.weight->values[i] + static_cast<float>(facts.weightOffset);
  if (facts.bias)
    value += facts.bias->values[i];
  return value;
}

Floats reference::rmsNorm(const Floats &input, const NormFacts &facts) {
  int64_t width = input.columns(), group = facts.groupSize ? facts.groupSize : width;
  Floats result(input.shape, input.precision);
  for (int64_t t = 0; t < input.rows(); ++t)
    for (int64_t start = 0; start < width; start += group) {
      const float *x = &input.values[t * width + start];
      float squares = sumInLanes(group, [&](float sum, int64_t i) { return std::fma(x[i], x[i], sum); });
      float mean = squares / static_cast<float>(group);
      float r = 1.0f / std::sqrt(mean + static_cast<float>(facts.epsilon));
      for (int64_t i = 0; i < group; ++i)
        result.set(t, start + i, applyWeight(facts, input.precision, x[i] * r, i));
    }
  return result;
}

Floats reference::layerNorm(const Floats &input, const NormFacts &facts) {
  int64_t width = input.columns(), group = facts.groupSize ? facts.groupSize : width;
  Floats result(input.shape, input.precision);
  for (int64_t t = 0; t < input.rows(); ++t)
    for (int64_t start = 0; start < width; start += group) {
      const float *x = &input.values[t * width + start];
      float mean = sumInLanes(group, [&](float sum, int64_t i) { return sum + x[i]; }) / static_cast<float>(group);
      std::vector<float> difference(group);
      for (int64_t i = 0; i < group; ++i)
        difference[i] = x[i] - mean;
      float squares =
          sumInLanes(group, [&](float sum, int64_t i) { return std::fma(difference[i], difference[i], sum); });
      float variance = squares / static_cast<float>(group);
      float r = 1.0f / std::sqrt(variance + static_cast<float>(facts.epsilon));
      for (int64_t i = 0; i < group; ++i)
        result.set(t, start + i, applyWeight(facts, input.precision, difference[i] * r, i));
    }
  return result;
}

float reference::gate(const GateFacts &facts, float gate, float up) {
  if (facts.limit) {
    float limit = static_cast<float>(*facts.limit);
    gate = gate > limit ? limit : gate;
    up = up > limit ? limit : up < -limit ? -limit : up;
  }
  return activate(facts.activation, gate) * (up + static_cast<float>(facts.upOffset));
}

Floats reference::gated(const GateFacts &facts, const Floats &gates, const Floats &ups) {
  Floats result(gates.shape, gates.precision);
  for (size_t i = 0; i < result.values.size(); ++i)
    result.values[i] = roundTo(result.precision, gate(facts, gates.values[i], ups.values[i]));
  return result;
}

Floats reference::rope(const RopeFacts &facts, const Floats &input, const Integers &positions,
                       const Floats &frequencies) {
  Floats result = input;
  int64_t pairs = facts.rotaryDim / 2;
  for (int64_t t = 0; t < input.rows(); ++t) {
    int64_t position = positions.values[t];
    int64_t row = ropeFrequencyRow(position, facts.originalContext, frequencies.rows());
    for (int64_t head = 0; head < input.columns(); head += facts.headDim)
      for (int64_t i = 0; i < pairs; ++i) {
        float angle = static_cast<float>(position) * frequencies.at(row, i);
        float factor = static_cast<float>(facts.attentionFactor);
        float cosine = static_cast<float>(deterministicCos(angle)) * factor;
        float sine = static_cast<float>(deterministicSin(angle)) * factor;
        int64_t first = head + (facts.interleaved ? 2 * i : i), second = first + (facts.interleaved ? 1 : pairs);
        float x = input.at(t, first), y = input.at(t, second);
        float xc = x * cosine, ys = y * sine, yc = y * cosine, xs = x * sine;
        result.set(t, first, xc - ys);
        result.set(t, second, yc + xs);
      }
  }
  return result;
}

Floats reference::columns(const Floats &input, int64_t start, int64_t count) {
  Floats result({input.rows(), count}, input.precision);
  for (int64_t t = 0; t < input.rows(); ++t)
    for (int64_t i = 0; i < count; ++i)
      result.set(t, i, input.at(t, start + i));
  return result;
}

Floats reference::joinColumns(const std::vector<const Floats *> &inputs) {
  int64_t width = 0;
  for (const Floats *input : inputs)
    width += input->columns();
  Floats result({inputs.front()->rows(), width}, inputs.front()->precision);
  int64_t start = 0;
  for (const Floats *input : inputs) {
    for (int64_t t = 0; t < input->rows(); ++t)
      for (int64_t i = 0; i < input->columns(); ++i)
        result.set(t, start + i, input->at(t, i));
    start += input->columns();
  }
  return result;
}

Floats reference::gatherRows(const Floats &input, const Integers &rows) {
  Floats result({rows.shape[0], input.columns()}, input.precision);
  for (int64_t r = 0; r < result.rows(); ++r)
    for (int64_t i = 0; i < result.columns(); ++i)
      result.set(r, i, input.at(rows.values[r], i));
  return result;
}

Floats reference::add(const Floats &lhs, const Floats &rhs) {
  Floats result(lhs.shape, lhs.precision);
  for (size_t i = 0; i < result.values.size(); ++i)
    result.values[i] = roundTo(result.precision, lhs.values[i] + rhs.values[i]);
  return result;
}

Floats reference::mul(const Floats &lhs, const Floats &rhs) {
  Floats result(lhs.shape, lhs.precision);
  for (int64_t t = 0; t < lhs.rows(); ++t)
    for (int64_t i = 0; i < lhs.columns(); ++i)
      result.set(t, i, lhs.at(t, i) * rhs.at(t, rhs.columns() == 1 ? 0 : i));
  return result;
}

Floats reference::scale(const Floats &input, double value) {
  Floats result(input.shape, input.precision);
  for (size_t i = 0; i < result.values.size(); ++i)
    result.values[i] = roundTo(result.precision, input.values[i] * static_cast<float>(value));
  return result;
}

float reference::softCap(float value, double cap) {
  float limit = static_cast<float>(cap);
  return limit * static_cast<float>(deterministicTanh(value / limit));
}

Floats reference::softCap(const Floats &input, double cap) {
  Floats result(input.shape, input.precision);
  for (size_t i = 0; i < result.values.size(); ++i)
    result.values[i] = roundTo(result.precision, softCap(input.values[i], cap));
  return result;
}

Floats reference::activation(Activation activation, const Floats &input) {
  Floats result(input.shape, input.precision);
  for (size_t i = 0; i < result.values.size(); ++i)
    result.values[i] = roundTo(result.precision, activate(activation, input.values[i]));
  return result;
}
