// Launches.cpp - walks programs for their launches, and adds up what one costs from its operands' types.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Kernel/IR/Launches.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace llmc::kernel {

DimKind rowsKindOf(Value value) {
  while (auto columns = value.getDefiningOp<ColumnsOp>())
    value = columns.getX();
  if (auto buffer = value.getDefiningOp<BufferOp>())
    return buffer.getRowsKind();
  auto argument = cast<BlockArgument>(value);
  auto program = cast<ProgramOp>(argument.getOwner()->getParentOp());
  auto role = cast<transformer::RoleAttr>(program.getRoles()[argument.getArgNumber()]).getValue();
  return role == transformer::Role::Rows || role == transformer::Role::Logits ? DimKind::rows : DimKind::tokens;
}

DimKind rowsKindOf(Operation *launch) {
  if (isa<GenericOp>(launch))
    return DimKind::one;
  if (auto update = dyn_cast<CacheUpdateOp>(launch))
    return rowsKindOf(update.getK());
  return rowsKindOf(launch->getOperand(launch->getNumOperands() - 1)); // outs come last
}

namespace {

/// What stands around a launch says how often it runs.
void walk(Block &block, const Launch &around, SmallVectorImpl<Launch> &launches) {
  Launch place = around;
  for (Operation &op : block) {
    if (auto layers = dyn_cast<LayersOp>(op)) {
      for (auto [number, body] : llvm::enumerate(layers.getBodies())) {
        Launch inside = place;
        inside.layerClass = static_cast<int64_t>(number);
        inside.times *= llvm::count(layers.getClasses(), static_cast<int64_t>(number));
        walk(body.front(), inside, launches);
      }
    } else if (isa<IfOp, LoopOp>(op)) {
      Launch inside = place;
      inside.times = 0;
      for (Region &region : op.getRegions())
        walk(region.front(), inside, launches);
    } else if (isa<WantedRowsOp>(op)) {
      ArrayRef<int64_t> classes = cast<LayersOp>(op.getParentOp()).getClasses();
      place.wantedRows = !classes.empty() && classes.back() == place.layerClass;
    } else if (!isa<BufferOp, ColumnsOp, GetWeightOp, MemoryOp, GetConstantOp, RequireOp, BarrierOp, YieldOp>(op)) {
      place.op = &op;
      place.rows = rowsKindOf(&op);
      launches.push_back(place);
    }
  }
}

uint64_t bytesOf(MemRefType type, int64_t elements) {
  return llvm::divideCeil(static_cast<uint64_t>(elements) * type.getElementTypeBitWidth(), 8);
}

/// Activations and tables, by the types of what a launch reads and writes.
void addOperand(Operation *launch, Value operand, LaunchCost &cost) {
  if (auto packed = dyn_cast<PackedType>(operand.getType())) {
    // Of a table of embeddings or of angles a row is looked up.
    if (isa<EmbedOp, RopeTableOp>(launch))
      cost.rowBytes += packed.getSizeInBytes() / (packed.getN() > 0 ? packed.getN() : 1);
    else
      cost.weightBytes += packed.getSizeInBytes();
    return;
  }
  auto type = dyn_cast<MemRefType>(operand.getType());
  if (!type)
    return;
  if (isa<GenericOp>(launch)) {
    uint64_t bytes = type.hasStaticShape() ? bytesOf(type, type.getNumElements()) : 0;
    (operand.getDefiningOp<GetConstantOp>() ? cost.weightBytes : cost.rowBytes) += bytes;
    return;
  }
  cost.rowBytes += bytesOf(type, type.getRank() == 2 ? type.getDimSize(1) : 1);
}

uint64_t cacheBytes(PageAttr page) { // of a position, one slot
  return 2 * page.getHeads() * page.getBlockBytes() / page.getTokens();
}

/// Multiply-adds of contractions whose sizes are known.
uint64_t contractedOperations(GenericOp generic) {
  uint64_t operations = 0;
  generic.walk([&](ContractOp contract) {
    uint64_t product = 2;
    for (int64_t loop = 0; loop < contract.getNumLoops(); ++loop) {
      auto [operand, dim] = contract.getLoopSource(loop);
      int64_t size = cast<MemRefType>(operand.getType()).getDimSize(static_cast<unsigned>(dim));
      product = ShapedType::isDynamic(size) ? 0 : product * static_cast<uint64_t>(size);
    }
    operations += product;
  });
  return operations;
}

} // namespace

SmallVector<Launch> launchesOf(ProgramOp program) {
  SmallVector<Launch> launches;
  walk(program.getBody().front(), Launch(), launches);
  return launches;
}

LaunchCost costOf(Operation *launch) {
  LaunchCost cost;
  auto attention = dyn_cast<AttentionOp>(launch);
  for (Value operand : launch->getOperands())
    if (!attention || !llvm::is_contained(attention.getScratch(), operand))
      addOperand(launch, operand, cost);
  llvm::TypeSwitch<Operation *>(launch)
      .Case([&](MatmulOp matmul) {
        PackedType weight = matmul.getWeight().getType();
        cost.rowOperations = 2 * static_cast<uint64_t>(weight.getN() * weight.getK() * weight.getStreams());
        cost.arithmetic = matmul.isQuantized() ? Arithmetic::int8
                          : matmul.isHalved()  ? Arithmetic::f16
                                               : Arithmetic::f32;
      })
      .Case([&](AttentionOp op) {
        cost.keyBytes = cacheBytes(op.getPage());
        cost.keyOperations = 4 * op.getNumHeads() * static_cast<uint64_t>(op.getPage().getHeadDim());
        cost.window = op.getWindow();
        cost.arithmetic = Arithmetic::f32;
      })
      .Case([&](CacheUpdateOp op) { cost.rowBytes += cacheBytes(op.getPage()); })
      .Case([&](GenericOp op) {
        cost.rowOperations = contractedOperations(op);
        cost.arithmetic = cost.rowOperations > 0 ? Arithmetic::f32 : Arithmetic::none;
      });
  return cost;
}

} // namespace llmc::kernel
