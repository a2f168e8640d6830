// DecoderConfig.cpp - hyperparameters that many families spell the same way.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/DecoderConfig.h"

#include <algorithm>

namespace llmc::models {

ActivationKind readActivation(ConfigReader &config, std::string_view key, ActivationKind unset) {
  const std::optional<std::string> name = config.maybeString(key);
  if (!name)
    return unset;
  static constexpr struct {
    const char *name;
    ActivationKind kind;
  } known[] = {
      {"silu", ActivationKind::Silu},
      {"swish", ActivationKind::Silu},
      {"gelu", ActivationKind::Gelu},
      {"gelu_python", ActivationKind::Gelu},
      {"gelu_new", ActivationKind::GeluTanh},
      {"gelu_fast", ActivationKind::GeluTanh}, // The same formula with its constants written out.
      {"gelu_accurate", ActivationKind::GeluTanh},
      {"gelu_pytorch_tanh", ActivationKind::GeluTanh},
      {"gelu_python_tanh", ActivationKind::GeluTanh},
      {"quick_gelu", ActivationKind::QuickGelu},
      {"relu", ActivationKind::Relu},
      {"relu2", ActivationKind::ReluSquared},
      {"sigmoid", ActivationKind::Sigmoid},
      {"tanh", ActivationKind::Tanh},
  };
  for (const auto &entry : known)
    if (*name == entry.name)
      return entry.kind;
  config.fail(key,
              config.shown(key) + " = \"" + json::printable(*name) +
                  "\" is not a known activation (expected silu, gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, relu, "
                  "relu2, sigmoid or tanh)");
  return unset;
}

int64_t readHeadDim(ConfigReader &config, int64_t hiddenSize, int64_t numHeads, int64_t unset) {
  int64_t headDim = config.integer("head_dim", limits::kHeadDim, unset);
  if (headDim == 0) {
    if (hiddenSize % numHeads != 0)
      config.fail("num_attention_heads",
                  "'num_attention_heads' = " + std::to_string(numHeads) +
                      " does not divide 'hidden_size' = " + std::to_string(hiddenSize),
                  "a model whose heads are of another size has 'head_dim'");
    headDim = std::max<int64_t>(hiddenSize / numHeads, 1);
  }
  if (headDim % 2 != 0) {
    const std::string what = config.isSet("head_dim") || unset != 0
                                 ? "'head_dim' = " + std::to_string(headDim)
                                 : "'hidden_size' / 'num_attention_heads' = " + std::to_string(headDim);
    config.fail(config.isSet("head_dim") ? "head_dim" : "num_attention_heads",
                what + " is odd, rotary positions turn features in pairs");
    headDim += 1;
  }
  return headDim;
}

void refuseForeignCode(ConfigReader &config) {
  if (config.maybeAny("auto_map"))
    config.fail("auto_map", "'auto_map' names code of the model's own, which is never run",
                "remove it if the checkpoint works without trust_remote_code");
}

} // namespace llmc::models
