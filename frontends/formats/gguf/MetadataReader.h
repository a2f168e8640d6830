// MetadataReader.h - checked reads of a GGUF file's metadata: each key is asked for by name, type and range, and what
// nobody asked for is found in the end. The counterpart of config/ConfigReader.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_GGUF_METADATAREADER_H
#define LLMC_FRONTENDS_FORMATS_GGUF_METADATAREADER_H

#include "frontends/formats/config/ConfigReader.h"
#include "frontends/formats/config/GenerationConfig.h"
#include "frontends/formats/gguf/Gguf.h"

namespace llmc::gguf {

/// Keeps the first mistake; a read that fails yields a value in range, so that reading can go on. Keys are given whole.
class MetadataReader {
public:
  /// Both must outlive the reader.
  MetadataReader(const File &file, const std::string &name)
      : file(file), name(name), understood(file.metadata.size()) {}

  bool has(std::string_view key) const { return file.find(key).has_value(); }
  /// The value of any type, marked as understood.
  std::optional<Value> maybeAny(std::string_view key);
  /// An integer of any width; an array of integers when all are equal, as files with one for each layer have.
  std::optional<int64_t> maybeInteger(std::string_view key, IntegerRange range);
  int64_t integer(std::string_view key, IntegerRange range, int64_t unset);
  int64_t requireInteger(std::string_view key, IntegerRange range);
  std::optional<double> maybeNumber(std::string_view key, NumberRange range);
  double number(std::string_view key, NumberRange range, double unset);
  std::optional<bool> maybeFlag(std::string_view key);
  std::optional<std::string> maybeString(std::string_view key);
  std::string requireString(std::string_view key);
  /// An array of strings, of 32-bit integers, or of numbers, or nothing when the key is absent.
  std::optional<std::vector<std::string_view>> maybeStrings(std::string_view key);
  std::optional<Value> maybeArray(std::string_view key, Kind element);

  void fail(std::string message, std::string note = {});
  const std::optional<Diagnostic> &mistake() const { return first; }
  /// A key that begins with `prefix`, was not read and is not in `harmless` is a mistake.
  void refuseUnknown(std::string_view prefix, const std::vector<std::string_view> &harmless, const std::string &reader);

private:
  const File &file;
  const std::string &name;
  std::vector<bool> understood; // One for each entry.
  std::optional<Diagnostic> first;
};

/// Special tokens and sampling defaults of a GGUF file: tokenizer.ggml.*_token_id and general.sampling.*.
GenerationConfig readGeneration(MetadataReader &metadata, int64_t vocabSize);

} // namespace llmc::gguf

#endif // LLMC_FRONTENDS_FORMATS_GGUF_METADATAREADER_H
