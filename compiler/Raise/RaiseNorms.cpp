// RaiseNorms.cpp - finds layer norms and root mean square norms in what exporters write of them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Raise/GraphMatch.h"
#include "compiler/Raise/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace llmc::raise;

namespace llmc {
#define GEN_PASS_DEF_RAISENORMSPASS
#include "compiler/Raise/Passes.h.inc"
} // namespace llmc

namespace {

/// What 1 / sqrt(mean(d^2) + epsilon) is made of.
struct Root {
  Value root;    ///< sqrt(...), or 1 / sqrt(...)
  bool inverted; ///< the latter
  Value input;   ///< x
  Value mean;    ///< of x where d is x - mean; null where d is x
  double epsilon = 0;
  int64_t axis = 0; ///< the first of the dimensions that are one row, up to the last
};

/// The first axis of a mean over the last dimensions that keeps them as 1, or nothing.
std::optional<int64_t> trailingAxis(Operation *mean) {
  if (integerOf(mean, "keepdims", 1) != 1)
    return std::nullopt;
  std::optional<SmallVector<int64_t>> axes;
  if (auto list = dyn_cast_or_null<DenseI64ArrayAttr>(llmc::onnx_ir::attributesOf(mean).get("axes")))
    axes = SmallVector<int64_t>(list.asArrayRef());
  else if (mean->getNumOperands() > 1)
    axes = integersOf(mean->getOperand(1));
  if (!axes || axes->empty())
    return std::nullopt;
  int64_t rank = typeOf(mean->getOperand(0)).getRank();
  for (int64_t &axis : *axes)
    axis += axis < 0 ? rank : 0;
  llvm::sort(*axes);
  for (auto [i, axis] : llvm::enumerate(*axes))
    if (axis != rank - static_cast<int64_t>(axes->size() - i))
      return std::nullopt;
  return (*axes)[0];
}

/// A value without a Cast to the type that it has.
Value withoutCast(Value value) {
  Operation *cast = madeBy(value, "Cast");
  return cast && cast->getOperand(0).getType() == value.getType() ? cast->getOperand(0) : value;
}

/// x where a value is x * x or x^2.
Value squareOf(Value value) {
  if (Operation *op = madeBy(value, "Mul"))
    return op->getOperand(0) == op->getOperand(1) ? op->getOperand(0) : Value();
  if (Operation *op = madeBy(value, "Pow"))
    return splatOf(op->getOperand(1)) == 2.0 ? op->getOperand(0) : Value();
  return {};
}

std::optional<Root> matchRoot(Operation *root) {
  Operation *add = madeBy(root->getOperand(0), "Add");
  if (!add)
    return std::nullopt;
  Root found;
  found.root = root->getResult(0);
  found.inverted = false;
  Value variance;
  for (unsigned i : {0u, 1u})
    if (std::optional<double> epsilon = splatOf(add->getOperand(i)); epsilon && *epsilon >= 0 && *epsilon < 0.1) {
      found.epsilon = *epsilon;
      variance = add->getOperand(1 - i);
    }
  Operation *mean = madeBy(variance, "ReduceMean");
  std::optional<int64_t> axis = mean ? trailingAxis(mean) : std::nullopt;
  Value d = axis ? withoutCast(squareOf(mean->getOperand(0))) : Value();
  if (!d)
    return std::nullopt;
  found.axis = *axis;
  found.input = d;
  // Squares are the same whichever is subtracted from the other.
  if (Operation *difference = madeBy(d, "Sub"))
    for (unsigned i : {0u, 1u}) {
      Operation *center = madeBy(difference->getOperand(1 - i), "ReduceMean");
      if (!center || center->getOperand(0) != difference->getOperand(i) || trailingAxis(center) != axis)
        continue;
      found.input = difference->getOperand(i);
      found.mean = center->getResult(0);
    }
  return found;
}

struct RaiseNorms : llmc::impl::RaiseNormsPassBase<RaiseNorms> {
  using RaiseNormsPassBase::RaiseNormsPassBase;

  void missed(Operation *op, const Twine &reason) {
    remark::missed(op->getLoc(), remark::RemarkOpts::name("not-raised").category("llmc-raise-norms"))
        << ("node '" + nameOf(op) + "' is no norm: " + reason).str();
  }

  /// The weight's shape is that of a row, or has ones before it.
  static bool fitsRow(Value weight, const Root &r) {
    ArrayRef<int64_t> row = typeOf(r.input).getShape().drop_front(r.axis), shape = typeOf(weight).getShape();
    if (typeOf(weight).getElementType() != typeOf(r.input).getElementType() || shape.size() < row.size())
      return false;
    return shape.take_back(row.size()) == row &&
           llvm::all_of(shape.drop_back(row.size()), [](int64_t size) { return size == 1; }) &&
           shape.size() == row.size();
  }

  /// x * weight where a value is that and nothing else uses what is multiplied.
  Operation *scaledBy(Value value, const Root &r, Value &weight) {
    if (!value.hasOneUse())
      return nullptr;
    Operation *user = *value.user_begin();
    if (!llmc::onnx_ir::isNode(user) || llmc::onnx_ir::nodeType(user) != "Mul")
      return nullptr;
    weight = otherOperand(user, value);
    return weight && weight != value && fitsRow(weight, r) ? user : nullptr;
  }

  void replace(Operation *last, const Root &r, Value weight, Value bias) {
    auto type = typeOf(last->getResult(0));
    if (type != typeOf(r.input) || type.getElementType().isF64())
      return missed(last, "it is not computed in the input's type and shape, or in double");
    if (llvm::any_of(type.getShape().drop_front(r.axis), ShapedType::isDynamic))
      return missed(last, "the sizes that it is over are known only at run time");
    if (!weight)
      weight = createSplat(
          last, RankedTensorType::get(typeOf(r.input).getShape().drop_front(r.axis), type.getElementType()), 1);
    Builder b(&getContext());
    SmallVector<NamedAttribute> settings = {
        b.getNamedAttr("axis", b.getI64IntegerAttr(r.axis)),
        b.getNamedAttr("epsilon", b.getF32FloatAttr(static_cast<float>(r.epsilon)))};
    Operation *norm = r.mean ? createNode(last, "LayerNormalization", 17, {r.input, weight, bias}, type, settings)
                             : createNode(last, "RMSNormalization", 23, {r.input, weight}, type, settings);
    last->getResult(0).replaceAllUsesWith(norm->getResult(0));
    ++(r.mean ? numLayerNorms : numRMSNorms);
  }

  /// From the normalised row on: times a weight, plus a bias.
  void finish(Operation *normal, const Root &r) {
    Value weight, bias;
    Operation *last = normal;
    if (Operation *scaled = scaledBy(normal->getResult(0), r, weight)) {
      last = scaled;
      if (r.mean && scaled->getResult(0).hasOneUse()) {
        Operation *user = *scaled->getResult(0).user_begin();
        if (llmc::onnx_ir::isNode(user) && llmc::onnx_ir::nodeType(user) == "Add") {
          Value other = otherOperand(user, scaled->getResult(0));
          if (other && fitsRow(other, r)) {
            bias = other;
            last = user;
          }
        }
      }
    } else {
      weight = Value();
    }
    replace(last, r, weight, bias);
  }

  bool isCentered(Value value, const Root &r) {
    if (!r.mean)
      return value == r.input;
    Operation *difference = madeBy(value, "Sub");
    if (!difference || difference->getOperand(0) != r.input)
      return false;
    Operation *center = madeBy(difference->getOperand(1), "ReduceMean");
    return center && center->getOperand(0) == r.input && trailingAxis(center) == r.axis;
  }

  /// x * (r * gamma) + (beta - mean * (r * gamma)), as TensorFlow writes it.
  bool matchFolded(Operation *product, const Root &r) {
    Value weight = otherOperand(product, r.root);
    if (!r.mean || !weight || !fitsRow(weight, r))
      return false;
    Value turned = product->getResult(0), large, small;
    for (Operation *user : turned.getUsers()) {
      Value other = llmc::onnx_ir::nodeType(user) == "Mul" ? otherOperand(user, turned) : Value();
      if (other == r.input)
        large = user->getResult(0);
      else if (Operation *center = madeBy(other, "ReduceMean"); center && center->getOperand(0) == r.input)
        small = user->getResult(0);
    }
    if (!large || !small || !large.hasOneUse() || !small.hasOneUse())
      return false;
    Operation *difference = *small.user_begin(), *sum = *large.user_begin();
    if (llmc::onnx_ir::nodeType(difference) != "Sub" || difference->getOperand(1) != small ||
        llmc::onnx_ir::nodeType(sum) != "Add" || otherOperand(sum, large) != difference->getResult(0) ||
        !fitsRow(difference->getOperand(0), r))
      return false;
    replace(sum, r, weight, difference->getOperand(0));
    return true;
  }

  void raise(Operation *sqrt) {
    std::optional<Root> found = matchRoot(sqrt);
    if (!found)
      return;
    SmallVector<Root> roots = {*found};
    // 1 / sqrt(...), in either spelling.
    for (Operation *user : sqrt->getResult(0).getUsers()) {
      StringRef type = llmc::onnx_ir::isNode(user) ? llmc::onnx_ir::nodeType(user) : StringRef();
      bool divides = type == "Div" && user->getOperand(1) == found->root && splatOf(user->getOperand(0)) == 1.0;
      if (type == "Reciprocal" || divides) {
        Root inverse = *found;
        inverse.root = user->getResult(0);
        inverse.inverted = true;
        roots.push_back(inverse);
      }
    }
    bool any = false;
    for (const Root &r : roots)
      for (Operation *user : llvm::make_early_inc_range(r.root.getUsers())) {
        StringRef type = llmc::onnx_ir::isNode(user) ? llmc::onnx_ir::nodeType(user) : StringRef();
        if (!r.inverted && type == "Div" && user->getOperand(1) == r.root && isCentered(user->getOperand(0), r)) {
          finish(user, r);
          any = true;
        } else if (r.inverted && type == "Mul" && isCentered(otherOperand(user, r.root), r)) {
          finish(user, r);
          any = true;
        } else if (r.inverted && type == "Mul" && matchFolded(user, r)) {
          any = true;
        }
      }
    if (!any)
      missed(sqrt, "the root is not used as one of a row's numbers over it");
  }

  void runOnOperation() override {
    SmallVector<Operation *> roots;
    getOperation().walk([&](Operation *op) {
      if (llmc::onnx_ir::isNode(op) && llmc::onnx_ir::nodeType(op) == "Sqrt")
        roots.push_back(op);
    });
    for (Operation *op : roots)
      raise(op);
    if (!roots.empty())
      eraseUnused(getOperation().getBody().front());
  }
};

} // namespace
