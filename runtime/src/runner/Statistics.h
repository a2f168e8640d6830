// Statistics.h - figures of a run, for --stats and --json.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_STATISTICS_H
#define LLMC_RUNTIME_RUNNER_STATISTICS_H

#include "llmc/generate.h"

#include <string>

namespace llmc::runtime {

/// What a run measured. Times in nanoseconds.
struct RunStatistics {
  llmc_generate_result result{};
  uint64_t openTime = 0;    ///< From the start of the program to the opened model.
  uint64_t sessionTime = 0; ///< To open the session.
  uint64_t firstToken = 0;  ///< From the start of the program to the first token.
  uint64_t seed = 0;
  bool sampled = false;
  std::string variant;
  uint32_t threads = 0;
  bool copiedWeights = false; ///< They are read from memory of the model's own, not from the file's mapping,
  uint32_t memoryNodes = 0;   ///< and lie on so many nodes; 0: anywhere.
};

/// The most memory this process has had, in bytes.
uint64_t peakMemory();

/// The word for the reason: "end token".
const char *endName(llmc_end end);

/// Lines for people, to stderr.
void printStatistics(const RunStatistics &statistics);

/// The last JSON line of a run, with its line end. Documented in docs/run-json.md.
std::string statisticsJson(const RunStatistics &statistics);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_STATISTICS_H
