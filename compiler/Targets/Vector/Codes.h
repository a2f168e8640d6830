// Codes.h - reading weights kept as codes of a few bits with scales (!kernel.codes).
//
// Not here: products with them (QuantizedMatmul.cpp, Matmul.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_VECTOR_CODES_H
#define LLMC_COMPILER_TARGETS_VECTOR_CODES_H

#include "compiler/Targets/Vector/Kernels.h"

namespace llmc::vector_emit {

/// Bytes in a vector of numbers: four consecutive k of each of a panel's 16 columns.
constexpr int64_t kNumbers = 4 * kLanes;

/// Emits what reads panels of codes of one weight. A vector of numbers is <64 x i8>, [16 columns][4 k], unsigned: the
/// number that a code stands for plus offset().
class CodesReader {
public:
  /// Emits the constants; call at the start of a function. Scales are read `segment` columns at a time.
  CodesReader(VectorBuilder &b, kernel::PackedType weight, int64_t segment, const TargetBackend &backend);

  int64_t offset() const { return codes.getOffset(); }
  bool hasMinimum() const { return codes.hasMinimum(); }
  bool hasZeros() const { return codes.hasZeros(); }
  /// True where numbers are below 16.
  bool areSmall() const { return codes.getBits() <= 4 && codes.getTable().empty(); }
  /// True where codes stand in memory as numbers.
  bool areNumbers() const { return codes.getBits() == 8; }
  /// Consecutive k that are read together, within a segment, and bytes of the codes of so many k of a panel.
  int64_t step() const { return std::min(codes.getUnit(), segmentSize); }
  int64_t codeBytes(int64_t k) const { return k * kLanes * codes.getBits() / 8; }
  /// Consecutive k of one segment, and segments with one scale.
  int64_t segment() const { return segmentSize; }

  /// The numbers of step() consecutive k from `index` * step() on, four k a vector, of a panel.
  llvm::SmallVector<Value, 8> numbers(Value panel, Value index);
  /// What a group of codes is decoded with: f32, and the zero point as i32; null where the layout has none.
  struct Group {
    Value scale, minimum, zero;
  };
  /// Scales, minima and zero points of a panel's 16 columns in a segment.
  Value scale(Value panel, Value segment) { return scaleAt(panel, segment, record.scales, record.supers); }
  Value minimum(Value panel, Value segment) { return scaleAt(panel, segment, record.minima, record.superMinima); }
  Value zero(Value panel, Value segment);
  Group group(Value panel, Value segment) {
    return {scale(panel, segment), hasMinimum() ? minimum(panel, segment) : Value(),
            hasZeros() ? zero(panel, segment) : Value()};
  }
  /// Where the codes of a segment begin in a panel.
  Value codesOf(Value panel, Value segment);
  /// Asks for as many bytes of `panels` panels from `first` on as a segment takes, `ahead` bytes behind it, or, where a
  /// panel ends before, at the beginning of the panels that follow these.
  void prefetch(Value first, int64_t panels, Value segment, int64_t ahead);
  /// The 16 elements, f32, of k `part` (0 to 3) of a vector of numbers.
  Value element(Value numbers, int64_t part, const Group &group);
  /// Stores the elements of one row, column `lane` of a panel, times `factor` where there is one.
  void storeRow(Value panel, Value lane, Value out, Value factor);

private:
  /// Where step() consecutive k of a panel have the bits that a plane holds, and by how many bits they are further up
  /// there than elsewhere: null for none.
  struct PlaneOfStep {
    Value place, late;
    int64_t bits, shift;
    int64_t codesAByte() const { return 8 / bits; }
  };
  llvm::SmallVector<PlaneOfStep, 2> planesOfStep(Value panel, Value index);
  /// The record of a panel that step number `index` of `columns` columns lies in, and the step's number in it.
  struct Place {
    Value record, index;
  };
  Place placeOf(Value panel, Value index, int64_t columns);
  Value scaleAt(Value panel, Value segment, int64_t part, int64_t superPart);
  Value wide(Value stored);
  Value elementOf(Value words, const Group &group);
  Value groupOf(Value segment, int64_t size);

  VectorBuilder &b;
  kernel::CodesType codes;
  int64_t panelBytes;
  const TargetBackend &backend;
  int64_t k, segmentSize;
  kernel::CodesType::Record record;
  Value table;
};

} // namespace llmc::vector_emit

#endif // LLMC_COMPILER_TARGETS_VECTOR_CODES_H
