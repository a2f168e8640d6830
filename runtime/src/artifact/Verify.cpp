// Verify.cpp - the full check of an artifact, weights included.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Verify.h"

#include "runtime/src/artifact/Hash.h"

namespace llmc::runtime {

Status verifyArtifact(const Artifact &artifact, Error &error) {
  uint64_t end = sizeof(llmc_artifact_header) + artifact.sectionCount * sizeof(llmc_section);
  for (uint32_t i = 0; i <= artifact.sectionCount; ++i) {
    // The padding belongs to no section's hash; it must hold nothing.
    uint64_t next = i < artifact.sectionCount ? artifact.sections[i].offset : artifact.size;
    const uint8_t *padding = artifact.container + end;
    uint64_t size = next - end;
    // All zero: the first is, and each equals the one before it.
    if (size && (padding[0] || memcmp(padding, padding + 1, size - 1))) {
      uint64_t at = 0;
      while (!padding[at])
        ++at;
      return fail(error, LLMC_INVALID_FILE, "byte %llu, between sections, is %u, expected 0",
                  (unsigned long long)(end + at), padding[at]);
    }
    if (i == artifact.sectionCount)
      break;
    const llmc_section &section = artifact.sections[i];
    uint8_t digest[32];
    sha256(artifact.bytes(&section), section.size, digest);
    if (memcmp(digest, section.sha256, sizeof digest)) {
      char name[48];
      fail(error, LLMC_INVALID_FILE, "section %u (%s) is damaged (its SHA-256 does not match)", i,
           describeSection(section, name));
      return addNote(error, "copy or compile it again");
    }
    end = section.offset + section.size;
  }
  return LLMC_OK;
}

} // namespace llmc::runtime
