// llmc-opt.cpp - MLIR's optimizer driver with the project's dialects.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Registration.h"
#include "frontends/models/Import.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  llmc::registerLLMCDialects(registry);
  llmc::models::registerModelsPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "llmc optimizer driver\n", registry));
}
