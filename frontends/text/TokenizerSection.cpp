// TokenizerSection.cpp - the tokens and the model of a section.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/SectionWriter.h"

namespace llmc::text {

constexpr uint64_t maxSectionBytes = 1u << 30;
constexpr size_t maxWholeBytes = 256; // longer token texts are merged at run time like any others

SectionResult SectionWriter::write() {
  std::memcpy(header.magic, LLMC_TOKENIZER_MAGIC, sizeof(header.magic));
  header.version = LLMC_TOKENIZER_VERSION;
  header.model = spec.model;
  header.flags = spec.flags;
  header.unk_token = spec.unk;
  header.decoder = spec.decoder;
  header.strip_count = spec.stripCount;
  header.strip = static_cast<uint8_t>(spec.strip);
  header.longest_word = spec.longestWord;
  header.unk_score = spec.unkScore;
  header.word_inner = text(spec.wordInner);
  header.word_end = text(spec.wordEnd);

  if (spec.normalizer.size() > LLMC_TOKENIZER_MAX_STEPS || spec.steps.size() > LLMC_TOKENIZER_MAX_STEPS)
    return {{},
            "more than " + std::to_string(LLMC_TOKENIZER_MAX_STEPS) +
                " normalizers or pre-tokenizers are not supported"};
  if (!vocabularyTable() || !mergeTable())
    return {{}, mistake};
  byteTables();
  tokenTable();
  if (!searchTables() || !addedTries() || !pipeline())
    return {{}, mistake};
  header.prefix = table(spec.prefix);
  header.suffix = table(spec.suffix);
  align();
  if (out.size() > maxSectionBytes)
    return {{}, "the compiled tokenizer would be larger than 1 GiB"};
  header.size = static_cast<uint32_t>(out.size());
  std::memcpy(out.data(), &header, sizeof(header));
  return {std::move(out), {}};
}

/// The id of the model's token with this text, looked up as the runtime does.
uint32_t SectionWriter::find(std::string_view bytes) const {
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

const llmc_tokenizer_merge *SectionWriter::find(uint32_t left, uint32_t right) const {
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

void SectionWriter::byteTables() {
  if (spec.flags & LLMC_TOKENIZER_BYTE_LEVEL) {
    for (unsigned byte = 0; byte < 256; ++byte)
      byteIds.push_back(find(std::string(1, static_cast<char>(byte))));
    for (unsigned byte = 0; byte < 256 && !spec.wordEnd.empty(); ++byte)
      byteIds.push_back(find(std::string(1, static_cast<char>(byte)) + spec.wordEnd));
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
static bool fill(size_t count, std::vector<Slot> &slots, uint32_t &probes, Slot empty, PlaceOf placeOf, RowOf rowOf) {
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

bool SectionWriter::vocabularyTable() {
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
  return filled || fail("too many token texts share their hash");
}

bool SectionWriter::mergeTable() {
  struct Ranked {
    uint64_t key;
    uint32_t place, rank, result;
  };
  std::vector<Ranked> ranked;
  for (const MergeSpec &merge : spec.merges) {
    auto place = static_cast<uint32_t>(ranked.size());
    ranked.push_back({uint64_t(merge.left) << 32 | merge.right, place,
                      merge.rank == MergeSpec::byPlace ? place : merge.rank, merge.result});
  }
  // Of merges of the same pair the last one counts.
  std::sort(ranked.begin(), ranked.end(),
            [](const Ranked &a, const Ranked &b) { return a.key != b.key ? a.key < b.key : a.place > b.place; });
  std::vector<llmc_tokenizer_merge> rows;
  for (size_t i = 0; i < ranked.size(); ++i)
    if (i == 0 || ranked[i].key != ranked[i - 1].key)
      rows.push_back({static_cast<uint32_t>(ranked[i].key >> 32), static_cast<uint32_t>(ranked[i].key), ranked[i].rank,
                      ranked[i].result});
  bool filled = fill(
      rows.size(), merges, header.merge_probes, llmc_tokenizer_merge{LLMC_NO_TOKEN, LLMC_NO_TOKEN, 0, LLMC_NO_TOKEN},
      [&](size_t i) { return llmc_tokenizer_pair_hash(rows[i].left, rows[i].right); },
      [&](size_t i) { return rows[i]; });
  header.merges = table(merges);
  return filled || fail("too many merges share their hash");
}

/// The symbols that a piece with this text, word_end included, starts as; empty when some are unknown.
std::vector<uint32_t> SectionWriter::symbolsOf(std::string_view bytes) const {
  std::string_view end = spec.wordEnd;
  if (bytes.size() <= end.size() || bytes.substr(bytes.size() - end.size()) != end)
    return {};
  size_t size = bytes.size() - end.size();
  std::vector<uint32_t> symbols;
  for (size_t at = 0; at < size;) {
    uint32_t id;
    if (spec.flags & LLMC_TOKENIZER_BYTE_LEVEL) {
      size_t byte = static_cast<uint8_t>(bytes[at++]);
      id = byteIds[byte + (!end.empty() && at == size ? 256 : 0)];
    } else {
      std::string symbol(at ? spec.wordInner : std::string());
      size_t start = at;
      nextCodepoint(bytes, at);
      symbol.append(bytes.substr(start, at - start));
      if (at >= size)
        symbol.append(end);
      id = find(symbol);
    }
    if (id == LLMC_NO_TOKEN)
      return {};
    symbols.push_back(id);
  }
  return symbols;
}

/// Whether the merges alone turn the token's text into the token.
bool SectionWriter::isWhole(uint32_t id) const {
  const std::string &bytes = spec.tokens[id].text;
  if (bytes.empty() || bytes.size() > maxWholeBytes || find(bytes) != id)
    return false;
  std::vector<uint32_t> symbols = symbolsOf(bytes);
  return !symbols.empty() && merged(std::move(symbols)) == id;
}

/// The token that the symbols become, or LLMC_NO_TOKEN when they become several: the same procedure as the runtime's.
uint32_t SectionWriter::merged(std::vector<uint32_t> symbols) const {
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
  return next[0] == none ? symbols[0] : LLMC_NO_TOKEN;
}

void SectionWriter::tokenTable() {
  std::vector<llmc_tokenizer_token> rows;
  for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
    const TokenSpec &token = spec.tokens[id];
    llmc_tokenizer_token row = {};
    row.flags = token.flags;
    if (spec.model == LLMC_TOKENIZER_BPE && isModelToken(id) && isWhole(id))
      row.flags |= LLMC_TOKEN_WHOLE;
    llmc_tokenizer_text place = text(token.text);
    row.text_offset = row.piece_offset = row.first_offset = place.offset;
    row.text_size = static_cast<uint16_t>(place.size);
    row.piece_size = row.first_size = static_cast<uint16_t>(token.piece.size());
    if (token.piece != token.text)
      row.piece_offset = row.first_offset = text(token.piece).offset;
    if (token.first && *token.first != token.piece) {
      row.first_size = static_cast<uint16_t>(token.first->size());
      row.first_offset = *token.first == token.text ? place.offset : text(*token.first).offset;
    }
    rows.push_back(row);
  }
  header.tokens = table(rows);
}

bool SectionWriter::trie(std::vector<std::pair<std::string_view, uint32_t>> values, llmc_tokenizer_range &range) {
  std::optional<std::vector<llmc_tokenizer_node>> nodes = buildTrie(std::move(values));
  if (!nodes)
    return fail("the token texts make too large a trie");
  range = table(*nodes);
  return true;
}

/// What unigram and WordPiece search in.
bool SectionWriter::searchTables() {
  header.word_inner_node = LLMC_NO_TOKEN;
  if (spec.model != LLMC_TOKENIZER_UNIGRAM && spec.model != LLMC_TOKENIZER_WORDPIECE)
    return true;
  std::vector<std::pair<std::string_view, uint32_t>> values;
  for (uint32_t id = 0; id < spec.tokens.size(); ++id)
    if (isModelToken(id) && spec.tokens[id].searched && find(spec.tokens[id].text) == id)
      values.push_back({spec.tokens[id].text, id});
  std::optional<std::vector<llmc_tokenizer_node>> nodes = buildTrie(std::move(values));
  if (!nodes)
    return fail("the token texts make too large a trie");
  if (spec.model == LLMC_TOKENIZER_WORDPIECE) {
    uint32_t node = 0;
    for (char c : spec.wordInner) {
      uint32_t next = (*nodes)[node].base + static_cast<uint8_t>(c);
      node = (*nodes)[next].parent == node ? next : LLMC_NO_TOKEN;
      if (node == LLMC_NO_TOKEN)
        break;
    }
    header.word_inner_node = node;
  } else {
    std::vector<double> scores;
    for (const TokenSpec &token : spec.tokens)
      scores.push_back(token.score);
    header.scores = table(scores);
  }
  header.model_trie = table(*nodes);
  return true;
}

/// The tries of the added tokens that are looked for in raw, and in normalised, text.
bool SectionWriter::addedTries() {
  for (bool normalized : {false, true}) {
    std::map<std::string_view, uint32_t> tokens; // of tokens with the same content the first one counts
    for (const AddedSpec &added : spec.added)
      if (added.normalized == normalized && !added.content.empty())
        tokens.try_emplace(added.content, added.token);
    if (!tokens.empty() && !trie({tokens.begin(), tokens.end()}, normalized ? header.normalized_trie : header.raw_trie))
      return false;
  }
  return true;
}

SectionResult writeTokenizerSection(const TokenizerSpec &spec) { return SectionWriter(spec).write(); }

} // namespace llmc::text
