// Recipe.h - a kernel.weight's body as a weight that can be packed.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_WEIGHTS_RECIPE_H
#define LLMC_COMPILER_WEIGHTS_RECIPE_H

#include "compiler/Weights/PackedLayout.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "frontends/formats/TensorIndex.h"

namespace llmc::weights {

/// How blocks become panels of codes of `k` columns; `codes` is the layout that their format maps onto.
CodesLayout codesLayout(kernel::CodesType codes, int64_t k, transformer::BlockType blocks);

/// Reads the recipe of copy `copy`. Fails with a located error where an operation cannot be executed, or a key does not
/// name a tensor of the type that the recipe says. With `checksRange` also where a value is beyond what the type that
/// it is converted to holds, which reads every tensor that is converted. The checkpoint must outlive the result.
mlir::FailureOr<PackedWeight> readRecipe(kernel::WeightOp weight, int64_t copy, const TensorIndex &checkpoint,
                                         bool checksRange = false);

} // namespace llmc::weights

#endif // LLMC_COMPILER_WEIGHTS_RECIPE_H
