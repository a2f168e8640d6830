// Sampler.cpp - filters and one draw, in the order of Hugging Face's generate. Compiled without contraction of a * b +
// c, so that every machine rounds alike.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/sampling/Sampler.h"

#include <cstring>

namespace llmc::runtime {

namespace {

constexpr float infinity = __builtin_inff();

/// Likelier first; lower ids among equals.
bool before(const Candidate &a, const Candidate &b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

/// Sinks the candidate at `at` in a heap whose root is the first by `before`.
void sink(Candidate *heap, uint32_t count, uint32_t at) {
  Candidate moved = heap[at];
  while (2 * uint64_t(at) + 1 < count) {
    uint32_t child = 2 * at + 1;
    if (child + 1 < count && before(heap[child + 1], heap[child]))
      ++child;
    if (!before(heap[child], moved))
      break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}

void makeHeap(Candidate *heap, uint32_t count) {
  for (uint32_t at = count / 2; at-- > 0;)
    sink(heap, count, at);
}

/// Moves the first of the heap [0, count) to its end, [count - 1].
void popFirst(Candidate *heap, uint32_t count) {
  Candidate first = heap[0];
  heap[0] = heap[count - 1];
  sink(heap, count - 1, 0);
  heap[count - 1] = first;
}

void reverse(Candidate *list, uint32_t count) {
  for (uint32_t i = 0; i < count / 2; ++i) {
    Candidate other = list[i];
    list[i] = list[count - 1 - i];
    list[count - 1 - i] = other;
  }
}

} // namespace

double exponential(double x) {
  if (!(x > -700))
    return 0;
  // x = n ln 2 + r, |r| <= ln 2 / 2; ln 2 in two parts so that n * high is exact (W. J. Cody, W. Waite, 1980).
  constexpr double high = 0x1.62e42fee00000p-1, low = 0x1.a39ef35793c76p-33, perLn2 = 0x1.71547652b82fep+0;
  double scaled = x * perLn2;
  auto n = static_cast<int64_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  auto count = static_cast<double>(n);
  double r = (x - count * high) - count * low;
  // Taylor's series to r^13 / 13!: the next term is below 2^-55 of the sum.
  double sum = 1.0 / 6227020800.0;
  constexpr double inverseFactorials[] = {
      1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
      1.0 / 120,       1.0 / 24,       1.0 / 6,       0.5,          1.0,         1.0};
  for (double coefficient : inverseFactorials)
    sum = sum * r + coefficient;
  uint64_t power = static_cast<uint64_t>(n + 1023) << 52; // 2^n; n >= -1010 here
  double scale;
  std::memcpy(&scale, &power, sizeof(scale));
  return sum * scale;
}

int32_t argmax(const float *logits, uint32_t count) {
  int32_t best = count ? 0 : -1;
  float highest = -infinity;
  for (uint32_t i = 0; i < count; ++i)
    if (logits[i] > highest) { // false for NaN
      highest = logits[i];
      best = static_cast<int32_t>(i);
    }
  return best;
}

size_t Sampler::workspaceBytes(uint32_t vocabSize) {
  return (size_t(vocabSize) + 63) / 64 * 8 + size_t(vocabSize) * sizeof(Candidate);
}

void Sampler::open(const SamplerOptions &chosen, uint32_t size, void *workspace) {
  options = chosen;
  vocabSize = size;
  seen = static_cast<uint64_t *>(workspace);
  candidates = reinterpret_cast<Candidate *>(seen + (size_t(size) + 63) / 64);
  reset();
}

void Sampler::forgetSeen() { std::memset(seen, 0, (size_t(vocabSize) + 63) / 64 * 8); }

void Sampler::reset() {
  forgetSeen();
  random.seed(options.seed);
}

void Sampler::accept(int32_t token) {
  if (static_cast<uint32_t>(token) < vocabSize)
    seen[token / 64] |= uint64_t(1) << (token % 64);
}

float Sampler::penalized(const float *logits, uint32_t token) const {
  float logit = logits[token];
  if (logit != logit)
    return -infinity;
  if (options.repetitionPenalty > 0 && options.repetitionPenalty != 1.0f && (seen[token / 64] >> (token % 64) & 1))
    logit = logit > 0 ? logit / options.repetitionPenalty : logit * options.repetitionPenalty;
  return logit;
}

/// Keeps the topK likeliest of `count` candidates and those equal to the last of them; returns how many.
uint32_t Sampler::keepTopK(uint32_t count) {
  auto k = static_cast<uint32_t>(options.topK);
  // A heap of the k best so far, worst at its root: mirrored candidates turn the one order into the other.
  auto mirrored = [](Candidate candidate) { return Candidate{-1 - candidate.token, -candidate.logit}; };
  // The best are gathered in front; what they replace takes their place behind, so that nothing is lost.
  for (uint32_t i = 0; i < k; ++i)
    candidates[i] = mirrored(candidates[i]);
  makeHeap(candidates, k);
  for (uint32_t i = k; i < count; ++i) {
    Candidate other = mirrored(candidates[i]);
    if (before(candidates[0], other)) { // the worst of the best goes
      candidates[i] = mirrored(candidates[0]);
      candidates[0] = other;
      sink(candidates, k, 0);
    }
  }
  for (uint32_t i = 0; i < k; ++i)
    candidates[i] = mirrored(candidates[i]);
  float threshold = infinity;
  for (uint32_t i = 0; i < k; ++i)
    threshold = candidates[i].logit < threshold ? candidates[i].logit : threshold;
  uint32_t kept = k;
  for (uint32_t i = k; i < count; ++i)
    if (candidates[i].logit == threshold)
      candidates[kept++] = candidates[i];
  return kept;
}

/// Sorts `count` candidates, likeliest first, as far as top-p and min-p keep them; returns how many.
uint32_t Sampler::keepLikely(uint32_t count) {
  float highest = -infinity;
  for (uint32_t i = 0; i < count; ++i)
    highest = candidates[i].logit > highest ? candidates[i].logit : highest;
  auto weight = [&](const Candidate &candidate) {
    // Infinite logits: all of them share the whole probability.
    if (highest == infinity)
      return candidate.logit == infinity ? 1.0 : 0.0;
    return exponential(double(candidate.logit) - double(highest));
  };
  bool useTopP = options.topP < 1.0f, useMinP = options.minP > 0;
  double total = 0;
  if (useTopP)
    for (uint32_t i = 0; i < count; ++i)
      total += weight(candidates[i]);
  double limit = useTopP ? double(options.topP) * total : 0, least = double(options.minP);

  // Candidates leave the heap in order and gather at the end of the array; few leave when little is kept.
  makeHeap(candidates, count);
  uint32_t left = count;
  double sum = 0; // of those that left
  while (left) {
    double share = weight(candidates[0]);
    bool first = left == count; // at least one is kept
    // min-p measures shares of the likeliest, which the renormalisation after top-p does not change.
    if (!first && ((useTopP && !(sum < limit)) || (useMinP && share < least)))
      break;
    sum += share;
    popFirst(candidates, left--);
  }
  uint32_t kept = count - left;
  std::memmove(candidates, candidates + left, kept * sizeof(Candidate));
  reverse(candidates, kept);
  return kept;
}

/// The likeliest token alone; returns how many that are: none when no logit is a number.
uint32_t Sampler::keepLikeliest(const float *logits) {
  Candidate best = {-1, -infinity};
  for (uint32_t i = 0; i < vocabSize; ++i)
    if (float logit = penalized(logits, i); logit > best.logit)
      best = {static_cast<int32_t>(i), logit};
  if (best.token < 0)
    return 0;
  candidates[0] = best;
  return 1;
}

const Candidate *Sampler::filter(const float *logits, uint32_t &count) {
  count = 0;
  if (!(options.temperature > 0)) {
    count = keepLikeliest(logits);
    return candidates;
  }
  bool tooLarge = false; // a finite logit divided by a tiny temperature
  for (uint32_t i = 0; i < vocabSize; ++i) {
    float logit = penalized(logits, i), divided = logit / options.temperature;
    tooLarge |= divided == infinity && logit != infinity;
    if (divided > -infinity)
      candidates[count++] = {static_cast<int32_t>(i), divided};
  }
  // Where a float cannot tell the logits apart any more, the likeliest has all the probability.
  if (tooLarge || count == 0) {
    count = keepLikeliest(logits);
    return candidates;
  }
  if (options.topK > 0 && static_cast<uint32_t>(options.topK) < count)
    count = keepTopK(count);
  count = keepLikely(count);
  return candidates;
}

int32_t Sampler::sample(const float *logits) {
  uint32_t count = 0;
  filter(logits, count);
  if (count == 0)
    return -1;
  if (count == 1)
    return candidates[0].token;
  float highest = candidates[0].logit;
  auto weight = [&](uint32_t i) {
    return highest == infinity ? (candidates[i].logit == infinity ? 1.0 : 0.0)
                               : exponential(double(candidates[i].logit) - double(highest));
  };
  double total = 0;
  for (uint32_t i = 0; i < count; ++i)
    total += weight(i);
  double target = random.uniform() * total, sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    sum += weight(i);
    if (target < sum)
      return candidates[i].token;
  }
  return candidates[0].token; // rounding: the sums above are equal, so that this is not reached
}

} // namespace llmc::runtime
