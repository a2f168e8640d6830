// LlamaGguf.cpp - the LLaMA line in GGUF files: what tells its architectures apart there.
//
// Mistral's models are of architecture llama. Which linears have a bias is seen by the tensors of the first layer.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/GgufHyperparameters.h"
#include "frontends/models/LlamaConfig.h"

namespace llmc::models {

namespace {

struct Architecture {
  const char *name;
  bool pairedRows; ///< Rows of query and key are in the order of interleaved turning.
  bool queryKeyNorm;
};

constexpr Architecture kArchitectures[] = {
    {"llama", true, false},
    {"qwen2", false, false},
    {"qwen3", false, true},
};

} // namespace

std::vector<std::string_view> llamaGgufArchitectures() {
  std::vector<std::string_view> names;
  for (const Architecture &architecture : kArchitectures)
    names.push_back(architecture.name);
  return names;
}

DecoderConfig readLlamaGguf(const GgufSource &source, std::string_view name) {
  const Architecture *architecture = kArchitectures;
  for (const Architecture &candidate : kArchitectures)
    if (name == candidate.name)
      architecture = &candidate;
  DecoderConfig result = readGgufDecoder(source, name);
  result.pairedRows = architecture->pairedRows;
  result.queryKeyNorm = architecture->queryKeyNorm;
  const auto has = [&](const char *tensor) { return source.tensors.find(tensor) != nullptr; };
  result.tiedHead = !has("output.weight");
  result.queryKeyValueBias = has("blk.0.attn_q.bias");
  result.attentionOutputBias = has("blk.0.attn_output.bias");
  result.mlpBias = has("blk.0.ffn_gate.bias");
  refuseUnknownGgufKeys(source, name);
  return result;
}

} // namespace llmc::models
