// WeightOps.cpp - rules, folds and builders of the ops on weight values.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc::transformer;

static BlockType blockOf(Value value) { return dyn_cast<BlockType>(tensorType(value).getElementType()); }

static bool isComputeFloat(Type type) { return type.isF32() || type.isF16() || type.isBF16(); }

//===----------------------------------------------------------------------===//
// WeightOp
//===----------------------------------------------------------------------===//

void WeightOp::build(OpBuilder &builder, OperationState &state, RankedTensorType type, StringRef key) {
  build(builder, state, type, builder.getStrArrayAttr({key}));
}

LogicalResult WeightOp::verify() {
  for (Attribute key : getKeys())
    if (cast<StringAttr>(key).getValue().empty())
      return emitOpError("has an empty key"); // (C1)
  int64_t found = getKeys().size();
  auto layers = (*this)->getParentOfType<LayersOp>();
  if (!layers) {
    // Ops of other dialects that hold weights (recipes) say themselves how many layers they stand for.
    if (found != 1 && isa<func::FuncOp>((*this)->getParentOp()))
      return emitOpError() << "has " << found << " keys, expected 1 outside transformer.layers"; // (C2)
    return success();
  }
  int64_t layerClass = 0;
  for (Region &region : layers.getBodies())
    if (region.isAncestor((*this)->getParentRegion()))
      layerClass = region.getRegionNumber();
  int64_t expected = llvm::count(layers.getClasses(), layerClass);
  if (found != expected) {
    InFlightDiagnostic diagnostic = emitOpError() << "has " << found << " keys, expected " << expected
                                                  << ", one for each layer of class " << layerClass; // (C3)
    diagnostic.attachNote(layers.getLoc()) << "the layers are here";
    return diagnostic;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// WeightSliceOp
//===----------------------------------------------------------------------===//

LogicalResult WeightSliceOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                              SmallVectorImpl<Type> &types) {
  types.push_back(tensorType(adaptor.getSource()).clone(adaptor.getSizes()));
  return success();
}

LogicalResult WeightSliceOp::verify() {
  RankedTensorType type = tensorType(getSource());
  int64_t rank = type.getRank();
  if (static_cast<int64_t>(getOffsets().size()) != rank || static_cast<int64_t>(getSizes().size()) != rank)
    return emitOpError() << "has " << getOffsets().size() << " offsets and " << getSizes().size() << " sizes, expected "
                         << rank << " of each"; // (C1)
  for (auto [axis, offset, size, extent] : llvm::enumerate(getOffsets(), getSizes(), type.getShape()))
    if (offset < 0 || size < 1 || offset > extent || size > extent - offset)
      return emitOpError() << "takes " << size << " from " << offset << " of dimension " << axis
                           << ", expected a part of its " << extent; // (C2)
  if (BlockType block = blockOf(getSource()))
    if (rank && (getOffsets().back() % block.getGroup() || getSizes().back() % block.getGroup()))
      return emitOpError() << "takes " << getSizes().back() << " from " << getOffsets().back()
                           << " of the last dimension, expected multiples of the group " << block.getGroup(); // (C3)
  return success();
}

OpFoldResult WeightSliceOp::fold(FoldAdaptor) {
  return getSource().getType() == getType() ? OpFoldResult(getSource()) : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// WeightConcatOp
//===----------------------------------------------------------------------===//

LogicalResult WeightConcatOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                               SmallVectorImpl<Type> &types) {
  int64_t axis = adaptor.getAxis();
  if (adaptor.getSources().empty() || axis < 0 || axis >= tensorType(adaptor.getSources().front()).getRank())
    return emitOptionalError(location, "axis or sources are out of range");
  RankedTensorType first = tensorType(adaptor.getSources().front());
  SmallVector<int64_t> shape(first.getShape());
  for (Value source : adaptor.getSources().drop_front())
    shape[axis] += tensorType(source).getDimSize(axis);
  types.push_back(first.clone(shape));
  return success();
}

LogicalResult WeightConcatOp::verify() {
  if (getSources().empty())
    return emitOpError("has no source, expected at least one"); // (C1)
  RankedTensorType first = tensorType(getSources().front());
  int64_t axis = getAxis();
  if (axis < 0 || axis >= first.getRank())
    return emitOpError() << "axis is " << axis << ", expected 0 to " << first.getRank() - 1; // (C2)
  for (auto [number, source] : llvm::enumerate(getSources())) {
    RankedTensorType type = tensorType(source);
    bool fits = type.getElementType() == first.getElementType() && type.getRank() == first.getRank();
    for (int64_t dim = 0; fits && dim < first.getRank(); ++dim)
      fits = dim == axis || type.getDimSize(dim) == first.getDimSize(dim);
    if (!fits)
      return emitOpError() << "source " << number << " is " << type << ", expected a tensor like " << first
                           << " in all but dimension " << axis; // (C3)
  }
  return success();
}

OpFoldResult WeightConcatOp::fold(FoldAdaptor) {
  return getSources().size() == 1 ? OpFoldResult(getSources().front()) : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// WeightPermuteOp
//===----------------------------------------------------------------------===//

void WeightPermuteOp::build(OpBuilder &builder, OperationState &state, Value source, ArrayRef<int64_t> order) {
  RankedTensorType type = tensorType(source);
  SmallVector<int64_t> shape = llvm::map_to_vector(order, [&](int64_t dim) { return type.getDimSize(dim); });
  build(builder, state, type.clone(shape), source, type.getShape(), order);
}

LogicalResult WeightPermuteOp::verify() {
  RankedTensorType source = tensorType(getSource()), result = tensorType(getResult());
  int64_t elements = 1;
  for (int64_t size : getView()) {
    if (size < 1 || llvm::MulOverflow(elements, size, elements))
      return emitOpError() << "view has a dimension of " << size << ", expected positive sizes"; // (C1)
  }
  if (elements != source.getNumElements())
    return emitOpError() << "view has " << elements << " elements, expected " << source.getNumElements(); // (C1)
  SmallVector<int64_t> sorted(getOrder());
  llvm::sort(sorted);
  if (sorted != llvm::to_vector(llvm::seq<int64_t>(0, getView().size()))) {
    InFlightDiagnostic diagnostic = emitOpError("order is [");
    llvm::interleaveComma(getOrder(), diagnostic);
    return diagnostic << "], expected a permutation of 0 to " << static_cast<int64_t>(getView().size()) - 1; // (C2)
  }
  if (result.getElementType() != source.getElementType() || result.getNumElements() != elements)
    return emitOpError() << "result is " << result << ", expected " << elements << " elements of "
                         << source.getElementType(); // (C3)
  if (blockOf(getSource())) {
    int64_t last = getView().empty() ? 0 : getView().back();
    if (!source.getRank() || !result.getRank() || source.getShape().back() != last ||
        result.getShape().back() != last || getOrder().back() != static_cast<int64_t>(getOrder().size()) - 1)
      return emitOpError("moves the last dimension of a block format, expected it to stay"); // (C4)
  }
  return success();
}

OpFoldResult WeightPermuteOp::fold(FoldAdaptor) {
  return llvm::is_sorted(getOrder()) && getSource().getType() == getType() ? OpFoldResult(getSource()) : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// WeightConvertOp, WeightAffineOp
//===----------------------------------------------------------------------===//

void WeightConvertOp::build(OpBuilder &builder, OperationState &state, Value source, Type elementType) {
  build(builder, state, tensorType(source).clone(elementType), source);
}

LogicalResult WeightConvertOp::verify() {
  for (Type type : {tensorType(getSource()).getElementType(), tensorType(getResult()).getElementType()})
    if (!isFloatElement(type))
      return emitOpError() << "element type is " << type << ", expected a float"; // (C1)
  return success();
}

OpFoldResult WeightConvertOp::fold(FoldAdaptor) {
  return getSource().getType() == getType() ? OpFoldResult(getSource()) : OpFoldResult();
}

LogicalResult WeightAffineOp::verify() {
  Type type = tensorType(getSource()).getElementType();
  if (!isComputeFloat(type))
    return emitOpError() << "element type is " << type << ", expected f32, f16 or bf16"; // (C1)
  if (failed(verifyFinite(*this, "scale", getScale())))                                  // (C2)
    return failure();
  return verifyFinite(*this, "offset", getOffset()); // (C2)
}

OpFoldResult WeightAffineOp::fold(FoldAdaptor) {
  // Adding +0 would turn -0 into +0, so only an offset of -0 is the identity.
  bool identity = getScale().isExactlyValue(1.0) && getOffset().isZero() && getOffset().isNegative();
  return identity ? OpFoldResult(getSource()) : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// WeightDecodeOp, WeightQuantizeOp, WeightPackOp
//===----------------------------------------------------------------------===//

/// `blocks` has a block format whose group divides the last dimension, `floats` is of a float type.
static LogicalResult verifyCoding(Operation *op, Value blocks, Value floats, StringRef blockSide, StringRef floatSide) {
  BlockType block = blockOf(blocks);
  if (!block)
    return op->emitOpError() << blockSide << " has element type " << tensorType(blocks).getElementType()
                             << ", expected a block format"; // (C1)
  if (!isComputeFloat(tensorType(floats).getElementType()))
    return op->emitOpError() << floatSide << " has element type " << tensorType(floats).getElementType()
                             << ", expected f32, f16 or bf16"; // (C1)
  int64_t last = tensorType(blocks).getRank() ? tensorType(blocks).getShape().back() : 1;
  if (last % block.getGroup())
    return op->emitOpError() << "group " << block.getGroup() << " does not divide the last dimension, " << last; // (C2)
  return success();
}

LogicalResult WeightDecodeOp::verify() { return verifyCoding(*this, getSource(), getResult(), "source", "result"); }

LogicalResult WeightQuantizeOp::verify() {
  if (failed(verifyCoding(*this, getResult(), getSource(), "result", "source")))
    return failure();
  llmc::BlockFormatId format = blockOf(getResult()).getFormat();
  if (!llmc::canEncodeBlock(format))
    return emitOpError() << "result is in " << llmc::blockFormat(format).name
                         << ", expected a format that values can be rounded to"; // (C3)
  if (!getStatistics())
    return success();
  RankedTensorType source = tensorType(getSource()), statistics = tensorType(getStatistics());
  if (source.getRank() != 2)
    return emitOpError() << "rounds " << source << " by statistics, expected a matrix"; // (C4)
  int64_t size = llmc::gramSize(source.getDimSize(1));
  if (statistics.getRank() != 1 || statistics.getDimSize(0) != size || !statistics.getElementType().isF32())
    return emitOpError() << "statistics are " << statistics << ", expected "
                         << RankedTensorType::get(size, Float32Type::get(getContext())); // (C4)
  return success();
}

//===----------------------------------------------------------------------===//
// WeightUnpackOp, WeightSortColumnsOp, WeightBlocksOp
//===----------------------------------------------------------------------===//

LogicalResult WeightUnpackOp::verify() {
  RankedTensorType source = tensorType(getSource()), result = tensorType(getResult());
  Type word = source.getElementType();
  int64_t width = word.isIntOrFloat() ? word.getIntOrFloatBitWidth() : 0, bits = getBits();
  if ((width != 8 && width != 16 && width != 32) || width % bits || bits > 8)
    return emitOpError() << "cuts words of " << word << " into " << bits
                         << " bits, expected words of 8, 16 or 32 bits and a divisor of that up to 8"; // (C1)
  int64_t axis = getAxis(), fields = width / bits;
  if (axis < 0 || axis >= source.getRank())
    return emitOpError() << "axis is " << axis << ", expected 0 to " << source.getRank() - 1; // (C2)
  bool fits = result.getElementType().isUnsignedInteger(8) && result.getRank() == source.getRank();
  for (int64_t dim = 0; fits && dim < source.getRank(); ++dim)
    fits = dim == axis ? llvm::divideCeilSigned(result.getDimSize(dim), fields) == source.getDimSize(dim)
                       : result.getDimSize(dim) == source.getDimSize(dim);
  if (!fits)
    return emitOpError() << "result is " << result << ", expected ui8 and " << fields << " elements for each of "
                         << source << " along dimension " << axis; // (C3)
  if (getOrder()) {
    SmallVector<int64_t> sorted(*getOrder());
    llvm::sort(sorted);
    if (sorted != llvm::to_vector(llvm::seq<int64_t>(0, fields)))
      return emitOpError() << "order is not a permutation of 0 to " << fields - 1; // (C4)
  }
  int64_t flip = getFlip().value_or(0);
  if (flip < 0 || flip >> bits)
    return emitOpError() << "flip is " << flip << ", expected at most " << bits << " bits"; // (C5)
  return success();
}

LogicalResult WeightSortColumnsOp::verify() {
  RankedTensorType keys = tensorType(getKeys()), source = tensorType(getSource());
  if (!keys.getElementType().isSignlessInteger(32) || keys.getRank() != 1 || keys.getDimSize(0) != source.getDimSize(1))
    return emitOpError() << "keys are " << keys << ", expected one i32 for each of " << source.getDimSize(1)
                         << " columns"; // (C1)
  if (blockOf(getSource()))
    return emitOpError() << "source has element type " << source.getElementType()
                         << ", expected no block format"; // (C2)
  return success();
}

LogicalResult WeightBlocksOp::verify() {
  RankedTensorType codes = tensorType(getCodes()), scales = tensorType(getScales()), result = tensorType(getResult());
  BlockType block = blockOf(getResult());
  if (!codes.getElementType().isUnsignedInteger(8) || codes.getShape() != result.getShape())
    return emitOpError() << "codes are " << codes << ", expected ui8 of the shape of " << result; // (C1)
  const llmc::BlockFormatDescriptor *format = block ? &llmc::blockFormat(block.getFormat()) : nullptr;
  if (!format || format->group || format->subScales.bits || format->minimum != llmc::BlockNumber::None)
    return emitOpError() << "result is " << result << ", expected blocks of one scale and no minimum"; // (C2)
  Type scale = scales.getElementType();
  if (!(scale.isF16() || (format->scale == llmc::BlockNumber::F32 && isComputeFloat(scale))))
    return emitOpError() << "scales are of " << scale << ", expected what " << format->name << " holds exactly"; // (C3)
  ArrayRef<int64_t> tile = getTile();
  if (tile.size() != 2 || tile[0] < 1 || tile[1] < 1 ||
      scales.getDimSize(0) != llvm::divideCeilSigned(codes.getDimSize(0), tile[0]) ||
      scales.getDimSize(1) != llvm::divideCeilSigned(codes.getDimSize(1), tile[1]))
    return emitOpError() << "scales are " << scales << ", expected one for each tile of " << codes; // (C4)
  int64_t group = block.getGroup(), columns = codes.getDimSize(1);
  if (columns % group || (tile[1] < columns && tile[1] % group))
    return emitOpError() << "group " << group << " does not divide " << columns << " columns in tiles of "
                         << tile[1]; // (C5)
  bool wanted = format->zeroByte >= 0, fits = !getZeros() || !getZero();
  if (getZeros())
    fits &= tensorType(getZeros()).getElementType().isUnsignedInteger(8) &&
            tensorType(getZeros()).getShape() == scales.getShape();
  if (getZero())
    fits &= *getZero() < 256;
  if (!fits || (getZeros() || getZero()) != wanted)
    return emitOpError() << (wanted ? "expected zero points, ui8 and one for each scale, or one for all"
                                    : "has zero points, the format has none"); // (C6)
  return success();
}

LogicalResult WeightPackOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                             SmallVectorImpl<Type> &types) {
  RankedTensorType source = tensorType(adaptor.getSource());
  int64_t rows = adaptor.getRows(), group = adaptor.getGroup();
  types.push_back(source.clone({llvm::divideCeilSigned(source.getDimSize(0), rows),
                                llvm::divideCeilSigned(source.getDimSize(1), group), rows, group}));
  return success();
}

LogicalResult WeightPackOp::verify() {
  if (blockOf(getSource()))
    return emitOpError() << "source has element type " << tensorType(getSource()).getElementType()
                         << ", expected no block format"; // (C2); (C1) is in the attributes' type
  return success();
}
