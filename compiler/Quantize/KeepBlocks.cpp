// KeepBlocks.cpp - hands stored blocks to the ops that use them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Quantize/Matrices.h"
#include "compiler/Quantize/Passes.h"

using namespace mlir;
using namespace llmc::transformer;

namespace llmc {
#define GEN_PASS_DEF_KEEPBLOCKSPASS
#include "compiler/Quantize/Passes.h.inc"
} // namespace llmc

namespace {

/// The blocks that a weight is the exact values of, or null.
Value blocksBehind(Value weight) {
  auto decode = weight.getDefiningOp<WeightDecodeOp>();
  if (!decode)
    return {};
  auto block = cast<BlockType>(cast<RankedTensorType>(decode.getSource().getType()).getElementType());
  Type values = cast<RankedTensorType>(weight.getType()).getElementType();
  return values.isF32() || values == block.getExactFloat() ? decode.getSource() : Value();
}

class KeepBlocks : public llmc::impl::KeepBlocksPassBase<KeepBlocks> {
  void runOnOperation() override {
    for (OpOperand *matrix : llmc::matricesIn(getOperation())) {
      Value blocks = blocksOf(matrix->get());
      if (!blocks || !takes(*matrix))
        continue;
      matrix->set(blocks);
      ++numKept;
    }
    // Both matrices of a gate have one type: where only one could be kept, neither is.
    getOperation().walk([](GatedLinearOp gated) {
      for (OpOperand *matrix : {&gated.getGateWeightMutable(), &gated.getUpWeightMutable()}) {
        Value weight = matrix->get();
        auto type = cast<RankedTensorType>(weight.getType());
        if (gated.getGateWeight().getType() == gated.getUpWeight().getType() || !isa<BlockType>(type.getElementType()))
          continue;
        OpBuilder builder(gated);
        matrix->set(WeightDecodeOp::create(builder, weight.getLoc(), type.clone(builder.getF32Type()), weight));
      }
    });
  }

  /// Tables of positions are read row by row as they are.
  static bool takes(OpOperand &matrix) {
    auto embedding = dyn_cast<EmbeddingOp>(matrix.getOwner());
    return !embedding || &embedding.getTableMutable() == &matrix;
  }

  /// The blocks behind a weight, or behind all parts of a joined one where they are of one type.
  Value blocksOf(Value weight) {
    if (Value blocks = blocksBehind(weight))
      return blocks;
    auto concat = weight.getDefiningOp<WeightConcatOp>();
    if (!concat || concat.getAxis() != 0)
      return {};
    SmallVector<Value> parts;
    for (Value source : concat.getSources()) {
      Value blocks = blocksBehind(source);
      if (!blocks || cast<RankedTensorType>(blocks.getType()).getElementType() !=
                         cast<RankedTensorType>((parts.empty() ? blocks : parts.front()).getType()).getElementType())
        return {};
      parts.push_back(blocks);
    }
    OpBuilder builder(concat);
    return WeightConcatOp::create(builder, concat.getLoc(), parts, /*axis=*/0).getResult();
  }
};

} // namespace
