// ImportControl.cpp - nodes with graphs inside whose conditions come at run time: If and Loop as ops with regions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "frontends/formats/json/Json.h"

using namespace mlir;

namespace llmc::onnx_import {

LogicalResult GraphImporter::body(ArrayRef<Type> inputs, Region &region, WriteBody write,
                                  SmallVectorImpl<Value> &outputs) {
  OpBuilder::InsertionGuard guard(builder);
  Location loc = FileLineColLoc::get(builder.getContext(), file, 0, 0);
  Block &block = region.emplaceBlock();
  builder.setInsertionPointToStart(&block);
  for (Type type : inputs)
    block.addArgument(type, loc);
  if (failed(write(block.getArguments(), outputs)))
    return failure();
  OperationState yield(loc, "onnx.yield");
  yield.addOperands(outputs);
  builder.create(yield);
  return success();
}

LogicalResult GraphImporter::writeGraph(const onnx::Graph &graph, const Scope &around, ValueRange inputs, int64_t opset,
                                        const Call *call, SmallVectorImpl<Value> &outputs) {
  Scope inner = around;
  Location loc = FileLineColLoc::get(builder.getContext(), file, 0, 0);
  if (failed(openBody(graph, loc, inner)))
    return failure();
  return turn(graph, inner, inputs, opset, call, outputs);
}

/// An op for a node with regions, its results in the scope.
static Operation *createNode(OpBuilder &builder, const Node &facts, OperationState &state, ArrayRef<Type> types) {
  state.addAttribute("since", builder.getI64IntegerAttr(facts.since));
  state.addAttribute("settings", facts.settings);
  for (Value input : facts.inputs)
    state.operands.push_back(input ? input : onnx_ir::createAbsent(builder, facts.loc));
  for (Type type : types)
    state.types.push_back(facts.extents().toIR(cast<RankedTensorType>(type)));
  return builder.create(state);
}

static std::string nameOfNode(const Node &facts) { return "onnx." + facts.type.str(); }

LogicalResult GraphImporter::branchNode(Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                        const Call *call) {
  Extents &e = facts.extents();
  if (e.product(facts.shapeOf(0)) != 1)
    return facts.error() << "the condition is " << e.text(facts.typeOf(0)) << " (expected one element)";
  OperationState state(facts.loc, nameOfNode(facts));
  SmallVector<Value> made[2];
  // Regions stand in the order of the attributes' names.
  for (int i = 0; i < 2; ++i) {
    const onnx::Attribute *branch = node.find(i ? "then_branch" : "else_branch");
    if (!branch || branch->graphs.size() != 1)
      return facts.error() << "has no graph for its branch";
    if (size_t inputs = branch->graphs[0].inputs.size())
      return facts.error() << "its branch has " << inputs << " inputs (expected none)";
    auto write = [&](ValueRange, SmallVectorImpl<Value> &outputs) {
      return writeGraph(branch->graphs[0], scope, {}, opset, call, outputs);
    };
    if (failed(body({}, *state.addRegion(), write, made[i])))
      return failure();
  }
  if (made[0].size() != node.outputs.size() || made[1].size() != node.outputs.size())
    return facts.error() << "its branches have " << made[1].size() << " and " << made[0].size() << " outputs (expected "
                         << node.outputs.size() << ")";
  SmallVector<Type> types;
  for (auto [i, pair] : llvm::enumerate(llvm::zip(made[1], made[0]))) {
    RankedTensorType yes = e.fromIR(cast<RankedTensorType>(std::get<0>(pair).getType())),
                     no = e.fromIR(cast<RankedTensorType>(std::get<1>(pair).getType()));
    // A number here and a list of it there is a list: what reads it spreads either.
    if (yes.getRank() != no.getRank() && yes.getRank() + no.getRank() == 1 && e.product(yes.getShape()) == 1 &&
        e.product(no.getShape()) == 1) {
      OpBuilder::InsertionGuard guard(builder);
      // Regions: else, then.
      Operation *yield = state.regions[yes.getRank() == 0]->front().getTerminator();
      builder.setInsertionPoint(yield);
      FailureOr<Value> list =
          emitOne(facts.loc, "Unsqueeze", kInnerOpset, {yield->getOperand(i), integers(facts.loc, {0})}, {});
      if (failed(list))
        return failure();
      yield->setOperand(i, *list);
      (yes.getRank() == 0 ? yes : no) = e.fromIR(cast<RankedTensorType>((*list).getType()));
    }
    if (yes.getRank() != no.getRank() || yes.getElementType() != no.getElementType())
      return facts.error() << "output " << i << " is " << e.text(yes) << " in one branch and " << e.text(no)
                           << " in the other (expected one type and rank)";
    SmallVector<int64_t> shape(yes.getShape());
    for (int64_t d = 0; d < yes.getRank(); ++d)
      if (no.getShape()[d] != shape[d])
        shape[d] = facts.computedSize(i, d, std::min(e.minimum(shape[d]), e.minimum(no.getShape()[d])),
                                      std::max(e.maximum(shape[d]), e.maximum(no.getShape()[d])));
    types.push_back(RankedTensorType::get(shape, yes.getElementType()));
  }
  Operation *op = createNode(builder, facts, state, types);
  for (size_t i = 0; i < node.outputs.size(); ++i)
    scope[node.outputs[i]] = op->getResult(i);
  return success();
}

namespace {

/// Sizes of what turns hand on that the turns change. They are known only while running; those that begin alike and
/// change alike are one size, so that what is made of them fits together.
class TurningSizes {
public:
  using Place = std::pair<size_t, int64_t>; ///< what is handed on, its dimension

  /// Takes into account what a turn makes of sizes; whether that changes which are one. Numbers of sizes are compared
  /// within one import of the body alone.
  bool refine(ArrayRef<RankedTensorType> first, ArrayRef<RankedTensorType> made) {
    std::map<std::tuple<int64_t, int64_t, int64_t>, int64_t> numbers;
    std::map<Place, int64_t> next;
    for (size_t i = 0; i < first.size(); ++i)
      for (int64_t d = 0; d < first[i].getRank(); ++d) {
        auto own = classes.find({i, d});
        int64_t old = own == classes.end() ? 0 : own->second;
        int64_t begin = first[i].getDimSize(d), end = made[i].getDimSize(d);
        if (old != 0 || begin != end)
          next[{i, d}] = numbers.try_emplace({old, old ? 0 : begin, end}, numbers.size() + 1).first->second;
      }
    bool changed = next.size() != classes.size() || numbers.size() != count;
    classes = std::move(next);
    count = numbers.size();
    return changed;
  }

  /// Sizes that are not the same at a turn's begin and end.
  bool changes(Place place) const { return classes.count(place) != 0; }

  /// The types at a turn's begin; `open` makes the size of a class.
  SmallVector<RankedTensorType> types(ArrayRef<RankedTensorType> first, llvm::function_ref<int64_t(Place)> open) const {
    SmallVector<RankedTensorType> result(first);
    std::map<int64_t, int64_t> sizes;
    for (const auto &[place, number] : classes) {
      if (!sizes.count(number))
        sizes[number] = open(place);
      RankedTensorType &type = result[place.first];
      SmallVector<int64_t> shape(type.getShape());
      shape[place.second] = sizes[number];
      type = RankedTensorType::get(shape, type.getElementType());
    }
    return result;
  }

private:
  std::map<Place, int64_t> classes; ///< from 1 on
  size_t count = 0;
};

} // namespace

LogicalResult GraphImporter::loopNode(Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                      const Call *call) {
  const onnx::Attribute *attribute = node.find("body");
  if (!attribute || attribute->graphs.size() != 1)
    return facts.error() << "has no graph for its body";
  const onnx::Graph &graph = attribute->graphs[0];
  size_t carried = std::max<size_t>(facts.inputs.size(), 2) - 2;
  if (graph.inputs.size() != carried + 2 || graph.outputs.size() != node.outputs.size() + 1 ||
      node.outputs.size() < carried)
    return facts.error() << "its body has " << graph.inputs.size() << " inputs and " << graph.outputs.size()
                         << " outputs (expected " << carried + 2 << " and " << node.outputs.size() + 1 << ")";
  SmallVector<Value> results;
  auto write = [&](ValueRange arguments, SmallVectorImpl<Value> &outputs) {
    SmallVector<Value> shaped(arguments);
    if (failed(shapeNumbers(graph, facts.loc, shaped)))
      return failure();
    return writeGraph(graph, scope, shaped, opset, call, outputs);
  };
  std::optional<int64_t> turns;
  if (std::optional<SmallVector<int64_t>> count = facts.has(0) ? facts.knownIntegers(0) : std::nullopt;
      count && count->size() == 1 && alwaysGoesOn(facts, graph))
    turns = std::max<int64_t>(0, count->front());
  if (failed(loop(facts, write, -1, turns, results)))
    return failure();
  for (size_t i = 0; i < node.outputs.size(); ++i)
    if (!node.outputs[i].empty())
      scope[node.outputs[i]] = results[i];
  return success();
}

/// Turns of which all sizes are followed: more of them would not fit what sizes are counted in.
static constexpr int64_t kMostFollowedTurns = 1 << 24;

LogicalResult GraphImporter::loop(Node &facts, WriteBody write, int64_t largest, std::optional<int64_t> turns,
                                  SmallVectorImpl<Value> &results) {
  Extents &e = facts.extents();
  facts.takesOpen = true;
  size_t carried = std::max<size_t>(facts.inputs.size(), 2) - 2;
  for (unsigned i = 0; i < 2; ++i)
    if (facts.has(i) && e.product(facts.shapeOf(i)) != 1)
      return facts.error() << "input " << i << " is " << e.text(facts.typeOf(i)) << " (expected one element)";
  SmallVector<RankedTensorType> first;
  for (size_t i = 0; i < carried; ++i) {
    if (!facts.has(2 + i))
      return facts.error() << "input " << 2 + i << " is left out, which it may not be";
    first.push_back(facts.typeOf(2 + i));
  }

  // By how much a turn changes a size, where that is a number: with the number of turns it says how far the size comes.
  std::map<TurningSizes::Place, std::optional<int64_t>> growths;
  bool follows = turns && e.maximum(*turns) <= kMostFollowedTurns;
  auto growthOf = [&](TurningSizes::Place place) {
    auto found = growths.find(place);
    return follows && found != growths.end() ? found->second : std::nullopt;
  };
  auto open = [&](TurningSizes::Place place) {
    std::optional<int64_t> growth = growthOf(place);
    if (!growth)
      return facts.computedSize(place.first, place.second, 0, largest);
    int64_t begin = first[place.first].getDimSize(place.second), whole = e.maximum(*turns) * *growth;
    return facts.computedSize(place.first, place.second,
                              std::max<int64_t>(0, e.minimum(begin) + std::min<int64_t>(0, whole)),
                              std::max<int64_t>(0, e.maximum(begin) + std::max<int64_t>(0, whole)));
  };

  // The body is imported until the sizes are found that stay as they are; what is said on the way is said once.
  std::optional<OperationState> state;
  SmallVector<Value> made;
  SmallVector<RankedTensorType> types;
  TurningSizes turning;
  size_t known = e.symbols().size();
  const GraphFacts before = this->facts;
  const Counts countsBefore = counts();
  for (bool changed = true; changed;) {
    this->facts = before;
    goBackTo(countsBefore);
    state.emplace(facts.loc, nameOfNode(facts));
    made.clear();
    std::vector<mlir::Diagnostic> said;
    LogicalResult done = success();
    {
      ScopedDiagnosticHandler hold(builder.getContext(), [&](mlir::Diagnostic &diagnostic) {
        said.push_back(std::move(diagnostic));
        return success();
      });
      types = turning.types(first, open);
      SmallVector<Type> inputs = {RankedTensorType::get({}, builder.getI64Type()),
                                  RankedTensorType::get({}, builder.getI1Type())};
      for (RankedTensorType type : types)
        inputs.push_back(e.toIR(type));
      done = body(inputs, *state->addRegion(), write, made);
    }
    SmallVector<RankedTensorType> after;
    for (size_t i = 0; succeeded(done) && i < carried; ++i) {
      after.push_back(e.fromIR(cast<RankedTensorType>(made[1 + i].getType())));
      if (after[i].getRank() == types[i].getRank() && after[i].getElementType() == types[i].getElementType())
        continue;
      done = facts.error() << "what turns hand on in place " << i << " is " << e.text(types[i]) << " first and "
                           << e.text(after[i]) << " after a turn (expected one type and rank)";
    }
    changed = succeeded(done) && turning.refine(first, after);
    for (size_t i = 0; succeeded(done) && follows && i < carried; ++i)
      for (int64_t d = 0; d < first[i].getRank(); ++d) {
        if (!turning.changes({i, d}))
          continue;
        int64_t growth = e.sub(after[i].getDimSize(d), types[i].getDimSize(d));
        std::optional<int64_t> now =
            isOpen(growth) || std::abs(growth) > kMostFollowedTurns ? std::nullopt : std::optional<int64_t>(growth);
        auto [known, isNew] = growths.try_emplace({i, d}, now);
        // Bounds were made of what does not hold: again, without them.
        if (!isNew && known->second && known->second != now) {
          known->second = std::nullopt;
          changed = true;
        }
      }
    for (mlir::Diagnostic &diagnostic : said)
      if (!changed)
        builder.getContext()->getDiagEngine().emit(std::move(diagnostic));
    if (failed(done))
      return failure();
  }
  RankedTensorType goesOn = e.fromIR(cast<RankedTensorType>(made[0].getType()));
  if (e.product(goesOn.getShape()) != 1 || !goesOn.getElementType().isInteger(1))
    return facts.error() << "its body's condition is " << e.text(goesOn) << " (expected one bool)";
  std::optional<SmallVector<int64_t>> limit = facts.has(0) ? facts.knownIntegers(0) : std::nullopt;
  int64_t most = limit && limit->size() == 1 ? std::max<int64_t>(0, e.maximum((*limit)[0])) : -1;
  // Only a loop that adds rows has a bound that matters to memory.
  int64_t rows = 0;
  if (facts.numOutputs > carried)
    rows = turns ? *turns : facts.computedSize(carried, 0, 0, std::min<int64_t>(most, kMostFollowedTurns));
  for (size_t i = 1 + carried; i < made.size(); ++i) {
    RankedTensorType row = e.fromIR(cast<RankedTensorType>(made[i].getType()));
    SmallVector<int64_t> shape = {rows};
    for (int64_t size : row.getShape()) {
      for (size_t s = known; s < e.symbols().size(); ++s)
        if (e.symbols()[s].kind == Extents::Kind::Value && e.expression(size).isFunctionOfSymbol(s))
          return facts.error() << "output " << i - 1 << " is made of rows of " << e.text(row)
                               << ", whose sizes a turn computes, which is not supported";
      shape.push_back(size);
    }
    if (shape.size() > kMaxRank)
      return facts.error() << "output " << i - 1 << " has rank " << shape.size() << " (expected at most " << kMaxRank
                           << ")";
    types.push_back(RankedTensorType::get(shape, row.getElementType()));
  }
  SmallVector<Type> given(types.begin(), types.end());
  // After so many turns sizes that a turn changes by a number are known.
  for (size_t i = 0; turns && !isOpen(*turns) && i < carried; ++i) {
    SmallVector<int64_t> shape(types[i].getShape());
    for (int64_t d = 0; d < types[i].getRank(); ++d)
      if (std::optional<int64_t> growth = turning.changes({i, d}) ? growthOf({i, d}) : std::nullopt)
        if (int64_t begin = first[i].getDimSize(d); !isOpen(begin))
          shape[d] = begin + *turns * *growth;
    if (llvm::none_of(shape, [](int64_t size) { return isOpen(size) || size < 0; }))
      given[i] = RankedTensorType::get(shape, types[i].getElementType());
  }
  Operation *op = createNode(builder, facts, *state, given);
  results.append(op->result_begin(), op->result_end());
  return success();
}

} // namespace llmc::onnx_import
