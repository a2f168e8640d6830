// ContainerWriterTest.cpp - the bytes of containers and executables, read back through the format's structs.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Artifact/ContainerWriter.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SHA256.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace llmc::artifact;

namespace {

llvm::ArrayRef<uint8_t> bytes(llvm::StringRef text) { return {text.bytes_begin(), text.bytes_end()}; }

template <typename T> T at(llvm::StringRef file, uint64_t offset) {
  T value;
  EXPECT_LE(offset + sizeof value, file.size());
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

bool hashes(llvm::StringRef part, const uint8_t (&digest)[32]) {
  auto expected = llvm::SHA256::hash(bytes(part));
  return std::memcmp(expected.data(), digest, 32) == 0;
}

class ContainerWriterTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("llmc-container", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string fill(const ContainerWriter &writer, llvm::StringRef runtime = {}) {
    std::string path = (folder + "/out").str();
    auto file = llvm::cantFail(OutputFile::create(path, false));
    llvm::cantFail(runtime.empty() ? writer.write(*file) : writer.writeExecutable(*file, bytes(runtime)));
    llvm::cantFail(file->commit());
    return llvm::cantFail(llvm::errorOrToExpected(llvm::MemoryBuffer::getFile(path)))->getBuffer().str();
  }

  ContainerWriter example() {
    ContainerWriter writer;
    writer.add(LLMC_SECTION_MANIFEST, 0, bytes("the manifest"));
    writer.add(LLMC_SECTION_CODE, 0, bytes("code 0"));
    writer.add(LLMC_SECTION_CODE, 1, bytes("code 1"));
    writer.addStreamed(LLMC_SECTION_WEIGHTS, 0, 100000, [](SectionWrite write) {
      if (llvm::Error error = write(99995, bytes("tail")))
        return error;
      return write(0, bytes("head"));
    });
    return writer;
  }
  llvm::SmallString<128> folder;
};

void checkContainer(llvm::StringRef container) {
  auto header = at<llmc_artifact_header>(container, 0);
  EXPECT_EQ(std::memcmp(header.magic, LLMC_ARTIFACT_MAGIC, 8), 0);
  EXPECT_EQ(header.major, LLMC_ARTIFACT_MAJOR);
  EXPECT_EQ(header.size, container.size());
  ASSERT_EQ(header.section_count, 4u);
  EXPECT_EQ(header.section_table_offset, sizeof header);
  EXPECT_TRUE(hashes(container.substr(sizeof header, 4 * sizeof(llmc_section)), header.section_table_sha256));
  const uint32_t kinds[] = {LLMC_SECTION_MANIFEST, LLMC_SECTION_CODE, LLMC_SECTION_CODE, LLMC_SECTION_WEIGHTS};
  const uint32_t indices[] = {0, 0, 1, 0};
  const uint64_t sizes[] = {12, 6, 6, 100000};
  for (uint64_t i = 0; i < 4; ++i) {
    auto section = at<llmc_section>(container, sizeof header + i * sizeof(llmc_section));
    EXPECT_EQ(section.kind, kinds[i]);
    EXPECT_EQ(section.index, indices[i]);
    EXPECT_EQ(section.offset, (i + 1) * LLMC_SECTION_ALIGNMENT);
    EXPECT_EQ(section.size, sizes[i]);
    EXPECT_EQ(section.reserved, 0u);
    EXPECT_TRUE(hashes(container.substr(section.offset, section.size), section.sha256)) << "section " << i;
  }
  EXPECT_EQ(container.substr(4 * LLMC_SECTION_ALIGNMENT, 6), llvm::StringRef("head\0\0", 6));
  EXPECT_EQ(container.take_back(5), llvm::StringRef("tail\0", 5));
}

TEST_F(ContainerWriterTest, WritesSectionsAlignedAndHashed) {
  ContainerWriter writer = example();
  std::string file = fill(writer);
  EXPECT_EQ(file.size(), writer.size());
  checkContainer(file);
}

TEST_F(ContainerWriterTest, ExecutableCarriesItBehindTheRuntime) {
  ContainerWriter writer = example();
  std::string runtime(LLMC_SECTION_ALIGNMENT + 1, 'r');
  std::string file = fill(writer, runtime);
  EXPECT_EQ(file.substr(0, runtime.size()), runtime);
  auto trailer = at<llmc_trailer>(file, file.size() - sizeof(llmc_trailer));
  EXPECT_EQ(std::memcmp(trailer.magic, LLMC_TRAILER_MAGIC, 8), 0);
  EXPECT_EQ(trailer.container_offset, 2 * LLMC_SECTION_ALIGNMENT);
  EXPECT_EQ(trailer.container_offset + trailer.container_size + sizeof trailer, file.size());
  checkContainer(llvm::StringRef(file).substr(trailer.container_offset, trailer.container_size));
}

TEST_F(ContainerWriterTest, SameSectionsSameBytes) { EXPECT_EQ(fill(example()), fill(example())); }

TEST_F(ContainerWriterTest, HandsOnWhatTheFillingReports) {
  ContainerWriter writer;
  writer.addStreamed(LLMC_SECTION_WEIGHTS, 0, 8, [](SectionWrite) { return llvm::createStringError("stop"); });
  auto file = llvm::cantFail(OutputFile::create((folder + "/out").str(), false));
  EXPECT_EQ(llvm::toString(writer.write(*file)), "stop");
}

} // namespace
