// Passes.h - passes of the stop `lower`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_LOWER_PASSES_H
#define LLMC_COMPILER_LOWER_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace llmc {
#define GEN_PASS_DECL
#include "compiler/Lower/LowerPasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/Lower/LowerPasses.h.inc"
} // namespace llmc

#endif // LLMC_COMPILER_LOWER_PASSES_H
