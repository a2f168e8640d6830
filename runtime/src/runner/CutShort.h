// CutShort.h - a model's file that loses its end while it is mapped: a message in place of the system's SIGBUS.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_CUTSHORT_H
#define LLMC_RUNTIME_RUNNER_CUTSHORT_H

namespace llmc::runtime {

/// From here on a read past the end of a mapped file ends the process with exit code 1 and one message, which begins
/// with `file`.
void noticeCutShort(const char *file);

/// The file that such an end removes, a half-written one; null: none. The text must live until another is named.
void removeWhenCutShort(const char *path);

extern const char cutShortMessage[], cutShortNote[];

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_CUTSHORT_H
