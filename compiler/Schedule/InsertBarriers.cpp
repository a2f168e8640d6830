// InsertBarriers.cpp - let the team meet where one thread reads what another wrote.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"

namespace llmc {
#define GEN_PASS_DEF_INSERTBARRIERSPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;

namespace {

/// How a launch divides what it touches among threads.
struct Split {
  enum Kind { none, rows, panels } kind = none; ///< none: a thread may touch any of it
  int64_t count = 0;                            ///< panels: how many; rows: 1 where only wanted rows are computed
  bool operator==(const Split &other) const { return kind == other.kind && count == other.count && kind != none; }
};

/// One launch's use of one memory: an arena slot, a program argument or a state.
struct Access {
  Value memory;     ///< the buffer's or argument's value
  int64_t slot;     ///< the arena slot, -1 for an argument
  int64_t from, to; ///< columns of the buffer
  DimKind rowsKind = DimKind::tokens;
  bool writes;
  Split split;

  bool conflicts(const Access &later) const {
    if (!writes && !later.writes)
      return false;
    bool sameBuffer = memory == later.memory;
    if (!sameBuffer && (slot < 0 || slot != later.slot))
      return false;
    if (!sameBuffer)
      return true; // different buffers in one slot overlap anywhere
    if (to <= later.from || later.to <= from)
      return false;
    // Panels are counted from the view's first column: two views share them only when they begin at one column.
    return !(split == later.split) || (split.kind == Split::panels && from != later.from);
  }
};

Value rootOf(Value value) {
  while (auto columns = value.getDefiningOp<ColumnsOp>())
    value = columns.getX();
  return value;
}

/// All memory that a launch touches. Integer inputs are never written and left out.
SmallVector<Access> accessesOf(Operation *op, bool wantedRows) {
  SmallVector<Access> accesses;
  Split byRows{Split::rows, wantedRows};
  auto add = [&](Value value, bool writes, Split split) {
    if (isa<transformer::StateType>(value.getType())) {
      accesses.push_back({value, -1, 0, 1, DimKind::tokens, writes, split});
      return;
    }
    auto type = dyn_cast<MemRefType>(value.getType());
    if (!type || type.getRank() != 2)
      return;
    Value root = rootOf(value);
    auto buffer = root.getDefiningOp<BufferOp>();
    int64_t offset = columnOffset(type);
    accesses.push_back({root, buffer ? static_cast<int64_t>(buffer.getSlot()) : -1, offset, offset + type.getDimSize(1),
                        DimKind::tokens, writes, split});
  };
  if (auto matmul = dyn_cast<MatmulOp>(op)) {
    Split byPanels{Split::panels, matmul.getWeight().getType().getPanels()};
    add(matmul.getX(), false, {});
    for (Value extra : matmul.getExtras())
      add(extra, false, byPanels);
    add(matmul.getOuts()[0], true, byPanels);
  } else if (auto attention = dyn_cast<AttentionOp>(op)) {
    add(attention.getQ(), false, {});
    add(attention.getState(), false, {});
    add(attention.getOuts()[0], true, {});
    for (Value scratch : attention.getScratch())
      add(scratch, true, {});
  } else if (auto update = dyn_cast<CacheUpdateOp>(op)) {
    add(update.getK(), false, byRows);
    add(update.getV(), false, byRows);
    add(update.getState(), true, byRows);
  } else if (auto gather = dyn_cast<GatherRowsOp>(op)) {
    add(gather.getX(), false, {});
    add(gather.getOuts()[0], true, byRows);
  } else {
    // Embedding, norms, rope and elementwise ops touch only their own rows.
    unsigned last = op->getNumOperands() - 1;
    for (OpOperand &operand : op->getOpOperands())
      add(operand.get(), operand.getOperandNumber() == last, byRows);
  }
  return accesses;
}

struct InsertBarriers : llmc::impl::InsertBarriersPassBase<InsertBarriers> {
  using Pending = SmallVector<Access>;
  int64_t inserted = 0;

  /// Walks a block with what may still be under way before it; returns what may be under way after it.
  Pending process(Block &block, Pending pending) {
    bool wantedRows = false;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (isa<BarrierOp>(op)) {
        pending.clear();
      } else if (auto layers = dyn_cast<LayersOp>(op)) {
        // Any body may follow any other: run them with all that may be under way until no barrier is added. The first
        // run only finds out what the bodies leave under way.
        Pending after = pending;
        bool stable = false;
        for (int64_t run = 0; run < 2 || !stable; ++run) {
          int64_t before = inserted;
          Pending ends = pending;
          for (Region &body : layers.getBodies())
            llvm::append_range(ends, process(body.front(), after));
          after = ends;
          stable = before == inserted;
        }
        pending = after;
      } else if (isa<WantedRowsOp>(op)) {
        wantedRows = true;
      } else if (!isa<BufferOp, ColumnsOp, GetWeightOp, YieldOp>(op)) {
        SmallVector<Access> accesses = accessesOf(&op, wantedRows);
        bool conflict = llvm::any_of(pending, [&](const Access &earlier) {
          return llvm::any_of(accesses, [&](const Access &later) { return earlier.conflicts(later); });
        });
        if (conflict) {
          OpBuilder b(&op);
          BarrierOp::create(b, op.getLoc());
          ++inserted;
          pending.clear();
        }
        llvm::append_range(pending, accesses);
      }
    }
    return pending;
  }

  void runOnOperation() override {
    inserted = 0;
    for (auto program : getOperation().getOps<ProgramOp>())
      process(program.getBody().front(), {});
    numBarriers += inserted;
  }
};

} // namespace
