// Template.h - chat templates from a compiled section, and how one writes a conversation down.
//
// Not here: where messages come from (runtime/src/capi), what the text becomes as tokens (Tokenizer.h).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_TEMPLATE_TEMPLATE_H
#define LLMC_RUNTIME_SRC_TEXT_TEMPLATE_TEMPLATE_H

#include "llmc/template_format.h"
#include "runtime/src/text/Array.h"
#include "runtime/src/text/TextStatus.h"
#include "runtime/src/text/template/Value.h"

namespace llmc::runtime {

/// A table of the section.
template <typename Row> struct TemplateTable {
  const uint8_t *rows = nullptr;
  uint32_t count = 0;
  Row operator[](uint32_t index) const {
    Row row;
    std::memcpy(&row, rows + size_t(index) * sizeof(Row), sizeof(Row));
    return row;
  }
};

/// The templates of a model, checked. Constant once opened; may be used by any number of threads.
class ChatTemplates {
public:
  /// Checks and opens a section, whose bytes stay alive and constant. `reason` says what is wrong with a damaged one.
  TextStatus open(const void *section, size_t size, const char **reason);

  uint32_t count() const { return templates.count; }
  chat::View name(uint32_t index) const { return text(templates[index].name); }
  /// The root of the template with that name, or of the first for an empty name; LLMC_NO_NODE when there is none.
  uint32_t find(chat::View name) const;

  chat::View text(uint32_t number) const {
    llmc_template_text row = texts[number];
    return {reinterpret_cast<const char *>(base) + row.offset, row.size};
  }

  llmc_template_header header{};
  TemplateTable<llmc_template_entry> templates;
  TemplateTable<llmc_template_node> nodes;
  TemplateTable<uint32_t> operands;
  TemplateTable<llmc_template_text> texts;
  TemplateTable<llmc_template_variable> variables;
  TemplateTable<llmc_template_characters> characters;
  TemplateTable<llmc_template_case> cases;
  TemplateTable<llmc_template_special_case> specialCase;

private:
  const uint8_t *base = nullptr;
};

/// A message. Views are of UTF-8 and may be empty.
struct ChatMessage {
  chat::View role;
  chat::View content;
  chat::View contentJson; ///< In place of content: JSON, usually an array of parts.
  chat::View fieldsJson;  ///< An object with more fields: tool_calls, name, reasoning_content.
};

/// What a template is given.
struct ChatInput {
  const ChatMessage *messages = nullptr;
  size_t numMessages = 0;
  chat::View toolsJson;     ///< An array; empty: none.
  chat::View documentsJson; ///< An array; empty: none.
  chat::View variablesJson; ///< An object: more variables.
  chat::View templateName;
  bool addGenerationPrompt = true;
  int64_t now = 0; ///< Seconds since 1970 for dates; 0: the clock's.
};

/// Bounds of one evaluation, far beyond what published templates take.
struct ChatLimits {
  uint64_t steps = 50000000; ///< Nodes walked and bytes moved, together.
  size_t memory = size_t(256) << 20;
  uint32_t depth = 1000; ///< Nodes and macros within each other.
};

enum class ChatStatus : uint8_t {
  Ok,
  NoTemplate,  ///< None of that name.
  BadInput,    ///< A message's JSON is none.
  Refused,     ///< The template raised an exception: `message` is its text.
  Failed,      ///< The template asks for what the conversation does not have: `message` names the place.
  TooMuch,     ///< More steps or memory than the limits allow: `message` names the place.
  OutOfMemory, ///< The system has no more.
};

/// Writes the conversation down: appends to `out`. `message` (zero-terminated) says what went wrong.
ChatStatus renderChat(const ChatTemplates &templates, const ChatInput &input, const ChatLimits &limits,
                      Array<char> &out, char *message, size_t messageSize);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_TEMPLATE_TEMPLATE_H
