// Expansion.cpp - the table of expansions, and the nodes and constants that they make.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Expansion.h"

#include "frontends/formats/onnx/Operators.h"

#include <numeric>

using namespace mlir;

namespace llmc::onnx_import {

ArrayRef<Expansion> allExpansions() {
  static const SmallVector<Expansion> list = [] {
    SmallVector<Expansion> made;
    addFusedExpansions(made);
    addAttentionExpansions(made);
    addGroupedAttentionExpansions(made);
    addQuantizedExpansions(made);
    addBlockExpansions(made);
    llvm::sort(made, [](const Expansion &a, const Expansion &b) { return a.name < b.name; });
    return made;
  }();
  return list;
}

const Expansion *findExpansion(StringRef name) {
  for (const Expansion &expansion : allExpansions())
    if (expansion.name == name)
      return &expansion;
  return nullptr;
}

LogicalResult Expander::run(Function function, SmallVectorImpl<Value> &results) {
  if (failed(function(*this, results)) || stopped)
    return failure();
  results.resize(std::max<size_t>(results.size(), numOutputs));
  for (unsigned i = 0; i < numOutputs; ++i)
    if (!results[i])
      return error() << "output " << i << " is not computed";
  return success();
}

SmallVector<Value> Expander::ops(StringRef type, ArrayRef<Value> parts, ArrayRef<Setting> settings, unsigned outputs,
                                 int64_t opset, StringRef sizeName) {
  SmallVector<Value> nothing(outputs);
  if (stopped)
    return nothing;
  const onnx::Operator *schema = onnx::findOperator({type.data(), type.size()}, opset);
  assert(schema && "expansions are made of operators of ai.onnx");
  Node part(loc, graph);
  part.type = schema->name;
  part.since = schema->since;
  part.numOutputs = outputs;
  part.inputs.assign(parts.begin(), parts.end());
  while (!part.inputs.empty() && !part.inputs.back())
    part.inputs.pop_back();
  SmallVector<NamedAttribute> attributes;
  for (const Setting &setting : settings)
    attributes.push_back({StringAttr::get(context(), setting.name), setting.value});
  part.settings = DictionaryAttr::get(context(), attributes);
  part.declared.resize(outputs);
  part.sizeName = sizeName.str();
  // What the node's own types allow may be more than what it is made of takes.
  std::vector<std::string_view> types;
  for (Value input : part.inputs)
    types.push_back(input ? elementName(mlir::cast<RankedTensorType>(input.getType()).getElementType()) : "");
  SmallVector<Value> results;
  std::optional<std::string> fault = onnx::faultOfTypes(*schema, types);
  for (size_t i = 0; i < std::max<size_t>(types.size(), schema->minInputs) && !fault; ++i)
    if ((i >= types.size() || types[i].empty()) && !onnx::mayLeaveOut(*schema, i))
      fault = "input " + std::to_string(i) + " is left out, which it may not be";
  if (fault) {
    error() << "its part " << type << ": " << *fault;
    stopped = true;
    return nothing;
  }
  if (failed(emit(part, results))) {
    stopped = true;
    return nothing;
  }
  return results;
}

Setting Expander::set(StringRef name, int64_t value) { return {name, builder.getI64IntegerAttr(value)}; }
Setting Expander::set(StringRef name, double value) {
  return {name, builder.getF32FloatAttr(static_cast<float>(value))};
}
Setting Expander::set(StringRef name, StringRef value) { return {name, builder.getStringAttr(value)}; }
Setting Expander::set(StringRef name, ArrayRef<int64_t> values) { return {name, builder.getDenseI64ArrayAttr(values)}; }

static Value constantNode(OpBuilder &builder, Location loc, DenseElementsAttr value) {
  OperationState state(loc, "onnx.Constant");
  state.addAttribute("since", builder.getI64IntegerAttr(13));
  state.addAttribute("settings", builder.getDictionaryAttr(builder.getNamedAttr("value", value)));
  state.addTypes(value.getType());
  return builder.create(state)->getResult(0);
}

Value Expander::list(ArrayRef<int64_t> values) {
  if (!isOpen(values))
    return numbers({static_cast<int64_t>(values.size())}, values, i64());
  RankedTensorType sizes = extents().toIR(RankedTensorType::get(values, i64()));
  return op("llmc.Sizes", {}, {{"type", TypeAttr::get(sizes)}});
}

Value Expander::line(int64_t size, Type element) {
  constexpr int64_t kMostWritten = 4096;
  if (!isOpen(size) && size >= 0 && size <= kMostWritten) {
    SmallVector<int64_t> places(size);
    std::iota(places.begin(), places.end(), 0);
    return numbers({size}, places, element);
  }
  Value end = op("Squeeze", {list({size}), list({0})});
  return cast(op("Range", {number(0, i64()), end, number(1, i64())}), element);
}

Value Expander::counted(Value end, StringRef name, int64_t least, int64_t most) {
  if (graph->given.try_emplace(name.str(), least, most).second)
    emitRemark(mlir::isa<NameLoc>(loc) ? mlir::cast<NameLoc>(loc).getChildLoc() : loc)
        << "size '" << name << "', which is computed while running, is taken to be " << least << " to " << most
        << "; other bounds: --dim " << name << "=LO..HI";
  Type element = mlir::cast<RankedTensorType>(end.getType()).getElementType();
  return ops("Range", {number(0, element), end, number(1, element)}, {}, 1, 24, name)[0];
}

Value Expander::number(double value, Type element) {
  auto type = RankedTensorType::get({}, element);
  if (auto real = dyn_cast<FloatType>(element)) {
    APFloat number(value);
    bool lost;
    number.convert(real.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    return constantNode(builder, loc, DenseElementsAttr::get(type, number));
  }
  return numbers({}, {static_cast<int64_t>(value)}, element);
}

Value Expander::numbers(ArrayRef<int64_t> shape, ArrayRef<int64_t> values, Type element) {
  unsigned bits = element.getIntOrFloatBitWidth();
  SmallVector<APInt> words;
  for (int64_t value : values)
    words.push_back(APInt(bits, static_cast<uint64_t>(value), false, true));
  return constantNode(builder, loc, DenseElementsAttr::get(RankedTensorType::get(shape, element), words));
}

/// ONNX's number of an element type.
static int64_t numberOf(Type element) {
  for (int64_t number = 1; number <= onnx::kLastElementType; ++number)
    if (elementFromNumber(element.getContext(), number) == element)
      return number;
  llvm_unreachable("elements of nodes are ONNX's");
}
const char *elementName(Type element) { return onnx::elementTypeName(onnx::ElementType(numberOf(element))); }

Value Expander::cast(Value x, Type element) {
  if (x && mlir::cast<RankedTensorType>(x.getType()).getElementType() == element)
    return x;
  return op("Cast", {x}, {set("to", numberOf(element))});
}

} // namespace llmc::onnx_import
