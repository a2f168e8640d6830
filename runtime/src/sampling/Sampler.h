// Sampler.h - chooses the next token from a row of logits.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_SAMPLING_SAMPLER_H
#define LLMC_RUNTIME_SRC_SAMPLING_SAMPLER_H

#include "runtime/src/sampling/Random.h"

#include <cstddef>
#include <cstdint>

namespace llmc::runtime {

/// How to choose. The defaults change nothing; out-of-range values are treated as "off".
struct SamplerOptions {
  float temperature = 1.0f;       ///< Divides the logits; 0 or less: greedy, the highest logit, lowest id among equals.
  int32_t topK = 0;               ///< Keep the k highest, and those equal to the k-th; 0 or less: all.
  float topP = 1.0f;              ///< Keep the fewest highest whose probabilities reach p; 1 or more: all.
  float minP = 0.0f;              ///< Drop what is less likely than this share of the likeliest; 0 or less: nothing.
  float repetitionPenalty = 1.0f; ///< Of tokens seen: positive logits divided by it, negative ones multiplied; 1: off.
  uint64_t seed = 0;
};

/// A token that may be chosen.
struct Candidate {
  int32_t token;
  float logit; ///< After penalty and temperature.
};

/// Chooses tokens as Hugging Face transformers' generate does, in its order: repetition penalty, temperature, top-k,
/// top-p, min-p, then one draw. Works on memory of the caller and never allocates. The same logits, options and history
/// give the same token on every machine: sums are taken in a fixed order in double, and the exponential is this
/// library's own.
class Sampler {
public:
  /// Bytes of working memory for logit rows of `vocabSize`.
  static size_t workspaceBytes(uint32_t vocabSize);

  /// `workspace` (8-aligned, workspaceBytes) must outlive the sampler. Starts with no token seen.
  void open(const SamplerOptions &options, uint32_t vocabSize, void *workspace);
  /// Forgets the tokens seen and starts the generator at the seed again.
  void reset();

  /// Forgets the tokens seen alone: the draws go on.
  void forgetSeen();

  /// Notes a token of the prompt or of the answer, for the repetition penalty. Ids outside the vocabulary are ignored.
  void accept(int32_t token);

  /// The next token for a row of vocabSize logits. NaN counts as minus infinity; +infinity wins. -1 when no logit is a
  /// number above minus infinity. Does not accept the token.
  int32_t sample(const float *logits);

  /// The tokens that may be chosen, likeliest first (lower ids among equals), after all filters: what `sample` draws
  /// from. They stand in the workspace until the next call. `count` is 0 as `sample` returns -1. In greedy mode: the
  /// one.
  const Candidate *filter(const float *logits, uint32_t &count);

private:
  float penalized(const float *logits, uint32_t token) const;
  uint32_t keepLikeliest(const float *logits);
  uint32_t keepTopK(uint32_t count);
  uint32_t keepLikely(uint32_t count);

  SamplerOptions options;
  uint32_t vocabSize = 0;
  Random random;
  uint64_t *seen = nullptr;        // [ceil(vocabSize / 64)] a bit a token
  Candidate *candidates = nullptr; // [vocabSize]
};

/// The chosen token of a row, greedily: the highest logit, lowest id among equals, NaN last; -1 for an empty row.
int32_t argmax(const float *logits, uint32_t count);

/// e^x for x <= 0, within 2 units in the last place; exactly 0 below -700. The same bits on every machine.
double exponential(double x);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_SAMPLING_SAMPLER_H
