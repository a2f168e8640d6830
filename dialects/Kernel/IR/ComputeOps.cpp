// ComputeOps.cpp - verifiers and memory effects of the compute ops.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Kernel/IR/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;

#define GET_OP_CLASSES
#include "dialects/Kernel/IR/KernelOps.cpp.inc"

namespace {

using Effects = SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

/// In the buffer form an op reads its memref and state operands and writes its outs; the tensor form has no effects.
void addEffects(Operation *op, OperandRange outs, Effects &effects) {
  if (op->getNumResults() != 0)
    return;
  for (OpOperand &operand : op->getOpOperands()) {
    bool isOut = operand.getOperandNumber() >= outs.getBeginOperandIndex() &&
                 operand.getOperandNumber() < outs.getBeginOperandIndex() + outs.size();
    if (isa<MemRefType>(operand.get().getType()) || isa<transformer::StateType>(operand.get().getType())) {
      if (isOut)
        effects.emplace_back(MemoryEffects::Write::get(), &operand);
      else
        effects.emplace_back(MemoryEffects::Read::get(), &operand);
    }
  }
}

int64_t columnsOf(Type type) { return cast<ShapedType>(type).getDimSize(1); }

/// Each op has exactly one result or exactly one out. Returns the type of whichever there is.
FailureOr<Type> outputType(Operation *op, OperandRange outs) {
  if (op->getNumResults() + outs.size() != 1)
    return op->emitOpError() << "has one result (tensor form) or one out (buffer form), found " << op->getNumResults()
                             << " and " << outs.size();
  Type type = outs.empty() ? op->getResult(0).getType() : outs[0].getType();
  if (isa<RankedTensorType>(type) == !outs.empty())
    return op->emitOpError() << "results are tensors and outs are buffers, found " << type;
  if (cast<ShapedType>(type).isDynamicDim(1))
    return op->emitOpError() << "writes rows [T, C] with C known, found " << type;
  return type;
}

LogicalResult expectColumns(Operation *op, StringRef what, int64_t found, int64_t expected) {
  if (found == expected)
    return success();
  return op->emitOpError() << what << " has " << found << " columns, expected " << expected;
}

/// Ops that a target can compute on whole vectors; emitScalarBody (compiler/Targets) knows all of them and no other.
bool isScalarFunction(Operation *op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return constant.getType().isF32();
  return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp, arith::MaximumFOp,
             arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp, arith::CmpFOp, arith::SelectOp, math::ExpOp,
             math::TanhOp, math::ErfOp>(op);
}

/// The region takes `numArguments` f32 and yields one f32 that a few known ops compute from them and nothing else.
LogicalResult verifyScalarRegion(Operation *op, Region &region, unsigned numArguments) {
  Block &block = region.front();
  if (block.getNumArguments() != numArguments)
    return op->emitOpError() << "body takes " << block.getNumArguments() << " values, expected " << numArguments;
  for (BlockArgument argument : block.getArguments())
    if (!argument.getType().isF32())
      return op->emitOpError() << "body takes f32 values, found " << argument.getType();
  if (!isa<YieldOp>(block.back()) || block.back().getOperandTypes() != TypeRange{Float32Type::get(op->getContext())})
    return op->emitOpError() << "body yields one f32";
  for (Operation &inner : block) {
    if (&inner != &block.back() && !isScalarFunction(&inner))
      return op->emitOpError() << "body computes with '" << inner.getName() << "', which no target knows";
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != &block)
        return op->emitOpError() << "body reads a value from outside";
    for (Type type : inner.getResultTypes())
      if (!type.isF32() && !type.isInteger(1))
        return op->emitOpError() << "body computes with f32, found " << type;
  }
  return success();
}

/// A page is a cut of the state's cache, in the element type that kernels compute with.
LogicalResult verifyPage(Operation *op, PageAttr page, transformer::StateType state) {
  if (page.getTokens() < 1 || page.getTokens() % PageAttr::chunkKeys != 0)
    return op->emitOpError() << "a page holds a multiple of " << PageAttr::chunkKeys << " tokens, found "
                             << page.getTokens();
  Type element = page.getElement();
  auto blocks = dyn_cast<transformer::BlockType>(element);
  if (!element.isF32() && !element.isF16() && !element.isBF16() &&
      (!blocks || blocks.getFormat() != BlockFormatId::Q8 || blocks.getGroup() != page.getHeadDim()))
    return op->emitOpError() << "a page holds f32, f16, bf16 or q8 in groups of a head, found " << element;
  if (!state.isKVCache() || page.getSlots() != state.getSlots() || page.getHeads() != state.getHeads() ||
      page.getHeadDim() != state.getHeadDim() || page.getHeadDim() != state.getValueDim() ||
      page.getElement() != state.getElementType())
    return op->emitOpError() << "page " << page << " is not one of " << state;
  return success();
}

/// An extra is rows with the output's columns or a table [1, columns].
LogicalResult verifyExtra(Operation *op, Type type, int64_t columns) {
  if (auto packed = dyn_cast<PackedType>(type)) {
    if (packed.getLayout() != PackedLayout::table || packed.getN() != 1)
      return op->emitOpError() << "a weight read elementwise is a table of one row, found " << type;
    return expectColumns(op, "table", packed.getK(), columns);
  }
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || shaped.getRank() != 2 || !shaped.getElementType().isF32())
    return op->emitOpError() << "reads f32 rows or tables elementwise, found " << type;
  return expectColumns(op, "elementwise input", shaped.getDimSize(1), columns);
}

} // namespace

//===-- effects ---------------------------------------------------------------------------------------------------===//

void EmbedOp::getEffects(Effects &effects) { addEffects(*this, getOuts(), effects); }
void RMSNormOp::getEffects(Effects &effects) { addEffects(*this, getOuts(), effects); }
void LayerNormOp::getEffects(Effects &effects) { addEffects(*this, getOuts(), effects); }
void MatmulOp::getEffects(Effects &effects) { addEffects(*this, getOuts(), effects); }
void QuantizeOp::getEffects(Effects &effects) { addEffects(*this, getOuts(), effects); }
void HalveOp::getEffects(Effects &effects) { addEffects(*this, getOuts(), effects); }
void RopeTableOp::getEffects(Effects &effects) { addEffects(*this, getOuts(), effects); }
void RopeOp::getEffects(Effects &effects) { addEffects(*this, getOuts(), effects); }
void AttentionOp::getEffects(Effects &effects) {
  addEffects(*this, getOuts(), effects);
  for (OpOperand &scratch : getScratchMutable())
    effects.emplace_back(MemoryEffects::Write::get(), &scratch);
}
void GatherRowsOp::getEffects(Effects &effects) { addEffects(*this, getOuts(), effects); }
void ElementwiseOp::getEffects(Effects &effects) { addEffects(*this, getOuts(), effects); }
void CacheUpdateOp::getEffects(Effects &effects) {
  if (!isBufferForm())
    return;
  effects.emplace_back(MemoryEffects::Write::get(), &getStateMutable());
  effects.emplace_back(MemoryEffects::Read::get(), &getKMutable());
  effects.emplace_back(MemoryEffects::Read::get(), &getVMutable());
}

//===-- verifiers -------------------------------------------------------------------------------------------------===//

LogicalResult EmbedOp::verify() {
  auto type = outputType(*this, getOuts());
  if (failed(type))
    return failure();
  return expectColumns(*this, "output", columnsOf(*type), getTable().getType().getK());
}

template <typename Op> static LogicalResult verifyNorm(Op op) {
  auto type = outputType(op, op.getOuts());
  if (failed(type) || failed(expectColumns(op, "output", columnsOf(*type), columnsOf(op.getX().getType()))))
    return failure();
  PackedType weight = op.getWeight().getType();
  if (weight.getLayout() != PackedLayout::table || weight.getN() != 1)
    return op.emitOpError() << "needs a table of one row as weight, found " << weight;
  if (columnsOf(*type) % weight.getK() != 0)
    return op.emitOpError() << "groups of " << weight.getK() << " columns do not divide " << columnsOf(*type);
  return success();
}
LogicalResult RMSNormOp::verify() { return verifyNorm(*this); }
LogicalResult LayerNormOp::verify() {
  if (failed(verifyNorm(*this)))
    return failure();
  if (Value bias = getBias(); bias && bias.getType() != getWeight().getType())
    return emitOpError() << "needs a bias like the weight, found " << bias.getType() << " and "
                         << getWeight().getType();
  return success();
}

/// (C1): a weight of codes and rows quantised for it, as far as it can be seen.
static LogicalResult verifyQuantized(MatmulOp op) {
  CodesType codes = op.getWeight().getType().getCodes();
  if (!codes)
    return op.emitOpError() << "multiplies quantised rows with a weight of codes, found " << op.getWeight().getType();
  auto made = op.getX().getDefiningOp<QuantizeOp>();
  int64_t segment = op.segmentSize(), longest = codes.segmentOf(op.getWeight().getType().getK());
  if ((segment != 16 && segment != 32) || longest % segment != 0)
    return op.emitOpError() << "segments of 16 or 32 divide " << longest << ", found " << segment; // (C2)
  if (!made || (static_cast<int64_t>(made.getSegment()) == segment &&
                static_cast<int64_t>(made.getZero()) == codes.getOffset() && made.getSums() == codes.getRowSums()))
    return success();
  return op.emitOpError() << "needs rows quantised with segment " << segment << ", sums "
                          << stringifyRowSums(codes.getRowSums()) << " and zero " << codes.getOffset() << ", found "
                          << made.getSegment() << ", " << stringifyRowSums(made.getSums()) << " and " << made.getZero();
}

LogicalResult QuantizeOp::verify() {
  auto type = outputType(*this, getOuts());
  if (failed(type))
    return failure();
  int64_t k = columnsOf(getX().getType()), segment = getSegment(), zero = getZero();
  if ((segment != 16 && segment != 32) || k % segment != 0)
    return emitOpError() << "segments of 16 or 32 divide the columns, found " << segment << " and " << k; // (C1)
  for (Value table : {getNorm(), getOrder()}) {
    auto packed = table ? cast<PackedType>(table.getType()) : PackedType();
    if (packed && (packed.getLayout() != PackedLayout::table || packed.getN() != 1 || packed.getK() != k))
      return emitOpError() << "takes tables of one row of " << k << " columns, found " << packed; // (C4)
  }
  if (getSums() == RowSums::offset ? zero < 1 || zero > 128 : zero != 0)
    return emitOpError() << "zero is from 1 to 128 with sums 'offset', else 0, found " << zero;       // (C3)
  return expectColumns(*this, "output", columnsOf(*type), QuantizedRow(k, segment, getSums()).bytes); // (C2)
}

LogicalResult HalveOp::verify() {
  auto type = outputType(*this, getOuts());
  if (failed(type))
    return failure();
  int64_t k = columnsOf(getX().getType());
  auto norm = getNorm() ? cast<PackedType>(getNorm().getType()) : PackedType();
  if (norm && (norm.getLayout() != PackedLayout::table || norm.getN() != 1 || norm.getK() != k))
    return emitOpError() << "takes a table of one row of " << k << " columns, found " << norm; // (C2)
  return expectColumns(*this, "output", columnsOf(*type), HalvedRow(k).columns);               // (C1)
}

LogicalResult MatmulOp::verify() {
  auto type = outputType(*this, getOuts());
  if (failed(type))
    return failure();
  PackedType weight = getWeight().getType();
  if (weight.getLayout() == PackedLayout::table)
    return emitOpError() << "needs a weight in panels, found " << weight;
  if (isQuantized() && failed(verifyQuantized(*this)))
    return failure();
  if (isHalved() && !weight.getElement().isF16())
    return emitOpError() << "multiplies halved rows with a weight of f16, found " << weight;
  int64_t columns = isQuantized() ? QuantizedRow(weight, segmentSize()).bytes
                    : isHalved()  ? HalvedRow(weight.getK()).columns
                                  : weight.getK();
  if (failed(expectColumns(*this, "x", columnsOf(getX().getType()), columns)) ||
      failed(expectColumns(*this, "output", columnsOf(*type), weight.getN())))
    return failure();
  for (Value extra : getExtras())
    if (failed(verifyExtra(*this, extra.getType(), weight.getN())))
      return failure();
  return verifyScalarRegion(*this, getEpilogue(), weight.getStreams() + getExtras().size());
}

LogicalResult RopeTableOp::verify() {
  auto type = outputType(*this, getOuts());
  if (failed(type))
    return failure();
  PackedType table = getFrequencies().getType();
  if (table.getLayout() != PackedLayout::table)
    return emitOpError() << "needs a frequency table, found " << table;
  return expectColumns(*this, "output", columnsOf(*type), 2 * table.getK());
}

LogicalResult RopeOp::verify() {
  auto type = outputType(*this, getOuts());
  if (failed(type) || failed(expectColumns(*this, "output", columnsOf(*type), columnsOf(getX().getType()))))
    return failure();
  int64_t headDim = getHeadDim(), rotaryDim = getRotaryDim();
  if (headDim < 1 || columnsOf(*type) % headDim != 0)
    return emitOpError() << "head_dim " << headDim << " does not divide " << columnsOf(*type) << " columns";
  if (rotaryDim < 2 || rotaryDim % 2 != 0 || rotaryDim > headDim)
    return emitOpError() << "rotary_dim is even and at most head_dim = " << headDim << ", found " << rotaryDim;
  return expectColumns(*this, "table", columnsOf(getTable().getType()), rotaryDim);
}

LogicalResult CacheUpdateOp::verify() {
  if (getNumResults() > 1)
    return emitOpError() << "has one result (tensor form) or none (buffer form), found " << getNumResults();
  if (failed(verifyPage(*this, getPage(), cast<transformer::StateType>(getState().getType()))))
    return failure();
  int64_t columns = getPage().getHeads() * getPage().getHeadDim();
  if (failed(expectColumns(*this, "k", columnsOf(getK().getType()), columns)) ||
      failed(expectColumns(*this, "v", columnsOf(getV().getType()), columns)))
    return failure();
  return success();
}

int64_t AttentionOp::getRecordColumns() {
  int64_t group = static_cast<int64_t>(getNumHeads()) / getPage().getHeads();
  int64_t runs = (group + sharedRows - 1) / sharedRows, paddedHead = (getPage().getHeadDim() + 15) / 16 * 16;
  return runs * 32 + group * paddedHead;
}

LogicalResult AttentionOp::verify() {
  auto type = outputType(*this, getOuts());
  if (failed(type) || failed(expectColumns(*this, "output", columnsOf(*type), columnsOf(getQ().getType()))))
    return failure();
  if (failed(verifyPage(*this, getPage(), cast<transformer::StateType>(getState().getType()))))
    return failure();
  int64_t heads = getPage().getHeads(), numHeads = getNumHeads(), window = getWindow();
  if (numHeads < 1 || numHeads % heads != 0)
    return emitOpError() << "num_heads = " << numHeads << " is not a multiple of the cache's " << heads << " heads";
  if (window < 0)
    return emitOpError() << "window is not negative, found " << window;
  if (getScratch().size() > 1 || (!getScratch().empty() && !isBufferForm()))
    return emitOpError() << "scratch is one buffer, in the buffer form";
  if (!getScratch().empty() &&
      failed(expectColumns(*this, "scratch", columnsOf(getScratch()[0].getType()), getScratchColumns())))
    return failure();
  return expectColumns(*this, "q", columnsOf(getQ().getType()), numHeads * getPage().getHeadDim());
}

LogicalResult GatherRowsOp::verify() {
  auto type = outputType(*this, getOuts());
  if (failed(type))
    return failure();
  return expectColumns(*this, "output", columnsOf(*type), columnsOf(getX().getType()));
}

LogicalResult ElementwiseOp::verify() {
  auto type = outputType(*this, getOuts());
  if (failed(type))
    return failure();
  for (Value input : getInputs())
    if (failed(verifyExtra(*this, input.getType(), columnsOf(*type))))
      return failure();
  return verifyScalarRegion(*this, getBody(), getInputs().size());
}

LogicalResult ColumnsOp::verify() {
  int64_t from = columnsOf(getX().getType()), taken = columnsOf(getResult().getType()), offset = getOffset();
  if (from < 1 || taken < 1)
    return emitOpError() << "needs known columns, found " << getX().getType() << " and " << getResult().getType();
  if (offset < 0 || offset > from || taken > from - offset)
    return emitOpError() << "takes " << taken << " columns from " << offset << " of " << from;
  auto base = dyn_cast<MemRefType>(getX().getType());
  auto view = dyn_cast<MemRefType>(getResult().getType());
  if (!base != !view)
    return emitOpError() << "makes a tensor of a tensor or a view of a buffer, found " << getX().getType() << " and "
                         << getResult().getType();
  if (base && (rowStride(view) != rowStride(base) || columnOffset(view) != columnOffset(base) + offset))
    return emitOpError() << "view lies at column " << columnOffset(base) + offset << " of rows of " << rowStride(base)
                         << ", found " << view;
  return success();
}
