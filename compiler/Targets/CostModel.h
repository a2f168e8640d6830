// CostModel.h - what register tiles of many rows are predicted to cost, from tables of what processors do in a cycle.
//
// Not here: what is measured instead (tools/driver/Tune.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_COSTMODEL_H
#define LLMC_COMPILER_TARGETS_COSTMODEL_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <vector>

namespace llmc {

/// The shape of a register tile: `rows` activation rows times `panels` panels of 16 columns.
struct RegisterTile {
  int64_t rows;
  int64_t panels;
};

/// What a core of a kind of processors does in a cycle with vectors of a variant's width.
struct Processor {
  llvm::StringRef name;
  double multiplies;  ///< fused multiply-adds, or products of bytes
  double others;      ///< of what runs beside them: additions, signs, conversions
  double loads;       ///< of vectors, and of numbers for all their lanes
  double latency;     ///< cycles from a multiply-add to the next one of its chain
  double secondLevel; ///< bytes that the second-level cache brings while a product streams through it
  int64_t firstBytes; ///< of the first-level data cache
};

/// How a variant multiplies 16 columns.
struct TileMachine {
  llvm::ArrayRef<Processor> processors; ///< that run the variant, each as likely as the next
  int64_t vectors;                      ///< of 16 numbers of 32 bits: one, or two halves
  int64_t registers;                    ///< vector registers
  int64_t accumulators; ///< most of a tile, in vectors of 16; those of more take turns, stream by stream
  /// Four products of bytes a lane and their sum: instructions on the multipliers, and on the others; and what prepares
  /// the numbers of a vector for all rows.
  double dotMultiplies = 1, dotOthers = 0, numberOthers = 0;
};

/// The product of many rows.
struct TileWork {
  int64_t streams, k;
  int64_t segment;         ///< columns of a segment of quantised rows; 0: f32
  int64_t mostVectors = 8; ///< of 16 columns that the kernel has room for side by side
};

/// Cycles of a processor for one row, one panel and one k of 16 columns.
double predictedCycles(const Processor &processor, const TileMachine &machine, const TileWork &work, RegisterTile tile);

/// The tiles that registers hold, at most `most`, the one first that costs least on the variant's processors together,
/// each in shares of its own best tile. Never empty.
std::vector<RegisterTile> predictedTiles(const TileMachine &machine, const TileWork &work, size_t most = 6);

} // namespace llmc

#endif // LLMC_COMPILER_TARGETS_COSTMODEL_H
