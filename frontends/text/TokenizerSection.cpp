// TokenizerSection.cpp - lays a tokenizer out as the bytes of llmc/tokenizer_format.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerSpec.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <queue>

namespace llmc::text {

namespace {

constexpr uint64_t maxSectionBytes = 1u << 30;
constexpr size_t maxWholeBytes = 256; // longer token texts are merged at run time like any others

uint64_t pairKey(uint32_t left, uint32_t right) { return uint64_t(left) << 32 | right; }

class Writer {
public:
  explicit Writer(const TokenizerSpec &spec) : spec(spec) { out.resize(sizeof(llmc_tokenizer_header)); }

  SectionResult write() {
    std::memcpy(header.magic, LLMC_TOKENIZER_MAGIC, sizeof(header.magic));
    header.version = LLMC_TOKENIZER_VERSION;
    header.model = LLMC_TOKENIZER_BPE;
    header.flags = spec.flags;
    header.unk_token = spec.unk;
    header.decoder = spec.decoder;
    header.strip_count = spec.stripCount;
    header.strip = static_cast<uint8_t>(spec.strip);

    if (spec.normalizer.size() > LLMC_TOKENIZER_MAX_STEPS || spec.steps.size() > LLMC_TOKENIZER_MAX_STEPS)
      return {{},
              "more than " + std::to_string(LLMC_TOKENIZER_MAX_STEPS) +
                  " normalizers or pre-tokenizers are not supported"};
    if (!vocabularyTable() || !mergeTable())
      return {{}, mistake};
    byteTables();
    tokenTable();
    header.raw_trie = trie(false);
    header.normalized_trie = trie(true);
    normalizer();
    if (!pipeline())
      return {{}, mistake};
    header.prefix = table(spec.prefix);
    header.suffix = table(spec.suffix);
    header.metaspace = text(spec.metaspace);
    align();
    if (out.size() > maxSectionBytes)
      return {{}, "the compiled tokenizer would be larger than 1 GiB"};
    header.size = static_cast<uint32_t>(out.size());
    std::memcpy(out.data(), &header, sizeof(header));
    return {std::move(out), {}};
  }

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

  bool isModelToken(uint32_t id) const { return spec.tokens[id].flags & LLMC_TOKEN_MODEL; }

  /// The id of the model's token with this text, looked up as the runtime does.
  uint32_t find(std::string_view bytes) const {
    uint64_t hash = llmc_tokenizer_hash(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
    for (uint32_t probe = 0; probe < header.vocabulary_probes; ++probe) {
      const llmc_tokenizer_slot &slot = texts[((hash >> 32) + probe) & (texts.size() - 1)];
      if (slot.token == LLMC_NO_TOKEN)
        break;
      if (slot.tag == static_cast<uint32_t>(hash) && spec.tokens[slot.token].text == bytes)
        return slot.token;
    }
    return LLMC_NO_TOKEN;
  }

  const llmc_tokenizer_merge *find(uint32_t left, uint32_t right) const {
    uint32_t place = llmc_tokenizer_pair_hash(left, right);
    for (uint32_t probe = 0; probe < header.merge_probes; ++probe) {
      const llmc_tokenizer_merge &slot = merges[(place + probe) & (merges.size() - 1)];
      if (slot.left == left && slot.right == right)
        return &slot;
      if (slot.left == LLMC_NO_TOKEN)
        break;
    }
    return nullptr;
  }

  void byteTables() {
    if (spec.flags & LLMC_TOKENIZER_BYTE_LEVEL) {
      for (unsigned byte = 0; byte < 256; ++byte)
        byteIds.push_back(find(std::string(1, static_cast<char>(byte))));
      header.byte_ids = table(byteIds);
    }
    if (spec.flags & LLMC_TOKENIZER_BYTE_FALLBACK) {
      std::vector<uint32_t> ids;
      for (unsigned byte = 0; byte < 256; ++byte) {
        constexpr char digits[] = "0123456789ABCDEF";
        ids.push_back(find(std::string("<0x") + digits[byte >> 4] + digits[byte & 15] + ">"));
      }
      header.fallback_ids = table(ids);
    }
  }

  /// Fills an open-addressing table with rows 0 .. count - 1, growing it until no search is long. False when hashes
  /// collide too often even so.
  template <typename Slot, typename PlaceOf, typename RowOf>
  bool fill(size_t count, std::vector<Slot> &slots, uint32_t &probes, Slot empty, PlaceOf placeOf, RowOf rowOf) {
    size_t size = 2;
    while (size < count + count / 2)
      size *= 2;
    for (unsigned attempt = 0; attempt < 4; ++attempt, size *= 2) {
      slots.assign(size, empty);
      std::vector<bool> taken(size);
      probes = 1;
      for (size_t i = 0; i < count && probes <= LLMC_TOKENIZER_MAX_PROBES; ++i) {
        size_t place = placeOf(i) & (size - 1);
        uint32_t distance = 1;
        for (; taken[place]; ++distance)
          place = (place + 1) & (size - 1);
        taken[place] = true;
        slots[place] = rowOf(i);
        probes = std::max(probes, distance);
      }
      if (probes <= LLMC_TOKENIZER_MAX_PROBES)
        return true;
    }
    return false;
  }

  bool vocabularyTable() {
    std::vector<uint32_t> ids;
    std::vector<uint64_t> hashes;
    for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
      const std::string &bytes = spec.tokens[id].text;
      if (!isModelToken(id))
        continue;
      ids.push_back(id);
      hashes.push_back(llmc_tokenizer_hash(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
      header.longest_text = std::max(header.longest_text, static_cast<uint32_t>(bytes.size()));
    }
    bool filled = fill(
        ids.size(), texts, header.vocabulary_probes, llmc_tokenizer_slot{0, LLMC_NO_TOKEN},
        [&](size_t i) { return static_cast<uint32_t>(hashes[i] >> 32); },
        [&](size_t i) { return llmc_tokenizer_slot{static_cast<uint32_t>(hashes[i]), ids[i]}; });
    header.vocabulary = table(texts);
    if (!filled)
      mistake = "too many token texts share their hash";
    return filled;
  }

  bool mergeTable() {
    std::vector<llmc_tokenizer_merge> rows;
    for (size_t rank = 0; rank < spec.merges.size(); ++rank) {
      const MergeSpec &merge = spec.merges[rank];
      rows.push_back({merge.left, merge.right, static_cast<uint32_t>(rank), merge.result});
    }
    // Of merges of the same pair the last one counts.
    std::sort(rows.begin(), rows.end(), [](const llmc_tokenizer_merge &a, const llmc_tokenizer_merge &b) {
      uint64_t left = pairKey(a.left, a.right), right = pairKey(b.left, b.right);
      return left != right ? left < right : a.rank > b.rank;
    });
    rows.erase(std::unique(rows.begin(), rows.end(),
                           [](const llmc_tokenizer_merge &a, const llmc_tokenizer_merge &b) {
                             return a.left == b.left && a.right == b.right;
                           }),
               rows.end());
    bool filled = fill(
        rows.size(), merges, header.merge_probes, llmc_tokenizer_merge{LLMC_NO_TOKEN, LLMC_NO_TOKEN, 0, LLMC_NO_TOKEN},
        [&](size_t i) { return llmc_tokenizer_pair_hash(rows[i].left, rows[i].right); },
        [&](size_t i) { return rows[i]; });
    header.merges = table(merges);
    if (!filled)
      mistake = "too many merges share their hash";
    return filled;
  }

  /// The symbols a piece with this text starts as; empty when some are unknown.
  std::vector<uint32_t> symbolsOf(const std::string &bytes) const {
    std::vector<uint32_t> symbols;
    for (size_t at = 0; at < bytes.size();) {
      uint32_t id;
      if (spec.flags & LLMC_TOKENIZER_BYTE_LEVEL) {
        id = byteIds[static_cast<uint8_t>(bytes[at++])];
      } else {
        size_t start = at;
        nextCodepoint(bytes, at);
        id = find(std::string_view(bytes).substr(start, at - start));
      }
      if (id == LLMC_NO_TOKEN)
        return {};
      symbols.push_back(id);
    }
    return symbols;
  }

  /// Whether the merges alone turn the token's text into the token: the same procedure as the runtime's.
  bool isWhole(uint32_t id) const {
    const std::string &bytes = spec.tokens[id].text;
    if (bytes.empty() || bytes.size() > maxWholeBytes || find(bytes) != id)
      return false;
    std::vector<uint32_t> symbols = symbolsOf(bytes);
    if (symbols.empty())
      return false;
    constexpr int none = -1;
    int count = static_cast<int>(symbols.size());
    std::vector<int> next(symbols.size()), previous(symbols.size());
    for (int i = 0; i < count; ++i) {
      next[i] = i + 1 < count ? i + 1 : none;
      previous[i] = i - 1;
    }
    using Candidate = std::pair<uint64_t, uint32_t>; // rank and place, result
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<Candidate>> queue;
    auto consider = [&](int place) {
      if (place == none || next[place] == none)
        return;
      if (const llmc_tokenizer_merge *merge = find(symbols[place], symbols[next[place]]))
        queue.push({uint64_t(merge->rank) << 32 | static_cast<uint32_t>(place), merge->result});
    };
    for (int i = 0; i < count; ++i)
      consider(i);
    while (!queue.empty()) {
      auto [order, result] = queue.top();
      queue.pop();
      int place = static_cast<int>(static_cast<uint32_t>(order));
      if (symbols[place] == LLMC_NO_TOKEN || next[place] == none)
        continue;
      int right = next[place];
      const llmc_tokenizer_merge *merge = find(symbols[place], symbols[right]);
      if (!merge || merge->result != result)
        continue;
      symbols[place] = result;
      symbols[right] = LLMC_NO_TOKEN;
      next[place] = next[right];
      if (next[right] != none)
        previous[next[right]] = place;
      consider(previous[place]);
      consider(place);
    }
    return symbols[0] == id && next[0] == none;
  }

  void tokenTable() {
    std::vector<llmc_tokenizer_token> rows;
    for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
      const TokenSpec &token = spec.tokens[id];
      llmc_tokenizer_token row = {};
      row.flags = token.flags;
      if (isModelToken(id) && isWhole(id))
        row.flags |= LLMC_TOKEN_WHOLE;
      llmc_tokenizer_text place = text(token.text);
      row.text_offset = row.piece_offset = place.offset;
      row.text_size = static_cast<uint16_t>(place.size);
      row.piece_size = static_cast<uint16_t>(token.piece.size());
      if (token.piece != token.text)
        row.piece_offset = text(token.piece).offset;
      rows.push_back(row);
    }
    header.tokens = table(rows);
  }

  /// The trie of the added tokens that are looked for in raw, or in normalised, text.
  llmc_tokenizer_range trie(bool normalized) {
    struct Node {
      std::map<uint8_t, uint32_t> children;
      uint32_t token = LLMC_NO_TOKEN;
    };
    std::vector<Node> nodes(1);
    for (const AddedSpec &added : spec.added) {
      if (added.normalized != normalized || added.content.empty())
        continue;
      uint32_t node = 0;
      for (char c : added.content) {
        auto [entry, isNew] =
            nodes[node].children.try_emplace(static_cast<uint8_t>(c), static_cast<uint32_t>(nodes.size()));
        node = entry->second;
        if (isNew)
          nodes.emplace_back();
      }
      if (nodes[node].token == LLMC_NO_TOKEN)
        nodes[node].token = added.token;
    }
    if (nodes.size() == 1)
      return {0, 0};
    // Breadth first, so that children stand together and after their parent.
    std::vector<llmc_tokenizer_node> rows(1);
    std::vector<uint32_t> order = {0};
    for (size_t i = 0; i < order.size(); ++i) {
      const Node &node = nodes[order[i]];
      rows[i].first_child = static_cast<uint32_t>(rows.size());
      rows[i].child_count = static_cast<uint16_t>(node.children.size());
      rows[i].token = node.token;
      for (auto [byte, child] : node.children) {
        rows.push_back({0, LLMC_NO_TOKEN, 0, byte, 0});
        order.push_back(child);
      }
    }
    return table(rows);
  }

  void normalizer() {
    std::vector<llmc_tokenizer_operation> rows;
    for (const OperationSpec &operation : spec.normalizer) {
      rows.push_back({operation.kind, 0, text(operation.a), text(operation.b)});
      composes |= operation.kind == LLMC_NORMALIZE_NFC;
    }
    header.normalizer = table(rows);
    if (!composes)
      return;
    const NormalizationTables &tables = normalizationTables();
    header.decompositions = table(tables.decompositions);
    header.decomposed = table(tables.decomposed);
    header.compositions = table(tables.compositions);
    header.combining = table(tables.combining);
  }

  bool pipeline() {
    uint16_t addedFlags = 0;
    for (const AddedSpec &added : spec.added)
      addedFlags |= spec.tokens[added.token].flags;
    bool needSpace = addedFlags & (LLMC_TOKEN_LSTRIP | LLMC_TOKEN_RSTRIP),
         needWord = addedFlags & LLMC_TOKEN_SINGLE_WORD;

    CodepointClasses classes;
    for (const StepSpec &step : spec.steps)
      classes.add(step.pattern);
    if (needSpace)
      classes.add(whiteSpaceSet());
    if (needWord)
      classes.add(addedWordSet());
    if (composes)
      classes.add(normalizationTables().unstable);
    if (!classes.finish()) {
      mistake = "the pre-tokenizer's patterns tell more than 255 kinds of characters apart";
      return false;
    }
    classTables(classes, needSpace, needWord);

    std::vector<llmc_tokenizer_step> rows;
    std::vector<llmc_tokenizer_dfa> dfas;
    std::vector<uint16_t> transitions;
    for (const StepSpec &step : spec.steps) {
      llmc_tokenizer_step row = {step.kind, 0, 0, 0, text(step.a), text(step.b)};
      if (step.kind == LLMC_STEP_SPLIT) {
        PatternResult<Dfa> dfa = compilePattern(step.pattern, classes);
        if (!dfa) {
          mistake = step.name + ": " + dfa.mistake;
          return false;
        }
        row.dfa = static_cast<uint32_t>(dfas.size());
        row.behavior = step.behavior;
        row.invert = step.invert;
        dfas.push_back({static_cast<uint32_t>(transitions.size()), dfa.value.stateCount});
        transitions.insert(transitions.end(), dfa.value.transitions.begin(), dfa.value.transitions.end());
      }
      rows.push_back(row);
    }
    header.steps = table(rows);
    header.dfas = table(dfas);
    header.transitions = table(transitions);
    return true;
  }

  void classTables(const CodepointClasses &classes, bool needSpace, bool needWord) {
    std::vector<uint8_t> flags(classes.count(), 0);
    auto mark = [&](const CodepointSet &set, uint8_t flag) {
      std::vector<bool> members = classes.membersOf(set);
      for (uint32_t number = 0; number < classes.count(); ++number)
        if (members[number])
          flags[number] |= flag;
    };
    if (needSpace)
      mark(whiteSpaceSet(), LLMC_CLASS_SPACE);
    if (needWord)
      mark(addedWordSet(), LLMC_CLASS_WORD);
    if (composes)
      mark(normalizationTables().unstable, LLMC_CLASS_NFC);

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

  const TokenizerSpec &spec;
  std::string out;
  llmc_tokenizer_header header = {};
  std::string mistake;
  std::vector<llmc_tokenizer_slot> texts;
  std::vector<llmc_tokenizer_merge> merges;
  std::vector<uint32_t> byteIds;
  bool composes = false;
};

} // namespace

SectionResult writeTokenizerSection(const TokenizerSpec &spec) { return Writer(spec).write(); }

} // namespace llmc::text
