// ConfigReader.cpp - checked reads of a JSON object's keys.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/config/ConfigReader.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace llmc {

namespace {

/// The largest float: what a model computes with must not become an infinity when it is rounded to f32.
constexpr double kFloatMax = 0x1.fffffep127;

std::string describe(IntegerRange range) { return std::to_string(range.min) + " to " + std::to_string(range.max); }

std::string describe(NumberRange range) {
  if (range.max >= kFloatMax)
    return (range.openMin ? "more than " : "at least ") + shortNumber(range.min);
  return (range.openMin ? "more than " + shortNumber(range.min) + ", at most " : shortNumber(range.min) + " to ") +
         shortNumber(range.max);
}

bool within(double value, NumberRange range) {
  return std::isfinite(value) && std::fabs(value) <= kFloatMax && value <= range.max &&
         (range.openMin ? value > range.min : value >= range.min);
}

/// A value in bounds, for going on after a mistake.
double anyOf(NumberRange range) { return range.openMin ? (range.max > 1 && range.min < 1 ? 1 : range.max) : range.min; }

} // namespace

std::string shortNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

ConfigReader::ConfigReader(json::Value object, std::string prefix)
    : root(object), prefix(std::move(prefix)), understood(object.size(), false) {
  if (!object.isObject())
    first = this->prefix.empty()
                ? object.error(std::string("expected an object, found ") + json::kindName(object.kind()))
                : object.mismatch(this->prefix.substr(0, this->prefix.size() - 1), "an object");
}

std::string ConfigReader::shown(std::string_view key) const { return "'" + prefix + json::printable(key) + "'"; }

bool ConfigReader::isSet(std::string_view key) const {
  const std::optional<json::Value> value = root.find(key);
  return value && !value->isNull();
}

std::optional<json::Value> ConfigReader::take(std::string_view key) {
  if (!root.isObject())
    return std::nullopt;
  for (size_t i = 0; i < root.size(); ++i)
    if (root.key(i).asString() == key) {
      understood[i] = true;
      if (root.member(i).isNull())
        return std::nullopt;
      return root.member(i);
    }
  return std::nullopt;
}

void ConfigReader::take(const std::optional<Diagnostic> &other) {
  if (!first && other)
    first = other;
}

void ConfigReader::fail(std::string_view key, std::string message, std::string note) {
  if (first)
    return;
  const std::optional<json::Value> value = root.find(key);
  first = (value ? *value : root).error(std::move(message), std::move(note));
}

std::optional<int64_t> ConfigReader::maybeInteger(std::string_view key, IntegerRange range) {
  const std::optional<json::Value> value = take(key);
  if (!value)
    return std::nullopt;
  Result<int64_t> found = value->getInteger(prefix + std::string(key));
  if (!found) {
    take(std::optional<Diagnostic>(found.takeError()));
    return range.min;
  }
  if (*found >= range.min && *found <= range.max)
    return *found;
  fail(key, shown(key) + " = " + std::to_string(*found) + " is out of range (expected " + describe(range) + ")");
  return range.min;
}

int64_t ConfigReader::integer(std::string_view key, IntegerRange range, int64_t unset) {
  return maybeInteger(key, range).value_or(unset);
}

int64_t ConfigReader::requireInteger(std::string_view key, IntegerRange range) {
  if (std::optional<int64_t> value = maybeInteger(key, range))
    return *value;
  fail(key, shown(key) + " is missing");
  return range.min;
}

std::optional<double> ConfigReader::maybeNumber(std::string_view key, NumberRange range) {
  const std::optional<json::Value> value = take(key);
  if (!value)
    return std::nullopt;
  Result<double> found = value->getNumber(prefix + std::string(key));
  if (!found) {
    take(std::optional<Diagnostic>(found.takeError()));
    return anyOf(range);
  }
  if (within(*found, range))
    return *found;
  fail(key, shown(key) + " = " + shortNumber(*found) + " is out of range (expected " + describe(range) + ")");
  return anyOf(range);
}

double ConfigReader::number(std::string_view key, NumberRange range, double unset) {
  return maybeNumber(key, range).value_or(unset);
}

double ConfigReader::requireNumber(std::string_view key, NumberRange range) {
  if (std::optional<double> value = maybeNumber(key, range))
    return *value;
  fail(key, shown(key) + " is missing");
  return anyOf(range);
}

std::optional<bool> ConfigReader::maybeFlag(std::string_view key) {
  const std::optional<json::Value> value = take(key);
  if (!value)
    return std::nullopt;
  Result<bool> found = value->getBool(prefix + std::string(key));
  if (found)
    return *found;
  take(std::optional<Diagnostic>(found.takeError()));
  return false;
}

bool ConfigReader::flag(std::string_view key, bool unset) { return maybeFlag(key).value_or(unset); }

std::optional<std::string> ConfigReader::maybeString(std::string_view key) {
  const std::optional<json::Value> value = take(key);
  if (!value)
    return std::nullopt;
  Result<std::string_view> found = value->getString(prefix + std::string(key));
  if (found)
    return std::string(*found);
  take(std::optional<Diagnostic>(found.takeError()));
  return std::string();
}

std::string ConfigReader::requireString(std::string_view key) {
  if (std::optional<std::string> value = maybeString(key))
    return *value;
  fail(key, shown(key) + " is missing");
  return {};
}

std::optional<std::vector<double>> ConfigReader::maybeNumbers(std::string_view key, NumberRange range, size_t least,
                                                              size_t most) {
  const std::optional<json::Value> value = take(key);
  if (!value)
    return std::nullopt;
  Result<json::Value> list = value->getArray(prefix + std::string(key));
  std::vector<double> numbers;
  if (!list) {
    take(std::optional<Diagnostic>(list.takeError()));
    return numbers;
  }
  if (list->size() < least || list->size() > most) {
    fail(key, shown(key) + " holds " + std::to_string(list->size()) + " numbers, expected " + std::to_string(least) +
                  (least == most ? "" : " to " + std::to_string(most)));
    return numbers;
  }
  for (size_t i = 0; i < list->size(); ++i) {
    const json::Value item = list->at(i);
    if (!item.isNumber() || !within(item.asNumber(), range)) {
      if (!first)
        first =
            item.error("element " + std::to_string(i) + " of " + shown(key) + " must be a number, " + describe(range) +
                       ", found " + (item.isNumber() ? shortNumber(item.asNumber()) : json::kindName(item.kind())));
      return numbers;
    }
    numbers.push_back(item.asNumber());
  }
  return numbers;
}

std::optional<std::vector<std::string>> ConfigReader::maybeStrings(std::string_view key, size_t most) {
  const std::optional<json::Value> value = take(key);
  if (!value)
    return std::nullopt;
  Result<json::Value> list = value->getArray(prefix + std::string(key));
  std::vector<std::string> strings;
  if (!list) {
    take(std::optional<Diagnostic>(list.takeError()));
    return strings;
  }
  if (list->size() > most) {
    fail(key,
         shown(key) + " holds " + std::to_string(list->size()) + " strings, expected at most " + std::to_string(most));
    return strings;
  }
  for (size_t i = 0; i < list->size(); ++i) {
    const json::Value item = list->at(i);
    if (!item.isString()) {
      if (!first)
        first = item.error("element " + std::to_string(i) + " of " + shown(key) + " must be a string, found " +
                           json::kindName(item.kind()));
      return strings;
    }
    strings.emplace_back(item.asString());
  }
  return strings;
}

std::optional<json::Value> ConfigReader::maybeObject(std::string_view key) {
  const std::optional<json::Value> value = take(key);
  if (!value || value->isObject())
    return value;
  take(std::optional<Diagnostic>(value->mismatch(prefix + std::string(key), "an object")));
  return std::nullopt;
}

std::optional<json::Value> ConfigReader::maybeAny(std::string_view key) { return take(key); }

void ConfigReader::skip(std::string_view key) { (void)take(key); }

void ConfigReader::expectFlag(std::string_view key, bool value) {
  if (flag(key, value) != value && !first)
    fail(key, shown(key) + " = " + (value ? "false" : "true") + " is not supported");
}

void ConfigReader::refuseUnknown(const std::vector<std::string_view> &harmless, const std::string &reader) {
  for (size_t i = 0; i < root.size() && !first; ++i) {
    const json::Value key = root.key(i);
    if (understood[i] || root.member(i).isNull() ||
        std::find(harmless.begin(), harmless.end(), key.asString()) != harmless.end())
      continue;
    first =
        key.error("unknown key " + shown(key.asString()),
                  reader + " may not ignore it, since it may change what the model computes; remove it if it does not");
  }
}

Checked ConfigReader::finish() const {
  if (first)
    return *first;
  return Success{};
}

} // namespace llmc
