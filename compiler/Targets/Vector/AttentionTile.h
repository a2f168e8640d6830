// AttentionTile.h - what a tile of queries computes of a chunk of keys.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_VECTOR_ATTENTIONTILE_H
#define LLMC_COMPILER_TARGETS_VECTOR_ATTENTIONTILE_H

#include "compiler/Targets/Vector/Cache.h"
#include "compiler/Targets/Vector/Kernels.h"

namespace llmc::vector_emit {

constexpr int64_t kChunk = kernel::PageAttr::chunkKeys;
constexpr int64_t kChunkVectors = kChunk / kLanes;
/// The maximum before any key: finite, so that "minus itself" is zero where a chunk is all invisible.
constexpr double kNoKeys = -1.0e30;

/// The queries of a tile: `count` rows, each the next token's or the next head's.
struct QueryRows {
  int64_t count;
  bool overTokens;
  /// Where a single token waits for the cache, each of `parts` tiles that walk the keys together asks for its part of
  /// what is read next: all of it by one leaves memory idle while the others compute.
  int64_t parts = 1;
  Value part = {}; ///< Below `parts`; not needed for one.
};

/// Tiles that walk the keys together: with four, the keys or values of a chunk of a head of 64, scores, outputs and
/// queries fit 48 KiB.
constexpr int64_t kTilesTogether = 4;

/// Frame memory of a tile, f32: scores [rows][64], outputs [rows][outputStride]; the others [16], a lane a row, of
/// which those past the tile's rows are computed and not used.
struct TileState {
  Value scores, outputs, maxima, sums, chunkMaxima, chunkSums, oldFactors, freshFactors;
};

/// Emits the parts of attention that do not know how keys are walked; members of Attention.cpp's emitter.
struct AttentionTile {
  VectorBuilder &b;
  kernel::AttentionOp op;
  const KernelArguments &arguments;
  kernel::PageAttr page;
  CacheCells cells;
  RowsInMemory q, y;
  int64_t headDim;
  Value states; ///< of kTilesTogether tiles
  Value stateView, slot, positions, sequences;
  int64_t outputStride; ///< f32 per row of `outputs`
  int64_t group;        ///< query heads of one key-value head

  AttentionTile(VectorBuilder &b, kernel::AttentionOp op, const KernelArguments &arguments);

  int64_t stateBytes() const;
  TileState state(Value number);

  Value position(Value token) { return b.widen(b.loadI32(b.at(positions, b.mul(token, 4)))); }
  Value sequence(Value token) { return b.widen(b.loadI32(b.at(sequences, b.mul(token, 4)))); }

  /// Vectors that `rows` rows take at a time: as many accumulators as the target's tile has, in a divisor of the
  /// chunk's four.
  int64_t vectorsAtOnce(int64_t rows);

  /// Bytes from one row's query, or output, to the next's.
  int64_t rowStep(QueryRows queries, const RowsInMemory &memory);

  /// A single token waits for the cache: with each of `steps` steps asks for its part of a chunk's block.
  void askAhead(QueryRows queries, Value block, Value step, int64_t steps);

  /// Which of the 16 keys from `firstKey` on the query at position `own` sees.
  Value visible(Value own, Value firstKey);
  bool hasWindow() { return op.getWindow() > 0 && op.getWindow() < std::numeric_limits<int32_t>::max(); }

  /// scores[r][j] = masked, scaled q_r . k_j for the chunk's 64 keys. `values` are read next.
  void computeScores(const TileState &state, QueryRows queries, Value token, Value headOffset, Value keys,
                     Value keyScales, Value firstKey, Value values);

  /// Calls body(row) for each row of the tile.
  void forRows(int64_t rows, llvm::function_ref<void(Value)> body) { b.forLoop(b.i64(0), b.i64(rows), 1, body); }

  Value rowPlace(Value array, Value r) { return b.at(array, b.mul(r, 4)); }
  Value loadRows(Value array) { return b.load(b.vecF32(), array, 64); }

  /// Turns the rows' scores into the chunk's weights e = exp(s - chunk maximum); stores its maxima and sums.
  void chunkWeights(const TileState &state, int64_t rows);

  /// Merges a chunk's maxima and sums into the rows' (each 16 lanes, a lane a row), and stores the factors by which the
  /// output so far and the chunk's output are to be multiplied. Returns the rows' new maxima and sums.
  std::pair<Value, Value> merge(const TileState &state, Value maximum, Value sum, Value chunkMaximum, Value chunkSum);

  /// The vector at `place` of row r's output, merged with a chunk's.
  void mergeOutput(const TileState &state, int64_t r, Value place, Value chunkOutput);

  /// Calls done(r, column, v) with vectors of the chunk's output: v = sum over its keys j < `keysInChunk` ascending of
  /// weight[r][j] v_j, at `column`. `nextKeys` are read next.
  void chunkOutputs(const TileState &state, QueryRows queries, Value values, Value valueScales, Value keysInChunk,
                    Value nextKeys, llvm::function_ref<void(int64_t, int64_t, Value)> done);

  /// The first position of the chunk where what a query at `position` sees begins.
  Value firstChunk(Value position);

  /// Where a chunk lies for a key-value head.
  struct Chunk {
    Value firstKey, keys, keyScales, values, valueScales;
  };
  Chunk chunkAt(Value owner, Value kvHead, Value firstKey);

  /// What the tile's queries, whose last is at `lastPosition`, weigh the chunk's keys with; its maxima and sums.
  void weigh(const TileState &state, QueryRows queries, Value token, Value headOffset, const Chunk &chunk);
  /// What weigh() found for the chunk's values, handed to `done`. The keys at `nextKeys` are read next.
  void gather(const TileState &state, QueryRows queries, Value lastPosition, const Chunk &chunk, Value nextKeys,
              llvm::function_ref<void(int64_t, int64_t, Value)> done);

  /// Row r's output, divided by its sum, to `out`.
  void finishRow(Value output, Value sum, Value out);
};

} // namespace llmc::vector_emit

#endif // LLMC_COMPILER_TARGETS_VECTOR_ATTENTIONTILE_H
