// LlamaConfig.h - hyperparameters of the LLaMA line: LLaMA 1 to 3.x, Mistral, Qwen2, Qwen3.
//
// Free of MLIR: fuzzed. The block is in Llama.cpp.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_LLAMACONFIG_H
#define LLMC_FRONTENDS_MODELS_LLAMACONFIG_H

#include "frontends/models/DecoderConfig.h"

namespace llmc::models {

struct GgufSource;

/// The model types of the line, "llama" first.
std::vector<std::string_view> llamaModelTypes();

/// Reads the hyperparameters of a model whose `model_type` is one of the line's. Every key that is read is marked; the
/// caller then refuses the rest. Mistakes go to the reader; the result is within its bounds even then.
DecoderConfig readLlamaConfig(ConfigReader &config, std::string_view modelType);

/// The same of GGUF files: the values of `general.architecture`, and a model of one of them.
std::vector<std::string_view> llamaGgufArchitectures();
DecoderConfig readLlamaGguf(const GgufSource &source, std::string_view architecture);

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_LLAMACONFIG_H
