// Quantized.h - from real numbers to integers with a scale and a zero point.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_QUANTIZED_H
#define LLMC_FRONTENDS_ONNX_QUANTIZED_H

#include "frontends/onnx/OperatorTable.h"

namespace llmc::onnx_import {

/// round(x / scale) + zero point, saturated, as a number of type `to`; a null `zero` is none.
Value quantize(Body &b, Value x, Value scale, Value zero, Type zeroElement, Type to);

/// Fails with a message where one of these inputs is there and has a size that is known only at run time.
mlir::LogicalResult needKnownSizes(const Node &node, llvm::ArrayRef<unsigned> inputs);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_QUANTIZED_H
