// Output.cpp - where the results of a run go: standard output and .npy files.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Output.h"

#include "runtime/src/runner/CutShort.h"
#include "runtime/src/runner/Messages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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

bool StandardOutput::write(const char *bytes, size_t size) {
  if (!failed && !platform::writeAll(STDOUT_FILENO, bytes, size))
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
  if (file.isOpen())
    removeWhenCutShort(nullptr);
}

bool NpyWriter::open(const std::string &path, uint32_t newColumns) {
  columns = newColumns;
  if (!file.open(path.c_str()))
    return false;
  removeWhenCutShort(file.temporaryPath());
  return header();
}

bool NpyWriter::header() {
  char bytes[npyHeaderSize];
  memset(bytes, ' ', sizeof bytes);
  memcpy(bytes, "\x93NUMPY\x01\x00\x76\x00", 10); // 0x76 = 118 bytes of text
  int size = snprintf(bytes + 10, sizeof bytes - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%llu, %u), }",
                      (unsigned long long)rows, columns);
  bytes[10 + size] = ' ';
  bytes[npyHeaderSize - 1] = '\n';
  return file.write(bytes, sizeof bytes);
}

bool NpyWriter::row(const float *values) {
  ++rows;
  return file.write(values, sizeof(float) * columns);
}

bool NpyWriter::close() {
  if (!file.seek(0) || !header() || !file.commit(/*sync=*/false))
    return false;
  removeWhenCutShort(nullptr);
  return true;
}

} // namespace llmc::runtime
