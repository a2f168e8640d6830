// Import.h - the way in of ONNX graphs: the passes of the stops `import` and `lower`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_IMPORT_H
#define LLMC_FRONTENDS_ONNX_IMPORT_H

#include "dialects/ONNX/IR/ONNX.h"
#include "frontends/formats/onnx/Onnx.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace llmc::onnx_import {

/// Attributes of an entry's arguments and results: the value's name in the graph, and its type there, which keeps the
/// sign that storage types lack.
constexpr llvm::StringLiteral kNamesAttr = "onnx.names";
constexpr llvm::StringLiteral kTypesAttr = "onnx.types";
/// The same of a text program: enum llmc_role of each (artifact_format.h).
constexpr llvm::StringLiteral kRolesAttr = "onnx.roles";

/// The type of an element in files, or null where the IR has none.
mlir::Type elementTypeOf(mlir::MLIRContext *context, onnx::ElementType type);

#define GEN_PASS_DECL
#include "frontends/onnx/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "frontends/onnx/Passes.h.inc"

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_IMPORT_H
