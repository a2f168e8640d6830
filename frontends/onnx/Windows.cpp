// Windows.cpp - how a window slides over an input.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Windows.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace llmc::onnx_import {

LogicalResult readWindow(const Node &node, ArrayRef<int64_t> kernel, Window &window) {
  ArrayRef<int64_t> in = node.shapeOf(0).drop_front(2);
  size_t rank = in.size();
  window.kernel.assign(kernel.begin(), kernel.end());
  window.strides = node.integers("strides").value_or(SmallVector<int64_t>(rank, 1));
  window.dilations = node.integers("dilations").value_or(SmallVector<int64_t>(rank, 1));
  SmallVector<int64_t> pads = node.integers("pads").value_or(SmallVector<int64_t>(2 * rank, 0));
  if (kernel.size() != rank || window.strides.size() != rank || window.dilations.size() != rank ||
      pads.size() != 2 * rank)
    return node.error() << "kernel, strides, dilations and pads are not for " << rank << " dimensions";
  StringRef mode = node.text("auto_pad", "NOTSET");
  bool up = node.integer("ceil_mode", 0);
  for (size_t i = 0; i < rank; ++i) {
    int64_t stride = window.strides[i], dilation = window.dilations[i];
    if (kernel[i] < 1 || stride < 1 || dilation < 1 || kernel[i] > (1 << 24) || stride > (1 << 24) ||
        dilation > (1 << 24) || pads[i] < 0 || pads[rank + i] < 0 || pads[i] > (1 << 24) || pads[rank + i] > (1 << 24))
      return node.error() << "has a kernel of " << kernel[i] << " with stride " << stride << ", dilation " << dilation
                          << " and pads " << pads[i] << " and " << pads[rank + i];
    int64_t span = (kernel[i] - 1) * dilation + 1, low = pads[i], high = pads[rank + i], out;
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      out = llvm::divideCeil(in[i], stride);
      int64_t total = std::max<int64_t>(0, (out - 1) * stride + span - in[i]);
      low = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      high = total - low;
    } else if (mode == "VALID" || mode == "NOTSET") {
      if (mode == "VALID")
        low = high = 0;
      int64_t free = in[i] + low + high - span;
      if (free < 0)
        return node.error() << "its window of " << span << " does not fit dimension " << i + 2 << " of "
                            << in[i] + low + high << " places";
      out = (up ? static_cast<int64_t>(llvm::divideCeil(free, stride)) : free / stride) + 1;
      // A window that would begin behind the input is none.
      if (up && (out - 1) * stride >= in[i] + low)
        --out;
    } else {
      return node.error() << "unsupported attribute 'auto_pad' = '" << mode << "'";
    }
    window.low.push_back(low);
    window.high.push_back(std::max(high, (out - 1) * stride + span - in[i] - low));
    window.out.push_back(out);
  }
  return success();
}

Value padSpatial(Lowering &node, Value x, const Window &window, unsigned leading, Value scalar) {
  SmallVector<int64_t> low(leading, 0), high(leading, 0);
  llvm::append_range(low, window.low);
  llvm::append_range(high, window.high);
  return node.pad(x, low, high, scalar);
}

} // namespace llmc::onnx_import
