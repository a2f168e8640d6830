// Package.h - puts an artifact together from a scheduled module and its code.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_PACKAGE_H
#define LLMC_TOOLS_DRIVER_PACKAGE_H

#include "compiler/Artifact/Manifest.h"
#include "compiler/Targets/TargetBackend.h"
#include "frontends/formats/ModelDirectory.h"
#include "frontends/formats/TensorIndex.h"
#include "frontends/text/template/ChatTemplate.h"
#include "tools/driver/Messages.h"
#include "tools/driver/Report.h"

#include <optional>
#include <string>
#include <vector>

namespace llmc::driver {

/// What an artifact is made from.
struct PackageInput {
  mlir::ModuleOp module; ///< at stop `schedule`
  std::string name;      ///< of the model
  std::vector<CompiledCode> codes;
  artifact::Manifest manifest;
  std::optional<TensorIndex> checkpoint;
  std::string tokenizer, chatTemplates, licences;
  std::vector<std::pair<std::string, std::string>> facts; ///< More of them for the manifest.

  /// Opens the checkpoint, compiles the tokenizer and the chat templates, reads the manifest's facts and checks that
  /// every weight recipe can run.
  bool open(Messages &messages);

private:
  /// Tokenizer, chat templates and licence out of a folder.
  bool openText(Messages &messages, const ModelDirectory &directory);
  /// Warns where the tokenizer has more tokens than the model has logits.
  bool checkVocabulary(Messages &messages, const ModelDirectory &directory);
  /// The same for what a GGUF file says of text and licence.
  bool openGgufText(Messages &messages, const std::string &path);
  bool useChatTemplates(Result<text::ChatTemplateFiles> files, Messages &messages);
};

/// Writes a container, or an executable. Adds the variants and facts to the manifest, and sizes to the report.
bool writePackage(PackageInput &input, const std::string &path, bool executable, Report &report, Messages &messages);

/// Writes a file that appears whole or not at all.
bool writeWhole(const std::string &path, llvm::StringRef bytes, Messages &messages);

/// Whether an output can be made there, by making and dropping it.
bool canWrite(const std::string &path, bool executable, Messages &messages);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_PACKAGE_H
