// GraphNodes.cpp - nodes one by one: operands, attributes, inferred types; functions and constant branches inlined.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "frontends/formats/json/Json.h"
#include "frontends/formats/onnx/Operators.h"
#include "frontends/onnx/Expansion.h"
#include "frontends/onnx/InputRanks.h"
#include "frontends/onnx/OperatorTable.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;

namespace llmc::onnx_import {

FailureOr<DictionaryAttr> GraphImporter::settingsOf(const onnx::Node &node, const Call *call, Location loc) const {
  SmallVector<NamedAttribute> list;
  Builder b(builder.getContext());
  for (const onnx::Attribute &given : node.attributes) {
    const onnx::Attribute *attribute = &given;
    // In a function: the caller's attribute, or the function's default.
    for (const Call *at = call; at && attribute && !attribute->reference.empty(); at = at->outer) {
      std::string_view name = attribute->reference;
      attribute = at->node->find(name);
      if (!attribute)
        for (const onnx::Attribute &value : at->function->defaults)
          if (value.name == name)
            attribute = &value;
    }
    if (!attribute)
      continue; // not given: the operator's own default
    StringRef name(given.name.data(), given.name.size());
    Attribute value;
    switch (attribute->kind) {
    case onnx::AttributeKind::Float:
      value = b.getF32FloatAttr(attribute->real);
      break;
    case onnx::AttributeKind::Int:
      value = b.getI64IntegerAttr(isOpen(attribute->integer) ? kFirstExtent - 1 : attribute->integer);
      break;
    case onnx::AttributeKind::String:
      value = b.getStringAttr(json::printable(attribute->text, 4096));
      break;
    case onnx::AttributeKind::Floats:
      value = b.getDenseF32ArrayAttr(attribute->reals);
      break;
    case onnx::AttributeKind::Ints: {
      // None is the number of an extent, but as far beyond every size.
      SmallVector<int64_t> integers(attribute->integers.begin(), attribute->integers.end());
      for (int64_t &integer : integers)
        integer = isOpen(integer) ? kFirstExtent - 1 : integer;
      value = b.getDenseI64ArrayAttr(integers);
      break;
    }
    case onnx::AttributeKind::Strings: {
      SmallVector<Attribute> texts;
      for (std::string_view text : attribute->texts)
        texts.push_back(b.getStringAttr(json::printable(text, 4096)));
      value = b.getArrayAttr(texts);
      break;
    }
    case onnx::AttributeKind::Tensor: {
      FailureOr<DenseElementsAttr> elements = elementsOf(attribute->tensors[0]);
      if (failed(elements))
        return failure();
      value = *elements;
      break;
    }
    case onnx::AttributeKind::Graph:
      continue; // regions
    default:
      emitError(loc) << "attribute '" << name << "' is of the kind " << onnx::attributeKindName(attribute->kind)
                     << ", which is not supported";
      return failure();
    }
    list.push_back({name, value});
  }
  return b.getDictionaryAttr(list);
}

/// What Constant says in one of its ways, as a tensor; null where it says none that is supported.
static DenseElementsAttr constantValue(MLIRContext *context, DictionaryAttr settings) {
  Builder b(context);
  if (auto value = dyn_cast_or_null<DenseElementsAttr>(settings.get("value")))
    return value;
  if (auto value = dyn_cast_or_null<FloatAttr>(settings.get("value_float")))
    return DenseElementsAttr::get(RankedTensorType::get({}, b.getF32Type()),
                                  static_cast<float>(value.getValueAsDouble()));
  if (auto value = dyn_cast_or_null<IntegerAttr>(settings.get("value_int")))
    return DenseElementsAttr::get(RankedTensorType::get({}, b.getI64Type()), value.getInt());
  if (auto values = dyn_cast_or_null<DenseF32ArrayAttr>(settings.get("value_floats")))
    return DenseElementsAttr::get(RankedTensorType::get({values.size()}, b.getF32Type()), values.asArrayRef());
  if (auto values = dyn_cast_or_null<DenseI64ArrayAttr>(settings.get("value_ints")))
    return DenseElementsAttr::get(RankedTensorType::get({values.size()}, b.getI64Type()), values.asArrayRef());
  return {};
}

LogicalResult GraphImporter::nodes(const std::vector<onnx::Node> &list, Scope &scope, int64_t opset, const Call *call) {
  for (const onnx::Node &one : list) {
    if (failed(node(one, scope, opset, call)))
      return failure();
    if (exposed.second && &list == &model.graph.nodes)
      for (std::string_view output : one.outputs)
        if (auto value = scope.find(output); !output.empty() && value != scope.end() && value->second)
          made.push_back({output, value->second});
  }
  return success();
}

FailureOr<Value> GraphImporter::given(const Scope &scope, std::string_view name) const {
  if (Value value = scope.at(name))
    return value;
  error() << "output '" << json::printable(name, 120)
          << "' of a graph is an input of a function that its call leaves out (expected a value)";
  return failure();
}

LogicalResult GraphImporter::inlineCall(const onnx::Node &node, const onnx::Function &function, Scope &scope,
                                        const Call *call) {
  Scope inner;
  for (size_t i = 0; i < function.inputs.size(); ++i) {
    std::string_view name = i < node.inputs.size() ? node.inputs[i] : std::string_view();
    inner[function.inputs[i]] = name.empty() ? Value() : scope.at(name);
  }
  const Call own = {&function, &node, call};
  if (failed(nodes(function.nodes, inner, opsetOf(function.opsets), &own)))
    return failure();
  for (size_t i = 0; i < node.outputs.size() && i < function.outputs.size(); ++i)
    if (!node.outputs[i].empty())
      scope[node.outputs[i]] = inner.at(function.outputs[i]);
  return success();
}

/// A branch whose condition is known.
LogicalResult GraphImporter::inlineBranch(const Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                          const Call *call) {
  std::optional<SmallVector<int64_t>> condition = facts.knownIntegers(0);
  const onnx::Attribute *branch = node.find((*condition)[0] ? "then_branch" : "else_branch");
  if (!branch || branch->graphs.size() != 1)
    return facts.error() << "has no graph for its branch";
  const onnx::Graph &graph = branch->graphs[0];
  if (!graph.inputs.empty())
    return facts.error() << "its branch has " << graph.inputs.size() << " inputs (expected none)";
  Scope inner = scope;
  for (const onnx::Tensor &tensor : graph.initializers) {
    FailureOr<DenseElementsAttr> value = elementsOf(tensor);
    if (failed(value))
      return failure();
    inner[tensor.name] = constant(facts.loc, *value);
  }
  if (failed(nodes(graph.nodes, inner, opset, call)))
    return failure();
  if (node.outputs.size() > graph.outputs.size())
    return facts.error() << "its branch has " << graph.outputs.size() << " outputs (expected " << node.outputs.size()
                         << ")";
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    FailureOr<Value> value = given(inner, graph.outputs[i].name);
    if (failed(value))
      return failure();
    scope[node.outputs[i]] = *value;
  }
  return success();
}

/// An operator that is not written for open sizes meets none.
static LogicalResult checkOpen(const Node &facts) {
  for (unsigned i = 0; i < facts.inputs.size(); ++i) {
    if (facts.takesOpen || !facts.has(i) || !isOpen(facts.shapeOf(i)))
      continue;
    InFlightDiagnostic diagnostic = facts.error() << "input " << i << " is " << facts.extents().text(facts.typeOf(i))
                                                  << ", of a size known only at run time, which this operator is not "
                                                     "compiled for";
    diagnostic.attachNote() << "give the dimension one size: --dim NAME=N";
    return diagnostic;
  }
  return success();
}

LogicalResult GraphImporter::node(const onnx::Node &node, Scope &scope, int64_t opset, const Call *call) {
  // Functions that call functions could make a short file endless.
  if (failed(countNode()))
    return failure();
  if (const onnx::Function *function = findFunction(node))
    return inlineCall(node, *function, scope, call);
  const onnx::Operator *schema = onnx::operatorOf(node, opset);
  Location loc = nodeLocation(node);
  FailureOr<DictionaryAttr> settings = settingsOf(node, call, loc);
  if (failed(settings))
    return failure();
  Node facts(loc, &this->facts);
  facts.type = schema->name;
  facts.since = schema->since;
  facts.settings = *settings;
  facts.numOutputs = node.outputs.size();
  size_t count = node.inputs.size();
  while (count > 0 && (node.inputs[count - 1].empty() || !scope.at(node.inputs[count - 1])))
    --count;
  for (size_t i = 0; i < count; ++i)
    facts.inputs.push_back(node.inputs[i].empty() ? Value() : scope.at(node.inputs[i]));
  std::vector<std::string_view> inputTypes;
  for (auto [i, input] : llvm::enumerate(facts.inputs)) {
    bool mayLack = (facts.type == "Loop" && i < 2) || (facts.type == "Scan" && facts.since < 9 && i == 0);
    if (!input && !mayLack && !onnx::mayLeaveOut(*schema, i))
      return facts.error() << "input " << i << " is left out, which it may not be";
    inputTypes.push_back(input ? elementName(cast<RankedTensorType>(input.getType()).getElementType()) : "");
  }
  if (static_cast<int>(facts.inputs.size()) < schema->minInputs)
    return facts.error() << "input " << facts.inputs.size() << " is left out, which it may not be";
  if (std::optional<std::string> fault = onnx::faultOfTypes(*schema, inputTypes))
    return facts.error() << *fault;
  if (failed(upgrade(facts, opset)))
    return failure();
  bool holdsGraphs = llvm::any_of(node.attributes, [](const onnx::Attribute &a) { return !a.graphs.empty(); });
  llvm::SaveAndRestore variant(inVariant, !holdsGraphs && isVariant(node, facts.inputs));
  if (facts.type == "Constant") {
    DenseElementsAttr value = constantValue(builder.getContext(), *settings);
    if (!value)
      return facts.error() << "holds a value that is not supported (expected a tensor, numbers or a number)";
    scope[node.outputs[0]] = constant(loc, value);
    return success();
  }
  for (std::string_view output : node.outputs) {
    auto known = declared.find(output);
    facts.declared.push_back(known == declared.end() || call ? RankedTensorType() : known->second);
    auto shape = implied.find(output);
    if (!facts.declared.back() && shape != implied.end() && !call && facts.has(0))
      facts.implied = RankedTensorType::get(shape->second, facts.elementOf(0));
    facts.outputNames.push_back(json::printable(output, 60));
  }
  auto emitNode = [&](const Node &part, SmallVectorImpl<Value> &made) { return emit(part, made); };
  if (failed(fitRanks(facts, builder, emitNode)))
    return failure();
  if (facts.type == "If" && facts.knownIntegers(0) && facts.knownIntegers(0)->size() == 1)
    return inlineBranch(facts, node, scope, opset, call);
  if (facts.type == "If")
    return branchNode(facts, node, scope, opset, call);

  if (facts.type == "ai.onnx.preview.FlexAttention")
    return expandFlexAttention(facts, node, scope, opset, call);
  if (facts.type == "com.microsoft.GreedySearch" || facts.type == "com.microsoft.BeamSearch")
    return expandSearch(facts, node, scope, opset, call);
  if (facts.type == "Loop")
    return loopTurns(facts, node, scope, opset, call);
  if (facts.type == "Scan")
    return scanTurns(facts, node, scope, opset, call);
  SmallVector<Value> results;
  // Old exporters join single numbers with lists of them.
  auto rankIs = [&](Value input, int64_t rank) { return cast<RankedTensorType>(input.getType()).getRank() == rank; };
  if (facts.type == "Concat" && llvm::any_of(facts.inputs, [&](Value input) { return rankIs(input, 1); }))
    for (Value &input : facts.inputs)
      if (rankIs(input, 0) && !(input = Expander(facts, builder, emitNode).reshape(input, {1})))
        return failure();
  if (const Expansion *expansion = findExpansion(facts.type)) {
    facts.takesOpen = expansion->open;
    if (failed(checkOpen(facts)))
      return failure();
    Expander expander(facts, builder, emitNode);
    if (failed(expander.run(expansion->function, results)))
      return failure();
  } else if (failed(emit(facts, results))) {
    return failure();
  }
  for (size_t i = 0; i < node.outputs.size(); ++i)
    if (!node.outputs[i].empty())
      scope[node.outputs[i]] = results[i];
  return success();
}

LogicalResult GraphImporter::emit(const Node &node, SmallVectorImpl<Value> &results) {
  Node facts = node;
  const OperatorRow *row = findRow(facts.type, facts.since);
  if (!row)
    return facts.error() << "is not supported";
  facts.takesOpen = row->open;
  if (failed(checkOpen(facts)) || failed(fitRanks(facts, builder, [&](const Node &part, SmallVectorImpl<Value> &made) {
        return emit(part, made);
      })))
    return failure();
  SmallVector<Type> types;
  if (row->infer) {
    if (failed(row->infer(facts, types)))
      return failure();
  } else {
    for (RankedTensorType type : facts.declared)
      types.push_back(type);
  }
  types.resize(std::max<size_t>(types.size(), facts.numOutputs));
  for (size_t i = 0; i < facts.numOutputs; ++i)
    if (!types[i])
      return facts.error() << "the shape of output " << i << " is not known while compiling, which is not supported";
  types.resize(facts.numOutputs);
  for (Type type : types) {
    auto shaped = cast<RankedTensorType>(type);
    if (shaped.getRank() > kMaxRank || !isSane(shaped.getShape()))
      return facts.error() << "an output has more than 2^40 elements, or more than " << kMaxRank << " dimensions";
  }

  Folded folded;
  if (types.size() == 1)
    folded = foldNode(facts, cast<RankedTensorType>(types[0]));
  if (folded.constant) {
    ++numFolded;
    results.push_back(constant(facts.loc, folded.constant));
    return success();
  }
  if (failed(countOp(facts.type)))
    return failure();
  for (Type &type : types)
    type = this->facts.extents.toIR(cast<RankedTensorType>(type));
  OperationState state(facts.loc, ("onnx." + facts.type).str());
  state.addAttribute("since", builder.getI64IntegerAttr(facts.since));
  state.addAttribute("settings", facts.settings);
  for (Value input : facts.inputs)
    state.operands.push_back(input ? input : onnx_ir::createAbsent(builder, facts.loc));
  state.addTypes(types);
  Operation *op = builder.create(state);
  if (!folded.integers.empty())
    this->facts.contents[op->getResult(0)] = folded.integers;
  llvm::append_range(results, op->getResults());
  return success();
}

} // namespace llmc::onnx_import
