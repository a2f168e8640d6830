// ContainerWriter.h - lays sections out as artifact_format.h says and writes them into an output file.
//
// Not here: what stands in the manifest (Manifest.h), and how weights are packed (compiler/Weights).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_ARTIFACT_CONTAINERWRITER_H
#define LLMC_COMPILER_ARTIFACT_CONTAINERWRITER_H

#include "compiler/Artifact/OutputFile.h"
#include "llmc/artifact_format.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <functional>
#include <vector>

namespace llmc::artifact {

/// Writes bytes at an offset that counts from the section's first byte. Threads may call it at once for different
/// places.
using SectionWrite = llvm::function_ref<llvm::Error(uint64_t offset, llvm::ArrayRef<uint8_t> bytes)>;

/// Fills a section of a size known before.
using SectionFill = std::function<llvm::Error(SectionWrite write)>;

/// Collects sections, then writes a container. The same sections give the same bytes.
class ContainerWriter {
public:
  /// Adds a section of bytes, which must live until write().
  void add(llmc_section_kind kind, uint32_t index, llvm::ArrayRef<uint8_t> bytes);
  /// Adds a section of `size` bytes that `fill` writes while the container is written; what it leaves out is zero.
  void addStreamed(llmc_section_kind kind, uint32_t index, uint64_t size, SectionFill fill);

  /// Bytes of the container that write() makes.
  uint64_t size() const;
  /// Writes the container at byte 0 of `file`.
  llvm::Error write(OutputFile &file) const;
  /// Writes an executable: `runtime` (a program that looks for a container behind itself), padding, container, trailer.
  llvm::Error writeExecutable(OutputFile &file, llvm::ArrayRef<uint8_t> runtime) const;

private:
  struct Section {
    llmc_section_kind kind;
    uint32_t index;
    llvm::ArrayRef<uint8_t> bytes;
    uint64_t size;
    SectionFill fill;
  };
  std::vector<Section> sections; // in the order of the file

  std::vector<uint64_t> offsets(uint64_t &end) const;
  llvm::Error writeAt(OutputFile &file, uint64_t start) const;
};

} // namespace llmc::artifact

#endif // LLMC_COMPILER_ARTIFACT_CONTAINERWRITER_H
