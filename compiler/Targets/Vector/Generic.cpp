// Generic.cpp - launches that are written out: pointers become buffers, the body is taken over.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Contract.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

#include "llmc/step_abi.h"

using namespace mlir;

namespace llmc::vector_emit {

/// The descriptor of a plain buffer at a pointer, as the conversion of memref to llvm makes and folds it.
static Value bufferAt(VectorBuilder &b, Value pointer, MemRefType type) {
  MLIRContext *context = b.getContext();
  Type i64 = b.getI64Type(), ptr = b.pointerType();
  SmallVector<Type> fields = {ptr, ptr, i64};
  int64_t rank = type.getRank();
  if (rank > 0)
    fields.append(2, LLVM::LLVMArrayType::get(i64, rank));
  auto descriptorType = LLVM::LLVMStructType::getLiteral(context, fields);
  Value descriptor = LLVM::PoisonOp::create(b, descriptorType);
  auto insert = [&](Value value, ArrayRef<int64_t> at) {
    descriptor = LLVM::InsertValueOp::create(b, descriptor, value, at);
  };
  insert(pointer, {0});
  insert(pointer, {1});
  insert(LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(0)), {2});
  int64_t stride = 1;
  for (int64_t i = rank - 1; i >= 0; --i) {
    insert(LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(type.getDimSize(i))), {3, i});
    insert(LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(stride)), {4, i});
    stride *= std::max<int64_t>(1, type.getDimSize(i));
  }
  return UnrealizedConversionCastOp::create(b, TypeRange{type}, ValueRange{descriptor}).getResult(0);
}

/// Innermost loops without a carried value are rows of results: LLVM is told to make vectors of them.
static void markLoops(Operation *root) {
  root->walk([](scf::ForOp loop) {
    bool inner = true;
    loop.getBody()->walk([&](Operation *op) { inner &= !isa<LoopLikeOpInterface, scf::IfOp>(op); });
    if (!inner || loop.getNumResults() != 0)
      return;
    MLIRContext *context = loop.getContext();
    BoolAttr no = BoolAttr::get(context, false);
    auto vectorize = LLVM::LoopVectorizeAttr::get(context, /*disable=*/no, {}, {}, {}, {}, {}, {});
    loop->setAttr("llvm.loop_annotation", LLVM::LoopAnnotationAttr::get(context, {}, vectorize, {}, {}, {}, {}, {}, {},
                                                                        {}, {}, {}, {}, {}, {}, {}));
  });
}

/// What a body says of dims and shares, as loads, stores and arithmetic.
static void emitSizes(VectorBuilder &b, Operation *op, const KernelArguments &arguments) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op);
  Type index = b.getIndexType(), i64 = b.getI64Type();
  auto place = [&](uint64_t number) {
    return b.at(b.loadPointer(b.at(arguments.context, LLMC_STEP_OFFSET_DIMS)), static_cast<int64_t>(8 * number));
  };
  if (auto dim = dyn_cast<kernel::DimOp>(op)) {
    Value value = arith::IndexCastOp::create(b, index, b.loadI64(place(dim.getNumber())));
    dim.getResult().replaceAllUsesWith(value);
    dim.erase();
  } else if (auto set = dyn_cast<kernel::SetDimOp>(op)) {
    b.store(arith::IndexCastOp::create(b, i64, set.getValue()), place(set.getNumber()), 8);
    set.erase();
  } else if (auto share = dyn_cast<kernel::ShareOp>(op)) {
    auto [first, last] = threadShare(b, arguments, arith::IndexCastOp::create(b, i64, share.getTotal()));
    share.getFirst().replaceAllUsesWith(arith::IndexCastOp::create(b, index, first).getResult());
    share.getLast().replaceAllUsesWith(arith::IndexCastOp::create(b, index, last).getResult());
    share.erase();
  }
}

void emitGeneric(VectorBuilder &b, kernel::GenericOp op, const KernelArguments &arguments) {
  auto [first, last] = threadShare(b, arguments, b.i64(static_cast<int64_t>(op.getUnits())));
  IRMapping mapping;
  Block &body = op.getBody().front();
  Type index = b.getIndexType();
  mapping.map(body.getArgument(0), arith::IndexCastOp::create(b, index, first).getResult());
  mapping.map(body.getArgument(1), arith::IndexCastOp::create(b, index, last).getResult());
  for (auto [buffer, argument] : llvm::zip(op.getBuffers(), body.getArguments().drop_front(2)))
    mapping.map(argument, bufferAt(b, arguments.value(buffer), cast<MemRefType>(argument.getType())));
  SmallVector<Operation *> clones;
  for (Operation &inner : body) {
    clones.push_back(b.clone(inner, mapping));
    markLoops(clones.back());
  }
  for (Operation *clone : clones)
    clone->walk([&](Operation *inner) { emitSizes(b, inner, arguments); });
  SmallVector<kernel::ContractOp> contracts;
  b.getInsertionBlock()->walk([&](kernel::ContractOp contract) { contracts.push_back(contract); });
  for (kernel::ContractOp contract : contracts)
    emitContract(b, contract, arguments);
}

} // namespace llmc::vector_emit
