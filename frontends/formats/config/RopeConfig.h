// RopeConfig.h - the rotary embedding of a model as its config.json describes it, in any of the forms in use.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_CONFIG_ROPECONFIG_H
#define LLMC_FRONTENDS_FORMATS_CONFIG_ROPECONFIG_H

#include "frontends/formats/config/ConfigReader.h"

namespace llmc {

/// How rotary frequencies are stretched to a longer context.
enum class RopeKind : uint8_t { Default, Linear, Dynamic, Yarn, LongRope, Llama3 };

/// One rotary embedding. Fields that the kind does not use keep their defaults.
struct RopeConfig {
  RopeKind kind = RopeKind::Default;
  double theta = 0;                   ///< Base of the frequencies, more than 1.
  double partialFactor = 1;           ///< Part of each head that turns, in (0, 1].
  double factor = 1;                  ///< All kinds but Default.
  int64_t originalContext = 0;        ///< Positions the model was first trained for: Dynamic, Yarn, LongRope, Llama3.
  double lowFreqFactor = 0;           ///< Llama3; less than the next.
  double highFreqFactor = 0;          ///< Llama3.
  double betaFast = 32, betaSlow = 1; ///< Yarn.
  bool truncate = true;               ///< Yarn: the correction range in whole dimensions.
  std::optional<double> attentionFactor;         ///< Yarn, LongRope: factor of cos and sin, when the file gives it.
  std::optional<double> mscale, mscaleAllDim;    ///< Yarn: what it is computed from otherwise.
  std::vector<double> shortFactors, longFactors; ///< LongRope: one for each pair.

  bool operator==(const RopeConfig &other) const;
  bool operator!=(const RopeConfig &other) const { return !(*this == other); }
};

/// What the family knows where the file is silent.
struct RopeContext {
  double defaultTheta;  ///< When no form gives one.
  int64_t headDim;      ///< Features of a head.
  int64_t maxPositions; ///< max_position_embeddings.
};

/// The rotary embeddings of a model: one, or one for each type of layer.
struct RopeConfigs {
  RopeConfig full;    ///< Of "full_attention" layers, and of all when the file does not nest.
  RopeConfig sliding; ///< Of "sliding_attention" layers.
};

/// Reads `rope_theta`, `rope_scaling` (with `rope_type` or its old name `type`), `partial_rotary_factor` and
/// `original_max_position_embeddings` at the root, and `rope_parameters`, flat or nested by type of layer. Where two
/// forms give one fact they must agree. Mistakes go to the reader.
RopeConfigs readRopeConfigs(ConfigReader &config, const RopeContext &context);

} // namespace llmc

#endif // LLMC_FRONTENDS_FORMATS_CONFIG_ROPECONFIG_H
