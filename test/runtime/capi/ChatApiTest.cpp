// ChatApiTest.cpp - conversations through the C API: the toy model's templates, messages in texts and JSON, mistakes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "llmc/chat.h"
#include "test/runtime/support/ToyTokenizer.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>

using namespace llmc::test;

namespace {

llmc_text_view view(const char *text) { return {text, text ? std::strlen(text) : 0}; }

class ChatApiTest : public testing::Test {
protected:
  ChatApiTest() {
    ToyParts parts = toyPartsWithTokenizer();
    parts.chatTemplates = toyChatTemplates();
    open(parts);
    chat.struct_size = sizeof chat;
  }
  ~ChatApiTest() override { close(); }

  void open(const ToyParts &parts) {
    Bytes container = writeContainer(toySections(parts));
    memory = std::aligned_alloc(64, (container.size() + 63) / 64 * 64);
    std::memcpy(memory, container.data(), container.size());
    status = llmc_model_open_memory(memory, container.size(), &model, &error);
  }
  void close() {
    if (status == LLMC_OK)
      llmc_model_close(model);
    std::free(memory);
  }
  /// The text of the messages, or the message of the mistake.
  std::string render(const std::vector<llmc_chat_message> &messages, llmc_status wanted = LLMC_OK) {
    chat.messages = messages.data();
    chat.num_messages = messages.size();
    std::string text(5, '?'); // too small at first
    size_t size = 0;
    for (int pass = 0; pass < 2; ++pass) {
      EXPECT_EQ(llmc_chat_render(model, &chat, text.data(), text.size(), &size, &error), wanted) << error.message;
      if (wanted != LLMC_OK)
        return error.message;
      text.resize(pass ? text.size() : size);
    }
    EXPECT_EQ(size, text.size());
    return text;
  }

  void *memory = nullptr;
  llmc_model *model = nullptr;
  llmc_status status = LLMC_OK;
  llmc_error error{};
  llmc_chat chat = {};
};

TEST_F(ChatApiTest, MessagesBecomeText) {
  chat.add_generation_prompt = 1;
  EXPECT_EQ(render({{view("user"), view("hi"), {}, {}}}), "<bos>user:hi<eos>assistant:");
  chat.add_generation_prompt = 0;
  EXPECT_EQ(render({{view("user"), view("hi"), {}, {}}, {view("assistant"), view(""), {}, {}}}),
            "<bos>user:hi<eos>assistant:<eos>");
  EXPECT_EQ(render({}), "<bos>");
}

TEST_F(ChatApiTest, JsonStandsForContentAndMoreFields) {
  EXPECT_EQ(render({{view("user"), {}, view("[{\"text\": \"a\"}, 2]"), {}}}), "<bos>user:[{'text': 'a'}, 2]<eos>");
  EXPECT_EQ(render({{{}, {}, {}, view("{\"role\": \"tool\", \"content\": \"ok\", \"x\": null}")}}),
            "<bos>tool:ok<eos>");
}

TEST_F(ChatApiTest, NamedTemplatesAndTools) {
  chat.template_name = view("shout");
  chat.tools_json = view("[{\"name\": \"t\"}]");
  EXPECT_EQ(render({{view("user"), view("h\xc3\xa9"), {}, {}}}), "H\xc3\x89[{\"name\": \"t\"}]");
  llmc_text_view name = llmc_model_chat_template(model, 1);
  EXPECT_EQ(std::string(name.data, name.size), "shout");
  EXPECT_EQ(llmc_model_chat_template(model, 2).size, 0u);
  llmc_model_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(llmc_model_get_info(model, &info), LLMC_OK);
  EXPECT_EQ(info.num_chat_templates, 2u);
}

TEST_F(ChatApiTest, MistakesAreSentences) {
  EXPECT_EQ(render({{view("user"), view("refuse"), {}, {}}}, LLMC_INVALID_ARGUMENT),
            "the chat template refuses the conversation: not that");
  EXPECT_EQ(render({{view("user"), view("fail"), {}, {}}}, LLMC_INVALID_ARGUMENT),
            "the chat template fails on the conversation: chat_template.jinja: line 4, column 44: a string has no "
            "attribute 'x'");
  EXPECT_STREQ(error.note, "it may not be made for such messages");
  EXPECT_EQ(render({{view("user"), {}, view("[1"), {}}}, LLMC_INVALID_ARGUMENT),
            "the content of a message: not JSON at byte 2: expected ',' or ']'");
  chat.template_name = view("rag");
  EXPECT_EQ(render({}, LLMC_NOT_FOUND), "there is no chat template called 'rag'");
  chat.template_name = {};
  chat.struct_size = 3;
  EXPECT_EQ(render({}, LLMC_INVALID_ARGUMENT), "chat: struct_size is 3, expected " + std::to_string(sizeof(llmc_chat)));
  chat.struct_size = sizeof chat;
  size_t size;
  chat.messages = nullptr;
  chat.num_messages = 1;
  EXPECT_EQ(llmc_chat_render(model, &chat, nullptr, 0, &size, &error), LLMC_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "messages must not be null");
  EXPECT_EQ(llmc_chat_render(nullptr, &chat, nullptr, 0, &size, &error), LLMC_INVALID_ARGUMENT);
}

TEST_F(ChatApiTest, AModelWithoutTemplatesSaysSo) {
  close();
  open(toyPartsWithTokenizer());
  EXPECT_EQ(render({}, LLMC_NOT_FOUND), "the model has no chat template");
  EXPECT_EQ(llmc_model_chat_template(model, 0).size, 0u);
}

TEST_F(ChatApiTest, DamagedTemplatesAreRefusedWhenOpening) {
  close();
  ToyParts parts = toyPartsWithTokenizer();
  parts.chatTemplates = toyChatTemplates();
  parts.chatTemplates[0] ^= 1;
  open(parts);
  EXPECT_EQ(status, LLMC_INVALID_FILE);
  EXPECT_STREQ(error.message, "chat templates: it does not begin as chat templates do");
}

} // namespace
