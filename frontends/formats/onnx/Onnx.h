// Onnx.h - what an ONNX file holds: graphs, nodes, tensors, functions, as views of the mapped bytes.
//
// Texts and tensors' bytes stay where they are: a model of gigabytes takes no more memory than its nodes. Not here:
// what an operator means (frontends/onnx), and which operators there are (Operators.h).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_ONNX_ONNX_H
#define LLMC_FRONTENDS_FORMATS_ONNX_ONNX_H

#include "frontends/formats/TensorIndex.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llmc::onnx {

/// Element types by the numbers in files.
enum class ElementType : uint8_t {
  Undefined,
  F32,
  U8,
  I8,
  U16,
  I16,
  I32,
  I64,
  String,
  Bool,
  F16,
  F64,
  U32,
  U64,
  C64,
  C128,
  BF16,
  F8E4M3FN,
  F8E4M3FNUZ,
  F8E5M2,
  F8E5M2FNUZ,
  U4,
  I4,
  F4E2M1,
  F8E8M0,
  U2,
  I2
};
constexpr uint32_t kLastElementType = uint32_t(ElementType::I2);
/// "float", "int64", ... as ONNX spells them.
const char *elementTypeName(ElementType type);
/// Bits of one element as it is packed in raw data; 0 for strings and the undefined type.
unsigned elementTypeBits(ElementType type);

/// A piece of a repeated field of numbers: packed elements, or one element with `single` set.
struct NumberPiece {
  std::string_view packed;
  uint64_t single = 0;
  bool isSingle = false;
};

/// Where a tensor of an external file lies, as the file says it; nothing of it is checked but the numbers' form.
struct ExternalPlace {
  std::string_view location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

struct Tensor {
  std::string_view name;
  ElementType type = ElementType::Undefined;
  std::vector<int64_t> dims; ///< none negative, at most TensorShape::kMaxRank
  uint64_t elements = 1;     ///< their product
  uint64_t bytes = 0;        ///< of its elements, packed as in raw data; 0 for strings
  std::optional<std::string_view> raw;
  std::vector<NumberPiece> pieces; ///< of whichever of float_data, int32_data, int64_data, double_data, uint64_data
  uint32_t piecesField = 0;        ///< the field's number in TensorProto
  std::vector<std::string_view> strings;
  std::optional<ExternalPlace> external;

  /// Its elements as raw data holds them: little endian, row-major, 4-bit ones in pairs. Never for external tensors and
  /// strings. Costs `bytes` of memory.
  std::string decoded() const;
  /// The same where they already lie so in the file, else nothing.
  std::optional<std::string_view> inPlace() const;
};

struct Dim {
  int64_t value = -1;     ///< -1: not known
  std::string_view param; ///< its name, where it has one
};

struct ValueInfo {
  std::string_view name;
  ElementType type = ElementType::Undefined; ///< of a tensor; Undefined for other kinds and where nothing is said
  bool hasShape = false;
  std::vector<Dim> dims;
  enum class Kind : uint8_t { None, Tensor, Sequence, Optional, Map, SparseTensor } kind = Kind::None;
};

struct Graph;

enum class AttributeKind : uint8_t {
  Undefined,
  Float,
  Int,
  String,
  Tensor,
  Graph,
  Floats,
  Ints,
  Strings,
  Tensors,
  Graphs,
  SparseTensor,
  SparseTensors,
  Type,
  Types
};
const char *attributeKindName(AttributeKind kind);

struct Attribute {
  std::string_view name;
  std::string_view reference; ///< in a function: the attribute of the call whose value this is
  AttributeKind kind = AttributeKind::Undefined;
  float real = 0;
  int64_t integer = 0;
  std::string_view text;
  std::vector<float> reals;
  std::vector<int64_t> integers;
  std::vector<std::string_view> texts;
  std::vector<Tensor> tensors; ///< one for Tensor
  std::vector<Graph> graphs;   ///< one for Graph
};

struct Node {
  std::string_view name, op, domain, overload;
  std::vector<std::string_view> inputs, outputs; ///< an empty name: left out
  std::vector<Attribute> attributes;
  const Attribute *find(std::string_view attribute) const;
};

struct Graph {
  std::string_view name;
  std::vector<Node> nodes; ///< in an order in which each comes after those it reads
  std::vector<Tensor> initializers;
  std::vector<ValueInfo> inputs, outputs, values;
  bool hasSparseInitializers = false;
};

struct OpsetImport {
  std::string_view domain;
  int64_t version = 0;
};

struct Function {
  std::string_view name, domain, overload;
  std::vector<std::string_view> inputs, outputs, attributes;
  std::vector<Attribute> defaults;
  std::vector<Node> nodes;
  std::vector<OpsetImport> opsets;
};

struct Model {
  int64_t irVersion = 0;
  std::string_view producer, producerVersion, domain;
  std::vector<OpsetImport> opsets;
  Graph graph;
  std::vector<Function> functions;

  /// The version of ai.onnx that the file is written in.
  int64_t opset() const;
};

/// The versions that are read; a file of a later one has rules that we do not know.
constexpr int64_t kFirstIrVersion = 3, kLastIrVersion = 13, kFirstOpset = 1, kLastOpset = 28;

/// Reads a model from a file's bytes, which must outlive it, and checks its graphs: names are unique, what is read is
/// made before or somewhere else in the graph, nothing reads what comes out of itself. Nodes are put in order. Errors
/// name the field or the node.
Result<Model> parseModel(std::string_view bytes, const std::string &name);

/// Reads one tensor in a file of its own, as ONNX keeps inputs and outputs of its tests.
Result<Tensor> parseTensorFile(std::string_view bytes, const std::string &name);

/// A model with its files mapped.
struct OpenedModel {
  MappedFile file;
  Model model;
  /// The tensors of the main graph whose bytes lie as they are, in the file and in those beside it, by name.
  TensorIndex index;
};

/// Maps a model and the external files it names, which are inside its folder, and indexes its large tensors.
Result<OpenedModel> open(const std::string &path);

/// Whether a path names an ONNX model: by its ending.
bool isOnnxPath(const std::string &path);

/// The element type in TensorIndex of one in files, or nothing where it has none.
std::optional<DType> dtypeOf(ElementType type);

} // namespace llmc::onnx

#endif // LLMC_FRONTENDS_FORMATS_ONNX_ONNX_H
