// AttentionTest.cpp - cache_update and attention of both variants against softmax in double, and against themselves: a
// query gives the same bits alone, in a tile, by any team, and however a prompt was cut.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/compiler/Targets/ProgramHarness.h"

#include "dialects/Transformer/Formats/BlockFormats.h"
#include "dialects/Transformer/Formats/HalfFloats.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace llmc::test;

namespace {

struct Shape {
  int64_t headDim, heads, kvHeads, window = 0;
  float softcap = 0;
  int64_t pageTokens = 64;
  std::string element = "f32";
  /// Bytes of a head's numbers, K or V, at one position.
  int64_t headBytes() const {
    return element == "f32" ? headDim * 4 : element.front() == '!' ? headDim + 2 : headDim * 2;
  }
  bool scratch = false;

  /// As kernel.attention says: states and two rounds of 32 chunks, each with 32 numbers for 4 query heads and the rows.
  int64_t scratchColumns() const {
    int64_t group = heads / kvHeads;
    return kvHeads * 65 * ((group + 3) / 4 * 32 + group * ((headDim + 15) / 16 * 16));
  }
};

/// A cache of 3 slots for 3 sequences of `pages` pages each; the pages lie in another order than the sequences'
/// positions. What no token has written is NaN.
struct Cache {
  static constexpr int64_t slots = 3, sequences = 3;
  Cache(const Shape &shape, int64_t pages)
      : pages(pages), pageBytes(slots * 2 * shape.kvHeads * shape.pageTokens * shape.headBytes()),
        memory(pageBytes * pages * sequences) {
    std::memset(memory.data(), 0xff, pageBytes * pages * sequences);
    for (int64_t i = 0; i < pages * sequences; ++i)
      table.push_back(static_cast<int32_t>((i * 7 + 2) % (pages * sequences)));
    // 7 shares no factor with the number of pages: a permutation.
    EXPECT_NE(pages * sequences % 7, 0);
  }
  llmc_state_view view() const { return {memory.data(), table.data(), static_cast<uint64_t>(pages)}; }
  int64_t pages, pageBytes;
  GuardedMemory memory;
  std::vector<int32_t> table;
};

struct Tokens {
  std::vector<int32_t> positions, sequences;
  Rows q, k, v;
  int64_t count() const { return positions.size(); }
};

class Attention : public VariantTest {
protected:
  std::mt19937 random{27182};

  ProgramBuilder program(const Shape &shape) {
    std::string d = std::to_string(shape.headDim), kv = std::to_string(shape.kvHeads);
    std::string state =
        "!transformer.state<kv_cache, slots = 3, heads = " + kv + ", head_dim = " + d + ", " + shape.element + ">";
    std::string page = "page = #kernel.page<tokens = " + std::to_string(shape.pageTokens) +
                       ", slots = 3, heads = " + kv + ", head_dim = " + d + ", " + shape.element + ">";
    std::string q = ProgramBuilder::rowsType(shape.headDim * shape.heads);
    std::string k = ProgramBuilder::rowsType(shape.headDim * shape.kvHeads);
    ProgramBuilder builder;
    builder.input("p", "positions");
    builder.input("s", "sequences");
    builder.output("q", shape.headDim * shape.heads);
    builder.output("k", shape.headDim * shape.kvHeads);
    builder.output("v", shape.headDim * shape.kvHeads);
    builder.output("y", shape.headDim * shape.heads);
    if (shape.scratch)
      builder.output("scratch", shape.scratchColumns());
    std::string scratchType = shape.scratch ? ProgramBuilder::rowsType(shape.scratchColumns()) + ", " : "";
    builder.state("kv", state);
    // Slot 2: one layer, so that the offset of a slot counts.
    builder.op("kernel.layers classes [0] slots [2] {\n  ^bb0(%slot: index, %member: index):");
    builder.op("kernel.cache_update %kv[%slot], %k, %v, %p, %s {" + page + "} : (" + state + ", index, " + k + ", " +
               k + ", memref<?xi32>, memref<?xi32>) -> ()\n  kernel.barrier");
    builder.op("kernel.attention %q, %kv[%slot], %p, %s " + std::string(shape.scratch ? "scratch(%scratch) " : "") +
               "outs(%y) {num_heads = " + std::to_string(shape.heads) + " : i64, scale = 0.31 : f32, window = " +
               std::to_string(shape.window) + " : i64, softcap = " + std::to_string(shape.softcap) + " : f32, " + page +
               "} : (" + q + ", " + state + ", index, memref<?xi32>, memref<?xi32>, " + scratchType + q + ") -> ()");
    builder.op("  kernel.yield\n  }");
    return builder;
  }

  Tokens tokens(const Shape &shape, const std::vector<std::pair<int32_t, std::pair<int32_t, int32_t>>> &runs) {
    Tokens result;
    for (auto [sequence, range] : runs)
      for (int32_t position = range.first; position < range.second; ++position) {
        result.positions.push_back(position);
        result.sequences.push_back(sequence);
      }
    int64_t count = result.count();
    result.q = Rows(count, shape.headDim * shape.heads);
    result.k = Rows(count, shape.headDim * shape.kvHeads);
    result.v = Rows(count, shape.headDim * shape.kvHeads);
    result.q.fill(random);
    result.k.fill(random);
    result.v.fill(random);
    return result;
  }

  /// Runs tokens [from, to) of `all` as one step and writes their rows of y.
  void step(const Executable &executable, const Cache &cache, const Tokens &all, int64_t from, int64_t to, Rows &y,
            unsigned threads, Rows *scratch = nullptr) {
    auto part = [&](const Rows &rows) {
      Rows copy(to - from, rows.columns);
      std::memcpy(copy.memory(), rows.memory() + from * rows.stride, (to - from) * rows.stride * 4);
      return copy;
    };
    Rows q = part(all.q), k = part(all.k), v = part(all.v), out(to - from, y.columns);
    Step step;
    step.tokens = to - from;
    step.inputs = {{all.positions.begin() + from, all.positions.begin() + to},
                   {all.sequences.begin() + from, all.sequences.begin() + to}};
    step.outputs = {&q, &k, &v, &out};
    if (scratch)
      step.outputs.push_back(scratch);
    step.states = {cache.view()};
    step.run(executable, threads);
    for (int64_t row = from; row < to; ++row)
      for (int64_t column = 0; column < y.columns; ++column)
        y.at(row, column) = out.at(row - from, column);
  }

  /// Softmax attention in double, over all tokens of the same sequence that came before.
  double reference(const Shape &shape, const Tokens &all, int64_t token, int64_t head, int64_t d) {
    int64_t kv = head / (shape.heads / shape.kvHeads) * shape.headDim;
    std::vector<double> scores;
    std::vector<int64_t> keys;
    for (int64_t other = 0; other < all.count(); ++other) {
      int64_t distance = all.positions[token] - all.positions[other];
      if (all.sequences[other] != all.sequences[token] || distance < 0 || (shape.window && distance >= shape.window))
        continue;
      double s = 0;
      for (int64_t i = 0; i < shape.headDim; ++i)
        s += static_cast<double>(all.q.at(token, head * shape.headDim + i)) * all.k.at(other, kv + i);
      s *= 0.31f;
      if (shape.softcap > 0)
        s = shape.softcap * std::tanh(s / shape.softcap);
      scores.push_back(s);
      keys.push_back(other);
    }
    double most = *std::max_element(scores.begin(), scores.end()), sum = 0, y = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
      sum += std::exp(scores[i] - most);
      y += std::exp(scores[i] - most) * all.v.at(keys[i], kv + d);
    }
    return y / sum;
  }

  void check(const Shape &shape, const std::vector<std::pair<int32_t, std::pair<int32_t, int32_t>>> &runs,
             int64_t pages) {
    SCOPED_TRACE("head_dim " + std::to_string(shape.headDim) + ", heads " + std::to_string(shape.heads) + " of " +
                 std::to_string(shape.kvHeads) + ", window " + std::to_string(shape.window));
    auto executable = compile(program(shape));
    ASSERT_TRUE(executable);
    Tokens all = tokens(shape, runs);
    int64_t count = all.count();
    Rows whole(count, all.q.columns);
    {
      Cache cache(shape, pages);
      step(*executable, cache, all, 0, count, whole, 1);
    }
    // |v| < 1, so that y's error is that of the weights: each score's is below headDim + 3 roundings of a sum below
    // 0.31 * headDim, the sums of up to 200 weights add 200 more of 2^-24; taken twice.
    double bound = std::ldexp(2 * ((shape.headDim + 3) * 0.31 * shape.headDim + 200), -24), worst = 0;
    for (int64_t token = 0; token < count; token += count > 40 ? 3 : 1)
      for (int64_t head = 0; head < shape.heads; ++head)
        for (int64_t d = 0; d < shape.headDim; ++d) {
          double error = std::fabs(whole.at(token, head * shape.headDim + d) - reference(shape, all, token, head, d));
          if (!(error <= worst))
            worst = error;
        }
    printf("head_dim %d: error at most %.3g of %.3g\n", static_cast<int>(shape.headDim), worst, bound);
    EXPECT_LE(worst, bound);
    // Teams.
    for (unsigned threads : {2u, 3u}) {
      Cache cache(shape, pages);
      Rows again(count, all.q.columns);
      step(*executable, cache, all, 0, count, again, threads);
      EXPECT_TRUE(again.sameBits(whole)) << threads << " threads";
    }
    // Each token alone.
    Cache single(shape, pages);
    Rows alone(count, all.q.columns);
    for (int64_t token = 0; token < count; ++token)
      step(*executable, single, all, token, token + 1, alone, 1);
    EXPECT_TRUE(alone.sameBits(whole)) << "one token at a time";
    // In steps of 5: tiles begin elsewhere.
    Cache cut(shape, pages);
    Rows parts(count, all.q.columns);
    for (int64_t token = 0; token < count; token += 5)
      step(*executable, cut, all, token, std::min(token + 5, count), parts, 2);
    EXPECT_TRUE(parts.sameBits(whole)) << "in steps of 5";
  }
};

/// Rounds the numbers of each head as a cache of that type keeps them, by the scalar codecs.
void roundHeads(Rows &rows, const Shape &shape) {
  for (int64_t row = 0; row < rows.rows; ++row)
    for (int64_t head = 0; head < shape.kvHeads; ++head) {
      float *numbers = &rows.at(row, head * shape.headDim);
      if (shape.element == "f16" || shape.element == "bf16") {
        for (int64_t d = 0; d < shape.headDim; ++d)
          numbers[d] = shape.element == "f16" ? llmc::halfToFloat(llmc::floatToHalf(numbers[d]))
                                              : llmc::bfloatToFloat(llmc::floatToBfloat(numbers[d]));
        continue;
      }
      std::vector<uint8_t> block(llmc::blockBytes(llmc::BlockFormatId::Q8, shape.headDim));
      llmc::encodeBlock(llmc::BlockFormatId::Q8, shape.headDim, numbers, block.data());
      llmc::decodeBlock(llmc::BlockFormatId::Q8, shape.headDim, block.data(), numbers);
    }
}

using Runs = std::vector<std::pair<int32_t, std::pair<int32_t, int32_t>>>;

} // namespace

// A cache of another type gives what an f32 cache of the rounded numbers gives, to the bit, in every tile, team and
// cut.
TEST_P(Attention, CacheTypes) {
  for (const char *element : {"f16", "bf16", "!transformer.block<q8, group = 48>"}) {
    SCOPED_TRACE(element);
    Shape typed{48, 6, 2, 0, 0, 128, element}, plain{48, 6, 2, 0, 0, 128};
    if (std::string(element) == "f16")
      typed.headDim = plain.headDim = 23;
    auto executable = compile(program(typed)), expecting = compile(program(plain));
    ASSERT_TRUE(executable && expecting);
    Tokens all = tokens(typed, {{1, {0, 150}}, {2, {0, 9}}});
    for (int64_t column = 0; column < all.k.columns; ++column) {
      all.k.at(3, column) = 0; // scales of zero
      all.v.at(4, column) = column % 2 ? -0.0f : 0.0f;
      all.v.at(5, column) = std::ldexp(all.v.at(5, column), -20); // scales that f16 has few bits for
      all.v.at(6, column) = std::ldexp(all.v.at(6, column), -30);
      all.v.at(7, column) = std::ldexp(all.v.at(7, column), 12);
    }
    Tokens rounded{all.positions, all.sequences, Rows(all.count(), all.q.columns), Rows(all.count(), all.k.columns),
                   Rows(all.count(), all.v.columns)};
    for (auto [to, from] : {std::pair(&rounded.q, &all.q), {&rounded.k, &all.k}, {&rounded.v, &all.v}})
      std::memcpy(to->memory(), from->memory(), from->rows * from->stride * 4);
    roundHeads(rounded.k, typed);
    roundHeads(rounded.v, typed);
    Rows expected(all.count(), all.q.columns), whole(all.count(), all.q.columns), cut(all.count(), all.q.columns);
    Cache plainCache(plain, 2), cache(typed, 2), cutCache(typed, 2);
    step(*expecting, plainCache, rounded, 0, all.count(), expected, 1);
    step(*executable, cache, all, 0, all.count(), whole, 2);
    EXPECT_TRUE(whole.sameBits(expected));
    for (int64_t token = 0; token < all.count(); token += token < 20 ? 1 : 7)
      step(*executable, cutCache, all, token, std::min(token + (token < 20 ? 1 : 7), all.count()), cut, 1);
    EXPECT_TRUE(cut.sameBits(expected)) << "in steps";
  }
}

// One sequence over three chunks and pages.
TEST_P(Attention, HeadDims) {
  for (int64_t headDim : {1, 7, 8, 16, 20, 64, 80, 128})
    check({headDim, 2, 1}, Runs{{1, {0, 83}}}, 3);
}

TEST_P(Attention, ThreeChunksAndPages) { check({20, 6, 3}, Runs{{2, {0, 150}}}, 3); }

TEST_P(Attention, PagesOfTwoChunks) { check({7, 4, 2, 0, 0, 128}, Runs{{0, {0, 150}}}, 2); }

// Sequences share a step: tiles must not cross from one to the next.
// Query heads of a key-value head are in one run, in some of like length, and in more than walk the keys together.
TEST_P(Attention, SequencesInOneStep) {
  for (Shape shape : {Shape{8, 3, 3}, Shape{20, 16, 2}, Shape{8, 9, 1}, Shape{16, 30, 1}})
    check(shape, Runs{{0, {0, 3}}, {2, {0, 70}}, {1, {0, 13}}}, 3);
}

// Windows that begin within a chunk, at one, and that are a chunk long.
TEST_P(Attention, Windows) {
  for (int64_t window : {1, 2, 19, 63, 64, 65, 100, 4096})
    check({7, 2, 2, window}, Runs{{1, {0, 140}}}, 3);
}

// Weights that are flushed to zero, and a query that is no number, which spoils its own row alone. All variants give
// the bits of the first one, which scales exponentials by adding to their bits.
TEST_P(Attention, ScoresFarApart) {
  Shape shape{16, 6, 2};
  auto executable = compile(program(shape)), first = Executable::compile(program(shape).text(), "x86-64-v3");
  ASSERT_TRUE(executable && first);
  const int64_t count = 150, spoiled = 70, spoiledKey = 100;
  Tokens all = tokens(shape, Runs{{1, {0, count}}});
  for (int64_t token = 0; token < count; ++token)
    for (int64_t column = 0; column < all.q.columns; ++column)
      all.q.at(token, column) = token == spoiled ? std::nanf("") : all.q.at(token, column) * 60;
  all.k.at(spoiledKey, 5) = std::nanf("");
  Rows y(count, all.q.columns), expected(count, all.q.columns);
  Cache cache(shape, 3), firstCache(shape, 3);
  step(*executable, cache, all, 0, count, y, 2);
  step(*first, firstCache, all, 0, count, expected, 1);
  for (int64_t token = 0; token < count; ++token)
    for (int64_t column = 0; column < y.columns; ++column) {
      float found = y.at(token, column), wanted = expected.at(token, column);
      if (token == spoiled || (token >= spoiledKey && column < shape.headDim * shape.heads / shape.kvHeads)) {
        EXPECT_TRUE(std::isnan(found)) << token << ", " << column;
        continue;
      }
      EXPECT_EQ(std::memcmp(&found, &wanted, 4), 0) << token << ", " << column;
      // Scores of some hundred have roundings of 2^-17.
      double exact = reference(shape, all, token, column / shape.headDim, column % shape.headDim);
      EXPECT_NEAR(found, exact, 2e-3) << token << ", " << column;
    }
}

TEST_P(Attention, SoftCap) {
  check({16, 2, 1, 0, 0.5f}, Runs{{1, {0, 70}}}, 3);
  check({16, 2, 1, 30, 2.0f}, Runs{{1, {0, 70}}}, 3);
}

// A token alone shares its chunks out where heads are too few for the team: over more than one round, from the middle
// of a round on where a window begins, with query heads in several runs. The bits are those of one thread and many
// tokens.
TEST_P(Attention, ChunksSharedByTheTeam) {
  for (Shape shape : {Shape{20, 6, 3}, Shape{8, 7, 1}, Shape{7, 18, 2, 2100}, Shape{16, 3, 3, 300, 2.0f},
                      Shape{8, 30, 1}, Shape{48, 6, 3, 0, 0, 128, "!transformer.block<q8, group = 48>"}}) {
    SCOPED_TRACE("head_dim " + std::to_string(shape.headDim) + ", heads " + std::to_string(shape.heads));
    shape.scratch = true;
    auto executable = compile(program(shape));
    ASSERT_TRUE(executable);
    const int32_t prompt = 2240, count = prompt + 9; // 35 chunks, then some of the next
    Tokens all = tokens(shape, Runs{{1, {0, count}}});
    Rows whole(count, all.q.columns);
    {
      Cache cache(shape, 37);
      Rows scratch(1, shape.scratchColumns());
      step(*executable, cache, all, 0, count, whole, 1, &scratch);
      EXPECT_TRUE(std::isnan(scratch.at(0, 0)) || scratch.at(0, 0) == 0) << "many tokens do not share";
    }
    for (unsigned threads : {1u, 2u, 5u, 8u}) {
      Cache cache(shape, 37);
      Rows scratch(1, shape.scratchColumns()), y(count, all.q.columns);
      scratch.at(0, 0) = 12345.0f;
      step(*executable, cache, all, 0, prompt, y, threads, &scratch);
      for (int32_t token = prompt; token < count; ++token)
        step(*executable, cache, all, token, token + 1, y, threads, &scratch);
      EXPECT_TRUE(y.sameBits(whole)) << threads << " threads";
      EXPECT_EQ(scratch.at(0, 0) != 12345.0f, threads == 1 || shape.kvHeads % threads != 0)
          << threads << " threads, shared";
    }
  }
}

// What cache_update stores: every number once, at its page, slot, head and place; nothing else is written.
TEST_P(Attention, CacheUpdateWritesItsPlacesOnly) {
  Shape shape{7, 2, 2, 0, 0, 128};
  auto executable = compile(program(shape));
  ASSERT_TRUE(executable);
  Tokens all = tokens(shape, Runs{{0, {126, 131}}, {2, {17, 18}}});
  Cache cache(shape, 2);
  int64_t count = all.count(), numbers = cache.pageBytes * cache.pages * Cache::sequences / 4;
  // The rest of what the queries look at is there already: zeros.
  std::memset(cache.memory.data(), 0, numbers * 4);
  Rows y(count, all.q.columns);
  step(*executable, cache, all, 0, count, y, 2);
  std::vector<float> expected(numbers, 0.0f);
  int64_t block = shape.pageTokens * shape.headDim;
  for (int64_t token = 0; token < count; ++token) {
    int64_t position = all.positions[token], within = position % shape.pageTokens;
    int64_t page = cache.table[all.sequences[token] * cache.pages + position / shape.pageTokens];
    for (int64_t head = 0; head < shape.kvHeads; ++head)
      for (int64_t d = 0; d < shape.headDim; ++d) {
        int64_t keys = page * (cache.pageBytes / 4) + (2 * shape.kvHeads + head) * 2 * block;
        expected[keys + within / 64 * 64 * shape.headDim + d * 64 + within % 64] =
            all.k.at(token, head * shape.headDim + d);
        expected[keys + block + within * shape.headDim + d] = all.v.at(token, head * shape.headDim + d);
      }
  }
  EXPECT_EQ(std::memcmp(expected.data(), cache.memory.data(), numbers * 4), 0);
}

LLMC_FOR_EACH_VARIANT(Attention);
