// TrimLastLayer.cpp - let the last layer compute only the rows whose logits are wanted.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"

namespace llmc {
#define GEN_PASS_DEF_TRIMLASTLAYERPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;

namespace {

/// The rows by which everything that reads the loop's carried rows picks them; null when something reads others.
Value pickedRows(LayersOp layers) {
  Value rows;
  for (Value result : layers.getResults()) {
    if (!isa<RankedTensorType>(result.getType()))
      continue; // a state
    for (Operation *user : result.getUsers()) {
      auto gather = dyn_cast<GatherRowsOp>(user);
      if (!gather || (rows && gather.getRows() != rows))
        return {};
      rows = gather.getRows();
    }
  }
  return rows;
}

/// True for ops whose row t of the result depends on row t of what they read, and on states.
bool worksRowByRow(Operation *op) {
  return isa<MatmulOp, RMSNormOp, QuantizeOp, HalveOp, RopeOp, ElementwiseOp, AttentionOp, ColumnsOp>(op);
}

/// True for ops that compute no rows, wherever they stand.
bool isNeutral(Operation *op) { return isa<GetWeightOp>(op) || op->hasTrait<OpTrait::ConstantLike>(); }

struct TrimLastLayer : llmc::impl::TrimLastLayerPassBase<TrimLastLayer> {
  void runOnOperation() override {
    getOperation().walk([&](LayersOp layers) {
      Value rows = pickedRows(layers);
      if (!rows || !rows.getParentRegion()->isProperAncestor(&layers.getBodies().front()))
        return;
      Block &body = layers.getBodies()[layers.getClasses().back()].front();
      Operation *first = nullptr;
      for (Operation *op = body.getTerminator()->getPrevNode(); op; op = op->getPrevNode()) {
        if (worksRowByRow(op))
          first = op;
        else if (!isNeutral(op))
          break;
      }
      if (!first)
        return;
      OpBuilder b(first);
      WantedRowsOp::create(b, first->getLoc(), rows);
      ++numTrimmed;
    });
  }
};

} // namespace
