// GraphImporter.cpp - an entry from a parsed graph: inputs, initializers, outputs; what may be in it is checked ahead.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/formats/json/Json.h"
#include "frontends/formats/onnx/Operators.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/OperatorTable.h"
#include "frontends/onnx/Versions.h"
#include "llmc/artifact_format.h"

#include <set>

using namespace mlir;

namespace llmc::onnx_import {

/// Initializers up to this size are constants in the IR; larger ones stay in the file.
static constexpr uint64_t kSmallBytes = 1024;

Type elementTypeOf(MLIRContext *context, onnx::ElementType type) {
  return elementFromNumber(context, static_cast<int64_t>(type));
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

int64_t opsetOf(const std::vector<onnx::OpsetImport> &opsets) {
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

static uint64_t countNodes(const std::vector<onnx::Node> &nodes) {
  uint64_t count = nodes.size();
  for (const onnx::Node &node : nodes)
    for (const onnx::Attribute &attribute : node.attributes)
      for (const onnx::Graph &graph : attribute.graphs)
        count += countNodes(graph.nodes);
  return count;
}

/// Nodes of searches' decoders, which are written out for the prompt and for what follows it.
static uint64_t countSearched(const std::vector<onnx::Node> &nodes) {
  uint64_t count = 0;
  for (const onnx::Node &node : nodes)
    if (node.op == "BeamSearch" || node.op == "GreedySearch")
      for (const onnx::Attribute &attribute : node.attributes)
        for (const onnx::Graph &graph : attribute.graphs)
          count += countNodes(graph.nodes);
  return count;
}

bool GraphImporter::isInitializer(std::string_view name) const { return initializers.count(name) != 0; }

LogicalResult GraphImporter::run() {
  const onnx::Graph &graph = model.graph;
  numWritten = countNodes(graph.nodes);
  for (const onnx::Function &function : model.functions)
    numWritten += countNodes(function.nodes);
  // Of a file of a kilobyte no more than is compiled in seconds and a few megabytes; a large one may be of functions
  // that are called again and again, also with other sizes.
  uint64_t beyond = std::max<int64_t>(0, static_cast<int64_t>(numWritten) - 64);
  mostNodes = 768 + 4 * numWritten + 64 * beyond;
  mostTried = 16384 + 64 * numWritten;
  mostVariantOps = 64 + numWritten + 8 * (beyond + countSearched(graph.nodes));
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
  std::set<std::string_view> given;
  for (const onnx::ValueInfo &output : graph.outputs) {
    if (text)
      break; // its own below
    if (!given.insert(output.name).second) {
      mlir::emitWarning(loc) << "output '" << json::printable(output.name, 120) << "' is there twice; it is given once";
      continue;
    }
    FailureOr<Value> value = this->given(scope, output.name);
    if (failed(value))
      return failure();
    auto type = cast<RankedTensorType>((*value).getType());
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
    results.push_back(*value);
    describe(output.name, type, outputNames, outputTypes);
  }
  SmallVector<int32_t> roles(argumentNames.size(), LLMC_ROLE_PAST);
  if (text) {
    FailureOr<Value> logits = this->given(scope, text->logits);
    if (failed(logits) || failed(logits = textLogits(*logits)) || failed(writeTextFacts()))
      return failure();
    results.push_back(*logits);
    describe(text->logits, (*logits).getType(), outputNames, outputTypes);
    roles[llvm::find(argumentNames, text->tokens) - argumentNames.begin()] = LLMC_ROLE_TOKENS;
    roles.push_back(LLMC_ROLE_LOGITS);
    // In the order of the pasts among the arguments.
    for (const TextGraph::Pair &pair : text->pairs) {
      FailureOr<Value> present = this->given(scope, pair.present);
      if (failed(present) || failed(checkPresent(pair, scope.at(pair.past), *present)))
        return failure();
      results.push_back(*present);
      describe(pair.present, (*present).getType(), outputNames, outputTypes);
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
