// OldVersions.cpp - nodes of opsets before 7, in the version that holds since then.
//
// Up to version 6 arithmetic broadcast one way and said along which axis; what else a version means otherwise is
// refused.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "frontends/onnx/Expansion.h"
#include "frontends/onnx/OperatorTable.h"
#include "frontends/onnx/Versions.h"

using namespace mlir;

namespace llmc::onnx_import {

/// The first opset whose versions this frontend is written for.
static constexpr int64_t kFirstModern = 7;

static bool broadcasts(StringRef type) {
  return llvm::is_contained({"Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"}, type);
}

/// Operators of any number of tensors, which had to be of one shape: what broadcasting does with them is the same.
static bool folds(StringRef type) { return llvm::is_contained({"Max", "Mean", "Min", "Sum"}, type); }

int64_t modernVersion(const onnx::Operator &row, int64_t opset) {
  if (opset >= kFirstModern)
    return row.since;
  const onnx::Operator *modern = onnx::findOperator(row.name, kFirstModern);
  if (!modern)
    return -1;
  // `upgrade` knows these.
  bool known = broadcasts(row.name) || folds(row.name) ||
               llvm::is_contained({"BatchNormalization", "Dropout", "Gemm", "PRelu"}, row.name);
  return modern->since == row.since || known ? modern->since : -1;
}

bool isCompiled(const onnx::Operator &row, int64_t opset) {
  int64_t version = modernVersion(row, opset);
  return version >= 0 && (llvm::is_contained({"Constant", "If", "Loop", "Scan", "ai.onnx.preview.FlexAttention",
                                              "com.microsoft.BeamSearch", "com.microsoft.GreedySearch"},
                                             row.name) ||
                          findExpansion(row.name) || findRow(row.name, version));
}

LogicalResult GraphImporter::upgrade(Node &facts, int64_t opset) {
  if (opset >= kFirstModern)
    return success();
  const onnx::Operator *modern = onnx::findOperator({facts.type.data(), facts.type.size()}, kFirstModern);
  if (!modern || modern->since == facts.since)
    return success();
  if ((facts.type == "BatchNormalization" || facts.type == "Dropout") && !facts.integer("is_test", 0))
    return facts.error() << "unsupported attribute 'is_test' = 0 (expected 1: only inference is compiled)";
  bool spreads = facts.integer("broadcast", 0), hasAxis = facts.hasAttribute("axis");
  // The second operand's dimensions stand from the axis on; behind them come ones.
  int64_t behind = 0;
  if (broadcasts(facts.type)) {
    int64_t rank = facts.rankOf(0), own = facts.rankOf(1);
    if (!spreads && facts.shapeOf(0) != facts.shapeOf(1))
      return facts.error() << "has operands " << facts.typeOf(0) << " and " << facts.typeOf(1)
                           << " and does not broadcast (expected one shape)";
    FailureOr<int64_t> axis = static_cast<int64_t>(0);
    if (hasAxis && failed(axis = facts.axis(facts.integer("axis", 0), std::max<int64_t>(rank, 1))))
      return failure();
    if (spreads && hasAxis && own > 0)
      behind = rank - own - *axis;
    if (behind < 0)
      return facts.error() << "attribute 'axis' = " << *axis << " leaves no room for " << facts.typeOf(1) << " in "
                           << facts.typeOf(0);
  } else if (facts.type == "PRelu" && facts.typeOf(1).getNumElements() > 1 && facts.rankOf(1) == 1) {
    behind = std::max<int64_t>(0, facts.rankOf(0) - 2);
  }
  if (behind > 0) {
    SmallVector<int64_t> axes;
    for (int64_t i = 0; i < behind; ++i)
      axes.push_back(facts.rankOf(1) + i);
    FailureOr<Value> wide =
        emitOne(facts.loc, "Unsqueeze", kInnerOpset, {facts.inputs[1], integers(facts.loc, axes)}, {});
    if (failed(wide))
      return failure();
    facts.inputs[1] = *wide;
  }
  SmallVector<NamedAttribute> kept;
  for (NamedAttribute attribute : facts.settings)
    if (!llvm::is_contained({"axis", "broadcast", "consumed_inputs", "is_test"}, attribute.getName().getValue()))
      kept.push_back(attribute);
  facts.settings = builder.getDictionaryAttr(kept);
  facts.since = modern->since;
  return success();
}

} // namespace llmc::onnx_import
