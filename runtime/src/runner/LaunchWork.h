// LaunchWork.h - what a launch of the manifest costs in a step of a given shape. For profiles, and for predictions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_LAUNCHWORK_H
#define LLMC_RUNTIME_RUNNER_LAUNCHWORK_H

#include "llmc/artifact_format.h"

#include <stdint.h>

namespace llmc::runtime {

/// A step of `sequences` sequences that bring `count` tokens each, all behind `before` others; `rows` logits are
/// wanted, of the last tokens.
struct StepShape {
  uint32_t sequences, count, before, rows;
};

/// What all times that a step runs a launch cost together.
struct LaunchWork {
  double rows = 0;
  double bytes = 0;      ///< Of weights and of the cache, read.
  double rowBytes = 0;   ///< Of activations, read and written.
  double operations = 0; ///< Of products, a multiply-add being two.

  void operator+=(const LaunchWork &other) {
    rows += other.rows;
    bytes += other.bytes;
    rowBytes += other.rowBytes;
    operations += other.operations;
  }
};

/// Nothing for a launch that runs as often as a condition has it.
LaunchWork workOf(const llmc_launch &launch, const StepShape &step);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_LAUNCHWORK_H
