// BenchMain.cpp - the command line of `bench`: options, and what was measured as a table or as JSON.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Bench.h"

#include "runtime/src/runner/CutShort.h"
#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Options.h"
#include "runtime/src/runner/Output.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace llmc::runtime {

namespace {

enum LongOption {
  OptPrompt = 256,
  OptNew,
  OptRepetitions,
  OptBatch,
  OptProfile,
  OptPerfMap,
  OptLimits,
  OptNoMmap,
  OptJson,
  OptDiagnostics
};

const char measuring[] = "Measurements", output[] = "Output";
const OptionInfo benchOptions[] = {
    {'t', "threads", "N", measuring, "default: the cores this process may use"},
    {OptPrompt, "prompt-tokens", "N", measuring, "tokens of the prompt (512)"},
    {OptNew, "new-tokens", "N", measuring, "steps of one token behind it (64)"},
    {OptRepetitions, "repetitions", "N", measuring, "of each measurement, whose median is told (3)"},
    {OptBatch, "batch", "N", measuring, "also N sequences in one step"},
    {OptNoMmap, "no-mmap", nullptr, measuring, "read the weights into memory in place of mapping the file"},
    {OptProfile, "profile", nullptr, measuring, "also the time of each kernel beside its limit"},
    {OptPerfMap, "perf-map", nullptr, measuring, "names for perf: perf record llmc bench --perf-map FILE"},
    {OptLimits, "limits", nullptr, measuring, "no FILE: this machine's limits, for the reports of llmc compile"},
    {OptJson, "json", nullptr, output, "one JSON line"},
    {OptDiagnostics, "diagnostics", "text|json", output, "form of messages on standard error"},
    {'h', "help", nullptr, output, "this page"},
};

const CommandInfo command = {
    "bench",
    "Measures a compiled model beside what this machine gives in the same run.",
    R"(  %1 smol.llmc               prefill of 512 tokens, then 64 one by one
  %1 ./smol -t 1 --json      one thread, the figures as a JSON line
  %1 ./smol --batch 4        four sequences together as well
  %1 ./smol --profile        where the time goes, kernel by kernel
  %1 --limits >here.json     what this machine can do
)",
    "%1 [OPTIONS] FILE",
    benchOptions,
    sizeof benchOptions / sizeof *benchOptions,
    "Prefill gives the logits of the last token. Decode is the steps alone, without choosing tokens. The shares: "
    "bytes\n"
    "of the packed matrices over the read bandwidth, and their multiply-adds over the f32 peak of the instructions\n"
    "that the code uses, both measured at the end.\n"};

int usage(const std::string &message) {
  printError("", message.c_str(), "all options: llmc bench --help");
  return exitUsage;
}

bool number(const char *text, uint32_t least, uint32_t most, uint32_t &value) {
  uint64_t parsed;
  if (!parseWhole(text, least, most, parsed))
    return false;
  value = uint32_t(parsed);
  return true;
}

void printTable(const BenchResult &result) {
  printf("variant           %s, %u thread%s\n", result.variant.c_str(), result.threads, result.threads == 1 ? "" : "s");
  printf("prefill  %8u tokens   %10.1f tokens/s", result.promptTokens, result.prefillRate);
  double operations = result.operationsPerToken + result.byteOperationsPerToken + result.halfOperationsPerToken;
  if (result.multiplyAddRate > 0 && result.byteDotRate > 0 && operations > 0) {
    double least =
        result.operationsPerToken / result.multiplyAddRate + result.byteOperationsPerToken / result.byteDotRate;
    if (result.halfRate > 0)
      least += result.halfOperationsPerToken / result.halfRate;
    printf("   %5.1f GOP/s, %.0f %% of the measured %.1f", result.prefillRate * operations * 1e-9,
           100 * result.prefillRate * least, operations / least * 1e-9);
  }
  printf("\ndecode   %8u tokens   %10.1f tokens/s", result.newTokens, result.decodeRate);
  if (result.readBandwidth > 0)
    printf("   %5.1f GB/s, %.0f %% of the measured %.1f", result.decodeRate * double(result.bytesPerToken) * 1e-9,
           100 * result.decodeRate * double(result.bytesPerToken) / result.readBandwidth, result.readBandwidth * 1e-9);
  if (result.batch)
    printf("\nbatch    %8u sequences%10.1f tokens/s", result.batch, result.batchRate);
  printf("\nfirst token       %.1f ms (open %.1f, session %.1f)\n", result.firstTokenSeconds * 1e3,
         result.openSeconds * 1e3, result.sessionSeconds * 1e3);
  printf("memory            %.1f MiB at most, %.1f MiB of weights\n", double(result.peakMemory) / (1 << 20),
         double(result.weightsBytes) / (1 << 20));
  if (result.memoryNodes)
    printf("weights           copied to the memory of %u nodes\n", result.memoryNodes);
  else if (result.copiedWeights)
    printf("weights           copied to memory\n");
  if (!result.perfMapFile.empty())
    printf("perf map          %s\n", result.perfMapFile.c_str());
  printProfile(result);
}

void printJson(const BenchResult &result) {
  std::string variant;
  appendJsonString(variant, result.variant.data(), result.variant.size());
  printf(
      "{\"type\":\"bench\",\"variant\":%s,\"threads\":%u,\"prompt_tokens\":%u,\"new_tokens\":%u,"
      "\"prefill_tokens_per_second\":%.3f,\"decode_tokens_per_second\":%.3f,\"batch\":%u,"
      "\"batch_tokens_per_second\":%.3f,\"open_seconds\":%.6f,\"session_seconds\":%.6f,\"first_token_seconds\":%.6f,"
      "\"weights_bytes\":%llu,\"bytes_per_token\":%llu,\"operations_per_token\":%.0f,\"i8_operations_per_token\":%.0f,"
      "\"f16_operations_per_token\":%.0f,\"read_bytes_per_second\":%.0f,\"f32_operations_per_second\":%.0f,"
      "\"i8_operations_per_second\":%.0f,\"f16_operations_per_second\":%.0f,\"peak_memory_bytes\":%llu,"
      "\"weights_copied\":%s,\"memory_nodes\":%u%s}\n",
      variant.c_str(), result.threads, result.promptTokens, result.newTokens, result.prefillRate, result.decodeRate,
      result.batch, result.batchRate, result.openSeconds, result.sessionSeconds, result.firstTokenSeconds,
      (unsigned long long)result.weightsBytes, (unsigned long long)result.bytesPerToken, result.operationsPerToken,
      result.byteOperationsPerToken, result.halfOperationsPerToken, result.readBandwidth, result.multiplyAddRate,
      result.byteDotRate, result.halfRate, (unsigned long long)result.peakMemory,
      result.copiedWeights ? "true" : "false", result.memoryNodes, profileJson(result).c_str());
}

} // namespace

const CommandInfo &benchCommandInfo() { return command; }

int benchMain(const RunnerProgram &program, int argc, char **argv) {
  BenchOptions options;
  bool json = false, limits = false;
  chooseMessageForm(argc, argv);
  opterr = 0;
  optind = 0;
  GetoptTable table(command);
  for (int option, index = 0;
       (option = getopt_long(argc, argv, table.letters.c_str(), table.options.data(), &index)) != -1;) {
    uint32_t most = INT32_MAX;
    bool good = true;
    switch (option) {
    case 't':
      good = number(optarg, 1, most = 256, options.threads);
      break;
    case OptPrompt:
      good = number(optarg, 1, most, options.promptTokens);
      break;
    case OptNew:
      good = number(optarg, 0, most, options.newTokens);
      break;
    case OptRepetitions:
      good = number(optarg, 1, most = 1000, options.repetitions);
      break;
    case OptBatch:
      good = number(optarg, 1, most = 1024, options.batch);
      break;
    case OptNoMmap:
      options.copyWeights = true;
      break;
    case OptProfile:
      options.profile = true;
      break;
    case OptPerfMap:
      options.perfMap = true;
      break;
    case OptLimits:
      limits = true;
      break;
    case OptJson:
      json = true;
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
    if (!good)
      return usage(std::string("--") + (option == 't' ? "threads" : table.options[size_t(index)].name) + ": '" +
                   optarg + "' is not a number from " + (option == OptNew ? "0" : "1") + " to " + std::to_string(most));
  }
  llmc_error error;
  if (limits) {
    if (optind < argc)
      return usage(std::string("--limits measures the machine, no file: surplus argument '") + argv[optind] + "'");
    std::vector<uint32_t> threads;
    if (options.threads)
      threads.push_back(options.threads);
    if (printMachineLimits(threads, error)) {
      printError("", error);
      return exitFailed;
    }
    return flushOutput() ? exitDone : exitFailed;
  }
  const char *path = program.ownModel;
  if (!path && optind < argc)
    path = argv[optind++];
  if (!path)
    return usage("no model file given");
  if (optind < argc)
    return usage(std::string("surplus argument '") + argv[optind] + "'");
  BenchResult result;
  noticeCutShort(path);
  if (measureModel(path, options, result, error)) {
    printError(path, error);
    return exitFailed;
  }
  json ? printJson(result) : printTable(result);
  return flushOutput() ? exitDone : exitFailed;
}

} // namespace llmc::runtime
