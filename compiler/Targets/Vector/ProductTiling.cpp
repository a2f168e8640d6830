// ProductTiling.cpp - what a schedule says of a product, and what it may say.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Kernels.h"
#include "compiler/Targets/Vector/TileMatmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;

namespace {

/// Panels that one thread walks for all of few rows before it goes on: 8 panels of 128 columns with K = 1536 in bf16
/// are 384 KiB, 8 with K = 2048 in 8 bits 272 KiB, within the second-level cache of the processors this is for.
constexpr int64_t kGroupPanels = 8;
/// Rows that wait for memory rather than for the arithmetic, where one stream of bytes is read: four rows of Q8_0 gain
/// two thirds by it, six of Q4_0 lose a fifth.
constexpr int64_t kReadingRows = 4;
/// K from which a panel of bytes is long.
constexpr int64_t kLongPanel = 2048;

/// Whether one row that reads one stream of floats has chains enough to hide what a multiply-add takes.
bool isStream(kernel::PackedType weight) { return weight.getBundledVectors() > 1; }

} // namespace

std::vector<RegisterTile> llmc::vector_emit::decodedTiles(const TargetBackend &backend, int64_t streams) {
  return predictedTiles(backend.tileMachine(/*quantised=*/false),
                        {streams, kLongPanel, /*segment=*/0, kMostDecodedVectors});
}

TilingChoices llmc::tilingChoices(kernel::MatmulOp matmul, const TargetBackend &backend) {
  kernel::PackedType weight = matmul.getWeight().getType();
  int64_t streams = weight.getStreams();
  TilingChoices choices;
  for (RegisterTile tile : matmul.isQuantized() || matmul.isHalved()
                               ? backend.integerTiles(streams)
                               : backend.matmulTiles(streams, weight.getElement()))
    if (tile.rows == 1)
      choices.panels.push_back(tile.panels);
  // By itself the widest tile that reads as the target wants it.
  if (matmul.isQuantized() || isStream(weight)) {
    int64_t most = std::max(backend.weightReading().panels, weight.getBundle());
    llvm::stable_sort(choices.panels, [most](int64_t a, int64_t b) { return a <= most && b > most; });
  }
  if (matmul.isHalved()) // a register holds two panels
    for (RegisterTile tile : decodedTiles(backend, streams))
      choices.many.push_back({tile.rows, 2 * tile.panels});
  else if (!matmul.isQuantized())
    choices.many = weight.getElement().isF32() ? std::vector<RegisterTile>() : decodedTiles(backend, streams);
  else if (int64_t most = backend.byteTiles() ? TileMatmul::mostPanels(weight, matmul.segmentSize()) : 0)
    for (int64_t panels : {2, 1, 3, 4}) {
      if (panels <= most)
        choices.many.push_back({ByteTiles::kRows, panels});
    }
  else
    choices.many =
        predictedTiles(backend.tileMachine(/*quantised=*/true), {streams, weight.getK(), matmul.segmentSize()});
  return choices;
}

ProductTiling llmc::vector_emit::tilingOf(kernel::MatmulOp op, const TargetBackend &backend) {
  TilingChoices choices = tilingChoices(op, backend);
  kernel::PackedType weight = op.getWeight().getType();
  int64_t ahead = choices.panels.front() * weight.getStreams() < 4 ? kBytesAheadOfFew : kBytesAhead;
  ProductTiling tiling = {choices.panels.front(), /*limitedRows=*/1, kGroupPanels, ahead,
                          choices.many.empty() ? RegisterTile{0, 0} : choices.many.front()};
  if (op.isQuantized() || isStream(weight))
    tiling.ahead = backend.weightReading().ahead;
  // Long panels come from memory, which half as many streams, asked for twice as far ahead, read up to a twentieth
  // faster: 1.1B q8_0. Short ones, 135M, lose a fiftieth by it.
  if (op.isQuantized() && weight.getCodes().getBits() == 8 && weight.getK() >= kLongPanel &&
      tiling.panels * weight.getStreams() >= kGroupPanels) {
    tiling.panels /= 2;
    tiling.ahead *= 2;
  }
  auto tilings = op->getAttrOfType<DictionaryAttr>(kernel::kTilingsAttrName);
  auto given = tilings ? tilings.getAs<kernel::TilingAttr>(backend.name()) : kernel::TilingAttr();
  if (given && given.getPanels())
    tiling.panels = given.getPanels();
  if (op.isQuantized() ? tiling.panels == 1 : isStream(weight) && tiling.panels <= weight.getBundle())
    tiling.limitedRows = op.isQuantized() || weight.getBundledVectors() == 4 ? kReadingRows : 1;
  if (!given)
    return tiling;
  if (given.getGroup())
    tiling.group = given.getGroup();
  if (given.getAhead() >= 0)
    tiling.ahead = given.getAhead();
  for (RegisterTile tile : choices.many)
    if (tile.rows == given.getManyRows() && tile.panels == given.getManyPanels())
      tiling.many = tile;
  return tiling;
}

SmallVector<Value> llmc::vector_emit::streamsInTurn(int64_t rows, int64_t vectors, int64_t streams, int64_t most,
                                                    llvm::function_ref<SmallVector<Value>(int64_t, int64_t)> add) {
  int64_t run = rows * vectors <= most ? vectors : vectors / streams;
  SmallVector<Value> all(rows * vectors);
  for (int64_t from = 0; from < vectors; from += run)
    for (auto [i, sum] : llvm::enumerate(add(from, run)))
      all[static_cast<int64_t>(i) / run * vectors + from + static_cast<int64_t>(i) % run] = sum;
  return all;
}

Value llmc::vector_emit::placeAhead(VectorBuilder &b, Value panel, Value offset, int64_t ahead, int64_t planeBytes,
                                    int64_t tileBytes) {
  Value distance = arith::SelectOp::create(b, b.less(offset, b.i64(planeBytes - ahead)), b.i64(ahead),
                                           b.i64(ahead + tileBytes - planeBytes));
  return b.at(panel, b.add(offset, distance));
}

void llmc::vector_emit::walkTiles(VectorBuilder &b, ArrayRef<RegisterTile> tiles, const ProductTiling &tiling,
                                  Value count, Value from, Value to,
                                  llvm::function_ref<void(int64_t, int64_t, Value, Value)> tile) {
  // Groups begin at multiples of their size, so that tiles begin where bundles of panels do.
  b.forLoop(b.div(from, tiling.group), b.div(b.add(to, tiling.group - 1), tiling.group), 1, [&](Value number) {
    Value group = b.max(b.mul(number, tiling.group), from), row = b.i64(0);
    Value groupEnd = b.min(b.mul(b.add(number, 1), tiling.group), to);
    for (size_t i = 0; i < tiles.size();) {
      int64_t rows = tiles[i].rows;
      size_t end = i;
      while (end < tiles.size() && tiles[end].rows == rows)
        ++end;
      // As many tiles of this row count as fit, then on with the next smaller one.
      Value rowEnd = b.add(row, b.mul(b.div(b.sub(count, row), rows), rows));
      b.forLoop(row, rowEnd, rows, [&](Value tileRow) {
        Value panel = group;
        for (size_t width = i; width < end; ++width) {
          int64_t panels = tiles[width].panels;
          if (rows <= tiling.limitedRows && panels > tiling.panels)
            continue;
          Value panelEnd = b.add(panel, b.mul(b.div(b.sub(groupEnd, panel), panels), panels));
          b.forLoop(panel, panelEnd, panels, [&](Value p) { tile(rows, panels, tileRow, p); });
          panel = panelEnd;
        }
      });
      row = rowEnd;
      i = end;
    }
  });
}
