// Maker.cpp - makes up ONNX files, an operator each.
//
// What is drawn is mostly what an operator can take, since what is refused at the first look finds little: types from
// its row of the table, shapes that are like each other, small numbers, texts that operators know.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/fuzz/onnx/Maker.h"

#include "frontends/formats/onnx/Onnx.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace llmc::test {

namespace {

struct Row {
  std::string_view name;
  int since, minInputs, maxInputs, minOutputs, maxOutputs;
  bool withdrawn;
  std::string_view attributes, types;
};
constexpr Row kRows[] = {
#define LLMC_ONNX_OPERATOR(name, since, minIn, maxIn, minOut, maxOut, body, withdrawn, attributes, types)              \
  {#name, since, minIn, maxIn, minOut, maxOut, withdrawn != 0, attributes, types},
#include "dialects/ONNX/Formats/Operators.def"
};

constexpr std::string_view kTexts[] = {"constant",
                                       "edge",
                                       "reflect",
                                       "wrap",
                                       "linear",
                                       "nearest",
                                       "cubic",
                                       "bilinear",
                                       "bicubic",
                                       "trilinear",
                                       "zeros",
                                       "border",
                                       "reflection",
                                       "NOTSET",
                                       "SAME_UPPER",
                                       "SAME_LOWER",
                                       "VALID",
                                       "none",
                                       "mean",
                                       "sum",
                                       "add",
                                       "mul",
                                       "max",
                                       "min",
                                       "avg",
                                       "forward",
                                       "reverse",
                                       "bidirectional",
                                       "tanh",
                                       "DCR",
                                       "CRD",
                                       "half_pixel",
                                       "asymmetric",
                                       "align_corners",
                                       "pytorch_half_pixel",
                                       "tf_crop_and_resize",
                                       "half_pixel_symmetric",
                                       "output_half_pixel",
                                       "round_prefer_ceil",
                                       "floor",
                                       "ceil",
                                       "stretch",
                                       "not_larger",
                                       "not_smaller",
                                       "ij,jk->ik",
                                       "ii->i",
                                       "...ij,jk",
                                       "i,j->",
                                       "bij->b",
                                       "ij->ji",
                                       "ij,ij->ij",
                                       "->",
                                       "...",
                                       "ab,cd->abcd",
                                       "LEFT",
                                       "RIGHT",
                                       "relu",
                                       "gelu",
                                       "silu",
                                       "swiglu",
                                       "identity",
                                       "int",
                                       "fp4",
                                       "nf4",
                                       "gated_delta",
                                       "gated",
                                       "linear_attention",
                                       "delta",
                                       "euclidean",
                                       ""};
constexpr std::string_view kActivations[] = {
    "Relu",       "Tanh",        "Sigmoid", "Affine",   "LeakyRelu", "ThresholdedRelu",
    "ScaledTanh", "HardSigmoid", "Elu",     "Softsign", "Softplus",  "x"};

std::string_view nextOf(std::string_view &list, char separator) {
  const size_t end = std::min(list.find(separator), list.size());
  const std::string_view part = list.substr(0, end);
  list.remove_prefix(std::min(end + 1, list.size()));
  return part;
}

std::vector<std::string_view> split(std::string_view list, char separator) {
  std::vector<std::string_view> parts;
  while (!list.empty())
    parts.push_back(nextOf(list, separator));
  return parts;
}

uint32_t typeNumber(std::string_view name) {
  for (uint32_t number = 1; number <= onnx::kLastElementType; ++number)
    if (onnx::elementTypeName(onnx::ElementType(number)) == name)
      return number;
  return 1;
}

using Shape = std::vector<int64_t>;
constexpr int64_t kNamed = -2; ///< a size known only at run time, of a name

class Maker {
public:
  Maker(const Row &row, Random &random) : row(row), random(random) {}
  std::string model();

private:
  bool may(unsigned percent) { return chance(random, percent); }
  int64_t upTo(int64_t most) { return static_cast<int64_t>(below(random, static_cast<size_t>(most) + 1)); }
  int64_t size();
  int64_t small() { return may(8) ? static_cast<int64_t>(oddNumber(random)) : upTo(6) - 2; }
  Shape freshShape();
  Shape shapeLikeBase();
  uint32_t typeOf(std::string_view place);
  std::string valueInfo(std::string_view name, uint32_t type, const Shape &shape, bool hasShape = true);
  std::string tensor(std::string_view name, uint32_t type, Shape shape);
  std::string value(std::string_view place);
  std::string attribute(std::string_view declaration);
  std::string body(bool isScan);
  std::string node(std::string_view op, std::string_view domain, const std::vector<std::string> &inputs,
                   const std::vector<std::string> &outputs);

  const Row &row;
  Random &random;
  Shape base;
  bool isOpen = false;
  std::map<std::string_view, uint32_t> bound; ///< the types by their names in the row
  std::string nodes, ends, made;              ///< nodes before this one, inputs and initializers; the last name
  unsigned names = 0, depth = 0;
  std::vector<std::string> inputs;
};

int64_t Maker::size() {
  constexpr int64_t sizes[] = {1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 12, 16, 32, 64};
  if (isOpen && may(30))
    return kNamed - upTo(1);
  if (may(3))
    return oneOf(random, std::initializer_list<int64_t>{0, 0, 0, 1 << 20, int64_t(1) << 40, -1});
  return oneOf(random, sizes);
}

Shape Maker::freshShape() {
  constexpr size_t ranks[] = {0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 6};
  Shape shape(oneOf(random, ranks));
  for (int64_t &one : shape)
    one = size();
  return shape;
}

/// A shape that goes with the first input's: the same, a part of it, one place of it, or others.
Shape Maker::shapeLikeBase() {
  Shape shape = base;
  switch (below(random, 12)) {
  case 0:
    return freshShape();
  case 1:
    return {};
  case 2:
    return {1};
  case 3:
  case 4:
    return base.empty() ? Shape{} : Shape{oneOf(random, base)};
  case 5:
    shape.erase(shape.begin(), shape.begin() + upTo(static_cast<int64_t>(shape.size())));
    return shape;
  case 6:
    shape.resize(below(random, shape.size() + 1));
    return shape;
  case 7:
    std::shuffle(shape.begin(), shape.end(), random);
    return shape;
  case 8:
    if (!shape.empty())
      shape[below(random, shape.size())] = may(40) ? 1 : size();
    return shape;
  case 9:
    shape.insert(shape.begin() + upTo(static_cast<int64_t>(shape.size())), size());
    return shape;
  default:
    return shape;
  }
}

uint32_t Maker::typeOf(std::string_view place) {
  if (may(4))
    return 1 + static_cast<uint32_t>(upTo(onnx::kLastElementType - 1));
  if (auto known = bound.find(place); known != bound.end())
    return known->second;
  std::string_view constraints = row.types, allowed;
  nextOf(constraints, ';');
  while (!constraints.empty()) {
    std::string_view one = nextOf(constraints, ';');
    if (nextOf(one, '=') == place)
      allowed = one;
  }
  std::vector<std::string_view> list = split(allowed, '|');
  uint32_t type = list.empty() ? static_cast<uint32_t>(oneOf(random, std::initializer_list<int>{1, 7, 9}))
                               : typeNumber(oneOf(random, list));
  if (may(50) && std::find(list.begin(), list.end(), "float") != list.end())
    type = 1;
  return bound[place] = type;
}

std::string Maker::valueInfo(std::string_view name, uint32_t type, const Shape &shape, bool hasShape) {
  std::string dims;
  for (int64_t one : shape)
    dims += text(1, one <= kNamed ? text(2, one == kNamed ? "n" : "m")
                    : one == -1   ? std::string()
                                  : number(1, static_cast<uint64_t>(one)));
  return text(1, name) + text(2, text(1, number(1, type) + (hasShape ? text(2, dims) : std::string())));
}

std::string Maker::tensor(std::string_view name, uint32_t type, Shape shape) {
  uint64_t elements = 1;
  for (int64_t &one : shape) {
    if (one < 0 || one > 64 || elements > 256)
      one = 2;
    elements *= static_cast<uint64_t>(one);
  }
  std::string out;
  for (int64_t one : shape)
    out += number(1, static_cast<uint64_t>(one));
  out += number(2, type) + text(8, name);
  if (type == 7 && may(95)) { // what says shapes and places
    std::string values;
    for (uint64_t i = 0; i < elements; ++i)
      writeVarint(values, static_cast<uint64_t>(i < base.size() && base[i] >= 0 && may(30) ? base[i] : small()));
    return out + text(7, values);
  }
  if (type == 1 && may(50)) {
    for (uint64_t i = 0; i < elements; ++i)
      out += real(4, static_cast<float>(small()) / 2);
    return out;
  }
  std::string raw;
  uint64_t bytes = (elements * onnx::elementTypeBits(onnx::ElementType(type)) + 7) / 8;
  for (uint64_t i = 0; i < bytes + (may(1) ? 1 : 0); ++i)
    raw += static_cast<char>(may(50) ? upTo(3) : upTo(255));
  return out + text(9, raw);
}

/// A value for a place among the node's inputs; its name.
std::string Maker::value(std::string_view place) {
  std::string name = "v" + std::to_string(names++);
  if (may(8) && !inputs.empty())
    return inputs[below(random, inputs.size())];
  uint32_t type = typeOf(place);
  bool isInteger = type == 6 || type == 7;
  Shape shape = base;
  if (!inputs.empty())
    shape = isInteger && may(60) ? (may(40) ? Shape{} : Shape{may(50) ? static_cast<int64_t>(base.size()) : upTo(4)})
                                 : shapeLikeBase();
  if (may(isInteger && shape.size() < 2 ? 65 : 30)) {
    if (may(85))
      ends += text(5, tensor(name, type, shape));
    else
      nodes += text(1, text(2, name) + text(4, "Constant") +
                           text(5, text(1, "value") + text(5, tensor("", type, shape)) + number(20, 4)));
  } else {
    ends += text(11, valueInfo(name, type, shape));
  }
  return name;
}

/// A graph for If, Loop, Scan and the like: its outputs are its inputs, or simple functions of them and of what is
/// around it.
std::string Maker::body(bool isScan) {
  std::string graph;
  std::vector<std::string> known;
  std::string mark = "b" + std::to_string(names++) + "_";
  size_t count = row.name == "If" ? 0 : may(80) ? inputs.size() : static_cast<size_t>(upTo(4));
  bool isLoop = row.name == "Loop";
  for (size_t i = 0; i < count; ++i) {
    known.push_back(mark + std::to_string(i));
    uint32_t type = isLoop && i == 0 ? 7 : isLoop && i == 1 ? 9 : may(90) ? 1 : static_cast<uint32_t>(upTo(26));
    Shape shape = isLoop && i < 2 ? Shape{} : base;
    if (isScan && !shape.empty())
      shape.erase(shape.begin());
    graph += text(11, valueInfo(known.back(), type, shape, may(60)));
  }
  if (may(30)) {
    known.push_back(mark + "c");
    graph += text(5, tensor(known.back(), 1, base));
  }
  size_t outputs = 1 + static_cast<size_t>(upTo(2));
  if (isLoop && may(80))
    outputs = std::max<size_t>(count, 2) - 1 + static_cast<size_t>(upTo(1));
  for (size_t i = 0; i < outputs; ++i) {
    std::string name = mark + "o" + std::to_string(i);
    std::string from = isLoop && i == 0 && count > 1 ? known[1]
                       : isLoop && i + 1 < count     ? known[i + 1]
                       : known.empty() || may(20)    ? (inputs.empty() ? "" : oneOf(random, inputs))
                                                     : oneOf(random, known);
    constexpr std::string_view ops[] = {"Identity", "Neg", "Abs", "Shape", "Not", "ReduceSum", "NonZero"};
    std::string_view op = may(60) ? "Identity" : oneOf(random, ops);
    bool passes = may(10);
    if (!passes)
      graph += text(1, text(1, from) + text(2, name) + text(4, op));
    graph += text(12, valueInfo(passes ? from : name, isLoop && i == 0 ? 9 : 1, {}, false));
  }
  return graph;
}

std::string Maker::attribute(std::string_view declaration) {
  std::string_view name = nextOf(declaration, ':'), kind = declaration;
  bool isRequired = !kind.empty() && kind.back() == '!';
  if (isRequired)
    kind.remove_suffix(1);
  if (!may(isRequired ? 97 : 35))
    return {};
  if (may(1))
    kind = oneOf(random, std::initializer_list<std::string_view>{"int", "ints", "float", "floats", "string", "tensor"});
  auto finish = [&](const std::string &content, uint64_t number_) {
    return text(5, text(1, name) + content + (may(97) ? number(20, number_) : std::string()));
  };
  if (kind == "int") {
    bool isType = name == "to" || name.find("dtype") != std::string_view::npos || name == "stash_type";
    int64_t value = isType    ? upTo(onnx::kLastElementType)
                    : may(50) ? upTo(1)
                    : may(15) ? int64_t(16) << upTo(4)
                              : small();
    return finish(number(3, static_cast<uint64_t>(value)), 2);
  }
  if (kind == "float") {
    const float values[] = {0, 1, -1, 0.5f, 1e-5f, 1e38f, -1e38f, std::numeric_limits<float>::quiet_NaN(), INFINITY};
    return finish(real(2, oneOf(random, values)), 1);
  }
  if (kind == "string")
    return finish(text(4, oneOf(random, kTexts)), 3);
  if (kind == "ints") {
    // As many as a shape of the first input has, or its spatial part, or two for each.
    int64_t rank = static_cast<int64_t>(base.size());
    int64_t count =
        oneOf(random, std::initializer_list<int64_t>{rank, rank, rank - 2, rank - 2, 2 * (rank - 2), 1, upTo(8)});
    bool isOrder = name == "perm" || name == "axes";
    std::string out;
    Shape order;
    for (int64_t i = 0; i < count; ++i)
      order.push_back(i);
    std::shuffle(order.begin(), order.end(), random);
    for (int64_t i = 0; i < count; ++i)
      out += number(8, static_cast<uint64_t>(isOrder && may(90) ? order[static_cast<size_t>(i)]
                                             : may(70)          ? 1 + upTo(2)
                                                                : small()));
    return finish(out, 7);
  }
  if (kind == "floats") {
    std::string out;
    for (int64_t i = upTo(6); i > 0; --i)
      out += real(7, static_cast<float>(small()) / 2);
    return finish(out, 6);
  }
  if (kind == "strings") {
    std::string out;
    for (int64_t i = upTo(6); i > 0; --i)
      out += text(9, oneOf(random, kActivations));
    return finish(out, 8);
  }
  if (kind == "tensor")
    return finish(
        text(5, tensor("", may(60) ? 1 : 1 + static_cast<uint32_t>(upTo(25)), may(50) ? Shape{1} : shapeLikeBase())),
        4);
  if (kind == "graph") {
    ++depth;
    std::string graph = body(row.name == "Scan");
    --depth;
    return finish(text(6, graph), 5);
  }
  return {};
}

std::string Maker::node(std::string_view op, std::string_view domain, const std::vector<std::string> &from,
                        const std::vector<std::string> &to) {
  std::string out;
  for (const std::string &input : from)
    out += text(1, input);
  for (const std::string &output : to)
    out += text(2, output);
  out += text(3, "the node") + text(4, op);
  if (!domain.empty())
    out += text(7, domain);
  return out;
}

std::string Maker::model() {
  isOpen = may(20);
  base = freshShape();
  std::string_view places = row.types;
  std::vector<std::string_view> kinds = split(nextOf(places, ';'), ',');
  int most = row.maxInputs < 0 ? std::max(row.minInputs, 1) + 3 : row.maxInputs;
  int count = may(4) ? static_cast<int>(upTo(most + 1))
                     : row.minInputs + static_cast<int>(upTo(std::max(0, most - row.minInputs)));
  for (int i = 0; i < count; ++i) {
    std::string_view place =
        kinds.empty() ? std::string_view("T") : kinds[std::min<size_t>(size_t(i), kinds.size() - 1)];
    bool mayMiss = i >= row.minInputs || (!place.empty() && place.back() == '?');
    if (!place.empty() && place.back() == '?')
      place.remove_suffix(1);
    inputs.push_back(may(mayMiss ? 25 : 1) ? std::string() : value(place));
  }
  int mostOutputs = row.maxOutputs < 0 ? row.minOutputs + 3 : row.maxOutputs;
  int outputs = row.minOutputs + static_cast<int>(upTo(std::max(0, mostOutputs - row.minOutputs)));
  if (may(2))
    outputs += static_cast<int>(upTo(2)) - 1;
  std::vector<std::string> results;
  for (int i = 0; i < outputs; ++i)
    results.push_back(may(3) ? std::string() : "y" + std::to_string(i));

  std::string_view op = row.name, domain;
  for (std::string_view one : {std::string_view("com.microsoft."), std::string_view("ai.onnx.preview.")})
    if (op.substr(0, one.size()) == one) {
      domain = one.substr(0, one.size() - 1);
      op.remove_prefix(one.size());
    }
  std::string own = node(op, domain, inputs, results);
  for (std::string_view declaration : split(row.attributes, ' '))
    own += attribute(declaration);
  // An opset in which the row holds, mostly.
  int64_t opset = row.since;
  const Row *after = &row + 1;
  int64_t last = after != std::end(kRows) && after->name == row.name ? after->since - 1 : onnx::kLastOpset;
  opset += upTo(std::max<int64_t>(0, last - opset));
  if (!domain.empty())
    opset = 13 + upTo(11);
  if (may(3))
    opset = upTo(onnx::kLastOpset + 1);

  // Sometimes another node before or behind it, and sometimes all of it in a function.
  std::string functions, imports = text(8, number(2, static_cast<uint64_t>(opset)));
  if (!domain.empty())
    imports += text(8, text(1, domain) + number(2, 1));
  if (may(5)) {
    std::string function = text(1, "f") + text(10, "d");
    for (const std::string &input : inputs)
      if (!input.empty())
        function += text(4, input);
    for (const std::string &output : results)
      if (!output.empty())
        function += text(5, output);
    function += text(7, own);
    function += text(9, number(2, static_cast<uint64_t>(opset)));
    if (!domain.empty())
      function += text(9, text(1, domain) + number(2, 1));
    functions = text(25, function);
    std::vector<std::string> given = inputs;
    given.erase(std::remove(given.begin(), given.end(), std::string()), given.end());
    if (may(10) && !given.empty())
      given.pop_back();
    imports += text(8, text(1, "d") + number(2, 1));
    own = node("f", "d", given, results);
  }
  nodes += text(1, own);
  for (std::string &result : results) {
    if (result.empty())
      continue;
    if (may(10)) {
      constexpr std::string_view ops[] = {"Neg", "Shape", "Relu", "Identity", "ReduceMax", "NonZero", "Softmax", "Not"};
      nodes += text(1, node(oneOf(random, ops), "", {result}, {"z" + result}));
      result = "z" + result;
    } else if (may(5)) {
      nodes += text(1, node(oneOf(random, std::initializer_list<std::string_view>{"Add", "MatMul", "Concat", "Mul"}),
                            "", {result, results[0]}, {"z" + result}));
      result = "z" + result;
    }
    uint32_t type = bound.empty() || may(50) ? 1 : bound.begin()->second;
    ends += text(12, valueInfo(result, may(70) ? 0 : type, shapeLikeBase(), may(40)));
  }
  return number(1, 10) + text(7, nodes + ends) + imports + functions;
}

} // namespace

size_t countOperators() { return std::size(kRows); }

std::string makeModel(size_t row, Random &random) { return Maker(kRows[row % std::size(kRows)], random).model(); }

} // namespace llmc::test
