// Commands.cpp - commands of the runtime as data of the driver.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Commands.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <algorithm>

using llvm::StringRef;

namespace llmc::driver {

/// The text with `%1` replaced.
static std::string withProgram(StringRef text, const std::string &program) {
  std::string out;
  while (!text.empty()) {
    auto [before, rest] = text.split("%1");
    out += before.str();
    if (before.size() != text.size())
      out += program;
    text = rest;
  }
  return out;
}

Command commandOf(const runtime::CommandInfo &info) {
  Command command;
  command.name = info.name;
  std::string program = "llmc " + command.name;
  // A run's usage is also that of an executable, which names no file.
  std::string withFile = StringRef(info.usage).contains("FILE") ? program : program + " FILE";
  command.usage = withProgram(info.usage, withFile);
  command.summary = info.summary;
  command.examples = withProgram(info.examples, withFile == program ? program : "llmc " + command.name + " FILE");
  command.closing = withProgram(info.closing, program);
  for (size_t i = 0; i < info.numOptions; ++i) {
    const runtime::OptionInfo &given = info.options[i];
    if (!given.group)
      continue;
    CommandOption option;
    if (given.code < 256)
      option.names.push_back({'-', static_cast<char>(given.code)});
    llvm::SmallVector<StringRef, 2> names;
    StringRef(given.names).split(names, ',');
    for (StringRef name : names)
      option.names.push_back("--" + name.str());
    option.argument = given.argument ? given.argument : "";
    option.help = given.help;
    std::replace(option.help.begin(), option.help.end(), '\n', ' ');
    if (StringRef(option.argument).contains('|')) {
      llvm::SmallVector<StringRef, 4> choices;
      StringRef(option.argument).split(choices, '|');
      for (StringRef choice : choices)
        option.choices.push_back(choice.str());
    }
    option.isPath = option.argument == "FILE" || option.argument == "DIR";
    command.options.push_back(std::move(option));
  }
  return command;
}

} // namespace llmc::driver
