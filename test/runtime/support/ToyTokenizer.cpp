// ToyTokenizer.cpp - a tokenizer for the toy model, compiled from toy_tokenizer.json.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/support/ToyTokenizer.h"

#include "frontends/text/Tokenizer.h"
#include "frontends/text/template/ChatTemplate.h"

#include <cstdio>
#include <cstdlib>

namespace llmc::test {

Bytes toyTokenizer() {
  Result<std::string> section = text::compileTokenizer(LLMC_TEST_TOY_TOKENIZER, "toy_tokenizer.json");
  if (!section) {
    std::fputs(section.error().str().c_str(), stderr);
    std::abort();
  }
  return Bytes(section->begin(), section->end());
}

Bytes toyChatTemplates() {
  text::ChatTemplateFiles files;
  files.templates = {
      {"default",
       "{{ bos_token }}\n"
       "{%- for m in messages %}\n"
       "{%- if m.content == 'refuse' %}{{ raise_exception('not that') }}{% endif %}\n"
       "{%- if m.content == 'fail' %}{{ m.content.x.y }}{% endif %}\n"
       "{{- m.role }}:{{ m.content }}{{ eos_token }}\n"
       "{%- endfor %}\n"
       "{%- if add_generation_prompt %}{{ 'assistant:' }}{% endif %}",
       "chat_template.jinja", true},
      {"shout", "{% for m in messages %}{{ m.content | upper }}{% endfor %}{{ tools | tojson }}", "shout.jinja", true}};
  files.variables = {{"bos_token", "<bos>"}, {"eos_token", "<eos>"}};
  Result<std::string> section = text::compileChatTemplates(files);
  if (!section) {
    std::fputs(section.error().str().c_str(), stderr);
    std::abort();
  }
  return Bytes(section->begin(), section->end());
}

ToyParts toyPartsWithTokenizer() {
  ToyParts parts = toyParts();
  parts.tokenizer = toyTokenizer();
  return parts;
}

} // namespace llmc::test
