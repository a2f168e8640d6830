// Runner.cpp - runs a model from the command line: opens it, reads the prompt, streams the answer.
//
// Not here: options (Options.cpp), prompt (Prompt.cpp), what --about prints (Inspect.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Runner.h"

#include "runtime/src/generate/Generator.h"
#include "runtime/src/runner/Conversation.h"
#include "runtime/src/runner/CutShort.h"
#include "runtime/src/runner/Inspect.h"
#include "runtime/src/runner/Interrupts.h"
#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Options.h"
#include "runtime/src/runner/Output.h"
#include "runtime/src/runner/Prompt.h"
#include "runtime/src/runner/Statistics.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace llmc::runtime {

namespace {

/// One run of the program, from the opened model to its exit code.
class Run {
public:
  Run(const RunnerProgram &program, const RunOptions &options, uint64_t start)
      : program(program), options(options), start(start) {}
  ~Run() {
    llmc_generator_close(generator);
    llmc_session_close(session);
    llmc_model_close(model);
  }

  int run();

private:
  bool openModel();
  bool openSession();
  const char *whatIs(const char *path) const;
  bool fillGenerateOptions();
  bool findPrompt(bool &conversation);
  int answer();
  int converse();
  bool readLine(const std::string &said);
  void keepAnswer();
  bool keepComputed();
  bool usesTemplate() const { return model->chat && generator->tokenizer && !options.raw; }
  int finish();
  int reportOutput();
  static int onPiece(void *self, const llmc_piece *piece);
  static Status onLogits(void *self, const llmc_logits &logits, Error &error);
  bool show(const llmc_piece &piece);

  const RunnerProgram &program;
  const RunOptions &options;
  const uint64_t start;
  const char *file = "";
  llmc_model *model = nullptr;
  llmc_session *session = nullptr;
  llmc_generator *generator = nullptr;
  llmc_generate_options generateOptions{};
  GenerateHooks hooks;
  std::vector<const char *> stopTexts;
  std::vector<int32_t> prompt;
  std::vector<int32_t> answered; ///< Tokens of the answer.
  Conversation conversation;     ///< With a chat template.
  StandardOutput output;
  NpyWriter logits;
  RunStatistics statistics;
  std::string line;         ///< Reused for each piece.
  bool keepsAnswer = false; ///< In a conversation: what was answered is read again.
  bool anyText = false;
  char lastByte = '\n';
  uint64_t allocationsBefore = 0;
};

bool Run::openModel() {
  llmc_error error;
  // The model of an executable is known to people by the program's name.
  file = program.ownModel ? program.name : options.modelPath.c_str();
  noticeCutShort(file);
  if (llmc_model_open(options.modelPath.c_str(), &model, &error)) {
    printError(file, error);
    return false;
  }
  statistics.openTime = platform::nanoseconds() - start;
  llmc_text_view name;
  uint64_t features;
  llmc_model_variant(model, model->variant, &name, &features);
  statistics.variant.assign(name.data, name.size);
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

Status Run::onLogits(void *self, const llmc_logits &rows, Error &error) {
  Run &run = *static_cast<Run *>(self);
  for (uint32_t r = 0; r < rows.rows; ++r)
    if (!run.logits.row(rows.data + r * rows.row_stride))
      return fail(error, LLMC_IO_ERROR, "%s: cannot be written: %s", run.options.logitsPath.c_str(),
                  systemReason(errno));
  return LLMC_OK;
}

int Run::onPiece(void *self, const llmc_piece *piece) {
  Run &run = *static_cast<Run *>(self);
  if (piece->token >= 0 && run.keepsAnswer)
    run.answered.push_back(piece->token);
  if (!piece->number)
    run.statistics.firstToken = platform::nanoseconds() - run.start;
  return !run.show(*piece);
}

/// Writes a piece in the form asked for; false when nobody reads it.
bool Run::show(const llmc_piece &piece) {
  line.clear();
  char number[16];
  if (options.json) {
    snprintf(number, sizeof number, "%d", piece.token);
    line += "{\"type\":\"token\",\"id\":";
    line += piece.token < 0 ? "null" : number;
    line += ",\"text\":";
    appendJsonString(line, piece.text, piece.size);
    line += "}\n";
  } else if (options.idsOnly || !generator->tokenizer) {
    if (piece.token < 0)
      return true;
    snprintf(number, sizeof number, anyText ? ",%d" : "%d", piece.token);
    line += number;
  } else {
    line.append(piece.text, piece.size);
  }
  if (line.empty())
    return true;
  anyText = true;
  lastByte = line.back();
  return output.write(line);
}

/// Sets the prompt's ids; `talks` when there is none and a person sits at the terminal.
bool Run::findPrompt(bool &talks) {
  talks = false;
  if (options.system && !usesTemplate()) {
    printError(file, "has no chat template, so it takes no system message", "write it at the start of the prompt");
    return false;
  }
  conversation.start(options.system ? &*options.system : nullptr);
  if (options.promptSource == RunOptions::PromptSource::Ids) {
    prompt = options.ids;
    for (int32_t id : prompt)
      if (uint32_t(id) >= session->vocabSize) {
        printError(file, ("--ids: " + std::to_string(id) + " is no token of this model").c_str(),
                   ("its tokens are 0 to " + std::to_string(session->vocabSize - 1)).c_str());
        return false;
      }
    return true;
  }
  std::string text;
  if (options.promptSource == RunOptions::PromptSource::None && generator->tokenizer) {
    talks = isatty(STDIN_FILENO);
    if (talks)
      return true;
    RunOptions fromInput = options;
    fromInput.promptSource = RunOptions::PromptSource::StandardInput;
    if (!readPromptText(fromInput, text))
      return false;
  } else if (!readPromptText(options, text)) {
    return false;
  }
  if (!usesTemplate())
    return tokenizePrompt(model, file, text, true, prompt);
  conversation.add("user", text);
  return conversation.tokens(model, file, prompt);
}

/// Generates the answer to `prompt` and the line end that a terminal wants.
int Run::answer() {
  llmc_error error;
  anyText = false;
  lastByte = '\n';
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
  return exitDone;
}

/// Leaves in `prompt` only what the sequence does not hold yet, and in the sequence only what the prompt begins with.
bool Run::keepComputed() {
  uint32_t length = llmc_sequence_length(session, generateOptions.sequence), same = 0;
  const Array<int32_t> &known = generator->history;
  while (same < length && same + 1 < prompt.size() && same < known.size() && known[same] == prompt[same])
    ++same; // the last token is computed in any case: its logits are wanted
  llmc_error error;
  if (same < length && llmc_sequence_truncate(session, generateOptions.sequence, same, &error)) {
    same = 0; // a state that cannot go back begins again
    if (llmc_sequence_truncate(session, generateOptions.sequence, 0, &error)) {
      printError(file, error);
      return false;
    }
  }
  prompt.erase(prompt.begin(), prompt.begin() + same);
  return true;
}

/// Sets `prompt` to what a line leads to. False when there is nothing to compute.
bool Run::readLine(const std::string &said) {
  if (said.empty())
    return false;
  if (!usesTemplate())
    return tokenizePrompt(model, file, said, !llmc_sequence_length(session, generateOptions.sequence), prompt);
  conversation.add("user", said);
  if (conversation.tokens(model, file, prompt) && keepComputed())
    return true;
  conversation.drop();
  return false;
}

/// The answer becomes a message, as the template will write it down.
void Run::keepAnswer() {
  std::string text;
  if (statistics.result.end == LLMC_END_TOKEN && !answered.empty())
    answered.pop_back();
  if (answerText(model, file, answered, options.stopTexts, text))
    conversation.add("assistant", text);
}

/// Line by line on a terminal; the sequence keeps what was said.
int Run::converse() {
  fprintf(stderr, "A line %s; /reset starts anew, /stats shows figures, /exit or Ctrl-D ends.\n",
          usesTemplate() ? "is a message" : "continues the text");
  keepsAnswer = usesTemplate();
  LineInput input;
  for (std::string said;;) {
    fputs("> ", stderr);
    bool more = input.next(said);
    if (interruption())
      return 128 + interruption();
    if (!more || said == "/exit")
      return exitDone;
    if (said == "/reset") {
      llmc_sequence_truncate(session, generateOptions.sequence, 0, nullptr);
      conversation.start(options.system ? &*options.system : nullptr);
      continue;
    }
    if (said == "/stats") {
      printStatistics(statistics);
      continue;
    }
    if (!readLine(said))
      continue;
    answered.clear();
    if (answer() == exitDone && keepsAnswer)
      keepAnswer();
    else if (keepsAnswer)
      conversation.drop();
    forgetInterruption(); // Ctrl-C ends an answer, not the conversation
  }
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
  bool talks;
  if (!openSession() || !fillGenerateOptions() || !findPrompt(talks))
    return exitFailed;
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
  return code ? code : finish();
}

} // namespace

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
