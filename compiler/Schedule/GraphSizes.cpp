// GraphSizes.cpp - dims of inputs and outputs, and bounds of index arithmetic.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/GraphSizes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace llmc::kernel;

namespace llmc::graph {

/// Beyond every size; sums of a few do not overflow.
static constexpr int64_t kBeyond = int64_t(1) << 45;
/// No buffer has more elements.
static constexpr int64_t kMostElements = int64_t(1) << 40;

Value rootOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto view = dyn_cast<ViewLikeOpInterface>(op))
      value = view.getViewSource();
    else
      break;
  }
  return value;
}

//===-- inputs and outputs ---------------------------------------------------------------------------------------===//

/// An argument's sizes over the symbols of the entry.
static AffineMap sizesOf(func::FuncOp func, int64_t i) {
  auto types = func->getAttrOfType<ArrayAttr>("onnx.types");
  if (!types || i >= static_cast<int64_t>(types.size()))
    return {};
  auto type = dyn_cast<RankedTensorType>(cast<TypeAttr>(types[i]).getValue());
  auto map = type ? dyn_cast_or_null<AffineMapAttr>(type.getEncoding()) : AffineMapAttr();
  return map ? map.getAffineMap() : AffineMap();
}

/// Records that the open sizes of argument `i` are dims: those numbers, -1 where a size is known.
static void recordDims(func::FuncOp func, int64_t i, ArrayRef<int64_t> numbers) {
  auto types = func->getAttrOfType<ArrayAttr>("onnx.types");
  SmallVector<Attribute> changed(types.begin(), types.end());
  auto type = cast<RankedTensorType>(cast<TypeAttr>(types[i]).getValue());
  MLIRContext *context = func.getContext();
  SmallVector<AffineExpr> sizes;
  unsigned used = 0;
  for (auto [size, number] : llvm::zip(type.getShape(), numbers)) {
    sizes.push_back(number < 0 ? getAffineConstantExpr(size, context) : getAffineSymbolExpr(number, context));
    used = std::max<unsigned>(used, number + 1);
  }
  changed[i] = TypeAttr::get(RankedTensorType::get(type.getShape(), type.getElementType(),
                                                   AffineMapAttr::get(AffineMap::get(0, used, sizes, context))));
  func->setAttr("onnx.types", ArrayAttr::get(context, changed));
}

LogicalResult Sizes::openInputs(int64_t inputs) {
  auto symbols = func->getAttrOfType<ArrayAttr>("onnx.dims");
  SmallVector<DictionaryAttr> facts;
  if (symbols)
    llvm::append_range(facts, symbols.getAsRange<DictionaryAttr>());
  for (auto [i, symbol] : llvm::enumerate(facts))
    if (symbol.getAs<DenseI64ArrayAttr>("place")) {
      dimOfSymbol[i] = list.size();
      list.push_back({symbol.getAs<StringAttr>("name").str(), symbol.getAs<IntegerAttr>("minimum").getInt(),
                      symbol.getAs<IntegerAttr>("maximum").getInt(), false});
    }
  // Sizes that ops compute, and conditions: the entry names them by their symbols.
  auto computed = [&](int64_t i) -> FailureOr<int64_t> {
    if (auto known = dimOfSymbol.find(i); known != dimOfSymbol.end())
      return known->second;
    if (i < 0 || i >= static_cast<int64_t>(facts.size()))
      return func.emitOpError() << "sets symbol " << i << " of " << facts.size();
    dimOfSymbol[i] = list.size();
    list.push_back({facts[i].getAs<StringAttr>("name").str(), facts[i].getAs<IntegerAttr>("minimum").getInt(),
                    std::max<int64_t>(1, facts[i].getAs<IntegerAttr>("maximum").getInt()), true});
    return list.size() - 1;
  };
  WalkResult numbered = func.walk([&](Operation *op) {
    FailureOr<int64_t> number = 0;
    if (auto set = dyn_cast<SetDimOp>(op); set && succeeded(number = computed(set.getNumber())))
      set.setNumber(*number);
    else if (auto require = dyn_cast<RequireOp>(op); require && succeeded(number = computed(require.getNumber())))
      require.setNumber(*number);
    return failed(number) ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (numbered.wasInterrupted())
    return failure();
  Block &entry = func.getBody().front();
  OpBuilder b = OpBuilder::atBlockBegin(&entry);
  for (int64_t i = 0; i < inputs; ++i) {
    BlockArgument argument = entry.getArgument(i);
    auto type = cast<MemRefType>(argument.getType());
    if (type.hasStaticShape())
      continue;
    AffineMap map = sizesOf(func, i);
    SmallVector<Value> sizes;
    SmallVector<int64_t> numbers(type.getRank(), -1);
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (!type.isDynamicDim(d))
        continue;
      auto symbol = map ? dyn_cast<AffineSymbolExpr>(map.getResult(d)) : AffineSymbolExpr(nullptr);
      auto dim = symbol ? dimOfSymbol.find(symbol.getPosition()) : dimOfSymbol.end();
      if (dim == dimOfSymbol.end())
        return func.emitOpError() << "input " << i << " has a size that is no dimension of an input";
      numbers[d] = dim->second;
      sizes.push_back(DimOp::create(b, argument.getLoc(), b.getIndexType(), dim->second));
    }
    recordDims(func, i, numbers);
    auto alloc = memref::AllocOp::create(b, argument.getLoc(), type, sizes);
    alloc->setAttr(kArgument, b.getI64IntegerAttr(i));
    argument.replaceAllUsesWith(alloc.getResult());
  }
  // The sizes of arguments are dims, not what somebody reads from a buffer.
  for (auto dim : llvm::make_early_inc_range(entry.getOps<memref::DimOp>()))
    if (std::optional<int64_t> number = dim.getConstantIndex())
      if (Value size = sizeOf(dim.getSource(), *number)) {
        dim.getResult().replaceAllUsesWith(size);
        dim.erase();
      }
  return success();
}

/// The index that a buffer's dimension is, where an op of the entry says so.
Value Sizes::sizeOf(Value buffer, int64_t dim) {
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.isDynamicDim(dim))
    return {};
  auto pick = [&](SmallVector<OpFoldResult> sizes) { return dyn_cast<Value>(sizes[dim]); };
  if (auto alloc = buffer.getDefiningOp<memref::AllocOp>())
    return alloc.getDynamicSizes()[type.getDynamicDimIndex(dim)];
  if (auto view = buffer.getDefiningOp<memref::SubViewOp>()) {
    llvm::SmallBitVector dropped = view.getDroppedDims();
    int64_t at = -1;
    for (int64_t kept = -1; kept < dim;)
      kept += !dropped[++at];
    return dyn_cast<Value>(view.getMixedSizes()[at]);
  }
  if (auto view = buffer.getDefiningOp<memref::ExpandShapeOp>())
    return pick(view.getMixedOutputShape());
  if (auto view = buffer.getDefiningOp<memref::ReinterpretCastOp>())
    return pick(view.getMixedSizes());
  if (auto view = buffer.getDefiningOp<memref::CastOp>())
    return isa<MemRefType>(view.getSource().getType()) && cast<MemRefType>(view.getSource().getType()).isDynamicDim(dim)
               ? sizeOf(view.getSource(), dim)
               : Value();
  return {};
}

LogicalResult Sizes::openOutput(BlockArgument argument) {
  Block &entry = func.getBody().front();
  memref::CopyOp copy;
  for (Operation *user : argument.getUsers())
    if (auto found = dyn_cast<memref::CopyOp>(user); found && found.getTarget() == argument && !copy)
      copy = found;
    else
      return func.emitOpError() << "output " << argument.getArgNumber() << " of an open size is not copied to once";
  if (!copy)
    return func.emitOpError() << "output " << argument.getArgNumber() << " of an open size is never written";
  OpBuilder b(copy);
  auto place = b.getI64IntegerAttr(argument.getArgNumber());
  auto alloc = copy.getSource().getDefiningOp<memref::AllocOp>();
  if (alloc && !alloc->hasAttr(kArgument) && alloc.getType() == argument.getType() && isLastUse(entry, alloc, copy)) {
    alloc->setAttr(kArgument, place);
    copy.erase();
    return success();
  }
  auto type = cast<MemRefType>(argument.getType());
  SmallVector<Value> sizes;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (!type.isDynamicDim(d))
      continue;
    Value size = sizeOf(copy.getSource(), d);
    if (!size)
      size = memref::DimOp::create(b, copy.getLoc(), copy.getSource(), d);
    sizes.push_back(size);
  }
  auto fresh = memref::AllocOp::create(b, copy.getLoc(), type, sizes);
  fresh->setAttr(kArgument, place);
  copy.getTargetMutable().set(fresh.getResult());
  return success();
}

bool isLastUse(Block &entry, memref::AllocOp alloc, Operation *copy) {
  SmallVector<Operation *> users(alloc->getUsers());
  for (size_t i = 0; i < users.size(); ++i) {
    Operation *own = entry.findAncestorOpInBlock(*users[i]);
    if (own != copy && !(own && own->isBeforeInBlock(copy)))
      return false;
    if (isa<ViewLikeOpInterface>(users[i]))
      llvm::append_range(users, users[i]->getUsers());
  }
  return true;
}

LogicalResult Sizes::openOutputs(int64_t first, int64_t inputs) {
  Block &entry = func.getBody().front();
  auto names = func->getAttrOfType<ArrayAttr>("onnx.names");
  for (BlockArgument argument : entry.getArguments().drop_front(first)) {
    if (cast<MemRefType>(argument.getType()).hasStaticShape())
      continue;
    if (failed(openOutput(argument)))
      return failure();
    int64_t output = argument.getArgNumber() - first;
    auto type = cast<MemRefType>(argument.getType());
    memref::AllocOp memory;
    for (auto alloc : entry.getOps<memref::AllocOp>())
      if (auto at = alloc->getAttrOfType<IntegerAttr>(kArgument); at && at.getInt() == argument.getArgNumber())
        memory = alloc;
    SmallVector<int64_t> numbers(type.getRank(), -1);
    OpBuilder b(entry.getTerminator());
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (!type.isDynamicDim(d))
        continue;
      Value size = memory.getDynamicSizes()[type.getDynamicDimIndex(d)];
      if (auto dim = size.getDefiningOp<DimOp>()) {
        numbers[d] = dim.getNumber();
        continue;
      }
      auto [low, high] = bounds(size);
      if (high > kMostElements)
        return func.emitOpError() << "dimension " << d << " of output " << output << " has no bound";
      numbers[d] = list.size();
      SetDimOp::create(b, memory.getLoc(), list.size(), size);
      std::string name = (cast<StringAttr>(names[inputs + output]).getValue() + "." + Twine(d)).str();
      list.push_back({name, std::max<int64_t>(low, 0), std::max<int64_t>(high, 1), true});
    }
    recordDims(func, inputs + output, numbers);
  }
  return success();
}

ArrayAttr Sizes::attribute() const {
  Builder b(context);
  SmallVector<Attribute> result;
  for (const Dim &dim : list)
    result.push_back(b.getDictionaryAttr({b.getNamedAttr("computed", b.getBoolAttr(dim.computed)),
                                          b.getNamedAttr("maximum", b.getI64IntegerAttr(dim.maximum)),
                                          b.getNamedAttr("minimum", b.getI64IntegerAttr(dim.minimum)),
                                          b.getNamedAttr("name", b.getStringAttr(dim.name))}));
  return b.getArrayAttr(result);
}

void Sizes::writeStrides() {
  SmallVector<memref::ExpandShapeOp> views;
  func.walk([&](memref::ExpandShapeOp view) {
    bool plain = view.getSrcType().getLayout().isIdentity() && view.getResultType().getLayout().isIdentity();
    if (plain && view.getResultType().getNumDynamicDims() > 1)
      views.push_back(view);
  });
  for (memref::ExpandShapeOp view : views) {
    OpBuilder b(view);
    Location loc = view.getLoc();
    SmallVector<OpFoldResult> extents = view.getMixedOutputShape(), strides(extents.size());
    int64_t known = 1;
    Value open; // the product of open sizes so far
    for (int64_t i = extents.size() - 1; i >= 0; --i) {
      if (!open)
        strides[i] = b.getIndexAttr(known);
      else
        strides[i] =
            known == 1 ? open
                       : arith::MulIOp::create(b, loc, open, arith::ConstantIndexOp::create(b, loc, known)).getResult();
      if (auto size = dyn_cast<Value>(extents[i]))
        open = open ? arith::MulIOp::create(b, loc, open, size).getResult() : size;
      else
        known *= cast<IntegerAttr>(cast<Attribute>(extents[i])).getInt();
    }
    auto cast = memref::ReinterpretCastOp::create(b, loc, view.getResultType(), view.getSrc(), b.getIndexAttr(0),
                                                  extents, strides);
    view.getResult().replaceAllUsesWith(cast.getResult());
    view.erase();
  }
}

//===-- bounds ---------------------------------------------------------------------------------------------------===//

static int64_t product(int64_t a, int64_t b) {
  int64_t result;
  if (llvm::MulOverflow(a, b, result))
    return (a < 0) == (b < 0) ? kBeyond : -kBeyond;
  return std::clamp(result, -kBeyond, kBeyond);
}

std::pair<int64_t, int64_t> Sizes::bounds(Value value) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  using Bounds = std::pair<int64_t, int64_t>;
  const Bounds anything = {-kBeyond, kBeyond};
  APInt constant;
  Bounds result = anything;
  Operation *op = value.getDefiningOp();
  auto of = [&](unsigned i) { return bounds(op->getOperand(i)); };
  if (matchPattern(value, m_ConstantInt(&constant))) {
    int64_t number = constant.getSExtValue();
    result = {std::clamp(number, -kBeyond, kBeyond), std::clamp(number, -kBeyond, kBeyond)};
  } else if (op) {
    result = llvm::TypeSwitch<Operation *, Bounds>(op)
                 .Case([&](DimOp dim) { return Bounds(list[dim.getNumber()].minimum, list[dim.getNumber()].maximum); })
                 .Case([&](arith::AddIOp) {
                   auto [a, b] = of(0);
                   auto [c, d] = of(1);
                   return Bounds(a + c, b + d);
                 })
                 .Case([&](arith::SubIOp) {
                   auto [a, b] = of(0);
                   auto [c, d] = of(1);
                   return Bounds(a - d, b - c);
                 })
                 .Case([&](arith::MulIOp) {
                   auto [a, b] = of(0);
                   auto [c, d] = of(1);
                   auto ends = {product(a, c), product(a, d), product(b, c), product(b, d)};
                   return Bounds(std::min(ends), std::max(ends));
                 })
                 .Case<arith::DivUIOp, arith::DivSIOp>([&](auto) {
                   auto [a, b] = of(0);
                   auto [c, d] = of(1);
                   return a >= 0 && c > 0 ? Bounds(a / d, b / c) : anything;
                 })
                 .Case<arith::RemUIOp, arith::RemSIOp>([&](auto) {
                   auto [a, b] = of(0);
                   auto [c, d] = of(1);
                   return a >= 0 && c > 0 ? Bounds(0, std::min(b, d - 1)) : anything;
                 })
                 .Case([&](arith::MinSIOp) {
                   auto [a, b] = of(0);
                   auto [c, d] = of(1);
                   return Bounds(std::min(a, c), std::min(b, d));
                 })
                 .Case([&](arith::MaxSIOp) {
                   auto [a, b] = of(0);
                   auto [c, d] = of(1);
                   return Bounds(std::max(a, c), std::max(b, d));
                 })
                 .Case([&](arith::SelectOp select) { return selected(select); })
                 .Case([&](arith::IndexCastOp) { return of(0); })
                 .Case([&](memref::DimOp dim) {
                   auto type = dyn_cast<MemRefType>(dim.getSource().getType());
                   std::optional<int64_t> number = dim.getConstantIndex();
                   if (!type || !number)
                     return anything;
                   if (!type.isDynamicDim(*number))
                     return Bounds(type.getDimSize(*number), type.getDimSize(*number));
                   return boundsOfDim(dim.getSource(), *number);
                 })
                 .Case([&](affine::AffineApplyOp apply) {
                   return boundsOf(apply.getAffineMap().getResult(0), apply.getMapOperands(),
                                   apply.getAffineMap().getNumDims());
                 })
                 .Default([&](Operation *) { return anything; });
  }
  result = {std::clamp(result.first, -kBeyond, kBeyond), std::clamp(result.second, -kBeyond, kBeyond)};
  return known[value] = result;
}

std::pair<int64_t, int64_t> Sizes::boundsOfDim(Value buffer, int64_t dim) {
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.isDynamicDim(dim))
    return {type.getDimSize(dim), type.getDimSize(dim)};
  if (Value size = sizeOf(buffer, dim))
    return bounds(size);
  std::pair<int64_t, int64_t> result = {1, 1};
  if (auto view = buffer.getDefiningOp<memref::CollapseShapeOp>()) {
    const ReassociationIndices parts = view.getReassociationIndices()[dim];
    for (int64_t part : parts) {
      auto [low, high] = boundsOfDim(view.getSrc(), part);
      result = {product(result.first, low), product(result.second, high)};
    }
    return result;
  }
  return {-kBeyond, kBeyond};
}

std::pair<int64_t, int64_t> Sizes::boundsOf(AffineExpr expr, ValueRange operands, unsigned dims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return {constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return bounds(operands[dim.getPosition()]);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return bounds(operands[dims + symbol.getPosition()]);
  auto both = cast<AffineBinaryOpExpr>(expr);
  auto [a, b] = boundsOf(both.getLHS(), operands, dims);
  auto [c, d] = boundsOf(both.getRHS(), operands, dims);
  auto ends = {product(a, c), product(a, d), product(b, c), product(b, d)};
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return {std::clamp(a + c, -kBeyond, kBeyond), std::clamp(b + d, -kBeyond, kBeyond)};
  case AffineExprKind::Mul:
    return {std::min(ends), std::max(ends)};
  case AffineExprKind::FloorDiv:
  case AffineExprKind::CeilDiv:
    if (a >= 0 && c > 0)
      return {a / d, llvm::divideCeilSigned(b, c)};
    break;
  case AffineExprKind::Mod:
    if (c > 0)
      return {0, d - 1};
    break;
  default:
    break;
  }
  return {-kBeyond, kBeyond};
}

/// Where one side of a choice by sign is not taken, it bounds nothing.
/// `value` as a number less `of`, where it is one: k - y of y + c is k + c less that.
static std::optional<int64_t> lessThat(Value value, Value of) {
  auto less = value.getDefiningOp<arith::SubIOp>();
  auto sum = of.getDefiningOp<arith::AddIOp>();
  APInt number, added;
  if (!less || !matchPattern(less.getLhs(), m_ConstantInt(&number)))
    return std::nullopt;
  if (less.getRhs() == of)
    return number.getSExtValue();
  if (sum && sum.getLhs() == less.getRhs() && matchPattern(sum.getRhs(), m_ConstantInt(&added)))
    return number.getSExtValue() + added.getSExtValue();
  return std::nullopt;
}

std::pair<int64_t, int64_t> Sizes::selected(arith::SelectOp op) {
  if (auto compare = op.getCondition().getDefiningOp<arith::CmpIOp>()) {
    auto [a, b] = bounds(compare.getLhs());
    auto [c, d] = bounds(compare.getRhs());
    if (compare.getPredicate() == arith::CmpIPredicate::slt && (b < c || a >= d))
      return bounds(b < c ? op.getTrueValue() : op.getFalseValue());
    // What is below 0 mirrored, and else as it is: a quotient's beginning.
    std::optional<int64_t> mirror = lessThat(op.getTrueValue(), compare.getLhs());
    if (compare.getPredicate() == arith::CmpIPredicate::slt && c == d && mirror &&
        op.getFalseValue() == compare.getLhs())
      return {std::min(*mirror - (c - 1), c), std::max(*mirror - a, b)};
  }
  auto [a, b] = bounds(op.getTrueValue());
  auto [c, d] = bounds(op.getFalseValue());
  return {std::min(a, c), std::max(b, d)};
}

int64_t Sizes::mostElements(memref::AllocOp alloc) {
  int64_t elements = 1;
  auto type = alloc.getType();
  for (int64_t d = 0; d < type.getRank(); ++d) {
    int64_t most =
        type.isDynamicDim(d) ? bounds(alloc.getDynamicSizes()[type.getDynamicDimIndex(d)]).second : type.getDimSize(d);
    elements = product(elements, std::max<int64_t>(most, 0));
  }
  return elements > kMostElements ? -1 : elements;
}

int64_t Sizes::mostPlaces(linalg::LinalgOp op, unsigned loop) {
  int64_t range = op.getStaticLoopRanges()[loop];
  if (!ShapedType::isDynamic(range))
    return range;
  int64_t most = kBeyond;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [d, expr] : llvm::enumerate(map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr); dim && dim.getPosition() == loop)
        if (Value size = sizeOf(operand.get(), d))
          most = std::min(most, bounds(size).second);
  }
  return most;
}

} // namespace llmc::graph
