// Slices.cpp - parts of a tensor, and a tensor as part of a larger one: slices and padding.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace llmc::onnx_import {

namespace {

/// Starts, ends, axes and steps, as far as they are known.
struct SliceFacts {
  std::optional<SmallVector<int64_t>> starts, ends, axes, steps;
};
SliceFacts sliceFacts(const Node &node) {
  SliceFacts facts;
  if (node.since < 10) {
    facts.starts = node.integers("starts");
    facts.ends = node.integers("ends");
    facts.axes = node.integers("axes");
  } else {
    facts.starts = node.knownIntegers(1);
    facts.ends = node.knownIntegers(2);
    facts.axes = node.knownIntegers(3);
    facts.steps = node.knownIntegers(4);
  }
  size_t count = facts.starts ? facts.starts->size() : 0;
  // What comes at run time has as many as its type says; no more than there are dimensions.
  if (!facts.starts && node.since >= 10 && node.has(1) && node.rankOf(1) == 1 && node.shapeOf(1)[0] <= node.rankOf(0))
    count = node.shapeOf(1)[0];
  if (!facts.axes && !(node.since >= 10 && node.has(3))) {
    facts.axes.emplace();
    for (size_t i = 0; i < count; ++i)
      facts.axes->push_back(i);
  }
  if (!facts.steps && !(node.since >= 10 && node.has(4)))
    facts.steps.emplace(count, 1);
  return facts;
}
/// The first place of a slice, and how many it has; nothing where that hangs on what an open size is.
std::optional<std::pair<int64_t, int64_t>> openRange(Extents &e, int64_t size, int64_t start, int64_t end,
                                                     int64_t step) {
  auto inside = [&](int64_t value, bool back) -> std::optional<int64_t> {
    std::optional<bool> negative = e.isNegative(value);
    if (!negative)
      return std::nullopt;
    if (*negative && !isOpen(value) && value < -kLargestExtent)
      return back ? -1 : 0;
    value = *negative ? e.add(value, size) : value;
    return back ? e.most(-1, e.least(value, e.sub(size, 1))) : e.most(0, e.least(value, size));
  };
  if (isOpen(step))
    return std::nullopt;
  std::optional<int64_t> first = inside(start, step < 0), last = inside(end, step < 0);
  if (!first || !last)
    return std::nullopt;
  int64_t by = step == INT64_MIN ? INT64_MAX : std::abs(step);
  by = std::min(by, kLargestExtent);
  // From a start beyond the end there is as little as from the end: said so, that sizes of slices of slices stay short.
  int64_t from = step > 0 && !*e.isNegative(start) ? start : *first;
  int64_t span = step > 0 ? e.sub(*last, from) : e.sub(*first, *last);
  return std::make_pair(*first, e.most(0, e.div(e.add(span, by - 1), by)));
}

/// The first place of a slice, and how many it has.
std::optional<std::pair<int64_t, int64_t>> sliceRange(Extents &e, int64_t size, int64_t start, int64_t end,
                                                      int64_t step) {
  if (isOpen(size) || isOpen(start) || isOpen(end) || isOpen(step))
    return openRange(e, size, start, end, step);
  auto clamp = [&](int64_t value, int64_t low, int64_t high) {
    value = value < 0 ? (value < -size ? -1 - (step > 0 ? -1 : 0) : value + size) : value;
    return std::clamp(value, low, high);
  };
  if (step > 0) {
    start = clamp(start, 0, size);
    end = clamp(end, 0, size);
    return std::make_pair(start, std::max<int64_t>(0, llvm::divideCeil(std::max<int64_t>(0, end - start), step)));
  }
  start = clamp(start, -1, size - 1);
  end = end < -size ? -1 : clamp(end, -1, size - 1);
  int64_t back = step == INT64_MIN ? INT64_MAX : -step;
  return std::make_pair(start, start > end ? (start - end - 1) / back + 1 : 0);
}

LogicalResult inferSlice(const Node &node, SmallVectorImpl<Type> &types) {
  SliceFacts facts = sliceFacts(node);
  if (!facts.starts || !facts.ends || !facts.axes || !facts.steps)
    return runTimeSizes(node, types, "the start, end, axes or steps", node.rankOf(0));
  SmallVector<int64_t> shape(node.shapeOf(0));
  size_t count = facts.starts->size();
  if (facts.ends->size() != count || facts.axes->size() != count || facts.steps->size() != count)
    return node.error() << "has " << count << " starts, " << facts.ends->size() << " ends, " << facts.axes->size()
                        << " axes and " << facts.steps->size() << " steps";
  for (size_t i = 0; i < count; ++i) {
    FailureOr<int64_t> axis = node.axis((*facts.axes)[i], shape.size());
    if (failed(axis))
      return failure();
    if ((*facts.steps)[i] == 0)
      return node.error() << "has a step of 0";
    auto range =
        sliceRange(node.extents(), node.shapeOf(0)[*axis], (*facts.starts)[i], (*facts.ends)[i], (*facts.steps)[i]);
    if (!range)
      return runTimeSizes(node, types, "whether a start or end counts from the end", node.rankOf(0));
    shape[*axis] = range->second;
  }
  types.push_back(ofShape(node, shape));
  return success();
}

/// Places start + i * step; starts and steps that come at run time are clamped, so that no place is outside.
LogicalResult lowerSlice(Lowering &node, SmallVectorImpl<Value> &results) {
  if (failed(defineRunTimeSizes(node)))
    return failure();
  SliceFacts facts = sliceFacts(node);
  int64_t rank = node.rankOf(0);
  Type element = node.resultElement();
  Value from = node.tensors[0];
  ArrayRef<int64_t> shape = node.resultType().getShape(), sizes = node.shapeOf(0);
  if (static_cast<int64_t>(shape.size()) != rank)
    return node.error() << "gives the declared " << node.resultType() << " of " << node.typeOf(0);
  if (llvm::is_contained(shape, 0)) {
    results.push_back(node.empty(shape, storageElement(element)));
    return success();
  }
  bool known = facts.starts && facts.ends && facts.steps && facts.axes;
  SmallVector<int64_t> first(rank, 0), step(rank, 1);
  for (size_t i = 0; known && i < facts.starts->size(); ++i) {
    int64_t axis = *node.axis((*facts.axes)[i], rank);
    step[axis] = (*facts.steps)[i];
    auto range = sliceRange(node.extents(), sizes[axis], (*facts.starts)[i], (*facts.ends)[i], step[axis]);
    known = range.has_value();
    first[axis] = range ? range->first : 0;
  }
  bool forward = known && llvm::all_of(step, [](int64_t by) { return by > 0; });
  if (forward) {
    for (int64_t i = 0; i < rank; ++i)
      step[i] = shape[i] <= 1 ? 1 : step[i];
    results.push_back(node.slice(from, first, shape, step));
    return success();
  }
  SmallVector<int64_t> which(rank, -1);
  for (auto [i, axis] : llvm::enumerate(facts.axes.value_or(SmallVector<int64_t>()))) {
    FailureOr<int64_t> place = node.axis(axis, rank);
    if (failed(place))
      return failure();
    which[*place] = i;
  }
  results.push_back(node.generate(shape, element, [&](Body &b, ValueRange at) -> Value {
    SmallVector<Value> places;
    for (int64_t i = 0; i < rank; ++i) {
      if (which[i] < 0 && facts.axes) {
        places.push_back(at[i]);
        continue;
      }
      Value zero = b.index(0), size = b.index(sizes[i]);
      Value most = b.index(node.extents().most(0, node.extents().sub(sizes[i], 1)));
      Value start, by;
      if (known) {
        start = b.index(first[i]);
        by = b.index(step[i]);
      } else {
        // Where the axes come at run time, the last one that names this dimension counts.
        auto read = [&](unsigned input, int64_t otherwise) -> Value {
          auto at = [&](unsigned from, int64_t k) {
            return b.asIndex(b.extract(node.tensors[from], {b.index(k)}), node.elementOf(from));
          };
          if (facts.axes)
            return at(input, which[i]);
          Value value = b.index(otherwise);
          for (int64_t k = 0; k < node.typeOf(3).getNumElements(); ++k) {
            Value axis = at(3, k);
            Value here =
                arith::OrIOp::create(b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, axis, b.index(i)),
                                     arith::CmpIOp::create(b, arith::CmpIPredicate::eq, axis, b.index(i - rank)));
            value = b.select(here, at(input, k), value);
          }
          return value;
        };
        by = node.has(4) ? read(4, 1) : b.index(1);
        start = read(1, 0);
        Value negative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, start, zero);
        start = b.select(negative, b.add(start, size), start);
        start = arith::MinSIOp::create(b, arith::MaxSIOp::create(b, start, zero), most);
      }
      Value place = b.add(start, b.mul(at[i], by));
      places.push_back(arith::MinSIOp::create(b, arith::MaxSIOp::create(b, place, zero), most));
    }
    return b.load(b.extract(from, places), element);
  }));
  return success();
}

/// Places before and after each dimension; false where they come at run time.
LogicalResult padSizes(const Node &node, std::optional<SmallVector<int64_t>> &low,
                       std::optional<SmallVector<int64_t>> &high) {
  std::optional<SmallVector<int64_t>> pads = node.integers("pads"), axes;
  if (node.since >= 11)
    pads = node.knownIntegers(1);
  int64_t rank = node.rankOf(0);
  if (node.since >= 11 && !isOpen(node.shapeOf(1)) && node.shapeOf(1)[0] % 2)
    return node.error() << "has " << node.shapeOf(1)[0] << " pads (expected two for each dimension)";
  if (node.since >= 11 && node.has(3) &&
      !node.extents().agree(node.shapeOf(1)[0], node.extents().mul(2, node.shapeOf(3)[0])))
    return node.error() << "has " << node.extents().text(node.shapeOf(1)[0]) << " pads for "
                        << node.extents().text(node.shapeOf(3)[0]) << " axes (expected two for each)";
  if (node.has(3) && !(axes = node.knownIntegers(3)))
    return success();
  if (!pads)
    return success();
  if (!axes) {
    axes.emplace();
    for (int64_t i = 0; i < rank; ++i)
      axes->push_back(i);
  }
  if (pads->size() != 2 * axes->size())
    return node.error() << "has " << pads->size() << " pads (expected " << 2 * axes->size() << ")";
  low.emplace(rank, 0);
  high.emplace(rank, 0);
  for (size_t i = 0; i < axes->size(); ++i) {
    FailureOr<int64_t> axis = node.axis((*axes)[i], rank);
    if (failed(axis))
      return failure();
    for (int64_t pad : {(*pads)[i], (*pads)[i + axes->size()]})
      if (!isOpen(pad) && (pad < -kLargestExtent || pad > kLargestExtent))
        return node.error() << "has a pad of " << pad;
    (*low)[*axis] = (*pads)[i];
    (*high)[*axis] = (*pads)[i + axes->size()];
  }
  return success();
}
LogicalResult inferPad(const Node &node, SmallVectorImpl<Type> &types) {
  std::optional<SmallVector<int64_t>> low, high;
  if (failed(padSizes(node, low, high)))
    return failure();
  if (!low)
    return runTimeSizes(node, types, "input 1 (the pads)", node.rankOf(0));
  SmallVector<int64_t> shape(node.shapeOf(0));
  for (size_t i = 0; i < shape.size(); ++i) {
    shape[i] = node.extents().add(node.extents().add(shape[i], (*low)[i]), (*high)[i]);
    if (node.extents().minimum(shape[i]) < 0)
      return node.error() << "takes away more than dimension " << i << " has";
  }
  types.push_back(ofShape(node, shape));
  return success();
}
LogicalResult lowerPad(Lowering &node, SmallVectorImpl<Value> &results) {
  if (failed(defineRunTimeSizes(node)))
    return failure();
  StringRef mode = node.text("mode", "constant");
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap")
    return node.error() << "unsupported attribute 'mode' = '" << mode << "' (expected constant, edge, reflect or wrap)";
  std::optional<SmallVector<int64_t>> low, high;
  if (failed(padSizes(node, low, high)))
    return failure();
  std::optional<SmallVector<int64_t>> axes;
  if (node.has(3) && !low)
    axes = node.knownIntegers(3);
  int64_t rank = node.rankOf(0);
  Type element = node.resultElement();
  Value from = node.tensors[0], fill;
  if (node.since >= 11 && node.has(2))
    fill = node.reshape(node.tensors[2], {});
  for (int64_t size : node.shapeOf(0))
    if (size == 0 && mode != "constant")
      return node.error() << "has no places to repeat";
  results.push_back(node.generate(node.resultType().getShape(), element, [&](Body &b, ValueRange at) -> Value {
    SmallVector<Value> places;
    Value inside = b.integer(b.getI1Type(), 1);
    for (int64_t i = 0; i < rank; ++i) {
      int64_t size = node.shapeOf(0)[i];
      Value before = low ? b.index((*low)[i]) : Value();
      if (!before) {
        int64_t which = i;
        if (axes) {
          which = -1;
          for (auto [k, axis] : llvm::enumerate(*axes))
            if ((axis < 0 ? axis + rank : axis) == i)
              which = k;
        }
        if (node.has(3) && !axes) {
          before = b.index(0);
          for (int64_t k = 0; k < node.typeOf(3).getNumElements(); ++k) {
            Value axis = b.asIndex(b.extract(node.tensors[3], {b.index(k)}), node.elementOf(3));
            Value here =
                arith::OrIOp::create(b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, axis, b.index(i)),
                                     arith::CmpIOp::create(b, arith::CmpIPredicate::eq, axis, b.index(i - rank)));
            Value pad = b.asIndex(b.extract(node.tensors[1], {b.index(k)}), node.elementOf(1));
            before = b.select(here, pad, before);
          }
        } else
          before = which < 0 ? b.index(0) : b.asIndex(b.extract(node.tensors[1], {b.index(which)}), node.elementOf(1));
      }
      Value zero = b.index(0), last = b.index(node.extents().most(0, node.extents().sub(size, 1)));
      Value place = b.sub(at[i], before);
      if (mode == "constant") {
        Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, place, b.index(size));
        inside = arith::AndIOp::create(b, inside, fits);
      } else if (mode == "wrap") {
        place = arith::RemSIOp::create(b, place, b.index(size));
        Value negative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, place, zero);
        place = b.select(negative, b.add(place, b.index(size)), place);
      } else if (mode == "reflect" && size > 1) {
        Value period = b.index(node.extents().most(1, node.extents().mul(2, node.extents().sub(size, 1))));
        place = arith::RemSIOp::create(b, place, period);
        Value negative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, place, zero);
        place = b.select(negative, b.add(place, period), place);
        place = arith::MinSIOp::create(b, place, b.sub(period, place));
      }
      places.push_back(arith::MinSIOp::create(b, arith::MaxSIOp::create(b, place, zero), last));
    }
    Type compute = computeElement(element);
    auto filler = [&]() -> Value {
      if (fill)
        return b.load(b.extract(fill, {}), element);
      double value = node.since < 11 ? node.real("value", 0) : 0;
      return isa<FloatType>(compute) ? b.number(compute, value) : b.integer(compute, static_cast<int64_t>(value));
    };
    for (int64_t size : node.shapeOf(0))
      if (size == 0)
        return filler();
    Value value = b.load(b.extract(from, places), element);
    return mode == "constant" ? b.select(inside, value, filler()) : value;
  }));
  return success();
}

} // namespace

void addSlices(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"Slice", 1, inferSlice, lowerSlice, true});
  rows.push_back({"Pad", 2, inferPad, lowerPad, true});
}

} // namespace llmc::onnx_import
