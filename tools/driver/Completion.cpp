// Completion.cpp - scripts that complete command lines of llmc in bash, zsh and fish.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Commands.h"

namespace llmc::driver {

namespace {

std::string joined(const std::vector<std::string> &words, const char *between) {
  std::string text;
  for (const std::string &word : words)
    text += (text.empty() ? "" : between) + word;
  return text;
}

/// Names of all options, or of those that a filter lets through.
template <typename Filter> std::vector<std::string> namesOf(const Command &command, Filter filter) {
  std::vector<std::string> names;
  for (const CommandOption &option : command.options)
    if (filter(option))
      names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

std::vector<std::string> commandNames(const std::vector<Command> &commands) {
  std::vector<std::string> names;
  for (const Command &command : commands)
    if (!command.name.empty())
      names.push_back(command.name);
  return names;
}

std::string bashScript(const std::vector<Command> &commands) {
  std::string script = R"(# bash completion of llmc, made by: llmc completion bash
_llmc() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -le 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W ")" +
                       joined(commandNames(commands), " ") + R"( --help --version" -- "$current")
    return
  fi
  # bash cuts --option=value at the sign.
  if [ "$current" = "=" ]; then
    current=
  elif [ "$previous" = "=" ]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  local options= choices= words=
  case $command in
)";
  for (const Command &command : commands) {
    if (command.name.empty())
      continue;
    script += "  " + command.name + ")\n    options=\"" +
              joined(namesOf(command, [](const CommandOption &) { return true; }), " ") + "\"\n    case $previous in\n";
    for (const CommandOption &option : command.options)
      if (!option.choices.empty())
        script += "    " + joined(option.names, "|") + ") choices=\"" + joined(option.choices, " ") + "\" ;;\n";
    std::vector<std::string> others = namesOf(command, [](const CommandOption &option) {
      return !option.argument.empty() && option.choices.empty() && !option.isPath;
    });
    if (!others.empty())
      script += "    " + joined(others, "|") + ") return ;;\n";
    script += "    esac\n";
    if (!command.words.empty())
      script += "    words=\"" + joined(command.words, " ") + "\"\n";
    script += "    ;;\n";
  }
  return script + R"(  esac
  if [ -n "$choices" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
  elif [ "${current#-}" != "$current" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [ -n "$words" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  else
    compopt -o filenames 2>/dev/null || true
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -F _llmc llmc
)";
}

/// Text inside single quotes of a shell; zsh's own signs are escaped as well.
std::string quoted(const std::string &text, bool zsh) {
  std::string out;
  for (char c : text) {
    if (c == '\'')
      out += zsh ? "'\\''" : "\\'";
    else if (zsh && (c == '[' || c == ']' || c == ':' || c == '\\'))
      out += std::string("\\") + c;
    else if (!zsh && c == '\\')
      out += "\\\\";
    else
      out += c;
  }
  return out;
}

std::string zshScript(const std::vector<Command> &commands) {
  std::string script = "#compdef llmc\n# zsh completion of llmc, made by: llmc completion zsh\n_llmc() {\n"
                       "  local -a commands\n  commands=(\n";
  for (const Command &command : commands)
    if (!command.name.empty())
      script += "    '" + command.name + ":" + quoted(command.summary, true) + "'\n";
  script += "  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
            "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n";
  for (const Command &command : commands) {
    if (command.name.empty())
      continue;
    script += "  " + command.name + ")\n    _arguments -s \\\n";
    for (const CommandOption &option : command.options)
      for (const std::string &name : option.names) {
        script += "      '*" + name;
        if (!option.argument.empty())
          script += name.compare(0, 2, "--") == 0 ? "=" : "+";
        script += "[" + quoted(option.help, true) + "]";
        if (!option.choices.empty())
          script += ":" + option.names.back().substr(2) + ":(" + joined(option.choices, " ") + ")";
        else if (!option.argument.empty())
          script += ":" + quoted(option.argument, true) + ":" + (option.isPath ? "_files" : "");
        script += "' \\\n";
      }
    script += command.words.empty() ? "      '*:file:_files'\n    ;;\n"
                                    : "      ':word:(" + joined(command.words, " ") + ")'\n    ;;\n";
  }
  return script + "  esac\n}\n_llmc \"$@\"\n";
}

std::string fishScript(const std::vector<Command> &commands) {
  std::string script = "# fish completion of llmc, made by: llmc completion fish\n"
                       "set -l commands " +
                       joined(commandNames(commands), " ") + "\n";
  for (const Command &command : commands) {
    if (command.name.empty())
      continue;
    script += "complete -c llmc -f -n \"not __fish_seen_subcommand_from $commands\" -a " + command.name + " -d '" +
              quoted(command.summary, false) + "'\n";
    for (const CommandOption &option : command.options) {
      script += "complete -c llmc -n '__fish_seen_subcommand_from " + command.name + "'";
      for (const std::string &name : option.names)
        script += name.compare(0, 2, "--") == 0 ? " -l " + name.substr(2)
                  : name.size() == 2            ? " -s " + name.substr(1)
                                                : " -o " + name.substr(1);
      if (!option.choices.empty())
        script += " -x -a '" + joined(option.choices, " ") + "'";
      else if (!option.argument.empty())
        script += option.isPath ? " -r" : " -x";
      script += " -d '" + quoted(option.help, false) + "'\n";
    }
    if (!command.words.empty())
      script += "complete -c llmc -f -n '__fish_seen_subcommand_from " + command.name + "' -a '" +
                joined(command.words, " ") + "'\n";
  }
  return script;
}

} // namespace

std::string completionScript(const std::string &shell, const std::vector<Command> &commands) {
  if (shell == "bash")
    return bashScript(commands);
  if (shell == "zsh")
    return zshScript(commands);
  return shell == "fish" ? fishScript(commands) : "";
}

} // namespace llmc::driver
