// PackedLayout.h - writes weights in the layouts that kernels read (dialects/Kernel/IR/KernelBase.td).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_WEIGHTS_PACKEDLAYOUT_H
#define LLMC_COMPILER_WEIGHTS_PACKEDLAYOUT_H

#include "compiler/Weights/WeightValue.h"

#include <optional>

namespace llmc::weights {

/// Panels of codes (`!kernel.codes`) and the blocks that they come from.
struct CodesLayout {
  int64_t bits = 0;
  /// Consecutive k that stand together, and how, as CodesType::getBitPlanes() says.
  struct BitPlane {
    int64_t bits, shift, byte;
  };
  int64_t unit = 0;
  std::vector<BitPlane> bitPlanes;
  int64_t super = 0; ///< k of a scale that levels multiply, or 0
  bool minimum = false, hasZeros = false;
  BlockFormatId format = {};
  int64_t blockGroup = 0;
  /// A record's columns, the places in it and its length, as CodesType::recordOf() says.
  int64_t recordColumns = 0, codes = 0, scales = 0, supers = 0, minima = 0, superMinima = 0, zeros = 0, recordBytes = 0;
  int64_t panelBytes = 0, scaleBytes = 0;
};

/// A packed weight to be made: one or more weights `[N, K]` (or `[K]`, which is one row) and the layout they go to.
struct PackedWeight {
  bool panels; ///< else a table, row-major
  int64_t n, k;
  Element element;                                 ///< of the packed bytes
  std::vector<WeightRef> streams;                  ///< one for a table
  std::optional<CodesLayout> codes = std::nullopt; ///< panels of codes, in place of `element`
  /// Panels that stand beside each other k by k with all their streams, as PackedType::getBundle() says of f16 and
  /// bf16; 0: each stream of a panel stands on its own.
  int64_t bundle = 0;

  /// The smallest piece that is packed on its own: a panel of 16 rows of all streams, a bundle of them, or a row of a
  /// table.
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

/// Packs one panel of one stream of codes.
void packCodes(const PackedWeight &weight, const WeightValue &source, int64_t panel, uint8_t *out);

} // namespace llmc::weights

#endif // LLMC_COMPILER_WEIGHTS_PACKEDLAYOUT_H
