// FoldEpilogues.cpp - fold elementwise consumers into the matmul that feeds them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Lower/Elementwise.h"
#include "compiler/Lower/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace llmc {
#define GEN_PASS_DEF_FOLDEPILOGUESPASS
#include "compiler/Lower/LowerPasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;

namespace {

/// True when `generic` alone reads `product`, once; asking how many rows it has is no reading.
bool isOnlyReader(linalg::GenericOp generic, Value product) {
  int64_t reads = 0;
  for (OpOperand &use : product.getUses()) {
    auto dim = dyn_cast<tensor::DimOp>(use.getOwner());
    if (dim && dim.getConstantIndex() == 0)
      continue;
    if (use.getOwner() != generic)
      return false;
    ++reads;
  }
  return reads == 1;
}

/// The input of `generic` that is a matmul whose product nothing else reads, or null.
MatmulOp feedingMatmul(linalg::GenericOp generic) {
  for (Value input : generic.getDpsInputs())
    if (auto matmul = input.getDefiningOp<MatmulOp>())
      if (matmul->getBlock() == generic->getBlock() && isOnlyReader(generic, input))
        return matmul;
  return nullptr;
}

void fold(linalg::GenericOp generic, MatmulOp matmul) {
  // The fused op stands where the generic stood: everything that either reads is defined there.
  OpBuilder b(generic);
  SmallVector<Value> extras(matmul.getExtras());
  unsigned sums = matmul.getWeight().getType().getStreams();
  for (Value input : generic.getDpsInputs())
    if (input != matmul->getResult(0))
      extras.push_back(input);
  auto fused = MatmulOp::create(b, b.getFusedLoc({matmul.getLoc(), generic.getLoc()}), generic->getResultTypes(),
                                matmul.getX(), matmul.getWeight(), extras, ValueRange{}, matmul.getSegment());
  Block &block = fused.getEpilogue().emplaceBlock();
  for (unsigned i = 0; i < sums + extras.size(); ++i)
    block.addArgument(b.getF32Type(), generic.getLoc());
  b.setInsertionPointToStart(&block);
  IRMapping mapping;
  Block &inner = matmul.getEpilogue().front();
  for (auto [argument, replacement] : llvm::zip(inner.getArguments(), block.getArguments()))
    mapping.map(argument, replacement);
  for (Operation &op : inner.without_terminator())
    b.clone(op, mapping);
  Value produced = mapping.lookupOrDefault(inner.getTerminator()->getOperand(0));
  unsigned nextExtra = inner.getNumArguments();
  for (auto [input, argument] : llvm::zip(generic.getDpsInputs(), generic.getBlock()->getArguments()))
    mapping.map(argument, input == matmul->getResult(0) ? produced : block.getArgument(nextExtra++));
  for (Operation &op : generic.getBlock()->without_terminator())
    b.clone(op, mapping);
  YieldOp::create(b, generic.getLoc(), mapping.lookupOrDefault(generic.getBlock()->getTerminator()->getOperand(0)));
  generic->getResult(0).replaceAllUsesWith(fused->getResult(0));
  generic.erase();
  // The product has the rows of x.
  for (OpOperand &use : llvm::make_early_inc_range(matmul->getResult(0).getUses()))
    use.set(matmul.getX());
  matmul.erase();
}

struct FoldEpilogues : llmc::impl::FoldEpiloguesPassBase<FoldEpilogues> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> generics;
    getOperation().walk([&](linalg::GenericOp op) { generics.push_back(op); });
    for (linalg::GenericOp generic : generics) {
      if (!isElementwise(generic))
        continue;
      if (MatmulOp matmul = feedingMatmul(generic)) {
        fold(generic, matmul);
        ++numFolded;
      }
    }
  }
};

} // namespace
