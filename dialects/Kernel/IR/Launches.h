// Launches.h - the launches of a step program in order, and what each reads and computes.
//
// Code, manifest and reports number launches the same way: by launchesOf().
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_KERNEL_IR_LAUNCHES_H
#define LLMC_DIALECTS_KERNEL_IR_LAUNCHES_H

#include "dialects/Kernel/IR/Kernel.h"

#include <optional>

namespace llmc::kernel {

/// A compute op of a program: all threads of the team enter it together.
struct Launch {
  mlir::Operation *op = nullptr;
  DimKind rows = DimKind::one;       ///< what counts the rows that it works on
  int64_t times = 1;                 ///< that a step runs it; 0: as often as a condition or a loop has it
  std::optional<int64_t> layerClass; ///< where it stands in a layer
  bool wantedRows = false;           ///< in the last layer it computes only rows that somebody reads
};

/// The launches of a program in the order in which they stand there.
llvm::SmallVector<Launch> launchesOf(ProgramOp program);

/// What counts the rows of a launch's output.
DimKind rowsKindOf(mlir::Operation *launch);
/// What counts the rows of a buffer, a view of one, or a program's argument.
DimKind rowsKindOf(mlir::Value rows);

/// What the products of a launch are made of.
enum class Arithmetic { none, f32, int8, f16 };

/// What a launch costs. Operations are those of products, a multiply-add being two; bytes are those of memory that it
/// reads or writes, each once. What a launch keeps in its own frame is not in it.
struct LaunchCost {
  uint64_t weightBytes = 0;   ///< of weights, whatever the rows
  uint64_t rowBytes = 0;      ///< of activations and of looked-up rows, for each row
  uint64_t rowOperations = 0; ///< for each row
  uint64_t keyBytes = 0;      ///< of the cache, for each position that a sequence of the step attends to
  uint64_t keyOperations = 0; ///< for each row and each position that it attends to
  uint64_t window = 0;        ///< positions that a row attends to at most; 0: all up to its own
  Arithmetic arithmetic = Arithmetic::none;
};

/// Launches of graphs whose sizes are open cost what their bounds say; a contraction of open sizes counts no
/// operations.
LaunchCost costOf(mlir::Operation *launch);

} // namespace llmc::kernel

#endif // LLMC_DIALECTS_KERNEL_IR_LAUNCHES_H
