// CommandLine.cpp - commands and their options, as the page on the command line lays them out.
//
// The only file with exceptions: CLI11 reports mistakes by them. Nothing of it leaves this file.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/CommandLine.h"

#include "runtime/src/runner/Bench.h"
#include "runtime/src/runner/Inspect.h"
#include "runtime/src/runner/Output.h"
#include "runtime/src/runner/Runner.h"
#include "tools/driver/Compile.h"
#include "tools/driver/InspectModel.h"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <cstring>

namespace llmc::driver {

namespace {

constexpr const char *compileExamples = R"(Examples:
  llmc compile ./my-model -o assistant            one file: code, weights, tokenizer
  ./assistant "Why is the sky blue?"                 runs it
  llmc compile ./model --weights bf16 --cpu native   for this machine alone
  llmc compile ./model --emit mlir --compile-to lower -o -    the IR at a stop
  llmc compile - -o model < lower.mlir               goes on from there
)";

constexpr const char *mainHelp = R"(Examples:
  llmc compile ./my-model -o assistant        a checkpoint directory becomes one executable
  ./assistant "Why is the sky blue?"             runs it
  llmc compile ./model --emit llmc -o model.llmc
  llmc run model.llmc "Once upon a time"         runs a .llmc file
  llmc inspect assistant                         what is inside

Usage: llmc COMMAND [OPTIONS]

Commands:
  compile MODEL   a checkpoint directory, or org/name in the local Hugging Face cache, to an executable
  run FILE        runs a compiled model
  bench FILE      measures a compiled model
  inspect FILE    what a compiled model or a checkpoint directory holds
  verify FILE     checks structure and hashes of a compiled model

  llmc COMMAND --help   options of a command
  llmc --version

Exit codes: 0 done, 1 input or I/O, 2 usage, 3 a requested threshold failed, 70 internal error, 130 interrupted.
)";

/// What CLI11 fills; turned into CompileOptions once it is known to be consistent.
struct CompileArguments {
  std::string model, output, emit, to, target, cpu, dtype = "f32", weights = "keep", kv = "f32", saveTemps, printAfter,
                                                    failAt;
  std::string diagnostics = "text";
  int64_t maxContext = 0, maxStep = 512, maxSequences = 4;
  bool report = false, verbose = false, printPipeline = false;
};

int usageError(const Messages &, const char *command, const std::string &text) {
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
  app.add_option("MODEL", arguments.model,
                 "checkpoint directory, org/name in the local Hugging Face cache, or - for IR on stdin")
      ->check(notEmpty)
      ->required();
  app.add_option("-o,--output", arguments.output,
                 "output file (default: ./<model-name>); - writes text forms to stdout")
      ->check(notEmpty);
  app.add_option("--emit", arguments.emit, "form of the output (default: exe)")
      ->check([](const std::string &name) -> std::string {
        if (name == "lib")
          return "libraries cannot be made yet (expected exe, llmc, obj, asm, llvm or mlir)";
        return CLI::IsMember({"exe", "llmc", "obj", "asm", "llvm", "mlir"})(name);
      });
  app.add_option("--compile-to", arguments.to, "stop there")->check(CLI::IsMember(stopNames(Stop::Pack)));
  app.add_option("--target", arguments.target, "triple to compile for (default: x86_64-linux-gnu)");
  app.add_option("--cpu", arguments.cpu,
                 "processor: x86-64-v3, x86-64-v4, native, or all (default); aliases -march, -mcpu");
  app.add_option("--dtype", arguments.dtype, "type to compute in")
      ->check(CLI::IsMember({"f32"}))
      ->capture_default_str();
  app.add_option("--weights", arguments.weights, "type to store matrices in")
      ->check(CLI::IsMember({"keep", "f32", "bf16", "f16"}))
      ->capture_default_str();
  app.add_option("--kv", arguments.kv, "type of the key-value cache")
      ->check(CLI::IsMember({"f32"}))
      ->capture_default_str();
  app.add_option("--max-context", arguments.maxContext, "positions of a sequence (default: the model's own)")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 24));
  app.add_option("--max-step", arguments.maxStep, "tokens of one step; longer prompts are cut")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 20))
      ->capture_default_str();
  app.add_option("--max-sequences", arguments.maxSequences, "sequences alive at once")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 16))
      ->capture_default_str();
  app.add_option("--save-temps", arguments.saveTemps, "save every stop's text there (default: the current folder)");
  app.add_option("--print-ir-after", arguments.printAfter, "write that stop's text to stderr")
      ->check(CLI::IsMember(stopNames(Stop::Schedule)));
  app.add_flag("--print-pipeline", arguments.printPipeline,
               "write the passes from the model's stop to --compile-to to stdout, for llmc-opt, and do nothing else");
  app.add_flag("--report", arguments.report, "weights by format and the memory plan after the closing table");
  app.add_option("--diagnostics", arguments.diagnostics, "form of messages")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--fail-at", arguments.failAt)->check(CLI::IsMember(stopNames(Stop::Codegen)))->group(""); // for tests
  app.add_flag("-v,--verbose", arguments.verbose, "more about what was done");
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
    if (argument.rfind("--report=", 0) == 0)
      throw CLI::ValidationError("--report: there is no report in a file yet (without a value it goes to stderr)");
    arguments.push_back(argument);
  }
  return arguments;
}

Emit emitOf(const std::string &name) {
  const char *const names[] = {"exe", "llmc", "obj", "asm", "llvm", "mlir"};
  for (size_t i = 0; i < std::size(names); ++i)
    if (name == names[i])
      return static_cast<Emit>(i);
  return Emit::Exe;
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
  if (options.to == Stop::Codegen && (options.emit == Emit::Exe || options.emit == Emit::Llmc))
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
  if (!arguments.saveTemps.empty())
    options.tempsFolder = arguments.saveTemps;
  if (!arguments.printAfter.empty())
    options.printAfter = stopFromName(arguments.printAfter);
  if (!arguments.failAt.empty())
    options.failAt = stopFromName(arguments.failAt);
  options.printPipeline = arguments.printPipeline;
  options.report = arguments.report;
  options.verbose = arguments.verbose;
  Result<std::vector<std::string>> variants = chooseVariants(arguments.target, arguments.cpu);
  if (!variants)
    return variants.error().message;
  options.variants = *variants;
  // One piece of code: the one that runs on most machines.
  if (codeForm && options.variants.size() > 1)
    options.variants.erase(options.variants.begin(), options.variants.end() - 1);
  return "";
}

int runCompile(int argc, char **argv) {
  CLI::App app{"Compiles a trained transformer into native code.", "llmc compile"};
  CompileArguments arguments;
  addCompileOptions(app, arguments);
  app.footer("Exit codes: 0 done, 1 input or I/O, 2 usage, 70 internal error, 130 interrupted.");
  Messages messages(MessageStyle::forTerminal());
  try {
    std::vector<std::string> words = normalised(argc, argv);
    std::reverse(words.begin(), words.end()); // CLI11 takes them from the back
    app.parse(words);
  } catch (const CLI::CallForHelp &) {
    std::string help = std::string(compileExamples) + "\n" + app.help();
    std::fwrite(help.data(), 1, help.size(), stdout);
    return runtime::flushOutput() ? exitDone : exitInput;
  } catch (const CLI::ParseError &mistake) {
    return usageError(messages, "compile", mistake.what());
  }
  MessageStyle style = MessageStyle::forTerminal();
  style.json = arguments.diagnostics == "json";
  style.colours &= !style.json;
  Messages chosen(style);
  CompileOptions options;
  std::string mistake = interpret(arguments, options);
  if (!mistake.empty())
    return usageError(messages, "compile", mistake);
  return compile(options, chosen);
}

/// Commands of one file and no options.
template <typename Command> int runOnFile(const char *name, const char *help, int argc, char **argv, Command command) {
  for (int i = 1; i < argc; ++i)
    if (!std::strcmp(argv[i], "--help") || !std::strcmp(argv[i], "-h")) {
      std::fputs(help, stdout);
      return runtime::flushOutput() ? exitDone : exitInput;
    }
  Messages messages(MessageStyle::forTerminal());
  if (argc != 2)
    return usageError(messages, name, argc < 2 ? "no file given" : std::string("surplus argument '") + argv[2] + "'");
  if (!*argv[1])
    return usageError(messages, name, "the file's name is empty");
  if (argv[1][0] == '-')
    return usageError(messages, name, std::string("unknown option '") + argv[1] + "'");
  return command(argv[1]);
}

} // namespace

int runCommandLine(int argc, char **argv) {
  runtime::reserveStandardDescriptors();
  // A reader that goes away ends the writer quietly: writes then fail with EPIPE.
  std::signal(SIGPIPE, SIG_IGN);
  std::string command = argc > 1 ? argv[1] : "";
  if (command == "compile")
    return runCompile(argc - 1, argv + 1);
  if (command == "run")
    return runtime::runMain({"llmc run", nullptr, nullptr}, argc - 1, argv + 1);
  if (command == "bench")
    return runtime::benchMain({"llmc bench", nullptr, nullptr}, argc - 1, argv + 1);
  if (command == "inspect")
    return runOnFile("inspect",
                     "Examples:\n  llmc inspect assistant\n  llmc inspect ./my-model\n\nUsage: llmc inspect FILE\n\n"
                     "What a compiled model or a checkpoint directory holds.\n",
                     argc - 1, argv + 1, inspectModel);
  if (command == "verify")
    return runOnFile("verify",
                     "Examples:\n  llmc verify assistant\n\nUsage: llmc verify FILE\n\n"
                     "Checks structure and hashes of a compiled model. Exit code 3 when it is damaged.\n",
                     argc - 1, argv + 1, runtime::verifyArtifactFile);
  if (command == "--version") {
    std::puts("llmc " LLMC_VERSION);
    return runtime::flushOutput() ? exitDone : exitInput;
  }
  if (command == "--help" || command == "-h" || command == "help") {
    std::fputs(mainHelp, stdout);
    return runtime::flushOutput() ? exitDone : exitInput;
  }
  Messages messages(MessageStyle::forTerminal());
  return usageError(messages, "", command.empty() ? "no command given" : "unknown command '" + command + "'");
}

} // namespace llmc::driver
