// GgufVocabulary.h - compiles the vocabulary inside a GGUF file to a section of llmc/tokenizer_format.h.
//
// Read are byte-level BPE by merges and SentencePiece's BPE by scores, which is most of the files in use.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_GGUFVOCABULARY_H
#define LLMC_FRONTENDS_TEXT_GGUFVOCABULARY_H

#include "frontends/formats/gguf/MetadataReader.h"
#include "frontends/text/TokenizerSpec.h"

namespace llmc::text {

/// Opens the GGUF model `path` and compiles its vocabulary (tokenizer.ggml.*). Errors: the file's own, and a kind of
/// vocabulary, a pre-tokenizer or a fact that is not supported, with its key.
Result<std::string> compileGgufTokenizer(const std::string &path);

/// The tokenizer that metadata describe. Its mistakes go to the reader, and the result then means nothing.
TokenizerSpec readGgufVocabulary(gguf::MetadataReader &metadata);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_GGUFVOCABULARY_H
