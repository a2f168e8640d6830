// PackedLayout.cpp - panels and tables from rows of weights.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/PackedLayout.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace llmc::weights {

static constexpr int64_t panelWidth = 16;
using Rows = std::array<const uint8_t *, panelWidth>;

/// Neighbours in k that lie beside each other in a panel.
static int64_t interleave(Element element) { return element == Element::BF16 ? 2 : 1; }
static int64_t storedK(const PackedWeight &weight) {
  int64_t group = interleave(weight.element);
  return (weight.k + group - 1) / group * group;
}

static int64_t panelsOfPiece(const PackedWeight &weight) { return std::max<int64_t>(weight.bundle, 1); }

int64_t PackedWeight::numPieces() const {
  return panels ? (n + panelWidth - 1) / panelWidth / panelsOfPiece(*this) : n;
}
int64_t PackedWeight::pieceBytes() const {
  if (!panels)
    return k * bytesOf(element);
  if (codes)
    return static_cast<int64_t>(streams.size()) * codes->panelBytes;
  return panelsOfPiece(*this) * static_cast<int64_t>(streams.size()) * storedK(*this) * panelWidth * bytesOf(element);
}

/// Units [k][16], each k `step` vectors of 16 behind the one before, from 16 rows of `count` units each. A unit is what
/// stays together: an f32, an f16, or a pair of bf16. Tiles of 16 units keep the written lines in the first-level cache
/// while each row is read in whole lines.
template <typename Unit> static void transpose(const Rows &rows, int64_t count, int64_t step, uint8_t *out) {
  constexpr int64_t tile = 16, vectorBytes = panelWidth * static_cast<int64_t>(sizeof(Unit));
  for (int64_t k = 0; k < count; k += tile) {
    int64_t width = std::min(tile, count - k);
    Unit block[tile][panelWidth];
    for (int64_t r = 0; r < panelWidth; ++r) {
      Unit line[tile];
      std::memcpy(line, rows[r] + k * static_cast<int64_t>(sizeof(Unit)), static_cast<size_t>(width) * sizeof(Unit));
      for (int64_t i = 0; i < width; ++i)
        block[i][r] = line[i];
    }
    for (int64_t i = 0; i < width; ++i)
      std::memcpy(out + (k + i) * step * vectorBytes, block[i], vectorBytes);
  }
}

/// Packs rows [16 panel, 16 panel + 16) of one stream, `step` vectors from k to k; rows past N are zero, and so is the
/// partner of a last odd k.
static void packPanel(const PackedWeight &weight, const WeightValue &source, int64_t panel, int64_t step, uint8_t *out,
                      PackScratch &scratch) {
  int64_t k = weight.k, stored = storedK(weight), rowBytes = stored * bytesOf(weight.element);
  scratch.rows.resize(static_cast<size_t>((panelWidth + 1) * rowBytes));
  scratch.values.resize(static_cast<size_t>(k));
  uint8_t *zeros = scratch.rows.data() + panelWidth * rowBytes;
  std::memset(zeros, 0, static_cast<size_t>(rowBytes));
  Rows rows;
  for (int64_t r = 0; r < panelWidth; ++r) {
    int64_t row = panel * panelWidth + r;
    if (row >= weight.n) {
      rows[r] = zeros;
      continue;
    }
    rows[r] = source.element == weight.element && stored == k ? source.stored(row * k, k) : nullptr;
    if (rows[r])
      continue;
    uint8_t *made = scratch.rows.data() + r * rowBytes;
    source.read(row * k, k, scratch.values.data());
    encode(weight.element, scratch.values.data(), k, made);
    std::memset(made + k * bytesOf(weight.element), 0, static_cast<size_t>((stored - k) * bytesOf(weight.element)));
    rows[r] = made;
  }
  if (weight.element == Element::F16)
    transpose<uint16_t>(rows, k, step, out);
  else // f32, or a pair of bf16
    transpose<uint32_t>(rows, weight.element == Element::F32 ? k : stored / 2, step, out);
}

void packPieces(const PackedWeight &weight, int64_t begin, int64_t end, uint8_t *out, PackScratch &scratch) {
  assert(0 <= begin && begin <= end && end <= weight.numPieces());
  if (!weight.panels) {
    const WeightValue &source = *weight.streams.front();
    int64_t count = (end - begin) * weight.k;
    scratch.values.resize(static_cast<size_t>(count));
    source.read(begin * weight.k, count, scratch.values.data());
    encode(weight.element, scratch.values.data(), count, out);
    return;
  }
  int64_t panels = panelsOfPiece(weight), vectors = panels * static_cast<int64_t>(weight.streams.size());
  // Of what is bundled the vectors stand beside each other, of what is not the panels behind each other.
  int64_t apart =
      weight.bundle ? panelWidth * interleave(weight.element) * bytesOf(weight.element) : weight.pieceBytes() / vectors;
  for (int64_t piece = begin; piece < end; ++piece, out += weight.pieceBytes())
    for (int64_t vector = 0; vector < vectors; ++vector) {
      int64_t panel = piece * panels + vector / static_cast<int64_t>(weight.streams.size());
      const WeightValue &stream = *weight.streams[static_cast<size_t>(vector) % weight.streams.size()];
      if (weight.codes)
        packCodes(weight, stream, panel, out + vector * apart);
      else
        packPanel(weight, stream, panel, weight.bundle ? vectors : 1, out + vector * apart, scratch);
    }
}

} // namespace llmc::weights
