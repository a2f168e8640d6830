// LowerOnnx.cpp - the stop `lower` of ONNX graphs: each op by its row of the table.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Import.h"

#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/onnx/GraphImporter.h"
#include "frontends/onnx/GraphLowering.h"
#include "frontends/onnx/OperatorTable.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace llmc::onnx_import {

#define GEN_PASS_DEF_LOWERONNXPASS
#include "frontends/onnx/Passes.h.inc"

namespace {

/// A constant in its storage type.
Value lowerConstant(OpBuilder &b, Location loc, DenseElementsAttr value) {
  auto type = cast<RankedTensorType>(value.getType());
  RankedTensorType storage = storageType(type);
  DenseElementsAttr stored = value;
  if (type.getElementType().isInteger(1)) {
    SmallVector<int8_t> bytes;
    for (bool bit : value.getValues<bool>())
      bytes.push_back(bit);
    stored = DenseElementsAttr::get(storage, ArrayRef<int8_t>(bytes));
  } else if (isNarrowFloat(type.getElementType())) {
    SmallVector<APInt> words;
    for (const APFloat &number : value.getValues<APFloat>())
      words.push_back(number.bitcastToAPInt().zextOrTrunc(8));
    stored = DenseElementsAttr::get(storage, words);
  } else if (storage != type) {
    SmallVector<APInt> words;
    unsigned bits = storage.getElementTypeBitWidth();
    for (const APInt &number : value.getValues<APInt>())
      words.push_back(type.getElementType().isUnsignedInteger() ? number.zextOrTrunc(bits) : number.sextOrTrunc(bits));
    stored = DenseElementsAttr::get(storage, words);
  }
  return arith::ConstantOp::create(b, loc, stored);
}

/// Sizes that are known up to open ones are not computed from tensors again.
constexpr size_t kMostWritten = 64;
Value writeIntegers(Lowering &node, ArrayRef<int64_t> integers) {
  Type element = node.resultElement();
  Value flat = node.generate({static_cast<int64_t>(integers.size())}, element, [&](Body &b, ValueRange at) -> Value {
    Value result;
    for (auto [i, integer] : llvm::enumerate(integers)) {
      Value wide = arith::IndexCastOp::create(b, b.getI64Type(), b.index(integer));
      Value value = b.convert(wide, b.getI64Type(), element);
      result = i == 0 ? value
                      : b.select(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, at[0], b.index(i)), value, result);
    }
    return result;
  });
  return node.reshape(flat, node.resultType().getShape());
}

} // namespace

LogicalResult GraphLowering::lowerOp(Operation *op) {
  if (isa<transformer::WeightOp>(op)) {
    storage[op->getResult(0)] = op->getResult(0);
    return success();
  }
  if (!onnx_ir::isNode(op))
    return success();
  if (DenseElementsAttr value = constantOf(op->getResult(0))) {
    storage[op->getResult(0)] = lowerConstant(b, op->getLoc(), value);
    return success();
  }
  for (Value result : op->getResults())
    if (!storageType(cast<RankedTensorType>(result.getType())))
      return Node(op, &facts).error() << "gives " << result.getType() << ", which is not supported";
  SmallVector<Value> inputs;
  for (Value operand : op->getOperands())
    inputs.push_back(onnx_ir::isAbsent(operand) ? Value() : storage.lookup(operand));
  Lowering node(b, op, inputs, shared);
  if (failed(node.checkConditions()))
    return failure();
  SmallVector<Value> results;
  if (op->getNumRegions() > 0) {
    if (failed(lowerControl(node, results)))
      return failure();
  } else {
    const OperatorRow *row = findRow(onnx_ir::nodeType(op), onnx_ir::sinceOf(op));
    if (!row)
      return node.error() << "is not supported";
    node.takesOpen = row->open;
    for (Type type : op->getOperandTypes())
      if (auto shaped = dyn_cast<RankedTensorType>(type); shaped && !shaped.hasStaticShape() && !row->open)
        return node.error() << "takes " << facts.extents.text(facts.extents.fromIR(shaped))
                            << ", of a size known only at run time, which this operator is not compiled for";
    SmallVector<int64_t> integers;
    if (op->getNumResults() == 1)
      integers = foldNode(node, node.resultType()).integers;
    if (!integers.empty())
      facts.contents[op->getResult(0)] = integers;
    if (!integers.empty() && integers.size() <= kMostWritten)
      results.push_back(writeIntegers(node, integers));
    else if (failed(row->lower(node, results)))
      return failure();
  }
  if (shared.isTooLarge)
    return node.error() << "is computed with a tensor of more than 2^40 elements, which is not supported";
  assert(results.size() == op->getNumResults() && "a lowering gives each result");
  for (auto [result, lowered] : llvm::zip(op->getResults(), results)) {
    assert(lowered.getType() == storageType(cast<RankedTensorType>(result.getType())) && "of its type");
    keep(result, lowered);
  }
  return success();
}

void GraphLowering::keep(Value value, Value lowered) {
  storage[value] = lowered;
  RankedTensorType type = facts.extents.fromIR(cast<RankedTensorType>(value.getType()));
  if (isOpen(type.getShape()))
    shared.sizes[lowered] = SmallVector<int64_t>(type.getShape());
}

LogicalResult GraphLowering::lowerBlock(Block &block) {
  SmallVector<Operation *> ops;
  for (Operation &op : block)
    ops.push_back(&op);
  for (Operation *op : ops)
    if (failed(lowerOp(op)))
      return failure();
  return success();
}

namespace {

struct LowerOnnx : public impl::LowerOnnxPassBase<LowerOnnx> {
  using LowerOnnxPassBase::LowerOnnxPassBase;

  LogicalResult lower(func::FuncOp func) {
    Block &entry = func.getBody().front();
    SmallVector<Operation *> ops;
    for (Operation &op : entry)
      ops.push_back(&op);
    GraphLowering graph(func);
    if (auto symbols = func->getAttrOfType<ArrayAttr>(Extents::kAttr))
      if (failed(graph.facts.extents.read(symbols)))
        return func.emitOpError() << "attribute '" << Extents::kAttr << "' is no list of dimensions";
    // Fresh arguments of storage types: operators ask for the types that the graph has.
    unsigned count = entry.getNumArguments();
    for (unsigned i = 0; i < count; ++i) {
      RankedTensorType type = storageType(cast<RankedTensorType>(entry.getArgument(i).getType()));
      graph.shared.inputs.push_back(entry.addArgument(type, entry.getArgument(i).getLoc()));
      graph.keep(entry.getArgument(i), graph.shared.inputs.back());
    }
    for (Operation *op : ops) {
      graph.b.setInsertionPoint(op);
      if (failed(graph.lowerOp(op)))
        return failure();
    }
    for (OpOperand &operand : entry.getTerminator()->getOpOperands())
      operand.set(graph.storage.lookup(operand.get()));
    for (Operation *op : llvm::reverse(ops))
      if (isa_and_present<onnx_ir::ONNXDialect>(op->getDialect()))
        op->erase();
    entry.eraseArguments(0, count);
    func.setType(FunctionType::get(&getContext(), entry.getArgumentTypes(), entry.getTerminator()->getOperandTypes()));
    return success();
  }

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (failed(lower(func)))
        return signalPassFailure();
  }
};

} // namespace

} // namespace llmc::onnx_import
