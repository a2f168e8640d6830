// Prompt.h - finds the prompt of a run and turns it into tokens.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_PROMPT_H
#define LLMC_RUNTIME_RUNNER_PROMPT_H

#include "runtime/src/runner/Options.h"

#include "llmc/llmc.h"

namespace llmc::runtime {

/// The text of the prompt as the options say: given, from a file or from standard input (without one line end at its
/// end). False after printing why it cannot be read.
bool readPromptText(const RunOptions &options, std::string &text);

/// Standard input line by line, for a person who types.
class LineInput {
public:
  /// Sets `line` to the next one, without its line end; the last may lack one. False when nothing is left and when a
  /// signal came (Interrupts.h).
  bool next(std::string &line);

private:
  char buffer[4096];
  size_t position = 0, size = 0;
};

/// Turns text into ids. Where neither text nor tokenizer give any, the model's first token starts it. False after
/// printing why not.
bool tokenizePrompt(const llmc_model *model, const char *file, const std::string &text, bool addSpecial,
                    std::vector<int32_t> &ids);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_PROMPT_H
