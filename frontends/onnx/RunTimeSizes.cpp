// RunTimeSizes.cpp - sizes of outputs that inputs' values decide, where those come at run time: Reshape's shape,
// Slice's ends, Range's limit, a reduction's axes.
//
// Inference makes a computed size of each, bounded by what the inputs' sizes allow or by a default; lowering works it
// out. What the file declares is taken instead where it declares all sizes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

using namespace mlir;

namespace llmc::onnx_import {

namespace {

bool isReduction(StringRef type) { return type.starts_with("Reduce"); }

/// No line of integers says more: two for each of the dimensions that a tensor may have.
constexpr int64_t kMostIntegers = 2 * kMaxRank;

/// The number of elements of a line of integers, where it is known and one for sizes.
std::optional<int64_t> lengthOf(const Node &node, unsigned input) {
  if (!node.has(input) || node.rankOf(input) != 1 || node.shapeOf(input)[0] > kMostIntegers)
    return std::nullopt;
  return node.shapeOf(input)[0];
}

/// Where in a list of sizes an axis stands, by the attribute 'axes'.
std::optional<int64_t> placeOfAxis(const Node &node, int64_t axis) {
  std::optional<SmallVector<int64_t>> axes = node.integers("axes");
  if (!axes)
    return axis;
  for (auto [i, value] : llvm::enumerate(*axes))
    if (value == axis || value == axis - node.rankOf(0))
      return i;
  return std::nullopt;
}

/// The sizes of output 0, computed ones among them; nothing where they are not supported.
std::optional<SmallVector<int64_t>> sizesOf(const Node &node) {
  Extents &e = node.extents();
  StringRef type = node.type;
  SmallVector<int64_t> shape;
  auto computed = [&](int64_t dim, int64_t most, int64_t beside = 1) {
    shape.push_back(node.computedSize(0, dim, 0, most, beside));
  };
  if (type == "Range") {
    computed(0, -1);
    return shape;
  }
  if (type == "ConstantOfShape") {
    std::optional<int64_t> rank = lengthOf(node, 0);
    for (int64_t i = 0; rank && i < *rank; ++i)
      computed(i, -1, *rank);
    return rank ? std::optional(shape) : std::nullopt;
  }
  ArrayRef<int64_t> from = node.shapeOf(0);
  int64_t rank = from.size();
  if (type == "Reshape") {
    std::optional<int64_t> count = lengthOf(node, 1);
    if (!count || *count > kMaxRank)
      return std::nullopt;
    for (int64_t i = 0; i < *count; ++i)
      computed(i, e.maximum(e.product(from)));
    // Nothing is read before they make up as many elements as there are.
    return e.agree(e.product(shape), e.product(from)) ? std::optional(shape) : std::nullopt;
  }
  if (type == "Expand") {
    std::optional<int64_t> count = lengthOf(node, 1);
    if (!count || *count > kMaxRank)
      return std::nullopt;
    int64_t wide = std::max<int64_t>(rank, *count);
    for (int64_t i = 0; i < wide; ++i) {
      int64_t own = i - (wide - rank), size = own < 0 ? 1 : from[own];
      if (i < wide - *count || size != 1)
        shape.push_back(size);
      else
        computed(i, -1, wide);
    }
    return shape;
  }
  if (type == "Tile" || type == "Pad") {
    if (!lengthOf(node, 1) || (node.has(3) && !lengthOf(node, 3)))
      return std::nullopt;
    for (int64_t i = 0; i < rank; ++i)
      computed(i, -1, rank);
    return shape;
  }
  if (type == "Slice") {
    std::optional<SmallVector<int64_t>> axes = node.has(3) ? node.knownIntegers(3) : std::nullopt;
    int64_t count = lengthOf(node, 1).value_or(-1);
    if (count < 0 || node.since < 10 || (node.has(3) && !lengthOf(node, 3)))
      return std::nullopt;
    for (int64_t i = 0; i < rank; ++i) {
      bool cut =
          axes ? llvm::any_of(*axes, [&](int64_t a) { return a == i || a == i - rank; }) : node.has(3) || i < count;
      if (cut)
        computed(i, e.maximum(from[i]));
      else
        shape.push_back(from[i]);
    }
    return shape;
  }
  if (type == "CenterCropPad") {
    for (int64_t i = 0; i < rank; ++i)
      if (placeOfAxis(node, i))
        computed(i, -1, rank);
      else
        shape.push_back(from[i]);
    return shape;
  }
  if (isReduction(type)) {
    std::optional<int64_t> count = lengthOf(node, 1);
    if (!count)
      return std::nullopt;
    bool keep = node.integer("keepdims", 1);
    int64_t most = 1;
    for (int64_t size : from)
      most = std::max(most, e.maximum(size));
    // How many axes are folded says how many are left; none named folds all or none.
    int64_t left = keep ? rank : *count > 0 ? rank - *count : node.integer("noop_with_empty_axes", 0) ? rank : 0;
    for (int64_t i = 0; i < left; ++i)
      computed(i, keep ? std::max<int64_t>(1, e.maximum(from[i])) : most);
    return left < 0 ? std::nullopt : std::optional(shape);
  }
  return std::nullopt;
}

Value atLeast(Body &b, Value x, Value y) { return arith::MaxSIOp::create(b, x, y); }
Value atMost(Body &b, Value x, Value y) { return arith::MinSIOp::create(b, x, y); }
Value isEqual(Body &b, Value x, Value y) { return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, x, y); }
Value isNegative(Body &b, Value x) { return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x, b.index(0)); }

/// Element k of a line of integers, kept where sums of a few do not overflow.
Value integerAt(Body &b, const Lowering &node, unsigned input, int64_t k) {
  Value value =
      b.asIndex(b.load(b.extract(node.tensors[input], {b.index(k)}), node.elementOf(input)), node.elementOf(input));
  return atMost(b, atLeast(b, value, b.index(-kLargestExtent)), b.index(kLargestExtent));
}
/// The element of a line that belongs to dimension i, by axes that are known or come at run time.
Value ofAxis(Body &b, const Lowering &node, unsigned input, unsigned axes, int64_t i, Value otherwise,
             int64_t offset = 0) {
  int64_t rank = node.rankOf(0), count = node.has(axes) ? node.shapeOf(axes)[0] : rank;
  if (!node.has(axes)) {
    int64_t length = node.shapeOf(input)[0] - offset;
    return i < length ? integerAt(b, node, input, offset + i) : otherwise;
  }
  Value result = otherwise;
  for (int64_t k = 0; k < count; ++k) {
    Value axis = integerAt(b, node, axes, k);
    axis = b.select(isNegative(b, axis), b.add(axis, b.index(rank)), axis);
    result = b.select(isEqual(b, axis, b.index(i)), integerAt(b, node, input, offset + k), result);
  }
  return result;
}

/// How many places a slice of `size` places has.
Value sliceCount(Body &b, const Lowering &node, int64_t i) {
  Value size = b.index(node.shapeOf(0)[i]), zero = b.index(0), one = b.index(1), minus = b.index(-1);
  Value step = node.has(4) ? ofAxis(b, node, 4, 3, i, one) : one;
  Value start = ofAxis(b, node, 1, 3, i, zero), end = ofAxis(b, node, 2, 3, i, size), last = b.sub(size, one);
  auto fromEnd = [&](Value x) { return b.select(isNegative(b, x), b.add(x, size), x); };
  Value first = fromEnd(start), behind = fromEnd(end);
  auto between = [&](Value x, Value low, Value high) { return atMost(b, atLeast(b, x, low), high); };
  auto places = [&](Value span, Value by) {
    by = atLeast(b, by, one);
    return arith::DivUIOp::create(b, b.add(atLeast(b, span, zero), b.sub(by, one)), by).getResult();
  };
  Value forward = places(b.sub(between(behind, zero, size), between(first, zero, size)), step);
  Value back = places(b.sub(between(first, minus, last), between(behind, minus, last)), b.sub(zero, step));
  return b.select(isNegative(b, step), back, forward);
}

/// Places between start and limit, rounded up.
Value rangeCount(Body &b, Lowering &node) {
  Type element = node.elementOf(0), i64 = b.getI64Type();
  auto read = [&](unsigned input) { return b.load(b.extract(node.reshape(node.tensors[input], {}), {}), element); };
  Value start = read(0), limit = read(1), delta = read(2);
  if (isa<FloatType>(start.getType())) {
    Value count = math::CeilOp::create(b, b.div(b.sub(limit, start), delta, element));
    return arith::IndexCastOp::create(b, b.getIndexType(),
                                      b.convert(count, element.isF64() ? element : b.getF32Type(), i64));
  }
  Value span = b.sub(b.convert(limit, element, i64), b.convert(start, element, i64));
  Value by = b.convert(delta, element, i64), zero = b.integer(i64, 0), one = b.integer(i64, 1);
  Value down = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, by, zero);
  span = b.select(down, b.sub(zero, span), span);
  by = arith::MaxSIOp::create(b, b.select(down, b.sub(zero, by), by), one);
  span = arith::MaxSIOp::create(b, span, zero);
  Value count = arith::DivUIOp::create(b, b.add(span, b.sub(by, one)), by);
  return arith::IndexCastOp::create(b, b.getIndexType(), count);
}

/// Size i of a reshape: what is asked for, the input's own for 0, what is left for -1.
Value reshapeSize(Body &b, const Lowering &node, int64_t i) {
  Value zero = b.index(0), one = b.index(1);
  auto asked = [&](int64_t k) {
    Value size = integerAt(b, node, 1, k);
    if (!node.integer("allowzero", 0) && k < node.rankOf(0))
      size = b.select(isEqual(b, size, zero), b.index(node.shapeOf(0)[k]), size);
    return size;
  };
  Value others = one;
  for (int64_t k = 0; k < node.shapeOf(1)[0]; ++k)
    if (k != i)
      others = b.mul(others, b.select(isNegative(b, asked(k)), one, asked(k)));
  Value total = b.index(node.extents().product(node.shapeOf(0)));
  Value left = arith::DivUIOp::create(b, total, atLeast(b, others, one));
  Value own = asked(i);
  return b.select(isNegative(b, own), left, own);
}

/// Size i of a reduction's result.
Value reducedSize(Body &b, const Lowering &node, int64_t i) {
  int64_t rank = node.rankOf(0), named = node.shapeOf(1)[0];
  SmallVector<Value> folded(rank, b.integer(b.getI1Type(), named == 0 && !node.integer("noop_with_empty_axes", 0)));
  for (int64_t k = 0; k < named; ++k) {
    Value axis = integerAt(b, node, 1, k);
    axis = b.select(isNegative(b, axis), b.add(axis, b.index(rank)), axis);
    for (int64_t d = 0; d < rank; ++d)
      folded[d] = arith::OrIOp::create(b, folded[d], isEqual(b, axis, b.index(d)));
  }
  if (node.integer("keepdims", 1))
    return b.select(folded[i], b.index(1), b.index(node.shapeOf(0)[i]));
  // The i-th of those that stay.
  Value result = b.index(1), next = b.index(0);
  for (int64_t d = 0; d < rank; ++d) {
    Value here = arith::AndIOp::create(b, isEqual(b, next, b.index(i)),
                                       arith::XOrIOp::create(b, folded[d], b.integer(b.getI1Type(), 1)));
    result = b.select(here, b.index(node.shapeOf(0)[d]), result);
    next = b.select(folded[d], next, b.add(next, b.index(1)));
  }
  return result;
}

} // namespace

LogicalResult runTimeSizes(const Node &node, SmallVectorImpl<Type> &types, StringRef what, int64_t rank) {
  for (unsigned i = node.type == "ConstantOfShape" ? 0 : 1; i < node.inputs.size(); ++i)
    if (node.has(i) && node.rankOf(i) == 1 && node.shapeOf(i)[0] > kMostIntegers)
      return node.error() << "input " << i << " is " << node.extents().text(node.typeOf(i)) << " (expected at most "
                          << kMostIntegers << " integers)";
  Type element =
      node.type == "ConstantOfShape" ? Type(Float32Type::get(node.settings.getContext())) : node.elementOf(0);
  if (auto value = dyn_cast_or_null<DenseElementsAttr>(node.settings.get("value"));
      value && node.type == "ConstantOfShape")
    element = value.getElementType();
  if (node.declared.size() == 1 && node.declared[0])
    return declaredOr(node, types, element, what, rank);
  std::optional<SmallVector<int64_t>> shape = node.takesOpen ? sizesOf(node) : std::nullopt;
  if (!shape)
    return declaredOr(node, types, element, what, rank);
  types.push_back(RankedTensorType::get(*shape, element));
  return success();
}

LogicalResult defineRunTimeSizes(Lowering &node) {
  StringRef type = node.type;
  SmallVector<int64_t> shape(node.resultType().getShape());
  int64_t rank = shape.size();
  for (int64_t i = 0; i < rank; ++i) {
    std::optional<unsigned> symbol = node.extents().symbolOf(shape[i]);
    if (!symbol || node.extents().symbols()[*symbol].kind != Extents::Kind::Value || node.shared.symbols.count(*symbol))
      continue;
    Type i64 = node.b.getI64Type();
    // A tensor of its own: nobody writes there after it was read.
    Value made = node.generate({}, i64, [&](Body &b, ValueRange) -> Value {
      Value size;
      if (type == "Range")
        size = rangeCount(b, node);
      else if (type == "ConstantOfShape")
        size = integerAt(b, node, 0, i);
      else if (type == "Reshape")
        size = reshapeSize(b, node, i);
      else if (type == "Expand")
        size = integerAt(b, node, 1, i - (rank - node.shapeOf(1)[0]));
      else if (type == "Tile")
        size = b.mul(b.index(node.shapeOf(0)[i]), integerAt(b, node, 1, i));
      else if (type == "Pad") {
        int64_t half = node.shapeOf(1)[0] / 2;
        size = b.add(b.index(node.shapeOf(0)[i]), ofAxis(b, node, 1, 3, i, b.index(0)));
        size = b.add(size, ofAxis(b, node, 1, 3, i, b.index(0), half));
      } else if (type == "CenterCropPad")
        size = integerAt(b, node, 1, *placeOfAxis(node, i));
      else if (type == "Slice")
        size = sliceCount(b, node, i);
      else if (isReduction(type))
        size = reducedSize(b, node, i);
      else
        llvm_unreachable("inference makes computed sizes of these alone");
      return arith::IndexCastOp::create(b, i64, size);
    });
    Body outside(node.b.getLoc(), node.b, &node);
    Value index = arith::IndexCastOp::create(outside, outside.getIndexType(), outside.extract(made, {}));
    node.define(shape[i], index, /*mayBeOutside=*/true);
  }
  return node.checkConditions();
}

} // namespace llmc::onnx_import
