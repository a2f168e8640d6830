// TokenizerJsonComponent.cpp - checked access to the components of a tokenizer.json.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerJson.h"

#include <algorithm>

namespace llmc::text {

using json::printable;
using json::Value;

std::optional<Value> Component::get(std::string_view key) const {
  std::optional<Value> member = value.find(key);
  if (member && member->isNull())
    return std::nullopt;
  return member;
}

Checked Component::only(std::initializer_list<std::string_view> keys) const {
  for (size_t i = 0; i < value.size(); ++i) {
    std::string_view key = value.key(i).asString();
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      return value.key(i).error("'" + name(printable(key)) + "' is not understood",
                                "the tokenizer might mean something else with it than is compiled");
  }
  return Success{};
}

Result<bool> Component::flag(std::string_view key, bool absent) const {
  std::optional<Value> member = get(key);
  if (!member)
    return absent;
  return member->getBool(name(key));
}

Result<std::string> Component::string(std::string_view key) const {
  std::optional<Value> member = get(key);
  if (!member)
    return value.error("'" + name(key) + "' is missing");
  Result<std::string_view> text = member->getString(name(key));
  if (!text)
    return text.takeError();
  return std::string(*text);
}

Diagnostic Component::unsupported(const std::string &type, std::string_view expected) const {
  std::optional<Value> member = get("type");
  return (member ? *member : value)
      .error("'" + name("type") + "' = " + "\"" + printable(type) + "\"" + " is not supported (expected " +
             std::string(expected) + ")");
}

Result<std::vector<Component>> Component::list(std::string_view key) const {
  std::optional<Value> member = get(key);
  if (!member)
    return value.error("'" + name(key) + "' is missing");
  Result<Value> array = member->getArray(name(key));
  if (!array)
    return array.takeError();
  if (array->size() > LLMC_TOKENIZER_MAX_STEPS)
    return array->error("'" + name(key) + "' has " + std::to_string(array->size()) + " elements (expected at most " +
                        std::to_string(LLMC_TOKENIZER_MAX_STEPS) + ")");
  std::vector<Component> elements;
  for (size_t i = 0; i < array->size(); ++i) {
    std::string path = name(key) + "[" + std::to_string(i) + "]";
    Result<Value> element = array->at(i).getObject(path);
    if (!element)
      return element.takeError();
    elements.push_back({*element, path});
  }
  return elements;
}

Result<std::vector<Component>> sequenceParts(const Component &at, std::string_view key, unsigned depth) {
  if (Checked keys = at.only({"type", key}); !keys)
    return keys.takeError();
  if (depth == maxSequenceDepth)
    return at.value.error("'" + at.path + "' is nested more than " + std::to_string(maxSequenceDepth) + " deep");
  return at.list(key);
}

Result<std::string> affix(const Component &at, std::string_view key) {
  Result<std::string> text = at.string(key);
  if (text && text->size() > maxAffixBytes)
    return at.get(key)->error("'" + at.name(key) + "' has " + std::to_string(text->size()) +
                              " bytes (expected at most " + std::to_string(maxAffixBytes) + ")");
  return text;
}

Result<PatternSource> patternSource(const Component &at) {
  std::optional<Value> member = at.get("pattern");
  if (!member)
    return at.value.error("'" + at.name("pattern") + "' is missing");
  if (!member->isObject() || member->size() != 1 ||
      (member->key(0).asString() != "String" && member->key(0).asString() != "Regex"))
    return member->mismatch(at.name("pattern"), "{\"String\": \"...\"} or {\"Regex\": \"...\"}");
  Component pattern = {*member, at.name("pattern")};
  std::string key(member->key(0).asString());
  Result<std::string> text = pattern.string(key);
  if (!text)
    return text.takeError();
  Value where = *member->find(key);
  if (text->empty())
    return where.error("'" + pattern.name(key) + "' is empty");
  return PatternSource{*text, key == "Regex", where, pattern.name(key)};
}

Checked readReplace(const Component &at, std::string &from, std::string &to, std::optional<PatternSource> *regex) {
  if (Checked keys = at.only({"type", "pattern", "content"}); !keys)
    return keys;
  Result<PatternSource> source = patternSource(at);
  if (!source)
    return source.takeError();
  if (source->isRegex && !regex)
    return source->where.error("'" + source->name + "' = \"" + printable(source->text) +
                               "\" is not supported (expected a String)");
  size_t most = source->isRegex ? maxPatternBytes : maxAffixBytes;
  if (source->text.size() > most)
    return source->where.error("'" + source->name + "' has " + std::to_string(source->text.size()) +
                               " bytes (expected at most " + std::to_string(most) + ")");
  Result<std::string> content = affix(at, "content");
  if (!content)
    return content.takeError();
  if (source->isRegex)
    *regex = *source;
  else
    from = source->text;
  to = *content;
  return Success{};
}

Result<PatternNode> compiledPattern(const PatternSource &source) {
  PatternResult<PatternNode> pattern = parsePattern(source.text);
  if (!pattern)
    return source.where.error("'" + source.name + "': " + pattern.mistake,
                              "patterns are compiled to automata that look one character ahead");
  return std::move(pattern.value);
}

Result<std::optional<Component>> component(const Component &root, const char *key) {
  std::optional<Value> member = root.get(key);
  if (!member)
    return std::optional<Component>();
  Result<Value> object = member->getObject(key);
  if (!object)
    return object.takeError();
  return std::optional<Component>(Component{*object, key});
}

} // namespace llmc::text
