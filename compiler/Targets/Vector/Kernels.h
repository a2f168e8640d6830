// Kernels.h - one emitter a compute op: from the op in buffer form to the body of an SPMD function.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_VECTOR_KERNELS_H
#define LLMC_COMPILER_TARGETS_VECTOR_KERNELS_H

#include "compiler/Targets/TargetBackend.h"
#include "compiler/Targets/Vector/VectorBuilder.h"
#include "dialects/Kernel/IR/Kernel.h"

namespace llmc::vector_emit {

/// f32 rows in memory: row r, column c lies at base + (r * stride + offset + c) * 4.
struct RowsInMemory {
  Value base;
  int64_t stride;
  int64_t offset;
  int64_t columns;

  /// The address of a row's first column.
  Value row(VectorBuilder &b, Value r) const { return b.at(base, b.add(b.mul(r, stride * 4), offset * 4)); }
};

/// What a kernel function knows when it runs. Pointers stand for the op's operands: the root of a buffer, a weight's
/// first byte, a state view (llmc_state_view); index operands are i64.
struct KernelArguments {
  kernel::PackedType packed(Value operand) const { return mlir::cast<kernel::PackedType>(operand.getType()); }
  Value value(Value operand) const { return values.lookup(operand); }
  RowsInMemory rows(Value operand) const {
    auto type = mlir::cast<mlir::MemRefType>(operand.getType());
    return {value(operand), kernel::rowStride(type), kernel::columnOffset(type), type.getDimSize(1)};
  }

  llvm::DenseMap<Value, Value> values;
  Value count;   ///< rows of the op's output in this step, i64
  Value thread;  ///< i64
  Value threads; ///< i64
  Value context; ///< llmc_step_context
  const TargetBackend *backend = nullptr;
};

/// Of a cache line.
constexpr int64_t kLineBytes = 64;

/// How far ahead few rows ask for weights, within a panel: what a core reads from memory in 400 ns when eight panels
/// are read side by side; and where they are fewer than four, of which each has to bring more.
constexpr int64_t kBytesAhead = 1024, kBytesAheadOfFew = 4096;

/// How a product goes through its rows and panels on a target.
struct ProductTiling {
  int64_t panels;      ///< most panels of a tile of one row
  int64_t limitedRows; ///< and of tiles of up to so many rows
  int64_t group;       ///< panels that a thread walks for all of few rows
  int64_t ahead;       ///< bytes within a panel; 0: nothing is asked for
  RegisterTile many;   ///< of many rows; none: {0, 0}
};
/// Tiles of many rows whose weights, or numbers, have been decoded to f32, the best first: with a K that no first-level
/// cache holds the weights of.
std::vector<RegisterTile> decodedTiles(const TargetBackend &backend, int64_t streams);
/// Decoded vectors side by side that a function's frame has room for.
constexpr int64_t kMostDecodedVectors = 5;
/// As the op says for the target, else as the target does by itself.
ProductTiling tilingOf(kernel::MatmulOp op, const TargetBackend &backend);

/// Walks `count` few rows times panels `from` .. `to`, group by group, in the tiles of TargetBackend's lists; `tile`
/// emits one: its rows, its panels, the first row and panel.
void walkTiles(VectorBuilder &b, llvm::ArrayRef<RegisterTile> tiles, const ProductTiling &tiling, Value count,
               Value from, Value to, llvm::function_ref<void(int64_t, int64_t, Value, Value)> tile);

/// Calls add(from, count) for the `vectors` of a tile at once, or stream by stream where the accumulators of all would
/// be more than `most`, and puts the sums [rows][count] that it returns together: [rows][vectors].
llvm::SmallVector<Value> streamsInTurn(int64_t rows, int64_t vectors, int64_t streams, int64_t most,
                                       llvm::function_ref<llvm::SmallVector<Value>(int64_t, int64_t)> add);

/// Where few rows ask for memory ahead of `offset` bytes into a plane of `panel`: `ahead` bytes on, and past the end of
/// the plane's `planeBytes` at the beginning of the same plane `tileBytes` on, in the panels of the next tile.
Value placeAhead(VectorBuilder &b, Value panel, Value offset, int64_t ahead, int64_t planeBytes, int64_t tileBytes);

/// The team meets.
void emitBarrier(VectorBuilder &b, Value context, Value thread);

/// This thread's part [first, last) of `total` things.
std::pair<Value, Value> threadShare(VectorBuilder &b, const KernelArguments &arguments, Value total);

/// 16 columns from `column` of an elementwise input at a row: rows, or a table's one row.
Value loadExtra(VectorBuilder &b, const KernelArguments &arguments, Value extra, Value row, Value column,
                int64_t lanes = kLanes);

/// 1 / sqrt(mean of squares + epsilon) of `columns` columns from `from`, as kernel.rms_norm sums them.
Value rmsScale(VectorBuilder &b, Value from, int64_t columns, float epsilon);

/// Stores what a matmul's epilogue makes of the sums [rows][width * streams] of 16 columns.
void storeResults(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments, int64_t rows, int64_t width,
                  Value row, Value panel, ValueRange sums);

void emitEmbed(VectorBuilder &b, kernel::EmbedOp op, const KernelArguments &arguments);
void emitRMSNorm(VectorBuilder &b, kernel::RMSNormOp op, const KernelArguments &arguments);
void emitLayerNorm(VectorBuilder &b, kernel::LayerNormOp op, const KernelArguments &arguments);
void emitMatmul(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments);
void emitQuantizedMatmul(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments);
void emitHalfMatmul(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments);
void emitHalve(VectorBuilder &b, kernel::HalveOp op, const KernelArguments &arguments);
void emitQuantize(VectorBuilder &b, kernel::QuantizeOp op, const KernelArguments &arguments);
void emitRopeTable(VectorBuilder &b, kernel::RopeTableOp op, const KernelArguments &arguments);
void emitRope(VectorBuilder &b, kernel::RopeOp op, const KernelArguments &arguments);
void emitCacheUpdate(VectorBuilder &b, kernel::CacheUpdateOp op, const KernelArguments &arguments);
void emitAttention(VectorBuilder &b, kernel::AttentionOp op, const KernelArguments &arguments);
void emitGatherRows(VectorBuilder &b, kernel::GatherRowsOp op, const KernelArguments &arguments);
void emitElementwise(VectorBuilder &b, kernel::ElementwiseOp op, const KernelArguments &arguments);
void emitGeneric(VectorBuilder &b, kernel::GenericOp op, const KernelArguments &arguments);

/// Where a state's page keeps one head's K (16 keys side by side) and V: pointers for position `position` of sequence
/// `sequence`.
struct PageBlocks {
  Value keys;   ///< K block of the head in the page
  Value values; ///< V block of the head in the page
};
/// `pageOfSequence` is position / page tokens.
PageBlocks pageBlocks(VectorBuilder &b, kernel::PageAttr page, Value stateView, Value sequence, Value pageOfSequence,
                      Value slot, Value head);

} // namespace llmc::vector_emit

#endif // LLMC_COMPILER_TARGETS_VECTOR_KERNELS_H
