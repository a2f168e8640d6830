// Eval.cpp - perplexity of a model on a text, and how far it is from another model.
//
// Not here: the command line (EvalMain.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Eval.h"

#include "llmc/artifact_format.h"
#include "runtime/src/platform/Error.h"
#include "runtime/src/runner/LogitsReader.h"

#include <algorithm>
#include <math.h>

namespace llmc::runtime {

using ull = unsigned long long;

std::vector<EvalWindow> evalWindows(uint64_t count, uint32_t window, uint32_t stride) {
  std::vector<EvalWindow> windows;
  if (count < 2)
    return windows;
  uint64_t scored = 1; // nothing stands before the first token
  for (uint64_t begin = 0; scored < count; begin += stride) {
    uint64_t end = std::min<uint64_t>(begin + window, count);
    windows.push_back({begin, end, scored});
    scored = end;
  }
  return windows;
}

namespace {

/// A row of logits as log-probabilities: x - offset.
struct Row {
  const float *values;
  double offset;
  uint32_t top;
};

/// False when a value is no number, or all are minus infinity.
bool readRow(const float *values, uint32_t count, Row &row) {
  uint32_t top = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (isnan(values[i]))
      return false;
    if (values[i] > values[top])
      top = i;
  }
  double most = values[top], sum = 0;
  if (!isfinite(most))
    return false;
  for (uint32_t i = 0; i < count; ++i)
    sum += exp(double(values[i]) - most);
  row = {values, most + log(sum), top};
  return true;
}

/// Kullback and Leibler's divergence of q from p.
double divergence(const Row &p, const Row &q, uint32_t count) {
  double sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    double logP = double(p.values[i]) - p.offset, probability = exp(logP);
    if (probability > 0) // 0 log 0 is 0
      sum += probability * (logP - (double(q.values[i]) - q.offset));
  }
  return sum > 0 ? sum : 0; // rounding may leave less than nothing of equal rows
}

/// The value below which `share` of the sorted ones lie; between two ranks linearly.
double percentile(const std::vector<double> &sorted, double share) {
  double place = share * double(sorted.size() - 1);
  size_t below = size_t(place);
  if (below + 1 >= sorted.size())
    return sorted.back();
  return sorted[below] + (place - double(below)) * (sorted[below + 1] - sorted[below]);
}

class Evaluation {
public:
  Evaluation(const llmc_model *model, const llmc_model *other, const std::vector<int32_t> &tokens)
      : mine(model), theirs(other), compares(other), model(model), other(other), tokens(tokens) {}

  Status open(const EvalOptions &options, EvalResult &result, Error &error);
  Status run(const EvalProgress &progress, EvalResult &result, Error &error);

private:
  Status readWindow(const EvalWindow &window, Error &error);
  Status score(uint64_t target, const float *row, const float *otherRow, Error &error);
  void finish(EvalResult &result);

  LogitsReader mine, theirs;
  bool compares;
  const llmc_model *model, *other;
  const std::vector<int32_t> &tokens;
  uint32_t window = 0, stride = 0;
  double sum = 0, squares = 0, otherSum = 0;
  uint64_t scored = 0, same = 0, mostDivergent = 0;
  std::vector<double> divergences;
};

/// The positions that a session of the model has at most.
uint32_t contextOf(const llmc_model *model) {
  llmc_dim_info dim;
  for (uint32_t i = 0; llmc_model_dim(model, i, &dim) == LLMC_OK; ++i)
    if (dim.kind == LLMC_DIM_CONTEXT)
      return uint32_t(std::min<uint64_t>(dim.maximum, UINT32_MAX));
  return 2048;
}

Status Evaluation::open(const EvalOptions &options, EvalResult &result, Error &error) {
  uint32_t most = contextOf(model);
  if (compares)
    most = std::min(most, contextOf(other));
  window = options.window ? options.window : std::min(most, 2048u);
  if (window < 2 || window > most)
    return fail(error, LLMC_INVALID_ARGUMENT, "a window of %u tokens, expected 2 to the context of %u", window, most);
  stride = options.stride ? options.stride : std::max(window / 2, 1u);
  if (stride >= window)
    return fail(error, LLMC_INVALID_ARGUMENT, "a stride of %u, expected 1 to %u, less than the window", stride,
                window - 1);
  if (tokens.size() < 2)
    return fail(error, LLMC_INVALID_ARGUMENT, "the text has %zu token%s, expected 2 at least", tokens.size(),
                tokens.size() == 1 ? "" : "s");
  if (Status status = mine.open(options.threads, window, error))
    return status;
  if (compares) {
    if (Status status = theirs.open(options.threads, window, error))
      return status;
    if (mine.vocabulary != theirs.vocabulary)
      return fail(error, LLMC_INVALID_ARGUMENT, "a vocabulary of %u tokens, the other model has %u", mine.vocabulary,
                  theirs.vocabulary);
  }
  for (size_t i = 0; i < tokens.size(); ++i)
    if (uint32_t(tokens[i]) >= mine.vocabulary)
      return fail(error, LLMC_INVALID_ARGUMENT, "token %zu is %d, the vocabulary has %u", i, tokens[i],
                  mine.vocabulary);
  result = EvalResult();
  result.window = window;
  result.stride = stride;
  result.tokens = tokens.size();
  result.compared = compares;
  return LLMC_OK;
}

/// Scores the token at `target` by the logits of the one before it.
Status Evaluation::score(uint64_t target, const float *row, const float *otherRow, Error &error) {
  auto noNumber = [&](const char *whose) {
    return fail(error, LLMC_INVALID_FILE, "the %slogits before token %llu are not numbers", whose, ull(target));
  };
  Row own, reference;
  if (!readRow(row, mine.vocabulary, own))
    return noNumber("");
  double loss = own.offset - double(row[tokens[target]]);
  sum += loss;
  squares += loss * loss;
  ++scored;
  if (!otherRow)
    return LLMC_OK;
  if (!readRow(otherRow, mine.vocabulary, reference))
    return noNumber("other model's ");
  otherSum += reference.offset - double(otherRow[tokens[target]]);
  same += own.top == reference.top;
  double found = divergence(reference, own, mine.vocabulary);
  if (divergences.empty() || found > divergences[mostDivergent])
    mostDivergent = divergences.size();
  divergences.push_back(found);
  return LLMC_OK;
}

Status Evaluation::readWindow(const EvalWindow &part, Error &error) {
  Status status = mine.begin(error);
  if (!status && compares)
    status = theirs.begin(error);
  uint32_t piece = compares ? std::min(mine.piece, theirs.piece) : mine.piece;
  // The last token predicts nothing in this window. A row is wanted from the token before the first scored one.
  for (uint64_t at = part.begin; !status && at + 1 < part.end;) {
    uint32_t count = uint32_t(std::min<uint64_t>(piece, part.end - 1 - at));
    uint64_t firstRow = std::max(at, part.first - 1);
    uint32_t rows = firstRow < at + count ? uint32_t(at + count - firstRow) : 0;
    llmc_logits logits = {}, others = {};
    status = mine.read(&tokens[at], count, rows, logits, error);
    if (!status && compares)
      status = theirs.read(&tokens[at], count, rows, others, error);
    for (uint32_t r = 0; !status && r < rows; ++r)
      status = score(firstRow + r + 1, logits.data + r * logits.row_stride,
                     compares ? others.data + r * others.row_stride : nullptr, error);
    at += count;
  }
  return status;
}

void Evaluation::finish(EvalResult &result) {
  double count = double(scored);
  result.scored = scored;
  result.meanLoss = sum / count;
  result.perplexity = exp(result.meanLoss);
  if (scored > 1)
    result.lossError = sqrt(std::max(0.0, squares / count - result.meanLoss * result.meanLoss) / (count - 1));
  if (!compares)
    return;
  result.otherMeanLoss = otherSum / count;
  result.otherPerplexity = exp(result.otherMeanLoss);
  result.sameTop = double(same) / count;
  double total = 0;
  for (double one : divergences)
    total += one;
  result.meanDivergence = total / count;
  result.mostDivergence = divergences[mostDivergent];
  result.mostDivergent = mostDivergent + 1; // tokens are scored in order, from the second on
  std::sort(divergences.begin(), divergences.end());
  result.divergence99 = percentile(divergences, 0.99);
}

Status Evaluation::run(const EvalProgress &progress, EvalResult &result, Error &error) {
  std::vector<EvalWindow> windows = evalWindows(tokens.size(), window, stride);
  for (size_t i = 0; i < windows.size(); ++i) {
    if (Status status = readWindow(windows[i], error))
      return status;
    if (progress && !progress(i + 1, windows.size(), exp(sum / double(scored))))
      return fail(error, LLMC_CANCELLED, "interrupted");
  }
  finish(result);
  return LLMC_OK;
}

} // namespace

llmc_status evaluate(const llmc_model *model, const llmc_model *other, const std::vector<int32_t> &tokens,
                     const EvalOptions &options, const EvalProgress &progress, EvalResult &result, llmc_error &error) {
  Evaluation evaluation(model, other, tokens);
  if (Status status = evaluation.open(options, result, error))
    return status;
  return evaluation.run(progress, result, error);
}

} // namespace llmc::runtime
