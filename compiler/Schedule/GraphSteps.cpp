// GraphSteps.cpp - flags and counters of branches and loops.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/GraphSteps.h"

#include "compiler/Schedule/GraphSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace llmc::graph {

/// Whether a body works on whole buffers: then it is worth launches of its own.
static bool holdsLaunches(Operation *op) {
  bool holds = false;
  op->walk([&](Operation *inner) { holds |= isa<memref::AllocOp, memref::CopyOp, linalg::LinalgOp>(inner); });
  return holds;
}

namespace {

struct Writer {
  SmallVectorImpl<Steps> &steps;

  Value cell(OpBuilder &b, Location loc, Type element) {
    return memref::AllocOp::create(b, loc, MemRefType::get({}, element));
  }
  void setFlag(OpBuilder &b, Location loc, Value condition, Value flag) {
    memref::StoreOp::create(b, loc, arith::ExtUIOp::create(b, loc, b.getI8Type(), condition), flag);
  }

  void branch(scf::IfOp op) {
    OpBuilder b(op);
    Value flag = cell(b, op.getLoc(), b.getI8Type());
    setFlag(b, op.getLoc(), op.getCondition(), flag);
    Steps made = {op, flag, {op.thenBlock()}, false};
    if (op.elseBlock())
      made.blocks.push_back(op.elseBlock());
    steps.push_back(made);
  }

  void loop(scf::ForOp op) {
    Location loc = op.getLoc();
    OpBuilder b(op);
    Type i64 = b.getI64Type(), index = b.getIndexType();
    Value flag = cell(b, loc, b.getI8Type()), counter = cell(b, loc, i64), last = cell(b, loc, i64);
    memref::StoreOp::create(b, loc, arith::IndexCastOp::create(b, loc, i64, op.getLowerBound()), counter);
    memref::StoreOp::create(b, loc, arith::IndexCastOp::create(b, loc, i64, op.getUpperBound()), last);
    Value some = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, op.getLowerBound(), op.getUpperBound());
    setFlag(b, loc, some, flag);
    b.setInsertionPointToStart(op.getBody());
    Value turn = arith::IndexCastOp::create(b, loc, index, memref::LoadOp::create(b, loc, counter));
    op.getInductionVar().replaceAllUsesWith(turn);
    b.setInsertionPoint(op.getBody()->getTerminator());
    Value step = arith::IndexCastOp::create(b, loc, i64, op.getStep());
    Value next = arith::AddIOp::create(b, loc, memref::LoadOp::create(b, loc, counter), step);
    memref::StoreOp::create(b, loc, next, counter);
    Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, memref::LoadOp::create(b, loc, counter),
                                       memref::LoadOp::create(b, loc, last));
    setFlag(b, loc, more, flag);
    steps.push_back({op, flag, {op.getBody()}, true});
  }

  void block(Block &body) {
    for (Operation &op : llvm::make_early_inc_range(body)) {
      if (op.getNumResults() != 0 || !isa<scf::IfOp, scf::ForOp>(op) || !holdsLaunches(&op))
        continue;
      // Threads share a loop over rows as they share other loops.
      if (op.hasAttr("llmc.rows"))
        continue;
      if (auto found = dyn_cast<scf::IfOp>(op))
        branch(found);
      else
        loop(cast<scf::ForOp>(op));
      const SmallVector<Block *, 2> inner = steps.back().blocks;
      for (Block *part : inner)
        block(*part);
    }
  }
};

} // namespace

void writeSteps(func::FuncOp func, SmallVectorImpl<Steps> &steps) { Writer{steps}.block(func.getBody().front()); }

/// Whether an op, or one in it, writes to what `root` is the memory of.
static bool writesTo(Operation *op, Value root) {
  return op
      ->walk([&](MemoryEffectOpInterface inner) {
        for (Value operand : inner->getOperands()) {
          if (!isa<MemRefType>(operand.getType()) || rootOf(operand) != root)
            continue;
          SmallVector<MemoryEffects::EffectInstance> effects;
          inner.getEffectsOnValue(operand, effects);
          if (llvm::any_of(effects, [](auto &effect) { return isa<MemoryEffects::Write>(effect.getEffect()); }))
            return WalkResult::interrupt();
        }
        return WalkResult::advance();
      })
      .wasInterrupted();
}

void keepScalars(func::FuncOp func, ArrayRef<Steps> steps) {
  SmallVector<Block *> blocks = {&func.getBody().front()};
  for (const Steps &one : steps)
    llvm::append_range(blocks, one.blocks);
  for (Block *block : blocks)
    for (auto load : llvm::make_early_inc_range(block->getOps<memref::LoadOp>())) {
      Value root = rootOf(load.getMemRef());
      // Later in its block, or in one around it.
      bool changes = false;
      for (Operation *at = load; at != func.getOperation(); at = at->getParentOp())
        for (Operation *later = at->getNextNode(); later && !changes; later = later->getNextNode())
          changes = writesTo(later, root);
      if (!changes || !root.getDefiningOp<memref::AllocOp>())
        continue;
      OpBuilder b(load->getContext());
      b.setInsertionPointAfter(load);
      Location loc = load.getLoc();
      Value cell = memref::AllocOp::create(b, loc, MemRefType::get({}, load.getType()));
      auto store = memref::StoreOp::create(b, loc, load.getResult(), cell);
      Value again = memref::LoadOp::create(b, loc, cell);
      load.getResult().replaceAllUsesExcept(again, store);
    }
}

} // namespace llmc::graph
