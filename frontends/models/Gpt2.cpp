// Gpt2.cpp - GPT-2: learned positions, layer norms before attention and feed-forward, matrices stored as [inputs,
// outputs].
//
// x = words + places; x = x + attention(ln_1(x)); x = x + c_proj(act(c_fc(ln_2(x)))); logits = ln_f(x) words^T.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/DecoderParts.h"
#include "frontends/models/Family.h"

#include "llvm/ADT/StringRef.h"

#include <cmath>

using namespace mlir;

namespace llmc::models {

namespace {

/// What config.json says of it. `layerScale`: scores are divided by the number of their layer, counted from 1.
struct Gpt2Config : DecoderConfig {
  bool scaledScores = true, layerScale = false;
};

Gpt2Config readConfig(ConfigReader &config) {
  Gpt2Config result;
  result.family = "gpt2";
  refuseForeignCode(config);
  if (const auto names = config.maybeStrings("architectures", 16))
    if (!names->empty() &&
        llvm::none_of(*names, [](const std::string &name) { return name == "GPT2LMHeadModel" || name == "GPT2Model"; }))
      config.fail("architectures", "architecture '" + json::printable(names->front()) +
                                       "' of model type 'gpt2' is not supported (expected 'GPT2LMHeadModel')");
  result.vocabSize = config.requireInteger("vocab_size", limits::kVocab);
  result.hiddenSize = config.requireInteger("n_embd", limits::kWidth);
  const int64_t numLayers = config.requireInteger("n_layer", limits::kLayers);
  result.numHeads = result.numKvHeads = config.requireInteger("n_head", limits::kHeads);
  if (result.hiddenSize % result.numHeads != 0) {
    config.fail("n_head", "'n_head' = " + std::to_string(result.numHeads) +
                              " does not divide 'n_embd' = " + std::to_string(result.hiddenSize));
    result.numHeads = result.numKvHeads = 1;
  }
  result.headDim = result.hiddenSize / result.numHeads;
  result.intermediateSize = config.maybeInteger("n_inner", limits::kWidth).value_or(4 * result.hiddenSize);
  result.maxPositions = config.requireInteger("n_positions", limits::kPositions);
  result.normEpsilon = config.number("layer_norm_epsilon", {0, 1, true}, 1e-5);
  result.activation = readActivation(config, "activation_function", ActivationKind::GeluTanh);
  result.tiedHead = config.flag("tie_word_embeddings", true);
  result.scaledScores = config.flag("scale_attn_weights", true);
  result.layerScale = config.flag("scale_attn_by_inverse_layer_idx", false);
  config.expectFlag("add_cross_attention", false);
  config.expectFlag("is_encoder_decoder", false);
  // The order of steps in half precision; the numbers are those of f32 either way.
  config.skip("reorder_and_upcast_attn");
  // As old files have them: the context again, keys of other models that nothing reads, and heads for classes.
  for (const char *key :
       {"attn_pdrop", "n_ctx", "hidden_act", "intermediate_size", "type_vocab_size", "summary_activation",
        "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
        "attention_probs_dropout_prob", "hidden_dropout_prob", "gradient_checkpointing"})
    config.skip(key);
  result.layers.assign(size_t(numLayers), DecoderLayer());
  return result;
}

class Gpt2Model : public Model {
public:
  explicit Gpt2Model(Gpt2Config config) : config(std::move(config)) {}

  int64_t getVocabSize() const override { return config.vocabSize; }
  int64_t getContextLength() const override { return config.maxPositions; }
  int64_t getHeadDim() const override { return config.headDim; }
  void build(EntryBuilder &entry) const override;
  /// Masks that are computed.
  bool ignoresTensor(std::string_view key) const override {
    const llvm::StringRef tensor(key.data(), key.size());
    return tensor.ends_with(".attn.bias") || tensor.ends_with(".attn.masked_bias");
  }

private:
  void buildLayer(EntryBuilder &entry, const StepArguments &step, int64_t number, const std::string &prefix, Value &x,
                  Value &state) const;

  Gpt2Config config;
};

void Gpt2Model::build(EntryBuilder &entry) const {
  OpBuilder &builder = entry.getBuilder();
  WeightTable &weights = entry.getWeights();
  const std::string prefix = weights.has("wte.weight") ? "" : "transformer.";
  const std::string words = prefix + "wte.weight", places = prefix + "wpe.weight";
  if (entry.getBounds().context > config.maxPositions)
    return weights.fail(places, "--max-context = " + std::to_string(entry.getBounds().context) +
                                    " is more than the model has positions for (" +
                                    std::to_string(config.maxPositions) + ")");
  const StepArguments step = entry.beginStep(
      transformer::StateType::getKVCache(builder.getContext(), int64_t(config.layers.size()), config.numKvHeads,
                                         config.headDim, entry.getBounds().cacheType, 0));
  Value table = weights.get(builder, words, {config.vocabSize, config.hiddenSize});
  Value positions = weights.get(builder, places, {config.maxPositions, config.hiddenSize});
  auto type = RankedTensorType::get({ShapedType::kDynamic, config.hiddenSize}, builder.getF32Type());
  Value x = transformer::EmbeddingOp::create(builder, entry.named(prefix + "wte"), type, step.tokens, table,
                                             step.positions, positions, FloatAttr(), IntegerAttr());
  Value state = step.state;
  for (size_t i = 0; i < config.layers.size(); ++i) {
    buildLayer(entry, step, int64_t(i), prefix, x, state);
    if (entry.failed())
      return;
  }
  x = buildSelectRows(entry, x, step.rows);
  x = buildLayerNorm(entry, x, prefix + "ln_f", config.normEpsilon);
  const std::string head = "lm_head.weight";
  if (config.tiedHead)
    weights.expectCopy(head, words, "'tie_word_embeddings' is true");
  entry.endStep(buildHead(entry, x, config.tiedHead ? words : head, config.vocabSize), state);
}

void Gpt2Model::buildLayer(EntryBuilder &entry, const StepArguments &step, int64_t number, const std::string &prefix,
                           Value &x, Value &state) const {
  OpBuilder &builder = entry.getBuilder();
  const std::string name = prefix + "h." + std::to_string(number), layer = name + ".";
  auto layers = transformer::LayersOp::create(builder, entry.named(name), number, ValueRange{x, state});
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&layers.getBody(0));
  Value slot = layers.getSlotArgument(0), h = layers.getIterArguments(0)[0], cache = layers.getIterArguments(0)[1];

  AttentionPart attention;
  attention.query = layer + "attn.c_attn";
  attention.output = layer + "attn.c_proj";
  attention.fused = attention.transposed = attention.inputBias = attention.outputBias = true;
  attention.numHeads = config.numHeads;
  attention.numKvHeads = config.numKvHeads;
  attention.headDim = config.headDim;
  attention.scale = config.scaledScores ? 1 / std::sqrt(double(config.headDim)) : 1;
  if (config.layerScale)
    attention.scale /= double(number + 1);
  Value normed = buildLayerNorm(entry, h, layer + "ln_1", config.normEpsilon);
  Value mixed = buildAttention(entry, attention, normed, step.positions, step.sequences, slot, cache);
  h = transformer::AddOp::create(builder, entry.named(name), h, mixed);

  PlainPart mlp;
  mlp.up = layer + "mlp.c_fc";
  mlp.down = layer + "mlp.c_proj";
  mlp.intermediateSize = config.intermediateSize;
  mlp.activation = config.activation;
  mlp.transposed = true;
  normed = buildLayerNorm(entry, h, layer + "ln_2", config.normEpsilon);
  h = transformer::AddOp::create(builder, entry.named(name), h, buildPlain(entry, mlp, normed));
  transformer::YieldOp::create(builder, entry.named(name), ValueRange{h, cache});
  x = layers.getResults()[0];
  state = layers.getResults()[1];
}

class Gpt2Family : public Family {
public:
  std::vector<std::string_view> getModelTypes() const override { return {"gpt2"}; }
  std::unique_ptr<Model> read(ConfigReader &config, std::string_view) const override {
    return std::make_unique<Gpt2Model>(readConfig(config));
  }
};

} // namespace

const Family &getGpt2Family() {
  static const Gpt2Family family;
  return family;
}

} // namespace llmc::models
