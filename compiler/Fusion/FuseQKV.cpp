// FuseQKV.cpp - the linears of queries, keys and values become one product.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Fusion/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace llmc::transformer;

namespace llmc {
#define GEN_PASS_DEF_FUSEQKVPASS
#include "compiler/Fusion/Passes.h.inc"
} // namespace llmc

namespace {

/// The linear that a query, key or value comes from; null when something else than rope and norms lies between.
LinearOp traceToLinear(Value value) {
  while (Operation *op = value ? value.getDefiningOp() : nullptr) {
    if (auto linear = dyn_cast<LinearOp>(op))
      return linear;
    if (auto rope = dyn_cast<RopeOp>(op))
      value = rope.getInput();
    else if (auto norm = dyn_cast<RMSNormOp>(op))
      value = norm.getInput();
    else if (auto norm = dyn_cast<LayerNormOp>(op))
      value = norm.getInput();
    else
      return {};
  }
  return {};
}

/// As stored: joined, blocks can only be what they are while all are of one format.
Type elementType(Value weight) {
  if (auto decode = weight.getDefiningOp<WeightDecodeOp>())
    weight = decode.getSource();
  return cast<RankedTensorType>(weight.getType()).getElementType();
}

/// What sorts the weight's columns, which then multiplies as it lies if x is sorted likewise; or null.
Value sortedBy(Value weight) {
  auto sort = weight.getDefiningOp<WeightSortColumnsOp>();
  return sort ? Value(sort.getKeys()) : Value();
}

/// Why the linears cannot be one product, or nothing when they can.
std::optional<StringRef> obstacle(ArrayRef<LinearOp> linears) {
  LinearOp first = linears.front();
  for (LinearOp other : linears.drop_front()) {
    if (first.getInput() != other.getInput())
      return "they read different inputs";
    if (first->getBlock() != other->getBlock())
      return "they stand in different blocks";
    if (elementType(first.getWeight()) != elementType(other.getWeight()))
      return "their weights have different element types";
    if (sortedBy(first.getWeight()) != sortedBy(other.getWeight()))
      return "their weights sort columns by keys of their own";
    if (static_cast<bool>(first.getBias()) != static_cast<bool>(other.getBias()))
      return "only some of them have a bias";
    if (first.getBias() && elementType(first.getBias()) != elementType(other.getBias()))
      return "their biases have different element types";
  }
  return std::nullopt;
}

/// Moves what makes a weight before `anchor`. Weight values are made of weight values alone, so this always can be
/// done.
void moveBefore(Value weight, Operation *anchor) {
  Operation *op = weight.getDefiningOp();
  if (!op || op->getBlock() != anchor->getBlock() || op->isBeforeInBlock(anchor))
    return;
  for (Value operand : op->getOperands())
    moveBefore(operand, anchor);
  op->moveBefore(anchor);
}

Value joinRows(OpBuilder &builder, Location loc, ArrayRef<Value> weights) {
  return WeightConcatOp::create(builder, loc, ValueRange(weights), /*axis=*/0).getResult();
}

class FuseQKV : public llmc::impl::FuseQKVPassBase<FuseQKV> {
  void runOnOperation() override {
    SmallVector<AttentionOp> attentions;
    getOperation().walk([&](AttentionOp attention) { attentions.push_back(attention); });
    for (AttentionOp attention : attentions) {
      auto update = attention.getState() ? attention.getState().getDefiningOp<CacheUpdateOp>() : CacheUpdateOp();
      if (!update || !update.getValues())
        continue;
      SmallVector<LinearOp> linears = {traceToLinear(attention.getQuery()), traceToLinear(update.getKeys()),
                                       traceToLinear(update.getValues())};
      if (!linears[0] || !linears[1] || !linears[2] || linears[0] == linears[1] || linears[1] == linears[2] ||
          linears[0] == linears[2])
        continue;
      if (std::optional<StringRef> why = obstacle(linears)) {
        remark::missed(attention.getLoc(), remark::RemarkOpts::name("not-fused").category("llmc-fuse-qkv"))
            << ("queries, keys and values not fused: " + *why).str();
        continue;
      }
      fuse(linears);
      ++numFused;
    }
  }

  void fuse(ArrayRef<LinearOp> linears) {
    LinearOp anchor = *llvm::min_element(linears, [](LinearOp a, LinearOp b) { return a->isBeforeInBlock(b); });
    SmallVector<Value> weights, biases;
    SmallVector<int64_t> sizes;
    for (LinearOp linear : linears) {
      moveBefore(linear.getWeight(), anchor);
      weights.push_back(linear.getWeight());
      sizes.push_back(cast<RankedTensorType>(linear.getResult().getType()).getDimSize(1));
      if (linear.getBias()) {
        moveBefore(linear.getBias(), anchor);
        biases.push_back(linear.getBias());
      }
    }
    OpBuilder builder(anchor);
    SmallVector<Location> places;
    for (LinearOp linear : linears)
      places.push_back(linear.getLoc());
    Location loc = builder.getFusedLoc(places);
    Value weight = joinRows(builder, loc, weights);
    Value bias = biases.empty() ? Value() : joinRows(builder, loc, biases);
    auto fused = LinearOp::create(builder, loc, anchor.getInput(), weight);
    if (bias)
      fused.getBiasMutable().assign(bias);
    auto split = SplitOp::create(builder, loc, fused.getResult(), sizes);
    for (auto [linear, part] : llvm::zip_equal(linears, split.getResults())) {
      LinearOp old = linear;
      old.getResult().replaceAllUsesWith(part);
      old.erase();
    }
  }
};

} // namespace
