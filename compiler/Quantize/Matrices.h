// Matrices.h - the weights that are worth storing in fewer bits, and where they come from.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_QUANTIZE_MATRICES_H
#define LLMC_COMPILER_QUANTIZE_MATRICES_H

#include "dialects/Transformer/IR/Transformer.h"

#include <string>

namespace llmc {

/// The operands below `root` that are matrices which an op multiplies with or looks rows up in, in order.
llvm::SmallVector<mlir::OpOperand *> matricesIn(mlir::Operation *root);

/// The matrix of a linear whose name its input's statistics bear: its only one, or a gate's. Null for other ops.
mlir::Value namingMatrixOf(mlir::Operation *op);

/// The keys of the statistics of an op's input, one for each layer; empty where there are none.
llvm::SmallVector<std::string> statisticsKeysOf(mlir::Operation *op);

/// The tensors of the checkpoint that a weight value is made of, in order.
llvm::SmallVector<transformer::WeightOp> originsOf(mlir::Value weight);

/// The block format that a weight value is in or was decoded from, of the first of its parts that has one; else null.
transformer::BlockType storedBlocksOf(mlir::Value weight);

} // namespace llmc

#endif // LLMC_COMPILER_QUANTIZE_MATRICES_H
