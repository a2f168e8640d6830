// HoistWeights.cpp - turn packed weight expressions into named weights with recipes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace llmc {
#define GEN_PASS_DEF_HOISTWEIGHTSPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;

namespace {

/// The ops that `pack` depends on, producers first, `pack` last.
void collect(Operation *op, llvm::SetVector<Operation *> &ops) {
  for (Value operand : op->getOperands())
    if (Operation *producer = operand.getDefiningOp())
      collect(producer, ops);
  ops.insert(op);
}

/// A text that is equal for equal recipes: names, attributes, types, and operands as positions in the list.
std::string fingerprint(const llvm::SetVector<Operation *> &ops) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::DenseMap<Operation *, unsigned> numbers;
  for (Operation *op : ops) {
    numbers[op] = numbers.size();
    stream << op->getName() << op->getAttrDictionary() << op->getResultTypes() << '(';
    for (Value operand : op->getOperands())
      stream << numbers.lookup(operand.getDefiningOp()) << ',';
    stream << ')';
  }
  return text;
}

struct HoistWeights : llmc::impl::HoistWeightsPassBase<HoistWeights> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<PackOp> packs;
    for (auto func : module.getOps<func::FuncOp>())
      func.walk([&](PackOp op) { packs.push_back(op); });
    OpBuilder b(&getContext());
    llvm::StringMap<WeightOp> known;
    Operation *insertAfter = nullptr;
    for (PackOp pack : packs) {
      llvm::SetVector<Operation *> recipe;
      collect(pack, recipe);
      int64_t copies = 1;
      for (Operation *op : recipe)
        if (auto weight = dyn_cast<transformer::WeightOp>(op))
          copies = std::max<int64_t>(copies, weight.getKeys().size());
      WeightOp &weight = known[fingerprint(recipe)];
      if (!weight) {
        if (insertAfter)
          b.setInsertionPointAfter(insertAfter);
        else
          b.setInsertionPoint(*module.getOps<func::FuncOp>().begin());
        weight = WeightOp::create(b, pack.getLoc(), "w" + std::to_string(known.size() - 1), copies, -1, 0,
                                  pack.getResult().getType());
        ++numWeights;
        insertAfter = weight;
        Block &body = weight.getRecipe().emplaceBlock();
        b.setInsertionPointToStart(&body);
        IRMapping mapping;
        for (Operation *op : recipe)
          b.clone(*op, mapping);
        YieldOp::create(b, pack.getLoc(), mapping.lookup(pack.getResult()));
      }
      b.setInsertionPoint(pack);
      Value member;
      if (copies > 1) {
        auto layers = pack->getParentOfType<LayersOp>();
        if (!layers) {
          pack.emitOpError() << "stands for " << copies << " layers outside of layers";
          return signalPassFailure();
        }
        member = pack->getParentRegion()->getArgument(1);
      }
      Value get = GetWeightOp::create(b, pack.getLoc(), pack.getResult().getType(), weight.getSymName(), member);
      pack.getResult().replaceAllUsesWith(get);
    }
    // Users stand after producers: erase from the back.
    for (PackOp pack : llvm::reverse(packs))
      pack.erase();
    for (auto func : module.getOps<func::FuncOp>()) {
      SmallVector<Operation *> weightOps;
      func.walk([&](Operation *op) {
        if (op->getName().getStringRef().starts_with("transformer.weight"))
          weightOps.push_back(op);
      });
      for (Operation *op : llvm::reverse(weightOps))
        if (op->use_empty())
          op->erase();
    }
  }
};

} // namespace
