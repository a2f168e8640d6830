// Pattern.h - the regular expressions of pre-tokenizers, parsed into a tree and compiled to a DFA.
//
// Oniguruma's Ruby syntax, as far as an automaton that sees one character ahead can follow it: no back references, no
// look behind, no look ahead of more than one character. What is left out is a mistake that names itself.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_PATTERN_H
#define LLMC_FRONTENDS_TEXT_PATTERN_H

#include "frontends/text/CodepointSet.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace llmc::text {

/// A node of a parsed pattern.
struct PatternNode {
  enum class Kind {
    Empty,       ///< Matches nothing at all, successfully.
    Set,         ///< One character of `set`.
    Ahead,       ///< No character: the next one is in `set`, or the text ends and `atEnd` holds.
    Sequence,    ///< `children`, one after the other.
    Alternative, ///< The first of `children` with which the whole matches.
    Repeat,      ///< `children[0]`, `least` .. `most` times; as often as possible, or as rarely when `lazy`.
  };
  static constexpr uint32_t unbounded = 0xffffffffu;

  Kind kind = Kind::Empty;
  CodepointSet set;
  bool atEnd = false;
  uint32_t least = 0, most = unbounded;
  bool lazy = false;
  std::vector<PatternNode> children;
};

/// What is wrong with a pattern, or the value.
template <typename T> struct PatternResult {
  T value = {};
  std::string mistake; ///< Empty when there is a value. "'(?<=' at character 7: look-behind is not supported".
  explicit operator bool() const { return mistake.empty(); }
};

/// Parses a pattern of well-formed UTF-8. Bounds: 64 levels of groups, 4,096 nodes, repeats up to 1,000.
PatternResult<PatternNode> parsePattern(std::string_view pattern);
/// The pattern that matches exactly `text`.
PatternNode literalPattern(std::string_view text);
/// The pattern that matches one character of the set.
PatternNode setPattern(CodepointSet set);
/// As often as possible, at least once.
PatternNode oneOrMore(PatternNode node);

/// The first of two that matches.
PatternNode either(PatternNode first, PatternNode second);
/// As often as possible, one to `most` times.
PatternNode upTo(PatternNode node, uint32_t most);

/// Code points grouped so that every set of a tokenizer is a union of classes.
class CodepointClasses {
public:
  /// Adds a set that must become a union of classes.
  void add(const CodepointSet &set);
  /// Adds the sets of a pattern.
  void add(const PatternNode &node);
  /// Numbers the classes. False when more than 255 would be needed.
  bool finish();

  uint32_t count() const { return static_cast<uint32_t>(representatives.size()); }
  /// A run of code points of one class: from `first` to the next run's.
  struct Run {
    uint32_t first;
    uint8_t number;
  };
  /// All code points, in order.
  const std::vector<Run> &runs() const { return list; }
  uint8_t classOf(uint32_t codepoint) const;
  /// The classes that make up a set that was added.
  std::vector<bool> membersOf(const CodepointSet &set) const;

private:
  std::vector<CodepointSet> sets;
  std::vector<Run> list;
  std::vector<uint32_t> representatives; // a code point of each class
};

/// The DFA of llmc_tokenizer_dfa: rows of classes + 1 entries, state 0 dead, state 1 the start.
struct Dfa {
  uint32_t stateCount = 0;
  std::vector<uint16_t> transitions;
};

/// Compiles a pattern. Mistakes: it matches the empty text; it needs more than 8,192 states.
PatternResult<Dfa> compilePattern(const PatternNode &pattern, const CodepointClasses &classes);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_PATTERN_H
