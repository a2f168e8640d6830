// Kernel.h - the kernel dialect: its ops, types, attributes and enums.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_KERNEL_IR_KERNEL_H
#define LLMC_DIALECTS_KERNEL_IR_KERNEL_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Transformer/IR/Transformer.h"

#include "dialects/Kernel/IR/KernelDialect.h.inc"
#include "dialects/Kernel/IR/KernelEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Kernel/IR/KernelAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Kernel/IR/KernelTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/Kernel/IR/KernelOps.h.inc"

namespace llmc::kernel {

/// Row stride in elements of an activation buffer with `columns` columns: a multiple of 16, and not a multiple of 1024,
/// since rows 4 KiB apart would compete for one set of a first-level cache.
int64_t paddedRowStride(int64_t columns);

/// The buffer type of `[T, columns]` f32 rows with the padded stride.
mlir::MemRefType rowsBufferType(mlir::MLIRContext *context, int64_t columns);

/// The row stride in elements of a `[T, C]` buffer type, and the offset in elements of its first column.
int64_t rowStride(mlir::MemRefType type);
int64_t columnOffset(mlir::MemRefType type);

} // namespace llmc::kernel

#endif // LLMC_DIALECTS_KERNEL_IR_KERNEL_H
