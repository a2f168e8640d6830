// Eval.h - how well a model predicts a text, alone and beside another one. `llmc eval FILE --text T`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_EVAL_H
#define LLMC_RUNTIME_RUNNER_EVAL_H

#include "llmc/llmc.h"
#include "runtime/src/runner/OptionTable.h"
#include "runtime/src/runner/Runner.h"

#include <functional>
#include <string>
#include <vector>

namespace llmc::runtime {

/// What to measure. Zeros take defaults.
struct EvalOptions {
  uint32_t window = 0;  ///< Tokens of a window; default: the model's context, at most 2048.
  uint32_t stride = 0;  ///< From one window's start to the next one's; default: half a window.
  uint32_t threads = 0; ///< Of a step.
};

/// A stretch of the text that is read afresh: tokens [begin, end), of which those from `first` on are scored.
struct EvalWindow {
  uint64_t begin, end, first;
};

/// The windows over `count` tokens as Hugging Face's guide to perplexity lays them out: a window every `stride` tokens,
/// each scoring the tokens that no window before it scored. So every token but the first is scored once, with at least
/// window - stride tokens before it once the text is that long. None for fewer than two tokens; 1 <= stride < window.
std::vector<EvalWindow> evalWindows(uint64_t count, uint32_t window, uint32_t stride);

/// What was measured; natural logarithms.
struct EvalResult {
  uint32_t window = 0, stride = 0;
  uint64_t tokens = 0, scored = 0;
  double meanLoss = 0, lossError = 0; ///< Mean of -log p(token), and the standard error of that mean.
  double perplexity = 0;              ///< exp(meanLoss)
  bool compared = false;              ///< What follows is set.
  double otherMeanLoss = 0, otherPerplexity = 0;
  double meanDivergence = 0; ///< Of the model from the other one: sum of p_other (log p_other - log p).
  double divergence99 = 0;   ///< 99th percentile over the tokens, between ranks linearly as NumPy's default does.
  double mostDivergence = 0; ///< The largest, and the token (from 0) that it was measured before.
  uint64_t mostDivergent = 0;
  double sameTop =
      0; ///< Share of tokens before which both hold the same token for the likeliest; ties go to the lower id.
};

/// Told after each window: how many are done of all, and the perplexity so far. False ends the measurement.
using EvalProgress = std::function<bool(uint64_t done, uint64_t all, double perplexity)>;

/// Measures a model on tokens. `other` may be null. Sums are in double precision, in the order of the text.
/// @retval LLMC_INVALID_ARGUMENT  too few tokens, a window past a model's bounds, a stride past the window, models of
///                                different vocabularies
/// @retval LLMC_INVALID_FILE      logits that are no numbers
/// @retval LLMC_CANCELLED         `progress` asked to stop
llmc_status evaluate(const llmc_model *model, const llmc_model *other, const std::vector<int32_t> &tokens,
                     const EvalOptions &options, const EvalProgress &progress, EvalResult &result, llmc_error &error);

/// The command `eval` as data: what evalMain knows.
const CommandInfo &evalCommandInfo();

/// The command line of `eval`: argv[0] is skipped. Returns the exit code: 3 when a threshold does not hold.
int evalMain(const RunnerProgram &program, int argc, char **argv);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_EVAL_H
