// Matcher.cpp - DFA matching in linear time.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/Matcher.h"

namespace llmc::runtime {

/// How a run reads text: characters of UTF-8.
struct Matcher::Characters {
  static Character read(const uint8_t *bytes, size_t size) { return decodeCharacter(bytes, size); }
};

/// How a run reads bytes that stand for characters: printable ones of Latin-1 for themselves, the others, in order, for
/// U+0100 and up.
struct Matcher::Alphabet {
  static Character read(const uint8_t *bytes, size_t) {
    uint32_t byte = bytes[0];
    if (byte <= 0x20)
      return {0x100 + byte, 1};
    if (byte >= 0x7f && byte <= 0xa0)
      return {0x121 + (byte - 0x7f), 1};
    return {byte == 0xad ? 0x143 : byte, 1};
  }
};

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
template <typename Reader>
TextStatus Matcher::remember(const TokenizerTables &tables, const llmc_tokenizer_dfa &dfa, const uint8_t *text,
                             size_t from, uint32_t state, size_t stop, size_t end) {
  uint32_t columns = tables.classFlags.count + 1;
  const uint16_t *rows = tables.transitions.rows + dfa.first_transition;
  for (size_t at = from; at < stop;) {
    if (!insert((uint64_t(at) << 16 | state) + 1))
      return TextStatus::OutOfMemory;
    Character character = Reader::read(text + at, end - at);
    state = rows[state * columns + tables.classOf(character.codepoint)] & 0x7fffu;
    at += character.size;
  }
  if (stop > vainEnd)
    vainEnd = stop;
  return TextStatus::Ok;
}

template <typename Reader>
TextStatus Matcher::run(const TokenizerTables &tables, const llmc_tokenizer_dfa &dfa, const uint8_t *text, size_t begin,
                        size_t end, size_t &matchEnd) {
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
    Character character = Reader::read(text + at, end - at);
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
  Character character = Reader::read(text + matchEnd, end - matchEnd);
  state = rows[matchState * columns + tables.classOf(character.codepoint)] & 0x7fffu;
  return remember<Reader>(tables, dfa, text, matchEnd + character.size, state, at, end);
}

template TextStatus Matcher::run<Matcher::Characters>(const TokenizerTables &, const llmc_tokenizer_dfa &,
                                                      const uint8_t *, size_t, size_t, size_t &);
template TextStatus Matcher::run<Matcher::Alphabet>(const TokenizerTables &, const llmc_tokenizer_dfa &,
                                                    const uint8_t *, size_t, size_t, size_t &);

} // namespace llmc::runtime
