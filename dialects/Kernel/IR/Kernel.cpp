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

LogicalResult KernelDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != kTilingsAttrName)
    return op->emitError() << "unknown attribute '" << attribute.getName().getValue() << "' of the kernel dialect";
  auto tilings = dyn_cast<DictionaryAttr>(attribute.getValue());
  if (!isa<MatmulOp>(op) || !tilings ||
      llvm::any_of(tilings, [](NamedAttribute entry) { return !isa<TilingAttr>(entry.getValue()); }))
    return op->emitError() << "attribute '" << kTilingsAttrName
                           << "' must be a dictionary of #kernel.tiling<...> on kernel.matmul";
  return success();
}

LogicalResult TilingAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t panels, int64_t group,
                                 int64_t ahead, int64_t manyRows, int64_t manyPanels) {
  if (panels < 0 || panels > 64)
    return emitError() << "'panels' is from 0 to 64, found " << panels;
  if (group < 0 || group > 1024)
    return emitError() << "'group' is from 0 to 1024, found " << group;
  if (ahead != -1 && (ahead < 0 || ahead > 65536 || ahead % 64 != 0))
    return emitError() << "'ahead' is -1 or a multiple of 64 up to 65536, found " << ahead;
  if (manyRows < 0 || manyRows > 64 || manyPanels < 0 || manyPanels > 64 || (manyRows == 0) != (manyPanels == 0))
    return emitError() << "'many' is 0 by 0, or 1 to 64 rows by 1 to 64 panels, found " << manyRows << " by "
                       << manyPanels;
  return success();
}

static int64_t wholeLines(int64_t bytes) { return (bytes + 63) / 64 * 64; }

SmallVector<CodesType::BitPlane, 2> CodesType::bitPlanesOf(int64_t bits) {
  SmallVector<BitPlane, 2> planes;
  int64_t shift = 0, byte = 0;
  for (int64_t width : {8, 4, 2, 1})
    if (bits & width) {
      planes.push_back({width, shift, byte});
      shift += width;
      byte += unitOf(bits) * PackedType::panelWidth * width / 8;
    }
  return planes;
}

CodesType::Record CodesType::recordOf(int64_t k) const {
  constexpr int64_t width = PackedType::panelWidth;
  int64_t scaleBytes = getScale().getIntOrFloatBitWidth() / 8, scaled = getSuper() ? getSuper() : getGroup();
  // As many groups as make whole lines of scales and zero points, where so many divide k.
  int64_t groups = 1;
  while (!getSuper() && groups * width * (hasZeros() ? 1 : scaleBytes) % 64 != 0 && k % (2 * groups * scaled) == 0)
    groups *= 2;
  Record record;
  record.columns = groups * scaled;
  auto part = [&](int64_t each, int64_t bytes) {
    int64_t place = record.bytes;
    record.bytes += record.columns / each * width * bytes;
    return place;
  };
  if (getSuper()) {
    record.supers = part(getSuper(), scaleBytes);
    if (hasMinimum())
      record.superMinima = part(getSuper(), scaleBytes);
  }
  record.scales = part(getGroup(), getSuper() ? 1 : scaleBytes);
  if (hasMinimum())
    record.minima = part(getGroup(), getSuper() ? 1 : scaleBytes);
  if (hasZeros())
    record.zeros = part(getGroup(), 1);
  record.codes = wholeLines(record.bytes);
  record.bytes = wholeLines(record.codes + record.columns * width * getBits() / 8);
  return record;
}

LogicalResult CodesType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t bits, int64_t group, int64_t zero,
                                Type scale, int64_t super, int64_t minimum, int64_t zeros, ArrayRef<int64_t> table) {
  if (bits < 2 || bits > 8 || bits == 7)
    return emitError() << "codes have 2 to 6 or 8 bits, found " << bits; // (C1)
  if (group < 16 || group % 16 != 0)
    return emitError() << "'group' is a multiple of 16, found " << group; // (C2)
  if (super < 0 || super % group != 0)
    return emitError() << "'super' is 0 or a multiple of the group " << group << ", found " << super; // (C2)
  if (int64_t scaled = super ? super : group; scaled % unitOf(bits) != 0)
    return emitError() << "codes of " << bits << " bits stand in units of " << unitOf(bits) << ", which do not divide "
                       << scaled; // (C1)
  if (minimum != 0 && minimum != 1)
    return emitError() << "'minimum' is 0 or 1, found " << minimum;
  if (zero < 0 || zero > 128 || (zero != 0 && (minimum || !table.empty())))
    return emitError() << "'zero' is from 0 to 128, and 0 with a table or a minimum, found " << zero; // (C3)
  if (zeros < 0 || zeros > 1 || (zeros && (zero || minimum || super || !table.empty())))
    return emitError() << "'zeros' is 0 or 1, and 0 with a zero, a minimum, levels or a table, found " << zeros; // (C6)
  if (!scale.isF16() && !scale.isBF16() && (!scale.isF32() || super))
    return emitError() << "a scale is f16, bf16 or, without levels, f32, found " << scale; // (C4)
  bool fits = llvm::all_of(table, [](int64_t number) { return number >= -127 && number <= 127; });
  if (!table.empty() && (table.size() != 16 || bits != 4 || !fits))
    return emitError() << "a table has 16 numbers from -127 to 127 for codes of 4 bits"; // (C5)
  return success();
}

int64_t PackedType::getBundle() const {
  constexpr int64_t most = 4, manyPanels = 64;
  int64_t bundle = isBundled() ? getPanels() < manyPanels ? most / 2 : most : 1;
  while (bundle > 1 && (bundle * getStreams() > most || getPanels() % bundle != 0))
    bundle /= 2;
  return bundle;
}

int64_t PackedType::getSizeInBytes() const {
  if (getLayout() != PackedLayout::table)
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
  auto codes = dyn_cast<CodesType>(element);
  if (!codes != (layout != PackedLayout::codes))
    return emitError() << "codes, and nothing else, stand in the layout 'codes', found " << element;
  if (codes && (k % codes.getGroup() != 0 || (codes.getSuper() && k % codes.getSuper() != 0)))
    return emitError() << "groups of " << std::max(codes.getGroup(), codes.getSuper()) << " do not divide k = " << k;
  if (!codes && !element.isF32() && !element.isF16() && !element.isBF16())
    return emitError() << "a packed weight's element type is f32, f16 or bf16, found " << element;
  return success();
}

namespace llmc::kernel {

int64_t paddedRowStride(int64_t columns, int64_t elementBytes) {
  int64_t line = 64 / elementBytes, stride = (columns + line - 1) / line * line;
  return stride * elementBytes % 4096 == 0 ? stride + line : stride;
}

MemRefType rowsBufferType(MLIRContext *context, int64_t columns, Type element) {
  if (!element)
    element = Float32Type::get(context);
  int64_t stride = paddedRowStride(columns, element.getIntOrFloatBitWidth() / 8);
  return MemRefType::get({ShapedType::kDynamic, columns}, element, StridedLayoutAttr::get(context, 0, {stride, 1}));
}

QuantizedRow::QuantizedRow(int64_t k, int64_t segment, RowSums kind) {
  scales = wholeLines(k);
  sums = scales + wholeLines(k / segment * 4);
  bytes = sums + (kind != RowSums::none ? wholeLines(k / segment * 4) : 0);
}

QuantizedRow::QuantizedRow(PackedType weight, int64_t segment)
    : QuantizedRow(weight.getK(), segment, weight.getCodes().getRowSums()) {}

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
