// TeamSize.h - how many threads of a team take part in a job, when a core is taken away.
//
// Where threads share work evenly, one whose core another program uses holds all others up: two threads beside a busy
// program on one of two cores decode at three quarters of what one thread does. So a team whose threads spend much of
// their jobs asleep at barriers goes on with one thread less - the system then keeps the rest where there is room - and
// tries again later, the later the more often that failed. Results do not depend on the number of threads.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_THREADS_TEAMSIZE_H
#define LLMC_RUNTIME_THREADS_TEAMSIZE_H

#include <stdint.h>

namespace llmc::runtime {

/// Times are in nanoseconds.
class TeamSize {
public:
  explicit TeamSize(uint32_t all = 1) : all(all), size(all) {}

  /// Threads that are to take part in the next job, from 1 to all.
  uint32_t threads() const { return size; }
  /// A job has ended that took `time`, of which the thread that slept the longest at its barriers slept `asleep`.
  void ended(uint64_t time, uint64_t asleep);

private:
  static constexpr uint64_t kMillisecond = 1000 * 1000;
  /// Jobs are looked at together until they took so long: a few steps of a small model.
  static constexpr uint64_t kWindow = 20 * kMillisecond;
  /// How long a team does with fewer threads before it tries one more.
  static constexpr uint64_t kShortestPause = 100 * kMillisecond, kLongestPause = 5000 * kMillisecond;

  uint32_t all, size;
  uint64_t windowTime = 0, windowAsleep = 0;
  uint64_t paused = 0, pause = kShortestPause;
  bool trying = false; ///< The last change was to one thread more.
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_THREADS_TEAMSIZE_H
