// TokenizerJsonOutput.cpp - reads what stands after the model in a tokenizer.json: post_processor and decoder.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerJson.h"

namespace llmc::text {

using json::printable;
using json::Value;

namespace {

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
  if (*type == "Sequence")
    return readSequence(at, "processors", depth,
                        [&](const Component &part, unsigned deeper) { return postProcessorInto(part, spec, deeper); });
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
  explicit DecoderReader(SpecBuilder &builder) : spec(builder.spec), decoder(builder.decoder) {}

  Checked read(const Component &at, unsigned depth) {
    Result<std::string> type = at.type();
    if (!type)
      return type.takeError();
    if (*type == "Sequence")
      return readSequence(at, "decoders", depth,
                          [&](const Component &part, unsigned deeper) { return read(part, deeper); });
    if (decoder.byteLevel)
      return at.value.error("'" + at.path + "' after ByteLevel is not supported");
    if (*type == "ByteLevel") {
      if (used)
        return at.value.error("'" + at.path + "' = ByteLevel after other decoders is not supported");
      used = decoder.byteLevel = true;
      spec.decoder = LLMC_DECODER_BYTES;
      return at.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    }
    used = true;
    if (*type == "Fuse") {
      fused = true;
      return at.only({"type"});
    }
    if (*type == "Strip")
      return strip(at);
    using Kind = DecoderSpec::Action::Kind;
    struct Known {
      const char *type;
      Checked (DecoderReader::*read)(const Component &, DecoderSpec::Action &);
      Kind kind;
    };
    constexpr Known known[] = {{"BPEDecoder", &DecoderReader::wordEnd, Kind::WordEnd},
                               {"ByteFallback", &DecoderReader::byteFallback, Kind::ByteFallback},
                               {"Metaspace", &DecoderReader::metaspace, Kind::Metaspace},
                               {"Replace", &DecoderReader::replace, Kind::Replace},
                               {"WordPiece", &DecoderReader::wordPiece, Kind::WordPiece}};
    for (const Known &entry : known)
      if (*type == entry.type) {
        if (fused)
          return at.value.error("'" + at.path + "' = " + *type + " after Fuse is not supported");
        DecoderSpec::Action action = {entry.kind};
        if (Checked done = (this->*entry.read)(at, action); !done)
          return done;
        decoder.actions.push_back(std::move(action));
        return Success{};
      }
    return at.unsupported(
        *type, "BPEDecoder, ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip or WordPiece");
  }

  bool used = false;

private:
  Checked byteFallback(const Component &at, DecoderSpec::Action &) { return at.only({"type"}); }

  Checked replace(const Component &at, DecoderSpec::Action &action) {
    return readReplace(at, action.from, action.to, nullptr);
  }

  Checked wordEnd(const Component &at, DecoderSpec::Action &action) {
    if (Checked keys = at.only({"type", "suffix"}); !keys)
      return keys;
    Result<std::string> suffix = std::string("</w>");
    if (at.get("suffix"))
      suffix = affix(at, "suffix");
    if (!suffix)
      return suffix.takeError();
    if (suffix->empty())
      return at.get("suffix")->error("'" + at.name("suffix") + "' is empty");
    action.from = *suffix;
    return Success{};
  }

  Checked wordPiece(const Component &at, DecoderSpec::Action &action) {
    if (Checked keys = at.only({"type", "prefix", "cleanup"}); !keys)
      return keys;
    Result<std::string> prefix = std::string("##");
    if (at.get("prefix"))
      prefix = affix(at, "prefix");
    if (!prefix)
      return prefix.takeError();
    Result<bool> cleanup = at.flag("cleanup", true);
    if (!cleanup)
      return cleanup.takeError();
    action.from = *prefix;
    action.cleanup = *cleanup;
    return Success{};
  }

  Checked metaspace(const Component &at, DecoderSpec::Action &action) {
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
    action.from = *symbol;
    action.drop = !never;
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
      DecoderSpec::Action action = {DecoderSpec::Action::Kind::Strip};
      action.content = (*content)[0];
      action.start = counts[0];
      action.stop = counts[1];
      decoder.actions.push_back(std::move(action));
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
  DecoderSpec &decoder;
  bool fused = false;
};

} // namespace

Checked readPostProcessor(const Component &root, TokenizerSpec &spec) {
  Result<std::optional<Component>> at = component(root, "post_processor");
  if (!at)
    return at.takeError();
  return *at ? postProcessorInto(**at, spec, 0) : Checked(Success{});
}

Checked readDecoder(const Component &root, SpecBuilder &builder) {
  Result<std::optional<Component>> at = component(root, "decoder");
  if (!at)
    return at.takeError();
  DecoderReader reader(builder);
  if (*at)
    if (Checked done = reader.read(**at, 0); !done)
      return done;
  if (!reader.used) // the library joins tokens by spaces then
    builder.decoder.actions.push_back({DecoderSpec::Action::Kind::Spaced});
  return Success{};
}

} // namespace llmc::text
