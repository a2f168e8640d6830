// Recipe.cpp - each operation on weight values, turned into a lazy array.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/Recipe.h"

#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "dialects/Transformer/Formats/BlockSearch.h"
#include "dialects/Transformer/Formats/RopeFrequencies.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

using namespace mlir;

namespace llmc::weights {

namespace {

std::optional<Element> elementOf(Type type) {
  if (type.isF32())
    return Element::F32;
  if (type.isF16())
    return Element::F16;
  if (type.isBF16())
    return Element::BF16;
  return std::nullopt;
}

/// Integers, and floats of 8 bits, whose bits are taken apart; their name in a checkpoint.
const char *wordName(Type type) {
  if (isa<Float8E4M3FNType>(type))
    return dtypeName(DType::F8_E4M3);
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return nullptr;
  switch (integer.getWidth()) {
  case 8:
    return dtypeName(integer.isUnsigned() ? DType::U8 : DType::I8);
  case 16:
    return dtypeName(integer.isUnsigned() ? DType::U16 : DType::I16);
  case 32:
    return dtypeName(integer.isUnsigned() ? DType::U32 : DType::I32);
  default:
    return nullptr;
  }
}

DType dtypeOf(Element element) {
  return element == Element::F32 ? DType::F32 : element == Element::F16 ? DType::F16 : DType::BF16;
}

Sizes sizesOf(ArrayRef<int64_t> sizes) { return Sizes(sizes.begin(), sizes.end()); }
Sizes shapeOf(Value value) { return sizesOf(cast<RankedTensorType>(value.getType()).getShape()); }

/// Walks one recipe in order; every value of its block gets a lazy array.
class RecipeReader {
public:
  RecipeReader(kernel::WeightOp weight, int64_t copy, const TensorIndex &checkpoint, std::vector<ValueCheck> *checks)
      : weight(weight), copy(copy), checkpoint(checkpoint), checks(checks) {}

  FailureOr<PackedWeight> run() {
    Block &body = weight.getRecipe().front();
    for (Operation &op : body.without_terminator()) {
      if (auto pack = dyn_cast<kernel::PackOp>(op)) {
        packs[pack.getResult()] = pack;
        continue;
      }
      FailureOr<WeightRef> value =
          llvm::TypeSwitch<Operation *, FailureOr<WeightRef>>(&op)
              .Case<transformer::WeightOp, transformer::WeightSliceOp, transformer::WeightConcatOp,
                    transformer::WeightPermuteOp, transformer::WeightConvertOp, transformer::WeightAffineOp,
                    transformer::WeightDecodeOp, transformer::WeightQuantizeOp, transformer::WeightUnpackOp,
                    transformer::WeightSortColumnsOp, transformer::WeightBlocksOp, transformer::RopeFrequenciesOp>(
                  [&](auto known) { return visit(known); })
              .Default([](Operation *other) -> FailureOr<WeightRef> {
                return other->emitOpError("cannot be part of a weight recipe");
              });
      if (failed(value))
        return failure();
      values[op.getResult(0)] = *value;
    }
    auto yield = cast<kernel::YieldOp>(body.getTerminator());
    auto pack = packs.find(yield.getValues()[0]);
    if (pack == packs.end())
      return weight.emitOpError("recipe does not end in kernel.pack");
    return packed(pack->second);
  }

private:
  kernel::WeightOp weight;
  int64_t copy;
  const TensorIndex &checkpoint;
  std::vector<ValueCheck> *checks;
  llvm::DenseMap<Value, WeightRef> values;
  llvm::DenseMap<Value, Words> words;
  llvm::DenseMap<Value, std::shared_ptr<const InputStatistics>> statistics;
  llvm::DenseMap<Value, kernel::PackOp> packs;

  FailureOr<PackedWeight> packed(kernel::PackOp pack) {
    kernel::PackedType type = pack.getResult().getType();
    PackedWeight result;
    result.panels = type.getLayout() != kernel::PackedLayout::table;
    result.n = type.getN();
    result.k = type.getK();
    if (pack.getOrder())
      return orderTable(pack, std::move(result));
    if (kernel::CodesType codes = type.getCodes())
      result.codes = codesLayout(
          codes, type.getK(),
          cast<transformer::BlockType>(cast<RankedTensorType>(pack.getWeights()[0].getType()).getElementType()));
    else
      result.element = *elementOf(type.getElement());
    result.bundle = type.isBundled() ? type.getBundle() : 0;
    for (Value stream : pack.getWeights()) {
      result.streams.push_back(values.lookup(stream));
      if (checks && pack.getLargest())
        addLargestChecks(pack, stream);
      if (result.codes && failed(checkBlocks(result, *result.streams.back(), pack)))
        return failure();
    }
    return result;
  }

  /// The columns in the order of their keys, as numbers.
  FailureOr<PackedWeight> orderTable(kernel::PackOp pack, PackedWeight result) {
    auto keys = words.find(pack.getWeights()[0]);
    if (keys == words.end())
      return pack.emitOpError("packs the order of keys that are not a tensor of the checkpoint");
    result.element = Element::F32;
    result.streams.push_back(computedWeight({1, result.k}, [order = sortedBy(keys->second)](int64_t, float *out) {
      llvm::transform(order, out, [](int64_t column) { return static_cast<float>(column); });
    }));
    return result;
  }

  /// The columns in ascending order of their keys.
  static std::vector<int64_t> sortedBy(const Words &key) {
    std::vector<int64_t> order(static_cast<size_t>(key.shape.front()));
    std::iota(order.begin(), order.end(), 0);
    llvm::sort(order, [&](int64_t a, int64_t b) { // Of equal keys the first comes first.
      const auto left = static_cast<int32_t>(key.at(a)), right = static_cast<int32_t>(key.at(b));
      return left != right ? left < right : a < b;
    });
    return order;
  }

  /// Every row can be read in whole blocks.
  LogicalResult checkBlocks(const PackedWeight &packed, const WeightValue &source, kernel::PackOp pack) {
    for (int64_t i = 0; i < packed.n; ++i)
      if (!source.readBlocks(i * packed.k, packed.k, nullptr))
        return pack.emitOpError() << "row " << i << " is not made of whole blocks";
    return success();
  }

  /// A mistake in the checkpoint, which was another one when the module was made from it.
  static InFlightDiagnostic changed(transformer::WeightOp op, StringRef file) {
    InFlightDiagnostic diagnostic = emitError(FileLineColLoc::get(op.getContext(), file, 0, 0));
    diagnostic.attachNote(op.getLoc()) << "the module and the checkpoint do not belong together: import it again";
    return diagnostic;
  }

  /// What was observed of the rows that weights are multiplied with.
  FailureOr<WeightRef> visitStatistics(transformer::WeightOp op, StringRef key, const TensorEntry *entry) {
    int64_t size = cast<RankedTensorType>(op.getType()).getNumElements(), columns = 1;
    while (gramSize(columns) < size)
      ++columns;
    if (entry && (entry->dtype != DType::F32 || entry->shape != TensorShape{size}))
      return changed(op, checkpoint.fileName(*entry))
             << "tensor '" << key << "' is " << dtypeName(entry->dtype) << " " << entry->shape.str()
             << " (expected F32 " << TensorShape{size}.str() << ")";
    if (!entry) {
      auto place = transformer::lookupOnly<transformer::CheckpointOp>(weight->getParentOfType<ModuleOp>());
      StringRef file = place && place.getStatistics() ? *place.getStatistics() : StringRef("<statistics>");
      InFlightDiagnostic diagnostic = emitError(FileLineColLoc::get(op.getContext(), file, 0, 0));
      diagnostic << "there are no statistics of the inputs of tensor '" << key.drop_front(strlen(kInputStatistics))
                 << "'";
      diagnostic.attachNote() << "observe the model again: llmc observe MODEL --text FILE -o STATS";
      return diagnostic;
    }
    statistics[op.getResult()] = std::make_shared<InputStatistics>(checkpoint.data(*entry), columns);
    return WeightRef();
  }

  FailureOr<WeightRef> visit(transformer::WeightOp op) {
    // Weights that all layers of a class share have one key.
    if (op.getNumLayers() != 1 && copy >= op.getNumLayers())
      return op.emitOpError() << "has " << op.getNumLayers() << " keys for " << weight.getCopies() << " copies";
    StringRef key = op.getKey(op.getNumLayers() == 1 ? 0 : copy);
    const TensorEntry *entry = checkpoint.find({key.data(), key.size()});
    if (key.starts_with(kInputStatistics))
      return visitStatistics(op, key, entry);
    if (!entry)
      return changed(op, checkpoint.files().size() == 1
                             ? checkpoint.files().front().name()
                             : llvm::sys::path::parent_path(checkpoint.files().front().name()).str())
             << "the checkpoint has no tensor '" << key << "'";
    auto type = cast<RankedTensorType>(op.getType());
    std::optional<Element> element = elementOf(type.getElementType());
    auto blocks = dyn_cast<transformer::BlockType>(type.getElementType());
    const char *word = wordName(type.getElementType());
    // Words are taken apart by what reads them; as an array of numbers they are nothing.
    bool takenApart = word && llvm::all_of(op.getResult().getUses(), [](OpOperand &use) {
                        auto sort = dyn_cast<transformer::WeightSortColumnsOp>(use.getOwner());
                        auto pack = dyn_cast<kernel::PackOp>(use.getOwner());
                        return isa<transformer::WeightUnpackOp>(use.getOwner()) ||
                               (sort && &sort.getKeysMutable() == &use) || (pack && pack.getOrder());
                      });
    if (!element && !blocks && !takenApart)
      return op.emitError() << "tensor '" << key << "': weights of type " << type.getElementType()
                            << " cannot be packed (expected f32, f16, bf16 or a block format)";
    TensorShape shape;
    for (int64_t size : type.getShape())
      shape.push_back(size);
    const char *expected = blocks    ? blockFormat(blocks.getFormat()).name
                           : element ? dtypeName(dtypeOf(*element))
                                     : word;
    if (std::string_view(dtypeName(entry->dtype)) != expected || entry->shape != shape)
      return changed(op, checkpoint.fileName(*entry))
             << "tensor '" << key << "' is " << dtypeName(entry->dtype) << " " << entry->shape.str() << " (expected "
             << expected << " " << shape.str() << ")";
    if (blocks)
      return blockWeight(sizesOf(type.getShape()), blocks.getFormat(), blocks.getGroup(), checkpoint.data(*entry));
    if (!element) {
      words[op.getResult()] = {sizesOf(type.getShape()), type.getElementTypeBitWidth() / 8, checkpoint.data(*entry)};
      return WeightRef();
    }
    return storedWeight(sizesOf(type.getShape()), *element, checkpoint.data(*entry));
  }
  FailureOr<WeightRef> visit(transformer::WeightUnpackOp op) {
    auto source = words.find(op.getSource());
    if (source == words.end())
      return op.emitOpError("takes words apart that are not a tensor of the checkpoint");
    Sizes order;
    if (op.getOrder())
      order = sizesOf(*op.getOrder());
    return unpackWeight(source->second, static_cast<int64_t>(op.getBits()), static_cast<int64_t>(op.getAxis()), order,
                        static_cast<uint32_t>(op.getPlus().value_or(0)),
                        static_cast<uint32_t>(op.getFlip().value_or(0)), shapeOf(op.getResult()));
  }
  FailureOr<WeightRef> visit(transformer::WeightSortColumnsOp op) {
    auto keys = words.find(op.getKeys());
    if (keys == words.end())
      return op.emitOpError("sorts by keys that are not a tensor of the checkpoint");
    std::vector<int64_t> order = sortedBy(keys->second), inverse(order.size());
    for (size_t j = 0; j < order.size(); ++j)
      inverse[static_cast<size_t>(order[j])] = static_cast<int64_t>(j);
    return gatherColumns(values.lookup(op.getSource()), op.getInverse() ? inverse : order);
  }
  FailureOr<WeightRef> visit(transformer::WeightBlocksOp op) {
    auto block = cast<transformer::BlockType>(cast<RankedTensorType>(op.getResult().getType()).getElementType());
    return assembleWeight(values.lookup(op.getCodes()), values.lookup(op.getScales()), op.getTile()[0], op.getTile()[1],
                          op.getZeros() ? values.lookup(op.getZeros()) : WeightRef(),
                          static_cast<int64_t>(op.getZero().value_or(0)), block.getFormat(), block.getGroup());
  }
  FailureOr<WeightRef> visit(transformer::WeightQuantizeOp op) {
    auto block = cast<transformer::BlockType>(cast<RankedTensorType>(op.getResult().getType()).getElementType());
    WeightRef source = values.lookup(op.getSource());
    if (checks)
      addEncodableChecks(op, block.getFormat());
    if (op.getStatistics()) {
      auto known = statistics.find(op.getStatistics());
      if (known == statistics.end())
        return op.emitOpError("is given statistics that are not a tensor of the statistics file");
      return calibrateWeight(std::move(source), known->second, block.getFormat(), block.getGroup());
    }
    return quantizeWeight(std::move(source), block.getFormat(), block.getGroup());
  }
  /// Blocks are f32 values from the start: what moves whole blocks moves their values.
  FailureOr<WeightRef> visit(transformer::WeightDecodeOp op) {
    return convertWeight(values.lookup(op.getSource()),
                         *elementOf(cast<RankedTensorType>(op.getResult().getType()).getElementType()));
  }
  FailureOr<WeightRef> visit(transformer::WeightSliceOp op) {
    return sliceWeight(values.lookup(op.getSource()), sizesOf(op.getOffsets()), sizesOf(op.getSizes()));
  }
  FailureOr<WeightRef> visit(transformer::WeightConcatOp op) {
    std::vector<WeightRef> sources;
    for (Value source : op.getSources())
      sources.push_back(values.lookup(source));
    return concatWeights(std::move(sources), static_cast<int64_t>(op.getAxis()), shapeOf(op.getResult()));
  }
  FailureOr<WeightRef> visit(transformer::WeightPermuteOp op) {
    return permuteWeight(values.lookup(op.getSource()), sizesOf(op.getView()), sizesOf(op.getOrder()),
                         shapeOf(op.getResult()));
  }
  /// The tensor behind what keeps the values of one, for messages; else null.
  static const TensorEntry *originOf(Value value, int64_t copy, const TensorIndex &checkpoint) {
    Operation *origin = value.getDefiningOp();
    while (isa_and_present<transformer::WeightDecodeOp, transformer::WeightPermuteOp, transformer::WeightConvertOp>(
        origin))
      origin = origin->getOperand(0).getDefiningOp();
    auto stored = dyn_cast_or_null<transformer::WeightOp>(origin);
    StringRef key = stored ? stored.getKey(stored.getNumLayers() == 1 ? 0 : copy) : "";
    return checkpoint.find({key.data(), key.size()});
  }

  /// The tensors whose values a joined one holds.
  static void partsOf(Value value, SmallVectorImpl<Value> &parts) {
    if (auto concat = value.getDefiningOp<transformer::WeightConcatOp>())
      for (Value source : concat.getSources())
        partsOf(source, parts);
    else
      parts.push_back(value);
  }

  /// What tells of a number that `name` cannot hold; may be called when the reader is gone.
  std::function<LogicalResult(float)> refusal(Operation *op, Value source, std::string name, std::string remedy) {
    return [op, source, name = std::move(name), remedy = std::move(remedy), copy = copy, &checkpoint = checkpoint](
               float number) { return refuseValue(op, source, number, name, remedy, copy, checkpoint); };
  }

  static LogicalResult refuseValue(Operation *op, Value source, float number, StringRef name, StringRef remedy,
                                   int64_t copy, const TensorIndex &checkpoint) {
    const TensorEntry *entry = originOf(source, copy, checkpoint);
    InFlightDiagnostic diagnostic =
        emitError(entry ? FileLineColLoc::get(op->getContext(), checkpoint.fileName(*entry), 0, 0) : op->getLoc());
    std::string shown;
    llvm::raw_string_ostream(shown) << llvm::format("%g", static_cast<double>(number));
    diagnostic << "tensor '" << (entry ? entry->key : "") << "' holds " << shown;
    if (std::isnan(number)) {
      diagnostic << ", which has no place in " << name;
      diagnostic.attachNote() << "the checkpoint is damaged, or --weights keep takes it as it is";
      return diagnostic;
    }
    diagnostic << ", more than " << name << " can hold";
    diagnostic.attachNote() << remedy;
    return diagnostic;
  }

  /// A finite value that would become an infinite one is a mistake: the model would answer with nonsense.
  void addRangeCheck(transformer::WeightConvertOp op, WeightRef source, Element element) {
    if (element == Element::F32)
      return;
    // The least number that is rounded to infinity: half a step above the largest finite one.
    const float limit = element == Element::F16 ? 65520.0f : 0x1.ffp+127f;
    checks->push_back(
        {std::move(source), limit, /*wantsNumbers=*/false,
         refusal(op, op.getSource(), StringRef(dtypeName(dtypeOf(element))).lower(),
                 element == Element::F16 ? "store it in a type of wider range: --weights bf16, or --weights f32"
                                         : "store it in a type of wider range: --weights f32")});
  }

  /// What a scale cannot reach would be cut off, and what is no number has no scale.
  void addEncodableChecks(transformer::WeightQuantizeOp op, BlockFormatId format) {
    SmallVector<Value> parts;
    partsOf(op.getSource(), parts);
    for (Value part : parts)
      checks->push_back({values.lookup(part), largestEncodable(format), /*wantsNumbers=*/true,
                         refusal(op, part, blockFormat(format).name,
                                 "store it in a type of wider range: --weights keep, or --weights f32")});
  }

  /// Sums in f16 have a limit, which a number of the weight must not bring near.
  void addLargestChecks(kernel::PackOp op, Value stream) {
    SmallVector<Value> parts;
    partsOf(stream, parts);
    for (Value part : parts)
      checks->push_back({values.lookup(part), op.getLargest()->convertToFloat(), /*wantsNumbers=*/true,
                         refusal(op, part, "sums in f16", "add products in f32: --dtype f32")});
  }

  FailureOr<WeightRef> visit(transformer::WeightConvertOp op) {
    Type type = cast<RankedTensorType>(op.getResult().getType()).getElementType();
    std::optional<Element> element = elementOf(type);
    if (!element)
      return op.emitOpError() << "to " << type << " cannot be executed (expected f32, f16 or bf16)";
    WeightRef source = values.lookup(op.getSource());
    if (checks && source->element != *element)
      addRangeCheck(op, source, *element);
    return convertWeight(std::move(source), *element);
  }
  FailureOr<WeightRef> visit(transformer::WeightAffineOp op) {
    return affineWeight(values.lookup(op.getSource()), static_cast<float>(op.getScale().convertToDouble()),
                        static_cast<float>(op.getOffset().convertToDouble()));
  }
  FailureOr<WeightRef> visit(transformer::RopeFrequenciesOp op) {
    return computedWeight(shapeOf(op.getResult()),
                          [spec = op.getSpec()](int64_t row, float *out) { computeRopeFrequencies(spec, row, out); });
  }
};

} // namespace

/// Values read at a time.
static constexpr int64_t checkedAtOnce = 4096;

std::optional<float> ValueCheck::findBad(int64_t begin, int64_t end) const {
  const float most = limit;
  std::vector<float> numbers(static_cast<size_t>(std::min(end - begin, checkedAtOnce)));
  for (; begin < end; begin += checkedAtOnce) {
    const int64_t count = std::min(checkedAtOnce, end - begin);
    source->read(begin, count, numbers.data());
    bool found = false;
    if (wantsNumbers)
      for (int64_t i = 0; i < count; ++i)
        found |= !(std::fabs(numbers[i]) <= most);
    else
      for (int64_t i = 0; i < count; ++i)
        found |= std::fabs(numbers[i]) >= most;
    if (!found)
      continue;
    for (int64_t i = 0; i < count; ++i)
      if (wantsNumbers ? !(std::fabs(numbers[i]) <= most) : std::fabs(numbers[i]) >= most && !std::isinf(numbers[i]))
        return numbers[i];
  }
  return std::nullopt;
}

CodesLayout codesLayout(kernel::CodesType codes, int64_t k, transformer::BlockType blocks) {
  kernel::CodesType::Record record = codes.recordOf(k);
  CodesLayout layout;
  layout.bits = codes.getBits();
  layout.unit = codes.getUnit();
  for (kernel::CodesType::BitPlane plane : codes.getBitPlanes())
    layout.bitPlanes.push_back({plane.bits, plane.shift, plane.byte});
  layout.super = codes.getSuper();
  layout.minimum = codes.hasMinimum();
  layout.format = blocks.getFormat();
  layout.blockGroup = blocks.getGroup();
  layout.recordColumns = record.columns;
  layout.codes = record.codes;
  layout.scales = record.scales;
  layout.supers = record.supers;
  layout.minima = record.minima;
  layout.superMinima = record.superMinima;
  layout.zeros = record.zeros;
  layout.hasZeros = codes.hasZeros();
  layout.recordBytes = record.bytes;
  layout.panelBytes = k / record.columns * record.bytes;
  layout.scaleBytes = codes.getScale().getIntOrFloatBitWidth() / 8;
  return layout;
}

FailureOr<PackedWeight> readRecipe(kernel::WeightOp weight, int64_t copy, const TensorIndex &checkpoint,
                                   std::vector<ValueCheck> *checks) {
  return RecipeReader(weight, copy, checkpoint, checks).run();
}

} // namespace llmc::weights
