// MetadataReader.cpp - checked reads of GGUF metadata, and the facts of generation in it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/gguf/MetadataReader.h"

#include "frontends/formats/json/Json.h"

#include <algorithm>
#include <cmath>

namespace llmc::gguf {

namespace {

std::string quoted(std::string_view key) { return "'" + json::printable(key) + "'"; }

std::string describe(IntegerRange range) { return std::to_string(range.min) + " to " + std::to_string(range.max); }

std::string describe(NumberRange range) {
  return (range.openMin ? "more than " : "at least ") + shortNumber(range.min) + ", at most " + shortNumber(range.max);
}

bool within(double value, NumberRange range) {
  return std::isfinite(value) && value <= range.max && (range.openMin ? value > range.min : value >= range.min);
}

double anyOf(NumberRange range) { return range.openMin ? (range.max > 1 && range.min < 1 ? 1 : range.max) : range.min; }

} // namespace

void MetadataReader::fail(std::string message, std::string note) {
  if (!first)
    first = Diagnostic{name, 0, 0, std::move(message), std::move(note)};
}

std::optional<Value> MetadataReader::maybeAny(std::string_view key) {
  const auto found = std::lower_bound(file.metadata.begin(), file.metadata.end(), key,
                                      [](const Entry &entry, std::string_view key) { return entry.key < key; });
  if (found == file.metadata.end() || found->key != key)
    return std::nullopt;
  understood[size_t(found - file.metadata.begin())] = true;
  return found->value;
}

std::optional<int64_t> MetadataReader::maybeInteger(std::string_view key, IntegerRange range) {
  std::optional<Value> value = maybeAny(key);
  if (!value)
    return std::nullopt;
  if (value->isArray() && Value::isIntegerKind(value->element()) && value->size() != 0) {
    const Value all = *value;
    value = all.at(0);
    for (uint64_t i = 1; i < all.size(); ++i)
      if (all.at(i).asInteger() != value->asInteger()) {
        fail(quoted(key) + " is " + std::to_string(value->asInteger().value_or(INT64_MAX)) + " at first and " +
             std::to_string(all.at(i).asInteger().value_or(INT64_MAX)) + " at layer " + std::to_string(i) +
             ", expected one number for all layers");
        return range.min;
      }
  }
  if (!value->isInteger()) {
    fail(quoted(key) + " must be an integer, found " + value->describe());
    return range.min;
  }
  const std::optional<int64_t> number = value->asInteger();
  if (number && *number >= range.min && *number <= range.max)
    return number;
  fail(quoted(key) + " = " + (number ? std::to_string(*number) : "more than 2^63 - 1") + " is out of range (expected " +
       describe(range) + ")");
  return range.min;
}

int64_t MetadataReader::integer(std::string_view key, IntegerRange range, int64_t unset) {
  return maybeInteger(key, range).value_or(unset);
}

int64_t MetadataReader::requireInteger(std::string_view key, IntegerRange range) {
  if (const std::optional<int64_t> number = maybeInteger(key, range))
    return *number;
  fail(quoted(key) + " is missing");
  return range.min;
}

std::optional<double> MetadataReader::maybeNumber(std::string_view key, NumberRange range) {
  const std::optional<Value> value = maybeAny(key);
  if (!value)
    return std::nullopt;
  if (!value->isNumber()) {
    fail(quoted(key) + " must be a number, found " + value->describe());
    return anyOf(range);
  }
  const double number = value->asNumber();
  if (within(number, range))
    return number;
  fail(quoted(key) + " = " + shortNumber(number) + " is out of range (expected " + describe(range) + ")");
  return anyOf(range);
}

double MetadataReader::number(std::string_view key, NumberRange range, double unset) {
  return maybeNumber(key, range).value_or(unset);
}

std::optional<bool> MetadataReader::maybeFlag(std::string_view key) {
  const std::optional<Value> value = maybeAny(key);
  if (!value)
    return std::nullopt;
  if (value->isBool())
    return value->asBool();
  fail(quoted(key) + " must be a truth value, found " + value->describe());
  return false;
}

std::optional<std::string> MetadataReader::maybeString(std::string_view key) {
  const std::optional<Value> value = maybeAny(key);
  if (!value)
    return std::nullopt;
  if (value->isString())
    return std::string(value->asString());
  fail(quoted(key) + " must be a string, found " + value->describe());
  return std::string();
}

std::string MetadataReader::requireString(std::string_view key) {
  if (std::optional<std::string> text = maybeString(key))
    return *text;
  fail(quoted(key) + " is missing");
  return {};
}

std::optional<Value> MetadataReader::maybeArray(std::string_view key, Kind element) {
  const std::optional<Value> value = maybeAny(key);
  if (!value)
    return std::nullopt;
  if (value->isArray() && value->element() == element)
    return value;
  fail(quoted(key) + " must be " + Value(Kind::Array, {}, element).describe() + ", found " + value->describe());
  return std::nullopt;
}

std::optional<std::vector<std::string_view>> MetadataReader::maybeStrings(std::string_view key) {
  const std::optional<Value> value = maybeArray(key, Kind::String);
  if (!value)
    return std::nullopt;
  return value->strings();
}

void MetadataReader::refuseUnknown(std::string_view prefix, const std::vector<std::string_view> &harmless,
                                   const std::string &reader) {
  for (size_t i = 0; i < file.metadata.size() && !first; ++i) {
    const std::string_view key = file.metadata[i].key;
    if (understood[i] || key.substr(0, prefix.size()) != prefix ||
        std::find(harmless.begin(), harmless.end(), key.substr(prefix.size())) != harmless.end())
      continue;
    fail("unknown key " + quoted(key),
         reader + " may not ignore it, since it may change what the model computes; remove it if it does not");
  }
}

GenerationConfig readGeneration(MetadataReader &metadata, int64_t vocabSize) {
  GenerationConfig result;
  // All ones, and -1, say that there is no such token.
  const auto token = [&](const char *key) -> std::optional<int64_t> {
    const std::optional<Value> value = metadata.maybeAny(key);
    if (value && value->isInteger() && (value->asInteger() == UINT32_MAX || value->asInteger() == -1))
      return std::nullopt;
    return metadata.maybeInteger(key, {0, vocabSize - 1});
  };
  result.bos = token("tokenizer.ggml.bos_token_id");
  result.pad = token("tokenizer.ggml.padding_token_id");
  // The end of a text, of a turn, of a message: generation stops at each.
  for (const char *key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"})
    if (const std::optional<int64_t> id = token(key))
      if (std::find(result.eos.begin(), result.eos.end(), *id) == result.eos.end())
        result.eos.push_back(*id);
  result.temperature = metadata.maybeNumber("general.sampling.temp", {0, 1e6});
  result.topK = metadata.maybeInteger("general.sampling.top_k", {0, INT32_MAX});
  result.topP = metadata.maybeNumber("general.sampling.top_p", {0, 1, true});
  result.minP = metadata.maybeNumber("general.sampling.min_p", {0, 1});
  result.repetitionPenalty = metadata.maybeNumber("general.sampling.penalty_repeat", {0, 1e6, true});
  // A file that says how to sample wants it, unless by a temperature of 0.
  result.doSample = result.temperature ? *result.temperature > 0 : result.topK || result.topP || result.minP;
  return result;
}

} // namespace llmc::gguf
