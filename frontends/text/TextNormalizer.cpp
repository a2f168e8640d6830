// TextNormalizer.cpp - normaliser operations at compile time, for the contents of added tokens.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/SpecBuilder.h"

#include <algorithm>

namespace llmc::text {

std::string TextNormalizer::apply(std::string text) {
  for (size_t number = 0; number < operations.size(); ++number) {
    const OperationSpec &operation = operations[number];
    switch (operation.kind) {
    case LLMC_NORMALIZE_PREPEND:
      if (!text.empty())
        text.insert(0, operation.a);
      break;
    case LLMC_NORMALIZE_REPLACE:
      text = replaceAll(text, operation.a, operation.b);
      break;
    case LLMC_NORMALIZE_MAP:
      text = operation.map->apply(text);
      break;
    case LLMC_NORMALIZE_CHARSMAP:
      text = charsmap(number, text);
      break;
    case LLMC_NORMALIZE_TRIM:
      while (text.size() >= operation.a.size() &&
             text.compare(text.size() - operation.a.size(), operation.a.size(), operation.a) == 0)
        text.resize(text.size() - operation.a.size());
      break;
    case LLMC_NORMALIZE_MATCHES:
      text = matches(number, text);
      break;
    case LLMC_NORMALIZE_STRIP:
    case LLMC_NORMALIZE_BLANKS: {
      bool blanks = operation.kind == LLMC_NORMALIZE_BLANKS;
      auto goes = [&](uint32_t codepoint) { return blanks ? codepoint == ' ' : whiteSpaceSet().contains(codepoint); };
      size_t begin = 0, end = 0, next = 0;
      bool leading = blanks || (operation.flags & LLMC_OPERATION_LEFT);
      bool trailing = blanks || (operation.flags & LLMC_OPERATION_RIGHT);
      while (next < text.size()) {
        bool space = goes(nextCodepoint(text, next));
        if (space && leading && end == begin)
          begin = end = next;
        else if (!space || !trailing)
          end = next;
      }
      text = text.substr(begin, end - begin);
      for (size_t at = text.find("  "); blanks && at != std::string::npos; at = text.find("  ", at))
        text.erase(at, 1);
      break;
    }
    default:
      text = toNormalForm(text, operation.kind);
      break;
    }
    if (text.size() > 16 * LLMC_TOKENIZER_MAX_ADDED_BYTES) // too long for an added token already
      return text;
  }
  return text;
}

const TextNormalizer::Automaton &TextNormalizer::automaton(size_t number) {
  auto [entry, isNew] = automata.try_emplace(number);
  if (isNew) {
    entry->second.classes.add(operations[number].pattern);
    if (entry->second.classes.finish())
      entry->second.dfa = compilePattern(operations[number].pattern, entry->second.classes).value;
  }
  return entry->second;
}

/// The end of the match that starts at `begin`; `begin` when there is none.
size_t TextNormalizer::matchEnd(const Automaton &automaton, const std::string &text, size_t begin) const {
  if (automaton.dfa.stateCount == 0)
    return begin; // the section's writer will say why
  uint32_t columns = automaton.classes.count() + 1, state = 1;
  size_t end = begin;
  for (size_t at = begin;;) {
    bool atEnd = at >= text.size();
    size_t next = at;
    uint32_t column = atEnd ? columns - 1 : automaton.classes.classOf(nextCodepoint(text, next));
    uint16_t entry = automaton.dfa.transitions[state * columns + column];
    if (entry & LLMC_DFA_MATCH)
      end = at;
    state = entry & 0x7fffu;
    if (atEnd || state == 0)
      return end;
    at = next;
  }
}

std::string TextNormalizer::matches(size_t number, const std::string &text) {
  const Automaton &machine = automaton(number);
  std::string result;
  for (size_t at = 0; at < text.size();) {
    size_t end = matchEnd(machine, text, at), next = at;
    if (end > at) {
      result += operations[number].b;
      at = end;
      continue;
    }
    nextCodepoint(text, next);
    result.append(text, at, next - at);
    at = next;
  }
  return result;
}

std::string TextNormalizer::charsmap(size_t number, const std::string &text) {
  const OperationSpec &operation = operations[number];
  auto find = [&](std::string_view key) -> const std::string * {
    auto place = std::lower_bound(operation.charsmap.begin(), operation.charsmap.end(), key,
                                  [](const auto &entry, std::string_view wanted) { return entry.first < wanted; });
    return place != operation.charsmap.end() && place->first == key ? &place->second : nullptr;
  };
  bool clusters = operation.flags & LLMC_OPERATION_CLUSTERS;
  std::string result;
  for (size_t at = 0; at < text.size();) {
    size_t next = at;
    nextCodepoint(text, next);
    const std::string *found = nullptr;
    if (clusters) {
      size_t end = std::max(matchEnd(automaton(number), text, at), next);
      for (size_t size = 1; size <= end - at && end - at < 6 && !found; ++size)
        found = find(std::string_view(text).substr(at, size));
      if (found)
        next = end;
      // A longer cluster character by character: none of those that follow begins a cluster of its own.
      for (; !found && next < end; nextCodepoint(text, next)) {
        const std::string *single = find(std::string_view(text).substr(at, next - at));
        result += single ? *single : text.substr(at, next - at);
        at = next;
      }
      if (!found)
        found = find(std::string_view(text).substr(at, next - at));
    } else {
      for (size_t size = std::min<size_t>(text.size() - at, 64); size > 0 && !found; --size)
        if ((found = find(std::string_view(text).substr(at, size))))
          next = at + size;
    }
    result += found ? *found : text.substr(at, next - at);
    at = next;
  }
  return result;
}

} // namespace llmc::text
