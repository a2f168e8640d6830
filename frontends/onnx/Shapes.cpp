// Shapes.cpp - operators.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

namespace llmc::onnx_import {
void addShapes(llvm::SmallVectorImpl<OperatorRow> &) {}
} // namespace llmc::onnx_import
