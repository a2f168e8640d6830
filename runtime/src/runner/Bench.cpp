// Bench.cpp - measures a model's rates beside the machine's limits.
//
// Not here: the command line (BenchMain.cpp), the limits (MachineProbe.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Bench.h"

#include "runtime/src/runner/MachineProbe.h"
#include "runtime/src/runner/Statistics.h"
#include "runtime/src/session/Session.h"

#include <algorithm>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
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

  /// What is told of each step from now on; null: nothing.
  LaunchProfile *profile = nullptr;

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
    for (uint32_t done = 0, part; profile && done < count; done += part) {
      part = std::min(count - done, session.maxTokens);
      profile->expect({1, part, done, done + part == count ? 1u : 0u});
    }
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
      if (profile)
        profile->expect({sequences, 1, session.lengths[0], sequences});
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
  }
  // A prompt needs the output matrix for its last token only: those are launches of wanted rows.
  for (uint32_t i = 0; i < artifact.manifest.launches.count; ++i) {
    llmc_launch launch = artifact.row<llmc_launch>(artifact.manifest.launches, i);
    if (launch.rows == LLMC_DIM_TOKENS)
      (launch.arithmetic == LLMC_ARITHMETIC_I8    ? result.byteOperationsPerToken
       : launch.arithmetic == LLMC_ARITHMETIC_F16 ? result.halfOperationsPerToken
                                                  : result.operationsPerToken) +=
          double(launch.row_operations) * launch.times;
  }
}

/// Each phase once more with an observer; what it costs to observe is in these times alone.
Status profileSession(llmc_session &session, BenchResult &result, llmc_error &error) {
  Measurement measurement(session, error);
  auto phase = [&](const char *name, uint32_t runs, auto run) {
    LaunchProfile profile(session);
    measurement.profile = &profile;
    uint64_t time = 0;
    Status status = run(time);
    measurement.profile = nullptr;
    result.profile.push_back({name, runs, double(time) * 1e-9, profile.times()});
    return status;
  };
  if (Status status =
          phase("prefill", 1, [&](uint64_t &time) { return measurement.prefill(0, result.promptTokens, time); }))
    return status;
  if (result.newTokens)
    if (Status status = phase("decode", result.newTokens,
                              [&](uint64_t &time) { return measurement.decode(1, result.newTokens, time); }))
      return status;
  if (!result.batch || !result.newTokens)
    return LLMC_OK;
  uint64_t time;
  for (uint32_t s = 0; s < result.batch; ++s)
    if (Status status = measurement.prefill(s, std::min(16u, result.promptTokens), time))
      return status;
  uint32_t steps = std::min(result.newTokens, session.contextLength - 16);
  return phase("batch", steps, [&](uint64_t &spent) { return measurement.decode(result.batch, steps, spent); });
}

/// Copies the manifest's launches, which go away with the model.
void nameLaunches(const llmc_model &model, BenchResult &result) {
  const Artifact &artifact = model.artifact;
  for (uint32_t i = 0; i < artifact.manifest.launches.count; ++i) {
    llmc_launch launch = artifact.row<llmc_launch>(artifact.manifest.launches, i);
    llmc_text_view kernel = artifact.text(launch.kernel), subject = artifact.text(launch.subject);
    result.launches.push_back({std::string(kernel.data, kernel.size), std::string(subject.data, subject.size),
                               launch.layer_class, launch.arithmetic});
  }
}

/// Puts the code where `perf` asks for names, and the names into the file in which it looks for them.
Status tellPerf(llmc_model &model, BenchResult &result, llmc_error &error) {
  // Of code that is mapped from a file perf asks the file, which has no symbols.
  const uint8_t *copy;
  if (Status status = platform::copyCode(model.code, model.codeSize, copy, error))
    return status;
  platform::unmapCode(model.code, model.codeSize);
  model.code = copy;
  result.perfMapFile = P_tmpdir "/perf-" + std::to_string(getpid()) + ".map";
  std::string map = perfMap(model);
  int file = open(result.perfMapFile.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  bool written = file >= 0 && write(file, map.data(), map.size()) == ssize_t(map.size());
  char reason[128];
  platform::reasonOf(errno, reason);
  if (file >= 0)
    close(file);
  return written ? LLMC_OK : fail(error, LLMC_IO_ERROR, "%s cannot be written: %s", result.perfMapFile.c_str(), reason);
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
  if (options.profile)
    if (Status status = profileSession(session, result, error))
      return status;
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
  if (!status && options.limits) {
    result.readBandwidth = measureReadBandwidth(session->team, std::max<uint64_t>(result.bytesPerToken, 1u << 20));
    uint64_t features;
    llmc_text_view variant;
    llmc_model_variant(model, model->variant, &variant, &features);
    result.multiplyAddRate = measureArithmetic(session->team, ProbedType::f32, features);
    result.byteDotRate = measureArithmetic(session->team, ProbedType::i8, features);
    if (result.halfOperationsPerToken > 0)
      result.halfRate = measureArithmetic(session->team, ProbedType::f16, features);
  }
  llmc_session_close(session);
  return status;
}

} // namespace

llmc_status measureModel(const char *path, const BenchOptions &options, BenchResult &result, llmc_error &error) {
  uint64_t start = platform::nanoseconds();
  llmc_model *model;
  llmc_model_options wanted = {sizeof wanted, options.copyWeights};
  if (Status status = llmc_model_open_with(path, &wanted, &model, &error))
    return status;
  llmc_text_view name;
  uint64_t features;
  llmc_model_variant(model, model->variant, &name, &features);
  result.variant.assign(name.data, name.size);
  result.batch = options.batch;
  result.copiedWeights = model->ownWeights.data;
  result.memoryNodes = model->ownWeights.nodes.count;
  if (const llmc_section *weights = model->artifact.section(LLMC_SECTION_WEIGHTS))
    result.weightsBytes = weights->size;
  addCosts(*model, result);
  nameLaunches(*model, result);
  Status status = options.perfMap ? tellPerf(*model, result, error) : LLMC_OK;
  if (!status)
    status = measureOpened(model, options, start, result, error);
  llmc_model_close(model);
  return status;
}

} // namespace llmc::runtime
