// Recurrent.cpp - RNN, GRU and LSTM: one turn a place of the sequence.
//
// What does not depend on the turn before, the product of all inputs with their weights, is one product ahead of the
// loop. Padded places behind the end of a sequence give zeros and leave the state as it is.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Products.h"

#include <cmath>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

/// One function of a cell with its parameters.
struct Activation {
  std::string name;
  double alpha, beta;
};

struct Cell {
  int64_t time, batch, input, hidden, directions, gates;
  bool batchFirst, onlyReverse;
  double clip;                         ///< 0: none
  SmallVector<Activation> activations; ///< of one direction after the other
};

/// What a function is given where the file gives nothing; whether it takes alpha and beta at all.
struct Known {
  StringRef name;
  bool takesAlpha, takesBeta;
  double alpha, beta;
};
constexpr double kAbsent = 0;
const Known kKnown[] = {{"relu", false, false, kAbsent, kAbsent},
                        {"tanh", false, false, kAbsent, kAbsent},
                        {"sigmoid", false, false, kAbsent, kAbsent},
                        {"softsign", false, false, kAbsent, kAbsent},
                        {"softplus", false, false, kAbsent, kAbsent},
                        {"affine", true, true, 1, 0},
                        {"leakyrelu", true, false, 0.01f, kAbsent},
                        {"thresholdedrelu", true, false, 1, kAbsent},
                        {"scaledtanh", true, true, 1, 1},
                        {"hardsigmoid", true, true, 0.2f, 0.5},
                        {"elu", true, false, 1, kAbsent}};

LogicalResult readActivations(const Node &node, Cell &cell) {
  SmallVector<std::string> names;
  if (auto list = dyn_cast_or_null<ArrayAttr>(node.settings.get("activations"))) {
    for (Attribute name : list)
      names.push_back(cast<StringAttr>(name).getValue().lower());
  } else {
    for (int64_t i = 0; i < cell.directions; ++i) {
      if (node.type != "RNN")
        names.push_back("sigmoid");
      names.push_back("tanh");
      if (node.type == "LSTM")
        names.push_back("tanh");
    }
  }
  int64_t each = node.type == "RNN" ? 1 : node.type == "GRU" ? 2 : 3;
  if (static_cast<int64_t>(names.size()) != each * cell.directions)
    return node.error() << "names " << names.size() << " activations (expected " << each * cell.directions << ")";
  auto list = [&](StringRef name) {
    auto values = dyn_cast_or_null<DenseF32ArrayAttr>(node.settings.get(name));
    return values ? values.asArrayRef() : ArrayRef<float>();
  };
  ArrayRef<float> alphas = list("activation_alpha"), betas = list("activation_beta");
  for (const std::string &name : names) {
    const Known *known = llvm::find_if(kKnown, [&](const Known &one) { return one.name == name; });
    if (known == std::end(kKnown))
      return node.error() << "unsupported activation '" << name << "'";
    Activation one = {name, known->alpha, known->beta};
    if (known->takesAlpha && !alphas.empty()) {
      one.alpha = alphas.front();
      alphas = alphas.drop_front();
    }
    if (known->takesBeta && !betas.empty()) {
      one.beta = betas.front();
      betas = betas.drop_front();
    }
    cell.activations.push_back(one);
  }
  return success();
}

LogicalResult readCell(const Node &node, Cell &cell) {
  cell.gates = node.type == "RNN" ? 1 : node.type == "GRU" ? 3 : 4;
  StringRef direction = node.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    return node.error() << "unsupported attribute 'direction' = '" << direction
                        << "' (expected forward, reverse or bidirectional)";
  cell.directions = direction == "bidirectional" ? 2 : 1;
  cell.onlyReverse = direction == "reverse";
  cell.batchFirst = node.integer("layout", 0);
  cell.clip = node.real("clip", 0);
  if (node.rankOf(0) != 3 || node.rankOf(1) != 3 || node.rankOf(2) != 3)
    return node.error() << "needs an input and weights of rank 3 (found " << node.extents().text(node.typeOf(0)) << ", "
                        << node.extents().text(node.typeOf(1)) << " and " << node.extents().text(node.typeOf(2)) << ")";
  ArrayRef<int64_t> x = node.shapeOf(0);
  cell.time = x[cell.batchFirst ? 1 : 0];
  cell.batch = x[cell.batchFirst ? 0 : 1];
  cell.input = x[2];
  cell.hidden = node.shapeOf(2)[2];
  int64_t rows = cell.gates * cell.hidden;
  SmallVector<int64_t> state = cell.batchFirst ? SmallVector<int64_t>{cell.batch, cell.directions, cell.hidden}
                                               : SmallVector<int64_t>{cell.directions, cell.batch, cell.hidden};
  const std::pair<unsigned, SmallVector<int64_t>> expected[] = {{1, {cell.directions, rows, cell.input}},
                                                                {2, {cell.directions, rows, cell.hidden}},
                                                                {3, {cell.directions, 2 * rows}},
                                                                {4, {cell.batch}},
                                                                {5, state},
                                                                {6, state},
                                                                {7, {cell.directions, 3 * cell.hidden}}};
  Extents &e = node.extents();
  for (unsigned weights : {1, 2})
    if (isOpen(node.shapeOf(weights)))
      return node.error() << "weights " << e.text(node.typeOf(weights)) << " are of sizes known only at run time";
  for (const auto &[input, shape] : expected) {
    if (!node.has(input))
      continue;
    bool fits = node.rankOf(input) == static_cast<int64_t>(shape.size());
    for (size_t i = 0; fits && i < shape.size(); ++i)
      fits = e.agree(node.shapeOf(input)[i], shape[i]);
    if (!fits)
      return node.error() << "input " << input << " is " << e.text(node.typeOf(input)) << " (expected "
                          << e.text(RankedTensorType::get(shape, node.elementOf(input))) << ")";
  }
  if (int64_t said = node.integer("hidden_size", cell.hidden); said != cell.hidden)
    return node.error() << "attribute 'hidden_size' = " << said << " is not that of the weights (" << cell.hidden
                        << ")";
  return readActivations(node, cell);
}

LogicalResult inferCell(const Node &node, SmallVectorImpl<Type> &types) {
  Cell cell;
  if (failed(readCell(node, cell)))
    return failure();
  SmallVector<int64_t> all = {cell.time, cell.directions, cell.batch, cell.hidden},
                       state = {cell.directions, cell.batch, cell.hidden};
  if (cell.batchFirst) {
    all = {cell.batch, cell.time, cell.directions, cell.hidden};
    state = {cell.batch, cell.directions, cell.hidden};
  }
  types.push_back(ofShape(node, all));
  types.push_back(ofShape(node, state));
  types.push_back(ofShape(node, state));
  return success();
}

Value activate(Body &b, const Activation &activation, double clip, Value x) {
  Type type = x.getType();
  auto number = [&](double value) { return b.number(type, value); };
  if (clip > 0)
    x = b.min(b.max(x, number(-clip), type), number(clip), type);
  Value zero = number(0), one = number(1), alpha = number(activation.alpha), beta = number(activation.beta);
  StringRef name = activation.name;
  if (name == "relu")
    return b.max(x, zero, type);
  if (name == "tanh")
    return math::TanhOp::create(b, x);
  if (name == "sigmoid")
    return b.div(one, b.add(one, b.exp(arith::NegFOp::create(b, x))), type);
  if (name == "softsign")
    return b.div(x, b.add(one, math::AbsFOp::create(b, x)), type);
  if (name == "softplus") {
    Value small = math::Log1pOp::create(b, b.exp(arith::NegFOp::create(b, math::AbsFOp::create(b, x))));
    return b.add(b.max(x, zero, type), small);
  }
  if (name == "affine")
    return b.add(b.mul(alpha, x), beta);
  if (name == "leakyrelu")
    return b.select(b.less(x, zero, type), b.mul(alpha, x), x);
  if (name == "thresholdedrelu")
    return b.select(b.less(x, alpha, type), zero, x);
  if (name == "scaledtanh")
    return b.mul(alpha, math::TanhOp::create(b, b.mul(beta, x)));
  if (name == "hardsigmoid")
    return b.min(b.max(b.add(b.mul(alpha, x), beta), zero, type), one, type);
  Value low = b.mul(alpha, math::ExpM1Op::create(b, x));
  return b.select(b.less(x, zero, type), low, x);
}

/// One direction: the states of all turns [time, batch, hidden] in the order of turns, and the last ones.
struct Run {
  Value states, hidden, memory;
};

Run runDirection(Lowering &node, const Cell &cell, int64_t direction) {
  Type element = node.elementOf(0), real = realElement(element);
  int64_t rows = cell.gates * cell.hidden, hidden = cell.hidden;
  bool reverse = cell.onlyReverse || direction == 1, lstm = node.type == "LSTM", gru = node.type == "GRU";
  bool resetLate = gru && node.integer("linear_before_reset", 0), coupled = node.integer("input_forget", 0);
  int64_t each = node.type == "RNN" ? 1 : gru ? 2 : 3;
  ArrayRef<Activation> own = ArrayRef<Activation>(cell.activations).slice(direction * each, each);
  Value d = arith::ConstantIndexOp::create(node.b, direction);
  // All inputs times their weights: [time, batch, rows]. Weights are turned, so that rows of sums lie side by side.
  Value inputWeights = node.transpose(node.partOf(node.tensors[1], d), {1, 0});
  Value stateWeights = node.transpose(node.partOf(node.tensors[2], d), {1, 0});
  SmallVector<unsigned> xDims = cell.batchFirst ? SmallVector<unsigned>{1, 0, 3} : SmallVector<unsigned>{0, 1, 3};
  Value products = contract(node, node.input(0), {inputWeights, element}, {cell.time, cell.batch, rows, cell.input},
                            {false, false, false, true}, xDims, {3, 2}, {0, 1, 2}, real);
  // Where turn t of a batch stands in its sequence, and how long that is.
  auto lengthOf = [&](Body &b, Value batch) -> Value {
    Value whole = b.index(cell.time);
    if (!node.has(4))
      return whole;
    Value given = b.asIndex(b.extract(node.tensors[4], {batch}), node.elementOf(4));
    return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, given, b.index(0)), whole);
  };
  auto placeOf = [&](Body &b, Value turn, Value batch) -> Value {
    if (!reverse)
      return turn;
    return b.clamped(b.sub(b.sub(lengthOf(b, batch), b.index(1)), turn), cell.time);
  };
  auto bias = [&](Body &b, int64_t block, Value column) -> Value {
    if (!node.has(3))
      return b.number(real, 0);
    Value place = b.add(column, b.index(block * hidden));
    return b.load(b.extract(node.tensors[3], {b.index(direction), place}), element);
  };
  auto initial = [&](unsigned input) {
    if (!node.has(input))
      return node.filled({cell.batch, hidden}, real, 0);
    return node.generate({cell.batch, hidden}, real, [&](Body &b, ValueRange at) -> Value {
      SmallVector<Value> from = {b.index(direction), at[0], at[1]};
      if (cell.batchFirst)
        std::swap(from[0], from[1]);
      return b.load(b.extract(node.tensors[input], from), element);
    });
  };
  SmallVector<Value> carried = {node.empty({cell.time, cell.batch, hidden}, real), initial(5)};
  if (lstm)
    carried.push_back(initial(6));
  SmallVector<Value> last = node.inOrder({cell.time}, carried, [&](Body &turn, ValueRange at, ValueRange now) {
    Value t = at[0], states = now[0], h = now[1], c = lstm ? now[2] : Value();
    auto times = [&](Value state) {
      return contract(node, {state, real}, {stateWeights, element}, {cell.batch, rows, hidden}, {false, false, true},
                      {0, 2}, {2, 1}, {0, 1}, real);
    };
    Value recurrent = times(h);
    // What goes into a gate: input, state, and their biases.
    auto fromInput = [&](Body &b, int64_t gate, ValueRange place) -> Value {
      Value column = b.add(place[1], b.index(gate * hidden));
      return b.add(b.extract(products, {placeOf(b, t, place[0]), place[0], column}), bias(b, gate, place[1]));
    };
    auto fromState = [&](Body &b, Value product, int64_t gate, ValueRange place) -> Value {
      Value column = b.add(place[1], b.index(gate * hidden));
      return b.add(b.extract(product, {place[0], column}), bias(b, cell.gates + gate, place[1]));
    };
    auto gate = [&](Body &b, int64_t which, ValueRange place) {
      return b.add(fromInput(b, which, place), fromState(b, recurrent, which, place));
    };
    auto kept = [&](Body &b, ValueRange place, Value next, Value old) -> Value {
      return node.has(4) ? b.select(b.below(t, lengthOf(b, place[0])), next, old) : next;
    };
    SmallVector<int64_t> shape = {cell.batch, hidden};
    if (lstm) {
      auto peephole = [&](Body &b, int64_t which, ValueRange place, Value memory) -> Value {
        if (!node.has(7))
          return b.number(real, 0);
        Value column = b.add(place[1], b.index(which * hidden));
        return b.mul(b.load(b.extract(node.tensors[7], {b.index(direction), column}), element), memory);
      };
      // Gates stand as input, output, forget, cell.
      c = node.update(c, real, [&](Body &b, ValueRange place, Value old) {
        Value in = activate(b, own[0], cell.clip, b.add(gate(b, 0, place), peephole(b, 0, place, old)));
        Value forget = coupled ? Value(b.sub(b.number(real, 1), in))
                               : activate(b, own[0], cell.clip, b.add(gate(b, 2, place), peephole(b, 2, place, old)));
        Value fresh = activate(b, own[1], cell.clip, gate(b, 3, place));
        return kept(b, place, b.add(b.mul(forget, old), b.mul(in, fresh)), old);
      });
      h = node.update(h, real, [&](Body &b, ValueRange place, Value old) {
        Value memory = b.extract(c, place);
        Value out = activate(b, own[0], cell.clip, b.add(gate(b, 1, place), peephole(b, 1, place, memory)));
        return kept(b, place, b.mul(out, activate(b, own[2], 0, memory)), old);
      });
    } else if (gru) {
      // Gates stand as update, reset, hidden.
      Value gated = recurrent;
      if (!resetLate) {
        Value reset = node.generate(shape, real, [&](Body &b, ValueRange place) {
          return b.mul(activate(b, own[0], cell.clip, gate(b, 1, place)), b.extract(h, place));
        });
        gated = times(reset);
      }
      h = node.update(h, real, [&](Body &b, ValueRange place, Value old) {
        Value z = activate(b, own[0], cell.clip, gate(b, 0, place));
        Value state = fromState(b, gated, 2, place);
        if (resetLate)
          state = b.mul(activate(b, own[0], cell.clip, gate(b, 1, place)), state);
        Value fresh = activate(b, own[1], cell.clip, b.add(fromInput(b, 2, place), state));
        Value next = b.add(b.mul(b.sub(b.number(real, 1), z), fresh), b.mul(z, old));
        return kept(b, place, next, old);
      });
    } else {
      h = node.update(h, real, [&](Body &b, ValueRange place, Value old) {
        return kept(b, place, activate(b, own[0], cell.clip, gate(b, 0, place)), old);
      });
    }
    SmallVector<Value> next = {node.setPart(states, t, h), h};
    if (lstm)
      next.push_back(c);
    return next;
  });
  // From the order of turns to that of the sequence.
  Value ordered = last[0];
  if (reverse || node.has(4))
    ordered = node.generate({cell.time, cell.batch, hidden}, real, [&](Body &b, ValueRange at) -> Value {
      Value length = lengthOf(b, at[1]);
      Value turn = reverse ? b.clamped(b.sub(b.sub(length, b.index(1)), at[0]), cell.time) : at[0];
      return b.select(b.below(at[0], length), b.extract(last[0], {turn, at[1], at[2]}), b.number(real, 0));
    });
  return {ordered, last[1], lstm ? last[2] : Value()};
}

LogicalResult lowerCell(Lowering &node, SmallVectorImpl<Value> &results) {
  Cell cell;
  if (failed(readCell(node, cell)))
    return failure();
  Type element = node.elementOf(0), real = realElement(element);
  if (cell.batch == 0 || cell.hidden == 0) {
    for (unsigned i = 0; i < node.numOutputs; ++i)
      results.push_back(node.filled(node.resultType(i).getShape(), element, 0));
    return success();
  }
  SmallVector<Run> runs;
  for (int64_t d = 0; d < cell.directions; ++d)
    runs.push_back(runDirection(node, cell, d));
  auto pick = [&](Body &b, Value direction, ValueRange at, Value Run::*part) -> Value {
    Value value = b.extract(runs[0].*part, at);
    if (cell.directions == 2)
      value = b.select(b.same(direction, b.index(1)), b.extract(runs[1].*part, at), value);
    return b.convert(value, real, element);
  };
  results.push_back(node.generate(node.resultType(0).getShape(), element, [&](Body &b, ValueRange at) {
    return cell.batchFirst ? pick(b, at[2], {at[1], at[0], at[3]}, &Run::states)
                           : pick(b, at[1], {at[0], at[2], at[3]}, &Run::states);
  }));
  for (unsigned i = 1; i < node.numOutputs; ++i)
    results.push_back(node.generate(node.resultType(i).getShape(), element, [&](Body &b, ValueRange at) {
      auto part = i == 1 ? &Run::hidden : &Run::memory;
      return cell.batchFirst ? pick(b, at[1], {at[0], at[2]}, part) : pick(b, at[0], {at[1], at[2]}, part);
    }));
  return success();
}

} // namespace

void addRecurrent(SmallVectorImpl<OperatorRow> &rows) {
  for (StringRef name : {"RNN", "GRU", "LSTM"})
    rows.push_back({name, 7, inferCell, lowerCell, true});
}

} // namespace llmc::onnx_import
