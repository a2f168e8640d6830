// ParserExpressions.cpp - expressions of templates.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/template/Parser.h"

#include <cstring>

namespace llmc::text {

uint32_t TemplateParser::integer(TemplatePlace place, int64_t value) {
  uint64_t bits = static_cast<uint64_t>(value);
  return program.add(place, LLMC_NODE_INTEGER, 0, static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32));
}

uint32_t TemplateParser::expression(bool withChoice) {
  Nesting nesting(*this);
  size_t before = missing.size();
  uint32_t value = either();
  while (withChoice && now().isName("if")) {
    for (size_t i = before; i < missing.size(); ++i)
      missing[i].isGuarded = true;
    TemplatePlace place = now().place;
    step();
    uint32_t condition = either(), other = LLMC_NO_NODE;
    ++guards;
    if (takeName("else"))
      other = expression();
    --guards;
    value = program.add(place, LLMC_NODE_CHOOSE, 0, condition, value, other);
  }
  return value;
}

uint32_t TemplateParser::either() {
  uint32_t left = both();
  while (now().isName("or")) {
    TemplatePlace place = now().place;
    step();
    uint32_t right = both();
    left = program.add(place, LLMC_NODE_OR, 0, left, right);
  }
  return left;
}

uint32_t TemplateParser::both() {
  uint32_t left = negation();
  while (now().isName("and")) {
    TemplatePlace place = now().place;
    step();
    uint32_t right = negation();
    left = program.add(place, LLMC_NODE_AND, 0, left, right);
  }
  return left;
}

uint32_t TemplateParser::negation() {
  if (!now().isName("not"))
    return comparison();
  Nesting nesting(*this);
  TemplatePlace place = now().place;
  step();
  uint32_t value = failed() ? 0 : negation();
  return program.add(place, LLMC_NODE_NOT, 0, value);
}

uint32_t TemplateParser::comparison() {
  static constexpr struct {
    const char *symbol;
    llmc_template_comparison comparison;
  } symbols[] = {{"==", LLMC_TEMPLATE_EQUAL},  {"!=", LLMC_TEMPLATE_NOT_EQUAL},
                 {"<", LLMC_TEMPLATE_LESS},    {"<=", LLMC_TEMPLATE_LESS_EQUAL},
                 {">", LLMC_TEMPLATE_GREATER}, {">=", LLMC_TEMPLATE_GREATER_EQUAL}};
  TemplatePlace place = now().place;
  uint32_t first = sum();
  std::vector<uint32_t> pairs;
  for (;;) {
    uint32_t found = 0;
    for (const auto &row : symbols)
      if (now().isOperator(row.symbol))
        found = row.comparison;
    if (now().isName("in"))
      found = LLMC_TEMPLATE_IN;
    if (now().isName("not") && after().isName("in")) {
      step();
      found = LLMC_TEMPLATE_NOT_IN;
    }
    if (found == 0)
      break;
    if (pairs.empty())
      place = now().place;
    step();
    uint32_t right = sum();
    pairs.push_back(found);
    pairs.push_back(right);
  }
  if (pairs.empty())
    return first;
  uint32_t list = program.list(pairs);
  return program.add(place, LLMC_NODE_COMPARE, 0, first, list, static_cast<uint32_t>(pairs.size()));
}

uint32_t TemplateParser::sum() {
  uint32_t left = concatenation();
  while (now().isOperator("+") || now().isOperator("-")) {
    TemplatePlace place = now().place;
    uint8_t operation = now().text == "+" ? LLMC_TEMPLATE_ADD : LLMC_TEMPLATE_SUBTRACT;
    step();
    uint32_t right = concatenation();
    left = program.add(place, LLMC_NODE_BINARY, operation, left, right);
  }
  return left;
}

uint32_t TemplateParser::concatenation() {
  TemplatePlace place = now().place;
  std::vector<uint32_t> parts = {product()};
  while (takeOperator("~"))
    parts.push_back(product());
  if (parts.size() == 1)
    return parts[0];
  uint32_t list = program.list(parts);
  return program.add(place, LLMC_NODE_CONCATENATE, 0, list, static_cast<uint32_t>(parts.size()));
}

uint32_t TemplateParser::product() {
  uint32_t left = power();
  for (;;) {
    uint8_t operation = now().isOperator("*")    ? LLMC_TEMPLATE_MULTIPLY
                        : now().isOperator("/")  ? LLMC_TEMPLATE_DIVIDE
                        : now().isOperator("//") ? LLMC_TEMPLATE_FLOOR_DIVIDE
                        : now().isOperator("%")  ? LLMC_TEMPLATE_REMAINDER
                                                 : 0;
    if (operation == 0)
      return left;
    TemplatePlace place = now().place;
    step();
    uint32_t right = power();
    left = program.add(place, LLMC_NODE_BINARY, operation, left, right);
  }
}

uint32_t TemplateParser::power() {
  uint32_t left = sign();
  while (now().isOperator("**")) {
    TemplatePlace place = now().place;
    step();
    uint32_t right = sign();
    left = program.add(place, LLMC_NODE_BINARY, LLMC_TEMPLATE_POWER, left, right);
  }
  return left;
}

uint32_t TemplateParser::sign(bool withFilters) {
  Nesting nesting(*this);
  if (failed())
    return 0;
  TemplatePlace place = now().place;
  uint32_t node;
  if (takeOperator("-")) {
    uint32_t value = sign(false);
    node = program.add(place, LLMC_NODE_NEGATIVE, 0, value);
  } else if (takeOperator("+")) {
    uint32_t value = sign(false);
    node = program.add(place, LLMC_NODE_POSITIVE, 0, value);
  } else {
    node = primary();
  }
  node = postfix(node);
  return withFilters ? filtersAndTests(node) : node;
}

uint32_t TemplateParser::primary() {
  TemplateToken token = now();
  TemplatePlace place = token.place;
  switch (token.kind) {
  case Kind::Name: {
    step();
    const std::string &name = token.text;
    if (name == "true" || name == "True" || name == "false" || name == "False")
      return program.add(place, LLMC_NODE_BOOLEAN, name == "true" || name == "True");
    if (name == "none" || name == "None")
      return program.add(place, LLMC_NODE_NONE);
    uint8_t flag = name == "caller"    ? LLMC_MACRO_CALLER
                   : name == "varargs" ? LLMC_MACRO_VARARGS
                   : name == "kwargs"  ? LLMC_MACRO_KWARGS
                                       : 0;
    for (uint8_t &flags : macroFlags)
      flags |= flag;
    uint32_t text = program.text(name);
    return program.add(place, LLMC_NODE_NAME, 0, text);
  }
  case Kind::String: {
    std::string value = token.text;
    step();
    while (now().is(Kind::String)) {
      value += now().text;
      step();
    }
    uint32_t text = program.text(value);
    return program.add(place, LLMC_NODE_STRING, 0, text);
  }
  case Kind::Integer:
    step();
    return integer(place, token.integer);
  case Kind::Float: {
    step();
    uint64_t bits;
    std::memcpy(&bits, &token.number, sizeof bits);
    return program.add(place, LLMC_NODE_FLOAT, 0, static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32));
  }
  default:
    break;
  }
  if (takeOperator("(")) {
    uint32_t value = tuple(true, true);
    needOperator(")");
    return value;
  }
  if (token.isOperator("["))
    return listLiteral();
  if (token.isOperator("{"))
    return dictLiteral();
  return unexpected("an expression");
}

uint32_t TemplateParser::listLiteral() {
  TemplatePlace place = now().place;
  step();
  std::vector<uint32_t> items;
  while (!failed() && !now().isOperator("]")) {
    if (!items.empty() && !needOperator(","))
      break;
    if (now().isOperator("]"))
      break;
    items.push_back(expression());
  }
  needOperator("]");
  uint32_t list = program.list(items);
  return program.add(place, LLMC_NODE_LIST, 0, list, static_cast<uint32_t>(items.size()));
}

uint32_t TemplateParser::dictLiteral() {
  TemplatePlace place = now().place;
  step();
  std::vector<uint32_t> items;
  while (!failed() && !now().isOperator("}")) {
    if (!items.empty() && !needOperator(","))
      break;
    if (now().isOperator("}"))
      break;
    items.push_back(expression());
    needOperator(":");
    items.push_back(expression());
  }
  needOperator("}");
  uint32_t list = program.list(items);
  return program.add(place, LLMC_NODE_DICT, 0, list, static_cast<uint32_t>(items.size()));
}

bool TemplateParser::endsTuple(Words ends) const {
  return now().is(Kind::VariableEnd) || now().is(Kind::BlockEnd) || now().is(Kind::End) || now().isOperator(")") ||
         isNameOf(ends);
}

uint32_t TemplateParser::tuple(bool withChoice, bool inParentheses, Words ends) {
  TemplatePlace place = now().place;
  std::vector<uint32_t> items;
  bool isTuple = false;
  while (!failed()) {
    if (endsTuple(ends))
      break;
    items.push_back(expression(withChoice));
    if (!takeOperator(","))
      break;
    isTuple = true;
  }
  if (!isTuple && !items.empty())
    return items[0];
  if (!isTuple && !inParentheses)
    return unexpected("an expression");
  uint32_t list = program.list(items);
  return program.add(place, LLMC_NODE_TUPLE, 0, list, static_cast<uint32_t>(items.size()));
}

uint32_t TemplateParser::postfix(uint32_t node) {
  while (!failed()) {
    TemplatePlace place = now().place;
    if (now().isOperator(".")) {
      step();
      if (now().is(Kind::Name)) {
        uint32_t name = program.text(now().text);
        step();
        node = program.add(place, LLMC_NODE_ATTRIBUTE, 0, node, name);
      } else if (now().is(Kind::Integer)) {
        uint32_t index = integer(now().place, now().integer);
        step();
        node = program.add(place, LLMC_NODE_ITEM, 0, node, index);
      } else {
        return unexpected("a name or a number after '.'");
      }
    } else if (now().isOperator("[")) {
      node = subscript(node);
    } else if (now().isOperator("(")) {
      node = call(node);
    } else {
      break;
    }
  }
  return node;
}

uint32_t TemplateParser::subscript(uint32_t node) {
  TemplatePlace place = now().place;
  step();
  std::vector<uint32_t> parts;
  bool isSlice = false, isTuple = false;
  uint32_t part[3] = {LLMC_NO_NODE, LLMC_NO_NODE, LLMC_NO_NODE};
  for (unsigned place = 0; !failed() && !now().isOperator("]");) {
    if (now().isOperator(":")) {
      isSlice = true;
      if (++place > 2)
        return unexpected("']'");
      step();
    } else if (now().isOperator(",") && !isSlice && !parts.empty()) {
      isTuple = true;
      part[0] = LLMC_NO_NODE;
      step();
    } else if (part[place] == LLMC_NO_NODE) {
      part[place] = expression();
      parts.push_back(part[place]);
    } else {
      return unexpected("']'");
    }
  }
  needOperator("]");
  if (isSlice && isTuple)
    return fail(place, "a slice cannot stand in a list of indices");
  if (isSlice)
    return program.add(place, LLMC_NODE_SLICE, 0, node, part[0], part[1], part[2]);
  if (parts.empty())
    return fail(place, "nothing stands in '[]', expected an index");
  uint32_t index = parts[0];
  if (isTuple) {
    uint32_t list = program.list(parts);
    index = program.add(place, LLMC_NODE_TUPLE, 0, list, static_cast<uint32_t>(parts.size()));
  }
  return program.add(place, LLMC_NODE_ITEM, 0, node, index);
}

} // namespace llmc::text
