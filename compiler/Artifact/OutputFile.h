// OutputFile.h - a file that appears whole under its name or not at all.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_ARTIFACT_OUTPUTFILE_H
#define LLMC_COMPILER_ARTIFACT_OUTPUTFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <string>

namespace llmc::artifact {

/// Writes to a temporary name in the folder of `path` and renames at the end. The temporary file is removed when the
/// object dies without commit(), when a signal ends the process, and when LLVM gives up (its fatal errors run the same
/// handlers). Errors carry the reason alone ("no space left on device"); the caller knows the file's name.
class OutputFile {
public:
  /// Creates the temporary file. Refuses a `path` that is a folder; follows a symbolic link, so that the link stays. A
  /// device such as /dev/null gets the bytes when they are whole.
  static llvm::Expected<std::unique_ptr<OutputFile>> create(llvm::StringRef path, bool executable);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  /// Writes bytes at an offset; places never written read as zero. Threads may write different places at once.
  llvm::Error write(uint64_t offset, llvm::ArrayRef<uint8_t> bytes);
  /// Sets the size, so that a tail of zeros is part of the file.
  llvm::Error resize(uint64_t size);
  /// Makes `size` bytes of the file, zero where nothing was written, and maps them for reading and writing until
  /// commit() or the end of the object; at most once. They are not the process's own memory: the system writes them out
  /// when it needs room.
  llvm::Expected<llvm::MutableArrayRef<uint8_t>> map(uint64_t size);
  /// SHA-256 of `size` bytes at `offset`, as written so far.
  llvm::Error hash(uint64_t offset, uint64_t size, uint8_t digest[32]);
  /// Sets the mode (0755 or 0644, less the umask), and gives the file its name. The object is spent after.
  llvm::Error commit();

private:
  OutputFile() = default;
  llvm::Error copyToDevice();
  void unmap();
  /// Has the system cache what will be written there in pages of 2 MiB: it keeps a file in the pieces in which it was
  /// first touched, and whoever maps it from a warm cache gets pages of that size, which are read up to a fifth faster.
  void cacheInLargePages(uint64_t offset, uint64_t size);
  std::string path, temporary;
  llvm::MutableArrayRef<uint8_t> mapped;
  llvm::ArrayRef<uint8_t> view; ///< of a file that was resized
  int descriptor = -1;
  bool executable = false, isDevice = false;
};

} // namespace llmc::artifact

#endif // LLMC_COMPILER_ARTIFACT_OUTPUTFILE_H
