// PanelledConstant.cpp - places of a matrix by its loops, and copies of 16 columns at a time.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/PanelledConstant.h"

#include <algorithm>
#include <cstring>

using namespace mlir;

namespace llmc::weights {

/// Bytes from the first place of some loops, outermost first, to each.
static std::vector<int64_t> placesOf(ArrayAttr loops) {
  std::vector<int64_t> places = {0};
  for (auto loop : loops.getAsRange<DenseI64ArrayAttr>()) {
    std::vector<int64_t> next;
    for (int64_t outer : places)
      for (int64_t i = 0; i < loop[0]; ++i)
        next.push_back(outer + i * loop[1] * 4);
    places = std::move(next);
  }
  return places;
}

PanelledConstant::PanelledConstant(kernel::ConstantOp constant, const TensorIndex &checkpoint)
    : data(checkpoint.data(*checkpoint.find({constant.getKey().data(), constant.getKey().size()}))),
      columns(placesOf(*constant.getColumns())), steps(placesOf(*constant.getSteps())) {}

void PanelledConstant::pack(int64_t begin, int64_t end, uint8_t *out) const {
  for (int64_t panel = begin; panel < end; ++panel, out += pieceBytes()) {
    int64_t first = panel * kColumns, last = std::min<int64_t>(first + kColumns, columns.size());
    bool sideBySide = true;
    for (int64_t column = first + 1; column < last; ++column)
      sideBySide &= columns[column] == columns[column - 1] + 4;
    if (sideBySide) {
      if (last - first < kColumns)
        std::memset(out, 0, pieceBytes());
      for (size_t k = 0; k < steps.size(); ++k)
        std::memcpy(out + k * kColumns * 4, data + columns[first] + steps[k], (last - first) * 4);
      continue;
    }
    // A few steps at a time, so that lines of both sides stay near.
    constexpr size_t some = 64;
    std::memset(out, 0, last - first < kColumns ? pieceBytes() : 0);
    for (size_t from = 0; from < steps.size(); from += some)
      for (int64_t column = first; column < last; ++column)
        for (size_t k = from; k < std::min(from + some, steps.size()); ++k)
          std::memcpy(out + (k * kColumns + column - first) * 4, data + columns[column] + steps[k], 4);
  }
}

} // namespace llmc::weights
