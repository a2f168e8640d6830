// GenerationConfig.h - how a model wants its text to be generated: generation_config.json, or what config.json says of
// it. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_CONFIG_GENERATIONCONFIG_H
#define LLMC_FRONTENDS_FORMATS_CONFIG_GENERATIONCONFIG_H

#include "frontends/formats/config/ConfigReader.h"

namespace llmc {

/// Special tokens and sampling defaults. Token ids are in [0, vocabulary).
struct GenerationConfig {
  std::optional<int64_t> bos, pad;
  std::vector<int64_t> eos; ///< In the order of the file, each once; generation stops at any.
  bool doSample = false;
  std::optional<double> temperature;       ///< At least 0.
  std::optional<int64_t> topK;             ///< 0 keeps every token.
  std::optional<double> topP;              ///< In (0, 1].
  std::optional<double> minP;              ///< In [0, 1].
  std::optional<double> repetitionPenalty; ///< More than 0.
  std::optional<int64_t> maxLength;        ///< Tokens, prompt included.
};

/// Reads the facts of generation. `config` is the root of config.json, whose keys of this kind are marked as understood
/// in any case; `generation` is the root of generation_config.json, which then has precedence key by key and is read
/// whole: an unknown key there is a mistake. Mistakes go to the reader of the file they are in.
GenerationConfig readGenerationConfig(ConfigReader &config, ConfigReader *generation, int64_t vocabSize);

/// Keys of config.json that a decoder may ignore; families add their own.
std::vector<std::string_view> harmlessConfigKeys();

} // namespace llmc

#endif // LLMC_FRONTENDS_FORMATS_CONFIG_GENERATIONCONFIG_H
