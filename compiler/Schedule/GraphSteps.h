// GraphSteps.h - branches and loops of a bufferized graph whose bodies are launches: what decides them is made a byte
// in memory.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_SCHEDULE_GRAPHSTEPS_H
#define LLMC_COMPILER_SCHEDULE_GRAPHSTEPS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace llmc::graph {

/// A branch or loop of the step program.
struct Steps {
  mlir::Operation *op;                        ///< scf.if, or scf.for
  mlir::Value flag;                           ///< memref<i8>: which branch, or whether there is another turn
  llvm::SmallVector<mlir::Block *, 2> blocks; ///< of a branch both, where there are two
  bool isLoop;
};

/// Finds the scf.if and scf.for ops that hold buffers or ops on whole buffers, outer ones first, in an entry and in
/// each other. Before each stands the allocation of its flag, and ops that set it; a loop's induction variable is
/// counted in memory, and its body ends with the next turn's flag. Other control flow stays what one launch runs.
void writeSteps(mlir::func::FuncOp func, llvm::SmallVectorImpl<Steps> &steps);

/// A scalar that is read of memory which changes later is copied to a cell of its own: launches read it there whenever
/// they need it.
void keepScalars(mlir::func::FuncOp func, llvm::ArrayRef<Steps> steps);

} // namespace llmc::graph

#endif // LLMC_COMPILER_SCHEDULE_GRAPHSTEPS_H
