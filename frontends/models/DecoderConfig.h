// DecoderConfig.h - the hyperparameters of a decoder built from the shared parts, whatever its family.
//
// Free of MLIR, as are the readers that fill it: they are fuzzed.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_DECODERCONFIG_H
#define LLMC_FRONTENDS_MODELS_DECODERCONFIG_H

#include "frontends/formats/config/RopeConfig.h"

#include <string>
#include <vector>

namespace llmc::models {

/// Bounds that hold for every decoder. They keep products of two of them within 63 bits, and a config from making us
/// build without end.
namespace limits {
constexpr IntegerRange kVocab = {1, 1 << 26};
constexpr IntegerRange kWidth = {1, 1 << 22};
constexpr IntegerRange kLayers = {1, 65536};
constexpr IntegerRange kHeads = {1, 65536};
constexpr IntegerRange kHeadDim = {1, 65536};
constexpr IntegerRange kPositions = {1, 1 << 24}; ///< Rotary angles are computed from f32 positions, exact up to here.
} // namespace limits

/// Activation functions by what they compute.
enum class ActivationKind : uint8_t { Silu, Gelu, GeluTanh, QuickGelu, Relu, ReluSquared, Sigmoid, Tanh };

/// One layer's own facts.
struct DecoderLayer {
  int64_t window = 0;       ///< Keys that a token sees, itself included; 0: all.
  bool slidingRope = false; ///< Turns by RopeConfigs::sliding instead of full.
};

struct DecoderConfig {
  std::string family; ///< model_type, for messages.
  int64_t vocabSize = 0, hiddenSize = 0, intermediateSize = 0;
  int64_t numHeads = 0, numKvHeads = 0, headDim = 0; ///< numKvHeads divides numHeads; headDim is even.
  int64_t maxPositions = 0;
  double normEpsilon = 0;
  ActivationKind activation = ActivationKind::Silu;
  bool tiedHead = false;                                                        ///< The head is the embedding.
  bool queryKeyValueBias = false, attentionOutputBias = false, mlpBias = false; ///< Which linears have a bias.
  bool queryKeyNorm = false; ///< Queries and keys are normalised per head before they turn.
  bool pairedRows = false;   ///< The file has the rows of query and key in the order of interleaved turning.
  RopeConfigs rope;
  std::vector<DecoderLayer> layers;
};

/// Reads an activation function's name as files spell it. A mistake goes to the reader.
ActivationKind readActivation(ConfigReader &config, std::string_view key, ActivationKind unset);

/// Reads `head_dim`, or divides. `unset` is the family's own value, 0 when there is none.
int64_t readHeadDim(ConfigReader &config, int64_t hiddenSize, int64_t numHeads, int64_t unset);

/// Refuses keys that say that the model's code is its own.
void refuseForeignCode(ConfigReader &config);

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_DECODERCONFIG_H
