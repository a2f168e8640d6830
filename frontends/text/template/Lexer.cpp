// Lexer.cpp - cuts the text of a chat template into tokens.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/template/Lexer.h"

#include "frontends/text/CodepointSet.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace llmc::text {

namespace {

using Kind = TemplateToken::Kind;

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (static_cast<uint8_t>(c) & 0x80) != 0;
}
bool isNamePart(char c) { return isNameStart(c) || isDigit(c); }

/// White space of the language that templates come from: Unicode's, and the four separators of ASCII.
bool isSpace(uint32_t codepoint) {
  return (codepoint >= 0x09 && codepoint <= 0x0d) || (codepoint >= 0x1c && codepoint <= 0x20) || codepoint == 0x85 ||
         codepoint == 0xa0 || codepoint == 0x1680 || (codepoint >= 0x2000 && codepoint <= 0x200a) ||
         codepoint == 0x2028 || codepoint == 0x2029 || codepoint == 0x202f || codepoint == 0x205f ||
         codepoint == 0x3000;
}

/// Bytes of white space at the start of `text`.
size_t leadingSpace(std::string_view text) {
  size_t at = 0;
  for (size_t next = 0; next < text.size() && isSpace(nextCodepoint(text, next));)
    at = next;
  return at;
}

/// `text` without the white space at its end.
std::string_view trimEnd(std::string_view text) {
  while (!text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && (static_cast<uint8_t>(text[start]) & 0xc0) == 0x80)
      --start;
    size_t next = start;
    if (!isSpace(nextCodepoint(text, next)) || next != text.size())
      break;
    text = text.substr(0, start);
  }
  return text;
}

constexpr std::string_view operators[] = {"==", "!=", ">=", "<=", "//", "**", "+", "-", "/", "*", "%", "~", "[",
                                          "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

class Lexer {
public:
  explicit Lexer(std::string_view text) {
    source.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\r') {
        source += '\n';
        i += i + 1 < text.size() && text[i + 1] == '\n';
      } else {
        source += text[i];
      }
    }
    if (!source.empty() && source.back() == '\n')
      source.pop_back();
  }

  TemplateTokens run() {
    while (at < source.size() && out.mistake.empty())
      root();
    push(Kind::End, at);
    return std::move(out);
  }

private:
  bool starts(std::string_view what, size_t where) const { return source.compare(where, what.size(), what) == 0; }

  TemplatePlace placeOf(size_t where) {
    for (; placed < where; ++placed)
      if (source[placed] == '\n') {
        ++place.line;
        lineStart = placed + 1;
      }
    place.column = static_cast<uint32_t>(where - lineStart + 1);
    return place;
  }

  void fail(size_t where, std::string mistake) {
    if (!out.mistake.empty())
      return;
    // Places are found going forward; a mistake may lie behind.
    TemplatePlace found;
    size_t start = 0;
    for (size_t i = 0; i < where && i < source.size(); ++i)
      if (source[i] == '\n') {
        ++found.line;
        start = i + 1;
      }
    found.column = static_cast<uint32_t>(where - start + 1);
    out.mistake = std::move(mistake);
    out.place = found;
  }

  TemplateToken &push(Kind kind, size_t where, std::string text = {}) {
    out.tokens.emplace_back();
    TemplateToken &token = out.tokens.back();
    token.kind = kind;
    token.place = placeOf(where);
    token.text = std::move(text);
    return token;
  }

  void data(size_t where, std::string_view text) {
    if (!text.empty())
      push(Kind::Data, where, std::string(text));
  }

  /// The text before a tag, less what the tag takes: `sign` is '-', '+' or 0.
  std::string_view beforeTag(size_t start, size_t tag, char sign, bool isVariable) const {
    std::string_view text(source.data() + start, tag - start);
    if (sign == '-')
      return trimEnd(text);
    if (sign == '+' || isVariable)
      return text;
    size_t line = text.rfind('\n') + 1; // 0 when there is none
    if (line == 0 && !lineStarting)
      return text;
    std::string_view rest = text.substr(line);
    return !rest.empty() && leadingSpace(rest) == rest.size() ? text.substr(0, line) : text;
  }

  /// Goes past the end of a block or comment, "%}" or "#}" standing at `at`, with its sign before it.
  void passEnd(char sign) {
    at += 2;
    if (sign == '-')
      at += leadingSpace(std::string_view(source).substr(at));
    else if (sign != '+' && at < source.size() && source[at] == '\n')
      ++at;
    lineStarting = at > 0 && source[at - 1] == '\n';
  }

  char signAt(size_t where) const {
    return where < source.size() && (source[where] == '-' || source[where] == '+') ? source[where] : 0;
  }

  void root() {
    size_t tag = at;
    while ((tag = source.find('{', tag)) != std::string::npos && !starts("{%", tag) && !starts("{{", tag) &&
           !starts("{#", tag))
      ++tag;
    if (tag == std::string::npos) {
      data(at, std::string_view(source).substr(at));
      at = source.size();
      return;
    }
    char sign = signAt(tag + 2);
    bool isVariable = source[tag + 1] == '{';
    data(at, beforeTag(at, tag, sign, isVariable));
    at = tag + 2 + (sign != 0);
    lineStarting = false;
    if (source[tag + 1] == '#')
      comment(tag);
    else if (isVariable)
      inside(tag, Kind::VariableBegin, Kind::VariableEnd);
    else if (!raw(tag))
      inside(tag, Kind::BlockBegin, Kind::BlockEnd);
  }

  void comment(size_t tag) {
    size_t end = source.find("#}", at);
    if (end == std::string::npos)
      return fail(tag, "the comment has no end");
    char sign = end > at ? signAt(end - 1) : 0;
    at = end;
    passEnd(sign);
  }

  /// A "raw" block, whose text is left as it is; false when the tag at hand is another.
  bool raw(size_t tag) {
    std::string_view rest = std::string_view(source).substr(at);
    size_t skipped = leadingSpace(rest);
    if (rest.substr(skipped, 3) != "raw")
      return false;
    size_t where = skipped + 3;
    where += leadingSpace(rest.substr(where));
    bool minus = rest.substr(where, 1) == "-";
    if (rest.substr(where + minus, 2) != "%}")
      return false;
    at += where + minus + 2;
    if (minus)
      at += leadingSpace(std::string_view(source).substr(at));
    lineStarting = at > 0 && source[at - 1] == '\n';
    for (size_t end = at; (end = source.find("{%", end)) != std::string::npos; ++end) {
      char sign = signAt(end + 2);
      size_t name = end + 2 + (sign != 0);
      name += leadingSpace(std::string_view(source).substr(name));
      if (!starts("endraw", name))
        continue;
      name += 6;
      name += leadingSpace(std::string_view(source).substr(name));
      char endSign = signAt(name);
      if (!starts("%}", name + (endSign != 0)))
        continue;
      data(at, beforeTag(at, end, sign, false));
      at = name + (endSign != 0);
      passEnd(endSign);
      return true;
    }
    fail(tag, "the 'raw' block has no end");
    return true;
  }

  /// Tokens of a tag up to its end.
  void inside(size_t tag, Kind begin, Kind end) {
    push(begin, tag);
    std::vector<char> open;
    const char *close = end == Kind::VariableEnd ? "}}" : "%}";
    while (out.mistake.empty()) {
      at += leadingSpace(std::string_view(source).substr(at));
      if (at >= source.size())
        return fail(tag, std::string("the tag has no end, expected '") + close + "'");
      if (open.empty()) {
        char sign = signAt(at);
        bool signedEnd = sign != 0 && starts(close, at + 1) && !(end == Kind::VariableEnd && sign == '+');
        if (signedEnd || starts(close, at)) {
          push(end, at);
          at += signedEnd;
          if (end == Kind::VariableEnd) {
            at += 2;
            if (signedEnd)
              at += leadingSpace(std::string_view(source).substr(at));
            lineStarting = source[at - 1] == '\n';
          } else {
            passEnd(signedEnd ? sign : 0);
          }
          return;
        }
      }
      token(open);
    }
  }

  void token(std::vector<char> &open) {
    char c = source[at];
    if (isDigit(c))
      return number();
    if (isNameStart(c)) {
      size_t start = at;
      while (at < source.size() && isNamePart(source[at]))
        ++at;
      push(Kind::Name, start, source.substr(start, at - start));
      return;
    }
    if (c == '\'' || c == '"')
      return string();
    for (std::string_view symbol : operators)
      if (starts(symbol, at)) {
        if (symbol == "(" || symbol == "[" || symbol == "{") {
          open.push_back(symbol == "(" ? ')' : symbol == "[" ? ']' : '}');
        } else if (symbol == ")" || symbol == "]" || symbol == "}") {
          if (open.empty() || open.back() != symbol[0])
            return fail(at, "unexpected '" + std::string(symbol) + "'" +
                                (open.empty() ? std::string() : std::string(", expected '") + open.back() + "'"));
          open.pop_back();
        }
        push(Kind::Operator, at, std::string(symbol));
        at += symbol.size();
        return;
      }
    size_t next = at;
    nextCodepoint(source, next);
    fail(at, "unexpected character '" + source.substr(at, next - at) + "'");
  }

  /// Digits with single underscores between them, from `where`; their end.
  size_t digits(size_t where) const {
    while (where < source.size() && (isDigit(source[where]) ||
                                     (source[where] == '_' && where + 1 < source.size() && isDigit(source[where + 1]))))
      ++where;
    return where;
  }

  void number() {
    size_t start = at, end = digits(at);
    bool afterDot = start > 0 && source[start - 1] == '.';
    bool isFloat = false;
    if (!afterDot) {
      size_t point = end;
      if (point + 1 < source.size() && source[point] == '.' && isDigit(source[point + 1])) {
        end = digits(point + 1);
        isFloat = true;
      }
      if (end < source.size() && (source[end] == 'e' || source[end] == 'E')) {
        size_t exponent = end + 1 + (signAt(end + 1) != 0);
        if (exponent < source.size() && isDigit(source[exponent])) {
          end = digits(exponent);
          isFloat = true;
        }
      }
    }
    int base = 10;
    if (!isFloat && source[start] == '0' && start + 2 < source.size() &&
        std::strchr("xXoObB", source[start + 1]) != nullptr) {
      base = std::strchr("xX", source[start + 1]) ? 16 : std::strchr("oO", source[start + 1]) ? 8 : 2;
      end = start + 2;
      while (end < source.size() && (isNamePart(source[end]) && static_cast<uint8_t>(source[end]) < 0x80))
        ++end;
    }
    std::string text;
    for (size_t i = base == 10 ? start : start + 2; i < end; ++i)
      if (source[i] != '_')
        text += source[i];
    at = end;
    TemplateToken &token = push(isFloat ? Kind::Float : Kind::Integer, start, source.substr(start, end - start));
    char *rest = nullptr;
    errno = 0;
    if (isFloat)
      token.number = std::strtod(text.c_str(), &rest);
    else
      token.integer = std::strtoll(text.c_str(), &rest, base);
    if (text.empty() || *rest)
      return fail(start, "'" + source.substr(start, end - start) + "' is not a number");
    if (!isFloat && errno == ERANGE)
      return fail(start, "the number '" + text + "' does not fit 64 bits");
    if (!isFloat && base == 10 && text.size() > 1 && text[0] == '0' && text.find_first_not_of('0') != std::string::npos)
      return fail(start, "the number '" + text + "' begins with a zero");
  }

  void string() {
    size_t start = at++;
    char quote = source[start];
    std::string text;
    for (;;) {
      if (at >= source.size())
        return fail(start, "the string has no end");
      char c = source[at++];
      if (c == quote)
        break;
      if (c != '\\' || at >= source.size()) {
        text += c;
        continue;
      }
      if (!escape(text))
        return;
    }
    push(Kind::String, start, std::move(text));
  }

  /// The character after a backslash.
  bool escape(std::string &text) {
    static const char plain[] = "\\\\\'\'\"\"a\ab\bf\fn\nr\rt\tv\v";
    char c = source[at++];
    if (c == '\n')
      return true;
    for (const char *pair = plain; *pair; pair += 2)
      if (c == *pair) {
        text += pair[1];
        return true;
      }
    if (c == 'N' && at < source.size() && source[at] == '{')
      return fail(at - 2, "characters cannot be named in a string; write '\\u' and their code"), false;
    unsigned digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t codepoint = 0;
    if (digits != 0) {
      for (unsigned i = 0; i < digits; ++i) {
        static const char hex[] = "0123456789abcdef";
        char digit = at < source.size() ? source[at] : '"';
        const char *found = std::strchr(hex, digit >= 'A' && digit <= 'F' ? digit + 32 : digit);
        if (!found || !*found)
          return fail(at, "a character written as '\\" + std::string(1, c) + "' needs " + std::to_string(digits) +
                              " hexadecimal digits"),
                 false;
        codepoint = codepoint << 4 | static_cast<uint32_t>(found - hex);
        ++at;
      }
    } else if (c >= '0' && c <= '7') {
      codepoint = static_cast<uint32_t>(c - '0');
      for (unsigned i = 0; i < 2 && at < source.size() && source[at] >= '0' && source[at] <= '7'; ++i)
        codepoint = codepoint * 8 + static_cast<uint32_t>(source[at++] - '0');
    } else {
      text += '\\';
      text += c;
      return true;
    }
    if (codepoint > 0x10ffff || (codepoint >= 0xd800 && codepoint < 0xe000))
      return fail(at, "the code in the string is no character"), false;
    appendCodepoint(text, codepoint);
    return true;
  }

  static void appendCodepoint(std::string &text, uint32_t codepoint) {
    if (codepoint < 0x80) {
      text += static_cast<char>(codepoint);
      return;
    }
    unsigned more = codepoint < 0x800 ? 1 : codepoint < 0x10000 ? 2 : 3;
    text += static_cast<char>((0xf00u >> (more + 1) & 0xff) | codepoint >> (6 * more));
    while (more-- > 0)
      text += static_cast<char>(0x80 | (codepoint >> (6 * more) & 0x3f));
  }

  std::string source;
  size_t at = 0;
  bool lineStarting = true; ///< A line begins at `at`, or has done so in the text before.
  TemplateTokens out;
  TemplatePlace place;
  size_t placed = 0, lineStart = 0;
};

} // namespace

std::string describe(const TemplateToken &token) {
  switch (token.kind) {
  case Kind::End:
    return "the end of the template";
  case Kind::Data:
    return "text";
  case Kind::VariableBegin:
    return "'{{'";
  case Kind::VariableEnd:
    return "'}}'";
  case Kind::BlockBegin:
    return "'{%'";
  case Kind::BlockEnd:
    return "'%}'";
  case Kind::String:
    return "a string";
  default:
    return "'" + token.text + "'";
  }
}

TemplateTokens lexTemplate(std::string_view source) { return Lexer(source).run(); }

} // namespace llmc::text
