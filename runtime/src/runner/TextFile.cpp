// TextFile.cpp - reads a whole text for commands that measure on one.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/TextFile.h"

#include "runtime/src/runner/Messages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

namespace llmc::runtime {

bool readTextFile(const char *path, std::string &text) {
  bool input = !strcmp(path, "-");
  const char *name = input ? "standard input" : path;
  int descriptor = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  const char *problem = descriptor < 0 ? "cannot be opened: " : nullptr;
  char buffer[65536];
  ssize_t size = 0;
  bool tooLong = false;
  while (!problem && !tooLong && (size = read(descriptor, buffer, sizeof buffer))) {
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      problem = "cannot be read: ";
    else
      text.append(buffer, size_t(size));
    tooLong = text.size() > size_t(1) << 30;
  }
  if (problem)
    printError(name, (problem + std::string(systemReason(errno))).c_str(), "");
  else if (tooLong)
    printError(name, "the text is longer than 1 GiB", "");
  if (!input && descriptor >= 0)
    close(descriptor);
  return !problem && !tooLong;
}

} // namespace llmc::runtime
