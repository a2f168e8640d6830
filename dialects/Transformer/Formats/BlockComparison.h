// BlockComparison.h - whether two descriptors of block formats say the same.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKCOMPARISON_H
#define LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKCOMPARISON_H

#include "dialects/Transformer/Formats/BlockFormats.h"

namespace llmc {

/// Whether all fields are the same. What accounts for the fields it knows (dialects/Kernel/IR/ComputeLayouts.cpp)
/// refuses by it a format that says more.
bool sameFields(const BlockFormatDescriptor &a, const BlockFormatDescriptor &b);

} // namespace llmc

#endif // LLMC_DIALECTS_TRANSFORMER_FORMATS_BLOCKCOMPARISON_H
