// ControlFlow.cpp - If and Loop whose conditions come at run time, as scf on tensors that are written in place: what
// leaves a branch or a turn is copied to memory that stands before it, so that bufferization needs none inside.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphLowering.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"

using namespace mlir;

namespace llmc::onnx_import {

namespace {

/// Memory for a value that a branch makes: of its sizes, where they are there before the branch, else a line as long as
/// it may become, of which the branch fills the beginning and says how large its sizes are.
struct Destination {
  SmallVector<int64_t> shape;
  bool line = false;
  Value memory;
  SmallVector<Value> sizes; ///< i64, one for each dimension that only the branch knows
  SmallVector<int64_t> dims;
};

/// Memory of its own: an empty tensor would be one with others of its type.
Value memoryFor(Lowering &node, ArrayRef<int64_t> shape, Type storage) {
  SmallVector<Value> open;
  for (int64_t size : shape)
    if (isOpen(size))
      open.push_back(node.index(node.b, size));
  return node.sized(bufferization::AllocTensorOp::create(node.b, node.plain(shape, storage), open), shape);
}

bool isThere(const Lowering &node, int64_t size) {
  std::optional<unsigned> symbol = node.extents().symbolOf(size);
  return !symbol || node.extents().symbols()[*symbol].kind != Extents::Kind::Value ||
         node.shared.symbols.count(*symbol);
}

Destination destinationOf(Lowering &node, RankedTensorType type) {
  Destination made;
  made.shape = SmallVector<int64_t>(type.getShape());
  for (auto [i, size] : llvm::enumerate(made.shape))
    if (!isThere(node, size))
      made.dims.push_back(i);
  Type element = storageElement(type.getElementType());
  made.line = !made.dims.empty();
  if (!made.line) {
    made.memory = memoryFor(node, made.shape, element);
    return made;
  }
  int64_t most = 1;
  for (int64_t size : made.shape)
    most *= node.extents().maximum(size);
  made.memory = memoryFor(node, {most}, element);
  for (size_t i = 0; i < made.dims.size(); ++i)
    made.sizes.push_back(memoryFor(node, {}, node.b.getI64Type()));
  return made;
}

/// The memories of all results, in order: what a branch yields, and gets back.
SmallVector<Value> memoriesOf(ArrayRef<Destination> all) {
  SmallVector<Value> result;
  for (const Destination &one : all) {
    result.push_back(one.memory);
    llvm::append_range(result, one.sizes);
  }
  return result;
}

/// A copy in that very memory: a plain copy of tensors would be taken for the value itself.
Value copyTo(OpBuilder &b, Location loc, Value from, Value to) {
  return bufferization::MaterializeInDestinationOp::create(b, loc, to.getType(), from, to).getResult();
}

/// What a value is a part of, or another shape of.
Value wholeOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, tensor::ExtractSliceOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// In a branch or turn: `value` to its destination; adds what is yielded. A value that is larger than its memory is cut
/// off, and its sizes say so.
void store(Lowering &at, Value value, const Destination &to, SmallVectorImpl<Value> &yields) {
  if (!to.line) {
    yields.push_back(copyTo(at.b, at.b.getLoc(), value, to.memory));
    return;
  }
  SmallVector<int64_t> sizes = at.sizesOf(value);
  int64_t count = at.extents().product(sizes), room = cast<RankedTensorType>(to.memory.getType()).getDimSize(0);
  Value flat = at.reshape(value, {count});
  if (room > 0 && at.extents().maximum(count) > room) {
    SmallVector<OpFoldResult> zero = {at.b.getIndexAttr(0)}, one = {at.b.getIndexAttr(1)};
    Value fits = arith::MinSIOp::create(at.b, at.index(at.b, count), arith::ConstantIndexOp::create(at.b, room));
    flat = tensor::ExtractSliceOp::create(at.b, flat, zero, {fits}, one);
    yields.push_back(tensor::InsertSliceOp::create(at.b, flat, to.memory, zero, {fits}, one));
  } else {
    yields.push_back(at.insert(flat, to.memory, {}));
  }
  for (auto [memory, dim] : llvm::zip(to.sizes, to.dims)) {
    Value size = arith::IndexCastOp::create(at.b, at.b.getI64Type(), at.index(at.b, sizes[dim]));
    yields.push_back(linalg::FillOp::create(at.b, ValueRange{size}, ValueRange{memory}).getResult(0));
  }
}

/// After the branch, or in a turn: the value, of which `values` are what was yielded for it. Where its sizes could be
/// outside of their bounds the caller learns of it.
Value load(Lowering &node, const Destination &from, ArrayRef<Value> &values, bool mayBeOutside = false) {
  Value memory = values.front();
  values = values.drop_front();
  if (!from.line)
    return node.sized(memory, from.shape);
  for (int64_t dim : from.dims) {
    Value size = tensor::ExtractOp::create(node.b, values.front(), ValueRange{});
    values = values.drop_front();
    node.define(from.shape[dim], arith::IndexCastOp::create(node.b, node.b.getIndexType(), size), mayBeOutside);
  }
  int64_t count = node.extents().product(from.shape);
  return node.reshape(node.slice(memory, {}, {count}), from.shape);
}

Value flagOf(Lowering &at, Value tensor) {
  Value byte = tensor::ExtractOp::create(at.b, tensor, ValueRange{});
  return arith::CmpIOp::create(at.b, arith::CmpIPredicate::ne, byte,
                               arith::ConstantOp::create(at.b, at.b.getIntegerAttr(byte.getType(), 0)));
}

} // namespace

LogicalResult GraphLowering::lowerControl(Lowering &node, SmallVectorImpl<Value> &results) {
  ++shared.depth;
  LogicalResult done = node.type == "If" ? lowerIf(node, results) : lowerLoop(node, results);
  --shared.depth;
  return done;
}

LogicalResult GraphLowering::lowerIf(Lowering &node, SmallVectorImpl<Value> &results) {
  SmallVector<Destination> destinations;
  for (unsigned i = 0; i < node.numOutputs; ++i)
    destinations.push_back(destinationOf(node, node.resultType(i)));
  SmallVector<Value> memories = memoriesOf(destinations);
  Value condition = flagOf(node, node.reshape(node.tensors[0], {}));
  auto op = scf::IfOp::create(node.b, ValueRange(memories).getTypes(), condition, /*addThenBlock=*/true,
                              /*addElseBlock=*/true);
  // Graphs stand in the order of their attributes' names: else, then.
  for (int branch = 0; branch < 2; ++branch) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(branch ? op.thenBlock() : op.elseBlock());
    Block &body = node.op->getRegion(branch).front();
    auto outer = shared.symbols;
    if (failed(lowerBlock(body)))
      return failure();
    Lowering at(b, node.op, node.tensors, shared);
    SmallVector<Value> yields;
    for (auto [i, value] : llvm::enumerate(body.getTerminator()->getOperands()))
      store(at, storage.lookup(value), destinations[i], yields);
    scf::YieldOp::create(b, node.op->getLoc(), yields);
    shared.symbols = outer;
  }
  SmallVector<Value> all(op.getResults());
  ArrayRef<Value> values = all;
  for (const Destination &one : destinations)
    results.push_back(load(node, one, values));
  return success();
}

/// Turns are counted up to a bound; one that the condition stops does nothing, and none follows it.
LogicalResult GraphLowering::lowerLoop(Lowering &node, SmallVectorImpl<Value> &results) {
  Block &body = node.op->getRegion(0).front();
  Operation *yield = body.getTerminator();
  unsigned carried = body.getNumArguments() - 2, scans = yield->getNumOperands() - 1 - carried;
  Type i64 = node.b.getI64Type(), i8 = node.b.getI8Type(), index = node.b.getIndexType();
  Location loc = node.op->getLoc();
  // How many turns there may be: the bound of the last outputs' first dimension; without such there is no bound.
  int64_t turnsSize = scans ? node.resultType(carried).getShape()[0] : INT64_MAX;
  int64_t most = scans ? node.extents().maximum(turnsSize) : INT64_MAX;
  Value limit = arith::ConstantIndexOp::create(node.b, most), wanted;
  if (node.has(0)) {
    wanted = tensor::ExtractOp::create(node.b, node.reshape(node.tensors[0], {}), ValueRange{});
    wanted = arith::IndexCastOp::create(node.b, index, wanted);
    limit = arith::MinSIOp::create(node.b, wanted, limit);
  }
  // In memory: whether there is another turn, how many there were, what turns hand on, and rows that they add.
  SmallVector<Value> memories;
  Value one = node.storedNumber(node.b.getI1Type(), 1);
  Value yes = node.filled({}, i8, one);
  memories.push_back(node.has(1) ? copyTo(node.b, loc, node.reshape(node.tensors[1], {}), memoryFor(node, {}, i8))
                                 : yes);
  memories.push_back(node.filled({}, i64, arith::ConstantOp::create(node.b, node.b.getI64IntegerAttr(0)).getResult()));
  SmallVector<Destination> places;
  for (unsigned i = 0; i < carried; ++i) {
    // Of the sizes that turns begin with: after all of them they may be known.
    auto type = cast<RankedTensorType>(body.getArgument(2 + i).getType());
    places.push_back(destinationOf(node, node.extents().fromIR(type)));
    store(node, node.tensors[2 + i], places[i], memories);
    if (!places[i].line)
      node.sized(memories.back(), places[i].shape);
  }
  // In `memories`: where what turns hand on begins, and what is behind it.
  unsigned begin = 2, behind = memories.size();
  for (unsigned i = 0; i < scans; ++i) {
    RankedTensorType type = node.resultType(carried + i);
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = most;
    memories.push_back(memoryFor(node, shape, storageElement(type.getElementType())));
  }
  SmallVector<SmallVector<int64_t>> sizes;
  for (Value memory : memories)
    sizes.push_back(node.sizesOf(memory));
  auto outer = shared.symbols;
  OpBuilder::InsertionGuard guard(b);
  Value zero = arith::ConstantIndexOp::create(node.b, 0), step = arith::ConstantIndexOp::create(node.b, 1);
  auto loop = scf::ForOp::create(node.b, zero, limit, step, memories);
  b.setInsertionPointToEnd(loop.getBody());
  SmallVector<Value> now(loop.getRegionIterArgs());
  for (auto [value, shape] : llvm::zip(now, sizes))
    node.sized(value, shape);
  auto flagAt = [&](Value memory) {
    Lowering at(b, node.op, node.tensors, shared);
    return flagOf(at, memory);
  };
  auto turn = scf::IfOp::create(b, loc, ValueRange(memories).getTypes(), flagAt(now[0]), true, true);
  scf::YieldOp::create(b, loc, turn.getResults());
  b.setInsertionPointToEnd(turn.elseBlock());
  scf::YieldOp::create(b, loc, now);
  b.setInsertionPointToEnd(turn.thenBlock());
  {
    Lowering at(b, node.op, node.tensors, shared);
    Value number = arith::IndexCastOp::create(b, loc, i64, loop.getInductionVar());
    keep(body.getArgument(0),
         at.reshape(at.filled({}, i64, number), cast<RankedTensorType>(body.getArgument(0).getType()).getShape()));
    keep(body.getArgument(1), at.reshape(now[0], cast<RankedTensorType>(body.getArgument(1).getType()).getShape()));
    ArrayRef<Value> values = ArrayRef(now).slice(begin, behind - begin);
    for (unsigned i = 0; i < carried; ++i)
      keep(body.getArgument(2 + i), load(at, places[i], values));
  }
  if (failed(lowerBlock(body)))
    return failure();
  Lowering at(b, node.op, node.tensors, shared);
  auto made = [&](unsigned i) { return storage.lookup(yield->getOperand(i)); };
  // Rows first, then what is handed on: nothing is read after its memory is written. What is handed on in another place
  // is set aside before.
  SmallVector<Value> rows, handed = {at.reshape(made(0), {})};
  for (unsigned i = 0; i < carried; ++i)
    handed.push_back(made(1 + i));
  for (unsigned i = 0; i < scans; ++i) {
    Value row = made(1 + carried + i), all = now[behind + i];
    SmallVector<int64_t> shape = at.sizesOf(row);
    shape.insert(shape.begin(), 1);
    rows.push_back(at.setPart(all, loop.getInductionVar(), at.reshape(row, shape)));
  }
  for (Value &value : handed) {
    auto argument = dyn_cast<BlockArgument>(wholeOf(value));
    if (!argument || argument.getOwner() != loop.getBody())
      continue;
    SmallVector<int64_t> shape = at.sizesOf(value);
    Lowering aside(b, node.op, node.tensors, shared);
    Value memory = memoryFor(aside, shape, cast<RankedTensorType>(value.getType()).getElementType());
    value = aside.sized(copyTo(b, loc, value, memory), shape);
  }
  // What has become larger than its memory ends the loop.
  Value fits;
  for (unsigned i = 0; i < carried; ++i)
    for (int64_t dim : places[i].dims) {
      int64_t size = at.sizesOf(handed[1 + i])[dim], room = at.extents().maximum(places[i].shape[dim]);
      if (at.extents().maximum(size) <= room)
        continue;
      Value here = arith::CmpIOp::create(at.b, arith::CmpIPredicate::sle, at.index(at.b, size),
                                         arith::ConstantIndexOp::create(at.b, room));
      fits = fits ? arith::AndIOp::create(at.b, fits, here).getResult() : here;
    }
  SmallVector<Value> yields;
  if (fits) {
    Value flag = tensor::ExtractOp::create(at.b, handed[0], ValueRange{});
    flag = arith::SelectOp::create(at.b, fits, flag, arith::ConstantOp::create(at.b, at.b.getI8IntegerAttr(0)));
    yields.push_back(tensor::InsertOp::create(at.b, flag, now[0], ValueRange{}));
  } else {
    yields.push_back(copyTo(b, loc, handed[0], now[0]));
  }
  Value next = arith::IndexCastOp::create(b, loc, i64, arith::AddIOp::create(b, loc, loop.getInductionVar(), step));
  yields.push_back(tensor::InsertOp::create(b, loc, next, now[1], ValueRange{}));
  for (unsigned i = 0, from = begin; i < carried; ++i) {
    Destination own = places[i];
    own.memory = now[from++];
    for (Value &size : own.sizes)
      size = now[from++];
    store(at, handed[1 + i], own, yields);
  }
  llvm::append_range(yields, rows);
  scf::YieldOp::create(b, loc, yields);
  shared.symbols = outer;

  SmallVector<Value> all(loop.getResults());
  ArrayRef<Value> values = ArrayRef(all).slice(begin, behind - begin);
  for (unsigned i = 0; i < carried; ++i) {
    SmallVector<int64_t> shape(node.resultType(i).getShape());
    if (!places[i].line || isOpen(shape)) {
      results.push_back(load(node, places[i], values, /*mayBeOutside=*/true));
      continue;
    }
    results.push_back(node.reshape(node.slice(values.front(), {}, {node.extents().product(shape)}), shape));
    values = values.drop_front(1 + places[i].dims.size());
  }
  // Where the bound ended it and not the loop itself, the count is one that no bound allows.
  Value count = tensor::ExtractOp::create(node.b, loop.getResult(1), ValueRange{});
  count = arith::IndexCastOp::create(node.b, index, count);
  Value goesOn = flagOf(node, loop.getResult(0));
  Value full =
      arith::CmpIOp::create(node.b, arith::CmpIPredicate::sge, count, arith::ConstantIndexOp::create(node.b, most));
  goesOn = arith::AndIOp::create(node.b, goesOn, full);
  if (wanted)
    goesOn =
        arith::AndIOp::create(node.b, goesOn, arith::CmpIOp::create(node.b, arith::CmpIPredicate::sgt, wanted, limit));
  count = arith::SelectOp::create(node.b, goesOn, arith::AddIOp::create(node.b, count, step), count);
  if (isOpen(turnsSize) && !isThere(node, turnsSize))
    node.define(turnsSize, count, /*mayBeOutside=*/true);
  for (unsigned i = 0; i < scans; ++i) {
    SmallVector<int64_t> shape(node.resultType(carried + i).getShape());
    results.push_back(node.slice(node.sized(loop.getResult(behind + i), sizes[behind + i]), {}, shape));
  }
  return success();
}

} // namespace llmc::onnx_import
