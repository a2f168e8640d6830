// LaunchProfile.cpp - the observer that compiled code calls before each launch, and what its launches cost.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/LaunchProfile.h"

#include <inttypes.h>
#include <stdio.h>

namespace llmc::runtime {

LaunchProfile::LaunchProfile(llmc_session &session)
    : session(session), before(session.context), threads(session.team.numThreads) {
  size_t launches = session.model->artifact.manifest.launches.count;
  for (Thread &thread : threads) {
    thread.busy.resize(launches);
    thread.waiting.resize(launches);
    thread.calls.resize(launches);
  }
  session.context.team = this;
  session.context.barrier = barrier;
  session.context.launch = launch;
}

LaunchProfile::~LaunchProfile() { session.context = before; }

void LaunchProfile::launch(void *opaque, uint32_t thread, uint32_t number) {
  LaunchProfile &profile = *static_cast<LaunchProfile *>(opaque);
  Thread &self = profile.threads[thread];
  uint64_t now = platform::nanoseconds();
  if (self.current != LLMC_NO_LAUNCH)
    self.busy[self.current] += now - self.since;
  self.since = now;
  // Past the last launch, and any number that the manifest does not have.
  self.current = number < self.busy.size() ? number : LLMC_NO_LAUNCH;
  if (self.current != LLMC_NO_LAUNCH)
    ++self.calls[self.current];
}

void LaunchProfile::barrier(void *opaque, uint32_t thread) {
  LaunchProfile &profile = *static_cast<LaunchProfile *>(opaque);
  Thread &self = profile.threads[thread];
  uint64_t start = platform::nanoseconds();
  teamBarrier(&profile.session.team, thread);
  uint64_t spent = platform::nanoseconds() - start;
  if (self.current != LLMC_NO_LAUNCH)
    self.waiting[self.current] += spent;
  self.since += spent;
}

std::vector<LaunchTime> LaunchProfile::times() const {
  std::vector<LaunchTime> all;
  for (uint32_t i = 0; i < threads[0].calls.size(); ++i) {
    if (!threads[0].calls[i])
      continue;
    LaunchTime time;
    time.launch = i;
    time.calls = threads[0].calls[i];
    for (const Thread &thread : threads) {
      time.seconds += double(thread.busy[i]) * 1e-9 / double(threads.size());
      time.waiting += double(thread.waiting[i]) * 1e-9 / double(threads.size());
    }
    llmc_launch launch = session.model->artifact.row<llmc_launch>(session.model->artifact.manifest.launches, i);
    for (const StepShape &step : steps)
      time.work += workOf(launch, step);
    all.push_back(time);
  }
  return all;
}

std::string perfMap(const llmc_model &model) {
  std::string map;
  const Artifact &artifact = model.artifact;
  for (uint32_t i = 0; i < artifact.manifest.symbols.count; ++i) {
    llmc_symbol symbol = artifact.row<llmc_symbol>(artifact.manifest.symbols, i);
    if (symbol.variant != model.variant)
      continue;
    char place[64];
    snprintf(place, sizeof place, "%" PRIxPTR " %" PRIx64 " ", reinterpret_cast<uintptr_t>(model.code) + symbol.offset,
             symbol.size);
    llmc_text_view name = artifact.text(symbol.name), subject = {nullptr, 0};
    if (symbol.launch != LLMC_NO_LAUNCH)
      subject = artifact.text(artifact.row<llmc_launch>(artifact.manifest.launches, symbol.launch).subject);
    map.append(place).append(name.data, name.size);
    if (subject.size)
      map.append(" ").append(subject.data, subject.size);
    map += "\n";
  }
  return map;
}

} // namespace llmc::runtime
