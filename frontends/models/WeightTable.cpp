// WeightTable.cpp - looks weights up in the index and judges them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/WeightTable.h"

#include "frontends/formats/json/Json.h"
#include "frontends/models/QuantizedWeights.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace llmc::models {

namespace {

std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::string quoted(StringRef key) { return "tensor '" + json::printable({key.data(), key.size()}) + "'"; }

} // namespace

std::string describe(RankedTensorType type) {
  std::string text;
  llvm::raw_string_ostream(text) << type.getElementType();
  return text + " of shape " + shapeText(type.getShape());
}

WeightTable::WeightTable(ModuleOp module, StringRef directory, std::string whole, std::string facts)
    : directory(directory), whole(whole.empty() ? directory.str() : std::move(whole)), facts(std::move(facts)) {
  for (auto op : module.getOps<transformer::TensorOp>())
    tensors[op.getKey()] = {op.getTensorType(), op.getFileAttr()};
}

RankedTensorType WeightTable::lookup(StringRef key) const {
  auto found = tensors.find(key);
  return found == tensors.end() ? RankedTensorType() : found->second.type;
}

std::vector<std::pair<std::string, RankedTensorType>> WeightTable::tensorTypes() const {
  std::vector<std::pair<std::string, RankedTensorType>> all;
  for (const auto &entry : tensors)
    all.emplace_back(entry.first().str(), entry.second.type);
  llvm::sort(all, llvm::less_first());
  return all;
}

std::string WeightTable::fileOf(StringRef key) const {
  auto found = tensors.find(key);
  if (found == tensors.end())
    return whole;
  const StringRef file = found->second.file.getValue();
  return directory == "." ? file.str() : directory + "/" + file.str();
}

void WeightTable::fail(StringRef key, std::string message, std::string note) {
  if (!first)
    first = Diagnostic{fileOf(key), 0, 0, std::move(message), std::move(note)};
}

void WeightTable::expectCopy(StringRef key, StringRef original, StringRef why) {
  auto found = tensors.find(key);
  if (found == tensors.end())
    return;
  found->second.used = true;
  Copy copy = {key.str(), original.str(), why.str()};
  if (found->second.type != lookup(original))
    failCopy(copy);
  expectedCopies.push_back(std::move(copy));
}

void WeightTable::failCopy(const Copy &copy) {
  fail(copy.key, quoted(copy.key) + " differs from '" + json::printable(copy.original) + "', yet " + copy.why,
       "set it to false in config.json if the model uses both");
}

Value WeightTable::get(OpBuilder &builder, StringRef key, ArrayRef<int64_t> shape, int64_t pairedRows) {
  auto wanted = RankedTensorType::get(shape, builder.getF32Type());
  auto found = tensors.find(key);
  if (StringRef module = key; quantized && shape.size() == 2 && pairedRows == 0 && module.consume_back(".weight") &&
                              quantized->holds(*this, module))
    if (Value value = quantized->read(builder, *this, module, shape[0], shape[1]))
      return value;
  const std::string note = facts + " and the weights do not belong together";
  if (found == tensors.end() && declaredType)
    found = tensors.insert({key, {RankedTensorType::get(shape, declaredType), {}}}).first;
  if (found == tensors.end()) {
    fail(key, quoted(key) + " is missing (expected shape " + shapeText(shape) + ")", note);
  } else {
    found->second.used = true;
    RankedTensorType type = found->second.type;
    if (type.getShape() != shape)
      fail(key, quoted(key) + " has shape " + shapeText(type.getShape()) + ", expected " + shapeText(shape), note);
    else if (!isa<Float32Type, BFloat16Type, Float16Type, transformer::BlockType>(type.getElementType()))
      fail(key, quoted(key) + " is " + describe(type) + ", expected f32, bf16 or f16");
    else
      wanted = type;
  }
  OpBuilder::InsertionGuard guard(builder);
  const Location loc = NameLoc::get(builder.getStringAttr(key));
  Value weight = transformer::WeightOp::create(builder, loc, wanted, key);
  if (pairedRows != 0) {
    // [heads, pairs, 2, …] to [heads, 2, pairs, …]
    SmallVector<int64_t> view = {shape[0] / pairedRows, pairedRows / 2, 2}, order = {0, 2, 1};
    for (int64_t size : shape.drop_front()) {
      order.push_back(int64_t(view.size()));
      view.push_back(size);
    }
    weight = transformer::WeightPermuteOp::create(builder, loc, wanted, weight, view, order);
  }
  if (auto blocks = dyn_cast<transformer::BlockType>(wanted.getElementType()))
    weight = transformer::WeightDecodeOp::create(builder, loc, wanted.clone(blocks.getExactFloat()), weight);
  return weight;
}

bool WeightTable::expect(StringRef key, RankedTensorType wanted) {
  const std::string note = facts + " and the weights do not belong together";
  auto found = tensors.find(key);
  if (found == tensors.end()) {
    fail(key, quoted(key) + " is missing (expected " + describe(wanted) + ")", note);
    return false;
  }
  found->second.used = true;
  if (found->second.type == wanted)
    return true;
  fail(key, quoted(key) + " is " + describe(found->second.type) + ", expected " + describe(wanted), note);
  return false;
}

Value WeightTable::take(OpBuilder &builder, StringRef key, RankedTensorType wanted) {
  if (!expect(key, wanted))
    return {};
  return transformer::WeightOp::create(builder, NameLoc::get(builder.getStringAttr(key)), wanted, key);
}

void WeightTable::skip(StringRef key) {
  if (auto found = tensors.find(key); found != tensors.end())
    found->second.used = true;
}

void WeightTable::refuseSurplus(llvm::function_ref<bool(StringRef)> ignores, StringRef family) {
  // The first in the order of keys, so that the message does not depend on the table's.
  StringRef surplus;
  size_t count = 0;
  for (const auto &entry : tensors)
    if (!entry.second.used && !ignores(entry.first())) {
      ++count;
      if (count == 1 || entry.first() < surplus)
        surplus = entry.first();
    }
  if (count == 0)
    return;
  fail(surplus,
       quoted(surplus) + " (" + describe(lookup(surplus)) + ") has no place in this '" + family.str() + "' model",
       count == 1 ? facts + " and the weights do not belong together"
                  : std::to_string(count - 1) + " more tensors have none: " + facts +
                        " and the weights do not belong together");
}

} // namespace llmc::models
