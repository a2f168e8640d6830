// OnnxTest.cpp - ONNX files: what is read, and every rule that a damaged or hostile one breaks.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/onnx/Onnx.h"
#include "frontends/formats/onnx/Operators.h"

#include "test/TestPaths.h"
#include "test/frontends/formats/OnnxBytes.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llmc;
using namespace onnx_bytes;

namespace {

std::string refused(const std::string &bytes) {
  Result<onnx::Model> model = onnx::parseModel(bytes, "m.onnx");
  return model ? "accepted" : model.error().str();
}
std::string refusedGraph(const std::string &graph) { return refused(model(graph)); }
std::string refusedTensor(const std::string &bytes) {
  Result<onnx::Tensor> tensor = onnx::parseTensorFile(bytes, "t.pb");
  return tensor ? "accepted" : tensor.error().str();
}

TEST(Onnx, ReadsAGraph) {
  const std::string bytes = model(reluGraph());
  Result<onnx::Model> read = onnx::parseModel(bytes, "m.onnx");
  ASSERT_TRUE(bool(read)) << read.error().str();
  EXPECT_EQ(read->irVersion, 8);
  EXPECT_EQ(read->opset(), 17);
  ASSERT_EQ(read->graph.nodes.size(), 1u);
  const onnx::Node &node = read->graph.nodes[0];
  EXPECT_EQ(node.op, "Relu");
  EXPECT_EQ(node.inputs, std::vector<std::string_view>({"x"}));
  ASSERT_EQ(read->graph.inputs.size(), 1u);
  EXPECT_EQ(read->graph.inputs[0].type, onnx::ElementType::F32);
  ASSERT_EQ(read->graph.inputs[0].dims.size(), 1u);
  EXPECT_EQ(read->graph.inputs[0].dims[0].value, 3);
}

TEST(Onnx, TextsAreViewsOfTheFile) {
  const std::string bytes = model(reluGraph());
  Result<onnx::Model> read = onnx::parseModel(bytes, "m.onnx");
  ASSERT_TRUE(bool(read));
  EXPECT_GE(read->graph.nodes[0].op.data(), bytes.data());
  EXPECT_LT(read->graph.nodes[0].op.data(), bytes.data() + bytes.size());
}

TEST(Onnx, PutsNodesInOrder) {
  const std::string graph = bytes(1, node("second", "Relu", {"h"}, {"y"})) +
                            bytes(1, node("first", "Neg", {"x"}, {"h"})) + bytes(11, value("x", 1, {3})) +
                            bytes(12, value("y", 1, {3}));
  const std::string file = model(graph);
  Result<onnx::Model> read = onnx::parseModel(file, "m.onnx");
  ASSERT_TRUE(bool(read)) << read.error().str();
  EXPECT_EQ(read->graph.nodes[0].name, "first");
  EXPECT_EQ(read->graph.nodes[1].name, "second");
}

TEST(Onnx, EveryPrefixIsRefusedOrHoldsLess) {
  const std::string whole = model(reluGraph());
  for (size_t length = 0; length < whole.size(); ++length) {
    const std::string cut = whole.substr(0, length);
    Result<onnx::Model> read = onnx::parseModel(cut, "m.onnx");
    EXPECT_FALSE(bool(read)) << length;
  }
}

TEST(Onnx, RefusesWhatIsNoProtobuf) {
  EXPECT_EQ(refused(""), "m.onnx: error: is no ONNX model: it names neither a version nor a graph\n");
  EXPECT_EQ(refused(std::string(11, '\x80')),
            "m.onnx: error: is damaged: in the model, a varint has more than 10 bytes (at byte 10 of 11)\n");
  EXPECT_EQ(refused("\x0a\x05"
                    "ab"),
            "m.onnx: error: is damaged: in the model, a field runs past the end of its message (at byte 2 of 4)\n");
  EXPECT_EQ(refused("\x0b"),
            "m.onnx: error: is damaged: in the model, a field is of a wire type that ONNX does not use "
            "(at byte 1 of 1)\n");
}

TEST(Onnx, RefusesOtherVersions) {
  EXPECT_EQ(refused(model(reluGraph(), 17, 2)),
            "m.onnx: error: has IR version 2 (expected 3 to 13)\nnote: write it again "
            "with onnx.version_converter or a newer exporter\n");
  EXPECT_EQ(refused(model(reluGraph(), 99)),
            "m.onnx: error: is written in opset 99 (expected 1 to 28)\nnote: convert it with onnx.version_converter\n");
}

TEST(Onnx, RefusesGraphsThatAreNone) {
  const std::string x = bytes(11, value("x", 1, {3})), y = bytes(12, value("y", 1, {3}));
  EXPECT_EQ(refusedGraph(bytes(1, node("r", "Relu", {"z"}, {"y"})) + x + y),
            "m.onnx: error: node 'r' (Relu, opset 17): reads 'z', which nothing makes\n");
  EXPECT_EQ(refusedGraph(bytes(1, node("r", "Relu", {"x"}, {"x"})) + x + y),
            "m.onnx: error: node 'r' (Relu, opset 17): makes 'x', which is made already\n");
  EXPECT_EQ(refusedGraph(bytes(1, node("a", "Add", {"x", "c"}, {"b"})) + bytes(1, node("c", "Relu", {"b"}, {"c"})) + x),
            "m.onnx: error: node 'a' (Add, opset 17): stands in a cycle: it needs what it makes\n");
  EXPECT_EQ(refusedGraph(x + y), "m.onnx: error: output 'y' of graph '' is made by no node\n");
  EXPECT_EQ(refusedGraph(x + x), "m.onnx: error: input 'x' is there twice\n");
  EXPECT_EQ(refusedGraph(bytes(1, bytes(1, "x") + bytes(3, "n")) + x), "m.onnx: error: node 'n' names no operator\n");
}

TEST(Onnx, RefusesDeepGraphs) {
  std::string inner = bytes(2, "g");
  for (int i = 0; i < 40; ++i)
    inner =
        bytes(1, node("n", "If", {"x"}, {"y"}, bytes(5, bytes(1, "then_branch") + bytes(6, inner) + number(20, 5))));
  EXPECT_EQ(refusedGraph(inner), "m.onnx: error: graphs stand more than 32 deep in each other\n");
}

TEST(Onnx, RefusesFunctionsThatCallThemselves) {
  const std::string function = bytes(1, "f") + bytes(4, "x") + bytes(5, "y") + bytes(10, "d") +
                               bytes(7, node("n", "f", {"x"}, {"y"}, bytes(7, "d")));
  EXPECT_EQ(refused(model(reluGraph()) + bytes(25, function)), "m.onnx: error: function 'f' calls itself\n");
}

TEST(Onnx, RefusesCallsThatTakeMoreThanTheFunctionGives) {
  const std::string function =
      bytes(1, "f") + bytes(4, "a") + bytes(10, "d") + bytes(7, node("n", "Relu", {"a"}, {"b"}));
  const std::string call = bytes(1, node("c", "f", {"x"}, {"y"}, bytes(7, "d"))) + bytes(11, value("x", 1, {3})) +
                           bytes(12, value("y", 1, {3}));
  EXPECT_EQ(refused(model(call) + bytes(25, function)),
            "m.onnx: error: node 'c' (d.f, opset 17): takes 1 outputs of function 'f', which gives 0\n");
  EXPECT_EQ(refused(model(call) + bytes(25, function + bytes(5, "b"))), "accepted");
}

TEST(Onnx, RefusesTensorsThatLie) {
  EXPECT_EQ(refusedTensor(tensor("t", 1, {3}, "12345678")),
            "t.pb: error: tensor 't' has 8 bytes of raw_data, its shape and type float say 12\n");
  EXPECT_EQ(refusedTensor(tensor("t", 99, {3}, "")),
            "t.pb: error: tensor 't' has the element type 99 (expected 1 to 26)\n");
  EXPECT_EQ(refusedTensor(tensor("t", 1, {-1}, "")), "t.pb: error: tensor 't' has a dimension of -1\n");
  EXPECT_EQ(refusedTensor(tensor("t", 1, {1ll << 40, 1ll << 40}, "")),
            "t.pb: error: tensor 't' has more elements than memory has addresses\n");
  EXPECT_EQ(refusedTensor(tensor("t", 1, std::vector<int64_t>(17, 1), "1234")),
            "t.pb: error: tensor 't' has rank 17 (expected at most 16)\n");
  EXPECT_EQ(refusedTensor(number(1, 3) + number(2, 7) + bytes(7, varint(1) + varint(2))),
            "t.pb: error: tensor '' has 2 elements, its shape says 3\n");
  EXPECT_EQ(refusedTensor(number(1, 1) + number(2, 1) + bytes(7, varint(1))),
            "t.pb: error: tensor '' of type float keeps its elements in the field of another type\n");
}

TEST(Onnx, DecodesEveryWayOfKeepingElements) {
  const auto decode = [](const std::string &file) {
    Result<onnx::Tensor> read = onnx::parseTensorFile(file, "t.pb");
    return read ? read->decoded() : read.error().str();
  };
  const std::string minus("\xff\xff\xff\xff\xff\xff\xff\xff", 8);
  EXPECT_EQ(decode(number(1, 1) + number(2, 7) + bytes(7, varint(uint64_t(-1)))), minus);
  EXPECT_EQ(decode(number(1, 1) + number(2, 7) + number(7, uint64_t(-1))), minus);
  EXPECT_EQ(decode(number(1, 2) + number(2, 3) + bytes(5, varint(uint64_t(-1)) + varint(5))), std::string("\xff\x05"));
  EXPECT_EQ(decode(number(1, 2) + number(2, 10) + bytes(5, varint(0x3c00) + varint(0xbc00))),
            std::string("\x00\x3c\x00\xbc", 4));
  // Three 4-bit values in two bytes.
  EXPECT_EQ(decode(number(1, 3) + number(2, 22) + bytes(5, varint(0x21) + varint(0x03))), std::string("\x21\x03"));
  EXPECT_EQ(decode(number(1, 0) + number(2, 1)), "");
}

TEST(Onnx, CountsPartsAgainstTheFile) {
  // A thousand nodes in two bytes each name no operator; a million attributes of no bytes would cost 200 MB.
  std::string many;
  for (int i = 0; i < 3000; ++i)
    many += bytes(5, "");
  const std::string file = model(bytes(1, bytes(4, "Relu") + many));
  Result<onnx::Model> read = onnx::parseModel(file, "m.onnx");
  EXPECT_FALSE(bool(read));
}

TEST(Onnx, ChecksNodesAgainstTheirOperator) {
  const auto check = [](const std::string &one, int64_t opset) -> std::string {
    const std::string file = model(bytes(1, one) + bytes(11, value("x", 1, {3})), opset);
    Result<onnx::Model> read = onnx::parseModel(file, "m.onnx");
    if (!read)
      return read.error().str();
    const onnx::Node &node = read->graph.nodes[0];
    const onnx::Operator *row = onnx::findOperator(node.op, opset);
    if (!row)
      return "none";
    Checked checked = onnx::checkNode(node, *row, "m.onnx", onnx::describeNode(node, opset));
    return checked ? "fine" : checked.error().str();
  };
  EXPECT_EQ(check(node("n", "Softmax", {"x"}, {"y"}, intAttribute("axis", -1)), 13), "fine");
  EXPECT_EQ(check(node("n", "Softmax", {"x", "x"}, {"y"}), 13),
            "m.onnx: error: node 'n' (Softmax, opset 13): has 2 inputs (expected 1)\n");
  EXPECT_EQ(check(node("n", "Softmax", {"x"}, {"y"}, intAttribute("axes", 1)), 13),
            "m.onnx: error: node 'n' (Softmax, opset 13): unknown attribute 'axes' (expected one of: axis:int)\n");
  EXPECT_EQ(check(node("n", "Softmax", {"x"}, {"y"}, bytes(5, bytes(1, "axis") + bytes(4, "a") + number(20, 3))), 13),
            "m.onnx: error: node 'n' (Softmax, opset 13): attribute 'axis' is of the kind string (expected int)\n");
  EXPECT_EQ(check(node("n", "Concat", {"x"}, {"y"}), 13),
            "m.onnx: error: node 'n' (Concat, opset 13): attribute 'axis' is missing\n");
  EXPECT_EQ(check(node("n", "Upsample", {"x", "x"}, {"y"}), 13), "none") << "it was withdrawn in opset 10";
  EXPECT_EQ(check(node("n", "Gelu", {"x"}, {"y"}), 13), "none") << "it came in opset 20";
}

/// A folder of its own for files that name others.
class OnnxFiles : public testing::Test {
protected:
  void write(const char *name, const std::string &content) {
    std::ofstream(folder + "/" + name, std::ios::binary) << content;
  }
  std::string openWith(const std::string &location, uint64_t offset, const std::string &more = {}) {
    const auto entry = [](const std::string &key, const std::string &value) {
      return bytes(13, bytes(1, key) + bytes(2, value));
    };
    const std::string weight = number(1, 3) + number(2, 1) + bytes(8, "w") + number(14, 1) +
                               entry("location", location) + entry("offset", std::to_string(offset)) + more;
    write("m.onnx", model(bytes(1, node("a", "Add", {"x", "w"}, {"y"})) + bytes(5, weight) +
                          bytes(11, value("x", 1, {3})) + bytes(12, value("y", 1, {3}))));
    Result<onnx::OpenedModel> opened = onnx::open(folder + "/m.onnx");
    if (!opened) {
      std::string text = opened.error().str();
      for (size_t at; (at = text.find(folder)) != std::string::npos;)
        text.replace(at, folder.size(), "D");
      return text;
    }
    return std::string(opened->index.bytes("w"));
  }
  test::TemporaryFolder temporary;
  const std::string folder = temporary.str();
};

TEST_F(OnnxFiles, MapsExternalData) {
  write("w.bin", "....abcdefghijkl");
  EXPECT_EQ(openWith("w.bin", 4), "abcdefghijkl");
  EXPECT_EQ(openWith("./w.bin", 4), "abcdefghijkl");
}

TEST_F(OnnxFiles, RefusesExternalDataElsewhere) {
  write("w.bin", "abcdefghijkl");
  ASSERT_EQ(::symlink("/etc/hostname", (folder + "/link.bin").c_str()), 0);
  EXPECT_EQ(openWith("/etc/passwd", 0),
            "D/m.onnx: error: tensor 'w': external data '/etc/passwd' is absolute, expected a "
            "name inside the directory\n");
  EXPECT_EQ(openWith("../w.bin", 0),
            "D/m.onnx: error: tensor 'w': external data '../w.bin' leaves the directory by '..'\n");
  EXPECT_NE(openWith("link.bin", 0).find("leads outside"), std::string::npos) << openWith("link.bin", 0);
  EXPECT_EQ(openWith("none.bin", 0), "D/none.bin: error: cannot be opened: no such file or directory\n");
  EXPECT_EQ(openWith("w.bin", 4),
            "D/m.onnx: error: tensor 'w': 12 bytes at 4 run past the end of 'D/w.bin' (12 bytes)\n");
  EXPECT_EQ(openWith("w.bin", 0, bytes(13, bytes(1, "length") + bytes(2, "8"))),
            "D/m.onnx: error: tensor 'w': external_data has length = 8, its shape and type say 12\n");
  EXPECT_EQ(openWith("w.bin", 0, bytes(13, bytes(1, "offset") + bytes(2, "-1"))),
            "D/m.onnx: error: tensor 'w': external_data has offset = '-1' (expected a number of bytes)\n");
  EXPECT_EQ(openWith("w.bin", 0, bytes(13, bytes(1, "__class__") + bytes(2, "-1"))),
            "D/m.onnx: error: tensor 'w': external_data has the unknown key '__class__'\n");
}

TEST(OnnxShared, HostileFiles) {
  LLMC_NEEDS_SHARED("testdata/ort-hostile-onnx");
  const std::string folder = test::sharedPath("testdata/ort-hostile-onnx");
  const auto open = [&](const std::string &name) {
    Result<onnx::OpenedModel> opened = onnx::open(folder + "/" + name + ".onnx");
    std::string text = opened ? "accepted" : opened.error().str();
    for (size_t at; (at = text.find(folder)) != std::string::npos;)
      text.replace(at, folder.size(), "D");
    return text;
  };
  EXPECT_EQ(open("conv_qdq_external_ini"), "accepted");
  EXPECT_EQ(open("model_with_orig_ext_data"), "accepted");
  EXPECT_EQ(open("model_with_invalid_ort_config_json"), "accepted") << "what another program is told is not ours";
  EXPECT_EQ(open("model_with_external_initializers"),
            "D/Pads.bin: error: cannot be opened: no such file or directory\n");
}

} // namespace
