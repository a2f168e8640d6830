// ChatTemplateTest.cpp - chat templates against what Jinja2 makes of them, their messages, and their bounds.
//
// Expected texts: templates/expected.json, made by templates/make_expected.py.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/template/ChatTemplate.h"
#include "frontends/formats/MappedFile.h"
#include "frontends/formats/json/Json.h"
#include "runtime/src/text/template/Template.h"
#include "test/TestPaths.h"

#include <gtest/gtest.h>

using namespace llmc;
using namespace llmc::runtime;

namespace {

constexpr int64_t stoppedClock = 1700000000;

chat::View view(std::string_view text) { return {text.data(), text.size()}; }

using Variables = std::vector<std::pair<std::string, std::string>>;

const Variables usualTokens = {
    {"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};

std::string compile(const std::string &text, const Variables &variables = usualTokens) {
  text::ChatTemplateFiles files;
  files.templates.push_back({"default", text, "t.jinja", true});
  files.variables = variables;
  Result<std::string> section = text::compileChatTemplates(files);
  return section ? *section : "refused: " + section.error().str();
}

struct Rendered {
  ChatStatus status = ChatStatus::Ok;
  std::string text; ///< Or the message.
};

/// A conversation in JSON.
struct Conversation {
  std::vector<std::string> messages = {R"({"role":"user","content":"Why is the sky blue?"})"};
  std::string tools, extra;
  bool addGenerationPrompt = true;
};

Rendered render(const std::string &text, const Conversation &conversation = {}, const ChatLimits &limits = {},
                const Variables &variables = usualTokens) {
  std::string section = compile(text, variables);
  if (section.rfind("refused: ", 0) == 0)
    return {ChatStatus::Failed, section};
  // A copy of exactly its size, so that a read past its end is seen.
  std::vector<char> exact(section.begin(), section.end());
  ChatTemplates templates;
  const char *reason = "";
  EXPECT_EQ(templates.open(exact.data(), exact.size(), &reason), TextStatus::Ok) << reason << "\n" << text;
  std::vector<ChatMessage> messages(conversation.messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    messages[i].content.data = nullptr;
    messages[i].fieldsJson = view(conversation.messages[i]);
  }
  ChatInput input;
  input.messages = messages.data();
  input.numMessages = messages.size();
  input.toolsJson = view(conversation.tools);
  input.variablesJson = view(conversation.extra);
  input.addGenerationPrompt = conversation.addGenerationPrompt;
  input.now = stoppedClock;
  Array<char> out;
  char message[1024];
  Rendered rendered;
  rendered.status = renderChat(templates, input, limits, out, message, sizeof message);
  rendered.text = rendered.status == ChatStatus::Ok ? std::string(out.data(), out.size()) : message;
  return rendered;
}

/// The bytes of a JSON value in its file.
std::string sourceOf(const std::string &file, json::Value value) {
  // The values of these files are objects and arrays: find the bracket that closes them.
  size_t at = value.offset(), depth = 0;
  bool inString = false;
  for (size_t i = at;; ++i) {
    char c = file[i];
    if (inString) {
      i += c == '\\';
      inString = c != '"';
    } else if (c == '"') {
      inString = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return file.substr(at, i + 1 - at);
    }
  }
}

class ExpectedTest : public testing::Test {
protected:
  ExpectedTest() { setenv("TZ", "UTC", 1), tzset(); }
  static json::Document read(const char *name) {
    Result<json::Document> document =
        json::Document::read(test::testPath(std::string("runtime/text/templates/") + name), name);
    EXPECT_TRUE(document) << document.error().str();
    return std::move(*document);
  }
  static std::vector<Conversation> conversations() {
    std::string path = test::testPath("runtime/text/templates/conversations.json");
    Result<std::string> text = readFile(path, "conversations.json", 1 << 20);
    Result<json::Document> document = json::Document::parse(*text, "conversations.json");
    std::vector<Conversation> all;
    for (size_t i = 0; i < document->root().size(); ++i) {
      json::Value row = document->root().at(i);
      Conversation conversation;
      conversation.messages.clear();
      json::Value messages = *row.find("messages");
      for (size_t k = 0; k < messages.size(); ++k)
        conversation.messages.push_back(sourceOf(*text, messages.at(k)));
      if (auto tools = row.find("tools"))
        conversation.tools = sourceOf(*text, *tools);
      if (auto extra = row.find("extra"))
        conversation.extra = sourceOf(*text, *extra);
      conversation.addGenerationPrompt = row.find("add_generation_prompt")->asBool();
      all.push_back(conversation);
    }
    return all;
  }
};

TEST_F(ExpectedTest, SnippetsGiveWhatJinjaGives) {
  json::Document expected = read("expected.json");
  json::Value snippets = *expected.root().find("snippets");
  ASSERT_GT(snippets.size(), 50u);
  for (size_t i = 0; i < snippets.size(); ++i) {
    std::string text(snippets.at(i).at(0).asString());
    Rendered got = render(text);
    EXPECT_EQ(got.text, snippets.at(i).at(1).asString()) << text;
  }
}

TEST_F(ExpectedTest, WhatJinjaFailsOnFails) {
  json::Document expected = read("expected.json");
  json::Value failures = *expected.root().find("failures");
  ASSERT_GT(failures.size(), 60u);
  for (size_t i = 0; i < failures.size(); ++i) {
    std::string text(failures.at(i).asString());
    Rendered got = render(text);
    EXPECT_NE(got.status, ChatStatus::Ok) << text << " gives " << got.text;
    EXPECT_FALSE(got.text.empty()) << text;
  }
}

TEST_F(ExpectedTest, TemplatesOfManyKindsGiveWhatJinjaGives) {
  json::Document expected = read("expected.json");
  json::Value templates = *expected.root().find("templates");
  std::vector<Conversation> all = conversations();
  ASSERT_EQ(all.size(), 12u);
  ASSERT_GE(templates.size(), 16u);
  for (size_t i = 0; i < templates.size(); ++i) {
    std::string name(templates.at(i).find("name")->asString());
    Result<std::string> text = readFile(test::testPath("runtime/text/templates/" + name), name, 1 << 20);
    ASSERT_TRUE(text) << text.error().str();
    json::Value texts = *templates.at(i).find("texts");
    ASSERT_EQ(texts.size(), all.size());
    for (size_t k = 0; k < all.size(); ++k) {
      Rendered got = render(*text, all[k]);
      if (texts.at(k).isNull())
        EXPECT_NE(got.status, ChatStatus::Ok) << name << ", conversation " << k;
      else
        EXPECT_EQ(got.text, texts.at(k).asString()) << name << ", conversation " << k;
    }
  }
}

TEST_F(ExpectedTest, PublishedTemplatesGiveWhatJinjaGives) {
  LLMC_NEEDS_SHARED("testdata");
  json::Document published = read("published.json");
  std::vector<Conversation> all = conversations();
  ASSERT_GE(published.root().size(), 7u);
  for (size_t i = 0; i < published.root().size(); ++i) {
    std::string name(published.root().at(i).find("file")->asString());
    std::string path = test::sharedPath("testdata/" + name);
    Result<std::string> text = readFile(path, name, 1 << 24);
    ASSERT_TRUE(text) << text.error().str();
    Variables variables = usualTokens;
    std::string source = *text;
    if (name.size() > 5 && name.substr(name.size() - 5) == ".json") {
      Result<json::Document> document = json::Document::parse(*text, name);
      ASSERT_TRUE(document) << document.error().str();
      Result<text::ChatTemplateFiles> files = text::readTokenizerConfig(*document);
      ASSERT_TRUE(files) << files.error().str();
      variables.insert(variables.end(), files->variables.begin(), files->variables.end());
      ASSERT_FALSE(files->templates.empty()) << name;
      source = files->templates[0].text;
    }
    json::Value texts = *published.root().at(i).find("texts");
    for (size_t k = 0; k < all.size(); ++k) {
      Rendered got = render(source, all[k], {}, variables);
      uint64_t hash = 0xcbf29ce484222325ull; // FNV-1a, as in make_expected.py
      for (char c : got.text)
        hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
      char shown[20];
      std::snprintf(shown, sizeof shown, "%016llx", static_cast<unsigned long long>(hash));
      if (texts.at(k).isNull())
        EXPECT_NE(got.status, ChatStatus::Ok) << name << ", conversation " << k;
      else
        EXPECT_EQ(shown, texts.at(k).asString()) << name << ", conversation " << k << ": " << got.text;
    }
  }
}

// ------------------------------------------------------------ refusals

TEST(ChatTemplateTest, WhatNobodyHasIsRefusedWithItsPlace) {
  const struct {
    const char *text, *message;
  } cases[] = {
      {"a\n {{ x | frobnicate }}", "t.jinja:2:9: error: unknown filter 'frobnicate'"},
      {"{% if x is frobnicated %}{% endif %}", "t.jinja:1:12: error: unknown test 'frobnicated'"},
      {"{{ frobnicate(1) }}", "t.jinja:1:4: error: unknown function 'frobnicate'"},
      {"{{ x | map('frobnicate') }}", "t.jinja:1:11: error: unknown filter 'frobnicate'"},
      {"{{ x | selectattr('a', 'frob') }}", "t.jinja:1:18: error: unknown test 'frob'"},
      {"{{ x | map(y) }}", "t.jinja:1:11: error: the filter that 'map' applies must be written as a string"},
      {"{{ x | indent(wide=2) }}", "t.jinja:1:14: error: the filter 'indent' takes no argument 'wide'"},
      {"{{ x | replace('a') }}", "t.jinja:1:15: error: the filter 'replace' needs the argument 'new'"},
      {"{{ x | upper(1) }}", "t.jinja:1:13: error: the filter 'upper' takes at most 0 arguments, found 1"},
      {"{{ f(*x) }}", "t.jinja:1:6: error: arguments cannot be given as '*'"},
      {"{{ x", "t.jinja:1:1: error: the tag has no end, expected '}}'"},
      {"{# x", "t.jinja:1:1: error: the comment has no end"},
      {"{% raw %}{{", "t.jinja:1:1: error: the 'raw' block has no end"},
      {"{{ 'x }}", "t.jinja:1:4: error: the string has no end"},
      {"{{ 'a\\x4' }}", "t.jinja:1:9: error: a character written as '\\x' needs 2 hexadecimal digits"},
      {"{{ (1] }}", "t.jinja:1:6: error: unexpected ']', expected ')'"},
      {"{{ 1 $ 2 }}", "t.jinja:1:6: error: unexpected character '$'"},
      {"{{ }}", "t.jinja:1:4: error: unexpected '}}', expected an expression"},
      {"{{ 1 2 }}", "t.jinja:1:6: error: unexpected '2', expected '}}'"},
      {"{{ 99999999999999999999 }}", "t.jinja:1:4: error: the number '99999999999999999999' does not fit 64 bits"},
      {"{% if x %}", "t.jinja:1:4: error: the tag 'if' has no end, expected 'endif'"},
      {"\n\n{% for x in y %}", "t.jinja:3:4: error: the tag 'for' has no end, expected 'endfor'"},
      {"{% endif %}", "t.jinja:1:4: error: unknown tag 'endif'"},
      {"{% frob %}", "t.jinja:1:4: error: unknown tag 'frob'"},
      {"{% include 'x' %}", "t.jinja:1:4: error: the tag 'include' is not read"},
      {"{% break %}", "t.jinja:1:4: error: 'break' stands outside of a loop"},
      {"{% for x in y %}{% macro f() %}{% continue %}{% endmacro %}{% endfor %}",
       "t.jinja:1:35: error: 'continue' stands outside of a loop"},
      {"{% for x of y %}{% endfor %}", "t.jinja:1:10: error: unexpected 'of', expected 'in'"},
      {"{% set true = 1 %}", "t.jinja:1:8: error: 'true' cannot be given a value"},
      {"{% set x 1 %}", "t.jinja:1:10: error: unexpected '1', expected '=' or '%}'"},
      {"{% call x %}{% endcall %}", "t.jinja:1:9: error: the tag 'call' needs a call of a macro"},
      {"{% macro f(a=1, b) %}{% endmacro %}",
       "t.jinja:1:17: error: the parameter 'b' without a default stands after one with a default"},
      {"{{ x is string defined }}", "t.jinja:1:9: error: the test 'string' takes at most 0 arguments, found 1"},
      {"{{ x is eq is defined }}", "t.jinja:1:12: error: tests cannot be chained"},
  };
  for (const auto &row : cases) {
    Rendered got = render(row.text);
    EXPECT_EQ(got.text.rfind(std::string("refused: ") + row.message, 0), 0u) << row.text << "\n" << got.text;
  }
}

TEST(ChatTemplateTest, WhatAConditionGuardsIsRefusedWhenItIsReached) {
  EXPECT_EQ(render("{% if tools %}{{ tools | from_yaml }}{% endif %}ok").text, "ok");
  EXPECT_EQ(render("{{ x | from_yaml if x is defined else 'ok' }}").text, "ok");
  EXPECT_EQ(render("{% if messages %}\n{{ messages | from_yaml }}{% endif %}").text,
            "t.jinja: line 2, column 15: unknown filter 'from_yaml'");
  EXPECT_EQ(render("{% if messages %}{{ frob(1) }}{% endif %}").text,
            "t.jinja: line 1, column 21: 'frob' is undefined");
}

TEST(ChatTemplateTest, MistakesOfAnEvaluationNameTheirPlace) {
  const struct {
    const char *text, *message;
  } cases[] = {
      {"a\n{{ nothing.more }}", "t.jinja: line 2, column 11: 'nothing' is undefined"},
      {"{{ messages[0].name.first }}", "t.jinja: line 1, column 20: a dict has no attribute 'name'"},
      {"{{ 'a' + 1 }}", "t.jinja: line 1, column 8: '+' between a string and an integer"},
      {"{% for m in 5 %}{% endfor %}", "t.jinja: line 1, column 4: an integer cannot be gone through"},
      {"{{ 1 / 0 }}", "t.jinja: line 1, column 6: division by zero"},
      {"{{ 9223372036854775807 + 1 }}", "t.jinja: line 1, column 24: the number does not fit 64 bits"},
      {"{{ 2 ** 64 }}", "t.jinja: line 1, column 6: the number does not fit 64 bits"},
      {"{{ messages.append(1) }}", "t.jinja: line 1, column 19: a list has no attribute 'append'"},
      {"{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}",
       "t.jinja: line 1, column 34: the macro 'f' takes at most 1 arguments, found 2"},
      {"{{ [3, 'x'] | sort }}", "t.jinja: line 1, column 15: a string and an integer have no order ('<')"},
  };
  for (const auto &row : cases) {
    Rendered got = render(row.text);
    EXPECT_EQ(got.status, ChatStatus::Failed) << row.text;
    EXPECT_EQ(got.text, row.message) << row.text;
  }
  Rendered refused = render("{{ raise_exception('roles must alternate') }}");
  EXPECT_EQ(refused.status, ChatStatus::Refused);
  EXPECT_EQ(refused.text, "roles must alternate");
}

TEST(ChatTemplateTest, JsonThatIsNoneIsRefused) {
  Conversation conversation;
  conversation.messages = {R"({"role": "user", "content": })"};
  EXPECT_EQ(render("x", conversation).text, "the fields of a message: not JSON at byte 28: expected a value");
  conversation.messages = {"[1]"};
  EXPECT_EQ(render("x", conversation).text, "the fields of a message are a list, expected an object");
  conversation.messages = {"{}"};
  for (const char *tools : {"[1,]", "{\"a\" 1}", "[\"\\ud800\"]", "nul", "01", "1.", "--1", "[1] 2", "\"a\nb\"", "\"",
                            "[", "{\"a\":1", "99999999999999999999", "\"\\q\"", "{1:2}"}) {
    conversation.tools = tools;
    EXPECT_EQ(render("x", conversation).status, ChatStatus::BadInput) << tools;
  }
  conversation.tools = std::string(200, '[');
  EXPECT_EQ(render("x", conversation).text, "the tools: not JSON at byte 101: nested too deeply");
  conversation.tools = R"([1, -2.5e3, "\u00e9\ud83d\ude00\/", true, null, {"a": {}}, []])";
  EXPECT_EQ(render("{{ tools }}", conversation).text, "[1, -2500.0, 'é😀/', True, None, {'a': {}}, []]");
}

TEST(ChatTemplateTest, MessagesAreMadeReady) {
  Conversation conversation;
  conversation.messages = {R"({"role": "assistant", "content": null, "reasoning": "why", "name": "n"})"};
  EXPECT_EQ(render("{{ messages[0] }}", conversation).text,
            "{'thinking': 'why', 'role': 'assistant', 'reasoning': 'why', 'name': 'n', 'reasoning_content': 'why'}");
}

// ------------------------------------------------------------ bounds

TEST(ChatTemplateTest, NoTemplateRunsForEver) {
  const struct {
    const char *text, *message;
  } cases[] = {
      {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "the template calls itself, or nests values, more than 1000"},
      {"{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}", "the template calls itself"},
      {"{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
       "the template takes more than"},
      {"{% for a in range(100000000) %}{% endfor %}", "a range of 100000000 numbers, at most 100000 are allowed"},
      {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "the template calls itself"},
      {"{% set ns = namespace(x='ab') %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
       "the template "},
      {"{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
       "the template takes more than"},
      {"{% set ns = namespace(x=[]) %}{% for i in range(5000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
       "the template calls itself, or nests values"},
      {"{% set ns = namespace(x=[]) %}{% for i in range(5000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x | tojson }}",
       "the template calls itself, or nests values"},
      {"{% set ns = namespace(x=[], y=[]) %}{% for i in range(5000) %}{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] %}"
       "{% endfor %}{{ ns.x == ns.y }}",
       "the template calls itself, or nests values"},
      {"{{ 'x' * 99999999999 }}", "99999999999 copies of a string are too many"},
      {"{{ 'x'.ljust(99999999999) }}", "a width of 99999999999, at most 16777216 is allowed"},
      {"{{ '%99999d' % 1 }}", "'%': a width beyond 10000"},
      {"{{ ('a' * 1000000).replace('', 'b' * 1000) }}", "the template "},
      {"{{ ('a ' * 1000000).split() | join('b' * 1000) }}", "the template "},
  };
  for (const auto &row : cases) {
    Rendered got = render(row.text);
    EXPECT_NE(got.status, ChatStatus::Ok) << row.text;
    EXPECT_NE(got.text.find(row.message), std::string::npos) << row.text << "\n" << got.text;
    EXPECT_EQ(got.text.rfind("t.jinja: line 1, column ", 0), 0u) << got.text;
  }
}

TEST(ChatTemplateTest, ManyVariablesAndNamesCountAsSteps) {
  std::string many;
  for (int i = 0; i < 20000; ++i)
    many += "{% set v" + std::to_string(i) + " = 1 %}";
  Rendered got =
      render(many + "{% for i in range(99999) %}{% for k in range(99999) %}{{ v0 }}{% endfor %}{% endfor %}");
  EXPECT_EQ(got.status, ChatStatus::TooMuch);
  got = render(many + "{% macro f() %}{{ caller }}{% endmacro %}{% for i in range(99999) %}{% for k in range(99999) %}"
                      "{{ f() }}{% endfor %}{% endfor %}");
  EXPECT_EQ(got.status, ChatStatus::TooMuch);
}

TEST(ChatTemplateTest, NestingIsBoundedWhenCompiling) {
  EXPECT_EQ(render(std::string("{{ ") + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}").text,
            "refused: t.jinja:1:67: error: the template is nested too deeply\n"
            "note: write it with fewer blocks and operands within each other\n");
  std::string blocks, chain = "{{ 1", elifs = "{% if a %}";
  for (int i = 0; i < 5000; ++i) {
    blocks += "{% if 1 %}";
    chain += " + 1";
    elifs += "{% elif a %}";
  }
  EXPECT_NE(render(blocks).text.find("nested too deeply"), std::string::npos);
  EXPECT_NE(render(chain + " }}").text.find("nested too deeply"), std::string::npos);
  EXPECT_NE(render(elifs + "{% endif %}").text.find("nested too deeply"), std::string::npos);
  std::string sum = "{{ 1", many = "{% if a == 0 %}";
  for (int i = 1; i < 100; ++i) {
    sum += " + 1";
    many += "{% elif a == " + std::to_string(i) + " %}";
  }
  EXPECT_EQ(render(sum + " }}").text, "100");
  EXPECT_EQ(render(many + "{% else %}x{% endif %}").text, "x");
}

// ------------------------------------------------------------ the section

TEST(ChatTemplateTest, NamedTemplatesAreFound) {
  Result<json::Document> document = json::Document::parse(R"({"bos_token": {"content": "<b>"}, "eos_token": null,
    "extra_special_tokens": {"image_token": "<i>"}, "chat_template": [
      {"name": "tool_use", "template": "T{{ bos_token }}{{ eos_token }}{{ image_token }}"},
      {"name": "default", "template": "D"}]})",
                                                          "tokenizer_config.json");
  Result<text::ChatTemplateFiles> files = text::readTokenizerConfig(*document);
  ASSERT_TRUE(files) << files.error().str();
  Result<std::string> section = text::compileChatTemplates(*files);
  ASSERT_TRUE(section) << section.error().str();
  ChatTemplates templates;
  ASSERT_EQ(templates.open(section->data(), section->size(), nullptr), TextStatus::Ok);
  ASSERT_EQ(templates.count(), 2u);
  const struct {
    const char *name, *text;
  } cases[] = {{"", "D"}, {"default", "D"}, {"tool_use", "T<b><i>"}};
  for (const auto &row : cases) {
    ChatInput input;
    input.templateName = row.name;
    Array<char> out;
    char message[200];
    ASSERT_EQ(renderChat(templates, input, {}, out, message, sizeof message), ChatStatus::Ok) << message;
    EXPECT_EQ(std::string(out.data(), out.size()), row.text);
  }
  ChatInput input;
  input.templateName = "rag";
  Array<char> out;
  char message[200];
  EXPECT_EQ(renderChat(templates, input, {}, out, message, sizeof message), ChatStatus::NoTemplate);
  EXPECT_STREQ(message, "there is no chat template called 'rag'");
}

TEST(ChatTemplateTest, ConfigsThatHoldSomethingElseAreRefused) {
  const struct {
    const char *text, *message;
  } cases[] = {
      {R"([])", "c.json:1:1: error: 'tokenizer_config' must be an object, found an array\n"},
      {R"({"chat_template": 5})",
       "c.json:1:19: error: 'chat_template' must be a string, or a list of named templates, found an integer\n"},
      {R"({"chat_template": [{"name": "x"}]})",
       "c.json:1:20: error: a named chat template needs 'name' and 'template', both strings\n"},
      {R"({"chat_template": [{"name": "x", "template": "{{"}]})",
       "c.json: error: chat_template 'x', line 1, column 1: the tag has no end, expected '}}'\n"},
  };
  for (const auto &row : cases) {
    Result<json::Document> document = json::Document::parse(row.text, "c.json");
    Result<text::ChatTemplateFiles> files = text::readTokenizerConfig(*document);
    if (!files) {
      EXPECT_EQ(files.error().str(), row.message);
      continue;
    }
    Result<std::string> section = text::compileChatTemplates(*files);
    ASSERT_FALSE(section) << row.text;
    EXPECT_EQ(section.error().str(), row.message);
  }
}

TEST(ChatTemplateTest, FilesOfTheirOwnWinOverTheConfig) {
  test::TemporaryFolder folder;
  auto write = [&](const std::string &name, const std::string &text) {
    FILE *file = std::fopen((folder / name).c_str(), "wb");
    ASSERT_TRUE(file);
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  };
  auto found = [&] {
    Result<ModelDirectory> directory = ModelDirectory::open(folder.str());
    Result<text::ChatTemplateFiles> files = text::readChatTemplates(*directory);
    EXPECT_TRUE(files);
    std::string names;
    for (const text::ChatTemplateSource &source : files->templates)
      names += source.name + "=" + source.text + ";";
    for (const auto &[name, value] : files->variables)
      names += name + ":" + value + ";";
    return names;
  };
  EXPECT_EQ(found(), "");
  write("tokenizer_config.json", R"({"bos_token": "<s>", "chat_template": "config"})");
  EXPECT_EQ(found(), "default=config;bos_token:<s>;");
  write("chat_template.jinja", "own");
  EXPECT_EQ(found(), "default=own;bos_token:<s>;");
  ASSERT_EQ(mkdir((folder / "additional_chat_templates").c_str(), 0755), 0);
  write("additional_chat_templates/rag.jinja", "r");
  write("additional_chat_templates/notes.txt", "n");
  EXPECT_EQ(found(), "default=own;rag=r;bos_token:<s>;");
}

TEST(ChatTemplateTest, DamagedSectionsAreRefusedOrRun) {
  std::string good = compile(
      "{% macro f(a, b='x') %}{{ a }}{{ b | upper }}{{ caller() if caller }}{% endmacro %}{% set ns = namespace(n=1) %}"
      "{% for m in messages if m %}{% set ns.n = ns.n + 1 %}{% call f(m.role) %}{{ [1, (2,), {'k': -3.5}] }}{% endcall "
      "%}"
      "{{ messages | map(attribute='role') | list | join(', ') }}{{ m['content'][1:3] }}{% else %}{% endfor %}"
      "{% with a = 1 %}{{ a is defined and not a is none or 2 < 3 }}{% endwith %}{{ 'x' ~ ns.n if ns.n > 1 else 'y' }}"
      "{{ messages | selectattr('role', 'eq', 'user') | list | length }}");
  ASSERT_NE(good.rfind("refused", 0), 0u) << good;
  const std::string message = R"({"role":"user","content":"hello"})";
  unsigned opened = 0, refused = 0;
  llmc_template_header header;
  std::memcpy(&header, good.data(), sizeof header);
  size_t end = header.characters.offset; // the tables of characters come after; some of them too
  for (size_t at = 0; at < good.size(); at += at < end ? 1 : 97) {
    for (uint8_t change : {0x01, 0x80, 0xff}) {
      std::vector<char> bytes(good.begin(), good.end());
      bytes[at] = static_cast<char>(bytes[at] ^ change);
      ChatTemplates templates;
      const char *reason = nullptr;
      if (templates.open(bytes.data(), bytes.size(), &reason) != TextStatus::Ok) {
        EXPECT_TRUE(reason && *reason);
        ++refused;
        continue;
      }
      ++opened;
      ChatMessage given;
      given.content.data = nullptr;
      given.fieldsJson = view(message);
      ChatInput input;
      input.messages = &given;
      input.numMessages = 1;
      ChatLimits limits;
      limits.steps = 20000;
      limits.memory = 1 << 20;
      Array<char> out;
      char text[300];
      (void)renderChat(templates, input, limits, out, text, sizeof text);
    }
  }
  EXPECT_GT(opened, 100u);
  EXPECT_GT(refused, 1000u);
  for (size_t size = 0; size < good.size(); size += size < end ? 1 : 97) {
    std::vector<char> bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    ChatTemplates templates;
    EXPECT_NE(templates.open(bytes.data(), bytes.size(), nullptr), TextStatus::Ok);
  }
}

} // namespace
