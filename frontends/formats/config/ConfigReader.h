// ConfigReader.h - reads the keys of a JSON object, checks them, and finds the keys that nobody read.
//
// Free of MLIR: the fuzzed readers of config.json and generation_config.json are built on it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_CONFIG_CONFIGREADER_H
#define LLMC_FRONTENDS_FORMATS_CONFIG_CONFIGREADER_H

#include "frontends/formats/json/Json.h"

#include <string>
#include <string_view>
#include <vector>

namespace llmc {

/// Inclusive bounds of an integer.
struct IntegerRange {
  int64_t min, max;
};

/// Bounds of a number; `openMin` excludes the lower one.
struct NumberRange {
  double min, max;
  bool openMin = false;
};

/// Reads one object key by key. The first mistake is kept and every read goes on with a value inside its bounds, so
/// that the caller is a plain list of reads: `finish` (or `mistake`) tells afterwards. A key that is absent or null is
/// "not set". The document must outlive the reader.
class ConfigReader {
public:
  /// `prefix` stands before the keys in messages: "rope_scaling.".
  explicit ConfigReader(json::Value object, std::string prefix = {});

  bool isSet(std::string_view key) const;

  // Each read marks the key as understood.
  int64_t requireInteger(std::string_view key, IntegerRange range);
  int64_t integer(std::string_view key, IntegerRange range, int64_t unset);
  std::optional<int64_t> maybeInteger(std::string_view key, IntegerRange range);
  double requireNumber(std::string_view key, NumberRange range);
  double number(std::string_view key, NumberRange range, double unset);
  std::optional<double> maybeNumber(std::string_view key, NumberRange range);
  bool flag(std::string_view key, bool unset);
  std::optional<bool> maybeFlag(std::string_view key);
  std::string requireString(std::string_view key);
  std::optional<std::string> maybeString(std::string_view key);
  /// A list of numbers, at least `least` and at most `most` of them.
  std::optional<std::vector<double>> maybeNumbers(std::string_view key, NumberRange range, size_t least, size_t most);
  std::optional<std::vector<std::string>> maybeStrings(std::string_view key, size_t most);
  std::optional<json::Value> maybeObject(std::string_view key);
  /// Whatever stands there, unless it is null.
  std::optional<json::Value> maybeAny(std::string_view key);
  /// Marks a key as understood without looking at it.
  void skip(std::string_view key);
  /// The feature behind the key is not there: when it is set it must be that value.
  void expectFlag(std::string_view key, bool value);

  /// Reports a mistake at a key's value, or at the object when the key is not set.
  void fail(std::string_view key, std::string message, std::string note = {});
  /// Takes over another reader's mistake, if this one has none.
  void take(const std::optional<Diagnostic> &other);
  const std::optional<Diagnostic> &mistake() const { return first; }

  /// The key as messages show it.
  std::string shown(std::string_view key) const;
  json::Value object() const { return root; }

  /// Nothing may be left: a key that is set, was not read and is not in `harmless` is a mistake. `reader` says in the
  /// note who would ignore it.
  void refuseUnknown(const std::vector<std::string_view> &harmless, const std::string &reader);
  /// The first mistake, as a result.
  Checked finish() const;

private:
  std::optional<json::Value> take(std::string_view key);

  json::Value root;
  std::string prefix;
  std::vector<bool> understood; // One for each member.
  std::optional<Diagnostic> first;
};

/// A double as messages show it: the shortest text of at most 6 significant digits.
std::string shortNumber(double value);

} // namespace llmc

#endif // LLMC_FRONTENDS_FORMATS_CONFIG_CONFIGREADER_H
