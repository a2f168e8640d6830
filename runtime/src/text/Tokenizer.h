// Tokenizer.h - text to ids and back, from a compiled tokenizer section.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_TOKENIZER_H
#define LLMC_RUNTIME_SRC_TEXT_TOKENIZER_H

#include "runtime/src/text/Array.h"
#include "runtime/src/text/Bpe.h"
#include "runtime/src/text/Normalizer.h"
#include "runtime/src/text/PreTokenizer.h"
#include "runtime/src/text/TokenizerTables.h"
#include "runtime/src/text/Unigram.h"
#include "runtime/src/text/WordModels.h"

namespace llmc::runtime {

/// An opened section. Immutable: any number of threads may share it. The section's bytes must outlive it.
class Tokenizer {
public:
  /// Checks `size` bytes at `section` (8-aligned). O(section). On BadSection `*reason`, when asked for, is a constant
  /// sentence, lower case, without a period.
  TextStatus open(const void *section, size_t size, const char **reason = nullptr) {
    return tables.open(section, size, reason);
  }

  /// Ids are 0 .. tokenCount() - 1; a model may have more rows than that.
  uint32_t tokenCount() const { return tables.tokens.count; }
  /// Whether the id is a control token such as end-of-text. False for ids that do not exist.
  bool isSpecial(int32_t id) const {
    return uint32_t(id) < tables.tokens.count && (tables.tokens[uint32_t(id)].flags & LLMC_TOKEN_SPECIAL);
  }
  /// The id of the token with this text as the tokenizer file spells added tokens ("<|im_end|>"), or -1.
  int32_t findAdded(const char *text, size_t size) const;

  const TokenizerTables &view() const { return tables; }

private:
  TokenizerTables tables;
};

struct EncodeOptions {
  bool addSpecial = true;    ///< Put the template's ids (bos, eos) around the text.
  bool parseSpecial = false; ///< Turn the text of special tokens into those tokens; else it is ordinary text.
};

/// Encodes texts, one at a time, with memory that it keeps: reused, it stops allocating. One thread at a time.
class Encoder final : private PieceSink {
public:
  explicit Encoder(const Tokenizer &tokenizer);

  /// Appends the ids of `text` to `ids`; any bytes are allowed. O(n log n). Errors: OutOfMemory, TooLong (more than
  /// 1 GiB, or a normaliser that would grow it beyond 16 times); `ids` is then incomplete.
  TextStatus encode(const char *text, size_t size, EncodeOptions options, Array<int32_t> &ids);

private:
  struct Cut; // an added token found in text
  TextStatus cutRaw(Bytes text, bool parseSpecial);
  TextStatus cutNormalized(Bytes text, bool atStart, bool parseSpecial);
  bool findNext(const Table<llmc_tokenizer_node> &trie, Bytes text, size_t from, bool parseSpecial, size_t taken,
                Cut &cut) const;
  bool isWordAt(Bytes text, size_t at) const;
  bool isWordBefore(Bytes text, size_t at) const;
  uint8_t flagsAt(Bytes text, size_t at, uint32_t &size) const;
  uint8_t flagsBefore(Bytes text, size_t at, uint32_t &size) const;
  TextStatus piece(Bytes piece) override;

  const TokenizerTables &tables;
  Normalizer normalizer;
  PreTokenizer preTokenizer;
  Bpe bpe;
  Unigram unigram;
  Array<int32_t> *output = nullptr;
};

/// Receives decoded text: complete characters of UTF-8. The bytes are valid during the call only.
using TextSink = void (*)(void *user, const char *bytes, size_t size);

/// Decodes ids one by one and hands out text as soon as its characters are complete; never allocates. What it hands out
/// for a list of ids, `finish` included, is the text of the list.
///
/// Bytes that are not UTF-8 become U+FFFD: one for each maximal ill-formed part with LLMC_DECODER_BYTES, one for each
/// byte otherwise. (Hugging Face's ByteFallback replaces every byte of a run of byte tokens when one of them is wrong;
/// here those before it, already shown, stay.)
class StreamDecoder {
public:
  StreamDecoder(const Tokenizer &tokenizer, TextSink sink, void *user, bool printSpecial = false)
      : tables(tokenizer.view()), sink(sink), user(user), printSpecial(printSpecial) {
    reset();
  }

  /// Forgets everything: the next id is the first of a text.
  void reset();
  /// Starts as after other text: the rules for the first token (a space that is dropped) do not apply.
  void continueText();
  /// Decodes one id. Ids that do not exist, and special ones unless they are to be printed, give nothing.
  void push(int32_t id);
  /// Ends the text: an incomplete character comes out as U+FFFD.
  void finish();

private:
  void text(const uint8_t *bytes, size_t size);
  void stream(const uint8_t *bytes, size_t size);
  void flushIncomplete();

  const TokenizerTables &tables;
  TextSink sink;
  void *user;
  bool printSpecial;
  bool first;        ///< No token was decoded yet.
  bool owesSpace;    ///< A space comes before the next token.
  bool atStart;      ///< No text was handed out or stripped beyond the leading ones yet.
  uint32_t stripped; ///< Characters dropped from the start.
  uint8_t held[4];   ///< The start of a character whose end has not come.
  uint32_t heldSize;
};

/// The text of a whole list of ids, appended to `text`. The same as streaming them.
TextStatus decode(const Tokenizer &tokenizer, const int32_t *ids, size_t count, bool printSpecial, Array<char> &text);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_TOKENIZER_H
