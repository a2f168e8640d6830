// Container.cpp - checks header, section table and hashes of a container.
//
// Not here: what stands in the manifest (Manifest.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Artifact.h"
#include "runtime/src/artifact/Hash.h"

namespace llmc::runtime {

using ull = unsigned long long;

static_assert(sizeof(llmc_artifact_header) == 96 && sizeof(llmc_section) == 64 && sizeof(llmc_trailer) == 32,
              "the format's byte counts");

/// Says what a foreign file seems to be, in the note.
static Status foreign(const uint8_t *data, uint64_t size, Error &error) {
  fail(error, LLMC_INVALID_FILE, "is not a compiled model (no llmc container at its start or end)");
  auto begins = [&](const char *magic, size_t length, uint64_t at = 0) {
    return size >= at + length && !memcmp(data + at, magic, length);
  };
  if (begins("GGUF", 4))
    return addNote(error,
                   "it is a GGUF file; compile the checkpoint directory that it was made from: llmc compile DIRECTORY");
  constexpr char pointer[] = "version https://git-lfs.github.com/spec/";
  if (begins(pointer, sizeof pointer - 1))
    return addNote(error, "it is a Git LFS pointer; fetch the file itself: git lfs pull");
  if (begins("{\"", 2, 8))
    return addNote(error, "it seems to be a safetensors file; compile its directory first: llmc compile DIRECTORY");
  if (begins("PK\x03\x04", 4))
    return addNote(error, "it seems to be a PyTorch checkpoint; convert it to safetensors, then compile it");
  if (begins("\x7f"
             "ELF",
             4))
    return addNote(error,
                   "it is a program without a model; a model's executable is made by: llmc compile MODEL -o OUT");
  return addNote(error, "a model is compiled by: llmc compile MODEL -o OUT");
}

Status findContainer(const uint8_t *data, uint64_t size, uint64_t &offset, uint64_t &containerSize, Error &error) {
  if (!size)
    return fail(error, LLMC_INVALID_FILE, "is empty, expected a compiled model");
  if (size >= 8 && !memcmp(data, LLMC_ARTIFACT_MAGIC, 8)) {
    offset = 0;
    containerSize = size;
    return LLMC_OK;
  }
  llmc_trailer trailer;
  if (size < sizeof trailer)
    return foreign(data, size, error);
  memcpy(&trailer, data + size - sizeof trailer, sizeof trailer);
  if (memcmp(trailer.magic, LLMC_TRAILER_MAGIC, 8))
    return foreign(data, size, error);
  uint64_t room = size - sizeof trailer;
  if (trailer.container_offset % LLMC_SECTION_ALIGNMENT)
    return fail(error, LLMC_INVALID_FILE, "trailer: container offset %llu is not a multiple of %u",
                ull(trailer.container_offset), LLMC_SECTION_ALIGNMENT);
  if (trailer.container_offset > room || trailer.container_size != room - trailer.container_offset)
    return fail(error, LLMC_INVALID_FILE,
                "trailer: container of %llu bytes at %llu does not end at the trailer (file of %llu bytes)",
                ull(trailer.container_size), ull(trailer.container_offset), ull(size));
  if (trailer.reserved)
    return fail(error, LLMC_INVALID_FILE, "trailer: reserved field is %llu, expected 0", ull(trailer.reserved));
  offset = trailer.container_offset;
  containerSize = trailer.container_size;
  return LLMC_OK;
}

const char *describeSection(const llmc_section &section, char (&text)[48]) {
  switch (section.kind) {
  case LLMC_SECTION_MANIFEST:
    return "manifest";
  case LLMC_SECTION_CODE:
    formatText(text, sizeof text, "code of variant %u", section.index);
    return text;
  case LLMC_SECTION_WEIGHTS:
    return "weights";
  case LLMC_SECTION_TOKENIZER:
    return "tokenizer";
  case LLMC_SECTION_LICENCES:
    return "licences";
  case LLMC_SECTION_TEMPLATES:
    return "chat templates";
  default:
    formatText(text, sizeof text, "kind %u", section.kind);
    return text;
  }
}

static bool allZero(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; ++i)
    if (bytes[i])
      return false;
  return true;
}

/// Magic, version, size and the place of the section table.
static Status checkHeader(const uint8_t *container, uint64_t size, llmc_artifact_header &header, Error &error) {
  if (size < sizeof header)
    return fail(error, LLMC_INVALID_FILE, "is cut short: %llu bytes, the header alone has %zu", ull(size),
                sizeof header);
  memcpy(&header, container, sizeof header);
  if (memcmp(header.magic, LLMC_ARTIFACT_MAGIC, 8))
    return fail(error, LLMC_INVALID_FILE, "the container does not begin with the llmc magic bytes");
  if (header.major != LLMC_ARTIFACT_MAJOR) {
    fail(error, LLMC_UNSUPPORTED, "artifact format version %u.%u, this runtime reads %u.x", header.major, header.minor,
         LLMC_ARTIFACT_MAJOR);
    return addNote(error, "compile the model again, or use the runtime of the llmc that compiled it");
  }
  if (header.size > size) {
    fail(error, LLMC_INVALID_FILE, "is cut short: %llu bytes of %llu", ull(size), ull(header.size));
    return addNote(error, "copy or compile it again");
  }
  if (header.size < size)
    return fail(error, LLMC_INVALID_FILE, "has %llu bytes after the container's end, expected none",
                ull(size - header.size));
  if (header.section_table_offset != sizeof header)
    return fail(error, LLMC_INVALID_FILE, "header: section table at %llu, expected %zu",
                ull(header.section_table_offset), sizeof header);
  if (header.section_entry_size != sizeof(llmc_section))
    return fail(error, LLMC_INVALID_FILE, "header: section entries of %u bytes, expected %zu",
                header.section_entry_size, sizeof(llmc_section));
  if (!header.section_count || header.section_count > LLMC_MAX_SECTIONS)
    return fail(error, LLMC_INVALID_FILE, "header: %u sections, expected 1 to %u", header.section_count,
                LLMC_MAX_SECTIONS);
  if (!allZero(header.reserved, sizeof header.reserved))
    return fail(error, LLMC_INVALID_FILE, "header: reserved bytes are not zero");
  if (header.section_count * sizeof(llmc_section) > size - sizeof header)
    return fail(error, LLMC_INVALID_FILE, "section table of %u entries does not fit the container of %llu bytes",
                header.section_count, ull(size));
  return LLMC_OK;
}

/// Order, place and kinds of the sections.
static Status checkSections(const Artifact &artifact, Error &error) {
  char name[48];
  uint64_t end = sizeof(llmc_artifact_header) + artifact.sectionCount * sizeof(llmc_section);
  for (uint32_t i = 0; i < artifact.sectionCount; ++i) {
    const llmc_section &section = artifact.sections[i];
    const char *what = describeSection(section, name);
    bool known = section.kind >= LLMC_SECTION_MANIFEST && section.kind <= LLMC_SECTION_TEMPLATES;
    if (!known && artifact.minor <= LLMC_ARTIFACT_MINOR)
      return fail(error, LLMC_INVALID_FILE, "section %u has unknown kind %u", i, section.kind);
    if (section.kind != LLMC_SECTION_CODE && section.index && known)
      return fail(error, LLMC_INVALID_FILE, "section %u (%s) has index %u, expected 0", i, what, section.index);
    if (section.offset % LLMC_SECTION_ALIGNMENT)
      return fail(error, LLMC_INVALID_FILE, "section %u (%s) at %llu, expected a multiple of %u", i, what,
                  ull(section.offset), LLMC_SECTION_ALIGNMENT);
    if (section.offset < end)
      return fail(error, LLMC_INVALID_FILE, "section %u (%s) at %llu overlaps what comes before it (ends at %llu)", i,
                  what, ull(section.offset), ull(end));
    if (section.offset > artifact.size || section.size > artifact.size - section.offset)
      return fail(error, LLMC_INVALID_FILE,
                  "section %u (%s) of %llu bytes at %llu runs past the container's end (%llu bytes)", i, what,
                  ull(section.size), ull(section.offset), ull(artifact.size));
    if (section.reserved)
      return fail(error, LLMC_INVALID_FILE, "section %u (%s): reserved field is not zero", i, what);
    for (uint32_t j = 0; j < i; ++j)
      if (known && artifact.sections[j].kind == section.kind && artifact.sections[j].index == section.index)
        return fail(error, LLMC_INVALID_FILE, "section %u (%s) is there twice (section %u as well)", i, what, j);
    end = section.offset + section.size;
  }
  if (!artifact.section(LLMC_SECTION_MANIFEST))
    return fail(error, LLMC_INVALID_FILE, "has no manifest section");
  return LLMC_OK;
}

Status openArtifact(const uint8_t *container, uint64_t size, Artifact &artifact, Error &error) {
  llmc_artifact_header header;
  if (Status status = checkHeader(container, size, header, error))
    return status;
  artifact = Artifact();
  artifact.container = container;
  artifact.size = size;
  artifact.minor = header.minor;
  artifact.sectionCount = header.section_count;
  uint64_t tableSize = header.section_count * sizeof(llmc_section);
  uint8_t digest[32];
  sha256(container + sizeof header, tableSize, digest);
  if (memcmp(digest, header.section_table_sha256, sizeof digest)) {
    fail(error, LLMC_INVALID_FILE, "section table is damaged (its SHA-256 does not match the header)");
    return addNote(error, "copy or compile it again");
  }
  memcpy(artifact.sections, container + sizeof header, tableSize);
  if (Status status = checkSections(artifact, error))
    return status;
  for (uint32_t i = 0; i < artifact.sectionCount; ++i) {
    const llmc_section &section = artifact.sections[i];
    if (section.kind == LLMC_SECTION_WEIGHTS)
      continue; // on `llmc verify`: opening stays fast
    sha256(artifact.bytes(&section), section.size, digest);
    if (!memcmp(digest, section.sha256, sizeof digest))
      continue;
    char name[48];
    fail(error, LLMC_INVALID_FILE, "section %u (%s) is damaged (its SHA-256 does not match)", i,
         describeSection(section, name));
    return addNote(error, "copy or compile it again");
  }
  return checkManifest(artifact, error);
}

} // namespace llmc::runtime
