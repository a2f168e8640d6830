// CodepointSet.cpp - set arithmetic over ranges; Unicode's facts come from utf8proc and, for characters newer than it,
// from UnicodeAdditions.def.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/CodepointSet.h"

#include <algorithm>
#include <array>
#include <map>

#include <utf8proc.h>

namespace llmc::text {

CodepointSet CodepointSet::of(std::vector<Range> list) {
  std::sort(list.begin(), list.end(), [](Range a, Range b) { return a.first < b.first; });
  CodepointSet set;
  for (Range range : list) {
    if (!set.ranges.empty() && range.first <= set.ranges.back().last + 1)
      set.ranges.back().last = std::max(set.ranges.back().last, range.last);
    else
      set.ranges.push_back(range);
  }
  return set;
}

bool CodepointSet::contains(uint32_t codepoint) const {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), codepoint,
                                [](uint32_t value, Range range) { return value < range.first; });
  return after != ranges.begin() && std::prev(after)->last >= codepoint;
}

CodepointSet CodepointSet::united(const CodepointSet &other) const {
  std::vector<Range> list = ranges;
  list.insert(list.end(), other.ranges.begin(), other.ranges.end());
  return of(std::move(list));
}

CodepointSet CodepointSet::negated() const {
  CodepointSet set;
  uint32_t next = 0;
  for (Range range : ranges) {
    if (range.first > next)
      set.ranges.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next < codepointCount)
    set.ranges.push_back({next, codepointCount - 1});
  return set;
}

CodepointSet CodepointSet::intersected(const CodepointSet &other) const {
  CodepointSet set;
  size_t a = 0, b = 0;
  while (a < ranges.size() && b < other.ranges.size()) {
    uint32_t first = std::max(ranges[a].first, other.ranges[b].first);
    uint32_t last = std::min(ranges[a].last, other.ranges[b].last);
    if (first <= last)
      set.ranges.push_back({first, last});
    if (ranges[a].last < other.ranges[b].last)
      ++a;
    else
      ++b;
  }
  return set;
}

namespace {

/// The code point all characters that differ in case only are mapped to.
uint32_t simpleFold(uint32_t codepoint) {
  auto value = static_cast<utf8proc_int32_t>(codepoint);
  return static_cast<uint32_t>(utf8proc_tolower(utf8proc_toupper(value)));
}

/// Characters with a case, by what they fold to; only those with company.
const std::map<uint32_t, std::vector<uint32_t>> &caseFamilies() {
  static const auto *families = [] {
    auto *table = new std::map<uint32_t, std::vector<uint32_t>>;
    for (uint32_t codepoint = 0; codepoint < codepointCount; ++codepoint)
      if (uint32_t folded = simpleFold(codepoint); folded != codepoint)
        (*table)[folded].push_back(codepoint);
    return table;
  }();
  return *families;
}

struct CategoryName {
  const char *name;
  utf8proc_category_t category;
};
constexpr CategoryName categoryNames[] = {
    {"Lu", UTF8PROC_CATEGORY_LU}, {"Ll", UTF8PROC_CATEGORY_LL}, {"Lt", UTF8PROC_CATEGORY_LT},
    {"Lm", UTF8PROC_CATEGORY_LM}, {"Lo", UTF8PROC_CATEGORY_LO}, {"Mn", UTF8PROC_CATEGORY_MN},
    {"Mc", UTF8PROC_CATEGORY_MC}, {"Me", UTF8PROC_CATEGORY_ME}, {"Nd", UTF8PROC_CATEGORY_ND},
    {"Nl", UTF8PROC_CATEGORY_NL}, {"No", UTF8PROC_CATEGORY_NO}, {"Pc", UTF8PROC_CATEGORY_PC},
    {"Pd", UTF8PROC_CATEGORY_PD}, {"Ps", UTF8PROC_CATEGORY_PS}, {"Pe", UTF8PROC_CATEGORY_PE},
    {"Pi", UTF8PROC_CATEGORY_PI}, {"Pf", UTF8PROC_CATEGORY_PF}, {"Po", UTF8PROC_CATEGORY_PO},
    {"Sm", UTF8PROC_CATEGORY_SM}, {"Sc", UTF8PROC_CATEGORY_SC}, {"Sk", UTF8PROC_CATEGORY_SK},
    {"So", UTF8PROC_CATEGORY_SO}, {"Zs", UTF8PROC_CATEGORY_ZS}, {"Zl", UTF8PROC_CATEGORY_ZL},
    {"Zp", UTF8PROC_CATEGORY_ZP}, {"Cc", UTF8PROC_CATEGORY_CC}, {"Cf", UTF8PROC_CATEGORY_CF},
    {"Cs", UTF8PROC_CATEGORY_CS}, {"Co", UTF8PROC_CATEGORY_CO}, {"Cn", UTF8PROC_CATEGORY_CN},
};

/// Characters newer than utf8proc.
struct Addition {
  uint32_t first, last;
  const char *category;
};
constexpr Addition additions[] = {
#define CATEGORY(first, last, category) {first, last, category},
#include "frontends/text/UnicodeAdditions.def"
#undef CATEGORY
};

constexpr CodepointSet::Range punctuationDiffers[] = {
#define STRIP_ACCENTS(first, last)
#define NONSPACING_MARKS(first, last)
#define PUNCTUATION(first, last) {first, last},
#include "frontends/text/FrozenMarks.def"
#undef STRIP_ACCENTS
#undef NONSPACING_MARKS
#undef PUNCTUATION
};

/// The thirty general categories as sets.
const std::array<CodepointSet, 32> &categorySets() {
  static const auto *sets = [] {
    std::vector<uint8_t> categories(codepointCount);
    for (uint32_t codepoint = 0; codepoint < codepointCount; ++codepoint)
      categories[codepoint] = utf8proc_category(static_cast<utf8proc_int32_t>(codepoint)) & 31;
    for (const Addition &addition : additions)
      for (uint32_t codepoint = addition.first; codepoint <= addition.last; ++codepoint)
        if (categories[codepoint] == UTF8PROC_CATEGORY_CN)
          for (const CategoryName &entry : categoryNames)
            if (std::string_view(entry.name) == addition.category)
              categories[codepoint] = entry.category;
    std::array<std::vector<CodepointSet::Range>, 32> lists;
    for (uint32_t codepoint = 0; codepoint < codepointCount; ++codepoint) {
      auto &list = lists[categories[codepoint]];
      if (!list.empty() && list.back().last + 1 == codepoint)
        list.back().last = codepoint;
      else
        list.push_back({codepoint, codepoint});
    }
    auto *result = new std::array<CodepointSet, 32>;
    for (size_t i = 0; i < lists.size(); ++i)
      (*result)[i] = CodepointSet::of(std::move(lists[i]));
    return result;
  }();
  return *sets;
}

struct LongName {
  const char *name, *shortName;
};
constexpr LongName longNames[] = {{"Letter", "L"},      {"Mark", "M"},   {"Number", "N"},
                                  {"Punctuation", "P"}, {"Symbol", "S"}, {"Separator", "Z"}};

} // namespace

CodepointSet CodepointSet::caseClosed() const {
  std::vector<Range> list = ranges;
  for (const auto &[folded, members] : caseFamilies()) {
    bool touched = contains(folded);
    for (uint32_t member : members)
      touched |= contains(member);
    if (!touched)
      continue;
    list.push_back({folded, folded});
    for (uint32_t member : members)
      list.push_back({member, member});
  }
  return of(std::move(list));
}

std::optional<CodepointSet> categorySet(std::string_view name) {
  for (LongName entry : longNames)
    if (name == entry.name)
      name = entry.shortName;
  CodepointSet set;
  bool known = false;
  for (const CategoryName &entry : categoryNames) {
    if (name != entry.name && !(name.size() == 1 && name[0] == entry.name[0]))
      continue;
    set = set.united(categorySets()[entry.category]);
    known = true;
  }
  if (!known)
    return std::nullopt;
  return set;
}

std::optional<CodepointSet> scriptSet(std::string_view name) {
  struct Run {
    const char *script;
    CodepointSet::Range range;
  };
  static constexpr Run runs[] = {
#define SCRIPT(name, first, last) {#name, {first, last}},
#include "frontends/text/UnicodeScripts.def"
#undef SCRIPT
  };
  std::vector<CodepointSet::Range> list;
  for (const Run &run : runs)
    if (name == run.script)
      list.push_back(run.range);
  if (list.empty())
    return std::nullopt;
  return CodepointSet::of(std::move(list));
}

const CodepointSet &whiteSpaceSet() {
  // The White_Space property of Unicode's PropList.txt; stable since Unicode 6.3.
  static const auto *set = new CodepointSet(CodepointSet::of({{0x9, 0xd},
                                                              {0x20, 0x20},
                                                              {0x85, 0x85},
                                                              {0xa0, 0xa0},
                                                              {0x1680, 0x1680},
                                                              {0x2000, 0x200a},
                                                              {0x2028, 0x2029},
                                                              {0x202f, 0x202f},
                                                              {0x205f, 0x205f},
                                                              {0x3000, 0x3000}}));
  return *set;
}

const CodepointSet &wordSet() {
  // Alphabetic is not among utf8proc's facts: letters and letter numbers, and the circled letters of Other_Alphabetic
  // (whose other members are marks).
  static const auto *set = new CodepointSet(
      categorySet("L")
          ->united(*categorySet("M"))
          .united(*categorySet("Nd"))
          .united(*categorySet("Nl"))
          .united(*categorySet("Pc"))
          .united(CodepointSet::of({{0x24b6, 0x24e9}, {0x1f130, 0x1f149}, {0x1f150, 0x1f169}, {0x1f170, 0x1f189}})));
  return *set;
}

const CodepointSet &lonelyWordSet() {
  static const auto *set =
      new CodepointSet(wordSet().united(CodepointSet::of({{0xb2, 0xb3}, {0xb9, 0xb9}, {0xbc, 0xbe}})));
  return *set;
}

const CodepointSet &addedWordSet() {
  static const auto *set = new CodepointSet(wordSet().united({0x200c, 0x200d})); // Join_Control
  return *set;
}

const CodepointSet &numericSet() {
  static const auto *set =
      new CodepointSet(categorySet("N")->united(CodepointSet::of({{0x11de0, 0x11de9}, {0x16ff4, 0x16ff6}})));
  return *set;
}

const CodepointSet &punctuationSet() {
  static const auto *set = new CodepointSet(
      categorySet("P")
          ->united(CodepointSet::of({{0x21, 0x2f}, {0x3a, 0x40}, {0x5b, 0x60}, {0x7b, 0x7e}}))
          .differing(CodepointSet::of({std::begin(punctuationDiffers), std::end(punctuationDiffers)})));
  return *set;
}

uint32_t nextCodepoint(std::string_view text, size_t &at) {
  utf8proc_int32_t codepoint = 0;
  utf8proc_ssize_t size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t *>(text.data()) + at,
                                           static_cast<utf8proc_ssize_t>(text.size() - at), &codepoint);
  if (size <= 0) {
    ++at;
    return 0xfffd;
  }
  at += static_cast<size_t>(size);
  return static_cast<uint32_t>(codepoint);
}

void appendUtf8(std::string &text, uint32_t codepoint) {
  utf8proc_uint8_t bytes[4];
  utf8proc_ssize_t size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(codepoint), bytes);
  text.append(reinterpret_cast<const char *>(bytes), static_cast<size_t>(size));
}

} // namespace llmc::text
