// Shapes.cpp - the same elements in another shape or order: reshapes, transposes, joins, repeats; and what makes
// elements of a shape alone. Slices and padding are in Slices.cpp.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

LogicalResult inferReshape(const Node &node, SmallVectorImpl<Type> &types) {
  std::optional<SmallVector<int64_t>> wanted = node.knownIntegers(1);
  ArrayRef<int64_t> from = node.shapeOf(0);
  Extents &e = node.extents();
  if (!wanted && !node.declared[0] && e.maximum(e.product(from)) == 0)
    return node.error() << "reshapes no elements to a shape that is known only at run time, which is not supported";
  if (!wanted)
    return runTimeSizes(node, types, "input 1 (the shape)");
  int64_t total = e.product(from), known = 1, open = -1;
  if (wanted->size() > kMaxRank)
    return node.error() << "reshapes to rank " << wanted->size() << " (expected at most " << kMaxRank << ")";
  for (auto [i, size] : llvm::enumerate(*wanted)) {
    if (size == 0 && !node.integer("allowzero", 0)) {
      if (i >= from.size())
        return node.error() << "keeps dimension " << i << " of an input of rank " << from.size();
      size = from[i];
    }
    if (size == -1) {
      if (open >= 0)
        return node.error() << "leaves two dimensions of the shape open";
      open = i;
    } else if (e.minimum(size) < 0 || size > (isOpen(size) ? size : kLargestExtent)) {
      return node.error() << "reshapes to a dimension of " << e.text(size);
    } else {
      known = e.mul(known, size);
    }
  }
  if (open >= 0)
    (*wanted)[open] = known ? e.exact(total, known).value_or(0) : 0;
  // What is not the same in every case may be in those that happen: lowering checks it while running.
  int64_t made = e.product(*wanted);
  if (made != total && (open >= 0 || !e.agree(made, total)))
    return node.error() << "reshapes " << e.text(total) << " elements to " << e.text(made);
  types.push_back(ofShape(node, *wanted));
  return success();
}

/// To the result's shape; the file may declare one of another size.
LogicalResult lowerReshape(Lowering &node, SmallVectorImpl<Value> &results) {
  if (failed(defineRunTimeSizes(node)))
    return failure();
  Extents &e = node.extents();
  if (!e.agree(e.product(node.resultType().getShape()), e.product(node.shapeOf(0))))
    return node.error() << "reshapes " << e.text(node.typeOf(0)) << " to the declared " << e.text(node.resultType());
  results.push_back(node.reshape(node.tensors[0], node.resultType().getShape()));
  return success();
}

LogicalResult inferFlatten(const Node &node, SmallVectorImpl<Type> &types) {
  int64_t rank = node.rankOf(0), at = node.integer("axis", 1);
  if (at < -rank || at > rank)
    return node.error() << "axis " << at << " is outside of rank " << rank;
  at = at < 0 ? at + rank : at;
  int64_t rows = 1, columns = 1;
  for (auto [i, size] : llvm::enumerate(node.shapeOf(0)))
    (static_cast<int64_t>(i) < at ? rows : columns) =
        node.extents().mul(static_cast<int64_t>(i) < at ? rows : columns, size);
  types.push_back(ofShape(node, {rows, columns}));
  return success();
}

LogicalResult inferSqueeze(const Node &node, SmallVectorImpl<Type> &types) {
  std::optional<SmallVector<int64_t>> axes = node.integers("axes");
  if (!axes && node.has(1) && !(axes = node.knownIntegers(1)))
    return declaredOr(node, types, node.elementOf(0), "input 1 (the axes)");
  ArrayRef<int64_t> from = node.shapeOf(0);
  SmallVector<bool> gone(from.size(), false);
  for (size_t i = 0; !axes && i < from.size(); ++i)
    gone[i] = from[i] == 1;
  for (int64_t value : axes.value_or(SmallVector<int64_t>())) {
    FailureOr<int64_t> axis = node.axis(value, from.size());
    if (failed(axis))
      return failure();
    if (!node.extents().agree(from[*axis], 1))
      return node.error() << "squeezes dimension " << *axis << " of size " << node.extents().text(from[*axis]);
    gone[*axis] = true;
  }
  SmallVector<int64_t> shape;
  for (size_t i = 0; i < from.size(); ++i)
    if (!gone[i])
      shape.push_back(from[i]);
  // What lowering asks again, which finds no new conditions.
  (void)node.extents().agree(node.extents().product(shape), node.extents().product(from));
  types.push_back(ofShape(node, shape));
  return success();
}

LogicalResult inferUnsqueeze(const Node &node, SmallVectorImpl<Type> &types) {
  std::optional<SmallVector<int64_t>> axes = node.integers("axes");
  if (!axes && !(axes = node.knownIntegers(1)))
    return declaredOr(node, types, node.elementOf(0), "input 1 (the axes)");
  int64_t rank = node.rankOf(0) + axes->size();
  if (rank > kMaxRank)
    return node.error() << "gives rank " << rank << " (expected at most " << kMaxRank << ")";
  SmallVector<int64_t> shape(rank, 0);
  for (int64_t value : *axes) {
    FailureOr<int64_t> axis = node.axis(value, rank);
    if (failed(axis))
      return failure();
    if (shape[*axis] == 1)
      return node.error() << "names axis " << *axis << " twice";
    shape[*axis] = 1;
  }
  size_t next = 0;
  for (int64_t &size : shape)
    if (size == 0)
      size = node.shapeOf(0)[next++];
  types.push_back(ofShape(node, shape));
  return success();
}

LogicalResult transposeOrder(const Node &node, SmallVector<int64_t> &order) {
  int64_t rank = node.rankOf(0);
  std::optional<SmallVector<int64_t>> given = node.integers("perm");
  order.clear();
  if (!given) {
    for (int64_t i = rank - 1; i >= 0; --i)
      order.push_back(i);
    return success();
  }
  order = *given;
  SmallVector<int64_t> sorted = order;
  llvm::sort(sorted);
  for (int64_t i = 0; i < rank || i < static_cast<int64_t>(sorted.size()); ++i)
    if (i >= static_cast<int64_t>(sorted.size()) || i >= rank || sorted[i] != i)
      return node.error() << "attribute 'perm' is no order of " << rank << " dimensions";
  return success();
}
LogicalResult inferTranspose(const Node &node, SmallVectorImpl<Type> &types) {
  SmallVector<int64_t> order, shape;
  if (failed(transposeOrder(node, order)))
    return failure();
  for (int64_t from : order)
    shape.push_back(node.shapeOf(0)[from]);
  types.push_back(ofShape(node, shape));
  return success();
}
LogicalResult lowerTranspose(Lowering &node, SmallVectorImpl<Value> &results) {
  SmallVector<int64_t> order;
  if (failed(transposeOrder(node, order)))
    return failure();
  results.push_back(node.transpose(node.tensors[0], order));
  return success();
}

LogicalResult inferConcat(const Node &node, SmallVectorImpl<Type> &types) {
  FailureOr<int64_t> axis = node.axis(node.integer("axis", 0), node.rankOf(0));
  if (failed(axis))
    return failure();
  SmallVector<int64_t> shape(node.shapeOf(0));
  for (unsigned i = 1; i < node.inputs.size(); ++i) {
    ArrayRef<int64_t> other = node.shapeOf(i);
    bool fits = other.size() == shape.size();
    for (size_t d = 0; fits && d < shape.size(); ++d)
      fits = static_cast<int64_t>(d) == *axis || node.extents().agree(other[d], shape[d]);
    if (!fits)
      return node.error() << "input " << i << " is " << node.extents().text(node.typeOf(i)) << ", which does not join "
                          << node.extents().text(node.typeOf(0)) << " along axis " << *axis;
    shape[*axis] = node.extents().add(shape[*axis], other[*axis]);
  }
  types.push_back(ofShape(node, shape));
  return success();
}

/// Inserts a part at an offset along one axis.
Value insertAlong(Lowering &node, Value part, Value whole, int64_t axis, int64_t at) {
  SmallVector<int64_t> first(node.sizesOf(part).size(), 0);
  first[axis] = at;
  return node.insert(part, whole, first);
}

LogicalResult lowerConcat(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t axis = *node.axis(node.integer("axis", 0), node.rankOf(0)), at = 0;
  Value whole = node.empty(node.resultType().getShape(), storageElement(node.resultElement()));
  for (unsigned i = 0; i < node.inputs.size(); ++i) {
    if (node.shapeOf(i)[axis] == 0)
      continue;
    whole = insertAlong(node, node.tensors[i], whole, axis, at);
    at = node.extents().add(at, node.shapeOf(i)[axis]);
  }
  results.push_back(whole);
  return success();
}

LogicalResult splitSizes(const Node &node, int64_t &axis, SmallVector<int64_t> &sizes) {
  FailureOr<int64_t> found = node.axis(node.integer("axis", 0), node.rankOf(0));
  if (failed(found))
    return failure();
  axis = *found;
  int64_t size = node.shapeOf(0)[axis], count = node.numOutputs, sum = 0;
  std::optional<SmallVector<int64_t>> given = node.integers("split");
  if (!given && node.has(1) && !(given = node.knownIntegers(1))) {
    given.emplace();
    for (RankedTensorType type : node.declared)
      if (type && axis < type.getRank())
        given->push_back(type.getDimSize(axis));
    if (static_cast<int64_t>(given->size()) != count)
      return node.error() << "input 1 (the sizes) is not known while compiling, and the file does not declare them";
  }
  if (given) {
    sizes = *given;
  } else {
    Extents &e = node.extents();
    int64_t each = e.div(e.add(size, count - 1), count);
    for (int64_t i = 0; i < count; ++i)
      sizes.push_back(e.most(0, e.least(each, e.sub(size, e.mul(i, each)))));
  }
  for (int64_t part : sizes) {
    if (node.extents().minimum(part) < 0)
      return node.error() << "splits off " << part << " places";
    sum = node.extents().add(sum, part);
  }
  // Of a size that is cut into equal parts the last has the rest.
  if (static_cast<int64_t>(sizes.size()) != count || (given && sum != size))
    return node.error() << "splits " << node.extents().text(size) << " places into " << sizes.size() << " parts of "
                        << node.extents().text(sum) << " (expected " << count << " parts)";
  return success();
}
LogicalResult inferSplit(const Node &node, SmallVectorImpl<Type> &types) {
  int64_t axis;
  SmallVector<int64_t> sizes;
  if (failed(splitSizes(node, axis, sizes)))
    return failure();
  for (int64_t size : sizes) {
    SmallVector<int64_t> shape(node.shapeOf(0));
    shape[axis] = size;
    types.push_back(ofShape(node, shape));
  }
  return success();
}
LogicalResult lowerSplit(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t axis = *node.axis(node.integer("axis", 0), node.rankOf(0)), at = 0, rank = node.rankOf(0);
  for (unsigned i = 0; i < node.numOutputs; ++i) {
    ArrayRef<int64_t> shape = node.resultType(i).getShape();
    SmallVector<int64_t> first(rank, 0);
    first[axis] = at;
    at = node.extents().add(at, shape[axis]);
    results.push_back(node.slice(node.tensors[0], first, shape));
  }
  return success();
}

LogicalResult inferExpand(const Node &node, SmallVectorImpl<Type> &types) {
  std::optional<SmallVector<int64_t>> wanted = node.knownIntegers(1);
  if (!wanted) {
    if (failed(runTimeSizes(node, types, "input 1 (the shape)")))
      return failure();
    // What the file declares has room for the input.
    int64_t rank = cast<RankedTensorType>(types[0]).getRank();
    if (rank < node.rankOf(0))
      return node.error() << "an output is declared of rank " << rank << " (expected at least " << node.rankOf(0)
                          << ", the input's)";
    ArrayRef<int64_t> given = node.shapeOf(0),
                      declared = cast<RankedTensorType>(types[0]).getShape().take_back(given.size());
    for (auto [from, to] : llvm::zip(given, declared))
      if (to == 1 && !isOpen(from) && from != 1)
        return node.error() << "an output is declared with a dimension of 1 where the input has " << from;
    return success();
  }
  for (int64_t size : *wanted)
    if (node.extents().minimum(size) < 0)
      return node.error() << "expands to a dimension of " << node.extents().text(size);
  FailureOr<SmallVector<int64_t>> shape = broadcastShape(node, {node.shapeOf(0), *wanted});
  if (failed(shape))
    return failure();
  types.push_back(ofShape(node, *shape));
  return success();
}
LogicalResult lowerExpand(Lowering &node, SmallVectorImpl<Value> &results) {
  if (failed(defineRunTimeSizes(node)) || failed(broadcastShape(node, {node.shapeOf(0), node.resultType().getShape()})))
    return failure();
  results.push_back(node.elementwise({node.input(0)}, node.resultType().getShape(), node.resultElement(),
                                     [](Body &, ValueRange x) { return x[0]; }));
  return success();
}

LogicalResult inferTile(const Node &node, SmallVectorImpl<Type> &types) {
  std::optional<SmallVector<int64_t>> repeats = node.knownIntegers(1);
  if (!repeats)
    return runTimeSizes(node, types, "input 1 (the repeats)", node.rankOf(0));
  SmallVector<int64_t> shape(node.shapeOf(0));
  if (repeats->size() != shape.size())
    return node.error() << "repeats " << repeats->size() << " dimensions of " << shape.size();
  for (auto [size, count] : llvm::zip(shape, *repeats))
    if (node.extents().minimum(count) < 0 || count > (isOpen(count) ? count : kLargestExtent))
      return node.error() << "repeats a dimension " << node.extents().text(count) << " times";
    else
      size = node.extents().mul(size, count);
  types.push_back(ofShape(node, shape));
  return success();
}
LogicalResult lowerTile(Lowering &node, SmallVectorImpl<Value> &results) {
  if (failed(defineRunTimeSizes(node)))
    return failure();
  Value from = node.tensors[0];
  Type element = node.resultElement();
  results.push_back(node.generate(node.resultType().getShape(), element, [&](Body &b, ValueRange at) -> Value {
    SmallVector<Value> places;
    for (auto [i, size] : llvm::enumerate(node.shapeOf(0)))
      places.push_back(arith::RemUIOp::create(b, at[i], b.index(node.extents().most(1, size))));
    return b.load(b.extract(from, places), element);
  }));
  return success();
}

LogicalResult inferConstantOfShape(const Node &node, SmallVectorImpl<Type> &types) {
  auto value = dyn_cast_or_null<DenseElementsAttr>(node.settings.get("value"));
  Type element = value ? value.getElementType() : Float32Type::get(node.settings.getContext());
  std::optional<SmallVector<int64_t>> shape = node.knownIntegers(0);
  if (!shape)
    return runTimeSizes(node, types, "input 0 (the shape)");
  for (int64_t size : *shape)
    if (node.extents().minimum(size) < 0)
      return node.error() << "has a dimension of " << node.extents().text(size);
  types.push_back(RankedTensorType::get(*shape, element));
  return success();
}
LogicalResult lowerConstantOfShape(Lowering &node, SmallVectorImpl<Value> &results) {
  if (failed(defineRunTimeSizes(node)))
    return failure();
  auto value = dyn_cast_or_null<DenseElementsAttr>(node.settings.get("value"));
  Type element = node.resultElement(), storage = storageElement(element);
  Value scalar;
  if (!value) {
    scalar = node.storedNumber(element, 0);
  } else if (value.getNumElements() != 1) {
    return node.error() << "attribute 'value' has " << value.getNumElements() << " elements (expected 1)";
  } else if (isa<FloatType>(element)) {
    scalar = arith::ConstantOp::create(node.b, FloatAttr::get(storage, *value.value_begin<APFloat>()));
  } else {
    APInt bits = *value.value_begin<APInt>();
    scalar =
        arith::ConstantOp::create(node.b, IntegerAttr::get(storage, bits.zextOrTrunc(storage.getIntOrFloatBitWidth())));
  }
  results.push_back(node.filled(node.resultType().getShape(), storage, scalar));
  return success();
}

/// How many places there are where start or limit are open sizes and the delta is known.
std::optional<int64_t> openCount(const Node &node) {
  auto start = node.knownIntegers(0), limit = node.knownIntegers(1), delta = node.knownIntegers(2);
  if (!start || !limit || !delta || start->size() != 1 || limit->size() != 1 || delta->size() != 1)
    return std::nullopt;
  int64_t from = (*start)[0], to = (*limit)[0], step = (*delta)[0];
  if ((!isOpen(from) && !isOpen(to)) || isOpen(step) || step == 0 || std::abs(step) > kLargestExtent)
    return std::nullopt;
  Extents &e = node.extents();
  int64_t span = step > 0 ? e.sub(to, from) : e.sub(from, to);
  return e.most(0, e.div(e.add(span, std::abs(step) - 1), std::abs(step)));
}

LogicalResult inferRange(const Node &node, SmallVectorImpl<Type> &types) {
  if (std::optional<int64_t> count = openCount(node)) {
    types.push_back(ofShape(node, {*count}));
    return success();
  }
  auto start = node.knownReals(0), limit = node.knownReals(1), delta = node.knownReals(2);
  if (!start || !limit || !delta)
    return runTimeSizes(node, types, "the start, limit or delta", 1);
  if (start->size() != 1 || limit->size() != 1 || delta->size() != 1 || (*delta)[0] == 0)
    return node.error() << "needs a start, a limit and a delta other than 0";
  double count = std::ceil(((*limit)[0] - (*start)[0]) / (*delta)[0]);
  if (!(count < 1e12))
    return node.error() << "has too many places";
  types.push_back(ofShape(node, {std::max<int64_t>(0, static_cast<int64_t>(count))}));
  return success();
}
LogicalResult lowerRange(Lowering &node, SmallVectorImpl<Value> &results) {
  if (failed(defineRunTimeSizes(node)))
    return failure();
  Type element = node.resultElement();
  Value start = node.reshape(node.tensors[0], {}), delta = node.reshape(node.tensors[2], {});
  results.push_back(node.generate(node.resultType().getShape(), element, [&](Body &b, ValueRange at) -> Value {
    Value i = arith::IndexCastOp::create(b, b.getI64Type(), at[0]);
    Value step = b.convert(i, b.getI64Type(), element);
    return b.add(b.load(b.extract(start, {}), element), b.mul(step, b.load(b.extract(delta, {}), element)));
  }));
  return success();
}

LogicalResult inferShape(const Node &node, SmallVectorImpl<Type> &types) {
  Type i64 = IntegerType::get(node.typeOf(0).getContext(), 64);
  int64_t rank = node.rankOf(0), start = node.integer("start", 0), end = node.integer("end", rank);
  start = std::clamp<int64_t>(start < 0 ? start + rank : start, 0, rank);
  end = std::clamp<int64_t>(end < 0 ? end + rank : end, 0, rank);
  types.push_back(RankedTensorType::get({std::max<int64_t>(0, end - start)}, i64));
  return success();
}
/// The sizes of a type as a line of integers: what expansions hand to Reshape and its kin. Folding knows the numbers.
LogicalResult inferSizes(const Node &node, SmallVectorImpl<Type> &types) {
  auto type = dyn_cast_or_null<TypeAttr>(node.settings.get("type"));
  if (!type || !isa<RankedTensorType>(type.getValue()))
    return node.error() << "names no type";
  int64_t count = cast<RankedTensorType>(type.getValue()).getRank();
  types.push_back(RankedTensorType::get({count}, IntegerType::get(node.settings.getContext(), 64)));
  return success();
}
LogicalResult inferSize(const Node &node, SmallVectorImpl<Type> &types) {
  types.push_back(RankedTensorType::get({}, IntegerType::get(node.typeOf(0).getContext(), 64)));
  return success();
}
/// Always folded.
LogicalResult lowerFolded(Lowering &node, SmallVectorImpl<Value> &) { return node.error() << "was not folded"; }

LogicalResult inferDepthToSpace(const Node &node, SmallVectorImpl<Type> &types) {
  int64_t block = node.integer("blocksize", 0);
  ArrayRef<int64_t> s = node.shapeOf(0);
  bool toSpace = node.type == "DepthToSpace";
  Extents &e = node.extents();
  auto whole = [&](int64_t size, int64_t parts) { return e.agree(e.mul(e.div(size, parts), parts), size); };
  if (s.size() != 4 || block < 1 || block > (1 << 20) ||
      !(toSpace ? whole(s[1], e.mul(block, block)) : whole(s[2], block) && whole(s[3], block)))
    return node.error() << "cannot move blocks of " << block << " in " << e.text(node.typeOf(0));
  int64_t all = e.mul(block, block);
  if (toSpace)
    types.push_back(ofShape(node, {s[0], e.div(s[1], all), e.mul(s[2], block), e.mul(s[3], block)}));
  else
    types.push_back(ofShape(node, {s[0], e.mul(s[1], all), e.div(s[2], block), e.div(s[3], block)}));
  return success();
}
LogicalResult lowerDepthToSpace(Lowering &node, SmallVectorImpl<Value> &results) {
  int64_t block = node.integer("blocksize", 0);
  ArrayRef<int64_t> s = node.shapeOf(0);
  Value x = node.tensors[0];
  Extents &e = node.extents();
  int64_t channels = node.resultType().getShape()[1];
  if (node.type == "SpaceToDepth") {
    x = node.reshape(x, {s[0], s[1], e.div(s[2], block), block, e.div(s[3], block), block});
    x = node.transpose(x, {0, 3, 5, 1, 2, 4});
  } else if (node.text("mode", "DCR") == "DCR") {
    x = node.reshape(x, {s[0], block, block, channels, s[2], s[3]});
    x = node.transpose(x, {0, 3, 4, 1, 5, 2});
  } else {
    x = node.reshape(x, {s[0], channels, block, block, s[2], s[3]});
    x = node.transpose(x, {0, 1, 4, 2, 5, 3});
  }
  results.push_back(node.reshape(x, node.resultType().getShape()));
  return success();
}

LogicalResult inferEyeLike(const Node &node, SmallVectorImpl<Type> &types) {
  Type element = node.hasAttribute("dtype") ? elementFromNumber(node.settings.getContext(), node.integer("dtype", 1))
                                            : node.elementOf(0);
  if (!element || node.rankOf(0) != 2)
    return node.error() << "makes a matrix of a supported type (found " << node.typeOf(0) << ")";
  types.push_back(RankedTensorType::get(node.shapeOf(0), element));
  return success();
}
LogicalResult lowerEyeLike(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.resultElement(), compute = computeElement(element);
  int64_t k = node.integer("k", 0);
  results.push_back(node.generate(node.resultType().getShape(), element, [&](Body &b, ValueRange at) -> Value {
    Value on = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, b.add(at[0], b.index(k)), at[1]);
    return b.convert(on, b.getI1Type(), isa<FloatType>(compute) ? Type(compute) : element);
  }));
  return success();
}

LogicalResult lowerTrilu(Lowering &node, SmallVectorImpl<Value> &results) {
  bool upper = node.integer("upper", 1);
  Type element = node.resultElement(), compute = computeElement(element);
  int64_t rank = node.rankOf(0);
  if (rank < 2)
    return node.error() << "needs at least rank 2 (found " << node.typeOf(0) << ")";
  Value from = node.tensors[0], shift;
  if (node.has(1))
    shift = node.reshape(node.tensors[1], {});
  results.push_back(node.generate(node.shapeOf(0), element, [&](Body &b, ValueRange at) -> Value {
    Value k = shift ? b.asIndex(b.extract(shift, {}), node.elementOf(1)) : b.index(0);
    Value diagonal = b.add(at[rank - 2], k);
    Value keep =
        arith::CmpIOp::create(b, upper ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle, at[rank - 1], diagonal);
    Value zero = isa<FloatType>(compute) ? b.number(compute, 0) : b.integer(compute, 0);
    return b.select(keep, b.load(b.extract(from, at), element), zero);
  }));
  return success();
}

} // namespace

void addShapes(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"Reshape", 5, inferReshape, lowerReshape, true});
  rows.push_back({"Flatten", 1, inferFlatten, lowerReshape, true});
  rows.push_back({"Squeeze", 1, inferSqueeze, lowerReshape, true});
  rows.push_back({"Unsqueeze", 1, inferUnsqueeze, lowerReshape, true});
  rows.push_back({"Transpose", 1, inferTranspose, lowerTranspose, true});
  rows.push_back({"Concat", 4, inferConcat, lowerConcat, true});
  rows.push_back({"Split", 2, inferSplit, lowerSplit, true});
  rows.push_back({"Expand", 8, inferExpand, lowerExpand, true});
  rows.push_back({"Tile", 6, inferTile, lowerTile, true});
  rows.push_back({"ConstantOfShape", 9, inferConstantOfShape, lowerConstantOfShape, true});
  rows.push_back({"Range", 11, inferRange, lowerRange, true});
  rows.push_back({"Shape", 1, inferShape, lowerFolded, true});
  rows.push_back({"Size", 1, inferSize, lowerFolded, true});
  rows.push_back({"llmc.Sizes", 1, inferSizes, lowerFolded, true});
  rows.push_back({"DepthToSpace", 1, inferDepthToSpace, lowerDepthToSpace, true});
  rows.push_back({"SpaceToDepth", 1, inferDepthToSpace, lowerDepthToSpace, true});
  rows.push_back({"EyeLike", 9, inferEyeLike, lowerEyeLike, true});
  rows.push_back({"Trilu", 14, inferSame, lowerTrilu, true});
}

} // namespace llmc::onnx_import
