// Registration.cpp - every dialect of the project in one call.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Registration.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/ONNX/IR/ONNX.h"
#include "dialects/Transformer/IR/Transformer.h"

void llmc::registerLLMCDialects(mlir::DialectRegistry &registry) {
  registry.insert<kernel::KernelDialect, onnx_ir::ONNXDialect, transformer::TransformerDialect>();
}
