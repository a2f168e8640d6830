// StridedLoops.cpp - buffers as addresses and steps, scalar bodies as vector ones.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Contract.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace llmc::vector_emit {

Number StridedLoops::mul(Number a, Number c) const {
  if (a.is(0) || c.is(0))
    return {};
  if (!a.open && !c.open)
    return {a.known * c.known, {}};
  if (a.is(1))
    return c;
  return c.is(1) ? a : Number{0, b.mul(value(a), value(c))};
}
Number StridedLoops::add(Number a, Number c) const {
  if (!a.open && !c.open)
    return {a.known + c.known, {}};
  if (a.is(0))
    return c;
  return c.is(0) ? a : Number{0, b.add(value(a), value(c))};
}
Number StridedLoops::ceilDiv(Number a, int64_t by) const {
  if (!a.open)
    return {(a.known + by - 1) / by, {}};
  return by == 1 ? a : Number{0, b.div(b.add(a.open, by - 1), by)};
}

void StridedLoops::addTerms(AffineExpr expr, Number stride, SmallVectorImpl<Number> &own, Number &offset) const {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    own[dim.getPosition()] = add(own[dim.getPosition()], stride);
  } else if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    offset = add(offset, mul(stride, {constant.getValue(), {}}));
  } else {
    auto binary = cast<AffineBinaryOpExpr>(expr);
    if (expr.getKind() == AffineExprKind::Add) {
      addTerms(binary.getLHS(), stride, own, offset);
      addTerms(binary.getRHS(), stride, own, offset);
    } else {
      addTerms(binary.getLHS(), mul(stride, {cast<AffineConstantExpr>(binary.getRHS()).getValue(), {}}), own, offset);
    }
  }
}

void StridedLoops::addBuffer(Value buffer, AffineMap map) {
  auto type = cast<MemRefType>(buffer.getType());
  auto [strides, offset] = type.getStridesAndOffset();
  Type i64 = b.getI64Type();
  auto asI64 = [&](Value index) -> Value { return arith::IndexCastOp::create(b, i64, index); };
  memref::ExtractStridedMetadataOp metadata;
  auto number = [&](int64_t known, llvm::function_ref<Value()> open) -> Number {
    if (!ShapedType::isDynamic(known))
      return {known, {}};
    if (!metadata)
      metadata = memref::ExtractStridedMetadataOp::create(b, buffer);
    return {0, asI64(open())};
  };
  Number start = number(offset, [&] { return metadata.getOffset(); });
  SmallVector<Number> own(map.getNumDims());
  for (auto [i, expr] : llvm::enumerate(map.getResults())) {
    Number stride = number(strides[i], [&] { return metadata.getStrides()[i]; });
    addTerms(expr, stride, own, start);
  }
  Value address = asI64(memref::ExtractAlignedPointerAsIndexOp::create(b, buffer));
  Value base = LLVM::IntToPtrOp::create(b, b.pointerType(), address);
  bases.push_back(at(base, value(start), {1, {}}));
  types.push_back(type);
  maps.push_back(map);
  steps.push_back(std::move(own));
}

StridedLoop StridedLoops::loop(int64_t number, Value source, int64_t dim) {
  StridedLoop result;
  int64_t size = cast<MemRefType>(source.getType()).getDimSize(dim);
  if (ShapedType::isDynamic(size))
    result.range.open = arith::IndexCastOp::create(b, b.getI64Type(), memref::DimOp::create(b, source, dim));
  else
    result.range.known = size;
  for (const SmallVector<Number> &own : steps)
    result.steps.push_back(own[number]);
  result.outermost = result.innermost = number;
  return result;
}
StridedLoop StridedLoops::single() const {
  StridedLoop result;
  result.range.known = 1;
  result.steps.resize(steps.size());
  return result;
}

bool StridedLoops::isStacked(unsigned buffer, const StridedLoop &outer, const StridedLoop &inner) const {
  Number a = outer.steps[buffer], c = inner.steps[buffer];
  if (a.is(0) && c.is(0))
    return true;
  if (!a.open && !c.open && !inner.range.open)
    return a.known == c.known * inner.range.known;
  // Sizes are open: dense buffers say it by the order of their dimensions.
  if (!types[buffer].getLayout().isIdentity())
    return false;
  ArrayRef<AffineExpr> results = maps[buffer].getResults();
  for (size_t i = 0; i + 1 < results.size(); ++i) {
    auto first = dyn_cast<AffineDimExpr>(results[i]), second = dyn_cast<AffineDimExpr>(results[i + 1]);
    if (first && second && first.getPosition() == outer.innermost && second.getPosition() == inner.outermost)
      return true;
  }
  return false;
}

void StridedLoops::join(SmallVectorImpl<StridedLoop> &loops, bool anyOrder) const {
  auto stacked = [&](const StridedLoop &outer, const StridedLoop &inner) {
    for (unsigned i = 0; i < bases.size(); ++i)
      if (!isStacked(i, outer, inner))
        return false;
    return true;
  };
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < loops.size() && !more; ++i)
      for (size_t k = 0; k < loops.size() && !more; ++k) {
        if (i == k || (!anyOrder && k != i + 1) || !stacked(loops[i], loops[k]))
          continue;
        loops[k].range = mul(loops[i].range, loops[k].range);
        loops[k].outermost = loops[i].outermost;
        loops.erase(loops.begin() + i);
        more = true;
      }
  }
}

void turnSquare(VectorBuilder &b, MutableArrayRef<Value> square) {
  int64_t size = square.size();
  for (int64_t half = size / 2; half >= 1; half /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t j = 0; j < size; ++j) {
      low.push_back(j & half ? size + j - half : j);
      high.push_back(j & half ? size + j : j + half);
    }
    for (int64_t i = 0; i < size; ++i) {
      if (i & half)
        continue;
      Value a = square[i], c = square[i + half];
      square[i] = vector::ShuffleOp::create(b, a, c, low);
      square[i + half] = vector::ShuffleOp::create(b, a, c, high);
    }
  }
}

SmallVector<Value> vectorBody(VectorBuilder &b, Block &body, ValueRange arguments, int64_t lanes) {
  IRMapping mapping;
  mapping.map(body.getArguments(), arguments);
  for (Operation &op : body.without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      auto type = b.vec(lanes, constant.getType());
      mapping.map(constant.getResult(),
                  arith::ConstantOp::create(b, DenseElementsAttr::get(type, constant.getValue())).getResult());
      continue;
    }
    Operation *clone = b.clone(op, mapping);
    for (Value result : clone->getResults())
      result.setType(b.vec(lanes, result.getType()));
  }
  SmallVector<Value> results;
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(mapping.lookup(value));
  return results;
}

} // namespace llmc::vector_emit
