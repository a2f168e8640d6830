// OptionTable.h - options as data: what is read from a command line, what --help prints, and what completions and
// manual pages are made of.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_OPTIONTABLE_H
#define LLMC_RUNTIME_RUNNER_OPTIONTABLE_H

#include <getopt.h>
#include <stddef.h>
#include <string>
#include <vector>

namespace llmc::runtime {

/// One option.
struct OptionInfo {
  int code;             ///< Its letter, or a number above 255 when it has none.
  const char *names;    ///< Long names, separated by commas.
  const char *argument; ///< "N"; null when it takes none; "text|json": one of these; "FILE" and "DIR" are paths.
  const char *group;    ///< "Generation"; null: not shown, for tests.
  const char *help;     ///< One sentence; lines of it are separated by line feeds.
};

/// One command.
struct CommandInfo {
  const char *name;     ///< "run".
  const char *summary;  ///< A sentence.
  const char *examples; ///< Lines of "  %1 ARGUMENTS   what it does"; %1 is the program.
  const char *usage;    ///< "%1 [OPTIONS] [PROMPT]".
  const OptionInfo *options;
  size_t numOptions;
  const char *closing; ///< What follows the options.
};

/// Prints the examples, the usage and the options to stdout.
void printCommandHelp(const CommandInfo &command, const std::string &program);

/// Reads a whole number from `least` to `most`; false for anything else.
bool parseWhole(const char *text, uint64_t least, uint64_t most, uint64_t &value);

/// The same table for getopt_long. The command must outlive it.
struct GetoptTable {
  explicit GetoptTable(const CommandInfo &command);
  std::string letters; ///< ":p:f:h"
  std::vector<std::string> names;
  std::vector<option> options; ///< Ends with zeros.
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_OPTIONTABLE_H
