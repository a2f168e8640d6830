// ElementwiseToKernel.cpp - turn the elementwise ops that are left into kernels of their own.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Lower/Elementwise.h"
#include "compiler/Lower/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace llmc {
#define GEN_PASS_DEF_ELEMENTWISETOKERNELPASS
#include "compiler/Lower/LowerPasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;

namespace {

struct ElementwiseToKernel : llmc::impl::ElementwiseToKernelPassBase<ElementwiseToKernel> {
  void runOnOperation() override {
    bool failed = false;
    getOperation().walk([&](linalg::LinalgOp op) {
      auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
      auto type =
          op->getNumResults() == 1 ? dyn_cast<RankedTensorType>(op->getResultTypes().front()) : RankedTensorType();
      if (!generic || !isElementwise(generic) || !type || type.getRank() != 2) {
        op->emitOpError() << "has no lowering: only elementwise ops on f32 rows [T, C] have";
        failed = true;
        return;
      }
      OpBuilder b(generic);
      auto kernel =
          ElementwiseOp::create(b, generic.getLoc(), generic->getResultTypes(), generic.getDpsInputs(), ValueRange{});
      Block &block = kernel.getBody().emplaceBlock();
      IRMapping mapping;
      for (BlockArgument argument : generic.getBlock()->getArguments().drop_back())
        mapping.map(argument, block.addArgument(argument.getType(), argument.getLoc()));
      b.setInsertionPointToStart(&block);
      for (Operation &inner : generic.getBlock()->without_terminator())
        b.clone(inner, mapping);
      YieldOp::create(b, generic.getLoc(), mapping.lookupOrDefault(generic.getBlock()->getTerminator()->getOperand(0)));
      generic->getResult(0).replaceAllUsesWith(kernel->getResult(0));
      generic.erase();
    });
    if (failed)
      return signalPassFailure();
    // What sized the generics' results is dead: users go before what they use.
    SmallVector<Operation *> sizing;
    getOperation().walk([&](Operation *op) {
      if (isa<tensor::EmptyOp, tensor::DimOp, arith::ConstantIndexOp>(op))
        sizing.push_back(op);
    });
    for (Operation *op : llvm::reverse(sizing))
      if (op->use_empty())
        op->erase();
  }
};

} // namespace
