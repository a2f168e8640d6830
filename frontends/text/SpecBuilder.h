// SpecBuilder.h - puts a TokenizerSpec together token by token; every reader of tokenizer files uses it.
//
// Functions that can fail return what is wrong, empty when nothing is; the reader knows where in which file that was.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_SPECBUILDER_H
#define LLMC_FRONTENDS_TEXT_SPECBUILDER_H

#include "frontends/text/TokenizerSpec.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace llmc::text {

/// How decoding turns a token's string into what it prints; applied to every token when the pipeline is known.
struct DecoderSpec {
  struct Action {
    enum class Kind {
      Replace,      ///< Each `from` by `to`.
      Strip,        ///< Up to `start` and `stop` times `content` at the ends.
      Metaspace,    ///< Each `from` by a space; in the first token by nothing when `drop`.
      WordPiece,    ///< A space before tokens but the first, unless they start with `from`, which goes.
      WordEnd,      ///< `from` at the end goes; a space follows if a token follows.
      Spaced,       ///< A space before tokens but the first.
      ByteFallback, ///< "<0x41>" becomes its byte.
    } kind;
    std::string from = {}, to = {};
    char content = 0;
    uint32_t start = 0, stop = 0;
    bool drop = false, cleanup = false;
  };
  bool byteLevel = false; ///< Tokens are of the byte alphabet; there are no actions then.
  std::vector<Action> actions;
};

/// An added token as files describe it.
struct AddedToken {
  uint32_t id;
  std::string content;
  uint16_t flags = LLMC_TOKEN_ADDED | LLMC_TOKEN_SPECIAL;
  bool normalized = false;
};

class SpecBuilder {
public:
  TokenizerSpec spec;
  DecoderSpec decoder;

  /// Puts a token that is not there yet into the table; `text` is as the file spells it (byte-level: in the byte
  /// alphabet). Pipeline and decoder must be known.
  std::string addToken(uint32_t id, std::string_view text, bool ofModel);
  /// A token of a byte-level model, given by its bytes.
  std::string addBytes(uint32_t id, std::string_view bytes);
  /// Turns a token into an added one, and makes it when it is not of the model.
  std::string addAdded(const AddedToken &added);
  /// The token of the model that the file spells like this, or LLMC_NO_TOKEN.
  uint32_t find(std::string_view text) const;
  /// Adds every merge of two tokens into a third, ranked by what `rankOf` says of the third; byte strings are the
  /// tokens' texts. For files that hold no merges (tiktoken, SentencePiece). Only tokens with a rank take part.
  std::string mergesOfRanks(const std::vector<uint32_t> &rankById);

private:
  std::string place(uint32_t id, std::string_view text, TokenSpec *&token);
  std::string decode(TokenSpec &token, std::string_view text) const;

  std::unordered_map<std::string, uint32_t> byText; // of the model
};

/// Runs normaliser operations over a short text, as the runtime does. Compiled patterns are kept between calls.
class TextNormalizer {
public:
  explicit TextNormalizer(const std::vector<OperationSpec> &operations) : operations(operations) {}
  std::string apply(std::string text);

private:
  struct Automaton {
    CodepointClasses classes;
    Dfa dfa;
  };
  const Automaton &automaton(size_t number);
  size_t matchEnd(const Automaton &automaton, const std::string &text, size_t begin) const;
  std::string matches(size_t number, const std::string &text);
  std::string charsmap(size_t number, const std::string &text);

  const std::vector<OperationSpec> &operations;
  std::unordered_map<size_t, Automaton> automata;
};

/// Each `from` (not empty), found from the left, replaced by `to`.
std::string replaceAll(const std::string &text, const std::string &from, const std::string &to);
/// The bytes that a string of GPT-2's byte alphabet stands for; nothing when a character is not of that alphabet.
std::optional<std::string> fromByteAlphabet(std::string_view text);
/// A text in quotes, fit for a message.
std::string quoted(std::string_view text);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_SPECBUILDER_H
