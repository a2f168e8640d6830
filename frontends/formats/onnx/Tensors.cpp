// Tensors.cpp - element types, and tensors' elements as plain bytes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/onnx/Onnx.h"
#include "frontends/formats/onnx/Wire.h"

#include <algorithm>
#include <iterator>

namespace llmc::onnx {

namespace {

struct TypeFacts {
  const char *name;
  unsigned bits;
  std::optional<DType> dtype;
};

const TypeFacts kTypes[] = {
    {"undefined", 0, {}},
    {"float", 32, DType::F32},
    {"uint8", 8, DType::U8},
    {"int8", 8, DType::I8},
    {"uint16", 16, DType::U16},
    {"int16", 16, DType::I16},
    {"int32", 32, DType::I32},
    {"int64", 64, DType::I64},
    {"string", 0, {}},
    {"bool", 8, DType::BOOL},
    {"float16", 16, DType::F16},
    {"double", 64, DType::F64},
    {"uint32", 32, DType::U32},
    {"uint64", 64, DType::U64},
    {"complex64", 64, DType::C64},
    {"complex128", 128, {}},
    {"bfloat16", 16, DType::BF16},
    {"float8e4m3fn", 8, DType::F8_E4M3},
    {"float8e4m3fnuz", 8, DType::F8_E4M3FNUZ},
    {"float8e5m2", 8, DType::F8_E5M2},
    {"float8e5m2fnuz", 8, DType::F8_E5M2FNUZ},
    {"uint4", 4, {}},
    {"int4", 4, {}},
    {"float4e2m1", 4, DType::F4},
    {"float8e8m0", 8, DType::F8_E8M0},
    {"uint2", 2, {}},
    {"int2", 2, {}},
};
static_assert(std::size(kTypes) == kLastElementType + 1);

} // namespace

const char *elementTypeName(ElementType type) { return kTypes[size_t(type)].name; }
unsigned elementTypeBits(ElementType type) { return kTypes[size_t(type)].bits; }
std::optional<DType> dtypeOf(ElementType type) { return kTypes[size_t(type)].dtype; }

const char *attributeKindName(AttributeKind kind) {
  static const char *const names[] = {"undefined",      "float", "int",     "string",  "tensor", "graph",
                                      "floats",         "ints",  "strings", "tensors", "graphs", "sparse_tensor",
                                      "sparse_tensors", "type",  "types"};
  return names[size_t(kind)];
}

const Attribute *Node::find(std::string_view attribute) const {
  for (const Attribute &candidate : attributes)
    if (candidate.name == attribute)
      return &candidate;
  return nullptr;
}

int64_t Model::opset() const {
  for (const OpsetImport &import : opsets)
    if (import.domain.empty())
      return import.version;
  return 0;
}

std::optional<std::string_view> Tensor::inPlace() const {
  if (external || type == ElementType::String)
    return std::nullopt;
  if (raw)
    return raw;
  if (bytes == 0)
    return std::string_view();
  // Packed floats and doubles lie as raw data does.
  if (pieces.size() == 1 && !pieces[0].isSingle && (piecesField == 4 || piecesField == 10))
    return pieces[0].packed;
  return std::nullopt;
}

std::string Tensor::decoded() const {
  assert(!external && type != ElementType::String);
  if (std::optional<std::string_view> there = inPlace())
    return std::string(*there);
  std::string out;
  out.reserve(size_t(bytes));
  // What one number of the field becomes: its low bytes.
  const unsigned fixed = piecesField == 4 ? 4 : piecesField == 10 ? 8 : 0;
  const unsigned width = fixed ? fixed : std::max(1u, elementTypeBits(type) / 8);
  const auto put = [&](uint64_t value) {
    for (unsigned i = 0; i < width; ++i)
      out.push_back(char(value >> (8 * i)));
  };
  for (const NumberPiece &piece : pieces) {
    if (piece.isSingle) {
      put(piece.single);
    } else if (fixed) {
      out.append(piece.packed);
    } else {
      WireReader reader(piece.packed);
      for (uint64_t value; !reader.atEnd() && reader.varint(value);)
        put(value);
    }
  }
  out.resize(size_t(bytes)); // a varint of too many bits ends the elements
  return out;
}

} // namespace llmc::onnx
