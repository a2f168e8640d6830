// Conversation.cpp - what was said, and the tokens that the model's chat template makes of it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Conversation.h"

#include "llmc/chat.h"
#include "runtime/src/runner/Messages.h"

#include <algorithm>
#include <iterator>
#include <string.h>

namespace llmc::runtime {

void Conversation::start(const std::string *system) {
  messages.clear();
  if (system)
    add("system", *system);
}

void Conversation::restart() {
  size_t kept = 0;
  while (kept < messages.size() && !strcmp(messages[kept].role, "system"))
    ++kept;
  messages.erase(messages.begin() + long(kept), messages.end());
}

bool Conversation::dropOldestTurn() {
  auto isQuestion = [](const Message &message) { return !strcmp(message.role, "user"); };
  auto first = std::find_if(messages.begin(), messages.end(), isQuestion);
  if (first == messages.end())
    return false;
  auto next = std::find_if(first + 1, messages.end(), isQuestion);
  if (next == messages.end())
    return false;
  messages.erase(first, next);
  return true;
}

static constexpr char savedMagic[] = "llmc conversation 1\n";
static constexpr const char *roles[] = {"system", "user", "assistant"};

/// For each message: its role's number as a byte, its size as four, its bytes.
std::string Conversation::saved() const {
  std::string bytes = savedMagic;
  for (const Message &message : messages) {
    for (size_t role = 0; role < std::size(roles); ++role)
      if (!strcmp(message.role, roles[role]))
        bytes += char(role);
    for (int shift = 0; shift < 32; shift += 8)
      bytes += char(message.content.size() >> shift & 0xff);
    bytes += message.content;
  }
  return bytes;
}

bool Conversation::restore(const char *bytes, size_t size) {
  messages.clear();
  size_t at = strlen(savedMagic);
  if (size < at || memcmp(bytes, savedMagic, at))
    return false;
  while (at < size) {
    if (size - at < 5 || static_cast<unsigned char>(bytes[at]) >= std::size(roles))
      return false;
    const char *role = roles[static_cast<unsigned char>(bytes[at])];
    size_t length = 0;
    for (int i = 0; i < 4; ++i)
      length |= size_t(static_cast<unsigned char>(bytes[at + 1 + size_t(i)])) << 8 * i;
    at += 5;
    if (length > size - at)
      return false;
    messages.push_back({role, std::string(bytes + at, length)});
    at += length;
  }
  return true;
}

bool Conversation::tokens(const llmc_model *model, const char *file, std::vector<int32_t> &ids) const {
  llmc_error error;
  std::vector<llmc_chat_message> views(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    views[i].role = {messages[i].role, strlen(messages[i].role)};
    views[i].content = {messages[i].content.data(), messages[i].content.size()};
  }
  llmc_chat chat = {};
  chat.struct_size = sizeof chat;
  chat.messages = views.data();
  chat.num_messages = views.size();
  chat.add_generation_prompt = 1;
  std::string text(4096, '\0');
  for (size_t size = 0;;) {
    if (llmc_chat_render(model, &chat, text.data(), text.size(), &size, &error)) {
      printError(file, error);
      return false;
    }
    bool fits = size <= text.size();
    text.resize(size);
    if (fits)
      break;
  }
  ids.resize(text.size() + 64);
  for (size_t count = 0;;) {
    // The template has written the special tokens out, the first one too.
    if (llmc_tokenize(model, text.data(), text.size(), 0, 1, ids.data(), ids.size(), &count, &error)) {
      printError(file, error);
      return false;
    }
    bool fits = count <= ids.size();
    ids.resize(count);
    if (fits)
      break;
  }
  if (!ids.empty())
    return true;
  printError(file, "the chat template makes no text of the conversation", "do without it: --raw");
  return false;
}

bool answerText(const llmc_model *model, const char *file, const std::vector<int32_t> &ids,
                const std::vector<std::string> &stops, std::string &text) {
  llmc_error error;
  text.resize(ids.size() * 8 + 64);
  for (size_t size = 0;;) {
    if (llmc_detokenize(model, ids.data(), ids.size(), 1, text.data(), text.size(), &size, &error)) {
      printError(file, error);
      return false;
    }
    bool fits = size <= text.size();
    text.resize(size);
    if (fits)
      break;
  }
  size_t end = text.size();
  for (const std::string &stop : stops)
    if (size_t place = text.find(stop); place < end)
      end = place;
  text.resize(end);
  return true;
}

} // namespace llmc::runtime
