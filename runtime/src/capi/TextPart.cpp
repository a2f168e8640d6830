// TextPart.cpp - opens a model's tokenizer and chat templates and hangs them on the model.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/capi/TextPart.h"

#include "runtime/src/text/Tokenizer.h"
#include "runtime/src/text/template/Template.h"

#include <new>

namespace llmc::runtime {

static void releaseTokenizer(void *text) {
  static_cast<Tokenizer *>(text)->~Tokenizer();
  platform::release(text);
}

static Status openTokenizer(llmc_model &model, Error &error) {
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

Status openTextPart(llmc_model &model, Error &error) {
  if (Status status = openTokenizer(model, error))
    return status;
  const llmc_section *section = model.artifact.section(LLMC_SECTION_TEMPLATES);
  if (!section)
    return LLMC_OK;
  void *memory = platform::allocate(sizeof(ChatTemplates));
  if (!memory)
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for chat templates");
  ChatTemplates *templates = new (memory) ChatTemplates();
  model.chat = templates;
  model.releaseChat = [](void *chat) { platform::release(chat); };
  const char *reason = "they are damaged";
  TextStatus status = templates->open(model.artifact.bytes(section), section->size, &reason);
  if (status == TextStatus::OutOfMemory)
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for chat templates");
  if (status != TextStatus::Ok)
    return fail(error, LLMC_INVALID_FILE, "chat templates: %s", reason);
  return LLMC_OK;
}

} // namespace llmc::runtime
