// LaunchProfile.h - times the launches of a session's steps, each thread by itself.
//
// Compiled code tells an observer which launch it is about to run (step_abi.h); what lies between two such calls, less
// the waiting at barriers, is the time of the first. No privileges and no sampling: every call is timed.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_LAUNCHPROFILE_H
#define LLMC_RUNTIME_RUNNER_LAUNCHPROFILE_H

#include "runtime/src/runner/LaunchWork.h"
#include "runtime/src/session/Session.h"

#include <string>
#include <vector>

namespace llmc::runtime {

/// One launch of the manifest over all observed steps.
struct LaunchTime {
  uint32_t launch = 0; ///< Row of the manifest's table.
  uint64_t calls = 0;  ///< By thread 0.
  double seconds = 0;  ///< Mean over the threads, without waiting.
  double waiting = 0;  ///< Mean over the threads, at barriers before the next launch.
  LaunchWork work;
};

/// Observes a session from construction to destruction; the session may not step on another thread meanwhile.
class LaunchProfile {
public:
  explicit LaunchProfile(llmc_session &session);
  ~LaunchProfile();
  LaunchProfile(const LaunchProfile &) = delete;
  LaunchProfile &operator=(const LaunchProfile &) = delete;

  /// Says what the next step is like, so that costs are known.
  void expect(StepShape shape) { steps.push_back(shape); }
  size_t numSteps() const { return steps.size(); }
  /// The launches of the session's entry that ran, in the manifest's order.
  std::vector<LaunchTime> times() const;

private:
  struct Thread {
    uint32_t current = LLMC_NO_LAUNCH;
    uint64_t since = 0;
    std::vector<uint64_t> busy, waiting, calls; ///< [launches]
  };
  static void launch(void *profile, uint32_t thread, uint32_t number);
  static void barrier(void *profile, uint32_t thread);

  llmc_session &session;
  llmc_step_context before; ///< What the session had.
  std::vector<Thread> threads;
  std::vector<StepShape> steps;
};

/// Writes where the code's functions lie as `perf` reads it, "START SIZE name" in hexadecimal a line.
std::string perfMap(const llmc_model &model);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_LAUNCHPROFILE_H
