// Text.h - the facts of text that lie beside a model's weights, whatever the weights are in: which files hold tokenizer
// and chat template, and the op that carries what the runtime must know.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_TEXT_H
#define LLMC_FRONTENDS_MODELS_TEXT_H

#include "frontends/formats/ModelDirectory.h"
#include "frontends/formats/config/GenerationConfig.h"
#include "mlir/IR/BuiltinOps.h"

namespace llmc::models {

/// Names of files in a model's folder; empty: there is none.
struct TextFiles {
  std::string tokenizer, chatTemplate;
};
/// Looks for them under their usual names.
Result<TextFiles> findTextFiles(const ModelDirectory &directory);

/// What `transformer.text` says.
struct TextFacts {
  std::string place; ///< The file that says so.
  TextFiles files;
  int64_t vocabSize = 0;     ///< Logits, and token ids.
  int64_t contextLength = 0; ///< Positions the model was made for.
  GenerationConfig generation;
};
/// Appends the op.
void writeText(const TextFacts &facts, mlir::ModuleOp module);

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_TEXT_H
