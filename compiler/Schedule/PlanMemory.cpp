// PlanMemory.cpp - turn entries into step programs on buffers.
//
// First every f32 tensor value is given a Storage, shared by values that live in the same memory: views, results of ops
// that work in place, and what a loop over layers carries. Then storages get arena slots by their lifetimes. Last the
// ops are rebuilt in buffer form.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"

#include <memory>

namespace llmc {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;
namespace tr = llmc::transformer;

namespace {

/// Memory of one size: a buffer in an arena slot, or an output of the program.
struct Storage {
  int64_t columns = 0;
  Type element;
  DimKind rowsKind = DimKind::tokens;
  int64_t begin = 0, end = 0; ///< first and last op that touches it
  int64_t output = -1;        ///< number of the output, or -1
  int64_t slot = -1;
  Value memory; ///< the kernel.buffer or the program's argument
};

bool isRows(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() == 2 &&
         (type.getElementType().isF32() || type.getElementType().isF16() || type.getElementType().isInteger(8));
}

/// True when nothing reads `value`, or a view of it, after `op` in the block where both stand. `value` must belong to
/// that block.
bool diesAt(Value value, Operation *op) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (user == op)
      continue;
    if (user->getBlock() != op->getBlock())
      return false;
    if (isa<ColumnsOp>(user)) {
      if (!diesAt(user->getResult(0), op))
        return false;
      continue;
    }
    if (!user->isBeforeInBlock(op))
      return false;
  }
  return true;
}

Block *blockOf(Value value) { return value.getParentBlock(); }

struct Planner {
  func::FuncOp func;
  int64_t buffersMade = 0, slotsMade = 0, inPlace = 0;
  std::vector<std::unique_ptr<Storage>> storages;
  llvm::DenseMap<Operation *, Storage *> scratchOf; ///< memory that an op alone uses
  llvm::DenseMap<Value, Storage *> storageOf;
  llvm::DenseMap<Value, int64_t> outputOf; ///< value returned -> output number
  llvm::DenseMap<Operation *, int64_t> number;
  int64_t nextNumber = 0;

  explicit Planner(func::FuncOp func) : func(func) {}

  /// Memory for values of this type.
  Storage *newStorage(Type type, DimKind rowsKind, int64_t at) {
    storages.push_back(std::make_unique<Storage>());
    Storage *storage = storages.back().get();
    storage->columns = cast<RankedTensorType>(type).getDimSize(1);
    storage->element = cast<RankedTensorType>(type).getElementType();
    storage->rowsKind = rowsKind;
    storage->begin = storage->end = at;
    return storage;
  }

  void numberOps(Block &block) {
    for (Operation &op : block) {
      number[&op] = nextNumber++;
      if (auto layers = dyn_cast<LayersOp>(op))
        for (Region &body : layers.getBodies())
          numberOps(body.front());
    }
  }

  /// The number up to which a use by `op` keeps a value of `home` alive: the end of the outermost loop between them.
  int64_t useNumber(Operation *op, Block *home) {
    Operation *outer = op;
    while (outer->getBlock() != home)
      outer = outer->getParentOp();
    if (outer == op)
      return number.lookup(op);
    int64_t last = number.lookup(outer);
    outer->walk([&](Operation *inner) {
      if (number.count(inner))
        last = std::max(last, number.lookup(inner));
    });
    return last;
  }

  //===-- storages ------------------------------------------------------------------------------------------------===//

  /// Operands whose memory an op's result may take over, best first.
  SmallVector<Value> reusable(Operation *op) {
    SmallVector<Value> candidates;
    if (auto matmul = dyn_cast<MatmulOp>(op)) {
      for (Value extra : matmul.getExtras())
        if (extra != matmul.getX())
          candidates.push_back(extra);
    } else if (auto elementwise = dyn_cast<ElementwiseOp>(op)) {
      llvm::append_range(candidates, elementwise.getInputs());
    } else if (isa<RMSNormOp, LayerNormOp, RopeOp>(op)) {
      candidates.push_back(op->getOperand(0));
    }
    llvm::erase_if(candidates, [](Value v) { return !isRows(v); });
    return candidates;
  }

  /// True when `value` is all of its storage: neither a view nor the result of an op that works in place on one.
  bool isWhole(Value value) {
    Operation *op = value.getDefiningOp();
    if (isa_and_present<ColumnsOp>(op))
      return false;
    if (isa_and_present<RMSNormOp, LayerNormOp, RopeOp>(op) &&
        storageOf.lookup(op->getOperand(0)) == storageOf.lookup(value))
      return isWhole(op->getOperand(0));
    return true;
  }

  /// True when only `op` still needs `view`'s columns: it alone has them, in each turn of the loops around it.
  bool ownsColumns(ColumnsOp view, Operation *op) {
    Value base = view.getX();
    return isWhole(base) && blockOf(base) == op->getBlock() &&
           llvm::all_of(base.getUsers(), [](Operation *user) { return isa<ColumnsOp>(user); }) && noOverlap(view);
  }

  /// True when `op`'s result may take the memory of its operand `candidate`.
  bool canWorkInPlace(Operation *op, Value candidate, int64_t columns) {
    if (blockOf(candidate) != op->getBlock() || !diesAt(candidate, op))
      return false;
    // What else the op reads must not change under its hands: only the candidate itself is read where it is written.
    for (Value operand : op->getOperands())
      if (isRows(operand) && operand != candidate && storageOf.lookup(operand) == storageOf.lookup(candidate))
        return false;
    if (isWhole(candidate))
      return cast<RankedTensorType>(candidate.getType()).getDimSize(1) == columns;
    // These take an operand's view for their result.
    if (!isa<RMSNormOp, LayerNormOp, RopeOp>(op))
      return false;
    auto view = candidate.getDefiningOp<ColumnsOp>();
    return !view || ownsColumns(view, op);
  }

  Storage *storageForResult(Operation *op) {
    Value result = op->getResult(0);
    int64_t columns = cast<RankedTensorType>(result.getType()).getDimSize(1);
    auto output = outputOf.find(result);
    if (output == outputOf.end())
      for (Value candidate : reusable(op))
        if (canWorkInPlace(op, candidate, columns)) {
          ++inPlace;
          return storageOf.lookup(candidate);
        }
    Storage *storage = newStorage(result.getType(), rowsKindOf(op), number.lookup(op));
    if (output != outputOf.end())
      storage->output = output->second;
    return storage;
  }

  /// The view's columns are in no other view of the same value.
  static bool noOverlap(ColumnsOp view) {
    int64_t from = view.getOffset(), to = from + cast<RankedTensorType>(view.getType()).getDimSize(1);
    for (Operation *user : view.getX().getUsers()) {
      auto other = cast<ColumnsOp>(user);
      int64_t otherFrom = other.getOffset(),
              otherTo = otherFrom + cast<RankedTensorType>(other.getType()).getDimSize(1);
      if (other != view && from < otherTo && otherFrom < to)
        return false;
    }
    return true;
  }

  DimKind rowsKindOf(Operation *op) {
    if (isa<GatherRowsOp>(op))
      return DimKind::rows;
    for (Value operand : op->getOperands())
      if (isRows(operand))
        return storageOf.lookup(operand)->rowsKind;
    return DimKind::tokens;
  }

  void touch(Value value, Operation *user) {
    Storage *storage = storageOf.lookup(value);
    storage->end = std::max(storage->end, useNumber(user, homeOf(value)));
  }

  /// The block in which a value's storage began: that of the value, or the loop's for what a loop carries.
  Block *homeOf(Value value) {
    Block *block = value.getParentBlock();
    if (isa<BlockArgument>(value))
      if (auto layers = dyn_cast<LayersOp>(block->getParentOp()))
        return layers->getBlock();
    return block;
  }

  /// Inserts a copy of `value` before `op` and gives it `storage` (or new memory).
  Value copy(Value value, Operation *op, Storage *storage) {
    OpBuilder b(op);
    auto identity = ElementwiseOp::create(b, op->getLoc(), TypeRange{value.getType()}, value, ValueRange{});
    Block &body = identity.getBody().emplaceBlock();
    body.addArgument(b.getF32Type(), op->getLoc());
    b.setInsertionPointToStart(&body);
    YieldOp::create(b, op->getLoc(), body.getArgument(0));
    number[identity] = number.lookup(op);
    Value result = identity->getResult(0);
    Storage *source = storageOf.lookup(value);
    if (!storage)
      storage = newStorage(value.getType(), source->rowsKind, number.lookup(op));
    storageOf[result] = storage;
    touch(value, identity);
    touch(result, identity);
    return result;
  }

  LogicalResult assign(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto layers = dyn_cast<LayersOp>(op)) {
        if (failed(assignLayers(layers)))
          return failure();
        continue;
      }
      if (auto columns = dyn_cast<ColumnsOp>(op)) {
        storageOf[columns.getResult()] = storageOf.lookup(columns.getX());
        continue;
      }
      if (!isa<KernelDialect>(op.getDialect()) && !op.hasTrait<OpTrait::IsTerminator>())
        return op.emitOpError() << "cannot be planned: only kernel ops can";
      if (op.getNumResults() == 1 && isRows(op.getResult(0))) {
        storageOf[op.getResult(0)] = storageForResult(&op);
      }
      if (auto attention = dyn_cast<AttentionOp>(op)) {
        auto numbers = RankedTensorType::get({1, attention.getScratchColumns()}, Float32Type::get(op.getContext()));
        scratchOf[&op] = newStorage(numbers, DimKind::one, number.lookup(&op));
      }
      for (Value operand : op.getOperands())
        if (isRows(operand) && !op.hasTrait<OpTrait::IsTerminator>())
          touch(operand, &op);
    }
    return success();
  }

  LogicalResult assignLayers(LayersOp layers) {
    // What a loop carries has one storage: that of the initial value when it dies there, else a copy's.
    for (OpOperand &init : layers.getInitsMutable()) {
      if (!isRows(init.get()))
        continue;
      bool repeated = llvm::count(layers.getInits(), init.get()) > 1;
      if (!isWhole(init.get()) || repeated || blockOf(init.get()) != layers->getBlock() || !diesAt(init.get(), layers))
        init.set(copy(init.get(), layers, nullptr));
      Storage *storage = storageOf.lookup(init.get());
      unsigned i = init.getOperandNumber();
      for (Region &body : layers.getBodies())
        storageOf[body.getArgument(2 + i)] = storage;
      storageOf[layers.getResult(i)] = storage;
      touch(init.get(), layers);
      storage->end = std::max(storage->end, lastNumberIn(layers));
    }
    for (Region &body : layers.getBodies()) {
      if (failed(assign(body.front())))
        return failure();
      Operation *yield = body.front().getTerminator();
      for (OpOperand &operand : yield->getOpOperands()) {
        if (!isRows(operand.get()))
          continue;
        Storage *carried = storageOf.lookup(body.getArgument(2 + operand.getOperandNumber()));
        if (storageOf.lookup(operand.get()) == carried && !operand.get().getDefiningOp<ColumnsOp>())
          continue;
        for (Value other : yield->getOperands())
          if (isRows(other) && other != operand.get() && storageOf.lookup(other) == carried)
            return layers.emitOpError() << "carries values that change places, which has no plan";
        operand.set(copy(operand.get(), yield, carried));
      }
    }
    // Values from outside that bodies read live as long as the loop.
    for (Region &body : layers.getBodies())
      body.walk([&](Operation *op) {
        for (Value operand : op->getOperands())
          if (isRows(operand) && !layers->isAncestor(operand.getParentBlock()->getParentOp())) {
            Storage *storage = storageOf.lookup(operand);
            storage->end = std::max(storage->end, lastNumberIn(layers));
          }
      });
    return success();
  }

  int64_t lastNumberIn(LayersOp layers) {
    return useNumber(&layers.getBodies().front().front().front(), layers->getBlock());
  }

  //===-- slots ---------------------------------------------------------------------------------------------------===//

  /// First fit: a storage takes the first slot none of whose storages is live together with it.
  void assignSlots(SmallVectorImpl<int64_t> &slots, SmallVectorImpl<int64_t> &slotSizes) {
    std::vector<SmallVector<Storage *>> residents;
    for (auto &storage : storages) {
      if (storage->output >= 0)
        continue;
      size_t slot = 0;
      for (; slot < residents.size(); ++slot)
        if (llvm::none_of(residents[slot],
                          [&](Storage *other) { return storage->begin <= other->end && other->begin <= storage->end; }))
          break;
      if (slot == residents.size())
        residents.emplace_back();
      residents[slot].push_back(storage.get());
      storage->slot = slot;
    }
    for (auto &resident : residents) {
      // The most bytes a row for each kind of rows: which is larger is known when a session opens.
      int64_t most[3] = {0, 0, 0}, sizes = 0;
      for (Storage *storage : resident) {
        int64_t &bytes = most[static_cast<int>(storage->rowsKind)];
        int64_t size = storage->element.getIntOrFloatBitWidth() / 8;
        bytes = std::max(bytes, paddedRowStride(storage->columns, size) * size);
      }
      for (int kind = 0; kind < 3; ++kind)
        if (most[kind]) {
          slots.append({most[kind], kind});
          ++sizes;
        }
      slotSizes.push_back(sizes);
    }
    slotsMade = residents.size();
  }

  //===-- the program ---------------------------------------------------------------------------------------------===//

  IRMapping mapping;

  /// Rebuilds `op` with its operands in memory and, when it has one, an out in place of its result.
  void rebuild(OpBuilder &b, Operation *op) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(mapping.lookup(operand));
    NamedAttrList attributes(op->getDiscardableAttrDictionary());
    auto properties = dyn_cast_or_null<DictionaryAttr>(op->getPropertiesAsAttribute());
    OperationState state(op->getLoc(), op->getName());
    if (op->getNumResults() == 1 && isRows(op->getResult(0))) {
      Storage *scratch = scratchOf.lookup(op);
      if (scratch) // stands before the outs
        operands.push_back(scratch->memory);
      operands.push_back(mapping.lookup(op->getResult(0)));
      if (auto sizes = properties ? properties.getAs<DenseI32ArrayAttr>("operandSegmentSizes") : nullptr) {
        SmallVector<int32_t> segments(sizes.asArrayRef());
        segments.back() = 1;
        if (scratch)
          segments[segments.size() - 2] = 1;
        NamedAttrList list(properties);
        list.set("operandSegmentSizes", b.getDenseI32ArrayAttr(segments));
        properties = list.getDictionary(b.getContext());
      }
    }
    state.addOperands(operands);
    state.addAttributes(attributes);
    if (properties && !properties.empty())
      state.propertiesAttr = properties;
    for (Region &region : op->getRegions()) {
      Region *copied = state.addRegion();
      IRMapping inner;
      region.cloneInto(copied, inner);
    }
    b.create(state);
  }

  void mapResult(Value value) {
    if (isRows(value) && !mapping.contains(value))
      mapping.map(value, viewOf(value));
  }

  /// The buffer, or view of one, that holds `value`: values of one storage that are not views are the whole buffer.
  Value viewOf(Value value) {
    Operation *op = value.getDefiningOp();
    // In-place results on views take the operand's view.
    if (op && isa<RMSNormOp, LayerNormOp, RopeOp>(op) && storageOf.lookup(op->getOperand(0)) == storageOf.lookup(value))
      return mapping.lookup(op->getOperand(0));
    return storageOf.lookup(value)->memory;
  }

  void emit(OpBuilder &b, Block &from) {
    for (Operation &op : from) {
      if (op.hasTrait<OpTrait::IsTerminator>()) {
        YieldOp::create(b, op.getLoc(), ValueRange{});
      } else if (auto columns = dyn_cast<ColumnsOp>(op)) {
        Value x = mapping.lookup(columns.getX());
        auto base = cast<MemRefType>(x.getType());
        auto layout =
            StridedLayoutAttr::get(b.getContext(), columnOffset(base) + columns.getOffset(), {rowStride(base), 1});
        auto type = MemRefType::get(cast<RankedTensorType>(columns.getType()).getShape(), b.getF32Type(), layout);
        mapping.map(columns.getResult(), ColumnsOp::create(b, op.getLoc(), type, x, columns.getOffset()).getResult());
      } else if (auto layers = dyn_cast<LayersOp>(op)) {
        auto loop = LayersOp::create(b, op.getLoc(), TypeRange{}, ValueRange{}, layers.getClassesAttr(),
                                     layers.getSlotsAttr(), layers.getBodies().size());
        for (auto [old, fresh] : llvm::zip(layers.getBodies(), loop.getBodies())) {
          Block &body = fresh.emplaceBlock();
          for (int i = 0; i < 2; ++i)
            mapping.map(old.getArgument(i), body.addArgument(b.getIndexType(), op.getLoc()));
          for (auto [i, init] : llvm::enumerate(layers.getInits()))
            mapping.map(old.getArgument(2 + i), isRows(init) ? storageOf.lookup(init)->memory : mapping.lookup(init));
          OpBuilder inner = OpBuilder::atBlockBegin(&body);
          emit(inner, old.front());
        }
        for (auto [init, result] : llvm::zip(layers.getInits(), layers.getResults()))
          mapping.map(result, isRows(init) ? storageOf.lookup(init)->memory : mapping.lookup(init));
      } else if (isa<GetWeightOp>(op)) {
        b.clone(op, mapping);
      } else if (auto update = dyn_cast<CacheUpdateOp>(op)) {
        rebuild(b, &op);
        mapping.map(op.getResult(0), mapping.lookup(update.getState()));
      } else {
        for (Value result : op.getResults())
          mapResult(result);
        rebuild(b, &op);
      }
    }
  }

  LogicalResult run() {
    MLIRContext *context = func.getContext();
    Block &entry = func.getBody().front();
    auto terminator = cast<func::ReturnOp>(entry.getTerminator());
    numberOps(entry);

    // Outputs: rows handed back. Each is written where the caller wants it.
    SmallVector<Attribute> roles;
    SmallVector<int64_t> outputColumns;
    SmallVector<Attribute> outputRoles;
    for (OpOperand &operand : terminator->getOpOperands()) {
      if (!isRows(operand.get()))
        continue;
      Value value = operand.get();
      Operation *producer = value.getDefiningOp();
      if (!producer || isa<ColumnsOp, LayersOp>(producer) || outputOf.count(value))
        return terminator.emitOpError() << "hands back a value that no kernel writes";
      outputOf[value] = outputColumns.size();
      outputColumns.push_back(cast<RankedTensorType>(value.getType()).getDimSize(1));
      Attribute role = func.getResultAttr(operand.getOperandNumber(), tr::TransformerDialect::kRoleAttrName);
      outputRoles.push_back(role ? role : tr::RoleAttr::get(context, tr::Role::Output));
    }
    if (failed(assign(entry)))
      return failure();
    // The caller's rows are counted by the output's role.
    for (auto [value, output] : outputOf) {
      DimKind expected =
          cast<tr::RoleAttr>(outputRoles[output]).getValue() == tr::Role::Logits ? DimKind::rows : DimKind::tokens;
      if (storageOf.lookup(value)->rowsKind != expected)
        return terminator.emitOpError() << "hands back " << outputRoles[output] << " with a row for each of the "
                                        << stringifyDimKind(storageOf.lookup(value)->rowsKind) << ", expected the "
                                        << stringifyDimKind(expected);
    }
    SmallVector<int64_t> slots, slotSizes;
    assignSlots(slots, slotSizes);

    // Arguments: inputs, outputs, states.
    OpBuilder b(func);
    auto program = ProgramOp::create(b, func.getLoc(), func.getSymName(), 0, outputColumns.size(), b.getArrayAttr({}),
                                     slots, slotSizes);
    // The manifest is built from programs alone; it needs the entry's bounds.
    if (Attribute bounds = func->getAttr(tr::TransformerDialect::kBoundsAttrName))
      program->setAttr("bounds", bounds);
    Block &body = program.getBody().emplaceBlock();
    int64_t inputs = 0;
    auto roleOf = [&](BlockArgument argument) -> Attribute {
      Attribute role = func.getArgAttr(argument.getArgNumber(), tr::TransformerDialect::kRoleAttrName);
      return role ? role : tr::RoleAttr::get(context, tr::Role::Input);
    };
    for (BlockArgument argument : entry.getArguments()) {
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (!type)
        continue;
      if (type.getRank() != 1 || !type.getElementType().isInteger(32))
        return func.emitOpError() << "argument " << argument.getArgNumber() << " of type " << type
                                  << " has no plan: inputs are i32 [T]";
      mapping.map(argument,
                  body.addArgument(MemRefType::get(type.getShape(), type.getElementType()), argument.getLoc()));
      roles.push_back(roleOf(argument));
      ++inputs;
    }
    SmallVector<Value> outputs;
    for (auto [columns, role] : llvm::zip(outputColumns, outputRoles)) {
      outputs.push_back(body.addArgument(rowsBufferType(context, columns), func.getLoc()));
      roles.push_back(role);
    }
    for (BlockArgument argument : entry.getArguments())
      if (isa<tr::StateType>(argument.getType())) {
        mapping.map(argument, body.addArgument(argument.getType(), argument.getLoc()));
        roles.push_back(roleOf(argument));
      }
    program.setNumInputs(inputs);
    program.setRolesAttr(b.getArrayAttr(roles));

    b.setInsertionPointToStart(&body);
    for (auto &storage : storages) {
      if (storage->output >= 0) {
        storage->memory = outputs[storage->output];
        continue;
      }
      storage->memory = BufferOp::create(b, func.getLoc(), rowsBufferType(context, storage->columns, storage->element),
                                         storage->slot, storage->rowsKind);
      ++buffersMade;
    }
    emit(b, entry);
    func.erase();
    return success();
  }
};

struct PlanMemory : llmc::impl::PlanMemoryPassBase<PlanMemory> {
  void runOnOperation() override {
    for (auto func : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (func.isDeclaration() || !func->hasAttr(tr::TransformerDialect::kEntryAttrName))
        continue;
      Planner planner(func);
      if (failed(planner.run()))
        return signalPassFailure();
      numBuffers += planner.buffersMade;
      numSlots += planner.slotsMade;
      numInPlace += planner.inPlace;
    }
  }
};

} // namespace
