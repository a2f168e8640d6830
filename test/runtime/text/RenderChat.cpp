// RenderChat.cpp - compiles chat templates and writes conversations down, a JSON object a line in, one out.
//
// In:  {"template": TEXT, "name": FILE, "variables": {…tokens…}, "messages": [OBJECT…], "tools": […]?, "extra": {…}?,
//       "add_generation_prompt": BOOL, "now": SECONDS?}; messages, tools and extra are JSON texts in strings.
// Out: {"text": TEXT}, {"refused": MESSAGE} (when compiling), or {"failed": MESSAGE}.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/json/Json.h"
#include "frontends/text/template/ChatTemplate.h"
#include "runtime/src/text/template/Template.h"

#include <iostream>

using namespace llmc;

static std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

static std::string answer(const std::string &line) {
  Result<json::Document> document = json::Document::parse(line, "request");
  if (!document)
    return "{\"error\":" + quoted(document.error().str()) + "}";
  json::Value root = document->root();
  std::vector<std::pair<std::string, std::string>> variables;
  if (auto given = root.find("variables"))
    for (size_t i = 0; i < given->size(); ++i)
      variables.emplace_back(given->key(i).asString(), given->member(i).asString());
  static std::string lastText, section;
  std::string text(root.find("template")->asString());
  std::string file = root.find("name") ? std::string(root.find("name")->asString()) : "template";
  text::ChatTemplateFiles files;
  files.templates.push_back({"default", text, file, true});
  files.variables = variables;
  Result<std::string> compiled = text::compileChatTemplates(files);
  if (!compiled)
    return "{\"refused\":" + quoted(compiled.error().str()) + "}";
  section = std::move(*compiled);
  runtime::ChatTemplates templates;
  const char *reason = "";
  if (templates.open(section.data(), section.size(), &reason) != runtime::TextStatus::Ok)
    return "{\"error\":" + quoted(reason) + "}";
  std::vector<runtime::ChatMessage> messages;
  auto view = [](std::string_view text) { return runtime::chat::View(text.data(), text.size()); };
  if (auto given = root.find("messages"))
    for (size_t i = 0; i < given->size(); ++i) {
      runtime::ChatMessage message;
      message.content.data = nullptr;
      message.fieldsJson = view(given->at(i).asString());
      messages.push_back(message);
    }
  runtime::ChatInput input;
  input.messages = messages.data();
  input.numMessages = messages.size();
  if (auto tools = root.find("tools"))
    input.toolsJson = view(tools->asString());
  if (auto extra = root.find("extra"))
    input.variablesJson = view(extra->asString());
  if (auto prompt = root.find("add_generation_prompt"))
    input.addGenerationPrompt = prompt->asBool();
  if (auto now = root.find("now"))
    input.now = now->asInt();
  runtime::ChatLimits limits;
  if (auto steps = root.find("steps"))
    limits.steps = steps->asUint();
  runtime::Array<char> out;
  char message[1024];
  runtime::ChatStatus status = runtime::renderChat(templates, input, limits, out, message, sizeof message);
  if (status != runtime::ChatStatus::Ok)
    return "{\"failed\":" + quoted(message) + ",\"status\":" + std::to_string(int(status)) + "}";
  return "{\"text\":" + quoted({out.data(), out.size()}) + "}";
}

int main() {
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer(line) << "\n" << std::flush;
}
