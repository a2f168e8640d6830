// ProgramOps.cpp - verifiers of weights, layers and programs.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Kernel/IR/Kernel.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;

LogicalResult PackOp::verify() {
  PackedType type = getResult().getType();
  if (static_cast<int64_t>(getWeights().size()) != type.getStreams())
    return emitOpError() << "packs " << getWeights().size() << " weights into " << type.getStreams() << " streams";
  bool isKeys = llvm::all_of(getWeights().getTypes(), [](Type keys) {
    return cast<RankedTensorType>(keys).getRank() == 1 && cast<RankedTensorType>(keys).getElementType().isInteger(32);
  });
  if (getOrder() && (!isKeys || type.getLayout() != PackedLayout::table))
    return emitOpError() << "packs the order of i32 keys [K] into a table, found " << getWeights().getTypes();
  for (Value weight : getWeights()) {
    auto tensor = cast<RankedTensorType>(weight.getType());
    int64_t n = tensor.getRank() == 1 ? 1 : tensor.getDimSize(0);
    int64_t k = tensor.getRank() == 1 ? tensor.getDimSize(0) : tensor.getRank() == 2 ? tensor.getDimSize(1) : -1;
    if (n != type.getN() || k != type.getK())
      return emitOpError() << "packs " << tensor << " into " << type;
    auto blocks = dyn_cast<transformer::BlockType>(tensor.getElementType());
    if (blocks ? type.getElement() != codesOf(blocks) : type.getCodes() != nullptr)
      return emitOpError() << "packs " << tensor << " into " << type;
  }
  return success();
}

LogicalResult WeightOp::verify() {
  int64_t copies = getCopies(), offset = getOffset(), stride = getStride();
  if (copies < 1)
    return emitOpError() << "has at least one copy, found " << copies;
  if (offset < -1 || stride < 0 || (offset >= 0 && (offset % 64 != 0 || stride % 64 != 0)))
    return emitOpError() << "lies at multiples of 64 bytes, found offset " << offset << " and stride " << stride;
  auto yield = dyn_cast<YieldOp>(getRecipe().front().back());
  if (!yield || yield.getValues().size() != 1 || yield.getValues()[0].getType() != getType())
    return emitOpError() << "recipe yields one " << getType();
  return success();
}

LogicalResult GetWeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError() << "names no kernel.weight '" << getWeight() << "'";
  if (weight.getType() != getResult().getType())
    return emitOpError() << "has type " << getResult().getType() << ", but the weight has " << weight.getType();
  if (weight.getCopies() > 1 && !getMember())
    return emitOpError() << "names a weight of " << weight.getCopies() << " copies and does not say which";
  return success();
}

/// The state that a layer keeps has a place for its slot.
static LogicalResult verifySlot(Block &body, int64_t slot) {
  auto fits = [&](auto op) -> LogicalResult {
    if (op.getSlot() != body.getArgument(0) || (slot >= 0 && slot < op.getPage().getSlots()))
      return success();
    return op.emitOpError() << "runs for slot " << slot << ", its page has " << op.getPage().getSlots();
  };
  for (Operation &op : body) {
    if (auto update = dyn_cast<CacheUpdateOp>(op); update && failed(fits(update)))
      return failure();
    if (auto attention = dyn_cast<AttentionOp>(op); attention && failed(fits(attention)))
      return failure();
  }
  return success();
}

LogicalResult LayersOp::verify() {
  if (getClasses().empty() || getClasses().size() != getSlots().size())
    return emitOpError() << "lists one class and one slot per layer, found " << getClasses().size() << " and "
                         << getSlots().size();
  int64_t bodies = getBodies().size();
  for (int64_t layerClass : getClasses())
    if (layerClass < 0 || layerClass >= bodies)
      return emitOpError() << "class " << layerClass << " has no body; there are " << bodies;
  for (Region &body : getBodies()) {
    Block &block = body.front();
    if (block.getNumArguments() != 2 + getInits().size() || !block.getArgument(0).getType().isIndex() ||
        !block.getArgument(1).getType().isIndex())
      return emitOpError() << "body takes slot, member and " << getInits().size() << " carried values";
    if (TypeRange(block.getArguments().drop_front(2)) != TypeRange(getInits()))
      return emitOpError() << "body takes the carried values' types";
    auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
    if (!yield || TypeRange(yield.getValues()) != TypeRange(getInits()))
      return emitOpError() << "body yields the carried values' types";
  }
  for (auto [layerClass, slot] : llvm::zip(getClasses(), getSlots()))
    if (failed(verifySlot(getBodies()[layerClass].front(), slot)))
      return failure();
  if (TypeRange(getResults()) != TypeRange(getInits()))
    return emitOpError() << "results have the carried values' types";
  return success();
}

LogicalResult WantedRowsOp::verify() {
  for (Operation *op = (*this)->getNextNode(); op; op = op->getNextNode())
    if (isa<CacheUpdateOp, EmbedOp, GatherRowsOp, RopeTableOp, LayersOp, WantedRowsOp>(op))
      return emitOpError() << "stands before '" << op->getName() << "', which does not work row by row (C1)";
  return success();
}

/// A program holds launches in buffer form, what gives them memory and weights, barriers, and loops of these: the
/// emitter of programs (compiler/Targets) knows nothing else.
static LogicalResult verifySteps(Block &block) {
  for (Operation &op : block) {
    if (isa<BufferOp, ColumnsOp, GetWeightOp, BarrierOp, WantedRowsOp, MemoryOp, GetConstantOp, GenericOp, RequireOp>(
            op))
      continue;
    if (isa<YieldOp>(op)) {
      if (op.getNumOperands() != 0)
        return op.emitOpError() << "hands nothing on in a program, found " << op.getNumOperands() << " values";
      continue;
    }
    if (isa<LayersOp, IfOp, LoopOp>(op)) {
      for (Region &body : op.getRegions())
        if (failed(verifySteps(body.front())))
          return failure();
      continue;
    }
    if (!isa<EmbedOp, RMSNormOp, LayerNormOp, MatmulOp, QuantizeOp, HalveOp, RopeTableOp, RopeOp, CacheUpdateOp,
             AttentionOp, GatherRowsOp, ElementwiseOp>(op))
      return op.emitOpError() << "is nothing that a program runs";
    auto isTensor = [](Type type) { return isa<TensorType>(type); };
    if (op.getNumResults() != 0 || llvm::any_of(op.getOperandTypes(), isTensor))
      return op.emitOpError() << "stands in a program in tensor form";
  }
  return success();
}

LogicalResult ProgramOp::verifyRegions() { return verifySteps(getBody().front()); }

LogicalResult ProgramOp::verify() {
  int64_t pairs = 0;
  for (int64_t size : getSlotSizes()) {
    if (size < 0)
      return emitOpError() << "a slot has no fewer than 0 sizes, found " << size;
    pairs += size;
  }
  if (static_cast<int64_t>(getSlots().size()) != 2 * pairs)
    return emitOpError() << "slot_sizes count " << pairs << " sizes, slots list " << getSlots().size() / 2;
  if (getRoles().size() != getBody().getNumArguments())
    return emitOpError() << "has " << getRoles().size() << " roles for " << getBody().getNumArguments() << " arguments";
  if (getNumInputs() > getBody().getNumArguments() || getNumOutputs() > getBody().getNumArguments() - getNumInputs())
    return emitOpError() << "has " << getBody().getNumArguments() << " arguments, fewer than inputs and outputs";
  for (size_t i = 0; i < getSlots().size(); i += 2)
    if (getSlots()[i] < 0 || getSlots()[i] % 64 != 0 || !symbolizeDimKind(getSlots()[i + 1]))
      return emitOpError() << "a slot's size is bytes in 64s and a kind of rows, found " << getSlots()[i] << " and "
                           << getSlots()[i + 1];
  for (BlockArgument argument : getBody().getArguments()) {
    int64_t i = argument.getArgNumber(), inputs = getNumInputs(), outputs = getNumOutputs();
    if (!isa<transformer::RoleAttr>(getRoles()[i]))
      return emitOpError() << "role of argument " << i << " is a #transformer.role, found " << getRoles()[i];
    auto type = dyn_cast<MemRefType>(argument.getType());
    // Tensors of graphs are plain: row-major, of known shape.
    auto role = cast<transformer::RoleAttr>(getRoles()[i]).getValue();
    if (i < inputs + outputs && type && type.hasStaticShape() && type.getLayout().isIdentity() &&
        role == (i < inputs ? transformer::Role::Input : transformer::Role::Output))
      continue;
    if (i < inputs && (!type || type.getRank() != 1 || !type.getElementType().isInteger(32)))
      return emitOpError() << "argument " << i << " is an input, a memref<?xi32>, found " << argument.getType();
    if (i >= inputs && i < inputs + outputs &&
        (!type || type.getRank() != 2 || !type.getElementType().isF32() || rowStride(type) % 16 != 0 ||
         rowStride(type) < type.getDimSize(1) || columnOffset(type) != 0))
      return emitOpError() << "argument " << i << " is an output, f32 rows of a padded stride, found "
                           << argument.getType();
    if (i >= inputs + outputs && !isa<transformer::StateType>(argument.getType()))
      return emitOpError() << "argument " << i << " is a state, found " << argument.getType();
  }
  return success();
}

LogicalResult BufferOp::verify() {
  auto type = getResult().getType();
  int64_t stride = rowStride(type), size = type.getElementType().getIntOrFloatBitWidth() / 8;
  if (stride * size % 64 != 0 || stride < type.getDimSize(1) || stride * size % 4096 == 0 || columnOffset(type) != 0)
    return emitOpError() << "needs the padded row stride " << paddedRowStride(type.getDimSize(1), size) << ", found "
                         << stride;
  auto program = (*this)->getParentOfType<ProgramOp>();
  if (!program || getSlot() >= program.getSlotSizes().size())
    return emitOpError() << "slot " << getSlot() << " is not one of the program's";
  int64_t bytes = stride * size, first = 0;
  for (int64_t size : program.getSlotSizes().take_front(getSlot()))
    first += size;
  auto sizes = program.getSlots().slice(2 * first, 2 * program.getSlotSizes()[getSlot()]);
  for (size_t i = 0; i < sizes.size(); i += 2)
    if (sizes[i] >= bytes && sizes[i + 1] == static_cast<int64_t>(getRowsKind()))
      return success();
  return emitOpError() << "has rows of " << bytes << " bytes, slot " << getSlot() << " has no room for so many";
}
