// WeightPacker.h - runs the weight recipes of a module: mapped checkpoint in, packed bytes out.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_WEIGHTS_WEIGHTPACKER_H
#define LLMC_COMPILER_WEIGHTS_WEIGHTPACKER_H

#include "frontends/formats/TensorIndex.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <cstdint>

namespace llmc::weights {

/// Bytes of the weights section of a module at stop `schedule`: the end of the last placed `kernel.weight`; 0 without
/// weights.
uint64_t weightsSectionSize(mlir::ModuleOp module);

/// Checks that every recipe can run: its operations are ones that can be executed, and every key names a tensor of the
/// checkpoint with the type that the recipe says; and that values can be what they are converted to, which reads every
/// tensor that is converted, on `numThreads` threads (0: as many as the machine runs). Reports located errors, the same
/// ones whatever the threads.
mlir::LogicalResult checkWeights(mlir::ModuleOp module, const TensorIndex &checkpoint, unsigned numThreads = 2);

/// Takes packed bytes for a place in the weights section. Called from several threads at once, for places that do not
/// overlap.
using WeightSink = llvm::function_ref<llvm::Error(uint64_t offset, llvm::ArrayRef<uint8_t> bytes)>;

/// Runs every recipe for every copy and hands the packed bytes to `sink` in blocks of about a megabyte. Needs
/// checkWeights() and placed weights. Anonymous memory: for each thread a block and 17 rows of the widest weight. The
/// bytes do not depend on the number of threads (0: as many as the machine runs). Returns the first error of the sink;
/// nothing is retried.
llvm::Error packWeights(mlir::ModuleOp module, const TensorIndex &checkpoint, WeightSink sink, unsigned numThreads = 2);

} // namespace llmc::weights

#endif // LLMC_COMPILER_WEIGHTS_WEIGHTPACKER_H
