// Runner.cpp - runs a model from the command line: opens it, reads the prompt, streams the answer.
//
// Not here: options (Options.cpp), prompt (Prompt.cpp), what --about prints (Inspect.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Runner.h"

#include "runtime/src/runner/CutShort.h"
#include "runtime/src/runner/Inspect.h"
#include "runtime/src/runner/Interrupts.h"
#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Run.h"
#include "runtime/src/runner/RunEntry.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace llmc::runtime {

bool Run::openModel() {
  llmc_error error;
  // The model of an executable is known to people by the program's name.
  file = program.ownModel ? program.name : options.modelPath.c_str();
  noticeCutShort(file);
  llmc_model_options wanted = {sizeof wanted, options.copyWeights};
  if (llmc_model_open_with(options.modelPath.c_str(), &wanted, &model, &error)) {
    printError(file, error);
    return false;
  }
  statistics.openTime = platform::nanoseconds() - start;
  llmc_text_view name;
  uint64_t features;
  llmc_model_variant(model, model->variant, &name, &features);
  statistics.variant.assign(name.data, name.size);
  statistics.copiedWeights = model->ownWeights.data;
  statistics.memoryNodes = model->ownWeights.nodes.count;
  return true;
}

bool Run::openSession() {
  llmc_error error;
  uint64_t begin = platform::nanoseconds();
  llmc_session_options wanted = {};
  wanted.struct_size = sizeof wanted;
  wanted.num_threads = options.threads;
  wanted.max_tokens_per_step = options.maxStep;
  wanted.max_sequences = options.sequencesBeside + 1;
  wanted.context = options.context;
  if (!options.logitsPath.empty()) // all rows: as many in a step as the file allows
    for (uint32_t i = 0; i < model->artifact.manifest.dims.count; ++i)
      if (model->artifact.dim(i).kind == LLMC_DIM_ROWS)
        wanted.max_rows_per_step = uint32_t(model->artifact.dim(i).maximum);
  if (llmc_session_open(model, &wanted, &session, &error) || llmc_generator_open(session, &generator, &error)) {
    printError(file, error);
    return false;
  }
  statistics.sessionTime = platform::nanoseconds() - begin;
  statistics.threads = session->team.numThreads;
  return true;
}

/// What a file is that a run must not replace; null when it is none.
const char *Run::whatIs(const char *path) const {
  struct stat output, other;
  if (stat(path, &output) < 0 || !S_ISREG(output.st_mode))
    return nullptr;
  auto same = [&] { return output.st_dev == other.st_dev && output.st_ino == other.st_ino; };
  if (!fstat(model->file.descriptor, &other) && same())
    return "the model that runs";
  bool reads = options.promptSource == RunOptions::PromptSource::File;
  if (!(reads ? stat(options.prompt.c_str(), &other) : fstat(STDIN_FILENO, &other)) && same())
    return "the file of the prompt";
  return nullptr;
}

bool Run::fillGenerateOptions() {
  llmc_generate_defaults(model, &generateOptions);
  generateOptions.max_new_tokens = options.maxNewTokens;
  generateOptions.temperature = options.temperature.value_or(generateOptions.temperature);
  generateOptions.top_p = options.topP.value_or(generateOptions.top_p);
  generateOptions.min_p = options.minP.value_or(generateOptions.min_p);
  generateOptions.top_k = options.topK.value_or(generateOptions.top_k);
  generateOptions.repeat_penalty = options.repeatPenalty.value_or(generateOptions.repeat_penalty);
  statistics.sampled = generateOptions.temperature > 0;
  if (options.seed)
    statistics.seed = *options.seed;
  else if (statistics.sampled && getrandom(&statistics.seed, sizeof statistics.seed, 0) != sizeof statistics.seed)
    statistics.seed = platform::nanoseconds();
  generateOptions.seed = statistics.seed;
  for (const std::string &text : options.stopTexts)
    stopTexts.push_back(text.c_str());
  generateOptions.stop_texts = stopTexts.data();
  generateOptions.num_stop_texts = stopTexts.size();
  generateOptions.on_piece = onPiece;
  generateOptions.user = this;
  hooks.user = this;
  if (options.logprobs)
    hooks.onChoice = onChoice;
  if (options.shift) {
    generateOptions.context_policy = LLMC_CONTEXT_SHIFT;
    hooks.onFull = onFull;
  }
  hooks.beside = options.sequencesBeside;
  generateOptions.sequence = options.sequencesBeside / 2; // others before and after it
  hooks.shouldStop = [](void *) { return interruption() != 0; };
  if (options.logitsPath.empty())
    return true;
  hooks.onLogits = onLogits;
  if (const char *taken = whatIs(options.logitsPath.c_str())) {
    printError(options.logitsPath.c_str(), (std::string("cannot be written: is ") + taken).c_str(),
               "name another file");
    return false;
  }
  if (logits.open(options.logitsPath, session->vocabSize))
    return true;
  printError(options.logitsPath.c_str(), (std::string("cannot be written: ") + systemReason(errno)).c_str(), "");
  return false;
}

/// Generates the answer to `prompt` and the line end that a terminal wants.
int Run::answer() {
  llmc_error error;
  anyText = announced = false;
  lastByte = '\n';
  announcement.clear();
  answered.clear();
  generateOptions.num_keep = firstTokens();
  questionTokens = llmc_sequence_length(session, generateOptions.sequence) + prompt.size();
  Status status =
      generate(*generator, prompt.data(), uint32_t(prompt.size()), generateOptions, hooks, statistics.result, error);
  if (status) {
    printError(error.status == LLMC_IO_ERROR ? "" : file, error);
    return exitFailed;
  }
  // Where a page of the file went on past its end there were zeros, and no signal.
  struct stat now;
  if (!fstat(model->file.descriptor, &now) && uint64_t(now.st_size) < model->file.size) {
    printError(file, cutShortMessage, cutShortNote);
    return exitFailed;
  }
  bool ids = options.idsOnly || !generator->tokenizer;
  if (!options.json && ((ids && anyText) || (isatty(STDOUT_FILENO) && lastByte != '\n')))
    output.write("\n", 1);
  lastByte = '\n';
  if (statistics.result.end == LLMC_END_CONTEXT)
    announceFull("the answer ends here");
  else if (!announcement.empty())
    announceFull("");
  return exitDone;
}

/// The exit code for what became of standard output: a reader that has gone is no failure.
int Run::reportOutput() {
  if (!output.failure() || output.failure() == EPIPE)
    return exitDone;
  printError("standard output", (std::string("cannot be written: ") + systemReason(output.failure())).c_str(), "");
  return exitFailed;
}

int Run::finish() {
  if (interruption())
    return 128 + interruption(); // 130 for SIGINT
  if (!options.logitsPath.empty() && !logits.close()) {
    printError(options.logitsPath.c_str(), (std::string("cannot be written: ") + systemReason(errno)).c_str(), "");
    return exitFailed;
  }
  if (options.json)
    output.write(statisticsJson(statistics));
  if (options.stats)
    printStatistics(statistics);
  return reportOutput();
}

int Run::run() {
  if (!openModel())
    return exitFailed;
  if (options.task == RunOptions::Task::About)
    return printAbout(file, model) ? exitDone : exitFailed;
  if (options.task == RunOptions::Task::Licences)
    return printLicences(model) ? exitDone : exitFailed;
  if (wantsEntry(options, model))
    return runEntry(options, file, model);
  if (!openSession() || !fillGenerateOptions() || !canSave() || !loadSession() || !findPrompt())
    return exitFailed;
  keepsAnswer = usesTemplate() && options.promptSource != RunOptions::PromptSource::Ids &&
                (talks || options.shift || !options.savePath.empty());
  noticeInterrupts();
  if (talks)
    return converse();
  line.reserve(1 << 16);
  if (program.allocations)
    allocationsBefore = program.allocations();
  int code = answer();
  if (options.countAllocations)
    fprintf(stderr, "allocations after opening: %llu\n",
            (unsigned long long)(program.allocations() - allocationsBefore));
  if (code == exitDone && !interruption()) {
    if (keepsAnswer)
      keepAnswer();
    if (!saveSession())
      code = exitFailed;
  }
  return code ? code : finish();
}

int runMain(const RunnerProgram &program, int argc, char **argv) {
  uint64_t start = platform::nanoseconds();
  reserveStandardDescriptors();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); // writes fail with EFBIG then
  RunOptions options;
  int code = readOptions(program, argc, argv, options);
  if (code >= 0)
    return flushOutput() ? code : exitFailed;
  return Run(program, options, start).run();
}

} // namespace llmc::runtime
