// Registration.h - every dialect and pass that the tools know, in one place.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_REGISTRATION_H
#define LLMC_TOOLS_DRIVER_REGISTRATION_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace llmc::driver {

/// The project's dialects and those of MLIR that modules use on the way to code, with what translating them needs.
void registerDialects(mlir::DialectRegistry &registry);

/// The project's passes: frontends, every phase of the compiler, and the reference interpreter. Call once a process;
/// later calls do nothing.
void registerPasses();

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_REGISTRATION_H
