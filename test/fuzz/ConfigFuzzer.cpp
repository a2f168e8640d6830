// ConfigFuzzer.cpp - config.json and generation_config.json from random bytes: no crash, and what is accepted is within
// its bounds.
//
// The input is the text of config.json and, behind a zero byte, that of generation_config.json.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/config/GenerationConfig.h"
#include "frontends/models/LlamaConfig.h"
#include "frontends/models/quantized/QuantizedLayout.h"
#include "test/fuzz/Promises.h"

#include <algorithm>
#include <cmath>

using namespace llmc;
using namespace llmc::models;
using llmc::test::require;

namespace {

bool within(int64_t value, IntegerRange range) { return value >= range.min && value <= range.max; }

/// Holds with and without mistakes: a caller may go on.
void checkBounds(const DecoderConfig &config) {
  require(within(config.vocabSize, limits::kVocab) && within(config.hiddenSize, limits::kWidth));
  require(within(config.intermediateSize, limits::kWidth) && within(config.maxPositions, limits::kPositions));
  require(within(config.numHeads, limits::kHeads) && within(config.numKvHeads, limits::kHeads));
  require(config.numHeads % config.numKvHeads == 0 && config.headDim >= 2 && config.headDim % 2 == 0);
  require(within(int64_t(config.layers.size()), limits::kLayers));
  require(std::isfinite(config.normEpsilon) && config.normEpsilon > 0 && config.normEpsilon <= 1);
  for (const DecoderLayer &layer : config.layers)
    require(layer.window >= 0);
  for (const RopeConfig *rope : {&config.rope.full, &config.rope.sliding})
    require(std::isfinite(rope->theta) && rope->theta > 1 && std::isfinite(rope->factor));
}

/// Holds when there is no mistake.
void checkRope(const RopeConfig &rope, const DecoderConfig &config) {
  require(rope.factor > 0 && rope.partialFactor == 1);
  if (rope.kind == RopeKind::Llama3)
    require(rope.lowFreqFactor > 0 && rope.lowFreqFactor < rope.highFreqFactor);
  if (rope.kind != RopeKind::Default && rope.kind != RopeKind::Linear)
    require(rope.originalContext >= 1);
  if (rope.kind == RopeKind::LongRope)
    require(int64_t(rope.shortFactors.size()) == config.headDim / 2 &&
            int64_t(rope.longFactors.size()) == config.headDim / 2);
}

void checkGeneration(const GenerationConfig &facts, int64_t vocabSize) {
  for (int64_t id : facts.eos)
    require(id >= 0 && id < vocabSize);
  require(!facts.bos || (*facts.bos >= 0 && *facts.bos < vocabSize));
  require(!facts.pad || (*facts.pad >= 0 && *facts.pad < vocabSize));
  require(!facts.topP || (*facts.topP > 0 && *facts.topP <= 1));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string text(reinterpret_cast<const char *>(data), size);
  const size_t split = std::min(text.find('\0'), text.size());
  Result<json::Document> document = json::Document::parse(text.substr(0, split), "f", {1u << 20, 64});
  if (!document) {
    require(!document.error().message.empty());
    return 0;
  }
  ConfigReader config(document->root());
  const std::string modelType = config.requireString("model_type");
  const std::optional<QuantizedLayout> layout = readQuantizedLayout(config);
  if (layout && !config.mistake()) {
    require((layout->bits == 2 || layout->bits == 4 || layout->bits == 8) &&
            layout->codes.wordBits % layout->bits == 0);
    require(layout->tileRows >= 0 && layout->tileColumns >= 0 && !layout->codes.suffix.empty());
  }
  const DecoderConfig decoder = readLlamaConfig(config, modelType);
  checkBounds(decoder);
  if (!config.mistake()) {
    checkRope(decoder.rope.full, decoder);
    checkRope(decoder.rope.sliding, decoder);
  }
  GenerationConfig facts;
  if (split < text.size()) {
    Result<json::Document> second = json::Document::parse(text.substr(split + 1), "g", {1u << 20, 64});
    if (!second)
      return 0;
    ConfigReader generation(second->root());
    facts = readGenerationConfig(config, &generation, decoder.vocabSize);
    config.take(generation.mistake());
  } else {
    facts = readGenerationConfig(config, nullptr, decoder.vocabSize);
  }
  if (!config.mistake())
    checkGeneration(facts, decoder.vocabSize);
  config.refuseUnknown(harmlessConfigKeys(), "it");
  if (config.mistake())
    require(!config.mistake()->message.empty() && config.mistake()->line > 0);
  return 0;
}
