// EmitLib.h - `--emit lib`: a model as object, header and weight image, for programs without an operating system.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_EMITLIB_H
#define LLMC_TOOLS_DRIVER_EMITLIB_H

#include "tools/driver/Package.h"

namespace llmc::driver {

/// The C identifier of a library at that path: the last part of it, '_' for what no identifier has.
std::string libraryName(llvm::StringRef path);

/// Gives the programs the names that their functions have in the library. Before code generation.
void nameLibraryEntries(mlir::ModuleOp module, llvm::StringRef name);

/// Writes path.o, path.h and path.weights. `input` is open; `object` is the code.
bool writeLibrary(PackageInput &input, llvm::ArrayRef<char> object, const std::string &path, Messages &messages);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_EMITLIB_H
