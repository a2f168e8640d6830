// PackedLayout.h - writes weights in the layouts that kernels read (dialects/Kernel/IR/KernelBase.td).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_WEIGHTS_PACKEDLAYOUT_H
#define LLMC_COMPILER_WEIGHTS_PACKEDLAYOUT_H

#include "compiler/Weights/WeightValue.h"

namespace llmc::weights {

/// A packed weight to be made: one or more weights `[N, K]` (or `[K]`, which is one row) and the layout they go to.
struct PackedWeight {
  bool panels; ///< else a table, row-major
  int64_t n, k;
  Element element;                ///< of the packed bytes
  std::vector<WeightRef> streams; ///< one for a table

  /// The smallest piece that is packed on its own: a panel of 16 rows of all streams, or a row of a table.
  int64_t numPieces() const;
  int64_t pieceBytes() const;
  int64_t sizeInBytes() const { return numPieces() * pieceBytes(); }
};

/// What one thread needs beside the output: the rows of one panel that had to be computed. Grows to at most
/// 16 rows of the widest weight, as f32 and as packed elements.
struct PackScratch {
  std::vector<float> values;
  std::vector<uint8_t> rows;
};

/// Packs pieces [begin, end) into `out`, (end - begin) * pieceBytes() bytes. Pure: the bytes depend on the weight
/// alone.
void packPieces(const PackedWeight &weight, int64_t begin, int64_t end, uint8_t *out, PackScratch &scratch);

} // namespace llmc::weights

#endif // LLMC_COMPILER_WEIGHTS_PACKEDLAYOUT_H
