// PreTokenizer.cpp - DFA matching in linear time, and the five ways a split treats its matches.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/PreTokenizer.h"

#include "runtime/src/text/Normalizer.h"

#include <new>

namespace llmc::runtime {

// Bytes a run may read past its match before that is remembered: no published pattern reads further in ordinary text,
// so that the table stays empty there.
constexpr size_t tolerated = 48;

void Matcher::reset() {
  if (vainCount)
    std::memset(vain.data(), 0, vain.size() * sizeof(uint64_t));
  vainCount = 0;
  vainEnd = 0;
}

static uint64_t placeOf(uint64_t key) { return (key * 0x9e3779b97f4a7c15ull) >> 20; }

bool Matcher::isVain(uint32_t state, size_t at) const {
  uint64_t key = (uint64_t(at) << 16 | state) + 1, mask = vain.size() - 1;
  for (uint64_t place = placeOf(key) & mask; vain[place]; place = (place + 1) & mask)
    if (vain[place] == key)
      return true;
  return false;
}

bool Matcher::insert(uint64_t key) {
  if (2 * (vainCount + 1) > vain.size()) {
    Array<uint64_t> larger;
    size_t count = vain.empty() ? 1024 : 2 * vain.size();
    if (!larger.resize(count))
      return false;
    std::memset(larger.data(), 0, count * sizeof(uint64_t));
    for (uint64_t old : vain)
      if (old) {
        uint64_t place = placeOf(old) & (count - 1);
        while (larger[place])
          place = (place + 1) & (count - 1);
        larger[place] = old;
      }
    vain = static_cast<Array<uint64_t> &&>(larger);
  }
  uint64_t mask = vain.size() - 1, place = placeOf(key) & mask;
  while (vain[place] && vain[place] != key)
    place = (place + 1) & mask;
  if (!vain[place]) {
    vain[place] = key;
    ++vainCount;
  }
  return true;
}

/// Notes every pair of a run that read [from, stop), entered in `state`, and met no match there.
TextStatus Matcher::remember(const TokenizerTables &tables, const llmc_tokenizer_dfa &dfa, const uint8_t *text,
                             size_t from, uint32_t state, size_t stop, size_t end) {
  uint32_t columns = tables.classFlags.count + 1;
  const uint16_t *rows = tables.transitions.rows + dfa.first_transition;
  for (size_t at = from; at < stop;) {
    if (!insert((uint64_t(at) << 16 | state) + 1))
      return TextStatus::OutOfMemory;
    Character character = decodeCharacter(text + at, end - at);
    state = rows[state * columns + tables.classOf(character.codepoint)] & 0x7fffu;
    at += character.size;
  }
  if (stop > vainEnd)
    vainEnd = stop;
  return TextStatus::Ok;
}

TextStatus Matcher::match(const TokenizerTables &tables, const llmc_tokenizer_dfa &dfa, const uint8_t *text,
                          size_t begin, size_t end, size_t &matchEnd) {
  if (vainCount && begin >= vainEnd)
    reset();
  uint32_t columns = tables.classFlags.count + 1;
  const uint16_t *rows = tables.transitions.rows + dfa.first_transition;
  uint32_t state = 1, matchState = 1;
  size_t at = begin;
  matchEnd = begin;
  while (at < end) {
    if (vainCount && at < vainEnd && isVain(state, at)) {
      state = 0; // as dead as the dead state
      break;
    }
    Character character = decodeCharacter(text + at, end - at);
    uint32_t entry = rows[state * columns + tables.classOf(character.codepoint)];
    if (entry & LLMC_DFA_MATCH) {
      matchEnd = at;
      matchState = state;
    }
    state = entry & 0x7fffu;
    if (state == 0)
      break;
    at += character.size;
  }
  if (state != 0 && (rows[state * columns + columns - 1] & LLMC_DFA_MATCH)) {
    matchEnd = end;
    return TextStatus::Ok;
  }
  if (at - matchEnd <= tolerated)
    return TextStatus::Ok;
  // The character after the match was read already when the match was seen: what is in vain starts behind it.
  Character character = decodeCharacter(text + matchEnd, end - matchEnd);
  state = rows[matchState * columns + tables.classOf(character.codepoint)] & 0x7fffu;
  return remember(tables, dfa, text, matchEnd + character.size, state, at, end);
}

/// Receives the matches and gaps of one split in order, joins them as its behaviour says, and hands the parts on.
class PreTokenizer::Parts {
public:
  Parts(PreTokenizer &owner, uint32_t number, Bytes text, bool atStart)
      : owner(owner), number(number), text(text), atStart(atStart), rule(owner.tables.steps[number]) {}

  TextStatus add(size_t begin, size_t end, bool isMatch) {
    if (begin == end)
      return TextStatus::Ok;
    if (rule.invert)
      isMatch = !isMatch;
    TextStatus status = TextStatus::Ok;
    switch (rule.behavior) {
    case LLMC_SPLIT_REMOVED:
      return isMatch ? TextStatus::Ok : emit(begin, end);
    case LLMC_SPLIT_ISOLATED:
      return emit(begin, end);
    case LLMC_SPLIT_CONTIGUOUS:
      if (held && isMatch == heldMatch)
        heldEnd = end;
      else
        status = hold(begin, end);
      break;
    case LLMC_SPLIT_MERGED_WITH_PREVIOUS:
      // A match joins what is before it, unless that is a match too.
      if (held && isMatch && !heldMatch)
        heldEnd = end;
      else
        status = hold(begin, end);
      break;
    default: // LLMC_SPLIT_MERGED_WITH_NEXT
      if (held && heldMatch && !isMatch)
        heldEnd = end;
      else
        status = hold(begin, end);
      break;
    }
    heldMatch = isMatch;
    return status;
  }

  TextStatus finish() { return held ? emit(heldBegin, heldEnd) : TextStatus::Ok; }

private:
  TextStatus hold(size_t begin, size_t end) {
    TextStatus status = held ? emit(heldBegin, heldEnd) : TextStatus::Ok;
    held = true;
    heldBegin = begin;
    heldEnd = end;
    return status;
  }

  TextStatus emit(size_t begin, size_t end) {
    return owner.step(number + 1, {text.data + begin, end - begin}, atStart && begin == 0);
  }

  PreTokenizer &owner;
  uint32_t number;
  Bytes text;
  bool atStart;
  const llmc_tokenizer_step &rule;
  bool held = false, heldMatch = false;
  size_t heldBegin = 0, heldEnd = 0;
};

TextStatus PreTokenizer::run(Bytes text, bool atStart, PieceSink &target) {
  if (!rooms) {
    rooms.reset(new (std::nothrow) Room[tables.steps.count + 1]);
    if (!rooms)
      return TextStatus::OutOfMemory;
  }
  sink = &target;
  return step(0, text, atStart);
}

/// Runs `text` through step `number` and those after it. As deep as there are steps.
TextStatus PreTokenizer::step(uint32_t number, Bytes text, bool atStart) {
  if (text.size == 0)
    return TextStatus::Ok;
  if (number == tables.steps.count)
    return sink->piece(text);
  const llmc_tokenizer_step &rule = tables.steps[number];
  if (rule.kind == LLMC_STEP_SPLIT)
    return split(number, text, atStart);

  Array<uint8_t> &buffer = rooms[number].text;
  Bytes a = tables.bytes(rule.a);
  buffer.clear();
  if (rule.kind == LLMC_STEP_REPLACE) {
    TextStatus status = replaceAll(text, a, tables.bytes(rule.b), buffer);
    if (status != TextStatus::Ok)
      return status;
  } else {
    bool starts = text.size >= a.size && std::memcmp(text.data, a.data, a.size) == 0;
    if (starts || (rule.kind == LLMC_STEP_PREPEND_FIRST && !atStart))
      return step(number + 1, text, atStart);
    if (!buffer.append(a.data, a.size) || !buffer.append(text.data, text.size))
      return TextStatus::OutOfMemory;
  }
  return step(number + 1, {buffer.data(), buffer.size()}, atStart);
}

TextStatus PreTokenizer::split(uint32_t number, Bytes text, bool atStart) {
  const llmc_tokenizer_dfa &dfa = tables.dfas[tables.steps[number].dfa];
  Matcher &matcher = rooms[number].matcher;
  matcher.reset();
  Parts parts(*this, number, text, atStart);
  size_t gap = 0, at = 0;
  while (at < text.size) {
    size_t matchEnd = at;
    TextStatus status = matcher.match(tables, dfa, text.data, at, text.size, matchEnd);
    if (status != TextStatus::Ok)
      return status;
    if (matchEnd == at) {
      at += decodeCharacter(text.data + at, text.size - at).size;
      continue;
    }
    status = parts.add(gap, at, false);
    if (status == TextStatus::Ok)
      status = parts.add(at, matchEnd, true);
    if (status != TextStatus::Ok)
      return status;
    gap = at = matchEnd;
  }
  TextStatus status = parts.add(gap, text.size, false);
  return status == TextStatus::Ok ? parts.finish() : status;
}

} // namespace llmc::runtime
