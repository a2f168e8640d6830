// BlockFormats.h - how values are stored in blocks: one descriptor for each format, and a scalar codec driven by it.
//
// Plain C++. The codec is slow and obvious; it is the meaning of transformer.weight.decode and .quantize.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKFORMATS_H
#define LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKFORMATS_H

#include <cstdint>

namespace llmc {

/// A format of blocks of `group` values: an f16 scale, then codes of `bits` bits, the value being
/// `scale * (code - zero)`, or a signed code for `zero` = 0. With 4 bits, byte j holds code j in its low nibble and
/// code j + group/2 in its high one.
struct BlockFormatDescriptor {
  const char *name;
  int bits;
  int zero;
  int lowestCode, highestCode;
  /// The scale that a block gets: its largest magnitude over this. When negative, the value of largest magnitude itself
  /// over this, so that it becomes the lowest code exactly.
  int divisor;
};

/// Own formats, in the order of the enum of the dialect.
enum class BlockFormatId { Q8, Q4 };
const BlockFormatDescriptor &blockFormat(BlockFormatId id);

/// Whether blocks may have this many values.
inline bool isBlockGroup(int64_t group) { return group >= 16 && group <= 256 && group % 16 == 0; }

/// Bytes of one block.
int64_t blockBytes(BlockFormatId id, int64_t group);

/// Decodes one block of `blockBytes` bytes into `group` values.
void decodeBlock(BlockFormatId id, int64_t group, const uint8_t *block, float *values);

/// Encodes `group` finite values into one block: codes rounded to nearest, halves to even, relative to the scale as
/// rounded to f16.
void encodeBlock(BlockFormatId id, int64_t group, const float *values, uint8_t *block);

} // namespace llmc

#endif // LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKFORMATS_H
