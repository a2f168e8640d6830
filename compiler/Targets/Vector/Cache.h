// Cache.h - numbers of a key-value cache in the page's element type.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_VECTOR_CACHE_H
#define LLMC_COMPILER_TARGETS_VECTOR_CACHE_H

#include "compiler/Targets/Vector/Kernels.h"

namespace llmc::vector_emit {

/// Emits what rounds to a page's element type and reads it back: f32, f16, bf16, or bytes with a scale for each head
/// and position.
class CacheCells {
public:
  CacheCells(VectorBuilder &b, kernel::PageAttr page) : b(b), page(page) {}

  /// Of a number as stored, a scale aside.
  int64_t bytes() const { return page.getElementBytes(); }
  /// Where the scales of a head's block begin, from `position` (in the page) on; null without scales.
  Value scalesFrom(Value block, Value position);
  /// `count` scales from `index` on as f32, a scalar for 1; null where `scales` is.
  Value scales(Value scales, Value index, int64_t count);
  /// `lanes` numbers as f32, times `scale` (as many lanes) where there is one.
  Value load(Value place, int64_t lanes, Value scale);

  /// The scale, f32, that fits the head's numbers at `from`, rounded as it is stored; null without scales.
  Value scaleOf(Value from);
  void storeScale(Value scale, Value block, Value position);
  /// Rounds f32 numbers, a vector or one, and stores them.
  void store(Value numbers, Value scale, Value place);

private:
  VectorBuilder &b;
  kernel::PageAttr page;
};

} // namespace llmc::vector_emit

#endif // LLMC_COMPILER_TARGETS_VECTOR_CACHE_H
