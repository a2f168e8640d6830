// GraphPanels.cpp - constants that contractions read get the order in which they are read.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace llmc {
#define GEN_PASS_DEF_GRAPHPANELSPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;

namespace {

/// Columns of a panel.
constexpr int64_t kColumns = 16;

/// A loop of a matrix: its number in the contraction, its size, and how far its places are apart in the tensor.
struct Loop {
  int64_t number, size, stride;
};
/// A constant as the columns' factor of a contraction.
struct Matrix {
  SmallVector<Loop> columns, steps;
  bool sameAs(const Matrix &other) const {
    auto same = [](ArrayRef<Loop> a, ArrayRef<Loop> b) {
      return llvm::equal(a, b, [](const Loop &x, const Loop &y) { return x.size == y.size && x.stride == y.stride; });
    };
    return same(columns, other.columns) && same(steps, other.steps);
  }
};

int64_t placesOf(ArrayRef<Loop> loops) {
  int64_t product = 1;
  for (const Loop &loop : loops)
    product *= loop.size;
  return product;
}

struct GraphPanels : llmc::impl::GraphPanelsPassBase<GraphPanels> {
  /// The contraction's factor at `operand` as a matrix, where it is the columns' and whole panels can be addressed.
  static FailureOr<Matrix> matrixOf(OpOperand &operand) {
    auto op = cast<kernel::ContractOp>(operand.getOwner());
    unsigned number = operand.getOperandNumber();
    int64_t column = op.getColumnLoop();
    if (number > 1 || op.getPanels() || !op.getMap(number).isFunctionOfDim(column))
      return failure();
    auto type = cast<MemRefType>(operand.get().getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(type.getStridesAndOffset(strides, offset)) || offset != 0)
      return failure();
    Matrix matrix;
    SmallVector<Loop> loops(op.getNumLoops(), {-1, 0, 0});
    for (auto [size, stride, place] : llvm::zip(type.getShape(), strides, op.getMap(number).getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(place);
      if (size == 1 && !dim)
        continue;
      // Another buffer must say how large the loop is.
      if (!dim || loops[dim.getPosition()].number >= 0)
        return failure();
      loops[dim.getPosition()] = {static_cast<int64_t>(dim.getPosition()), size, stride};
    }
    for (const Loop &loop : loops)
      if (loop.number >= 0 && loop.number != column)
        (loop.number < op.getNumParallel() ? matrix.columns : matrix.steps).push_back(loop);
    matrix.columns.push_back(loops[column]);
    // A panel belongs to one place of the loops around the columns.
    if (matrix.columns.size() > 2 || placesOf(matrix.columns) < kColumns ||
        (matrix.columns.size() == 2 && loops[column].size % kColumns != 0))
      return failure();
    for (const Loop &loop : loops)
      if (loop.number >= 0 && !isNamedElsewhere(op, number, loop.number))
        return failure();
    return matrix;
  }
  static bool isNamedElsewhere(kernel::ContractOp op, unsigned number, int64_t loop) {
    for (unsigned i = 0; i < op->getNumOperands(); ++i)
      if (i != number && llvm::is_contained(op.getMap(i).getResults(), getAffineDimExpr(loop, op.getContext())))
        return true;
    return false;
  }

  /// Every use of a constant, through views of all of it.
  static void usesOf(Value value, SmallVectorImpl<OpOperand *> &uses, SmallVectorImpl<Operation *> &views) {
    for (OpOperand &use : value.getUses()) {
      if (isa<memref::ExpandShapeOp, memref::CollapseShapeOp>(use.getOwner())) {
        views.push_back(use.getOwner());
        usesOf(use.getOwner()->getResult(0), uses, views);
      } else {
        uses.push_back(&use);
      }
    }
  }

  bool rewrite(func::FuncOp func, BlockArgument constant) {
    auto type = cast<MemRefType>(constant.getType());
    if (!type.getElementType().isF32() || !type.getLayout().isIdentity())
      return false;
    SmallVector<OpOperand *> uses;
    SmallVector<Operation *> views;
    usesOf(constant, uses, views);
    SmallVector<Matrix> matrices;
    for (OpOperand *use : uses) {
      if (!isa<kernel::ContractOp>(use->getOwner()))
        return false;
      FailureOr<Matrix> matrix = matrixOf(*use);
      if (failed(matrix) || (!matrices.empty() && !matrix->sameAs(matrices.front())))
        return false;
      matrices.push_back(std::move(*matrix));
    }
    if (matrices.empty())
      return false;
    OpBuilder b(&getContext());
    int64_t columns = placesOf(matrices[0].columns), steps = placesOf(matrices[0].steps);
    constant.setType(MemRefType::get({static_cast<int64_t>(llvm::alignTo(columns, kColumns)) * steps}, b.getF32Type()));
    auto listOf = [&](ArrayRef<Loop> loops) {
      return b.getArrayAttr(llvm::map_to_vector(
          loops, [&](const Loop &loop) -> Attribute { return b.getDenseI64ArrayAttr({loop.size, loop.stride}); }));
    };
    func.setArgAttr(constant.getArgNumber(), "llmc.columns", listOf(matrices[0].columns));
    func.setArgAttr(constant.getArgNumber(), "llmc.steps", listOf(matrices[0].steps));
    for (auto [use, matrix] : llvm::zip(uses, matrices)) {
      auto op = cast<kernel::ContractOp>(use->getOwner());
      AffineExpr place = getAffineConstantExpr(0, &getContext());
      // 16 columns are one place after another; so a column is `steps` further on, on average.
      int64_t apart = steps;
      for (const Loop &loop : llvm::reverse(matrix.columns)) {
        place = place + getAffineDimExpr(loop.number, &getContext()) * apart;
        apart *= loop.size;
      }
      apart = kColumns;
      for (const Loop &loop : llvm::reverse(matrix.steps)) {
        place = place + getAffineDimExpr(loop.number, &getContext()) * apart;
        apart *= loop.size;
      }
      SmallVector<Attribute> maps(op.getIndexingMaps().getValue());
      maps[use->getOperandNumber()] = AffineMapAttr::get(AffineMap::get(op.getNumLoops(), 0, place));
      op.setIndexingMapsAttr(b.getArrayAttr(maps));
      op.setPanels(true);
      use->set(constant);
    }
    for (Operation *view : llvm::reverse(views))
      view->erase();
    return true;
  }

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      auto keys = func->getAttrOfType<ArrayAttr>("llmc.constants");
      if (func.getBody().empty() || !keys)
        continue;
      int64_t inputs = func->getAttrOfType<IntegerAttr>("llmc.inputs").getInt();
      Block &entry = func.getBody().front();
      for (size_t i = 0; i < keys.size(); ++i)
        numConstants += rewrite(func, entry.getArgument(inputs + i));
      func.setType(FunctionType::get(&getContext(), entry.getArgumentTypes(), func.getResultTypes()));
    }
  }
};

} // namespace
