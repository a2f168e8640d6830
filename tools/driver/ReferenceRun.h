// ReferenceRun.h - steps of an entry by the reference semantics, on the tensors of a checkpoint.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_REFERENCERUN_H
#define LLMC_TOOLS_DRIVER_REFERENCERUN_H

#include "dialects/Transformer/Reference/Interpreter.h"
#include "frontends/formats/TensorIndex.h"

namespace llmc::driver {

/// The tensors of a checkpoint, which outlives what is returned; null: none.
reference::WeightSource weightsFrom(const TensorIndex *index, mlir::MLIRContext *context);

/// Empty states, one for each that the entry takes.
std::vector<reference::RuntimeValue> emptyStates(mlir::func::FuncOp entry);

/// One step of the sequence 0: its tokens at consecutive positions, all rows wanted. `states` are consumed and renewed.
mlir::FailureOr<llvm::SmallVector<reference::RuntimeValue>>
runReferenceStep(reference::Interpreter &interpreter, mlir::func::FuncOp entry, llvm::ArrayRef<int32_t> tokens,
                 int64_t firstPosition, std::vector<reference::RuntimeValue> &states);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_REFERENCERUN_H
