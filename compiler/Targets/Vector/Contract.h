// Contract.h - loops over strided buffers, and what is written with them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_VECTOR_CONTRACT_H
#define LLMC_COMPILER_TARGETS_VECTOR_CONTRACT_H

#include "compiler/Targets/Vector/Kernels.h"

namespace llmc::vector_emit {

/// A whole number that is known while compiling, or (where `open` is set) an i64 of the function.
struct Number {
  int64_t known = 0;
  Value open;
  bool is(int64_t value) const { return !open && known == value; }
};

/// A loop, and how many elements its next place is further on in each buffer.
struct StridedLoop {
  Number range;
  llvm::SmallVector<Number> steps;
  int64_t outermost = -1, innermost = -1; ///< of the loops that it was joined from
};

/// Buffers as addresses and steps. Emits what is read from their descriptors where it is asked for the first time.
class StridedLoops {
public:
  explicit StridedLoops(VectorBuilder &b) : b(b) {}

  void addBuffer(Value buffer, mlir::AffineMap map);
  /// The loop of that number, as large as dimension `dim` of `source`.
  StridedLoop loop(int64_t number, Value source, int64_t dim);
  /// A loop of one place.
  StridedLoop single() const;
  Value base(unsigned buffer) const { return bases[buffer]; }

  /// Whether all places of `inner` follow each other from one place of `outer` to the next, or both stand still.
  bool isStacked(unsigned buffer, const StridedLoop &outer, const StridedLoop &inner) const;
  /// Makes one loop of each two that are stacked in all buffers: neighbours, or any.
  void join(llvm::SmallVectorImpl<StridedLoop> &loops, bool anyOrder) const;

  Value value(Number number) const { return number.open ? number.open : b.i64(number.known); }
  Number mul(Number a, Number b) const;
  Number add(Number a, Number b) const;
  Number ceilDiv(Number a, int64_t by) const;
  /// `index` steps further on, in bytes and as an address; steps in elements of 4 bytes.
  Value offset(Value index, Number step) const { return b.mul(b.mul(index, value(step)), 4); }
  Value at(Value place, Value index, Number step) const {
    return step.is(0) ? place : b.at(place, offset(index, step));
  }
  Value atBytes(Value place, Value index, Number bytes) const { return b.at(place, b.mul(index, value(bytes))); }

private:
  void addTerms(mlir::AffineExpr expr, Number stride, llvm::SmallVectorImpl<Number> &steps, Number &offset) const;

  VectorBuilder &b;
  llvm::SmallVector<mlir::MemRefType> types;
  llvm::SmallVector<mlir::AffineMap> maps;
  llvm::SmallVector<Value> bases;
  llvm::SmallVector<llvm::SmallVector<Number>> steps; ///< [buffer][loop]
};

/// 16 vectors of 16 as rows become columns.
void turnSquare(VectorBuilder &b, llvm::MutableArrayRef<Value> square);

/// The ops of `body` on vectors of `lanes` numbers, for the values of its arguments; gives what it yields. Ops of math
/// stay what they are.
llvm::SmallVector<Value> vectorBody(VectorBuilder &b, mlir::Block &body, ValueRange arguments, int64_t lanes);

/// Replaces the op, which stands in a generic launch, by loops in which the team shares its places.
void emitContract(VectorBuilder &b, kernel::ContractOp op, const KernelArguments &arguments);

} // namespace llmc::vector_emit

#endif // LLMC_COMPILER_TARGETS_VECTOR_CONTRACT_H
