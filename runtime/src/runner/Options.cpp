// Options.cpp - reads the command line of a run.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Options.h"

#include "llmc/artifact_format.h"
#include "llmc/llmc.h"
#include "llmc/step_abi.h"
#include "runtime/src/runner/Messages.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace llmc::runtime {

namespace {

enum LongOption {
  OptStop = 256,
  OptTemperature,
  OptTopK,
  OptTopP,
  OptMinP,
  OptRepeatPenalty,
  OptRaw,
  OptSystem,
  OptIds,
  OptLogits,
  OptLogprobs,
  OptIdsOnly,
  OptStats,
  OptJson,
  OptDiagnostics,
  OptMaxStep,
  OptNoMmap,
  OptContextPolicy,
  OptSave,
  OptLoad,
  OptAbout,
  OptLicences,
  OptVersion,
  OptSequencesBeside,
  OptCountAllocations,
  OptEntry,
  OptInput,
  OptOutputDir,
};

const char prompts[] = "Prompt", generation[] = "Generation", sessions[] = "Session", machine[] = "Machine",
           output[] = "Output (standard output holds only generated text)",
           entries[] = "Entries on tensors (a compiled ONNX graph)", other[] = "Other";

const OptionInfo runOptions[] = {
    {'p', "prompt", "TEXT", prompts, "the prompt; the same as PROMPT"},
    {'f', "file", "FILE", prompts, "read it from a file (\"-\": standard input); one line end at its end is dropped"},
    {OptSystem, "system", "TEXT", prompts, "a system message before it, for models with a chat template"},
    {OptRaw, "raw", nullptr, prompts, "the text alone, without the model's chat template"},
    {OptIds, "ids", "LIST", prompts, "token ids such as 1,2,3 in place of a text; nothing is added to them"},
    {'n', "max-new-tokens", "N", generation, "default: until a token ends the text or the context is full"},
    {OptStop, "stop", "TEXT", generation, "end before this text; may be repeated"},
    {OptTemperature, "temp,temperature", "T", generation,
     "0 takes the likeliest token; default: the model's own, else 0"},
    {OptTopK, "top-k", "N", generation, "keep the N likeliest tokens; 0: all"},
    {OptTopP, "top-p", "P", generation, "keep the fewest tokens that have this probability together"},
    {OptMinP, "min-p", "P", generation, "drop tokens below this fraction of the likeliest one's probability"},
    {OptRepeatPenalty, "repeat-penalty", "R", generation, "above 1: tokens that were there become less likely"},
    {'s', "seed", "N", generation, "of sampling; default: random, shown by --stats"},
    {'c', "ctx-size", "N", sessions, "positions; default: the model's"},
    {OptContextPolicy, "context-policy", "stop|shift", sessions,
     "when they are full: stop (default), or drop the oldest turns or\n"
     "tokens but the first and compute the rest anew"},
    {OptSave, "save", "FILE", sessions, "at the end, save what was read and written, to go on from there"},
    {OptLoad, "load", "FILE", sessions, "go on from there"},
    {'t', "threads", "N", machine, "default: the cores this process may use"},
    {OptMaxStep, "max-step", "N", machine, "cut the prompt into steps of N tokens at most"},
    {OptNoMmap, "no-mmap", nullptr, machine,
     "read the weights into memory in place of mapping the file: takes their\nsize of memory, is faster where a copied "
     "file is read in small pages"},
    {OptStats, "stats", nullptr, output, "rates, time to first token, memory, seed and variant, on standard error"},
    {OptJson, "json", nullptr, output,
     "JSON lines in place of text: {\"type\":\"token\",...} each,\n{\"type\":\"end\",...} last"},
    {OptLogprobs, "logprobs", "K", output,
     "for each token its log probability and the K likeliest ones: in the\nlines of --json, else on standard error"},
    {OptIdsOnly, "ids-only", nullptr, output, "token ids in place of text, separated by commas"},
    {OptLogits, "logits", "FILE", output,
     "float32 [tokens, vocab_size] as .npy: logits at every position of\nprompt and answer"},
    {OptEntry, "entry", "NAME", entries, "default: the first"},
    {OptInput, "input", "NAME=FILE", entries, "an input from a .npy file, or a .pb file of ONNX; each must be given"},
    {OptOutputDir, "output-dir", "DIR", entries, "where the outputs go, NAME.npy each; default: here"},
    {OptDiagnostics, "diagnostics", "text|json", other, "form of messages on standard error"},
    {'h', "help", nullptr, other, "this page"},
    {OptVersion, "version", nullptr, other, "versions of the runtime and of its formats"},
    {OptAbout, "about", nullptr, other, "what the model is"},
    {OptLicences, "licenses,licences", nullptr, other, "of what is inside"},
    {OptSequencesBeside, "sequences-beside", "N", nullptr, "for tests of batch invariance"},
    {OptCountAllocations, "count-allocations", nullptr, nullptr, "for tests"},
};

const CommandInfo command = {"run",
                             "Generates text with a compiled model.",
                             R"(  %1 "Once upon a time"              continue a text
  %1 -f letter.txt -n 200            the prompt from a file, at most 200 new tokens
  echo "The sea" | %1 -              the prompt from standard input
  %1 --temp 0.8 --top-p 0.95 -s 7 "A riddle:"
                                            sample, the same way each time
  %1                                 no prompt, on a terminal: a conversation
  %1 --load talk --save talk         the same conversation, from day to day
  %1 --system "Answer in one line." "What is a tide?"
                                            with a model made for conversations
)",
                             "%1 [OPTIONS] [PROMPT]",
                             runOptions,
                             sizeof runOptions / sizeof *runOptions,
                             "Exit codes: 0 done, 1 input or I/O, 2 usage, 130 interrupted.\n"};

void printVersion() {
  printf("llmc runtime %s (artifact format %u.%u, step ABI %u, C API %u.%u)\n", LLMC_VERSION, LLMC_ARTIFACT_MAJOR,
         LLMC_ARTIFACT_MINOR, LLMC_STEP_ABI_VERSION, LLMC_API_MAJOR, LLMC_API_MINOR);
}

/// Reads options one by one; the first mistake is printed and ends it.
class Reader {
public:
  Reader(const RunnerProgram &program, RunOptions &options) : program(program), options(options) {}

  int run(int argc, char **argv);

private:
  bool take(int option, const char *value);
  bool usage(const char *format, ...) __attribute__((format(printf, 2, 3)));
  bool promptFrom(RunOptions::PromptSource source, const char *text);
  template <typename T> bool number(const char *name, const char *text, uint64_t least, uint64_t most, T &value);
  bool number(const char *name, const char *text, float least, float most, std::optional<float> &value);
  bool idList(const char *text);

  const RunnerProgram &program;
  RunOptions &options;
  int done = -1;
};

bool Reader::usage(const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  char note[256];
  snprintf(note, sizeof note, "all options: %s --help", program.name);
  printError("", text, note);
  done = exitUsage;
  return false;
}

bool Reader::promptFrom(RunOptions::PromptSource source, const char *text) {
  if (options.promptSource != RunOptions::PromptSource::None)
    return usage("a second prompt '%s' (expected one of PROMPT, --prompt, --file and --ids)", text);
  options.promptSource = source;
  options.prompt = text;
  return true;
}

template <typename T> bool Reader::number(const char *name, const char *text, uint64_t least, uint64_t most, T &value) {
  uint64_t parsed;
  if (!parseWhole(text, least, most, parsed))
    return usage("%s: '%s' is not a number from %llu to %llu", name, text, (unsigned long long)least,
                 (unsigned long long)most);
  value = T(parsed);
  return true;
}

bool Reader::number(const char *name, const char *text, float least, float most, std::optional<float> &value) {
  char *end;
  float parsed = strtof(text, &end);
  if (end == text || *end || !(parsed >= least && parsed <= most))
    return usage("%s: '%s' is not a number from %g to %g", name, text, double(least), double(most));
  value = parsed;
  return true;
}

bool Reader::idList(const char *text) {
  for (const char *at = text;;) {
    char *end;
    errno = 0;
    unsigned long id = *at >= '0' && *at <= '9' ? strtoul(at, &end, 10) : (end = nullptr, 0);
    if (!end || errno || id > INT32_MAX || (*end && *end != ','))
      return usage("--ids: '%s' is not a list of token ids such as 1,2,3", text);
    options.ids.push_back(int32_t(id));
    if (!*end)
      return true;
    at = end + 1;
  }
}

bool Reader::take(int option, const char *value) {
  using Source = RunOptions::PromptSource;
  switch (option) {
  case 'p':
    return promptFrom(Source::Text, value);
  case 'f':
    if (!*value)
      return usage("--file: the file's name is empty");
    return promptFrom(strcmp(value, "-") ? Source::File : Source::StandardInput, value);
  case 'n':
    return number("--max-new-tokens", value, 0, UINT32_MAX - 1, options.maxNewTokens);
  case 't':
    return number("--threads", value, 1, 256, options.threads);
  case 'c':
    return number("--ctx-size", value, 1, INT32_MAX, options.context);
  case 's':
    return number("--seed", value, 0, UINT64_MAX, options.seed);
  case OptStop:
    if (!*value)
      return usage("--stop: the text is empty");
    options.stopTexts.push_back(value);
    return true;
  case OptTemperature:
    return number("--temperature", value, 0, 1000, options.temperature);
  case OptTopK:
    return number("--top-k", value, 0, INT32_MAX, options.topK);
  case OptTopP:
    return number("--top-p", value, 0, 1, options.topP);
  case OptMinP:
    return number("--min-p", value, 0, 1, options.minP);
  case OptRepeatPenalty:
    return number("--repeat-penalty", value, 1e-3f, 1000, options.repeatPenalty);
  case OptRaw:
    options.raw = true;
    return true;
  case OptSystem:
    options.system = value;
    return true;
  case OptIds:
    return promptFrom(Source::Ids, value) && idList(value);
  case OptEntry:
    options.entry = value;
    return *value || usage("--entry: the name is empty");
  case OptInput:
    options.inputs.push_back(value);
    return (strchr(value, '=') && *value != '=') || usage("--input: '%s' is not NAME=FILE", value);
  case OptOutputDir:
    options.outputFolder = value;
    return *value || usage("--output-dir: the folder's name is empty");
  case OptLogits:
    options.logitsPath = value;
    return *value || usage("--logits: the file's name is empty");
  case OptIdsOnly:
    options.idsOnly = true;
    return true;
  case OptStats:
    options.stats = true;
    return true;
  case OptJson:
    options.json = true;
    return true;
  case OptLogprobs:
    return number("--logprobs", value, 0, mostLogprobs, options.logprobs);
  case OptContextPolicy:
    options.shift = !strcmp(value, "shift");
    return options.shift || !strcmp(value, "stop") || usage("--context-policy: '%s' is neither stop nor shift", value);
  case OptSave:
    options.savePath = value;
    return *value || usage("--save: the file's name is empty");
  case OptLoad:
    options.loadPath = value;
    return *value || usage("--load: the file's name is empty");
  case OptDiagnostics:
    return !strcmp(value, "json") || !strcmp(value, "text") ||
           usage("--diagnostics: '%s' is neither text nor json", value);
  case OptNoMmap:
    options.copyWeights = true;
    return true;
  case OptMaxStep:
    return number("--max-step", value, 1, INT32_MAX, options.maxStep);
  case OptAbout:
    options.task = RunOptions::Task::About;
    return true;
  case OptLicences:
    options.task = RunOptions::Task::Licences;
    return true;
  case OptSequencesBeside:
    return number("--sequences-beside", value, 0, 1023, options.sequencesBeside);
  case OptCountAllocations:
    options.countAllocations = true;
    return program.allocations || usage("--count-allocations: this program does not count them");
  }
  return false;
}

int Reader::run(int argc, char **argv) {
  opterr = 0;
  optind = 0; // glibc: start afresh, also when called again
  GetoptTable table(command);
  for (int option;
       done < 0 && (option = getopt_long(argc, argv, table.letters.c_str(), table.options.data(), nullptr)) != -1;) {
    if (option == '?') {
      // 'h' is known as a letter: here it is --help with a value.
      if (optopt && optopt < 256 && optopt != 'h')
        usage("unknown option '-%c'", optopt);
      else
        usage("%s option '%s'", optopt ? "surplus value for" : "unknown or ambiguous", argv[optind - 1]);
    } else if (option == ':') {
      usage("option '%s' needs a value", argv[optind - 1]);
    } else if (option == 'h') {
      printCommandHelp(command, std::string(program.name) + (program.ownModel ? "" : " FILE"));
      return exitDone;
    } else if (option == OptVersion) {
      printVersion();
      return exitDone;
    } else {
      take(option, optarg);
    }
  }
  if (done < 0 && !program.ownModel) {
    if (optind == argc)
      usage("no model file given");
    else
      options.modelPath = argv[optind++];
    if (done < 0 && options.modelPath.empty())
      usage("the model file's name is empty");
  } else if (program.ownModel) {
    options.modelPath = program.ownModel;
  }
  for (; done < 0 && optind < argc; ++optind) {
    bool dash = !strcmp(argv[optind], "-");
    promptFrom(dash ? RunOptions::PromptSource::StandardInput : RunOptions::PromptSource::Text, argv[optind]);
  }
  if (done < 0 && options.json && options.idsOnly)
    usage("--json and --ids-only exclude each other");
  if (done < 0 && options.system && options.raw)
    usage("--system and --raw exclude each other");
  if (done < 0 && options.system && options.promptSource == RunOptions::PromptSource::Ids)
    usage("--system and --ids exclude each other");
  if (done < 0 && options.shift && !options.logitsPath.empty())
    usage("--logits and --context-policy shift exclude each other");
  if (done < 0 && !options.savePath.empty() && options.savePath == options.logitsPath)
    usage("--save and --logits name the same file");
  if (done < 0 && options.system && !options.loadPath.empty())
    usage("--system and --load exclude each other: the saved conversation has begun");
  return done;
}

} // namespace

const CommandInfo &runCommandInfo() { return command; }

int readOptions(const RunnerProgram &program, int argc, char **argv, RunOptions &options) {
  chooseMessageForm(argc, argv);
  return Reader(program, options).run(argc, argv);
}

} // namespace llmc::runtime
