// DecodeBlocks.cpp - decodes the blocks that no kernel takes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Quantize/Matrices.h"
#include "compiler/Quantize/Passes.h"

using namespace mlir;
using namespace llmc::transformer;

namespace llmc {
#define GEN_PASS_DEF_DECODEBLOCKSPASS
#include "compiler/Quantize/Passes.h.inc"
} // namespace llmc

namespace {

class DecodeBlocks : public llmc::impl::DecodeBlocksPassBase<DecodeBlocks> {
  void runOnOperation() override {
    for (OpOperand *matrix : llmc::matricesIn(getOperation())) {
      Value weight = matrix->get();
      auto type = cast<RankedTensorType>(weight.getType());
      auto block = dyn_cast<BlockType>(type.getElementType());
      if (!block)
        continue;
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfterValue(weight);
      matrix->set(WeightDecodeOp::create(builder, weight.getLoc(), type.clone(block.getExactFloat()), weight));
      ++numDecoded;
    }
  }
};

} // namespace
