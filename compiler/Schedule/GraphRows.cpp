// GraphRows.cpp - ops of a graph that work row by row on the same rows become one loop over rows.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/GraphSizes.h"
#include "compiler/Schedule/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"

namespace llmc {
#define GEN_PASS_DEF_GRAPHROWSPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using graph::rootOf;

namespace {

/// Fewer rows would leave threads without work.
constexpr int64_t kFewestRows = 8;
/// Bytes of a row that live on the stack instead of in a buffer, at most, of all values of a loop together.
constexpr int64_t kMostScratch = 64 << 10;

/// Ops in order whose first loops are the same.
struct Group {
  SmallVector<linalg::GenericOp> ops;
  SmallVector<int64_t> rows; ///< sizes of those loops

  bool empty() const { return ops.empty(); }
  int64_t numRows(size_t depth) const {
    int64_t count = 1;
    for (size_t i = 0; i < depth; ++i)
      count *= rows[i];
    return count;
  }
};

/// Dimensions of more than one place.
SmallVector<int64_t> squeezed(Value buffer) {
  SmallVector<int64_t> sizes;
  for (int64_t size : cast<MemRefType>(buffer.getType()).getShape())
    if (size != 1)
      sizes.push_back(size);
  return sizes;
}

/// Whether an access touches, in each row, places of that row alone: of the first `depth` loops each is a dimension of
/// its own, in order and before all others, and the buffer is all of its root.
bool isByRow(Value buffer, AffineMap map, size_t depth) {
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.getLayout().isIdentity() || squeezed(buffer) != squeezed(rootOf(buffer)))
    return false;
  size_t seen = 0;
  for (auto [i, expr] : llvm::enumerate(map.getResults())) {
    if (type.getDimSize(i) == 1)
      continue;
    if (seen < depth) {
      if (expr != getAffineDimExpr(seen++, map.getContext()))
        return false;
      continue;
    }
    for (size_t dim = 0; dim < depth; ++dim)
      if (expr.isFunctionOfDim(dim))
        return false;
  }
  return seen == depth;
}

/// Loops before the first reduction whose sizes are known.
SmallVector<int64_t> leadingRows(linalg::GenericOp op) {
  SmallVector<int64_t> sizes, ranges = cast<linalg::LinalgOp>(op.getOperation()).getStaticLoopRanges();
  for (auto [kind, range] : llvm::zip(op.getIteratorTypesArray(), ranges)) {
    if (kind != utils::IteratorType::parallel || ShapedType::isDynamic(range))
      break;
    sizes.push_back(range);
  }
  return sizes;
}

struct GraphRows : llmc::impl::GraphRowsPassBase<GraphRows> {
  /// How many first loops `op` shares with the group, so that no row needs what is computed in another one; 0 for none.
  size_t sharedDepth(Group &group, linalg::GenericOp op) {
    SmallVector<int64_t> own = leadingRows(op);
    size_t depth = 0;
    while (depth < std::min(own.size(), group.rows.size()) && own[depth] == group.rows[depth])
      ++depth;
    for (; depth > 0; --depth)
      if (group.numRows(depth) >= kFewestRows &&
          llvm::all_of(group.ops, [&](linalg::GenericOp other) { return areByRow(other, op, depth); }))
        return depth;
    return 0;
  }

  static bool areByRow(linalg::GenericOp first, linalg::GenericOp second, size_t depth) {
    for (OpOperand &a : first->getOpOperands())
      for (OpOperand &b : second->getOpOperands()) {
        bool written = first.isDpsInit(&a) || second.isDpsInit(&b);
        if (written && rootOf(a.get()) == rootOf(b.get()) &&
            !(isByRow(a.get(), first.getMatchingIndexingMap(&a), depth) &&
              isByRow(b.get(), second.getMatchingIndexingMap(&b), depth)))
          return false;
      }
    return !readsInside(first, second) && !readsInside(second, first);
  }
  /// Whether a body of `op` reads, at places that it computes, what `other` writes.
  static bool readsInside(linalg::GenericOp op, linalg::GenericOp other) {
    bool result = false;
    op.getRegion().walk([&](Operation *inner) {
      for (Value value : inner->getOperands())
        if (isa<MemRefType>(value.getType()))
          for (Value init : other.getDpsInits())
            result |= rootOf(value) == rootOf(init);
    });
    return result;
  }

  /// Buffers that nothing outside of the group touches, and that a row of fits the stack.
  llvm::MapVector<Value, memref::AllocaOp> makeScratch(OpBuilder &b, Group &group, size_t depth) {
    llvm::MapVector<Value, memref::AllocaOp> scratch;
    int64_t bytes = 0;
    llvm::DenseSet<Operation *> members(group.ops.begin(), group.ops.end());
    for (linalg::GenericOp op : group.ops)
      for (OpOperand &operand : op->getOpOperands()) {
        Value buffer = operand.get();
        if (scratch.contains(buffer) || !buffer.getDefiningOp<memref::AllocOp>() ||
            !cast<MemRefType>(buffer.getType()).hasStaticShape())
          continue;
        bool own = llvm::all_of(buffer.getUses(), [&](OpOperand &use) {
          auto user = dyn_cast<linalg::GenericOp>(use.getOwner());
          return user && members.contains(user) && isByRow(buffer, user.getMatchingIndexingMap(&use), depth);
        });
        if (!own)
          continue;
        MemRefType type = rowType(buffer, op.getMatchingIndexingMap(&operand), depth);
        int64_t size = type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
        if (bytes + size > kMostScratch)
          continue;
        bytes += size;
        auto dense = MemRefType::get(type.getShape(), type.getElementType());
        scratch[buffer] = memref::AllocaOp::create(b, buffer.getLoc(), dense, b.getI64IntegerAttr(64));
        ++numScratch;
      }
    return scratch;
  }

  struct Part {
    SmallVector<OpFoldResult> offsets, sizes, strides;
    SmallVector<int64_t> shape;
  };
  /// The row of a buffer; `at` gives the row's places.
  static Part partOf(OpBuilder &b, Value buffer, AffineMap map, size_t depth, ValueRange at) {
    Part part;
    auto type = cast<MemRefType>(buffer.getType());
    for (auto [i, expr] : llvm::enumerate(map.getResults())) {
      part.strides.push_back(b.getIndexAttr(1));
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (dim && dim.getPosition() < depth) {
        part.offsets.push_back(at.empty() ? OpFoldResult(b.getIndexAttr(0)) : OpFoldResult(at[dim.getPosition()]));
        part.sizes.push_back(b.getIndexAttr(1));
        continue;
      }
      part.offsets.push_back(b.getIndexAttr(0));
      part.sizes.push_back(type.isDynamicDim(i)
                               ? OpFoldResult(memref::DimOp::create(b, buffer.getLoc(), buffer, i).getResult())
                               : OpFoldResult(b.getIndexAttr(type.getDimSize(i))));
      part.shape.push_back(type.getDimSize(i));
    }
    return part;
  }
  static MemRefType rowType(Value buffer, AffineMap map, size_t depth) {
    auto type = cast<MemRefType>(buffer.getType());
    SmallVector<int64_t> shape;
    for (auto [i, expr] : llvm::enumerate(map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr); !dim || dim.getPosition() >= depth)
        shape.push_back(type.getDimSize(i));
    return MemRefType::get(shape, type.getElementType());
  }

  /// Each access names a row by dimensions of the buffer alone.
  static bool canTakeRow(linalg::GenericOp op, size_t depth) {
    for (OpOperand &operand : op->getOpOperands())
      for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
        for (size_t dim = 0; dim < depth; ++dim)
          if (expr.isFunctionOfDim(dim) && !isa<AffineDimExpr>(expr))
            return false;
    return true;
  }

  /// The op on one row.
  void writeRow(OpBuilder &b, linalg::GenericOp op, size_t depth, ValueRange at,
                llvm::MapVector<Value, memref::AllocaOp> &scratch) {
    Location loc = op.getLoc();
    MLIRContext *context = op.getContext();
    unsigned loops = op.getNumLoops();
    SmallVector<AffineExpr> places;
    for (unsigned i = 0; i < loops; ++i)
      places.push_back(i < depth ? getAffineConstantExpr(0, context) : getAffineDimExpr(i - depth, context));
    SmallVector<Value> buffers;
    SmallVector<AffineMap> maps;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      SmallVector<AffineExpr> kept;
      bool named = false;
      for (AffineExpr expr : map.getResults()) {
        auto dim = dyn_cast<AffineDimExpr>(expr);
        if (dim && dim.getPosition() < depth)
          named = true;
        else
          kept.push_back(expr.replaceDims(places));
      }
      maps.push_back(AffineMap::get(loops - depth, 0, kept, context));
      auto own = scratch.find(operand.get());
      if (own != scratch.end()) {
        buffers.push_back(own->second);
        continue;
      }
      if (!named) {
        buffers.push_back(operand.get());
        continue;
      }
      Part part = partOf(b, operand.get(), map, depth, at);
      auto type = memref::SubViewOp::inferRankReducedResultType(part.shape, cast<MemRefType>(operand.get().getType()),
                                                                part.offsets, part.sizes, part.strides);
      buffers.push_back(memref::SubViewOp::create(b, loc, cast<MemRefType>(type), operand.get(), part.offsets,
                                                  part.sizes, part.strides));
    }
    unsigned inputs = op.getNumDpsInputs();
    SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
    auto row = linalg::GenericOp::create(b, loc, TypeRange{}, ArrayRef(buffers).take_front(inputs),
                                         ArrayRef(buffers).drop_front(inputs), maps, ArrayRef(kinds).drop_front(depth));
    IRMapping mapping;
    op.getRegion().cloneInto(&row.getRegion(), mapping);
    SmallVector<linalg::IndexOp> indices;
    row.getRegion().walk([&](linalg::IndexOp index) { indices.push_back(index); });
    for (linalg::IndexOp index : indices) {
      if (index.getDim() >= depth) {
        index.setDim(index.getDim() - depth);
        continue;
      }
      index.getResult().replaceAllUsesWith(at[index.getDim()]);
      index.erase();
    }
  }

  void write(Group &group) {
    // An op that has no other loops than rows would leave nothing for vectors.
    size_t depth = group.rows.size(), most = 0;
    for (linalg::GenericOp op : group.ops)
      most = std::max<size_t>(most, op.getNumLoops());
    depth = std::min(depth, most - 1);
    bool fits = depth > 0 && group.numRows(depth) >= kFewestRows && group.ops.size() > 1;
    for (linalg::GenericOp op : group.ops)
      fits &= canTakeRow(op, depth);
    if (!fits)
      return;
    OpBuilder b(group.ops.back());
    Location loc = group.ops.back().getLoc();
    llvm::MapVector<Value, memref::AllocaOp> scratch = makeScratch(b, group, depth);
    auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, loc, value); };
    auto loop = scf::ForOp::create(b, loc, index(0), index(group.numRows(depth)), index(1));
    loop->setAttr("llmc.rows", b.getUnitAttr());
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> at(depth);
    Value rest = loop.getInductionVar();
    for (size_t i = depth; i-- > 0;) {
      if (i == 0) {
        at[i] = rest;
        break;
      }
      at[i] = arith::RemUIOp::create(b, loc, rest, index(group.rows[i]));
      rest = arith::DivUIOp::create(b, loc, rest, index(group.rows[i]));
    }
    for (linalg::GenericOp op : group.ops)
      writeRow(b, op, depth, at, scratch);
    numJoined += group.ops.size();
    for (linalg::GenericOp op : group.ops)
      op.erase();
  }

  /// Ops that neither read nor write memory that a group could change.
  static bool isApart(Operation *op) {
    return isa<memref::AllocOp, memref::GetGlobalOp, memref::DimOp>(op) || isa<ViewLikeOpInterface>(op) || isPure(op);
  }

  LogicalResult run(func::FuncOp func) {
    Block &entry = func.getBody().front();
    IRRewriter rewriter(func.getContext());
    // Fills are ops like others.
    for (auto fill : llvm::make_early_inc_range(entry.getOps<linalg::FillOp>())) {
      rewriter.setInsertionPoint(fill);
      if (failed(linalg::generalizeNamedOp(rewriter, fill)))
        return failure();
    }
    Group group;
    auto close = [&] {
      if (!group.empty())
        write(group);
      group = Group();
    };
    SmallVector<Operation *> ops;
    for (Operation &op : entry)
      ops.push_back(&op);
    for (Operation *op : ops) {
      if (isApart(op))
        continue;
      auto generic = dyn_cast<linalg::GenericOp>(op);
      if (!generic) {
        close();
        continue;
      }
      if (!group.empty()) {
        if (size_t depth = sharedDepth(group, generic)) {
          group.rows.resize(depth);
          group.ops.push_back(generic);
          continue;
        }
        close();
      }
      group.ops = {generic};
      group.rows = leadingRows(generic);
    }
    close();
    return success();
  }

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.getBody().empty() && func->hasAttr("llmc.constants") && failed(run(func)))
        return signalPassFailure();
  }
};

} // namespace
