// CheckpointMaker.h - makes small checkpoints for tests, right or wrong in one place.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_FRONTENDS_MODELS_CHECKPOINTMAKER_H
#define LLMC_TEST_FRONTENDS_MODELS_CHECKPOINTMAKER_H

#include "test/TestPaths.h"

#include <cstdint>
#include <fstream>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace llmc::test {

/// A model of distinct primes where the rules allow: vocabulary 53, width 20, inner width 29, 2 layers, 3 heads of 10
/// with 1 of keys. Change what the test is about, then `write`.
struct CheckpointMaker {
  struct Tensor {
    std::vector<int64_t> shape;
    std::string dtype = "BF16";
    char fill = 0;
  };
  std::map<std::string, std::string> config; ///< Key -> JSON text.
  std::map<std::string, Tensor> tensors;

  CheckpointMaker() {
    config = {{"architectures", "[\"LlamaForCausalLM\"]"},
              {"model_type", "\"llama\""},
              {"vocab_size", "53"},
              {"hidden_size", "20"},
              {"intermediate_size", "29"},
              {"num_hidden_layers", "2"},
              {"num_attention_heads", "3"},
              {"num_key_value_heads", "1"},
              {"head_dim", "10"},
              {"max_position_embeddings", "64"},
              {"rms_norm_eps", "1e-5"},
              {"hidden_act", "\"silu\""},
              {"tie_word_embeddings", "false"},
              {"bos_token_id", "1"},
              {"eos_token_id", "2"}};
    tensors["model.embed_tokens.weight"] = {{53, 20}};
    tensors["model.norm.weight"] = {{20}};
    tensors["lm_head.weight"] = {{53, 20}};
    for (int layer = 0; layer < 2; ++layer) {
      const std::string name = "model.layers." + std::to_string(layer) + ".";
      tensors[name + "input_layernorm.weight"] = {{20}};
      tensors[name + "self_attn.q_proj.weight"] = {{30, 20}};
      tensors[name + "self_attn.k_proj.weight"] = {{10, 20}};
      tensors[name + "self_attn.v_proj.weight"] = {{10, 20}};
      tensors[name + "self_attn.o_proj.weight"] = {{20, 30}};
      tensors[name + "post_attention_layernorm.weight"] = {{20}};
      tensors[name + "mlp.gate_proj.weight"] = {{29, 20}};
      tensors[name + "mlp.up_proj.weight"] = {{29, 20}};
      tensors[name + "mlp.down_proj.weight"] = {{20, 29}};
    }
  }

  /// The same model as another member of the line.
  CheckpointMaker &as(const std::string &modelType, const std::string &architecture) {
    config["model_type"] = "\"" + modelType + "\"";
    config["architectures"] = "[\"" + architecture + "\"]";
    return *this;
  }

  void write(const TemporaryFolder &folder) const {
    std::string text = "{";
    for (const auto &[key, value] : config)
      text += (text.size() > 1 ? ",\n  \"" : "\n  \"") + key + "\": " + value;
    std::ofstream(folder / "config.json") << text << "\n}\n";

    std::string header = "{", data;
    for (const auto &[key, tensor] : tensors) {
      const size_t width = tensor.dtype == "F32" || tensor.dtype == "I32" ? 4 : tensor.dtype == "F64" ? 8 : 2;
      const int64_t count = std::accumulate(tensor.shape.begin(), tensor.shape.end(), int64_t(1), std::multiplies<>());
      std::string shape;
      for (int64_t size : tensor.shape)
        shape += (shape.empty() ? "" : ",") + std::to_string(size);
      header += (header.size() > 1 ? ",\"" : "\"") + key + "\":{\"dtype\":\"" + tensor.dtype + "\",\"shape\":[" +
                shape + "],\"data_offsets\":[" + std::to_string(data.size()) + ",";
      data.append(size_t(count) * width, tensor.fill);
      header += std::to_string(data.size()) + "]}";
    }
    header += "}";
    std::string length;
    for (int i = 0; i < 8; ++i)
      length += char(header.size() >> (8 * i) & 255);
    std::ofstream(folder / "model.safetensors", std::ios::binary) << length << header << data;
  }
};

} // namespace llmc::test

#endif // LLMC_TEST_FRONTENDS_MODELS_CHECKPOINTMAKER_H
