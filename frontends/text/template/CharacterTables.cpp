// CharacterTables.cpp - what Unicode says about characters, read out of utf8proc: for case and for quoted strings.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/CodepointSet.h"
#include "frontends/text/template/Program.h"

#include <utf8proc.h>

namespace llmc::text {

namespace {

/// Superscripts and subscripts, and digits in circles and brackets: digits in texts, but not in numbers.
bool isDigitOnly(uint32_t c) {
  return c == 0xb2 || c == 0xb3 || c == 0xb9 || (c >= 0x1369 && c <= 0x1371) || c == 0x19da || c == 0x2070 ||
         (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) || (c >= 0x2460 && c <= 0x2468) ||
         (c >= 0x2474 && c <= 0x247c) || (c >= 0x2488 && c <= 0x2490) || c == 0x24ea || (c >= 0x24f5 && c <= 0x24fd) ||
         c == 0x24ff || (c >= 0x2776 && c <= 0x277e) || (c >= 0x2780 && c <= 0x2788) || (c >= 0x278a && c <= 0x2792) ||
         (c >= 0x10a40 && c <= 0x10a43) || (c >= 0x10e60 && c <= 0x10e68) || (c >= 0x11052 && c <= 0x1105a) ||
         (c >= 0x1f100 && c <= 0x1f10a);
}

/// Punctuation that stands inside of words.
bool isMidWord(uint32_t c) {
  return c == '\'' || c == '.' || c == ':' || c == '^' || c == '`' || c == 0xa8 || c == 0xad || c == 0xaf ||
         c == 0xb4 || c == 0xb7 || c == 0xb8 || c == 0x387 || c == 0x55f || c == 0x5f4 || c == 0x2018 || c == 0x2019 ||
         c == 0x2024 || c == 0x2027 || c == 0xfe13 || c == 0xfe52 || c == 0xfe55 || c == 0xff07 || c == 0xff0e ||
         c == 0xff1a;
}

uint32_t flagsOf(uint32_t codepoint) {
  auto c = static_cast<utf8proc_int32_t>(codepoint);
  uint32_t flags = LLMC_CHARACTER_PRINTABLE;
  switch (utf8proc_category(c)) {
  case UTF8PROC_CATEGORY_CF:
    return LLMC_CHARACTER_IGNORABLE;
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CS:
  case UTF8PROC_CATEGORY_CO:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
    return 0;
  case UTF8PROC_CATEGORY_ZS:
    return codepoint == ' ' ? flags : 0;
  case UTF8PROC_CATEGORY_LT:
    flags |= LLMC_CHARACTER_LETTER | LLMC_CHARACTER_TITLE;
    break;
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LO:
    flags |= LLMC_CHARACTER_LETTER;
    break;
  case UTF8PROC_CATEGORY_LM:
    flags |= LLMC_CHARACTER_LETTER | LLMC_CHARACTER_IGNORABLE;
    break;
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_SK:
    flags |= LLMC_CHARACTER_IGNORABLE;
    break;
  case UTF8PROC_CATEGORY_ND:
    flags |= LLMC_CHARACTER_DECIMAL | LLMC_CHARACTER_DIGIT | LLMC_CHARACTER_NUMERIC;
    break;
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_NO:
    flags |= LLMC_CHARACTER_NUMERIC;
    break;
  default:
    break;
  }
  if (isDigitOnly(codepoint))
    flags |= LLMC_CHARACTER_DIGIT;
  if (isMidWord(codepoint))
    flags |= LLMC_CHARACTER_IGNORABLE;
  if (utf8proc_isupper(c))
    flags |= LLMC_CHARACTER_UPPER;
  if (utf8proc_islower(c))
    flags |= LLMC_CHARACTER_LOWER;
  return flags;
}

/// Rows for one kind of change; neighbours with the same distance share one.
void addCases(std::vector<llmc_template_case> &rows, llmc_template_case_kind kind,
              utf8proc_int32_t (*change)(utf8proc_int32_t)) {
  size_t begin = rows.size();
  for (uint32_t c = 0; c < codepointCount; ++c) {
    utf8proc_int32_t to = change(static_cast<utf8proc_int32_t>(c));
    int32_t delta = to - static_cast<int32_t>(c);
    if (delta == 0)
      continue;
    if (rows.size() > begin) {
      llmc_template_case &last = rows.back();
      uint32_t end = last.first + uint32_t(last.count - 1) * last.step;
      if (last.delta == delta && c > end && last.count < 65535) {
        uint32_t step = c - end;
        if (last.count == 1 ? step <= 2 : step == last.step) {
          last.step = static_cast<uint16_t>(step);
          ++last.count;
          continue;
        }
      }
    }
    rows.push_back({static_cast<uint32_t>(kind), c, 1, 1, delta});
  }
}

CharacterTables build() {
  CharacterTables tables;
  for (uint32_t c = 0; c < codepointCount; ++c) {
    uint32_t flags = flagsOf(c);
    if (tables.characters.empty() || tables.characters.back().flags != flags)
      tables.characters.push_back({c, flags});
  }
  addCases(tables.cases, LLMC_CASE_UPPER, utf8proc_toupper);
  addCases(tables.cases, LLMC_CASE_LOWER, utf8proc_tolower);
  addCases(tables.cases, LLMC_CASE_TITLE, utf8proc_totitle);
#define LLMC_SPECIAL_CASE(kind, codepoint, first, second, third)                                                       \
  tables.special.push_back({kind, codepoint, {first, second, third}});
#include "frontends/text/template/SpecialCasing.def"
#undef LLMC_SPECIAL_CASE
  return tables;
}

} // namespace

const CharacterTables &characterTables() {
  static const CharacterTables tables = build();
  return tables;
}

} // namespace llmc::text
