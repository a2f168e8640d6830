// LinuxFiles.h - small files of /proc and /sys, and the lists of numbers in them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_PLATFORM_LINUXFILES_H
#define LLMC_RUNTIME_PLATFORM_LINUXFILES_H

#include <stddef.h>
#include <stdlib.h>

namespace llmc::runtime::platform {

/// Reads a small text file; false when absent. The text is zero-terminated.
bool readSmallFile(const char *path, char *text, size_t capacity);

/// Calls visit(number) for the numbers below `limit` of a list such as "0,64" or "0-1,8-9".
template <typename Visit> void eachOfList(const char *text, long limit, Visit visit) {
  for (const char *at = text; *at >= '0' && *at <= '9';) {
    char *end;
    long begin = strtol(at, &end, 10), last = begin;
    if (*end == '-')
      last = strtol(end + 1, &end, 10);
    for (long number = begin; number <= last && number < limit; ++number)
      visit(number);
    at = *end == ',' ? end + 1 : end;
  }
}

} // namespace llmc::runtime::platform

#endif // LLMC_RUNTIME_PLATFORM_LINUXFILES_H
