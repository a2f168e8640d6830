// Error.h - fills the public error struct; the one place where the core formats text.
//
// Every fallible function of the core takes an `Error &` and returns its status; a sentence is written where the
// mistake is found.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_PLATFORM_ERROR_H
#define LLMC_RUNTIME_PLATFORM_ERROR_H

#include "llmc/llmc.h"

#include <stdint.h>

namespace llmc::runtime {

using Status = llmc_status;
using Error = llmc_error;

/// Writes the status and the message (printf's rules) and empties the note. Returns `status`.
Status fail(Error &error, Status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/// Adds the remedy to an error just written. Returns its status.
Status addNote(Error &error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Writes at most `capacity` bytes of formatted text with its terminating zero; returns the bytes the text has, cut to
/// what fits.
size_t formatText(char *text, size_t capacity, const char *format, ...) __attribute__((format(printf, 3, 4)));

/// For "%.*s" with a text of the file: its size as an int, cut to what a sentence should carry.
inline int printed(size_t size) { return size > 200 ? 200 : int(size); }

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_PLATFORM_ERROR_H
