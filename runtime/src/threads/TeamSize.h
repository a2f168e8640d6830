// TeamSize.h - how many threads of a team take part in a job, when a core is taken away.
//
// Where threads share work evenly, one whose core another program uses holds all others up: two threads beside a busy
// program on one of two cores decode at three quarters of what one thread does. So a team whose threads spend much of
// their jobs asleep at barriers goes on with one thread less - the system then keeps the rest where there is room - and
// tries again later, the later the more often that failed. What decides is time: jobs with one thread less, or more,
// beside like jobs before; where those before were of another kind, how long threads slept. Results do not depend on
// the number of threads.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_THREADS_TEAMSIZE_H
#define LLMC_RUNTIME_THREADS_TEAMSIZE_H

#include <stdint.h>

namespace llmc::runtime {

/// Times are in nanoseconds.
class TeamSize {
public:
  explicit TeamSize(uint32_t all = 1) : all(all), size(all) {}

  /// Threads that are to take part in the next job, which is of `kind`: from 1 to all. A trial with fewer that such a
  /// job could not decide ends before it: a prompt may take a second, and would take two because the first token was
  /// late. A prompt that was late is enough for the tokens behind it: they learn nothing new from being late, too.
  uint32_t threads(uint64_t kind);
  /// A job has ended that took `time`, of which the thread that slept the longest at its barriers slept `asleep`. Jobs
  /// of the same `kind` do about as much, of a larger one more.
  void ended(uint64_t time, uint64_t asleep, uint64_t kind);

private:
  static constexpr uint64_t kMillisecond = 1000 * 1000;
  /// Jobs are looked at together until they took so long: a few steps of a small model.
  static constexpr uint64_t kWindow = 10 * kMillisecond;
  static constexpr uint64_t kLongJob = 100 * kMillisecond;
  /// How long a team stays with fewer threads before it tries one more, or with more before it doubts them again.
  static constexpr uint64_t kShortestPause = 100 * kMillisecond, kLongestPause = 5000 * kMillisecond;

  /// Jobs that are looked at together.
  struct Window {
    uint64_t time = 0, asleep = 0, jobs = 0;
    uint64_t kind = 0;
    bool alike = true; ///< all jobs are of `kind`

    void add(uint64_t jobTime, uint64_t jobAsleep, uint64_t jobKind);
    bool isLike(const Window &other) const { return alike && other.alike && kind == other.kind; }
    /// A thread that has half a core lets the others sleep for half the time and more, an uneven end of a phase for a
    /// twentieth.
    bool isLate() const { return asleep > time / 5 * 2; }
    /// Late enough for a look at how one thread less does: the system gives half a core in slices, and where they are
    /// short threads sleep less than they lose.
    /// One long job is not doubted that easily, since the look is as long.
    bool isDoubtful() const { return asleep > time / 10 && (jobs > 1 || time < kLongJob || isLate()); }
    /// Whether a job of that kind, which does less than these, may be taken for late before it was.
    bool speaksFor(uint64_t other) const { return time >= kLongJob && isLate() && other < kind; }
    bool isFasterThan(const Window &other) const { return time * other.jobs < other.time * jobs; }
  };
  /// How long to stay, the longer the more often going failed.
  struct Pause {
    uint64_t length = kShortestPause, passed = 0;

    bool isOver() const { return passed >= length; }
    static Pause over() { return {kShortestPause, kShortestPause}; }
    void longer();
  };

  void change(uint32_t threads);
  void judge();

  uint32_t all, size;
  uint32_t before = 0; ///< threads before a change that is being tried; 0: none is
  Window window, last; ///< of now; of the threads before
  Pause untilMore, untilFewer = Pause::over();
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_THREADS_TEAMSIZE_H
