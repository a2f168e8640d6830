// Error.cpp - fills the public error struct.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/platform/Error.h"

#include <stdarg.h>
#include <stdio.h>

namespace llmc::runtime {

Status fail(Error &error, Status status, const char *format, ...) {
  error.status = status;
  error.note[0] = 0;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error.message, sizeof error.message, format, arguments);
  va_end(arguments);
  return status;
}

Status addNote(Error &error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error.note, sizeof error.note, format, arguments);
  va_end(arguments);
  return error.status;
}

size_t formatText(char *text, size_t capacity, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(text, capacity, format, arguments);
  va_end(arguments);
  if (size < 0 || !capacity)
    return 0;
  return size_t(size) < capacity ? size_t(size) : capacity - 1;
}

} // namespace llmc::runtime
