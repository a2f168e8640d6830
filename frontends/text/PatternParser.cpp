// PatternParser.cpp - Oniguruma's spelling of regular expressions, turned into a tree.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/Pattern.h"

#include <algorithm>

namespace llmc::text {

namespace {

using Kind = PatternNode::Kind;
constexpr unsigned maxDepth = 64;
constexpr unsigned maxNodes = 4096;
constexpr uint32_t maxRepeat = 1000;

PatternNode makeSet(CodepointSet set) {
  PatternNode node;
  node.kind = Kind::Set;
  node.set = std::move(set);
  return node;
}

PatternNode makeAhead(CodepointSet set, bool atEnd) {
  PatternNode node;
  node.kind = Kind::Ahead;
  node.set = std::move(set);
  node.atEnd = atEnd;
  return node;
}

PatternNode makeList(Kind kind, std::vector<PatternNode> children) {
  if (children.size() == 1)
    return std::move(children[0]);
  PatternNode node;
  node.kind = children.empty() ? Kind::Empty : kind;
  node.children = std::move(children);
  return node;
}

PatternNode makeRepeat(PatternNode child, uint32_t least, uint32_t most, bool lazy) {
  PatternNode node;
  node.kind = Kind::Repeat;
  node.least = least;
  node.most = most;
  node.lazy = lazy;
  node.children.push_back(std::move(child));
  return node;
}

/// The lookahead that X stands for, when X looks at one character: \S, [a-z], $ ...
bool asAhead(const PatternNode &node, CodepointSet &set, bool &atEnd) {
  if (node.kind == Kind::Set || node.kind == Kind::Ahead) {
    set = set.united(node.set);
    atEnd |= node.kind == Kind::Ahead && node.atEnd;
    return true;
  }
  if (node.kind != Kind::Alternative)
    return false;
  for (const PatternNode &child : node.children)
    if (!asAhead(child, set, atEnd))
      return false;
  return true;
}

class Parser {
public:
  explicit Parser(std::string_view pattern) : pattern(pattern) {}

  PatternResult<PatternNode> parse() {
    PatternNode node = alternative(0, false);
    if (mistake.empty() && at < pattern.size())
      fail("')'", "a group that was not opened is closed");
    return {std::move(node), std::move(mistake)};
  }

private:
  void fail(std::string what, const char *why) {
    if (!mistake.empty())
      return;
    size_t character = 1;
    for (size_t i = 0; i < at && i < pattern.size(); ++i)
      character += (pattern[i] & 0xc0) != 0x80;
    mistake = std::move(what) + " at character " + std::to_string(character) + ": " + why;
    at = pattern.size();
  }

  bool more() const { return at < pattern.size(); }
  char peek() const { return pattern[at]; }
  bool take(std::string_view text) {
    if (pattern.substr(at, text.size()) != text)
      return false;
    at += text.size();
    return true;
  }

  PatternNode alternative(unsigned depth, bool folded) {
    if (depth > maxDepth)
      fail("'('", "groups are nested more than 64 deep");
    std::vector<PatternNode> choices;
    bool foldRest = folded; // "(?i)" holds up to the end of the group
    do
      choices.push_back(sequence(depth, foldRest));
    while (mistake.empty() && take("|"));
    return makeList(Kind::Alternative, std::move(choices));
  }

  PatternNode sequence(unsigned depth, bool &folded) {
    std::vector<PatternNode> parts;
    while (mistake.empty() && more() && peek() != '|' && peek() != ')') {
      if (++nodes > maxNodes)
        fail("the pattern", "more than 4,096 parts are not supported");
      parts.push_back(repeated(depth, folded));
    }
    return makeList(Kind::Sequence, std::move(parts));
  }

  PatternNode repeated(unsigned depth, bool &folded) {
    PatternNode node = atom(depth, folded);
    while (mistake.empty() && more()) {
      uint32_t least = 0, most = PatternNode::unbounded;
      bool interval = false;
      if (take("*"))
        least = 0;
      else if (take("+"))
        least = 1;
      else if (take("?"))
        most = 1;
      else if (peek() == '{' && counts(least, most))
        interval = true;
      else
        break;
      if (++nodes > maxNodes)
        fail("the pattern", "more than 4,096 parts are not supported");
      if (node.kind == Kind::Ahead)
        fail("a repeat", "of something that takes no character is not supported");
      // In Ruby's syntax "{1,3}+" is a repeat of a repeat, not a possessive one.
      if (!interval && take("+"))
        node = possessive(std::move(node), least, most);
      else
        node = makeRepeat(std::move(node), least, most, take("?"));
    }
    return node;
  }

  /// X*+ never gives back: it ends where no further X follows.
  PatternNode possessive(PatternNode node, uint32_t least, uint32_t most) {
    if (node.kind != Kind::Set) {
      fail("a possessive repeat", "of more than one character is not supported");
      return node;
    }
    PatternNode none = makeAhead(node.set.negated(), true);
    std::vector<PatternNode> parts;
    if (most == 1) { // X?+: an X if there is one
      parts.push_back(std::move(node));
      parts.push_back(std::move(none));
      return makeList(Kind::Alternative, std::move(parts));
    }
    parts.push_back(makeRepeat(std::move(node), least, most, false));
    parts.push_back(std::move(none));
    return makeList(Kind::Sequence, std::move(parts));
  }

  /// {n}, {n,}, {n,m}, {,m}; anything else is not an interval and '{' stands for itself.
  bool counts(uint32_t &least, uint32_t &most) {
    size_t start = at;
    ++at;
    bool hasLeast = number(least);
    if (!hasLeast)
      least = 0;
    bool valid = hasLeast;
    if (take(",")) {
      bool hasMost = number(most);
      if (!hasMost)
        most = PatternNode::unbounded;
      valid = hasLeast || hasMost;
    } else {
      most = least;
    }
    if (!valid || !take("}")) {
      at = start;
      return false;
    }
    if (least > maxRepeat || (most > maxRepeat && most != PatternNode::unbounded) || most < least || most == 0)
      fail("a repeat", "counts must ascend and be 1 to 1,000");
    return true;
  }

  bool number(uint32_t &value) {
    size_t start = at;
    value = 0;
    while (more() && peek() >= '0' && peek() <= '9')
      value = std::min<uint32_t>(value * 10 + static_cast<uint32_t>(pattern[at++] - '0'), 100000);
    return at > start;
  }

  PatternNode atom(unsigned depth, bool &folded) {
    char next = peek();
    if (next == '(')
      return group(depth, folded);
    if (next == '[') {
      ++at;
      return makeSet(bracket(depth, folded));
    }
    if (take("."))
      return makeSet(CodepointSet('\n').negated());
    if (take("$")) // before a line end, and at the end
      return makeAhead(CodepointSet('\n'), true);
    if (take("\\z"))
      return makeAhead({}, true);
    if (next == '^' || next == '*' || next == '+' || next == '?') {
      fail(std::string("'") + next + "'",
           next == '^' ? "an anchor at a line's start is not supported" : "there is nothing to repeat");
      return {};
    }
    if (next == '\\')
      return makeSet(escape(folded, false));
    CodepointSet set(nextCodepoint(pattern, at));
    return makeSet(folded ? set.caseClosed() : set);
  }

  PatternNode group(unsigned depth, bool &folded) {
    bool ahead = false, negative = false, inner = folded;
    if (take("(?:")) {
    } else if (take("(?i:")) {
      inner = true;
    } else if (take("(?-i:")) {
      inner = false;
    } else if (take("(?i)")) {
      folded = true;
      return {};
    } else if (take("(?=")) {
      ahead = true;
    } else if (take("(?!")) {
      ahead = negative = true;
    } else if (pattern.substr(at, 2) == "(?") {
      fail("'" + std::string(pattern.substr(at, 3)) + "'", "this kind of group is not supported");
      return {};
    } else {
      take("(");
    }
    PatternNode node = alternative(depth + 1, inner);
    if (!mistake.empty())
      return node;
    if (!take(")")) {
      fail("the end", "a group is not closed");
      return node;
    }
    if (!ahead)
      return node;
    CodepointSet set;
    bool atEnd = false;
    if (!asAhead(node, set, atEnd)) {
      fail("a group", "looking ahead by more than one character is not supported");
      return node;
    }
    return negative ? makeAhead(set.negated(), !atEnd) : makeAhead(set, atEnd);
  }

  /// What follows "[" up to its "]": literals, ranges, escapes, nested classes, "&&".
  CodepointSet bracket(unsigned depth, bool folded) {
    if (depth > maxDepth || ++nodes > maxNodes) {
      fail("'['", "classes are nested too deep");
      return {};
    }
    bool negated = take("^");
    CodepointSet result = CodepointSet::all();
    std::vector<CodepointSet::Range> ranges;
    auto add = [&](const CodepointSet &set) { ranges.insert(ranges.end(), set.list().begin(), set.list().end()); };
    bool isFirst = true;
    while (true) {
      if (!more()) {
        fail("the end", "a class is not closed");
        return {};
      }
      if (peek() == ']' && !isFirst) {
        ++at;
        break;
      }
      isFirst = false;
      if (take("&&")) {
        result = result.intersected(CodepointSet::of(std::move(ranges)));
        ranges.clear();
        continue;
      }
      if (pattern.substr(at, 2) == "[:") {
        fail("'[:'", "named classes are not supported");
        return {};
      }
      if (take("[")) {
        add(bracket(depth + 1, folded));
        continue;
      }
      bool single = true;
      CodepointSet set = element(single);
      if (!mistake.empty())
        return {};
      // A dash makes a range between two single characters; elsewhere it stands for itself.
      if (single && at + 1 < pattern.size() && peek() == '-' && pattern[at + 1] != ']') {
        ++at;
        bool singleEnd = true;
        CodepointSet end = element(singleEnd);
        if (!mistake.empty())
          return {};
        if (!singleEnd || end.list()[0].first < set.list()[0].first) {
          fail("a range", "its ends must be characters in ascending order");
          return {};
        }
        set = CodepointSet(set.list()[0].first, end.list()[0].first);
      }
      add(folded ? set.caseClosed() : set);
      if (ranges.size() > 100000)
        ranges = CodepointSet::of(std::move(ranges)).list();
    }
    result = result.intersected(CodepointSet::of(std::move(ranges)));
    return negated ? result.negated() : result;
  }

  /// One element of a class. `single` tells a character from a set.
  CodepointSet element(bool &single) {
    if (peek() != '\\')
      return CodepointSet(nextCodepoint(pattern, at));
    single = at + 1 >= pattern.size() || std::string_view("sSdDwWpP").find(pattern[at + 1]) == std::string_view::npos;
    return escape(false, true);
  }

  CodepointSet escape(bool folded, bool inClass) {
    ++at;
    if (!more()) {
      fail("'\\'", "nothing follows");
      return {};
    }
    char letter = peek();
    auto with = [&](CodepointSet set) {
      ++at;
      return set;
    };
    switch (letter) {
    case 's':
      return with(whiteSpaceSet());
    case 'S':
      return with(whiteSpaceSet().negated());
    case 'd':
      return with(*categorySet("Nd"));
    case 'D':
      return with(categorySet("Nd")->negated());
    case 'w':
      return with(inClass ? wordSet() : lonelyWordSet());
    case 'W':
      return with((inClass ? wordSet() : lonelyWordSet()).negated());
    case 'p':
    case 'P':
      return property(folded);
    case 'n':
      return with(CodepointSet('\n'));
    case 'r':
      return with(CodepointSet('\r'));
    case 't':
      return with(CodepointSet('\t'));
    case 'f':
      return with(CodepointSet('\f'));
    case 'v':
      return with(CodepointSet('\v'));
    case 'x':
    case 'u':
      return hexadecimal(letter);
    default:
      break;
    }
    bool alphanumeric =
        (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
    if (alphanumeric) {
      fail(std::string("'\\") + letter + "'", "this escape is not supported");
      return {};
    }
    CodepointSet set(nextCodepoint(pattern, at));
    return folded ? set.caseClosed() : set;
  }

  /// \p{Name}, \p{^Name}, \P{Name}, \pL.
  CodepointSet property(bool folded) {
    bool negated = peek() == 'P';
    ++at;
    std::string_view name;
    if (take("{")) {
      if (take("^"))
        negated = !negated;
      size_t close = pattern.find('}', at);
      if (close == std::string_view::npos) {
        fail("'\\p{'", "the name is not closed");
        return {};
      }
      name = pattern.substr(at, close - at);
      at = close + 1;
    } else if (more()) {
      name = pattern.substr(at++, 1);
    }
    std::optional<CodepointSet> set = categorySet(name);
    if (!set)
      set = scriptSet(name);
    if (!set) {
      bool plain =
          name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c < 127; });
      fail("'\\p{" + (plain ? std::string(name) : "...") + "}'", "this property is not supported");
      return {};
    }
    if (folded)
      set = set->caseClosed();
    return negated ? set->negated() : *set;
  }

  /// \xHH, \x{H...}, \uHHHH.
  CodepointSet hexadecimal(char letter) {
    ++at;
    bool braces = letter == 'x' && take("{");
    size_t most = braces ? 8 : letter == 'x' ? 2 : 4, digits = 0;
    uint32_t value = 0;
    while (more() && digits < most) {
      char c = peek();
      uint32_t digit;
      if (c >= '0' && c <= '9')
        digit = static_cast<uint32_t>(c - '0');
      else if ((c | 32) >= 'a' && (c | 32) <= 'f')
        digit = static_cast<uint32_t>((c | 32) - 'a' + 10);
      else
        break;
      value = value << 4 | digit;
      ++at;
      ++digits;
    }
    bool complete = digits > 0 && (letter == 'x' || digits == 4) && (!braces || take("}"));
    if (!complete || value >= codepointCount) {
      fail(std::string("'\\") + letter + "'", "a code point in hexadecimal must follow");
      return {};
    }
    return CodepointSet(value);
  }

  std::string_view pattern;
  size_t at = 0;
  unsigned nodes = 0;
  std::string mistake;
};

} // namespace

PatternResult<PatternNode> parsePattern(std::string_view pattern) { return Parser(pattern).parse(); }

PatternNode literalPattern(std::string_view text) {
  std::vector<PatternNode> parts;
  for (size_t at = 0; at < text.size();)
    parts.push_back(makeSet(CodepointSet(nextCodepoint(text, at))));
  return makeList(Kind::Sequence, std::move(parts));
}

PatternNode setPattern(CodepointSet set) { return makeSet(std::move(set)); }

PatternNode oneOrMore(PatternNode node) { return makeRepeat(std::move(node), 1, PatternNode::unbounded, false); }

PatternNode either(PatternNode first, PatternNode second) {
  std::vector<PatternNode> choices;
  choices.push_back(std::move(first));
  choices.push_back(std::move(second));
  return makeList(Kind::Alternative, std::move(choices));
}

PatternNode upTo(PatternNode node, uint32_t most) { return makeRepeat(std::move(node), 1, most, false); }

} // namespace llmc::text
