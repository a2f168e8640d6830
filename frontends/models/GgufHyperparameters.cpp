// GgufHyperparameters.cpp - sizes and rotary embedding out of a GGUF file's metadata.
//
// Meanings and defaults are those of llama.cpp. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/GgufHyperparameters.h"

#include "dialects/Transformer/Formats/RopeFrequencies.h"
#include "frontends/formats/json/Json.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace llmc::models {

namespace {

using gguf::MetadataReader;

constexpr NumberRange kPositive = {0, 1e9, true};
constexpr const char *kRopeFactors = "rope_freqs.weight";

/// Keys with the architecture in front.
class Keys {
public:
  Keys(MetadataReader &metadata, std::string_view architecture)
      : metadata(metadata), prefix(std::string(architecture) + ".") {}

  std::string operator()(const char *key) const { return prefix + key; }
  std::string quoted(const char *key) const { return "'" + json::printable(prefix + key) + "'"; }
  int64_t require(const char *key, IntegerRange range) { return metadata.requireInteger((*this)(key), range); }
  int64_t integer(const char *key, IntegerRange range, int64_t unset) {
    return metadata.integer((*this)(key), range, unset);
  }
  std::optional<int64_t> maybeInteger(const char *key, IntegerRange range) {
    return metadata.maybeInteger((*this)(key), range);
  }
  double number(const char *key, NumberRange range, double unset) {
    return metadata.number((*this)(key), range, unset);
  }
  std::optional<double> maybeNumber(const char *key, NumberRange range) {
    return metadata.maybeNumber((*this)(key), range);
  }

  MetadataReader &metadata;

private:
  std::string prefix;
};

/// The factors by which a tensor of its own divides the frequencies (LLaMA 3.1 and later), or none.
std::vector<double> readRopeFactors(const GgufSource &source, int64_t headDim) {
  const TensorEntry *entry = source.tensors.find(kRopeFactors);
  if (!entry)
    return {};
  std::vector<double> factors;
  const auto pairs = uint64_t(headDim / 2);
  if (entry->dtype != DType::F32 || entry->size != pairs * 4) {
    source.metadata.fail(std::string("tensor '") + kRopeFactors + "' is " + dtypeName(entry->dtype) + " of shape " +
                         entry->shape.str() + ", expected f32 of shape [" + std::to_string(pairs) + "]");
    return {};
  }
  for (uint64_t i = 0; i < pairs; ++i) {
    float factor;
    std::memcpy(&factor, source.tensors.data(*entry) + 4 * i, sizeof factor);
    if (!std::isfinite(factor) || factor <= 0) {
      source.metadata.fail(std::string("tensor '") + kRopeFactors + "': element " + std::to_string(i) + " is " +
                           shortNumber(double(factor)) + ", expected a number more than 0");
      return {};
    }
    factors.push_back(double(factor));
  }
  return factors;
}

void readYarn(Keys &keys, RopeConfig &rope) {
  rope.kind = RopeKind::Yarn;
  rope.betaFast = keys.number("rope.scaling.yarn_beta_fast", kPositive, 32);
  rope.betaSlow = keys.number("rope.scaling.yarn_beta_slow", kPositive, 1);
  if (rope.betaFast < rope.betaSlow)
    keys.metadata.fail(keys.quoted("rope.scaling.yarn_beta_fast") + " = " + shortNumber(rope.betaFast) +
                       " must not be less than " + keys.quoted("rope.scaling.yarn_beta_slow") + " = " +
                       shortNumber(rope.betaSlow));
  // How much of yarn there is, and a factor of one architecture's; -1 says that the program may choose.
  struct Neutral {
    const char *key;
    double value;
  };
  for (const Neutral &neutral :
       {Neutral{"rope.scaling.yarn_ext_factor", 1}, Neutral{"rope.scaling.yarn_log_multiplier", 0}})
    if (const std::optional<double> value = keys.maybeNumber(neutral.key, {-1e9, 1e9}))
      if (*value != neutral.value && *value != -1)
        keys.metadata.fail(keys.quoted(neutral.key) + " = " + shortNumber(*value) + " is not supported (expected " +
                           shortNumber(neutral.value) + ")");
}

RopeConfig readRope(const GgufSource &source, Keys &keys, int64_t headDim, int64_t context) {
  RopeConfig rope;
  rope.theta = keys.number("rope.freq_base", {1, 1e15, true}, 10000);
  const int64_t turning = keys.integer("rope.dimension_count", limits::kHeadDim, headDim);
  if (turning != headDim)
    keys.metadata.fail(keys.quoted("rope.dimension_count") + " = " + std::to_string(turning) +
                       " is not the size of a head, " + std::to_string(headDim) +
                       ": models that turn a part of each head are not supported");
  const std::optional<std::string> type = keys.metadata.maybeString(keys("rope.scaling.type"));
  std::optional<double> factor = keys.maybeNumber("rope.scaling.factor", {0, 1e9});
  // The name of before 2024.
  if (const std::optional<double> old = keys.maybeNumber("rope.scale_linear", {0, 1e9}); !factor)
    factor = old;
  const double attention = keys.number("rope.scaling.attn_factor", kPositive, 1);
  const double yarnAttention = keys.number("rope.scaling.yarn_attn_factor", kPositive, 1);
  const int64_t original = keys.integer("rope.scaling.original_context_length", {1, INT32_MAX}, context);
  if (type && *type != "none" && *type != "linear" && *type != "yarn")
    keys.metadata.fail(keys.quoted("rope.scaling.type") + " = '" + json::printable(*type) +
                       "' is not supported (expected none, linear or yarn)");
  // A factor of 0 is none, and one of 1 changes nothing.
  const bool scales = factor && *factor != 0 && *factor != 1 && (!type || *type != "none");
  if (scales) {
    rope.factor = *factor;
    rope.kind = RopeKind::Linear;
    if (type && *type == "yarn") {
      readYarn(keys, rope);
      rope.originalContext = original;
      rope.attentionFactor = attention * yarnAttention * yarnAttentionFactor(rope.factor);
    }
  }
  if (rope.kind != RopeKind::Yarn && attention * yarnAttention != 1)
    keys.metadata.fail(keys.quoted("rope.scaling.attn_factor") + " = " + shortNumber(attention * yarnAttention) +
                       " is not supported without yarn");
  std::vector<double> factors = readRopeFactors(source, headDim);
  if (factors.empty())
    return rope;
  if (rope.kind != RopeKind::Default) {
    keys.metadata.fail(std::string("tensor '") + kRopeFactors + "' and " + keys.quoted("rope.scaling.type") +
                       " both scale the rotary embedding, which is not supported");
    return rope;
  }
  // The rotary table that has a factor for each pair; both of its rows are the same one.
  rope.kind = RopeKind::LongRope;
  rope.originalContext = std::max<int64_t>(context, 2);
  rope.attentionFactor = 1;
  rope.shortFactors = factors;
  rope.longFactors = std::move(factors);
  return rope;
}

int64_t readVocabSize(const GgufSource &source, Keys &keys) {
  const std::optional<int64_t> given = keys.maybeInteger("vocab_size", limits::kVocab);
  const std::optional<gguf::Value> tokens = source.metadata.maybeAny("tokenizer.ggml.tokens");
  if (tokens && tokens->isArray() && tokens->size() >= 1 && tokens->size() <= uint64_t(limits::kVocab.max))
    return int64_t(tokens->size()); // The rows of the embedding: llama.cpp goes by the list alone.
  if (!given)
    source.metadata.fail(keys.quoted("vocab_size") + " is missing, and so is 'tokenizer.ggml.tokens'");
  return given.value_or(1);
}

} // namespace

DecoderConfig readGgufDecoder(const GgufSource &source, std::string_view architecture) {
  MetadataReader &metadata = source.metadata;
  Keys keys(metadata, architecture);
  DecoderConfig result;
  result.family = std::string(architecture);
  result.vocabSize = readVocabSize(source, keys);
  result.hiddenSize = keys.require("embedding_length", limits::kWidth);
  result.intermediateSize = keys.require("feed_forward_length", limits::kWidth);
  result.layers.assign(size_t(keys.require("block_count", limits::kLayers)), DecoderLayer());
  result.numHeads = keys.require("attention.head_count", limits::kHeads);
  result.numKvHeads = keys.integer("attention.head_count_kv", limits::kHeads, result.numHeads);
  if (result.numHeads % result.numKvHeads != 0) {
    metadata.fail(keys.quoted("attention.head_count_kv") + " = " + std::to_string(result.numKvHeads) +
                  " does not divide " + keys.quoted("attention.head_count") + " = " + std::to_string(result.numHeads));
    result.numKvHeads = result.numHeads;
  }
  const std::optional<int64_t> keyLength = keys.maybeInteger("attention.key_length", limits::kHeadDim);
  const std::optional<int64_t> valueLength = keys.maybeInteger("attention.value_length", limits::kHeadDim);
  if (!keyLength && result.hiddenSize % result.numHeads != 0)
    metadata.fail(keys.quoted("attention.head_count") + " = " + std::to_string(result.numHeads) + " does not divide " +
                      keys.quoted("embedding_length") + " = " + std::to_string(result.hiddenSize),
                  "a model whose heads are of another size has " + keys.quoted("attention.key_length"));
  result.headDim = keyLength.value_or(std::max<int64_t>(result.hiddenSize / result.numHeads, 1));
  if (valueLength && *valueLength != result.headDim)
    metadata.fail(keys.quoted("attention.value_length") + " = " + std::to_string(*valueLength) +
                  " differs from the length of keys, " + std::to_string(result.headDim) + ", which is not supported");
  if (result.headDim % 2 != 0) {
    metadata.fail("heads of " + std::to_string(result.headDim) +
                  " features are odd, rotary positions turn features in pairs");
    result.headDim += 1;
  }
  result.maxPositions = keys.require("context_length", limits::kPositions);
  const std::optional<double> epsilon = keys.maybeNumber("attention.layer_norm_rms_epsilon", {0, 1, true});
  if (!epsilon)
    metadata.fail(keys.quoted("attention.layer_norm_rms_epsilon") + " is missing");
  result.normEpsilon = epsilon.value_or(1e-5);
  const std::optional<int64_t> window = keys.maybeInteger("attention.sliding_window", {0, INT32_MAX});
  for (DecoderLayer &layer : result.layers)
    layer.window = window.value_or(0);
  for (const char *key : {"expert_count", "expert_used_count"})
    if (const int64_t experts = keys.integer(key, {0, INT32_MAX}, 0); experts != 0)
      metadata.fail(keys.quoted(key) + " = " + std::to_string(experts) + ": mixtures of experts are not supported");
  if (metadata.maybeFlag(keys("attention.causal")) == false)
    metadata.fail(keys.quoted("attention.causal") + " = false: models that see what follows are not supported");
  result.rope.full = readRope(source, keys, result.headDim, result.maxPositions);
  result.rope.sliding = result.rope.full;
  return result;
}

void refuseUnknownGgufKeys(const GgufSource &source, std::string_view architecture) {
  source.metadata.refuseUnknown(std::string(architecture) + ".",
                                {
                                    "rope.scaling.finetuned", // How it was trained.
                                    "tensor_data_layout",     // Whose order of rows; it follows from the architecture.
                                },
                                "a '" + std::string(architecture) + "' model");
}

} // namespace llmc::models
