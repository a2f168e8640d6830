// GgufTest.cpp - GGUF files: what is read, every rule that a damaged or hostile one breaks, and split files.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/gguf/Gguf.h"
#include "frontends/formats/gguf/MetadataReader.h"

#include "test/TestPaths.h"
#include "test/frontends/formats/GgufWriter.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace llmc;
using namespace llmc::test;

namespace {

std::string refused(const std::string &bytes) {
  Result<gguf::File> file = gguf::parseFile(bytes, "m.gguf", 0);
  return file ? "accepted" : file.error().str();
}
std::string refused(const GgufWriter &writer) { return refused(writer.bytes()); }

const std::string kCut = "note: the file is cut short or damaged: download it again\n";

/// Two tensors, one of blocks.
GgufWriter pair() {
  GgufWriter writer;
  writer.string("general.architecture", "llama").integer("llama.block_count", 2);
  writer.tensor("b.weight", {32, 3}, 2, 0).tensor("a.weight", {5}, 0, 64);
  for (int i = 0; i < 64 + 20; ++i)
    writer.data += char(i);
  return writer;
}

TEST(Gguf, ReadsMetadataAndTensors) {
  for (uint32_t version : {2u, 3u}) {
    GgufWriter writer = pair();
    writer.version = version;
    const std::string bytes = writer.bytes();
    Result<gguf::File> file = gguf::parseFile(bytes, "m.gguf", 7);
    ASSERT_TRUE(bool(file)) << file.error().str();
    EXPECT_EQ(file->version, version);
    EXPECT_EQ(file->alignment, 32u);
    ASSERT_EQ(file->metadata.size(), 2u);
    EXPECT_EQ(file->find("general.architecture")->asString(), "llama");
    EXPECT_EQ(file->find("llama.block_count")->asInteger(), 2);
    EXPECT_FALSE(file->find("llama.block"));
    ASSERT_EQ(file->tensors.size(), 2u);
    const TensorEntry &b = file->tensors[0], &a = file->tensors[1];
    EXPECT_EQ(b.key, "b.weight");
    EXPECT_EQ(b.dtype, DType::Q4_0);
    EXPECT_EQ(b.shape, TensorShape({3, 32}));
    EXPECT_EQ(b.size, 3u * 18);
    EXPECT_EQ(b.file, 7u);
    EXPECT_EQ(a.dtype, DType::F32);
    EXPECT_EQ(a.offset, b.offset + 64);
    EXPECT_EQ(a.offset + a.size, bytes.size());
  }
}

TEST(Gguf, EveryKindOfValue) {
  GgufWriter writer;
  writer.entry("k.00", 0, "\xfe").entry("k.01", 1, "\xfe").entry("k.02", 2, numberBytes(65534, 2));
  writer.entry("k.03", 3, numberBytes(65534, 2)).entry("k.04", 4, u32(4294967294u)).entry("k.05", 5, u32(4294967294u));
  writer.number("k.06", -0.375f).flag("k.07", true).string("k.08", "text");
  writer.entry("k.10", 10, u64(~0ull)).entry("k.11", 11, u64(~0ull - 1));
  writer.entry("k.12", 12, u64(0x3ff8000000000000));
  writer.strings("l.strings", {"", "b", "cc"});
  writer.entry("l.numbers", 9, u32(3) + u64(2) + numberBytes(7, 2) + numberBytes(65535, 2));
  writer.entry("l.empty", 9, u32(8) + u64(0));
  writer.entry("l.flags", 9, u32(7) + u64(2) + std::string("\0\1", 2));
  writer.entry("l.lists", 9, u32(9) + u64(2) + u32(0) + u64(1) + "x" + u32(8) + u64(1) + text("y"));
  const std::string bytes = writer.bytes();
  Result<gguf::File> file = gguf::parseFile(bytes, "m.gguf", 0);
  ASSERT_TRUE(bool(file)) << file.error().str();
  const auto integer = [&](const char *key) { return file->find(key)->asInteger(); };
  EXPECT_EQ(integer("k.00"), 254);
  EXPECT_EQ(integer("k.01"), -2);
  EXPECT_EQ(integer("k.02"), 65534);
  EXPECT_EQ(integer("k.03"), -2);
  EXPECT_EQ(integer("k.04"), 4294967294);
  EXPECT_EQ(integer("k.05"), -2);
  EXPECT_EQ(file->find("k.06")->asNumber(), -0.375);
  EXPECT_TRUE(file->find("k.07")->asBool());
  EXPECT_EQ(integer("k.10"), std::nullopt); // Beyond 63 bits.
  EXPECT_EQ(file->find("k.10")->asNumber(), 0x1p64);
  EXPECT_EQ(integer("k.11"), -2);
  EXPECT_EQ(file->find("k.12")->asNumber(), 1.5);
  EXPECT_EQ(file->find("l.strings")->strings(), (std::vector<std::string_view>{"", "b", "cc"}));
  EXPECT_EQ(file->find("l.numbers")->at(1).asInteger(), -1);
  EXPECT_EQ(file->find("l.empty")->size(), 0u);
  EXPECT_TRUE(file->find("l.flags")->at(1).asBool());
  EXPECT_EQ(file->find("l.lists")->describe(), "an array of arrays");
}

TEST(Gguf, TheAlignmentIsTheFiles) {
  GgufWriter writer;
  writer.alignment = 64;
  writer.integer("general.alignment", 64).tensor("a", {3}, 0, 0).tensor("b", {3}, 0, 64);
  writer.data = std::string(64 + 12, 'x');
  const std::string bytes = writer.bytes();
  Result<gguf::File> file = gguf::parseFile(bytes, "m.gguf", 0);
  ASSERT_TRUE(bool(file)) << file.error().str();
  EXPECT_EQ(file->tensors[0].offset % 64, 0u);
  EXPECT_EQ(file->tensors[1].offset, file->tensors[0].offset + 64);
}

TEST(Gguf, RefusesWhatIsNoGgufFile) {
  EXPECT_EQ(refused(std::string("GGUF")), "m.gguf: error: holds 4 bytes, a GGUF file has at least 24\n");
  EXPECT_EQ(refused("PK\3\4" + std::string(40, 'x')), "m.gguf: error: begins with 'PK\\x03\\x04', expected 'GGUF'\n"
                                                      "note: this is not a GGUF file, or it is damaged\n");
  EXPECT_EQ(refused("ggjt" + std::string(40, 'x')), "m.gguf: error: begins with 'ggjt', expected 'GGUF'\n"
                                                    "note: this is a file of before GGUF: convert the model again\n");
  GgufWriter writer = pair();
  writer.version = 1;
  EXPECT_EQ(refused(writer), "m.gguf: error: is GGUF version 1, expected 2 or 3\nnote: convert the model again\n");
  writer.version = 3u << 24;
  EXPECT_EQ(refused(writer), "m.gguf: error: is a big-endian GGUF file, which is not supported\n"
                             "note: convert the model again as little-endian\n");
}

TEST(Gguf, RefusesLyingCounts) {
  GgufWriter writer = pair();
  const size_t rest = writer.bytes().size() - 24;
  writer.extraTensors = 999'998;
  EXPECT_EQ(refused(writer), "m.gguf: error: claims 1000000 tensors, the " + std::to_string(rest) +
                                 " bytes that follow hold at most " + std::to_string(rest / 24) + "\n" + kCut);
  writer.extraTensors = 1'000'000;
  EXPECT_EQ(refused(writer), "m.gguf: error: claims 1000002 tensors, expected at most 1000000\n");
  writer = pair();
  writer.extraEntries = 9'000;
  EXPECT_EQ(refused(writer), "m.gguf: error: claims 9002 metadata entries, the " + std::to_string(rest) +
                                 " bytes that follow hold at most " + std::to_string(rest / 13) + "\n" + kCut);
  writer.extraEntries = -3; // 2^64 - 1
  EXPECT_EQ(refused(writer), "m.gguf: error: claims 18446744073709551615 metadata entries, expected at most 65536\n");
  // One too many of each reads what follows as an entry, or a tensor.
  writer = pair();
  writer.data.clear();
  writer.extraTensors = 1;
  EXPECT_NE(refused(writer), "accepted");
}

TEST(Gguf, RefusesBadKeysAndValues) {
  const auto entry = [](const std::string &key, uint32_t type, const std::string &value) {
    GgufWriter writer;
    writer.alignment = 0; // Nothing behind the entries: what ends inside one is noticed.
    return refused(writer.entry(key, type, value));
  };
  GgufWriter twice;
  EXPECT_EQ(refused(twice.integer("a.b", 1).integer("a.b", 1)), "m.gguf: error: metadata key 'a.b' occurs twice\n");
  EXPECT_EQ(entry("", 4, u32(1)), "m.gguf: error: metadata key 0 is empty\n");
  EXPECT_EQ(entry("k", 13, u32(1)), "m.gguf: error: 'k' has the unknown type 13, expected 0 to 12\n");
  EXPECT_EQ(entry("k", 10, "1234"), "m.gguf: error: ends inside 'k'\n" + kCut);
  EXPECT_EQ(entry("k", 7, "\2"), "m.gguf: error: 'k' is a truth value of 2, expected 0 or 1\n");
  EXPECT_EQ(entry("k", 8, u64(5) + "1234"), "m.gguf: error: 'k' claims 5 bytes, the file holds 4 more\n" + kCut);
  EXPECT_EQ(entry("k", 8, u64(1ull << 40)),
            "m.gguf: error: 'k' claims 1099511627776 bytes, expected at most 1048576\n");
  EXPECT_EQ(entry("k", 9, u32(99) + u64(1)),
            "m.gguf: error: 'k' is an array of the unknown type 99, expected 0 to 12\n");
  EXPECT_EQ(entry("k", 9, u32(6) + u64(1ull << 62)),
            "m.gguf: error: 'k' claims 4611686018427387904 elements, expected at most 268435456\n");
  EXPECT_EQ(entry("k", 9, u32(6) + u64(3) + "12345678"),
            "m.gguf: error: 'k' claims 3 elements, the 8 bytes that follow hold at most 2\n" + kCut);
  EXPECT_EQ(entry("k", 9, u32(8) + u64(1) + u64(9) + "x"),
            "m.gguf: error: 'k' claims 9 bytes, the file holds 1 more\n" + kCut);
  EXPECT_EQ(entry("k", 9, u32(7) + u64(2) + std::string("\1\3", 2)),
            "m.gguf: error: 'k' is a truth value of 3, expected 0 or 1\n");
  std::string nested;
  for (int i = 0; i < 6; ++i)
    nested += u32(9) + u64(1);
  EXPECT_EQ(entry("k", 9, nested), "m.gguf: error: 'k' holds arrays more than 4 deep\n");
  GgufWriter longKey;
  longKey.entries = {u64(70'000) + std::string(70'000, 'k')};
  EXPECT_EQ(refused(longKey), "m.gguf: error: metadata key 0 claims 70000 bytes, expected at most 65535\n");
}

TEST(Gguf, RefusesBadAlignments) {
  const std::string power = ", expected a power of two from 1 to 65536\n";
  for (uint32_t alignment : {0u, 33u, 131072u}) {
    GgufWriter writer;
    EXPECT_EQ(refused(writer.integer("general.alignment", alignment)),
              "m.gguf: error: 'general.alignment' = " + std::to_string(alignment) + power);
  }
  GgufWriter writer;
  EXPECT_EQ(refused(writer.string("general.alignment", "32")),
            "m.gguf: error: 'general.alignment' is a string, expected a 32-bit unsigned integer\n");
}

TEST(Gguf, RefusesBadTensors) {
  const auto tensor = [](const std::vector<uint64_t> &sizes, uint32_t type, uint64_t offset) {
    GgufWriter writer;
    writer.data = std::string(64, 'x');
    return refused(writer.tensor("a", sizes, type, offset));
  };
  EXPECT_EQ(tensor({4, 2}, 0, 32), "accepted");
  EXPECT_EQ(tensor({4, 2}, 5, 0), "m.gguf: error: tensor 'a' has the unknown type 5\n");
  EXPECT_EQ(tensor({256}, 19, 0), "m.gguf: error: tensor 'a' has type IQ1_S, which is not supported\n"
                                  "note: quantise the model to another type, such as Q4_K or IQ4_XS\n");
  EXPECT_EQ(tensor({1, 1, 1, 1, 1}, 0, 0), "m.gguf: error: tensor 'a' claims 5 dimensions, expected at most 4\n");
  EXPECT_EQ(tensor({1ull << 63}, 0, 0),
            "m.gguf: error: tensor 'a': dimension 0 is 9223372036854775808, expected less than 2^63\n");
  EXPECT_EQ(tensor({1ull << 40, 1ull << 40}, 0, 0),
            "m.gguf: error: tensor 'a': shape [1099511627776, 1099511627776] of F32 takes more than 2^63 bytes\n");
  EXPECT_EQ(tensor({1ull << 40, 0}, 12, 0), "accepted"); // Nothing in it.
  EXPECT_EQ(tensor({48, 2}, 2, 0), "m.gguf: error: tensor 'a': its rows of 48 values are not whole blocks of Q4_0, "
                                   "expected a multiple of 32\n");
  EXPECT_EQ(tensor({}, 12, 0), "m.gguf: error: tensor 'a': its rows of 1 values are not whole blocks of Q4_K, "
                               "expected a multiple of 256\n");
  EXPECT_EQ(tensor({4}, 0, 16), "m.gguf: error: tensor 'a' begins at 16, expected a multiple of the alignment 32\n");
  EXPECT_EQ(tensor({9}, 0, 32), "m.gguf: error: tensor 'a': 36 bytes at 32 end outside the file, which holds 64 bytes "
                                "of data\n" +
                                    kCut);
  EXPECT_EQ(tensor({1}, 0, ~0ull - 31), "m.gguf: error: tensor 'a': 4 bytes at 18446744073709551584 end outside the "
                                        "file, which holds 64 bytes of data\n" +
                                            kCut);
  GgufWriter overlap;
  overlap.data = std::string(64, 'x');
  EXPECT_EQ(refused(overlap.tensor("b", {9}, 0, 0).tensor("a", {4}, 0, 32)),
            "m.gguf: error: tensor 'a': its bytes overlap those of 'b'\n");
  GgufWriter unnamed;
  EXPECT_EQ(refused(unnamed.tensor("", {1}, 0, 0)), "m.gguf: error: the name of tensor 0 is empty\n");
  GgufWriter named;
  EXPECT_EQ(refused(named.tensor(std::string(1025, 'n'), {1}, 0, 0)),
            "m.gguf: error: the name of tensor 0 claims 1025 bytes, expected at most 1024\n");
}

TEST(Gguf, RefusesAFileCutAnywhere) {
  GgufWriter writer = pair();
  writer.strings("l", {"a", "b"});
  const std::string bytes = writer.bytes();
  ASSERT_EQ(refused(bytes), "accepted");
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(refused(bytes.substr(0, size)), "accepted") << size;
}

// The worst that a kilobyte can claim, under a limit of what the process may take besides.
TEST(Gguf, AKilobyteTakesLittleMemory) {
  GgufWriter arrays;
  std::string bytes = u32(9) + u64(76);
  for (int i = 0; i < 76; ++i)
    bytes += u32(0) + u64(0);
  arrays.entry("k", 9, bytes);
  GgufWriter many;
  for (int i = 0; i < 70; ++i)
    many.entry(std::string(1, char('0' + i)), 0, "x");
  for (const GgufWriter &writer : {arrays, many}) {
    const std::string file = writer.bytes();
    ASSERT_LE(file.size(), 1100u);
    struct rusage before, after;
    ::getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 100; ++i)
      ASSERT_TRUE(bool(gguf::parseFile(file, "m.gguf", 0)));
    ::getrusage(RUSAGE_SELF, &after);
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 16 * 1024); // KiB
  }
}

//===----------------------------------------------------------------------===//
// Files on disk, and parts
//===----------------------------------------------------------------------===//

void write(const std::string &path, const std::string &bytes) { std::ofstream(path, std::ios::binary) << bytes; }

/// Part `number` (from 0) of `count`, with one tensor.
GgufWriter part(uint32_t number, uint32_t count, uint32_t tensors) {
  GgufWriter writer;
  writer.entry("split.no", 2, numberBytes(number, 2)).entry("split.count", 2, numberBytes(count, 2));
  writer.entry("split.tensors.count", 5, u32(tensors));
  if (number == 0)
    writer.string("general.architecture", "llama");
  writer.tensor("t" + std::to_string(number), {4}, 0, 0);
  writer.data = std::string(16, char('a' + number));
  return writer;
}

std::string refusedAt(const TemporaryFolder &folder, const std::string &name) {
  Result<gguf::Model> model = gguf::open(folder / name);
  if (model)
    return "accepted";
  std::string message = model.error().str();
  for (size_t at; (at = message.find(folder.str() + "/")) != std::string::npos;)
    message.erase(at, folder.str().size() + 1);
  return message;
}

TEST(Gguf, OpensOneFile) {
  TemporaryFolder folder;
  write(folder / "m.gguf", pair().bytes());
  Result<gguf::Model> model = gguf::open(folder / "m.gguf");
  ASSERT_TRUE(bool(model)) << model.error().str();
  EXPECT_EQ(model->name(), folder / "m.gguf");
  EXPECT_EQ(model->header.find("general.architecture")->asString(), "llama"); // The views live on.
  EXPECT_EQ(model->index.bytes("a.weight").substr(0, 2), "\x40\x41");
  EXPECT_EQ(model->index.relativeName(*model->index.find("a.weight")), "m.gguf");
  Result<TensorIndex> index = openCheckpoint(folder / "m.gguf");
  ASSERT_TRUE(bool(index));
  EXPECT_EQ(index->tensors().size(), 2u);
  // By its first bytes, whatever it is called.
  write(folder / "blob", pair().bytes());
  EXPECT_TRUE(gguf::isGgufPath(folder / "blob"));
  write(folder / "text", "GGML");
  EXPECT_FALSE(gguf::isGgufPath(folder / "text"));
  EXPECT_FALSE(gguf::isGgufPath(folder.str()));
}

TEST(Gguf, RefusesATensorThatOccursTwice) {
  TemporaryFolder folder;
  GgufWriter writer;
  writer.data = std::string(36, 'x');
  write(folder / "m.gguf", writer.tensor("a", {1}, 0, 0).tensor("a", {1}, 0, 32).bytes());
  EXPECT_EQ(refusedAt(folder, "m.gguf"), "m.gguf: error: tensor 'a' is also in 'm.gguf'\n");
}

TEST(Gguf, OpensTheParts) {
  TemporaryFolder folder;
  for (uint32_t i = 0; i < 3; ++i)
    write(folder / ("m-0000" + std::to_string(i + 1) + "-of-00003.gguf"), part(i, 3, 3).bytes());
  Result<gguf::Model> model = gguf::open(folder / "m-00001-of-00003.gguf");
  ASSERT_TRUE(bool(model)) << model.error().str();
  EXPECT_EQ(model->index.files().size(), 3u);
  for (uint32_t i = 0; i < 3; ++i)
    EXPECT_EQ(model->index.bytes("t" + std::to_string(i)), std::string(16, char('a' + i)));
  EXPECT_EQ(model->index.relativeName(*model->index.find("t2")), "m-00003-of-00003.gguf");
}

TEST(Gguf, RefusesPartsThatDoNotFit) {
  TemporaryFolder folder;
  const std::string first = "m-00001-of-00002.gguf", second = "m-00002-of-00002.gguf";
  write(folder / first, part(0, 2, 2).bytes());
  EXPECT_EQ(refusedAt(folder, first), second + ": error: part 2 of 2 is missing\n"
                                               "note: all 2 parts must lie in one directory\n");
  const std::string mixed = "note: the parts are mixed up: download them again\n";
  // A part that leads back to the first.
  ASSERT_EQ(::symlink(first.c_str(), (folder / second).c_str()), 0);
  EXPECT_EQ(refusedAt(folder, first), second + ": error: says that it is part 1 of 2, expected part 2 of 2\n" + mixed);
  ASSERT_EQ(::unlink((folder / second).c_str()), 0);
  write(folder / second, part(1, 3, 2).bytes());
  EXPECT_EQ(refusedAt(folder, first), second + ": error: says that it is part 2 of 3, expected part 2 of 2\n" + mixed);
  write(folder / second, pair().bytes());
  EXPECT_EQ(refusedAt(folder, first), second + ": error: says that it is part 1 of 1, expected part 2 of 2\n" + mixed);
  write(folder / second, part(1, 2, 2).bytes());
  EXPECT_EQ(refusedAt(folder, first), "accepted");
  EXPECT_EQ(refusedAt(folder, second), second + ": error: is part 2 of 2, expected the first\n"
                                                "note: name the first part; the others are found beside it\n");
  write(folder / first, part(0, 2, 3).bytes());
  EXPECT_EQ(refusedAt(folder, first), first + ": error: 'split.tensors.count' = 3, the parts hold 2 tensors\n" + mixed);
  write(folder / "renamed.gguf", part(0, 2, 2).bytes());
  EXPECT_EQ(refusedAt(folder, "renamed.gguf"),
            "renamed.gguf: error: is part 1 of 2, so its name must end in '-00001-of-00002.gguf'\n"
            "note: rename it and the other parts, or join them into one file\n");
  GgufWriter odd;
  write(folder / "odd.gguf", odd.string("split.count", "2").bytes());
  EXPECT_EQ(refusedAt(folder, "odd.gguf"), "odd.gguf: error: 'split.count' must be an integer, found a string\n");
  GgufWriter negative;
  write(folder / "odd.gguf", negative.entry("split.no", 5, u32(~0u)).bytes());
  EXPECT_EQ(refusedAt(folder, "odd.gguf"), "odd.gguf: error: 'split.no' = -1 is out of range\n");
  GgufWriter large;
  write(folder / "odd.gguf", large.integer("split.count", 70000).bytes());
  EXPECT_EQ(refusedAt(folder, "odd.gguf"), "odd.gguf: error: 'split.count' = 70000, expected at most 10000\n");
  // A part is reached inside the directory alone.
  TemporaryFolder other;
  write(other / "elsewhere.gguf", part(1, 2, 2).bytes());
  ASSERT_EQ(::unlink((folder / second).c_str()), 0);
  ASSERT_EQ(::symlink((other / "elsewhere.gguf").c_str(), (folder / second).c_str()), 0);
  write(folder / first, part(0, 2, 2).bytes());
  EXPECT_EQ(refusedAt(folder, first), second + ": error: is a link that leads outside the directory\nnote: copy the "
                                               "file into the directory: a checkpoint reads only what is inside it\n");
}

//===----------------------------------------------------------------------===//
// Reading keys
//===----------------------------------------------------------------------===//

std::string mistakeOf(const GgufWriter &writer, void (*read)(gguf::MetadataReader &)) {
  const std::string bytes = writer.bytes(), name = "m.gguf";
  Result<gguf::File> file = gguf::parseFile(bytes, name, 0);
  if (!file)
    return file.error().str();
  gguf::MetadataReader reader(*file, name);
  read(reader);
  return reader.mistake() ? reader.mistake()->str() : "none";
}

TEST(GgufMetadata, ReadsCheckedValues) {
  GgufWriter writer;
  writer.integer("a.n", 5).number("a.x", 0.5f).flag("a.f", true).string("a.s", "t").strings("a.l", {"p", "q"});
  writer.entry("a.same", 9, u32(5) + u64(3) + u32(4) + u32(4) + u32(4));
  EXPECT_EQ(mistakeOf(writer,
                      [](gguf::MetadataReader &reader) {
                        EXPECT_EQ(reader.requireInteger("a.n", {1, 9}), 5);
                        EXPECT_EQ(reader.integer("a.none", {1, 9}, 7), 7);
                        EXPECT_EQ(reader.maybeInteger("a.same", {1, 9}), 4);
                        EXPECT_EQ(reader.number("a.x", {0, 1}, 3), 0.5);
                        EXPECT_EQ(reader.number("a.n", {0, 9}, 3), 5);
                        EXPECT_EQ(reader.maybeFlag("a.f"), true);
                        EXPECT_EQ(reader.requireString("a.s"), "t");
                        EXPECT_EQ(reader.maybeStrings("a.l")->size(), 2u);
                        reader.refuseUnknown("a.", {}, "this test");
                      }),
            "none");
}

TEST(GgufMetadata, NamesTheMistake) {
  GgufWriter writer;
  writer.integer("a.n", 5).number("a.x", NAN).string("a.s", "t").entry("a.big", 10, u64(~0ull));
  writer.entry("a.layers", 9, u32(4) + u64(3) + u32(4) + u32(4) + u32(2));
  const std::string start = "m.gguf: error: ";
  const auto mistake = [&](void (*read)(gguf::MetadataReader &)) { return mistakeOf(writer, read); };
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) { reader.requireInteger("a.n", {6, 9}); }),
            start + "'a.n' = 5 is out of range (expected 6 to 9)\n");
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) { reader.requireInteger("a.big", {6, 9}); }),
            start + "'a.big' = more than 2^63 - 1 is out of range (expected 6 to 9)\n");
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) { reader.requireInteger("a.none", {6, 9}); }),
            start + "'a.none' is missing\n");
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) { reader.maybeInteger("a.s", {6, 9}); }),
            start + "'a.s' must be an integer, found a string\n");
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) { reader.maybeInteger("a.layers", {1, 9}); }),
            start + "'a.layers' is 4 at first and 2 at layer 2, expected one number for all layers\n");
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) { reader.maybeNumber("a.x", {0, 1, true}); }),
            start + "'a.x' = nan is out of range (expected more than 0, at most 1)\n");
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) { reader.maybeNumber("a.s", {0, 1}); }),
            start + "'a.s' must be a number, found a string\n");
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) { reader.maybeFlag("a.n"); }),
            start + "'a.n' must be a truth value, found a 32-bit unsigned integer\n");
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) { reader.maybeString("a.n"); }),
            start + "'a.n' must be a string, found a 32-bit unsigned integer\n");
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) { reader.requireString("a.none"); }),
            start + "'a.none' is missing\n");
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) { reader.maybeStrings("a.layers"); }),
            start + "'a.layers' must be an array of strings, found an array of 32-bit unsigned integers\n");
  EXPECT_EQ(mistake([](gguf::MetadataReader &reader) {
              reader.maybeAny("a.n");
              reader.refuseUnknown("a.", {"x", "s", "layers"}, "a model");
            }),
            start +
                "unknown key 'a.big'\nnote: a model may not ignore it, since it may change what the model computes; "
                "remove it if it does not\n");
}

TEST(GgufMetadata, ReadsTheFactsOfGeneration) {
  GgufWriter writer;
  writer.integer("tokenizer.ggml.bos_token_id", 1).integer("tokenizer.ggml.eos_token_id", 2);
  writer.integer("tokenizer.ggml.eot_token_id", 7).integer("tokenizer.ggml.eom_token_id", 2);
  writer.integer("tokenizer.ggml.padding_token_id", 0xffffffff); // None.
  writer.number("general.sampling.temp", 0.5f).entry("general.sampling.top_k", 5, u32(20));
  EXPECT_EQ(mistakeOf(writer,
                      [](gguf::MetadataReader &reader) {
                        const GenerationConfig facts = gguf::readGeneration(reader, 8);
                        EXPECT_EQ(facts.bos, 1);
                        EXPECT_EQ(facts.pad, std::nullopt);
                        EXPECT_EQ(facts.eos, (std::vector<int64_t>{2, 7}));
                        EXPECT_TRUE(facts.doSample);
                        EXPECT_EQ(facts.temperature, 0.5);
                        EXPECT_EQ(facts.topK, 20);
                      }),
            "none");
  EXPECT_EQ(mistakeOf(writer, [](gguf::MetadataReader &reader) { gguf::readGeneration(reader, 7); }),
            "m.gguf: error: 'tokenizer.ggml.eot_token_id' = 7 is out of range (expected 0 to 6)\n");
}

} // namespace
