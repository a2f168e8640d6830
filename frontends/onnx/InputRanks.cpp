// InputRanks.cpp - how many dimensions operators' inputs have where the standard fixes that: numbers, lists, matrices.
//
// Exporters write a list of one for a number and the other way round: those are made what they should be.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/InputRanks.h"

using namespace mlir;

namespace llmc::onnx_import {

namespace {

/// A letter an input: 's' one number, 'l' a list, a digit that many dimensions, '.' any number of them.
struct Ranks {
  StringLiteral name, inputs;
};
constexpr Ranks kRanks[] = {
    {"AffineGrid", ".l"},
    {"BatchNormalization", ".llll"},
    {"BlackmanWindow", "s"},
    {"CenterCropPad", ".l"},
    {"Clip", ".ss"},
    {"Col2Im", ".ll"},
    {"Compress", ".l"},
    {"ConstantOfShape", "l"},
    {"Conv", "..l"},
    {"ConvTranspose", "..l"},
    {"CumProd", ".s"},
    {"CumSum", ".s"},
    {"DFT", ".ss"},
    {"DeformConv", "...l."},
    {"Dropout", ".ss"},
    {"Expand", ".l"},
    {"GRU", "3332l3"},
    {"GroupNormalization", ".ll"},
    {"HammingWindow", "s"},
    {"HannWindow", "s"},
    {"If", "s"},
    {"InstanceNormalization", ".ll"},
    {"LSTM", "3332l332"},
    {"Loop", "ss"},
    {"MaxRoiPool", "42"},
    {"MaxUnpool", "..l"},
    {"MelWeightMatrix", "sssss"},
    {"NegativeLogLikelihoodLoss", "..l"},
    {"NonMaxSuppression", "33sss"},
    {"OneHot", ".sl"},
    {"Pad", ".lsl"},
    {"QLinearConv", ".ss...ssl"},
    {"RNN", "3332l3"},
    {"Range", "sss"},
    {"ReduceL1", ".l"},
    {"ReduceL2", ".l"},
    {"ReduceLogSum", ".l"},
    {"ReduceLogSumExp", ".l"},
    {"ReduceMax", ".l"},
    {"ReduceMean", ".l"},
    {"ReduceMin", ".l"},
    {"ReduceProd", ".l"},
    {"ReduceSum", ".l"},
    {"ReduceSumSquare", ".l"},
    {"Reshape", ".l"},
    {"Resize", ".lll"},
    {"ReverseSequence", ".l"},
    {"RoiAlign", "42l"},
    {"STFT", ".sls"},
    {"Slice", ".llll"},
    {"SoftmaxCrossEntropyLoss", "..l"},
    {"Split", ".l"},
    {"Squeeze", ".l"},
    {"TensorScatter", "..l"},
    {"Tile", ".l"},
    {"TopK", ".s"},
    {"Trilu", ".s"},
    {"Unsqueeze", ".l"},
    {"Upsample", ".l"},
};

StringRef ranksOf(StringRef type) {
  const Ranks *found = llvm::find_if(kRanks, [&](const Ranks &row) { return row.name == type; });
  return found == std::end(kRanks) ? StringRef() : StringRef(found->inputs);
}

/// The shape that a number or a list of another rank is meant to have; nothing where it is neither.
std::optional<SmallVector<int64_t>> meant(char rank, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> sizes;
  for (int64_t size : shape)
    if (size != 1)
      sizes.push_back(size);
  if (rank == 's' && sizes.empty())
    return sizes;
  if (rank == 'l' && sizes.size() < 2)
    return sizes.empty() ? SmallVector<int64_t>{1} : sizes;
  return std::nullopt;
}

} // namespace

LogicalResult fitRanks(Node &node, OpBuilder &builder, Expander::Emit emit) {
  for (auto [i, rank] : llvm::enumerate(ranksOf(node.type))) {
    int64_t wanted = rank == 's' ? 0 : rank == 'l' ? 1 : rank - '0';
    if (rank == '.' || !node.has(i) || node.rankOf(i) == wanted)
      continue;
    std::optional<SmallVector<int64_t>> shape = meant(rank, node.shapeOf(i));
    if (!shape) {
      InFlightDiagnostic diagnostic = node.error() << "input " << i << " is " << node.extents().text(node.typeOf(i));
      if (rank == 's')
        return diagnostic << " (expected one number)";
      if (rank == 'l')
        return diagnostic << " (expected a list, of one dimension)";
      return diagnostic << " (expected rank " << wanted << ")";
    }
    node.inputs[i] = Expander(node, builder, emit).reshape(node.inputs[i], *shape);
    if (!node.inputs[i])
      return failure();
  }
  return success();
}

} // namespace llmc::onnx_import
