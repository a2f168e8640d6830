// Messages.h - prints errors to people: "file: error: message", then "note: remedy".
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_MESSAGES_H
#define LLMC_RUNTIME_RUNNER_MESSAGES_H

#include "llmc/llmc.h"

namespace llmc::runtime {

/// Prints to stderr; an empty file or note is left out. Colours on a terminal unless NO_COLOR is set.
void printError(const char *file, const char *message, const char *note);

/// An error of the library about a file.
inline void printError(const char *file, const llmc_error &error) { printError(file, error.message, error.note); }

/// The system's words for an errno, in lower case at the front. Constant until the next call.
const char *systemReason(int number);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_MESSAGES_H
