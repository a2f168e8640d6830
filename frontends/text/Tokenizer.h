// Tokenizer.h - compiles the tokenizer files that models come with to a section of llmc/tokenizer_format.h.
//
// Read today: tokenizer.json with a BPE model, byte-level or of SentencePiece's kind. Whatever else is found is a
// located mistake that names the key and what stands there.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TOKENIZER_H
#define LLMC_FRONTENDS_TEXT_TOKENIZER_H

#include "frontends/formats/Diagnostic.h"
#include "frontends/formats/json/Json.h"
#include "frontends/text/TokenizerSpec.h"

#include <string>

namespace llmc::text {

/// Reads the file `path` (tokenizer.json) and compiles it; `shownAs` is its name in messages (`path` when empty). The
/// result is the whole section; the same file gives the same bytes everywhere.
Result<std::string> compileTokenizer(const std::string &path, std::string shownAs = {});
/// Compiles a parsed tokenizer.json.
Result<std::string> compileTokenizer(const json::Document &document);

/// The tokenizer that a tokenizer.json describes.
Result<TokenizerSpec> readTokenizerJson(const json::Document &document);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TOKENIZER_H
