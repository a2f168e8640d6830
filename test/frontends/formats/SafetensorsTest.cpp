// SafetensorsTest.cpp - one file and sharded checkpoints: what is read, and every rule that a damaged or hostile one
// breaks. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/safetensors/Safetensors.h"

#include "test/TestPaths.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>

using namespace llmc;

namespace {

std::string lengthOf(uint64_t length) {
  std::string text;
  for (int i = 0; i < 8; ++i)
    text += char(length >> (8 * i) & 255);
  return text;
}

/// A file of that header and that many bytes of data: 0, 1, 2, …
std::string fileOf(const std::string &header, size_t dataBytes) {
  std::string file = lengthOf(header.size()) + header;
  for (size_t i = 0; i < dataBytes; ++i)
    file += char(i);
  return file;
}

std::string refused(const std::string &bytes) {
  Result<std::vector<TensorEntry>> entries = safetensors::parseFile(bytes, "m.safetensors", 0);
  return entries ? "accepted" : entries.error().str();
}

std::string refusedHeader(const std::string &header, size_t dataBytes = 0) {
  return refused(fileOf(header, dataBytes));
}

const char *const kPair = R"({"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},)"
                          R"("__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})";

TEST(Safetensors, ListsTensorsInTheOrderOfTheirData) {
  const std::string file = fileOf(std::string(kPair) + "   ", 28);
  Result<std::vector<TensorEntry>> entries = safetensors::parseFile(file, "m.safetensors", 7);
  ASSERT_TRUE(bool(entries)) << entries.error().str();
  ASSERT_EQ(entries->size(), 2u);
  const TensorEntry &a = (*entries)[0], &b = (*entries)[1];
  EXPECT_EQ(a.key, "a");
  EXPECT_EQ(a.dtype, DType::BF16);
  EXPECT_EQ(a.shape, TensorShape({2}));
  EXPECT_EQ(a.size, 4u);
  EXPECT_EQ(a.file, 7u);
  EXPECT_EQ(b.key, "b");
  EXPECT_EQ(b.shape, TensorShape({2, 3}));
  EXPECT_EQ(b.offset, a.offset + 4);
  EXPECT_EQ(b.offset + b.size, file.size());
}

TEST(Safetensors, EveryElementTypeHasItsWidth) {
  const std::pair<const char *, unsigned> types[] = {
      {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
      {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
      {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
      {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}};
  for (auto [name, bits] : types) {
    const size_t bytes = 8 * bits / 8;
    const std::string header = "{\"t\":{\"dtype\":\"" + std::string(name) + "\",\"shape\":[2,4],\"data_offsets\":[0," +
                               std::to_string(bytes) + "]}}";
    EXPECT_EQ(refusedHeader(header, bytes), "accepted") << name;
    EXPECT_EQ(dtypeBits(*dtypeFromName(name)), bits) << name;
    EXPECT_STREQ(dtypeName(*dtypeFromName(name)), name);
  }
  EXPECT_FALSE(dtypeFromName("F128"));
}

TEST(Safetensors, ScalarsAndEmptyTensorsAreFine) {
  EXPECT_EQ(refusedHeader(R"({"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                          R"("e":{"dtype":"F32","shape":[3,0],"data_offsets":[4,4]}})",
                          4),
            "accepted");
  EXPECT_EQ(refusedHeader("{}", 0), "accepted");
  EXPECT_EQ(refusedHeader(R"({"__metadata__":null})", 0), "accepted");
}

TEST(Safetensors, LyingHeaders) {
  EXPECT_EQ(refused(""), "m.safetensors: error: holds 0 bytes, a safetensors file has at least 8\n");
  EXPECT_EQ(refused("1234567"), "m.safetensors: error: holds 7 bytes, a safetensors file has at least 8\n");
  EXPECT_EQ(refused(lengthOf(100'000'001)),
            "m.safetensors: error: the header claims 100000001 bytes, expected at most 100000000\n"
            "note: this is not a safetensors file, or it is damaged\n");
  EXPECT_EQ(refused(lengthOf(~uint64_t(0)) + "{}").substr(0, 60),
            "m.safetensors: error: the header claims 18446744073709551615");
  EXPECT_EQ(refused(lengthOf(3) + "{}"),
            "m.safetensors: error: the header claims 3 bytes, the file holds 2 after the first 8\n"
            "note: the file is cut short or damaged: download it again\n");
  EXPECT_NE(refused(lengthOf(0)).find("the header does not begin with '{'"), std::string::npos);
  EXPECT_NE(refusedHeader(" {}").find("the header does not begin with '{'"), std::string::npos);
  EXPECT_NE(refusedHeader("[]").find("the header does not begin with '{'"), std::string::npos);
  EXPECT_NE(refusedHeader("{}\n").find("only spaces may follow"), std::string::npos);
  EXPECT_EQ(refusedHeader("{\"a\":}"),
            "m.safetensors: error: header, line 1, column 6: not valid JSON: expected a value\n");
  EXPECT_EQ(refusedHeader(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{}})", 4),
            "m.safetensors: error: header, line 1, column 54: duplicate key 'a'\n");
  EXPECT_NE(refusedHeader("{\"\xff\":{}}").find("not valid UTF-8"), std::string::npos);
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const std::string file = fileOf(kPair, 28);
  for (size_t length = 0; length < file.size(); ++length)
    EXPECT_NE(refused(file.substr(0, length)), "accepted") << length;
  EXPECT_EQ(refused(file), "accepted");
  EXPECT_EQ(refused(file + "x"), "m.safetensors: error: the tensors end at byte 28 of the data, the file holds 29\n");
}

TEST(Safetensors, FieldsOfATensor) {
  const auto of = [](const std::string &tensor) {
    const std::string text = refusedHeader("{\"t\":" + tensor + "}", 8);
    const std::string head = "m.safetensors: error: tensor 't': ";
    return text.rfind(head, 0) == 0 ? text.substr(head.size(), text.find('\n') - head.size()) : text;
  };
  EXPECT_EQ(of("3"), "expected an object with 'dtype', 'shape' and 'data_offsets', found an integer");
  EXPECT_EQ(of(R"({"shape":[1],"data_offsets":[0,8]})"), "'dtype' is missing");
  EXPECT_EQ(of(R"({"dtype":"F64","data_offsets":[0,8]})"), "'shape' is missing");
  EXPECT_EQ(of(R"({"dtype":"F64","shape":[1]})"), "'data_offsets' is missing");
  EXPECT_EQ(of(R"({"dtype":"F64","shape":[1],"data_offsets":[0,8],"x":1})"), "unknown field 'x'");
  EXPECT_EQ(of(R"({"dtype":64,"shape":[1],"data_offsets":[0,8]})"), "'dtype' must be a string, found an integer");
  EXPECT_EQ(of(R"({"dtype":"F65","shape":[1],"data_offsets":[0,8]})"), "unknown dtype 'F65'");
  EXPECT_EQ(of(R"({"dtype":"F64","shape":1,"data_offsets":[0,8]})"), "'shape' must be an array, found an integer");
  EXPECT_EQ(of(R"({"dtype":"F64","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,8]})"),
            "has 17 dimensions, expected at most 16");
  for (const char *size : {"-1", "1.0", "1e0", "\"1\"", "null", "9223372036854775808"})
    EXPECT_EQ(of(std::string(R"({"dtype":"F64","shape":[1,)") + size + R"(],"data_offsets":[0,8]})"),
              "dimension 1 of 'shape' is not a whole number below 2^63")
        << size;
  for (const char *offsets : {"8", "[0]", "[0,8,8]", "[0,\"8\"]", "[-1,7]", "[0,8.0]", "[0,18446744073709551615]"})
    EXPECT_EQ(of(std::string(R"({"dtype":"F64","shape":[1],"data_offsets":)") + offsets + "}"),
              "'data_offsets' must be two whole numbers")
        << offsets;
  EXPECT_EQ(of(R"({"dtype":"F64","shape":[1],"data_offsets":[8,0]})"),
            "'data_offsets' end at 0 before they begin at 8");
  EXPECT_EQ(of(R"({"dtype":"F64","shape":[1],"data_offsets":[0,9223372036854775807]})"),
            "'data_offsets' end at 9223372036854775807, the file holds 8 bytes of data");
  EXPECT_EQ(of(R"({"dtype":"F32","shape":[1],"data_offsets":[0,8]})"),
            "'data_offsets' span 8 bytes, shape [1] of F32 takes 4");
  EXPECT_EQ(of(R"({"dtype":"F4","shape":[3],"data_offsets":[0,8]})"),
            "shape [3] of F4 is not a whole number of bytes below 2^63");
  EXPECT_EQ(of(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"),
            "shape [4294967296, 4294967296] of F32 is not a whole number of bytes below 2^63");
  // The product overflows on the way to zero.
  EXPECT_EQ(of(R"({"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]})"),
            "shape [4294967296, 4294967296, 0] of F32 is not a whole number of bytes below 2^63");
  EXPECT_NE(refusedHeader(R"({"__metadata__":3})").find("'__metadata__' must be an object, found an integer"),
            std::string::npos);
  EXPECT_NE(refusedHeader(R"({"__metadata__":{"k":1}})").find("'__metadata__': 'k' must be a string, found an integer"),
            std::string::npos);
}

TEST(Safetensors, OverlapsAndHoles) {
  const auto two = [](const char *first, const char *second, size_t bytes) {
    return refusedHeader(std::string(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)") + first +
                             R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + second + "}}",
                         bytes);
  };
  EXPECT_EQ(two("[0,4]", "[4,8]", 8), "accepted");
  EXPECT_EQ(two("[4,8]", "[0,4]", 8), "accepted");
  EXPECT_EQ(two("[0,4]", "[0,4]", 4), "m.safetensors: error: tensor 'b': its bytes overlap those of 'a'\n");
  EXPECT_EQ(two("[0,4]", "[2,6]", 6), "m.safetensors: error: tensor 'b': its bytes overlap those of 'a'\n");
  EXPECT_EQ(two("[0,4]", "[8,12]", 12), "m.safetensors: error: tensor 'b': begins at 8, leaving a hole after 4\n");
  EXPECT_EQ(two("[1,5]", "[5,9]", 9), "m.safetensors: error: tensor 'a': begins at 1, leaving a hole after 0\n");
  EXPECT_EQ(two("[0,4]", "[4,8]", 9),
            "m.safetensors: error: the tensors end at byte 8 of the data, the file holds 9\n");
}

TEST(Safetensors, NamesInMessagesAreEscapedAndCut) {
  EXPECT_EQ(refusedHeader("{\"a\\u001b[31m\":3}").find('\x1b'), std::string::npos);
  EXPECT_LT(refusedHeader("{\"" + std::string(100'000, 'n') + "\":3}").size(), 400u);
}

// A directory with files.
class Directory : public testing::Test {
protected:
  void write(const std::string &name, const std::string &bytes) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  }
  void tensor(const std::string &file, const std::string &key) {
    write(file, fileOf("{\"" + key + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4));
  }
  void index(const std::string &weightMap) {
    write("model.safetensors.index.json", "{\"metadata\": {\"total_size\": 8},\n \"weight_map\": " + weightMap + "}");
  }
  /// The message without the folder, or "accepted".
  std::string opened() {
    Result<TensorIndex> result = openCheckpoint(folder.str());
    if (result)
      return "accepted";
    std::string text = result.error().str();
    for (size_t at; (at = text.find(folder.str())) != std::string::npos;)
      text.replace(at, folder.str().size(), "DIR");
    return text;
  }
  test::TemporaryFolder folder;
};

using SafetensorsDirectory = Directory;

TEST_F(SafetensorsDirectory, BytesAreThoseOfTheFile) {
  write("model.safetensors", fileOf(kPair, 28));
  Result<TensorIndex> checkpoint = openCheckpoint(folder.str());
  ASSERT_TRUE(bool(checkpoint)) << checkpoint.error().str();
  EXPECT_EQ(checkpoint->bytes("a"), std::string_view("\0\1\2\3", 4));
  EXPECT_EQ(checkpoint->bytes("b").size(), 24u);
  EXPECT_EQ(checkpoint->bytes("b")[0], 4);
  EXPECT_TRUE(checkpoint->bytes("c").empty());
  EXPECT_EQ(checkpoint->find("c"), nullptr);
  EXPECT_EQ(checkpoint->relativeName(*checkpoint->find("a")), "model.safetensors");
}

TEST_F(SafetensorsDirectory, NothingThere) {
  EXPECT_EQ(opened(), "DIR: error: holds neither 'model.safetensors' nor 'model.safetensors.index.json'\n"
                      "note: a checkpoint directory holds its weights in one of these\n");
  const std::string error = "DIR: error: holds neither 'model.safetensors' nor 'model.safetensors.index.json'\nnote: ";
  write("m.onnx", "x");
  EXPECT_EQ(opened(),
            error + "'m.onnx' is an ONNX graph, which is not read: give the checkpoint that it was made from\n");
  write("params.pth", "x");
  EXPECT_EQ(opened(), error + "'params.pth' is a pickle, which is not read: save the model again as safetensors\n");
  write("pytorch_model.bin", "x");
  EXPECT_EQ(opened(),
            error + "'pytorch_model.bin' may be a pickle, which is not read: save the model again as safetensors\n");
  write("z.gguf", "x");
  write("m.gguf", "x");
  EXPECT_EQ(opened(), error + "'m.gguf' is a GGUF file: give its name in place of the directory's\n");
  write("b.safetensors", "x");
  write("a.safetensors", "x");
  EXPECT_EQ(opened(), error + "'a.safetensors' is not read by that name: 'model.safetensors', or an index of the "
                              "shards, is missing\n");
  EXPECT_EQ(openCheckpoint(folder / "absent").error().message, "cannot be opened: no such file or directory");
  EXPECT_EQ(openCheckpoint(folder / "pytorch_model.bin").error().message, "is not a directory");
}

TEST_F(SafetensorsDirectory, NotAFile) {
  ASSERT_EQ(::mkdir((folder / "model.safetensors").c_str(), 0700), 0);
  EXPECT_EQ(opened(), "DIR/model.safetensors: error: is a directory, expected a file\n");
}

TEST_F(SafetensorsDirectory, PipesDoNotBlock) {
  ASSERT_EQ(::mkfifo((folder / "model.safetensors").c_str(), 0600), 0);
  EXPECT_EQ(opened(), "DIR/model.safetensors: error: is not a regular file\n");
}

TEST_F(SafetensorsDirectory, Shards) {
  tensor("one.safetensors", "a");
  tensor("two.safetensors", "b");
  index(R"({"a": "one.safetensors", "b": "two.safetensors"})");
  EXPECT_EQ(opened(), "accepted");
  Result<TensorIndex> checkpoint = openCheckpoint(folder.str());
  EXPECT_EQ(checkpoint->tensors().size(), 2u);
  EXPECT_EQ(checkpoint->relativeName(*checkpoint->find("b")), "two.safetensors");
}

TEST_F(SafetensorsDirectory, ShardsAndIndexDisagree) {
  tensor("one.safetensors", "a");
  tensor("two.safetensors", "b");
  index(R"({"a": "two.safetensors", "b": "one.safetensors"})");
  EXPECT_EQ(opened(),
            "DIR/one.safetensors: error: tensor 'a' is here, 'DIR/model.safetensors.index.json' expects it in "
            "'two.safetensors'\n");
  index(R"({"a": "one.safetensors", "b": "two.safetensors", "c": "two.safetensors"})");
  EXPECT_EQ(opened(),
            "DIR/two.safetensors: error: tensor 'c' is missing, 'DIR/model.safetensors.index.json' expects it here\n");
  index(R"({"a": "one.safetensors", "aa": "two.safetensors"})");
  EXPECT_EQ(opened(),
            "DIR/two.safetensors: error: tensor 'aa' is missing, 'DIR/model.safetensors.index.json' expects it here\n");
  tensor("two.safetensors", "a");
  index(R"({"a": "one.safetensors", "b": "two.safetensors"})");
  EXPECT_EQ(opened(), "DIR/two.safetensors: error: tensor 'a' is also in 'DIR/one.safetensors'\n");
  write("two.safetensors", fileOf(R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                  R"("z":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                                  8));
  EXPECT_EQ(opened(),
            "DIR/two.safetensors: error: tensor 'z' is not in the index 'DIR/model.safetensors.index.json'\n");
  index(R"({"a": "one.safetensors", "b": "gone.safetensors"})");
  EXPECT_EQ(opened(), "DIR/gone.safetensors: error: cannot be opened: no such file or directory\n");
}

TEST_F(SafetensorsDirectory, IndexText) {
  const auto says = [&](const std::string &text) {
    write("model.safetensors.index.json", text);
    const std::string message = opened(), head = "DIR/model.safetensors.index.json:";
    return message.rfind(head, 0) == 0 ? message.substr(head.size(), message.find('\n') - head.size()) : message;
  };
  EXPECT_EQ(says("[]"), "1:1: error: expected an object with 'weight_map', found an array");
  EXPECT_EQ(says("{}"), "1:1: error: 'weight_map' is missing");
  EXPECT_EQ(says("{\"weight_map\": 3}"), "1:16: error: 'weight_map' must be an object, found an integer");
  EXPECT_EQ(says("{\"weight_map\": {}}"), "1:16: error: 'weight_map' names no tensor");
  EXPECT_EQ(says("{\"weight_map\": {\"a\": 1}}"), "1:22: error: 'a' must be the name of a file, found an integer");
}

TEST_F(SafetensorsDirectory, ShardNamesStayInside) {
  const auto says = [&](const std::string &shard) {
    index("{\"a\": \"" + shard + "\"}");
    const std::string message = opened();
    const size_t at = message.find("the file name '");
    return at == std::string::npos
               ? message
               : message.substr(message.find("' ", at) + 2, message.find('\n') - message.find("' ", at) - 2);
  };
  EXPECT_EQ(says("/etc/passwd"), "is absolute, expected a name inside the directory");
  EXPECT_EQ(says("../x.safetensors"), "leaves the directory by '..'");
  EXPECT_EQ(says("a/../../x.safetensors"), "leaves the directory by '..'");
  EXPECT_EQ(says("a/.."), "leaves the directory by '..'");
  EXPECT_EQ(says("..\\\\x"), "holds a backslash");
  EXPECT_EQ(says("a\\u0000b"), "holds a control character");
  EXPECT_EQ(says("a//b"), "holds an empty or '.' component");
  EXPECT_EQ(says("./b"), "holds an empty or '.' component");
  EXPECT_EQ(says(""), "is empty");
}

TEST_F(SafetensorsDirectory, LinksStayInside) {
  tensor("outside.safetensors", "a");
  ASSERT_EQ(::mkdir((folder / "model").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("../outside.safetensors", (folder / "model/model.safetensors").c_str()), 0);
  Result<TensorIndex> checkpoint = openCheckpoint(folder / "model");
  ASSERT_FALSE(bool(checkpoint));
  EXPECT_EQ(checkpoint.error().message, "is a link that leads outside the directory");
  ASSERT_EQ(::unlink((folder / "model/model.safetensors").c_str()), 0);
  tensor("model/real.safetensors", "a");
  ASSERT_EQ(::symlink("real.safetensors", (folder / "model/model.safetensors").c_str()), 0);
  EXPECT_TRUE(bool(openCheckpoint(folder / "model")));
  // The directory itself may be a link: the user named it.
  ASSERT_EQ(::symlink("model", (folder / "named").c_str()), 0);
  EXPECT_TRUE(bool(openCheckpoint(folder / "named")));
}

TEST_F(SafetensorsDirectory, TheHuggingFaceCacheLinksToItsBlobs) {
  for (const char *name : {"blobs", "snapshots", "snapshots/0123abcd", "elsewhere"})
    ASSERT_EQ(::mkdir((folder / name).c_str(), 0700), 0);
  tensor("blobs/7f00", "a");
  tensor("elsewhere/7f00", "a");
  const std::string link = folder / "snapshots/0123abcd/model.safetensors";
  ASSERT_EQ(::symlink("../../blobs/7f00", link.c_str()), 0);
  EXPECT_TRUE(bool(openCheckpoint(folder / "snapshots/0123abcd")));
  ASSERT_EQ(::unlink(link.c_str()), 0);
  ASSERT_EQ(::symlink("../../elsewhere/7f00", link.c_str()), 0);
  EXPECT_FALSE(bool(openCheckpoint(folder / "snapshots/0123abcd")));
}

TEST_F(SafetensorsDirectory, SmallFilesTakeLittleMemory) {
  // A thousand bytes that claim as much as they can, in every way there is to claim.
  const std::string big = "9223372036854775807";
  write("model.safetensors",
        fileOf("{\"t\":{\"dtype\":\"U8\",\"shape\":[" + big + "],\"data_offsets\":[0," + big + "]}}", 900));
  rusage before, after;
  ::getrusage(RUSAGE_SELF, &before);
  EXPECT_NE(opened(), "accepted");
  write("model.safetensors", lengthOf(99'999'999) + std::string(1000, '['));
  EXPECT_NE(opened(), "accepted");
  write("model.safetensors", fileOf("{\"t\":" + std::string(900, '[') + "}", 0));
  EXPECT_NE(opened(), "accepted");
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 16 << 10) << "KB";
}

// Files of other projects.

TEST(SafetensorsShared, FilesOfOtherWriters) {
  LLMC_NEEDS_SHARED("testdata/swift-safetensors-tensors");
  const struct {
    const char *file;
    size_t tensors;
  } files[] = {{"swift-safetensors-tensors/tensor-1d-int32.safetensors", 1},
               {"swift-safetensors-tensors/tensor-2d-float64.safetensors", 1},
               {"swift-safetensors-tensors/tensor-3d-float32.safetensors", 1},
               {"swift-safetensors-tensors/tensor-4d-float32.safetensors", 1},
               {"burn-safetensors/multi_layer/multi_layer.safetensors", 9}};
  for (const auto &item : files) {
    const std::string path = test::sharedPath(std::string("testdata/") + item.file);
    Result<MappedFile> file = MappedFile::open(path);
    ASSERT_TRUE(bool(file)) << file.error().str();
    Result<std::vector<TensorEntry>> entries = safetensors::parseFile(file->bytes(), item.file, 0);
    ASSERT_TRUE(bool(entries)) << entries.error().str();
    EXPECT_EQ(entries->size(), item.tensors) << item.file;
    // Every file cut anywhere in its header or by one byte of data is refused.
    const size_t headerEnd = size_t(entries->front().offset);
    for (size_t length = 0; length <= headerEnd; ++length)
      EXPECT_NE(refused(std::string(file->bytes().substr(0, length))), "accepted") << item.file << " " << length;
    EXPECT_NE(refused(std::string(file->bytes().substr(0, file->size() - 1))), "accepted") << item.file;
  }
}

TEST(SafetensorsShared, BytesBehindTheLastTensor) {
  LLMC_NEEDS_SHARED("testdata/weight-inspect-fixtures");
  const std::string path = test::sharedPath("testdata/weight-inspect-fixtures/fixtures/tiny.safetensors");
  Result<MappedFile> file = MappedFile::open(path, "tiny.safetensors");
  ASSERT_TRUE(bool(file)) << file.error().str();
  // The format's own reader refuses this file for the same reason.
  EXPECT_EQ(safetensors::parseFile(file->bytes(), "tiny.safetensors", 0).error().str(),
            "tiny.safetensors: error: the tensors end at byte 32768 of the data, the file holds 32773\n");
}

TEST(SafetensorsShared, TinyCheckpoints) {
  LLMC_NEEDS_SHARED("testdata/mlxd-tiny-hf");
  for (const char *name :
       {"tiny_llama3", "tiny_llama3_tied", "tiny_qwen3", "tiny_qwen3_sharded", "tiny_qwen3_tied", "tiny_gemma3"}) {
    Result<TensorIndex> checkpoint = openCheckpoint(test::sharedPath(std::string("testdata/mlxd-tiny-hf/") + name));
    ASSERT_TRUE(bool(checkpoint)) << checkpoint.error().str();
    EXPECT_GT(checkpoint->tensors().size(), 10u) << name;
  }
}

TEST(SafetensorsShared, EmptyShardsAreRefused) {
  LLMC_NEEDS_SHARED("testdata/mlxd-hostile-configs");
  const auto says = [](const char *name) {
    return openCheckpoint(test::sharedPath(std::string("testdata/mlxd-hostile-configs/") + name)).error().message;
  };
  EXPECT_EQ(says("shard_single"), "holds 0 bytes, a safetensors file has at least 8");
  EXPECT_EQ(says("shard_index"), "holds 0 bytes, a safetensors file has at least 8");
  EXPECT_EQ(says("shard_empty"), "holds neither 'model.safetensors' nor 'model.safetensors.index.json'");
  EXPECT_EQ(says("shard_glob"), "holds neither 'model.safetensors' nor 'model.safetensors.index.json'");
}

} // namespace
