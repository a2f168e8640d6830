// Team.h - the threads that run a step together, and the barrier at which they meet.
//
// A team of n threads is the caller and n - 1 workers. Waiting spins for a bounded time and then sleeps on a futex, so
// that a core taken away costs the others no more than that time of work. Of two threads that the system has put on one
// core one goes to another; where both must stay they do not spin at all: measured on two cores with four busy programs
// beside, decoding was four times slower with 50 us of spinning than without, and forty times with 500 us.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_THREADS_TEAM_H
#define LLMC_RUNTIME_THREADS_TEAM_H

#include "runtime/src/platform/Nodes.h"
#include "runtime/src/platform/Platform.h"
#include "runtime/src/threads/TeamSize.h"

#include <stdint.h>

namespace llmc::runtime {

constexpr uint32_t maxThreads = 256;

/// A word that one side changes and others wait for; alone in its cache line.
struct alignas(64) WaitWord {
  uint32_t value = 0;
  uint32_t sleepers = 0; ///< Threads in, or on their way into, the futex.
};

/// The threads of a session. Filled by startTeam in memory that stays in place.
struct Team {
  using Job = void (*)(void *argument, uint32_t thread, uint32_t numThreads);

  uint32_t numThreads = 1;
  uint32_t active = 1;                          ///< Threads of the current job: the first so many.
  TeamSize size;                                ///< Of jobs that may run on fewer.
  uint64_t spinNanoseconds = 0;                 ///< How long a barrier spins before it sleeps.
  const platform::MemoryNodes *nodes = nullptr; ///< Over which what the threads read is placed; null for none.
  Job job = nullptr;
  void *argument = nullptr;
  bool stopping = false;
  WaitWord jobs;  ///< Jobs handed out, times jobStep, plus the threads that take part in the last one.
  WaitWord phase; ///< Counts barriers passed.
  alignas(64) uint32_t arrived = 0; ///< Threads at the current barrier.
  struct alignas(64) Core {
    uint32_t value;  ///< Where the thread was last seen.
    uint64_t asleep; ///< Nanoseconds that it slept at barriers of the current job for want of a core.
    uint64_t parted; ///< When it last left a core to another thread of the team.
  } cores[maxThreads];
  struct Worker {
    Team *team;
    uint32_t number;
    platform::Thread *thread;
  };
  alignas(64) Worker workers[maxThreads];
};

/// Starts `numThreads` - 1 workers. On failure none is left. With `nodes`, which stay alive and may be empty, threads
/// run on the node that has their part of what they read, the caller's for as long as a job takes.
/// @retval LLMC_OUT_OF_MEMORY  the system gave no thread
Status startTeam(Team &team, uint32_t numThreads, Error &error, const platform::MemoryNodes *nodes = nullptr);
/// Ends and joins the workers.
void stopTeam(Team &team);

/// Whether a job must have all threads of the team, or may have fewer while another program uses their cores.
enum class TeamNeed { all, some };

/// Runs job(argument, thread, n) on the first n threads of the team, the caller as thread 0; returns when all have
/// ended. Each runs with the default floating-point environment, whatever the caller's is. Jobs that may have fewer are
/// told apart by `kind`: those of one kind do about as much, those of a larger one more.
void runOnTeam(Team &team, Team::Job job, void *argument, TeamNeed need = TeamNeed::all, uint64_t kind = 0);

/// Returns once all threads of the team have arrived; what each wrote before is seen by all after. The form compiled
/// code calls (step_abi.h); `team` is a Team.
void teamBarrier(void *team, uint32_t thread);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_THREADS_TEAM_H
