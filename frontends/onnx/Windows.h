// Windows.h - how a window slides over an input, for convolutions and pooling.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_WINDOWS_H
#define LLMC_FRONTENDS_ONNX_WINDOWS_H

#include "frontends/onnx/OperatorTable.h"

namespace llmc::onnx_import {

/// How a window of `kernel` slides: per spatial dimension.
struct Window {
  llvm::SmallVector<int64_t> kernel, strides, dilations, low, high, out;
};

/// Reads strides, dilations, pads and auto_pad, and computes the output's sizes. Fails with a message on the node.
mlir::LogicalResult readWindow(const Node &node, llvm::ArrayRef<int64_t> kernel, Window &window);

/// An input padded for a window: `leading` dimensions stand before the spatial ones.
Value padSpatial(Lowering &node, Value x, const Window &window, unsigned leading, Value scalar);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_WINDOWS_H
