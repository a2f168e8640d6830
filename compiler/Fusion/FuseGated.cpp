// FuseGated.cpp - two linears that feed one gate become one op.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Fusion/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace llmc::transformer;

namespace llmc {
#define GEN_PASS_DEF_FUSEGATEDPASS
#include "compiler/Fusion/Passes.h.inc"
} // namespace llmc

namespace {

/// As stored: side by side, blocks can only be what they are while both are of one format.
Type storedType(Value weight) {
  if (auto decode = weight.getDefiningOp<WeightDecodeOp>())
    weight = decode.getSource();
  return weight.getType();
}

/// What sorts the weight's columns, which then multiplies as it lies if x is sorted likewise; or null.
Value sortedBy(Value weight) {
  auto sort = weight.getDefiningOp<WeightSortColumnsOp>();
  return sort ? Value(sort.getKeys()) : Value();
}

/// Why the linears cannot be one product, or nothing when they can.
std::optional<StringRef> obstacle(LinearOp gate, LinearOp up) {
  if (gate.getInput() != up.getInput())
    return "they read different inputs";
  if (storedType(gate.getWeight()) != storedType(up.getWeight()))
    return "their weights have different types";
  if (sortedBy(gate.getWeight()) != sortedBy(up.getWeight()))
    return "their weights sort columns by keys of their own";
  if (static_cast<bool>(gate.getBias()) != static_cast<bool>(up.getBias()))
    return "only one of them has a bias";
  if (gate.getBias() && gate.getBias().getType() != up.getBias().getType())
    return "their biases have different types";
  if (!gate->hasOneUse() || !up->hasOneUse())
    return "their results are used elsewhere";
  return std::nullopt;
}

class FuseGated : public llmc::impl::FuseGatedPassBase<FuseGated> {
  void runOnOperation() override {
    SmallVector<GatedOp> gates;
    getOperation().walk([&](GatedOp gated) { gates.push_back(gated); });
    for (GatedOp gated : gates) {
      auto gate = gated.getGate().getDefiningOp<LinearOp>(), up = gated.getUp().getDefiningOp<LinearOp>();
      if (!gate || !up || gate == up)
        continue;
      if (std::optional<StringRef> why = obstacle(gate, up)) {
        remark::missed(gated.getLoc(), remark::RemarkOpts::name("not-fused").category("llmc-fuse-gated"))
            << ("gate and up not fused: " + *why).str();
        continue;
      }
      OpBuilder builder(gated);
      auto fused = GatedLinearOp::create(builder, gated.getLoc(), gated.getActivation(), gate.getInput(),
                                         gate.getWeight(), up.getWeight());
      if (gate.getBias()) {
        fused.getGateBiasMutable().assign(gate.getBias());
        fused.getUpBiasMutable().assign(up.getBias());
      }
      fused.setLimitAttr(gated.getLimitAttr());
      fused.setUpOffsetAttr(gated.getUpOffsetAttr());
      gated.replaceAllUsesWith(fused.getResult());
      gated.erase();
      gate.erase();
      up.erase();
      ++numFused;
    }
  }
};

} // namespace
