// Quantized.h - from real numbers to integers with a scale and a zero point.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_QUANTIZED_H
#define LLMC_FRONTENDS_ONNX_QUANTIZED_H

#include "frontends/onnx/OperatorTable.h"

namespace llmc::onnx_import {

/// round(x / scale) + zero point, saturated, as a number of type `to`; a null `zero` is none.
Value quantize(Body &b, Value x, Value scale, Value zero, Type zeroElement, Type to);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_QUANTIZED_H
