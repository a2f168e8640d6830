// HalfMatmul.cpp - halved rows times panels of f16, added in f16 a chunk of K at a time; and what makes such rows.
//
// Every chunk of 64 k is a chain of fused multiply-adds in f16; one addition takes it into the element's f32 sum. So
// every tile gives the same bits. Few rows: panels as they lie, 16 columns a vector, sums in registers. Many rows: a
// chunk of a few panels is put together in the frame, 32 columns a vector, where it stays in the first-level cache
// while a block of rows walks it; the block's sums wait in the frame for the next chunk.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/FloatPanels.h"
#include "compiler/Targets/Vector/Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llmc/step_abi.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;
using kernel::HalvedRow;
using kernel::PackedType;

namespace {

constexpr int64_t kChunk = kernel::MatmulOp::halfChunk;
/// Lanes of a vector of f16.
constexpr int64_t kHalfLanes = 2 * kLanes;
/// Bytes of a number in a halved row: it stands there twice.
constexpr int64_t kPairBytes = 4;
/// k steps in one turn of the loop.
constexpr int64_t kUnroll = 4;
/// Row counts up to which the weights' way from memory is what takes the time.
constexpr int64_t kPrefetchRows = 2;
/// Rows from which chunks are put together for all of them.
constexpr int64_t kManyRows = 24;
/// Rows whose sums wait in the frame, and most vectors of 16 columns that each of them has.
constexpr int64_t kBlockRows = 256, kMostVectors = 8;
static_assert(kBlockRows * kMostVectors * kLanes * 4 + kChunk * kMostVectors * kLanes * 2 <=
                  LLMC_STEP_STACK_BYTES - (64 << 10),
              "spills and tables aside");

struct HalfMatmulEmitter {
  VectorBuilder &b;
  kernel::MatmulOp op;
  const KernelArguments &arguments;
  PackedType weight;
  Value x;
  int64_t xStride, scalePlace; ///< in bytes
  int64_t streams, k;
  ProductTiling tiling;
  FloatPanels floats;
  Value chunk;   ///< frame memory: [kChunk][kMostVectors][16] f16
  Value waiting; ///< frame memory: [kBlockRows][vectors][16] f32

  HalfMatmulEmitter(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments)
      : b(b), op(op), arguments(arguments), weight(op.getWeight().getType()), x(arguments.value(op.getX())),
        xStride(kernel::rowStride(cast<MemRefType>(op.getX().getType())) * 2),
        scalePlace(HalvedRow(weight.getK()).scale * 2), streams(weight.getStreams()), k(weight.getK()),
        tiling(tilingOf(op, *arguments.backend)), floats(b, weight, arguments.value(op.getWeight())) {
    chunk = b.frame(kChunk * kMostVectors * kLanes * 2);
    waiting = b.frame(kBlockRows * kMostVectors * kLanes * 4);
  }

  VectorType halves(int64_t lanes) { return b.vec(lanes, b.getF16Type()); }

  Value zeroHalves(int64_t lanes) { return b.constant(halves(lanes), 0.0); }

  /// The number of a row at `place` (bytes from its first) in every lane.
  Value number(Value xRow, Value k, int64_t place, int64_t lanes) {
    Value pair = b.loadI32(b.at(xRow, b.add(b.mul(k, kPairBytes), place)));
    return vector::BitCastOp::create(b, halves(lanes), b.broadcast(pair, lanes / 2));
  }

  Value widened(Value half) { return arith::ExtFOp::create(b, b.vecF32(), half); }

  /// Calls body(from, count) over the chunks of K: in a loop over the whole ones, then with what is left.
  void forChunks(llvm::function_ref<void(Value, int64_t)> body) {
    int64_t whole = k / kChunk * kChunk;
    if (whole > 0)
      b.forLoop(b.i64(0), b.i64(whole), kChunk, [&](Value from) { body(from, kChunk); });
    if (whole < k)
      body(b.i64(whole), k - whole);
  }
  /// The same with carried values.
  SmallVector<Value> forChunks(SmallVector<Value> sums,
                               llvm::function_ref<SmallVector<Value>(Value, int64_t, ValueRange)> body) {
    int64_t whole = k / kChunk * kChunk;
    if (whole > 0)
      sums = b.forLoop(b.i64(0), b.i64(whole), kChunk, sums,
                       [&](Value from, ValueRange carried) { return body(from, kChunk, carried); });
    return whole < k ? body(b.i64(whole), k - whole, sums) : sums;
  }

  /// The chains of `count` k: `step` adds the products of one k at an offset from where a turn begins.
  SmallVector<Value> forSteps(int64_t count, SmallVector<Value> sums,
                              llvm::function_ref<void(SmallVectorImpl<Value> &, Value, int64_t)> step) {
    int64_t whole = count / kUnroll * kUnroll;
    if (whole > 0)
      sums = b.forLoop(b.i64(0), b.i64(whole), kUnroll, sums, [&](Value at, ValueRange carried) {
        SmallVector<Value> next(carried);
        for (int64_t i = 0; i < kUnroll; ++i)
          step(next, at, i);
        return next;
      });
    for (int64_t i = whole; i < count; ++i)
      step(sums, b.i64(0), i);
    return sums;
  }

  Value scaleOf(Value xRow, int64_t r) { return b.broadcast(b.load(b.f32(), b.at(xRow, r * xStride + scalePlace))); }

  //===-- few rows ------------------------------------------------------------------------------------------------===//

  /// One register tile: `rows` rows from `row`, `width` panels from `panel`.
  void tile(int64_t rows, int64_t width, Value row, Value panel) {
    int64_t vectors = width * streams;
    SmallVector<Value> first = floats.vectors(panel, width);
    Value xRow = b.at(x, b.mul(row, xStride));
    bool asks = rows <= kPrefetchRows && tiling.ahead;
    SmallVector<Value> sums(rows * vectors, b.constant(b.vecF32(), 0.0));
    sums = forChunks(sums, [&](Value from, int64_t count, ValueRange carried) {
      SmallVector<Value> chains(rows * vectors, zeroHalves(kLanes));
      chains = forSteps(count, chains, [&](SmallVectorImpl<Value> &next, Value turn, int64_t step) {
        Value at = b.add(from, turn);
        if (asks)
          floats.prefetch(floats.placeAhead(panel, width, at, tiling.ahead), width, step);
        for (int64_t v = 0; v < vectors; ++v) {
          Value place = b.at(first[v], b.add(b.mul(at, floats.stepBytes()), step * floats.stepBytes()));
          Value weights = b.load(halves(kLanes), place, 32);
          for (int64_t r = 0; r < rows; ++r) {
            Value &chain = next[r * vectors + v];
            chain = b.fma(number(xRow, at, r * xStride + step * kPairBytes, kLanes), weights, chain);
          }
        }
      });
      SmallVector<Value> next;
      for (auto [sum, chain] : llvm::zip(carried, chains))
        next.push_back(b.fadd(sum, widened(chain)));
      return next;
    });
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < vectors; ++v)
        sums[r * vectors + v] = b.fmul(sums[r * vectors + v], scaleOf(xRow, r));
    storeResults(b, op, arguments, rows, width, row, panel, sums);
  }

  void fewRows(Value from, Value to) {
    // Tiles for integers hold two sums an element, too.
    walkTiles(b, arguments.backend->integerTiles(streams), tiling, arguments.count, from, to,
              [&](int64_t rows, int64_t panels, Value row, Value panel) { tile(rows, panels, row, panel); });
  }

  //===-- many rows -----------------------------------------------------------------------------------------------===//

  /// Vectors of 32 columns that `width` panels make.
  int64_t wideVectors(int64_t width) { return (width * streams + 1) / 2; }

  /// Puts `count` k from `from` of `width` panels side by side; an odd panel has zeros beside it.
  void gather(int64_t width, Value panel, Value from, int64_t count) {
    int64_t vectors = width * streams, wide = wideVectors(width);
    SmallVector<Value> first = floats.vectors(panel, width);
    b.forLoop(b.i64(0), b.i64(count), 1, [&](Value step) {
      Value source = b.mul(b.add(from, step), floats.stepBytes());
      Value target = b.at(chunk, b.mul(step, wide * kHalfLanes * 2));
      for (int64_t v = 0; v < 2 * wide; ++v) {
        Value half = v < vectors ? b.load(halves(kLanes), b.at(first[v], source), 32) : zeroHalves(kLanes);
        b.store(half, b.at(target, v * kLanes * 2), 32);
      }
    });
  }

  /// With tile number `tile` of a block asks for a part of the panels' chunk from k `from` on: putting it together
  /// would wait for memory.
  void prefetchNext(int64_t width, Value panel, Value from, Value tile) {
    constexpr int64_t steps = kLineBytes / (kLanes * 2);
    Value k = b.add(from, b.mul(tile, steps));
    b.ifThen(b.less(tile, b.i64(kChunk / steps)), [&] {
      Value place = floats.placeAhead(panel, width, k, 0);
      for (int64_t step = 0; step < steps; ++step)
        floats.prefetch(place, width, step);
    });
  }

  Value waitingOf(Value row, int64_t wide) { return b.at(waiting, b.mul(row, wide * kHalfLanes * 4)); }

  /// Adds the products of a chunk that was put together to the sums of `rows` rows from `row`, which is the block's
  /// number `index`.
  void wideTile(int64_t rows, int64_t wide, Value row, Value index, Value from, int64_t count) {
    Value xRow = b.at(x, b.add(b.mul(row, xStride), b.mul(from, kPairBytes)));
    SmallVector<Value> chains(rows * wide, zeroHalves(kHalfLanes));
    chains = forSteps(count, chains, [&](SmallVectorImpl<Value> &next, Value turn, int64_t step) {
      Value place = b.at(chunk, b.mul(turn, wide * kHalfLanes * 2));
      SmallVector<Value> weights;
      for (int64_t v = 0; v < wide; ++v)
        weights.push_back(b.load(halves(kHalfLanes), b.at(place, (step * wide + v) * kHalfLanes * 2), 64));
      for (int64_t r = 0; r < rows; ++r) {
        Value activation = number(xRow, turn, r * xStride + step * kPairBytes, kHalfLanes);
        for (int64_t v = 0; v < wide; ++v)
          next[r * wide + v] = b.fma(activation, weights[v], next[r * wide + v]);
      }
    });
    Value sums = waitingOf(index, wide);
    for (int64_t i = 0; i < rows * wide; ++i)
      for (int64_t part = 0; part < 2; ++part) {
        Value place = b.at(sums, (2 * i + part) * kLanes * 4);
        Value half = b.lanes(chains[i], part * kLanes, kLanes);
        b.store(b.fadd(b.load(b.vecF32(), place, 64), widened(half)), place, 64);
      }
  }

  /// All rows times `width` panels from `panel` on.
  void manyRows(int64_t width, Value panel) {
    int64_t wide = wideVectors(width), vectors = width * streams;
    int64_t most = std::min(tiling.many.rows * tiling.many.panels * streams / (2 * wide), int64_t(12));
    b.forLoop(b.i64(0), arguments.count, kBlockRows, [&](Value firstRow) {
      Value count = b.min(b.sub(arguments.count, firstRow), b.i64(kBlockRows));
      b.forLoop(b.i64(0), b.mul(count, wide * 2), 1,
                [&](Value i) { b.store(b.constant(b.vecF32(), 0.0), b.at(waiting, b.mul(i, kLanes * 4)), 64); });
      forChunks([&](Value from, int64_t steps) {
        gather(width, panel, from, steps);
        Value index = b.i64(0);
        SmallVector<int64_t> tileRows = {most};
        for (int64_t rows : {4, 2, 1})
          if (rows < most)
            tileRows.push_back(rows);
        for (int64_t rows : tileRows) {
          Value end = b.add(index, b.mul(b.div(b.sub(count, index), rows), rows));
          b.forLoop(index, end, rows, [&](Value i) {
            if (rows == most)
              prefetchNext(width, panel, b.add(from, steps), b.div(i, rows));
            wideTile(rows, wide, b.add(firstRow, i), i, from, steps);
          });
          index = end;
        }
      });
      b.forLoop(b.i64(0), count, 1, [&](Value i) {
        Value row = b.add(firstRow, i), scale = scaleOf(b.at(x, b.mul(row, xStride)), 0);
        SmallVector<Value> sums;
        for (int64_t v = 0; v < vectors; ++v)
          sums.push_back(b.fmul(b.load(b.vecF32(), b.at(waitingOf(i, wide), v * kLanes * 4), 64), scale));
        storeResults(b, op, arguments, /*rows=*/1, width, row, panel, sums);
      });
    });
  }

  void emit() {
    auto [first, last] = threadShare(b, arguments, b.i64(weight.getPanels()));
    Value from = first, to = last;
    if (streams > kMostVectors)
      return fewRows(from, to);
    b.ifThenElse(
        b.lessEqual(b.i64(kManyRows), arguments.count),
        [&] {
          // A vector holds two panels. What does not fill the last group of w vectors is spread over groups of one
          // less.
          int64_t unit = streams == 1 ? 2 : 1;
          int64_t w = std::max<int64_t>(std::min(tiling.many.panels, kMostVectors / streams) / unit, 1);
          Value units = b.div(b.sub(to, from), unit), panel = from, end = b.add(from, b.mul(units, unit));
          Value narrow = b.mul(b.rem(b.sub(b.i64(w), b.rem(units, w)), w), w - 1);
          Value wideEnd = b.add(from, b.mul(b.max(b.sub(units, narrow), b.i64(0)), unit));
          for (int64_t width = w; width >= 1; --width) {
            int64_t panels = width * unit;
            Value groups = b.mul(b.div(b.sub(end, panel), panels), panels);
            Value groupsEnd = width == w && w > 1 ? wideEnd : b.add(panel, groups);
            b.forLoop(panel, groupsEnd, panels, [&](Value p) { manyRows(panels, p); });
            panel = groupsEnd;
          }
          if (unit > 1)
            b.forLoop(panel, to, 1, [&](Value p) { manyRows(1, p); });
        },
        [&] { fewRows(from, to); });
  }
};

//===-- halve
//-------------------------------------------------------------------------------------------------------===//

/// Exponents as they stand in an f32: of 2^-100, and of 2^127, which has no inverse that is a normal number.
constexpr int32_t kLeastExponent = 27, kMostExponent = 254;

struct RowHalver {
  VectorBuilder &b;
  kernel::HalveOp op;
  int64_t k;
  Value norm; ///< a table, or null

  /// `lanes` columns from `column` of the row at `source`, normed.
  Value columns(Value source, Value scale, Value column, int64_t lanes) {
    Value offset = b.mul(column, 4), value = b.load(b.vecF32(lanes), b.at(source, offset));
    if (!norm)
      return value;
    Value weight = b.load(b.vecF32(lanes), b.at(norm, offset));
    if (float added = op.getNormOffset().convertToFloat(); added != 0.0f)
      weight = b.fadd(weight, b.constant(b.vecF32(lanes), added));
    return b.fmul(b.fmul(value, b.broadcast(scale, lanes)), weight);
  }

  /// Bits of magnitudes: they are in the order of the magnitudes, and those of what is no number come last.
  Value magnitudes(Value values) {
    int64_t lanes = cast<VectorType>(values.getType()).getDimSize(0);
    VectorType words = b.vec(lanes, b.getI32Type());
    Value mask = arith::ConstantOp::create(b, DenseElementsAttr::get(words, APInt(32, 0x7fffffff)));
    return arith::AndIOp::create(b, arith::BitcastOp::create(b, words, values), mask);
  }

  Value largestOf(Value bits) {
    Value most = b.lane(bits, 0);
    for (int64_t n = cast<VectorType>(bits.getType()).getDimSize(0), i = 1; i < n; ++i)
      most = arith::MaxSIOp::create(b, most, b.lane(bits, i));
    return most;
  }

  /// The bits of the row's largest magnitude.
  Value largest(Value source, Value scale) {
    int64_t whole = k / kLanes * kLanes;
    Value zeros = arith::ConstantOp::create(b, DenseElementsAttr::get(b.vec(kLanes, b.getI32Type()), APInt(32, 0)));
    Value most = zeros;
    if (whole > 0)
      most = b.forLoop(b.i64(0), b.i64(whole), kLanes, ValueRange{zeros}, [&](Value column, ValueRange carried) {
        Value bits = magnitudes(columns(source, scale, column, kLanes));
        return SmallVector<Value>{arith::MaxSIOp::create(b, carried[0], bits)};
      })[0];
    for (int64_t n = kLanes / 2; n >= 1; n /= 2)
      most = arith::MaxSIOp::create(b, b.lanes(most, 0, n), b.lanes(most, n, n));
    most = b.lane(most, 0);
    if (whole < k)
      most = arith::MaxSIOp::create(b, most, largestOf(magnitudes(columns(source, scale, b.i64(whole), k - whole))));
    return most;
  }

  void row(Value source, Value target) {
    Value scale;
    if (norm)
      scale = rmsScale(b, source, k, op.getEpsilon().convertToFloat());
    Value exponent = arith::ShRUIOp::create(b, largest(source, scale), b.i32(23));
    exponent = arith::MaxSIOp::create(b, exponent, b.i32(kLeastExponent));
    auto power = [&](Value exponent) {
      return arith::BitcastOp::create(b, b.f32(), arith::ShLIOp::create(b, exponent, b.i32(23)));
    };
    Value isGood = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, exponent, b.i32(kMostExponent));
    Value noNumber = arith::BitcastOp::create(b, b.f32(), b.i32(0x7fc00000));
    b.store(arith::SelectOp::create(b, isGood, power(exponent), noNumber), b.at(target, HalvedRow(k).scale * 2));
    Value inverse = arith::SubIOp::create(b, b.i32(kMostExponent), exponent);
    inverse = power(arith::MaxSIOp::create(b, inverse, b.i32(0)));
    auto store = [&](Value column, int64_t lanes) {
      Value scaled = b.fmul(columns(source, scale, column, lanes), b.broadcast(inverse, lanes));
      Value half = arith::TruncFOp::create(b, b.vec(lanes, b.getF16Type()), scaled);
      VectorType words = b.vec(lanes, b.getI32Type());
      Value bits = arith::BitcastOp::create(b, b.vec(lanes, b.getI16Type()), half);
      bits = arith::ExtUIOp::create(b, words, bits);
      Value sixteen = arith::ConstantOp::create(b, DenseElementsAttr::get(words, APInt(32, 16)));
      b.store(arith::OrIOp::create(b, bits, arith::ShLIOp::create(b, bits, sixteen)),
              b.at(target, b.mul(column, kPairBytes)));
    };
    int64_t whole = k / kLanes * kLanes;
    if (whole > 0)
      b.forLoop(b.i64(0), b.i64(whole), kLanes, [&](Value column) { store(column, kLanes); });
    if (whole < k)
      store(b.i64(whole), k - whole);
  }
};

} // namespace

void llmc::vector_emit::emitHalfMatmul(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments) {
  HalfMatmulEmitter(b, op, arguments).emit();
}

void llmc::vector_emit::emitHalve(VectorBuilder &b, kernel::HalveOp op, const KernelArguments &arguments) {
  RowsInMemory x = arguments.rows(op.getX());
  int64_t stride = kernel::rowStride(cast<MemRefType>(op.getOuts()[0].getType())) * 2;
  Value target = arguments.value(op.getOuts()[0]);
  RowHalver halver = {b, op, x.columns, op.getNorm() ? arguments.value(op.getNorm()) : Value()};
  auto [first, last] = threadShare(b, arguments, arguments.count);
  b.forLoop(first, last, 1, [&](Value row) { halver.row(x.row(b, row), b.at(target, b.mul(row, stride))); });
}
