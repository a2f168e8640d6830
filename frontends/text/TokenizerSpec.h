// TokenizerSpec.h - a tokenizer as every source of tokenizers describes it, before it is compiled to tables.
//
// Readers (tokenizer.json today) fill it; TokenizerSection.cpp turns it into the bytes of llmc/tokenizer_format.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TOKENIZERSPEC_H
#define LLMC_FRONTENDS_TEXT_TOKENIZERSPEC_H

#include "frontends/text/Pattern.h"
#include "llmc/tokenizer_format.h"

#include <cstdint>
#include <string>
#include <vector>

namespace llmc::text {

struct TokenSpec {
  std::string text;   ///< What the model looks up: bytes when byteLevel, else UTF-8; of an added token its content.
  std::string piece;  ///< What it decodes to.
  uint16_t flags = 0; ///< LLMC_TOKEN_*; WHOLE is worked out when compiling.
};

/// An added token and the text that stands for it.
struct AddedSpec {
  uint32_t token;
  std::string content; ///< After normalising when `normalized`.
  bool normalized;     ///< Looked for in normalised text.
};

struct MergeSpec {
  uint32_t left, right, result; ///< Token ids. A later merge of the same pair replaces an earlier one.
};

struct OperationSpec {
  uint32_t kind; ///< enum llmc_tokenizer_operation_kind
  std::string a, b;
};

struct StepSpec {
  uint32_t kind = LLMC_STEP_SPLIT; ///< enum llmc_tokenizer_step_kind
  PatternNode pattern;
  uint32_t behavior = LLMC_SPLIT_ISOLATED; ///< enum llmc_tokenizer_behavior
  bool invert = false;
  std::string a, b;
  std::string name; ///< How messages call it: "'pre_tokenizer.pretokenizers[0].pattern'".
};

/// A whole tokenizer. Ids in it are below tokens.size().
struct TokenizerSpec {
  uint32_t flags = 0; ///< LLMC_TOKENIZER_*
  uint32_t unk = LLMC_NO_TOKEN;
  std::vector<TokenSpec> tokens; ///< By id; gaps have no flags.
  std::vector<MergeSpec> merges; ///< By rank.
  std::vector<AddedSpec> added;
  std::vector<OperationSpec> normalizer;
  std::vector<StepSpec> steps;
  std::vector<uint32_t> prefix, suffix;
  uint32_t decoder = LLMC_DECODER_SPACED; ///< enum llmc_tokenizer_decoder
  uint32_t stripCount = 0;
  char strip = ' ';
  std::string metaspace;
};

/// Compiles a spec to a section. On failure `mistake` says what cannot be compiled.
struct SectionResult {
  std::string bytes;
  std::string mistake;
};
SectionResult writeTokenizerSection(const TokenizerSpec &spec);

/// Unicode's canonical composition as rows of the section.
struct NormalizationTables {
  std::vector<llmc_tokenizer_decomposition> decompositions;
  std::vector<uint32_t> decomposed;
  std::vector<llmc_tokenizer_composition> compositions;
  std::vector<llmc_tokenizer_combining> combining;
  CodepointSet unstable; ///< Characters with LLMC_CLASS_NFC.
};
/// Built from utf8proc once, on first use.
const NormalizationTables &normalizationTables();
/// The NFC form of UTF-8 text.
std::string toNfc(const std::string &text);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TOKENIZERSPEC_H
