// Kernel.cpp - registration, types and attributes of the kernel dialect.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Kernel/IR/Kernel.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace llmc::kernel;

#include "dialects/Kernel/IR/KernelDialect.cpp.inc"
#include "dialects/Kernel/IR/KernelEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Kernel/IR/KernelAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Kernel/IR/KernelTypes.cpp.inc"

void KernelDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Kernel/IR/KernelAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Kernel/IR/KernelTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Kernel/IR/KernelOps.cpp.inc"
      >();
}

int64_t PackedType::getSizeInBytes() const {
  if (getLayout() == PackedLayout::panels)
    return getPanels() * getStreams() * getPanelBytes();
  return getN() * getK() * (getElement().getIntOrFloatBitWidth() / 8);
}

LogicalResult PackedType::verify(function_ref<InFlightDiagnostic()> emitError, PackedLayout layout, int64_t n,
                                 int64_t k, int64_t streams, Type element) {
  if (n < 1 || k < 1)
    return emitError() << "a packed weight needs n and k of at least 1, found " << n << " and " << k;
  if (streams < 1 || streams > 4)
    return emitError() << "a packed weight has 1 to 4 streams, found " << streams;
  if (layout == PackedLayout::table && (streams != 1 || !element.isF32()))
    return emitError() << "a table holds one stream of f32";
  if (!element.isF32() && !element.isF16() && !element.isBF16())
    return emitError() << "a packed weight's element type is f32, f16 or bf16, found " << element;
  return success();
}

namespace llmc::kernel {

int64_t paddedRowStride(int64_t columns) {
  int64_t stride = (columns + 15) / 16 * 16;
  return stride % 1024 == 0 ? stride + 16 : stride;
}

MemRefType rowsBufferType(MLIRContext *context, int64_t columns) {
  auto layout = StridedLayoutAttr::get(context, 0, {paddedRowStride(columns), 1});
  return MemRefType::get({ShapedType::kDynamic, columns}, Float32Type::get(context), layout);
}

int64_t rowStride(MemRefType type) {
  if (auto layout = dyn_cast<StridedLayoutAttr>(type.getLayout()))
    return layout.getStrides()[0];
  return type.getDimSize(1);
}

int64_t columnOffset(MemRefType type) {
  if (auto layout = dyn_cast<StridedLayoutAttr>(type.getLayout()))
    return layout.getOffset();
  return 0;
}

} // namespace llmc::kernel
