// PackedCodes.cpp - panels of codes and scales from rows of blocks, without a change of any value.
//
// Which layout a format maps onto is read off its descriptor in dialects/Kernel/IR/ComputeLayouts.cpp.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/PackedLayout.h"

#include "dialects/Transformer/Formats/HalfFloats.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace llmc::weights {

static constexpr int64_t panelWidth = 16;

namespace {

/// Writes the scales of one row into a panel's records.
class ScaleWriter {
public:
  ScaleWriter(const CodesLayout &layout, const BlockFormatDescriptor &format, int64_t row, uint8_t *panel)
      : layout(layout), format(format), row(row), panel(panel) {}

  /// The scales and minima of the block at column `k`.
  void write(int64_t k, const BlockParts &parts) {
    int64_t each = format.subScales.bits ? format.subScales.each : layout.blockGroup;
    if (layout.super) {
      for (int64_t i = 0; i < layout.blockGroup / each; ++i) {
        uint8_t *place = placeOf(k + i * each, each, 1);
        place[layout.scales] = static_cast<uint8_t>(level(format.subScales, parts.subScales[i]));
        if (layout.minimum)
          place[layout.minima] = static_cast<uint8_t>(level(format.subMinima, parts.subMinima[i]));
      }
      put(layout.supers, k, layout.super, bits(parts.scale));
      if (layout.minimum)
        put(layout.superMinima, k, layout.super, minimum(parts));
      return;
    }
    if (format.scale == BlockNumber::None) { // the smaller scales alone, from a table
      for (int64_t i = 0; i < layout.blockGroup / each; ++i)
        put(layout.scales, k + i * each, each, floatToHalf(format.subScales.table[parts.subScales[i]]));
      return;
    }
    put(layout.scales, k, each, bits(parts.scale));
    if (layout.minimum)
      put(layout.minima, k, each, minimum(parts));
    if (layout.hasZeros)
      placeOf(k, each, 1)[layout.zeros] = parts.zero;
  }

private:
  static int level(const BlockField &field, uint8_t code) {
    return field.isSigned ? static_cast<int8_t>(code) : code - field.zero;
  }
  /// The stored scale in the packed type: an E8M0 becomes the bf16 of its value.
  uint32_t bits(uint32_t stored) const {
    if (format.scale != BlockNumber::HalfE8M0)
      return stored;
    return stored < 2 ? 0x0020u << stored : (stored - 1) << 7;
  }
  /// Kernels add minima: where the format takes them off the sign is turned, which is exact.
  uint32_t minimum(const BlockParts &parts) const {
    return format.subtractsMinimum ? parts.minimum ^ 0x8000u : parts.minimum;
  }
  /// Where this row's number of `bytes` bytes for the `each` columns from `k` on stands, in a part that begins where
  /// the record does.
  uint8_t *placeOf(int64_t k, int64_t each, int64_t bytes) const {
    int64_t in = k % layout.recordColumns / each;
    return panel + k / layout.recordColumns * layout.recordBytes + (in * panelWidth + row) * bytes;
  }
  void put(int64_t part, int64_t k, int64_t each, uint32_t bits) {
    std::memcpy(placeOf(k, each, layout.scaleBytes) + part, &bits, static_cast<size_t>(layout.scaleBytes));
  }

  const CodesLayout &layout;
  const BlockFormatDescriptor &format;
  int64_t row;
  uint8_t *panel;
};

/// Writes one row's codes, `k` of them in a record from column `first` on: four beside each other, 16 rows apart.
/// `flip` is the bit that makes a code in two's complement the unsigned one of the same order. Four at a time in one
/// register: bytes of a word stay in their order on any host, since both ends are copied.
void writeCodes(const CodesLayout &layout, int64_t row, int64_t first, int64_t k, const uint8_t *codes, uint8_t flip,
                uint8_t *panel) {
  const uint32_t flips = flip * 0x01010101u;
  panel += first / layout.recordColumns * layout.recordBytes + layout.codes;
  first %= layout.recordColumns;
  if (layout.bits == 8) {
    uint8_t *out = panel + first * panelWidth + row * 4;
    for (int64_t i = 0; i < k; i += 4, out += panelWidth * 4) {
      uint32_t word;
      std::memcpy(&word, codes + i, 4);
      word ^= flips;
      std::memcpy(out, &word, 4);
    }
    return;
  }
  uint8_t *unit = panel + first * layout.bits / 8 * panelWidth;
  for (int64_t i = 0; i < k; i += layout.unit, unit += layout.unit * layout.bits / 8 * panelWidth)
    for (const CodesLayout::BitPlane &plane : layout.bitPlanes) {
      const uint32_t mask = ((1u << plane.bits) - 1) * 0x01010101u;
      uint8_t *out = unit + plane.byte + row * 4;
      for (int64_t from = 0; from < layout.unit; out += panelWidth * 4) {
        uint32_t word = 0;
        for (int64_t shift = 0; shift < 8; shift += plane.bits, from += 4) {
          uint32_t four;
          std::memcpy(&four, codes + i + from, 4);
          word |= ((four ^ flips) >> plane.shift & mask) << shift;
        }
        std::memcpy(out, &word, 4);
      }
    }
}

} // namespace

void packCodes(const PackedWeight &weight, const WeightValue &source, int64_t panel, uint8_t *out) {
  const CodesLayout &layout = *weight.codes;
  const BlockFormatDescriptor &format = blockFormat(layout.format);
  const int64_t k = weight.k, group = layout.blockGroup, inRecord = std::min(group, layout.recordColumns);
  const auto flip = static_cast<uint8_t>(format.codes.isSigned ? 1 << (format.codes.bits - 1) : 0);
  const int64_t rows = std::min(panelWidth, weight.n - panel * panelWidth), first = panel * panelWidth;
  // Records are written whole but for what pads them to lines, and for rows past N: codes of any kind with scales of
  // zero.
  std::memset(out, 0, static_cast<size_t>(layout.panelBytes));
  const int64_t together = source.rowsTogether() >= panelWidth ? rows : 1, each = k / group;
  for (int64_t row = 0; row < rows; row += together) {
    [[maybe_unused]] bool whole =
        source.readParts((first + row) * k, together * k, [&](int64_t block, const BlockParts &parts) {
          const int64_t place = row + block / each, column = block % each * group;
          ScaleWriter(layout, format, place, out).write(column, parts);
          for (int64_t from = 0; from < group; from += inRecord)
            writeCodes(layout, place, column + from, inRecord, parts.codes + from, flip, out);
        });
    assert(whole && "checked when the recipe was read");
  }
}

} // namespace llmc::weights
