// ArtifactFuzzer.cpp - artifacts from random bytes: no crash, no hang, and what is accepted holds what it promises.
//
// The first byte chooses: 0 a file as it is; 1 a manifest, put into a container whose hashes are right, so that
// mutations reach its rules; 2 edits (two bytes of place, one of value) of a sound executable's header, section table,
// manifest and trailer, with hashes made right again. Nothing of the code is run.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Variant.h"
#include "runtime/src/artifact/Verify.h"
#include "runtime/src/memory/SizeExpressions.h"
#include "test/fuzz/Promises.h"
#include "test/runtime/support/ContainerWriter.h"

#include <cstdlib>
#include <cstring>

using namespace llmc::runtime;
using llmc::test::Bytes;
using llmc::test::require;
using llmc::test::requireOneLine;

namespace {

void checkMessage(const Error &error) {
  require(error.status != LLMC_OK);
  requireOneLine(error.message);
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

void openFile(const uint8_t *file, size_t fileSize) {
  Error error{};
  uint64_t offset = 0, size = 0;
  Artifact artifact;
  if (findContainer(file, fileSize, offset, size, error) || openArtifact(file + offset, size, artifact, error))
    return checkMessage(error);
  require(offset + size <= fileSize);
  useArtifact(artifact);
}

// Where the parts of the sound executable lie: a page of program, then the container, its manifest first.
constexpr size_t container = LLMC_SECTION_ALIGNMENT, manifest = 2 * container;
constexpr size_t mostManifest = 8192, mostTable = 512;

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Bytes sound = llmc::test::appendToProgram(Bytes(100, 0x7f), llmc::test::toyContainer());
  static Bytes file = sound; // changed in place and put back: copies of it would be most of a run's time
  if (!size)
    return 0;
  const uint8_t *rest = data + 1;
  size_t restSize = size - 1, trailer = file.size() - sizeof(llmc_trailer);
  if (data[0] % 3 == 0) {
    openFile(rest, restSize);
    return 0;
  }
  if (data[0] % 3 == 1) {
    restSize = restSize < mostManifest ? restSize : mostManifest;
    std::copy(rest, rest + restSize, file.begin() + manifest);
    uint64_t manifestSize = restSize;
    std::memcpy(&file[container + sizeof(llmc_artifact_header) + offsetof(llmc_section, size)], &manifestSize, 8);
  } else {
    for (size_t i = 0; i + 3 <= restSize; i += 3) {
      size_t place = rest[i] | size_t(rest[i + 1]) << 8;
      size_t at = place < mostTable        ? container + place
                  : place < mostTable + 32 ? trailer + place - mostTable
                                           : manifest + (place - mostTable - 32) % mostManifest;
      file[at] = rest[i + 2];
    }
  }
  llmc::test::rehash(file.data() + container, trailer - container);
  openFile(file.data(), file.size());
  auto putBack = [](size_t begin, size_t count) {
    std::copy(sound.begin() + long(begin), sound.begin() + long(begin + count), file.begin() + long(begin));
  };
  putBack(container, LLMC_MAX_SECTIONS * sizeof(llmc_section) + sizeof(llmc_artifact_header));
  putBack(manifest, mostManifest);
  putBack(trailer, sizeof(llmc_trailer));
  return 0;
}
