// EmitPrograms.cpp - from a step program to SPMD functions: addresses, layer loops, calls, barriers.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Passes.h"
#include "compiler/Targets/TargetBackend.h"
#include "compiler/Targets/Vector/Kernels.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Kernel/IR/Launches.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include "llmc/step_abi.h"

#include <cstddef>
#include <map>

namespace llmc {
#define GEN_PASS_DEF_EMITPROGRAMSPASS
#include "compiler/Targets/TargetsPasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;
using namespace llmc::vector_emit;

static_assert(offsetof(llmc_step_context, weights) == LLMC_STEP_OFFSET_WEIGHTS &&
                  offsetof(llmc_step_context, arena) == LLMC_STEP_OFFSET_ARENA &&
                  offsetof(llmc_step_context, slot_offsets) == LLMC_STEP_OFFSET_SLOT_OFFSETS &&
                  offsetof(llmc_step_context, dims) == LLMC_STEP_OFFSET_DIMS &&
                  offsetof(llmc_step_context, inputs) == LLMC_STEP_OFFSET_INPUTS &&
                  offsetof(llmc_step_context, outputs) == LLMC_STEP_OFFSET_OUTPUTS &&
                  offsetof(llmc_step_context, states) == LLMC_STEP_OFFSET_STATES &&
                  offsetof(llmc_step_context, barrier) == LLMC_STEP_OFFSET_BARRIER &&
                  offsetof(llmc_step_context, team) == LLMC_STEP_OFFSET_TEAM &&
                  offsetof(llmc_step_context, launch) == LLMC_STEP_OFFSET_LAUNCH &&
                  sizeof(llmc_state_view) == LLMC_STEP_STATE_VIEW_SIZE,
              "step_abi.h's offsets disagree with its structs");

static void callBarrier(VectorBuilder &b, Value barrier, Value team, Value thread) {
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {b.pointerType(), b.getI32Type()});
  LLVM::CallOp::create(b, type, ValueRange{barrier, team, arith::TruncIOp::create(b, b.getI32Type(), thread)});
}

void llmc::vector_emit::emitBarrier(VectorBuilder &b, Value context, Value thread) {
  callBarrier(b, b.loadPointer(b.at(context, LLMC_STEP_OFFSET_BARRIER)),
              b.loadPointer(b.at(context, LLMC_STEP_OFFSET_TEAM)), thread);
}

namespace {

struct ProgramEmitter {
  ProgramOp program;
  const TargetBackend &backend;
  SymbolTable symbols;
  OpBuilder::InsertPoint functionsEnd;
  VectorBuilder b;
  llvm::DenseMap<Value, Value> values;
  Value context, thread, threads, dims;
  llvm::SmallDenseMap<int64_t, Value, 8> fields; ///< of the context, by offset: read once, at the entry's begin
  llvm::DenseMap<int64_t, Value> slots;          ///< places in the arena, likewise
  Operation *lastField = nullptr;                ///< the last of what was read there
  LLVM::LLVMFuncOp announcer;                    ///< tells an observer of a launch; made with the first one
  Value lastLayer;                               ///< in a layer: whether it is the loop's last, i1
  Value firstRow;                                ///< of the launches that follow: null for 0
  llvm::DenseMap<Operation *, unsigned> numbers; ///< of launches, as the manifest lists them
  unsigned first, layersNumber = 0;              ///< number of the program's first launch
  llvm::StringSet<> tables;                      ///< tables in the image so far
  /// Generic launches so far and their functions, by units and number of operands.
  std::map<std::pair<int64_t, unsigned>, SmallVector<std::pair<GenericOp, LLVM::LLVMFuncOp>>> generics;

  /// `firstLaunch`: the number of the program's first one; set to that of the next program's.
  ProgramEmitter(ProgramOp program, const TargetBackend &backend, unsigned &firstLaunch)
      : program(program), backend(backend), symbols(program->getParentOfType<ModuleOp>()),
        b(program.getLoc(), program.getContext()), first(firstLaunch) {
    for (const Launch &launch : launchesOf(program))
      numbers[launch.op] = firstLaunch++;
  }

  LLVM::LLVMFuncOp function(StringRef name, TypeRange arguments, LLVM::Linkage linkage) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(program);
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), SmallVector<Type>(arguments));
    auto func = LLVM::LLVMFuncOp::create(b, name, type, linkage);
    // LLVM must not turn loops into calls of memset or memcpy: the image links with nothing.
    SmallVector<Attribute> passthrough = {b.getStringAttr("no-builtins"), b.getStringAttr("nounwind")};
    if (linkage == LLVM::Linkage::Internal) {
      passthrough.push_back(b.getStringAttr("noinline"));
      // Else LLVM finds out that it spills vectors when it can no longer align the stack for them, and each one that
      // crosses a cache line costs cycles: which do depends on where the system put the stack.
      passthrough.push_back(b.getStringAttr("stackrealign"));
    }
    func.setPassthroughAttr(b.getArrayAttr(passthrough));
    return func;
  }

  /// A pointer of the context, which no launch changes. Reading it anew for each launch would have passes look through
  /// all launches before, for whether one writes it.
  Value contextField(int64_t offset) {
    Value &field = fields[offset];
    if (!field) {
      OpBuilder::InsertionGuard guard(b);
      setAfterFields();
      field = b.loadPointer(b.at(context, offset));
      lastField = field.getDefiningOp();
    }
    return field;
  }
  /// Sets the insertion point at the entry's begin, behind what was read there.
  void setAfterFields() {
    if (lastField)
      b.setInsertionPointAfter(lastField);
    else
      b.setInsertionPointAfterValue(context);
  }

  /// Where a slot of the arena begins in this step.
  Value slotPlace(int64_t slot) {
    Value &place = slots[slot];
    if (!place) {
      Value offsets = contextField(LLMC_STEP_OFFSET_SLOT_OFFSETS), arena = contextField(LLMC_STEP_OFFSET_ARENA);
      OpBuilder::InsertionGuard guard(b);
      setAfterFields();
      place = b.at(arena, b.loadI64(b.at(offsets, 8 * slot)));
      lastField = place.getDefiningOp();
    }
    return place;
  }

  void barrier() {
    callBarrier(b, contextField(LLMC_STEP_OFFSET_BARRIER), contextField(LLMC_STEP_OFFSET_TEAM), thread);
  }

  Value rowCount(DimKind kind) {
    // The manifest's dims stand in the order of this enum's first cases: tokens, rows.
    if (kind == DimKind::one)
      return b.i64(1);
    return b.loadI64(b.at(dims, kind == DimKind::tokens ? 0 : 8));
  }

  void emit() {
    Type pointer = b.pointerType(), i32 = b.getI32Type();
    auto func = function(program.getSymName(), {pointer, i32, i32}, LLVM::Linkage::External);
    Block *entry = func.addEntryBlock(b);
    b.setInsertionPointToStart(entry);
    context = entry->getArgument(0);
    thread = b.widen(entry->getArgument(1));
    threads = b.widen(entry->getArgument(2));
    dims = contextField(LLMC_STEP_OFFSET_DIMS);
    Value inputs = contextField(LLMC_STEP_OFFSET_INPUTS), outputs = contextField(LLMC_STEP_OFFSET_OUTPUTS);
    Value states = contextField(LLMC_STEP_OFFSET_STATES);
    int64_t numInputs = program.getNumInputs(), numOutputs = program.getNumOutputs();
    for (BlockArgument argument : program.getBody().getArguments()) {
      int64_t i = argument.getArgNumber();
      Value place;
      if (i < numInputs)
        place = b.loadPointer(b.at(inputs, 8 * i));
      else if (i < numInputs + numOutputs)
        place = b.loadPointer(b.at(outputs, 8 * (i - numInputs)));
      else
        place = b.at(states, LLMC_STEP_STATE_VIEW_SIZE * (i - numInputs - numOutputs));
      values[argument] = place;
    }
    block(program.getBody().front());
    LLVM::ReturnOp::create(b, ValueRange{});
  }

  void block(Block &body) {
    for (Operation &op : body) {
      b.setLoc(op.getLoc());
      if (auto buffer = dyn_cast<BufferOp>(op)) {
        values[buffer.getResult()] = slotPlace(buffer.getSlot());
      } else if (auto columns = dyn_cast<ColumnsOp>(op)) {
        values[columns.getResult()] = values.lookup(columns.getX());
      } else if (auto get = dyn_cast<GetWeightOp>(op)) {
        auto weight = symbols.lookup<WeightOp>(get.getWeight());
        Value offset = b.i64(weight.getOffset());
        if (get.getMember() && weight.getCopies() > 1)
          offset = b.add(offset, b.mul(values.lookup(get.getMember()), weight.getStride()));
        values[get.getResult()] = b.at(contextField(LLMC_STEP_OFFSET_WEIGHTS), offset);
      } else if (auto memory = dyn_cast<MemoryOp>(op)) {
        values[memory.getResult()] = b.at(slotPlace(memory.getSlot()), static_cast<int64_t>(memory.getOffset()));
      } else if (auto get = dyn_cast<GetConstantOp>(op)) {
        auto constant = symbols.lookup<kernel::ConstantOp>(get.getConstant());
        values[get.getResult()] =
            b.at(contextField(LLMC_STEP_OFFSET_WEIGHTS), static_cast<int64_t>(constant.getOffset()));
      } else if (isa<BarrierOp>(op)) {
        barrier();
      } else if (auto branch = dyn_cast<IfOp>(op)) {
        b.ifThenElse(
            isSet(branch.getFlag()), [&] { block(branch.getThenSteps().front()); },
            [&] { block(branch.getElseSteps().front()); });
      } else if (auto loop = dyn_cast<LoopOp>(op)) {
        emitLoop(loop);
      } else if (auto require = dyn_cast<RequireOp>(op)) {
        // All threads read one value, so that all of them end or none.
        Value dim = b.loadI64(b.at(dims, static_cast<int64_t>(8 * require.getNumber())));
        Region *region = b.getInsertionBlock()->getParent();
        Block *ends = &region->emplaceBlock(), *goesOn = &region->emplaceBlock();
        LLVM::CondBrOp::create(b, b.equal(dim, b.i64(1)), goesOn, ValueRange{}, ends, ValueRange{});
        b.setInsertionPointToStart(ends);
        LLVM::ReturnOp::create(b, ValueRange{});
        b.setInsertionPointToStart(goesOn);
      } else if (auto wanted = dyn_cast<WantedRowsOp>(op)) {
        Value some = b.less(b.i64(0), rowCount(DimKind::rows));
        Value trimmed = arith::AndIOp::create(b, lastLayer, some);
        // Without rows in this step there is no first one to read.
        auto branch = scf::IfOp::create(b, TypeRange{b.getI64Type()}, trimmed, /*withElseRegion=*/true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(branch.thenBlock());
        scf::YieldOp::create(b, ValueRange{b.widen(b.loadI32(values.lookup(wanted.getRows())))});
        b.setInsertionPointToStart(branch.elseBlock());
        scf::YieldOp::create(b, ValueRange{b.i64(0)});
        firstRow = branch.getResult(0);
      } else if (auto layers = dyn_cast<LayersOp>(op)) {
        emitLayers(layers);
      } else if (!isa<YieldOp>(op)) {
        launch(&op);
      }
    }
  }

  Value isSet(Value flag) {
    Value byte = b.load(b.getI8Type(), values.lookup(flag), 1);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, byte,
                                 arith::ConstantOp::create(b, b.getIntegerAttr(b.getI8Type(), 0)));
  }

  /// Threads meet after each turn: what it changed decides whether there is another.
  void emitLoop(LoopOp loop) {
    auto whileOp = scf::WhileOp::create(b, TypeRange{}, ValueRange{});
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&whileOp.getBefore());
    scf::ConditionOp::create(b, isSet(loop.getFlag()), ValueRange{});
    b.createBlock(&whileOp.getAfter());
    block(loop.getSteps().front());
    barrier();
    scf::YieldOp::create(b);
  }

  /// A read-only table in the image, and element `index` of it.
  Value tableEntry(StringRef name, ArrayRef<int64_t> table, Value index) {
    std::string symbol = (program.getSymName() + "_" + name + std::to_string(layersNumber)).str();
    if (tables.insert(symbol).second) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(program);
      auto type = LLVM::LLVMArrayType::get(b.getI64Type(), table.size());
      auto attr =
          DenseElementsAttr::get(RankedTensorType::get({static_cast<int64_t>(table.size())}, b.getI64Type()), table);
      LLVM::GlobalOp::create(b, type, /*isConstant=*/true, LLVM::Linkage::Internal, symbol, attr, /*alignment=*/8);
    }
    Value address = LLVM::AddressOfOp::create(b, b.pointerType(), symbol);
    return b.loadI64(b.at(address, b.mul(index, 8)));
  }

  void emitLayers(LayersOp layers) {
    ArrayRef<int64_t> classes = layers.getClasses(), slots = layers.getSlots();
    int64_t count = classes.size();
    ++layersNumber;
    SmallVector<int64_t> members(count), seen(layers.getBodies().size(), 0);
    bool identity = true;
    for (int64_t i = 0; i < count; ++i) {
      members[i] = seen[classes[i]]++;
      identity &= slots[i] == i && members[i] == i;
    }
    b.forLoop(b.i64(0), b.i64(count), 1, [&](Value layer) {
      lastLayer = b.equal(layer, b.i64(count - 1));
      Value slot = identity ? layer : tableEntry("slots", slots, layer);
      Value member = identity ? layer : tableEntry("members", members, layer);
      for (auto [number, body] : llvm::enumerate(layers.getBodies())) {
        firstRow = {};
        values[body.getArgument(0)] = slot;
        values[body.getArgument(1)] = member;
        if (layers.getBodies().size() == 1) {
          block(body.front());
          break;
        }
        Value own = b.equal(tableEntry("classes", classes, layer), b.i64(static_cast<int64_t>(number)));
        Block &ops = body.front();
        b.ifThen(own, [&] { block(ops); });
      }
    });
    firstRow = {};
  }

  /// Where `place`, the memory of `operand`, has its first row to compute.
  Value fromFirstRow(Value operand, Value place) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (!firstRow || !type || rowsKindOf(operand) == DimKind::one)
      return place;
    return b.at(place,
                b.mul(firstRow, type.getRank() == 1 ? 4 : rowStride(type) * (type.getElementTypeBitWidth() / 8)));
  }

  /// The function of a launch that was emitted before and does the same, or null. Layers of a graph are launches of one
  /// body on other buffers.
  LLVM::LLVMFuncOp sameAsBefore(GenericOp op) {
    for (auto &[known, func] : generics[{static_cast<int64_t>(op.getUnits()), op->getNumOperands()}])
      if (known->getOperandTypes() == op->getOperandTypes() && known.getWrites() == op.getWrites() &&
          OperationEquivalence::isRegionEquivalentTo(&known->getRegion(0), &op->getRegion(0),
                                                     OperationEquivalence::IgnoreLocations))
        return func;
    return {};
  }

  /// Tells whoever observes the step which launch comes. A call, not a branch in place: a program of many launches
  /// would be a function of as many blocks, which passes take more than their number's time for.
  void announce(Operation *op) {
    Type pointer = b.pointerType(), i32 = b.getI32Type();
    if (!announcer) {
      announcer =
          function((program.getSymName() + "_announce").str(), {pointer, b.getI64Type(), i32}, LLVM::Linkage::Internal);
      OpBuilder::InsertionGuard guard(b);
      Block *entry = announcer.addEntryBlock(b);
      b.setInsertionPointToStart(entry);
      Value own = entry->getArgument(0), observer = b.loadI64(b.at(own, LLMC_STEP_OFFSET_LAUNCH));
      b.ifThen(arith::CmpIOp::create(b, arith::CmpIPredicate::ne, observer, b.i64(0)), [&] {
        auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer, i32, i32});
        LLVM::CallOp::create(b, type,
                             ValueRange{b.loadPointer(b.at(own, LLMC_STEP_OFFSET_LAUNCH)),
                                        b.loadPointer(b.at(own, LLMC_STEP_OFFSET_TEAM)),
                                        arith::TruncIOp::create(b, i32, entry->getArgument(1)), entry->getArgument(2)});
      });
      LLVM::ReturnOp::create(b, ValueRange{});
    }
    LLVM::CallOp::create(b, announcer, ValueRange{context, thread, b.i32(static_cast<int32_t>(numbers.lookup(op)))});
  }

  /// Emits the op's kernel function and a call of it.
  void launch(Operation *op) {
    announce(op);
    SmallVector<Value> operands;
    SmallVector<Type> types;
    for (Value operand : op->getOperands()) {
      operands.push_back(fromFirstRow(operand, values.lookup(operand)));
      types.push_back(operands.back().getType());
    }
    Value count = isa<GenericOp>(op) ? b.i64(1) : rowCount(rowsKindOf(op));
    for (Value value : {firstRow ? b.sub(count, firstRow) : count, thread, threads, context}) {
      operands.push_back(value);
      types.push_back(value.getType());
    }
    auto generic = dyn_cast<GenericOp>(op);
    if (LLVM::LLVMFuncOp known = generic ? sameAsBefore(generic) : LLVM::LLVMFuncOp()) {
      LLVM::CallOp::create(b, known, operands);
      return;
    }
    unsigned number = numbers.lookup(op);
    std::string name =
        (program.getSymName() + "_" + std::to_string(number - first) + "_" + op->getName().stripDialect()).str();
    auto func = function(name, types, LLVM::Linkage::Internal);
    func->setAttr(kLaunchAttr, b.getI32IntegerAttr(static_cast<int32_t>(number)));
    LLVM::CallOp::create(b, func, operands);
    if (generic)
      generics[{static_cast<int64_t>(generic.getUnits()), op->getNumOperands()}].push_back({generic, func});
    // Operands of a generic launch never overlap.
    if (isa<GenericOp>(op))
      for (unsigned i = 0; i < op->getNumOperands(); ++i)
        func.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());

    OpBuilder::InsertionGuard guard(b);
    Block *entry = func.addEntryBlock(b);
    b.setInsertionPointToStart(entry);
    KernelArguments arguments;
    for (auto [operand, argument] : llvm::zip(op->getOperands(), entry->getArguments()))
      arguments.values[operand] = argument;
    unsigned numOperands = op->getNumOperands();
    arguments.count = entry->getArgument(numOperands);
    arguments.thread = entry->getArgument(numOperands + 1);
    arguments.threads = entry->getArgument(numOperands + 2);
    arguments.context = entry->getArgument(numOperands + 3);
    arguments.backend = &backend;
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](EmbedOp o) { emitEmbed(b, o, arguments); })
        .Case([&](RMSNormOp o) { emitRMSNorm(b, o, arguments); })
        .Case([&](LayerNormOp o) { emitLayerNorm(b, o, arguments); })
        .Case([&](MatmulOp o) {
          (o.isQuantized() ? emitQuantizedMatmul : o.isHalved() ? emitHalfMatmul : emitMatmul)(b, o, arguments);
        })
        .Case([&](QuantizeOp o) { emitQuantize(b, o, arguments); })
        .Case([&](HalveOp o) { emitHalve(b, o, arguments); })
        .Case([&](RopeTableOp o) { emitRopeTable(b, o, arguments); })
        .Case([&](RopeOp o) { emitRope(b, o, arguments); })
        .Case([&](CacheUpdateOp o) { emitCacheUpdate(b, o, arguments); })
        .Case([&](AttentionOp o) { emitAttention(b, o, arguments); })
        .Case([&](GatherRowsOp o) { emitGatherRows(b, o, arguments); })
        .Case([&](GenericOp o) { emitGeneric(b, o, arguments); })
        .Case([&](ElementwiseOp o) { emitElementwise(b, o, arguments); })
        .Default([](Operation *other) { llvm_unreachable("the program's verifier lets no other op in"); });
    LLVM::ReturnOp::create(b, ValueRange{});
  }
};

struct EmitPrograms : llmc::impl::EmitProgramsPassBase<EmitPrograms> {
  using EmitProgramsPassBase::EmitProgramsPassBase;

  void runOnOperation() override {
    const TargetBackend *backend = targetBackend(variant);
    if (!backend) {
      auto diagnostic = getOperation().emitError() << "unknown processor variant '" << variant << "'";
      for (llvm::StringRef name : targetBackendNames())
        diagnostic.attachNote() << "known: " << name;
      return signalPassFailure();
    }
    WalkResult halves = getOperation().walk([&](MatmulOp matmul) {
      if (!matmul.isHalved() || backend->addsHalves())
        return WalkResult::advance();
      matmul.emitOpError() << "adds in f16, which variant '" << variant << "' does not";
      return WalkResult::interrupt();
    });
    if (halves.wasInterrupted())
      return signalPassFailure();
    unsigned firstLaunch = 0;
    for (auto program : llvm::make_early_inc_range(getOperation().getOps<ProgramOp>())) {
      for (auto weight : getOperation().getOps<WeightOp>())
        if (static_cast<int64_t>(weight.getOffset()) < 0) {
          weight.emitOpError() << "has no place yet";
          return signalPassFailure();
        }
      ProgramEmitter(program, *backend, firstLaunch).emit();
      program.erase();
    }
    for (Operation &op : llvm::make_early_inc_range(*getOperation().getBody()))
      if (!isa<LLVM::LLVMFuncOp, LLVM::GlobalOp, memref::GlobalOp>(op))
        op.erase();
  }
};

} // namespace
