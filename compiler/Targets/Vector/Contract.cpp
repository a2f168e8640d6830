// Contract.cpp - sums of products of two strided buffers in register tiles.
//
// Every buffer is a base and a step for each loop. Loops that lie one in another in all buffers become one; then one
// loop is rows, some are columns, and the others, batches among them, are walked one by one. The columns' factor is
// packed, a few vectors wide, into the function's frame, and all rows of a block walk it, as many at a time as keep
// the registers full. With few rows it is read where it lies, and so is a constant whose panels the compiler made.
// Every output element is one chain of fused multiply-adds in the order of the reduction loops.
//
// Not here: which ops of a graph become one (compiler/Schedule/GraphContractions.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Contract.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llmc/step_abi.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;

namespace {

/// Bytes of packed numbers in the frame: a fifth of a second-level cache of 2 MiB.
constexpr int64_t kPackedBytes = 400 << 10;
/// Bytes of panels that rows walk again and again: half of it.
constexpr int64_t kPanelBytes = 1 << 20;
/// Rows whose sums wait in the frame where the packed numbers do not hold all of a sum.
constexpr int64_t kBlockRows = 252;
/// Bytes of the other factor that one block of rows may take of that cache.
constexpr int64_t kRowBytes = 3 << 19;
/// Rows of a block at least; below, packing would be what takes the time.
constexpr int64_t kLeastBlockRows = 48;
/// Most rows of a tile: each has its own stream of numbers.
constexpr int64_t kMostTileRows = 12;
/// Up to so many rows packing costs more than it saves.
constexpr int64_t kFewRows = 4;
/// Steps of a sum in one turn of its loop.
constexpr int64_t kUnroll = 4;
/// With fewer units threads would wait for each other: blocks of rows become smaller.
constexpr int64_t kFewUnits = 16;
static_assert(kPackedBytes + kBlockRows * 5 * kLanes * 4 <= LLMC_STEP_STACK_BYTES, "of at most 5 vectors");

struct Emitter {
  VectorBuilder &b;
  kernel::ContractOp op;
  const KernelArguments &arguments;
  StridedLoops loops;
  unsigned out, rowSide = 0, columnSide = 1;
  SmallVector<StridedLoop> outer, columns, sums;
  StridedLoop rows;
  Number numColumns, numRows;
  RegisterTile tile;
  bool direct = false;  ///< the columns' factor is read where it lies, and all steps of a sum are one loop nest
  bool panels = false;  ///< it lies in panels of a vector of columns
  int64_t chunk = 0;    ///< steps of the first reduction loop that are packed at a time
  bool isWhole = false; ///< those are all
  int64_t blockRows = 1;
  Value packed, waiting;

  Emitter(VectorBuilder &b, kernel::ContractOp op, const KernelArguments &arguments)
      : b(b), op(op), arguments(arguments), loops(b), out(op->getNumOperands() - 1),
        tile(decodedTiles(*arguments.backend, 1).front()) {}

  //===-- which loop is what --------------------------------------------------------------------------------------===//

  void chooseLoops() {
    for (unsigned i = 0; i <= out; ++i)
      loops.addBuffer(op->getOperand(i), op.getMap(i));
    SmallVector<StridedLoop> parallel;
    int64_t columnLoop = op.getColumnLoop();
    for (int64_t i = 0; i < op.getNumLoops(); ++i) {
      auto [source, dim] = op.getLoopSource(i);
      StridedLoop loop = loops.loop(i, source, dim);
      if (!loop.range.is(1) || i == columnLoop)
        (i < op.getNumParallel() ? parallel : sums).push_back(loop);
    }
    loops.join(parallel, /*anyOrder=*/true);
    loops.join(sums, /*anyOrder=*/false);
    if (sums.empty())
      sums.push_back(loops.single());
    auto take = [&](auto found) {
      StridedLoop loop = *found;
      parallel.erase(found);
      return loop;
    };
    columns.push_back(
        take(llvm::find_if(parallel, [&](const StridedLoop &loop) { return loop.innermost == columnLoop; })));
    columnSide = columns[0].steps[1].is(0) ? 0 : 1;
    rowSide = 1 - columnSide;
    // What the other factor does not depend on and what follows row by row in the output is columns, too.
    for (bool more = true; more;) {
      more = false;
      for (auto it = parallel.begin(); it != parallel.end(); ++it) {
        bool joins = it->steps[rowSide].is(0) && !it->steps[columnSide].is(0);
        for (unsigned i = 2; i <= out; ++i)
          joins &= loops.isStacked(i, *it, columns.front());
        if (!joins)
          continue;
        columns.insert(columns.begin(), take(it));
        more = true;
        break;
      }
    }
    auto size = [](const StridedLoop &loop) { return loop.range.open ? INT64_MAX : loop.range.known; };
    auto best = parallel.end();
    for (auto it = parallel.begin(); it != parallel.end(); ++it)
      if (it->steps[columnSide].is(0) && (best == parallel.end() || size(*it) > size(*best)))
        best = it;
    rows = best == parallel.end() ? loops.single() : take(best);
    outer = parallel;
    numRows = rows.range;
    numColumns = {1, {}};
    for (const StridedLoop &loop : columns)
      numColumns = loops.mul(numColumns, loop.range);
  }

  int64_t width() const { return tile.panels; }
  bool readInPlace() const { return direct || panels; }
  /// From a vector of the columns' factor to the next.
  int64_t vectorBytes() const { return (panels ? columns.back().steps[columnSide].known * kLanes : kLanes) * 4; }
  bool columnsSideBySide() const { return columns.size() == 1 && columns[0].steps[columnSide].is(1); }
  /// Steps of the reduction loops inside of `level`.
  int64_t stepsInside(size_t level) const {
    int64_t product = 1;
    for (size_t i = level + 1; i < sums.size(); ++i)
      product *= sums[i].range.known;
    return product;
  }

  void chooseTile() {
    panels = op.getPanels();
    direct = !numRows.open && numRows.known <= kFewRows && (panels || columnsSideBySide());
    if (direct) {
      for (RegisterTile candidate : arguments.backend->matmulTiles(1, b.f32()))
        if (candidate.rows <= numRows.known) {
          tile = candidate;
          break;
        }
      // Columns of fewer vectors leave registers idle, but nothing is read twice.
      if (!numColumns.open)
        tile.panels = std::min(tile.panels, (numColumns.known + kLanes - 1) / kLanes);
      return;
    }
    if (!numColumns.open)
      tile.panels = std::min(tile.panels, (numColumns.known + kLanes - 1) / kLanes);
    int64_t stepBytes = width() * kLanes * 4;
    int64_t most = std::max<int64_t>((panels ? kPanelBytes : kPackedBytes) / stepBytes / stepsInside(0), 1);
    isWhole = !sums[0].range.open && sums[0].range.known <= most;
    chunk = isWhole ? sums[0].range.known : most;
    if (!panels)
      packed = frame(chunk * stepsInside(0) * stepBytes);
    if (!isWhole)
      waiting = frame(kBlockRows * stepBytes);
  }
  Value frame(int64_t bytes) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&op->getParentOfType<LLVM::LLVMFuncOp>().getBody().front());
    return b.frame(bytes);
  }

  //===-- units ---------------------------------------------------------------------------------------------------===//

  /// Where a unit of work begins: a few vectors of columns of a block of rows.
  struct Unit {
    SmallVector<Value> places; ///< of each buffer, at the first row and column of the batch
    Value firstRow, lastRow, column;
    int64_t width;            ///< vectors
    SmallVector<Value> masks; ///< of each vector; null where all its columns are there
    Value ahead;              ///< what the tile at hand asks for ahead of use; null where nothing
  };

  void emit() {
    chooseLoops();
    chooseTile();
    int64_t wide = width() * kLanes;
    Number units = loops.ceilDiv(numColumns, wide);
    blockRows = direct ? std::max<int64_t>(numRows.known, 1) : blockRowsOf(units);
    Number blocks = loops.ceilDiv(numRows, blockRows), total = loops.mul(units, blocks);
    for (const StridedLoop &loop : outer)
      total = loops.mul(total, loop.range);
    auto [first, last] = threadShare(b, arguments, loops.value(total));
    b.forLoop(first, last, 1, [&](Value number) {
      Unit unit;
      auto next = [&](Number range) -> Value {
        if (range.is(1))
          return b.i64(0);
        Value at = arith::RemUIOp::create(b, number, loops.value(range));
        number = b.div(number, loops.value(range));
        return at;
      };
      unit.column = b.mul(next(units), wide);
      unit.firstRow = b.mul(next(blocks), blockRows);
      unit.lastRow = b.min(b.add(unit.firstRow, blockRows), loops.value(numRows));
      for (unsigned i = 0; i <= out; ++i)
        unit.places.push_back(loops.base(i));
      for (const StridedLoop &loop : llvm::reverse(outer)) {
        Value at = next(loop.range);
        for (unsigned i = 0; i <= out; ++i)
          unit.places[i] = loops.at(unit.places[i], at, loop.steps[i]);
      }
      emitWidths(unit);
    });
  }

  int64_t blockRowsOf(Number units) {
    Number steps = {stepsInside(0), {}};
    steps = loops.mul(steps, sums[0].range);
    int64_t most = steps.open ? 192 : kRowBytes / 4 / std::max<int64_t>(steps.known, 1) / kMostTileRows * kMostTileRows;
    most = std::clamp(most, kLeastBlockRows, kBlockRows);
    if (numRows.open)
      return most;
    auto even = [&](int64_t blocks) {
      return (numRows.known + blocks * kMostTileRows - 1) / (blocks * kMostTileRows) * kMostTileRows;
    };
    int64_t blocks = (numRows.known + most - 1) / most, others = units.open ? kFewUnits : units.known;
    for (const StridedLoop &loop : outer)
      others *= loop.range.open ? kFewUnits : loop.range.known;
    while (blocks * others < kFewUnits && even(blocks + 1) >= kLeastBlockRows)
      ++blocks;
    return even(blocks);
  }

  /// Whole units, and the last one of narrower or partly filled vectors.
  void emitWidths(Unit &unit) {
    int64_t wide = width() * kLanes;
    Value left = b.sub(loops.value(numColumns), unit.column);
    int64_t rest = numColumns.open ? -1 : numColumns.known % wide;
    auto whole = [&] {
      unit.width = width();
      unit.masks.assign(unit.width, Value());
      emitUnit(unit);
    };
    auto narrow = [&] {
      unit.width = rest < 0 ? width() : (rest + kLanes - 1) / kLanes;
      unit.masks.clear();
      for (int64_t v = 0; v < unit.width; ++v)
        unit.masks.push_back(rest >= (v + 1) * kLanes ? Value() : maskOf(b.sub(left, b.i64(v * kLanes))));
      emitUnit(unit);
    };
    if (rest == 0)
      return whole();
    if (!numColumns.open && numColumns.known < wide)
      return narrow();
    b.ifThenElse(b.lessEqual(b.i64(wide), left), whole, narrow);
  }
  /// Lanes below `count`.
  Value maskOf(Value count) {
    Value bound = b.broadcast(count);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lanesI64(), bound);
  }
  Value lanesI64() {
    SmallVector<int64_t> numbers;
    for (int64_t i = 0; i < kLanes; ++i)
      numbers.push_back(i);
    return arith::ConstantOp::create(b, DenseElementsAttr::get(b.vec(kLanes, b.getI64Type()), ArrayRef(numbers)));
  }
  Value loadVector(Value place, Value mask) {
    if (!mask)
      return b.load(b.vecF32(), place);
    return LLVM::MaskedLoadOp::create(b, b.vecF32(), place, mask, b.constant(b.vecF32(), 0.0), b.getI32IntegerAttr(4));
  }

  void emitUnit(Unit &unit) {
    auto zeros = [&](int64_t rows) { return SmallVector<Value>(rows * unit.width, b.constant(b.vecF32(), 0.0)); };
    Value inPlace = loops.at(unit.places[columnSide], unit.column, columns.back().steps[columnSide]);
    if (direct) {
      int64_t row = 0, known = numRows.known;
      for (int64_t most = tile.rows; row < known; row += most) {
        most = std::min(most, known - row);
        Value at = b.i64(row);
        Value place = loops.at(unit.places[rowSide], at, rows.steps[rowSide]);
        finish(unit, at, most, addAll(unit, zeros(most), most, place, inPlace, b.i64(0), loops.value(sums[0].range)));
      }
      return;
    }
    Value all = loops.value(sums[0].range);
    Value factor = panels ? inPlace : packed;
    if (isWhole) {
      bool asks = panels && sums.size() == 1 && sums[0].range.known >= kUnroll;
      if (!panels)
        pack(unit, b.i64(0), all);
      forRowTiles(unit.width, unit.firstRow, unit.lastRow, [&](Value row, int64_t count) {
        if (asks)
          unit.ahead = aheadOf(unit, inPlace, row);
        Value place = loops.at(unit.places[rowSide], row, rows.steps[rowSide]);
        finish(unit, row, count, addAll(unit, zeros(count), count, place, factor, b.i64(0), all));
        unit.ahead = {};
      });
      return;
    }
    auto place = [&](Value row) { return b.at(waiting, b.mul(b.sub(row, unit.firstRow), unit.width * kLanes * 4)); };
    b.forLoop(unit.firstRow, unit.lastRow, 1, [&](Value row) {
      for (int64_t v = 0; v < unit.width; ++v)
        b.store(b.constant(b.vecF32(), 0.0), b.at(place(row), v * kLanes * 4), 64);
    });
    b.forLoop(b.i64(0), all, chunk, [&](Value from) {
      Value to = b.min(b.add(from, chunk), all);
      if (!panels)
        pack(unit, from, to);
      forRowTiles(unit.width, unit.firstRow, unit.lastRow, [&](Value row, int64_t count) {
        SmallVector<Value> parts;
        for (int64_t i = 0; i < count * unit.width; ++i)
          parts.push_back(b.load(b.vecF32(), b.at(place(row), i * kLanes * 4), 64));
        Value numbers = loops.at(unit.places[rowSide], row, rows.steps[rowSide]);
        parts = addAll(unit, parts, count, numbers, factor, from, to);
        for (int64_t i = 0; i < count * unit.width; ++i)
          b.store(parts[i], b.at(place(row), i * kLanes * 4), 64);
      });
    });
    b.forLoop(unit.firstRow, unit.lastRow, 1, [&](Value row) {
      SmallVector<Value> parts;
      for (int64_t v = 0; v < unit.width; ++v)
        parts.push_back(b.load(b.vecF32(), b.at(place(row), v * kLanes * 4), 64));
      finish(unit, row, 1, parts);
    });
  }

  int64_t mostTileRows(int64_t vectors) const {
    RegisterTile full = decodedTiles(*arguments.backend, 1).front();
    return std::min(full.rows * full.panels / vectors, kMostTileRows);
  }
  /// Calls body(row, rows) for the rows `from` .. `to` in tiles that keep the registers full, and smaller ones for what
  /// is left.
  void forRowTiles(int64_t vectors, Value from, Value to, llvm::function_ref<void(Value, int64_t)> body) {
    int64_t most = mostTileRows(vectors);
    for (int64_t count : {most, int64_t(4), int64_t(2), int64_t(1)}) {
      if (count > most)
        continue;
      Value left = b.sub(to, from), whole = b.mul(b.div(left, count), count);
      if (count == 6) {
        // One or two rows alone keep few registers busy: rather one tile of six less, and one or two of four.
        Value rest = b.sub(left, whole);
        Value back = arith::AndIOp::create(b, b.less(b.i64(0), rest), b.less(rest, b.i64(3)));
        back = arith::AndIOp::create(b, back, b.less(b.i64(0), whole));
        whole = b.sub(whole, arith::SelectOp::create(b, back, b.i64(count), b.i64(0)));
      }
      Value end = b.add(from, whole);
      b.forLoop(from, end, count, [&](Value row) { body(row, count); });
      from = end;
    }
  }

  //===-- what is read next is asked for while rows are worked through --------------------------------------------===//

  /// Lines of the next panels that one turn of a tile's loop asks for: all of them in a block of rows.
  int64_t linesOfTurn() const {
    int64_t tiles = std::max<int64_t>(blockRows / mostTileRows(width()), 1);
    return (kUnroll * width() + tiles - 1) / tiles;
  }
  /// Where the tile at `row` begins to ask.
  Value aheadOf(Unit &unit, Value inPlace, Value row) {
    int64_t bytes = unit.width * vectorBytes();
    int64_t ofTile = sums[0].range.known / kUnroll * linesOfTurn() * kLanes * 4;
    Value begin = b.mul(b.div(b.sub(row, unit.firstRow), mostTileRows(unit.width)), ofTile);
    begin = arith::SelectOp::create(b, b.less(begin, b.i64(bytes)), begin, b.i64(0));
    return b.at(b.at(inPlace, bytes), begin);
  }
  void askAhead(Value ahead, Value k) {
    Value from = b.at(ahead, b.mul(b.div(k, kUnroll), linesOfTurn() * kLanes * 4));
    for (int64_t i = 0; i < linesOfTurn(); ++i)
      b.prefetch(b.at(from, i * kLanes * 4), CacheLevel::Second);
  }

  //===-- sums ----------------------------------------------------------------------------------------------------===//

  /// Adds the products of the steps `from` .. `to` of the first reduction loop, and all of the others, to
  /// parts[count][width]. `place` is the first row's at step 0; `factor` the columns' at step `from` where packed, at 0
  /// where read in place.
  SmallVector<Value> addAll(Unit &unit, SmallVector<Value> parts, int64_t count, Value place, Value factor, Value from,
                            Value to) {
    return addLevel(unit, parts, count, place, factor, 0, from, to);
  }
  /// Bytes from a step of a reduction loop to the next in the columns' factor.
  Number factorStep(Unit &unit, size_t level) {
    if (readInPlace())
      return loops.mul(sums[level].steps[columnSide], {4, {}});
    return {stepsInside(level) * unit.width * kLanes * 4, {}};
  }
  SmallVector<Value> addLevel(Unit &unit, SmallVector<Value> parts, int64_t count, Value place, Value factor,
                              size_t level, Value from, Value to) {
    Number step = factorStep(unit, level), own = sums[level].steps[rowSide];
    auto factorAt = [&](Value k) { return loops.atBytes(factor, readInPlace() ? k : b.sub(k, from), step); };
    if (level + 1 < sums.size())
      return b.forLoop(from, to, 1, parts, [&](Value k, ValueRange carried) {
        return addLevel(unit, SmallVector<Value>(carried), count, loops.at(place, k, own), factorAt(k), level + 1,
                        b.i64(0), loops.value(sums[level + 1].range));
      });
    SmallVector<Value> rowPlaces;
    for (int64_t r = 0; r < count; ++r)
      rowPlaces.push_back(loops.at(place, b.i64(r), rows.steps[rowSide]));
    auto add = [&](Value k, ValueRange carried, int64_t turns) {
      SmallVector<Value> next(carried);
      Value here = factorAt(k);
      if (unit.ahead && turns == kUnroll)
        askAhead(unit.ahead, k);
      for (int64_t turn = 0; turn < turns; ++turn) {
        Value row = loops.atBytes(here, b.i64(turn), step);
        SmallVector<Value> loaded;
        for (int64_t v = 0; v < unit.width; ++v) {
          Value from = b.at(row, v * vectorBytes());
          bool whole = panels || !direct;
          loaded.push_back(whole ? b.load(b.vecF32(), from, 64) : loadVector(from, unit.masks[v]));
        }
        for (int64_t r = 0; r < count; ++r) {
          Value at = loops.at(loops.at(rowPlaces[r], k, own), b.i64(turn), own);
          Value number = b.broadcast(b.load(b.f32(), at));
          for (int64_t v = 0; v < unit.width; ++v)
            next[r * unit.width + v] = b.fma(number, loaded[v], next[r * unit.width + v]);
        }
      }
      return next;
    };
    int64_t known = sums[level].range.open || (level == 0 && !isWhole && !direct) ? -1 : sums[level].range.known;
    if (known >= 0 && known < kUnroll)
      return add(from, parts, known);
    Value whole = b.add(from, b.mul(b.div(b.sub(to, from), kUnroll), kUnroll));
    parts =
        b.forLoop(from, whole, kUnroll, parts, [&](Value k, ValueRange carried) { return add(k, carried, kUnroll); });
    if (known < 0)
      return b.forLoop(whole, to, 1, parts, [&](Value k, ValueRange carried) { return add(k, carried, 1); });
    return known % kUnroll ? add(whole, parts, known % kUnroll) : parts;
  }

  //===-- packing -------------------------------------------------------------------------------------------------===//

  /// Packs the steps `from` .. `to` of the first reduction loop and all of the others: [steps][width][16].
  void pack(Unit &unit, Value from, Value to) {
    Value place = unit.places[columnSide];
    const StridedLoop &column = columns.back();
    if (columnsSideBySide()) {
      Value first = loops.at(place, unit.column, column.steps[columnSide]);
      packLevel(unit, first, packed, 0, from, to, [&](Value source, Value target) {
        for (int64_t v = 0; v < unit.width; ++v)
          b.store(loadVector(b.at(source, v * kLanes * 4), unit.masks[v]), b.at(target, v * kLanes * 4), 64);
      });
      return;
    }
    bool turned = columns.size() == 1 && sums.back().steps[columnSide].is(1) &&
                  (sums.back().range.open || sums.back().range.known >= kLanes);
    for (int64_t v = 0; v < unit.width; ++v) {
      Value offsets = columnOffsets(unit, v), target = b.at(packed, v * kLanes * 4);
      auto gathered = [&](Value source, Value to) { b.store(gather(source, offsets), to, 64); };
      if (turned) {
        packTurned(unit, v, target, from, to, gathered);
        continue;
      }
      // Mostly columns lie side by side, but where one row of places ends and the next begins.
      Value start = b.lane(offsets, 0), first = b.at(place, b.mul(start, 4));
      Value next = arith::AddIOp::create(b, lanesI64(), b.broadcast(start));
      Value same = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, offsets, next);
      b.ifThenElse(
          vector::ReductionOp::create(b, vector::CombiningKind::AND, same),
          [&] {
            packLevel(unit, first, target, 0, from, to,
                      [&](Value source, Value to) { b.store(b.load(b.vecF32(), source), to, 64); });
          },
          [&] { packLevel(unit, place, target, 0, from, to, gathered); });
    }
  }
  /// Calls body(source, target) for each step.
  void packLevel(Unit &unit, Value source, Value target, size_t level, Value from, Value to,
                 llvm::function_ref<void(Value, Value)> body) {
    int64_t bytes = stepsInside(level) * unit.width * kLanes * 4;
    b.forLoop(from, to, 1, [&](Value k) {
      Value here = loops.at(source, k, sums[level].steps[columnSide]);
      Value there = b.at(target, b.mul(b.sub(k, from), bytes));
      if (level + 1 == sums.size())
        return body(here, there);
      packLevel(unit, here, there, level + 1, b.i64(0), loops.value(sums[level + 1].range), body);
    });
  }
  /// Elements from the batch's first number to each of a vector's 16 columns; columns behind the last are the last.
  Value columnOffsets(Unit &unit, int64_t v) {
    Type type = b.vec(kLanes, b.getI64Type());
    Value index = arith::AddIOp::create(b, lanesI64(), b.broadcast(b.add(unit.column, v * kLanes)));
    Value most = b.broadcast(b.add(loops.value(numColumns), -1));
    index = arith::MinSIOp::create(b, index, most);
    Value offsets = arith::ConstantOp::create(b, b.getZeroAttr(type));
    for (const StridedLoop &loop : llvm::reverse(columns)) {
      Value at = index;
      if (&loop != &columns.front()) {
        Value range = b.broadcast(loops.value(loop.range));
        at = arith::RemUIOp::create(b, index, range);
        index = arith::DivUIOp::create(b, index, range);
      }
      Value step = b.broadcast(loops.value(loop.steps[columnSide]));
      offsets = arith::AddIOp::create(b, offsets, arith::MulIOp::create(b, at, step));
    }
    return offsets;
  }
  Value gather(Value base, Value offsets) {
    auto pointers = VectorType::get({kLanes}, b.pointerType());
    Value places = LLVM::GEPOp::create(b, pointers, b.f32(), base, ArrayRef<LLVM::GEPArg>{offsets});
    Value all = arith::ConstantOp::create(b, DenseElementsAttr::get(b.vec(kLanes, b.getI1Type()), true));
    return LLVM::masked_gather::create(b, b.vecF32(), places, all, b.constant(b.vecF32(), 0.0), b.getI32IntegerAttr(4));
  }
  /// Steps lie side by side and columns do not: 16 of each are read as rows and turned.
  void packTurned(Unit &unit, int64_t v, Value target, Value from, Value to,
                  llvm::function_ref<void(Value, Value)> gathered) {
    SmallVector<Value> rowPlaces;
    Value most = b.add(loops.value(numColumns), -1);
    for (int64_t i = 0; i < kLanes; ++i) {
      Value column = b.add(unit.column, v * kLanes + i);
      if (unit.masks[v])
        column = b.min(column, most);
      rowPlaces.push_back(loops.offset(column, columns[0].steps[columnSide]));
    }
    turnLevel(unit, rowPlaces, unit.places[columnSide], target, 0, from, to, gathered);
  }
  void turnLevel(Unit &unit, ArrayRef<Value> rowPlaces, Value source, Value target, size_t level, Value from, Value to,
                 llvm::function_ref<void(Value, Value)> gathered) {
    int64_t bytes = stepsInside(level) * unit.width * kLanes * 4;
    Number step = sums[level].steps[columnSide];
    auto there = [&](Value k) { return b.at(target, b.mul(b.sub(k, from), bytes)); };
    if (level + 1 < sums.size()) {
      b.forLoop(from, to, 1, [&](Value k) {
        turnLevel(unit, rowPlaces, loops.at(source, k, step), there(k), level + 1, b.i64(0),
                  loops.value(sums[level + 1].range), gathered);
      });
      return;
    }
    Value whole = b.add(from, b.mul(b.div(b.sub(to, from), kLanes), kLanes));
    b.forLoop(from, whole, kLanes, [&](Value k) {
      SmallVector<Value> square;
      for (Value row : rowPlaces)
        square.push_back(b.load(b.vecF32(), b.at(b.at(source, row), b.mul(k, 4))));
      turnSquare(b, square);
      for (auto [i, column] : llvm::enumerate(square))
        b.store(column, b.at(there(k), static_cast<int64_t>(i) * bytes), 64);
    });
    b.forLoop(whole, to, 1, [&](Value k) { gathered(loops.at(source, k, step), there(k)); });
  }

  //===-- results -------------------------------------------------------------------------------------------------===//

  /// Stores what the epilogue makes of parts[count][width] of the rows from `row` on.
  void finish(Unit &unit, Value row, int64_t count, ArrayRef<Value> parts) {
    auto placeOf = [&](unsigned buffer, int64_t r, int64_t v) {
      Value place = loops.at(unit.places[buffer], b.add(row, r), rows.steps[buffer]);
      // Columns are joined only where they follow each other: the innermost step is that of all.
      return loops.at(place, b.add(unit.column, v * kLanes), columns.back().steps[buffer]);
    };
    for (int64_t r = 0; r < count; ++r)
      for (int64_t v = 0; v < unit.width; ++v) {
        SmallVector<Value> values = {parts[r * unit.width + v]};
        for (unsigned i = 2; i < out; ++i) {
          bool one = columns.back().steps[i].is(0);
          Value place = placeOf(i, r, v);
          values.push_back(one ? b.broadcast(b.load(b.f32(), place)) : loadVector(place, unit.masks[v]));
        }
        Value result = vectorBody(b, op.getEpilogue().front(), values, kLanes)[0];
        Value place = placeOf(out, r, v);
        if (unit.masks[v])
          LLVM::MaskedStoreOp::create(b, result, place, unit.masks[v], b.getI32IntegerAttr(4));
        else
          b.store(result, place);
      }
  }
};

} // namespace

void llmc::vector_emit::emitContract(VectorBuilder &b, kernel::ContractOp op, const KernelArguments &arguments) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op);
  Emitter(b, op, arguments).emit();
  op.erase();
}
