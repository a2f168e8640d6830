// ONNXDialect.cpp - registration, and the verifier that all nodes share.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/ONNX/IR/ONNX.h"

using namespace mlir;
using namespace llmc::onnx_ir;

#define GET_OP_CLASSES
#include "dialects/ONNX/IR/ONNXOps.h.inc"

#include "dialects/ONNX/IR/ONNXDialect.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/ONNX/IR/ONNXOps.cpp.inc"

void ONNXDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/ONNX/IR/ONNXOps.cpp.inc"
      >();
}

bool llmc::onnx_ir::isNode(Operation *op) {
  return isa_and_present<ONNXDialect>(op->getDialect()) && !isa<AbsentOp, YieldOp>(op);
}
bool llmc::onnx_ir::isAbsent(Value value) { return isa_and_present<AbsentOp>(value.getDefiningOp()); }
Value llmc::onnx_ir::createAbsent(OpBuilder &builder, Location loc) {
  return AbsentOp::create(builder, loc, builder.getNoneType());
}

int64_t llmc::onnx_ir::sinceOf(Operation *op) { return op->getAttrOfType<IntegerAttr>("since").getInt(); }
DictionaryAttr llmc::onnx_ir::attributesOf(Operation *op) { return op->getAttrOfType<DictionaryAttr>("settings"); }

namespace {

/// The facts of one version of an operator, as in frontends/formats/onnx/Operators.def.
struct Row {
  llvm::StringLiteral name;
  int since, minIn, maxIn, minOut, maxOut;
  llvm::StringLiteral attributes;
};
constexpr Row rows[] = {
#define LLMC_ONNX_OPERATOR(name, since, minIn, maxIn, minOut, maxOut, body, withdrawn, attributes, types)              \
  {#name, since, minIn, maxIn, minOut, maxOut, attributes},
#include "dialects/ONNX/Formats/Operators.def"
};

} // namespace

LogicalResult llmc::onnx_ir::verifyNode(Operation *op) {
  auto since = op->getAttrOfType<IntegerAttr>("since");
  const Row *found = nullptr;
  for (const Row &row : rows)
    if (row.name == nodeType(op) && row.since == since.getInt())
      found = &row;
  if (!found)
    return op->emitOpError() << "has no version " << since.getInt() << " (C1)";
  auto counts = [&](const char *what, int64_t count, int least, int most) -> LogicalResult {
    if (count >= least && (most < 0 || count <= most))
      return success();
    return op->emitOpError() << "has " << count << " " << what << " (expected " << least << " to "
                             << (most < 0 ? "any number" : std::to_string(most)) << ") (C2)";
  };
  if (failed(counts("operands", op->getNumOperands(), found->minIn, found->maxIn)) ||
      failed(counts("results", op->getNumResults(), found->minOut, found->maxOut)))
    return failure();
  SmallVector<llvm::StringRef> known;
  found->attributes.split(known, ' ');
  for (NamedAttribute attribute : attributesOf(op))
    if (llvm::none_of(known, [&](llvm::StringRef one) { return one.split(':').first == attribute.getName(); }))
      return op->emitOpError() << "has no attribute '" << attribute.getName().getValue() << "' (C3)";
  return success();
}
