// Calls.cpp - macros and functions of chat templates, and what an evaluation starts with.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Clock.h"
#include "runtime/src/text/template/Evaluator.h"

#include <cstdio>
#include <ctime>
#include <initializer_list>

namespace llmc::runtime::chat {

/// Puts arguments into the slots of named parameters ("a,b,c").
bool Evaluator::bind(const char *name, const char *parameters, uint32_t required, const Arguments &given, Value *slots,
                     bool *present) {
  uint32_t count = 0;
  for (const char *at = parameters; *at; ++count) {
    const char *end = at;
    while (*end && *end != ',')
      ++end;
    View parameter(at, size_t(end - at));
    present[count] = count < given.count;
    if (present[count])
      slots[count] = given.positional[count];
    for (uint32_t i = 0; i < given.namedCount; ++i)
      if (given.names[i] == parameter) {
        if (present[count])
          return fail("'%s' is given the argument '%.*s' twice", name, int(parameter.size), parameter.data);
        present[count] = true;
        slots[count] = given.named[i];
      }
    at = *end ? end + 1 : end;
  }
  if (given.count > count)
    return fail("'%s' takes at most %u arguments, found %u", name, count, given.count);
  uint32_t filled = 0;
  for (uint32_t i = 0; i < count; ++i)
    filled += present[i];
  if (filled != given.count + given.namedCount)
    return fail("'%s' is given an argument with a name it does not know", name);
  for (uint32_t i = 0; i < required; ++i)
    if (!present[i])
      return fail("'%s' needs %u arguments, found %u", name, required, filled);
  return true;
}

bool Evaluator::call(const Value &callee, const Arguments &given, Value &result) {
  Nesting nesting(*this);
  if (!nesting.good())
    return false;
  switch (callee.kind) {
  case Kind::Undefined:
    return undefinedError(callee);
  case Kind::Macro:
    return callMacro(*callee.macro, given, result);
  case Kind::Function:
    return callFunction(callee.code, given, result);
  case Kind::Method:
    return callMethod(*callee.method, given, result);
  case Kind::Loop: {
    const Loop &loop = *callee.loop;
    if (!templates.nodes[loop.node].operation || given.count != 1 || given.namedCount)
      return fail("a loop that is not recursive cannot be called");
    size_t start = out.size();
    return forLoop(loop.node, given.positional[0], loop.scope, loop.depth + 1) && finish(start, result);
  }
  case Kind::Cycler: {
    Cycler &joiner = *callee.cycler;
    if (!joiner.isJoiner || given.count + given.namedCount)
      return fail("a cycler cannot be called; use its next()");
    result = joiner.position++ ? joiner.items[0] : Value::of(View(""));
    return true;
  }
  default:
    return fail("%s cannot be called", kindName(callee));
  }
}

bool Evaluator::callMacro(const Macro &macro, const Arguments &given, Value &result) {
  uint32_t self = here;
  const llmc_template_node node = templates.nodes[macro.node];
  View name = templates.text(node.d);
  uint32_t parameters = node.b / 2;
  Scope *scope = newScope(macro.scope);
  if (!scope)
    return false;
  Value extra, named, caller = Value::undefined("no caller is defined", true);
  if (given.count > parameters && !(node.operation & LLMC_MACRO_VARARGS))
    return fail("the macro '%.*s' takes at most %u arguments, found %u", int(name.size), name.data, parameters,
                given.count);
  if (!newDict(named))
    return false;
  uint32_t used = 0;
  for (uint32_t i = 0; i < parameters; ++i) {
    uint32_t text = templates.operands[node.a + 2 * i], otherwise = templates.operands[node.a + 2 * i + 1];
    View parameter = templates.text(text);
    Value value;
    bool present = i < given.count;
    if (present)
      value = given.positional[i];
    for (uint32_t k = 0; k < given.namedCount; ++k)
      if (given.names[k] == parameter) {
        if (present)
          return fail("the macro '%.*s' is given the argument '%.*s' twice", int(name.size), name.data,
                      int(parameter.size), parameter.data);
        present = true;
        ++used;
        value = given.named[k];
      }
    if (!present && otherwise != LLMC_NO_NODE) {
      if (!evaluate(otherwise, scope, value))
        return false;
      here = self;
    } else if (!present) {
      undefinedNamed(parameter, value);
    }
    if (!set(scope, text, value))
      return false;
  }
  for (uint32_t k = 0; k < given.namedCount && used < given.namedCount; ++k) {
    bool known = false;
    for (uint32_t i = 0; i < parameters; ++i)
      known |= templates.text(templates.operands[node.a + 2 * i]) == given.names[k];
    if (known)
      continue;
    if (given.names[k] == View("caller") && (node.operation & LLMC_MACRO_CALLER))
      caller = given.named[k];
    else if (!(node.operation & LLMC_MACRO_KWARGS))
      return fail("the macro '%.*s' takes no argument '%.*s'", int(name.size), name.data, int(given.names[k].size),
                  given.names[k].data);
    else if (!insert(*named.dict, Value::of(given.names[k]), given.named[k]))
      return false;
  }
  if ((node.operation & LLMC_MACRO_CALLER) && callerName != LLMC_NO_NODE && !set(scope, callerName, caller))
    return false;
  if ((node.operation & LLMC_MACRO_KWARGS) && kwargsName != LLMC_NO_NODE && !set(scope, kwargsName, named))
    return false;
  if ((node.operation & LLMC_MACRO_VARARGS) && varargsName != LLMC_NO_NODE) {
    uint32_t more = given.count > parameters ? given.count - parameters : 0;
    if (!newList(more, Flavour::Tuple, extra))
      return false;
    for (uint32_t i = 0; i < more; ++i)
      extra.list->items[i] = given.positional[parameters + i];
    if (!set(scope, varargsName, extra))
      return false;
  }
  return capture(node.c, scope, result);
}

bool Evaluator::range(const Value *values, const bool *present, Value &result) {
  constexpr int64_t most = 100000; // as the sandbox that templates are written for has it
  int64_t start = 0, stop = 0, step = 1;
  if (!needInt(values[0], "range", stop))
    return false;
  if (present[1]) {
    start = stop;
    if (!needInt(values[1], "range", stop) || (present[2] && !needInt(values[2], "range", step)))
      return false;
  }
  if (!step)
    return fail("the step of a range is 0");
  uint64_t span = step > 0 ? (stop > start ? uint64_t(stop) - uint64_t(start) : 0)
                           : (start > stop ? uint64_t(start) - uint64_t(stop) : 0);
  uint64_t stride = step > 0 ? uint64_t(step) : 0 - uint64_t(step);
  uint64_t count = span / stride + (span % stride != 0);
  if (count > uint64_t(most))
    return failWith(ChatStatus::TooMuch, "a range of %llu numbers, at most %lld are allowed", (unsigned long long)count,
                    (long long)most);
  if (!newList(uint32_t(count), Flavour::Range, result))
    return false;
  for (uint32_t i = 0; i < count; ++i)
    result.list->items[i] = Value::of(int64_t(uint64_t(start) + i * uint64_t(step)));
  return true;
}

/// One field of a date's format; false for a letter that is none.
static bool putDateField(const Date &date, char letter, char (&text)[48]) {
  static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
  static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                       "July",    "August",   "September", "October", "November", "December"};
  int hour = date.hour % 12 ? date.hour % 12 : 12;
  auto year = (long long)date.year;
  auto show = [&](const char *form, long long a, long long b = 0, long long c = 0) {
    std::snprintf(text, sizeof text, form, a, b, c);
    return true;
  };
  switch (letter) {
  case 'a':
  case 'A':
    std::snprintf(text, sizeof text, letter == 'a' ? "%.3s" : "%s", days[date.weekday]);
    return true;
  case 'b':
  case 'h':
  case 'B':
    std::snprintf(text, sizeof text, letter == 'B' ? "%s" : "%.3s", months[date.month - 1]);
    return true;
  case 'c':
    std::snprintf(text, sizeof text, "%.3s %.3s %2d %02d:%02d:%02d %lld", days[date.weekday], months[date.month - 1],
                  date.day, date.hour, date.minute, date.second, year);
    return true;
  case 'C':
    return show("%02lld", year / 100);
  case 'd':
    return show("%02lld", date.day);
  case 'D':
  case 'x':
    return show("%02lld/%02lld/%02lld", date.month, date.day, year % 100);
  case 'e':
    return show("%2lld", date.day);
  case 'F':
    return show("%lld-%02lld-%02lld", year, date.month, date.day);
  case 'H':
    return show("%02lld", date.hour);
  case 'I':
    return show("%02lld", hour);
  case 'j':
    return show("%03lld", date.yearDay + 1);
  case 'k':
    return show("%2lld", date.hour);
  case 'l':
    return show("%2lld", hour);
  case 'm':
    return show("%02lld", date.month);
  case 'M':
    return show("%02lld", date.minute);
  case 'n':
  case 't':
  case '%':
    text[0] = letter == 'n' ? '\n' : letter == 't' ? '\t' : '%';
    text[1] = 0;
    return true;
  case 'p':
    std::snprintf(text, sizeof text, "%s", date.hour < 12 ? "AM" : "PM");
    return true;
  case 'r':
    std::snprintf(text, sizeof text, "%02d:%02d:%02d %s", hour, date.minute, date.second, date.hour < 12 ? "AM" : "PM");
    return true;
  case 'R':
    return show("%02lld:%02lld", date.hour, date.minute);
  case 'S':
    return show("%02lld", date.second);
  case 'T':
  case 'X':
    return show("%02lld:%02lld:%02lld", date.hour, date.minute, date.second);
  case 'u':
    return show("%lld", date.weekday ? date.weekday : 7);
  case 'U':
    return show("%02lld", (date.yearDay + 7 - date.weekday) / 7);
  case 'w':
    return show("%lld", date.weekday);
  case 'W':
    return show("%02lld", (date.yearDay + 7 - (date.weekday + 6) % 7) / 7);
  case 'y':
    return show("%02lld", year % 100);
  case 'Y':
    return show("%lld", year);
  default:
    return false;
  }
}

bool Evaluator::strftime(View format, Value &result) {
  int64_t seconds = now ? now : int64_t(std::time(nullptr));
  Date date = dateOf(seconds, localOffset(seconds));
  size_t start = out.size();
  for (size_t at = 0; at < format.size; ++at) {
    char text[48];
    if (format.data[at] != '%') {
      if (!put(format.data[at]))
        return false;
      continue;
    }
    bool plain = ++at < format.size && format.data[at] == '-'; // without zeros or blanks in front
    at += plain;
    if (at >= format.size || !putDateField(date, format.data[at], text))
      return fail("strftime_now: the format asks for a field that is not known");
    const char *shown = text;
    while (plain && (*shown == '0' || *shown == ' ') && shown[1])
      ++shown;
    if (!put(View(shown)))
      return false;
  }
  return finish(start, result);
}

bool Evaluator::callFunction(uint32_t function, const Arguments &given, Value &result) {
  Value slots[3];
  bool present[3] = {};
  View text;
  switch (function) {
  case LLMC_FUNCTION_RANGE:
    return bind("range", "start,stop,step", 1, given, slots, present) && range(slots, present, result);
  case LLMC_FUNCTION_RAISE_EXCEPTION: {
    Value message;
    if (!bind("raise_exception", "message", 1, given, slots, present) || !toString(slots[0], message))
      return false;
    return failWith(ChatStatus::Refused, "%.*s", int(message.length < 500 ? message.length : 500), message.text);
  }
  case LLMC_FUNCTION_STRFTIME_NOW:
    return bind("strftime_now", "format", 1, given, slots, present) && needString(slots[0], "strftime_now", text) &&
           strftime(text, result);
  case LLMC_FUNCTION_NAMESPACE:
  case LLMC_FUNCTION_DICT: {
    if (given.count > 1 || !newDict(result))
      return given.count > 1 && fail("'dict' and 'namespace' take one argument without a name, found %u", given.count);
    if (given.count) {
      Value *pairs;
      uint32_t count;
      const Value &from = given.positional[0];
      if (from.is(Kind::Dict)) {
        for (uint32_t i = 0; i < from.dict->count; ++i)
          if (!insert(*result.dict, from.dict->keys[i], from.dict->values[i]))
            return false;
      } else if (!elements(from, pairs, count)) {
        return false;
      } else {
        for (uint32_t i = 0; i < count; ++i) {
          Value *pair;
          uint32_t size;
          if (!elements(pairs[i], pair, size))
            return false;
          if (size != 2)
            return fail("a dict is made of pairs, found %u values", size);
          if (!insert(*result.dict, pair[0], pair[1]))
            return false;
        }
      }
    }
    for (uint32_t i = 0; i < given.namedCount; ++i)
      if (!insert(*result.dict, Value::of(given.names[i]), given.named[i]))
        return false;
    if (function == LLMC_FUNCTION_DICT)
      return true;
    Fields *fields;
    if (!make(fields))
      return false;
    fields->dict = result.dict;
    result.kind = Kind::Namespace;
    result.fields = fields;
    return true;
  }
  case LLMC_FUNCTION_JOINER:
  case LLMC_FUNCTION_CYCLER: {
    Cycler *made;
    bool isJoiner = function == LLMC_FUNCTION_JOINER;
    if (isJoiner && !bind("joiner", "sep", 0, given, slots, present))
      return false;
    if (!isJoiner && (given.namedCount || !given.count))
      return fail("'cycler' needs arguments without names");
    uint32_t count = isJoiner ? 1 : given.count;
    if (!make(made))
      return false;
    *made = {nullptr, count, 0, isJoiner};
    if (!make(made->items, count))
      return false;
    for (uint32_t i = 0; i < count; ++i)
      made->items[i] = !isJoiner ? given.positional[i] : present[0] ? slots[0] : Value::of(View(", "));
    result = Value::none();
    result.kind = Kind::Cycler;
    result.cycler = made;
    return true;
  }
  default:
    return fail("a function of unknown number");
  }
}

// ------------------------------------------------------------ what an evaluation starts with

/// The messages as templates expect them: values of none left out, and the reasoning under each name it goes by.
bool Evaluator::defineMessages(const ChatInput &input) {
  Value messages;
  if (input.numMessages > UINT32_MAX / 2)
    return failWith(ChatStatus::TooMuch, "more messages than can be counted");
  if (!newList(uint32_t(input.numMessages), Flavour::List, messages))
    return false;
  for (size_t i = 0; i < input.numMessages; ++i) {
    const ChatMessage &from = input.messages[i];
    Value given, made, content, reasoning;
    if (!newDict(given) || !newDict(made))
      return false;
    if (from.role.size && !insert(*given.dict, Value::of(View("role")), Value::of(from.role)))
      return false;
    if (from.contentJson.size ? !readJson(from.contentJson, "the content of a message", content)
                              : (content = Value::of(from.content), false))
      return false;
    if ((from.contentJson.size || from.content.data) && !insert(*given.dict, Value::of(View("content")), content))
      return false;
    if (from.fieldsJson.size) {
      Value fields;
      if (!readJson(from.fieldsJson, "the fields of a message", fields))
        return false;
      if (!fields.is(Kind::Dict))
        return failWith(ChatStatus::BadInput, "the fields of a message are %s, expected an object", kindName(fields));
      for (uint32_t k = 0; k < fields.dict->count; ++k)
        if (!insert(*given.dict, fields.dict->keys[k], fields.dict->values[k]))
          return false;
    }
    for (const char *name : {"reasoning_content", "thinking", "reasoning"})
      if (const Value *found = field(*given.dict, name); found && !found->is(Kind::None)) {
        reasoning = *found;
        break;
      }
    bool hasReasoning = !reasoning.is(Kind::Undefined);
    if (hasReasoning && !insert(*made.dict, Value::of(View("thinking")), reasoning))
      return false;
    for (uint32_t k = 0; k < given.dict->count; ++k)
      if (!given.dict->values[k].is(Kind::None) && !insert(*made.dict, given.dict->keys[k], given.dict->values[k]))
        return false;
    if (hasReasoning && !insert(*made.dict, Value::of(View("reasoning_content")), reasoning))
      return false;
    messages.list->items[i] = made;
  }
  return define("messages", messages);
}

bool Evaluator::defineInput(const ChatInput &input) {
  static constexpr struct {
    const char *name;
    uint16_t number;
  } functions[] = {
#define LLMC_ROW(id, number, name, required, parameters) {name, number},
      LLMC_TEMPLATE_FUNCTIONS(LLMC_ROW)
#undef LLMC_ROW
  };
  for (const auto &row : functions) {
    Value function = Value::none();
    function.kind = Kind::Function;
    function.code = row.number;
    if (!define(row.name, function))
      return false;
  }
  for (uint32_t i = 0; i < templates.variables.count; ++i)
    if (!set(root, templates.variables[i].name, Value::of(templates.text(templates.variables[i].value))))
      return false;
  Value tools = Value::none(), documents = Value::none(), more;
  if ((input.toolsJson.size && !readJson(input.toolsJson, "the tools", tools)) ||
      (input.documentsJson.size && !readJson(input.documentsJson, "the documents", documents)) ||
      !define("tools", tools) || !define("documents", documents) ||
      !define("add_generation_prompt", Value::of(input.addGenerationPrompt)) || !defineMessages(input))
    return false;
  if (!input.variablesJson.size)
    return true;
  if (!readJson(input.variablesJson, "the variables", more))
    return false;
  if (!more.is(Kind::Dict))
    return failWith(ChatStatus::BadInput, "the variables are %s, expected an object", kindName(more));
  for (uint32_t i = 0; i < more.dict->count; ++i)
    if (!define(more.dict->keys[i].view(), more.dict->values[i]))
      return false;
  return true;
}

ChatStatus Evaluator::run(const ChatInput &input) {
  now = input.now;
  loopName = numberOf("loop");
  callerName = numberOf("caller");
  kwargsName = numberOf("kwargs");
  varargsName = numberOf("varargs");
  root = newScope(nullptr);
  uint32_t statement = templates.find(input.templateName);
  if (statement == LLMC_NO_NODE)
    failWith(ChatStatus::NoTemplate, "there is no chat template called '%.*s'", int(input.templateName.size),
             input.templateName.data);
  else if (root && defineInput(input)) {
    // Templates may set the names they are given, so theirs is a scope within.
    Scope *scope = newScope(root);
    Flow flow = Flow::Next;
    if (scope)
      execute(statement, scope, flow);
  }
  return status;
}

} // namespace llmc::runtime::chat

namespace llmc::runtime {

ChatStatus renderChat(const ChatTemplates &templates, const ChatInput &input, const ChatLimits &limits,
                      Array<char> &out, char *message, size_t messageSize) {
  if (messageSize)
    *message = 0;
  Array<char> text;
  ChatStatus status = chat::Evaluator(templates, limits, text, message, messageSize).run(input);
  if (status != ChatStatus::Ok)
    return status;
  return out.append(text.data(), text.size()) ? status : ChatStatus::OutOfMemory;
}

} // namespace llmc::runtime
