// ContainerWriter.cpp - header, section table, aligned sections, trailer.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Artifact/ContainerWriter.h"

#include "compiler/Artifact/Sha256.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

#include <cassert>
#include <cstring>

using namespace llvm;

// The structs are written as they lie in memory.
static_assert(llvm::endianness::native == llvm::endianness::little, "artifacts are little-endian");
static_assert(sizeof(llmc_artifact_header) == 96 && sizeof(llmc_section) == 64 && sizeof(llmc_trailer) == 32,
              "the sizes that the format states");

namespace llmc::artifact {

template <typename T> static ArrayRef<uint8_t> bytesOf(const T &value) {
  return {reinterpret_cast<const uint8_t *>(&value), sizeof value};
}

void ContainerWriter::add(llmc_section_kind kind, uint32_t index, ArrayRef<uint8_t> bytes) {
  assert(sections.size() < LLMC_MAX_SECTIONS);
  sections.push_back({kind, index, bytes, bytes.size(), nullptr});
}

void ContainerWriter::addStreamed(llmc_section_kind kind, uint32_t index, uint64_t size, SectionFill fill) {
  assert(sections.size() < LLMC_MAX_SECTIONS);
  sections.push_back({kind, index, {}, size, std::move(fill)});
}

std::vector<uint64_t> ContainerWriter::offsets(uint64_t &end) const {
  end = sizeof(llmc_artifact_header) + sections.size() * sizeof(llmc_section);
  std::vector<uint64_t> offsets;
  for (const Section &section : sections) {
    offsets.push_back(alignTo(end, LLMC_SECTION_ALIGNMENT));
    end = offsets.back() + section.size;
  }
  return offsets;
}

uint64_t ContainerWriter::size() const {
  uint64_t end;
  offsets(end);
  return end;
}

Error ContainerWriter::writeAt(OutputFile &file, uint64_t start) const {
  uint64_t end;
  std::vector<uint64_t> places = offsets(end);
  std::vector<llmc_section> table(sections.size());
  for (size_t i = 0; i < sections.size(); ++i) {
    const Section &section = sections[i];
    uint64_t at = start + places[i];
    table[i] = {};
    table[i].kind = section.kind;
    table[i].index = section.index;
    table[i].offset = places[i];
    table[i].size = section.size;
    if (!section.fill) {
      if (Error error = file.write(at, section.bytes))
        return error;
      Sha256 hash;
      hash.update(section.bytes);
      hash.finish(table[i].sha256);
      continue;
    }
    // The size first: a place that the filling leaves out lies inside the file then.
    if (Error error = file.resize(at + section.size))
      return error;
    auto write = [&](uint64_t offset, ArrayRef<uint8_t> bytes) {
      assert(offset + bytes.size() <= section.size);
      return file.write(at + offset, bytes);
    };
    if (Error error = section.fill(write))
      return error;
    if (Error error = file.hash(at, section.size, table[i].sha256))
      return error;
  }

  llmc_artifact_header header = {};
  std::memcpy(header.magic, LLMC_ARTIFACT_MAGIC, sizeof header.magic);
  header.major = LLMC_ARTIFACT_MAJOR;
  header.minor = LLMC_ARTIFACT_MINOR;
  header.size = end;
  header.section_table_offset = sizeof header;
  header.section_count = static_cast<uint32_t>(sections.size());
  header.section_entry_size = sizeof(llmc_section);
  ArrayRef<uint8_t> tableBytes(reinterpret_cast<const uint8_t *>(table.data()), table.size() * sizeof(llmc_section));
  Sha256 hash;
  hash.update(tableBytes);
  hash.finish(header.section_table_sha256);
  if (Error error = file.write(start, bytesOf(header)))
    return error;
  return file.write(start + sizeof header, tableBytes);
}

Error ContainerWriter::write(OutputFile &file) const { return writeAt(file, 0); }

Error ContainerWriter::writeExecutable(OutputFile &file, ArrayRef<uint8_t> runtime) const {
  if (Error error = file.write(0, runtime))
    return error;
  llmc_trailer trailer = {};
  trailer.container_offset = alignTo(runtime.size(), LLMC_SECTION_ALIGNMENT);
  trailer.container_size = size();
  std::memcpy(trailer.magic, LLMC_TRAILER_MAGIC, sizeof trailer.magic);
  if (Error error = writeAt(file, trailer.container_offset))
    return error;
  return file.write(trailer.container_offset + trailer.container_size, bytesOf(trailer));
}

} // namespace llmc::artifact
