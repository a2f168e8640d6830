// RunEntry.h - `llmc run FILE --entry NAME --input NAME=FILE --output-dir DIR`: an entry on tensors, once.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_RUNENTRY_H
#define LLMC_RUNTIME_RUNNER_RUNENTRY_H

#include "runtime/src/runner/Options.h"
#include "runtime/src/session/Model.h"

namespace llmc::runtime {

/// Whether the options ask for an entry on tensors, or the model has nothing else.
bool wantsEntry(const RunOptions &options, const llmc_model *model);

/// Reads the inputs, runs the entry, writes each output as NAME.npy. Returns the exit code; mistakes are printed, with
/// `file` as the model's name.
int runEntry(const RunOptions &options, const char *file, const llmc_model *model);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_RUNENTRY_H
