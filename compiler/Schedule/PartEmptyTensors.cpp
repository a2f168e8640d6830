// PartEmptyTensors.cpp - each use of an empty or filled tensor has one of its own.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace llmc {
#define GEN_PASS_DEF_PARTEMPTYTENSORSPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;

namespace {

struct PartEmptyTensors : llmc::impl::PartEmptyTensorsPassBase<PartEmptyTensors> {
  /// Gives each use of the op a copy of its own, in the block where it is needed.
  template <typename Op> void part() {
    SmallVector<Op> all;
    getOperation().walk([&](Op op) { all.push_back(op); });
    for (Op op : all) {
      bool first = true;
      for (OpOperand &use : llvm::make_early_inc_range(op->getUses())) {
        // The first use takes the op along.
        if (std::exchange(first, false)) {
          op->moveBefore(use.getOwner());
          continue;
        }
        OpBuilder b(use.getOwner());
        use.set(b.clone(*op)->getResult(0));
        ++numParted;
      }
    }
  }
  void runOnOperation() override {
    part<linalg::FillOp>();
    part<tensor::EmptyOp>();
  }
};

} // namespace
