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

Checked normalizerInto(const Component &at, TokenizerSpec &spec, unsigned depth) {
  Result<std::string> type = at.type();
  if (!type)
    return type.takeError();
  if (*type == "Sequence") {
    if (Checked keys = at.only({"type", "normalizers"}); !keys)
      return keys;
    if (depth == maxSequenceDepth)
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
      if (depth == maxSequenceDepth)
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

} // namespace llmc::text
