// ExpandMath.cpp - elementary functions in generic launches: the image calls no math library.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Passes.h"
#include "compiler/Targets/Vector/Math.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace llmc {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "compiler/Targets/TargetsPasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc::vector_emit;

namespace {

/// Functions that we have code of our own for.
template <typename Op, Value (*emit)(VectorBuilder &, Value)> struct Own : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    VectorBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, emit(b, op.getOperand()));
    return success();
  }
};

struct ExpandMath : llmc::impl::ExpandMathPassBase<ExpandMath> {
  void runOnOperation() override {
    // Functions in terms of others first, then those that are sums of powers.
    RewritePatternSet expansions(&getContext());
    math::populateExpansionPatterns(expansions, {"sinh", "cosh", "asinh", "acosh", "atanh", "tan", "ctlz", "rsqrt",
                                                 "ceilf", "powf", "exp2f", "roundeven"});
    RewritePatternSet patterns(&getContext());
    patterns.add<Own<math::ExpOp, emitExp>, Own<math::TanhOp, emitTanh>, Own<math::ErfOp, emitErf>>(&getContext(),
                                                                                                    /*benefit=*/10);
    auto known = [](StringRef name) { return llvm::is_contained({"math.asin", "math.acos"}, name); };
    populateMathF32ExpansionPatterns(patterns, known);
    auto approximated = [](StringRef name) {
      return llvm::is_contained({"math.atan", "math.atan2", "math.log", "math.log2", "math.log1p", "math.expm1",
                                 "math.sin", "math.cos", "math.cbrt", "math.asin", "math.acos", "math.erfc"},
                                name);
    };
    populateMathPolynomialApproximationPatterns(patterns, approximated);
    if (failed(applyPatternsGreedily(getOperation(), std::move(expansions))) ||
        failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
