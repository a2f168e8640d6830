// Interpret.h - `--llmc-interpret`: runs a module with the reference semantics and prints what comes out.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_LLMC_OPT_INTERPRET_H
#define LLMC_TOOLS_LLMC_OPT_INTERPRET_H

namespace llmc {

/// Registers the pass with MLIR's driver.
void registerInterpretPass();

} // namespace llmc

#endif // LLMC_TOOLS_LLMC_OPT_INTERPRET_H
