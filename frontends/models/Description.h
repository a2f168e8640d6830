// Description.h - what a model's files say of it, whatever the container: its family's hyperparameters and the facts of
// text. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_DESCRIPTION_H
#define LLMC_FRONTENDS_MODELS_DESCRIPTION_H

#include "frontends/formats/config/GenerationConfig.h"
#include "frontends/models/Family.h"
#include "frontends/models/quantized/QuantizedLayout.h"

namespace llmc::models {

struct Description {
  std::unique_ptr<Model> model;
  std::string modelType; ///< For messages.
  GenerationConfig generation;
  std::optional<QuantizedLayout> quantization; ///< How matrices are stored that are not floats.
  std::string place;                           ///< The file that says so, for messages.
  std::string folder;                          ///< Where the files are, for messages; ".": here.
  std::string weights;                         ///< What holds all weights, for messages: the folder, or the first file.
  std::string facts;                           ///< What must belong to the weights, for messages: "config.json".
  std::string storedType;                      ///< Of the weights, as config.json says; empty: it does not.
  std::string tokenizer;                       ///< A file in the folder; empty: the model is driven by token ids.
  std::string chatTemplate;                    ///< The same.
};

/// Reads config.json, generation_config.json and which files of text there are. `path` may also be a file: the
/// config.json of another name, in the folder of the rest.
Result<Description> describeDirectory(const std::string &path);
/// Reads the metadata of a GGUF file.
Result<Description> describeGguf(const std::string &path);

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_DESCRIPTION_H
