// Bench.cpp - measures a model's rates beside the machine's limits.
//
// Not here: the command line (BenchMain.cpp), the limits (MachineProbe.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Bench.h"

#include "runtime/src/runner/MachineProbe.h"
#include "runtime/src/runner/Statistics.h"
#include "runtime/src/session/Session.h"

#include <algorithm>
#include <string.h>
#include <vector>

namespace llmc::runtime {

namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

/// Runs steps of made-up tokens on one session and times them.
class Measurement {
public:
  Measurement(llmc_session &session, llmc_error &error) : session(session), error(error) {}

  /// `count` ids spread over the vocabulary (Numerical Recipes' generator): the values do not matter, the rows of
  /// tables that they read do.
  std::vector<int32_t> tokens(uint32_t count) {
    std::vector<int32_t> ids;
    for (uint32_t i = 0; i < count; ++i) {
      seed = seed * 1664525u + 1013904223u;
      ids.push_back(int32_t((uint64_t(seed) * session.vocabSize) >> 32));
    }
    return ids;
  }

  /// Nanoseconds to append a prompt to an empty sequence.
  Status prefill(uint32_t sequence, uint32_t count, uint64_t &time) {
    std::vector<int32_t> ids = tokens(count);
    llmc_logits logits;
    if (Status status = llmc_sequence_truncate(&session, sequence, 0, &error))
      return status;
    uint64_t start = platform::nanoseconds();
    Status status = llmc_prefill(&session, sequence, ids.data(), count, &logits, &error);
    time = platform::nanoseconds() - start;
    return status;
  }

  /// Nanoseconds for `steps` steps of one token of each of `sequences` sequences.
  Status decode(uint32_t sequences, uint32_t steps, uint64_t &time) {
    std::vector<int32_t> ids = tokens(sequences * steps);
    std::vector<llmc_step_input> inputs(sequences);
    llmc_logits logits;
    uint64_t start = platform::nanoseconds();
    for (uint32_t step = 0; step < steps; ++step) {
      for (uint32_t s = 0; s < sequences; ++s)
        inputs[s] = {s, 1, &ids[step * sequences + s], 1};
      if (Status status = llmc_step(&session, inputs.data(), sequences, &logits, &error))
        return status;
    }
    time = platform::nanoseconds() - start;
    return LLMC_OK;
  }

private:
  llmc_session &session;
  llmc_error &error;
  uint32_t seed = 1;
};

bool endsWith(llmc_text_view text, const char *end) {
  size_t size = strlen(end);
  return text.size >= size && !memcmp(text.data + text.size - size, end, size);
}

bool equals(llmc_text_view text, const char *other) {
  return text.size == strlen(other) && !memcmp(text.data, other, text.size);
}

bool contains(llmc_text_view text, const char *part) {
  return memmem(text.data, text.size, part, strlen(part)) != nullptr;
}

/// The matrix of the output, by the names of checkpoints and of GGUF files.
bool isHead(llmc_text_view name) { return contains(name, "lm_head") || equals(name, "output.weight"); }

/// What a token costs, from the manifest's list of weights.
void addCosts(const llmc_model &model, BenchResult &result) {
  const Artifact &artifact = model.artifact;
  bool hasHead = false; // else the embedding is that as well
  for (uint32_t i = 0; i < artifact.manifest.weights.count; ++i)
    hasHead |= isHead(artifact.text(artifact.row<llmc_weight_info>(artifact.manifest.weights, i).name));
  for (uint32_t i = 0; i < artifact.manifest.weights.count; ++i) {
    llmc_weight_info weight = artifact.row<llmc_weight_info>(artifact.manifest.weights, i);
    llmc_text_view name = artifact.text(weight.name), format = artifact.text(weight.format);
    bool embedding = contains(name, "embed_tokens") || contains(name, "token_embd");
    if (endsWith(format, "table") || (embedding && hasHead)) // rows that are looked up
      continue;
    result.bytesPerToken += weight.size;
    // A prompt needs the output matrix for its last token only.
    bool output = embedding || isHead(name);
    double bytesPerElement = contains(format, "f32") ? 4 : 2;
    if (!output)
      result.operationsPerToken += 2 * double(weight.size) / bytesPerElement;
  }
}

Status measureSession(llmc_session &session, const BenchOptions &options, BenchResult &result, llmc_error &error) {
  Measurement measurement(session, error);
  uint64_t time;
  // One pass maps the weights and brings the cores to their clock.
  if (Status status = measurement.prefill(0, result.promptTokens, time))
    return status;
  std::vector<double> prefills, decodes, batches;
  for (uint32_t i = 0; i < options.repetitions; ++i) {
    if (Status status = measurement.prefill(0, result.promptTokens, time))
      return status;
    prefills.push_back(result.promptTokens * 1e9 / double(time));
    if (!result.newTokens)
      continue;
    if (Status status = measurement.decode(1, result.newTokens, time))
      return status;
    decodes.push_back(result.newTokens * 1e9 / double(time));
  }
  for (uint32_t i = 0; i < options.repetitions && result.batch; ++i) {
    for (uint32_t s = 0; s < result.batch; ++s)
      if (Status status = measurement.prefill(s, std::min(16u, result.promptTokens), time))
        return status;
    uint32_t steps = std::min(result.newTokens, session.contextLength - 16);
    if (Status status = measurement.decode(result.batch, steps, time))
      return status;
    batches.push_back(double(result.batch) * steps * 1e9 / double(time));
  }
  result.prefillRate = median(prefills);
  result.decodeRate = median(decodes);
  result.batchRate = median(batches);
  return LLMC_OK;
}

Status measureOpened(const llmc_model *model, const BenchOptions &options, uint64_t start, BenchResult &result,
                     llmc_error &error) {
  uint64_t opened = platform::nanoseconds();
  llmc_session_options wanted = {};
  wanted.struct_size = sizeof wanted;
  wanted.num_threads = options.threads;
  wanted.max_sequences = options.batch;
  llmc_session *session;
  if (Status status = llmc_session_open(model, &wanted, &session, &error))
    return status;
  uint64_t ready = platform::nanoseconds();
  result.openSeconds = double(opened - start) * 1e-9;
  result.sessionSeconds = double(ready - opened) * 1e-9;
  uint64_t time = 0;
  Measurement first(*session, error);
  Status status = first.prefill(0, 1, time);
  result.firstTokenSeconds = double(platform::nanoseconds() - start) * 1e-9;
  result.threads = session->team.numThreads;
  result.newTokens = std::min(options.newTokens, session->contextLength - 1);
  result.promptTokens = std::max(1u, std::min(options.promptTokens, session->contextLength - result.newTokens));
  if (!status)
    status = measureSession(*session, options, result, error);
  result.peakMemory = peakMemory();
  if (!status) {
    result.readBandwidth = measureReadBandwidth(session->team, std::max<uint64_t>(result.bytesPerToken, 1u << 20));
    result.multiplyAddRate = measureMultiplyAdds(session->team);
  }
  llmc_session_close(session);
  return status;
}

} // namespace

llmc_status measureModel(const char *path, const BenchOptions &options, BenchResult &result, llmc_error &error) {
  uint64_t start = platform::nanoseconds();
  llmc_model *model;
  if (Status status = llmc_model_open(path, &model, &error))
    return status;
  llmc_text_view name;
  uint64_t features;
  llmc_model_variant(model, model->variant, &name, &features);
  result.variant.assign(name.data, name.size);
  result.batch = options.batch;
  if (const llmc_section *weights = model->artifact.section(LLMC_SECTION_WEIGHTS))
    result.weightsBytes = weights->size;
  addCosts(*model, result);
  Status status = measureOpened(model, options, start, result, error);
  llmc_model_close(model);
  return status;
}

} // namespace llmc::runtime
