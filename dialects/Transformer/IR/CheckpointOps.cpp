// CheckpointOps.cpp - rules of the module-level ops.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc::transformer;

/// An error on the second op of this kind in the module, with a note on the first.
template <typename OpTy> static LogicalResult verifyOnly(OpTy op) {
  OpTy first = lookupOnly<OpTy>(cast<ModuleOp>(op->getParentOp()));
  if (first == op)
    return success();
  InFlightDiagnostic diagnostic = op.emitOpError("is the second in its module, expected at most one");
  diagnostic.attachNote(first.getLoc()) << "the first is here";
  return diagnostic;
}

LogicalResult CheckpointOp::verify() {
  if (getDirectory().empty())
    return emitOpError("directory is empty, expected a path"); // (C1)
  if (getStatistics() && getStatistics()->empty())
    return emitOpError("the name of the statistics file is empty, expected a path"); // (C1)
  return verifyOnly(*this);                                                          // (C2)
}

LogicalResult TensorOp::verify() {
  if (getKey().empty() || getFile().empty())
    return emitOpError("key or file is empty, expected both"); // (C1)
  if (!isa<RankedTensorType>(getType()) || !getTensorType().hasStaticShape())
    return emitOpError() << "type is " << getType() << ", expected a tensor of static shape"; // (C2)
  return success();
}

LogicalResult TextOp::verify() {
  for (auto [name, value] : {std::pair("vocab_size", getVocabSize()), {"context_length", getContextLength()}})
    if (static_cast<int64_t>(value) < 1)
      return emitOpError() << "'" << name << "' is " << static_cast<int64_t>(value) << ", expected at least 1"; // (C1)
  int64_t vocabSize = getVocabSize();
  auto verifyToken = [&](StringRef name, int64_t id) -> LogicalResult {
    if (id >= 0 && id < vocabSize)
      return success();
    return emitOpError() << "'" << name << "' token is " << id << ", expected 0 to " << vocabSize - 1; // (C2)
  };
  if (getBos() && failed(verifyToken("bos", *getBos())))
    return failure();
  if (getPad() && failed(verifyToken("pad", *getPad())))
    return failure();
  for (int64_t id : getEos())
    if (failed(verifyToken("eos", id)))
      return failure();
  if (getAddBos() && !getBos())
    return emitOpError("has 'add_bos' without 'bos', expected the token to add"); // (C3)
  auto verifyRange = [&](StringRef name, std::optional<APFloat> value, double low, bool openLow, double high,
                         StringRef expected) -> LogicalResult {
    if (!value)
      return success();
    double number = value->convertToDouble();
    if (number <= high && (openLow ? number > low : number >= low) && value->isFinite())
      return success();
    return emitOpError() << "'" << name << "' is " << number << ", expected " << expected; // (C4)
  };
  if (failed(verifyRange("temperature", getTemperature(), 0, false, 1000, "a number in [0, 1000]")) ||
      failed(verifyRange("top_p", getTopP(), 0, true, 1, "a number in (0, 1]")) ||
      failed(verifyRange("min_p", getMinP(), 0, false, 1, "a number in [0, 1]")) ||
      failed(verifyRange("repetition_penalty", getRepetitionPenalty(), 1e-3, false, 1000, "a number in [0.001, 1000]")))
    return failure();
  if (getTopK() && static_cast<int64_t>(*getTopK()) < 0)
    return emitOpError() << "'top_k' is " << static_cast<int64_t>(*getTopK()) << ", expected at least 0"; // (C4)
  return verifyOnly(*this);                                                                               // (C5)
}
