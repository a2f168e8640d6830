// Evaluator.cpp - walks the nodes of a chat template: statements, expressions, variables.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Evaluator.h"

#include "runtime/src/text/Utf8.h"

#include <cstdarg>
#include <cstdio>

namespace llmc::runtime::chat {

// ------------------------------------------------------------ mistakes, bounds, memory

void Evaluator::writeMessage(ChatStatus wanted, bool withPlace, const char *text) {
  if (status != ChatStatus::Ok)
    return;
  status = wanted;
  if (!withPlace || here == LLMC_NO_NODE) {
    std::snprintf(message, messageSize, "%s", text);
    return;
  }
  View file = templates.text(templates.header.file);
  llmc_template_node node = templates.nodes[here];
  std::snprintf(message, messageSize, "%.*s: line %u, column %u: %s", int(file.size < 200 ? file.size : 200), file.data,
                node.line, unsigned(node.column), text);
}

bool Evaluator::fail(const char *format, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  writeMessage(ChatStatus::Failed, true, text);
  return false;
}

bool Evaluator::failWith(ChatStatus wanted, const char *format, ...) {
  char text[600];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  writeMessage(wanted, wanted == ChatStatus::TooMuch, text);
  return false;
}

bool Evaluator::noMemory() {
  if (arena.full)
    return failWith(ChatStatus::TooMuch, "the template takes more than %zu MiB of memory", limits.memory >> 20);
  return failWith(ChatStatus::OutOfMemory, "no memory for the template's text");
}

bool Evaluator::tooMuch() {
  return failWith(ChatStatus::TooMuch, "the template takes more than %llu steps", (unsigned long long)limits.steps);
}

bool Evaluator::tooDeep() {
  return failWith(ChatStatus::TooMuch, "the template calls itself, or nests values, more than %u levels deep",
                  limits.depth);
}

bool Evaluator::undefinedError(const Value &value) {
  return value.code ? fail("%.*s", int(value.length), value.text)
                    : fail("'%.*s' is undefined", int(value.length), value.text);
}

const char *Evaluator::kindName(const Value &value) {
  switch (value.kind) {
  case Kind::Undefined:
    return "an undefined value";
  case Kind::None:
    return "none";
  case Kind::Bool:
    return "a truth value";
  case Kind::Int:
    return "an integer";
  case Kind::Float:
    return "a number";
  case Kind::String:
    return "a string";
  case Kind::List:
    return value.list->flavour == Flavour::Tuple      ? "a tuple"
           : value.list->flavour == Flavour::Iterator ? "an iterator"
           : value.list->flavour == Flavour::Range    ? "a range"
                                                      : "a list";
  case Kind::Dict:
    return "a dict";
  case Kind::Namespace:
    return "a namespace";
  case Kind::Macro:
    return "a macro";
  case Kind::Loop:
    return "a loop";
  case Kind::Cycler:
    return "a cycler";
  default:
    return "a function";
  }
}

bool Evaluator::put(View text) {
  if (!spend(1 + text.size / 16))
    return false;
  if (out.size() + text.size > limits.memory)
    return failWith(ChatStatus::TooMuch, "the template writes more than %zu MiB", limits.memory >> 20);
  return out.append(text.data, text.size) || noMemory();
}

bool Evaluator::putCharacter(uint32_t codepoint) {
  uint8_t bytes[4];
  uint32_t size = encodeCharacter(codepoint, bytes);
  return put(View(reinterpret_cast<char *>(bytes), size));
}

bool Evaluator::putSpaces(int64_t count) {
  static const char spaces[] = "                                ";
  for (; count > 0; count -= 32)
    if (!put(View(spaces, size_t(count < 32 ? count : 32))))
      return false;
  return true;
}

bool Evaluator::finish(size_t start, Value &result) {
  size_t size = out.size() - start;
  char *copy;
  if (size > UINT32_MAX)
    return failWith(ChatStatus::TooMuch, "a text of the template is longer than 4 GiB");
  if (!make(copy, size ? size : 1))
    return false;
  if (size)
    std::memcpy(copy, out.data() + start, size);
  out.truncate(start);
  result = Value::of(View(copy, size));
  return true;
}

bool Evaluator::newList(uint32_t count, Flavour flavour, Value &result) {
  List *list;
  if (!spend(1 + count / 4) || !make(list))
    return false;
  *list = {nullptr, count, flavour, 0};
  if (!make(list->items, count ? count : 1))
    return false;
  result = Value::of(list);
  return true;
}

bool Evaluator::pairOf(const Value &first, const Value &second, Value &result) {
  if (!newList(2, Flavour::Tuple, result))
    return false;
  result.list->items[0] = first;
  result.list->items[1] = second;
  return true;
}

// ------------------------------------------------------------ variables

const Value *Evaluator::find(Scope *scope, uint32_t name) {
  uint64_t looked = 0; // counts as steps: a template may have any number of variables
  const Value *found = nullptr;
  for (; scope && !found; scope = scope->outer, ++looked)
    for (const Variable *variable = scope->variables; variable && !found; variable = variable->next, ++looked)
      if (variable->name == name)
        found = &variable->value;
  steps += looked / 8;
  return found;
}

bool Evaluator::set(Scope *scope, uint32_t name, const Value &value) {
  uint64_t looked = 0;
  for (Variable *variable = scope->variables; variable; variable = variable->next, ++looked)
    if (variable->name == name) {
      variable->value = value;
      return spend(looked / 8);
    }
  Variable *made;
  if (!spend(looked / 8) || !make(made))
    return false;
  *made = {name, value, scope->variables};
  scope->variables = made;
  return true;
}

uint32_t Evaluator::numberOf(View name) const {
  for (uint32_t i = 0; i < templates.texts.count; ++i)
    if (templates.text(i) == name)
      return i;
  return LLMC_NO_NODE;
}

/// Sets a variable that every scope sees, where the templates know its name at all.
bool Evaluator::define(View name, const Value &value) {
  uint32_t number = numberOf(name);
  return spend(1 + templates.texts.count / 8) && (number == LLMC_NO_NODE || set(root, number, value));
}

Scope *Evaluator::newScope(Scope *outer) {
  Scope *scope;
  if (!make(scope))
    return nullptr;
  *scope = {outer, nullptr};
  return scope;
}

bool Evaluator::assign(uint32_t target, const Value &value, Scope *scope) {
  llmc_template_node node = templates.nodes[target];
  if (node.kind == LLMC_NODE_TO_NAME)
    return set(scope, node.a, value);
  here = target;
  if (node.kind == LLMC_NODE_TO_FIELD) {
    const Value *space = find(scope, node.a);
    View name = templates.text(node.a), field = templates.text(node.b);
    if (!space || !space->is(Kind::Namespace))
      return fail("cannot set a field of '%.*s': it is no namespace", int(name.size), name.data);
    if (field.size && field.data[0] == '_')
      return fail("a namespace's field must not begin with an underscore, found '%.*s'", int(field.size), field.data);
    return insert(*space->fields->dict, Value::of(field), value);
  }
  Value *items;
  uint32_t count;
  if (!elements(value, items, count))
    return false;
  if (count != node.b)
    return fail("%u values for %u names", count, node.b);
  for (uint32_t i = 0; i < count; ++i)
    if (!assign(templates.operands[node.a + i], items[i], scope))
      return false;
  return true;
}

// ------------------------------------------------------------ statements

bool Evaluator::capture(uint32_t statement, Scope *scope, Value &result) {
  size_t start = out.size();
  Flow flow = Flow::Next;
  return execute(statement, scope, flow) && finish(start, result);
}

bool Evaluator::execute(uint32_t number, Scope *scope, Flow &flow) {
  Nesting nesting(*this);
  const llmc_template_node node = templates.nodes[number];
  here = number;
  if (!spend(1) || !nesting.good())
    return false;
  Value value;
  switch (node.kind) {
  case LLMC_NODE_TEXT:
    return put(templates.text(node.a));
  case LLMC_NODE_PRINT:
    if (!evaluate(node.a, scope, value))
      return false;
    here = number;
    return putString(value);
  case LLMC_NODE_BLOCK:
    for (uint32_t i = 0; i < node.b && flow == Flow::Next; ++i)
      if (!execute(templates.operands[node.a + i], scope, flow))
        return false;
    return true;
  case LLMC_NODE_IF:
    if (!evaluate(node.a, scope, value))
      return false;
    if (truth(value))
      return execute(node.b, scope, flow);
    return node.c == LLMC_NO_NODE || execute(node.c, scope, flow);
  case LLMC_NODE_FOR:
    return evaluate(node.b, scope, value) && forLoop(number, value, scope, 0);
  case LLMC_NODE_SET:
    return evaluate(node.b, scope, value) && assign(node.a, value, scope);
  case LLMC_NODE_WITH: {
    Scope *inner = newScope(scope);
    for (uint32_t i = 0; inner && i < node.b; i += 2)
      if (!evaluate(templates.operands[node.a + i + 1], scope, value) ||
          !assign(templates.operands[node.a + i], value, inner))
        return false;
    return inner && execute(node.c, inner, flow);
  }
  case LLMC_NODE_SCOPE: {
    Scope *inner = newScope(scope);
    return inner && execute(node.a, inner, flow);
  }
  case LLMC_NODE_BREAK:
    flow = Flow::Break;
    return true;
  case LLMC_NODE_CONTINUE:
    flow = Flow::Continue;
    return true;
  default:
    return fail("a statement of unknown kind");
  }
}

bool Evaluator::forLoop(uint32_t number, const Value &sequence, Scope *scope, uint32_t level) {
  const llmc_template_node node = templates.nodes[number];
  here = number;
  Value *items;
  uint32_t count;
  if (!elements(sequence, items, count))
    return false;
  uint32_t condition = templates.operands[node.d], otherwise = templates.operands[node.d + 1];
  if (condition != LLMC_NO_NODE && count) {
    Value kept;
    if (!newList(count, Flavour::List, kept))
      return false;
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; ++i) {
      Scope *inner = newScope(scope);
      Value holds;
      if (!inner || !assign(node.a, items[i], inner) || !evaluate(condition, inner, holds))
        return false;
      if (truth(holds))
        kept.list->items[found++] = items[i];
    }
    items = kept.list->items;
    count = found;
  }
  Flow flow = Flow::Next;
  if (!count) {
    Scope *inner = otherwise == LLMC_NO_NODE ? nullptr : newScope(scope);
    return otherwise == LLMC_NO_NODE || (inner && execute(otherwise, inner, flow));
  }
  Loop *loop;
  if (!make(loop))
    return false;
  *loop = {items, count, 0, level, number, false, Value(), scope};
  Value self = Value::none();
  self.kind = Kind::Loop;
  self.loop = loop;
  for (; loop->index < count; ++loop->index) {
    Scope *inner = newScope(scope);
    if (!inner || (loopName != LLMC_NO_NODE && !set(inner, loopName, self)) ||
        !assign(node.a, items[loop->index], inner) || !execute(node.c, inner, flow))
      return false;
    if (flow == Flow::Break)
      break;
    flow = Flow::Next;
  }
  return true;
}

// ------------------------------------------------------------ expressions

bool Evaluator::evaluateMany(uint32_t place, uint32_t count, Scope *scope, Value *results) {
  for (uint32_t i = 0; i < count; ++i)
    if (!evaluate(templates.operands[place + i], scope, results[i]))
      return false;
  return true;
}

bool Evaluator::compareChain(const llmc_template_node &node, Scope *scope, Value &result) {
  Value left, right;
  if (!evaluate(node.a, scope, left))
    return false;
  uint32_t self = here;
  bool holds = true;
  for (uint32_t i = 0; i < node.c && holds; i += 2) {
    if (!evaluate(templates.operands[node.b + i + 1], scope, right))
      return false;
    here = self;
    if (!compare(templates.operands[node.b + i], left, right, holds))
      return false;
    left = right;
  }
  result = Value::of(holds);
  return true;
}

/// What select, reject and their like keep.
bool Evaluator::select(const llmc_template_node &node, Scope *scope, Value &result) {
  uint32_t self = here;
  Value sequence, arguments[LLMC_TEMPLATE_MAX_ARGUMENTS];
  Getter getter;
  if (!evaluate(node.a, scope, sequence) || !evaluateMany(node.b, node.c, scope, arguments))
    return false;
  getter.present = node.d != LLMC_NO_NODE;
  if (getter.present && !evaluate(node.d, scope, getter.path))
    return false;
  here = self;
  Value *items;
  uint32_t count, kept = 0;
  if (!truth(sequence))
    return newList(0, Flavour::Iterator, result);
  if (!elements(sequence, items, count) || !newList(count, Flavour::Iterator, result))
    return false;
  for (uint32_t i = 0; i < count; ++i) {
    Value asked;
    bool holds;
    if (!follow(items[i], getter, asked) || !test(node.operation, asked, arguments, node.c, holds))
      return false;
    if (holds == (node.kind == LLMC_NODE_SELECT))
      result.list->items[kept++] = items[i];
  }
  result.list->count = kept;
  return true;
}

/// `map`, with a filter or an attribute.
bool Evaluator::mapEach(const llmc_template_node &node, Scope *scope, Value &result) {
  uint32_t self = here;
  Value sequence, arguments[LLMC_TEMPLATE_MAX_ARGUMENTS];
  bool present[LLMC_TEMPLATE_MAX_ARGUMENTS] = {};
  Getter getter;
  if (!evaluate(node.a, scope, sequence))
    return false;
  if (node.kind == LLMC_NODE_MAP_ATTRIBUTE) {
    getter.present = true;
    getter.hasDefault = node.c != LLMC_NO_NODE;
    if (!evaluate(node.b, scope, getter.path) || (getter.hasDefault && !evaluate(node.c, scope, getter.otherwise)))
      return false;
    getter.hasDefault = getter.hasDefault && !getter.otherwise.is(Kind::None);
  } else if (!filterArguments(node, scope, arguments, present)) {
    return false;
  }
  here = self;
  Value *items;
  uint32_t count;
  if (!truth(sequence))
    return newList(0, Flavour::Iterator, result);
  if (!elements(sequence, items, count) || !newList(count, Flavour::Iterator, result))
    return false;
  for (uint32_t i = 0; i < count; ++i)
    if (node.kind == LLMC_NODE_MAP_ATTRIBUTE
            ? !follow(items[i], getter, result.list->items[i])
            : !filter(node.operation, items[i], arguments, present, node.c, result.list->items[i]))
      return false;
  return true;
}

bool Evaluator::filterArguments(const llmc_template_node &node, Scope *scope, Value *arguments, bool *present) {
  for (uint32_t i = 0; i < node.c; ++i) {
    uint32_t argument = templates.operands[node.b + i];
    present[i] = argument != LLMC_NO_NODE;
    if (present[i] && !evaluate(argument, scope, arguments[i]))
      return false;
  }
  return true;
}

bool Evaluator::filterNode(const llmc_template_node &node, Scope *scope, Value &result) {
  uint32_t self = here;
  Value object, arguments[LLMC_TEMPLATE_MAX_ARGUMENTS];
  bool present[LLMC_TEMPLATE_MAX_ARGUMENTS] = {};
  if (!evaluate(node.a, scope, object) || !filterArguments(node, scope, arguments, present))
    return false;
  here = self;
  return filter(node.operation, object, arguments, present, node.c, result);
}

bool Evaluator::testNode(const llmc_template_node &node, Scope *scope, Value &result) {
  uint32_t self = here;
  Value object, arguments[LLMC_TEMPLATE_MAX_ARGUMENTS];
  bool holds;
  if (!evaluate(node.a, scope, object) || !evaluateMany(node.b, node.c, scope, arguments))
    return false;
  here = self;
  if (!test(node.operation, object, arguments, node.c, holds))
    return false;
  result = Value::of(holds);
  return true;
}

bool Evaluator::callNode(const llmc_template_node &node, Scope *scope, Value &result) {
  uint32_t self = here;
  Value callee, *values;
  View *names;
  if (!evaluate(node.a, scope, callee) || !make(values, node.c + node.d + 1) || !make(names, node.d + 1) ||
      !evaluateMany(node.b, node.c, scope, values))
    return false;
  for (uint32_t i = 0; i < node.d; ++i) {
    uint32_t place = node.b + node.c + 2 * i;
    names[i] = templates.text(templates.operands[place]);
    if (!evaluate(templates.operands[place + 1], scope, values[node.c + i]))
      return false;
  }
  here = self;
  Arguments given = {values, node.c, names, values + node.c, node.d};
  return call(callee, given, result);
}

bool Evaluator::evaluate(uint32_t number, Scope *scope, Value &result) {
  Nesting nesting(*this);
  const llmc_template_node node = templates.nodes[number];
  here = number;
  if (!spend(1) || !nesting.good())
    return false;
  switch (node.kind) {
  case LLMC_NODE_NONE:
    result = Value::none();
    return true;
  case LLMC_NODE_BOOLEAN:
    result = Value::of(node.operation != 0);
    return true;
  case LLMC_NODE_INTEGER:
    result = Value::of(int64_t(uint64_t(node.b) << 32 | node.a));
    return true;
  case LLMC_NODE_FLOAT: {
    uint64_t bits = uint64_t(node.b) << 32 | node.a;
    double value;
    std::memcpy(&value, &bits, sizeof value);
    result = Value::of(value);
    return true;
  }
  case LLMC_NODE_STRING:
    result = Value::of(templates.text(node.a));
    return true;
  case LLMC_NODE_NAME:
    if (const Value *found = find(scope, node.a))
      result = *found;
    else
      undefinedNamed(templates.text(node.a), result);
    return true;
  case LLMC_NODE_LIST:
  case LLMC_NODE_TUPLE:
    return newList(node.b, node.kind == LLMC_NODE_LIST ? Flavour::List : Flavour::Tuple, result) &&
           evaluateMany(node.a, node.b, scope, result.list->items);
  case LLMC_NODE_DICT:
    if (!newDict(result))
      return false;
    for (uint32_t i = 0; i < node.b; i += 2) {
      Value pair[2];
      if (!evaluateMany(node.a + i, 2, scope, pair) || !insert(*result.dict, pair[0], pair[1]))
        return false;
    }
    return true;
  case LLMC_NODE_ATTRIBUTE: {
    Value object;
    if (!evaluate(node.a, scope, object))
      return false;
    here = number;
    return attribute(object, templates.text(node.b), result);
  }
  case LLMC_NODE_ITEM: {
    Value object, index;
    if (!evaluate(node.a, scope, object) || !evaluate(node.b, scope, index))
      return false;
    here = number;
    return item(object, index, result);
  }
  case LLMC_NODE_SLICE: {
    Value object, bounds[3] = {Value::none(), Value::none(), Value::none()};
    const uint32_t nodes[3] = {node.b, node.c, node.d};
    if (!evaluate(node.a, scope, object))
      return false;
    for (int i = 0; i < 3; ++i)
      if (nodes[i] != LLMC_NO_NODE && !evaluate(nodes[i], scope, bounds[i]))
        return false;
    here = number;
    return slice(object, bounds, result);
  }
  case LLMC_NODE_CALL:
    return callNode(node, scope, result);
  case LLMC_NODE_FILTER:
    return filterNode(node, scope, result);
  case LLMC_NODE_MAP_FILTER:
  case LLMC_NODE_MAP_ATTRIBUTE:
    return mapEach(node, scope, result);
  case LLMC_NODE_SELECT:
  case LLMC_NODE_REJECT:
    return select(node, scope, result);
  case LLMC_NODE_TEST:
    return testNode(node, scope, result);
  case LLMC_NODE_AND:
  case LLMC_NODE_OR:
    if (!evaluate(node.a, scope, result))
      return false;
    return truth(result) != (node.kind == LLMC_NODE_AND) || evaluate(node.b, scope, result);
  case LLMC_NODE_NOT:
    if (!evaluate(node.a, scope, result))
      return false;
    result = Value::of(!truth(result));
    return true;
  case LLMC_NODE_CHOOSE: {
    Value condition;
    if (!evaluate(node.a, scope, condition))
      return false;
    if (truth(condition))
      return evaluate(node.b, scope, result);
    if (node.c != LLMC_NO_NODE)
      return evaluate(node.c, scope, result);
    result = Value::undefined("the inline if has no else, and its condition does not hold", true);
    return true;
  }
  case LLMC_NODE_BINARY: {
    Value a, b;
    if (!evaluate(node.a, scope, a) || !evaluate(node.b, scope, b))
      return false;
    here = number;
    return binary(node.operation, a, b, result);
  }
  case LLMC_NODE_NEGATIVE:
  case LLMC_NODE_POSITIVE: {
    Value value;
    if (!evaluate(node.a, scope, value))
      return false;
    here = number;
    if (value.is(Kind::Undefined))
      return undefinedError(value);
    if (!value.isNumber())
      return fail("a sign before %s, expected a number", kindName(value));
    bool isNegative = node.kind == LLMC_NODE_NEGATIVE;
    if (value.is(Kind::Float))
      result = Value::of(isNegative ? -value.number : value.number);
    else if (isNegative && value.whole() == INT64_MIN)
      return fail("the number does not fit 64 bits");
    else
      result = Value::of(isNegative ? -value.whole() : value.whole());
    return true;
  }
  case LLMC_NODE_CONCATENATE: {
    Value *parts;
    if (!make(parts, node.b + 1) || !evaluateMany(node.a, node.b, scope, parts))
      return false;
    here = number;
    size_t start = out.size();
    for (uint32_t i = 0; i < node.b; ++i)
      if (!putString(parts[i]))
        return false;
    return finish(start, result);
  }
  case LLMC_NODE_COMPARE:
    return compareChain(node, scope, result);
  case LLMC_NODE_CAPTURE: {
    Scope *inner = newScope(scope);
    return inner && capture(node.a, inner, result);
  }
  case LLMC_NODE_MACRO: {
    Macro *macro;
    if (!make(macro))
      return false;
    *macro = {number, scope};
    result = Value::none();
    result.kind = Kind::Macro;
    result.macro = macro;
    return true;
  }
  case LLMC_NODE_FAIL: {
    View text = templates.text(node.a);
    return fail("%.*s", int(text.size < 300 ? text.size : 300), text.data);
  }
  default:
    return fail("an expression of unknown kind");
  }
}

} // namespace llmc::runtime::chat
