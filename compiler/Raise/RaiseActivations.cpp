// RaiseActivations.cpp - finds gelu, its approximations and x * sigmoid(a x) in products that exporters write.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Raise/GraphMatch.h"
#include "compiler/Raise/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cmath>

using namespace mlir;
using namespace llmc::raise;

namespace llmc {
#define GEN_PASS_DEF_RAISEACTIVATIONSPASS
#include "compiler/Raise/Passes.h.inc"
} // namespace llmc

namespace {

/// y where a value is 1 + type(y).
Value onePlus(Value value, StringRef type) {
  Operation *add = madeBy(value, "Add");
  for (unsigned i : {0u, 1u})
    if (add && splatOf(add->getOperand(i)) == 1.0)
      if (Operation *inner = madeBy(add->getOperand(1 - i), type))
        return inner->getOperand(0);
  return {};
}

/// c where a value is c * x^power.
std::optional<double> monomial(Value value, Value x, int power) {
  Product p = productOf(value);
  int found = 0;
  for (Value part : p.values) {
    if (part == x)
      ++found;
    else if (Operation *pow = madeBy(part, "Pow"); pow && pow->getOperand(0) == x && splatOf(pow->getOperand(1)))
      found += static_cast<int>(*splatOf(pow->getOperand(1)));
    else
      return std::nullopt;
  }
  return found == power ? std::optional<double>(p.factor) : std::nullopt;
}

/// Whether a value is sqrt(2 / pi) * (x + 0.044715 x^3), in one of its spellings.
bool isTanhArgument(Value value, Value x) {
  Product p = productOf(value);
  constexpr double kRoot = 0.7978845608028654, kCube = 0.044715;
  if (!isNear(p.factor, kRoot))
    return false;
  bool outside = false;
  Value sum;
  for (Value part : p.values) {
    if (part == x && !outside)
      outside = true;
    else if (!sum)
      sum = part;
    else
      return false;
  }
  Operation *add = madeBy(sum, "Add");
  if (!add)
    return false;
  // x * (1 + c x^2), or x + c x^3.
  for (unsigned i : {0u, 1u}) {
    Value first = add->getOperand(i), second = add->getOperand(1 - i);
    bool isFirst = outside ? splatOf(first) == 1.0 : first == x;
    std::optional<double> c = isFirst ? monomial(second, x, outside ? 2 : 3) : std::nullopt;
    if (c && isNear(*c, kCube))
      return true;
  }
  return false;
}

struct RaiseActivations : llmc::impl::RaiseActivationsPassBase<RaiseActivations> {
  using RaiseActivationsPassBase::RaiseActivationsPassBase;

  void replace(Operation *root, Value x, StringRef type, int64_t since, ArrayRef<NamedAttribute> settings) {
    if (x.getType() != root->getResult(0).getType())
      return;
    Operation *made = createNode(root, type, since, {x}, root->getResultTypes(), settings);
    root->getResult(0).replaceAllUsesWith(made->getResult(0));
    ++numRaised;
  }

  void raise(Operation *root) {
    Builder b(&getContext());
    Product p = productOf(root->getResult(0));
    if (p.values.size() != 2)
      return;
    for (unsigned i : {0u, 1u}) {
      Value x = p.values[i], bent = p.values[1 - i];
      if (isNear(p.factor, 0.5)) {
        if (Value inner = onePlus(bent, "Erf")) {
          std::optional<double> scale = monomial(inner, x, 1);
          if (scale && isNear(*scale, std::sqrt(0.5)))
            return replace(root, x, "Gelu", 20, {});
        }
        if (Value inner = onePlus(bent, "Tanh"))
          if (isTanhArgument(inner, x))
            return replace(root, x, "Gelu", 20, b.getNamedAttr("approximate", b.getStringAttr("tanh")));
      }
      Operation *sigmoid = madeBy(bent, "Sigmoid");
      std::optional<double> alpha = sigmoid ? monomial(sigmoid->getOperand(0), x, 1) : std::nullopt;
      if (p.factor == 1 && alpha)
        return replace(root, x, "Swish", 24, b.getNamedAttr("alpha", b.getF32FloatAttr(static_cast<float>(*alpha))));
    }
  }

  void runOnOperation() override {
    SmallVector<Operation *> products;
    getOperation().walk([&](Operation *op) {
      StringRef type = llmc::onnx_ir::isNode(op) ? llmc::onnx_ir::nodeType(op) : StringRef();
      if ((type == "Mul" || type == "Div") &&
          isa<Float32Type, Float16Type, BFloat16Type>(typeOf(op->getResult(0)).getElementType()))
        products.push_back(op);
    });
    // The largest product first: it takes its parts with it.
    for (Operation *op : llvm::reverse(products))
      if (!op->use_empty())
        raise(op);
    if (!products.empty())
      eraseUnused(getOperation().getBody().front());
  }
};

} // namespace
