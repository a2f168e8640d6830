// ManifestBuilder.h - reads a manifest's facts out of a module at stop `schedule`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_ARTIFACT_MANIFESTBUILDER_H
#define LLMC_COMPILER_ARTIFACT_MANIFESTBUILDER_H

#include "compiler/Artifact/Manifest.h"
#include "mlir/IR/BuiltinOps.h"

namespace llmc::artifact {

/// The dims that every manifest begins with, in this order: compiled code reads its extents from the step context by
/// these numbers (kernel's DimKind counts the first two the same way).
enum : uint32_t { dimTokens = 0, dimRows = 1, dimSequences = 2, dimContext = 3 };

/// Everything but variants and facts: dims, entries (one per kernel.program, in module order), weights, defaults of
/// generation. Errors are located: a program without bounds, a state that nothing reads or whose readers disagree about
/// its pages.
mlir::FailureOr<Manifest> buildManifest(mlir::ModuleOp module);

} // namespace llmc::artifact

#endif // LLMC_COMPILER_ARTIFACT_MANIFESTBUILDER_H
