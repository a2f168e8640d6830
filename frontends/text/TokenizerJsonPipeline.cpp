// TokenizerJsonPipeline.cpp - reads what stands before the model in a tokenizer.json: normalizer and pre_tokenizer.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerJson.h"

namespace llmc::text {

using json::printable;
using json::Value;

namespace {

/// GPT-2's pattern, which ByteLevel splits by.
constexpr std::string_view byteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// Reads the normalizers one after the other.
class NormalizerReader {
public:
  explicit NormalizerReader(TokenizerSpec &spec) : spec(spec) {}

  Checked read(const Component &at, unsigned depth) {
    Result<std::string> type = at.type();
    if (!type)
      return type.takeError();
    if (*type == "Sequence")
      return readSequence(at, "normalizers", depth,
                          [&](const Component &part, unsigned deeper) { return read(part, deeper); });
    // ByteLevel turns text into another alphabet; what comes after it would mean that alphabet's characters.
    if (spec.flags & LLMC_TOKENIZER_BYTE_LEVEL)
      return at.value.error("'" + at.path + "' after ByteLevel is not supported (expected ByteLevel last)");
    struct Plain {
      const char *type;
      uint32_t kind;
      const CharacterMap *(*map)();
    };
    constexpr Plain plain[] = {{"NFC", LLMC_NORMALIZE_NFC, nullptr},
                               {"NFD", LLMC_NORMALIZE_NFD, nullptr},
                               {"NFKC", LLMC_NORMALIZE_NFKC, nullptr},
                               {"NFKD", LLMC_NORMALIZE_NFKD, nullptr},
                               {"Lowercase", LLMC_NORMALIZE_MAP, [] { return &lowercaseMap(); }},
                               {"Nmt", LLMC_NORMALIZE_MAP, [] { return &nmtMap(); }},
                               {"StripAccents", LLMC_NORMALIZE_MAP, [] { return &stripAccentsMap(); }}};
    for (const Plain &entry : plain)
      if (*type == entry.type) {
        add(entry.kind, entry.map ? entry.map() : nullptr);
        return at.only({"type"});
      }
    if (*type == "BertNormalizer")
      return cleaner(at);
    if (*type == "ByteLevel") {
      spec.flags |= LLMC_TOKENIZER_BYTE_LEVEL;
      return at.only({"type"});
    }
    if (*type == "Precompiled")
      return precompiled(at);
    if (*type == "Prepend") {
      if (Checked keys = at.only({"type", "prepend"}); !keys)
        return keys;
      Result<std::string> text = affix(at, "prepend");
      if (!text)
        return text.takeError();
      spec.normalizer.push_back({LLMC_NORMALIZE_PREPEND, *text, {}});
      return Success{};
    }
    if (*type == "Replace")
      return replace(at);
    if (*type == "Strip")
      return strip(at);
    return at.unsupported(*type, "BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, "
                                 "Prepend, Replace, Sequence, Strip or StripAccents");
  }

private:
  void add(uint32_t kind, const CharacterMap *map = nullptr) {
    OperationSpec operation = {kind, {}, {}};
    operation.map = map;
    spec.normalizer.push_back(std::move(operation));
  }

  Checked cleaner(const Component &at) {
    if (Checked keys = at.only({"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}); !keys)
      return keys;
    Result<bool> clean = at.flag("clean_text", true);
    if (!clean)
      return clean.takeError();
    Result<bool> chinese = at.flag("handle_chinese_chars", true);
    if (!chinese)
      return chinese.takeError();
    Result<bool> lower = at.flag("lowercase", true);
    if (!lower)
      return lower.takeError();
    Result<bool> accents = at.flag("strip_accents", *lower);
    if (!accents)
      return accents.takeError();
    if (*clean)
      add(LLMC_NORMALIZE_MAP, &cleaningMap());
    if (*chinese)
      add(LLMC_NORMALIZE_MAP, &chineseMap());
    if (*accents) {
      add(LLMC_NORMALIZE_NFD);
      add(LLMC_NORMALIZE_MAP, &nonspacingMarksMap());
    }
    if (*lower)
      add(LLMC_NORMALIZE_MAP, &lowercaseMap());
    return Success{};
  }

  Checked precompiled(const Component &at) {
    if (Checked keys = at.only({"type", "precompiled_charsmap"}); !keys)
      return keys;
    if (!at.get("precompiled_charsmap")) // null stands for a model without replacements
      return Success{};
    Result<std::string> text = at.string("precompiled_charsmap");
    if (!text)
      return text.takeError();
    Value where = *at.get("precompiled_charsmap");
    std::optional<std::string> bytes = fromBase64(*text);
    if (!bytes)
      return where.error("'" + at.name("precompiled_charsmap") + "' is not base64");
    if (bytes->empty())
      return Success{};
    std::optional<OperationSpec> operation = charsmapOperation(*bytes, true);
    if (!operation)
      return where.error("'" + at.name("precompiled_charsmap") + "' is not a table of replacements: it is damaged");
    spec.normalizer.push_back(std::move(*operation));
    return Success{};
  }

  Checked replace(const Component &at) {
    OperationSpec operation = {LLMC_NORMALIZE_REPLACE, {}, {}};
    std::optional<PatternSource> regex;
    if (Checked done = readReplace(at, operation.a, operation.b, &regex); !done)
      return done;
    if (regex) {
      Result<PatternNode> pattern = compiledPattern(*regex);
      if (!pattern)
        return pattern.takeError();
      operation.kind = LLMC_NORMALIZE_MATCHES;
      operation.pattern = std::move(*pattern);
      operation.name = "'" + regex->name + "'";
    }
    spec.normalizer.push_back(std::move(operation));
    return Success{};
  }

  Checked strip(const Component &at) {
    if (Checked keys = at.only({"type", "strip_left", "strip_right"}); !keys)
      return keys;
    Result<bool> left = at.flag("strip_left", true);
    if (!left)
      return left.takeError();
    Result<bool> right = at.flag("strip_right", true);
    if (!right)
      return right.takeError();
    add(LLMC_NORMALIZE_STRIP);
    spec.normalizer.back().flags = (*left ? LLMC_OPERATION_LEFT : 0u) | (*right ? LLMC_OPERATION_RIGHT : 0u);
    return Success{};
  }

  TokenizerSpec &spec;
};

/// Reads the pre-tokenizers one after the other.
class PreTokenizerReader {
public:
  explicit PreTokenizerReader(TokenizerSpec &spec) : spec(spec) {}

  Checked read(const Component &at, unsigned depth) {
    Result<std::string> type = at.type();
    if (!type)
      return type.takeError();
    if (*type == "Sequence")
      return readSequence(at, "pretokenizers", depth,
                          [&](const Component &part, unsigned deeper) { return read(part, deeper); });
    if (*type == "Split")
      return split(at);
    if (*type == "Digits")
      return digits(at);
    if (*type == "Punctuation")
      return punctuation(at);
    if (*type == "Whitespace" || *type == "WhitespaceSplit" || *type == "BertPreTokenizer")
      return words(at, *type);
    if (*type == "CharDelimiterSplit")
      return delimiter(at);
    if (*type == "FixedLength")
      return fixedLength(at);
    // These put in characters, which the alphabet of bytes would have to spell.
    if ((*type == "ByteLevel" || *type == "Metaspace") && (spec.flags & LLMC_TOKENIZER_BYTE_LEVEL))
      return at.value.error("'" + at.path + "' = " + *type +
                            " after ByteLevel is not supported (expected nothing or a split)");
    if (*type == "ByteLevel")
      return byteLevel(at);
    if (*type == "Metaspace")
      return metaspace(at);
    return at.unsupported(*type, "BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace, "
                                 "Punctuation, Sequence, Split, Whitespace or WhitespaceSplit");
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
    StepSpec step;
    if (Checked done = behavior(at, step); !done)
      return done;
    Result<bool> invert = at.flag("invert", false);
    if (!invert)
      return invert.takeError();
    if (source->text.size() > maxPatternBytes)
      return source->where.error("'" + source->name + "' is longer than 65536 bytes");
    if (source->isRegex) {
      Result<PatternNode> pattern = compiledPattern(*source);
      if (!pattern)
        return pattern.takeError();
      step.pattern = std::move(*pattern);
    } else {
      step.pattern = literalPattern(source->text);
    }
    step.invert = *invert;
    step.name = "'" + source->name + "'";
    add(std::move(step));
    return Success{};
  }

  /// The member "behavior".
  static Checked behavior(const Component &at, StepSpec &step) {
    Result<std::string> behavior = at.string("behavior");
    if (!behavior)
      return behavior.takeError();
    constexpr const char *names[] = {"Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"};
    step.behavior = 0;
    for (uint32_t i = 0; i < 5; ++i)
      if (*behavior == names[i])
        step.behavior = i + 1; // the order of enum llmc_tokenizer_behavior
    if (!step.behavior)
      return at.get("behavior")
          ->error("'" + at.name("behavior") + "' = \"" + printable(*behavior) +
                  "\" is not supported (expected Removed, Isolated, Contiguous, MergedWithPrevious or MergedWithNext)");
    return Success{};
  }

  Checked digits(const Component &at) {
    if (Checked keys = at.only({"type", "individual_digits"}); !keys)
      return keys;
    Result<bool> individual = at.flag("individual_digits", false);
    if (!individual)
      return individual.takeError();
    StepSpec step;
    step.pattern = setPattern(numericSet());
    if (!*individual)
      step.pattern = oneOrMore(std::move(step.pattern));
    add(std::move(step));
    return Success{};
  }

  Checked punctuation(const Component &at) {
    if (Checked keys = at.only({"type", "behavior"}); !keys)
      return keys;
    StepSpec step;
    if (at.get("behavior"))
      if (Checked done = behavior(at, step); !done)
        return done;
    step.pattern = setPattern(punctuationSet());
    add(std::move(step));
    return Success{};
  }

  Checked words(const Component &at, const std::string &type) {
    if (Checked keys = at.only({"type"}); !keys)
      return keys;
    StepSpec step;
    step.behavior = LLMC_SPLIT_REMOVED;
    if (type == "Whitespace") {
      CodepointSet others = addedWordSet().united(whiteSpaceSet()).negated();
      step.pattern = either(oneOrMore(setPattern(addedWordSet())), oneOrMore(setPattern(others)));
      step.invert = true;
    } else {
      step.pattern = setPattern(whiteSpaceSet());
    }
    add(std::move(step));
    if (type == "BertPreTokenizer") {
      StepSpec marks;
      marks.pattern = setPattern(punctuationSet());
      add(std::move(marks));
    }
    return Success{};
  }

  Checked delimiter(const Component &at) {
    if (Checked keys = at.only({"type", "delimiter"}); !keys)
      return keys;
    Result<std::string> text = at.string("delimiter");
    if (!text)
      return text.takeError();
    size_t end = 0;
    uint32_t codepoint = text->empty() ? 0 : nextCodepoint(*text, end);
    if (text->empty() || end != text->size())
      return at.get("delimiter")->error("'" + at.name("delimiter") + "' must be one character");
    StepSpec step;
    step.behavior = LLMC_SPLIT_REMOVED;
    step.pattern = setPattern(CodepointSet(codepoint));
    add(std::move(step));
    return Success{};
  }

  Checked fixedLength(const Component &at) {
    if (Checked keys = at.only({"type", "length"}); !keys)
      return keys;
    std::optional<Value> member = at.get("length");
    if (!member)
      return at.value.error("'" + at.name("length") + "' is missing");
    Result<int64_t> length = member->getInteger(at.name("length"));
    if (!length)
      return length.takeError();
    if (*length < 1 || *length > 1000)
      return member->error("'" + at.name("length") + "' = " + std::to_string(*length) + " (expected 1 to 1000)");
    StepSpec step;
    step.pattern = upTo(setPattern(CodepointSet::all()), static_cast<uint32_t>(*length));
    add(std::move(step));
    return Success{};
  }

  void add(StepSpec step) {
    step.alphabet = spec.flags & LLMC_TOKENIZER_BYTE_LEVEL;
    spec.steps.push_back(std::move(step));
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

} // namespace

Checked readNormalizer(const Component &root, TokenizerSpec &spec) {
  Result<std::optional<Component>> at = component(root, "normalizer");
  if (!at)
    return at.takeError();
  return *at ? NormalizerReader(spec).read(**at, 0) : Checked(Success{});
}

Checked readPreTokenizer(const Component &root, TokenizerSpec &spec) {
  Result<std::optional<Component>> at = component(root, "pre_tokenizer");
  if (!at)
    return at.takeError();
  return *at ? PreTokenizerReader(spec).read(**at, 0) : Checked(Success{});
}

} // namespace llmc::text
