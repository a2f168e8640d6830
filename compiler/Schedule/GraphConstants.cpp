// GraphConstants.cpp - weights of a tensor graph as arguments of its entry.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace llmc {
#define GEN_PASS_DEF_GRAPHCONSTANTSPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;

namespace {

struct GraphConstants : llmc::impl::GraphConstantsPassBase<GraphConstants> {
  void runOnOperation() override {
    OpBuilder b(&getContext());
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      Block &entry = func.getBody().front();
      SmallVector<Attribute> keys;
      llvm::StringMap<BlockArgument> known;
      for (auto weight : llvm::make_early_inc_range(entry.getOps<llmc::transformer::WeightOp>())) {
        BlockArgument &argument = known[weight.getKey(0)];
        if (!argument) {
          argument = entry.addArgument(weight.getType(), weight.getLoc());
          keys.push_back(b.getStringAttr(weight.getKey(0)));
        }
        weight.getResult().replaceAllUsesWith(argument);
        weight.erase();
      }
      // Each result is memory of its own: one that is given twice is copied.
      Operation *end = entry.getTerminator();
      llvm::SmallPtrSet<Value, 8> given;
      for (OpOperand &result : end->getOpOperands()) {
        auto type = dyn_cast<RankedTensorType>(result.get().getType());
        if (given.insert(result.get()).second || !type || !type.hasStaticShape())
          continue;
        b.setInsertionPoint(end);
        Value place = tensor::EmptyOp::create(b, end->getLoc(), type.getShape(), type.getElementType());
        result.set(
            bufferization::MaterializeInDestinationOp::create(b, end->getLoc(), result.get(), place).getResult());
      }
      SmallVector<DictionaryAttr> attributes;
      func.getAllArgAttrs(attributes);
      attributes.resize(entry.getNumArguments(), b.getDictionaryAttr({}));
      func.setType(b.getFunctionType(entry.getArgumentTypes(), func.getResultTypes()));
      // Nothing that comes in is written to.
      for (auto [i, list] : llvm::enumerate(attributes)) {
        NamedAttrList all(list);
        // A role needs its tensor; constants have none.
        all.set("bufferization.writable", b.getBoolAttr(false));
        func.setArgAttrs(i, all.getDictionary(&getContext()));
      }
      func->setAttr("llmc.constants", b.getArrayAttr(keys));
      // Roles belong to tensors; from here on there are buffers.
      func->setAttr("llmc.inputs", b.getI64IntegerAttr(entry.getNumArguments() - keys.size()));
      func->removeAttr(llmc::transformer::TransformerDialect::kEntryAttrName);
      for (unsigned i = 0; i < func.getNumArguments(); ++i)
        func.removeArgAttr(i, llmc::transformer::TransformerDialect::kRoleAttrName);
      for (unsigned i = 0; i < func.getNumResults(); ++i)
        func.removeResultAttr(i, b.getStringAttr(llmc::transformer::TransformerDialect::kRoleAttrName));
    }
  }
};

} // namespace
