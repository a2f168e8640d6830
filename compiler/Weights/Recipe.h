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

/// Values of a tensor that what they are converted to must be able to hold.
struct ValueCheck {
  WeightRef source;
  float limit;                                      ///< bad from this magnitude on, or, with `wantsNumbers`, above it
  bool wantsNumbers;                                ///< infinities and what is no number are bad, too
  std::function<mlir::LogicalResult(float)> refuse; ///< reports a bad value; not thread-safe

  /// The first bad value among elements [begin, end), if there is one. Thread-safe.
  std::optional<float> findBad(int64_t begin, int64_t end) const;
};

/// Reads the recipe of copy `copy`. Fails with a located error where an operation cannot be executed, or a key does not
/// name a tensor of the type that the recipe says. What values have to be checked for is added to `checks` where it is
/// not null. The checkpoint must outlive the result and the checks.
mlir::FailureOr<PackedWeight> readRecipe(kernel::WeightOp weight, int64_t copy, const TensorIndex &checkpoint,
                                         std::vector<ValueCheck> *checks = nullptr);

} // namespace llmc::weights

#endif // LLMC_COMPILER_WEIGHTS_RECIPE_H
