// Statistics.h - a statistics file and the model that it belongs to.
//
// Not here: the file's format (frontends/formats/statistics), how it is made (Observe.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_STATISTICS_H
#define LLMC_TOOLS_DRIVER_STATISTICS_H

#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/formats/TensorIndex.h"

#include <string>

namespace llmc::driver {

/// SHA-256, in hexadecimal digits, of the keys, types and shapes of a checkpoint's tensors, and of up to 64 runs of 64
/// bytes of each, spread evenly: enough to tell models apart, little enough to take no time.
std::string modelDigest(const TensorIndex &checkpoint);

/// Checks a statistics file against the model in `directory`, all its numbers too.
Checked checkStatistics(const std::string &path, const std::string &directory);

/// The tensors of a model and, where it names one, of its statistics file, whose numbers are taken as they are.
Result<TensorIndex> openWeights(transformer::CheckpointOp checkpoint);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_STATISTICS_H
