// LaunchWork.cpp - sums over rows and attended positions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/LaunchWork.h"

#include <algorithm>

namespace llmc::runtime {

/// Positions that the tokens before + 1 ... before + count see, each at most `window` of them.
static double attendedPairs(uint64_t before, uint64_t count, uint64_t window) {
  uint64_t growing = std::min(count, window > before ? window - before : 0); // tokens that see all before them
  double pairs = double(growing) * double(before) + double(growing) * double(growing + 1) / 2;
  return growing < count ? pairs + double(count - growing) * double(window) : pairs;
}

LaunchWork workOf(const llmc_launch &launch, const StepShape &step) {
  LaunchWork work;
  if (launch.rows == LLMC_DIM_ROWS && !step.rows)
    return work; // nobody wants any
  uint64_t window = launch.window ? launch.window : UINT64_MAX;
  double tokens = double(step.sequences) * step.count, times = launch.times;
  double each = launch.rows == LLMC_DIM_TOKENS ? tokens : launch.rows == LLMC_DIM_ROWS ? step.rows : 1;
  double pairs = step.sequences * attendedPairs(step.before, step.count, window);
  work.rows = each * times;
  double pairsOfAll = pairs * times;
  // The last of its times takes the rows from the first wanted one on; of several sequences that is nearly all.
  if (launch.wanted_rows && launch.times && step.rows && step.sequences == 1 && step.rows < step.count) {
    work.rows -= each - step.rows;
    pairsOfAll -= attendedPairs(step.before, step.count - step.rows, window);
  }
  double keys = step.sequences * double(std::min<uint64_t>(uint64_t(step.before) + step.count, window)) * times;
  work.bytes = double(launch.weight_bytes) * times + double(launch.key_bytes) * keys;
  work.rowBytes = double(launch.row_bytes) * work.rows;
  work.operations = double(launch.row_operations) * work.rows + double(launch.key_operations) * pairsOfAll;
  return work;
}

} // namespace llmc::runtime
