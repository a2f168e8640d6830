// GraphOrder.cpp - names, their makers and readers; cycles.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/onnx/GraphOrder.h"

#include "frontends/formats/json/Json.h"
#include "frontends/formats/onnx/Operators.h"

#include <functional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

namespace llmc::onnx {

namespace {

using Names = std::unordered_set<std::string_view>;

class Orderer {
public:
  Orderer(const Model &model, const std::string &file) : model(model), file(file) {}

  /// `outer` names what graphs around this one make.
  Checked graph(Graph &graph, const std::vector<const Names *> &outer) {
    Names given;
    for (const ValueInfo &input : graph.inputs)
      if (Checked checked = define(given, input.name, "input"); !checked)
        return checked;
    // An initializer of an input's name is the input's default.
    Names initializers;
    for (const Tensor &tensor : graph.initializers) {
      if (Checked checked = define(initializers, tensor.name, "initializer"); !checked)
        return checked;
      given.insert(tensor.name);
    }
    if (Checked checked = nodes(graph.nodes, given, outer); !checked)
      return checked;
    for (const ValueInfo &output : graph.outputs) {
      const bool known = given.count(output.name) || isOuter(outer, output.name);
      if (!known)
        return mistake("output '" + json::printable(output.name, 120) + "' of graph '" +
                       json::printable(graph.name, 60) + "' is made by no node");
    }
    return Success{};
  }

  Checked function(Function &function) {
    Names given(function.inputs.begin(), function.inputs.end());
    if (Checked checked = nodes(function.nodes, given, {}); !checked)
      return checked;
    for (std::string_view output : function.outputs)
      if (!given.count(output))
        return mistake("output '" + json::printable(output, 120) + "' of function '" +
                       json::printable(function.name, 60) + "' is made by no node");
    return Success{};
  }

private:
  const Model &model;
  const std::string &file;

  Diagnostic mistake(std::string text) const { return Diagnostic{file, 0, 0, std::move(text), {}}; }

  static bool isOuter(const std::vector<const Names *> &outer, std::string_view name) {
    for (const Names *names : outer)
      if (names->count(name))
        return true;
    return false;
  }

  Checked define(Names &names, std::string_view name, const char *what) const {
    if (name.empty())
      return mistake(std::string("an ") + what + " has no name");
    if (!names.insert(name).second)
      return mistake(std::string(what) + " '" + json::printable(name, 120) + "' is there twice");
    return Success{};
  }

  /// What a graph reads from around it: names that are not its own.
  static void readsOf(const Graph &graph, const std::function<void(std::string_view)> &visit) {
    Names own;
    for (const ValueInfo &input : graph.inputs)
      own.insert(input.name);
    for (const Tensor &tensor : graph.initializers)
      own.insert(tensor.name);
    for (const Node &node : graph.nodes)
      own.insert(node.outputs.begin(), node.outputs.end());
    const auto outside = [&](std::string_view name) {
      if (!own.count(name))
        visit(name);
    };
    for (const Node &node : graph.nodes)
      readsOf(node, outside);
    for (const ValueInfo &output : graph.outputs)
      outside(output.name);
  }
  static void readsOf(const Node &node, const std::function<void(std::string_view)> &visit) {
    for (std::string_view input : node.inputs)
      if (!input.empty())
        visit(input);
    for (const Attribute &attribute : node.attributes)
      for (const Graph &inner : attribute.graphs)
        readsOf(inner, visit);
  }

  /// A call of one of the model's functions takes what the function gives, and no more.
  Checked callGives(const Node &node) const {
    for (const Function &function : model.functions)
      if (function.name == node.op && function.domain == node.domain && function.overload == node.overload &&
          node.outputs.size() > function.outputs.size())
        return mistake(describeNode(node, model.opset()) + ": takes " + std::to_string(node.outputs.size()) +
                       " outputs of function '" + json::printable(function.name, 60) + "', which gives " +
                       std::to_string(function.outputs.size()));
    return Success{};
  }

  /// Kahn's algorithm; of nodes that are ready the one that stands first in the file goes first.
  Checked nodes(std::vector<Node> &list, Names &given, const std::vector<const Names *> &outer) {
    std::unordered_map<std::string_view, size_t> makers;
    // Tools that make constants of weights leave the old ones in the graph: of constants of one name the last counts,
    // as ONNX Runtime has it.
    const auto isConstant = [](const Node &node) { return node.op == "Constant" && node.outputs.size() == 1; };
    for (size_t i = 0; i < list.size(); ++i)
      if (isConstant(list[i]))
        makers[list[i].outputs[0]] = i;
    std::vector<bool> repeats(list.size(), false);
    for (size_t i = 0; i < list.size(); ++i)
      repeats[i] = isConstant(list[i]) && makers[list[i].outputs[0]] != i;
    size_t kept = 0;
    for (size_t i = 0; i < list.size(); ++i)
      if (!repeats[i] && kept++ != i)
        list[kept - 1] = std::move(list[i]);
    list.resize(kept);
    makers.clear();
    for (size_t i = 0; i < list.size(); ++i)
      if (Checked checked = callGives(list[i]); !checked)
        return checked;
    for (size_t i = 0; i < list.size(); ++i)
      for (std::string_view output : list[i].outputs) {
        if (output.empty())
          continue;
        if (given.count(output) || !makers.emplace(output, i).second)
          return mistake(describeNode(list[i], model.opset()) + ": makes '" + json::printable(output, 120) +
                         "', which is made already");
      }
    std::vector<std::vector<size_t>> readers(list.size());
    std::vector<size_t> missing(list.size(), 0);
    std::optional<Diagnostic> dangling;
    for (size_t i = 0; i < list.size() && !dangling; ++i)
      readsOf(list[i], [&](std::string_view name) {
        if (auto maker = makers.find(name); maker != makers.end()) {
          readers[maker->second].push_back(i);
          ++missing[i];
        } else if (!given.count(name) && !isOuter(outer, name) && !dangling) {
          dangling = mistake(describeNode(list[i], model.opset()) + ": reads '" + json::printable(name, 120) +
                             "', which nothing makes");
        }
      });
    if (dangling)
      return *dangling;
    std::priority_queue<size_t, std::vector<size_t>, std::greater<size_t>> ready;
    for (size_t i = 0; i < list.size(); ++i)
      if (!missing[i])
        ready.push(i);
    std::vector<size_t> order;
    while (!ready.empty()) {
      const size_t i = ready.top();
      ready.pop();
      order.push_back(i);
      for (size_t reader : readers[i])
        if (--missing[reader] == 0)
          ready.push(reader);
    }
    if (order.size() != list.size())
      for (size_t i = 0; i < list.size(); ++i)
        if (missing[i])
          return mistake(describeNode(list[i], model.opset()) + ": stands in a cycle: it needs what it makes");
    std::vector<Node> sorted;
    sorted.reserve(list.size());
    for (size_t i : order)
      sorted.push_back(std::move(list[i]));
    list = std::move(sorted);
    for (const auto &[name, maker] : makers)
      given.insert(name);
    std::vector<const Names *> around = outer;
    around.push_back(&given);
    for (Node &node : list)
      for (Attribute &attribute : node.attributes)
        for (Graph &inner : attribute.graphs)
          if (Checked checked = graph(inner, around); !checked)
            return checked;
    return Success{};
  }
};

/// Functions that call each other in a circle.
Checked checkCalls(const Model &model, const std::string &file) {
  std::unordered_map<std::string, size_t> known;
  const auto key = [](std::string_view domain, std::string_view name, std::string_view overload) {
    return std::string(domain) + '\0' + std::string(name) + '\0' + std::string(overload);
  };
  for (size_t i = 0; i < model.functions.size(); ++i) {
    const Function &f = model.functions[i];
    if (!known.emplace(key(f.domain, f.name, f.overload), i).second)
      return Diagnostic{file, 0, 0, "function '" + json::printable(f.name, 60) + "' is there twice", {}};
  }
  enum : uint8_t { New, Open, Done };
  std::vector<uint8_t> state(model.functions.size(), New);
  std::optional<Diagnostic> found;
  std::function<void(size_t, unsigned)> visit;
  std::function<void(const std::vector<Node> &, unsigned)> walk = [&](const std::vector<Node> &nodes, unsigned depth) {
    for (const Node &node : nodes) {
      if (auto call = known.find(key(node.domain, node.op, node.overload)); call != known.end() && !found)
        visit(call->second, depth + 1);
      for (const Attribute &attribute : node.attributes)
        for (const Graph &inner : attribute.graphs)
          walk(inner.nodes, depth);
    }
  };
  visit = [&](size_t i, unsigned depth) {
    if (state[i] == Done)
      return;
    if (state[i] == Open || depth > 32) {
      found = Diagnostic{file,
                         0,
                         0,
                         "function '" + json::printable(model.functions[i].name, 60) +
                             (state[i] == Open ? "' calls itself" : "' is called more than 32 deep"),
                         {}};
      return;
    }
    state[i] = Open;
    walk(model.functions[i].nodes, depth);
    state[i] = Done;
  };
  for (size_t i = 0; i < model.functions.size() && !found; ++i)
    visit(i, 0);
  if (found)
    return *found;
  return Success{};
}

} // namespace

Checked orderGraphs(Model &model, const std::string &file) {
  Orderer orderer(model, file);
  if (Checked checked = orderer.graph(model.graph, {}); !checked)
    return checked;
  for (Function &function : model.functions)
    if (Checked checked = orderer.function(function); !checked)
      return checked;
  return checkCalls(model, file);
}

} // namespace llmc::onnx
