// ImportTest.cpp - the entry points: what a checkpoint becomes, and a sentence for each way in which it can be wrong.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/Import.h"

#include "CheckpointMaker.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace llmc;
using test::CheckpointMaker;

namespace {

class Import : public testing::Test {
protected:
  /// Parses and imports the folder; null with `messages` filled on a mistake.
  OwningOpRef<ModuleOp> import(const std::string &directory, models::ImportPassOptions options = {}) {
    messages.clear();
    ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      append(diagnostic, "error");
      for (mlir::Diagnostic &note : diagnostic.getNotes())
        append(note, "note");
      return success();
    });
    OwningOpRef<ModuleOp> module = models::parseCheckpoint(directory, &context);
    if (!module)
      return {};
    PassManager manager(&context);
    manager.addPass(models::createImportPass(options));
    if (failed(manager.run(*module)))
      return {};
    EXPECT_TRUE(succeeded(verify(*module)));
    return module;
  }
  OwningOpRef<ModuleOp> import(const CheckpointMaker &maker, models::ImportPassOptions options = {}) {
    maker.write(folder);
    return import(folder.str(), options);
  }
  /// The first line of the message, without the folder: "config.json:3:4: error: …", or "accepted".
  std::string refused(const CheckpointMaker &maker, models::ImportPassOptions options = {}) {
    if (import(maker, options))
      return "accepted";
    EXPECT_FALSE(messages.empty());
    return messages.empty() ? "" : messages.front();
  }
  template <typename OpTy> std::vector<OpTy> all(ModuleOp module) {
    std::vector<OpTy> ops;
    module.walk([&](OpTy op) { ops.push_back(op); });
    return ops;
  }

  /// The message of that number, or "" when there is none: 0 is the error, 1 its note.
  std::string message(size_t number) const { return number < messages.size() ? messages[number] : ""; }

  void append(mlir::Diagnostic &diagnostic, const char *kind) {
    std::string text;
    if (auto place = dyn_cast<FileLineColLoc>(diagnostic.getLocation())) {
      text = place.getFilename().str();
      if (text.rfind(folder.str(), 0) == 0)
        text = text.size() > folder.str().size() ? text.substr(folder.str().size() + 1) : ".";
      if (place.getLine())
        text += ":" + std::to_string(place.getLine()) + ":" + std::to_string(place.getColumn());
    }
    messages.push_back(text + ": " + kind + ": " + diagnostic.str());
  }

  MLIRContext context;
  test::TemporaryFolder folder;
  std::vector<std::string> messages;
};

TEST_F(Import, OneLayersOpForEachLayerAndEveryWeightByKey) {
  OwningOpRef<ModuleOp> module = import(CheckpointMaker());
  ASSERT_TRUE(module) << messages.front();
  EXPECT_TRUE(all<transformer::TensorOp>(*module).empty());
  EXPECT_EQ(all<transformer::LayersOp>(*module).size(), 2u);
  EXPECT_EQ(all<transformer::WeightOp>(*module).size(), 2u * 9 + 3);
  EXPECT_EQ(all<transformer::CheckpointOp>(*module).size(), 1u);
  auto attention = all<transformer::AttentionOp>(*module);
  ASSERT_EQ(attention.size(), 2u);
  EXPECT_EQ(attention[0].getNumHeads(), 3);
  EXPECT_EQ(attention[0].getNumKvHeads(), 1);
  EXPECT_EQ(attention[0].getHeadDim(), 10);
  EXPECT_FALSE(attention[0].getWindow());
  EXPECT_EQ(attention[0].getScale().convertToDouble(), 1 / std::sqrt(10.0));
  // Each op is named after what it came from.
  auto weight = all<transformer::WeightOp>(*module).front();
  EXPECT_TRUE(isa<NameLoc>(weight.getLoc()));
  EXPECT_EQ(cast<NameLoc>(weight.getLoc()).getName().getValue(), weight.getKey(0));
}

TEST_F(Import, BoundsAndCacheTypeComeFromTheOptions) {
  OwningOpRef<ModuleOp> module = import(CheckpointMaker());
  auto entry = transformer::lookupEntry(*module, "step");
  auto bounds = entry->getAttrOfType<transformer::BoundsAttr>(transformer::TransformerDialect::kBoundsAttrName);
  EXPECT_EQ(bounds, transformer::BoundsAttr::get(&context, 512, 4, 64));
  models::ImportPassOptions options;
  options.maxContext = 37;
  options.maxStep = 11;
  options.maxSequences = 3;
  options.kv = "bf16";
  module = import(CheckpointMaker(), options);
  entry = transformer::lookupEntry(*module, "step");
  bounds = entry->getAttrOfType<transformer::BoundsAttr>(transformer::TransformerDialect::kBoundsAttrName);
  EXPECT_EQ(bounds, transformer::BoundsAttr::get(&context, 11, 3, 37));
  EXPECT_EQ(entry.getArgumentTypes()[4],
            transformer::StateType::getKVCache(&context, 2, 1, 10, BFloat16Type::get(&context)));
  options.kv = "q3";
  EXPECT_EQ(refused(CheckpointMaker(), options),
            ": error: --kv = 'q3' is not supported (expected f32, f16, bf16 or q8)");
  options.kv = "f32";
  options.maxStep = 0;
  EXPECT_EQ(refused(CheckpointMaker(), options), ": error: --max-step = 0 is out of range (expected 1 to 1048576)");
}

TEST_F(Import, TextFacts) {
  CheckpointMaker maker;
  std::ofstream(folder / "generation_config.json")
      << R"({"eos_token_id": [2, 7], "do_sample": true, "temperature": 0.5, "top_p": 0.9, "pad_token_id": 0})";
  std::ofstream(folder / "tokenizer.json") << "{}";
  std::ofstream(folder / "tokenizer_config.json") << R"({"chat_template": "{{ x }}", "model_max_length": 1e30})";
  OwningOpRef<ModuleOp> module = import(maker);
  ASSERT_TRUE(module) << messages.front();
  auto text = transformer::lookupOnly<transformer::TextOp>(*module);
  EXPECT_EQ(text.getTokenizer(), "tokenizer.json");
  EXPECT_EQ(text.getChatTemplate(), StringRef("tokenizer_config.json"));
  EXPECT_EQ(text.getVocabSize(), 53u);
  EXPECT_EQ(text.getContextLength(), 64u);
  EXPECT_EQ(text.getBos(), 1u);
  EXPECT_EQ(text.getPad(), 0u);
  EXPECT_EQ(text.getEos(), (ArrayRef<int64_t>{2, 7}));
  EXPECT_TRUE(text.getDoSample());
  EXPECT_EQ(text.getTemperature()->convertToDouble(), 0.5);
  EXPECT_EQ(text.getTopK(), 50u);
  std::ofstream(folder / "chat_template.jinja") << "{{ x }}";
  module = import(maker);
  EXPECT_EQ(transformer::lookupOnly<transformer::TextOp>(*module).getChatTemplate(), StringRef("chat_template.jinja"));
  std::ofstream(folder / "generation_config.json") << "{\"top_p\": 0}";
  EXPECT_EQ(refused(maker),
            "generation_config.json:1:11: error: 'top_p' = 0 is out of range (expected more than 0, at most 1)");
}

TEST_F(Import, TiedHeads) {
  CheckpointMaker maker;
  maker.config["tie_word_embeddings"] = "true";
  // A copy is taken for the original, whose bytes it must hold.
  OwningOpRef<ModuleOp> module = import(maker);
  ASSERT_TRUE(module) << messages.front();
  for (auto weight : all<transformer::WeightOp>(*module))
    EXPECT_NE(weight.getKey(0), "lm_head.weight");
  maker.tensors["lm_head.weight"].fill = 1;
  EXPECT_EQ(refused(maker),
            "model.safetensors: error: tensor 'lm_head.weight' differs from 'model.embed_tokens.weight', yet "
            "'tie_word_embeddings' is true");
  EXPECT_EQ(message(1), "model.safetensors: note: set it to false in config.json if the model uses both");
  maker.tensors["lm_head.weight"] = {{53, 20}, "F32"};
  EXPECT_NE(refused(maker).find("differs from"), std::string::npos);
  maker.tensors.erase("lm_head.weight");
  EXPECT_EQ(refused(maker), "accepted");
  maker.config["tie_word_embeddings"] = "false";
  EXPECT_EQ(refused(maker), ".: error: tensor 'lm_head.weight' is missing (expected shape [53, 20])");
}

TEST_F(Import, BiasesWhereTheConfigSaysSo) {
  CheckpointMaker maker;
  maker.config["attention_bias"] = "true";
  EXPECT_EQ(refused(maker), ".: error: tensor 'model.layers.0.self_attn.q_proj.bias' is missing (expected shape [30])");
  for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
    maker.tensors[layer + "self_attn.q_proj.bias"] = {{30}};
    maker.tensors[layer + "self_attn.k_proj.bias"] = {{10}};
    maker.tensors[layer + "self_attn.v_proj.bias"] = {{10}};
    maker.tensors[layer + "self_attn.o_proj.bias"] = {{20}};
  }
  EXPECT_EQ(refused(maker), "accepted");
  // Qwen2 has them always, and none on the output.
  maker.config.erase("attention_bias");
  maker.as("qwen2", "Qwen2ForCausalLM");
  EXPECT_EQ(refused(maker),
            "model.safetensors: error: tensor 'model.layers.0.self_attn.o_proj.bias' (bf16 of shape [20]) has "
            "no place in this 'qwen2' model");
  EXPECT_EQ(message(1),
            "model.safetensors: note: 1 more tensors have none: config.json and the weights do not belong together");
  for (const std::string layer : {"model.layers.0.", "model.layers.1."})
    maker.tensors.erase(layer + "self_attn.o_proj.bias");
  EXPECT_EQ(refused(maker), "accepted");
}

TEST_F(Import, QueryAndKeyNorms) {
  CheckpointMaker maker;
  maker.as("qwen3", "Qwen3ForCausalLM");
  EXPECT_EQ(refused(maker),
            ".: error: tensor 'model.layers.0.self_attn.q_norm.weight' is missing (expected shape [10])");
  for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
    maker.tensors[layer + "self_attn.q_norm.weight"] = {{10}};
    maker.tensors[layer + "self_attn.k_norm.weight"] = {{10}};
  }
  OwningOpRef<ModuleOp> module = import(maker);
  ASSERT_TRUE(module) << messages.front();
  size_t perHead = 0;
  for (auto norm : all<transformer::RMSNormOp>(*module))
    perHead += norm.getGroupSize() == 10;
  EXPECT_EQ(perHead, 4u);
}

TEST_F(Import, Windows) {
  const auto windows = [&](const CheckpointMaker &maker) {
    std::vector<int64_t> result;
    OwningOpRef<ModuleOp> module = import(maker);
    EXPECT_TRUE(module) << messages.front();
    if (module)
      for (auto op : all<transformer::AttentionOp>(*module))
        result.push_back(op.getWindow().value_or(0));
    return result;
  };
  CheckpointMaker maker;
  maker.as("mistral", "MistralForCausalLM");
  EXPECT_EQ(windows(maker), (std::vector<int64_t>{4096, 4096}));
  maker.config["sliding_window"] = "7";
  EXPECT_EQ(windows(maker), (std::vector<int64_t>{7, 7}));
  maker.config["sliding_window"] = "null";
  EXPECT_EQ(windows(maker), (std::vector<int64_t>{0, 0}));
  maker.config["sliding_window"] = "0";
  EXPECT_NE(refused(maker).find("'sliding_window' = 0 is out of range"), std::string::npos);

  CheckpointMaker other;
  other.as("qwen2", "Qwen2ForCausalLM");
  for (const std::string layer : {"model.layers.0.", "model.layers.1."})
    for (const auto &[name, size] : {std::pair<const char *, int64_t>{"q", 30}, {"k", 10}, {"v", 10}})
      other.tensors[layer + "self_attn." + name + "_proj.bias"] = {{size}};
  other.config["sliding_window"] = "7";
  other.config["max_window_layers"] = "1";
  EXPECT_EQ(windows(other), (std::vector<int64_t>{0, 0}));
  other.config["use_sliding_window"] = "true";
  EXPECT_EQ(windows(other), (std::vector<int64_t>{0, 7}));
  other.config["layer_types"] = R"(["sliding_attention", "full_attention"])";
  EXPECT_EQ(windows(other), (std::vector<int64_t>{7, 0}));
  other.config["layer_types"] = R"(["sliding_attention"])";
  EXPECT_NE(refused(other).find("'layer_types' holds 1 entries, expected 'num_hidden_layers' = 2"), std::string::npos);
  other.config["layer_types"] = R"(["sliding_attention", "chunked_attention"])";
  EXPECT_NE(refused(other).find("element 1 of 'layer_types' = \"chunked_attention\" is not supported"),
            std::string::npos);
  other.config["layer_types"] = R"(["sliding_attention", 42])";
  EXPECT_NE(refused(other).find("element 1 of 'layer_types' must be a string, found an integer"), std::string::npos);
  other.config["layer_types"] = R"(["sliding_attention", "full_attention"])";
  other.config["use_sliding_window"] = "false";
  EXPECT_NE(refused(other).find("'layer_types' asks for sliding attention, 'use_sliding_window' is false"),
            std::string::npos);
}

TEST_F(Import, AttentionFactorsOfLengthenedContexts) {
  CheckpointMaker maker;
  const auto factor = [&](const char *scaling) {
    maker.config["rope_scaling"] = scaling;
    OwningOpRef<ModuleOp> module = import(maker);
    EXPECT_TRUE(module) << messages.front();
    return module ? all<transformer::RopeOp>(*module)
                        .front()
                        .getAttentionFactor()
                        .value_or(llvm::APFloat(1.0))
                        .convertToDouble()
                  : 0;
  };
  EXPECT_NEAR(factor(R"({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16})"),
              0.1 * std::log(4.0) + 1, 1e-15);
  EXPECT_EQ(factor(R"({"rope_type": "yarn", "factor": 4.0, "attention_factor": 1.75})"), 1.75);
  EXPECT_NEAR(factor(R"({"rope_type": "yarn", "factor": 4.0, "mscale": 0.5, "mscale_all_dim": 0.25})"),
              (0.1 * 0.5 * std::log(4.0) + 1) / (0.1 * 0.25 * std::log(4.0) + 1), 1e-15);
  EXPECT_NEAR(
      factor(R"({"rope_type": "longrope", "original_max_position_embeddings": 16, "short_factor": [1, 1, 1, 1, 1],
                         "long_factor": [2, 2, 2, 2, 2]})"),
      std::sqrt(1 + std::log(4.0) / std::log(16.0)), 1e-15);
  EXPECT_EQ(factor(R"({"rope_type": "linear", "factor": 4.0})"), 1);
}

TEST_F(Import, TensorsThatDoNotFit) {
  CheckpointMaker maker;
  maker.tensors.erase("model.layers.1.mlp.up_proj.weight");
  EXPECT_EQ(refused(maker),
            ".: error: tensor 'model.layers.1.mlp.up_proj.weight' is missing (expected shape [29, 20])");
  EXPECT_EQ(message(1), ".: note: config.json and the weights do not belong together");
  maker = CheckpointMaker();
  maker.tensors["model.layers.0.mlp.down_proj.weight"] = {{29, 20}};
  EXPECT_EQ(
      refused(maker),
      "model.safetensors: error: tensor 'model.layers.0.mlp.down_proj.weight' has shape [29, 20], expected [20, 29]");
  maker = CheckpointMaker();
  maker.tensors["model.norm.weight"] = {{20, 1}};
  EXPECT_EQ(refused(maker), "model.safetensors: error: tensor 'model.norm.weight' has shape [20, 1], expected [20]");
  maker = CheckpointMaker();
  maker.tensors["model.norm.weight"] = {{20}, "I32"};
  EXPECT_EQ(refused(maker),
            "model.safetensors: error: tensor 'model.norm.weight' is i32 of shape [20], expected f32, bf16 or f16");
  maker = CheckpointMaker();
  maker.tensors["model.layers.2.mlp.up_proj.weight"] = {{29, 20}};
  EXPECT_EQ(refused(maker),
            "model.safetensors: error: tensor 'model.layers.2.mlp.up_proj.weight' (bf16 of shape [29, 20]) has no "
            "place in this 'llama' model");
  maker = CheckpointMaker();
  maker.tensors["model.norm.weight"] = {{10}, "C64"};
  maker.tensors["model.norm.weight"].shape = {0};
  EXPECT_EQ(refused(maker),
            "model.safetensors: error: tensor 'model.norm.weight' has element type C64, which is not supported");
}

TEST_F(Import, BuffersAreSkippedAndThePrefixMayBeMissing) {
  CheckpointMaker maker;
  maker.tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {{5}, "F32"};
  EXPECT_EQ(refused(maker), "accepted");
  CheckpointMaker bare;
  bare.config["tie_word_embeddings"] = "true";
  auto tensors = std::move(bare.tensors);
  bare.tensors.clear();
  for (auto &[key, tensor] : tensors)
    if (key.rfind("model.", 0) == 0)
      bare.tensors[key.substr(6)] = tensor;
  EXPECT_EQ(refused(bare), "accepted");
}

TEST_F(Import, ConfigsThatDoNotFit) {
  const auto says = [&](const char *key, const char *value) {
    CheckpointMaker maker;
    if (value)
      maker.config[key] = value;
    else
      maker.config.erase(key);
    const std::string text = refused(maker);
    const size_t at = text.find(": error: ");
    return text.rfind("config.json:", 0) == 0 ? text.substr(at + 9) : text;
  };
  EXPECT_EQ(says("num_key_value_heads", "2"), "'num_key_value_heads' = 2 does not divide 'num_attention_heads' = 3");
  EXPECT_EQ(says("num_key_value_heads", "\"1\""), "'num_key_value_heads' must be an integer, found a string \"1\"");
  EXPECT_EQ(says("head_dim", nullptr), "'num_attention_heads' = 3 does not divide 'hidden_size' = 20");
  EXPECT_EQ(says("head_dim", "7"), "'head_dim' = 7 is odd, rotary positions turn features in pairs");
  EXPECT_EQ(says("hidden_size", "0"), "'hidden_size' = 0 is out of range (expected 1 to 4194304)");
  EXPECT_EQ(says("hidden_size", "-20"), "'hidden_size' = -20 is out of range (expected 1 to 4194304)");
  EXPECT_EQ(says("hidden_size", "20.0"),
            "'hidden_size' must be an integer, found a number with a fraction or exponent");
  EXPECT_EQ(says("hidden_size", nullptr), "'hidden_size' is missing");
  EXPECT_EQ(says("num_hidden_layers", "65537"), "'num_hidden_layers' = 65537 is out of range (expected 1 to 65536)");
  EXPECT_EQ(says("num_hidden_layers", "65536"),
            ".: error: tensor 'model.layers.2.input_layernorm.weight' is missing (expected shape [20])");
  EXPECT_EQ(says("max_position_embeddings", "5000000000"),
            "'max_position_embeddings' = 5000000000 is out of range (expected 1 to 16777216)");
  EXPECT_EQ(says("vocab_size", "1000000000000"),
            "'vocab_size' = 1000000000000 is out of range (expected 1 to 67108864)");
  EXPECT_EQ(says("rms_norm_eps", "0"), "'rms_norm_eps' = 0 is out of range (expected more than 0, at most 1)");
  EXPECT_EQ(says("hidden_act", "\"softplus\"").substr(0, 55),
            "'hidden_act' = \"softplus\" is not a known activation (ex");
  EXPECT_EQ(says("hidden_act", "42"), "'hidden_act' must be a string, found an integer");
  EXPECT_EQ(says("model_type", "\"bert\""), "model type 'bert' is not supported");
  EXPECT_EQ(message(1).substr(std::min(message(1).find("note"), message(1).size())),
            "note: supported are llama, mistral, qwen2, qwen3, gpt2");
  EXPECT_EQ(says("model_type", nullptr), "'model_type' is missing");
  EXPECT_EQ(says("architectures", "[\"LlamaForSequenceClassification\"]"),
            "architecture 'LlamaForSequenceClassification' of model type 'llama' is not supported (expected "
            "'LlamaForCausalLM')");
  EXPECT_EQ(says("logits_scaling", "8"), "unknown key 'logits_scaling'");
  EXPECT_EQ(says("rope_interleaved", "true"), "'rope_interleaved' = true is not supported");
  EXPECT_EQ(says("rope_interleaved", "false"), "accepted");
  EXPECT_EQ(says("quantization_config", "{\"quant_method\": \"bitsandbytes\"}"),
            "quantised weights (method 'bitsandbytes') are not supported");
  EXPECT_EQ(says("partial_rotary_factor", "0.4"), "'partial_rotary_factor' other than 1 is not supported for 'llama'");
  EXPECT_EQ(says("eos_token_id", "53"), "'eos_token_id' = 53 is not a token (expected 0 to 52)");
  EXPECT_EQ(says("bos_token_id", "53"), "'bos_token_id' = 53 is out of range (expected 0 to 52)");
}

TEST_F(Import, FilesThatAreNotThere) {
  CheckpointMaker().write(folder);
  ASSERT_EQ(::unlink((folder / "config.json").c_str()), 0);
  EXPECT_FALSE(import(folder.str()));
  EXPECT_EQ(message(0), "config.json: error: cannot be opened: no such file or directory");
  ASSERT_EQ(::symlink("/etc/hostname", (folder / "config.json").c_str()), 0);
  EXPECT_FALSE(import(folder.str()));
  EXPECT_EQ(message(0), "config.json: error: is a link that leads outside the directory");
}

// Checkpoints beside the tests, and files of other projects.

TEST_F(Import, EveryTinyCheckpoint) {
  const std::string path = test::testPath("e2e/reference/tiny");
  for (const char *name : {"llama-biases",       "llama-dynamic",
                           "llama-dynamic-old",  "llama-gelu",
                           "llama-gqa-tied",     "llama-head-dim",
                           "llama-linear",       "llama-linear-old",
                           "llama-llama3",       "llama-llama3-old",
                           "llama-longrope",     "llama-longrope-old",
                           "llama-mixed-dtypes", "llama-mqa-f16",
                           "llama-sharded-f32",  "llama-tied-duplicate-head",
                           "llama-uneven-f16",   "llama-yarn",
                           "llama-yarn-old",     "llama-yarn-no-truncate",
                           "mistral-no-window",  "mistral-window",
                           "mistral-prime",      "qwen2",
                           "qwen2-window",       "qwen3",
                           "qwen3-bias-yarn",    "qwen3-window"})
    EXPECT_TRUE(import(path + "/" + name)) << name << ": " << (messages.empty() ? "" : messages.front());
}

TEST_F(Import, HostileConfigs) {
  LLMC_NEEDS_SHARED("testdata/mlxd-hostile-configs");
  const std::pair<const char *, const char *> cases[] = {
      {"model_config_float_overflow", "config.json:1:1: error: 'intermediate_size' is missing"},
      {"model_config_num_negative", "'vocab_size' = -32000 is out of range (expected 1 to 67108864)"},
      {"model_config_num_wrong_type", "'hidden_size' must be an integer, found a string \"4096\""},
      {"model_config_root_array", "1:1: error: expected an object, found an array"},
      {"model_config_no_type", "'model_type' is missing"},
      {"model_config_type_not_string", "'model_type' must be a string, found an integer"},
      {"model_config_bert", "model type 'bert' is not supported"},
      {"model_config_quant_mxfp4", "weights quantised by MLX are not supported"},
      {"model_config_quant_unknown", "weights quantised by MLX are not supported"},
      {"model_config_gemma3_text", "model type 'gemma3_text' is not supported"},
  };
  for (const auto &[name, expected] : cases) {
    CheckpointMaker().write(folder);
    ASSERT_EQ(::unlink((folder / "config.json").c_str()), 0);
    std::ifstream source(test::sharedPath(std::string("testdata/mlxd-hostile-configs/") + name + "/config.json"));
    std::ofstream(folder / "config.json") << source.rdbuf();
    EXPECT_FALSE(import(folder.str())) << name;
    ASSERT_FALSE(messages.empty()) << name;
    EXPECT_NE(messages.front().find(expected), std::string::npos) << name << ": " << messages.front();
  }
}

TEST_F(Import, TinyCheckpointsOfAnotherProject) {
  LLMC_NEEDS_SHARED("testdata/mlxd-tiny-hf");
  for (const char *name : {"tiny_llama3", "tiny_qwen3"})
    EXPECT_TRUE(import(test::sharedPath(std::string("testdata/mlxd-tiny-hf/") + name))) << name << messages.front();
}

} // namespace
