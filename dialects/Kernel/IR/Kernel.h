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

/// On a kernel.matmul: a dictionary of variant names and #kernel.tiling attributes.
constexpr llvm::StringLiteral kTilingsAttrName = "kernel.tilings";

/// Row stride in elements of an activation buffer with `columns` columns: a multiple of 64 bytes, and not one of 4096,
/// since rows 4 KiB apart would compete for one set of a first-level cache.
int64_t paddedRowStride(int64_t columns, int64_t elementBytes = 4);

/// The buffer type of `[T, columns]` rows with the padded stride; f32 where no element type is given.
mlir::MemRefType rowsBufferType(mlir::MLIRContext *context, int64_t columns, mlir::Type element = {});

/// Where the parts of a row lie that kernel.quantize makes, in bytes from its start.
struct QuantizedRow {
  int64_t scales = 0; ///< f32 [k / segment]; codes, i8 [k], come before
  int64_t sums = 0;   ///< [k / segment] of 4 bytes, where the weight needs them
  int64_t bytes = 0;  ///< of the row: a multiple of 64

  QuantizedRow(int64_t k, int64_t segment, RowSums kind);
  /// What a product with this weight of codes reads, `segment` columns at a time.
  QuantizedRow(PackedType weight, int64_t segment);
};

/// Where the parts of a halved row lie, in f16.
struct HalvedRow {
  int64_t scale;   ///< f32; the numbers, [k] twice each, come before
  int64_t columns; ///< of the row: a multiple of 64 bytes

  explicit HalvedRow(int64_t k) : scale((2 * k + 31) / 32 * 32), columns(scale + 32) {}
};

/// The compute layout that keeps every value of a block format, or null where there is none: then its values are
/// decoded.
CodesType codesOf(transformer::BlockType blocks);
/// The same of a descriptor. A field that the layouts do not account for is refused.
CodesType codesOf(mlir::MLIRContext *context, const BlockFormatDescriptor &format, int64_t group);

/// The row stride in elements of a `[T, C]` buffer type, and the offset in elements of its first column.
int64_t rowStride(mlir::MemRefType type);
int64_t columnOffset(mlir::MemRefType type);

} // namespace llmc::kernel

#endif // LLMC_DIALECTS_KERNEL_IR_KERNEL_H
