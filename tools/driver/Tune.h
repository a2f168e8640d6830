// Tune.h - `compile --tune FILE`: which tilings of a model's products are the fastest on this machine.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_TUNE_H
#define LLMC_TOOLS_DRIVER_TUNE_H

#include "tools/driver/Compile.h"

#include <vector>

namespace llmc::driver {

/// How long a product takes with a tiling for each second that it takes as the target has it, in several rounds.
/// Rounds are ordered by time: a disturbance falls on neighbours.
struct TunedRatio {
  /// The median of a round's ratios; 1 without any. What differs by less than a fiftieth is told from noise by nobody.
  static double of(std::vector<double> rounds);
  /// Whether a tiling is worth taking.
  static bool wins(double ratio) { return ratio < 0.98; }
};

/// Compiles the model for the best variant of this machine with other tilings of its products, one after the other, and
/// measures each beside the target's own: of a token alone what concerns few rows, of a prompt what concerns many.
/// What wins for a product, and still does where all winners are taken together, is written to `options.tuneFile`
/// (docs/schedule-format.md) and taken by `options.pipeline.schedule`. Two artifacts are on the disk at a time.
/// exitInput where this machine runs none of `options.variants`, or the model has no such products.
ExitCode tune(CompileOptions &options, Messages &messages);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_TUNE_H
