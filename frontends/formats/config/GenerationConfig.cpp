// GenerationConfig.cpp - reads special tokens and sampling defaults.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/config/GenerationConfig.h"

#include <algorithm>

namespace llmc {

namespace {

constexpr size_t kMaxStops = 1024;
// What the runtime takes: a model that compiles must run with its own defaults.
constexpr NumberRange kTemperature = {0, 1000}, kPenalty = {1e-3, 1000};

struct NeutralKey {
  const char *key;
  double value;
};
constexpr NeutralKey kNeutral[] = {
#define NEUTRAL_GENERATION(key, value) {key, value},
#include "frontends/formats/config/KnownKeys.def"
};

/// One file's say; absent facts are absent.
struct Facts {
  GenerationConfig values;
  std::optional<bool> doSample;
  bool givesStops = false;
};

void readStops(ConfigReader &reader, int64_t vocabSize, Facts &facts) {
  const std::optional<json::Value> value = reader.maybeAny("eos_token_id");
  if (!value)
    return;
  facts.givesStops = true;
  if (!value->isArray() && !value->isInteger()) {
    reader.take(std::optional<Diagnostic>(value->mismatch("eos_token_id", "an integer or an array of integers")));
    return;
  }
  const size_t count = value->isArray() ? value->size() : 1;
  if (count > kMaxStops)
    return reader.fail("eos_token_id", "'eos_token_id' holds " + std::to_string(count) + " tokens, expected at most " +
                                           std::to_string(kMaxStops));
  for (size_t i = 0; i < count; ++i) {
    const json::Value item = value->isArray() ? value->at(i) : *value;
    Result<int64_t> id = item.getInteger("eos_token_id");
    if (!id)
      return reader.take(std::optional<Diagnostic>(id.takeError()));
    if (*id < 0 || *id >= vocabSize)
      return reader.take(std::optional<Diagnostic>(item.error("'eos_token_id' = " + std::to_string(*id) +
                                                              " is not a token (expected 0 to " +
                                                              std::to_string(vocabSize - 1) + ")")));
    if (std::find(facts.values.eos.begin(), facts.values.eos.end(), *id) == facts.values.eos.end())
      facts.values.eos.push_back(*id);
  }
}

/// Keys that would change the choice of tokens in a way that is not built.
void refuseOtherStrategies(ConfigReader &reader) {
  for (const NeutralKey &neutral : kNeutral) {
    const std::optional<json::Value> value = reader.maybeAny(neutral.key);
    if (!value)
      continue;
    const double found = value->isBool() ? double(value->asBool()) : value->isNumber() ? value->asNumber() : -1;
    if (found != neutral.value)
      reader.fail(neutral.key,
                  reader.shown(neutral.key) + " is not supported unless it is " +
                      (value->isBool() ? (neutral.value != 0 ? "true" : "false") : shortNumber(neutral.value)),
                  "set it to that value or remove it to generate without it");
  }
  // Set at all, these change the choice.
  for (const char *key : {"bad_words_ids", "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens",
                          "begin_suppress_tokens", "sequence_bias", "exponential_decay_length_penalty", "constraints",
                          "force_words_ids", "dola_layers", "watermarking_config", "top_h", "stop_strings"}) {
    const std::optional<json::Value> value = reader.maybeAny(key);
    if (value && !((value->isArray() || value->isObject()) && value->size() == 0))
      reader.fail(key, reader.shown(key) + " is not supported", "remove it to generate without it");
  }
}

Facts readFacts(ConfigReader &reader, int64_t vocabSize) {
  Facts facts;
  GenerationConfig &values = facts.values;
  const IntegerRange tokens = {0, vocabSize - 1};
  values.bos = reader.maybeInteger("bos_token_id", tokens);
  readStops(reader, vocabSize, facts);
  // -1 was the usual way to say that there is no padding.
  values.pad = reader.maybeInteger("pad_token_id", {-1, vocabSize - 1});
  if (values.pad == -1)
    values.pad.reset();
  facts.doSample = reader.maybeFlag("do_sample");
  values.temperature = reader.maybeNumber("temperature", kTemperature);
  values.topK = reader.maybeInteger("top_k", {0, INT32_MAX});
  values.topP = reader.maybeNumber("top_p", {0, 1, true});
  values.minP = reader.maybeNumber("min_p", {0, 1});
  values.repetitionPenalty = reader.maybeNumber("repetition_penalty", kPenalty);
  values.maxLength = reader.maybeInteger("max_length", {1, INT32_MAX});
  reader.maybeInteger("max_new_tokens", {1, INT32_MAX});
  refuseOtherStrategies(reader);
  return facts;
}

} // namespace

GenerationConfig readGenerationConfig(ConfigReader &config, ConfigReader *generation, int64_t vocabSize) {
  const Facts base = readFacts(config, vocabSize);
  Facts own;
  if (generation) {
    own = readFacts(*generation, vocabSize);
    std::vector<std::string_view> harmless = {
#define HARMLESS_GENERATION(key) key,
#include "frontends/formats/config/KnownKeys.def"
    };
    generation->refuseUnknown(harmless, "generation");
  }
  GenerationConfig result = generation ? own.values : base.values;
  // Sampling defaults in config.json count only where there is no generation_config.json; the special tokens always do.
  if (!result.bos)
    result.bos = base.values.bos;
  if (!result.pad)
    result.pad = base.values.pad;
  if (generation && !own.givesStops)
    result.eos = base.values.eos;
  result.doSample = (generation ? own.doSample : base.doSample).value_or(false);
  // Hugging Face's generate() keeps the 50 likeliest tokens when a sampling model does not say how many.
  if (result.doSample && !result.topK)
    result.topK = 50;
  return result;
}

std::vector<std::string_view> harmlessConfigKeys() {
  return {
#define HARMLESS_CONFIG(key) key,
#include "frontends/formats/config/KnownKeys.def"
  };
}

} // namespace llmc
