// CharacterMaps.cpp - what Hugging Face's normalizers do to single characters.
//
// The general categories in the cleaning before WordPiece are those of an old Unicode, frozen in the library that
// Hugging Face uses; the ranges below are what it does, and a test compares every character.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerSpec.h"

#include <iterator>

#include <utf8proc.h>

namespace llmc::text {

void CharacterMap::set(uint32_t codepoint, const std::string &text) {
  if (texts.empty() || texts.back() != text) // neighbours often become the same
    texts.push_back(text);
  entries[codepoint] = static_cast<uint16_t>(texts.size() - 1);
}

void CharacterMap::set(const CodepointSet &characters, const std::string &text) {
  for (CodepointSet::Range range : characters.list())
    for (uint32_t codepoint = range.first; codepoint <= range.last; ++codepoint)
      set(codepoint, text);
}

void CharacterMap::space(const CodepointSet &characters) {
  for (CodepointSet::Range range : characters.list())
    for (uint32_t codepoint = range.first; codepoint <= range.last; ++codepoint)
      space(codepoint);
}

std::string CharacterMap::apply(const std::string &text) const {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    size_t start = at;
    uint16_t entry = entries[nextCodepoint(text, at)];
    if (entry == LLMC_MAP_KEEP)
      result.append(text, start, at - start);
    else if (entry == LLMC_MAP_SPACE)
      result.append(" ").append(text, start, at - start).append(" ");
    else
      result += texts[entry];
  }
  return result;
}

const CharacterMap &lowercaseMap() {
  static const auto *map = [] {
    auto *made = new CharacterMap;
    for (uint32_t codepoint = 0; codepoint < codepointCount; ++codepoint) {
      auto lower = static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(codepoint)));
      if (lower == codepoint)
        continue;
      std::string text;
      appendUtf8(text, lower);
      made->set(codepoint, text);
    }
    made->set(0x130, "i\u0307"); // the one character whose lower case is two
    struct Pair {
      uint32_t first, last, lower;
    };
    // Capitals younger than utf8proc, up to Unicode 17.0; a range's small letters are a range too.
    for (Pair pair : {Pair{0x1c89, 0x1c89, 0x1c8a}, Pair{0xa7cb, 0xa7cb, 0x264}, Pair{0xa7cc, 0xa7cc, 0xa7cd},
                      Pair{0xa7ce, 0xa7ce, 0xa7cf}, Pair{0xa7d2, 0xa7d2, 0xa7d3}, Pair{0xa7d4, 0xa7d4, 0xa7d5},
                      Pair{0xa7da, 0xa7da, 0xa7db}, Pair{0xa7dc, 0xa7dc, 0x19b}, Pair{0x10d50, 0x10d65, 0x10d70},
                      Pair{0x16ea0, 0x16eb8, 0x16ebb}})
      for (uint32_t codepoint = pair.first; codepoint <= pair.last; ++codepoint) {
        std::string text;
        appendUtf8(text, pair.lower + (codepoint - pair.first));
        made->set(codepoint, text);
      }
    return made;
  }();
  return *map;
}

const CharacterMap &cleaningMap() {
  static const auto *map = [] {
    auto *made = new CharacterMap;
    // Control characters but for those that count as white space below, format and private use characters, U+FFFD.
    made->set(CodepointSet::of({{0, 8},
                                {0xb, 0xc},
                                {0xe, 0x1f},
                                {0x7f, 0x9f},
                                {0xad, 0xad},
                                {0x600, 0x605},
                                {0x61c, 0x61c},
                                {0x6dd, 0x6dd},
                                {0x70f, 0x70f},
                                {0x180e, 0x180e},
                                {0x200b, 0x200f},
                                {0x202a, 0x202e},
                                {0x2060, 0x2064},
                                {0x2066, 0x206f},
                                {0xe000, 0xf8ff},
                                {0xfeff, 0xfeff},
                                {0xfff9, 0xfffb},
                                {0xfffd, 0xfffd},
                                {0x110bd, 0x110bd},
                                {0x1bca0, 0x1bca3},
                                {0x1d173, 0x1d17a},
                                {0xe0001, 0xe0001},
                                {0xe0020, 0xe007f},
                                {0xf0000, 0xffffd},
                                {0x100000, 0x10fffd}}),
              "");
    made->set(CodepointSet::of({{0x9, 0xa},
                                {0xd, 0xd},
                                {0xa0, 0xa0},
                                {0x1680, 0x1680},
                                {0x2000, 0x200a},
                                {0x2028, 0x2029},
                                {0x202f, 0x202f},
                                {0x205f, 0x205f},
                                {0x3000, 0x3000}}),
              " ");
    return made;
  }();
  return *map;
}

const CharacterMap &chineseMap() {
  static const auto *map = [] {
    auto *made = new CharacterMap;
    // The blocks of the list that WordPiece's inventors made; its fifth one starts, mistakenly, at U+2B920.
    made->space(CodepointSet::of({{0x3400, 0x4dbf},
                                  {0x4e00, 0x9fff},
                                  {0xf900, 0xfaff},
                                  {0x20000, 0x2a6df},
                                  {0x2a700, 0x2b81f},
                                  {0x2b920, 0x2ceaf},
                                  {0x2f800, 0x2fa1f}}));
    return made;
  }();
  return *map;
}

constexpr CodepointSet::Range nonspacingMarksDiffer[] = {
#define STRIP_ACCENTS(first, last)
#define NONSPACING_MARKS(first, last) {first, last},
#define PUNCTUATION(first, last)
#include "frontends/text/FrozenMarks.def"
#undef STRIP_ACCENTS
#undef NONSPACING_MARKS
#undef PUNCTUATION
};

constexpr CodepointSet::Range stripAccentsDiffer[] = {
#define STRIP_ACCENTS(first, last) {first, last},
#define NONSPACING_MARKS(first, last)
#define PUNCTUATION(first, last)
#include "frontends/text/FrozenMarks.def"
#undef STRIP_ACCENTS
#undef NONSPACING_MARKS
#undef PUNCTUATION
};

const CharacterMap &nonspacingMarksMap() {
  static const auto *map = [] {
    auto *made = new CharacterMap;
    CodepointSet differ = CodepointSet::of({std::begin(nonspacingMarksDiffer), std::end(nonspacingMarksDiffer)});
    made->set(categorySet("Mn")->differing(differ), "");
    return made;
  }();
  return *map;
}

const CharacterMap &stripAccentsMap() {
  static const auto *map = [] {
    auto *made = new CharacterMap;
    CodepointSet differ = CodepointSet::of({std::begin(stripAccentsDiffer), std::end(stripAccentsDiffer)});
    made->set(categorySet("M")->differing(differ), "");
    return made;
  }();
  return *map;
}

const CharacterMap &nmtMap() {
  static const auto *map = [] {
    auto *made = new CharacterMap;
    made->set(CodepointSet::of({{1, 8}, {0xb, 0xb}, {0xe, 0x1f}, {0x7f, 0x7f}, {0x8f, 0x8f}, {0x9f, 0x9f}}), "");
    made->set(CodepointSet::of({{0x9, 0xa},
                                {0xc, 0xd},
                                {0x1680, 0x1680},
                                {0x200b, 0x200f},
                                {0x2028, 0x2029},
                                {0x2581, 0x2581},
                                {0xfeff, 0xfeff},
                                {0xfffd, 0xfffd}}),
              " ");
    return made;
  }();
  return *map;
}

namespace {

PatternNode sequenceOf(std::vector<PatternNode> parts) {
  PatternNode node;
  node.kind = PatternNode::Kind::Sequence;
  node.children = std::move(parts);
  return node;
}

PatternNode anyOf(std::vector<PatternNode> choices) {
  PatternNode node;
  node.kind = PatternNode::Kind::Alternative;
  node.children = std::move(choices);
  return node;
}

PatternNode repeat(PatternNode part, uint32_t least, uint32_t most) {
  PatternNode node;
  node.kind = PatternNode::Kind::Repeat;
  node.least = least;
  node.most = most;
  node.children.push_back(std::move(part));
  return node;
}

} // namespace

const PatternNode &graphemeClusterPattern() {
  // Unicode Standard Annex 29, table 1c. Conjuncts of Indic letters (rule GB9c) are left out: they have six bytes and
  // more, and only shorter clusters make a difference where this pattern is used.
  static const auto *pattern = [] {
    std::vector<CodepointSet::Range> kinds[32];
    for (uint32_t codepoint = 0; codepoint < codepointCount; ++codepoint) {
      unsigned kind = utf8proc_get_property(static_cast<utf8proc_int32_t>(codepoint))->boundclass & 31;
      auto &ranges = kinds[kind];
      if (!ranges.empty() && ranges.back().last + 1 == codepoint)
        ranges.back().last = codepoint;
      else
        ranges.push_back({codepoint, codepoint});
    }
    auto kind = [&](int which) { return setPattern(CodepointSet::of(kinds[which])); };
    auto many = [&](PatternNode part) { return repeat(std::move(part), 0, PatternNode::unbounded); };
    PatternNode extend = kind(UTF8PROC_BOUNDCLASS_EXTEND), joiner = kind(UTF8PROC_BOUNDCLASS_ZWJ);
    PatternNode lead = kind(UTF8PROC_BOUNDCLASS_L), vowel = kind(UTF8PROC_BOUNDCLASS_V),
                tail = kind(UTF8PROC_BOUNDCLASS_T), pictograph = kind(UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC);
    PatternNode hangul =
        sequenceOf({many(lead), anyOf({sequenceOf({oneOrMore(vowel), many(tail)}),
                                       sequenceOf({kind(UTF8PROC_BOUNDCLASS_LV), many(vowel), many(tail)}),
                                       sequenceOf({kind(UTF8PROC_BOUNDCLASS_LVT), many(tail)}), lead, tail})});
    PatternNode flag = repeat(kind(UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR), 2, 2);
    PatternNode picture = sequenceOf({pictograph, many(sequenceOf({many(extend), joiner, pictograph}))});
    CodepointSet controls =
        CodepointSet::of(kinds[UTF8PROC_BOUNDCLASS_CONTROL]).united(CodepointSet('\r')).united(CodepointSet('\n'));
    PatternNode core = anyOf({hangul, flag, picture, setPattern(controls.negated())});
    PatternNode after = setPattern(CodepointSet::of(kinds[UTF8PROC_BOUNDCLASS_EXTEND])
                                       .united(CodepointSet::of(kinds[UTF8PROC_BOUNDCLASS_ZWJ]))
                                       .united(CodepointSet::of(kinds[UTF8PROC_BOUNDCLASS_SPACINGMARK])));
    PatternNode cluster = sequenceOf({many(kind(UTF8PROC_BOUNDCLASS_PREPEND)), core, many(after)});
    return new PatternNode(anyOf({literalPattern("\r\n"), cluster, setPattern(CodepointSet::all())}));
  }();
  return *pattern;
}

} // namespace llmc::text
