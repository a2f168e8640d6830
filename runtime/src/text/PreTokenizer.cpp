// PreTokenizer.cpp - the steps of a pre-tokenizer, and the five ways a split treats its matches.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/PreTokenizer.h"

#include "runtime/src/text/Normalizer.h"

#include <cstdlib>
#include <new>

namespace llmc::runtime {

/// Receives the matches and gaps of one split in order, joins them as its behaviour says, and hands the parts on.
class PreTokenizer::Parts {
public:
  Parts(PreTokenizer &owner, uint32_t number, Bytes text, bool atStart)
      : owner(owner), number(number), text(text), atStart(atStart), rule(owner.tables.steps[number]) {}

  TextStatus add(size_t begin, size_t end, bool isMatch) {
    if (begin == end)
      return TextStatus::Ok;
    if (rule.flags & LLMC_STEP_INVERT)
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

PreTokenizer::~PreTokenizer() {
  for (size_t i = 0; i < numRooms; ++i)
    rooms[i].~Room();
  std::free(rooms);
}

TextStatus PreTokenizer::run(Bytes text, bool atStart, PieceSink &target) {
  if (!rooms) {
    size_t count = tables.steps.count + size_t(1);
    rooms = static_cast<Room *>(std::malloc(count * sizeof(Room)));
    if (!rooms)
      return TextStatus::OutOfMemory;
    for (; numRooms < count; ++numRooms)
      new (rooms + numRooms) Room();
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
  bool bytes = tables.steps[number].flags & LLMC_STEP_ALPHABET;
  Matcher &matcher = rooms[number].matcher;
  matcher.reset();
  Parts parts(*this, number, text, atStart);
  size_t gap = 0, at = 0;
  while (at < text.size) {
    size_t matchEnd = at;
    TextStatus status = bytes ? matcher.matchBytes(tables, dfa, text.data, at, text.size, matchEnd)
                              : matcher.match(tables, dfa, text.data, at, text.size, matchEnd);
    if (status != TextStatus::Ok)
      return status;
    if (matchEnd == at) {
      at += bytes ? 1 : decodeCharacter(text.data + at, text.size - at).size;
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
