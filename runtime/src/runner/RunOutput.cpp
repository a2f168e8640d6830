// RunOutput.cpp - what a run shows: pieces of text, ids, JSON lines, logits.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Run.h"

#include <algorithm>
#include <cmath>
#include <errno.h>
#include <numeric>
#include <stdio.h>

namespace llmc::runtime {

Status Run::onLogits(void *self, const llmc_logits &rows, Error &error) {
  Run &run = *static_cast<Run *>(self);
  for (uint32_t r = 0; r < rows.rows; ++r)
    if (!run.logits.row(rows.data + r * rows.row_stride))
      return fail(error, LLMC_IO_ERROR, "%s: cannot be written: %s", run.options.logitsPath.c_str(),
                  systemReason(errno));
  return LLMC_OK;
}

int Run::onPiece(void *self, const llmc_piece *piece) {
  Run &run = *static_cast<Run *>(self);
  if (piece->token >= 0 && run.keepsAnswer)
    run.answered.push_back(piece->token);
  if (!piece->number)
    run.statistics.firstToken = platform::nanoseconds() - run.start;
  return !run.show(*piece);
}

/// Log probabilities as the model gives them: of the logits before penalty, temperature and filters.
void Run::onChoice(void *self, const float *row, int32_t token) {
  Run &run = *static_cast<Run *>(self);
  uint32_t vocabulary = run.session->vocabSize, count = std::min(*run.options.logprobs, vocabulary);
  auto value = [&](int32_t id) { return std::isnan(row[id]) ? -HUGE_VAL : double(row[id]); };
  std::vector<int32_t> &order = run.order;
  order.resize(vocabulary);
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + std::max(count, 1u), order.end(),
                    [&](int32_t a, int32_t b) { return value(a) != value(b) ? value(a) > value(b) : a < b; });
  double highest = value(order[0]), sum = 0;
  for (uint32_t id = 0; id < vocabulary; ++id)
    sum += exponential(value(int32_t(id)) - highest);
  double scale = highest + std::log(sum);
  run.logprobs.assign(1, {token, value(token) - scale});
  for (uint32_t i = 0; i < count; ++i)
    run.logprobs.push_back({order[i], value(order[i]) - scale});
}

/// A token's own text as a JSON string, special ones written out; null without a tokenizer.
std::string Run::tokenText(int32_t token) const {
  char text[256];
  size_t size = 0;
  std::string quoted;
  if (!generator->tokenizer || llmc_detokenize(model, &token, 1, 0, text, sizeof text, &size, nullptr))
    return "null";
  appendJsonString(quoted, text, std::min(size, sizeof text));
  return quoted;
}

static std::string number(double value) {
  char text[32];
  snprintf(text, sizeof text, "%.6f", value);
  return std::isfinite(value) ? text : "null"; // JSON has no word for infinity
}

/// Adds them to the line of --json; else a line on standard error: what was chosen, then the likeliest ones.
void Run::showLogprobs(int32_t token) {
  if (!options.logprobs || token < 0)
    return;
  if (options.json) {
    line += ",\"logprob\":" + number(logprobs[0].value) + ",\"top\":[";
    for (size_t i = 1; i < logprobs.size(); ++i)
      line += (i > 1 ? ",{\"id\":" : "{\"id\":") + std::to_string(logprobs[i].token) +
              ",\"text\":" + tokenText(logprobs[i].token) + ",\"logprob\":" + number(logprobs[i].value) + "}";
    line += "]";
    return;
  }
  std::string text;
  for (const TokenLogprob &each : logprobs)
    text += (text.empty() ? "" : "  ") + number(each.value) + " " +
            (generator->tokenizer ? tokenText(each.token) : std::to_string(each.token));
  fprintf(stderr, "%s\n", text.c_str());
}

/// Writes a piece in the form asked for; false when nobody reads it.
bool Run::show(const llmc_piece &piece) {
  line.clear();
  if (!options.json)
    showLogprobs(piece.token);
  char number[16];
  if (options.json) {
    snprintf(number, sizeof number, "%d", piece.token);
    line += "{\"type\":\"token\",\"id\":";
    line += piece.token < 0 ? "null" : number;
    line += ",\"text\":";
    appendJsonString(line, piece.text, piece.size);
    showLogprobs(piece.token);
    line += "}\n";
  } else if (options.idsOnly || !generator->tokenizer) {
    if (piece.token < 0)
      return true;
    snprintf(number, sizeof number, anyText ? ",%d" : "%d", piece.token);
    line += number;
  } else {
    line.append(piece.text, piece.size);
  }
  if (line.empty())
    return true;
  anyText = true;
  lastByte = line.back();
  return output.write(line);
}

} // namespace llmc::runtime
