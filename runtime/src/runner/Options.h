// Options.h - the options of a run, read from the command line.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_OPTIONS_H
#define LLMC_RUNTIME_RUNNER_OPTIONS_H

#include "runtime/src/runner/OptionTable.h"
#include "runtime/src/runner/Runner.h"

#include <optional>
#include <stdint.h>
#include <string>
#include <vector>

namespace llmc::runtime {

/// Exit codes, the same for all of llmc's programs.
constexpr int exitDone = 0, exitFailed = 1, exitUsage = 2, exitBelowThreshold = 3;

/// What the command line asks for; empty optionals leave a default to the model.
struct RunOptions {
  enum class Task { Generate, About, Licences };
  Task task = Task::Generate;
  std::string modelPath;

  enum class PromptSource { None, Text, File, StandardInput, Ids };
  PromptSource promptSource = PromptSource::None;
  std::string prompt; ///< The text, or the file's path.
  std::vector<int32_t> ids;
  bool raw = false;
  std::optional<std::string> system;

  uint32_t maxNewTokens = UINT32_MAX;
  std::vector<std::string> stopTexts;
  std::optional<float> temperature, topP, minP, repeatPenalty;
  std::optional<uint32_t> topK;
  std::optional<uint64_t> seed;

  uint32_t threads = 0; ///< 0: the default, as for the next two.
  uint32_t context = 0;
  uint32_t maxStep = 0;
  bool copyWeights = false; ///< Into memory, in place of mapping the file.
  bool shift = false;       ///< A full context drops its oldest tokens.
  std::string savePath, loadPath;

  std::string entry;               ///< An entry on tensors; empty: the first.
  std::vector<std::string> inputs; ///< "NAME=FILE" each.
  std::string outputFolder;

  std::string logitsPath;
  bool idsOnly = false;
  bool stats = false;
  bool json = false;
  std::optional<uint32_t> logprobs; ///< Likeliest tokens to show beside each chosen one.
  uint32_t sequencesBeside = 0;
  bool countAllocations = false;
};

/// The most of them.
constexpr uint32_t mostLogprobs = 100;

/// The command `run` as data: what readOptions knows.
const CommandInfo &runCommandInfo();

/// Reads the command line. Returns -1 when there is something to run, else the exit code: help and version are printed
/// to stdout, mistakes to stderr.
int readOptions(const RunnerProgram &program, int argc, char **argv, RunOptions &options);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_OPTIONS_H
