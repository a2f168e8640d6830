// ParserCalls.cpp - calls, filters and tests of templates: what they are called and what they are given.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/template/Parser.h"

#include <algorithm>

namespace llmc::text {

TemplateParser::Arguments TemplateParser::arguments() {
  Nesting nesting(*this);
  Arguments given;
  given.place = now().place;
  needOperator("(");
  bool first = true;
  while (!failed() && !now().isOperator(")")) {
    if (!first && !needOperator(","))
      break;
    first = false;
    if (now().isOperator(")"))
      break;
    if (now().isOperator("*") || now().isOperator("**")) {
      fail(now().place, "arguments cannot be given as '" + now().text + "'", "write them one by one");
      break;
    }
    if (now().is(Kind::Name) && after().isOperator("=")) {
      std::string name = now().text;
      TemplatePlace place = now().place;
      step();
      step();
      uint32_t value = expression();
      for (const auto &[other, node] : given.named)
        if (other == name)
          fail(place, "the argument '" + name + "' is given twice");
      given.named.emplace_back(name, value);
      continue;
    }
    if (!given.named.empty())
      fail(now().place, "an argument without a name stands after one with a name");
    given.positional.push_back(expression());
  }
  needOperator(")");
  return given;
}

uint32_t TemplateParser::call(uint32_t callee) {
  TemplatePlace place = now().place;
  if (program.nodes[callee].kind == LLMC_NODE_NAME) {
    place = {program.nodes[callee].line, program.nodes[callee].column};
    std::string name = program.texts[program.nodes[callee].a];
    if (!findFunction(name) && name != "caller" && name != "loop")
      missing.push_back(
          {{"unknown function '" + name + "'", "the functions are " + functionNames(), place}, name, guards > 0});
  }
  Arguments given = arguments();
  std::vector<uint32_t> operands = given.positional;
  for (const auto &[name, value] : given.named) {
    operands.push_back(program.text(name));
    operands.push_back(value);
  }
  uint32_t list = program.list(operands);
  return program.add(place, LLMC_NODE_CALL, 0, callee, list, static_cast<uint32_t>(given.positional.size()),
                     static_cast<uint32_t>(given.named.size()));
}

/// A node that ends the evaluation, in place of something nobody has.
uint32_t TemplateParser::unknown(TemplatePlace place, std::string message, std::string note) {
  uint32_t text = program.text(message);
  missing.push_back({{std::move(message), std::move(note), place}, "", guards > 0});
  return program.add(place, LLMC_NODE_FAIL, 0, text);
}

void TemplateParser::checkMissing() {
  for (const Missing &row : missing)
    if (!row.isGuarded && (row.name.empty() || assigned.count(row.name) == 0)) {
      mistake = row.mistake;
      return;
    }
}

uint32_t TemplateParser::filtersAndTests(uint32_t node) {
  while (!failed()) {
    if (takeOperator("|")) {
      node = filter(node);
    } else if (now().isName("is")) {
      node = test(node);
    } else if (now().isOperator("(")) {
      node = call(node);
    } else {
      break;
    }
  }
  return node;
}

std::string TemplateParser::dottedName(const char *words) {
  std::string name = needName(words);
  while (takeOperator("."))
    name += "." + needName(words);
  return name;
}

bool TemplateParser::stringOf(uint32_t node, std::string &value) const {
  if (program.nodes[node].kind != LLMC_NODE_STRING)
    return false;
  value = program.texts[program.nodes[node].a];
  return true;
}

bool TemplateParser::bind(const TemplateCallable &callable, const char *what, const Arguments &given,
                          std::vector<uint32_t> &bound) {
  std::string named = std::string("the ") + what + " '" + callable.name + "'";
  if (callable.isVariadic()) {
    if (!given.named.empty())
      return fail(given.place, named + " takes no argument '" + given.named[0].first + "'"), false;
    bound = given.positional;
    if (bound.size() > LLMC_TEMPLATE_MAX_ARGUMENTS)
      return fail(given.place, named + " has more than " + std::to_string(LLMC_TEMPLATE_MAX_ARGUMENTS) + " arguments"),
             false;
    return true;
  }
  std::vector<std::string> names = callable.parameterNames();
  if (given.positional.size() > names.size())
    return fail(given.place, named + " takes at most " + std::to_string(names.size()) + " arguments, found " +
                                 std::to_string(given.positional.size())),
           false;
  bound = given.positional;
  bound.resize(names.size(), LLMC_NO_NODE);
  for (const auto &[name, value] : given.named) {
    auto place = std::find(names.begin(), names.end(), name);
    if (place == names.end())
      return fail(given.place, named + " takes no argument '" + name + "'"), false;
    uint32_t &slot = bound[static_cast<size_t>(place - names.begin())];
    if (slot != LLMC_NO_NODE)
      return fail(given.place, named + ": the argument '" + name + "' is given twice"), false;
    slot = value;
  }
  for (size_t i = 0; i < callable.required; ++i)
    if (bound[i] == LLMC_NO_NODE)
      return fail(given.place, named + " needs the argument '" + names[i] + "'"), false;
  while (!bound.empty() && bound.back() == LLMC_NO_NODE)
    bound.pop_back();
  return true;
}

uint32_t TemplateParser::filterNode(uint32_t node, llmc_template_kind kind, const std::string &name,
                                    const Arguments &given, TemplatePlace place) {
  const TemplateCallable *found = findFilter(name);
  if (!found)
    return unknown(place, "unknown filter '" + name + "'", "the filters are " + filterNames());
  std::vector<uint32_t> bound;
  if (!bind(*found, "filter", given, bound))
    return 0;
  uint32_t list = program.list(bound);
  return program.add(place, kind, found->number, node, list, static_cast<uint32_t>(bound.size()));
}

uint32_t TemplateParser::filter(uint32_t node) {
  TemplatePlace place = now().place;
  std::string name = dottedName("a filter's name");
  Arguments given;
  given.place = place;
  if (now().isOperator("("))
    given = arguments();
  if (failed())
    return 0;
  if (name == "map")
    return map(node, given);
  if (name == "select" || name == "reject" || name == "selectattr" || name == "rejectattr")
    return select(node, given, name);
  return filterNode(node, LLMC_NODE_FILTER, name, given, place);
}

/// `map` with a filter's name, or with an attribute.
uint32_t TemplateParser::map(uint32_t node, Arguments &given) {
  if (given.positional.empty()) {
    uint32_t attribute = LLMC_NO_NODE, otherwise = LLMC_NO_NODE;
    for (const auto &[name, value] : given.named) {
      if (name != "attribute" && name != "default")
        return fail(given.place, "the filter 'map' takes no argument '" + name + "'");
      (name == "attribute" ? attribute : otherwise) = value;
    }
    if (attribute == LLMC_NO_NODE)
      return fail(given.place, "the filter 'map' needs a filter's name, or 'attribute'");
    return program.add(given.place, LLMC_NODE_MAP_ATTRIBUTE, 0, node, attribute, otherwise);
  }
  std::string name;
  if (!stringOf(given.positional[0], name))
    return fail(given.place, "the filter that 'map' applies must be written as a string");
  given.positional.erase(given.positional.begin());
  return filterNode(node, LLMC_NODE_MAP_FILTER, name, given, given.place);
}

uint32_t TemplateParser::select(uint32_t node, Arguments &given, const std::string &filter) {
  uint32_t attribute = LLMC_NO_NODE;
  if (filter == "selectattr" || filter == "rejectattr") {
    if (given.positional.empty())
      return fail(given.place, "the filter '" + filter + "' needs an attribute's name");
    attribute = given.positional[0];
    given.positional.erase(given.positional.begin());
  }
  std::string name;
  std::vector<uint32_t> bound;
  uint8_t number = LLMC_TEST_TRUTH;
  if (!given.positional.empty()) {
    if (!stringOf(given.positional[0], name))
      return fail(given.place, "the test that '" + filter + "' applies must be written as a string");
    given.positional.erase(given.positional.begin());
    const TemplateCallable *test = findTest(name);
    if (!test)
      return unknown(given.place, "unknown test '" + name + "'", "the tests are " + testNames());
    if (!bind(*test, "test", given, bound))
      return 0;
    number = test->number;
  } else if (!given.named.empty()) {
    return fail(given.place, "the filter '" + filter + "' takes no argument '" + given.named[0].first + "'");
  }
  uint32_t list = program.list(bound);
  return program.add(given.place, filter[0] == 's' ? LLMC_NODE_SELECT : LLMC_NODE_REJECT, number, node, list,
                     static_cast<uint32_t>(bound.size()), attribute);
}

uint32_t TemplateParser::test(uint32_t node) {
  step(); // "is"
  bool isNegated = takeName("not");
  TemplatePlace place = now().place;
  std::string name = dottedName("a test's name");
  Arguments given;
  given.place = place;
  bool startsArgument = now().is(Kind::Name) || now().is(Kind::String) || now().is(Kind::Integer) ||
                        now().is(Kind::Float) || now().isOperator("[") || now().isOperator("{");
  if (now().isOperator("(")) {
    given = arguments();
  } else if (startsArgument && !isNameOf({"else", "or", "and"})) {
    if (now().isName("is"))
      return fail(now().place, "tests cannot be chained", "join them by 'and'");
    if (!isNameOf({"if", "in", "not", "recursive"})) {
      uint32_t value = primary();
      given.positional.push_back(postfix(value));
    }
  }
  if (failed())
    return 0;
  uint32_t result;
  std::string asked;
  if (name == "filter" || name == "test") {
    if (!stringOf(node, asked))
      return fail(place, "the test '" + name + "' needs a string that is written out");
    result = program.add(place, LLMC_NODE_BOOLEAN,
                         name == "test" ? findTest(asked) != nullptr
                                        : (findFilter(asked) != nullptr || asked == "map" || asked == "select" ||
                                           asked == "reject" || asked == "selectattr" || asked == "rejectattr"));
  } else {
    const TemplateCallable *found = findTest(name);
    if (!found)
      return unknown(place, "unknown test '" + name + "'", "the tests are " + testNames());
    std::vector<uint32_t> bound;
    if (!bind(*found, "test", given, bound))
      return 0;
    uint32_t list = program.list(bound);
    result = program.add(place, LLMC_NODE_TEST, found->number, node, list, static_cast<uint32_t>(bound.size()));
  }
  return isNegated ? program.add(place, LLMC_NODE_NOT, 0, result) : result;
}

} // namespace llmc::text
