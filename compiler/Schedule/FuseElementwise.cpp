// FuseElementwise.cpp - chains of elementwise ops of a graph become one op, as long as nothing is computed twice.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace llmc {
#define GEN_PASS_DEF_FUSEELEMENTWISEPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;

namespace {

/// Ops of a body that may be computed again for each element they are spread to: memory is not faster.
constexpr unsigned kFewOps = 8;

bool onlyMoves(linalg::GenericOp op) { return op.getBody()->getOperations().size() == 1; }

bool isCheap(linalg::GenericOp op) {
  Block &body = *op.getBody();
  if (body.getOperations().size() > kFewOps)
    return false;
  for (Operation &inner : body)
    if (isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemFOp>(inner) || inner.getNumRegions() != 0 ||
        isa<math::MathDialect>(inner.getDialect()))
      return false;
  return true;
}

/// Whether the producer of an operand is computed where it is read.
bool isFused(OpOperand *operand) {
  Operation *producer = operand->get().getDefiningOp();
  if (!producer || !producer->hasOneUse())
    return false;
  auto from = dyn_cast<linalg::GenericOp>(producer);
  auto to = dyn_cast<linalg::GenericOp>(operand->getOwner());
  // Reshapes are moved out of the way.
  if (!from || !to)
    return true;
  // A sum is not made anew for each place that reads it.
  if (llvm::any_of(from.getRegionOutputArgs(), [](BlockArgument sum) { return !sum.use_empty(); }))
    return false;
  // Each element is read once.
  if (to.getMatchingIndexingMap(operand).isPermutation() || onlyMoves(from))
    return true;
  return to.getNumReductionLoops() == 0 && isCheap(from);
}

struct FuseElementwise : llmc::impl::FuseElementwisePassBase<FuseElementwise> {
  /// Dimensions of one place hide which ops go over the same places. What a loop carries keeps its shape.
  LogicalResult dropUnits() {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    linalg::ControlDropUnitDims control;
    control.controlFn = [](Operation *op) {
      auto generic = dyn_cast<linalg::GenericOp>(op);
      bool isTop = generic && isa<func::FuncOp>(op->getParentOp());
      return isTop ? llvm::to_vector(llvm::seq<unsigned>(0, generic.getNumLoops())) : SmallVector<unsigned>();
    };
    linalg::populateFoldUnitExtentDimsPatterns(patterns, control);
    linalg::populateFoldUnitExtentDimsCanonicalizationPatterns(patterns, control);
    linalg::FillOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return failure();
    foldStarts();
    return success();
  }

  /// A sum of one place, whose loop is gone, begins with a number and not with memory.
  void foldStarts() {
    getOperation().walk([](linalg::GenericOp op) {
      if (op.getNumReductionLoops() != 0)
        return;
      for (OpOperand &init : op.getDpsInitsMutable()) {
        auto fill = init.get().getDefiningOp<linalg::FillOp>();
        BlockArgument argument = op.getMatchingBlockArgument(&init);
        if (!fill || argument.use_empty() || fill.getInputs()[0].getType() != argument.getType())
          continue;
        argument.replaceAllUsesWith(fill.getInputs()[0]);
        init.set(fill.getOutputs()[0]);
      }
    });
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    // A transposition is an elementwise op that moves.
    IRRewriter rewriter(context);
    SmallVector<linalg::TransposeOp> turns;
    getOperation().walk([&](linalg::TransposeOp op) { turns.push_back(op); });
    for (linalg::TransposeOp op : turns) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op)))
        return signalPassFailure();
    }
    if (failed(dropUnits()))
      return signalPassFailure();
    RewritePatternSet patterns(context);
    linalg::populateElementwiseOpsFusionPatterns(patterns, isFused);
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, isFused);
    tensor::populateBubbleUpExpandShapePatterns(patterns);
    affine::AffineApplyOp::getCanonicalizationPatterns(patterns, context);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, context);
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, context);
    linalg::FillOp::getCanonicalizationPatterns(patterns, context);
    context->getLoadedDialect<linalg::LinalgDialect>()->getCanonicalizationPatterns(patterns);
    linalg::populateConstantFoldLinalgOperations(patterns, isFused);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns),
                                     GreedyRewriteConfig().setUseTopDownTraversal())) ||
        failed(dropUnits()))
      signalPassFailure();
  }
};

} // namespace
