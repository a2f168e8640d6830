// AttentionTile.cpp - scores, weights and outputs of a tile of queries for a chunk of keys.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/AttentionTile.h"

#include "compiler/Targets/Vector/Math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;

AttentionTile::AttentionTile(VectorBuilder &b, kernel::AttentionOp op, const KernelArguments &arguments)
    : b(b), op(op), arguments(arguments), page(op.getPage()), cells(b, op.getPage()), q(arguments.rows(op.getQ())),
      y(arguments.rows(op.getOuts()[0])), headDim(page.getHeadDim()), stateView(arguments.value(op.getState())),
      slot(arguments.value(op.getSlot())), positions(arguments.value(op.getPositions())),
      sequences(arguments.value(op.getSequences())), outputStride((headDim + kLanes - 1) / kLanes * kLanes),
      group(static_cast<int64_t>(op.getNumHeads()) / page.getHeads()) {
  states = b.frame(kTilesTogether * stateBytes());
  for (int64_t i = 0; i < kTilesTogether; ++i) { // lanes past the rows are read
    b.store(b.constant(b.vecF32(), 0.0), state(b.i64(i)).chunkMaxima, 64);
    b.store(b.constant(b.vecF32(), 0.0), state(b.i64(i)).chunkSums, 64);
  }
}

int64_t AttentionTile::stateBytes() const {
  return (arguments.backend->attentionTile().rows * (kChunk + outputStride) + 6 * kLanes) * 4;
}

TileState AttentionTile::state(Value number) {
  Value place = b.at(states, b.mul(number, stateBytes()));
  auto take = [&](int64_t numbers) {
    Value own = place;
    place = b.at(place, numbers * 4);
    return own;
  };
  int64_t rows = arguments.backend->attentionTile().rows;
  TileState state;
  state.scores = take(rows * kChunk);
  state.outputs = take(rows * outputStride);
  for (Value *array :
       {&state.maxima, &state.sums, &state.chunkMaxima, &state.chunkSums, &state.oldFactors, &state.freshFactors})
    *array = take(kLanes);
  return state;
}

int64_t AttentionTile::vectorsAtOnce(int64_t rows) {
  RegisterTile tile = arguments.backend->attentionTile();
  int64_t width = std::min(kChunkVectors, tile.rows * tile.panels / rows);
  return width == 3 ? 2 : std::max<int64_t>(width, 1);
}

int64_t AttentionTile::rowStep(QueryRows queries, const RowsInMemory &memory) {
  return (queries.overTokens ? memory.stride : headDim) * 4;
}

/// Query heads of a key-value head of f32 whose products take no longer than reading it.
static constexpr int64_t kFewHeads = 4;

void AttentionTile::askAhead(QueryRows queries, Value block, Value step, int64_t steps) {
  if (queries.overTokens)
    return;
  int64_t lines = kChunk * headDim * cells.bytes() / kLineBytes / steps;
  int64_t parts = std::max<int64_t>(1, std::min(queries.parts, lines));
  while (lines % parts) // every line is asked for, some twice
    --parts;
  int64_t linesOfStep = lines / parts;
  if (parts > 1)
    step = b.add(b.mul(parts < queries.parts ? b.rem(queries.part, parts) : queries.part, steps), step);
  // What takes little arithmetic a byte, f32 for few heads, comes as fast as it is needed when a line in four is asked
  // for and the processor foresees the others; more leaves it too little to see.
  int64_t apart = page.getElement().isF32() && group <= kFewHeads ? 4 : 1;
  for (int64_t i = 0; i < linesOfStep; i += apart)
    b.prefetch(b.at(block, b.add(b.mul(step, linesOfStep * kLineBytes), i * kLineBytes)), CacheLevel::Second);
}

Value AttentionTile::visible(Value own, Value firstKey) {
  // Key numbers of the 16 lanes, relative to the query's position: visible when in (-window, 0].
  VectorType ints = b.vec(kLanes, b.getI32Type());
  SmallVector<int32_t> iota;
  for (int32_t lane = 0; lane < kLanes; ++lane)
    iota.push_back(lane);
  Value distance = b.broadcast(arith::TruncIOp::create(b, b.getI32Type(), b.sub(firstKey, own)));
  distance = arith::AddIOp::create(b, distance,
                                   arith::ConstantOp::create(b, DenseElementsAttr::get(ints, ArrayRef<int32_t>(iota))));
  auto splat = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(ints, APInt(32, value, true)));
  };
  Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, distance, splat(0));
  if (hasWindow()) {
    Value near =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, distance, splat(-static_cast<int64_t>(op.getWindow())));
    seen = arith::AndIOp::create(b, seen, near);
  }
  return seen;
}

void AttentionTile::computeScores(const TileState &state, QueryRows queries, Value token, Value headOffset, Value keys,
                                  Value keyScales, Value firstKey, Value values) {
  int64_t rows = queries.count, width = vectorsAtOnce(rows);
  Value qRow = b.at(q.row(b, token), headOffset);
  Value firstPosition = position(token), lastPosition = firstPosition;
  if (queries.overTokens)
    lastPosition = position(b.add(token, rows - 1));
  // Most chunks are seen whole by all rows.
  Value whole = b.lessEqual(b.add(firstKey, kChunk - 1), firstPosition);
  if (hasWindow())
    whole = arith::AndIOp::create(b, whole,
                                  b.less(b.sub(lastPosition, b.i64(static_cast<int64_t>(op.getWindow()))), firstKey));
  Value minusInfinity = b.constant(b.vecF32(), -std::numeric_limits<double>::infinity());
  auto placeOf = [&](int64_t r, Value vector) {
    return b.at(state.scores, b.add(b.mul(vector, kLanes * 4), r * kChunk * 4));
  };
  Value keysInChunk = b.sub(b.add(lastPosition, 1), firstKey);
  Value vectors =
      width == kChunkVectors
          ? b.i64(kChunkVectors)
          : b.min(b.i64(kChunkVectors), b.mul(b.div(b.add(keysInChunk, width * kLanes - 1), width * kLanes), width));
  b.forLoop(b.i64(0), vectors, width, [&](Value vector) {
    const int64_t vectorBytes = kLanes * cells.bytes();
    Value block = b.at(keys, b.mul(vector, vectorBytes));
    SmallVector<Value> scales;
    for (int64_t i = 0; i < width; ++i)
      scales.push_back(cells.scales(keyScales, b.mul(b.add(vector, i), kLanes), kLanes));
    SmallVector<Value> dots(rows * width, b.constant(b.vecF32(), 0.0));
    dots = b.forLoop(b.i64(0), b.i64(headDim), 1, dots, [&](Value d, ValueRange carried) {
      SmallVector<Value> next(carried), columns;
      Value step = b.add(b.mul(b.div(vector, width), headDim), d);
      askAhead(queries, values, step, headDim * kChunkVectors / width);
      for (int64_t i = 0; i < width; ++i)
        columns.push_back(
            cells.load(b.at(block, b.add(b.mul(d, kChunkVectors * vectorBytes), i * vectorBytes)), kLanes, scales[i]));
      for (int64_t r = 0; r < rows; ++r) {
        Value query = b.broadcast(b.load(b.f32(), b.at(qRow, b.add(b.mul(d, 4), r * rowStep(queries, q)))));
        for (int64_t i = 0; i < width; ++i)
          next[r * width + i] = b.fma(query, columns[i], next[r * width + i]);
      }
      return next;
    });
    for (Value &s : dots) {
      s = b.fmul(s, b.constant(b.vecF32(), op.getScale().convertToFloat()));
      float cap = op.getSoftcap().convertToFloat();
      if (cap > 0)
        s = b.fmul(emitTanh(b, b.fdiv(s, b.constant(b.vecF32(), cap))), b.constant(b.vecF32(), cap));
    }
    auto storeAll = [&](bool masked) {
      for (int64_t r = 0; r < rows; ++r) {
        Value own = masked ? position(queries.overTokens ? b.add(token, r) : token) : Value();
        for (int64_t i = 0; i < width; ++i) {
          Value s = dots[r * width + i], at = b.add(vector, i);
          if (masked)
            s = arith::SelectOp::create(b, visible(own, b.add(firstKey, b.mul(at, kLanes))), s, minusInfinity);
          b.store(s, placeOf(r, at), 64);
        }
      }
    };
    b.ifThenElse(whole, [&] { storeAll(false); }, [&] { storeAll(true); });
  });
  b.forLoop(vectors, b.i64(kChunkVectors), 1, [&](Value vector) {
    for (int64_t r = 0; r < rows; ++r)
      b.store(minusInfinity, placeOf(r, vector), 64);
  });
}

void AttentionTile::chunkWeights(const TileState &state, int64_t rows) {
  auto scoresOf = [&](Value r, int64_t i) { return b.at(state.scores, b.add(b.mul(r, kChunk * 4), i * kLanes * 4)); };
  forRows(rows, [&](Value r) {
    Value most = b.load(b.vecF32(), scoresOf(r, 0), 64);
    for (int64_t i = 1; i < kChunkVectors; ++i)
      most = b.fmax(most, b.load(b.vecF32(), scoresOf(r, i), 64));
    // A chunk without a visible key has the finite maximum "none", and so weights and a factor of zero.
    b.store(b.fmax(b.constant(b.f32(), kNoKeys), b.pairwiseMax(most)), rowPlace(state.chunkMaxima, r));
  });
  forRows(rows, [&](Value r) {
    Value wideMaximum = b.broadcast(b.load(b.f32(), rowPlace(state.chunkMaxima, r)));
    Value lanes = b.constant(b.vecF32(), 0.0);
    for (int64_t i = 0; i < kChunkVectors; ++i) {
      Value score = b.load(b.vecF32(), scoresOf(r, i), 64);
      Value weight = emitExpOfNonPositive(b, *arguments.backend, b.fsub(score, wideMaximum));
      b.store(weight, scoresOf(r, i), 64);
      lanes = b.fadd(lanes, weight);
    }
    b.store(b.pairwiseSum(lanes), rowPlace(state.chunkSums, r));
  });
}

std::pair<Value, Value> AttentionTile::merge(const TileState &state, Value maximum, Value sum, Value chunkMaximum,
                                             Value chunkSum) {
  Value after = b.fmax(maximum, chunkMaximum);
  Value old = emitExpOfNonPositive(b, *arguments.backend, b.fsub(maximum, after));
  Value fresh = emitExpOfNonPositive(b, *arguments.backend, b.fsub(chunkMaximum, after));
  b.store(old, state.oldFactors, 64);
  b.store(fresh, state.freshFactors, 64);
  return {after, b.fadd(b.fmul(sum, old), b.fmul(chunkSum, fresh))};
}

void AttentionTile::mergeOutput(const TileState &state, int64_t r, Value place, Value chunkOutput) {
  int64_t lanes = cast<VectorType>(chunkOutput.getType()).getDimSize(0);
  Value old = b.load(b.f32(), b.at(state.oldFactors, r * 4));
  Value fresh = b.load(b.f32(), b.at(state.freshFactors, r * 4));
  Value kept = b.fmul(b.load(b.vecF32(lanes), place, 64), b.broadcast(old, lanes));
  b.store(b.fadd(kept, b.fmul(chunkOutput, b.broadcast(fresh, lanes))), place, 64);
}

void AttentionTile::chunkOutputs(const TileState &state, QueryRows queries, Value values, Value valueScales,
                                 Value keysInChunk, Value nextKeys,
                                 llvm::function_ref<void(int64_t, int64_t, Value)> done) {
  int64_t rows = queries.count, width = vectorsAtOnce(rows);
  // Runs of `width` vectors of columns, the last shorter.
  SmallVector<std::pair<int64_t, int64_t>> columns;
  forColumns(headDim, [&](int64_t column, int64_t lanes) { columns.push_back({column, lanes}); });
  for (size_t from = 0; from < columns.size(); from += width) {
    auto run = ArrayRef(columns).slice(from, std::min<size_t>(width, columns.size() - from));
    SmallVector<Value> chains;
    for (int64_t r = 0; r < rows; ++r)
      for (auto [column, lanes] : run)
        chains.push_back(b.constant(b.vecF32(lanes), 0.0));
    chains = b.forLoop(b.i64(0), keysInChunk, 1, chains, [&](Value j, ValueRange carried) {
      SmallVector<Value> next(carried), loaded;
      Value vRow = b.at(values, b.mul(j, headDim * cells.bytes()));
      if (from == 0)
        askAhead(queries, nextKeys, j, kChunk);
      Value scale = cells.scales(valueScales, j, 1);
      for (auto [column, lanes] : run)
        loaded.push_back(
            cells.load(b.at(vRow, column * cells.bytes()), lanes, scale ? b.broadcast(scale, lanes) : Value()));
      for (int64_t r = 0; r < rows; ++r) {
        Value weight = b.load(b.f32(), b.at(state.scores, b.add(b.mul(j, 4), r * kChunk * 4)));
        for (size_t i = 0; i < run.size(); ++i) {
          Value &chain = next[r * run.size() + i];
          chain = b.fma(b.broadcast(weight, run[i].second), loaded[i], chain);
        }
      }
      return next;
    });
    for (int64_t r = 0; r < rows; ++r)
      for (size_t i = 0; i < run.size(); ++i)
        done(r, run[i].first, chains[r * run.size() + i]);
  }
}

Value AttentionTile::firstChunk(Value position) {
  if (op.getWindow() <= 0)
    return b.i64(0);
  Value oldest = b.max(b.add(position, 1 - static_cast<int64_t>(op.getWindow())), b.i64(0));
  return b.mul(b.div(oldest, kChunk), kChunk);
}

AttentionTile::Chunk AttentionTile::chunkAt(Value owner, Value kvHead, Value firstKey) {
  PageBlocks blocks = pageBlocks(b, page, stateView, owner, b.div(firstKey, page.getTokens()), slot, kvHead);
  Value within = b.rem(firstKey, page.getTokens()); // a multiple of 64
  Value rowBytes = b.mul(within, headDim * cells.bytes());
  return {firstKey, b.at(blocks.keys, rowBytes), cells.scalesFrom(blocks.keys, within), b.at(blocks.values, rowBytes),
          cells.scalesFrom(blocks.values, within)};
}

void AttentionTile::weigh(const TileState &state, QueryRows queries, Value token, Value headOffset,
                          const Chunk &chunk) {
  computeScores(state, queries, token, headOffset, chunk.keys, chunk.keyScales, chunk.firstKey, chunk.values);
  chunkWeights(state, queries.count);
}

void AttentionTile::gather(const TileState &state, QueryRows queries, Value lastPosition, const Chunk &chunk,
                           Value nextKeys, llvm::function_ref<void(int64_t, int64_t, Value)> done) {
  Value keys = b.min(b.i64(kChunk), b.sub(b.add(lastPosition, 1), chunk.firstKey));
  chunkOutputs(state, queries, chunk.values, chunk.valueScales, keys, nextKeys, done);
}

void AttentionTile::finishRow(Value output, Value sum, Value out) {
  forColumns(headDim, [&](int64_t column, int64_t lanes) {
    Value value = b.load(b.vecF32(lanes), b.at(output, column * 4), 64);
    b.store(b.fdiv(value, b.broadcast(sum, lanes)), b.at(out, column * 4));
  });
}
