// Bench.h - measures a model: prefill, decode and batch rates beside the machine's limits. `llmc bench FILE`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_BENCH_H
#define LLMC_RUNTIME_RUNNER_BENCH_H

#include "llmc/llmc.h"
#include "runtime/src/runner/LaunchProfile.h"
#include "runtime/src/runner/OptionTable.h"
#include "runtime/src/runner/Runner.h"

#include <string>
#include <vector>

namespace llmc::runtime {

/// What to measure. Zeros take the model's defaults.
struct BenchOptions {
  uint32_t threads = 0;
  uint32_t promptTokens = 512; ///< Cut to what the context holds beside newTokens.
  uint32_t newTokens = 64;
  uint32_t repetitions = 3;
  uint32_t batch = 0;       ///< Sequences of the batch measurement; 0: none.
  bool copyWeights = false; ///< Into memory, in place of mapping the file.
  bool profile = false;     ///< Also the time of each launch, in runs of their own.
  bool perfMap = false;     ///< Tell `perf` the names of the code's functions.
  bool limits = true;       ///< Also what the machine gives in the same run.
};

/// The launches of one kind of run: a prompt, a token behind it, a token of each sequence.
struct PhaseProfile {
  const char *name; ///< "prefill", "decode", "batch"
  uint32_t runs;    ///< Prompts or steps that were timed.
  double seconds;   ///< Of all of them, on the caller's clock.
  std::vector<LaunchTime> launches;
};

/// What a launch is, as the manifest says, copied out.
struct LaunchName {
  std::string kernel, subject;
  uint32_t layerClass, arithmetic;
};

/// What was measured; each rate is the median of the repetitions.
struct BenchResult {
  std::string variant;
  uint32_t threads = 0, promptTokens = 0, newTokens = 0, batch = 0;
  bool copiedWeights = false; ///< They are read from memory of the model's own, not from the file's mapping,
  uint32_t memoryNodes = 0;   ///< and lie on so many nodes; 0: anywhere.
  double prefillRate = 0;     ///< Tokens a second of the prompt; the last token's logits only.
  double decodeRate = 0;      ///< Tokens a second, one sequence, behind the prompt; choosing tokens is not in it.
  double batchRate = 0;       ///< Tokens a second of all sequences together.
  double openSeconds = 0, sessionSeconds = 0;
  double firstTokenSeconds = 0;  ///< Opening, session and a step of one token.
  uint64_t weightsBytes = 0;     ///< Of the weights section.
  uint64_t bytesPerToken = 0;    ///< Packed matrices that a token of decode reads; tables are looked up.
  double operationsPerToken = 0; ///< Of a prompt: f32 multiply-adds with the matrices but for the output one, times 2.
  double byteOperationsPerToken = 0; ///< The same of products of bytes.
  double halfOperationsPerToken = 0; ///< The same of products in f16.
  double readBandwidth = 0;          ///< Measured, bytes a second, for a working set of bytesPerToken.
  double multiplyAddRate = 0;        ///< Measured, f32 operations a second, of the code's instructions; 0: unknown.
  double byteDotRate = 0;            ///< The same of products of bytes.
  double halfRate = 0;               ///< The same of f16; 0 where the code has none.
  uint64_t peakMemory = 0;           ///< Bytes, after the measurements, the probe's memory not counted.
  std::vector<PhaseProfile> profile;
  std::vector<LaunchName> launches; ///< Of the manifest.
  std::string perfMapFile;          ///< Where the names of functions stand; empty: not asked for.
};

/// Opens the file and measures it. @retval as llmc_model_open, llmc_session_open and llmc_step
llmc_status measureModel(const char *path, const BenchOptions &options, BenchResult &result, llmc_error &error);

/// The rate that limits an enum llmc_arithmetic; 0: unknown.
double limitOf(const BenchResult &result, uint32_t arithmetic);

/// The table and the JSON of a profile, with shares of the limits in `result`.
void printProfile(const BenchResult &result);
std::string profileJson(const BenchResult &result);

/// Measures this machine and prints it as JSON: what `llmc compile --machine` reads. For each of `threads`; none: for
/// one thread, for two, four and so on, and for all cores. @retval LLMC_OUT_OF_MEMORY
llmc_status printMachineLimits(std::vector<uint32_t> threads, llmc_error &error);

/// The command `bench` as data: what benchMain knows.
const CommandInfo &benchCommandInfo();

/// The command line of `bench`: argv[0] is skipped. Returns the exit code.
int benchMain(const RunnerProgram &program, int argc, char **argv);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_BENCH_H
