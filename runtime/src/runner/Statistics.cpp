// Statistics.cpp - figures of a run, for --stats and --json.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Statistics.h"

#include "runtime/src/runner/Output.h"

#include <stdio.h>
#include <sys/resource.h>

namespace llmc::runtime {

uint64_t peakMemory() {
  rusage usage;
  return getrusage(RUSAGE_SELF, &usage) ? 0 : uint64_t(usage.ru_maxrss) * 1024;
}

const char *endName(llmc_end end) {
  switch (end) {
  case LLMC_END_TOKEN:
    return "end token";
  case LLMC_END_TEXT:
    return "stop text";
  case LLMC_END_LENGTH:
    return "length";
  case LLMC_END_CONTEXT:
    return "context full";
  case LLMC_END_CALLBACK:
    return "interrupted";
  }
  return "unknown";
}

/// Tokens per second; 0 without time.
static double rate(uint32_t tokens, uint64_t time) { return time ? tokens * 1e9 / double(time) : 0; }

void printStatistics(const RunStatistics &statistics) {
  const llmc_generate_result &result = statistics.result;
  uint32_t decoded = result.num_new_tokens ? result.num_new_tokens - 1 : 0;
  fprintf(stderr, "prompt    %6u tokens  %8.1f ms  %8.1f tokens/s\n", result.num_prompt_tokens,
          double(result.prompt_time) * 1e-6, rate(result.num_prompt_tokens, result.prompt_time));
  fprintf(stderr, "decode    %6u tokens  %8.1f ms  %8.1f tokens/s\n", decoded, double(result.decode_time) * 1e-6,
          rate(decoded, result.decode_time));
  fprintf(stderr, "open      %8.1f ms model, %.1f ms session; first token after %.1f ms\n",
          double(statistics.openTime) * 1e-6, double(statistics.sessionTime) * 1e-6,
          double(statistics.firstToken) * 1e-6);
  fprintf(stderr, "memory    %8.1f MiB at most\n", double(peakMemory()) / (1 << 20));
  fprintf(stderr, "variant   %s, %u thread%s\n", statistics.variant.c_str(), statistics.threads,
          statistics.threads == 1 ? "" : "s");
  if (statistics.memoryNodes)
    fprintf(stderr, "weights   copied to the memory of %u nodes\n", statistics.memoryNodes);
  else if (statistics.copiedWeights)
    fprintf(stderr, "weights   copied to memory\n");
  if (statistics.sampled)
    fprintf(stderr, "seed      %llu\n", (unsigned long long)statistics.seed);
  if (result.num_shifts)
    fprintf(stderr, "context   %u times full: the oldest part dropped, the rest computed anew\n", result.num_shifts);
  fprintf(stderr, "end       %s\n", endName(result.end));
}

std::string statisticsJson(const RunStatistics &statistics) {
  const llmc_generate_result &result = statistics.result;
  uint32_t decoded = result.num_new_tokens ? result.num_new_tokens - 1 : 0;
  std::string line = "{\"type\":\"end\",\"reason\":";
  std::string name = endName(result.end);
  appendJsonString(line, name.data(), name.size());
  char text[512];
  snprintf(
      text, sizeof text,
      ",\"prompt_tokens\":%u,\"new_tokens\":%u,\"prompt_seconds\":%.6f,\"decode_seconds\":%.6f,"
      "\"prompt_tokens_per_second\":%.3f,\"decode_tokens_per_second\":%.3f,\"open_seconds\":%.6f,"
      "\"session_seconds\":%.6f,\"first_token_seconds\":%.6f,\"peak_memory_bytes\":%llu,\"threads\":%u,\"variant\":",
      result.num_prompt_tokens, result.num_new_tokens, double(result.prompt_time) * 1e-9,
      double(result.decode_time) * 1e-9, rate(result.num_prompt_tokens, result.prompt_time),
      rate(decoded, result.decode_time), double(statistics.openTime) * 1e-9, double(statistics.sessionTime) * 1e-9,
      double(statistics.firstToken) * 1e-9, (unsigned long long)peakMemory(), statistics.threads);
  line += text;
  appendJsonString(line, statistics.variant.data(), statistics.variant.size());
  if (statistics.copiedWeights)
    line += ",\"weights_copied\":true";
  if (statistics.memoryNodes)
    line += ",\"memory_nodes\":" + std::to_string(statistics.memoryNodes);
  if (statistics.sampled)
    line += ",\"seed\":" + std::to_string(statistics.seed);
  if (result.num_shifts)
    line += ",\"context_shifts\":" + std::to_string(result.num_shifts);
  return line + "}\n";
}

} // namespace llmc::runtime
