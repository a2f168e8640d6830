// TileMatmul.h - products of many quantised rows with panels of codes by tiles of bytes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_VECTOR_TILEMATMUL_H
#define LLMC_COMPILER_TARGETS_VECTOR_TILEMATMUL_H

#include "compiler/Targets/Vector/Codes.h"
#include "compiler/Targets/Vector/Kernels.h"

namespace llmc::vector_emit {

/// Emits such products of one matmul. Every element is the chain that other variants compute, bit for bit.
class TileMatmul {
public:
  /// Takes memory of the frame: call at the start of a function of a target that has ByteTiles.
  /// `panels` are walked by a tile of rows at a time, at most mostPanels().
  TileMatmul(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments, CodesReader &reader,
             int64_t panels);

  /// Panels whose numbers the frame holds at a time; 0: not one, or segments are longer than a tile.
  static int64_t mostPanels(kernel::PackedType weight, int64_t segment);

  /// All rows, ByteTiles::kRows or more of them, times panels `from` .. `to`.
  void emit(Value from, Value to);

private:
  /// What a chain reads: 16 rows from `xRow` on, a panel, and its numbers.
  struct Operands {
    Value xRow, panel, numbers;
  };
  void expand(Value panels, Value vectors);
  void prefetchNext(Value group, Value row);
  void prefetchResults(Value row, Value panel);
  void startChain(const Operands &chain);
  void chain(const Operands &own, const Operands &next, Value target);
  llvm::SmallVector<Value> addSegment(mlir::ValueRange sums, const Operands &chain, unsigned half, Value segment);
  void startSegment(const Operands &chain, unsigned half, Value segment);
  void storeSegment(unsigned half);
  Value slot(unsigned half);

  VectorBuilder &b;
  kernel::MatmulOp op;
  const KernelArguments &arguments;
  CodesReader &reader;
  const ByteTiles &tiles;
  kernel::PackedType weight;
  kernel::QuantizedRow row;
  int64_t xStride, streams, segments;
  int64_t width;     ///< panels whose numbers stand in the frame
  bool areSigned;    ///< numbers have their offset taken off
  bool startsBehind; ///< what an offset takes off is added behind the products
  Value shapes, expanded, slots, sums;
};

} // namespace llmc::vector_emit

#endif // LLMC_COMPILER_TARGETS_VECTOR_TILEMATMUL_H
