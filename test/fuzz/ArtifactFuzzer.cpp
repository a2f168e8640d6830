// ArtifactFuzzer.cpp - artifacts from random bytes: no crash, no hang, and what is accepted holds what it promises.
//
// The first byte chooses: 0 a file as it is; 1 a manifest, put into a container whose hashes are right, so that mutations
// reach its rules; 2 edits (two bytes of place, one of value) of a sound executable's header, section table, manifest and
// trailer, with hashes made right again. Nothing of the code is run.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Variant.h"
#include "runtime/src/artifact/Verify.h"
#include "runtime/src/memory/SizeExpressions.h"
#include "test/runtime/support/ContainerWriter.h"

#include <cstdlib>
#include <cstring>

using namespace llmc::runtime;
using llmc::test::Bytes;

namespace {

void require(bool promise) {
  if (!promise)
    std::abort();
}

/// Every message is one line without control characters.
void checkMessage(const Error &error) {
  require(error.status != LLMC_OK && error.message[0]);
  for (const char *at = error.message; *at; ++at)
    require(uint8_t(*at) >= 0x20 && *at != 0x7f);
}

bool inside(llmc_text_view text, const Artifact &artifact) {
  const char *begin = reinterpret_cast<const char *>(artifact.manifestBytes);
  return text.data >= begin && text.size <= artifact.manifest.size &&
         text.data + text.size <= begin + artifact.manifest.size;
}

/// Uses an accepted artifact as a session does.
void useArtifact(const Artifact &artifact) {
  Error error{};
  uint32_t variant = 0;
  if (chooseVariant(artifact, LLMC_ARCH_X86_64, ~0ull, variant, error))
    checkMessage(error);
  else
    require(variant < artifact.manifest.variants.count && artifact.section(LLMC_SECTION_CODE, variant));
  uint64_t dims[maxDims];
  for (uint32_t i = 0; i < artifact.manifest.dims.count; ++i) {
    dims[i] = artifact.dim(i).maximum;
    require(inside(artifact.text(artifact.dim(i).name), artifact));
  }
  for (uint32_t e = 0; e < artifact.manifest.entries.count; ++e) {
    llmc_entry entry = artifact.entry(e);
    uint64_t total = 0, *offsets = static_cast<uint64_t *>(std::calloc(entry.slots.count + 1, sizeof(uint64_t)));
    if (planArena(artifact, entry, dims, offsets, total))
      for (uint32_t i = 0; i < entry.slots.count; ++i)
        require(offsets[i] <= total && offsets[i] % 64 == 0);
    std::free(offsets);
    for (uint32_t v = 0; v < artifact.manifest.variants.count; ++v)
      require(artifact.row<uint64_t>(artifact.variant(v).entry_offsets, e) <
              artifact.section(LLMC_SECTION_CODE, v)->size);
  }
  for (uint32_t i = 0; i < artifact.manifest.weights.count; ++i) {
    llmc_weight_info weight = artifact.row<llmc_weight_info>(artifact.manifest.weights, i);
    const llmc_section *section = artifact.section(LLMC_SECTION_WEIGHTS);
    require(weight.offset + weight.size <= (section ? section->size : 0));
  }
  if (verifyArtifact(artifact, error))
    checkMessage(error);
}

void openFile(const Bytes &file) {
  Error error{};
  uint64_t offset = 0, size = 0;
  Artifact artifact;
  if (findContainer(file.data(), file.size(), offset, size, error) ||
      openArtifact(file.data() + offset, size, artifact, error))
    return checkMessage(error);
  require(offset + size <= file.size());
  useArtifact(artifact);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::vector<llmc::test::SectionBytes> sections = llmc::test::toySections(llmc::test::toyParts());
  static const Bytes sound = llmc::test::appendToProgram(Bytes(100, 0x7f), llmc::test::writeContainer(sections));
  if (!size)
    return 0;
  Bytes rest(data + 1, data + size);
  switch (data[0] % 3) {
  case 0:
    openFile(rest);
    break;
  case 1: {
    std::vector<llmc::test::SectionBytes> changed = sections;
    changed[0].bytes = rest;
    openFile(llmc::test::writeContainer(changed));
    break;
  }
  case 2: {
    Bytes file = sound;
    const size_t container = LLMC_SECTION_ALIGNMENT, manifest = 2 * container, trailer = file.size() - 32;
    for (size_t i = 0; i + 3 <= rest.size(); i += 3) {
      size_t place = rest[i] | size_t(rest[i + 1]) << 8;
      // Places: the first 512 bytes of the container, then the trailer, then the manifest.
      size_t at = place < 512 ? container + place : place < 544 ? trailer + place - 512 : manifest + (place - 544) % 2048;
      file[at] = rest[i + 2];
    }
    Bytes inner(file.begin() + container, file.end() - 32);
    llmc_artifact_header header;
    std::memcpy(&header, inner.data(), sizeof header);
    if (header.section_count <= LLMC_MAX_SECTIONS)
      llmc::test::rehash(inner);
    std::copy(inner.begin(), inner.end(), file.begin() + container);
    openFile(file);
    break;
  }
  }
  return 0;
}
