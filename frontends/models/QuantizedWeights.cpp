// QuantizedWeights.cpp - puts a matrix of codes together.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/QuantizedWeights.h"

#include "frontends/models/WeightTable.h"

#include <cstring>
#include <numeric>

using namespace mlir;

namespace llmc::models {

/// Reads one module. Stops at the first mistake, which the table keeps.
class QuantizedWeights::Reader {
public:
  Reader(const QuantizedWeights &weights, OpBuilder &builder, WeightTable &table, StringRef module, int64_t rows,
         int64_t columns)
      : layout(weights.layout), index(weights.index), builder(builder), table(table), module(module), rows(rows),
        columns(columns), loc(NameLoc::get(builder.getStringAttr(module + ".weight"))) {}

  Value run() {
    skipUnused();
    if (!readShape() || !findScales())
      return {};
    Value codes = readCodes(), groups = readColumnGroups();
    if (!codes || failed)
      return {};
    const bool halves = scaleType.getElementType().isF16();
    const int64_t middle = int64_t(1) << (layout.bits - 1);
    Value zeros = readZeros(middle);
    if (failed)
      return {};
    BlockFormatId format = layout.bits == 8 ? BlockFormatId::Q8Zero : BlockFormatId::Q4Zero;
    if (layout.isFloat8)
      format = BlockFormatId::FP8_E4M3;
    else if (!zeros && halves && layout.bits != 2) // The own formats have their zero in the middle of the codes.
      format = layout.bits == 8 ? BlockFormatId::Q8 : BlockFormatId::Q4;
    const bool hasZero = blockFormat(format).zeroByte >= 0;
    const int64_t group = tileColumns < columns ? std::gcd(tileColumns, columns) : columns;
    if (!isBlockGroup(format, group))
      return fail(layout.codes.suffix,
                  group == columns ? std::to_string(columns) + " columns cannot be one group"
                                   : "groups of " + std::to_string(tileColumns) + " do not divide its " +
                                         std::to_string(columns) + " columns",
                  "groups are multiples of 16 columns");
    auto blocks =
        RankedTensorType::get({rows, columns}, transformer::BlockType::get(builder.getContext(), format, group));
    codes = unpack(codes, layout.codes, format == BlockFormatId::Q8 ? 128 : 0, rows, columns);
    if (groups)
      codes = transformer::WeightSortColumnsOp::create(builder, loc, codes.getType(), codes, groups, false);
    Value value = transformer::WeightBlocksOp::create(
        builder, loc, blocks, codes, readScales(), builder.getDenseI64ArrayAttr({tileRows, tileColumns}), zeros,
        hasZero && !zeros ? builder.getI64IntegerAttr(middle) : IntegerAttr());
    value = transformer::WeightDecodeOp::create(builder, loc, blocks.clone(builder.getF32Type()), value);
    if (groups)
      value = transformer::WeightSortColumnsOp::create(builder, loc, value.getType(), value, groups, true);
    return value;
  }

private:
  const QuantizedLayout &layout;
  const TensorIndex &index;
  OpBuilder &builder;
  WeightTable &table;
  StringRef module;
  const int64_t rows, columns;
  Location loc;
  bool failed = false;
  std::string scales; ///< Key.
  RankedTensorType scaleType;
  int64_t tileRows = 1, tileColumns = 1; ///< Of a scale; no larger than the matrix.
  int64_t tilesDown = 1, tilesAcross = 1;

  std::string key(StringRef suffix) const { return (module + suffix).str(); }

  Value fail(StringRef suffix, const std::string &message, const std::string &note) {
    failed = true;
    table.fail(key(suffix), "tensor '" + key(suffix) + "': " + message, note);
    return {};
  }
  Value failNumbers(StringRef suffix, const std::string &message) {
    return fail(suffix, message, "quantization_config and the weights do not belong together");
  }

  Value take(StringRef suffix, Type element, ArrayRef<int64_t> shape) {
    Value value = table.take(builder, key(suffix), RankedTensorType::get(shape, element));
    failed |= !value;
    return value;
  }

  /// The mapped bytes of a tensor whose type was found right; null where the checkpoint is another one by now.
  const uint8_t *bytesOf(StringRef suffix, uint64_t size) {
    const TensorEntry *entry = index.find(key(suffix));
    if (entry && entry->size == size)
      return index.data(*entry);
    failNumbers(suffix, "has changed since the checkpoint was opened");
    return nullptr;
  }

  /// What a module may have beside its matrix. Some writers give each module a bias, of zeros where the model has none.
  void skipUnused() {
    for (const std::string &suffix : layout.unused)
      table.skip(key(suffix));
    if (!table.has(key(".bias")))
      return;
    const std::string_view bias = index.bytes(key(".bias"));
    if (!bias.empty() && bias.find_first_not_of('\0') == std::string_view::npos)
      table.skip(key(".bias"));
  }

  bool readShape() {
    if (layout.shape.empty())
      return true;
    if (!table.expect(key(layout.shape), RankedTensorType::get({2}, builder.getI64Type())))
      return false;
    int64_t found[2];
    const uint8_t *bytes = bytesOf(layout.shape, sizeof found);
    if (!bytes)
      return false;
    std::memcpy(found, bytes, sizeof found);
    if (found[0] == rows && found[1] == columns)
      return true;
    failNumbers(layout.shape, "says [" + std::to_string(found[0]) + ", " + std::to_string(found[1]) + "], expected [" +
                                  std::to_string(rows) + ", " + std::to_string(columns) + "]");
    return false;
  }

  bool findScales() {
    for (const std::string &suffix : layout.scales)
      if (scales.empty() || (!table.has(scales) && table.has(key(suffix))))
        scales = key(suffix);
    const auto sized = [](int64_t tile, int64_t extent) { return tile == 0 ? extent : std::min(tile, extent); };
    tileRows = sized(layout.tileRows, rows);
    tileColumns = sized(layout.tileColumns, columns);
    scaleType = table.lookup(scales);
    // One for each row, though one for all was announced.
    if (scaleType && layout.tileRows == 0 && layout.tileColumns == 0 && scaleType.getRank() > 0 &&
        scaleType.getDimSize(0) == rows)
      tileRows = 1;
    tilesDown = llvm::divideCeilSigned(rows, tileRows);
    tilesAcross = llvm::divideCeilSigned(columns, tileColumns);
    SmallVector<int64_t> shape = {tilesDown, tilesAcross};
    if (layout.scalesTransposed)
      std::swap(shape[0], shape[1]);
    Type element = layout.isFloat8 ? Type(builder.getF32Type()) : builder.getF16Type();
    if (scaleType) {
      // The one column of a number a row, or all of a single number, may be left out.
      ArrayRef<int64_t> found = scaleType.getShape();
      if (tilesAcross == 1 && (found == ArrayRef<int64_t>{tilesDown} || (tilesDown == 1 && found.empty())))
        shape.assign(found.begin(), found.end());
      if (isa<Float16Type, BFloat16Type, Float32Type>(scaleType.getElementType()))
        element = scaleType.getElementType();
    }
    scaleType = RankedTensorType::get(shape, element);
    return table.expect(scales, scaleType) && checkScales();
  }

  /// A scale that is no number would spoil every token's answer.
  bool checkScales() {
    const StringRef suffix = StringRef(scales).drop_front(module.size());
    const int64_t bytes = scaleType.getElementTypeBitWidth() / 8, count = scaleType.getNumElements();
    const uint8_t *data = bytesOf(suffix, uint64_t(count * bytes));
    if (!data)
      return false;
    const uint32_t exponent = bytes == 4 ? 0x7f800000 : scaleType.getElementType().isF16() ? 0x7c00 : 0x7f80;
    for (int64_t i = 0; i < count; ++i) {
      uint32_t bits = 0;
      std::memcpy(&bits, data + i * bytes, size_t(bytes));
      if ((bits & exponent) == exponent) {
        fail(suffix, "scale " + std::to_string(i) + " is not a finite number", "the checkpoint is damaged");
        return false;
      }
    }
    return true;
  }

  Value readScales() {
    Value value = transformer::WeightOp::create(builder, loc, scaleType, scales);
    auto wanted = RankedTensorType::get({tilesDown, tilesAcross}, scaleType.getElementType());
    if (layout.scalesTransposed && scaleType.getRank() == 2)
      return transformer::WeightPermuteOp::create(builder, loc, value, {1, 0});
    if (scaleType == wanted)
      return value;
    return transformer::WeightPermuteOp::create(builder, loc, wanted, value, wanted.getShape(),
                                                ArrayRef<int64_t>{0, 1});
  }

  /// The words that hold [down, across] codes.
  Value words(const PackedCodes &packed, int64_t down, int64_t across) {
    SmallVector<int64_t> shape = {down, across};
    if (packed.transposed)
      std::swap(shape[0], shape[1]);
    shape[packed.axis] = llvm::divideCeilSigned(shape[packed.axis], packed.wordBits / layout.bits);
    Type element = builder.getI32Type();
    if (packed.wordBits == 8)
      element = layout.isFloat8 ? Type(Float8E4M3FNType::get(builder.getContext())) : builder.getIntegerType(8);
    return take(packed.suffix, element, shape);
  }

  Value unpack(Value words, const PackedCodes &packed, uint32_t flip, int64_t down, int64_t across) {
    SmallVector<int64_t> shape = {down, across};
    if (packed.transposed)
      std::swap(shape[0], shape[1]);
    flip ^= packed.flip;
    Value codes = transformer::WeightUnpackOp::create(
        builder, loc, RankedTensorType::get(shape, builder.getIntegerType(8, /*isSigned=*/false)), words,
        builder.getI64IntegerAttr(layout.bits), builder.getI64IntegerAttr(packed.axis),
        packed.order.empty() ? DenseI64ArrayAttr() : builder.getDenseI64ArrayAttr(packed.order),
        packed.plus ? builder.getI64IntegerAttr(packed.plus) : IntegerAttr(),
        flip ? builder.getI64IntegerAttr(flip) : IntegerAttr());
    return packed.transposed ? transformer::WeightPermuteOp::create(builder, loc, codes, {1, 0}) : codes;
  }

  Value readCodes() { return words(layout.codes, rows, columns); }

  /// Zero points where they are not all in the middle, which is null.
  Value readZeros(int64_t middle) {
    if (!layout.zeros || (layout.symmetric && !table.has(key(layout.zeros->suffix))))
      return {};
    const PackedCodes &packed = *layout.zeros;
    Value stored = words(packed, tilesDown, tilesAcross);
    if (!stored || !checkZeros(cast<RankedTensorType>(stored.getType()), middle))
      return {};
    if (layout.symmetric)
      return {};
    return unpack(stored, packed, 0, tilesDown, tilesAcross);
  }

  bool checkZeros(RankedTensorType type, int64_t middle) {
    const PackedCodes &packed = *layout.zeros;
    const int64_t bytes = packed.wordBits / 8, count = type.getNumElements(), fields = packed.wordBits / layout.bits;
    const uint8_t *data = bytesOf(packed.suffix, uint64_t(count * bytes));
    if (!data)
      return false;
    // What pads the last word of a run says nothing.
    const int64_t inner = packed.axis == 0 ? type.getDimSize(1) : 1, along = type.getDimSize(packed.axis);
    const int64_t used = (packed.axis == 0) == packed.transposed ? tilesAcross : tilesDown;
    for (int64_t i = 0; i < count; ++i) {
      uint32_t word = 0;
      std::memcpy(&word, data + i * bytes, size_t(bytes));
      word += packed.plus;
      for (int64_t field = 0; field < fields; ++field) {
        const int64_t number = packed.order.empty() ? field : packed.order[size_t(field)];
        if (i / inner % along * fields + number >= used)
          continue;
        const int64_t zero = int64_t((word >> (layout.bits * field) & ((1u << layout.bits) - 1)) ^ packed.flip);
        if (layout.symmetric && zero != middle) {
          failNumbers(packed.suffix, "has a zero point of " + std::to_string(zero) + ", expected " +
                                         std::to_string(middle) + " of symmetric codes");
          return false;
        }
        if (zero < layout.lowestZero || zero > layout.highestZero) {
          const int64_t offset = packed.flip;
          failNumbers(packed.suffix, "has a zero point of " + std::to_string(zero - offset) + " (expected " +
                                         std::to_string(layout.lowestZero - offset) + " to " +
                                         std::to_string(layout.highestZero - offset) + ")");
          return false;
        }
      }
    }
    return true;
  }

  /// The groups of columns where they do not follow one another; else null.
  Value readColumnGroups() {
    if (failed || layout.columnGroups.empty() || !table.has(key(layout.columnGroups)))
      return {};
    Value groups = take(layout.columnGroups, builder.getI32Type(), {columns});
    const uint8_t *data = groups ? bytesOf(layout.columnGroups, uint64_t(columns) * 4) : nullptr;
    if (!data)
      return {};
    bool inOrder = true;
    std::vector<int64_t> sizes(size_t(tilesAcross), 0);
    for (int64_t column = 0; column < columns; ++column) {
      int32_t group;
      std::memcpy(&group, data + column * 4, 4);
      if (group < 0 || group >= tilesAcross)
        return failNumbers(layout.columnGroups, "puts column " + std::to_string(column) + " into group " +
                                                    std::to_string(group) + " (expected 0 to " +
                                                    std::to_string(tilesAcross - 1) + ")");
      ++sizes[size_t(group)];
      inOrder &= group == column / tileColumns;
    }
    if (inOrder)
      return {};
    for (int64_t group = 0; group < tilesAcross; ++group)
      if (const int64_t expected = std::min(tileColumns, columns - group * tileColumns);
          sizes[size_t(group)] != expected)
        return failNumbers(layout.columnGroups, "has " + std::to_string(sizes[size_t(group)]) + " columns in group " +
                                                    std::to_string(group) + ", expected " + std::to_string(expected));
    return groups;
  }
};

bool QuantizedWeights::holds(const WeightTable &table, StringRef module) const {
  if (layout.codes.suffix != ".weight")
    return table.has((module + layout.codes.suffix).str()) || table.has((module + layout.scales.front()).str());
  const RankedTensorType type = table.lookup((module + ".weight").str());
  return type && type.getElementTypeBitWidth() == 8 && !isa<transformer::BlockType>(type.getElementType());
}

Value QuantizedWeights::read(OpBuilder &builder, WeightTable &table, StringRef module, int64_t rows,
                             int64_t columns) const {
  return Reader(*this, builder, table, module, rows, columns).run();
}

} // namespace llmc::models
