// PatternTest.cpp - the pattern compiler: what it refuses and how it says so, sets of code points, sizes of automata.
// What the patterns match is compared with Hugging Face's engine in test/runtime/text.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/Pattern.h"

#include <gtest/gtest.h>

using namespace llmc::text;

namespace {

std::string mistakeOf(const std::string &pattern) {
  PatternResult<PatternNode> node = parsePattern(pattern);
  if (!node)
    return node.mistake;
  CodepointClasses classes;
  classes.add(node.value);
  if (!classes.finish())
    return "too many classes";
  return compilePattern(node.value, classes).mistake;
}

/// Where the match at the start of an ASCII text ends, by walking the DFA; -1 when there is none.
int matchEnd(const std::string &pattern, const std::string &text) {
  PatternResult<PatternNode> node = parsePattern(pattern);
  EXPECT_TRUE(bool(node)) << node.mistake;
  CodepointClasses classes;
  classes.add(node.value);
  EXPECT_TRUE(classes.finish());
  PatternResult<Dfa> dfa = compilePattern(node.value, classes);
  EXPECT_TRUE(bool(dfa)) << dfa.mistake;
  uint32_t columns = classes.count() + 1, state = 1;
  int end = -1;
  for (size_t i = 0; i <= text.size() && state; ++i) {
    uint32_t column = i < text.size() ? classes.classOf(static_cast<uint8_t>(text[i])) : columns - 1;
    uint16_t entry = dfa.value.transitions[state * columns + column];
    if (entry & 0x8000)
      end = static_cast<int>(i);
    state = entry & 0x7fff;
  }
  return end;
}

TEST(Pattern, TakesTheFirstAlternativeThatMatches) {
  EXPECT_EQ(matchEnd("a|ab", "ab"), 1);
  EXPECT_EQ(matchEnd("ab|a", "ab"), 2);
  EXPECT_EQ(matchEnd("(?:a|ab)(?:c|bcd)", "abcd"), 4);
  EXPECT_EQ(matchEnd("a*?b|a", "aaab"), 4);
  EXPECT_EQ(matchEnd("a{2,3}", "aaaa"), 3);
  EXPECT_EQ(matchEnd("a{2,3}?", "aaaa"), 2);
  EXPECT_EQ(matchEnd("a{,2}b", "aab"), 3);
  EXPECT_EQ(matchEnd("a{x", "a{x"), 3); // not an interval
  EXPECT_EQ(matchEnd("b", "a"), -1);
}

TEST(Pattern, LooksOneCharacterAhead) {
  EXPECT_EQ(matchEnd(R"(\s+(?!\S))", "   x"), 2);
  EXPECT_EQ(matchEnd(R"(\s+(?!\S))", "   "), 3);
  EXPECT_EQ(matchEnd(R"(\s+(?!\S))", " x"), -1);
  EXPECT_EQ(matchEnd("a(?=b)", "ab"), 1);
  EXPECT_EQ(matchEnd("a(?=b)", "a"), -1);
  EXPECT_EQ(matchEnd("a(?=b|$)", "a"), 1);
  EXPECT_EQ(matchEnd("a$", "a\n"), 1);
  EXPECT_EQ(matchEnd("a\\z", "a\n"), -1);
  EXPECT_EQ(matchEnd("a++a", "aaa"), -1);
  EXPECT_EQ(matchEnd("a?+a", "a"), -1);
}

TEST(Pattern, ReadsClasses) {
  EXPECT_EQ(matchEnd("[a-c\\-]+", "ab-cd"), 4);
  EXPECT_EQ(matchEnd("[]a]+", "a]b"), 2);
  EXPECT_EQ(matchEnd("[^a-z]+", "12a"), 2);
  EXPECT_EQ(matchEnd("[a-z&&[^aeiou]]+", "xyzab"), 3);
  EXPECT_EQ(matchEnd("[\\x41-\\u0043]+\\x{44}", "ABCD"), 4);
  EXPECT_EQ(matchEnd("(?i:[a-c]+)X", "aBcX"), 4);
  EXPECT_EQ(matchEnd("(?i)ab", "AB"), 2);
  EXPECT_EQ(matchEnd("(?i:a(?-i:b))", "AB"), -1);
}

TEST(Pattern, NamesWhatItDoesNotSupport) {
  EXPECT_EQ(mistakeOf("a(?<=b)"), "'(?<' at character 2: this kind of group is not supported");
  EXPECT_EQ(mistakeOf("(?=ab)c"), "a group at character 7: looking ahead by more than one character is not supported");
  EXPECT_EQ(mistakeOf("\\p{Ogham}"), "'\\p{Ogham}' at character 10: this property is not supported");
  EXPECT_EQ(mistakeOf("(a)\\1"), "'\\1' at character 5: this escape is not supported");
  EXPECT_EQ(mistakeOf("\\bx"), "'\\b' at character 2: this escape is not supported");
  EXPECT_EQ(mistakeOf("^a"), "'^' at character 1: an anchor at a line's start is not supported");
  EXPECT_EQ(mistakeOf("(?:ab)++"), "a possessive repeat at character 9: of more than one character is not supported");
  EXPECT_EQ(mistakeOf("[[:alpha:]]"), "'[:' at character 2: named classes are not supported");
  EXPECT_EQ(mistakeOf("a{2000}"), "a repeat at character 8: counts must ascend and be 1 to 1,000");
}

TEST(Pattern, NamesWhatIsWrong) {
  EXPECT_EQ(mistakeOf("가(b"), "the end at character 4: a group is not closed");
  EXPECT_EQ(mistakeOf("a)"), "')' at character 2: a group that was not opened is closed");
  EXPECT_EQ(mistakeOf("[ab"), "the end at character 4: a class is not closed");
  EXPECT_EQ(mistakeOf("[b-a]"), "a range at character 5: its ends must be characters in ascending order");
  EXPECT_EQ(mistakeOf("*a"), "'*' at character 1: there is nothing to repeat");
  EXPECT_EQ(mistakeOf("a\\"), "'\\' at character 3: nothing follows");
  EXPECT_EQ(mistakeOf("\\xZ"), "'\\x' at character 3: a code point in hexadecimal must follow");
  EXPECT_EQ(mistakeOf("\\p{L"), "'\\p{' at character 4: the name is not closed");
}

TEST(Pattern, RefusesWhatMatchesNothing) {
  for (const char *pattern : {"a*", "a?|b", "(?=a)", "", "()", "(?!\\S)|a"})
    EXPECT_EQ(mistakeOf(pattern), "the pattern: it matches the empty text") << pattern;
}

TEST(Pattern, HostilePatternsEnd) {
  EXPECT_NE(mistakeOf(std::string(1000, '(') + "a" + std::string(1000, ')')), "");
  EXPECT_NE(mistakeOf(std::string(1000, '[') + "a" + std::string(1000, ']')), "");
  EXPECT_NE(mistakeOf("(?:(?:(?:a{1000}){1000}){1000}){1000}"), "");
  EXPECT_EQ(mistakeOf("(?:a|b)*a(?:a|b){20}"), "the pattern: its automaton needs more than 8,192 states");
  std::string many;
  for (int i = 0; i < 300; ++i)
    many += "\\x{" + std::string(1, "0123456789abcdef"[i / 16 % 16]) + "0" +
            std::string(1, "0123456789abcdef"[i % 16]) + "}|";
  EXPECT_EQ(mistakeOf(many + "x"), "too many classes");
}

TEST(CodepointSet, Arithmetic) {
  CodepointSet set = CodepointSet::of({{5, 9}, {1, 2}, {3, 4}, {20, 20}});
  EXPECT_EQ(set, CodepointSet::of({{1, 9}, {20, 20}}));
  EXPECT_EQ(set.negated().negated(), set);
  EXPECT_EQ(set.intersected({8, 25}), CodepointSet::of({{8, 9}, {20, 20}}));
  EXPECT_TRUE(set.negated().contains(0x10ffff));
  EXPECT_TRUE(set.intersected(set.negated()).empty());
  EXPECT_EQ(CodepointSet::all().negated(), CodepointSet());
  EXPECT_TRUE(CodepointSet('k').caseClosed().contains(0x212a)); // the Kelvin sign
  EXPECT_TRUE(CodepointSet('S').caseClosed().contains(0x17f));  // long s
}

TEST(CodepointSet, CategoriesKnowUnicode16) {
  EXPECT_TRUE(categorySet("Lo")->contains(0xac00));
  EXPECT_TRUE(categorySet("L")->contains(0x2ebf0));      // 15.1
  EXPECT_TRUE(categorySet("Number")->contains(0x10d40)); // 16.0
  EXPECT_FALSE(categorySet("Cn")->contains(0x10d40));
  EXPECT_FALSE(categorySet("Xx"));
  EXPECT_FALSE(categorySet("Greek"));
}

} // namespace
