// Team.cpp - the threads that run a step together, and the barrier at which they meet.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/threads/Team.h"

namespace llmc::runtime {

namespace {

// Longer than the uneven end of a phase of a step (a few microseconds), shorter than what a lost core should cost.
constexpr uint64_t barrierSpin = 50 * 1000;
// Between two steps lies the choice of a token: some ten microseconds for a large vocabulary.
constexpr uint64_t jobSpin = 200 * 1000;
// More threads than cores: whoever waits must give way.
constexpr uint64_t crowdedSpin = 2 * 1000;

/// Notes where this thread runs. Its word is alone in a cache line and seldom changes.
void noteCore(Team &team, uint32_t thread) {
  uint32_t core = platform::currentCore();
  if (__atomic_load_n(&team.cores[thread].value, __ATOMIC_RELAXED) != core)
    __atomic_store_n(&team.cores[thread].value, core, __ATOMIC_RELAXED);
}

/// Whether another thread of the team was last seen on this one's core: then spinning only keeps it from arriving.
bool sharesCore(const Team &team, uint32_t thread) {
  uint32_t core = platform::currentCore();
  for (uint32_t other = 0; core != platform::noCore && other < team.numThreads; ++other)
    if (other != thread && __atomic_load_n(&team.cores[other].value, __ATOMIC_RELAXED) == core)
      return true;
  return false;
}

/// Waits until `word` is no longer `old`: spins, then sleeps.
void waitForChange(const Team &team, uint32_t thread, WaitWord &word, uint32_t old, uint64_t spin) {
  uint64_t start = 0;
  for (uint32_t polls = 1;; ++polls) {
    if (__atomic_load_n(&word.value, __ATOMIC_ACQUIRE) != old)
      return;
    platform::relax();
    if (polls % 32)
      continue;
    uint64_t now = platform::nanoseconds();
    if (!start)
      start = now;
    if (now - start > spin || sharesCore(team, thread))
      break;
  }
  // Either the changer sees this sleeper, or the futex sees the change: both sides are sequentially consistent.
  __atomic_fetch_add(&word.sleepers, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&word.value, __ATOMIC_SEQ_CST) == old)
    platform::waitOnWord(&word.value, old);
  __atomic_fetch_sub(&word.sleepers, 1, __ATOMIC_RELAXED);
}

/// Publishes what this thread wrote, and lets the waiters go.
void change(WaitWord &word, uint32_t value) {
  __atomic_store_n(&word.value, value, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&word.sleepers, __ATOMIC_SEQ_CST))
    platform::wakeWord(&word.value);
}

/// Rounding to nearest, no flushing of denormals, no traps, whatever the caller's program has set; restored at the end.
class DefaultFloatEnvironment {
public:
#if defined(__x86_64__)
  DefaultFloatEnvironment() : saved(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(0x1f80); }
  ~DefaultFloatEnvironment() { __builtin_ia32_ldmxcsr(saved); }

private:
  unsigned saved;
#elif defined(__aarch64__)
  DefaultFloatEnvironment() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" : : "r"(uint64_t(0)));
  }
  ~DefaultFloatEnvironment() { __asm__ volatile("msr fpcr, %0" : : "r"(saved)); }

private:
  uint64_t saved;
#endif
};

void workerLoop(void *argument) {
  Team::Worker &self = *static_cast<Team::Worker *>(argument);
  Team &team = *self.team;
  DefaultFloatEnvironment environment;
  for (uint32_t seen = 0;; ++seen) {
    noteCore(team, self.number);
    waitForChange(team, self.number, team.jobs, seen, team.spinNanoseconds == barrierSpin ? jobSpin : crowdedSpin);
    if (team.stopping)
      return;
    team.job(team.argument, self.number, team.numThreads);
    teamBarrier(&team, self.number);
  }
}

} // namespace

Status startTeam(Team &team, uint32_t numThreads, Error &error) {
  team.numThreads = numThreads;
  for (uint32_t i = 0; i < numThreads; ++i)
    team.cores[i].value = platform::noCore;
  team.spinNanoseconds = numThreads > platform::usableCores() ? crowdedSpin : barrierSpin;
  for (uint32_t i = 1; i < numThreads; ++i) {
    team.workers[i] = {&team, i, nullptr};
    team.workers[i].thread = platform::startThread(workerLoop, &team.workers[i]);
    if (team.workers[i].thread)
      continue;
    stopTeam(team);
    fail(error, LLMC_OUT_OF_MEMORY, "the system gave no thread %u of %u", i + 1, numThreads);
    return addNote(error, "ask for fewer threads");
  }
  return LLMC_OK;
}

void stopTeam(Team &team) {
  team.stopping = true;
  change(team.jobs, team.jobs.value + 1);
  for (uint32_t i = 1; i < team.numThreads; ++i) {
    platform::joinThread(team.workers[i].thread);
    team.workers[i].thread = nullptr;
  }
}

void runOnTeam(Team &team, Team::Job job, void *argument) {
  DefaultFloatEnvironment environment;
  team.job = job;
  team.argument = argument;
  if (team.numThreads > 1)
    change(team.jobs, team.jobs.value + 1);
  job(argument, 0, team.numThreads);
  teamBarrier(&team, 0);
}

void teamBarrier(void *opaque, uint32_t thread) {
  Team &team = *static_cast<Team *>(opaque);
  if (team.numThreads == 1)
    return;
  noteCore(team, thread);
  uint32_t phase = __atomic_load_n(&team.phase.value, __ATOMIC_RELAXED);
  if (__atomic_fetch_add(&team.arrived, 1, __ATOMIC_ACQ_REL) + 1 < team.numThreads)
    return waitForChange(team, thread, team.phase, phase, team.spinNanoseconds);
  __atomic_store_n(&team.arrived, 0, __ATOMIC_RELAXED);
  change(team.phase, phase + 1);
}

} // namespace llmc::runtime
