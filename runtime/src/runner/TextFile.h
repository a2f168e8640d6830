// TextFile.h - reads a whole text for commands that measure on one.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_TEXTFILE_H
#define LLMC_RUNTIME_RUNNER_TEXTFILE_H

#include <string>

namespace llmc::runtime {

/// Reads a file, or standard input for "-": every byte as it is, at most 1 GiB. False after printing why it cannot be
/// read.
bool readTextFile(const char *path, std::string &text);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_TEXTFILE_H
