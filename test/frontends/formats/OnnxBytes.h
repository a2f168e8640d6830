// OnnxBytes.h - ONNX files written byte by byte, for tests.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_FRONTENDS_FORMATS_ONNXBYTES_H
#define LLMC_TEST_FRONTENDS_FORMATS_ONNXBYTES_H

#include <cstdint>
#include <string>
#include <vector>

namespace onnx_bytes {

inline std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7)
    out += char(value | 0x80);
  return out + char(value);
}
inline std::string number(uint32_t id, uint64_t value) { return varint(id << 3) + varint(value); }
inline std::string bytes(uint32_t id, const std::string &content) {
  return varint(id << 3 | 2) + varint(content.size()) + content;
}

inline std::string tensor(const std::string &name, int type, const std::vector<int64_t> &dims, const std::string &raw) {
  std::string out;
  for (int64_t dim : dims)
    out += number(1, uint64_t(dim));
  return out + number(2, uint64_t(type)) + bytes(8, name) + bytes(9, raw);
}
inline std::string value(const std::string &name, int type, const std::vector<int64_t> &dims) {
  std::string shape;
  for (int64_t dim : dims)
    shape += bytes(1, number(1, uint64_t(dim)));
  return bytes(1, name) + bytes(2, bytes(1, number(1, uint64_t(type)) + bytes(2, shape)));
}
inline std::string node(const std::string &name, const std::string &op, const std::vector<std::string> &inputs,
                        const std::vector<std::string> &outputs, const std::string &attributes = {}) {
  std::string out;
  for (const std::string &input : inputs)
    out += bytes(1, input);
  for (const std::string &output : outputs)
    out += bytes(2, output);
  return out + bytes(3, name) + bytes(4, op) + attributes;
}
inline std::string intAttribute(const std::string &name, int64_t value) {
  return bytes(5, bytes(1, name) + number(3, uint64_t(value)) + number(20, 2));
}
inline std::string model(const std::string &graph, int64_t opset = 17, int64_t ir = 8) {
  return number(1, uint64_t(ir)) + bytes(7, graph) + bytes(8, bytes(1, "") + number(2, uint64_t(opset)));
}
/// y = Relu(x), f32 [3].
inline std::string reluGraph() {
  return bytes(1, node("r", "Relu", {"x"}, {"y"})) + bytes(2, "g") + bytes(11, value("x", 1, {3})) +
         bytes(12, value("y", 1, {3}));
}

} // namespace onnx_bytes

#endif // LLMC_TEST_FRONTENDS_FORMATS_ONNXBYTES_H
