// CodepointSet.h - sets of Unicode code points, and the ones that patterns name.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_CODEPOINTSET_H
#define LLMC_FRONTENDS_TEXT_CODEPOINTSET_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llmc::text {

constexpr uint32_t codepointCount = 0x110000;

/// A set of code points as ascending, disjoint, non-adjacent ranges.
class CodepointSet {
public:
  struct Range {
    uint32_t first, last; ///< Both inside.
    bool operator==(const Range &other) const { return first == other.first && last == other.last; }
  };

  CodepointSet() = default;
  CodepointSet(uint32_t first, uint32_t last) : ranges{{first, last}} {}
  explicit CodepointSet(uint32_t codepoint) : CodepointSet(codepoint, codepoint) {}
  /// From ranges in any order, overlapping or not.
  static CodepointSet of(std::vector<Range> ranges);
  static CodepointSet all() { return {0, codepointCount - 1}; }

  bool empty() const { return ranges.empty(); }
  bool contains(uint32_t codepoint) const;
  const std::vector<Range> &list() const { return ranges; }
  bool operator==(const CodepointSet &other) const { return ranges == other.ranges; }

  CodepointSet united(const CodepointSet &other) const;
  CodepointSet intersected(const CodepointSet &other) const;
  CodepointSet negated() const;
  /// What is in exactly one of the two.
  CodepointSet differing(const CodepointSet &other) const {
    return intersected(other.negated()).united(other.intersected(negated()));
  }
  /// With every code point that has the same simple case folding as one of the set ("k" brings "K" and the Kelvin
  /// sign).
  CodepointSet caseClosed() const;

private:
  std::vector<Range> ranges;
};

/// A general category ("L", "Lu", "N", "P" ...; one letter stands for the union), spelled as in \p{...}. Nothing for
/// other names.
std::optional<CodepointSet> categorySet(std::string_view name);
/// A script by its name ("Han"), of those that patterns of tokenizers name; nothing for other names.
std::optional<CodepointSet> scriptSet(std::string_view name);
/// White_Space: what \s matches.
const CodepointSet &whiteSpaceSet();
/// What \w matches in a class: letters, marks, decimal numbers, connector punctuation, other alphabetic characters.
const CodepointSet &wordSet();
/// What \w matches outside a class: in Oniguruma, Latin-1's superscripts and fractions besides.
const CodepointSet &lonelyWordSet();
/// The word characters that an added token with single_word must not touch, as Rust's regex has them.
const CodepointSet &addedWordSet();
/// What Rust's is_numeric holds for: general category N, as of Unicode 17.
const CodepointSet &numericSet();
/// What counts as punctuation before WordPiece: general category P as of Unicode 8, and all of ASCII that is neither
/// letter, digit nor space.
const CodepointSet &punctuationSet();

/// One character of UTF-8 text that is known to be well formed (as JSON strings are); advances `at`.
uint32_t nextCodepoint(std::string_view text, size_t &at);
/// Appends a code point as UTF-8.
void appendUtf8(std::string &text, uint32_t codepoint);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_CODEPOINTSET_H
