// Verification.h - checks that several ops of the dialect share. Private to this folder.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_IR_VERIFICATION_H
#define LLMC_DIALECTS_TRANSFORMER_IR_VERIFICATION_H

#include "dialects/Transformer/IR/Transformer.h"

namespace llmc::transformer {

inline mlir::RankedTensorType tensorType(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}

/// "is 5, expected 7": an error on `op` when `found` differs from `expected`.
mlir::LogicalResult verifyExtent(mlir::Operation *op, const llvm::Twine &what, int64_t found, int64_t expected);

/// Every present value has as many rows (dimension 0) as `first`, as far as both are static.
mlir::LogicalResult verifySameRows(mlir::Operation *op, llvm::StringRef what, mlir::Value first,
                                   llvm::ArrayRef<std::pair<llvm::StringRef, mlir::Value>> others);

/// A statically shaped vector or matrix operand has exactly this shape; an absent value passes.
mlir::LogicalResult verifyShape(mlir::Operation *op, llvm::StringRef what, mlir::Value value,
                                llvm::ArrayRef<int64_t> expected);

/// The columns of `value` are static.
mlir::LogicalResult verifyStaticColumns(mlir::Operation *op, llvm::StringRef what, mlir::Value value);

/// The number is finite and, with `positive`, greater than 0.
mlir::LogicalResult verifyFinite(mlir::Operation *op, llvm::StringRef what, const llvm::APFloat &value,
                                 bool positive = false);

/// `state` is consumed at most once, and only after every read of it in the same block. Errors are on the op that
/// breaks the rule, with a note on the first consumer.
mlir::LogicalResult verifyLinear(mlir::Value state);

/// The element type is f16, bf16, f32 or f64.
inline bool isFloatElement(mlir::Type type) { return llvm::isa<mlir::FloatType>(type); }

} // namespace llmc::transformer

#endif // LLMC_DIALECTS_TRANSFORMER_IR_VERIFICATION_H
