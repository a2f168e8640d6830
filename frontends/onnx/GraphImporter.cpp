// GraphImporter.cpp - nodes one by one: operands, attributes, inferred types; functions and constant branches inlined.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/formats/json/Json.h"
#include "frontends/formats/onnx/Operators.h"
#include "frontends/onnx/Expansion.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/OperatorTable.h"
#include "frontends/onnx/Versions.h"
#include "llmc/artifact_format.h"

using namespace mlir;

namespace llmc::onnx_import {

/// Initializers up to this size are constants in the IR; larger ones stay in the file.
static constexpr uint64_t kSmallBytes = 1024;

Type elementTypeOf(MLIRContext *context, onnx::ElementType type) {
  return elementFromNumber(context, static_cast<int64_t>(type));
}

/// ONNX's name of an element type of the IR.
static const char *nameOfElement(Type element) {
  for (uint32_t number = 1; number <= onnx::kLastElementType; ++number)
    if (elementFromNumber(element.getContext(), number) == element)
      return onnx::elementTypeName(onnx::ElementType(number));
  return "?";
}

/// Whether a shape is one that memory can have: no dimension and no product of them above 2^40.
bool GraphImporter::isSane(ArrayRef<int64_t> shape) const {
  int64_t elements = 1;
  for (int64_t number : shape) {
    auto [least, size] = facts.extents.bounds(number);
    if (least < 0 || size > kLargestExtent)
      return false;
    if (size > 0 && elements > kLargestExtent / size)
      return false;
    elements *= std::max<int64_t>(size, 1);
  }
  return true;
}

/// Bounds of dimensions that nobody gives bounds: a few in the first place of an input, which is a batch most times.
static constexpr int64_t kDefaultFirst = 8, kDefaultOther = 512;

/// The size that a name says as a sum of numbers and of names that are known, "past + length"; nothing for one name.
std::optional<int64_t> GraphImporter::openSum(StringRef key) {
  SmallVector<StringRef> terms;
  key.split(terms, '+');
  int64_t sum = 0;
  for (StringRef term : terms) {
    int64_t number;
    if (auto size = facts.named.find(term.trim().str()); size != facts.named.end())
      sum = facts.extents.add(sum, size->second);
    else if (!term.trim().getAsInteger(10, number) && number >= 0 && number <= kLargestExtent)
      sum = facts.extents.add(sum, number);
    else
      return std::nullopt;
  }
  return terms.size() > 1 ? std::optional<int64_t>(sum) : std::nullopt;
}

/// A dimension of an input that the file leaves open.
int64_t GraphImporter::openSize(const std::string &key, const std::string &input, int64_t number, int64_t dim) {
  auto [known, isNew] = facts.named.try_emplace(key, 0);
  if (!isNew)
    return known->second;
  std::pair<int64_t, int64_t> bounds = {1, dim == 0 ? kDefaultFirst : kDefaultOther};
  const std::string name = json::printable(key, 60);
  if (std::optional<int64_t> sum = openSum(key))
    bounds = facts.extents.bounds(*sum);
  if (auto given = facts.given.find(key); given != facts.given.end())
    bounds = given->second;
  else
    mlir::emitRemark(FileLineColLoc::get(builder.getContext(), file, 0, 0))
        << "dimension '" << name << "' of input '" << input << "' is taken to be " << bounds.first << " to "
        << bounds.second << "; other bounds: --dim " << name << "=LO..HI";
  return known->second = facts.extents.input(name, bounds.first, bounds.second, number, dim);
}

/// Every name that `--dim` gives is one of the graph's.
LogicalResult GraphImporter::checkDims() const {
  std::string open;
  for (const auto &[key, size] : facts.named)
    open += (open.empty() ? "" : ", ") + json::printable(key, 60);
  for (const auto &[key, bounds] : facts.given)
    if (!facts.named.count(key)) {
      InFlightDiagnostic diagnostic = error() << "--dim " << key << ": no input has an open dimension of that name";
      diagnostic.attachNote() << (open.empty() ? "all sizes are known" : "open dimensions: " + open);
      return diagnostic;
    }
  return success();
}

InFlightDiagnostic GraphImporter::error() const {
  return emitError(FileLineColLoc::get(builder.getContext(), file, 0, 0));
}

Location GraphImporter::nodeLocation(const onnx::Node &node) const {
  Location place = FileLineColLoc::get(builder.getContext(), file, 0, 0);
  if (node.name.empty())
    return place;
  return NameLoc::get(StringAttr::get(builder.getContext(), json::printable(node.name, 200)), place);
}

const onnx::Function *GraphImporter::findFunction(const onnx::Node &node) const {
  for (const onnx::Function &function : model.functions)
    if (function.name == node.op && function.domain == node.domain && function.overload == node.overload)
      return &function;
  return nullptr;
}

static int64_t opsetOf(const std::vector<onnx::OpsetImport> &opsets) {
  for (const onnx::OpsetImport &import : opsets)
    if (import.domain.empty())
      return import.version;
  return 0;
}

/// Collects every operator that the table does not have, and checks the others against their schemas.
LogicalResult GraphImporter::checkOperators(const std::vector<onnx::Node> &nodes,
                                            const std::vector<onnx::OpsetImport> &opsets,
                                            std::vector<std::string> &unknown,
                                            std::vector<std::string> &reasons) const {
  int64_t opset = opsetOf(opsets);
  for (const onnx::Node &node : nodes) {
    const std::string where = onnx::describeNode(node, opset);
    const onnx::Operator *row = onnx::operatorOf(node, opset);
    if (findFunction(node)) {
    } else if (row && modernVersion(*row, opset) < 0) {
      InFlightDiagnostic diagnostic =
          error() << where << ": means something else since opset 7, and its old version is not supported";
      diagnostic.attachNote() << "convert it with onnx.version_converter";
      return diagnostic;
    } else if (!row || !isCompiled(*row, opset)) {
      unknown.push_back(where);
      if (std::string_view reason = onnx::reasonOfRefusal(node); !reason.empty()) {
        std::string text = json::printable(node.op, 60) + " " + std::string(reason);
        if (!llvm::is_contained(reasons, text))
          reasons.push_back(std::move(text));
      }
    } else if (Checked checked = onnx::checkNode(node, *row, file.str(), where); !checked) {
      return error() << checked.error().message;
    }
    for (const onnx::Attribute &attribute : node.attributes)
      for (const onnx::Graph &graph : attribute.graphs)
        if (failed(checkOperators(graph.nodes, opsets, unknown, reasons)))
          return failure();
  }
  return success();
}

/// The size that a dimension's name says by others and numbers, as exporters write it: "past_length + length". Nothing
/// where it is no sum, or one of them is not given one size.
static std::optional<int64_t> sumOfDims(StringRef name,
                                        const std::map<std::string, std::pair<int64_t, int64_t>> &dims) {
  SmallVector<StringRef> terms;
  name.split(terms, '+');
  int64_t sum = 0;
  for (StringRef term : terms) {
    term = term.trim();
    int64_t number;
    if (auto given = dims.find(term.str()); given != dims.end()) {
      if (given->second.first != given->second.second)
        return std::nullopt;
      sum += given->second.first;
    } else if (terms.size() > 1 && !term.getAsInteger(10, number) && number >= 0 && number < (int64_t(1) << 40))
      sum += number;
    else
      return std::nullopt;
    if (sum > (int64_t(1) << 40))
      return std::nullopt;
  }
  return sum;
}

FailureOr<RankedTensorType> GraphImporter::typeOf(const onnx::ValueInfo &value, bool required, int64_t input) {
  const std::string name = json::printable(value.name, 120);
  if (value.kind != onnx::ValueInfo::Kind::Tensor) {
    if (!required)
      return RankedTensorType();
    error() << "input '" << name << "' is no tensor: sequences, optional values and maps are not supported";
    return failure();
  }
  Type element = elementTypeOf(builder.getContext(), value.type);
  if (!element || !value.hasShape) {
    if (!required)
      return RankedTensorType();
    error() << "input '" << name << "' " << (element ? "has no shape" : "is of type ")
            << (element ? "" : onnx::elementTypeName(value.type)) << ", which is not supported";
    return failure();
  }
  SmallVector<int64_t> shape;
  for (auto [i, dim] : llvm::enumerate(value.dims)) {
    int64_t size = dim.value;
    const std::string own = std::string(value.name) + "." + std::to_string(i);
    const std::string key = dim.param.empty() ? own : std::string(dim.param);
    if (size < 0)
      if (std::optional<int64_t> given = sumOfDims(key, facts.given);
          given && (!required || key.find('+') != std::string::npos))
        size = *given;
    if (size < 0 && !required)
      return RankedTensorType();
    if (size < 0)
      size = openSize(key, name, input, i);
    shape.push_back(size);
  }
  if (!isSane(shape)) {
    if (!required)
      return RankedTensorType();
    error() << "input '" << name << "' has more than 2^40 elements";
    return failure();
  }
  return RankedTensorType::get(shape, element);
}

Value GraphImporter::constant(Location loc, DenseElementsAttr value) {
  OperationState state(loc, "onnx.Constant");
  state.addAttribute("since", builder.getI64IntegerAttr(13));
  state.addAttribute("settings", builder.getDictionaryAttr(builder.getNamedAttr("value", value)));
  state.addTypes(value.getType());
  return builder.create(state)->getResult(0);
}

FailureOr<DenseElementsAttr> GraphImporter::elementsOf(const onnx::Tensor &tensor) const {
  Type element = elementTypeOf(builder.getContext(), tensor.type);
  if (!element || !storageElement(element)) {
    error() << "tensor '" << json::printable(tensor.name, 120) << "' is of type " << onnx::elementTypeName(tensor.type)
            << ", which is not supported";
    return failure();
  }
  std::string bytes;
  if (tensor.external) {
    // What lies in another file is in the index, bounds checked.
    std::string_view there = opened.index.bytes(tensor.name);
    if (there.size() != tensor.bytes) {
      error() << "tensor '" << json::printable(tensor.name, 120)
              << "' of an attribute lies in another file, which is not "
              << "supported";
      return failure();
    }
    bytes = std::string(there);
  } else {
    bytes = tensor.decoded();
  }
  auto type = RankedTensorType::get(tensor.dims, element);
  if (unsigned bits = onnx::elementTypeBits(tensor.type); bits < 8) {
    // One byte each.
    std::string wide;
    for (uint64_t i = 0; i < tensor.elements; ++i) {
      uint8_t value = uint8_t(bytes[size_t(i * bits / 8)]) >> (i * bits % 8) & ((1u << bits) - 1);
      wide += char(value);
    }
    bytes = std::move(wide);
  }
  if (element.isInteger(1)) {
    SmallVector<bool> values;
    for (char byte : bytes)
      values.push_back(byte != 0);
    return DenseElementsAttr::get(type, ArrayRef<bool>(values));
  }
  return DenseElementsAttr::getFromRawBuffer(type, ArrayRef<char>(bytes.data(), bytes.size()));
}

FailureOr<Value> GraphImporter::initializer(const onnx::Tensor &tensor) {
  Location loc = NameLoc::get(builder.getStringAttr(json::printable(tensor.name, 200)),
                              FileLineColLoc::get(builder.getContext(), file, 0, 0));
  Type element = elementTypeOf(builder.getContext(), tensor.type);
  // Storage types are what stands in the file; others are read here.
  bool inFile = opened.index.find(tensor.name) && element && storageElement(element) == element;
  if (tensor.bytes > kSmallBytes && inFile)
    return Value(transformer::WeightOp::create(builder, loc, RankedTensorType::get(tensor.dims, element),
                                               StringRef(tensor.name.data(), tensor.name.size())));
  FailureOr<DenseElementsAttr> elements = elementsOf(tensor);
  if (failed(elements))
    return failure();
  return constant(loc, *elements);
}

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
      value = b.getI64IntegerAttr(attribute->integer);
      break;
    case onnx::AttributeKind::String:
      value = b.getStringAttr(json::printable(attribute->text, 4096));
      break;
    case onnx::AttributeKind::Floats:
      value = b.getDenseF32ArrayAttr(attribute->reals);
      break;
    case onnx::AttributeKind::Ints:
      value = b.getDenseI64ArrayAttr(attribute->integers);
      break;
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
  for (size_t i = 0; i < node.outputs.size(); ++i)
    scope[node.outputs[i]] = inner.at(graph.outputs[i].name);
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

LogicalResult GraphImporter::node(const onnx::Node &node, Scope &scope, int64_t opset, const Call *call) {
  // Functions that call functions could make a short file endless.
  if (++numNodes > mostNodes)
    return error() << "has more than " << mostNodes << " nodes when its functions are inlined and loops unrolled";
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
    inputTypes.push_back(input ? nameOfElement(cast<RankedTensorType>(input.getType()).getElementType()) : "");
  }
  if (static_cast<int>(facts.inputs.size()) < schema->minInputs)
    return facts.error() << "input " << facts.inputs.size() << " is left out, which it may not be";
  if (std::optional<std::string> fault = onnx::faultOfTypes(*schema, inputTypes))
    return facts.error() << *fault;
  if (failed(upgrade(facts, opset)))
    return failure();
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
  if (facts.type == "If" && facts.knownIntegers(0) && facts.knownIntegers(0)->size() == 1)
    return inlineBranch(facts, node, scope, opset, call);
  if (facts.type == "If")
    return branchNode(facts, node, scope, opset, call);

  if (facts.type == "ai.onnx.preview.FlexAttention")
    return expandFlexAttention(facts, node, scope, opset, call);
  if (facts.type == "Loop")
    return unrolls(facts, node) ? unrollLoop(facts, node, scope, opset, call)
                                : loopNode(facts, node, scope, opset, call);
  if (facts.type == "Scan")
    return unrollScan(facts, node, scope, opset, call);
  SmallVector<Value> results;
  auto emitNode = [&](const Node &part, SmallVectorImpl<Value> &made) { return emit(part, made); };
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
  if (failed(checkOpen(facts)))
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
    if (shaped.getRank() > 8 || !isSane(shaped.getShape()))
      return facts.error() << "an output has more than 2^40 elements, or more than 8 dimensions";
  }

  Folded folded;
  if (types.size() == 1)
    folded = foldNode(facts, cast<RankedTensorType>(types[0]));
  if (folded.constant) {
    ++numFolded;
    results.push_back(constant(facts.loc, folded.constant));
    return success();
  }
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

/// What is elementwise has the shape of its input: a declared output says it for the values that it is made of.
void GraphImporter::implyShapes() {
  const std::vector<onnx::Node> &nodes = model.graph.nodes;
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    if (!node->domain.empty() || node->inputs.empty() || node->outputs.empty() ||
        !llvm::is_contained({"Abs", "Cast", "CastLike", "Exp", "Identity", "Log", "Neg", "Relu", "Sqrt", "Tanh"},
                            StringRef(node->op.data(), node->op.size())))
      continue;
    auto said = declared.find(node->outputs[0]);
    auto known = implied.find(node->outputs[0]);
    if (said != declared.end())
      implied.try_emplace(node->inputs[0], said->second.getShape());
    else if (known != implied.end())
      implied.try_emplace(node->inputs[0], known->second);
  }
}

static uint64_t countNodes(const std::vector<onnx::Node> &nodes) {
  uint64_t count = nodes.size();
  for (const onnx::Node &node : nodes)
    for (const onnx::Attribute &attribute : node.attributes)
      for (const onnx::Graph &graph : attribute.graphs)
        count += countNodes(graph.nodes);
  return count;
}

bool GraphImporter::isInitializer(std::string_view name) const { return initializers.count(name) != 0; }

LogicalResult GraphImporter::run() {
  const onnx::Graph &graph = model.graph;
  uint64_t written = countNodes(graph.nodes);
  for (const onnx::Function &function : model.functions)
    written += countNodes(function.nodes);
  mostNodes = 16384 + 64 * written;
  std::vector<std::string> unknown, reasons;
  if (failed(checkOperators(graph.nodes, model.opsets, unknown, reasons)))
    return failure();
  for (const onnx::Function &function : model.functions)
    if (failed(checkOperators(function.nodes, function.opsets, unknown, reasons)))
      return failure();
  if (!unknown.empty()) {
    std::string list;
    for (size_t i = 0; i < unknown.size() && i < 20; ++i)
      list += (i ? ", " : "") + unknown[i];
    if (unknown.size() > 20)
      list += " and " + std::to_string(unknown.size() - 20) + " more";
    InFlightDiagnostic diagnostic = error() << "operators that are not supported: " << list;
    for (const std::string &reason : reasons)
      diagnostic.attachNote() << reason;
    return diagnostic;
  }

  Scope scope;
  for (const onnx::Tensor &tensor : graph.initializers)
    initializers.insert(tensor.name);
  if (text && failed(openText()))
    return failure();
  for (const auto *values : {&graph.values, &graph.outputs})
    for (const onnx::ValueInfo &value : *values) {
      FailureOr<RankedTensorType> type = typeOf(value, false);
      if (succeeded(type) && *type)
        declared[value.name] = *type;
    }
  implyShapes();
  SmallVector<Type> argumentTypes;
  SmallVector<std::string_view> argumentNames;
  for (const onnx::ValueInfo &input : graph.inputs) {
    if (isInitializer(input.name))
      continue; // a constant: nobody hands another one in
    if (!isArgument(input.name))
      continue;
    FailureOr<RankedTensorType> type = typeOf(input, true, argumentTypes.size());
    if (failed(type))
      return failure();
    if (!storageElement((*type).getElementType()))
      return error() << "input '" << json::printable(input.name, 120) << "' is of type "
                     << onnx::elementTypeName(input.type) << ", which is not supported";
    argumentTypes.push_back(facts.extents.toIR(*type));
    argumentNames.push_back(input.name);
  }
  Location loc = FileLineColLoc::get(builder.getContext(), file, 0, 0);
  builder.setInsertionPointToEnd(module.getBody());
  auto func = func::FuncOp::create(builder, loc, text ? "step" : "main", builder.getFunctionType(argumentTypes, {}));
  Block *entry = func.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  for (auto [name, argument] : llvm::zip(argumentNames, entry->getArguments()))
    scope[name] = argument;
  for (const onnx::Tensor &tensor : graph.initializers) {
    FailureOr<Value> value = initializer(tensor);
    if (failed(value))
      return failure();
    scope[tensor.name] = *value;
  }
  if (text && failed(makeTextInputs(scope)))
    return failure();
  // What a name says is checked before anything relies on it.
  for (const auto &[key, size] : std::map<std::string, int64_t>(facts.named))
    if (std::optional<int64_t> sum = openSum(key); sum && !facts.extents.agree(size, *sum))
      return error() << "dimension '" << json::printable(key, 60) << "' cannot be that sum within the bounds given";
  if (failed(nodes(graph.nodes, scope, model.opset(), nullptr)) || failed(checkDims()))
    return failure();

  SmallVector<Value> results;
  SmallVector<Attribute> inputNames, inputTypes, outputNames, outputTypes;
  auto describe = [&](std::string_view name, Type type, SmallVector<Attribute> &names, SmallVector<Attribute> &types) {
    names.push_back(builder.getStringAttr(json::printable(name, 200)));
    types.push_back(TypeAttr::get(type));
  };
  for (auto [name, type] : llvm::zip(argumentNames, argumentTypes))
    describe(name, type, inputNames, inputTypes);
  for (const onnx::ValueInfo &output : graph.outputs) {
    if (text)
      break; // its own below
    Value value = scope.at(output.name);
    auto type = cast<RankedTensorType>(value.getType());
    // Exporters declare shapes that were true before they changed the graph: what is computed counts.
    if (auto said = declared.find(output.name);
        said != declared.end() && type.hasStaticShape() && said->second != type) {
      bool isOtherType = said->second.getElementType() != type.getElementType();
      InFlightDiagnostic diagnostic = isOtherType ? error() : emitWarning(loc);
      diagnostic << "output '" << json::printable(output.name, 120) << "' is declared as " << said->second
                 << ", but its node makes " << type;
      if (isOtherType)
        return diagnostic;
    }
    results.push_back(value);
    describe(output.name, type, outputNames, outputTypes);
  }
  SmallVector<int32_t> roles(argumentNames.size(), LLMC_ROLE_PAST);
  if (text) {
    FailureOr<Value> logits = textLogits(scope.at(text->logits));
    if (failed(logits) || failed(writeTextFacts()))
      return failure();
    results.push_back(*logits);
    describe(text->logits, (*logits).getType(), outputNames, outputTypes);
    roles[llvm::find(argumentNames, text->tokens) - argumentNames.begin()] = LLMC_ROLE_TOKENS;
    roles.push_back(LLMC_ROLE_LOGITS);
    // In the order of the pasts among the arguments.
    for (const TextGraph::Pair &pair : text->pairs) {
      Value present = scope.at(pair.present);
      if (failed(checkPresent(pair, scope.at(pair.past), present)))
        return failure();
      results.push_back(present);
      describe(pair.present, present.getType(), outputNames, outputTypes);
      roles.push_back(LLMC_ROLE_PRESENT);
    }
  }
  for (int64_t i = exposed.first; i < std::min<int64_t>(exposed.first + exposed.second, made.size()); ++i) {
    auto [name, value] = made[i];
    auto type = cast<RankedTensorType>(value.getType());
    if (constantOf(value) || !value.getDefiningOp() || !onnx_ir::isNode(value.getDefiningOp()) ||
        !storageElement(type.getElementType()))
      continue;
    results.push_back(value);
    describe(name, type, outputNames, outputTypes);
  }
  if (exposed.second)
    func->setAttr("onnx.values", builder.getI64IntegerAttr(made.size()));
  func::ReturnOp::create(builder, loc, results);
  func.setType(builder.getFunctionType(argumentTypes, ValueRange(results).getTypes()));
  using transformer::Role;
  using transformer::RoleAttr;
  using transformer::TransformerDialect;
  for (unsigned i = 0; i < argumentTypes.size(); ++i)
    func.setArgAttr(i, TransformerDialect::kRoleAttrName, RoleAttr::get(builder.getContext(), Role::Input));
  for (unsigned i = 0; i < results.size(); ++i)
    func.setResultAttr(i, TransformerDialect::kRoleAttrName, RoleAttr::get(builder.getContext(), Role::Output));
  if (text)
    func->setAttr(kRolesAttr, builder.getDenseI32ArrayAttr(roles));
  llvm::append_range(inputNames, outputNames);
  llvm::append_range(inputTypes, outputTypes);
  func->setAttr(kNamesAttr, builder.getArrayAttr(inputNames));
  func->setAttr(kTypesAttr, builder.getArrayAttr(inputTypes));
  if (!facts.extents.symbols().empty())
    func->setAttr(Extents::kAttr, facts.extents.attribute());
  func->setAttr(TransformerDialect::kEntryAttrName, builder.getUnitAttr());
  // What nothing reads is not computed.
  SmallVector<Operation *> all;
  for (Operation &op : *entry)
    all.push_back(&op);
  for (Operation *op : llvm::reverse(all))
    if (op->use_empty() && !isa<func::ReturnOp>(op))
      op->erase();
  return success();
}

} // namespace llmc::onnx_import
