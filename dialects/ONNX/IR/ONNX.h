// ONNX.h - the onnx dialect: nodes of ONNX graphs as ops.
//
// The classes of the 200 ops are not here: everything that works on nodes knows them by their type's name.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_ONNX_IR_ONNX_H
#define LLMC_DIALECTS_ONNX_IR_ONNX_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Transformer/IR/Transformer.h"

namespace llmc::onnx_ir {

/// The node type that an op stands for: "Gemm".
inline llvm::StringRef nodeType(mlir::Operation *op) { return op->getName().stripDialect(); }
/// Whether an op stands for a node, or for an input that one leaves out.
bool isNode(mlir::Operation *op);
bool isAbsent(mlir::Value value);
/// The value of an input that is left out, at the builder's place.
mlir::Value createAbsent(mlir::OpBuilder &builder, mlir::Location loc);
/// The version of the operator that decides an op's meaning, and its attributes by ONNX's names.
int64_t sinceOf(mlir::Operation *op);
mlir::DictionaryAttr attributesOf(mlir::Operation *op);

/// Checks what (C1) to (C3) of the dialect's description say of any of its ops.
mlir::LogicalResult verifyNode(mlir::Operation *op);

/// What every node is: see the dialect's description.
template <typename Concrete> class Node : public mlir::OpTrait::TraitBase<Concrete, Node> {
public:
  static mlir::LogicalResult verifyTrait(mlir::Operation *op) { return verifyNode(op); }
};

} // namespace llmc::onnx_ir

#include "dialects/ONNX/IR/ONNXDialect.h.inc"

#endif // LLMC_DIALECTS_ONNX_IR_ONNX_H
