// SectionWriter.h - lays a tokenizer out as the bytes of llmc/tokenizer_format.h; shared by the files that do so.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_SECTIONWRITER_H
#define LLMC_FRONTENDS_TEXT_SECTIONWRITER_H

#include "frontends/text/TokenizerSpec.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <queue>

namespace llmc::text {

/// Writes one section. Every step that can fail leaves what is wrong in `mistake`.
class SectionWriter {
public:
  explicit SectionWriter(const TokenizerSpec &spec) : spec(spec) { out.resize(sizeof(llmc_tokenizer_header)); }
  SectionResult write();

private:
  void align() { out.resize((out.size() + 7) & ~size_t(7)); }

  template <typename Row> llmc_tokenizer_range table(const std::vector<Row> &rows) {
    if (rows.empty())
      return {0, 0};
    align();
    llmc_tokenizer_range range = {static_cast<uint32_t>(out.size()), static_cast<uint32_t>(rows.size())};
    out.append(reinterpret_cast<const char *>(rows.data()), rows.size() * sizeof(Row));
    return range;
  }

  llmc_tokenizer_text text(const std::string &bytes) {
    if (bytes.empty())
      return {0, 0};
    llmc_tokenizer_text place = {static_cast<uint32_t>(out.size()), static_cast<uint32_t>(bytes.size())};
    out += bytes;
    return place;
  }

  bool fail(std::string what) {
    mistake = std::move(what);
    return false;
  }
  bool isModelToken(uint32_t id) const { return spec.tokens[id].flags & LLMC_TOKEN_MODEL; }

  // TokenizerSection.cpp: tokens and the model.
  uint32_t find(std::string_view bytes) const;
  const llmc_tokenizer_merge *find(uint32_t left, uint32_t right) const;
  void byteTables();
  bool vocabularyTable();
  bool mergeTable();
  bool searchTables();
  bool addedTries();
  bool trie(std::vector<std::pair<std::string_view, uint32_t>> values, llmc_tokenizer_range &range);
  void tokenTable();
  std::vector<uint32_t> symbolsOf(std::string_view bytes) const;
  bool isWhole(uint32_t id) const;
  uint32_t merged(std::vector<uint32_t> symbols) const;

  // TokenizerSectionPipeline.cpp: what comes before the model.
  std::optional<StepSpec> cutAtWords() const;
  bool pipeline();
  bool normalizer();
  bool steps();
  bool automaton(const PatternNode &pattern, const std::string &name, uint32_t &number);
  bool mapTables(const OperationSpec &operation, llmc_tokenizer_operation &row);
  void classTables();

  const TokenizerSpec &spec;
  std::string out;
  llmc_tokenizer_header header = {};
  std::string mistake;
  std::vector<llmc_tokenizer_slot> texts;
  std::vector<llmc_tokenizer_merge> merges;
  std::vector<uint32_t> byteIds;
  std::vector<StepSpec> stepSpecs; // the spec's, and what makes them faster
  CodepointClasses classes;
  struct FlaggedSet {
    const CodepointSet *set;
    uint8_t flag; ///< LLMC_CLASS_*
  };
  std::vector<FlaggedSet> flagged;
  std::vector<llmc_tokenizer_dfa> dfas;
  std::vector<uint16_t> transitions;
};

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_SECTIONWRITER_H
