// RopeConfig.cpp - reads the forms of rotary embeddings and sees to it that they agree.
//
// The rules are those of Hugging Face transformers 5 (modeling_rope_utils.py), except that a contradiction, which it
// settles by precedence, is a mistake here. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/config/RopeConfig.h"

namespace llmc {

namespace {

constexpr NumberRange kPositive = {0, 1e9, true};
constexpr NumberRange kTheta = {1, 1e15, true};
constexpr IntegerRange kPositions = {1, INT32_MAX};

/// Facts that the old form keeps at the root of the file.
struct RootFacts {
  std::optional<double> theta, partialFactor;
  std::optional<int64_t> originalContext;
};

RopeKind readKind(ConfigReader &rope) {
  std::optional<std::string> name = rope.maybeString("rope_type");
  const char *key = name ? "rope_type" : "type";
  // "type" is the name of before 2024; files carry both.
  if (std::optional<std::string> old = rope.maybeString("type")) {
    if (name && *name != *old)
      rope.fail("type", rope.shown("type") + " = \"" + json::printable(*old) + "\" contradicts 'rope_type' = \"" +
                            json::printable(*name) + "\"");
    if (!name)
      name = old;
  }
  if (!name || *name == "default")
    return RopeKind::Default;
  if (*name == "linear")
    return RopeKind::Linear;
  if (*name == "dynamic")
    return RopeKind::Dynamic;
  if (*name == "yarn")
    return RopeKind::Yarn;
  if (*name == "longrope" || *name == "su") // The name in its first files.
    return RopeKind::LongRope;
  if (*name == "llama3")
    return RopeKind::Llama3;
  rope.fail(key, rope.shown(key) + " = \"" + json::printable(*name) +
                     "\" is not a known rope scaling (expected default, linear, dynamic, yarn, longrope or llama3)");
  return RopeKind::Default;
}

/// A fact that the object may give and the root may give: they must agree.
template <typename T>
std::optional<T> agree(ConfigReader &rope, const char *key, std::optional<T> inner, const std::optional<T> &outer) {
  if (inner && outer && *inner != *outer)
    rope.fail(key, rope.shown(key) + " = " + shortNumber(double(*inner)) + " contradicts '" + key +
                       "' = " + shortNumber(double(*outer)) + " at the root");
  return inner ? inner : outer;
}

void checkTurning(ConfigReader &rope, const RopeConfig &config, const RopeContext &context) {
  const int64_t turning = int64_t(double(context.headDim) * config.partialFactor);
  const int64_t least = config.kind == RopeKind::Dynamic ? 4 : 2; // Its exponent divides by two less.
  if (turning % 2 != 0 || turning < least)
    rope.fail("partial_rotary_factor", std::to_string(turning) +
                                           " features of each head turn, expected an even number of at least " +
                                           std::to_string(least));
}

RopeConfig readOne(ConfigReader &rope, const RootFacts &root, const RopeContext &context) {
  RopeConfig result;
  result.kind = readKind(rope);
  result.theta =
      agree(rope, "rope_theta", rope.maybeNumber("rope_theta", kTheta), root.theta).value_or(context.defaultTheta);
  result.partialFactor =
      agree(rope, "partial_rotary_factor", rope.maybeNumber("partial_rotary_factor", {0, 1, true}), root.partialFactor)
          .value_or(1);
  checkTurning(rope, result, context);
  if (result.kind == RopeKind::Default)
    return result;

  const std::optional<double> factor = rope.maybeNumber("factor", kPositive);
  const std::optional<int64_t> original =
      agree(rope, "original_max_position_embeddings", rope.maybeInteger("original_max_position_embeddings", kPositions),
            root.originalContext);
  if (result.kind != RopeKind::Linear) {
    // Dynamic scaling begins at max_position_embeddings, whatever else is said.
    result.originalContext =
        result.kind == RopeKind::Dynamic ? context.maxPositions : original.value_or(context.maxPositions);
  }
  if (factor)
    result.factor = *factor;
  else if ((result.kind == RopeKind::Yarn && original) || result.kind == RopeKind::LongRope)
    result.factor = double(context.maxPositions) / double(result.originalContext);
  else
    rope.fail("factor", rope.shown("factor") + " is missing");

  switch (result.kind) {
  case RopeKind::Llama3:
    result.lowFreqFactor = rope.requireNumber("low_freq_factor", kPositive);
    result.highFreqFactor = rope.requireNumber("high_freq_factor", kPositive);
    if (result.lowFreqFactor >= result.highFreqFactor)
      rope.fail("low_freq_factor", rope.shown("low_freq_factor") + " = " + shortNumber(result.lowFreqFactor) +
                                       " must be less than 'high_freq_factor' = " + shortNumber(result.highFreqFactor));
    break;
  case RopeKind::Yarn:
    result.betaFast = rope.number("beta_fast", kPositive, 32);
    result.betaSlow = rope.number("beta_slow", kPositive, 1);
    if (result.betaFast < result.betaSlow)
      rope.fail("beta_fast", rope.shown("beta_fast") + " = " + shortNumber(result.betaFast) +
                                 " must not be less than 'beta_slow' = " + shortNumber(result.betaSlow));
    result.truncate = rope.flag("truncate", true);
    result.attentionFactor = rope.maybeNumber("attention_factor", kPositive);
    result.mscale = rope.maybeNumber("mscale", {0, 1e6});
    result.mscaleAllDim = rope.maybeNumber("mscale_all_dim", {0, 1e6});
    rope.skip("finetuned"); // How it was trained.
    break;
  case RopeKind::LongRope: {
    result.attentionFactor = rope.maybeNumber("attention_factor", kPositive);
    const size_t pairs = size_t(double(context.headDim) * result.partialFactor) / 2;
    for (auto [key, list] :
         {std::make_pair("short_factor", &result.shortFactors), std::make_pair("long_factor", &result.longFactors)}) {
      if (std::optional<std::vector<double>> numbers = rope.maybeNumbers(key, kPositive, pairs, pairs))
        *list = std::move(*numbers);
      else
        rope.fail(key, rope.shown(key) + " is missing");
    }
    // The factor on cos and sin divides by the logarithm of it.
    if (result.originalContext < 2)
      rope.fail("original_max_position_embeddings",
                rope.shown("original_max_position_embeddings") + " must be at least 2 for longrope");
    break;
  }
  default:
    break;
  }
  return result;
}

RopeConfig readObject(ConfigReader &config, json::Value object, const std::string &name, const RootFacts &root,
                      const RopeContext &context) {
  ConfigReader rope(object, name + ".");
  const RopeConfig result = readOne(rope, root, context);
  rope.refuseUnknown({}, "this rope scaling");
  config.take(rope.mistake());
  return result;
}

} // namespace

bool RopeConfig::operator==(const RopeConfig &other) const {
  return kind == other.kind && theta == other.theta && partialFactor == other.partialFactor && factor == other.factor &&
         originalContext == other.originalContext && lowFreqFactor == other.lowFreqFactor &&
         highFreqFactor == other.highFreqFactor && betaFast == other.betaFast && betaSlow == other.betaSlow &&
         truncate == other.truncate && attentionFactor == other.attentionFactor && mscale == other.mscale &&
         mscaleAllDim == other.mscaleAllDim && shortFactors == other.shortFactors && longFactors == other.longFactors;
}

RopeConfigs readRopeConfigs(ConfigReader &config, const RopeContext &context) {
  RootFacts root;
  root.theta = config.maybeNumber("rope_theta", kTheta);
  root.partialFactor = config.maybeNumber("partial_rotary_factor", {0, 1, true});
  root.originalContext = config.maybeInteger("original_max_position_embeddings", kPositions);

  const std::optional<json::Value> scaling = config.maybeObject("rope_scaling");
  const std::optional<json::Value> parameters = config.maybeObject("rope_parameters");
  RopeConfigs result;
  // An object without members says as much as none.
  if (!parameters || parameters->size() == 0) {
    if (scaling && scaling->size() != 0) {
      result.full = readObject(config, *scaling, "rope_scaling", root, context);
    } else {
      result.full.theta = root.theta.value_or(context.defaultTheta);
      result.full.partialFactor = root.partialFactor.value_or(1);
      checkTurning(config, result.full, context);
    }
    result.sliding = result.full;
    return result;
  }

  const std::optional<json::Value> full = parameters->find("full_attention");
  const std::optional<json::Value> sliding = parameters->find("sliding_attention");
  if (full || sliding) {
    ConfigReader nested(*parameters, "rope_parameters.");
    nested.skip("full_attention");
    nested.skip("sliding_attention");
    nested.refuseUnknown({}, "this rope scaling");
    config.take(nested.mistake());
    // A type of layer that is not named does not occur, or else turns as the other does.
    result.full =
        readObject(config, full ? *full : *sliding,
                   full ? "rope_parameters.full_attention" : "rope_parameters.sliding_attention", root, context);
    result.sliding =
        sliding ? readObject(config, *sliding, "rope_parameters.sliding_attention", root, context) : result.full;
  } else {
    result.full = readObject(config, *parameters, "rope_parameters", root, context);
    result.sliding = result.full;
  }
  if (scaling && scaling->size() != 0) {
    const RopeConfig old = readObject(config, *scaling, "rope_scaling", root, context);
    if (old != result.full)
      config.fail("rope_scaling", "'rope_scaling' contradicts 'rope_parameters'",
                  "keep the one that the model was trained with");
  }
  return result;
}

} // namespace llmc
