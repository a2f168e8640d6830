// TeamTest.cpp - jobs run on every thread, and barriers hold all of them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/threads/Team.h"

#include <gtest/gtest.h>
#include <memory>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <vector>

using namespace llmc::runtime;

namespace {

struct StartedTeam {
  explicit StartedTeam(uint32_t threads) { EXPECT_EQ(startTeam(*team, threads, error), LLMC_OK) << error.message; }
  ~StartedTeam() { stopTeam(*team); }
  std::unique_ptr<Team> team = std::make_unique<Team>();
  Error error{};
};

void pause(long nanoseconds) {
  timespec time = {0, nanoseconds};
  nanosleep(&time, nullptr);
}

TEST(TeamTest, EveryThreadRunsTheJobOnce) {
  for (uint32_t threads : {1u, 2u, 5u}) {
    StartedTeam started(threads);
    std::vector<uint32_t> counts(threads);
    for (int round = 0; round < 100; ++round)
      runOnTeam(
          *started.team,
          [](void *argument, uint32_t thread, uint32_t) {
            ++(*static_cast<std::vector<uint32_t> *>(argument))[thread];
          },
          &counts);
    EXPECT_EQ(counts, std::vector<uint32_t>(threads, 100));
  }
}

struct Relay {
  Team *team;
  uint32_t rounds;
  std::vector<uint32_t> cells; ///< One for each thread.
  uint32_t core = 0;           ///< For the test that puts all on one core.
  bool wrong = false;
};

/// Each round every thread reads all cells, meets the others, and raises its own.
void relay(void *argument, uint32_t thread, uint32_t threads) {
  Relay &relay = *static_cast<Relay *>(argument);
  for (uint32_t round = 0; round < relay.rounds; ++round) {
    for (uint32_t other = 0; other < threads; ++other)
      if (relay.cells[other * 64] != round)
        relay.wrong = true;
    teamBarrier(relay.team, thread);
    relay.cells[thread * 64] = round + 1;
    teamBarrier(relay.team, thread);
  }
}

TEST(TeamTest, BarriersOrderReadsAndWrites) {
  for (uint32_t threads : {2u, 3u, 8u}) { // 8: more than most machines' cores here
    StartedTeam started(threads);
    Relay data = {started.team.get(), threads > 2 ? 300u : 20000u, std::vector<uint32_t>(threads * 64)};
    runOnTeam(*started.team, relay, &data);
    EXPECT_FALSE(data.wrong) << threads;
    EXPECT_EQ(data.cells[0], data.rounds);
  }
}

TEST(TeamTest, ThreadsOnOneCoreDoNotSpinForEachOther) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  StartedTeam started(2);
  started.team->spinNanoseconds = 100 * 1000 * 1000; // a wait that spun to its end would take this long
  CPU_ZERO(&one);
  CPU_SET(platform::currentCore(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  Relay data = {started.team.get(), 500, std::vector<uint32_t>(2 * 64), platform::currentCore()};
  runOnTeam(
      *started.team,
      [](void *argument, uint32_t thread, uint32_t threads) {
        cpu_set_t caller;
        CPU_ZERO(&caller);
        CPU_SET(static_cast<Relay *>(argument)->core, &caller);
        sched_setaffinity(0, sizeof caller, &caller); // the worker follows the caller
        relay(argument, thread, threads);
      },
      &data);
  sched_setaffinity(0, sizeof before, &before);
  EXPECT_FALSE(data.wrong);
  // 1000 barriers of 100 ms would take 100 s: the test's time limit is the check, this says why it fails.
  EXPECT_EQ(data.cells[64], 500u);
}

TEST(TeamTest, SleepersAreWoken) {
  StartedTeam started(2);
  struct Slow {
    Team *team;
    int rounds = 0;
  } slow = {started.team.get()};
  for (int round = 0; round < 20; ++round) {
    pause(1000 * 1000); // far past the spin: the worker sleeps until the job comes
    runOnTeam(
        *started.team,
        [](void *argument, uint32_t thread, uint32_t) {
          Slow &slow = *static_cast<Slow *>(argument);
          if (thread == uint32_t(slow.rounds % 2))
            pause(1000 * 1000); // the other one sleeps at the barrier
          teamBarrier(slow.team, thread);
          if (!thread)
            ++slow.rounds;
        },
        &slow);
  }
  EXPECT_EQ(slow.rounds, 20);
}

/// What a job of some threads saw.
struct Seen {
  Team *team;
  bool late;               ///< the last thread comes 3 ms late to a barrier
  uint32_t threads = 0;    ///< that took part
  uint32_t counts[3] = {}; ///< jobs of each thread
};
void see(void *argument, uint32_t thread, uint32_t threads) {
  Seen &seen = *static_cast<Seen *>(argument);
  ++seen.counts[thread];
  if (seen.late && thread == 2)
    pause(3 * 1000 * 1000);
  teamBarrier(seen.team, thread);
  if (!thread)
    seen.threads = threads;
}

TEST(TeamTest, ALateThreadIsLeftOutForAWhile) {
  StartedTeam started(3);
  Seen seen = {started.team.get(), true};
  int jobs = 0;
  do
    runOnTeam(*started.team, see, &seen, TeamNeed::some);
  while (seen.threads == 3 && ++jobs < 1000);
  EXPECT_EQ(seen.threads, 2u);
  uint32_t before = seen.counts[2];
  runOnTeam(*started.team, see, &seen, TeamNeed::some);
  EXPECT_EQ(seen.counts[2], before) << "it has no part in this one";
  runOnTeam(*started.team, see, &seen);
  EXPECT_EQ(seen.threads, 3u) << "a job that needs all has all";
  EXPECT_EQ(seen.counts[2], before + 1);
}

TEST(TeamTest, SmallAndWholeTeamsTakeTurns) {
  StartedTeam started(3);
  Seen seen = {started.team.get(), false};
  uint32_t expected[3] = {};
  for (uint32_t job = 0; job < 30000; ++job) {
    uint32_t threads = 1 + job * 7919 % 3;
    started.team->size = TeamSize(threads);
    if (job % 5000 == 0)
      pause(1000 * 1000); // all sleep
    runOnTeam(*started.team, see, &seen, TeamNeed::some);
    ASSERT_EQ(seen.threads, threads);
    for (uint32_t i = 0; i < threads; ++i)
      ++expected[i];
  }
  for (uint32_t i = 0; i < 3; ++i)
    EXPECT_EQ(seen.counts[i], expected[i]);
}

TEST(TeamTest, ThreadsStayOnTheirNodes) {
  cpu_set_t allowed, after;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  if (CPU_COUNT(&allowed) < 2)
    GTEST_SKIP() << "one processor";
  // Two nodes of one processor each, the later one first; more threads than these, so that none is on its own by
  // chance.
  platform::MemoryNodes nodes;
  for (int processor = CPU_SETSIZE - 1; nodes.count < 2; --processor)
    if (CPU_ISSET(processor, &allowed))
      nodes.nodes[nodes.count++].processors.add(uint32_t(processor));
  nodes.processors = 2;
  auto team = std::make_unique<Team>();
  Error error{};
  ASSERT_EQ(startTeam(*team, 4, error, &nodes), LLMC_OK) << error.message;
  struct Places {
    Team *team;
    platform::MemoryNodes *nodes;
    uint32_t wrong = 0;
  } places = {team.get(), &nodes};
  auto look = [](void *argument, uint32_t thread, uint32_t threads) {
    Places &places = *static_cast<Places *>(argument);
    for (int turn = 0; turn < 5; ++turn) {
      uint32_t node = places.nodes->ofThread(thread, threads);
      if (!places.nodes->nodes[node].processors.has(platform::currentCore()))
        __atomic_fetch_add(&places.wrong, 1, __ATOMIC_RELAXED);
      teamBarrier(places.team, thread);
    }
  };
  for (int round = 0; round < 200; ++round) {
    team->size = TeamSize(1 + round / 10 % 4); // jobs on fewer threads have other nodes for them
    runOnTeam(*team, look, &places, TeamNeed::some);
  }
  stopTeam(*team);
  EXPECT_EQ(places.wrong, 0u);
  ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&allowed, &after)) << "the caller may run where it might before";
}

TEST(TeamTest, AWaitingThreadUsesNoCore) {
  StartedTeam started(2);
  timespec before, after;
  runOnTeam(*started.team, [](void *, uint32_t, uint32_t) {}, nullptr);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  pause(200 * 1000 * 1000);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  double used = double(after.tv_sec - before.tv_sec) + 1e-9 * double(after.tv_nsec - before.tv_nsec);
  EXPECT_LT(used, 0.02) << "a worker spins no longer than a fraction of a millisecond";
}

// A signal to the process that its own threads hold back waits for them: none of the team takes it.
TEST(TeamTest, SignalsAreNotTakenByTheTeam) {
  StartedTeam started(2);
  sigset_t one, before;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR1);
  signal(SIGUSR1, [](int) {});
  pthread_sigmask(SIG_BLOCK, &one, &before);
  kill(getpid(), SIGUSR1);
  const timespec second = {1, 0};
  EXPECT_EQ(sigtimedwait(&one, nullptr, &second), SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  signal(SIGUSR1, SIG_DFL);
}

TEST(TeamTest, UsableCoresAreAtLeastOne) {
  EXPECT_GE(platform::usableCores(), 1u);
  EXPECT_LE(platform::usableCores(), 4096u);
}

} // namespace
