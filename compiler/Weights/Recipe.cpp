// Recipe.cpp - each operation on weight values, turned into a lazy array.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/Recipe.h"

#include "dialects/Transformer/Formats/RopeFrequencies.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

#include <cmath>

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

DType dtypeOf(Element element) {
  return element == Element::F32 ? DType::F32 : element == Element::F16 ? DType::F16 : DType::BF16;
}

Sizes sizesOf(ArrayRef<int64_t> sizes) { return Sizes(sizes.begin(), sizes.end()); }
Sizes shapeOf(Value value) { return sizesOf(cast<RankedTensorType>(value.getType()).getShape()); }

/// Walks one recipe in order; every value of its block gets a lazy array.
class RecipeReader {
public:
  RecipeReader(kernel::WeightOp weight, int64_t copy, const TensorIndex &checkpoint, bool checksRange)
      : weight(weight), copy(copy), checkpoint(checkpoint), checksRange(checksRange) {}

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
                    transformer::WeightDecodeOp, transformer::RopeFrequenciesOp>(
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
  bool checksRange;
  llvm::DenseMap<Value, WeightRef> values;
  llvm::DenseMap<Value, kernel::PackOp> packs;

  FailureOr<PackedWeight> packed(kernel::PackOp pack) {
    kernel::PackedType type = pack.getResult().getType();
    PackedWeight result;
    result.panels = type.getLayout() == kernel::PackedLayout::panels;
    result.n = type.getN();
    result.k = type.getK();
    result.element = *elementOf(type.getElement());
    for (Value stream : pack.getWeights())
      result.streams.push_back(values.lookup(stream));
    return result;
  }

  /// A mistake in the checkpoint, which was another one when the module was made from it.
  static InFlightDiagnostic changed(transformer::WeightOp op, StringRef file) {
    InFlightDiagnostic diagnostic = emitError(FileLineColLoc::get(op.getContext(), file, 0, 0));
    diagnostic.attachNote(op.getLoc()) << "the module and the checkpoint do not belong together: import it again";
    return diagnostic;
  }

  FailureOr<WeightRef> visit(transformer::WeightOp op) {
    // Weights that all layers of a class share have one key.
    if (op.getNumLayers() != 1 && copy >= op.getNumLayers())
      return op.emitOpError() << "has " << op.getNumLayers() << " keys for " << weight.getCopies() << " copies";
    StringRef key = op.getKey(op.getNumLayers() == 1 ? 0 : copy);
    const TensorEntry *entry = checkpoint.find({key.data(), key.size()});
    if (!entry)
      return changed(op, checkpoint.files().size() == 1
                             ? checkpoint.files().front().name()
                             : llvm::sys::path::parent_path(checkpoint.files().front().name()).str())
             << "the checkpoint has no tensor '" << key << "'";
    auto type = cast<RankedTensorType>(op.getType());
    std::optional<Element> element = elementOf(type.getElementType());
    auto blocks = dyn_cast<transformer::BlockType>(type.getElementType());
    if (!element && !blocks)
      return op.emitError() << "tensor '" << key << "': weights of type " << type.getElementType()
                            << " cannot be packed (expected f32, f16, bf16 or a block format)";
    TensorShape shape;
    for (int64_t size : type.getShape())
      shape.push_back(size);
    const char *expected = blocks ? blockFormat(blocks.getFormat()).name : dtypeName(dtypeOf(*element));
    if (std::string_view(dtypeName(entry->dtype)) != expected || entry->shape != shape)
      return changed(op, checkpoint.fileName(*entry))
             << "tensor '" << key << "' is " << dtypeName(entry->dtype) << " " << entry->shape.str() << " (expected "
             << expected << " " << shape.str() << ")";
    if (blocks)
      return blockWeight(sizesOf(type.getShape()), blocks.getFormat(), blocks.getGroup(), checkpoint.data(*entry));
    return storedWeight(sizesOf(type.getShape()), *element, checkpoint.data(*entry));
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
  /// A finite value that would become an infinite one is a mistake: the model would answer with nonsense.
  LogicalResult checkRange(transformer::WeightConvertOp op, const WeightValue &source, Element element) {
    if (element == Element::F32)
      return success();
    // The least number that is rounded to infinity: half a step above the largest finite one.
    const float limit = element == Element::F16 ? 65520.0f : 0x1.ffp+127f;
    const int64_t total = source.numElements(), most = 4096;
    std::vector<float> numbers(static_cast<size_t>(std::min(total, most)));
    for (int64_t begin = 0; begin < total; begin += most) {
      const int64_t count = std::min(most, total - begin);
      source.read(begin, count, numbers.data());
      for (int64_t i = 0; i < count; ++i) {
        const float number = numbers[static_cast<size_t>(i)];
        if (!(std::fabs(number) >= limit) || std::isinf(number))
          continue;
        // Behind what keeps the values of one tensor.
        Operation *origin = op.getSource().getDefiningOp();
        while (isa_and_present<transformer::WeightDecodeOp, transformer::WeightPermuteOp>(origin))
          origin = origin->getOperand(0).getDefiningOp();
        auto stored = dyn_cast_or_null<transformer::WeightOp>(origin);
        StringRef key = stored ? stored.getKey(stored.getNumLayers() == 1 ? 0 : copy) : "";
        const TensorEntry *entry = checkpoint.find({key.data(), key.size()});
        InFlightDiagnostic diagnostic = emitError(
            entry ? FileLineColLoc::get(op.getContext(), checkpoint.fileName(*entry), 0, 0) : Location(op.getLoc()));
        std::string shown;
        llvm::raw_string_ostream(shown) << llvm::format("%g", static_cast<double>(number));
        diagnostic << "tensor '" << key << "' holds " << shown << ", more than "
                   << StringRef(dtypeName(dtypeOf(element))).lower() << " can hold";
        diagnostic.attachNote() << "store it in a type of wider range: --weights "
                                << (element == Element::F16 ? "bf16, or --weights f32" : "f32");
        return diagnostic;
      }
    }
    return success();
  }

  FailureOr<WeightRef> visit(transformer::WeightConvertOp op) {
    Type type = cast<RankedTensorType>(op.getResult().getType()).getElementType();
    std::optional<Element> element = elementOf(type);
    if (!element)
      return op.emitOpError() << "to " << type << " cannot be executed (expected f32, f16 or bf16)";
    WeightRef source = values.lookup(op.getSource());
    if (checksRange && source->element != *element && failed(checkRange(op, *source, *element)))
      return failure();
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

FailureOr<PackedWeight> readRecipe(kernel::WeightOp weight, int64_t copy, const TensorIndex &checkpoint,
                                   bool checksRange) {
  return RecipeReader(weight, copy, checkpoint, checksRange).run();
}

} // namespace llmc::weights
