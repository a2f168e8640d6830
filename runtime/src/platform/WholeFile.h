// WholeFile.h - a file that appears under its name whole or not at all.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_PLATFORM_WHOLEFILE_H
#define LLMC_RUNTIME_PLATFORM_WHOLEFILE_H

#include <stdint.h>

namespace llmc::runtime::platform {

/// Writes all bytes; false with errno set.
bool writeAll(int descriptor, const void *bytes, uint64_t size);

/// Grows beside its name until it is committed, and goes with the object where it is not. A device is written at once;
/// what a link leads to is replaced, not the link. Every function but the last returns false with errno set.
class WholeFile {
public:
  WholeFile() = default;
  WholeFile(const WholeFile &) = delete;
  WholeFile &operator=(const WholeFile &) = delete;
  ~WholeFile() { discard(); }

  bool open(const char *path);
  bool write(const void *bytes, uint64_t size);
  /// The next write goes to byte `offset`.
  bool seek(uint64_t offset);
  /// Gives the file its name; `sync`: after its bytes have reached the disk.
  bool commit(bool sync);
  void discard();
  bool isOpen() const { return descriptor >= 0; }
  /// The half-written file; null for a device or where none is open.
  const char *temporaryPath() const { return temporary; }

private:
  char *path = nullptr, *temporary = nullptr; ///< Owned.
  int descriptor = -1;
};

} // namespace llmc::runtime::platform

#endif // LLMC_RUNTIME_PLATFORM_WHOLEFILE_H
