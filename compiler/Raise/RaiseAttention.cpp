// RaiseAttention.cpp - finds softmax(q k^T * scale + mask) v in graphs and makes one Attention of it.
//
// Only what means the same is raised: where a mask multiplies scores, or replaces them by a number that a softmax can
// still see, it becomes llmc.Attention, which does just that.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Raise/GraphMatch.h"
#include "compiler/Raise/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace llmc::raise;

namespace llmc {
#define GEN_PASS_DEF_RAISEATTENTIONPASS
#include "compiler/Raise/Passes.h.inc"
} // namespace llmc

namespace {

/// Below this a score that is added is lost in rounding, so that adding the number and replacing by it are one.
constexpr double kAsGoodAsNothing = -1e20;

/// What scores are made of, outermost first.
struct Scores {
  Operation *product = nullptr; ///< q k^T
  double scale = 1;
  Value bias;                 ///< what is added, or null
  Value factor;               ///< what scores are multiplied with before, or null
  Value seen;                 ///< bool: elsewhere `fill` stands in place of what is above; or null
  std::optional<double> fill; ///< set where something is replaced
  Value late;                 ///< what is added after that, or null
};

struct RaiseAttention : llmc::impl::RaiseAttentionPassBase<RaiseAttention> {
  using RaiseAttentionPassBase::RaiseAttentionPassBase;

  LogicalResult missed(Operation *op, const Twine &reason) {
    ++numMissed;
    remark::missed(op->getLoc(), remark::RemarkOpts::name("not-raised").category("llmc-raise-attention"))
        << ("node '" + nameOf(op) + "' is no attention: " + reason).str();
    return failure();
  }

  /// What a value is without steps that change nothing.
  static Value plain(Value value) {
    while (Operation *op = value.getDefiningOp()) {
      if (!llmc::onnx_ir::isNode(op))
        break;
      StringRef type = llmc::onnx_ir::nodeType(op);
      bool same = type == "Identity" || (type == "Dropout" && op->getNumResults() == 1);
      bool widened = type == "Cast" && isa<FloatType>(typeOf(op->getOperand(0)).getElementType()) &&
                     isa<FloatType>(typeOf(value).getElementType());
      if (!same && !widened)
        break;
      value = op->getOperand(0);
    }
    return value;
  }

  /// Whether a product of two values is below a value, on a way that `read` can follow.
  static bool leadsToProduct(Value value, unsigned depth = 0) {
    value = plain(value);
    Operation *op = value.getDefiningOp();
    if (!op || !llmc::onnx_ir::isNode(op) || depth > 8)
      return false;
    StringRef type = llmc::onnx_ir::nodeType(op);
    if (type == "MatMul")
      return true;
    if (type == "Add" || type == "Mul" || type == "Max" || type == "Sub")
      return leadsToProduct(op->getOperand(0), depth + 1) ||
             (op->getNumOperands() > 1 && leadsToProduct(op->getOperand(1), depth + 1));
    if (type == "Div")
      return leadsToProduct(op->getOperand(0), depth + 1);
    return type == "Where" &&
           (leadsToProduct(op->getOperand(1), depth + 1) || leadsToProduct(op->getOperand(2), depth + 1));
  }

  Value addBias(Operation *where, Value a, Value b) {
    if (!a)
      return b;
    // The wider of two that broadcast.
    auto x = typeOf(a), y = typeOf(b);
    if (x.getElementType() != y.getElementType())
      return {};
    int64_t rank = std::max(x.getRank(), y.getRank());
    SmallVector<AffineExpr> shape(rank, getAffineConstantExpr(1, &getContext()));
    for (auto type : {x, y})
      for (auto [i, size] : llvm::enumerate(sizesOf(type)))
        if (AffineExpr &own = shape[rank - type.getRank() + i]; isOne(own))
          own = size;
    return createNode(where, "Add", 14, {a, b}, typeFrom(shape, x.getElementType()))->getResult(0);
  }

  /// Takes scores apart down to the product. `softmax` is for remarks and where new nodes go.
  LogicalResult read(Operation *softmax, Value value, Scores &s) {
    value = plain(value);
    Operation *op = value.getDefiningOp();
    StringRef type = op && llmc::onnx_ir::isNode(op) ? llmc::onnx_ir::nodeType(op) : StringRef();
    if (type == "MatMul") {
      s.product = op;
      return success();
    }
    auto scaled = [&](Value bias) -> FailureOr<Value> {
      if (s.factor) {
        (void)missed(softmax, "something is added to its scores before they are multiplied");
        return failure();
      }
      if (s.scale == 1)
        return bias;
      (void)missed(softmax, "its mask is scaled with the scores");
      return failure();
    };
    if (type == "Add" || type == "Sub") {
      bool first = leadsToProduct(op->getOperand(0));
      if (type == "Sub" && !first)
        return missed(softmax, "scores are subtracted from something");
      if (!first && !leadsToProduct(op->getOperand(1)))
        return missed(softmax, "its scores are no product of two values");
      FailureOr<Value> bias = scaled(op->getOperand(first ? 1 : 0));
      if (failed(bias))
        return failure();
      Value term = *bias;
      if (type == "Sub")
        term = createNode(softmax, "Neg", 13, {term}, term.getType())->getResult(0);
      if (s.bias = addBias(softmax, s.bias, term); !s.bias)
        return missed(softmax, "its masks are of two types");
      return read(softmax, op->getOperand(first ? 0 : 1), s);
    }
    if (type == "Mul" || type == "Div") {
      for (unsigned i : {1u, 0u})
        if (i == 1 || type == "Mul")
          if (std::optional<double> number = splatOf(op->getOperand(i)); number && *number != 0) {
            s.scale = type == "Mul" ? s.scale * *number : s.scale / *number;
            return read(softmax, op->getOperand(1 - i), s);
          }
      bool first = leadsToProduct(op->getOperand(0));
      if (type == "Div" || s.factor || (!first && !leadsToProduct(op->getOperand(1))))
        return missed(softmax, type == "Div" ? "its scores are divided by something that is not one known number"
                                             : "its scores are multiplied by more than one tensor");
      s.factor = op->getOperand(first ? 1 : 0);
      return read(softmax, op->getOperand(first ? 0 : 1), s);
    }
    if (type == "Max" && op->getNumOperands() == 2) {
      for (unsigned i : {0u, 1u})
        if (std::optional<double> number = splatOf(op->getOperand(i)); number && *number <= kAsGoodAsNothing)
          return read(softmax, op->getOperand(1 - i), s);
      return missed(softmax, "its scores are kept above something that is not a very small number");
    }
    if (type == "Where") {
      bool first = leadsToProduct(op->getOperand(1));
      std::optional<double> fill = splatOf(op->getOperand(first ? 2 : 1));
      if (!fill)
        return missed(softmax, "its mask puts something in place of scores that is not one known number");
      FailureOr<Value> one = scaled(op->getOperand(0));
      if (failed(one))
        return failure();
      if (!(*fill <= kAsGoodAsNothing)) {
        if (s.fill)
          return missed(softmax, "its scores are replaced twice");
        s.fill = fill;
        s.seen = op->getOperand(0);
        if (!first)
          s.seen = createNode(softmax, "Not", 1, {s.seen}, s.seen.getType())->getResult(0);
        std::swap(s.late, s.bias); // what was met so far is added behind
        return read(softmax, op->getOperand(first ? 1 : 2), s);
      }
      auto element = typeOf(value).getElementType();
      auto scalar = RankedTensorType::get({}, element);
      Value none = createSplat(softmax, scalar, *fill), zero = createSplat(softmax, scalar, 0);
      Value term = createNode(softmax, "Where", 16, {op->getOperand(0), first ? zero : none, first ? none : zero},
                              typeFrom(sizesOf(typeOf(op->getOperand(0))), element))
                       ->getResult(0);
      if (s.bias = addBias(softmax, s.bias, term); !s.bias)
        return missed(softmax, "its masks are of two types");
      return read(softmax, op->getOperand(first ? 1 : 2), s);
    }
    return missed(softmax, type.empty() ? Twine("its scores are no product of two values")
                                        : "its scores come from a node of type " + type);
  }

  static bool isLastAxis(Operation *softmax) {
    int64_t rank = typeOf(softmax->getOperand(0)).getRank();
    int64_t axis = integerOf(softmax, "axis", llmc::onnx_ir::sinceOf(softmax) < 13 ? 1 : -1);
    return axis == -1 || axis == rank - 1;
  }

  /// The softmax that makes the weights of a product, through guards of rows that see nothing.
  static Operation *softmaxOf(Value weights) {
    weights = plain(weights);
    if (Operation *where = madeBy(weights, "Where"))
      if (Operation *test = madeBy(where->getOperand(0), "IsNaN");
          test && splatOf(where->getOperand(1)) == 0.0 && plain(test->getOperand(0)) == plain(where->getOperand(2)))
        weights = plain(where->getOperand(2));
    return madeBy(weights, "Softmax");
  }

  static bool isComputed(Value value) {
    return isa<Float32Type, Float16Type, BFloat16Type>(typeOf(value).getElementType());
  }

  LogicalResult raise(Operation *last) {
    Operation *softmax = softmaxOf(last->getOperand(0));
    if (!softmax)
      return failure(); // some other product
    if (!isLastAxis(softmax))
      return missed(softmax, "its axis is not the last");
    Scores s;
    if (failed(read(softmax, softmax->getOperand(0), s)))
      return failure();
    Value query = s.product->getOperand(0), turned = s.product->getOperand(1), value = last->getOperand(1);
    int64_t rank = typeOf(query).getRank();
    if ((rank != 3 && rank != 4) || typeOf(turned).getRank() != rank || typeOf(value).getRank() != rank)
      return missed(softmax, "query, key and value are not all of rank 3 or 4");
    SmallVector<AffineExpr> q = sizesOf(typeOf(query)), k = sizesOf(typeOf(turned)), v = sizesOf(typeOf(value));
    auto batch = [](ArrayRef<AffineExpr> sizes) { return sizes.drop_back(2); };
    if (batch(q) != batch(k) || batch(q) != batch(v))
      return missed(softmax, "query, key and value have different heads");
    auto isOpen = [](AffineExpr size) { return !isa<AffineConstantExpr>(size); };
    if (isOpen(q.back()) || isOpen(v.back()) || (rank == 4 && isOpen(q[1])))
      return missed(softmax, "the number of its heads or their width is known only at run time");
    // Heads rolled into a batch stand as heads; where their number is known only at run time, as batch.
    const int64_t place = rank == 3 && isOpen(q[0]) ? 1 : 0;
    if (!isComputed(query) || typeOf(query).getElementType() != typeOf(value).getElementType() ||
        typeOf(last->getResult(0)).getElementType() != typeOf(query).getElementType())
      return missed(softmax, "query and value are of different types, or double");
    for (Value mask : {s.bias, s.factor, s.seen, s.late}) {
      if (!mask)
        continue;
      int64_t own = typeOf(mask).getRank();
      bool isOwn = s.factor || s.fill; // llmc.Attention spreads what is one for all keys
      if (own > 4 || (own < 1 && !isOwn) || own > rank)
        return missed(softmax, "its mask is of rank " + Twine(own));
      if (!isOwn && isOne(sizesOf(typeOf(mask)).back()) && !isOne(k.back()))
        return missed(softmax, "its mask is one number for all keys");
      if (!isOwn && isOpen(sizesOf(typeOf(mask)).back()) && sizesOf(typeOf(mask)).back() != k.back())
        return missed(softmax, "its mask is of another number of keys");
    }

    // All to [batch, heads, sequence, width]; a transposed key is transposed back, which mostly cancels.
    Builder b(&getContext());
    auto four = [&](Value x) -> Value {
      if (rank == 4)
        return x;
      SmallVector<AffineExpr> shape = sizesOf(typeOf(x));
      shape.insert(shape.begin() + place, getAffineConstantExpr(1, &getContext()));
      return createNode(last, "Unsqueeze", 13, {x, createIntegers(last, {place})},
                        typeFrom(shape, typeOf(x).getElementType()))
          ->getResult(0);
    };
    if (place == 1)
      for (Value *mask : {&s.bias, &s.factor, &s.seen, &s.late})
        if (*mask && typeOf(*mask).getRank() == 3)
          *mask = four(*mask);
    query = four(query);
    turned = four(turned);
    value = four(value);
    SmallVector<AffineExpr> keyShape = sizesOf(typeOf(turned));
    std::swap(keyShape[2], keyShape[3]);
    Value key;
    Operation *transposed = madeBy(turned, "Transpose");
    auto order = transposed ? dyn_cast_or_null<DenseI64ArrayAttr>(llmc::onnx_ir::attributesOf(transposed).get("perm"))
                            : DenseI64ArrayAttr();
    if (order && order.asArrayRef() == ArrayRef<int64_t>({0, 1, 3, 2})) {
      key = transposed->getOperand(0);
    } else {
      // The order of what it was before, last two swapped.
      Value source = turned;
      SmallVector<int64_t> perm = {0, 1, 3, 2};
      if (order) {
        source = transposed->getOperand(0);
        perm.assign(order.asArrayRef().begin(), order.asArrayRef().end());
        std::swap(perm[2], perm[3]);
      }
      key = createNode(last, "Transpose", 13, {source}, typeFrom(keyShape, typeOf(turned).getElementType()),
                       b.getNamedAttr("perm", b.getDenseI64ArrayAttr(perm)))
                ->getResult(0);
    }
    SmallVector<AffineExpr> outShape = sizesOf(typeOf(query));
    outShape.back() = sizesOf(typeOf(value)).back();
    RankedTensorType outType = typeFrom(outShape, typeOf(query).getElementType());
    SmallVector<NamedAttribute> settings = {b.getNamedAttr("scale", b.getF32FloatAttr(static_cast<float>(s.scale)))};
    Value result;
    if (s.factor || s.fill) {
      if (s.fill)
        settings.push_back(b.getNamedAttr("fill", b.getF32FloatAttr(static_cast<float>(*s.fill))));
      result = createNode(last, "llmc.Attention", 1, {query, key, value, s.bias, s.factor, s.seen, s.late}, outType,
                          settings)
                   ->getResult(0);
    } else {
      result = createNode(last, "Attention", 23, {query, key, value, s.bias}, outType, settings)->getResult(0);
    }
    if (rank == 3)
      result = createNode(last, "Squeeze", 13, {result, createIntegers(last, {place})}, last->getResultTypes())
                   ->getResult(0);
    if (result.getType() != last->getResult(0).getType())
      return missed(softmax, "its result is of another shape");
    last->getResult(0).replaceAllUsesWith(result);
    ++numRaised;
    return success();
  }

  void runOnOperation() override {
    SmallVector<Operation *> products;
    getOperation().walk([&](Operation *op) {
      if (llmc::onnx_ir::isNode(op) && llmc::onnx_ir::nodeType(op) == "MatMul")
        products.push_back(op);
    });
    for (Operation *op : products)
      (void)raise(op);
    if (!products.empty())
      eraseUnused(getOperation().getBody().front());
  }
};

} // namespace
