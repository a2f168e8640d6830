// PlanOracle.h - runs an entry before and after memory planning on numbers that tell every computation from every
// other.
//
// Each element of a value is a hash of the op that made it and of the elements that it was made from, so that two runs
// agree only when every op read what it should. The scheduled program runs on slots as large as the program says, and
// the oracle also watches which thread of a team touches what between two barriers.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_COMPILER_SCHEDULE_PLANORACLE_H
#define LLMC_TEST_COMPILER_SCHEDULE_PLANORACLE_H

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace llmc::test {

using Hash = uint64_t;

/// Rows of hashes.
struct Grid {
  int64_t rows = 0, columns = 0;
  std::vector<Hash> cells;
  Hash at(int64_t row, int64_t column) const { return cells[row * columns + column]; }
  Hash &at(int64_t row, int64_t column) { return cells[row * columns + column]; }
};

/// What an entry hands back: its rows in order, then the hash of its one state.
struct Outcome {
  std::vector<Grid> outputs;
  std::vector<Hash> state; ///< of each slot
};

/// Runs the one function of `module`, in tensor form.
Outcome runTensors(mlir::ModuleOp module);

/// Runs the one kernel.program of `module`. `problems` receives what no run may do: an access outside of a slot, an op
/// that overwrites what it or another thread still reads, a race between two launches with no barrier between them.
Outcome runBuffers(mlir::ModuleOp module, std::vector<std::string> &problems);

} // namespace llmc::test

#endif // LLMC_TEST_COMPILER_SCHEDULE_PLANORACLE_H
