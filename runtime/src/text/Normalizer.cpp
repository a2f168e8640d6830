// Normalizer.cpp - prepend, replace, and Unicode's canonical composition from compiled tables.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/Normalizer.h"

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

TextStatus replaceAll(Bytes in, Bytes from, Bytes to, Array<uint8_t> &out) {
  size_t copied = 0, at = 0;
  while (in.size - at >= from.size) {
    const void *found = std::memchr(in.data + at, from.data[0], in.size - at - from.size + 1);
    if (!found)
      break;
    at = static_cast<size_t>(static_cast<const uint8_t *>(found) - in.data);
    if (std::memcmp(in.data + at, from.data, from.size) != 0) {
      ++at;
      continue;
    }
    if (!out.append(in.data + copied, at - copied) || !out.append(to.data, to.size))
      return TextStatus::OutOfMemory;
    if (out.size() > growthLimit(in.size))
      return TextStatus::TooLong;
    at += from.size;
    copied = at;
  }
  return out.append(in.data + copied, in.size - copied) ? TextStatus::Ok : TextStatus::OutOfMemory;
}

TextStatus Normalizer::run(Bytes in, Bytes &out) {
  out = in;
  uint32_t next = 0; // the buffer that `out` does not lie in
  for (const llmc_tokenizer_operation &operation : tables.normalizer) {
    Array<uint8_t> &buffer = buffers[next];
    Bytes a = tables.bytes(operation.a), b = tables.bytes(operation.b);
    TextStatus status = TextStatus::Ok;
    buffer.clear();
    switch (operation.kind) {
    case LLMC_NORMALIZE_PREPEND:
      if (out.size == 0)
        continue;
      if (!buffer.append(a.data, a.size) || !buffer.append(out.data, out.size))
        status = TextStatus::OutOfMemory;
      break;
    case LLMC_NORMALIZE_REPLACE:
      status = replaceAll(out, a, b, buffer);
      break;
    default: { // LLMC_NORMALIZE_NFC
      size_t stable = firstUnstable(out);
      if (stable == out.size)
        continue;
      status = compose(out, buffer);
      break;
    }
    }
    if (status == TextStatus::Ok && buffer.size() > growthLimit(in.size))
      status = TextStatus::TooLong;
    if (status != TextStatus::Ok)
      return status;
    out = {buffer.data(), buffer.size()};
    next ^= 1;
  }
  return TextStatus::Ok;
}

/// The place of the first character that composition might touch; the size when there is none.
size_t Normalizer::firstUnstable(Bytes in) const {
  size_t at = 0;
  while (at < in.size) {
    Character character = decodeCharacter(in.data + at, in.size - at);
    if (tables.classFlags[tables.classOf(character.codepoint)] & LLMC_CLASS_NFC)
      return at;
    at += character.size;
  }
  return at;
}

/// Appends the composed form of `in`. A run is one stable character and the unstable ones after it: nothing composes
/// across the start of a stable character.
TextStatus Normalizer::compose(Bytes in, Array<uint8_t> &out) {
  size_t at = 0;
  size_t stableAt = 0;     // the latest stable character: it may compose with what follows
  uint32_t stableSize = 0; // its bytes; 0 when there is none
  size_t copied = 0;
  while (at < in.size) {
    Character character = decodeCharacter(in.data + at, in.size - at);
    if (!(tables.classFlags[tables.classOf(character.codepoint)] & LLMC_CLASS_NFC)) {
      stableAt = at;
      // A byte that is not UTF-8 stays as it is and composes with nothing.
      bool illFormed = character.codepoint == replacementCharacter && character.size == 1;
      stableSize = illFormed ? 0 : character.size;
      at += character.size;
      continue;
    }
    size_t start = stableSize ? stableAt : at;
    if (!out.append(in.data + copied, start - copied))
      return TextStatus::OutOfMemory;
    run_.clear();
    at = start;
    bool first = true;
    while (at < in.size) {
      character = decodeCharacter(in.data + at, in.size - at);
      bool unstable = tables.classFlags[tables.classOf(character.codepoint)] & LLMC_CLASS_NFC;
      if (!unstable && !(first && stableSize))
        break;
      if (!decompose(character.codepoint))
        return TextStatus::OutOfMemory;
      at += character.size;
      first = false;
    }
    TextStatus status = composeRun(out);
    if (status != TextStatus::Ok)
      return status;
    copied = at;
    stableSize = 0;
  }
  return out.append(in.data + copied, in.size - copied) ? TextStatus::Ok : TextStatus::OutOfMemory;
}

/// Appends the full canonical decomposition of a character to the run.
bool Normalizer::decompose(uint32_t codepoint) {
  uint32_t syllable = codepoint - syllableBase;
  if (syllable < syllableCount) {
    uint32_t tail = syllable % tailCount;
    return run_.push({leadBase + syllable / (vowelCount * tailCount), 0}) &&
           run_.push({vowelBase + syllable / tailCount % vowelCount, 0}) &&
           (tail == 0 || run_.push({tailBase + tail, 0}));
  }
  uint32_t low = 0, high = tables.decompositions.count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (tables.decompositions[middle].codepoint < codepoint)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == tables.decompositions.count || tables.decompositions[low].codepoint != codepoint)
    return run_.push({codepoint, combiningClass(codepoint)});
  const llmc_tokenizer_decomposition &row = tables.decompositions[low];
  for (uint32_t i = 0; i < row.count; ++i) {
    uint32_t part = tables.decomposed[row.first + i];
    if (!run_.push({part, combiningClass(part)}))
      return false;
  }
  return true;
}

/// Orders the marks of the run, composes it, and appends it as UTF-8.
TextStatus Normalizer::composeRun(Array<uint8_t> &out) {
  // Stable order by combining class between starters: by counting, so that a million marks take linear time.
  if (!sorted.resize(run_.size()))
    return TextStatus::OutOfMemory;
  for (size_t begin = 0; begin < run_.size();) {
    if (run_[begin].combiningClass == 0) {
      ++begin;
      continue;
    }
    size_t end = begin;
    size_t starts[257] = {};
    while (end < run_.size() && run_[end].combiningClass != 0)
      ++starts[run_[end++].combiningClass + 1];
    if (end - begin > 1) {
      for (uint32_t i = 1; i < 257; ++i)
        starts[i] += starts[i - 1];
      for (size_t i = begin; i < end; ++i)
        sorted[begin + starts[run_[i].combiningClass]++] = run_[i];
      std::memcpy(static_cast<void *>(run_.data() + begin), sorted.data() + begin, (end - begin) * sizeof(Mark));
    }
    begin = end;
  }

  constexpr size_t none = SIZE_MAX;
  size_t starter = none, written = 0; // composed characters stand in run_[0 .. written)
  uint32_t lastClass = 0;             // of what stands between the starter and here
  for (size_t i = 0; i < run_.size(); ++i) {
    Mark mark = run_[i];
    bool adjacent = starter != none && starter + 1 == written;
    if (starter != none && (adjacent || lastClass < mark.combiningClass)) {
      uint32_t result = composite(run_[starter].codepoint, mark.codepoint);
      if (result) {
        run_[starter].codepoint = result;
        continue;
      }
    }
    if (mark.combiningClass == 0)
      starter = written;
    lastClass = mark.combiningClass;
    run_[written++] = mark;
  }
  for (size_t i = 0; i < written; ++i)
    if (!appendCharacter(out, run_[i].codepoint))
      return TextStatus::OutOfMemory;
  return TextStatus::Ok;
}

/// The canonical combining class, 0 for starters.
uint32_t Normalizer::combiningClass(uint32_t codepoint) const {
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
uint32_t Normalizer::composite(uint32_t first, uint32_t second) const {
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
