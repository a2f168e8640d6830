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

int64_t PackedWeight::numPieces() const { return panels ? (n + panelWidth - 1) / panelWidth : n; }
int64_t PackedWeight::pieceBytes() const {
  if (!panels)
    return k * bytesOf(element);
  if (codes)
    return static_cast<int64_t>(streams.size()) * codes->panelBytes;
  return static_cast<int64_t>(streams.size()) * storedK(*this) * panelWidth * bytesOf(element);
}

/// Units [k][16] from 16 rows of `count` units each. A unit is what stays together: an f32, an f16, or a pair of bf16.
/// Tiles of 16 units keep the written lines in the first-level cache while each row is read in whole lines.
template <typename Unit> static void transpose(const Rows &rows, int64_t count, uint8_t *out) {
  constexpr int64_t tile = 16;
  for (int64_t k = 0; k < count; k += tile) {
    int64_t width = std::min(tile, count - k);
    Unit block[tile][panelWidth];
    for (int64_t r = 0; r < panelWidth; ++r) {
      Unit line[tile];
      std::memcpy(line, rows[r] + k * static_cast<int64_t>(sizeof(Unit)), static_cast<size_t>(width) * sizeof(Unit));
      for (int64_t i = 0; i < width; ++i)
        block[i][r] = line[i];
    }
    std::memcpy(out + k * panelWidth * static_cast<int64_t>(sizeof(Unit)), block,
                static_cast<size_t>(width * panelWidth) * sizeof(Unit));
  }
}

/// Packs rows [16 panel, 16 panel + 16) of one stream; rows past N are zero, and so is the partner of a last odd k.
static void packPanel(const PackedWeight &weight, const WeightValue &source, int64_t panel, uint8_t *out,
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
    transpose<uint16_t>(rows, k, out);
  else // f32, or a pair of bf16
    transpose<uint32_t>(rows, weight.element == Element::F32 ? k : stored / 2, out);
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
  int64_t streamBytes = weight.pieceBytes() / static_cast<int64_t>(weight.streams.size());
  for (int64_t panel = begin; panel < end; ++panel)
    for (const WeightRef &stream : weight.streams) {
      if (weight.codes)
        packCodes(weight, *stream, panel, out);
      else
        packPanel(weight, *stream, panel, out, scratch);
      out += streamBytes;
    }
}

} // namespace llmc::weights
