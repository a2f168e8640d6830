// DenseSemantics.h - what ops on activations mean that look at one token at a time: the embedding, products, norms,
// rope, elementwise ops. The formulas stand in the .td files of IR/.
//
// Arguments satisfy the ops' rules; results have the precision of the first activation. f32 arithmetic, each operation
// rounded once unless a chain says fused.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_REFERENCE_DENSESEMANTICS_H
#define LLMC_DIALECTS_TRANSFORMER_REFERENCE_DENSESEMANTICS_H

#include "dialects/Transformer/Reference/Values.h"

#include <optional>

namespace llmc::reference {

/// The sum of f(0) … f(count - 1) in 16 lanes; f adds its term to the lane it is given.
template <typename Add> float sumInLanes(int64_t count, Add add) {
  float lanes[16] = {};
  for (int64_t i = 0; i < count; ++i)
    lanes[i % 16] = add(lanes[i % 16], i);
  for (int half = 8; half >= 1; half /= 2)
    for (int i = 0; i < half; ++i)
      lanes[i] += lanes[i + half];
  return lanes[0];
}

/// acc = fma(a[k], b[k], acc) for k ascending, from 0.
float chain(const float *a, const float *b, int64_t count);

enum class Activation { Silu, Gelu, GeluTanh, QuickGelu, Relu, ReluSquared, Sigmoid, Tanh };
float activate(Activation activation, float x);

struct EmbeddingFacts {
  std::optional<double> scale;
  const Integers *positions = nullptr;
  const Floats *positionTable = nullptr;
  int64_t positionOffset = 0;
};
Floats embedding(const Integers &tokens, const Floats &table, const EmbeddingFacts &facts = {});

/// `bias` may be null.
Floats linear(const Floats &input, const Floats &weight, const Floats *bias = nullptr);

struct NormFacts {
  const Floats *weight = nullptr;
  const Floats *bias = nullptr; ///< layer norm only
  double epsilon = 0;
  int64_t groupSize = 0; ///< 0: the whole row
  double weightOffset = 0;
  bool roundBeforeWeight = false;
};
Floats rmsNorm(const Floats &input, const NormFacts &facts);
Floats layerNorm(const Floats &input, const NormFacts &facts);

struct GateFacts {
  Activation activation = Activation::Silu;
  std::optional<double> limit;
  double upOffset = 0;
};
/// One element of transformer.gated, before rounding to the result's precision.
float gate(const GateFacts &facts, float gate, float up);
Floats gated(const GateFacts &facts, const Floats &gate, const Floats &up);

struct RopeFacts {
  bool interleaved = false;
  int64_t headDim = 0, rotaryDim = 0, originalContext = 0;
  double attentionFactor = 1;
};
Floats rope(const RopeFacts &facts, const Floats &input, const Integers &positions, const Floats &frequencies);

/// Columns [start, start + count).
Floats columns(const Floats &input, int64_t start, int64_t count);
/// Inputs side by side.
Floats joinColumns(const std::vector<const Floats *> &inputs);
Floats gatherRows(const Floats &input, const Integers &rows);
Floats add(const Floats &lhs, const Floats &rhs);
/// rhs has the columns of lhs, or one.
Floats mul(const Floats &lhs, const Floats &rhs);
Floats scale(const Floats &input, double value);
Floats softCap(const Floats &input, double cap);
float softCap(float value, double cap);
Floats activation(Activation activation, const Floats &input);

} // namespace llmc::reference

#endif // LLMC_DIALECTS_TRANSFORMER_REFERENCE_DENSESEMANTICS_H
