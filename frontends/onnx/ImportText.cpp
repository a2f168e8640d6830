// ImportText.cpp - the entry of a graph that is a text decoder: `step`, on tokens and pasts of one sequence.
//
// Sizes are known by what inputs are: a batch of one, the tokens of a step, the positions before. Masks and positions
// follow from them and are made inside of the entry, which has no other inputs and outputs than a session fills and
// reads.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "frontends/formats/json/Json.h"
#include "frontends/models/Import.h"
#include "frontends/onnx/Expansion.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/TextGraph.h"

using namespace mlir;

namespace llmc::onnx_import {

/// Positions of a sequence where neither the user nor a file says how many.
static constexpr int64_t kDefaultContext = 2048;

static std::string keyOf(const onnx::ValueInfo &value, size_t place) {
  const onnx::Dim &dim = value.dims[place];
  return dim.param.empty() ? std::string(value.name) + "." + std::to_string(place) : std::string(dim.param);
}

const onnx::ValueInfo *GraphImporter::findInput(std::string_view name) const {
  for (const onnx::ValueInfo &input : model.graph.inputs)
    if (input.name == name)
      return &input;
  return nullptr;
}

bool GraphImporter::isArgument(std::string_view name) const {
  if (!text)
    return true;
  auto kind = text->inputs.find(name);
  return kind != text->inputs.end() && (kind->second == TextInput::Tokens || kind->second == TextInput::Past);
}

/// Gives the dimensions of arguments their sizes, by what they are and whatever they are called.
void GraphImporter::nameTextSizes() {
  int64_t place = 0, tokensPlace = 0, pastPlace = -1;
  for (const onnx::ValueInfo &input : model.graph.inputs) {
    if (!isArgument(input.name) || isInitializer(input.name))
      continue;
    if (input.name == text->tokens)
      tokensPlace = place;
    else if (!text->pairs.empty() && input.name == text->pairs.front().past)
      pastPlace = place;
    ++place;
  }
  const onnx::ValueInfo &tokens = *findInput(text->tokens);
  const bool single = text->tokenByToken || tokens.dims[1].value == 1;
  const int64_t context = bounds.context;
  auto name = [&](const onnx::ValueInfo &input, size_t dim, int64_t size) {
    if (input.dims[dim].value < 0)
      facts.named.try_emplace(keyOf(input, dim), size);
  };
  name(tokens, 0, 1);
  const std::string own = json::printable(keyOf(tokens, 1), 60);
  stepSize = single ? 1
                    : facts.extents.input(own, 1, text->pairs.empty() ? context : std::min(bounds.step, context),
                                          tokensPlace, 1);
  name(tokens, 1, stepSize);
  pastSize = 0;
  for (const TextGraph::Pair &pair : text->pairs) {
    const onnx::ValueInfo &past = *findInput(pair.past);
    if (pastPlace >= 0) {
      std::string grown = json::printable(keyOf(past, pair.place), 60);
      pastSize = facts.extents.input(grown, 0, std::max<int64_t>(context - 1, 1), pastPlace, pair.place);
      pastPlace = -1;
    }
    name(past, pair.place, pastSize);
    for (size_t i = 0; i < past.dims.size(); ++i)
      if (i != pair.place)
        name(past, i, 1); // its batch
  }
}

LogicalResult GraphImporter::makeTextInputs(Scope &scope) {
  Location loc = FileLineColLoc::get(builder.getContext(), file, 0, 0);
  Node node(loc, &facts);
  node.takesOpen = true;
  auto emitNode = [&](const Node &part, SmallVectorImpl<Value> &made) { return emit(part, made); };
  Expander x(node, builder, emitNode);
  auto scalar = [&](int64_t size) { return x.op("Squeeze", {x.list({size}), x.list({0})}); };
  for (const onnx::ValueInfo &input : model.graph.inputs) {
    auto kind = text->inputs.find(input.name);
    if (isArgument(input.name) || isInitializer(input.name))
      continue;
    Type element = elementTypeOf(builder.getContext(), input.type);
    if (!element)
      return error() << "input '" << json::printable(input.name, 120) << "' is of type "
                     << onnx::elementTypeName(input.type) << ", which is not supported";
    Value made;
    switch (kind->second) {
    case TextInput::Mask: {
      auto one = DenseElementsAttr::get(RankedTensorType::get({1}, x.i64()), APInt(64, 1));
      made = x.cast(x.op("ConstantOfShape", {x.list({1, facts.extents.add(pastSize, stepSize)})}, {{"value", one}}),
                    element);
      break;
    }
    case TextInput::Positions:
      made = x.op("Add", {x.line(stepSize, x.i64()), scalar(pastSize)});
      if (input.dims.size() == 2)
        made = x.unsqueeze(made, {0});
      made = x.cast(made, element);
      break;
    case TextInput::KeptRows:
      made = x.cast(input.dims.empty() ? scalar(stepSize) : x.list({stepSize}), element);
      break;
    default: {
      SmallVector<int64_t> shape(input.dims.size(), 1);
      const bool yes = true;
      made = constant(loc, DenseElementsAttr::get(RankedTensorType::get(shape, builder.getI1Type()), ArrayRef(yes)));
    }
    }
    if (!made)
      return failure();
    scope[input.name] = made;
  }
  return success();
}

FailureOr<Value> GraphImporter::textLogits(Value logits) {
  auto type = facts.extents.fromIR(cast<RankedTensorType>(logits.getType()));
  ArrayRef<int64_t> shape = type.getShape();
  bool isReal = type.getElementType().isF32() || type.getElementType().isF16() || type.getElementType().isBF16();
  if (!isReal || shape.size() != 3 || shape[0] != 1 || isOpen(shape[2]) || shape[2] < 1 || shape[2] > INT32_MAX ||
      (shape[1] != 1 && shape[1] != stepSize)) {
    error() << "output '" << json::printable(text->logits, 120) << "' is " << facts.extents.text(type)
            << " (expected logits: 1 x tokens x vocabulary of floats)";
    return failure();
  }
  vocabulary = shape[2];
  if (type.getElementType().isF32())
    return logits;
  Node node(logits.getLoc(), &facts);
  node.takesOpen = true;
  auto emitNode = [&](const Node &part, SmallVectorImpl<Value> &made) { return emit(part, made); };
  Expander x(node, builder, emitNode);
  Value wide = x.cast(logits, x.f32());
  if (!wide)
    return failure();
  return wide;
}

LogicalResult GraphImporter::checkPresent(const TextGraph::Pair &pair, Value past, Value present) {
  RankedTensorType from = facts.extents.fromIR(cast<RankedTensorType>(past.getType()));
  RankedTensorType to = facts.extents.fromIR(cast<RankedTensorType>(present.getType()));
  SmallVector<int64_t> shape(from.getShape());
  shape[pair.place] = facts.extents.add(pastSize, stepSize);
  auto expected = RankedTensorType::get(shape, from.getElementType());
  if (to == expected)
    return success();
  InFlightDiagnostic diagnostic = error();
  diagnostic << "output '" << json::printable(pair.present, 120) << "' is " << facts.extents.text(to)
             << ", which does not continue its past '" << json::printable(pair.past, 120) << "' (expected "
             << facts.extents.text(expected) << ")";
  diagnostic.attachNote() << "--tensors compiles the graph without joining its past and present";
  return diagnostic;
}

LogicalResult GraphImporter::writeTextFacts() {
  Result<models::TextFacts> read = readTextFacts(*beside, vocabulary);
  if (!read)
    return models::emitDiagnostic(builder.getContext(), read.error());
  read->contextLength = bounds.context;
  models::writeText(*read, module);
  return success();
}

LogicalResult GraphImporter::openText() {
  // The vocabulary is not known yet; ids are judged once it is.
  Result<models::TextFacts> read = readTextFacts(*beside, INT32_MAX);
  if (!read)
    return models::emitDiagnostic(builder.getContext(), read.error());
  const int64_t own = read->contextLength;
  if (own && bounds.context > own)
    return error() << "--max-context = " << bounds.context << ", but the model was made for " << own << " positions ("
                   << read->place << ")";
  Location loc = FileLineColLoc::get(builder.getContext(), file, 0, 0);
  if (!bounds.context && !own)
    emitRemark(loc) << "nothing beside it says how many positions it was made for: taken to be " << kDefaultContext
                    << "; others: --max-context N";
  if (!bounds.context)
    bounds.context = own ? own : kDefaultContext;
  if (text->pairs.empty())
    emitRemark(loc) << "takes no past: each token reads the whole text again (an export with past and present, "
                       "'text-generation-with-past', does not)";
  else if (text->tokenByToken)
    emitRemark(loc) << "was exported to read one token at a time behind its past: prompts are read so";
  if (read->generation.eos.empty())
    emitRemark(loc) << "nothing beside it says which tokens end a text ('eos_token_id' of config.json or "
                       "generation_config.json): it goes on until it is stopped";
  nameTextSizes();
  return success();
}

} // namespace llmc::onnx_import
