// BlockComparison.cpp - field by field: the bindings name every one, so that a new one does not compile before it is
// compared.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockComparison.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace llmc {

static bool operator==(const BitPlane::Digit &a, const BitPlane::Digit &b) {
  const auto &[extent, stride] = a;
  return extent == b.extent && stride == b.stride;
}

static bool operator==(const BitPlane &a, const BitPlane &b) {
  const auto &[width, shift, bit, digits, first, count] = a;
  return width == b.width && shift == b.shift && bit == b.bit &&
         std::equal(std::begin(digits), std::end(digits), b.digits) && first == b.first && count == b.count;
}

static bool operator==(const BlockField &a, const BlockField &b) {
  const auto &[bits, each, zero, isSigned, table, planes] = a;
  return bits == b.bits && each == b.each && zero == b.zero && isSigned == b.isSigned && table == b.table &&
         std::equal(std::begin(planes), std::end(planes), b.planes);
}

bool sameFields(const BlockFormatDescriptor &a, const BlockFormatDescriptor &b) {
  const auto &[name, group, scale, minimum, scaleByte, minimumByte, zeroByte, subScales, subMinima, codes,
               subtractsMinimum, rounding, lowestCode, highestCode] = a;
  return std::string_view(name ? name : "") == (b.name ? b.name : "") && group == b.group && scale == b.scale &&
         minimum == b.minimum && scaleByte == b.scaleByte && minimumByte == b.minimumByte && zeroByte == b.zeroByte &&
         subScales == b.subScales && subMinima == b.subMinima && codes == b.codes &&
         subtractsMinimum == b.subtractsMinimum && rounding == b.rounding && lowestCode == b.lowestCode &&
         highestCode == b.highestCode;
}

} // namespace llmc
