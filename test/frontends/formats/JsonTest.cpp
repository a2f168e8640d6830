// JsonTest.cpp - the JSON document: values, positions, limits, and what it refuses.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/json/Json.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace llmc;
using json::Document;
using json::Kind;
using json::Value;

namespace {

Document parsed(std::string text) {
  Result<Document> document = Document::parse(std::move(text), "f.json");
  EXPECT_TRUE(bool(document)) << (document ? "" : document.error().str());
  return std::move(*document);
}

std::string refused(std::string text, json::Limits limits = {}) {
  Result<Document> document = Document::parse(std::move(text), "f.json", limits);
  return document ? "accepted" : document.error().str();
}

TEST(Json, KindsAndValues) {
  Document document = parsed(R"([null, true, false, 0, -7, 9223372036854775807, 9223372036854775808,
    18446744073709551616, 1e2, 1.0, -9223372036854775808, "a", {}, []])");
  Value root = document.root();
  ASSERT_TRUE(root.isArray());
  const Kind expected[] = {Kind::Null, Kind::Bool,   Kind::Bool,   Kind::Int,    Kind::Int,
                           Kind::Int,  Kind::Uint,   Kind::Double, Kind::Double, Kind::Double,
                           Kind::Int,  Kind::String, Kind::Object, Kind::Array};
  ASSERT_EQ(root.size(), std::size(expected));
  for (size_t i = 0; i < root.size(); ++i)
    EXPECT_EQ(root.at(i).kind(), expected[i]) << i;
  EXPECT_TRUE(root.at(1).asBool());
  EXPECT_FALSE(root.at(2).asBool());
  EXPECT_EQ(root.at(4).asInt(), -7);
  EXPECT_EQ(root.at(5).asInt(), INT64_MAX);
  EXPECT_EQ(root.at(6).asUint(), uint64_t(1) << 63);
  EXPECT_EQ(root.at(7).asNumber(), 0x1p64);
  EXPECT_EQ(root.at(8).asNumber(), 100.0);
  EXPECT_EQ(root.at(10).asInt(), INT64_MIN);
}

TEST(Json, NumbersAreRoundedToTheNearestDouble) {
  Document document = parsed("[9007199254740993.0, 0.1, 2.2250738585072011e-308, 1e-400, 1e308, 0e98, -0.0e-999, "
                             "0.00001e309, 123456789012345678901234567890, 4.9e-324, 2e-324]");
  EXPECT_EQ(document.root().at(0).asNumber(), 9007199254740992.0);
  EXPECT_EQ(document.root().at(1).asNumber(), 0.1);
  EXPECT_EQ(document.root().at(2).asNumber(), 2.2250738585072011e-308);
  EXPECT_EQ(document.root().at(3).asNumber(), 0.0);
  EXPECT_EQ(document.root().at(4).asNumber(), 1e308);
  EXPECT_EQ(document.root().at(5).asNumber(), 0.0);
  EXPECT_EQ(document.root().at(6).asNumber(), 0.0);
  EXPECT_EQ(document.root().at(7).asNumber(), 1e304);
  EXPECT_EQ(document.root().at(8).asNumber(), 123456789012345678901234567890.0);
  EXPECT_EQ(document.root().at(9).asNumber(), 4.9e-324);
  EXPECT_EQ(document.root().at(10).asNumber(), 0.0);
}

TEST(Json, StringsWithAndWithoutEscapes) {
  Document document = parsed(R"(["", "plain", "\u00e9é", "\ud83d\ude00", "\"\\\/\b\f\n\r\t", "a\u0000b"])");
  Value root = document.root();
  EXPECT_EQ(root.at(0).asString(), "");
  EXPECT_EQ(root.at(1).asString(), "plain");
  EXPECT_EQ(root.at(2).asString(), "éé");
  EXPECT_EQ(root.at(3).asString(), "\xF0\x9F\x98\x80");
  EXPECT_EQ(root.at(4).asString(), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(root.at(5).asString(), std::string_view("a\0b", 3));
}

TEST(Json, MembersKeepTheirOrderAndAreFound) {
  // One object on each side of the size at which members are looked up by a sorted index.
  for (int count : {1, 16, 17, 1000}) {
    std::string text = "{";
    for (int i = 0; i < count; ++i)
      text += (i ? ",\"k" : "\"k") + std::to_string(i * 7919 % count) + "\":" + std::to_string(i);
    Document document = parsed(text + "}");
    Value root = document.root();
    ASSERT_EQ(root.size(), size_t(count));
    for (int i = 0; i < count; ++i) {
      const std::string key = "k" + std::to_string(i * 7919 % count);
      EXPECT_EQ(root.key(i).asString(), key);
      EXPECT_EQ(root.member(i).asInt(), i);
      ASSERT_TRUE(root.find(key).has_value()) << key;
      EXPECT_EQ(root.find(key)->asInt(), i);
    }
    EXPECT_FALSE(root.find("absent").has_value());
    EXPECT_FALSE(root.find("").has_value());
  }
}

TEST(Json, NestedContainersKeepTheirOwnChildren) {
  Document document = parsed(R"({"a": [1, [2, {"b": 3}], 4], "c": {"d": {"e": []}}, "f": 5})");
  Value a = *document.root().find("a");
  ASSERT_EQ(a.size(), 3u);
  EXPECT_EQ(a.at(0).asInt(), 1);
  EXPECT_EQ(a.at(1).at(1).find("b")->asInt(), 3);
  EXPECT_EQ(a.at(2).asInt(), 4);
  EXPECT_EQ(document.root().find("c")->find("d")->find("e")->size(), 0u);
  EXPECT_EQ(document.root().find("f")->asInt(), 5);
}

TEST(Json, EveryValueAndKeyKnowsItsPlace) {
  Document document = parsed("{\n  \"a\" : [ 1,\n\t\"\\n\" , tru\x65 ,{\"k\":\n-2.5}] ,\r\n\"b\":null}");
  Value root = document.root();
  const auto at = [](Value value) { return std::make_pair(value.position().line, value.position().column); };
  using P = std::pair<uint32_t, uint32_t>;
  EXPECT_EQ(at(root), P(1, 1));
  EXPECT_EQ(at(root.key(0)), P(2, 3));
  Value a = root.member(0);
  EXPECT_EQ(at(a), P(2, 9));
  EXPECT_EQ(at(a.at(0)), P(2, 11));
  EXPECT_EQ(at(a.at(1)), P(3, 2));
  EXPECT_EQ(at(a.at(2)), P(3, 9));
  EXPECT_EQ(at(a.at(3)), P(3, 15));
  EXPECT_EQ(at(a.at(3).key(0)), P(3, 16));
  EXPECT_EQ(at(a.at(3).member(0)), P(4, 1));
  EXPECT_EQ(at(root.key(1)), P(5, 1));
  EXPECT_EQ(at(root.member(1)), P(5, 5));
}

TEST(Json, CheckedAccessorsNameWhatTheyFound) {
  Document document = parsed("{\n\"n\": \"8\", \"i\": 1.0, \"u\": 18446744073709551615, \"s\": 4}");
  Value root = document.root();
  EXPECT_EQ(root.find("n")->getInteger("n").error().str(),
            "f.json:2:6: error: 'n' must be an integer, found a string \"8\"\n");
  EXPECT_EQ(root.find("i")->getInteger("i").error().message,
            "'i' must be an integer, found a number with a fraction or exponent");
  EXPECT_EQ(root.find("u")->getInteger("u").error().message, "'u' = 18446744073709551615 is too large");
  EXPECT_EQ(root.find("s")->getString("s").error().message, "'s' must be a string, found an integer");
  EXPECT_EQ(root.find("s")->getArray("s").error().message, "'s' must be an array, found an integer");
  EXPECT_EQ(root.find("s")->getObject("s").error().message, "'s' must be an object, found an integer");
  EXPECT_EQ(root.find("s")->getBool("s").error().message, "'s' must be true or false, found an integer");
  EXPECT_EQ(root.find("n")->getNumber("n").error().message, "'n' must be a number, found a string \"8\"");
  EXPECT_EQ(*root.find("s")->getNumber("s"), 4.0);
}

TEST(Json, RefusesWhatIsNotJson) {
  EXPECT_EQ(refused(""), "f.json:1:1: error: not valid JSON: the file is empty\n");
  EXPECT_EQ(refused("{\"a\": 1,}"), "f.json:1:9: error: not valid JSON: expected a key in double quotes\n");
  EXPECT_EQ(refused("{\"a\" 1}"), "f.json:1:6: error: not valid JSON: expected ':' after a key\n");
  EXPECT_EQ(refused("{\"a\": 1 \"b\": 2}"), "f.json:1:9: error: not valid JSON: expected ',' or '}' after a member\n");
  EXPECT_EQ(refused("[1 2]"), "f.json:1:4: error: not valid JSON: expected ',' or ']' after an element\n");
  EXPECT_EQ(refused("[1,]"), "f.json:1:4: error: not valid JSON: expected a value\n");
  EXPECT_EQ(refused("1 2"), "f.json:1:3: error: not valid JSON: something follows the end of the document\n");
  EXPECT_EQ(refused("[NaN]"), "f.json:1:2: error: not valid JSON: expected a value\n");
  EXPECT_EQ(refused("[Infinity]"), "f.json:1:2: error: not valid JSON: expected a value\n");
  EXPECT_EQ(refused("[1e999]"), "f.json:1:2: error: not valid JSON: a number is too large for a double\n");
  EXPECT_EQ(refused("[1" + std::string(400, '0') + "]"),
            "f.json:1:2: error: not valid JSON: a number is too large for a double\n");
  EXPECT_EQ(refused("[1" + std::string(400, '0') + ".5e-2]"),
            "f.json:1:2: error: not valid JSON: a number is too large for a double\n");
  EXPECT_EQ(refused("[1.]"), "f.json:1:4: error: not valid JSON: expected digits after the decimal point\n");
  EXPECT_EQ(refused("[\"\\x\"]"), "f.json:1:3: error: not valid JSON: unknown escape in a string\n");
  EXPECT_EQ(refused("\xEF\xBB\xBF{}"), "f.json:1:1: error: not valid JSON: a byte order mark stands before the text\n");
  EXPECT_EQ(refused(std::string("{}\0x", 4)), "f.json:1:3: error: not valid JSON: the text holds a NUL byte\n");
  EXPECT_EQ(refused("// c\n{}"), "f.json:1:1: error: not valid JSON: expected a value\n");
}

TEST(Json, RefusesBadStrings) {
  for (const char *text : {"[\"\\ud800\"]", "[\"\\ud800x\"]", "[\"\\udc00\"]", "[\"\\ud800\\ud800\"]"})
    EXPECT_NE(refused(text).find("a string holds an unpaired surrogate"), std::string::npos) << text << refused(text);
  // Overlong, a raw surrogate, beyond U+10FFFF, a lone continuation, cut off.
  for (const char *text :
       {"[\"\xC0\xAF\"]", "[\"\xED\xA0\x80\"]", "[\"\xF4\x90\x80\x80\"]", "[\"\x80\"]", "[\"\xE2\x82\"]"})
    EXPECT_NE(refused(text).find("not valid UTF-8"), std::string::npos) << refused(text);
  EXPECT_NE(refused("[\"a\nb\"]").find("not valid JSON"), std::string::npos);
}

TEST(Json, RefusesDuplicateKeysOnBothSidesOfTheIndex) {
  EXPECT_EQ(refused("{\"a\": 1,\n \"a\": 2}"), "f.json:2:2: error: duplicate key 'a'\n");
  EXPECT_EQ(refused("{\"a\": 1, \"\\u0061\": 2}"), "f.json:1:10: error: duplicate key 'a'\n");
  std::string text = "{";
  for (int i = 0; i < 100; ++i)
    text += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_EQ(refused(text + "\n\"k42\":1}"), "f.json:2:1: error: duplicate key 'k42'\n");
}

TEST(Json, LimitsOnDepthAndSize) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(refused(nested(64)), "accepted");
  EXPECT_EQ(refused(nested(65)), "f.json:1:65: error: nested more than 64 deep\n");
  EXPECT_EQ(refused(std::string(10'000'000, '[')), "f.json:1:65: error: nested more than 64 deep\n");
  EXPECT_EQ(refused("[1,2]", {4, 64}), "f.json: error: holds 5 bytes of JSON, expected at most 4\n");
}

TEST(Json, EveryPrefixOfADocumentIsRefused) {
  const std::string text = R"({"a": [1, -2.5e3, "x\u00e9"], "b": {"c": null, "d": true}})";
  for (size_t length = 0; length < text.size(); ++length)
    EXPECT_NE(refused(text.substr(0, length)), "accepted") << length;
  EXPECT_EQ(refused(text), "accepted");
}

TEST(Json, PrintableEscapesControlsAndCuts) {
  EXPECT_EQ(json::printable("a\x1b[31mé\xff\xc2\x9b"), "a\\x1B[31mé\\xFF\\xC2\\x9B");
  EXPECT_EQ(json::printable("abcdef", 3), "abc...");
}

TEST(Json, ReadRefusesMissingFilesAndDirectories) {
  EXPECT_EQ(Document::read("/nonexistent/f.json", "f.json").error().str(),
            "f.json: error: cannot be opened: no such file or directory\n");
  EXPECT_EQ(Document::read("/", "dir").error().str(), "dir: error: is a directory, expected a file\n");
  EXPECT_EQ(Document::read("/dev/null", "null").error().str(), "null: error: is not a regular file\n");
}

} // namespace
