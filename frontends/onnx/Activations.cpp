// Activations.cpp - elementwise functions of models, with attributes: relu and its kin, sigmoids, gelu.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OperatorTable.h"

using namespace mlir;

namespace llmc::onnx_import {

namespace {

using Function = Value (*)(Body &b, Value x, const Node &node);

Value real(Body &b, Value x, double value) { return b.number(x.getType(), value); }
Value positive(Body &b, Value x) { return arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, real(b, x, 0)); }

template <Function function> LogicalResult lowerActivation(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0);
  if (!isa<FloatType>(element) && node.type != "Relu")
    return node.error() << "is not computed in " << element << " (expected float, double, float16 or bfloat16)";
  results.push_back(node.elementwise({node.input(0)}, node.shapeOf(0), node.resultElement(),
                                     [&](Body &b, ValueRange x) { return function(b, x[0], node); }));
  return success();
}

Value relu(Body &b, Value x, const Node &node) {
  if (!isa<FloatType>(x.getType()))
    return arith::MaxSIOp::create(b, x, b.integer(x.getType(), 0));
  return arith::MaximumFOp::create(b, x, real(b, x, 0));
}
Value leakyRelu(Body &b, Value x, const Node &node) {
  Value low = b.mul(x, real(b, x, node.real("alpha", 0.01f)));
  return b.select(b.less(x, real(b, x, 0), x.getType()), low, x);
}
/// alpha * (e^(x / scale) - 1) below 0; near 0 the difference would lose all places.
Value expm1(Body &b, Value x) { return math::ExpM1Op::create(b, x); }
Value elu(Body &b, Value x, const Node &node) {
  return b.select(positive(b, x), x, b.mul(real(b, x, node.real("alpha", 1)), expm1(b, x)));
}
Value selu(Body &b, Value x, const Node &node) {
  double alpha = node.real("alpha", 1.67326319217681884765625), gamma = node.real("gamma", 1.05070102214813232421875);
  Value low = b.mul(real(b, x, alpha), expm1(b, x));
  return b.mul(real(b, x, gamma), b.select(positive(b, x), x, low));
}
Value celu(Body &b, Value x, const Node &node) {
  double alpha = node.real("alpha", 1);
  Value low = b.mul(real(b, x, alpha), expm1(b, b.div(x, real(b, x, alpha), x.getType())));
  return b.select(positive(b, x), x, low);
}
Value sigmoid(Body &b, Value x) {
  Value one = real(b, x, 1);
  return b.div(one, b.add(one, b.exp(arith::NegFOp::create(b, x))), x.getType());
}
Value sigmoidOf(Body &b, Value x, const Node &) { return sigmoid(b, x); }
Value hardSigmoid(Body &b, Value x, double alpha, double beta) {
  Value line = b.add(b.mul(real(b, x, alpha), x), real(b, x, beta));
  return arith::MaximumFOp::create(b, real(b, x, 0), arith::MinimumFOp::create(b, real(b, x, 1), line));
}
Value hardSigmoidOf(Body &b, Value x, const Node &node) {
  return hardSigmoid(b, x, node.real("alpha", 0.2f), node.real("beta", 0.5));
}
Value hardSwish(Body &b, Value x, const Node &) { return b.mul(x, hardSigmoid(b, x, 1.0 / 6, 0.5)); }
Value softplus(Body &b, Value x, const Node &) {
  // max(x, 0) + ln(1 + e^-|x|) does not overflow.
  Value small = math::Log1pOp::create(b, b.exp(arith::NegFOp::create(b, math::AbsFOp::create(b, x))));
  return b.add(arith::MaximumFOp::create(b, x, real(b, x, 0)), small);
}
Value softsign(Body &b, Value x, const Node &) {
  return b.div(x, b.add(real(b, x, 1), math::AbsFOp::create(b, x)), x.getType());
}
Value thresholdedRelu(Body &b, Value x, const Node &node) {
  Value above = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, real(b, x, node.real("alpha", 1)));
  return b.select(above, x, real(b, x, 0));
}
Value mish(Body &b, Value x, const Node &node) { return b.mul(x, math::TanhOp::create(b, softplus(b, x, node))); }
Value swish(Body &b, Value x, const Node &node) {
  return b.mul(x, sigmoid(b, b.mul(real(b, x, node.real("alpha", 1)), x)));
}
Value gelu(Body &b, Value x, const Node &node) {
  Value half = b.mul(real(b, x, 0.5), x), one = real(b, x, 1);
  if (node.text("approximate", "none") == "tanh") {
    Value cube = b.mul(b.mul(x, x), x);
    Value inner = b.mul(real(b, x, 0.7978845608028654), b.add(x, b.mul(real(b, x, 0.044715), cube)));
    return b.mul(half, b.add(one, math::TanhOp::create(b, inner)));
  }
  return b.mul(half, b.add(one, math::ErfOp::create(b, b.mul(x, real(b, x, 0.7071067811865476)))));
}
Value shrink(Body &b, Value x, const Node &node) {
  double lambda = node.real("lambd", 0.5), bias = node.real("bias", 0);
  Value low = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, real(b, x, -lambda));
  Value high = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, real(b, x, lambda));
  return b.select(low, b.add(x, real(b, x, bias)), b.select(high, b.sub(x, real(b, x, bias)), real(b, x, 0)));
}

LogicalResult lowerPRelu(Lowering &node, SmallVectorImpl<Value> &results) {
  Type element = node.elementOf(0);
  results.push_back(node.elementwise({node.input(0), node.input(1)}, node.resultType().getShape(), element,
                                     [&](Body &b, ValueRange x) -> Value {
                                       Type type = x[0].getType();
                                       Value zero = isa<FloatType>(type) ? b.number(type, 0) : b.integer(type, 0);
                                       return b.select(b.less(x[0], zero, element), b.mul(x[0], x[1]), x[0]);
                                     }));
  return success();
}

/// The first input through its swish, times the second.
LogicalResult inferSwiGLU(const Node &node, SmallVectorImpl<Type> &types) {
  Extents &e = node.extents();
  if (node.rankOf(0) != node.rankOf(1) || !llvm::all_of(llvm::zip(node.shapeOf(0), node.shapeOf(1)), [&](auto sizes) {
        return e.agree(std::get<0>(sizes), std::get<1>(sizes));
      }))
    return node.error() << "multiplies " << e.text(node.typeOf(0)) << " and " << e.text(node.typeOf(1))
                        << " (expected one shape)";
  return inferSame(node, types);
}
LogicalResult lowerSwiGLU(Lowering &node, SmallVectorImpl<Value> &results) {
  results.push_back(node.elementwise({node.input(0), node.input(1)}, node.shapeOf(0), node.resultElement(),
                                     [&](Body &b, ValueRange x) { return b.mul(swish(b, x[0], node), x[1]); }));
  return success();
}

} // namespace

void addActivations(SmallVectorImpl<OperatorRow> &rows) {
  auto add = [&](StringRef name, LowerFunction lower) { rows.push_back({name, 1, inferSame, lower, true}); };
  add("Relu", lowerActivation<relu>);
  add("LeakyRelu", lowerActivation<leakyRelu>);
  add("Elu", lowerActivation<elu>);
  add("Selu", lowerActivation<selu>);
  add("Celu", lowerActivation<celu>);
  add("Sigmoid", lowerActivation<sigmoidOf>);
  add("HardSigmoid", lowerActivation<hardSigmoidOf>);
  add("HardSwish", lowerActivation<hardSwish>);
  add("Softplus", lowerActivation<softplus>);
  add("Softsign", lowerActivation<softsign>);
  add("ThresholdedRelu", lowerActivation<thresholdedRelu>);
  add("Mish", lowerActivation<mish>);
  add("Swish", lowerActivation<swish>);
  add("Gelu", lowerActivation<gelu>);
  add("Shrink", lowerActivation<shrink>);
  rows.push_back({"SwiGLU", 28, inferSwiGLU, lowerSwiGLU, true});
  rows.push_back({"PRelu", 7, inferBroadcast, lowerPRelu, true});
}

} // namespace llmc::onnx_import
