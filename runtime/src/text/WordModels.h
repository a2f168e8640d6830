// WordModels.h - the models that look words up: WordPiece and WordLevel.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_WORDMODELS_H
#define LLMC_RUNTIME_SRC_TEXT_WORDMODELS_H

#include "runtime/src/text/Array.h"
#include "runtime/src/text/TokenizerTables.h"

namespace llmc::runtime {

/// Appends the longest tokens that make up `piece`, from the left; the unknown token when there is a rest, or when the
/// piece has more characters than the tokenizer allows. O(bytes) for the lengths of words that tokenizers allow.
TextStatus encodeWordPieces(const TokenizerTables &tables, Bytes piece, Array<int32_t> &ids);

/// Appends the token that `piece` is, or the unknown token.
TextStatus encodeWord(const TokenizerTables &tables, Bytes piece, Array<int32_t> &ids);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_WORDMODELS_H
