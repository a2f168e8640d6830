// TokenizerTables.cpp - the one place where bytes of a tokenizer section are trusted or refused.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/TokenizerTables.h"

#include <initializer_list>

namespace llmc::runtime {

static_assert(sizeof(llmc_tokenizer_header) == 280 && sizeof(llmc_tokenizer_token) == 20, "format");
static_assert(sizeof(llmc_tokenizer_merge) == 16 && sizeof(llmc_tokenizer_slot) == 8, "format");
static_assert(sizeof(llmc_tokenizer_node) == 12 && sizeof(llmc_tokenizer_step) == 32, "format");
static_assert(sizeof(llmc_tokenizer_operation) == 56 && sizeof(llmc_tokenizer_dfa) == 8, "format");
static_assert(sizeof(llmc_tokenizer_decomposition) == 8 && sizeof(llmc_tokenizer_combining) == 12, "format");

namespace {

constexpr uint32_t codepointBlocks = 0x110000 / 256;

/// Checks parts of one section, remembering the first thing that is wrong.
class Checker {
public:
  Checker(TokenizerTables &tables, const uint8_t *base) : tables(tables), base(base) {}

  /// The reason, or null when everything holds.
  const char *check() {
    views();
    if (!reason)
      model();
    if (!reason)
      trie(tables.rawTrie, tables.tokens.count);
    if (!reason)
      trie(tables.normalizedTrie, tables.tokens.count);
    if (!reason)
      trie(tables.modelTrie, tables.tokens.count);
    if (!reason)
      search();
    if (!reason)
      classes();
    if (!reason)
      steps();
    if (!reason)
      operations();
    if (!reason)
      automata();
    if (!reason)
      normalization();
    return reason;
  }

private:
  void require(bool holds, const char *sentence) {
    if (!holds && !reason)
      reason = sentence;
  }

  bool inside(uint32_t offset, uint64_t size) const {
    return offset <= tables.header.size && size <= tables.header.size - offset;
  }

  bool isText(llmc_tokenizer_text text) const { return inside(text.offset, text.size); }

  bool isToken(uint32_t id) const { return id < tables.tokens.count; }

  bool isTokenOrNone(uint32_t id) const { return id == LLMC_NO_TOKEN || isToken(id); }

  template <typename Row> bool fits(llmc_tokenizer_range range) const {
    return range.offset % 8 == 0 && inside(range.offset, uint64_t(range.count) * sizeof(Row));
  }

  template <typename Row> void view(Table<Row> &table, llmc_tokenizer_range range) {
    require(fits<Row>(range), "a table reaches outside the tokenizer section");
    if (fits<Row>(range))
      table = {reinterpret_cast<const Row *>(base + range.offset), range.count};
  }

  void views() {
    const llmc_tokenizer_header &header = tables.header;
    view(tables.tokens, header.tokens);
    view(tables.vocabulary, header.vocabulary);
    view(tables.merges, header.merges);
    view(tables.byteIds, header.byte_ids);
    view(tables.fallbackIds, header.fallback_ids);
    view(tables.scores, header.scores);
    view(tables.modelTrie, header.model_trie);
    view(tables.rawTrie, header.raw_trie);
    view(tables.normalizedTrie, header.normalized_trie);
    view(tables.normalizer, header.normalizer);
    view(tables.steps, header.steps);
    view(tables.dfas, header.dfas);
    view(tables.transitions, header.transitions);
    view(tables.classIndex, header.class_index);
    view(tables.classBlocks, header.class_blocks);
    view(tables.classFlags, header.class_flags);
    view(tables.canonical, header.canonical);
    view(tables.compatibility, header.compatibility);
    view(tables.decomposed, header.decomposed);
    view(tables.compositions, header.compositions);
    view(tables.combining, header.combining);
    view(tables.prefix, header.prefix);
    view(tables.suffix, header.suffix);
  }

  void model() {
    const llmc_tokenizer_header &header = tables.header;
    require(tables.tokens.count > 0 && tables.tokens.count <= 0x7fffffff, "the tokenizer has no tokens");
    for (const llmc_tokenizer_token &token : tables.tokens) {
      require(inside(token.text_offset, token.text_size) && inside(token.piece_offset, token.piece_size) &&
                  inside(token.first_offset, token.first_size),
              "a token's text reaches outside the tokenizer section");
      require(!(token.flags & LLMC_TOKEN_BYTE) || (token.piece_size == 1 && token.first_size == 1),
              "a byte token is not one byte");
    }
    auto isPowerOfTwo = [](uint32_t count) { return count && !(count & (count - 1)); };
    require(isPowerOfTwo(tables.vocabulary.count) && isPowerOfTwo(tables.merges.count),
            "a hash table's size is not a power of two");
    require(header.vocabulary_probes - 1 < LLMC_TOKENIZER_MAX_PROBES &&
                header.merge_probes - 1 < LLMC_TOKENIZER_MAX_PROBES,
            "a hash table asks for too many probes");
    for (const llmc_tokenizer_slot &slot : tables.vocabulary)
      require(isTokenOrNone(slot.token), "the vocabulary names an id that does not exist");
    for (const llmc_tokenizer_merge &merge : tables.merges)
      require(merge.left == LLMC_NO_TOKEN || (isToken(merge.left) && isToken(merge.right) && isToken(merge.result)),
              "a merge names an id that does not exist");
    require(isTokenOrNone(header.unk_token), "the unknown token's id does not exist");
    require(!tables.has(LLMC_TOKENIZER_BYTE_LEVEL) || tables.byteIds.count == (header.word_end.size ? 512u : 256u),
            "the byte table is not 256 ids");
    require(!tables.has(LLMC_TOKENIZER_BYTE_FALLBACK) || tables.fallbackIds.count == 256,
            "the byte fallback table is not 256 ids");
    for (const Table<uint32_t> *ids : {&tables.byteIds, &tables.fallbackIds})
      for (uint32_t id : *ids)
        require(isTokenOrNone(id), "a byte table names an id that does not exist");
    for (const Table<uint32_t> *ids : {&tables.prefix, &tables.suffix})
      for (uint32_t id : *ids)
        require(isToken(id), "the template names an id that does not exist");
    require(header.decoder >= LLMC_DECODER_BYTES && header.decoder <= LLMC_DECODER_TEXT, "unknown kind of decoder");
    require(header.strip < 0x80, "the stripped character is not ASCII");
    for (llmc_tokenizer_text text : {header.word_inner, header.word_end})
      require(isText(text) && text.size <= LLMC_TOKENIZER_MAX_AFFIX_BYTES, "an affix of words is damaged");
  }

  /// What the models that search in a trie need.
  void search() {
    const llmc_tokenizer_header &header = tables.header;
    bool unigram = header.model == LLMC_TOKENIZER_UNIGRAM, wordPiece = header.model == LLMC_TOKENIZER_WORDPIECE;
    require(!(unigram || wordPiece) || tables.modelTrie.count > 0, "the trie of tokens is missing");
    require(!unigram || tables.scores.count == tables.tokens.count, "the scores are not one for each token");
    // Sums stay finite and in order.
    for (double score : tables.scores)
      require(score >= -1e30 && score <= 1e30, "a token's score is out of bounds");
    require(!unigram || (header.unk_score >= -1e30 && header.unk_score <= 1e30),
            "the unknown token's score is out of bounds");
    require(header.word_inner_node == LLMC_NO_TOKEN || header.word_inner_node < tables.modelTrie.count,
            "the trie of tokens is damaged");
  }

  void trie(const Table<llmc_tokenizer_node> &nodes, uint32_t values) {
    for (const llmc_tokenizer_node &node : nodes)
      require(node.base >= 1 && nodes.count >= 256 && node.base <= nodes.count - 256 &&
                  (node.value == LLMC_NO_TOKEN || node.value < values),
              "a trie is damaged");
  }

  void classes() {
    require(tables.classFlags.count >= 1 && tables.classFlags.count <= 256, "the class table is damaged");
    require(tables.classIndex.count == codepointBlocks && tables.classBlocks.count % 256 == 0,
            "the class table is damaged");
    if (reason)
      return;
    uint32_t blocks = tables.classBlocks.count / 256;
    for (uint16_t block : tables.classIndex)
      require(block < blocks, "the class table is damaged");
    for (uint8_t number : tables.classBlocks)
      require(number < tables.classFlags.count, "the class table is damaged");
  }

  void operations() {
    require(tables.normalizer.count <= LLMC_TOKENIZER_MAX_STEPS, "the tokenizer has too many steps");
    for (const llmc_tokenizer_operation &operation : tables.normalizer) {
      if (reason)
        return;
      require(operation.kind >= LLMC_NORMALIZE_PREPEND && operation.kind <= LLMC_NORMALIZE_TRIM,
              "unknown kind of normaliser");
      require(isText(operation.a) && isText(operation.b), "a normaliser reaches outside the tokenizer section");
      bool sought = operation.kind == LLMC_NORMALIZE_REPLACE || operation.kind == LLMC_NORMALIZE_TRIM;
      require(!sought || operation.a.size > 0, "a normaliser replaces nothing");
      bool clusters = operation.kind == LLMC_NORMALIZE_CHARSMAP && (operation.flags & LLMC_OPERATION_CLUSTERS);
      if (operation.kind == LLMC_NORMALIZE_MATCHES || clusters)
        require(operation.dfa < tables.dfas.count, "a normaliser's automaton is missing");
      if (operation.kind == LLMC_NORMALIZE_MAP || operation.kind == LLMC_NORMALIZE_CHARSMAP)
        map(operation);
    }
  }

  void map(const llmc_tokenizer_operation &operation) {
    require(fits<llmc_tokenizer_text>(operation.texts), "a table reaches outside the tokenizer section");
    if (reason)
      return;
    for (const llmc_tokenizer_text &text : tables.table<llmc_tokenizer_text>(operation.texts))
      require(isText(text), "a normaliser reaches outside the tokenizer section");
    if (operation.kind == LLMC_NORMALIZE_CHARSMAP) {
      require(fits<llmc_tokenizer_node>(operation.entries) && operation.entries.count > 0,
              "a table reaches outside the tokenizer section");
      if (!reason)
        trie(tables.table<llmc_tokenizer_node>(operation.entries), operation.texts.count);
      return;
    }
    require(fits<uint16_t>(operation.index) && operation.index.count == codepointBlocks &&
                fits<uint16_t>(operation.entries) && operation.entries.count % 256 == 0,
            "a map of characters is damaged");
    if (reason)
      return;
    for (uint16_t block : tables.table<uint16_t>(operation.index))
      require(block < operation.entries.count / 256, "a map of characters is damaged");
    for (uint16_t entry : tables.table<uint16_t>(operation.entries))
      require(entry >= LLMC_MAP_SPACE || entry < operation.texts.count, "a map of characters is damaged");
  }

  void steps() {
    require(tables.steps.count <= LLMC_TOKENIZER_MAX_STEPS, "the tokenizer has too many steps");
    for (const llmc_tokenizer_step &step : tables.steps) {
      require(step.kind >= LLMC_STEP_SPLIT && step.kind <= LLMC_STEP_PREPEND_FIRST, "unknown kind of pre-tokenizer");
      require(isText(step.a) && isText(step.b), "a pre-tokenizer reaches outside the tokenizer section");
      require(step.kind != LLMC_STEP_REPLACE || step.a.size > 0, "a pre-tokenizer replaces nothing");
      if (step.kind == LLMC_STEP_SPLIT)
        require(step.dfa < tables.dfas.count && step.behavior >= LLMC_SPLIT_REMOVED &&
                    step.behavior <= LLMC_SPLIT_MERGED_WITH_NEXT &&
                    step.flags <= (LLMC_STEP_INVERT | LLMC_STEP_ALPHABET),
                "a pre-tokenizer's split is damaged");
    }
  }

  void automata() {
    uint32_t columns = tables.classFlags.count + 1;
    for (const llmc_tokenizer_dfa &dfa : tables.dfas) {
      uint64_t entries = uint64_t(dfa.state_count) * columns;
      require(dfa.state_count >= 2 && dfa.state_count < 0x8000 && dfa.first_transition <= tables.transitions.count &&
                  entries <= tables.transitions.count - dfa.first_transition,
              "a pre-tokenizer's automaton is damaged");
      if (reason)
        return;
      for (uint64_t i = 0; i < entries; ++i)
        require((tables.transitions[dfa.first_transition + i] & 0x7fffu) < dfa.state_count,
                "a pre-tokenizer's automaton is damaged");
      // A first transition with a match would be an empty one: splitting would not move.
      for (uint32_t i = 0; i < columns; ++i)
        require(!(tables.transitions[dfa.first_transition + columns + i] & LLMC_DFA_MATCH),
                "a pre-tokenizer's automaton matches nothing at all");
    }
  }

  void normalization() {
    for (const Table<llmc_tokenizer_decomposition> *rows : {&tables.canonical, &tables.compatibility})
      for (const llmc_tokenizer_decomposition &row : *rows)
        require(row.count >= 1 && row.first <= tables.decomposed.count &&
                    row.count <= tables.decomposed.count - row.first,
                "the normalisation tables are damaged");
    auto isScalar = [](uint32_t codepoint) {
      return codepoint < 0x110000 && (codepoint < 0xd800 || codepoint > 0xdfff);
    };
    for (uint32_t codepoint : tables.decomposed)
      require(isScalar(codepoint), "the normalisation tables are damaged");
    for (const llmc_tokenizer_composition &row : tables.compositions)
      require(isScalar(row.result), "the normalisation tables are damaged");
    for (const llmc_tokenizer_combining &row : tables.combining)
      require(row.combining_class >= 1 && row.combining_class <= 255, "the normalisation tables are damaged");
  }

  TokenizerTables &tables;
  const uint8_t *base;
  const char *reason = nullptr;
};

} // namespace

TextStatus TokenizerTables::open(const void *section, size_t size, const char **reason) {
  *this = TokenizerTables();
  const char *found = nullptr;
  if (size < sizeof(llmc_tokenizer_header) || reinterpret_cast<uintptr_t>(section) % 8 != 0) {
    found = "the tokenizer section is cut short";
  } else {
    std::memcpy(&header, section, sizeof(header));
    base = static_cast<const uint8_t *>(section);
    constexpr uint32_t knownFlags = LLMC_TOKENIZER_BYTE_LEVEL | LLMC_TOKENIZER_BYTE_FALLBACK | LLMC_TOKENIZER_FUSE_UNK |
                                    LLMC_TOKENIZER_IGNORE_MERGES | LLMC_TOKENIZER_SINGLE_SUMS |
                                    LLMC_TOKENIZER_FIRST_TEXT;
    if (std::memcmp(header.magic, LLMC_TOKENIZER_MAGIC, sizeof(header.magic)) != 0)
      found = "the tokenizer section does not start with its magic bytes";
    else if (header.version != LLMC_TOKENIZER_VERSION)
      found = "the tokenizer section has another version than this runtime reads";
    else if (header.size > size || header.size < sizeof(header))
      found = "the tokenizer section is cut short";
    else if (header.model < LLMC_TOKENIZER_BPE || header.model > LLMC_TOKENIZER_WORDLEVEL ||
             (header.flags & ~knownFlags))
      found = "the tokenizer section holds a model this runtime does not know";
    else
      found = Checker(*this, base).check();
  }
  if (!found)
    return TextStatus::Ok;
  if (reason)
    *reason = found;
  *this = TokenizerTables();
  return TextStatus::BadSection;
}

} // namespace llmc::runtime
