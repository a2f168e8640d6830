// TokenizerJson.h - what the readers of a tokenizer.json's parts share.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TOKENIZERJSON_H
#define LLMC_FRONTENDS_TEXT_TOKENIZERJSON_H

#include "frontends/text/SpecBuilder.h"
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
/// Bytes of a pattern, at most.
constexpr size_t maxPatternBytes = 65536;
/// Of a Sequence in a Sequence.
constexpr unsigned maxSequenceDepth = 8;
/// The parts of a Sequence, which are the list `key`, at a place `depth` deep in others. An error when that is too
/// deep.
Result<std::vector<Component>> sequenceParts(const Component &at, std::string_view key, unsigned depth);

/// Reads a Sequence: `read(part, depth + 1)` for each part, until one is wrong.
template <typename Read> Checked readSequence(const Component &at, std::string_view key, unsigned depth, Read read) {
  Result<std::vector<Component>> parts = sequenceParts(at, key, depth);
  if (!parts)
    return parts.takeError();
  for (const Component &part : *parts)
    if (Checked done = read(part, depth + 1); !done)
      return done;
  return Success{};
}
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
/// A Replace, which the normalizer and the decoder may hold. The pattern is left in `regex` when it is one and `regex`
/// is given; else it must be a String.
Checked readReplace(const Component &at, std::string &from, std::string &to, std::optional<PatternSource> *regex);
/// The pattern that a Regex spells.
Result<PatternNode> compiledPattern(const PatternSource &source);

/// The model of a tokenizer.json. `options` is read before the pipeline, `vocabulary` after it.
class ModelReader {
public:
  ModelReader(const Component &root, SpecBuilder &builder) : root(root), builder(builder) {}
  Checked options();
  Checked vocabulary();
  /// An id that the size of the file makes plausible.
  Result<uint32_t> tokenId(json::Value value, const std::string &name) const;

private:
  Checked bpeOptions();
  Checked wordOptions(bool pieces);
  Checked unigramOptions();
  Checked objectVocabulary();
  Checked scoredVocabulary();
  Checked merges();
  bool mergePair(json::Value entry, std::string_view &left, std::string_view &right, std::string &joined) const;
  void join(std::string_view left, std::string_view right, std::string &joined) const;
  Checked unknownToken();

  const Component &root;
  SpecBuilder &builder;
  std::optional<Component> model;
  uint64_t maxId = 0;
};

/// Reads normalizer, pre_tokenizer, post_processor and decoder. Template ids are checked against the spec's tokens,
/// which must be there.
Checked readNormalizer(const Component &root, TokenizerSpec &spec);
Checked readPreTokenizer(const Component &root, TokenizerSpec &spec);
Checked readPostProcessor(const Component &root, TokenizerSpec &spec);
Checked readDecoder(const Component &root, SpecBuilder &builder);

/// The operation that SentencePiece's compiled table of replacements is; nothing when the bytes are no such table.
std::optional<OperationSpec> charsmapOperation(std::string_view bytes, bool clusters);
/// What base64 text stands for; nothing when it is not base64.
std::optional<std::string> fromBase64(std::string_view text);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TOKENIZERJSON_H
