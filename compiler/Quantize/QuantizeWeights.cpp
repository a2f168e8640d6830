// QuantizeWeights.cpp - rounds the matrices of a model to blocks of few bits.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Quantize/Matrices.h"
#include "compiler/Quantize/Passes.h"

#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace llmc::transformer;

namespace llmc {
#define GEN_PASS_DEF_QUANTIZEWEIGHTSPASS
#include "compiler/Quantize/Passes.h.inc"
} // namespace llmc

namespace {

/// Whether errors in this matrix go to every token or to the logits at once: a table of embeddings, or what makes the
/// entry's results.
bool isWide(OpOperand &matrix) {
  Operation *user = matrix.getOwner();
  return isa<EmbeddingOp>(user) || llvm::any_of(user->getResults(), [](Value result) {
           return llvm::any_of(result.getUsers(), llvm::IsaPred<func::ReturnOp>);
         });
}

class QuantizeWeights : public llmc::impl::QuantizeWeightsPassBase<QuantizeWeights> {
  using QuantizeWeightsPassBase::QuantizeWeightsPassBase;

  void runOnOperation() override {
    std::optional<llmc::BlockFormatId> chosen = llmc::blockFormatFromName(format);
    if (!chosen || !llmc::canEncodeBlock(*chosen)) {
      getOperation().emitError() << "'" << format
                                 << "' is not a format to round to (expected q8, q4, q8_min or q4_min)";
      return signalPassFailure();
    }
    SmallVector<OpOperand *> matrices = llmc::matricesIn(getOperation());
    // A weight with several users (a tied head) is rounded once, by the most careful of them.
    const llvm::StringSet<> named(llvm::from_range, wide);
    DenseMap<Value, bool> isWider;
    for (OpOperand *matrix : matrices)
      isWider[matrix->get()] |= isWide(*matrix) || isNamed(matrix->getOwner(), named);
    DenseMap<Value, Value> rounded;
    for (OpOperand *matrix : matrices) {
      Value weight = matrix->get();
      Value &after = rounded[weight];
      if (!after) {
        FailureOr<Value> made = round(weight, isWider[weight] ? wider(*chosen) : *chosen, statisticsOf(weight));
        if (failed(made))
          return signalPassFailure();
        after = *made;
      }
      matrix->set(after);
    }
  }

  static llmc::BlockFormatId wider(llmc::BlockFormatId format) {
    switch (format) {
    case llmc::BlockFormatId::Q4:
      return llmc::BlockFormatId::Q8;
    case llmc::BlockFormatId::Q4Min:
      return llmc::BlockFormatId::Q8Min;
    default:
      return format;
    }
  }

  /// Whether the user's choice is the wider format for this op.
  static bool isNamed(Operation *op, const llvm::StringSet<> &named) {
    SmallVector<std::string> keys = llmc::statisticsKeysOf(op);
    return !keys.empty() &&
           named.contains(StringRef(keys.front()).drop_front(StringRef(llmc::kInputStatistics).size()));
  }

  /// What was observed of the rows that a matrix is multiplied with; null where it is looked up in, too, or nothing was
  /// observed.
  Value statisticsOf(Value weight) {
    auto checkpoint = lookupOnly<CheckpointOp>(getOperation());
    if (!checkpoint || !checkpoint.getStatistics() ||
        !llvm::all_of(weight.getUsers(), [](Operation *user) { return llmc::namingMatrixOf(user) != Value(); }))
      return {};
    SmallVector<std::string> keys = llmc::statisticsKeysOf(*weight.getUsers().begin());
    if (keys.empty())
      return {};
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(weight);
    int64_t size = llmc::gramSize(cast<RankedTensorType>(weight.getType()).getDimSize(1));
    SmallVector<StringRef> names(keys.begin(), keys.end());
    return WeightOp::create(builder, weight.getLoc(), RankedTensorType::get(size, builder.getF32Type()),
                            builder.getStrArrayAttr(names));
  }

  /// A mistake of the user about the tensor that a weight is made of.
  InFlightDiagnostic refuse(Value weight, StringRef &key) {
    auto checkpoint = lookupOnly<CheckpointOp>(getOperation());
    SmallVector<WeightOp> origins = llmc::originsOf(weight);
    key = origins.empty() ? StringRef("?") : origins.front().getKey(0);
    return emitError(checkpoint ? Location(FileLineColLoc::get(&getContext(), checkpoint.getDirectory(), 0, 0))
                                : weight.getLoc());
  }

  FailureOr<Value> round(Value weight, llmc::BlockFormatId to, Value statistics) {
    auto type = cast<RankedTensorType>(weight.getType());
    StringRef key, name = llmc::blockFormat(to).name;
    if (BlockType stored = llmc::storedBlocksOf(weight); stored && !allowRequantize) {
      InFlightDiagnostic diagnostic = refuse(weight, key);
      diagnostic << "tensor '" << key << "' is stored in " << llmc::blockFormat(stored.getFormat()).name
                 << ": rounding it to " << name << " would lose quality a second time";
      diagnostic.attachNote() << "compile the unquantised model, or use --weights keep, or --allow-requantize";
      return failure();
    }
    int64_t columns = type.getShape().back(), size = group == 0 ? columns : group;
    if (columns % size || !llmc::isBlockGroup(to, size)) {
      InFlightDiagnostic diagnostic = refuse(weight, key);
      diagnostic << "tensor '" << key << "': rows of " << columns << " values are not whole groups of " << size;
      if (columns % 16)
        diagnostic.attachNote()
            << "groups are multiples of 16 values: --weights bf16, or f16, stores rows of any length";
      else
        diagnostic.attachNote() << "--weights " << format
                                << ":row makes each row a group; so does a group that divides " << columns;
      return failure();
    }
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(statistics ? statistics : weight);
    if (isa<BlockType>(type.getElementType()))
      weight = WeightDecodeOp::create(builder, weight.getLoc(), type.clone(builder.getF32Type()), weight);
    ++numQuantized;
    return Value(WeightQuantizeOp::create(builder, weight.getLoc(), type.clone(BlockType::get(&getContext(), to, size)),
                                          weight, statistics));
  }
};

} // namespace
