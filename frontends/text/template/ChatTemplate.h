// ChatTemplate.h - compiles the chat templates that models come with to a section of llmc/template_format.h.
//
// Where they come from: chat_template.jinja and additional_chat_templates/, `chat_template` of tokenizer_config.json (a
// text, or a list of named ones), a key of a GGUF file. What a template asks for and the runtime does not have is a
// located mistake.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TEMPLATE_CHATTEMPLATE_H
#define LLMC_FRONTENDS_TEXT_TEMPLATE_CHATTEMPLATE_H

#include "frontends/formats/Diagnostic.h"
#include "frontends/formats/ModelDirectory.h"
#include "frontends/formats/json/Json.h"

#include <string>
#include <utility>
#include <vector>

namespace llmc::gguf {
class MetadataReader;
} // namespace llmc::gguf

namespace llmc::text {

struct ChatTemplateSource {
  std::string name;        ///< "default", "tool_use", …
  std::string text;        ///< Jinja.
  std::string file;        ///< For messages.
  bool isWholeFile = true; ///< Lines of the text are lines of the file; else it is a value in the file.
};

/// The templates of a model, the default one first, and the texts they may use as variables (bos_token, …).
struct ChatTemplateFiles {
  std::vector<ChatTemplateSource> templates;
  std::vector<std::pair<std::string, std::string>> variables;
};

/// Compiles templates to one section. The same texts give the same bytes everywhere. Thread-safe.
Result<std::string> compileChatTemplates(const ChatTemplateFiles &files);
/// Compiles one template that came as a text; `file` is for messages.
Result<std::string> compileChatTemplate(const std::string &text, const std::string &file,
                                        std::vector<std::pair<std::string, std::string>> variables);

/// Finds the templates of a directory; none is no mistake. Files of their own win over tokenizer_config.json, as for
/// those who wrote them.
Result<ChatTemplateFiles> readChatTemplates(const ModelDirectory &directory);
/// The templates and variables in a tokenizer_config.json.
Result<ChatTemplateFiles> readTokenizerConfig(const json::Document &document);
/// The templates of a GGUF file's metadata, and the texts of its special tokens; none is no mistake.
Result<ChatTemplateFiles> readGgufChatTemplates(gguf::MetadataReader &metadata, const std::string &file);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TEMPLATE_CHATTEMPLATE_H
