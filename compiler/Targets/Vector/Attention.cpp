// Attention.cpp - softmax attention over the paged cache, for tiles of queries and for single ones.
//
// A tile is some queries that walk the same keys: one head of consecutive tokens (prefill), or one token's heads that
// share a key-value head (decode). Its state, kept in the function's frame, is per query the running maximum m, the
// running sum l, and the output row; it walks the visible keys in chunks of 64 anchored at position 0, and merges each
// chunk's own maximum, sum and output into it (transformer.attention says in which order). What a query computes is the
// same in a tile and alone: chunks in which it sees nothing leave its state as it was, to the bit.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Cache.h"
#include "compiler/Targets/Vector/Kernels.h"
#include "compiler/Targets/Vector/Math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;

namespace {

constexpr int64_t kChunk = kernel::PageAttr::chunkKeys;
constexpr int64_t kChunkVectors = kChunk / kLanes;
/// The maximum before any key: finite, so that "minus itself" is zero where a chunk is all invisible.
constexpr double kNoKeys = -1.0e30;

/// The queries of a tile: `count` rows, each the next token's or the next head's.
struct QueryRows {
  int64_t count;
  bool overTokens;
};

struct AttentionEmitter {
  VectorBuilder &b;
  kernel::AttentionOp op;
  const KernelArguments &arguments;
  kernel::PageAttr page;
  CacheCells cells;
  RowsInMemory q, y;
  int64_t headDim;
  /// Frame memory of a tile, f32: scores [rows][64], outputs [rows][outputStride]; the others [16], a lane a row, of
  /// which those past the tile's rows are computed and not used.
  Value scores, outputs, maxima, sums, chunkMaxima, chunkSums, oldFactors, freshFactors;
  Value stateView, slot, positions, sequences;
  int64_t outputStride; ///< f32 per row of `outputs`
  int64_t group;        ///< query heads of one key-value head

  AttentionEmitter(VectorBuilder &b, kernel::AttentionOp op, const KernelArguments &arguments)
      : b(b), op(op), arguments(arguments), page(op.getPage()), cells(b, op.getPage()), q(arguments.rows(op.getQ())),
        y(arguments.rows(op.getOuts()[0])), headDim(page.getHeadDim()), stateView(arguments.value(op.getState())),
        slot(arguments.value(op.getSlot())), positions(arguments.value(op.getPositions())),
        sequences(arguments.value(op.getSequences())), outputStride((headDim + kLanes - 1) / kLanes * kLanes),
        group(static_cast<int64_t>(op.getNumHeads()) / page.getHeads()) {
    int64_t rows = arguments.backend->attentionTile().rows;
    scores = b.frame(rows * kChunk * 4);
    outputs = b.frame(rows * outputStride * 4);
    for (Value *array : {&maxima, &sums, &chunkMaxima, &chunkSums, &oldFactors, &freshFactors})
      *array = b.frame(kLanes * 4);
    for (Value array : {chunkMaxima, chunkSums}) // lanes past the rows are read
      b.store(b.constant(b.vecF32(), 0.0), array, 64);
  }

  Value position(Value token) { return b.widen(b.loadI32(b.at(positions, b.mul(token, 4)))); }
  Value sequence(Value token) { return b.widen(b.loadI32(b.at(sequences, b.mul(token, 4)))); }

  /// Vectors that `rows` rows take at a time: as many accumulators as the target's tile has, in a divisor of the
  /// chunk's four.
  int64_t vectorsAtOnce(int64_t rows) {
    RegisterTile tile = arguments.backend->attentionTile();
    int64_t width = std::min(kChunkVectors, tile.rows * tile.panels / rows);
    return width == 3 ? 2 : std::max<int64_t>(width, 1);
  }

  /// Bytes from one row's query, or output, to the next's.
  int64_t rowStep(QueryRows queries, const RowsInMemory &memory) {
    return (queries.overTokens ? memory.stride : headDim) * 4;
  }

  /// A single token waits for the cache: with each of `steps` steps asks for its part of a chunk's block.
  void askAhead(QueryRows queries, Value block, Value step, int64_t steps) {
    if (queries.overTokens)
      return;
    int64_t lines = kChunk * headDim * cells.bytes() / kLineBytes / steps;
    for (int64_t i = 0; i < lines; ++i)
      b.prefetch(b.at(block, b.add(b.mul(step, lines * kLineBytes), i * kLineBytes)), CacheLevel::First);
  }

  /// scores[r][j] = masked, scaled q_r . k_j for the chunk's 64 keys. `values` are read next.
  void computeScores(QueryRows queries, Value token, Value headOffset, Value keys, Value keyScales, Value firstKey,
                     Value values) {
    int64_t rows = queries.count, width = vectorsAtOnce(rows);
    Value qRow = b.at(q.row(b, token), headOffset);
    b.forLoop(b.i64(0), b.i64(kChunkVectors), width, [&](Value vector) {
      const int64_t vectorBytes = kLanes * cells.bytes();
      Value block = b.at(keys, b.mul(vector, headDim * vectorBytes));
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
              cells.load(b.at(block, b.add(b.mul(d, vectorBytes), i * headDim * vectorBytes)), kLanes, scales[i]));
        for (int64_t r = 0; r < rows; ++r) {
          Value query = b.broadcast(b.load(b.f32(), b.at(qRow, b.add(b.mul(d, 4), r * rowStep(queries, q)))));
          for (int64_t i = 0; i < width; ++i)
            next[r * width + i] = b.fma(query, columns[i], next[r * width + i]);
        }
        return next;
      });
      for (int64_t r = 0; r < rows; ++r) {
        Value own = position(queries.overTokens ? b.add(token, r) : token);
        for (int64_t i = 0; i < width; ++i) {
          Value s = b.fmul(dots[r * width + i], b.constant(b.vecF32(), op.getScale().convertToFloat()));
          float cap = op.getSoftcap().convertToFloat();
          if (cap > 0)
            s = b.fmul(emitTanh(b, b.fdiv(s, b.constant(b.vecF32(), cap))), b.constant(b.vecF32(), cap));
          // Key numbers of the 16 lanes, relative to the query's position: visible when in (-window, 0].
          Value first = b.sub(b.add(b.add(firstKey, i * kLanes), b.mul(vector, kLanes)), own);
          VectorType ints = b.vec(kLanes, b.getI32Type());
          SmallVector<int32_t> iota;
          for (int32_t lane = 0; lane < kLanes; ++lane)
            iota.push_back(lane);
          Value distance = b.broadcast(arith::TruncIOp::create(b, b.getI32Type(), first));
          distance = arith::AddIOp::create(
              b, distance, arith::ConstantOp::create(b, DenseElementsAttr::get(ints, ArrayRef<int32_t>(iota))));
          auto splat = [&](int64_t value) -> Value {
            return arith::ConstantOp::create(b, DenseElementsAttr::get(ints, APInt(32, value, true)));
          };
          Value visible = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, distance, splat(0));
          if (op.getWindow() > 0 && op.getWindow() < std::numeric_limits<int32_t>::max()) {
            Value near = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, distance,
                                               splat(-static_cast<int64_t>(op.getWindow())));
            visible = arith::AndIOp::create(b, visible, near);
          }
          Value minusInfinity = b.constant(b.vecF32(), -std::numeric_limits<double>::infinity());
          s = arith::SelectOp::create(b, visible, s, minusInfinity);
          Value place = b.mul(b.add(vector, i), kLanes * 4);
          b.store(s, b.at(scores, b.add(place, r * kChunk * 4)), 64);
        }
      }
    });
  }

  /// Calls body(row) for each row of the tile.
  void forRows(int64_t rows, llvm::function_ref<void(Value)> body) { b.forLoop(b.i64(0), b.i64(rows), 1, body); }

  Value rowPlace(Value array, Value r) { return b.at(array, b.mul(r, 4)); }
  Value loadRows(Value array) { return b.load(b.vecF32(), array, 64); }

  /// Turns the rows' scores into the chunk's weights e = exp(s - chunk maximum); stores its maxima and sums.
  void chunkWeights(int64_t rows) {
    auto scoresOf = [&](Value r, int64_t i) { return b.at(scores, b.add(b.mul(r, kChunk * 4), i * kLanes * 4)); };
    forRows(rows, [&](Value r) {
      Value most = b.load(b.vecF32(), scoresOf(r, 0), 64);
      for (int64_t i = 1; i < kChunkVectors; ++i)
        most = b.fmax(most, b.load(b.vecF32(), scoresOf(r, i), 64));
      // A chunk without a visible key has the finite maximum "none", and so weights and a factor of zero.
      b.store(b.fmax(b.constant(b.f32(), kNoKeys), b.pairwiseMax(most)), rowPlace(chunkMaxima, r));
    });
    forRows(rows, [&](Value r) {
      Value wideMaximum = b.broadcast(b.load(b.f32(), rowPlace(chunkMaxima, r)));
      Value lanes = b.constant(b.vecF32(), 0.0);
      for (int64_t i = 0; i < kChunkVectors; ++i) {
        Value score = b.load(b.vecF32(), scoresOf(r, i), 64);
        Value weight = emitExp(b, b.fsub(score, wideMaximum));
        b.store(weight, scoresOf(r, i), 64);
        lanes = b.fadd(lanes, weight);
      }
      b.store(b.pairwiseSum(lanes), rowPlace(chunkSums, r));
    });
  }

  /// Merges a chunk's maxima and sums into the rows' (each 16 lanes, a lane a row), and stores the factors by which the
  /// output so far and the chunk's output are to be multiplied. Returns the rows' new maxima and sums.
  std::pair<Value, Value> merge(Value maximum, Value sum, Value chunkMaximum, Value chunkSum) {
    Value after = b.fmax(maximum, chunkMaximum);
    Value old = emitExp(b, b.fsub(maximum, after)), fresh = emitExp(b, b.fsub(chunkMaximum, after));
    b.store(old, oldFactors, 64);
    b.store(fresh, freshFactors, 64);
    return {after, b.fadd(b.fmul(sum, old), b.fmul(chunkSum, fresh))};
  }

  /// The vector at `place` of row r's output, merged with a chunk's.
  void mergeOutput(int64_t r, Value place, Value chunkOutput) {
    int64_t lanes = cast<VectorType>(chunkOutput.getType()).getDimSize(0);
    Value old = b.load(b.f32(), b.at(oldFactors, r * 4)), fresh = b.load(b.f32(), b.at(freshFactors, r * 4));
    Value kept = b.fmul(b.load(b.vecF32(lanes), place, 64), b.broadcast(old, lanes));
    b.store(b.fadd(kept, b.fmul(chunkOutput, b.broadcast(fresh, lanes))), place, 64);
  }

  /// Calls done(r, column, v) with vectors of the chunk's output: v = sum over its keys j < `keysInChunk` ascending of
  /// weight[r][j] v_j, at `column`. `nextKeys` are read next.
  void chunkOutputs(QueryRows queries, Value values, Value valueScales, Value keysInChunk, Value nextKeys,
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
          Value weight = b.load(b.f32(), b.at(scores, b.add(b.mul(j, 4), r * kChunk * 4)));
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

  /// The first position of the chunk where what a query at `position` sees begins.
  Value firstChunk(Value position) {
    if (op.getWindow() <= 0)
      return b.i64(0);
    Value oldest = b.max(b.add(position, 1 - static_cast<int64_t>(op.getWindow())), b.i64(0));
    return b.mul(b.div(oldest, kChunk), kChunk);
  }

  /// The chunk at `firstKey` for the tile's queries: leaves its maxima and sums in the frame, and hands its outputs to
  /// `done`. In between calls `weighted`.
  void chunk(QueryRows queries, Value token, Value headOffset, Value kvHead, Value owner, Value firstKey,
             Value lastPosition, llvm::function_ref<void()> weighted,
             llvm::function_ref<void(int64_t, int64_t, Value)> done) {
    PageBlocks blocks = pageBlocks(b, page, stateView, owner, b.div(firstKey, page.getTokens()), slot, kvHead);
    Value within = b.rem(firstKey, page.getTokens()); // a multiple of 64
    Value rowBytes = b.mul(within, headDim * cells.bytes());
    Value chunkKeys = b.at(blocks.keys, rowBytes), values = b.at(blocks.values, rowBytes);
    computeScores(queries, token, headOffset, chunkKeys, cells.scalesFrom(blocks.keys, within), firstKey, values);
    chunkWeights(queries.count);
    weighted();
    Value keys = b.min(b.i64(kChunk), b.sub(b.add(lastPosition, 1), firstKey));
    // Those of the next chunk follow, but at a page's end.
    Value nextKeys = b.at(chunkKeys, kChunk * headDim * cells.bytes());
    chunkOutputs(queries, values, cells.scalesFrom(blocks.values, within), keys, nextKeys, done);
  }

  /// Row r's output, divided by its sum, to `out`.
  void finishRow(Value output, Value sum, Value out) {
    forColumns(headDim, [&](int64_t column, int64_t lanes) {
      Value value = b.load(b.vecF32(lanes), b.at(output, column * 4), 64);
      b.store(b.fdiv(value, b.broadcast(sum, lanes)), b.at(out, column * 4));
    });
  }

  /// The queries from `token` and `head` on; tokens of one sequence, heads of one key-value head.
  void tile(QueryRows queries, Value token, Value head) {
    int64_t rows = queries.count;
    Value headOffset = b.mul(head, headDim * 4);
    Value kvHead = b.div(head, group);
    Value owner = sequence(token);
    Value firstPosition = position(token), lastPosition = firstPosition;
    if (queries.overTokens)
      lastPosition = position(b.add(token, rows - 1));
    Value zero = b.constant(b.vecF32(), 0.0);
    b.store(b.constant(b.vecF32(), kNoKeys), maxima, 64);
    b.store(zero, sums, 64);
    forRows(rows, [&](Value r) {
      for (int64_t column = 0; column < outputStride; column += kLanes)
        b.store(zero, b.at(outputs, b.add(b.mul(r, outputStride * 4), column * 4)), 64);
    });
    b.forLoop(firstChunk(firstPosition), b.add(lastPosition, 1), kChunk, [&](Value firstKey) {
      chunk(
          queries, token, headOffset, kvHead, owner, firstKey, lastPosition,
          [&] {
            auto [maximum, sum] = merge(loadRows(maxima), loadRows(sums), loadRows(chunkMaxima), loadRows(chunkSums));
            b.store(maximum, maxima, 64);
            b.store(sum, sums, 64);
          },
          [&](int64_t r, int64_t column, Value output) {
            mergeOutput(r, b.at(outputs, (r * outputStride + column) * 4), output);
          });
    });
    forRows(rows, [&](Value r) {
      finishRow(b.at(outputs, b.mul(r, outputStride * 4)), b.load(b.f32(), rowPlace(sums, r)),
                b.at(b.at(y.row(b, token), headOffset), b.mul(r, rowStep(queries, y))));
    });
  }

  /// Runs of the query heads of a key-value head that are computed together: body(first head, heads).
  void forHeadRuns(llvm::function_ref<void(int64_t, int64_t)> body) {
    int64_t most = arguments.backend->attentionTile().rows;
    for (int64_t from = 0; from < group; from += most)
      body(from, std::min(most, group - from));
  }

  /// One token's heads that share a key-value head.
  void decode(Value token, Value kvHead) {
    forHeadRuns([&](int64_t from, int64_t count) {
      tile({count, /*overTokens=*/false}, token, b.add(b.mul(kvHead, group), from));
    });
  }

  //===-- one token on several threads ----------------------------------------------------------------------------===//

  /// In `scratch`, what is kept for a run of a key-value head's query heads: maxima and sums [16], outputs
  /// [heads][outputStride].
  struct Record {
    Value maxima, sums, outputs;
  };
  Record record(Value place, int64_t firstHead) {
    int64_t runsBefore = firstHead / arguments.backend->attentionTile().rows;
    Value own = b.at(place, (runsBefore * 2 * kLanes + firstHead * outputStride) * 4);
    return {own, b.at(own, kLanes * 4), b.at(own, 2 * kLanes * 4)};
  }

  /// Chunks of the only token for all heads, in rounds: threads share out the round's (chunk, key-value head) pairs,
  /// meet, and merge what came out in the order of chunks, each some heads.
  void decodeShared(Value lastPosition) {
    Value scratch = arguments.value(op.getScratch()[0]), token = b.i64(0), owner = sequence(token);
    int64_t heads = page.getHeads(), recordBytes = op.getRecordColumns() * 4;
    constexpr int64_t chunksOfRound = kernel::AttentionOp::sharedChunks;
    auto stateOf = [&](Value kvHead) { return b.at(scratch, b.mul(kvHead, recordBytes)); };
    auto partOf = [&](Value half, Value chunkOfRound, Value kvHead) {
      Value number = b.add(b.mul(b.add(b.mul(half, chunksOfRound), chunkOfRound), heads), kvHead);
      return b.at(scratch, b.mul(b.add(number, heads), recordBytes));
    };
    auto forOwnHeads = [&](llvm::function_ref<void(Value)> body) {
      b.forLoop(arguments.thread, b.i64(heads), arguments.threads, body);
    };
    forOwnHeads([&](Value kvHead) {
      forHeadRuns([&](int64_t from, int64_t count) {
        Record state = record(stateOf(kvHead), from);
        b.store(b.constant(b.vecF32(), kNoKeys), state.maxima, 64);
        b.store(b.constant(b.vecF32(), 0.0), state.sums, 64);
        for (int64_t i = 0; i < count * outputStride; i += kLanes)
          b.store(b.constant(b.vecF32(), 0.0), b.at(state.outputs, i * 4), 64);
      });
    });
    constexpr int64_t keysOfRound = chunksOfRound * kChunk;
    b.forLoop(firstChunk(lastPosition), b.add(lastPosition, 1), keysOfRound, [&](Value roundKey) {
      Value left = b.sub(b.add(lastPosition, 1), roundKey);
      Value chunks = b.min(b.i64(chunksOfRound), b.div(b.add(left, kChunk - 1), kChunk));
      // While some still merge the round before, others fill the other half.
      Value half = b.rem(b.div(roundKey, keysOfRound), 2);
      auto [first, last] = threadShare(b, arguments, b.mul(chunks, heads));
      b.forLoop(first, last, 1, [&](Value unit) {
        Value chunkOfRound = b.div(unit, heads), kvHead = b.rem(unit, heads);
        Value place = partOf(half, chunkOfRound, kvHead), firstKey = b.add(roundKey, b.mul(chunkOfRound, kChunk));
        forHeadRuns([&](int64_t from, int64_t count) {
          Record part = record(place, from);
          Value headOffset = b.mul(b.add(b.mul(kvHead, group), from), headDim * 4);
          chunk(
              {count, /*overTokens=*/false}, token, headOffset, kvHead, owner, firstKey, lastPosition, [] {},
              [&](int64_t r, int64_t column, Value output) {
                b.store(output, b.at(part.outputs, (r * outputStride + column) * 4), 64);
              });
          b.store(loadRows(chunkMaxima), part.maxima, 64);
          b.store(loadRows(chunkSums), part.sums, 64);
        });
      });
      emitBarrier(b, arguments.context, arguments.thread);
      forOwnHeads([&](Value kvHead) {
        b.forLoop(b.i64(0), chunks, 1, [&](Value chunkOfRound) {
          Value place = partOf(half, chunkOfRound, kvHead);
          forHeadRuns([&](int64_t from, int64_t count) {
            Record part = record(place, from), state = record(stateOf(kvHead), from);
            auto [maximum, sum] =
                merge(loadRows(state.maxima), loadRows(state.sums), loadRows(part.maxima), loadRows(part.sums));
            b.store(maximum, state.maxima, 64);
            b.store(sum, state.sums, 64);
            for (int64_t r = 0; r < count; ++r)
              forColumns(headDim, [&](int64_t column, int64_t lanes) {
                int64_t offset = (r * outputStride + column) * 4;
                mergeOutput(r, b.at(state.outputs, offset), b.load(b.vecF32(lanes), b.at(part.outputs, offset), 64));
              });
          });
        });
      });
    });
    forOwnHeads([&](Value kvHead) {
      forHeadRuns([&](int64_t from, int64_t count) {
        Record state = record(stateOf(kvHead), from);
        for (int64_t r = 0; r < count; ++r)
          finishRow(b.at(state.outputs, r * outputStride * 4), b.load(b.f32(), b.at(state.sums, r * 4)),
                    b.at(y.row(b, token), b.mul(b.add(b.mul(kvHead, group), from + r), headDim * 4)));
      });
    });
  }

  /// Whether the step is one token whose chunks are more evenly shared out than its key-value heads are; meeting costs
  /// about what a chunk of a head takes.
  Value sharesChunks() {
    Value last = position(b.i64(0));
    Value chunks = b.add(b.div(b.sub(last, firstChunk(last)), kChunk), 1);
    auto most = [&](Value things) {
      return b.div(b.add(things, b.sub(arguments.threads, b.i64(1))), arguments.threads);
    };
    Value shared = b.add(most(b.mul(chunks, page.getHeads())), 1);
    Value better = b.less(shared, b.mul(most(b.i64(page.getHeads())), chunks));
    return arith::AndIOp::create(b, b.equal(arguments.count, b.i64(1)), better);
  }

  void emit() {
    if (op.getScratch().empty())
      return emitTiles();
    // A step may have no rows at all, and so no position to look at.
    b.ifThen(b.less(b.i64(0), arguments.count),
             [&] { b.ifThenElse(sharesChunks(), [&] { decodeShared(position(b.i64(0))); }, [&] { emitTiles(); }); });
  }

  void emitTiles() {
    int64_t rows = arguments.backend->attentionTile().rows;
    Value tiles = b.div(b.add(arguments.count, rows - 1), rows);
    // Units are tiles of tokens for one key-value head. The rows of a causal prompt grow longer: threads take them in
    // turns.
    b.forLoop(arguments.thread, b.mul(tiles, page.getHeads()), arguments.threads, [&](Value unit) {
      Value kvHead = b.div(unit, tiles);
      Value token = b.mul(b.sub(unit, b.mul(kvHead, tiles)), rows);
      Value end = b.min(b.add(token, rows), arguments.count);
      Value full = b.equal(b.sub(end, token), b.i64(rows));
      Value sameSequence = b.equal(sequence(token), sequence(b.sub(end, b.i64(1))));
      b.ifThenElse(
          arith::AndIOp::create(b, full, sameSequence),
          [&] {
            Value head = b.mul(kvHead, group);
            b.forLoop(head, b.add(head, group), 1, [&](Value h) { tile({rows, /*overTokens=*/true}, token, h); });
          },
          [&] { b.forLoop(token, end, 1, [&](Value single) { decode(single, kvHead); }); });
    });
  }
};

} // namespace

void llmc::vector_emit::emitAttention(VectorBuilder &b, kernel::AttentionOp op, const KernelArguments &arguments) {
  AttentionEmitter(b, op, arguments).emit();
}
