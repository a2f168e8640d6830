// llmc-lsp-server.cpp - MLIR's language server with all dialects: completion, hovers and errors for .mlir in an editor.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "tools/driver/Registration.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  llmc::driver::registerDialects(registry);
  llmc::driver::registerPasses();
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
