// Extents.cpp - polynomials over symbols, their bounds, and types whose sizes they are.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Extents.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

using namespace mlir;

namespace llmc::onnx_import {

/// Far above every size, and small enough that sums of a few do not overflow.
static constexpr int64_t kBeyond = int64_t(1) << 45;
/// Of a symbol that is made of others.
constexpr size_t kLongestName = 200;

/// An expression has no product of more symbols, and is no product of more sums.
static constexpr size_t kMostFactors = 64, kMostTerms = 4096;

static int64_t clampedProduct(int64_t a, int64_t b) {
  int64_t result;
  if (llvm::MulOverflow(a, b, result))
    return (a < 0) == (b < 0) ? kBeyond : -kBeyond;
  return std::clamp(result, -kBeyond, kBeyond);
}

/// Numbers beside each other: what files hold may overflow, or be taken for the number of an expression.
static int64_t within(bool overflows, int64_t result, bool isNegative) {
  if (overflows)
    result = isNegative ? INT64_MIN : INT64_MAX;
  return std::clamp<int64_t>(result, -kFirstExtent, kFirstExtent - 1);
}

const Extents::Polynomial &Extents::expressionOf(int64_t size) const {
  static const Polynomial beyond = {{{}, kBeyond}};
  size_t place = static_cast<size_t>(size - kFirstExtent);
  return place < numbered.size() ? numbered[place] : beyond; // a number of a file that is none of ours
}

//===-- numbers --------------------------------------------------------------------------------------------------===//

Extents::Polynomial Extents::polynomial(int64_t size) const {
  if (isOpen(size))
    return expressionOf(size);
  Polynomial result;
  if (size != 0)
    result[{}] = std::clamp(size, -kBeyond, kBeyond);
  return result;
}

int64_t Extents::number(const Polynomial &polynomial) {
  if (polynomial.empty())
    return 0;
  if (polynomial.size() == 1 && polynomial.begin()->first.empty())
    return polynomial.begin()->second;
  auto [found, isNew] = numbers.try_emplace(polynomial, kFirstExtent + static_cast<int64_t>(numbered.size()));
  if (isNew)
    numbered.push_back(polynomial);
  assert(isOpen(found->second) && "the importer bounds the number of nodes, and so of expressions");
  return found->second;
}

int64_t Extents::input(StringRef name, int64_t minimum, int64_t maximum, int64_t input, int64_t dim) {
  if (minimum == maximum)
    return minimum;
  all.push_back({name.str(), Kind::Input, minimum, maximum, input, dim});
  return number({{{static_cast<unsigned>(all.size() - 1)}, 1}});
}

int64_t Extents::value(StringRef name, int64_t minimum, int64_t maximum) {
  all.push_back({name.str(), Kind::Value, minimum, maximum});
  return number({{{static_cast<unsigned>(all.size() - 1)}, 1}});
}

std::optional<unsigned> Extents::symbolOf(int64_t size) const {
  if (!isOpen(size))
    return std::nullopt;
  const Polynomial &p = expressionOf(size);
  if (p.size() == 1 && p.begin()->second == 1 && p.begin()->first.size() == 1)
    return p.begin()->first[0];
  return std::nullopt;
}

int64_t Extents::derived(Kind kind, int64_t a, int64_t b, int64_t minimum, int64_t maximum) {
  minimum = std::clamp(minimum, -kBeyond, kBeyond);
  maximum = std::clamp(maximum, -kBeyond, kBeyond);
  if (minimum == maximum)
    return minimum;
  for (auto [i, symbol] : llvm::enumerate(all))
    if (symbol.kind == kind && symbol.a == a && symbol.b == b)
      return number({{{static_cast<unsigned>(i)}, 1}});
  std::string name = kind == Kind::Least ? "min(" : kind == Kind::Most ? "max(" : "floor(";
  name += text(a) + (kind == Kind::Quotient ? " / " : ", ") + text(b) + ")";
  // Turns of a loop may each name the one before twice.
  if (name.size() > kLongestName)
    name = "size" + std::to_string(all.size());
  all.push_back({std::move(name), kind, minimum, maximum, a, b});
  return number({{{static_cast<unsigned>(all.size() - 1)}, 1}});
}

//===-- arithmetic -----------------------------------------------------------------------------------------------===//

int64_t Extents::add(int64_t a, int64_t b) {
  if (!isOpen(a) && !isOpen(b)) {
    int64_t result;
    bool overflows = llvm::AddOverflow(a, b, result);
    return within(overflows, result, a < 0);
  }
  Polynomial sum = polynomial(a);
  for (const auto &[monomial, coefficient] : polynomial(b)) {
    int64_t &into = sum[monomial];
    into = std::clamp(into + std::clamp(coefficient, -kBeyond, kBeyond), -kBeyond, kBeyond);
    if (into == 0)
      sum.erase(monomial);
  }
  return number(sum);
}

int64_t Extents::sub(int64_t a, int64_t b) {
  if (!isOpen(a) && !isOpen(b)) {
    int64_t result;
    bool overflows = llvm::SubOverflow(a, b, result);
    return within(overflows, result, a < 0);
  }
  return add(a, mul(b, -1));
}

int64_t Extents::mul(int64_t a, int64_t b) {
  if (!isOpen(a) && !isOpen(b)) {
    int64_t result;
    bool overflows = llvm::MulOverflow(a, b, result);
    return within(overflows, result, (a < 0) != (b < 0));
  }
  Polynomial product;
  const Polynomial left = polynomial(a), right = polynomial(b);
  // What no file needs would grow without end: it stands for more than any size can be.
  size_t degree = 0;
  for (const Polynomial *factor : {&left, &right}) {
    size_t most = 0;
    for (const auto &term : *factor)
      most = std::max(most, term.first.size());
    degree += most;
  }
  if (degree > kMostFactors || left.size() * right.size() > kMostTerms)
    return kBeyond;
  for (const auto &[x, p] : left)
    for (const auto &[y, q] : right) {
      Monomial both = x;
      both.insert(both.end(), y.begin(), y.end());
      std::sort(both.begin(), both.end());
      int64_t &into = product[both];
      into = std::clamp(into + clampedProduct(p, q), -kBeyond, kBeyond);
      if (into == 0)
        product.erase(both);
    }
  return number(product);
}

int64_t Extents::product(ArrayRef<int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    result = mul(result, size);
  return result;
}

/// Division of the leading terms, until nothing is left.
std::optional<Extents::Polynomial> Extents::divide(Polynomial from, const Polynomial &by) {
  if (by.empty())
    return std::nullopt;
  // Order by degree, then by symbols: the product of leading terms leads the product.
  auto leading = [](const Polynomial &p) {
    return std::max_element(p.begin(), p.end(), [](const auto &x, const auto &y) {
      return x.first.size() != y.first.size() ? x.first.size() < y.first.size() : x.first > y.first;
    });
  };
  Polynomial quotient;
  auto divisor = leading(by);
  while (!from.empty()) {
    auto lead = leading(from);
    Monomial rest;
    if (!std::includes(lead->first.begin(), lead->first.end(), divisor->first.begin(), divisor->first.end()) ||
        lead->second % divisor->second != 0)
      return std::nullopt;
    std::set_difference(lead->first.begin(), lead->first.end(), divisor->first.begin(), divisor->first.end(),
                        std::back_inserter(rest));
    int64_t coefficient = lead->second / divisor->second;
    if (quotient.size() > 64 || !quotient.emplace(rest, coefficient).second)
      return std::nullopt;
    for (const auto &[monomial, factor] : by) {
      Monomial both = monomial;
      both.insert(both.end(), rest.begin(), rest.end());
      std::sort(both.begin(), both.end());
      int64_t &into = from[both];
      into -= clampedProduct(factor, coefficient);
      if (into == 0)
        from.erase(both);
    }
  }
  return quotient;
}

std::optional<int64_t> Extents::exact(int64_t a, int64_t b) const {
  if (!isOpen(a) && !isOpen(b))
    return b != 0 && a % b == 0 ? std::optional<int64_t>(a / b) : std::nullopt;
  std::optional<Polynomial> quotient = divide(polynomial(a), polynomial(b));
  return quotient ? std::optional<int64_t>(const_cast<Extents *>(this)->number(*quotient)) : std::nullopt;
}

int64_t Extents::div(int64_t a, int64_t b) {
  if (std::optional<int64_t> whole = exact(a, b))
    return *whole;
  if (!isOpen(a) && !isOpen(b))
    return llvm::divideFloorSigned(a, b);
  auto [lowA, highA] = bounds(a);
  auto [lowB, highB] = bounds(b);
  lowB = std::max<int64_t>(lowB, 1), highB = std::max<int64_t>(highB, 1);
  return derived(Kind::Quotient, a, b, llvm::divideFloorSigned(lowA, lowA < 0 ? lowB : highB),
                 llvm::divideFloorSigned(highA, highA < 0 ? highB : lowB));
}

int64_t Extents::least(int64_t a, int64_t b) {
  if (!isOpen(a) && !isOpen(b))
    return std::min(a, b);
  auto [low, high] = bounds(sub(a, b));
  if (high <= 0)
    return a;
  if (low >= 0)
    return b;
  auto [lowA, highA] = bounds(a);
  auto [lowB, highB] = bounds(b);
  return derived(Kind::Least, a, b, std::min(lowA, lowB), std::min(highA, highB));
}

int64_t Extents::most(int64_t a, int64_t b) {
  if (!isOpen(a) && !isOpen(b))
    return std::max(a, b);
  auto [low, high] = bounds(sub(a, b));
  if (low >= 0)
    return a;
  if (high <= 0)
    return b;
  if (isOpen(a) && !isOpen(b))
    std::swap(a, b);
  // max(0, max(0, x) - 1) is max(0, x - 1).
  if (!isOpen(a)) {
    Polynomial sum = polynomial(b);
    auto constant = sum.find({});
    int64_t more = constant == sum.end() ? 0 : constant->second;
    std::optional<unsigned> inner = symbolOf(sub(b, more));
    if (inner && all[*inner].kind == Kind::Most && !isOpen(all[*inner].a) && all[*inner].a + more <= a)
      return most(a, add(all[*inner].b, more));
  }
  auto [lowA, highA] = bounds(a);
  auto [lowB, highB] = bounds(b);
  return derived(Kind::Most, a, b, std::max(lowA, lowB), std::max(highA, highB));
}

bool Extents::agree(int64_t a, int64_t b) {
  if (a == b)
    return true;
  auto [low, high] = bounds(sub(a, b));
  if ((!isOpen(a) && !isOpen(b)) || low > 0 || high < 0)
    return false;
  for (const Symbol &symbol : all)
    if (symbol.kind == Kind::Equal && ((symbol.a == a && symbol.b == b) || (symbol.a == b && symbol.b == a)))
      return true;
  all.push_back({text(a) + " = " + text(b), Kind::Equal, 1, 1, a, b});
  return true;
}

std::set<unsigned> Extents::symbolsIn(int64_t size) const {
  std::set<unsigned> symbols;
  if (isOpen(size))
    for (const auto &[monomial, coefficient] : expressionOf(size))
      symbols.insert(monomial.begin(), monomial.end());
  return symbols;
}

std::pair<int64_t, int64_t> Extents::bounds(int64_t size) const {
  if (!isOpen(size))
    return {size, size};
  int64_t low = 0, high = 0;
  for (const auto &[monomial, coefficient] : expressionOf(size)) {
    int64_t least = coefficient, most = coefficient;
    for (unsigned i : monomial) {
      const Symbol &symbol = all[i];
      auto ends = {clampedProduct(least, symbol.minimum), clampedProduct(least, symbol.maximum),
                   clampedProduct(most, symbol.minimum), clampedProduct(most, symbol.maximum)};
      least = std::min(ends), most = std::max(ends);
    }
    low = std::clamp(low + std::clamp(least, -kBeyond, kBeyond), -kBeyond, kBeyond);
    high = std::clamp(high + std::clamp(most, -kBeyond, kBeyond), -kBeyond, kBeyond);
  }
  return {low, high};
}

std::optional<bool> Extents::isNegative(int64_t size) const {
  auto [low, high] = bounds(size);
  if (low >= 0)
    return false;
  return high < 0 ? std::optional<bool>(true) : std::nullopt;
}

//===-- text -----------------------------------------------------------------------------------------------------===//

std::string Extents::text(int64_t size) const {
  if (!isOpen(size))
    return std::to_string(size);
  std::string result;
  // What has symbols first.
  const Polynomial &p = expressionOf(size);
  for (auto term = p.rbegin(); term != p.rend(); ++term) {
    const auto &[monomial, coefficient] = *term;
    int64_t factor = result.empty() ? coefficient : std::abs(coefficient);
    if (!result.empty())
      result += coefficient < 0 ? " - " : " + ";
    std::string own;
    for (unsigned i : monomial)
      own += (own.empty() ? "" : "*") + all[i].name;
    if (own.empty())
      own = std::to_string(factor);
    else if (factor != 1)
      own = (factor == -1 ? "-" : std::to_string(factor) + "*") + own;
    result += own;
  }
  return result;
}

std::string Extents::text(RankedTensorType type) const {
  std::string result = "'tensor<";
  for (int64_t size : type.getShape())
    result += (isOpen(size) ? "(" + text(size) + ")" : std::to_string(size)) + "x";
  llvm::raw_string_ostream(result) << type.getElementType() << ">'";
  return result;
}

//===-- types and attributes -------------------------------------------------------------------------------------===//

AffineExpr Extents::expression(const Polynomial &polynomial) const {
  AffineExpr sum = getAffineConstantExpr(0, context);
  for (const auto &[monomial, coefficient] : polynomial) {
    AffineExpr term = getAffineConstantExpr(1, context);
    for (unsigned i : monomial)
      term = term * getAffineSymbolExpr(i, context);
    sum = sum + term * coefficient;
  }
  return sum;
}
AffineExpr Extents::expression(int64_t size) const { return expression(polynomial(size)); }

Extents::Polynomial Extents::polynomial(AffineExpr expr) const {
  Polynomial result;
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return polynomial(constant.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    result[{symbol.getPosition()}] = 1;
    return result;
  }
  auto *self = const_cast<Extents *>(this);
  auto both = cast<AffineBinaryOpExpr>(expr);
  int64_t a = self->number(polynomial(both.getLHS())), b = self->number(polynomial(both.getRHS()));
  return polynomial(expr.getKind() == AffineExprKind::Add ? self->add(a, b) : self->mul(a, b));
}

RankedTensorType Extents::toIR(RankedTensorType numbered) const {
  SmallVector<int64_t> shape(numbered.getShape());
  if (!isOpen(shape))
    return numbered;
  SmallVector<AffineExpr> sizes;
  for (int64_t &size : shape) {
    sizes.push_back(expression(size));
    if (isOpen(size))
      size = ShapedType::kDynamic;
  }
  unsigned used = 0;
  for (AffineExpr size : sizes)
    for (unsigned i = 0; i < all.size(); ++i)
      if (size.isFunctionOfSymbol(i))
        used = std::max(used, i + 1);
  AffineMap map = AffineMap::get(0, used, sizes, context);
  return RankedTensorType::get(shape, numbered.getElementType(), AffineMapAttr::get(map));
}

RankedTensorType Extents::fromIR(RankedTensorType type) {
  auto map = dyn_cast_or_null<AffineMapAttr>(type.getEncoding());
  if (!map)
    return type;
  SmallVector<int64_t> shape;
  for (AffineExpr size : map.getAffineMap().getResults())
    shape.push_back(number(polynomial(size)));
  return RankedTensorType::get(shape, type.getElementType());
}

ArrayAttr Extents::attribute() const {
  Builder b(context);
  SmallVector<Attribute> list;
  for (const Symbol &symbol : all) {
    SmallVector<NamedAttribute> fields = {
        b.getNamedAttr("kind", b.getI64IntegerAttr(static_cast<int64_t>(symbol.kind))),
        b.getNamedAttr("maximum", b.getI64IntegerAttr(symbol.maximum)),
        b.getNamedAttr("minimum", b.getI64IntegerAttr(symbol.minimum)),
        b.getNamedAttr("name", b.getStringAttr(symbol.name))};
    if (symbol.kind == Kind::Input)
      fields.push_back(b.getNamedAttr("place", b.getDenseI64ArrayAttr({symbol.a, symbol.b})));
    else if (symbol.kind != Kind::Value)
      fields.push_back(b.getNamedAttr(
          "of",
          AffineMapAttr::get(AffineMap::get(0, all.size(), {expression(symbol.a), expression(symbol.b)}, context))));
    list.push_back(b.getDictionaryAttr(fields));
  }
  return b.getArrayAttr(list);
}

LogicalResult Extents::read(ArrayAttr attribute) {
  for (auto fields : attribute.getAsRange<DictionaryAttr>()) {
    auto kind = fields.getAs<IntegerAttr>("kind"), low = fields.getAs<IntegerAttr>("minimum"),
         high = fields.getAs<IntegerAttr>("maximum");
    auto name = fields.getAs<StringAttr>("name");
    if (!kind || !low || !high || !name || kind.getInt() < 0 || kind.getInt() > static_cast<int64_t>(Kind::Equal))
      return failure();
    Symbol symbol = {name.str(), static_cast<Kind>(kind.getInt()), low.getInt(), high.getInt()};
    if (symbol.kind == Kind::Input) {
      auto place = fields.getAs<DenseI64ArrayAttr>("place");
      if (!place || place.size() != 2)
        return failure();
      symbol.a = place[0], symbol.b = place[1];
    } else if (symbol.kind != Kind::Value) {
      auto of = fields.getAs<AffineMapAttr>("of");
      if (!of || of.getAffineMap().getNumResults() != 2)
        return failure();
      // An operand names symbols that stand before it.
      symbol.a = number(polynomial(of.getAffineMap().getResult(0)));
      symbol.b = number(polynomial(of.getAffineMap().getResult(1)));
    }
    all.push_back(symbol);
  }
  return success();
}

} // namespace llmc::onnx_import
