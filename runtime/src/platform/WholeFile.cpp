// WholeFile.cpp - writes a file beside its name and renames it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/platform/WholeFile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace llmc::runtime::platform {

bool WholeFile::open(const char *name) {
  discard();
  path = realpath(name, nullptr);
  if (!path && !(path = strdup(name)))
    return false;
  struct stat status;
  if (!stat(path, &status)) {
    if (S_ISDIR(status.st_mode))
      return errno = EISDIR, false;
    if (!S_ISREG(status.st_mode)) {
      descriptor = ::open(path, O_WRONLY | O_CLOEXEC);
      return descriptor >= 0;
    }
    if (access(path, W_OK) < 0)
      return false;
  }
  constexpr char ending[] = ".XXXXXX";
  size_t size = strlen(path);
  temporary = static_cast<char *>(malloc(size + sizeof ending));
  if (!temporary)
    return false;
  memcpy(temporary, path, size);
  memcpy(temporary + size, ending, sizeof ending);
  descriptor = mkostemp(temporary, O_CLOEXEC);
  if (descriptor >= 0)
    return true;
  int reason = errno;
  free(temporary);
  temporary = nullptr;
  errno = reason;
  return false;
}

bool writeAll(int descriptor, const void *bytes, uint64_t size) {
  const char *at = static_cast<const char *>(bytes);
  while (size) {
    ssize_t written = ::write(descriptor, at, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return false;
    at += written;
    size -= uint64_t(written);
  }
  return true;
}

bool WholeFile::write(const void *bytes, uint64_t size) { return writeAll(descriptor, bytes, size); }

bool WholeFile::seek(uint64_t offset) { return lseek(descriptor, off_t(offset), SEEK_SET) >= 0; }

bool WholeFile::commit(bool sync) {
  if (temporary) {
    mode_t mask = umask(0);
    umask(mask);
    if ((sync && fdatasync(descriptor) < 0) || fchmod(descriptor, 0666 & ~mask) < 0 || rename(temporary, path) < 0)
      return false;
    free(temporary);
    temporary = nullptr;
  }
  int closing = descriptor;
  descriptor = -1;
  return !close(closing); // a network file system may report a failed write only here
}

void WholeFile::discard() {
  if (descriptor >= 0)
    close(descriptor);
  if (temporary)
    unlink(temporary);
  free(temporary);
  free(path);
  temporary = path = nullptr;
  descriptor = -1;
}

} // namespace llmc::runtime::platform
