// Lowering.cpp - elementwise ops, reductions, reshapes on tensors; not here: the arithmetic of an element (Bodies.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Lowering.h"

#include "dialects/Kernel/IR/Kernel.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"

#include <cmath>
#include <functional>

using namespace mlir;

namespace llmc::onnx_import {

Lowering::Lowering(OpBuilder &builder, Operation *op, ValueRange storage, LoweredGraph &shared)
    : Node(op, &shared.facts), op(op), shared(shared), b(op->getLoc(), builder),
      tensors(storage.begin(), storage.end()) {}

SmallVector<int64_t> Lowering::sizesOf(Value tensor) const {
  auto known = shared.sizes.find(tensor);
  if (known != shared.sizes.end())
    return known->second;
  auto type = cast<RankedTensorType>(tensor.getType());
  assert(type.hasStaticShape() && "open sizes are said where a tensor is made");
  return SmallVector<int64_t>(type.getShape());
}

Value Lowering::sized(Value tensor, ArrayRef<int64_t> shape) {
  if (isOpen(shape))
    shared.sizes[tensor] = SmallVector<int64_t>(shape);
  return tensor;
}

/// x / y rounded down; the divisor is at least 1, or taken to be.
static Value quotient(OpBuilder &b, Location loc, Value x, Value y) {
  auto constant = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value).getResult(); };
  y = arith::MaxSIOp::create(b, loc, y, constant(1));
  // Below 0: as far below -1 as the quotient of what is mirrored.
  Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, constant(0));
  Value mirrored = arith::SubIOp::create(b, loc, constant(-1), x);
  Value least = arith::SelectOp::create(b, loc, negative, mirrored, x);
  Value result = arith::DivUIOp::create(b, loc, least, y);
  return arith::SelectOp::create(b, loc, negative, arith::SubIOp::create(b, loc, constant(-1), result), result);
}

Value Lowering::index(OpBuilder &builder, int64_t size) {
  Location loc = b.getLoc();
  if (!isOpen(size))
    return arith::ConstantIndexOp::create(builder, loc, size);
  const Extents &extents = graph->extents;
  const auto &symbols = extents.symbols();
  // What a symbol is made of stands before it: each is made once, though many may be made of it.
  std::vector<Value> values(symbols.size());
  auto valueOf = [&](int64_t part) {
    return isOpen(part) ? affine::expandAffineExpr(builder, loc, extents.expression(part), {}, values)
                        : Value(arith::ConstantIndexOp::create(builder, loc, part));
  };
  for (unsigned i : neededSymbols(size)) {
    const Extents::Symbol &symbol = symbols[i];
    if (auto made = shared.symbols.find(i); made != shared.symbols.end()) {
      values[i] = made->second;
    } else if (symbol.kind == Extents::Kind::Input) {
      // Read at the entry, so that it is there for everything.
      Value argument = shared.inputs[symbol.a];
      OpBuilder first = OpBuilder::atBlockBegin(argument.getParentBlock());
      values[i] = tensor::DimOp::create(first, loc, argument, arith::ConstantIndexOp::create(first, loc, symbol.b));
      shared.symbols[i] = values[i];
    } else {
      assert(symbol.kind != Extents::Kind::Value && "the op that computes a size stands before those that use it");
      Value x = valueOf(symbol.a), y = valueOf(symbol.b);
      if (symbol.kind == Extents::Kind::Least)
        values[i] = arith::MinSIOp::create(builder, loc, x, y);
      else if (symbol.kind == Extents::Kind::Most)
        values[i] = arith::MaxSIOp::create(builder, loc, x, y);
      else
        values[i] = quotient(builder, loc, x, y);
    }
  }
  return valueOf(size);
}

/// The symbols that a size is made of, directly or by others that have no value yet, ascending.
std::set<unsigned> Lowering::neededSymbols(int64_t size) const {
  std::set<unsigned> needed;
  SmallVector<int64_t> open = {size};
  while (!open.empty())
    for (unsigned i : graph->extents.symbolsIn(open.pop_back_val())) {
      const Extents::Symbol &symbol = graph->extents.symbols()[i];
      if (needed.insert(i).second && !shared.symbols.count(i) && symbol.kind != Extents::Kind::Input)
        open.append({symbol.a, symbol.b});
    }
  return needed;
}

OpFoldResult Lowering::folded(int64_t size) {
  return isOpen(size) ? OpFoldResult(index(b, size)) : OpFoldResult(b.getIndexAttr(size));
}
SmallVector<OpFoldResult> Lowering::folded(ArrayRef<int64_t> shape) {
  SmallVector<OpFoldResult> result;
  for (int64_t size : shape)
    result.push_back(folded(size));
  return result;
}

RankedTensorType Lowering::plain(ArrayRef<int64_t> shape, Type storage) const {
  SmallVector<int64_t> sizes(shape);
  for (int64_t &size : sizes)
    if (isOpen(size))
      size = ShapedType::kDynamic;
  return RankedTensorType::get(sizes, storage);
}

void Lowering::define(int64_t size, Value value, bool mayBeOutside) {
  if (size == 0)
    return;
  std::optional<unsigned> symbol = graph->extents.symbolOf(size);
  assert(symbol && "a size that an op computes is a symbol");
  if (mayBeOutside)
    kernel::SetDimOp::create(b, *symbol, value);
  auto [least, most] = graph->extents.bounds(size);
  value = arith::MaxSIOp::create(b, value, arith::ConstantIndexOp::create(b, least));
  shared.symbols[*symbol] = arith::MinSIOp::create(b, value, arith::ConstantIndexOp::create(b, most));
}

LogicalResult Lowering::checkConditions() {
  const std::vector<Extents::Symbol> &symbols = graph->extents.symbols();
  std::function<bool(int64_t)> isThere = [&](int64_t size) {
    AffineExpr expr = graph->extents.expression(size);
    for (unsigned i = 0; i < symbols.size(); ++i)
      if (expr.isFunctionOfSymbol(i) && !shared.symbols.count(i) && symbols[i].kind != Extents::Kind::Input &&
          (symbols[i].kind == Extents::Kind::Value || !isThere(symbols[i].a) || !isThere(symbols[i].b)))
        return false;
    return true;
  };
  for (unsigned i = 0; i < symbols.size(); ++i) {
    if (symbols[i].kind != Extents::Kind::Equal || shared.checked.count(i) || !isThere(symbols[i].a) ||
        !isThere(symbols[i].b))
      continue;
    shared.checked.insert(i);
    if (shared.depth > 0)
      return error() << "needs '" << symbols[i].name << "' to be checked in a branch or loop, which is not supported";
    Value holds = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, index(b, symbols[i].a), index(b, symbols[i].b));
    Value one = arith::ConstantIndexOp::create(b, 1), none = arith::ConstantIndexOp::create(b, 0);
    kernel::SetDimOp::create(b, i, arith::SelectOp::create(b, holds, one, none));
    kernel::RequireOp::create(b, i);
  }
  return success();
}

Value Lowering::empty(ArrayRef<int64_t> shape, Type storage) {
  int64_t elements = graph->extents.product(shape);
  shared.isTooLarge |= !isOpen(elements) && elements > kLargestExtent;
  return sized(tensor::EmptyOp::create(b, folded(shape), storage), shape);
}

Value Lowering::storedNumber(Type element, double number) {
  Type storage = storageElement(element);
  if (isa<FloatType>(storage))
    return arith::ConstantOp::create(b, storage, b.getFloatAttr(storage, number));
  APInt bits(storage.getIntOrFloatBitWidth(), static_cast<uint64_t>(static_cast<int64_t>(number)), false, true);
  return arith::ConstantOp::create(b, storage, IntegerAttr::get(storage, bits));
}

Value Lowering::filled(ArrayRef<int64_t> shape, Type storage, Value scalar) {
  return sized(linalg::FillOp::create(b, ValueRange{scalar}, ValueRange{empty(shape, storage)}).getResult(0), shape);
}
Value Lowering::filled(ArrayRef<int64_t> shape, Type element, double number) {
  return filled(shape, storageElement(element), storedNumber(element, number));
}

Value Lowering::constant(ArrayRef<int64_t> shape, ArrayRef<int64_t> values, unsigned bits) {
  Type element = b.getIntegerType(bits);
  SmallVector<APInt> words;
  for (int64_t value : values)
    words.push_back(APInt(bits, static_cast<uint64_t>(value), false, true));
  return arith::ConstantOp::create(b, DenseElementsAttr::get(RankedTensorType::get(shape, element), words));
}

Value Lowering::elementwise(ArrayRef<Operand> operands, ArrayRef<int64_t> shape, Type element,
                            llvm::function_ref<Value(Body &, ValueRange)> body) {
  MLIRContext *context = b.getContext();
  unsigned rank = shape.size();
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs;
  for (const Operand &operand : operands) {
    SmallVector<int64_t> sizes = sizesOf(operand.tensor);
    // Dimensions of 1 that are spread go away, so that the map is a projection.
    SmallVector<AffineExpr> places;
    SmallVector<int64_t> kept;
    bool spreads = false;
    for (size_t i = 0, offset = rank - sizes.size(); i < sizes.size(); ++i) {
      if (sizes[i] == 1 && shape[offset + i] != 1) {
        spreads = true;
        continue;
      }
      kept.push_back(sizes[i]);
      places.push_back(getAffineDimExpr(offset + i, context));
    }
    inputs.push_back(spreads ? reshape(operand.tensor, kept) : operand.tensor);
    maps.push_back(AffineMap::get(rank, 0, places, context));
  }
  maps.push_back(AffineMap::getMultiDimIdentityMap(rank, context));
  Value out = empty(shape, storageElement(element));
  SmallVector<utils::IteratorType> kinds(rank, utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(b, TypeRange{out.getType()}, inputs, ValueRange{out}, maps, kinds,
                                      [&](OpBuilder &builder, Location where, ValueRange arguments) {
                                        Body inner(where, builder, this);
                                        SmallVector<Value> values;
                                        for (auto [operand, argument] : llvm::zip(operands, arguments))
                                          values.push_back(inner.load(argument, operand.element));
                                        linalg::YieldOp::create(inner, inner.store(body(inner, values), element));
                                      });
  return sized(op.getResult(0), shape);
}

Value Lowering::generate(ArrayRef<int64_t> shape, Type element, llvm::function_ref<Value(Body &, ValueRange)> body) {
  return moved(shape, storageElement(element),
               [&](Body &inner, ValueRange at) { return inner.store(body(inner, at), element); });
}

Value Lowering::moved(ArrayRef<int64_t> shape, Type storage, llvm::function_ref<Value(Body &, ValueRange)> body) {
  Value out = empty(shape, storage);
  unsigned rank = shape.size();
  SmallVector<utils::IteratorType> kinds(rank, utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(b, TypeRange{out.getType()}, ValueRange{}, ValueRange{out},
                                      {AffineMap::getMultiDimIdentityMap(rank, b.getContext())}, kinds,
                                      [&](OpBuilder &builder, Location where, ValueRange) {
                                        Body inner(where, builder, this);
                                        SmallVector<Value> indices;
                                        for (unsigned i = 0; i < rank; ++i)
                                          indices.push_back(linalg::IndexOp::create(inner, i));
                                        linalg::YieldOp::create(inner, body(inner, indices));
                                      });
  return sized(op.getResult(0), shape);
}

Value Lowering::update(Value old, Type element, llvm::function_ref<Value(Body &, ValueRange, Value)> body) {
  auto type = cast<RankedTensorType>(old.getType());
  SmallVector<utils::IteratorType> kinds(type.getRank(), utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(b, TypeRange{type}, ValueRange{}, ValueRange{old},
                                      {AffineMap::getMultiDimIdentityMap(type.getRank(), b.getContext())}, kinds,
                                      [&](OpBuilder &builder, Location where, ValueRange arguments) {
                                        Body inner(where, builder, this);
                                        SmallVector<Value> indices;
                                        for (int64_t i = 0; i < type.getRank(); ++i)
                                          indices.push_back(linalg::IndexOp::create(inner, i));
                                        Value next = body(inner, indices, inner.load(arguments[0], element));
                                        linalg::YieldOp::create(inner, inner.store(next, element));
                                      });
  // Where nothing is read of it, other passes would take another tensor for `old`.
  if (!op.getRegion().front().getArgument(0).use_empty())
    return sized(op.getResult(0), sizesOf(old));
  return sized(bufferization::MaterializeInDestinationOp::create(b, op.getResult(0), old).getResult(), sizesOf(old));
}

Value Lowering::slice(Value from, ArrayRef<int64_t> first, ArrayRef<int64_t> shape, ArrayRef<int64_t> by) {
  Type storage = cast<RankedTensorType>(from.getType()).getElementType();
  if (llvm::is_contained(shape, 0) || llvm::is_contained(sizesOf(from), 0))
    return empty(shape, storage);
  SmallVector<int64_t> zeros(shape.size(), 0), ones(shape.size(), 1);
  return sized(tensor::ExtractSliceOp::create(b, plain(shape, storage), from, folded(first.empty() ? zeros : first),
                                              folded(shape), folded(by.empty() ? ones : by)),
               shape);
}
Value Lowering::insert(Value part, Value whole, ArrayRef<int64_t> first) {
  SmallVector<int64_t> shape = sizesOf(part), zeros(shape.size(), 0), ones(shape.size(), 1);
  if (llvm::is_contained(shape, 0) || llvm::is_contained(sizesOf(whole), 0))
    return whole;
  return sized(
      tensor::InsertSliceOp::create(b, part, whole, folded(first.empty() ? zeros : first), folded(shape), folded(ones)),
      sizesOf(whole));
}

/// Offsets, sizes and strides of one place of the first dimension.
void Lowering::partBounds(Value whole, Value at, SmallVector<OpFoldResult> &offsets, SmallVector<OpFoldResult> &sizes,
                          SmallVector<OpFoldResult> &strides) {
  for (auto [i, size] : llvm::enumerate(sizesOf(whole))) {
    offsets.push_back(i == 0 ? OpFoldResult(at) : OpFoldResult(b.getIndexAttr(0)));
    sizes.push_back(i == 0 ? b.getIndexAttr(1) : folded(size));
    strides.push_back(b.getIndexAttr(1));
  }
}
Value Lowering::setPart(Value whole, Value at, Value part) {
  if (llvm::is_contained(sizesOf(whole), 0))
    return whole;
  SmallVector<OpFoldResult> offsets, sizes, strides;
  partBounds(whole, at, offsets, sizes, strides);
  return sized(tensor::InsertSliceOp::create(b, part, whole, offsets, sizes, strides), sizesOf(whole));
}
Value Lowering::partOf(Value whole, Value at) {
  SmallVector<int64_t> shape(ArrayRef<int64_t>(sizesOf(whole)).drop_front());
  auto type = plain(shape, cast<RankedTensorType>(whole.getType()).getElementType());
  if (llvm::is_contained(sizesOf(whole), 0))
    return empty(shape, type.getElementType());
  SmallVector<OpFoldResult> offsets, sizes, strides;
  partBounds(whole, at, offsets, sizes, strides);
  return sized(tensor::ExtractSliceOp::create(b, type, whole, offsets, sizes, strides), shape);
}

Value Lowering::reduce(Operand operand, ArrayRef<int64_t> axes, Type element, llvm::function_ref<Value(Body &)> init,
                       llvm::function_ref<Value(Body &, Value, Value)> body) {
  MLIRContext *context = b.getContext();
  SmallVector<int64_t> sizes = sizesOf(operand.tensor);
  int64_t rank = sizes.size();
  SmallVector<utils::IteratorType> kinds(rank, utils::IteratorType::parallel);
  for (int64_t axis : axes)
    kinds[axis] = utils::IteratorType::reduction;
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> places;
  for (int64_t i = 0; i < rank; ++i)
    if (kinds[i] == utils::IteratorType::parallel) {
      shape.push_back(sizes[i]);
      places.push_back(getAffineDimExpr(i, context));
    }
  // Accumulators are kept in the compute type; bool as i8, since memory has no single bits.
  Type wide = element.isInteger(1) ? b.getI8Type() : computeElement(element);
  Body outside(b.getLoc(), b, this);
  Value first = init(outside);
  if (element.isInteger(1))
    first = outside.store(first, element);
  Value start = filled(shape, wide, first);
  auto op = linalg::GenericOp::create(
      b, TypeRange{start.getType()}, ValueRange{operand.tensor}, ValueRange{start},
      ArrayRef<AffineMap>{AffineMap::getMultiDimIdentityMap(rank, context), AffineMap::get(rank, 0, places, context)},
      kinds, [&](OpBuilder &builder, Location where, ValueRange arguments) {
        Body inner(where, builder, this);
        Value sum = element.isInteger(1) ? inner.load(arguments[1], element) : arguments[1];
        Value next = body(inner, sum, inner.load(arguments[0], operand.element));
        linalg::YieldOp::create(inner, element.isInteger(1) ? inner.store(next, element) : next);
      });
  Value result = sized(op.getResult(0), shape);
  if (wide == storageElement(element))
    return result;
  return elementwise({{result, wide}}, shape, element, [](Body &, ValueRange values) { return values[0]; });
}

SmallVector<Value> Lowering::inOrder(ArrayRef<int64_t> shape, ValueRange carried, Body::Turns turn) {
  Body outside(b.getLoc(), b, this);
  auto sizedAs = [&](ValueRange values) {
    for (auto [value, like] : llvm::zip(values, carried))
      if (isa<RankedTensorType>(value.getType()))
        sized(value, sizesOf(like));
  };
  SmallVector<Value> last = outside.loops(shape, carried, [&](Body &body, ValueRange at, ValueRange values) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(body.getInsertionBlock(), body.getInsertionPoint());
    sizedAs(values);
    SmallVector<Value> next = turn(body, at, values);
    body.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
    return next;
  });
  sizedAs(last);
  return last;
}

Value Lowering::reshape(Value tensor, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (ArrayRef<int64_t>(sizesOf(tensor)) == shape)
    return tensor;
  auto all = [](int64_t rank) {
    SmallVector<ReassociationIndices> groups;
    if (rank > 0) {
      groups.emplace_back();
      for (int64_t i = 0; i < rank; ++i)
        groups.back().push_back(i);
    }
    return groups;
  };
  Value flat = tensor;
  bool fromOpen = !type.hasStaticShape(), toOpen = isOpen(shape);
  auto flatOf = [&](bool open, int64_t count) {
    return RankedTensorType::get({open ? ShapedType::kDynamic : count}, type.getElementType());
  };
  int64_t count = graph->extents.product(sizesOf(tensor));
  assert((isOpen(count) || toOpen || graph->extents.product(shape) == count) && "inference compares the numbers");
  if (type.getRank() == 0)
    flat = tensor::ExpandShapeOp::create(b, flatOf(false, 1), tensor, ArrayRef<ReassociationIndices>{});
  else if (type.getRank() > 1)
    flat = tensor::CollapseShapeOp::create(b, flatOf(fromOpen, count), tensor, all(type.getRank()));
  if (fromOpen != toOpen) {
    int64_t known = 1;
    for (int64_t size : shape)
      known *= toOpen ? 1 : size;
    flat = tensor::CastOp::create(b, flatOf(toOpen, known), flat);
  }
  RankedTensorType wanted = plain(shape, type.getElementType());
  if (shape.size() == 1)
    return sized(flat, shape);
  if (shape.empty())
    return tensor::CollapseShapeOp::create(b, wanted, flat, ArrayRef<ReassociationIndices>{});
  return sized(tensor::ExpandShapeOp::create(b, wanted, flat, all(shape.size()), folded(shape)), shape);
}

Value Lowering::transpose(Value tensor, ArrayRef<int64_t> order) {
  SmallVector<int64_t> shape;
  bool identity = true;
  for (auto [i, from] : llvm::enumerate(order)) {
    shape.push_back(sizesOf(tensor)[from]);
    identity &= from == static_cast<int64_t>(i);
  }
  if (identity)
    return tensor;
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  return sized(linalg::TransposeOp::create(b, tensor, empty(shape, element), order)->getResult(0), shape);
}

Value Lowering::pad(Value tensor, ArrayRef<int64_t> low, ArrayRef<int64_t> high, Value scalar) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (llvm::all_of(low, [](int64_t n) { return n == 0; }) && llvm::all_of(high, [](int64_t n) { return n == 0; }))
    return tensor;
  SmallVector<int64_t> shape, sizes(sizesOf(tensor));
  for (int64_t i = 0; i < type.getRank(); ++i)
    shape.push_back(graph->extents.add(graph->extents.add(low[i], sizes[i]), high[i]));
  Value around = filled(shape, type.getElementType(), scalar);
  return insert(tensor, around, low);
}

} // namespace llmc::onnx_import
