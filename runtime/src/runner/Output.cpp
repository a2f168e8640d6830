// Output.cpp - where the results of a run go: standard output and .npy files.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Output.h"

#include "runtime/src/runner/CutShort.h"
#include "runtime/src/runner/Messages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace llmc::runtime {

void reserveStandardDescriptors() {
  constexpr int modes[] = {O_WRONLY, O_RDONLY, O_RDWR};
  for (int descriptor = 0; descriptor < 3; ++descriptor) // the lowest free number is taken
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", modes[descriptor]) < 0)
      return;
}

bool flushOutput() {
  bool good = !fflush(stdout) && !ferror(stdout);
  if (!good && errno != EPIPE)
    printError("standard output", (std::string("cannot be written: ") + systemReason(errno)).c_str(), "");
  return good || errno == EPIPE;
}

/// Writes all bytes; false with errno set.
static bool writeAll(int descriptor, const void *bytes, size_t size) {
  const char *at = static_cast<const char *>(bytes);
  while (size) {
    ssize_t written = ::write(descriptor, at, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return false;
    at += written;
    size -= size_t(written);
  }
  return true;
}

bool StandardOutput::write(const char *bytes, size_t size) {
  if (!failed && !writeAll(STDOUT_FILENO, bytes, size))
    failed = errno;
  return !failed;
}

void appendJsonString(std::string &out, const char *bytes, size_t size) {
  out += '"';
  for (size_t i = 0; i < size; ++i) {
    unsigned char byte = static_cast<unsigned char>(bytes[i]);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += char(byte);
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      out += char(byte);
    }
  }
  out += '"';
}

// Magic, version and length take 10 bytes; the text is padded so that the values start at byte 128.
static constexpr size_t npyHeaderSize = 128;

NpyWriter::~NpyWriter() {
  if (descriptor < 0)
    return;
  ::close(descriptor);
  removeWhenCutShort(nullptr);
  if (!temporary.empty())
    unlink(temporary.c_str());
}

bool NpyWriter::open(const std::string &newPath, uint32_t newColumns) {
  columns = newColumns;
  path = newPath;
  if (char *real = realpath(newPath.c_str(), nullptr)) { // what a link leads to is replaced, not the link
    path = real;
    free(real);
  }
  struct stat status;
  if (!stat(path.c_str(), &status)) {
    if (!S_ISREG(status.st_mode)) { // a device such as /dev/null
      descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      return descriptor >= 0 && header();
    }
    if (access(path.c_str(), W_OK) < 0)
      return false;
  }
  // Beside it, so that a file that is there, perhaps the model itself, stays whole until the new one is.
  temporary = path + ".XXXXXX";
  descriptor = mkostemp(temporary.data(), O_CLOEXEC);
  if (descriptor < 0)
    temporary.clear();
  else
    removeWhenCutShort(temporary.c_str());
  return descriptor >= 0 && header();
}

bool NpyWriter::header() {
  char bytes[npyHeaderSize];
  memset(bytes, ' ', sizeof bytes);
  memcpy(bytes, "\x93NUMPY\x01\x00\x76\x00", 10); // 0x76 = 118 bytes of text
  int size = snprintf(bytes + 10, sizeof bytes - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%llu, %u), }",
                      (unsigned long long)rows, columns);
  bytes[10 + size] = ' ';
  bytes[npyHeaderSize - 1] = '\n';
  return writeAll(descriptor, bytes, sizeof bytes);
}

bool NpyWriter::row(const float *values) {
  ++rows;
  return writeAll(descriptor, values, sizeof(float) * columns);
}

bool NpyWriter::close() {
  if (lseek(descriptor, 0, SEEK_SET) < 0 || !header())
    return false;
  if (temporary.empty()) {
    bool good = !::close(descriptor);
    descriptor = -1;
    return good;
  }
  mode_t mask = umask(0);
  umask(mask);
  if (fchmod(descriptor, 0666 & ~mask) < 0 || rename(temporary.c_str(), path.c_str()) < 0)
    return false;
  removeWhenCutShort(nullptr);
  temporary.clear();
  bool good = !::close(descriptor); // a network file system may report a failed write only here
  descriptor = -1;
  return good;
}

} // namespace llmc::runtime
