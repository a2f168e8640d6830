// Strings.cpp - characters, case, white space and lines of a chat template's strings.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Evaluator.h"

#include "runtime/src/text/Utf8.h"

namespace llmc::runtime::chat {

static Character characterAt(View text, size_t at) {
  return decodeCharacter(reinterpret_cast<const uint8_t *>(text.data + at), text.size - at);
}

/// Where the character before `at` starts.
static size_t before(View text, size_t at) {
  size_t start = at - 1;
  while (start > 0 && at - start < 4 && (uint8_t(text.data[start]) & 0xc0) == 0x80)
    --start;
  return start + characterAt(text, start).size == at ? start : at - 1;
}

/// White space as Python has it: Unicode's, and the four separators of ASCII.
static bool isSpace(uint32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

size_t Evaluator::characters(View text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size; ++count)
    at += characterAt(text, at).size;
  return count;
}

size_t Evaluator::offsetOf(View text, size_t character) {
  size_t at = 0;
  for (; character && at < text.size; --character)
    at += characterAt(text, at).size;
  return at;
}

/// Without white space, or characters of `set`, at its ends.
View Evaluator::strip(View text, const View *set, bool left, bool right) {
  auto goes = [&](uint32_t c) {
    if (!set)
      return isSpace(c);
    for (size_t at = 0; at < set->size; at += characterAt(*set, at).size)
      if (characterAt(*set, at).codepoint == c)
        return true;
    return false;
  };
  while (left && text.size && goes(characterAt(text, 0).codepoint))
    text = text.from(characterAt(text, 0).size);
  while (right && text.size) {
    size_t last = before(text, text.size);
    if (!goes(characterAt(text, last).codepoint))
      break;
    text.size = last;
  }
  return text;
}

// ------------------------------------------------------------ case

uint32_t Evaluator::flagsOf(uint32_t codepoint) const {
  uint32_t low = 0, high = templates.characters.count; // the row that holds it is in [low, high)
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    (templates.characters[middle].first <= codepoint ? low : high) = middle;
  }
  return templates.characters[low].flags;
}

/// The character in another case, which may be several.
bool Evaluator::putCase(uint32_t kind, uint32_t codepoint) {
  if (codepoint < 0x80) {
    bool isLower = codepoint >= 'a' && codepoint <= 'z', isUpper = codepoint >= 'A' && codepoint <= 'Z';
    char c = char(codepoint);
    if (kind == LLMC_CASE_LOWER ? isUpper : isLower)
      c = char(c ^ 0x20);
    return put(c);
  }
  for (uint32_t i = 0; i < templates.specialCase.count; ++i) {
    llmc_template_special_case row = templates.specialCase[i];
    if (row.kind != kind || row.codepoint != codepoint)
      continue;
    for (uint32_t to : row.to)
      if (to && !putCharacter(to))
        return false;
    return true;
  }
  auto isAfter = [&](const llmc_template_case &row) {
    return row.kind > kind || (row.kind == kind && row.first > codepoint);
  };
  uint32_t low = 0, high = templates.cases.count; // the first row after the character is in [low, high]
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (isAfter(templates.cases[middle]))
      high = middle;
    else
      low = middle + 1;
  }
  // Rows with a step may cover places in one another.
  for (uint32_t back = 1; back <= 3 && back <= low; ++back) {
    llmc_template_case row = templates.cases[low - back];
    uint32_t distance = codepoint - row.first;
    if (row.kind == kind && distance % row.step == 0 && distance / row.step < row.count)
      return putCharacter(codepoint + uint32_t(row.delta));
  }
  return putCharacter(codepoint);
}

/// Lower case; a sigma at the end of a word has a form of its own.
bool Evaluator::putLower(View text, size_t at, uint32_t codepoint) {
  if (codepoint != 0x3a3)
    return putCase(LLMC_CASE_LOWER, codepoint);
  constexpr uint32_t cased = LLMC_CHARACTER_UPPER | LLMC_CHARACTER_LOWER | LLMC_CHARACTER_TITLE;
  uint32_t flags = 0;
  for (size_t place = at; place > 0;) {
    place = before(text, place);
    flags = flagsOf(characterAt(text, place).codepoint);
    if (!(flags & LLMC_CHARACTER_IGNORABLE))
      break;
    flags = 0;
  }
  bool isFinal = (flags & cased) != 0;
  for (size_t place = at + characterAt(text, at).size; place < text.size && isFinal;) {
    Character next = characterAt(text, place);
    flags = flagsOf(next.codepoint);
    if (!(flags & LLMC_CHARACTER_IGNORABLE)) {
      isFinal = !(flags & cased);
      break;
    }
    place += next.size;
  }
  return spend(8) && putCharacter(isFinal ? 0x3c2 : 0x3c3);
}

bool Evaluator::changeCase(View text, uint32_t kind, Value &result) {
  size_t start = out.size();
  for (size_t at = 0; at < text.size;) {
    Character c = characterAt(text, at);
    if (!(kind == LLMC_CASE_LOWER ? putLower(text, at, c.codepoint) : putCase(kind, c.codepoint)))
      return false;
    at += c.size;
  }
  return finish(start, result);
}

bool Evaluator::capitalize(View text, Value &result) {
  size_t start = out.size();
  for (size_t at = 0; at < text.size;) {
    Character c = characterAt(text, at);
    if (!(at ? putLower(text, at, c.codepoint) : putCase(LLMC_CASE_TITLE, c.codepoint)))
      return false;
    at += c.size;
  }
  return finish(start, result);
}

/// Words with a capital first: the string method begins one after each character without case, the filter only after
/// white space, '-' and opening brackets.
bool Evaluator::titleWords(View text, bool asFilter, Value &result) {
  size_t start = out.size();
  bool inWord = false;
  size_t word = 0;
  for (size_t at = 0; at < text.size;) {
    Character c = characterAt(text, at);
    bool good;
    if (asFilter) {
      bool isBreak =
          isSpace(c.codepoint) || (c.codepoint < 0x80 && std::strchr("-({[<", int(c.codepoint)) && c.codepoint);
      if (isBreak) {
        inWord = false;
        good = put(text.part(at, c.size));
      } else {
        if (!inWord)
          word = at;
        good = inWord ? putLower(text.from(word), at - word, c.codepoint) : putCase(LLMC_CASE_UPPER, c.codepoint);
        inWord = true;
      }
    } else {
      good = inWord ? putLower(text, at, c.codepoint) : putCase(LLMC_CASE_TITLE, c.codepoint);
      inWord = (flagsOf(c.codepoint) & (LLMC_CHARACTER_UPPER | LLMC_CHARACTER_LOWER | LLMC_CHARACTER_TITLE)) != 0;
    }
    if (!good)
      return false;
    at += c.size;
  }
  return finish(start, result);
}

/// What isalpha, isupper and their like say.
bool Evaluator::classify(View text, View name, Value &result) {
  constexpr uint32_t cased = LLMC_CHARACTER_UPPER | LLMC_CHARACTER_LOWER | LLMC_CHARACTER_TITLE;
  if (!spend(1 + text.size))
    return false;
  bool all = text.size != 0, any = false, afterCased = false;
  for (size_t at = 0; at < text.size && all;) {
    Character c = characterAt(text, at);
    uint32_t flags = flagsOf(c.codepoint);
    at += c.size;
    if (name == View("isalpha"))
      all = flags & LLMC_CHARACTER_LETTER;
    else if (name == View("isalnum"))
      all = flags & (LLMC_CHARACTER_LETTER | LLMC_CHARACTER_DECIMAL | LLMC_CHARACTER_DIGIT | LLMC_CHARACTER_NUMERIC);
    else if (name == View("isdecimal"))
      all = flags & LLMC_CHARACTER_DECIMAL;
    else if (name == View("isdigit"))
      all = flags & LLMC_CHARACTER_DIGIT;
    else if (name == View("isnumeric"))
      all = flags & LLMC_CHARACTER_NUMERIC;
    else if (name == View("isspace"))
      all = isSpace(c.codepoint);
    else if (name == View("islower"))
      all = !(flags & (LLMC_CHARACTER_UPPER | LLMC_CHARACTER_TITLE)), any |= (flags & LLMC_CHARACTER_LOWER) != 0;
    else if (name == View("isupper"))
      all = !(flags & (LLMC_CHARACTER_LOWER | LLMC_CHARACTER_TITLE)), any |= (flags & LLMC_CHARACTER_UPPER) != 0;
    else { // istitle
      if (flags & (LLMC_CHARACTER_UPPER | LLMC_CHARACTER_TITLE))
        all = !afterCased, any = true;
      else if (flags & LLMC_CHARACTER_LOWER)
        all = afterCased, any = true;
      afterCased = flags & cased;
    }
  }
  bool needsAny = name == View("islower") || name == View("isupper") || name == View("istitle");
  result = Value::of(all && (any || !needsAny));
  return true;
}

/// Lines, cut at every line end that Unicode knows.
bool Evaluator::lines(View text, bool keepEnds, Value &result) {
  for (int pass = 0; pass < 2; ++pass) {
    uint32_t count = 0;
    for (size_t at = 0, line = 0; at < text.size; line = at, ++count) {
      size_t end = text.size;
      while (at < text.size) {
        Character c = characterAt(text, at);
        uint32_t code = c.codepoint;
        size_t here = at;
        at += c.size;
        if ((code >= 0x0a && code <= 0x0d) || (code >= 0x1c && code <= 0x1e) || code == 0x85 || code == 0x2028 ||
            code == 0x2029) {
          if (code == '\r' && at < text.size && text.data[at] == '\n')
            ++at;
          end = here;
          break;
        }
      }
      if (pass)
        result.list->items[count] = Value::of(text.part(line, (keepEnds ? at : end) - line));
    }
    if (!pass && (!spend(text.size / 8) || !newList(count, Flavour::List, result)))
      return false;
  }
  return true;
}

} // namespace llmc::runtime::chat
