// OnnxFuzzer.cpp - ONNX files from random bytes: no crash, and what is accepted holds what it promises.
//
// Besides bytes, fields of messages are changed, and files are made up, an operator of the table each (test/fuzz/onnx).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/onnx/Onnx.h"
#include "frontends/formats/onnx/Operators.h"
#include "test/fuzz/Promises.h"
#include "test/fuzz/onnx/Maker.h"

#include <algorithm>
#include <set>

using namespace llmc;
using llmc::test::checkMessage;
using llmc::test::require;

namespace {

void checkTensor(const onnx::Tensor &tensor) {
  require(tensor.dims.size() <= TensorShape::kMaxRank);
  if (tensor.external || tensor.type == onnx::ElementType::String)
    return;
  require(tensor.decoded().size() == tensor.bytes);
}

void checkGraph(const onnx::Graph &graph, std::set<std::string_view> known, int64_t opset) {
  for (const onnx::ValueInfo &input : graph.inputs)
    known.insert(input.name);
  for (const onnx::Tensor &tensor : graph.initializers) {
    checkTensor(tensor);
    known.insert(tensor.name);
  }
  for (const onnx::Node &node : graph.nodes) {
    for (std::string_view input : node.inputs)
      require(input.empty() || known.count(input));
    if (const onnx::Operator *row = onnx::findOperator(node.op, opset))
      if (Checked checked = onnx::checkNode(node, *row, "f", onnx::describeNode(node, opset)); !checked)
        checkMessage(checked.error());
    for (const onnx::Attribute &attribute : node.attributes) {
      for (const onnx::Tensor &tensor : attribute.tensors)
        checkTensor(tensor);
      for (const onnx::Graph &inner : attribute.graphs)
        checkGraph(inner, known, opset);
    }
    known.insert(node.outputs.begin(), node.outputs.end());
  }
  for (const onnx::ValueInfo &output : graph.outputs)
    require(known.count(output.name));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char *>(data), size);
  if (Result<onnx::Tensor> tensor = onnx::parseTensorFile(bytes, "f"); tensor)
    checkTensor(*tensor);
  else
    checkMessage(tensor.error());
  Result<onnx::Model> model = onnx::parseModel(bytes, "f");
  if (!model) {
    checkMessage(model.error());
    return 0;
  }
  checkGraph(model->graph, {}, model->opset());
  return 0;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  static const test::Changer changer = [] {
    test::Changer made;
    for (size_t row = 0; row < test::countOperators(); ++row) {
      test::Random random(row);
      made.add(test::makeModel(row, random));
    }
    return made;
  }();
  test::Random random(seed);
  if (test::chance(random, 40))
    return LLVMFuzzerMutate(data, size, most);
  std::string bytes = test::chance(random, 10) ? test::makeModel(random(), random)
                                               : changer.changed({reinterpret_cast<const char *>(data), size}, random);
  size = std::min(bytes.size(), most);
  std::copy(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size), data);
  return size;
}
