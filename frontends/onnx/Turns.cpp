// Turns.cpp - whether a body is written once a turn or once for all turns, and how much of one file may become of it.
//
// A turn of its own folds what follows from its number, and its sizes are known; but each costs as much as if the file
// held it. So a body is written out as long as that is little, and is that of a loop at run time where it can be.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace llmc::onnx_import {

/// Turns of a loop of a known number: days of them.
constexpr int64_t kMostTurns = int64_t(1) << 32;
/// What one body may become before a loop at run time is tried: nodes, and ops of nodes that compute with other sizes
/// or numbers than before. A launch that is like another takes a millisecond to compile, one that is not takes up to
/// fifty.
constexpr uint64_t kUnrolledNodes = 512, kUnrolledOps = 64;

LogicalResult GraphImporter::countNode() {
  if (++numTried <= mostTried && ++numNodes <= mostNodes)
    return success();
  isOver = true;
  return error() << "has more than " << mostNodes << " nodes when its functions are inlined and loops unrolled";
}

bool GraphImporter::isVariant(const onnx::Node &node, ValueRange inputs) {
  llvm::hash_code code = llvm::hash_value(inputs.size());
  for (Value input : inputs) {
    DenseElementsAttr constant = input ? constantOf(input) : DenseElementsAttr();
    code = llvm::hash_combine(code, input ? input.getType().getAsOpaquePointer() : nullptr,
                              constant ? constant.getAsOpaquePointer() : nullptr);
  }
  // A node on its own stands for its first time.
  bool isFirst = variants.insert({&node, 0}).second;
  if (isFirst)
    newVariants.push_back({&node, 0});
  std::pair<const void *, uint64_t> variant = {&node, static_cast<uint64_t>(size_t(code))};
  if (!variants.insert(variant).second)
    return false;
  newVariants.push_back(variant);
  return !isFirst;
}

/// What compiling an operator takes, beside one that becomes a launch or two.
static uint64_t weightOf(StringRef type) {
  return llvm::StringSwitch<uint64_t>(type)
      .Cases({"LSTM", "GRU", "RNN", "LinearAttention"}, 16)
      .Cases({"Attention", "DeformConv", "DFT", "STFT", "GridSample"}, 4)
      .Default(1);
}

LogicalResult GraphImporter::countOp(StringRef type) {
  if (!inVariant || (numVariantOps += weightOf(type)) <= mostVariantOps)
    return success();
  isOver = true;
  InFlightDiagnostic diagnostic = error() << "comes to more than " << mostVariantOps
                                          << " operations that differ in their sizes or numbers when its functions are "
                                             "inlined and loops unrolled, from "
                                          << numWritten << " nodes";
  diagnostic.attachNote() << "a loop whose turns compute with the same sizes is compiled once, whatever the number of "
                             "its turns";
  return diagnostic;
}

void GraphImporter::goBackTo(Counts before) {
  numNodes = before.nodes;
  numVariantOps = before.variantOps;
  for (; newVariants.size() > before.variants; newVariants.pop_back())
    variants.erase(newVariants.back());
}

LogicalResult GraphImporter::attempt(Import import, SmallVectorImpl<Value> &results,
                                     std::vector<mlir::Diagnostic> &said) {
  Block *block = builder.getInsertionBlock();
  Block::iterator at = builder.getInsertionPoint();
  Operation *last = at == block->begin() ? nullptr : &*std::prev(at);
  GraphFacts before = facts;
  Counts countsBefore = counts();
  LogicalResult done = success();
  {
    ScopedDiagnosticHandler hold(builder.getContext(), [&](mlir::Diagnostic &diagnostic) {
      said.push_back(std::move(diagnostic));
      return success();
    });
    done = import(results);
  }
  if (succeeded(done)) {
    for (mlir::Diagnostic &diagnostic : said)
      builder.getContext()->getDiagEngine().emit(std::move(diagnostic));
    return success();
  }
  builder.setInsertionPoint(block, at);
  while (at != (last ? std::next(last->getIterator()) : block->begin())) {
    Operation &made = *std::prev(at);
    made.dropAllDefinedValueUses();
    made.erase();
  }
  facts = std::move(before);
  goBackTo(countsBefore);
  results.clear();
  return failure();
}

LogicalResult GraphImporter::unrollOrLoop(const void *body, Import unroll, Import loop,
                                          SmallVectorImpl<Value> &results) {
  std::vector<mlir::Diagnostic> said, saidOfLoop;
  // A body in a body comes here once a turn of that.
  if (longBodies.count(body) && succeeded(attempt(loop, results, said)))
    return success();
  said.clear();
  uint64_t allNodes = mostNodes, allOps = mostVariantOps;
  mostNodes = std::min(mostNodes, numNodes + kUnrolledNodes);
  mostVariantOps = std::min(mostVariantOps, numVariantOps + kUnrolledOps);
  isOver = false;
  LogicalResult done = attempt(unroll, results, said);
  mostNodes = allNodes;
  mostVariantOps = allOps;
  if (succeeded(done))
    return success();
  // By its own limit, or by that of a body around it.
  if (isOver) {
    isOver = false;
    if (succeeded(attempt(loop, results, saidOfLoop))) {
      longBodies.insert(body);
      return success();
    }
    said.clear();
    if (succeeded(attempt(unroll, results, said)))
      return success();
    if (!said.empty() && !saidOfLoop.empty()) {
      InFlightDiagnostic diagnostic = emitError(said.back().getLocation()) << said.back().str();
      diagnostic.attachNote() << "one loop at run time, whatever the number of its turns, cannot do it: "
                              << saidOfLoop.back().str();
      return diagnostic;
    }
  }
  for (mlir::Diagnostic &diagnostic : said)
    builder.getContext()->getDiagEngine().emit(std::move(diagnostic));
  return failure();
}

/// Whether all that decides a Loop's turns is known: how many, and that its body hands its condition on or sets it.
static bool unrolls(const Node &facts, const onnx::Node &node) {
  const onnx::Attribute *body = node.find("body");
  if (!body || body->graphs.size() != 1 || body->graphs[0].outputs.empty())
    return true; // says what is missing
  if ((facts.has(0) && !facts.knownIntegers(0)) || (facts.has(1) && !facts.knownIntegers(1)))
    return false;
  std::string_view condition = body->graphs[0].outputs[0].name;
  for (const onnx::Node &inner : body->graphs[0].nodes)
    for (std::string_view output : inner.outputs)
      if (output == condition)
        return facts.has(0) && (inner.op == "Constant" || inner.op == "Identity");
  return facts.has(0);
}

bool GraphImporter::alwaysGoesOn(const Node &facts, const onnx::Graph &body) {
  if (facts.has(1)) {
    DenseElementsAttr condition = constantOf(facts.inputs[1]);
    if (!condition || condition.getNumElements() != 1 || !condition.getElementType().isInteger(1) ||
        !*condition.getValues<bool>().begin())
      return false;
  }
  if (body.inputs.size() < 2 || body.outputs.empty())
    return false;
  std::string_view condition = body.outputs[0].name;
  for (const onnx::Node &inner : body.nodes)
    if (!inner.outputs.empty() && inner.outputs[0] == condition)
      return inner.op == "Identity" && inner.inputs.size() == 1 && inner.inputs[0] == body.inputs[1].name;
  return condition == body.inputs[1].name;
}

LogicalResult GraphImporter::loopTurns(Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                       const Call *call) {
  auto import = [&](bool isUnrolled, SmallVectorImpl<Value> &made) {
    Scope inner = scope;
    Node own = facts;
    if (failed(isUnrolled ? unrollLoop(own, node, inner, opset, call) : loopNode(own, node, inner, opset, call)))
      return failure();
    for (std::string_view output : node.outputs)
      made.push_back(output.empty() ? Value() : inner.at(output));
    return success();
  };
  auto unroll = [&](SmallVectorImpl<Value> &made) { return import(true, made); };
  auto loop = [&](SmallVectorImpl<Value> &made) { return import(false, made); };
  // One that would not end in a lifetime is refused by the number of its nodes.
  auto shortLoop = [&](SmallVectorImpl<Value> &made) {
    std::optional<SmallVector<int64_t>> turns = facts.has(0) ? facts.knownIntegers(0) : std::nullopt;
    return success(turns && turns->size() == 1 && turns->front() <= kMostTurns && succeeded(loop(made)));
  };
  SmallVector<Value> results;
  if (failed(unrolls(facts, node) ? unrollOrLoop(&node, unroll, shortLoop, results) : loop(results)))
    return failure();
  for (auto [output, value] : llvm::zip(node.outputs, results))
    if (!output.empty())
      scope[output] = value;
  return success();
}

} // namespace llmc::onnx_import
