// Llama.cpp - the LLaMA line: LLaMA 1 to 3.x, Mistral, Qwen2, Qwen3, as one block with parameters.
//
// x = x + attention(norm(x)); x = x + down(act(gate(norm(x))) * up(norm(x))); logits = head(norm(x)). The
// hyperparameters are read in LlamaConfig.cpp. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/DecoderParts.h"
#include "frontends/models/Family.h"
#include "frontends/models/LlamaConfig.h"

#include "llvm/ADT/StringRef.h"

#include <cmath>

using namespace mlir;

namespace llmc::models {

namespace {

/// Names of the tensors in one container, without ".weight" and ".bias". Those of a layer follow
/// "<prefix><layers>.<i>.".
struct Names {
  const char *prefix; ///< A checkpoint of the bare model, saved without its head, lacks it.
  const char *embedding, *finalNorm;
  const char *head; ///< Never behind the prefix.
  const char *layers;
  const char *attentionNorm, *query, *key, *value, *output, *queryNorm, *keyNorm;
  const char *mlpNorm, *gate, *up, *down;
  /// Endings of tensors that a file may hold for no use: tables that are computed, or read on their own.
  const char *unused[2];
};

constexpr Names kHuggingFace = {"model.",
                                "embed_tokens",
                                "norm",
                                "lm_head",
                                "layers",
                                "input_layernorm",
                                "self_attn.q_proj",
                                "self_attn.k_proj",
                                "self_attn.v_proj",
                                "self_attn.o_proj",
                                "self_attn.q_norm",
                                "self_attn.k_norm",
                                "post_attention_layernorm",
                                "mlp.gate_proj",
                                "mlp.up_proj",
                                "mlp.down_proj",
                                {"rotary_emb.inv_freq", "rotary_emb.inv_freq"}};
constexpr Names kGguf = {"",
                         "token_embd",
                         "output_norm",
                         "output",
                         "blk",
                         "attn_norm",
                         "attn_q",
                         "attn_k",
                         "attn_v",
                         "attn_output",
                         "attn_q_norm",
                         "attn_k_norm",
                         "ffn_norm",
                         "ffn_gate",
                         "ffn_up",
                         "ffn_down",
                         {"rope_freqs.weight", "attn_rot_embd"}};

class LlamaModel : public Model {
public:
  LlamaModel(DecoderConfig config, const Names &names) : config(std::move(config)), names(names) {}

  int64_t getVocabSize() const override { return config.vocabSize; }
  int64_t getContextLength() const override { return config.maxPositions; }
  int64_t getHeadDim() const override { return config.headDim; }
  void build(EntryBuilder &entry) const override;
  bool ignoresTensor(std::string_view key) const override {
    const llvm::StringRef tensor(key.data(), key.size());
    return llvm::any_of(names.unused, [&](const char *ending) { return tensor.ends_with(ending); });
  }

private:
  transformer::StateType stateType(EntryBuilder &entry) const;
  void buildLayer(EntryBuilder &entry, const StepArguments &step, int64_t number, const std::string &prefix,
                  const RopeTable &rope, Value &x, Value &state) const;

  DecoderConfig config;
  const Names &names;
};

/// One cache for all layers. It may forget what a window has left behind only when every layer has one.
transformer::StateType LlamaModel::stateType(EntryBuilder &entry) const {
  int64_t window = config.layers.front().window;
  for (const DecoderLayer &layer : config.layers)
    window = window && layer.window ? std::max(window, layer.window) : 0;
  return transformer::StateType::getKVCache(entry.getBuilder().getContext(), int64_t(config.layers.size()),
                                            config.numKvHeads, config.headDim, entry.getBounds().cacheType, window);
}

void LlamaModel::build(EntryBuilder &entry) const {
  OpBuilder &builder = entry.getBuilder();
  WeightTable &weights = entry.getWeights();
  const std::string first = std::string(names.prefix) + names.embedding + ".weight";
  const std::string prefix =
      !weights.has(first) && weights.has(std::string(names.embedding) + ".weight") ? "" : names.prefix;
  const std::string embeddingKey = prefix + names.embedding + ".weight";

  const StepArguments step = entry.beginStep(stateType(entry));
  const RopeTable full = buildRopeTable(entry, config.rope.full, config.headDim, entry.getBounds().context);
  const RopeTable sliding = config.rope.sliding == config.rope.full
                                ? full
                                : buildRopeTable(entry, config.rope.sliding, config.headDim, entry.getBounds().context);
  Value table = weights.get(builder, embeddingKey, {config.vocabSize, config.hiddenSize});
  Value x = transformer::EmbeddingOp::create(builder, entry.named(prefix + names.embedding), step.tokens, table);
  Value state = step.state;
  for (size_t i = 0; i < config.layers.size(); ++i) {
    buildLayer(entry, step, int64_t(i), prefix, config.layers[i].slidingRope ? sliding : full, x, state);
    if (entry.failed())
      return;
  }
  x = buildSelectRows(entry, x, step.rows);
  x = buildRMSNorm(entry, x, prefix + names.finalNorm, config.normEpsilon);

  const std::string headKey = std::string(names.head) + ".weight";
  if (config.tiedHead)
    weights.expectCopy(headKey, embeddingKey, "'tie_word_embeddings' is true");
  Value logits = buildHead(entry, x, config.tiedHead ? embeddingKey : headKey, config.vocabSize);
  entry.endStep(logits, state);
}

void LlamaModel::buildLayer(EntryBuilder &entry, const StepArguments &step, int64_t number, const std::string &prefix,
                            const RopeTable &rope, Value &x, Value &state) const {
  OpBuilder &builder = entry.getBuilder();
  const std::string name = prefix + names.layers + "." + std::to_string(number);
  const std::string layer = name + ".";
  auto layers = transformer::LayersOp::create(builder, entry.named(name), number, ValueRange{x, state});
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&layers.getBody(0));
  Value slot = layers.getSlotArgument(0), h = layers.getIterArguments(0)[0], cache = layers.getIterArguments(0)[1];

  AttentionPart attention;
  attention.query = layer + names.query;
  attention.key = layer + names.key;
  attention.value = layer + names.value;
  attention.output = layer + names.output;
  if (config.queryKeyNorm) {
    attention.queryNorm = layer + names.queryNorm;
    attention.keyNorm = layer + names.keyNorm;
  }
  attention.numHeads = config.numHeads;
  attention.numKvHeads = config.numKvHeads;
  attention.headDim = config.headDim;
  attention.scale = 1 / std::sqrt(double(config.headDim)); // Correctly rounded everywhere.
  attention.window = config.layers[size_t(number)].window;
  attention.pairedRows = config.pairedRows;
  attention.inputBias = config.queryKeyValueBias;
  attention.outputBias = config.attentionOutputBias;
  attention.normEpsilon = config.normEpsilon;
  attention.rope = rope;
  Value normed = buildRMSNorm(entry, h, layer + names.attentionNorm, config.normEpsilon);
  Value mixed = buildAttention(entry, attention, normed, step.positions, step.sequences, slot, cache);
  h = transformer::AddOp::create(builder, entry.named(name), h, mixed);

  GatedPart mlp;
  mlp.gate = layer + names.gate;
  mlp.up = layer + names.up;
  mlp.down = layer + names.down;
  mlp.intermediateSize = config.intermediateSize;
  mlp.activation = config.activation;
  mlp.bias = config.mlpBias;
  normed = buildRMSNorm(entry, h, layer + names.mlpNorm, config.normEpsilon);
  h = transformer::AddOp::create(builder, entry.named(name), h, buildGated(entry, mlp, normed));
  transformer::YieldOp::create(builder, entry.named(name), ValueRange{h, cache});
  x = layers.getResults()[0];
  state = layers.getResults()[1];
}

class LlamaFamily : public Family {
public:
  std::vector<std::string_view> getModelTypes() const override { return llamaModelTypes(); }
  std::unique_ptr<Model> read(ConfigReader &config, std::string_view modelType) const override {
    return std::make_unique<LlamaModel>(readLlamaConfig(config, modelType), kHuggingFace);
  }
  std::vector<std::string_view> getGgufArchitectures() const override { return llamaGgufArchitectures(); }
  std::unique_ptr<Model> readGguf(const GgufSource &source, std::string_view architecture) const override {
    return std::make_unique<LlamaModel>(readLlamaGguf(source, architecture), kGguf);
  }
};

} // namespace

const Family &getLlamaFamily() {
  static const LlamaFamily family;
  return family;
}

} // namespace llmc::models
