// LinearState.cpp - the rule that a state is consumed once, and checks that several ops share.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc::transformer;

LogicalResult llmc::transformer::verifyExtent(Operation *op, const Twine &what, int64_t found, int64_t expected) {
  if (found == expected)
    return success();
  return op->emitOpError() << what << " is " << found << ", expected " << expected;
}

LogicalResult llmc::transformer::verifySameRows(Operation *op, StringRef what, Value first,
                                                ArrayRef<std::pair<StringRef, Value>> others) {
  int64_t rows = tensorType(first).getDimSize(0);
  for (auto [name, value] : others) {
    if (!value)
      continue;
    int64_t found = tensorType(value).getDimSize(0);
    if (!ShapedType::isDynamic(rows) && !ShapedType::isDynamic(found) && found != rows)
      return op->emitOpError() << "number of " << name << " is " << found << ", expected " << rows << " as in " << what;
  }
  return success();
}

LogicalResult llmc::transformer::verifyShape(Operation *op, StringRef what, Value value, ArrayRef<int64_t> expected) {
  if (!value || tensorType(value).getShape() == expected)
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError() << what << " has shape [";
  llvm::interleaveComma(tensorType(value).getShape(), diagnostic);
  diagnostic << "], expected [";
  llvm::interleaveComma(expected, diagnostic);
  return diagnostic << "]";
}

LogicalResult llmc::transformer::verifyStaticColumns(Operation *op, StringRef what, Value value) {
  if (!tensorType(value).isDynamicDim(1))
    return success();
  return op->emitOpError() << what << " has a dynamic number of columns, expected a static one";
}

LogicalResult llmc::transformer::verifyFinite(Operation *op, StringRef what, const APFloat &value, bool positive) {
  if (value.isFinite() && (!positive || (!value.isZero() && !value.isNegative())))
    return success();
  SmallString<16> text;
  value.toString(text);
  return op->emitOpError() << what << " is " << text.str() << ", expected a finite number"
                           << (positive ? " greater than 0" : "");
}

LogicalResult llmc::transformer::verifyLinear(Value state) {
  // An op nested in a region of the block (a layers body) counts where its ancestor stands.
  Block *home = state.getParentBlock();
  SmallVector<std::pair<Operation *, Operation *>> consumers; // with their ancestors at home
  for (Operation *user : state.getUsers())
    if (!user->hasTrait<StateReader>())
      consumers.push_back({home->findAncestorOpInBlock(*user), user});
  if (consumers.empty())
    return success();
  llvm::sort(consumers,
             [](const auto &a, const auto &b) { return a.first != b.first && a.first->isBeforeInBlock(b.first); });
  auto [consumerAtHome, consumer] = consumers.front();
  if (consumers.size() > 1) {
    InFlightDiagnostic diagnostic = consumers[1].second->emitOpError("consumes a state that is consumed already");
    diagnostic.attachNote(consumer->getLoc()) << "another consumer is here";
    return diagnostic;
  }
  if (consumerAtHome != consumer)
    return consumer->emitOpError("consumes a state of an enclosing region; hand it in as an iteration value");
  for (Operation *user : state.getUsers()) {
    Operation *reader = home->findAncestorOpInBlock(*user);
    if (reader == consumerAtHome || !consumerAtHome->isBeforeInBlock(reader))
      continue;
    InFlightDiagnostic diagnostic = user->emitOpError("reads a state after it was consumed");
    diagnostic.attachNote(consumer->getLoc()) << "it is consumed here";
    return diagnostic;
  }
  return success();
}
