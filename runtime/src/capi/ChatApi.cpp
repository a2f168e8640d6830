// ChatApi.cpp - the C API's functions on conversations; each is documented in chat.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "llmc/chat.h"
#include "runtime/src/session/Model.h"
#include "runtime/src/text/template/Template.h"

using namespace llmc::runtime;

static chat::View toView(llmc_text_view text) { return {text.data ? text.data : "", text.data ? text.size : 0}; }

llmc_text_view llmc_model_chat_template(const llmc_model *model, uint32_t index) {
  const auto *templates = model ? static_cast<const ChatTemplates *>(model->chat) : nullptr;
  if (!templates || index >= templates->count())
    return {"", 0};
  chat::View name = templates->name(index);
  return {name.data, name.size};
}

/// What became of an evaluation, in the API's words.
static Status chatError(ChatStatus status, const char *message, Error &error) {
  switch (status) {
  case ChatStatus::NoTemplate:
    return fail(error, LLMC_NOT_FOUND, "%s", message);
  case ChatStatus::BadInput:
    return fail(error, LLMC_INVALID_ARGUMENT, "%s", message);
  case ChatStatus::Refused:
    return fail(error, LLMC_INVALID_ARGUMENT, "the chat template refuses the conversation: %s", message);
  case ChatStatus::Failed:
    fail(error, LLMC_INVALID_ARGUMENT, "the chat template fails on the conversation: %s", message);
    return addNote(error, "it may not be made for such messages");
  case ChatStatus::TooMuch:
    return fail(error, LLMC_INVALID_ARGUMENT, "the chat template is stopped: %s", message);
  default:
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for the conversation");
  }
}

llmc_status llmc_chat_render(const llmc_model *model, const llmc_chat *chat, char *text, size_t capacity, size_t *size,
                             llmc_error *error) {
  Error unused;
  Error &filled = error ? *error : unused;
  if (!model || !chat || (!text && capacity) || !size)
    return fail(filled, LLMC_INVALID_ARGUMENT, "model, chat, text and size must not be null");
  if (chat->struct_size < sizeof(size_t) || chat->struct_size > 4096)
    return fail(filled, LLMC_INVALID_ARGUMENT, "chat: struct_size is %zu, expected %zu", chat->struct_size,
                sizeof(llmc_chat));
  llmc_chat known = {};
  memcpy(&known, chat, chat->struct_size < sizeof known ? chat->struct_size : sizeof known);
  const uint8_t *bytes = reinterpret_cast<const uint8_t *>(chat);
  for (size_t i = sizeof known; i < chat->struct_size; ++i)
    if (bytes[i])
      return fail(filled, LLMC_INVALID_ARGUMENT, "chat: byte %zu is set, this library knows %zu", i, sizeof known);
  if (!known.messages && known.num_messages)
    return fail(filled, LLMC_INVALID_ARGUMENT, "messages must not be null");
  const auto *templates = static_cast<const ChatTemplates *>(model->chat);
  if (!templates)
    return fail(filled, LLMC_NOT_FOUND, "the model has no chat template");
  Array<ChatMessage> messages;
  if (!messages.resize(known.num_messages))
    return fail(filled, LLMC_OUT_OF_MEMORY, "no memory for the conversation");
  for (size_t i = 0; i < known.num_messages; ++i) {
    const llmc_chat_message &from = known.messages[i];
    messages[i] = {toView(from.role), toView(from.content), toView(from.content_json), toView(from.fields_json)};
    if (!from.content.data)
      messages[i].content.data = nullptr;
  }
  ChatInput input;
  input.messages = messages.data();
  input.numMessages = messages.size();
  input.toolsJson = toView(known.tools_json);
  input.documentsJson = toView(known.documents_json);
  input.variablesJson = toView(known.variables_json);
  input.templateName = toView(known.template_name);
  input.addGenerationPrompt = known.add_generation_prompt != 0;
  input.now = known.now;
  Array<char> out;
  char message[640];
  ChatStatus status = renderChat(*templates, input, ChatLimits(), out, message, sizeof message);
  if (status != ChatStatus::Ok)
    return chatError(status, message, filled);
  size_t written = out.size() < capacity ? out.size() : capacity;
  if (written)
    memcpy(text, out.data(), written);
  *size = out.size();
  return LLMC_OK;
}
