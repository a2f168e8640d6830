// ObserveMain.cpp - the command line of `observe`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Observe.h"

#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Output.h"
#include "tools/driver/ModelLookup.h"

#include <getopt.h>

namespace llmc::driver {

namespace {

int usage(const std::string &message) {
  Messages(MessageStyle::forTerminal()).error("", message, "all options: llmc observe --help");
  return exitUsage;
}

enum LongOption { OptText = 256, OptIds, OptTokens, OptDiagnostics };

const char observing[] = "Observation", output[] = "Output";
const runtime::OptionInfo observeOptions[] = {
    {OptText, "text", "FILE", observing, "the text, UTF-8; - reads standard input"},
    {OptIds, "ids", "FILE", observing,
     "token ids in place of the text, separated by commas or white space, for\nmodels without a tokenizer"},
    {OptTokens, "tokens", "N", observing, "at most the first N tokens of the text (16384)"},
    {'c', "window,ctx-size", "N", observing,
     "tokens that are read from an empty cache (the model's context, at most 2048)"},
    {'o', "output", "FILE", output, "the statistics file (./<model-name>.stats)"},
    {OptDiagnostics, "diagnostics", "text|json", output, "form of messages on standard error"},
    {'h', "help", nullptr, output, "this page"},
};

const runtime::CommandInfo command = {"observe",
                                      "Runs a model on a text, and writes what its matrices are multiplied with.",
                                      R"(  %1 ./my-model --text book.txt -o my.stats
  llmc compile ./my-model --weights q4:64 --statistics my.stats -o mine
                                                 rounds the weights so that these products change least
)",
                                      "%1 [OPTIONS] --text FILE MODEL",
                                      observeOptions,
                                      sizeof observeOptions / sizeof *observeOptions,
                                      "The model is compiled as it is stored and computes in f32. For each matrix the "
                                      "file holds the mean of x^T x over the\n"
                                      "rows x that it is multiplied with: 2 K^2 bytes for rows of K. The text is cut "
                                      "into windows; an eighth of them, the\n"
                                      "last ones, at most eight, is not observed but kept for compile --max-kld.\n"};

/// -1, or the exit code.
int readArguments(int argc, char **argv, ObserveOptions &options) {
  opterr = 0;
  optind = 0;
  runtime::GetoptTable table(command);
  auto number = [](uint32_t least, uint32_t &value) {
    return !llvm::StringRef(optarg).getAsInteger(10, value) && value >= least && value <= INT32_MAX;
  };
  for (int option; (option = getopt_long(argc, argv, table.letters.c_str(), table.options.data(), nullptr)) != -1;) {
    switch (option) {
    case OptText:
      options.text = optarg;
      break;
    case OptIds:
      options.ids = optarg;
      break;
    case OptTokens:
      if (!number(2, options.tokens))
        return usage(std::string("--tokens: '") + optarg + "' is no number from 2 up");
      break;
    case 'c':
      if (!number(2, options.window))
        return usage(std::string("--window: '") + optarg + "' is no number from 2 up");
      break;
    case 'o':
      options.output = optarg;
      break;
    case OptDiagnostics:
      if (llvm::StringRef form = optarg; form != "text" && form != "json")
        return usage("--diagnostics: '" + form.str() + "' is neither text nor json");
      break;
    case 'h':
      runtime::printCommandHelp(command, "llmc observe");
      return runtime::flushOutput() ? exitDone : exitInput;
    case ':':
      return usage(std::string("option '") + argv[optind - 1] + "' needs a value");
    default:
      return usage(std::string("unknown option '") + argv[optind - 1] + "'");
    }
  }
  if (optind >= argc)
    return usage("no model given");
  options.model = argv[optind++];
  if (optind < argc)
    return usage(std::string("surplus argument '") + argv[optind] + "'");
  if (options.text.empty() == options.ids.empty())
    return usage(options.ids.empty() ? "no text given (expected --text FILE)" : "--text and --ids exclude each other");
  if (options.output.empty())
    options.output = "./" + modelName(options.model) + ".stats";
  return -1;
}

} // namespace

const runtime::CommandInfo &observeCommandInfo() { return command; }

int observeMain(int argc, char **argv) {
  ObserveOptions options;
  int code = readArguments(argc, argv, options);
  if (code >= 0)
    return code;
  Messages messages(MessageStyle::forTerminal());
  return observe(options, messages);
}

} // namespace llmc::driver
