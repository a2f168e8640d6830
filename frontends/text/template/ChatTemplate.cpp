// ChatTemplate.cpp - finds the chat templates of a model and compiles them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/template/ChatTemplate.h"

#include "frontends/formats/MappedFile.h"
#include "frontends/text/template/Program.h"

#include <algorithm>
#include <dirent.h>

namespace llmc::text {

namespace {

constexpr size_t mostTemplates = 64;

Diagnostic located(const ChatTemplateSource &source, const TemplateMistake &mistake) {
  if (source.isWholeFile)
    return {source.file, mistake.place.line, mistake.place.column, mistake.message, mistake.note};
  std::string where = source.name == "default" ? "chat_template" : "chat_template '" + source.name + "'";
  return {source.file, 0, 0,
          where + ", line " + std::to_string(mistake.place.line) + ", column " + std::to_string(mistake.place.column) +
              ": " + mistake.message,
          mistake.note};
}

void addVariable(ChatTemplateFiles &files, std::string_view name, std::string_view value) {
  for (auto &[known, text] : files.variables)
    if (known == name) {
      text = value;
      return;
    }
  files.variables.emplace_back(name, value);
}

/// A special token: its text, or an object that holds it.
void addToken(ChatTemplateFiles &files, std::string_view name, json::Value value) {
  if (value.isObject())
    if (auto content = value.find("content"))
      value = *content;
  if (value.isString())
    addVariable(files, name, value.asString());
}

} // namespace

Result<std::string> compileChatTemplates(const ChatTemplateFiles &files) {
  TemplateProgram program;
  if (files.templates.empty())
    return Diagnostic{"", 0, 0, "there is no chat template to compile", ""};
  for (const ChatTemplateSource &source : files.templates) {
    uint32_t root = 0;
    TemplateMistake mistake = parseTemplate(source.text, program, root);
    if (!mistake.message.empty())
      return located(source, mistake);
    program.entries.push_back({program.text(source.name), root});
  }
  for (const auto &[name, value] : files.variables)
    program.variables.push_back({program.text(name), program.text(value)});
  const std::string &file = files.templates[0].file;
  size_t slash = file.rfind('/');
  return writeTemplateSection(program, slash == std::string::npos ? file : file.substr(slash + 1));
}

Result<std::string> compileChatTemplate(const std::string &text, const std::string &file,
                                        std::vector<std::pair<std::string, std::string>> variables) {
  ChatTemplateFiles files;
  files.templates.push_back({"default", text, file, false});
  files.variables = std::move(variables);
  return compileChatTemplates(files);
}

Result<ChatTemplateFiles> readTokenizerConfig(const json::Document &document) {
  ChatTemplateFiles files;
  json::Value root = document.root();
  if (Result<json::Value> object = root.getObject("tokenizer_config"); !object)
    return object.takeError();
  for (size_t i = 0; i < root.size(); ++i) {
    std::string_view name = root.key(i).asString();
    if (name.size() > 6 && name.substr(name.size() - 6) == "_token")
      addToken(files, name, root.member(i));
  }
  for (const char *list : {"extra_special_tokens", "model_specific_special_tokens"})
    if (auto extra = root.find(list); extra && extra->isObject())
      for (size_t i = 0; i < extra->size(); ++i)
        addToken(files, extra->key(i).asString(), extra->member(i));
  auto value = root.find("chat_template");
  if (!value || value->isNull())
    return files;
  if (value->isString()) {
    files.templates.push_back({"default", std::string(value->asString()), document.file(), false});
    return files;
  }
  if (!value->isArray())
    return value->mismatch("chat_template", "a string, or a list of named templates");
  if (value->size() > mostTemplates)
    return value->error("'chat_template' holds " + std::to_string(value->size()) + " templates, at most " +
                        std::to_string(mostTemplates) + " are read");
  for (size_t i = 0; i < value->size(); ++i) {
    json::Value entry = value->at(i);
    auto name = entry.find("name"), text = entry.find("template");
    if (!name || !text || !name->isString() || !text->isString())
      return entry.error("a named chat template needs 'name' and 'template', both strings");
    files.templates.push_back({std::string(name->asString()), std::string(text->asString()), document.file(), false});
  }
  for (size_t i = 0; i < files.templates.size(); ++i)
    if (files.templates[i].name == "default") {
      auto place = files.templates.begin() + static_cast<ptrdiff_t>(i);
      std::rotate(files.templates.begin(), place, place + 1);
      break;
    }
  return files;
}

Result<ChatTemplateFiles> readChatTemplates(const ModelDirectory &directory) {
  ChatTemplateFiles files;
  if (directory.has("tokenizer_config.json")) {
    Result<std::string> path = directory.locate("tokenizer_config.json");
    if (!path)
      return path.takeError();
    Result<json::Document> document = json::Document::read(*path, directory.shown("tokenizer_config.json"));
    if (!document)
      return document.takeError();
    Result<ChatTemplateFiles> found = readTokenizerConfig(*document);
    if (!found)
      return found.takeError();
    files = std::move(*found);
  }
  std::vector<std::pair<std::string, std::string>> own; // name, file
  if (directory.has("chat_template.jinja"))
    own.emplace_back("default", "chat_template.jinja");
  std::vector<std::string> more;
  if (DIR *folder = ::opendir((directory.path() + "/additional_chat_templates").c_str())) {
    while (const dirent *entry = ::readdir(folder)) {
      std::string name = entry->d_name;
      if (name.size() > 6 && name.substr(name.size() - 6) == ".jinja")
        more.push_back(name);
    }
    ::closedir(folder);
  }
  std::sort(more.begin(), more.end());
  for (const std::string &name : more)
    if (own.size() < mostTemplates)
      own.emplace_back(name.substr(0, name.size() - 6), "additional_chat_templates/" + name);
  if (own.empty())
    return files;
  files.templates.clear();
  for (const auto &[name, file] : own) {
    Result<std::string> path = directory.locate(file);
    if (!path)
      return path.takeError();
    Result<std::string> text = readFile(*path, directory.shown(file), 1 << 20);
    if (!text)
      return text.takeError();
    files.templates.push_back({name, std::move(*text), directory.shown(file), true});
  }
  return files;
}

} // namespace llmc::text
