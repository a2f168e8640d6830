// Trie.cpp - tries laid out as double arrays: a child is found by one addition and one comparison.
//
// J. Aoe, "An efficient digital search algorithm by using a double-array structure", 1989. Nodes are placed breadth
// first; a search for a base starts at the first free node and moves on where places have become scarce.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerSpec.h"

#include <algorithm>

namespace llmc::text {

namespace {

constexpr size_t maxNodes = size_t(1) << 28;

class TrieBuilder {
public:
  explicit TrieBuilder(std::vector<std::pair<std::string_view, uint32_t>> keys) : keys(std::move(keys)) {}

  std::optional<std::vector<llmc_tokenizer_node>> build() {
    std::sort(keys.begin(), keys.end());
    grow(512);
    used[0] = true;
    std::vector<Range> pending = {{0, 0, static_cast<uint32_t>(keys.size()), 0}};
    for (size_t i = 0; i < pending.size(); ++i) {
      if (!place(pending[i], pending))
        return std::nullopt;
      if (i > (size_t(1) << 16) && i * 2 > pending.size()) { // what is done need not be kept
        pending.erase(pending.begin(), pending.begin() + static_cast<ptrdiff_t>(i));
        i = 0;
      }
    }
    size_t last = nodes.size();
    while (last > 1 && !used[last - 1])
      --last;
    nodes.resize(std::max(last, highestBase) + 256, unusedNode);
    return std::move(nodes);
  }

private:
  /// The keys that share the first `depth` bytes, and the node those lead to.
  struct Range {
    uint32_t node, first, last, depth;
  };
  static constexpr llmc_tokenizer_node unusedNode = {1, LLMC_NO_TOKEN, LLMC_NO_TOKEN};

  void grow(size_t size) {
    nodes.resize(size, unusedNode);
    used.resize(size, false);
  }

  bool place(Range range, std::vector<Range> &pending) {
    uint32_t first = range.first;
    if (first < range.last && keys[first].first.size() == range.depth)
      nodes[range.node].value = keys[first++].second;
    labels.clear();
    starts.clear();
    for (uint32_t i = first; i < range.last; ++i) {
      auto byte = static_cast<uint8_t>(keys[i].first[range.depth]);
      if (labels.empty() || labels.back() != byte) {
        labels.push_back(byte);
        starts.push_back(i);
      }
    }
    if (labels.empty())
      return true;
    starts.push_back(range.last);
    size_t base = findBase();
    if (base + 256 > maxNodes)
      return false;
    highestBase = std::max(highestBase, base);
    nodes[range.node].base = static_cast<uint32_t>(base);
    for (size_t i = 0; i < labels.size(); ++i) {
      size_t child = base + labels[i];
      used[child] = true;
      nodes[child].parent = range.node;
      pending.push_back({static_cast<uint32_t>(child), starts[i], starts[i + 1], range.depth + 1});
    }
    return true;
  }

  /// The lowest base from `hint` on at which all labels are free.
  size_t findBase() {
    while (hint < used.size() && used[hint])
      ++hint;
    size_t tried = 0;
    for (size_t at = std::max<size_t>(hint, size_t(labels[0]) + 1);; ++at) {
      if (at + 512 > nodes.size())
        grow(nodes.size() * 2);
      if (used[at])
        continue;
      size_t base = at - labels[0];
      bool fits = true;
      for (size_t i = 1; i < labels.size() && fits; ++i)
        fits = !used[base + labels[i]];
      if (fits) {
        // Many places tried in vain: the region is nearly full, and later searches begin behind it.
        if (tried > 64)
          hint = std::max(hint, at > 1024 ? at - 1024 : 0);
        return base;
      }
      ++tried;
    }
  }

  std::vector<std::pair<std::string_view, uint32_t>> keys;
  std::vector<llmc_tokenizer_node> nodes;
  std::vector<bool> used;
  std::vector<uint8_t> labels;
  std::vector<uint32_t> starts;
  size_t hint = 1, highestBase = 1;
};

} // namespace

std::optional<std::vector<llmc_tokenizer_node>> buildTrie(std::vector<std::pair<std::string_view, uint32_t>> values) {
  return TrieBuilder(std::move(values)).build();
}

} // namespace llmc::text
