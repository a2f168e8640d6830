// GraphDims.cpp - dimensions that a file leaves open, and the types of values that it declares.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "frontends/formats/json/Json.h"
#include "frontends/onnx/Import.h"

using namespace mlir;

namespace llmc::onnx_import {

/// Whether a shape is one that memory can have: no dimension and no product of them above 2^40.
bool GraphImporter::isSane(ArrayRef<int64_t> shape) const {
  int64_t elements = 1;
  for (int64_t number : shape) {
    auto [least, size] = facts.extents.bounds(number);
    if (least < 0 || size > kLargestExtent)
      return false;
    if (size > 0 && elements > kLargestExtent / size)
      return false;
    elements *= std::max<int64_t>(size, 1);
  }
  return true;
}

/// Bounds of dimensions that nobody gives bounds: a few in the first place of an input, which is a batch most times.
static constexpr int64_t kDefaultFirst = 8, kDefaultOther = 512;

/// The size that a name says as a sum of numbers and of names that are known, "past + length"; nothing for one name.
std::optional<int64_t> GraphImporter::openSum(StringRef key) {
  SmallVector<StringRef> terms;
  key.split(terms, '+');
  int64_t sum = 0;
  for (StringRef term : terms) {
    int64_t number;
    if (auto size = facts.named.find(term.trim().str()); size != facts.named.end())
      sum = facts.extents.add(sum, size->second);
    else if (!term.trim().getAsInteger(10, number) && number >= 0 && number <= kLargestExtent)
      sum = facts.extents.add(sum, number);
    else
      return std::nullopt;
  }
  return terms.size() > 1 ? std::optional<int64_t>(sum) : std::nullopt;
}

/// A dimension of an input that the file leaves open.
int64_t GraphImporter::openSize(const std::string &key, const std::string &input, int64_t number, int64_t dim) {
  auto [known, isNew] = facts.named.try_emplace(key, 0);
  if (!isNew)
    return known->second;
  std::pair<int64_t, int64_t> bounds = {1, dim == 0 ? kDefaultFirst : kDefaultOther};
  const std::string name = json::printable(key, 60);
  if (std::optional<int64_t> sum = openSum(key))
    bounds = facts.extents.bounds(*sum);
  if (auto given = facts.given.find(key); given != facts.given.end())
    bounds = given->second;
  else
    mlir::emitRemark(FileLineColLoc::get(builder.getContext(), file, 0, 0))
        << "dimension '" << name << "' of input '" << input << "' is taken to be " << bounds.first << " to "
        << bounds.second << "; other bounds: --dim " << name << "=LO..HI";
  return known->second = facts.extents.input(name, bounds.first, bounds.second, number, dim);
}

/// Every name that `--dim` gives is one of the graph's.
LogicalResult GraphImporter::checkDims() const {
  std::string open;
  for (const auto &[key, size] : facts.named)
    open += (open.empty() ? "" : ", ") + json::printable(key, 60);
  for (const auto &[key, bounds] : facts.given)
    if (!facts.named.count(key)) {
      InFlightDiagnostic diagnostic = error() << "--dim " << key << ": no input has an open dimension of that name";
      diagnostic.attachNote() << (open.empty() ? "all sizes are known" : "open dimensions: " + open);
      return diagnostic;
    }
  return success();
}

/// The size that a dimension's name says by others and numbers, as exporters write it: "past_length + length". Nothing
/// where it is no sum, or one of them is not given one size.
static std::optional<int64_t> sumOfDims(StringRef name,
                                        const std::map<std::string, std::pair<int64_t, int64_t>> &dims) {
  SmallVector<StringRef> terms;
  name.split(terms, '+');
  int64_t sum = 0;
  for (StringRef term : terms) {
    term = term.trim();
    int64_t number;
    if (auto given = dims.find(term.str()); given != dims.end()) {
      if (given->second.first != given->second.second)
        return std::nullopt;
      sum += given->second.first;
    } else if (terms.size() > 1 && !term.getAsInteger(10, number) && number >= 0 && number < (int64_t(1) << 40))
      sum += number;
    else
      return std::nullopt;
    if (sum > (int64_t(1) << 40))
      return std::nullopt;
  }
  return sum;
}

FailureOr<RankedTensorType> GraphImporter::typeOf(const onnx::ValueInfo &value, bool required, int64_t input) {
  const std::string name = json::printable(value.name, 120);
  if (value.kind != onnx::ValueInfo::Kind::Tensor) {
    if (!required)
      return RankedTensorType();
    error() << "input '" << name << "' is no tensor: sequences, optional values and maps are not supported";
    return failure();
  }
  Type element = elementTypeOf(builder.getContext(), value.type);
  if (!element || !value.hasShape) {
    if (!required)
      return RankedTensorType();
    error() << "input '" << name << "' " << (element ? "has no shape" : "is of type ")
            << (element ? "" : onnx::elementTypeName(value.type)) << ", which is not supported";
    return failure();
  }
  SmallVector<int64_t> shape;
  for (auto [i, dim] : llvm::enumerate(value.dims)) {
    int64_t size = dim.value;
    const std::string own = std::string(value.name) + "." + std::to_string(i);
    const std::string key = dim.param.empty() ? own : std::string(dim.param);
    if (size < 0)
      if (std::optional<int64_t> given = sumOfDims(key, facts.given);
          given && (!required || key.find('+') != std::string::npos))
        size = *given;
    if (size < 0 && !required)
      return RankedTensorType();
    if (size < 0)
      size = openSize(key, name, input, i);
    shape.push_back(size);
  }
  if (!isSane(shape)) {
    if (!required)
      return RankedTensorType();
    error() << "input '" << name << "' has more than 2^40 elements";
    return failure();
  }
  return RankedTensorType::get(shape, element);
}

/// What is elementwise has the shape of its input: a declared output says it for the values that it is made of.
void GraphImporter::implyShapes() {
  const std::vector<onnx::Node> &nodes = model.graph.nodes;
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    if (!node->domain.empty() || node->inputs.empty() || node->outputs.empty() ||
        !llvm::is_contained({"Abs", "Cast", "CastLike", "Exp", "Identity", "Log", "Neg", "Relu", "Sqrt", "Tanh"},
                            StringRef(node->op.data(), node->op.size())))
      continue;
    auto said = declared.find(node->outputs[0]);
    auto known = implied.find(node->outputs[0]);
    if (said != declared.end())
      implied.try_emplace(node->inputs[0], said->second.getShape());
    else if (known != implied.end())
      implied.try_emplace(node->inputs[0], known->second);
  }
}

} // namespace llmc::onnx_import
