// CommandLine.cpp - commands and their options, as the page on the command line lays them out.
//
// The only file with exceptions: CLI11 reports mistakes by them. Nothing of it leaves this file.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/CommandLine.h"

#include "compiler/Targets/TargetBackend.h"
#include "runtime/src/runner/Bench.h"
#include "runtime/src/runner/Eval.h"
#include "runtime/src/runner/Inspect.h"
#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Options.h"
#include "runtime/src/runner/Output.h"
#include "runtime/src/runner/Runner.h"
#include "tools/driver/Check.h"
#include "tools/driver/Commands.h"
#include "tools/driver/Compile.h"
#include "tools/driver/InspectModel.h"
#include "tools/driver/Observe.h"
#include "tools/driver/Package.h"
#include "tools/driver/Plan.h"
#include "llvm/Support/FileSystem.h"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <cstring>

namespace llmc::driver {

namespace {

constexpr const char *compileExamples =
    R"(  llmc compile ./my-model -o writer                  one file: code, weights, tokenizer
  ./writer "Why is the sky blue?"                    runs it
  llmc compile ./model --weights bf16 --cpu native   for this machine alone
  llmc compile ./model --emit mlir --compile-to lower -o -    the IR at a stop
  llmc compile - -o model < lower.mlir               goes on from there
)";

constexpr const char *mainExamples =
    R"(  llmc compile ./my-model -o writer              a checkpoint directory becomes one executable
  ./writer "Why is the sky blue?"                runs it
  llmc compile ./model --emit llmc -o model.llmc
  llmc run model.llmc "Once upon a time"         runs a .llmc file
  llmc inspect writer                            what is inside
)";

constexpr const char *exitCodes = "Exit codes: 0 done, 1 input or I/O, 2 usage, 3 a requested threshold failed, 70 "
                                  "internal error, 130 interrupted.\n";

/// What CLI11 fills; turned into CompileOptions once it is known to be consistent.
struct CompileArguments {
  std::vector<std::string> dims;
  std::string model, output, emit, to, target, cpu, dtype = "f32", weights = "keep", kv = "f32", activations = "q8",
                                                    saveTemps, printAfter, failAt, reportFile, machine, statistics,
                                                    tune, schedule;
  std::string diagnostics = "text";
  int64_t maxContext = 0, maxStep = 512, maxSequences = 4;
  double maxDivergence = -1;
  bool report = false, verbose = false, printPipeline = false, allowRequantize = false, tensors = false;
};

int usageError(const char *command, const std::string &text) {
  Messages messages(MessageStyle::forTerminal());
  std::string message = text;
  // Not the names of arguments, as in "MODEL is required".
  if (message.size() > 1 && !std::isupper(static_cast<unsigned char>(message[1])))
    message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  messages.error("llmc", message, std::string("all options: llmc ") + command + (*command ? " --help" : "--help"));
  return exitUsage;
}

/// The names of the stops for messages.
std::vector<std::string> stopNames(Stop last) {
  std::vector<std::string> names;
  for (const StopInfo &info : allStops())
    if (info.stop <= last)
      names.push_back(info.name.str());
  return names;
}

std::string notEmpty(const std::string &name) { return name.empty() ? "the name is empty" : ""; }

void addCompileOptions(CLI::App &app, CompileArguments &arguments) {
  app.add_option(
         "MODEL", arguments.model,
         "checkpoint directory, .gguf or .onnx file, org/name[:PART] in the local Hugging Face cache, or - for IR on "
         "stdin")
      ->check(notEmpty)
      ->required();
  app.add_option("-o,--output", arguments.output,
                 "output file (default: ./<model-name>); - writes text forms to stdout")
      ->check(notEmpty);
  app.add_option("--emit", arguments.emit, "form of the output (default: exe)")
      ->check(CLI::IsMember({"exe", "llmc", "obj", "asm", "llvm", "mlir", "lib"}));
  app.add_option("--compile-to", arguments.to, "stop there")->check(CLI::IsMember(stopNames(Stop::Pack)));
  app.add_option("--target", arguments.target, "triple to compile for (default: x86_64-linux-gnu)");
  std::string processors = "{native,all";
  for (llvm::StringRef name : targetBackendNames())
    processors += "," + name.str();
  app.add_option("--cpu", arguments.cpu, "processor; all by default; aliases -march, -mcpu")
      ->check(CLI::Validator([](std::string &) { return std::string(); }, processors + "}")); // checked with the target
  app.add_option("--dtype", arguments.dtype,
                 "what products with float matrices are added in; f16 needs a processor with AVX512-FP16")
      ->check(CLI::IsMember({"f32", "f16"}))
      ->capture_default_str();
  app.add_option(
         "--weights", arguments.weights,
         "form to store matrices in: keep, f32, bf16, f16, or q8, q4, q8_min, q4_min with the values that share a "
         "scale: q4:64, q8:row")
      ->check(CLI::Validator(
          [](std::string &text) -> std::string {
            std::optional<WeightBlocks> blocks;
            return parseWeights(text, blocks)
                       ? ""
                       : "'" + text +
                             "' is no form of weights (expected keep, f32, bf16, f16, q8, q4, q8_min or "
                             "q4_min, the last four perhaps with a group: q4:64, q8:row)";
          },
          "{keep,f32,bf16,f16,q8,q4,q8_min,q4_min}"))
      ->capture_default_str();
  app.add_flag("--allow-requantize", arguments.allowRequantize,
               "let --weights round what is stored in few bits already");
  app.add_option("--statistics", arguments.statistics,
                 "file of llmc observe: --weights q8 or q4 then rounds so that the model's products change least")
      ->check(notEmpty);
  app.add_option(
         "--max-kld", arguments.maxDivergence,
         "with --weights q4 and --statistics: as many linears in 8 bits as it takes for a mean KL divergence of at "
         "most X nats")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--activations", arguments.activations,
                 "what quantised weights are multiplied with: rows quantised at run time, or f32")
      ->check(CLI::IsMember({"f32", "q8"}))
      ->capture_default_str();
  app.add_option("--kv", arguments.kv, "type of the key-value cache")
      ->check(CLI::IsMember({"f32", "f16", "bf16", "q8"}))
      ->capture_default_str();
  app.add_option("--max-context", arguments.maxContext, "positions of a sequence (default: the model's own)")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 24));
  app.add_option("--max-step", arguments.maxStep, "tokens of one step; longer prompts are cut")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 20))
      ->capture_default_str();
  app.add_option("--max-sequences", arguments.maxSequences, "sequences alive at once")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 16))
      ->capture_default_str();
  app.add_option("--tune", arguments.tune,
                 "measure on this machine how to work through the products, write that to FILE, and compile by it")
      ->check(notEmpty);
  app.add_option("--schedule", arguments.schedule, "file of --tune: work through products as it says")->check(notEmpty);
  app.add_option("--save-temps", arguments.saveTemps, "save every stop's text there (default: the current folder)");
  app.add_option("--dim", arguments.dims,
                 "bounds of a dimension that an ONNX graph leaves open: NAME=LO..HI, or NAME=N for one size");
  app.add_flag(
      "--tensors", arguments.tensors,
      "keep an ONNX graph's own inputs and outputs, even where a tokenizer beside it would make it a program of "
      "text");
  app.add_option("--print-ir-after", arguments.printAfter, "write that stop's text to stderr")
      ->check(CLI::IsMember(stopNames(Stop::Schedule)));
  app.add_flag("--print-pipeline", arguments.printPipeline,
               "write the passes from the model's stop to --compile-to to stdout, for llmc-opt, and do nothing else");
  app.add_flag("--report", arguments.report,
               "weights by format and the memory plan after the closing table; --report=FILE.json, --report=FILE.html: "
               "all of it in a file");
  app.add_option("--report-file", arguments.reportFile)->group(""); // what --report=FILE stands for
  app.add_option("--machine", arguments.machine,
                 "machine that the report predicts on, a file of llmc bench (default: by the variant)")
      ->check(notEmpty);
  app.add_option("--diagnostics", arguments.diagnostics, "form of messages")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--fail-at", arguments.failAt)->check(CLI::IsMember(stopNames(Stop::Codegen)))->group(""); // for tests
  app.add_flag("-v,--verbose", arguments.verbose, "more about what was done, and what was looked for in vain");
}

/// Compiler spellings that CLI11 has no words for: -march=X and -mcpu=X; --save-temps without a value.
std::vector<std::string> normalised(int argc, char **argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    for (const char *alias : {"-march", "-mcpu", "--march", "--mcpu"})
      if (argument == alias)
        argument = "--cpu";
      else if (argument.rfind(std::string(alias) + "=", 0) == 0)
        argument = "--cpu=" + argument.substr(std::strlen(alias) + 1);
    if (argument == "--save-temps")
      argument = "--save-temps=.";
    if (argument.rfind("--report=", 0) == 0) {
      if (!llvm::StringRef(argument).ends_with(".json") && !llvm::StringRef(argument).ends_with(".html"))
        throw CLI::ValidationError("--report: '" + argument.substr(9) + "' ends neither with .json nor with .html");
      argument = "--report-file=" + argument.substr(9);
    }
    arguments.push_back(argument);
  }
  return arguments;
}

Emit emitOf(const std::string &name) {
  const char *const names[] = {"exe", "llmc", "obj", "asm", "llvm", "mlir", "lib"};
  for (size_t i = 0; i < std::size(names); ++i)
    if (name == names[i])
      return static_cast<Emit>(i);
  return Emit::Exe;
}

/// Adds "NAME=LO..HI" or "NAME=N" to a list of them; the mistake, or nothing.
std::string addDim(const std::string &dim, std::string &list) {
  auto [name, size] = llvm::StringRef(dim).rsplit('=');
  llvm::StringRef low = size.split("..").first, high = size.split("..").second;
  uint64_t from = 0, to = 0;
  bool ranged = size.contains("..");
  if (name.empty() || name.find_first_of(",{} ") != llvm::StringRef::npos || low.getAsInteger(10, from) ||
      (ranged && high.getAsInteger(10, to)) || from > (1u << 30))
    return "--dim: '" + dim + "' is not NAME=LO..HI or NAME=N";
  to = ranged ? to : from;
  if (to < from || to == 0 || to > (1u << 30))
    return "--dim " + dim + ": no size lies between (expected LO at most HI, and HI from 1 to " +
           std::to_string(1u << 30) + ")";
  list += (list.empty() ? "" : ",") + name.str() + "=" + std::to_string(from) + ".." + std::to_string(to);
  return "";
}

/// Turns arguments into options; the text of the mistake when they exclude each other.
std::string interpret(const CompileArguments &arguments, CompileOptions &options) {
  options.model = arguments.model;
  options.output = arguments.output;
  options.emit = emitOf(arguments.emit);
  options.to = arguments.to.empty() ? Stop::Pack : *stopFromName(arguments.to);
  // Code alone, where nothing else is asked for.
  if (arguments.emit.empty() && options.to == Stop::Codegen)
    options.emit = Emit::Obj;
  bool codeForm = options.emit == Emit::Obj || options.emit == Emit::Asm || options.emit == Emit::LLVM;
  if ((options.emit == Emit::MLIR || arguments.printPipeline) && options.to > Stop::Schedule && arguments.to.empty())
    options.to = Stop::Schedule;
  if (arguments.emit.empty() && options.to <= Stop::Schedule)
    options.emit = Emit::MLIR;
  if (codeForm && arguments.to.empty())
    options.to = Stop::Codegen;
  if (options.to == Stop::Codegen &&
      (options.emit == Emit::Exe || options.emit == Emit::Llmc || options.emit == Emit::Lib))
    return "--emit " + arguments.emit + ": the stop 'codegen' has no such form (expected obj, asm or llvm)";
  if (options.emit == Emit::MLIR && options.to > Stop::Schedule)
    return "--emit mlir: the stop '" + arguments.to + "' has no text form (expected parse to schedule)";
  if (options.emit != Emit::MLIR && options.to <= Stop::Schedule)
    return "--emit " + arguments.emit + ": the stop '" + arguments.to + "' has no such form (expected mlir)";
  bool text = options.to <= Stop::Schedule || options.emit == Emit::Asm || options.emit == Emit::LLVM;
  if (options.output == "-" && !text)
    return "--output: '-' takes text forms only (expected a file name, or --emit mlir, llvm or asm)";
  options.pipeline.import.maxContext = arguments.maxContext;
  options.pipeline.import.maxStep = arguments.maxStep;
  options.pipeline.import.maxSequences = arguments.maxSequences;
  options.pipeline.import.kv = arguments.kv;
  options.pipeline.quantize.weights = arguments.weights;
  options.pipeline.quantize.allowRequantize = arguments.allowRequantize;
  bool addsHalves = arguments.dtype == "f16";
  if (addsHalves) {
    if (arguments.weights == "f32" || arguments.weights == "bf16")
      return "--dtype f16 multiplies matrices of f16 (expected --weights keep, f16, q8 or q4, found " +
             arguments.weights + ")";
    options.pipeline.quantize.floats = options.pipeline.lower.sums = "f16";
  }
  options.statistics = arguments.statistics;
  if (!options.statistics.empty()) {
    std::optional<WeightBlocks> blocks;
    if (parseWeights(arguments.weights, blocks); !blocks)
      return "--statistics: --weights " + arguments.weights +
             " rounds nothing by them (expected q8, q4, q8_min or q4_min)";
    if (arguments.model == "-")
      return "--statistics: the text on standard input names its own";
  }
  options.maxDivergence = arguments.maxDivergence;
  if (options.maxDivergence >= 0) {
    std::optional<WeightBlocks> blocks;
    if (options.statistics.empty())
      return "--max-kld needs the statistics of the model (--statistics FILE)";
    if (parseWeights(arguments.weights, blocks); !llvm::StringRef(blocks->format).starts_with("q4"))
      return "--max-kld: --weights " + arguments.weights + " leaves nothing to choose (expected q4 or q4_min)";
    if (options.to != Stop::Pack || arguments.printPipeline)
      return "--max-kld measures whole models (expected --emit exe, llmc or lib)";
  }
  options.tuneFile = arguments.tune;
  options.pipeline.schedule.file = arguments.schedule;
  if (!options.tuneFile.empty()) {
    if (!arguments.schedule.empty())
      return "--tune and --schedule: one writes what the other reads (expected one of them)";
    if (options.to != Stop::Pack || options.emit > Emit::Llmc || arguments.printPipeline)
      return "--tune measures whole models (expected --emit exe or llmc)";
    if (arguments.model == "-")
      return "--tune compiles the model several times (expected a file or folder, not -)";
  }
  options.pipeline.graph.isText = !arguments.tensors;
  for (const std::string &dim : arguments.dims)
    if (std::string mistake = addDim(dim, options.pipeline.graph.dims); !mistake.empty())
      return mistake;
  options.pipeline.lower.activations = arguments.activations;
  if (!arguments.saveTemps.empty())
    options.tempsFolder = arguments.saveTemps;
  if (!arguments.printAfter.empty())
    options.printAfter = stopFromName(arguments.printAfter);
  if (!arguments.failAt.empty())
    options.failAt = stopFromName(arguments.failAt);
  options.printPipeline = arguments.printPipeline;
  options.report = arguments.report;
  options.reportFile = arguments.reportFile;
  if (!options.reportFile.empty() && (options.to != Stop::Pack || options.emit > Emit::Llmc))
    return "--report: a file tells of whole artifacts (expected --emit exe or llmc)";
  options.machineFile = arguments.machine;
  if (!options.machineFile.empty() && options.reportFile.empty())
    return "--machine: nothing is predicted without a report (expected --report=FILE.html or .json, too)";
  options.verbose = arguments.verbose;
  Result<std::vector<std::string>> variants =
      chooseVariants(arguments.target, arguments.cpu,
                     /*entersByRuntime=*/options.emit != Emit::Lib && options.emit != Emit::Obj, addsHalves);
  if (!variants)
    return variants.error().message;
  options.variants = *variants;
  // One piece of code: the one that runs on most machines.
  if ((codeForm || options.emit == Emit::Lib) && options.variants.size() > 1)
    options.variants.erase(options.variants.begin(), options.variants.end() - 1);
  return "";
}

/// A word as a shell reads it.
std::string shellWord(const std::string &word) {
  if (!word.empty() &&
      word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,+%@") ==
          std::string::npos)
    return word;
  std::string quoted = "'";
  for (char c : word)
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

/// The options that were given, as they are written on a command line; arguments are left out.
std::string wordsOf(const CLI::App &app) {
  std::string words;
  auto add = [&](const std::string &word) { words += (words.empty() ? "" : " ") + word; };
  for (const CLI::Option *option : app.get_options()) {
    if (option->get_positional() || !option->count())
      continue;
    // Not get_name(): it is empty for what help does not show.
    std::string name = option->get_lnames().empty() ? "-" + option->get_snames()[0] : "--" + option->get_lnames()[0];
    if (!option->get_expected_max()) {
      add(name);
      continue;
    }
    for (const std::string &value : option->results())
      add(name + (name == "--save-temps" ? "=" : " ") + shellWord(value));
  }
  return words;
}

constexpr const char *compileSummary = "Compiles a trained transformer into native code.";

int runCompile(int argc, char **argv) {
  CLI::App app{compileSummary, "llmc compile"};
  CompileArguments arguments;
  addCompileOptions(app, arguments);
  app.footer(exitCodes);
  try {
    std::vector<std::string> words = normalised(argc, argv);
    std::reverse(words.begin(), words.end()); // CLI11 takes them from the back
    app.parse(words);
  } catch (const CLI::CallForHelp &) {
    std::string help = std::string("Examples:\n") + compileExamples + "\n" + app.help();
    std::fwrite(help.data(), 1, help.size(), stdout);
    return runtime::flushOutput() ? exitDone : exitInput;
  } catch (const CLI::ParseError &mistake) {
    return usageError("compile", mistake.what());
  }
  Messages messages(MessageStyle::forTerminal());
  CompileOptions options;
  std::string mistake = interpret(arguments, options);
  if (!mistake.empty())
    return usageError("compile", mistake);
  options.words = wordsOf(app);
  return compile(options, messages);
}

/// A command whose options CLI11 knows.
Command describe(const CLI::App &app, const char *examples) {
  Command command;
  command.name = app.get_name().substr(app.get_name().find(' ') + 1);
  command.summary = app.get_description();
  command.usage = app.get_name() + " [OPTIONS]";
  command.examples = examples;
  for (const CLI::Option *option : app.get_options()) {
    if (option->get_positional()) {
      command.usage += " " + option->get_name(true);
      continue;
    }
    if (option->get_group().empty())
      continue;
    CommandOption described;
    for (const std::string &name : option->get_snames())
      described.names.push_back("-" + name);
    for (const std::string &name : option->get_lnames())
      described.names.push_back("--" + name);
    described.help = option->get_description();
    if (option->get_expected_max()) {
      std::string type = option->get_type_name(); // "TEXT:{f32,bf16}", "INT:INT in [1 - 4]"
      size_t open = type.find('{'), close = type.find('}');
      for (size_t at = open; open != std::string::npos && at < close;) {
        size_t end = std::min(type.find(',', at + 1), close);
        described.choices.push_back(type.substr(at + 1, end - at - 1));
        at = end;
      }
      described.isPath = described.names.back() == "--output" || described.names.back() == "--save-temps" ||
                         described.names.back() == "--statistics" || described.names.back() == "--machine" ||
                         described.names.back() == "--tune" || described.names.back() == "--schedule";
      described.argument = described.isPath                   ? "FILE"
                           : type.compare(0, 3, "INT") == 0   ? "N"
                           : type.compare(0, 5, "FLOAT") == 0 ? "X"
                                                              : "NAME";
      std::string choices = CLI::detail::join(described.choices, "|");
      if (!choices.empty() && choices.size() <= 40)
        described.argument = choices;
      if (!option->get_default_str().empty())
        described.help += " (default: " + option->get_default_str() + ")";
    }
    command.options.push_back(std::move(described));
  }
  return command;
}

const CommandOption diagnosticsOption = {{"--diagnostics"}, "text|json", "form of messages", {"text", "json"}, false};
const CommandOption helpOption = {{"-h", "--help"}, "", "this page", {}, false};

/// Commands of one file.
const Command inspectCommand = {"inspect",
                                "llmc inspect FILE",
                                "Tells what a compiled model or a checkpoint holds.",
                                "  llmc inspect writer\n  llmc inspect ./my-model\n",
                                "",
                                {diagnosticsOption, helpOption},
                                {}};
const Command verifyCommand = {"verify",
                               "llmc verify FILE",
                               "Checks structure and hashes of a compiled model.",
                               "  llmc verify writer\n",
                               "Exit code 3 when it is damaged.\n",
                               {diagnosticsOption, helpOption},
                               {}};
const Command completionCommand = {"completion",
                                   "llmc completion bash|zsh|fish",
                                   "Writes a script that completes command lines of llmc.",
                                   "  source <(llmc completion bash)          in ~/.bashrc\n"
                                   "  llmc completion fish > ~/.config/fish/completions/llmc.fish\n",
                                   "",
                                   {helpOption},
                                   {"bash", "zsh", "fish"}};
const Command manualCommand = {"manual",
                               "llmc manual DIR",
                               "Writes the manual pages into a folder.",
                               "  llmc manual build/man && man build/man/llmc-compile.1\n",
                               "",
                               {helpOption},
                               {}};

int printHelp(const Command &command) {
  std::string help = "Examples:\n" + command.examples + "\nUsage: " + command.usage + "\n\n" + command.summary + "\n" +
                     command.closing;
  std::fputs(help.c_str(), stdout);
  return runtime::flushOutput() ? exitDone : exitInput;
}

/// Commands of one file or word: `run` gets it.
template <typename Run> int runOnWord(const Command &command, const char *what, int argc, char **argv, Run run) {
  const char *name = command.name.c_str(), *word = nullptr;
  for (int i = 1; i < argc; ++i)
    if (!std::strcmp(argv[i], "--help") || !std::strcmp(argv[i], "-h"))
      return printHelp(command);
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i], form;
    if (argument == "--diagnostics" && i + 1 < argc)
      form = argv[++i];
    else if (argument.rfind("--diagnostics=", 0) == 0)
      form = argument.substr(14);
    if (!form.empty() && form != "text" && form != "json")
      return usageError(name, "--diagnostics: '" + form + "' is neither text nor json");
    if (!form.empty())
      continue;
    if (word)
      return usageError(name, "surplus argument '" + argument + "'");
    if (argument.empty())
      return usageError(name, std::string("the ") + what + "'s name is empty");
    if (argument[0] == '-')
      return usageError(name, "unknown option '" + argument + "'");
    word = argv[i];
  }
  return word ? run(word) : usageError(name, std::string("no ") + what + " given");
}

std::vector<Command> allCommands() {
  CLI::App compile{compileSummary, "llmc compile"};
  CompileArguments arguments;
  addCompileOptions(compile, arguments);
  std::vector<Command> commands = {describe(compile, compileExamples),
                                   commandOf(runtime::runCommandInfo()),
                                   commandOf(runtime::benchCommandInfo()),
                                   commandOf(runtime::evalCommandInfo()),
                                   commandOf(observeCommandInfo()),
                                   commandOf(checkCommandInfo()),
                                   commandOf(planCommandInfo()),
                                   inspectCommand,
                                   verifyCommand,
                                   completionCommand,
                                   manualCommand};
  Command help = {
      "help", "llmc help COMMAND", "Tells what the options of a command are.", "  llmc help compile\n", "", {}, {}};
  for (const Command &command : commands)
    help.words.push_back(command.name);
  commands.push_back(std::move(help));
  return commands;
}

Command mainCommand() {
  return {"",
          "llmc COMMAND [OPTIONS]",
          "Compiles trained transformers into native code, and runs them.",
          mainExamples,
          "llmc COMMAND --help has the options of a command.\n",
          {helpOption, {{"--version"}, "", "the version", {}, false}},
          {}};
}

int printMainHelp() {
  Command command = mainCommand();
  std::string help = "Examples:\n" + command.examples + "\nUsage: " + command.usage + "\n\nCommands:\n";
  for (const Command &each : allCommands())
    help += "  " + each.name + std::string(12 - each.name.size(), ' ') + each.summary + "\n";
  help += "\n  llmc COMMAND --help   options of a command\n  llmc --version\n\n" + std::string(exitCodes);
  std::fputs(help.c_str(), stdout);
  return runtime::flushOutput() ? exitDone : exitInput;
}

int printCompletion(const char *shell) {
  std::string script = completionScript(shell, allCommands());
  if (script.empty())
    return usageError("completion", std::string("unknown shell '") + shell + "' (expected bash, zsh or fish)");
  std::fputs(script.c_str(), stdout);
  return runtime::flushOutput() ? exitDone : exitInput;
}

int writeManual(const char *folder) {
  Messages messages(MessageStyle::forTerminal());
  if (std::error_code reason = llvm::sys::fs::create_directories(folder)) {
    messages.error(folder, "cannot be made: " + reasonOf(reason));
    return exitInput;
  }
  std::vector<Command> all = allCommands(), pages = all;
  pages.push_back(mainCommand());
  for (const Command &command : pages)
    if (!writeWhole(std::string(folder) + "/llmc" + (command.name.empty() ? "" : "-" + command.name) + ".1",
                    manualPage(command, all, LLMC_VERSION), messages))
      return exitInput;
  return exitDone;
}

} // namespace

int runCommandLine(int argc, char **argv) {
  runtime::reserveStandardDescriptors();
  // A reader that goes away ends the writer quietly: writes then fail with EPIPE.
  std::signal(SIGPIPE, SIG_IGN);
  runtime::chooseMessageForm(argc, argv);
  std::string command = argc > 1 ? argv[1] : "";
  // `llmc help COMMAND` is `llmc COMMAND --help`.
  char help[] = "--help";
  char *asked[] = {argv[0], argc > 2 ? argv[2] : nullptr, help, nullptr};
  if (command == "help" && argc > 2) {
    command = argv[2];
    argc = 3;
    argv = asked;
  }
  if (command == "compile")
    return runCompile(argc - 1, argv + 1);
  if (command == "run")
    return runtime::runMain({"llmc run", nullptr, nullptr}, argc - 1, argv + 1);
  if (command == "bench")
    return runtime::benchMain({"llmc bench", nullptr, nullptr}, argc - 1, argv + 1);
  if (command == "check")
    return checkMain(argc - 1, argv + 1);
  if (command == "plan")
    return planMain(argc - 1, argv + 1);
  if (command == "observe")
    return observeMain(argc - 1, argv + 1);
  if (command == "eval")
    return runtime::evalMain({"llmc eval", nullptr, nullptr}, argc - 1, argv + 1);
  if (command == "inspect")
    return runOnWord(inspectCommand, "file", argc - 1, argv + 1, inspectModel);
  if (command == "verify")
    return runOnWord(verifyCommand, "file", argc - 1, argv + 1, runtime::verifyArtifactFile);
  if (command == "completion")
    return runOnWord(completionCommand, "shell", argc - 1, argv + 1, printCompletion);
  if (command == "manual")
    return runOnWord(manualCommand, "folder", argc - 1, argv + 1, writeManual);
  if (command == "--version") {
    std::puts("llmc " LLMC_VERSION);
    return runtime::flushOutput() ? exitDone : exitInput;
  }
  if (command == "--help" || command == "-h" || command == "help")
    return printMainHelp();
  return usageError("", command.empty() ? "no command given" : "unknown command '" + command + "'");
}

} // namespace llmc::driver
