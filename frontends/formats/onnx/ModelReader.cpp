// ModelReader.cpp - ONNX's messages from protobuf's fields.
//
// Bounds: what is kept for a message is a constant multiple of its bytes but for messages without any, so those are
// counted; graphs stand 32 deep in each other at most. Unknown fields are passed over, as protobuf does.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/onnx/GraphOrder.h"
#include "frontends/formats/onnx/Onnx.h"
#include "frontends/formats/onnx/Wire.h"

#include "frontends/formats/json/Json.h"

namespace llmc::onnx {

namespace {

/// Nodes, tensors, attributes, values and numbers of a model, all together; ten times what the largest models have.
constexpr uint64_t kMostParts = 8u << 20;
constexpr unsigned kMostDepth = 32;

class ModelReader {
public:
  ModelReader(std::string_view bytes, const std::string &file)
      : file(file), partsLeft(std::min<uint64_t>(kMostParts, 1024 + bytes.size() / 2)) {}

  std::optional<Diagnostic> mistake;

  void model(std::string_view bytes, Model &out) {
    each(bytes, "the model", [&](const WireField &f) {
      switch (f.id) {
      case 1:
        out.irVersion = f.integer();
        break;
      case 2:
        text(f, out.producer, "producer_name");
        break;
      case 3:
        text(f, out.producerVersion, "producer_version");
        break;
      case 4:
        text(f, out.domain, "domain");
        break;
      case 7:
        if (message(f, "graph"))
          graph(f.bytes, out.graph, 0);
        break;
      case 8:
        if (message(f, "opset_import"))
          opset(f.bytes, add(out.opsets));
        break;
      case 25:
        if (message(f, "functions"))
          function(f.bytes, add(out.functions));
        break;
      default:
        break;
      }
    });
  }

  void tensor(std::string_view bytes, Tensor &out) {
    std::optional<int64_t> type;
    bool isExternal = false;
    std::vector<std::pair<std::string_view, std::string_view>> entries;
    each(bytes, "a tensor", [&](const WireField &f) {
      switch (f.id) {
      case 1:
        integers(f, out.dims, "dims");
        break;
      case 2:
        type = f.integer();
        break;
      case 3:
        fail("a tensor is cut into segments, which no writer does");
        break;
      case 4:
      case 5:
      case 7:
      case 10:
      case 11:
        numbers(f, out);
        break;
      case 6:
        if (message(f, "string_data"))
          add(out.strings) = f.bytes;
        break;
      case 8:
        text(f, out.name, "a tensor's name");
        break;
      case 9:
        if (message(f, "raw_data"))
          out.raw = f.bytes;
        break;
      case 13:
        if (message(f, "external_data"))
          entry(f.bytes, add(entries));
        break;
      case 14:
        isExternal = f.number == 1;
        break;
      default:
        break;
      }
    });
    if (!mistake)
      finish(out, type.value_or(0), isExternal, entries);
  }

private:
  const std::string &file;
  uint64_t partsLeft;

  void fail(std::string message) {
    if (!mistake)
      mistake = Diagnostic{file, 0, 0, std::move(message), {}};
  }

  /// A new part at the end of a list.
  template <typename T> T &add(std::vector<T> &list) {
    if (partsLeft == 0)
      fail("holds more parts than its size allows (expected at most one in two bytes, and 8388608)");
    else
      --partsLeft;
    list.emplace_back();
    return list.back();
  }

  template <typename Visit> void each(std::string_view bytes, const char *what, Visit visit) {
    WireReader reader(bytes);
    WireField field;
    while (!mistake && reader.next(field))
      visit(field);
    if (!mistake && reader.failed())
      fail(std::string("is damaged: in ") + what + ", " + reader.fault() + " (at byte " +
           std::to_string(reader.position()) + " of " + std::to_string(bytes.size()) + ")");
  }

  bool message(const WireField &f, const char *what) {
    if (f.type == WireType::Bytes)
      return true;
    fail(std::string("is damaged: ") + what + " is a number where bytes are expected");
    return false;
  }

  void text(const WireField &f, std::string_view &out, const char *what) {
    if (!message(f, what))
      return;
    if (f.bytes.size() > (1u << 20))
      return fail(std::string(what) + " has " + std::to_string(f.bytes.size()) + " bytes (expected at most 1048576)");
    out = f.bytes;
  }

  void integers(const WireField &f, std::vector<int64_t> &out, const char *what) {
    if (f.type == WireType::Varint) {
      add(out) = f.integer();
      return;
    }
    if (!message(f, what))
      return;
    WireReader packed(f.bytes);
    for (uint64_t value; !mistake && !packed.atEnd();) {
      if (!packed.varint(value))
        return fail(std::string("is damaged: in ") + what + ", " + packed.fault());
      add(out) = int64_t(value);
    }
  }

  void reals(const WireField &f, std::vector<float> &out) {
    if (f.type == WireType::Fixed32) {
      add(out) = f.real();
      return;
    }
    if (!message(f, "floats"))
      return;
    if (f.bytes.size() % 4)
      return fail("is damaged: packed floats end inside of one");
    for (size_t i = 0; i < f.bytes.size() && !mistake; i += 4)
      std::memcpy(&add(out), f.bytes.data() + i, 4);
  }

  void numbers(const WireField &f, Tensor &out) {
    if (out.piecesField && out.piecesField != f.id)
      return fail("tensor '" + json::printable(out.name, 120) + "' has elements in two fields of different types");
    out.piecesField = f.id;
    NumberPiece &piece = add(out.pieces);
    if (f.type == WireType::Bytes)
      piece.packed = f.bytes;
    else
      piece.single = f.number, piece.isSingle = true;
  }

  void entry(std::string_view bytes, std::pair<std::string_view, std::string_view> &out) {
    each(bytes, "external_data", [&](const WireField &f) {
      if (f.id == 1)
        text(f, out.first, "a key");
      else if (f.id == 2)
        text(f, out.second, "a value");
    });
  }

  static std::optional<uint64_t> number(std::string_view text) {
    uint64_t value = 0;
    if (text.empty() || text.size() > 19)
      return std::nullopt;
    for (char c : text) {
      if (c < '0' || c > '9')
        return std::nullopt;
      value = value * 10 + uint64_t(c - '0');
    }
    return value;
  }

  /// Bytes of one element in the field it is kept in, where that is fixed; 0 where it is a varint.
  static unsigned fixedSize(uint32_t field) { return field == 4 ? 4 : field == 10 ? 8 : 0; }

  /// The field that keeps elements of a type where raw_data does not.
  static uint32_t fieldOf(ElementType type) {
    switch (type) {
    case ElementType::F32:
    case ElementType::C64:
      return 4;
    case ElementType::F64:
    case ElementType::C128:
      return 10;
    case ElementType::I64:
      return 7;
    case ElementType::U32:
    case ElementType::U64:
      return 11;
    case ElementType::String:
      return 6;
    default:
      return 5;
    }
  }

  void finish(Tensor &out, int64_t type, bool isExternal,
              const std::vector<std::pair<std::string_view, std::string_view>> &entries) {
    const std::string shown = "tensor '" + json::printable(out.name, 120) + "'";
    if (type < 1 || type > kLastElementType)
      return fail(shown + " has the element type " + std::to_string(type) + " (expected 1 to " +
                  std::to_string(kLastElementType) + ")");
    out.type = ElementType(type);
    if (out.dims.size() > TensorShape::kMaxRank)
      return fail(shown + " has rank " + std::to_string(out.dims.size()) + " (expected at most 16)");
    for (int64_t dim : out.dims) {
      if (dim < 0)
        return fail(shown + " has a dimension of " + std::to_string(dim));
      if (__builtin_mul_overflow(out.elements, uint64_t(dim ? dim : 1), &out.elements) || out.elements > (1ull << 56))
        return fail(shown + " has more elements than memory has addresses");
    }
    for (int64_t dim : out.dims)
      if (dim == 0)
        out.elements = 0;
    out.bytes = (out.elements * elementTypeBits(out.type) + 7) / 8;
    if (isExternal)
      return finishExternal(out, shown, entries);
    if (out.type == ElementType::String) {
      if (out.strings.size() != out.elements)
        fail(shown + " has " + std::to_string(out.strings.size()) + " strings for a shape of " +
             std::to_string(out.elements));
      return;
    }
    const uint64_t scalars = out.type == ElementType::C64 || out.type == ElementType::C128 ? 2 : 1;
    if (out.raw) {
      if (out.raw->size() != out.bytes)
        fail(shown + " has " + std::to_string(out.raw->size()) + " bytes of raw_data, its shape and type " +
             elementTypeName(out.type) + " say " + std::to_string(out.bytes));
      return;
    }
    if (out.piecesField && out.piecesField != fieldOf(out.type))
      return fail(shown + " of type " + elementTypeName(out.type) + " keeps its elements in the field of another type");
    uint64_t found = 0;
    for (const NumberPiece &piece : out.pieces) {
      if (piece.isSingle) {
        ++found;
      } else if (unsigned size = fixedSize(out.piecesField)) {
        if (piece.packed.size() % size)
          return fail(shown + " has packed elements that end inside of one");
        found += piece.packed.size() / size;
      } else {
        // Each varint ends in the one byte of it that has no high bit.
        for (char c : piece.packed)
          found += !(uint8_t(c) & 0x80);
        if (!piece.packed.empty() && (uint8_t(piece.packed.back()) & 0x80))
          return fail(shown + " has packed elements that end inside of one");
      }
    }
    // Types below a byte are kept as bytes that hold several.
    const unsigned bits = elementTypeBits(out.type);
    const uint64_t expected = bits < 8 ? out.bytes : out.elements * scalars;
    if (found != expected)
      fail(shown + " has " + std::to_string(found) + " elements, its shape says " + std::to_string(expected));
  }

  void finishExternal(Tensor &out, const std::string &shown,
                      const std::vector<std::pair<std::string_view, std::string_view>> &entries) {
    ExternalPlace place;
    for (const auto &[key, value] : entries) {
      if (key == "location") {
        place.location = value;
      } else if (key == "offset" || key == "length") {
        std::optional<uint64_t> parsed = number(value);
        if (!parsed)
          return fail(shown + ": external_data has " + std::string(key) + " = '" + json::printable(value, 60) +
                      "' (expected a number of bytes)");
        (key == "offset" ? place.offset : place.length.emplace()) = *parsed;
      } else if (key != "checksum" && key != "basepath") {
        return fail(shown + ": external_data has the unknown key '" + json::printable(key, 60) + "'");
      }
    }
    if (place.location.empty())
      return fail(shown + ": external_data names no location");
    if (out.type == ElementType::String)
      return fail(shown + ": strings cannot be external");
    if (place.length && *place.length != out.bytes)
      return fail(shown + ": external_data has length = " + std::to_string(*place.length) +
                  ", its shape and type say " + std::to_string(out.bytes));
    if (out.raw || !out.pieces.empty())
      return fail(shown + " is both in the file and external");
    out.external = place;
  }

  void opset(std::string_view bytes, OpsetImport &out) {
    each(bytes, "opset_import", [&](const WireField &f) {
      if (f.id == 1)
        text(f, out.domain, "a domain");
      else if (f.id == 2)
        out.version = f.integer();
    });
    if (out.domain == "ai.onnx")
      out.domain = {};
  }

  void dim(std::string_view bytes, Dim &out) {
    each(bytes, "a dimension", [&](const WireField &f) {
      if (f.id == 1) {
        out.value = f.integer();
        if (out.value < 0)
          out.value = -1; // some writers say so of what they do not know
      } else if (f.id == 2) {
        text(f, out.param, "a dimension's name");
      }
    });
  }

  void type(std::string_view bytes, ValueInfo &out) {
    each(bytes, "a type", [&](const WireField &f) {
      if (f.id == 1 && message(f, "tensor_type")) {
        out.kind = ValueInfo::Kind::Tensor;
        tensorType(f.bytes, out);
      } else if (f.id == 4 || f.id == 5 || f.id == 8 || f.id == 9) {
        out.kind = f.id == 4   ? ValueInfo::Kind::Sequence
                   : f.id == 5 ? ValueInfo::Kind::Map
                   : f.id == 8 ? ValueInfo::Kind::SparseTensor
                               : ValueInfo::Kind::Optional;
      }
    });
  }

  void tensorType(std::string_view bytes, ValueInfo &out) {
    each(bytes, "a tensor's type", [&](const WireField &f) {
      if (f.id == 1) {
        if (f.number > kLastElementType)
          return fail("value '" + json::printable(out.name, 120) + "' has the element type " +
                      std::to_string(f.number) + " (expected 1 to " + std::to_string(kLastElementType) + ")");
        out.type = ElementType(f.number);
      } else if (f.id == 2 && message(f, "shape")) {
        out.hasShape = true;
        out.dims.clear();
        each(f.bytes, "a shape", [&](const WireField &d) {
          if (d.id == 1 && message(d, "dim"))
            dim(d.bytes, add(out.dims));
        });
        if (out.dims.size() > TensorShape::kMaxRank)
          fail("value '" + json::printable(out.name, 120) + "' has rank " + std::to_string(out.dims.size()) +
               " (expected at most 16)");
      }
    });
  }

  void value(std::string_view bytes, ValueInfo &out) {
    std::string_view typed;
    each(bytes, "a value", [&](const WireField &f) {
      if (f.id == 1)
        text(f, out.name, "a value's name");
      else if (f.id == 2 && message(f, "type"))
        typed = f.bytes;
    });
    type(typed, out);
  }

  void attribute(std::string_view bytes, Attribute &out, unsigned depth) {
    uint64_t seen = 0; // kinds of values that are there
    each(bytes, "an attribute", [&](const WireField &f) {
      const auto is = [&](AttributeKind kind) { seen |= 1ull << unsigned(kind); };
      switch (f.id) {
      case 1:
        return text(f, out.name, "an attribute's name");
      case 2:
        is(AttributeKind::Float);
        out.real = f.real();
        return;
      case 3:
        is(AttributeKind::Int);
        out.integer = f.integer();
        return;
      case 4:
        is(AttributeKind::String);
        return text(f, out.text, "an attribute's text");
      case 5:
      case 10:
        is(f.id == 5 ? AttributeKind::Tensor : AttributeKind::Tensors);
        if (message(f, "an attribute's tensor"))
          tensor(f.bytes, add(out.tensors));
        return;
      case 6:
      case 11:
        is(f.id == 6 ? AttributeKind::Graph : AttributeKind::Graphs);
        if (message(f, "an attribute's graph"))
          graph(f.bytes, add(out.graphs), depth + 1);
        return;
      case 7:
        is(AttributeKind::Floats);
        return reals(f, out.reals);
      case 8:
        is(AttributeKind::Ints);
        return integers(f, out.integers, "an attribute's numbers");
      case 9:
        is(AttributeKind::Strings);
        if (message(f, "an attribute's texts"))
          add(out.texts) = f.bytes;
        return;
      case 20:
        if (f.number > unsigned(AttributeKind::Types))
          return fail("attribute '" + json::printable(out.name, 60) + "' has the unknown kind " +
                      std::to_string(f.number));
        out.kind = AttributeKind(f.number);
        return;
      case 21:
        return text(f, out.reference, "ref_attr_name");
      case 14:
        return is(AttributeKind::Type);
      case 22:
        return is(AttributeKind::SparseTensor);
      default:
        return;
      }
    });
    if (mistake || !out.reference.empty())
      return;
    // Old writers leave the kind out.
    if (out.kind == AttributeKind::Undefined)
      for (unsigned kind = 1; kind <= unsigned(AttributeKind::Types); ++kind)
        if (seen >> kind & 1)
          out.kind = AttributeKind(kind);
    const uint64_t own = 1ull << unsigned(out.kind);
    const bool mayBeEmpty = out.kind == AttributeKind::Ints || out.kind == AttributeKind::Floats ||
                            out.kind == AttributeKind::Strings || out.kind == AttributeKind::Tensors ||
                            out.kind == AttributeKind::Graphs || out.kind == AttributeKind::Float ||
                            out.kind == AttributeKind::Int || out.kind == AttributeKind::String;
    if ((seen & ~own) || (!seen && !mayBeEmpty))
      fail("attribute '" + json::printable(out.name, 60) + "' says that it is of the kind " +
           attributeKindName(out.kind) + " and holds another");
    else if ((out.kind == AttributeKind::Tensor && out.tensors.size() != 1) ||
             (out.kind == AttributeKind::Graph && out.graphs.size() != 1))
      fail("attribute '" + json::printable(out.name, 60) + "' holds several values (expected 1)");
  }

  void node(std::string_view bytes, Node &out, unsigned depth) {
    each(bytes, "a node", [&](const WireField &f) {
      switch (f.id) {
      case 1:
        return text(f, add(out.inputs), "an input's name");
      case 2:
        return text(f, add(out.outputs), "an output's name");
      case 3:
        return text(f, out.name, "a node's name");
      case 4:
        return text(f, out.op, "op_type");
      case 5:
        if (message(f, "attribute"))
          attribute(f.bytes, add(out.attributes), depth);
        return;
      case 7:
        return text(f, out.domain, "a domain");
      case 8:
        return text(f, out.overload, "overload");
      default:
        return;
      }
    });
    if (out.domain == "ai.onnx")
      out.domain = {};
    if (!mistake && out.op.empty())
      fail("node '" + json::printable(out.name, 120) + "' names no operator");
    for (size_t i = 0; i < out.attributes.size() && !mistake; ++i)
      for (size_t k = 0; k < i && i < 256; ++k)
        if (out.attributes[k].name == out.attributes[i].name)
          fail("node '" + json::printable(out.name, 120) + "' has the attribute '" +
               json::printable(out.attributes[i].name, 60) + "' twice");
    if (!mistake && out.attributes.size() > 256)
      fail("node '" + json::printable(out.name, 120) + "' has " + std::to_string(out.attributes.size()) +
           " attributes (expected at most 256)");
  }

  void graph(std::string_view bytes, Graph &out, unsigned depth) {
    if (depth > kMostDepth)
      return fail("graphs stand more than 32 deep in each other");
    each(bytes, "a graph", [&](const WireField &f) {
      switch (f.id) {
      case 1:
        if (message(f, "node"))
          node(f.bytes, add(out.nodes), depth);
        return;
      case 2:
        return text(f, out.name, "a graph's name");
      case 5:
        if (message(f, "initializer"))
          tensor(f.bytes, add(out.initializers));
        return;
      case 11:
      case 12:
      case 13:
        if (message(f, "a value"))
          value(f.bytes, add(f.id == 11 ? out.inputs : f.id == 12 ? out.outputs : out.values));
        return;
      case 15:
        out.hasSparseInitializers = true;
        return;
      default:
        return;
      }
    });
  }

  void function(std::string_view bytes, Function &out) {
    each(bytes, "a function", [&](const WireField &f) {
      switch (f.id) {
      case 1:
        return text(f, out.name, "a function's name");
      case 4:
        return text(f, add(out.inputs), "an input's name");
      case 5:
        return text(f, add(out.outputs), "an output's name");
      case 6:
        return text(f, add(out.attributes), "an attribute's name");
      case 7:
        if (message(f, "node"))
          node(f.bytes, add(out.nodes), 0);
        return;
      case 9:
        if (message(f, "opset_import"))
          opset(f.bytes, add(out.opsets));
        return;
      case 10:
        return text(f, out.domain, "a domain");
      case 11:
        if (message(f, "attribute_proto"))
          attribute(f.bytes, add(out.defaults), 0);
        return;
      case 13:
        return text(f, out.overload, "overload");
      default:
        return;
      }
    });
    if (out.domain == "ai.onnx")
      out.domain = {};
  }
};

/// " (found ai.onnx.ml 3)", of a file that imports other domains alone.
std::string otherOpsets(const Model &model) {
  std::string list;
  for (size_t i = 0; i < model.opsets.size() && i < 5; ++i)
    list += (i ? ", " : " (found ") + json::printable(model.opsets[i].domain, 60) + " " +
            std::to_string(model.opsets[i].version);
  return list.empty() ? list : list + ")";
}

Checked checkVersions(const Model &model, const std::string &file) {
  const auto mistake = [&](std::string text, std::string note = {}) {
    return Diagnostic{file, 0, 0, std::move(text), std::move(note)};
  };
  if (model.irVersion == 0 && model.graph.nodes.empty() && model.opsets.empty())
    return mistake("is no ONNX model: it names neither a version nor a graph");
  if (model.irVersion < kFirstIrVersion || model.irVersion > kLastIrVersion)
    return mistake("has IR version " + std::to_string(model.irVersion) + " (expected 3 to 13)",
                   "write it again with onnx.version_converter or a newer exporter");
  const int64_t opset = model.opset();
  if (opset == 0)
    return mistake("imports no opset of ai.onnx" + otherOpsets(model));
  if (opset < kFirstOpset || opset > kLastOpset)
    return mistake("is written in opset " + std::to_string(opset) + " (expected 1 to 28)",
                   "convert it with onnx.version_converter");
  for (size_t i = 0; i < model.opsets.size(); ++i)
    for (size_t k = 0; k < i && i < 1024; ++k)
      if (model.opsets[i].domain == model.opsets[k].domain && model.opsets[i].version != model.opsets[k].version)
        return mistake("imports two opsets of the domain '" + json::printable(model.opsets[i].domain, 60) + "'");
  if (model.graph.hasSparseInitializers)
    return mistake("has sparse initializers, which are not supported");
  return Success{};
}

} // namespace

Result<Model> parseModel(std::string_view bytes, const std::string &name) {
  Model model;
  ModelReader reader(bytes, name);
  reader.model(bytes, model);
  if (reader.mistake)
    return *reader.mistake;
  if (Checked checked = checkVersions(model, name); !checked)
    return checked.takeError();
  if (Checked checked = orderGraphs(model, name); !checked)
    return checked.takeError();
  return model;
}

Result<Tensor> parseTensorFile(std::string_view bytes, const std::string &name) {
  Tensor tensor;
  ModelReader reader(bytes, name);
  reader.tensor(bytes, tensor);
  if (reader.mistake)
    return *reader.mistake;
  if (tensor.external)
    return Diagnostic{name, 0, 0, "is a tensor that lies in another file", {}};
  return tensor;
}

} // namespace llmc::onnx
