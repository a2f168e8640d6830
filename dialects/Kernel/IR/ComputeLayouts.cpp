// ComputeLayouts.cpp - which layout of codes keeps the values of a block format, read off the format's descriptor.
//
// Not here: how blocks become panels of codes (compiler/Weights/PackedCodes.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Kernel/IR/Kernel.h"

#include "dialects/Transformer/Formats/BlockComparison.h"
#include "mlir/IR/Builders.h"

#include <cmath>

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;

/// The 16 numbers of a field's table where they are whole and small, or nothing.
static SmallVector<int64_t> wholeNumbers(const BlockField &field) {
  SmallVector<int64_t> numbers;
  if (!field.table || field.bits != 4)
    return numbers;
  for (int code = 0; code < 16; ++code) {
    float number = field.table[code];
    if (number != std::floor(number) || std::fabs(number) > 127)
      return {};
    numbers.push_back(static_cast<int64_t>(number));
  }
  return numbers;
}

/// The fields that the layouts below account for; those that say where bits are, and how blocks are made, do not touch
/// the values of codes, scales and minima.
static BlockFormatDescriptor knownFields(const BlockFormatDescriptor &format) {
  auto field = [](const BlockField &from) {
    BlockField known;
    known.bits = from.bits;
    known.each = from.each;
    known.zero = from.zero;
    known.isSigned = from.isSigned;
    known.table = from.table;
    llvm::copy(from.planes, known.planes);
    return known;
  };
  BlockFormatDescriptor known;
  known.name = format.name;
  known.group = format.group;
  known.scale = format.scale;
  known.minimum = format.minimum;
  known.scaleByte = format.scaleByte;
  known.minimumByte = format.minimumByte;
  known.zeroByte = format.zeroByte;
  known.subScales = field(format.subScales);
  known.subMinima = field(format.subMinima);
  known.codes = field(format.codes);
  known.subtractsMinimum = format.subtractsMinimum;
  known.rounding = format.rounding;
  known.lowestCode = format.lowestCode;
  known.highestCode = format.highestCode;
  return known;
}

CodesType llmc::kernel::codesOf(transformer::BlockType blocks) {
  return codesOf(blocks.getContext(), blockFormat(blocks.getFormat()), blocks.getGroup());
}

CodesType llmc::kernel::codesOf(MLIRContext *context, const BlockFormatDescriptor &format, int64_t group) {
  Builder b(context);
  int64_t super = 0;
  if (!sameFields(knownFields(format), format))
    return {};
  Type scale;
  switch (format.scale) {
  case BlockNumber::F16:
    scale = b.getF16Type();
    break;
  case BlockNumber::HalfE8M0: // a power of two
    scale = b.getBF16Type();
    break;
  case BlockNumber::F32:
    scale = b.getF32Type();
    break;
  case BlockNumber::None:
    // The smaller scales alone; those of a table have 4 bits and are between 2^-10 and 2^8.
    if (!format.subScales.table || format.subMinima.bits)
      return {};
    scale = b.getF16Type();
    group = format.subScales.each;
  }
  if (format.scale != BlockNumber::None && format.subScales.bits) {
    if (format.subScales.table || scale.isF32() || (format.subScales.bits == 8 && !format.subScales.isSigned))
      return {};
    super = group;
    group = format.subScales.each;
  }
  bool minimum = format.minimum != BlockNumber::None, zeros = format.zeroByte >= 0;
  if (minimum && (format.minimum != BlockNumber::F16 || !scale.isF16() ||
                  (format.subMinima.bits != 0) != (super != 0) || (super && format.subMinima.each != group)))
    return {};
  SmallVector<int64_t> table = wholeNumbers(format.codes);
  if (format.codes.table && table.empty())
    return {};
  // As few bits as there are planes for, where whole units of them have a scale.
  int64_t bits = format.codes.bits;
  while (bits < 8 && (bits < 2 || bits == 7 || (super ? super : group) % CodesType::unitOf(bits) != 0))
    ++bits;
  int64_t zero = format.codes.isSigned ? int64_t(1) << (format.codes.bits - 1) : format.codes.zero;
  if (!table.empty())
    zero = 0;
  if (group % 16 != 0 || (minimum && zero != 0))
    return {};
  if (zeros && (minimum || super || zero != 0 || !table.empty()))
    return {};
  return CodesType::get(context, bits, group, zero, scale, super, minimum, zeros, table);
}
