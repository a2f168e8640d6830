// GgufFuzzer.cpp - GGUF files from random bytes: no crash, and what is accepted holds what it promises, in the file and
// in what families and the reader of its vocabulary make of it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/gguf/MetadataReader.h"
#include "frontends/models/Family.h"
#include "frontends/models/LlamaConfig.h"
#include "frontends/text/GgufVocabulary.h"
#include "test/fuzz/Promises.h"

using namespace llmc;
using llmc::test::checkMessage;
using llmc::test::require;

namespace {

/// Reads every element, so that a view outside the input is noticed.
uint64_t touch(const gguf::Value &value) {
  uint64_t sum = 0;
  if (value.isString())
    for (char c : value.asString())
      sum += uint8_t(c);
  if (value.isNumber())
    sum += value.asNumber() > 0;
  if (value.isInteger())
    sum += uint64_t(value.asInteger().value_or(0));
  if (value.isArray() && value.element() == gguf::Kind::String)
    for (std::string_view text : value.strings())
      for (char c : text)
        sum += uint8_t(c);
  else if (value.isArray() && value.element() != gguf::Kind::Array)
    for (uint64_t i = 0; i < value.size(); ++i)
      sum += touch(value.at(i));
  return sum + value.describe().size();
}

void checkFile(const gguf::File &file, std::string_view bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < file.metadata.size(); ++i) {
    require(i == 0 || file.metadata[i - 1].key < file.metadata[i].key);
    sum += touch(file.metadata[i].value);
  }
  require(file.alignment >= 1 && file.alignment <= 65536 && (file.alignment & (file.alignment - 1)) == 0);
  for (const TensorEntry &entry : file.tensors) {
    require(entry.offset <= bytes.size() && entry.size <= bytes.size() - entry.offset);
    require(tensorBytes(entry.shape, entry.dtype) == entry.size && !entry.key.empty());
    for (uint64_t i = 0; i < entry.size; ++i)
      sum += uint8_t(bytes[entry.offset + i]);
  }
  volatile uint64_t kept = sum;
  (void)kept;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string bytes(reinterpret_cast<const char *>(data), size), name = "f";
  Result<gguf::File> file = gguf::parseFile(bytes, name, 0);
  if (!file) {
    checkMessage(file.error());
    return 0;
  }
  checkFile(*file, bytes);
  // What depends on the tensors' bytes is not reached here: the index is empty.
  Result<TensorIndex> index = TensorIndex::make({}, {}, {});
  for (std::string_view architecture : models::llamaGgufArchitectures()) {
    gguf::MetadataReader metadata(*file, name);
    const models::DecoderConfig config = models::readLlamaGguf({metadata, *index}, architecture);
    if (metadata.mistake())
      checkMessage(*metadata.mistake());
    require(config.vocabSize >= 1 && config.hiddenSize >= 1 && config.intermediateSize >= 1 && config.headDim >= 2);
    require(config.headDim % 2 == 0 && config.numHeads % config.numKvHeads == 0 && !config.layers.empty());
    require(config.normEpsilon > 0 && config.rope.full.theta > 1 && config.rope.full.factor > 0);
  }
  gguf::MetadataReader words(*file, name);
  const text::TokenizerSpec spec = text::readGgufVocabulary(words);
  if (words.mistake()) {
    checkMessage(*words.mistake());
  } else {
    const uint32_t count = uint32_t(spec.tokens.size());
    for (const text::MergeSpec &merge : spec.merges)
      require(merge.left < count && merge.right < count && merge.result < count);
    for (const text::AddedSpec &added : spec.added)
      require(added.token < count && !added.content.empty());
    for (uint32_t id : spec.prefix)
      require(id < count);
    require(spec.unk == LLMC_NO_TOKEN || spec.unk < count);
  }
  gguf::MetadataReader generation(*file, name);
  const GenerationConfig facts = gguf::readGeneration(generation, 53);
  if (generation.mistake())
    checkMessage(*generation.mistake());
  for (int64_t id : facts.eos)
    require(id >= 0 && id < 53);
  return 0;
}
