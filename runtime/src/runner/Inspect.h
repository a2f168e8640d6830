// Inspect.h - what an artifact holds, printed for people.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_INSPECT_H
#define LLMC_RUNTIME_RUNNER_INSPECT_H

#include "llmc/llmc.h"

namespace llmc::runtime {

/// Prints to stdout what a model is: name, sizes, defaults. `--about`.
bool printAbout(const char *file, const llmc_model *model);

/// Prints to stdout the licences of the model's parts and of the runtime. `--licenses`.
bool printLicences(const llmc_model *model);

/// Prints everything an artifact holds to stdout: sections, entries, tensors, states, memory plan, variants, weights by
/// format, facts. Works for files of other processors too. Returns the exit code. `llmc inspect FILE`.
int inspectArtifact(const char *path);

/// Checks every hash of an artifact and says so. Returns the exit code (3: damaged). `llmc verify FILE`.
int verifyArtifactFile(const char *path);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_INSPECT_H
