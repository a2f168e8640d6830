// Tests.cpp - tests of chat templates: what stands behind "is".
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Evaluator.h"

namespace llmc::runtime::chat {

bool Evaluator::test(uint32_t number, const Value &value, const Value *arguments, uint32_t count, bool &result) {
  Value text, answer;
  switch (number) {
  case LLMC_TEST_TRUTH:
    result = truth(value);
    return true;
  case LLMC_TEST_ODD:
  case LLMC_TEST_EVEN:
    return arithmetic(LLMC_TEMPLATE_REMAINDER, value, Value::of(int64_t(2)), answer) &&
           equal(answer, Value::of(int64_t(number == LLMC_TEST_ODD)), result);
  case LLMC_TEST_DIVISIBLEBY:
    if (!arithmetic(LLMC_TEMPLATE_REMAINDER, value, arguments[0], answer))
      return false;
    result = !truth(answer);
    return true;
  case LLMC_TEST_DEFINED:
    result = !value.is(Kind::Undefined);
    return true;
  case LLMC_TEST_UNDEFINED:
    result = value.is(Kind::Undefined);
    return true;
  case LLMC_TEST_NONE:
    result = value.is(Kind::None);
    return true;
  case LLMC_TEST_BOOLEAN:
    result = value.is(Kind::Bool);
    return true;
  case LLMC_TEST_FALSE:
  case LLMC_TEST_TRUE:
    result = value.is(Kind::Bool) && value.boolean == (number == LLMC_TEST_TRUE);
    return true;
  case LLMC_TEST_INTEGER:
    result = value.is(Kind::Int);
    return true;
  case LLMC_TEST_FLOAT:
    result = value.is(Kind::Float);
    return true;
  case LLMC_TEST_LOWER:
  case LLMC_TEST_UPPER:
    if (!toString(value, text) || !classify(text.view(), number == LLMC_TEST_LOWER ? "islower" : "isupper", answer))
      return false;
    result = answer.boolean;
    return true;
  case LLMC_TEST_STRING:
    result = value.is(Kind::String);
    return true;
  case LLMC_TEST_MAPPING:
    result = value.is(Kind::Dict);
    return true;
  case LLMC_TEST_NUMBER:
    result = value.isNumber();
    return true;
  case LLMC_TEST_SEQUENCE: // what has a length and items; even an undefined value claims to
    result = value.is(Kind::Undefined) || value.is(Kind::String) || value.is(Kind::Dict) ||
             (value.is(Kind::List) && value.list->flavour != Flavour::Iterator);
    return true;
  case LLMC_TEST_ITERABLE:
    result = isIterable(value);
    return true;
  case LLMC_TEST_CALLABLE:
    result = value.is(Kind::Macro) || value.is(Kind::Function) || value.is(Kind::Method) || value.is(Kind::Undefined) ||
             value.is(Kind::Loop) || (value.is(Kind::Cycler) && value.cycler->isJoiner);
    return true;
  case LLMC_TEST_SAMEAS: {
    const Value &other = arguments[0];
    result = value.kind == other.kind;
    if (!result || value.is(Kind::None))
      return true;
    if (value.is(Kind::Bool) || value.isNumber() || value.is(Kind::String))
      return equal(value, other, result);
    result = value.text == other.text;
    return true;
  }
  case LLMC_TEST_ESCAPED:
    result = value.is(Kind::String) && value.safe;
    return true;
  case LLMC_TEST_IN:
    return contains(arguments[0], value, result);
  default:
    return compare(number - LLMC_TEST_EQUAL + LLMC_TEMPLATE_EQUAL, value, arguments[0], result);
  }
}

} // namespace llmc::runtime::chat
