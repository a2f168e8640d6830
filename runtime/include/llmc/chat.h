/* chat.h - conversations written down as the model was trained to read them, by the chat template in its file.
 *
 *     llmc_chat_message messages[] = {
 *         {{"system", 6}, {"Be brief.", 9}, {NULL, 0}, {NULL, 0}},
 *         {{"user", 4}, {"Why is the sky blue?", 20}, {NULL, 0}, {NULL, 0}},
 *     };
 *     llmc_chat chat = {sizeof chat, messages, 2};
 *     chat.add_generation_prompt = 1;
 *     char text[4096];
 *     size_t size;
 *     llmc_chat_render(model, &chat, text, sizeof text, &size, &error);
 *     llmc_tokenize(model, text, size, 0, 1, ids, capacity, &num_ids, &error);
 *
 * The text holds all special tokens that the model wants, so it is tokenized with `parse_special` and without
 * `add_special`. A template is a program: it runs within bounds on steps and memory, and may refuse a conversation.
 *
 * Ownership, threads and errors as in llmc.h: nothing given here is kept after the call.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef LLMC_CHAT_H
#define LLMC_CHAT_H

#include "llmc/llmc.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One message. Texts are UTF-8; a null `data` is a field that is not there. */
typedef struct llmc_chat_message {
  llmc_text_view role;         /* "system", "user", "assistant", "tool" */
  llmc_text_view content;      /* its text */
  llmc_text_view content_json; /* in place of content: JSON, usually an array of parts, [{"type": "text", "text": …}] */
  llmc_text_view fields_json;  /* more fields, a JSON object: tool_calls, tool_call_id, name, reasoning_content, …; it
                                  may hold role and content as well. Fields that are null are as if they were not there;
                                  reasoning is given to templates under each of the names they know it by */
} llmc_chat_message;

/** A conversation and what a template may know about it. Zero what is not needed. */
typedef struct llmc_chat {
  size_t struct_size; /* in: sizeof(llmc_chat) */
  const llmc_chat_message *messages;
  size_t num_messages;
  llmc_text_view tools_json;      /* functions the model may call, a JSON array; empty: none */
  llmc_text_view documents_json;  /* documents to answer from, a JSON array; empty: none */
  llmc_text_view variables_json;  /* more variables of the template, a JSON object: {"enable_thinking": false} */
  llmc_text_view template_name;   /* one of the model's named templates ("tool_use"); empty: its first */
  uint32_t add_generation_prompt; /* 1: end with the start of the assistant's answer */
  int64_t now;                    /* seconds since 1970, for templates that write the date; 0: the clock's */
} llmc_chat;

/** The name of chat template `index`; empty past the end: a model may have none. The first is the default. */
llmc_text_view llmc_model_chat_template(const llmc_model *model, uint32_t index);

/** Writes a conversation down. Writes at most `capacity` bytes and always sets `*size` to the bytes of the whole text;
 * call again with more room when it is larger.
 * @retval LLMC_NOT_FOUND         the model has no chat template, or none of that name
 * @retval LLMC_INVALID_ARGUMENT  a JSON text is none; or the template refuses the conversation or fails on it, or takes
 *                                more than its bounds allow (the message says why, and where in the template)
 * @retval LLMC_OUT_OF_MEMORY */
llmc_status llmc_chat_render(const llmc_model *model, const llmc_chat *chat, char *text, size_t capacity, size_t *size,
                             llmc_error *error);

#ifdef __cplusplus
}
#endif

#endif /* LLMC_CHAT_H */
