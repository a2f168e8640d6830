// Charsmap.cpp - SentencePiece's precompiled table of replacements, and base64, in which tokenizer.json holds it.
//
// The table is the size of a double array in bytes, the double array in the layout of the library Darts-clone, and the
// replacements, each ended by a zero byte. Values of the double array are offsets of replacements.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerJson.h"

#include <cstring>

namespace llmc::text {

std::optional<std::string> fromBase64(std::string_view text) {
  if (text.size() % 4)
    return std::nullopt;
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i)
    text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  unsigned count = 0;
  for (char c : text) {
    uint32_t value;
    if (c >= 'A' && c <= 'Z')
      value = static_cast<uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      value = static_cast<uint32_t>(c - 'a' + 26);
    else if (c >= '0' && c <= '9')
      value = static_cast<uint32_t>(c - '0' + 52);
    else if (c == '+' || c == '/')
      value = c == '+' ? 62 : 63;
    else
      return std::nullopt;
    bits = bits << 6 | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xff);
    }
  }
  return bytes;
}

namespace {

/// Walks the double array and collects its keys with their replacements.
class CharsmapReader {
public:
  explicit CharsmapReader(std::string_view bytes) : bytes(bytes) {}

  bool read() {
    uint32_t size = 0;
    if (bytes.size() < 4)
      return false;
    std::memcpy(&size, bytes.data(), 4);
    if (size < 4 || size % 4 || size > bytes.size() - 4)
      return false;
    units = bytes.substr(4, size);
    replacements = bytes.substr(4 + size);
    // No zero byte may be missing at the end of a replacement.
    if (replacements.empty() || replacements.back() != '\0')
      return false;
    std::string key;
    return collect(offsetOf(unit(0)), key);
  }

  std::vector<std::pair<std::string, std::string>> entries;

private:
  // A unit: bits 0 to 7 and 31 the label, bit 8 "a value stands at offset ^ 0", bit 9 and 10 to 30 the offset; of a
  // unit that holds a value bits 0 to 30 are it.
  static uint32_t labelOf(uint32_t unit) { return unit & 0x800000ffu; }
  static bool hasValue(uint32_t unit) { return unit >> 8 & 1; }
  static uint32_t offsetOf(uint32_t unit) { return unit >> 10 << ((unit & 0x200u) >> 6); }

  uint32_t unit(size_t number) const {
    uint32_t value = 0;
    std::memcpy(&value, units.data() + 4 * number, 4);
    return value;
  }

  /// `base` is the number of the node's unit xor its offset: where its children are counted from. False when damaged.
  bool collect(size_t base, std::string &key) {
    constexpr size_t maxKeyBytes = 64, maxEntries = size_t(1) << 20;
    for (uint32_t byte = 1; byte < 256; ++byte) {
      size_t child = base ^ byte;
      if (child >= units.size() / 4)
        continue;
      uint32_t node = unit(child);
      if (labelOf(node) != byte)
        continue;
      if (key.size() == maxKeyBytes)
        return false;
      key += static_cast<char>(byte);
      size_t next = child ^ offsetOf(node);
      if (hasValue(node)) {
        if (next >= units.size() / 4 || entries.size() == maxEntries)
          return false;
        uint32_t place = unit(next) & 0x7fffffffu;
        if (place >= replacements.size())
          return false;
        entries.push_back({key, std::string(replacements.data() + place)});
        // A replacement may not be longer than a section holds of them.
        total += entries.back().second.size() + key.size();
        if (total > maxTotalBytes)
          return false;
      }
      if (++visited > maxVisited || !collect(next, key))
        return false;
      key.pop_back();
    }
    return true;
  }

  static constexpr size_t maxTotalBytes = 64u << 20, maxVisited = size_t(1) << 19;
  std::string_view bytes, units, replacements;
  size_t total = 0, visited = 0;
};

} // namespace

std::optional<OperationSpec> charsmapOperation(std::string_view bytes, bool clusters) {
  CharsmapReader reader(bytes);
  if (!reader.read())
    return std::nullopt;
  OperationSpec operation = {LLMC_NORMALIZE_CHARSMAP, {}, {}};
  operation.charsmap = std::move(reader.entries);
  operation.name = "the replacements";
  if (clusters) {
    operation.flags = LLMC_OPERATION_CLUSTERS;
    operation.pattern = graphemeClusterPattern();
  }
  return operation;
}

} // namespace llmc::text
