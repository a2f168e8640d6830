// PlanMain.cpp - the command line of `plan`, and its page and JSON line.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Plan.h"

#include "runtime/src/platform/Platform.h"
#include "runtime/src/runner/MachineProbe.h"
#include "runtime/src/runner/Output.h"
#include "tools/driver/Report.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

#include <cmath>
#include <cstdlib>
#include <getopt.h>
#include <memory>

namespace llmc::driver {

namespace {

struct Arguments {
  std::string model;
  PipelineOptions pipeline;
  Machine machine;
  uint64_t threads = 0, prompt = 512;
  bool json = false;
};

int usage(const std::string &message) {
  Messages(MessageStyle::forTerminal()).error("", message, "all options: llmc plan --help");
  return exitUsage;
}

enum LongOption {
  OptWeights = 256,
  OptKv,
  OptActivations,
  OptContext,
  OptStep,
  OptSequences,
  OptRequantize,
  OptPrompt,
  OptBandwidth,
  OptOperations,
  OptJson,
  OptDiagnostics
};

const char compiling[] = "As compiled with", machineGroup[] = "Machine", output[] = "Output";
const runtime::OptionInfo planOptions[] = {
    {OptWeights, "weights", "FORM", compiling,
     "form to store matrices in, as llmc compile takes it: keep, bf16, q8, q4:64"},
    {OptRequantize, "allow-requantize", nullptr, compiling, "let --weights round what is stored in few bits already"},
    {OptActivations, "activations", "f32|q8", compiling, "what quantised weights are multiplied with"},
    {OptKv, "kv", "f32|f16|bf16|q8", compiling, "type of the key-value cache"},
    {OptContext, "max-context", "N", compiling, "positions of a sequence (the model's own)"},
    {OptStep, "max-step", "N", compiling, "tokens of one step (512)"},
    {OptSequences, "max-sequences", "N", compiling, "sequences alive at once (4)"},
    {OptBandwidth, "bandwidth", "GB/s", machineGroup, "read from memory; not given: this machine's, measured now"},
    {OptOperations, "operations", "GFLOP/s", machineGroup,
     "in f32, a multiply-add being two; not given: this machine's, measured now"},
    {'t', "threads", "N", machineGroup, "that measure this machine; default: the cores this process may use"},
    {OptPrompt, "prompt-tokens", "N", output, "of the prompt whose rate is predicted (512)"},
    {OptJson, "json", nullptr, output, "one JSON line"},
    {OptDiagnostics, "diagnostics", "text|json", output, "form of messages on standard error"},
    {'h', "help", nullptr, output, "this page"},
};

const runtime::CommandInfo command = {
    "plan",
    "Tells what a model will need and can reach, from its config.json alone.",
    R"(  %1 config.json                                  parameters, memory, work of a token, rates on this machine
  %1 ./my-model --weights q4 --kv q8 --max-context 8192
  %1 config.json --bandwidth 100 --operations 2000    on another machine
)",
    "%1 [OPTIONS] CONFIG",
    planOptions,
    sizeof planOptions / sizeof *planOptions,
    "CONFIG is a config.json, a checkpoint with or without its weights, a GGUF file, or org/name in the local Hugging\n"
    "Face cache. Nothing is compiled or written. Rates are what the machine's limits allow: bytes over the bandwidth\n"
    "or operations over the f32 rate, whichever takes longer; llmc bench measures the share that a compiled model\n"
    "reaches.\n"};

bool parseRate(const char *text, double &value) {
  char *end;
  value = std::strtod(text, &end) * 1e9;
  return *text && !*end && value > 0 && std::isfinite(value);
}

bool parseBound(const char *text, uint64_t most, int64_t &value) {
  uint64_t parsed;
  if (!runtime::parseWhole(text, 1, most, parsed))
    return false;
  value = static_cast<int64_t>(parsed);
  return true;
}

/// Whether `text` is one of the words of "a|b|c".
bool isOneOf(llvm::StringRef words, llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef, 4> all;
  words.split(all, '|');
  return llvm::is_contained(all, text);
}

/// -1, or the exit code.
int readArguments(int argc, char **argv, Arguments &arguments) {
  opterr = 0;
  optind = 0;
  runtime::GetoptTable table(command);
  std::optional<WeightBlocks> blocks;
  for (int option; (option = getopt_long(argc, argv, table.letters.c_str(), table.options.data(), nullptr)) != -1;) {
    bool good = true;
    const runtime::OptionInfo *info = llvm::find_if(planOptions, [&](const auto &each) { return each.code == option; });
    switch (option) {
    case OptWeights:
      good = parseWeights(arguments.pipeline.quantize.weights = optarg, blocks);
      break;
    case OptRequantize:
      arguments.pipeline.quantize.allowRequantize = true;
      break;
    case OptActivations:
      good = isOneOf(info->argument, arguments.pipeline.lower.activations = optarg);
      break;
    case OptKv:
      good = isOneOf(info->argument, arguments.pipeline.import.kv = optarg);
      break;
    case OptContext:
      good = parseBound(optarg, 1 << 24, arguments.pipeline.import.maxContext);
      break;
    case OptStep:
      good = parseBound(optarg, 1 << 20, arguments.pipeline.import.maxStep);
      break;
    case OptSequences:
      good = parseBound(optarg, 1 << 16, arguments.pipeline.import.maxSequences);
      break;
    case OptBandwidth:
      good = parseRate(optarg, arguments.machine.bandwidth);
      break;
    case OptOperations:
      good = parseRate(optarg, arguments.machine.operations);
      break;
    case 't':
      good = runtime::parseWhole(optarg, 1, runtime::maxThreads, arguments.threads);
      break;
    case OptPrompt:
      good = runtime::parseWhole(optarg, 1, 1 << 24, arguments.prompt);
      break;
    case OptJson:
      arguments.json = true;
      break;
    case OptDiagnostics:
      good = isOneOf(info->argument, optarg);
      break;
    case 'h':
      runtime::printCommandHelp(command, "llmc plan");
      return runtime::flushOutput() ? exitDone : exitInput;
    case ':':
      return usage(std::string("option '") + argv[optind - 1] + "' needs a value");
    default:
      return usage(std::string("unknown option '") + argv[optind - 1] + "'");
    }
    if (!good)
      return usage(std::string("--") + info->names + ": '" + optarg + "' is not what it takes (expected " +
                   info->argument + ")");
  }
  if (optind >= argc)
    return usage("no config given");
  arguments.model = argv[optind++];
  if (optind < argc)
    return usage(std::string("surplus argument '") + argv[optind] + "'");
  return -1;
}

/// What the user did not give is measured, on as much memory as a step reads, within reason.
bool completeMachine(const Plan &plan, uint64_t threads, Machine &machine, Messages &messages) {
  if (machine.bandwidth > 0 && machine.operations > 0)
    return true;
  messages.progress("measuring this machine");
  auto team = std::make_unique<runtime::Team>();
  llmc_error error;
  auto count = static_cast<uint32_t>(threads ? threads : runtime::platform::usableCores());
  if (runtime::startTeam(*team, count, error))
    return messages.error("", error.message), false;
  constexpr uint64_t most = uint64_t(512) << 20;
  if (machine.bandwidth <= 0)
    machine.bandwidth =
        runtime::measureReadBandwidth(*team, std::clamp<uint64_t>(plan.decodeBytes, uint64_t(1) << 20, most));
  if (machine.operations <= 0)
    machine.operations = runtime::measureMultiplyAdds(*team);
  machine.threads = count;
  runtime::stopTeam(*team);
  messages.clearProgress();
  if (machine.bandwidth > 0 && machine.operations > 0)
    return true;
  return messages.error("", "this machine's limits cannot be measured",
                        "give them: --bandwidth GB/s --operations GFLOP/s"),
         false;
}

/// "1.23 G": three digits and the prefix of the unit that follows.
std::string withPrefix(double value) {
  const char *const prefixes[] = {"", "k", "M", "G", "T", "P"};
  size_t at = 0;
  for (; value >= 1000 && at + 1 < std::size(prefixes); ++at)
    value /= 1000;
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(value >= 100  ? "%.0f "
                                                 : value >= 10 ? "%.1f "
                                                               : "%.2f ",
                                                 value)
                                 << prefixes[at];
  return text;
}

void printPage(llvm::raw_ostream &out, const Plan &plan, const Machine &machine, uint64_t prompt) {
  auto row = [&](llvm::StringRef name) -> llvm::raw_ostream & { return out << "  " << llvm::left_justify(name, 12); };
  out << plan.name << "\n";
  row("parameters") << plan.parameters << "\n";
  row("weights") << formatBytes(plan.weightsSection) << "\n";
  for (const auto &[format, bytes] : plan.weightBytes)
    out << "    " << formatBytes(bytes) << "  " << format << "\n";
  row("cache") << formatBytes(plan.cachePerPosition) << " a position, " << formatBytes(plan.cachePerSequence) << " for "
               << plan.context << " of a sequence\n";
  row("arena") << formatBytes(plan.arena) << ", steps of " << plan.maxStep << " tokens\n";
  row("memory") << formatBytes(plan.weightsSection + plan.arena + plan.cachePerSequence)
                << " for one sequence that fills its context\n";
  row("token") << formatBytes(plan.decodeBytes) << " read, " << withPrefix(plan.layerOperations + plan.headOperations)
               << "FLOP, and " << formatBytes(plan.cachePerPosition) << ", " << withPrefix(plan.positionOperations)
               << "FLOP for each position before it\n";
  row("prompt") << withPrefix(plan.layerOperations) << "FLOP a token\n";
  out << "at " << llvm::format("%.1f", machine.bandwidth * 1e-9) << " GB/s and "
      << llvm::format("%.0f", machine.operations * 1e-9) << " GFLOP/s";
  if (machine.threads)
    out << " (measured, " << machine.threads << (machine.threads == 1 ? " thread)" : " threads)");
  out << ", at most\n";
  row("prompt") << llvm::format("%.1f", prefillRate(plan, machine, prompt)) << " tokens/s, " << prompt << " tokens\n";
  row("decode") << llvm::format("%.1f", decodeRate(plan, machine, 0)) << " tokens/s at first, "
                << llvm::format("%.1f", decodeRate(plan, machine, plan.context - 1)) << " at the context's end\n";
}

llvm::json::Value jsonOf(const Plan &plan, const Machine &machine, uint64_t prompt) {
  auto number = [](double value) { return llvm::json::Value(value); };
  auto whole = [](uint64_t value) { return llvm::json::Value(static_cast<int64_t>(value)); };
  llvm::json::Object formats;
  for (const auto &[format, bytes] : plan.weightBytes)
    formats[format] = whole(bytes);
  return llvm::json::Object{{"type", "plan"},
                            {"name", llvm::json::fixUTF8(plan.name)},
                            {"parameters", whole(plan.parameters)},
                            {"weights_bytes", whole(plan.weightsSection)},
                            {"weights_by_format", std::move(formats)},
                            {"cache_bytes_per_position", whole(plan.cachePerPosition)},
                            {"cache_bytes_per_sequence", whole(plan.cachePerSequence)},
                            {"context", whole(plan.context)},
                            {"arena_bytes", whole(plan.arena)},
                            {"bytes_per_token", whole(plan.decodeBytes)},
                            {"operations_per_token", number(plan.layerOperations + plan.headOperations)},
                            {"operations_per_prompt_token", number(plan.layerOperations)},
                            {"operations_per_position", number(plan.positionOperations)},
                            {"read_bytes_per_second", number(machine.bandwidth)},
                            {"f32_operations_per_second", number(machine.operations)},
                            {"threads", whole(machine.threads)},
                            {"prompt_tokens", whole(prompt)},
                            {"prefill_tokens_per_second", number(prefillRate(plan, machine, prompt))},
                            {"decode_tokens_per_second", number(decodeRate(plan, machine, 0))},
                            {"decode_tokens_per_second_at_end", number(decodeRate(plan, machine, plan.context - 1))}};
}

} // namespace

const runtime::CommandInfo &planCommandInfo() { return command; }

int planMain(int argc, char **argv) {
  Arguments arguments;
  int code = readArguments(argc, argv, arguments);
  if (code >= 0)
    return code;
  Messages messages(MessageStyle::forTerminal());
  std::optional<Plan> plan = planModel(arguments.model, arguments.pipeline, messages);
  if (!plan || !completeMachine(*plan, arguments.threads, arguments.machine, messages))
    return exitInput;
  uint64_t prompt = std::min(arguments.prompt, plan->context);
  std::string text;
  llvm::raw_string_ostream out(text);
  if (arguments.json)
    out << jsonOf(*plan, arguments.machine, prompt) << "\n";
  else
    printPage(out, *plan, arguments.machine, prompt);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return runtime::flushOutput() ? exitDone : exitInput;
}

} // namespace llmc::driver
