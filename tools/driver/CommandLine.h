// CommandLine.h - the command line of `llmc`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_COMMANDLINE_H
#define LLMC_TOOLS_DRIVER_COMMANDLINE_H

namespace llmc::driver {

/// Runs the command that `argv` names. Returns the process's exit code.
int runCommandLine(int argc, char **argv);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_COMMANDLINE_H
