// TokenizerFiles.h - readers of the tokenizer files other than tokenizer.json, and of tokenizer_config.json beside
// them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TOKENIZERFILES_H
#define LLMC_FRONTENDS_TEXT_TOKENIZERFILES_H

#include "frontends/formats/Diagnostic.h"
#include "frontends/formats/json/Json.h"
#include "frontends/text/SpecBuilder.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llmc::text {

/// What a tokenizer_config.json says that the other files do not.
struct TokenizerConfig {
  std::string className; ///< Without "Fast"; empty when not named.
  std::optional<bool> addBos, addEos, lowerCase, stripAccents, chineseCharacters, prefixSpace;
  std::string bos, eos, unk, cls, sep; ///< Contents of special tokens; empty when not named.
  std::vector<AddedToken> added;
};
/// Reads the file `path`; a missing one says nothing.
Result<TokenizerConfig> readTokenizerConfig(const std::string &path, const std::string &shownAs);
/// Adds the tokens of the configuration that are not there yet. What is wrong, or empty.
std::string addConfigTokens(const TokenizerConfig &config, SpecBuilder &builder);

/// SentencePiece's model, a protocol buffer. `file` is the name in messages.
Result<TokenizerSpec> readSentencePiece(std::string_view bytes, const std::string &file, const TokenizerConfig &config);
/// tiktoken's table: lines of a token's bytes in base64 and its rank. The pattern that splits text is not in the file:
/// it is known for the published ones, which their number of tokens tells.
Result<TokenizerSpec> readTiktoken(std::string_view text, const std::string &file, const TokenizerConfig &config);
/// Whether the text begins like such a table.
bool looksLikeTiktoken(std::string_view text);
/// tekken.json: tiktoken's kind of table with its pattern.
Result<TokenizerSpec> readTekken(const json::Document &document);
/// vocab.json with merges.txt: byte-level, or with "</w>" at the ends of words.
Result<TokenizerSpec> readVocabularyAndMerges(const json::Document &vocabulary, std::string_view merges,
                                              const std::string &mergesFile, const TokenizerConfig &config);
/// vocab.txt, WordPiece's: a token a line.
Result<TokenizerSpec> readVocabularyList(std::string_view text, const std::string &file, const TokenizerConfig &config);

/// Fills normaliser, pre-tokenizer and decoder from the text of a tokenizer.json's members of these names, which must
/// be right.
void setPipeline(const std::string &json, SpecBuilder &builder);
/// A message about a line of a text file.
Diagnostic lineError(const std::string &file, size_t line, std::string message, std::string note = {});

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TOKENIZERFILES_H
