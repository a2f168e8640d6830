// TokenizerSectionPipeline.cpp - the normaliser and the pre-tokenizer of a section, and the classes of characters.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/SectionWriter.h"

namespace llmc::text {

static bool isNormalForm(uint32_t kind) { return kind >= LLMC_NORMALIZE_NFC && kind <= LLMC_NORMALIZE_NFKD; }

/// SentencePiece's BPE sees a text as one piece. Where no merge makes a token with a blank's symbol behind another
/// character, no merge reaches over the start of a word: cutting there changes nothing but makes pieces short.
std::optional<StepSpec> SectionWriter::cutAtWords() const {
  bool plain = spec.model == LLMC_TOKENIZER_BPE && spec.wordInner.empty() && spec.wordEnd.empty() &&
               !(spec.flags & (LLMC_TOKENIZER_BYTE_LEVEL | LLMC_TOKENIZER_IGNORE_MERGES));
  const std::string blank = "\u2581";
  if (!plain || !spec.steps.empty() || find(blank) == LLMC_NO_TOKEN) // an unknown blank would fuse with its neighbours
    return std::nullopt;
  for (const MergeSpec &merge : spec.merges) {
    const std::string &text = spec.tokens[merge.result].text;
    size_t begin = 0;
    while (text.compare(begin, blank.size(), blank) == 0)
      begin += blank.size();
    if (text.find(blank, begin) != std::string::npos)
      return std::nullopt;
  }
  StepSpec step;
  step.pattern = parsePattern("\u2581*[^\u2581]+|\u2581+").value;
  step.name = "the cut at words";
  return step;
}

bool SectionWriter::pipeline() {
  stepSpecs = spec.steps;
  if (std::optional<StepSpec> cut = cutAtWords())
    stepSpecs.push_back(std::move(*cut));
  uint16_t addedFlags = 0;
  for (const AddedSpec &added : spec.added)
    addedFlags |= spec.tokens[added.token].flags;
  bool needSpace = addedFlags & (LLMC_TOKEN_LSTRIP | LLMC_TOKEN_RSTRIP), forms[4] = {};
  for (const OperationSpec &operation : spec.normalizer) {
    classes.add(operation.pattern);
    needSpace |= operation.kind == LLMC_NORMALIZE_STRIP;
    if (isNormalForm(operation.kind))
      forms[operation.kind - LLMC_NORMALIZE_NFC] = true;
  }
  for (const StepSpec &step : stepSpecs)
    classes.add(step.pattern);
  if (needSpace)
    flagged.push_back({&whiteSpaceSet(), LLMC_CLASS_SPACE});
  if (addedFlags & LLMC_TOKEN_SINGLE_WORD)
    flagged.push_back({&addedWordSet(), LLMC_CLASS_WORD});
  for (unsigned form = 0; form < 4; ++form)
    if (forms[form])
      flagged.push_back({&normalizationTables().unstable[form], static_cast<uint8_t>(LLMC_CLASS_NFC << form)});
  for (FlaggedSet entry : flagged)
    classes.add(*entry.set);
  if (!classes.finish())
    return fail("the tokenizer's patterns tell more than 255 kinds of characters apart");
  classTables();
  if (!normalizer() || !steps())
    return false;
  header.dfas = table(dfas);
  header.transitions = table(transitions);

  bool canonical = forms[0] || forms[1], compatibility = forms[2] || forms[3];
  const NormalizationTables *tables = canonical || compatibility ? &normalizationTables() : nullptr;
  if (canonical)
    header.canonical = table(tables->canonical);
  if (compatibility)
    header.compatibility = table(tables->compatibility);
  if (tables) {
    header.decomposed = table(tables->decomposed);
    header.combining = table(tables->combining);
  }
  if (forms[0] || forms[2])
    header.compositions = table(tables->compositions);
  return true;
}

bool SectionWriter::automaton(const PatternNode &pattern, const std::string &name, uint32_t &number) {
  PatternResult<Dfa> dfa = compilePattern(pattern, classes);
  if (!dfa)
    return fail(name + ": " + dfa.mistake);
  number = static_cast<uint32_t>(dfas.size());
  dfas.push_back({static_cast<uint32_t>(transitions.size()), dfa.value.stateCount});
  transitions.insert(transitions.end(), dfa.value.transitions.begin(), dfa.value.transitions.end());
  return true;
}

bool SectionWriter::normalizer() {
  std::vector<llmc_tokenizer_operation> rows;
  for (const OperationSpec &operation : spec.normalizer) {
    llmc_tokenizer_operation row = {};
    row.kind = operation.kind;
    row.flags = operation.flags;
    row.a = text(operation.a);
    row.b = text(operation.b);
    if (operation.kind == LLMC_NORMALIZE_MATCHES || (operation.flags & LLMC_OPERATION_CLUSTERS))
      if (!automaton(operation.pattern, operation.name, row.dfa))
        return false;
    if (operation.kind == LLMC_NORMALIZE_MAP || operation.kind == LLMC_NORMALIZE_CHARSMAP)
      if (!mapTables(operation, row))
        return false;
    rows.push_back(row);
  }
  header.normalizer = table(rows);
  return true;
}

bool SectionWriter::mapTables(const OperationSpec &operation, llmc_tokenizer_operation &row) {
  std::vector<llmc_tokenizer_text> places;
  if (operation.kind == LLMC_NORMALIZE_CHARSMAP) {
    std::map<std::string_view, uint32_t> numbers; // equal texts are kept once
    std::vector<std::pair<std::string_view, uint32_t>> values;
    for (const auto &[key, value] : operation.charsmap) {
      auto [entry, isNew] = numbers.try_emplace(value, static_cast<uint32_t>(places.size()));
      if (isNew)
        places.push_back(text(value));
      values.push_back({key, entry->second});
    }
    row.texts = table(places);
    return trie(std::move(values), row.entries);
  }
  for (const std::string &value : operation.map->texts)
    places.push_back(text(value));
  std::map<std::vector<uint16_t>, uint16_t> numbers;
  std::vector<uint16_t> index, blocks;
  for (auto block = operation.map->entries.begin(); block != operation.map->entries.end(); block += 256) {
    auto [entry, isNew] =
        numbers.try_emplace(std::vector<uint16_t>(block, block + 256), static_cast<uint16_t>(numbers.size()));
    index.push_back(entry->second);
    if (isNew)
      blocks.insert(blocks.end(), block, block + 256);
  }
  row.index = table(index);
  row.entries = table(blocks);
  row.texts = table(places);
  return true;
}

bool SectionWriter::steps() {
  std::vector<llmc_tokenizer_step> rows;
  for (const StepSpec &step : stepSpecs) {
    llmc_tokenizer_step row = {step.kind, 0, 0, 0, text(step.a), text(step.b)};
    if (step.kind == LLMC_STEP_SPLIT) {
      if (!automaton(step.pattern, step.name, row.dfa))
        return false;
      row.behavior = step.behavior;
      row.flags = (step.invert ? LLMC_STEP_INVERT : 0u) | (step.alphabet ? LLMC_STEP_ALPHABET : 0u);
    }
    rows.push_back(row);
  }
  header.steps = table(rows);
  return true;
}

void SectionWriter::classTables() {
  std::vector<uint8_t> flags(classes.count(), 0);
  for (FlaggedSet entry : flagged) {
    std::vector<bool> members = classes.membersOf(*entry.set);
    for (uint32_t number = 0; number < classes.count(); ++number)
      if (members[number])
        flags[number] |= entry.flag;
  }

  std::map<std::vector<uint8_t>, uint16_t> numbers;
  std::vector<uint16_t> index;
  std::vector<uint8_t> blocks, block(256);
  const std::vector<CodepointClasses::Run> &runs = classes.runs();
  size_t run = 0; // that holds the start of the block
  for (uint32_t start = 0; start < codepointCount; start += 256) {
    while (run + 1 < runs.size() && runs[run + 1].first <= start)
      ++run;
    size_t at = run;
    for (uint32_t i = 0; i < 256; ++i) {
      if (at + 1 < runs.size() && runs[at + 1].first == start + i)
        ++at;
      block[i] = runs[at].number;
    }
    // Most blocks hold one class, as the block before them does.
    if (start && at == run && runs[run].first + 256 <= start) {
      index.push_back(index.back());
      continue;
    }
    auto [entry, isNew] = numbers.try_emplace(block, static_cast<uint16_t>(numbers.size()));
    index.push_back(entry->second);
    if (isNew)
      blocks.insert(blocks.end(), block.begin(), block.end());
  }
  header.class_index = table(index);
  header.class_blocks = table(blocks);
  header.class_flags = table(flags);
}

} // namespace llmc::text
