// QuantizedWeights.h - matrices that a checkpoint keeps as codes, scales and zero points, as one value of blocks.
//
// The one place where all families meet all methods: WeightTable asks it for every matrix. What a method stores is in
// quantized/. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_QUANTIZEDWEIGHTS_H
#define LLMC_FRONTENDS_MODELS_QUANTIZEDWEIGHTS_H

#include "frontends/formats/TensorIndex.h"
#include "frontends/models/quantized/QuantizedLayout.h"
#include "mlir/IR/Builders.h"

namespace llmc::models {

class WeightTable;

class QuantizedWeights {
public:
  /// The index is read for what decides the form of a weight: zero points, the groups of columns, shapes.
  QuantizedWeights(QuantizedLayout layout, TensorIndex index) : layout(std::move(layout)), index(std::move(index)) {}

  /// Whether `<module>.weight` is stored in codes.
  bool holds(const WeightTable &table, llvm::StringRef module) const;
  /// Emits the matrix [rows, columns] of a module: blocks, and their values. Where columns of one group do not lie
  /// beside each other, the blocks have them sorted, and the values are brought back. A tensor that is missing, of
  /// another type or shape, or whose numbers contradict the config is a mistake of the table; then the result is null.
  mlir::Value read(mlir::OpBuilder &builder, WeightTable &table, llvm::StringRef module, int64_t rows,
                   int64_t columns) const;

private:
  class Reader;
  QuantizedLayout layout;
  TensorIndex index;
};

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_QUANTIZEDWEIGHTS_H
