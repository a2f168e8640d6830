// Registration.h - every dialect and pass that the tools know, in one place.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_REGISTRATION_H
#define LLMC_TOOLS_DRIVER_REGISTRATION_H

#include <memory>

namespace mlir {
class DialectRegistry;
class MLIRContext;
} // namespace mlir

namespace llmc::driver {

/// The project's dialects and those of MLIR that modules use on the way to code, with what translating them needs.
void registerDialects(mlir::DialectRegistry &registry);

/// The project's passes: frontends, every phase of the compiler, and the reference interpreter. Call once a process;
/// later calls do nothing.
void registerPasses();

/// A context of one thread with all of that loaded, whose messages do not print the op that they are about.
std::unique_ptr<mlir::MLIRContext> makeContext();

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_REGISTRATION_H
