// Runner.h - the command line of a compiled model: `llmc run FILE` and every produced executable.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_RUNNER_H
#define LLMC_RUNTIME_RUNNER_RUNNER_H

#include <stdint.h>

namespace llmc::runtime {

/// How the runner was started.
struct RunnerProgram {
  const char *name;          ///< For help and usage: "./smol" or "llmc run".
  const char *ownModel;      ///< Path of the model when it is the program itself; null: the first argument names it.
  uint64_t (*allocations)(); ///< Counts allocations since the start; null where the program does not count.
};

/// Runs the command line; argv[0] is skipped. Returns the exit code: 0 done, 1 input or I/O, 2 usage, 130 interrupted.
int runMain(const RunnerProgram &program, int argc, char **argv);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_RUNNER_H
