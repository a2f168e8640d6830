// Artifact.h - a container whose every number has been checked, and access to its parts.
//
// `openArtifact` is the only way to fill an Artifact; after it, rows, texts and sections can be read without further
// checks. Rows are copied out, since nothing says that the manifest's tables are aligned.
//
// Not here: mapping files (platform), choosing a variant (Variant.h), hashing weights (Verify.h).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_ARTIFACT_ARTIFACT_H
#define LLMC_RUNTIME_ARTIFACT_ARTIFACT_H

#include "llmc/artifact_format.h"
#include "runtime/src/platform/Error.h"

#include <stdint.h>
#include <string.h>

namespace llmc::runtime {

/// Bounds that no compiler comes near, so that a small damaged file cannot keep us busy.
constexpr uint32_t maxDims = 256;
constexpr uint32_t maxEntries = 64;
constexpr uint32_t maxTensors = 256;   ///< Inputs or outputs of an entry.
constexpr uint32_t maxStates = 64;     ///< Of an entry.
constexpr uint32_t maxSlots = 1 << 16; ///< Of an entry.
constexpr uint64_t maxRows = 1 << 22;  ///< Rows visited while checking; tables may share rows.
constexpr uint64_t maxDimValue = 1ull << 40;

/// A checked container. Points into the caller's bytes, which stay alive and constant.
struct Artifact {
  const uint8_t *container = nullptr;
  uint64_t size = 0;
  uint32_t minor = 0;
  uint32_t sectionCount = 0;
  llmc_section sections[LLMC_MAX_SECTIONS];
  const uint8_t *manifestBytes = nullptr;
  llmc_manifest manifest;

  /// The section of a kind (and variant); null when the container has none.
  const llmc_section *section(uint32_t kind, uint32_t index = 0) const {
    for (uint32_t i = 0; i < sectionCount; ++i)
      if (sections[i].kind == kind && sections[i].index == index)
        return &sections[i];
    return nullptr;
  }
  /// First byte of a section; null for none.
  const uint8_t *bytes(const llmc_section *section) const { return section ? container + section->offset : nullptr; }

  /// Row `index` < range.count of a table.
  template <typename Row> Row row(llmc_range range, uint32_t index) const {
    Row row;
    memcpy(&row, manifestBytes + range.offset + uint64_t(index) * sizeof(Row), sizeof(Row));
    return row;
  }
  llmc_text_view text(llmc_text text) const {
    return {reinterpret_cast<const char *>(manifestBytes) + text.offset, text.size};
  }
  llmc_dim dim(uint32_t index) const { return row<llmc_dim>(manifest.dims, index); }
  llmc_entry entry(uint32_t index) const { return row<llmc_entry>(manifest.entries, index); }
  llmc_variant variant(uint32_t index) const { return row<llmc_variant>(manifest.variants, index); }
};

/// Finds the container in a file's bytes: at byte 0, or where the trailer of an executable says.
/// @retval LLMC_INVALID_FILE  neither; a note tells what the file seems to be
Status findContainer(const uint8_t *data, uint64_t size, uint64_t &offset, uint64_t &containerSize, Error &error);

/// Checks structure, sizes and hashes of everything but the weights.
/// @retval LLMC_INVALID_FILE  names the part, what was found and what was expected
/// @retval LLMC_UNSUPPORTED   another major version or step ABI
Status openArtifact(const uint8_t *container, uint64_t size, Artifact &artifact, Error &error);

/// The second half of openArtifact: the manifest's tables. The sections have been checked.
Status checkManifest(Artifact &artifact, Error &error);

/// "manifest", "code of variant 1": for messages.
const char *describeSection(const llmc_section &section, char (&text)[48]);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_ARTIFACT_ARTIFACT_H
