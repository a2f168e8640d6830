// MappedFile.h - read-only access to the users' files: mapped whole, or small ones read into memory.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_MAPPEDFILE_H
#define LLMC_FRONTENDS_FORMATS_MAPPEDFILE_H

#include "frontends/formats/Diagnostic.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llmc {

/// A regular file mapped read-only for as long as the object lives. Bytes are paged in when touched, so mapping a
/// checkpoint costs no memory. A file that another process cuts short while it is mapped ends this one with SIGBUS, as
/// it does any program that maps files: do not write to a checkpoint while it is compiled.
class MappedFile {
public:
  /// Maps `path`; `shownAs` is the name used in messages (`path` when empty). Errors: cannot be opened (with the
  /// system's reason), not a regular file, a pointer that Git LFS left in its place. An empty file maps to no bytes.
  static Result<MappedFile> open(const std::string &path, std::string shownAs = {});

  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  const uint8_t *data() const { return start; }
  size_t size() const { return length; }
  std::string_view bytes() const { return {reinterpret_cast<const char *>(start), length}; }
  /// The path that was opened.
  const std::string &path() const { return opened; }
  /// The name for messages.
  const std::string &name() const { return shown; }

  /// Tells the kernel that `[offset, offset + size)` bytes will not be read again soon, so that streaming through a
  /// large file does not push everything else out of memory. Never changes what is read.
  void release(size_t offset, size_t size) const;

private:
  MappedFile() = default;
  const uint8_t *start = nullptr;
  size_t length = 0;
  std::string opened, shown;
};

/// The system's words for an errno, lower case at the front as messages are: "no such file or directory".
std::string systemReason(int number);

/// The bytes of a regular file of at most `maxBytes`. Errors as MappedFile::open, and too large.
Result<std::string> readFile(const std::string &path, const std::string &shownAs, size_t maxBytes);

} // namespace llmc

#endif // LLMC_FRONTENDS_FORMATS_MAPPEDFILE_H
