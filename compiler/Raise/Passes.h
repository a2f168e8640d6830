// Passes.h - passes of the stop `raise`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_RAISE_PASSES_H
#define LLMC_COMPILER_RAISE_PASSES_H

#include "dialects/ONNX/IR/ONNX.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "mlir/Pass/Pass.h"

namespace llmc {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/Raise/Passes.h.inc"

} // namespace llmc

#endif // LLMC_COMPILER_RAISE_PASSES_H
