// NormalForm.cpp - decomposes runs of characters, orders their marks, and composes them again.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/NormalForm.h"

namespace llmc::runtime {

namespace {

// Hangul syllables compose by arithmetic (The Unicode Standard, section 3.12).
constexpr uint32_t syllableBase = 0xac00, leadBase = 0x1100, vowelBase = 0x1161, tailBase = 0x11a7;
constexpr uint32_t leadCount = 19, vowelCount = 21, tailCount = 28;
constexpr uint32_t syllableCount = leadCount * vowelCount * tailCount;

bool appendCharacter(Array<uint8_t> &out, uint32_t codepoint) {
  uint8_t bytes[4];
  return out.append(bytes, encodeCharacter(codepoint, bytes));
}

} // namespace

/// The flag of the classes that the form may change, by kind.
static uint8_t unstableFlag(uint32_t kind) {
  return static_cast<uint8_t>(LLMC_CLASS_NFC << (kind - LLMC_NORMALIZE_NFC));
}

bool NormalForm::mayChange(Bytes in, uint32_t kind) const {
  uint8_t flag = unstableFlag(kind);
  for (size_t at = 0; at < in.size;) {
    if (in.data[at] < 0x80) { // no form touches ASCII
      ++at;
      continue;
    }
    Character character = decodeCharacter(in.data + at, in.size - at);
    if (tables.classFlags[tables.classOf(character.codepoint)] & flag)
      return true;
    at += character.size;
  }
  return false;
}

/// A run is one stable character and the unstable ones after it: nothing composes across the start of a stable
/// character.
TextStatus NormalForm::apply(Bytes in, uint32_t kind, Array<uint8_t> &out) {
  uint8_t flag = unstableFlag(kind);
  bool compose = kind == LLMC_NORMALIZE_NFC || kind == LLMC_NORMALIZE_NFKC;
  const Table<llmc_tokenizer_decomposition> &rows =
      kind == LLMC_NORMALIZE_NFC || kind == LLMC_NORMALIZE_NFD ? tables.canonical : tables.compatibility;
  size_t at = 0;
  size_t stableAt = 0;     // the latest stable character: it may compose with what follows
  uint32_t stableSize = 0; // its bytes; 0 when there is none
  size_t copied = 0;
  while (at < in.size) {
    Character character = decodeCharacter(in.data + at, in.size - at);
    if (!(tables.classFlags[tables.classOf(character.codepoint)] & flag)) {
      stableAt = at;
      // A byte that is not UTF-8 stays as it is and composes with nothing.
      bool illFormed = character.codepoint == replacementCharacter && character.size == 1;
      stableSize = illFormed ? 0 : character.size;
      at += character.size;
      continue;
    }
    bool withStable = compose && stableSize;
    size_t start = withStable ? stableAt : at;
    if (!out.append(in.data + copied, start - copied))
      return TextStatus::OutOfMemory;
    run.clear();
    at = start;
    bool first = true;
    while (at < in.size) {
      character = decodeCharacter(in.data + at, in.size - at);
      bool unstable = tables.classFlags[tables.classOf(character.codepoint)] & flag;
      if (!unstable && !(first && withStable))
        break;
      if (!decompose(character.codepoint, rows))
        return TextStatus::OutOfMemory;
      at += character.size;
      first = false;
    }
    TextStatus status = finishRun(compose, out);
    if (status != TextStatus::Ok)
      return status;
    copied = at;
    stableSize = 0;
  }
  return out.append(in.data + copied, in.size - copied) ? TextStatus::Ok : TextStatus::OutOfMemory;
}

/// Appends the full decomposition of a character to the run.
bool NormalForm::decompose(uint32_t codepoint, const Table<llmc_tokenizer_decomposition> &rows) {
  uint32_t syllable = codepoint - syllableBase;
  if (syllable < syllableCount) {
    uint32_t tail = syllable % tailCount;
    return run.push({leadBase + syllable / (vowelCount * tailCount), 0}) &&
           run.push({vowelBase + syllable / tailCount % vowelCount, 0}) &&
           (tail == 0 || run.push({tailBase + tail, 0}));
  }
  uint32_t low = 0, high = rows.count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (rows[middle].codepoint < codepoint)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == rows.count || rows[low].codepoint != codepoint)
    return run.push({codepoint, combiningClass(codepoint)});
  const llmc_tokenizer_decomposition &row = rows[low];
  for (uint32_t i = 0; i < row.count; ++i) {
    uint32_t part = tables.decomposed[row.first + i];
    if (!run.push({part, combiningClass(part)}))
      return false;
  }
  return true;
}

/// Puts the marks between starters into the order of their classes.
TextStatus NormalForm::orderMarks() {
  // Stable order by combining class between starters: by counting, so that a million marks take linear time.
  if (!sorted.resize(run.size()))
    return TextStatus::OutOfMemory;
  for (size_t begin = 0; begin < run.size();) {
    if (run[begin].combiningClass == 0) {
      ++begin;
      continue;
    }
    size_t end = begin;
    size_t starts[257] = {};
    while (end < run.size() && run[end].combiningClass != 0)
      ++starts[run[end++].combiningClass + 1];
    if (end - begin > 1) {
      for (uint32_t i = 1; i < 257; ++i)
        starts[i] += starts[i - 1];
      for (size_t i = begin; i < end; ++i)
        sorted[begin + starts[run[i].combiningClass]++] = run[i];
      std::memcpy(static_cast<void *>(run.data() + begin), sorted.data() + begin, (end - begin) * sizeof(Mark));
    }
    begin = end;
  }
  return TextStatus::Ok;
}

/// Orders the marks of the run, composes it when asked to, and appends it as UTF-8.
TextStatus NormalForm::finishRun(bool compose, Array<uint8_t> &out) {
  TextStatus status = orderMarks();
  if (status != TextStatus::Ok)
    return status;
  constexpr size_t none = SIZE_MAX;
  size_t starter = none, written = 0; // composed characters stand in run[0 .. written)
  uint32_t lastClass = 0;             // of what stands between the starter and here
  for (size_t i = 0; i < run.size(); ++i) {
    Mark mark = run[i];
    bool adjacent = starter != none && starter + 1 == written;
    if (compose && starter != none && (adjacent || lastClass < mark.combiningClass)) {
      uint32_t result = composite(run[starter].codepoint, mark.codepoint);
      if (result) {
        run[starter].codepoint = result;
        continue;
      }
    }
    if (mark.combiningClass == 0)
      starter = written;
    lastClass = mark.combiningClass;
    run[written++] = mark;
  }
  for (size_t i = 0; i < written; ++i)
    if (!appendCharacter(out, run[i].codepoint))
      return TextStatus::OutOfMemory;
  return TextStatus::Ok;
}

/// The canonical combining class, 0 for starters.
uint32_t NormalForm::combiningClass(uint32_t codepoint) const {
  uint32_t low = 0, high = tables.combining.count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (tables.combining[middle].last < codepoint)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < tables.combining.count && tables.combining[low].first <= codepoint)
    return tables.combining[low].combining_class;
  return 0;
}

/// The primary composite of two characters, or 0.
uint32_t NormalForm::composite(uint32_t first, uint32_t second) const {
  if (first - leadBase < leadCount && second - vowelBase < vowelCount)
    return syllableBase + ((first - leadBase) * vowelCount + (second - vowelBase)) * tailCount;
  if (first - syllableBase < syllableCount && (first - syllableBase) % tailCount == 0 && second > tailBase &&
      second - tailBase < tailCount)
    return first + (second - tailBase);
  uint32_t low = 0, high = tables.compositions.count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    const llmc_tokenizer_composition &row = tables.compositions[middle];
    if (row.first < first || (row.first == first && row.second < second))
      low = middle + 1;
    else
      high = middle;
  }
  if (low < tables.compositions.count && tables.compositions[low].first == first &&
      tables.compositions[low].second == second)
    return tables.compositions[low].result;
  return 0;
}

} // namespace llmc::runtime
