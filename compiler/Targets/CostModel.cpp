// CostModel.cpp - a tile takes as long as what is scarcest for it: multipliers, loads, a chain's latency, or a cache.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/CostModel.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <tuple>

using namespace llmc;

namespace {

constexpr int64_t kColumns = 16;
/// A tile's rows: each is a stream of activations of its own.
constexpr int64_t kMostRows = 12;
/// Loads run beside multiplications, but not quite: what was measured on a Xeon of tiles that differ in loads alone.
constexpr double kExposedLoads = 0.0625;

/// Vectors of 16 columns whose accumulators are in registers together.
int64_t vectorsTogether(const TileMachine &machine, const TileWork &work, RegisterTile tile) {
  bool takeTurns = tile.rows * tile.panels * work.streams > machine.accumulators;
  return tile.panels * (takeTurns ? 1 : work.streams);
}

bool fits(const TileMachine &machine, const TileWork &work, RegisterTile tile) {
  int64_t together = vectorsTogether(machine, work, tile), kinds = work.segment ? 2 : 1;
  return tile.rows * together <= machine.accumulators &&
         (kinds * tile.rows * together + together) * machine.vectors + 1 <= machine.registers;
}

} // namespace

double llmc::predictedCycles(const Processor &processor, const TileMachine &machine, const TileWork &work,
                             RegisterTile tile) {
  // Of a step, which is one k, or four where products are of bytes.
  const double width = static_cast<double>(machine.vectors), rows = static_cast<double>(tile.rows);
  const double vectors = static_cast<double>(vectorsTogether(machine, work, tile)), sums = rows * vectors * width;
  const int64_t ofStep = work.segment ? 4 : 1;
  double multiplies = sums, others = 0, loads = vectors * width + rows;
  if (work.segment) {
    // At a segment's end a vector's scale is converted, and each sum, which the product of two scales is multiplied by.
    double ends = static_cast<double>(ofStep) / static_cast<double>(work.segment);
    multiplies = sums * machine.dotMultiplies + (2 * sums + vectors * width) * ends;
    others = sums * machine.dotOthers + vectors * width * machine.numberOthers + sums * ends;
    loads += (vectors * width + 2 * rows) * ends;
  }
  // Weights of a tile stay in the first-level cache where most of it holds them; activations come from the second.
  const double weightBytes = vectors * kColumns * 4, panelBytes = weightBytes * static_cast<double>(work.k / ofStep);
  double bytes = rows * 4 + (panelBytes <= 0.75 * static_cast<double>(processor.firstBytes) ? 0 : weightBytes);
  double cycles = std::max({multiplies / processor.multiplies, others / processor.others, loads / processor.loads,
                            processor.latency, bytes / processor.secondLevel});
  cycles += kExposedLoads * loads / processor.loads;
  return cycles / (rows * vectors * static_cast<double>(ofStep));
}

std::vector<RegisterTile> llmc::predictedTiles(const TileMachine &machine, const TileWork &work, size_t most) {
  struct Candidate {
    RegisterTile tile;
    double cost;
  };
  std::vector<Candidate> candidates;
  for (int64_t rows = 1; rows <= kMostRows; ++rows)
    for (int64_t panels = 1; panels * work.streams <= work.mostVectors; ++panels)
      if (fits(machine, work, {rows, panels}))
        candidates.push_back({{rows, panels}, 0});
  for (const Processor &processor : machine.processors) {
    std::vector<double> cycles;
    for (const Candidate &candidate : candidates)
      cycles.push_back(predictedCycles(processor, machine, work, candidate.tile));
    double best = *llvm::min_element(cycles);
    for (auto [candidate, own] : llvm::zip(candidates, cycles))
      candidate.cost += own / best;
  }
  // Of equals the one with fewer panels, whose weights are fewer bytes, and with more rows.
  llvm::sort(candidates, [](const Candidate &a, const Candidate &b) {
    return std::tuple(a.cost, a.tile.panels, -a.tile.rows) < std::tuple(b.cost, b.tile.panels, -b.tile.rows);
  });
  std::vector<RegisterTile> tiles;
  for (const Candidate &candidate : llvm::ArrayRef(candidates).take_front(most))
    tiles.push_back(candidate.tile);
  return tiles;
}
