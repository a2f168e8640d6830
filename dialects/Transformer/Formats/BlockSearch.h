// BlockSearch.h - weights rounded to blocks: the scale, and the minimum, that leave the smallest squared error.
//
// The meaning of transformer.weight.quantize. What values are rounded by while a model runs is encodeBlock.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKSEARCH_H
#define LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKSEARCH_H

#include "dialects/Transformer/Formats/BlockFormats.h"

#include <functional>

namespace llmc {

/// Chooses scale, minimum and codes for each of `blocks` groups of `group` finite values, which lie one after the
/// other, and hands them over in order; a format that can be encoded. Tries a fixed list of scales around the one at
/// which the outermost value has the outermost code; for each the values are rounded and the scale (and minimum) of
/// least squares for those codes is taken; the list's best is rounded to f16 and the values once more to its steps. A
/// group whose scale underflows becomes zeros, or its minimum. Pure: a group's outcome depends on its values alone, and
/// is the same bits on every host; sums go over the values in ascending order.
void searchBlocks(BlockFormatId id, int64_t group, int64_t blocks, const float *values,
                  const std::function<void(int64_t block, const BlockParts &parts)> &use);

/// The same, packed: `blocks * blockBytes` bytes.
void quantizeBlocks(BlockFormatId id, int64_t group, int64_t blocks, const float *values, uint8_t *out);

/// The same, decoded: the values that the blocks stand for. May be done in place.
void roundToBlocks(BlockFormatId id, int64_t group, int64_t blocks, const float *values, float *rounded);

/// The largest magnitude that a format with f16 scales can take, above which values would be cut off.
float largestEncodable(BlockFormatId id);

} // namespace llmc

#endif // LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKSEARCH_H
