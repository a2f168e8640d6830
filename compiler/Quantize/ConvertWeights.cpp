// ConvertWeights.cpp - stores the matrices of linears and embeddings in one float type.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Quantize/Passes.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace llmc::transformer;

namespace llmc {
#define GEN_PASS_DEF_CONVERTWEIGHTSPASS
#include "compiler/Quantize/Passes.h.inc"
} // namespace llmc

namespace {

/// The operands of an op that are matrices it multiplies with or looks rows up in.
SmallVector<OpOperand *> matricesOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, SmallVector<OpOperand *>>(op)
      .Case<LinearOp>([](LinearOp linear) -> SmallVector<OpOperand *> { return {&linear.getWeightMutable()}; })
      .Case<GatedLinearOp>([](GatedLinearOp linear) -> SmallVector<OpOperand *> {
        return {&linear.getGateWeightMutable(), &linear.getUpWeightMutable()};
      })
      .Case<EmbeddingOp>([](EmbeddingOp embedding) {
        SmallVector<OpOperand *> tables = {&embedding.getTableMutable()};
        for (OpOperand &positions : embedding.getPositionTableMutable())
          tables.push_back(&positions);
        return tables;
      })
      .Default([](Operation *) { return SmallVector<OpOperand *>(); });
}

class ConvertWeights : public llmc::impl::ConvertWeightsPassBase<ConvertWeights> {
  using ConvertWeightsPassBase::ConvertWeightsPassBase;

  void runOnOperation() override {
    if (type == "keep")
      return;
    MLIRContext *context = &getContext();
    Type element = llvm::StringSwitch<Type>(type)
                       .Case("f32", Float32Type::get(context))
                       .Case("bf16", BFloat16Type::get(context))
                       .Case("f16", Float16Type::get(context))
                       .Default(Type());
    if (!element) {
      getOperation().emitError() << "unknown weight type '" << type << "' (expected keep, f32, bf16 or f16)";
      return signalPassFailure();
    }
    DenseMap<Value, Value> converted;
    SmallVector<OpOperand *> matrices;
    getOperation().walk([&](Operation *op) { llvm::append_range(matrices, matricesOf(op)); });
    for (OpOperand *matrix : matrices) {
      Value weight = matrix->get();
      Type before = cast<RankedTensorType>(weight.getType()).getElementType();
      if (before == element || !isa<FloatType>(before))
        continue;
      Value &after = converted[weight];
      if (!after) {
        OpBuilder builder(&getContext());
        builder.setInsertionPointAfterValue(weight);
        after = WeightConvertOp::create(builder, weight.getLoc(), weight, element);
        ++numConverted;
      }
      matrix->set(after);
    }
  }
};

} // namespace
