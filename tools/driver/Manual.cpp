// Manual.cpp - manual pages from the same data as help and completions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Commands.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

using llvm::StringRef;

namespace llmc::driver {

namespace {

/// Text as troff reads it: no escapes by accident, no line taken for a request, hyphens that can be copied.
std::string plain(StringRef text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    bool lineStart = i == 0 || text[i - 1] == '\n';
    if (lineStart && (c == '.' || c == '\''))
      out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '\'')
      out += "\\(aq";
    else if (c == '~')
      out += "\\(ti";
    else if (c == '^')
      out += "\\(ha";
    else if (c == '`')
      out += "\\(ga";
    else
      out += c;
  }
  return out;
}

/// Lines as they stand.
std::string verbatim(StringRef text) { return ".nf\n" + plain(text.rtrim('\n')) + "\n.fi\n"; }

} // namespace

std::string manualPage(const Command &command, const std::vector<Command> &all, const std::string &version) {
  std::string title = command.name.empty() ? "llmc" : "llmc-" + command.name;
  StringRef summary = StringRef(command.summary).rtrim('.');
  std::string name = std::string(1, llvm::toLower(summary.front())) + summary.drop_front().str();
  std::string page = ".TH " + llvm::StringRef(title).upper() + " 1 \"\" \"llmc " + version + "\" \"llmc manual\"\n";
  page += ".SH NAME\n" + plain(title) + " \\- " + plain(name) + "\n";
  page += ".SH SYNOPSIS\n" + verbatim(command.usage);
  page += ".SH DESCRIPTION\n" + plain(command.summary) + "\n";
  if (command.name.empty())
    for (const Command &each : all)
      page += ".TP\n.B " + plain(each.name) + "\n" + plain(each.summary) + " See\n.BR " + plain("llmc-" + each.name) +
              " (1).\n";
  if (!command.options.empty())
    page += ".SH OPTIONS\n";
  for (const CommandOption &option : command.options) {
    page += ".TP\n";
    for (size_t i = 0; i < option.names.size(); ++i)
      page += (i ? ", \\fB" : "\\fB") + plain(option.names[i]) + "\\fR";
    page += (option.argument.empty() ? "" : " \\fI" + plain(option.argument) + "\\fR") + "\n" + plain(option.help) +
            (StringRef(option.help).ends_with(".") ? "\n" : ".\n");
  }
  page += ".SH EXAMPLES\n" + verbatim(command.examples);
  if (!command.closing.empty())
    page += ".SH NOTES\n" + verbatim(command.closing);
  page += ".SH EXIT STATUS\n"
          "0 done, 1 input or I/O, 2 usage, 3 a requested threshold failed, 70 a mistake of llmc, 130 interrupted.\n";
  page += ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nNo colours in messages on a terminal when it is set to something.\n"
          ".TP\n.B HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME\nWhere models named org/name are looked up.\n"
          ".TP\n.B TMPDIR\nWhere reproducers of mistakes of llmc are left.\n";
  page += ".SH SEE ALSO\n";
  std::string others;
  for (const Command &each : all)
    if (each.name != command.name)
      others += std::string(others.empty() ? "" : ",\n") + ".BR " + plain("llmc-" + each.name) + " (1)";
  if (!command.name.empty())
    page += ".BR llmc (1),\n";
  return page + others + "\n";
}

} // namespace llmc::driver
