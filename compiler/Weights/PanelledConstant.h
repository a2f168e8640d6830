// PanelledConstant.h - a graph's matrix in panels of 16 columns.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_WEIGHTS_PANELLEDCONSTANT_H
#define LLMC_COMPILER_WEIGHTS_PANELLEDCONSTANT_H

#include "dialects/Kernel/IR/Kernel.h"
#include "frontends/formats/TensorIndex.h"

#include <cstdint>
#include <vector>

namespace llmc::weights {

/// What `kernel.constant` with `columns` and `steps` says: how to make its bytes of the checkpoint's. Borrows the
/// checkpoint, which has the tensor.
class PanelledConstant {
public:
  PanelledConstant(kernel::ConstantOp constant, const TensorIndex &checkpoint);

  /// A piece is a panel.
  int64_t numPieces() const { return static_cast<int64_t>(columns.size() + kColumns - 1) / kColumns; }
  int64_t pieceBytes() const { return static_cast<int64_t>(steps.size()) * kColumns * 4; }
  /// Writes panels [begin, end), (end - begin) * pieceBytes() bytes.
  void pack(int64_t begin, int64_t end, uint8_t *out) const;

private:
  static constexpr int64_t kColumns = 16;
  const uint8_t *data;
  std::vector<int64_t> columns, steps; ///< bytes from the tensor's start, or to a step, of each
};

} // namespace llmc::weights

#endif // LLMC_COMPILER_WEIGHTS_PANELLEDCONSTANT_H
