// BlockFormats.h - how values are stored in blocks: one descriptor for each format, and a scalar codec driven by it.
//
// Plain C++: parsers of files use it. The codec is slow and obvious; it is the meaning of transformer.weight.decode and
// .quantize. The descriptors themselves are in BlockDescriptors.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKFORMATS_H
#define LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKFORMATS_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace llmc {

/// Every format, in the order of BlockFormats.def.
enum class BlockFormatId : uint8_t {
#define LLMC_BLOCK_FORMAT(id) id,
#include "dialects/Transformer/Formats/BlockFormats.def"
};

constexpr size_t kNumBlockFormats = 0
#define LLMC_BLOCK_FORMAT(id) +1
#include "dialects/Transformer/Formats/BlockFormats.def"
    ;

/// Where some bits of a field's codes lie. The number of a code, counted from `first`, is written in a mixed radix:
/// digit 0 runs fastest. The bits of a code then stand at `bit` plus each digit times its stride, in bits from the
/// start of the block, bit 0 being the lowest of byte 0. They never cross a byte.
struct BitPlane {
  struct Digit {
    int64_t extent = 0; ///< 0: whatever is left; -n: the n-th part of the field's codes.
    int64_t stride = 0;
  };
  int width = 0; ///< Bits taken; 0: there is no such plane.
  int shift = 0; ///< They become bits [shift, shift + width) of the code.
  int64_t bit = 0;
  Digit digits[3];
  int64_t first = 0, count = 0; ///< Codes that the plane speaks of; count 0: all of them.
};

/// Unsigned codes of at most 8 bits, and the numbers they stand for: `table[code]` where there is a table, else the
/// code in two's complement where `isSigned`, else `code - zero`.
struct BlockField {
  int bits = 0;     ///< 0: the format has no such field.
  int64_t each = 1; ///< Values that share one code.
  int zero = 0;
  bool isSigned = false;
  const float *table = nullptr; ///< 2^bits numbers.
  BitPlane planes[3];
};

/// A number that a block holds once.
enum class BlockNumber : uint8_t {
  None,
  F16,
  F32,
  HalfE8M0, ///< 2^(byte - 128): OCP's power of two, halved, for tables of doubled values.
};

/// What rounding to the format does; the code is rounded to nearest, halves to even, relative to numbers as stored.
enum class BlockRounding : uint8_t {
  None,    ///< Only read.
  Largest, ///< The largest magnitude gets the highest code: scale = largest / highest.
  Extreme, ///< The value of largest magnitude, with its sign, gets the lowest code: scale = extreme / -zero.
  Range,   ///< minimum = least, scale = (greatest - least) / highest.
};

/// A format. A block of `group` values holds a scale, perhaps a minimum or a zero point, perhaps smaller scales and
/// minima for runs of values, and a code for each. With s the scale, or the scale times the smaller one, and m
/// likewise, each product rounded to f32, a value is `s * code`, `s * code + m` or, where `subtractsMinimum`, `s * code
/// - m`, rounded after the product and after the sum; with a zero point z it is `s * (code - z)`.
struct BlockFormatDescriptor {
  const char *name = nullptr; ///< As the IR spells it.
  int64_t group = 0;          ///< Values in a block; 0: any multiple of 16 up to kMaxBlockGroup.
  BlockNumber scale = BlockNumber::None, minimum = BlockNumber::None;
  int64_t scaleByte = 0, minimumByte = 0; ///< Where they stand.
  int64_t zeroByte = -1;                  ///< Where a byte with the code of the value 0 stands; -1: nowhere.
  BlockField subScales, subMinima, codes;
  bool subtractsMinimum = false;
  BlockRounding rounding = BlockRounding::None;
  int lowestCode = 0, highestCode = 0; ///< Numbers of the codes that rounding may choose, before `zero` is taken off.
};

constexpr int64_t kMaxBlockGroup = 1 << 20;

const BlockFormatDescriptor &blockFormat(BlockFormatId id);
/// The format of that name in the IR, or nothing.
std::optional<BlockFormatId> blockFormatFromName(std::string_view name);

/// Whether blocks of the format may have this many values.
bool isBlockGroup(BlockFormatId id, int64_t group);

/// Bytes of one block.
int64_t blockBytes(BlockFormatId id, int64_t group);

/// A block taken apart without interpreting anything; pack and unpack are inverse to each other on all bytes.
struct BlockParts {
  uint32_t scale = 0, minimum = 0; ///< Bits as stored; 0 where there are none.
  uint8_t *subScales = nullptr;    ///< group / subScales.each codes; null where the format has none.
  uint8_t *subMinima = nullptr;    ///< group / subMinima.each codes.
  uint8_t *codes = nullptr;        ///< group codes.
  uint8_t zero = 0;                ///< The zero point; 0 where there is none.
};
/// Fills the numbers and the arrays that `parts` points to.
void unpackBlock(BlockFormatId id, int64_t group, const uint8_t *block, BlockParts &parts);
/// Writes `blockBytes` bytes. Codes must be below 2^bits.
void packBlock(BlockFormatId id, int64_t group, const BlockParts &parts, uint8_t *block);

/// Decodes one block of `blockBytes` bytes into `group` values.
void decodeBlock(BlockFormatId id, int64_t group, const uint8_t *block, float *values);

/// Decodes a block that was taken apart.
void decodeBlockParts(BlockFormatId id, int64_t group, const BlockParts &parts, float *values);

/// Whether the format can be rounded to.
inline bool canEncodeBlock(BlockFormatId id) { return blockFormat(id).rounding != BlockRounding::None; }

/// Encodes `group` finite values into one block by the format's rounding: what is cheap enough while a model runs. A
/// scale or minimum too large for its type becomes the largest of it. Weights take more pains: BlockSearch.h.
void encodeBlock(BlockFormatId id, int64_t group, const float *values, uint8_t *block);

} // namespace llmc

#endif // LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKFORMATS_H
