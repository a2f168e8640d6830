// EvalMain.cpp - the command line of `eval`: options, the text, and what was measured as a table or as JSON.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Eval.h"

#include "runtime/src/runner/CutShort.h"
#include "runtime/src/runner/Interrupts.h"
#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/OptionTable.h"
#include "runtime/src/runner/Options.h"
#include "runtime/src/runner/Output.h"
#include "runtime/src/runner/TextFile.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace llmc::runtime {

namespace {

enum LongOption {
  OptText = 256,
  OptIds,
  OptAgainst,
  OptStride,
  OptTokens,
  OptNoMmap,
  OptMaxPpl,
  OptMaxKld,
  OptJson,
  OptDiagnostics
};

const char measuring[] = "Measurements", thresholds[] = "Thresholds", output[] = "Output";
const OptionInfo evalOptions[] = {
    {OptText, "text", "FILE", measuring, "the text, UTF-8; - reads standard input"},
    {OptIds, "ids", "FILE", measuring,
     "token ids in place of the text, separated by commas or white space, for\nmodels without a tokenizer"},
    {OptAgainst, "against", "FILE", measuring, "the model to compare with, which counts as the right one"},
    {'c', "window,ctx-size", "N", measuring, "tokens of a window (the model's context, at most 2048)"},
    {OptStride, "stride", "N", measuring, "from a window's start to the next one's (half a window)"},
    {OptTokens, "tokens", "N", measuring, "only the first N tokens of the text"},
    {'t', "threads", "N", measuring, "default: the cores this process may use"},
    {OptNoMmap, "no-mmap", nullptr, measuring, "read the weights into memory in place of mapping the file"},
    {OptMaxPpl, "max-ppl", "X", thresholds, "exit code 3 when the perplexity is above X"},
    {OptMaxKld, "max-kld", "X", thresholds, "exit code 3 when the mean KL divergence is above X"},
    {OptJson, "json", nullptr, output, "one JSON line"},
    {OptDiagnostics, "diagnostics", "text|json", output, "form of messages on standard error"},
    {'h', "help", nullptr, output, "this page"},
};

const CommandInfo command = {
    "eval",
    "Measures how well a compiled model predicts a text.",
    R"(  %1 smol.llmc --text book.txt                perplexity
  %1 small --text book.txt --against large    and how far it is from another model of the same vocabulary
  %1 small --text book.txt --against large --max-kld 0.01
                                                     exit code 3 when it is further
)",
    "%1 [OPTIONS] --text FILE MODEL",
    evalOptions,
    sizeof evalOptions / sizeof *evalOptions,
    "The convention is Hugging Face's for models of bounded length: a window every N tokens, each read from an empty\n"
    "cache, each scoring the tokens that none before it scored. Every token but the first counts once, among them "
    "what\n"
    "the tokenizer adds. The perplexity is exp of the mean of -log p. A divergence is that of MODEL's distribution "
    "from\n"
    "the other one's, in nats.\n"};

int usage(const std::string &message) {
  printError("", message.c_str(), "all options: llmc eval --help");
  return exitUsage;
}

bool number(const char *text, uint32_t least, uint32_t most, uint32_t &value) {
  uint64_t parsed;
  if (!parseWhole(text, least, most, parsed))
    return false;
  value = uint32_t(parsed);
  return true;
}

bool limit(const char *text, double &value) {
  char *end;
  value = strtod(text, &end);
  return *text && !*end && value >= 0 && isfinite(value);
}

/// What the command line asks for.
struct Arguments {
  EvalOptions options;
  const char *path = nullptr, *text = nullptr, *ids = nullptr, *against = nullptr;
  uint32_t tokens = UINT32_MAX;
  bool copyWeights = false; ///< Into memory, in place of mapping the file.
  double maxPerplexity = INFINITY, maxDivergence = INFINITY;
  bool json = false;
};

class Models {
public:
  ~Models() {
    llmc_model_close(model);
    llmc_model_close(other);
  }
  llmc_model *model = nullptr, *other = nullptr;
};

bool openModel(const char *path, bool copyWeights, llmc_model *&model) {
  llmc_model_options options = {sizeof options, copyWeights};
  llmc_error error;
  noticeCutShort(path);
  if (!llmc_model_open_with(path, &options, &model, &error))
    return true;
  printError(path, error);
  return false;
}

bool tokenize(const char *path, const llmc_model *model, const std::string &text, std::vector<int32_t> &tokens) {
  llmc_error error;
  size_t count = 0;
  for (tokens.resize(text.size() / 2 + 16);; tokens.resize(count)) {
    if (llmc_tokenize(model, text.data(), text.size(), 1, 0, tokens.data(), tokens.size(), &count, &error)) {
      if (error.status == LLMC_NOT_FOUND)
        snprintf(error.note, sizeof error.note, "give token ids: --ids FILE");
      printError(path, error);
      return false;
    }
    if (count <= tokens.size())
      break;
  }
  tokens.resize(count);
  return true;
}

/// Numbers between commas and white space.
bool parseIds(const char *name, const std::string &text, std::vector<int32_t> &tokens) {
  const char *space = ", \t\r\n[]";
  for (size_t at = text.find_first_not_of(space); at != std::string::npos; at = text.find_first_not_of(space, at)) {
    size_t end = text.find_first_of(space, at);
    std::string word = text.substr(at, end == std::string::npos ? end : end - at);
    uint32_t value;
    if (!number(word.c_str(), 0, INT32_MAX, value)) {
      printError(name, ("'" + word.substr(0, 40) + "' is no token id").c_str(), "");
      return false;
    }
    tokens.push_back(int32_t(value));
    at += word.size();
  }
  return true;
}

/// The tokens of the text, which both models must read alike.
bool findTokens(const Arguments &arguments, const Models &models, std::vector<int32_t> &tokens) {
  const char *file = arguments.text ? arguments.text : arguments.ids;
  std::string text;
  if (!readTextFile(file, text))
    return false;
  if (!strcmp(file, "-"))
    file = "standard input";
  if (text.empty()) {
    printError(file, "is empty", "");
    return false;
  }
  if (arguments.ids)
    return parseIds(file, text, tokens);
  if (!tokenize(arguments.path, models.model, text, tokens))
    return false;
  llmc_model_info info = {};
  info.struct_size = sizeof info;
  if (models.other && !llmc_model_get_info(models.other, &info) && info.has_tokenizer) {
    std::vector<int32_t> others;
    if (!tokenize(arguments.against, models.other, text, others))
      return false;
    if (others != tokens) {
      size_t at = 0;
      while (at < tokens.size() && at < others.size() && tokens[at] == others[at])
        ++at;
      printError(arguments.against,
                 ("its tokenizer reads the text in another way than that of " + std::string(arguments.path) +
                  ", from token " + std::to_string(at) + " on")
                     .c_str(),
                 "divergences compare models with one tokenizer");
      return false;
    }
  }
  return true;
}

void printTable(const Arguments &arguments, const EvalResult &result) {
  printf("tokens         %llu, %llu scored; windows of %u every %u\n", (unsigned long long)result.tokens,
         (unsigned long long)result.scored, result.window, result.stride);
  printf("perplexity     %.4f   mean -log p %.5f +- %.5f\n", result.perplexity, result.meanLoss, result.lossError);
  if (!result.compared)
    return;
  printf("against        %s, perplexity %.4f   mean -log p %.5f\n", arguments.against, result.otherPerplexity,
         result.otherMeanLoss);
  printf("KL divergence  mean %.3g, 99 %% below %.3g, most %.3g before token %llu\n", result.meanDivergence,
         result.divergence99, result.mostDivergence, (unsigned long long)result.mostDivergent);
  printf("likeliest      the same before %.3f %% of the tokens\n", 100 * result.sameTop);
}

void printJson(const EvalResult &result) {
  printf("{\"type\":\"eval\",\"tokens\":%llu,\"scored\":%llu,\"window\":%u,\"stride\":%u,\"perplexity\":%.17g,"
         "\"mean_loss\":%.17g,\"mean_loss_error\":%.17g",
         (unsigned long long)result.tokens, (unsigned long long)result.scored, result.window, result.stride,
         result.perplexity, result.meanLoss, result.lossError);
  if (result.compared)
    printf(
        ",\"other_perplexity\":%.17g,\"other_mean_loss\":%.17g,\"kld_mean\":%.17g,\"kld_99\":%.17g,\"kld_max\":%.17g,"
        "\"kld_max_token\":%llu,\"same_top\":%.17g",
        result.otherPerplexity, result.otherMeanLoss, result.meanDivergence, result.divergence99, result.mostDivergence,
        (unsigned long long)result.mostDivergent, result.sameTop);
  printf("}\n");
}

/// Tells which threshold does not hold. A perplexity that is no number holds none.
int checkThresholds(const Arguments &arguments, const EvalResult &result) {
  char text[160];
  int code = exitDone;
  if (!(result.perplexity <= arguments.maxPerplexity)) {
    snprintf(text, sizeof text, "perplexity %.6g, at most %.6g was asked for (--max-ppl)", result.perplexity,
             arguments.maxPerplexity);
    printError(arguments.path, text, "");
    code = exitBelowThreshold;
  }
  if (result.compared && !(result.meanDivergence <= arguments.maxDivergence)) {
    snprintf(text, sizeof text, "mean KL divergence %.6g, at most %.6g was asked for (--max-kld)",
             result.meanDivergence, arguments.maxDivergence);
    printError(arguments.path, text, "");
    code = exitBelowThreshold;
  }
  return code;
}

int measure(const Arguments &arguments) {
  Models models;
  if (!openModel(arguments.path, arguments.copyWeights, models.model) ||
      (arguments.against && !openModel(arguments.against, arguments.copyWeights, models.other)))
    return exitFailed;
  std::vector<int32_t> tokens;
  if (!findTokens(arguments, models, tokens))
    return exitFailed;
  if (tokens.size() > arguments.tokens)
    tokens.resize(arguments.tokens);
  noticeInterrupts();
  bool shows = isatty(STDERR_FILENO);
  EvalProgress progress = [&](uint64_t done, uint64_t all, double perplexity) {
    if (shows)
      fprintf(stderr, "\r\033[K[%llu/%llu] perplexity %.4f", (unsigned long long)done, (unsigned long long)all,
              perplexity);
    return interruption() == 0;
  };
  EvalResult result;
  llmc_error error;
  llmc_status status = evaluate(models.model, models.other, tokens, arguments.options, progress, result, error);
  if (shows)
    fputs("\r\033[K", stderr);
  if (interruption())
    return 128 + interruption();
  if (status) {
    printError(arguments.path, error);
    return exitFailed;
  }
  arguments.json ? printJson(result) : printTable(arguments, result);
  if (!flushOutput())
    return exitFailed;
  return checkThresholds(arguments, result);
}

/// -1, or the exit code.
int readArguments(const RunnerProgram &program, int argc, char **argv, Arguments &arguments) {
  chooseMessageForm(argc, argv);
  opterr = 0;
  optind = 0;
  GetoptTable table(command);
  for (int option, index = 0;
       (option = getopt_long(argc, argv, table.letters.c_str(), table.options.data(), &index)) != -1;) {
    uint32_t least = 1, most = INT32_MAX;
    bool good = true, isLimit = false;
    std::string name = option == 't' ? "threads" : option == 'c' ? "window" : "";
    switch (option) {
    case OptText:
      arguments.text = optarg;
      break;
    case OptIds:
      arguments.ids = optarg;
      break;
    case OptAgainst:
      arguments.against = optarg;
      break;
    case 'c':
      good = number(optarg, least = 2, most, arguments.options.window);
      break;
    case OptStride:
      good = number(optarg, least, most, arguments.options.stride);
      break;
    case OptTokens:
      good = number(optarg, least = 2, most, arguments.tokens);
      break;
    case 't':
      good = number(optarg, least, most = 256, arguments.options.threads);
      break;
    case OptNoMmap:
      arguments.copyWeights = true;
      break;
    case OptMaxPpl:
      good = limit(optarg, arguments.maxPerplexity);
      isLimit = true;
      break;
    case OptMaxKld:
      good = limit(optarg, arguments.maxDivergence);
      isLimit = true;
      break;
    case OptJson:
      arguments.json = true;
      break;
    case OptDiagnostics:
      if (strcmp(optarg, "text") && strcmp(optarg, "json"))
        return usage(std::string("--diagnostics: '") + optarg + "' is neither text nor json");
      break;
    case 'h':
      printCommandHelp(command, program.name);
      return flushOutput() ? exitDone : exitFailed;
    case ':':
      return usage(std::string("option '") + argv[optind - 1] + "' needs a value");
    default:
      return usage(std::string("unknown option '") + argv[optind - 1] + "'");
    }
    if (name.empty())
      name = table.options[size_t(index)].name;
    if (!good && isLimit)
      return usage("--" + name + ": '" + optarg + "' is no number from 0 up");
    if (!good)
      return usage("--" + name + ": '" + optarg + "' is not a number from " + std::to_string(least) + " to " +
                   std::to_string(most));
  }
  if (optind < argc)
    arguments.path = argv[optind++];
  if (!arguments.path)
    return usage("no model file given");
  if (optind < argc)
    return usage(std::string("surplus argument '") + argv[optind] + "'");
  if (!arguments.text == !arguments.ids)
    return usage(arguments.text ? "--text and --ids exclude each other" : "no text given (expected --text T)");
  if (isfinite(arguments.maxDivergence) && !arguments.against)
    return usage("--max-kld needs a model to compare with (--against FILE2)");
  return -1;
}

} // namespace

const CommandInfo &evalCommandInfo() { return command; }

int evalMain(const RunnerProgram &program, int argc, char **argv) {
  Arguments arguments;
  int code = readArguments(program, argc, argv, arguments);
  return code < 0 ? measure(arguments) : code;
}

} // namespace llmc::runtime
