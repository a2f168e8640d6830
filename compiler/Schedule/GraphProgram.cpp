// GraphProgram.cpp - from a bufferized entry to launches on planned memory.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/GraphSizes.h"
#include "compiler/Schedule/GraphSteps.h"
#include "compiler/Schedule/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace llmc {
#define GEN_PASS_DEF_GRAPHPROGRAMPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;
namespace tr = llmc::transformer;

namespace {

using graph::rootOf;

int64_t bytesOf(MemRefType type) { return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8); }

/// An op that computes nothing in memory: it is repeated where it is needed.
bool isRepeated(Operation *op) {
  return isa<memref::AllocOp, memref::AllocaOp, memref::GetGlobalOp, memref::LoadOp, memref::DimOp>(op) ||
         isa<ViewLikeOpInterface>(op) || isPure(op);
}

/// One launch to be: an op with what it reads and writes.
struct Launch {
  Operation *op;
  llvm::SetVector<Operation *> before;   ///< repeated ops, producers first
  llvm::MapVector<Value, bool> memories; ///< roots; true where written
};

/// A buffer's place and the time that it is needed.
struct Place {
  int64_t size = 0, first = -1, last = -1, offset = -1;
};

/// On linalg ops: the loop that threads share.
constexpr StringLiteral kSplit = "llmc.split";
/// On linalg ops and on loops: squares of this loop and the one in it are worth turning.
constexpr StringLiteral kTurned = "llmc.turned";

struct ProgramBuilder {
  func::FuncOp func;
  IRRewriter rewriter;
  SmallVector<Launch> launches; ///< in the order of the text, those of branches and loops among them
  SmallVector<graph::Steps> steps;
  llvm::DenseMap<Operation *, int64_t> launchOf; ///< numbers in `launches`
  llvm::DenseMap<Operation *, int64_t> order;    ///< of all ops, in the text
  llvm::MapVector<Value, Place> places;
  int64_t arena = 0, split = 0, barriers = 0;
  graph::Sizes sizes;

  explicit ProgramBuilder(func::FuncOp func) : func(func), rewriter(func.getContext()), sizes(func) {}

  /// An allocation whose size is known only at run time: launches get its bytes, and make a view of them.
  static memref::AllocOp openAlloc(Operation *op) {
    auto alloc = dyn_cast_or_null<memref::AllocOp>(op);
    return alloc && !alloc.getType().hasStaticShape() ? alloc : memref::AllocOp();
  }
  /// The buffer that a launch gets for a root.
  MemRefType memoryType(Value root) {
    memref::AllocOp alloc = openAlloc(root.getDefiningOp());
    if (!alloc)
      return cast<MemRefType>(root.getType());
    int64_t bytes = sizes.mostElements(alloc) * llvm::divideCeil(alloc.getType().getElementTypeBitWidth(), 8);
    return MemRefType::get({std::max<int64_t>(bytes, 1)}, rewriter.getI8Type());
  }

  /// Adds what `value` depends on to a launch.
  void collect(Launch &launch, Value value, bool written) {
    Operation *op = value.getDefiningOp();
    if (isa<MemRefType>(value.getType())) {
      Value root = rootOf(value);
      bool isGlobal = isa_and_present<memref::GetGlobalOp, memref::AllocaOp>(root.getDefiningOp());
      if (!isGlobal)
        launch.memories[root] |= written;
      if (root == value && !isGlobal && !openAlloc(op))
        return;
    }
    if (!op || launch.op->isAncestor(op) || launch.before.contains(op))
      return;
    for (Value operand : op->getOperands())
      collect(launch, operand, false);
    launch.before.insert(op);
  }

  LogicalResult gather(Operation *op) {
    if (isRepeated(op))
      return success();
    Launch launch = {op, {}, {}};
    LogicalResult result = success();
    op->walk([&](Operation *inner) {
      if (isa<memref::AllocOp>(inner))
        result = inner->emitError() << "a buffer inside of control flow has no plan";
      auto effects = dyn_cast<MemoryEffectOpInterface>(inner);
      for (OpOperand &operand : inner->getOpOperands()) {
        bool written = false;
        if (isa<MemRefType>(operand.get().getType()) && effects) {
          SmallVector<MemoryEffects::EffectInstance> list;
          effects.getEffectsOnValue(operand.get(), list);
          written = llvm::any_of(list, [](auto &effect) { return isa<MemoryEffects::Write>(effect.getEffect()); });
        }
        auto isOutside = [&](Value value) { return !launch.op->isAncestor(value.getParentRegion()->getParentOp()); };
        // A view made inside, of a turn's own part, writes to what it is a view of.
        if (Value root = written ? rootOf(operand.get()) : Value();
            root && isOutside(root) && !root.getDefiningOp<memref::AllocaOp>())
          launch.memories[root] |= true;
        if (isOutside(operand.get()))
          collect(launch, operand.get(), written);
      }
    });
    launchOf[op] = launches.size();
    launches.push_back(std::move(launch));
    return result;
  }

  /// The launches of a block and of the branches and loops in it.
  LogicalResult gatherBlock(Block &block) {
    for (Operation &op : block) {
      const graph::Steps *inner = stepsOf(&op);
      if (!inner) {
        if (!op.hasTrait<OpTrait::IsTerminator>() && failed(gather(&op)))
          return failure();
        continue;
      }
      int64_t first = launches.size();
      for (Block *part : inner->blocks)
        if (failed(gatherBlock(*part)))
          return failure();
      // The flag is read before the steps, and in a loop between them.
      turns.push_back({&op, inner->flag, first, static_cast<int64_t>(launches.size()) - 1, inner->isLoop});
    }
    return success();
  }
  const graph::Steps *stepsOf(Operation *op) const {
    for (const graph::Steps &one : steps)
      if (one.op == op)
        return &one;
    return nullptr;
  }
  /// Launches from `first` to `last` stand in a branch or loop.
  struct Turn {
    Operation *op;
    Value flag;
    int64_t first, last;
    bool isLoop;
  };
  SmallVector<Turn> turns;

  /// Scalars that launches read from memory are read anew in them: nothing may have written there in between.
  LogicalResult checkScalars() {
    for (Launch &launch : launches)
      for (Operation *op : launch.before)
        if (auto load = dyn_cast<memref::LoadOp>(op)) {
          Value root = rootOf(load.getMemRef());
          for (Launch &other : launches)
            if (order.lookup(load) < order.lookup(other.op) && order.lookup(other.op) < order.lookup(launch.op) &&
                other.memories.lookup(root))
              return load.emitError() << "reads memory that changes before its value is needed";
        }
    return success();
  }

  void planMemory() {
    for (auto [time, launch] : llvm::enumerate(launches))
      for (auto &[root, written] : launch.memories)
        if (auto alloc = root.getDefiningOp<memref::AllocOp>(); alloc && !alloc->hasAttr(graph::Sizes::kArgument)) {
          Place &place = places[root];
          if (place.first < 0)
            place.first = time;
          place.last = time;
          place.size = std::max<int64_t>(64, llvm::alignTo(bytesOf(memoryType(root)), 64));
        }
    // What stands before a loop and is read in it is read in each turn.
    for (const Turn &turn : turns)
      for (auto &[root, place] : places) {
        bool outside = !turn.op->isAncestor(root.getDefiningOp());
        bool touched = place.first <= turn.last && place.last >= turn.first;
        if (turn.isLoop && outside && touched) {
          place.first = std::min(place.first, turn.first);
          place.last = std::max(place.last, turn.last);
        }
        if (root == turn.flag)
          place.last = std::max(place.last, turn.last);
      }
    // The largest first: what is small fits between.
    SmallVector<Place *> order;
    for (auto &entry : places)
      order.push_back(&entry.second);
    llvm::stable_sort(order, [](Place *a, Place *b) { return a->size > b->size; });
    SmallVector<Place *> placed;
    for (Place *place : order) {
      SmallVector<Place *> beside;
      for (Place *other : placed)
        if (other->first <= place->last && place->first <= other->last)
          beside.push_back(other);
      llvm::sort(beside, [](Place *a, Place *b) { return a->offset < b->offset; });
      int64_t at = 0;
      for (Place *other : beside) {
        if (at + place->size <= other->offset)
          break;
        at = std::max(at, other->offset + other->size);
      }
      place->offset = at;
      arena = std::max(arena, at + place->size);
      placed.push_back(place);
    }
  }

  /// Whether two memories share bytes.
  bool overlap(Value a, Value b) {
    if (a == b)
      return true;
    auto x = places.find(a), y = places.find(b);
    if (x == places.end() || y == places.end())
      return false;
    return x->second.offset < y->second.offset + y->second.size && y->second.offset < x->second.offset + x->second.size;
  }

  /// The dimension whose loop is split: the first parallel one with enough places for many threads, else the longest.
  int64_t splitDimension(linalg::LinalgOp op) {
    SmallVector<int64_t> ranges;
    for (unsigned i = 0; i < op.getNumLoops(); ++i)
      ranges.push_back(sizes.mostPlaces(op, i));
    int64_t best = -1;
    SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
    for (auto [i, kind] : llvm::enumerate(kinds)) {
      if (kind != utils::IteratorType::parallel)
        continue;
      if (ranges[i] >= 16)
        return i;
      if (best < 0 || ranges[i] > ranges[best])
        best = i;
    }
    return best;
  }

  /// The loop of a buffer's last dimension of more than one place, where it is that alone; else -1.
  static int64_t lastLoop(Value buffer, AffineMap map) {
    auto type = cast<MemRefType>(buffer.getType());
    for (int64_t i = type.getRank() - 1; i >= 0; --i)
      if (type.getDimSize(i) != 1)
        return isa<AffineDimExpr>(map.getResult(i)) ? map.getDimPosition(i) : -1;
    return -1;
  }

  /// Where an input runs along another dimension than the output, its loop goes right around the innermost one: squares
  /// of the two are turned at once.
  FailureOr<linalg::GenericOp> orderTurned(linalg::GenericOp op) {
    if (op.getNumDpsInits() != 1)
      return op;
    int64_t last = lastLoop(op.getDpsInits()[0], op.getMatchingIndexingMap(op.getDpsInitOperand(0))), other = -1;
    for (OpOperand *input : op.getDpsInputOperands())
      if (isa<MemRefType>(input->get().getType()))
        if (int64_t loop = lastLoop(input->get(), op.getMatchingIndexingMap(input));
            loop >= 0 && loop != last && op.getMatchingIndexingMap(input).isFunctionOfDim(last))
          other = loop;
    if (last < 0 || other < 0)
      return op;
    op->setAttr(kTurned, rewriter.getUnitAttr());
    SmallVector<unsigned> order;
    for (unsigned i = 0; i < op.getNumLoops(); ++i)
      if (i != last && i != other)
        order.push_back(i);
    order.push_back(other);
    order.push_back(last);
    if (llvm::is_sorted(order))
      return op;
    rewriter.setInsertionPoint(op);
    FailureOr<linalg::GenericOp> ordered = linalg::interchangeGenericOp(rewriter, op, order);
    if (succeeded(ordered))
      (*ordered)->setAttr(kTurned, rewriter.getUnitAttr());
    return ordered;
  }

  /// Puts the output's last dimension innermost, behind the sums, where an input runs along it: then a row of sums is
  /// made at a time, each in its own order.
  FailureOr<linalg::GenericOp> orderLoops(linalg::GenericOp op) {
    if (op.getNumReductionLoops() == 0)
      return orderTurned(op);
    if (op.getNumDpsInits() != 1)
      return op;
    AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    if (out.getNumResults() == 0)
      return op;
    auto last = dyn_cast<AffineDimExpr>(out.getResult(out.getNumResults() - 1));
    if (!last)
      return op;
    unsigned dim = last.getPosition();
    bool along = llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
      AffineMap map = op.getMatchingIndexingMap(input);
      return map.getNumResults() > 0 && map.getResult(map.getNumResults() - 1).isFunctionOfDim(dim);
    });
    SmallVector<unsigned> order;
    SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
    for (unsigned i = 0; i < kinds.size(); ++i)
      if (kinds[i] == utils::IteratorType::parallel && !(along && i == dim))
        order.push_back(i);
    for (unsigned i = 0; i < kinds.size(); ++i)
      if (kinds[i] != utils::IteratorType::parallel)
        order.push_back(i);
    if (along)
      order.push_back(dim);
    bool same = true;
    for (unsigned i = 0; i < order.size(); ++i)
      same &= order[i] == i;
    if (same)
      return op;
    rewriter.setInsertionPoint(op);
    return linalg::interchangeGenericOp(rewriter, op, order);
  }

  /// Every linalg op of the entry as a generic one with its loops in order, copies too; notes which loop threads share.
  LogicalResult prepareLoops(Block &entry) {
    for (Operation &op : llvm::make_early_inc_range(entry)) {
      Operation *now = &op;
      rewriter.setInsertionPoint(now);
      if (auto copy = dyn_cast<memref::CopyOp>(now)) {
        now =
            linalg::CopyOp::create(rewriter, copy.getLoc(), ValueRange{copy.getSource()}, ValueRange{copy.getTarget()});
        rewriter.eraseOp(copy);
      }
      auto linalgOp = dyn_cast<linalg::LinalgOp>(now);
      if (!linalgOp)
        continue;
      auto generic = dyn_cast<linalg::GenericOp>(now);
      if (!generic) {
        FailureOr<linalg::GenericOp> made = linalg::generalizeNamedOp(rewriter, linalgOp);
        if (failed(made))
          return now->emitError() << "cannot be written as loops";
        generic = *made;
      }
      FailureOr<linalg::GenericOp> ordered = orderLoops(generic);
      if (failed(ordered))
        return generic->emitError() << "cannot be put in order";
      (*ordered)->setAttr(kSplit, rewriter.getI64IntegerAttr(splitDimension(*ordered)));
    }
    return success();
  }

  /// Says of the innermost loop what is known of its turns.
  void markInnermost(linalg::LinalgOp op, const linalg::LinalgLoops &loops) {
    if (loops.empty())
      return;
    bool isSum = op.getIteratorTypesArray().back() == utils::IteratorType::reduction;
    if (op->hasAttr(kTurned) && loops.size() > 1)
      loops[loops.size() - 2]->setAttr(kTurned, rewriter.getUnitAttr());
    loops.back()->setAttr(isSum ? "llmc.sum" : "llmc.parallel", rewriter.getUnitAttr());
  }

  /// The launch's op in its new body as loops; sets `units`. `first` and `last` bound the split loop where the number
  /// of its places is known; else the body divides it.
  LogicalResult writeLoops(linalg::GenericOp generic, Value first, Value last, int64_t &units) {
    int64_t dim = generic->getAttrOfType<IntegerAttr>(kSplit).getInt();
    SmallVector<int64_t> ranges = cast<linalg::LinalgOp>(generic.getOperation()).getStaticLoopRanges();
    rewriter.setInsertionPoint(generic);
    FailureOr<linalg::LinalgLoops> loops = linalg::linalgOpToLoops(rewriter, generic);
    if (failed(loops))
      return generic->emitError() << "cannot be written as loops";
    markInnermost(generic, *loops);
    if (dim >= 0 && dim < static_cast<int64_t>(loops->size())) {
      auto loop = cast<scf::ForOp>((*loops)[dim]);
      units = ranges[dim];
      if (ShapedType::isDynamic(units)) {
        rewriter.setInsertionPoint((*loops)[0]);
        auto share = ShareOp::create(rewriter, generic.getLoc(), rewriter.getIndexType(), rewriter.getIndexType(),
                                     loop.getUpperBound());
        first = share.getFirst(), last = share.getLast();
        units = 1;
        ++split;
      } else {
        split += units > 1;
      }
      loop.setLowerBound(first);
      loop.setUpperBound(last);
    } else {
      units = -1;
    }
    rewriter.eraseOp(generic);
    return success();
  }

  /// A linalg op whose split loop has a number of places that its body learns at run time.
  static bool sharesItself(Operation *op) {
    if (isa<ContractOp>(op))
      return true;
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic)
      return false;
    int64_t dim = generic->getAttrOfType<IntegerAttr>(kSplit).getInt();
    return dim >= 0 && ShapedType::isDynamic(cast<linalg::LinalgOp>(generic.getOperation()).getStaticLoopRanges()[dim]);
  }

  LogicalResult emit(OpBuilder &b, Launch &launch, IRMapping &memory) {
    SmallVector<Value> buffers;
    SmallVector<bool> writes;
    for (auto &[root, written] : launch.memories) {
      buffers.push_back(memory.lookup(root));
      writes.push_back(written);
    }
    Location loc = launch.op->getLoc();
    auto generic = GenericOp::create(b, loc, 1, writes, buffers);
    Block &body = generic.getBody().emplaceBlock();
    Value first = body.addArgument(b.getIndexType(), loc), last = body.addArgument(b.getIndexType(), loc);
    IRMapping mapping;
    for (auto [entry, buffer] : llvm::zip(launch.memories, buffers))
      mapping.map(entry.first, body.addArgument(buffer.getType(), loc));
    OpBuilder inner = OpBuilder::atBlockBegin(&body);
    for (Operation *op : launch.before) {
      memref::AllocOp open = openAlloc(op);
      if (!open) {
        inner.clone(*op, mapping);
        continue;
      }
      SmallVector<Value> extents;
      for (Value size : open.getDynamicSizes())
        extents.push_back(mapping.lookupOrDefault(size));
      Value none = arith::ConstantIndexOp::create(inner, loc, 0);
      mapping.map(open.getResult(),
                  memref::ViewOp::create(inner, loc, open.getType(), mapping.lookup(open.getResult()), none, extents)
                      .getResult());
    }
    // One thread's work, unless a loop is split.
    if (!sharesItself(launch.op)) {
      Value some = arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::slt, first, last);
      auto guard = scf::IfOp::create(inner, loc, some, /*withElseRegion=*/false);
      inner.setInsertionPoint(guard.thenYield());
    }
    Operation *clone = inner.clone(*launch.op, mapping);
    int64_t units = -1;
    if (auto linalgOp = dyn_cast<linalg::GenericOp>(clone)) {
      if (failed(writeLoops(linalgOp, first, last, units)))
        return failure();
    } else if (auto rows = dyn_cast<scf::ForOp>(clone); rows && rows->hasAttr("llmc.rows")) {
      units = *getConstantIntValue(rows.getUpperBound());
      rows.setLowerBound(first);
      rows.setUpperBound(last);
      rows->removeAttr("llmc.rows");
      ++split;
    }
    // Linalg ops inside of control flow run whole.
    SmallVector<linalg::LinalgOp> nested;
    SmallVector<memref::CopyOp> copies;
    generic.getBody().walk([&](memref::CopyOp op) { copies.push_back(op); });
    for (memref::CopyOp copy : copies) {
      OpBuilder at(copy);
      linalg::CopyOp::create(at, copy.getLoc(), ValueRange{copy.getSource()}, ValueRange{copy.getTarget()});
      copy.erase();
    }
    generic.getBody().walk([&](linalg::LinalgOp op) { nested.push_back(op); });
    for (linalg::LinalgOp op : nested) {
      if (auto loops = dyn_cast<linalg::GenericOp>(op.getOperation())) {
        FailureOr<linalg::GenericOp> ordered = orderLoops(loops);
        if (failed(ordered))
          return op->emitError() << "cannot be put in order";
        op = cast<linalg::LinalgOp>(ordered->getOperation());
      }
      rewriter.setInsertionPoint(op);
      FailureOr<linalg::LinalgLoops> written = linalg::linalgOpToLoops(rewriter, op);
      if (failed(written))
        return op->emitError() << "cannot be written as loops";
      markInnermost(op, *written);
      rewriter.eraseOp(op);
    }
    generic.setUnits(units < 0 ? 1 : units);
    return success();
  }

  /// Memories that launches may still be at work on, and whether they write there.
  using Pending = SmallVector<std::pair<Value, bool>>;

  void emitBarrier(OpBuilder &b, Location loc, Pending &pending) {
    BarrierOp::create(b, loc);
    ++barriers;
    pending.clear();
  }

  /// A block's launches, with barriers where they meet, and branches and loops of them.
  LogicalResult emitBlock(OpBuilder &b, Block &block, Pending &pending, IRMapping &memory) {
    for (Operation &op : block) {
      if (auto require = dyn_cast<RequireOp>(op)) {
        emitBarrier(b, op.getLoc(), pending);
        b.clone(*require);
        continue;
      }
      if (const graph::Steps *inner = stepsOf(&op)) {
        emitBarrier(b, op.getLoc(), pending);
        Value flag = memory.lookup(inner->flag);
        Operation *made = inner->isLoop ? LoopOp::create(b, op.getLoc(), flag).getOperation()
                                        : IfOp::create(b, op.getLoc(), flag).getOperation();
        for (auto [i, part] : llvm::enumerate(inner->blocks)) {
          OpBuilder in = OpBuilder::atBlockBegin(&made->getRegion(i).emplaceBlock());
          Pending own = {{inner->flag, false}};
          if (failed(emitBlock(in, *part, own, memory)))
            return failure();
          llvm::append_range(pending, own);
        }
        for (Region &region : made->getRegions())
          if (region.empty())
            region.emplaceBlock();
        continue;
      }
      auto found = launchOf.find(&op);
      if (found == launchOf.end())
        continue;
      Launch &launch = launches[found->second];
      bool conflict = false;
      for (auto &[root, written] : launch.memories)
        for (auto &[earlier, wrote] : pending)
          conflict |= (written || wrote) && overlap(root, earlier);
      if (conflict)
        emitBarrier(b, op.getLoc(), pending);
      for (auto &[root, written] : launch.memories)
        pending.push_back({root, written});
      if (failed(emit(b, launch, memory)))
        return failure();
    }
    return success();
  }

  /// A value that is only copied to an output in the end is made there.
  void writeOutputs(Block &entry) {
    for (auto copy : llvm::make_early_inc_range(entry.getOps<memref::CopyOp>())) {
      auto alloc = copy.getSource().getDefiningOp<memref::AllocOp>();
      auto argument = dyn_cast<BlockArgument>(copy.getTarget());
      if (!alloc || !argument || !argument.hasOneUse() || argument.getType() != alloc.getType())
        continue;
      if (!graph::isLastUse(entry, alloc, copy))
        continue;
      copy.erase();
      alloc.replaceAllUsesWith(static_cast<Value>(argument));
      alloc.erase();
    }
  }

  /// What has a size that is known only at run time has a bound that memory can be planned for.
  LogicalResult checkBounds() {
    WalkResult result = func.walk([&](memref::AllocOp alloc) {
      if (sizes.mostElements(alloc) >= 0)
        return WalkResult::advance();
      alloc.emitError() << "a value of type " << alloc.getType()
                        << " has no bound below 2^40 elements that memory could be planned for";
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult run() {
    MLIRContext *context = func.getContext();
    Block &entry = func.getBody().front();
    int64_t inputs = func->getAttrOfType<IntegerAttr>("llmc.inputs").getInt();
    auto keys = func->getAttrOfType<ArrayAttr>("llmc.constants");
    int64_t constants = keys.size(), outputs = entry.getNumArguments() - inputs - constants;
    if (failed(sizes.openInputs(inputs)) || failed(sizes.openOutputs(inputs + constants, inputs)))
      return failure();
    sizes.writeStrides();
    writeOutputs(entry);
    graph::writeSteps(func, steps);
    graph::keepScalars(func, steps);
    if (failed(checkBounds()))
      return failure();
    if (failed(prepareLoops(entry)))
      return failure();
    for (const graph::Steps &one : steps)
      for (Block *block : one.blocks)
        if (failed(prepareLoops(*block)))
          return failure();
    int64_t number = 0;
    func.walk<WalkOrder::PreOrder>([&](Operation *op) { order[op] = number++; });
    if (failed(gatherBlock(entry)))
      return failure();
    if (failed(checkScalars()))
      return failure();
    planMemory();

    OpBuilder b(func);
    SmallVector<int64_t> slots = {static_cast<int64_t>(llvm::alignTo(arena, 64)), static_cast<int64_t>(DimKind::one)};
    SmallVector<Attribute> roles(inputs, tr::RoleAttr::get(context, tr::Role::Input));
    roles.append(outputs, tr::RoleAttr::get(context, tr::Role::Output));
    auto program = ProgramOp::create(b, func.getLoc(), func.getSymName(), inputs, outputs, b.getArrayAttr(roles), slots,
                                     ArrayRef<int64_t>{1});
    for (StringRef name : {"onnx.names", "onnx.types", "onnx.roles"})
      if (Attribute value = func->getAttr(name))
        program->setAttr(name, value);
    if (!sizes.dims().empty())
      program->setAttr("onnx.dims", sizes.attribute());
    Block &body = program.getBody().emplaceBlock();
    IRMapping memory;
    // An argument of an open size is bytes; the allocation that stands for it says how they are read.
    llvm::DenseMap<int64_t, Value> openArguments;
    for (auto alloc : entry.getOps<memref::AllocOp>())
      if (auto place = alloc->getAttrOfType<IntegerAttr>(graph::Sizes::kArgument))
        openArguments[place.getInt()] = alloc.getResult();
    for (int64_t i = 0; i < inputs + constants + outputs; ++i) {
      if (i >= inputs && i < inputs + constants)
        continue;
      Value root = openArguments.lookup(i) ? openArguments.lookup(i) : Value(entry.getArgument(i));
      memory.map(root, body.addArgument(memoryType(root), func.getLoc()));
    }
    OpBuilder inner = OpBuilder::atBlockBegin(&body);
    int64_t offset = 0;
    for (int64_t i = 0; i < constants; ++i) {
      BlockArgument argument = entry.getArgument(inputs + i);
      std::string name = "c" + std::to_string(i);
      auto constant = kernel::ConstantOp::create(b, argument.getLoc(), b.getStringAttr(name), cast<StringAttr>(keys[i]),
                                                 b.getI64IntegerAttr(offset), TypeAttr::get(argument.getType()),
                                                 func.getArgAttrOfType<ArrayAttr>(inputs + i, "llmc.columns"),
                                                 func.getArgAttrOfType<ArrayAttr>(inputs + i, "llmc.steps"));
      offset = llvm::alignTo(offset + constant.getSizeInBytes(), 64);
      memory.map(argument, GetConstantOp::create(inner, argument.getLoc(), argument.getType(), name).getResult());
    }
    for (auto &[root, place] : places)
      memory.map(root, MemoryOp::create(inner, root.getLoc(), memoryType(root), 0, place.offset).getResult());

    Pending pending;
    if (failed(emitBlock(inner, entry, pending, memory)))
      return failure();
    YieldOp::create(inner, func.getLoc(), ValueRange{});
    func.erase();
    return success();
  }
};

struct GraphProgram : llmc::impl::GraphProgramPassBase<GraphProgram> {
  void runOnOperation() override {
    for (auto func : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (!func->hasAttr("llmc.constants"))
        continue;
      ProgramBuilder builder(func);
      if (failed(builder.run()))
        return signalPassFailure();
      numLaunches += builder.launches.size();
      numSplit += builder.split;
      numBarriers += builder.barriers;
    }
  }
};

} // namespace
