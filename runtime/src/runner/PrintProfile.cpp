// PrintProfile.cpp - the launches of a bench as a table and as JSON, each beside the limit that binds it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Bench.h"
#include "runtime/src/runner/Output.h"

#include <algorithm>
#include <stdio.h>

namespace llmc::runtime {

namespace {

const char *arithmeticName(uint32_t arithmetic) {
  const char *const names[] = {"", "f32", "i8", "f16"};
  return names[arithmetic];
}

/// The least time that a launch can take: its weights and cache from memory, or its products, whichever is longer.
/// Activations are left out: they stay in caches, or do not bind. 0 where nothing is known.
double leastSeconds(const BenchResult &result, const LaunchTime &time) {
  double peak = limitOf(result, result.launches[time.launch].arithmetic);
  double reading = result.readBandwidth > 0 ? time.work.bytes / result.readBandwidth : 0;
  return std::max(reading, peak > 0 ? time.work.operations / peak : 0);
}

/// Bytes that say something of a launch's speed: of weights and cache, else of activations.
double movedBytes(const LaunchTime &time) {
  return time.work.operations > 0 ? time.work.bytes : time.work.bytes + time.work.rowBytes;
}

void printPhase(const BenchResult &result, const PhaseProfile &phase) {
  double told = 0, waited = 0, unit = 1e3 / phase.runs;
  for (const LaunchTime &time : phase.launches)
    told += time.seconds, waited += time.waiting;
  printf("\nprofile of %s: %.3f ms %s", phase.name, phase.seconds * unit, phase.runs == 1 ? "a prompt" : "a step");
  printf(", of which %.1f %% in kernels, %.1f %% waiting at barriers\n", 100 * told / phase.seconds,
         100 * waited / phase.seconds);
  printf("  %6s %10s %8s %6s  %-13s %5s %9s %8s %9s  %s\n", "share", "ms", "waiting", "calls", "kernel", "class",
         "GOP/s", "GB/s", "of limit", "tensors");
  std::vector<LaunchTime> sorted = phase.launches;
  std::sort(sorted.begin(), sorted.end(),
            [](const LaunchTime &a, const LaunchTime &b) { return a.seconds > b.seconds; });
  for (const LaunchTime &time : sorted) {
    const LaunchName &name = result.launches[time.launch];
    std::string kernel = name.kernel + (name.arithmetic ? " " : "") + arithmeticName(name.arithmetic);
    char classText[16] = "-", rate[24] = "-", share[24] = "-";
    if (name.layerClass != LLMC_NO_CLASS)
      snprintf(classText, sizeof classText, "%u", name.layerClass);
    if (time.work.operations > 0)
      snprintf(rate, sizeof rate, "%.1f", time.work.operations / time.seconds * 1e-9);
    if (double least = leastSeconds(result, time); least > 0 && time.work.operations > 0)
      snprintf(share, sizeof share, "%.0f %%", 100 * least / time.seconds);
    printf("  %5.1f%% %10.3f %8.3f %6llu  %-13s %5s %9s %8.1f %9s  %s\n", 100 * time.seconds / phase.seconds,
           time.seconds * unit, time.waiting * unit, (unsigned long long)(time.calls / phase.runs), kernel.c_str(),
           classText, rate, movedBytes(time) / time.seconds * 1e-9, share, name.subject.c_str());
  }
}

} // namespace

double limitOf(const BenchResult &result, uint32_t arithmetic) {
  return arithmetic == LLMC_ARITHMETIC_I8    ? result.byteDotRate
         : arithmetic == LLMC_ARITHMETIC_F16 ? result.halfRate
                                             : result.multiplyAddRate;
}

void printProfile(const BenchResult &result) {
  if (result.profile.empty())
    return;
  printf("limits            %.1f GB/s read, %.1f GFLOP/s f32, %.1f GOP/s i8", result.readBandwidth * 1e-9,
         result.multiplyAddRate * 1e-9, result.byteDotRate * 1e-9);
  if (result.halfRate > 0)
    printf(", %.1f GFLOP/s f16", result.halfRate * 1e-9);
  printf("\n");
  for (const PhaseProfile &phase : result.profile)
    printPhase(result, phase);
}

std::string profileJson(const BenchResult &result) {
  if (result.profile.empty())
    return "";
  std::string text = ",\"profile\":[";
  for (const PhaseProfile &phase : result.profile) {
    char line[512];
    snprintf(line, sizeof line, "%s{\"phase\":\"%s\",\"runs\":%u,\"seconds\":%.9f,\"kernels\":[",
             &phase == &result.profile[0] ? "" : ",", phase.name, phase.runs, phase.seconds);
    text += line;
    for (const LaunchTime &time : phase.launches) {
      const LaunchName &name = result.launches[time.launch];
      text += &time == &phase.launches[0] ? "{\"kernel\":" : ",{\"kernel\":";
      appendJsonString(text, name.kernel.data(), name.kernel.size());
      text += ",\"tensors\":";
      appendJsonString(text, name.subject.data(), name.subject.size());
      if (name.layerClass != LLMC_NO_CLASS)
        text += ",\"layer_class\":" + std::to_string(name.layerClass);
      snprintf(line, sizeof line,
               ",\"arithmetic\":\"%s\",\"launch\":%u,\"calls\":%llu,\"rows\":%.0f,\"seconds\":%.9f,\"waiting_seconds\":"
               "%.9f,\"bytes\":%.0f,"
               "\"activation_bytes\":%.0f,\"operations\":%.0f,\"least_seconds\":%.9f}",
               arithmeticName(name.arithmetic), time.launch, (unsigned long long)time.calls, time.work.rows,
               time.seconds, time.waiting, time.work.bytes, time.work.rowBytes, time.work.operations,
               leastSeconds(result, time));
      text += line;
    }
    text += "]}";
  }
  return text + "]";
}

} // namespace llmc::runtime
