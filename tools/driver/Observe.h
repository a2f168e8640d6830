// Observe.h - `llmc observe`: runs a model on a text and writes what its matrices are multiplied with, for calibration.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_OBSERVE_H
#define LLMC_TOOLS_DRIVER_OBSERVE_H

#include "runtime/src/runner/OptionTable.h"
#include "tools/driver/Messages.h"

#include <cstdint>
#include <string>

namespace llmc::driver {

struct ObserveOptions {
  std::string model;             ///< a checkpoint
  std::string text, ids, output; ///< files; one of `text` and `ids` (token ids in place of a text)
  uint32_t tokens = 16384;       ///< at most so many of the text
  uint32_t window = 0;           ///< tokens read from an empty cache; 0: the model's context, at most 2048
};

/// The parts of a text of `count` tokens in whole windows: the first `observed` windows, then `held` ones that are kept
/// back, an eighth of all, at least one and at most eight where there are two or more.
struct ObservedParts {
  uint64_t observed = 0, held = 0;
};
ObservedParts observedParts(uint64_t count, uint32_t window);

/// Writes the statistics file. Anonymous memory: as a compile and one step of the model; the file itself is written in
/// place.
ExitCode observe(const ObserveOptions &options, Messages &messages);

/// The command `observe` as data: what observeMain knows.
const runtime::CommandInfo &observeCommandInfo();

/// The command line of `observe`: argv[0] is skipped. Returns the exit code.
int observeMain(int argc, char **argv);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_OBSERVE_H
