// GraphOps.cpp - verifiers and effects of what programs of tensor graphs are made of.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Kernel/IR/Kernel.h"

using namespace mlir;
using namespace llmc::kernel;

LogicalResult ConstantOp::verify() {
  int64_t offset = static_cast<int64_t>(getOffset());
  if (offset < 0 || offset % 64 != 0)
    return emitOpError() << "lies at a multiple of 64 bytes, found " << offset;
  if (getMemRefType().getElementTypeBitWidth() % 8 != 0)
    return emitOpError() << "holds whole bytes an element, found " << getMemRefType();
  if (getColumns().has_value() != getSteps().has_value())
    return emitOpError() << "has columns and steps, or neither";
  if (!getColumns())
    return success();
  for (Attribute loop : llvm::concat<const Attribute>(getColumns()->getValue(), getSteps()->getValue()))
    if (cast<DenseI64ArrayAttr>(loop).size() != 2 || cast<DenseI64ArrayAttr>(loop)[0] < 1)
      return emitOpError() << "names a size and a stride for each loop, found " << loop;
  int64_t numbers = llvm::alignTo(getPlaces(*getColumns()), 16) * getPlaces(*getSteps());
  if (MemRefType type = getMemRefType();
      type.getRank() != 1 || type.getNumElements() != numbers || !type.getElementType().isF32())
    return emitOpError() << "is memref<" << numbers << "xf32> in panels, found " << type;
  return success();
}

int64_t ConstantOp::getPlaces(ArrayAttr loops) {
  int64_t product = 1;
  for (auto loop : loops.getAsRange<DenseI64ArrayAttr>())
    product *= loop[0];
  return product;
}

int64_t ConstantOp::getStoredBytes() {
  return getColumns() ? getPlaces(*getColumns()) * getPlaces(*getSteps()) * 4 : getSizeInBytes();
}

LogicalResult MemoryOp::verify() {
  int64_t offset = static_cast<int64_t>(getOffset());
  if (offset < 0 || offset % 64 != 0)
    return emitOpError() << "lies at a multiple of 64 bytes, found " << offset;
  auto program = (*this)->getParentOfType<ProgramOp>();
  if (!program || getSlot() >= program.getSlotSizes().size())
    return emitOpError() << "slot " << getSlot() << " is not one of the program's";
  return success();
}

LogicalResult GenericOp::verify() {
  if (static_cast<int64_t>(getUnits()) < 0)
    return emitOpError() << "has no fewer than 0 units";
  if (getWrites().size() != getBuffers().size())
    return emitOpError() << "says of " << getWrites().size() << " buffers whether it writes them, and has "
                         << getBuffers().size();
  Block &block = getBody().front();
  if (block.getNumArguments() != 2 + getBuffers().size() || !block.getArgument(0).getType().isIndex() ||
      !block.getArgument(1).getType().isIndex())
    return emitOpError() << "body takes first, last and the buffers";
  for (auto [argument, buffer] : llvm::zip(block.getArguments().drop_front(2), getBuffers()))
    if (argument.getType() != buffer.getType())
      return emitOpError() << "body takes " << argument.getType() << " for a buffer " << buffer.getType();
  llvm::SmallDenseSet<Value> seen;
  for (Value buffer : getBuffers())
    if (!seen.insert(buffer).second)
      return emitOpError() << "has one buffer twice";
  return success();
}

void GenericOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (auto [i, operand] : llvm::enumerate(getOperation()->getOpOperands())) {
    effects.emplace_back(MemoryEffects::Read::get(), &operand);
    if (getWrites()[i])
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

//===-- contract -------------------------------------------------------------------------------------------------===//

/// Whether an expression is a sum of loops times whole numbers.
static bool isLinear(AffineExpr expr) {
  if (isa<AffineDimExpr, AffineConstantExpr>(expr))
    return true;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (expr.getKind() == AffineExprKind::Add)
    return isLinear(binary.getLHS()) && isLinear(binary.getRHS());
  return expr.getKind() == AffineExprKind::Mul && isa<AffineConstantExpr>(binary.getRHS()) && isLinear(binary.getLHS());
}

std::pair<Value, int64_t> ContractOp::getLoopSource(int64_t loop) {
  for (unsigned i = 0; i < getNumOperands(); ++i)
    for (auto [at, result] : llvm::enumerate(getMap(i).getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(result); dim && dim.getPosition() == loop)
        return {getOperand(i), static_cast<int64_t>(at)};
  return {};
}

int64_t ContractOp::getColumnLoop() {
  MemRefType type = getOut().getType();
  for (int64_t i = type.getRank() - 1; i >= 0; --i)
    if (type.getDimSize(i) != 1)
      return getMap(getNumOperands() - 1).getDimPosition(i);
  return -1;
}

LogicalResult ContractOp::verify() {
  unsigned operands = getNumOperands();
  if (getIndexingMaps().size() != operands)
    return emitOpError() << "has " << getIndexingMaps().size() << " maps for " << operands << " buffers";
  int64_t sums = getSums(), loops = getNumLoops();
  if (sums < 1 || sums > loops)
    return emitOpError() << "sums over 1 to " << loops << " loops, found " << sums;
  for (unsigned i = 0; i < operands; ++i) {
    AffineMap map = getMap(i);
    auto type = cast<MemRefType>(getOperand(i).getType());
    if (map.getNumDims() != loops || map.getNumSymbols() != 0 || map.getNumResults() != type.getRank())
      return emitOpError() << "map " << i << " is " << AffineMapAttr::get(map) << " (expected " << loops << " loops to "
                           << type.getRank() << " places)";
    if (!llvm::all_of(map.getResults(), isLinear))
      return emitOpError() << "map " << i << " is " << AffineMapAttr::get(map)
                           << " (expected sums of loops times whole numbers)";
    if (i >= 2)
      for (int64_t loop = loops - sums; loop < loops; ++loop)
        if (map.isFunctionOfDim(loop))
          return emitOpError() << "map " << i << " names a reduction";
  }
  AffineMap out = getMap(operands - 1);
  int64_t named = llvm::count_if(out.getResults(), llvm::IsaPred<AffineDimExpr>);
  if (!out.isProjectedPermutation(/*allowZeroInResults=*/true) || named != loops - sums)
    return emitOpError() << "out's map is " << AffineMapAttr::get(out) << " (expected each of " << loops - sums
                         << " loops once)";
  for (int64_t loop = 0; loop < loops; ++loop) {
    auto [source, dim] = getLoopSource(loop);
    if (!source)
      return emitOpError() << "no buffer says how large loop " << loop << " is";
    if (loop > loops - sums && cast<MemRefType>(source.getType()).isDynamicDim(dim))
      return emitOpError() << "the size of reduction loop " << loop << " is not known";
  }
  int64_t column = getColumnLoop();
  if (column < 0 || getMap(0).isFunctionOfDim(column) == getMap(1).isFunctionOfDim(column))
    return emitOpError() << "one of its two factors depends on out's columns, and the other does not";
  for (unsigned i = 2; i < operands; ++i) {
    auto [strides, offset] = cast<MemRefType>(getOperand(i).getType()).getStridesAndOffset();
    for (auto [at, result] : llvm::enumerate(getMap(i).getResults()))
      if (result.isFunctionOfDim(column) && (!isa<AffineDimExpr>(result) || strides[at] != 1))
        return emitOpError() << "columns of buffer " << i << " do not lie side by side";
  }
  Block &block = getEpilogue().front();
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  bool fits = block.getNumArguments() == operands - 2 && yield && yield.getValues().size() == 1 &&
              yield.getValues()[0].getType().isF32() &&
              llvm::all_of(block.getArgumentTypes(), [](Type type) { return type.isF32(); });
  if (!fits)
    return emitOpError() << "its epilogue takes the sum and an f32 from each extra, and gives an f32";
  return success();
}

void ContractOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (OpOperand &operand : getOperation()->getOpOperands()) {
    if (operand.getOperandNumber() + 1 < getNumOperands())
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
    else
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}
