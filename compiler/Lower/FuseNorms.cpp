// FuseNorms.cpp - norm rows while they are quantised or halved.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Lower/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"

namespace llmc {
#define GEN_PASS_DEF_FUSENORMSPASS
#include "compiler/Lower/LowerPasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;

namespace {

/// The norm of whole rows that `reader` alone reads, or null.
template <typename Reader> RMSNormOp onlyNorm(Reader reader) {
  auto norm = reader.getX().template getDefiningOp<RMSNormOp>();
  if (!norm || reader.getNorm() || norm->getBlock() != reader->getBlock() || !reader.getX().hasOneUse() ||
      norm.getWeight().getType().getK() != cast<ShapedType>(norm.getX().getType()).getDimSize(1))
    return nullptr;
  return norm;
}

struct FuseNorms : llmc::impl::FuseNormsPassBase<FuseNorms> {
  /// Replaces a reader and its norm by what `build` makes of both.
  template <typename Reader, typename Build> void fuse(Reader reader, Build build) {
    RMSNormOp norm = onlyNorm(reader);
    if (!norm)
      return;
    OpBuilder b(reader);
    reader->replaceAllUsesWith(build(b, b.getFusedLoc({norm.getLoc(), reader.getLoc()}), norm)->getResults());
    reader->erase();
    norm->erase();
    ++numFused;
  }

  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (auto quantize = dyn_cast<QuantizeOp>(op))
        fuse(quantize, [&](OpBuilder &b, Location loc, RMSNormOp norm) {
          return QuantizeOp::create(b, loc, quantize->getResultTypes(), norm.getX(), norm.getWeight(),
                                    quantize.getOrder(), ValueRange{}, quantize.getSegment(), quantize.getSums(),
                                    quantize.getZero(), norm.getEpsilon(), norm.getWeightOffset());
        });
      else if (auto halve = dyn_cast<HalveOp>(op))
        fuse(halve, [&](OpBuilder &b, Location loc, RMSNormOp norm) {
          return HalveOp::create(b, loc, halve->getResultTypes(), norm.getX(), norm.getWeight(), ValueRange{},
                                 norm.getEpsilon(), norm.getWeightOffset());
        });
    });
  }
};

} // namespace
