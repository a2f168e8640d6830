// ConvertWeights.cpp - stores the matrices of linears and embeddings in one float type.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Quantize/Matrices.h"
#include "compiler/Quantize/Passes.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace llmc::transformer;

namespace llmc {
#define GEN_PASS_DEF_CONVERTWEIGHTSPASS
#include "compiler/Quantize/Passes.h.inc"
} // namespace llmc

namespace {

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
    for (OpOperand *matrix : llmc::matricesIn(getOperation())) {
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
