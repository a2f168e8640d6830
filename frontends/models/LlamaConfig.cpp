// LlamaConfig.cpp - what tells the models of the LLaMA line apart, as a table, and the reader of their config.json.
//
// Defaults are those of Hugging Face transformers 5; sizes have none here, since a forgotten size is a mistake.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/LlamaConfig.h"

namespace llmc::models {

namespace {

/// Where a bias comes from.
enum class Bias { Never, Always, ByKey };
/// Which layers see a window of keys only.
enum class Windows {
  None,
  All,     ///< `sliding_window`, on every layer.
  ByLayer, ///< `use_sliding_window`, `sliding_window`, and `layer_types` or `max_window_layers`.
};

struct Variant {
  const char *modelType;
  const char *architecture;
  Bias queryKeyValueBias;   ///< ByKey: `attention_bias`.
  Bias attentionOutputBias; ///< ByKey: `attention_bias`.
  Bias mlpBias;             ///< ByKey: `mlp_bias`.
  bool queryKeyNorm;
  Windows windows;
  int64_t headDim; ///< Where `head_dim` is not set; 0: hidden_size / num_attention_heads.
};

constexpr Variant kVariants[] = {
    {"llama", "LlamaForCausalLM", Bias::ByKey, Bias::ByKey, Bias::ByKey, false, Windows::None, 0},
    {"mistral", "MistralForCausalLM", Bias::Never, Bias::Never, Bias::Never, false, Windows::All, 0},
    {"qwen2", "Qwen2ForCausalLM", Bias::Always, Bias::Never, Bias::Never, false, Windows::ByLayer, 0},
    {"qwen3", "Qwen3ForCausalLM", Bias::ByKey, Bias::ByKey, Bias::Never, true, Windows::ByLayer, 128},
};

/// Sliding windows where the file has none: all have 4096, as Mistral 7B began.
constexpr int64_t kDefaultWindow = 4096;
constexpr IntegerRange kWindow = {1, INT32_MAX};

void checkArchitecture(ConfigReader &config, const Variant &variant) {
  const std::optional<std::vector<std::string>> names = config.maybeStrings("architectures", 16);
  if (!names || names->empty())
    return;
  for (const std::string &name : *names)
    if (name == variant.architecture)
      return;
  config.fail("architectures", "architecture '" + json::printable(names->front()) + "' of model type '" +
                                   variant.modelType + "' is not supported (expected '" + variant.architecture + "')");
}

bool readBias(ConfigReader &config, Bias bias, const char *key) {
  if (bias == Bias::ByKey)
    return config.flag(key, false);
  return bias == Bias::Always;
}

void readLayers(ConfigReader &config, const Variant &variant, int64_t count, DecoderConfig &result) {
  result.layers.assign(size_t(count), DecoderLayer());
  if (variant.windows == Windows::None)
    return;
  if (variant.windows == Windows::All) {
    // Not set and null differ here: null is how later releases turned the window off.
    int64_t window = kDefaultWindow;
    if (config.object().find("sliding_window"))
      window = config.maybeInteger("sliding_window", kWindow).value_or(0);
    for (DecoderLayer &layer : result.layers)
      layer.window = window;
    return;
  }
  const bool use = config.flag("use_sliding_window", false);
  int64_t window = kDefaultWindow;
  if (use)
    window =
        config.object().find("sliding_window") ? config.maybeInteger("sliding_window", kWindow).value_or(0) : window;
  else
    config.skip("sliding_window");
  const int64_t fullLayers = config.integer("max_window_layers", {0, INT32_MAX}, 28);
  const std::optional<std::vector<std::string>> types = config.maybeStrings("layer_types", size_t(limits::kLayers.max));
  if (!types) {
    for (int64_t i = fullLayers; use && i < count; ++i)
      result.layers[size_t(i)] = {window, true};
    return;
  }
  if (int64_t(types->size()) != count)
    return config.fail("layer_types", "'layer_types' holds " + std::to_string(types->size()) +
                                          " entries, expected 'num_hidden_layers' = " + std::to_string(count));
  for (size_t i = 0; i < types->size(); ++i) {
    const std::string &type = (*types)[i];
    if (type == "full_attention")
      continue;
    if (type != "sliding_attention")
      return config.fail("layer_types", "element " + std::to_string(i) + " of 'layer_types' = \"" +
                                            json::printable(type) +
                                            "\" is not supported (expected full_attention or sliding_attention)");
    if (!use || window == 0)
      return config.fail("layer_types", std::string("'layer_types' asks for sliding attention, ") +
                                            (use ? "'sliding_window' is null" : "'use_sliding_window' is false"));
    result.layers[i].window = window;
    result.layers[i].slidingRope = true;
  }
}

} // namespace

std::vector<std::string_view> llamaModelTypes() {
  std::vector<std::string_view> types;
  for (const Variant &variant : kVariants)
    types.push_back(variant.modelType);
  return types;
}

DecoderConfig readLlamaConfig(ConfigReader &config, std::string_view modelType) {
  const Variant *variant = kVariants;
  for (const Variant &candidate : kVariants)
    if (modelType == candidate.modelType)
      variant = &candidate;

  DecoderConfig result;
  result.family = variant->modelType;
  checkArchitecture(config, *variant);
  refuseForeignCode(config);

  result.vocabSize = config.requireInteger("vocab_size", limits::kVocab);
  result.hiddenSize = config.requireInteger("hidden_size", limits::kWidth);
  result.intermediateSize = config.requireInteger("intermediate_size", limits::kWidth);
  const int64_t numLayers = config.requireInteger("num_hidden_layers", limits::kLayers);
  result.numHeads = config.requireInteger("num_attention_heads", limits::kHeads);
  result.numKvHeads = config.integer("num_key_value_heads", limits::kHeads, result.numHeads);
  if (result.numHeads % result.numKvHeads != 0) {
    config.fail("num_key_value_heads",
                "'num_key_value_heads' = " + std::to_string(result.numKvHeads) +
                    " does not divide 'num_attention_heads' = " + std::to_string(result.numHeads));
    result.numKvHeads = result.numHeads;
  }
  result.headDim = readHeadDim(config, result.hiddenSize, result.numHeads, variant->headDim);
  result.maxPositions = config.requireInteger("max_position_embeddings", limits::kPositions);
  result.normEpsilon = config.number("rms_norm_eps", {0, 1, true}, 1e-6);
  result.activation = readActivation(config, "hidden_act", ActivationKind::Silu);
  result.tiedHead = config.flag("tie_word_embeddings", false);
  result.queryKeyValueBias = readBias(config, variant->queryKeyValueBias, "attention_bias");
  result.attentionOutputBias = readBias(config, variant->attentionOutputBias, "attention_bias");
  result.mlpBias = readBias(config, variant->mlpBias, "mlp_bias");
  result.queryKeyNorm = variant->queryKeyNorm;
  if (variant->queryKeyValueBias != Bias::ByKey)
    config.expectFlag("attention_bias", variant->queryKeyValueBias == Bias::Always);
  if (variant->mlpBias != Bias::ByKey)
    config.expectFlag("mlp_bias", variant->mlpBias == Bias::Always);
  readLayers(config, *variant, numLayers, result);

  result.rope = readRopeConfigs(config, {10000.0, result.headDim, result.maxPositions});
  if (result.rope.full.partialFactor != 1 || result.rope.sliding.partialFactor != 1)
    config.fail(config.isSet("partial_rotary_factor") ? "partial_rotary_factor" : "rope_parameters",
                "'partial_rotary_factor' other than 1 is not supported for '" + result.family + "'");

  // Of one author's export each; the values that change nothing.
  config.expectFlag("rope_interleaved", false);
  config.expectFlag("use_mrope", false);
  config.expectFlag("is_encoder_decoder", false);
  config.expectFlag("add_cross_attention", false);
  config.skip("is_llama_config");
  return result;
}

} // namespace llmc::models
