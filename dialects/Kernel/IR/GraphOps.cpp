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
  return success();
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
