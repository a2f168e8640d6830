// GgufImportTest.cpp - what a GGUF file becomes, and a sentence for each way in which its metadata can be wrong.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/Import.h"

#include "dialects/Transformer/IR/Transformer.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "test/TestPaths.h"
#include "test/frontends/formats/GgufWriter.h"

#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <map>

using namespace mlir;
using namespace llmc;
using test::f32;
using test::GgufWriter;
using test::u32;
using test::u64;

namespace {

/// A model of one layer: width 32, inner width 37, vocabulary 53, 3 heads of 10 with 1 of keys. Change what the test is
/// about, then write.
struct Maker {
  std::string architecture = "llama";
  std::map<std::string, std::pair<uint32_t, std::string>> keys; ///< Whole key -> type and bytes.
  struct Tensor {
    std::vector<uint64_t> sizes; ///< The fastest first.
    uint32_t type = 0;
    std::string bytes = {};
  };
  std::map<std::string, Tensor> tensors;

  explicit Maker(std::string name = "llama") : architecture(std::move(name)) {
    keys["general.architecture"] = {8, test::text(architecture)};
    for (auto [key, value] : {std::pair("block_count", 1),
                              {"context_length", 64},
                              {"embedding_length", 32},
                              {"feed_forward_length", 37},
                              {"attention.head_count", 3},
                              {"attention.head_count_kv", 1},
                              {"attention.key_length", 10},
                              {"attention.value_length", 10},
                              {"vocab_size", 53}})
      set(key, uint32_t(value));
    keys[architecture + ".attention.layer_norm_rms_epsilon"] = {6, f32(1e-5f)};
    tensors["token_embd.weight"] = {{32, 53}, 8};
    tensors["output_norm.weight"] = {{32}};
    tensors["output.weight"] = {{32, 53}};
    tensors["blk.0.attn_norm.weight"] = {{32}};
    tensors["blk.0.attn_q.weight"] = {{32, 30}, 2};
    tensors["blk.0.attn_k.weight"] = {{32, 10}, 3};
    tensors["blk.0.attn_v.weight"] = {{32, 10}, 1};
    tensors["blk.0.attn_output.weight"] = {{30, 32}};
    tensors["blk.0.ffn_norm.weight"] = {{32}};
    tensors["blk.0.ffn_gate.weight"] = {{32, 37}, 39};
    tensors["blk.0.ffn_up.weight"] = {{32, 37}, 30};
    tensors["blk.0.ffn_down.weight"] = {{37, 32}};
  }
  Maker &set(const std::string &key, uint32_t value) {
    keys[architecture + "." + key] = {4, u32(value)};
    return *this;
  }
  Maker &setNumber(const std::string &key, float value) {
    keys[architecture + "." + key] = {6, f32(value)};
    return *this;
  }
  Maker &setText(const std::string &key, const std::string &value) {
    keys[architecture + "." + key] = {8, test::text(value)};
    return *this;
  }

  void write(const std::string &path) const {
    GgufWriter writer;
    for (const auto &[key, value] : keys)
      writer.entry(key, value.first, value.second);
    for (const auto &[name, tensor] : tensors) {
      std::string bytes = tensor.bytes;
      uint64_t count = 1;
      for (uint64_t size : tensor.sizes)
        count *= size;
      const std::map<uint32_t, std::pair<uint64_t, uint64_t>> sizes = {{0, {1, 4}},   {1, {1, 2}},   {2, {32, 18}},
                                                                       {3, {32, 20}}, {8, {32, 34}}, {26, {1, 4}},
                                                                       {30, {1, 2}},  {39, {32, 17}}};
      const auto [group, size] = sizes.at(tensor.type);
      bytes.resize(count / group * size);
      writer.tensor(name, tensor.sizes, tensor.type, writer.data.size());
      writer.data += bytes;
      writer.data.resize((writer.data.size() + 31) / 32 * 32);
    }
    std::ofstream(path, std::ios::binary) << writer.bytes();
  }
};

class GgufImport : public testing::Test {
protected:
  OwningOpRef<ModuleOp> import(const Maker &maker) {
    maker.write(folder / "m.gguf");
    messages.clear();
    ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      std::string text;
      if (auto place = dyn_cast<FileLineColLoc>(diagnostic.getLocation()))
        text = place.getFilename().str();
      if (text.rfind(folder.str() + "/", 0) == 0)
        text = text.substr(folder.str().size() + 1);
      messages.push_back(text + ": error: " + diagnostic.str());
      for (mlir::Diagnostic &note : diagnostic.getNotes())
        messages.push_back("note: " + note.str());
      return success();
    });
    OwningOpRef<ModuleOp> module = models::parseCheckpoint(folder / "m.gguf", &context);
    if (!module)
      return {};
    PassManager manager(&context);
    manager.addPass(models::createImportPass());
    if (failed(manager.run(*module)))
      return {};
    EXPECT_TRUE(succeeded(verify(*module)));
    return module;
  }
  std::string refused(const Maker &maker) {
    if (import(maker))
      return "accepted";
    return messages.empty() ? "" : messages.front();
  }
  std::string textOf(ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream(text) << module;
    return text;
  }

  MLIRContext context;
  test::TemporaryFolder folder;
  std::vector<std::string> messages;
};

/// The text behind `key`, up to the end of the line.
std::string lineOf(const std::string &text, const std::string &key) {
  const size_t at = text.find(key);
  if (at == std::string::npos)
    return "";
  const size_t start = text.rfind('\n', at) + 1;
  return text.substr(start, text.find('\n', at) - start);
}

TEST_F(GgufImport, KeepsTheFormatBehindADecode) {
  OwningOpRef<ModuleOp> module = import(Maker());
  ASSERT_TRUE(module) << messages.front();
  const std::string text = textOf(*module);
  EXPECT_NE(lineOf(text, "transformer.checkpoint").find("gguf in \""), std::string::npos) << text;
  EXPECT_NE(lineOf(text, "blk.0.attn_q.weight").find("tensor<30x32x!transformer.block<q4_0, group = 32>>"),
            std::string::npos);
  // Blocks are turned as blocks; what they decode to comes last.
  int permutes = 0, decodes = 0;
  module->walk([&](transformer::WeightPermuteOp op) {
    ++permutes;
    EXPECT_EQ(op.getView().drop_front().take_front(2), (ArrayRef<int64_t>{5, 2}));
    EXPECT_EQ(op.getOrder(), (ArrayRef<int64_t>{0, 2, 1, 3}));
    EXPECT_TRUE(isa<transformer::WeightDecodeOp>(*op->user_begin()));
  });
  EXPECT_EQ(permutes, 2); // Query and key.
  std::map<std::string, std::string> types;
  module->walk([&](transformer::WeightDecodeOp op) {
    ++decodes;
    Operation *source = op.getSource().getDefiningOp();
    while (!isa<transformer::WeightOp>(source))
      source = source->getOperand(0).getDefiningOp();
    llvm::raw_string_ostream(types[cast<transformer::WeightOp>(source).getKey(0).str()])
        << cast<RankedTensorType>(op.getType()).getElementType();
  });
  EXPECT_EQ(types, (std::map<std::string, std::string>{{"blk.0.attn_k.weight", "f32"},
                                                       {"blk.0.attn_q.weight", "f32"},
                                                       {"blk.0.ffn_gate.weight", "bf16"},
                                                       {"token_embd.weight", "f32"}}));
}

TEST_F(GgufImport, RowsStayWhereTheArchitectureTurnsHalves) {
  Maker maker("qwen2");
  for (auto [part, size] : {std::pair("q", 30), {"k", 10}, {"v", 10}})
    maker.tensors[std::string("blk.0.attn_") + part + ".bias"] = {{uint64_t(size)}};
  OwningOpRef<ModuleOp> module = import(maker);
  ASSERT_TRUE(module) << messages.front();
  int permutes = 0, biased = 0;
  module->walk([&](transformer::WeightPermuteOp) { ++permutes; });
  module->walk([&](transformer::LinearOp op) { biased += op.getBias() ? 1 : 0; });
  EXPECT_EQ(permutes, 0);
  EXPECT_EQ(biased, 3);
}

TEST_F(GgufImport, HeadsMayBeTheEmbeddingAndHaveBiases) {
  Maker maker;
  maker.tensors.erase("output.weight");
  maker.tensors["blk.0.attn_q.bias"] = {{30}};
  maker.tensors["blk.0.attn_k.bias"] = {{10}};
  maker.tensors["blk.0.attn_v.bias"] = {{10}};
  OwningOpRef<ModuleOp> module = import(maker);
  ASSERT_TRUE(module) << messages.front();
  int embeddings = 0, permutes = 0;
  module->walk([&](transformer::WeightOp op) { embeddings += op.getKey(0) == "token_embd.weight" ? 1 : 0; });
  module->walk([&](transformer::WeightPermuteOp) { ++permutes; });
  EXPECT_EQ(embeddings, 2);
  EXPECT_EQ(permutes, 4); // The biases of query and key as well.
  maker.tensors["output.bias"] = {{53}};
  EXPECT_EQ(refused(maker),
            "m.gguf: error: tensor 'output.bias' (f32 of shape [53]) has no place in this 'llama' model");
  EXPECT_EQ(messages.back(), "note: the metadata and the weights do not belong together");
}

TEST_F(GgufImport, ReadsWindowsAndRotaryScalings) {
  Maker windowed;
  OwningOpRef<ModuleOp> module = import(windowed.set("attention.sliding_window", 7));
  ASSERT_TRUE(module) << messages.front();
  EXPECT_NE(textOf(*module).find("window = 7"), std::string::npos);
  const auto table = [&](const Maker &maker) {
    OwningOpRef<ModuleOp> found = import(maker);
    return found ? lineOf(textOf(*found), "rope_frequencies") : messages.front();
  };
  Maker plain;
  EXPECT_NE(table(plain.setNumber("rope.freq_base", 20000)).find("default base 2.000000e+04 dim 10"),
            std::string::npos);
  Maker linear;
  linear.setText("rope.scaling.type", "linear").setNumber("rope.scaling.factor", 2.5f);
  EXPECT_NE(table(linear).find("linear base 1.000000e+04 dim 10 factor 2.5"), std::string::npos);
  Maker old;
  EXPECT_NE(table(old.setNumber("rope.scale_linear", 4)).find("linear base 1.000000e+04 dim 10 factor 4.0"),
            std::string::npos);
  Maker none;
  none.setText("rope.scaling.type", "none").setNumber("rope.scaling.factor", 2.5f);
  EXPECT_NE(table(none).find("default"), std::string::npos);
  Maker yarn;
  yarn.setText("rope.scaling.type", "yarn")
      .setNumber("rope.scaling.factor", 4)
      .set("rope.scaling.original_context_length", 16);
  EXPECT_NE(table(yarn).find("yarn base 1.000000e+04 dim 10 factor 4.0"), std::string::npos);
  Maker factors;
  factors.tensors["rope_freqs.weight"] = {{5}, 0, f32(1) + f32(1) + f32(2) + f32(8) + f32(8)};
  EXPECT_NE(table(factors).find("longrope"), std::string::npos);
  EXPECT_NE(table(factors).find("8.000000e+00"), std::string::npos);
}

TEST_F(GgufImport, ReadsTheFactsOfText) {
  Maker maker;
  maker.keys["tokenizer.ggml.model"] = {8, test::text("llama")};
  maker.keys["tokenizer.ggml.bos_token_id"] = {4, u32(1)};
  maker.keys["tokenizer.ggml.eos_token_id"] = {4, u32(2)};
  maker.keys["tokenizer.chat_template"] = {8, test::text("{{ messages }}")};
  OwningOpRef<ModuleOp> module = import(maker);
  ASSERT_TRUE(module) << messages.front();
  EXPECT_EQ(
      lineOf(textOf(*module), "transformer.text"),
      "  transformer.text tokenizer \"m.gguf\" chat_template \"m.gguf\" vocab_size 53 context_length 64 bos 1 eos [2]");
}

TEST_F(GgufImport, RefusesWhatItDoesNotKnow) {
  Maker maker("gptneox");
  EXPECT_EQ(refused(maker), "m.gguf: error: architecture 'gptneox' is not supported");
  EXPECT_EQ(messages.back(), "note: supported are llama, qwen2, qwen3");
  Maker nameless;
  nameless.keys.erase("general.architecture");
  EXPECT_EQ(refused(nameless), "m.gguf: error: 'general.architecture' is missing");
  Maker adapter;
  adapter.keys["general.type"] = {8, test::text("adapter")};
  EXPECT_EQ(refused(adapter), "m.gguf: error: 'general.type' = 'adapter', expected 'model'");
  Maker bidirectional;
  bidirectional.keys["llama.attention.causal"] = {7, std::string(1, '\0')};
  EXPECT_EQ(refused(bidirectional),
            "m.gguf: error: 'llama.attention.causal' = false: models that see what follows are not supported");
  Maker unknown;
  EXPECT_EQ(refused(unknown.setNumber("attention.logit_softcap", 30)),
            "m.gguf: error: unknown key 'llama.attention.logit_softcap'");
  Maker experts;
  EXPECT_EQ(refused(experts.set("expert_count", 8)),
            "m.gguf: error: 'llama.expert_count' = 8: mixtures of experts are not supported");
  Maker whole;
  whole.tensors["output_norm.weight"].type = 26;
  EXPECT_EQ(refused(whole),
            "m.gguf: error: tensor 'output_norm.weight' is i32 of shape [32], expected f32, bf16 or f16");
}

TEST_F(GgufImport, RefusesHyperparametersThatDoNotFit) {
  const auto with = [&](const std::function<void(Maker &)> &change) {
    Maker maker;
    change(maker);
    return refused(maker);
  };
  const std::string start = "m.gguf: error: ";
  for (const char *key : {"block_count", "context_length", "embedding_length", "feed_forward_length",
                          "attention.head_count", "attention.layer_norm_rms_epsilon"})
    EXPECT_EQ(with([&](Maker &maker) { maker.keys.erase(std::string("llama.") + key); }),
              start + "'llama." + key + "' is missing");
  EXPECT_EQ(with([](Maker &maker) { maker.set("block_count", 0); }),
            start + "'llama.block_count' = 0 is out of range (expected 1 to 65536)");
  EXPECT_EQ(with([](Maker &maker) { maker.set("block_count", 2); }),
            start + "tensor 'blk.1.attn_norm.weight' is missing (expected shape [32])");
  EXPECT_EQ(with([](Maker &maker) { maker.setText("block_count", "1"); }),
            start + "'llama.block_count' must be an integer, found a string");
  EXPECT_EQ(with([](Maker &maker) { maker.set("attention.head_count_kv", 2); }),
            start + "'llama.attention.head_count_kv' = 2 does not divide 'llama.attention.head_count' = 3");
  EXPECT_EQ(with([](Maker &maker) { maker.keys.erase("llama.attention.key_length"); }),
            start + "'llama.attention.head_count' = 3 does not divide 'llama.embedding_length' = 32");
  EXPECT_EQ(with([](Maker &maker) { maker.set("attention.key_length", 9); }),
            start + "'llama.attention.value_length' = 10 differs from the length of keys, 9, which is not supported");
  EXPECT_EQ(with([](Maker &maker) { maker.set("attention.key_length", 9).set("attention.value_length", 9); }),
            start + "heads of 9 features are odd, rotary positions turn features in pairs");
  EXPECT_EQ(with([](Maker &maker) { maker.set("rope.dimension_count", 4); }),
            start + "'llama.rope.dimension_count' = 4 is not the size of a head, 10: models that turn a part of each "
                    "head are not supported");
  EXPECT_EQ(with([](Maker &maker) { maker.setText("rope.scaling.type", "longrope"); }),
            start + "'llama.rope.scaling.type' = 'longrope' is not supported (expected none, linear or yarn)");
  EXPECT_EQ(with([](Maker &maker) { maker.setNumber("rope.scaling.attn_factor", 2); }),
            start + "'llama.rope.scaling.attn_factor' = 2 is not supported without yarn");
  const auto yarn = [](Maker &maker) -> Maker & {
    return maker.setText("rope.scaling.type", "yarn").setNumber("rope.scaling.factor", 4);
  };
  EXPECT_EQ(with([&](Maker &maker) { yarn(maker).setNumber("rope.scaling.yarn_ext_factor", 0.5f); }),
            start + "'llama.rope.scaling.yarn_ext_factor' = 0.5 is not supported (expected 1)");
  EXPECT_EQ(
      with([&](Maker &maker) { yarn(maker).setNumber("rope.scaling.yarn_beta_fast", 0.5f); }),
      start +
          "'llama.rope.scaling.yarn_beta_fast' = 0.5 must not be less than 'llama.rope.scaling.yarn_beta_slow' = 1");
  EXPECT_EQ(with([&](Maker &maker) {
              yarn(maker).tensors["rope_freqs.weight"] = {{5}, 0, f32(1) + f32(1) + f32(2) + f32(8) + f32(8)};
            }),
            start +
                "tensor 'rope_freqs.weight' and 'llama.rope.scaling.type' both scale the rotary embedding, which is "
                "not supported");
  EXPECT_EQ(with([](Maker &maker) { maker.keys.erase("llama.vocab_size"); }),
            start + "'llama.vocab_size' is missing, and so is 'tokenizer.ggml.tokens'");
  EXPECT_EQ(with([](Maker &maker) { maker.keys["tokenizer.ggml.tokens"] = {9, u32(8) + u64(1) + test::text("a")}; }),
            start + "tensor 'token_embd.weight' has shape [53, 32], expected [1, 32]");
  EXPECT_EQ(with([](Maker &maker) { maker.keys["tokenizer.ggml.bos_token_id"] = {4, u32(53)}; }),
            start + "'tokenizer.ggml.bos_token_id' = 53 is out of range (expected 0 to 52)");
  EXPECT_EQ(with([](Maker &maker) { maker.tensors["rope_freqs.weight"] = {{4}}; }),
            start + "tensor 'rope_freqs.weight' is F32 of shape [4], expected f32 of shape [5]");
  EXPECT_EQ(with([](Maker &maker) { maker.tensors["rope_freqs.weight"] = {{5}}; }),
            start + "tensor 'rope_freqs.weight': element 0 is 0, expected a number more than 0");
}

} // namespace
