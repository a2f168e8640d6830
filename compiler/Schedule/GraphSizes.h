// GraphSizes.h - sizes of a bufferized graph that are known only at run time: what sets them, what bounds them, and the
// memory of inputs and outputs that have them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_SCHEDULE_GRAPHSIZES_H
#define LLMC_COMPILER_SCHEDULE_GRAPHSIZES_H

#include "dialects/Kernel/IR/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace llmc::graph {

/// A dimension of the manifest.
struct Dim {
  std::string name;
  int64_t minimum, maximum;
  bool computed; ///< by the step
};

/// Found and set while a program is built of one entry.
class Sizes {
public:
  explicit Sizes(mlir::func::FuncOp func) : func(func), context(func.getContext()) {}

  /// On an allocation: it is the memory of this argument, an input's or an output's.
  static constexpr llvm::StringLiteral kArgument = "llmc.argument";

  /// Gives inputs of open sizes memory whose sizes are dims: from here on they are allocations with `kArgument`.
  mlir::LogicalResult openInputs(int64_t inputs);
  /// The same for outputs, of which `first` is the first argument: a value that is only copied to one is made there.
  /// The dims that the step computes are set at the entry's end.
  mlir::LogicalResult openOutputs(int64_t first, int64_t inputs);

  /// Reshapes to several open sizes at once as views whose strides are written out: what lowers memrefs further works
  /// out one such size of a group alone.
  void writeStrides();

  /// The least and the largest that an index can be, found term by term.
  std::pair<int64_t, int64_t> bounds(mlir::Value value);
  /// Elements that a buffer may have at most; -1 without a bound.
  int64_t mostElements(mlir::memref::AllocOp alloc);
  /// The places of a linalg op's loop: how many there are, or may be.
  int64_t mostPlaces(mlir::linalg::LinalgOp op, unsigned loop);

  /// For the manifest: dims, and each argument's sizes as types whose encoding maps dims to sizes.
  const llvm::SmallVector<Dim> &dims() const { return list; }
  mlir::ArrayAttr attribute() const;

private:
  mlir::Value sizeOf(mlir::Value buffer, int64_t dim);
  std::pair<int64_t, int64_t> boundsOfDim(mlir::Value buffer, int64_t dim);
  std::pair<int64_t, int64_t> boundsOf(mlir::AffineExpr expr, mlir::ValueRange operands, unsigned dims);
  std::pair<int64_t, int64_t> selected(mlir::arith::SelectOp op);
  mlir::LogicalResult openOutput(mlir::BlockArgument argument);

  mlir::func::FuncOp func;
  mlir::MLIRContext *context;
  llvm::SmallVector<Dim> list;
  llvm::DenseMap<int64_t, int64_t> dimOfSymbol; ///< of the entry's symbols to numbers of dims
  llvm::DenseMap<mlir::Value, std::pair<int64_t, int64_t>> known;
};

/// The memory that a buffer is a view of: an argument, an allocation or a global.
mlir::Value rootOf(mlir::Value value);
/// Whether nothing, through views of it either, touches an allocation of the entry after `copy`.
bool isLastUse(mlir::Block &entry, mlir::memref::AllocOp alloc, mlir::Operation *copy);

} // namespace llmc::graph

#endif // LLMC_COMPILER_SCHEDULE_GRAPHSIZES_H
