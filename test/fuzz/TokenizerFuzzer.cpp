// TokenizerFuzzer.cpp - any bytes as a tokenizer.json: a message, or a section that opens and runs. Inputs that start
// with 'E' or 'U' are edits of a good section: three bytes of place, one of value, each.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/Tokenizer.h"
#include "runtime/src/text/Tokenizer.h"

#include <cstdlib>
#include <cstring>
#include <string_view>

using namespace llmc;
using namespace llmc::runtime;

namespace {

constexpr std::string_view sample =
    "The cat <s>sat  1234 caf\xc3\xa9 e\xcc\x81 \xea\xb0\x80 \xff\xe2\x82 abab \n\n  x\xe2\x96\x81y";

/// Runs an opened tokenizer over some text and over its first ids.
void exercise(const Tokenizer &tokenizer, std::string_view text) {
  Encoder encoder(tokenizer);
  Array<int32_t> ids;
  (void)encoder.encode(text.data(), text.size(), {true, true}, ids);
  for (int32_t id : ids)
    if (static_cast<uint32_t>(id) >= tokenizer.tokenCount())
      std::abort();
  for (int32_t id = -1; id < 40; ++id)
    (void)ids.push(id);
  Array<char> whole, joined;
  (void)decode(tokenizer, ids.data(), ids.size(), true, whole);
  StreamDecoder decoder(
      tokenizer,
      [](void *user, const char *bytes, size_t size) { (void)static_cast<Array<char> *>(user)->append(bytes, size); },
      &joined, true);
  for (int32_t id : ids)
    decoder.push(id);
  decoder.finish();
  if (whole.size() != joined.size() || (whole.size() && std::memcmp(whole.data(), joined.data(), whole.size()) != 0))
    std::abort();
}

std::string compiled(std::string json) {
  Result<json::Document> document = json::Document::parse(std::move(json), "good.json");
  if (!document)
    std::abort();
  Result<std::string> section = text::compileTokenizer(*document);
  if (!section)
    std::abort();
  return *section;
}

/// A section with the tables of normalisers and of unigram's search.
std::string goodUnigram() {
  return compiled(R"x({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "NFKD"},
      {"type": "Strip"}, {"type": "Replace", "pattern": {"Regex": "[ab]{2}"}, "content": "a"}]},
    "pre_tokenizer": {"type": "Whitespace"}, "decoder": {"type": "WordPiece"},
    "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": true,
      "vocab": [["<unk>", 0], ["a", -1], ["b", -2], ["ab", -2.5], ["the", -3], ["<0xE2>", -4]]}})x");
}

/// A section with the tables of byte-pair encoding.
std::string goodSection() {
  return compiled(R"x({"added_tokens": [
    {"id": 8, "content": "<s>", "special": true, "normalized": false},
    {"id": 9, "content": "cat", "special": false, "normalized": true, "single_word": true, "lstrip": true}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Prepend", "prepend": "_"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "_"}]},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "\\p{L}+(?!\\S)|\\d"}, "behavior": "MergedWithNext"},
      {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"}]},
    "post_processor": {"type": "BertProcessing", "sep": ["a", 0], "cls": ["<s>", 8]},
    "decoder": {"type": "Metaspace", "replacement": "_"},
    "model": {"type": "BPE", "unk_token": "a", "byte_fallback": true, "vocab": {"a": 0, "b": 1, "ab": 2, "_": 3,
      "<0xFF>": 4, "<0xE2>": 5, "abab": 6, "e": 7}, "merges": ["a b", "ab ab"]}})x");
}

void openSection(const std::string &bytes) {
  void *exact = std::malloc(bytes.size()); // a read past the end is seen
  std::memcpy(exact, bytes.data(), bytes.size());
  Tokenizer tokenizer;
  const char *reason = nullptr;
  if (tokenizer.open(exact, bytes.size(), &reason) == TextStatus::Ok)
    exercise(tokenizer, sample);
  else if (!reason)
    std::abort();
  std::free(exact);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size && (data[0] == 'E' || data[0] == 'U')) {
    static const std::string *good = new std::string(goodSection());
    static const std::string *unigram = new std::string(goodUnigram());
    std::string section = data[0] == 'E' ? *good : *unigram;
    for (size_t at = 1; at + 4 <= size; at += 4)
      section[(data[at] | data[at + 1] << 8 | data[at + 2] << 16) % section.size()] = static_cast<char>(data[at + 3]);
    openSection(section);
    return 0;
  }
  json::Limits limits;
  limits.maxBytes = 1 << 20;
  Result<json::Document> document =
      json::Document::parse(std::string(reinterpret_cast<const char *>(data), size), "tokenizer.json", limits);
  if (!document)
    return 0;
  Result<std::string> section = text::compileTokenizer(*document);
  if (!section) {
    if (section.error().message.empty())
      std::abort();
    return 0;
  }
  Tokenizer tokenizer;
  const char *reason = nullptr;
  if (tokenizer.open(section->data(), section->size(), &reason) != TextStatus::Ok)
    std::abort(); // what we compile opens
  exercise(tokenizer, sample);
  exercise(tokenizer, std::string_view(reinterpret_cast<const char *>(data), size < 4096 ? size : 4096));
  return 0;
}
