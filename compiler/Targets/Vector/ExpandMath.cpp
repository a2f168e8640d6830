// ExpandMath.cpp - elementary functions in generic launches: the image calls no math library.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Passes.h"
#include "compiler/Targets/TargetBackend.h"
#include "compiler/Targets/Vector/Math.h"
#include "compiler/Targets/Vector/WideMath.h"

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
using namespace llmc;
using namespace llmc::vector_emit;

namespace {

/// Functions that we have code of our own for, in f32 or, `wide`, in f64.
template <typename Op, Value (*emit)(VectorBuilder &, Value), bool wide = false> struct Own : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (wide ? !element.isF64() : !element.isF32())
      return failure();
    VectorBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, emit(b, op.getOperand()));
    return success();
  }
};

/// exp of what is not above 0, which needs no look at what is too large.
struct ExpOfNonPositive : OpRewritePattern<math::ExpOp> {
  const TargetBackend &backend;
  ExpOfNonPositive(MLIRContext *context, PatternBenefit benefit, const TargetBackend &backend)
      : OpRewritePattern(context, benefit), backend(backend) {}
  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    if (!op->hasAttr("llmc.nonpositive") || !getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    VectorBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, emitExpOfNonPositive(b, backend, op.getOperand()));
    return success();
  }
};

/// The greater of what is taken to be numbers is one instruction.
struct GreaterOfNumbers : OpRewritePattern<arith::MaximumFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::MaximumFOp op, PatternRewriter &rewriter) const override {
    if (!arith::bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::nnan))
      return failure();
    Value above = arith::CmpFOp::create(rewriter, op.getLoc(), arith::CmpFPredicate::OGT, op.getLhs(), op.getRhs());
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, above, op.getLhs(), op.getRhs());
    return success();
  }
};

/// Functions in terms of others that keep their places near 0, where differences of exponentials and logarithms of
/// numbers near 1 lose them.
enum class Stable { Sinh, Asinh, Acosh, Atanh };
template <typename Op, Stable kind> struct ExpandStable : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type type = op.getType(), element = getElementTypeOrSelf(type);
    if (!element.isF32() && !element.isF64())
      return failure();
    VectorBuilder b(op.getLoc(), rewriter);
    Value x = op.getOperand(), one = b.constant(type, 1), size = LLVM::FAbsOp::create(b, type, x), result;
    auto above = [&](Value value, double bound) -> Value {
      return arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, value, b.constant(type, bound));
    };
    auto select = [&](Value condition, Value yes, Value no) -> Value {
      return arith::SelectOp::create(b, condition, yes, no);
    };
    // From here on the square of x has no place left for 1.
    double large = element.isF64() ? 0x1p28 : 0x1p14;
    auto twice = [&](Value value) -> Value {
      return b.fadd(math::LogOp::create(b, value), b.constant(type, 0.69314718055994530942));
    };
    switch (kind) {
    case Stable::Sinh: {
      Value t = math::ExpM1Op::create(b, size), e = math::ExpOp::create(b, size);
      Value near = b.fadd(t, b.fdiv(t, b.fadd(t, one))), far = b.fsub(e, b.fdiv(one, e));
      result = b.fmul(select(above(size, 1), far, near), b.constant(type, 0.5));
      break;
    }
    case Stable::Asinh: {
      Value square = b.fmul(x, x), root = b.sqrt(b.fadd(square, one));
      Value near = math::Log1pOp::create(b, b.fadd(size, b.fdiv(square, b.fadd(one, root))));
      result = select(above(size, large), twice(size), near);
      break;
    }
    case Stable::Acosh: {
      Value t = b.fsub(x, one), root = b.sqrt(b.fmul(t, b.fadd(t, b.constant(type, 2))));
      result = select(above(x, large), twice(x), math::Log1pOp::create(b, b.fadd(t, root)));
      break;
    }
    case Stable::Atanh: {
      Value ratio = b.fdiv(b.fadd(size, size), b.fsub(one, size));
      result = b.fmul(math::Log1pOp::create(b, ratio), b.constant(type, 0.5));
      break;
    }
    }
    if (kind != Stable::Acosh)
      result = LLVM::CopySignOp::create(b, type, result, x);
    rewriter.replaceOp(op, result);
    return success();
  }
};

Value emitWideSin(VectorBuilder &b, Value x) { return emitSinCos(b, x).first; }
Value emitWideCos(VectorBuilder &b, Value x) { return emitSinCos(b, x).second; }

void addWide(RewritePatternSet &patterns) {
  constexpr int first = 10;
  MLIRContext *context = patterns.getContext();
  patterns.add<
      Own<math::ExpOp, emitWideExp, true>, Own<math::ExpM1Op, emitWideExpM1, true>, Own<math::LogOp, emitWideLog, true>,
      Own<math::Log1pOp, emitWideLog1p, true>, Own<math::SinOp, emitWideSin, true>, Own<math::CosOp, emitWideCos, true>,
      Own<math::TanhOp, emitWideTanh, true>, Own<math::ErfOp, emitWideErf, true>, Own<math::AtanOp, emitWideAtan, true>,
      Own<math::AsinOp, emitWideAsin, true>, Own<math::AcosOp, emitWideAcos, true>>(context, first);
}

struct ExpandMath : llmc::impl::ExpandMathPassBase<ExpandMath> {
  using ExpandMathPassBase::ExpandMathPassBase;

  void runOnOperation() override {
    const TargetBackend *backend = targetBackend(variant);
    if (!backend) {
      getOperation().emitError() << "unknown processor variant '" << variant << "'";
      return signalPassFailure();
    }
    // Functions in terms of others first, then those that are sums of powers.
    RewritePatternSet expansions(&getContext());
    expansions.add<ExpandStable<math::SinhOp, Stable::Sinh>, ExpandStable<math::AsinhOp, Stable::Asinh>,
                   ExpandStable<math::AcoshOp, Stable::Acosh>, ExpandStable<math::AtanhOp, Stable::Atanh>>(
        &getContext(), /*benefit=*/10);
    math::populateExpansionPatterns(expansions, {"sinh", "cosh", "asinh", "acosh", "atanh", "tan", "ctlz", "rsqrt",
                                                 "ceilf", "powf", "exp2f", "roundeven"});
    RewritePatternSet patterns(&getContext());
    patterns.add<Own<math::ExpOp, emitExp>, Own<math::TanhOp, emitTanh>, Own<math::ErfOp, emitErf>>(&getContext(),
                                                                                                    /*benefit=*/10);
    addWide(patterns);
    patterns.add<ExpOfNonPositive>(&getContext(), /*benefit=*/20, *backend);
    patterns.add<GreaterOfNumbers>(&getContext());
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
