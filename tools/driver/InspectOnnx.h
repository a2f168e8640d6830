// InspectOnnx.h - `llmc inspect model.onnx`: what a graph takes, gives and is made of.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_INSPECTONNX_H
#define LLMC_TOOLS_DRIVER_INSPECTONNX_H

#include <string>

namespace llmc::driver {

/// Prints inputs, outputs, sizes and operators of an ONNX file on stdout. Returns the exit code.
int inspectOnnx(const std::string &path);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_INSPECTONNX_H
