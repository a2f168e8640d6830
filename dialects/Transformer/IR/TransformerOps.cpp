// TransformerOps.cpp - the generated op definitions. Verifiers and builders are in one file for each group.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Transformer.h"

#define GET_OP_CLASSES
#include "dialects/Transformer/IR/TransformerOps.cpp.inc"

void llmc::transformer::TransformerDialect::registerOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Transformer/IR/TransformerOps.cpp.inc"
      >();
}
