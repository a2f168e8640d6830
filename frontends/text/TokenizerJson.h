// TokenizerJson.h - what the readers of a tokenizer.json's parts share.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TOKENIZERJSON_H
#define LLMC_FRONTENDS_TEXT_TOKENIZERJSON_H

#include "frontends/text/Tokenizer.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace llmc::text {

/// A component of tokenizer.json with the path that messages call it by ("pre_tokenizer.pretokenizers[1]").
struct Component {
  json::Value value;
  std::string path;

  std::string name(std::string_view key) const {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }
  /// The member, when it is there and not null.
  std::optional<json::Value> get(std::string_view key) const;
  /// An error when a key is not in the list.
  Checked only(std::initializer_list<std::string_view> keys) const;
  Result<bool> flag(std::string_view key, bool absent) const;
  Result<std::string> string(std::string_view key) const;
  /// The member "type".
  Result<std::string> type() const { return string("type"); }
  /// "'path.type' = "X" is not supported", with what is.
  Diagnostic unsupported(const std::string &type, std::string_view expected) const;
  /// The objects of the array `key`.
  Result<std::vector<Component>> list(std::string_view key) const;
};

/// Bytes of strings that replace or are put before others, at most; published ones have a few.
constexpr size_t maxAffixBytes = 64;
/// Of a Sequence in a Sequence.
constexpr unsigned maxSequenceDepth = 8;
Diagnostic tooDeep(const Component &at);
/// A string member of at most maxAffixBytes.
Result<std::string> affix(const Component &at, std::string_view key);
/// The component `key` of the whole, when it is there; an error when it is not an object.
Result<std::optional<Component>> component(const Component &root, const char *key);

/// The pattern object: {"String": ...} or {"Regex": ...}.
struct PatternSource {
  std::string text;
  bool isRegex;
  json::Value where;
  std::string name;
};
/// The member "pattern"; an error when it is empty.
Result<PatternSource> patternSource(const Component &at);
/// A Replace with a literal pattern, which the normalizer and the decoder may hold.
Checked literalReplace(const Component &at, std::string &from, std::string &to);

/// How decoding turns a token's string into what it prints; applied to every token when the pipeline is known.
struct DecoderSpec {
  struct Action {
    enum class Kind { Replace, Strip } kind;
    std::string from, to; ///< Replace.
    char content = 0;     ///< Strip.
    uint32_t start = 0, stop = 0;
  };
  bool byteLevel = false;
  bool byteFallback = false;
  std::vector<Action> actions; ///< On each token, in order.
};

/// Reads normalizer, pre_tokenizer, post_processor and decoder. Fills the spec's normalizer, steps, prefix, suffix,
/// decoder and LLMC_TOKENIZER_BYTE_LEVEL. Template ids are checked against `spec.tokens`, which must be there.
Checked readNormalizer(const Component &root, TokenizerSpec &spec);
Checked readPreTokenizer(const Component &root, TokenizerSpec &spec);
Checked readPostProcessor(const Component &root, TokenizerSpec &spec);
Result<DecoderSpec> readDecoder(const Component &root, TokenizerSpec &spec);

/// The bytes that a string of GPT-2's byte alphabet stands for; nothing when a character is not of that alphabet.
std::optional<std::string> fromByteAlphabet(std::string_view text);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TOKENIZERJSON_H
