// PackedCodes.cpp - panels of codes and scales from rows of blocks, without a change of any value.
//
// Which layout a format maps onto is read off its descriptor in dialects/Kernel/IR/ComputeLayouts.cpp.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/PackedLayout.h"

#include "dialects/Transformer/Formats/HalfFloats.h"

#include <array>
#include <cassert>
#include <cstring>

namespace llmc::weights {

static constexpr int64_t panelWidth = 16;

namespace {

/// Smaller scales of one block of any format.
constexpr int64_t maxSubBlocks = 16;

/// Writes the scales of one row into a panel's planes.
class ScaleWriter {
public:
  ScaleWriter(const CodesLayout &layout, const BlockFormatDescriptor &format, int64_t row, uint8_t *panel)
      : layout(layout), format(format), row(row), panel(panel) {}

  /// The scales and minima of the block at column `k`.
  void write(int64_t k, const BlockParts &parts) {
    int64_t each = format.subScales.bits ? format.subScales.each : layout.blockGroup;
    if (layout.super) {
      for (int64_t i = 0; i < layout.blockGroup / each; ++i) {
        int64_t place = (k / each + i) * panelWidth + row;
        panel[layout.scales + place] = static_cast<uint8_t>(level(format.subScales, parts.subScales[i]));
        if (layout.minimum)
          panel[layout.minima + place] = static_cast<uint8_t>(level(format.subMinima, parts.subMinima[i]));
      }
      int64_t place = k / layout.super * panelWidth + row;
      put(layout.supers, place, bits(parts.scale));
      if (layout.minimum)
        put(layout.superMinima, place, minimum(parts));
      return;
    }
    if (format.scale == BlockNumber::None) { // the smaller scales alone, from a table
      for (int64_t i = 0; i < layout.blockGroup / each; ++i)
        put(layout.scales, (k / each + i) * panelWidth + row, floatToHalf(format.subScales.table[parts.subScales[i]]));
      return;
    }
    int64_t place = k / each * panelWidth + row;
    put(layout.scales, place, bits(parts.scale));
    if (layout.minimum)
      put(layout.minima, place, minimum(parts));
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
  void put(int64_t plane, int64_t place, uint32_t bits) {
    std::memcpy(panel + plane + place * layout.scaleBytes, &bits, static_cast<size_t>(layout.scaleBytes));
  }

  const CodesLayout &layout;
  const BlockFormatDescriptor &format;
  int64_t row;
  uint8_t *panel;
};

/// Writes one row's codes, `k` of them from column `first` on: four beside each other, 16 rows apart.
void writeCodes(const CodesLayout &layout, int64_t row, int64_t first, int64_t k, const uint8_t *codes, int zero,
                uint8_t *panel) {
  if (layout.bits == 8) {
    uint8_t *out = panel + first * panelWidth + row * 4;
    for (int64_t i = 0; i < k; i += 4, out += panelWidth * 4)
      for (int64_t j = 0; j < 4; ++j)
        out[j] = static_cast<uint8_t>(codes[i + j] + zero);
    return;
  }
  uint8_t *out = panel + first / 2 * panelWidth + row * 4;
  for (int64_t i = 0; i < k; i += 8, out += panelWidth * 4)
    for (int64_t j = 0; j < 4; ++j)
      out[j] = static_cast<uint8_t>(codes[i + j] | codes[i + 4 + j] << 4);
}

} // namespace

void packCodes(const PackedWeight &weight, const WeightValue &source, int64_t panel, uint8_t *out,
               PackScratch &scratch) {
  const CodesLayout &layout = *weight.codes;
  const BlockFormatDescriptor &format = blockFormat(layout.format);
  const int64_t k = weight.k, group = layout.blockGroup, bytes = blockBytes(layout.format, group);
  const int64_t rowBytes = k / group * bytes;
  const int64_t rows = std::min(panelWidth, weight.n - panel * panelWidth);
  const bool together = source.rowsTogether() >= panelWidth;
  scratch.blocks.resize(static_cast<size_t>((together ? rows : 1) * rowBytes + group));
  uint8_t *codes = scratch.blocks.data() + scratch.blocks.size() - group;
  std::memset(out, 0, static_cast<size_t>(layout.panelBytes));
  // A signed code becomes the unsigned one of the same order.
  const int shift = format.codes.isSigned ? 1 << (format.codes.bits - 1) : 0;
  // Of rows that are missing: codes of any kind with scales of zero.
  for (int64_t row = 0; row < rows; ++row) {
    const uint8_t *blocks = scratch.blocks.data() + (together ? row * rowBytes : 0);
    if (row == 0 || !together) {
      const int64_t first = panel * panelWidth + row;
      [[maybe_unused]] bool whole = source.readBlocks(first * k, (together ? rows : 1) * k, scratch.blocks.data());
      assert(whole && "checked when the recipe was read");
    }
    ScaleWriter scales(layout, format, row, out);
    for (int64_t block = 0; block < k / group; ++block) {
      uint8_t subScales[maxSubBlocks], subMinima[maxSubBlocks];
      BlockParts parts = {0, 0, subScales, subMinima, codes};
      unpackBlock(layout.format, group, blocks + block * bytes, parts);
      scales.write(block * group, parts);
      writeCodes(layout, row, block * group, group, codes, shift, out);
    }
  }
}

} // namespace llmc::weights
