// InspectOnnx.cpp - counts a graph's operators and says which of them can be compiled.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/InspectOnnx.h"

#include "frontends/formats/json/Json.h"
#include "frontends/formats/onnx/Onnx.h"
#include "frontends/formats/onnx/Operators.h"
#include "frontends/onnx/Versions.h"
#include "tools/driver/Messages.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

namespace llmc::driver {

namespace {

std::string typeText(const onnx::ValueInfo &value) {
  if (value.kind != onnx::ValueInfo::Kind::Tensor)
    return "no tensor";
  std::string text = onnx::elementTypeName(value.type);
  if (!value.hasShape)
    return text + ", of any shape";
  text += " [";
  for (size_t i = 0; i < value.dims.size(); ++i) {
    const onnx::Dim &dim = value.dims[i];
    text += i ? ", " : "";
    text += dim.value >= 0 ? std::to_string(dim.value) : dim.param.empty() ? "?" : json::printable(dim.param, 60);
  }
  return text + "]";
}

struct Count {
  int64_t nodes = 0;
  bool isCompiled = false;
};

bool isCompiled(const onnx::Model &model, const onnx::Node &node) {
  for (const onnx::Function &function : model.functions)
    if (function.name == node.op && function.domain == node.domain)
      return true;
  const onnx::Operator *row = onnx::operatorOf(node, model.opset());
  return row && onnx_import::isCompiled(*row, model.opset());
}

/// Nodes by operator, those in graphs inside of nodes too.
void count(const onnx::Model &model, const std::vector<onnx::Node> &nodes, std::map<std::string, Count> &counts) {
  for (const onnx::Node &node : nodes) {
    Count &entry =
        counts[(node.domain.empty() ? "" : json::printable(node.domain, 60) + ".") + json::printable(node.op, 60)];
    if (entry.nodes++ == 0)
      entry.isCompiled = isCompiled(model, node);
    for (const onnx::Attribute &attribute : node.attributes)
      for (const onnx::Graph &graph : attribute.graphs)
        count(model, graph.nodes, counts);
  }
}

} // namespace

int inspectOnnx(const std::string &path) {
  Messages messages(MessageStyle::forTerminal());
  Result<onnx::OpenedModel> opened = onnx::open(path);
  if (!opened)
    return messages.error(opened.error()), exitInput;
  const onnx::Model &model = opened->model;
  llvm::raw_ostream &out = llvm::outs();
  out << path << "\n  opset       " << model.opset() << ", IR version " << model.irVersion << "\n";
  if (!model.producer.empty())
    out << "  made by     " << json::printable(model.producer) << " " << json::printable(model.producerVersion) << "\n";
  auto list = [&](const char *what, const std::vector<onnx::ValueInfo> &values) {
    for (const onnx::ValueInfo &value : values) {
      bool isWeight = false;
      for (const onnx::Tensor &tensor : model.graph.initializers)
        isWeight |= tensor.name == value.name;
      if (!isWeight)
        out << "  " << what << "  " << json::printable(value.name, 120) << "  " << typeText(value) << "\n";
    }
  };
  list("input     ", model.graph.inputs);
  list("output    ", model.graph.outputs);
  uint64_t bytes = 0;
  for (const onnx::Tensor &tensor : model.graph.initializers)
    bytes += tensor.bytes;
  out << "  weights     " << model.graph.initializers.size() << " tensors, " << bytes << " bytes\n";
  std::map<std::string, Count> counts;
  count(model, model.graph.nodes, counts);
  for (const onnx::Function &function : model.functions)
    count(model, function.nodes, counts);
  int64_t nodes = 0, refused = 0;
  for (const auto &[op, entry] : counts) {
    nodes += entry.nodes;
    refused += !entry.isCompiled;
    out << "  operator    " << llvm::format("%5lld  ", static_cast<long long>(entry.nodes)) << op
        << (entry.isCompiled ? "\n" : "  (not supported)\n");
  }
  out << "  in all      " << nodes << " nodes of " << counts.size() << " operators, " << refused << " not supported\n";
  out.flush();
  return exitDone;
}

} // namespace llmc::driver
