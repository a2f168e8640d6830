// Products.cpp - products of matrices: MatMul, Gemm, Einsum, and the integer ones.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Products.h"

#include "llvm/ADT/StringExtras.h"

#include <map>

using namespace mlir;

namespace llmc::onnx_import {

Value contract(Lowering &node, Lowering::Operand a, Lowering::Operand c, ArrayRef<int64_t> sizes, ArrayRef<bool> summed,
               ArrayRef<unsigned> aDims, ArrayRef<unsigned> cDims, ArrayRef<unsigned> outDims, Type element) {
  MLIRContext *context = node.b.getContext();
  unsigned rank = sizes.size();
  auto map = [&](ArrayRef<unsigned> dims) {
    SmallVector<AffineExpr> places;
    for (unsigned dim : dims)
      places.push_back(getAffineDimExpr(dim, context));
    return AffineMap::get(rank, 0, places, context);
  };
  SmallVector<utils::IteratorType> kinds;
  for (bool sum : summed)
    kinds.push_back(sum ? utils::IteratorType::reduction : utils::IteratorType::parallel);
  SmallVector<int64_t> shape;
  for (unsigned dim : outDims)
    shape.push_back(sizes[dim]);
  Type wide = computeElement(element);
  Value zero = isa<FloatType>(wide) ? node.storedNumber(wide, 0)
                                    : arith::ConstantOp::create(node.b, IntegerAttr::get(wide, 0)).getResult();
  Value start = node.filled(shape, wide, zero);
  auto op = linalg::GenericOp::create(node.b, TypeRange{start.getType()}, ValueRange{a.tensor, c.tensor},
                                      ValueRange{start}, ArrayRef<AffineMap>{map(aDims), map(cDims), map(outDims)},
                                      kinds, [&](OpBuilder &builder, Location loc, ValueRange arguments) {
                                        Body b(loc, builder, &node);
                                        Value x = b.convert(b.load(arguments[0], a.element), a.element, element);
                                        Value y = b.convert(b.load(arguments[1], c.element), c.element, element);
                                        Value sum = isa<FloatType>(wide)
                                                        ? math::FmaOp::create(b, x, y, arguments[2]).getResult()
                                                        : b.add(arguments[2], b.mul(x, y));
                                        linalg::YieldOp::create(b, sum);
                                      });
  Value result = node.sized(op.getResult(0), shape);
  if (wide == storageElement(element))
    return result;
  return node.elementwise({{result, wide}}, shape, element, [](Body &, ValueRange x) { return x[0]; });
}

FailureOr<SmallVector<int64_t>> matmulShape(const Node &node, ArrayRef<int64_t> a, ArrayRef<int64_t> c) {
  auto mistake = [&]() -> FailureOr<SmallVector<int64_t>> {
    node.error() << "cannot multiply " << node.extents().text(node.typeOf(0)) << " by "
                 << node.extents().text(node.typeOf(1));
    return failure();
  };
  if (a.empty() || c.empty())
    return mistake();
  SmallVector<int64_t> x(a), y(c);
  if (x.size() == 1)
    x.insert(x.begin(), 1);
  if (y.size() == 1)
    y.push_back(1);
  if (!node.extents().agree(x.back(), y[y.size() - 2]))
    return mistake();
  FailureOr<SmallVector<int64_t>> batch =
      broadcastShape(node, {ArrayRef<int64_t>(x).drop_back(2), ArrayRef<int64_t>(y).drop_back(2)});
  if (failed(batch))
    return failure();
  SmallVector<int64_t> shape = *batch;
  if (a.size() > 1)
    shape.push_back(x[x.size() - 2]);
  if (c.size() > 1)
    shape.push_back(y.back());
  return shape;
}

Value matmul(Lowering &node, Lowering::Operand a, Lowering::Operand c, ArrayRef<int64_t> shape, Type element) {
  SmallVector<int64_t> x = node.sizesOf(a.tensor), y = node.sizesOf(c.tensor);
  if (x.size() == 1)
    x.insert(x.begin(), 1);
  if (y.size() == 1)
    y.push_back(1);
  unsigned batch = std::max(x.size(), y.size()) - 2;
  SmallVector<int64_t> sizes;
  auto batchSize = [&](ArrayRef<int64_t> dims, unsigned i) {
    int64_t at = static_cast<int64_t>(i) - (batch - (dims.size() - 2));
    return at < 0 ? 1 : dims[at];
  };
  for (unsigned i = 0; i < batch; ++i)
    sizes.push_back(batchSize(x, i) == 1 ? batchSize(y, i) : batchSize(x, i));
  sizes.push_back(x[x.size() - 2]);
  sizes.push_back(y.back());
  sizes.push_back(x.back());
  // Batch dimensions of 1 that are spread go away.
  auto operand = [&](Lowering::Operand from, ArrayRef<int64_t> dims, SmallVector<unsigned> &places) {
    SmallVector<int64_t> kept;
    for (unsigned i = 0; i + 2 < dims.size(); ++i) {
      unsigned dim = i + batch - (dims.size() - 2);
      if (dims[i] == 1 && sizes[dim] != 1)
        continue;
      kept.push_back(dims[i]);
      places.push_back(dim);
    }
    kept.push_back(dims[dims.size() - 2]);
    kept.push_back(dims.back());
    return Lowering::Operand{node.reshape(from.tensor, kept), from.element};
  };
  SmallVector<unsigned> aDims, cDims, outDims;
  Lowering::Operand left = operand(a, x, aDims), right = operand(c, y, cDims);
  aDims.append({batch, batch + 2});
  cDims.append({batch + 2, batch + 1});
  for (unsigned i = 0; i < batch + 2; ++i)
    outDims.push_back(i);
  SmallVector<bool> summed(batch + 3, false);
  summed.back() = true;
  return node.reshape(contract(node, left, right, sizes, summed, aDims, cDims, outDims, element), shape);
}

namespace {

LogicalResult inferMatMul(const Node &node, SmallVectorImpl<Type> &types) {
  FailureOr<SmallVector<int64_t>> shape = matmulShape(node, node.shapeOf(0), node.shapeOf(1));
  if (failed(shape))
    return failure();
  types.push_back(RankedTensorType::get(*shape, node.elementOf(0)));
  return success();
}
LogicalResult lowerMatMul(Lowering &node, SmallVectorImpl<Value> &results) {
  results.push_back(matmul(node, node.input(0), node.input(1), node.resultType().getShape(), node.resultElement()));
  return success();
}

LogicalResult inferGemm(const Node &node, SmallVectorImpl<Type> &types) {
  for (StringRef name : {"transA", "transB"})
    if (int64_t value = node.integer(name, 0); value != 0 && value != 1)
      return node.error() << "unsupported attribute '" << name << "' = " << value << " (expected 0 or 1)";
  if (node.rankOf(0) != 2 || node.rankOf(1) != 2)
    return node.error() << "multiplies matrices (found " << node.typeOf(0) << " and " << node.typeOf(1) << ")";
  bool transA = node.integer("transA", 0), transB = node.integer("transB", 0);
  ArrayRef<int64_t> a = node.shapeOf(0), c = node.shapeOf(1);
  if (!node.extents().agree(a[transA ? 0 : 1], c[transB ? 1 : 0]))
    return node.error() << "cannot multiply " << node.typeOf(0) << " by " << node.typeOf(1);
  SmallVector<int64_t> shape = {a[transA ? 1 : 0], c[transB ? 0 : 1]};
  if (node.has(2)) {
    FailureOr<SmallVector<int64_t>> spread = broadcastShape(node, {shape, node.shapeOf(2)});
    if (failed(spread))
      return failure();
    if (*spread != shape)
      return node.error() << "adds " << node.typeOf(2) << " to a product of " << shape[0] << " by " << shape[1];
  }
  types.push_back(RankedTensorType::get(shape, node.elementOf(0)));
  return success();
}
LogicalResult lowerGemm(Lowering &node, SmallVectorImpl<Value> &results) {
  bool transA = node.integer("transA", 0), transB = node.integer("transB", 0);
  double alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  Type element = node.resultElement();
  ArrayRef<int64_t> shape = node.resultType().getShape();
  int64_t k = node.shapeOf(0)[transA ? 0 : 1];
  SmallVector<unsigned> a = transA ? SmallVector<unsigned>{2, 0} : SmallVector<unsigned>{0, 2};
  SmallVector<unsigned> c = transB ? SmallVector<unsigned>{1, 2} : SmallVector<unsigned>{2, 1};
  Value product = contract(node, node.input(0), node.input(1), {shape[0], shape[1], k}, {false, false, true}, a, c,
                           {0, 1}, element);
  SmallVector<Lowering::Operand> operands = {{product, element}};
  if (node.has(2))
    operands.push_back(node.input(2));
  if (operands.size() > 1 || alpha != 1)
    product = node.elementwise(operands, shape, element, [&](Body &b, ValueRange x) -> Value {
      Type type = x[0].getType();
      auto scaled = [&](Value value, double by) -> Value {
        if (by == 1)
          return value;
        return b.mul(value, isa<FloatType>(type) ? b.number(type, by) : b.integer(type, static_cast<int64_t>(by)));
      };
      Value sum = scaled(x[0], alpha);
      return x.size() > 1 ? b.add(sum, scaled(x[1], beta)) : sum;
    });
  results.push_back(product);
  return success();
}

//===-- Einsum ---------------------------------------------------------------------------------------------------===//

/// Letters of each operand and of the result; an ellipsis becomes digits counted from the right.
struct Equation {
  SmallVector<std::string> inputs;
  std::string output;
};
LogicalResult readEquation(const Node &node, Equation &equation) {
  std::string text;
  for (char c : node.text("equation", ""))
    if (c != ' ')
      text += c;
  auto [left, right] = StringRef(text).split("->");
  bool explicitOutput = StringRef(text).contains("->");
  SmallVector<StringRef> parts;
  left.split(parts, ',');
  if (parts.size() != node.inputs.size())
    return node.error() << "attribute 'equation' = '" << text << "' is for " << parts.size() << " inputs (found "
                        << node.inputs.size() << ")";
  size_t widest = 0;
  for (auto [i, part] : llvm::enumerate(parts)) {
    size_t letters = 0;
    for (char c : part)
      letters += llvm::isAlpha(c);
    bool dots = part.contains("...");
    size_t rank = node.rankOf(i);
    if (letters > rank || (!dots && letters != rank))
      return node.error() << "attribute 'equation' = '" << text << "' gives input " << i << " " << letters
                          << " dimensions (found " << rank << ")";
    size_t spread = rank - letters;
    widest = std::max(widest, spread);
    std::string expanded;
    for (size_t k = 0; k < part.size(); ++k)
      if (part.substr(k).starts_with("...")) {
        for (size_t d = spread; d > 0; --d)
          expanded += static_cast<char>('0' + d);
        k += 2;
      } else if (llvm::isAlpha(part[k])) {
        expanded += part[k];
      } else {
        return node.error() << "attribute 'equation' = '" << text << "' holds '" << part[k] << "'";
      }
    equation.inputs.push_back(expanded);
  }
  std::string dots;
  for (size_t d = widest; d > 0; --d)
    dots += static_cast<char>('0' + d);
  if (explicitOutput) {
    for (size_t k = 0; k < right.size(); ++k)
      if (right.substr(k).starts_with("...")) {
        equation.output += dots;
        k += 2;
      } else {
        equation.output += right[k];
      }
  } else {
    equation.output = dots;
    std::string all;
    for (const std::string &input : equation.inputs)
      all += input;
    std::string sorted;
    for (char c : all)
      if (llvm::isAlpha(c) && llvm::count(all, c) == 1)
        sorted += c;
    llvm::sort(sorted);
    equation.output += sorted;
  }
  for (char c : equation.output) {
    bool known =
        llvm::any_of(equation.inputs, [&](const std::string &input) { return input.find(c) != std::string::npos; });
    if (!known || llvm::count(equation.output, c) != 1)
      return node.error() << "attribute 'equation' = '" << text << "' gives a dimension '" << std::string(1, c)
                          << "' that no input has once";
  }
  return success();
}
LogicalResult letterSizes(const Node &node, const Equation &equation, std::map<char, int64_t> &sizes) {
  for (auto [i, letters] : llvm::enumerate(equation.inputs))
    for (auto [k, letter] : llvm::enumerate(letters)) {
      int64_t size = node.shapeOf(i)[k];
      auto [known, fresh] = sizes.emplace(letter, size);
      if (fresh || known->second == size || size == 1)
        continue;
      if (known->second != 1 && !node.extents().agree(known->second, size))
        return node.error() << "dimension '" << std::string(1, letter) << "' is both "
                            << node.extents().text(known->second) << " and " << node.extents().text(size);
      if (known->second == 1)
        known->second = size;
    }
  return success();
}
LogicalResult inferEinsum(const Node &node, SmallVectorImpl<Type> &types) {
  Equation equation;
  std::map<char, int64_t> sizes;
  if (failed(readEquation(node, equation)) || failed(letterSizes(node, equation, sizes)))
    return failure();
  SmallVector<int64_t> shape;
  for (char letter : equation.output)
    shape.push_back(sizes.at(letter));
  types.push_back(RankedTensorType::get(shape, node.elementOf(0)));
  return success();
}
LogicalResult lowerEinsum(Lowering &node, SmallVectorImpl<Value> &results) {
  Equation equation;
  std::map<char, int64_t> sizes;
  if (failed(readEquation(node, equation)) || failed(letterSizes(node, equation, sizes)))
    return failure();
  std::string letters = equation.output;
  for (auto &[letter, size] : sizes)
    if (letters.find(letter) == std::string::npos)
      letters += letter;
  MLIRContext *context = node.b.getContext();
  Type element = node.resultElement(), wide = computeElement(element);
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs;
  for (auto [i, own] : llvm::enumerate(equation.inputs)) {
    SmallVector<AffineExpr> places;
    SmallVector<int64_t> kept;
    for (auto [k, letter] : llvm::enumerate(own)) {
      if (node.shapeOf(i)[k] == 1 && sizes.at(letter) != 1)
        continue;
      kept.push_back(node.shapeOf(i)[k]);
      places.push_back(getAffineDimExpr(letters.find(letter), context));
    }
    inputs.push_back(node.reshape(node.tensors[i], kept));
    maps.push_back(AffineMap::get(letters.size(), 0, places, context));
  }
  SmallVector<AffineExpr> out;
  SmallVector<utils::IteratorType> kinds;
  for (size_t i = 0; i < letters.size(); ++i) {
    bool kept = i < equation.output.size();
    kinds.push_back(kept ? utils::IteratorType::parallel : utils::IteratorType::reduction);
    if (kept)
      out.push_back(getAffineDimExpr(i, context));
  }
  maps.push_back(AffineMap::get(letters.size(), 0, out, context));
  ArrayRef<int64_t> shape = node.resultType().getShape();
  Value zero = isa<FloatType>(wide) ? node.storedNumber(wide, 0)
                                    : arith::ConstantOp::create(node.b, IntegerAttr::get(wide, 0)).getResult();
  Value start = node.filled(shape, wide, zero);
  auto op = linalg::GenericOp::create(node.b, TypeRange{start.getType()}, inputs, ValueRange{start}, maps, kinds,
                                      [&](OpBuilder &builder, Location loc, ValueRange arguments) {
                                        Body b(loc, builder, &node);
                                        Value product;
                                        for (Value argument : arguments.drop_back()) {
                                          Value x = b.load(argument, element);
                                          product = product ? b.mul(product, x) : x;
                                        }
                                        linalg::YieldOp::create(b, b.add(arguments.back(), product));
                                      });
  Value result = node.sized(op.getResult(0), shape);
  if (wide != storageElement(element))
    result = node.elementwise({{result, wide}}, shape, element, [](Body &, ValueRange x) { return x[0]; });
  results.push_back(result);
  return success();
}

} // namespace

void addProducts(SmallVectorImpl<OperatorRow> &rows) {
  rows.push_back({"MatMul", 1, inferMatMul, lowerMatMul, true});
  rows.push_back({"Gemm", 7, inferGemm, lowerGemm, true});
  rows.push_back({"Einsum", 12, inferEinsum, lowerEinsum, true});
}

} // namespace llmc::onnx_import
