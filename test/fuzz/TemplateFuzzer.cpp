// TemplateFuzzer.cpp - any bytes as a chat template: a message, or a section that opens and runs within its bounds.
// Inputs that start with 'E' are edits of a good section: three bytes of place, one of value, each. Inputs that start
// with 'J' are the JSON of a message for a template that looks at all of it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/template/ChatTemplate.h"
#include "runtime/src/text/template/Template.h"

#include <cstdlib>
#include <cstring>
#include <string_view>

using namespace llmc;
using namespace llmc::runtime;

namespace {

constexpr char message[] = R"({"role": "user", "content": [{"type": "text", "text": "a \u00e9\ud83d\ude00 <b>"}, "x"],
  "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, -2.5, null, true], "b": {}}}}], "n": 7})";
constexpr char tools[] = R"([{"function": {"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}}])";
constexpr char looking[] =
    "{% macro show(v) %}{% if v is mapping %}{% for k, x in v | dictsort %}{{ k }}={{ show(x) }}{% endfor %}"
    "{% elif v is iterable and v is not string %}{% for x in v %}{{ show(x) }}{% endfor %}{% else %}{{ v }}"
    "{{ v | string | upper | title }}{% endif %}{% endmacro %}"
    "{{ show(messages) }}{{ messages | tojson(indent=1) }}{{ messages }}{{ messages | length }}";

std::string compile(std::string_view text, bool &good) {
  text::ChatTemplateFiles files;
  files.templates.push_back({"default", std::string(text), "t.jinja", true});
  files.variables = {{"bos_token", "<s>"}};
  Result<std::string> section = text::compileChatTemplates(files);
  good = static_cast<bool>(section);
  if (!good && (section.error().message.empty() || !section.error().line))
    std::abort();
  return good ? *section : std::string();
}

void run(const ChatTemplates &templates, chat::View fields) {
  ChatMessage messages[2];
  messages[0].role = "system";
  messages[0].content = "  Be \"kind\".\n";
  messages[1].content.data = nullptr;
  messages[1].fieldsJson = fields;
  ChatInput input;
  input.messages = messages;
  input.numMessages = 2;
  input.toolsJson = chat::View(tools);
  input.now = 1700000000;
  ChatLimits limits;
  limits.steps = 30000;
  limits.memory = 1 << 20;
  limits.depth = 200;
  Array<char> out;
  char text[256];
  ChatStatus status = renderChat(templates, input, limits, out, text, sizeof text);
  if (status != ChatStatus::Ok && status != ChatStatus::Refused && !*text)
    std::abort();
  if (out.size() > limits.memory)
    std::abort();
}

void openAndRun(const std::string &section, bool mustOpen, chat::View fields) {
  void *exact = std::malloc(section.size()); // a read past the end is seen
  std::memcpy(exact, section.data(), section.size());
  ChatTemplates templates;
  const char *reason = nullptr;
  if (templates.open(exact, section.size(), &reason) == TextStatus::Ok)
    run(templates, fields);
  else if (mustOpen || !reason)
    std::abort();
  std::free(exact);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bool good = false;
  std::string_view text(reinterpret_cast<const char *>(data), size);
  if (size && (data[0] == 'E' || data[0] == 'J')) {
    static const std::string *section = new std::string(compile(looking, good));
    if (data[0] == 'J') {
      openAndRun(*section, true, chat::View(text.data() + 1, size - 1));
      return 0;
    }
    std::string edited = *section;
    for (size_t at = 1; at + 4 <= size; at += 4)
      edited[(data[at] | data[at + 1] << 8 | data[at + 2] << 16) % edited.size()] = static_cast<char>(data[at + 3]);
    openAndRun(edited, false, chat::View(message));
    return 0;
  }
  std::string section = compile(text, good);
  if (good)
    openAndRun(section, true, chat::View(message));
  return 0;
}
