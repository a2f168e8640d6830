// TextPart.cpp - opens a model's tokenizer and hangs it on the model.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/capi/TextPart.h"

#include "runtime/src/text/Tokenizer.h"

#include <new>

namespace llmc::runtime {

static void releaseTokenizer(void *text) {
  static_cast<Tokenizer *>(text)->~Tokenizer();
  platform::release(text);
}

Status openTextPart(llmc_model &model, Error &error) {
  const llmc_section *section = model.artifact.section(LLMC_SECTION_TOKENIZER);
  if (!section)
    return LLMC_OK;
  void *memory = platform::allocate(sizeof(Tokenizer));
  if (!memory)
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for a tokenizer");
  Tokenizer *tokenizer = new (memory) Tokenizer();
  model.text = tokenizer;
  model.releaseText = releaseTokenizer;
  const char *reason = "it is damaged";
  if (tokenizer->open(model.artifact.bytes(section), section->size, &reason) != TextStatus::Ok)
    return fail(error, LLMC_INVALID_FILE, "tokenizer: %s", reason);
  return LLMC_OK;
}

} // namespace llmc::runtime
