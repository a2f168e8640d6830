// TokenizerSpec.h - a tokenizer as every source of tokenizers describes it, before it is compiled to tables.
//
// Readers (one a kind of file) fill it; TokenizerSection.cpp turns it into the bytes of llmc/tokenizer_format.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TOKENIZERSPEC_H
#define LLMC_FRONTENDS_TEXT_TOKENIZERSPEC_H

#include "frontends/text/Pattern.h"
#include "llmc/tokenizer_format.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace llmc::text {

struct TokenSpec {
  std::string text;   ///< What the model looks up: bytes when byteLevel, else UTF-8; of an added token its content.
  std::string piece;  ///< What it decodes to.
  uint16_t flags = 0; ///< LLMC_TOKEN_*; WHOLE is worked out when compiling.
  std::optional<std::string> first; ///< What it decodes to as the first token of a text, when that is something else.
  double score = 0;                 ///< Unigram.
  bool searched = true;             ///< Unigram, WordPiece: the search may choose it (if it is of the model).
};

/// An added token and the text that stands for it.
struct AddedSpec {
  uint32_t token;
  std::string content; ///< After normalising when `normalized`.
  bool normalized;     ///< Looked for in normalised text.
};

struct MergeSpec {
  static constexpr uint32_t byPlace = 0xffffffffu;
  uint32_t left, right, result; ///< Token ids. A later merge of the same pair replaces an earlier one.
  uint32_t rank = byPlace;      ///< Several merges may share one; by default the place in the list.
};

/// What becomes of each character, alone.
class CharacterMap {
public:
  CharacterMap() : entries(codepointCount, LLMC_MAP_KEEP) {}
  void set(uint32_t codepoint, const std::string &text);
  /// The character stays, between two spaces.
  void space(uint32_t codepoint) { entries[codepoint] = LLMC_MAP_SPACE; }
  void set(const CodepointSet &characters, const std::string &text);
  void space(const CodepointSet &characters);
  std::string apply(const std::string &text) const;

  std::vector<uint16_t> entries; ///< By code point: LLMC_MAP_* or an index into texts.
  std::vector<std::string> texts;
};

struct OperationSpec {
  uint32_t kind; ///< enum llmc_tokenizer_operation_kind
  std::string a, b;
  uint32_t flags = 0;                                             ///< LLMC_OPERATION_*
  PatternNode pattern = {};                                       ///< MATCHES, and the clusters of a CHARSMAP.
  const CharacterMap *map = nullptr;                              ///< MAP; lives as long as the program.
  std::vector<std::pair<std::string, std::string>> charsmap = {}; ///< CHARSMAP; keys ascend.
  std::string name = {};                                          ///< How messages call it.
};

struct StepSpec {
  uint32_t kind = LLMC_STEP_SPLIT; ///< enum llmc_tokenizer_step_kind
  PatternNode pattern;
  uint32_t behavior = LLMC_SPLIT_ISOLATED; ///< enum llmc_tokenizer_behavior
  bool invert = false;
  bool alphabet = false; ///< SPLIT: after ByteLevel, on the alphabet of bytes.
  std::string a, b;
  std::string name; ///< How messages call it: "'pre_tokenizer.pretokenizers[0].pattern'".
};

/// A whole tokenizer. Ids in it are below tokens.size().
struct TokenizerSpec {
  uint32_t model = LLMC_TOKENIZER_BPE; ///< enum llmc_tokenizer_model
  uint32_t flags = 0;                  ///< LLMC_TOKENIZER_*
  uint32_t unk = LLMC_NO_TOKEN;
  std::vector<TokenSpec> tokens; ///< By id; gaps have no flags.
  std::vector<MergeSpec> merges; ///< By rank.
  std::vector<AddedSpec> added;
  std::vector<OperationSpec> normalizer;
  std::vector<StepSpec> steps;
  std::vector<uint32_t> prefix, suffix;
  uint32_t decoder = LLMC_DECODER_TEXT; ///< enum llmc_tokenizer_decoder
  uint32_t stripCount = 0;
  char strip = ' ';
  std::string wordInner, wordEnd; ///< LLMC_TOKENIZER_MAX_AFFIX_BYTES at most.
  uint32_t longestWord = 0;       ///< WordPiece: characters; 0: no bound.
  double unkScore = 0;            ///< Unigram.
};

/// Compiles a spec to a section. On failure `mistake` says what cannot be compiled.
struct SectionResult {
  std::string bytes;
  std::string mistake;
};
SectionResult writeTokenizerSection(const TokenizerSpec &spec);

/// Unicode's normalisation forms as rows of the section.
struct NormalizationTables {
  std::vector<llmc_tokenizer_decomposition> canonical, compatibility;
  std::vector<uint32_t> decomposed;
  std::vector<llmc_tokenizer_composition> compositions;
  std::vector<llmc_tokenizer_combining> combining;
  CodepointSet unstable[4]; ///< Characters with LLMC_CLASS_NFC, NFD, NFKC, NFKD.
};
/// Built from utf8proc once, on first use.
const NormalizationTables &normalizationTables();
/// UTF-8 text in the form LLMC_NORMALIZE_NFC ... NFKD.
std::string toNormalForm(const std::string &text, uint32_t form);

/// The maps of Hugging Face's normalizers. Each is built once, on first use.
const CharacterMap &lowercaseMap();
const CharacterMap &cleaningMap();        ///< Control characters go, white space becomes a space.
const CharacterMap &chineseMap();         ///< Spaces around Chinese characters.
const CharacterMap &nonspacingMarksMap(); ///< Non-spacing marks go.
const CharacterMap &stripAccentsMap();    ///< All marks go.
const CharacterMap &nmtMap();
/// The pattern of one extended grapheme cluster.
const PatternNode &graphemeClusterPattern();

/// A trie over bytes as rows of the section: a double array. `values` are distinct keys with what they stand for.
/// Nothing when it would have more than 2^28 nodes.
std::optional<std::vector<llmc_tokenizer_node>> buildTrie(std::vector<std::pair<std::string_view, uint32_t>> values);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TOKENIZERSPEC_H
