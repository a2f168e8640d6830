// Transformer.h - the transformer dialect: types, attributes, ops. Include this one.
//
// What each op means stands in the .td files of this folder.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_IR_TRANSFORMER_H
#define LLMC_DIALECTS_TRANSFORMER_IR_TRANSFORMER_H

#include "dialects/Transformer/Formats/BlockFormats.h"
#include "dialects/Transformer/Formats/RopeFrequencies.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Transformer/IR/TransformerDialect.h.inc"
#include "dialects/Transformer/IR/TransformerEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Transformer/IR/TransformerAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Transformer/IR/TransformerTypes.h.inc"

namespace llmc::transformer {

/// Trait of an op that reads a state without consuming it. Every other use of a state consumes it.
template <typename ConcreteOp> class StateReader : public mlir::OpTrait::TraitBase<ConcreteOp, StateReader> {};

} // namespace llmc::transformer

#define GET_OP_CLASSES
#include "dialects/Transformer/IR/TransformerOps.h.inc"

namespace llmc::transformer {

/// The function marked `transformer.entry` with that name, or a null op.
mlir::func::FuncOp lookupEntry(mlir::ModuleOp module, llvm::StringRef name);

/// The role of an argument of an entry, or nothing when it has none.
std::optional<Role> getArgumentRole(mlir::func::FuncOp entry, unsigned argument);

/// The one op of that kind directly in the module, or a null op.
template <typename OpTy> OpTy lookupOnly(mlir::ModuleOp module) {
  auto ops = module.getOps<OpTy>();
  return ops.empty() ? OpTy() : *ops.begin();
}

} // namespace llmc::transformer

#endif // LLMC_DIALECTS_TRANSFORMER_IR_TRANSFORMER_H
