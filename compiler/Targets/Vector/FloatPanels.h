// FloatPanels.h - where the panels of a float weight stand, and what they hold as f32.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_VECTOR_FLOATPANELS_H
#define LLMC_COMPILER_TARGETS_VECTOR_FLOATPANELS_H

#include "compiler/Targets/Vector/VectorBuilder.h"
#include "dialects/Kernel/IR/Kernel.h"

namespace llmc::vector_emit {

/// The layout `panels` (KernelBase.td) of f32, f16 or bf16. A vector here is a stream of a panel: 16 columns at each k.
class FloatPanels {
public:
  /// `weights` is the weight's first byte.
  FloatPanels(VectorBuilder &b, kernel::PackedType weight, Value weights);

  /// Where vector `stream` of panel `panel` begins.
  Value vector(Value panel, int64_t stream);
  /// The same of all vectors of `width` panels from `panel` on: [width][streams].
  llvm::SmallVector<Value> vectors(Value panel, int64_t width);
  /// Bytes from a k of a vector to the next; of bf16 from a pair to the next, halved.
  int64_t stepBytes() const { return bundled * ownBytes; }

  /// The 16 f32 of k + kOffset of the vector that begins at `vector`. Of bf16 k + kOffset is even, and with `pair`
  /// those of the next k follow.
  llvm::SmallVector<Value, 2> load(Value vector, Value k, int64_t kOffset, bool pair);

  /// Where `width` panels from `panel` on are asked for `ahead` bytes of each vector before k, and past their ends in
  /// the panels that follow.
  Value placeAhead(Value panel, int64_t width, Value k, int64_t ahead);
  /// Asks for those bytes of k + kOffset, a line each.
  void prefetch(Value place, int64_t width, int64_t kOffset);
  /// Asks for bytes `offset` .. `offset` + `bytes` of the bundles from that of `panel` on.
  void prefetchFrom(Value panel, Value offset, int64_t bytes);
  /// Bytes of the bundles that `width` panels fill.
  int64_t bundleBytes(int64_t width) const { return runs(width) * runBytes; }

private:
  /// What stands in one stream of bytes: bundles, or vectors on their own.
  int64_t runs(int64_t width) const;

  VectorBuilder &b;
  kernel::PackedType weight;
  Value weights;
  int64_t streams, bundled; ///< vectors beside each other at a k
  int64_t ownBytes;         ///< of one vector at one k
  int64_t runBytes;         ///< of a run
};

} // namespace llmc::vector_emit

#endif // LLMC_COMPILER_TARGETS_VECTOR_FLOATPANELS_H
