// Filters.cpp - filters of chat templates on texts and numbers; those on sequences are in SequenceFilters.cpp.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Evaluator.h"

#include "runtime/src/text/Utf8.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace llmc::runtime::chat {

bool Evaluator::needString(const Value &value, const char *what, View &text) {
  if (value.is(Kind::Undefined))
    return undefinedError(value);
  if (!value.is(Kind::String))
    return fail("%s: needs a string, found %s", what, kindName(value));
  text = value.view();
  return true;
}

bool Evaluator::needInt(const Value &value, const char *what, int64_t &number) {
  if (value.is(Kind::Undefined))
    return undefinedError(value);
  if (!value.isWhole())
    return fail("%s: needs an integer, found %s", what, kindName(value));
  number = value.whole();
  return true;
}

bool Evaluator::escapeHtml(View text, Value &result) {
  size_t start = out.size();
  for (size_t i = 0; i < text.size; ++i) {
    char c = text.data[i];
    const char *instead = c == '&'    ? "&amp;"
                          : c == '<'  ? "&lt;"
                          : c == '>'  ? "&gt;"
                          : c == '\'' ? "&#39;"
                          : c == '"'  ? "&#34;"
                                      : nullptr;
    if (instead ? !put(instead) : !put(c))
      return false;
  }
  if (!finish(start, result))
    return false;
  result.safe = true;
  return true;
}

bool Evaluator::urlEncode(const Value &value, Value &result) {
  auto putEncoded = [&](View text, bool isQuery) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; ++i) {
      uint8_t c = uint8_t(text.data[i]);
      bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   (c && c < 0x80 && std::strchr(isQuery ? "_.-~" : "_.-~/", c));
      if (isQuery && c == ' ' ? !put('+')
          : plain             ? !put(char(c))
                              : !put('%') || !put(digits[c >> 4]) || !put(digits[c & 15]))
        return false;
    }
    return true;
  };
  size_t start = out.size();
  Value text;
  if (!value.is(Kind::Dict) && !value.is(Kind::List))
    return toString(value, text) && putEncoded(text.view(), false) && finish(start, result);
  uint32_t count = value.is(Kind::Dict) ? value.dict->count : value.list->left();
  for (uint32_t i = 0; i < count; ++i) {
    Value pair[2];
    if (value.is(Kind::Dict)) {
      pair[0] = value.dict->keys[i], pair[1] = value.dict->values[i];
    } else {
      Value *items;
      uint32_t size;
      if (!elements(value.list->begin()[i], items, size))
        return false;
      if (size != 2)
        return fail("urlencode: needs pairs, found %u values", size);
      pair[0] = items[0], pair[1] = items[1];
    }
    Value texts[2];
    if (!toString(pair[0], texts[0]) || !toString(pair[1], texts[1]) || (i && !put('&')) ||
        !putEncoded(texts[0].view(), true) || !put('=') || !putEncoded(texts[1].view(), true))
      return false;
  }
  return finish(start, result);
}

/// indent(width, first, blank)
bool Evaluator::indent(const Value &value, const Value *arguments, const bool *present, Value &result) {
  View text;
  Value spaces, all, ended;
  if (!needString(value, "indent", text))
    return false;
  size_t start = out.size();
  if (present[0] && arguments[0].is(Kind::String)) {
    spaces = arguments[0];
  } else {
    int64_t width = 4;
    if (present[0] && !needInt(arguments[0], "indent", width))
      return false;
    if (width > 10000)
      return fail("indent: a width of %lld, at most 10000 is allowed", (long long)width);
    if (!putSpaces(width) || !finish(start, spaces))
      return false;
  }
  bool first = present[1] && truth(arguments[1]), blank = present[2] && truth(arguments[2]);
  if (!put(text) || !put('\n') || !finish(start, ended) || !lines(ended.view(), false, all))
    return false;
  const List &list = *all.list;
  for (uint32_t i = 0; i < list.count; ++i) {
    bool indents = i ? blank || list.items[i].length : first;
    if ((i && !put('\n')) || (indents && !put(spaces.view())) || !put(list.items[i].view()))
      return false;
  }
  if (!finish(start, result))
    return false;
  result.safe = value.safe;
  return true;
}

/// truncate(length, killwords, end, leeway)
bool Evaluator::truncate(View text, const Value *arguments, const bool *present, Value &result) {
  int64_t most = 255, leeway = 5;
  View end = "...";
  if ((present[0] && !needInt(arguments[0], "truncate", most)) ||
      (present[2] && !needString(arguments[2], "truncate", end)) ||
      (present[3] && !arguments[3].is(Kind::None) && !needInt(arguments[3], "truncate", leeway)))
    return false;
  int64_t endSize = int64_t(characters(end)), size = int64_t(characters(text));
  if (most < endSize || leeway < 0)
    return fail("truncate: a length of %lld is shorter than what stands at the end", (long long)most);
  result = Value::of(text);
  if (size <= most + leeway)
    return true;
  View kept = text.part(0, offsetOf(text, size_t(most - endSize)));
  if (!(present[1] && truth(arguments[1])))
    for (size_t at = kept.size; at-- > 0;)
      if (kept.data[at] == ' ') {
        kept.size = at;
        break;
      }
  size_t start = out.size();
  return put(kept) && put(end) && finish(start, result);
}

bool Evaluator::toInt(const Value &value, const Value &otherwise, int64_t base, Value &result) {
  result = otherwise;
  if (value.is(Kind::Undefined))
    return undefinedError(value);
  if (value.isWhole()) {
    result = Value::of(value.whole());
    return true;
  }
  double real = 0;
  if (value.is(Kind::String)) {
    // Digits with single underscores between them, as the language of templates reads them.
    View text = strip(value.view(), nullptr, true, true);
    char copy[80];
    size_t size = 0;
    bool good = text.size > 0 && text.size < sizeof copy && base >= 0 && base <= 36 && base != 1;
    for (size_t i = 0; i < text.size && good; ++i) {
      bool underscore = text.data[i] == '_';
      good = text.data[i] && uint8_t(text.data[i]) > 0x20 &&
             (!underscore ||
              (i && i + 1 < text.size && text.data[i - 1] != '_' && copy[size - 1] != '+' && copy[size - 1] != '-'));
      if (!underscore)
        copy[size++] = text.data[i];
    }
    if (good) {
      copy[size] = 0;
      const char *digits = copy + (copy[0] == '+' || copy[0] == '-');
      char letter = digits[0] == '0' ? char(digits[1] | 0x20) : 0;
      int64_t shown = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
      bool prefixed = shown && (base == shown || base == 0);
      char *end;
      errno = 0;
      const char *start = prefixed ? digits + 2 : digits;
      bool startsWell = *start && *start != '+' && *start != '-';
      int64_t found = startsWell ? std::strtoll(start, &end, int(prefixed ? shown : base ? base : 10)) : 0;
      if (startsWell && !*end && errno != ERANGE) {
        result = Value::of(copy[0] == '-' ? -found : found);
        return true;
      }
      if (startsWell && !*end)
        return fail("int: the number does not fit 64 bits");
    }
    Value number;
    if (!toFloat(value, Value::none(), number))
      return false;
    if (number.is(Kind::None))
      return true;
    real = number.number;
    if (std::isinf(real) || std::isnan(real))
      return true;
  } else if (value.is(Kind::Float)) {
    real = value.number;
    if (std::isnan(real))
      return true;
    if (std::isinf(real)) // of a number, not of a text, this ends an evaluation
      return fail("int: infinity is no integer");
  } else {
    return true;
  }
  if (!(std::fabs(real) < 9.2e18))
    return fail("int: the number does not fit 64 bits");
  result = Value::of(int64_t(real));
  return true;
}

bool Evaluator::toFloat(const Value &value, const Value &otherwise, Value &result) {
  result = otherwise;
  if (value.is(Kind::Undefined))
    return undefinedError(value);
  if (value.isNumber()) {
    result = Value::of(value.real());
    return true;
  }
  if (!value.is(Kind::String))
    return true;
  View text = strip(value.view(), nullptr, true, true);
  char copy[400];
  if (!text.size || text.size >= sizeof copy)
    return true;
  for (size_t i = 0; i < text.size; ++i) {
    copy[i] = text.data[i];
    if (copy[i] == 'x' || copy[i] == 'X' || copy[i] == '(' || uint8_t(copy[i]) <= 0x20)
      return true;
  }
  copy[text.size] = 0;
  char *end;
  double found = std::strtod(copy, &end);
  if (!*end)
    result = Value::of(found);
  return true;
}

static double powerOfTen(int64_t exponent) {
  char text[16];
  std::snprintf(text, sizeof text, "1e%d", int(exponent));
  return std::strtod(text, nullptr);
}

bool Evaluator::roundNumber(const Value &value, int64_t precision, View method, Value &result) {
  if (value.is(Kind::Undefined))
    return undefinedError(value);
  if (!value.isNumber())
    return fail("round: needs a number, found %s", kindName(value));
  if (precision < -300 || precision > 300)
    return fail("round: a precision of %lld, expected -300 to 300", (long long)precision);
  if (method == View("ceil") || method == View("floor")) {
    double scale = powerOfTen(precision), scaled = value.real() * scale;
    double whole = method == View("ceil") ? std::ceil(scaled) : std::floor(scaled);
    result = Value::of(whole / scale);
    return true;
  }
  if (method != View("common"))
    return fail("round: the method '%.*s', expected common, ceil or floor", int(method.size), method.data);
  if (value.isWhole() && precision >= 0) {
    result = Value::of(value.whole());
    return true;
  }
  if (precision < 0) {
    double scale = powerOfTen(-precision), rounded = std::nearbyint(value.real() / scale) * scale;
    result = value.isWhole() ? Value::of(int64_t(rounded)) : Value::of(rounded);
    return true;
  }
  char text[700];
  std::snprintf(text, sizeof text, "%.*f", int(precision), value.number);
  result = Value::of(std::isfinite(value.number) ? std::strtod(text, nullptr) : value.number);
  return true;
}

bool Evaluator::numberFilter(uint32_t number, const Value &value, const Value *arguments, const bool *present,
                             Value &result) {
  if (value.is(Kind::String) && !spend(1 + value.length / 64))
    return false;
  switch (number) {
  case LLMC_FILTER_ABS:
    if (value.is(Kind::Undefined))
      return undefinedError(value);
    if (!value.isNumber())
      return fail("abs: needs a number, found %s", kindName(value));
    if (value.is(Kind::Float))
      result = Value::of(std::fabs(value.number));
    else if (value.whole() == INT64_MIN)
      return fail("the number does not fit 64 bits");
    else
      result = Value::of(value.whole() < 0 ? -value.whole() : value.whole());
    return true;
  case LLMC_FILTER_INT: {
    int64_t base = 10;
    if (present[1] && !needInt(arguments[1], "int", base))
      return false;
    return toInt(value, present[0] ? arguments[0] : Value::of(int64_t(0)), base, result);
  }
  case LLMC_FILTER_FLOAT:
    return toFloat(value, present[0] ? arguments[0] : Value::of(0.0), result);
  default: {
    int64_t precision = 0;
    View method = "common";
    if ((present[0] && !needInt(arguments[0], "round", precision)) ||
        (present[1] && !needString(arguments[1], "round", method)))
      return false;
    return roundNumber(value, precision, method, result);
  }
  }
}

bool Evaluator::textFilter(uint32_t number, const Value &value, const Value *arguments, const bool *present,
                           uint32_t count, Value &result) {
  Value text;
  View first;
  int64_t size = -1;
  if (!toString(value, text) || !spend(1 + text.length / 64))
    return false;
  View self = text.view();
  switch (number) {
  case LLMC_FILTER_STRING:
    result = text;
    return true;
  case LLMC_FILTER_SAFE:
    result = text;
    result.safe = true;
    return true;
  case LLMC_FILTER_ESCAPE:
    result = text;
    return text.safe || escapeHtml(self, result);
  case LLMC_FILTER_FORCEESCAPE:
    return escapeHtml(self, result);
  case LLMC_FILTER_UPPER:
    return changeCase(self, LLMC_CASE_UPPER, result);
  case LLMC_FILTER_LOWER:
    return changeCase(self, LLMC_CASE_LOWER, result);
  case LLMC_FILTER_CAPITALIZE:
    return capitalize(self, result);
  case LLMC_FILTER_TITLE:
    return titleWords(self, true, result);
  case LLMC_FILTER_TRIM: {
    bool hasSet = present[0] && !arguments[0].is(Kind::None);
    if (hasSet && !needString(arguments[0], "trim", first))
      return false;
    if (!spend(1 + self.size / 16))
      return false;
    result = Value::of(strip(self, hasSet ? &first : nullptr, true, true));
    result.safe = text.safe;
    return true;
  }
  case LLMC_FILTER_CENTER:
    size = 80;
    return (!present[0] || needInt(arguments[0], "center", size)) && justify(self, size, " ", 0, result);
  case LLMC_FILTER_REPLACE: {
    Value from, to;
    return toString(arguments[0], from) && toString(arguments[1], to) &&
           (!present[2] || arguments[2].is(Kind::None) || needInt(arguments[2], "replace", size)) &&
           replace(self, from.view(), to.view(), size, result);
  }
  case LLMC_FILTER_TRUNCATE:
    if (!value.is(Kind::String)) { // a short one passes as it is
      result = value;
      return length(value, size) && (size <= 255 || needString(value, "truncate", first));
    }
    return truncate(self, arguments, present, result);
  case LLMC_FILTER_WORDCOUNT: {
    int64_t words = 0;
    bool inWord = false;
    constexpr uint32_t word =
        LLMC_CHARACTER_LETTER | LLMC_CHARACTER_DECIMAL | LLMC_CHARACTER_DIGIT | LLMC_CHARACTER_NUMERIC;
    for (size_t at = 0; at < self.size;) {
      Character c = decodeCharacter(reinterpret_cast<const uint8_t *>(self.data + at), self.size - at);
      bool isWord = c.codepoint == '_' || (flagsOf(c.codepoint) & word);
      words += isWord && !inWord;
      inWord = isWord;
      at += c.size;
    }
    result = Value::of(words);
    return spend(1 + self.size);
  }
  default: { // FORMAT
    Value tuple;
    if (!newList(count, Flavour::Tuple, tuple))
      return false;
    for (uint32_t i = 0; i < count; ++i)
      tuple.list->items[i] = arguments[i];
    return percent(self, tuple, result);
  }
  }
}

bool Evaluator::filter(uint32_t number, const Value &value, const Value *arguments, const bool *present, uint32_t count,
                       Value &result) {
  switch (number) {
  case LLMC_FILTER_DEFAULT: {
    bool missing = value.is(Kind::Undefined) || (present[1] && truth(arguments[1]) && !truth(value));
    result = !missing ? value : present[0] ? arguments[0] : Value::of(View(""));
    return true;
  }
  case LLMC_FILTER_TOJSON:
    return toJson(value, arguments, present, result);
  case LLMC_FILTER_INDENT:
    return indent(value, arguments, present, result);
  case LLMC_FILTER_URLENCODE:
    return urlEncode(value, result);
  case LLMC_FILTER_ABS:
  case LLMC_FILTER_INT:
  case LLMC_FILTER_FLOAT:
  case LLMC_FILTER_ROUND:
    return numberFilter(number, value, arguments, present, result);
  case LLMC_FILTER_STRING:
  case LLMC_FILTER_SAFE:
  case LLMC_FILTER_ESCAPE:
  case LLMC_FILTER_FORCEESCAPE:
  case LLMC_FILTER_UPPER:
  case LLMC_FILTER_LOWER:
  case LLMC_FILTER_CAPITALIZE:
  case LLMC_FILTER_TITLE:
  case LLMC_FILTER_TRIM:
  case LLMC_FILTER_CENTER:
  case LLMC_FILTER_REPLACE:
  case LLMC_FILTER_TRUNCATE:
  case LLMC_FILTER_WORDCOUNT:
  case LLMC_FILTER_FORMAT:
    return textFilter(number, value, arguments, present, count, result);
  default:
    return sequenceFilter(number, value, arguments, present, result);
  }
}

} // namespace llmc::runtime::chat
