// TextTest.h - compiles a tokenizer.json and runs it, for the tests of this folder.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_RUNTIME_TEXT_TEXTTEST_H
#define LLMC_TEST_RUNTIME_TEXT_TEXTTEST_H

#include "frontends/text/Tokenizer.h"
#include "runtime/src/text/Tokenizer.h"
#include "test/TestPaths.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace llmc::test {

/// A compiled and opened tokenizer with its section.
class TestTokenizer {
public:
  /// From a file; a test failure when it does not compile.
  static std::unique_ptr<TestTokenizer> load(const std::string &path) {
    return make(text::compileTokenizer(path), path);
  }
  /// From the text of a tokenizer.json.
  static std::unique_ptr<TestTokenizer> parse(std::string json) {
    Result<json::Document> document = json::Document::parse(std::move(json), "tokenizer.json");
    if (!document) {
      ADD_FAILURE() << document.error().str();
      return nullptr;
    }
    return make(text::compileTokenizer(*document), "tokenizer.json");
  }

  runtime::TextStatus encode(std::string_view text, bool addSpecial, bool parseSpecial, std::vector<int32_t> &ids) {
    runtime::Array<int32_t> list;
    runtime::TextStatus status = encoder->encode(text.data(), text.size(), {addSpecial, parseSpecial}, list);
    ids.assign(list.begin(), list.end());
    return status;
  }
  std::vector<int32_t> ids(std::string_view text, bool addSpecial = false, bool parseSpecial = false) {
    std::vector<int32_t> list;
    EXPECT_EQ(encode(text, addSpecial, parseSpecial, list), runtime::TextStatus::Ok);
    return list;
  }
  std::string text(const std::vector<int32_t> &ids, bool printSpecial = false) {
    runtime::Array<char> decoded;
    EXPECT_EQ(runtime::decode(tokenizer, ids.data(), ids.size(), printSpecial, decoded), runtime::TextStatus::Ok);
    return std::string(decoded.data(), decoded.size());
  }
  /// What a stream hands out after each id, and at its end.
  std::vector<std::string> streamed(const std::vector<int32_t> &ids, bool printSpecial = false) {
    std::string part;
    runtime::StreamDecoder decoder(
        tokenizer,
        [](void *user, const char *bytes, size_t size) { static_cast<std::string *>(user)->append(bytes, size); },
        &part, printSpecial);
    std::vector<std::string> parts;
    for (size_t i = 0; i <= ids.size(); ++i) {
      if (i < ids.size())
        decoder.push(ids[i]);
      else
        decoder.finish();
      parts.push_back(part);
      part.clear();
    }
    return parts;
  }

  std::string section; // std::string's bytes are aligned well enough: larger than its own buffer, they come from new
  runtime::Tokenizer tokenizer;
  std::unique_ptr<runtime::Encoder> encoder;

private:
  static std::unique_ptr<TestTokenizer> make(Result<std::string> section, const std::string &path) {
    if (!section) {
      ADD_FAILURE() << section.error().str();
      return nullptr;
    }
    auto made = std::make_unique<TestTokenizer>();
    made->section = std::move(*section);
    const char *reason = "";
    if (made->tokenizer.open(made->section.data(), made->section.size(), &reason) != runtime::TextStatus::Ok) {
      ADD_FAILURE() << path << ": " << reason;
      return nullptr;
    }
    made->encoder = std::make_unique<runtime::Encoder>(made->tokenizer);
    return made;
  }
};

inline std::string vectorPath(const std::string &name) { return testPath("runtime/text/vectors/" + name); }

/// The ids of a JSON array of integers.
inline std::vector<int32_t> idList(json::Value array) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < array.size(); ++i)
    ids.push_back(static_cast<int32_t>(array.at(i).asInt()));
  return ids;
}

inline std::string member(json::Value object, std::string_view key) {
  return std::string(object.find(key)->asString());
}

/// Whether every character of the text is whole.
inline bool isUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    auto bytes = reinterpret_cast<const uint8_t *>(text.data()) + at;
    runtime::Character character = runtime::decodeCharacter(bytes, text.size() - at);
    if (character.codepoint == runtime::replacementCharacter && character.size == 1)
      return false;
    at += character.size;
  }
  return true;
}

} // namespace llmc::test

#endif // LLMC_TEST_RUNTIME_TEXT_TEXTTEST_H
