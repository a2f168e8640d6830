// GraphMatch.cpp - looks at onnx ops and makes new ones.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Raise/GraphMatch.h"

#include <cmath>

using namespace mlir;

namespace llmc::raise {

Operation *madeBy(Value value, StringRef type) {
  Operation *op = value ? value.getDefiningOp() : nullptr;
  return op && onnx_ir::isNode(op) && onnx_ir::nodeType(op) == type ? op : nullptr;
}

Value otherOperand(Operation *op, Value one) {
  if (!op || op->getNumOperands() != 2)
    return {};
  if (op->getOperand(0) == one)
    return op->getOperand(1);
  return op->getOperand(1) == one ? op->getOperand(0) : Value();
}

static DenseElementsAttr elementsOf(Value value) {
  Operation *op = madeBy(value, "Constant");
  return op ? dyn_cast_or_null<DenseElementsAttr>(onnx_ir::attributesOf(op).get("value")) : DenseElementsAttr();
}

std::optional<double> splatOf(Value value) {
  DenseElementsAttr elements = elementsOf(value);
  if (!elements || elements.empty() || !(elements.isSplat() || elements.getNumElements() == 1))
    return std::nullopt;
  if (isa<FloatType>(elements.getElementType())) {
    APFloat number = *elements.getValues<APFloat>().begin();
    bool lost;
    number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    return number.convertToDouble();
  }
  if (elements.getElementType().isUnsignedInteger() || elements.getElementType().isInteger(1))
    return static_cast<double>((*elements.getValues<APInt>().begin()).getZExtValue());
  if (isa<IntegerType>(elements.getElementType()))
    return static_cast<double>((*elements.getValues<APInt>().begin()).getSExtValue());
  return std::nullopt;
}

std::optional<SmallVector<int64_t>> integersOf(Value value) {
  DenseElementsAttr elements = elementsOf(value);
  if (!elements || !isa<IntegerType>(elements.getElementType()))
    return std::nullopt;
  SmallVector<int64_t> numbers;
  for (const APInt &number : elements.getValues<APInt>())
    numbers.push_back(number.getSExtValue());
  return numbers;
}

int64_t integerOf(Operation *op, StringRef name, int64_t otherwise) {
  auto value = dyn_cast_or_null<IntegerAttr>(onnx_ir::attributesOf(op).get(name));
  return value ? value.getInt() : otherwise;
}

static void collect(Value value, Product &product, bool isRoot) {
  if (std::optional<double> number = splatOf(value)) {
    product.factor *= *number;
    return;
  }
  Operation *op = value.getDefiningOp();
  bool open = op && onnx_ir::isNode(op) && (isRoot || value.hasOneUse());
  StringRef type = open ? onnx_ir::nodeType(op) : StringRef();
  if (type == "Mul") {
    collect(op->getOperand(0), product, false);
    collect(op->getOperand(1), product, false);
    return;
  }
  if (type == "Neg") {
    product.factor = -product.factor;
    return collect(op->getOperand(0), product, false);
  }
  if (type == "Div")
    if (std::optional<double> by = splatOf(op->getOperand(1)); by && *by != 0) {
      product.factor /= *by;
      return collect(op->getOperand(0), product, false);
    }
  product.values.push_back(value);
}

Product productOf(Value value) {
  Product product;
  collect(value, product, true);
  return product;
}

bool isNear(double a, double b) { return std::abs(a - b) <= 2e-3 * std::abs(b); }

SmallVector<AffineExpr> sizesOf(RankedTensorType type) {
  if (auto map = dyn_cast_or_null<AffineMapAttr>(type.getEncoding()))
    return SmallVector<AffineExpr>(map.getAffineMap().getResults());
  SmallVector<AffineExpr> sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(getAffineConstantExpr(size, type.getContext()));
  return sizes;
}

RankedTensorType typeFrom(ArrayRef<AffineExpr> sizes, Type element) {
  SmallVector<int64_t> shape;
  unsigned symbols = 0;
  for (AffineExpr size : sizes) {
    auto number = dyn_cast<AffineConstantExpr>(size);
    shape.push_back(number ? number.getValue() : ShapedType::kDynamic);
    size.walk([&](AffineExpr part) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
        symbols = std::max(symbols, symbol.getPosition() + 1);
    });
  }
  if (!ShapedType::isDynamicShape(shape))
    return RankedTensorType::get(shape, element);
  return RankedTensorType::get(shape, element,
                               AffineMapAttr::get(AffineMap::get(0, symbols, sizes, element.getContext())));
}

Operation *createNode(Operation *where, StringRef type, int64_t since, ArrayRef<Value> inputs, TypeRange types,
                      ArrayRef<NamedAttribute> settings) {
  OpBuilder builder(where);
  OperationState state(where->getLoc(), ("onnx." + type).str());
  state.addAttribute("since", builder.getI64IntegerAttr(since));
  state.addAttribute("settings", builder.getDictionaryAttr(settings));
  while (!inputs.empty() && !inputs.back())
    inputs = inputs.drop_back();
  for (Value input : inputs)
    state.operands.push_back(input ? input : onnx_ir::createAbsent(builder, where->getLoc()));
  state.addTypes(types);
  return builder.create(state);
}

static Value createConstant(Operation *where, DenseElementsAttr value) {
  Builder b(where->getContext());
  return createNode(where, "Constant", 13, {}, value.getType(), b.getNamedAttr("value", value))->getResult(0);
}

Value createSplat(Operation *where, RankedTensorType type, double number) {
  APFloat value(number);
  bool lost;
  value.convert(cast<FloatType>(type.getElementType()).getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
  return createConstant(where, DenseElementsAttr::get(type, value));
}

Value createIntegers(Operation *where, ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, IntegerType::get(where->getContext(), 64));
  return createConstant(where, DenseElementsAttr::get(type, values));
}

void eraseUnused(Block &block) {
  SmallVector<Operation *> all;
  for (Operation &op : block)
    all.push_back(&op);
  for (Operation *op : llvm::reverse(all))
    if (op->use_empty() && isa_and_present<onnx_ir::ONNXDialect>(op->getDialect()) && op->getNumRegions() == 0)
      op->erase();
}

StringRef nameOf(Operation *op) {
  auto name = dyn_cast<NameLoc>(op->getLoc());
  return name ? name.getName().getValue() : StringRef();
}

} // namespace llmc::raise
