// GraphReference.h - a lowered graph run by itself: linalg and tensor ops one after the other, element by element.
//
// The second witness of `llmc check` for graphs: nothing is fused, bufferized, planned or compiled, and no memory is
// shared. Not here: what scalar ops mean (ReferenceScalars.h).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_GRAPHREFERENCE_H
#define LLMC_TOOLS_DRIVER_GRAPHREFERENCE_H

#include "frontends/formats/TensorIndex.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <vector>

namespace llmc::driver {

/// Dense row-major elements, in storage types: a byte for a bool and for whatever is narrower.
struct PlainTensor {
  llvm::SmallVector<int64_t> shape;
  mlir::Type element;
  std::vector<char> bytes;

  int64_t count() const;
};

/// Runs an entry of the stop `lower`. Large initializers are read from `weights`. Fails with a message where an op is
/// none that lowered graphs have, or where the graph ends the step because sizes do not fit.
mlir::LogicalResult runGraphReference(mlir::func::FuncOp entry, const TensorIndex &weights,
                                      std::vector<PlainTensor> inputs, std::vector<PlainTensor> &results);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_GRAPHREFERENCE_H
