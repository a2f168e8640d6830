// Commands.h - every command with its options as data: what completions and manual pages are made of.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_COMMANDS_H
#define LLMC_TOOLS_DRIVER_COMMANDS_H

#include "runtime/src/runner/OptionTable.h"

#include <string>
#include <vector>

namespace llmc::driver {

struct CommandOption {
  std::vector<std::string> names;   ///< "-o", "--output".
  std::string argument;             ///< "FILE"; empty when it takes none.
  std::string help;                 ///< A sentence, on one line.
  std::vector<std::string> choices; ///< Of the argument; empty: anything.
  bool isPath = false;
};

struct Command {
  std::string name;     ///< "compile"; empty for llmc itself.
  std::string usage;    ///< "llmc compile [OPTIONS] MODEL".
  std::string summary;  ///< A sentence.
  std::string examples; ///< Lines of "  COMMAND LINE   what it does".
  std::string closing;  ///< What else there is to say; may be empty.
  std::vector<CommandOption> options;
  std::vector<std::string> words; ///< Its argument is one of these; empty: a file.
};

/// A command of the runtime, under its name in llmc.
Command commandOf(const runtime::CommandInfo &info);

/// The script that completes command lines of llmc; `shell` is bash, zsh or fish. Empty for others.
std::string completionScript(const std::string &shell, const std::vector<Command> &commands);

/// A manual page, as man(7) has it. `all` are named where they belong together.
std::string manualPage(const Command &command, const std::vector<Command> &all, const std::string &version);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_COMMANDS_H
