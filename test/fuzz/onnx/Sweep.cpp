// Sweep.cpp - changes an ONNX file in every way, one at a time.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/fuzz/onnx/Sweep.h"

#include "frontends/formats/onnx/Onnx.h"
#include "frontends/formats/onnx/Operators.h"

#include <cmath>
#include <limits>

namespace llmc::test {

namespace {

// The fields of ONNX's messages that are named here.
enum : uint32_t {
  kModelGraph = 7,
  kModelOpset = 8,
  kGraphNode = 1,
  kGraphInitializer = 5,
  kGraphInput = 11,
  kNodeInput = 1,
  kNodeOutput = 2,
  kNodeOp = 4,
  kNodeAttribute = 5,
  kNodeDomain = 7
};

constexpr int64_t kOdd[] = {
    -1,        0,        1, 2, 3, 4, 5, 7, -2, -3, -8, 16, 127, int64_t(1) << 20, int64_t(1) << 31, int64_t(1) << 40,
    INT64_MAX, INT64_MIN};

struct Value {
  std::string name;
  uint64_t type = 1;
  std::vector<int64_t> dims; ///< -1: not known
};

Message parsed(std::string_view bytes) {
  Message fields;
  if (!readFields(bytes, fields))
    fields.clear();
  return fields;
}

const Field *find(const Message &message, uint32_t number) {
  for (const Field &field : message)
    if (field.number == number)
      return &field;
  return nullptr;
}

std::string textOf(const Message &message, uint32_t number) {
  const Field *field = find(message, number);
  return field ? field->bytes : std::string();
}

Value inputOf(const Message &info) {
  Value value;
  value.name = textOf(info, 1);
  Message tensor = parsed(textOf(parsed(textOf(info, 2)), 1));
  if (const Field *type = find(tensor, 1))
    value.type = type->value;
  for (const Field &dim : parsed(textOf(tensor, 2))) {
    const Message size = parsed(dim.bytes);
    const Field *number = find(size, 1);
    value.dims.push_back(number ? static_cast<int64_t>(number->value) : -1);
  }
  return value;
}

std::string infoOf(const Value &value) {
  std::string dims;
  for (size_t i = 0; i < value.dims.size(); ++i)
    dims +=
        text(1, value.dims[i] < 0 ? text(2, "n" + std::to_string(i)) : number(1, static_cast<uint64_t>(value.dims[i])));
  return text(1, value.name) + text(2, text(1, number(1, value.type) + text(2, dims)));
}

/// A tensor of one number everywhere; empty where it would be large or has no such form.
std::string tensorOf(const Value &value, int fill) {
  uint64_t elements = 1;
  std::string out;
  for (int64_t dim : value.dims) {
    uint64_t size = dim < 0 ? 2 : static_cast<uint64_t>(dim);
    if (size > 4096 || (elements *= size) > 4096)
      return {};
    out += number(1, size);
  }
  unsigned bits = value.type <= onnx::kLastElementType ? onnx::elementTypeBits(onnx::ElementType(value.type)) : 0;
  if (!bits)
    return {};
  std::string raw((elements * bits + 7) / 8, '\0');
  for (size_t i = 0; i < raw.size(); ++i)
    raw[i] = static_cast<char>(fill < 0 ? -1 : bits < 8 || i % (bits / 8) == 0 ? fill : 0);
  return out + number(2, value.type) + text(8, value.name) + text(9, raw);
}

class Sweeper {
public:
  Sweeper(std::string_view file, const std::function<void(const std::string &)> &handOn) : handOn(handOn) {
    model = parsed(file);
    for (size_t i = 0; i < model.size(); ++i)
      if (model[i].number == kModelGraph && model[i].wire == 2)
        graphAt = i;
    if (graphAt < model.size())
      graph = parsed(model[graphAt].bytes);
  }

  void run() {
    for (int64_t opset = 1; opset <= onnx::kLastOpset; ++opset) {
      Message changed = model;
      for (Field &field : changed)
        if (field.number == kModelOpset && textOf(parsed(field.bytes), 1).empty())
          field.bytes = number(2, static_cast<uint64_t>(opset));
      handOn(writeFields(changed));
    }
    for (size_t at = 0; at < graph.size(); ++at) {
      if (graph[at].wire != 2)
        continue;
      if (graph[at].number == kGraphInput)
        value(at, inputOf(parsed(graph[at].bytes)), true);
      else if (graph[at].number == kGraphInitializer)
        value(at, initializerOf(parsed(graph[at].bytes)), false);
      else if (graph[at].number == kGraphNode)
        node(at, parsed(graph[at].bytes));
    }
  }

private:
  static Value initializerOf(const Message &tensor) {
    Value value;
    value.name = textOf(tensor, 8);
    for (const Field &field : tensor) {
      if (field.number == 1 && field.wire == 0)
        value.dims.push_back(static_cast<int64_t>(field.value));
      if (field.number == 2)
        value.type = field.value;
    }
    return value;
  }

  /// The file with a field of its graph in place of one.
  void put(size_t at, uint32_t number, std::string bytes) {
    if (bytes.empty())
      return;
    Message changed = graph;
    changed[at] = textField(number, std::move(bytes));
    Message whole = model;
    whole[graphAt].bytes = writeFields(changed);
    handOn(writeFields(whole));
  }

  void both(size_t at, const Value &value, bool isInput) {
    if (isInput)
      put(at, kGraphInput, infoOf(value));
    else
      for (int fill : {0, 1})
        put(at, kGraphInitializer, tensorOf(value, fill));
  }

  void value(size_t at, const Value &was, bool isInput) {
    Value value = was;
    for (value.type = 0; value.type <= onnx::kLastElementType; ++value.type)
      both(at, value, isInput);
    for (size_t rank = 0; rank < 6; ++rank) {
      value = was;
      while (value.dims.size() > rank)
        value.dims.erase(value.dims.begin());
      value.dims.insert(value.dims.begin(), rank - value.dims.size(), 1);
      both(at, value, isInput);
      if (rank < was.dims.size()) { // the first ones
        value.dims.assign(was.dims.begin(), was.dims.begin() + static_cast<ptrdiff_t>(rank));
        both(at, value, isInput);
      }
    }
    for (size_t i = 0; i < was.dims.size(); ++i)
      for (int64_t size : {-1, 0, 1, 2, 5, 1 << 20}) {
        value = was;
        value.dims[i] = size;
        both(at, value, isInput);
      }
    value = was;
    for (int64_t &dim : value.dims)
      dim = -1;
    put(at, kGraphInput, infoOf(value)); // of sizes known only at run time
    put(at, kGraphInput, infoOf(was));
    for (int fill : {-1, 0, 1, 2, 3, 100})
      put(at, kGraphInitializer, tensorOf(was, fill));
  }

  void node(size_t at, const Message &fields) {
    auto handOnNode = [&](const Message &changed) { put(at, kGraphNode, writeFields(changed)); };
    std::vector<size_t> inputs, outputs;
    for (size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].number == kNodeInput)
        inputs.push_back(i);
      if (fields[i].number == kNodeOutput)
        outputs.push_back(i);
    }
    for (size_t i : inputs) {
      Message changed = fields;
      changed[i].bytes.clear();
      handOnNode(changed);
      for (size_t other : inputs)
        if (other != i) {
          changed = fields;
          changed[i].bytes = fields[other].bytes;
          handOnNode(changed);
          std::swap(changed[i].bytes, changed[other].bytes);
          if (other > i) {
            changed = fields;
            std::swap(changed[i].bytes, changed[other].bytes);
            handOnNode(changed);
          }
        }
      changed = fields;
      changed.erase(changed.begin() + static_cast<ptrdiff_t>(i));
      handOnNode(changed);
      changed = fields;
      changed.insert(changed.begin() + static_cast<ptrdiff_t>(i), fields[i]);
      handOnNode(changed);
    }
    for (size_t i : outputs) {
      Message changed = fields;
      changed[i].bytes.clear();
      handOnNode(changed);
    }
    for (int more = 1; more < 3; ++more) {
      Message changed = fields;
      for (int i = 0; i < more; ++i)
        changed.push_back(textField(kNodeOutput, "more" + std::to_string(i)));
      handOnNode(changed);
    }
    for (size_t i = 0; i < fields.size(); ++i)
      if (fields[i].number == kNodeAttribute)
        attribute(fields, i, handOnNode);
    additions(fields, handOnNode);
  }

  using HandOnNode = std::function<void(const Message &)>;
  void attribute(const Message &fields, size_t at, const HandOnNode &handOnNode) {
    Message changed = fields;
    changed.erase(changed.begin() + static_cast<ptrdiff_t>(at));
    handOnNode(changed);
    const Message own = parsed(fields[at].bytes);
    auto handOnAttribute = [&](const Message &other) {
      changed = fields;
      changed[at].bytes = writeFields(other);
      handOnNode(changed);
    };
    for (size_t i = 0; i < own.size(); ++i) {
      Message other = own;
      if (own[i].number == 3 || (own[i].number == 8 && own[i].wire == 0)) {
        for (int64_t odd : kOdd) {
          other[i].value = static_cast<uint64_t>(odd);
          handOnAttribute(other);
        }
      } else if (own[i].number == 2 || own[i].number == 7) {
        for (float odd : {0.0f, -1.0f, 1e38f, std::numeric_limits<float>::quiet_NaN(), INFINITY}) {
          other[i] = parsed(real(own[i].number, odd))[0];
          handOnAttribute(other);
        }
      } else if (own[i].number == 4) {
        for (const char *odd : {"", "x", "VALID", "SAME_UPPER", "linear", "cubic", "ij,jk->ik", "reverse", "none"}) {
          other[i].bytes = odd;
          handOnAttribute(other);
        }
      } else if (own[i].number == 20) {
        for (uint64_t kind = 0; kind < 15; ++kind) {
          other[i].value = kind;
          handOnAttribute(other);
        }
      }
      if (own[i].number >= 7 && own[i].number <= 9) { // an element fewer, one more
        other = own;
        other.erase(other.begin() + static_cast<ptrdiff_t>(i));
        handOnAttribute(other);
        other = own;
        other.insert(other.begin() + static_cast<ptrdiff_t>(i), own[i]);
        handOnAttribute(other);
      }
    }
  }

  /// Attributes that the operator has and the node does not.
  void additions(const Message &fields, const HandOnNode &handOnNode) {
    std::string name = textOf(fields, kNodeOp), domain = textOf(fields, kNodeDomain);
    const onnx::Operator *row = onnx::findOperator(domain.empty() ? name : domain + "." + name, opset());
    std::string_view rest = row ? row->attributes : std::string_view();
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(' '), rest.size());
      std::string_view one = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      std::string_view attributeName = one.substr(0, one.find(':')), kind = one.substr(attributeName.size() + 1);
      auto add = [&](const std::string &content, uint64_t kindNumber) {
        Message changed = fields;
        changed.push_back(textField(kNodeAttribute, text(1, attributeName) + content + number(20, kindNumber)));
        handOnNode(changed);
      };
      if (kind.substr(0, 4) == "ints") {
        for (int count : {0, 1, 2, 3, 4, 6})
          for (int64_t odd : {-1, 0, 1, 2, 1 << 20}) {
            std::string content;
            for (int i = 0; i < count; ++i)
              content += number(8, static_cast<uint64_t>(odd));
            add(content, 7);
          }
      } else if (kind.substr(0, 3) == "int") {
        for (int64_t odd : kOdd)
          add(number(3, static_cast<uint64_t>(odd)), 2);
      } else if (kind == "float") {
        for (float odd : {0.0f, -1.0f, 0.5f, std::numeric_limits<float>::quiet_NaN()})
          add(real(2, odd), 1);
      } else if (kind == "floats") {
        for (int count : {0, 1, 3}) {
          std::string content;
          for (int i = 0; i < count; ++i)
            content += real(7, 0.5f);
          add(content, 6);
        }
      } else if (kind.substr(0, 6) == "string" && kind.substr(0, 7) != "strings") {
        for (const char *odd : {"", "x", "VALID", "SAME_LOWER", "linear", "nearest", "reverse", "none", "tanh", "add"})
          add(text(4, odd), 3);
      } else if (kind.substr(0, 7) == "strings") {
        for (int count : {0, 1, 2, 3, 6}) {
          std::string content;
          for (int i = 0; i < count; ++i)
            content += text(9, i % 2 ? "Tanh" : "LeakyRelu");
          add(content, 8);
        }
      }
    }
  }

  int64_t opset() const {
    for (const Field &field : model)
      if (Message import = parsed(field.bytes); field.number == kModelOpset && textOf(import, 1).empty())
        if (const Field *version = find(import, 2))
          return static_cast<int64_t>(version->value);
    return 1;
  }

  const std::function<void(const std::string &)> &handOn;
  Message model, graph;
  size_t graphAt = SIZE_MAX;
};

} // namespace

void sweep(std::string_view file, const std::function<void(const std::string &)> &handOn) {
  Sweeper(file, handOn).run();
}

} // namespace llmc::test
