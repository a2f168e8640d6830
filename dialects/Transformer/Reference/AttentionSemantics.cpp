// AttentionSemantics.cpp - attention in chunks of 64 keys, and the cache that it reads.
//
// Compiled with -ffp-contract=off: only what says fma is fused.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Reference/AttentionSemantics.h"
#include "dialects/Transformer/Formats/DeterministicMath.h"
#include "dialects/Transformer/Reference/DenseSemantics.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace llmc;
using namespace llmc::reference;

static constexpr int64_t kChunk = 64;

void reference::cacheUpdate(State &state, int64_t slot, const Floats &keys, const Floats *values,
                            const Integers &positions, const Integers &sequences) {
  int64_t keyWidth = state.heads * state.headDim, valueWidth = state.heads * state.valueDim;
  for (int64_t t = 0; t < keys.rows(); ++t) {
    State::Sequence &sequence = state.sequences[{slot, sequences.values[t]}];
    size_t position = positions.values[t];
    if (sequence.occupied.size() <= position) {
      sequence.occupied.resize(position + 1);
      sequence.keys.resize((position + 1) * keyWidth);
      if (values)
        sequence.values.resize((position + 1) * valueWidth);
    }
    sequence.occupied[position] = true;
    for (int64_t head = 0; head < state.heads; ++head) {
      float *key = &sequence.keys[position * keyWidth + head * state.headDim];
      std::copy_n(&keys.values[t * keyWidth + head * state.headDim], state.headDim, key);
      state.roundRow(key, state.headDim);
      if (!values)
        continue;
      float *value = &sequence.values[position * valueWidth + head * state.valueDim];
      std::copy_n(&values->values[t * valueWidth + head * state.valueDim], state.valueDim, value);
      state.roundRow(value, state.valueDim);
    }
  }
}

int64_t reference::relativeBucket(int64_t difference, int64_t buckets, int64_t maxDistance, bool causal) {
  int64_t first = 0, distance;
  if (causal) {
    distance = std::max<int64_t>(-difference, 0);
  } else {
    buckets /= 2;
    first = difference > 0 ? buckets : 0;
    distance = std::abs(difference);
  }
  int64_t exact = buckets / 2;
  if (distance < exact)
    return first + distance;
  float ratio = static_cast<float>(deterministicLog(static_cast<float>(distance) / static_cast<float>(exact)));
  float range = static_cast<float>(deterministicLog(static_cast<double>(maxDistance) / exact));
  int64_t far = exact + static_cast<int64_t>(ratio / range * static_cast<float>(buckets - exact));
  return first + std::min(buckets - 1, far);
}

namespace {
/// Where the keys of one query's sequence are: number j of them has a position, a column of masks, a key and a value.
class KeyView {
public:
  KeyView(const AttentionFacts &facts, const Integers &positions, const Integers &sequences, int64_t sequence)
      : facts(facts), sequence(sequence) {
    if (facts.state) {
      auto found = facts.state->sequences.find({facts.slot, sequence});
      cached = found == facts.state->sequences.end() ? nullptr : &found->second;
      return;
    }
    positionsOfKeys = facts.keyPositions ? facts.keyPositions : &positions;
    sequencesOfKeys = facts.keySequences ? facts.keySequences : &sequences;
  }

  int64_t count() const {
    if (facts.state)
      return cached ? static_cast<int64_t>(cached->occupied.size()) : 0;
    return facts.keys->rows();
  }
  bool present(int64_t j) const { return facts.state ? true : sequencesOfKeys->values[j] == sequence; }
  int64_t position(int64_t j) const { return facts.state ? j : positionsOfKeys->values[j]; }
  const float *key(int64_t j, int64_t head) const {
    const std::vector<float> &keys = facts.state ? cached->keys : facts.keys->values;
    return &keys[(j * facts.numKvHeads + head) * facts.headDim];
  }
  const float *value(int64_t j, int64_t head) const {
    if (facts.state && facts.state->latent)
      return key(j, head);
    const std::vector<float> &values = facts.state ? cached->values : facts.values->values;
    return &values[(j * facts.numKvHeads + head) * facts.valueDim];
  }

private:
  const AttentionFacts &facts;
  int64_t sequence;
  const State::Sequence *cached = nullptr;
  const Integers *positionsOfKeys = nullptr, *sequencesOfKeys = nullptr;
};
} // namespace

static bool isVisible(const AttentionFacts &facts, const KeyView &keys, int64_t j, int64_t token, int64_t position,
                      int64_t sequence) {
  int64_t difference = keys.position(j) - position;
  return keys.present(j) && (!facts.causal || difference <= 0) && (!facts.window || -difference < facts.window) &&
         (!facts.windowAfter || difference < facts.windowAfter) &&
         (!facts.lengths || keys.position(j) < facts.lengths->values[sequence]) &&
         (!facts.mask || (j < facts.mask->shape[1] && facts.mask->values[token * facts.mask->shape[1] + j]));
}

static float score(const AttentionFacts &facts, const float *query, const KeyView &keys, int64_t j, int64_t token,
                   int64_t position, int64_t head) {
  int64_t kvHead = head / (facts.numHeads / facts.numKvHeads);
  float value = chain(query, keys.key(j, kvHead), facts.headDim) * static_cast<float>(facts.scale);
  if (facts.softCap)
    value = softCap(value, *facts.softCap);
  int64_t difference = keys.position(j) - position;
  if (!facts.alibiSlopes.empty())
    value += static_cast<float>(facts.alibiSlopes[head]) * static_cast<float>(difference);
  if (facts.relativeBias)
    value += facts.relativeBias->at(
        relativeBucket(difference, facts.relativeBias->rows(), facts.relativeMaxDistance, facts.causal), head);
  if (const Floats *bias = facts.bias; bias && j < bias->shape.back()) {
    size_t rank = bias->shape.size();
    int64_t plane = rank == 3 ? head * bias->shape[1] : 0;
    value += bias->values[(plane + token) * bias->shape[rank - 1] + j];
  }
  return value;
}

/// std::max that lets a NaN through.
static float largest(float a, float b) { return a != a || a > b ? a : b; }

static float exponential(float x) { return static_cast<float>(deterministicExp(x)); }

Floats reference::attention(const AttentionFacts &facts, const Floats &query, const Integers &positions,
                            const Integers &sequences) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  Floats result({query.rows(), facts.numHeads * facts.valueDim}, query.precision);
  for (int64_t t = 0; t < query.rows(); ++t) {
    int64_t position = positions.values[t], sequence = sequences.values[t];
    KeyView keys(facts, positions, sequences, sequence);
    for (int64_t head = 0; head < facts.numHeads; ++head) {
      const float *q = &query.values[(t * facts.numHeads + head) * facts.headDim];
      int64_t kvHead = head / (facts.numHeads / facts.numKvHeads);
      // (m, l, o) over the chunks so far.
      float m = facts.sinks ? facts.sinks->values[head] : kNone, l = facts.sinks ? 1 : 0;
      std::vector<float> o(facts.valueDim);
      for (int64_t start = 0; start < keys.count(); start += kChunk) {
        float scores[kChunk], weights[kChunk] = {};
        bool visible[kChunk] = {}, any = false;
        float chunkMax = kNone;
        int64_t size = std::min(kChunk, keys.count() - start);
        for (int64_t i = 0; i < size; ++i) {
          visible[i] = isVisible(facts, keys, start + i, t, position, sequence);
          if (!visible[i])
            continue;
          any = true;
          scores[i] = score(facts, q, keys, start + i, t, position, head);
          chunkMax = largest(scores[i], chunkMax);
        }
        // A chunk whose scores are all -inf adds nothing either.
        if (!any || chunkMax == kNone)
          continue;
        for (int64_t i = 0; i < size; ++i)
          if (visible[i])
            weights[i] = exponential(scores[i] - chunkMax);
        float chunkSum = sumInLanes(kChunk, [&](float sum, int64_t i) { return sum + weights[i]; });
        float n = largest(m, chunkMax), a = m == kNone ? 0 : exponential(m - n), b = exponential(chunkMax - n);
        float scaledSum = l * a, addedSum = chunkSum * b;
        l = scaledSum + addedSum;
        for (int64_t v = 0; v < facts.valueDim; ++v) {
          float chunkValue = 0;
          for (int64_t i = 0; i < size; ++i)
            if (visible[i])
              chunkValue = std::fma(weights[i], keys.value(start + i, kvHead)[v], chunkValue);
          float scaled = o[v] * a, added = chunkValue * b;
          o[v] = scaled + added;
        }
        m = n;
      }
      for (int64_t v = 0; v < facts.valueDim; ++v)
        result.set(t, head * facts.valueDim + v, l == 0 ? 0 : o[v] / l);
    }
  }
  return result;
}
