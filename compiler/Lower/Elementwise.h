// Elementwise.h - what an elementwise linalg op is, for the passes that move its body.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_LOWER_ELEMENTWISE_H
#define LLMC_COMPILER_LOWER_ELEMENTWISE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace llmc {

/// True when every f32 of the one result is a function of the f32 elements of the inputs at the same place: parallel
/// loops, identity maps, and an initial value that the body does not read.
inline bool isElementwise(mlir::linalg::GenericOp op) {
  if (op->getNumResults() != 1 || op.getNumDpsInits() != 1 || op.getNumParallelLoops() != op.getNumLoops())
    return false;
  for (mlir::AffineMap map : op.getIndexingMapsArray())
    if (!map.isIdentity())
      return false;
  for (mlir::BlockArgument argument : op.getBlock()->getArguments())
    if (!argument.getType().isF32())
      return false;
  return op.getBlock()->getArguments().back().use_empty();
}

} // namespace llmc

#endif // LLMC_COMPILER_LOWER_ELEMENTWISE_H
