// InputRanks.h - checks how many dimensions a node's inputs have, where the standard fixes that.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_INPUTRANKS_H
#define LLMC_FRONTENDS_ONNX_INPUTRANKS_H

#include "frontends/onnx/Expansion.h"

namespace llmc::onnx_import {

/// A number that comes as a list of one is made a number, and the other way round, by a node that `emit` makes. Fails
/// with a message where an input has another rank than the operator takes.
mlir::LogicalResult fitRanks(Node &node, mlir::OpBuilder &builder, Expander::Emit emit);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_INPUTRANKS_H
