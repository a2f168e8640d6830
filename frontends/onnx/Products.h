// Products.h - products of matrices, for every operator that holds one.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_PRODUCTS_H
#define LLMC_FRONTENDS_ONNX_PRODUCTS_H

#include "frontends/onnx/OperatorTable.h"

namespace llmc::onnx_import {

/// The shape of numpy's product; fails with a message on the node.
mlir::FailureOr<llvm::SmallVector<int64_t>> matmulShape(const Node &node, llvm::ArrayRef<int64_t> a,
                                                        llvm::ArrayRef<int64_t> c);
/// numpy's product, `shape` being its shape, with both operands converted to `element` first. Sums run over k ascending
/// in one chain, products of floats fused into it; f16 and bf16 are summed in f32.
Value matmul(Lowering &node, Lowering::Operand a, Lowering::Operand c, llvm::ArrayRef<int64_t> shape, Type element);

/// The same over any dimensions: loop i has size sizes[i] and is summed over where `summed` says so; `aDims`, `cDims`
/// and `outDims` name the loops of each operand's and the result's dimensions.
Value contract(Lowering &node, Lowering::Operand a, Lowering::Operand c, llvm::ArrayRef<int64_t> sizes,
               llvm::ArrayRef<bool> summed, llvm::ArrayRef<unsigned> aDims, llvm::ArrayRef<unsigned> cDims,
               llvm::ArrayRef<unsigned> outDims, Type element);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_PRODUCTS_H
