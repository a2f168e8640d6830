// JsonReader.cpp - values of a chat template out of JSON: tool calls, tools, parts of a message.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/Utf8.h"
#include "runtime/src/text/template/Evaluator.h"

#include <cerrno>
#include <cstdlib>

namespace llmc::runtime::chat {

/// Reads one document. Its mistakes name the byte.
class JsonReader {
public:
  JsonReader(Evaluator &evaluator, View text, const char *what) : evaluator(evaluator), text(text), what(what) {}

  bool read(Value &result) {
    if (!value(result, 0))
      return false;
    space();
    return at == text.size || mistake("something stands after it");
  }

private:
  static constexpr unsigned deepest = 100;

  bool mistake(const char *reason) {
    return evaluator.failWith(ChatStatus::BadInput, "%s: not JSON at byte %zu: %s", what, at, reason);
  }
  void space() {
    while (at < text.size &&
           (text.data[at] == ' ' || text.data[at] == '\n' || text.data[at] == '\t' || text.data[at] == '\r'))
      ++at;
  }
  char peek() const { return at < text.size ? text.data[at] : 0; }
  bool word(const char *expected, const Value &meaning, Value &result) {
    View wanted(expected);
    if (text.size - at < wanted.size || text.part(at, wanted.size) != wanted)
      return mistake("expected a value");
    at += wanted.size;
    result = meaning;
    return true;
  }

  bool value(Value &result, unsigned depth) {
    if (!evaluator.spend(1))
      return false;
    if (depth > deepest)
      return mistake("nested too deeply");
    space();
    switch (peek()) {
    case '{':
      return object(result, depth);
    case '[':
      return array(result, depth);
    case '"':
      return string(result);
    case 't':
      return word("true", Value::of(true), result);
    case 'f':
      return word("false", Value::of(false), result);
    case 'n':
      return word("null", Value::none(), result);
    default:
      return number(result);
    }
  }

  bool object(Value &result, unsigned depth) {
    ++at;
    if (!evaluator.newDict(result))
      return false;
    space();
    if (peek() == '}')
      return ++at, true;
    for (;;) {
      Value key, item;
      space();
      if (peek() != '"')
        return mistake("expected a key");
      if (!string(key))
        return false;
      space();
      if (peek() != ':')
        return mistake("expected ':'");
      ++at;
      if (!value(item, depth + 1) || !evaluator.insert(*result.dict, key, item))
        return false;
      space();
      if (peek() == '}')
        return ++at, true;
      if (peek() != ',')
        return mistake("expected ',' or '}'");
      ++at;
    }
  }

  bool array(Value &result, unsigned depth) {
    ++at;
    size_t base = evaluator.stack.size();
    space();
    for (bool first = true; first ? peek() != ']' : true; first = false) {
      Value item;
      if (!value(item, depth + 1))
        return false;
      if (!evaluator.stack.push(item))
        return evaluator.noMemory();
      space();
      if (peek() == ']')
        break;
      if (peek() != ',')
        return mistake("expected ',' or ']'");
      ++at;
    }
    ++at;
    uint32_t count = uint32_t(evaluator.stack.size() - base);
    if (!evaluator.newList(count, Flavour::List, result))
      return false;
    for (uint32_t i = 0; i < count; ++i)
      result.list->items[i] = evaluator.stack[base + i];
    evaluator.stack.truncate(base);
    return true;
  }

  bool hex(uint32_t &code) {
    code = 0;
    for (int i = 0; i < 4; ++i, ++at) {
      char c = peek();
      uint32_t digit = c >= '0' && c <= '9'   ? uint32_t(c - '0')
                       : c >= 'a' && c <= 'f' ? uint32_t(c - 'a' + 10)
                       : c >= 'A' && c <= 'F' ? uint32_t(c - 'A' + 10)
                                              : 16;
      if (digit > 15)
        return mistake("expected four hexadecimal digits");
      code = code << 4 | digit;
    }
    return true;
  }

  bool escape() {
    static const char plain[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    char c = peek();
    ++at;
    for (const char *pair = plain; *pair; pair += 2)
      if (c == *pair)
        return evaluator.put(pair[1]);
    if (c != 'u')
      return mistake("an unknown escape");
    uint32_t code, low;
    if (!hex(code))
      return false;
    if (code >= 0xd800 && code < 0xdc00 && peek() == '\\' && at + 1 < text.size && text.data[at + 1] == 'u') {
      at += 2;
      if (!hex(low))
        return false;
      if (low < 0xdc00 || low > 0xdfff)
        return mistake("half of a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code >= 0xd800 && code < 0xe000)
      return mistake("half of a surrogate pair");
    return evaluator.putCharacter(code);
  }

  bool string(Value &result) {
    ++at;
    size_t plain = at;
    while (at < text.size && text.data[at] != '"' && text.data[at] != '\\' && uint8_t(text.data[at]) >= 0x20)
      ++at;
    if (!evaluator.spend(1 + (at - plain) / 16))
      return false;
    if (peek() == '"' && at < text.size) { // as it stands
      result = Value::of(text.part(plain, at - plain));
      return ++at, true;
    }
    size_t start = evaluator.out.size();
    if (!evaluator.put(text.part(plain, at - plain)))
      return false;
    while (at < text.size && text.data[at] != '"') {
      if (uint8_t(text.data[at]) < 0x20)
        return mistake("a control character in a string");
      if (text.data[at] == '\\') {
        ++at;
        if (!escape())
          return false;
      } else if (!evaluator.put(text.data[at++])) {
        return false;
      }
    }
    if (at >= text.size)
      return mistake("a string has no end");
    ++at;
    return evaluator.finish(start, result);
  }

  bool number(Value &result) {
    char copy[400];
    size_t size = 0, start = at;
    bool isFloat = false;
    for (char c; (c = peek()) != 0 && std::strchr("+-0123456789.eE", c); ++at) {
      isFloat |= c == '.' || c == 'e' || c == 'E';
      if (size + 1 < sizeof copy)
        copy[size++] = c;
    }
    copy[size] = 0;
    size_t first = copy[0] == '-';
    bool good = at - start == size && size > first && copy[first] >= '0' && copy[first] <= '9' &&
                !(copy[first] == '0' && copy[first + 1] >= '0' && copy[first + 1] <= '9');
    if (!good)
      return at = start, mistake("expected a value");
    char *end;
    errno = 0;
    if (isFloat)
      result = Value::of(std::strtod(copy, &end));
    else
      result = Value::of(int64_t(std::strtoll(copy, &end, 10)));
    if (*end || copy[size - 1] == '.')
      return at = start, mistake("expected a value");
    if (!isFloat && errno == ERANGE)
      return at = start, mistake("the number does not fit 64 bits");
    return true;
  }

  Evaluator &evaluator;
  View text;
  const char *what;
  size_t at = 0;
};

bool Evaluator::readJson(View text, const char *what, Value &result) {
  return JsonReader(*this, text, what).read(result);
}

} // namespace llmc::runtime::chat
