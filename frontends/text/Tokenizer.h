// Tokenizer.h - compiles the tokenizer files that models come with to a section of llmc/tokenizer_format.h.
//
// Read are tokenizer.json, SentencePiece's tokenizer.model, tiktoken's tables, tekken.json, vocab.json with merges.txt,
// and vocab.txt. Whatever in them is not supported is a located mistake that names the key and what stands there.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TOKENIZER_H
#define LLMC_FRONTENDS_TEXT_TOKENIZER_H

#include "frontends/formats/Diagnostic.h"
#include "frontends/formats/ModelDirectory.h"
#include "frontends/formats/json/Json.h"
#include "frontends/text/TokenizerSpec.h"

#include <string>
#include <vector>

namespace llmc::text {

/// Reads the file `path`, of whichever kind it is, and compiles it; `shownAs` is its name in messages (`path` when
/// empty). Files that belong to it (merges.txt, tokenizer_config.json) are looked for beside it. The result is the
/// whole section; the same files give the same bytes everywhere.
Result<std::string> compileTokenizer(const std::string &path, std::string shownAs = {});
/// The same for a file in a model's directory, which the files that belong to it do not leave either.
Result<std::string> compileTokenizer(const ModelDirectory &directory, const std::string &name);
/// The names under which models come with a tokenizer, the ones that say most first.
const std::vector<std::string> &tokenizerFileNames();
/// The tokenizer that a file of any kind describes.
Result<TokenizerSpec> readTokenizer(const std::string &path, std::string shownAs = {});
/// Compiles a parsed tokenizer.json.
Result<std::string> compileTokenizer(const json::Document &document);

/// The tokenizer that a tokenizer.json describes.
Result<TokenizerSpec> readTokenizerJson(const json::Document &document);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TOKENIZER_H
