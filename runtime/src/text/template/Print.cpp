// Print.cpp - text of a chat template's values: as Python prints them, and as JSON.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Evaluator.h"

#include "runtime/src/text/Utf8.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace llmc::runtime::chat {

bool Evaluator::putInteger(int64_t number) {
  char text[24];
  std::snprintf(text, sizeof text, "%lld", (long long)number);
  return put(View(text));
}

/// The shortest digits that read back as the same number, as Python shows them.
bool Evaluator::putFloat(double number) {
  if (std::isnan(number))
    return put("nan");
  if (std::isinf(number))
    return put(number < 0 ? "-inf" : "inf");
  char text[40];
  int precision = 1;
  for (; precision <= 17; ++precision) {
    std::snprintf(text, sizeof text, "%.*e", precision - 1, number);
    if (std::strtod(text, nullptr) == number)
      break;
  }
  char *mark = std::strchr(text, 'e');
  int exponent = mark ? std::atoi(mark + 1) : 0;
  if (exponent >= -4 && exponent < 16) {
    int decimals = precision - 1 - exponent;
    std::snprintf(text, sizeof text, "%.*f", decimals < 1 ? 1 : decimals, number);
    return put(View(text));
  }
  // Digits without zeros at their end, then the exponent in two digits at least.
  char shown[48];
  std::snprintf(shown, sizeof shown, "%.*se%c%02d", int(mark - text), text, exponent < 0 ? '-' : '+',
                exponent < 0 ? -exponent : exponent);
  return put(View(shown));
}

bool Evaluator::toString(const Value &value, Value &result) {
  if (value.is(Kind::String)) {
    result = value;
    return true;
  }
  size_t start = out.size();
  return putString(value) && finish(start, result);
}

bool Evaluator::putString(const Value &value) {
  switch (value.kind) {
  case Kind::Undefined:
    return true;
  case Kind::String:
    return put(value.view());
  default:
    return putQuoted(value);
  }
}

bool Evaluator::putQuotedString(View text) {
  bool single = false, twice = false;
  for (size_t i = 0; i < text.size; ++i) {
    single |= text.data[i] == '\'';
    twice |= text.data[i] == '"';
  }
  char quote = single && !twice ? '"' : '\'';
  if (!put(quote))
    return false;
  for (size_t at = 0; at < text.size;) {
    Character character = decodeCharacter(reinterpret_cast<const uint8_t *>(text.data + at), text.size - at);
    uint32_t c = character.codepoint;
    char escaped[16] = "";
    if (c == uint32_t(quote) || c == '\\')
      std::snprintf(escaped, sizeof escaped, "\\%c", char(c));
    else if (c == '\n' || c == '\r' || c == '\t')
      std::snprintf(escaped, sizeof escaped, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (!(flagsOf(c) & LLMC_CHARACTER_PRINTABLE))
      std::snprintf(escaped, sizeof escaped, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    if (!put(*escaped ? View(escaped) : text.part(at, character.size)))
      return false;
    at += character.size;
  }
  return put(quote);
}

/// As it stands inside of a list.
bool Evaluator::putQuoted(const Value &value) {
  Nesting nesting(*this);
  if (!nesting.good())
    return false;
  switch (value.kind) {
  case Kind::Undefined:
    return put("Undefined");
  case Kind::None:
    return put("None");
  case Kind::Bool:
    return put(value.boolean ? "True" : "False");
  case Kind::Int:
    return putInteger(value.integer);
  case Kind::Float:
    return putFloat(value.number);
  case Kind::String:
    return putQuotedString(value.view());
  case Kind::List: {
    const List &list = *value.list;
    if (list.flavour == Flavour::Iterator || list.flavour == Flavour::Range)
      break;
    bool isTuple = list.flavour == Flavour::Tuple;
    if (!put(isTuple ? '(' : '['))
      return false;
    for (uint32_t i = 0; i < list.count; ++i)
      if ((i && !put(", ")) || !putQuoted(list.items[i]))
        return false;
    return put(!isTuple ? "]" : list.count == 1 ? ",)" : ")");
  }
  case Kind::Dict:
    if (!put('{'))
      return false;
    for (uint32_t i = 0; i < value.dict->count; ++i)
      if ((i && !put(", ")) || !putQuoted(value.dict->keys[i]) || !put(": ") || !putQuoted(value.dict->values[i]))
        return false;
    return put('}');
  default:
    break;
  }
  return fail("%s cannot be written into the text", kindName(value));
}

// ------------------------------------------------------------ JSON

bool Evaluator::putJsonString(View text, bool ascii) {
  if (!put('"'))
    return false;
  size_t plain = 0;
  for (size_t at = 0; at < text.size;) {
    Character character = decodeCharacter(reinterpret_cast<const uint8_t *>(text.data + at), text.size - at);
    uint32_t c = character.codepoint;
    char escaped[16] = "";
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *pair = named; *pair && c < 0x80; pair += 2)
      if (c == uint8_t(*pair))
        std::snprintf(escaped, sizeof escaped, "\\%c", pair[1]);
    if (!*escaped && (c < 0x20 || (ascii && c >= 0x7f && c < 0x10000)))
      std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
    else if (!*escaped && ascii && c >= 0x10000)
      std::snprintf(escaped, sizeof escaped, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
    if (*escaped) {
      if (!put(text.part(plain, at - plain)) || !put(View(escaped)))
        return false;
      plain = at + character.size;
    }
    at += character.size;
  }
  return put(text.from(plain)) && put('"');
}

bool Evaluator::putJsonBreak(const JsonStyle &style, uint32_t level) {
  if (!style.hasIndent)
    return true;
  if (!put('\n'))
    return false;
  for (uint32_t i = 0; i < level; ++i)
    if (!put(style.indent))
      return false;
  return true;
}

bool Evaluator::putJsonDict(const Dict &dict, const JsonStyle &style, uint32_t level) {
  if (!dict.count)
    return put("{}");
  uint32_t *places;
  if (!make(places, dict.count))
    return false;
  for (uint32_t i = 0; i < dict.count; ++i)
    places[i] = i;
  if (style.sorted && !sortItems(dict.keys, dict.keys, dict.count, false, places))
    return false;
  if (!put('{'))
    return false;
  for (uint32_t i = 0; i < dict.count; ++i) {
    const Value &key = dict.keys[places[i]];
    if ((i && !put(style.item)) || !putJsonBreak(style, level + 1))
      return false;
    if (key.is(Kind::String)) {
      if (!putJsonString(key.view(), style.ascii))
        return false;
    } else if (key.isNumber() || key.is(Kind::None)) {
      if (!put('"') || !putJson(key, style, level) || !put('"'))
        return false;
    } else {
      return fail("a key of JSON is %s, expected a string", kindName(key));
    }
    if (!put(style.key) || !putJson(dict.values[places[i]], style, level + 1))
      return false;
  }
  return putJsonBreak(style, level) && put('}');
}

bool Evaluator::putJson(const Value &value, const JsonStyle &style, uint32_t level) {
  Nesting nesting(*this);
  if (!nesting.good())
    return false;
  switch (value.kind) {
  case Kind::None:
    return put("null");
  case Kind::Bool:
    return put(value.boolean ? "true" : "false");
  case Kind::Int:
    return putInteger(value.integer);
  case Kind::Float:
    if (std::isnan(value.number) || std::isinf(value.number))
      return put(std::isnan(value.number) ? "NaN" : value.number < 0 ? "-Infinity" : "Infinity");
    return putFloat(value.number);
  case Kind::String:
    return putJsonString(value.view(), style.ascii);
  case Kind::Dict:
    return putJsonDict(*value.dict, style, level);
  case Kind::List: {
    const List &list = *value.list;
    if (list.flavour > Flavour::Tuple)
      break;
    if (!list.count)
      return put("[]");
    if (!put('['))
      return false;
    for (uint32_t i = 0; i < list.count; ++i)
      if ((i && !put(style.item)) || !putJsonBreak(style, level + 1) || !putJson(list.items[i], style, level + 1))
        return false;
    return putJsonBreak(style, level) && put(']');
  }
  case Kind::Undefined:
    return undefinedError(value);
  default:
    break;
  }
  return fail("%s cannot be written as JSON", kindName(value));
}

/// tojson(ensure_ascii, indent, separators, sort_keys)
bool Evaluator::toJson(const Value &value, const Value *arguments, const bool *present, Value &result) {
  JsonStyle style;
  style.ascii = present[0] && truth(arguments[0]);
  style.sorted = present[3] && truth(arguments[3]);
  size_t start = out.size();
  if (present[1] && !arguments[1].is(Kind::None)) {
    style.hasIndent = true;
    style.item = ",";
    if (arguments[1].is(Kind::String)) {
      style.indent = arguments[1].view();
    } else {
      int64_t width;
      Value spaces;
      if (!needInt(arguments[1], "tojson", width))
        return false;
      if (width > 1000)
        return fail("tojson: an indent of %lld, at most 1000 is allowed", (long long)width);
      if (!putSpaces(width) || !finish(start, spaces))
        return false;
      style.indent = spaces.view();
    }
  }
  if (present[2] && !arguments[2].is(Kind::None)) {
    Value *pair;
    uint32_t count;
    if (!elements(arguments[2], pair, count))
      return false;
    if (count != 2 || !pair[0].is(Kind::String) || !pair[1].is(Kind::String))
      return fail("tojson: 'separators' must be two strings");
    style.item = pair[0].view();
    style.key = pair[1].view();
  }
  return putJson(value, style, 0) && finish(start, result);
}

} // namespace llmc::runtime::chat
