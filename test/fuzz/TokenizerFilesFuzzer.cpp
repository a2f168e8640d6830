// TokenizerFilesFuzzer.cpp - any bytes as a tokenizer file that is no tokenizer.json: a message, or a section that
// opens and runs. The first byte says which: 's' SentencePiece's, 't' tiktoken's, 'k' tekken, 'v' vocab.txt, 'm'
// vocab.json and, after a zero byte, merges.txt.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerFiles.h"
#include "runtime/src/text/Tokenizer.h"

#include <cstdlib>
#include <string_view>

using namespace llmc;
using namespace llmc::runtime;

namespace {

json::Limits limits() {
  json::Limits small;
  small.maxBytes = 1 << 20;
  return small;
}

Result<text::TokenizerSpec> read(char kind, std::string_view bytes) {
  switch (kind) {
  case 's':
    return text::readSentencePiece(bytes, "f", {});
  case 't':
    return text::readTiktoken(bytes, "f", {});
  case 'v':
    return text::readVocabularyList(bytes, "f", {});
  default:
    break;
  }
  size_t end = kind == 'm' ? bytes.find('\0') : bytes.size();
  Result<json::Document> document = json::Document::parse(std::string(bytes.substr(0, end)), "f", limits());
  if (!document)
    return document.takeError();
  if (kind == 'm')
    return text::readVocabularyAndMerges(
        *document, end == std::string_view::npos ? std::string_view() : bytes.substr(end + 1), "g", {});
  return text::readTekken(*document);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size)
    return 0;
  std::string_view bytes(reinterpret_cast<const char *>(data) + 1, size - 1);
  Result<text::TokenizerSpec> spec = read(static_cast<char>(data[0]), bytes);
  if (!spec) {
    if (spec.error().message.empty())
      std::abort();
    return 0;
  }
  text::SectionResult section = text::writeTokenizerSection(*spec);
  if (!section.mistake.empty())
    return 0;
  Tokenizer tokenizer;
  if (tokenizer.open(section.bytes.data(), section.bytes.size()) != TextStatus::Ok)
    std::abort(); // what we compile opens
  Encoder encoder(tokenizer);
  Array<int32_t> ids;
  std::string_view sample = "The cat  sat\xe2\x96\x81 caf\xc3\xa9 e\xcc\x81 \xea\xb0\x80 \xff abab \n 12";
  (void)encoder.encode(sample.data(), sample.size(), {true, true}, ids);
  (void)encoder.encode(bytes.data(), bytes.size() < 4096 ? bytes.size() : 4096, {true, true}, ids);
  for (int32_t id : ids)
    if (static_cast<uint32_t>(id) >= tokenizer.tokenCount())
      std::abort();
  Array<char> decoded;
  (void)decode(tokenizer, ids.data(), ids.size(), true, decoded);
  return 0;
}
