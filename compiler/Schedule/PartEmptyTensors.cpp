// PartEmptyTensors.cpp - each use of an empty tensor has one of its own.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/Passes.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace llmc {
#define GEN_PASS_DEF_PARTEMPTYTENSORSPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;

namespace {

struct PartEmptyTensors : llmc::impl::PartEmptyTensorsPassBase<PartEmptyTensors> {
  void runOnOperation() override {
    SmallVector<tensor::EmptyOp> all;
    getOperation().walk([&](tensor::EmptyOp op) { all.push_back(op); });
    for (tensor::EmptyOp op : all) {
      bool first = true;
      for (OpOperand &use : llvm::make_early_inc_range(op->getUses())) {
        // The first use takes the op along, so that it stands in the block where it is needed.
        if (std::exchange(first, false)) {
          op->moveBefore(use.getOwner());
          continue;
        }
        OpBuilder b(use.getOwner());
        use.set(cast<tensor::EmptyOp>(b.clone(*op)).getResult());
        ++numParted;
      }
    }
  }
};

} // namespace
