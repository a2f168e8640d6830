// ConfigTest.cpp - the checked key reader, the forms of rotary embeddings, and the facts of generation.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/config/GenerationConfig.h"
#include "frontends/formats/config/RopeConfig.h"

#include <gtest/gtest.h>

using namespace llmc;

namespace {

json::Document parsed(const std::string &text, const char *name = "config.json") {
  Result<json::Document> document = json::Document::parse(text, name);
  EXPECT_TRUE(bool(document)) << (document ? "" : document.error().str());
  return std::move(*document);
}

std::string message(const ConfigReader &reader) { return reader.mistake() ? reader.mistake()->str() : "none"; }

TEST(ConfigReader, TypesBoundsAndPlaces) {
  json::Document document = parsed("{\n  \"i\": \"4096\", \"n\": -3, \"z\": 0, \"h\": 5000000000, \"f\": 1.5,\n"
                                   "  \"e\": \"1e-6\", \"x\": 1e39, \"b\": 1, \"s\": 42, \"u\": 18446744073709551615}");
  const auto says = [&](auto read) {
    ConfigReader reader(document.root());
    read(reader);
    return message(reader);
  };
  const IntegerRange range = {1, 100000};
  EXPECT_EQ(says([&](ConfigReader &r) { r.requireInteger("i", range); }),
            "config.json:2:8: error: 'i' must be an integer, found a string \"4096\"\n");
  EXPECT_EQ(says([&](ConfigReader &r) { r.requireInteger("n", range); }),
            "config.json:2:21: error: 'n' = -3 is out of range (expected 1 to 100000)\n");
  EXPECT_EQ(says([&](ConfigReader &r) { r.requireInteger("z", range); }),
            "config.json:2:30: error: 'z' = 0 is out of range (expected 1 to 100000)\n");
  EXPECT_EQ(says([&](ConfigReader &r) { r.requireInteger("h", range); }),
            "config.json:2:38: error: 'h' = 5000000000 is out of range (expected 1 to 100000)\n");
  EXPECT_EQ(says([&](ConfigReader &r) { r.requireInteger("f", range); }),
            "config.json:2:55: error: 'f' must be an integer, found a number with a fraction or exponent\n");
  EXPECT_EQ(says([&](ConfigReader &r) { r.requireInteger("absent", range); }),
            "config.json:1:1: error: 'absent' is missing\n");
  EXPECT_EQ(says([&](ConfigReader &r) { r.requireInteger("u", range); }),
            "config.json:3:49: error: 'u' = 18446744073709551615 is too large\n");
  EXPECT_EQ(says([&](ConfigReader &r) { r.requireNumber("e", {0, 1, true}); }),
            "config.json:3:8: error: 'e' must be a number, found a string \"1e-6\"\n");
  EXPECT_EQ(says([&](ConfigReader &r) { r.requireNumber("x", {0, 1, true}); }),
            "config.json:3:21: error: 'x' = 1e+39 is out of range (expected more than 0, at most 1)\n");
  EXPECT_EQ(says([&](ConfigReader &r) { r.flag("b", false); }),
            "config.json:3:32: error: 'b' must be true or false, found an integer\n");
  EXPECT_EQ(says([&](ConfigReader &r) { r.requireString("s"); }),
            "config.json:3:40: error: 's' must be a string, found an integer\n");
  EXPECT_EQ(says([&](ConfigReader &r) { r.expectFlag("b", false); }),
            "config.json:3:32: error: 'b' must be true or false, found an integer\n");
}

TEST(ConfigReader, TheFirstMistakeIsKeptAndReadsStayInBounds) {
  json::Document document = parsed(R"({"a": -1, "b": "x", "c": 7})");
  ConfigReader reader(document.root());
  EXPECT_EQ(reader.requireInteger("a", {2, 9}), 2);
  const double number = reader.number("b", {0, 1, true}, 0.5);
  EXPECT_GT(number, 0);
  EXPECT_LE(number, 1);
  EXPECT_EQ(reader.requireInteger("c", {2, 9}), 7);
  EXPECT_NE(message(reader).find("'a' = -1"), std::string::npos);
}

TEST(ConfigReader, UnknownKeysAreNamed) {
  json::Document document = parsed("{\"known\": 1, \"harmless\": 2, \"off\": null,\n \"foo\": 3}");
  ConfigReader reader(document.root());
  reader.requireInteger("known", {0, 9});
  reader.refuseUnknown({"harmless"}, "a 'tiny' model");
  EXPECT_EQ(message(reader), "config.json:2:2: error: unknown key 'foo'\n"
                             "note: a 'tiny' model may not ignore it, since it may change what the model computes; "
                             "remove it if it does not\n");
}

TEST(ConfigReader, NotAnObject) {
  json::Document document = parsed("[1, 2, 3]");
  ConfigReader reader(document.root());
  EXPECT_EQ(reader.integer("a", {1, 2}, 2), 2);
  EXPECT_EQ(message(reader), "config.json:1:1: error: expected an object, found an array\n");
}

TEST(ConfigReader, Lists) {
  json::Document document = parsed(R"({"n": [1, 2.5], "m": [1, "x"], "s": ["a"], "t": ["a", 4], "o": 3})");
  ConfigReader reader(document.root());
  EXPECT_EQ(*reader.maybeNumbers("n", {0, 9}, 2, 2), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(*reader.maybeStrings("s", 4), std::vector<std::string>{"a"});
  EXPECT_EQ(message(reader), "none");
  const auto says = [&](auto read) {
    ConfigReader other(document.root());
    read(other);
    return other.mistake()->message;
  };
  EXPECT_EQ(says([](ConfigReader &r) { r.maybeNumbers("n", {0, 9}, 3, 3); }), "'n' holds 2 numbers, expected 3");
  EXPECT_EQ(says([](ConfigReader &r) { r.maybeNumbers("n", {0, 2}, 2, 2); }),
            "element 1 of 'n' must be a number, 0 to 2, found 2.5");
  EXPECT_EQ(says([](ConfigReader &r) { r.maybeNumbers("m", {0, 9}, 1, 2); }),
            "element 1 of 'm' must be a number, 0 to 9, found a string");
  EXPECT_EQ(says([](ConfigReader &r) { r.maybeStrings("t", 4); }),
            "element 1 of 't' must be a string, found an integer");
  EXPECT_EQ(says([](ConfigReader &r) { r.maybeStrings("t", 1); }), "'t' holds 2 strings, expected at most 1");
  EXPECT_EQ(says([](ConfigReader &r) { r.maybeStrings("o", 1); }), "'o' must be an array, found an integer");
}

/// Reads the rope of a config with heads of 6 and 64 positions.
RopeConfigs rope(const std::string &text, std::string *mistake = nullptr) {
  json::Document document = parsed(text);
  ConfigReader reader(document.root());
  RopeConfigs result = readRopeConfigs(reader, {10000, 6, 64});
  reader.refuseUnknown({}, "rope");
  if (mistake)
    *mistake = reader.mistake() ? reader.mistake()->message : "none";
  else
    EXPECT_EQ(message(reader), "none") << text;
  return result;
}
std::string ropeMistake(const std::string &text) {
  std::string mistake;
  rope(text, &mistake);
  return mistake;
}

TEST(RopeConfig, OldAndNewFormSayTheSame) {
  EXPECT_EQ(rope("{}").full.theta, 10000);
  EXPECT_EQ(rope(R"({"rope_theta": 5e5, "rope_scaling": null})").full.theta, 5e5);
  EXPECT_EQ(rope(R"({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}})").full.theta, 5e5);
  const char *const facts =
      R"("factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32)";
  const RopeConfig a =
      rope(std::string(R"({"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", )") + facts + "}}").full;
  const RopeConfig b =
      rope(std::string(R"({"rope_theta": 5e5, "rope_scaling": {"type": "llama3", )") + facts + "}}").full;
  const RopeConfig c =
      rope(std::string(R"({"rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5, )") + facts + "}}").full;
  EXPECT_EQ(a.kind, RopeKind::Llama3);
  EXPECT_EQ(a.factor, 8);
  EXPECT_EQ(a.originalContext, 32);
  EXPECT_TRUE(a == b);
  EXPECT_TRUE(a == c);
  EXPECT_EQ(ropeMistake(std::string(R"({"rope_theta": 5e5, "rope_scaling": {"type": "llama3", )") + facts +
                        R"(}, "rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5, )" + facts + "}}"),
            "none");
}

TEST(RopeConfig, EveryScaling) {
  EXPECT_EQ(rope(R"({"rope_scaling": {"type": "linear", "factor": 2.5}})").full.factor, 2.5);
  // Dynamic begins at max_position_embeddings whatever else is said.
  EXPECT_EQ(rope(R"({"rope_scaling": {"type": "dynamic", "factor": 2, "original_max_position_embeddings": 5}})")
                .full.originalContext,
            64);
  const RopeConfig yarn =
      rope(R"({"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 16, "truncate": false,
      "original_max_position_embeddings": 16, "mscale": 0.7, "mscale_all_dim": 0.5}})")
          .full;
  EXPECT_EQ(yarn.betaFast, 16);
  EXPECT_EQ(yarn.betaSlow, 1);
  EXPECT_FALSE(yarn.truncate);
  EXPECT_EQ(yarn.mscale, 0.7);
  EXPECT_FALSE(yarn.attentionFactor);
  // Without a factor it is the ratio of the contexts.
  EXPECT_EQ(rope(R"({"rope_scaling": {"rope_type": "yarn", "original_max_position_embeddings": 16}})").full.factor, 4);
  const RopeConfig lengthened = rope(R"({"original_max_position_embeddings": 16, "rope_scaling": {"type": "su",
      "short_factor": [1.0, 1.125, 1.375], "long_factor": [1.5, 3.25, 7]}})")
                                    .full;
  EXPECT_EQ(lengthened.kind, RopeKind::LongRope);
  EXPECT_EQ(lengthened.factor, 4);
  EXPECT_EQ(lengthened.originalContext, 16);
  EXPECT_EQ(lengthened.longFactors, (std::vector<double>{1.5, 3.25, 7}));
}

TEST(RopeConfig, NestedByTypeOfLayer) {
  const RopeConfigs both = rope(R"({"rope_parameters": {
      "full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 1e6},
      "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}})");
  EXPECT_EQ(both.full.kind, RopeKind::Linear);
  EXPECT_EQ(both.full.theta, 1e6);
  EXPECT_EQ(both.sliding.kind, RopeKind::Default);
  EXPECT_EQ(both.sliding.theta, 1e4);
  EXPECT_EQ(ropeMistake(R"({"rope_parameters": {"full_attention": {}, "other": {}}})"),
            "unknown key 'rope_parameters.other'");
}

TEST(RopeConfig, Contradictions) {
  EXPECT_EQ(ropeMistake(R"({"rope_theta": 1e4, "rope_parameters": {"rope_theta": 5e5}})"),
            "'rope_parameters.rope_theta' = 500000 contradicts 'rope_theta' = 10000 at the root");
  EXPECT_EQ(ropeMistake(R"({"rope_scaling": {"rope_type": "linear", "type": "dynamic", "factor": 2}})"),
            "'rope_scaling.type' = \"dynamic\" contradicts 'rope_type' = \"linear\"");
  EXPECT_EQ(
      ropeMistake(
          R"({"rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": {"rope_type": "linear", "factor": 3}})"),
      "'rope_scaling' contradicts 'rope_parameters'");
  EXPECT_EQ(ropeMistake(R"({"original_max_position_embeddings": 8, "rope_scaling":
      {"rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 16}})"),
            "'rope_scaling.original_max_position_embeddings' = 16 contradicts 'original_max_position_embeddings' = 8 "
            "at the root");
}

TEST(RopeConfig, Mistakes) {
  EXPECT_EQ(ropeMistake(R"({"rope_scaling": 42})"), "'rope_scaling' must be an object, found an integer");
  EXPECT_EQ(ropeMistake(R"({"rope_theta": 1e39})"),
            "'rope_theta' = 1e+39 is out of range (expected more than 1, at most 1e+15)");
  EXPECT_EQ(ropeMistake(R"({"rope_theta": 0})"),
            "'rope_theta' = 0 is out of range (expected more than 1, at most 1e+15)");
  EXPECT_EQ(
      ropeMistake(R"({"rope_scaling": {"type": "mrope"}})"),
      "'rope_scaling.type' = \"mrope\" is not a known rope scaling (expected default, linear, dynamic, yarn, longrope "
      "or llama3)");
  EXPECT_EQ(ropeMistake(R"({"rope_scaling": {"type": "linear"}})"), "'rope_scaling.factor' is missing");
  EXPECT_EQ(ropeMistake(R"({"rope_scaling": {"type": "linear", "factor": 0}})"),
            "'rope_scaling.factor' = 0 is out of range (expected more than 0, at most 1e+09)");
  EXPECT_EQ(ropeMistake(R"({"rope_scaling": {"type": "linear", "factor": 2, "beta_fast": 3}})"),
            "unknown key 'rope_scaling.beta_fast'");
  EXPECT_EQ(
      ropeMistake(
          R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4}})"),
      "'rope_scaling.low_freq_factor' = 4 must be less than 'high_freq_factor' = 4");
  EXPECT_EQ(ropeMistake(R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4}})"),
            "'rope_scaling.high_freq_factor' is missing");
  EXPECT_EQ(
      ropeMistake(R"({"rope_scaling": {"rope_type": "longrope", "short_factor": [1, 1], "long_factor": [1, 1, 1]}})"),
      "'rope_scaling.short_factor' holds 2 numbers, expected 3");
  EXPECT_EQ(ropeMistake(
                R"({"rope_scaling": {"rope_type": "longrope", "short_factor": [1, 1, 0], "long_factor": [1, 1, 1]}})"),
            "element 2 of 'rope_scaling.short_factor' must be a number, more than 0, at most 1e+09, found 0");
  EXPECT_EQ(ropeMistake(R"({"rope_scaling": {"rope_type": "yarn", "factor": 2, "beta_fast": 1, "beta_slow": 2}})"),
            "'rope_scaling.beta_fast' = 1 must not be less than 'beta_slow' = 2");
}

GenerationConfig generation(const std::string &config, const std::string &own, std::string *mistake = nullptr) {
  json::Document first = parsed(config), second = parsed(own.empty() ? "{}" : own, "generation_config.json");
  ConfigReader reader(first.root()), ownReader(second.root());
  GenerationConfig result = readGenerationConfig(reader, own.empty() ? nullptr : &ownReader, 100);
  std::string text = message(reader) != "none" ? message(reader) : message(ownReader);
  if (mistake)
    *mistake = text;
  else
    EXPECT_EQ(text, "none");
  return result;
}
std::string generationMistake(const std::string &config, const std::string &own) {
  std::string mistake;
  generation(config, own, &mistake);
  return mistake.substr(0, mistake.find('\n'));
}

TEST(GenerationConfig, TheOwnFileComesFirst) {
  const GenerationConfig facts =
      generation(R"({"bos_token_id": 1, "eos_token_id": 2, "temperature": 0.1, "pad_token_id": -1})",
                 R"({"eos_token_id": [7, 9, 7], "do_sample": true, "temperature": 0.7, "top_p": 0.8, "min_p": 0.05,
          "repetition_penalty": 1.1, "max_length": 2048, "transformers_version": "4.51.0"})");
  EXPECT_EQ(facts.bos, 1);
  EXPECT_EQ(facts.eos, (std::vector<int64_t>{7, 9}));
  EXPECT_FALSE(facts.pad);
  EXPECT_TRUE(facts.doSample);
  EXPECT_EQ(facts.temperature, 0.7);
  EXPECT_EQ(facts.topK, 50); // What generate() does where the file is silent.
  EXPECT_EQ(facts.topP, 0.8);
  EXPECT_EQ(facts.minP, 0.05);
  EXPECT_EQ(facts.repetitionPenalty, 1.1);
  EXPECT_EQ(facts.maxLength, 2048);
}

TEST(GenerationConfig, OldFilesKeepItInConfigJson) {
  const GenerationConfig facts =
      generation(R"({"eos_token_id": 2, "do_sample": true, "top_k": 20, "num_beams": 1})", "");
  EXPECT_EQ(facts.eos, std::vector<int64_t>{2});
  EXPECT_TRUE(facts.doSample);
  EXPECT_EQ(facts.topK, 20);
  EXPECT_TRUE(generation("{}", "").eos.empty());
  EXPECT_EQ(generation(R"({"eos_token_id": 2, "top_k": 20})", R"({"bos_token_id": 5})").eos, std::vector<int64_t>{2});
  EXPECT_FALSE(generation(R"({"eos_token_id": 2, "top_k": 20})", R"({"bos_token_id": 5})").topK);
}

TEST(GenerationConfig, Mistakes) {
  EXPECT_EQ(generationMistake(R"({"eos_token_id": 100})", ""),
            "config.json:1:18: error: 'eos_token_id' = 100 is not a token (expected 0 to 99)");
  EXPECT_EQ(generationMistake("{}", R"({"eos_token_id": [1, -2]})"),
            "generation_config.json:1:22: error: 'eos_token_id' = -2 is not a token (expected 0 to 99)");
  EXPECT_EQ(generationMistake("{}", R"({"eos_token_id": "2"})"),
            "generation_config.json:1:18: error: 'eos_token_id' must be an integer or an array of integers, found a "
            "string \"2\"");
  EXPECT_EQ(generationMistake(R"({"bos_token_id": 100})", ""),
            "config.json:1:18: error: 'bos_token_id' = 100 is out of range (expected 0 to 99)");
  EXPECT_EQ(generationMistake("{}", R"({"top_p": 0})"),
            "generation_config.json:1:11: error: 'top_p' = 0 is out of range (expected more than 0, at most 1)");
  EXPECT_EQ(generationMistake("{}", R"({"temperature": -0.5})"),
            "generation_config.json:1:17: error: 'temperature' = -0.5 is out of range (expected 0 to 1000)");
  // What the runtime would refuse to run with.
  EXPECT_EQ(generationMistake("{}", R"({"temperature": 1001})"),
            "generation_config.json:1:17: error: 'temperature' = 1001 is out of range (expected 0 to 1000)");
  EXPECT_EQ(
      generationMistake("{}", R"({"repetition_penalty": 0.0009})"),
      "generation_config.json:1:24: error: 'repetition_penalty' = 0.0009 is out of range (expected 0.001 to 1000)");
  EXPECT_EQ(
      generationMistake("{}", R"({"repetition_penalty": 1000.5})"),
      "generation_config.json:1:24: error: 'repetition_penalty' = 1000.5 is out of range (expected 0.001 to 1000)");
  EXPECT_EQ(generationMistake("{}", R"({"num_beams": 4})"),
            "generation_config.json:1:15: error: 'num_beams' is not supported unless it is 1");
  EXPECT_EQ(generationMistake("{}", R"({"suppress_tokens": [3]})"),
            "generation_config.json:1:21: error: 'suppress_tokens' is not supported");
  EXPECT_EQ(generationMistake("{}", R"({"suppress_tokens": []})"), "none");
  EXPECT_EQ(generationMistake("{}", R"({"foo": 3})"), "generation_config.json:1:2: error: unknown key 'foo'");
}

} // namespace
