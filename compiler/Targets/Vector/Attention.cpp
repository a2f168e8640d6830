// Attention.cpp - softmax attention over the paged cache, for tiles of queries and for single ones.
//
// A tile is some queries that walk the same keys: one head of consecutive tokens (prefill), or one token's heads that
// share a key-value head (decode). Its state, kept in the function's frame, is per query the running maximum m, the
// running sum l, and the output row; it walks the visible keys in chunks of 64 anchored at position 0, and merges each
// chunk's own maximum, sum and output into it (transformer.attention says in which order). What a query computes is the
// same in a tile and alone: chunks in which it sees nothing leave its state as it was, to the bit.
//
// Tiles of a prompt that need the same keys, of further heads of the key-value head or further tokens, walk them
// together: all take a chunk's keys, then all its values, while the first-level cache holds those.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/AttentionTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;

namespace {

struct AttentionEmitter : AttentionTile {
  using AttentionTile::AttentionTile;

  /// Tiles that walk the keys together, no more than kTilesTogether: of `heads` heads, or runs of as many heads as
  /// there are queries, from `head` on of one key-value head, and each of `tiles` tiles of tokens from `token` on, of
  /// one sequence.
  void tilesTogether(QueryRows queries, Value token, Value tiles, Value head, Value heads) {
    int64_t rows = queries.count, headsOfTile = queries.overTokens ? 1 : rows;
    Value kvHead = b.div(head, group), owner = sequence(token), firstPosition = position(token);
    auto lastOf = [&](Value first) { return queries.overTokens ? position(b.add(first, rows - 1)) : position(first); };
    // body(state, queries, token, offset of the head, the last query's position)
    auto forTiles = [&](llvm::function_ref<void(const TileState &, QueryRows, Value, Value, Value)> body) {
      b.forLoop(b.i64(0), heads, 1, [&](Value h) {
        b.forLoop(b.i64(0), tiles, 1, [&](Value t) {
          Value first = b.add(token, b.mul(t, rows));
          QueryRows own = queries;
          own.part = h;
          body(state(b.add(b.mul(h, tiles), t)), own, first, b.mul(b.add(head, b.mul(h, headsOfTile)), headDim * 4),
               lastOf(first));
        });
      });
    };
    Value zero = b.constant(b.vecF32(), 0.0);
    forTiles([&](const TileState &state, QueryRows, Value, Value, Value) {
      b.store(b.constant(b.vecF32(), kNoKeys), state.maxima, 64);
      b.store(zero, state.sums, 64);
      forRows(rows, [&](Value r) {
        for (int64_t column = 0; column < outputStride; column += kLanes)
          b.store(zero, b.at(state.outputs, b.add(b.mul(r, outputStride * 4), column * 4)), 64);
      });
    });
    Value lastPosition = lastOf(b.add(token, b.mul(b.sub(tiles, b.i64(1)), rows)));
    Value lastChunk = b.mul(b.div(lastPosition, kChunk), kChunk);
    b.forLoop(firstChunk(firstPosition), b.add(lastPosition, 1), kChunk, [&](Value firstKey) {
      Chunk chunk = chunkAt(owner, kvHead, firstKey);
      Value nextKeys = chunkAt(owner, kvHead, b.min(b.add(firstKey, kChunk), lastChunk)).keys;
      forTiles([&](const TileState &state, QueryRows own, Value first, Value headOffset, Value last) {
        b.ifThen(b.lessEqual(firstKey, last), [&] {
          weigh(state, own, first, headOffset, chunk);
          auto [maximum, sum] = merge(state, loadRows(state.maxima), loadRows(state.sums), loadRows(state.chunkMaxima),
                                      loadRows(state.chunkSums));
          b.store(maximum, state.maxima, 64);
          b.store(sum, state.sums, 64);
        });
      });
      forTiles([&](const TileState &state, QueryRows own, Value, Value, Value last) {
        b.ifThen(b.lessEqual(firstKey, last), [&] {
          gather(state, own, last, chunk, nextKeys, [&](int64_t r, int64_t column, Value output) {
            mergeOutput(state, r, b.at(state.outputs, (r * outputStride + column) * 4), output);
          });
        });
      });
    });
    forTiles([&](const TileState &state, QueryRows, Value first, Value headOffset, Value) {
      forRows(rows, [&](Value r) {
        finishRow(b.at(state.outputs, b.mul(r, outputStride * 4)), b.load(b.f32(), rowPlace(state.sums, r)),
                  b.at(b.at(y.row(b, first), headOffset), b.mul(r, rowStep(queries, y))));
      });
    });
  }

  /// The query heads of a key-value head that are computed together: as few runs as a tile allows, of like length.
  int64_t headsOfRun() {
    int64_t most = arguments.backend->attentionTile().rows, runs = (group + most - 1) / most;
    return (group + runs - 1) / runs;
  }

  /// Runs of the query heads of a key-value head, from one to another: body(first head, heads).
  void forHeadRuns(int64_t first, int64_t end, llvm::function_ref<void(int64_t, int64_t)> body) {
    for (int64_t from = first; from < end; from += headsOfRun())
      body(from, std::min(headsOfRun(), end - from));
  }
  void forHeadRuns(llvm::function_ref<void(int64_t, int64_t)> body) { forHeadRuns(0, group, body); }

  /// One token's heads that share a key-value head.
  void decode(Value token, Value kvHead) {
    int64_t run = headsOfRun(), whole = group / run;
    auto walk = [&](int64_t count, int64_t from, int64_t runs) {
      tilesTogether({count, /*overTokens=*/false, runs}, token, b.i64(1), b.add(b.mul(kvHead, group), from),
                    b.i64(runs));
    };
    for (int64_t first = 0; first < whole; first += kTilesTogether)
      walk(run, first * run, std::min(kTilesTogether, whole - first));
    if (group % run)
      walk(group % run, whole * run, 1);
  }

  //===-- one token on several threads ----------------------------------------------------------------------------===//

  /// In `scratch`, what is kept for a run of a key-value head's query heads: maxima and sums [16], outputs
  /// [heads][outputStride].
  struct Record {
    Value maxima, sums, outputs;
  };
  Record record(Value place, int64_t firstHead) {
    int64_t runsBefore = firstHead / headsOfRun();
    Value own = b.at(place, (runsBefore * 2 * kLanes + firstHead * outputStride) * 4);
    return {own, b.at(own, kLanes * 4), b.at(own, 2 * kLanes * 4)};
  }

  /// Chunks of the only token for all heads, in rounds: threads share out the round's (chunk, key-value head) pairs,
  /// meet (one meets nobody, and whoever counts its barriers finds the program's), and merge what came out in the order
  /// of chunks, each some heads.
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
      std::pair<Value, Value> units = threadShare(b, arguments, b.mul(chunks, heads));
      b.forLoop(units.first, units.second, 1, [&](Value unit) {
        Value chunkOfRound = b.div(unit, heads), kvHead = b.rem(unit, heads);
        Value place = partOf(half, chunkOfRound, kvHead);
        auto chunkOf = [&](Value unit) {
          return chunkAt(owner, b.rem(unit, heads), b.add(roundKey, b.mul(b.div(unit, heads), kChunk)));
        };
        Chunk chunk = chunkOf(unit);
        Value nextKeys = chunkOf(b.min(b.add(unit, 1), b.sub(units.second, b.i64(1)))).keys;
        // All runs take the keys while the first-level cache holds them, then the values.
        int64_t runsTogether = kTilesTogether * headsOfRun();
        for (int64_t first = 0; first < group; first += runsTogether) {
          int64_t end = std::min(group, first + runsTogether);
          auto stateOfRun = [&](int64_t from) { return state(b.i64((from - first) / headsOfRun())); };
          auto queriesOfRun = [&](int64_t from, int64_t count) {
            int64_t runs = (group + headsOfRun() - 1) / headsOfRun();
            return QueryRows{count, /*overTokens=*/false, runs, b.i64(from / headsOfRun())};
          };
          forHeadRuns(first, end, [&](int64_t from, int64_t count) {
            Value headOffset = b.mul(b.add(b.mul(kvHead, group), from), headDim * 4);
            weigh(stateOfRun(from), queriesOfRun(from, count), token, headOffset, chunk);
          });
          forHeadRuns(first, end, [&](int64_t from, int64_t count) {
            Record part = record(place, from);
            TileState own = stateOfRun(from);
            gather(own, queriesOfRun(from, count), lastPosition, chunk, nextKeys,
                   [&](int64_t r, int64_t column, Value output) {
                     b.store(output, b.at(part.outputs, (r * outputStride + column) * 4), 64);
                   });
            b.store(loadRows(own.chunkMaxima), part.maxima, 64);
            b.store(loadRows(own.chunkSums), part.sums, 64);
          });
        }
      });
      b.ifThen(b.less(b.i64(1), arguments.threads), [&] { emitBarrier(b, arguments.context, arguments.thread); });
      forOwnHeads([&](Value kvHead) {
        b.forLoop(b.i64(0), chunks, 1, [&](Value chunkOfRound) {
          Value place = partOf(half, chunkOfRound, kvHead);
          forHeadRuns([&](int64_t from, int64_t count) {
            Record part = record(place, from), whole = record(stateOf(kvHead), from);
            TileState own = state(b.i64(0));
            auto [maximum, sum] =
                merge(own, loadRows(whole.maxima), loadRows(whole.sums), loadRows(part.maxima), loadRows(part.sums));
            b.store(maximum, whole.maxima, 64);
            b.store(sum, whole.sums, 64);
            for (int64_t r = 0; r < count; ++r)
              forColumns(headDim, [&](int64_t column, int64_t lanes) {
                int64_t offset = (r * outputStride + column) * 4;
                mergeOutput(own, r, b.at(whole.outputs, offset),
                            b.load(b.vecF32(lanes), b.at(part.outputs, offset), 64));
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
  /// about what a chunk of a head takes. One thread has nobody to meet, and reads all heads of a chunk as they lie.
  Value sharesChunks() {
    Value last = position(b.i64(0));
    Value chunks = b.add(b.div(b.sub(last, firstChunk(last)), kChunk), 1);
    auto most = [&](Value things) {
      return b.div(b.add(things, b.sub(arguments.threads, b.i64(1))), arguments.threads);
    };
    Value shared = b.add(most(b.mul(chunks, page.getHeads())), 1);
    Value better = b.less(shared, b.mul(most(b.i64(page.getHeads())), chunks));
    better = arith::OrIOp::create(b, better, b.equal(arguments.threads, b.i64(1)));
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
    // Of a unit: heads of one key-value head, and tiles of tokens where these are few.
    int64_t headsTogether = std::min(group, kTilesTogether), tilesOfUnit = kTilesTogether / headsTogether;
    int64_t tokensOfUnit = tilesOfUnit * rows;
    Value units = b.div(b.add(arguments.count, tokensOfUnit - 1), tokensOfUnit);
    // The rows of a causal prompt grow longer: threads take units in turns.
    b.forLoop(arguments.thread, b.mul(units, page.getHeads()), arguments.threads, [&](Value unit) {
      Value kvHead = b.div(unit, units);
      Value token = b.mul(b.sub(unit, b.mul(kvHead, units)), tokensOfUnit);
      Value end = b.min(b.add(token, tokensOfUnit), arguments.count);
      Value tiles = b.div(b.sub(end, token), rows);
      Value tilesEnd = b.add(token, b.mul(tiles, rows));
      auto oneSequence = [&](Value first, Value end) {
        return b.equal(sequence(first), sequence(b.sub(end, b.i64(1))));
      };
      // All tiles at once, or one by one where sequences meet; tokens of a tile of two, and those left, alone.
      Value atOnce = arith::SelectOp::create(b, oneSequence(token, b.max(tilesEnd, b.add(token, 1))), tiles, b.i64(1));
      b.forLoop(token, tilesEnd, b.mul(atOnce, rows), [&](Value first) {
        Value past = b.add(first, b.mul(atOnce, rows));
        b.ifThenElse(
            oneSequence(first, past),
            [&] {
              b.forLoop(b.i64(0), b.i64(group), headsTogether, [&](Value h) {
                Value heads = b.min(b.i64(headsTogether), b.sub(b.i64(group), h));
                tilesTogether({rows, /*overTokens=*/true}, first, atOnce, b.add(b.mul(kvHead, group), h), heads);
              });
            },
            [&] { b.forLoop(first, past, 1, [&](Value single) { decode(single, kvHead); }); });
      });
      b.forLoop(tilesEnd, end, 1, [&](Value single) { decode(single, kvHead); });
    });
  }
};

} // namespace

void llmc::vector_emit::emitAttention(VectorBuilder &b, kernel::AttentionOp op, const KernelArguments &arguments) {
  AttentionEmitter(b, op, arguments).emit();
}
