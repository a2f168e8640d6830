// NormalizationTables.cpp - decompositions and canonical composition, read out of utf8proc.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerSpec.h"

#include <algorithm>
#include <cstdlib>

#include <utf8proc.h>

namespace llmc::text {

namespace {

constexpr auto composing = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
constexpr auto plainly = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
constexpr auto compatible = static_cast<utf8proc_option_t>(plainly | UTF8PROC_COMPAT);

bool isScalar(uint32_t codepoint) { return codepoint < 0xd800 || (codepoint > 0xdfff && codepoint < codepointCount); }
bool isSyllable(uint32_t codepoint) { return codepoint >= 0xac00 && codepoint <= 0xd7a3; }

/// Combining marks and composites that came after Unicode 9.0. Hugging Face's tokenizers normalise by 9.0, where these
/// are characters without properties, and models were trained on what came out of that.
constexpr CodepointSet::Range afterUnicode9[] = {
    {0x7fd, 0x7fd},     {0x897, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},     {0xc3c, 0xc3c},
    {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},
    {0xa82c, 0xa82c},   {0x10d24, 0x10d27}, {0x10d69, 0x10d6d}, {0x10eab, 0x10eac}, {0x10efd, 0x10eff},
    {0x10f46, 0x10f50}, {0x10f82, 0x10f85}, {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x113ce, 0x113d0},
    {0x1145e, 0x1145e}, {0x11839, 0x1183a}, {0x11938, 0x11938}, {0x1193d, 0x1193e}, {0x11943, 0x11943},
    {0x119e0, 0x119e0}, {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99}, {0x11d42, 0x11d42},
    {0x11d44, 0x11d45}, {0x11d97, 0x11d97}, {0x11f41, 0x11f42}, {0x1612f, 0x1612f}, {0x16ff0, 0x16ff1},
    {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef}, {0x1e4ec, 0x1e4ef},
    {0x1e5ee, 0x1e5ef},
};

/// Characters with a compatibility decomposition that came after Unicode 9.0.
constexpr CodepointSet::Range compatibleAfterUnicode9[] = {
    {0x32ff, 0x32ff},   {0xa7f1, 0xa7f4},   {0xab69, 0xab69},   {0x10781, 0x10785}, {0x10787, 0x107b0},
    {0x107b2, 0x107ba}, {0x1ccd6, 0x1ccf9}, {0x1e030, 0x1e06d}, {0x1f16c, 0x1f16c}, {0x1fbf0, 0x1fbf9},
};

bool isAfterUnicode9(uint32_t codepoint) {
  for (CodepointSet::Range range : afterUnicode9)
    if (codepoint >= range.first && codepoint <= range.last)
      return true;
  for (CodepointSet::Range range : compatibleAfterUnicode9)
    if (codepoint >= range.first && codepoint <= range.last)
      return true;
  return false;
}

std::vector<int32_t> decompositionOf(uint32_t codepoint, utf8proc_option_t option) {
  utf8proc_int32_t parts[32]; // the longest compatibility decomposition has eighteen characters
  int boundary = 0;
  utf8proc_ssize_t count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(codepoint), parts, 32, option, &boundary);
  return {parts, parts + (count > 0 && count <= 32 ? count : 0)};
}

std::vector<int32_t> composed(std::vector<int32_t> characters) {
  utf8proc_ssize_t count =
      utf8proc_normalize_utf32(characters.data(), static_cast<utf8proc_ssize_t>(characters.size()), composing);
  characters.resize(static_cast<size_t>(count > 0 ? count : 0));
  return characters;
}

/// Adds a character's decomposition to the rows, if it has one.
std::vector<int32_t> addDecomposition(uint32_t codepoint, utf8proc_option_t option, NormalizationTables &tables,
                                      std::vector<llmc_tokenizer_decomposition> &rows) {
  std::vector<int32_t> parts = decompositionOf(codepoint, option);
  if (parts.empty() || (parts.size() == 1 && parts[0] == static_cast<int32_t>(codepoint)))
    return {};
  rows.push_back({codepoint, static_cast<uint16_t>(tables.decomposed.size()), static_cast<uint16_t>(parts.size())});
  tables.decomposed.insert(tables.decomposed.end(), parts.begin(), parts.end());
  return parts;
}

NormalizationTables build() {
  NormalizationTables tables;
  std::vector<CodepointSet::Range> marks, canonical, compatibility;
  std::vector<CodepointSet::Range> unstable = {{0x1161, 0x1175}, {0x11a8, 0x11c2}}; // Hangul vowels and tails
  for (uint32_t codepoint = 0; codepoint < codepointCount; ++codepoint) {
    if (!isScalar(codepoint) || isSyllable(codepoint) || isAfterUnicode9(codepoint))
      continue;
    uint32_t combining = utf8proc_get_property(static_cast<utf8proc_int32_t>(codepoint))->combining_class;
    if (combining) {
      marks.push_back({codepoint, codepoint});
      auto &rows = tables.combining;
      if (!rows.empty() && rows.back().last + 1 == codepoint && rows.back().combining_class == combining)
        rows.back().last = codepoint;
      else
        rows.push_back({codepoint, codepoint, combining});
    }
    if (!addDecomposition(codepoint, compatible, tables, tables.compatibility).empty())
      compatibility.push_back({codepoint, codepoint});
    std::vector<int32_t> parts = addDecomposition(codepoint, plainly, tables, tables.canonical);
    if (parts.empty())
      continue;
    canonical.push_back({codepoint, codepoint});
    std::vector<int32_t> whole = composed(parts);
    if (whole.size() != 1 || whole[0] != static_cast<int32_t>(codepoint)) { // a singleton or an exclusion
      unstable.push_back({codepoint, codepoint});
      continue;
    }
    // A primary composite is its last character after the composite of the others.
    auto second = static_cast<uint32_t>(parts.back());
    parts.pop_back();
    std::vector<int32_t> first = composed(parts);
    if (first.size() != 1)
      continue;
    tables.compositions.push_back({static_cast<uint32_t>(first[0]), second, codepoint});
    unstable.push_back({second, second});
  }
  std::sort(tables.compositions.begin(), tables.compositions.end(),
            [](const llmc_tokenizer_composition &a, const llmc_tokenizer_composition &b) {
              return a.first != b.first ? a.first < b.first : a.second < b.second;
            });
  CodepointSet ordered = CodepointSet::of(std::move(marks)), composing = CodepointSet::of(std::move(unstable));
  CodepointSet decomposing = CodepointSet::of(std::move(canonical)), other = CodepointSet::of(std::move(compatibility));
  CodepointSet syllables(0xac00, 0xd7a3);
  tables.unstable[0] = composing.united(ordered);
  tables.unstable[1] = decomposing.united(ordered).united(syllables);
  // Characters that decompose canonically are among those that do so for compatibility; those that compose again are
  // left to composition.
  CodepointSet onlyOther = other.intersected(decomposing.negated());
  tables.unstable[2] = tables.unstable[0].united(onlyOther).united(other.intersected(tables.unstable[0]));
  for (CodepointSet::Range range : decomposing.list()) // a canonical part may decompose further for compatibility
    for (uint32_t codepoint = range.first; codepoint <= range.last; ++codepoint)
      if (decompositionOf(codepoint, plainly) != decompositionOf(codepoint, compatible))
        tables.unstable[2] = tables.unstable[2].united(CodepointSet(codepoint));
  tables.unstable[3] = other.united(ordered).united(syllables);
  return tables;
}

} // namespace

const NormalizationTables &normalizationTables() {
  static const auto *tables = new NormalizationTables(build());
  return *tables;
}

std::string toNormalForm(const std::string &text, uint32_t form) {
  bool compose = form == LLMC_NORMALIZE_NFC || form == LLMC_NORMALIZE_NFKC;
  unsigned options = static_cast<unsigned>(compose ? composing : plainly);
  if (form == LLMC_NORMALIZE_NFKC || form == LLMC_NORMALIZE_NFKD)
    options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t *result = nullptr;
  utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t *>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &result, static_cast<utf8proc_option_t>(options));
  std::string normalized = size >= 0 ? std::string(reinterpret_cast<char *>(result), static_cast<size_t>(size)) : text;
  std::free(result);
  return normalized;
}

} // namespace llmc::text
