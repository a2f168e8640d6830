// ParserStatements.cpp - tags and text of templates.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/template/Parser.h"

namespace llmc::text {

uint32_t TemplateParser::fail(TemplatePlace place, std::string message, std::string note) {
  if (!failed())
    mistake = {std::move(message), std::move(note), place};
  at = tokens.size() - 1;
  return 0;
}

uint32_t TemplateParser::unexpected(const char *expected) {
  return fail(now().place, "unexpected " + describe(now()) + ", expected " + expected);
}

bool TemplateParser::takeOperator(std::string_view symbol) {
  if (!now().isOperator(symbol))
    return false;
  step();
  return true;
}

bool TemplateParser::takeName(std::string_view name) {
  if (!now().isName(name))
    return false;
  step();
  return true;
}

bool TemplateParser::needOperator(const char *symbol) {
  if (failed() || takeOperator(symbol))
    return !failed();
  unexpected(("'" + std::string(symbol) + "'").c_str());
  return false;
}

bool TemplateParser::needKind(Kind kind, const char *words) {
  if (failed())
    return false;
  if (!now().is(kind))
    return unexpected(words), false;
  step();
  return true;
}

bool TemplateParser::isNameOf(Words words) const {
  for (const char *word : words)
    if (now().isName(word))
      return true;
  return false;
}

std::string TemplateParser::needName(const char *words) {
  if (!now().is(Kind::Name))
    return unexpected(words), "";
  std::string name = now().text;
  step();
  return name;
}

TemplateMistake TemplateParser::run(uint32_t &root) {
  root = block({}, "", {});
  if (!failed())
    checkMissing();
  return mistake;
}

/// Statements up to a tag whose name is one of `ends`, which is not passed; without ends, up to the template's.
uint32_t TemplateParser::block(Words ends, const char *opened, TemplatePlace place) {
  Nesting nesting(*this);
  TemplatePlace start = now().place;
  std::vector<uint32_t> statements;
  while (!failed()) {
    if (now().is(Kind::Data)) {
      uint32_t text = program.text(now().text);
      statements.push_back(program.add(now().place, LLMC_NODE_TEXT, 0, text));
      step();
    } else if (now().is(Kind::VariableBegin)) {
      TemplatePlace here = now().place;
      step();
      uint32_t value = tuple(true, false);
      needKind(Kind::VariableEnd, "'}}'");
      statements.push_back(program.add(here, LLMC_NODE_PRINT, 0, value));
    } else if (now().is(Kind::BlockBegin)) {
      step();
      if (ends.size() != 0 && isNameOf(ends))
        break;
      statements.push_back(statement());
    } else {
      if (ends.size() != 0)
        fail(place, std::string("the tag '") + opened + "' has no end, expected '" + *(ends.end() - 1) + "'");
      break;
    }
  }
  uint32_t list = program.list(statements);
  return program.add(start, LLMC_NODE_BLOCK, 0, list, static_cast<uint32_t>(statements.size()));
}

/// A block and its end tag.
uint32_t TemplateParser::body(const char *end, const char *opened, TemplatePlace place) {
  uint32_t statements = block({end}, opened, place);
  step();
  needKind(Kind::BlockEnd, "'%}'");
  return statements;
}

uint32_t TemplateParser::statement() {
  TemplatePlace place = now().place;
  std::string name = needName("a tag's name");
  if (failed())
    return 0;
  if (name == "if")
    return ifStatement(place);
  if (name == "for")
    return forStatement(place);
  if (name == "set")
    return setStatement(place);
  if (name == "macro")
    return macroStatement(place);
  if (name == "call")
    return callStatement(place);
  if (name == "filter")
    return filterStatement(place);
  if (name == "with")
    return withStatement(place);
  if (name == "print")
    return printStatement(place);
  if (name == "break")
    return jump(place, LLMC_NODE_BREAK);
  if (name == "continue")
    return jump(place, LLMC_NODE_CONTINUE);
  if (name == "generation") {
    // Marks what the model writes, for training; here it is text like any other, in a scope of its own.
    needKind(Kind::BlockEnd, "'%}'");
    unsigned around = loops;
    loops = 0;
    uint32_t inner = body("endgeneration", "generation", place);
    loops = around;
    return program.add(place, LLMC_NODE_SCOPE, 0, inner);
  }
  if (name == "include" || name == "import" || name == "from" || name == "extends" || name == "block")
    return fail(place, "the tag '" + name + "' is not read", "a chat template stands alone in its file");
  return fail(place, "unknown tag '" + name + "'",
              "the tags are if, for, set, macro, call, filter, with, print, raw, break, continue and generation");
}

uint32_t TemplateParser::ifStatement(TemplatePlace place) {
  Nesting nesting(*this);
  if (failed())
    return 0;
  uint32_t condition = tuple(false, false);
  needKind(Kind::BlockEnd, "'%}'");
  ++guards;
  uint32_t then = block({"elif", "else", "endif"}, "if", place), other = LLMC_NO_NODE;
  if (failed())
    return 0;
  TemplatePlace next = now().place;
  std::string name = now().text;
  step();
  if (name == "elif") {
    other = ifStatement(next);
  } else if (name == "else") {
    needKind(Kind::BlockEnd, "'%}'");
    other = body("endif", "if", place);
  } else {
    needKind(Kind::BlockEnd, "'%}'");
  }
  --guards;
  return program.add(place, LLMC_NODE_IF, 0, condition, then, other);
}

uint32_t TemplateParser::target(bool withTuple, bool withField) {
  TemplatePlace place = now().place;
  std::vector<uint32_t> targets;
  bool isTuple = false;
  while (!failed()) {
    if (isTuple && (endsTuple({"in"}) || now().isOperator("=")))
      break;
    if (takeOperator("(")) {
      Nesting nesting(*this);
      targets.push_back(failed() ? 0 : target(true, withField));
      needOperator(")");
    } else {
      TemplatePlace here = now().place;
      std::string name = needName("a name to give a value");
      if (name == "true" || name == "false" || name == "none" || name == "True" || name == "False" || name == "None" ||
          name == "loop")
        return fail(here, "'" + name + "' cannot be given a value");
      uint32_t text = program.text(name);
      if (withField && takeOperator(".")) {
        uint32_t field = program.text(needName("a field's name"));
        targets.push_back(program.add(here, LLMC_NODE_TO_FIELD, 0, text, field));
      } else {
        assigned.insert(name);
        targets.push_back(program.add(here, LLMC_NODE_TO_NAME, 0, text));
      }
    }
    if (!withTuple || !takeOperator(","))
      break;
    isTuple = true;
  }
  if (failed() || !isTuple)
    return targets.empty() ? 0 : targets[0];
  uint32_t list = program.list(targets);
  return program.add(place, LLMC_NODE_TO_TUPLE, 0, list, static_cast<uint32_t>(targets.size()));
}

uint32_t TemplateParser::forStatement(TemplatePlace place) {
  uint32_t variable = target(true, false);
  if (!failed() && !takeName("in"))
    unexpected("'in'");
  uint32_t sequence = tuple(false, false, {"recursive"});
  uint32_t condition = LLMC_NO_NODE, otherwise = LLMC_NO_NODE;
  if (takeName("if"))
    condition = expression();
  bool isRecursive = takeName("recursive");
  needKind(Kind::BlockEnd, "'%}'");
  ++loops;
  uint32_t inner = block({"else", "endfor"}, "for", place);
  --loops;
  if (failed())
    return 0;
  bool hasElse = now().text == "else";
  step();
  needKind(Kind::BlockEnd, "'%}'");
  if (hasElse)
    otherwise = body("endfor", "for", place);
  uint32_t more = program.list({condition, otherwise});
  return program.add(place, LLMC_NODE_FOR, isRecursive, variable, sequence, inner, more);
}

uint32_t TemplateParser::setStatement(TemplatePlace place) {
  uint32_t variable = target(true, true), value;
  if (takeOperator("=")) {
    value = tuple(true, false);
    needKind(Kind::BlockEnd, "'%}'");
  } else {
    // What stands between the tags, through filters.
    size_t filters = at;
    while (!failed() && !now().is(Kind::BlockEnd))
      step();
    needKind(Kind::BlockEnd, "'=' or '%}'");
    if (failed())
      return 0;
    if (!tokens[filters].isOperator("|") && !tokens[filters].is(Kind::BlockEnd)) {
      at = filters;
      return unexpected("'=' or '%}'");
    }
    unsigned around = loops;
    loops = 0;
    uint32_t inner = body("endset", "set", place);
    loops = around;
    size_t rest = at;
    value = program.add(place, LLMC_NODE_CAPTURE, 0, inner);
    if (failed())
      return 0;
    at = filters;
    while (takeOperator("|"))
      value = filter(value);
    if (!failed() && !now().is(Kind::BlockEnd))
      unexpected("'%}'");
    if (!failed())
      at = rest;
  }
  return program.add(place, LLMC_NODE_SET, 0, variable, value);
}

/// Parameters of a macro: pairs of a name's text and a default.
std::vector<uint32_t> TemplateParser::signature() {
  std::vector<uint32_t> pairs;
  needOperator("(");
  while (!failed() && !now().isOperator(")")) {
    if (!pairs.empty() && !needOperator(","))
      break;
    TemplatePlace place = now().place;
    std::string name = needName("a parameter's name");
    assigned.insert(name);
    uint32_t value = LLMC_NO_NODE;
    if (takeOperator("="))
      value = expression();
    else if (!pairs.empty() && pairs.back() != LLMC_NO_NODE)
      fail(place, "the parameter '" + name + "' without a default stands after one with a default");
    for (size_t i = 0; i < pairs.size(); i += 2)
      if (program.texts[pairs[i]] == name)
        fail(place, "the parameter '" + name + "' stands there twice");
    pairs.push_back(program.text(name));
    pairs.push_back(value);
  }
  needOperator(")");
  return pairs;
}

uint32_t TemplateParser::macro(TemplatePlace place, const std::vector<uint32_t> &parameters, const char *end,
                               const char *opened, const std::string &name) {
  unsigned around = loops;
  loops = 0;
  macroFlags.push_back(0);
  uint32_t inner = body(end, opened, place);
  uint8_t flags = macroFlags.back();
  macroFlags.pop_back();
  loops = around;
  uint32_t list = program.list(parameters), text = program.text(name);
  return program.add(place, LLMC_NODE_MACRO, flags, list, static_cast<uint32_t>(parameters.size()), inner, text);
}

uint32_t TemplateParser::macroStatement(TemplatePlace place) {
  std::string name = needName("a macro's name");
  assigned.insert(name);
  std::vector<uint32_t> parameters = signature();
  needKind(Kind::BlockEnd, "'%}'");
  if (failed())
    return 0;
  uint32_t value = macro(place, parameters, "endmacro", "macro", name);
  uint32_t text = program.text(name);
  uint32_t variable = program.add(place, LLMC_NODE_TO_NAME, 0, text);
  return program.add(place, LLMC_NODE_SET, 0, variable, value);
}

uint32_t TemplateParser::callStatement(TemplatePlace place) {
  std::vector<uint32_t> parameters;
  if (now().isOperator("("))
    parameters = signature();
  TemplatePlace here = now().place;
  uint32_t value = expression();
  needKind(Kind::BlockEnd, "'%}'");
  if (failed())
    return 0;
  if (program.nodes[value].kind != LLMC_NODE_CALL)
    return fail(here, "the tag 'call' needs a call of a macro");
  uint32_t inner = macro(place, parameters, "endcall", "call", "caller");
  if (failed())
    return 0;
  // The same call with one named argument more.
  llmc_template_node node = program.nodes[value];
  std::vector<uint32_t> operands(program.operands.begin() + node.b,
                                 program.operands.begin() + node.b + node.c + 2 * size_t(node.d));
  operands.push_back(program.text("caller"));
  operands.push_back(inner);
  uint32_t list = program.list(operands);
  uint32_t callNode = program.add({node.line, node.column}, LLMC_NODE_CALL, 0, node.a, list, node.c, node.d + 1);
  return program.add(place, LLMC_NODE_PRINT, 0, callNode);
}

uint32_t TemplateParser::filterStatement(TemplatePlace place) {
  size_t filters = at;
  while (!failed() && !now().is(Kind::BlockEnd) && !now().is(Kind::End))
    step();
  needKind(Kind::BlockEnd, "'%}'");
  unsigned around = loops;
  loops = 0;
  uint32_t inner = body("endfilter", "filter", place);
  loops = around;
  size_t rest = at;
  uint32_t value = program.add(place, LLMC_NODE_CAPTURE, 0, inner);
  if (failed())
    return 0;
  at = filters;
  do
    value = filter(value);
  while (takeOperator("|"));
  if (!failed() && !now().is(Kind::BlockEnd))
    unexpected("'%}'");
  if (!failed())
    at = rest;
  return program.add(place, LLMC_NODE_PRINT, 0, value);
}

uint32_t TemplateParser::withStatement(TemplatePlace place) {
  std::vector<uint32_t> pairs;
  while (!failed() && !now().is(Kind::BlockEnd)) {
    if (!pairs.empty() && !needOperator(","))
      break;
    uint32_t variable = target(false, false);
    needOperator("=");
    uint32_t value = expression();
    pairs.push_back(variable);
    pairs.push_back(value);
  }
  needKind(Kind::BlockEnd, "'%}'");
  uint32_t inner = body("endwith", "with", place);
  uint32_t list = program.list(pairs);
  return program.add(place, LLMC_NODE_WITH, 0, list, static_cast<uint32_t>(pairs.size()), inner);
}

uint32_t TemplateParser::printStatement(TemplatePlace place) {
  std::vector<uint32_t> statements;
  do {
    uint32_t value = expression();
    statements.push_back(program.add(place, LLMC_NODE_PRINT, 0, value));
  } while (takeOperator(","));
  needKind(Kind::BlockEnd, "'%}'");
  uint32_t list = program.list(statements);
  return program.add(place, LLMC_NODE_BLOCK, 0, list, static_cast<uint32_t>(statements.size()));
}

uint32_t TemplateParser::jump(TemplatePlace place, llmc_template_kind kind) {
  needKind(Kind::BlockEnd, "'%}'");
  if (!failed() && loops == 0)
    return fail(place,
                std::string("'") + (kind == LLMC_NODE_BREAK ? "break" : "continue") + "' stands outside of a loop");
  return program.add(place, kind);
}

TemplateMistake parseTemplate(std::string_view source, TemplateProgram &program, uint32_t &root) {
  if (source.size() > (1u << 20))
    return {"the template has " + std::to_string(source.size()) + " bytes, at most 1048576 are read", "", {}};
  TemplateTokens lexed = lexTemplate(source);
  if (!lexed.mistake.empty())
    return {lexed.mistake, "", lexed.place};
  TemplateMistake mistake = TemplateParser(std::move(lexed.tokens), program).run(root);
  uint32_t deep = mistake.message.empty() ? findTooDeep(program) : LLMC_NO_NODE;
  if (deep == LLMC_NO_NODE)
    return mistake;
  return {"the template is nested too deeply",
          "write it with fewer blocks and operands within each other",
          {program.nodes[deep].line, program.nodes[deep].column}};
}

} // namespace llmc::text
