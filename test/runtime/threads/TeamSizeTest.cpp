// TeamSizeTest.cpp - a team that sleeps at barriers gets smaller, and tries again.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/threads/TeamSize.h"

#include <gtest/gtest.h>

#include <vector>

using namespace llmc::runtime;

namespace {

constexpr uint64_t kMillisecond = 1000 * 1000;

/// A machine on which a job takes `milliseconds[n]` on n threads, of which one sleeps `asleep[n]`.
struct Machine {
  std::vector<double> milliseconds, asleep;
  uint64_t kind = 1;

  void run(TeamSize &size) const {
    uint32_t n = size.threads(kind);
    size.ended(uint64_t(milliseconds[n] * kMillisecond), uint64_t(asleep[n] * kMillisecond), kind);
  }
  /// Jobs until the number of threads changes, at most `most`; returns how many it took.
  int untilChange(TeamSize &size, int most = 10000) const {
    uint32_t before = size.threads(kind);
    for (int jobs = 1; jobs <= most; ++jobs) {
      run(size);
      if (size.threads(kind) != before)
        return jobs;
    }
    return most;
  }
};

const Machine quiet = {{0, 20, 10}, {0, 0, 0.5}};
const Machine taken = {{0, 20, 30}, {0, 0, 15}};

TEST(TeamSizeTest, KeepsAllWhileTheyMeetInTime) {
  TeamSize size(4);
  Machine uneven = {{0, 40, 20, 13, 10}, {0, 0, 0, 0, 0.9}};
  EXPECT_EQ(uneven.untilChange(size, 1000), 1000); // 9 % asleep: uneven, but nobody is missing
  EXPECT_EQ(size.threads(1), 4u);
}

TEST(TeamSizeTest, GoesOnWithFewerWhereThatIsFaster) {
  TeamSize size(2);
  EXPECT_EQ(taken.untilChange(size), 1) << "a job of 30 ms is a window";
  EXPECT_EQ(size.threads(1), 1u);
  EXPECT_EQ(taken.untilChange(size), 6) << "one shows that it is faster, and after 100 ms more it tries again";
  EXPECT_EQ(size.threads(1), 2u);
}

TEST(TeamSizeTest, GoesBackWhereFewerAreSlower) {
  TeamSize size(2);
  Machine late = {{0, 20, 15}, {0, 0, 10}}; // asleep for two thirds, and yet faster
  EXPECT_EQ(late.untilChange(size), 1);
  EXPECT_EQ(size.threads(1), 1u);
  EXPECT_EQ(late.untilChange(size), 1);
  EXPECT_EQ(size.threads(1), 2u);
  int last = 0;
  for (int times = 0; times < 8; ++times) {
    int jobs = late.untilChange(size);
    EXPECT_GT(jobs, last == 334 ? 333 : last) << "each time it doubts later";
    last = jobs;
    EXPECT_EQ(late.untilChange(size), 1);
  }
  EXPECT_EQ(last, 334) << "at most after 5 s";
}

TEST(TeamSizeTest, TriesAgainLaterAndLater) {
  TeamSize size(2);
  taken.untilChange(size);
  int last = 0;
  for (int expected : {6, 10, 20, 40, 80, 160, 250, 250}) { // up to 5 s
    last = taken.untilChange(size);
    EXPECT_EQ(last, expected);
    EXPECT_EQ(taken.untilChange(size), 1);
  }
  // Once it does go well it is as if nothing had been.
  quiet.untilChange(size);
  EXPECT_EQ(quiet.untilChange(size, 100), 100);
  EXPECT_EQ(size.threads(1), 2u);
  EXPECT_EQ(taken.untilChange(size), 1);
  EXPECT_EQ(taken.untilChange(size), 6);
}

TEST(TeamSizeTest, ManyCoresMayBeTaken) {
  TeamSize size(8);
  Machine crowded = {{0, 20, 21, 22, 23, 24, 25, 26, 27}, {0, 0, 9, 9, 9, 9, 9, 9, 9}};
  for (uint32_t threads = 7; threads >= 1; --threads) {
    crowded.untilChange(size);
    EXPECT_EQ(size.threads(1), threads);
    crowded.run(size);
  }
  EXPECT_EQ(crowded.untilChange(size, 4), 4) << "one thread waits for nobody";
  Machine free = {{0, 40, 36, 32, 30, 28, 27, 26, 25}, {0, 0, 0, 0, 0, 0, 0, 0, 0}};
  for (uint32_t threads = 2; threads <= 8; ++threads) {
    free.untilChange(size);
    EXPECT_EQ(size.threads(1), threads);
  }
}

TEST(TeamSizeTest, ShortStepsAreLookedAtTogether) {
  TeamSize size(2);
  for (int i = 0; i < 99; ++i) {
    size.ended(kMillisecond / 10, kMillisecond / 10 * 9 / 10, 1);
    ASSERT_EQ(size.threads(1), 2u);
  }
  size.ended(kMillisecond / 10, 0, 1);
  EXPECT_EQ(size.threads(1), 1u);
}

TEST(TeamSizeTest, JobsOfAnotherKindProveNothing) {
  // A prompt's steps take longer than a token's: that two threads took 15 ms for a token does not make one, which takes
  // 20 for a token and 200 for a prompt, slower or faster.
  TeamSize size(2);
  Machine doubtful = {{0, 20, 20}, {0, 0, 5}, 7};
  doubtful.untilChange(size);
  ASSERT_EQ(size.threads(7), 1u);
  EXPECT_EQ(size.threads(8), 2u) << "nobody was late enough to be left out without proof";
  size.ended(100 * kMillisecond, 0, 8);
  EXPECT_EQ(doubtful.untilChange(size), 1) << "which is looked for at once";
  size.ended(19 * kMillisecond, 0, 7);
  size.ended(19 * kMillisecond, 0, 7);
  EXPECT_EQ(size.threads(7), 1u) << "and found";
}

TEST(TeamSizeTest, AFirstTokenDoesNotHalveAPrompt) {
  TeamSize size(2);
  size.ended(27 * kMillisecond, 12 * kMillisecond, 1); // the weights are touched for the first time
  EXPECT_EQ(size.threads(512), 2u);
}

TEST(TeamSizeTest, ALatePromptSpeaksForItsTokens) {
  TeamSize size(2);
  size.ended(700 * kMillisecond, 340 * kMillisecond, 512);
  EXPECT_EQ(size.threads(1), 1u) << "the other core is not ours";
  Machine token = {{0, 6, 8}, {0, 0, 4}, 1};
  EXPECT_EQ(token.untilChange(size), 2 + 18) << "a window is judged, and after 100 ms more all are tried";
  EXPECT_EQ(token.untilChange(size), 2) << "and given up";
  EXPECT_EQ(size.threads(1), 1u);

  TeamSize prompts(2); // but a short prompt that was late says nothing of a long one
  prompts.ended(200 * kMillisecond, 100 * kMillisecond, 16);
  EXPECT_EQ(prompts.threads(512), 2u);

  TeamSize early(2); // and one that was not late, nothing
  early.ended(700 * kMillisecond, 200 * kMillisecond, 512);
  EXPECT_EQ(early.threads(1), 2u);
}

TEST(TeamSizeTest, ALongJobIsDoubtedLate) {
  TeamSize size(2);
  Machine prompt = {{0, 1000, 500}, {0, 0, 150}};
  EXPECT_EQ(prompt.untilChange(size, 20), 20);
  Machine stolen = {{0, 1000, 1000}, {0, 0, 500}};
  EXPECT_EQ(stolen.untilChange(size), 1);
}

TEST(TeamSizeTest, LateOnesAreLeftOutWhereKindsChange) {
  TeamSize size(2);
  for (uint64_t kind = 0; kind < 2; ++kind)
    size.ended(5 * kMillisecond, 3 * kMillisecond, kind);
  EXPECT_EQ(size.threads(2), 1u);
  for (uint64_t kind = 2; kind < 12; ++kind)
    size.ended(10 * kMillisecond, 0, kind);
  EXPECT_EQ(size.threads(12), 1u);
}

TEST(TeamSizeTest, OneThreadStaysOne) {
  TeamSize size(1);
  for (int i = 0; i < 100; ++i)
    size.ended(30 * kMillisecond, 29 * kMillisecond, 1);
  EXPECT_EQ(size.threads(1), 1u);
}

} // namespace
