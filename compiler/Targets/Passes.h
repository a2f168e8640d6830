// Passes.h - passes of code generation.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_PASSES_H
#define LLMC_COMPILER_TARGETS_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace llmc {
#define GEN_PASS_DECL
#include "compiler/Targets/TargetsPasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/Targets/TargetsPasses.h.inc"
} // namespace llmc

#endif // LLMC_COMPILER_TARGETS_PASSES_H
