// GraphMatch.h - how passes of tensor graphs look at onnx ops: who makes a value, constants, products of many factors.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_RAISE_GRAPHMATCH_H
#define LLMC_COMPILER_RAISE_GRAPHMATCH_H

#include "dialects/ONNX/IR/ONNX.h"

#include <optional>

namespace llmc::raise {

using mlir::Operation;
using mlir::Value;

/// The op of that node type that makes a value, or null.
Operation *madeBy(Value value, llvm::StringRef type);
/// The other operand of a node of two where one is `one`; null where none is.
Value otherOperand(Operation *op, Value one);
/// The number that all elements of a constant are, whatever its type.
std::optional<double> splatOf(Value value);
/// The elements of a constant of integers.
std::optional<llvm::SmallVector<int64_t>> integersOf(Value value);
/// An attribute of a node.
int64_t integerOf(Operation *op, llvm::StringRef name, int64_t otherwise);

/// A value as a number times values: what Mul, Div by a constant and Neg make of it. Values in between are taken apart
/// where nothing else uses them.
struct Product {
  double factor = 1;
  llvm::SmallVector<Value> values;
};
Product productOf(Value value);

/// The sizes of a type, open ones as expressions over the entry's symbols, and the type of such sizes: as
/// frontends/onnx/Extents.h writes them, so that equal sizes are equal types.
llvm::SmallVector<mlir::AffineExpr> sizesOf(mlir::RankedTensorType type);
mlir::RankedTensorType typeFrom(llvm::ArrayRef<mlir::AffineExpr> sizes, mlir::Type element);
inline bool isOne(mlir::AffineExpr size) {
  auto number = mlir::dyn_cast<mlir::AffineConstantExpr>(size);
  return number && number.getValue() == 1;
}

inline mlir::RankedTensorType typeOf(Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()); }
/// Whether two numbers are equal but for how they were rounded.
bool isNear(double a, double b);

/// A node before `where`, at its location; null inputs are left out.
Operation *createNode(Operation *where, llvm::StringRef type, int64_t since, llvm::ArrayRef<Value> inputs,
                      mlir::TypeRange types, llvm::ArrayRef<mlir::NamedAttribute> settings = {});
/// A constant of equal numbers.
Value createSplat(Operation *where, mlir::RankedTensorType type, double number);
/// An int64 constant.
Value createIntegers(Operation *where, llvm::ArrayRef<int64_t> values);

/// Erases what nothing uses any more, in all of a block.
void eraseUnused(mlir::Block &block);

/// The name of a node in the file, for remarks.
llvm::StringRef nameOf(Operation *op);

} // namespace llmc::raise

#endif // LLMC_COMPILER_RAISE_GRAPHMATCH_H
