// Windows.cpp - how a window slides over an input.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Windows.h"

using namespace mlir;

namespace llmc::onnx_import {

LogicalResult readWindow(const Node &node, ArrayRef<int64_t> kernel, Window &window) {
  Extents &e = node.extents();
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
    if (e.minimum(kernel[i]) < 1 || stride < 1 || dilation < 1 || e.maximum(kernel[i]) > (1 << 24) ||
        stride > (1 << 24) || dilation > (1 << 24) || pads[i] < 0 || pads[rank + i] < 0 || pads[i] > (1 << 24) ||
        pads[rank + i] > (1 << 24))
      return node.error() << "has a kernel of " << e.text(kernel[i]) << " with stride " << stride << ", dilation "
                          << dilation << " and pads " << pads[i] << " and " << pads[rank + i];
    int64_t span = e.add(e.mul(e.sub(kernel[i], 1), dilation), 1), low = pads[i], high = pads[rank + i], out;
    auto reach = [&] { return e.add(e.mul(e.sub(out, 1), stride), span); }; // of all windows
    auto halfUp = [&](int64_t size) { return e.sub(size, e.div(size, 2)); };
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      out = e.div(e.add(in[i], stride - 1), stride);
      int64_t total = e.most(0, e.sub(reach(), in[i]));
      low = mode == "SAME_UPPER" ? e.div(total, 2) : halfUp(total);
      high = e.sub(total, low);
    } else if (mode == "VALID" || mode == "NOTSET") {
      if (mode == "VALID")
        low = high = 0;
      int64_t padded = e.add(in[i], low + high), free = e.sub(padded, span);
      if (e.maximum(free) < 0)
        return node.error() << "its window of " << e.text(span) << " does not fit dimension " << i + 2 << " of "
                            << e.text(padded) << " places";
      // Where it does not fit at run time there is no place at all.
      out = e.most(0, e.add(e.div(up ? e.add(free, stride - 1) : free, stride), 1));
      // A window that would begin behind the input is none.
      if (up)
        out = e.least(out, e.add(e.div(e.add(in[i], low - 1), stride), 1));
    } else {
      return node.error() << "unsupported attribute 'auto_pad' = '" << mode << "'";
    }
    window.low.push_back(low);
    window.high.push_back(e.most(high, e.sub(reach(), e.add(in[i], low))));
    window.out.push_back(out);
  }
  return success();
}

Value padSpatial(Lowering &node, Value x, const Window &window, unsigned leading, Value scalar) {
  SmallVector<int64_t> low(leading, 0), high(leading, 0);
  llvm::append_range(low, window.low);
  llvm::append_range(high, window.high);
  Value padded = node.pad(x, low, high, scalar);
  // One window alone takes all that is there: how far its loops go is read off the input once the loop over windows is
  // gone. What it does not reach is cut off.
  Extents &e = node.extents();
  SmallVector<int64_t> shape = node.sizesOf(padded), whole = shape;
  for (size_t i = 0; i < window.out.size(); ++i)
    if (window.out[i] == 1)
      shape[leading + i] = e.add(e.mul(e.sub(window.kernel[i], 1), window.dilations[i]), 1);
  if (shape == whole)
    return padded;
  return node.slice(padded, {}, shape);
}

} // namespace llmc::onnx_import
