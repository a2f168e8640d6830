// Registration.h - every dialect of the project in one call.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_REGISTRATION_H
#define LLMC_DIALECTS_REGISTRATION_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace llmc {

/// Adds the project's own dialects; those of MLIR are for the tool to add.
void registerLLMCDialects(mlir::DialectRegistry &registry);

} // namespace llmc

#endif // LLMC_DIALECTS_REGISTRATION_H
