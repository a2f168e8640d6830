// OptionTable.cpp - help and getopt's tables from options as data.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/OptionTable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace llmc::runtime {

/// Columns before the explanation of an option.
static constexpr int helpColumn = 29;

static std::string withProgram(const char *text, const std::string &program) {
  std::string out;
  for (const char *at = text; *at; ++at) {
    if (at[0] == '%' && at[1] == '1') {
      out += program;
      ++at;
    } else {
      out += *at;
    }
  }
  return out;
}

/// "  -n, --max-new-tokens N".
static std::string spelling(const OptionInfo &option) {
  std::string text = "      ";
  if (option.code < 256) {
    text = "  -";
    text += char(option.code);
    text += ", ";
  }
  for (const char *at = option.names; *at; ++at)
    text += at == option.names ? std::string("--") + *at : *at == ',' ? std::string(", --") : std::string(1, *at);
  if (option.argument)
    text += std::string(" ") + option.argument;
  return text;
}

void printCommandHelp(const CommandInfo &command, const std::string &program) {
  printf("Examples:\n%s\nUsage: %s\n\n%s\n", withProgram(command.examples, program).c_str(),
         withProgram(command.usage, program).c_str(), command.summary);
  const char *group = "";
  for (size_t i = 0; i < command.numOptions; ++i) {
    const OptionInfo &option = command.options[i];
    if (!option.group)
      continue;
    if (strcmp(group, option.group))
      printf("\n%s:\n", group = option.group);
    std::string text = spelling(option);
    bool fits = text.size() + 2 <= size_t(helpColumn);
    printf("%s", text.c_str());
    if (!fits)
      putchar('\n');
    bool first = true;
    for (const char *line = option.help; line; first = false) {
      const char *end = strchr(line, '\n');
      int length = int(end ? end - line : long(strlen(line)));
      printf("%*s%.*s\n", first && fits ? helpColumn - int(text.size()) : helpColumn, "", length, line);
      line = end ? end + 1 : nullptr;
    }
  }
  printf("\n%s", withProgram(command.closing, program).c_str());
}

bool parseWhole(const char *text, uint64_t least, uint64_t most, uint64_t &value) {
  if (*text < '0' || *text > '9')
    return false;
  char *end;
  errno = 0;
  value = strtoull(text, &end, 10);
  return !*end && !errno && value >= least && value <= most;
}

GetoptTable::GetoptTable(const CommandInfo &command) : letters(":") {
  for (size_t i = 0; i < command.numOptions; ++i) {
    const OptionInfo &info = command.options[i];
    if (info.code < 256) {
      letters += char(info.code);
      letters += info.argument ? ":" : "";
    }
    for (const char *at = info.names; *at;) {
      size_t size = strcspn(at, ",");
      names.push_back(std::string(at, size));
      options.push_back({nullptr, info.argument ? required_argument : no_argument, nullptr, info.code});
      at += size + (at[size] == ',');
    }
  }
  for (size_t i = 0; i < options.size(); ++i) // once no name moves any more
    options[i].name = names[i].c_str();
  options.push_back({nullptr, 0, nullptr, 0});
}

} // namespace llmc::runtime
