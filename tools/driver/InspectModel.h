// InspectModel.h - `llmc inspect`: what a compiled model or a checkpoint holds.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_INSPECTMODEL_H
#define LLMC_TOOLS_DRIVER_INSPECTMODEL_H

namespace llmc::driver {

/// Prints what is at `path` to stdout: an artifact's parts, or a checkpoint's tensors and the model they make. Returns
/// the exit code.
int inspectModel(const char *path);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_INSPECTMODEL_H
