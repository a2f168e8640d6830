// TextApi.cpp - the C API's functions on text; each is documented in llmc.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/Model.h"
#include "runtime/src/text/Tokenizer.h"

using namespace llmc::runtime;

static Status textError(TextStatus status, Error &error) {
  switch (status) {
  case TextStatus::TooLong:
    return fail(error, LLMC_INVALID_ARGUMENT, "the text is too long for one call");
  case TextStatus::OutOfMemory:
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for the text");
  default:
    return fail(error, LLMC_INVALID_FILE, "the tokenizer is damaged");
  }
}

static const Tokenizer *tokenizerOf(const llmc_model *model, Error &error) {
  if (!model)
    fail(error, LLMC_INVALID_ARGUMENT, "model must not be null");
  else if (!model->text)
    fail(error, LLMC_NOT_FOUND, "the model has no tokenizer");
  else
    return static_cast<const Tokenizer *>(model->text);
  return nullptr;
}

llmc_status llmc_tokenize(const llmc_model *model, const char *text, size_t size, int add_special, int parse_special,
                          int32_t *ids, size_t capacity, size_t *num_ids, llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  const Tokenizer *tokenizer = tokenizerOf(model, filled);
  if (!tokenizer)
    return filled.status;
  if ((!text && size) || (!ids && capacity) || !num_ids)
    return fail(filled, LLMC_INVALID_ARGUMENT, "text, ids and num_ids must not be null");
  Encoder encoder(*tokenizer);
  Array<int32_t> result;
  TextStatus status = encoder.encode(text, size, {add_special != 0, parse_special != 0}, result);
  if (status != TextStatus::Ok)
    return textError(status, filled);
  size_t written = result.size() < capacity ? result.size() : capacity;
  if (written)
    memcpy(ids, result.data(), written * sizeof(int32_t));
  *num_ids = result.size();
  return LLMC_OK;
}

llmc_status llmc_detokenize(const llmc_model *model, const int32_t *ids, size_t num_ids, int skip_special, char *text,
                            size_t capacity, size_t *size, llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  const Tokenizer *tokenizer = tokenizerOf(model, filled);
  if (!tokenizer)
    return filled.status;
  if ((!ids && num_ids) || (!text && capacity) || !size)
    return fail(filled, LLMC_INVALID_ARGUMENT, "ids, text and size must not be null");
  for (size_t i = 0; i < num_ids; ++i)
    if (uint32_t(ids[i]) >= model->artifact.manifest.generation.vocab_size)
      return fail(filled, LLMC_INVALID_ARGUMENT, "token %zu is %d, expected 0 to %u", i, ids[i],
                  model->artifact.manifest.generation.vocab_size - 1);
  Array<char> result;
  TextStatus status = decode(*tokenizer, ids, num_ids, !skip_special, result);
  if (status != TextStatus::Ok)
    return textError(status, filled);
  size_t written = result.size() < capacity ? result.size() : capacity;
  if (written)
    memcpy(text, result.data(), written);
  *size = result.size();
  return LLMC_OK;
}
