// Crash.h - what a mistake of llmc itself ends in: one message, a reproducer, exit code 70, nothing half-written.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_CRASH_H
#define LLMC_TOOLS_DRIVER_CRASH_H

#include "llvm/ADT/StringRef.h"

#include <new>
#include <string>

namespace llmc::driver {

/// While it lives: a fatal error inside LLVM, a failed assertion and a fault end the process with exit code 70, running
/// out of memory and a file that is cut short while it is mapped with 1. One at a time.
class CrashGuard {
public:
  CrashGuard();
  ~CrashGuard();

private:
  std::new_handler before;
};

/// While it lives, the text of the module that a crash leaves as its reproducer. The text must outlive it.
class CrashText {
public:
  explicit CrashText(llvm::StringRef text);
  ~CrashText();
};

/// The options of this compile as they are written on a command line, for the line that tells how to reproduce a
/// mistake; what is too long for it is left out.
void nameOptions(llvm::StringRef options);

/// Saves the text as a reproducer and gives the sentence that tells where, without "note: " and line end.
std::string reproducerNote(llvm::StringRef text);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_CRASH_H
