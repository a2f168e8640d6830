// Operators.cpp - looks operators up and checks nodes against them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/onnx/Operators.h"

#include "frontends/formats/json/Json.h"

#include <algorithm>
#include <iterator>

namespace llmc::onnx {

namespace {

constexpr Operator kOperators[] = {
#define LLMC_ONNX_OPERATOR(name, since, minIn, maxIn, minOut, maxOut, body, withdrawn, attributes, types)              \
  {#name, since, minIn, maxIn, minOut, maxOut, body != 0, withdrawn != 0, attributes, types},
#include "dialects/ONNX/Formats/Operators.def"
};

/// Rows of one name, which stand together.
std::pair<const Operator *, const Operator *> rowsOf(std::string_view name) {
  return std::equal_range(std::begin(kOperators), std::end(kOperators),
                          Operator{name, 0, 0, 0, 0, 0, false, false, {}, {}},
                          [](const Operator &a, const Operator &b) { return a.name < b.name; });
}

/// The kind that a row asks for, as "int!" or empty when it has no such attribute.
std::string_view kindIn(std::string_view attributes, std::string_view name) {
  while (!attributes.empty()) {
    const size_t end = std::min(attributes.find(' '), attributes.size());
    const std::string_view one = attributes.substr(0, end);
    const size_t colon = one.find(':');
    if (one.substr(0, colon) == name)
      return one.substr(colon + 1);
    attributes.remove_prefix(std::min(end + 1, attributes.size()));
  }
  return {};
}

std::string range(int least, int most) {
  if (least == most)
    return std::to_string(least);
  return most < 0 ? "at least " + std::to_string(least) : std::to_string(least) + " to " + std::to_string(most);
}

} // namespace

const Operator *findOperator(std::string_view name, int64_t opset) {
  const auto [begin, end] = rowsOf(name);
  const Operator *found = nullptr;
  for (const Operator *row = begin; row != end; ++row)
    if (row->since <= opset)
      found = row;
  return found && !found->withdrawn ? found : nullptr;
}

const Operator *operatorOf(const Node &node, int64_t opset) {
  if (node.op.find('.') != std::string_view::npos)
    return nullptr; // a domain in the table
  if (node.domain == "ai.onnx.preview")
    return findOperator("ai.onnx.preview." + std::string(node.op), 1);
  const std::string own = "com.microsoft." + std::string(node.op);
  if (node.domain == "com.microsoft")
    return findOperator(own, 1);
  if (!node.domain.empty())
    return nullptr;
  if (const Operator *row = findOperator(node.op, opset))
    return row;
  return node.op == "LayerNormalization" || node.op == "SimplifiedLayerNormalization" ? findOperator(own, 1) : nullptr;
}

bool isOperator(std::string_view name) {
  const auto [begin, end] = rowsOf(name);
  return begin != end;
}

std::string_view reasonOfRefusal(const Node &node) {
  if (node.domain == "ai.onnx.ml")
    return "is classic machine learning, which is not compiled";
  if (node.domain == "ai.onnx.preview.training" || node.domain == "ai.onnx.training")
    return "is for training, and only inference is compiled";
  if (!node.domain.empty())
    return {};
  constexpr std::pair<std::string_view, std::string_view> kReasons[] = {
      {"String", "works on strings, which compiled programs do not have"},
      {"RegexFullMatch", "works on strings, which compiled programs do not have"},
      {"TfIdfVectorizer", "counts words, which is not compiled"},
      {"ImageDecoder", "decodes image files, which is not compiled"},
      {"Sequence", "works on sequences, which compiled programs do not have"},
      {"SplitToSequence", "works on sequences, which compiled programs do not have"},
      {"ConcatFromSequence", "works on sequences, which compiled programs do not have"},
      {"Optional", "works on optional values, which compiled programs do not have"},
  };
  for (const auto &[start, reason] : kReasons)
    if (node.op.substr(0, start.size()) == start && isOperator(node.op))
      return reason;
  return {};
}

/// The part of a list before its next separator, taken from its front.
static std::string_view nextOf(std::string_view &list, char separator) {
  const size_t end = std::min(list.find(separator), list.size());
  const std::string_view part = list.substr(0, end);
  list.remove_prefix(std::min(end + 1, list.size()));
  return part;
}

bool mayLeaveOut(const Operator &row, size_t i) {
  if (row.maxInputs < 0)
    return false;
  std::string_view types = row.types, places = nextOf(types, ';'), place;
  for (size_t at = 0; at <= i && !places.empty(); ++at)
    place = nextOf(places, ',');
  return int64_t(i) >= row.minInputs || (!place.empty() && place.back() == '?');
}

std::optional<std::string> faultOfTypes(const Operator &row, const std::vector<std::string_view> &inputs) {
  std::string_view constraints = row.types, places = nextOf(constraints, ';'), place;
  std::vector<std::pair<std::string_view, size_t>> bound; // a type's name, and the input that has it
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!places.empty())
      place = nextOf(places, ',');
    if (!place.empty() && place.back() == '?')
      place.remove_suffix(1);
    if (inputs[i].empty() || place == "*")
      continue;
    for (std::string_view rest = constraints; !rest.empty();) {
      std::string_view constraint = nextOf(rest, ';');
      if (nextOf(constraint, '=') != place)
        continue;
      bool fits = false;
      const std::string_view allowed = constraint;
      while (!constraint.empty())
        fits |= nextOf(constraint, '|') == inputs[i];
      if (!fits)
        return "input " + std::to_string(i) + " is of type " + std::string(inputs[i]) + " (expected " +
               std::string(allowed) + ")";
    }
    const auto known =
        std::find_if(bound.begin(), bound.end(), [&](const auto &entry) { return entry.first == place; });
    if (known == bound.end())
      bound.push_back({place, i});
    else if (inputs[known->second] != inputs[i])
      return "inputs " + std::to_string(known->second) + " and " + std::to_string(i) + " are of types " +
             std::string(inputs[known->second]) + " and " + std::string(inputs[i]) + " (expected one type)";
  }
  return std::nullopt;
}

std::string describeNode(const Node &node, int64_t opset) {
  std::string name = "node '" + json::printable(node.name, 120) + "'";
  if (node.name.empty()) {
    name = "a node without a name";
    for (std::string_view output : node.outputs)
      if (!output.empty()) {
        name = "the node that makes '" + json::printable(output, 120) + "'";
        break;
      }
  }
  const std::string domain = node.domain.empty() ? "" : json::printable(node.domain, 60) + ".";
  return name + " (" + domain + json::printable(node.op, 60) + ", opset " + std::to_string(opset) + ")";
}

Checked checkNode(const Node &node, const Operator &row, const std::string &file, const std::string &where) {
  const auto mistake = [&](std::string text) { return Diagnostic{file, 0, 0, where + ": " + std::move(text), {}}; };
  const auto counts = [&](const char *what, size_t count, int least, int most) -> Checked {
    if (count >= size_t(std::max(least, 0)) && (most < 0 || count <= size_t(most)))
      return Success{};
    return mistake("has " + std::to_string(count) + " " + what + " (expected " + range(least, most) + ")");
  };
  // Names left out at the end do not count.
  size_t inputs = node.inputs.size();
  while (inputs > 0 && node.inputs[inputs - 1].empty())
    --inputs;
  if (Checked checked = counts("inputs", inputs, row.minInputs, row.maxInputs); !checked)
    return checked;
  if (Checked checked = counts("outputs", node.outputs.size(), row.minOutputs, row.maxOutputs); !checked)
    return checked;
  for (const Attribute &attribute : node.attributes) {
    std::string_view kind = kindIn(row.attributes, attribute.name);
    const std::string shown = "attribute '" + json::printable(attribute.name, 60) + "'";
    // ONNX Runtime reads past what its own operators do not know, and files with misspelt attributes are about.
    if (kind.empty() && row.name.substr(0, 14) == "com.microsoft.")
      continue;
    if (kind.empty())
      return mistake("unknown " + shown + " (expected one of: " + std::string(row.attributes) + ")");
    if (kind.back() == '!')
      kind.remove_suffix(1);
    if (attribute.reference.empty() && kind != "any" && kind != attributeKindName(attribute.kind))
      return mistake(shown + " is of the kind " + attributeKindName(attribute.kind) + " (expected " +
                     std::string(kind) + ")");
  }
  for (std::string_view rest = row.attributes; !rest.empty();) {
    const size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view one = rest.substr(0, end);
    if (one.back() == '!' && !node.find(one.substr(0, one.find(':'))))
      return mistake("attribute '" + std::string(one.substr(0, one.find(':'))) + "' is missing");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return Success{};
}

} // namespace llmc::onnx
