// FuseNorms.cpp - norm rows while they are quantised.
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

/// The norm of whole rows that `quantize` alone reads, or null.
RMSNormOp onlyNorm(QuantizeOp quantize) {
  auto norm = quantize.getX().getDefiningOp<RMSNormOp>();
  if (!norm || quantize.getNorm() || norm->getBlock() != quantize->getBlock() || !quantize.getX().hasOneUse() ||
      norm.getWeight().getType().getK() != cast<ShapedType>(norm.getX().getType()).getDimSize(1))
    return nullptr;
  return norm;
}

struct FuseNorms : llmc::impl::FuseNormsPassBase<FuseNorms> {
  void runOnOperation() override {
    getOperation().walk([&](QuantizeOp quantize) {
      RMSNormOp norm = onlyNorm(quantize);
      if (!norm)
        return;
      OpBuilder b(quantize);
      auto fused =
          QuantizeOp::create(b, b.getFusedLoc({norm.getLoc(), quantize.getLoc()}), quantize->getResultTypes(),
                             norm.getX(), norm.getWeight(), quantize.getOrder(), ValueRange{}, quantize.getSegment(),
                             quantize.getSums(), quantize.getZero(), norm.getEpsilon(), norm.getWeightOffset());
      quantize->replaceAllUsesWith(fused->getResults());
      quantize->erase();
      norm->erase();
      ++numFused;
    });
  }
};

} // namespace
