// TokenizerJsonPipeline.cpp - reads what stands around the model in a tokenizer.json: normalizer, pre_tokenizer,
// post_processor and decoder.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerJson.h"

namespace llmc::text {

using json::printable;
using json::Value;

namespace {

// Strings that replace or are put before others; published ones have a few bytes.
constexpr size_t maxAffixBytes = 64;
constexpr unsigned maxDepth = 8; // of a Sequence in a Sequence

/// GPT-2's pattern, which ByteLevel splits by.
constexpr std::string_view byteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Diagnostic tooDeep(const Component &at) {
  return at.value.error("'" + at.path + "' is nested more than " + std::to_string(maxDepth) + " deep");
}

Result<std::string> affix(const Component &at, std::string_view key) {
  Result<std::string> text = at.string(key);
  if (text && text->size() > maxAffixBytes)
    return at.get(key)->error("'" + at.name(key) + "' has " + std::to_string(text->size()) +
                              " bytes (expected at most " + std::to_string(maxAffixBytes) + ")");
  return text;
}

/// The pattern object: {"String": ...} or {"Regex": ...}.
struct PatternSource {
  std::string text;
  bool isRegex;
  Value where;
  std::string name;
};

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

/// Replaces with a literal pattern, which the normalizer and the decoder may hold.
Checked literalReplace(const Component &at, std::string &from, std::string &to) {
  if (Checked keys = at.only({"type", "pattern", "content"}); !keys)
    return keys;
  Result<PatternSource> source = patternSource(at);
  if (!source)
    return source.takeError();
  if (source->isRegex)
    return source->where.error("'" + source->name + "' = \"" + printable(source->text) +
                               "\" is not supported (expected a String)");
  if (source->text.size() > maxAffixBytes)
    return source->where.error("'" + source->name + "' has " + std::to_string(source->text.size()) +
                               " bytes (expected at most " + std::to_string(maxAffixBytes) + ")");
  Result<std::string> content = affix(at, "content");
  if (!content)
    return content.takeError();
  from = source->text;
  to = *content;
  return Success{};
}

Checked normalizerInto(const Component &at, TokenizerSpec &spec, unsigned depth) {
  Result<std::string> type = at.type();
  if (!type)
    return type.takeError();
  if (*type == "Sequence") {
    if (Checked keys = at.only({"type", "normalizers"}); !keys)
      return keys;
    if (depth == maxDepth)
      return tooDeep(at);
    Result<std::vector<Component>> parts = at.list("normalizers");
    if (!parts)
      return parts.takeError();
    for (const Component &part : *parts)
      if (Checked done = normalizerInto(part, spec, depth + 1); !done)
        return done;
    return Success{};
  }
  OperationSpec operation = {LLMC_NORMALIZE_NFC, {}, {}};
  if (*type == "NFC") {
    if (Checked keys = at.only({"type"}); !keys)
      return keys;
  } else if (*type == "Prepend") {
    if (Checked keys = at.only({"type", "prepend"}); !keys)
      return keys;
    Result<std::string> text = affix(at, "prepend");
    if (!text)
      return text.takeError();
    operation = {LLMC_NORMALIZE_PREPEND, *text, {}};
  } else if (*type == "Replace") {
    operation.kind = LLMC_NORMALIZE_REPLACE;
    if (Checked done = literalReplace(at, operation.a, operation.b); !done)
      return done;
  } else {
    return at.unsupported(*type, "NFC, Prepend, Replace or Sequence");
  }
  spec.normalizer.push_back(std::move(operation));
  return Success{};
}

/// Reads the pre-tokenizers one after the other.
class PreTokenizerReader {
public:
  explicit PreTokenizerReader(TokenizerSpec &spec) : spec(spec) {}

  Checked read(const Component &at, unsigned depth) {
    Result<std::string> type = at.type();
    if (!type)
      return type.takeError();
    if (*type == "Sequence") {
      if (Checked keys = at.only({"type", "pretokenizers"}); !keys)
        return keys;
      if (depth == maxDepth)
        return tooDeep(at);
      Result<std::vector<Component>> parts = at.list("pretokenizers");
      if (!parts)
        return parts.takeError();
      for (const Component &part : *parts)
        if (Checked done = read(part, depth + 1); !done)
          return done;
      return Success{};
    }
    // ByteLevel turns text into another alphabet; what comes after it would mean that alphabet's characters.
    if (spec.flags & LLMC_TOKENIZER_BYTE_LEVEL)
      return at.value.error("'" + at.path + "' after ByteLevel is not supported (expected ByteLevel last)");
    if (*type == "ByteLevel")
      return byteLevel(at);
    if (*type == "Split")
      return split(at);
    if (*type == "Digits")
      return digits(at);
    if (*type == "Metaspace")
      return metaspace(at);
    return at.unsupported(*type, "ByteLevel, Digits, Metaspace, Sequence or Split");
  }

private:
  Checked byteLevel(const Component &at) {
    // trim_offsets is about places in the text, which ids do not carry.
    if (Checked keys = at.only({"type", "add_prefix_space", "trim_offsets", "use_regex"}); !keys)
      return keys;
    Result<bool> prefix = at.flag("add_prefix_space", true);
    if (!prefix)
      return prefix.takeError();
    Result<bool> regex = at.flag("use_regex", true);
    if (!regex)
      return regex.takeError();
    if (*prefix) {
      StepSpec step;
      step.kind = LLMC_STEP_PREPEND;
      step.a = " ";
      spec.steps.push_back(std::move(step));
    }
    if (*regex) {
      StepSpec step;
      step.pattern = parsePattern(byteLevelPattern).value;
      spec.steps.push_back(std::move(step));
    }
    spec.flags |= LLMC_TOKENIZER_BYTE_LEVEL;
    return Success{};
  }

  Checked split(const Component &at) {
    if (Checked keys = at.only({"type", "pattern", "behavior", "invert"}); !keys)
      return keys;
    Result<PatternSource> source = patternSource(at);
    if (!source)
      return source.takeError();
    Result<std::string> behavior = at.string("behavior");
    if (!behavior)
      return behavior.takeError();
    Result<bool> invert = at.flag("invert", false);
    if (!invert)
      return invert.takeError();
    constexpr const char *names[] = {"Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"};
    StepSpec step;
    step.behavior = 0;
    for (uint32_t i = 0; i < 5; ++i)
      if (*behavior == names[i])
        step.behavior = i + 1; // the order of enum llmc_tokenizer_behavior
    if (!step.behavior)
      return at.get("behavior")
          ->error("'" + at.name("behavior") + "' = \"" + printable(*behavior) +
                  "\" is not supported (expected Removed, Isolated, Contiguous, MergedWithPrevious or MergedWithNext)");
    if (source->text.size() > 65536)
      return source->where.error("'" + source->name + "' is longer than 65536 bytes");
    if (source->isRegex) {
      PatternResult<PatternNode> pattern = parsePattern(source->text);
      if (!pattern)
        return source->where.error("'" + source->name + "': " + pattern.mistake,
                                   "patterns are compiled to automata that look one character ahead");
      step.pattern = std::move(pattern.value);
    } else {
      step.pattern = literalPattern(source->text);
    }
    step.invert = *invert;
    step.name = "'" + source->name + "'";
    spec.steps.push_back(std::move(step));
    return Success{};
  }

  Checked digits(const Component &at) {
    if (Checked keys = at.only({"type", "individual_digits"}); !keys)
      return keys;
    Result<bool> individual = at.flag("individual_digits", false);
    if (!individual)
      return individual.takeError();
    StepSpec step;
    step.pattern = setPattern(*categorySet("N"));
    if (!*individual)
      step.pattern = oneOrMore(std::move(step.pattern));
    spec.steps.push_back(std::move(step));
    return Success{};
  }

  Checked metaspace(const Component &at) {
    if (Checked keys = at.only({"type", "replacement", "prepend_scheme", "add_prefix_space", "str_rep", "split"});
        !keys)
      return keys;
    Result<std::string> symbol = affix(at, "replacement");
    if (!symbol)
      return symbol.takeError();
    if (symbol->empty())
      return at.get("replacement")->error("'" + at.name("replacement") + "' is empty");
    Result<std::string> scheme = std::string("always");
    if (at.get("prepend_scheme"))
      scheme = at.string("prepend_scheme");
    if (!scheme)
      return scheme.takeError();
    Result<bool> legacy = at.flag("add_prefix_space", true);
    if (!legacy)
      return legacy.takeError();
    if (!*legacy)
      scheme = std::string("never");
    if (*scheme != "always" && *scheme != "first" && *scheme != "never")
      return at.get("prepend_scheme")
          ->error("'" + at.name("prepend_scheme") + "' = \"" + printable(*scheme) +
                  "\" is not supported (expected always, first or never)");
    Result<bool> splits = at.flag("split", true);
    if (!splits)
      return splits.takeError();

    StepSpec replace;
    replace.kind = LLMC_STEP_REPLACE;
    replace.a = " ";
    replace.b = *symbol;
    spec.steps.push_back(replace);
    if (*scheme != "never") {
      StepSpec prepend;
      prepend.kind = *scheme == "first" ? LLMC_STEP_PREPEND_FIRST : LLMC_STEP_PREPEND;
      prepend.a = *symbol;
      spec.steps.push_back(prepend);
    }
    if (*splits) {
      StepSpec split;
      split.pattern = literalPattern(*symbol);
      split.behavior = LLMC_SPLIT_MERGED_WITH_NEXT;
      spec.steps.push_back(std::move(split));
    }
    return Success{};
  }

  TokenizerSpec &spec;
};

/// The ids of a special token that a template names.
Result<std::vector<uint32_t>> templateIds(const Component &at, const std::string &token, Value where,
                                          const TokenizerSpec &spec) {
  std::optional<Value> tokens = at.get("special_tokens");
  std::optional<Value> entry = tokens ? tokens->find(token) : std::nullopt;
  std::optional<Value> ids = entry ? entry->find("ids") : std::nullopt;
  if (!ids || !ids->isArray())
    return where.error("'" + at.path + "' uses \"" + printable(token) + "\", which '" + at.name("special_tokens") +
                       "' does not give ids for");
  std::vector<uint32_t> result;
  for (size_t i = 0; i < ids->size(); ++i) {
    Result<int64_t> id = ids->at(i).getInteger(at.name("special_tokens") + "[\"" + printable(token) + "\"].ids[" +
                                               std::to_string(i) + "]");
    if (!id)
      return id.takeError();
    if (*id < 0 || static_cast<uint64_t>(*id) >= spec.tokens.size())
      return ids->at(i).error("id " + std::to_string(*id) + " of \"" + printable(token) +
                              "\" does not exist (expected 0 to " + std::to_string(spec.tokens.size() - 1) + ")");
    result.push_back(static_cast<uint32_t>(*id));
  }
  return result;
}

/// What one processor puts around the text.
struct Around {
  std::vector<uint32_t> prefix, suffix;
};

Result<Around> templateProcessing(const Component &at, const TokenizerSpec &spec) {
  if (Checked keys = at.only({"type", "single", "pair", "special_tokens"}); !keys)
    return keys.takeError();
  Result<std::vector<Component>> parts = at.list("single");
  if (!parts)
    return parts.takeError();
  Around around;
  bool seenText = false;
  for (const Component &part : *parts) {
    bool isText = part.value.size() == 1 && part.value.key(0).asString() == "Sequence";
    bool isToken = part.value.size() == 1 && part.value.key(0).asString() == "SpecialToken";
    if (!isText && !isToken)
      return part.value.mismatch(part.path, "{\"Sequence\": ...} or {\"SpecialToken\": ...}");
    Result<Value> object = part.value.member(0).getObject(part.path);
    if (!object)
      return object.takeError();
    Component inner = {*object, part.path};
    Result<std::string> id = inner.string("id");
    if (!id)
      return id.takeError();
    if (isText) {
      if (*id != "A" || seenText)
        return inner.value.error("'" + part.path + "' must be the one Sequence \"A\"");
      seenText = true;
      continue;
    }
    Result<std::vector<uint32_t>> ids = templateIds(at, *id, inner.value, spec);
    if (!ids)
      return ids.takeError();
    std::vector<uint32_t> &side = seenText ? around.suffix : around.prefix;
    side.insert(side.end(), ids->begin(), ids->end());
  }
  if (!seenText)
    return at.value.error("'" + at.name("single") + "' has no Sequence \"A\"");
  return around;
}

/// RobertaProcessing and BertProcessing: one token before, one after.
Result<Around> clsAndSep(const Component &at, const TokenizerSpec &spec) {
  if (Checked keys = at.only({"type", "sep", "cls", "trim_offsets", "add_prefix_space"}); !keys)
    return keys.takeError();
  Around around;
  for (const char *key : {"cls", "sep"}) {
    std::optional<Value> pair = at.get(key);
    if (!pair || !pair->isArray() || pair->size() != 2 || pair->at(1).kind() != json::Kind::Int)
      return (pair ? *pair : at.value).error("'" + at.name(key) + "' must be [\"token\", id]");
    int64_t id = pair->at(1).asInt();
    if (id < 0 || static_cast<uint64_t>(id) >= spec.tokens.size())
      return pair->at(1).error("'" + at.name(key) + "' has the id " + std::to_string(id) + " (expected 0 to " +
                               std::to_string(spec.tokens.size() - 1) + ")");
    (key[0] == 'c' ? around.prefix : around.suffix).push_back(static_cast<uint32_t>(id));
  }
  return around;
}

Checked postProcessorInto(const Component &at, TokenizerSpec &spec, unsigned depth) {
  Result<std::string> type = at.type();
  if (!type)
    return type.takeError();
  if (*type == "ByteLevel") // about places in the text only
    return at.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (*type == "Sequence") {
    if (Checked keys = at.only({"type", "processors"}); !keys)
      return keys;
    if (depth == maxDepth)
      return tooDeep(at);
    Result<std::vector<Component>> parts = at.list("processors");
    if (!parts)
      return parts.takeError();
    for (const Component &part : *parts)
      if (Checked done = postProcessorInto(part, spec, depth + 1); !done)
        return done;
    return Success{};
  }
  Result<Around> around = Around{};
  if (*type == "TemplateProcessing")
    around = templateProcessing(at, spec);
  else if (*type == "RobertaProcessing" || *type == "BertProcessing")
    around = clsAndSep(at, spec);
  else
    return at.unsupported(*type, "ByteLevel, BertProcessing, RobertaProcessing, Sequence or TemplateProcessing");
  if (!around)
    return around.takeError();
  spec.prefix.insert(spec.prefix.begin(), around->prefix.begin(), around->prefix.end());
  spec.suffix.insert(spec.suffix.end(), around->suffix.begin(), around->suffix.end());
  return Success{};
}

/// Reads the decoders one after the other.
class DecoderReader {
public:
  explicit DecoderReader(TokenizerSpec &spec) : spec(spec) {}

  Checked read(const Component &at, unsigned depth) {
    Result<std::string> type = at.type();
    if (!type)
      return type.takeError();
    if (*type == "Sequence") {
      if (Checked keys = at.only({"type", "decoders"}); !keys)
        return keys;
      if (depth == maxDepth)
        return tooDeep(at);
      Result<std::vector<Component>> parts = at.list("decoders");
      if (!parts)
        return parts.takeError();
      for (const Component &part : *parts)
        if (Checked done = read(part, depth + 1); !done)
          return done;
      return Success{};
    }
    if (decoder.byteLevel || spec.decoder == LLMC_DECODER_METASPACE)
      return at.value.error("'" + at.path + "' after ByteLevel or Metaspace is not supported");
    if (*type == "ByteLevel" || *type == "Metaspace") {
      if (used)
        return at.value.error("'" + at.path + "' = " + *type + " after other decoders is not supported");
      used = true;
      return *type == "ByteLevel" ? byteLevel(at) : metaspace(at);
    }
    used = true;
    spec.decoder = LLMC_DECODER_TEXT;
    if (*type == "Fuse") {
      fused = true;
      return at.only({"type"});
    }
    if (*type == "Strip")
      return strip(at);
    if (*type != "Replace" && *type != "ByteFallback")
      return at.unsupported(*type, "ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence or Strip");
    if (fused || decoder.byteFallback)
      return at.value.error("'" + at.path + "' = " + *type + " after ByteFallback or Fuse is not supported");
    if (*type == "ByteFallback") {
      decoder.byteFallback = true;
      return at.only({"type"});
    }
    DecoderSpec::Action action = {DecoderSpec::Action::Kind::Replace, {}, {}, 0, 0, 0};
    if (Checked done = literalReplace(at, action.from, action.to); !done)
      return done;
    decoder.actions.push_back(std::move(action));
    return Success{};
  }

  DecoderSpec decoder;

private:
  Checked byteLevel(const Component &at) {
    decoder.byteLevel = true;
    spec.decoder = LLMC_DECODER_BYTES;
    return at.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  }

  Checked metaspace(const Component &at) {
    if (Checked keys = at.only({"type", "replacement", "prepend_scheme", "add_prefix_space", "str_rep", "split"});
        !keys)
      return keys;
    Result<std::string> symbol = affix(at, "replacement");
    if (!symbol)
      return symbol.takeError();
    if (symbol->empty())
      return at.get("replacement")->error("'" + at.name("replacement") + "' is empty");
    Result<bool> legacy = at.flag("add_prefix_space", true);
    if (!legacy)
      return legacy.takeError();
    bool never = !*legacy;
    if (at.get("prepend_scheme")) {
      Result<std::string> scheme = at.string("prepend_scheme");
      if (!scheme)
        return scheme.takeError();
      never |= *scheme == "never";
    }
    decoder.actions.push_back({DecoderSpec::Action::Kind::Replace, *symbol, " ", 0, 0, 0});
    spec.decoder = never ? LLMC_DECODER_TEXT : LLMC_DECODER_METASPACE;
    spec.metaspace = *symbol;
    return Success{};
  }

  Checked strip(const Component &at) {
    if (Checked keys = at.only({"type", "content", "start", "stop"}); !keys)
      return keys;
    Result<std::string> content = at.string("content");
    if (!content)
      return content.takeError();
    if (content->size() != 1)
      return at.get("content")->error("'" + at.name("content") + "' must be one ASCII character");
    uint32_t counts[2];
    const char *keys[] = {"start", "stop"};
    for (int i = 0; i < 2; ++i) {
      std::optional<Value> member = at.get(keys[i]);
      if (!member)
        return at.value.error("'" + at.name(keys[i]) + "' is missing");
      Result<int64_t> count = member->getInteger(at.name(keys[i]));
      if (!count)
        return count.takeError();
      if (*count < 0 || *count > 65535)
        return member->error("'" + at.name(keys[i]) + "' = " + std::to_string(*count) + " (expected 0 to 65535)");
      counts[i] = static_cast<uint32_t>(*count);
    }
    if (!fused) {
      if (decoder.byteFallback)
        return at.value.error("'" + at.path + "' = Strip between ByteFallback and Fuse is not supported");
      decoder.actions.push_back({DecoderSpec::Action::Kind::Strip, {}, {}, (*content)[0], counts[0], counts[1]});
      return Success{};
    }
    if (counts[1] != 0)
      return at.get("stop")->error("'" + at.name("stop") + "' = " + std::to_string(counts[1]) +
                                       " is not supported (expected 0)",
                                   "text is printed before its end is known");
    if (spec.stripCount)
      return at.value.error("'" + at.path + "' = a second Strip is not supported");
    spec.stripCount = counts[0];
    spec.strip = (*content)[0];
    return Success{};
  }

  TokenizerSpec &spec;
  bool used = false, fused = false;
};

/// The component `key`, when it is there; an error when it is not an object.
Result<std::optional<Component>> component(const Component &root, const char *key) {
  std::optional<Value> member = root.get(key);
  if (!member)
    return std::optional<Component>();
  Result<Value> object = member->getObject(key);
  if (!object)
    return object.takeError();
  return std::optional<Component>(Component{*object, key});
}

} // namespace

Checked readNormalizer(const Component &root, TokenizerSpec &spec) {
  Result<std::optional<Component>> at = component(root, "normalizer");
  if (!at)
    return at.takeError();
  return *at ? normalizerInto(**at, spec, 0) : Checked(Success{});
}

Checked readPreTokenizer(const Component &root, TokenizerSpec &spec) {
  Result<std::optional<Component>> at = component(root, "pre_tokenizer");
  if (!at)
    return at.takeError();
  return *at ? PreTokenizerReader(spec).read(**at, 0) : Checked(Success{});
}

Checked readPostProcessor(const Component &root, TokenizerSpec &spec) {
  Result<std::optional<Component>> at = component(root, "post_processor");
  if (!at)
    return at.takeError();
  return *at ? postProcessorInto(**at, spec, 0) : Checked(Success{});
}

Result<DecoderSpec> readDecoder(const Component &root, TokenizerSpec &spec) {
  Result<std::optional<Component>> at = component(root, "decoder");
  if (!at)
    return at.takeError();
  DecoderReader reader(spec);
  if (*at)
    if (Checked done = reader.read(**at, 0); !done)
      return done.takeError();
  return reader.decoder;
}

} // namespace llmc::text
