// Messages.h - tells people of mistakes: "file: error: message", then "note: remedy"; or one JSON object a line.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_MESSAGES_H
#define LLMC_RUNTIME_RUNNER_MESSAGES_H

#include "llmc/llmc.h"

#include <string>

namespace llmc::runtime {

/// How messages of this process are written from here on: text unless `json`. For its start, before threads.
void writeMessagesAsJson(bool json);
bool messagesAreJson();

/// Looks for `--diagnostics json` among arguments and sets the form: mistakes in the arguments have it as well. The
/// word after it is checked by whoever reads the options.
void chooseMessageForm(int argc, char **argv);

/// Prints to stderr; an empty file or note is left out. Colours on a terminal unless NO_COLOR is set.
void printError(const char *file, const char *message, const char *note);
void printWarning(const char *file, const char *message, const char *note);

/// An error of the library about a file.
inline void printError(const char *file, const llmc_error &error) { printError(file, error.message, error.note); }

/// The text of an error without colours, with its line ends.
std::string messageText(const char *severity, const char *file, const char *message, const char *note);

/// The system's words for an errno, in lower case at the front. Constant until the next call.
const char *systemReason(int number);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_MESSAGES_H
