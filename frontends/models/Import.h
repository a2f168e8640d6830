// Import.h - the way in: from a model's directory to the modules of the stops `parse` and `import`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_IMPORT_H
#define LLMC_FRONTENDS_MODELS_IMPORT_H

#include "frontends/formats/Diagnostic.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace llmc::models {

/// Opens the checkpoint in a directory and makes the module of the stop `parse`: `transformer.checkpoint` and one
/// `transformer.tensor` for each tensor, sorted by key. On a mistake it is emitted as a diagnostic and the result is
/// null.
mlir::OwningOpRef<mlir::ModuleOp> parseCheckpoint(llvm::StringRef directory, mlir::MLIRContext *context);

/// The same module for a model of which there is a config.json alone: the tensors that a checkpoint of it would hold,
/// in the element type that the file names, else bf16. `path` is the file or its directory.
mlir::OwningOpRef<mlir::ModuleOp> declareCheckpoint(llvm::StringRef path, mlir::MLIRContext *context);

/// Emits a mistake in a user's file as MLIR's diagnostic: its location is the file (with line and column, 0 where there
/// are none), its note is attached.
mlir::LogicalResult emitDiagnostic(mlir::MLIRContext *context, const Diagnostic &mistake);

#define GEN_PASS_DECL
#include "frontends/models/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "frontends/models/Passes.h.inc"

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_IMPORT_H
