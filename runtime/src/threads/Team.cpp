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
// Below, a thread was slow to wake or had more to do, unless it has this one's core; whoever lost the core to another
// program is away for a slice of the scheduler.
constexpr uint64_t longWait = 1000 * 1000;
// Above, the whole process was stopped.
constexpr uint64_t stoppedWait = 50 * 1000 * 1000;
// Between two times that a thread leaves a core to another of its team: the system has its reasons, too.
constexpr uint64_t stay = 10 * 1000 * 1000;
// Steps of the word that counts jobs; what is below is a number of threads.
constexpr uint32_t jobStep = 2 * maxThreads;

/// Notes where this thread runs. Its word is alone in a cache line and seldom changes.
void noteCore(Team &team, uint32_t thread) {
  uint32_t core = platform::currentCore();
  if (__atomic_load_n(&team.cores[thread].value, __ATOMIC_RELAXED) != core)
    __atomic_store_n(&team.cores[thread].value, core, __ATOMIC_RELAXED);
}

/// Whether another thread of the team was last seen on this one's core: then spinning only keeps it from arriving.
bool sharesCore(const Team &team, uint32_t thread) {
  uint32_t core = platform::currentCore(), active = __atomic_load_n(&team.active, __ATOMIC_RELAXED);
  for (uint32_t other = 0; core != platform::noCore && other < active; ++other)
    if (other != thread && __atomic_load_n(&team.cores[other].value, __ATOMIC_RELAXED) == core)
      return true;
  return false;
}

/// The node that has the part of `thread` of what a job on `threads` reads; null where that lies on none.
const platform::MemoryNodes::Node *nodeOf(const Team &team, uint32_t thread, uint32_t threads) {
  return team.nodes ? &team.nodes->nodes[team.nodes->ofThread(thread, threads)] : nullptr;
}

/// The caller's thread stays on its node for a job, and may then run where it might before.
class StayForJob {
public:
  explicit StayForJob(const platform::MemoryNodes::Node *node) : stays(node && platform::stayOnNode(*node, before)) {}
  ~StayForJob() {
    if (stays)
      platform::mayRunOn(before);
  }

private:
  platform::NumberSet before;
  bool stays;
};

/// Goes to another core, now and then, and says whether that has none of the team's threads. The system leaves two
/// threads on one core for whole seconds while the next core idles: each of them sleeps most of the time, so neither
/// looks busy.
bool partFromTeam(Team &team, uint32_t thread, uint64_t now) {
  uint64_t &parted = team.cores[thread].parted;
  if (team.spinNanoseconds == crowdedSpin || now - parted < stay)
    return false;
  parted = now;
  platform::leaveCore();
  return !sharesCore(team, thread);
}

/// Waits until `word` is no longer `old`: spins, then sleeps. Returns what it is then, and how long it slept.
uint32_t waitForChange(Team &team, uint32_t thread, WaitWord &word, uint32_t old, uint64_t spin,
                       uint64_t *asleep = nullptr) {
  uint64_t start = 0;
  bool shares = false;
  for (uint32_t polls = 1;; ++polls) {
    if (uint32_t value = __atomic_load_n(&word.value, __ATOMIC_ACQUIRE); value != old)
      return value;
    platform::relax();
    if (polls % 32)
      continue;
    uint64_t now = platform::nanoseconds();
    if (!start)
      start = now;
    shares = sharesCore(team, thread) && !partFromTeam(team, thread, now);
    if (now - start > spin || shares)
      break;
  }
  // Either the changer sees this sleeper, or the futex sees the change: both sides are sequentially consistent.
  __atomic_fetch_add(&word.sleepers, 1, __ATOMIC_SEQ_CST);
  uint32_t value;
  while ((value = __atomic_load_n(&word.value, __ATOMIC_SEQ_CST)) == old)
    platform::waitOnWord(&word.value, old);
  __atomic_fetch_sub(&word.sleepers, 1, __ATOMIC_RELAXED);
  uint64_t slept = platform::nanoseconds() - start;
  if (asleep && (shares || slept >= longWait) &&
      slept < stoppedWait) // of the last barrier of a job this may come late, and count for the next one
    __atomic_store_n(asleep, __atomic_load_n(asleep, __ATOMIC_RELAXED) + slept, __ATOMIC_RELAXED);
  return value;
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
  const platform::MemoryNodes::Node *stays = nullptr;
  for (uint32_t seen = 0;;) {
    noteCore(team, self.number);
    // A job that this thread has no part in does not wait for it: it may see that one late, or not at all.
    bool isIn = self.number < seen % jobStep;
    seen = waitForChange(team, self.number, team.jobs, seen,
                         isIn && team.spinNanoseconds == barrierSpin ? jobSpin : crowdedSpin);
    if (team.stopping)
      return;
    uint32_t threads = seen % jobStep;
    if (self.number >= threads)
      continue;
    // Jobs on fewer threads give each another part.
    if (const platform::MemoryNodes::Node *node = nodeOf(team, self.number, threads); node != stays) {
      platform::mayRunOn(node->processors);
      stays = node;
    }
    team.job(team.argument, self.number, threads);
    teamBarrier(&team, self.number);
  }
}

} // namespace

Status startTeam(Team &team, uint32_t numThreads, Error &error, const platform::MemoryNodes *nodes) {
  team.numThreads = team.active = numThreads;
  team.nodes = nodes && nodes->count ? nodes : nullptr;
  team.size = TeamSize(numThreads);
  for (uint32_t i = 0; i < numThreads; ++i)
    team.cores[i] = {platform::noCore, 0, 0};
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
  change(team.jobs, team.jobs.value + jobStep);
  for (uint32_t i = 1; i < team.numThreads; ++i) {
    platform::joinThread(team.workers[i].thread);
    team.workers[i].thread = nullptr;
  }
}

void runOnTeam(Team &team, Team::Job job, void *argument, TeamNeed need, uint64_t kind) {
  DefaultFloatEnvironment environment;
  team.job = job;
  team.argument = argument;
  uint32_t active = need == TeamNeed::some ? team.size.threads(kind) : team.numThreads;
  __atomic_store_n(&team.active, active, __ATOMIC_RELAXED);
  uint64_t start = 0;
  if (team.numThreads > 1) {
    start = platform::nanoseconds();
    for (uint32_t i = 0; i < active; ++i)
      __atomic_store_n(&team.cores[i].asleep, 0, __ATOMIC_RELAXED);
    change(team.jobs, (team.jobs.value / jobStep + 1) * jobStep + active);
  }
  StayForJob stay(nodeOf(team, 0, active));
  job(argument, 0, active);
  teamBarrier(&team, 0);
  if (need == TeamNeed::all || team.numThreads == 1)
    return;
  uint64_t longest = 0;
  for (uint32_t i = 0; i < active; ++i) {
    uint64_t asleep = __atomic_load_n(&team.cores[i].asleep, __ATOMIC_RELAXED);
    longest = asleep > longest ? asleep : longest;
  }
  team.size.ended(platform::nanoseconds() - start, longest, kind);
}

void teamBarrier(void *opaque, uint32_t thread) {
  Team &team = *static_cast<Team *>(opaque);
  uint32_t active = __atomic_load_n(
      &team.active, __ATOMIC_RELAXED); // before arriving: behind the last barrier of a job it may change
  if (active == 1)
    return;
  noteCore(team, thread);
  uint32_t phase = __atomic_load_n(&team.phase.value, __ATOMIC_RELAXED);
  if (__atomic_fetch_add(&team.arrived, 1, __ATOMIC_ACQ_REL) + 1 < active) {
    waitForChange(team, thread, team.phase, phase, team.spinNanoseconds, &team.cores[thread].asleep);
    return;
  }
  __atomic_store_n(&team.arrived, 0, __ATOMIC_RELAXED);
  change(team.phase, phase + 1);
}

} // namespace llmc::runtime
