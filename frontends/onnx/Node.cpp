// Node.cpp - attributes and known inputs of nodes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Node.h"

using namespace mlir;

namespace llmc::onnx_import {

DenseElementsAttr constantOf(Value value) {
  Operation *op = value ? value.getDefiningOp() : nullptr;
  if (!op || !onnx_ir::isNode(op) || onnx_ir::nodeType(op) != "Constant")
    return {};
  return dyn_cast_or_null<DenseElementsAttr>(onnx_ir::attributesOf(op).get("value"));
}

Node::Node(Operation *op, GraphFacts *graph)
    : type(onnx_ir::nodeType(op)), since(onnx_ir::sinceOf(op)), settings(onnx_ir::attributesOf(op)), loc(op->getLoc()),
      numOutputs(op->getNumResults()), graph(graph) {
  for (Value operand : op->getOperands())
    inputs.push_back(onnx_ir::isAbsent(operand) ? Value() : operand);
}

int64_t Node::integer(StringRef name, int64_t otherwise) const {
  auto value = settings ? dyn_cast_or_null<IntegerAttr>(settings.get(name)) : IntegerAttr();
  return value ? value.getInt() : otherwise;
}

double Node::real(StringRef name, double otherwise) const {
  auto value = settings ? dyn_cast_or_null<FloatAttr>(settings.get(name)) : FloatAttr();
  return value ? value.getValueAsDouble() : otherwise;
}

StringRef Node::text(StringRef name, StringRef otherwise) const {
  auto value = settings ? dyn_cast_or_null<StringAttr>(settings.get(name)) : StringAttr();
  return value ? value.getValue() : otherwise;
}

std::optional<SmallVector<int64_t>> Node::integers(StringRef name) const {
  auto value = settings ? dyn_cast_or_null<DenseI64ArrayAttr>(settings.get(name)) : DenseI64ArrayAttr();
  if (!value)
    return std::nullopt;
  return SmallVector<int64_t>(value.asArrayRef());
}

std::optional<SmallVector<int64_t>> Node::knownIntegers(unsigned input) const {
  if (!has(input))
    return std::nullopt;
  DenseElementsAttr elements = constantOf(inputs[input]);
  if (auto open = graph->contents.find(inputs[input]); takesOpen && !elements && open != graph->contents.end())
    return open->second;
  if (!elements || !isa<IntegerType>(elements.getElementType()))
    return std::nullopt;
  bool isSigned = !elements.getElementType().isUnsignedInteger() && !elements.getElementType().isInteger(1);
  SmallVector<int64_t> values;
  for (const APInt &value : elements.getValues<APInt>()) {
    values.push_back(isSigned ? value.getSExtValue() : static_cast<int64_t>(value.getZExtValue()));
    if (isOpen(values.back()))
      values.back() = kFirstExtent - 1; // no number of an extent: as far beyond every size
  }
  return values;
}

std::optional<SmallVector<double>> Node::knownReals(unsigned input) const {
  if (!has(input))
    return std::nullopt;
  DenseElementsAttr elements = constantOf(inputs[input]);
  if (!elements)
    return std::nullopt;
  SmallVector<double> values;
  if (isa<FloatType>(elements.getElementType())) {
    for (APFloat value : elements.getValues<APFloat>()) {
      bool lost;
      value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
      values.push_back(value.convertToDouble());
    }
    return values;
  }
  if (std::optional<SmallVector<int64_t>> integers = knownIntegers(input)) {
    for (int64_t value : *integers)
      values.push_back(static_cast<double>(value));
    return values;
  }
  return std::nullopt;
}

LogicalResult Node::movedIntegers(StringRef attribute, unsigned input,
                                  std::optional<SmallVector<int64_t>> &given) const {
  given = integers(attribute);
  if (given || !has(input))
    return success();
  given = knownIntegers(input);
  if (given)
    return success();
  return error() << "input " << input << " ('" << attribute
                 << "') is not known while compiling, which is not supported";
}

int64_t Node::computedSize(unsigned output, int64_t dim, int64_t least, int64_t most, int64_t beside) const {
  // 4096, 1024, 256, ...: of any rank no more than 2^24 elements.
  const int64_t kDefault = std::max<int64_t>(8, 4096 >> std::min<int64_t>(12, 2 * (beside - 1)));
  std::string name = output < outputNames.size() && !outputNames[output].empty() ? outputNames[output] : type.str();
  name = sizeName.empty() ? name + "." + std::to_string(dim) : sizeName;
  if (auto bounds = graph->given.find(name); bounds != graph->given.end()) {
    least = std::max(least, bounds->second.first);
    most = most < 0 ? bounds->second.second : std::min(most, bounds->second.second);
  } else if (most < 0) {
    most = kDefault;
    emitRemark(isa<NameLoc>(loc) ? cast<NameLoc>(loc).getChildLoc() : loc)
        << "size '" << name << "', which is computed while running, is taken to be " << least << " to " << most
        << "; other bounds: --dim " << name << "=LO..HI";
  }
  if (std::max(least, most) == 0)
    return 0; // of nothing: there is nothing to compute
  int64_t size = graph->extents.value(name, least, std::max(least, most));
  graph->named[name] = size;
  return size;
}

StringRef nodeName(Location loc) {
  auto name = dyn_cast<NameLoc>(loc);
  return name ? name.getName().getValue() : StringRef();
}

InFlightDiagnostic Node::error() const {
  StringRef name = nodeName(loc);
  InFlightDiagnostic diagnostic = emitError(isa<NameLoc>(loc) ? cast<NameLoc>(loc).getChildLoc() : loc);
  if (name.empty())
    diagnostic << "a node without a name";
  else
    diagnostic << "node '" << name << "'";
  diagnostic << " (" << type << ", version " << since << "): ";
  return diagnostic;
}

FailureOr<int64_t> Node::axis(int64_t value, int64_t rank) const {
  if (value >= -rank && value < rank)
    return value < 0 ? value + rank : value;
  error() << "axis " << value << " is outside of rank " << rank << " (expected " << -rank << " to " << rank - 1 << ")";
  return failure();
}

} // namespace llmc::onnx_import
