// Format.cpp - "%" between a string and values, and the string method format().
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Evaluator.h"

#include "runtime/src/text/Utf8.h"

#include <cmath>
#include <cstdio>

namespace llmc::runtime::chat {

/// Widths and precisions beyond this have no use.
static constexpr int64_t widest = 10000;

/// Puts what was written since `start` into its width; `signs` bytes of it stand before zeros.
bool Evaluator::pad(const Field &field, size_t start, char usual, size_t signs) {
  Value text;
  if (!finish(start, text))
    return false;
  View shown = text.view();
  int64_t missing = field.width - int64_t(characters(shown));
  if (missing < 0)
    missing = 0;
  char align = field.align ? field.align : field.zero && usual == '>' ? '=' : usual;
  uint32_t fill = field.zero && !field.align ? '0' : field.fill;
  int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  if (align == '=') {
    if (!put(shown.part(0, signs)))
      return false;
    shown = shown.from(signs);
  }
  for (int64_t i = 0; i < left; ++i)
    if (!putCharacter(fill))
      return false;
  if (!put(shown))
    return false;
  for (int64_t i = left; i < missing; ++i)
    if (!putCharacter(fill))
      return false;
  return true;
}

/// A number in the form `type`: d, x, X, o, b, e, E, f, F, g, G, %.
bool Evaluator::putNumber(const Field &field, const Value &value, char type) {
  char digits[700];
  bool isWhole = std::strchr("dxXobn", type) != nullptr, isNegative;
  int precision = field.precision < 0 ? 6 : int(field.precision > 300 ? 300 : field.precision);
  const char *prefix = "";
  if (isWhole) {
    int64_t whole = value.is(Kind::Float) ? int64_t(value.number) : value.whole();
    uint64_t size = whole < 0 ? 0 - uint64_t(whole) : uint64_t(whole);
    isNegative = whole < 0;
    if (type == 'b') {
      char *at = digits;
      for (int bit = 63; bit >= 0; --bit)
        if (size >> bit || !bit)
          *at++ = char('0' + (size >> bit & 1));
      *at = 0;
    } else {
      std::snprintf(digits, sizeof digits,
                    type == 'x'   ? "%llx"
                    : type == 'X' ? "%llX"
                    : type == 'o' ? "%llo"
                                  : "%llu",
                    (unsigned long long)size);
    }
    if (field.alternate)
      prefix = type == 'x' ? "0x" : type == 'X' ? "0X" : type == 'o' ? "0o" : type == 'b' ? "0b" : "";
  } else {
    double real = type == '%' ? value.real() * 100 : value.real();
    isNegative = std::signbit(real);
    const char form[] = {'%', '.', '*', type == '%' ? 'f' : type, 0};
    std::snprintf(digits, sizeof digits, form, precision, std::fabs(real));
    if (type == '%')
      std::strcat(digits, "%");
  }
  size_t start = out.size();
  char sign = isNegative ? '-' : field.sign == '+' || field.sign == ' ' ? field.sign : 0;
  if ((sign && !put(sign)) || !put(prefix))
    return false;
  size_t signs = out.size() - start;
  size_t whole = 0;
  while (digits[whole] >= '0' && digits[whole] <= '9')
    ++whole;
  for (size_t i = 0; digits[i]; ++i)
    if ((field.comma && i && i < whole && (whole - i) % 3 == 0 && !put(',')) || !put(digits[i]))
      return false;
  return pad(field, start, '>', signs);
}

// ------------------------------------------------------------ "%"

bool Evaluator::percentOne(View &format, const Value &values, uint32_t &next, bool &usedName) {
  Field field;
  Value value;
  size_t at = 0;
  auto peek = [&] { return at < format.size ? format.data[at] : char(0); };
  auto take = [&](Value &taken) {
    bool isTuple = values.is(Kind::List) && values.list->flavour == Flavour::Tuple;
    if (next >= (isTuple ? values.list->count : 1))
      return fail("'%%': the format asks for more values than it is given");
    taken = isTuple ? values.list->items[next] : values;
    ++next;
    return true;
  };
  bool hasName = peek() == '(';
  if (hasName) {
    size_t start = ++at;
    while (at < format.size && format.data[at] != ')')
      ++at;
    if (at == format.size)
      return fail("'%%': the name in the format has no end");
    if (!values.is(Kind::Dict))
      return fail("'%%': a name in the format needs a dict");
    const Value *found = this->field(*values.dict, format.part(start, at - start));
    if (!found)
      return status == ChatStatus::Ok && fail("'%%': the dict has no '%.*s'", int(at - start), format.data + start);
    value = *found;
    usedName = true;
    ++at;
  }
  bool left = false;
  for (;; ++at) {
    char c = peek();
    if (c == '-')
      left = true;
    else if (c == '0')
      field.zero = true;
    else if (c == '+' || (c == ' ' && field.sign != '+'))
      field.sign = c;
    else if (c == '#')
      field.alternate = true;
    else
      break;
  }
  for (int part = 0; part < 2; ++part) {
    if (part && peek() != '.')
      break;
    at += part;
    int64_t number = 0;
    if (peek() == '*') {
      Value given;
      ++at;
      if (!take(given) || !needInt(given, "'%'", number))
        return false;
      if (!part && number < 0) {
        left = true;
        number = number < -widest ? widest + 1 : -number;
      }
    } else {
      while (peek() >= '0' && peek() <= '9' && number <= widest)
        number = number * 10 + (format.data[at++] - '0');
    }
    if (number > widest)
      return fail("'%%': a width beyond %lld", (long long)widest);
    (part ? field.precision : field.width) = number < 0 ? 0 : number;
  }
  while (peek() == 'l' || peek() == 'h' || peek() == 'L')
    ++at;
  char type = peek();
  if (!type)
    return fail("'%%': the format ends too early");
  format = format.from(at + 1);
  if (type == '%')
    return put('%');
  if (!hasName && !take(value))
    return false;
  field.align = left ? '<' : 0;
  if (left)
    field.zero = false;
  size_t start = out.size();
  switch (type) {
  case 's':
  case 'r':
  case 'a': {
    field.zero = false;
    if (type == 's' ? !putString(value) : !putQuoted(value))
      return false;
    if (field.precision >= 0) {
      Value whole;
      if (!finish(start, whole) || !put(whole.view().part(0, offsetOf(whole.view(), size_t(field.precision)))))
        return false;
    }
    return pad(field, start, '>', 0);
  }
  case 'c':
    if (value.is(Kind::String) ? characters(value.view()) != 1
                               : !value.isWhole() || value.whole() < 0 || value.whole() > 0x10ffff)
      return fail("'%%c' needs one character");
    if (value.is(Kind::String) ? !put(value.view()) : !putCharacter(uint32_t(value.whole())))
      return false;
    return pad(field, start, '>', 0);
  case 'd':
  case 'i':
  case 'u':
  case 'x':
  case 'X':
  case 'o':
    if (value.is(Kind::Undefined))
      return undefinedError(value);
    if (!value.isNumber() || (value.is(Kind::Float) && (std::strchr("xXo", type) || !(std::fabs(value.number) < 9e18))))
      return fail("'%%%c' needs an integer, found %s", type, kindName(value));
    field.precision = -1;
    return putNumber(field, value, type == 'i' || type == 'u' ? 'd' : type);
  case 'e':
  case 'E':
  case 'f':
  case 'F':
  case 'g':
  case 'G':
    if (value.is(Kind::Undefined))
      return undefinedError(value);
    if (!value.isNumber())
      return fail("'%%%c' needs a number, found %s", type, kindName(value));
    return putNumber(field, value, type);
  default:
    return fail("'%%': the format asks for '%c', which is none of s, r, d, x, o, e, f, g and c", type);
  }
}

bool Evaluator::percent(View format, const Value &values, Value &result) {
  size_t start = out.size();
  uint32_t next = 0;
  bool usedName = false;
  for (size_t at = 0; at < format.size;) {
    if (format.data[at] != '%') {
      ++at;
      continue;
    }
    if (!put(format.part(0, at)))
      return false;
    format = format.from(at + 1);
    if (!percentOne(format, values, next, usedName))
      return false;
    at = 0;
  }
  uint32_t given = values.is(Kind::List) && values.list->flavour == Flavour::Tuple ? values.list->count
                   : values.is(Kind::Dict) || values.is(Kind::List)                ? next
                                                                                   : 1;
  if (next < given && !usedName)
    return fail("'%%': the format takes %u values, found %u", next, given);
  return put(format) && finish(start, result);
}

// ------------------------------------------------------------ format()

/// [[fill]align][sign][#][0][width][,][.precision][type]
bool Evaluator::parseField(View spec, Field &field) {
  auto isAlign = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  if (spec.size) {
    Character first = decodeCharacter(reinterpret_cast<const uint8_t *>(spec.data), spec.size);
    if (spec.size > first.size && isAlign(spec.data[first.size])) {
      field.fill = first.codepoint;
      field.align = spec.data[first.size];
      spec = spec.from(first.size + 1);
    } else if (isAlign(spec.data[0])) {
      field.align = spec.data[0];
      spec = spec.from(1);
    }
  }
  size_t at = 0;
  auto peek = [&] { return at < spec.size ? spec.data[at] : char(0); };
  if (peek() == '+' || peek() == '-' || peek() == ' ')
    field.sign = spec.data[at++];
  if (peek() == '#')
    field.alternate = true, ++at;
  if (peek() == '0')
    field.zero = true, ++at;
  for (int part = 0; part < 2; ++part) {
    if (part && peek() == ',')
      field.comma = true, ++at;
    if (part && peek() != '.')
      break;
    at += part;
    int64_t number = 0;
    size_t digits = at;
    while (peek() >= '0' && peek() <= '9' && number <= widest)
      number = number * 10 + (spec.data[at++] - '0');
    if (number > widest)
      return fail("format: a width beyond %lld", (long long)widest);
    if (part && at == digits)
      return fail("format: the precision is missing");
    (part ? field.precision : field.width) = number;
  }
  field.type = peek();
  if (field.type)
    ++at;
  return at == spec.size || fail("format: the form of a field is not understood");
}

bool Evaluator::putField(const Field &field, const Value &value) {
  if (value.is(Kind::Undefined) && field.type)
    return undefinedError(value);
  char type = field.type;
  if (value.is(Kind::String) || !value.isNumber() || (value.is(Kind::Bool) && !type)) {
    if (type && type != 's')
      return fail("format: '%c' needs a number, found %s", type, kindName(value));
    size_t start = out.size();
    Value whole;
    if (!putString(value) || !finish(start, whole))
      return false;
    View text = whole.view();
    if (field.precision >= 0)
      text = text.part(0, offsetOf(text, size_t(field.precision)));
    return put(text) && pad(field, start, '<', 0);
  }
  if (!type && value.is(Kind::Int))
    type = 'd';
  if (!type && field.precision < 0 && !field.comma) {
    size_t start = out.size();
    if (field.sign == '+' && value.real() >= 0 && !put('+'))
      return false;
    return putFloat(value.number) && pad(field, start, '>', value.number < 0 || field.sign == '+');
  }
  if (!type)
    type = 'g';
  if (type == 'c' && value.isWhole() && value.whole() >= 0 && value.whole() < 0x110000) {
    size_t start = out.size();
    return putCharacter(uint32_t(value.whole())) && pad(field, start, '<', 0);
  }
  bool whole = std::strchr("dxXobn", type) != nullptr;
  if (!std::strchr("dxXobneEfFgG%", type) || (whole && value.is(Kind::Float)))
    return fail("format: '%c' cannot show %s", type, kindName(value));
  return putNumber(field, value, type);
}

/// One field, without its braces: [name][.attribute|[item]]...[!conversion][:form]
bool Evaluator::bracesOne(View text, const Arguments &given, int64_t &next) {
  size_t colon = 0;
  while (colon < text.size && text.data[colon] != ':' && text.data[colon] != '!')
    ++colon;
  View path = text.part(0, colon), rest = text.from(colon), form;
  char conversion = 0;
  if (rest.size && rest.data[0] == '!') {
    if (rest.size < 2 || !std::strchr("rsa", rest.data[1]) || (rest.size > 2 && rest.data[2] != ':'))
      return fail("format: after '!' stands r or s");
    conversion = rest.data[1];
    rest = rest.from(2);
  }
  if (rest.size)
    form = rest.from(1);
  size_t end = 0;
  while (end < path.size && path.data[end] != '.' && path.data[end] != '[')
    ++end;
  View name = path.part(0, end);
  bool isNumber = true;
  int64_t number = 0;
  for (size_t i = 0; i < name.size; ++i) {
    isNumber &= name.data[i] >= '0' && name.data[i] <= '9';
    number = isNumber && number < 1000000 ? number * 10 + (name.data[i] - '0') : number;
  }
  Value value;
  if (isNumber) {
    if (name.size ? next > 0 : next < 0)
      return fail("format: fields with and without numbers stand together");
    if (name.size)
      next = -1;
    else
      number = next++;
    if (number >= int64_t(given.count))
      return fail("format: field %lld, found %u values", (long long)number, given.count);
    value = given.positional[number];
  } else {
    bool found = false;
    for (uint32_t i = 0; i < given.namedCount && !found; ++i)
      if (given.names[i] == name)
        value = given.named[i], found = true;
    if (!found)
      return fail("format: there is no value '%.*s'", int(name.size), name.data);
  }
  for (path = path.from(end); path.size;) {
    bool isItem = path.data[0] == '[';
    end = 1;
    while (end < path.size && (isItem ? path.data[end] != ']' : path.data[end] != '.' && path.data[end] != '['))
      ++end;
    if (isItem && end == path.size)
      return fail("format: '[' has no end");
    View part = path.part(1, end - 1);
    Value from = value;
    if (isItem ? !follow(from, part, value) : !attribute(from, part, value))
      return false;
    path = path.from(end + isItem);
  }
  if (conversion) {
    size_t start = out.size();
    if (conversion == 's' ? !putString(value) : !putQuoted(value))
      return false;
    if (!finish(start, value))
      return false;
  }
  Field field;
  if (std::memchr(form.data, '{', form.size))
    return fail("format: a field within a field is not supported");
  return parseField(form, field) && putField(field, value);
}

bool Evaluator::braces(View format, const Arguments &given, Value &result) {
  size_t start = out.size();
  int64_t next = 0;
  for (size_t at = 0; at < format.size;) {
    char c = format.data[at];
    if (c != '{' && c != '}') {
      size_t plain = at;
      while (at < format.size && format.data[at] != '{' && format.data[at] != '}')
        ++at;
      if (!put(format.part(plain, at - plain)))
        return false;
      continue;
    }
    if (at + 1 < format.size && format.data[at + 1] == c) {
      if (!put(c))
        return false;
      at += 2;
      continue;
    }
    size_t end = at + 1;
    while (end < format.size && format.data[end] != '}')
      ++end;
    if (c == '}' || end == format.size)
      return fail("format: a single '%c'", c);
    if (!bracesOne(format.part(at + 1, end - at - 1), given, next))
      return false;
    at = end + 1;
  }
  return finish(start, result);
}

} // namespace llmc::runtime::chat
